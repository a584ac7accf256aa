/* The engine's side of a view: what is asked, what is answered, what is reported. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ui/format.h"
#include "ui/view.h"

#define READ_MS 3000 /* what a key was answered stays that long before mere news takes its place */

static void free_ask(struct ask *a)
{
	json_decref(a->request);
	free(a->note);
}

void history_forget(struct view *v)
{
	for (size_t i = 0; i < v->history_count; i++) {
		free(v->history[i].device);
		free(v->history[i].item);
	}
	free(v->history);
	v->history = NULL;
	v->history_count = 0;
}

struct ask *view_ask(struct view *v, enum ask_kind kind, json_t *request, const char *note)
{
	MEM_ROOM(v->asks, v->ask_count, v->ask_cap);
	struct ask *a = &v->asks[v->ask_count++];
	*a = (struct ask){ .kind = kind, .request = request, .note = mem_text(note) };
	return a;
}

struct ask *view_next_ask(struct view *v)
{
	for (size_t i = 0; i < v->ask_count; i++)
		if (!v->asks[i].id)
			return &v->asks[i];
	return NULL;
}

void view_lost(struct view *v)
{
	for (size_t i = 0; i < v->ask_count; i++)
		free_ask(&v->asks[i]);
	v->ask_count = 0;
	v->history_asked = false;
	for (size_t i = 0; i < sizeof v->decisions / sizeof *v->decisions; i++)
		v->decisions[i].sent = false;
	for (int i = 0; i < VIEW_TEXTS; i++)
		if (v->texts[i].state == TEXT_ASKED)
			v->texts[i].version[0] = 0;
}

bool view_online(const struct view *v)
{
	return v->attach == ATTACH_UP && v->model.link.state == LINK_CONNECTED;
}

bool view_needs_engine(struct view *v)
{
	if (v->attach == ATTACH_UP && v->model.known)
		return true;
	view_hint(v, "The engine is not there to do that.%s",
	          v->attach == ATTACH_DOWN && v->may_start ? "  s starts it." : "");
	return false;
}

void view_attach(struct view *v, enum attach state, const char *why)
{
	enum attach before = v->attach;
	v->attach = state;
	v->urgent = true;
	snprintf(v->down_why, sizeof v->down_why, "%s", why ? why : "");
	if (state == ATTACH_UP) {
		view_lost(v);
		model_forget_log(&v->model);
		json_t *request = json_pack("{s:s,s:i}", "do", "subscribe", "interval_ms", 100);
		view_ask(v, ASK_SUBSCRIBE, request, NULL);
		if (v->down_at_ms)
			view_say(v, "The engine is back.");
		v->down_at_ms = 0;
	} else if (state == ATTACH_DOWN) {
		view_lost(v);
		rates_set(&v->rates, v->now_ms / 1000, 0, 0);
		if (before == ATTACH_UP && v->model.known) {
			char at[FORMAT_LEN];
			v->down_at_ms = v->now_ms;
			view_say(v, "Lost the engine at %s.  What is shown is as of then.",
			         format_time(at, v->now_ms, v->now_ms, true));
		} else {
			view_hint(v, "Waiting.  Watching the socket's folder, not polling.");
		}
	}
}

static void settled_elsewhere(struct view *v, const json_t *conflicts)
{
	for (size_t i = 0; i < v->model.conflict_count && json_is_array(conflicts); i++) {
		const struct model_conflict *c = &v->model.conflicts[i];
		const struct decision *d = view_decision(v, c);
		bool there = false;
		size_t k;
		json_t *row;
		json_array_foreach((json_t *)conflicts, k, row)
		{
			const char *id = json_get_text(row, "id"), *item = json_get_text(row, "item");
			there |= !strcmp(c->id, id ? id : item ? item : "");
		}
		if (!there && !(d && d->sent))
			view_say(v, "%.300s was settled elsewhere.", c->item);
	}
}

static void take_report(struct view *v, const json_t *data)
{
	enum verdict_kind before = v->shown;
	uint64_t said = v->model.log_numbers;
	int64_t open = v->model.conflicts_open;
	if (v->model.known)
		settled_elsewhere(v, json_object_get(data, "conflicts"));
	v->model.queue_frozen = v->screen == SCREEN_QUEUE;
	model_take(&v->model, data, v->now_ms);
	if (json_object_get(data, "traffic_rates"))
		rates_set(&v->rates, v->now_ms / 1000, v->model.rate_up, v->model.rate_down);
	bool read = v->mono_ms - v->said_ms >= READ_MS;
	for (size_t i = 0; i < v->model.log_count; i++)
		if (v->model.log[i].number > said && !v->model.log[i].ours &&
		    v->model.log[i].level >= (read ? LEVEL_INFO : LEVEL_WARN))
			v->message_is_own = false;
	if (view_verdict(v).kind != before || open != v->model.conflicts_open)
		v->urgent = true;
	if (v->screen == SCREEN_CONFLICTS && !v->model.conflict_count && v->back_to >= 0)
		view_go(v, (enum screen_id)v->back_to);
}

static void take_history(struct view *v, const json_t *rows)
{
	history_forget(v);
	size_t n = json_array_size(rows) < MODEL_ROWS_MAX ? json_array_size(rows) : MODEL_ROWS_MAX;
	v->history = mem_alloc((n ? n : 1) * sizeof *v->history);
	v->history_count = n;
	for (size_t i = 0; i < n; i++) {
		const json_t *o = json_array_get(rows, i);
		struct history_row *h = &v->history[i];
		const char *text;
		snprintf(h->version, sizeof h->version, "%s", (text = json_get_text(o, "version")) ? text : "");
		text = json_get_text(o, "strategy");
		snprintf(h->how, sizeof h->how, "%s", text || (text = json_get_text(o, "how")) ? text : "");
		snprintf(h->kind, sizeof h->kind, "%s", (text = json_get_text(o, "kind")) ? text : "");
		h->device = (text = json_get_text(o, "device")) ? mem_copy(text, strnlen(text, TEXT_NAME_MAX)) : NULL;
		h->item = (text = json_get_text(o, "item")) ? mem_copy(text, strnlen(text, TEXT_NAME_MAX)) : NULL;
		h->at_ms = format_parse_time(json_get_text(o, "at"));
		h->size = json_number_value(json_object_get(o, "size"));
	}
}

static struct version_text *find_text(struct view *v, const char *version)
{
	for (int i = 0; i < VIEW_TEXTS; i++)
		if (v->texts[i].version[0] && !strcmp(v->texts[i].version, version))
			return &v->texts[i];
	return NULL;
}

const struct version_text *view_text(struct view *v, const char *item, const char *version)
{
	if (!version[0])
		return NULL;
	struct version_text *t = find_text(v, version), *oldest = &v->texts[0];
	if (!t && v->attach == ATTACH_UP) {
		for (int i = 0; i < VIEW_TEXTS; i++)
			if (v->texts[i].used < oldest->used)
				oldest = &v->texts[i];
		blob_finish(&oldest->text);
		*oldest = (struct version_text){ .state = TEXT_ASKED };
		snprintf(oldest->version, sizeof oldest->version, "%s", version);
		view_ask(v, ASK_SHOW, json_pack("{s:s,s:s,s:s}", "do", "show", "item", item, "version", version),
		         version);
		t = oldest;
	}
	if (t)
		t->used = ++v->text_clock;
	return t && t->state != TEXT_ASKED ? t : NULL;
}

static void take_text(struct view *v, const char *version, const json_t *data)
{
	struct version_text *t = find_text(v, version);
	if (!t)
		return;
	t->state = TEXT_GONE;
	blob_finish(&t->text);
	t->size = json_number_value(json_object_get(data, "size"));
	if (data && json_get_b64(data, "content", &t->text, 0, 1024 * 1024)) {
		if (!(t->size > 0))
			t->size = (double)t->text.len;
		t->state = t->text.len && memchr(t->text.data, 0, t->text.len) ? TEXT_BINARY : TEXT_HERE;
	}
}

static void answered(struct view *v, struct ask *a, const json_t *message)
{
	bool ok = json_get_bool(message, "ok");
	const json_t *data = ok ? json_object_get(message, "data") : NULL;
	const char *what = json_get_text(message, "what"), *why = json_get_text(message, "why"),
	           *fix = json_get_text(message, "fix");
	v->urgent = true; /* somebody waits for it */
	if (a->kind == ASK_SHOW) {
		take_text(v, a->note, data);
		return;
	}
	if (a->kind == ASK_HISTORY) {
		if (ok && a->note && v->history_item && strcmp(a->note, v->history_item))
			return; /* another item was opened meanwhile */
		take_history(v, data);
		if (ok)
			return;
	}
	if (!ok) {
		view_say(v, "%.150s: %.250s%s%.100s%s", what ? what : "engine", why ? why : "it refused",
		         fix && *fix ? " (" : "", fix ? fix : "", fix && *fix ? ")" : "");
		for (size_t i = 0; a->kind == ASK_RESOLVE && i < sizeof v->decisions / sizeof *v->decisions; i++)
			v->decisions[i].sent = false;
		return;
	}
	if (a->kind == ASK_RESOLVE)
		view_say(v, "Settled %.300s: %s.  %sBoth versions stay in History.", a->note,
			 a->side == 'm' ? "mine" : "theirs", view_online(v) ? "" : "Goes out with the link.  ");
	else if (a->kind == ASK_RESTORE) {
		view_say(v, "Restored %.300s.", a->note);
		v->history_asked = false;
	} else if (a->note) {
		view_say(v, "%s", a->note);
	}
}

void view_message(struct view *v, const json_t *message)
{
	const char *event = json_get_text(message, "event");
	int64_t id = json_get_int(message, "id", 0);
	if (event) {
		if (!strcmp(event, "report") && json_is_object(json_object_get(message, "data")))
			take_report(v, json_object_get(message, "data"));
		return;
	}
	const json_t *part = json_object_get(message, "part");
	for (size_t i = 0; i < v->ask_count; i++) {
		if (v->asks[i].id != id)
			continue;
		v->urgent = true;
		if (part && v->asks[i].kind == ASK_HISTORY) /* the first piece of a long list is enough to look at */
			take_history(v, part);
		if (part)
			return;
		struct ask a = v->asks[i];
		memmove(&v->asks[i], &v->asks[i + 1], (--v->ask_count - i) * sizeof *v->asks);
		if (!(a.kind == ASK_HISTORY && v->history_count == 1000))
			answered(v, &a, message);
		free_ask(&a);
		return;
	}
}

#include "ui/view.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "ui/format.h"

#define SETTLE_MS 500        /* of quiet before IN SYNC is said again */
#define QUEUE_REST_MS 10000  /* after the last key, a list whose first row is selected falls into order */
#define PASTE_KEYS 16        /* more than this in one read, with PASTE_KINDS kinds, is no typing */
#define PASTE_KINDS 3

void view_init(struct view *v, const char *socket, bool may_start)
{
	*v = (struct view){ .may_start = may_start, .back_to = -1, .w = 80, .h = 24, .log_level = LEVEL_INFO };
	v->socket = mem_text(socket);
	v->lists[SCREEN_LOG].at_end = true;
	v->shown = VERDICT_STARTING;
}

static void free_history(struct view *v)
{
	for (size_t i = 0; i < v->history_count; i++) {
		free(v->history[i].device);
		free(v->history[i].item);
	}
	free(v->history);
	v->history = NULL;
	v->history_count = 0;
}

static void free_ask(struct ask *a)
{
	json_decref(a->request);
	free(a->note);
}

void view_finish(struct view *v)
{
	view_lost(v);
	free(v->asks);
	free_history(v);
	for (int i = 0; i < VIEW_TEXTS; i++)
		blob_finish(&v->texts[i].text);
	free(v->history_item);
	free(v->socket);
	model_finish(&v->model);
}

static void put_message(struct view *v, const char *format, va_list args)
{
	vsnprintf(v->message, sizeof v->message, format, args);
	v->message_is_own = true;
}

void view_hint(struct view *v, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	put_message(v, format, args);
	va_end(args);
}

void view_say(struct view *v, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	put_message(v, format, args);
	va_end(args);
	model_note(&v->model, v->now_ms, LEVEL_INFO, v->message);
}

enum layout view_layout(const struct view *v)
{
	if (v->w < 20 || v->h < 4)
		return LAYOUT_TINY;
	if (v->w < 40 || v->h < 10)
		return LAYOUT_SLIVER;
	if (v->w < 80 || v->h < 20)
		return LAYOUT_COMPACT;
	return v->w < 120 || v->h < 30 ? LAYOUT_STANDARD : LAYOUT_WIDE;
}

/* ---- the engine ---- */

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
	view_hint(v, "The engine is not there to do that.%s", v->attach == ATTACH_DOWN && v->may_start ? "  s starts it." : "");
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
			view_say(v, "Lost the engine at %s.  What is shown is as of then.", format_time(at, v->now_ms, v->now_ms, true));
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
		json_array_foreach((json_t *)conflicts, k, row) {
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
	for (size_t i = 0; i < v->model.log_count; i++)
		if (v->model.log[i].number > said && v->model.log[i].level >= LEVEL_INFO && !v->model.log[i].ours)
			v->message_is_own = false;
	if (view_verdict(v).kind != before || open != v->model.conflicts_open)
		v->urgent = true;
	if (v->screen == SCREEN_CONFLICTS && !v->model.conflict_count && v->back_to >= 0)
		view_go(v, (enum screen_id)v->back_to);
}

static void take_history(struct view *v, const json_t *rows)
{
	free_history(v);
	size_t n = json_array_size(rows) < MODEL_ROWS_MAX ? json_array_size(rows) : MODEL_ROWS_MAX;
	v->history = mem_alloc((n ? n : 1) * sizeof *v->history);
	v->history_count = n;
	for (size_t i = 0; i < n; i++) {
		const json_t *o = json_array_get(rows, i);
		struct history_row *h = &v->history[i];
		const char *text;
		snprintf(h->version, sizeof h->version, "%s", (text = json_get_text(o, "version")) ? text : "");
		snprintf(h->how, sizeof h->how, "%s", (text = json_get_text(o, "how")) ? text : "");
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
		view_ask(v, ASK_SHOW, json_pack("{s:s,s:s,s:s}", "do", "show", "item", item, "version", version), version);
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
	const char *what = json_get_text(message, "what"), *why = json_get_text(message, "why"), *fix = json_get_text(message, "fix");
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
		view_say(v, "%.150s: %.250s%s%.100s%s", what ? what : "engine", why ? why : "it refused", fix && *fix ? " (" : "",
			 fix ? fix : "", fix && *fix ? ")" : "");
		for (size_t i = 0; a->kind == ASK_RESOLVE && i < sizeof v->decisions / sizeof *v->decisions; i++)
			v->decisions[i].sent = false;
		return;
	}
	if (a->kind == ASK_RESOLVE)
		view_say(v, "Settled %.300s: %s.  Both versions stay in History.", a->note, a->side == 'm' ? "mine" : "theirs");
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

/* ---- time ---- */

void view_time(struct view *v, int64_t now_ms, uint64_t mono_ms)
{
	v->now_ms = now_ms;
	v->mono_ms = mono_ms;
	rates_advance(&v->rates, now_ms / 1000);
	const struct list *l = &v->lists[SCREEN_QUEUE];
	if (v->screen == SCREEN_QUEUE && mono_ms - v->key_ms >= QUEUE_REST_MS && l->row == 0 && model_queue_unsettled(&v->model))
		model_settle_queue(&v->model);
}

/* Leaving IN SYNC shows at once; coming back waits for quiet, so that the line does not flicker. */
struct verdict view_verdict(struct view *v)
{
	struct verdict now = verdict_of(&v->model, v->attach, v->now_ms);
	if (now.kind != VERDICT_IN_SYNC && now.kind != VERDICT_STARTING && now.kind != VERDICT_DOWN)
		v->unsettled_ms = v->mono_ms ? v->mono_ms : 1;
	if (now.kind == VERDICT_IN_SYNC && v->unsettled_ms && v->mono_ms - v->unsettled_ms < SETTLE_MS) {
		now.kind = VERDICT_SYNCING;
		now.role = ROLE_BUSY;
		now.mark = "⇄";
		strcpy(now.word, "SYNCING");
		strcpy(now.rest, "almost there");
	}
	v->shown = now.kind;
	return now;
}

static void sooner(int64_t *least, int64_t ms)
{
	if (ms < 1)
		ms = 1;
	if (*least < 0 || ms < *least)
		*least = ms;
}

int view_sleep_ms(const struct view *v)
{
	int64_t least = -1, next;
	const struct model *m = &v->model;
	bool up = v->attach == ATTACH_UP && m->known;
	if (up && verdict_countdown(m, v->now_ms, &next))
		sooner(&least, next - v->now_ms);
	if (up && m->link.state == LINK_CONNECTED && m->link.late)
		sooner(&least, 1000 - (v->now_ms - m->link.heard_at_ms) % 1000);
	if (up && v->shown == VERDICT_SYNCING && v->unsettled_ms && v->mono_ms - v->unsettled_ms < SETTLE_MS)
		sooner(&least, (int64_t)(SETTLE_MS - (v->mono_ms - v->unsettled_ms)));
	if (v->graph_shown && !rates_quiet(&v->rates, RATES_SECONDS < v->w ? RATES_SECONDS : v->w))
		sooner(&least, 1000 - v->now_ms % 1000);
	if (up && (v->screen == SCREEN_DEVICES || v->screen == SCREEN_HOME))
		for (size_t i = 0; i < m->device_count; i++) {
			char away[FORMAT_LEN];
			const struct model_device *d = &m->devices[i];
			if (d->online || d->is_this || !d->seen_ms || m->link.state != LINK_CONNECTED)
				continue;
			format_away(away, d->seen_ms, v->now_ms, &next);
			sooner(&least, next - v->now_ms);
		}
	if (v->screen == SCREEN_QUEUE && v->lists[SCREEN_QUEUE].row == 0 && model_queue_unsettled(m))
		sooner(&least, (int64_t)(v->key_ms + QUEUE_REST_MS) - (int64_t)v->mono_ms);
	return least < 0 ? -1 : least > 3600000 ? 3600000 : (int)least;
}

/* ---- rows ---- */

static bool has_upper(const char *word, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (word[i] >= 'A' && word[i] <= 'Z')
			return true;
	return false;
}

static bool row_says(const struct brief *b, const char *word, size_t len)
{
	char text[96];
	snprintf(text, sizeof text, "%.*s", (int)len, word);
	if (has_upper(word, len))
		return strstr(b->text, text) || strstr(b->fact, text);
	return strcasestr(b->text, text) || strcasestr(b->fact, text);
}

bool rows_match(const struct brief *b, const char *filter)
{
	while (*filter) {
		size_t len = strcspn(filter, " ");
		bool not = len > 1 && *filter == '!';
		if (len && row_says(b, filter + not, len - not) == not)
			return false;
		filter += len;
		filter += strspn(filter, " ");
	}
	return true;
}

struct rows rows_build(const struct view *v, const struct lister *l, const char *filter)
{
	size_t count = l->count(v);
	struct rows r = { .at = mem_alloc((count + 1) * sizeof *r.at), .id = mem_alloc((count + 1) * sizeof *r.id) };
	for (size_t i = 0; i < count; i++) {
		struct brief b = { .text = "" };
		if (l->shown && !l->shown(v, i))
			continue;
		if (filter[0]) {
			l->brief(v, i, &b);
			if (!rows_match(&b, filter))
				continue;
		}
		r.at[r.n] = i;
		r.id[r.n++] = l->id(v, i);
	}
	return r;
}

struct rows rows_of_screen(const struct view *v, enum screen_id id)
{
	return rows_build(v, screen_of(id)->lister, v->filters[id]);
}

void rows_finish(struct rows *r)
{
	free(r->at);
	free(r->id);
	*r = (struct rows){ 0 };
}

static const struct lister *const block_listers[BLOCK_COUNT] = {
	[BLOCK_NEEDS] = &lister_conflicts,
	[BLOCK_MOVING] = &lister_queue,
	[BLOCK_CATEGORIES] = &lister_categories,
	[BLOCK_DEVICES] = &lister_devices,
};

/* The list that keys move in, its rows and its cursor. */
static struct list *list_here(struct view *v, const struct lister **lister, struct rows *rows)
{
	if (v->screen == SCREEN_HOME) {
		*lister = block_listers[v->block];
		*rows = rows_build(v, *lister, "");
		return &v->home_lists[v->block];
	}
	*lister = screen_of(v->screen)->lister;
	if (!*lister)
		return NULL;
	*rows = rows_of_screen(v, v->screen);
	return &v->lists[v->screen];
}

bool view_cursor(struct view *v, const struct lister **lister, size_t *index)
{
	struct rows rows = { 0 };
	const struct list *l = list_here(v, lister, &rows);
	bool any = l && rows.n;
	if (any) {
		struct list copy = *l; /* only drawing moves the window */
		*index = rows.at[list_place(&copy, rows.id, rows.n, rows.n)];
	}
	rows_finish(&rows);
	return any;
}

const struct model_conflict *view_conflict_here(struct view *v)
{
	const struct lister *lister;
	size_t i;
	return view_cursor(v, &lister, &i) && lister == &lister_conflicts ? &v->model.conflicts[i] : NULL;
}

/* ---- going places ---- */

void view_go(struct view *v, enum screen_id screen)
{
	if (v->screen == SCREEN_QUEUE || screen == SCREEN_QUEUE)
		model_settle_queue(&v->model);
	if (screen != SCREEN_CONFLICTS)
		v->back_to = -1;
	v->screen = screen;
	v->help = false;
	if (screen == SCREEN_HISTORY && !v->history_asked && v->attach == ATTACH_UP)
		view_open_history(v, v->history_item);
}

void view_open_history(struct view *v, const char *item)
{
	char *copy = mem_text(item);
	free(v->history_item);
	v->history_item = copy;
	free_history(v);
	v->history_asked = true;
	v->screen = SCREEN_HISTORY;
	v->lists[SCREEN_HISTORY] = (struct list){ 0 };
	json_t *request = json_pack("{s:s}", "do", "history");
	if (copy)
		json_object_set_new(request, "item", json_string(copy));
	view_ask(v, ASK_HISTORY, request, copy);
}

static void clamp_block(struct view *v, int step)
{
	for (int i = 0; i < BLOCK_COUNT; i++) {
		v->block = (enum home_block)((v->block + BLOCK_COUNT + step) % BLOCK_COUNT);
		if ((v->blocks_shown & 1u << v->block) && block_listers[v->block]->count(v))
			return;
	}
}

static void next_block(struct view *v, int step)
{
	enum home_block before = v->block;
	if (v->screen == SCREEN_HOME) {
		clamp_block(v, step);
		if (step > 0 ? v->block > before : v->block < before)
			return;
		v->block = before;
	}
	view_go(v, (enum screen_id)((v->screen + SCREEN_COUNT + step) % SCREEN_COUNT));
	if (v->screen == SCREEN_HOME) {
		v->block = step > 0 ? BLOCK_DEVICES : BLOCK_NEEDS;
		clamp_block(v, step);
	}
}

/* ---- deciding ---- */

struct decision *view_decision(struct view *v, const struct model_conflict *c)
{
	for (size_t i = 0; i < sizeof v->decisions / sizeof *v->decisions; i++)
		if (v->decisions[i].side && !strcmp(v->decisions[i].id, c->id))
			return &v->decisions[i];
	return NULL;
}

void view_decide(struct view *v, const struct model_conflict *c, char side)
{
	struct decision *d = view_decision(v, c);
	for (size_t i = 0; !d && i < sizeof v->decisions / sizeof *v->decisions; i++)
		if (!v->decisions[i].side || !model_find_conflict(&v->model, v->decisions[i].id))
			d = &v->decisions[i];
	if (!d || d->sent)
		return;
	*d = (struct decision){ .side = side };
	strcpy(d->id, c->id);
	strcpy(d->mine, c->mine.version);
	strcpy(d->theirs, c->theirs.version);
	if (side == 'm')
		view_hint(v, "%.200s: mine, of %.60s.  Enter applies it, u takes it back.", c->item,
			  c->mine.device ? c->mine.device : "this device");
	else
		view_hint(v, "%.200s: theirs, of %.60s.  Enter applies it, u takes it back.", c->item,
			  c->theirs.device ? c->theirs.device : "the other device");
}

void view_apply(struct view *v, const struct model_conflict *c)
{
	struct decision *d = view_decision(v, c);
	if (!d || d->sent || !view_needs_engine(v))
		return;
	if (strcmp(d->mine, c->mine.version) || strcmp(d->theirs, c->theirs.version)) {
		d->side = 0;
		view_hint(v, "%.200s changed again since you chose.  Look, then m or t once more.", c->item);
		return;
	}
	d->sent = true;
	json_t *request = json_pack("{s:s,s:s,s:s,s:s,s:s}", "do", "resolve", "item", c->item, "keep",
				    d->side == 'm' ? "mine" : "theirs", "mine", d->mine, "theirs", d->theirs);
	view_ask(v, ASK_RESOLVE, request, c->item)->side = d->side;
	view_hint(v, "Settling %.300s: %s.", c->item, d->side == 'm' ? "mine" : "theirs");
}

static void settle_oldest(struct view *v)
{
	int from = v->screen == SCREEN_CONFLICTS ? v->back_to : (int)v->screen;
	if (!v->model.conflict_count) {
		view_hint(v, "No conflict waits.");
		return;
	}
	view_go(v, SCREEN_CONFLICTS);
	v->back_to = from;
	v->filters[SCREEN_CONFLICTS][0] = 0;
	for (size_t i = 0; i < v->model.conflict_count; i++) {
		const struct decision *d = view_decision(v, &v->model.conflicts[i]);
		if (d && d->sent)
			continue;
		list_select(&v->lists[SCREEN_CONFLICTS], lister_conflicts.id(v, i));
		break;
	}
	view_hint(v, "m keeps mine, t takes theirs; then Enter settles it.");
}

static void decide_here(struct view *v, char side)
{
	const struct model_conflict *c = view_conflict_here(v);
	if (!c) {
		view_hint(v, v->model.conflict_count ? "No conflict is under the cursor.  c goes to the oldest."
						     : "No conflict waits.");
		return;
	}
	if (v->screen == SCREEN_HOME && view_layout(v) != LAYOUT_WIDE) { /* decided where it can be seen */
		uint64_t id = v->home_lists[BLOCK_NEEDS].id;
		view_go(v, SCREEN_CONFLICTS);
		v->back_to = SCREEN_HOME;
		v->filters[SCREEN_CONFLICTS][0] = 0;
		list_select(&v->lists[SCREEN_CONFLICTS], id);
	}
	view_decide(v, c, side);
}

/* ---- commands ---- */

static void open_here(struct view *v)
{
	static const enum screen_id screens[BLOCK_COUNT] = { SCREEN_CONFLICTS, SCREEN_QUEUE, SCREEN_CATEGORIES, SCREEN_DEVICES };
	const struct lister *lister;
	size_t i;
	const struct model_conflict *c = view_conflict_here(v);
	const struct decision *d = c ? view_decision(v, c) : NULL;
	if (d) {
		view_apply(v, c);
		return;
	}
	if (v->screen == SCREEN_HOME && view_cursor(v, &lister, &i)) {
		enum home_block block = v->block;
		view_go(v, screens[block]);
		v->filters[v->screen][0] = 0;
		list_select(&v->lists[v->screen], v->home_lists[block].id);
		if (block == BLOCK_NEEDS)
			v->back_to = SCREEN_HOME;
	} else if (c) {
		view_hint(v, "m keeps mine, t takes theirs; then Enter settles it.");
	}
}

static void go_back(struct view *v)
{
	if (v->filters[v->screen][0]) {
		v->filters[v->screen][0] = 0;
		view_hint(v, "Filter cleared.");
	} else if (v->screen == SCREEN_HISTORY && v->history_item) {
		view_open_history(v, NULL);
	} else if (v->screen == SCREEN_HOME) {
		v->quit = true;
	} else {
		view_go(v, v->back_to >= 0 ? (enum screen_id)v->back_to : SCREEN_HOME);
	}
}

static void move(struct view *v, long by)
{
	const struct lister *lister;
	struct rows rows = { 0 };
	struct list *l = list_here(v, &lister, &rows);
	if (l)
		list_move(l, rows.id, rows.n, by);
	if (l && v->screen == SCREEN_LOG && by > 0 && rows.n && l->row + 1 == rows.n)
		l->at_end = true;
	rows_finish(&rows);
}

static void ask_plain(struct view *v, json_t *request, const char *note)
{
	if (view_needs_engine(v))
		view_ask(v, ASK_PLAIN, request, note);
	else
		json_decref(request);
}

static void toggle_pause(struct view *v)
{
	bool paused = model_all_paused(&v->model);
	ask_plain(v, json_pack("{s:s}", "do", paused ? "resume" : "pause"),
		  paused ? "Resumed." : "Paused: nothing is sent or taken in.  P resumes.");
}

static void open_item_history(struct view *v)
{
	const struct lister *lister;
	size_t i;
	if (!view_needs_engine(v) || !view_cursor(v, &lister, &i))
		return;
	if (lister == &lister_conflicts)
		view_open_history(v, v->model.conflicts[i].item);
	else if (lister == &lister_queue)
		view_open_history(v, v->model.queue[i].item);
}

static void start_prompt(struct view *v, enum prompt prompt)
{
	if (prompt == PROMPT_FILTER && !screen_of(v->screen)->lister) {
		view_hint(v, "Nothing to filter here: 2, 3, 4, 5, 7 and 8 are lists.");
		return;
	}
	v->prompt = prompt;
	v->field[0] = 0;
	if (prompt == PROMPT_FILTER)
		strcpy(v->field, v->filters[v->screen]);
}

void view_do(struct view *v, enum command command)
{
	const struct screen *s = screen_of(v->screen);
	long page = v->page ? (long)v->page : 1;
	if (command >= CMD_HOME && command <= CMD_LOG) {
		view_go(v, (enum screen_id)(command - CMD_HOME));
		return;
	}
	if (s->act && s->act(v, command))
		return;
	switch (command) {
	case CMD_DOWN: move(v, 1); break;
	case CMD_UP: move(v, -1); break;
	case CMD_TOP:
		if (v->screen == SCREEN_QUEUE)
			model_settle_queue(&v->model);
		move(v, -(1L << 40));
		break;
	case CMD_BOTTOM: move(v, 1L << 40); break;
	case CMD_HALF_DOWN: move(v, page / 2 ? page / 2 : 1); break;
	case CMD_HALF_UP: move(v, -(page / 2 ? page / 2 : 1)); break;
	case CMD_PAGE_DOWN: move(v, page); break;
	case CMD_PAGE_UP: move(v, -page); break;
	case CMD_NEXT_BLOCK: next_block(v, 1); break;
	case CMD_PREVIOUS_BLOCK: next_block(v, -1); break;
	case CMD_OPEN: open_here(v); break;
	case CMD_BACK: go_back(v); break;
	case CMD_QUIT: v->quit = true; break;
	case CMD_HELP:
		v->help = true;
		v->help_top = 0;
		break;
	case CMD_PALETTE: start_prompt(v, PROMPT_COMMAND); break;
	case CMD_FILTER: start_prompt(v, PROMPT_FILTER); break;
	case CMD_SETTLE: settle_oldest(v); break;
	case CMD_MINE: decide_here(v, 'm'); break;
	case CMD_THEIRS: decide_here(v, 't'); break;
	case CMD_RETRY: ask_plain(v, json_pack("{s:s}", "do", "retry"), "Trying the hub again."); break;
	case CMD_PAUSE: toggle_pause(v); break;
	case CMD_ITEM_HISTORY: open_item_history(v); break;
	case CMD_START:
		if (v->attach == ATTACH_DOWN && v->may_start)
			v->start_engine = true;
		break;
	case CMD_REDRAW: v->redraw = true; break;
	case CMD_SUSPEND: v->suspend = true; break;
	default: break;
	}
}

/* ---- typing ---- */

static enum command find_command(const char *name, size_t len)
{
	enum command found = CMD_NONE;
	for (int i = 1; i < CMD_COUNT; i++) {
		const char *known = keys_command_name((enum command)i);
		if (strncmp(known, name, len))
			continue;
		if (strlen(known) == len)
			return (enum command)i;
		if (found != CMD_NONE)
			return CMD_NONE; /* could be two */
		found = (enum command)i;
	}
	return found;
}

static void run_line(struct view *v, const char *line)
{
	size_t len = strcspn(line, " ");
	const char *rest = line + len + strspn(line + len, " ");
	bool resume = !strncmp("resume", line, len) && len > 3;
	if (!len)
		return;
	if (resume || (!strncmp("pause", line, len) && len > 1)) {
		json_t *request = json_pack("{s:s}", "do", resume ? "resume" : "pause");
		if (*rest)
			json_object_set_new(request, "category", json_string(rest));
		ask_plain(v, request, resume ? "Resumed." : "Paused.");
		return;
	}
	enum command command = find_command(line, len);
	if (command == CMD_NONE)
		view_hint(v, "No command, or more than one, starts with %.60s.  ? lists them.", line);
	else if (command == CMD_THEME)
		snprintf(v->theme, sizeof v->theme, "%s", *rest ? rest : "harbor");
	else if (command == CMD_FILTER && *rest && screen_of(v->screen)->lister)
		snprintf(v->filters[v->screen], sizeof v->filters[0], "%s", rest);
	else
		view_do(v, command);
}

static void insert(struct view *v, uint32_t key)
{
	char bytes[4];
	size_t len = strlen(v->field), n;
	if (key < 32 || key >= 0x110000 || utf8_unsafe(key))
		return;
	n = utf8_encode(key, bytes);
	if (len + n >= sizeof v->field)
		return;
	memcpy(v->field + len, bytes, n);
	v->field[len + n] = 0;
}

static void erase_one(char *field)
{
	size_t len = strlen(field);
	while (len && ((uint8_t)field[len - 1] & 0xc0) == 0x80)
		len--;
	if (len)
		field[len - 1] = 0;
}

static void type(struct view *v, uint32_t key)
{
	bool was_empty = !v->field[0];
	if (key == KEYS_ESC || key == 3) {
		if (v->prompt == PROMPT_FILTER)
			v->filters[v->screen][0] = 0;
		v->prompt = PROMPT_NONE;
		return;
	}
	if (key == KEYS_ENTER) {
		enum prompt prompt = v->prompt;
		v->prompt = PROMPT_NONE;
		if (prompt == PROMPT_COMMAND)
			run_line(v, v->field + strspn(v->field, " "));
		return;
	}
	if (key == KEYS_BACKSPACE || key == KEYS_DELETE || key == 8) {
		erase_one(v->field);
		if (was_empty)
			v->prompt = PROMPT_NONE;
	} else if (key == ('u' & 31)) {
		v->field[0] = 0;
	} else if (key == ('w' & 31)) {
		size_t len = strlen(v->field);
		while (len && v->field[len - 1] == ' ')
			v->field[--len] = 0;
		while (len && v->field[len - 1] != ' ')
			v->field[--len] = 0;
	} else if (key == KEYS_TAB && v->prompt == PROMPT_COMMAND) {
		enum command command = find_command(v->field, strlen(v->field));
		if (command != CMD_NONE)
			snprintf(v->field, sizeof v->field, "%s ", keys_command_name(command));
	} else {
		insert(v, key);
	}
	if (v->prompt == PROMPT_FILTER) {
		model_settle_queue(&v->model);
		strcpy(v->filters[v->screen], v->field);
	}
}

static void help_key(struct view *v, uint32_t key, enum command command)
{
	if (command == CMD_DOWN || command == CMD_PAGE_DOWN)
		v->help_top += command == CMD_DOWN ? 1 : 10;
	else if (command == CMD_UP || command == CMD_PAGE_UP)
		v->help_top -= v->help_top < 10 && command == CMD_PAGE_UP ? v->help_top : command == CMD_UP ? v->help_top > 0 : 10;
	else if (command == CMD_QUIT)
		v->quit = true;
	else if (command == CMD_REDRAW || command == CMD_SUSPEND || (command >= CMD_HOME && command <= CMD_LOG))
		view_do(v, command);
	else if (command == CMD_BACK || command == CMD_HELP || key == KEYS_ENTER)
		v->help = false;
}

static bool take_paste(struct view *v, uint32_t key)
{
	if (key == KEYS_PASTE_BEGIN) {
		v->pasting = true;
		v->pasted = 0;
	} else if (key == KEYS_PASTE_END) {
		v->pasting = false;
		if (v->pasted)
			view_hint(v, "Ignored %zu pasted character%s.", v->pasted, v->pasted == 1 ? "" : "s");
	} else if (v->pasting && v->prompt != PROMPT_NONE) {
		insert(v, key == '\n' || key == KEYS_ENTER || key == '\t' ? ' ' : key);
		if (v->prompt == PROMPT_FILTER)
			strcpy(v->filters[v->screen], v->field);
	} else if (v->pasting) {
		v->pasted++;
	} else {
		return false;
	}
	return true;
}

void view_key(struct view *v, uint32_t key)
{
	v->key_ms = v->mono_ms;
	if (key == KEYS_IGNORED || take_paste(v, key))
		return;
	unsigned where = 1u << v->screen | (v->attach == ATTACH_DOWN ? KEYS_ENGINE_DOWN : 0);
	enum command command = keys_find(key == '\n' ? (uint32_t)KEYS_ENTER : key, where);
	if (v->prompt != PROMPT_NONE && command != CMD_SUSPEND && command != CMD_REDRAW)
		type(v, key == '\n' ? (uint32_t)KEYS_ENTER : key);
	else if (v->help)
		help_key(v, key, command);
	else
		view_do(v, command);
}

/* A terminal without bracketed paste hands a paste over as keys; nobody types like that. A held key is one kind. */
static bool looks_pasted(const uint32_t *keys, size_t n)
{
	uint32_t kinds[PASTE_KINDS];
	size_t printable = 0, seen = 0;
	for (size_t i = 0; i < n; i++) {
		if (keys[i] == KEYS_PASTE_BEGIN || keys[i] == KEYS_PASTE_END)
			return false;
		if (keys[i] < 32 || keys[i] >= 0x110000)
			continue;
		printable++;
		bool known = strchr("hjklgGnN", keys[i] < 128 ? (int)keys[i] : 'j') != NULL;
		for (size_t k = 0; k < seen && !known; k++)
			known = kinds[k] == keys[i];
		if (!known && seen < PASTE_KINDS)
			kinds[seen++] = keys[i];
	}
	return printable > PASTE_KEYS && seen >= PASTE_KINDS;
}

void view_keys(struct view *v, const uint32_t *keys, size_t n)
{
	if (v->prompt == PROMPT_NONE && !v->pasting && looks_pasted(keys, n)) {
		v->key_ms = v->mono_ms;
		view_hint(v, "Ignored %zu pasted characters.", n);
		return;
	}
	for (size_t i = 0; i < n && !v->quit; i++)
		view_key(v, keys[i]);
}

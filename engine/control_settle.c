/* Settling conflicts from outside: the hunks, the choice, and taking it back. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/control_verbs.h"
#include "engine/core/settle.h"

#define RESOLVE_SLICE 16            /* items settled in one turn */
#define HUNK_TEXT_MAX (160 * 1024) /* of all hunks of an answer: even escaped six-fold they fit a line of the socket */

/* ---- looking ---- */

static json_t *piece(struct span text, uint32_t line, size_t *room)
{
	size_t share = text.len < *room ? text.len : *room;
	*room -= share;
	json_t *o = json_pack("{s:I, s:o}", "line", (json_int_t)line, "text",
	                      json_bytes((const char *)text.data, share));
	if (share < text.len)
		json_object_set_new(o, "cut", json_true());
	return o;
}

static json_t *hunks(const struct merge *m)
{
	json_t *list = json_array();
	size_t room = HUNK_TEXT_MAX;
	for (size_t i = 0; i < m->hunk_count; i++) {
		const struct merge_hunk *h = &m->hunks[i];
		json_array_append_new(list, json_pack("{s:o, s:o, s:o, s:o}", "key",
						      h->key ? json_bytes(h->key, strlen(h->key)) : json_null(), "mine",
						      piece(h->mine, h->mine_line, &room), "theirs",
						      piece(h->theirs, h->theirs_line, &room), "base",
						      piece(h->base, h->base_line, &room)));
	}
	return list;
}

void verb_hunks(const struct question *q)
{
	static const char *const kinds[] = { "none", "text", "json", "lines" };
	static const char *const outcomes[] = { "clean", "conflicts", "refused" };
	struct comparison x;
	struct item_name n;
	struct err e = { 0 };
	if (!control_item(q, &n))
		return;
	if (!core_compare(q->engine->core, n.category, n.path, &x, &e)) {
		control_fail(q, CONTROL_FAILED, &e);
		return;
	}
	json_t *o = report_conflict(q->engine, &x.view);
	json_object_set_new(o, "merge", json_string(kinds[x.merge.kind]));
	json_object_set_new(o, "outcome", json_string(outcomes[x.merge.outcome]));
	json_object_set_new(o, "why", x.merge.why ? json_string(x.merge.why) : json_null());
	json_object_set_new(o, "taken_mine", json_integer((json_int_t)x.merge.taken_mine));
	json_object_set_new(o, "taken_theirs", json_integer((json_int_t)x.merge.taken_theirs));
	json_object_set_new(o, "hunks", hunks(&x.merge));
	comparison_finish(&x);
	control_answer(q, o);
}

/* ---- deciding ---- */

static bool keep_of(const char *word, enum keep *out)
{
	static const char *const words[] = { "mine", "theirs", "both", "original", "auto" };
	for (int i = 0; word && i < 5; i++)
		if (!strcmp(word, words[i])) {
			*out = (enum keep)i;
			return true;
		}
	return false;
}

static bool usage(const struct question *q, const char *why, const char *fix)
{
	control_fail_with(q, CONTROL_USAGE, "resolve", fix, "%s", why);
	return false;
}

/* The versions that the person was shown, whole. */
static bool take_shown(const struct question *q, struct decision *c)
{
	const char *mine = json_get_text(q->request, "mine"), *theirs = json_get_text(q->request, "theirs");
	if ((mine && !id_parse(&c->mine, mine)) || (theirs && !id_parse(&c->theirs, theirs)))
		return usage(q, "a version is 32 hex digits", "send the versions that 'hunks' gave");
	return true;
}

/* `choices` and `content` are the caller's to free. False: it was answered. */
static bool take_choice(const struct question *q, struct decision *c, enum merge_choice **choices, struct blob *content)
{
	static const char *const words[] = { "mine", "theirs", "both", "original" };
	const json_t *list = json_object_get(q->request, "choices"), *with = json_object_get(q->request, "with");
	size_t i;
	json_t *word;
	*c = (struct decision){ 0 };
	if (!take_shown(q, c))
		return false;
	if (json_is_array(list)) {
		*choices = mem_alloc((json_array_size(list) + 1) * sizeof **choices);
		json_array_foreach(list, i, word) {
			int at = 0;
			while (at < 4 && (!json_is_string(word) || strcmp(json_string_value(word), words[at]) != 0))
				at++;
			if (at == 4)
				return usage(q, "a choice is mine, theirs, both or original", "send one for each hunk");
			(*choices)[i] = (enum merge_choice)at;
		}
		if (json_object_get(q->request, "mine") == NULL || json_object_get(q->request, "theirs") == NULL)
			return usage(q, "choices were made without the versions they are about",
			             "send 'mine' and 'theirs' as 'hunks' gave them");
		c->keep = KEEP_CHOICES;
		c->choices = *choices;
		c->count = json_array_size(list);
		return true;
	}
	if (with) {
		if (!json_get_b64(q->request, "with", content, 0, CONTROL_CONTENT_MAX))
			return usage(q, "the content is not base64", NULL);
		c->keep = KEEP_CONTENT;
		c->content = span_blob(content);
		return true;
	}
	return keep_of(json_get_text(q->request, "keep"), &c->keep) ||
	       usage(q, "which side is to be kept?", "keep mine, theirs, both, original or auto");
}

struct unsettled { /* an item */
	char *category, *path;
	size_t count; /* of its conflicts, one with each other version */
};

/* Every conflict that is open when it is asked: a slice in each turn, so that the loop goes on meanwhile. It is
 * answered once all is on disk. A client that goes away ends it: what is settled is settled, the rest stays open. */
struct resolving {
	uint64_t number, client;
	enum keep keep;
	bool tells; /* how far it is */
	struct unsettled *items;
	size_t count, cap, at, settled, failed, turns;
	struct err first;
};

void control_resolving_destroy(struct engine *g)
{
	struct resolving *r = g->resolving;
	for (size_t i = 0; r && i < r->count; i++) {
		free(r->items[i].category);
		free(r->items[i].path);
	}
	if (r)
		free(r->items);
	free(r);
	g->resolving = NULL;
}

static void note_item(void *ctx, const char *category, const char *path, size_t count)
{
	struct resolving *r = ctx;
	MEM_ROOM(r->items, r->count, r->cap);
	r->items[r->count++] = (struct unsettled){ mem_text(category), mem_text(path), count };
}

static void resolve_all(const struct question *q, const struct decision *choice)
{
	static uint64_t number;
	struct engine *g = q->engine;
	if (choice->keep == KEEP_CHOICES || choice->keep == KEEP_CONTENT) {
		usage(q, "one content does not do for all conflicts", "keep mine, theirs, both, original or auto");
		return;
	}
	if (g->resolving && control_client_there(q->server, g->resolving->client)) {
		control_fail_with(q, CONTROL_FAILED, "resolve", "wait until it is done",
				  "all conflicts are being settled already");
		return;
	}
	control_resolving_destroy(g);
	struct resolving *r = g->resolving = mem_alloc(sizeof *r);
	*r = (struct resolving){ .number = ++number, .client = q->client, .keep = choice->keep,
		                 .tells = json_get_bool(q->request, "progress") };
	core_each_conflict(g->core, note_item, r);
	const struct control_wait w = { .kind = WAIT_RESOLVED, .due_ms = UINT64_MAX, .ticket = r->number };
	if (!control_wait(q, &w))
		control_resolving_destroy(g);
	loop_again(g->loop);
}

/* What this device's file holds stands against all other versions of an item; any other choice is made of two, and the
 * others stay open. What cannot be settled stays, and the first reason is told. */
static void resolve_next(struct engine *g, struct resolving *r)
{
	const struct decision choice = { .keep = r->keep };
	const struct unsettled *of = &r->items[r->at++];
	struct err e = { 0 };
	bool done = core_resolve(g->core, of->category, of->path, &choice, &e);
	size_t settled = !done ? 0 : r->keep == KEEP_MINE ? of->count : 1;
	if (done && settled < of->count) {
		char *item = mem_printf("%s/%s", of->category, of->path);
		done = err_set(&e, item, "settle the others when this one is in step", "it has more than two versions");
		free(item);
	}
	if (!done && !r->failed)
		r->first = e;
	r->settled += settled;
	r->failed += of->count - settled;
}

bool control_look_resolved(const struct question *q, const struct control_wait *w)
{
	struct engine *g = q->engine;
	struct resolving *r = g->resolving;
	if (g->stumbled || !r || r->number != w->ticket) {
		control_fail_with(q, CONTROL_FAILED, "resolve", "'syncline conflicts' lists what waits",
		                  "the state cannot be written: not all are settled");
		if (r && r->number == w->ticket)
			control_resolving_destroy(g);
		return true;
	}
	for (int i = 0; i < RESOLVE_SLICE && r->at < r->count; i++)
		resolve_next(g, r);
	if (r->turns++, r->at < r->count || ledger_dirty(g->ledger)) {
		if (r->tells && r->at < r->count)
			control_progress(
				q, json_pack("{s:I, s:I}", "done", (json_int_t)r->at, "of", (json_int_t)r->count));
		loop_again(g->loop);
		return false;
	}
	if (r->failed)
		control_fail_with(q, CONTROL_FAILED, r->first.what, r->first.fix, "%s (%zu settled, %zu not)",
				  r->first.why, r->settled, r->failed);
	else
		control_answer(
			q, json_pack("{s:I, s:I}", "settled", (json_int_t)r->settled, "turns", (json_int_t)r->turns));
	control_resolving_destroy(g);
	return true;
}

void verb_resolve(const struct question *q)
{
	struct item_name n;
	struct decision choice;
	enum merge_choice *choices = NULL;
	struct blob content = { 0 };
	struct err e = { 0 };
	if (take_choice(q, &choice, &choices, &content)) {
		if (json_get_bool(q->request, "all"))
			resolve_all(q, &choice);
		else if (!control_item(q, &n))
			;
		else if (core_resolve(q->engine->core, n.category, n.path, &choice, &e))
			control_answer(q, json_pack("{s:i}", "settled", 1));
		else
			control_fail(q, CONTROL_FAILED, &e);
	}
	free(choices);
	blob_finish(&content);
}

/* ---- taking back ---- */

struct last { /* settlement that can be taken back */
	bool merges, found;
	struct settlement_row row;
};

static void consider(void *ctx, const struct settlement_row *row)
{
	struct last *l = ctx;
	if (l->found || row->undone || (row->how != HOW_SETTLE && !l->merges))
		return;
	l->found = true;
	l->row = *row;
}

/* Of one item: its last settlement, also one that a strategy made. Else: the last that a person made. */
void verb_undo(const struct question *q)
{
	struct engine *g = q->engine;
	struct last last = { 0 };
	struct item_name n = { .item = "undo" };
	struct err e = { 0 };
	const struct item_row *row = NULL;
	char hex[ID_HEX];
	if (json_object_get(q->request, "item")) {
		if (!control_item(q, &n))
			return;
		last.merges = true;
		row = core_find_item(g->core, n.category, n.path);
		if (!row) {
			control_fail_with(q, CONTROL_FAILED, n.item, "'syncline history' lists the items",
					  "no such item");
			return;
		}
	}
	if (!ledger_settlements(g->ledger, row ? &row->item : NULL, SIZE_MAX >> 1, consider, &last, &e)) {
		control_fail(q, CONTROL_FAILED, &e);
		return;
	}
	if (!last.found) {
		control_fail_with(q, CONTROL_FAILED, n.item, NULL, "no settlement is left to take back");
		return;
	}
	row = core_row(g->core, &last.row.item);
	if (!core_undo(g->core, &last.row, &e)) {
		control_fail(q, CONTROL_FAILED, &e);
		return;
	}
	char *item = row ? mem_printf("%s/%s", row->category, row->path) : mem_text("");
	json_t *o = json_pack("{s:o, s:s, s:s}", "item", json_bytes(item, strlen(item)), "version",
	                      id_hex(&last.row.mine, hex), "how", last.row.how == HOW_SETTLE ? "settle" : "merge");
	free(item);
	control_answer(q, o);
}

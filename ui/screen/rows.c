/* The rows of every list: what identifies each, how it reads in one line, and the two that several screens show as a
 * table. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "ui/format.h"
#include "ui/view.h"
#include "ui/widget/table.h"

static uint64_t text_id(const char *text)
{
	uint64_t id = text ? map_hash(text, strlen(text)) : 0;
	return id ? id : 1;
}

const char *short_category(const char *category, int room)
{
	return room < 23 && !strcmp(category, "extensions-and-settings") ? "settings" : category;
}

/* ---- conflicts ---- */

static size_t conflict_count(const struct view *v)
{
	return v->model.conflict_count;
}

static uint64_t conflict_id(const struct view *v, size_t i)
{
	return text_id(v->model.conflicts[i].id);
}

static const char *hunks_text(const struct model_conflict *k, char out[24])
{
	if (k->hunks > 0)
		snprintf(out, 24, "%d hunk%s", k->hunks, k->hunks == 1 ? "" : "s");
	else
		snprintf(out, 24, "%.20s", k->kind);
	return out;
}

static void conflict_brief(const struct view *v, size_t i, struct brief *b)
{
	const struct model_conflict *k = &v->model.conflicts[i];
	const struct decision *d = view_decision((struct view *)v, k);
	char hunks[24];
	*b = (struct brief){ .mark = d ? d->side == 'm' ? "m" : "t" : "!",
		             .role = d ? ROLE_MARKED : ROLE_CONFLICT,
		             .text = k->item };
	snprintf(b->fact, sizeof b->fact, "%s", d && d->sent ? "settling" : hunks_text(k, hunks));
}

const struct lister lister_conflicts = { conflict_count, conflict_id, conflict_brief, NULL };

static void side_text(const struct view *v, const struct model_side *s, char out[96])
{
	char at[FORMAT_LEN];
	snprintf(out, 96, "%.60s %s", s->device ? s->device : "?", format_time(at, s->at_ms, v->now_ms, false));
}

static void conflict_columns(struct column out[7], int x, int width)
{
	const struct column columns[7] = {
		{ "", 1, 0, false, 0, 0, 0, 0 },        { "CATEGORY", 14, 1, false, 0, 0, 0, 0 },
		{ "ITEM", 12, 3, false, 0, 0, 0, 0 },   { "MINE", 14, 1, false, 1, 0, 0, 0 },
		{ "THEIRS", 14, 1, false, 1, 0, 0, 0 }, { "HUNKS", 5, 0, true, 3, 0, 0, 0 },
		{ "KIND", 11, 0, false, 4, 0, 0, 0 },
	};
	memcpy(out, columns, sizeof columns);
	table_fit(out, 7, x, width);
}

void draw_conflict_head(struct canvas *c, int x, int y, int width)
{
	struct column k[7];
	conflict_columns(k, x + 1, width - 1);
	table_head(c, y, k, 7);
}

void draw_conflict_row(struct view *v, struct canvas *c, int x, int y, int width, size_t i, bool wide)
{
	const struct model_conflict *conflict = &v->model.conflicts[i];
	struct brief b;
	char category[65], mine[96], theirs[96], text[32];
	const char *path = model_item_path(conflict->item, category, sizeof category);
	conflict_brief(v, i, &b);
	side_text(v, &conflict->mine, mine);
	side_text(v, &conflict->theirs, theirs);
	if (wide) {
		struct column k[7];
		conflict_columns(k, x + 1, width - 1);
		table_put(c, y, &k[0], b.role, b.mark);
		table_text(c, y, &k[1], ROLE_TEXT, short_category(category, k[1].w));
		table_text(c, y, &k[2], ROLE_TEXT, path);
		table_text(c, y, &k[3], ROLE_MINE, mine);
		table_text(c, y, &k[4], ROLE_THEIRS, theirs);
		snprintf(text, sizeof text, conflict->hunks > 0 ? "%d" : "-", conflict->hunks);
		table_put(c, y, &k[5], ROLE_TEXT, text);
		table_text(c, y, &k[6], ROLE_TEXT, conflict->kind);
		return;
	}
	struct column k[6] = {
		{ "", 1, 0, false, 0, 0, 0, 0 },  { "", 14, 1, false, 0, 0, 0, 0 }, { "", 15, 2, false, 0, 0, 0, 0 },
		{ "", 14, 1, false, 2, 0, 0, 0 }, { "", 17, 1, false, 3, 0, 0, 0 }, { "", 11, 0, true, 0, 0, 0, 0 },
	};
	char versus[112];
	snprintf(versus, sizeof versus, "vs %s", theirs);
	table_fit(k, 6, x + 1, width - 1);
	table_put(c, y, &k[0], b.role, b.mark);
	table_text(c, y, &k[1], ROLE_TEXT, short_category(category, k[1].w));
	table_text(c, y, &k[2], ROLE_TEXT, path);
	table_text(c, y, &k[3], ROLE_MINE, mine);
	table_text(c, y, &k[4], ROLE_THEIRS, versus);
	table_put(c, y, &k[5], ROLE_TEXT, b.fact);
}

/* ---- queue ---- */

static size_t queue_count(const struct view *v)
{
	return v->model.queue_count;
}

static uint64_t queue_id(const struct view *v, size_t i)
{
	return text_id(v->model.queue[i].item) + v->model.queue[i].incoming;
}

const char *queue_how(const struct model_queue *q)
{
	bool delta = q->delta[0] && strcmp(q->delta, "none"), z = q->compression[0] && strcmp(q->compression, "none");
	return delta ? z ? "delta+z" : "delta" : z ? "z" : "plain";
}

const char *queue_state(const struct model_queue *q, char out[40])
{
	const char *word = q->state[0] ? q->state : "queued";
	if (q->done)
		word = "done";
	else if (!strcmp(word, "debouncing"))
		word = "noticed";
	snprintf(out, 40, "%s", word);
	return out;
}

static enum role queue_role(const struct view *v, const struct model_queue *q)
{
	if (q->done)
		return ROLE_MUTED;
	if (!strcmp(q->state, "held"))
		return ROLE_PAUSED;
	if (!view_online(v))
		return ROLE_WAITING;
	return q->incoming ? ROLE_DOWN : ROLE_UP;
}

static const char *queue_mark(const struct view *v, const struct model_queue *q)
{
	if (q->done)
		return "✓";
	if (!strcmp(q->state, "held"))
		return "▪";
	if (!view_online(v))
		return "∙";
	return q->incoming ? "⇣" : "⇡";
}

static void queue_brief(const struct view *v, size_t i, struct brief *b)
{
	const struct model_queue *q = &v->model.queue[i];
	char state[40];
	*b = (struct brief){ .mark = queue_mark(v, q), .role = queue_role(v, q), .text = q->item, .faded = q->done };
	snprintf(b->fact, sizeof b->fact, "%s", queue_state(q, state));
}

const struct lister lister_queue = { queue_count, queue_id, queue_brief, NULL };

static const char *priority_word(const struct model_queue *q, enum role *role)
{
	static const struct {
		const char *name, *word;
		enum role role;
	} words[] = { { "critical", "crit", ROLE_PRI_CRITICAL },
		      { "high", "high", ROLE_PRI_HIGH },
		      { "normal", "norm", ROLE_PRI_NORMAL },
		      { "low", "low", ROLE_PRI_LOW } };
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (!strcmp(q->priority, words[i].name)) {
			*role = q->done ? ROLE_MUTED : words[i].role;
			return words[i].word;
		}
	*role = ROLE_PRI_NORMAL;
	return "norm";
}

static void queue_columns(struct column out[9], int x, int width)
{
	const struct column columns[9] = {
		{ "", 1, 0, false, 0, 0, 0, 0 },          { "PRI", 4, 0, false, 3, 0, 0, 0 },
		{ "CATEGORY", 14, 2, false, 0, 0, 0, 0 }, { "ITEM", 18, 6, false, 0, 0, 0, 0 },
		{ "SIZE", 7, 0, true, 1, 0, 0, 0 },       { "WIRE", 6, 0, true, 2, 0, 0, 0 },
		{ "HOW", 7, 0, false, 4, 1, 0, 0 },       { "TRY", 3, 0, true, 5, 0, 0, 0 },
		{ "STATE", 8, 1, false, 0, 1, 0, 0 },
	};
	memcpy(out, columns, sizeof columns);
	table_fit(out, 9, x, width);
}

void draw_queue_head(struct canvas *c, int x, int y, int width)
{
	struct column k[9];
	queue_columns(k, x + 1, width - 1);
	table_head(c, y, k, 9);
}

void draw_queue_row(struct view *v, struct canvas *c, int x, int y, int width, size_t i, bool wide)
{
	const struct model_queue *q = &v->model.queue[i];
	char category[65], plain[FORMAT_LEN], wire[FORMAT_LEN], state[40], tries[16];
	const char *path = model_item_path(q->item, category, sizeof category);
	enum role role, text = q->done ? ROLE_MUTED : ROLE_TEXT;
	const char *priority = priority_word(q, &role), *how = q->size_wire > 0 ? queue_how(q) : "";
	if (!strcmp(q->kind, "delete"))
		how = "delete";
	else if (!strcmp(q->kind, "move") || !strcmp(q->kind, "rename"))
		how = "move";
	format_size(plain, q->size_plain);
	if (q->size_wire > 0)
		format_size(wire, q->size_wire);
	else
		strcpy(wire, "-");
	queue_state(q, state);
	if (wide) {
		struct column k[9];
		queue_columns(k, x + 1, width - 1);
		snprintf(tries, sizeof tries, "%d", q->retries + 1);
		table_put(c, y, &k[0], queue_role(v, q), queue_mark(v, q));
		table_put(c, y, &k[1], role, priority);
		table_text(c, y, &k[2], text, short_category(category, k[2].w));
		table_text(c, y, &k[3], text, path);
		table_put(c, y, &k[4], text, plain);
		table_put(c, y, &k[5], q->done ? ROLE_MUTED : ROLE_SAVED, wire);
		table_text(c, y, &k[6], text, how);
		table_put(c, y, &k[7], text, tries);
		table_text(c, y, &k[8], queue_role(v, q), state);
		return;
	}
	struct column k[9] = {
		{ "", 1, 0, false, 0, 0, 0, 0 },  { "", 4, 0, false, 0, 0, 0, 0 }, { "", 9, 1, false, 0, 0, 0, 0 },
		{ "", 19, 3, false, 0, 0, 0, 0 }, { "", 7, 0, true, 0, 0, 0, 0 },  { "", 1, 0, false, 0, 0, 0, 0 },
		{ "", 6, 0, true, 0, 0, 0, 0 },   { "", 8, 0, false, 0, 1, 0, 0 }, { "", 10, 1, false, 0, 1, 0, 0 },
	};
	table_fit(k, 9, x + 1, width - 1);
	table_put(c, y, &k[0], queue_role(v, q), queue_mark(v, q));
	table_put(c, y, &k[1], role, priority);
	table_text(c, y, &k[2], text, short_category(category, k[2].w));
	table_text(c, y, &k[3], text, path);
	table_put(c, y, &k[4], text, plain);
	table_put(c, y, &k[5], ROLE_MUTED, q->size_wire > 0 ? "▸" : "");
	table_put(c, y, &k[6], ROLE_SAVED, q->size_wire > 0 ? wire : "");
	table_text(c, y, &k[7], text, how);
	table_text(c, y, &k[8], queue_role(v, q), state);
}

/* ---- categories ---- */

static size_t category_count(const struct view *v)
{
	return v->model.category_count;
}

static uint64_t category_id(const struct view *v, size_t i)
{
	return text_id(v->model.categories[i].name);
}

static void category_brief(const struct view *v, size_t i, struct brief *b)
{
	const struct model_category *k = &v->model.categories[i];
	bool here = view_online(v);
	char count[FORMAT_LEN];
	*b = (struct brief){ .mark = "✓", .role = ROLE_OK, .text = k->name ? k->name : "" };
	const char *state = "in step";
	if (!strcmp(k->state, "error"))
		b->mark = "✗", b->role = ROLE_ERROR, state = "error";
	else if (k->conflicts)
		b->mark = "!", b->role = ROLE_CONFLICT, state = "needs you";
	else if (!strcmp(k->state, "paused"))
		b->mark = "▪", b->role = ROLE_PAUSED, state = "paused";
	else if (k->pending || !strcmp(k->state, "syncing"))
		b->mark = here ? "⇄" : "∙", b->role = here ? ROLE_BUSY : ROLE_WAITING,
		state = here ? "moving" : "waiting";
	snprintf(b->fact, sizeof b->fact, "%s  %s", format_count(count, k->items), state);
}

const struct lister lister_categories = { category_count, category_id, category_brief, NULL };

/* ---- devices ---- */

static size_t device_count(const struct view *v)
{
	return v->model.device_count;
}

static uint64_t device_id(const struct view *v, size_t i)
{
	return text_id(v->model.devices[i].id[0] ? v->model.devices[i].id : v->model.devices[i].name);
}

static void device_brief(const struct view *v, size_t i, struct brief *b)
{
	const struct model_device *d = &v->model.devices[i];
	char away[FORMAT_LEN];
	bool known = view_online(v);
	*b = (struct brief){ .mark = "✓", .role = ROLE_HERE, .text = d->name ? d->name : "" };
	if (d->is_this) {
		strcpy(b->fact, "this device");
		return;
	}
	if (known && d->online && !d->behind) {
		strcpy(b->fact, "in step");
	} else if (known && d->online) {
		b->mark = "⇡";
		b->role = ROLE_BUSY;
		snprintf(b->fact, sizeof b->fact, "%lld behind", (long long)d->behind);
	} else {
		b->mark = "∙";
		b->role = ROLE_AWAY;
		if (!known)
			strcpy(b->fact, "unknown");
		else if (d->seen_ms)
			snprintf(b->fact, sizeof b->fact, "away %s", format_away(away, d->seen_ms, v->now_ms, NULL));
		else
			strcpy(b->fact, "away");
	}
}

const struct lister lister_devices = { device_count, device_id, device_brief, NULL };

/* ---- history ---- */

static size_t history_count(const struct view *v)
{
	return v->history_count;
}

static uint64_t history_id(const struct view *v, size_t i)
{
	const struct history_row *h = &v->history[i];
	return text_id(h->version) ^ text_id(h->item) ^ (uint64_t)h->at_ms;
}

static void history_brief(const struct view *v, size_t i, struct brief *b)
{
	const struct history_row *h = &v->history[i];
	char at[FORMAT_LEN];
	*b = (struct brief){ .mark = " ", .role = ROLE_TEXT, .text = h->item ? h->item : h->version };
	snprintf(b->fact, sizeof b->fact, "%s %.40s %s", h->how, h->device ? h->device : "",
	         format_time(at, h->at_ms, v->now_ms, true));
}

const struct lister lister_history = { history_count, history_id, history_brief, NULL };

/* ---- log ---- */

static size_t log_count(const struct view *v)
{
	return v->model.log_count;
}

static bool log_shown(const struct view *v, size_t i)
{
	return v->model.log[i].level >= v->log_level;
}

static uint64_t log_id(const struct view *v, size_t i)
{
	return v->model.log[i].number;
}

static const char *const level_words[] = { "debug", "info", "warn", "error", "alert" };

static enum role level_role(enum log_level level)
{
	static const enum role roles[] = { ROLE_MUTED, ROLE_TEXT, ROLE_WARN, ROLE_ERROR, ROLE_CONFLICT };
	return roles[level];
}

static void log_brief(const struct view *v, size_t i, struct brief *b)
{
	const struct model_log *l = &v->model.log[i];
	static const char *const marks[] = { " ", " ", "!", "✗", "!" };
	*b = (struct brief){ .mark = marks[l->level], .role = level_role(l->level), .text = l->text };
	snprintf(b->fact, sizeof b->fact, "%s %s", level_words[l->level], l->from);
}

const struct lister lister_log = { log_count, log_id, log_brief, log_shown };

void draw_log_row(struct view *v, struct canvas *c, int x, int y, int width, size_t i)
{
	const struct model_log *l = &v->model.log[i];
	char at[FORMAT_LEN];
	canvas_putf(c, x + 1, y, 10, ROLE_MUTED, "%s", format_time(at, l->at_ms, v->now_ms, true));
	canvas_put(c, x + 12, y, 5, level_role(l->level), level_words[l->level]);
	canvas_text(c, x + 19, y, 8, ROLE_MUTED, l->from);
	int used = 28;
	if (l->item && !strstr(l->text, l->item))
		used += canvas_text(c, x + used, y, (width - used) / 2, ROLE_TEXT, l->item) + 2;
	canvas_text(c, x + used, y, width - used, l->level >= LEVEL_WARN ? level_role(l->level) : ROLE_TEXT, l->text);
}

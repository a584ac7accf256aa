/* The frame of every screen: verdict, tabs, the body in the layout that fits, the message and the keys. */
#include <stdio.h>
#include <string.h>

#include "ui/format.h"
#include "ui/view.h"

const struct screen *screen_of(enum screen_id id)
{
	static const struct screen *const screens[SCREEN_COUNT] = {
		[SCREEN_HOME] = &screen_home,           [SCREEN_QUEUE] = &screen_queue,
		[SCREEN_CONFLICTS] = &screen_conflicts, [SCREEN_CATEGORIES] = &screen_categories,
		[SCREEN_DEVICES] = &screen_devices,     [SCREEN_TRAFFIC] = &screen_traffic,
		[SCREEN_HISTORY] = &screen_history,     [SCREEN_LOG] = &screen_log,
	};
	return screens[id];
}

void draw_cursor(struct canvas *c, int x, int y, int width)
{
	canvas_put(c, x, y, 1, ROLE_KEY, "▸");
	canvas_flag(c, x, y, width, CELL_SELECTED);
	c->cursor_x = x;
	c->cursor_y = y;
}

static const char *quality_word(enum quality q)
{
	static const char *const words[] = { "", "poor", "fair", "good", "excellent" };
	return words[q];
}

/* "hub.home.lan  42 ms  good", shortened until it leaves room for the verdict. */
static int draw_link_corner(struct view *v, struct canvas *c, enum role role)
{
	const struct model_link *l = &v->model.link;
	char text[200], rtt[32] = "";
	bool small = view_layout(v) < LAYOUT_STANDARD;
	if (v->attach != ATTACH_UP || !v->model.known)
		return c->w - 1;
	if (!l->hub)
		snprintf(text, sizeof text, "no hub");
	else if (l->state == LINK_CONNECTED) {
		if (l->rtt_ms >= 0)
			snprintf(rtt, sizeof rtt, l->rtt_ms < 10 ? "%.1f%sms" : "%.0f%sms", l->rtt_ms,
			         small ? "" : " ");
		snprintf(text, sizeof text, "%.40s%s%s%s%s", small ? "" : l->host, small || !rtt[0] ? "" : "  ", rtt,
		         l->quality ? small ? " " : "  " : "", quality_word(l->quality));
	} else if (l->state == LINK_RECONNECTING && l->attempt > 0) {
		snprintf(text, sizeof text, "%.40s%stry %d", small ? "" : l->host, small ? "" : "  ", l->attempt);
	} else {
		snprintf(text, sizeof text, "%.40s", small ? "" : l->host);
	}
	int taken = canvas_right(c, c->w - 2, 0, role, "%s", text);
	return c->w - 2 - taken;
}

static void draw_verdict(struct view *v, struct canvas *c)
{
	struct verdict verdict = view_verdict(v);
	if (view_layout(v) == LAYOUT_TINY) {
		canvas_put(c, 0, 0, 1, verdict.role, verdict.mark);
		canvas_put(c, 2, 0, c->w - 3, verdict.role, verdict.word);
		return;
	}
	for (int x = 0; x < c->w - 1; x++)
		canvas_at(c, x, 0)->role = (uint8_t)verdict.role;
	int x = 1, edge;
	x += canvas_put(c, x, 0, 1, verdict.role, verdict.mark) + 1;
	edge = draw_link_corner(v, c, verdict.role);
	x += canvas_put(c, x, 0, c->w - 1 - x, verdict.role, verdict.word);
	if (edge <= x) { /* the word wins over the corner */
		for (int i = x; i < c->w - 1; i++)
			canvas_put(c, i, 0, 1, verdict.role, " ");
		edge = c->w - 2;
	}
	bool close_by = verdict.kind == VERDICT_CONFLICTS;
	x += close_by ? 1 : 3;
	if (verdict.rest[0] && edge - x > 3)
		canvas_put(c, x, 0, edge - x - 1, verdict.role, verdict.rest);
	canvas_flag(c, 0, 0, c->w, CELL_VERDICT);
}

static int64_t tab_count(const struct view *v, enum screen_id id)
{
	const struct model *m = &v->model;
	switch (id) {
	case SCREEN_QUEUE:
		return m->queue_total > m->outgoing + m->incoming ? m->queue_total : m->outgoing + m->incoming;
	case SCREEN_CONFLICTS:
		return m->conflicts_open;
	case SCREEN_DEVICES:
		return m->device_count > 1 ? (int64_t)m->device_count : 0;
	default:
		return 0;
	}
}

static int tab_text(const struct view *v, enum screen_id id, bool counts, char out[40])
{
	int64_t n = counts ? tab_count(v, id) : 0;
	if (n > 999)
		return snprintf(out, 40, "%d%s(999+)", id + 1, screen_of(id)->title);
	if (n)
		return snprintf(out, 40, "%d%s(%lld)", id + 1, screen_of(id)->title, (long long)n);
	return snprintf(out, 40, "%d%s", id + 1, screen_of(id)->title);
}

static void draw_tabs(struct view *v, struct canvas *c)
{
	char text[40];
	int length[2] = { 1, 1 };
	for (int i = 0; i < SCREEN_COUNT; i++)
		for (int counts = 0; counts < 2; counts++)
			length[counts] += tab_text(v, (enum screen_id)i, counts, text) + 1;
	bool counts = length[1] <= c->w - 1, loose = length[counts] + SCREEN_COUNT - 1 < c->w;
	if (view_layout(v) < LAYOUT_STANDARD || length[counts] > c->w) {
		tab_text(v, v->screen, true, text);
		canvas_put(c, 1, 1, c->w - 2, ROLE_TAB_CURRENT, text);
		canvas_right(c, c->w - 2, 1, ROLE_MUTED, "⇡%lld ⇣%lld", (long long)v->model.outgoing,
		             (long long)v->model.incoming);
		return;
	}
	int x = 0;
	for (int i = 0; i < SCREEN_COUNT; i++) {
		bool here = (int)v->screen == i;
		int n = tab_text(v, (enum screen_id)i, counts, text);
		if (here)
			canvas_put(c, x, 1, 1, ROLE_TAB_CURRENT, "[");
		canvas_put(c, x + 1, 1, n, here ? ROLE_TAB_CURRENT : ROLE_TAB, text);
		if (here)
			canvas_put(c, x + 1 + n, 1, 1, ROLE_TAB_CURRENT, "]");
		x += n + 1 + (loose && c->w >= 100);
	}
}

static void draw_field(struct view *v, struct canvas *c, int y)
{
	int x = canvas_put(c, 0, y, 1, ROLE_KEY, v->prompt == PROMPT_COMMAND ? ":" : "/");
	x += canvas_text(c, x, y, c->w - 2 - x, ROLE_FIELD, v->field);
	canvas_put(c, x, y, 1, ROLE_FIELD, " ");
	c->cursor_x = x;
	c->cursor_y = y;
	c->cursor_shown = true;
}

static void draw_message(struct view *v, struct canvas *c, int y)
{
	const struct model *m = &v->model;
	char at[FORMAT_LEN];
	if (v->prompt != PROMPT_NONE) {
		draw_field(v, c, y);
		return;
	}
	if (v->message_is_own) {
		canvas_put(c, 1, y, c->w - 2, ROLE_MESSAGE, v->message);
		return;
	}
	for (size_t i = m->log_count; i-- > 0;) {
		const struct model_log *l = &m->log[i];
		if (l->level < LEVEL_INFO)
			continue;
		int x = 1;
		if (view_layout(v) >= LAYOUT_STANDARD)
			x += canvas_putf(c, x, y, c->w - 2, ROLE_MUTED, "%s",
			                 format_time(at, l->at_ms, v->now_ms, true)) +
			     2;
		enum role role = l->level == LEVEL_ALERT   ? ROLE_CONFLICT
		                 : l->level == LEVEL_ERROR ? ROLE_ERROR
		                                           : ROLE_MESSAGE;
		if (l->item && !strstr(l->text, l->item)) {
			x += canvas_text(c, x, y, (c->w - 1 - x) * 2 / 3, role, l->item);
			x += canvas_put(c, x, y, c->w - 1 - x, role, ": ");
		}
		canvas_put(c, x, y, c->w - 1 - x, role, l->text);
		return;
	}
}

static bool is_first_run(const struct view *v)
{
	return v->attach == ATTACH_UP && v->model.known && !v->model.link.hub && v->screen == SCREEN_HOME;
}

static int put_hint(struct canvas *c, int x, int y, const char *key, const char *words)
{
	int used = canvas_put(c, x, y, c->w - 1 - x, ROLE_KEY, key);
	used += canvas_put(c, x + used + 1, y, c->w - 1 - x - used - 1, ROLE_MUTED, words) + 1;
	return used + 2;
}

/* The hints that fit, but always help and the way out, at the end. */
static void draw_keys(struct view *v, struct canvas *c, int y)
{
	const struct screen *s = screen_of(v->screen);
	bool down = v->attach == ATTACH_DOWN;
	unsigned where = 1u << v->screen | (down ? KEYS_ENGINE_DOWN : 0);
	const char *leave = v->screen == SCREEN_HOME ? "quit" : "back";
	int tail = (int)strlen("? help  q ") + (int)strlen(leave), x = 1;
	char name[16];
	if (v->prompt == PROMPT_COMMAND) {
		size_t len = strlen(v->field);
		x += put_hint(c, x, y, "Enter", "run") + put_hint(c, x + 11, y, "Esc", "close");
		for (int i = 1; i < CMD_COUNT && len; i++)
			if (!strncmp(keys_command_name((enum command)i), v->field, len))
				x += canvas_put(c, x, y, c->w - 1 - x, ROLE_MUTED, keys_command_name((enum command)i)) +
				     2;
		return;
	}
	if (v->prompt == PROMPT_FILTER) {
		x += put_hint(c, x, y, "Enter", "keep it");
		put_hint(c, x, y, "Esc", "clear it");
		return;
	}
	if (v->help) {
		x += put_hint(c, x, y, "j k", "scroll");
		put_hint(c, x, y, "Esc", "close");
		return;
	}
	if (down && v->may_start)
		x += put_hint(c, x, y, "s", "start it");
	const struct model_conflict *conflict = view_conflict_here(v);
	const struct decision *decided = conflict ? view_decision(v, conflict) : NULL;
	for (const enum command *hint = s->hints; hint && *hint != CMD_NONE; hint++) {
		uint32_t key = keys_of(*hint, where);
		const char *words = keys_command_hint(*hint);
		if (*hint == CMD_OPEN && decided)
			words = "apply everywhere";
		else if (*hint == CMD_OPEN && v->screen == SCREEN_CONFLICTS)
			continue;
		if (!v->model.known)
			break;
		if (is_first_run(v) && *hint != CMD_PALETTE)
			continue;
		if (*hint == CMD_SETTLE && (!v->model.conflict_count || v->screen == SCREEN_CONFLICTS))
			continue;
		if ((*hint == CMD_RETRY && view_online(v)) || (down && *hint == CMD_RETRY))
			continue;
		if ((*hint == CMD_MINE || *hint == CMD_THEIRS || *hint == CMD_UNDECIDE) &&
		    (!conflict || (down && !decided)))
			continue;
		if (*hint == CMD_UNDECIDE && !decided)
			continue;
		if (!key || x + (int)strlen(keys_name(key, name)) + 1 + (int)strlen(words) + 2 + tail > c->w - 1)
			continue;
		x += put_hint(c, x, y, name, words);
	}
	x += put_hint(c, x, y, "?", "help");
	put_hint(c, x, y, "q", leave);
}

/* One line an item; of a conflict the two sides as well, so that it can be decided here too. */
static void draw_small_list(struct view *v, struct canvas *c, int y, int h, const struct screen *s)
{
	struct rows rows = rows_of_screen(v, v->screen);
	struct list *list = &v->lists[v->screen];
	int height = h;
	if (s->lister == &lister_conflicts && rows.n && h >= 6)
		height = (int)rows.n < h - 5 ? (int)rows.n : h - 5;
	draw_briefs(v, c, y, height, s->lister, &rows, list, true);
	if (height < h)
		draw_preview(v, c, 0, y + height, c->w - 1, h - height, &v->model.conflicts[rows.at[list->row]]);
	rows_finish(&rows);
}

static void draw_body(struct view *v, struct canvas *c, int y, int h)
{
	const struct screen *s = screen_of(v->screen);
	if (h < 1)
		return;
	if (v->attach == ATTACH_DOWN && (!v->model.known || !v->model.link.hub))
		draw_down(v, c, y, h);
	else if (!v->model.known)
		return; /* the verdict says what is waited for */
	else if (is_first_run(v) && view_layout(v) >= LAYOUT_COMPACT)
		draw_first_run(v, c, y, h);
	else if (view_layout(v) >= LAYOUT_STANDARD || s == &screen_home || s == &screen_traffic)
		s->draw(v, c, y, h);
	else
		draw_small_list(v, c, y, h, s);
	if (v->attach == ATTACH_DOWN && v->model.known)
		canvas_flag_all(c, y, h, CELL_FADED);
}

void view_draw(struct view *v, struct canvas *c)
{
	v->w = c->w;
	v->h = c->h;
	v->graph_shown = false;
	v->page = 1;
	canvas_clear(c);
	draw_verdict(v, c);
	switch (view_layout(v)) {
	case LAYOUT_TINY:
		return;
	case LAYOUT_SLIVER:
		draw_body(v, c, 1, c->h - (c->h > 4 ? 3 : 2));
		if (c->h > 4)
			draw_message(v, c, c->h - 2);
		break;
	case LAYOUT_COMPACT:
	case LAYOUT_STANDARD:
	case LAYOUT_WIDE:
		if (v->model.known)
			draw_tabs(v, c);
		draw_body(v, c, 2, c->h - 4);
		draw_message(v, c, c->h - 2);
		break;
	}
	if (v->prompt != PROMPT_NONE && view_layout(v) == LAYOUT_SLIVER && c->h <= 4)
		draw_field(v, c, c->h - 1);
	else
		draw_keys(v, c, c->h - 1);
	if (v->help && view_layout(v) >= LAYOUT_SLIVER)
		draw_help(v, c);
}

void draw_briefs(struct view *v, struct canvas *c, int y, int h, const struct lister *l, const struct rows *rows,
                 struct list *list, bool cursor)
{
	size_t at = list_place(list, rows->id, rows->n, (size_t)h);
	if (cursor)
		v->page = (size_t)h;
	if (!rows->n)
		canvas_put(c, 1, y, c->w - 2, ROLE_MUTED,
		           v->filters[v->screen][0] ? "Nothing matches.  Esc shows all." : "Nothing.");
	for (int i = 0; i < h && list->top + (size_t)i < rows->n; i++) {
		size_t row = list->top + (size_t)i;
		struct brief b = { .mark = " ", .text = "" };
		l->brief(v, rows->at[row], &b);
		enum role role = b.faded ? ROLE_MUTED : ROLE_TEXT;
		int fact = canvas_right(c, c->w - 2, y + i, role == ROLE_TEXT ? b.role : role, "%s", b.fact);
		if (fact > c->w / 2) {
			for (int x = 0; x < c->w; x++)
				canvas_put(c, x, y + i, 1, ROLE_TEXT, " ");
			fact = canvas_right(c, c->w - 2, y + i, ROLE_MUTED, "%.12s", b.fact);
		}
		canvas_put(c, 1, y + i, 1, b.role, b.mark);
		canvas_text(c, 3, y + i, c->w - 3 - fact - 2, role, b.text);
		if (cursor && row == at)
			draw_cursor(c, 0, y + i, c->w);
	}
}

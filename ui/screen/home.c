/* Home: the one page a person looks at. What needs you, what moves, and the state of everything else, always at the
 * same places: zeros instead of holes. */
#include <stdio.h>
#include <string.h>

#include "ui/format.h"
#include "ui/view.h"

#define NEEDS_ROWS  2 /* kept free even when calm, so that nothing jumps */
#define MOVING_ROWS 3

static void draw_link(struct view *v, struct canvas *c, int x, int y, int width)
{
	static const char *const states[] = { "disconnected from", "connecting to", "connected to", "reconnecting to",
		                              "refused by" };
	const struct model_link *l = &v->model.link;
	char text[FORMAT_LEN];
	int at = x + canvas_put(c, x, y, width, ROLE_HEADING, "LINK") + 1;
	int end = x + width;
	if (v->attach != ATTACH_UP) {
		at += canvas_put(c, at, y, end - at, ROLE_TEXT, "unknown without the engine; the hub is") + 1;
		canvas_text(c, at, y, end - at, ROLE_TEXT, l->host_port);
		return;
	}
	enum role role = l->state == LINK_CONNECTED ? ROLE_TEXT : l->state == LINK_ERROR ? ROLE_ERROR : ROLE_OFFLINE;
	at += canvas_put(c, at, y, end - at, role, states[l->state]) + 1;
	at += canvas_text(c, at, y, end - at, role, l->host_port) + 3;
	if (l->state == LINK_CONNECTED && l->late)
		at += canvas_putf(c, at, y, end - at, ROLE_WARN, "heartbeat %s ago, late",
		                  format_span(text, v->now_ms - l->heard_at_ms)) +
		      3;
	else if (l->state == LINK_CONNECTED)
		at += canvas_put(c, at, y, end - at, ROLE_TEXT, "heartbeat on time") + 3;
	if (l->state == LINK_CONNECTED && l->since_ms && end - at > 24)
		at += canvas_putf(c, at, y, end - at, ROLE_TEXT, "since %s",
		                  format_time(text, l->since_ms, v->now_ms, false)) +
		      3;
	if (l->state != LINK_CONNECTED && l->heard_at_ms)
		at += canvas_putf(c, at, y, end - at, ROLE_TEXT, "last heard %s",
		                  format_time(text, l->heard_at_ms, v->now_ms, true)) +
		      3;
	if (l->state != LINK_CONNECTED && l->retry_at_ms > v->now_ms)
		at += canvas_putf(c, at, y, end - at, ROLE_TEXT, "next %s",
		                  format_time(text, l->retry_at_ms, v->now_ms, true)) +
		      3;
	if (l->state == LINK_CONNECTED)
		canvas_put(c, at, y, end - at, l->tls ? ROLE_TEXT : ROLE_WARN, l->tls ? "TLS ok" : "no TLS");
}

static bool link_has_why(const struct view *v)
{
	return v->model.link.error && v->model.link.state != LINK_CONNECTED;
}

static void heading_right(struct canvas *c, int x, int y, int width, const char *words, const char *right)
{
	canvas_heading(c, x, y, width, words);
	canvas_right(c, x + width - 1, y, ROLE_HEADING, "%s", right);
}

/* One of Home's lists: rows are drawn by `row`; the cursor is in it when the block is the current one. */
static void draw_block(struct view *v, struct canvas *c, int x, int y, int width, int h, enum home_block block,
                       const struct lister *l, void (*row)(struct view *, struct canvas *, int, int, int, size_t, bool),
                       bool wide)
{
	struct rows rows = rows_build(v, l, "");
	struct list *list = &v->home_lists[block];
	v->blocks_shown |= 1u << block;
	if (h > 0 && rows.n) {
		size_t more = 0;
		if (rows.n > (size_t)h && h > 3 && v->block != block) { /* the last line says how many are not shown */
			more = rows.n - (size_t)--h;
			list->top = 0;
		}
		size_t at = list_place(list, rows.id, rows.n, (size_t)h);
		if (v->block == block)
			v->page = (size_t)h;
		else
			list->top = 0;
		for (int i = 0; i < h && list->top + (size_t)i < rows.n; i++) {
			row(v, c, x, y + i, width, rows.at[list->top + (size_t)i], wide);
			if (v->block == block && list->top + (size_t)i == at)
				draw_cursor(c, x, y + i, width);
		}
		if (more)
			canvas_putf(c, x + 3, y + h, width - 3, ROLE_MUTED, "%zu more", more);
	}
	rows_finish(&rows);
}

/* Two or more columns of categories, then the devices beside them. */
static void draw_cell(struct view *v, struct canvas *c, int x, int y, int width, const struct lister *l, size_t i,
                      bool count_only, bool cursor)
{
	struct brief b;
	char fact[160];
	l->brief(v, i, &b);
	snprintf(fact, sizeof fact, "%s", b.fact);
	if (count_only) { /* of "2,904  in step" the number, which needs no comma in so little room */
		size_t n = 0;
		for (const char *p = b.fact; *p && *p != ' '; p++)
			if (*p != ',')
				fact[n++] = *p;
		fact[n] = 0;
	}
	int end = x + width - 1;
	int used = canvas_right(c, end, y, ROLE_TEXT, "%s", fact);
	canvas_put(c, x + 1, y, 1, b.role, b.mark);
	canvas_text(c, x + 3, y, width - 3 - used - 1, ROLE_TEXT, b.text);
	if (cursor)
		draw_cursor(c, x, y, width);
}

/* What a column of cells would like, and what it gets: the names of one may be longer than those of another. */
static void share_columns(struct view *v, const struct lister *l, const struct rows *rows, size_t from, int h,
                          int columns, bool count_only, int width, int out[4])
{
	int sum = 2 * (columns - 1), widest;
	for (int k = 0; k < columns; k++) {
		int name = 8, fact = 1;
		for (size_t i = from + (size_t)(k * h); i < from + (size_t)((k + 1) * h) && i < rows->n; i++) {
			struct brief b;
			l->brief(v, rows->at[i], &b);
			int n = (int)strnlen(b.text, 64), f = (int)strcspn(b.fact, count_only ? " " : "");
			f -= count_only && strchr(b.fact, ',') != NULL;
			name = n > name ? n : name;
			fact = f > fact ? f : fact;
		}
		out[k] = 3 + name + 1 + fact;
		sum += out[k];
	}
	for (; sum != width; sum += sum < width ? 1 : -1) {
		int least = 0;
		widest = 0;
		for (int k = 1; k < columns; k++) {
			widest = out[k] > out[widest] ? k : widest;
			least = out[k] < out[least] ? k : least;
		}
		if (sum > width)
			out[widest]--;
		else
			out[least]++;
	}
}

static void draw_cells(struct view *v, struct canvas *c, int x, int y, int width, int h, int columns,
                       enum home_block block, const struct lister *l, bool count_only)
{
	struct rows rows = rows_build(v, l, "");
	struct list *list = &v->home_lists[block];
	size_t shown = (size_t)(h * columns), at = list_place(list, rows.id, rows.n, rows.n ? rows.n : 1), from = 0;
	int widths[4];
	v->blocks_shown |= 1u << block;
	if (v->block == block && at >= shown) /* scrolls by whole pages: columns must not shift under the cursor */
		from = at / shown * shown;
	share_columns(v, l, &rows, from, h, columns, count_only, width, widths);
	for (int k = 0; k < columns; x += widths[k++] + 2)
		for (int row = 0; row < h; row++) {
			size_t i = from + (size_t)(k * h + row);
			if (i < rows.n)
				draw_cell(v, c, x, y + row, widths[k], l, rows.at[i], count_only,
				          v->block == block && i == at);
		}
	rows_finish(&rows);
}

static void needs_heading(struct view *v, struct canvas *c, int x, int y, int width)
{
	char right[96];
	bool offline = width >= 60 && !view_online(v) && v->attach == ATTACH_UP && v->model.conflicts_open;
	snprintf(right, sizeof right, "%lld%s", (long long)v->model.conflicts_open,
	         offline ? "   you can settle them offline" : "");
	heading_right(c, x, y, width, "NEEDS YOU", right);
}

static void say_sizes(const struct view *v, char *out, size_t cap, bool here)
{
	double plain = 0, wire = 0;
	char a[FORMAT_LEN], b[FORMAT_LEN];
	const struct model *m = &v->model;
	int64_t known = 0;
	for (size_t i = 0; i < m->queue_count; i++)
		if (!m->queue[i].done && m->queue[i].size_wire > 0) {
			plain += m->queue[i].size_plain;
			wire += m->queue[i].size_wire;
			known++;
		}
	out[0] = 0;
	if (!known || m->queue_total > (int64_t)m->queue_count)
		return; /* sums of a part would mislead */
	snprintf(out, cap, here ? "   %s as %s on the wire" : "   %s, about %s on the wire", format_size(a, plain),
	         format_size(b, wire));
}

static void moving_heading(struct view *v, struct canvas *c, int x, int y, int width)
{
	const struct model *m = &v->model;
	bool here = view_online(v);
	char sizes[96], right[200];
	say_sizes(v, sizes, sizeof sizes, here);
	if (width < 60 && sizes[0]) /* the counts are on the row of the tab */
		snprintf(right, sizeof right, "%.*s", (int)(strstr(sizes, " on the") - sizes), sizes);
	else if (here)
		snprintf(right, sizeof right, "⇡%lld ⇣%lld%s", (long long)m->outgoing, (long long)m->incoming, sizes);
	else
		snprintf(right, sizeof right, "⇡%lld%s   kept on disk", (long long)m->outgoing, sizes);
	heading_right(c, x, y, width, here ? "MOVING" : "WAITING", right);
}

static void say_calm(struct view *v, struct canvas *c, int x, int y, int width)
{
	const struct model_category *last = NULL;
	char at[FORMAT_LEN];
	for (size_t i = 0; i < v->model.category_count; i++)
		if (v->model.categories[i].changed_ms &&
		    (!last || v->model.categories[i].changed_ms > last->changed_ms))
			last = &v->model.categories[i];
	if (last)
		canvas_putf(c, x + 1, y, width - 1, ROLE_MUTED, "Nothing.  Last change %s, in %s.",
		            format_time(at, last->changed_ms, v->now_ms, true), last->name ? last->name : "?");
	else
		canvas_put(c, x + 1, y, width - 1, ROLE_MUTED, "Nothing.");
}

static void say_saved(const struct view *v, char *out, size_t cap, const char *before)
{
	const struct model *m = &v->model;
	char a[FORMAT_LEN], b[FORMAT_LEN];
	double wire = m->bytes_sent + m->bytes_received;
	out[0] = 0;
	if (m->bytes_plain > 0 && wire <= m->bytes_plain)
		snprintf(out, cap, "%ssaved %d%% (%s as %s)", before, format_saved(m->bytes_plain, wire),
		         format_size(a, m->bytes_plain), format_size(b, wire));
	else if (m->bytes_plain > 0)
		snprintf(out, cap, "%s%s of changes, %s on the wire", before, format_size(a, m->bytes_plain),
		         format_size(b, wire));
}

static void draw_rate(struct view *v, struct canvas *c, int x, int y, int width, bool up)
{
	struct rates *r = &v->rates;
	char text[FORMAT_LEN];
	int graph = width - 30;
	enum role role = up ? ROLE_UP : ROLE_DOWN;
	canvas_put(c, x + 1, y, 1, role, up ? "⇡" : "⇣");
	canvas_right(c, x + 11, y, ROLE_TEXT, "%s", format_rate(text, up ? r->up_now : r->down_now));
	if (graph < 8 || rates_quiet(r, graph))
		return;
	graph_draw(c, x + 14, y, graph, 1, r, up);
	canvas_right(c, x + width - 1, y, ROLE_GRAPH_SCALE, "peak %s", format_rate(text, rates_peak(r, up, graph)));
}

static void draw_traffic(struct view *v, struct canvas *c, int x, int y, int width)
{
	char right[160], saved[128];
	int seconds = width - 30;
	bool quiet = rates_quiet(&v->rates, seconds > 8 ? seconds : 8);
	v->graph_shown = true;
	say_saved(v, saved, sizeof saved, "   ");
	if (quiet)
		snprintf(right, sizeof right, "quiet%s", saved);
	else
		snprintf(right, sizeof right, "last %d s%s", seconds, saved);
	heading_right(c, x, y, width, "TRAFFIC", right);
	draw_rate(v, c, x, y + 1, width, true);
	draw_rate(v, c, x, y + 2, width, false);
}

static void categories_heading(struct view *v, struct canvas *c, int x, int y, int width)
{
	size_t paused = 0, n = v->model.category_count;
	char right[64];
	for (size_t i = 0; i < n; i++)
		paused += !strcmp(v->model.categories[i].state, "paused");
	if (paused)
		snprintf(right, sizeof right, "%zu on, %zu paused", n - paused, paused);
	else
		snprintf(right, sizeof right, "%zu on", n);
	heading_right(c, x, y, width, "CATEGORIES", right);
}

static void devices_heading(struct view *v, struct canvas *c, int x, int y, int width)
{
	size_t here = 0;
	char right[64];
	for (size_t i = 0; i < v->model.device_count; i++)
		here += v->model.devices[i].online || v->model.devices[i].is_this;
	if (view_online(v))
		snprintf(right, sizeof right, "%zu of %zu here", here, v->model.device_count);
	else
		snprintf(right, sizeof right, "as last known");
	heading_right(c, x, y, width, "DEVICES", right);
}

/* Heights of the blocks of a column; 0 rows means the block is left out, heading included. */
struct plan {
	int link, needs, moving, traffic, cells;
};

static int plan_height(const struct plan *p)
{
	int h = p->link + 1 + 1 + p->needs;
	h += p->moving ? 2 + p->moving : 0;
	h += p->traffic ? 1 + 1 + p->traffic : p->cells ? 1 : 0;
	h += p->cells ? 1 + p->cells : 0;
	return h;
}

static int at_least(int a, int b)
{
	return a > b ? a : b;
}

static struct plan make_plan(struct view *v, int h, int columns)
{
	const struct model *m = &v->model;
	int cats = ((int)m->category_count + columns - 1) / columns,
	    cells = at_least(at_least(cats, (int)m->device_count), 1);
	struct plan p = { .link = link_has_why(v) ? 2 : 1,
		          .needs = NEEDS_ROWS,
		          .moving = MOVING_ROWS,
		          .traffic = 2,
		          .cells = cells < 5 ? cells : 5 };
	if (plan_height(&p) > h)
		p.traffic = 0;
	while (plan_height(&p) > h && p.cells > 0)
		p.cells--;
	while (plan_height(&p) > h && p.moving > 0)
		p.moving--;
	while (plan_height(&p) > h && p.needs > 1)
		p.needs--;
	int spare = h - plan_height(&p);
	for (; spare > 0 && p.cells && p.cells < cells; spare--)
		p.cells++;
	for (; spare > 0 && p.needs < (int)m->conflict_count && p.needs < h / 3; spare--)
		p.needs++;
	if (spare > 0 && p.moving)
		p.moving += spare; /* the blanks live here, so that the last block stands at the bottom */
	return p;
}

static void draw_needs(struct view *v, struct canvas *c, int x, int y, int width, int h, bool wide)
{
	needs_heading(v, c, x, y, width);
	draw_block(v, c, x, y + 1, width, h, BLOCK_NEEDS, &lister_conflicts, draw_conflict_row, wide);
	if (!v->model.conflict_count)
		canvas_put(c, x + 1, y + 1, width - 1, ROLE_MUTED, "Nothing.");
}

static void draw_moving(struct view *v, struct canvas *c, int x, int y, int width, int h, bool wide)
{
	moving_heading(v, c, x, y, width);
	if (!v->model.queue_count) {
		say_calm(v, c, x, y + 1, width);
		return;
	}
	if (wide)
		draw_queue_head(c, x, ++y, width), h--;
	draw_block(v, c, x, y + 1, width, h, BLOCK_MOVING, &lister_queue, draw_queue_row, wide);
}

static void draw_link_block(struct view *v, struct canvas *c, int y)
{
	draw_link(v, c, 1, y, c->w - 2);
	if (link_has_why(v))
		canvas_putf(c, 6, y + 1, c->w - 7, ROLE_MUTED, "Why: %s.", v->model.link.error);
}

static void draw_standard(struct view *v, struct canvas *c, int y, int h)
{
	int width = c->w - 1, devices = width >= 70 ? 24 + (width - 79) / 5 : 0, columns = width < 110 ? 2 : 3;
	struct plan p = make_plan(v, h, columns);
	draw_link_block(v, c, y);
	y += p.link + 1;
	draw_needs(v, c, 0, y, width, p.needs, false);
	y += 1 + p.needs + 1;
	if (p.moving) {
		draw_moving(v, c, 0, y, width, p.moving, false);
		y += 1 + p.moving + 1;
	}
	if (p.traffic) {
		draw_traffic(v, c, 0, y, width);
		y += 3;
	}
	if (p.cells) {
		int left = width - devices;
		categories_heading(v, c, 0, y, left - 1);
		draw_cells(v, c, 0, y + 1, left - 1, p.cells, columns, BLOCK_CATEGORIES, &lister_categories, true);
		devices_heading(v, c, left, y, devices);
		draw_cells(v, c, left, y + 1, devices, p.cells, 1, BLOCK_DEVICES, &lister_devices, false);
	}
}

static void pair(struct canvas *c, int x, int y, int width, const char *name, enum role role, const char *value)
{
	canvas_put(c, x + 1, y, 12, ROLE_MUTED, name);
	canvas_put(c, x + 14, y, width - 14, role, value);
}

static int draw_link_table(struct view *v, struct canvas *c, int x, int y, int width)
{
	static const char *const states[] = { "disconnected", "connecting", "connected", "reconnecting", "error" };
	static const char *const qualities[] = { "unknown", "poor", "fair", "good", "excellent" };
	const struct model_link *l = &v->model.link;
	char text[200], span[FORMAT_LEN];
	heading_right(c, x, y, width, "LINK", v->attach == ATTACH_UP ? states[l->state] : "unknown");
	snprintf(text, sizeof text, "%s%s", l->host_port, l->tls ? ", TLS" : ", no TLS");
	pair(c, x, y + 1, width, "hub", l->tls ? ROLE_TEXT : ROLE_WARN, text);
	if (l->rtt_ms >= 0)
		snprintf(text, sizeof text, l->rtt_ms < 10 ? "%.1f ms" : "%.0f ms", l->rtt_ms);
	else
		strcpy(text, "unknown");
	pair(c, x, y + 2, width, "latency", ROLE_TEXT, text);
	pair(c, x, y + 3, width, "quality", l->quality == QUALITY_POOR ? ROLE_WARN : ROLE_TEXT, qualities[l->quality]);
	if (l->state != LINK_CONNECTED)
		strcpy(text, "none while there is no link");
	else if (l->late)
		snprintf(text, sizeof text, "%s ago, late", format_span(span, v->now_ms - l->heard_at_ms));
	else
		strcpy(text, "on time");
	pair(c, x, y + 4, width, "heartbeat", l->late ? ROLE_WARN : ROLE_TEXT, text);
	if (l->retry_at_ms > v->now_ms)
		snprintf(text, sizeof text, "%s, try %d", format_time(span, l->retry_at_ms, v->now_ms, true),
		         l->attempt + 1);
	else
		strcpy(text, l->state == LINK_CONNECTED ? "none needed" : "now");
	pair(c, x, y + 5, width, "next retry", ROLE_TEXT, text);
	if (link_has_why(v))
		pair(c, x, y + 6, width, "why", ROLE_OFFLINE, l->error);
	return link_has_why(v) ? 7 : 6;
}

static void draw_tall_graph(struct view *v, struct canvas *c, int x, int y, int width, int h, bool up)
{
	struct rates *r = &v->rates;
	char text[FORMAT_LEN], words[64];
	int graph = width - 9;
	enum role role = up ? ROLE_UP : ROLE_DOWN;
	canvas_put(c, x + 1, y, 4, role, up ? "UP" : "DOWN");
	canvas_put(c, x + (up ? 4 : 6), y, 14, ROLE_TEXT, format_rate(text, up ? r->up_now : r->down_now));
	if (rates_quiet(r, graph)) {
		canvas_right(c, x + width - 1, y, ROLE_MUTED, "quiet");
		return;
	}
	snprintf(words, sizeof words, "peak %s", format_rate(text, rates_peak(r, up, graph)));
	canvas_right(c, x + width - 1, y, ROLE_MUTED, "%s", words);
	graph_draw(c, x + 9, y + 1, graph, h, r, up);
	canvas_right(c, x + 7, y + 1, ROLE_GRAPH_SCALE, "%s", format_size(text, up ? r->scale_up : r->scale_down));
	canvas_right(c, x + 7, y + h, ROLE_GRAPH_SCALE, "0");
}

static void draw_wide_left(struct view *v, struct canvas *c, int x, int y, int width, int h)
{
	const struct model_conflict *k = v->model.conflict_count ? view_conflict_here(v) : NULL;
	int end = y + h, needs = at_least(NEEDS_ROWS, (int)v->model.conflict_count);
	needs = needs < h / 5 ? needs : at_least(NEEDS_ROWS, h / 5);
	needs_heading(v, c, x, y, width);
	if (v->model.conflict_count)
		draw_conflict_head(c, x, y + 1, width);
	else
		canvas_put(c, x + 1, y + 1, width - 1, ROLE_MUTED, "Nothing.");
	draw_block(v, c, x, y + 2, width, needs, BLOCK_NEEDS, &lister_conflicts, draw_conflict_row, true);
	y += 2 + needs + 1;
	if (!k && v->model.conflict_count)
		k = &v->model.conflicts[0];
	if (k) {
		int preview = h >= 40 ? 10 : 6;
		draw_preview(v, c, x, y, width, preview, k);
		y += preview + 1;
	}
	int log = h >= 40 ? 10 : end - y > 18 ? 6 : 0, moving = end - y - 1 - (log ? log + 2 : 0);
	draw_moving(v, c, x, y, width, moving, true);
	if (!log)
		return;
	y = end - log - 1;
	heading_right(c, x, y, width, "RECENT", "8 opens the log");
	struct rows rows = rows_build(v, &lister_log, "");
	size_t from = rows.n > (size_t)log ? rows.n - (size_t)log : 0;
	for (size_t i = from; i < rows.n; i++)
		draw_log_row(v, c, x, y + 1 + (int)(i - from), width, rows.at[i]);
	rows_finish(&rows);
}

static void draw_wide_right(struct view *v, struct canvas *c, int x, int y, int width, int h)
{
	int end = y + h, cats = (int)v->model.category_count, devices = at_least(1, (int)v->model.device_count);
	char saved[128];
	y += draw_link_table(v, c, x, y, width) + 1;
	int graph = h >= 44 ? 4 : h >= 34 ? 3 : 2, lists = 2 + cats + 1 + devices;
	if (end - y - lists < 2 * (graph + 1) + 4)
		graph = 1;
	v->graph_shown = true;
	heading_right(c, x, y++, width, "TRAFFIC", "");
	draw_tall_graph(v, c, x, y, width, graph, true);
	y += graph + 1;
	draw_tall_graph(v, c, x, y, width, graph, false);
	y += graph + 1;
	say_saved(v, saved, sizeof saved, "");
	canvas_put(c, x + 1, y, width - 1, ROLE_SAVED, saved);
	y += 2;
	int room = end - y - 3;
	devices = devices < room / 2 ? devices : at_least(1, room / 2);
	cats = cats < room - devices ? cats : room - devices;
	if (cats > 0) {
		categories_heading(v, c, x, y, width);
		draw_cells(v, c, x, y + 1, width, cats, 1, BLOCK_CATEGORIES, &lister_categories, false);
		y += cats + 2;
	}
	if (end - y >= 2) {
		devices_heading(v, c, x, y, width);
		draw_cells(v, c, x, y + 1, width, end - y - 1 < devices ? end - y - 1 : devices, 1, BLOCK_DEVICES,
		           &lister_devices, false);
	}
}

static void draw_wide(struct view *v, struct canvas *c, int y, int h)
{
	int left = (c->w - 1) * 62 / 100, gap = 3;
	draw_wide_left(v, c, 0, y + 1, left, h - 1);
	draw_wide_right(v, c, left + gap, y + 1, c->w - 1 - left - gap, h - 1);
}

static void compact_row(struct view *v, struct canvas *c, int x, int y, int width, size_t i, bool needs)
{
	struct brief b;
	(void)x;
	(needs ? &lister_conflicts : &lister_queue)->brief(v, i, &b);
	int used = canvas_right(c, width - 1, y, b.role, "%s", b.fact);
	canvas_put(c, 1, y, 1, b.role, b.mark);
	canvas_text(c, 3, y, width - 3 - used - 2, b.faded ? ROLE_MUTED : ROLE_TEXT, b.text);
}

static void draw_compact(struct view *v, struct canvas *c, int y, int h)
{
	int width = c->w - 1, needs = at_least(1, (int)v->model.conflict_count);
	if (h < 4) { /* a sliver: what is under the cursor, or what is first */
		bool any = v->model.conflict_count > 0;
		draw_block(v, c, 0, y, width, h, any ? BLOCK_NEEDS : BLOCK_MOVING,
		           any ? &lister_conflicts : &lister_queue, compact_row, any);
		return;
	}
	needs = needs < h / 2 ? needs : h / 2;
	needs_heading(v, c, 0, y, width);
	draw_block(v, c, 0, y + 1, width, needs, BLOCK_NEEDS, &lister_conflicts, compact_row, true);
	if (!v->model.conflict_count)
		canvas_put(c, 1, y + 1, width - 1, ROLE_MUTED, "Nothing.");
	y += 1 + needs;
	h -= 1 + needs;
	if (h < 2)
		return;
	moving_heading(v, c, 0, y, width);
	if (v->model.queue_count)
		draw_block(v, c, 0, y + 1, width, h - 1, BLOCK_MOVING, &lister_queue, compact_row, false);
	else
		say_calm(v, c, 0, y + 1, width);
}

static void choose_block(struct view *v)
{
	bool small = view_layout(v) < LAYOUT_STANDARD;
	if (view_block_listers[v->block]->count(v) && !(small && v->block > BLOCK_MOVING))
		return;
	for (int i = 0; i < (small ? 2 : BLOCK_COUNT); i++)
		if (view_block_listers[i]->count(v)) {
			v->block = (enum home_block)i;
			return;
		}
}

static void draw(struct view *v, struct canvas *c, int y, int h)
{
	choose_block(v);
	v->blocks_shown = 0;
	if (view_layout(v) == LAYOUT_WIDE)
		draw_wide(v, c, y, h);
	else if (view_layout(v) == LAYOUT_STANDARD)
		draw_standard(v, c, y, h);
	else
		draw_compact(v, c, y, h);
}

static const enum command hints[] = { CMD_OPEN,    CMD_SETTLE, CMD_UNDECIDE, CMD_NEXT_BLOCK,
	                              CMD_PALETTE, CMD_RETRY,  CMD_PAUSE,    CMD_NONE };

const struct screen screen_home = { .title = "Home", .draw = draw, .hints = hints };

/* Queue: every change on its way out or in, and why it waits. While it is looked at, rows keep their places. */
#include <stdio.h>
#include <string.h>

#include "ui/format.h"
#include "ui/view.h"

static void draw_facts(struct view *v, struct canvas *c, int y, const struct rows *rows)
{
	const struct model *m = &v->model;
	const char *filter = v->filters[SCREEN_QUEUE];
	size_t fresh = model_queue_fresh(m), held = 0;
	for (size_t i = 0; i < m->queue_count; i++)
		held += !m->queue[i].done && !strcmp(m->queue[i].state, "held");
	int x = 1 +
	        canvas_putf(c, 1, y, c->w - 2, ROLE_MUTED, "OUT %lld   IN %lld", (long long)m->outgoing,
	                    (long long)m->incoming) +
	        3;
	if (held)
		x += canvas_putf(c, x, y, c->w - 1 - x, ROLE_PAUSED, "HELD %zu", held) + 3;
	if (filter[0])
		x += canvas_putf(c, x, y, c->w - 1 - x, ROLE_MATCH, "filter %s   %zu of %zu", filter, rows->n,
		                 m->queue_count) +
		     3;
	if (fresh)
		x += canvas_putf(c, x, y, c->w - 1 - x, ROLE_MATCH, "%zu new, g sorts them in", fresh) + 3;
	if (m->queue_total > (int64_t)m->queue_count)
		canvas_putf(c, x, y, c->w - 1 - x, ROLE_MUTED, "the first %zu of %lld", m->queue_count,
		            (long long)m->queue_total);
	double plain = 0, wire = 0;
	char a[FORMAT_LEN], b[FORMAT_LEN];
	for (size_t i = 0; i < m->queue_count; i++)
		if (!m->queue[i].done && m->queue[i].size_wire > 0) {
			plain += m->queue[i].size_plain;
			wire += m->queue[i].size_wire;
		}
	if (wire > 0 && wire < plain && c->w - x > 28)
		canvas_right(c, c->w - 2, y, ROLE_SAVED, "%s as %s, -%d%%", format_size(a, plain), format_size(b, wire),
		             format_saved(plain, wire));
}

static void draw(struct view *v, struct canvas *c, int y, int h)
{
	struct rows rows = rows_of_screen(v, SCREEN_QUEUE);
	struct list *list = &v->lists[SCREEN_QUEUE];
	int height = h - 4;
	size_t at = list_place(list, rows.id, rows.n, (size_t)height);
	v->page = (size_t)height;
	draw_facts(v, c, y, &rows);
	draw_queue_head(c, 0, y + 1, c->w - 1);
	for (int i = 0; i < height && list->top + (size_t)i < rows.n; i++) {
		size_t row = list->top + (size_t)i;
		draw_queue_row(v, c, 0, y + 2 + i, c->w - 1, rows.at[row], true);
		if (row == at)
			draw_cursor(c, 0, y + 2 + i, c->w);
	}
	if (!rows.n)
		canvas_put(c, 1, y + 2, c->w - 2, ROLE_MUTED,
		           v->filters[SCREEN_QUEUE][0] ? "Nothing matches.  Esc shows all." : "Nothing is on its way.");
	if (rows.n) {
		const struct model_queue *q = &v->model.queue[rows.at[at]];
		char since[FORMAT_LEN], words[700];
		if (q->done)
			snprintf(words, sizeof words, "%.300s: done.", q->item);
		else
			snprintf(words, sizeof words, "%.300s: %s, %.250s%s%s", q->item,
				 q->kind[0] ? q->kind : "change", q->reason && *q->reason ? q->reason : "next in line",
				 strcmp(q->state, "held") ? ", since " : "", /* what is held was not queued */
				 strcmp(q->state, "held") ? format_time(since, q->since_ms, v->now_ms, true) : "");
		int lines = canvas_wrapped_rows(c->w - 2, words) > 1 ? 2 : 1;
		canvas_wrapped(c, 1, y + h - lines, c->w - 2, lines, ROLE_MUTED, words);
	}
	rows_finish(&rows);
}

static const enum command hints[] = { CMD_ITEM_HISTORY, CMD_FILTER,  CMD_SETTLE, CMD_PAUSE,
	                              CMD_RETRY,        CMD_PALETTE, CMD_NONE };

const struct screen screen_queue = { .title = "Queue", .lister = &lister_queue, .draw = draw, .hints = hints };

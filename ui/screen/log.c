/* Log: everything that was said, the message line's words included. */
#include <stdio.h>

#include "ui/format.h"
#include "ui/view.h"

static const char *const levels[] = { "debug", "info", "warn", "error", "alert" };

static void draw(struct view *v, struct canvas *c, int y, int h)
{
	struct rows rows = rows_of_screen(v, SCREEN_LOG);
	struct list *list = &v->lists[SCREEN_LOG];
	int width = c->w - 1, height = h - 2;
	char a[FORMAT_LEN], b[FORMAT_LEN];
	size_t at = list_place(list, rows.id, rows.n, (size_t)height);
	v->page = (size_t)height;
	int x = 1 + canvas_putf(c, 1, y, width, ROLE_MUTED, "level %s and up", levels[v->log_level]) + 3;
	if (v->filters[SCREEN_LOG][0])
		canvas_putf(c, x, y, width - x, ROLE_MATCH, "filter %s", v->filters[SCREEN_LOG]);
	if (rows.n)
		canvas_right(c, width - 1, y, ROLE_MUTED, "%sline %s of %s", list->at_end ? "following   " : "",
		             format_count(a, (int64_t)at + 1), format_count(b, (int64_t)rows.n));
	canvas_put(c, 1, y + 1, 12, ROLE_MUTED, "TIME");
	canvas_put(c, 12, y + 1, 6, ROLE_MUTED, "LEVEL");
	canvas_put(c, 19, y + 1, 6, ROLE_MUTED, "FROM");
	canvas_put(c, 28, y + 1, 6, ROLE_MUTED, "WHAT");
	for (int i = 0; i < height && list->top + (size_t)i < rows.n; i++) {
		size_t row = list->top + (size_t)i;
		draw_log_row(v, c, 0, y + 2 + i, width, rows.at[row]);
		if (row == at)
			draw_cursor(c, 0, y + 2 + i, c->w);
	}
	if (!rows.n)
		canvas_put(c, 1, y + 2, width - 1, ROLE_MUTED, "Nothing was said at this level.  L shows more.");
	rows_finish(&rows);
}

static bool act(struct view *v, enum command command)
{
	struct list *list = &v->lists[SCREEN_LOG];
	if (command == CMD_LEVEL) {
		v->log_level = (enum log_level)((v->log_level + 1) % (LEVEL_ALERT + 1));
		return true;
	}
	if (command == CMD_FOLLOW) {
		list->at_end = true;
		view_hint(v, "Following.  Moving up stops it.");
		return true;
	}
	if (command == CMD_UP && list->at_end)
		view_hint(v, "No longer following: F or G starts again.");
	return false;
}

static const enum command hints[] = { CMD_FOLLOW, CMD_LEVEL, CMD_FILTER, CMD_SETTLE, CMD_PALETTE, CMD_NONE };

const struct screen screen_log = { .title = "Log", .lister = &lister_log, .draw = draw, .act = act, .hints = hints };

/* History: the versions of one item, or the latest of all. Going back adds a version; nothing is rewritten. */
#include <stdio.h>
#include <string.h>

#include "ui/format.h"
#include "ui/view.h"
#include "ui/widget/table.h"

enum { VERSION_ID, WHEN, DEVICE, HOW, ITEM, SIZE, COLUMNS };

static void draw_text(struct view *v, struct canvas *c, int y, int h, const struct history_row *row)
{
	const char *item = row->item ? row->item : v->history_item;
	const struct version_text *t = item ? view_text(v, item, row->version) : NULL;
	char size[FORMAT_LEN];
	canvas_heading(c, 0, y, c->w - 1, "");
	canvas_putf(c, 1, y, c->w - 2, ROLE_HEADING, "VERSION %.8s", row->version);
	if (!t || t->state != TEXT_HERE) {
		canvas_put(c, 1, y + 1, c->w - 2, ROLE_MUTED,
		           !t                        ? "loading"
		           : t->state == TEXT_BINARY ? "binary"
		                                     : "its content is not here");
		return;
	}
	const uint8_t *at = t->text.data, *end = at + t->text.len;
	for (int i = 1; i < h && at && at < end; i++) {
		const uint8_t *newline = memchr(at, '\n', (size_t)(end - at));
		size_t len = newline ? (size_t)(newline - at) : (size_t)(end - at);
		canvas_putf(c, 1, y + i, 4, ROLE_MUTED, "%4d", i);
		canvas_line(c, 7, y + i, c->w - 8, ROLE_TEXT, at, len, 0);
		at = newline ? newline + 1 : end;
	}
	if (at && at < end && h > 1)
		canvas_right(c, c->w - 2, y, ROLE_HEADING, "the first lines of %s",
		             format_size(size, (double)t->text.len));
}

static void draw(struct view *v, struct canvas *c, int y, int h)
{
	struct rows rows = rows_of_screen(v, SCREEN_HISTORY);
	struct list *list = &v->lists[SCREEN_HISTORY];
	bool one = v->history_item != NULL;
	struct column k[COLUMNS] = {
		[VERSION_ID] = { "VERSION", 9, 0, false, 0, 0, 0, 0 },
		[WHEN] = { "WHEN", 10, 0, false, 0, 0, 0, 0 },
		[DEVICE] = { "DEVICE", 12, 1, false, 0, 1, 0, 0 },
		[HOW] = { "WHAT", 8, one, false, 0, 0, 0, 0 },
		[ITEM] = { "ITEM", one ? 1 : 20, one ? 0 : 4, false, one, 0, 0, 0 },
		[SIZE] = { "SIZE", 7, 0, true, 0, 0, 0, 0 },
	};
	int width = c->w - 1, text = h >= 14 ? h / 2 : 0, height = h - 2 - text;
	size_t at;
	if (rows.n && (int)rows.n + 1 < height) {
		text = text ? text + height - (int)rows.n - 1 : 0;
		height = (int)rows.n + 1;
	}
	at = list_place(list, rows.id, rows.n, (size_t)(text ? height - 1 : height));
	v->page = (size_t)(text ? height - 1 : height);
	if (one)
		canvas_putf(c, 1, y, width - 1, ROLE_TEXT, "%.600s   %zu version%s", v->history_item, v->history_count,
		            v->history_count == 1 ? "" : "s");
	else
		canvas_put(c, 1, y, width - 1, ROLE_MUTED, "newest first");
	if (one)
		k[ITEM].min = 0;
	table_fit(k, COLUMNS, 1, width - 1);
	table_head(c, y + 1, k, COLUMNS);
	for (int i = 0; i < (text ? height - 1 : height) && list->top + (size_t)i < rows.n; i++) {
		const struct history_row *row = &v->history[rows.at[list->top + (size_t)i]];
		char text_at[FORMAT_LEN], version[12];
		snprintf(version, sizeof version, "%.8s", row->version);
		table_text(c, y + 2 + i, &k[VERSION_ID], ROLE_KEY, version);
		table_put(c, y + 2 + i, &k[WHEN], ROLE_MUTED, format_time(text_at, row->at_ms, v->now_ms, true));
		table_text(c, y + 2 + i, &k[DEVICE], ROLE_TEXT, row->device);
		table_text(c, y + 2 + i, &k[HOW], ROLE_TEXT, row->how[0] ? row->how : row->kind);
		table_text(c, y + 2 + i, &k[ITEM], ROLE_TEXT, row->item);
		table_put(c, y + 2 + i, &k[SIZE], ROLE_MUTED, format_size(text_at, row->size));
		if (list->top + (size_t)i == at)
			draw_cursor(c, 0, y + 2 + i, c->w);
	}
	if (!rows.n)
		canvas_put(c, 1, y + 2, width - 1, ROLE_MUTED,
		           one ? "No version is known."
		               : "Nothing to show.  H on an item, in Queue or Conflicts, shows its versions.");
	if (rows.n && text > 2)
		draw_text(v, c, y + 2 + height, text, &v->history[rows.at[at]]);
	rows_finish(&rows);
}

static bool act(struct view *v, enum command command)
{
	const struct lister *lister;
	size_t i;
	if (command == CMD_OPEN && !v->history_item && view_cursor(v, &lister, &i) && v->history[i].item &&
	    view_needs_engine(v)) {
		view_open_history(v, v->history[i].item);
		return true;
	}
	if (command != CMD_RESTORE || !view_cursor(v, &lister, &i))
		return false;
	const struct history_row *row = &v->history[i];
	const char *item = row->item ? row->item : v->history_item;
	if (!item || !row->version[0] || !view_needs_engine(v))
		return true;
	char note[400];
	snprintf(note, sizeof note, "%.300s to version %.8s", item, row->version);
	view_ask(v, ASK_RESTORE, json_pack("{s:s,s:s,s:s}", "do", "restore", "item", item, "version", row->version),
	         note);
	return true;
}

static const enum command hints[] = { CMD_RESTORE, CMD_FILTER, CMD_SETTLE, CMD_PALETTE, CMD_NONE };

const struct screen screen_history = {
	.title = "History", .lister = &lister_history, .draw = draw, .act = act, .hints = hints
};

/* Conflicts: what waits for a person, oldest first, with both sides in view. A letter chooses, Enter applies. */
#include <stdio.h>
#include <string.h>

#include "ui/view.h"

static void draw(struct view *v, struct canvas *c, int y, int h)
{
	struct rows rows = rows_of_screen(v, SCREEN_CONFLICTS);
	struct list *list = &v->lists[SCREEN_CONFLICTS];
	const char *filter = v->filters[SCREEN_CONFLICTS];
	int width = c->w - 1, preview = h - 8 < 12 ? h - 8 : h >= 30 ? h / 2 : 12, height = h - 3 - preview;
	size_t at, decided = 0;
	if (rows.n && (int)rows.n < height) { /* a short list leaves its room to the preview */
		preview += height - (int)rows.n;
		height = (int)rows.n;
	}
	at = list_place(list, rows.id, rows.n, (size_t)(height > 0 ? height : 1));
	v->page = (size_t)(height > 0 ? height : 1);
	for (size_t i = 0; i < v->model.conflict_count; i++)
		decided += view_decision(v, &v->model.conflicts[i]) != NULL;
	int x = 1 + canvas_putf(c, 1, y, width, ROLE_MUTED, "%zu waiting   oldest first", v->model.conflict_count) + 3;
	if (decided)
		x += canvas_putf(c, x, y, width - x, ROLE_MARKED, "%zu decided, Enter applies the one under the cursor",
		                 decided) +
		     3;
	if (filter[0])
		canvas_putf(c, x, y, width - x, ROLE_MATCH, "filter %s   %zu of %zu", filter, rows.n,
		            v->model.conflict_count);
	draw_conflict_head(c, 0, y + 1, width);
	for (int i = 0; i < height && list->top + (size_t)i < rows.n; i++) {
		size_t row = list->top + (size_t)i;
		draw_conflict_row(v, c, 0, y + 2 + i, width, rows.at[row], true);
		if (row == at)
			draw_cursor(c, 0, y + 2 + i, c->w);
	}
	if (rows.n)
		draw_preview(v, c, 0, y + 3 + height, width, preview, &v->model.conflicts[rows.at[at]]);
	else
		canvas_put(c, 1, y + 2, width - 1, ROLE_MUTED,
		           filter[0] ? "Nothing matches.  Esc shows all." : "Nothing waits for you.");
	rows_finish(&rows);
}

static const enum command hints[] = { CMD_OPEN,         CMD_MINE,   CMD_THEIRS, CMD_UNDECIDE,
	                              CMD_ITEM_HISTORY, CMD_FILTER, CMD_NONE };

static bool act(struct view *v, enum command command)
{
	const struct model_conflict *k;
	struct decision *d;
	if (command != CMD_UNDECIDE)
		return false;
	k = view_conflict_here(v);
	d = k ? view_decision(v, k) : NULL;
	if (d && d->sent)
		view_hint(v, "%.300s is being settled already.", k->item);
	else if (d) {
		d->side = 0;
		view_hint(v, "%.300s: undecided again.", k->item);
	}
	return true;
}

const struct screen screen_conflicts = {
	.title = "Conflicts", .lister = &lister_conflicts, .draw = draw, .act = act, .hints = hints
};

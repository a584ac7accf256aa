/* Categories: what is synced, where it lives, and what happens when both sides edit. */
#include <stdio.h>
#include <string.h>

#include "ui/format.h"
#include "ui/view.h"
#include "ui/widget/table.h"

enum { MARK, NAME, ITEMS, SIZE, PENDING, NEEDS, POLICY, CHANGED, STATE, COLUMNS };

static void columns_fit(struct column out[COLUMNS], int width)
{
	const struct column columns[COLUMNS] = {
		[MARK] = { "", 1, 0, false, 0, 0, 0, 0 },         [NAME] = { "CATEGORY", 23, 3, false, 0, 0, 0, 0 },
		[ITEMS] = { "ITEMS", 6, 1, true, 0, 0, 0, 0 },    [SIZE] = { "SIZE", 7, 1, true, 3, 0, 0, 0 },
		[PENDING] = { "MOVING", 6, 1, true, 0, 0, 0, 0 }, [NEEDS] = { "!", 3, 0, true, 0, 0, 0, 0 },
		[POLICY] = { "POLICY", 6, 1, false, 1, 1, 0, 0 }, [CHANGED] = { "CHANGED", 8, 1, false, 2, 0, 0, 0 },
		[STATE] = { "STATE", 9, 1, false, 0, 0, 0, 0 },
	};
	memcpy(out, columns, sizeof columns);
	table_fit(out, COLUMNS, 1, width - 1);
}

static void draw_row(struct view *v, struct canvas *c, int y, size_t i, const struct column *k)
{
	const struct model_category *row = &v->model.categories[i];
	struct brief b;
	char text[FORMAT_LEN];
	lister_categories.brief(v, i, &b);
	const char *state = strstr(b.fact, "  ");
	table_put(c, y, &k[MARK], b.role, b.mark);
	table_text(c, y, &k[NAME], ROLE_TEXT, row->name);
	table_put(c, y, &k[ITEMS], ROLE_TEXT, format_count(text, row->items));
	table_put(c, y, &k[SIZE], ROLE_MUTED, row->bytes > 0 ? format_size(text, row->bytes) : "-");
	table_put(c, y, &k[PENDING], row->pending ? ROLE_BUSY : ROLE_MUTED, format_count(text, row->pending));
	table_put(c, y, &k[NEEDS], row->conflicts ? ROLE_CONFLICT : ROLE_MUTED, format_count(text, row->conflicts));
	table_text(c, y, &k[POLICY], ROLE_TEXT, row->strategy);
	table_put(c, y, &k[CHANGED], ROLE_MUTED, format_time(text, row->changed_ms, v->now_ms, false));
	table_put(c, y, &k[STATE], b.role, state ? state + 2 : "");
}

static void draw_details(struct canvas *c, int y, int width, int rows, const struct model_category *k)
{
	static const struct {
		const char *strategy, *means;
	} policies[] = {
		{ "merge", "Policy merge: edits of both sides are joined; what cannot be joined waits for you." },
		{ "newest", "Policy newest: the later edit wins; the other one stays in History." },
		{ "ask", "Policy ask: nothing is overwritten without you." },
	};
	char count[FORMAT_LEN], size[FORMAT_LEN];
	canvas_heading(c, 0, y, width, "");
	int used = canvas_text(c, 1, y, width / 2, ROLE_HEADING, k->name);
	if (k->path)
		canvas_right(c, width - 1, y, ROLE_HEADING, "%.300s",
		             (int)strlen(k->path) < width - used - 4 ? k->path : "");
	canvas_putf(c, 1, y + 1, width - 1, ROLE_TEXT, "%s item%s%s%s.  %lld moving, %lld in conflict.%s%s",
	            format_count(count, k->items), k->items == 1 ? "" : "s", k->bytes > 0 ? ", " : "",
	            k->bytes > 0 ? format_size(size, k->bytes) : "", (long long)k->pending, (long long)k->conflicts,
	            k->profile ? "  Profile " : "", k->profile ? k->profile : "");
	if (k->error)
		canvas_wrapped(c, 1, y + 2, width - 1, rows - 2, ROLE_ERROR, k->error);
	for (size_t i = 0; i < sizeof policies / sizeof *policies; i++)
		if (!k->error && !strcmp(k->strategy, policies[i].strategy))
			canvas_wrapped(c, 1, y + 2, width - 1, rows - 2, ROLE_MUTED, policies[i].means);
}

static void draw(struct view *v, struct canvas *c, int y, int h)
{
	struct rows rows = rows_of_screen(v, SCREEN_CATEGORIES);
	struct list *list = &v->lists[SCREEN_CATEGORIES];
	struct column k[COLUMNS];
	char count[FORMAT_LEN], size[FORMAT_LEN];
	int width = c->w - 1, height = h - 8, shown;
	size_t at = list_place(list, rows.id, rows.n, (size_t)height), paused = 0;
	int64_t items = 0;
	double bytes = 0;
	v->page = (size_t)height;
	for (size_t i = 0; i < v->model.category_count; i++) {
		paused += !strcmp(v->model.categories[i].state, "paused");
		items += v->model.categories[i].items;
		bytes += v->model.categories[i].bytes;
	}
	int x = 1 +
	        canvas_putf(c, 1, y, width, ROLE_MUTED, "%zu on   %zu paused", v->model.category_count - paused,
	                    paused) +
	        3;
	if (v->filters[SCREEN_CATEGORIES][0])
		canvas_putf(c, x, y, width - x, ROLE_MATCH, "filter %s   %zu of %zu", v->filters[SCREEN_CATEGORIES],
		            rows.n, v->model.category_count);
	if (bytes > 0)
		canvas_right(c, width - 1, y, ROLE_MUTED, "%s items, %s", format_count(count, items),
		             format_size(size, bytes));
	else
		canvas_right(c, width - 1, y, ROLE_MUTED, "%s items", format_count(count, items));
	columns_fit(k, width);
	table_head(c, y + 1, k, COLUMNS);
	for (shown = 0; shown < height && list->top + (size_t)shown < rows.n; shown++) {
		size_t row = list->top + (size_t)shown;
		draw_row(v, c, y + 2 + shown, rows.at[row], k);
		if (row == at)
			draw_cursor(c, 0, y + 2 + shown, c->w);
	}
	if (rows.n)
		draw_details(c, y + 3 + shown, width, h - 3 - shown, &v->model.categories[rows.at[at]]);
	else
		canvas_put(c, 1, y + 2, width - 1, ROLE_MUTED,
		           "No category yet: 'syncline add notes ~/notes' makes one.");
	rows_finish(&rows);
}

static bool act(struct view *v, enum command command)
{
	const struct lister *lister;
	size_t i;
	if (command != CMD_PAUSE_CATEGORY || !view_cursor(v, &lister, &i))
		return false;
	const struct model_category *k = &v->model.categories[i];
	bool paused = !strcmp(k->state, "paused");
	char note[128];
	if (!k->name || !view_needs_engine(v))
		return true;
	snprintf(note, sizeof note, paused ? "Resumed %.80s." : "Paused %.80s.  p resumes it.", k->name);
	view_ask(v, ASK_PLAIN, json_pack("{s:s,s:s}", "do", paused ? "resume" : "pause", "category", k->name), note);
	return true;
}

static const enum command hints[] = { CMD_PAUSE_CATEGORY, CMD_FILTER, CMD_SETTLE, CMD_PALETTE, CMD_RETRY, CMD_NONE };

const struct screen screen_categories = {
	.title = "Categories", .lister = &lister_categories, .draw = draw, .act = act, .hints = hints
};

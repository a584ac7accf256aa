/* Which rows of a list are there, and which one is under the cursor. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ui/view.h"

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
		if (len && row_says(b, filter + not, len - not ) == not )
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

const struct lister *const view_block_listers[BLOCK_COUNT] = {
	[BLOCK_NEEDS] = &lister_conflicts,
	[BLOCK_MOVING] = &lister_queue,
	[BLOCK_CATEGORIES] = &lister_categories,
	[BLOCK_DEVICES] = &lister_devices,
};

struct list *view_list(struct view *v, const struct lister **lister, struct rows *rows)
{
	if (v->screen == SCREEN_HOME) {
		*lister = view_block_listers[v->block];
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
	const struct list *l = view_list(v, lister, &rows);
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

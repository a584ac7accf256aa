#include "ui/widget/table.h"

#include <string.h>

static int need(const struct column *columns, int count)
{
	int sum = -1;
	for (int i = 0; i < count; i++)
		if (columns[i].w)
			sum += columns[i].min + 1 + columns[i].gap;
	return sum;
}

static bool drop_one(struct column *columns, int count)
{
	int worst = -1;
	for (int i = 0; i < count; i++)
		if (columns[i].w && columns[i].drop && (worst < 0 || columns[i].drop > columns[worst].drop))
			worst = i;
	if (worst < 0)
		return false;
	columns[worst].w = 0;
	return true;
}

void table_fit(struct column *columns, int count, int x, int width)
{
	int weights = 0, left;
	for (int i = 0; i < count; i++)
		columns[i].w = columns[i].min;
	while (need(columns, count) > width && drop_one(columns, count))
		;
	left = width - need(columns, count);
	for (int i = 0; i < count; i++)
		weights += columns[i].w ? columns[i].weight : 0;
	for (int i = 0; i < count; i++) {
		struct column *k = &columns[i];
		if (!k->w)
			continue;
		int share = left > 0 && k->weight ? left * k->weight / weights : 0;
		weights -= k->weight;
		left -= share;
		k->w += share;
		x += k->gap;
		k->x = x;
		x += k->w + 1;
	}
}

void table_head(struct canvas *c, int y, const struct column *columns, int count)
{
	for (int i = 0; i < count; i++)
		table_put(c, y, &columns[i], ROLE_MUTED, columns[i].title);
}

void table_put(struct canvas *c, int y, const struct column *k, enum role role, const char *words)
{
	if (!k->w)
		return;
	if (k->right) {
		struct cell cells[CANVAS_MAX_W];
		int n = (int)ui_text(cells, CANVAS_MAX_W, words, strnlen(words, TEXT_NAME_MAX), role,
		                     TEXT_CHROME | (c->ascii ? TEXT_ASCII : 0));
		canvas_put(c, n < k->w ? k->x + k->w - n : k->x, y, k->w, role, words);
	} else {
		canvas_put(c, k->x, y, k->w, role, words);
	}
}

void table_text(struct canvas *c, int y, const struct column *k, enum role role, const char *outside)
{
	if (k->w)
		canvas_text(c, k->x, y, k->w, role, outside);
}

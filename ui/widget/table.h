/* table: columns that share a width. Each has a least width; what is left goes to those with a weight; when even the
 * least does not fit, columns are dropped, the highest `drop` first. */
#ifndef UI_WIDGET_TABLE_H
#define UI_WIDGET_TABLE_H
#include "ui/canvas.h"

struct column {
	const char *title;
	int min, weight;
	bool right;
	int drop; /* 0: never */
	int gap;  /* blanks before it, beyond the one */
	int x, w; /* set by table_fit; w 0: dropped */
};

void table_fit(struct column *columns, int count, int x, int width);
void table_head(struct canvas *c, int y, const struct column *columns, int count);
void table_put(struct canvas *c, int y, const struct column *column, enum role role, const char *words);
void table_text(struct canvas *c, int y, const struct column *column, enum role role, const char *outside);
#endif

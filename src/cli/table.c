#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "cli/say.h"

#define COLUMNS_MAX 12
#define GROW_LEAST 12 /* cells that a cut column keeps */

struct cell {
	char *text; /* escaped */
	enum tint tint;
	int cells;
};

struct table {
	const char *titles[COLUMNS_MAX];
	int flags[COLUMNS_MAX], widths[COLUMNS_MAX];
	size_t columns;
	struct cell *rows;
	size_t count, cap;
};

struct table *table_create(void)
{
	return mem_alloc(sizeof(struct table));
}

void table_column(struct table *t, const char *title, int flags)
{
	t->titles[t->columns] = title;
	t->flags[t->columns] = flags;
	t->widths[t->columns++] = say_cells(title);
}

void table_cell(struct table *t, enum tint tint, const char *text)
{
	MEM_ROOM(t->rows, t->count, t->cap);
	struct cell *c = &t->rows[t->count];
	c->text = mem_text(say_text(text));
	c->tint = tint;
	c->cells = say_cells(c->text);
	size_t column = t->count++ % t->columns;
	if (c->cells > t->widths[column])
		t->widths[column] = c->cells;
}

void table_number(struct table *t, int64_t n)
{
	char text[24];
	snprintf(text, sizeof text, "%lld", (long long)n);
	table_cell(t, n ? TINT_NONE : TINT_DIM, text);
}

/* Cuts escaped text to `cells`, the end marked. */
static void cut(struct cell *c, int cells)
{
	const char *mark = say_unicode() ? "…" : ">";
	char *at = c->text;
	int used = 0;
	for (;;) {
		uint32_t point;
		size_t n = utf8_decode(at, strlen(at), &point);
		int w = n ? wcwidth((wchar_t)point) : 1;
		w = w < 0 ? 1 : w;
		if (!*at || used + w > cells - 1)
			break;
		used += w;
		at += n ? n : 1;
	}
	char *cut = mem_printf("%.*s%s", (int)(at - c->text), c->text, mark);
	free(c->text);
	c->text = cut;
	c->cells = used + 1;
}

static void fit(struct table *t, int indent)
{
	int width = say_width(), total = indent;
	if (!width)
		return;
	for (size_t i = 0; i < t->columns; i++)
		total += t->widths[i] + (i ? 2 : 0);
	for (size_t i = 0; i < t->columns && total > width; i++) {
		if (!(t->flags[i] & COLUMN_GROW))
			continue;
		int least = t->widths[i] < GROW_LEAST ? t->widths[i] : GROW_LEAST;
		int wanted = t->widths[i] - (total - width);
		wanted = wanted < least ? least : wanted;
		total -= t->widths[i] - wanted;
		t->widths[i] = wanted;
	}
	for (size_t i = 0; i < t->count; i++)
		if (t->rows[i].cells > t->widths[i % t->columns])
			cut(&t->rows[i], t->widths[i % t->columns]);
}

static void put(const struct table *t, size_t column, const char *text, int cells, enum tint tint)
{
	int pad = t->widths[column] - cells;
	bool right = t->flags[column] & COLUMN_RIGHT, last = column + 1 == t->columns;
	printf("%s%*s%s%s%s%*s", column ? "  " : "", right ? pad : 0, "", say_tint(tint), text, tint ? say_plain() : "",
	       right || last ? 0 : pad, "");
}

void table_print(struct table *t, const char *indent)
{
	fit(t, (int)strlen(indent));
	fputs(indent, stdout);
	for (size_t i = 0; i < t->columns; i++)
		put(t, i, t->titles[i], say_cells(t->titles[i]), TINT_DIM);
	putchar('\n');
	for (size_t i = 0; i < t->count; i++) {
		if (i % t->columns == 0)
			fputs(indent, stdout);
		put(t, i % t->columns, t->rows[i].text, t->rows[i].cells, t->rows[i].tint);
		if (i % t->columns == t->columns - 1)
			putchar('\n');
		free(t->rows[i].text);
	}
	free(t->rows);
	free(t);
}

#include "ui/canvas.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"

#define LINE_CELLS (CANVAS_MAX_W + 8)

static const struct cell blank = { .text = { L' ' }, .width = 1, .role = ROLE_TEXT };

static int within(int value, int max)
{
	return value < 1 ? 1 : value > max ? max : value;
}

void canvas_init(struct canvas *c, int w, int h, bool ascii)
{
	*c = (struct canvas){ .ascii = ascii };
	canvas_resize(c, w, h);
}

void canvas_finish(struct canvas *c)
{
	free(c->cells);
	c->cells = NULL;
}

void canvas_resize(struct canvas *c, int w, int h)
{
	c->w = within(w, CANVAS_MAX_W);
	c->h = within(h, CANVAS_MAX_H);
	c->cells = mem_grow(c->cells, (size_t)c->w * (size_t)c->h, sizeof *c->cells);
	canvas_clear(c);
}

void canvas_clear(struct canvas *c)
{
	canvas_wipe(c, 0, c->h);
	c->cursor_x = c->cursor_y = 0;
	c->cursor_shown = false;
}

void canvas_wipe(struct canvas *c, int y, int rows)
{
	for (int i = y < 0 ? 0 : y; i < y + rows && i < c->h; i++)
		for (int x = 0; x < c->w; x++)
			*canvas_at(c, x, i) = blank;
}

struct cell *canvas_at(const struct canvas *c, int x, int y)
{
	return &c->cells[(size_t)y * (size_t)c->w + (size_t)x];
}

/* One column for each of `n` cells at x. A wide cell that is overwritten in half leaves a blank. */
static void place(struct canvas *c, int x, int y, const struct cell *cells, int n)
{
	if (n < 1)
		return;
	if (canvas_at(c, x, y)->width == 0 && x > 0)
		canvas_at(c, x - 1, y)->text[0] = L' ', canvas_at(c, x - 1, y)->width = 1;
	int after = x + n;
	if (after < c->w && canvas_at(c, after, y)->width == 0)
		*canvas_at(c, after, y) = blank;
	for (int i = 0; i < n; i++)
		*canvas_at(c, x + i, y) = cells[i];
}

/* Cuts `n` cells to `room`; the last one tells that something is missing. */
static int cut(const struct canvas *c, struct cell *cells, int n, int room, enum role role)
{
	if (n <= room)
		return n;
	int keep = room - 1;
	if (cells[keep].width == 0) /* the left half of a wide one would be the last kept */
		cells[keep - 1] = (struct cell){ .text = { L' ' }, .width = 1, .role = (uint8_t)role };
	cells[keep] = (struct cell){ .text = { c->ascii ? L'~' : L'⋯' }, .width = 1, .role = (uint8_t)role };
	return room;
}

static int put(struct canvas *c, int x, int y, int width, enum role role, const void *bytes, size_t len, unsigned how,
               int skip, bool to_right)
{
	struct cell cells[LINE_CELLS], *at = cells;
	int last = c->w > 1 ? c->w - 1 : 1; /* the empty column; one cell wide, a screen has none to spare */
	int room = width, edge = last - x;
	if (c->ascii)
		how |= TEXT_ASCII;
	int n = (int)ui_text(cells, LINE_CELLS, bytes, len, role, how);
	if (to_right) { /* x is the last column */
		room = width < x + 1 ? width : x + 1;
		x -= (n < room ? n : room) - 1;
		edge = last - x;
	}
	if (skip > 0) {
		skip = skip < n ? skip : n;
		at += skip;
		n -= skip;
		if (n && at->width == 0)
			*at = blank;
	}
	room = room < edge ? room : edge;
	if (y < 0 || y >= c->h || x < 0 || room < 1)
		return 0;
	n = cut(c, at, n, room, role);
	place(c, x, y, at, n);
	return n;
}

static size_t bounded(const char *text)
{
	return strnlen(text, TEXT_NAME_MAX);
}

#define CANVAS_WRAP 512 /* cells of the longest line that is broken */

int canvas_put(struct canvas *c, int x, int y, int width, enum role role, const char *words)
{
	return put(c, x, y, width, role, words, bounded(words), TEXT_CHROME, 0, false);
}

int canvas_text(struct canvas *c, int x, int y, int width, enum role role, const char *text)
{
	return text ? put(c, x, y, width, role, text, bounded(text), 0, 0, false) : 0;
}

int canvas_line(struct canvas *c, int x, int y, int width, enum role role, const void *bytes, size_t len, int skip)
{
	return put(c, x, y, width, role, bytes, len < TEXT_NAME_MAX ? len : TEXT_NAME_MAX, TEXT_LAYOUT, skip, false);
}

/* How many bytes fit before a blank; all of them where nothing has to be broken, or nothing can. */
static size_t line_of(const char *words, int width)
{
	struct cell cells[CANVAS_WRAP];
	size_t best = 0, len = strlen(words);
	for (size_t end = 0; end <= len; end++) {
		if (end < len && words[end] != ' ')
			continue;
		if (ui_text(cells, CANVAS_WRAP, words, end, ROLE_TEXT, TEXT_CHROME) > (size_t)width)
			return best ? best : len;
		best = end;
	}
	return len;
}

int canvas_wrapped_rows(int width, const char *words)
{
	int rows = 0;
	for (width = width < CANVAS_WRAP ? width : CANVAS_WRAP - 1; *words; rows++) {
		words += line_of(words, width);
		words += strspn(words, " ");
	}
	return rows;
}

int canvas_wrapped(struct canvas *c, int x, int y, int width, int rows, enum role role, const char *words)
{
	int used = 0;
	if (width >= CANVAS_WRAP)
		width = CANVAS_WRAP - 1;
	while (used < rows && *words) {
		size_t len = used + 1 < rows ? line_of(words, width) : strlen(words);
		put(c, x, y + used++, width, role, words, len, TEXT_CHROME, 0, false);
		words += len;
		words += strspn(words, " ");
	}
	return used;
}

int canvas_putf(struct canvas *c, int x, int y, int width, enum role role, const char *format, ...)
{
	char words[TEXT_NAME_MAX];
	va_list args;
	va_start(args, format);
	vsnprintf(words, sizeof words, format, args);
	va_end(args);
	return canvas_put(c, x, y, width, role, words);
}

int canvas_right(struct canvas *c, int end, int y, enum role role, const char *format, ...)
{
	char words[TEXT_NAME_MAX];
	va_list args;
	va_start(args, format);
	vsnprintf(words, sizeof words, format, args);
	va_end(args);
	if (end > c->w - 2)
		end = c->w - 2;
	return put(c, end, y, end + 1, role, words, bounded(words), TEXT_CHROME, 0, true);
}

void canvas_flag(struct canvas *c, int x, int y, int width, unsigned flags)
{
	if (y < 0 || y >= c->h)
		return;
	for (int i = x < 0 ? 0 : x; i < x + width && i < c->w - 1; i++)
		canvas_at(c, i, y)->flags |= (uint8_t)flags;
}

void canvas_flag_all(struct canvas *c, int y, int rows, unsigned flags)
{
	for (int i = y; i < y + rows; i++)
		canvas_flag(c, 0, i, c->w, flags);
}

void canvas_heading(struct canvas *c, int x, int y, int width, const char *words)
{
	if (y < 0 || y >= c->h)
		return;
	for (int i = x < 0 ? 0 : x + 1; i < x + width && i < c->w - 1; i++)
		canvas_at(c, i, y)->role = ROLE_HEADING;
	canvas_put(c, x + 1, y, width - 1, ROLE_HEADING, words);
}

const char *canvas_row(const struct canvas *c, int y, char *out)
{
	char *at = out;
	for (int x = 0; x < c->w; x++) {
		const struct cell *cell = canvas_at(c, x, y);
		for (int i = 0; cell->width && i <= CELL_MARKS && cell->text[i]; i++)
			at += utf8_encode((uint32_t)cell->text[i], at);
	}
	*at = 0;
	return out;
}

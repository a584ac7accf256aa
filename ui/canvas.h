/* canvas: the grid of cells that screens draw on and tests read. Everything put here goes through ui_text, so a string
 * from outside can be handed to any of these. Drawing outside the grid does nothing, and the last column stays empty,
 * so that no terminal wraps. */
#ifndef UI_CANVAS_H
#define UI_CANVAS_H
#include "ui/text.h"

#define CANVAS_MAX_W 1000
#define CANVAS_MAX_H 500

struct canvas {
	int w, h;
	bool ascii;
	bool ascii_graph; /* block characters may be two cells wide here */
	struct cell *cells;
	int cursor_x, cursor_y; /* where the terminal's own cursor rests */
	bool cursor_shown;      /* in a text field */
};

void canvas_init(struct canvas *c, int w, int h, bool ascii);
void canvas_finish(struct canvas *c);
void canvas_resize(struct canvas *c, int w, int h); /* clears too */
void canvas_clear(struct canvas *c);
struct cell *canvas_at(const struct canvas *c, int x, int y);

/* All return how many cells they took. Text longer than `width` ends in ⋯. */
int canvas_put(struct canvas *c, int x, int y, int width, enum role role, const char *words);
int canvas_putf(struct canvas *c, int x, int y, int width, enum role role, const char *format, ...)
        __attribute__((format(printf, 6, 7)));
/* Text from outside, alone: its glyphs are no chrome. */
int canvas_text(struct canvas *c, int x, int y, int width, enum role role, const char *text);
/* A line of a file: tabs are layout. `skip` cells are scrolled away at the left. */
int canvas_line(struct canvas *c, int x, int y, int width, enum role role, const void *bytes, size_t len, int skip);
/* Our own words over up to `rows` rows, broken between words; what is left then ends in ⋯. Returns the rows used. */
int canvas_wrapped_rows(int width, const char *words); /* how many it would take */
int canvas_wrapped(struct canvas *c, int x, int y, int width, int rows, enum role role, const char *words);
/* Ends in column `end`. */
int canvas_right(struct canvas *c, int end, int y, enum role role, const char *format, ...)
        __attribute__((format(printf, 5, 6)));

void canvas_flag(struct canvas *c, int x, int y, int width, unsigned flags); /* adds flags to cells */
void canvas_flag_all(struct canvas *c, int y, int rows, unsigned flags);
/* A heading: from x + 1 on, as all text; its role is on the blanks too, which underlines the whole width. */
void canvas_heading(struct canvas *c, int x, int y, int width, const char *words);
void canvas_wipe(struct canvas *c, int y, int rows); /* blanks whole rows */

/* Row y as UTF-8 with all its blanks; out needs w * 4 * (1 + CELL_MARKS) + 1 bytes. */
const char *canvas_row(const struct canvas *c, int y, char *out);
#endif

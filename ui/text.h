/* text: the only way from bytes to cells. Whatever comes from a file name, another device, the hub, the engine or a
 * theme passes through ui_text, which turns everything that could steer a terminal, hide, or reorder its neighbours
 * into a visible escape of the role `unsafe`. What is in a cell is safe to send. */
#ifndef UI_TEXT_H
#define UI_TEXT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <wchar.h>

#include "ui/role.h"

#define CELL_MARKS 4 /* combining marks shown on one base: as many as ncurses keeps */

enum { CELL_SELECTED = 1, CELL_VERDICT = 2, CELL_FADED = 4 };

struct cell {
	wchar_t text[1 + CELL_MARKS]; /* a base and its marks, zero behind the last */
	uint8_t width;                /* 1 or 2; 0: the right half of the wide cell at its left */
	uint8_t role, flags;
};

enum {
	TEXT_ASCII = 1,  /* the terminal has ASCII only: bytes above become \xHH */
	TEXT_CHROME = 2, /* our own words: their glyphs have an ASCII form */
	TEXT_LAYOUT = 4, /* a text, not a name: a tab moves to the next multiple of 8 */
};

#define TEXT_NAME_MAX 4096 /* bytes of a name that are looked at */

/* Fills at most cap cells (a wide one takes two, its right half included) and returns how many. */
size_t ui_text(struct cell *out, size_t cap, const void *bytes, size_t len, enum role role, unsigned how);
#endif

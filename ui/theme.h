/* theme: how each role looks. A theme is a file in git-config syntax with git's colour grammar; it may come from
 * another device, so it is bounded, opened without following anything, and every value is judged by itself: what is
 * wrong is left out with a warning and the role keeps its base. Five themes are built in; harbor says every role. */
#ifndef UI_THEME_H
#define UI_THEME_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "ui/role.h"

#define THEME_FILE_MAX (64 * 1024)
#define THEME_KEYS_MAX 512
#define THEME_NAME_MAX 40

enum theme_depth { DEPTH_256, DEPTH_8, DEPTH_MONO, DEPTH_COUNT };
enum { STYLE_BOLD = 1, STYLE_DIM = 2, STYLE_UL = 4, STYLE_REVERSE = 8, STYLE_ITALIC = 16, STYLE_STRIKE = 32 };
#define STYLE_DEFAULT (-1) /* the terminal's own colour */
#define STYLE_UNSAID  (-2) /* as the role `text` has it */

struct style {
	int16_t fg, bg; /* 0..255, or one of the above */
	uint8_t attr;
	bool set;
};

struct theme {
	char name[THEME_NAME_MAX + 1], base[THEME_NAME_MAX + 1];
	char about[80];
	bool mono; /* attributes only, whatever the terminal can do */
	struct style styles[DEPTH_COUNT][ROLE_COUNT];
};

/* Everything known: the built-in themes, then those of files (which may replace one by its name). */
struct theme_book {
	struct theme *themes;
	size_t count, cap;
	char warning[256]; /* the latest: "FILE:LINE: what"; raw, may hold anything */
	int warnings;
};

void theme_book_init(struct theme_book *b);
void theme_book_finish(struct theme_book *b);
/* Adds the themes of one file; false with e set when it is refused or does not parse: then the book is as before. */
bool theme_book_add_file(struct theme_book *b, const char *path, struct err *e);
bool theme_book_add_text(struct theme_book *b, const char *name, const void *text, size_t len, struct err *e);
const struct theme *theme_find(const struct theme_book *b, const char *name);

/* Fills every role for a depth: the theme, its bases, the role it follows, harbor. */
void theme_resolve(const struct theme_book *b, const struct theme *t, enum theme_depth depth,
                   struct style out[ROLE_COUNT]);
/* How a cell of this role with these CELL_ flags looks; colours are 0..255 or STYLE_DEFAULT. */
struct style theme_cell(const struct style styles[ROLE_COUNT], enum role role, unsigned flags);

/* One value of git's colour grammar; *why says what is wrong with it. */
bool theme_parse_style(const char *value, struct style *out, const char **why);
int theme_nearest(int red, int green, int blue); /* among 16..255 */
void theme_rgb(int colour, int out[3]);          /* of 16..255 */

/* Generated from themes/ at build time. */
struct theme_shipped {
	const char *name, *text;
};
extern const struct theme_shipped theme_shipped[]; /* ends with a NULL name */
#endif

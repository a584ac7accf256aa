/* say: what the commands print. Every text that comes from outside is escaped here (base/utf8.h); columns are measured
 * in terminal cells; colours only on a terminal and without NO_COLOR. */
#ifndef CLI_SAY_H
#define CLI_SAY_H
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "base/json.h"

/* Errors: one line on stderr. Each returns `code`. */
int say_error(int code, const struct err *e);
int say_fail(int code, const char *what, const char *fix, const char *why_format, ...)
	__attribute__((format(printf, 4, 5)));
int say_usage(const char *verb, const char *why_format, ...) __attribute__((format(printf, 2, 3)));
int say_not_yet(const char *verb, const char *why_format, ...) __attribute__((format(printf, 2, 3)));

/* Something was done; silent with --quiet. Adds the newline. */
void say_done(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* JSON as one line. Returns 0. */
int say_json(const json_t *data);
bool say_json_wanted(void); /* --json was given */

/* A line on the terminal's stderr that the next one replaces; nothing when stderr is none, or with --quiet. */
bool say_progress_wanted(void);
void say_progress(const char *format, ...) __attribute__((format(printf, 1, 2)));
void say_progress_end(void);

enum tint { TINT_NONE, TINT_DIM, TINT_GOOD, TINT_BUSY, TINT_WARN, TINT_BAD, TINT_STRONG };
const char *say_tint(enum tint t);      /* the escape sequence, or "" */
const char *say_plain(void);            /* back to normal, or "" */
bool say_unicode(void);                 /* may we print beyond ASCII */
int say_width(void);                    /* of the terminal; 0: no terminal, do not cut */
const char *say_dot(void);              /* " · " or " - " */

/* Small texts in rotating memory: good until eight more were made. */
const char *say_text(const char *raw);                  /* escaped; NULL gives "-" */
const char *say_bytes(double bytes);                    /* "1.2 KB" */
const char *say_ago(const char *iso);                   /* "2 min ago"; NULL or unreadable gives "never" */
const char *say_span(int64_t ms);                       /* "1.5 s" */
const char *say_count(int64_t n, const char *one, const char *many); /* "1 item" */
const char *say_short(const char *id);                  /* the first 8 of a hex id */
bool say_time(const char *iso, int64_t *wall_ms);

/* A table: columns first, then cells row by row. A column with `grow` is cut when the line would be too long. */
struct table;
enum { COLUMN_LEFT = 0, COLUMN_RIGHT = 1, COLUMN_GROW = 2 };
struct table *table_create(void);
void table_column(struct table *t, const char *title, int flags);
void table_cell(struct table *t, enum tint tint, const char *text); /* escaped here; copied */
void table_number(struct table *t, int64_t n);                      /* dimmed when 0 */
void table_print(struct table *t, const char *indent);              /* and destroys it */
int say_cells(const char *text);                                    /* width of escaped text */
#endif

/* err: what went wrong, as the one sentence that a person reads: `syncline: WHAT: WHY (what to do)`.
 *
 * Texts may come from outside: err_line escapes them, so storing them raw is safe. */
#ifndef BASE_ERR_H
#define BASE_ERR_H
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct err {
	char what[256]; /* the thing: "config:3", "invite", "hub wss://…" */
	char why[384];  /* the cause, plain words */
	char fix[256];  /* what to do; may be empty */
};

/* Each returns false, so that a failing function can `return err_set(…)`. `e` may be NULL; errno is kept, and the
 * arguments may be parts of *e. */
bool err_set(struct err *e, const char *what, const char *fix, const char *why_format, ...)
	__attribute__((format(printf, 4, 5)));
bool err_set_args(struct err *e, const char *what, const char *fix, const char *why_format, va_list args)
	__attribute__((format(printf, 4, 0)));
bool err_in(struct err *e, const char *prefix); /* "prefix: what" */
/* The whole line, escaped, without a newline; cut at cap. Returns out. */
const char *err_line(const struct err *e, char *out, size_t cap);
#endif

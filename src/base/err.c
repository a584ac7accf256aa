#include "base/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

bool err_set_args(struct err *e, const char *what, const char *fix, const char *why_format, va_list args)
{
	if (!e)
		return false;
	int saved = errno;
	struct err said; /* the arguments may be parts of *e */
	snprintf(said.what, sizeof said.what, "%s", what);
	snprintf(said.fix, sizeof said.fix, "%s", fix ? fix : "");
	vsnprintf(said.why, sizeof said.why, why_format, args);
	*e = said;
	errno = saved;
	return false;
}

bool err_set(struct err *e, const char *what, const char *fix, const char *why_format, ...)
{
	va_list args;
	va_start(args, why_format);
	err_set_args(e, what, fix, why_format, args);
	va_end(args);
	return false;
}

bool err_in(struct err *e, const char *prefix)
{
	if (!e)
		return false;
	char what[sizeof e->what];
	snprintf(what, sizeof what, "%s", e->what);
	snprintf(e->what, sizeof e->what, "%.80s: %.160s", prefix, what);
	return false;
}

const char *err_line(const struct err *e, char *out, size_t cap)
{
	char raw[sizeof e->what + sizeof e->why + sizeof e->fix + 32];
	int len = e->fix[0] ? snprintf(raw, sizeof raw, "syncline: %s: %s (%s)", e->what, e->why, e->fix)
			    : snprintf(raw, sizeof raw, "syncline: %s: %s", e->what, e->why);
	return utf8_show(out, cap, raw, len < 0 ? 0 : (size_t)len);
}

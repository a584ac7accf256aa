#include "cli/say.h"

#include <langinfo.h>
#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "control/control.h"
#include "sys/clock.h"
#include "sys/home.h"

int say_error(int code, const struct err *e)
{
	char line[2048];
	say_progress_end();
	fprintf(stderr, "%s\n", err_line(e, line, sizeof line));
	return code;
}

int say_fail(int code, const char *what, const char *fix, const char *why_format, ...)
{
	struct err e;
	va_list args;
	va_start(args, why_format);
	err_set_args(&e, what, fix, why_format, args);
	va_end(args);
	return say_error(code, &e);
}

int say_usage(const char *verb, const char *why_format, ...)
{
	struct err e;
	char fix[128];
	snprintf(fix, sizeof fix, "see 'syncline %s --help'", verb);
	va_list args;
	va_start(args, why_format);
	err_set_args(&e, verb, fix, why_format, args);
	va_end(args);
	return say_error(CONTROL_USAGE, &e);
}

int say_not_yet(const char *verb, const char *why_format, ...)
{
	struct err e;
	va_list args;
	va_start(args, why_format);
	err_set_args(&e, verb, NULL, why_format, args);
	va_end(args);
	err_set(&e, verb, NULL, "not yet: %s", e.why);
	return say_error(CONTROL_FAILED, &e);
}

void say_done(const char *format, ...)
{
	if (globals.quiet)
		return;
	va_list args;
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

int say_json(const json_t *data)
{
	char *text = json_dumps(data, JSON_COMPACT | JSON_ENCODE_ANY);
	puts(text ? text : "null");
	free(text);
	return CONTROL_DONE;
}

static bool progress_shown;

bool say_json_wanted(void)
{
	return globals.json;
}

bool say_progress_wanted(void)
{
	return !globals.quiet && isatty(STDERR_FILENO);
}

void say_progress(const char *format, ...)
{
	if (!say_progress_wanted())
		return;
	va_list args;
	va_start(args, format);
	fputs("\r\033[K", stderr);
	vfprintf(stderr, format, args);
	va_end(args);
	fflush(stderr);
	progress_shown = true;
}

void say_progress_end(void)
{
	if (progress_shown)
		fputs("\r\033[K", stderr);
	progress_shown = false;
}

static bool colours(void)
{
	static int known = -1;
	if (known < 0) {
		const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
		known = isatty(STDOUT_FILENO) && !(no && no[0]) && term && strcmp(term, "dumb");
	}
	return known;
}

const char *say_tint(enum tint t)
{
	static const char *const codes[] = { "", "\033[2m", "\033[32m", "\033[36m", "\033[33m", "\033[31m", "\033[1m" };
	return colours() ? codes[t] : "";
}

const char *say_plain(void)
{
	return colours() ? "\033[0m" : "";
}

bool say_unicode(void)
{
	return !strcmp(nl_langinfo(CODESET), "UTF-8");
}

int say_width(void)
{
	struct winsize size;
	if (!isatty(STDOUT_FILENO))
		return 0;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || size.ws_col < 20)
		return 80;
	return size.ws_col;
}

const char *say_dot(void)
{
	return say_unicode() ? " · " : " - ";
}

/* ---- small texts ---- */

static char *slot(size_t cap)
{
	static char *slots[8];
	static unsigned next;
	unsigned at = next++ % 8;
	slots[at] = mem_grow(slots[at], cap, 1);
	return slots[at];
}

const char *say_text(const char *raw)
{
	if (!raw)
		return "-";
	size_t len = strlen(raw), cap = len * 10 + 1; /* the longest escape is \U0010ffff */
	return utf8_show(slot(cap), cap, raw, len);
}

const char *say_bytes(double bytes)
{
	static const char *const units[] = { "B", "KB", "MB", "GB", "TB" };
	size_t unit = 0;
	while (fabs(bytes) >= 999.5 && unit < 4) {
		bytes /= 1000;
		unit++;
	}
	char *out = slot(32);
	snprintf(out, 32, unit && fabs(bytes) < 99.95 ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
	return out;
}

bool say_time(const char *iso, int64_t *wall_ms)
{
	struct tm tm = { 0 };
	if (!iso)
		return false;
	const char *rest = strptime(iso, "%Y-%m-%dT%H:%M:%S", &tm);
	if (!rest)
		return false;
	int ms = *rest == '.' ? atoi(rest + 1) : 0;
	*wall_ms = (int64_t)timegm(&tm) * 1000 + ms;
	return true;
}

const char *say_span(int64_t ms)
{
	char *out = slot(32);
	if (ms < 1000)
		snprintf(out, 32, "%lld ms", (long long)ms);
	else if (ms < 10000)
		snprintf(out, 32, "%.1f s", (double)ms / 1000);
	else if (ms < 120000)
		snprintf(out, 32, "%lld s", (long long)ms / 1000);
	else if (ms < 7200000)
		snprintf(out, 32, "%lld min", (long long)ms / 60000);
	else if (ms < 172800000)
		snprintf(out, 32, "%lld h", (long long)ms / 3600000);
	else
		snprintf(out, 32, "%lld days", (long long)ms / 86400000);
	return out;
}

const char *say_ago(const char *iso)
{
	int64_t at;
	if (!say_time(iso, &at))
		return "never";
	int64_t ago = clock_wall_ms() - at;
	if (ago < 2000)
		return ago < -60000 ? "in the future" : "just now";
	char *out = slot(40);
	snprintf(out, 40, "%s ago", say_span(ago < 10000 ? ago / 1000 * 1000 : ago));
	return out;
}

const char *say_count(int64_t n, const char *one, const char *many)
{
	char *out = slot(64);
	snprintf(out, 64, "%lld %s", (long long)n, n == 1 ? one : many);
	return out;
}

const char *say_short(const char *id)
{
	char *out = slot(16);
	snprintf(out, 16, "%.8s", id ? id : "-");
	return out;
}

int say_cells(const char *text)
{
	int cells = 0;
	size_t left = strlen(text);
	while (left) {
		uint32_t point;
		size_t n = utf8_decode(text, left, &point);
		int w = n ? wcwidth((wchar_t)point) : 1;
		cells += w < 0 ? 1 : w;
		text += n ? n : 1;
		left -= n ? n : 1;
	}
	return cells;
}

#include "ui/format.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

const char *format_size(char out[FORMAT_LEN], double bytes)
{
	static const char units[] = "BKMGTPE";
	size_t unit = 0;
	if (!(bytes > 0))
		bytes = 0;
	while (bytes >= 999.5 && units[unit + 1]) {
		bytes /= 1024;
		unit++;
	}
	if (bytes > 999)
		bytes = 999;
	snprintf(out, FORMAT_LEN, unit && bytes < 99.95 ? "%.1f %c" : "%.0f %c", bytes, units[unit]);
	return out;
}

const char *format_rate(char out[FORMAT_LEN], double bytes)
{
	format_size(out, bytes);
	size_t len = strlen(out);
	snprintf(out + len, FORMAT_LEN - len, "/s");
	return out;
}

const char *format_count(char out[FORMAT_LEN], int64_t n)
{
	char digits[24];
	int len = snprintf(digits, sizeof digits, "%lld", (long long)n), at = 0;
	for (int i = 0; i < len && at < FORMAT_LEN - 2; i++) {
		out[at++] = digits[i];
		if (digits[i] != '-' && (len - i) % 3 == 1 && i + 1 < len)
			out[at++] = ',';
	}
	out[at] = 0;
	return out;
}

const char *format_span(char out[FORMAT_LEN], int64_t ms)
{
	int64_t s = ms < 0 ? 0 : ms / 1000, min = s / 60, h = min / 60, d = h / 24;
	if (s < 60)
		snprintf(out, FORMAT_LEN, "%d s", (int)s);
	else if (min < 60)
		snprintf(out, FORMAT_LEN, "%d min", (int)min);
	else if (h < 24)
		snprintf(out, FORMAT_LEN, min % 60 ? "%d h %d min" : "%d h", (int)h, (int)(min % 60));
	else
		snprintf(out, FORMAT_LEN, h % 24 ? "%lld d %d h" : "%lld d", (long long)d, (int)(h % 24));
	return out;
}

int format_saved(double plain, double sent)
{
	if (!(plain > 0) || !(sent >= 0) || sent >= plain)
		return 0;
	return (int)((plain - sent) * 100 / plain);
}

int64_t format_parse_time(const char *iso)
{
	struct tm tm = { 0 };
	int ms = 0, used = 0;
	if (!iso || strlen(iso) > 40 ||
	    sscanf(iso, "%4d-%2d-%2dT%2d:%2d:%2d%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour, &tm.tm_min,
	           &tm.tm_sec, &used) < 6 ||
	    !used)
		return 0;
	if (tm.tm_year < 1970 || tm.tm_year > 9999 || tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1 ||
	    tm.tm_mday > 31 || tm.tm_hour < 0 || tm.tm_hour > 23 || tm.tm_min < 0 || tm.tm_min > 59 || tm.tm_sec < 0 ||
	    tm.tm_sec > 60)
		return 0;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	if (iso[used] == '.')
		for (int i = 0, weight = 100; i < 3 && iso[used + 1 + i] >= '0' && iso[used + 1 + i] <= '9';
		     i++, weight /= 10)
			ms += (iso[used + 1 + i] - '0') * weight;
	return (int64_t)timegm(&tm) * 1000 + ms;
}

const char *format_time(char out[FORMAT_LEN], int64_t ms, int64_t now_ms, bool seconds)
{
	static const char days[][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
	static const char months[][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
		                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	time_t then = (time_t)(ms / 1000), now = (time_t)(now_ms / 1000);
	struct tm t, n;
	if (ms <= 0 || !localtime_r(&then, &t) || !localtime_r(&now, &n)) {
		strcpy(out, "-");
		return out;
	}
	if (t.tm_year == n.tm_year && t.tm_yday == n.tm_yday)
		snprintf(out, FORMAT_LEN, seconds ? "%02d:%02d:%02d" : "%02d:%02d", t.tm_hour, t.tm_min, t.tm_sec);
	else if (then < now && now - then < 6 * 86400)
		snprintf(out, FORMAT_LEN, "%s %02d:%02d", days[t.tm_wday % 7], t.tm_hour, t.tm_min);
	else if (t.tm_year == n.tm_year)
		snprintf(out, FORMAT_LEN, "%d %s", t.tm_mday, months[t.tm_mon % 12]);
	else
		snprintf(out, FORMAT_LEN, "%04d-%02d-%02d", (t.tm_year + 1900) % 10000, (t.tm_mon + 1) % 100,
		         t.tm_mday % 100);
	return out;
}

const char *format_away(char out[FORMAT_LEN], int64_t since_ms, int64_t now_ms, int64_t *next_ms)
{
	static const int16_t steps[] = { 1, 2, 5, 10, 20, 30, 60, 120, 300, 720, 1440 }; /* minutes */
	int64_t gone = now_ms > since_ms ? (now_ms - since_ms) / 60000 : 0, shown = 0, next = steps[0];
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
		if (gone >= steps[i]) {
			shown = steps[i];
			next = i + 1 < sizeof steps / sizeof *steps ? steps[i + 1] : 2880;
		}
	if (gone >= 1440) {
		shown = gone / 1440 * 1440;
		next = shown + 1440;
	}
	if (next_ms)
		*next_ms = since_ms + next * 60000;
	if (shown)
		format_span(out, shown * 60000);
	else
		strcpy(out, "just now");
	return out;
}

/* format: numbers and times as the console writes them: at most three significant digits, powers of 1024, one blank;
 * times short and local. Each writes into `out` and returns it. */
#ifndef UI_FORMAT_H
#define UI_FORMAT_H
#include <stdbool.h>
#include <stdint.h>

#define FORMAT_LEN 32

const char *format_size(char out[FORMAT_LEN], double bytes); /* "612 B", "18.2 K" */
const char *format_rate(char out[FORMAT_LEN], double bytes); /* "3.1 K/s" */
const char *format_count(char out[FORMAT_LEN], int64_t n);   /* "2,117" */
const char *format_span(char out[FORMAT_LEN], int64_t ms);   /* "4 s", "12 min", "2 d 4 h" */
int format_saved(double plain, double sent);                 /* per cent, rounded down, 0..100 */

/* ISO 8601 in UTC to milliseconds since 1970; 0 when it is no such time. */
int64_t format_parse_time(const char *iso);
/* Today "14:05" (with seconds "14:05:41"), this week "Mon 18:44", this year "1 Sep", else "2025-09-01"; 0 gives "-". */
const char *format_time(char out[FORMAT_LEN], int64_t ms, int64_t now_ms, bool seconds);
/* The steps in which an absence is told: 1 2 5 10 20 30 min, 1 2 5 12 h, 1 2 3 … d. *next_ms is when the next begins.
 */
const char *format_away(char out[FORMAT_LEN], int64_t since_ms, int64_t now_ms, int64_t *next_ms);
#endif

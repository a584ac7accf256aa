/* duration: how people write times: "500ms", "2s", "5m" or "5min", "1h", "1d"; a bare number is seconds. */
#ifndef BASE_DURATION_H
#define BASE_DURATION_H
#include <stdbool.h>
#include <stdint.h>

bool duration_parse(const char *text, int64_t *ms); /* false: it is none, or longer than 366 days; *ms is untouched */
#endif

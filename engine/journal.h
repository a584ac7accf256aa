/* journal: the last notices, for `syncline log` and consoles. All of them also go to the log file (sys/log.h). */
#ifndef ENGINE_JOURNAL_H
#define ENGINE_JOURNAL_H
#include <jansson.h>

#include "engine/core/world.h"

#define JOURNAL_KEPT 1000

struct journal_line {
	int64_t wall_ms;
	enum notice_level level;
	char *from, *item, *text; /* item may be NULL */
};

struct journal {
	struct journal_line lines[JOURNAL_KEPT];
	uint64_t count; /* ever; the line of number n is lines[n % JOURNAL_KEPT] */
};

void journal_add(struct journal *j, int64_t wall_ms, enum notice_level level, const char *from, const char *item,
                 const char *text);
void journal_finish(struct journal *j);
uint64_t journal_first(const struct journal *j);                /* the oldest number still kept */
json_t *journal_json(const struct journal *j, uint64_t number); /* as `log --json` shows it */
#endif

/* retention: which of an item's versions stay, and for how long. A decision about values; carried out by
 * engine/io/thinning.h, and by the simulated world.
 *
 * Written as `all 2d, hour 14d, day 90d, week forever, last 10`: every version of the last two days; of those up to
 * fourteen days old the last one of each hour; up to ninety, of each day; of all older ones, of each week; and the ten
 * newest whatever their age. Hours, days and weeks are those of the clock in UTC, so that what is kept today is what
 * would have been kept had nothing been thinned until today. */
#ifndef ENGINE_CORE_CATEGORY_RETENTION_H
#define ENGINE_CORE_CATEGORY_RETENTION_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define RETENTION_EVER    INT64_MAX
#define RETENTION_DEFAULT "all 2d, hour 14d, day 90d, week forever, last 10"
#define RETENTION_UNDO_MS (30 * 86400000LL) /* what a settlement was about stays so long, and its undo with it */

enum retention_grain { RETENTION_ALL, RETENTION_HOUR, RETENTION_DAY, RETENTION_WEEK, RETENTION_GRAINS };

struct retention {
	int64_t until_ms[RETENTION_GRAINS]; /* the age up to which one of each stays; 0: not named; RETENTION_EVER */
	uint32_t last;                      /* so many of the newest stay whatever their age */
};

/* False: `why` (a literal) says it. "forever" alone keeps everything. */
bool retention_parse(const char *text, struct retention *r, const char **why);
void retention_write(const struct retention *r, struct buf *out); /* as it is parsed */

struct retention_version {
	int64_t at_ms; /* wall time, of whatever clock: see retention_decide */
	bool needed;   /* something else holds it: stays, whatever its age */
	bool drop;     /* the answer */
};

/* Versions of one item, the oldest first in the order they came (deletions are none). The newest always stays. A clock
 * that was wrong when a version came makes it stay longer, never shorter: no version counts as older than one before
 * it, and one dated after `now_ms` counts as what came next. */
void retention_decide(const struct retention *r, struct retention_version *v, size_t count, int64_t now_ms);
#endif

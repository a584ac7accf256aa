/* lazy: cursors and signs of life on their way to the disk. Losing one in a crash costs nothing, so they travel with
 * other writes, and alone wait a little, unless somebody is about to read them. The same rule for every backend. */
#ifndef HUB_STORE_LAZY_H
#define HUB_STORE_LAZY_H
#include "base/map.h"
#include "hub/store/submission.h"

struct lazy_row {
	struct id device;
	bool has_cursor;
	uint64_t cursor;
	int64_t now_ms;
};

struct lazy {
	struct lazy_row *rows;
	size_t count, cap;
	struct map places; /* device -> place in rows + 1 */
	int64_t since_ms;
};

void lazy_take(struct lazy *l, const struct submission *list); /* the cursors and signs of life in it */
bool lazy_due(const struct lazy *l, const struct submission *list); /* must they be written with this batch? */
void lazy_clear(struct lazy *l);                                    /* they are written, or lost */
void lazy_finish(struct lazy *l);
#endif

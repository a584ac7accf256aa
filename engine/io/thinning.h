/* thinning: lets versions go that retention (engine/core/category/retention.h) does not keep. In passes, item by item,
 * in slices; each slice is part of the caller's transaction, so a kill loses no more than the work of it.
 *
 * A pass first learns what is needed whatever its age: each version that an item's row names (what its file holds, its
 * head, what both sides of a conflict came from, a held or an unsent change, a merge in the making), each unsent
 * change, and what settlements of the last RETENTION_UNDO_MS were about, so that the loser can be seen and the
 * settlement be undone. Whatever comes to be needed while the pass runs is told by thinning_needs. Then it reads each
 * item's history and marks the rows that go; a content goes with the last row, of any item, that names it.
 *
 * Rows stay: the history tells of what was thinned away, and the rollback guard still knows. */
#ifndef ENGINE_IO_THINNING_H
#define ENGINE_IO_THINNING_H
#include "engine/core/category/retention.h"
#include "engine/io/versions_git.h"

struct thinning;

struct thinning_done {
	uint64_t items;    /* looked at */
	uint64_t versions; /* contents let go */
	uint64_t bytes;    /* of them */
};

/* `rule` answers what a category keeps; NULL: it is not configured here, and all of it stays. */
struct thinning *thinning_create(struct ledger *l, struct versions *v,
				 const struct retention *(*rule)(void *ctx, const char *category), void *ctx);
void thinning_destroy(struct thinning *t); /* NULL-safe */

/* A pass that runs begins anew; what it let go counts for the new one. */
void thinning_start(struct thinning *t, int64_t now_ms /* wall, of a clock to be trusted */, bool reclaim_always);
bool thinning_active(const struct thinning *t);
/* A slice of about so long; commit after it. Only while nothing is filed (versions_busy). True: work is left. */
bool thinning_step(struct thinning *t, unsigned budget_us);
/* Of the pass that runs, or the last one. */
struct thinning_done thinning_result(const struct thinning *t);

/* A row was saved, a settlement made: what they name stays. Cheap when no pass runs. NULL-safe. */
void thinning_needs_item(struct thinning *t, const struct item_row *row);
void thinning_needs_settlement(struct thinning *t, const struct settlement_row *row);
#endif

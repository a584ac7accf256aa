/* plan: what is to be done about one item, told from its versions alone. Pure, total, without memory: the whole of
 * "never a silent winner" stands in this one table (doc/conflicts.md walks it row by row).
 *
 *   agreed  what this device's file was last equal to, of what the log holds (zero: absent)
 *   local   what the file holds now, as captured (zero: absent)
 *   head    what the log holds (zero: absent)
 *   side    this device's second version on the item's side item, while one is open
 *   held    local is no plain edit on agreed, and must be shown to a person first (enum hold)
 *   want    what the head shall become again by an undo, while the file holds another version (zero: nothing)
 */
#ifndef ENGINE_CORE_CONFLICT_PLAN_H
#define ENGINE_CORE_CONFLICT_PLAN_H
#include <stdbool.h>

#include "base/id.h"

enum plan {
	PLAN_NOTHING,   /* in step, or waiting for a person */
	PLAN_AGREE,     /* local and head became equal by themselves: note it */
	PLAN_SEND,      /* only this side changed, or its edit beats a delete: append local on the item */
	PLAN_APPLY,     /* only the other side changed, or its edit beats a delete: bring head to the file */
	PLAN_SIDE_PUT,  /* both changed: append local on the side item; the file stays as it is. Before that the category's
	                 * strategy may settle it, where plan_may_settle says so */
	PLAN_SIDE_DROP, /* the difference is settled: delete the side item */
	PLAN_RETURN,    /* undo: append `want` on the item; local follows on the side item */
};

struct plan_facts {
	struct id agreed, local, head;
	bool side_open;
	struct id side;
	bool held;
	struct id want;
};

enum plan plan_item(const struct plan_facts *f);
bool plan_conflict(const struct plan_facts *f); /* did both sides change, or must a person look */
/* Both changed what they once shared, and nobody was asked yet: a strategy may merge or choose. */
bool plan_may_settle(const struct plan_facts *f);
#endif

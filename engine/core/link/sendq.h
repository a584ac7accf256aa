/* sendq: what waits for the wire, and who goes first. Knows records and priorities, no connection and no time.
 *
 * A group is one change, or two that are LINKED and must stay together in one frame. Higher priorities go first, but
 * while one waits it gains a right to a turn: HIGH and NORMAL after 256 KiB, LOW after 1 MiB of others' bytes, and then
 * sends up to 64 KiB. A change whose body is over WIRE_PART_MAX goes as RECORD_PART slices, then as a CHANGE with
 * CHANGE_PARTED; small changes of its own or a higher priority pass between its slices. Within one priority, small
 * changes keep the order they were queued in, and so do large ones. (Changes of one item must not be queued together:
 * any order is right for others.)
 *
 * Records are borrowed: they must stay where they are until sendq_drop or sendq_clear. */
#ifndef ENGINE_CORE_LINK_SENDQ_H
#define ENGINE_CORE_LINK_SENDQ_H
#include "base/buf.h"
#include "base/map.h"
#include "engine/core/core.h"

#define SENDQ_FRAME   (64 * 1024) /* frames are filled up to this; one group that is larger alone still goes whole */
#define SENDQ_GROUP   2
#define SENDQ_RESUMES 8

struct sendq_group {
	unsigned count; /* 1 or 2 */
	struct sendq_record {
		uint64_t counter;
		struct span record; /* wire_put_change with the whole body, as in the outbox */
	} records[SENDQ_GROUP];
};

enum sendq_state { SENDQ_ABSENT, SENDQ_QUEUED, SENDQ_SENDING, SENDQ_SENT };

struct sendq_entry;
struct sendq_list {
	struct sendq_entry *first, *last;
};

struct sendq {
	struct map entries; /* by counter: both counters of a group lead to its entry */
	struct sendq_list small[PRIORITY_CRITICAL + 1], large[PRIORITY_CRITICAL + 1];
	uint64_t waited[PRIORITY_CRITICAL + 1]; /* bytes that others sent while this priority waited */
	int64_t granted[PRIORITY_CRITICAL + 1]; /* bytes it may send out of turn */
	uint64_t large_waited[PRIORITY_CRITICAL + 1];
	struct sendq_resume {
		uint64_t counter, offset;
	} resumes[SENDQ_RESUMES]; /* heard before the change was queued; replaced in turn */
	unsigned next_resume;
	size_t waiting; /* groups not wholly sent */
};

void sendq_finish(struct sendq *q);
void sendq_clear(struct sendq *q); /* forgets all, sent or not, and what was resumed */
/* Queues; a group of counters that are known already is taken out first (sent again after a refusal). False: a record
 * is not a change (a damaged outbox row): nothing queued. */
bool sendq_put(struct sendq *q, enum priority priority, const struct sendq_group *group);
/* The hub answered `counter`. The other half of a group stays known, but once one half was answered an unsent group is
 * not sent any more. Unknown counters are ignored. */
void sendq_drop(struct sendq *q, uint64_t counter);
/* The hub has `offset` bytes of a parted body already. */
void sendq_resume(struct sendq *q, uint64_t counter, uint64_t offset);
/* Appends what goes next to a frame, up to SENDQ_FRAME in all; at least one thing if the frame is empty. Returns how
 * many bytes were appended; 0: nothing waits (or there is no room for what does). */
size_t sendq_fill(struct sendq *q, struct buf *frame);
bool sendq_waiting(const struct sendq *q);
/* Where a change stands; `sent_bytes` (may be NULL) of its body when SENDING. */
enum sendq_state sendq_find(const struct sendq *q, uint64_t counter, uint64_t *sent_bytes);
#endif

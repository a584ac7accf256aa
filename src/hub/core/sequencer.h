/* sequencer: the hub's one rule of admission to the log. Pure: facts in, verdict out.
 *
 * 1. identity seen before: the same answer as the first time; with another record, refused.
 * 2. LINKED and the change with the counter before its own was not appended just ahead of it in the frame: refused.
 * 3. base is not the item's head: stale, with the head.
 * 4. else appended, with the next number. */
#ifndef HUB_CORE_SEQUENCER_H
#define HUB_CORE_SEQUENCER_H
#include "wire/wire.h"

enum verdict_kind { VERDICT_APPENDED, VERDICT_DUPLICATE, VERDICT_STALE, VERDICT_REFUSED };

struct verdict {
	enum verdict_kind kind;
	uint64_t counter;
	uint64_t seq;   /* APPENDED, DUPLICATE: its number. STALE: the item's head */
	uint8_t code;   /* REFUSED: enum refusal */
};

struct sequencer_facts {
	uint64_t known_seq;      /* the number this identity has already, 0 = none */
	bool known_same;         /* its record is byte-identical (body included) */
	uint64_t item_head;      /* 0 = the item never existed */
	uint64_t account_head;
	uint64_t before;         /* counter of the change ahead of it in the frame if that was appended or a duplicate, else 0 */
};

struct verdict sequencer_judge(const struct sequencer_facts *f, const struct change *c);
#endif

#include "hub/core/sequencer.h"

#include "base/mark.h"
#include "base/plant.h"

struct verdict sequencer_judge(const struct sequencer_facts *f, const struct change *c)
{
	struct verdict v = { .counter = c->counter };
	if (PLANTED("hub.takes_a_change_twice") && f->known_same) {
		v.kind = c->base != f->item_head ? VERDICT_STALE : VERDICT_APPENDED;
		v.seq = c->base != f->item_head ? f->item_head : f->account_head + 1;
	} else if (f->known_seq && !f->known_same) {
		v.kind = VERDICT_REFUSED;
		v.code = REFUSED_IDENTITY;
	} else if (f->known_seq) {
		MARK("hub.change_sent_again");
		v.kind = VERDICT_DUPLICATE;
		v.seq = f->known_seq;
	} else if (!PLANTED("hub.takes_the_second_of_a_pair_alone") && c->flags & CHANGE_LINKED &&
		   (!f->before || f->before + 1 != c->counter)) {
		v.kind = VERDICT_REFUSED;
		MARK("hub.second_of_pair_alone");
		v.code = REFUSED_LINK;
	} else if (c->base != f->item_head && !PLANTED("hub.appends_on_any_base")) {
		MARK("hub.stale");
		v.kind = VERDICT_STALE;
		v.seq = f->item_head;
	} else {
		v.kind = VERDICT_APPENDED;
		v.seq = f->account_head + 1;
	}
	return v;
}

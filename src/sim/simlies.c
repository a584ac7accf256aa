#include "sim/simlies.h"

#include <stdlib.h>

#include "base/mem.h"
#include "sim/simnode.h"

static struct simlie *find(struct cluster *cl, unsigned node, uint64_t seq)
{
	for (size_t i = 0; i < cl->lie_count; i++)
		if (cl->lies[i].node == node && cl->lies[i].seq == seq)
			return &cl->lies[i];
	return NULL;
}

/* Some entry of the log, to take from. */
static const struct change *another(struct cluster *cl, const struct simnode *n)
{
	size_t count = simstore_count(cl->hub.store);
	return &simstore_entry(cl->hub.store, 1 + cluster_drawn(cl, FAULT_hub_lies, n, count))->e.change;
}

static void make_up(struct cluster *cl, const struct simnode *n, uint64_t seq, const struct change *truth)
{
	const struct change *other = another(cl, n);
	struct change c = *truth;
	switch (cluster_drawn(cl, FAULT_hub_lies, n, 5)) {
	case 0: /* a deletion */
		c.flags = CHANGE_DELETE;
		c.version = (struct id){ { 0 } };
		break;
	case 1: /* of another item */
		c.item = other->item;
		break;
	case 2: /* an old change, once more */
		c = *other;
		break;
	case 3: /* an old version of that item comes back */
		c.version = other->version;
		c.body = other->body;
		break;
	default: /* on another base, at another time */
		c.base = cluster_drawn(cl, FAULT_hub_lies, n, seq);
		c.edited ^= 1 + cluster_drawn(cl, FAULT_hub_lies, n, 1u << 20);
		break;
	}
	MEM_ROOM(cl->lies, cl->lie_count, cl->lie_cap);
	struct simlie *l = &cl->lies[cl->lie_count++];
	*l = (struct simlie){ n->index, seq, c, blob_copy(c.body.data, c.body.len) };
	l->change.body = span_blob(&l->body);
	l->change.flags &= (uint8_t)~CHANGE_PARTED;
	cl->tally.lies++;
}

bool simlies_tell(struct cluster *cl, unsigned node, struct span frame, struct buf *out)
{
	struct simnode *n = cl->nodes[node];
	struct reader r = reader_of(frame);
	struct record record;
	bool lied = false;
	if (!cl->rates.hub_lies && !cl->lie_count && !n->wrong_answer)
		return true;
	while (wire_next(&r, &record) > 0) {
		bool whole = record.type == RECORD_ENTRY && !(record.change.flags & CHANGE_PARTED);
		struct simlie *l = whole ? find(cl, node, record.seq) : NULL;
		if (whole && !l && cluster_strikes(cl, FAULT_hub_lies, n)) {
			if (cluster_drawn(cl, FAULT_hub_lies, n, 4) == 0) {
				cl->tally.lies++;
				buf_finish(out);
				return false;
			}
			make_up(cl, n, record.seq, &record.change);
			l = &cl->lies[cl->lie_count - 1];
		}
		bool wrong = n->wrong_answer && record.type == RECORD_CONFIRM;
		if (l)
			record.change = l->change;
		if (wrong)
			record.counter++;
		n->wrong_answer = n->wrong_answer && !wrong;
		lied = lied || l || wrong;
		wire_put(out, &record);
	}
	if (!lied)
		buf_clear(out);
	return true;
}

void simlies_end(struct cluster *cl)
{
	for (size_t i = 0; i < cl->lie_count; i++)
		blob_finish(&cl->lies[i].body);
	free(cl->lies);
	cl->lies = NULL;
	cl->lie_count = cl->lie_cap = 0;
}

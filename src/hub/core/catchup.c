#include "base/mark.h"
#include "hub/core/catchup.h"

#include "hub/core/fanout.h"

size_t catchup_run(struct hub_core *h, struct conn *c)
{
	if (c->state != CONN_READY || c->apart || c->reading || c->sent >= c->account->head || !conn_has_room(h, c))
		return 0;
	struct account *a = c->account;
	c->reading = true;
	if (c->slice.seq) {
		uint64_t ticket = pending_add(h, ASKED_SLICE, c, a);
		h->store->ops->slice(h->store, ticket, a->name, c->slice.seq, c->slice.offset, WIRE_PART_MAX);
		return WIRE_PART_MAX;
	}
	h->store->ops->read(h->store, pending_add(h, ASKED_READ, c, a), a->name, c->sent + 1, HUB_READ);
	return HUB_READ;
}

/* The log has a hole where it said that there is none: nothing after it may be given out. */
static void broken(struct hub_core *h, struct conn *c, const struct store_answer *answer)
{
	h->world.log(h->world.ctx, "error",
	             answer->text[0] ? answer->text : "the log in the store has a gap; check the store");
	conn_fail(h, c, "busy", "the hub cannot read its store now", HUB_BUSY_WAIT_MS);
}

static void start_slices(struct conn *c, const struct store_entry *e, uint64_t writer)
{
	MARK("hub.large_entry_in_slices");
	c->slice.seq = e->seq;
	c->slice.offset = 0;
	c->slice.total = e->body_len;
	c->slice.writer = writer;
	c->slice.change = e->change;
	c->slice.change.body = span_of(NULL, 0);
}

void catchup_read(struct hub_core *h, struct conn *c, const struct store_answer *answer)
{
	c->reading = false;
	if (answer->status != STORE_OK || answer->entry_count == 0) {
		broken(h, c, answer);
		return;
	}
	for (size_t i = 0; i < answer->entry_count; i++) {
		const struct store_entry *e = &answer->entries[i];
		if (e->seq <= c->sent) /* given live while the read was under way */
			continue;
		if (e->seq != c->sent + 1) {
			broken(h, c, answer);
			return;
		}
		bool own = fanout_own(c, &e->device, e->epoch);
		uint64_t writer = own ? c->writer : account_writer(c->account, &e->device, e->epoch);
		if (!own && e->change.flags & CHANGE_PARTED) {
			start_slices(c, e, writer);
			break;
		}
		fanout_entry(h, c, e->seq, writer, own, &e->change);
	}
	conn_todo(h, c);
}

void catchup_slice(struct hub_core *h, struct conn *c, const struct store_answer *answer)
{
	c->reading = false;
	if (answer->status != STORE_OK || answer->bytes.len == 0) {
		broken(h, c, answer);
		return;
	}
	conn_record(h, c,
	            &(struct record){
	                    .type = RECORD_ENTRY_PART,
	                    .seq = c->slice.seq,
	                    .offset = c->slice.offset,
	                    .total = c->slice.total,
	                    .bytes = answer->bytes,
	            });
	c->slice.offset += answer->bytes.len;
	if (c->slice.offset == c->slice.total) {
		uint64_t seq = c->slice.seq;
		c->slice.seq = 0;
		fanout_entry(h, c, seq, c->slice.writer, false, &c->slice.change);
	}
	conn_send(h, c); /* a frame of its own, so that a pong can pass between two */
	conn_todo(h, c);
}

#include "hub/core/fanout.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mark.h"
#include "base/mem.h"
#include "hub/core/parts.h"

/* The writer's number on the wire, which means something to a connection only after it was introduced. Numbers are used
 * again where an account has more writers than the wire has numbers. */
static uint64_t introduce(struct hub_core *h, struct conn *c, uint64_t writer)
{
	uint64_t number = (writer - 1) % (WIRE_WRITERS_MAX - 1) + 1;
	if (number >= c->told_len) {
		size_t len = number + 8;
		c->told = mem_grow(c->told, len, sizeof *c->told);
		memset(c->told + c->told_len, 0, (len - c->told_len) * sizeof *c->told);
		c->told_len = len;
	}
	if (c->told[number] == writer)
		return number;
	c->told[number] = (uint32_t)writer;
	const struct writer *w = &c->account->writers[writer - 1];
	conn_record(
	        h, c,
	        &(struct record){ .type = RECORD_WRITER, .writer = number, .device = w->device, .epoch = w->epoch });
	return number;
}

/* A device's entries of another epoch come as entries: it made them in a life that it no longer remembers. */
bool fanout_own(const struct conn *c, const struct id *device, uint64_t epoch)
{
	return c->epoch == epoch && id_equal(&c->member->public.device, device);
}

void fanout_entry(struct hub_core *h, struct conn *c, uint64_t seq, uint64_t writer, bool own,
                  const struct change *change)
{
	if (own) {
		conn_record(h, c, &(struct record){ .type = RECORD_CONFIRM, .seq = seq, .counter = change->counter });
	} else {
		uint64_t number = introduce(h, c, writer);
		conn_record(h, c,
		            &(struct record){ .type = RECORD_ENTRY, .seq = seq, .writer = number, .change = *change });
	}
	c->sent = seq;
}

static void tell_all(struct hub_core *h, struct account *a, uint64_t seq, const struct pending *asked,
                     const struct change *change)
{
	uint64_t writer = account_writer(a, &asked->device, asked->epoch);
	for (size_t i = 0; i < a->conn_count; i++) {
		struct conn *c = a->conns[i];
		if (c->apart)
			continue;
		bool own = fanout_own(c, &asked->device, asked->epoch);
		if (c->sent + 1 == seq && !c->slice.seq && (own || change->body.len <= WIRE_PART_MAX) &&
		    conn_has_room(h, c)) {
			fanout_entry(h, c, seq, writer, own, change);
		} else {
			MARK("hub.told_by_catching_up");
			conn_todo(h, c); /* catches up */
		}
	}
}

static void refuse(struct hub_core *h, struct conn *c, uint64_t counter, uint8_t code, uint64_t wait_ms)
{
	conn_record(h, c,
	            &(struct record){ .type = RECORD_REFUSED, .counter = counter, .code = code, .wait_ms = wait_ms });
}

static void answer_sender(struct hub_core *h, struct conn *c, const struct verdict *v)
{
	switch (v->kind) {
	case VERDICT_APPENDED: /* its confirmation is its place in the log */
		break;
	case VERDICT_DUPLICATE: /* the first answer was lost; or it is still ahead of this connection in the log */
		if (v->seq > c->sent)
			MARK("hub.first_answer_still_ahead");
		if (v->seq <= c->sent)
			conn_record(h, c,
			            &(struct record){ .type = RECORD_CONFIRM, .seq = v->seq, .counter = v->counter });
		break;
	case VERDICT_STALE:
		conn_record(h, c, &(struct record){ .type = RECORD_STALE, .counter = v->counter, .seq = v->seq });
		break;
	case VERDICT_REFUSED:
		refuse(h, c, v->counter, v->code, 0);
		break;
	}
}

void fanout_appended(struct hub_core *h, const struct pending *asked, const struct store_answer *answer)
{
	struct conn *sender = conn_find(h, asked->conn);
	if (sender && sender->state != CONN_READY)
		sender = NULL;
	if (answer->status != STORE_OK) {
		MARK("hub.store_refused_a_batch");
		h->world.log(h->world.ctx, "error", answer->text);
		for (size_t i = 0; sender && i < answer->change_count; i++)
			refuse(h, sender, answer->changes[i].counter, REFUSED_BUSY, HUB_BUSY_WAIT_MS);
		return;
	}
	for (size_t i = 0; i < answer->verdict_count; i++) {
		const struct verdict *v = &answer->verdicts[i];
		parts_drop(h, asked->account, &asked->device, asked->epoch, v->counter);
		if (v->kind == VERDICT_APPENDED) {
			asked->account->head = v->seq;
			tell_all(h, asked->account, v->seq, asked, &answer->changes[i]);
		}
		if (sender)
			answer_sender(h, sender, v);
	}
}

/* ---- what devices know of each other ---- */

static void tell_receipt(struct hub_core *h, struct conn *c, const struct member *about)
{
	uint64_t number = introduce(h, c, about->writer);
	conn_record(h, c, &(struct record){ .type = RECORD_RECEIPT, .writer = number, .seq = about->public.cursor });
}

static void tell_presence(struct hub_core *h, struct conn *c, const struct member *about)
{
	int64_t seen_ms = about->conn ? h->wall_ms : about->public.last_seen_ms;
	uint64_t number = introduce(h, c, about->writer);
	conn_record(h, c,
	            &(struct record){
	                    .type = RECORD_PRESENCE,
	                    .writer = number,
	                    .online = about->conn != NULL,
	                    .sent_ms = seen_ms > WIRE_EPOCH_MS ? (uint64_t)(seen_ms - WIRE_EPOCH_MS) : 0,
	            });
}

/* Gossip waits for room: a connection that does not read is not piled up with it. */
static bool gossip(struct hub_core *h, struct conn *c)
{
	if (conn_has_room(h, c))
		return true;
	c->missed = true;
	return false;
}

void fanout_receipt(struct hub_core *h, struct conn *c)
{
	if (!c->moved)
		return;
	c->moved = false;
	for (size_t i = 0; i < c->account->conn_count; i++) {
		struct conn *other = c->account->conns[i];
		if (other != c && gossip(h, other))
			tell_receipt(h, other, c->member);
	}
}

void fanout_presence(struct hub_core *h, struct account *a, const struct member *about)
{
	for (size_t i = 0; i < a->conn_count; i++)
		if (a->conns[i]->member != about && gossip(h, a->conns[i]))
			tell_presence(h, a->conns[i], about);
}

void fanout_missed(struct hub_core *h, struct conn *c)
{
	c->missed = false;
	for (size_t i = 0; i < c->account->member_count; i++) {
		const struct member *m = c->account->members[i];
		if (m == c->member || !m->writer)
			continue;
		tell_receipt(h, c, m);
		tell_presence(h, c, m);
	}
}

void fanout_want(struct hub_core *h, struct conn *from, const struct id *item)
{
	for (size_t i = 0; i < from->account->conn_count; i++) {
		struct conn *c = from->account->conns[i];
		if (c != from && conn_has_room(h, c)) /* who wants it asks again */
			conn_record(h, c, &(struct record){ .type = RECORD_WANTED, .item = *item });
	}
}

void fanout_devices(struct hub_core *h, struct conn *c, const struct account *a, const struct message *response)
{
	struct message m = { .type = MESSAGE_DEVICES };
	size_t text_len = 0;
	if (response)
		m = *response;
	m.devices = mem_alloc((a->member_count + 1) * sizeof *m.devices); /* names stay the members' */
	for (size_t i = 0; i < a->member_count; i++) {
		const struct member *about = a->members[i];
		size_t row_len = 224 + about->public.name.len * 4 / 3;
		if (text_len + row_len > HUB_DEVICES_TEXT || m.device_count == MESSAGE_DEVICES_MAX) {
			conn_message(h, c, &m);
			m.type = MESSAGE_DEVICES;
			m.device_count = text_len = 0;
		}
		m.devices[m.device_count] = about->public;
		m.devices[m.device_count].online = about->conn != NULL;
		if (about->conn)
			m.devices[m.device_count].last_seen_ms = h->wall_ms;
		m.device_count++;
		text_len += row_len;
	}
	conn_message(h, c, &m);
	free(m.devices);
}

#include "hub/core/hub_core.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/plant.h"
#include "hub/core/account.h"
#include "hub/core/admission.h"
#include "hub/core/catchup.h"
#include "hub/core/fanout.h"
#include "hub/core/parts.h"

static void answered(void *ctx, const struct store_answer *answer);

struct hub_core *hub_core_create(const struct hub_world *w, struct store *s)
{
	struct hub_core *h = mem_alloc(sizeof *h);
	h->world = *w;
	h->store = s;
	h->parts_check_ms = UINT64_MAX;
	s->answer = answered;
	s->answer_ctx = h;
	s->ops->hub_id(s, &h->id);
	/* a store may still answer what a core before this one had asked: its numbers must not be ours */
	w->entropy(w->ctx, &h->ticket_first, sizeof h->ticket_first);
	h->ticket_first >>= 1;
	h->ticket_next = h->ticket_first;
	return h;
}

void hub_core_destroy(struct hub_core *h)
{
	void *value;
	if (!h)
		return;
	h->store->answer = NULL;
	for (uint64_t t = h->ticket_first; t != h->ticket_next; t++)
		if (h->pending[t & (h->pending_cap - 1)].account)
			h->pending[t & (h->pending_cap - 1)].account->waiting = 0;
	for (size_t at = 0; map_next(&h->accounts, &at, &value);)
		parts_finish(h, value);
	for (size_t at = 0; map_next(&h->conns, &at, &value);) {
		struct conn *c = value;
		c->moved = false;
		conn_destroy(h, c);
	}
	for (size_t at = 0; map_next(&h->accounts, &at, &value);)
		account_release(h, value);
	map_finish(&h->conns);
	map_finish(&h->accounts);
	free(h->pending);
	free(h->todo);
	free(h->moved);
	free(h);
}

/* ---- the store's answers ---- */

static bool take_pending(struct hub_core *h, uint64_t ticket, struct pending *out)
{
	if (ticket - h->ticket_first >= h->ticket_next - h->ticket_first)
		return false;
	struct pending *p = &h->pending[ticket & (h->pending_cap - 1)];
	*out = *p;
	p->kind = ASKED_NOTHING;
	while (h->ticket_first != h->ticket_next &&
	       h->pending[h->ticket_first & (h->pending_cap - 1)].kind == ASKED_NOTHING)
		h->ticket_first++;
	return out->kind != ASKED_NOTHING;
}

static void answered(void *ctx, const struct store_answer *answer)
{
	struct hub_core *h = ctx;
	struct pending asked;
	if (!take_pending(h, answer->ticket, &asked))
		return;
	struct conn *c = asked.conn ? conn_find(h, asked.conn) : NULL;
	bool ready = c && c->state == CONN_READY;
	switch (asked.kind) {
	case ASKED_NOTHING:
		break;
	case ASKED_DEVICE:
		admission_device(h, c, answer);
		break;
	case ASKED_ADMIT:
		admission_admit(h, c, answer);
		break;
	case ASKED_ENROLL:
		admission_enrolled(h, c, answer);
		break;
	case ASKED_LIST:
		admission_list(h, c, answer);
		break;
	case ASKED_APPEND:
		fanout_appended(h, &asked, answer);
		break;
	case ASKED_READ:
		if (ready)
			catchup_read(h, c, answer);
		break;
	case ASKED_SLICE:
		if (ready)
			catchup_slice(h, c, answer);
		break;
	case ASKED_INVITE:
		admission_invited(h, c, answer);
		break;
	case ASKED_REVOKE:
		admission_revoked(h, asked.account, &asked.device, answer);
		break;
	}
	if (asked.account) {
		asked.account->waiting--;
		account_release(h, asked.account);
	}
}

/* ---- binary frames of a ready connection ---- */

/* Why the whole frame is refused, or NULL. After it nothing in the frame can fail the connection. */
static const char *frame_bad(const struct conn *c, struct span frame, size_t *changes)
{
	struct record r;
	struct reader in = reader_of(frame);
	int more;
	*changes = 0;
	while ((more = wire_next(&in, &r)) == 1) {
		if (r.type > RECORD_PING)
			return "a binary frame holds a record that only a hub sends";
		if (r.type == RECORD_CURSOR && r.seq > c->sent && !c->apart)
			return "a cursor is ahead of what the device was given";
		*changes += r.type == RECORD_CHANGE;
	}
	return more == 0 ? NULL : "a binary frame is not of this protocol";
}

/* Why a change is not even shown to the store, or 0. */
static uint8_t hold_back(struct hub_core *h, struct conn *c, struct change *change, uint64_t *wait_ms)
{
	uint8_t code = 0;
	*wait_ms = 0;
	if (!bucket_take(&c->changes, h->now_ms, HUB_RATE_CHANGES, HUB_BURST_CHANGES)) {
		*wait_ms = 1000;
		return REFUSED_RATE;
	}
	if (change->flags & CHANGE_PARTED) {
		code = parts_whole(h, c, change->counter, &change->body);
		change->flags &= ~CHANGE_PARTED;
	}
	if (code == REFUSED_BUSY)
		*wait_ms = HUB_BUSY_WAIT_MS;
	return code;
}

static void take_cursor(struct hub_core *h, struct conn *c, uint64_t seq)
{
	if (c->apart || seq <= c->member->public.cursor)
		return;
	c->member->public.cursor = seq;
	h->store->ops->cursor(h->store, c->account->name, &c->member->public.device, seq, h->wall_ms);
	conn_moved(h, c);
}

static void take_ping(struct hub_core *h, struct conn *c, uint64_t sent_ms)
{
	conn_record(h, c,
	            &(struct record){
	                    .type = RECORD_PONG,
	                    .sent_ms = sent_ms,
	                    .wait_ms = h->wall_ms > WIRE_EPOCH_MS ? (uint64_t)(h->wall_ms - WIRE_EPOCH_MS) : 0,
	                    .seq = c->account->head,
	            });
}

static void take_frame(struct hub_core *h, struct conn *c, struct span frame)
{
	size_t count, good = 0;
	bool broken = false; /* the change before was held back here: one linked to it must not be judged by another */
	const char *bad = frame_bad(c, frame, &count);
	if (bad) {
		conn_fail(h, c, "malformed", bad, 0);
		return;
	}
	struct change *changes = mem_alloc((count + 1) * sizeof *changes);
	struct reader in = reader_of(frame);
	struct record r;
	while (wire_next(&in, &r) == 1) {
		uint64_t wait_ms = 0;
		uint8_t code;
		switch (r.type) {
		case RECORD_CHANGE:
			code = broken && r.change.flags & CHANGE_LINKED ? REFUSED_LINK
			                                                : hold_back(h, c, &r.change, &wait_ms);
			broken = code != 0;
			if (broken)
				conn_record(h, c,
				            &(struct record){ .type = RECORD_REFUSED,
				                              .counter = r.change.counter,
				                              .code = code,
				                              .wait_ms = wait_ms });
			else
				changes[good++] = r.change;
			if (!broken && PLANTED("hub.confirms_before_its_commit") && r.change.base == 0)
				conn_record(h, c,
				            &(struct record){ .type = RECORD_CONFIRM,
				                              .counter = r.change.counter,
				                              .seq = c->account->head + 1 });
			break;
		case RECORD_PART:
			parts_take(h, c, &r);
			break;
		case RECORD_CURSOR:
			take_cursor(h, c, r.seq);
			break;
		case RECORD_WANT:
			if (bucket_take(&c->wants, h->now_ms, HUB_RATE_WANT, HUB_BURST_WANT))
				fanout_want(h, c, &r.item);
			break;
		default:
			take_ping(h, c, r.sent_ms);
		}
	}
	if (good)
		h->store->ops->append(h->store, pending_add(h, ASKED_APPEND, c, c->account), c->account->name,
		                      &c->member->public.device, c->epoch, changes, good, h->wall_ms);
	parts_unpin(c->account);
	free(changes);
}

/* ---- events ---- */

static void take_binary(struct hub_core *h, struct conn *c, struct span frame)
{
	if (c->state != CONN_READY)
		admission_early_binary(h, c);
	else if (frame.len > WIRE_FRAME_MAX)
		conn_fail(h, c, "too-large", "a frame is over 256 KiB", 0);
	else
		take_frame(h, c, frame);
}

static void take_bytes(struct hub_core *h, struct conn *c, const struct hub_event *e)
{
	if (c->state == CONN_READY) {
		conn_wait(h, c, &h->ready);
		if (!bucket_take(&c->frames, h->now_ms, HUB_RATE_FRAMES, HUB_BURST_FRAMES)) {
			conn_fail(h, c, "rate", "too many frames", 10000);
			return;
		}
	} else if ((c->early_bytes += e->bytes.len) > WIRE_UNAUTHENTICATED_MAX) {
		conn_fail(h, c, "too-large", "too much was sent before the device had authenticated", 0);
		return;
	}
	if (e->type == HUB_TEXT)
		admission_text(h, c, e->bytes);
	else
		take_binary(h, c, e->bytes);
}

static void take_tick(struct hub_core *h)
{
	while (h->early.first && h->early.first->heard_ms + HUB_AUTH_MS <= h->now_ms)
		conn_fail(h, h->early.first, "timeout", "the device did not authenticate in time", 0);
	while (h->ready.first && h->ready.first->heard_ms + HUB_SILENT_MS <= h->now_ms)
		conn_fail(h, h->ready.first, "timeout", "nothing was heard for 90 seconds", 0);
	if (h->parts_check_ms <= h->now_ms)
		parts_expire(h);
}

void hub_core_step(struct hub_core *h, const struct hub_event *e)
{
	h->now_ms = e->now_ms;
	h->wall_ms = e->wall_ms;
	if (e->type == HUB_TICK) {
		take_tick(h);
		return;
	}
	struct conn *c = conn_find(h, e->conn);
	if (e->type == HUB_OPENED && !c) {
		admission_challenge(h, conn_create(h, e->conn));
		return;
	}
	if (!c)
		return;
	if (e->type == HUB_CLOSED)
		conn_destroy(h, c);
	else if (c->state == CONN_CLOSING)
		return;
	else if (e->type == HUB_DRAINED && !PLANTED("hub.forgets_who_must_catch_up"))
		conn_todo(h, c);
	else
		take_bytes(h, c, e);
}

/* ---- the end of a turn ---- */

static void tell_moved(struct hub_core *h)
{
	for (size_t i = 0; i < h->moved_count; i++) {
		struct conn *c = conn_find(h, h->moved[i]);
		if (c && c->state == CONN_READY)
			fanout_receipt(h, c);
	}
	h->moved_count = 0;
}

/* Sends what the turn has for one connection and asks for more of the log. Returns the bytes asked for. */
static size_t attend(struct hub_core *h, struct conn *c)
{
	conn_send(h, c);
	if (c->state != CONN_READY)
		return 0;
	if (h->world.backlog(h->world.ctx, c->id) > HUB_SLOW) {
		conn_fail(h, c, "too-large", "the device asks for more than it reads", HUB_BUSY_WAIT_MS);
		return 0;
	}
	if (c->missed && conn_has_room(h, c)) {
		fanout_missed(h, c);
		conn_send(h, c);
	}
	return catchup_run(h, c);
}

/* One round over the connections that asked for attention; those that ask again meanwhile are next round's. */
static size_t attend_all(struct hub_core *h, size_t budget)
{
	size_t count = h->todo_count, asked = 0, done;
	for (done = 0; done < count && asked < budget; done++) {
		struct conn *c = conn_find(h, h->todo[done]);
		if (!c)
			continue;
		c->todo = false;
		asked += attend(h, c);
	}
	memmove(h->todo, h->todo + done, (h->todo_count - done) * sizeof *h->todo);
	h->todo_count -= done;
	return asked;
}

void hub_core_flush(struct hub_core *h, uint64_t now_ms, int64_t wall_ms)
{
	size_t budget = HUB_TURN_READ;
	h->now_ms = now_ms;
	h->wall_ms = wall_ms;
	for (;;) {
		while (h->store->ops->pump(h->store))
			;
		tell_moved(h);
		if (h->todo_count == 0 || budget == 0)
			break;
		size_t asked = attend_all(h, budget);
		budget -= asked < budget ? asked : budget;
	}
	h->more = h->todo_count > 0;
}

size_t hub_core_limit(const struct hub_core *h, uint64_t conn)
{
	const struct conn *c = conn_find(h, conn);
	return c && c->state == CONN_READY ? WIRE_FRAME_MAX : WIRE_UNAUTHENTICATED_MAX;
}

uint64_t hub_core_deadline(const struct hub_core *h)
{
	uint64_t deadline = h->parts_check_ms;
	if (h->more)
		return 0;
	if (h->early.first && h->early.first->heard_ms + HUB_AUTH_MS < deadline)
		deadline = h->early.first->heard_ms + HUB_AUTH_MS;
	if (h->ready.first && h->ready.first->heard_ms + HUB_SILENT_MS < deadline)
		deadline = h->ready.first->heard_ms + HUB_SILENT_MS;
	return deadline;
}

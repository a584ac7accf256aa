/* What wants to go out becomes a change: planned once more, packed, sealed, given its counter, put in the outbox. */
#include <stdlib.h>
#include <string.h>

#include "base/mark.h"
#include "base/mem.h"
#include "base/plant.h"
#include "engine/core/coordinator.h"

void send_wish(struct core *c, struct item *it)
{
	uint8_t list = (uint8_t)((it->urgency & 3) + 1);
	if (it->sending >= list)
		return;
	it->sending = list; /* in a lower list it stands still, and is passed over there */
	if (!it->queued_ms)
		it->queued_ms = c->now_ms ? c->now_ms : 1;
	queue_push(&c->sends[it->urgency & 3], it);
}

struct flight *send_find(const struct core *c, uint64_t counter)
{
	size_t low = 0, high = c->flight_count;
	while (low < high) {
		size_t mid = (low + high) / 2;
		if (c->flights[mid]->row.counter < counter)
			low = mid + 1;
		else
			high = mid;
	}
	return low < c->flight_count && c->flights[low]->row.counter == counter ? c->flights[low] : NULL;
}

uint64_t *send_sum(struct core *c, const struct flight *f)
{
	return f->row.record.len > c->setup.part_bytes ? &c->large_bytes : &c->flight_bytes;
}

void send_drop(struct core *c, struct flight *f)
{
	struct item *it = ledger_find(&c->ledger, &f->row.item);
	if (it && it->in_flight == f->row.counter)
		it->in_flight = 0;
	link_dequeue(&c->link, f->row.counter);
	if (!PLANTED("send.leaves_answered_in_outbox"))
		c->world.drop_outbox(c->world.ctx, f->row.counter);
	size_t at = 0;
	while (c->flights[at] != f)
		at++;
	memmove(c->flights + at, c->flights + at + 1, (c->flight_count - at - 1) * sizeof *c->flights);
	c->flight_count--;
	c->unsaved -= f->unsaved;
	if (f->unsaved && f->staged && c->world.outbox_stage)
		c->world.outbox_stage(c->world.ctx, span_of(NULL, 0));
	*send_sum(c, f) -= f->row.record.len;
	blob_finish(&f->row.record);
	free(f);
}

/* The second half of a pair, while both are unanswered. Alone it would be taken as linked to a stranger. */
static struct flight *linked_behind(const struct core *c, const struct flight *f)
{
	struct flight *next = send_find(c, f->row.counter + 1);
	return next && next->row.linked ? next : NULL;
}

void send_abandon(struct core *c, struct flight *f)
{
	struct flight *second = linked_behind(c, f);
	struct item *it = second ? ledger_find(&c->ledger, &second->row.item) : NULL;
	send_drop(c, f);
	if (second) {
		MARK("send.linked_pair_abandoned");
		send_drop(c, second);
	}
	if (it)
		core_plan(c, it); /* a side item leads to its main item by itself, where that is what matters */
}

void send_forget_all(struct core *c)
{
	while (c->flight_count) {
		struct flight *f = c->flights[c->flight_count - 1];
		MARK("send.forgotten_for_new_epoch");
		struct item *it = ledger_find(&c->ledger, &f->row.item);
		send_drop(c, f);
		if (it)
			core_plan(c, it->row.side ? it->main : it);
	}
}

/* The base that makes an edit small: what the item's head holds, as long as the chain of deltas stays short. Named in b;
 * false: none. */
static bool choose_base(struct core *c, const struct item *it, bool keyframe, uint64_t content_len, struct body *b)
{
	const struct item_row *row = &it->row;
	const struct item_row *from = row->side ? &it->main->row : row;
	if (row->chain_len >= LIMIT_CHAIN_LEN || row->chain_bytes > content_len + 512)
		MARK("send.chain_ended_by_keyframe");
	if (keyframe || row->chain_len >= LIMIT_CHAIN_LEN || row->chain_bytes > content_len + 512)
		return false;
	if (!row->side && !id_zero(&it->rare->source) && c->world.version_has(c->world.ctx, &it->rare->source)) {
		MARK("send.rename_as_copy");
		b->base_tag = BODY_BASE_EXPLICIT;
		b->base_version = it->rare->source; /* under another name every device has it */
		return true;
	}
	if (id_zero(&from->head_version))
		return false;
	b->base_tag = row->side ? BODY_BASE_EXPLICIT : BODY_BASE_IMPLIED;
	b->base_version = from->head_version;
	return true;
}

static bool read_base(struct core *c, const struct item *it, const struct body *b, struct blob *base)
{
	uint8_t meta;
	if (PLANTED("send.delta_against_what_is_here"))
		return !id_zero(&it->row.agreed) && c->world.version_get(c->world.ctx, &it->row.local, base, &meta);
	return c->world.version_get(c->world.ctx, &b->base_version, base, &meta);
}

struct wish {
	struct item *it;       /* whose log this is appended to (a side item has its own) */
	struct id version;     /* zero: delete */
	enum change_kind kind;
	bool keyframe, linked;
	enum priority priority;
	struct item *asker;    /* what is asked again when a large content is packed */
	bool later;            /* out: and until then there is no change */
};

static enum pack_effort effort_of(const struct wish *w)
{
	return w->priority == PRIORITY_LOW ? EFFORT_BULK : EFFORT_HIGH;
}

/* 0 where it is not known: then it is packed at once. */
static uint64_t size_of(const struct wish *w)
{
	const struct item *main = w->it->row.side ? w->it->main : w->it;
	return w->kind == KIND_DELETE || dictionary_is(w->it)	       ? 0
	       : id_equal(&w->version, &main->row.local)	       ? main->row.local_stat.size
	       : id_equal(&w->version, &w->it->row.head_version) ? w->it->row.head_size
								       : 0;
}

static void pack_content(struct core *c, const struct wish *w, struct span content, struct body *b, struct buf *payload)
{
	struct blob base = { 0 };
	struct pack_in in = { .content = content, .effort = effort_of(w) };
	in.have_base = choose_base(c, w->it, w->keyframe, content.len, b) && read_base(c, w->it, b, &base);
	in.base = span_blob(&base);
	if (!in.have_base && w->priority == PRIORITY_LOW && content.len <= DICTIONARY_CONTENT)
		in.base_prepared = dictionary_use(c, b);
	packer_pack(c->packer, &in, b, payload);
	blob_finish(&base);
}

/* Of a content that is packed: all that the body says besides. */
static void describe(const struct wish *w, struct change *change, struct body *b)
{
	struct item *it = w->it;
	struct item *main = it->row.side ? it->main : it;
	b->kind = (uint8_t)w->kind;
	if (w->kind != KIND_DELETE) {
		b->mtime_ms = w->keyframe ? main->row.head_mtime_ms : main->row.local_stat.mtime_ns / 1000000;
		if (!packer_needs_base(b)) {
			b->base_tag = BODY_BASE_NONE;
			change->flags |= CHANGE_KEYFRAME;
		}
		b->named = it->row.side || !change->base || id_zero(&it->row.head_version) ||
			   (change->flags & CHANGE_KEYFRAME);
	}
	if (it->row.side && w->kind != KIND_DELETE) {
		b->side = true;
		b->main_item = main->row.item;
		b->side_device = it->row.device;
		b->side_common = main->row.agreed;
		b->main_seq = main->row.head_seq;
	}
	if (b->named) {
		b->category = span_text(it->row.category);
		b->path = span_text(it->path);
	}
}

/* The store has lost a version that the file still holds: reading the file again puts it back. */
static void mend(struct core *c, struct item *it, const struct id *version)
{
	struct item *main = it->row.side ? it->main : it;
	if (!main || !id_equal(&main->row.local, version))
		return;
	MARK("send.lost_version_read_from_its_file");
	main->read_ms = 0;
	main->placed = false; /* or its stat would be proof enough, and nothing read */
	capture_soon(c, main);
}

/* The content cannot be read now. */
static struct flight *unreadable(struct core *c, const struct wish *w)
{
	struct item *it = w->it;
	/* who planned it, and would at once again */
	struct item *asks = it->row.side && it->main->own_side == it ? it->main : it;
	asks->trouble = "its captured content cannot be read now";
	mend(c, it, &w->version);
	core_retry(c, asks, 10000);
	return NULL;
}

/* It gets its counter, and goes into the outbox. */
static struct flight *seal_change(struct core *c, const struct wish *w, const struct body *body, struct change *change,
				  struct span plain)
{
	struct item *it = w->it;
	struct buf record = { 0 };
	c->state_dirty = true;
	if (PLANTED("send.unsealed")) {
		wire_put_change_head(&record, change, plain.len);
		buf_span(&record, plain);
	} else {
		wire_put_change_head(&record, change, plain.len + SEAL_OVERHEAD);
		seal_body(&c->sealer, &c->setup.device, c->state.epoch, change, plain, &record);
	}
	struct flight *f = mem_alloc(sizeof *f);
	f->row = (struct outbox_row){
		.counter = change->counter, .item = change->item, .version = w->version, .base = change->base,
		.priority = (uint8_t)w->priority, .linked = w->linked, .queued_at_ms = c->wall_ms,
		.size_plain = body->content_len, .delta = body->delta, .compression = body->compression,
		.kind = body->kind, .record = buf_take(&record),
	};
	struct flight *before = w->linked && c->flight_count ? c->flights[c->flight_count - 1] : NULL;
	f->unsaved = f->row.record.len > c->setup.part_bytes || (before && before->unsaved);
	c->unsaved += f->unsaved;
	if (!f->unsaved && !PLANTED("send.not_in_the_outbox"))
		c->world.save_outbox(c->world.ctx, &f->row);
	MEM_ROOM(c->flights, c->flight_count, c->flight_cap);
	c->flights[c->flight_count++] = f;
	*send_sum(c, f) += f->row.record.len;
	c->state.bytes_plain += body->content_len;
	it->in_flight = change->counter;
	return f;
}

static struct change number(struct core *c, const struct wish *w)
{
	struct item *it = w->it;
	struct change change = {
		.flags = (uint8_t)((w->kind == KIND_DELETE ? CHANGE_DELETE : 0) | (w->linked ? CHANGE_LINKED : 0)),
		.counter = PLANTED("send.counter_given_twice") && c->state.counter % 16 == 15 ? c->state.counter
											      : ++c->state.counter,
		.item = it->row.item,
		.base = it->row.head_seq,
		.version = w->version,
		.edited = it->row.side  ? core_tick(c)
			  : w->keyframe ? it->row.head_edited
					: it->row.local_edited,
	};
	return change;
}

static struct flight *make_large(struct core *c, struct wish *w, uint64_t size)
{
	struct body body = { 0 };
	struct buf head = { 0 };
	choose_base(c, w->it, w->keyframe, size, &body);
	switch (packing_ask(c, w->asker, &w->version, &body.base_version, effort_of(w))) {
	case PACKED_LATER:
		w->later = true;
		return NULL;
	case PACKED_LOST:
		return unreadable(c, w);
	case PACKED_DONE:
		break;
	}
	struct change change = number(c, w);
	packing_take(c, &body);
	describe(w, &change, &body);
	body_put(&head, &body, change.edited);
	struct flight *f = seal_change(c, w, &body, &change, packing_head(c, buf_view(&head)));
	packing_taken(c);
	buf_finish(&head);
	return f;
}

/* NULL: the content is not to be had now; the item is tried again later. */
static struct flight *make_change(struct core *c, struct wish *w)
{
	uint64_t size = size_of(w);
	struct body body = { 0 };
	struct blob content = { 0 };
	struct buf payload = { 0 }, plain = { 0 };
	if (size > c->setup.part_bytes)
		return make_large(c, w, size);
	if (w->kind != KIND_DELETE && !c->world.version_get(c->world.ctx, &w->version, &content, &body.meta))
		return unreadable(c, w);
	struct change change = number(c, w);
	if (w->kind != KIND_DELETE)
		pack_content(c, w, span_blob(&content), &body, &payload);
	describe(w, &change, &body);
	body_put(&plain, &body, change.edited);
	struct flight *f = seal_change(c, w, &body, &change, buf_view(&plain));
	blob_finish(&content);
	buf_finish(&payload);
	buf_finish(&plain);
	return f;
}

static void launch(struct core *c, struct flight *first, struct flight *second)
{
	if (!first || first->unsaved)
		return;
	struct sendq_group group = { .count = second ? 2 : 1 };
	group.records[0].counter = first->row.counter;
	group.records[0].record = span_blob(&first->row.record);
	if (second) {
		group.records[1].counter = second->row.counter;
		group.records[1].record = span_blob(&second->row.record);
	}
	link_queue(&c->link, (enum priority)first->row.priority, &group);
}

/* A large record goes into the outbox part by part; what is linked behind it with its last one. */
static void save_unsaved(struct core *c)
{
	struct flight *f = NULL, *second;
	if (!c->unsaved || !core_part(c, &c->saved_ms))
		return;
	for (size_t i = 0; i < c->flight_count && !f; i++)
		f = c->flights[i]->unsaved ? c->flights[i] : NULL;
	f->staged = f->row.record.len - f->staged <= c->setup.part_bytes ? f->row.record.len
									 : f->staged + c->setup.part_bytes;
	if (f->staged < f->row.record.len) {
		if (c->world.outbox_stage)
			c->world.outbox_stage(c->world.ctx, span_of(f->row.record.data, f->staged));
		return;
	}
	MARK("send.large_record_saved");
	second = linked_behind(c, f);
	for (int i = 0; i < 2; i++) {
		struct flight *each = i ? second : f;
		if (!each || !each->unsaved)
			continue;
		each->unsaved = false;
		c->unsaved--;
		if (!PLANTED("send.not_in_the_outbox"))
			c->world.save_outbox(c->world.ctx, &each->row);
	}
	launch(c, f, second);
}

static struct flight *drop_side(struct core *c, struct item *side, bool linked)
{
	struct wish drop = { .it = side, .kind = KIND_DELETE, .linked = linked, .priority = PRIORITY_CRITICAL };
	return make_change(c, &drop);
}

/* The second change of the frame: what a settlement or a rename takes away behind what it puts. */
static struct flight *with_second(struct core *c, struct item *it)
{
	struct item *from = id_zero(&it->rare->moved_from) ? NULL : ledger_find(&c->ledger, &it->rare->moved_from);
	bool chosen = !id_zero(&it->row.settles) && id_equal(&it->row.settled_as, &it->row.local);
	struct item *settled = chosen ? ledger_find(&c->ledger, &it->row.settles) : NULL;
	if (settled && !id_equal(&settled->row.head_version, &it->row.settled))
		settled = NULL; /* another version than the person saw */
	if (!settled && ledger_side_open(it->own_side) && id_equal(&it->own_side->row.head_version, &it->row.local))
		settled = it->own_side;
	if (settled && ledger_side_open(settled) && !settled->in_flight) {
		MARK("send.settlement_linked");
		return drop_side(c, settled, true);
	}
	if (from && !from->in_flight && core_may_work(c, from)) {
		struct plan_facts facts = ledger_facts(from);
		if (plan_item(&facts) == PLAN_SEND && id_zero(&from->row.local)) {
			MARK("send.rename_linked");
			struct wish gone = {
				.it = from, .kind = KIND_DELETE, .linked = true, .priority = (enum priority)it->urgency
			};
			return make_change(c, &gone);
		}
	}
	return NULL;
}

struct flight *send_new(struct core *c, struct item *it, enum priority priority)
{
	struct wish w = {
		.it = it, .asker = it, .version = it->row.local, .kind = KIND_CREATE, .priority = priority
	};
	struct flight *f = make_change(c, &w);
	launch(c, f, NULL);
	return f;
}

static void send_main(struct core *c, struct item *it)
{
	struct wish w = { .it = it, .asker = it, .version = it->row.local, .priority = (enum priority)it->urgency };
	if (it->row.head_seq < it->await_seq)
		MARK("send.waits_for_entry_it_is_stale_against");
	if (it->in_flight || it->row.head_seq < it->await_seq)
		return; /* planned again when that is answered */
	core_date(c, it);
	w.kind = id_zero(&it->row.local) ? KIND_DELETE : id_zero(&it->row.head_version) ? KIND_CREATE : KIND_UPDATE;
	if (w.kind == KIND_CREATE)
		w.kind = moves_kind(c, it);
	struct flight *first = make_change(c, &w);
	if (!first)
		return;
	struct flight *second = w.kind == KIND_DELETE ? NULL : with_second(c, it);
	launch(c, first, PLANTED("send.forgets_the_second_of_a_pair") ? NULL : second);
	ledger_forget_origin(it);
	holding_sent(c, it);
}

/* An undo gives the item back what the settlement took from it. */
static void send_return(struct core *c, struct item *it)
{
	struct wish w = { .it = it, .asker = it, .version = it->row.want, .kind = KIND_UPDATE, .priority = PRIORITY_CRITICAL };
	if (it->in_flight || it->row.head_seq < it->await_seq)
		return; /* planned again when that is answered */
	if (!settle_readable(c, &it->row.want)) {
		it->row.want = (struct id){ { 0 } };
		it->row.hold = HOLD_NONE;
		ledger_touch(&c->ledger, it);
		core_notice(c, NOTICE_ALERT, "sync", it,
			    "the settlement cannot be taken back: the other version's content is lost here");
		core_plan(c, it);
		return;
	}
	struct flight *f = make_change(c, &w);
	if (!w.later)
		MARK("send.settlement_taken_back");
	launch(c, f, NULL);
}

static void send_keyframe(struct core *c, struct item *it)
{
	struct wish w = { .it = it,
			  .asker = it,
			  .version = it->row.head_version,
			  .kind = KIND_UPDATE,
			  .keyframe = true,
			  .priority = PRIORITY_HIGH };
	bool due = it->rare->keyframe_due_ms && it->rare->keyframe_due_ms <= c->now_ms;
	if (!due || it->in_flight || id_zero(&it->row.head_version))
		return;
	if (!c->world.version_has(c->world.ctx, &it->row.head_version)) {
		ledger_rare(it)->keyframe_due_ms = 0; /* it is wanted again while nobody has it */
		mend(c, it, &it->row.head_version);
		return;
	}
	struct flight *f = make_change(c, &w);
	if (w.later)
		return;
	MARK("send.keyframe_answered");
	if (it->rare->keyframe_due_ms)
		ledger_rare(it)->keyframe_due_ms = 0;
	launch(c, f, NULL);
}

static void send_one(struct core *c, struct item *it)
{
	if (!core_may_work(c, it))
		return;
	send_keyframe(c, it); /* others need it, also where the file itself must wait: for room on the disk, say */
	if (it->retry_ms > c->now_ms)
		return;
	if (it->row.side) { /* a wish about another device's side item */
		if (ledger_side_open(it) && id_zero(&it->row.local) && !it->in_flight &&
		    it->row.head_seq >= it->await_seq) {
			MARK("send.drops_anothers_side");
			launch(c, drop_side(c, it, false), NULL);
		}
		return;
	}
	struct plan_facts facts = ledger_facts(it);
	switch (plan_item(&facts)) {
	case PLAN_SEND:
		if (it->in_flight || !holding_keeps(c, it, &it->row.head_version))
			send_main(c, it);
		break;
	case PLAN_RETURN:
		send_return(c, it);
		break;
	case PLAN_SIDE_PUT: {
		if (!settle_asks(c, it)) { /* what was wished is another thing by now */
			core_plan(c, it);
			break;
		}
		struct item *side = ledger_add_side(&c->ledger, it, &c->setup.device, true);
		if (!it->in_flight && !side->in_flight && holding_keeps(c, it, &side->row.head_version))
			break;
		struct wish put = { .it = side, .asker = it, .version = it->row.local, .priority = PRIORITY_HIGH };
		put.kind = ledger_side_open(side) ? KIND_UPDATE : KIND_CREATE;
		if (put.kind == KIND_UPDATE)
			MARK("send.edit_goes_on_in_conflict");
		ledger_touch(&c->ledger, side);
		if (!side->in_flight && side->row.head_seq >= side->await_seq && !it->in_flight) {
			struct flight *f = make_change(c, &put);
			launch(c, f, NULL);
			if (!put.later)
				holding_sent(c, it);
		}
		break;
	}
	case PLAN_SIDE_DROP:
		if (PLANTED("send.settled_side_stays_open"))
			break;
		if (!it->own_side->in_flight && it->own_side->row.head_seq >= it->own_side->await_seq)
			launch(c, drop_side(c, it->own_side, false), NULL);
		break;
	case PLAN_APPLY:
	case PLAN_AGREE:
		core_plan(c, it);
		break;
	case PLAN_NOTHING:
		break;
	}
}

static void resend_due(struct core *c)
{
	for (size_t i = 0; i < c->flight_count; i++) {
		struct flight *f = c->flights[i], *second = linked_behind(c, f);
		if (!f->retry_ms || f->retry_ms > c->now_ms)
			continue;
		MARK("send.refused_sent_again");
		if (!PLANTED("send.again_without_end"))
			f->retry_ms = 0;
		if (second) { /* one group: launched alone it would take the first out of the queue */
			second->retry_ms = 0;
			i++;
		}
		launch(c, f, second);
	}
}

void send_pump(struct core *c)
{
	if (!c->up || !c->caught_up || c->stopped)
		return;
	resend_due(c);
	packing_run(c);
	save_unsaved(c);
	for (int priority = PRIORITY_CRITICAL; priority >= 0;) {
		struct item *it;
		if (c->flight_count >= LIMIT_IN_FLIGHT_CHANGES || c->flight_bytes >= LIMIT_IN_FLIGHT_BYTES)
			return;
		if (priority == PRIORITY_LOW && !dictionary_ready(c))
			return;
		if (!(it = queue_pop(&c->sends[priority]))) {
			priority--;
			continue;
		}
		if (it->sending != priority + 1)
			continue; /* it moved up meanwhile */
		it->sending = 0;
		send_one(c, it);
		packing_not_taken(c, it);
	}
}

void send_resume(struct core *c)
{
	for (size_t i = 0; i < c->flight_count && !PLANTED("send.nothing_again_after_reconnect"); i++) {
		struct flight *f = c->flights[i];
		struct flight *next = linked_behind(c, f);
		MARK("send.unanswered_after_reconnect");
		f->retry_ms = 0;
		f->row.retry_count++;
		if (next) { /* what the connection before asked to wait for is over for both */
			next->retry_ms = 0;
			next->row.retry_count++;
			i++;
		}
		launch(c, f, next);
	}
}

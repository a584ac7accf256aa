/* What the hub says becomes the log's heads; files follow when the planner says so. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mark.h"
#include "base/mem.h"
#include "base/plant.h"
#include "base/relpath.h"
#include "engine/core/coordinator.h"

#define WRITERS_MAX 4096
#define PEERS_MAX 4096         /* a hub that names more devices is not believed */
#define SEEN_MAX (1ull << 52)  /* ms; later than any clock */
#define WANT_AGAIN_MS 10000
#define KEYFRAME_AGAIN_MS 600000 /* one that could not be used is not made over and over */
#define OWED_MS 20000          /* an answer may take so long: a hub whose disk is slow still says it is busy */
#define WAITING_PARTS 4            /* so many parts' bytes of records may wait behind a large entry */
#define WAITING_TURN WIRE_PART_MAX /* of them so much is taken in a turn, as when it comes */
#define CURSOR_LAZY_MS 5000    /* for our own confirmations alone: nobody waits for that receipt */

static void stop(struct core *c, const char *why)
{
	free(c->stopped);
	c->stopped = mem_text(why);
	link_fail(&c->link, why);
	receive_down(c);
}

static void forget_intake(struct core *c)
{
	blob_finish(&c->intake.bytes);
	c->intake = (struct intake){ 0 };
}

void receive_drop(struct core *c)
{
	if (receive_busy(c))
		MARK("receive.dropped_before_it_was_open");
	opening_drop(c);
	forget_intake(c);
	buf_finish(&c->waiting);
	c->waiting_at = c->waiting_parts = 0;
	c->probe_heard = false;
}

static void take_devices(struct core *c, const struct message *m)
{
	for (size_t i = 0; i < m->device_count; i++) {
		const struct message_device *d = &m->devices[i];
		struct peer *p = NULL;
		struct blob name = { 0 };
		for (size_t k = 0; k < c->peer_count && !p; k++)
			if (id_equal(&c->peers[k].row.device, &d->device))
				p = &c->peers[k];
		if (!p && c->peer_count == PEERS_MAX)
			continue;
		if (!p) {
			MEM_ROOM(c->peers, c->peer_count, c->peer_cap);
			p = &c->peers[c->peer_count++];
			*p = (struct peer){ .row.device = d->device };
		}
		if (seal_open_name(&c->sealer, &d->device, span_blob(&d->name), &name, NULL))
			snprintf(p->row.name, sizeof p->row.name, "%.*s", (int)name.len, (const char *)name.data);
		else if (!p->row.name[0])
			snprintf(p->row.name, sizeof p->row.name, "device-%02x%02x", d->device.b[0], d->device.b[1]);
		blob_finish(&name);
		p->row.revoked = d->revoked;
		if (d->last_seen_ms > p->row.last_seen_ms)
			p->row.last_seen_ms = d->last_seen_ms;
		if (d->cursor > p->row.cursor)
			p->row.cursor = d->cursor;
		p->online = d->online;
		c->world.save_peer(c->world.ctx, &p->row);
	}
}

void receive_auth(struct core *c, const struct message *m)
{
	bool apart = m->head < c->state.cursor || (c->state.cursor && !id_equal(&m->chain, &c->state.chain));
	if (apart && !PLANTED("receive.follows_a_hub_that_went_back")) {
		char why[320];
		MARK("receive.hub_went_back");
		if (m->head < c->state.cursor)
			snprintf(why, sizeof why,
				 "the hub's log ends at %llu but this device has seen %llu: the hub was restored from "
				 "an old copy (nothing is lost here; run 'syncline resume --accept-rollback' to offer "
				 "this device's files again)",
				 (unsigned long long)m->head, (unsigned long long)c->state.cursor);
		else
			snprintf(why, sizeof why,
				 "the hub's log differs from what this device has seen up to %llu: it was restored "
				 "from an old copy or rewritten (nothing is lost here; run 'syncline resume "
				 "--accept-rollback' to offer this device's files again)",
				 (unsigned long long)c->state.cursor);
		stop(c, why);
		return;
	}
	if (m->head >= c->state.cursor && m->counter > c->state.counter)
		MARK("receive.counter_from_a_life_forgotten");
	/* Our state is older than what we once sent: never use those numbers again. */
	if (m->counter > c->state.counter) {
		core_notice(c, NOTICE_WARN, "sync", NULL,
			    "this device's state is older than what the hub has from it (restored from a copy?): it "
			    "goes on under a new epoch, nothing is lost");
		core_new_epoch(c);
		send_forget_all(c);
		link_renew(&c->link, "taking a new epoch");
		receive_down(c);
		return;
	}
	free(c->stopped);
	c->stopped = NULL;
	c->up = true;
	c->head = c->catch_up = m->head;
	c->cursor_sent = c->state.cursor;
	c->writer_count = 0;
	receive_drop(c);
	c->caught_up = c->state.cursor >= m->head;
	take_devices(c, m);
	for (size_t i = 0; i < c->ledger.count; i++)
		c->ledger.all[i]->await_seq = 0;
	send_resume(c);
	core_probe_again(c);
}

void receive_down(struct core *c)
{
	c->up = c->caught_up = false;
	packing_down(c);
	c->owed_ms = 0;
	c->cursor_due_ms = UINT64_MAX; /* the next greeting says it */
	c->probe_link = 0;
	receive_drop(c);
	if (c->invite_ticket) {
		c->invite_done = c->invite_ticket;
		c->invite_ticket = 0;
		snprintf(c->invite_text, sizeof c->invite_text, "the link was lost before the hub answered");
	}
	for (size_t i = 0; i < c->peer_count; i++)
		c->peers[i].online = false;
}

void receive_message(struct core *c, const struct message *m)
{
	if (m->type == MESSAGE_DEVICES)
		take_devices(c, m);
	else if (m->type == MESSAGE_INVITED && c->invite_ticket) {
		c->invite_done = c->invite_ticket;
		c->invite_ticket = 0;
		snprintf(c->invite_text, sizeof c->invite_text, "%s", m->text);
	}
}

bool receive_content(struct core *c, struct item *it)
{
	if (c->world.version_has(c->world.ctx, &it->row.head_version)) {
		c->missing -= it->missing;
		it->missing = false;
		return true;
	}
	c->missing += !it->missing;
	it->missing = true;
	it->trouble = "its content is not here: another device is asked for it";
	if (c->up && (!it->rare->wanted_ms || c->now_ms - it->rare->wanted_ms >= WANT_AGAIN_MS)) {
		if (PLANTED("receive.asks_for_content_once") && it->failures++)
			return false;
		MARK("receive.content_wanted");
		struct record want = { .type = RECORD_WANT, .item = it->row.item };
		link_put(&c->link, &want);
		ledger_rare(it)->wanted_ms = c->now_ms ? c->now_ms : 1;
	}
	core_retry(c, it, WANT_AGAIN_MS);
	return false;
}

/* Which item a change is about: known by its id, or named in the body. NULL: it names something it must not, or one
 * category too many. */
static struct item *item_of(struct core *c, const struct change *change, const struct body *b)
{
	struct item *it = ledger_find(&c->ledger, &change->item);
	if (it || !b->named)
		return it;
	char category[CATEGORY_MAX + 1], path[RELPATH_MAX + 1];
	snprintf(category, sizeof category, "%.*s", (int)b->category.len, (const char *)b->category.data);
	snprintf(path, sizeof path, "%.*s", (int)b->path.len, (const char *)b->path.data);
	struct id main_id = ledger_item_id(&c->ledger, category, path);
	if (b->side) {
		struct id side_id = ledger_side_id(&c->ledger, &main_id, &b->side_device);
		if (!id_equal(&main_id, &b->main_item) || !id_equal(&side_id, &change->item))
			return NULL;
	} else if (!id_equal(&main_id, &change->item)) {
		return NULL;
	}
	struct item *main = ledger_find(&c->ledger, &main_id);
	if (!main && c->categories.count >= LIMIT_CATEGORIES && !category_find(&c->categories, category))
		return NULL;
	if (!main)
		main = ledger_add(&c->ledger, category_make(&c->categories, category), path, &main_id);
	if (!b->side)
		return main;
	ledger_touch(&c->ledger, main);
	return ledger_add_side(&c->ledger, main, &b->side_device, id_equal(&b->side_device, &c->setup.device));
}

static void side_news(struct core *c, struct item *side, bool was_open, const struct id *was)
{
	bool open = ledger_side_open(side);
	struct item *main = side->main;
	bool own = main->own_side == side;
	side->row.local = side->row.head_version; /* whatever was wished was about another version */
	if (open && was_open)
		MARK("receive.side_moved_on");
	if (open && !was_open) {
		side->row.detected_ms = (uint64_t)c->wall_ms;
		core_notice(c, NOTICE_ALERT, "sync", main,
			    own ? "changed here and on another device: conflict"
				: "changed on two other devices: conflict");
	} else if (!open && was_open) {
		core_notice(c, NOTICE_INFO, "sync", main, "the conflict is settled");
		bool ours = id_equal(&main->row.settles, &side->row.item);
		/* Once it went aside itself, over a newer head, it is a version that others see and choose about. */
		bool aside = !own && main->own_side && (ledger_side_open(main->own_side) || main->own_side->in_flight);
		bool settled = ours && !aside && id_equal(&main->row.settled_as, &main->row.local);
		/* what the file holds since is a newer choice */
		bool by_us = id_equal(&side->row.head_device, &c->setup.device);
		if (((own && id_equal(was, &main->row.local)) || settled) &&
		    !id_equal(&main->row.local, &main->row.head_version) && !main->in_flight && !by_us) {
			MARK("receive.mine_lost_the_choice");
			/* somebody chose otherwise, or before us: ours is history now */
			main->row.agreed = main->row.local;
			main->row.hold = HOLD_NONE;
			settle_chosen(c, main, &main->row.head_version, &side->row.head_device, HOW_SETTLE);
			ledger_touch(&c->ledger, main);
			if (settled)
				core_notice(c, NOTICE_ALERT, "sync", main,
					    "another device settled it first: that stands, what was chosen here is in "
					    "the history");
		}
		if (ours) {
			main->row.settles = main->row.settled = main->row.settled_as = (struct id){ { 0 } };
			ledger_touch(&c->ledger, main);
		}
	}
	core_plan(c, main);
}

/* The item's head moved: by another device, or by our own confirmed change. */
static void set_head(struct core *c, struct item *it, uint64_t seq, const struct change *change,
		     const struct id *device, const struct body *b)
{
	struct item_row *row = &it->row;
	bool was_open = ledger_side_open(it);
	struct id was = row->head_version;
	row->head_seq = seq;
	row->head_version = change->version;
	row->head_edited = change->edited;
	row->head_device = *device;
	if (b) {
		row->head_meta = b->meta;
		row->head_size = b->content_len;
		row->head_mtime_ms = b->mtime_ms;
	}
	if (change->flags & CHANGE_KEYFRAME || change->flags & CHANGE_DELETE)
		row->chain_len = 0, row->chain_bytes = 0;
	else
		row->chain_len++, row->chain_bytes += change->body.len;
	if (id_equal(&was, &change->version))
		it->keyframe_ms = c->now_ms ? c->now_ms : 1;
	if (it->rare->keyframe_due_ms)
		ledger_rare(it)->keyframe_due_ms = 0;
	it->unwanted = false;
	if (it->missing) {
		c->missing--;
		it->missing = false;
		it->retry_ms = 0;
	}
	if (it->rare->wanted_ms)
		ledger_rare(it)->wanted_ms = 0;
	if (it->category)
		it->category->last_change_ms = c->wall_ms;
	ledger_touch(&c->ledger, it);
	if (dictionary_is(it))
		dictionary_found(c, it);
	if (!row->side)
		ledger_passed(it, &row->head_version);
	if (!it->verified && it->rare->passed_count > 1) {
		MARK("receive.two_heads_before_first_look");
		/* in this step still: once it is saved, the head before is forgotten by the next start */
		capture_soon(c, it);
	}
	if (row->side)
		side_news(c, it, was_open, &was);
	else
		core_plan(c, it);
}

static void advance(struct core *c)
{
	c->state.chain = c->opening.chain;
	c->state.cursor = c->opening.seq;
	c->state.last_synced_ms = c->wall_ms;
	c->state_dirty = true;
	if (c->state.cursor >= c->catch_up && c->up)
		c->caught_up = true;
}

/* A head that nobody vouches for: neither a deletion nor a version that happens to be here follows from it. */
static void make_unknown(const struct core *c, struct change *change)
{
	struct span part = span_of(c->state.chain.b, ID_LEN); /* new with every entry */
	change->version = hash_plain("syncline unknown head 1", &part, 1);
	change->flags = 0;
}

/* What does not open may have been damaged on its way: it is believed to be the hub's word when it comes a second time.
 */
static bool is_damaged(struct core *c)
{
	bool again = id_equal(&c->opening.chain, &c->doubted);
	c->doubted = c->opening.chain;
	return !again;
}

static void leave_out(struct core *c, struct item *it)
{
	const struct opening *o = &c->opening;
	core_notice(c, NOTICE_ALERT, "sync", it,
		    "change %llu of another device cannot be used: %s: it is left out, all else goes on",
		    (unsigned long long)o->seq, o->why.why[0] ? o->why.why : "it names an item that it is not");
	if (!it)
		return;
	struct flight *dead = it->in_flight ? send_find(c, it->in_flight) : NULL;
	struct change unknown = o->change;
	if (dead)
		send_abandon(c, dead);
	if (!o->genuine)
		make_unknown(c, &unknown);
	/* its content stays missing until a keyframe brings it */
	set_head(c, it, o->seq, &unknown, &o->writer.device, NULL);
	if (!id_zero(&unknown.version))
		receive_content(c, it);
}

static bool keep_content(struct core *c)
{
	const struct opening *o = &c->opening;
	if (!o->whole || PLANTED("receive.content_not_stored"))
		return o->here || o->whole;
	return c->world.version_put(c->world.ctx, &o->change.version, o->body.meta, o->content);
}

/* An entry was opened. False: damaged on its way, to be had again. */
static bool take_entry(struct core *c)
{
	const struct opening *o = &c->opening;
	const struct change *change = &o->change;
	struct item *it = ledger_find(&c->ledger, &change->item);
	uint64_t seq = o->seq;
	struct body b = o->body;
	if (!o->genuine && is_damaged(c))
		return false;
	advance(c);
	if (o->genuine)
		core_hear_time(c, change->edited);
	if (o->valid)
		it = item_of(c, change, &b);
	if (!o->valid || !it) {
		leave_out(c, it);
		return true;
	}
	bool here = keep_content(c);
	struct flight *late = it->in_flight ? send_find(c, it->in_flight) : NULL;
	if (late && late->row.base != seq) {
		MARK("receive.own_change_overtaken");
		send_abandon(c, late); /* its base is no longer the head: the hub will call it stale */
	}
	enum change_kind kind = (enum change_kind)b.kind;
	c->state.bytes_plain += b.content_len;
	if (b.side)
		it->row.agreed = b.side_common;
	else if (!it->row.side)
		it->row.want = (struct id){ { 0 } }; /* an undo was about the head before */
	set_head(c, it, seq, change, &o->writer.device, &b);
	if (!dictionary_is(it))
		core_history(c, it, &change->version, &o->writer.device, seq, HOW_REMOTE, kind, b.content_len, b.meta,
			     body_edited_ms(change->edited));
	if (!here && b.kind != KIND_DELETE)
		receive_content(c, it);
	return true;
}

/* The first part of a large content tells it as well. */
static void read_meta(struct core *c, const struct id *version, uint8_t *meta)
{
	struct blob content = { 0 };
	core_read_version(c, version, &content, meta);
	blob_finish(&content);
}

/* A change of our own is at the hub. False: it is none of ours. */
static bool take_confirm(struct core *c)
{
	struct flight *f = send_find(c, c->opening.counter);
	uint64_t seq = c->opening.seq;
	struct change change;
	if (!f)
		return false;
	struct reader r = reader_of(span_blob(&f->row.record));
	struct item *it = ledger_find(&c->ledger, &f->row.item);
	if (!it || !wire_get_change(&r, &change))
		return false;
	advance(c);
	struct item *main = it->row.side ? it->main : it;
	struct body b = {
		.kind = f->row.kind, .content_len = f->row.size_plain,
		.meta = main->row.local_stat.meta, .mtime_ms = main->row.local_stat.mtime_ns / 1000000,
	};
	bool local_moved_on = !id_equal(&main->row.local, &change.version);
	if (local_moved_on)
		MARK("receive.confirmed_after_a_newer_edit");
	if (local_moved_on && !id_zero(&change.version)) /* the file holds something newer already: ask the store */
		read_meta(c, &change.version, &b.meta);
	struct id device = c->setup.device;
	bool again = !it->row.side && id_equal(&it->row.head_version, &change.version); /* a keyframe */
	set_head(c, it, seq, &change, &device, again ? NULL : &b);
	if (!it->row.side && !again) {
		if (id_zero(&it->row.want)) /* else an undo waits, for which this is only the head to go back from */
			it->row.agreed =
				PLANTED("receive.confirms_the_newer_edit_too") ? it->row.local : change.version;
		it->trouble = NULL;
		it->failures = 0;
	}
	bool told = it->row.side && f->row.kind == KIND_DELETE; /* by side_news: the conflict is settled */
	if (f->row.priority >= PRIORITY_HIGH && !dictionary_is(it) && !told) {
		if (f->row.kind == KIND_DELETE)
			core_notice(c, NOTICE_INFO, "sync", main, "its deletion is sent");
		else
			core_notice(c, NOTICE_INFO, "sync", main, "sent, %llu B as %zu B",
				    (unsigned long long)f->row.size_plain, f->row.record.len);
	}
	send_drop(c, f);
	it->queued_ms = 0;
	core_plan(c, main);
	return true;
}

static void take_stale(struct core *c, uint64_t counter, uint64_t seq)
{
	struct flight *f = send_find(c, counter);
	if (!f)
		return;
	struct item *it = ledger_find(&c->ledger, &f->row.item);
	if (it && !id_equal(&(it->row.side ? it->main : it)->row.local, &f->row.version))
		MARK("receive.stale_after_a_newer_edit");
	else
		MARK("receive.stale");
	if (PLANTED("receive.stale_is_nothing"))
		return;
	bool odd = seq <= f->row.base; /* by our own log it was not: asking again at once would go on for ever */
	send_abandon(c, f);
	if (!it)
		return;
	if (seq > it->row.head_seq)
		it->await_seq = seq;
	if (it->row.side) {
		it->row.local = it->row.head_version;
		ledger_touch(&c->ledger, it);
	}
	if (odd)
		core_retry(c, it, 1000);
	core_plan(c, it);
}

static void take_refused(struct core *c, const struct record *r)
{
	struct flight *f = send_find(c, r->counter);
	if (!f)
		return;
	struct item *it = ledger_find(&c->ledger, &f->row.item);
	uint64_t wait = r->wait_ms > LINK_RETRY_AFTER_MAX_MS ? LINK_RETRY_AFTER_MAX_MS
			: r->wait_ms < 100                   ? 100
							     : r->wait_ms;
	switch (r->code) {
	case REFUSED_RATE:
	case REFUSED_BUSY:
	case REFUSED_QUOTA:
		MARK("receive.refused_for_now");
		if (PLANTED("receive.refused_sent_at_once"))
			wait = 0;
		f->retry_ms = c->now_ms + (r->code == REFUSED_QUOTA && wait < 30000 ? 30000 : wait);
		f->row.retry_count++;
		if (it)
			it->trouble = r->code == REFUSED_QUOTA ? "the account's quota at the hub is used up"
							       : "the hub is busy";
		break;
	case REFUSED_PARTS:
		f->retry_ms = c->now_ms + 1;
		break;
	case REFUSED_LINK:
		send_drop(c, f);
		if (it)
			core_plan(c, it);
		break;
	case REFUSED_IDENTITY:
		core_notice(c, NOTICE_WARN, "sync", it,
			    "the hub knows another change under this device's number: it goes on under a new epoch");
		core_new_epoch(c);
		send_forget_all(c);
		link_renew(&c->link, "taking a new epoch");
		receive_down(c);
		break;
	default:
		send_abandon(c, f);
		if (it) {
			it->trouble = "the hub refuses it: too large";
			core_retry(c, it, 600000);
			core_notice(c, NOTICE_ERROR, "sync", it, "refused by the hub: too large");
		}
		break;
	}
}

static bool take_part(struct core *c, const struct record *r)
{
	struct intake *in = &c->intake;
	if (in->seq != r->seq || in->bytes.len != r->total) {
		if (r->offset != 0 || r->total > WIRE_BODY_MAX)
			return false;
		MARK("receive.large_entry_in_parts");
		forget_intake(c);
		*in = (struct intake){ r->seq, { mem_alloc(r->total), r->total }, 0 };
	}
	if (r->offset != in->have || r->bytes.len > in->bytes.len - in->have)
		return false;
	memcpy(in->bytes.data + in->have, r->bytes.data, r->bytes.len);
	in->have += r->bytes.len;
	return true;
}

/* Not what we sent, or not then: an older self, a clone, or a message that was changed on its way. What is the hub's is
 * read back as if another's, and what it lacks is sent anew. */
static bool confirmed_wrongly(struct core *c)
{
	MARK("receive.confirmed_wrongly");
	core_new_epoch(c);
	send_forget_all(c);
	return false;
}

/* Goes on with what is being opened. False: the hub sent what cannot be, or what was damaged on its way. */
static bool open_on(struct core *c)
{
	if (!opening_step(c)) {
		MARK("receive.opened_in_parts");
		return true;
	}
	bool own = c->opening.counter, ok = own ? take_confirm(c) : take_entry(c);
	opening_drop(c);
	if (!own)
		c->cursor_due_ms = c->now_ms;
	return ok || (own && confirmed_wrongly(c));
}

static bool take_log_entry(struct core *c, struct record *r)
{
	struct blob body;
	if (r->seq <= c->state.cursor)
		return true;
	if (r->seq != c->state.cursor + 1 || r->writer >= c->writer_count || !c->writers[r->writer].known)
		return false;
	if (r->change.flags & CHANGE_PARTED) {
		if (c->intake.seq != r->seq || c->intake.have != c->intake.bytes.len)
			return false;
		r->change.flags &= (uint8_t)~CHANGE_PARTED;
		body = c->intake.bytes;
		c->intake.bytes = (struct blob){ 0 };
	} else {
		body = blob_copy(r->change.body.data, r->change.body.len);
	}
	if (c->intake.seq <= r->seq) /* else it is gathered for one that comes later */
		forget_intake(c);
	if (r->seq > c->head)
		c->head = r->seq;
	opening_begin(c, r->seq, &c->writers[r->writer], &r->change, &body);
	return open_on(c);
}

static bool take_own(struct core *c, const struct record *r)
{
	struct flight *f = send_find(c, r->counter);
	if (r->seq <= c->state.cursor) /* a resend, answered as the first time */
		return f ? confirmed_wrongly(c) : true;
	if (c->cursor_due_ms > c->now_ms + CURSOR_LAZY_MS)
		c->cursor_due_ms = c->now_ms + CURSOR_LAZY_MS;
	if (r->seq != c->state.cursor + 1)
		return false;
	if (!f)
		return confirmed_wrongly(c);
	if (r->seq > c->head)
		c->head = r->seq;
	opening_begin_own(c, r->seq, r->counter);
	return open_on(c);
}

static struct peer *peer_of(struct core *c, uint64_t writer)
{
	if (writer >= c->writer_count || !c->writers[writer].known)
		return NULL;
	for (size_t i = 0; i < c->peer_count; i++)
		if (id_equal(&c->peers[i].row.device, &c->writers[writer].device))
			return &c->peers[i];
	return NULL;
}

static bool take_writer(struct core *c, const struct record *r)
{
	if (r->writer >= WRITERS_MAX)
		return false;
	if (r->writer >= c->writer_count) {
		c->writers = mem_grow(c->writers, r->writer + 1, sizeof *c->writers);
		memset(c->writers + c->writer_count, 0, (r->writer + 1 - c->writer_count) * sizeof *c->writers);
		c->writer_count = r->writer + 1;
	}
	c->writers[r->writer] = (struct writer){ true, r->device, r->epoch };
	return true;
}

/* A message that went missing inside a connection that lives on would be waited for until the next one. So, at a pong:
 * what has been owed for long, and not one answer since, is asked for on a new connection. */
static bool is_owing(struct core *c)
{
	if (receive_busy(c)) { /* it is we who are not done */
		c->owed_ms = 0;
		return false;
	}
	bool owed = c->state.cursor < c->head, moved = c->answers != c->answers_then || c->world.backlog(c->world.ctx);
	for (size_t i = 0; !owed && i < c->flight_count; i++)
		owed = !c->flights[i]->retry_ms &&
		       link_progress(&c->link, c->flights[i]->row.counter, NULL) == SENDQ_SENT;
	c->answers_then = c->answers;
	if (!owed || moved || !c->owed_ms)
		c->owed_ms = owed ? c->now_ms : 0;
	return owed && c->now_ms - c->owed_ms >= OWED_MS;
}

bool receive_busy(const struct core *c)
{
	return c->opening.stage != OPENING_NONE || c->waiting.len > c->waiting_at;
}

/* The hub's answer to what people wait for came, and so did all that it had sent before. */
static void probed(struct core *c)
{
	if (!c->probe_heard)
		return;
	c->probe_heard = false;
	c->probe_done = c->probe_number;
	c->probe_link = 0;
	core_probe_again(c);
}

static bool take_record(struct core *c, struct record *r)
{
	struct peer *p;
	uint64_t number;
	c->answers += r->type != RECORD_PONG && r->type != RECORD_RECEIPT && r->type != RECORD_PRESENCE;
	switch (r->type) {
	case RECORD_WRITER:
		return take_writer(c, r);
	case RECORD_ENTRY:
		return take_log_entry(c, r);
	case RECORD_ENTRY_PART:
		return take_part(c, r);
	case RECORD_CONFIRM:
		return take_own(c, r);
	case RECORD_PRUNED:
		return false; /* this hub's log is whole; one that says otherwise is not ours */
	case RECORD_STALE:
		take_stale(c, r->counter, r->seq);
		return true;
	case RECORD_REFUSED:
		take_refused(c, r);
		return true;
	case RECORD_RECEIPT:
		if ((p = peer_of(c, r->writer)) && r->seq > p->row.cursor) {
			p->row.cursor = r->seq;
			p->save = true;
		}
		return true;
	case RECORD_PRESENCE:
		if (r->sent_ms > SEEN_MAX)
			return false;
		if ((p = peer_of(c, r->writer))) {
			p->online = r->online;
			if ((int64_t)r->sent_ms + WIRE_EPOCH_MS > p->row.last_seen_ms)
				p->row.last_seen_ms = (int64_t)r->sent_ms + WIRE_EPOCH_MS;
		}
		return true;
	case RECORD_PONG:
		if (!link_pong(&c->link, r, &number))
			return false;
		if (r->seq > c->head)
			c->head = r->seq;
		if (c->probe_link && number >= c->probe_link)
			c->probe_heard = true;
		if (!receive_busy(c))
			probed(c);
		if (is_owing(c)) {
			link_renew(&c->link, "an answer of the hub is missing");
			receive_down(c);
		}
		return true;
	case RECORD_RESUME:
		link_resume(&c->link, r);
		return true;
	case RECORD_WANTED: {
		struct item *it = ledger_find(&c->ledger, &r->item);
		if (PLANTED("receive.answers_no_keyframe"))
			return true;
		bool lately = it && it->keyframe_ms && c->now_ms - it->keyframe_ms < KEYFRAME_AGAIN_MS;
		if (it && !lately && !it->rare->keyframe_due_ms && !it->missing && !id_zero(&it->row.head_version)) {
			bool own = id_equal(&it->row.head_device, &c->setup.device);
			MARK("receive.keyframe_asked_of_us");
			ledger_rare(it)->keyframe_due_ms = c->now_ms + 1 + (own ? 0 : 300 + rng_below(&c->rng, 2000));
			if (it->rare->keyframe_due_ms < c->retry_ms)
				c->retry_ms = it->rare->keyframe_due_ms;
		}
		return true;
	}
	default:
		return false;
	}
}

static bool is_of_next_large(const struct record *r)
{
	return r->type == RECORD_ENTRY_PART || (r->type == RECORD_ENTRY && r->change.flags & CHANGE_PARTED);
}

/* While a large entry is opened, what follows in the log's order waits; the link's own affairs do not, nor do the parts
 * of the large entry that comes next: they are only gathered. */
static bool goes_ahead(const struct core *c, const struct record *r)
{
	return r->type == RECORD_PONG || r->type == RECORD_RESUME ||
	       (r->type == RECORD_ENTRY_PART && !c->waiting_parts);
}

/* Records that waited, up to some bytes of them, or to the next that takes longer. */
static bool take_waiting(struct core *c)
{
	size_t until = c->waiting_at + WAITING_TURN;
	while (c->waiting_at < c->waiting.len && c->waiting_at < until) {
		struct reader reader = reader_of(span_of(c->waiting.data + c->waiting_at, c->waiting.len - c->waiting_at));
		struct record r;
		size_t before = reader_left(&reader);
		if (wire_next(&reader, &r) <= 0)
			return false;
		if (c->opening.stage != OPENING_NONE && r.type != RECORD_ENTRY_PART)
			return true;
		c->waiting_at += before - reader_left(&reader);
		c->waiting_parts -= is_of_next_large(&r);
		if (!take_record(c, &r))
			return false;
		if (!link_up(&c->link))
			return true;
	}
	if (c->waiting_at == c->waiting.len) {
		buf_finish(&c->waiting);
		c->waiting_at = 0;
	}
	return true;
}

bool receive_run(struct core *c)
{
	if (c->opening.stage != OPENING_NONE && !open_on(c))
		return false;
	if (link_up(&c->link) && !take_waiting(c))
		return false;
	if (!receive_busy(c))
		probed(c);
	return true;
}

/* A device that falls behind its hub by so much ends the job at once: a long turn, but memory is bounded, and nothing is
 * lost that would have to be asked for again. */
static bool wait_behind(struct core *c, struct record *r, struct span bytes)
{
	size_t most = WAITING_PARTS * c->setup.part_bytes;
	while (receive_busy(c) && c->waiting.len - c->waiting_at + bytes.len > most) {
		MARK("receive.too_much_waits");
		if (!receive_run(c))
			return false;
		if (!link_up(&c->link))
			return true;
	}
	if (!receive_busy(c))
		return take_record(c, r);
	MARK("receive.waits_behind_a_large_entry");
	if (c->waiting_at > most) { /* what was taken makes room */
		memmove(c->waiting.data, c->waiting.data + c->waiting_at, c->waiting.len - c->waiting_at);
		c->waiting.len -= c->waiting_at;
		c->waiting_at = 0;
	}
	c->waiting_parts += is_of_next_large(r);
	buf_span(&c->waiting, bytes);
	return true;
}

bool receive_frame(struct core *c, struct span bytes)
{
	struct reader reader = reader_of(bytes);
	struct record r;
	int more;
	const uint8_t *from = reader.at;
	while ((more = wire_next(&reader, &r)) > 0) {
		struct span record = span_of(from, (size_t)(reader.at - from));
		bool waits = receive_busy(c) && !goes_ahead(c, &r) && !PLANTED("receive.overtakes_a_large_entry");
		if (!(waits ? wait_behind(c, &r, record) : take_record(c, &r)))
			return false;
		if (!link_up(&c->link))
			return true; /* what came before made us leave */
		from = reader.at;
	}
	return more == 0;
}

void receive_cursor(struct core *c)
{
	if (!c->up || c->cursor_due_ms > c->now_ms || c->cursor_sent == c->state.cursor)
		return;
	struct record cursor = { .type = RECORD_CURSOR, .seq = c->state.cursor };
	if (PLANTED("receive.receipt_for_what_is_to_come"))
		cursor.seq = c->head;
	link_put(&c->link, &cursor);
	c->cursor_sent = c->state.cursor;
	c->cursor_due_ms = UINT64_MAX;
}

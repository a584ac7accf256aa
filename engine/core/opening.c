/* One entry of the log at a time is opened: its place in the chain, its seal, its content. What is small passes in one go;
 * of what is large one part a turn is hashed, read or expanded, and nothing that the log says moves before all of it is
 * done: an opening that is dropped has never been. */
#include <stdlib.h>
#include <string.h>

#include "base/mark.h"
#include "base/mem.h"
#include "base/plant.h"
#include "engine/core/coordinator.h"

static size_t part_of(const struct core *c, size_t left)
{
	return left < c->setup.part_bytes ? left : c->setup.part_bytes;
}

static bool is_large(const struct core *c, uint64_t len)
{
	return len > c->setup.part_bytes;
}

void opening_begin(struct core *c, uint64_t seq, const struct writer *w, const struct change *change, struct blob *body)
{
	struct opening *o = &c->opening;
	struct buf head = { 0 };
	*o = (struct opening){ .stage = OPENING_CHAIN, .seq = seq, .writer = *w, .change = *change, .sealed = *body };
	*body = (struct blob){ 0 };
	o->change.body = span_blob(&o->sealed);
	wire_put_change_head(&head, &o->change, o->sealed.len);
	o->run = wire_chain_start(&c->state.chain, seq, &w->device, w->epoch, head.len + o->sealed.len);
	hash_run_bytes(o->run, buf_view(&head));
	buf_finish(&head);
}

void opening_begin_own(struct core *c, uint64_t seq, uint64_t counter)
{
	const struct flight *f = send_find(c, counter);
	c->opening = (struct opening){ .stage = OPENING_CHAIN, .seq = seq, .counter = counter };
	c->opening.run = wire_chain_start(&c->state.chain, seq, &c->setup.device, c->state.epoch, f->row.record.len);
}

void opening_drop(struct core *c)
{
	struct opening *o = &c->opening;
	if (o->stage == OPENING_NONE)
		return;
	if (o->staged && c->world.version_stage)
		c->world.version_stage(c->world.ctx, &o->change.version, span_of(NULL, 0));
	packer_expand_end(c->packer);
	hash_run_drop(o->run);
	blob_finish(&o->base);
	blob_finish(&o->sealed);
	*o = (struct opening){ 0 };
}

/* What is hashed for the chain: of an entry its body, behind its head; of a change of our own all of its record. */
static struct span chained(const struct core *c)
{
	const struct opening *o = &c->opening;
	return o->counter ? span_blob(&send_find(c, o->counter)->row.record) : span_blob(&o->sealed);
}

static bool hash_chain(struct core *c)
{
	struct opening *o = &c->opening;
	struct span all = chained(c);
	size_t some = part_of(c, all.len - o->done);
	if (some)
		hash_run_bytes(o->run, span_of(all.data + o->done, some));
	o->done += some;
	if (o->done == all.len) {
		o->chain = hash_run_end(o->run);
		o->run = NULL;
		o->done = 0;
		o->stage = o->counter ? OPENING_DONE : OPENING_SEAL;
	}
	return is_large(c, all.len);
}

/* Did a device of the account make this change, here and now? The hub holds no key: what does not open is its word
 * alone, and a change that builds on less than the head was in the log before. */
static bool is_genuine(struct core *c, struct span *plain)
{
	struct opening *o = &c->opening;
	const struct item *it = ledger_find(&c->ledger, &o->change.item);
	if (it && o->change.base < it->row.head_seq)
		return err_set(&o->why, "change", NULL, "the hub repeats an old one");
	return seal_open_in_place(&c->sealer, &o->writer.device, o->writer.epoch, &o->change, o->sealed.data, plain,
				  &o->why);
}

static void want_content(struct core *c)
{
	struct opening *o = &c->opening;
	o->stage = OPENING_DONE;
	if (o->body.kind == KIND_DELETE)
		return;
	o->here = c->world.version_has(c->world.ctx, &o->change.version);
	if (!o->here)
		o->stage = packer_needs_base(&o->body) ? OPENING_BASE : OPENING_CONTENT;
}

static bool unseal(struct core *c)
{
	struct opening *o = &c->opening;
	struct span plain;
	o->genuine = is_genuine(c, &plain);
	o->change.body.data = NULL; /* what is left of it was its length */
	o->valid = o->genuine && body_get(&o->body, plain, o->change.edited, &o->why) &&
		   (o->body.kind == KIND_DELETE) == ((o->change.flags & CHANGE_DELETE) != 0);
	if (o->valid)
		want_content(c);
	else
		o->stage = OPENING_DONE;
	if (o->stage != OPENING_DONE && PLANTED("opening.counts_what_is_not_open_yet")) {
		c->state.cursor = o->seq;
		c->state.chain = o->chain;
		c->state_dirty = true;
	}
	return is_large(c, o->sealed.len);
}

static bool read_base(struct core *c)
{
	struct opening *o = &c->opening;
	const struct item *it = ledger_find(&c->ledger, &o->change.item);
	const struct id *version = NULL;
	enum got got = GOT_NOTHING;
	uint8_t meta;
	if (o->body.base_tag == BODY_BASE_EXPLICIT)
		version = &o->body.base_version;
	else if (it && it->row.head_seq == o->change.base)
		version = &it->row.head_version;
	if (version)
		got = core_read_version(c, version, &o->base, &meta);
	if (got == GOT_NOTHING) {
		MARK("receive.base_missing");
		o->stage = OPENING_DONE;
	} else if (got == GOT_ALL) {
		o->stage = OPENING_CONTENT;
	}
	return is_large(c, o->base.len);
}

/* Expanded, hashed, and shown to the store, as far as it goes this time. */
static bool expand(struct core *c)
{
	struct opening *o = &c->opening;
	bool large = is_large(c, o->body.content_len) || is_large(c, o->body.payload.len);
	enum got got = GOT_NOTHING;
	if (!o->run && packer_expand_start(c->packer, &o->body, span_blob(&o->base), NULL)) {
		o->run = core_version_start(c, o->body.meta, o->body.content_len);
		o->content = span_of(NULL, 0);
	}
	if (o->run)
		got = packer_expand_more(c->packer, c->setup.part_bytes, &o->content, NULL);
	if (got != GOT_NOTHING && o->content.len > o->done)
		hash_run_bytes(o->run, span_of(o->content.data + o->done, o->content.len - o->done));
	o->done = o->content.len;
	if (got != GOT_NOTHING && large && c->world.version_stage) {
		c->world.version_stage(c->world.ctx, &o->change.version, o->content);
		o->staged = true;
	}
	if (got == GOT_MORE)
		return large;
	if (got == GOT_ALL) {
		struct id version = hash_run_end(o->run);
		o->run = NULL;
		o->whole = id_equal(&version, &o->change.version); /* it is what its sender said it is */
	}
	o->stage = OPENING_DONE;
	return large;
}

bool opening_step(struct core *c)
{
	struct opening *o = &c->opening;
	bool large = false;
	while (!large && o->stage != OPENING_DONE)
		switch (o->stage) {
		case OPENING_CHAIN:
			large = hash_chain(c);
			break;
		case OPENING_SEAL:
			large = unseal(c);
			break;
		case OPENING_BASE:
			large = read_base(c);
			break;
		case OPENING_CONTENT:
			large = expand(c);
			break;
		default:
			break;
		}
	return !large;
}

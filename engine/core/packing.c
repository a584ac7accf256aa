/* A large content is packed in parts, one a turn, for the change that asked for it. One at a time: the others wait. */
#include <stdlib.h>

#include "base/mark.h"
#include "base/relpath.h"
#include "engine/core/coordinator.h"

#define HEADROOM (CATEGORY_MAX + RELPATH_MAX + 256) /* more than any body's header */

static void forget(struct packing *p)
{
	blob_finish(&p->content);
	blob_finish(&p->base_content);
	packer_drop(p->run);
	buf_finish(&p->payload);
	p->run = NULL;
	p->asker = NULL;
	p->phase = PACKING_NONE;
}

static bool has_room(const struct core *c)
{
	return c->large_bytes < LIMIT_IN_FLIGHT_BYTES;
}

static void wait(struct core *c, struct item *asker)
{
	if (asker->awaits_packing)
		return;
	MARK("packing.waits_for_another");
	asker->awaits_packing = true;
	queue_push(&c->packing.waiting[asker->urgency & 3], asker);
}

enum packed packing_ask(struct core *c, struct item *asker, const struct id *version, const struct id *base,
			enum pack_effort effort)
{
	struct packing *p = &c->packing;
	bool same = p->phase != PACKING_NONE && id_equal(&p->version, version) && id_equal(&p->base, base);
	if (same && p->phase == PACKING_DONE)
		return PACKED_DONE;
	if (same && p->phase == PACKING_LOST) {
		forget(p);
		return PACKED_LOST;
	}
	if (same && p->asker == asker)
		return PACKED_LATER; /* another one with the same content waits for its turn, or this one would be forgotten */
	if ((p->phase != PACKING_NONE && p->asker != asker) || !has_room(c)) {
		wait(c, asker);
		return PACKED_LATER;
	}
	if (p->phase != PACKING_NONE)
		MARK("packing.item_moved_on");
	forget(p);
	p->phase = PACKING_CONTENT;
	p->asker = asker;
	p->version = *version;
	p->base = *base;
	p->effort = effort;
	return PACKED_LATER;
}

/* The body's header goes in front of what was packed. */
struct span packing_take(struct core *c, struct body *b)
{
	struct packing *p = &c->packing;
	b->delta = p->body.delta;
	b->compression = p->body.compression;
	b->content_len = p->body.content_len;
	b->meta = p->meta;
	b->payload = span_of(NULL, 0);
	return span_of(p->payload.data + HEADROOM, p->payload.len - HEADROOM);
}

struct span packing_head(struct core *c, struct span head)
{
	struct packing *p = &c->packing;
	uint8_t *at = p->payload.data + HEADROOM - head.len;
	for (size_t i = 0; i < head.len; i++)
		at[i] = head.data[i];
	return span_of(at, head.len + p->payload.len - HEADROOM);
}

void packing_taken(struct core *c)
{
	forget(&c->packing);
}

void packing_not_taken(struct core *c, const struct item *asker)
{
	if (c->packing.phase >= PACKING_DONE && c->packing.asker == asker) {
		MARK("packing.for_nothing");
		forget(&c->packing);
	}
}

static void end(struct core *c, enum packing_phase phase)
{
	c->packing.phase = phase;
	send_wish(c, c->packing.asker);
}

static void run(struct core *c)
{
	struct packing *p = &c->packing;
	if (packer_part(p->run, c->setup.part_bytes))
		return;
	MARK("packing.done");
	packer_end(p->run, &p->body, &p->payload);
	p->run = NULL;
	blob_finish(&p->content);
	blob_finish(&p->base_content);
	end(c, PACKING_DONE);
}

static void start_run(struct core *c)
{
	struct packing *p = &c->packing;
	const struct pack_in in = {
		.content = span_blob(&p->content),
		.have_base = p->have_base,
		.base = span_blob(&p->base_content),
		.effort = p->effort,
	};
	p->run = packer_start(&in, HEADROOM);
	if (p->run)
		p->phase = PACKING_RUN;
	else
		end(c, PACKING_LOST); /* over the limit: no such content is captured */
}

static void advance(struct core *c)
{
	struct packing *p = &c->packing;
	uint8_t base_meta;
	enum got got;
	switch (p->phase) {
	case PACKING_CONTENT:
		got = core_read_version(c, &p->version, &p->content, &p->meta);
		if (got == GOT_NOTHING)
			end(c, PACKING_LOST);
		else if (got == GOT_ALL)
			p->phase = PACKING_BASE;
		break;
	case PACKING_BASE:
		got = id_zero(&p->base) ? GOT_NOTHING : core_read_version(c, &p->base, &p->base_content, &base_meta);
		p->have_base = got == GOT_ALL;
		if (got != GOT_MORE)
			start_run(c);
		break;
	case PACKING_RUN:
		run(c);
		break;
	default:
		break;
	}
}

static struct item *next_waiting(struct packing *p)
{
	for (int priority = PRIORITY_CRITICAL; priority >= 0; priority--)
		if (p->waiting[priority].count)
			return queue_pop(&p->waiting[priority]);
	return NULL;
}

bool packing_due(const struct core *c)
{
	const struct packing *p = &c->packing;
	size_t waiting = 0;
	for (int i = 0; i <= PRIORITY_CRITICAL; i++)
		waiting += p->waiting[i].count;
	return (p->phase != PACKING_NONE && p->phase < PACKING_DONE) ||
	       (p->phase == PACKING_NONE && waiting && has_room(c));
}

void packing_run(struct core *c)
{
	struct packing *p = &c->packing;
	if (!packing_due(c) || !core_part(c, &p->part_ms))
		return;
	if (p->phase != PACKING_NONE) {
		advance(c);
		return;
	}
	struct item *next = next_waiting(p);
	next->awaits_packing = false;
	send_wish(c, next);
}

void packing_down(struct core *c)
{
	struct packing *p = &c->packing;
	struct item *next = p->asker;
	forget(p);
	if (next)
		send_wish(c, next);
	while ((next = next_waiting(p))) {
		next->awaits_packing = false;
		send_wish(c, next);
	}
}

const char *packing_why(const struct core *c, const struct item *it)
{
	return c->packing.asker == it ? "it is large, and packed part by part"
	       : it->awaits_packing   ? "another large file goes first"
				      : NULL;
}

void packing_finish(struct core *c)
{
	forget(&c->packing);
	for (int i = 0; i <= PRIORITY_CRITICAL; i++)
		free(c->packing.waiting[i].ring);
}

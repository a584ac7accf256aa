#include "engine/core/link/sendq.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mark.h"
#include "base/mem.h"
#include "base/plant.h"

#define KIB       1024u
#define SLICE_MAX (SENDQ_FRAME - 64) /* a slice and its header fill a frame */
#define SLICE_MIN (8 * KIB)          /* rather wait for the next frame than send less */

/* Bytes of others after which a waiting priority may send a frame's worth. */
static const uint64_t patience[PRIORITY_CRITICAL + 1] = {
	[PRIORITY_LOW] = 1024 * KIB,
	[PRIORITY_NORMAL] = 256 * KIB,
	[PRIORITY_HIGH] = 256 * KIB,
	[PRIORITY_CRITICAL] = UINT64_MAX,
};

struct piece {
	uint64_t counter;
	struct span record; /* borrowed */
	struct change change;
	bool known; /* not answered yet */
	bool parted;
	size_t sent; /* of a parted body */
};

struct sendq_entry {
	struct sendq_entry *previous, *next;
	enum priority priority;
	bool listed, large, sent;
	unsigned count;
	struct piece pieces[SENDQ_GROUP];
};

/* --- lists --- */

static struct sendq_list *list_of(struct sendq *q, const struct sendq_entry *e)
{
	return e->large ? &q->large[e->priority] : &q->small[e->priority];
}

static void append(struct sendq *q, struct sendq_entry *e)
{
	struct sendq_list *list = list_of(q, e);
	e->previous = list->last;
	e->next = NULL;
	*(list->last ? &list->last->next : &list->first) = e;
	list->last = e;
	e->listed = true;
	q->waiting++;
}

static bool has(const struct sendq *q, int priority)
{
	return q->small[priority].first || q->large[priority].first;
}

static void unlist(struct sendq *q, struct sendq_entry *e)
{
	if (!e->listed)
		return;
	struct sendq_list *list = list_of(q, e);
	*(e->previous ? &e->previous->next : &list->first) = e->next;
	*(e->next ? &e->next->previous : &list->last) = e->previous;
	e->listed = false;
	q->waiting--;
	if (!list->first && e->large)
		q->large_waited[e->priority] = 0;
	if (!has(q, e->priority)) {
		q->waited[e->priority] = 0;
		q->granted[e->priority] = 0;
	}
}

/* --- entries --- */

static struct piece *find_piece(struct sendq_entry *e, uint64_t counter)
{
	for (unsigned i = 0; i < e->count; i++)
		if (e->pieces[i].known && e->pieces[i].counter == counter)
			return &e->pieces[i];
	return NULL;
}

static struct sendq_entry *find_entry(const struct sendq *q, uint64_t counter)
{
	return map_find(&q->entries, &counter, sizeof counter);
}

void sendq_drop(struct sendq *q, uint64_t counter)
{
	struct sendq_entry *e = map_remove(&q->entries, &counter, sizeof counter);
	if (!e)
		return;
	unlist(q, e);
	find_piece(e, counter)->known = false;
	for (unsigned i = 0; i < e->count; i++)
		if (e->pieces[i].known)
			return;
	free(e);
}

void sendq_clear(struct sendq *q)
{
	void *value;
	for (size_t i = 0; map_next(&q->entries, &i, &value);) {
		struct sendq_entry *e = value;
		if (e->count > 1 && e->pieces[0].known && e->pieces[1].known)
			e->pieces[0].known = false; /* met again under its other counter */
		else
			free(e);
	}
	map_finish(&q->entries);
	*q = (struct sendq){ 0 };
}

void sendq_finish(struct sendq *q)
{
	sendq_clear(q);
}

static size_t take_resume(struct sendq *q, const struct piece *p)
{
	for (size_t i = 0; i < SENDQ_RESUMES; i++)
		if (q->resumes[i].counter == p->counter) {
			uint64_t offset = q->resumes[i].offset;
			q->resumes[i] = (struct sendq_resume){ 0 };
			return offset <= p->change.body.len ? (size_t)offset : 0;
		}
	return 0;
}

bool sendq_put(struct sendq *q, enum priority priority, const struct sendq_group *group)
{
	struct sendq_entry *e = mem_alloc(sizeof *e);
	assert(group->count >= 1 && group->count <= SENDQ_GROUP);
	e->priority = priority;
	e->count = group->count;
	for (unsigned i = 0; i < e->count; i++) {
		struct piece *p = &e->pieces[i];
		p->counter = group->records[i].counter;
		p->record = group->records[i].record;
		struct reader r = reader_of(p->record);
		if (!wire_get_change(&r, &p->change) || reader_left(&r) || p->change.counter != p->counter ||
		    (p->change.flags & CHANGE_PARTED) || (i && p->counter == e->pieces[0].counter)) {
			free(e);
			return false;
		}
		p->known = true;
		p->parted = p->change.body.len > WIRE_PART_MAX;
		e->large |= p->parted;
	}
	for (unsigned i = 0; i < e->count; i++) {
		struct piece *p = &e->pieces[i];
		sendq_drop(q, p->counter);
		map_put(&q->entries, &p->counter, sizeof p->counter, e);
		if (p->parted)
			p->sent = take_resume(q, p);
	}
	append(q, e);
	return true;
}

void sendq_resume(struct sendq *q, uint64_t counter, uint64_t offset)
{
	struct sendq_entry *e = find_entry(q, counter);
	struct piece *p = e ? find_piece(e, counter) : NULL;
	if (p && e->listed) {
		if (p->parted && offset <= p->change.body.len)
			p->sent = (size_t)offset;
		if (p->sent)
			MARK("sendq.part_upload_resumed");
		if (PLANTED("sendq.resumes_too_far"))
			p->sent += p->sent > 0;
		return;
	}
	struct sendq_resume *slot = NULL;
	for (size_t i = 0; i < SENDQ_RESUMES; i++)
		if (q->resumes[i].counter == counter)
			slot = &q->resumes[i];
	if (!slot)
		slot = &q->resumes[q->next_resume++ % SENDQ_RESUMES];
	*slot = (struct sendq_resume){ counter, offset };
}

bool sendq_waiting(const struct sendq *q)
{
	return q->waiting > 0;
}

enum sendq_state sendq_find(const struct sendq *q, uint64_t counter, uint64_t *sent_bytes)
{
	struct sendq_entry *e = find_entry(q, counter);
	const struct piece *p = e ? find_piece(e, counter) : NULL;
	if (sent_bytes)
		*sent_bytes = p ? p->sent : 0;
	if (!p)
		return SENDQ_ABSENT;
	if (e->sent)
		return SENDQ_SENT;
	return p->sent ? SENDQ_SENDING : SENDQ_QUEUED;
}

/* --- what goes next --- */

static struct piece *unsent_part(struct sendq_entry *e)
{
	for (unsigned i = 0; i < e->count; i++)
		if (e->pieces[i].parted && e->pieces[i].sent < e->pieces[i].change.body.len)
			return &e->pieces[i];
	return NULL;
}

static bool fits(const struct buf *frame, size_t len)
{
	return frame->len == 0 || frame->len + len <= SENDQ_FRAME;
}

static size_t put_part(struct piece *p, struct buf *frame)
{
	size_t left = p->change.body.len - p->sent, before = frame->len;
	size_t room = frame->len < SLICE_MAX ? SLICE_MAX - frame->len : 0;
	size_t len = left < room ? left : room;
	if (len < left && len < SLICE_MIN)
		return 0;
	struct record r = {
		.type = RECORD_PART,
		.counter = p->counter,
		.offset = p->sent,
		.total = p->change.body.len,
		.bytes = span_of(p->change.body.data + p->sent, len),
	};
	wire_put(frame, &r);
	p->sent += len;
	return frame->len - before;
}

static size_t put_group(struct sendq *q, struct sendq_entry *e, struct buf *frame)
{
	size_t need = 0, before = frame->len;
	for (unsigned i = 0; i < e->count; i++)
		need += 1 + (e->pieces[i].parted ? 64 : e->pieces[i].record.len);
	if (!fits(frame, need))
		return 0;
	for (unsigned i = 0; i < e->count; i++) {
		struct piece *p = &e->pieces[i];
		if (p->parted) {
			struct record r = { .type = RECORD_CHANGE, .change = p->change };
			r.change.flags |= CHANGE_PARTED;
			wire_put(frame, &r);
		} else {
			buf_u8(frame, RECORD_CHANGE);
			buf_span(frame, p->record);
		}
	}
	unlist(q, e);
	e->sent = true;
	return frame->len - before;
}

static int whose_turn(const struct sendq *q)
{
	for (int p = PRIORITY_LOW; p <= PRIORITY_CRITICAL; p++)
		if (q->granted[p] > 0 && has(q, p))
			return p;
	for (int p = PRIORITY_CRITICAL; p >= PRIORITY_LOW; p--)
		if (has(q, p))
			return p;
	return -1;
}

static void account(struct sendq *q, int turn, size_t len)
{
	if (q->granted[turn] > 0)
		q->granted[turn] -= (int64_t)len;
	else
		q->waited[turn] = 0;
	for (int p = PRIORITY_LOW; p <= PRIORITY_CRITICAL; p++) {
		if (p == turn || !has(q, p) || q->granted[p] > 0)
			continue;
		q->waited[p] += len;
		if (q->waited[p] >= patience[p]) {
			MARK("sendq.waited_long_enough");
			q->waited[p] = 0;
			q->granted[p] = SENDQ_FRAME;
		}
	}
}

size_t sendq_fill(struct sendq *q, struct buf *frame)
{
	size_t before = frame->len;
	int turn;
	while ((turn = whose_turn(q)) >= 0) {
		struct sendq_entry *small = q->small[turn].first, *large = q->large[turn].first;
		bool take_large = large && (!small || q->large_waited[turn] >= SENDQ_FRAME);
		struct sendq_entry *e = take_large ? large : small;
		struct piece *part = unsent_part(e);
		size_t len = part ? put_part(part, frame) : put_group(q, e, frame);
		if (!len)
			break;
		if (take_large)
			q->large_waited[turn] = 0;
		else if (large)
			q->large_waited[turn] += len;
		account(q, turn, len);
		if (frame->len >= SENDQ_FRAME - 64)
			break;
	}
	return frame->len - before;
}

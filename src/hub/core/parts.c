#include "hub/core/parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/mark.h"
#include "base/mem.h"
#include "base/plant.h"

struct assembly {
	struct id device;
	uint64_t epoch, counter, total;
	struct buf bytes; /* from the start, without gaps */
	size_t staged; /* of them the store has got */
	uint64_t touched_ms;
	bool asked;   /* a RESUME went out for the gap that the sender is in */
	bool crowded; /* there was no room for it */
	bool pinned;  /* borrowed by a change of the frame being read */
};

static void unstage(struct hub_core *h, struct assembly *p)
{
	if (p->staged)
		h->store->ops->part(h->store, &p->device, p->epoch, p->counter, 0, span_of(NULL, 0));
	p->staged = 0;
}

static void stage(struct hub_core *h, struct assembly *p)
{
	for (; p->bytes.len - p->staged >= HUB_STAGE; p->staged += HUB_STAGE)
		h->store->ops->part(h->store, &p->device, p->epoch, p->counter, p->staged,
		                    span_of(p->bytes.data + p->staged, HUB_STAGE));
}

static void drop(struct hub_core *h, struct account *a, size_t at)
{
	struct assembly *p = a->parts[at];
	unstage(h, p);
	a->part_bytes -= p->bytes.len;
	h->part_bytes -= p->bytes.len;
	buf_finish(&p->bytes);
	free(p);
	memmove(&a->parts[at], &a->parts[at + 1], (--a->part_count - at) * sizeof *a->parts);
}

static struct assembly *find(const struct account *a, const struct id *device, uint64_t epoch, uint64_t counter,
                             size_t *at)
{
	for (*at = 0; *at < a->part_count; ++*at) {
		struct assembly *p = a->parts[*at];
		if (p->counter == counter && p->epoch == epoch && id_equal(&p->device, device))
			return p;
	}
	return NULL;
}

static void say_resume(struct hub_core *h, struct conn *c, const struct assembly *p)
{
	conn_record(h, c, &(struct record){ .type = RECORD_RESUME, .counter = p->counter, .offset = p->bytes.len });
}

/* The oldest gives way: the array is in order of creation. */
static void keep_few(struct hub_core *h, struct conn *c)
{
	struct account *a = c->account;
	size_t count = 0, oldest = a->part_count;
	for (size_t i = a->part_count; i-- > 0;)
		if (id_equal(&a->parts[i]->device, &c->member->public.device)) {
			count++;
			if (!a->parts[i]->pinned)
				oldest = i;
		}
	if (count >= HUB_PARTS_EACH && oldest < a->part_count)
		drop(h, a, oldest);
}

static bool over(const struct hub_core *h, const struct account *a, size_t more)
{
	return a->part_bytes + more > HUB_PARTS_ACCOUNT || h->part_bytes + more > HUB_PARTS_ALL;
}

/* Interrupted uploads of devices that are away give way first. `mine` stays. */
static bool make_room(struct hub_core *h, struct account *a, const struct assembly *mine, size_t more)
{
	for (size_t i = 0; i < a->part_count && over(h, a, more);) {
		const struct member *m = account_member(a, &a->parts[i]->device);
		if (a->parts[i] != mine && (!m || !m->conn)) /* so none that is pinned */
			drop(h, a, i);
		else
			i++;
	}
	return !over(h, a, more);
}

static struct assembly *begin(struct hub_core *h, struct conn *c, uint64_t counter)
{
	struct account *a = c->account;
	keep_few(h, c);
	MEM_ROOM(a->parts, a->part_count, a->part_cap);
	struct assembly *p = a->parts[a->part_count++] = mem_alloc(sizeof *p);
	p->device = c->member->public.device;
	p->epoch = c->epoch;
	p->counter = counter;
	if (h->parts_check_ms == UINT64_MAX)
		h->parts_check_ms = h->now_ms + HUB_PARTS_IDLE_MS;
	return p;
}

static void empty(struct hub_core *h, struct account *a, struct assembly *p)
{
	a->part_bytes -= p->bytes.len;
	h->part_bytes -= p->bytes.len;
	buf_finish(&p->bytes);
	unstage(h, p);
}

void parts_take(struct hub_core *h, struct conn *c, const struct record *part)
{
	size_t at;
	struct account *a = c->account;
	struct assembly *p = find(a, &c->member->public.device, c->epoch, part->counter, &at);
	if (!p)
		p = begin(h, c, part->counter);
	p->touched_ms = h->now_ms;
	if (p->pinned)
		return;
	if (p->total != part->total) {
		empty(h, a, p);
		p->total = part->total;
	}
	if (part->offset > p->bytes.len) {
		if (!p->asked)
			say_resume(h, c, p);
		p->asked = true;
		return;
	}
	p->asked = false;
	if (part->offset < p->bytes.len)
		MARK("hub.part_sent_again");
	size_t known = p->bytes.len - part->offset; /* sent again after a lost connection */
	if (PLANTED("hub.joins_parts_that_overlap"))
		known = 0;
	if (known >= part->bytes.len)
		return;
	struct span fresh = span_of(part->bytes.data + known, part->bytes.len - known);
	if (!make_room(h, a, p, fresh.len)) {
		empty(h, a, p);
		p->crowded = true;
		p->asked = true; /* no use in asking for it now: the change will be told to wait */
		return;
	}
	buf_span(&p->bytes, fresh);
	a->part_bytes += fresh.len;
	h->part_bytes += fresh.len;
	stage(h, p);
}

uint8_t parts_whole(struct hub_core *h, struct conn *c, uint64_t counter, struct span *body)
{
	size_t at;
	struct assembly *p = find(c->account, &c->member->public.device, c->epoch, counter, &at);
	if (p && p->crowded) {
		drop(h, c->account, at);
		return REFUSED_BUSY;
	}
	if (!p || p->bytes.len != p->total) {
		conn_record(
		        h, c,
		        &(struct record){ .type = RECORD_RESUME, .counter = counter, .offset = p ? p->bytes.len : 0 });
		return REFUSED_PARTS;
	}
	p->touched_ms = h->now_ms;
	p->pinned = true;
	*body = buf_view(&p->bytes);
	return 0;
}

void parts_unpin(struct account *a)
{
	for (size_t i = 0; i < a->part_count; i++)
		a->parts[i]->pinned = false;
}

void parts_drop(struct hub_core *h, struct account *a, const struct id *device, uint64_t epoch, uint64_t counter)
{
	size_t at;
	struct assembly *p = a->part_count ? find(a, device, epoch, counter, &at) : NULL;
	if (!p)
		return;
	p->staged = 0; /* the store has judged it, and knows what becomes of what it has */
	drop(h, a, at);
}

void parts_resume(struct hub_core *h, struct conn *c)
{
	struct account *a = c->account;
	for (size_t i = 0; i < a->part_count;) {
		struct assembly *p = a->parts[i];
		if (!id_equal(&p->device, &c->member->public.device)) {
			i++;
		} else if (p->epoch != c->epoch) {
			drop(h, a, i);
		} else {
			MARK("hub.upload_resumed_over_connections");
			p->asked = false;
			say_resume(h, c, p);
			i++;
		}
	}
}

void parts_expire(struct hub_core *h)
{
	void *value;
	h->parts_check_ms = UINT64_MAX;
	for (size_t at = 0; map_next(&h->accounts, &at, &value);) {
		struct account *a = value;
		for (size_t i = 0; i < a->part_count;) {
			uint64_t end_ms = a->parts[i]->touched_ms + HUB_PARTS_IDLE_MS;
			if (end_ms <= h->now_ms) {
				drop(h, a, i);
				continue;
			}
			if (end_ms < h->parts_check_ms)
				h->parts_check_ms = end_ms;
			i++;
		}
		account_release(h, a);
	}
}

void parts_finish(struct hub_core *h, struct account *a)
{
	while (a->part_count)
		drop(h, a, a->part_count - 1);
}

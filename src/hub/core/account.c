#include "hub/core/account.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "hub/core/fanout.h"
#include "hub/core/parts.h"

/* ---- deadlines: two lists, each in order of its connections' last sign of life ---- */

static void unlist(struct conn *c)
{
	if (!c->list)
		return;
	*(c->before ? &c->before->after : &c->list->first) = c->after;
	*(c->after ? &c->after->before : &c->list->last) = c->before;
	c->before = c->after = NULL;
	c->list = NULL;
}

void conn_wait(struct hub_core *h, struct conn *c, struct conn_list *list)
{
	unlist(c);
	c->list = list;
	c->before = list->last;
	*(list->last ? &list->last->after : &list->first) = c;
	list->last = c;
	c->heard_ms = h->now_ms;
}

/* ---- connections ---- */

struct conn *conn_create(struct hub_core *h, uint64_t id)
{
	struct conn *c = mem_alloc(sizeof *c);
	c->id = id;
	map_put(&h->conns, &id, sizeof id, c);
	conn_wait(h, c, &h->early);
	return c;
}

void conn_forget_auth(struct conn *c)
{
	if (c->auth)
		message_finish(c->auth);
	free(c->auth);
	c->auth = NULL;
}

void conn_destroy(struct hub_core *h, struct conn *c)
{
	account_detach(h, c);
	unlist(c);
	map_remove(&h->conns, &c->id, sizeof c->id);
	conn_forget_auth(c);
	buf_finish(&c->out);
	free(c->told);
	free(c);
}

struct conn *conn_find(const struct hub_core *h, uint64_t id)
{
	return map_find(&h->conns, &id, sizeof id);
}

void conn_todo(struct hub_core *h, struct conn *c)
{
	if (c->todo)
		return;
	c->todo = true;
	MEM_ROOM(h->todo, h->todo_count, h->todo_cap);
	h->todo[h->todo_count++] = c->id;
}

void conn_moved(struct hub_core *h, struct conn *c)
{
	if (c->moved)
		return;
	c->moved = true;
	MEM_ROOM(h->moved, h->moved_count, h->moved_cap);
	h->moved[h->moved_count++] = c->id;
}

void conn_send(struct hub_core *h, struct conn *c)
{
	if (c->out.len == 0)
		return;
	h->world.send(h->world.ctx, c->id, false, buf_view(&c->out));
	if (c->out.cap > 4096) /* thousands of connections must not each keep their largest frame */
		buf_finish(&c->out);
	else
		buf_clear(&c->out);
}

void conn_record(struct hub_core *h, struct conn *c, const struct record *r)
{
	/* no record has more than 128 bytes beside its body and slice */
	if (c->out.len && c->out.len + r->change.body.len + r->bytes.len + 128 > HUB_FRAME)
		conn_send(h, c);
	wire_put(&c->out, r);
	conn_todo(h, c);
}

void conn_message(struct hub_core *h, struct conn *c, const struct message *m)
{
	conn_send(h, c);
	struct blob text = message_put(m);
	h->world.send(h->world.ctx, c->id, true, span_blob(&text));
	blob_finish(&text);
}

bool conn_has_room(struct hub_core *h, struct conn *c)
{
	return h->world.backlog(h->world.ctx, c->id) + c->out.len < HUB_WINDOW;
}

void conn_close(struct hub_core *h, struct conn *c, const char *reason)
{
	if (c->state == CONN_CLOSING)
		return;
	account_detach(h, c);
	conn_send(h, c);
	c->state = CONN_CLOSING;
	unlist(c);
	h->world.close(h->world.ctx, c->id, reason);
}

void conn_fail(struct hub_core *h, struct conn *c, const char *code, const char *text, int64_t retry_after_ms)
{
	if (c->state == CONN_CLOSING)
		return;
	struct message m = { .type = MESSAGE_ERROR_REPORT, .retry_after_ms = retry_after_ms };
	snprintf(m.code, sizeof m.code, "%s", code);
	snprintf(m.text, sizeof m.text, "%s", text);
	conn_message(h, c, &m);
	conn_close(h, c, code);
}

bool bucket_take(struct bucket *b, uint64_t now_ms, uint32_t rate, uint32_t burst)
{
	uint64_t leaked = (now_ms - b->at_ms) * rate; /* tokens a second are milli-tokens a millisecond */
	b->spent_milli = leaked < b->spent_milli ? b->spent_milli - leaked : 0;
	b->at_ms = now_ms;
	if (b->spent_milli + 1000 > (uint64_t)burst * 1000)
		return false;
	b->spent_milli += 1000;
	return true;
}

/* ---- accounts ---- */

struct account *account_find(const struct hub_core *h, const char *name)
{
	return map_find(&h->accounts, name, strlen(name));
}

struct account *account_get(struct hub_core *h, const char *name)
{
	struct account *a = account_find(h, name);
	if (!a) {
		a = mem_alloc(sizeof *a);
		snprintf(a->name, sizeof a->name, "%s", name);
		map_put(&h->accounts, a->name, strlen(a->name), a);
	}
	return a;
}

void account_release(struct hub_core *h, struct account *a)
{
	if (!a || a->conn_count || a->waiting || a->part_count)
		return;
	map_remove(&h->accounts, a->name, strlen(a->name));
	for (size_t i = 0; i < a->member_count; i++) {
		blob_finish(&a->members[i]->public.name);
		free(a->members[i]);
	}
	free(a->members);
	free(a->writers);
	map_finish(&a->writer_numbers);
	free(a->conns);
	free(a->parts);
	free(a);
}

struct member *account_member(const struct account *a, const struct id *device)
{
	for (size_t i = 0; i < a->member_count; i++)
		if (id_equal(&a->members[i]->public.device, device))
			return a->members[i];
	return NULL;
}

void account_load(struct account *a, const struct store_answer *answer)
{
	if (answer->head > a->head)
		a->head = answer->head;
	for (size_t i = 0; i < answer->device_count; i++) {
		const struct message_device *row = &answer->devices[i].public;
		struct member *m = account_member(a, &row->device);
		if (!m) {
			MEM_ROOM(a->members, a->member_count, a->member_cap);
			m = a->members[a->member_count++] = mem_alloc(sizeof *m);
		}
		blob_finish(&m->public.name);
		m->public = *row;
		m->public.name = blob_copy(row->name.data, row->name.len);
	}
}

uint64_t account_writer(struct account *a, const struct id *device, uint64_t epoch)
{
	uint8_t key[ID_LEN + sizeof epoch];
	memcpy(key, device->b, ID_LEN);
	memcpy(key + ID_LEN, &epoch, sizeof epoch);
	uintptr_t number = (uintptr_t)map_find(&a->writer_numbers, key, sizeof key);
	if (number)
		return number;
	MEM_ROOM(a->writers, a->writer_count, a->writer_cap);
	a->writers[a->writer_count++] = (struct writer){ *device, epoch };
	map_put(&a->writer_numbers, key, sizeof key, (void *)(uintptr_t)a->writer_count);
	return a->writer_count;
}

void account_attach(struct account *a, struct conn *c, struct member *m)
{
	c->account = a;
	c->member = m;
	m->conn = c;
	m->writer = c->writer = account_writer(a, &m->public.device, c->epoch);
	MEM_ROOM(a->conns, a->conn_count, a->conn_cap);
	a->conns[a->conn_count++] = c;
}

void account_detach(struct hub_core *h, struct conn *c)
{
	struct account *a = c->account;
	if (!a)
		return;
	fanout_receipt(h, c); /* a last cursor of this turn */
	size_t at = 0;
	while (a->conns[at] != c)
		at++;
	memmove(&a->conns[at], &a->conns[at + 1], (--a->conn_count - at) * sizeof *a->conns);
	c->account = NULL;
	if (c->member->conn == c) { /* else a newer connection took its place */
		c->member->conn = NULL;
		c->member->public.last_seen_ms = h->wall_ms;
		h->store->ops->seen(h->store, &c->member->public.device, h->wall_ms);
		fanout_presence(h, a, c->member);
	}
	c->member = NULL;
	account_release(h, a);
}

/* ---- store calls ---- */

uint64_t pending_add(struct hub_core *h, int kind, const struct conn *c, struct account *a)
{
	size_t used = h->ticket_next - h->ticket_first;
	if (used == h->pending_cap) { /* a ring of a power of two: put every ticket in its new place */
		size_t cap = h->pending_cap ? h->pending_cap * 2 : 64;
		struct pending *ring = mem_alloc(cap * sizeof *ring);
		for (uint64_t t = h->ticket_first; t != h->ticket_next; t++)
			ring[t & (cap - 1)] = h->pending[t & (h->pending_cap - 1)];
		free(h->pending);
		h->pending = ring;
		h->pending_cap = cap;
	}
	struct pending *p = &h->pending[h->ticket_next & (h->pending_cap - 1)];
	*p = (struct pending){ .kind = kind, .conn = c ? c->id : 0, .account = a };
	if (c && c->member)
		p->device = c->member->public.device;
	if (c)
		p->epoch = c->epoch;
	if (a)
		a->waiting++;
	return h->ticket_next++;
}

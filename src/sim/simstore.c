#include "sim/simstore.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"

enum op_what {
	OP_APPEND,
	OP_READ,
	OP_SLICE,
	OP_DEVICE,
	OP_ACCOUNT,
	OP_CURSOR,
	OP_SEEN,
	OP_INVITE,
	OP_ENROLL,
	OP_REVOKE
};

struct op {
	enum op_what what;
	uint64_t ticket, epoch, seq, offset;
	size_t max_bytes, count;
	bool ours; /* the account is the one there is */
	struct id device;
	uint8_t token_hash[MESSAGE_TOKEN];
	struct change *changes; /* with bodies of their own */
	struct message_device enrol;
	int64_t time_ms;
};

struct invite {
	uint8_t token_hash[MESSAGE_TOKEN];
	int64_t expires_ms;
	bool spent;
};

struct identity { /* a map key without padding */
	struct id device;
	uint64_t epoch, counter;
};

struct simstore {
	struct store public;
	struct simstore_watch watch;
	struct id hub;
	struct simentry **log; /* log[n - 1] has number n */
	size_t count, cap;
	struct map heads;      /* item -> struct simentry */
	struct map identities; /* struct identity -> struct simentry */
	struct map counters;   /* struct identity with counter 0 -> the highest counter judged */
	struct store_device *devices;
	size_t device_count, device_cap;
	struct invite *invites;
	size_t invite_count, invite_cap;
	struct op *ops; /* submitted, not pumped */
	size_t op_count, op_cap;
	char *notes[2][2];
};

static struct simstore *of(struct store *s)
{
	return (struct simstore *)s;
}

static const struct simstore *view(const struct store *s)
{
	return (const struct simstore *)s;
}

static void op_free(struct op *o)
{
	for (size_t i = 0; i < o->count; i++)
		free((uint8_t *)o->changes[i].body.data);
	free(o->changes);
	blob_finish(&o->enrol.name);
}

static void forget_ops(struct simstore *s)
{
	for (size_t i = 0; i < s->op_count; i++)
		op_free(&s->ops[i]);
	s->op_count = 0;
}

static void entry_free(struct simentry *e)
{
	blob_finish(&e->record);
	free(e);
}

static void sim_destroy(struct store *store)
{
	struct simstore *s = of(store);
	forget_ops(s);
	for (size_t i = 0; i < s->count; i++)
		entry_free(s->log[i]);
	for (size_t i = 0; i < s->device_count; i++)
		blob_finish(&s->devices[i].public.name);
	for (int i = 0; i < 2; i++) {
		free(s->notes[i][0]);
		free(s->notes[i][1]);
	}
	free(s->log);
	free(s->devices);
	free(s->invites);
	free(s->ops);
	map_finish(&s->heads);
	map_finish(&s->identities);
	map_finish(&s->counters);
	free(s);
}

static struct op *submit(struct store *store, enum op_what what, uint64_t ticket, const char *account)
{
	struct simstore *s = of(store);
	MEM_ROOM(s->ops, s->op_count, s->op_cap);
	struct op *o = &s->ops[s->op_count++];
	*o = (struct op){ .what = what, .ticket = ticket, .ours = !account || strcmp(account, SIMSTORE_ACCOUNT) == 0 };
	return o;
}

static void sim_append(struct store *store, uint64_t ticket, const char *account, const struct id *device,
                       uint64_t epoch, const struct change *changes, size_t count, int64_t now_ms)
{
	struct op *o = submit(store, OP_APPEND, ticket, account);
	o->device = *device;
	o->epoch = epoch;
	o->count = count;
	o->time_ms = now_ms;
	o->changes = mem_copy(changes, count * sizeof *changes);
	for (size_t i = 0; i < count; i++)
		o->changes[i].body.data = mem_copy(changes[i].body.data, changes[i].body.len);
}

static void sim_read(struct store *store, uint64_t ticket, const char *account, uint64_t from_seq, size_t max_bytes)
{
	struct op *o = submit(store, OP_READ, ticket, account);
	o->seq = from_seq;
	o->max_bytes = max_bytes;
}

static void sim_slice(struct store *store, uint64_t ticket, const char *account, uint64_t seq, uint64_t offset,
                      size_t max)
{
	struct op *o = submit(store, OP_SLICE, ticket, account);
	o->seq = seq;
	o->offset = offset;
	o->max_bytes = max;
}

static void sim_device(struct store *store, uint64_t ticket, const struct id *device, uint64_t epoch)
{
	struct op *o = submit(store, OP_DEVICE, ticket, NULL);
	o->device = *device;
	o->epoch = epoch;
}

static void sim_account(struct store *store, uint64_t ticket, const char *account, uint64_t chain_at)
{
	submit(store, OP_ACCOUNT, ticket, account)->seq = chain_at;
}

static void sim_cursor(struct store *store, const char *account, const struct id *device, uint64_t seq, int64_t now_ms)
{
	struct op *o = submit(store, OP_CURSOR, 0, account);
	o->device = *device;
	o->seq = seq;
	o->time_ms = now_ms;
}

static void sim_seen(struct store *store, const struct id *device, int64_t now_ms)
{
	struct op *o = submit(store, OP_SEEN, 0, NULL);
	o->device = *device;
	o->time_ms = now_ms;
}

static void sim_invite(struct store *store, uint64_t ticket, const char *account,
                       const uint8_t token_hash[MESSAGE_TOKEN], int64_t expires_ms, int64_t now_ms)
{
	(void)now_ms;
	struct op *o = submit(store, OP_INVITE, ticket, account);
	memcpy(o->token_hash, token_hash, MESSAGE_TOKEN);
	o->time_ms = expires_ms;
}

static void sim_enroll(struct store *store, uint64_t ticket, const uint8_t token_hash[MESSAGE_TOKEN],
                       const struct message_device *device, int64_t now_ms)
{
	struct op *o = submit(store, OP_ENROLL, ticket, NULL);
	memcpy(o->token_hash, token_hash, MESSAGE_TOKEN);
	o->enrol = *device;
	o->enrol.name = blob_copy(device->name.data, device->name.len);
	o->time_ms = now_ms;
}

static void sim_revoke(struct store *store, uint64_t ticket, const char *account, const struct id *device)
{
	submit(store, OP_REVOKE, ticket, account)->device = *device;
}

static struct store_device *find_device(struct simstore *s, const struct id *device)
{
	for (size_t i = 0; i < s->device_count; i++)
		if (id_equal(&s->devices[i].public.device, device))
			return &s->devices[i];
	return NULL;
}

static struct id chain_at(const struct simstore *s, uint64_t seq)
{
	return seq && seq <= s->count ? s->log[seq - 1]->e.chain : (struct id){ 0 };
}

/* The invariants of the log, from the entry's own words. */
static void check_entry(struct simstore *s, const struct simentry *e, const struct simentry *base)
{
	struct identity who = { e->e.device, e->e.epoch, e->e.change.counter };
	if (e->e.seq != s->count + 1)
		s->watch.broken(s->watch.ctx, "hub log: a number was left out or given twice");
	if (e->e.change.base != (base ? base->e.seq : 0))
		s->watch.broken(s->watch.ctx, "hub log: an entry does not build on its item's head");
	if (map_find(&s->identities, &who, sizeof who))
		s->watch.broken(s->watch.ctx, "hub log: one identity took effect twice");
}

static uint64_t counter_of(const struct simstore *s, const struct id *device, uint64_t epoch)
{
	struct identity key = { *device, epoch, 0 };
	return (uint64_t)(uintptr_t)map_find(&s->counters, &key, sizeof key);
}

static void note_counter(struct simstore *s, const struct id *device, uint64_t epoch, uint64_t counter)
{
	struct identity key = { *device, epoch, 0 };
	if (counter > counter_of(s, device, epoch))
		map_put(&s->counters, &key, sizeof key, (void *)(uintptr_t)counter);
}

static struct verdict append_one(struct simstore *s, const struct op *o, const struct change *c, uint64_t before)
{
	struct identity who = { o->device, o->epoch, c->counter };
	struct buf record = { 0 };
	wire_put_change(&record, c);
	struct simentry *known = map_find(&s->identities, &who, sizeof who),
	                *base = map_find(&s->heads, &c->item, sizeof c->item);
	struct sequencer_facts facts = {
		.known_seq = known ? known->e.seq : 0,
		.known_same = known && span_equal(span_blob(&known->record), buf_view(&record)),
		.item_head = base ? base->e.seq : 0,
		.account_head = s->count,
		.before = before,
	};
	struct verdict v = sequencer_judge(&facts, c);
	if (facts.known_same && (v.kind != VERDICT_DUPLICATE || v.seq != known->e.seq))
		s->watch.broken(s->watch.ctx, "hub: a change that was sent again is not answered as the first time");
	if (v.kind != VERDICT_APPENDED) {
		buf_finish(&record);
		return v;
	}
	struct simentry *e = mem_alloc(sizeof *e);
	e->record = buf_take(&record);
	struct reader r = reader_of(span_blob(&e->record));
	if (!wire_get_change(&r, &e->e.change))
		s->watch.broken(s->watch.ctx, "wire: a change does not read back");
	struct id last = chain_at(s, s->count);
	e->e.seq = v.seq;
	e->e.device = o->device;
	e->e.epoch = o->epoch;
	e->e.chain = wire_chain(&last, v.seq, &o->device, o->epoch, span_blob(&e->record));
	check_entry(s, e, base);
	MEM_ROOM(s->log, s->count, s->cap);
	s->log[s->count++] = e;
	map_put(&s->heads, &e->e.change.item, sizeof e->e.change.item, e);
	map_put(&s->identities, &who, sizeof who, e);
	s->watch.appended(s->watch.ctx, e, base);
	return v;
}

static const enum store_what answers[] = { STORE_APPENDED, STORE_READ, STORE_SLICE, STORE_DEVICE,   STORE_ACCOUNT,
	                                   STORE_DONE,     STORE_DONE, STORE_DONE,  STORE_ENROLLED, STORE_DONE };

struct result { /* of one op, until it is answered */
	struct store_answer a;
	struct verdict *verdicts;
	struct store_entry *entries;
	struct store_device *devices;
};

static void result_free(struct result *r)
{
	for (size_t i = 0; r->devices && i < r->a.device_count; i++)
		blob_finish(&r->devices[i].public.name);
	free(r->verdicts);
	free(r->entries);
	free(r->devices);
}

static void give_devices(struct result *r, const struct store_device *devices, size_t count)
{
	r->devices = mem_copy(devices, count * sizeof *devices);
	for (size_t i = 0; i < count; i++)
		r->devices[i].public.name = blob_copy(devices[i].public.name.data, devices[i].public.name.len);
	r->a.devices = r->devices;
	r->a.device_count = count;
}

static void run_append(struct simstore *s, struct op *o, struct result *r)
{
	uint64_t before = 0;
	r->verdicts = mem_alloc(o->count * sizeof *r->verdicts);
	for (size_t i = 0; i < o->count; i++) {
		r->verdicts[i] = append_one(s, o, &o->changes[i], before);
		note_counter(s, &o->device, o->epoch, o->changes[i].counter);
		bool in = r->verdicts[i].kind == VERDICT_APPENDED || r->verdicts[i].kind == VERDICT_DUPLICATE;
		before = in ? o->changes[i].counter : 0;
	}
	r->a.verdicts = r->verdicts;
	r->a.verdict_count = o->count;
	r->a.changes = o->changes;
	r->a.change_count = o->count;
	r->a.head = s->count;
}

static void run_read(struct simstore *s, struct op *o, struct result *r)
{
	size_t bytes = 0;
	r->a.head = s->count;
	r->entries = mem_alloc(s->count * sizeof *r->entries);
	for (uint64_t n = o->seq; n >= 1 && n <= s->count && bytes < o->max_bytes; n++) {
		struct store_entry *e = &r->entries[r->a.entry_count++];
		*e = s->log[n - 1]->e;
		e->body_len = e->change.body.len;
		if (e->body_len > WIRE_PART_MAX) {
			e->change.body = span_of(NULL, 0);
			e->change.flags |= CHANGE_PARTED;
		}
		bytes += e->change.body.len + 96;
	}
	r->a.entries = r->entries;
}

static void run_slice(struct simstore *s, struct op *o, struct result *r)
{
	struct span body = o->seq && o->seq <= s->count ? s->log[o->seq - 1]->e.change.body : span_of(NULL, 0);
	if (o->offset >= body.len) {
		r->a.status = STORE_ABSENT;
		return;
	}
	size_t len = body.len - o->offset < o->max_bytes ? body.len - o->offset : o->max_bytes;
	r->a.bytes = span_of(body.data + o->offset, len);
}

static void run_enroll(struct simstore *s, struct op *o, struct result *r)
{
	struct invite *found = NULL;
	for (size_t i = 0; i < s->invite_count; i++)
		if (memcmp(s->invites[i].token_hash, o->token_hash, MESSAGE_TOKEN) == 0)
			found = &s->invites[i];
	r->a.status = !found                           ? STORE_ABSENT
	              : found->spent                   ? STORE_SPENT
	              : found->expires_ms < o->time_ms ? STORE_EXPIRED
	                                               : STORE_OK;
	if (r->a.status != STORE_OK)
		return;
	found->spent = true;
	simstore_enrol(&s->public, &o->enrol);
	give_devices(r, find_device(s, &o->enrol.device), 1);
}

static void run(struct simstore *s, struct op *o, struct result *r)
{
	struct store_device *d = find_device(s, &o->device);
	r->a.what = answers[o->what];
	r->a.ticket = o->ticket;
	if (!o->ours) {
		r->a.status = STORE_ABSENT;
		return;
	}
	switch (o->what) {
	case OP_APPEND:
		run_append(s, o, r);
		break;
	case OP_READ:
		run_read(s, o, r);
		break;
	case OP_SLICE:
		run_slice(s, o, r);
		break;
	case OP_DEVICE:
		r->a.head = s->count;
		r->a.status = d ? STORE_OK : STORE_ABSENT;
		if (d) {
			give_devices(r, d, 1);
			r->devices->epoch = o->epoch;
			r->devices->counter = counter_of(s, &o->device, o->epoch);
		}
		break;
	case OP_ACCOUNT:
		r->a.head = s->count;
		r->a.chain = chain_at(s, o->seq);
		give_devices(r, s->devices, s->device_count);
		break;
	case OP_CURSOR:
		if (d && o->seq <= s->count)
			d->public.cursor = o->seq;
		/* fall through */
	case OP_SEEN:
		if (d)
			d->public.last_seen_ms = o->time_ms;
		break;
	case OP_INVITE:
		MEM_ROOM(s->invites, s->invite_count, s->invite_cap);
		s->invites[s->invite_count] = (struct invite){ .expires_ms = o->time_ms };
		memcpy(s->invites[s->invite_count++].token_hash, o->token_hash, MESSAGE_TOKEN);
		break;
	case OP_ENROLL:
		run_enroll(s, o, r);
		break;
	case OP_REVOKE:
		r->a.status = d ? STORE_OK : STORE_ABSENT;
		if (d)
			d->public.revoked = true;
		break;
	}
}

static void refuse(const struct op *o, struct result *r)
{
	r->a.what = answers[o->what];
	r->a.ticket = o->ticket;
	r->a.status = STORE_BUSY;
	r->a.changes = o->changes;
	r->a.change_count = o->count;
	snprintf(r->a.text, sizeof r->a.text, "the disk is full");
}

static bool sim_pump(struct store *store)
{
	struct simstore *s = of(store);
	if (!s->op_count)
		return false;
	if (s->watch.dies(s->watch.ctx)) {
		forget_ops(s);
		return false;
	}
	struct op *ops = s->ops;
	size_t count = s->op_count;
	s->ops = NULL;
	s->op_count = s->op_cap = 0;
	struct result *results = mem_alloc(count * sizeof *results);
	bool busy = s->watch.refuses(s->watch.ctx);
	for (size_t i = 0; i < count; i++)
		if (busy)
			refuse(&ops[i], &results[i]);
		else
			run(s, &ops[i], &results[i]);
	bool dead = false;
	for (size_t i = 0; i < count; i++) {
		dead = dead || s->watch.dies(s->watch.ctx);
		if (!dead && ops[i].what != OP_CURSOR && ops[i].what != OP_SEEN)
			s->public.answer(s->public.answer_ctx, &results[i].a);
		result_free(&results[i]);
		op_free(&ops[i]);
	}
	free(results);
	free(ops);
	if (dead)
		forget_ops(s);
	return !dead;
}

static void sim_hub_id(struct store *store, struct id *out)
{
	*out = of(store)->hub;
}

static bool sim_note(struct store *store, const char *key, const char *value)
{
	struct simstore *s = of(store);
	for (int i = 0; i < 2; i++)
		if (!s->notes[i][0] || strcmp(s->notes[i][0], key) == 0) {
			free(s->notes[i][0]);
			free(s->notes[i][1]);
			s->notes[i][0] = mem_text(key);
			s->notes[i][1] = mem_text(value);
			return true;
		}
	return false;
}

static char *sim_noted(struct store *store, const char *key)
{
	struct simstore *s = of(store);
	for (int i = 0; i < 2; i++)
		if (s->notes[i][0] && strcmp(s->notes[i][0], key) == 0)
			return mem_text(s->notes[i][1]);
	return NULL;
}

static const struct store_ops sim_ops = {
	.name = "simulated",
	.destroy = sim_destroy,
	.append = sim_append,
	.read = sim_read,
	.slice = sim_slice,
	.device = sim_device,
	.account = sim_account,
	.cursor = sim_cursor,
	.seen = sim_seen,
	.invite = sim_invite,
	.enroll = sim_enroll,
	.revoke = sim_revoke,
	.pump = sim_pump,
	.hub_id = sim_hub_id,
	.note = sim_note,
	.noted = sim_noted,
};

struct store *simstore_create(const struct id *hub, const struct simstore_watch *w)
{
	struct simstore *s = mem_alloc(sizeof *s);
	s->public.ops = &sim_ops;
	s->watch = *w;
	s->hub = *hub;
	return &s->public;
}

void simstore_enrol(struct store *store, const struct message_device *device)
{
	struct simstore *s = of(store);
	MEM_ROOM(s->devices, s->device_count, s->device_cap);
	struct store_device *d = &s->devices[s->device_count++];
	*d = (struct store_device){ .public = *device, .account = SIMSTORE_ACCOUNT };
	d->public.name = blob_copy(device->name.data, device->name.len);
}

void simstore_crash(struct store *store)
{
	forget_ops(of(store));
}

size_t simstore_count(const struct store *store)
{
	return view(store)->count;
}

const struct simentry *simstore_entry(const struct store *store, uint64_t seq)
{
	const struct simstore *s = view(store);
	return seq && seq <= s->count ? s->log[seq - 1] : NULL;
}

const struct simentry *simstore_head(const struct store *store, const struct id *item)
{
	return map_find(&view(store)->heads, item, sizeof *item);
}

uint64_t simstore_cursor(const struct store *store, const struct id *device)
{
	struct store_device *d = find_device((struct simstore *)store, device);
	return d ? d->public.cursor : 0;
}

bool simstore_next_item(const struct store *store, size_t *at, const struct simentry **head)
{
	void *p;
	if (!map_next(&view(store)->heads, at, &p))
		return false;
	*head = p;
	return true;
}

void simstore_restore(struct store *store, uint64_t seq)
{
	struct simstore *s = of(store);
	forget_ops(s);
	for (size_t i = (size_t)seq; i < s->count; i++)
		entry_free(s->log[i]);
	if (seq < s->count)
		s->count = (size_t)seq;
	map_finish(&s->heads);
	map_finish(&s->identities);
	map_finish(&s->counters);
	for (size_t i = 0; i < s->device_count; i++)
		if (s->devices[i].public.cursor > seq)
			s->devices[i].public.cursor = seq;
	for (size_t i = 0; i < s->count; i++) {
		struct simentry *e = s->log[i];
		struct identity who = { e->e.device, e->e.epoch, e->e.change.counter };
		map_put(&s->heads, &e->e.change.item, sizeof e->e.change.item, e);
		map_put(&s->identities, &who, sizeof who, e);
		note_counter(s, &e->e.device, e->e.epoch, e->e.change.counter);
	}
}

/* The store in memory: for the simulation, for tests, and as the plain statement of what a store does. */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/map.h"
#include "base/mem.h"
#include "hub/store/backends.h"
#include "hub/store/lazy.h"
#include "hub/store/submission.h"

struct row { /* of a log */
	struct id device;
	uint64_t epoch;
	struct id chain;
	struct blob record;
};

struct ledger {
	struct row *rows; /* row i has number i + 1 */
	size_t count, cap;
	struct map items; /* item -> number of its last change */
	struct map known; /* (device, epoch, counter) -> number */
};

struct enrolled {
	struct store_device device;
	struct map counters; /* epoch -> highest counter + 1, so that none is NULL */
};

struct invite {
	char account[65];
	int64_t expires_ms;
	bool spent;
	struct id by;
};

struct memory_store {
	struct submission_store base;
	struct map ledgers, devices, invites, notes;
	struct lazy lazy;
};

static struct ledger *ledger_of(struct memory_store *m, const char *account)
{
	struct ledger *l = map_find(&m->ledgers, account, strlen(account));
	if (!l) {
		l = mem_alloc(sizeof *l);
		map_put(&m->ledgers, account, strlen(account), l);
	}
	return l;
}

static struct enrolled *device_of(struct memory_store *m, const struct id *device)
{
	return map_find(&m->devices, device->b, ID_LEN);
}

static uint64_t number_in(const struct map *map, const void *key, size_t len)
{
	return (uint64_t)(uintptr_t)map_find(map, key, len);
}

static void set_number(struct map *map, const void *key, size_t len, uint64_t value)
{
	map_put(map, key, len, (void *)(uintptr_t)value);
}

static void identity_key(uint8_t out[ID_LEN + 16], const struct id *device, uint64_t epoch, uint64_t counter)
{
	memcpy(out, device->b, ID_LEN);
	memcpy(out + ID_LEN, &epoch, 8);
	memcpy(out + ID_LEN + 8, &counter, 8);
}

static void append_one(struct ledger *l, struct submission *u, size_t at)
{
	const struct change *c = &u->changes[at];
	uint8_t key[ID_LEN + 16];
	identity_key(key, &u->device, u->epoch, c->counter);
	uint64_t known = number_in(&l->known, key, sizeof key);
	const struct verdict *before = at ? &u->verdicts[at - 1] : NULL;
	struct sequencer_facts facts = {
		.known_seq = known,
		.known_same = known && span_equal(span_blob(&l->rows[known - 1].record), u->records[at]),
		.item_head = number_in(&l->items, c->item.b, ID_LEN),
		.account_head = l->count,
		.before = before && (before->kind == VERDICT_APPENDED || before->kind == VERDICT_DUPLICATE)
				  ? before->counter
				  : 0,
	};
	struct verdict v = u->verdicts[at] = sequencer_judge(&facts, c);
	if (v.kind != VERDICT_APPENDED)
		return;
	struct id zero = { 0 };
	const struct id *chain = l->count ? &l->rows[l->count - 1].chain : &zero;
	struct row row = { .device = u->device, .epoch = u->epoch };
	row.chain = wire_chain(chain, v.seq, &u->device, u->epoch, u->records[at]);
	row.record = blob_copy(u->records[at].data, u->records[at].len);
	MEM_ROOM(l->rows, l->count, l->cap);
	l->rows[l->count++] = row;
	set_number(&l->items, c->item.b, ID_LEN, v.seq);
	set_number(&l->known, key, sizeof key, v.seq);
}

static void run_append(struct memory_store *m, struct submission *u)
{
	struct ledger *l = ledger_of(m, u->account);
	struct enrolled *d = device_of(m, &u->device);
	for (size_t i = 0; i < u->change_count; i++) {
		append_one(l, u, i);
		uint64_t counter = u->changes[i].counter;
		if (d && counter + 1 > number_in(&d->counters, &u->epoch, sizeof u->epoch))
			set_number(&d->counters, &u->epoch, sizeof u->epoch, counter + 1);
	}
	u->answer.verdict_count = u->change_count;
	u->answer.head = l->count;
}

static struct change change_in(const struct row *row)
{
	struct change c = { 0 };
	struct reader in = reader_of(span_blob(&row->record));
	wire_get_change(&in, &c);
	return c;
}

static void run_read(struct memory_store *m, struct submission *u)
{
	struct ledger *l = ledger_of(m, u->account);
	size_t bytes = 0;
	for (uint64_t seq = u->seq; seq >= 1 && seq <= l->count && bytes < u->max; seq++) {
		const struct row *row = &l->rows[seq - 1];
		struct store_entry *e = submission_entry(u);
		*e = (struct store_entry){
			.seq = seq, .device = row->device, .epoch = row->epoch, .chain = row->chain
		};
		e->change = change_in(row);
		e->body_len = e->change.body.len;
		if (e->body_len > WIRE_PART_MAX) {
			e->change.body = span_of(NULL, 0);
			e->change.flags |= CHANGE_PARTED;
		}
		bytes += e->change.body.len + STORE_ENTRY_WEIGHT;
	}
	u->answer.head = l->count;
}

static void run_slice(struct memory_store *m, struct submission *u)
{
	struct ledger *l = ledger_of(m, u->account);
	struct span body = { 0 };
	if (u->seq >= 1 && u->seq <= l->count)
		body = change_in(&l->rows[u->seq - 1]).body;
	if (u->offset >= body.len) {
		submission_fail(u, STORE_ABSENT, "there is no such part of an entry");
		return;
	}
	size_t len = body.len - u->offset < u->max ? body.len - u->offset : u->max;
	u->answer.bytes = span_of(body.data + u->offset, len);
}

static void answer_device(struct submission *u, const struct enrolled *d)
{
	struct store_device *out = submission_new_device(u);
	*out = d->device;
	out->public.name = blob_copy(d->device.public.name.data, d->device.public.name.len);
}

static void run_device(struct memory_store *m, struct submission *u)
{
	struct enrolled *d = device_of(m, &u->device);
	if (!d) {
		submission_fail(u, STORE_ABSENT, "the device is unknown");
		return;
	}
	answer_device(u, d);
	uint64_t stored = number_in(&d->counters, &u->epoch, sizeof u->epoch);
	u->devices[0].epoch = u->epoch;
	u->devices[0].counter = stored ? stored - 1 : 0;
	u->answer.head = ledger_of(m, d->device.account)->count;
}

static int by_id(const void *x, const void *y)
{
	const struct store_device *a = x, *b = y;
	return memcmp(a->public.device.b, b->public.device.b, ID_LEN);
}

static void run_account(struct memory_store *m, struct submission *u)
{
	struct ledger *l = map_find(&m->ledgers, u->account, strlen(u->account));
	void *value;
	if (!l) {
		submission_fail(u, STORE_ABSENT, "the account is unknown");
		return;
	}
	for (size_t at = 0; map_next(&m->devices, &at, &value);)
		if (strcmp(((struct enrolled *)value)->device.account, u->account) == 0)
			answer_device(u, value);
	mem_sort(u->devices, u->answer.device_count, sizeof *u->devices, by_id);
	u->answer.head = l->count;
	if (u->seq >= 1 && u->seq <= l->count)
		u->answer.chain = l->rows[u->seq - 1].chain;
}

static void run_invite(struct memory_store *m, struct submission *u)
{
	size_t open = 0;
	void *value;
	for (size_t at = 0; map_next(&m->invites, &at, &value);) {
		struct invite *i = value;
		open += !i->spent && i->expires_ms > u->now_ms && strcmp(i->account, u->account) == 0;
	}
	if (open >= STORE_INVITES_MAX) {
		submission_fail(u, STORE_FULL, "too many invites of this account are open");
		return;
	}
	struct invite *i = mem_alloc(sizeof *i);
	ledger_of(m, u->account);
	memcpy(i->account, u->account, sizeof i->account);
	i->expires_ms = u->expires_ms;
	free(map_put(&m->invites, u->token_hash, MESSAGE_TOKEN, i));
}

static enum store_status judge_enroll(struct memory_store *m, const struct submission *u, const struct invite *i)
{
	const struct enrolled *d = device_of(m, &u->enroll.device);
	size_t members = 0;
	void *value;
	if (!i)
		return STORE_ABSENT;
	if (i->spent)
		return id_equal(&i->by, &u->enroll.device) && d && !d->device.public.revoked ? STORE_OK : STORE_SPENT;
	if (i->expires_ms <= u->now_ms)
		return STORE_EXPIRED;
	if (d)
		return STORE_SPENT; /* a key belongs to one account, once */
	for (size_t at = 0; map_next(&m->devices, &at, &value);) {
		const struct enrolled *other = value;
		members += !other->device.public.revoked && strcmp(other->device.account, i->account) == 0;
	}
	return members >= MESSAGE_DEVICES_MAX ? STORE_FULL : STORE_OK;
}

static void run_enroll(struct memory_store *m, struct submission *u)
{
	struct invite *i = map_find(&m->invites, u->token_hash, MESSAGE_TOKEN);
	enum store_status status = judge_enroll(m, u, i);
	if (status != STORE_OK) {
		submission_fail(u, status, "the invite does not admit the device");
		return;
	}
	struct enrolled *d = device_of(m, &u->enroll.device);
	if (!d) {
		d = mem_alloc(sizeof *d);
		memcpy(d->device.public.public_key, u->enroll.public_key, MESSAGE_PUBLIC);
		d->device.public.device = u->enroll.device;
		d->device.public.name = blob_copy(u->enroll.name.data, u->enroll.name.len);
		d->device.public.last_seen_ms = u->now_ms;
		memcpy(d->device.account, i->account, sizeof d->device.account);
		map_put(&m->devices, u->enroll.device.b, ID_LEN, d);
		i->spent = true;
		i->by = u->enroll.device;
	}
	answer_device(u, d);
}

static void run_revoke(struct memory_store *m, struct submission *u)
{
	struct enrolled *d = device_of(m, &u->device);
	if (d && strcmp(d->device.account, u->account) == 0)
		d->device.public.revoked = true;
	else
		submission_fail(u, STORE_ABSENT, "the account has no such device");
}

static void save_lazy(struct memory_store *m)
{
	for (size_t i = 0; i < m->lazy.count; i++) {
		const struct lazy_row *l = &m->lazy.rows[i];
		struct enrolled *d = device_of(m, &l->device);
		if (d)
			d->device.public.last_seen_ms = l->now_ms;
		if (d && l->has_cursor)
			d->device.public.cursor = l->cursor;
	}
	lazy_clear(&m->lazy);
}

static bool memory_pump(struct store *s)
{
	struct memory_store *m = (struct memory_store *)s;
	static void (*const run[])(struct memory_store *, struct submission *) = {
		[SUBMIT_APPEND] = run_append, [SUBMIT_READ] = run_read,       [SUBMIT_SLICE] = run_slice,
		[SUBMIT_DEVICE] = run_device, [SUBMIT_ACCOUNT] = run_account, [SUBMIT_INVITE] = run_invite,
		[SUBMIT_ENROLL] = run_enroll,
		[SUBMIT_REVOKE] = run_revoke,
	};
	struct submission *list = submission_take(&m->base);
	if (!list)
		return false;
	lazy_take(&m->lazy, list);
	if (lazy_due(&m->lazy, list))
		save_lazy(m);
	for (struct submission *u = list; u; u = u->next)
		if (submission_answered(u))
			run[u->kind](m, u);
	submission_answer_all(s, list);
	return true;
}

static void memory_hub_id(struct store *s, struct id *out)
{
	(void)s;
	*out = hash_plain("syncline hub in memory", NULL, 0);
}

static bool memory_note(struct store *s, const char *key, const char *value)
{
	free(map_put(&((struct memory_store *)s)->notes, key, strlen(key), mem_text(value)));
	return true;
}

static char *memory_noted(struct store *s, const char *key)
{
	return mem_text(map_find(&((struct memory_store *)s)->notes, key, strlen(key)));
}

static void free_ledger(struct ledger *l)
{
	for (size_t i = 0; i < l->count; i++)
		blob_finish(&l->rows[i].record);
	free(l->rows);
	map_finish(&l->items);
	map_finish(&l->known);
	free(l);
}

static void memory_destroy(struct store *s)
{
	struct memory_store *m = (struct memory_store *)s;
	void *value;
	submission_drop_all(submission_take(&m->base));
	for (size_t at = 0; map_next(&m->ledgers, &at, &value);)
		free_ledger(value);
	for (size_t at = 0; map_next(&m->devices, &at, &value);) {
		struct enrolled *d = value;
		blob_finish(&d->device.public.name);
		map_finish(&d->counters);
		free(d);
	}
	for (size_t at = 0; map_next(&m->invites, &at, &value);)
		free(value);
	for (size_t at = 0; map_next(&m->notes, &at, &value);)
		free(value);
	map_finish(&m->ledgers);
	map_finish(&m->devices);
	map_finish(&m->invites);
	map_finish(&m->notes);
	lazy_finish(&m->lazy);
	free(m);
}

void store_memory_crash(struct store *s)
{
	submission_drop_all(submission_take((struct submission_store *)s));
	lazy_clear(&((struct memory_store *)s)->lazy);
}

static const struct store_ops memory_ops = {
	.name = "memory",
	.destroy = memory_destroy,
	SUBMISSION_OPS,
	.pump = memory_pump,
	.hub_id = memory_hub_id,
	.note = memory_note,
	.noted = memory_noted,
};

struct store *store_memory_create(void)
{
	struct memory_store *m = mem_alloc(sizeof *m);
	m->base.store.ops = &memory_ops;
	return &m->base.store;
}

/* The store in a SQLite file: everything that a turn submitted is one transaction, durable before the first answer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "hub/store/backends.h"
#include "hub/store/lazy.h"
#include "hub/store/sqlite_bodies.h"
#include "hub/store/sqlite_db.h"
#include "hub/store/submission.h"

#define NUMBER_BITS 40 /* of a place; the account's id is above */

/* What the running transaction knows of the account and the writer it is appending for. */
struct tail {
	bool loaded, moved;
	char name[65];
	int64_t account;
	uint64_t head;
	struct id chain;
};

struct sqlite_store {
	struct submission_store base;
	struct sqlite_db db;
	struct tail tail;
	struct lazy lazy;
	struct sqlite_bodies bodies;
};

static int64_t place_of(int64_t account, uint64_t seq)
{
	return account << NUMBER_BITS | (int64_t)seq;
}

static uint64_t number_of(int64_t place)
{
	return (uint64_t)place & ((1ULL << NUMBER_BITS) - 1);
}

/* ---- append ---- */

static bool save_tail(struct sqlite_store *s)
{
	struct tail *t = &s->tail;
	if (!t->loaded || !t->moved)
		return true;
	t->moved = false;
	return sqlite_db_run(&s->db, sqlite_db_bind(&s->db, QUERY_ACCOUNT_SET, "iib", t->account, (int64_t)t->head,
	                                            span_of(t->chain.b, ID_LEN)));
}

/* 1 loaded, 0 there is no such account, -1 failed. */
static int load_tail(struct sqlite_store *s, const char *name)
{
	struct tail *t = &s->tail;
	if (t->loaded && strcmp(t->name, name) == 0)
		return 1;
	if (!save_tail(s))
		return -1;
	t->loaded = false;
	sqlite3_stmt *st = sqlite_db_bind(&s->db, QUERY_ACCOUNT, "t", name);
	int got = sqlite_db_row(&s->db, st);
	if (got != 1)
		return got;
	snprintf(t->name, sizeof t->name, "%s", name);
	t->account = sqlite3_column_int64(st, 0);
	t->head = (uint64_t)sqlite3_column_int64(st, 1);
	t->chain = sqlite_db_id(st, 2);
	t->loaded = true;
	sqlite_db_done(st);
	return 1;
}

static bool load_writer(struct sqlite_store *s, const struct submission *u, int64_t *writer, uint64_t *counter)
{
	struct span device = span_of(u->device.b, ID_LEN);
	for (int turn = 0; turn < 2; turn++) {
		sqlite3_stmt *st = sqlite_db_bind(&s->db, QUERY_WRITER, "bi", device, (int64_t)u->epoch);
		int got = sqlite_db_row(&s->db, st);
		if (got < 0)
			return false;
		if (got == 1) {
			*writer = sqlite3_column_int64(st, 0);
			*counter = (uint64_t)sqlite3_column_int64(st, 1);
			sqlite_db_done(st);
			return true;
		}
		if (!sqlite_db_run(&s->db, sqlite_db_bind(&s->db, QUERY_WRITER_ADD, "bi", device, (int64_t)u->epoch)))
			return false;
	}
	return false;
}

/* The record as the log table has it: a large body lives elsewhere. */
static struct span log_form(const struct change *c, struct span record, struct buf *scratch)
{
	if (c->body.len <= WIRE_PART_MAX)
		return record;
	struct change bare = *c;
	bare.flags |= CHANGE_PARTED;
	buf_clear(scratch);
	wire_put_change(scratch, &bare);
	return buf_view(scratch);
}

static bool find_known(struct sqlite_store *s, int64_t writer, const struct change *c, struct span record,
                       struct sequencer_facts *f)
{
	struct buf scratch = { 0 };
	sqlite3_stmt *st = sqlite_db_bind(&s->db, QUERY_KNOWN, "ii", writer, (int64_t)c->counter);
	int got = sqlite_db_row(&s->db, st);
	bool good = got >= 0;
	if (got == 1) {
		int64_t place = sqlite3_column_int64(st, 0);
		f->known_seq = number_of(place);
		f->known_same = span_equal(sqlite_db_span(st, 1), log_form(c, record, &scratch));
		sqlite_db_done(st);
		if (f->known_same && c->body.len > WIRE_PART_MAX)
			good = sqlite_bodies_same(&s->bodies, place, c->body, &f->known_same);
	}
	buf_finish(&scratch);
	return good;
}

static bool find_head(struct sqlite_store *s, const struct change *c, uint64_t *head)
{
	sqlite3_stmt *st = sqlite_db_bind(&s->db, QUERY_ITEM, "ib", s->tail.account, span_of(c->item.b, ID_LEN));
	int got = sqlite_db_row(&s->db, st);
	if (got == 1) {
		*head = (uint64_t)sqlite3_column_int64(st, 0);
		sqlite_db_done(st);
	}
	return got >= 0;
}

static bool insert(struct sqlite_store *s, int64_t writer, const struct submission *u, size_t at)
{
	struct tail *t = &s->tail;
	struct sqlite_db *d = &s->db;
	const struct change *c = &u->changes[at];
	struct buf scratch = { 0 };
	t->chain = wire_chain(&t->chain, ++t->head, &u->device, u->epoch, u->records[at]);
	t->moved = true;
	int64_t place = place_of(t->account, t->head);
	bool good =
	        sqlite_db_run(d, sqlite_db_bind(d, QUERY_APPEND, "iiibb", place, writer, (int64_t)c->counter,
	                                        span_of(t->chain.b, ID_LEN), log_form(c, u->records[at], &scratch)));
	buf_finish(&scratch);
	if (good && c->body.len > WIRE_PART_MAX)
		good = sqlite_bodies_put(&s->bodies, place, &u->device, u->epoch, c->counter, c->body);
	return good && sqlite_db_run(d, sqlite_db_bind(d, QUERY_ITEM_SET, "ibi", t->account, span_of(c->item.b, ID_LEN),
	                                               (int64_t)t->head));
}

static bool run_append(struct sqlite_store *s, struct submission *u)
{
	int64_t writer;
	uint64_t counter, highest;
	int got = load_tail(s, u->account);
	if (got == 0)
		submission_fail(u, STORE_ABSENT, "the account is unknown");
	if (got <= 0)
		return got == 0;
	if (!load_writer(s, u, &writer, &counter))
		return false;
	highest = counter;
	uint64_t before = 0;
	for (size_t i = 0; i < u->change_count; i++) {
		const struct change *c = &u->changes[i];
		struct sequencer_facts facts = { .account_head = s->tail.head, .before = before };
		/* above the highest counter ever judged nothing can be known */
		if (c->counter <= highest && !find_known(s, writer, c, u->records[i], &facts))
			return false;
		if (!facts.known_seq && !find_head(s, c, &facts.item_head))
			return false;
		struct verdict v = u->verdicts[i] = sequencer_judge(&facts, c);
		if (v.kind == VERDICT_APPENDED && !insert(s, writer, u, i))
			return false;
		sqlite_bodies_forget(&s->bodies, &u->device, u->epoch, c->counter);
		before = v.kind == VERDICT_APPENDED || v.kind == VERDICT_DUPLICATE ? c->counter : 0;
		if (c->counter > highest)
			highest = c->counter;
	}
	u->answer.verdict_count = u->change_count;
	u->answer.head = s->tail.head;
	return highest == counter ||
	       sqlite_db_run(&s->db, sqlite_db_bind(&s->db, QUERY_WRITER_SET, "ii", writer, (int64_t)highest));
}

/* ---- reading the log ---- */

/* False: the row is not what we wrote. */
static bool read_entry(struct sqlite_store *s, struct submission *u, sqlite3_stmt *st)
{
	struct store_entry *e = submission_entry(u);
	struct span change = sqlite_db_span(st, 4);
	e->seq = number_of(sqlite3_column_int64(st, 0));
	e->device = sqlite_db_id(st, 1);
	e->epoch = (uint64_t)sqlite3_column_int64(st, 2);
	e->chain = sqlite_db_id(st, 3);
	struct reader in = reader_of(submission_keep(u, change.data, change.len));
	if (!wire_get_change(&in, &e->change) || reader_left(&in))
		return false;
	e->body_len = e->change.body.len;
	return !(e->change.flags & CHANGE_PARTED) || sqlite_bodies_len(&s->bodies, sqlite3_column_int64(st, 0), &e->body_len);
}

static bool run_read(struct sqlite_store *s, struct submission *u)
{
	int got = load_tail(s, u->account);
	if (got == 0)
		submission_fail(u, STORE_ABSENT, "the account is unknown");
	if (got <= 0)
		return got == 0;
	size_t bytes = 0;
	sqlite3_stmt *st = sqlite_db_bind(&s->db, QUERY_READ, "ii", place_of(s->tail.account, u->seq),
	                                  place_of(s->tail.account, s->tail.head));
	while (bytes < u->max && (got = sqlite_db_row(&s->db, st)) == 1) {
		if (!read_entry(s, u, st)) {
			sqlite_db_done(st);
			submission_fail(u, STORE_CORRUPT,
			                "an entry of the log is damaged; restore the hub's store from a backup");
			return true;
		}
		bytes += u->entries[u->answer.entry_count - 1].change.body.len + STORE_ENTRY_WEIGHT;
	}
	if (got == 1)
		sqlite_db_done(st);
	u->answer.head = s->tail.head;
	return got >= 0;
}

/* Never across two rows: a slice may be shorter than it could be. */
static bool run_slice(struct sqlite_store *s, struct submission *u)
{
	int got = load_tail(s, u->account);
	if (got == 1) {
		struct span bytes;
		got = sqlite_bodies_row(&s->bodies, place_of(s->tail.account, u->seq), u->offset, &bytes);
		if (got == 1) {
			size_t at = u->offset % SQLITE_DB_PART, left = at < bytes.len ? bytes.len - at : 0;
			if (left)
				u->answer.bytes = submission_keep(u, bytes.data + at, left < u->max ? left : u->max);
			sqlite_db_done(s->db.queries[QUERY_BODY]);
		}
	}
	if (got >= 0 && u->answer.bytes.len == 0)
		submission_fail(u, STORE_ABSENT,
		                "a part of an entry is not there; restore the hub's store from a backup");
	return got >= 0;
}

/* ---- devices and accounts ---- */

static void read_device(struct submission *u, sqlite3_stmt *st)
{
	struct store_device *out = submission_new_device(u);
	struct span key = sqlite_db_span(st, 1), name = sqlite_db_span(st, 2);
	const char *account = (const char *)sqlite3_column_text(st, 6);
	out->public.device = sqlite_db_id(st, 0);
	if (key.len == MESSAGE_PUBLIC)
		memcpy(out->public.public_key, key.data, MESSAGE_PUBLIC);
	out->public.name = blob_copy(name.data, name.len < MESSAGE_NAME_MAX ? name.len : MESSAGE_NAME_MAX);
	out->public.cursor = (uint64_t)sqlite3_column_int64(st, 3);
	out->public.last_seen_ms = sqlite3_column_int64(st, 4);
	out->public.revoked = sqlite3_column_int64(st, 5) != 0;
	snprintf(out->account, sizeof out->account, "%s", account ? account : "");
	u->answer.head = (uint64_t)sqlite3_column_int64(st, 7);
}

static bool run_device(struct sqlite_store *s, struct submission *u)
{
	struct sqlite_db *d = &s->db;
	struct span device = span_of(u->device.b, ID_LEN);
	sqlite3_stmt *st = sqlite_db_bind(d, QUERY_DEVICE, "b", device);
	int got = sqlite_db_row(d, st);
	if (got == 0)
		submission_fail(u, STORE_ABSENT, "the device is unknown");
	if (got <= 0)
		return got == 0;
	read_device(u, st);
	sqlite_db_done(st);
	st = sqlite_db_bind(d, QUERY_WRITER, "bi", device, (int64_t)u->epoch);
	got = sqlite_db_row(d, st);
	u->devices[0].epoch = u->epoch;
	if (got == 1) {
		u->devices[0].counter = (uint64_t)sqlite3_column_int64(st, 1);
		sqlite_db_done(st);
	}
	return got >= 0;
}

static bool find_chain(struct sqlite_store *s, uint64_t seq, struct id *chain)
{
	if (seq == s->tail.head) {
		*chain = s->tail.chain;
		return true;
	}
	if (seq == 0 || seq > s->tail.head)
		return true;
	sqlite3_stmt *st = sqlite_db_bind(&s->db, QUERY_CHAIN, "i", place_of(s->tail.account, seq));
	int got = sqlite_db_row(&s->db, st);
	if (got == 1) {
		*chain = sqlite_db_id(st, 0);
		sqlite_db_done(st);
	}
	return got >= 0;
}

static bool run_account(struct sqlite_store *s, struct submission *u)
{
	int got = load_tail(s, u->account);
	if (got == 0)
		submission_fail(u, STORE_ABSENT, "the account is unknown");
	if (got <= 0)
		return got == 0;
	sqlite3_stmt *st = sqlite_db_bind(&s->db, QUERY_DEVICES, "i", s->tail.account);
	while ((got = sqlite_db_row(&s->db, st)) == 1)
		read_device(u, st);
	u->answer.head = s->tail.head;
	return got == 0 && find_chain(s, u->seq, &u->answer.chain);
}

static bool save_lazy(struct sqlite_store *s)
{
	struct sqlite_db *d = &s->db;
	bool good = true;
	for (size_t i = 0; good && i < s->lazy.count; i++) {
		const struct lazy_row *l = &s->lazy.rows[i];
		struct span device = span_of(l->device.b, ID_LEN);
		if (l->has_cursor)
			good = sqlite_db_run(
			        d, sqlite_db_bind(d, QUERY_CURSOR, "bii", device, (int64_t)l->cursor, l->now_ms));
		else
			good = sqlite_db_run(d, sqlite_db_bind(d, QUERY_SEEN, "bi", device, l->now_ms));
	}
	return good;
}

/* One number, or -1. */
static int64_t count_of(struct sqlite_store *s, sqlite3_stmt *st)
{
	int64_t count = -1;
	if (sqlite_db_row(&s->db, st) == 1) {
		count = sqlite3_column_int64(st, 0);
		sqlite_db_done(st);
	}
	return count;
}

static bool run_invite(struct sqlite_store *s, struct submission *u)
{
	struct sqlite_db *d = &s->db;
	if (!sqlite_db_run(d, sqlite_db_bind(d, QUERY_INVITE_PURGE, "i", u->now_ms)) ||
	    !sqlite_db_run(d, sqlite_db_bind(d, QUERY_ACCOUNT_ADD, "t", u->account)))
		return false;
	int64_t open = count_of(s, sqlite_db_bind(d, QUERY_INVITE_COUNT, "ti", u->account, u->now_ms));
	if (open < 0)
		return false;
	if (open >= STORE_INVITES_MAX) {
		submission_fail(u, STORE_FULL, "too many invites of this account are open");
		return true;
	}
	return sqlite_db_run(d, sqlite_db_bind(d, QUERY_INVITE_ADD, "bti", span_of(u->token_hash, MESSAGE_TOKEN),
	                                       u->account, u->expires_ms));
}

/* -1 when the disk failed, else the status; account: the one that the invite is for. */
static int judge_enroll(struct sqlite_store *s, const struct submission *u, int64_t *account)
{
	struct sqlite_db *d = &s->db;
	sqlite3_stmt *st = sqlite_db_bind(d, QUERY_INVITE, "b", span_of(u->token_hash, MESSAGE_TOKEN));
	int got = sqlite_db_row(d, st);
	if (got <= 0)
		return got < 0 ? -1 : STORE_ABSENT;
	*account = sqlite3_column_int64(st, 0);
	int64_t expires_ms = sqlite3_column_int64(st, 1);
	struct id by = sqlite_db_id(st, 2);
	sqlite_db_done(st);

	st = sqlite_db_bind(d, QUERY_DEVICE, "b", span_of(u->enroll.device.b, ID_LEN));
	got = sqlite_db_row(d, st);
	bool known = got == 1, revoked = known && sqlite3_column_int64(st, 5);
	if (known)
		sqlite_db_done(st);
	if (got < 0)
		return -1;
	if (!id_zero(&by))
		return id_equal(&by, &u->enroll.device) && known && !revoked ? STORE_OK : STORE_SPENT;
	if (expires_ms <= u->now_ms)
		return STORE_EXPIRED;
	if (known)
		return STORE_SPENT; /* a key belongs to one account, once */
	int64_t members = count_of(s, sqlite_db_bind(d, QUERY_DEVICE_COUNT, "i", *account));
	if (members < 0)
		return -1;
	return members >= MESSAGE_DEVICES_MAX ? STORE_FULL : STORE_OK;
}

static bool run_enroll(struct sqlite_store *s, struct submission *u)
{
	struct sqlite_db *d = &s->db;
	struct span device = span_of(u->enroll.device.b, ID_LEN);
	int64_t account;
	int status = judge_enroll(s, u, &account);
	if (status < 0)
		return false;
	if (status != STORE_OK) {
		submission_fail(u, (enum store_status)status, "the invite does not admit the device");
		return true;
	}
	sqlite3_stmt *st = sqlite_db_bind(d, QUERY_DEVICE, "b", device);
	int got = sqlite_db_row(d, st);
	if (got == 0) { /* not the repetition of an enrolment whose answer was lost */
		if (!sqlite_db_run(d, sqlite_db_bind(d, QUERY_DEVICE_ADD, "bibbi", device, account,
		                                     span_of(u->enroll.public_key, MESSAGE_PUBLIC),
		                                     span_blob(&u->enroll.name), u->now_ms)) ||
		    !sqlite_db_run(d, sqlite_db_bind(d, QUERY_INVITE_SPEND, "bb", span_of(u->token_hash, MESSAGE_TOKEN),
		                                     device)))
			return false;
		st = sqlite_db_bind(d, QUERY_DEVICE, "b", device);
		got = sqlite_db_row(d, st);
	}
	if (got != 1)
		return false;
	read_device(u, st);
	sqlite_db_done(st);
	return true;
}

static bool run_revoke(struct sqlite_store *s, struct submission *u)
{
	if (!sqlite_db_run(&s->db,
	                   sqlite_db_bind(&s->db, QUERY_REVOKE, "tb", u->account, span_of(u->device.b, ID_LEN))))
		return false;
	if (sqlite3_changes(s->db.db) == 0)
		submission_fail(u, STORE_ABSENT, "the account has no such device");
	return true;
}

static bool run_part(struct sqlite_store *s, struct submission *u)
{
	if (u->text.len)
		return sqlite_bodies_stage(&s->bodies, &u->device, u->epoch, u->seq, u->offset, buf_view(&u->text));
	sqlite_bodies_forget(&s->bodies, &u->device, u->epoch, u->seq);
	return true;
}

/* ---- the turn ---- */

static bool (*const runs[])(struct sqlite_store *, struct submission *) = {
	[SUBMIT_APPEND] = run_append, [SUBMIT_READ] = run_read,       [SUBMIT_SLICE] = run_slice,
	[SUBMIT_DEVICE] = run_device, [SUBMIT_ACCOUNT] = run_account, [SUBMIT_INVITE] = run_invite,
	[SUBMIT_ENROLL] = run_enroll,
	[SUBMIT_REVOKE] = run_revoke, [SUBMIT_PART] = run_part,
};

/* Neither cursors nor signs of life, which are written by themselves. */
static bool is_run(const struct submission *u)
{
	return submission_answered(u) || u->kind == SUBMIT_PART;
}

enum writing { WRITE_NOTHING, WRITE_SOON, WRITE_DURABLY };

/* Parts of an upload alone need not be on the disk before somebody is answered: the next commit that must be waits for
 * them as well. */
static enum writing writing_of(const struct sqlite_store *s, const struct submission *list)
{
	enum writing w = WRITE_NOTHING;
	for (const struct submission *u = list; u; u = u->next)
		if (submission_writes(u))
			return WRITE_DURABLY;
		else if (u->kind == SUBMIT_PART)
			w = WRITE_SOON;
	return lazy_due(&s->lazy, list) ? WRITE_DURABLY : w;
}

static bool run_all(struct sqlite_store *s, struct submission *list)
{
	for (struct submission *u = list; u; u = u->next)
		if (is_run(u) && !runs[u->kind](s, u))
			return false;
	return true;
}

static bool write_all(struct sqlite_store *s, struct submission *list, bool durably)
{
	struct sqlite_db *d = &s->db;
	if (!sqlite_db_sync(d, durably) || !sqlite_db_run(d, d->queries[QUERY_BEGIN]))
		return false;
	if (save_lazy(s) && run_all(s, list) && save_tail(s) && sqlite_bodies_tidy(&s->bodies) &&
	    sqlite_db_run(d, d->queries[QUERY_COMMIT])) {
		lazy_clear(&s->lazy);
		return true;
	}
	if (!sqlite3_get_autocommit(d->db)) /* some failures have rolled back already */
		sqlite3_exec(d->db, "ROLLBACK", NULL, NULL, NULL);
	return false;
}

/* Nothing of the batch was kept. What only reads may still be answered. */
static void answer_failed(struct sqlite_store *s, struct submission *list)
{
	enum store_status status = sqlite_db_corrupt(&s->db) ? STORE_CORRUPT : STORE_BUSY;
	char text[sizeof s->db.text];
	memcpy(text, s->db.text, sizeof text);
	sqlite_bodies_open(&s->bodies, &s->db, s->db.serves); /* what was staged begins anew: the rows of before are nobody's */
	for (struct submission *u = list; u; u = u->next) {
		submission_reset(u);
		s->tail.loaded = false;
		if (submission_writes(u))
			submission_fail(u, status, text);
		else if (submission_answered(u) && !runs[u->kind](s, u))
			submission_fail(u, sqlite_db_corrupt(&s->db) ? STORE_CORRUPT : STORE_BUSY, s->db.text);
	}
}

static bool sqlite_pump(struct store *base)
{
	struct sqlite_store *s = (struct sqlite_store *)base;
	struct submission *list = submission_take(&s->base);
	if (!list)
		return false;
	lazy_take(&s->lazy, list);
	s->tail = (struct tail){ 0 };
	enum writing w = writing_of(s, list);
	if (!(w == WRITE_NOTHING ? run_all(s, list) : write_all(s, list, w == WRITE_DURABLY)))
		answer_failed(s, list);
	submission_answer_all(base, list);
	return true;
}

static void sqlite_hub_id(struct store *base, struct id *out)
{
	struct sqlite_store *s = (struct sqlite_store *)base;
	sqlite3_stmt *st = sqlite_db_bind(&s->db, QUERY_NOTED, "t", "hub");
	*out = (struct id){ 0 };
	if (sqlite_db_row(&s->db, st) == 1) {
		*out = sqlite_db_id(st, 0);
		sqlite_db_done(st);
	}
}

static bool sqlite_note(struct store *base, const char *key, const char *value)
{
	struct sqlite_db *d = &((struct sqlite_store *)base)->db;
	return sqlite_db_run(d, sqlite_db_bind(d, QUERY_NOTE, "tt", key, value));
}

static char *sqlite_noted(struct store *base, const char *key)
{
	struct sqlite_db *d = &((struct sqlite_store *)base)->db;
	sqlite3_stmt *st = sqlite_db_bind(d, QUERY_NOTED, "t", key);
	char *value = NULL;
	if (sqlite_db_row(d, st) == 1) {
		value = mem_text((const char *)sqlite3_column_text(st, 0));
		sqlite_db_done(st);
	}
	return value;
}

static void sqlite_destroy(struct store *base)
{
	struct sqlite_store *s = (struct sqlite_store *)base;
	submission_drop_all(submission_take(&s->base));
	if (s->lazy.count)
		write_all(s, NULL, true);
	sqlite_db_close(&s->db);
	sqlite_bodies_close(&s->bodies);
	lazy_finish(&s->lazy);
	free(s);
}

static const struct store_ops sqlite_ops = {
	.name = "sqlite",
	.destroy = sqlite_destroy,
	SUBMISSION_OPS,
	.pump = sqlite_pump,
	.hub_id = sqlite_hub_id,
	.note = sqlite_note,
	.noted = sqlite_noted,
};

static struct store *as_store(struct sqlite_store *s, bool open, const char *file, struct err *e)
{
	if (open && !sqlite_bodies_open(&s->bodies, &s->db, s->db.serves)) {
		err_set(e, file, "check the file, its folder and the disk", "%s", s->db.text);
		sqlite_db_close(&s->db);
		open = false;
	}
	if (!open) {
		sqlite_bodies_close(&s->bodies);
		free(s);
		return NULL;
	}
	s->base.store.ops = &sqlite_ops;
	return &s->base.store;
}

struct store *store_sqlite_open(const char *file, bool serve, struct err *e)
{
	struct sqlite_store *s = mem_alloc(sizeof *s);
	return as_store(s, sqlite_db_open(&s->db, file, serve, e), file, e);
}

struct store *store_sqlite_open_on(const char *vfs, const char *file, struct err *e)
{
	struct sqlite_store *s = mem_alloc(sizeof *s);
	return as_store(s, sqlite_db_open_on(&s->db, vfs, file, e), file, e);
}

/* The conformance test of the hub's stores: every backend passes the same. And what SQLite alone can be asked. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "hub/store/backends.h"
#include "sim/simstore.h"

#define NOW   1800000000000LL
#define EPOCH 77

static const struct id device_a = { { 0xa } }, device_b = { { 0xb } };

/* ---- one store, and the answers it gave ---- */

struct bench {
	struct store *store;
	bool simulated;
	char folder[64], url[128];
	struct store_answer last; /* of the last answer; what it points to is copied below */
	size_t answers;
	struct verdict verdicts[64];
	struct store_entry entries[256];
	struct buf bodies[256];
	struct store_device devices[300];
	uint8_t bytes[4096];
};

static void answered(void *ctx, const struct store_answer *a)
{
	struct bench *b = ctx;
	b->answers++;
	b->last = *a;
	cr_assert(a->verdict_count <= 64 && a->entry_count <= 256 && a->device_count <= 300);
	for (size_t i = 0; i < a->verdict_count; i++)
		b->verdicts[i] = a->verdicts[i];
	for (size_t i = 0; i < a->entry_count; i++) {
		b->entries[i] = a->entries[i];
		buf_clear(&b->bodies[i]);
		buf_span(&b->bodies[i], a->entries[i].change.body);
	}
	for (size_t i = 0; i < a->device_count; i++)
		b->devices[i] = a->devices[i];
	if (a->bytes.len)
		memcpy(b->bytes, a->bytes.data, a->bytes.len < sizeof b->bytes ? a->bytes.len : sizeof b->bytes);
}

/* The simulated world's store, which watches the real one behind it. */

static void saw_entry(void *ctx, const struct simentry *e, const struct simentry *base)
{
	(void)ctx, (void)base;
	cr_assert(e->e.seq);
}

static bool no(void *ctx)
{
	(void)ctx;
	return false;
}

static void broken(void *ctx, const char *what)
{
	(void)ctx;
	cr_assert_fail("%s", what);
}

static struct store *open_again(void *ctx, bool anew)
{
	struct bench *b = ctx;
	struct err e = { 0 };
	cr_assert(anew);
	return store_open(b->url, &e);
}

static struct store *open_simulated(struct bench *b)
{
	struct id hub = { { 9 } };
	struct simstore_watch w = {
		.ctx = b, .appended = saw_entry, .refuses = no, .dies = no, .broken = broken, .open = open_again
	};
	return simstore_create(&hub, "me", &w);
}

static void reopen(struct bench *b)
{
	struct err e = { 0 };
	store_close(b->store);
	b->store = b->simulated ? open_simulated(b) : store_open(b->url, &e);
	cr_assert_not_null(b->store, "%s: %s", e.what, e.why);
	b->store->answer = answered;
	b->store->answer_ctx = b;
}

static struct bench *bench_create(const char *kind)
{
	struct bench *b = mem_alloc(sizeof *b);
	b->simulated = strncmp(kind, "simulated ", 10) == 0;
	if (strstr(kind, "memory")) {
		strcpy(b->url, "memory:");
	} else {
		strcpy(b->folder, "/tmp/syncline-store-XXXXXX");
		cr_assert_not_null(mkdtemp(b->folder));
		snprintf(b->url, sizeof b->url, "sqlite:%s/hub.db", b->folder);
	}
	reopen(b);
	return b;
}

static void bench_destroy(struct bench *b)
{
	char command[128];
	store_close(b->store);
	for (int i = 0; i < 256; i++)
		buf_finish(&b->bodies[i]);
	if (b->folder[0]) {
		snprintf(command, sizeof command, "rm -rf %s", b->folder);
		cr_assert_eq(system(command), 0);
	}
	free(b);
}

static void pump(struct bench *b, size_t expected)
{
	b->answers = 0;
	while (b->store->ops->pump(b->store))
		;
	cr_assert_eq(b->answers, expected, "%zu answers", b->answers);
}

/* ---- acts ---- */

static void token(uint8_t out[MESSAGE_TOKEN], uint8_t n)
{
	memset(out, n, MESSAGE_TOKEN);
}

static enum store_status invite(struct bench *b, const char *account, uint8_t n, int64_t expires_ms)
{
	uint8_t hash[MESSAGE_TOKEN];
	token(hash, n);
	b->store->ops->invite(b->store, 1, account, hash, expires_ms, NOW);
	pump(b, 1);
	cr_assert_eq(b->last.what, STORE_DONE);
	return b->last.status;
}

static enum store_status enroll(struct bench *b, uint8_t n, const struct id *device, int64_t now_ms)
{
	uint8_t hash[MESSAGE_TOKEN];
	struct message_device d = { .device = *device, .name = { (uint8_t *)"name", 4 } };
	memset(d.public_key, device->b[0], sizeof d.public_key);
	token(hash, n);
	b->store->ops->enroll(b->store, 2, hash, &d, now_ms);
	pump(b, 1);
	cr_assert_eq(b->last.what, STORE_ENROLLED);
	return b->last.status;
}

static void join(struct bench *b)
{
	cr_assert_eq(invite(b, "me", 1, NOW + 1000), STORE_OK);
	cr_assert_eq(enroll(b, 1, &device_a, NOW), STORE_OK);
	cr_assert_eq(invite(b, "me", 2, NOW + 1000), STORE_OK);
	cr_assert_eq(enroll(b, 2, &device_b, NOW), STORE_OK);
}

static struct change change_of(uint64_t counter, uint8_t item, uint64_t base, const char *body)
{
	struct change c = { .counter = counter,
		            .item = { { item } },
		            .base = base,
		            .version = { { (uint8_t)counter, 1 } },
		            .edited = counter,
		            .body = span_text(body) };
	return c;
}

static struct verdict append(struct bench *b, const struct id *device, struct change c)
{
	b->store->ops->append(b->store, 3, "me", device, EPOCH, &c, 1, NOW);
	pump(b, 1);
	cr_assert_eq(b->last.status, STORE_OK, "%s", b->last.text);
	cr_assert_eq(b->last.verdict_count, 1);
	return b->verdicts[0];
}

static void read_from(struct bench *b, uint64_t from, size_t max)
{
	b->store->ops->read(b->store, 4, "me", from, max);
	pump(b, 1);
	cr_assert_eq(b->last.what, STORE_READ);
	cr_assert_eq(b->last.status, STORE_OK);
}

static void account(struct bench *b, uint64_t chain_at)
{
	b->store->ops->account(b->store, 5, "me", chain_at);
	pump(b, 1);
}

static void device(struct bench *b, const struct id *id, uint64_t epoch)
{
	b->store->ops->device(b->store, 6, id, epoch);
	pump(b, 1);
}

#define expect_verdict(v, k, s)                                                                                        \
	do {                                                                                                           \
		struct verdict got_ = (v);                                                                             \
		cr_expect_eq(got_.kind, (k), "verdict %d", got_.kind);                                                 \
		cr_expect_eq(got_.seq, (uint64_t)(s), "number %lu", (unsigned long)got_.seq);                          \
	} while (0)

/* ---- the conformance test ---- */

static void appends(struct bench *b)
{
	join(b);
	expect_verdict(append(b, &device_a, change_of(1, 1, 0, "one")), VERDICT_APPENDED, 1);
	expect_verdict(append(b, &device_a, change_of(2, 1, 1, "two")), VERDICT_APPENDED, 2);
	expect_verdict(append(b, &device_b, change_of(1, 1, 1, "late")), VERDICT_STALE, 2);
	expect_verdict(append(b, &device_b, change_of(2, 1, 0, "blind")), VERDICT_STALE, 2);
	expect_verdict(append(b, &device_b, change_of(3, 2, 7, "nothing there")), VERDICT_STALE, 0);
	expect_verdict(append(b, &device_b, change_of(4, 1, 2, "")), VERDICT_APPENDED, 3);
	/* a repetition is answered as the first time, however old; also after a new head */
	expect_verdict(append(b, &device_a, change_of(1, 1, 0, "one")), VERDICT_DUPLICATE, 1);
	expect_verdict(append(b, &device_a, change_of(2, 1, 1, "two")), VERDICT_DUPLICATE, 2);
	struct verdict v = append(b, &device_a, change_of(2, 1, 1, "other"));
	cr_expect_eq(v.kind, VERDICT_REFUSED);
	cr_expect_eq(v.code, REFUSED_IDENTITY);
	/* the same counter in another epoch is another change */
	struct change c = change_of(2, 3, 0, "new life");
	b->store->ops->append(b->store, 3, "me", &device_a, EPOCH + 1, &c, 1, NOW);
	pump(b, 1);
	expect_verdict(b->verdicts[0], VERDICT_APPENDED, 4);
	/* an unknown account has no log */
	b->store->ops->read(b->store, 9, "me", 1, 1000);
	pump(b, 1);
	cr_expect_eq(b->last.entry_count, 4);
	cr_expect_eq(b->last.head, 4);
}

static void links(struct bench *b)
{
	struct change c[5] = { change_of(1, 1, 0, "main"), change_of(2, 2, 0, "with it"), change_of(3, 1, 0, "stale"),
		               change_of(4, 3, 0, "not alone"), change_of(5, 4, 0, "free") };
	join(b);
	c[1].flags = c[3].flags = CHANGE_LINKED;
	for (int round = 0; round < 2; round++) {
		b->store->ops->append(b->store, 3, "me", &device_a, EPOCH, c, 5, NOW);
		pump(b, 1);
		enum verdict_kind good = round ? VERDICT_DUPLICATE : VERDICT_APPENDED;
		cr_assert_eq(b->last.verdict_count, 5);
		cr_assert_eq(b->last.change_count, 5);
		expect_verdict(b->verdicts[0], good, 1);
		expect_verdict(b->verdicts[1], good, 2);
		expect_verdict(b->verdicts[2], VERDICT_STALE, 1);
		cr_expect_eq(b->verdicts[3].kind, VERDICT_REFUSED);
		cr_expect_eq(b->verdicts[3].code, REFUSED_LINK);
		expect_verdict(b->verdicts[4], good, 3);
	}
	/* linked, and first in its frame */
	struct change alone = change_of(6, 5, 0, "alone");
	alone.flags = CHANGE_LINKED;
	cr_expect_eq(append(b, &device_a, alone).code, REFUSED_LINK);
}

/* Several devices' frames in one pump: answered in order, numbered without gaps; reads see what was submitted before.
 */
static void batches(struct bench *b)
{
	join(b);
	for (uint64_t i = 1; i <= 20; i++) {
		struct change c = change_of(i, (uint8_t)i, 0, "x");
		b->store->ops->append(b->store, i, "me", i % 2 ? &device_a : &device_b, EPOCH, &c, 1, NOW);
	}
	b->store->ops->read(b->store, 21, "me", 1, 1 << 20);
	pump(b, 21);
	cr_expect_eq(b->last.ticket, 21);
	cr_assert_eq(b->last.entry_count, 20);
	for (uint64_t i = 0; i < 20; i++) {
		cr_expect_eq(b->entries[i].seq, i + 1);
		cr_expect_eq(b->entries[i].change.counter, i + 1);
		cr_expect_eq(b->entries[i].epoch, EPOCH);
	}
}

static void reads(struct bench *b)
{
	char body[1001] = { 0 };
	join(b);
	memset(body, 'b', 1000);
	for (uint64_t i = 1; i <= 50; i++)
		append(b, &device_a, change_of(i, 1, i - 1, body));
	uint64_t next = 1;
	for (size_t reads = 0; next <= 50; reads++) {
		cr_assert(reads < 50);
		read_from(b, next, 5000);
		cr_assert(b->last.entry_count >= 1 && b->last.entry_count <= 6);
		for (size_t i = 0; i < b->last.entry_count; i++, next++) {
			cr_expect_eq(b->entries[i].seq, next);
			cr_expect_eq(b->entries[i].body_len, 1000);
			cr_expect(span_equal(buf_view(&b->bodies[i]), span_text(body)));
		}
	}
	read_from(b, 1, 4 * (1000 + STORE_ENTRY_WEIGHT));
	cr_expect_eq(b->last.entry_count, 4, "every store fills a read alike");
	read_from(b, 50, 1);
	cr_expect_eq(b->last.entry_count, 1);
	read_from(b, 51, 1000);
	cr_expect_eq(b->last.entry_count, 0);
	cr_expect_eq(b->last.head, 50);
}

static void large_bodies(struct bench *b)
{
	size_t len = 300000;
	uint8_t *body = mem_alloc(len);
	struct change c = change_of(1, 1, 0, "");
	join(b);
	for (size_t i = 0; i < len; i++)
		body[i] = (uint8_t)(i * 7 + i / 256);
	c.body = span_of(body, len);
	expect_verdict(append(b, &device_a, c), VERDICT_APPENDED, 1);
	expect_verdict(append(b, &device_a, change_of(2, 1, 1, "small")), VERDICT_APPENDED, 2);
	read_from(b, 1, 1 << 20);
	cr_assert_eq(b->last.entry_count, 2);
	cr_expect(b->entries[0].change.flags & CHANGE_PARTED);
	cr_expect_eq(b->entries[0].change.body.len, 0);
	cr_expect_eq(b->entries[0].body_len, len);
	cr_expect_not(b->entries[1].change.flags & CHANGE_PARTED);
	/* the chain is of the change as it was sent, whole */
	struct buf record = { 0 };
	struct id zero = { 0 };
	wire_put_change(&record, &c);
	struct id chain = wire_chain(&zero, 1, &device_a, EPOCH, buf_view(&record));
	cr_expect(id_equal(&chain, &b->entries[0].chain));
	buf_finish(&record);
	for (uint64_t at = 0; at < len;) {
		b->store->ops->slice(b->store, 7, "me", 1, at, 4096);
		pump(b, 1);
		cr_assert_eq(b->last.what, STORE_SLICE);
		cr_assert(b->last.bytes.len > 0 && b->last.bytes.len <= 4096);
		cr_expect_eq(memcmp(b->bytes, body + at, b->last.bytes.len), 0);
		at += b->last.bytes.len;
	}
	b->store->ops->slice(b->store, 7, "me", 1, len, 4096);
	pump(b, 1);
	cr_expect_neq(b->last.status, STORE_OK);
	expect_verdict(append(b, &device_a, c), VERDICT_DUPLICATE, 1);
	body[len - 1] ^= 1;
	cr_expect_eq(append(b, &device_a, c).code, REFUSED_IDENTITY);
	free(body);
}

static void part(struct bench *b, uint64_t counter, uint64_t offset, struct span bytes)
{
	b->store->ops->part(b->store, &device_a, EPOCH, counter, offset, bytes);
	while (b->store->ops->pump(b->store))
		;
}

static void same_body(struct bench *b, uint64_t seq, struct span body)
{
	for (uint64_t at = 0; at < body.len;) {
		b->store->ops->slice(b->store, 7, "me", seq, at, 4096);
		pump(b, 1);
		cr_assert_eq(b->last.status, STORE_OK, "at %lu", (unsigned long)at);
		cr_assert_eq(memcmp(b->bytes, body.data + at, b->last.bytes.len), 0, "at %lu", (unsigned long)at);
		at += b->last.bytes.len;
	}
}

/* Parts that go ahead make no difference to what is appended, whatever became of them. */
static void parts_ahead(struct bench *b)
{
	enum { ROW = 65536, LEN = 5 * ROW + 1000 };
	struct span none = { 0 };
	uint64_t seq = 0;
	join(b);
	for (int kind = 0; kind < 9; kind++) {
		uint8_t *body = mem_alloc(LEN), *other = mem_alloc(LEN);
		uint64_t counter = (uint64_t)kind + 1;
		struct change c = change_of(counter, (uint8_t)(kind + 1), 0, "");
		for (size_t i = 0; i < LEN; i++)
			body[i] = (uint8_t)(i * 7 + i / 256 + (size_t)kind), other[i] = (uint8_t)~body[i];
		c.body = span_of(body, LEN);
		switch (kind) {
		case 0: /* as it should be */
			part(b, counter, 0, span_of(body, 2 * ROW));
			part(b, counter, 2 * ROW, span_of(body + 2 * ROW, ROW));
			break;
		case 1: /* another one before it, forgotten */
			part(b, counter, 0, span_of(other, 2 * ROW));
			part(b, counter, 0, none);
			break;
		case 2: /* begun anew */
			part(b, counter, 0, span_of(other, 4 * ROW));
			part(b, counter, 0, span_of(body, ROW));
			break;
		case 3: /* with a gap, twice, and odd */
			part(b, counter, 0, span_of(body, ROW));
			part(b, counter, 2 * ROW, span_of(other, ROW));
			part(b, counter, 0, span_of(body, ROW));
			part(b, counter, ROW, span_of(other, 100));
			break;
		case 4: /* more than there is in the end */
			part(b, counter, 0, span_of(other, 4 * ROW));
			c.body.len = 2 * ROW;
			break;
		case 5: /* exactly all */
			part(b, counter, 0, span_of(body, 4 * ROW));
			c.body.len = 4 * ROW;
			break;
		case 6: /* of another counter, and another epoch */
			part(b, counter + 100, 0, span_of(other, 2 * ROW));
			b->store->ops->part(b->store, &device_a, EPOCH + 1, counter, 0, span_of(other, ROW));
			break;
		case 7: /* in one batch with the append */
			b->store->ops->part(b->store, &device_a, EPOCH, counter, 0, span_of(body, ROW));
			break;
		default: /* a change that is stale */
			part(b, counter, 0, span_of(other, ROW));
			c.base = 77;
			expect_verdict(append(b, &device_a, c), VERDICT_STALE, 0);
			c.base = 0;
			c.counter = 50;
			break;
		}
		expect_verdict(append(b, &device_a, c), VERDICT_APPENDED, ++seq);
		same_body(b, seq, c.body);
		expect_verdict(append(b, &device_a, c), VERDICT_DUPLICATE, seq);
		free(body);
		free(other);
	}
}

static void invites(struct bench *b)
{
	struct id other = { { 0xc } };
	cr_expect_eq(enroll(b, 1, &device_a, NOW), STORE_ABSENT);
	cr_expect_eq(invite(b, "me", 1, NOW + 1000), STORE_OK);
	cr_expect_eq(enroll(b, 1, &device_a, NOW + 1000), STORE_EXPIRED);
	cr_expect_eq(enroll(b, 1, &device_a, NOW + 999), STORE_OK);
	cr_expect_str_eq(b->devices[0].account, "me");
	cr_expect_eq(enroll(b, 1, &device_b, NOW), STORE_SPENT);
	cr_expect_eq(enroll(b, 1, &device_a, NOW), STORE_OK, "its first answer may have been lost");
	cr_expect_eq(invite(b, "other", 2, NOW + 1000), STORE_OK);
	cr_expect_eq(enroll(b, 2, &device_a, NOW), STORE_SPENT, "a key belongs to one account");
	cr_expect_eq(enroll(b, 2, &other, NOW), STORE_OK);
	cr_expect_str_eq(b->devices[0].account, "other");
	for (int i = 0; i < STORE_INVITES_MAX; i++)
		cr_expect_eq(invite(b, "me", (uint8_t)(10 + i), NOW + 1000), STORE_OK);
	cr_expect_eq(invite(b, "me", 200, NOW + 1000), STORE_FULL);
	cr_expect_eq(invite(b, "other", 201, NOW + 1000), STORE_OK);
}

static void devices(struct bench *b)
{
	join(b);
	device(b, &(struct id){ { 0xd } }, EPOCH);
	cr_expect_eq(b->last.status, STORE_ABSENT);
	device(b, &device_a, EPOCH);
	cr_assert_eq(b->last.status, STORE_OK);
	cr_expect_str_eq(b->devices[0].account, "me");
	cr_expect_eq(b->devices[0].counter, 0);
	cr_expect_eq(b->devices[0].public.public_key[5], 0xa);
	append(b, &device_a, change_of(9, 1, 0, "x"));
	append(b, &device_a, change_of(4, 2, 0, "x"));
	append(b, &device_a, change_of(11, 1, 0, "stale"));
	device(b, &device_a, EPOCH);
	cr_expect_eq(b->devices[0].counter, 11, "judged, whatever the verdict");
	device(b, &device_a, EPOCH + 1);
	cr_expect_eq(b->devices[0].counter, 0);
	cr_expect_eq(b->last.head, 2);

	b->store->ops->cursor(b->store, "me", &device_a, 2, NOW + 5);
	b->store->ops->seen(b->store, &device_b, NOW + 7);
	account(b, 0);
	cr_assert_eq(b->last.device_count, 2);
	cr_expect(id_equal(&b->devices[0].public.device, &device_a), "by id");
	cr_expect_eq(b->last.head, 2);
	for (int i = 0; i < 2; i++) {
		bool a = id_equal(&b->devices[i].public.device, &device_a);
		cr_expect_eq(b->devices[i].public.cursor, a ? 2u : 0u);
		cr_expect_eq(b->devices[i].public.last_seen_ms, a ? NOW + 5 : NOW + 7);
	}

	b->store->ops->revoke(b->store, 8, "other", &device_b);
	pump(b, 1);
	cr_expect_eq(b->last.status, STORE_ABSENT);
	b->store->ops->revoke(b->store, 8, "me", &device_b);
	pump(b, 1);
	cr_expect_eq(b->last.status, STORE_OK);
	device(b, &device_b, EPOCH);
	cr_expect(b->devices[0].public.revoked);
	cr_expect_eq(enroll(b, 2, &device_b, NOW), STORE_SPENT);
}

static void chains(struct bench *b)
{
	struct id chain = { 0 }, heads[4] = { 0 };
	join(b);
	account(b, 0);
	cr_expect(id_zero(&b->last.chain));
	for (uint64_t i = 1; i <= 3; i++) {
		struct change c = change_of(i, 1, i - 1, "x");
		struct buf record = { 0 };
		wire_put_change(&record, &c);
		chain = heads[i] = wire_chain(&chain, i, &device_a, EPOCH, buf_view(&record));
		buf_finish(&record);
		append(b, &device_a, c);
	}
	for (uint64_t i = 0; i <= 3; i++) {
		account(b, i);
		cr_expect(id_equal(&b->last.chain, &heads[i]), "at %lu", (unsigned long)i);
	}
	account(b, 4);
	cr_expect(id_zero(&b->last.chain));
	read_from(b, 1, 1000);
	for (size_t i = 0; i < 3; i++)
		cr_expect(id_equal(&b->entries[i].chain, &heads[i + 1]));
	b->store->ops->account(b->store, 5, "nobody", 0);
	pump(b, 1);
	cr_expect_eq(b->last.status, STORE_ABSENT);
}

static void notes(struct bench *b)
{
	struct id hub, again;
	cr_expect_null(b->store->ops->noted(b->store, "url"));
	cr_expect(b->store->ops->note(b->store, "url", "ws://one"));
	cr_expect(b->store->ops->note(b->store, "url", "ws://two"));
	char *value = b->store->ops->noted(b->store, "url");
	cr_expect_str_eq(value, "ws://two");
	free(value);
	b->store->ops->hub_id(b->store, &hub);
	b->store->ops->hub_id(b->store, &again);
	cr_expect_not(id_zero(&hub));
	cr_expect(id_equal(&hub, &again));
}

static void accounts_are_apart(struct bench *b)
{
	struct id other = { { 0xc } };
	join(b);
	cr_assert_eq(invite(b, "other", 9, NOW + 1000), STORE_OK);
	cr_assert_eq(enroll(b, 9, &other, NOW), STORE_OK);
	for (uint64_t i = 1; i <= 3; i++) {
		struct change c = change_of(i, 1, i - 1, "x");
		b->store->ops->append(b->store, 1, "me", &device_a, EPOCH, &c, 1, NOW);
		b->store->ops->append(b->store, 2, "other", &other, EPOCH, &c, 1, NOW);
	}
	pump(b, 6);
	expect_verdict(b->verdicts[0], VERDICT_APPENDED, 3);
	b->store->ops->read(b->store, 4, "other", 1, 100000);
	pump(b, 1);
	cr_assert_eq(b->last.entry_count, 3);
	cr_expect(id_equal(&b->entries[2].device, &other));
	account(b, 0);
	cr_expect_eq(b->last.device_count, 2);
	cr_expect_eq(b->last.head, 3);
}

static const struct {
	const char *name;
	void (*run)(struct bench *b);
} conformance[] = {
	{ "appends", appends },
	{ "links", links },
	{ "batches", batches },
	{ "reads", reads },
	{ "large bodies", large_bodies },
	{ "parts ahead", parts_ahead },
	{ "invites", invites },
	{ "devices", devices },
	{ "chains", chains },
	{ "notes", notes },
	{ "accounts are apart", accounts_are_apart },
};

static void conform(const char *kind)
{
	for (size_t i = 0; i < sizeof conformance / sizeof *conformance; i++) {
		struct bench *b = bench_create(kind);
		conformance[i].run(b);
		bench_destroy(b);
	}
}

Test(store, memory)
{
	conform("memory");
}

Test(store, sqlite)
{
	conform("sqlite");
}

Test(store, simulated)
{
	conform("simulated memory");
	conform("simulated sqlite");
}

/* ---- SQLite alone ---- */

static void count_answers(void *ctx, const struct store_answer *a)
{
	int *out = ctx;
	uint64_t seq = a->verdict_count ? a->verdicts[0].seq : 0;
	if (seq && write(*out, &seq, sizeof seq) != sizeof seq)
		_exit(3);
}

/* Appends as fast as it can, and tells each number as soon as it is answered, until it is killed. */
static void append_for_ever(const char *url, int out)
{
	struct store *s = store_open(url, NULL);
	if (!s)
		_exit(2);
	s->answer = count_answers;
	s->answer_ctx = &out;
	for (uint64_t i = 1;; i++) {
		struct change c = change_of(i, (uint8_t)i, i > 256 ? i - 256 : 0, "something to keep");
		s->ops->append(s, i, "me", &device_a, EPOCH, &c, 1, NOW);
		if (i % 3 == 0)
			s->ops->pump(s);
	}
}

Test(store, sqlite_keeps_what_it_answered_when_killed)
{
	struct bench *b = bench_create("sqlite");
	join(b);
	uint64_t answered_last = 0, seq;
	for (int round = 0; round < 4; round++) {
		int pipes[2];
		store_close(b->store);
		b->store = NULL;
		cr_assert_eq(pipe(pipes), 0);
		pid_t child = fork();
		if (child == 0) {
			close(pipes[0]);
			append_for_ever(b->url, pipes[1]);
			_exit(0);
		}
		close(pipes[1]);
		for (int i = 0; i < 300 && read(pipes[0], &seq, sizeof seq) == sizeof seq; i++)
			answered_last = seq > answered_last ? seq : answered_last;
		kill(child, SIGKILL);
		while (read(pipes[0], &seq, sizeof seq) == sizeof seq) /* answered before it died */
			answered_last = seq > answered_last ? seq : answered_last;
		close(pipes[0]);
		waitpid(child, NULL, 0);
		reopen(b);
		account(b, 0);
		cr_expect_geq(b->last.head, answered_last);
		uint64_t head = b->last.head;
		struct id chain = { 0 };
		for (uint64_t next = 1; next <= head;) { /* whole, without gaps, and its chain holds */
			read_from(b, next, 5000);
			cr_assert(b->last.entry_count > 0);
			for (size_t i = 0; i < b->last.entry_count; i++, next++) {
				struct buf record = { 0 };
				struct change c = b->entries[i].change;
				c.body = buf_view(&b->bodies[i]);
				wire_put_change(&record, &c);
				chain = wire_chain(&chain, next, &device_a, EPOCH, buf_view(&record));
				cr_assert_eq(b->entries[i].seq, next);
				cr_assert(id_equal(&chain, &b->entries[i].chain));
				buf_finish(&record);
			}
		}
	}
	cr_expect_gt(answered_last, 0);
	bench_destroy(b);
}

Test(store, sqlite_comes_back)
{
	struct bench *b = bench_create("sqlite");
	struct id hub, again;
	join(b);
	append(b, &device_a, change_of(1, 1, 0, "one"));
	b->store->ops->cursor(b->store, "me", &device_a, 1, NOW);
	while (b->store->ops->pump(b->store))
		;
	b->store->ops->hub_id(b->store, &hub);
	reopen(b);
	b->store->ops->hub_id(b->store, &again);
	cr_expect(id_equal(&hub, &again));
	expect_verdict(append(b, &device_a, change_of(1, 1, 0, "one")), VERDICT_DUPLICATE, 1);
	expect_verdict(append(b, &device_b, change_of(1, 1, 0, "late")), VERDICT_STALE, 1);
	account(b, 1);
	cr_expect_not(id_zero(&b->last.chain));
	for (int i = 0; i < 2; i++)
		if (id_equal(&b->devices[i].public.device, &device_a))
			cr_expect_eq(b->devices[i].public.cursor, 1);
	bench_destroy(b);
}

static int rows_in(struct bench *b, const char *sql)
{
	char path[256];
	sqlite3 *db;
	sqlite3_stmt *st;
	snprintf(path, sizeof path, "%s/hub.db", b->folder);
	cr_assert(sqlite3_open(path, &db) == SQLITE_OK && sqlite3_prepare_v2(db, sql, -1, &st, NULL) == SQLITE_OK);
	cr_assert_eq(sqlite3_step(st), SQLITE_ROW);
	int count = sqlite3_column_int(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(db);
	return count;
}

/* What nobody appends goes away again, a few rows with each write, also after a restart. */
Test(store, sqlite_clears_up_after_uploads)
{
	enum { ROW = 65536, ROWS = 150 };
	struct bench *b = bench_create("sqlite");
	uint8_t *body = mem_alloc(ROWS * ROW);
	struct change c = change_of(1, 1, 0, "");
	join(b);
	part(b, 1, 0, span_of(body, ROWS * ROW));
	cr_expect_eq(rows_in(b, "SELECT count(*) FROM bodies"), ROWS);
	c.body = span_of(body, ROWS * ROW);
	expect_verdict(append(b, &device_a, c), VERDICT_APPENDED, 1);
	cr_expect_eq(rows_in(b, "SELECT count(*) FROM bodies"), ROWS, "none is written twice");
	cr_expect_eq(rows_in(b, "SELECT count(*) FROM uploads"), 0);
	part(b, 2, 0, span_of(body, ROWS * ROW));
	part(b, 3, 0, span_of(body, ROW));
	reopen(b);
	struct store *visitor = store_visit(b->url, &(struct err){ 0 });
	visitor->ops->hub_id(visitor, &c.item);
	store_close(visitor);
	cr_expect_eq(rows_in(b, "SELECT count(*) FROM bodies"), 2 * ROWS + 1, "a visitor takes nothing away");
	for (uint64_t i = 10; i < 20; i++)
		append(b, &device_a, change_of(i, (uint8_t)i, 0, "small"));
	cr_expect_eq(rows_in(b, "SELECT count(*) FROM bodies"), ROWS);
	cr_expect_eq(rows_in(b, "SELECT count(*) FROM uploads"), 0);
	same_body(b, 1, c.body);
	free(body);
	bench_destroy(b);
}

/* Entries of the first format stay as they are. */
Test(store, sqlite_of_the_first_format)
{
	enum { ROW = 65536, LEN = 3 * ROW };
	struct bench *b = bench_create("sqlite");
	char path[256];
	sqlite3 *db;
	uint8_t *body = mem_alloc(LEN);
	struct change c = change_of(1, 1, 0, "");
	memset(body, 5, LEN);
	c.body = span_of(body, LEN);
	join(b);
	append(b, &device_a, c);
	store_close(b->store);
	b->store = NULL;
	snprintf(path, sizeof path, "%s/hub.db", b->folder);
	cr_assert(sqlite3_open(path, &db) == SQLITE_OK);
	cr_assert_eq(sqlite3_exec(db, "UPDATE bodies SET place = (SELECT place FROM large);"
	                              "DROP TABLE large; DROP TABLE uploads; PRAGMA user_version = 1", NULL, NULL, NULL),
	             SQLITE_OK);
	sqlite3_close(db);
	reopen(b);
	same_body(b, 1, c.body);
	expect_verdict(append(b, &device_a, c), VERDICT_DUPLICATE, 1);
	c.counter = 2, c.base = 1;
	expect_verdict(append(b, &device_a, c), VERDICT_APPENDED, 2);
	same_body(b, 2, c.body);
	free(body);
	bench_destroy(b);
}

Test(store, sqlite_serves_one_hub_and_visitors)
{
	struct bench *b = bench_create("sqlite");
	struct err e = { 0 };
	struct store *second = store_open(b->url, &e);
	cr_expect_null(second);
	cr_expect(strstr(e.why, "another hub"), "%s", e.why);
	struct store *visitor = store_visit(b->url, &e);
	cr_assert_not_null(visitor, "%s", e.why);
	uint8_t hash[MESSAGE_TOKEN];
	token(hash, 1);
	visitor->ops->invite(visitor, 1, "me", hash, NOW + 1000, NOW);
	visitor->ops->pump(visitor);
	cr_expect_eq(enroll(b, 1, &device_a, NOW), STORE_OK, "the running hub sees it at once");
	store_close(visitor);
	bench_destroy(b);
}

static void damage(struct bench *b, long from, const char *bytes, size_t len)
{
	char path[256];
	snprintf(path, sizeof path, "%s/hub.db", b->folder);
	int fd = open(path, O_WRONLY);
	cr_assert_eq(pwrite(fd, bytes, len, from), (ssize_t)len);
	close(fd);
}

Test(store, sqlite_says_what_is_wrong_with_a_file)
{
	struct bench *b = bench_create("sqlite");
	struct err e = { 0 };
	char path[256], garbage[8192];
	snprintf(path, sizeof path, "%s/hub.db", b->folder);
	join(b);
	store_close(b->store);
	b->store = NULL;

	chmod(path, 0644);
	cr_expect_null(store_open(b->url, &e));
	cr_expect(strstr(e.fix, "chmod 600"), "%s", e.fix);
	chmod(path, 0600);

	memset(garbage, 0x5a, sizeof garbage);
	damage(b, 0, garbage, 100);
	e = (struct err){ 0 };
	cr_expect_null(store_open(b->url, &e));
	cr_expect(strstr(e.why, "damaged"), "%s", e.why);
	cr_expect(strstr(e.fix, "backup"), "%s", e.fix);
	cr_expect_null(store_open("sqlite:/nowhere/at/all/hub.db", &e));
	cr_expect_null(store_open("redis:", &e));
	bench_destroy(b);
}

Test(store, sqlite_checks_itself_after_a_crash)
{
	struct bench *b = bench_create("sqlite");
	struct err e = { 0 };
	char garbage[4096];
	join(b);
	for (uint64_t i = 1; i <= 400; i++) {
		struct change c =
		        change_of(i, (uint8_t)i, i > 256 ? i - 256 : 0, "something to keep, and a little more of it");
		b->store->ops->append(b->store, i, "me", &device_a, EPOCH, &c, 1, NOW);
	}
	while (b->store->ops->pump(b->store))
		;
	store_close(b->store);
	b->store = NULL;
	pid_t child = fork();
	if (child == 0) { /* a hub that does not end cleanly */
		store_open(b->url, NULL);
		_exit(0);
	}
	waitpid(child, NULL, 0);
	struct store *whole = store_visit(b->url, &e); /* brings the log of writes into the file */
	cr_assert_not_null(whole);
	store_close(whole);
	memset(garbage, 0x5a, sizeof garbage);
	damage(b, 20 * 4096, garbage, sizeof garbage);
	cr_expect_null(store_open(b->url, &e));
	cr_expect(strstr(e.why, "damaged"), "%s", e.why);
	bench_destroy(b);
}

/* A disk that takes no more: nothing of the batch is kept, reads go on, and when there is room again so does
 * everything. */
Test(store, sqlite_on_a_full_disk)
{
	struct bench *b = bench_create("sqlite");
	char *body = mem_alloc(60001);
	struct rlimit limit, small;
	join(b);
	memset(body, 'x', 60000);
	expect_verdict(append(b, &device_a, change_of(1, 1, 0, "before")), VERDICT_APPENDED, 1);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &limit);
	small = limit;
	small.rlim_cur = 400000;
	setrlimit(RLIMIT_FSIZE, &small);
	struct change c[8];
	for (uint64_t i = 0; i < 8; i++)
		c[i] = change_of(10 + i, (uint8_t)(10 + i), 0, body);
	b->store->ops->append(b->store, 1, "me", &device_a, EPOCH, c, 8, NOW);
	b->store->ops->append(b->store, 2, "me", &device_b, EPOCH, c, 1, NOW);
	b->store->ops->read(b->store, 3, "me", 1, 1000);
	pump(b, 3);
	cr_expect_eq(b->last.status, STORE_OK, "reads go on");
	cr_expect_eq(b->last.head, 1, "nothing of the batch");
	b->store->ops->append(b->store, 4, "me", &device_a, EPOCH, c, 8, NOW);
	pump(b, 1);
	cr_expect_eq(b->last.status, STORE_BUSY);
	cr_expect_eq(b->last.verdict_count, 0);
	cr_expect_eq(b->last.change_count, 8);
	cr_expect(b->last.text[0]);
	setrlimit(RLIMIT_FSIZE, &limit);
	b->store->ops->append(b->store, 5, "me", &device_a, EPOCH, c, 8, NOW);
	pump(b, 1);
	cr_assert_eq(b->last.status, STORE_OK);
	for (size_t i = 0; i < 8; i++)
		expect_verdict(b->verdicts[i], VERDICT_APPENDED, i + 2);
	reopen(b);
	account(b, 0);
	cr_expect_eq(b->last.head, 9);
	free(body);
	bench_destroy(b);
}

Test(store, sqlite_is_private)
{
	struct bench *b = bench_create("sqlite");
	struct stat st;
	char path[256];
	umask(0);
	join(b);
	static const char *const names[] = { "hub.db", "hub.db-wal", "hub.db-shm", "hub.db.lock" };
	for (int i = 0; i < 4; i++) {
		snprintf(path, sizeof path, "%s/%s", b->folder, names[i]);
		cr_expect_eq(stat(path, &st), 0, "%s", path);
		cr_expect_eq(st.st_mode & 0777, 0600, "%s is %o", path, st.st_mode & 0777);
	}
	bench_destroy(b);
}

/* The hub's core over the store in memory, with a world that records what each connection was told. */
#include <criterion/criterion.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "hub/core/hub_core.h"
#include "hub/core/limits.h"
#include "hub/store/backends.h"

#define LINES 32
#define WALL  1800000000000LL

/* ---- the world ---- */

struct told { /* one record or message that a connection got */
	bool text;
	struct record record;
	struct message message;
	struct blob bytes; /* of the record's body or slice */
};

struct line { /* a connection, seen from the device */
	bool open, closed_by_hub;
	char reason[64];
	struct told *told;
	size_t count, cap, seen, frames;
	size_t backlog;
	bool stuck;  /* reads nothing: its backlog grows */
	uint64_t at; /* its place in the log, checked for gaps */
	struct id writers[WIRE_WRITERS_MAX];
	uint64_t writer_epochs[WIRE_WRITERS_MAX];
	uint64_t part_seq, part_len; /* of ENTRY_PARTs under way */
};

struct key {
	uint8_t public[MESSAGE_PUBLIC], secret[crypto_sign_SECRETKEYBYTES];
	struct id id;
};

struct fixture {
	struct store *store;
	struct hub_core *core;
	uint64_t now_ms;
	struct line lines[LINES]; /* by connection number */
	uint64_t last;
	struct rng rng;
	bool epoch_is_number; /* in this test's log */
};

static struct fixture *the;

static void hear_record(struct line *l, const struct record *r)
{
	switch (r->type) {
	case RECORD_WRITER:
		l->writers[r->writer] = r->device;
		l->writer_epochs[r->writer] = r->epoch;
		break;
	case RECORD_ENTRY:
		cr_assert_not(id_zero(&l->writers[r->writer]), "a writer without an introduction");
		cr_assert_eq(r->seq, l->at + 1, "entry %lu after %lu", (unsigned long)r->seq, (unsigned long)l->at);
		if (r->change.flags & CHANGE_PARTED)
			cr_assert_eq(l->part_seq, r->seq);
		cr_assert(!the->epoch_is_number || l->writer_epochs[r->writer] == r->seq);
		l->at = r->seq;
		break;
	case RECORD_CONFIRM:
		if (r->seq > l->at) /* else the repeated answer to a repetition */
			cr_assert_eq(r->seq, l->at + 1, "confirmation %lu after %lu", (unsigned long)r->seq,
			             (unsigned long)l->at);
		l->at = r->seq > l->at ? r->seq : l->at;
		break;
	case RECORD_ENTRY_PART:
		cr_assert_eq(r->seq, l->at + 1);
		if (r->offset == 0)
			l->part_len = 0;
		cr_assert_eq(r->offset, l->part_len);
		l->part_seq = r->seq;
		l->part_len += r->bytes.len;
		break;
	case RECORD_RECEIPT:
	case RECORD_PRESENCE:
		cr_assert_not(id_zero(&l->writers[r->writer]), "a writer without an introduction");
		break;
	default:
		break;
	}
}

static struct told *keep(struct line *l)
{
	MEM_ROOM(l->told, l->count, l->cap);
	l->told[l->count] = (struct told){ 0 };
	return &l->told[l->count++];
}

static void world_send(void *ctx, uint64_t conn, bool text, struct span frame)
{
	struct fixture *f = ctx;
	struct line *l = &f->lines[conn];
	cr_assert(conn < LINES && l->open);
	cr_assert_leq(frame.len, text ? WIRE_CONTROL_MAX : WIRE_FRAME_MAX / 2 + 128);
	l->frames++;
	if (l->stuck)
		l->backlog += frame.len;
	if (text) {
		struct told *t = keep(l);
		struct err e = { 0 };
		t->text = true;
		cr_assert(message_get(&t->message, frame.data, frame.len, &e), "%s", e.why);
		return;
	}
	struct record r;
	struct reader in = reader_of(frame);
	int more;
	while ((more = wire_next(&in, &r)) == 1) {
		hear_record(l, &r);
		struct told *t = keep(l);
		t->record = r;
		t->bytes = blob_copy(r.change.body.len ? r.change.body.data : r.bytes.data,
		                     r.change.body.len + r.bytes.len);
	}
	cr_assert_eq(more, 0, "the hub sent a malformed frame");
}

static size_t world_backlog(void *ctx, uint64_t conn)
{
	return ((struct fixture *)ctx)->lines[conn].backlog;
}

static void world_close(void *ctx, uint64_t conn, const char *reason)
{
	struct line *l = &((struct fixture *)ctx)->lines[conn];
	cr_assert(l->open);
	l->closed_by_hub = true;
	snprintf(l->reason, sizeof l->reason, "%s", reason);
}

static void world_entropy(void *ctx, void *out, size_t len)
{
	for (size_t i = 0; i < len; i++)
		((uint8_t *)out)[i] = (uint8_t)rng_next(&((struct fixture *)ctx)->rng);
}

static void world_log(void *ctx, const char *level, const char *text)
{
	(void)ctx;
	(void)level;
	(void)text;
}

/* ---- driving ---- */

static void flush(void)
{
	hub_core_flush(the->core, the->now_ms, WALL + (int64_t)the->now_ms);
	while (hub_core_deadline(the->core) == 0)
		hub_core_flush(the->core, the->now_ms, WALL + (int64_t)the->now_ms);
}

/* Without the end of the turn. */
static void event(enum hub_event_type type, uint64_t conn, struct span bytes)
{
	hub_core_step(the->core, &(struct hub_event){ type, conn, the->now_ms, WALL + (int64_t)the->now_ms, bytes });
}

static void step(enum hub_event_type type, uint64_t conn, struct span bytes)
{
	event(type, conn, bytes);
	flush();
	for (uint64_t i = 1; i <= the->last; i++)
		if (the->lines[i].closed_by_hub && the->lines[i].open) {
			the->lines[i].open = false;
			event(HUB_CLOSED, i, span_of(NULL, 0));
			flush();
		}
}

static void start_core(void)
{
	struct hub_world w = { the, world_send, world_backlog, world_close, world_entropy, world_log };
	the->core = hub_core_create(&w, the->store);
}

static void setup(void)
{
	cr_assert(sodium_init() >= 0);
	the = mem_alloc(sizeof *the);
	the->now_ms = 1000;
	rng_seed(&the->rng, 1);
	the->store = store_memory_create();
	start_core();
}

static void teardown(void)
{
	for (int i = 0; i < LINES; i++) {
		struct line *l = &the->lines[i];
		l->open = true; /* presence of those that end later may still be told it */
		l->stuck = false;
	}
	hub_core_destroy(the->core);
	for (int i = 0; i < LINES; i++) {
		for (size_t k = 0; k < the->lines[i].count; k++) {
			blob_finish(&the->lines[i].told[k].bytes);
			message_finish(&the->lines[i].told[k].message);
		}
		free(the->lines[i].told);
	}
	store_close(the->store);
	free(the);
}

TestSuite(hub, .init = setup, .fini = teardown);

/* What the connection was told since the last look, of one kind. */
static struct record *record_told(uint64_t conn, enum record_type type)
{
	struct line *l = &the->lines[conn];
	for (; l->seen < l->count; l->seen++)
		if (!l->told[l->seen].text && l->told[l->seen].record.type == type)
			return &l->told[l->seen++].record;
	return NULL;
}

static struct message *message_told(uint64_t conn, enum message_type type)
{
	struct line *l = &the->lines[conn];
	for (; l->seen < l->count; l->seen++)
		if (l->told[l->seen].text && l->told[l->seen].message.type == type)
			return &l->told[l->seen++].message;
	return NULL;
}

static size_t count_told(uint64_t conn, enum record_type type)
{
	size_t count = 0;
	for (size_t i = 0; i < the->lines[conn].count; i++)
		count += !the->lines[conn].told[i].text && the->lines[conn].told[i].record.type == type;
	return count;
}

static struct key key_of(uint8_t n)
{
	struct key k;
	uint8_t seed[crypto_sign_SEEDBYTES] = { n };
	crypto_sign_seed_keypair(k.public, k.secret, seed);
	k.id = message_device_id(k.public);
	return k;
}

static void send_message(uint64_t conn, const struct message *m)
{
	struct blob text = message_put(m);
	step(HUB_TEXT, conn, span_blob(&text));
	blob_finish(&text);
}

static void sign(const struct key *k, uint64_t conn, struct message *m)
{
	const struct message *c = NULL;
	for (size_t i = 0; i < the->lines[conn].count && !c; i++)
		if (the->lines[conn].told[i].text && the->lines[conn].told[i].message.type == MESSAGE_AUTH_CHALLENGE)
			c = &the->lines[conn].told[i].message;
	cr_assert_not_null(c);
	struct blob part = message_signed_part(m, c->nonce, &c->hub);
	crypto_sign_detached(m->signature, NULL, part.data, part.len, k->secret);
	blob_finish(&part);
}

static uint64_t open_line(void)
{
	uint64_t conn = ++the->last;
	cr_assert(conn < LINES);
	the->lines[conn].open = true;
	step(HUB_OPENED, conn, span_of(NULL, 0));
	return conn;
}

static void hang_up(uint64_t conn)
{
	the->lines[conn].open = false;
	step(HUB_CLOSED, conn, span_of(NULL, 0));
}

static void hub_invite(const char *account, uint8_t n, int64_t expires_ms)
{
	uint8_t token[MESSAGE_TOKEN], hash[MESSAGE_TOKEN];
	memset(token, n, sizeof token);
	message_token_hash(hash, token);
	the->store->ops->invite(the->store, 0, account, hash, expires_ms, WALL);
	flush();
}

static struct message *enroll(uint64_t conn, const struct key *k, uint8_t n)
{
	struct message m = { .type = MESSAGE_ENROLL };
	memcpy(m.public_key, k->public, MESSAGE_PUBLIC);
	memset(m.token, n, sizeof m.token);
	m.name = blob_copy("sealed", 6);
	sign(k, conn, &m);
	send_message(conn, &m);
	message_finish(&m);
	return message_told(conn, MESSAGE_AUTH_RESPONSE);
}

static struct message *authenticate(uint64_t conn, const struct key *k, uint64_t epoch, uint64_t cursor)
{
	struct message m = { .type = MESSAGE_AUTH, .device = k->id, .epoch = epoch, .cursor = cursor };
	sign(k, conn, &m);
	the->lines[conn].at = cursor;
	send_message(conn, &m);
	for (size_t i = 0; i < the->lines[conn].count; i++)
		if (the->lines[conn].told[i].text && the->lines[conn].told[i].message.type == MESSAGE_AUTH_RESPONSE)
			return &the->lines[conn].told[i].message;
	return NULL;
}

/* A device of the account, enrolled with its own invite. */
static struct key member(const char *account, uint8_t n)
{
	struct key k = key_of(n);
	hub_invite(account, n, WALL + 1000000000);
	uint64_t conn = open_line();
	struct message *answer = enroll(conn, &k, n);
	cr_assert(answer && answer->ok);
	hang_up(conn);
	return k;
}

static uint64_t connect_at(const struct key *k, uint64_t epoch, uint64_t cursor)
{
	uint64_t conn = open_line();
	struct message *answer = authenticate(conn, k, epoch, cursor);
	cr_assert(answer && answer->ok, "%s", answer ? answer->text : "no answer");
	return conn;
}

static struct change change_of(uint64_t counter, uint8_t item, uint64_t base, const char *body)
{
	return (struct change){ .counter = counter,
		                .item = { { item } },
		                .base = base,
		                .version = { { (uint8_t)counter, 9 } },
		                .edited = counter,
		                .body = span_text(body) };
}

static void put_change(struct buf *out, struct change c)
{
	wire_put(out, &(struct record){ .type = RECORD_CHANGE, .change = c });
}

static void send_buf(uint64_t conn, struct buf *out)
{
	step(HUB_BINARY, conn, buf_view(out));
	buf_clear(out);
}

static void send_change(uint64_t conn, struct change c)
{
	struct buf out = { 0 };
	put_change(&out, c);
	send_buf(conn, &out);
	buf_finish(&out);
}

static void send_record(uint64_t conn, struct record r)
{
	struct buf out = { 0 };
	wire_put(&out, &r);
	send_buf(conn, &out);
	buf_finish(&out);
}

/* ---- admission ---- */

Test(hub, greets_with_a_challenge)
{
	uint64_t one = open_line(), two = open_line();
	struct message *a = message_told(one, MESSAGE_AUTH_CHALLENGE), *b = message_told(two, MESSAGE_AUTH_CHALLENGE);
	cr_assert(a && b);
	cr_expect_eq(a->protocol, WIRE_PROTOCOL);
	cr_expect_neq(memcmp(a->nonce, b->nonce, MESSAGE_NONCE), 0);
}

Test(hub, admits_a_member)
{
	struct key k = member("me", 1);
	uint64_t conn = open_line();
	struct message *m = authenticate(conn, &k, 5, 0);
	cr_assert(m && m->ok);
	cr_expect_str_eq(m->account, "me");
	cr_expect_eq(m->head, 0);
	cr_expect_eq(m->counter, 0);
	cr_expect_not(m->epoch_known);
	cr_assert_eq(m->device_count, 1);
	cr_expect(id_equal(&m->devices[0].device, &k.id));
	cr_expect(m->devices[0].online);
}

Test(hub, enrolled_may_go_on_in_the_same_connection)
{
	struct key k = key_of(1);
	hub_invite("me", 1, WALL + 10000);
	uint64_t conn = open_line();
	struct message *m = enroll(conn, &k, 1);
	cr_assert(m && m->ok);
	cr_expect_str_eq(m->account, "me");
	struct message auth = { .type = MESSAGE_AUTH, .device = k.id, .epoch = 1 };
	sign(&k, conn, &auth);
	send_message(conn, &auth);
	m = message_told(conn, MESSAGE_AUTH_RESPONSE);
	cr_assert(m && m->ok);
	cr_expect(the->lines[conn].open);
}

static void expect_refusal(uint64_t conn, const char *code)
{
	struct line *l = &the->lines[conn];
	const char *got = "nothing";
	for (size_t i = 0; i < l->count; i++)
		if (l->told[i].text && (l->told[i].message.type == MESSAGE_ERROR_REPORT ||
		                        (l->told[i].message.type == MESSAGE_AUTH_RESPONSE && !l->told[i].message.ok))) {
			got = l->told[i].message.code;
			cr_expect(l->told[i].message.text[0], "no sentence");
		}
	cr_expect_str_eq(got, code);
	cr_expect(l->closed_by_hub);
}

Test(hub, refuses_strangers)
{
	struct key k = member("me", 1), stranger = key_of(2);
	uint64_t conn = open_line();
	authenticate(conn, &stranger, 1, 0);
	expect_refusal(conn, "unknown-device");

	conn = open_line();
	struct key thief = stranger;
	thief.id = k.id;
	authenticate(conn, &thief, 1, 0);
	expect_refusal(conn, "bad-signature");

	conn = open_line(); /* a signature for another nonce */
	uint64_t other = open_line();
	struct message m = { .type = MESSAGE_AUTH, .device = k.id, .epoch = 1 };
	sign(&k, other, &m);
	send_message(conn, &m);
	expect_refusal(conn, "bad-signature");
	cr_expect(the->lines[other].open);

	conn = open_line(); /* a cursor that was not signed */
	sign(&k, conn, &m);
	m.cursor = 1;
	send_message(conn, &m);
	expect_refusal(conn, "bad-signature");
}

Test(hub, refuses_bad_invites)
{
	struct key a = key_of(1), b = key_of(2);
	hub_invite("me", 1, WALL + 500);
	the->now_ms = 600;
	uint64_t conn = open_line();
	enroll(conn, &a, 1);
	expect_refusal(conn, "expired-invite");
	the->now_ms = 1000;
	hub_invite("me", 2, WALL + 100000);
	conn = open_line();
	cr_assert(enroll(conn, &a, 2)->ok);
	conn = open_line();
	enroll(conn, &b, 2);
	expect_refusal(conn, "spent-invite");
	conn = open_line();
	cr_assert(enroll(conn, &a, 2)->ok, "a repetition");
	conn = open_line();
	enroll(conn, &b, 77);
	expect_refusal(conn, "spent-invite");
	conn = open_line();
	struct message m = { .type = MESSAGE_ENROLL };
	memcpy(m.public_key, b.public, MESSAGE_PUBLIC);
	sign(&a, conn, &m);
	send_message(conn, &m);
	expect_refusal(conn, "bad-signature");
}

Test(hub, devices_invite_devices)
{
	struct key a = member("me", 1), b = key_of(2);
	uint64_t conn = connect_at(&a, 1, 0);
	struct message m = { .type = MESSAGE_INVITE, .expires_ms = WALL + 60000 };
	uint8_t token[MESSAGE_TOKEN];
	memset(token, 50, sizeof token);
	message_token_hash(m.token_hash, token);
	send_message(conn, &m);
	struct message *answer = message_told(conn, MESSAGE_INVITED);
	cr_assert(answer);
	cr_expect_str_eq(answer->text, "");
	m.expires_ms = WALL - 5;
	send_message(conn, &m);
	answer = message_told(conn, MESSAGE_INVITED);
	cr_assert(answer);
	cr_expect_neq(answer->text[0], 0);

	uint64_t second = open_line();
	answer = enroll(second, &b, 50);
	cr_assert(answer && answer->ok);
	cr_expect_eq(answer->device_count, 2);
	answer = message_told(conn, MESSAGE_DEVICES);
	cr_assert(answer, "the others hear of it");
	cr_expect_eq(answer->device_count, 2);
}

Test(hub, revoked_are_shut_out_at_once)
{
	struct key a = member("me", 1), b = member("me", 2), c = member("other", 3);
	uint64_t one = connect_at(&a, 1, 0), two = connect_at(&b, 1, 0), elsewhere = connect_at(&c, 1, 0);
	struct message m = { .type = MESSAGE_REVOKE, .device = c.id };
	send_message(one, &m);
	cr_expect(the->lines[elsewhere].open, "other accounts are not ours to touch");
	m.device = b.id;
	send_message(one, &m);
	expect_refusal(two, "revoked");
	struct message *list = NULL, *next;
	while ((next = message_told(one, MESSAGE_DEVICES)))
		list = next;
	cr_assert(list);
	for (size_t i = 0; i < list->device_count; i++)
		cr_expect_eq(list->devices[i].revoked, id_equal(&list->devices[i].device, &b.id));
	uint64_t again = open_line();
	authenticate(again, &b, 1, 0);
	expect_refusal(again, "revoked");
}

Test(hub, one_connection_a_device)
{
	struct key a = member("me", 1), b = member("me", 2);
	uint64_t watcher = connect_at(&b, 1, 0), one = connect_at(&a, 1, 0);
	the->lines[watcher].seen = the->lines[watcher].count;
	uint64_t two = connect_at(&a, 1, 0);
	expect_refusal(one, "replaced");
	cr_expect(the->lines[two].open);
	struct record *r;
	while ((r = record_told(watcher, RECORD_PRESENCE)))
		cr_expect(r->online, "it never went away");
	send_change(two, change_of(1, 1, 0, "x"));
	cr_expect(record_told(two, RECORD_CONFIRM));
}

Test(hub, limits_before_authentication)
{
	uint8_t *bytes = mem_alloc(WIRE_UNAUTHENTICATED_MAX + 1);
	memset(bytes, ' ', WIRE_UNAUTHENTICATED_MAX + 1);
	uint64_t conn = open_line();
	cr_expect_eq(hub_core_limit(the->core, conn), WIRE_UNAUTHENTICATED_MAX);
	step(HUB_TEXT, conn, span_of(bytes, WIRE_UNAUTHENTICATED_MAX + 1));
	expect_refusal(conn, "too-large");
	conn = open_line();
	send_record(conn, (struct record){ .type = RECORD_PING });
	expect_refusal(conn, "malformed");
	conn = open_line();
	step(HUB_TEXT, conn, span_text("hello"));
	expect_refusal(conn, "malformed");
	conn = open_line();
	struct message m = { .type = MESSAGE_REVOKE };
	send_message(conn, &m);
	expect_refusal(conn, "malformed");
	conn = open_line();
	step(HUB_TEXT, conn,
	     span_text("{\"type\":\"Auth\",\"protocol\":2,\"device\":\"101112131415161718191a1b1c1d1e1f\",\"epoch\":"
	               "\"0000000000000000\",\"cursor\":0,\"chain\":\"00000000000000000000000000000000\",\"signature\":"
	               "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}"));
	expect_refusal(conn, "protocol");

	conn = open_line();
	uint64_t deadline = hub_core_deadline(the->core);
	cr_expect_eq(deadline, the->now_ms + HUB_AUTH_MS);
	the->now_ms = deadline - 1;
	step(HUB_TICK, 0, span_of(NULL, 0));
	cr_expect(the->lines[conn].open);
	the->now_ms = deadline;
	step(HUB_TICK, 0, span_of(NULL, 0));
	expect_refusal(conn, "timeout");
	cr_expect_eq(hub_core_deadline(the->core), UINT64_MAX);
	free(bytes);
}

Test(hub, silence_ends_a_connection)
{
	struct key a = member("me", 1), b = member("me", 2);
	uint64_t quiet = connect_at(&a, 1, 0), lively = connect_at(&b, 1, 0);
	the->now_ms += 60000;
	send_record(lively, (struct record){ .type = RECORD_PING, .sent_ms = 5 });
	the->now_ms += 30000;
	step(HUB_TICK, 0, span_of(NULL, 0));
	expect_refusal(quiet, "timeout");
	cr_expect(the->lines[lively].open);
	struct record *r = record_told(lively, RECORD_PRESENCE);
	cr_assert(r);
	cr_expect_not(r->online);
}

/* ---- the log ---- */

Test(hub, confirms_and_fans_out)
{
	struct key a = member("me", 1), b = member("me", 2), c = member("other", 3);
	uint64_t one = connect_at(&a, 11, 0), two = connect_at(&b, 22, 0), elsewhere = connect_at(&c, 1, 0);
	send_change(one, change_of(1, 1, 0, "first"));
	struct record *r = record_told(one, RECORD_CONFIRM);
	cr_assert(r);
	cr_expect_eq(r->seq, 1);
	cr_expect_eq(r->counter, 1);
	r = record_told(two, RECORD_ENTRY);
	cr_assert(r);
	cr_expect_eq(r->seq, 1);
	cr_expect(id_equal(&the->lines[two].writers[r->writer], &a.id));
	cr_expect_eq(the->lines[two].writer_epochs[r->writer], 11);
	cr_expect_eq(the->lines[two].told[the->lines[two].seen - 1].bytes.len, 5);
	cr_expect_eq(count_told(elsewhere, RECORD_ENTRY), 0);
	send_change(two, change_of(1, 1, 1, "second"));
	cr_expect(record_told(two, RECORD_CONFIRM));
	cr_expect(record_told(one, RECORD_ENTRY));
}

Test(hub, nothing_is_confirmed_before_it_is_durable)
{
	struct key a = member("me", 1), b = member("me", 2);
	uint64_t one = connect_at(&a, 1, 0), two = connect_at(&b, 1, 0);
	struct buf out = { 0 };
	put_change(&out, change_of(1, 1, 0, "x"));
	event(HUB_BINARY, one, buf_view(&out));
	cr_expect_eq(count_told(one, RECORD_CONFIRM), 0);
	cr_expect_eq(count_told(two, RECORD_ENTRY), 0);
	store_memory_crash(the->store); /* the hub dies here: it never happened */
	flush();
	cr_expect_eq(count_told(one, RECORD_CONFIRM) + count_told(two, RECORD_ENTRY), 0);
	buf_finish(&out);
}

Test(hub, one_frame_a_turn)
{
	struct key a = member("me", 1), b = member("me", 2);
	uint64_t one = connect_at(&a, 1, 0), two = connect_at(&b, 1, 0);
	struct buf out = { 0 };
	size_t one_frames = the->lines[one].frames, two_frames = the->lines[two].frames;
	for (uint64_t i = 1; i <= 100; i++) {
		put_change(&out, change_of(i, (uint8_t)i, 0, "x"));
		event(HUB_BINARY, one, buf_view(&out));
		buf_clear(&out);
	}
	flush();
	cr_expect_eq(the->lines[one].frames - one_frames, 1);
	cr_expect_eq(the->lines[two].frames - two_frames, 1);
	cr_expect_eq(count_told(two, RECORD_ENTRY), 100);
	buf_finish(&out);
}

Test(hub, stale_and_repeated)
{
	struct key a = member("me", 1), b = member("me", 2);
	uint64_t one = connect_at(&a, 1, 0), two = connect_at(&b, 1, 0);
	send_change(one, change_of(1, 1, 0, "one"));
	send_change(two, change_of(1, 1, 0, "other"));
	struct record *r = record_told(two, RECORD_STALE);
	cr_assert(r);
	cr_expect_eq(r->counter, 1);
	cr_expect_eq(r->seq, 1);
	the->lines[one].seen = the->lines[one].count;
	send_change(one, change_of(1, 1, 0, "one"));
	r = record_told(one, RECORD_CONFIRM);
	cr_assert(r);
	cr_expect_eq(r->seq, 1);
	send_change(one, change_of(1, 1, 0, "not the same"));
	r = record_told(one, RECORD_REFUSED);
	cr_assert(r);
	cr_expect_eq(r->code, REFUSED_IDENTITY);
	cr_expect_eq(count_told(two, RECORD_ENTRY), 1, "applied once");
	struct message *m = authenticate(open_line(), &a, 1, 1);
	cr_expect_eq(m->counter, 1);
	cr_expect(m->epoch_known);
	cr_expect_not(id_zero(&m->chain));
}

Test(hub, a_repetition_ahead_of_the_cursor_is_confirmed_once)
{
	struct key a = member("me", 1);
	uint64_t one = connect_at(&a, 1, 0);
	send_change(one, change_of(1, 1, 0, "one"));
	hang_up(one); /* the answer was lost */
	uint64_t conn = open_line();
	struct message m = { .type = MESSAGE_AUTH, .device = a.id, .epoch = 1 };
	struct blob text;
	struct buf out = { 0 };
	sign(&a, conn, &m);
	text = message_put(&m);
	step(HUB_TEXT, conn, span_blob(&text));
	put_change(&out, change_of(1, 1, 0, "one"));
	send_buf(conn, &out);
	cr_expect_leq(count_told(conn, RECORD_CONFIRM), 2);
	cr_expect_geq(count_told(conn, RECORD_CONFIRM), 1);
	cr_expect_eq(the->lines[conn].at, 1);
	blob_finish(&text);
	buf_finish(&out);
}

Test(hub, linked_changes)
{
	struct key a = member("me", 1);
	uint64_t one = connect_at(&a, 1, 0);
	struct buf out = { 0 };
	struct change second = change_of(2, 2, 0, "b"), fourth = change_of(4, 4, 0, "d");
	second.flags = fourth.flags = CHANGE_LINKED;
	put_change(&out, change_of(1, 1, 0, "a"));
	put_change(&out, second);
	put_change(&out, change_of(3, 1, 0, "stale"));
	put_change(&out, fourth);
	put_change(&out, change_of(5, 5, 0, "e"));
	send_buf(one, &out);
	cr_expect_eq(count_told(one, RECORD_CONFIRM), 3);
	cr_expect_eq(count_told(one, RECORD_STALE), 1);
	struct record *r = record_told(one, RECORD_REFUSED);
	cr_assert(r);
	cr_expect_eq(r->counter, 4);
	cr_expect_eq(r->code, REFUSED_LINK);
	/* linked to one whose body never came */
	struct change parted = change_of(6, 6, 0, "");
	parted.flags = CHANGE_PARTED;
	second = change_of(7, 7, 0, "x");
	second.flags = CHANGE_LINKED;
	put_change(&out, change_of(8, 8, 0, "x"));
	put_change(&out, parted);
	put_change(&out, second);
	send_buf(one, &out);
	r = record_told(one, RECORD_REFUSED);
	cr_assert(r && r->counter == 6 && r->code == REFUSED_PARTS);
	r = record_told(one, RECORD_REFUSED);
	cr_assert(r && r->counter == 7 && r->code == REFUSED_LINK);
	buf_finish(&out);
}

Test(hub, catches_up_then_lives)
{
	struct key a = member("me", 1), b = member("me", 2);
	uint64_t one = connect_at(&a, 1, 0);
	for (uint64_t i = 1; i <= 3000; i++)
		send_change(one,
		            change_of(i, 1, i - 1, "something of a certain length, so that windows fill: ........"));
	uint64_t two = connect_at(&b, 1, 0);
	cr_expect_eq(the->lines[two].at, 3000);
	send_change(one, change_of(3001, 1, 3000, "live"));
	cr_expect_eq(the->lines[two].at, 3001);
	uint64_t three = connect_at(&a, 9, 0); /* the same device in a new life: its old changes come as entries */
	cr_expect_eq(count_told(three, RECORD_ENTRY), 3001);
	hang_up(three);
	three = connect_at(&a, 1, 0); /* in its old one, as confirmations */
	cr_expect_eq(count_told(three, RECORD_CONFIRM), 3001);
	cr_expect_eq(count_told(three, RECORD_ENTRY), 0);
}

/* Random turns: appends from two devices, readers that come, get stuck, go on and leave. hear_record checks that each
 * one's log has no gap and no repetition; at the end all have everything. */
Test(hub, no_gap_whatever_the_interleaving)
{
	struct key keys[4];
	uint64_t lines[4] = { 0 }, counters[4] = { 0 }, cursors[4] = { 0 };
	char body[3001];
	struct buf out = { 0 };
	memset(body, 'x', 3000);
	body[3000] = 0;
	for (uint8_t i = 0; i < 4; i++)
		keys[i] = member("me", (uint8_t)(i + 1));
	for (int round = 0; round < 30000; round++) {
		uint64_t i = rng_below(&the->rng, 4), act = rng_below(&the->rng, 100);
		struct line *l = lines[i] ? &the->lines[lines[i]] : NULL;
		if (l && l->closed_by_hub) {
			cursors[i] = l->at;
			lines[i] = 0;
			continue;
		}
		if (!l && act < 30 && the->last < LINES - 1) {
			lines[i] = connect_at(&keys[i], 1, cursors[i]);
		} else if (l && act < 40) {
			struct change c = change_of(++counters[i], 0, 0, body);
			c.item = (struct id){ { (uint8_t)(i + 1), (uint8_t)counters[i], (uint8_t)(counters[i] >> 8) } };
			put_change(&out, c);
			event(HUB_BINARY, lines[i], buf_view(&out));
			buf_clear(&out);
		} else if (l && act < 43) {
			l->stuck = !l->stuck;
			if (!l->stuck) {
				l->backlog = 0;
				event(HUB_DRAINED, lines[i], span_of(NULL, 0));
			}
		} else if (l && act < 60 && l->backlog) {
			l->backlog -= rng_below(&the->rng, l->backlog + 1);
			event(HUB_DRAINED, lines[i], span_of(NULL, 0));
		} else if (l && act < 70) {
			wire_put(&out, &(struct record){ .type = RECORD_CURSOR, .seq = l->at });
			event(HUB_BINARY, lines[i], buf_view(&out));
			buf_clear(&out);
		} else if (l && act < 71 && the->last < LINES - 5) {
			cursors[i] = l->at;
			hang_up(lines[i]);
			lines[i] = 0;
		} else {
			flush();
		}
		the->now_ms += 1;
	}
	uint64_t head = 0;
	for (int i = 0; i < 4; i++) {
		if (!lines[i])
			lines[i] = connect_at(&keys[i], 1, cursors[i]);
		the->lines[lines[i]].stuck = false;
		the->lines[lines[i]].backlog = 0;
		step(HUB_DRAINED, lines[i], span_of(NULL, 0));
		head = the->lines[lines[i]].at;
	}
	for (int i = 0; i < 4; i++)
		cr_expect_eq(the->lines[lines[i]].at, head);
	cr_expect_gt(head, 300);
	buf_finish(&out);
}

Test(hub, a_slow_reader_costs_a_window)
{
	struct key a = member("me", 1), b = member("me", 2);
	uint64_t one = connect_at(&a, 1, 0), two = connect_at(&b, 1, 0);
	char *body = mem_alloc(60001);
	memset(body, 'x', 60000);
	the->lines[two].stuck = true;
	for (uint64_t i = 1; i <= 100; i++)
		send_change(one, change_of(i, 1, i - 1, body));
	cr_expect_eq(the->lines[one].at, 100);
	cr_expect_lt(the->lines[two].backlog, HUB_WINDOW + HUB_READ + 65536);
	cr_expect_lt(the->lines[two].at, 20);
	the->lines[two].stuck = false;
	the->lines[two].backlog = 0;
	step(HUB_DRAINED, two, span_of(NULL, 0));
	cr_expect_eq(the->lines[two].at, 100);
	free(body);
}

Test(hub, asks_and_never_reads)
{
	struct key a = member("me", 1);
	uint64_t one = connect_at(&a, 1, 0);
	struct buf out = { 0 };
	the->lines[one].stuck = true;
	for (int i = 0; i < 20000; i++)
		wire_put(&out, &(struct record){ .type = RECORD_PING, .sent_ms = 1 });
	for (int i = 0; i < 100 && the->lines[one].open; i++)
		step(HUB_BINARY, one, buf_view(&out));
	expect_refusal(one, "too-large");
	buf_finish(&out);
}

/* ---- parts ---- */

static struct span large_body(size_t len)
{
	uint8_t *bytes = mem_alloc(len);
	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)(i * 31 + i / 1000);
	return span_of(bytes, len);
}

static void send_part(uint64_t conn, uint64_t counter, struct span body, size_t offset)
{
	size_t len = body.len - offset < WIRE_PART_MAX ? body.len - offset : WIRE_PART_MAX;
	send_record(conn, (struct record){ .type = RECORD_PART,
	                                   .counter = counter,
	                                   .offset = offset,
	                                   .total = body.len,
	                                   .bytes = span_of(body.data + offset, len) });
}

static struct change parted(uint64_t counter, uint8_t item, uint64_t base)
{
	struct change c = change_of(counter, item, base, "");
	c.flags = CHANGE_PARTED | CHANGE_KEYFRAME;
	return c;
}

Test(hub, large_bodies_travel_in_parts)
{
	struct key a = member("me", 1), b = member("me", 2);
	uint64_t one = connect_at(&a, 1, 0), two = connect_at(&b, 1, 0);
	struct span body = large_body(1000000);
	for (size_t at = 0; at < body.len; at += WIRE_PART_MAX) {
		send_part(one, 1, body, at);
		send_change(one, change_of(2 + at / WIRE_PART_MAX, (uint8_t)(100 + at / WIRE_PART_MAX), 0,
		                           "small ones pass"));
	}
	cr_expect_eq(the->lines[two].at, 16);
	send_change(one, parted(1, 1, 0));
	struct record *r = NULL, *next;
	while ((next = record_told(one, RECORD_CONFIRM)))
		r = next;
	cr_assert(r);
	cr_expect_eq(r->counter, 1);
	cr_expect_eq(the->lines[two].at, 17);
	cr_expect_eq(the->lines[two].part_len, body.len);
	size_t at = 0;
	for (size_t i = 0; i < the->lines[two].count; i++)
		if (!the->lines[two].told[i].text && the->lines[two].told[i].record.type == RECORD_ENTRY_PART) {
			struct blob *part = &the->lines[two].told[i].bytes;
			cr_assert_eq(memcmp(part->data, body.data + at, part->len), 0);
			at += part->len;
		}
	cr_expect_eq(at, body.len);
	send_change(one, change_of(90, 90, 0, "after it"));
	cr_expect_eq(the->lines[two].at, 18);
	free((void *)body.data);
}

Test(hub, an_interrupted_upload_goes_on)
{
	struct key a = member("me", 1);
	uint64_t one = connect_at(&a, 1, 0);
	struct span body = large_body(300000);
	send_part(one, 1, body, 0);
	send_part(one, 1, body, WIRE_PART_MAX);
	hang_up(one);
	uint64_t two = connect_at(&a, 1, 0);
	struct record *r = record_told(two, RECORD_RESUME);
	cr_assert(r);
	cr_expect_eq(r->counter, 1);
	cr_expect_eq(r->offset, 2 * WIRE_PART_MAX);
	send_part(two, 1, body, WIRE_PART_MAX);     /* again: no harm */
	send_part(two, 1, body, 4 * WIRE_PART_MAX); /* a gap */
	r = record_told(two, RECORD_RESUME);
	cr_assert(r);
	cr_expect_eq(r->offset, 2 * WIRE_PART_MAX);
	send_change(two, parted(1, 1, 0));
	r = record_told(two, RECORD_REFUSED);
	cr_assert(r && r->code == REFUSED_PARTS);
	for (size_t at = 2 * WIRE_PART_MAX; at < body.len; at += WIRE_PART_MAX)
		send_part(two, 1, body, at);
	send_change(two, parted(1, 1, 0));
	cr_expect(record_told(two, RECORD_CONFIRM));
	hang_up(two);
	uint64_t three = connect_at(&a, 2, 0);
	cr_expect_null(record_told(three, RECORD_RESUME), "nothing is left");
	cr_expect_eq(the->lines[three].part_len, body.len);
	free((void *)body.data);
}

Test(hub, abandoned_uploads_are_dropped)
{
	struct key a = member("me", 1);
	uint64_t one = connect_at(&a, 1, 0);
	struct span body = large_body(300000);
	send_part(one, 1, body, 0);
	hang_up(one);
	uint64_t deadline = hub_core_deadline(the->core);
	cr_expect_eq(deadline, the->now_ms + HUB_PARTS_IDLE_MS);
	the->now_ms = deadline;
	step(HUB_TICK, 0, span_of(NULL, 0));
	cr_expect_eq(hub_core_deadline(the->core), UINT64_MAX);
	uint64_t two = connect_at(&a, 1, 0);
	cr_expect_null(record_told(two, RECORD_RESUME));
	free((void *)body.data);
}

Test(hub, uploads_are_bounded)
{
	struct key a = member("me", 1), b = member("me", 2), c = member("me", 3);
	uint64_t one = connect_at(&a, 1, 0), two = connect_at(&b, 1, 0), three = connect_at(&c, 1, 0);
	struct span body = large_body(WIRE_BODY_MAX);
	for (size_t at = 0; at < body.len; at += WIRE_PART_MAX) {
		send_part(one, 1, body, at);
		send_part(two, 1, body, at);
	}
	send_part(three, 1, body, 0);
	send_change(three, parted(1, 3, 0));
	struct record *r = record_told(three, RECORD_REFUSED);
	cr_assert(r);
	cr_expect_eq(r->code, REFUSED_BUSY);
	cr_expect_gt(r->wait_ms, 0);
	send_change(one, parted(1, 1, 0));
	cr_expect(record_told(one, RECORD_CONFIRM), "the largest there is");
	for (size_t at = 0; at < 300000; at += WIRE_PART_MAX)
		send_part(three, 1, span_of(body.data, 300000), at);
	send_change(three, parted(1, 3, 0));
	struct record *confirmed = NULL;
	while (!confirmed && the->lines[three].seen < the->lines[three].count)
		confirmed = record_told(three, RECORD_CONFIRM);
	cr_expect(confirmed, "there is room again");
	free((void *)body.data);
}

/* ---- the rest ---- */

/* More (device, epoch) pairs in the log than the wire has numbers: each entry still says whose it is. */
Test(hub, writers_beyond_the_numbers)
{
	struct key a = member("me", 1), b = member("me", 2);
	enum { EPOCHS = WIRE_WRITERS_MAX + 500 };
	the->epoch_is_number = true;
	for (uint64_t i = 1; i <= EPOCHS; i++) {
		struct change c = change_of(1, 1, i - 1, "x");
		the->store->ops->append(the->store, 0, "me", &a.id, i, &c, 1, WALL);
	}
	uint64_t one = connect_at(&b, 1, 0);
	cr_expect_eq(the->lines[one].at, EPOCHS);
}

Test(hub, receipts_and_presence)
{
	struct key a = member("me", 1), b = member("me", 2);
	uint64_t one = connect_at(&a, 11, 0);
	uint64_t two = connect_at(&b, 22, 0);
	struct record *r = record_told(one, RECORD_PRESENCE);
	cr_assert(r);
	cr_expect(r->online);
	cr_expect(id_equal(&the->lines[one].writers[r->writer], &b.id));
	send_change(one, change_of(1, 1, 0, "x"));
	send_record(two, (struct record){ .type = RECORD_CURSOR, .seq = 1 });
	r = record_told(one, RECORD_RECEIPT);
	while (r && r->seq == 0)
		r = record_told(one, RECORD_RECEIPT);
	cr_assert(r);
	cr_expect_eq(r->seq, 1);
	cr_expect(id_equal(&the->lines[one].writers[r->writer], &b.id));
	hang_up(two);
	r = record_told(one, RECORD_PRESENCE);
	cr_assert(r);
	cr_expect_not(r->online);
	cr_expect_eq(r->sent_ms, (uint64_t)(WALL - WIRE_EPOCH_MS) + the->now_ms);
	struct message *m = authenticate(open_line(), &a, 11, 0);
	for (size_t i = 0; i < m->device_count; i++)
		if (id_equal(&m->devices[i].device, &b.id))
			cr_expect_eq(m->devices[i].cursor, 1);
}

Test(hub, a_cursor_cannot_run_ahead)
{
	struct key a = member("me", 1);
	uint64_t one = connect_at(&a, 1, 0);
	send_record(one, (struct record){ .type = RECORD_CURSOR, .seq = 1 });
	expect_refusal(one, "malformed");
}

Test(hub, pings_and_wants)
{
	struct key a = member("me", 1), b = member("me", 2);
	uint64_t one = connect_at(&a, 1, 0), two = connect_at(&b, 1, 0);
	send_change(two, change_of(1, 1, 0, "x"));
	send_record(one, (struct record){ .type = RECORD_PING, .sent_ms = 42 });
	struct record *r = record_told(one, RECORD_PONG);
	cr_assert(r);
	cr_expect_eq(r->sent_ms, 42);
	cr_expect_eq(r->wait_ms, (uint64_t)(WALL - WIRE_EPOCH_MS) + the->now_ms);
	cr_expect_eq(r->seq, 1);
	send_record(one, (struct record){ .type = RECORD_WANT, .item = { { 1 } } });
	r = record_told(two, RECORD_WANTED);
	cr_assert(r);
	cr_expect_eq(r->item.b[0], 1);
	cr_expect_eq(count_told(one, RECORD_WANTED), 0);
}

Test(hub, malformed_frames_end_that_connection_only)
{
	struct key a = member("me", 1), b = member("me", 2);
	uint64_t one = connect_at(&a, 1, 0), two = connect_at(&b, 1, 0);
	struct buf out = { 0 };
	put_change(&out, change_of(1, 1, 0, "x"));
	buf_u8(&out, 0x7f);
	send_buf(one, &out);
	expect_refusal(one, "malformed");
	cr_expect(the->lines[two].open);
	cr_expect_eq(count_told(two, RECORD_ENTRY), 0, "nothing of the frame counts");
	send_record(two, (struct record){ .type = RECORD_CONFIRM, .seq = 1, .counter = 1 });
	expect_refusal(two, "malformed");
	buf_finish(&out);
}

Test(hub, a_history_that_is_not_ours_gets_no_log)
{
	struct key a = member("me", 1), b = member("me", 2);
	uint64_t one = connect_at(&a, 1, 0);
	for (uint64_t i = 1; i <= 5; i++)
		send_change(one, change_of(i, 1, i - 1, "x"));
	uint64_t ahead = open_line(); /* it has seen more than we have: we were restored from a backup */
	struct message *m = authenticate(ahead, &b, 1, 9);
	cr_assert(m && m->ok);
	cr_expect_eq(m->head, 5);
	cr_expect(id_zero(&m->chain));
	send_change(one, change_of(6, 1, 5, "x"));
	cr_expect_eq(count_told(ahead, RECORD_ENTRY), 0);
	hang_up(ahead);
	uint64_t forked = open_line();
	struct message auth = { .type = MESSAGE_AUTH, .device = b.id, .epoch = 1, .cursor = 3, .chain = { { 1 } } };
	sign(&b, forked, &auth);
	send_message(forked, &auth);
	cr_expect_eq(count_told(forked, RECORD_ENTRY), 0);
	hang_up(forked);
	uint64_t anew = connect_at(&b, 2, 0);
	cr_expect_eq(the->lines[anew].at, 6);
}

Test(hub, a_new_core_goes_on_where_the_old_one_stopped)
{
	struct key a = member("me", 1), b = member("me", 2);
	uint64_t one = connect_at(&a, 1, 0);
	struct buf out = { 0 };
	send_change(one, change_of(1, 1, 0, "x"));
	put_change(&out, change_of(2, 1, 1, "lost"));
	event(HUB_BINARY, one, buf_view(&out));
	hub_core_destroy(the->core);
	store_memory_crash(the->store);
	for (uint64_t i = 1; i <= the->last; i++)
		the->lines[i].open = false;
	start_core();
	uint64_t again = connect_at(&a, 1, 0);
	cr_expect_eq(the->lines[again].at, 1);
	send_buf(again, &out);
	cr_expect_eq(the->lines[again].at, 2);
	uint64_t two = connect_at(&b, 1, 0);
	cr_expect_eq(the->lines[two].at, 2);
	buf_finish(&out);
}

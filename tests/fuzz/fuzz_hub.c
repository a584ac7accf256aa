/* Any run of events as the hub's core sees them: three devices of one account, one stranger; frames, texts, hang-ups
 * and slow readers as the input says. The core must stay whole, and speak only well-formed frames. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "hub/core/hub_core.h"
#include "hub/store/backends.h"

#define CONNS 4
#define WALL  1800000000000LL

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct line {
	uint64_t conn; /* 0: none */
	size_t backlog;
	bool closed;
	uint8_t nonce[MESSAGE_NONCE];
	uint64_t at;
};

static struct line lines[CONNS];
static uint8_t keys[CONNS][crypto_sign_SECRETKEYBYTES], publics[CONNS][MESSAGE_PUBLIC];
static struct hub_core *core;
static struct store *store;
static uint64_t last, now_ms;
static struct id hub;

static struct line *line_of(uint64_t conn)
{
	for (int i = 0; i < CONNS; i++)
		if (lines[i].conn == conn)
			return &lines[i];
	abort();
}

static void world_send(void *ctx, uint64_t conn, bool text, struct span frame)
{
	(void)ctx;
	struct line *l = line_of(conn);
	struct message m;
	struct record r;
	int more;
	l->backlog += frame.len;
	if (text) {
		if (!message_get(&m, frame.data, frame.len, NULL))
			abort();
		if (m.type == MESSAGE_AUTH_CHALLENGE)
			memcpy(l->nonce, m.nonce, sizeof l->nonce);
		message_finish(&m);
		return;
	}
	struct reader in = reader_of(frame);
	while ((more = wire_next(&in, &r)) == 1)
		if (r.type == RECORD_ENTRY || (r.type == RECORD_CONFIRM && r.seq > l->at)) {
			if (r.seq != l->at + 1)
				abort();
			l->at = r.seq;
		}
	if (more != 0 || frame.len > WIRE_FRAME_MAX)
		abort();
}

static size_t world_backlog(void *ctx, uint64_t conn)
{
	(void)ctx;
	return line_of(conn)->backlog;
}

static void world_close(void *ctx, uint64_t conn, const char *reason)
{
	(void)ctx;
	(void)reason;
	line_of(conn)->closed = true;
}

static void world_entropy(void *ctx, void *out, size_t len)
{
	(void)ctx;
	memset(out, 7, len);
}

static void world_log(void *ctx, const char *level, const char *text)
{
	(void)ctx;
	(void)level;
	(void)text;
}

static void event(enum hub_event_type type, uint64_t conn, struct span bytes)
{
	hub_core_step(core, &(struct hub_event){ type, conn, now_ms, WALL + (int64_t)now_ms, bytes });
}

static void flush(void)
{
	hub_core_flush(core, now_ms, WALL + (int64_t)now_ms);
	for (int i = 0; i < CONNS; i++)
		if (lines[i].conn && lines[i].closed) {
			event(HUB_CLOSED, lines[i].conn, span_of(NULL, 0));
			lines[i] = (struct line){ 0 };
		}
}

static void say(int who, struct message *m)
{
	struct blob part = message_signed_part(m, lines[who].nonce, &hub);
	crypto_sign_detached(m->signature, NULL, part.data, part.len, keys[who]);
	blob_finish(&part);
	struct blob text = message_put(m);
	event(HUB_TEXT, lines[who].conn, span_blob(&text));
	blob_finish(&text);
}

static void dial(int who, uint64_t epoch, uint64_t cursor)
{
	lines[who] = (struct line){ .conn = ++last, .at = cursor };
	event(HUB_OPENED, last, span_of(NULL, 0));
	flush();
	struct message m = {
		.type = MESSAGE_AUTH, .device = message_device_id(publics[who]), .epoch = epoch, .cursor = cursor
	};
	say(who, &m);
}

static void enroll(int who)
{
	struct message m = { .type = MESSAGE_ENROLL };
	uint8_t hash[MESSAGE_TOKEN];
	lines[who] = (struct line){ .conn = ++last };
	event(HUB_OPENED, last, span_of(NULL, 0));
	flush();
	memset(m.token, who, sizeof m.token);
	message_token_hash(hash, m.token);
	store->ops->invite(store, 0, "me", hash, WALL + 1000000, WALL);
	memcpy(m.public_key, publics[who], MESSAGE_PUBLIC);
	say(who, &m);
	flush();
	event(HUB_CLOSED, lines[who].conn, span_of(NULL, 0));
	lines[who] = (struct line){ 0 };
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	if (sodium_init() < 0)
		abort();
	for (int i = 0; i < CONNS; i++) {
		uint8_t seed[crypto_sign_SEEDBYTES] = { (uint8_t)i };
		crypto_sign_seed_keypair(publics[i], keys[i], seed);
	}
	return 0;
}

/* A frame of well-formed records, each made of a few bytes, so that small inputs reach far. */
static void structured(struct line *l, struct reader *in)
{
	static uint8_t bytes[WIRE_PART_MAX];
	struct buf out = { 0 };
	for (int count = reader_u8(in) % 8 + 1; count > 0 && !in->bad; count--) {
		struct record r = { .type = reader_u8(in) % 5 + 1 };
		uint8_t small = reader_u8(in), more = reader_u8(in);
		r.counter = r.change.counter = small % 16 + 1;
		r.seq = r.sent_ms = more;
		r.item.b[0] = r.change.item.b[0] = more % 4;
		r.change.version.b[0] = 1;
		r.change.base = reader_u8(in) % 32;
		r.change.flags = more >> 4;
		if (r.change.flags & CHANGE_DELETE)
			r.change.version.b[0] = 0;
		r.change.body = span_of(bytes, (size_t)(small >> 4) * 4000);
		r.total = (uint64_t)(more % 8 + 1) * 40000;
		r.offset = (uint64_t)(r.change.base % 8) * 40000;
		r.bytes = span_of(bytes, 40000);
		if (r.offset + r.bytes.len > r.total)
			r.offset = r.total - r.bytes.len;
		wire_put(&out, &r);
		if (out.len > WIRE_FRAME_MAX - 70000)
			break;
	}
	event(HUB_BINARY, l->conn, buf_view(&out));
	buf_finish(&out);
}

/* The input: acts of one byte (what, and who), with a length and bytes where they carry something. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hub_world w = { NULL, world_send, world_backlog, world_close, world_entropy, world_log };
	struct reader in = reader_of(span_of(data, size));
	memset(lines, 0, sizeof lines);
	now_ms = 1000;
	store = store_memory_create();
	store->ops->hub_id(store, &hub);
	core = hub_core_create(&w, store);
	for (int i = 0; i < CONNS - 1; i++) {
		enroll(i);
		dial(i, 1, 0);
		flush();
	}
	while (reader_left(&in) && !in.bad) {
		uint8_t act = reader_u8(&in);
		int who = act % CONNS;
		struct line *l = &lines[who];
		switch (act / CONNS % 8) {
		case 0:
		case 1: {
			struct span bytes = reader_bytes(&in, WIRE_FRAME_MAX);
			if (l->conn)
				event(act / CONNS % 8 ? HUB_TEXT : HUB_BINARY, l->conn, bytes);
			break;
		}
		case 2:
			if (l->conn)
				structured(l, &in);
			break;
		case 3:
			if (!l->conn)
				dial(who, reader_u8(&in) % 3, reader_u8(&in));
			break;
		case 4:
			if (l->conn)
				l->closed = true;
			break;
		case 5:
			l->backlog = 0;
			if (l->conn)
				event(HUB_DRAINED, l->conn, span_of(NULL, 0));
			break;
		case 6:
			now_ms += 1000u * reader_u8(&in);
			event(HUB_TICK, 0, span_of(NULL, 0));
			break;
		default:
			flush();
		}
	}
	flush();
	hub_core_destroy(core);
	store->ops->destroy(store);
	return 0;
}

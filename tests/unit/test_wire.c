/* The codec against the vectors of doc/protocol.md, and against everything that it must refuse. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/message.h"
#include "wire/wire.h"

static const struct id item = { { 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1d,
	                          0x1e, 0x1f } };
static const struct id version = { { 0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x28, 0x29, 0x2a, 0x2b, 0x2c, 0x2d,
	                             0x2e, 0x2f } };
static const struct id device = { { 0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d,
	                            0x3e, 0x3f } };
#define EDITED (91262096000ULL << 12 | 5) /* 2026-11-22T06:34:56Z, the sixth step of that millisecond */

static struct change a_change(uint8_t flags)
{
	struct change c = { .flags = flags, .counter = 7, .item = item, .base = 300, .edited = EDITED };
	if (!(flags & CHANGE_DELETE))
		c.version = version;
	if (!(flags & CHANGE_PARTED))
		c.body = span_text("sealed");
	return c;
}

struct vector {
	const char *name;
	struct record record;
};

static size_t vectors(struct vector *out)
{
	const struct vector all[] = {
		{ "change", { .type = RECORD_CHANGE, .change = a_change(CHANGE_KEYFRAME) } },
		{ "change-delete", { .type = RECORD_CHANGE, .change = a_change(CHANGE_DELETE | CHANGE_LINKED) } },
		{ "change-parted", { .type = RECORD_CHANGE, .change = a_change(CHANGE_KEYFRAME | CHANGE_PARTED) } },
		{ "part",
		  { .type = RECORD_PART, .counter = 7, .offset = 65536, .total = 65541, .bytes = span_text("slice") } },
		{ "cursor", { .type = RECORD_CURSOR, .seq = 301 } },
		{ "want", { .type = RECORD_WANT, .item = item } },
		{ "ping", { .type = RECORD_PING, .sent_ms = 123456 } },
		{ "writer", { .type = RECORD_WRITER, .writer = 2, .device = device, .epoch = 0x0123456789abcdef } },
		{ "entry", { .type = RECORD_ENTRY, .seq = 301, .writer = 2, .change = a_change(CHANGE_KEYFRAME) } },
		{ "entry-part",
		  { .type = RECORD_ENTRY_PART, .seq = 301, .offset = 0, .total = 65541, .bytes = span_text("slice") } },
		{ "confirm", { .type = RECORD_CONFIRM, .seq = 301, .counter = 7 } },
		{ "pruned", { .type = RECORD_PRUNED, .seq = 1, .until = 200 } },
		{ "stale", { .type = RECORD_STALE, .counter = 7, .seq = 299 } },
		{ "refused", { .type = RECORD_REFUSED, .counter = 7, .code = REFUSED_BUSY, .wait_ms = 2000 } },
		{ "receipt", { .type = RECORD_RECEIPT, .writer = 2, .seq = 301 } },
		{ "presence", { .type = RECORD_PRESENCE, .writer = 2, .online = true, .sent_ms = 91262096000 } },
		{ "pong", { .type = RECORD_PONG, .sent_ms = 123456, .wait_ms = 91262096000, .seq = 301 } },
		{ "resume", { .type = RECORD_RESUME, .counter = 7, .offset = 65536 } },
		{ "wanted", { .type = RECORD_WANTED, .item = item } },
	};
	memcpy(out, all, sizeof all);
	return sizeof all / sizeof *all;
}

/* ---- the document ---- */

static char *document(void)
{
	char path[4096];
	const char *source = getenv("SYNCLINE_SOURCE");
	snprintf(path, sizeof path, "%s/doc/protocol.md", source ? source : ".");
	FILE *f = fopen(path, "r");
	cr_assert_not_null(f, "%s is not there", path);
	char *text = calloc(1, 1 << 20);
	size_t len = fread(text, 1, (1 << 20) - 1, f);
	cr_assert(len > 0);
	fclose(f);
	return text;
}

/* The hex digits of the block that starts with "```vector NAME". */
static struct blob documented(const char *text, const char *name)
{
	char start[64];
	struct buf out = { 0 };
	unsigned byte;
	snprintf(start, sizeof start, "```vector %s\n", name);
	const char *at = strstr(text, start);
	cr_assert_not_null(at, "doc/protocol.md has no vector %s", name);
	at += strlen(start);
	while (*at && *at != '`') {
		if (sscanf(at, "%2x", &byte) == 1 && strspn(at, "0123456789abcdef") >= 2) {
			buf_u8(&out, (uint8_t)byte);
			at += 2;
		} else {
			at++;
		}
	}
	return buf_take(&out);
}

static const char *hex(struct span s)
{
	static char out[4096];
	size_t at = 0;
	for (size_t i = 0; i < s.len && at + 4 < sizeof out; i++)
		at += (size_t)snprintf(out + at, sizeof out - at, "%02x ", s.data[i]);
	out[at] = 0;
	return out;
}

Test(wire, vectors_of_the_document)
{
	struct vector all[32];
	char *text = document();
	size_t count = vectors(all);
	for (size_t i = 0; i < count; i++) {
		struct buf out = { 0 };
		struct record back;
		wire_put(&out, &all[i].record);
		struct blob said = documented(text, all[i].name);
		cr_expect(span_equal(buf_view(&out), span_blob(&said)), "%s is %s", all[i].name, hex(buf_view(&out)));
		struct reader in = reader_of(span_blob(&said));
		cr_expect_eq(wire_next(&in, &back), 1, "%s does not decode", all[i].name);
		cr_expect_eq(wire_next(&in, &back), 0, "%s has more", all[i].name);
		blob_finish(&said);
		buf_finish(&out);
	}
	free(text);
}

Test(wire, vectors_of_context_and_chain)
{
	char *text = document();
	struct change c = a_change(CHANGE_KEYFRAME);
	struct buf out = { 0 };
	struct id before = { 0 };
	wire_put_sealed_context(&out, &device, 0x0123456789abcdef, &c);
	struct blob said = documented(text, "sealed-context");
	cr_expect(span_equal(buf_view(&out), span_blob(&said)), "it is %s", hex(buf_view(&out)));
	blob_finish(&said);
	c.flags |= CHANGE_PARTED; /* says the same of a body that travels in parts */
	struct buf parted = { 0 };
	wire_put_sealed_context(&parted, &device, 0x0123456789abcdef, &c);
	cr_expect(span_equal(buf_view(&out), buf_view(&parted)));
	buf_finish(&parted);

	buf_clear(&out);
	c = a_change(CHANGE_KEYFRAME);
	wire_put_change(&out, &c);
	struct id chain = wire_chain(&before, 301, &device, 0x0123456789abcdef, buf_view(&out));
	said = documented(text, "chain");
	cr_expect(span_equal(span_of(chain.b, ID_LEN), span_blob(&said)), "it is %s", hex(span_of(chain.b, ID_LEN)));
	blob_finish(&said);
	buf_finish(&out);
	free(text);
}

Test(wire, vectors_of_signatures_and_ids)
{
	char *text = document();
	struct message m = {
		.type = MESSAGE_AUTH, .device = device, .epoch = 0x0123456789abcdef, .cursor = 301, .chain = version
	};
	uint8_t nonce[MESSAGE_NONCE], hash[MESSAGE_TOKEN];
	for (size_t i = 0; i < sizeof nonce; i++) {
		nonce[i] = (uint8_t)(0x40 + i);
		m.public_key[i] = (uint8_t)(0x60 + i);
		m.token[i] = (uint8_t)(0x80 + i);
	}
	struct blob made = message_signed_part(&m, nonce, &item), said = documented(text, "signed-auth");
	cr_expect(span_equal(span_blob(&made), span_blob(&said)), "auth is %s", hex(span_blob(&made)));
	blob_finish(&made);
	blob_finish(&said);
	m.type = MESSAGE_ENROLL;
	m.name = blob_copy("name", 4);
	made = message_signed_part(&m, nonce, &item);
	said = documented(text, "signed-enroll");
	cr_expect(span_equal(span_blob(&made), span_blob(&said)), "enroll is %s", hex(span_blob(&made)));
	blob_finish(&made);
	blob_finish(&said);
	struct id id = message_device_id(m.public_key);
	said = documented(text, "device-id");
	cr_expect(span_equal(span_of(id.b, ID_LEN), span_blob(&said)), "id is %s", hex(span_of(id.b, ID_LEN)));
	blob_finish(&said);
	message_token_hash(hash, m.token);
	said = documented(text, "token-hash");
	cr_expect(span_equal(span_of(hash, sizeof hash), span_blob(&said)), "hash is %s",
	          hex(span_of(hash, sizeof hash)));
	blob_finish(&said);
	message_finish(&m);
	free(text);
}

/* ---- what must hold of any frame ---- */

static int decode(struct span bytes, struct record *out)
{
	struct reader in = reader_of(bytes);
	int got = wire_next(&in, out);
	return got == 1 && reader_left(&in) ? 2 : got;
}

Test(wire, every_cut_is_malformed)
{
	struct vector all[32];
	size_t count = vectors(all);
	for (size_t i = 0; i < count; i++) {
		struct buf out = { 0 };
		struct record back;
		wire_put(&out, &all[i].record);
		for (size_t len = 1; len < out.len; len++)
			cr_expect_eq(decode(span_of(out.data, len), &back), -1, "%s cut at %zu", all[i].name, len);
		buf_finish(&out);
	}
}

/* What decodes encodes to the same bytes again: there is one form of everything. */
Test(wire, one_encoding)
{
	struct vector all[32];
	size_t count = vectors(all);
	uint32_t seed = 12345;
	for (size_t round = 0; round < 200000; round++) {
		struct buf out = { 0 }, again = { 0 };
		struct record back;
		wire_put(&out, &all[round % count].record);
		for (int k = 0; k < 3; k++) {
			seed = seed * 1664525u + 1013904223u;
			out.data[(seed >> 8) % out.len] = (uint8_t)(seed >> 24);
		}
		struct reader in = reader_of(buf_view(&out));
		while (wire_next(&in, &back) == 1)
			wire_put(&again, &back);
		cr_assert(in.bad || span_equal(buf_view(&out), buf_view(&again)));
		buf_finish(&out);
		buf_finish(&again);
	}
}

static void expect_bad(const char *what, const struct record *r)
{
	struct buf out = { 0 };
	struct record back;
	wire_put(&out, r);
	cr_expect_eq(decode(buf_view(&out), &back), -1, "%s was taken", what);
	buf_finish(&out);
}

Test(wire, refuses)
{
	struct record back;
	static uint8_t large[WIRE_PART_MAX + 1];
	static const uint8_t long_varint[] = { RECORD_CURSOR, 0x81, 0x00 }, unknown[] = { 0x06 }, zero[] = { 0x00 };
	cr_expect_eq(decode(span_of(long_varint, sizeof long_varint), &back), -1);
	cr_expect_eq(decode(span_of(unknown, 1), &back), -1);
	cr_expect_eq(decode(span_of(zero, 1), &back), -1);
	cr_expect_eq(decode(span_of(NULL, 0), &back), 0);

	struct record r = { .type = RECORD_CHANGE, .change = a_change(0) };
	r.change.flags = 0x10;
	expect_bad("an unknown flag", &r);
	r.change = a_change(0);
	r.change.counter = 0;
	expect_bad("counter 0", &r);
	r.change = a_change(0);
	r.change.version = (struct id){ 0 };
	expect_bad("a version of zeros", &r);
	r.change = a_change(0);
	r.change.body = span_of(large, sizeof large);
	expect_bad("a body that belongs in parts", &r);
	r.change = a_change(0);
	r.change.edited = UINT64_MAX;
	expect_bad("a time over 63 bits", &r);
	r = (struct record){ .type = RECORD_ENTRY, .seq = 300, .writer = 1, .change = a_change(0) };
	expect_bad("an entry that builds on itself", &r);
	r = (struct record){ .type = RECORD_PART, .counter = 1, .offset = 3, .total = 7, .bytes = span_text("slice") };
	expect_bad("a part beyond its total", &r);
	r = (struct record){
		.type = RECORD_PART, .counter = 1, .offset = 0, .total = WIRE_BODY_MAX + 1, .bytes = span_text("slice")
	};
	expect_bad("a total over the limit", &r);
	r = (struct record){
		.type = RECORD_PART, .counter = 1, .offset = UINT64_MAX - 2, .total = 7, .bytes = span_text("slice")
	};
	expect_bad("an offset that wraps", &r);
	r = (struct record){ .type = RECORD_PART, .counter = 1, .offset = 0, .total = 7 };
	expect_bad("an empty part", &r);
	r = (struct record){ .type = RECORD_PRUNED, .seq = 5, .until = 4 };
	expect_bad("a range that ends before it starts", &r);
	r = (struct record){ .type = RECORD_REFUSED, .counter = 1, .code = 99 };
	expect_bad("an unknown refusal", &r);
	r = (struct record){ .type = RECORD_WRITER, .writer = 0 };
	expect_bad("writer 0", &r);
	r.writer = WIRE_WRITERS_MAX;
	expect_bad("a writer over the limit", &r);
}

Test(wire, budget)
{
	/* a change in its third year of use, counters of six figures: type to body, and a masked frame's header */
	struct record r = { .type = RECORD_CHANGE, .change = a_change(0) };
	uint8_t body[100] = { 0 };
	struct buf out = { 0 };
	r.change.counter = r.change.base = 900000;
	r.change.body = span_of(body, sizeof body);
	wire_put(&out, &r);
	cr_expect_leq(out.len - sizeof body + 8, 64, "a change costs %zu", out.len - sizeof body + 8);
	buf_clear(&out);
	r.type = RECORD_ENTRY;
	r.seq = 900001;
	r.writer = 3;
	wire_put(&out, &r);
	cr_expect_leq(out.len - sizeof body + 4, 64, "an entry costs %zu", out.len - sizeof body + 4);
	buf_clear(&out);
	wire_put(&out, &(struct record){ .type = RECORD_CONFIRM, .seq = UINT32_MAX, .counter = UINT32_MAX });
	cr_expect_leq(out.len + 2, 24);
	buf_clear(&out);
	wire_put(&out, &(struct record){ .type = RECORD_RECEIPT, .writer = 300, .seq = UINT32_MAX });
	cr_expect_leq(out.len + 2, 24);
	buf_finish(&out);
}

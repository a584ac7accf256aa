/* Bodies and their seal. */
#include <criterion/criterion.h>
#include <sodium.h>
#include <string.h>

#include "engine/core/optimize/body.h"
#include "engine/core/optimize/packer.h"
#include "engine/core/optimize/seal.h"

#define EDITED (((uint64_t)70000000000 << 12) + 5) /* in 2026 */

static struct id numbered(uint8_t n)
{
	struct id id;
	memset(id.b, n, sizeof id.b);
	return id;
}

static void start(void)
{
	cr_assert_geq(sodium_init(), 0);
}

TestSuite(optimize_body, .init = start);
TestSuite(optimize_seal, .init = start);

static struct body ordinary(void)
{
	return (struct body){
		.kind = KIND_UPDATE,
		.base_tag = BODY_BASE_IMPLIED,
		.delta = DELTA_TEXT,
		.mtime_ms = body_edited_ms(EDITED) - 40,
		.content_len = 4096,
		.payload = span_text("payload"),
	};
}

static void same(const struct body *a, const struct body *b)
{
	cr_assert(a->kind == b->kind && a->base_tag == b->base_tag && a->meta == b->meta && a->delta == b->delta &&
	          a->compression == b->compression && a->mtime_ms == b->mtime_ms && a->content_len == b->content_len &&
	          a->named == b->named && a->side == b->side && a->main_seq == b->main_seq);
	cr_assert(id_equal(&a->base_version, &b->base_version) && id_equal(&a->main_item, &b->main_item) &&
	          id_equal(&a->side_device, &b->side_device) && id_equal(&a->side_common, &b->side_common));
	cr_assert(span_equal(a->category, b->category) && span_equal(a->path, b->path) &&
	          span_equal(a->payload, b->payload));
}

static size_t round_trip(const struct body *b)
{
	struct buf out = { 0 };
	struct body back;
	struct err e = { 0 };
	body_put(&out, b, EDITED);
	cr_assert(body_get(&back, buf_view(&out), EDITED, &e), "%s", e.why);
	same(b, &back);
	/* cut off before the payload it is refused; garbled it does no harm */
	for (size_t keep = 0; keep < out.len - b->payload.len; keep++)
		cr_assert_not(body_get(&back, span_of(out.data, keep), EDITED, &e), "%zu of %zu", keep, out.len);
	for (size_t i = 0; i < out.len * 8; i++) {
		out.data[i / 8] ^= (uint8_t)(1 << i % 8);
		body_get(&back, buf_view(&out), EDITED, &e);
		out.data[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	size_t len = out.len;
	buf_finish(&out);
	return len;
}

Test(optimize_body, an_ordinary_update_has_a_small_header)
{
	struct body b = ordinary();
	cr_assert_leq(round_trip(&b) - b.payload.len, 6);
	b.meta = META_EXEC | META_PRIVATE;
	cr_assert_leq(round_trip(&b) - b.payload.len, 7);
	b.mtime_ms = INT64_MIN;
	round_trip(&b);
	b.mtime_ms = INT64_MAX;
	round_trip(&b);
	b.mtime_ms = -1;
	round_trip(&b);
}

Test(optimize_body, everything_at_once)
{
	struct body b = ordinary();
	b.kind = KIND_RENAME;
	b.base_tag = BODY_BASE_EXPLICIT;
	b.base_version = numbered(1);
	b.delta = DELTA_COPY;
	b.named = b.side = true;
	b.category = span_text("notes");
	b.path = span_text("a/b\xff.md");
	b.main_item = numbered(2);
	b.side_device = numbered(3);
	b.side_common = numbered(4);
	b.main_seq = 1234567;
	round_trip(&b);
}

Test(optimize_body, a_delete_is_one_byte)
{
	struct body b = { .kind = KIND_DELETE };
	cr_assert_eq(round_trip(&b), 1);
	b.named = true;
	b.category = span_text("c");
	b.path = span_text("p");
	round_trip(&b);
}

static bool accepts(const void *bytes, size_t len)
{
	struct body b;
	struct err e = { 0 };
	bool ok = body_get(&b, span_of(bytes, len), EDITED, &e);
	cr_assert(ok || e.why[0]);
	return ok;
}
#define ACCEPTS(text) accepts(text, sizeof(text) - 1)

Test(optimize_body, hostile_bodies_are_refused)
{
	cr_assert(ACCEPTS("\x01\x00\x00\x00"), "an update to nothing");
	cr_assert_not(ACCEPTS(""));
	cr_assert_not(ACCEPTS("\x05\x00\x00\x00"), "kind");
	cr_assert_not(ACCEPTS("\x19\x00\x00\x00"), "base tag");
	cr_assert_not(ACCEPTS("\x01\x01\x00\x00"), "delta without base");
	cr_assert_not(ACCEPTS("\x01\x0f\x00\x00"), "delta");
	cr_assert_not(ACCEPTS("\x01\xf0\x00\x00"), "codec");
	cr_assert_not(ACCEPTS("\x81\x00\x00\x00\x00"), "no metadata said twice");
	cr_assert_not(ACCEPTS("\x81\x00\x08\x00\x00"), "metadata");
	cr_assert_not(ACCEPTS("\x81\x00\x04\x00\x00"), "a link to nowhere");
	cr_assert(ACCEPTS("\x81\x00\x04\x00\x01x"), "a link");
	cr_assert_not(ACCEPTS("\x81\x00\x05\x00\x01x"), "an executable link");
	cr_assert_not(ACCEPTS("\x82"), "delete with metadata");
	cr_assert_not(ACCEPTS("\x02x"), "delete with content");
	cr_assert_not(ACCEPTS("\x01\x00\x00\x81\x80\x80\x20"), "64 MiB and one");
	cr_assert(ACCEPTS("\x01\x00\x00\x80\x80\x80\x20"), "64 MiB");
	cr_assert_not(ACCEPTS("\x11\x00\x00\x00"
	                      "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
	              "base version zero");
	cr_assert(ACCEPTS("\x20\x00\x00\x00\x01"
	                  "c\x01"
	                  "p"));
	cr_assert_not(ACCEPTS("\x20\x00\x00\x00\x01"
	                      "C\x01"
	                      "p"),
	              "category");
	cr_assert_not(ACCEPTS("\x20\x00\x00\x00\x01"
	                      "c\x04"
	                      "../p"),
	              "leaves the root");
	cr_assert_not(ACCEPTS("\x20\x00\x00\x00\x01"
	                      "c\x02"
	                      "/p"),
	              "absolute");
	cr_assert_not(ACCEPTS("\x20\x00\x00\x00\x01"
	                      "c\x03"
	                      "a\0b"),
	              "NUL");
	cr_assert_not(ACCEPTS("\x20\x00\x00\x00\x01"
	                      "c\x00"),
	              "no name");
	cr_assert_not(ACCEPTS("\x20\x00\x00\x00\x01"
	                      "c\x05"
	                      ".git/"),
	              "repository");
}

static struct change a_change(struct span body)
{
	return (struct change){ .flags = 0,
		                .counter = 42,
		                .item = numbered(9),
		                .base = 1000,
		                .version = numbered(8),
		                .edited = EDITED,
		                .body = body };
}

Test(optimize_seal, opens_only_what_and_where_it_was_sealed)
{
	struct sealer here, there, stranger;
	uint8_t key[KEY_LEN] = { 1, 2, 3 }, other[KEY_LEN] = { 4 };
	struct id device = numbered(7), wrong = numbered(6);
	struct buf sealed = { 0 };
	struct blob plain;
	struct err e;
	sealer_init(&here, key, 1);
	sealer_init(&there, key, 1);
	sealer_init(&stranger, other, 1);
	struct change c = a_change(span_of(NULL, 0));
	seal_body(&here, &device, 99, &c, span_text("the body"), &sealed);
	cr_assert_eq(sealed.len, strlen("the body") + SEAL_OVERHEAD);
	c.body = buf_view(&sealed);
	cr_assert(seal_open(&there, &device, 99, &c, &plain, &e));
	cr_assert(span_equal(span_blob(&plain), span_text("the body")));
	blob_finish(&plain);

	struct change moved = c;
	moved.flags |= CHANGE_PARTED;
	cr_assert(seal_open(&there, &device, 99, &moved, &plain, &e), "how it travelled does not matter");
	blob_finish(&plain);
	cr_assert_not(seal_open(&there, &wrong, 99, &c, &plain, &e));
	cr_assert_not(seal_open(&there, &device, 98, &c, &plain, &e));
	cr_assert_not(seal_open(&stranger, &device, 99, &c, &plain, &e));
	moved = c, moved.flags |= CHANGE_LINKED;
	cr_assert_not(seal_open(&there, &device, 99, &moved, &plain, &e));
	moved = c, moved.counter++;
	cr_assert_not(seal_open(&there, &device, 99, &moved, &plain, &e));
	moved = c, moved.item = wrong;
	cr_assert_not(seal_open(&there, &device, 99, &moved, &plain, &e));
	moved = c, moved.base++;
	cr_assert_not(seal_open(&there, &device, 99, &moved, &plain, &e));
	moved = c, moved.version = wrong;
	cr_assert_not(seal_open(&there, &device, 99, &moved, &plain, &e));
	moved = c, moved.edited++;
	cr_assert_not(seal_open(&there, &device, 99, &moved, &plain, &e));
	for (size_t i = 0; i < sealed.len; i++) {
		sealed.data[i] ^= 1;
		cr_assert_not(seal_open(&there, &device, 99, &c, &plain, &e), "byte %zu", i);
		cr_assert_null(plain.data);
		sealed.data[i] ^= 1;
		moved = c, moved.body.len = i;
		cr_assert_not(seal_open(&there, &device, 99, &moved, &plain, &e), "cut at %zu", i);
	}
	buf_finish(&sealed);
	sealer_finish(&here);
	sealer_finish(&there);
	sealer_finish(&stranger);
}

Test(optimize_seal, a_counter_used_twice_by_mistake_still_has_another_nonce)
{
	struct sealer s;
	uint8_t key[KEY_LEN] = { 1 };
	struct id device = numbered(7);
	struct buf one = { 0 }, two = { 0 }, again = { 0 };
	uint8_t zeros[64] = { 0 };
	sealer_init(&s, key, 0);
	struct change c = a_change(span_of(NULL, 0));
	seal_body(&s, &device, 1, &c, span_of(zeros, 64), &one);
	seal_body(&s, &device, 1, &c, span_of(zeros, 64), &again);
	c.edited++;
	seal_body(&s, &device, 1, &c, span_of(zeros, 64), &two);
	cr_assert(span_equal(buf_view(&one), buf_view(&again)), "sealing is a function");
	cr_assert(memcmp(one.data + 1, two.data + 1, 64) != 0, "the key stream is another");
	buf_finish(&one);
	buf_finish(&two);
	buf_finish(&again);
	sealer_finish(&s);
}

Test(optimize_seal, more_writers_than_cached_keys)
{
	struct sealer s;
	uint8_t key[KEY_LEN] = { 1 };
	struct buf sealed[2 * SEAL_SUBKEYS] = { 0 };
	struct blob plain;
	struct err e;
	sealer_init(&s, key, 0);
	struct change c = a_change(span_of(NULL, 0));
	for (unsigned i = 0; i < 2 * SEAL_SUBKEYS; i++) {
		struct id device = numbered((uint8_t)i);
		seal_body(&s, &device, i, &c, span_of(&i, sizeof i), &sealed[i]);
	}
	for (unsigned i = 0; i < 2 * SEAL_SUBKEYS; i++) {
		struct id device = numbered((uint8_t)i);
		c.body = buf_view(&sealed[i]);
		cr_assert(seal_open(&s, &device, i, &c, &plain, &e));
		cr_assert(span_equal(span_blob(&plain), span_of(&i, sizeof i)));
		blob_finish(&plain);
		buf_finish(&sealed[i]);
	}
	sealer_finish(&s);
}

Test(optimize_seal, names)
{
	struct sealer s, other;
	uint8_t key[KEY_LEN] = { 1 }, nonce[SEAL_NAME_NONCE] = { 5 };
	struct id device = numbered(7), wrong = numbered(6);
	struct buf sealed = { 0 };
	struct blob name;
	struct err e;
	sealer_init(&s, key, 3);
	sealer_init(&other, key, 4);
	seal_name(&s, &device, nonce, span_text("laptop"), &sealed);
	cr_assert_eq(sealed.len, 6 + SEAL_NAME_OVERHEAD);
	cr_assert(seal_open_name(&s, &device, buf_view(&sealed), &name, &e));
	cr_assert(span_equal(span_blob(&name), span_text("laptop")));
	blob_finish(&name);
	cr_assert_not(seal_open_name(&s, &wrong, buf_view(&sealed), &name, &e));
	cr_assert_not(seal_open_name(&other, &device, buf_view(&sealed), &name, &e), "another key number");
	cr_assert_not(seal_open_name(&s, &device, span_of(sealed.data, SEAL_NAME_OVERHEAD - 1), &name, &e));
	buf_finish(&sealed);
	sealer_finish(&s);
	sealer_finish(&other);
}

/* The whole record of a one-line edit of a 4 KB text, as it goes into a frame: what the design allows is 64 and the
 * seal. */
Test(optimize_seal, a_change_costs_little_beside_its_payload)
{
	struct sealer s;
	uint8_t key[KEY_LEN] = { 1 };
	struct id device = numbered(7);
	struct buf plain = { 0 }, sealed = { 0 }, frame = { 0 };
	struct body b = ordinary();
	sealer_init(&s, key, 1);
	struct change c = a_change(span_of(NULL, 0));
	body_put(&plain, &b, c.edited);
	seal_body(&s, &device, 1, &c, buf_view(&plain), &sealed);
	c.body = buf_view(&sealed);
	struct record r = { .type = RECORD_CHANGE, .change = c };
	wire_put(&frame, &r);
	cr_assert_leq(frame.len - b.payload.len, 64 + 16, "%zu", frame.len - b.payload.len);
	buf_finish(&plain);
	buf_finish(&sealed);
	buf_finish(&frame);
	sealer_finish(&s);
}

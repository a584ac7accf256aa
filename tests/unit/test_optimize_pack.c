/* Codecs and deltas under one conformance test, and what the packer makes of real shapes of edits. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "engine/core/optimize/delta.h"
#include "engine/core/optimize/expand.h"

enum shape {
	SHAPE_EMPTY,
	SHAPE_ONE,
	SHAPE_ZEROS,
	SHAPE_RANDOM,
	SHAPE_TEXT,
	SHAPE_CONFIG,
	SHAPE_LONG,
	SHAPE_BLOCK,
	SHAPES
};

static struct blob make(enum shape shape, uint64_t seed)
{
	static const char *const words[] = { "the",  "quick", "sync", "theme",   "colour",  "of",       "binding",
		                             "note", "list",  "and",  "key",     "value",   "terminal", "editor",
		                             "path", "=",     "with", "setting", "history", "search" };
	struct rng rng;
	struct buf out = { 0 };
	size_t lens[SHAPES] = { 0, 1, 5000, 3000, 4096, 4096, 300000, 128 * 1024 };
	rng_seed(&rng, seed);
	for (int line = 1; out.len < lens[shape]; line++)
		if (shape == SHAPE_ZEROS)
			buf_u8(&out, 0);
		else if (shape == SHAPE_RANDOM)
			buf_u8(&out, (uint8_t)rng_next(&rng));
		else if (shape == SHAPE_CONFIG)
			buf_printf(&out, "bind ctrl+%c action_%d  # %s\n", (int)('a' + rng_below(&rng, 26)), line,
			           words[rng_below(&rng, 20)]);
		else
			buf_printf(&out, "%s%s", words[rng_below(&rng, 20)], rng_below(&rng, 12) ? " " : ".\n");
	out.len = lens[shape];
	return buf_take(&out);
}

/* A copy with `cut` bytes at `at` replaced. */
static struct blob edit(struct blob from, size_t at, size_t cut, const char *with)
{
	struct buf out = { 0 };
	if (!from.len)
		return blob_copy(with, strlen(with));
	buf_put(&out, from.data, at);
	buf_put(&out, with, strlen(with));
	buf_put(&out, from.data + at + cut, from.len - at - cut);
	return buf_take(&out);
}

static const struct codec_ops *const all_codecs[] = { &codec_none, &codec_zstd, &codec_brotli, &codec_gzip,
	                                              &codec_lz4 };
static const struct delta_ops *const all_deltas[] = { &delta_none, &delta_binary, &delta_text, &delta_copy,
	                                              &delta_dictionary };

/* Output with a guard behind it: nothing may write there. */
#define GUARD 64
static uint8_t *guarded(size_t len)
{
	uint8_t *out = mem_alloc(len + GUARD);
	memset(out + len, 0xa5, GUARD);
	return out;
}

static void check_guard(uint8_t *out, size_t len)
{
	for (size_t i = 0; i < GUARD; i++)
		cr_assert_eq(out[len + i], 0xa5, "written beyond the end");
	free(out);
}

static bool expand_delta(struct codec_tools *t, const struct delta_ops *delta, uint8_t codec, struct span packed,
                         struct span base, uint8_t *out, size_t len, size_t part)
{
	struct expansion x;
	uint8_t which = 0;
	enum got got = GOT_NOTHING;
	while (delta_find(which) != delta)
		which++;
	if (expansion_start(&x, t, which, codec, packed, base, len))
		while ((got = expansion_more(&x, out, part)) == GOT_MORE)
			cr_assert(x.done <= len);
	cr_assert(got != GOT_ALL || x.done == len);
	expansion_end(&x);
	return got == GOT_ALL;
}

static void round_trip(struct codec_tools *t, const struct delta_ops *delta, const struct codec_ops *ops,
                       struct span content, struct span base, enum pack_effort effort)
{
	struct buf packed = { 0 };
	int codec =
	        delta ? delta->pack(t, content, base, effort, &packed) : ops->pack(t, content, base, effort, &packed);
	const char *name = delta ? delta->name : ops->name;
	if (codec < 0) {
		buf_finish(&packed);
		return;
	}
#define EXPAND(from, into, len)                                                                                        \
	(delta ? expand_delta(t, delta, (uint8_t)codec, from, base, into, len, SIZE_MAX)                               \
	       : codec_find((uint8_t)codec)->expand(t, from, ops->history ? base : span_of(NULL, 0), into, len))
	uint8_t *out = guarded(content.len);
	cr_assert(EXPAND(buf_view(&packed), out, content.len), "%s: %zu bytes", name, content.len);
	cr_assert(span_equal(span_of(out, content.len), content), "%s: %zu bytes", name, content.len);
	check_guard(out, content.len);
	for (size_t part = 1; delta && part < content.len; part = part * 7 + 300) { /* in parts it is the same */
		out = guarded(content.len);
		cr_assert(expand_delta(t, delta, (uint8_t)codec, buf_view(&packed), base, out, content.len, part));
		cr_assert(span_equal(span_of(out, content.len), content), "%s in parts of %zu", name, part);
		check_guard(out, content.len);
	}

	/* a wrong length is noticed: too long a claim, too short a claim (a bomb) */
	out = guarded(content.len + 7);
	cr_assert_not(EXPAND(buf_view(&packed), out, content.len + 7), "%s grew", name);
	check_guard(out, content.len + 7);
	for (size_t less = 1; less <= content.len && less < 4000; less = less * 3 + 1) {
		out = guarded(content.len - less);
		cr_assert_not(EXPAND(buf_view(&packed), out, content.len - less), "%s shrank by %zu", name, less);
		check_guard(out, content.len - less);
	}
	/* cut off anywhere, it is refused or wrong, never more than asked for */
	for (size_t keep = 0; keep < packed.len; keep += 1 + packed.len / 50) {
		out = guarded(content.len);
		if (EXPAND(span_of(packed.data, keep), out, content.len))
			cr_assert(content.len && !span_equal(span_of(out, content.len), content), "%s: %zu of %zu",
			          name, keep, packed.len);
		check_guard(out, content.len);
	}
	/* flipped bits: any answer, no harm */
	for (size_t i = 0; i < packed.len; i += 1 + packed.len / 200) {
		packed.data[i] ^= (uint8_t)(1 << i % 8);
		out = guarded(content.len);
		(void)EXPAND(buf_view(&packed), out, content.len);
		check_guard(out, content.len);
		packed.data[i] ^= (uint8_t)(1 << i % 8);
	}
	buf_finish(&packed);
}

Test(optimize_pack, every_codec_conforms)
{
	struct codec_tools tools = { 0 };
	for (size_t i = 0; i < sizeof all_codecs / sizeof *all_codecs; i++)
		for (int s = 0; s < SHAPES; s++)
			for (int effort = 0; effort < 2; effort++) {
				struct blob content = make(s, 1), history = make(SHAPE_TEXT, 2);
				round_trip(&tools, NULL, all_codecs[i], span_blob(&content), span_blob(&history),
				           effort);
				round_trip(&tools, NULL, all_codecs[i], span_blob(&content), span_of(NULL, 0), effort);
				blob_finish(&content);
				blob_finish(&history);
			}
	codec_finish(&tools);
}

Test(optimize_pack, every_delta_conforms)
{
	struct codec_tools tools = { 0 };
	for (size_t i = 0; i < sizeof all_deltas / sizeof *all_deltas; i++)
		for (int s = 0; s < SHAPES; s++)
			for (int effort = 0; effort < 2; effort++) {
				struct blob base = make(s, 1), other = make(SHAPE_CONFIG, 3);
				struct blob content =
				        edit(base, base.len / 2, base.len / 9, "a line that was not there\n");
				codec_zstd_prepare(&tools, span_blob(&base));
				round_trip(&tools, all_deltas[i], NULL, span_blob(&content), span_blob(&base), effort);
				round_trip(&tools, all_deltas[i], NULL, span_blob(&base), span_blob(&base), effort);
				codec_zstd_prepare(&tools, span_blob(&other));
				round_trip(&tools, all_deltas[i], NULL, span_blob(&content), span_blob(&other), effort);
				blob_finish(&base);
				blob_finish(&other);
				blob_finish(&content);
			}
	codec_finish(&tools);
}

Test(optimize_pack, garbage_is_refused_without_harm)
{
	struct rng rng;
	struct codec_tools tools = { 0 };
	struct blob base = make(SHAPE_TEXT, 1);
	uint8_t bytes[200];
	rng_seed(&rng, 4);
	for (int round = 0; round < 4000; round++) {
		size_t len = rng_below(&rng, sizeof bytes + 1),
		       want = rng_below(&rng, 3) ? rng_below(&rng, 9000) : rng_below(&rng, 200000);
		for (size_t i = 0; i < len; i++)
			bytes[i] = (uint8_t)rng_next(&rng);
		const struct delta_ops *delta = all_deltas[rng_below(&rng, 5)];
		uint8_t *out = guarded(want);
		uint8_t codec = (uint8_t)rng_below(&rng, CODEC_COUNT + 3);
		size_t part = 1 + rng_below(&rng, 1000) * 100;
		(void)expand_delta(&tools, delta, codec, span_of(bytes, len), span_blob(&base), out, want, part);
		check_guard(out, want);
	}
	blob_finish(&base);
	codec_finish(&tools);
}

static size_t pack_and_check(struct packer *p, struct span content, bool have_base, struct span base, struct body *body)
{
	struct buf payload = { 0 };
	struct blob back;
	struct err e = { 0 };
	struct pack_in in = { .content = content, .have_base = have_base, .base = base, .effort = EFFORT_HIGH };
	*body = (struct body){ 0 };
	cr_assert(packer_pack(p, &in, body, &payload));
	cr_assert_eq(body->content_len, content.len);
	cr_assert(packer_expand(p, body, packer_needs_base(body) ? base : span_of(NULL, 0), &back, &e), "%s", e.why);
	cr_assert(span_equal(span_blob(&back), content));
	blob_finish(&back);
	size_t len = payload.len;
	buf_finish(&payload);
	return len;
}

Test(optimize_pack, a_line_in_4_kb_costs_about_its_own_bytes)
{
	struct packer *p = packer_create();
	struct body body;
	struct blob base = make(SHAPE_TEXT, 7);
	struct blob inserted = edit(base, 2000, 0, "Remember to water the plants on Thursday.\n"); /* 42 bytes */
	struct blob word = edit(base, 1500, 5, "green");
	struct blob moved = edit(base, 10, 0, "value terminal editor path = with setting ");
	size_t len = pack_and_check(p, span_blob(&inserted), true, span_blob(&base), &body);
	cr_assert_leq(len, 48, "%zu", len);
	cr_assert_eq(body.delta, DELTA_TEXT);
	cr_assert_leq(len = pack_and_check(p, span_blob(&word), true, span_blob(&base), &body), 9, "%zu", len);
	cr_assert_leq(len = pack_and_check(p, span_blob(&moved), true, span_blob(&base), &body), 40, "%zu", len);
	blob_finish(&base);
	blob_finish(&inserted);
	blob_finish(&word);
	blob_finish(&moved);
	packer_destroy(p);
}

Test(optimize_pack, the_same_content_is_a_copy)
{
	struct packer *p = packer_create();
	struct body body;
	struct blob base = make(SHAPE_LONG, 7);
	cr_assert_eq(pack_and_check(p, span_blob(&base), true, span_blob(&base), &body), 0);
	cr_assert_eq(body.delta, DELTA_COPY);
	blob_finish(&base);
	packer_destroy(p);
}

Test(optimize_pack, keyframes_when_the_base_does_not_help)
{
	struct packer *p = packer_create();
	struct body body;
	struct blob text = make(SHAPE_TEXT, 7), noise = make(SHAPE_RANDOM, 8), other = make(SHAPE_RANDOM, 9),
	            empty = { 0 };
	cr_assert_lt(pack_and_check(p, span_blob(&text), false, span_of(NULL, 0), &body), text.len / 2);
	cr_assert_eq(body.delta, DELTA_NONE);
	cr_assert_eq(pack_and_check(p, span_blob(&noise), true, span_blob(&other), &body), noise.len);
	cr_assert(!packer_needs_base(&body) && body.compression == CODEC_NONE);
	cr_assert_eq(pack_and_check(p, span_blob(&empty), true, span_blob(&text), &body), 0);
	cr_assert_not(packer_needs_base(&body));
	pack_and_check(p, span_blob(&text), true, span_blob(&empty), &body);
	cr_assert_not(packer_needs_base(&body));
	blob_finish(&text);
	blob_finish(&noise);
	blob_finish(&other);
	packer_destroy(p);
}

Test(optimize_pack, large_contents_with_far_moves)
{
	struct packer *p = packer_create();
	struct body body;
	struct buf big = { 0 }, moved = { 0 };
	for (int i = 0; i < 10; i++) {
		struct blob part = make(SHAPE_LONG, 100 + i);
		buf_span(&big, span_blob(&part));
		blob_finish(&part);
	}
	buf_put(&moved, big.data + big.len / 2, big.len - big.len / 2);
	buf_put(&moved, big.data, big.len / 2);
	size_t len = pack_and_check(p, buf_view(&moved), true, buf_view(&big), &body);
	cr_assert_lt(len, 2000, "3 MB turned around: %zu", len);
	cr_assert_eq(body.delta, DELTA_BINARY);
	buf_finish(&big);
	buf_finish(&moved);
	packer_destroy(p);
}

/* In parts: comes back, is no larger than packed in one go by zstd, and no step takes in more than a part. */
static void run_and_check(struct packer *p, struct span content, bool have_base, struct span base, size_t part)
{
	struct pack_in in = { .content = content, .have_base = have_base, .base = base, .effort = EFFORT_HIGH };
	struct body body = { 0 }, whole = { 0 };
	struct buf payload = { 0 }, other = { 0 };
	struct blob back;
	struct err e;
	struct pack_run *r = packer_start(&in, 100);
	size_t steps = 0;
	while (packer_part(r, part))
		steps++;
	packer_end(r, &body, &payload);
	cr_assert_eq(payload.len, body.payload.len + 100);
	cr_assert(packer_expand(p, &body, have_base ? base : span_of(NULL, 0), &back, &e), "%s", e.why);
	cr_assert(span_equal(span_blob(&back), content));
	cr_assert(packer_pack(p, &in, &whole, &other));
	cr_assert_leq(body.payload.len, whole.payload.len + whole.payload.len / 8 + 64, "%zu for %zu, %s", body.payload.len,
	              whole.payload.len, delta_name(body.delta));
	if (content.len > 2 * part && !span_equal(content, base) && body.delta != DELTA_TEXT)
		cr_assert_geq(steps, content.len / part);
	blob_finish(&back);
	buf_finish(&payload);
	buf_finish(&other);
}

Test(optimize_pack, in_parts_it_comes_back_as_well)
{
	struct packer *p = packer_create();
	static const size_t parts[] = { 600, 16384, 100000 };
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		for (enum shape shape = SHAPE_EMPTY; shape < SHAPES; shape++) {
			struct blob base = make(shape, 1), other = make(SHAPE_RANDOM, 2), same = make(shape, 1);
			struct blob edited = edit(base, base.len / 3, base.len / 50, "something else");
			run_and_check(p, span_blob(&base), false, span_of(NULL, 0), parts[i]);
			run_and_check(p, span_blob(&edited), true, span_blob(&base), parts[i]);
			run_and_check(p, span_blob(&same), true, span_blob(&base), parts[i]);
			run_and_check(p, span_blob(&base), true, span_blob(&other), parts[i]);
			run_and_check(p, span_blob(&other), true, span_blob(&base), parts[i]);
			blob_finish(&base);
			blob_finish(&other);
			blob_finish(&same);
			blob_finish(&edited);
		}
	packer_destroy(p);
}

Test(optimize_pack, large_contents_with_far_moves_in_parts)
{
	struct packer *p = packer_create();
	struct buf big = { 0 }, moved = { 0 };
	for (int i = 0; i < 10; i++) {
		struct blob part = make(SHAPE_LONG, 100 + i);
		buf_span(&big, span_blob(&part));
		blob_finish(&part);
	}
	buf_put(&moved, big.data + big.len / 2, big.len - big.len / 2);
	buf_put(&moved, big.data, big.len / 2);
	run_and_check(p, buf_view(&moved), true, buf_view(&big), 1 << 20);
	moved.len = 0; /* a few bytes more in the middle: the rest is not looked at for them */
	buf_put(&moved, big.data, big.len / 2);
	buf_put(&moved, "one line more, and one line more, and one line more\n", 52);
	buf_put(&moved, big.data + big.len / 2, big.len - big.len / 2);
	run_and_check(p, buf_view(&moved), true, buf_view(&big), 1 << 20);
	struct pack_in in = { .content = buf_view(&moved) };
	struct pack_run *r = packer_start(&in, 0);
	packer_part(r, 1000);
	packer_part(r, 1000);
	packer_drop(r); /* half done: nothing stays */
	buf_finish(&big);
	buf_finish(&moved);
	packer_destroy(p);
}

Test(optimize_pack, random_edits_come_back)
{
	struct rng rng;
	struct packer *p = packer_create();
	struct body body;
	rng_seed(&rng, 5);
	struct blob base = make(SHAPE_CONFIG, 1);
	for (int i = 0; i < 300; i++) {
		size_t at = rng_below(&rng, base.len),
		       cut = rng_below(&rng, base.len - at + 1) / (1 + rng_below(&rng, 40));
		struct blob content = edit(base, at, cut, rng_below(&rng, 2) ? "bind ctrl+x action" : "?");
		pack_and_check(p, span_blob(&content), true, span_blob(&base), &body);
		blob_finish(&base);
		base = content;
		if (base.len < 100) {
			blob_finish(&base);
			base = make(SHAPE_CONFIG, 10 + i);
		}
	}
	blob_finish(&base);
	packer_destroy(p);
}

Test(optimize_pack, over_the_limits)
{
	struct packer *p = packer_create();
	struct body body = { .content_len = (uint64_t)LIMIT_EXPANSION + 1 };
	struct buf payload = { 0 };
	struct blob content;
	struct err e;
	uint8_t small[4] = { 0 };
	struct pack_in in = { .content = span_of(small, (size_t)LIMIT_ITEM_BYTES + 1) };
	cr_assert_not(packer_pack(p, &in, &body, &payload));
	cr_assert_not(packer_expand(p, &body, span_of(NULL, 0), &content, &e));
	body = (struct body){ .delta = DELTA_TEXT, .content_len = 10, .payload = span_of("\x09\x09", 2) };
	cr_assert_not(packer_expand(p, &body, span_of("0123456789", 10), &content, &e), "ends that overlap");
	body = (struct body){ .delta = DELTA_COPY, .content_len = 10 };
	cr_assert_not(packer_expand(p, &body, span_of("012345678", 9), &content, &e), "a copy of another base");
	body = (struct body){ .delta = DELTA_COUNT };
	cr_assert_not(packer_expand(p, &body, span_of(NULL, 0), &content, &e));
	body = (struct body){ .compression = CODEC_COUNT };
	cr_assert_not(packer_expand(p, &body, span_of(NULL, 0), &content, &e));
	cr_assert_null(content.data);
	packer_destroy(p);
}

Test(optimize_pack, a_dictionary_for_many_small_files)
{
	enum { FILES = 200 };
	struct packer *p = packer_create();
	struct blob files[FILES];
	struct span samples[FILES];
	struct buf dictionary = { 0 }, payload = { 0 };
	struct id version = { { 1 } }, none = { { 0 } };
	size_t alone = 0, shared = 0;
	for (int i = 0; i < FILES; i++) {
		files[i] = make(SHAPE_CONFIG, 1000 + (uint64_t)i);
		files[i].len = 1200;
		samples[i] = span_blob(&files[i]);
	}
	cr_assert(packer_train(samples, FILES, 16 * 1024, &dictionary));
	cr_assert_leq(dictionary.len, 16 * 1024);
	packer_prepare_base(p, &version, buf_view(&dictionary));
	cr_assert(packer_prepared(p, &version));
	for (int i = 0; i < FILES; i++) {
		struct pack_in in = { .content = samples[i] };
		struct body body = { 0 };
		struct blob back;
		struct err e;
		packer_pack(p, &in, &body, &payload);
		alone += payload.len;
		in.base_prepared = true;
		packer_pack(p, &in, &body, &payload);
		shared += payload.len + 16;
		cr_assert_eq(body.delta, DELTA_DICTIONARY);
		cr_assert(packer_expand(p, &body, buf_view(&dictionary), &back, &e));
		cr_assert(span_equal(span_blob(&back), samples[i]));
		blob_finish(&back);
	}
	cr_assert_lt(shared, alone * 3 / 4, "%zu of %zu", shared, alone);
	packer_prepare_base(p, &none, span_of(NULL, 0));
	cr_assert_not(packer_prepared(p, &version));

	/* a trained dictionary that is damaged: not used, not fatal; a raw one works as well */
	memset(dictionary.data + 8, 0xff, 64);
	packer_prepare_base(p, &version, buf_view(&dictionary));
	cr_assert_not(packer_prepared(p, &version));
	packer_prepare_base(p, &version, samples[0]);
	cr_assert(packer_prepared(p, &version));
	cr_assert_not(packer_train(samples, 2, 1000, &dictionary), "too few");
	for (int i = 0; i < FILES; i++)
		blob_finish(&files[i]);
	buf_finish(&dictionary);
	buf_finish(&payload);
	packer_destroy(p);
}

Test(optimize_pack, what_two_contents_share_at_their_ends_is_counted_to_the_byte)
{
	static uint8_t one[20000], two[20000];
	static const size_t at[] = { 0, 1, 4095, 4096, 4097, 8191, 8192, 9000 };
	for (size_t i = 0; i < sizeof at / sizeof *at; i++)
		for (size_t k = 0; k < sizeof at / sizeof *at; k++) {
			size_t head, tail, len = sizeof one, cut = 7 * (i + k); /* `two` is shorter by that */
			memset(one, 'x', sizeof one);
			memset(two, 'x', sizeof two);
			one[at[i]] = 'a';
			one[len - 1 - at[k]] = 'b';
			delta_ends(span_of(one, len), span_of(two, len - cut), &head, &tail);
			cr_expect_eq(head, at[i]);
			cr_expect_eq(tail, at[k]);
			delta_ends(span_of(two, len), span_of(two, len - cut), &head, &tail);
			cr_expect(head == len - cut && tail == 0);
		}
	size_t head, tail;
	delta_ends(span_of(one, 5), span_of(NULL, 0), &head, &tail);
	cr_expect(head == 0 && tail == 0);
}

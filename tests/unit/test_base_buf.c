#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/rng.h"

static uint64_t read_varint(const char *bytes, size_t len, bool *bad)
{
	struct reader r = reader_of(span_of(bytes, len));
	uint64_t value = reader_varint(&r);
	*bad = r.bad || reader_left(&r);
	return value;
}

Test(base_buf, varints_come_back)
{
	struct rng rng;
	rng_seed(&rng, 1);
	for (int i = 0; i < 20000; i++) {
		uint64_t value = rng_next(&rng) >> rng_below(&rng, 64);
		struct buf b = { 0 };
		buf_varint(&b, value);
		buf_signed(&b, (int64_t)value);
		buf_signed(&b, -(int64_t)(value >> 1));
		struct reader r = reader_of(buf_view(&b));
		cr_assert_eq(reader_varint(&r), value);
		cr_assert_eq((size_t)(r.at - b.data), buf_varint_len(value));
		cr_assert_eq(reader_signed(&r), (int64_t)value);
		cr_assert_eq(reader_signed(&r), -(int64_t)(value >> 1));
		cr_assert(!r.bad && !reader_left(&r));
		buf_finish(&b);
	}
}

Test(base_buf, a_number_has_one_encoding)
{
	bool bad;
	cr_assert_eq(read_varint("\x00", 1, &bad), 0);
	cr_assert(!bad);
	read_varint("\x80\x00", 2, &bad);
	cr_assert(bad, "zero in two bytes");
	read_varint("\xff\x80\x00", 3, &bad);
	cr_assert(bad, "127 in three bytes");
	cr_assert_eq(read_varint("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10, &bad), UINT64_MAX);
	cr_assert(!bad);
	read_varint("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10, &bad);
	cr_assert(bad, "65 bits");
	read_varint("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 11, &bad);
	cr_assert(bad, "eleven bytes");
	read_varint("\x80", 1, &bad);
	cr_assert(bad, "cut off");
}

Test(base_buf, a_reader_stays_bad)
{
	struct reader r = reader_of(span_of("\x05" "abc", 4));
	struct span s = reader_bytes(&r, 100);
	cr_assert(r.bad && !s.data && !s.len);
	cr_assert_eq(reader_u8(&r), 0);
	cr_assert_eq(reader_u64le(&r), 0);
	cr_assert_null(reader_take(&r, 0));
	cr_assert(r.bad);
}

Test(base_buf, a_reader_keeps_bounds)
{
	struct reader r = reader_of(span_of("\x03" "abcd", 5));
	cr_assert_eq(reader_bytes(&r, 2).len, 0);
	cr_assert(r.bad, "longer than allowed");
	r = reader_of(span_of("\x03" "abcd", 5));
	struct span s = reader_bytes(&r, 3);
	cr_assert(span_equal(s, span_text("abc")));
	cr_assert_eq(reader_left(&r), 1);
	cr_assert_null(reader_take(&r, SIZE_MAX));
	r = reader_of(span_of(NULL, 0));
	cr_assert_not_null(reader_take(&r, 0), "nothing is there to take");
	cr_assert(!r.bad);
	cr_assert_eq(reader_u8(&r), 0);
	cr_assert(r.bad);
	/* A length that does not fit into the rest, whatever its size. */
	r = reader_of(span_of("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10));
	reader_bytes(&r, SIZE_MAX);
	cr_assert(r.bad);
}

Test(base_buf, random_bytes_never_read_outside)
{
	struct rng rng;
	rng_seed(&rng, 2);
	for (int i = 0; i < 20000; i++) {
		size_t len = rng_below(&rng, 40);
		uint8_t *bytes = malloc(len ? len : 1); /* its end is the sanitizer's to watch */
		for (size_t k = 0; k < len; k++)
			bytes[k] = (uint8_t)rng_next(&rng);
		struct reader r = reader_of(span_of(bytes, len));
		for (int k = 0; k < 12 && !r.bad; k++) {
			switch (rng_below(&rng, 5)) {
			case 0: reader_u8(&r); break;
			case 1: reader_varint(&r); break;
			case 2: reader_signed(&r); break;
			case 3: reader_bytes(&r, 30); break;
			default: reader_u64le(&r);
			}
			cr_assert_leq(reader_left(&r), len);
		}
		free(bytes);
	}
}

Test(base_buf, writes_what_it_is_told)
{
	struct buf b = { 0 };
	cr_assert_str_eq(buf_text(&b), "");
	cr_assert_eq(b.len, 0);
	for (int i = 0; i < 1000; i++)
		buf_printf(&b, "%d,", i);
	cr_assert_eq(b.len, 10 * 2 + 90 * 3 + 900 * 4);
	cr_assert(!strncmp(buf_text(&b) + b.len - 8, "998,999,", 8));
	buf_clear(&b);
	buf_u64le(&b, 0x0123456789abcdefu);
	buf_u8(&b, 0xff);
	buf_bytes(&b, span_text("xy"));
	cr_assert(span_equal(buf_view(&b), span_of("\xef\xcd\xab\x89\x67\x45\x23\x01\xff\x02xy", 12)));
	struct blob taken = buf_take(&b);
	cr_assert(!b.data && !b.len && taken.len == 12);
	blob_finish(&taken);
	buf_finish(&b);
}

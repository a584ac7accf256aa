#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void buf_finish(struct buf *b)
{
	free(b->data);
	*b = (struct buf){ 0 };
}

void buf_clear(struct buf *b)
{
	b->len = 0;
}

void buf_reserve(struct buf *b, size_t more)
{
	if (more > SIZE_MAX / 2 - 1 - b->len)
		mem_grow(NULL, SIZE_MAX, 2); /* no memory is that large: ends the process */
	size_t need = b->len + more + 1; /* one more for buf_text's NUL */
	if (need <= b->cap)
		return;
	size_t cap = b->cap ? b->cap : 64;
	while (cap < need)
		cap *= 2;
	b->data = mem_grow(b->data, cap, 1);
	b->cap = cap;
}

void buf_put(struct buf *b, const void *bytes, size_t len)
{
	buf_reserve(b, len);
	if (len)
		memcpy(b->data + b->len, bytes, len);
	b->len += len;
}

void buf_span(struct buf *b, struct span s)
{
	buf_put(b, s.data, s.len);
}

void buf_u8(struct buf *b, uint8_t value)
{
	buf_put(b, &value, 1);
}

void buf_u64le(struct buf *b, uint64_t value)
{
	uint8_t out[8];
	for (int i = 0; i < 8; i++)
		out[i] = (uint8_t)(value >> (8 * i));
	buf_put(b, out, 8);
}

void buf_varint(struct buf *b, uint64_t value)
{
	uint8_t out[10];
	size_t n = 0;
	while (value >= 0x80) {
		out[n++] = (uint8_t)(value | 0x80);
		value >>= 7;
	}
	out[n++] = (uint8_t)value;
	buf_put(b, out, n);
}

size_t buf_varint_len(uint64_t value)
{
	size_t n = 1;
	while (value >= 0x80) {
		value >>= 7;
		n++;
	}
	return n;
}

void buf_signed(struct buf *b, int64_t value)
{
	buf_varint(b, ((uint64_t)value << 1) ^ (uint64_t)(value >> 63));
}

void buf_bytes(struct buf *b, struct span s)
{
	buf_varint(b, s.len);
	buf_put(b, s.data, s.len);
}

void buf_printf(struct buf *b, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (len < 0)
		return;
	buf_reserve(b, (size_t)len);
	va_start(args, format);
	vsnprintf((char *)b->data + b->len, (size_t)len + 1, format, args);
	va_end(args);
	b->len += (size_t)len;
}

const char *buf_text(struct buf *b)
{
	buf_reserve(b, 0);
	b->data[b->len] = 0;
	return (const char *)b->data;
}

struct blob buf_take(struct buf *b)
{
	struct blob out = { b->data, b->len };
	*b = (struct buf){ 0 };
	return out;
}

struct span buf_view(const struct buf *b)
{
	return span_of(b->data, b->len);
}

struct reader reader_of(struct span s)
{
	return (struct reader){ s.data, s.data ? s.data + s.len : NULL, false };
}

size_t reader_left(const struct reader *r)
{
	return r->at ? (size_t)(r->end - r->at) : 0;
}

const uint8_t *reader_take(struct reader *r, size_t len)
{
	static const uint8_t nothing[1];
	if (r->bad || reader_left(r) < len) {
		r->bad = true;
		return NULL;
	}
	if (len == 0)
		return r->at ? r->at : nothing;
	const uint8_t *at = r->at;
	r->at += len;
	return at;
}

uint8_t reader_u8(struct reader *r)
{
	const uint8_t *p = reader_take(r, 1);
	return p ? *p : 0;
}

uint64_t reader_u64le(struct reader *r)
{
	const uint8_t *p = reader_take(r, 8);
	uint64_t value = 0;
	for (int i = 0; p && i < 8; i++)
		value |= (uint64_t)p[i] << (8 * i);
	return value;
}

uint64_t reader_varint(struct reader *r)
{
	uint64_t value = 0;
	for (int i = 0; i < 10; i++) {
		uint8_t byte = reader_u8(r);
		if (r->bad)
			return 0;
		if (i == 9 && byte > 1)
			break;
		value |= (uint64_t)(byte & 0x7f) << (7 * i);
		if (!(byte & 0x80)) {
			if (i > 0 && byte == 0)
				break; /* not minimal */
			return value;
		}
	}
	r->bad = true;
	return 0;
}

int64_t reader_signed(struct reader *r)
{
	uint64_t value = reader_varint(r);
	return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

struct span reader_bytes(struct reader *r, size_t max)
{
	uint64_t len = reader_varint(r);
	if (r->bad || len > max) {
		r->bad = true;
		return span_of(NULL, 0);
	}
	const uint8_t *p = reader_take(r, (size_t)len);
	return span_of(p, p ? (size_t)len : 0);
}

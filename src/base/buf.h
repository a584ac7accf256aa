/* buf: a growing writer and a bounded reader for binary layouts.
 *
 * Varints are little-endian base 128, at most 10 bytes, and must be minimal: there is one encoding of a number. */
#ifndef BASE_BUF_H
#define BASE_BUF_H
#include "base/blob.h"

struct buf {
	uint8_t *data;
	size_t len, cap;
};

void buf_finish(struct buf *b);
void buf_clear(struct buf *b);                      /* keeps the memory */
void buf_reserve(struct buf *b, size_t more);
void buf_put(struct buf *b, const void *bytes, size_t len);
void buf_span(struct buf *b, struct span s);        /* the bytes alone, no length */
void buf_u8(struct buf *b, uint8_t value);
void buf_u64le(struct buf *b, uint64_t value);
void buf_varint(struct buf *b, uint64_t value);
void buf_signed(struct buf *b, int64_t value);      /* zigzag varint */
void buf_bytes(struct buf *b, struct span s);       /* varint length, then the bytes */
void buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
const char *buf_text(struct buf *b);                /* NUL behind the content, not counted in len */
struct blob buf_take(struct buf *b);                /* moves the bytes out, leaves an empty buf */
struct span buf_view(const struct buf *b);

/* After the first read beyond the end every read yields zero and `bad` stays set: check once, at the end. */
struct reader {
	const uint8_t *at, *end;
	bool bad;
};

struct reader reader_of(struct span s);
size_t reader_left(const struct reader *r);
uint8_t reader_u8(struct reader *r);
uint64_t reader_u64le(struct reader *r);
uint64_t reader_varint(struct reader *r);
int64_t reader_signed(struct reader *r);
const uint8_t *reader_take(struct reader *r, size_t len);       /* borrowed, or NULL with bad set */
struct span reader_bytes(struct reader *r, size_t max);         /* length-prefixed, borrowed; over max is bad */
size_t buf_varint_len(uint64_t value);
#endif

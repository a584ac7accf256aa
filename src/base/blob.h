/* blob: a run of bytes. `struct blob` owns its bytes, `struct span` borrows them. */
#ifndef BASE_BLOB_H
#define BASE_BLOB_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct blob {
	uint8_t *data; /* never NULL-checked by len: an empty blob may have NULL */
	size_t len;
};

struct span {
	const uint8_t *data;
	size_t len;
};

void blob_finish(struct blob *b); /* frees the bytes, leaves an empty blob */
struct blob blob_copy(const void *bytes, size_t len);

struct span span_of(const void *bytes, size_t len);
struct span span_text(const char *text);
struct span span_blob(const struct blob *b);
bool span_equal(struct span a, struct span b);
#endif

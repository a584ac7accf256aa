#include "base/blob.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void blob_finish(struct blob *b)
{
	free(b->data);
	b->data = NULL;
	b->len = 0;
}

struct blob blob_copy(const void *bytes, size_t len)
{
	return (struct blob){ mem_copy(bytes, len), len };
}

struct span span_of(const void *bytes, size_t len)
{
	return (struct span){ bytes, len };
}

struct span span_text(const char *text)
{
	return span_of(text, strlen(text));
}

struct span span_blob(const struct blob *b)
{
	return span_of(b->data, b->len);
}

bool span_equal(struct span a, struct span b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

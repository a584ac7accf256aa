/* id: the 16-byte names of items, versions and devices. All zeros means "none" (for a version: the item is absent). */
#ifndef BASE_ID_H
#define BASE_ID_H
#include <string.h>

#include "base/blob.h"

#define ID_LEN 16
#define ID_HEX (2 * ID_LEN + 1)

struct id {
	uint8_t b[ID_LEN];
};

static inline bool id_equal(const struct id *a, const struct id *b)
{
	return memcmp(a->b, b->b, ID_LEN) == 0;
}

static inline bool id_zero(const struct id *a)
{
	static const struct id zero;
	return id_equal(a, &zero);
}

int id_order(const struct id *a, const struct id *b);          /* memcmp */
const char *id_hex(const struct id *a, char out[ID_HEX]);      /* returns out */
bool id_parse(struct id *out, const char *hex);                /* exactly 32 hex digits */
struct id id_from(const uint8_t *bytes);                       /* 16 bytes */
bool id_has_prefix(const struct id *a, const char *hex);       /* a non-empty prefix of its hex form */
#endif

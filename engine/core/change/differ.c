#include "engine/core/change/differ.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"

#define PIECE 64

uint64_t differ_bytes(struct span before, struct span after)
{
	size_t least = before.len < after.len ? before.len : after.len, most = before.len + after.len - least;
	size_t start = 0, end = 0, differ = 0;
	while (start < least && before.data[start] == after.data[start])
		start++;
	while (end < least - start && before.data[before.len - 1 - end] == after.data[after.len - 1 - end])
		end++;
	if (before.len != after.len)
		return most - start - end;
	for (size_t i = start; i < least - end; i++)
		differ += before.data[i] != after.data[i];
	return differ;
}

struct piece {
	uint64_t hash;
	size_t len;
};

static int order(const void *a, const void *b)
{
	const struct piece *x = a, *y = b;
	return x->hash < y->hash ? -1 : x->hash > y->hash;
}

/* Its lines, sorted by their hashes. */
static struct piece *cut(struct span s, size_t *count)
{
	struct piece *pieces = NULL;
	size_t cap = 0;
	*count = 0;
	for (size_t at = 0; at < s.len;) {
		size_t most = s.len - at < PIECE ? s.len - at : PIECE;
		const uint8_t *end = memchr(s.data + at, '\n', most);
		size_t len = end ? (size_t)(end - (s.data + at)) + 1 : most;
		MEM_ROOM(pieces, *count, cap);
		pieces[(*count)++] = (struct piece){ map_hash(s.data + at, len), len };
		at += len;
	}
	mem_sort(pieces, *count, sizeof *pieces, order);
	return pieces;
}

unsigned differ_alike(struct span a, struct span b)
{
	size_t a_count, b_count, both = 0, most = a.len > b.len ? a.len : b.len;
	if (most > DIFFER_MAX || !a.len || !b.len)
		return 0;
	struct piece *x = cut(a, &a_count), *y = cut(b, &b_count);
	for (size_t i = 0, k = 0; i < a_count && k < b_count;) {
		if (x[i].hash == y[k].hash) {
			both += x[i].len < y[k].len ? x[i].len : y[k].len;
			i++, k++;
		} else if (x[i].hash < y[k].hash) {
			i++;
		} else {
			k++;
		}
	}
	free(x);
	free(y);
	return (unsigned)(both * 100 / most);
}

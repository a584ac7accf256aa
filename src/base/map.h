/* map: a hash map from byte strings to pointers, walked in the order of insertion, so that a run never depends on
 * addresses or hashes. The map copies keys (unless it
 * borrows them) and never frees values. */
#ifndef BASE_MAP_H
#define BASE_MAP_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map_slot {
	void *key; /* NULL: removed */
	uint32_t key_len, hash;
	void *value;
};

struct map {
	struct map_slot *slots; /* in order of insertion */
	uint32_t *index;        /* open addressing: slot number + 1, 0 = free */
	size_t used, live, cap, index_cap;
	uint8_t secret[16];
	bool secret_set;
	bool borrows; /* keys stay the caller's, and stay as they are while they are in; set before the first put */
};

void map_finish(struct map *m);
void *map_find(const struct map *m, const void *key, size_t key_len);             /* NULL when absent */
void *map_put(struct map *m, const void *key, size_t key_len, void *value);       /* returns the value it replaced */
void *map_remove(struct map *m, const void *key, size_t key_len);                 /* returns the value */
size_t map_count(const struct map *m);
/* Walk: for (size_t i = 0; map_next(&m, &i, &value);) — the current entry may be removed while walking, none added. */
int map_next(const struct map *m, size_t *at, void **value);
/* For maps that are first filled from here on: keys that collide cannot be guessed. Without it a quick hash does. */
void map_use_secret(const uint8_t secret[16]);
/* For digests: FNV-1a with a final mix, the same everywhere and for ever: names on disk are made of it. */
uint64_t map_hash(const void *bytes, size_t len);
/* For digests of much, which nobody keeps: the same everywhere, eight bytes at a time. */
uint64_t map_digest(const void *bytes, size_t len);
#endif

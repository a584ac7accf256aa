#include "base/map.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

uint64_t map_hash(const void *bytes, size_t len)
{
	const uint8_t *p = bytes;
	uint64_t h = 0xcbf29ce484222325u;
	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 0x100000001b3u;
	h ^= h >> 32;
	h *= 0xd6e8feb86659fd93u;
	return h ^ h >> 32;
}

static uint64_t word(const uint8_t *p, size_t len)
{
	uint64_t v = 0;
	if (len == 8)
		return (uint64_t)p[7] << 56 | (uint64_t)p[6] << 48 | (uint64_t)p[5] << 40 | (uint64_t)p[4] << 32 |
		       (uint64_t)p[3] << 24 | (uint64_t)p[2] << 16 | (uint64_t)p[1] << 8 | p[0];
	for (size_t i = len; i--;)
		v = v << 8 | p[i];
	return v;
}

uint64_t map_digest(const void *bytes, size_t len)
{
	const uint8_t *p = bytes;
	uint64_t h = 0xcbf29ce484222325u ^ len;
	for (size_t at = 0; at < len; at += 8) {
		h = (h ^ word(p + at, len - at < 8 ? len - at : 8)) * 0xd6e8feb86659fd93u;
		h ^= h >> 32;
	}
	h *= 0xd6e8feb86659fd93u;
	return h ^ h >> 32;
}

static uint8_t process_secret[16];
static bool process_has_secret;

void map_use_secret(const uint8_t secret[16])
{
	process_has_secret = true;
	memcpy(process_secret, secret, sizeof process_secret);
}

static uint64_t turned(uint64_t v, int by)
{
	return v << by | v >> (64 - by);
}

static inline __attribute__((always_inline)) void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = turned(v[1], 13) ^ v[0];
	v[3] = turned(v[3], 16) ^ v[2];
	v[0] = turned(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = turned(v[1], 17) ^ v[2];
	v[3] = turned(v[3], 21) ^ v[0];
	v[2] = turned(v[2], 32);
}

/* SipHash-1-3 (Aumasson and Bernstein: SipHash, a fast short-input PRF): fewer rounds than 2-4, and still nobody
 * without the secret makes keys collide. Written here since maps are asked all the time. */
static uint32_t hash_of(const struct map *m, const void *key, size_t len)
{
	const uint8_t *p = key;
	if (!m->secret_set)
		return (uint32_t)map_digest(key, len);
	uint64_t k0 = word(m->secret, 8), k1 = word(m->secret + 8, 8);
	uint64_t v[4] = { k0 ^ 0x736f6d6570736575u, k1 ^ 0x646f72616e646f6du, k0 ^ 0x6c7967656e657261u,
		          k1 ^ 0x7465646279746573u };
	for (size_t at = 0; at + 8 <= len; at += 8) {
		uint64_t some = word(p + at, 8);
		v[3] ^= some;
		sip_round(v);
		v[0] ^= some;
	}
	uint64_t last = word(p + len / 8 * 8, len % 8) | (uint64_t)len << 56;
	v[3] ^= last;
	sip_round(v);
	v[0] ^= last;
	v[2] ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(v);
	return (uint32_t)(v[0] ^ v[1] ^ v[2] ^ v[3]);
}

void map_finish(struct map *m)
{
	for (size_t i = 0; i < m->used && !m->borrows; i++)
		free(m->slots[i].key);
	free(m->slots);
	free(m->index);
	*m = (struct map){ .borrows = m->borrows };
}

static size_t place(const struct map *m, const void *key, size_t len, uint32_t hash)
{
	size_t at = hash & (m->index_cap - 1);
	for (;; at = (at + 1) & (m->index_cap - 1)) {
		uint32_t slot = m->index[at];
		if (!slot)
			return at;
		const struct map_slot *s = &m->slots[slot - 1];
		if (s->key && s->hash == hash && s->key_len == len && (!len || memcmp(s->key, key, len) == 0))
			return at;
	}
}

static void rebuild(struct map *m)
{
	size_t kept = 0;
	if (!m->index_cap) {
		m->secret_set = process_has_secret;
		memcpy(m->secret, process_secret, sizeof m->secret);
	}
	for (size_t i = 0; i < m->used; i++)
		if (m->slots[i].key)
			m->slots[kept++] = m->slots[i];
	m->used = kept;
	if (kept * 2 >= m->cap) {
		m->cap = m->cap ? m->cap * 2 : 16;
		m->slots = mem_grow(m->slots, m->cap, sizeof *m->slots);
	}
	free(m->index);
	m->index_cap = m->cap * 2;
	m->index = mem_alloc(m->index_cap * sizeof *m->index);
	for (size_t i = 0; i < m->used; i++)
		m->index[place(m, m->slots[i].key, m->slots[i].key_len, m->slots[i].hash)] = (uint32_t)i + 1;
}

void *map_find(const struct map *m, const void *key, size_t len)
{
	if (!m->index_cap)
		return NULL;
	uint32_t slot = m->index[place(m, key, len, hash_of(m, key, len))];
	return slot ? m->slots[slot - 1].value : NULL;
}

void *map_put(struct map *m, const void *key, size_t len, void *value)
{
	if (!m->index_cap)
		rebuild(m);
	uint32_t hash = hash_of(m, key, len);
	uint32_t slot = m->index[place(m, key, len, hash)];
	if (slot) {
		void *old = m->slots[slot - 1].value;
		m->slots[slot - 1].value = value;
		return old;
	}
	if (m->used == m->cap)
		rebuild(m);
	m->slots[m->used++] = (struct map_slot){ m->borrows ? (void *)key : mem_copy(key, len), (uint32_t)len,
		                                hash, value };
	m->index[place(m, key, len, hash)] = (uint32_t)m->used;
	m->live++;
	return NULL;
}

void *map_remove(struct map *m, const void *key, size_t len)
{
	if (!m->index_cap)
		return NULL;
	uint32_t slot = m->index[place(m, key, len, hash_of(m, key, len))];
	if (!slot)
		return NULL;
	struct map_slot *s = &m->slots[slot - 1];
	void *value = s->value;
	if (!m->borrows)
		free(s->key);
	s->key = NULL; /* its index entry stays as a tombstone until the next rebuild */
	m->live--;
	return value;
}

size_t map_count(const struct map *m)
{
	return m->live;
}

int map_next(const struct map *m, size_t *at, void **value)
{
	while (*at < m->used) {
		const struct map_slot *s = &m->slots[(*at)++];
		if (s->key) {
			*value = s->value;
			return 1;
		}
	}
	return 0;
}

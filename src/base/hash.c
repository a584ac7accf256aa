#include "base/hash.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* Most of what is hashed is small parts: they are gathered, for an update costs more than their bytes. */
struct gathered {
	crypto_generichash_state state;
	uint8_t bytes[512];
	size_t len;
};

static void flush(struct gathered *g)
{
	crypto_generichash_update(&g->state, g->bytes, g->len);
	g->len = 0;
}

static void add(struct gathered *g, const void *bytes, size_t len)
{
	if (len > sizeof g->bytes - g->len)
		flush(g);
	if (len > sizeof g->bytes) {
		crypto_generichash_update(&g->state, bytes, len);
		return;
	}
	if (len)
		memcpy(g->bytes + g->len, bytes, len);
	g->len += len;
}

static void start(struct gathered *g, const uint8_t *key, const char *domain, size_t out_len)
{
	g->len = 0;
	crypto_generichash_init(&g->state, key, key ? KEY_LEN : 0, out_len);
	add(g, domain, strlen(domain) + 1);
}

static void add_length(struct gathered *g, uint64_t value)
{
	uint8_t len[8];
	for (int k = 0; k < 8; k++)
		len[k] = (uint8_t)(value >> (8 * k));
	add(g, len, sizeof len);
}

static void finish(struct gathered *g, uint8_t *out, size_t out_len)
{
	flush(g);
	crypto_generichash_final(&g->state, out, out_len);
	sodium_memzero(g->bytes, sizeof g->bytes);
}

static void hash_all(uint8_t *out, size_t out_len, const uint8_t *key, const char *domain, const struct span *parts,
		     size_t count)
{
	struct gathered g;
	start(&g, key, domain, out_len);
	for (size_t i = 0; i < count; i++) {
		add_length(&g, parts[i].len);
		add(&g, parts[i].data, parts[i].len);
	}
	finish(&g, out, out_len);
}

struct id hash_id(const uint8_t key[KEY_LEN], const char *domain, const struct span *parts, size_t count)
{
	struct id id;
	hash_all(id.b, sizeof id.b, key, domain, parts, count);
	return id;
}

void hash_key(uint8_t out[KEY_LEN], const uint8_t key[KEY_LEN], const char *domain, const struct span *parts,
	      size_t count)
{
	hash_all(out, KEY_LEN, key, domain, parts, count);
}

struct id hash_plain(const char *domain, const struct span *parts, size_t count)
{
	struct id id;
	hash_all(id.b, sizeof id.b, NULL, domain, parts, count);
	return id;
}

struct hash_run {
	struct gathered g;
};

struct hash_run *hash_run_start(const uint8_t *key, const char *domain)
{
	struct hash_run *r = mem_aligned(sizeof *r, _Alignof(struct hash_run));
	start(&r->g, key, domain, ID_LEN);
	return r;
}

void hash_run_part(struct hash_run *r, uint64_t len)
{
	add_length(&r->g, len);
}

void hash_run_bytes(struct hash_run *r, struct span bytes)
{
	add(&r->g, bytes.data, bytes.len);
}

struct id hash_run_end(struct hash_run *r)
{
	struct id id;
	finish(&r->g, id.b, sizeof id.b);
	hash_run_drop(r);
	return id;
}

void hash_run_drop(struct hash_run *r)
{
	if (r)
		sodium_memzero(r, sizeof *r);
	free(r);
}

#include "base/hash.h"

#include <sodium.h>
#include <string.h>

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

static void hash_all(uint8_t *out, size_t out_len, const uint8_t *key, const char *domain, const struct span *parts,
		     size_t count)
{
	struct gathered g;
	uint8_t len[8];
	g.len = 0;
	crypto_generichash_init(&g.state, key, key ? KEY_LEN : 0, out_len);
	add(&g, domain, strlen(domain) + 1);
	for (size_t i = 0; i < count; i++) {
		for (int k = 0; k < 8; k++)
			len[k] = (uint8_t)((uint64_t)parts[i].len >> (8 * k));
		add(&g, len, sizeof len);
		add(&g, parts[i].data, parts[i].len);
	}
	flush(&g);
	crypto_generichash_final(&g.state, out, out_len);
	sodium_memzero(g.bytes, sizeof g.bytes);
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

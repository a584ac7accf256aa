#include "base/hash.h"

#include <sodium.h>
#include <string.h>

static void hash_all(uint8_t *out, size_t out_len, const uint8_t *key, const char *domain, const struct span *parts,
		     size_t count)
{
	crypto_generichash_state state;
	uint8_t len[8];
	crypto_generichash_init(&state, key, key ? KEY_LEN : 0, out_len);
	crypto_generichash_update(&state, (const uint8_t *)domain, strlen(domain) + 1);
	for (size_t i = 0; i < count; i++) {
		for (int k = 0; k < 8; k++)
			len[k] = (uint8_t)((uint64_t)parts[i].len >> (8 * k));
		crypto_generichash_update(&state, len, sizeof len);
		crypto_generichash_update(&state, parts[i].data, parts[i].len);
	}
	crypto_generichash_final(&state, out, out_len);
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

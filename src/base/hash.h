/* hash: keyed BLAKE2b (libsodium). Each use has a domain word, so that a hash made for one purpose means nothing for
 * another. */
#ifndef BASE_HASH_H
#define BASE_HASH_H
#include "base/blob.h"
#include "base/id.h"

#define KEY_LEN 32

/* 16 bytes over (domain, each part with its length). */
struct id hash_id(const uint8_t key[KEY_LEN], const char *domain, const struct span *parts, size_t count);
/* A 32-byte subkey of `key`. */
void hash_key(uint8_t out[KEY_LEN], const uint8_t key[KEY_LEN], const char *domain, const struct span *parts,
	size_t count);
/* Without a key: for device ids, chain hashes and digests. */
struct id hash_plain(const char *domain, const struct span *parts, size_t count);

/* One of them over parts that come piece by piece: each is announced with its length, and its bytes follow. */
struct hash_run;
struct hash_run *hash_run_start(const uint8_t *key, const char *domain); /* key NULL: without one */
void hash_run_part(struct hash_run *r, uint64_t len);
void hash_run_bytes(struct hash_run *r, struct span bytes);
struct id hash_run_end(struct hash_run *r); /* frees it */
void hash_run_drop(struct hash_run *r);     /* NULL-safe */
#endif

/* version_hash: versions as the tests of the device's disk make them, whole and part by part. */
#ifndef TESTS_UNIT_VERSION_HASH_H
#define TESTS_UNIT_VERSION_HASH_H
#include "base/hash.h"

static struct id version_of(void *ctx, uint8_t meta, struct span content)
{
	struct span parts[2] = { span_of(&meta, 1), content };
	(void)ctx;
	return hash_plain("test", parts, 2);
}

static struct hash_run *version_start(void *ctx, uint8_t meta, uint64_t len)
{
	struct hash_run *r = hash_run_start(NULL, "test");
	(void)ctx;
	hash_run_part(r, 1);
	hash_run_bytes(r, span_of(&meta, 1));
	hash_run_part(r, len);
	return r;
}
#endif

#include "sys/entropy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

void entropy_fill(void *out, size_t len)
{
	uint8_t *at = out;
	while (len) {
		ssize_t n = getrandom(at, len < 256 ? len : 256, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			fputs("syncline: entropy: the kernel gives no random bytes (is this a sandbox?)\n", stderr);
			abort();
		}
		at += n;
		len -= (size_t)n;
	}
}

uint64_t entropy_u64(void)
{
	uint64_t value;
	entropy_fill(&value, sizeof value);
	return value;
}

#include "sim/chance.h"

void chance_init(struct chance *c, uint64_t seed)
{
	for (unsigned i = 0; i < CHANCE_STREAMS; i++)
		rng_seed(&c->stream[i], seed * 1000003u + i);
}

uint64_t chance_below(struct chance *c, enum chance_stream s, uint64_t bound)
{
	return rng_below(&c->stream[s], bound);
}

uint64_t chance_between(struct chance *c, enum chance_stream s, uint64_t low, uint64_t high)
{
	return low + rng_below(&c->stream[s], high - low + 1);
}

bool chance_hit(struct chance *c, enum chance_stream s, uint32_t per_million)
{
	return per_million && rng_below(&c->stream[s], 1000000) < per_million;
}

void chance_fill(struct chance *c, enum chance_stream s, void *out, size_t len)
{
	uint8_t *at = out;
	while (len) {
		uint64_t value = rng_next(&c->stream[s]);
		for (int i = 0; i < 8 && len; i++, len--, value >>= 8)
			*at++ = (uint8_t)value;
	}
}

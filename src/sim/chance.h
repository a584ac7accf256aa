/* chance: the dice of the simulated world. One stream of random numbers for each area, all from one seed, so that a
 * change in how one area draws does not reshuffle the others. */
#ifndef SIM_CHANCE_H
#define SIM_CHANCE_H
#include <stdbool.h>
#include <stddef.h>

#include "base/rng.h"

enum chance_stream {
	CHANCE_SETUP,
	CHANCE_PERSON,
	CHANCE_NET,
	CHANCE_DISK,
	CHANCE_PROCESS,
	CHANCE_HUB,
	CHANCE_TIME,
	CHANCE_ENTROPY,
	CHANCE_STREAMS
};

struct chance {
	struct rng stream[CHANCE_STREAMS];
};

void chance_init(struct chance *c, uint64_t seed);
uint64_t chance_below(struct chance *c, enum chance_stream s, uint64_t bound);
uint64_t chance_between(struct chance *c, enum chance_stream s, uint64_t low, uint64_t high); /* both included */
bool chance_hit(struct chance *c, enum chance_stream s, uint32_t per_million);                /* 0 draws nothing */
void chance_fill(struct chance *c, enum chance_stream s, void *out, size_t len);
#endif

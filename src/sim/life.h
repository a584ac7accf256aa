/* life: one random life of a cluster, from a seed: some minutes of edits under faults, then calm, then a reckoning:
 * everything quiet and equal; a restart that changes nothing; every conflict settled. */
#ifndef SIM_LIFE_H
#define SIM_LIFE_H
#include "sim/cluster.h"
#include "sim/outcome.h"

struct life_setup {
	uint64_t seed;
	unsigned devices, seconds;
	bool trace;
	enum life_stores { LIFE_STORES_DRAWN, LIFE_STORES_MODEL, LIFE_STORES_REAL } stores;
	bool thin;        /* every device thins its history each second */
	bool whole_calls; /* faults strike at calls of the world only, not within a real store's own */
	uint64_t without;       /* 1 << a fault that does not happen in this life; everything else falls as it would */
	struct choices *record; /* NULL; or the choices of this life are added to it */
	struct choices *play;   /* NULL; or the life is this list, made ready, and the seed is only for entropy */
	const char *until;      /* NULL; or a text: the life breaks, as X1, where a note or the story holds it */
	struct buf *trail;      /* NULL; or the digest at each 1,000th step is added */
	struct buf *story;      /* NULL; or what people and faults do is told here */
};

struct life_result {
	struct tally tally;
	struct breach breach;
	struct outcome outcome;
	uint64_t digest;
};

void life_run(const struct life_setup *s, struct life_result *out);
#endif

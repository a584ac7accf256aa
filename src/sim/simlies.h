/* simlies: a hub that lies. It holds no key, so it can withhold, repeat and make up, but not seal. A lie about an entry
 * is told to one device and stays the same however often the device asks, until the faults end. */
#ifndef SIM_SIMLIES_H
#define SIM_SIMLIES_H
#include "sim/cluster.h"

struct simlie {
	unsigned node;
	uint64_t seq;
	struct change change; /* what the hub says that entry is */
	struct blob body;
};

/* The frame as the hub sends it: false, it is withheld. `out` is new memory, empty where the hub speaks the truth. */
bool simlies_tell(struct cluster *cl, unsigned node, struct span frame, struct buf *out);
void simlies_end(struct cluster *cl);
#endif

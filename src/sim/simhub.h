/* simhub: the hub's process in the simulated world: the real hub core over a store that may lose its last batch. */
#ifndef SIM_SIMHUB_H
#define SIM_SIMHUB_H
#include "sim/cluster.h"

struct simevent { /* in the inbox; bytes are ours */
	struct hub_event e;
	uint8_t *bytes;
};

void simhub_start(struct cluster *cl);
void simhub_use_real_store(struct cluster *cl);
void simhub_boot(struct cluster *cl);
void simhub_kill(struct cluster *cl); /* and boots again a little later */
void simhub_restore(struct cluster *cl, uint64_t seq);
void simhub_push(struct cluster *cl, enum hub_event_type type, uint64_t conn, struct span bytes);
void simhub_turn(struct cluster *cl, uint64_t serial);
void simhub_finish(struct cluster *cl);
#endif

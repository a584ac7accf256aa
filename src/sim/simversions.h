/* simversions: a simulated device's version store, as versions_git.h has it: contents over a part are staged while they
 * come and read part by part, and whoever misuses that is found out. */
#ifndef SIM_SIMVERSIONS_H
#define SIM_SIMVERSIONS_H
#include "engine/core/world.h"

struct simnode;

struct simstaged { /* written ahead: gone with the process */
	struct blob content;
	const uint8_t *at; /* where the engine had it: compared, never read */
	struct id version; /* zero: not known yet */
};

bool simversions_put(void *ctx, const struct id *version, uint8_t meta, struct span content);
bool simversions_get(void *ctx, const struct id *version, struct blob *content, uint8_t *meta);
bool simversions_has(void *ctx, const struct id *version);
enum got simversions_read(void *ctx, const struct id *version, struct blob *content, uint8_t *meta);
void simversions_stage(void *ctx, const struct id *version, struct span so_far);
void simversions_forget(struct simnode *n); /* the process is gone */
#endif

/* simreal: the disk under a real store of one process, the hub's or a device's, and what goes wrong on it: in the
 * middle of SQLite's own calls, which the model of a store (simledger.h, the hub's in memory) has not. */
#ifndef SIM_SIMREAL_H
#define SIM_SIMREAL_H
#include "sim/simnode.h"
#include "sim/simvfs.h"

struct simreal {
	struct cluster *cl;
	struct simnode *n; /* NULL: the hub's */
	struct simvfs *disk;
	bool armed; /* troubles may strike: the process runs */
};

struct simreal *simreal_create(struct cluster *cl, struct simnode *n);
void simreal_destroy(struct simreal *r);          /* NULL-safe */
void simreal_die(struct simreal *r, bool power);  /* NULL-safe */
#endif

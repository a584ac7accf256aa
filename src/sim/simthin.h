/* simthin: thinning in the simulated world. The same decision as the real job's (engine/core/category/retention.h), a
 * rule for lives of minutes, and what is needed learnt as engine/io/thinning.h says. Judges still see what went. */
#ifndef SIM_SIMTHIN_H
#define SIM_SIMTHIN_H
#include "sim/simnode.h"

#define SIMTHIN_RULE "all 5s, last 1"

/* A whole pass over the device's history, between turns. */
void simthin_run(struct simnode *n);
#endif

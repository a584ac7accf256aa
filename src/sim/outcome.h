/* outcome: what a life came to, for comparing it with the same life in which one thing was different that should not
 * matter (metamorphic tests). What is decided by wall clocks, as the strategy `newest` is, is left out. */
#ifndef SIM_OUTCOME_H
#define SIM_OUTCOME_H
#include "sim/cluster.h"

struct outcome {
	uint64_t folders; /* names, kinds and bytes on every device */
	uint64_t log;     /* who put which version of what, in the log's order */
};

struct outcome outcome_of(struct cluster *cl);
#endif

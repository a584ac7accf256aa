/* evidence: what a run of many lives was made of and what was checked in it: for people, or as JSON. */
#ifndef SIM_EVIDENCE_H
#define SIM_EVIDENCE_H
#include "sim/life.h"

struct evidence {
	uint64_t seed, lives, devices;
	struct tally sum;
	uint64_t digest;
	bool twice;
	double spent_s; /* of the processor */
};

void evidence_add(struct evidence *e, const struct life_result *r);
void evidence_print(const struct evidence *e);
/* The same as one line; broken: NULL, or the life that broke. */
void evidence_json(const struct evidence *e, const struct life_setup *broken, const struct breach *breach);
#endif

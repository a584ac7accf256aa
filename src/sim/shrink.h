/* shrink: makes a life that breaks something as small as it gets and still breaks the same thing, so that a person can
 * read it: drops jitter, devices, faults and acts (delta debugging: Zeller and Hildebrandt, "Simplifying and isolating
 * failure-inducing input", 2002), cuts out the time in which nothing happens, and lowers numbers. */
#ifndef SIM_SHRINK_H
#define SIM_SHRINK_H
#include "sim/trace.h"

struct shrink {
	/* Lives the trace, whose choices are made ready: does it still break what it should? Choices that it asked for
	 * are marked as used. */
	bool (*breaks)(void *ctx, struct trace *t);
	void (*progress)(void *ctx, const struct trace *t, unsigned tries); /* may be NULL */
	void *ctx;
	double cpu_s;         /* at most */
	unsigned tries, kept; /* out: candidates lived, and those that were smaller and still broke it */
};

/* False: it does not break even as it is given; else it is smaller. */
bool shrink_trace(struct shrink *s, struct trace *t);
#endif

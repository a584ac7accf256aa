/* trace: a life as a list of choices, in a small text that people read, keep and send. What stands nowhere in it does
 * not happen. It is not trusted: every number and name is bounded, and what this build does not know is refused.
 *
 *   syncline-trace 1
 *   # what the bug was, in free words
 *   breaks I1               the invariant that did not hold
 *   until power.*desk       (optional) instead: a piece of text; the life ends where it is told
 *   seed 4711               for keys and nonces only
 *   devices 2
 *   seconds 14              how long people act and things fail; then there is calm, and a reckoning
 *   set 40000/4294967296 delay_us
 *   3.1 desk act 0 1=230000/1000000 2=55/100
 *   14 desk power 17
 *
 * A line of choices: when, who (a device, or hub), the area or fault, and its choices there: INDEX=VALUE/BOUND, or
 * INDEX alone for what strikes. When is a second of the life; calm+N, a second after the faults ended; for acts
 * SECOND.SLOT, or before.N; always, where time does not matter.
 *
 * What is promised when the code changes: acts stay the same acts, by the same people, at the same times, whatever the
 * engine does. A fault strikes at the same occasion (call, frame, dial) of its second; where the code has more or fewer
 * of them, it strikes at a neighbour within that second. Lists therefore stay meaningful, not exact. */
#ifndef SIM_TRACE_H
#define SIM_TRACE_H
#include "base/blob.h"
#include "base/buf.h"
#include "base/err.h"
#include "sim/choices.h"

#define TRACE_BYTES_MAX   (4u * 1024 * 1024)
#define TRACE_CHOICES_MAX 200000
#define TRACE_SECONDS_MAX 6000000

struct trace {
	uint64_t seed;
	unsigned devices, seconds;
	char invariant[8], until[120];
	struct choices choices;
	char **names; /* of settings that were read */
	size_t name_count, name_cap;
};

void trace_finish(struct trace *t);
/* What the choices strike and who acts: the size of a life, for people. */
struct trace_size {
	unsigned acts, faults, others; /* others: jitter and the like */
};
struct trace_size trace_measure(const struct trace *t);
/* Remarks are lines that begin with '#' already. */
void trace_write(const struct trace *t, const char *remarks, struct buf *out);
bool trace_read(struct span text, struct trace *out, struct err *e);
#endif

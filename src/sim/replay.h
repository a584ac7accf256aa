/* replay: what becomes of a life that broke something: it is lived again to learn its choices, shrunk, written to a
 * file and told as a story; and a file is played again. */
#ifndef SIM_REPLAY_H
#define SIM_REPLAY_H
#include "sim/life.h"

/* Shrinks a life that broke, for so long at most, says what is left of it, and writes it to `sim-SEED.trace` in the
 * current folder. */
void replay_shrunk(const struct life_setup *s, const struct life_result *broke, double cpu_s);
/* Plays a file, and again with each fault up to `nearby` occasions earlier and later. What breaks is shrunk
 * further for so long, and written back. Exit code: 0, it breaks nothing; 1, it does; 2, the file is none. */
int replay_file(const char *file, unsigned nearby, double cpu_s, bool trace);
#endif

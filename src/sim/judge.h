/* judge: what must be true. At each append, send and replacement: judge_appended, judge_frame_up, judge_destroys. At
 * rest: judge_rest. The names: I… hold at each step, Q… when all is quiet (guarantees.md). */
#ifndef SIM_JUDGE_H
#define SIM_JUDGE_H
#include "sim/simnode.h"

void judge_appended(struct cluster *cl, const struct simentry *e, const struct simentry *base);
/* The engine is about to make these bytes vanish from the disk. */
void judge_destroys(struct simnode *n, const struct id *version);
/* It has put other bytes in the place of these: nobody's edit may go that way. */
void judge_replaces(struct simnode *n, const struct simfile *f, const struct place *p);
void judge_frame_up(struct simnode *n, bool text, struct span frame);
void judge_frame_down(struct cluster *cl, uint64_t conn, bool text, struct span frame);
void judge_claims(struct simnode *n); /* a device that says "quiet" and has heard everything must be right */
bool judge_quiet(struct cluster *cl, char *why, size_t cap);
/* Everything is quiet: trees, heads, conflicts, tokens. */
void judge_rest(struct cluster *cl);
uint64_t judge_digest(struct cluster *cl);
#endif

/* judge: what must be true. At each append, send and replacement: judge_appended, judge_frame_up, judge_destroys. At
 * rest: judge_rest. The names: I… hold at each step, Q… when all is quiet (guarantees.md). */
#ifndef SIM_JUDGE_H
#define SIM_JUDGE_H
#include "engine/core/settle.h"
#include "sim/simnode.h"

void judge_appended(struct cluster *cl, const struct simentry *e, const struct simentry *base);
/* The engine is about to make these bytes vanish from the disk. */
void judge_second(struct cluster *cl); /* each second */
void judge_places(struct simnode *n, const struct simfile *f, uint64_t seq); /* the file was made to hold that entry */
void judge_destroys(struct simnode *n, const struct id *version);
/* It has put other bytes in the place of these: nobody's edit may go that way. */
void judge_replaces(struct simnode *n, const struct simfile *f, const struct place *p);
void judge_frame_up(struct simnode *n, bool text, struct span frame);
void judge_frame_down(struct cluster *cl, uint64_t conn, bool text, struct span frame);
void judge_saves(struct simnode *n, const struct item_row *row);   /* a row of the ledger */
void judge_saves_change(struct simnode *n, const struct outbox_row *row);
uint64_t judge_made_from(struct simnode *n, uint64_t counter); /* when it was made: what its file was made from, at least */
void judge_reader(struct simnode *n, const struct simfile *f);     /* somebody opens it right now */
void judge_says(struct simnode *n, const char *text);              /* in its log */
void judge_turn(struct simnode *n);                                /* a turn has ended */
/* A conflict as a person sees it who settles it, and the way that is chosen. */
struct judged_conflict {
	enum keep keep;
	bool known; /* which of the item's conflicts it is */
	struct id base, mine, theirs; /* zero: there is none */
};
void judge_conflict(struct simnode *n, const char *category, const char *path, struct judged_conflict *out);
void judge_chose(struct simnode *n, unsigned number, const char *category, const char *path, const struct judged_conflict *was);
bool judge_files(struct simnode *n);                               /* the core knows what the files hold */
bool judge_synced(const struct cluster *cl, const char *name);     /* is it a name of a category */
enum strategy judge_strategy(const struct cluster *cl, unsigned path); /* of the name's category */
void judge_finish(struct cluster *cl);
void judge_claims(struct simnode *n); /* a device that says "quiet" and has heard everything must be right */
bool judge_quiet(struct cluster *cl, char *why, size_t cap);
/* Everything is quiet: trees, heads, conflicts, tokens. */
void judge_rest(struct cluster *cl);
/* A hub was put back, or lied: what it forgot is offered again. */
bool judge_went_back(const struct cluster *cl);
uint64_t judge_digest(struct cluster *cl);
#endif

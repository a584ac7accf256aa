/* simnode: a device in the simulated world: a real engine core behind a world table in which every call may be preceded
 * by a person's edit, may fail, and may be the last before a crash. */
#ifndef SIM_SIMNODE_H
#define SIM_SIMNODE_H
#include "sim/cluster.h"
#include "sim/kernel.h"
#include "sim/simio.h"
#include "sim/simnet.h"
#include "sim/simversions.h"

struct nodeevent { /* in the inbox */
	struct event e;
	uint64_t conn; /* link events: of this connection only */
	void *room;    /* where its names and bytes are; its text is a constant */
};

struct simsent { /* waits for the turn's commit */
	uint64_t conn;
	bool text;
	struct blob frame;
};

enum simdeath { DEATH_NONE, DEATH_KILL, DEATH_POWER, DEATH_LEDGER };

#define SIMNODE_CATEGORIES 16

struct simnode {
	struct cluster *cl;
	unsigned index;
	unsigned dice; /* the stream that its person draws from */
	char name[16];
	struct id device;
	uint8_t secret[SIGN_SECRET_LEN];
	struct core *core;   /* NULL: not running */
	enum simdeath dying; /* decided, but the step has not returned yet: the world is deaf */
	unsigned life;
	bool asleep, partitioned, joined, stopped; /* stopped: a story keeps it off */
	unsigned die_parts;                        /* a story: killed when it has placed so many parts of large files; 0: not */
	uint64_t parts;                            /* placed */
	struct simfile *rushed;                    /* a story: before the next exchange of names this is written to, in place, */
	struct blob rush;                          /* and holds that */
	bool die_placing;                          /* a story: killed when it has placed the next file, before it can say so */
	bool lose_answer;                          /* a story: the next confirmation to it is lost with its link */
	bool miss_answer;                          /* … is lost, and the link lives on */
	bool wrong_answer;                         /* … names a change that was never sent */
	unsigned choosing;                         /* 1 + the number of the file that a person's choice is put into just now */
	bool slow_line;                            /* … its connections take 20 bytes a ms */
	bool unclean;                              /* the last life did not end by itself */
	bool cut;                                  /* but with its power, and no life since has saved that it knows */
	struct category_row doubts[SIMNODE_CATEGORIES]; /* saved: where files may be lost to a power cut */
	struct category_row doubted[SIMNODE_CATEGORIES]; /* … and what the open turn makes of it */
	bool restored;                             /* its state came from a backup: it may lack versions it once sent */
	struct simdisk disk;
	struct simkernel kernel;
	struct simio io;
	struct simfile *near; /* what the engine works on: people's favourite */
	uint64_t raced_us;
	unsigned act_depth;   /* of people's acts that are made of others */
	struct simfile **fresh; /* replaced since the last commit */
	size_t fresh_count, fresh_cap;
	struct simledger ledger, backup;
	struct simstaged captured, received; /* large contents on their way to the store */
	struct simreal *real; /* under the ledger; NULL: it is only a model */
	bool has_backup;
	struct nodeevent *inbox;
	size_t inbox_count, inbox_cap;
	struct simsent *outgoing;
	size_t outgoing_count, outgoing_cap;
	uint64_t conn; /* 0: none */
	uint64_t turn_at_us, turn_serial;
	uint64_t mono_us; /* added to virtual time */
	int64_t wall_ms;  /* added to wall time */
	int64_t drift_ppm; /* how fast it goes wrong */
	uint64_t idle_turns, idle_since_us, went_on;
	unsigned hints; /* events that the engine has not read yet */
	struct simfile *placed; /* last: somebody reads it again and again */
};

struct simnode *simnode_create(struct cluster *cl, unsigned index, const char *name);
void simnode_destroy(struct simnode *n);
void simnode_boot(struct simnode *n);
void simnode_stop(struct simnode *n);                     /* SIGTERM: between turns, all committed */
void simnode_crash(struct simnode *n, enum simdeath how); /* between turns; boots again a little later */
void simnode_push(struct simnode *n, const struct event *e, uint64_t conn);
void simnode_turn(struct simnode *n, uint64_t serial);
void simnode_wake(struct simnode *n, uint64_t at_us); /* a turn at the latest then */
void simnode_clock(struct simnode *n);                /* core_clock with the device's idea of now */
uint64_t simnode_now_ms(const struct simnode *n);
bool simnode_opens_large(const struct simnode *n); /* its content is being expanded, between two parts */
int64_t simnode_wall_ms(const struct simnode *n);
void simnode_rescan(struct simnode *n); /* the watcher lost events: everything is looked at again */
void simnode_keep_backup(struct simnode *n);
void simnode_restore_backup(struct simnode *n); /* only when it is not running */
void simnode_lose_state(struct simnode *n); /* only when it is not running: ledger and versions are gone, keys are not */
void simnode_end_turn(struct simnode *n);       /* commit and send, after a person's act on the core */
/* What happens to the disk by itself: a root goes, or comes back; what: 0 all is allowed, 1 EACCES, 2 EROFS. */
void simnode_move_root(struct simnode *n, const char *category);
enum simroot { ROOT_THERE, ROOT_AWAY, ROOT_EMPTY }; /* empty: the mount point, with nothing mounted on it */
bool simnode_set_root(struct simnode *n, const char *category, enum simroot how); /* false: it is so already */
void simnode_change_rights(struct simnode *n, struct siminode *i, uint64_t what);
void simnode_calm_disk(struct simnode *n); /* all roots there, all allowed, room enough */
/* For the file rooms: the engine put another file there; it is about to unlink these bytes; bytes to be stored at once. */
void simnode_fresh(struct simnode *n, struct simfile *f);
void simnode_destroys(struct simnode *n, const struct siminode *i);
bool simnode_keep(struct simnode *n, const struct id *item, const struct id *version, uint8_t meta, struct span content);
struct id simnode_version(const struct simnode *n, struct simfile *f); /* what it holds; zero when absent */
#endif

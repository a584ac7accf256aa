/* cluster: the whole simulated world: devices with real engine cores, the real hub core, and all that lies between and
 * around them, in virtual time.
 *
 *   simnode    a device: its world table, its turns, its crashes
 *   simhub     the hub's process
 *   simnet     connections between them
 *   person     who edits, and never waits for a good moment
 *   judge      what must always be true
 *   life       a random life from a seed        story   a life from a script
 *
 * Nothing here reads a real clock, file or socket; the same seed gives the same life to the byte. */
#ifndef SIM_CLUSTER_H
#define SIM_CLUSTER_H
#include "engine/core/core.h"
#include "hub/core/hub_core.h"
#include "sim/agenda.h"
#include "sim/chance.h"
#include "sim/simdisk.h"
#include "sim/simledger.h"
#include "sim/simstore.h"
#include "sim/witness.h"

#define CLUSTER_NODES_MAX 16
#define CLUSTER_WALL_MS   1767225600000LL /* when a life starts: 2026-01-01T00:00:00Z */

/* What may go wrong, per million of each occasion; all zero: a good day. */
struct rates {
	/* net, per frame or dial */
	uint32_t cut, half_open, dial_refused, dial_silent;
	uint32_t answer_lost; /* per confirmation: applied, and the sender never hears of it */
	uint32_t garble;      /* bits flipped, garbage, cut short, a proxy's page */
	uint32_t slow_link;   /* per connection: the other end reads slowly */
	uint64_t delay_us;    /* mean of the delay of a frame, above 100 µs */
	uint32_t partition;   /* per second: of some of the devices; heals one by one */
	/* disk, per call of the world */
	uint32_t race; /* a person edits right before the call */
	uint32_t look_error, look_busy, place_error, ledger_full;
	uint32_t hint_lost, hint_late, unseen; /* unseen: an edit that makes no event at all */
	/* processes */
	uint32_t kill, power;               /* per call of the world */
	uint32_t sleep, restart;            /* per device and second */
	uint32_t hub_kill;                  /* per call of the hub's world */
	uint32_t hub_full;                  /* per batch */
	uint32_t hub_restore, node_restore; /* per second: an old backup is put back */
	uint32_t clock_jump;                /* per device and second */
};

struct tally { /* what a life was made of */
	uint64_t steps, edits, races, kills, power_cuts, restarts, hub_kills, hub_restores, node_restores, cuts,
	        half_opens, reconnects, partitions, frames, lost_frames, lost_answers, stale_frames, garbled, conflicts, settlements, ledger_failures,
	        hints_lost, clock_jumps, rollbacks, log, turns, versions, places, checks;
	uint64_t virtual_us;
};

struct cluster;
struct simnode;
struct simconn;

struct breach { /* the first invariant that did not hold */
	bool found;
	char invariant[8], text[600];
	uint64_t step, at_us;
};

struct simhub {
	struct cluster *cl;
	struct hub_core *core;
	struct store *store;
	bool up, dying; /* dying: killed, but its step has not returned yet */
	unsigned life;
	struct simevent *inbox;
	size_t inbox_count, inbox_cap;
	uint64_t turn_at_us, turn_serial;
};

struct cluster {
	uint64_t seed, now_us, until_us;
	struct chance chance;
	struct rates rates;
	struct agenda agenda;
	struct witness witness;
	struct simnode *nodes[CLUSTER_NODES_MAX];
	unsigned node_count;
	struct simhub hub;
	struct simconn **conns;
	size_t conn_count, conn_cap;
	uint8_t account_key[KEY_LEN];
	struct id hub_id;
	const struct category_setup *categories;
	size_t category_count;
	struct tally tally;
	struct breach breach;
	bool acting;     /* people edit by themselves (random lives) */
	bool trace;      /* say on stderr what happens */
	uint64_t digest; /* over all that happened */
	uint64_t digested_step;
};

struct cluster *cluster_create(uint64_t seed, unsigned nodes, const struct category_setup *categories,
                               size_t category_count);
void cluster_destroy(struct cluster *cl);
void cluster_run(struct cluster *cl, uint64_t for_us); /* until then, or until an invariant breaks */
/* Ends every fault: partitions heal, everything boots. */
void cluster_calm(struct cluster *cl);
/* Runs until every device is quiet and nothing is under way, for at most so long. People say yes to what they are
 * asked… */
bool cluster_settle(struct cluster *cl, uint64_t limit_us);
bool cluster_settle_alone(struct cluster *cl, uint64_t limit_us); /* … or nobody is there */
/* An invariant does not hold. Only the first is kept. */
void cluster_break(struct cluster *cl, const char *invariant, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
void cluster_note(struct cluster *cl, const char *format, ...) __attribute__((format(printf, 2, 3))); /* trace */
void cluster_mix(struct cluster *cl, const void *bytes, size_t len); /* into the digest */
struct simnode *cluster_node_of(struct cluster *cl, const struct id *device);
int64_t cluster_wall_ms(const struct cluster *cl);
#endif

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
#include "sim/invariants.h"
#include "sim/simdisk.h"
#include "sim/simledger.h"
#include "sim/simstore.h"
#include "sim/witness.h"

#define CLUSTER_NODES_MAX 16
#define CLUSTER_WALL_MS   1767225600000LL /* when a life starts: 2026-01-01T00:00:00Z */

/* What may go wrong, per million of each occasion; all zero: a good day. */
struct rates {
	union {
		uint32_t of[FAULT_COUNT];
		struct {
#define F(name, area, most, words) uint32_t name;
			FAULTS(F)
#undef F
		};
	};
	uint64_t delay_us; /* mean of the delay of a frame, above 100 µs */
};

struct tally { /* what a life was made of */
	uint64_t steps, edits, races, kills, power_cuts, restarts, hub_kills, hub_restores, node_restores, cuts,
	        half_opens, reconnects, partitions, frames, lost_frames, lost_answers, stale_frames, garbled, rotten, lost_states, lies, conflicts,
	        settlements, ledger_failures, hints_lost, clock_jumps, rollbacks, log, turns, versions, places, thinned;
	uint64_t virtual_us;
	uint64_t faults[FAULT_COUNT], checked[INVARIANT_COUNT];
};

struct cluster;
struct simnode;
struct simconn;
struct simlie;

struct breach { /* the first invariant that did not hold */
	bool found;
	char invariant[8], text[600];
	uint64_t step, at_us;
};

struct simhub {
	struct cluster *cl;
	struct hub_core *core;
	struct store *store;
	struct store *memory; /* behind it, unless the stores are real */
	struct simreal *real;
	bool up, dying; /* dying: killed, but its step has not returned yet */
	uint64_t slowness, slow_until_us; /* times as slow, until then */
	bool power;     /* it was its power, at the last death */
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
	struct judge *judge; /* its own memory, see judge.c */
	struct simnode *nodes[CLUSTER_NODES_MAX];
	unsigned node_count;
	struct simhub hub;
	struct simconn **conns;
	size_t conn_count, conn_cap;
	struct simlie *lies;
	size_t lie_count, lie_cap;
	uint8_t account_key[KEY_LEN], version_key[KEY_LEN];
	struct id hub_id;
	const struct category_setup *categories;
	size_t category_count;
	struct tally tally;
	struct breach breach;
	bool real;       /* stores are SQLite's, on simulated disks (simreal.h) */
	bool acting;     /* people edit by themselves (random lives) */
	bool backwards;  /* scans list files the other way round */
	bool thins;      /* histories are thinned each second */
	bool narrow;     /* connections take few bytes at a time */
	bool large;      /* people have large files, and lines are slow */
	size_t part_bytes; /* a story's; 0: by the seed */
	bool idle_writers; /* programs open a file for writing, and write later */
	bool trace;      /* say on stderr what happens */
	const char *until; /* when a note holds this text, the life breaks as X1; NULL: never */
	struct buf *story; /* what people and faults do is told here, in plain words; NULL: nobody listens */
	uint64_t calm_us;  /* since when there are no faults; 0: there are */
	struct buf *trail; /* the digest is added at each 1,000th step; NULL: not */
	uint64_t digest; /* over all that happened */
	uint64_t digested_step;
};

struct cluster *cluster_create(uint64_t seed, unsigned nodes, const struct category_setup *categories,
                               size_t category_count);
void cluster_destroy(struct cluster *cl);
size_t cluster_part_bytes(const struct cluster *cl); /* core_setup.part_bytes: small in a third of all lives */
void cluster_use_real_stores(struct cluster *cl); /* before anything has booted */
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
/* It was looked at and held, unless cluster_break says otherwise. */
static inline void cluster_checked(struct cluster *cl, enum invariant invariant)
{
	cl->tally.checked[invariant]++;
}
void cluster_note(struct cluster *cl, const char *format, ...) __attribute__((format(printf, 2, 3))); /* trace */
/* The same, and a line of the story: what a person or a fault did, not what came of it. */
void cluster_tell(struct cluster *cl, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Does this fault strike now, by its rate? It is counted and told. What it does further is drawn with cluster_drawn. */
bool cluster_strikes(struct cluster *cl, enum fault fault, const struct simnode *n); /* NULL: the hub, the world */
uint64_t cluster_drawn(struct cluster *cl, enum fault fault, const struct simnode *n, uint64_t bound);
void cluster_mix(struct cluster *cl, const void *bytes, size_t len); /* into the digest */
struct simnode *cluster_node_of(struct cluster *cl, const struct id *device);
const char *cluster_device_name(unsigned index);
int64_t cluster_wall_ms(const struct cluster *cl);
#endif

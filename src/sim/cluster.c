#include "sim/cluster.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/mem.h"
#include "sim/judge.h"
#include "sim/person.h"
#include "sim/simhub.h"
#include "sim/simlies.h"
#include "sim/simnet.h"
#include "sim/simnode.h"
#include "sim/simthin.h"

#define DIGEST_STEPS 1000
#define HEAL         100000 /* per million and second: a device that was cut off comes back, in no order */

static const char *const names[CLUSTER_NODES_MAX] = { "laptop", "desk", "phone", "server", "tablet", "work",
	                                              "attic",  "boat", "car",   "den",    "elm",    "fox",
	                                              "gym",    "hut",  "ink",   "jar" };

struct cluster *cluster_create(uint64_t seed, unsigned nodes, const struct category_setup *categories,
                               size_t category_count)
{
	struct cluster *cl = mem_alloc(sizeof *cl);
	if (sodium_init() < 0)
		abort();
	cl->seed = seed;
	chance_init(&cl->chance, seed);
	chance_fill(&cl->chance, CHANCE_SETUP, cl->account_key, sizeof cl->account_key);
	hash_key(cl->version_key, cl->account_key, "syncline version", NULL, 0);
	chance_fill(&cl->chance, CHANCE_SETUP, &cl->hub_id, sizeof cl->hub_id);
	cl->categories = categories;
	cl->category_count = category_count;
	simhub_start(cl);
	simhub_boot(cl);
	for (unsigned i = 0; i < nodes && i < CLUSTER_NODES_MAX; i++)
		cl->nodes[cl->node_count++] = simnode_create(cl, i, names[i]);
	agenda_add(&cl->agenda, 1000000, AGENDA_FAULTS, 0, 0, NULL);
	return cl;
}

size_t cluster_part_bytes(const struct cluster *cl)
{
	bool small = cl->seed % 3 == 2;
	return cl->part_bytes ? cl->part_bytes : !small ? LIMIT_PART_BYTES : cl->large || !cl->acting ? 16384 : 600;
}

void cluster_destroy(struct cluster *cl)
{
	if (!cl)
		return;
	for (unsigned i = 0; i < cl->node_count; i++)
		simnode_destroy(cl->nodes[i]);
	simhub_finish(cl);
	simlies_end(cl);
	simnet_finish(cl);
	agenda_finish(&cl->agenda);
	witness_finish(&cl->witness);
	judge_finish(cl);
	free(cl);
}

const char *cluster_device_name(unsigned index)
{
	return names[index];
}

void cluster_use_real_stores(struct cluster *cl)
{
	cl->real = true;
	simhub_use_real_store(cl);
}

int64_t cluster_wall_ms(const struct cluster *cl)
{
	return CLUSTER_WALL_MS + (int64_t)(cl->now_us / 1000);
}

struct simnode *cluster_node_of(struct cluster *cl, const struct id *device)
{
	struct simnode *found = NULL; /* of clones, the one that runs */
	for (unsigned i = 0; i < cl->node_count; i++)
		if (id_equal(&cl->nodes[i]->device, device) && (!found || !found->core))
			found = cl->nodes[i];
	return found;
}

void cluster_break(struct cluster *cl, const char *invariant, const char *format, ...)
{
	if (cl->breach.found)
		return;
	struct breach *b = &cl->breach;
	b->found = true;
	b->step = cl->tally.steps;
	b->at_us = cl->now_us;
	snprintf(b->invariant, sizeof b->invariant, "%s", invariant);
	va_list args;
	va_start(args, format);
	vsnprintf(b->text, sizeof b->text, format, args);
	va_end(args);
	cluster_note(cl, "BROKEN %s: %s", b->invariant, b->text);
}

static void note(struct cluster *cl, const char *text)
{
	if (cl->trace)
		fprintf(stderr, "%10.4f %s\n", (double)cl->now_us / 1e6, text);
	if (cl->until && !cl->breach.found && strstr(text, cl->until))
		cluster_break(cl, "X1", "%s", text);
}

void cluster_note(struct cluster *cl, const char *format, ...)
{
	if (!cl->trace && !cl->until)
		return;
	char text[1000];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	note(cl, text);
}

void cluster_tell(struct cluster *cl, const char *format, ...)
{
	if (!cl->trace && !cl->until && !cl->story)
		return;
	char text[1000];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (cl->story && !cl->breach.found)
		buf_printf(cl->story, "%9.3f s  %s\n", (double)cl->now_us / 1e6, text);
	note(cl, text);
}

static unsigned fault_stream(enum fault fault, const struct simnode *n)
{
	return n ? chance_of(CHANCE_FAULTS + fault, n->index) : CHANCE_FAULTS + fault;
}

bool cluster_strikes(struct cluster *cl, enum fault fault, const struct simnode *n)
{
	static const char *const words[] = {
#define F(name, area, most, words) words,
		FAULTS(F)
#undef F
	};
	if (!chance_hit(&cl->chance, fault_stream(fault, n), cl->rates.of[fault]))
		return false;
	cl->tally.faults[fault]++;
	cluster_tell(cl, strncmp(words[fault], "is ", 3) == 0 ? "%s %s" : "%s: %s", n ? n->name : "the hub",
	             words[fault]);
	return true;
}

uint64_t cluster_drawn(struct cluster *cl, enum fault fault, const struct simnode *n, uint64_t bound)
{
	return chance_below(&cl->chance, fault_stream(fault, n), bound);
}

void cluster_mix(struct cluster *cl, const void *bytes, size_t len)
{
	cl->digest = (cl->digest ^ map_digest(bytes, len)) * 0x9e3779b97f4a7c15u;
	cl->digest ^= cl->digest >> 29;
}

/* Is there another copy: in a file of this device, or in another's store? The last one of all is spared: what is lost
 * with it is lost, and a device that wants it says so for ever. */
static bool has_copy(const struct simnode *n, const struct simversion *v)
{
	for (size_t i = 0; i < n->disk.count; i++) {
		const struct simimage *f = &n->disk.files[i]->now;
		if (f->present && f->meta == v->meta && span_equal(span_blob(&f->content), span_blob(&v->content)))
			return true;
	}
	for (unsigned i = 0; i < n->cl->node_count; i++) {
		const struct simnode *other = n->cl->nodes[i];
		const struct simversion *copy = other == n ? NULL : simledger_version(&other->ledger, &v->version);
		if (copy && copy->durable && !copy->rotten && !copy->gone)
			return true;
	}
	return false;
}

static void rot(struct simnode *n, uint64_t number)
{
	struct simversion *v = simledger_any_version(&n->ledger, number);
	char version[ID_HEX];
	if (!v || v->rotten || v->gone || !has_copy(n, v))
		return;
	v->rotten = true;
	n->cl->tally.rotten++;
	cluster_note(n->cl, "%s: version %.8s rots", n->name, id_hex(&v->version, version));
}

static void node_faults(struct cluster *cl, struct simnode *n)
{
	if (n->partitioned && cl->rates.partition && chance_hit(&cl->chance, chance_of(CHANCE_NET, n->index), HEAL)) {
		n->partitioned = false;
		cluster_tell(cl, "%s is back on the net", n->name);
	}
	if (!n->asleep && n->core && cluster_strikes(cl, FAULT_sleep, n)) {
		n->asleep = true;
		agenda_add(&cl->agenda,
			   cl->now_us + 1000000 +
				   cluster_drawn(cl, FAULT_sleep, n,
						 cluster_drawn(cl, FAULT_sleep, n, 4) ? 120000000 : 86400000000),
			   AGENDA_WAKE, n->index, 0, NULL);
	}
	if (n->core && !n->asleep && cluster_strikes(cl, FAULT_restart, n)) {
		cl->tally.restarts++;
		simnode_stop(n);
		agenda_add(&cl->agenda, cl->now_us + 100000 + cluster_drawn(cl, FAULT_restart, n, 10000000),
		           AGENDA_NODE_BOOT, n->index, n->life, NULL);
	}
	if (n->core && cluster_strikes(cl, FAULT_node_restore, n)) {
		if (!n->has_backup) {
			simnode_keep_backup(n);
		} else {
			simnode_stop(n);
			simnode_restore_backup(n);
			agenda_add(&cl->agenda, cl->now_us + 1000000, AGENDA_NODE_BOOT, n->index, n->life, NULL);
		}
	}
	if (map_count(&n->ledger.versions) && cluster_strikes(cl, FAULT_version_rot, n))
		rot(n, cluster_drawn(cl, FAULT_version_rot, n, map_count(&n->ledger.versions)));
	if (cl->thins && n->core && !n->asleep)
		simthin_run(n);
	if (n->core && cluster_strikes(cl, FAULT_node_lost, n)) {
		simnode_stop(n);
		simnode_lose_state(n);
		agenda_add(&cl->agenda, cl->now_us + 1000000, AGENDA_NODE_BOOT, n->index, n->life, NULL);
	}
	if (cluster_strikes(cl, FAULT_clock_jump, n)) {
		static const int64_t spans[] = { 1000, 60000, 86400000, 31536000000, 315360000000 };
		int64_t span = spans[cluster_drawn(cl, FAULT_clock_jump, n, 5)];
		n->wall_ms = (int64_t)cluster_drawn(cl, FAULT_clock_jump, n, (uint64_t)span * 2) - span;
		cl->tally.clock_jumps++;
		cluster_note(cl, "%s: the clock is off by %lld ms", n->name, (long long)n->wall_ms);
	}
	if (cluster_strikes(cl, FAULT_root_gone, n))
		simnode_move_root(n, cl->categories[cluster_drawn(cl, FAULT_root_gone, n, cl->category_count)].name);
	if (cluster_strikes(cl, FAULT_disk_full, n))
		n->disk.room = cluster_drawn(cl, FAULT_disk_full, n, 2) ? cluster_drawn(cl, FAULT_disk_full, n, 4000)
		                                                        : UINT64_MAX;
	if (cluster_strikes(cl, FAULT_rights, n)) { /* one draw a statement: compilers differ in what comes first */
		uint64_t which = cluster_drawn(cl, FAULT_rights, n, n->disk.inode_count);
		simnode_change_rights(n, n->disk.inodes[which], cluster_drawn(cl, FAULT_rights, n, 3));
	}
	simdisk_age(&n->disk, n->disk.posix ? 30000000 : 5000000, 30000000);
}

static void cut_off(struct cluster *cl, struct simnode *n)
{
	struct simconn *conn = simnet_conn(cl, n->conn);
	n->partitioned = true;
	cluster_tell(cl, "%s is cut off", n->name);
	if (conn)
		simnet_half_open(cl, conn);
}

static void partition(struct cluster *cl)
{
	uint64_t some = 1 + cluster_drawn(cl, FAULT_partition, NULL, (1ull << cl->node_count) - 1);
	cl->tally.partitions++;
	for (unsigned i = 0; i < cl->node_count; i++)
		if (some >> i & 1 && !cl->nodes[i]->partitioned)
			cut_off(cl, cl->nodes[i]);
}

static void faults(struct cluster *cl)
{
	judge_second(cl);
	if (cluster_strikes(cl, FAULT_partition, NULL))
		partition(cl);
	for (unsigned i = 0; i < cl->node_count; i++) {
		node_faults(cl, cl->nodes[i]);
		if (cl->acting)
			person_plan(cl->nodes[i]);
	}
	if (cluster_strikes(cl, FAULT_hub_slow, NULL)) {
		cl->hub.slowness = 10 + cluster_drawn(cl, FAULT_hub_slow, NULL, 990);
		cl->hub.slow_until_us = cl->now_us + 1000000 + cluster_drawn(cl, FAULT_hub_slow, NULL, 30000000);
	}
	if (cl->hub.up && cluster_strikes(cl, FAULT_hub_restore, NULL)) {
		size_t head = simstore_count(cl->hub.store);
		simhub_restore(cl, head - cluster_drawn(cl, FAULT_hub_restore, NULL, head < 30 ? head + 1 : 30));
	}
	agenda_add(&cl->agenda, cl->now_us + 1000000, AGENDA_FAULTS, 0, 0, NULL);
}

static void wake_up(struct simnode *n)
{
	n->asleep = false;
	n->turn_at_us = UINT64_MAX;
	simnode_push(n, &(struct event){ .type = EVENT_RETRY_NOW }, 0);
	simnode_wake(n, n->cl->now_us);
}

static void happen(struct cluster *cl, struct agenda_entry *e)
{
	struct simnode *n = cl->nodes[e->who];
	switch (e->what) {
	case AGENDA_NODE_TURN:
		simnode_turn(n, e->a);
		break;
	case AGENDA_NODE_BOOT:
		if (e->a == n->life)
			simnode_boot(n);
		break;
	case AGENDA_HUB_TURN:
		simhub_turn(cl, e->a);
		break;
	case AGENDA_HUB_BOOT:
		simhub_boot(cl);
		break;
	case AGENDA_FAULTS:
		faults(cl);
		break;
	case AGENDA_WAKE:
		wake_up(n);
		break;
	case AGENDA_PERSON:
	case AGENDA_WRITER:
		person_happen(cl, e);
		break;
	default:
		simnet_happen(cl, e);
		break;
	}
}

void cluster_run(struct cluster *cl, uint64_t for_us)
{
	struct agenda_entry e;
	uint64_t until = cl->now_us + for_us;
	while (!cl->breach.found && agenda_next(&cl->agenda, until, &e)) {
		cl->now_us = e.at_us;
		chance_at(&cl->chance, cl->calm_us ? CHANCE_CALM + (uint32_t)((cl->now_us - cl->calm_us) / 1000000)
		                                   : (uint32_t)(cl->now_us / 1000000));
		happen(cl, &e);
		free(e.p);
		if (cl->tally.steps - cl->digested_step >= DIGEST_STEPS) {
			uint64_t state = judge_digest(cl);
			cluster_mix(cl, &state, sizeof state);
			cl->digested_step = cl->tally.steps;
			if (cl->trail)
				buf_u64le(cl->trail, cl->digest);
		}
	}
	cl->now_us = until;
	cl->tally.virtual_us = cl->now_us;
}

void cluster_calm(struct cluster *cl)
{
	cl->rates = (struct rates){ 0 };
	cl->acting = false;
	simlies_end(cl);
	if (cl->tally.lies || cl->tally.garbled) /* whoever believed something else finds out at the next greeting */
		simhub_kill(cl);
	cl->calm_us = cl->now_us;
	simhub_boot(cl);
	for (unsigned i = 0; i < cl->node_count; i++) {
		struct simnode *n = cl->nodes[i];
		n->partitioned = false;
		simnode_calm_disk(n);
		if (n->asleep)
			wake_up(n);
		simnode_boot(n);
	}
}

static bool settle(struct cluster *cl, uint64_t limit_us, bool helpful)
{
	uint64_t until = cl->now_us + limit_us;
	unsigned quiet = 0;
	size_t log = 0;
	for (unsigned round = 0; cl->now_us < until && !cl->breach.found; round++) {
		cluster_run(cl, 500000);
		bool same = log == simstore_count(cl->hub.store);
		log = simstore_count(cl->hub.store);
		quiet = same && judge_quiet(cl, NULL, 0) ? quiet + 1 : 0;
		if (quiet == 6)
			return true;
		for (unsigned i = 0; helpful && round % 20 == 0 && i < cl->node_count; i++)
			person_answer(cl->nodes[i]);
	}
	return false;
}

bool cluster_settle(struct cluster *cl, uint64_t limit_us)
{
	return settle(cl, limit_us, true);
}

bool cluster_settle_alone(struct cluster *cl, uint64_t limit_us)
{
	return settle(cl, limit_us, false);
}

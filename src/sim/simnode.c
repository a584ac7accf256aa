#include "sim/simnode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/mark.h"
#include "base/mem.h"
#include "engine/core/optimize/seal.h"
#include "sim/judge.h"
#include "sim/person.h"
#include "sim/simreal.h"

#define TICK_NS    4000000LL /* file times move in steps, as the kernel's do */
#define IDLE_TURNS 3000      /* turns without anything to do, within ten seconds: it spins (a spin makes 16,000) */
#define SCAN_SLICE 24

/* ---- time ---- */

uint64_t simnode_now_ms(const struct simnode *n)
{
	return (n->cl->now_us + n->mono_us) / 1000;
}

int64_t simnode_wall_ms(const struct simnode *n)
{
	return cluster_wall_ms(n->cl) + n->wall_ms;
}

static int64_t file_time(const struct simnode *n)
{
	int64_t ns = simnode_wall_ms(n) * 1000000LL + (int64_t)(n->cl->now_us % 1000) * 1000;
	return ns - ns % TICK_NS;
}

void simnode_clock(struct simnode *n)
{
	core_clock(n->core, simnode_now_ms(n), simnode_wall_ms(n));
}

void simnode_wake(struct simnode *n, uint64_t at_us)
{
	if (at_us < n->cl->now_us)
		at_us = n->cl->now_us;
	if (!n->core || n->asleep || n->turn_at_us <= at_us)
		return;
	n->turn_at_us = at_us;
	agenda_add(&n->cl->agenda, at_us, AGENDA_NODE_TURN, n->index, ++n->turn_serial, NULL);
}

/* ---- the world: every call may be the last ---- */

/* false: the device is dead; the call must do nothing and fail. */
static bool enter(struct simnode *n)
{
	struct cluster *cl = n->cl;
	if (n->dying)
		return false;
	cl->tally.steps++;
	if (cluster_strikes(cl, FAULT_kill, n))
		n->dying = DEATH_KILL;
	else if (cluster_strikes(cl, FAULT_power, n))
		n->dying = DEATH_POWER;
	return !n->dying;
}

static void race(struct simnode *n, struct simfile *near)
{
	if (!cluster_strikes(n->cl, FAULT_race, n))
		return;
	n->cl->tally.races++;
	n->dice = chance_of(CHANCE_FAULTS + FAULT_race, n->index);
	person_edit(n, near);
}

static enum look look_at(struct simnode *n, const struct file_ref *ref, struct file_stat *stat, struct simfile **out)
{
	struct cluster *cl = n->cl;
	if (!enter(n))
		return LOOK_ERROR;
	struct simfile *f = simdisk_find(&n->disk, ref->category, ref->path);
	race(n, f);
	if (cluster_strikes(cl, FAULT_look_error, n))
		return LOOK_ERROR;
	f = simdisk_find(&n->disk, ref->category, ref->path);
	if (!f || !f->now.present)
		return simdisk_obstructed(&n->disk, ref->category, ref->path) ? LOOK_OTHER : LOOK_ABSENT;
	simdisk_stat(f, stat);
	*out = f;
	return LOOK_FILE;
}

static enum look sim_look(void *ctx, const struct file_ref *ref, struct file_stat *stat)
{
	struct simfile *f;
	return look_at(ctx, ref, stat, &f);
}

static enum look sim_take(void *ctx, const struct file_ref *ref, struct file_stat *stat, struct blob *content)
{
	struct simnode *n = ctx;
	struct simfile *f;
	enum look look = look_at(n, ref, stat, &f);
	if (look != LOOK_FILE)
		return look;
	if (cluster_strikes(n->cl, FAULT_look_busy, n))
		return LOOK_BUSY;
	*content = blob_copy(f->now.content.data, f->now.content.len);
	return LOOK_FILE;
}

/* Bytes go aside, and are only unlinked once they are surely stored: see tidy. */
static void retire(struct simnode *n, struct simfile *f, const struct id *item)
{
	MEM_ROOM(n->leftovers, n->leftover_count, n->leftover_cap);
	n->leftovers[n->leftover_count++] = (struct leftover){
		.target = f,
		.item = *item,
		.content = blob_copy(f->now.content.data, f->now.content.len),
		.meta = f->now.meta,
	};
}

static bool same_stat(const struct file_stat *a, const struct file_stat *b)
{
	return a->size == b->size && a->mtime_ns == b->mtime_ns && a->inode == b->inode && a->meta == b->meta;
}

static enum place_result expected(struct simnode *n, const struct place *p, struct simfile *f)
{
	if (!f || !f->now.present) {
		if (simdisk_obstructed(&n->disk, p->file.category, p->file.path))
			return PLACE_BLOCKED;
		return p->expect_absent ? PLACE_DONE : PLACE_CHANGED;
	}
	if (p->expect_absent || f->writers)
		return PLACE_CHANGED;
	struct file_stat now;
	simdisk_stat(f, &now);
	if (!same_stat(&now, &p->expect_stat) && chance_hit(&n->cl->chance, chance_of(CHANCE_DISK, n->index), 500000))
		return PLACE_CHANGED; /* an early look at the stat; else the hash decides */
	struct id holds = core_version_of(n->core, f->now.meta, span_blob(&f->now.content));
	if (id_equal(&holds, &p->expect_version))
		return PLACE_DONE;
	MARK("swap.foreign_bytes_found");
	return PLACE_CHANGED;
}

static void swap(struct simnode *n, const struct place *p, struct simfile *f)
{
	f->fresh = true;
	if (f->now.present)
		retire(n, f, &p->item);
	if (id_zero(&p->version))
		simdisk_remove(f, n->cl->now_us);
	else
		simdisk_write(&n->disk, f, blob_copy(p->content.data, p->content.len), p->meta, p->mtime_ms * 1000000LL,
		              file_time(n), true, n->cl->now_us);
	simdisk_sync(f);
}

/* What no person made anywhere is the core's merge. When it is killed before it can say so, the next life finds the file and
 * sends it as what it is here: an edit. */
static void made_by_merging(struct simnode *n, unsigned number, const struct id *version)
{
	struct witness *w = &n->cl->witness;
	for (unsigned who = 0; who < CLUSTER_NODES_MAX; who++)
		if (witness_made(w, who, number, version))
			return;
	if (!id_zero(version))
		witness_chose(w, n->index, number, version);
}

static enum place_result sim_place(void *ctx, const struct place *p, struct file_stat *after)
{
	static const enum place_result troubles[] = { PLACE_ERROR, PLACE_FULL, PLACE_DENIED };
	struct simnode *n = ctx;
	struct cluster *cl = n->cl;
	if (!enter(n))
		return PLACE_ERROR;
	unsigned number = witness_path(&cl->witness, p->file.category, p->file.path);
	struct simfile *f = simdisk_entry(&n->disk, p->file.category, p->file.path, number);
	race(n, f);
	if (cluster_strikes(cl, FAULT_place_error, n))
		return troubles[cluster_drawn(cl, FAULT_place_error, n, 3)];
	if (!enter(n)) /* the new content was written beside it: nothing that anybody misses */
		return PLACE_ERROR;
	enum place_result result = expected(n, p, f);
	if (result == PLACE_CHANGED && f->now.present && !p->expect_absent && !f->writers && !id_zero(&p->version) &&
	    !enter(n)) {
		MARK("swap.killed_before_it_was_put_back");
		swap(n, p,
		     f); /* killed after the exchange, before what came out was found to be a person's and put back */
		return PLACE_ERROR;
	}
	if (result != PLACE_DONE)
		return result;
	if (!id_zero(&p->version)) {
		cluster_checked(cl, INVARIANT_I6);
		struct id placed = core_version_of(n->core, p->meta, p->content);
		if (!id_equal(&placed, &p->version))
			cluster_break(cl, "I6", "%s writes %s with bytes that are not the version it names", n->name,
			              witness_name(&cl->witness, number));
	}
	judge_replaces(n, f, p);
	cl->tally.places++;
	cluster_note(cl, "%s places %s/%s (%zu bytes)", n->name, p->file.category, p->file.path, p->content.len);
	swap(n, p, f);
	person_hint(n, f, id_zero(&p->version) ? HINT_GONE : HINT_WRITTEN); /* the watcher sees our own acts as well */
	simdisk_stat(f, after);
	made_by_merging(n, number, &p->version);
	if (!enter(n)) /* the names are swapped, but nobody knows it yet */
		return PLACE_ERROR;
	return PLACE_DONE;
}

static void sim_stage(void *ctx, const struct place *p)
{
	(void)p;
	enter(ctx);
}

static void sim_stage_sync(void *ctx)
{
	enter(ctx);
}

static bool sim_version_put(void *ctx, const struct id *version, uint8_t meta, struct span content)
{
	struct simnode *n = ctx;
	if (!enter(n))
		return false;
	cluster_checked(n->cl, INVARIANT_I6);
	if (!witness_saw_version(&n->cl->witness, version, meta, content))
		cluster_break(n->cl, "I6", "%s: one version id for two contents", n->name);
	struct id is = core_version_of(n->core, meta, content);
	if (!id_equal(&is, version))
		cluster_break(n->cl, "I6", "%s stores bytes under the id of another version", n->name);
	n->cl->tally.versions++;
	simledger_put_version(&n->ledger, version, meta, content);
	return true;
}

static bool sim_version_get(void *ctx, const struct id *version, struct blob *content, uint8_t *meta)
{
	struct simnode *n = ctx;
	const struct simversion *v = enter(n) ? simledger_read_version(&n->ledger, version) : NULL;
	if (!v)
		return false;
	*content = blob_copy(v->content.data, v->content.len);
	if (meta)
		*meta = v->meta;
	return true;
}

static bool sim_version_has(void *ctx, const struct id *version)
{
	struct simnode *n = ctx;
	return enter(n) && simledger_has_version(&n->ledger, version);
}

/* The ledger may refuse: then the whole turn fails and the engine starts anew. */
static bool enter_ledger(struct simnode *n)
{
	if (!enter(n))
		return false;
	if (cluster_strikes(n->cl, FAULT_ledger_full, n)) {
		n->cl->tally.ledger_failures++;
		n->dying = DEATH_LEDGER;
		return false;
	}
	return true;
}

static bool sim_save_item(void *ctx, const struct item_row *row)
{
	struct simnode *n = ctx;
	if (!enter_ledger(n))
		return false;
	witness_saw_item(&n->cl->witness, row);
	simledger_save_item(&n->ledger, row);
	return true;
}

static bool sim_drop_item(void *ctx, const struct id *item)
{
	struct simnode *n = ctx;
	if (!enter_ledger(n))
		return false;
	simledger_drop_item(&n->ledger, item);
	return true;
}

static bool sim_save_outbox(void *ctx, const struct outbox_row *row)
{
	struct simnode *n = ctx;
	if (!enter_ledger(n))
		return false;
	simledger_save_outbox(&n->ledger, row);
	return true;
}

static bool sim_drop_outbox(void *ctx, uint64_t counter)
{
	struct simnode *n = ctx;
	if (!enter_ledger(n))
		return false;
	simledger_drop_outbox(&n->ledger, counter);
	return true;
}

static bool sim_save_state(void *ctx, const struct state_row *row)
{
	struct simnode *n = ctx;
	if (!enter_ledger(n))
		return false;
	simledger_save_state(&n->ledger, row);
	return true;
}

static bool sim_save_peer(void *ctx, const struct peer_row *row)
{
	struct simnode *n = ctx;
	if (!enter_ledger(n))
		return false;
	simledger_save_peer(&n->ledger, row);
	return true;
}

static bool sim_add_history(void *ctx, const struct history_row *row)
{
	struct simnode *n = ctx;
	if (!enter_ledger(n))
		return false;
	if (row->how == HOW_MERGE || row->how == HOW_SETTLE || row->how == HOW_UNDO) /* made of others: as good as an edit */
		witness_merged(&n->cl->witness, n->index, &row->item, &row->version);
	simledger_add_history(&n->ledger, row);
	return true;
}

static bool sim_save_settlement(void *ctx, const struct settlement_row *row)
{
	struct simnode *n = ctx;
	if (!enter_ledger(n))
		return false;
	simledger_save_settlement(&n->ledger, row);
	return true;
}

static bool sim_came_back(void *ctx, const struct id *item, const struct id *version, const struct id *agreed)
{
	struct simnode *n = ctx;
	return enter(n) && simledger_came_back(&n->ledger, item, version, agreed);
}

static void version_durable(void *ctx, const struct simversion *v)
{
	struct simnode *n = ctx;
	witness_captured(&n->cl->witness, &v->version);
}

static bool sim_commit(void *ctx)
{
	struct simnode *n = ctx;
	if (!enter_ledger(n))
		return false;
	if (!simledger_commit(&n->ledger, version_durable, n)) {
		n->cl->tally.ledger_failures++;
		n->dying = n->dying ? n->dying : DEATH_LEDGER;
		return false;
	}
	for (size_t i = 0; i < n->disk.count; i++) {
		struct simfile *f = n->disk.files[i];
		f->orphan = f->orphan && !f->fresh;
		f->fresh = false;
	}
	return true;
}

static void sim_dial(void *ctx)
{
	struct simnode *n = ctx;
	if (!enter(n))
		return;
	if (n->conn)
		cluster_break(n->cl, "I8", "%s dials while it has a connection", n->name);
	else
		n->conn = simnet_dial(n);
}

static void forget_outgoing(struct simnode *n)
{
	for (size_t i = 0; i < n->outgoing_count; i++)
		blob_finish(&n->outgoing[i].frame);
	n->outgoing_count = 0;
}

static void sim_hang_up(void *ctx)
{
	struct simnode *n = ctx;
	if (enter(n))
		simnet_hang_up(n);
}

static void sim_send(void *ctx, bool text, struct span frame)
{
	struct simnode *n = ctx;
	if (!enter(n))
		return;
	MEM_ROOM(n->outgoing, n->outgoing_count, n->outgoing_cap);
	n->outgoing[n->outgoing_count++] = (struct simsent){ n->conn, text, blob_copy(frame.data, frame.len) };
}

static size_t sim_backlog(void *ctx)
{
	struct simnode *n = ctx;
	struct simconn *c = simnet_conn(n->cl, n->conn);
	size_t waiting = c ? c->up_backlog : 0;
	for (size_t i = 0; i < n->outgoing_count; i++)
		waiting += n->outgoing[i].frame.len;
	return enter(n) ? waiting : 0;
}

static void sim_scan(void *ctx, const char *category, const char *under)
{
	struct simnode *n = ctx;
	if (!enter(n))
		return;
	MEM_ROOM(n->scans, n->scan_count, n->scan_cap);
	n->scans[n->scan_count++] = (struct simscan){ mem_text(category), mem_text(under), 0, false };
}

static void sim_notice(void *ctx, enum notice_level level, const char *from, const char *item, const char *text)
{
	struct simnode *n = ctx;
	if (level > NOTICE_DEBUG)
		cluster_note(n->cl, "%s: %s: %s%s%s", n->name, from, item ? item : "", item ? ": " : "", text);
	enter(n);
}

static void sim_entropy(void *ctx, void *out, size_t len)
{
	struct simnode *n = ctx;
	chance_fill(&n->cl->chance, chance_of(CHANCE_ENTROPY, n->index), out, len);
}

static const struct world sim_world = {
	.look = sim_look,
	.take = sim_take,
	.place = sim_place,
	.stage = sim_stage,
	.stage_sync = sim_stage_sync,
	.version_put = sim_version_put,
	.version_get = sim_version_get,
	.version_has = sim_version_has,
	.save_item = sim_save_item,
	.drop_item = sim_drop_item,
	.save_outbox = sim_save_outbox,
	.drop_outbox = sim_drop_outbox,
	.save_state = sim_save_state,
	.save_peer = sim_save_peer,
	.add_history = sim_add_history,
	.save_settlement = sim_save_settlement,
	.came_back = sim_came_back,
	.dial = sim_dial,
	.hang_up = sim_hang_up,
	.send = sim_send,
	.backlog = sim_backlog,
	.scan = sim_scan,
	.notice = sim_notice,
	.entropy = sim_entropy,
	.commit = sim_commit,
};

/* ---- life and death ---- */

struct simnode *simnode_create(struct cluster *cl, unsigned index, const char *name)
{
	struct simnode *n = mem_alloc(sizeof *n);
	uint8_t seed[crypto_sign_SEEDBYTES], public[crypto_sign_PUBLICKEYBYTES], nonce[SEAL_NAME_NONCE];
	n->cl = cl;
	n->index = index;
	n->dice = chance_of(CHANCE_PERSON, index);
	n->turn_at_us = UINT64_MAX;
	n->mono_us = 1000000 * (1 + chance_trait(&cl->chance, "booted", index, 100000));
	snprintf(n->name, sizeof n->name, "%s", name);
	chance_fill(&cl->chance, chance_of(CHANCE_ENTROPY, index), seed, sizeof seed);
	crypto_sign_seed_keypair(public, n->secret, seed);
	n->device = message_device_id(public);
	chance_fill(&cl->chance, chance_of(CHANCE_ENTROPY, index), nonce, sizeof nonce);
	struct sealer sealer;
	struct buf sealed = { 0 };
	sealer_init(&sealer, cl->account_key, 1);
	seal_name(&sealer, &n->device, nonce, span_text(n->name), &sealed);
	sealer_finish(&sealer);
	struct message_device device = { .device = n->device, .name = { sealed.data, sealed.len } };
	memcpy(device.public_key, public, sizeof public);
	simstore_enrol(cl->hub.store, &device);
	buf_finish(&sealed);
	n->joined = true;
	return n;
}

static void event_finish(struct nodeevent *e)
{
	free(e->category);
	free(e->path);
	free(e->bytes);
}

static void forget_memory(struct simnode *n)
{
	for (size_t i = 0; i < n->inbox_count; i++)
		event_finish(&n->inbox[i]);
	for (size_t i = 0; i < n->scan_count; i++) {
		free(n->scans[i].category);
		free(n->scans[i].under);
	}
	n->inbox_count = n->scan_count = 0;
	forget_outgoing(n);
	core_destroy(n->core);
	n->core = NULL;
	n->life++;
	n->turn_at_us = UINT64_MAX;
	n->hints = 0;
	n->rescan = false;
}

void simnode_destroy(struct simnode *n)
{
	if (!n)
		return;
	forget_memory(n);
	for (size_t i = 0; i < n->leftover_count; i++)
		blob_finish(&n->leftovers[i].content);
	simdisk_finish(&n->disk);
	simledger_finish(&n->ledger);
	simledger_finish(&n->backup);
	simreal_destroy(n->real);
	free(n->leftovers);
	free(n->inbox);
	free(n->scans);
	free(n->outgoing);
	free(n);
}

static int by_counter(const void *x, const void *y)
{
	const struct outbox_row *a = *(struct outbox_row *const *)x, *b = *(struct outbox_row *const *)y;
	return a->counter < b->counter ? -1 : a->counter > b->counter;
}

static void load(struct simnode *n)
{
	void *p;
	size_t count = map_count(&n->ledger.items), at = 0, used = 0;
	void **rows = mem_alloc((count + 1) * sizeof *rows);
	while (map_next(&n->ledger.items, &at, &p)) { /* in any order */
		size_t swap = (size_t)chance_below(&n->cl->chance, chance_of(CHANCE_DISK, n->index), used + 1);
		rows[used] = rows[swap];
		rows[swap] = p;
		used++;
	}
	for (size_t i = 0; i < used; i++)
		core_load_item(n->core, rows[i]);
	free(rows);
	rows = mem_alloc((map_count(&n->ledger.outbox) + 1) * sizeof *rows);
	for (at = used = 0; map_next(&n->ledger.outbox, &at, &p);)
		rows[used++] = p;
	qsort(rows, used, sizeof *rows, by_counter);
	for (size_t i = 0; i < used; i++) {
		struct outbox_row row = *(struct outbox_row *)rows[i];
		row.record = blob_copy(row.record.data, row.record.len);
		core_load_outbox(n->core, &row);
	}
	free(rows);
	for (at = 0; map_next(&n->ledger.peers, &at, &p);)
		core_load_peer(n->core, p);
}

static void open_ledger(struct simnode *n)
{
	if (!n->real) {
		n->real = simreal_create(n->cl, n);
		n->ledger.anew = true;
	}
	if (n->ledger.anew)
		simvfs_wipe(n->real->disk);
	struct err e = { 0 };
	if (!simledger_open(&n->ledger, simvfs_name(n->real->disk), "state.db", version_durable, n, &e))
		cluster_break(n->cl, "I3", "%s: what its ledger had committed does not come back: %s: %s", n->name, e.what,
		              e.why);
	n->real->armed = true;
}

void simnode_boot(struct simnode *n)
{
	struct cluster *cl = n->cl;
	if (n->core || n->stopped)
		return;
	if (cl->real)
		open_ledger(n);
	struct world world = sim_world;
	world.ctx = n;
	struct core_setup setup = {
		.device = n->device,
		.key_number = 1,
		.joined = n->joined,
		.hub = cl->hub_id,
		.device_name = n->name,
		.categories = cl->categories,
		.category_count = cl->category_count,
		.state = n->ledger.state,
		.seed = chance_below(&cl->chance, chance_of(CHANCE_ENTROPY, n->index), UINT64_MAX),
	};
	memcpy(setup.sign_secret, n->secret, sizeof setup.sign_secret);
	memcpy(setup.account_key, cl->account_key, sizeof setup.account_key);
	cluster_note(cl, "%s boots at cursor %llu", n->name, (unsigned long long)n->ledger.state.cursor);
	n->dying = DEATH_NONE;
	n->unseen = false;
	n->conn = 0;
	n->idle_turns = 0;
	for (size_t i = 0; i < n->leftover_count; i++)
		n->leftovers[i].old = true;
	n->core = core_create(&world, &setup);
	load(n);
	simnode_push(n, &(struct event){ .type = EVENT_BOOT }, 0);
	for (size_t i = 0; i < cl->category_count; i++)
		simnode_push(n,
		             &(struct event){
		                     .type = EVENT_ROOT, .category = cl->categories[i].name, .ok = true, .text = "" },
		             0);
}

static void power_lost(void *ctx, struct simfile *f, struct span before)
{
	struct simnode *n = ctx;
	witness_replaced(&n->cl->witness, n->index, f->number, before, span_blob(&f->now.content), !f->now.present);
	if (f->now.present)
		witness_wrote(&n->cl->witness, n->index, f->number, f->now.meta, span_blob(&f->now.content));
}

static void go_down(struct simnode *n)
{
	for (size_t i = 0; i < n->disk.count; i++) {
		n->disk.files[i]->orphan |= n->disk.files[i]->fresh;
		n->disk.files[i]->fresh = false;
	}
	simnet_node_died(n);
	if (n->real)
		n->real->armed = false;
	simledger_close(&n->ledger);
	simledger_rollback(&n->ledger);
	forget_memory(n);
}

static void die(struct simnode *n, enum simdeath how)
{
	struct cluster *cl = n->cl;
	uint64_t away = 20000 + chance_below(&cl->chance, chance_of(CHANCE_PROCESS, n->index), 3000000);
	cluster_note(cl, "%s %s", n->name,
	             how == DEATH_POWER    ? "loses power"
	             : how == DEATH_LEDGER ? "cannot save"
	                                   : "is killed");
	simreal_die(n->real, how == DEATH_POWER);
	go_down(n);
	if (how == DEATH_POWER) {
		cl->tally.power_cuts++;
		simdisk_power_cut(&n->disk, &cl->chance, chance_of(CHANCE_FAULTS + FAULT_power, n->index), power_lost, n);
		n->mono_us += 1000000 * chance_below(&cl->chance, chance_of(CHANCE_PROCESS, n->index), 1000);
		away += chance_below(&cl->chance, chance_of(CHANCE_PROCESS, n->index), 20000000);
	} else if (how == DEATH_KILL) {
		cl->tally.kills++;
	}
	agenda_add(&cl->agenda, cl->now_us + away, AGENDA_NODE_BOOT, n->index, n->life, NULL);
}

void simnode_crash(struct simnode *n, enum simdeath how)
{
	if (n->core)
		die(n, how);
}

void simnode_stop(struct simnode *n)
{
	if (n->core)
		go_down(n);
}

void simnode_keep_backup(struct simnode *n)
{
	simledger_finish(&n->backup);
	simledger_copy(&n->backup, &n->ledger);
	n->has_backup = true;
}

void simnode_restore_backup(struct simnode *n)
{
	if (!n->has_backup || n->core)
		return;
	n->cl->tally.node_restores++;
	cluster_note(n->cl, "%s is restored from a backup", n->name);
	simledger_finish(&n->ledger);
	simledger_copy(&n->ledger, &n->backup);
	n->ledger.anew = true;
	n->restored = true;
}

void simnode_lose_state(struct simnode *n)
{
	if (n->core)
		return;
	n->cl->tally.lost_states++;
	n->cl->tally.node_restores++; /* for the judge it is an old state that was put back, the oldest */
	simledger_finish(&n->ledger);
	n->ledger.anew = true;
	n->restored = true;
}

/* ---- turns ---- */

void simnode_push(struct simnode *n, const struct event *e, uint64_t conn)
{
	if (!n->core)
		return;
	MEM_ROOM(n->inbox, n->inbox_count, n->inbox_cap);
	struct nodeevent *s = &n->inbox[n->inbox_count++];
	*s = (struct nodeevent){ .e = *e, .conn = conn };
	s->category = mem_text(e->category);
	s->path = mem_text(e->path);
	s->bytes = mem_copy(e->bytes.data, e->bytes.len);
	s->e.category = s->category;
	s->e.path = s->path;
	s->e.bytes = span_of(s->bytes, e->bytes.len);
	simnode_wake(n, n->cl->now_us + 10 + chance_below(&n->cl->chance, chance_of(CHANCE_PROCESS, n->index), 300));
}

static void step(struct simnode *n, struct event *e)
{
	n->cl->tally.steps++;
	e->now_ms = simnode_now_ms(n);
	e->wall_ms = simnode_wall_ms(n);
	core_step(n->core, e);
}

static void step_inbox(struct simnode *n)
{
	size_t take = 1 + (size_t)chance_below(&n->cl->chance, chance_of(CHANCE_PROCESS, n->index), 12), done = 0;
	for (; done < take && done < n->inbox_count && !n->dying; done++) {
		struct nodeevent *s = &n->inbox[done];
		if (s->conn && s->conn != n->conn)
			continue; /* of a connection that was hung up meanwhile */
		if (s->e.type == EVENT_LINK_CLOSED)
			n->conn = 0;
		struct nodeevent now = *s; /* the step may make the inbox grow and move */
		step(n, &now.e);
	}
	for (size_t i = 0; i < done; i++)
		event_finish(&n->inbox[i]);
	n->inbox_count -= done;
	if (done)
		memmove(n->inbox, n->inbox + done, n->inbox_count * sizeof *n->inbox);
}

static bool under(const char *path, const char *folder)
{
	size_t len = strlen(folder);
	return !len || (strncmp(path, folder, len) == 0 && (path[len] == '/' || !path[len]));
}

void simnode_rescan(struct simnode *n)
{
	n->rescan = true;
	simnode_wake(n, n->cl->now_us);
}

/* As the io room does: told to the core once no scan runs. */
static void start_rescan(struct simnode *n)
{
	n->rescan = n->unseen = false;
	for (size_t i = 0; i < n->cl->category_count && !n->dying; i++)
		step(n, &(struct event){ .type = EVENT_RESCAN, .category = n->cl->categories[i].name, .path = "" });
}

/* A slice of the oldest scan: what is seen is told at once, in the same turn. */
static void step_scan(struct simnode *n)
{
	struct cluster *cl = n->cl;
	struct simscan s = n->scans[0];
	for (int i = 0; i < SCAN_SLICE && s.at < n->disk.count && !n->dying; s.at++) {
		struct simfile *f = n->disk.files[cl->backwards ? n->disk.count - 1 - s.at : s.at];
		if (!f->now.present || strcmp(f->category, s.category) != 0 || !under(f->path, s.under))
			continue;
		i++;
		struct event e = { .type = EVENT_SEEN, .category = f->category, .path = f->path, .look = LOOK_FILE };
		simdisk_stat(f, &e.stat);
		if (cluster_strikes(cl, FAULT_look_error, n)) {
			e.look = LOOK_ERROR;
			e.stat = (struct file_stat){ 0 };
			if (cluster_drawn(cl, FAULT_look_error, n, 2)) {
				s.failed = true; /* its folder could not be read at all */
				continue;
			}
		}
		step(n, &e);
	}
	if (n->dying)
		return;
	n->scans[0].at = s.at;
	n->scans[0].failed = s.failed;
	if (s.at < n->disk.count)
		return;
	memmove(n->scans, n->scans + 1, --n->scan_count * sizeof *n->scans);
	step(n,
	     &(struct event){ .type = EVENT_SCANNED, .category = s.category, .path = s.under, .complete = !s.failed });
	if (s.failed) { /* the io room tries again by itself */
		n->hints++;
		agenda_add(&cl->agenda, cl->now_us + 5000000, AGENDA_RESCAN, n->index, n->life, NULL);
	}
	free(s.category);
	free(s.under);
}

/* After the commit: what was swapped out goes when it is stored. What is not stored is a person's and is stored now. */
static void tidy(struct simnode *n)
{
	size_t done = 0;
	for (; done < n->leftover_count; done++) {
		struct leftover *l = &n->leftovers[done];
		struct id version = core_version_of(n->core, l->meta, span_blob(&l->content));
		const struct simversion *v = simledger_version(&n->ledger, &version);
		cluster_checked(n->cl, INVARIANT_I1);
		if (!v && !l->old)
			judge_destroys(n, l->target, &version);
		if (!v) {
			MARK("leftover.of_an_earlier_life_captured");
			struct history_row row = { .item = l->item,
				                   .version = version,
				                   .device = n->device,
				                   .at_ms = simnode_wall_ms(n),
				                   .size = l->content.len,
				                   .kind = KIND_UPDATE,
				                   .how = HOW_EDIT,
				                   .meta = l->meta };
			witness_saw_version(&n->cl->witness, &version, l->meta, span_blob(&l->content));
			simledger_put_version(&n->ledger, &version, l->meta, span_blob(&l->content));
			simledger_add_history(&n->ledger, &row);
			if (!simledger_commit(&n->ledger, version_durable, n)) {
				n->dying = n->dying ? n->dying : DEATH_LEDGER;
				break; /* tried again after the restart */
			}
		}
		blob_finish(&l->content);
	}
	n->leftover_count -= done;
	memmove(n->leftovers, n->leftovers + done, n->leftover_count * sizeof *n->leftovers);
}

static void send_all(struct simnode *n)
{
	for (size_t i = 0; i < n->outgoing_count && !n->dying; i++) {
		struct simsent *s = &n->outgoing[i];
		if (!enter(n)) /* the rest never leaves */
			break;
		if (s->conn != n->conn)
			continue;
		judge_frame_up(n, s->text, span_blob(&s->frame));
		simnet_send_up(n, s->text, span_blob(&s->frame));
	}
	forget_outgoing(n);
}

void simnode_end_turn(struct simnode *n)
{
	if (!n->dying && sim_commit(n)) {
		tidy(n);
		send_all(n);
	}
	if (n->dying) {
		die(n, n->dying);
		return;
	}
	struct cluster *cl = n->cl;
	uint64_t now = simnode_now_ms(n), due = core_deadline(n->core);
	if (n->inbox_count || n->scan_count || n->rescan)
		simnode_wake(n, cl->now_us + 30 + chance_below(&cl->chance, chance_of(CHANCE_PROCESS, n->index), 200));
	else if (due <= now)
		simnode_wake(n, cl->now_us + 200 + chance_below(&cl->chance, chance_of(CHANCE_PROCESS, n->index), 800));
	else if (due != UINT64_MAX)
		simnode_wake(n, due * 1000 - n->mono_us);
}

static void watch_spin(struct simnode *n, bool idle)
{
	cluster_checked(n->cl, INVARIANT_I8);
	if (!idle || n->cl->now_us - n->idle_since_us > 10000000) {
		n->idle_turns = 0;
		n->idle_since_us = n->cl->now_us;
	} else if (++n->idle_turns > IDLE_TURNS) {
		cluster_break(n->cl, "I8", "%s spins: %d turns within ten seconds and nothing happened", n->name,
		              IDLE_TURNS);
		n->idle_turns = 0;
	}
}

void simnode_turn(struct simnode *n, uint64_t serial)
{
	if (!n->core || n->asleep || serial != n->turn_serial)
		return;
	n->turn_at_us = UINT64_MAX;
	n->cl->tally.turns++;
	watch_spin(n, !n->inbox_count && !n->scan_count && !n->rescan);
	step_inbox(n);
	if (!n->dying && n->scan_count)
		step_scan(n);
	if (!n->dying && n->rescan && !n->scan_count)
		start_rescan(n);
	if (!n->dying && core_deadline(n->core) <= simnode_now_ms(n))
		step(n, &(struct event){ .type = EVENT_TICK });
	simnode_end_turn(n);
	if (n->core)
		judge_claims(n);
}

struct id simnode_version(const struct simnode *n, const struct simimage *i)
{
	return i->present ? core_version_of(n->core, i->meta, span_blob(&i->content)) : (struct id){ 0 };
}

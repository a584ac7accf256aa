#include "sim/simnode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/mark.h"
#include "base/mem.h"
#include "base/plant.h"
#include "base/relpath.h"
#include "engine/core/coordinator.h"
#include "sim/judge.h"
#include "sim/knowledge.h"
#include "sim/person.h"
#include "sim/simreal.h"

#define IDLE_TURNS 3000      /* turns without anything to do, within ten seconds: it spins (a spin makes 16,000) */

/* ---- time ---- */

uint64_t simnode_now_ms(const struct simnode *n)
{
	return (n->cl->now_us + n->mono_us) / 1000;
}

int64_t simnode_wall_ms(const struct simnode *n)
{
	return cluster_wall_ms(n->cl) + n->wall_ms + (int64_t)(n->cl->now_us / 1000) * n->drift_ppm / 1000000;
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

static bool enter(struct simnode *n)
{
	return kernel_enter(n);
}

void simnode_fresh(struct simnode *n, struct simfile *f)
{
	f->owed = false;
	if (f->fresh)
		return;
	f->fresh = true;
	MEM_ROOM(n->fresh, n->fresh_count, n->fresh_cap);
	n->fresh[n->fresh_count++] = f;
}

/* Then nothing is lost: it comes again with its entry. So it is where the engine gives its own new file up, and
 * somebody changed the mode and back, or a power cut left the old one with just these bytes. */
static bool in_log(const struct cluster *cl, const struct id *version)
{
	const struct witness_version *v = witness_version(&cl->witness, version);
	return v && v->accepted && !judge_went_back(cl);
}

void simnode_destroys(struct simnode *n, const struct siminode *i)
{
	if (i->kind == SIM_FOLDER || !i->shown || i->ours)
		return; /* the engine's own copy of a version, as it was */
	cluster_checked(n->cl, INVARIANT_I1);
	if (i->writers)
		cluster_break(n->cl, "I1", "%s takes the last name of a file that somebody has open to write", n->name);
	struct id version = core_version_of(n->core, simdisk_meta(i), span_blob(&i->content));
	const struct simversion *v = simledger_version(&n->ledger, &version);
	if ((!v || !v->durable || v->gone) && !in_log(n->cl, &version))
		judge_destroys(n, &version);
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
	judge_saves(n, row);
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
	judge_saves_change(n, row);
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

/* What else it says of a category, a hold above all, every scan finds out anew. */
static bool sim_save_category(void *ctx, const struct category_row *row)
{
	struct simnode *n = ctx;
	if (!enter_ledger(n))
		return false;
	for (size_t i = 0; i < n->cl->category_count && i < SIMNODE_CATEGORIES; i++)
		if (strcmp(n->cl->categories[i].name, row->category) == 0)
			n->doubted[i] = (struct category_row){ .category = n->cl->categories[i].name,
							       .cut_since_ms = row->cut_since_ms,
							       .cut_until_ms = row->cut_until_ms };
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
	if (row->how == HOW_MERGE || row->how == HOW_NEWEST || row->how == HOW_SETTLE || row->how == HOW_UNDO) /* made of others: as good as an edit */
		witness_merged(&n->cl->witness, n->index, &row->item, &row->version);
	simledger_add_history(&n->ledger, row);
	return true;
}

static bool sim_save_settlement(void *ctx, const struct settlement_row *row)
{
	struct simnode *n = ctx;
	if (!enter_ledger(n))
		return false;
	knowledge_settled(n, row);
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

/* From now on the ledger says that this is there: a power cut may not say otherwise. */
static void settled(struct simnode *n, struct simfile *f)
{
	f->owed = f->node ? f->node->ours : f->placed;
	f->due = simnode_version(n, f);
	JUDGED(n->cl, I2);
	knowledge_committed(f);
	f->fresh = f->placed = f->orphan = false;
}

static bool save_doubts(struct simnode *n)
{
	memcpy(n->doubts, n->doubted, sizeof n->doubts);
	n->cut = false; /* the real one saves its boot's id with the step of EVENT_BOOT */
	return true;
}

static bool commit(struct simnode *n)
{
	if (!enter_ledger(n))
		return false;
	if (!n->ledger.write_count)
		return save_doubts(n);
	if (!simio_sync_names(n)) {
		if (!n->dying)
			n->dying = DEATH_LEDGER;
		return false;
	}
	if (!simledger_commit(&n->ledger, version_durable, n)) {
		n->cl->tally.ledger_failures++;
		n->dying = n->dying ? n->dying : DEATH_LEDGER;
		return false;
	}
	for (size_t i = 0; i < n->fresh_count; i++)
		settled(n, n->fresh[i]);
	n->fresh_count = 0;
	return save_doubts(n);
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

static void sim_notice(void *ctx, enum notice_level level, const char *from, const char *item, const char *text)
{
	struct simnode *n = ctx;
	judge_says(n, text);
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
	.look = simio_look,
	.take = simio_take,
	.take_drop = simio_take_drop,
	.place = simio_place,
	.place_drop = simio_place_drop,
	.stage = simio_stage,
	.stage_sync = simio_stage_sync,
	.version_put = simversions_put,
	.version_get = simversions_get,
	.version_has = simversions_has,
	.version_read = simversions_read,
	.version_stage = simversions_stage,
	.save_item = sim_save_item,
	.drop_item = sim_drop_item,
	.save_outbox = sim_save_outbox,
	.drop_outbox = sim_drop_outbox,
	.save_state = sim_save_state,
	.save_peer = sim_save_peer,
	.save_category = sim_save_category,
	.add_history = sim_add_history,
	.save_settlement = sim_save_settlement,
	.came_back = sim_came_back,
	.dial = sim_dial,
	.hang_up = sim_hang_up,
	.send = sim_send,
	.backlog = sim_backlog,
	.scan = simio_scan,
	.notice = sim_notice,
	.entropy = sim_entropy,
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
	n->kernel.queue_most = 16384;
	simdisk_start(&n->disk, &cl->now_us);
	for (size_t i = 0; i < cl->category_count; i++) {
		struct siminode *folder;
		kernel_make(n, n->disk.top, cl->categories[i].name, SIM_FOLDER, 0755, &folder);
	}
	simdisk_sync_all(&n->disk);
	return n;
}

static void event_finish(struct nodeevent *e)
{
	free(e->room);
}

static void forget_memory(struct simnode *n)
{
	for (size_t i = 0; i < n->inbox_count; i++)
		event_finish(&n->inbox[i]);
	n->inbox_count = 0;
	n->dying = DEATH_KILL; /* whatever is closed on the way out, nothing is done any more */
	simio_stop(n);
	simversions_forget(n);
	forget_outgoing(n);
	core_destroy(n->core);
	n->core = NULL;
	n->life++;
	n->turn_at_us = UINT64_MAX;
}

void simnode_destroy(struct simnode *n)
{
	if (!n)
		return;
	forget_memory(n);
	simio_finish(n);
	kernel_finish(n);
	simdisk_finish(&n->disk);
	simledger_finish(&n->ledger);
	simledger_finish(&n->backup);
	simreal_destroy(n->real);
	blob_finish(&n->rush);
	free(n->fresh);
	free(n->inbox);
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
	mem_sort(rows, used, sizeof *rows, by_counter);
	for (size_t i = 0; i < used; i++) {
		struct outbox_row row = *(struct outbox_row *)rows[i];
		row.record = blob_copy(row.record.data, row.record.len);
		core_load_outbox(n->core, &row);
	}
	free(rows);
	for (at = 0; map_next(&n->ledger.peers, &at, &p);)
		core_load_peer(n->core, p);
	memcpy(n->doubted, n->doubts, sizeof n->doubted);
	for (size_t i = 0; i < SIMNODE_CATEGORIES; i++)
		if (n->doubts[i].category)
			core_load_category(n->core, &n->doubts[i]);
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
		cluster_break(n->cl, "I3", "%s: what its ledger had committed does not come back: %s: %s", n->name,
			      e.what, e.why);
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
		.part_bytes = cluster_part_bytes(cl),
	};
	memcpy(setup.sign_secret, n->secret, sizeof setup.sign_secret);
	memcpy(setup.account_key, cl->account_key, sizeof setup.account_key);
	cluster_note(cl, "%s boots at cursor %llu", n->name, (unsigned long long)n->ledger.state.cursor);
	n->dying = DEATH_NONE;
	n->conn = 0;
	n->idle_turns = 0;
	n->core = core_create(&world, &setup);
	load(n);
	simnode_push(n, &(struct event){ .type = EVENT_BOOT, .unclean = n->unclean, .cut = n->cut }, 0);
	simio_start(n);
}

/* Nobody saved it, and it holds something else than before. */
static void changed_by_itself(struct simnode *n, struct simfile *f, bool was_there, struct span before)
{
	struct id is = simnode_version(n, f);
	if (f->owed && !id_equal(&is, &f->due))
		cluster_break(n->cl, "I2", "%s has committed that %s/%s is replaced, and a power cut takes it back",
			      n->name, f->category, f->path);
	witness_replaced(&n->cl->witness, n->index, f->number, before, span_blob(&f->now.content),
			 was_there && !f->now.present);
	if (f->now.present)
		witness_wrote(&n->cl->witness, n->index, f->number, f->now.meta, span_blob(&f->now.content));
	knowledge_lost(f);
}

static struct simname *away(struct simnode *n, const char *category, bool make)
{
	char name[CATEGORY_MAX + 8];
	snprintf(name, sizeof name, "away-%s", category);
	return simdisk_name(&n->disk, n->disk.top, name, make);
}

static bool root_is_away(struct simnode *n, const char *category)
{
	const struct simname *gone = away(n, category, false);
	return gone && gone->now;
}

/* A folder that is away may be hit by a power cut, and written to by a program that had a file open: that shows when it
 * is back. */
static void goes_away(struct simfile *f, bool there, uint8_t meta, struct span content)
{
	f->is_away = true;
	f->away_present = there;
	f->away_meta = meta;
	f->away = blob_copy(content.data, content.len);
}

static void comes_back(struct simnode *n, struct simfile *f)
{
	struct blob before = f->away;
	bool same = f->away_present == f->now.present && f->away_meta == f->now.meta &&
	            span_equal(span_blob(&before), span_blob(&f->now.content));
	f->away = (struct blob){ 0 };
	f->is_away = false;
	if (!same)
		changed_by_itself(n, f, f->away_present, span_blob(&before));
	blob_finish(&before);
}

static void power_lost(void *ctx, struct simfile *f)
{
	struct simnode *n = ctx;
	if (f->is_away) /* its folder's leaving was not durable */
		comes_back(n, f);
	else if (root_is_away(n, f->category)) /* its return was not */
		goes_away(f, f->before_ino != 0, f->before_meta, span_blob(&f->before));
	else
		changed_by_itself(n, f, f->before_ino != 0, span_blob(&f->before));
}

/* A name that was gone before its folder was renamed may be back, under a path that never was. */
static void find_seats(struct simnode *n)
{
	size_t known = n->disk.count;
	for (size_t i = 0; i < n->cl->category_count; i++) {
		const char *category = n->cl->categories[i].name;
		const struct simname *root = simdisk_name(&n->disk, n->disk.top, category, false);
		if (root && root->now)
			person_seats(n, category, "", root->now);
	}
	for (size_t i = known; i < n->disk.count; i++)
		changed_by_itself(n, n->disk.files[i], false, span_of(NULL, 0));
}

static void go_down(struct simnode *n)
{
	for (size_t i = 0; i < n->fresh_count; i++) {
		n->fresh[i]->orphan = true;
		n->fresh[i]->fresh = n->fresh[i]->placed = false;
	}
	n->fresh_count = 0;
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
	n->unclean = true;
	if (how == DEATH_POWER) {
		n->cut = true;
		knowledge_cut(n);
		cl->tally.power_cuts++;
		simdisk_power_cut(&n->disk, &cl->chance, chance_of(CHANCE_FAULTS + FAULT_power, n->index), power_lost,
				  n);
		find_seats(n);
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
	if (!n->core)
		return;
	go_down(n);
	n->unclean = false;
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

static void keep_texts(struct nodeevent *s)
{
	const char **texts[] = { &s->e.category, &s->e.path, &s->e.to_category, &s->e.to_path };
	struct span *bytes = &s->e.bytes;
	size_t lens[4] = { 0 }, room = bytes->len;
	for (int i = 0; i < 4; i++)
		room += lens[i] = *texts[i] ? strlen(*texts[i]) + 1 : 0;
	char *at = s->room = room ? mem_alloc(room) : NULL;
	for (int i = 0; i < 4; i++) {
		if (lens[i])
			*texts[i] = memcpy(at, *texts[i], lens[i]);
		at += lens[i];
	}
	*bytes = bytes->len ? span_of(memcpy(at, bytes->data, bytes->len), bytes->len) : span_of(NULL, 0);
}

void simnode_push(struct simnode *n, const struct event *e, uint64_t conn)
{
	if (!n->core)
		return;
	MEM_ROOM(n->inbox, n->inbox_count, n->inbox_cap);
	struct nodeevent *s = &n->inbox[n->inbox_count++];
	*s = (struct nodeevent){ .e = *e, .conn = conn };
	keep_texts(s);
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
	size_t take = 1 + (size_t)chance_below(&n->cl->chance, chance_of(CHANCE_PROCESS, n->index), 48), done = 0;
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

void simnode_rescan(struct simnode *n)
{
	simio_look_at_all(n);
}

bool simnode_keep(struct simnode *n, const struct id *item, const struct id *version, uint8_t meta, struct span content)
{
	struct history_row row = { .item = *item,
		                   .version = *version,
		                   .device = n->device,
		                   .at_ms = simnode_wall_ms(n),
		                   .size = content.len,
		                   .kind = KIND_UPDATE,
		                   .how = HOW_EDIT,
		                   .meta = meta };
	return simversions_put(n, version, meta, content) && sim_add_history(n, &row);
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
	if (PLANTED("turn.sends_before_its_commit"))
		send_all(n);
	if (!n->dying && commit(n)) {
		send_all(n);
		simio_tidy(n);
		if (!n->dying && !n->inbox_count && !simio_busy(n) && core_deadline(n->core) > simnode_now_ms(n))
			simio_rest(n);
	}
	if (n->dying) {
		die(n, n->dying);
		return;
	}
	struct cluster *cl = n->cl;
	uint64_t now = simnode_now_ms(n), due = core_deadline(n->core), io_us = simio_due_us(n);
	if (n->inbox_count || n->ledger.write_count || io_us <= cl->now_us)
		simnode_wake(n, cl->now_us + 30 + chance_below(&cl->chance, chance_of(CHANCE_PROCESS, n->index), 200));
	else if (due <= now)
		simnode_wake(n, cl->now_us + 200 + chance_below(&cl->chance, chance_of(CHANCE_PROCESS, n->index), 800));
	else if (due != UINT64_MAX && due * 1000 - n->mono_us < io_us)
		simnode_wake(n, due * 1000 - n->mono_us);
	else if (io_us != UINT64_MAX)
		simnode_wake(n, io_us);
}

/* A job in parts goes on: it was given its part in the turn before. */
static bool went_on(struct simnode *n)
{
	const struct core *c = n->core;
	bool packed = c->packing.phase == PACKING_RUN && c->packing.part_ms == c->now_ms;
	size_t so_far = c->reading.content.len + c->packing.content.len + c->packing.base_content.len +
			c->application.content.len + (packed ? c->now_ms : 0);
	bool on = so_far != n->went_on;
	n->went_on = so_far;
	return on;
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

bool simnode_opens_large(const struct simnode *n)
{
	return n->core && n->core->opening.stage == OPENING_CONTENT;
}

void simnode_turn(struct simnode *n, uint64_t serial)
{
	if (!n->core || n->asleep || serial != n->turn_serial)
		return;
	n->turn_at_us = UINT64_MAX;
	n->cl->tally.turns++;
	watch_spin(n, !went_on(n) && !n->inbox_count && !simio_busy(n));
	n->kernel.spent_us = 0;
	simio_jobs(n);
	if (!n->dying)
		step_inbox(n);
	if (!n->dying && core_deadline(n->core) <= simnode_now_ms(n))
		step(n, &(struct event){ .type = EVENT_TICK });
	simnode_end_turn(n);
	if (n->core) {
		judge_turn(n);
		judge_claims(n);
	}
}

void simnode_move_root(struct simnode *n, const char *category)
{
	struct simname *there = simdisk_name(&n->disk, n->disk.top, category, true), *gone = away(n, category, true);
	bool leaves = there->now && !gone->now, returns = !there->now && gone->now;
	for (size_t i = 0; leaves && i < n->disk.count; i++) {
		struct simfile *f = n->disk.files[i];
		if (strcmp(f->category, category) == 0)
			goes_away(f, f->now.present, f->now.meta, span_blob(&f->now.content));
	}
	if (leaves)
		kernel_move(n, there, gone, false);
	if (returns)
		kernel_move(n, gone, there, false);
	for (size_t i = 0; returns && i < n->disk.count; i++)
		if (n->disk.files[i]->is_away && strcmp(n->disk.files[i]->category, category) == 0)
			comes_back(n, n->disk.files[i]);
	if (returns)
		find_seats(n);
}

bool simnode_set_root(struct simnode *n, const char *category, enum simroot how)
{
	struct simname *there = simdisk_name(&n->disk, n->disk.top, category, true), *gone = away(n, category, true);
	enum simroot is = !gone->now ? ROOT_THERE : there->now ? ROOT_EMPTY : ROOT_AWAY;
	struct siminode *folder;
	if (is == how)
		return false;
	if (is == ROOT_EMPTY && kernel_remove(n, there))
		return false; /* something was put there */
	if ((is == ROOT_THERE) != (how == ROOT_THERE))
		simnode_move_root(n, category);
	return how != ROOT_EMPTY || kernel_make(n, n->disk.top, category, SIM_FOLDER, 0755, &folder) == 0;
}

/* Never the top, and never a root: that would be another root to everybody. */
void simnode_change_rights(struct simnode *n, struct siminode *i, uint64_t what)
{
	if (i->kind != SIM_FOLDER || !i->self || i->self->folder == n->disk.top)
		return;
	i->denied = what == 1;
	i->fixed = what == 2;
	kernel_mode(n, i, i->mode); /* told as a change of it */
}

void simnode_calm_disk(struct simnode *n)
{
	n->disk.room = UINT64_MAX;
	for (size_t i = 0; i < n->cl->category_count; i++) {
		struct simname *gone = away(n, n->cl->categories[i].name, false);
		if (gone && gone->now)
			simnode_move_root(n, n->cl->categories[i].name);
	}
	for (size_t i = 0; i < n->disk.inode_count; i++)
		if (n->disk.inodes[i]->denied || n->disk.inodes[i]->fixed)
			simnode_change_rights(n, n->disk.inodes[i], 0);
}

struct id simnode_version(const struct simnode *n, struct simfile *f)
{
	struct simimage *i = &f->now;
	if (!i->present)
		return (struct id){ 0 };
	if (!i->named) {
		struct span parts[] = { span_of(&i->meta, 1), span_blob(&i->content) };
		i->version = hash_id(n->cl->version_key, "version", parts, 2);
		i->named = true;
	}
	return i->version;
}

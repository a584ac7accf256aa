/* The simulated world itself: its clock, disk, ledger, hub store and witness do what the judge relies on. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/rng.h"
#include "sim/agenda.h"
#include "sim/life.h"
#include "sim/simledger.h"
#include "sim/simstore.h"
#include "sim/simvfs.h"
#include "sim/witness.h"

Test(sim, the_agenda_keeps_time_and_order)
{
	struct agenda a = { 0 };
	struct agenda_entry e;
	struct rng rng;
	rng_seed(&rng, 1);
	for (uint64_t i = 0; i < 1000; i++)
		agenda_add(&a, rng_below(&rng, 50), AGENDA_FAULTS, 0, i, NULL);
	uint64_t at = 0, last = 0;
	for (int i = 0; i < 1000; i++) {
		cr_assert(agenda_next(&a, 50, &e));
		cr_assert(e.at_us > at || (e.at_us == at && e.serial > last));
		at = e.at_us;
		last = e.serial;
	}
	cr_assert_not(agenda_next(&a, UINT64_MAX, &e));
	agenda_add(&a, 100, AGENDA_FAULTS, 0, 0, NULL);
	cr_assert_not(agenda_next(&a, 99, &e));
	agenda_finish(&a);
}

static void count_version(void *ctx, const struct simversion *v)
{
	cr_assert(v->durable);
	++*(int *)ctx;
}

Test(sim, a_turn_that_does_not_commit_never_happened)
{
	struct simledger l = { 0 }, backup;
	struct item_row row = { .item = { { 1 } }, .category = "notes", .path = "a", .head_seq = 1 };
	struct id version = { { 7 } };
	int durable = 0;
	simledger_save_item(&l, &row);
	simledger_put_version(&l, &version, 0, span_text("text"));
	cr_assert(simledger_version(&l, &version) && !simledger_version(&l, &version)->durable);
	simledger_rollback(&l);
	cr_assert_null(simledger_version(&l, &version));
	cr_assert_eq(map_count(&l.items), 0);
	simledger_save_item(&l, &row);
	simledger_put_version(&l, &version, 0, span_text("text"));
	simledger_commit(&l, count_version, &durable);
	row.head_seq = 2;
	simledger_save_item(&l, &row);
	simledger_copy(&backup, &l);
	simledger_commit(&l, count_version, &durable);
	cr_assert_eq(durable, 1);
	cr_assert_eq(((struct item_row *)map_find(&l.items, &row.item, sizeof row.item))->head_seq, 2);
	cr_assert_eq(((struct item_row *)map_find(&backup.items, &row.item, sizeof row.item))->head_seq, 1);
	simledger_finish(&l);
	simledger_finish(&backup);
}

struct disk {
	bool lose_sync;
	uint64_t keep; /* what a power cut leaves: see simvfs.c */
};

static enum simvfs_trouble disk_trouble(void *ctx, bool sync)
{
	struct disk *d = ctx;
	bool lost = sync && d->lose_sync;
	d->lose_sync = d->lose_sync && !lost;
	return lost ? SIMVFS_LOST : SIMVFS_FINE;
}

static uint64_t disk_draw(void *ctx, uint64_t bound)
{
	uint64_t keep = ((struct disk *)ctx)->keep;
	return keep < bound ? keep : bound - 1;
}

static bool commit_cursor(struct ledger *l, uint64_t cursor)
{
	struct state_row row = { .cursor = cursor };
	return ledger_save_state(l, &row) && ledger_commit(l, NULL);
}

static uint64_t cursor_of(struct ledger *l)
{
	struct state_row row;
	cr_assert(ledger_load_state(l, &row, NULL));
	return row.cursor;
}

static struct ledger *open_on(struct simvfs *v)
{
	struct err e = { 0 };
	struct ledger *l = ledger_open_on(simvfs_name(v), "state.db", &e);
	cr_assert_not_null(l, "%s: %s", e.what, e.why);
	return l;
}

Test(sim, a_ledger_on_a_simulated_disk_keeps_its_commits_through_power_cuts)
{
	struct disk d = { 0 };
	struct simvfs *v = simvfs_create(&(struct simvfs_world){ &d, disk_trouble, disk_draw });
	for (uint64_t n = 1; n <= 12; n++) {
		struct ledger *l = open_on(v);
		cr_assert_eq(cursor_of(l), n - 1);
		cr_assert(commit_cursor(l, n));
		struct state_row row = { .cursor = 1000 };
		ledger_save_state(l, &row); /* and never commits it */
		d.keep = n % 4;
		if (n % 3)
			simvfs_power_cut(v);
		else
			simvfs_die(v);
		ledger_close(l);
	}
	cr_assert(simvfs_syncs(v) > 12);
	simvfs_destroy(v);
}

/* The kernel holds what it failed to sync for written: what is committed behind it must not depend on it. */
Test(sim, a_ledger_loses_nothing_behind_a_sync_that_failed)
{
	struct disk d = { 0 };
	struct simvfs *v = simvfs_create(&(struct simvfs_world){ &d, disk_trouble, disk_draw });
	struct ledger *l = open_on(v);
	cr_assert(commit_cursor(l, 1));
	d.lose_sync = true;
	cr_assert_not(commit_cursor(l, 2));
	simvfs_die(v);
	ledger_close(l);
	l = open_on(v);
	cr_assert(commit_cursor(l, 3));
	simvfs_power_cut(v);
	ledger_close(l);
	l = open_on(v);
	cr_assert_eq(cursor_of(l), 3);
	ledger_close(l);
	simvfs_destroy(v);
}

struct store_log {
	int appended, broken, answers, refused;
	bool die;
};

static void on_append(void *ctx, const struct simentry *e, const struct simentry *base)
{
	(void)e;
	(void)base;
	((struct store_log *)ctx)->appended++;
}

static bool on_refuse(void *ctx)
{
	(void)ctx;
	return false;
}

static bool on_death(void *ctx)
{
	return ((struct store_log *)ctx)->die;
}

static void on_break(void *ctx, const char *what)
{
	(void)what;
	((struct store_log *)ctx)->broken++;
}

static void on_answer(void *ctx, const struct store_answer *a)
{
	struct store_log *log = ctx;
	log->answers++;
	if (a->what == STORE_APPENDED && a->verdicts[0].kind != VERDICT_APPENDED)
		log->refused++;
}

Test(sim, the_hubs_store_forgets_what_was_not_pumped_and_judges_the_rest)
{
	struct store_log log = { 0 };
	struct simstore_watch watch = {
		.ctx = &log, .appended = on_append, .refuses = on_refuse, .dies = on_death, .broken = on_break
	};
	struct id hub = { { 9 } }, device = { { 1 } };
	struct store *s = simstore_create(&hub, SIMSTORE_ACCOUNT, &watch);
	simstore_enrol(s, &(struct message_device){ .device = device, .name = { (uint8_t *)"name", 4 } });
	struct change c = { .counter = 1, .item = { { 2 } }, .version = { { 3 } }, .body = span_text("sealed") };
	s->answer = on_answer;
	s->answer_ctx = &log;
	s->ops->append(s, 1, SIMSTORE_ACCOUNT, &device, 5, &c, 1, 0);
	simstore_crash(s);
	cr_assert_not(s->ops->pump(s));
	cr_assert_eq(simstore_count(s), 0);
	s->ops->append(s, 2, SIMSTORE_ACCOUNT, &device, 5, &c, 1, 0);
	cr_assert(s->ops->pump(s));
	cr_assert_eq(simstore_count(s), 1);
	s->ops->append(s, 3, SIMSTORE_ACCOUNT, &device, 5, &c, 1, 0); /* a resend */
	c.counter = 2;
	s->ops->append(s, 4, SIMSTORE_ACCOUNT, &device, 5, &c, 1, 0); /* stale: the item exists */
	cr_assert(s->ops->pump(s));
	cr_assert_eq(simstore_count(s), 1);
	cr_assert_eq(log.answers, 3);
	cr_assert_eq(log.refused, 2);
	c.base = 1;
	s->ops->append(s, 5, SIMSTORE_ACCOUNT, &device, 5, &c, 1, 0);
	cr_assert(s->ops->pump(s));
	cr_assert_eq(simstore_head(s, &c.item)->e.seq, 2);
	simstore_restore(s, 1);
	cr_assert_eq(simstore_head(s, &c.item)->e.seq, 1);
	log.die = true;
	s->ops->append(s, 6, SIMSTORE_ACCOUNT, &device, 5, &c, 1, 0);
	cr_assert_not(s->ops->pump(s));
	cr_assert_eq(simstore_count(s), 1);
	cr_assert_eq(log.appended, 2);
	cr_assert_eq(log.broken, 0);
	s->ops->destroy(s);
}

Test(sim, the_witness_knows_what_a_person_gave_up)
{
	struct witness w = { 0 };
	unsigned path = witness_path(&w, "notes", "a");
	size_t count;
	uint32_t *tokens = witness_tokens(span_text("t00000002\nnoise\nt0000000a\nt000000\nt00000001"), &count);
	cr_assert_eq(count, 3);
	cr_assert(tokens[0] == 1 && tokens[1] == 2 && tokens[2] == 10);
	free(tokens);
	cr_assert_eq(witness_path(&w, "notes", "a"), path);
	witness_replaced(&w, 0, path, span_text("t00000001\nt00000002\n"), span_text("t00000002\n"), false);
	cr_assert(witness_may_lose(&w, 0, path, 1));
	cr_assert_not(witness_may_lose(&w, 0, path, 2));
	cr_assert_not(witness_may_lose(&w, 1, path, 1));
	cr_assert_not(witness_may_lose(&w, 0, path, 0));
	witness_replaced(&w, 1, path, span_text("t00000002\n"), span_text(""), true);
	cr_assert(witness_may_lose(&w, 1, path, 0) && witness_may_lose(&w, 1, path, 2));
	struct id version = { { 4 } };
	cr_assert(witness_saw_version(&w, &version, 0, span_text("t00000007\n")));
	cr_assert(witness_saw_version(&w, &version, 0, span_text("t00000007\n")));
	cr_assert_not(witness_saw_version(&w, &version, 0, span_text("other")));
	witness_finish(&w);
}

/* The model of the stores, and SQLite on a simulated disk under the same faults: not to be told apart. */
Test(sim, real_stores_and_their_models_live_the_same_life)
{
	for (uint64_t seed = 4100; seed < 4110; seed++) {
		struct life_setup s = { .seed = seed, .devices = 3, .seconds = 60, .whole_calls = true };
		struct life_result model, real;
		s.stores = LIFE_STORES_MODEL;
		life_run(&s, &model);
		s.stores = LIFE_STORES_REAL;
		life_run(&s, &real);
		cr_assert_str_eq(model.breach.text, real.breach.text, "seed %llu", (unsigned long long)seed);
		cr_assert_eq(model.digest, real.digest, "seed %llu", (unsigned long long)seed);
	}
}

/* Everything that can be thinned is, each second: nobody misses it. */
Test(sim, lives_whose_histories_are_thinned)
{
	uint64_t thinned = 0;
	for (uint64_t seed = 4200; seed < 4206; seed++) {
		struct life_setup s = { .seed = seed, .devices = 3, .seconds = 60, .thin = true };
		struct life_result r;
		life_run(&s, &r);
		cr_assert_not(r.breach.found, "seed %llu: %s %s", (unsigned long long)seed, r.breach.invariant,
			      r.breach.text);
		thinned += r.tally.thinned;
	}
	cr_assert_gt(thinned, 50, "%llu", (unsigned long long)thinned);
}

Test(sim, a_life_is_the_same_each_time)
{
	for (uint64_t seed = 4000; seed < 4010; seed++) {
		struct life_setup s = { .seed = seed, .devices = 3, .seconds = 60 };
		struct life_result first, second;
		life_run(&s, &first);
		life_run(&s, &second);
		cr_assert_not(first.breach.found, "seed %llu: %s", (unsigned long long)seed, first.breach.text);
		cr_assert_eq(first.digest, second.digest, "seed %llu", (unsigned long long)seed);
		cr_assert(memcmp(&first.tally, &second.tally, sizeof first.tally) == 0);
	}
}

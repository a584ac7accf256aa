#include "sim/life.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sim/judge.h"
#include "sim/person.h"
#include "sim/simhub.h"
#include "sim/simnode.h"

#define MINUTE_US 60000000ull
#define SETTLE_US (10 * MINUTE_US)

static const struct category_setup categories[] = {
	{ .name = "notes", .debounce_ms = 2000, .max_wait_ms = 10000, .strategy = STRATEGY_ASK },
	{ .name = "aliases", .strategy = STRATEGY_ASK },
	{ .name = "snippets", .strategy = STRATEGY_MERGE, .merge = MERGE_BY_KIND },
	{ .name = "quicklinks",
	  .debounce_ms = 500,
	  .max_wait_ms = 5000,
	  .strategy = STRATEGY_MERGE,
	  .merge = MERGE_LINES },
	{ .name = "themes", .strategy = STRATEGY_NEWEST },
};
#define CATEGORIES (sizeof categories / sizeof *categories)

/* Rates are no choices: they say how likely choices are. A class is on in every second life, at a rate between nothing
 * and the most; in one life of eight nothing goes wrong. When a list is played, everything may happen that it lists. */
static void draw_rates(struct cluster *cl)
{
	static const struct {
		const char *name;
		uint32_t most;
	} classes[] = {
#define F(name, area, most, words) { #name, most },
		FAULTS(F)
#undef F
	};
	const struct chance *c = &cl->chance;
	bool well = chance_trait(c, "all is well", 0, 8) == 0;
	for (unsigned i = 0; i < FAULT_COUNT; i++) {
		bool on = !well && chance_trait(c, classes[i].name, 0, 2);
		uint32_t rate = 1 + (uint32_t)chance_trait(c, classes[i].name, 1, classes[i].most);
		cl->rates.of[i] = cl->chance.play ? 1000000 : on ? rate : 0;
	}
	uint64_t mean = chance_trait(c, "delay", 0, 100) == 0 ? 30000000
	                : chance_trait(c, "delay", 1, 2)      ? chance_trait(c, "delay", 2, 200000)
	                                                      : 0;
	cl->rates.delay_us = chance_decided(&cl->chance, "delay_us", well ? 0 : mean);
	if (!cl->chance.play && cl->rates.garble && chance_trait(c, "garble", 2, 20) == 0)
		cl->rates.garble = 50000;
	if (!cl->chance.play && chance_trait(c, "hub_lies", 2, 10))
		cl->rates.hub_lies = 0;
	if (!cl->chance.play && chance_trait(c, "hub_restore", 2, 6))
		cl->rates.hub_restore = 0;
	if (!cl->chance.play && chance_trait(c, "root_gone", 2, 10))
		cl->rates.root_gone = 0;
	if (!cl->chance.play && chance_trait(c, "rights", 2, 5))
		cl->rates.rights = 0;
	if (!cl->chance.play && chance_trait(c, "shape", 2, 3))
		cl->rates.shape = 0;
	if (!cl->chance.play && chance_trait(c, "node_restore", 2, 6))
		cl->rates.node_restore = 0;
}

static void draw_disks(struct cluster *cl)
{
	for (unsigned i = 0; i < cl->node_count; i++) {
		struct simnode *n = cl->nodes[i];
		n->disk.posix = chance_trait(&cl->chance, "posix", i, 2);
		if (chance_trait(&cl->chance, "short queue", i, 8) == 0)
			n->kernel.queue_most = 4 + (size_t)chance_trait(&cl->chance, "short queue", i + 100, 60);
	}
}

/* Wall clocks go up to 5 % too fast or too slow. */
static void draw_drift(struct cluster *cl)
{
	uint64_t drift = cl->rates.clock_jump ? 1 + chance_trait(&cl->chance, "drift", 0, 100001) : 0;
	drift = chance_decided(&cl->chance, "drift", drift);
	for (unsigned i = 0; drift && i < cl->node_count; i++)
		cl->nodes[i]->drift_ppm = (int64_t)((drift + i * 37123) % 100001) - 50000;
}

/* A first import: enough small files that resemble each other to be worth a dictionary. */
static void import(struct simnode *n)
{
	struct cluster *cl = n->cl;
	uint64_t count = 300 + chance_trait(&cl->chance, "imported", n->index, 200);
	struct buf *story = cl->story;
	cluster_tell(cl, "%s comes with a folder of %llu notes", n->name, (unsigned long long)count);
	cl->story = NULL; /* one line for all */
	for (uint64_t i = 0; i < count; i++) {
		struct buf text = { 0 };
		char path[48];
		bool shared = chance_trait(&cl->chance, "shared", i, 4) == 0; /* another device may have the very same */
		snprintf(path, sizeof path, "import/%llu-%u", (unsigned long long)i, shared ? 0 : n->index + 1);
		for (uint64_t line = 0; line < 4 + i % 12; line++)
			buf_printf(&text, "entry %llu: an address, a name, and a remark about number %llu\n",
			           (unsigned long long)line, (unsigned long long)(i * (line + 7)));
		if (!shared || chance_trait(&cl->chance, n->name, i, 32) == 0)
			buf_printf(&text, "t%08x\n", witness_token(&cl->witness));
		person_write(n, person_file(n, cl->categories[0].name, path), buf_view(&text), 0, false);
		buf_finish(&text);
	}
	cl->story = story;
}

/* Some devices have files of their own before they ever join. */
static void furnish(struct cluster *cl)
{
	struct chance *c = &cl->chance;
	bool much = chance_setting(c, "import", 8) == 7;
	for (unsigned i = 0; i < cl->node_count; i++) {
		struct simnode *n = cl->nodes[i];
		unsigned stream = chance_of(CHANCE_SETUP, i);
		person_before(n);
		if (chance_hit(c, stream, much ? i ? 500000 : 1000000 : 0))
			import(n);
		agenda_add(&cl->agenda, chance_below(c, stream, 20000000), AGENDA_NODE_BOOT, i, n->life, NULL);
	}
}

static void tell_queues(struct cluster *cl)
{
	struct queue_view rows[8];
	for (unsigned i = 0; i < cl->node_count; i++) {
		struct simnode *n = cl->nodes[i];
		size_t count = n->core ? core_view_queue(n->core, rows, 8) : 0;
		for (size_t k = 0; k < count && k < 8; k++)
			cluster_note(cl, "%s: %s/%s %s %s, retries %u, %s", n->name, rows[k].category, rows[k].path,
			             rows[k].incoming ? "incoming" : "outgoing", rows[k].state, rows[k].retry_count,
			             rows[k].reason);
	}
}

static void settle(struct cluster *cl, const char *when)
{
	char why[400] = "";
	cluster_checked(cl, INVARIANT_Q10);
	if (cl->breach.found || cluster_settle(cl, SETTLE_US))
		return;
	tell_queues(cl);
	if (!judge_quiet(cl, why, sizeof why) || !cl->breach.found)
		cluster_break(cl, "Q10", "no rest %s within %llu simulated minutes: %s", when, SETTLE_US / MINUTE_US,
		              why[0] ? why : "the log goes on growing");
}

static void look_at_everything(struct cluster *cl)
{
	for (unsigned i = 0; i < cl->node_count; i++)
		if (cl->nodes[i]->core)
			simnode_rescan(cl->nodes[i]);
}

/* Entries above `log`, but for content that rot took and that is sent again as it was. */
static size_t changes_since(struct cluster *cl, size_t log)
{
	size_t changes = 0;
	for (uint64_t seq = log + 1; seq <= simstore_count(cl->hub.store); seq++) {
		const struct change *c = &simstore_entry(cl->hub.store, seq)->e.change;
		const struct simentry *base = c->base ? simstore_entry(cl->hub.store, c->base) : NULL;
		changes += !cl->tally.rotten || !base || !id_equal(&base->e.change.version, &c->version);
	}
	return changes;
}

/* Nothing may come of turning everything off and on again. */
static void restart_all(struct cluster *cl)
{
	size_t log = simstore_count(cl->hub.store);
	uint64_t places = cl->tally.places;
	if (cl->breach.found)
		return;
	cluster_checked(cl, INVARIANT_Q8);
	for (unsigned i = 0; i < cl->node_count; i++) {
		simnode_stop(cl->nodes[i]);
		simnode_boot(cl->nodes[i]);
	}
	settle(cl, "after a restart of every device");
	JUDGED(cl, Q8);
	if (changes_since(cl, log) && !cl->breach.found)
		cluster_break(cl, "Q8", "a restart of every device sent %zu changes", changes_since(cl, log));
	if (cl->tally.places != places && !cl->breach.found)
		cluster_break(cl, "Q8", "a restart of every device replaced files");
}

static void resolve_all(struct cluster *cl)
{
	struct conflict_view v;
	struct err e;
	size_t rounds = 40;
	for (unsigned i = 0; i < cl->node_count; i++)
		for (size_t k = 0; cl->nodes[i]->core && core_view_conflict(cl->nodes[i]->core, k, &v); k++)
			rounds++;
	for (size_t round = 0; round < rounds && !cl->breach.found; round++) {
		bool any = false;
		for (unsigned i = 0; i < cl->node_count; i++) {
			struct simnode *n = cl->nodes[(i + (unsigned)round) % cl->node_count];
			if (!n->core || !core_view_conflict(n->core, 0, &v))
				continue;
			any = true;
			char *category = mem_text(v.category), *path = mem_text(v.path);
			if (!person_settle(n, category, path, chance_below(&cl->chance, CHANCE_END, PERSON_WAYS), &e) &&
			    n->core)
				person_resolve(n, category, path, KEEP_MINE, &e); /* there was no such way */
			free(category);
			free(path);
			if (chance_below(&cl->chance, CHANCE_END, 2))
				break; /* else somebody else settles something at the same moment */
		}
		if (!any)
			return;
		settle(cl, "after a conflict was settled");
	}
	for (unsigned i = 0; i < cl->node_count; i++)
		if (cl->nodes[i]->core && core_view_conflict(cl->nodes[i]->core, 0, &v))
			cluster_break(cl, "Q4", "%s/%s stays in conflict whatever people choose", v.category, v.path);
}

/* When all is settled somebody thinks again. */
static void settle_again(struct cluster *cl)
{
	bool again = chance_setting(&cl->chance, "second thoughts", 3) == 2;
	for (unsigned i = 0; again && i < cl->node_count && !cl->breach.found; i++) {
		struct simnode *n = cl->nodes[i];
		n->dice = CHANCE_END;
		if (n->core)
			person_undo_any(n);
		settle(cl, "after a settlement was taken back");
	}
	if (again)
		resolve_all(cl);
}

/* How seriously categories are taken differs from life to life. */
static void draw_categories(struct cluster *cl, struct category_setup own[static CATEGORIES])
{
	bool small = chance_setting(&cl->chance, "small changes wait", 4) == 3;
	bool rate = chance_setting(&cl->chance, "changes are counted", 4) == 3;
	memcpy(own, categories, sizeof categories);
	for (size_t i = 0; i < CATEGORIES; i++) {
		if (small && own[i].debounce_ms)
			own[i].min_change_bytes = 40;
		if (rate && i % 2)
			own[i].max_changes_per_minute = 3;
	}
	cl->categories = own;
}

void life_run(const struct life_setup *s, struct life_result *out)
{
	struct category_setup own[CATEGORIES];
	struct cluster *cl = cluster_create(s->seed, s->devices, categories, CATEGORIES);
	cl->trace = s->trace;
	cl->story = s->story;
	cl->until = s->until;
	cl->trail = s->trail;
	cl->chance.record = s->record;
	cl->chance.play = s->play;
	bool real = chance_setting(&cl->chance, "real stores", 10) == 9;
	if (s->stores == LIFE_STORES_DRAWN ? real : s->stores == LIFE_STORES_REAL)
		cluster_use_real_stores(cl);
	draw_categories(cl, own);
	draw_rates(cl);
	cl->thins = chance_decided(&cl->chance, "thins", s->thin);
	if (s->whole_calls)
		cl->rates.store_full = cl->rates.store_sync = cl->rates.store_death = 0;
	for (unsigned i = 0; i < FAULT_COUNT; i++)
		if (s->without >> i & 1)
			cl->rates.of[i] = 0;
	cl->backwards = chance_setting(&cl->chance, "scans backwards", 4) == 3;
	cl->narrow = chance_setting(&cl->chance, "narrow connections", 8) == 7;
	cl->large = chance_setting(&cl->chance, "large files", 12) == 11;
	cl->idle_writers = chance_setting(&cl->chance, "idle writers", 8) == 7;
	draw_disks(cl);
	draw_drift(cl);
	furnish(cl);
	cl->acting = true;
	cluster_run(cl, s->seconds * 1000000ull);
	cluster_tell(cl, "---- no more acts and faults; everything boots and connects");
	cluster_calm(cl);
	cluster_run(cl, 30000000); /* what was shut down boots by itself */
	look_at_everything(cl);
	settle(cl, "after the faults ended");
	if (!cl->breach.found)
		judge_rest(cl);
	restart_all(cl);
	if (!cl->breach.found)
		judge_rest(cl);
	resolve_all(cl);
	if (!cl->breach.found)
		judge_rest(cl);
	settle_again(cl);
	if (!cl->breach.found)
		judge_rest(cl);
	uint64_t state = judge_digest(cl);
	cluster_mix(cl, &state, sizeof state);
	*out = (struct life_result){ cl->tally, cl->breach, outcome_of(cl), cl->digest };
	cluster_destroy(cl);
}

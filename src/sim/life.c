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
};

/* A class of faults is on in every second life, at a rate between nothing and the most. */
static uint32_t some(struct cluster *cl, uint32_t most)
{
	uint32_t rate = (uint32_t)chance_below(&cl->chance, CHANCE_SETUP, most + 1);
	return chance_below(&cl->chance, CHANCE_SETUP, 2) ? rate : 0;
}

static bool rarely(struct cluster *cl, unsigned of)
{
	return chance_below(&cl->chance, CHANCE_SETUP, of) == 0;
}

static void draw_rates(struct cluster *cl)
{
	struct rates *r = &cl->rates;
	if (rarely(cl, 8))
		return; /* all is well */
	r->cut = some(cl, 20000);
	r->half_open = some(cl, 5000);
	r->dial_refused = some(cl, 300000);
	r->dial_silent = some(cl, 100000);
	r->delay_us = some(cl, 100) ? chance_below(&cl->chance, CHANCE_SETUP, 200000) : 0;
	if (rarely(cl, 100))
		r->delay_us = 30000000;
	r->answer_lost = some(cl, 50000);
	r->garble = rarely(cl, 20) ? 50000 : some(cl, 2000);
	r->slow_link = some(cl, 200000);
	r->partition = some(cl, 30000);
	r->race = some(cl, 50000);
	r->look_error = some(cl, 10000);
	r->look_busy = some(cl, 20000);
	r->place_error = some(cl, 20000);
	r->ledger_full = some(cl, 500);
	r->hint_lost = some(cl, 20000);
	r->hint_late = some(cl, 200000);
	r->unseen = some(cl, 30000);
	r->kill = some(cl, 5000);
	r->power = some(cl, 2000);
	r->sleep = some(cl, 5000);
	r->restart = some(cl, 10000);
	r->hub_kill = some(cl, 2000);
	r->hub_full = some(cl, 20000);
	r->hub_restore = rarely(cl, 12) ? 10000 : 0;
	r->node_restore = rarely(cl, 12) ? 20000 : 0;
	r->clock_jump = some(cl, 5000);
}

/* A first import: enough small files that resemble each other to be worth a dictionary. */
static void import(struct simnode *n)
{
	struct cluster *cl = n->cl;
	for (uint64_t i = 0, count = 300 + chance_below(&cl->chance, CHANCE_SETUP, 200); i < count; i++) {
		struct buf text = { 0 };
		char path[48];
		bool shared = chance_below(&cl->chance, CHANCE_SETUP, 4) == 0; /* another device may have the very same */
		snprintf(path, sizeof path, "import/%llu-%u", (unsigned long long)i, shared ? 0 : n->index + 1);
		for (uint64_t line = 0; line < 4 + i % 12; line++)
			buf_printf(&text, "entry %llu: an address, a name, and a remark about number %llu\n",
			           (unsigned long long)line, (unsigned long long)(i * (line + 7)));
		if (!shared || chance_below(&cl->chance, CHANCE_SETUP, 32) == 0)
			buf_printf(&text, "t%08x\n", witness_token(&cl->witness));
		person_write(n, person_file(n, cl->categories[0].name, path), buf_view(&text), 0, false);
		buf_finish(&text);
	}
}

/* Some devices have files of their own before they ever join. */
static void furnish(struct cluster *cl)
{
	bool much = rarely(cl, 8);
	for (unsigned i = 0; i < cl->node_count; i++) {
		struct simnode *n = cl->nodes[i];
		for (uint64_t edits = chance_below(&cl->chance, CHANCE_SETUP, 12); edits; edits--)
			person_edit(n, NULL);
		if (much && (i == 0 || rarely(cl, 2)))
			import(n);
		uint64_t at = chance_below(&cl->chance, CHANCE_SETUP, 20000000);
		agenda_add(&cl->agenda, at, AGENDA_NODE_BOOT, i, n->life, NULL);
		agenda_add(&cl->agenda, at + 1000, AGENDA_PERSON, i, 0, NULL);
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

/* Nothing may come of turning everything off and on again. */
static void restart_all(struct cluster *cl)
{
	size_t log = simstore_count(cl->hub.store);
	uint64_t places = cl->tally.places;
	if (cl->breach.found)
		return;
	for (unsigned i = 0; i < cl->node_count; i++) {
		simnode_stop(cl->nodes[i]);
		simnode_boot(cl->nodes[i]);
	}
	settle(cl, "after a restart of every device");
	if (simstore_count(cl->hub.store) != log && !cl->breach.found)
		cluster_break(cl, "Q8", "a restart of every device sent %zu changes",
		              simstore_count(cl->hub.store) - log);
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
			person_resolve(n, category, path, chance_below(&cl->chance, CHANCE_PERSON, 2), &e);
			free(category);
			free(path);
			if (chance_below(&cl->chance, CHANCE_PERSON, 2))
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

void life_run(const struct life_setup *s, struct life_result *out)
{
	struct cluster *cl = cluster_create(s->seed, s->devices, categories, sizeof categories / sizeof *categories);
	cl->trace = s->trace;
	draw_rates(cl);
	furnish(cl);
	cl->acting = true;
	cluster_run(cl, s->minutes * MINUTE_US);
	cluster_note(cl, "---- calm");
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
	uint64_t state = judge_digest(cl);
	cluster_mix(cl, &state, sizeof state);
	*out = (struct life_result){ cl->tally, cl->breach, cl->digest };
	cluster_destroy(cl);
}

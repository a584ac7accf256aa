#include "sim/simthin.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/core/category/retention.h"

static void need(struct map *needed, const struct id *version)
{
	if (!id_zero(version))
		map_put(needed, version, sizeof *version, needed);
}

static void learn(const struct simledger *l, struct map *needed)
{
	void *p;
	for (size_t at = 0; map_next(&l->items, &at, &p);) {
		const struct item_row *r = p;
		const struct id *const all[] = { &r->head_version, &r->agreed,     &r->local,  &r->want,
						 &r->settled,      &r->settled_as, &r->merged, &r->merged_on };
		for (size_t i = 0; i < sizeof all / sizeof *all; i++)
			need(needed, all[i]);
	}
	for (size_t at = 0; map_next(&l->outbox, &at, &p);)
		need(needed, &((const struct outbox_row *)p)->version);
	for (size_t i = 0; i < l->settlement_count; i++) { /* no life is as long as they are kept */
		const struct settlement_row *s = &l->settlements[i];
		const struct id *const all[] = { &s->base, &s->mine, &s->theirs, &s->result };
		for (size_t k = 0; k < 4; k++)
			need(needed, all[k]);
	}
}

/* One item's rows, from the first on; what stays is needed by all. */
static void decide(const struct simledger *l, size_t first, const struct retention *rule, int64_t now_ms,
		   struct map *needed, struct map *stays)
{
	struct retention_version *versions = mem_alloc((l->history_count - first) * sizeof *versions);
	size_t *rows = mem_alloc((l->history_count - first) * sizeof *rows), count = 0;
	for (size_t i = first; i < l->history_count; i++) {
		const struct history_row *h = &l->history[i];
		if (!id_equal(&h->item, &l->history[first].item) || id_zero(&h->version))
			continue;
		rows[count] = i;
		versions[count++] = (struct retention_version){
			.at_ms = h->at_ms, .needed = map_find(needed, &h->version, sizeof h->version)
		};
	}
	retention_decide(rule, versions, count, now_ms);
	for (size_t i = 0; i < count; i++)
		if (!versions[i].drop)
			need(stays, &l->history[rows[i]].version);
	free(versions);
	free(rows);
}

void simthin_run(struct simnode *n)
{
	struct simledger *l = &n->ledger;
	struct map needed = { 0 }, stays = { 0 }, seen = { 0 };
	struct retention rule;
	const char *why;
	int64_t hub_ms;
	if (!n->core || !core_hub_now(n->core, &hub_ms) || !retention_parse(SIMTHIN_RULE, &rule, &why))
		return;
	int64_t wall_ms = simnode_wall_ms(n), now_ms = wall_ms < hub_ms ? wall_ms : hub_ms;
	learn(l, &needed);
	for (size_t i = 0; i < l->history_count; i++)
		if (!map_put(&seen, &l->history[i].item, sizeof l->history[i].item, n))
			decide(l, i, &rule, now_ms, &needed, &stays);
	for (size_t i = 0; i < l->history_count; i++) {
		struct simversion *v = map_find(&l->versions, &l->history[i].version, sizeof l->history[i].version);
		if (!v || v->gone || !v->durable || map_find(&stays, &v->version, sizeof v->version) ||
		    map_find(&needed, &v->version, sizeof v->version))
			continue;
		v->gone = true;
		n->cl->tally.thinned++;
	}
	map_finish(&needed);
	map_finish(&stays);
	map_finish(&seen);
}

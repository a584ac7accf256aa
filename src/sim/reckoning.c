/* At rest: trees, conflicts, stores and tokens. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sim/judge.h"
#include "sim/knowledge.h"
#include "sim/simio.h"

/* The log's heads, sorted by what they are. */
struct heads {
	const struct simentry **main;  /* by name; NULL: the log has none */
	const struct simentry **sides; /* by name and device: open second versions */
	size_t names, devices, open;
};

static void heads_init(struct heads *h, struct cluster *cl)
{
	const struct simentry *head;
	*h = (struct heads){ .names = cl->witness.name_count, .devices = cl->node_count };
	h->main = mem_alloc((h->names + 1) * sizeof *h->main);
	h->sides = mem_alloc((h->names * h->devices + 1) * sizeof *h->sides);
	for (size_t at = 0; simstore_next_item(cl->hub.store, &at, &head);) {
		const struct witness_item *i = witness_item(&cl->witness, &head->e.change.item);
		const struct simnode *n = i && i->side ? cluster_node_of(cl, &i->device) : NULL;
		if (i && !i->side)
			h->main[i->path] = head;
		if (!i || !i->side || id_zero(&head->e.change.version))
			continue;
		h->open++;
		if (n)
			h->sides[i->path * h->devices + n->index] = head;
	}
}

static void heads_finish(struct heads *h)
{
	free(h->main);
	free(h->sides);
}

static void check_tree(struct cluster *cl, struct simnode *n, const struct heads *heads)
{
	for (size_t path = 0; path < heads->names; path++) {
		const struct simentry *head = heads->main[path];
		const char *name = witness_name(&cl->witness, (unsigned)path);
		if (!head || !judge_synced(cl, name))
			continue;
		const struct simentry *mine = heads->sides[path * heads->devices + n->index];
		const struct id *want = mine ? &mine->e.change.version : &head->e.change.version;
		struct simfile *f = map_find(&n->disk.index, name, strlen(name));
		struct id is = f ? simnode_version(n, f) : (struct id){ 0 };
		char a[ID_HEX], b[ID_HEX];
		if (!id_equal(&is, want))
			cluster_break(cl, "Q1", "%s holds %.8s of %s, and %s is %.8s (entry %llu)", n->name,
			              id_hex(&is, a), name, mine ? "its side of the conflict" : "the head",
			              id_hex(want, b), (unsigned long long)head->e.seq);
	}
	for (size_t i = 0; i < n->disk.count; i++) {
		const struct simfile *f = n->disk.files[i];
		const struct item_row *row = core_find_item(n->core, f->category, f->path);
		if (f->now.present && (!row || !simstore_head(cl->hub.store, &row->item)))
			cluster_break(cl, "Q1", "%s has %s/%s, and the hub never heard of it", n->name, f->category,
			              f->path);
	}
}

/* Every device lists exactly the open side items, naming both versions. */
static void check_conflicts(struct cluster *cl, struct simnode *n, const struct heads *heads)
{
	struct conflict_view v;
	size_t listed = 0;
	for (; core_view_conflict(n->core, listed, &v); listed++) {
		const struct simentry *side = simstore_head(cl->hub.store, &v.id);
		const struct id *version = side ? &side->e.change.version : NULL;
		if (!version || id_zero(version))
			cluster_break(cl, "Q4", "%s lists a conflict in %s/%s that the log does not have", n->name,
			              v.category, v.path);
		else if (!id_equal(version, &v.mine.version) && !id_equal(version, &v.theirs.version))
			cluster_break(cl, "Q4", "%s lists a conflict in %s/%s without naming the second version",
			              n->name, v.category, v.path);
	}
	if (heads->open != listed)
		cluster_break(cl, "Q4", "%s lists %zu conflicts, and the log has %zu", n->name, listed, heads->open);
}

static void mark(struct map *tokens, struct span text)
{
	size_t count;
	uint32_t *found = witness_tokens(text, &count);
	for (size_t i = 0; i < count; i++)
		map_put(tokens, &found[i], sizeof found[i], tokens);
	free(found);
}

/* A dictionary is made of scraps of what people wrote, which may read like a token. It has no history. */
static void mark_dictionaries(struct map *tokens, const struct simnode *n)
{
	void *p;
	for (size_t at = 0; map_next(&n->ledger.items, &at, &p);) {
		const struct item_row *row = p;
		bool configured = false;
		for (size_t i = 0; i < n->cl->category_count; i++)
			configured = configured || strcmp(n->cl->categories[i].name, row->category) == 0;
		const struct simversion *v = configured ? NULL : simledger_version(&n->ledger, &row->head_version);
		if (v)
			mark(tokens, span_blob(&v->content));
		v = configured ? NULL : simledger_version(&n->ledger, &row->local);
		if (v)
			mark(tokens, span_blob(&v->content));
	}
}

/* Whatever was captured can be had again: it is in a tree, or in a version that some device's history names and holds.
 */
static void check_tokens(struct cluster *cl)
{
	struct map reachable = { 0 }, seen = { 0 }, rotten = { 0 };
	for (unsigned i = 0; i < cl->node_count; i++) {
		struct simnode *n = cl->nodes[i];
		mark_dictionaries(&reachable, n);
		for (size_t k = 0; k < n->disk.count; k++)
			if (n->disk.files[k]->now.present)
				mark(&reachable, span_blob(&n->disk.files[k]->now.content));
		for (size_t k = 0; k < n->ledger.history_count; k++) {
			const struct id *version = &n->ledger.history[k].version;
			const struct simversion *v = simledger_version(&n->ledger, version);
			if (v && v->rotten) /* elsewhere, or lost with its only copy */
				mark(&rotten, span_blob(&v->content));
			else if (v && !map_put(&seen, version, sizeof *version, n))
				mark(&reachable, span_blob(&v->content));
		}
	}
	/* A state that was put back from a backup forgets what only it had; what the hub took must still be there. */
	bool lost_state = cl->tally.node_restores > 0;
	if (lost_state && judge_went_back(cl)) { /* both at once: what was only there is gone */
		map_finish(&reachable);
		map_finish(&seen);
		map_finish(&rotten);
		return;
	}
	const struct map *must = lost_state ? &cl->witness.accepted : &cl->witness.kept;
	void *p;
	for (size_t at = 0; map_next(must, &at, &p);) {
		uint32_t token = (uint32_t)(uintptr_t)p;
				JUDGED(cl, Q2);
		if (!map_find(&reachable, &token, sizeof token) && !map_find(&rotten, &token, sizeof token))
			cluster_break(cl, "Q2", "t%08x was captured and can be had nowhere any more", token);
	}
	map_finish(&reachable);
	map_finish(&seen);
	map_finish(&rotten);
}

static bool kept(const struct simnode *n, const struct id *version)
{
	const struct simversion *v = simledger_version(&n->ledger, version);
	return id_zero(version) || (v && !v->gone);
}

/* Everything that is kept reads back as what it is called. */
static void verify_ledger(struct cluster *cl, struct simnode *n)
{
	void *p;
	JUDGED(cl, Q9);
	if (map_count(&n->ledger.outbox))
		cluster_break(cl, "Q9", "%s keeps %zu changes in its outbox that are answered", n->name,
		              map_count(&n->ledger.outbox));
	for (size_t at = 0; map_next(&n->ledger.versions, &at, &p);) {
		const struct simversion *v = p;
		const struct witness_version *was = witness_version(&cl->witness, &v->version);
		if (v->rotten)
			continue;
		if (!was || was->meta != v->meta || !span_equal(span_blob(&was->content), span_blob(&v->content)))
			cluster_break(cl, "Q9", "%s keeps bytes under the id of another version", n->name);
	}
	for (size_t at = 0; map_next(&n->ledger.items, &at, &p);) {
		const struct item_row *row = p;
		char name[512];
		snprintf(name, sizeof name, "%s/%s", row->category, row->path);
		if (!judge_synced(cl, name))
			continue;
		if (!kept(n, &row->local))
			cluster_break(cl, "Q9", "%s does not keep what %s holds", n->name, name);
		if (!kept(n, &row->head_version))
			cluster_break(cl, "Q9", "%s does not keep the head of %s", n->name, name);
	}
	for (size_t i = 0; i < n->ledger.history_count && !judge_went_back(cl); i++) {
		const struct history_row *h = &n->ledger.history[i];
		const struct simentry *e = simstore_entry(cl->hub.store, h->seq);
		if (h->seq &&
		    (!e || !id_equal(&e->e.change.item, &h->item) || !id_equal(&e->e.change.version, &h->version)))
			cluster_break(cl, "Q9", "%s tells a history that the log does not have at %llu", n->name,
			              (unsigned long long)h->seq);
	}
}

/* The log once more from its first byte, and each item's chain through it. */
static void verify_log(struct cluster *cl)
{
	struct id chain = { { 0 } };
	struct map heads = { 0 };
	JUDGED(cl, I4);
	for (uint64_t seq = 1; seq <= simstore_count(cl->hub.store); seq++) {
		const struct simentry *e = simstore_entry(cl->hub.store, seq);
		const struct change *c = &e->e.change;
		chain = wire_chain(&chain, seq, &e->e.device, e->e.epoch, span_blob(&e->record));
		if (e->e.seq != seq || !id_equal(&chain, &e->e.chain) ||
		    c->base != (uint64_t)(uintptr_t)map_find(&heads, &c->item, sizeof c->item))
			cluster_break(cl, "I4", "the log does not verify at %llu", (unsigned long long)seq);
		map_put(&heads, &c->item, sizeof c->item, (void *)(uintptr_t)seq);
	}
	map_finish(&heads);
}

/* Of three versions two were settled for what the third was made from, "original" say: then the third is an edit that
 * goes on from it, and follows unasked. */
static bool third_goes_on(struct cluster *cl, size_t path, const struct witness_name *note, const struct simentry *head)
{
	const struct simentry *base = simstore_entry(cl->hub.store, head->e.change.base);
	bool aside = false;
	if (note->chosen_for_all || id_equal(&head->e.device, &cl->nodes[note->chosen_on]->device) || !base ||
	    !id_equal(&base->e.change.version, &note->chosen))
		return false;
	for (uint64_t seq = 1; seq < base->e.seq && !aside; seq++) {
		const struct simentry *e = simstore_entry(cl->hub.store, seq);
		const struct witness_item *i = witness_item(&cl->witness, &e->e.change.item);
		aside = i && i->side && i->path == path && id_equal(&i->device, &head->e.device) &&
		        id_equal(&e->e.change.version, &head->e.change.version);
	}
	return aside;
}

/* What a person chose is what comes of it. */
static void check_choices(struct cluster *cl, const struct heads *heads)
{
	for (size_t path = 0; path < heads->names && path < cl->witness.note_count; path++) {
		const struct witness_name *note = &cl->witness.notes[path];
		bool open = false;
		for (unsigned i = 0; i < cl->node_count; i++)
			open = open || heads->sides[path * heads->devices + i];
		if (!note->chosen_us || note->chosen_apart || open)
			continue;
		JUDGED(cl, Q4);
		const struct simentry *head = heads->main[path];
		if (!head ||
		    (!id_equal(&head->e.change.version, &note->chosen) && !third_goes_on(cl, path, note, head)))
			cluster_break(cl, "Q4", "%s is not what was chosen for it",
				      witness_name(&cl->witness, (unsigned)path));
	}
}

void judge_rest(struct cluster *cl)
{
	size_t head = simstore_count(cl->hub.store);
	struct heads heads;
	heads_init(&heads, cl);
	for (unsigned i = 0; i < cl->node_count && !cl->breach.found; i++) {
		struct simnode *n = cl->nodes[i];
		if (n->stopped || n->partitioned)
			continue;
		check_tree(cl, n, &heads);
		check_conflicts(cl, n, &heads);
		JUDGED(cl, Q1);
		verify_ledger(cl, n);
		const struct simentry *last = simstore_entry(cl->hub.store, head);
		if (last && !id_equal(&last->e.chain, &n->ledger.state.chain))
			cluster_break(cl, "Q1", "%s has folded another log than the hub's", n->name);
		if (simio_temp(n))
			cluster_break(cl, "Q9", "%s has a temporary file left: %s", n->name, simio_temp(n));
		judge_files(n);
	}
	cl->tally.conflicts += heads.open;
	check_choices(cl, &heads);
	heads_finish(&heads);
	verify_log(cl);
	knowledge_rest(cl);
	if (!cl->breach.found)
		check_tokens(cl);
}

uint64_t judge_digest(struct cluster *cl)
{
	uint64_t sum = simstore_count(cl->hub.store);
	for (unsigned i = 0; i < cl->node_count; i++) {
		struct simnode *n = cl->nodes[i];
		uint64_t state[3] = { n->core ? core_digest(n->core) : 0, n->ledger.history_count,
			              n->ledger.state.cursor };
		sum = sum * 31 + map_digest(state, sizeof state);
		for (size_t k = 0; k < n->disk.count; k++) {
			const struct simimage *f = &n->disk.files[k]->now;
			sum = sum * 31 + (f->present ? f->inode + (uint64_t)f->mtime_ns + f->content.len + f->meta : 0);
		}
	}
	return sum;
}

#include "sim/judge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sim/simnet.h"

/* What a hub that lied told is given up as what a hub forgot is: everything is offered again. */
static bool went_back(const struct cluster *cl)
{
	return cl->tally.hub_restores || cl->tally.lies;
}

static bool token_in(const struct witness_version *v, uint32_t token)
{
	size_t low = 0, high = v ? v->token_count : 0;
	while (low < high) {
		size_t mid = (low + high) / 2;
		if (v->tokens[mid] < token)
			low = mid + 1;
		else
			high = mid;
	}
	return v && low < v->token_count && v->tokens[low] == token;
}

static bool synced(const struct cluster *cl, const char *name)
{
	for (size_t i = 0; i < cl->category_count; i++) {
		size_t len = strlen(cl->categories[i].name);
		if (strncmp(name, cl->categories[i].name, len) == 0 && name[len] == '/')
			return true;
	}
	return false;
}

/* A category whose newest edit stands gives up the older one unasked; it must be in a history, see check_tokens. */
static bool newest_stands(const struct cluster *cl, unsigned path)
{
	const char *name = witness_name(&cl->witness, path);
	for (size_t i = 0; i < cl->category_count; i++) {
		size_t len = strlen(cl->categories[i].name);
		if (strncmp(name, cl->categories[i].name, len) == 0 && name[len] == '/')
			return cl->categories[i].strategy == STRATEGY_NEWEST;
	}
	return false;
}

/* What a side item drops may be on the main item by now, or have been given up on any device: what both sides had once,
 * somebody else may have removed from the main item. */
static bool side_may_lose(struct cluster *cl, unsigned path, const struct witness_version *main, uint32_t token)
{
	for (unsigned i = 0; i < cl->node_count; i++)
		if (witness_may_lose(&cl->witness, i, path, token))
			return true;
	return token_in(main, token);
}

/* What an entry drops of the version it builds on must have been given up by a person at the sender. */
static bool nobody_gave_up(struct cluster *cl, unsigned path, uint32_t token)
{
	return !side_may_lose(cl, path, NULL, token);
}

void judge_replaces(struct simnode *n, const struct simfile *f, const struct place *p)
{
	struct cluster *cl = n->cl;
	size_t had, has;
	const struct witness_version *was = witness_version(&cl->witness, &p->expect_version);
	if (!was || f->blurred || newest_stands(cl, f->number))
		return;
	cluster_checked(cl, INVARIANT_I2);
	uint32_t *old = witness_tokens(span_blob(&was->content), &had), *new = witness_tokens(p->content, &has);
	for (size_t i = 0, k = 0; i < had; i++) {
		while (k < has && new[k] < old[i])
			k++;
		if ((k == has || new[k] != old[i]) && nobody_gave_up(cl, f->number, old[i]))
			cluster_break(cl, "I2", "%s replaces %s/%s and t%08x is gone, which nobody gave up", n->name,
			              f->category, f->path, old[i]);
	}
	free(old);
	free(new);
}

static void check_lineage(struct cluster *cl, struct simnode *n, const struct witness_item *item,
                          const struct simentry *e, const struct simentry *base)
{
	const struct witness_version *old = base ? witness_version(&cl->witness, &base->e.change.version) : NULL;
	const struct witness_version *new = witness_version(&cl->witness, &e->e.change.version), *main = NULL;
	const char *name = witness_name(&cl->witness, item->path);
	const struct simfile *f = map_find(&n->disk.index, name, strlen(name));
	if ((f && f->blurred) || newest_stands(cl, item->path))
		return;
	cluster_checked(cl, INVARIANT_I2);
	if (went_back(cl) && new &&new->accepted) /* offered again, by whoever has it */
		return;
	if (item->side) {
		const struct simentry *head = simstore_head(cl->hub.store, &item->main);
		main = head ? witness_version(&cl->witness, &head->e.change.version) : NULL;
	}
	for (size_t i = 0; old && i < old->token_count; i++) {
		uint32_t token = old->tokens[i];
		/* A hub or a device that went back has forgotten where others gave something up. */
		bool anybody = item->side || n->restored || went_back(cl);
		if (!token_in(new, token) && !witness_may_lose(&cl->witness, n->index, item->path, token) &&
		    !(anybody && side_may_lose(cl, item->path, main, token))) {
			cluster_break(cl, "I2", "entry %llu of %s silently overwrites t%08x in %s%s",
			              (unsigned long long)e->e.seq, n->name, token, name,
			              item->side ? " (side item)" : "");
			return;
		}
	}
}

void judge_appended(struct cluster *cl, const struct simentry *e, const struct simentry *base)
{
	const struct change *c = &e->e.change;
	struct simnode *n = cluster_node_of(cl, &e->e.device);
	const struct witness_item *item = witness_item(&cl->witness, &c->item);
	static const enum invariant checked[] = { INVARIANT_I1, INVARIANT_I4, INVARIANT_I6,
		                                  INVARIANT_I7, INVARIANT_Q5, INVARIANT_Q6 };
	for (size_t i = 0; i < sizeof checked / sizeof *checked; i++)
		cluster_checked(cl, checked[i]);
	cl->tally.log++;
	if (!n || !item) {
		cluster_break(cl, "I6", "entry %llu names an item that its sender never saved",
		              (unsigned long long)e->e.seq);
		return;
	}
	const char *name = witness_name(&cl->witness, item->path);
	char version[ID_HEX];
	cluster_note(cl, "log %llu: %s %s%s of %s on %llu, version %.8s", (unsigned long long)e->e.seq,
	             c->flags & CHANGE_DELETE ? "delete" : "put", name, item->side ? " (side)" : "", n->name,
	             (unsigned long long)c->base, id_hex(&c->version, version));
	if (!id_zero(&c->version) && !witness_version(&cl->witness, &c->version))
		cluster_break(cl, "I1", "entry %llu of %s carries a version that was never captured",
		              (unsigned long long)e->e.seq, n->name);
	bool again = base && id_equal(&base->e.change.version, &c->version);
	if (again && !(c->flags & CHANGE_KEYFRAME))
		cluster_break(cl, "Q5", "entry %llu of %s changes nothing in %s", (unsigned long long)e->e.seq, n->name,
		              name);
	/* A hub that went back may have forgotten a person's delete that this device had begun to follow. */
	bool removed = witness_may_lose(&cl->witness, n->index, item->path, 0) ||
	               (went_back(cl) && side_may_lose(cl, item->path, NULL, 0));
	if ((c->flags & CHANGE_DELETE) && !item->side && !removed)
		cluster_break(cl, "I7", "entry %llu of %s deletes %s, which nobody removed there",
		              (unsigned long long)e->e.seq, n->name, name);
	bool offered_again = went_back(cl);
	if (!id_zero(&c->version) && !again && !offered_again && synced(cl, name) &&
	    !witness_made(&cl->witness, n->index, item->path, &c->version))
		cluster_break(cl, "Q6", "entry %llu of %s puts a version of %s%s that nobody made there",
		              (unsigned long long)e->e.seq, n->name, name, item->side ? " aside" : "");
	check_lineage(cl, n, item, e, base);
	witness_accepted(&cl->witness, &c->version);
	cluster_mix(cl, &e->e.chain, sizeof e->e.chain);
}

void judge_destroys(struct simnode *n, const struct id *version)
{
	char hex[ID_HEX];
	cluster_break(n->cl, "I1", "%s unlinks a person's bytes, version %.8s, which is not in its store", n->name,
	              id_hex(version, hex));
}

void judge_frame_up(struct simnode *n, bool text, struct span frame)
{
	struct cluster *cl = n->cl;
	struct reader r = reader_of(frame);
	struct record record;
	int more = 0;
	if (text)
		return;
	while ((more = wire_next(&r, &record)) > 0) {
		cluster_checked(cl, INVARIANT_I3);
		if (record.type == RECORD_CURSOR && record.seq > n->ledger.state.cursor)
			cluster_break(cl, "I3", "%s says it has applied %llu and has saved %llu", n->name,
			              (unsigned long long)record.seq, (unsigned long long)n->ledger.state.cursor);
		uint64_t counter = record.type == RECORD_CHANGE ? record.change.counter : record.counter;
		bool change = record.type == RECORD_CHANGE || record.type == RECORD_PART;
		if (change && counter > n->ledger.state.counter) /* a crash would give this number to another change */
			cluster_break(cl, "I3", "%s sends change %llu and has saved only %llu", n->name,
			              (unsigned long long)counter, (unsigned long long)n->ledger.state.counter);
	}
	cluster_checked(cl, INVARIANT_I8);
	if (more < 0)
		cluster_break(cl, "I8", "%s sends a frame that does not read back", n->name);
}

void judge_frame_down(struct cluster *cl, uint64_t conn, bool text, struct span frame)
{
	struct reader r = reader_of(frame);
	struct record record;
	struct simconn *c = simnet_conn(cl, conn);
	int more = 0;
	if (text || !c)
		return;
	while ((more = wire_next(&r, &record)) > 0) {
		bool log = record.type == RECORD_ENTRY || record.type == RECORD_CONFIRM;
		cluster_checked(cl, INVARIANT_I3);
		if (log && record.seq > simstore_count(cl->hub.store))
			cluster_break(cl, "I3", "the hub tells of entry %llu, which is not durable",
			              (unsigned long long)record.seq);
		if (record.type != RECORD_ENTRY)
			continue;
		const struct simentry *e = simstore_entry(cl->hub.store, record.seq);
		cluster_checked(cl, INVARIANT_I4);
		if (record.seq <= c->told)
			cluster_break(cl, "I4", "the hub tells of entry %llu after %llu",
			              (unsigned long long)record.seq, (unsigned long long)c->told);
		if (e &&
		    (!id_equal(&e->e.change.item, &record.change.item) || e->e.change.counter != record.change.counter))
			cluster_break(cl, "I4", "the hub tells another entry %llu than the log has",
			              (unsigned long long)record.seq);
		c->told = record.seq;
	}
	cluster_checked(cl, INVARIANT_I8);
	if (more < 0)
		cluster_break(cl, "I8", "the hub sends a frame that does not read back");
}

static bool files_match(struct simnode *n)
{
	for (size_t i = 0; i < n->disk.count; i++) {
		const struct simfile *f = n->disk.files[i];
		const struct item_row *row = core_find_item(n->core, f->category, f->path);
		struct id is = simnode_version(n, &f->now), known = row ? row->local : (struct id){ 0 };
		if (!id_equal(&is, &known)) {
			cluster_break(n->cl, "Q7", "%s says it is quiet, and does not know what %s/%s holds", n->name,
			              f->category, f->path);
			return false;
		}
	}
	return true;
}

void judge_claims(struct simnode *n)
{
	struct counts_view v;
	struct cluster *cl = n->cl;
	if (n->inbox_count || simio_busy(n) || cl->tally.turns % 8)
		return;
	core_view_counts(n->core, &v);
	if (!v.quiet)
		return;
	cluster_checked(cl, INVARIANT_Q7);
	if (map_count(&n->ledger.outbox))
		cluster_break(cl, "Q7", "%s says it is quiet with %zu changes unanswered", n->name,
		              map_count(&n->ledger.outbox));
	for (size_t i = 0; i < n->disk.count; i++)
		if (n->disk.files[i]->writers)
			return;
	struct category_view category;
	for (size_t i = 0; core_view_category(n->core, i, &category); i++)
		if (category.error) /* it says so itself: too much is gone at once, and a person must decide */
			return;
	if (!cl->rates.unseen && !n->unseen)
		files_match(n);
}

bool judge_quiet(struct cluster *cl, char *why, size_t cap)
{
	char unused[8];
	if (!why) {
		why = unused;
		cap = sizeof unused;
	}
	size_t head = simstore_count(cl->hub.store);
	for (unsigned i = 0; i < cl->node_count; i++) {
		struct simnode *n = cl->nodes[i];
		struct counts_view v;
		struct link_view l;
		if (n->stopped || n->partitioned) /* a story keeps it away */
			continue;
		if (!n->core || n->asleep) {
			snprintf(why, cap, "%s is not running", n->name);
			return false;
		}
		core_view_counts(n->core, &v);
		core_view_link(n->core, &l);
		if (l.state != LINK_CONNECTED || !l.caught_up) {
			snprintf(why, cap, "%s is not connected (state %d, attempt %u: %s)", n->name, (int)l.state,
			         l.attempt, l.error ? l.error : "");
			return false;
		}
		if (!v.quiet || v.cursor != head || v.head != head || v.paused) {
			snprintf(why, cap,
			         "%s: quiet %d, cursor %llu of %zu (heard %llu), outgoing %zu, incoming %zu, scanning "
			         "%zu, debouncing %zu, held %zu, paused %d, outbox %zu",
			         n->name, v.quiet, (unsigned long long)v.cursor, head, (unsigned long long)v.head,
			         v.outgoing, v.incoming, v.scanning, v.debouncing, v.held, v.paused,
			         map_count(&n->ledger.outbox));
			return false;
		}
		if (n->inbox_count || simio_busy(n) || n->outgoing_count) {
			snprintf(why, cap, "%s has events waiting", n->name);
			return false;
		}
	}
	return true;
}

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
		if (!head || !synced(cl, name))
			continue;
		const struct simentry *mine = heads->sides[path * heads->devices + n->index];
		const struct id *want = mine ? &mine->e.change.version : &head->e.change.version;
		const struct simfile *f = map_find(&n->disk.index, name, strlen(name));
		struct id is = f ? simnode_version(n, &f->now) : (struct id){ 0 };
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
	if (lost_state && went_back(cl)) { /* both at once: what was only there is gone */
		map_finish(&reachable);
		map_finish(&seen);
		map_finish(&rotten);
		return;
	}
	const struct map *must = lost_state ? &cl->witness.accepted : &cl->witness.kept;
	void *p;
	for (size_t at = 0; map_next(must, &at, &p);) {
		uint32_t token = (uint32_t)(uintptr_t)p;
		cluster_checked(cl, INVARIANT_Q2);
		if (!map_find(&reachable, &token, sizeof token) && !map_find(&rotten, &token, sizeof token))
			cluster_break(cl, "Q2", "t%08x was captured and can be had nowhere any more", token);
	}
	map_finish(&reachable);
	map_finish(&seen);
	map_finish(&rotten);
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
		cluster_checked(cl, INVARIANT_Q1);
		cluster_checked(cl, INVARIANT_Q4);
		cluster_checked(cl, INVARIANT_Q9);
		check_tree(cl, n, &heads);
		check_conflicts(cl, n, &heads);
		const struct simentry *last = simstore_entry(cl->hub.store, head);
		if (last && !id_equal(&last->e.chain, &n->ledger.state.chain))
			cluster_break(cl, "Q1", "%s has folded another log than the hub's", n->name);
		if (simio_temp(n))
			cluster_break(cl, "Q9", "%s has a temporary file left: %s", n->name, simio_temp(n));
		files_match(n);
	}
	cl->tally.conflicts += heads.open;
	heads_finish(&heads);
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

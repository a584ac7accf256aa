#include "sim/judge.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/relpath.h"
#include "engine/core/coordinator.h"
#include "hub/core/limits.h"
#include "sim/knowledge.h"
#include "sim/simnet.h"

/* What a hub that lied told is given up as what a hub forgot is: everything is offered again. */
bool judge_went_back(const struct cluster *cl)
{
	return cl->tally.hub_restores || cl->tally.lies;
}

#define TOLD_US 10000000

struct judge {
	struct sealer sealer; /* it has the account's key: whatever a device may read, it reads */
	struct packer *packer;
	struct map saved; /* changes that were given to the outbox: device, counter */
	struct map sent; /* a change on a connection -> struct resend */
};

struct resend { /* a key without padding, then what is known of it */
	uint64_t conn, counter;
	uint64_t allowed, times, not_before_us;
};

static struct judge *judge_of(struct cluster *cl)
{
	if (cl->judge)
		return cl->judge;
	cl->judge = mem_alloc(sizeof *cl->judge);
	sealer_init(&cl->judge->sealer, cl->account_key, 1);
	cl->judge->packer = packer_create();
	return cl->judge;
}

void judge_finish(struct cluster *cl)
{
	void *p;
	if (!cl->judge)
		return;
	sealer_finish(&cl->judge->sealer);
	packer_destroy(cl->judge->packer);
	for (size_t at = 0; map_next(&cl->judge->sent, &at, &p);)
		free(p);
	map_finish(&cl->judge->sent);
	map_finish(&cl->judge->saved);
	free(cl->judge);
	cl->judge = NULL;
}

/* ---- secrets ---- */

static bool reads_like_token(const uint8_t *at, size_t left)
{
	if (left < 9 || memcmp(at, "t000", 4) != 0) /* no life has a million of them; random text hardly reads so */
		return false;
	for (int i = 1; i < 9; i++)
		if (!memchr("0123456789abcdef", at[i], 16))
			return false;
	return true;
}

static const char *leak(const struct cluster *cl, struct span bytes, bool words)
{
	static const char *const names[] = { "with space", "d/e/deep", "Notes.md", "notes.md", "import/", ".hidden" };
	if (memmem(bytes.data, bytes.len, cl->account_key, 16))
		return "the account's key";
	for (unsigned i = 0; i < cl->node_count; i++)
		if (memmem(bytes.data, bytes.len, cl->nodes[i]->secret, 16))
			return "a device's key";
	for (size_t i = 0; i < cl->category_count && !words; i++) /* "other" is a word, too */
		if (memmem(bytes.data, bytes.len, cl->categories[i].name, strlen(cl->categories[i].name)))
			return cl->categories[i].name;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (memmem(bytes.data, bytes.len, names[i], strlen(names[i])))
			return names[i];
	for (const uint8_t *at = bytes.data, *end = at + bytes.len; at && (at = memchr(at, 't', (size_t)(end - at)));
	     at++)
		if (reads_like_token(at, (size_t)(end - at)))
			return "a file's content";
	return NULL;
}

static void judge_secrets(struct cluster *cl, const char *who, const char *where, struct span bytes, bool words)
{
	const char *what = bytes.len ? leak(cl, bytes, words) : NULL;
	JUDGED(cl, I10);
	if (what)
		cluster_break(cl, "I10", "%s: %s stands in clear in %s", who, what, where);
}

void judge_says(struct simnode *n, const char *text)
{
	judge_secrets(n->cl, n->name, "its log", span_text(text), true);
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

bool judge_synced(const struct cluster *cl, const char *name)
{
	for (size_t i = 0; i < cl->category_count; i++) {
		size_t len = strlen(cl->categories[i].name);
		if (strncmp(name, cl->categories[i].name, len) == 0 && name[len] == '/')
			return true;
	}
	return false;
}

enum strategy judge_strategy(const struct cluster *cl, unsigned path)
{
	const char *name = witness_name(&cl->witness, path);
	for (size_t i = 0; i < cl->category_count; i++) {
		size_t len = strlen(cl->categories[i].name);
		if (strncmp(name, cl->categories[i].name, len) == 0 && name[len] == '/')
			return cl->categories[i].strategy;
	}
	return STRATEGY_ASK;
}

/* A category whose newest edit stands gives up the older one unasked; it must be in a history, see reckoning.c. */
static bool newest_stands(const struct cluster *cl, unsigned path)
{
	return judge_strategy(cl, path) == STRATEGY_NEWEST;
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

/* Two settled it at once, and the hub heard the other one first: that stands, and what was made of it here (which may
 * be new, a file of the person's) is in this device's history and was never sent. See doc/conflicts.md. */
static bool lost_the_choice(const struct simnode *n, const struct place *p, const struct witness_version *was)
{
	bool chosen = false, kept = false;
	for (size_t i = 0; i < n->ledger.settlement_count; i++) {
		const struct settlement_row *s = &n->ledger.settlements[i];
		chosen = chosen || (s->how == HOW_SETTLE && !s->undone && id_equal(&s->item, &p->item) &&
		                    id_equal(&s->result, &p->expect_version));
	}
	for (size_t i = 0; chosen && i < n->ledger.history_count; i++) {
		const struct history_row *h = &n->ledger.history[i];
		kept = kept || (id_equal(&h->item, &p->item) && id_equal(&h->version, &p->expect_version));
	}
	return kept && !was->accepted;
}

void judge_replaces(struct simnode *n, const struct simfile *f, const struct place *p)
{
	struct cluster *cl = n->cl;
	size_t had, has;
	const struct witness_version *was = witness_version(&cl->witness, &p->expect_version);
	if (!was || f->blurred || newest_stands(cl, f->number) || lost_the_choice(n, p, was))
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

/* The second half of a rename: whoever renames a folder gives up under the old names all that has gone along, also what
 * the engine was just putting there. */
static void follow_rename(struct cluster *cl, const struct simnode *n, const struct witness_item *item,
			  const struct simentry *e)
{
	const struct simentry *first = simstore_entry(cl->hub.store, e->e.seq - 1);
	if (first && (e->e.change.flags & CHANGE_LINKED) && (e->e.change.flags & CHANGE_DELETE) && !item->side &&
	    id_equal(&first->e.device, &e->e.device) && first->e.change.counter + 1 == e->e.change.counter)
		witness_gave_up(&cl->witness, n->index, item->path, &first->e.change.version);
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
	if (judge_went_back(cl) && new &&new->accepted) /* offered again, by whoever has it */
		return;
	if (item->side) {
		const struct simentry *head = simstore_head(cl->hub.store, &item->main);
		main = head ? witness_version(&cl->witness, &head->e.change.version) : NULL;
	}
	for (size_t i = 0; old && i < old->token_count; i++) {
		uint32_t token = old->tokens[i];
		/* A hub or a device that went back has forgotten where others gave something up. */
		bool anybody = item->side || n->restored || judge_went_back(cl);
		if (!token_in(new, token) && !witness_may_lose(&cl->witness, n->index, item->path, token) &&
		    !(anybody && side_may_lose(cl, item->path, main, token))) {
			cluster_break(cl, "I2", "entry %llu of %s silently overwrites t%08x in %s%s",
			              (unsigned long long)e->e.seq, n->name, token, name,
			              item->side ? " (side item)" : "");
			return;
		}
	}
}

/* Any device of the account can make the version out of it that it names. */
static void check_opens(struct cluster *cl, struct simnode *n, const struct witness_item *item,
			const struct simentry *e, const struct simentry *base)
{
	struct judge *j = judge_of(cl);
	struct blob plain = { 0 }, content = { 0 };
	struct body b = { 0 };
	struct err err = { 0 };
	const struct change *c = &e->e.change;
	const struct witness_version *is = witness_version(&cl->witness, &c->version), *from = NULL;
	JUDGED(cl, I6);
	bool ok = seal_open(&j->sealer, &e->e.device, e->e.epoch, c, &plain, &err) &&
	          body_get(&b, span_blob(&plain), c->edited, &err) &&
	          (b.kind == KIND_DELETE) == ((c->flags & CHANGE_DELETE) != 0);
	if (ok && b.kind != KIND_DELETE) {
		const struct id *version = b.base_tag == BODY_BASE_EXPLICIT ? &b.base_version
		                           : base                          ? &base->e.change.version
		                                                           : NULL;
		from = version && packer_needs_base(&b) ? witness_version(&cl->witness, version) : NULL;
		ok = is && b.meta == is->meta && (from || !packer_needs_base(&b)) &&
		     packer_expand(j->packer, &b, from ? span_blob(&from->content) : span_of(NULL, 0), &content,
				   &err) &&
		     span_equal(span_blob(&content), span_blob(&is->content));
	}
	if (ok && b.side && (b.main_seq > simstore_count(cl->hub.store) || !id_equal(&b.main_item, &item->main)))
		ok = false;
	if (!ok)
		cluster_break(cl, "I6", "entry %llu of %s cannot be opened, or is not the version that it names: %s",
		              (unsigned long long)e->e.seq, n->name, err.why);
	blob_finish(&plain);
	blob_finish(&content);
}

/* The second of a pair stands in the log with its first, or not at all. */
static void check_linked(struct cluster *cl, struct simnode *n, const struct simentry *e)
{
	if (!(e->e.change.flags & CHANGE_LINKED) || judge_went_back(cl))
		return;
	for (uint64_t seq = e->e.seq; seq-- > 1;) {
		const struct simentry *before = simstore_entry(cl->hub.store, seq);
		if (before->e.epoch == e->e.epoch && id_equal(&before->e.device, &e->e.device) &&
		    before->e.change.counter + 1 == e->e.change.counter)
			return;
	}
	cluster_break(cl, "I4", "entry %llu of %s is the second of a pair whose first the log never took",
	              (unsigned long long)e->e.seq, n->name);
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
	               (judge_went_back(cl) && side_may_lose(cl, item->path, NULL, 0));
	if ((c->flags & CHANGE_DELETE) && !item->side && !removed)
		cluster_break(cl, "I7", "entry %llu of %s deletes %s, which nobody removed there",
		              (unsigned long long)e->e.seq, n->name, name);
	bool offered_again = judge_went_back(cl);
	if (!id_zero(&c->version) && !again && !offered_again && judge_synced(cl, name) &&
	    !witness_made(&cl->witness, n->index, item->path, &c->version) &&
	    !witness_held(&cl->witness, n->index, item->path, &c->version))
		cluster_break(cl, "Q6", "entry %llu of %s puts a version of %s%s that nobody made there",
		              (unsigned long long)e->e.seq, n->name, name, item->side ? " aside" : "");
	follow_rename(cl, n, item, e);
	check_lineage(cl, n, item, e, base);
	check_opens(cl, n, item, e, base);
	check_linked(cl, n, e);
	knowledge_appended(cl, n, item, e, base);
	witness_accepted(&cl->witness, &c->version);
	cluster_mix(cl, &e->e.chain, sizeof e->e.chain);
}

void judge_destroys(struct simnode *n, const struct id *version)
{
	char hex[ID_HEX];
	cluster_break(n->cl, "I1", "%s unlinks a person's bytes, version %.8s, which is not in its store", n->name,
	              id_hex(version, hex));
}

static struct resend *resend_of(struct cluster *cl, uint64_t conn, uint64_t counter)
{
	struct map *sent = &judge_of(cl)->sent;
	uint64_t key[2] = { conn, counter };
	struct resend *r = map_find(sent, key, sizeof key);
	if (r)
		return r;
	r = mem_alloc(sizeof *r);
	*r = (struct resend){ conn, counter, 1, 0, 0 };
	map_put(sent, key, sizeof key, r);
	return r;
}

/* A change goes out of a saved outbox, as it was saved; once on a connection, and again only when it was refused, and
 * not before the time that the hub asked for (a device's clock may run a little fast). */
static void check_sending(struct simnode *n, const struct change *c)
{
	struct cluster *cl = n->cl;
	const struct outbox_row *row = map_find(&n->ledger.outbox, &c->counter, sizeof c->counter);
	struct change saved = { 0 };
	struct reader reader = reader_of(row ? span_blob(&row->record) : span_of(NULL, 0));
	bool parted = c->flags & CHANGE_PARTED;
	uint64_t key[2] = { n->index, c->counter };
	if (!row && map_find(&judge_of(cl)->saved, key, sizeof key))
		return; /* given up in this turn, when its frame was on its way already */
	if (!row || !wire_get_change(&reader, &saved) || !id_equal(&saved.version, &c->version) ||
	    !id_equal(&saved.item, &c->item) || saved.base != c->base || (!parted && !span_equal(saved.body, c->body)))
		cluster_break(cl, "I3", "%s sends change %llu, which is not in its outbox on disk", n->name,
		              (unsigned long long)c->counter);
	struct resend *r = resend_of(cl, n->conn, c->counter);
	JUDGED(cl, I8);
	if (++r->times > r->allowed)
		cluster_break(cl, "I8", "%s sends change %llu again and again", n->name,
			      (unsigned long long)c->counter);
	else if (cl->now_us < r->not_before_us)
		cluster_break(cl, "I8", "%s sends change %llu again sooner than the hub asked for", n->name,
		              (unsigned long long)c->counter);
}

void judge_saves_change(struct simnode *n, const struct outbox_row *row)
{
	uint64_t key[2] = { n->index, row->counter };
	const struct witness_item *item = witness_item(&n->cl->witness, &row->item);
	const char *name = item ? witness_name(&n->cl->witness, item->path) : "";
	const struct simfile *f = map_find(&n->disk.index, name, strlen(name));
	const struct item_row *main = f ? core_find_item(n->core, f->category, f->path) : NULL;
	/* an older version written over the head waits for a person, as a conflict does */
	bool held = main && main->hold;
	map_put(&judge_of(n->cl)->saved, key, sizeof key, (void *)(uintptr_t)((f && !held ? f->made_least : 0) + 1));
}

uint64_t judge_made_from(struct simnode *n, uint64_t counter)
{
	uint64_t key[2] = { n->index, counter };
	uint64_t least = (uint64_t)(uintptr_t)map_find(&judge_of(n->cl)->saved, key, sizeof key);
	return least ? least - 1 : 0;
}

/* A row of the ledger is about to be saved. */
void judge_saves(struct simnode *n, const struct item_row *row)
{
	struct cluster *cl = n->cl;
	const struct simentry *e = simstore_entry(cl->hub.store, row->head_seq);
	JUDGED(cl, I5);
	const struct witness_item *main = row->side ? witness_item(&cl->witness, &row->main) : NULL;
	if (relpath_bad(row->path, strlen(row->path)) || (row->side && (!main || main->side)))
		cluster_break(cl, "I5", "%s saves an item that has no place: %s/%s%s", n->name, row->category,
			      row->path, row->side ? " (side)" : "");
	if (judge_went_back(cl) || n->restored || !row->head_seq)
		return;
	JUDGED(cl, I6);
	bool known = witness_version(&cl->witness, &row->head_version) || id_zero(&row->head_version);
	if (!e || !id_equal(&e->e.change.item, &row->item) ||
	    (known && !id_equal(&e->e.change.version, &row->head_version)))
		cluster_break(cl, "I6", "%s takes entry %llu for the head of %s/%s, which the log says it is not",
			      n->name, (unsigned long long)row->head_seq, row->category, row->path);
}

/* Somebody reads a file between any two steps. */
void judge_reader(struct simnode *n, const struct simfile *f)
{
	struct cluster *cl = n->cl;
	const struct simimage *now = &f->now;
	if (!now->present || f->writers || f->unsure)
		return;
	JUDGED(cl, I9);
	if (witness_made_any(&cl->witness, f->number, now->meta, span_blob(&now->content)))
		return;
	struct id version = core_version_of(n->core, now->meta, span_blob(&now->content));
	if (!witness_version(&cl->witness, &version))
		cluster_break(cl, "I9", "whoever reads %s/%s on %s finds bytes that nobody wrote", f->category, f->path,
			      n->name);
}

void judge_turn(struct simnode *n)
{
	struct cluster *cl = n->cl;
	const struct core *c = n->core;
	size_t sends = 0;
	JUDGED(cl, I8);
	if (n->placed)
		judge_reader(n, n->placed);
	for (int i = 0; i < 4; i++)
		sends += c->sends[i].count;
	if (c->flight_count > LIMIT_IN_FLIGHT_CHANGES + 2 ||
	    c->flight_bytes > LIMIT_IN_FLIGHT_BYTES + LIMIT_ITEM_BYTES ||
	    c->large_bytes > LIMIT_IN_FLIGHT_BYTES + LIMIT_ITEM_BYTES || c->plans.count > c->ledger.count ||
	    sends > 4 * c->ledger.count)
		cluster_break(cl, "I8", "%s: a queue has outgrown its bound (%zu in flight, %zu to plan, %zu to send)",
		              n->name, c->flight_count, c->plans.count, sends);
	if (!c->reading.of && (n->captured.content.len || c->reading.content.len))
		cluster_break(cl, "I8", "%s keeps parts of a file that it reads no more", n->name);
	bool large = c->application.item || n->io.tidy_us <= cl->now_us; /* on its way to its place, or judged behind it */
	size_t known = n->io.area_count + 1 + (c->reading.of != NULL); /* the roots, the watcher's, and one that is read */
	if (!simio_busy(n) && !large && n->kernel.fd_open > known)
		cluster_break(cl, "I8", "%s has %zu descriptors open while nothing is under way", n->name,
			      n->kernel.fd_open);
	const struct simconn *conn = simnet_conn(cl, n->conn);
	if (conn && (conn->up_backlog > 2 * LIMIT_BACKLOG || conn->down_backlog > 2 * HUB_SLOW))
		cluster_break(cl, "I8", "%s: more than a window's worth waits on its connection", n->name);
}

void judge_frame_up(struct simnode *n, bool text, struct span frame)
{
	struct cluster *cl = n->cl;
	struct reader r = reader_of(frame);
	struct record record;
	int more = 0;
	judge_secrets(cl, n->name, "a frame", frame, false);
	if (text)
		return;
	while ((more = wire_next(&r, &record)) > 0) {
		if (record.type == RECORD_CHANGE)
			check_sending(n, &record.change);
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
	judge_secrets(cl, "hub", "a frame", frame, false);
	if (text || !c)
		return;
	while ((more = wire_next(&r, &record)) > 0) {
		bool log = record.type == RECORD_ENTRY || record.type == RECORD_CONFIRM;
		cluster_checked(cl, INVARIANT_I3);
		if (log && record.seq > simstore_count(cl->hub.store))
			cluster_break(cl, "I3", "the hub tells of entry %llu, which is not durable",
			              (unsigned long long)record.seq);
		if (record.type == RECORD_REFUSED) {
			struct resend *again = resend_of(cl, conn, record.counter);
			again->allowed++;
			again->not_before_us = cl->now_us + record.wait_ms * 900;
		}
		if (log && record.seq > c->heard)
			c->heard = record.seq;
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

/* News are told at once: a connection on which nothing is under way is behind the log for no longer than a moment. */
static void check_told(struct cluster *cl, struct simnode *n, struct simconn *c)
{
	uint64_t count = simstore_count(cl->hub.store), cursor = n->ledger.state.cursor;
	bool able = n->core && n->core->up && cl->hub.up && cl->now_us >= cl->hub.slow_until_us;
	bool idle = able && c->open && c->hub_end && c->hub_life == cl->hub.life && !c->down_backlog && !n->partitioned;
	if (!idle || (c->heard > cursor ? c->heard : cursor) >= count) {
		c->behind_us = 0;
		return;
	}
	JUDGED(cl, Q10);
	if (!c->behind_us)
		c->behind_us = cl->now_us;
	else if (cl->now_us - c->behind_us > TOLD_US)
		cluster_break(cl, "Q10",
			      "the hub has told %s of %llu entries and goes no further, though nothing is under way",
			      n->name, (unsigned long long)c->heard);
}

void judge_second(struct cluster *cl)
{
	for (unsigned i = 0; i < cl->node_count; i++) {
		struct simconn *c = simnet_conn(cl, cl->nodes[i]->conn);
		if (c)
			check_told(cl, cl->nodes[i], c);
	}
}

/* Who catches up goes to where the log ended when it connected: what was history then is put into no file. */
void judge_places(struct simnode *n, const struct simfile *f, uint64_t seq)
{
	struct cluster *cl = n->cl;
	const struct simconn *c = simnet_conn(cl, n->conn);
	const struct simentry *placed = simstore_entry(cl->hub.store, seq);
	if (!seq || !placed || !n->core->up || !c || !c->open || judge_went_back(cl))
		return;
	const struct simentry *e = simstore_head(cl->hub.store, &placed->e.change.item);
	while (e && e->e.seq > c->known)
		e = e->e.change.base ? simstore_entry(cl->hub.store, e->e.change.base) : NULL;
	JUDGED(cl, I9);
	if (e && e->e.seq > seq)
		cluster_break(cl, "I9",
			      "%s catches up and puts entry %llu into %s/%s, which %llu had replaced long since",
			      n->name, (unsigned long long)seq, f->category, f->path, (unsigned long long)e->e.seq);
}

/* In a folder that may not be read: the engine has told so, and says nothing of what is in it. */
static bool is_hidden(struct simnode *n, const struct simfile *f)
{
	char path[CATEGORY_MAX + RELPATH_MAX + 2];
	struct siminode *at;
	snprintf(path, sizeof path, "%s/%s", f->category, f->path);
	return simdisk_walk(&n->disk, n->disk.top, path, &at) == EACCES;
}

bool judge_files(struct simnode *n)
{
	for (size_t i = 0; i < n->disk.count; i++) {
		struct simfile *f = n->disk.files[i];
		const struct item_row *row = core_find_item(n->core, f->category, f->path);
		struct id is = simnode_version(n, f), known = row ? row->local : (struct id){ 0 };
		if (!id_equal(&is, &known) && !is_hidden(n, f)) {
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
	JUDGED(cl, Q7);
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
	if (simio_sees(n))
		judge_files(n);
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
		core_view_link(n->core, &l);
		if (l.state != LINK_CONNECTED || !l.caught_up) {
			snprintf(why, cap, "%s is not connected (state %d, attempt %u: %s)", n->name, (int)l.state,
			         l.attempt, l.error ? l.error : "");
			return false;
		}
		if (n->inbox_count || simio_busy(n) || n->outgoing_count) {
			snprintf(why, cap, "%s has events waiting", n->name);
			return false;
		}
		core_view_counts(n->core, &v); /* last: it may have to ask every item */
		if (!v.quiet || v.cursor != head || v.head != head || v.paused) {
			snprintf(why, cap,
			         "%s: quiet %d, cursor %llu of %zu (heard %llu), outgoing %zu, incoming %zu, scanning "
			         "%zu, debouncing %zu, held %zu, paused %d, outbox %zu",
			         n->name, v.quiet, (unsigned long long)v.cursor, head, (unsigned long long)v.head,
			         v.outgoing, v.incoming, v.scanning, v.debouncing, v.held, v.paused,
			         map_count(&n->ledger.outbox));
			return false;
		}
	}
	return true;
}

/* This device's own, else the oldest; of two as old as each other it is not known which. */
void judge_conflict(struct simnode *n, const char *category, const char *path, struct judged_conflict *out)
{
	struct conflict_view v;
	bool own = false;
	int64_t oldest = INT64_MAX;
	for (size_t i = 0; !own && core_view_conflict(n->core, i, &v); i++) {
		const struct witness_item *side = witness_item(&n->cl->witness, &v.id);
		if (strcmp(v.category, category) != 0 || strcmp(v.path, path) != 0)
			continue;
		/* !side: an undo opens it, and it is not saved yet */
		own = !side || id_equal(&side->device, &n->device);
		if (!own && v.detected_ms > oldest)
			continue;
		out->known = own || v.detected_ms < oldest;
		oldest = v.detected_ms;
		out->mine = v.mine.version;
		out->theirs = v.theirs.version;
		out->base = v.has_base ? v.base.version : (struct id){ { 0 } };
	}
}

/* What either side has and the original does not stays, whatever a merge takes out. */
static void check_kept(struct simnode *n, const char *name, const struct judged_conflict *was, const struct id *side,
		       const struct id *is)
{
	const struct witness_version *base = witness_version(&n->cl->witness, &was->base),
				     *from = witness_version(&n->cl->witness, side),
				     *to = witness_version(&n->cl->witness, is);
	for (size_t i = 0; from && i < from->token_count; i++)
		if (!token_in(base, from->tokens[i]) && !token_in(to, from->tokens[i]))
			cluster_break(n->cl, "Q4", "%s settles %s keeping what both added, and t%08x is gone", n->name,
				      name, from->tokens[i]);
}

static void check_choice(struct simnode *n, const char *name, const struct judged_conflict *was, const struct id *is)
{
	const struct id *want = was->keep == KEEP_MINE     ? &was->mine
	                        : was->keep == KEEP_THEIRS ? &was->theirs
	                        : was->keep == KEEP_ORIGINAL ? &was->base
	                                                     : NULL;
	if (!was->known)
		return;
	JUDGED(n->cl, Q4);
	if (want && !id_equal(want, is))
		cluster_break(n->cl, "Q4", "%s settles %s, and its file is not what was chosen", n->name, name);
	if (was->keep != KEEP_BOTH && was->keep != KEEP_AUTO)
		return;
	check_kept(n, name, was, &was->mine, is);
	check_kept(n, name, was, &was->theirs, is);
}

/* What it leads to: only once nobody edits any more; until then others may say otherwise at any moment. */
void judge_chose(struct simnode *n, unsigned number, const char *category, const char *path,
		 const struct judged_conflict *was)
{
	struct cluster *cl = n->cl;
	const struct item_row *row = core_find_item(n->core, category, path);
	struct witness_name *note = witness_note(&cl->witness, number);
	if (!row)
		return;
	check_choice(n, witness_name(&cl->witness, number), was, &row->local);
	if (cl->acting || !cl->calm_us)
		return;
	bool at_once = note->chosen_us && cl->now_us - note->chosen_us < 1000000;
	note->chosen_apart = at_once && (note->chosen_apart || !id_equal(&note->chosen, &row->local));
	note->chosen_us = cl->now_us;
	note->chosen = row->local;
	note->chosen_on = n->index;
	note->chosen_for_all = was->keep == KEEP_MINE;
}

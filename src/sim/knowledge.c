#include "sim/knowledge.h"

#include <stdlib.h>
#include <string.h>

#include "sim/judge.h"


static bool silent(const struct cluster *cl, const struct simnode *n)
{
	return judge_went_back(cl) || n->restored;
}

static struct simfile *file_of(struct simnode *n, const char *name)
{
	return map_find(&n->disk.index, name, strlen(name));
}

void knowledge_placed(struct simnode *n, struct simfile *f, const struct id *version)
{
	const struct item_row *row = core_find_item(n->core, f->category, f->path);
	f->placed_seq = row && id_equal(&row->head_version, version) ? row->head_seq : 0;
	/* A file that a stop emptied gets back what it held; a person may choose what is old. */
	if ((!row || !id_equal(&row->local, version)) && n->choosing != f->number + 1)
		judge_places(n, f, f->placed_seq);
	if (f->placed_seq > f->made_most)
		f->made_most = f->placed_seq;
	witness_hold(&n->cl->witness, n->index, f->number, version);
}

void knowledge_committed(struct simfile *f)
{
	if (f->placed_seq > f->made_least)
		f->made_least = f->placed_seq;
	f->placed_seq = 0;
}

void knowledge_lost(struct simfile *f)
{
	f->unsure = true;
}

void knowledge_chose(struct simnode *n, struct simfile *f)
{
	const struct item_row *row = core_find_item(n->core, f->category, f->path);
	if (row && row->head_seq > f->made_most)
		f->made_most = row->head_seq;
}

void knowledge_undid(struct simnode *n, unsigned path)
{
	struct simfile *f = file_of(n, witness_name(&n->cl->witness, path));
	if (f)
		f->made_least = 0;
}

void knowledge_settled(struct simnode *n, const struct settlement_row *row)
{
	struct witness *w = &n->cl->witness;
	const struct witness_item *item = witness_item(w, &row->item);
	if (!item)
		return;
	witness_hold(w, n->index, item->path, &row->mine);
	witness_hold(w, n->index, item->path, &row->theirs);
}

static bool unanswered(const struct simnode *n, const struct id *item)
{
	void *p;
	for (size_t at = 0; map_next(&n->ledger.outbox, &at, &p);)
		if (id_equal(&((const struct outbox_row *)p)->item, item))
			return true;
	return false;
}

static bool all_agree(struct cluster *cl, const struct simfile *f, const struct id *version)
{
	for (unsigned i = 0; i < cl->node_count; i++) {
		struct simnode *n = cl->nodes[i];
		const struct item_row *row = n->core ? core_find_item(n->core, f->category, f->path) : NULL;
		struct simfile *theirs = simdisk_find(&n->disk, f->category, f->path);
		if (!row || !theirs || !theirs->now.present || theirs->writers || n->restored)
			return false;
		struct id holds = simnode_version(n, theirs);
		const struct simentry *head = simstore_head(cl->hub.store, &row->item);
		if (!id_equal(&holds, version) || !id_equal(&row->local, version) || !id_equal(&row->agreed, version) ||
		    !id_equal(&row->head_version, version) || !head || !id_equal(&head->e.change.version, version) ||
		    unanswered(n, &row->item))
			return false;
	}
	return true;
}

/* After a power cut, until all files were looked at: what is gone without an event that the engine lived to hear is put
 * back. */
static bool doubts(const struct simnode *n, const char *category)
{
	for (size_t i = 0; i < SIMNODE_CATEGORIES; i++) {
		const struct category_row *saved = &n->doubts[i], *next = &n->doubted[i];
		if ((saved->cut_until_ms && strcmp(saved->category, category) == 0) ||
		    (next->cut_until_ms && strcmp(next->category, category) == 0))
			return true;
	}
	return n->cut;
}

void knowledge_removes(struct simnode *n, struct simfile *f)
{
	struct cluster *cl = n->cl;
	if (judge_went_back(cl) || !f->now.present || !n->core || doubts(n, f->category))
		return;
	struct id version = simnode_version(n, f);
	if (all_agree(cl, f, &version))
		witness_bury(&cl->witness, n->index, f->number);
}

void knowledge_cut(struct simnode *n)
{
	struct witness *w = &n->cl->witness;
	void *p;
	for (size_t at = 0; map_next(&n->ledger.items, &at, &p);) {
		const struct item_row *row = p;
		if (!row->side && !id_zero(&row->local))
			witness_unbury(w, n->index, witness_path(w, row->category, row->path));
	}
}

/* Does the new version keep every token of the old one that nobody here gave up? Then it is a merge. */
static bool keeps(struct cluster *cl, const struct simnode *n, unsigned path, const struct id *new,
		  const struct id *old)
{
	const struct witness_version *from = witness_version(&cl->witness, old),
				     *to = witness_version(&cl->witness, new);
	size_t k = 0;
	if (!from || !to || (!from->token_count && judge_strategy(cl, path) != STRATEGY_MERGE))
		return false;
	for (size_t i = 0; i < from->token_count; i++) {
		while (k < to->token_count && to->tokens[k] < from->tokens[i])
			k++;
		bool has = k < to->token_count && to->tokens[k] == from->tokens[i];
		if (!has && !witness_may_lose(&cl->witness, n->index, path, from->tokens[i]))
			return false;
	}
	return true;
}

static void judge_side(struct cluster *cl, struct simnode *n, const struct witness_item *item, const struct simfile *f,
                       const struct simentry *e)
{
	const struct simentry *head = simstore_head(cl->hub.store, &item->main);
	const char *name = witness_name(&cl->witness, item->path);
	const struct simentry *before = simstore_entry(cl->hub.store, e->e.change.base);
	if (before && !id_zero(&before->e.change.version))
		return; /* the conflict is there already, and the edit goes on */
	if (witness_authors(&cl->witness, item->path) < 2)
		cluster_break(cl, "Q6", "entry %llu of %s puts %s aside, which one device alone ever changed",
		              (unsigned long long)e->e.seq, n->name, name);
	JUDGED(cl, Q6);
	if (f->unsure || f->blurred || f->orphan)
		return;
	JUDGED(cl, Q4);
	if (!head || head->e.seq <= judge_made_from(n, e->e.change.counter)) /* it may have waited long since */
		cluster_break(cl, "Q4", "entry %llu of %s puts %s aside, though it is made from the head %llu",
		              (unsigned long long)e->e.seq, n->name, name,
		              head ? (unsigned long long)head->e.seq : 0ull);
}

static void judge_main(struct cluster *cl, struct simnode *n, const struct witness_item *item, const struct simfile *f,
                       const struct simentry *e, const struct simentry *base)
{
	if (!base || id_zero(&base->e.change.version) || f->unsure || judge_strategy(cl, item->path) == STRATEGY_NEWEST)
		return;
	if (witness_made(&cl->witness, n->index, item->path, &base->e.change.version) ||
	    witness_held(&cl->witness, n->index, item->path, &base->e.change.version))
		return; /* the very same was here before: what others did since was taken back */
	JUDGED(cl, I2);
	if (base->e.seq > f->made_most && !keeps(cl, n, item->path, &e->e.change.version, &base->e.change.version))
		cluster_break(cl, "I2",
			      "entry %llu of %s overwrites entry %llu of %s, which its file was not made from",
			      (unsigned long long)e->e.seq, n->name, (unsigned long long)base->e.seq,
			      witness_name(&cl->witness, item->path));
}

/* Whoever holds these bytes by now may go on from them. */
static void spread(struct cluster *cl, const char *name, const struct simentry *e)
{
	const struct witness_version *v = witness_version(&cl->witness, &e->e.change.version);
	for (unsigned i = 0; i < cl->node_count; i++) {
		struct simfile *f = file_of(cl->nodes[i], name);
		if (!f)
			continue;
		const struct simimage *now = &f->now;
		bool same = v ? now->present && now->meta == v->meta &&
					    span_equal(span_blob(&now->content), span_blob(&v->content))
			      : !now->present;
		if (same && e->e.seq > f->made_most)
			f->made_most = e->e.seq;
	}
}

void knowledge_appended(struct cluster *cl, struct simnode *n, const struct witness_item *item,
			const struct simentry *e, const struct simentry *base)
{
	const char *name = witness_name(&cl->witness, item->path);
	const struct change *c = &e->e.change;
	struct simfile *f = file_of(n, name);
	bool again = base && id_equal(&base->e.change.version, &c->version);
	if (!f || silent(cl, n) || again)
		return;
	if (item->side) {
		if (!id_zero(&c->version) && id_equal(&item->device, &n->device))
			judge_side(cl, n, item, f, e);
		return;
	}
	judge_main(cl, n, item, f, e, base);
	if (e->e.seq > f->made_most)
		f->made_most = e->e.seq;
	if (e->e.seq > f->made_least)
		f->made_least = e->e.seq;
	spread(cl, name, e);
}

void knowledge_rest(struct cluster *cl)
{
	for (unsigned i = 0; i < cl->node_count; i++) {
		struct simnode *n = cl->nodes[i];
		for (size_t k = 0; k < n->disk.count; k++) {
			struct simfile *f = n->disk.files[k];
			if (judge_went_back(cl) || cl->tally.node_restores)
				continue;
			if (!witness_buried(&cl->witness, f->number))
				continue;
			JUDGED(cl, Q3);
			if (f->now.present)
				cluster_break(cl, "Q3", "%s/%s is back on %s: it was deleted when all had seen it",
					      f->category, f->path, n->name);
		}
	}
}

/* Too many files gone at once are a lost disk rather than a person's wish: a scan that would delete so many asks first.
 * What events named as gone, a file or a folder, was deleted while we watched, and is a wish. What is there under
 * another name moved. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mark.h"
#include "base/mem.h"
#include "base/plant.h"
#include "base/relpath.h"
#include "engine/core/coordinator.h"

struct sighting { /* a file that a scan found where the ledger knows none */
	uint64_t inode, size;
	int64_t mtime_ns;
};

static int by_inode(const void *a, const void *b)
{
	const struct sighting *x = a, *y = b;
	return x->inode < y->inode ? -1 : x->inode > y->inode;
}

static struct sighting *sightings(const struct core *c, size_t *count)
{
	struct sighting *all = NULL;
	size_t cap = 0;
	*count = 0;
	for (size_t i = 0; i < c->debounce.count; i++) {
		const struct watched *w = c->debounce.heap[i];
		if (!w->scanned || !w->stat.inode)
			continue;
		MEM_ROOM(all, *count, cap);
		all[(*count)++] = (struct sighting){ w->stat.inode, w->stat.size, w->stat.mtime_ns };
	}
	mem_sort(all, *count, sizeof *all, by_inode);
	return all;
}

static bool elsewhere(const struct item *it, const struct sighting *all, size_t count)
{
	const struct file_stat *was = &it->row.local_stat;
	const struct sighting key = { was->inode, 0, 0 };
	const struct sighting *s = count ? bsearch(&key, all, count, sizeof *all, by_inode) : NULL;
	return s && s->size == was->size && s->mtime_ns == was->mtime_ns;
}

static bool wished(const struct item *it)
{
	return it->told || category_has_left(it->category, it->path);
}

bool guard_unseen(const struct category *category, const struct item *it, const char *under, uint32_t round)
{
	return !it->row.side && !it->unwanted && it->category == category && !id_zero(&it->row.local) &&
	       it->round < round && relpath_below(it->path, under);
}

bool guard_absent(const struct core *c, const struct item *it)
{
	const struct file_ref file = { it->row.category, it->path };
	struct file_stat stat;
	enum look look = c->world.look(c->world.ctx, &file, &stat);
	return look == LOOK_ABSENT || look == LOOK_OTHER;
}

static bool counts(const struct core *c, const struct item *it, const struct sighting *seen, size_t seen_count)
{
	return !wished(it) && !it->row.left_out && !elsewhere(it, seen, seen_count) && guard_absent(c, it);
}

/* Are more gone than are deleted unasked? `count`: names that the scan did not see. */
static bool too_many(struct core *c, const struct category *category, const char *under, uint32_t round, size_t count)
{
	size_t gone = 0, present = category->items, seen_count;
	if (PLANTED("capture.no_guard") || count < 2 || (count <= CHANGE_GUARD_COUNT && count < present))
		return false;
	struct sighting *seen = sightings(c, &seen_count);
	bool many = false;
	for (size_t i = 0; i < c->ledger.count && !many; i++) {
		const struct item *it = c->ledger.all[i];
		gone += guard_unseen(category, it, under, round) && counts(c, it, seen, seen_count);
		many = (gone > CHANGE_GUARD_COUNT && gone * 100 > present * CHANGE_GUARD_PERCENT) ||
		       (gone >= 2 && gone == present);
	}
	free(seen);
	return many;
}

/* Marks what is lost, and asks unless that was done. */
static void hold(struct core *c, struct category *category, const char *under, uint32_t round, size_t count)
{
	char text[320];
	bool asked = category->held;
	MARK("capture.guard_held");
	for (size_t i = 0; i < c->ledger.count; i++) {
		struct item *it = c->ledger.all[i];
		if (!guard_unseen(category, it, under, round) || wished(it) || it->row.left_out)
			continue;
		it->lost = true;
		map_put(&c->ledger.gone, it->row.local.b, ID_LEN, it); /* its content may be found under another name */
	}
	category_hold(category, true);
	category->weighed = category->weighed || !*under;
	if (asked)
		return;
	snprintf(text, sizeof text,
		 "%zu of %zu files are gone at once: nothing is deleted elsewhere ('syncline restore' with its name "
		 "brings them back, 'syncline resume' with its name deletes them on all devices)",
		 count, category->items);
	c->world.notice(c->world.ctx, NOTICE_ALERT, "change", category->name, text);
	if (*under)
		capture_scan(c, category, ""); /* what is lost in all */
}

/* Events may say of each single file that it was deleted: a root without any is asked about all the same. */
bool guard_emptied(struct core *c, struct category *category)
{
	size_t gone = 0;
	if (category->items < 2 || category->allowed || PLANTED("capture.no_guard") ||
	    (!category->held && c->debounce.count < category->items))
		return false;
	for (size_t i = 0; i < c->debounce.count; i++) {
		const struct watched *w = c->debounce.heap[i];
		if (w->category != category)
			continue;
		const struct item *it = ledger_find_name(&c->ledger, category->name, w->path);
		if (!w->absent_since_ms || !it || it->rare->moved_to)
			return false;
		gone++;
	}
	for (size_t i = 0; i < c->ledger.count && category->held; i++) {
		const struct item *it = c->ledger.all[i];
		gone += it->category == category && it->lost && !debounce_find(&c->debounce, category, it->path);
	}
	if (gone < category->items)
		return false;
	MARK("capture.root_emptied_before_us");
	for (size_t i = 0; i < c->debounce.count; i++) {
		const struct watched *w = c->debounce.heap[i];
		if (w->category == category)
			ledger_find_name(&c->ledger, category->name, w->path)->told = false;
	}
	category_forget_left(category);
	return true;
}

void guard_found(struct core *c, struct item *it)
{
	struct category *category = it->category;
	it->told = it->weighed = false;
	if (!it->lost)
		return;
	it->lost = false;
	if (!category->weighed)
		return;
	for (size_t i = 0; i < c->ledger.count; i++)
		if (c->ledger.all[i]->category == category && c->ledger.all[i]->lost)
			return;
	MARK("capture.guarded_files_are_back");
	category_hold(category, false);
}

/* A power cut takes back what no program had synced: what was saved in the last seconds before may be gone as a whole,
 * with nothing left to tell it from a deletion but when that was. A deletion that nobody saw, of a file saved less than
 * a minute before, between the power's return and our start, is rare, and is only undone; its file is not lost. */
static bool may_be_unwritten(const struct item *it)
{
	const struct category *of = it->category;
	return of->cut_until_ms && it->row.local_at_ms >= of->cut_since_ms && it->row.local_at_ms <= of->cut_until_ms;
}

void guard_cut(struct core *c, struct category *category, const char *under, uint32_t round)
{
	size_t seen_count;
	if (!category->cut_until_ms)
		return;
	struct sighting *seen = sightings(c, &seen_count);
	for (size_t i = 0; i < c->ledger.count; i++) {
		struct item *it = c->ledger.all[i];
		if (!guard_unseen(category, it, under, round) || !may_be_unwritten(it) ||
		    !counts(c, it, seen, seen_count))
			continue;
		capture_soon(c, it);
		debounce_find(&c->debounce, category, it->path)->suspect = true;
		it->round = category->round; /* no scan under way says anything more of it */
	}
	free(seen);
}

bool guard_taken_back(const struct watched *w, const struct item *it)
{
	return w->suspect && may_be_unwritten(it) && !wished(it) && !it->rare->moved_to;
}

void guard_doubts(struct core *c)
{
	for (size_t i = 0; i < c->categories.count; i++) {
		struct category *of = c->categories.all[i];
		bool over = of->cut_until_ms && !of->suspect;
		for (size_t k = 0; over && k < c->debounce.count; k++)
			over = c->debounce.heap[k]->category != of || !c->debounce.heap[k]->suspect;
		if (!over)
			continue;
		of->cut_since_ms = of->cut_until_ms = 0;
		of->save = true;
	}
}

bool guard_scanned(struct core *c, struct category *category, const char *under, uint32_t round)
{
	bool whole = !*under, asks = false;
	size_t count = 0, lost = 0;
	for (size_t i = 0; i < c->ledger.count; i++) {
		bool unseen = guard_unseen(category, c->ledger.all[i], under, round);
		count += unseen;
		lost += unseen && !wished(c->ledger.all[i]);
	}
	if (category->held && whole && !lost)
		category_hold(category, false); /* they are back */
	else if (!category->allowed)
		asks = category->held || too_many(c, category, under, round, count);
	if (asks)
		hold(c, category, under, round, count);
	if (whole)
		category->allowed = false;
	return !asks;
}

/* Too many files gone at once are a lost disk rather than a person's wish: a scan that would delete so many asks first.
 * What events named as gone, a file or a folder, was deleted while we watched, and is a wish. What is there under another
 * name moved. */
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
	return !it->row.side && !it->unwanted && it->category == category && !id_zero(&it->row.local) && it->round < round &&
	       relpath_below(it->path, under);
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
	return !wished(it) && !elsewhere(it, seen, seen_count) && guard_absent(c, it);
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
		many = (gone > CHANGE_GUARD_COUNT && gone * 100 > present * CHANGE_GUARD_PERCENT) || (gone >= 2 && gone == present);
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
	for (size_t i = 0; i < c->ledger.count; i++)
		if (guard_unseen(category, c->ledger.all[i], under, round) && !wished(c->ledger.all[i]))
			c->ledger.all[i]->lost = true;
	category_hold(category, true);
	category->weighed = category->weighed || !*under;
	if (asked)
		return;
	snprintf(text, sizeof text,
		 "%zu of %zu files are gone at once: nothing is deleted elsewhere ('syncline restore' with its name brings them back, 'syncline resume' with its name deletes them on all devices)",
		 count, category->items);
	c->world.notice(c->world.ctx, NOTICE_ALERT, "change", category->name, text);
	if (*under)
		capture_scan(c, category, ""); /* what is lost in all */
}

void guard_found(struct core *c, struct item *it)
{
	struct category *category = it->category;
	it->told = false;
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

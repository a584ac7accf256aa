/* Where a name's content came from. Events tell it (both names of a move, in order, through chains and swaps and whole
 * folders); for what happened unwatched, a file that is gone and one that is new are matched by content, by inode, and
 * by likeness.
 *
 * What a file was moved from is at the hub already: it is the base of the delta, so that a move costs no content. And
 * where the old name stays away, its deletion travels with the new name as one rename. It must stay away for a moment:
 * an editor that sets its backup aside puts a file back in its place. The new name must still be there then: what is
 * swapped, or renamed there and back, passes through names that go nowhere. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mark.h"
#include "base/mem.h"
#include "base/plant.h"
#include "base/relpath.h"
#include "engine/core/change/differ.h"
#include "engine/core/coordinator.h"

#define ORIGINS_TIDY 64     /* so many remembered before the old ones are looked for */
#define LIKE_LOOKS 4096     /* of what is looked at, for files that are gone */
#define LIKE_COMPARED 8     /* of these, so many are compared */
#define LIKE_LEAST 32       /* bytes: in less there is nothing to recognise */

struct origin { /* of one name: the item whose content was moved there */
	struct id item;
	uint64_t at_ms;
	char *category, *path;
};

static struct buf name_of(const char *category, const char *path)
{
	struct buf name = { 0 };
	buf_put(&name, category, strlen(category) + 1);
	buf_put(&name, path, strlen(path));
	return name;
}

static void origin_drop(struct origin *o)
{
	if (!o)
		return;
	free(o->category);
	free(o->path);
	free(o);
}

/* The name's origin, which it has no longer. */
static struct origin *origin_take(struct core *c, const char *category, const char *path)
{
	struct buf name = name_of(category, path);
	struct origin *o = map_remove(&c->origins, name.data, name.len);
	buf_finish(&name);
	return o;
}

/* A file that comes back to its own name came from nowhere. */
static void origin_put(struct core *c, const char *category, const char *path, const struct id *item)
{
	const struct item *there = ledger_find_name(&c->ledger, category, path);
	if (there && id_equal(&there->row.item, item)) {
		origin_drop(origin_take(c, category, path));
		return;
	}
	struct origin *o = mem_alloc(sizeof *o);
	*o = (struct origin){ *item, c->now_ms, mem_text(category), mem_text(path) };
	struct buf name = name_of(category, path);
	struct origin *was = map_put(&c->origins, name.data, name.len, o);
	buf_finish(&name);
	origin_drop(was);
}

/* What a name holds, moved on: a name that was made by a rename a moment ago is only on the way. */
static const struct id *origin_of(const struct item *it)
{
	bool passing = id_zero(&it->row.head_version) && !id_zero(&it->rare->moved_from);
	return passing ? &it->rare->moved_from : &it->row.item;
}

static bool too_old(const struct core *c, const struct origin *o)
{
	return c->now_ms - o->at_ms > CHANGE_ORIGIN_MS;
}

static void tidy(struct core *c)
{
	void *value;
	if (map_count(&c->origins) < ORIGINS_TIDY || c->now_ms - c->origins_ms < CHANGE_ORIGIN_MS)
		return;
	c->origins_ms = c->now_ms;
	for (size_t i = 0; map_next(&c->origins, &i, &value);) {
		struct origin *o = value;
		if (too_old(c, o))
			origin_drop(origin_take(c, o->category, o->path));
	}
}

void moves_finish(struct core *c)
{
	void *value;
	for (size_t i = 0; map_next(&c->origins, &i, &value);)
		origin_drop(value);
	map_finish(&c->origins);
}

static void moved_file(struct core *c, const struct event *e)
{
	struct item *it = ledger_find_name(&c->ledger, e->category, e->path);
	struct origin *o = origin_take(c, e->category, e->path);
	if (it)
		it->told = true;
	if (o)
		origin_put(c, e->to_category, e->to_path, &o->item);
	else if (it && !id_zero(&it->row.local))
		origin_put(c, e->to_category, e->to_path, origin_of(it));
	origin_drop(o);
}

static void moved_folder(struct core *c, struct category *from, const struct event *e)
{
	size_t len = strlen(e->path), count = 0, moved = 0;
	void *value;
	struct origin **below = mem_alloc((map_count(&c->origins) + 1) * sizeof *below);
	category_left(from, e->path);
	for (size_t i = 0; map_next(&c->origins, &i, &value);) { /* what came into the folder a moment ago moves on with it */
		struct origin *o = value;
		if (strcmp(o->category, e->category) == 0 && relpath_below(o->path, e->path))
			below[count++] = o;
	}
	for (size_t i = 0; i < c->ledger.count; i++) {
		struct item *it = c->ledger.all[i];
		if (it->row.side || it->category != from || id_zero(&it->row.local) ||
		    !relpath_below(it->path, e->path))
			continue;
		char *to = mem_printf("%s%s", e->to_path, it->path + len);
		it->told = true;
		if (!relpath_bad(to, strlen(to))) {
			origin_put(c, e->to_category, to, origin_of(it));
			moved++;
		}
		free(to);
	}
	for (size_t i = 0; i < count; i++) {
		char *to = mem_printf("%s%s", e->to_path, below[i]->path + len);
		if (!relpath_bad(to, strlen(to)))
			origin_put(c, e->to_category, to, &below[i]->item);
		free(to);
		origin_drop(origin_take(c, below[i]->category, below[i]->path));
	}
	free(below);
	if (moved) {
		char text[64];
		snprintf(text, sizeof text, "a folder was moved here, %zu file%s", moved, moved == 1 ? "" : "s");
		core_notice_name(c, NOTICE_INFO, "change", e->to_category, e->to_path, text);
	}
}

void moves_note(struct core *c, const struct event *e)
{
	struct category *from = category_find(&c->categories, e->category);
	if (!from || !e->to_category || !e->to_path || relpath_bad(e->path, strlen(e->path)) ||
	    relpath_bad(e->to_path, strlen(e->to_path)))
		return;
	tidy(c);
	if (e->folder)
		moved_folder(c, from, e);
	else
		moved_file(c, e);
}

/* Both guards at once: that the old name is looked at before it is paired, and again before it is given up. */
static bool pairs_unseen(void)
{
	return PLANTED("capture.pairs_a_rename_unseen");
}

/* Can the deletion of this item travel with what its content became? */
static bool may_leave(const struct core *c, const struct item *from, const struct item *it)
{
	return from != it && !from->row.side && !from->in_flight && !id_zero(&from->row.head_version) &&
	       id_equal(&from->row.agreed, &from->row.head_version) && !from->rare->moved_to &&
	       (pairs_unseen() || guard_absent(c, from));
}

static struct item *by_content(struct core *c, const struct id *version)
{
	struct item *from = map_find(&c->ledger.gone, version->b, ID_LEN);
	if (!from || !id_equal(&from->row.local, version))
		return NULL;
	MARK("capture.rename_weighed");
	return from;
}

/* Among files that are gone: the one with the same inode and something in common, else the one most alike. */
static struct item *by_likeness(struct core *c, const struct item *it, struct span content)
{
	struct item *best = NULL;
	unsigned best_alike = DIFFER_ALIKE - 1, compared = 0;
	size_t looks = c->debounce.count < LIKE_LOOKS ? c->debounce.count : LIKE_LOOKS;
	if (content.len < LIKE_LEAST || content.len > DIFFER_MAX || !map_count(&c->ledger.gone))
		return NULL;
	for (size_t i = 0; i < looks && compared < LIKE_COMPARED; i++) {
		const struct watched *w = c->debounce.heap[i];
		struct item *from =
			w->absent_since_ms ? ledger_find_name(&c->ledger, w->category->name, w->path) : NULL;
		struct blob was = { 0 };
		uint8_t meta;
		if (!from || from == it || id_zero(&from->row.local) || from->row.local_stat.size > 2 * content.len ||
		    content.len > 2 * from->row.local_stat.size ||
		    !c->world.version_get(c->world.ctx, &from->row.local, &was, &meta))
			continue;
		compared++;
		unsigned alike = differ_alike(span_blob(&was), content);
		if (alike && it->row.local_stat.inode && from->row.local_stat.inode == it->row.local_stat.inode)
			alike = 100;
		if (alike > best_alike) {
			best = from;
			best_alike = alike;
		}
		blob_finish(&was);
	}
	if (best)
		MARK("moves.told_by_likeness");
	return best;
}

/* What an event said of this name. A name that was on the way itself leads on to where its content came from. */
static struct item *by_event(struct core *c, struct item *it)
{
	struct origin *o = origin_take(c, it->row.category, it->path);
	struct item *from = o && !too_old(c, o) ? ledger_find(&c->ledger, &o->item) : NULL;
	origin_drop(o);
	if (from && id_zero(&from->row.head_version) && !id_zero(&from->rare->moved_from)) {
		struct item *first = ledger_find(&c->ledger, &from->rare->moved_from);
		ledger_rare(from)->moved_from = (struct id){ { 0 } };
		if (first && first->rare->moved_to == from)
			ledger_rare(first)->moved_to = NULL;
		from = first;
	}
	if (from)
		MARK("moves.told_by_event");
	return from;
}

void moves_home(struct core *c, const struct item *it)
{
	if (map_count(&c->origins))
		origin_drop(origin_take(c, it->row.category, it->path));
}

void moves_back(struct core *c, struct item *from)
{
	struct item *it = from->rare->moved_to;
	if (!it)
		return;
	MARK("moves.old_name_is_back");
	ledger_rare(from)->moved_to = NULL;
	ledger_rare(it)->moved_from = (struct id){ { 0 } };
	holding_prove(c, it, CHANGE_GONE_MS); /* a copy, or the third name of a swap */
	holding_release(c, it);
	core_plan(c, it);
}

bool moves_open(struct core *c, struct item *it)
{
	struct item *from = id_zero(&it->rare->moved_from) ? NULL : ledger_find(&c->ledger, &it->rare->moved_from);
	if (!from || from->rare->moved_to != it)
		return false;
	if (debounce_find(&c->debounce, from->category, from->path))
		return true;
	moves_back(c, from); /* nobody looks for it any more: its folder is gone, or left out */
	return false;
}

void moves_captured(struct core *c, struct item *it, struct span content)
{
	bool fresh = id_zero(&it->row.head_version);
	struct item *from = by_event(c, it);
	bool told = from;
	if (!from && moves_open(c, it))
		return; /* edited again, and still the same file */
	if (!from && fresh)
		from = by_content(c, &it->row.local);
	if (!from && fresh)
		from = by_likeness(c, it, content);
	if (!from || from == it)
		return;
	ledger_rare(it)->source = from->row.head_version;
	if (!fresh || !may_leave(c, from, it)) { /* it may be back by now, and be no more than copied */
		MARK("capture.rename_pair_refused");
		if (told)
			holding_prove(c, it, CHANGE_GONE_MS);
		return;
	}
	holding_prove(c, it, 0);
	ledger_rare(it)->moved_from = from->row.item;
	ledger_rare(from)->moved_to = it;
	if (pairs_unseen()) {
		core_set_local(c, from, &(struct id){ { 0 } }, 0);
		moves_gone(c, from);
	}
	from->told = true;
	if (!debounce_find(&c->debounce, from->category, from->path))
		capture_soon(c, from);
}

void moves_gone(struct core *c, struct item *from)
{
	struct item *it = from->rare->moved_to;
	if (!it)
		return;
	MARK("capture.rename_paired");
	ledger_rare(from)->moved_to = NULL;
	from->urgency = it->urgency;
	holding_release(c, it);
	core_plan(c, it); /* first, so that the delete travels with the create */
}

enum change_kind moves_kind(const struct core *c, const struct item *it)
{
	const struct item *from =
		id_zero(&it->rare->moved_from) ? NULL : ledger_find(&c->ledger, &it->rare->moved_from);
	if (!from)
		return KIND_CREATE;
	const char *a = strrchr(from->path, '/'), *b = strrchr(it->path, '/');
	size_t a_len = a ? (size_t)(a - from->path) : 0, b_len = b ? (size_t)(b - it->path) : 0;
	bool same = from->category == it->category && a_len == b_len && memcmp(from->path, it->path, a_len) == 0;
	return same ? KIND_RENAME : KIND_MOVE;
}

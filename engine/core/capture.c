/* Hints and scans become looks; a look becomes a captured version, a deletion, or nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mark.h"
#include "base/mem.h"
#include "base/relpath.h"
#include "engine/core/coordinator.h"

#define RACY_NS 20000000LL     /* a file changed so shortly before it was read may change again without its stat showing it */
#define LATER_MS 3600000u      /* a name found by a scan waits for the scan's end */
#define BULK_ITEMS 32          /* when more new files than that wait, nobody waits for one of them */
#define GUARD_COUNT 25
#define GUARD_PERCENT 20

static bool stat_equal(const struct file_stat *a, const struct file_stat *b)
{
	return a->size == b->size && a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns && a->inode == b->inode &&
	       a->meta == b->meta;
}

/* Stat alone proves "unchanged" only when the clock had moved on between the last change and our reading. */
static bool surely_unchanged(const struct item *it, const struct file_stat *now)
{
	if (id_zero(&it->row.local) || !stat_equal(now, &it->row.local_stat))
		return false;
	int64_t read_ns = it->read_ms * 1000000LL;
	if (read_ns - now->mtime_ns <= RACY_NS)
		MARK("capture.racy_stat_not_believed");
	return read_ns - now->ctime_ns > RACY_NS && read_ns - now->mtime_ns > RACY_NS;
}

/* The first sure look since the start. */
static void verified(struct core *c, struct item *it, const struct id *holds)
{
	struct id agreed = it->row.agreed;
	if (it->verified)
		return;
	ledger_verify(it, holds);
	if (!id_equal(&agreed, &it->row.agreed))
		ledger_touch(&c->ledger, it);
	core_plan(c, it); /* see apply.c: nothing was done with it until now */
}

static struct category *category_of(struct core *c, const struct event *e)
{
	struct category *category = category_find(&c->categories, e->category);
	return category && category->active ? category : NULL;
}

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

void capture_hint(struct core *c, const struct event *e)
{
	struct category *category = category_of(c, e);
	if (!category || e->hint == HINT_MOVED || relpath_bad(e->path, strlen(e->path)))
		return;
	struct item *it = ledger_find_name(&c->ledger, category->name, e->path);
	uint64_t window = it && it->captured_ms ? it->captured_ms + category->debounce_ms : 0;
	uint64_t due = c->now_ms;
	if (e->hint == HINT_WRITTEN)
		due = later(due, window);
	else if (e->hint == HINT_TOUCHED)
		due = later(due + CHANGE_SETTLE_MS, window);
	bool passing = e->hint != HINT_GONE && (!it || id_zero(&it->row.local)) && debounce_passing(e->path);
	if (passing)
		due = later(due, c->now_ms + CHANGE_PASSING_MS);
	struct watched *w = debounce_note(&c->debounce, category, e->path, c->now_ms, due, true);
	w->unsure = e->hint == HINT_TOUCHED;
	if (e->hint == HINT_WRITTEN)
		w->scanned = false;
}

void capture_soon(struct core *c, struct item *it)
{
	struct watched *w = debounce_note(&c->debounce, it->category, it->path, c->now_ms, c->now_ms, true);
	w->unsure = false;
	w->scanned = false;
}

static bool below(const char *path, const char *under)
{
	size_t len = strlen(under);
	return len == 0 || (strncmp(path, under, len) == 0 && (path[len] == '/' || path[len] == 0));
}

/* Nothing is known of what is in that folder now: so nothing in it is gone. */
static void closed_folder(struct core *c, const struct category *category, const char *folder)
{
	for (size_t i = 0; i < c->ledger.count; i++)
		if (c->ledger.all[i]->category == category && below(c->ledger.all[i]->path, folder))
			c->ledger.all[i]->round = category->round;
}

void capture_seen(struct core *c, const struct event *e)
{
	struct category *category = category_of(c, e);
	if (!category || e->look == LOOK_ABSENT || relpath_bad(e->path, strlen(e->path)))
		return;
	if (e->look == LOOK_ERROR && e->folder) {
		closed_folder(c, category, e->path);
		return;
	}
	struct item *it = ledger_find_name(&c->ledger, category->name, e->path);
	if (it)
		it->round = category->round;
	if (e->look == LOOK_OTHER && (!it || id_zero(&it->row.local)))
		return;
	if (it && e->look == LOOK_FILE && surely_unchanged(it, &e->stat)) {
		verified(c, it, &it->row.local);
		return;
	}
	if (!debounce_find(&c->debounce, category, e->path))
		debounce_note(&c->debounce, category, e->path, c->now_ms, c->now_ms + LATER_MS, true)->scanned = true;
}

static bool unseen(const struct category *category, const struct item *it, const char *under, uint32_t round)
{
	return !it->row.side && !it->unwanted && it->category == category && !id_zero(&it->row.local) && it->round < round &&
	       below(it->path, under);
}

static bool truly_absent(struct core *c, const struct item *it)
{
	const struct file_ref file = { it->row.category, it->path };
	struct file_stat stat;
	enum look look = c->world.look(c->world.ctx, &file, &stat);
	return look == LOOK_ABSENT || look == LOOK_OTHER;
}

/* Too many files gone at once are a lost disk rather than a person's wish. */
static bool guard(struct core *c, struct category *category, const char *under, uint32_t round, size_t count)
{
	size_t gone = 0, present = category->items;
	if (category->allowed || count < 2 || (count <= GUARD_COUNT && count < present))
		return false;
	for (size_t i = 0; i < c->ledger.count; i++)
		gone += unseen(category, c->ledger.all[i], under, round) && truly_absent(c, c->ledger.all[i]);
	bool many = gone > GUARD_COUNT && gone * 100 > present * GUARD_PERCENT;
	if (!many && !(gone >= 2 && gone == present))
		return false;
	MARK("capture.guard_held");
	category->held = true;
	category_trouble(category, "more files are gone at once than syncline deletes unasked");
	char text[256];
	snprintf(text, sizeof text,
		 "%zu of %zu files are gone at once: nothing is deleted elsewhere (bring them back, or run 'syncline resume' with its name to delete them on all devices)",
		 gone, present);
	c->world.notice(c->world.ctx, NOTICE_ALERT, "change", category->name, text);
	return true;
}

/* Names that the scan did not see are looked at one by one before anything is concluded. */
static void note_unseen(struct core *c, struct category *category, const char *under, uint32_t round)
{
	size_t count = 0;
	for (size_t i = 0; i < c->ledger.count; i++)
		count += unseen(category, c->ledger.all[i], under, round);
	if (guard(c, category, under, round, count))
		return;
	for (size_t i = 0; i < c->ledger.count; i++)
		if (unseen(category, c->ledger.all[i], under, round))
			capture_soon(c, c->ledger.all[i]);
	category->allowed = false;
	if (category->held && !count) { /* they are back */
		MARK("capture.guarded_files_are_back");
		category->held = false;
		category_trouble(category, NULL);
	}
}

void capture_scanned(struct core *c, const struct event *e)
{
	struct category *category = category_find(&c->categories, e->category);
	if (!category || !category->scans)
		return;
	uint32_t round = category->rounds[0];
	memmove(category->rounds, category->rounds + 1, (category->scans - 1) * sizeof *category->rounds);
	category->scans--;
	if (c->scans)
		c->scans--;
	if (e->complete && category->active)
		note_unseen(c, category, e->path ? e->path : "", round);
	if (category->rescan && category->scans < CATEGORY_SCANS / 2) {
		category->rescan = false;
		capture_scan(c, category, "");
	}
	if (category->scans)
		return;
	struct watched **found = NULL;
	size_t count = 0, cap = 0;
	for (size_t i = 0; i < c->debounce.count; i++)
		if (c->debounce.heap[i]->category == category && c->debounce.heap[i]->scanned &&
		    c->debounce.heap[i]->due_ms > c->now_ms) {
			MEM_ROOM(found, count, cap);
			found[count++] = c->debounce.heap[i];
		}
	for (size_t i = 0; i < count; i++)
		debounce_move(&c->debounce, found[i], c->now_ms + 1); /* behind those that are gone, so that renames show */
	free(found);
}

void capture_root(struct core *c, const struct event *e)
{
	struct category *category = category_of(c, e);
	if (!category)
		return;
	if (e->ok && !category->root_ok) {
		category->root_ok = true;
		category_trouble(category, NULL);
		capture_scan(c, category, "");
		for (size_t i = 0; i < c->ledger.count; i++)
			if (c->ledger.all[i]->category == category)
				core_plan(c, c->ledger.all[i]);
	} else if (!e->ok && category->root_ok) {
		category->root_ok = false;
		category_trouble(category, e->text ? e->text : "its folder is missing");
		char text[320];
		snprintf(text, sizeof text, "%.240s: nothing is deleted for it", category->trouble);
		c->world.notice(c->world.ctx, NOTICE_ERROR, "change", category->name, text);
	}
}

void capture_scan(struct core *c, struct category *category, const char *under)
{
	if (category->scans == CATEGORY_SCANS) {
		category->rescan = true;
		return;
	}
	category->rounds[category->scans++] = ++category->round;
	c->scans++;
	c->world.scan(c->world.ctx, category->name, under);
}

void capture_rescan(struct core *c, const struct event *e)
{
	struct category *category = category_of(c, e);
	if (category)
		capture_scan(c, category, e->path ? e->path : "");
}

static void forget_gone(struct core *c, struct item *it)
{
	if (map_find(&c->ledger.gone, it->row.local.b, ID_LEN) == it)
		map_remove(&c->ledger.gone, it->row.local.b, ID_LEN);
}

static void declare_absent(struct core *c, struct item *it)
{
	static const struct id none;
	forget_gone(c, it);
	verified(c, it, &none);
	core_set_local(c, it, &none, 0);
	it->row.local_stat = (struct file_stat){ 0 };
	it->row.local_edited = core_tick(c);
	it->row.local_at_ms = c->wall_ms;
	it->captured_ms = c->now_ms;
	it->how = HOW_EDIT;
	ledger_touch(&c->ledger, it);
	core_history(c, it, &none, &c->setup.device, 0, HOW_EDIT, KIND_DELETE, 0, 0, c->wall_ms);
	core_plan(c, it);
}

/* A file that appears with the content of one that just went away is that one, renamed: nothing of it need travel. */
static void tell_rename(struct core *c, struct item *it)
{
	struct item *from = map_find(&c->ledger.gone, it->row.local.b, ID_LEN);
	struct watched *w = from ? debounce_find(&c->debounce, from->category, from->path) : NULL;
	if (from)
		MARK("capture.rename_weighed");
	if (!w || !w->absent_since_ms || from == it || !id_equal(&from->row.head_version, &it->row.local) || from->in_flight ||
	    !truly_absent(c, from)) { /* it may be back by now, and be no more than copied */
		if (w && w->absent_since_ms)
			MARK("capture.rename_pair_refused");
		core_plan(c, it);
		return;
	}
	MARK("capture.rename_paired");
	debounce_drop(&c->debounce, w);
	it->moved_from = from->row.item;
	core_plan(c, it); /* first, so that the delete travels with the create */
	from->urgency = it->urgency;
	declare_absent(c, from);
}

static void captured(struct core *c, struct watched *w, struct item *it, const struct file_stat *stat, struct span content)
{
	struct id version = core_version_of(c, stat->meta, content);
	bool fresh = !it || id_zero(&it->row.local);
	if (!it) {
		struct id id = ledger_item_id(&c->ledger, w->category->name, w->path);
		it = ledger_add(&c->ledger, w->category, w->path, &id);
		it->round = w->category->round;
	}
	forget_gone(c, it);
	verified(c, it, &version);
	it->trouble = NULL;
	it->read_ms = c->wall_ms;
	if (!fresh && id_equal(&version, &it->row.local)) {
		if (w->scanned || !stat_equal(stat, &it->row.local_stat)) { /* else our own writing, read back: no news for the disk */
			it->row.local_stat = *stat;
			it->row.local_at_ms = c->wall_ms;
			ledger_touch(&c->ledger, it);
		}
		core_plan(c, it); /* what waited for this look goes on */
		return;
	}
	settle_captured(c, it, &version, stat->meta, content);
	if (!c->world.version_put(c->world.ctx, &version, stat->meta, content))
		return; /* the turn fails as a whole; the file is looked at again at the next start */
	core_set_local(c, it, &version, content.len);
	it->row.local_stat = *stat;
	it->row.local_at_ms = c->wall_ms;
	ledger_touch(&c->ledger, it);
	it->row.local_edited = core_tick(c);
	it->captured_ms = w->scanned ? 0 : c->now_ms; /* what a scan finds was quiet before */
	it->how = HOW_EDIT;
	it->queued_ms = c->now_ms;
	it->retry_ms = 0; /* what stood in the way of the version before need not stand in the way of this one */
	bool bulk = w->scanned || c->sends[PRIORITY_HIGH].count + c->plans.count > BULK_ITEMS;
	it->urgency = !bulk ? PRIORITY_HIGH : fresh ? PRIORITY_LOW : PRIORITY_NORMAL;
	core_history(c, it, &version, &c->setup.device, 0, HOW_EDIT, fresh ? KIND_CREATE : KIND_UPDATE, content.len, stat->meta, c->wall_ms);
	if (fresh && id_zero(&it->row.head_version))
		tell_rename(c, it);
	else
		core_plan(c, it);
}

static void too_large(struct core *c, const struct watched *w)
{
	core_notice_name(c, NOTICE_WARN, "change", w->category->name, w->path, "is over the limit of 64 MiB an item and stays on this device only");
}

static void look_later(struct core *c, struct watched *w, const char *why)
{
	static const uint32_t step_ms[] = { 5000, 10000, 20000, 40000, 60000 };
	struct item *it = ledger_find_name(&c->ledger, w->category->name, w->path);
	MARK("capture.unreadable_tried_later");
	if (it)
		it->trouble = why;
	uint32_t step = step_ms[w->tries < 4 ? w->tries : 4];
	w->tries++;
	debounce_move(&c->debounce, w, c->now_ms + step);
}

static void look_absent(struct core *c, struct watched *w, struct item *it)
{
	static const struct id none;
	if (!it || id_zero(&it->row.local)) {
		if (it) {
			verified(c, it, &it->row.local);
			core_plan(c, it); /* a place that met a file which is gone again waits for this look */
		}
		debounce_drop(&c->debounce, w);
	} else if (!it->verified && ledger_has_passed(it, &none)) {
		MARK("capture.own_delete_recognised_after_crash");
		debounce_drop(&c->debounce, w); /* it was deleted elsewhere, and we before the crash */
		declare_absent(c, it);
	} else if (!w->absent_since_ms) {
		w->absent_since_ms = c->now_ms ? c->now_ms : 1;
		map_put(&c->ledger.gone, it->row.local.b, ID_LEN, it);
		debounce_move(&c->debounce, w, c->now_ms + CHANGE_GONE_MS);
	} else if (c->now_ms - w->absent_since_ms < CHANGE_GONE_MS) {
		debounce_move(&c->debounce, w, w->absent_since_ms + CHANGE_GONE_MS);
	} else if (w->category->held) {
		MARK("capture.delete_held_back");
		debounce_drop(&c->debounce, w);
	} else {
		debounce_drop(&c->debounce, w);
		declare_absent(c, it);
	}
}

static void unwanted(struct core *c, struct watched *w, struct item *it)
{
	if (it)
		it->unwanted = true;
	debounce_drop(&c->debounce, w);
}

/* Returns what it read, for the budget. */
static uint64_t look_file(struct core *c, struct watched *w, struct item *it, const struct file_stat *seen)
{
	const struct file_ref file = { w->category->name, w->path };
	struct file_stat stat;
	struct blob content = { 0 };
	if (w->absent_since_ms && it) {
		MARK("capture.gone_file_came_back");
		forget_gone(c, it);
	}
	w->absent_since_ms = 0;
	if (it && surely_unchanged(it, seen)) {
		verified(c, it, &it->row.local);
		debounce_drop(&c->debounce, w);
		return 0;
	}
	bool patient = c->now_ms - w->first_ms < w->category->max_wait_ms;
	if (w->unsure && patient && (!w->looked || !stat_equal(&w->stat, seen))) {
		MARK("capture.somebody_is_writing");
		w->looked = true;
		w->stat = *seen;
		debounce_move(&c->debounce, w, c->now_ms + CHANGE_SETTLE_MS);
		return 0;
	}
	switch (c->world.take(c->world.ctx, &file, &stat, &content)) {
	case LOOK_FILE:
		captured(c, w, it, &stat, span_blob(&content));
		debounce_drop(&c->debounce, w);
		break;
	case LOOK_BUSY:
	case LOOK_ABSENT:
	case LOOK_OTHER:
		MARK("capture.changed_while_read");
		w->looked = false;
		debounce_move(&c->debounce, w, c->now_ms + CHANGE_SETTLE_MS);
		break;
	case LOOK_TOO_LARGE:
		too_large(c, w);
		debounce_drop(&c->debounce, w);
		break;
	case LOOK_UNWANTED: /* what it holds is not to be sent; what was sent of it stays as it is */
		unwanted(c, w, it);
		break;
	default:
		look_later(c, w, "it cannot be read now");
		break;
	}
	uint64_t read = content.len;
	blob_finish(&content);
	return read;
}

bool capture_run(struct core *c)
{
	uint64_t bytes = 0;
	struct watched *w;
	for (size_t looks = 0; (w = debounce_first(&c->debounce)) && w->due_ms <= c->now_ms; looks++) {
		if (looks >= LIMIT_TURN_ITEMS || bytes >= LIMIT_TURN_BYTES)
			return false;
		const struct file_ref file = { w->category->name, w->path };
		struct file_stat stat = { 0 };
		struct item *it = ledger_find_name(&c->ledger, w->category->name, w->path);
		if (!w->category->active || !w->category->root_ok) {
			debounce_drop(&c->debounce, w);
			continue;
		}
		enum look look = c->world.look(c->world.ctx, &file, &stat);
		if (it && look != LOOK_UNWANTED)
			it->unwanted = false; /* a content that was not allowed is gone, or looked at again */
		switch (look) {
		case LOOK_FILE:
			bytes += look_file(c, w, it, &stat);
			break;
		case LOOK_ABSENT:
		case LOOK_OTHER:
			look_absent(c, w, it);
			break;
		case LOOK_UNWANTED:
			unwanted(c, w, it);
			break;
		case LOOK_ROOT_GONE:
			debounce_drop(&c->debounce, w);
			break;
		case LOOK_TOO_LARGE:
			too_large(c, w);
			debounce_drop(&c->debounce, w);
			break;
		default:
			look_later(c, w, "it cannot be read now");
			break;
		}
	}
	return true;
}

void capture_flush(struct core *c)
{
	struct watched **all = mem_grow(NULL, c->debounce.count + 1, sizeof *all);
	size_t count = c->debounce.count;
	for (size_t i = 0; i < count; i++)
		all[i] = c->debounce.heap[i];
	for (size_t i = 0; i < count; i++)
		if (!all[i]->scanned && !all[i]->absent_since_ms && !all[i]->tries) {
			all[i]->unsure = false;
			debounce_move(&c->debounce, all[i], c->now_ms);
		}
	free(all);
}

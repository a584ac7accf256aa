/* Hints and scans become looks; a look becomes a captured version, a deletion, or nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mark.h"
#include "base/mem.h"
#include "base/plant.h"
#include "base/relpath.h"
#include "engine/core/coordinator.h"

#define RACY_NS 20000000LL     /* a file changed so shortly before it was read may change again without its stat showing it */
#define LATER_MS 3600000u      /* a name found by a scan waits for the scan's end */
#define BULK_ITEMS 32          /* when more new files than that wait, nobody waits for one of them */

void capture_drop(struct core *c, struct watched *w)
{
	reading_drop(c, w);
	debounce_drop(&c->debounce, w);
}

/* Stat alone proves "unchanged" only when the kernel's clock for ctimes had ticked between the last change and our
 * reading: a second write within one tick could leave the same stat behind. Ticks are 10 ms at most (4 here, and none
 * at all where the kernel gives every observed change a time of its own), so twice that is sure; a clock set back only
 * makes us read again. After our own placing, which sets an mtime of the past, a write shows by its mtime at once. */
static bool surely_unchanged(const struct item *it, const struct file_stat *now)
{
	if (!id_zero(&it->row.local) && PLANTED("capture.trusts_size_and_mtime"))
		return now->size == it->row.local_stat.size && now->mtime_ns == it->row.local_stat.mtime_ns;
	if (id_zero(&it->row.local) || !file_stat_equal(now, &it->row.local_stat))
		return false;
	if (it->placed && now->ctime_ns - now->mtime_ns > RACY_NS)
		return true;
	int64_t read_ns = it->read_ms * 1000000LL;
	if (read_ns - now->mtime_ns <= RACY_NS)
		MARK("capture.racy_stat_not_believed");
	return read_ns - now->ctime_ns > RACY_NS && read_ns - now->mtime_ns > RACY_NS;
}

/* Read and recorded shortly before an unclean stop: the filesystem may never have written it. */
static bool is_suspect(const struct watched *w, const struct item *it)
{
	bool suspect = w && w->suspect;
	return it && (suspect || it->category->suspect) && it->row.local_at_ms >= it->category->suspect_ms;
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

static void leave_out(struct core *c, struct item *it, bool left_out)
{
	if (it->row.left_out == left_out)
		return;
	it->row.left_out = left_out;
	ledger_touch(&c->ledger, it);
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

/* Our own writing seen again, or attributes that nobody syncs: nothing to wait for. */
static bool is_no_news(struct core *c, const struct item *it, const struct event *e)
{
	const struct file_ref file = { it->row.category, it->path };
	struct file_stat stat;
	if (!it->verified || debounce_find(&c->debounce, it->category, it->path))
		return false;
	enum look look = c->world.look(c->world.ctx, &file, &stat);
	if (e->hint == HINT_GONE)
		return look == LOOK_ABSENT && id_zero(&it->row.local);
	return look == LOOK_FILE && surely_unchanged(it, &stat);
}

static uint64_t window_end(const struct category *category, const struct item *it)
{
	uint32_t window = category->debounce_ms < CHANGE_CAPTURE_MS ? category->debounce_ms : CHANGE_CAPTURE_MS;
	return it && it->captured_ms ? it->captured_ms + window : 0;
}

/* How long a new name must have stayed before it is taken for a file of its own. */
static uint32_t proving_ms(const struct core *c, const struct category *category, const struct item *it,
			   const char *path)
{
	if (it && (!id_zero(&it->row.local) || !id_zero(&it->row.head_version)))
		return 0;
	char *beside = debounce_derived(path);
	struct item *original = beside ? ledger_find_name(&c->ledger, category->name, beside) : NULL;
	free(beside);
	return debounce_passing(path)                       ? CHANGE_PASSING_MS
	       : original && !id_zero(&original->row.local) ? CHANGE_GONE_MS
							    : 0;
}

void capture_hint(struct core *c, const struct event *e)
{
	struct category *category = category_of(c, e);
	if (e->hint == HINT_MOVED) {
		moves_note(c, e);
		return;
	}
	if (!category || relpath_bad(e->path, strlen(e->path)))
		return;
	struct item *it = ledger_find_name(&c->ledger, category->name, e->path);
	if (it) {
		it->told = e->hint == HINT_GONE;
		it->weighed = false;
	} else if (e->hint == HINT_GONE) {
		category_left(category, e->path);
	}
	if (it && is_no_news(c, it, e))
		return;
	uint64_t due = c->now_ms;
	if (e->hint == HINT_WRITTEN)
		due = later(due, window_end(category, it));
	else if (e->hint == HINT_TOUCHED)
		due = later(due + CHANGE_SETTLE_MS, window_end(category, it));
	uint32_t proving = e->hint == HINT_GONE ? 0 : proving_ms(c, category, it, e->path);
	struct watched *w = debounce_note(&c->debounce, category, e->path, c->now_ms, due + proving, true);
	w->unsure = e->hint != HINT_WRITTEN;
	w->gone = e->hint == HINT_GONE;
	if (e->hint == HINT_WRITTEN)
		w->scanned = false;
	if (c->reading.of == w)
		c->reading.hinted = true;
}

void capture_soon(struct core *c, struct item *it)
{
	struct watched *w = debounce_note(&c->debounce, it->category, it->path, c->now_ms, c->now_ms, true);
	w->unsure = w->gone = false;
	w->scanned = false;
}

/* The scan that met it. It says nothing to those asked for since: the file may be gone by now. */
static uint32_t round_of(const struct category *category, const struct event *e)
{
	return e->scan < category->scans ? category->rounds[e->scan] : category->round;
}

static void seen_in(struct item *it, uint32_t round)
{
	it->round = it->round > round ? it->round : round;
}

/* Nothing is known of what is in that folder now: so nothing in it is gone. */
static void closed_folder(struct core *c, const struct category *category, const char *folder, uint32_t round)
{
	for (size_t i = 0; i < c->ledger.count; i++)
		if (c->ledger.all[i]->category == category && relpath_below(c->ledger.all[i]->path, folder))
			seen_in(c->ledger.all[i], round);
}

void capture_seen(struct core *c, const struct event *e)
{
	struct category *category = category_of(c, e);
	if (!category || e->look == LOOK_ABSENT || relpath_bad(e->path, strlen(e->path)))
		return;
	if (e->look == LOOK_ERROR && e->folder) {
		closed_folder(c, category, e->path, round_of(category, e));
		return;
	}
	struct item *it = ledger_find_name(&c->ledger, category->name, e->path);
	if (it) {
		seen_in(it, round_of(category, e));
		guard_found(c, it);
		if (e->look == LOOK_FILE)
			leave_out(c, it, false);
	}
	if (e->look == LOOK_OTHER && (!it || id_zero(&it->row.local)))
		return;
	if (it && e->look == LOOK_FILE && surely_unchanged(it, &e->stat) && !is_suspect(NULL, it)) {
		verified(c, it, &it->row.local);
		moves_home(c, it);
		return;
	}
	struct watched *w = debounce_find(&c->debounce, category, e->path);
	if (w) {
		w->suspect = w->suspect || category->suspect;
		return;
	}
	w = debounce_note(&c->debounce, category, e->path, c->now_ms, c->now_ms + LATER_MS, true);
	w->scanned = true;
	w->suspect = category->suspect;
	w->stat = e->stat;
}

/* Both guards at once: that a scan which failed says nothing, and that a name is looked at. */
static bool believes_half_a_scan(void)
{
	return PLANTED("capture.believes_half_a_scan");
}

static void declare_absent(struct core *c, struct item *it);

/* Names that the scan did not see are looked at one by one before anything is concluded. */
static void note_unseen(struct core *c, struct category *category, const char *under, uint32_t round)
{
	guard_cut(c, category, under, round);
	if (!guard_scanned(c, category, under, round))
		return;
	for (size_t i = 0; i < c->ledger.count; i++) {
		struct item *it = c->ledger.all[i];
		if (!guard_unseen(category, it, under, round))
			continue;
		it->told = it->weighed = true;
		if (believes_half_a_scan())
			declare_absent(c, it);
		else
			capture_soon(c, it);
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
	if ((e->complete || believes_half_a_scan()) && category->active) {
		note_unseen(c, category, e->path ? e->path : "", round);
		category->suspect = category->suspect && e->path && *e->path;
	}
	if (category->rescan && category->scans < CATEGORY_SCANS / 2) {
		category->rescan = false;
		capture_scan(c, category, "");
	}
	if (category->scans)
		return;
	category_forget_left(category);
	struct watched **found = NULL;
	size_t count = 0, cap = 0;
	for (size_t i = 0; i < c->debounce.count; i++)
		if (c->debounce.heap[i]->category == category && c->debounce.heap[i]->scanned &&
		    c->debounce.heap[i]->due_ms > c->now_ms) {
			MEM_ROOM(found, count, cap);
			found[count++] = c->debounce.heap[i];
		}
	for (size_t i = 0; i < count; i++)
		/* behind those that are gone, so that renames show */
		debounce_move(&c->debounce, found[i], c->now_ms + 1);
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
	if (category && !PLANTED("capture.ignores_overflow"))
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
	it->placed = false;
	guard_found(c, it);
	it->refused = NULL;
	if (!id_zero(&it->rare->source))
		ledger_rare(it)->source = none;
	ledger_touch(&c->ledger, it);
	core_history(c, it, &none, &c->setup.device, 0, HOW_EDIT, KIND_DELETE, 0, 0, c->wall_ms);
	holding_edit(c, it);
	moves_gone(c, it);
	core_plan(c, it);
}

/* After an unclean stop a file that became empty, or zeros, while its time says that nobody wrote it was not edited:
 * the filesystem lost what we had read. */
static bool is_damaged(const struct watched *w, const struct item *it,
		       const struct taken *t)
{
	struct span content = span_blob(&t->content);
	if (!is_suspect(w, it) || id_zero(&it->row.local) || !it->row.local_stat.size || t->stat.meta & META_LINK ||
	    t->stat.mtime_ns != it->row.local_stat.mtime_ns)
		return false;
	if (content.len && (content.data[0] || memcmp(content.data, content.data + 1, content.len - 1) != 0))
		return false; /* not all zeros */
	return !id_equal(&t->version, &it->row.local);
}

static void look_later(struct core *c, struct watched *w, const char *why);

/* An edit that was not sent yet, and the store lost it too: the head comes back to the file, or, where there is none,
 * what the file holds now is all that anybody has. */
static void take_back(struct core *c, struct item *it, const struct file_stat *stat, const struct id *holds,
		      struct span content)
{
	MARK("capture.damage_has_no_good_copy");
	if (!id_zero(holds) && !c->world.version_put(c->world.ctx, holds, stat->meta, content))
		return;
	verified(c, it, holds);
	core_set_local(c, it, holds, content.len);
	it->row.local_stat = *stat;
	it->row.local_at_ms = it->read_ms = c->wall_ms;
	if (!id_zero(&it->row.head_version))
		it->row.agreed = *holds;
	ledger_touch(&c->ledger, it);
	core_notice(c, NOTICE_ALERT, "change", it,
		    "was %s after the system stopped without warning, and its copy here is lost",
		    id_zero(holds) ? "gone" : "empty or zeros");
	core_plan(c, it);
}

static void mend(struct core *c, struct watched *w, struct item *it, const struct taken *t)
{
	struct blob good = { 0 };
	struct file_stat after = { 0 };
	uint8_t meta;
	reading_drop(c, w);
	MARK("capture.damage_mended");
	if (!c->world.version_get(c->world.ctx, &it->row.local, &good, &meta)) {
		if (id_equal(&it->row.local, &it->row.head_version)) {
			receive_content(c, it); /* another device may have it */
			look_later(c, w, "it was damaged when the system stopped, and what it held cannot be read now");
			return;
		}
		take_back(c, it, &t->stat, &t->version, span_blob(&t->content));
		capture_drop(c, w);
		return;
	}
	const struct place p = {
		.file = { it->row.category, it->path }, .item = it->row.item, .version = it->row.local,
		.expect_stat = t->stat, .expect_version = t->version, .content = span_blob(&good), .meta = meta,
		.mtime_ms = it->row.local_stat.mtime_ns / 1000000,
	};
	enum place_result result = apply_place(c, &p, &after);
	blob_finish(&good);
	if (result != PLACE_DONE) {
		look_later(c, w, "it was damaged when the system stopped, and cannot be put back now");
		return;
	}
	it->row.local_stat = after;
	it->read_ms = c->wall_ms;
	it->placed = true;
	verified(c, it, &it->row.local);
	ledger_touch(&c->ledger, it);
	core_notice(c, NOTICE_ALERT, "change", it,
		    "was empty or zeros after the system stopped without warning: what it held is put back");
	core_plan(c, it);
	capture_drop(c, w);
}

/* Nothing of it is here, and nobody is told: as before it came here for the first time. */
static void forget_local(struct core *c, struct item *it)
{
	static const struct id none;
	static const struct file_stat nothing;
	verified(c, it, &none);
	core_set_local(c, it, &none, 0);
	it->row.local_stat = nothing;
	it->row.agreed = none;
	ledger_touch(&c->ledger, it);
	core_plan(c, it);
}

/* A file is gone that the power took back: an edit that was not sent comes back as it was; else the head does, as it is
 * once the log is read. */
static void bring_back(struct core *c, struct watched *w, struct item *it)
{
	static const struct id none;
	static const struct file_stat nothing;
	bool unsent = !id_equal(&it->row.local, &it->row.agreed);
	struct id version = unsent ? it->row.local : it->row.head_version;
	struct place p = {
		.file = { it->row.category, it->path }, .item = it->row.item, .version = version, .expect_absent = true,
		.mtime_ms = unsent ? it->row.local_stat.mtime_ns / 1000000 : it->row.head_mtime_ms,
	};
	struct blob good = { 0 };
	struct file_stat after = { 0 };
	if (c->up && !c->caught_up && !c->stopped) {
		debounce_move(&c->debounce, w, c->now_ms + CHANGE_GONE_MS);
		return;
	}
	if (id_zero(&version)) { /* and deleted elsewhere since */
		forget_local(c, it);
		capture_drop(c, w);
		return;
	}
	MARK("capture.brought_back_after_a_power_cut");
	if (!c->world.version_get(c->world.ctx, &version, &good, &p.meta)) {
		if (id_equal(&version, &it->row.head_version)) {
			receive_content(c, it);
			look_later(c, w, "it was lost when the system stopped, and what it held cannot be read now");
			return;
		}
		take_back(c, it, &nothing, &none, (struct span){ 0 });
		capture_drop(c, w);
		return;
	}
	p.content = span_blob(&good);
	enum place_result result = apply_place(c, &p, &after);
	uint64_t size = good.len;
	blob_finish(&good);
	if (result == PLACE_BLOCKED || result == PLACE_UNWANTED) { /* somebody put another thing in its place: no power cut did */
		capture_drop(c, w);
		declare_absent(c, it);
		return;
	}
	if (result != PLACE_DONE) {
		look_later(c, w,
			   result == PLACE_BLOCKED
				   ? "it was lost when the system stopped, and something else stands in its place"
				   : "it was lost when the system stopped, and cannot be put back now");
		return;
	}
	verified(c, it, &version);
	core_set_local(c, it, &version, size);
	if (!unsent) {
		it->row.agreed = version;
		it->row.local_edited = it->row.head_edited;
	}
	it->row.local_stat = after;
	it->row.local_at_ms = it->read_ms = c->wall_ms;
	it->placed = true;
	ledger_touch(&c->ledger, it);
	core_notice(c, NOTICE_ALERT, "change", it,
		    "was gone after the system stopped without warning: what it held is put back");
	core_plan(c, it);
	capture_drop(c, w);
}

static void captured(struct core *c, struct watched *w, struct item *it, const struct taken *t)
{
	const struct file_stat *stat = &t->stat;
	struct span content = span_blob(&t->content);
	struct id version = t->version;
	bool fresh = !it || id_zero(&it->row.local);
	if (!it) {
		struct id id = ledger_item_id(&c->ledger, w->category->name, w->path);
		it = ledger_add(&c->ledger, w->category, w->path, &id);
		it->round = w->category->round;
	}
	forget_gone(c, it);
	verified(c, it, &version);
	it->trouble = it->refused = NULL;
	it->placed = false;
	guard_found(c, it);
	it->read_ms = t->read_ms;
	if (!fresh && id_equal(&version, &it->row.local)) {
		if ((w->scanned && !w->suspect) || !file_stat_equal(stat, &it->row.local_stat)) { /* else our own writing, read back: no news for the disk */
			it->row.local_stat = *stat;
			it->row.local_at_ms = t->read_ms;
			ledger_touch(&c->ledger, it);
		}
		if (!c->world.version_has(c->world.ctx, &version)) { /* the store has lost it since */
			c->world.version_put(c->world.ctx, &version, stat->meta, content);
			it->retry_ms = 0;
		}
		moves_home(c, it);
		core_plan(c, it); /* what waited for this look goes on */
		return;
	}
	settle_captured(c, it, &version, stat->meta, content);
	if (!c->world.version_put(c->world.ctx, &version, stat->meta, content))
		return; /* the turn fails as a whole; the file is looked at again at the next start */
	core_set_local(c, it, &version, content.len);
	it->row.local_stat = *stat;
	it->row.local_at_ms = t->read_ms;
	ledger_touch(&c->ledger, it);
	it->row.local_edited = core_tick(c);
	it->captured_ms = w->scanned ? 0 : c->now_ms; /* what a scan finds was quiet before */
	it->how = HOW_EDIT;
	it->queued_ms = c->now_ms;
	it->retry_ms = 0; /* what stood in the way of the version before need not stand in the way of this one */
	bool bulk = w->scanned || c->sends[PRIORITY_HIGH].count + c->plans.count > BULK_ITEMS;
	it->urgency = !bulk ? PRIORITY_HIGH : fresh ? PRIORITY_LOW : PRIORITY_NORMAL;
	holding_edit(c, it);
	moves_captured(c, it, content);
	core_history(c, it, &version, &c->setup.device, 0, HOW_EDIT, fresh ? moves_kind(c, it) : KIND_UPDATE,
		     content.len, stat->meta, c->wall_ms);
	core_plan(c, it);
}

/* It stays on this device, and says so until it is another file. */
static void refuse(struct core *c, struct watched *w, struct item *it, const char *why)
{
	if (!it) {
		struct id id = ledger_item_id(&c->ledger, w->category->name, w->path);
		it = ledger_add(&c->ledger, w->category, w->path, &id);
		it->round = w->category->round;
	}
	if (!it->refused)
		core_notice(c, NOTICE_WARN, "change", it, "%s", why);
	it->refused = why;
	if (w->absent_since_ms) {
		forget_gone(c, it);
		moves_back(c, it);
	}
	capture_drop(c, w);
}

static void look_later(struct core *c, struct watched *w, const char *why)
{
	static const uint32_t step_ms[] = { 5000, 10000, 20000, 40000, 60000 };
	struct item *it = ledger_find_name(&c->ledger, w->category->name, w->path);
	MARK("capture.unreadable_tried_later");
	if (it)
		it->trouble = why;
	if (PLANTED("capture.forgets_what_it_cannot_read")) {
		capture_drop(c, w);
		return;
	}
	uint32_t step = step_ms[w->tries < 4 ? w->tries : 4];
	w->tries++;
	debounce_move(&c->debounce, w, c->now_ms + step);
}

static void begin_absence(struct core *c, struct watched *w, struct item *it)
{
	w->absent_since_ms = c->now_ms ? c->now_ms : 1;
	map_put(&c->ledger.gone, it->row.local.b, ID_LEN, it);
	debounce_move(&c->debounce, w, c->now_ms + CHANGE_GONE_MS);
}

bool capture_absent(struct core *c, struct item *it)
{
	struct watched *w = debounce_find(&c->debounce, it->category, it->path);
	if (w && w->absent_since_ms)
		return true;
	if (!guard_absent(c, it))
		return false;
	capture_soon(c, it);
	begin_absence(c, debounce_find(&c->debounce, it->category, it->path), it);
	return true;
}

static void look_absent(struct core *c, struct watched *w, struct item *it)
{
	static const struct id none;
	if (!it || id_zero(&it->row.local)) {
		if (it) {
			it->refused = NULL;
			verified(c, it, &it->row.local);
			core_plan(c, it); /* a place that met a file which is gone again waits for this look */
		}
		capture_drop(c, w);
	} else if (it->row.left_out && it->row.hold == HOLD_NONE && !it->own_side) {
		it->row.left_out = false;
		forget_local(c, it);
		capture_drop(c, w);
	} else if (!it->verified && ledger_has_passed(it, &none)) {
		MARK("capture.own_delete_recognised_after_crash");
		capture_drop(c, w); /* it was deleted elsewhere, and we before the crash */
		declare_absent(c, it);
	} else if (!w->absent_since_ms) {
		begin_absence(c, w, it);
	} else if (c->now_ms - w->absent_since_ms < CHANGE_GONE_MS) {
		debounce_move(&c->debounce, w, w->absent_since_ms + CHANGE_GONE_MS);
	} else if (w->category->scans && !it->told) {
		debounce_move(&c->debounce, w, c->now_ms + CHANGE_GONE_MS); /* its end says how much else is gone */
	} else if (guard_taken_back(w, it)) {
		MARK("capture.taken_back_by_a_power_cut");
		forget_gone(c, it);
		moves_back(c, it);
		guard_found(c, it);
		bring_back(c, w, it);
	} else if (w->category->held && !it->told) {
		MARK("capture.delete_held_back");
		it->lost = true;
		forget_gone(c, it);
		moves_back(c, it);
		capture_drop(c, w);
	} else if (!it->weighed && guard_emptied(c, w->category)) {
		capture_scan(c, w->category, ""); /* it asks */
		debounce_move(&c->debounce, w, c->now_ms + CHANGE_GONE_MS);
	} else {
		capture_drop(c, w);
		declare_absent(c, it);
	}
}

/* What is no file: whoever looked, by stat or by reading. */
static void look_other(struct core *c, struct watched *w, struct item *it, enum look look)
{
	reading_drop(c, w);
	switch (look) {
	case LOOK_ABSENT:
	case LOOK_OTHER:
		look_absent(c, w, it);
		break;
	case LOOK_BUSY:
		MARK("capture.changed_while_read");
		if (PLANTED("capture.drops_the_hint_while_busy")) {
			capture_drop(c, w);
			break;
		}
		w->looked = false;
		debounce_move(&c->debounce, w, c->now_ms + CHANGE_SETTLE_MS);
		break;
	case LOOK_UNWANTED: /* what it holds is not to be sent; what was sent of it stays as it is */
		if (it)
			it->unwanted = true;
		capture_drop(c, w);
		break;
	case LOOK_ROOT_GONE: /* if it stays gone the watcher says so, and what comes back is scanned; if not, nobody does */
		look_later(c, w, "its category's folder is missing");
		break;
	case LOOK_TOO_LARGE:
		refuse(c, w, it, "it is over the limit of 64 MiB an item and stays on this device only");
		break;
	default:
		look_later(c, w, "it cannot be read now");
		break;
	}
}

/* Two looks must agree where a writer may still be at it. Who emptied the file may be about to fill it: the closing that
 * we heard of can be that of the save before. */
static bool is_settled(const struct core *c, const struct watched *w, const struct item *it,
		       const struct file_stat *seen)
{
	uint64_t waited = c->now_ms - w->first_ms;
	bool emptied = it && seen->size == 0 && it->row.local_stat.size > 0;
	if (w->gone && it && file_stat_equal(seen, &it->row.local_stat))
		return true; /* two files changed their names, as we do to place one */
	if ((!w->unsure && !emptied) || waited >= w->category->max_wait_ms)
		return true;
	return w->looked && file_stat_equal(&w->stat, seen) && (!emptied || !w->unsure || waited >= CHANGE_EMPTY_MS);
}

/* Returns what it read, for the budget. */
static uint64_t read_file(struct core *c, struct watched *w, struct item *it)
{
	struct taken t;
	if (c->reading.of == w && !core_part(c, &c->reading.part_ms)) { /* it had its part of this turn */
		debounce_move(&c->debounce, w, c->now_ms + 1);
		return 0;
	}
	enum look look = reading_take(c, w, &t);
	if (look == LOOK_MORE) {
		debounce_move(&c->debounce, w, c->now_ms + 1);
	} else if (look != LOOK_FILE) {
		look_other(c, w, it, look);
	} else if (is_damaged(w, it, &t)) {
		mend(c, w, it, &t);
	} else {
		captured(c, w, it, &t);
		reading_drop(c, w);
		if (t.again)
			debounce_move(&c->debounce, w, c->now_ms);
		else
			capture_drop(c, w);
	}
	blob_finish(&t.content);
	return t.bytes;
}

/* Returns what it read, for the budget. */
static uint64_t look_file(struct core *c, struct watched *w, struct item *it, const struct file_stat *seen)
{
	if (w->absent_since_ms && it) {
		MARK("capture.gone_file_came_back");
		forget_gone(c, it);
		moves_back(c, it);
	}
	w->absent_since_ms = 0;
	if (it)
		leave_out(c, it, false);
	if (it && surely_unchanged(it, seen) && !is_suspect(w, it)) {
		guard_found(c, it);
		verified(c, it, &it->row.local);
		moves_home(c, it);
		core_plan(c, it); /* a place may wait for this look */
		capture_drop(c, w);
		return 0;
	}
	if (c->reading.of != w && !is_settled(c, w, it, seen)) {
		MARK("capture.somebody_is_writing");
		w->looked = true;
		w->stat = *seen;
		debounce_move(&c->debounce, w, c->now_ms + CHANGE_SETTLE_MS);
		return 0;
	}
	return reading_waits(c, w, seen->size) ? 0 : read_file(c, w, it);
}

/* What reading a file of this size adds to a turn. */
static uint64_t next_bytes(const struct core *c, uint64_t size)
{
	return size < c->setup.part_bytes ? size : c->setup.part_bytes;
}

bool capture_run(struct core *c)
{
	uint64_t bytes = 0;
	struct watched *w;
	if (c->looked_ms != c->now_ms)
		c->looks = 0;
	c->looked_ms = c->now_ms;
	for (; (w = debounce_first(&c->debounce)) && w->due_ms <= c->now_ms; c->looks++) {
		if (c->looks >= LIMIT_TURN_LOOKS)
			return false;
		const struct file_ref file = { w->category->name, w->path };
		struct file_stat stat = { 0 };
		struct item *it = ledger_find_name(&c->ledger, w->category->name, w->path);
		if (!w->category->active || !w->category->root_ok) {
			capture_drop(c, w);
			continue;
		}
		enum look look = c->world.look(c->world.ctx, &file, &stat);
		if (look == LOOK_FILE && bytes && bytes + next_bytes(c, stat.size) > LIMIT_TURN_BYTES)
			return false;
		if (it && look != LOOK_UNWANTED)
			it->unwanted = false; /* a content that was not allowed is gone, or looked at again */
		else if (it && !stat.ctime_ns && !id_zero(&it->row.local))
			leave_out(c, it, true);
		if (look == LOOK_FILE)
			bytes += look_file(c, w, it, &stat);
		else if (look == LOOK_ERROR && PLANTED("capture.takes_an_error_for_absence"))
			look_other(c, w, it, LOOK_ABSENT);
		else
			look_other(c, w, it, look);
	}
	reading_next(c);
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

#include "sim/simio.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mark.h"
#include "base/mem.h"
#include "base/relpath.h"
#include "sim/judge.h"
#include "sim/knowledge.h"
#include "sim/person.h"
#include "sim/real/names.h"
#include "sim/simnode.h"

#define ROOTS_US     2000000
#define AGAIN_US     5000000
#define POLL_US      30000000
#define TEMP_US      62000000 /* one that was staged in vain may be here so long */
#define TIDY_US      500000
#define FULL_SCAN_US 3600000000u
#define INBOX_MOST   256 /* more than this and scans wait until the core has caught up */

/* ---- scans: as areas.c has them ---- */

static struct simarea *area(struct simnode *n, const char *category)
{
	for (size_t i = 0; i < n->io.area_count; i++)
		if (strcmp(n->io.areas[i].name, category) == 0)
			return &n->io.areas[i];
	return NULL;
}

static bool covers(const char *outer, const char *inner)
{
	size_t len = strlen(outer);
	return !len || (strncmp(outer, inner, len) == 0 && (!inner[len] || inner[len] == '/'));
}

static void owe(struct simarea *a, const char *under)
{
	if (a->owed && covers(a->owed, under))
		return;
	const char *whole = a->owed && !covers(under, a->owed) ? "" : under; /* the real one keeps several parts */
	char *wider = mem_text(whole);
	free(a->owed);
	a->owed = wider;
}

static void owe_nothing(struct simarea *a)
{
	free(a->owed);
	a->owed = NULL;
}

void simio_scan(void *ctx, const char *category, const char *under)
{
	struct simnode *n = ctx;
	struct simarea *a = area(n, category);
	if (!kernel_enter(n) || !a)
		return;
	MEM_ROOM(a->asked, a->asked_count, a->asked_cap);
	a->asked[a->asked_count++] = (struct simasking){ .under = mem_text(under) };
	kernel_use(n);
	scan_add(n->io.scan, category, under);
	if (!*under) {
		owe_nothing(a);
		free(a->again);
		a->again = NULL;
	}
}

static void look_again_later(struct simnode *n, struct simarea *a, const char *under)
{
	if (a->again && covers(a->again, under))
		return;
	char *part = mem_text(a->again && !covers(under, a->again) ? "" : under);
	free(a->again);
	a->again = part;
	a->again_us = n->cl->now_us + ((uint64_t)AGAIN_US << (a->agains < 4 ? a->agains : 4));
	a->agains++;
}

static void forget_asked(struct simarea *a)
{
	for (size_t i = 0; i < a->asked_count; i++)
		free(a->asked[i].under);
	a->asked_count = 0;
}

static void start_rescans(struct simnode *n)
{
	for (size_t i = 0; i < n->io.area_count; i++) {
		struct simarea *a = &n->io.areas[i];
		if (a->again && a->again_us <= n->cl->now_us) {
			owe(a, a->again);
			free(a->again);
			a->again = NULL;
		}
		if (!a->owed || a->asked_count)
			continue;
		simnode_push(n, &(struct event){ .type = EVENT_RESCAN, .category = a->name, .path = a->owed }, 0);
		a->unseen = a->polling || (a->unseen && *a->owed);
		owe_nothing(a);
	}
}

void simio_look_at_all(struct simnode *n)
{
	for (size_t i = 0; i < n->io.area_count; i++)
		owe(&n->io.areas[i], "");
	simnode_wake(n, n->cl->now_us);
}

void simio_unseen(struct simnode *n, const char *category)
{
	struct simarea *a = area(n, category);
	if (a)
		a->unseen = true;
}

bool simio_sees(const struct simnode *n)
{
	for (size_t i = 0; i < n->io.area_count; i++)
		if (n->io.areas[i].unseen)
			return false;
	return true;
}

/* ---- hooks ---- */

static void hook_hint(void *ctx, const char *category, const char *path, enum hint hint)
{
	simnode_push(ctx, &(struct event){ .type = EVENT_HINT, .category = category, .path = path, .hint = hint }, 0);
}

static void hook_moved(void *ctx, const struct file_ref *from, const struct file_ref *to, bool folder)
{
	simnode_push(ctx,
	             &(struct event){ .type = EVENT_HINT,
	                              .hint = HINT_MOVED,
	                              .category = from->category,
	                              .path = from->path,
	                              .to_category = to->category,
	                              .to_path = to->path,
	                              .folder = folder },
	             0);
}

static void hook_rescan(void *ctx, const char *category, const char *under)
{
	struct simarea *a = area(ctx, category);
	if (a)
		owe(a, under);
}

static void hook_root(void *ctx, const char *category, bool there, const char *why)
{
	struct simnode *n = ctx;
	struct simarea *a = area(n, category);
	if (a && there)
		files_root_pin(n->io.files, category, a->pin);
	cluster_note(n->cl, "%s: the folder of %s is %s", n->name, category, there ? "there" : why);
	simnode_push(n, &(struct event){ .type = EVENT_ROOT, .category = category, .ok = there, .text = "gone" }, 0);
}

static void hook_polling(void *ctx, const char *category, const char *why)
{
	struct simnode *n = ctx;
	struct simarea *a = area(n, category);
	a->polling = why != NULL;
	a->poll_us = n->cl->now_us + POLL_US;
	a->unseen |= a->polling;
}

/* The newest question that the walk under way answers, by its place among those that wait. */
static size_t answers(const struct simarea *a)
{
	size_t last = 0;
	for (size_t i = 0; a && i < a->asked_count; i++)
		if (a->asked[i].walked)
			last = i;
	return last;
}

static void hook_seen(void *ctx, const char *category, const char *path, enum look look, const struct file_stat *stat)
{
	struct event e = { .type = EVENT_SEEN,
			   .category = category,
			   .path = path,
			   .look = look,
			   .scan = answers(area(ctx, category)) };
	if (stat)
		e.stat = *stat;
	simnode_push(ctx, &e, 0);
}

static void hook_started(void *ctx, const char *category, const char *under)
{
	struct simarea *a = area(ctx, category);
	for (size_t i = 0; a && i < a->asked_count; i++)
		a->asked[i].walked = !a->asked[i].done && covers(under, a->asked[i].under);
}

static void hook_scanned(void *ctx, const char *category, const char *under, bool complete)
{
	struct simnode *n = ctx;
	struct simarea *a = area(n, category);
	size_t told = 0;
	watcher_scanned(n->io.watcher, category, under, complete);
	if (!complete && files_root_there(n->io.files, category, NULL))
		look_again_later(n, a, under);
	else if (!complete)
		watcher_check_roots(n->io.watcher);
	else if (complete && !a->again)
		a->agains = 0;
	for (size_t i = 0; i < a->asked_count; i++)
		if (a->asked[i].walked)
			a->asked[i] = (struct simasking){ a->asked[i].under, false, true, complete };
	for (; told < a->asked_count && a->asked[told].done; told++) {
		simnode_push(n,
		             &(struct event){ .type = EVENT_SCANNED,
		                              .category = category,
		                              .path = a->asked[told].under,
		                              .complete = a->asked[told].complete },
		             0);
		free(a->asked[told].under);
	}
	if (told) {
		a->asked_count -= told;
		memmove(a->asked, a->asked + told, a->asked_count * sizeof *a->asked);
	}
}

static void hook_closed(void *ctx, const char *category, const char *folder, int error)
{
	struct simarea *a = area(ctx, category);
	if (error != EACCES && error != EXDEV && error != EPERM)
		look_again_later(ctx, a, folder);
	simnode_push(ctx,
	             &(struct event){ .type = EVENT_SEEN,
	                              .category = category,
	                              .path = folder,
	                              .look = LOOK_ERROR,
	                              .folder = true,
	                              .scan = answers(a) },
	             0);
}

static void hook_enter(void *ctx, const char *category, const char *folder, int folder_fd)
{
	struct simnode *n = ctx;
	watcher_enter(n->io.watcher, category, folder, folder_fd);
}

static struct id hook_version_of(void *ctx, uint8_t meta, struct span content)
{
	struct simnode *n = ctx;
	return core_version_of(n->core, meta, content);
}

static struct hash_run *hook_version_start(void *ctx, uint8_t meta, uint64_t len)
{
	struct simnode *n = ctx;
	return core_version_start(n->core, meta, len);
}

static bool hook_known(void *ctx, const struct id *version)
{
	struct simnode *n = ctx;
	const struct simversion *v = simledger_version(&n->ledger, version);
	return v && v->durable && !v->gone;
}

static void hook_found(void *ctx, const struct files_found *f)
{
	struct simnode *n = ctx;
	cluster_note(n->cl, "%s keeps bytes that came out of %s/%s", n->name, f->category,
		     f->path ? f->path : f->folder);
	if (!f->path)
		MARK("leftover.of_an_earlier_life_captured");
	if (!simnode_keep(n, &f->item, &f->version, f->meta, f->content) || !f->path)
		return;
	hook_hint(n, f->category, f->path, HINT_WRITTEN);
}

/* ---- life ---- */

void simio_start(struct simnode *n)
{
	struct simio *io = &n->io;
	const struct files_hooks files = { n, hook_version_of, hook_known, hook_found, hook_version_start };
	const struct watcher_hooks watcher = {
		.ctx = n,
		.hint = hook_hint,
		.moved = hook_moved,
		.rescan = hook_rescan,
		.root = hook_root,
		.polling = hook_polling,
	};
	const struct scan_hooks scan = { .ctx = n, .seen = hook_seen, .closed = hook_closed,
		                        .started = hook_started, .done = hook_scanned, .enter = hook_enter };
	struct err e;
	kernel_use(n);
	io->files = files_create(&files);
	files_part_bytes(io->files, cluster_part_bytes(n->cl));
	io->watcher = watcher_create(io->files, &watcher);
	io->scan = scan_create(io->files, &scan);
	io->tidy_us = n->cl->now_us;
	io->full_scan_us = n->cl->now_us + FULL_SCAN_US;
	io->area_count = n->cl->category_count < SIMIO_AREAS ? n->cl->category_count : SIMIO_AREAS;
	for (size_t i = 0; i < io->area_count; i++) {
		struct simarea *a = &io->areas[i];
		char path[CATEGORY_MAX + 2];
		a->name = n->cl->categories[i].name;
		a->polling = a->unseen = false;
		path[0] = '/';
		strcpy(path + 1, a->name);
		files_add_root(io->files, a->name, path, a->pin[0] ? a->pin : NULL, &e);
		files_root_pin(io->files, a->name, a->pin);
		watcher_add(io->watcher, a->name);
	}
}

void simio_stop(struct simnode *n)
{
	struct simio *io = &n->io;
	if (!io->files)
		return;
	kernel_use(n);
	scan_destroy(io->scan);
	watcher_destroy(io->watcher);
	files_destroy(io->files);
	io->scan = NULL;
	io->watcher = NULL;
	io->files = NULL;
	io->more = false;
	for (size_t i = 0; i < io->area_count; i++) {
		forget_asked(&io->areas[i]);
		owe_nothing(&io->areas[i]);
		free(io->areas[i].again);
		io->areas[i].again = NULL;
	}
	kernel_reset(n);
}

void simio_finish(struct simnode *n)
{
	for (size_t i = 0; i < n->io.area_count; i++)
		free(n->io.areas[i].asked);
}

/* ---- turns ---- */

static bool waiting(const struct simnode *n)
{
	return n->kernel.queue_count && n->kernel.ready_us <= n->cl->now_us;
}

static void poll(struct simnode *n)
{
	for (size_t i = 0; i < n->io.area_count; i++) {
		struct simarea *a = &n->io.areas[i];
		if (!a->polling || a->poll_us > n->cl->now_us)
			continue;
		a->poll_us = n->cl->now_us + POLL_US;
		owe(a, "");
	}
}

void simio_jobs(struct simnode *n)
{
	struct simio *io = &n->io;
	uint64_t now = n->cl->now_us;
	kernel_use(n);
	if (waiting(n) || io->more)
		io->more = watcher_read(io->watcher);
	if (watcher_waiting(io->watcher) && io->roots_us <= now) {
		watcher_check_roots(io->watcher);
		io->roots_us = now + ROOTS_US;
	}
	if (io->full_scan_us <= now) {
		io->full_scan_us = now + FULL_SCAN_US;
		simio_look_at_all(n);
	}
	poll(n);
	start_rescans(n);
	if (n->inbox_count < INBOX_MOST && scan_active(io->scan, NULL))
		scan_step(io->scan,
			  50 + (unsigned)chance_below(&n->cl->chance, chance_of(CHANCE_PROCESS, n->index), 800));
}

void simio_tidy(struct simnode *n)
{
	struct simio *io = &n->io;
	if (n->dying || (io->tidy_us > n->cl->now_us && (io->tidy_us != UINT64_MAX || !files_waiting(io->files))))
		return; /* a scan may have met leftovers */
	kernel_use(n);
	n->kernel.placing = true;
	io->tidy_us = files_tidy(io->files) ? n->cl->now_us + TIDY_US : UINT64_MAX;
	if (!files_tidy_in_ms(io->files))
		io->tidy_us = n->cl->now_us;
	n->kernel.placing = false;
}

void simio_rest(struct simnode *n)
{
	kernel_use(n);
	files_rest(n->io.files);
}

bool simio_sync_names(struct simnode *n)
{
	kernel_use(n);
	return files_sync_names(n->io.files);
}

static void earlier(uint64_t *due, uint64_t other)
{
	if (other < *due)
		*due = other;
}

bool simio_busy(const struct simnode *n)
{
	if (!n->io.files)
		return false;
	for (size_t i = 0; i < n->io.area_count; i++)
		if (n->io.areas[i].owed || n->io.areas[i].asked_count || n->io.areas[i].again)
			return true;
	return n->io.more || n->kernel.queue_count || scan_active(n->io.scan, NULL);
}

uint64_t simio_due_us(const struct simnode *n)
{
	const struct simio *io = &n->io;
	uint64_t due = io->full_scan_us;
	if (io->more || waiting(n) || scan_active(io->scan, NULL))
		return 0;
	if (n->kernel.queue_count)
		earlier(&due, n->kernel.ready_us);
	earlier(&due, io->tidy_us);
	if (watcher_waiting(io->watcher))
		earlier(&due, io->roots_us);
	for (size_t i = 0; i < io->area_count; i++) {
		const struct simarea *a = &io->areas[i];
		if (a->owed && !a->asked_count)
			return 0;
		if (a->again)
			earlier(&due, a->again_us);
		if (a->polling)
			earlier(&due, a->poll_us);
	}
	return due;
}

const char *simio_temp(const struct simnode *n)
{
	for (size_t i = 0; i < n->disk.inode_count; i++)
		for (size_t k = 0; k < n->disk.inodes[i]->count; k++) {
			const struct simname *s = n->disk.inodes[i]->names[k];
			if (s->now && strncmp(s->name, RELPATH_TEMP, sizeof RELPATH_TEMP - 1) == 0 &&
			    s->now->dirty_at_us + TEMP_US < n->cl->now_us)
				return s->name;
		}
	return NULL;
}

/* ---- the world's calls ---- */

static struct simfile *begin(struct simnode *n, const struct file_ref *f, bool placing)
{
	kernel_use(n);
	n->near = simdisk_entry(&n->disk, f->category, f->path, witness_path(&n->cl->witness, f->category, f->path));
	n->kernel.placing = placing;
	return n->near;
}

static void end(struct simnode *n)
{
	n->kernel.placing = false;
	n->near = NULL;
}

enum look simio_look(void *ctx, const struct file_ref *f, struct file_stat *stat)
{
	struct simnode *n = ctx;
	if (!kernel_enter(n))
		return LOOK_ERROR;
	begin(n, f, false);
	enum look look = files_look(n->io.files, f, stat);
	end(n);
	return n->dying ? LOOK_ERROR : look;
}

enum look simio_take(void *ctx, const struct file_ref *f, struct file_stat *stat, struct blob *content)
{
	struct simnode *n = ctx;
	if (!kernel_enter(n))
		return LOOK_ERROR;
	begin(n, f, false);
	enum look look = files_take(n->io.files, f, stat, content);
	if ((look == LOOK_FILE || look == LOOK_MORE) && (n->dying || cluster_strikes(n->cl, FAULT_look_busy, n))) {
		files_take_drop(n->io.files);
		blob_finish(content);
		look = LOOK_BUSY;
	}
	end(n);
	return n->dying ? LOOK_ERROR : look;
}

void simio_take_drop(void *ctx)
{
	struct simnode *n = ctx;
	if (kernel_enter(n))
		files_take_drop(n->io.files);
}

/* What is not the item's head is of the core's own making: a merge, a settlement. When it is killed before it can say
 * so, the next life finds the file and sends it as what it is here: an edit. */
static void made_by_core(struct simnode *n, unsigned number, const struct place *p)
{
	const struct item_row *row = core_find_item(n->core, p->file.category, p->file.path);
	if (!id_zero(&p->version) && row && !id_equal(&row->head_version, &p->version))
		witness_chose(&n->cl->witness, n->index, number, &p->version);
}

enum place_result simio_place(void *ctx, const struct place *p, struct file_stat *after)
{
	struct simnode *n = ctx;
	struct cluster *cl = n->cl;
	if (!kernel_enter(n))
		return PLACE_ERROR;
	if (!id_zero(&p->version)) {
		cluster_checked(cl, INVARIANT_I6);
		struct id placed = core_version_of(n->core, p->meta, p->content);
		if (!id_equal(&placed, &p->version))
			cluster_break(cl, "I6", "%s writes %s/%s with bytes that are not the version it names", n->name,
			              p->file.category, p->file.path);
	}
	struct simfile *f = begin(n, &p->file, true);
	n->io.tidy_us = cl->now_us;
	enum place_result result = files_place(n->io.files, p, after);
	end(n);
	if (result == PLACE_CHANGED && f->fresh)
		MARK("swap.foreign_bytes_found");
	n->parts += result == PLACE_MORE;
	if (result == PLACE_MORE && n->die_parts && !--n->die_parts)
		n->dying = DEATH_KILL;
	if (n->dying && (result == PLACE_MORE || f->parts))
		MARK("place.killed_between_parts");
	if (result == PLACE_MORE && !n->dying) {
		MARK("place.part_of_a_large_one");
		f->parts = true;
		return result;
	}
	if (result == PLACE_CHANGED && f->parts)
		MARK("place.changed_between_parts");
	f->parts = false;
	if (n->dying && f->fresh)
		MARK("swap.killed_before_it_was_put_back");
	if (n->die_placing && result == PLACE_DONE) {
		n->die_placing = false;
		n->dying = DEATH_KILL;
	}
	if (n->dying)
		result = PLACE_ERROR;
	if (result == PLACE_DONE || result == PLACE_ERROR) /* then it may stand there all the same */
		made_by_core(n, f->number, p);
	if (result == PLACE_DONE || result == PLACE_ERROR)
		knowledge_placed(n, f, &p->version);
	if (result != PLACE_DONE)
		f->placed_seq = 0;
	judge_reader(n, f);
	if (result == PLACE_DONE) {
		/* Where a person removed it again meanwhile, nobody waited for that to be on the disk. */
		f->placed = f->node || id_zero(&p->version);
		n->placed = f;
		judge_replaces(n, f, p);
		cl->tally.places++;
		cluster_note(cl, "%s places %s/%s (%zu bytes)", n->name, p->file.category, p->file.path,
			     p->content.len);
	}
	return result;
}

void simio_place_drop(void *ctx)
{
	struct simnode *n = ctx;
	if (!kernel_enter(n))
		return;
	kernel_use(n);
	files_large_drop(n->io.files);
}

void simio_stage(void *ctx, const struct place *p)
{
	struct simnode *n = ctx;
	if (!kernel_enter(n))
		return;
	begin(n, &p->file, true);
	files_stage(n->io.files, p);
	end(n);
}

void simio_stage_sync(void *ctx)
{
	struct simnode *n = ctx;
	if (!kernel_enter(n))
		return;
	kernel_use(n);
	files_stage_sync(n->io.files);
}

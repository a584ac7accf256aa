/* What is a change and what is none: a core over a folder of many files that a test changes behind its back. */
#include <criterion/criterion.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/core/core.h"
#include "engine/core/limits.h"

#define WALL_MS 1767225600000LL
#define MS 1000000LL
#define FILES 10000

static struct file {
	char path[24], text[8];
	bool present;
	struct file_stat stat;
} files[FILES + 1];
static size_t count, scans, captures, placed, asked;
static int64_t elsewhere_ms; /* wall: when something was recorded in another category; 0: never */
static struct core *core;
static uint64_t now_ms;
static char notice_text[400];
static bool root_gone;
static bool blocked;     /* a folder stands where a file is to be placed */
static bool cut;         /* the power went before the boot */
static struct item_row *instead; /* what the ledger says of one item, if not the usual */
static size_t recent;    /* so many files were saved just before, if not all; 0: all */
static struct category_row doubts; /* as last saved, and loaded at the boot */

static struct file *file_at(const char *path)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(files[i].path, path) == 0)
			return &files[i];
	return NULL;
}

static enum look look(void *ctx, const struct file_ref *f, struct file_stat *stat)
{
	(void)ctx;
	struct file *file = files[atoi(f->path + 1)].path[0] && strcmp(files[atoi(f->path + 1)].path, f->path) == 0 ?
		&files[atoi(f->path + 1)] : file_at(f->path);
	if (root_gone)
		return LOOK_ROOT_GONE;
	if (!file || !file->present)
		return LOOK_ABSENT;
	*stat = file->stat;
	return LOOK_FILE;
}

static enum look take(void *ctx, const struct file_ref *f, struct file_stat *stat, struct blob *content)
{
	if (look(ctx, f, stat) != LOOK_FILE)
		return LOOK_ABSENT;
	struct file *file = &files[atoi(f->path + 1)];
	if (strcmp(file->path, f->path) != 0)
		file = file_at(f->path);
	*content = blob_copy(file->text, stat->size);
	return LOOK_FILE;
}

static struct { struct id version; char text[8]; } store[64];
static size_t stored;

static bool version_put(void *ctx, const struct id *v, uint8_t meta, struct span content)
{
	(void)ctx, (void)meta;
	captures++;
	if (stored < 64) {
		store[stored].version = *v;
		snprintf(store[stored++].text, 8, "%.*s", (int)content.len, (const char *)content.data);
	}
	return true;
}

static bool version_get(void *ctx, const struct id *v, struct blob *content, uint8_t *meta)
{
	(void)ctx;
	for (size_t i = 0; i < stored; i++)
		if (id_equal(v, &store[i].version)) {
			*content = blob_copy(store[i].text, strlen(store[i].text));
			*meta = 0;
			return true;
		}
	return false;
}

static bool version_has(void *ctx, const struct id *v)
{
	struct blob content = { 0 };
	uint8_t meta;
	bool here = version_get(ctx, v, &content, &meta);
	blob_finish(&content);
	return here;
}

static enum place_result place(void *ctx, const struct place *p, struct file_stat *after)
{
	(void)ctx;
	struct file *f = file_at(p->file.path);
	if (blocked)
		return PLACE_BLOCKED;
	snprintf(f->text, sizeof f->text, "%.*s", (int)p->content.len, (const char *)p->content.data);
	f->present = true;
	f->stat.size = p->content.len;
	f->stat.ctime_ns = (WALL_MS + (int64_t)now_ms) * MS;
	*after = f->stat;
	placed++;
	return PLACE_DONE;
}

static void scan(void *ctx, const char *category, const char *under)
{
	(void)ctx, (void)category, (void)under;
	scans++;
}
static bool save_item(void *ctx, const struct item_row *row) { (void)ctx, (void)row; return true; }
static bool save_state(void *ctx, const struct state_row *row) { (void)ctx, (void)row; return true; }
static bool save_peer(void *ctx, const struct peer_row *row) { (void)ctx, (void)row; return true; }
static bool save_category(void *ctx, const struct category_row *row)
{
	(void)ctx;
	doubts = *row;
	doubts.category = "notes";
	return true;
}
static bool add_history(void *ctx, const struct history_row *row) { (void)ctx, (void)row; return true; }
static bool came_back(void *ctx, const struct id *item, const struct id *version, const struct id *agreed)
{
	(void)ctx, (void)item, (void)version, (void)agreed;
	return false;
}
static void entropy(void *ctx, void *out, size_t len) { (void)ctx; memset(out, 7, len); }
static void notice(void *ctx, enum notice_level l, const char *from, const char *item, const char *text)
{
	(void)ctx, (void)from, (void)item;
	asked += l == NOTICE_ALERT;
	snprintf(notice_text, sizeof notice_text, "%s", text);
}

static void happen(struct event e)
{
	e.now_ms = now_ms;
	e.wall_ms = WALL_MS + (int64_t)now_ms;
	e.category = "notes";
	core_step(core, &e);
}

static void wait(uint64_t ms)
{
	for (uint64_t until = now_ms + ms; now_ms < until; now_ms++)
		if (core_deadline(core) <= now_ms)
			happen((struct event){ .type = EVENT_TICK });
}

static void scanned(void)
{
	for (; scans; scans--) {
		for (size_t i = 0; i < count; i++)
			if (files[i].present)
				happen((struct event){ .type = EVENT_SEEN,
						       .path = files[i].path,
						       .look = LOOK_FILE,
						       .stat = files[i].stat });
		happen((struct event){ .type = EVENT_SCANNED, .path = "", .complete = true });
	}
	wait(1000);
}

static void hint(const char *path, enum hint hint)
{
	happen((struct event){ .type = EVENT_HINT, .path = path, .hint = hint });
}

/* What the file system does when somebody writes, or only touches. */
static void written(struct file *f, const char *text)
{
	snprintf(f->text, sizeof f->text, "%s", text);
	f->stat.size = strlen(text);
	f->stat.mtime_ns = f->stat.ctime_ns = (WALL_MS + (int64_t)now_ms) * MS;
}

static void begin(size_t files_there, bool unclean)
{
	static const struct category_setup notes[] = {
		{ .name = "notes", .debounce_ms = 2000, .max_wait_ms = 10000, .strategy = STRATEGY_ASK },
		{ .name = "other", .debounce_ms = 2000, .max_wait_ms = 10000, .strategy = STRATEGY_ASK },
	};
	static const struct world world = {
		.look = look,
		.take = take,
		.place = place,
		.scan = scan,
		.version_put = version_put,
		.version_get = version_get,
		.version_has = version_has,
		.save_item = save_item,
		.save_state = save_state,
		.save_peer = save_peer,
		.save_category = save_category,
		.add_history = add_history,
		.came_back = came_back,
		.entropy = entropy,
		.notice = notice,
	};
	struct core_setup setup = { .categories = notes,
				    .category_count = elsewhere_ms ? 2 : 1,
				    .device_name = "desk" };
	cr_assert(sodium_init() >= 0);
	core = core_create(&world, &setup);
	count = files_there;
	now_ms = 100000;
	uint8_t key[KEY_LEN], zeros[KEY_LEN] = { 0 };
	hash_key(key, zeros, "syncline item", NULL, 0);
	for (size_t i = 0; i < count; i++) {
		struct file *f = &files[i];
		snprintf(f->path, sizeof f->path, "f%zu", i);
		f->present = true;
		now_ms = 1000;
		written(f, "text");
		now_ms = 100000;
		f->stat.inode = 100 + i;
		struct item_row row = { .category = "notes",
					.path = f->path,
					.head_seq = 1 + i,
					.local_at_ms = WALL_MS + 50000,
					.local_stat = f->stat };
		struct span parts[] = { span_text("notes"), span_text(f->path) };
		row.item = hash_id(key, "main", parts, 2);
		row.head_version = row.agreed = row.local = core_version_of(core, 0, span_text("text"));
		if (recent && i >= recent)
			row.local_at_ms -= 200000;
		core_load_item(core, instead && id_equal(&row.item, &instead->item) ? instead : &row);
	}
	if (doubts.category)
		core_load_category(core, &doubts);
	struct id text = core_version_of(core, 0, span_text("text"));
	struct item_row other = { .item = text, .category = "other", .path = "f", .local_at_ms = elsewhere_ms };
	other.head_version = other.agreed = other.local = text;
	if (elsewhere_ms)
		core_load_item(core, &other);
	version_put(NULL, &text, 0, span_text("text"));
	happen((struct event){ .type = EVENT_BOOT, .unclean = unclean, .cut = cut });
	if (!unclean)
		scanned();
	captures = 0;
}

/* As begin, after a power cut, but that the ledger says this of one item. */
static void begin_with(struct item_row *row)
{
	row->category = "notes";
	row->path = files[3].path;
	instead = row;
	cut = true;
	begin(20, true);
}

static bool holds(const char *path)
{
	const struct item_row *row = core_find_item(core, "notes", path);
	return row && !id_zero(&row->local);
}

static size_t outgoing(void)
{
	struct counts_view v;
	core_view_counts(core, &v);
	cr_assert_eq(v.debouncing, 0);
	return v.outgoing;
}

Test(change, touching_chmod_and_rewriting_of_10_000_files_is_none)
{
	begin(FILES, false);
	for (size_t i = 0; i < count; i++) {
		struct file *f = &files[i];
		if (i % 3 == 0) {
			f->stat.mtime_ns = f->stat.ctime_ns = (WALL_MS + (int64_t)now_ms) * MS; /* touch */
			hint(f->path, HINT_TOUCHED);
		} else if (i % 3 == 1) {
			f->stat.ctime_ns = (WALL_MS + (int64_t)now_ms) * MS; /* chmod, and back */
			hint(f->path, HINT_TOUCHED);
			hint(f->path, HINT_TOUCHED);
		} else {
			written(f, "text"); /* the same bytes */
			hint(f->path, HINT_TOUCHED);
			hint(f->path, HINT_WRITTEN);
		}
	}
	wait(3000);
	cr_expect_eq(captures, 0);
	cr_expect_eq(outgoing(), 0);
	core_sync(core);
	scanned();
	cr_expect_eq(captures, 0);
	cr_expect_eq(outgoing(), 0);
	core_destroy(core);
}

/* What was sent, is edited on, and changes once more meanwhile, is one thing to people. */
Test(change, an_item_is_pending_once)
{
	struct category_view v;
	begin(3, false);
	written(&files[1], "new");
	hint("f1", HINT_WRITTEN);
	cr_assert_eq(outgoing(), 1);
	written(&files[1], "newer");
	hint("f1", HINT_WRITTEN);
	cr_assert(core_view_category(core, 0, &v));
	cr_assert_eq(v.pending, 1);
	cr_assert_str_eq(v.state, "syncing");
}

/* As git does: unlink, create, write, close. The kernel tells of the first alone, and what is there by then is empty. */
Test(change, a_file_made_anew_is_not_read_before_its_writer_is_done)
{
	struct file *f = &files[1];
	begin(3, false);
	f->stat.inode = 200;
	written(f, "");
	hint("f1", HINT_GONE);
	wait(20);
	cr_assert_eq(captures, 0);
	hint("f1", HINT_TOUCHED);
	wait(20);
	written(f, "new");
	hint("f1", HINT_WRITTEN);
	wait(3000);
	cr_assert_eq(captures, 1);
	cr_assert_eq(outgoing(), 1);
}

/* As when two files change their names: we place files so. */
Test(change, a_known_file_that_is_told_to_be_gone_is_looked_at_at_once)
{
	struct counts_view v;
	begin(3, false);
	written(&files[1], "new");
	hint("f1", HINT_WRITTEN);
	cr_assert_eq(captures, 1);
	hint("f1", HINT_GONE);
	core_view_counts(core, &v);
	cr_assert_eq(v.debouncing, 0);
}

/* The news that a save is done are read when the next one has emptied the file. */
Test(change, a_file_that_the_next_save_has_emptied_is_not_read)
{
	struct file *f = &files[1];
	begin(3, false);
	written(f, "");
	hint("f1", HINT_WRITTEN);
	wait(20);
	cr_assert_eq(captures, 0);
	written(f, "new");
	hint("f1", HINT_WRITTEN);
	wait(3000);
	cr_assert_eq(captures, 1);
	written(f, "");
	hint("f1", HINT_WRITTEN);
	wait(CHANGE_SETTLE_MS + 5);
	cr_assert_eq(captures, 2, "it was meant");
}

Test(change, a_turn_looks_at_so_many_files_and_no_more)
{
	begin(1000, false);
	cr_assert(core_pause(core, NULL, true, NULL), "nothing is sent: this world has no outbox");
	for (size_t i = 0; i < count; i++) {
		written(&files[i], "new");
		hint(files[i].path, HINT_WRITTEN);
	}
	cr_assert_leq(captures, LIMIT_TURN_LOOKS, "a thousand steps of one turn");
	while (captures < count) {
		size_t was = captures;
		now_ms++;
		for (int steps = 0; steps < 5; steps++)
			happen((struct event){ .type = EVENT_TICK });
		core_look(core); /* somebody waits */
		cr_assert_gt(captures, was, "it goes on");
		cr_assert_leq(captures - was, LIMIT_TURN_LOOKS);
		cr_assert_eq(core_looking(core), captures < count);
		cr_assert(captures == count || core_deadline(core) == now_ms + 1, "in the next turn, not in this one");
	}
	core_destroy(core);
}

Test(change, many_files_missing_in_a_scan_are_asked_about)
{
	begin(100, false);
	for (size_t i = 0; i < 30; i++)
		files[i].present = false;
	core_sync(core);
	scanned();
	cr_expect_eq(asked, 1, "%s", notice_text);
	cr_expect(holds("f0"));
	struct category_view v;
	core_view_category(core, 0, &v);
	cr_expect_str_eq(v.state, "error");
	struct why_view why;
	core_view_why(core, "notes", "f0", &why);
	cr_expect_str_eq(why.state, "held");
	core_destroy(core);
}

Test(change, many_files_that_events_named_are_a_wish)
{
	begin(100, false);
	for (size_t i = 0; i < 60; i++) {
		files[i].present = false;
		hint(files[i].path, HINT_GONE);
	}
	core_sync(core);
	scanned();
	cr_expect_eq(asked, 0, "%s", notice_text);
	cr_expect_not(holds("f0"));
	cr_expect(holds("f60"));
	core_destroy(core);
}

Test(change, many_files_that_are_there_under_another_name_moved)
{
	begin(60, false);
	for (size_t i = 0; i < 60; i++)
		snprintf(files[i].path, sizeof files[i].path, "m%zu", i);
	core_sync(core);
	scanned();
	cr_expect_eq(asked, 0, "%s", notice_text);
	cr_expect_not(holds("f0"));
	cr_expect(holds("m0") && holds("m59"));
	core_destroy(core);
}

Test(change, an_early_scan_says_nothing_to_a_later_question)
{
	begin(3, false);
	core_sync(core); /* two scans under way; the first met the file, then it went */
	core_sync(core);
	cr_assert_eq(scans, 2);
	happen((struct event){ .type = EVENT_SEEN, .path = "f1", .look = LOOK_FILE, .stat = files[1].stat });
	files[1].present = false;
	scanned();
	cr_expect_not(holds("f1"));
	cr_expect(holds("f0") && holds("f2"));
	core_destroy(core);
}

/* The root was away for the moment of one look, and nobody noticed but that look. */
Test(change, a_look_that_found_no_root_is_repeated)
{
	begin(2, false);
	now_ms += 50;
	written(&files[1], "new");
	root_gone = true;
	hint("f1", HINT_WRITTEN);
	wait(100);
	root_gone = false;
	cr_expect_eq(captures, 0);
	wait(10000);
	cr_expect_eq(captures, 1);
	core_destroy(core);
}

Test(change, what_an_unclean_stop_emptied_is_put_back)
{
	begin(2, true);
	files[0].text[0] = 0;
	files[0].stat.size = 0;
	files[0].stat.ctime_ns += 5; /* its mtime is as recorded */
	now_ms += 10;
	written(&files[1], ""); /* and this was a person */
	scanned();
	cr_expect_eq(placed, 1);
	cr_expect_str_eq(files[0].text, "text");
	cr_expect_eq(outgoing(), 1);
	core_destroy(core);
}

/* The system stopped, came up without this folder, recorded something elsewhere, and stopped again. */
Test(change, what_the_stop_before_emptied_is_put_back)
{
	elsewhere_ms = WALL_MS + 3600000;
	begin(2, true);
	files[0].text[0] = 0;
	files[0].stat.size = 0;
	files[0].stat.ctime_ns += 5;
	scanned();
	cr_expect_eq(placed, 1);
	cr_expect_str_eq(files[0].text, "text");
	core_destroy(core);
}

/* The power goes, and takes back what no program had synced. */
static void power_cut(size_t files_there, size_t saved_just_before)
{
	cut = true;
	recent = saved_just_before;
	begin(files_there, true);
}

Test(change, what_a_power_cut_took_back_is_put_back)
{
	power_cut(20, 10);
	files[0].present = files[15].present = false;
	scanned();
	cr_expect_eq(placed, 1);
	cr_expect(files[0].present && holds("f0"));
	cr_expect_not(holds("f15"), "it had long been on the disk: somebody deleted it");
	cr_expect_eq(outgoing(), 1);
	cr_expect_eq(doubts.cut_until_ms, 0, "looked at, and done");
	core_destroy(core);
}

Test(change, what_gave_way_to_something_else_was_not_taken_back_by_a_power_cut)
{
	power_cut(20, 10);
	files[0].present = false;
	blocked = true;
	scanned();
	cr_expect_not(holds("f0"));
	cr_expect_eq(outgoing(), 1);
	cr_expect_eq(doubts.cut_until_ms, 0);
	core_destroy(core);
}

Test(change, what_a_mere_kill_left_absent_was_deleted)
{
	begin(20, true);
	files[0].present = false;
	scanned();
	cr_expect_eq(placed, 0);
	cr_expect_not(holds("f0"));
	core_destroy(core);
}

/* The bytes of a write came to the disk, and its time did not. */
Test(change, after_a_power_cut_what_looks_unchanged_is_read_once_more)
{
	power_cut(20, 10);
	snprintf(files[15].text, sizeof files[15].text, "TEXT");
	scanned();
	cr_expect_eq(captures, 1);
	cr_expect_eq(outgoing(), 1);
	core_destroy(core);
}

Test(change, however_much_a_power_cut_took_back_nobody_is_asked)
{
	power_cut(60, 60);
	for (size_t i = 0; i < 60; i++)
		files[i].present = false;
	scanned();
	cr_expect_eq(placed, 60);
	cr_expect_eq(outgoing(), 0);
	struct category_view v;
	core_view_category(core, 0, &v);
	cr_expect_null(v.error);
	core_destroy(core);
}

Test(change, what_is_there_under_another_name_after_a_power_cut_moved)
{
	power_cut(20, 20);
	snprintf(files[0].path, sizeof files[0].path, "m0");
	scanned();
	cr_expect_eq(placed, 0);
	cr_expect(holds("m0"));
	cr_expect_not(holds("f0"));
	core_destroy(core);
}

Test(change, what_is_deleted_while_we_watch_after_a_power_cut_is_deleted)
{
	power_cut(20, 20);
	files[0].present = false;
	hint("f0", HINT_GONE);
	scanned();
	cr_expect_eq(placed, 0);
	cr_expect_not(holds("f0"));
	core_destroy(core);
}

Test(change, an_edit_that_a_power_cut_took_back_before_it_was_sent_is_put_back_and_sent)
{
	power_cut(20, 10);
	now_ms += 50;
	written(&files[3], "new");
	hint("f3", HINT_WRITTEN);
	scanned();
	cr_assert_eq(outgoing(), 1);
	struct item_row row = *core_find_item(core, "notes", "f3");
	core_destroy(core);
	scans = placed = 0;
	begin_with(&row);
	files[3].present = false;
	scanned();
	cr_expect_eq(placed, 1);
	cr_expect_str_eq(files[3].text, "new");
	cr_expect_eq(outgoing(), 1);
	core_destroy(core);
}

/* The folder was away at the boot after the cut, and the engine was killed before it came back. */
Test(change, a_power_cut_is_remembered_until_its_files_were_looked_at)
{
	power_cut(20, 10);
	cr_assert_neq(doubts.cut_until_ms, 0);
	core_destroy(core);
	scans = placed = 0;
	cut = false;
	begin(20, true);
	files[0].present = files[15].present = false;
	scanned();
	cr_expect_eq(placed, 1);
	cr_expect(holds("f0") && !holds("f15"));
	cr_expect_eq(doubts.cut_until_ms, 0);
	core_destroy(core);
}

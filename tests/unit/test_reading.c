/* Large files come in parts: a core, and a folder of files whose bytes a test changes between the parts. */
#include <criterion/criterion.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/core/core.h"

#define WALL_MS 1767225600000LL
#define MIB ((size_t)1024 * 1024)

static struct file {
	const char *name;
	uint8_t *bytes;
	size_t size;
	int64_t changed_ns;
	unsigned looks;
	struct id stored; /* what was put of it last */
} files[16];

static struct core *core;
static uint64_t now_ms;
static struct { /* what the world was asked to read */
	const struct file *of;
	struct file_stat stat;
	size_t done;
} open_file;
static size_t step_bytes, parts, dropped, staged_len, put_unstaged;
static const uint8_t *staged_at;
static bool root_gone;

static struct file *file_of(const char *name)
{
	for (size_t i = 0; i < 16; i++)
		if (files[i].name && strcmp(files[i].name, name) == 0)
			return &files[i];
	return NULL;
}

static int64_t wall_ns(void)
{
	return (WALL_MS + (int64_t)now_ms) * 1000000;
}

static struct file_stat stat_of(const struct file *f)
{
	return (struct file_stat){ .size = f->size, .mtime_ns = f->changed_ns, .ctime_ns = f->changed_ns,
				   .inode = (uint64_t)(f - files) + 1 };
}

static enum look look(void *ctx, const struct file_ref *ref, struct file_stat *stat)
{
	struct file *f = file_of(ref->path);
	(void)ctx;
	*stat = (struct file_stat){ 0 };
	if (root_gone)
		return LOOK_ROOT_GONE;
	if (!f || !f->bytes)
		return LOOK_ABSENT;
	f->looks++;
	*stat = stat_of(f);
	return LOOK_FILE;
}

static void take_drop(void *ctx)
{
	(void)ctx;
	open_file.of = NULL;
	dropped++;
}

static enum look take(void *ctx, const struct file_ref *ref, struct file_stat *stat, struct blob *content)
{
	enum look found = look(ctx, ref, stat);
	struct file *f = file_of(ref->path);
	if (found != LOOK_FILE) {
		open_file.of = open_file.of == f ? NULL : open_file.of;
		blob_finish(content);
		return found;
	}
	if (f->size <= LIMIT_PART_BYTES) {
		cr_assert_eq(content->len, 0);
		*content = blob_copy(f->bytes, f->size);
		step_bytes += f->size;
		return LOOK_FILE;
	}
	if (open_file.of != f) {
		cr_assert(!open_file.of, "%s is begun while %s is read", f->name, open_file.of->name);
		blob_finish(content);
		open_file.of = f;
		open_file.stat = *stat;
		open_file.done = 0;
		content->data = mem_alloc(f->size + 1);
	}
	cr_assert_eq(content->len, open_file.done, "what was read is given back");
	if (memcmp(&open_file.stat, stat, sizeof *stat) != 0) {
		open_file.of = NULL;
		blob_finish(content);
		return LOOK_BUSY;
	}
	size_t len = f->size - content->len < LIMIT_PART_BYTES ? f->size - content->len : LIMIT_PART_BYTES;
	memcpy(content->data + content->len, f->bytes + content->len, len);
	content->len = open_file.done += len;
	step_bytes += len;
	parts++;
	if (content->len < f->size)
		return LOOK_MORE;
	open_file.of = NULL;
	return LOOK_FILE;
}

static void version_stage(void *ctx, const struct id *version, struct span so_far)
{
	(void)ctx;
	cr_assert(!version && (!so_far.len || so_far.len > staged_len));
	staged_at = so_far.data;
	staged_len = so_far.len;
}

static bool version_put(void *ctx, const struct id *v, uint8_t meta, struct span content)
{
	(void)ctx, (void)meta;
	struct id is = core_version_of(core, meta, content);
	cr_assert(id_equal(v, &is));
	put_unstaged += content.len > LIMIT_PART_BYTES && (staged_at != content.data || content.len - staged_len > MIB);
	for (size_t i = 0; i < 16; i++)
		if (files[i].bytes && files[i].size == content.len)
			files[i].stored = *v;
	return true;
}

static void scan(void *ctx, const char *category, const char *under) { (void)ctx, (void)category, (void)under; }
static bool version_has(void *ctx, const struct id *v) { (void)ctx, (void)v; return true; }
static bool save_item(void *ctx, const struct item_row *row) { (void)ctx, (void)row; return true; }
static bool save_state(void *ctx, const struct state_row *row) { (void)ctx, (void)row; return true; }
static bool save_peer(void *ctx, const struct peer_row *row) { (void)ctx, (void)row; return true; }
static bool add_history(void *ctx, const struct history_row *row) { (void)ctx, (void)row; return true; }
static bool save_settlement(void *ctx, const struct settlement_row *row) { (void)ctx, (void)row; return true; }
static bool came_back(void *ctx, const struct id *i, const struct id *v, const struct id *a)
{
	(void)ctx, (void)i, (void)v, (void)a;
	return false;
}
static void entropy(void *ctx, void *out, size_t len) { (void)ctx; memset(out, 7, len); }
static void notice(void *ctx, enum notice_level l, const char *from, const char *item, const char *text)
{
	(void)ctx, (void)l, (void)from, (void)item, (void)text;
}

static void happen(struct event e)
{
	e.now_ms = now_ms;
	e.wall_ms = WALL_MS + (int64_t)now_ms;
	e.category = "notes";
	step_bytes = 0;
	core_step(core, &e);
	cr_assert_leq(step_bytes, LIMIT_TURN_BYTES, "%zu bytes in one turn", step_bytes);
}

static void turn(void)
{
	now_ms++;
	happen((struct event){ .type = EVENT_TICK });
}

static void turns(size_t count)
{
	while (count--)
		turn();
}

/* As the loop does: a turn when the core wants one, until it wants none within a second. */
static size_t run(void)
{
	size_t count = 0;
	for (; core_deadline(core) < now_ms + 1000; count++) {
		cr_assert_lt(count, 5000, "it spins");
		now_ms = core_deadline(core) > now_ms ? core_deadline(core) : now_ms + 1;
		happen((struct event){ .type = EVENT_TICK });
	}
	return count;
}

static void hint(const char *path, enum hint hint)
{
	happen((struct event){ .type = EVENT_HINT, .path = path, .hint = hint });
}

static struct file *write_file(const char *name, size_t size, uint8_t fill)
{
	struct file *f = file_of(name);
	for (size_t i = 0; !f; i++)
		f = files[i].name ? NULL : &files[i];
	f->name = name;
	free(f->bytes);
	f->bytes = mem_alloc(size + 1);
	memset(f->bytes, fill, size);
	f->size = size;
	f->changed_ns = wall_ns();
	return f;
}

static void begin(void)
{
	static const struct category_setup notes = {
		.name = "notes", .debounce_ms = 0, .max_wait_ms = 10000, .strategy = STRATEGY_ASK
	};
	static const struct world world = {
		.look = look, .take = take, .take_drop = take_drop, .scan = scan, .version_put = version_put,
		.version_has = version_has, .version_stage = version_stage, .save_item = save_item,
		.save_state = save_state, .save_peer = save_peer, .add_history = add_history,
		.save_settlement = save_settlement, .came_back = came_back, .entropy = entropy, .notice = notice,
	};
	const struct core_setup setup = { .categories = &notes, .category_count = 1, .device_name = "desk" };
	cr_assert(sodium_init() >= 0);
	now_ms = 1000;
	core = core_create(&world, &setup);
	happen((struct event){ .type = EVENT_BOOT });
	happen((struct event){ .type = EVENT_SCANNED, .path = "", .complete = true });
}

static void end(void)
{
	core_destroy(core);
	for (size_t i = 0; i < 16; i++)
		free(files[i].bytes);
}

TestSuite(reading, .init = begin, .fini = end);

/* The ledger and the store have what the file holds. */
static bool is_captured(const struct file *f)
{
	const struct item_row *row = core_find_item(core, "notes", f->name);
	struct id is = core_version_of(core, 0, span_of(f->bytes, f->size));
	return row && id_equal(&row->local, &is) && id_equal(&f->stored, &is);
}

static bool nothing_is_read(void)
{
	return !open_file.of && !staged_len && core_deadline(core) > now_ms + 1;
}

Test(reading, a_part_a_turn_and_the_rest_of_the_world_between)
{
	struct file *large = write_file("large", 10 * MIB + 5, 'l');
	size_t small_at = 0;
	hint("large", HINT_WRITTEN);
	cr_assert_eq(parts, 1);
	while (!is_captured(large)) {
		size_t before = parts;
		cr_assert_eq(staged_len, parts * MIB);
		cr_assert_leq(core_deadline(core), now_ms + 1, "it goes on by itself");
		hint("elsewhere", HINT_GONE); /* the same moment: its part is read already */
		cr_assert_eq(parts, before);
		if (parts == 4) {
			struct file *small = write_file("small", 100, 's');
			hint("small", HINT_WRITTEN);
			cr_assert(is_captured(small), "it does not wait behind the large one");
			small_at = parts;
		}
		turn();
		cr_assert_eq(parts, before + 1);
		cr_assert_lt(parts, 20);
	}
	cr_assert_eq(parts, 11);
	cr_assert_eq(small_at, 4);
	cr_assert_eq(put_unstaged, 0, "all but its last part was written already");
	cr_assert(nothing_is_read());
	run();
	cr_assert_eq(parts, 11, "once");
}

Test(reading, no_turn_reads_more_than_its_bound)
{
	static const char *const names[] = { "a", "b", "c", "d", "e", "f", "g" };
	struct file *large = write_file("large", 5 * MIB, 'l');
	for (size_t i = 0; i < 7; i++)
		write_file(names[i], 900 * 1024 + i, 'x');
	for (size_t i = 0; i < 7; i++)
		happen((struct event){ .type = EVENT_HINT, .path = names[i], .hint = HINT_TOUCHED });
	happen((struct event){ .type = EVENT_HINT, .path = "large", .hint = HINT_TOUCHED });
	now_ms += 200; /* all of them are due */
	run();
	cr_assert(is_captured(large));
	for (size_t i = 0; i < 7; i++)
		cr_assert(is_captured(file_of(names[i])), "%s", names[i]);
}

Test(reading, what_changes_in_the_middle_is_begun_anew_when_it_rests)
{
	struct file *large = write_file("large", 6 * MIB, 'l');
	hint("large", HINT_WRITTEN);
	turns(2);
	cr_assert_eq(staged_len, 3 * MIB);
	now_ms++;
	write_file("large", 6 * MIB, 'm');
	hint("large", HINT_TOUCHED);
	cr_assert(!open_file.of && !staged_len && dropped, "given up at once");
	cr_assert_eq(parts, 3);
	run();
	cr_assert(is_captured(large));
	cr_assert_eq(parts, 9);
	cr_assert(nothing_is_read());
}

/* Its folder went and came back: what the world held open is closed, and it begins anew by itself. */
Test(reading, what_the_world_begins_anew_leaves_nothing_of_before)
{
	struct file *large = write_file("large", 3 * MIB, 'l');
	hint("large", HINT_WRITTEN);
	cr_assert_eq(staged_len, MIB);
	open_file.of = NULL;
	now_ms++;
	large = write_file("large", 3 * MIB, 'm');
	run();
	cr_assert(is_captured(large));
	cr_assert(nothing_is_read());
}

/* Within one tick of its clock, a filesystem does not show the second write. */
Test(reading, what_happens_in_the_middle_is_looked_at_though_no_stat_shows_it)
{
	struct file *large = write_file("large", 3 * MIB, 'l');
	hint("large", HINT_WRITTEN);
	large->bytes[7] = 'x'; /* the first part is read: 'l' */
	hint("large", HINT_WRITTEN);
	run();
	cr_assert(is_captured(large), "a write was missed for good");
	now_ms += 5000;
	hint("large", HINT_WRITTEN); /* read so shortly after the write, it is read once more */
	run();
	size_t read = parts;
	hint("large", HINT_WRITTEN);
	run();
	cr_assert_eq(parts, read, "and then it is believed");
}

Test(reading, a_hint_without_a_write_costs_one_look)
{
	struct file *large = write_file("large", 3 * MIB, 'l');
	now_ms += 1000;
	hint("large", HINT_WRITTEN);
	turn();
	hint("large", HINT_WRITTEN); /* its writer closed it */
	run();
	cr_assert(is_captured(large));
	cr_assert_eq(parts, 3);
}

Test(reading, what_is_deleted_in_the_middle_leaves_nothing)
{
	struct file *large = write_file("large", 6 * MIB, 'l');
	hint("large", HINT_WRITTEN);
	turns(2);
	free(large->bytes);
	large->bytes = NULL;
	turn();
	cr_assert(nothing_is_read() && dropped);
	hint("large", HINT_GONE);
	run();
	cr_assert_eq(parts, 3);
	cr_assert_not(core_find_item(core, "notes", "large"));
}

Test(reading, a_folder_that_goes_or_is_left_out_in_the_middle_leaves_nothing)
{
	struct file *large = write_file("large", 6 * MIB, 'l');
	hint("large", HINT_WRITTEN);
	happen((struct event){ .type = EVENT_ROOT, .text = "it was unmounted" });
	turn();
	cr_assert(nothing_is_read() && dropped == 1);
	happen((struct event){ .type = EVENT_ROOT, .ok = true, .text = "" });
	hint("large", HINT_WRITTEN);
	cr_assert_eq(parts, 2);
	core_set_categories(core, NULL, 0);
	turn();
	cr_assert(nothing_is_read() && dropped == 2);
	cr_assert_not(is_captured(large));
}

Test(reading, a_pause_in_the_middle_keeps_from_sending_alone)
{
	struct err e;
	struct file *large = write_file("large", 4 * MIB, 'l');
	hint("large", HINT_WRITTEN);
	cr_assert(core_pause(core, "notes", true, &e));
	run();
	cr_assert(is_captured(large));
	cr_assert_eq(parts, 4);
}

Test(reading, two_large_files_come_one_after_the_other)
{
	struct file *a = write_file("a", 20 * MIB, 'a'), *b = write_file("b", 3 * MIB, 'b'),
		    *c = write_file("c", 2 * MIB, 'c');
	hint("a", HINT_WRITTEN);
	turn();
	hint("b", HINT_WRITTEN);
	turn();
	hint("c", HINT_WRITTEN);
	turns(10);
	cr_assert(b->looks <= 2 && c->looks <= 2, "who waits is not looked at in every turn");
	free(b->bytes);
	b->bytes = NULL; /* whose turn it is may be gone by then: the next one is called all the same */
	run();
	cr_assert(is_captured(a) && is_captured(c) && !core_find_item(core, "notes", "b"));
	cr_assert_eq(parts, 22);
	cr_assert(nothing_is_read());
}

Test(reading, one_that_is_written_without_end_keeps_nobody_waiting)
{
	struct file *log = write_file("log", 30 * MIB, 'l'), *b = write_file("b", 3 * MIB, 'b');
	uint64_t until;
	hint("log", HINT_TOUCHED);
	hint("b", HINT_TOUCHED);
	for (until = now_ms + 5000; now_ms < until;) {
		turns(20);
		log->changed_ns = wall_ns();
		hint("log", HINT_TOUCHED);
	}
	cr_assert(is_captured(b));
	cr_assert_lt(parts, 50, "%zu parts in five seconds", parts);
	now_ms += 20000; /* it waited long enough: tried all the same, and given up when it changes */
	for (until = now_ms + 1000; now_ms < until;) {
		turns(20);
		log->changed_ns = wall_ns();
		hint("log", HINT_TOUCHED);
	}
	cr_assert_lt(parts, 300, "%zu parts in one second more", parts);
	run();
	cr_assert(is_captured(log));
}

Test(reading, people_are_told)
{
	struct queue_view q;
	struct why_view why;
	struct counts_view counts;
	write_file("large", 3 * MIB, 'l');
	hint("large", HINT_WRITTEN);
	cr_assert_eq(core_view_queue(core, &q, 1), 1);
	cr_assert_str_eq(q.path, "large");
	cr_assert_str_eq(q.state, "debouncing");
	cr_assert(strstr(q.reason, "large"));
	cr_assert_eq(q.size_plain, 3 * MIB);
	core_view_why(core, "notes", "large", &why);
	cr_assert_str_eq(why.state, "debouncing");
	cr_assert(strstr(why.reason, "large"));
	core_view_counts(core, &counts);
	cr_assert(!counts.quiet && counts.debouncing == 1 && !core_calm(core));
}

Test(reading, a_core_that_ends_in_the_middle_asks_nothing_of_its_world)
{
	write_file("large", 3 * MIB, 'l');
	hint("large", HINT_WRITTEN);
	core_destroy(core);
	cr_assert_eq(dropped, 0);
	begin();
}

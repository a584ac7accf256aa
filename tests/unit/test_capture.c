/* What looks like a rename, and is none: a core with one known file, and a folder that a test moves about. */
#include <criterion/criterion.h>
#include <sodium.h>
#include <string.h>

#include "engine/core/core.h"

#define WALL_MS 1767225600000LL

static struct folder { bool a, b; } there;
static struct core *core;
static uint64_t now_ms = 1000;
static size_t scans;

static enum look look(void *ctx, const struct file_ref *f, struct file_stat *stat)
{
	(void)ctx;
	*stat = (struct file_stat){ .size = 3, .mtime_ns = 1, .ctime_ns = 1, .inode = f->path[0] };
	return (f->path[0] == 'a' ? there.a : there.b) ? LOOK_FILE : LOOK_ABSENT;
}

static enum look take(void *ctx, const struct file_ref *f, struct file_stat *stat, struct blob *content)
{
	enum look found = look(ctx, f, stat);
	if (found == LOOK_FILE)
		*content = blob_copy("one", 3);
	return found;
}

static void scan(void *ctx, const char *category, const char *under)
{
	(void)ctx, (void)category, (void)under;
	scans++;
}

static bool version_put(void *ctx, const struct id *v, uint8_t meta, struct span content)
{
	(void)ctx, (void)v, (void)meta, (void)content;
	return true;
}
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
	core_step(core, &e);
}

static void wait(uint64_t ms)
{
	now_ms += ms;
	happen((struct event){ .type = EVENT_TICK });
}

/* Every scan that is under way sees what is there. */
static void scanned(void)
{
	for (; scans; scans--) {
		struct event e = { .type = EVENT_SEEN, .path = "a" };
		e.look = look(NULL, &(struct file_ref){ "notes", "a" }, &e.stat);
		if (e.look == LOOK_FILE)
			happen(e);
		happen((struct event){ .type = EVENT_SCANNED, .path = "", .complete = true });
	}
	wait(2);
}

static void begin(void)
{
	static const struct category_setup notes = {
		.name = "notes", .debounce_ms = 2000, .max_wait_ms = 10000, .strategy = STRATEGY_ASK
	};
	static const struct world world = {
		.look = look,
		.take = take,
		.scan = scan,
		.version_put = version_put,
		.save_item = save_item,
		.save_state = save_state,
		.save_peer = save_peer,
		.add_history = add_history,
		.save_settlement = save_settlement,
		.came_back = came_back,
		.entropy = entropy,
		.notice = notice,
	};
	struct core_setup setup = { .categories = &notes, .category_count = 1, .device_name = "desk" };
	struct item_row row = { .category = "notes",
				.path = "a",
				.head_seq = 1,
				.local_at_ms = WALL_MS,
				.local_stat = { 3, 1, 1, 'a', 0 } };
	cr_assert(sodium_init() >= 0);
	core = core_create(&world, &setup);
	/* its id as the account key (zeros) names it */
	uint8_t key[KEY_LEN], zeros[KEY_LEN] = { 0 };
	hash_key(key, zeros, "syncline item", NULL, 0);
	struct span parts[] = { span_text("notes"), span_text("a") };
	row.item = hash_id(key, "main", parts, 2);
	row.head_version = row.agreed = row.local = core_version_of(core, 0, span_text("one"));
	core_load_item(core, &row);
	there = (struct folder){ .a = true };
	happen((struct event){ .type = EVENT_BOOT });
	scanned();
}

static bool holds(const char *path)
{
	const struct item_row *row = core_find_item(core, "notes", path);
	return row && !id_zero(&row->local);
}

static void hint(const char *path, enum hint hint)
{
	happen((struct event){ .type = EVENT_HINT, .path = path, .hint = hint });
}

Test(capture, a_rename_is_told_by_its_content)
{
	begin();
	there = (struct folder){ .b = true };
	hint("a", HINT_GONE);
	hint("b", HINT_WRITTEN);
	cr_assert(holds("b") && holds("a"), "an editor may put it back");
	wait(400);
	cr_assert(holds("b") && !holds("a"));
	core_destroy(core);
}

Test(capture, a_file_that_is_back_by_now_was_not_renamed)
{
	begin();
	there = (struct folder){ .b = true };
	hint("a", HINT_GONE);
	there.a = true; /* and its own hint is still on its way */
	hint("b", HINT_WRITTEN);
	cr_assert(holds("b") && holds("a"));
	wait(400);
	cr_assert(holds("a"));
	core_destroy(core);
}

Test(capture, a_file_that_went_and_came_with_its_folder_was_not_renamed)
{
	begin();
	there.a = false;
	hint("a", HINT_GONE);
	happen((struct event){ .type = EVENT_ROOT, .text = "it was unmounted" });
	wait(400);
	there.a = true; /* mounted again: not a bit of it has changed */
	happen((struct event){ .type = EVENT_ROOT, .ok = true, .text = "" });
	scanned();
	cr_assert(holds("a"));
	there.b = true;
	hint("b", HINT_WRITTEN);
	cr_assert(holds("b") && holds("a"), "a copy made its original be deleted everywhere");
	core_destroy(core);
}

Test(capture, another_folder_joins_as_if_new)
{
	begin();
	cr_assert(holds("a"));
	core_new_root(core, "notes");
	const struct item_row *row = core_find_item(core, "notes", "a");
	cr_assert(id_zero(&row->local) && id_zero(&row->agreed) && !id_zero(&row->head_version));
	core_destroy(core);
}

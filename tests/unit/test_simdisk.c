/* The simulated file system: what a power cut may leave, and what it may not. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "sim/simdisk.h"

static uint64_t now_us;

struct disk {
	struct simdisk d;
	struct siminode *notes;
	struct chance chance;
	unsigned changed;
};

static void disk_start(struct disk *k, bool posix, uint64_t seed)
{
	*k = (struct disk){ 0 };
	now_us = 1000;
	chance_init(&k->chance, seed);
	simdisk_start(&k->d, &now_us);
	k->d.posix = posix;
	k->notes = simdisk_make(&k->d, SIM_FOLDER, 0755, 1);
	struct simset set = { simdisk_name(&k->d, k->d.top, "notes", true), k->notes };
	simdisk_set(&k->d, &set, 1);
	simdisk_drop(&k->d, k->notes);
	simdisk_sync_all(&k->d);
}

static struct siminode *put(struct disk *k, struct siminode *folder, const char *name, const char *text)
{
	struct siminode *i = simdisk_make(&k->d, SIM_FILE, 0644, (int64_t)now_us * 1000);
	struct simset set = { simdisk_name(&k->d, folder, name, true), i };
	simdisk_set(&k->d, &set, 1);
	simdisk_drop(&k->d, i);
	simdisk_put(&k->d, i, blob_copy(text, strlen(text)), (int64_t)now_us * 1000);
	return i;
}

static void move(struct disk *k, const char *from, const char *to, bool exchange)
{
	struct simname *a = simdisk_name(&k->d, k->notes, from, true), *b = simdisk_name(&k->d, k->notes, to, true);
	struct simset set[2] = { { a, exchange ? b->now : NULL }, { b, a->now } };
	simdisk_set(&k->d, set, 2);
}

static void take(struct disk *k, const char *name)
{
	struct simset set = { simdisk_name(&k->d, k->notes, name, true), NULL };
	simdisk_set(&k->d, &set, 1);
}

static void count(void *ctx, struct simfile *f)
{
	(void)f;
	++*(unsigned *)ctx;
}

static void cut(struct disk *k)
{
	simdisk_power_cut(&k->d, &k->chance, CHANCE_DISK, count, &k->changed);
}

/* What stands there: NULL when nothing does. */
static const char *holds(struct disk *k, const char *path)
{
	static char text[4][4096];
	static unsigned turn;
	struct simfile *f = simdisk_entry(&k->d, "notes", path, 0);
	if (!f->now.present)
		return NULL;
	char *out = text[turn++ % 4];
	cr_assert(f->now.content.len < sizeof *text);
	if (f->now.content.len)
		memcpy(out, f->now.content.data, f->now.content.len);
	out[f->now.content.len] = 0;
	return out;
}

static bool is(struct disk *k, const char *path, const char *text)
{
	const char *now = holds(k, path);
	return text ? now && strcmp(now, text) == 0 : !now;
}

Test(simdisk, what_was_synced_survives_and_what_was_not_meets_every_fate)
{
	for (int posix = 0; posix < 2; posix++) {
		bool old = false, new = false, empty = false, zeros = false;
		for (uint64_t seed = 0; seed < 60; seed++) {
			struct disk k;
			disk_start(&k, posix, seed);
			simdisk_sync(&k.d, put(&k, k.notes, "safe", "synced"));
			struct siminode *open = put(&k, k.notes, "open", "old");
			simdisk_sync_all(&k.d);
			simdisk_put(&k.d, open, blob_copy("newer", 5), 5000);
			holds(&k, "safe");
			holds(&k, "open");
			cut(&k);
			cr_assert(is(&k, "safe", "synced"));
			cr_assert(holds(&k, "open"));
			old |= is(&k, "open", "old");
			new |= is(&k, "open", "newer");
			empty |= simdisk_entry(&k.d, "notes", "open", 0)->now.content.len == 0;
			zeros |= simdisk_entry(&k.d, "notes", "open", 0)->now.content.len == 5 && !*holds(&k, "open");
			cr_assert_eq(k.changed, !is(&k, "open", "newer"));
			simdisk_finish(&k.d);
		}
		cr_assert(old && new && empty && zeros);
	}
}

Test(simdisk, long_data_is_cut_where_a_sector_ends)
{
	char text[2000];
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = 0;
	bool part = false;
	for (uint64_t seed = 0; seed < 60; seed++) {
		struct disk k;
		disk_start(&k, false, seed);
		put(&k, k.notes, "a", text);
		simdisk_sync(&k.d, k.notes); /* its name, not its data */
		cut(&k);
		size_t len = strlen(holds(&k, "a"));
		cr_assert(len % 512 == 0 || len == sizeof text - 1);
		part |= len && len < sizeof text - 1;
		simdisk_finish(&k.d);
	}
	cr_assert(part);
}

Test(simdisk, ordered_names_come_back_as_a_prefix_and_together_with_any_fsync)
{
	for (uint64_t seed = 0; seed < 40; seed++) {
		struct disk k;
		disk_start(&k, false, seed);
		simdisk_sync(&k.d, put(&k, k.notes, "a", "a"));
		put(&k, k.notes, "b", "b");
		put(&k, k.notes, "c", "c");
		cut(&k);
		cr_assert(is(&k, "a", "a"));
		cr_assert(!holds(&k, "c") || holds(&k, "b"));
		put(&k, k.notes, "d", "d");
		simdisk_sync(&k.d, put(&k, k.notes, "e", "e"));
		cut(&k);
		cr_assert(holds(&k, "d") && is(&k, "e", "e"));
		simdisk_finish(&k.d);
	}
}

Test(simdisk, posix_names_are_only_safe_with_their_own_folder)
{
	bool lost = false, later_alone = false;
	for (uint64_t seed = 0; seed < 40; seed++) {
		struct disk k;
		disk_start(&k, true, seed);
		simdisk_sync(&k.d, put(&k, k.notes, "a", "a"));
		simdisk_sync(&k.d, put(&k, k.notes, "b", "b"));
		cut(&k);
		lost |= !holds(&k, "a");
		later_alone |= !holds(&k, "a") && is(&k, "b", "b");
		simdisk_sync(&k.d, put(&k, k.notes, "c", "c"));
		simdisk_sync(&k.d, k.notes);
		cut(&k);
		cr_assert(is(&k, "c", "c"));
		simdisk_finish(&k.d);
	}
	cr_assert(lost && later_alone);
}

Test(simdisk, an_exchange_is_one_step)
{
	for (int posix = 0; posix < 2; posix++) {
		bool before = false, after = false;
		for (uint64_t seed = 0; seed < 40; seed++) {
			struct disk k;
			disk_start(&k, posix, seed);
			put(&k, k.notes, "a", "old");
			put(&k, k.notes, "temp", "new");
			simdisk_sync_all(&k.d);
			move(&k, "temp", "a", true);
			cr_assert(is(&k, "a", "new") && is(&k, "temp", "old"));
			cut(&k);
			before |= is(&k, "a", "old") && is(&k, "temp", "new");
			after |= is(&k, "a", "new") && is(&k, "temp", "old");
			cr_assert(!is(&k, "a", holds(&k, "temp")));
			simdisk_finish(&k.d);
		}
		cr_assert(before && after);
	}
}

Test(simdisk, a_folder_takes_what_is_in_it_along)
{
	struct disk k;
	disk_start(&k, false, 1);
	struct siminode *folder = simdisk_make(&k.d, SIM_FOLDER, 0755, 1), *found;
	struct simset set = { simdisk_name(&k.d, k.notes, "d", true), folder };
	simdisk_set(&k.d, &set, 1);
	simdisk_drop(&k.d, folder);
	put(&k, folder, "x", "x");
	cr_assert(is(&k, "d/x", "x") && is(&k, "g/x", NULL));
	cr_assert(simdisk_obstructed(&k.d, "notes", "d") && simdisk_obstructed(&k.d, "notes", "d/x/y"));
	cr_assert_not(simdisk_obstructed(&k.d, "notes", "d/y"));
	move(&k, "d", "g", false);
	cr_assert(is(&k, "d/x", NULL) && is(&k, "g/x", "x"));
	cr_assert_eq(simdisk_walk(&k.d, k.d.top, "notes/g/x/y", &found), ENOTDIR);
	cr_assert_eq(simdisk_walk(&k.d, k.d.top, "notes/d", &found), ENOENT);
	take(&k, "g");
	cr_assert(is(&k, "g/x", NULL));
	simdisk_finish(&k.d);
}

Test(simdisk, after_a_failed_fsync_the_next_one_saves_nothing)
{
	struct disk k;
	disk_start(&k, false, 3);
	struct siminode *i = put(&k, k.notes, "a", "old");
	simdisk_sync_all(&k.d);
	simdisk_put(&k.d, i, blob_copy("new", 3), 5000);
	simdisk_sync_failed(&k.d, i);
	simdisk_sync(&k.d, i);
	cr_assert(is(&k, "a", "new"));
	cr_assert_not(simdisk_kept(i));
	cut(&k);
	cr_assert(is(&k, "a", "old"));
	i = simdisk_entry(&k.d, "notes", "a", 0)->node;
	simdisk_put(&k.d, i, blob_copy("new", 3), 6000); /* written once more: then it is saved */
	simdisk_sync(&k.d, i);
	cut(&k);
	cr_assert(is(&k, "a", "new"));
	simdisk_finish(&k.d);
}

Test(simdisk, what_has_waited_long_enough_is_written_back)
{
	struct disk k;
	disk_start(&k, true, 4);
	put(&k, k.notes, "a", "a");
	now_us += 6000000;
	put(&k, k.notes, "b", "b");
	simdisk_age(&k.d, 5000000, 5000000);
	cr_assert_eq(k.d.op_count, 1);
	cut(&k);
	cr_assert(is(&k, "a", "a"));
	simdisk_finish(&k.d);
}

Test(simdisk, where_case_is_folded_names_that_differ_in_it_are_one)
{
	struct disk k;
	disk_start(&k, false, 5);
	k.d.folding = true;
	put(&k, k.notes, "Notes.md", "text");
	cr_assert(is(&k, "notes.MD", "text"));
	cr_assert_eq(simdisk_live(k.notes), 1);
	simdisk_finish(&k.d);
}

Test(simdisk, names_that_are_gone_are_swept_and_those_of_a_journal_are_not)
{
	struct disk k;
	disk_start(&k, true, 6);
	char name[32];
	put(&k, k.notes, "stays", "here");
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof name, "temp-%d", i);
		put(&k, k.notes, name, "x");
		take(&k, name);
		if (i % 100 == 99)
			simdisk_sync_all(&k.d);
	}
	cr_assert_lt(k.notes->count, 400);
	cr_assert(is(&k, "stays", "here"));
	cut(&k);
	cr_assert(is(&k, "stays", "here"));
	simdisk_finish(&k.d);
	cr_assert_eq(k.d.inode_count, 0);
}

Test(simdisk, all_names_of_a_file_show_what_it_holds)
{
	struct disk k;
	disk_start(&k, true, 1);
	struct siminode *i = put(&k, k.notes, "one", "first");
	cr_assert(is(&k, "one", "first") && is(&k, "two", NULL));
	struct simset link = { simdisk_name(&k.d, k.notes, "two", true), i };
	simdisk_set(&k.d, &link, 1);
	simdisk_put(&k.d, i, blob_copy("again", 5), 5000);
	cr_assert(is(&k, "one", "again") && is(&k, "two", "again"));
	take(&k, "two");
	simdisk_put(&k.d, i, blob_copy("and again", 9), 6000);
	cr_assert(is(&k, "one", "and again") && is(&k, "two", NULL));
	simdisk_finish(&k.d);
}

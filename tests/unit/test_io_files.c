/* Looking at real files and replacing them: nothing of a person is ever lost, nothing outside the root is touched. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/mem.h"
#include "engine/core/limits.h"
#include "engine/io/files.h"
#include "sys/clock.h"
#include "tests/unit/version_hash.h"

static char dir[48];
static struct files *files;
static char stored[64][80]; /* contents that count as known */
static size_t stored_count;
static char found[8][80];
static size_t found_count;

static struct id version(const char *text)
{
	return version_of(NULL, 0, span_text(text));
}

static bool known(void *ctx, const struct id *v)
{
	(void)ctx;
	for (size_t i = 0; i < stored_count; i++) {
		struct id is = version(stored[i]);
		if (id_equal(v, &is))
			return true;
	}
	return false;
}

static void store(const char *text)
{
	snprintf(stored[stored_count++], 80, "%s", text);
}

static void on_found(void *ctx, const struct files_found *f)
{
	(void)ctx;
	snprintf(found[found_count++], 80, "%.*s", (int)f->content.len, (const char *)f->content.data);
	store(found[found_count - 1]);
}

static void put(const char *name, const char *text)
{
	char path[200];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	FILE *f = fopen(path, "w");
	cr_assert(f, "%s", path);
	fputs(text, f);
	fclose(f);
}

static const char *get(const char *name)
{
	static char text[200];
	char path[200];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	FILE *f = fopen(path, "r");
	if (!f)
		return "(none)";
	text[fread(text, 1, sizeof text - 1, f)] = 0;
	fclose(f);
	return text;
}

static mode_t mode(const char *name)
{
	char path[200];
	struct stat st;
	snprintf(path, sizeof path, "%s/%s", dir, name);
	return lstat(path, &st) ? 0 : st.st_mode & 07777;
}

static size_t temps(const char *folder)
{
	char path[200];
	snprintf(path, sizeof path, "%s/%s", dir, folder);
	DIR *d = opendir(path);
	size_t n = 0;
	for (struct dirent *e; d && (e = readdir(d));)
		n += strncmp(e->d_name, ".syncline-", 10) == 0;
	if (d)
		closedir(d);
	return n;
}

static void begin(void)
{
	static const struct files_hooks hooks = { NULL, version_of, known, on_found, version_start };
	struct err e;
	umask(022);
	strcpy(dir, "/tmp/syncline-files-XXXXXX");
	cr_assert(mkdtemp(dir));
	files = files_create(&hooks);
	cr_assert(files_add_root(files, "notes", dir, NULL, &e));
}

static void end(void)
{
	char command[128];
	files_destroy(files);
	snprintf(command, sizeof command, "chmod -R u+rwx %s; rm -rf %s", dir, dir);
	cr_assert(system(command) == 0);
}

TestSuite(io_files, .init = begin, .fini = end, .timeout = 20);

static bool same_stat(const struct file_stat *a, const struct file_stat *b)
{
	return a->size == b->size && a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns && a->inode == b->inode &&
	       a->meta == b->meta;
}

static enum look look(const char *path, struct file_stat *stat)
{
	struct file_ref ref = { "notes", path };
	struct file_stat unused;
	return files_look(files, &ref, stat ? stat : &unused);
}

/* Place `text` (NULL removes) where `expected` stands (NULL: nothing does), as the core would. */
static struct place plan(const char *path, const char *text, const char *expected)
{
	struct place p = { .file = { "notes", path },
		           .item = hash_plain("item", (struct span[]){ span_text(path) }, 1),
		           .mtime_ms = 1700000000123 };
	if (text) {
		p.content = span_text(text);
		p.version = version(text);
	}
	p.expect_absent = !expected;
	if (expected) {
		cr_assert_eq(look(path, &p.expect_stat), LOOK_FILE);
		p.expect_version = version_of(NULL, p.expect_stat.meta, span_text(expected));
	}
	return p;
}

static enum place_result place(const struct place *p)
{
	struct file_stat after, now;
	enum place_result r = files_place(files, p, &after);
	if (r == PLACE_DONE && !id_zero(&p->version)) {
		cr_assert_eq(look(p->file.path, &now), LOOK_FILE);
		cr_expect(same_stat(&after, &now), "the answer is the new file's stat");
	}
	return r;
}

static void tidy(void)
{
	for (int i = 0; i < 100 && files_tidy(files); i++)
		usleep(20000);
}

Test(io_files, look_and_take)
{
	struct file_stat stat, again;
	struct blob content = { 0 };
	struct file_ref ref = { "notes", "a" };
	cr_expect_eq(look("a", NULL), LOOK_ABSENT);
	cr_expect_eq(look("no/such/folder", NULL), LOOK_ABSENT);
	put("a", "hello");
	cr_expect_eq(files_take(files, &ref, &stat, &content), LOOK_FILE);
	cr_expect(content.len == 5 && memcmp(content.data, "hello", 5) == 0);
	cr_expect_eq(look("a", &again), LOOK_FILE);
	cr_expect(same_stat(&stat, &again));
	blob_finish(&content);
	put("empty", "");
	ref.path = "empty";
	cr_expect_eq(files_take(files, &ref, &stat, &content), LOOK_FILE);
	cr_expect_eq(content.len, 0);
	blob_finish(&content);
	cr_expect_eq(look("a/below", NULL), LOOK_ABSENT, "a file is no folder");
	cr_expect_eq(look("../etc/passwd", NULL), LOOK_ERROR);
}

Test(io_files, meta)
{
	struct file_stat stat;
	char path[128];
	put("x", "1");
	snprintf(path, sizeof path, "%s/x", dir);
	chmod(path, 0755);
	look("x", &stat);
	cr_expect_eq(stat.meta, META_EXEC);
	chmod(path, 0600);
	look("x", &stat);
	cr_expect_eq(stat.meta, META_PRIVATE);
	chmod(path, 0700);
	look("x", &stat);
	cr_expect_eq(stat.meta, META_PRIVATE | META_EXEC);
}

Test(io_files, special_files_are_never_opened)
{
	char path[128];
	struct file_ref ref = { "notes", "pipe" };
	struct file_stat stat;
	struct blob content = { 0 };
	snprintf(path, sizeof path, "%s/pipe", dir);
	cr_assert_eq(mkfifo(path, 0644), 0);
	cr_expect_eq(files_take(files, &ref, &stat, &content), LOOK_OTHER);
	snprintf(path, sizeof path, "%s/folder", dir);
	mkdir(path, 0755);
	cr_expect_eq(look("folder", NULL), LOOK_OTHER);
	struct place p = plan("pipe", "x", NULL);
	cr_expect_eq(place(&p), PLACE_BLOCKED);
	p = plan("folder", "x", NULL);
	cr_expect_eq(place(&p), PLACE_BLOCKED);
	p = plan("pipe/below", "x", NULL);
	cr_expect_eq(place(&p), PLACE_BLOCKED);
}

Test(io_files, too_large)
{
	char path[128];
	snprintf(path, sizeof path, "%s/large", dir);
	put("large", "");
	cr_assert_eq(truncate(path, (off_t)LIMIT_ITEM_BYTES + 1), 0);
	cr_expect_eq(look("large", NULL), LOOK_TOO_LARGE);
}

static void links(unsigned poor)
{
	char path[128], out[128];
	struct blob content = { 0 };
	struct file_stat stat;
	files_seam(files, NULL, NULL, poor);
	snprintf(path, sizeof path, "%s/way", dir);
	cr_assert_eq(symlink("/tmp", path), 0);
	snprintf(out, sizeof out, "/tmp/syncline-escape-%d", getpid());
	unlink(out);
	char name[64];
	snprintf(name, sizeof name, "way/syncline-escape-%d", getpid());
	struct place p = plan(name, "x", NULL);
	cr_expect_eq(place(&p), PLACE_BLOCKED);
	cr_expect_neq(access(out, F_OK), 0);
	cr_expect_eq(look(name, NULL), LOOK_ABSENT);
	cr_expect_eq(look("way", &stat), LOOK_FILE);
	cr_expect_eq(stat.meta, META_LINK);
	struct file_ref ref = { "notes", "way" };
	cr_expect_eq(files_take(files, &ref, &stat, &content), LOOK_FILE);
	cr_expect(content.len == 4 && memcmp(content.data, "/tmp", 4) == 0, "a link is its target, not followed");
	blob_finish(&content);
}

Test(io_files, links_are_not_followed)
{
	links(0);
}

Test(io_files, links_are_not_followed_without_openat2)
{
	links(FILES_NO_OPENAT2);
}

static enum place_result place_link(const char *path, const char *target)
{
	struct place p = plan(path, target, NULL);
	p.meta = META_LINK;
	p.version = version_of(NULL, META_LINK, span_text(target));
	return place(&p);
}

Test(io_files, links_are_placed_as_data_and_only_inside)
{
	char path[128], target[64];
	cr_expect_eq(place_link("a/b/link", "../c/file"), PLACE_DONE);
	snprintf(path, sizeof path, "%s/a/b/link", dir);
	ssize_t len = readlink(path, target, sizeof target);
	cr_expect(len == 9 && memcmp(target, "../c/file", 9) == 0);
	cr_expect_eq(place_link("a/b/2", "../../top"), PLACE_DONE);
	cr_expect_eq(place_link("a/b/3", "../../../out"), PLACE_UNWANTED);
	cr_expect_eq(place_link("4", ".."), PLACE_UNWANTED);
	cr_expect_eq(place_link("5", "/etc/passwd"), PLACE_UNWANTED);
	cr_expect_eq(place_link("6", "a/../../out"), PLACE_UNWANTED);
	cr_expect_eq(place_link("7", "../x"), PLACE_UNWANTED);
}

static void create_replace_remove(unsigned poor)
{
	files_seam(files, NULL, NULL, poor);
	struct place p = plan("sub/dir/a", "one", NULL);
	struct stat st;
	char path[128];
	cr_expect_eq(place(&p), PLACE_DONE);
	cr_expect_str_eq(get("sub/dir/a"), "one");
	snprintf(path, sizeof path, "%s/sub/dir/a", dir);
	stat(path, &st);
	cr_expect(st.st_mtim.tv_sec == 1700000000 && st.st_mtim.tv_nsec == 123000000);
	cr_expect_eq(place(&p), PLACE_CHANGED, "it is there already");
	store("one");
	p = plan("sub/dir/a", "two", "one");
	cr_expect_eq(place(&p), PLACE_DONE);
	cr_expect_str_eq(get("sub/dir/a"), "two");
	tidy();
	cr_expect_eq(temps("sub/dir"), 0);
	cr_expect_eq(found_count, 0);
	store("two");
	p = plan("sub/dir/a", NULL, "two");
	cr_expect_eq(place(&p), PLACE_DONE);
	tidy();
	cr_expect_eq(look("sub/dir/a", NULL), LOOK_ABSENT);
	snprintf(path, sizeof path, "%s/sub", dir);
	cr_expect_neq(access(path, F_OK), 0, "emptied folders go");
	cr_expect_eq(access(dir, F_OK), 0, "but never the root");
	cr_expect_eq(files_waiting(files), 0);
}

Test(io_files, create_replace_remove)
{
	create_replace_remove(0);
}

Test(io_files, create_replace_remove_poor)
{
	create_replace_remove(FILES_NO_TMPFILE | FILES_NO_OPENAT2);
	create_replace_remove(FILES_NO_EXCHANGE);
	create_replace_remove(FILES_NO_EXCHANGE | FILES_NO_LINK | FILES_NO_TMPFILE);
}

Test(io_files, remove_prunes_only_empty_folders)
{
	struct place p = plan("a/b/one", "1", NULL);
	place(&p);
	p = plan("a/two", "2", NULL);
	place(&p);
	store("1");
	p = plan("a/b/one", NULL, "1");
	cr_expect_eq(place(&p), PLACE_DONE);
	tidy();
	cr_expect_str_eq(get("a/two"), "2");
	cr_expect_eq(look("a/b", NULL), LOOK_ABSENT);
}

Test(io_files, modes)
{
	char path[128];
	struct place p = plan("script", "#!", NULL);
	p.meta = META_EXEC;
	cr_expect_eq(place(&p), PLACE_DONE);
	cr_expect_eq(mode("script"), 0755);
	p = plan("secret", "s", NULL);
	p.meta = META_PRIVATE;
	cr_expect_eq(place(&p), PLACE_DONE);
	cr_expect_eq(mode("secret"), 0600);
	put("group", "old");
	snprintf(path, sizeof path, "%s/group", dir);
	chmod(path, 0664);
	store("old");
	p = plan("group", "new", "old");
	cr_expect_eq(place(&p), PLACE_DONE);
	cr_expect_eq(mode("group"), 0664, "other permissions stay");
	store("new");
	p = plan("group", "newer", "new");
	p.meta = META_EXEC;
	cr_expect_eq(place(&p), PLACE_DONE);
	cr_expect_eq(mode("group"), 0775);
	chmod(path, 04755);
	store("newer");
	p = plan("group", "safe", "newer");
	p.expect_version = version_of(NULL, META_EXEC, span_text("newer"));
	p.meta = META_EXEC;
	cr_expect_eq(place(&p), PLACE_DONE);
	cr_expect_eq(mode("group"), 0755, "never setuid");
}

/* What a person does at the worst moment */

static const char *foreign_at, *foreign_name, *foreign_text;
static int foreign_how; /* 0 write in place, 1 rename over, 2 delete, 3 rename over (once more at swap-back) */

static void foreign(void *ctx, const char *point)
{
	char temp[200], path[200];
	(void)ctx;
	if (foreign_how == 3 && strcmp(point, "swap-back") == 0) {
		put("their-temp", "third");
		snprintf(temp, sizeof temp, "%s/their-temp", dir);
		snprintf(path, sizeof path, "%s/%s", dir, foreign_name);
		rename(temp, path);
	}
	if (!foreign_at || strcmp(point, foreign_at) != 0)
		return;
	foreign_at = NULL;
	snprintf(path, sizeof path, "%s/%s", dir, foreign_name);
	if (foreign_how == 2) {
		unlink(path);
	} else if (foreign_how == 0) {
		put(foreign_name, foreign_text);
	} else {
		put("their-temp", foreign_text);
		snprintf(temp, sizeof temp, "%s/their-temp", dir);
		rename(temp, path);
	}
}

static void race(const char *at, int how, unsigned poor)
{
	foreign_at = at;
	foreign_name = "a";
	foreign_text = "mine";
	foreign_how = how;
	files_seam(files, foreign, NULL, poor);
}

Test(io_files, an_edit_before_the_exchange_stays)
{
	static const unsigned poors[] = { 0, FILES_NO_EXCHANGE, FILES_NO_EXCHANGE | FILES_NO_LINK };
	store("old");
	for (int how = 0; how < 2; how++)
		for (size_t i = 0; i < 3; i++) {
			put("a", "old");
			struct place p = plan("a", "new", "old");
			race("checked", how, poors[i]);
			cr_expect_eq(place(&p), PLACE_CHANGED);
			cr_expect_str_eq(get("a"), "mine");
			tidy();
			cr_expect_eq(temps(""), 0, "how %d, poor %u", how, poors[i]);
			cr_expect_eq(found_count, 0);
		}
}

Test(io_files, a_delete_before_the_exchange_stays)
{
	store("old");
	put("a", "old");
	struct place p = plan("a", "new", "old");
	race("checked", 2, 0);
	cr_expect_eq(place(&p), PLACE_CHANGED);
	cr_expect_eq(look("a", NULL), LOOK_ABSENT);
	cr_expect_eq(temps(""), 0);
}

Test(io_files, an_edit_of_the_new_file_is_not_hidden)
{
	struct file_stat after, now;
	store("old");
	put("a", "old");
	struct place p = plan("a", "new", "old");
	race("swapped", 0, 0);
	cr_expect_eq(files_place(files, &p, &after), PLACE_DONE);
	cr_expect_str_eq(get("a"), "mine");
	look("a", &now);
	cr_expect_not(same_stat(&after, &now), "the next look sees that it changed");
}

/* One program writes to the file before the exchange, another one to what it finds in its place, before that is undone.
 */
static void both_edited(void *ctx, const char *point)
{
	(void)ctx;
	if (strcmp(point, "checked") == 0)
		put("a", "mine");
	if (strcmp(point, "swap-back") == 0)
		put("a", "on top of the new one");
}

Test(io_files, an_edit_of_the_new_file_outlives_that_it_goes_again)
{
	static const unsigned poors[] = { 0, FILES_NO_EXCHANGE, FILES_NO_EXCHANGE | FILES_NO_LINK };
	store("old");
	for (size_t i = 0; i < 3; i++) {
		put("a", "old");
		struct place p = plan("a", "new", "old");
		files_seam(files, both_edited, NULL, poors[i]);
		found_count = 0;
		stored_count = 1;
		cr_expect_eq(place(&p), PLACE_CHANGED);
		cr_expect_str_eq(get("a"), "mine");
		tidy();
		cr_expect_eq(found_count, 1, "poor %u", poors[i]);
		cr_expect_str_eq(found[0], "on top of the new one");
	}
}

/* It was edited before the exchange, and what came out is gone before it could go back. */
static void taken_away(void *ctx, const char *point)
{
	char path[PATH_MAX];
	(void)ctx;
	if (strcmp(point, "checked") == 0)
		put("a", "mine");
	if (strcmp(point, "swap-back") != 0)
		return;
	DIR *d = opendir(dir);
	for (struct dirent *e; d && (e = readdir(d));) {
		snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
		if (strncmp(e->d_name, ".syncline-", 10) == 0)
			unlink(path);
	}
	closedir(d);
}

Test(io_files, what_cannot_go_back_is_not_called_untouched)
{
	store("old");
	put("a", "old");
	struct place p = plan("a", "new", "old");
	files_seam(files, taken_away, NULL, 0);
	cr_expect_eq(place(&p), PLACE_ERROR);
	cr_expect_str_eq(get("a"), "new");
}

Test(io_files, three_versions_in_one_race)
{
	/* An edit before the exchange, and another one by rename before it is undone. */
	store("old");
	put("a", "old");
	struct place p = plan("a", "new", "old");
	race("checked", 3, 0);
	cr_expect_eq(place(&p), PLACE_CHANGED);
	cr_expect_str_eq(get("a"), "third", "the newest keeps the name");
	tidy();
	cr_expect_eq(found_count, 1);
	cr_expect_str_eq(found[0], "mine", "and the other one is not lost");
	cr_expect_eq(temps(""), 0);
}

Test(io_files, an_edit_before_the_removal_stays)
{
	store("old");
	for (int how = 0; how < 2; how++) {
		put("a", "old");
		struct place p = plan("a", NULL, "old");
		race("checked", how, 0);
		cr_expect_eq(place(&p), PLACE_CHANGED);
		cr_expect_str_eq(get("a"), "mine");
		cr_expect_eq(temps(""), 0);
	}
}

Test(io_files, a_file_made_before_the_creation_stays)
{
	struct place p = plan("a", "new", NULL);
	race("checked", 0, 0);
	cr_expect_eq(place(&p), PLACE_CHANGED);
	cr_expect_str_eq(get("a"), "mine");
	cr_expect_eq(temps(""), 0);
}

Test(io_files, a_writer_of_the_old_file_is_waited_for)
{
	char path[128];
	store("old");
	put("a", "old");
	snprintf(path, sizeof path, "%s/a", dir);
	int writer = open(path, O_WRONLY | O_APPEND);
	struct place p = plan("a", "new", "old");
	cr_expect_eq(place(&p), PLACE_DONE);
	files_tidy(files);
	cr_expect_eq(temps(""), 1, "it is open for writing");
	cr_assert_eq(write(writer, " and more", 9), 9);
	files_tidy(files);
	cr_expect_eq(found_count, 0);
	close(writer);
	tidy();
	cr_expect_eq(found_count, 1);
	cr_expect_str_eq(found[0], "old and more");
	cr_expect_eq(temps(""), 0, "it went once it was stored");
}

Test(io_files, bytes_that_are_not_stored_are_kept)
{
	put("a", "old"); /* and never stored */
	struct place p = plan("a", "new", "old");
	cr_expect_eq(place(&p), PLACE_DONE);
	found_count = 0;
	files_tidy(files);
	cr_expect_eq(found_count, 1, "offered");
	cr_expect_eq(temps(""), 1, "and there until known");
	tidy();
	cr_expect_eq(temps(""), 0);
}

/* Leftovers of a crash */

static void leftover(const char *text, const char *says, char name[128])
{
	char item_hex[ID_HEX], version_hex[ID_HEX];
	struct id item = version("item"), v = version(says);
	snprintf(name, 128, ".syncline-%s-%s", id_hex(&item, item_hex), id_hex(&v, version_hex));
	put(name, text);
	files_leftover(files, "notes", "", name);
}

Test(io_files, leftovers_are_judged_by_their_bytes)
{
	char name[128];
	leftover("complete", "complete", name);
	tidy();
	cr_expect_str_eq(get(name), "(none)", "ours, never placed");
	store("known");
	leftover("known", "other", name);
	tidy();
	cr_expect_str_eq(get(name), "(none)", "swapped out and stored");
	cr_expect_eq(found_count, 0);
	leftover("an edit", "other", name);
	tidy();
	cr_expect_eq(found_count, 1);
	cr_expect_str_eq(found[0], "an edit");
	cr_expect_str_eq(get(name), "(none)");
	put(".syncline-note", "somebody else's name");
	files_leftover(files, "notes", "", ".syncline-note");
	tidy();
	cr_expect_str_eq(get(".syncline-note"), "somebody else's name");
}

Test(io_files, a_leftover_does_not_block_a_place)
{
	char name[128];
	put("a", "old");
	store("old");
	struct place p = plan("a", "new", "old");
	p.item = version("item");
	leftover("an edit", "new", name);
	cr_expect_eq(place(&p), PLACE_DONE);
	tidy();
	cr_expect_str_eq(get("a"), "new");
	cr_expect_eq(found_count, 1);
	cr_expect_eq(temps(""), 0);
}

/* Batches */

Test(io_files, staged)
{
	struct place all[40];
	char names[40][32];
	struct file_stat after;
	store("old");
	for (int i = 0; i < 40; i++) {
		snprintf(names[i], sizeof names[i], "d%d/f%d", i % 4, i);
		if (i % 2) {
			char folder[128];
			snprintf(folder, sizeof folder, "%s/d%d", dir, i % 4);
			mkdir(folder, 0755);
			put(names[i], "old");
		}
		all[i] = plan(names[i], "new", i % 2 ? "old" : NULL);
		cr_expect(files_stage(files, &all[i]));
	}
	cr_expect(files_stage_sync(files));
	for (int i = 0; i < 40; i++)
		cr_expect_eq(files_place(files, &all[i], &after), PLACE_DONE);
	cr_expect(files_sync_names(files));
	for (int i = 0; i < 40; i++)
		cr_expect_str_eq(get(names[i]), "new");
	tidy();
	for (int i = 0; i < 4; i++) {
		char folder[16];
		snprintf(folder, sizeof folder, "d%d", i);
		cr_expect_eq(temps(folder), 0);
	}
}

Test(io_files, staged_but_changed_meanwhile)
{
	struct file_stat after;
	store("old");
	put("a", "old");
	struct place p = plan("a", "new", "old"), q = plan("b", "new", NULL);
	cr_expect(files_stage(files, &p));
	cr_expect(files_stage(files, &q));
	cr_expect(files_stage_sync(files));
	put("a", "mine!");
	put("b", "mine too");
	cr_expect_eq(files_place(files, &p, &after), PLACE_CHANGED);
	cr_expect_eq(files_place(files, &q, &after), PLACE_CHANGED);
	cr_expect_str_eq(get("a"), "mine!");
	cr_expect_str_eq(get("b"), "mine too");
}

Test(io_files, staged_removals)
{
	struct file_stat after;
	store("old");
	put("a", "old");
	struct place p = plan("a", NULL, "old");
	cr_expect(files_stage(files, &p));
	cr_expect(files_stage_sync(files));
	cr_expect_eq(files_place(files, &p, &after), PLACE_DONE);
	cr_expect(files_sync_names(files));
	cr_expect_eq(look("a", NULL), LOOK_ABSENT);
}

/* What is waited for, and for how long */

/* These stand in front of the C library's in this program: they note what was waited for, and may fail or meddle. */
static char waited[16][128]; /* folders below `dir` that were synced, "." for itself; "*" for a whole filesystem */
static size_t waited_count;
static const char *failing; /* the folder of which a sync fails once */
static void (*reading)(void);
static size_t bytes_read, ranges;
static int range_error; /* of the next wait for a part */
static void (*syncing)(void);

static void note_wait(int fd, bool all)
{
	char self[40], path[128] = "";
	size_t len = strlen(dir);
	snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
	if (!len || readlink(self, path, sizeof path - 1) < 0 || strncmp(path, dir, len) != 0 || waited_count == 16)
		return;
	const char *below = path[len] ? path + len + 1 : ".";
	snprintf(waited[waited_count++], sizeof *waited, "%s", all ? "*" : below);
}

int fsync(int fd)
{
	int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
	size_t before = waited_count;
	note_wait(fd, false);
	if (syncing)
		syncing();
	if (failing && waited_count > before && strcmp(waited[before], failing) == 0) {
		failing = NULL;
		errno = EIO;
		return -1;
	}
	return real(fd);
}

int syncfs(int fd)
{
	int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "syncfs");
	note_wait(fd, true);
	return real(fd);
}

int sync_file_range(int fd, off_t from, off_t len, unsigned how)
{
	int (*real)(int, off_t, off_t, unsigned) =
	        (int (*)(int, off_t, off_t, unsigned))dlsym(RTLD_NEXT, "sync_file_range");
	ranges++;
	if (range_error && how & SYNC_FILE_RANGE_WAIT_AFTER) {
		errno = range_error;
		return -1;
	}
	return real(fd, from, len, how);
}

ssize_t read(int fd, void *out, size_t len)
{
	ssize_t (*real)(int, void *, size_t) = (ssize_t (*)(int, void *, size_t))dlsym(RTLD_NEXT, "read");
	void (*meddle)(void) = reading;
	ssize_t got = real(fd, out, len);
	bytes_read += got > 0 ? (size_t)got : 0;
	reading = NULL;
	if (meddle)
		meddle();
	return got;
}

static size_t waits(const char *what)
{
	size_t n = 0;
	for (size_t i = 0; i < waited_count; i++)
		n += strcmp(waited[i], what) == 0;
	return n;
}

static void make_folder(const char *name)
{
	char path[128];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	cr_assert_eq(mkdir(path, 0755), 0);
}

Test(io_files, folders_that_others_made_are_on_the_disk_before_what_is_placed_in_them_counts)
{
	char from[128], to[128];
	make_folder("made");
	make_folder("made/deep");
	struct place p = plan("made/deep/a", "x", NULL), q = plan("made/deep/b", "x", NULL),
		     r = plan("made/deep/c", "x", NULL);
	cr_assert_eq(place(&p), PLACE_DONE);
	cr_expect_eq(waits("made/deep"), 1, "what holds the file");
	cr_expect_eq(waits("made"), 1, "what holds that");
	cr_expect_eq(waits("."), 1, "and what holds that");
	waited_count = 0;
	cr_assert_eq(place(&q), PLACE_DONE);
	cr_expect_eq(waits("made/deep"), 1);
	cr_expect_eq(waits("made") + waits("."), 0, "once is enough");
	snprintf(from, sizeof from, "%s/made", dir);
	snprintf(to, sizeof to, "%s/away", dir);
	cr_assert_eq(rename(from, to), 0);
	make_folder("made");
	make_folder("made/deep");
	waited_count = 0;
	cr_assert_eq(place(&r), PLACE_DONE);
	cr_expect(waits("made") == 1 && waits(".") == 1, "other folders of the same names are others");
}

Test(io_files, a_folder_on_the_way_that_cannot_be_synced_is_an_error_and_tried_again)
{
	struct file_stat after;
	make_folder("made");
	struct place p = plan("made/a", "x", NULL), q = plan("made/b", "x", NULL);
	failing = ".";
	cr_expect_eq(files_place(files, &p, &after), PLACE_ERROR);
	waited_count = 0;
	cr_expect_eq(place(&q), PLACE_DONE);
	cr_expect_eq(waits("."), 1, "it is not taken for done");
}

/* It stands there all the same, and the caller finds it: before that is saved, its name must be waited for. */
Test(io_files, a_name_whose_sync_failed_is_synced_before_the_commit)
{
	struct file_stat after;
	struct place p = plan("a", "x", NULL);
	failing = ".";
	cr_expect_eq(files_place(files, &p, &after), PLACE_ERROR);
	cr_expect_str_eq(get("a"), "x");
	waited_count = 0;
	cr_expect(files_sync_names(files));
	cr_expect_eq(waits("*"), 1);
	cr_expect(files_sync_names(files));
	cr_expect_eq(waits("*"), 1, "then nothing waits any more");
}

/* Half of it on the disk would be somebody's edit undone by a power cut. */
Test(io_files, an_exchange_that_was_undone_is_synced_before_the_commit)
{
	static const unsigned poors[] = { 0, FILES_NO_EXCHANGE, FILES_NO_EXCHANGE | FILES_NO_LINK };
	store("old");
	for (size_t i = 0; i < 3; i++) {
		put("a", "old");
		struct place p = plan("a", "new", "old");
		race("checked", 1, poors[i]);
		cr_expect_eq(place(&p), PLACE_CHANGED);
		waited_count = 0;
		cr_expect(files_sync_names(files));
		cr_expect_eq(waits("*"), 1, "poor %u", poors[i]);
	}
}

Test(io_files, a_removal_that_was_undone_is_synced_before_the_commit)
{
	store("old");
	put("a", "old");
	struct place p = plan("a", NULL, "old");
	race("checked", 0, 0);
	cr_expect_eq(place(&p), PLACE_CHANGED);
	waited_count = 0;
	cr_expect(files_sync_names(files));
	cr_expect_eq(waits("*"), 1);
}

/* Reading while somebody writes */

static void append_more(void)
{
	char path[128];
	snprintf(path, sizeof path, "%s/a", dir);
	int fd = open(path, O_WRONLY | O_APPEND);
	cr_assert(fd >= 0 && write(fd, " half", 5) == 5);
	close(fd);
}

static void rewrite(void)
{
	char path[128];
	snprintf(path, sizeof path, "%s/a", dir);
	int fd = open(path, O_WRONLY);
	cr_assert(fd >= 0 && write(fd, "FIRST", 5) == 5);
	close(fd);
}

static void cut_short(void)
{
	char path[128];
	snprintf(path, sizeof path, "%s/a", dir);
	cr_assert_eq(truncate(path, 2), 0);
}

static void replace_it(void)
{
	char from[128], to[128];
	put("b", "other");
	snprintf(from, sizeof from, "%s/b", dir);
	snprintf(to, sizeof to, "%s/a", dir);
	cr_assert_eq(rename(from, to), 0);
}

static void take_it_away(void)
{
	char path[128];
	snprintf(path, sizeof path, "%s/a", dir);
	unlink(path);
}

Test(io_files, a_file_that_is_written_while_it_is_read_gives_no_content)
{
	static void (*const ways[])(void) = { append_more, rewrite, cut_short, replace_it, take_it_away };
	const struct file_ref ref = { "notes", "a" };
	struct file_stat stat;
	struct blob content = { 0 };
	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
		char path[128];
		snprintf(path, sizeof path, "%s/a", dir);
		put("a", "first");
		/* a write in this tick shows */
		utimensat(AT_FDCWD, path, (struct timespec[]){ { .tv_sec = 1 }, { .tv_sec = 1 } }, 0);
		reading = ways[i];
		cr_expect_eq(files_take(files, &ref, &stat, &content), LOOK_BUSY, "way %zu", i);
		cr_expect(!content.data && !reading, "way %zu", i);
	}
	put("a", "whole");
	cr_expect_eq(files_take(files, &ref, &stat, &content), LOOK_FILE);
	cr_expect(content.len == 5 && memcmp(content.data, "whole", 5) == 0);
	blob_finish(&content);
}

/* Large files in parts */

static size_t descriptors(void)
{
	size_t count = 0;
	DIR *d = opendir("/proc/self/fd");
	while (readdir(d))
		count++;
	closedir(d);
	return count;
}

static void put_large(const char *name, char fill)
{
	char bytes[3501];
	memset(bytes, fill, 3500);
	bytes[3500] = 0;
	put(name, bytes);
}

static enum look take_part(const char *name, struct blob *content)
{
	const struct file_ref ref = { "notes", name };
	struct file_stat stat;
	return files_take(files, &ref, &stat, content);
}

Test(io_files, a_large_file_is_taken_in_parts)
{
	struct blob content = { 0 }, small = { 0 };
	size_t fds = descriptors();
	files_part_bytes(files, 1000);
	put_large("a", 'a');
	put("small", "one");
	for (size_t len = 1000; len < 3500; len += 1000) {
		cr_expect_eq(take_part("a", &content), LOOK_MORE);
		cr_expect_eq(content.len, len);
		cr_expect_eq(descriptors(), fds + 1);
		cr_expect_eq(take_part("small", &small), LOOK_FILE, "a small one passes");
		blob_finish(&small);
	}
	cr_expect_eq(take_part("a", &content), LOOK_FILE);
	cr_expect(content.len == 3500 && content.data[0] == 'a' && content.data[3499] == 'a');
	cr_expect_eq(descriptors(), fds);
	blob_finish(&content);
	static const size_t sizes[] = { 1000, 1001, 2000, 2001, 3000 }; /* where a part ends just there */
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		char bytes[3001];
		memset(bytes, 'x', sizes[i]);
		bytes[sizes[i]] = 0;
		put("b", bytes);
		enum look look;
		while ((look = take_part("b", &content)) == LOOK_MORE)
			;
		cr_expect(look == LOOK_FILE && content.len == sizes[i]);
		blob_finish(&content);
	}
	cr_expect_eq(descriptors(), fds);
}

static void rewrite_large(void)
{
	put_large("a", 'z');
}

static void replace_by_its_like(void)
{
	char from[128], to[128];
	struct stat st;
	snprintf(from, sizeof from, "%s/b", dir);
	snprintf(to, sizeof to, "%s/a", dir);
	cr_assert_eq(stat(to, &st), 0);
	put_large("b", 'b');
	cr_assert_eq(utimensat(AT_FDCWD, from, (struct timespec[]){ st.st_atim, st.st_mtim }, 0), 0);
	cr_assert_eq(rename(from, to), 0);
}

static void make_executable(void)
{
	char path[128];
	snprintf(path, sizeof path, "%s/a", dir);
	chmod(path, 0755);
}

Test(io_files, parts_of_two_files_never_make_one)
{
	static void (*const ways[])(void) = { append_more, rewrite_large, cut_short, replace_by_its_like,
					      make_executable, take_it_away };
	size_t fds = descriptors();
	files_part_bytes(files, 1000);
	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
		struct blob content = { 0 };
		char path[128];
		snprintf(path, sizeof path, "%s/a", dir);
		put_large("a", 'a');
		utimensat(AT_FDCWD, path, (struct timespec[]){ { .tv_sec = 1 }, { .tv_sec = 1 } }, 0);
		cr_expect_eq(take_part("a", &content), LOOK_MORE);
		cr_expect_eq(take_part("a", &content), LOOK_MORE);
		ways[i]();
		cr_expect_eq(take_part("a", &content), ways[i] == take_it_away ? LOOK_ABSENT : LOOK_BUSY, "way %zu", i);
		cr_expect(!content.data && !content.len, "way %zu", i);
		cr_expect_eq(descriptors(), fds, "way %zu", i);
	}
	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) { /* … and within the last part */
		struct blob content = { 0 };
		char path[128];
		snprintf(path, sizeof path, "%s/a", dir);
		put_large("a", 'a');
		utimensat(AT_FDCWD, path, (struct timespec[]){ { .tv_sec = 1 }, { .tv_sec = 1 } }, 0);
		for (int part = 0; part < 3; part++)
			cr_expect_eq(take_part("a", &content), LOOK_MORE);
		reading = ways[i];
		cr_expect_eq(take_part("a", &content), LOOK_BUSY, "way %zu", i);
		cr_expect(!content.data && !reading, "way %zu", i);
		cr_expect_eq(descriptors(), fds, "way %zu", i);
	}
}

Test(io_files, a_taking_that_is_given_up_closes_its_file)
{
	struct blob a = { 0 }, b = { 0 };
	struct err e;
	size_t fds = descriptors();
	files_part_bytes(files, 1000);
	put_large("a", 'a');
	put_large("b", 'b');
	cr_expect_eq(take_part("a", &a), LOOK_MORE);
	cr_expect_eq(take_part("b", &b), LOOK_MORE);
	cr_expect_eq(descriptors(), fds + 1, "one at a time");
	cr_expect_eq(take_part("a", &a), LOOK_MORE);
	cr_expect(a.len == 1000 && a.data[0] == 'a', "begun anew");
	blob_finish(&a);
	cr_expect_eq(take_part("a", &a), LOOK_MORE, "an empty one begins anew");
	cr_expect_eq(a.len, 1000);
	files_take_drop(files);
	cr_expect_eq(descriptors(), fds);
	cr_expect_eq(take_part("a", &a), LOOK_MORE);
	cr_expect_eq(a.len, 1000);
	files_remove_root(files, "notes");
	cr_expect_eq(descriptors(), fds - 1, "the root's is closed too");
	cr_expect_eq(take_part("a", &a), LOOK_ROOT_GONE);
	cr_expect_not(a.data);
	cr_expect(files_add_root(files, "notes", dir, NULL, &e));
	blob_finish(&b);
}

/* The root */

Test(io_files, a_root_that_is_gone_or_another_says_nothing)
{
	char away[80], pin[64], why[160];
	snprintf(away, sizeof away, "%s.away", dir);
	put("a", "text");
	cr_assert(files_root_pin(files, "notes", pin));
	rename(dir, away);
	cr_expect_eq(look("a", NULL), LOOK_ROOT_GONE);
	cr_expect_eq(look("b", NULL), LOOK_ROOT_GONE);
	mkdir(dir, 0755);
	cr_expect_eq(look("a", NULL), LOOK_ROOT_GONE, "an empty folder in its place is not it");
	cr_expect_not(files_root_there(files, "notes", why));
	cr_expect(why[0]);
	cr_assert(files_add_root(files, "notes", dir, pin, NULL));
	cr_expect_eq(look("a", NULL), LOOK_ROOT_GONE, "nor after a restart");
	rmdir(dir);
	rename(away, dir);
	cr_expect_eq(look("a", NULL), LOOK_FILE);
}

Test(io_files, a_root_at_rest_holds_nothing_and_is_known_again)
{
	char away[80];
	struct file_stat after;
	size_t open = descriptors();
	put("a", "text");
	store("text");
	cr_expect_eq(look("a", NULL), LOOK_FILE);
	uint64_t opened = files_root_opened(files, "notes");
	files_rest(files);
	cr_expect_eq(descriptors(), open - 1);
	cr_expect_eq(look("a", NULL), LOOK_FILE);
	cr_expect_eq(descriptors(), open);
	cr_expect_eq(files_root_opened(files, "notes"), opened, "the same one");
	files_rest(files);
	int fd = files_open_folder(files, "notes", "");
	cr_expect_geq(fd, 0);
	close(fd);
	/* It goes while it rests, and another one stands there. */
	files_rest(files);
	snprintf(away, sizeof away, "%s.away", dir);
	rename(dir, away);
	cr_expect_eq(files_open_folder(files, "notes", ""), -1);
	cr_expect_eq(files_root_opened(files, "notes"), 0);
	mkdir(dir, 0755);
	cr_expect_eq(look("a", NULL), LOOK_ROOT_GONE);
	rmdir(dir);
	rename(away, dir);
	cr_expect_eq(look("a", NULL), LOOK_FILE);
	cr_expect_neq(files_root_opened(files, "notes"), opened, "it went and came back");
	/* Names that wait for the disk keep it. */
	struct place p = plan("a", "new", "text");
	cr_assert(files_stage(files, &p));
	files_rest(files);
	cr_expect_eq(descriptors(), open);
	cr_expect(files_stage_sync(files));
	cr_expect_eq(files_place(files, &p, &after), PLACE_DONE);
	files_rest(files);
	cr_expect_eq(descriptors(), open);
	cr_expect(files_sync_names(files));
	files_rest(files);
	cr_expect_eq(descriptors(), open - 1);
}

/* With nobody to hold it, its inode number is free for the next one on many filesystems. */
Test(io_files, a_root_that_was_removed_at_rest_and_made_again_is_another)
{
	struct statx x;
	if (statx(AT_FDCWD, dir, 0, STATX_BTIME, &x) || !(x.stx_mask & STATX_BTIME))
		cr_skip("its filesystem tells no time of birth");
	files_rest(files);
	rmdir(dir);
	mkdir(dir, 0755);
	cr_expect_eq(look("a", NULL), LOOK_ROOT_GONE);
}

Test(io_files, inode_numbers_are_not_told_where_they_mean_nothing)
{
	struct file_stat stat;
	put("a", "old");
	store("old");
	cr_expect_eq(look("a", &stat), LOOK_FILE);
	cr_expect_neq(stat.inode, 0);
	struct place p = plan("a", "new", "old"); /* expects the number that was told when it still was */
	files_seam(files, NULL, NULL, FILES_FAR);
	cr_assert(files_add_root(files, "notes", dir, NULL, NULL));
	cr_expect(files_root_far(files, "notes"));
	cr_expect_eq(look("a", &stat), LOOK_FILE);
	cr_expect_eq(stat.inode, 0);
	cr_expect_eq(place(&p), PLACE_DONE);
	cr_expect_str_eq(get("a"), "new");
	cr_expect_eq(look("a", &stat), LOOK_FILE);
	store("new");
	p = plan("a", "newer", "new");
	cr_expect_eq(p.expect_stat.inode, 0);
	cr_expect_eq(place(&p), PLACE_DONE);
}

Test(io_files, a_linked_root_is_resolved)
{
	char link[80];
	snprintf(link, sizeof link, "%s.link", dir);
	cr_assert_eq(symlink(dir, link), 0);
	cr_assert(files_add_root(files, "notes", link, NULL, NULL));
	struct place p = plan("a", "x", NULL);
	cr_expect_eq(place(&p), PLACE_DONE);
	cr_expect_str_eq(files_root_path(files, "notes"), dir);
	unlink(link);
}

Test(io_files, a_denied_folder_changes_nothing)
{
	char path[128];
	if (geteuid() == 0 && (setegid(65534) || seteuid(0)))
		cr_skip_test("cannot become an ordinary user");
	snprintf(path, sizeof path, "%s/locked", dir);
	mkdir(path, 0755);
	put("locked/a", "old");
	store("old");
	struct place p = plan("locked/a", "new", "old"), q = plan("locked/b", "new", NULL);
	chmod(path, 0555);
	uid_t was = geteuid();
	if (was == 0) {
		cr_assert_eq(chown(dir, 65534, 65534), 0);
		cr_assert_eq(chown(path, 65534, 65534), 0);
		cr_assert_eq(seteuid(65534), 0);
	}
	cr_expect_eq(place(&p), PLACE_DENIED);
	cr_expect_eq(place(&q), PLACE_DENIED);
	chmod(path, 0000);
	cr_expect_eq(look("locked/a", NULL), LOOK_ERROR, "never an absence");
	if (was == 0)
		cr_assert_eq(seteuid(0), 0);
	chmod(path, 0755);
	cr_expect_str_eq(get("locked/a"), "old");
	cr_expect_eq(temps("locked"), 0);
}

/* Large files, in parts of eight bytes */

#define OLD "an old file of five parts, and more" /* 35 bytes */
#define NEW "a new one, of four parts" /* 24 */

/* A file that nobody wrote to for a while. */
static void put_old(const char *name, const char *text)
{
	struct file_stat stat;
	put(name, text);
	cr_assert_eq(look(name, &stat), LOOK_FILE);
	for (uint64_t end = clock_ms() + 5000; clock_wall_ms() - stat.ctime_ns / 1000000 <= 25; usleep(1000))
		cr_assert(clock_ms() < end);
}

static void large(unsigned poor)
{
	files_part_bytes(files, 8);
	files_seam(files, NULL, NULL, poor);
	stored_count = found_count = 0;
	store(OLD);
}

/* So many parts, and no more. */
static enum place_result parts(const struct place *p, size_t count)
{
	struct file_stat after;
	enum place_result result = PLACE_MORE;
	for (size_t i = 0; i < count && result == PLACE_MORE; i++)
		result = files_place(files, p, &after);
	return result;
}

static size_t parts_needed(const struct place *p, enum place_result *result)
{
	struct file_stat after;
	size_t n = 0;
	while ((*result = files_place(files, p, &after)) == PLACE_MORE)
		cr_assert(n++ < 100);
	return n;
}

Test(io_files, a_large_file_comes_in_parts)
{
	enum place_result result;
	large(0);
	make_folder("d");
	struct place p = plan("d/a", NEW, NULL);
	size_t open = descriptors();
	waited_count = 0;
	cr_expect_eq(parts(&p, 3), PLACE_MORE);
	cr_expect_eq(ranges, 5, "on its way to the disk: begun thrice, waited for twice");
	cr_expect_eq(look("d/a", NULL), LOOK_ABSENT);
	cr_expect_eq(temps("d"), 0, "it has no name");
	cr_expect_eq(waited_count, 0);
	cr_expect_eq(parts_needed(&p, &result), 1, "it is waited for by itself");
	cr_expect_eq(result, PLACE_DONE);
	cr_expect_str_eq(get("d/a"), NEW);
	cr_expect_eq(waits("d"), 1, "as for a small one: the file, its folder, and once what is above it");
	cr_expect_eq(waits("."), 1);
	cr_expect_eq(waited_count, 3);
	cr_expect_eq(descriptors(), open);
	cr_expect_eq(mode("d/a"), 0644);
}

/* Read where it stands, and once only. */
Test(io_files, a_large_file_replaces_a_large_one_in_parts)
{
	static const unsigned poors[] = { 0, FILES_NO_TMPFILE, FILES_NO_EXCHANGE, FILES_NO_EXCHANGE | FILES_NO_LINK };
	enum place_result result;
	for (size_t i = 0; i < sizeof poors / sizeof *poors; i++) {
		large(poors[i]);
		put_old("a", OLD);
		struct place p = plan("a", NEW, OLD);
		size_t open = descriptors();
		cr_expect_eq(parts(&p, 3), PLACE_MORE);
		bytes_read = 0;
		cr_expect_eq(parts_needed(&p, &result), 6, "poor %u: the disk, a look and the first parts", poors[i]);
		cr_expect_eq(result, PLACE_DONE);
		cr_expect_eq(bytes_read, strlen(OLD), "poor %u", poors[i]);
		cr_expect_str_eq(get("a"), NEW);
		cr_expect_eq(descriptors(), open);
		cr_expect_eq(temps(""), 1);
		size_t calls = 0;
		while (files_tidy(files)) {
			cr_assert(calls++ < 20);
			cr_expect_eq(files_tidy_in_ms(files), 0);
			cr_expect_eq(descriptors(), open + 1);
		}
		cr_expect_eq(calls, 4, "judged in five parts");
		cr_expect_eq(found_count + temps(""), 0);
		cr_expect_eq(descriptors(), open);
	}
}

Test(io_files, a_large_file_goes_in_parts_and_its_folder_behind_it)
{
	enum place_result result;
	large(0);
	make_folder("d");
	put_old("d/a", OLD);
	struct place p = plan("d/a", NULL, OLD);
	bytes_read = 0;
	cr_expect_eq(parts_needed(&p, &result), 5);
	cr_expect_eq(result, PLACE_DONE);
	cr_expect_eq(look("d/a", NULL), LOOK_ABSENT);
	tidy();
	cr_expect_eq(look("d", NULL), LOOK_ABSENT);
	cr_expect_eq(bytes_read, 2 * strlen(OLD));
}

Test(io_files, a_small_file_over_a_large_one_is_placed_in_parts_too)
{
	enum place_result result;
	large(0);
	put_old("a", OLD);
	struct place p = plan("a", "small", OLD);
	cr_expect_eq(parts_needed(&p, &result), 5);
	cr_expect_eq(result, PLACE_DONE);
	cr_expect_str_eq(get("a"), "small");
}

static void changed_between_parts(unsigned poor, const char *new, int how)
{
	struct file_stat after;
	for (size_t part = 1;; part++) {
		large(poor);
		put_old("a", OLD);
		struct place p = plan("a", new, OLD);
		size_t open = descriptors();
		enum place_result result = parts(&p, part);
		if (result != PLACE_MORE)
			break;
		foreign_at = "part";
		foreign_name = "a";
		foreign_text = how == 3 ? OLD : "mine";
		foreign_how = how % 3;
		foreign(NULL, "part");
		cr_expect_eq(files_place(files, &p, &after), PLACE_CHANGED, "part %zu", part);
		cr_expect_str_eq(get("a"), how == 2 ? "(none)" : foreign_text);
		cr_expect_eq(temps(""), 0, "part %zu", part);
		cr_expect_eq(descriptors(), open, "part %zu", part);
	}
	tidy();
}

Test(io_files, a_file_that_changes_between_parts_stays)
{
	for (int how = 0; how < 4; how++) { /* written, replaced, deleted, saved once more */
		changed_between_parts(0, NEW, how);
		changed_between_parts(FILES_NO_TMPFILE, NEW, how);
		changed_between_parts(0, NULL, how);
	}
}

/* While it was read nobody could write; so it is read again, behind the exchange. */
Test(io_files, a_large_file_that_somebody_has_open_is_read_after_the_exchange)
{
	enum place_result result;
	char path[128];
	large(0);
	put_old("a", OLD);
	struct place p = plan("a", NEW, OLD);
	snprintf(path, sizeof path, "%s/a", dir);
	int fd = open(path, O_WRONLY);
	bytes_read = 0;
	cr_expect_eq(parts_needed(&p, &result), 4, "only its own parts, and the disk");
	cr_expect_eq(result, PLACE_DONE);
	cr_expect_eq(bytes_read, strlen(OLD));
	cr_expect_eq(files_tidy(files), 1, "somebody may write to it");
	cr_assert(pwrite(fd, "MY", 2, 0) == 2);
	close(fd);
	tidy();
	cr_expect_eq(found_count, 1);
	cr_expect_str_eq(found[0], "MY old file of five parts, and more");
	cr_expect_eq(temps(""), 0);
}

/* They have it open at the last moment: while it goes they wait. */
static int last_fd;
static int last_error;

static void opens(void *ctx, const char *point)
{
	char path[128];
	(void)ctx;
	if (strcmp(point, "checked") != 0)
		return;
	snprintf(path, sizeof path, "%s/a", dir);
	last_fd = open(path, O_WRONLY | O_NONBLOCK);
	last_error = errno;
}

Test(io_files, who_opens_a_large_file_right_before_the_exchange_is_noticed)
{
	enum place_result result;
	large(0);
	put_old("a", OLD);
	struct place p = plan("a", NEW, OLD);
	files_seam(files, opens, NULL, 0);
	bytes_read = 0;
	parts_needed(&p, &result);
	cr_expect(last_fd < 0 && last_error == EWOULDBLOCK);
	cr_expect_eq(result, PLACE_DONE);
	cr_expect_eq(bytes_read, 2 * strlen(OLD), "read once more");
}

/* … and no longer: the disk may take its time. */
static void opens_what_came_out(void)
{
	DIR *d = opendir(dir);
	for (struct dirent *e; (e = readdir(d));) {
		if (strncmp(e->d_name, ".syncline-", 10) != 0)
			continue;
		last_fd = openat(dirfd(d), e->d_name, O_WRONLY | O_NONBLOCK);
		close(last_fd);
	}
	closedir(d);
}

Test(io_files, nobody_waits_to_write_while_the_disk_is_waited_for)
{
	enum place_result result;
	large(0);
	put_old("a", OLD);
	struct place p = plan("a", NEW, OLD);
	last_fd = -1;
	syncing = opens_what_came_out;
	parts_needed(&p, &result);
	syncing = NULL;
	cr_expect_eq(result, PLACE_DONE);
	cr_expect_geq(last_fd, 0);
}

Test(io_files, what_takes_the_name_right_before_the_exchange_is_put_back)
{
	static const unsigned poors[] = { 0, FILES_NO_EXCHANGE, FILES_NO_EXCHANGE | FILES_NO_LINK };
	enum place_result result;
	for (size_t i = 0; i < 3; i++) {
		large(0);
		put_old("a", OLD);
		struct place p = plan("a", NEW, OLD);
		race("checked", 1, poors[i]);
		parts_needed(&p, &result);
		cr_expect_eq(result, PLACE_CHANGED);
		cr_expect_str_eq(get("a"), "mine");
		tidy();
		cr_expect_eq(temps(""), 0);
	}
}

/* Its stat is what was expected, its bytes are not: it is not even touched. */
Test(io_files, a_large_file_of_other_bytes_keeps_its_place)
{
	enum place_result result;
	struct stat before, after;
	char path[128];
	large(0);
	put_old("a", OLD);
	struct place p = plan("a", NEW, OLD);
	p.expect_version = version("what it held by the ledger, at some length");
	snprintf(path, sizeof path, "%s/a", dir);
	cr_assert_eq(stat(path, &before), 0);
	parts_needed(&p, &result);
	cr_expect_eq(result, PLACE_CHANGED);
	cr_assert_eq(stat(path, &after), 0);
	cr_expect(before.st_ino == after.st_ino && before.st_ctim.tv_nsec == after.st_ctim.tv_nsec);
}

/* Times of this tick tell nothing, nor do whole seconds of these three. */
Test(io_files, a_large_file_that_was_written_just_now_is_read_after_the_exchange)
{
	enum place_result result;
	size_t often = 0;
	for (int i = 0; i < 20; i++) {
		large(0);
		put("a", OLD);
		struct place p = plan("a", NEW, OLD);
		size_t needed = parts_needed(&p, &result);
		cr_expect_eq(result, PLACE_DONE);
		often += needed == 4;
		tidy();
	}
	cr_expect_gt(often, 0);
}

Test(io_files, a_folder_that_goes_between_parts_is_made_again)
{
	char path[128];
	size_t open = descriptors();
	for (size_t i = 0; i < 2; i++) {
		enum place_result result;
		large(i ? FILES_NO_TMPFILE : 0);
		struct place p = plan("d/e/a", NEW, NULL);
		cr_expect_eq(parts(&p, 2), PLACE_MORE);
		snprintf(path, sizeof path, "rm -r %s/d", dir);
		cr_assert_eq(system(path), 0);
		cr_expect_eq(parts_needed(&p, &result), 4, "all of it");
		cr_expect_eq(result, PLACE_DONE);
		cr_expect_str_eq(get("d/e/a"), NEW);
		cr_expect_eq(temps("d/e"), 0);
		cr_assert_eq(system(path), 0);
	}
	cr_expect_eq(descriptors(), open);
}

Test(io_files, a_large_file_that_is_given_up_leaves_nothing)
{
	char away[80];
	for (size_t i = 0; i < 8; i++) {
		unsigned poor = i % 2 ? FILES_NO_TMPFILE : 0;
		struct file_stat after;
		large(poor);
		struct place p = plan("d/e/a", NEW, NULL), q = plan("b", OLD, NULL);
		size_t open = descriptors();
		cr_expect_eq(parts(&p, 2), PLACE_MORE);
		cr_expect_gt(descriptors(), open);
		if (i / 2 == 0) {
			files_large_drop(files);
		} else if (i / 2 == 1) { /* for another one */
			cr_expect_eq(parts(&q, 1), PLACE_MORE);
			files_large_drop(files);
		} else if (i / 2 == 2) {
			files_remove_root(files, "notes");
			cr_expect_eq(descriptors(), open - 1);
			cr_assert(files_add_root(files, "notes", dir, NULL, NULL));
		} else {
			snprintf(away, sizeof away, "%s.away", dir);
			rename(dir, away);
			cr_expect_eq(files_place(files, &p, &after), PLACE_ERROR);
			cr_expect_eq(descriptors(), open - 1);
			rename(away, dir);
			cr_expect(files_root_there(files, "notes", NULL));
			cr_expect_eq(temps("d/e"), 0);
			snprintf(away, sizeof away, "rm -r %s/d", dir);
			cr_assert_eq(system(away), 0);
		}
		cr_expect_eq(descriptors(), open, "way %zu", i);
		cr_expect(i / 2 == 3 || look("d", NULL) == LOOK_ABSENT, "way %zu", i);
		cr_expect_eq(temps(""), 0);
	}
}

Test(io_files, small_files_pass_between_the_parts_of_a_large_one)
{
	enum place_result result;
	large(0);
	struct place p = plan("a", NEW, NULL), q = plan("b", "small", NULL);
	cr_expect_eq(parts(&p, 2), PLACE_MORE);
	ranges = 0;
	cr_expect_eq(place(&q), PLACE_DONE);
	cr_expect_eq(ranges, 0);
	cr_expect_eq(parts_needed(&p, &result), 2, "its third part, and the disk");
	cr_expect_eq(result, PLACE_DONE);
}

Test(io_files, a_part_under_a_name_is_no_leftover_while_it_grows)
{
	enum place_result result;
	char name[128] = "";
	large(FILES_NO_TMPFILE);
	struct place p = plan("a", NEW, NULL);
	cr_expect_eq(parts(&p, 2), PLACE_MORE);
	DIR *d = opendir(dir);
	for (struct dirent *e; (e = readdir(d));)
		if (strncmp(e->d_name, ".syncline-part-", 15) == 0)
			snprintf(name, sizeof name, "%.100s", e->d_name);
	closedir(d);
	cr_assert(name[0]);
	files_leftover(files, "notes", "", name);
	cr_expect_eq(parts_needed(&p, &result), 2);
	cr_expect_eq(result, PLACE_DONE);
	cr_expect_eq(temps(""), 0);
}

Test(io_files, a_leftover_does_not_block_a_large_place)
{
	enum place_result result;
	char name[128];
	for (int i = 0; i < 2; i++) {
		large(i ? FILES_NO_TMPFILE : 0);
		put_old("a", OLD);
		struct place p = plan("a", NEW, OLD);
		p.item = version("item");
		leftover("an edit", NEW, name);
		parts_needed(&p, &result);
		cr_expect_eq(result, PLACE_DONE);
		tidy();
		cr_expect_str_eq(get("a"), NEW);
		cr_expect_eq(found_count, 1);
		cr_expect_eq(temps(""), 0);
	}
}

/* The fsync at the end would know nothing of it any more. */
Test(io_files, an_error_of_the_disk_between_parts_is_the_files)
{
	struct file_stat after;
	large(0);
	struct place p = plan("a", NEW, NULL);
	size_t open = descriptors();
	range_error = EIO;
	cr_expect_eq(parts(&p, 4), PLACE_ERROR);
	cr_expect_eq(look("a", NULL), LOOK_ABSENT);
	cr_expect_eq(descriptors(), open);
	range_error = ENOSYS; /* a kernel, or a filter, that has no such call */
	cr_expect_eq(parts(&p, 4), PLACE_MORE);
	cr_expect_eq(files_place(files, &p, &after), PLACE_DONE);
}

Test(io_files, a_disk_that_is_full_between_parts_leaves_all_as_it_was)
{
	static const unsigned poors[] = { 0, FILES_NO_TMPFILE };
	signal(SIGXFSZ, SIG_IGN);
	for (size_t i = 0; i < 2; i++) {
		struct file_stat after;
		struct rlimit limit, was;
		large(poors[i]);
		put_old("a", OLD);
		struct place p = plan("a", NEW, OLD);
		size_t open = descriptors();
		cr_expect_eq(parts(&p, 1), PLACE_MORE);
		getrlimit(RLIMIT_FSIZE, &was);
		limit = was;
		limit.rlim_cur = 12;
		setrlimit(RLIMIT_FSIZE, &limit);
		enum place_result result = files_place(files, &p, &after);
		setrlimit(RLIMIT_FSIZE, &was);
		cr_expect_eq(result, PLACE_FULL);
		cr_expect_str_eq(get("a"), OLD);
		cr_expect_eq(temps(""), 0);
		cr_expect_eq(descriptors(), open);
	}
}

Test(io_files, a_large_file_is_not_staged)
{
	large(0);
	struct place p = plan("a", NEW, NULL);
	cr_expect_not(files_stage(files, &p));
	cr_expect_eq(temps(""), 0);
}

/* Edited behind the exchange, by a name of ours: between two parts of its judging, and while it is not judged. */
Test(io_files, a_large_file_that_is_written_while_it_is_judged_is_judged_again)
{
	enum place_result result;
	char path[320];
	large(0);
	put_old("a", OLD);
	struct place p = plan("a", NEW, OLD);
	parts_needed(&p, &result);
	cr_assert_eq(files_tidy(files), 1);
	cr_assert_eq(files_tidy(files), 1);
	DIR *d = opendir(dir);
	for (struct dirent *e; (e = readdir(d));)
		if (strncmp(e->d_name, ".syncline-", 10) == 0)
			snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
	closedir(d);
	int fd = open(path, O_WRONLY | O_NONBLOCK);
	cr_expect(fd < 0 && errno == EWOULDBLOCK, "it waits");
	cr_assert_eq(files_tidy(files), 1);
	fd = open(path, O_WRONLY | O_NONBLOCK);
	for (uint64_t end = clock_ms() + 5000; fd < 0 && clock_ms() < end; fd = open(path, O_WRONLY | O_NONBLOCK))
		files_tidy(files);
	cr_assert(fd >= 0);
	cr_assert_eq(write(fd, "MY", 2), 2);
	close(fd);
	tidy();
	cr_expect_eq(found_count, 1);
	cr_expect_eq(temps(""), 0);
}

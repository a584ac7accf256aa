/* Watching and scanning real folders: what inotify cannot tell for sure becomes a scan, and no folder is missed. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "engine/io/inotify.h"
#include "engine/io/scan.h"

static char dir[48];
static struct files *files;
static struct watcher *watcher;
static struct scan *scan;
static struct buf told; /* one line for each call */
static bool doubt, scanning;

static void hint(void *ctx, const char *category, const char *path, enum hint h)
{
	(void)ctx;
	buf_printf(&told, "%s %s/%s\n",
	           h == HINT_WRITTEN ? "written"
	           : h == HINT_GONE  ? "gone"
	                             : "touched",
	           category, path);
}

static void moved(void *ctx, const struct file_ref *from, const struct file_ref *to, bool folder)
{
	(void)ctx;
	buf_printf(&told, "%s %s/%s to %s/%s\n", folder ? "folder" : "moved", from->category, from->path, to->category,
	           to->path);
}

static void rescan(void *ctx, const char *category, const char *under)
{
	(void)ctx;
	buf_printf(&told, "rescan %s/%s\n", category, under);
	if (scanning)
		scan_add(scan, category, under);
}

static void root(void *ctx, const char *category, bool there, const char *why)
{
	(void)ctx;
	(void)why;
	buf_printf(&told, "root %s %s\n", category, there ? "there" : "gone");
}

static void polling(void *ctx, const char *category, const char *why)
{
	(void)ctx;
	buf_printf(&told, "polling %s %s\n", category, why ? why : "no");
}

static bool wanted(void *ctx, const char *category, const char *path, bool folder)
{
	(void)ctx;
	(void)category;
	return !strstr(path, "ignored") || (folder && strcmp(path, "ignored-not") == 0);
}

static void seen(void *ctx, const char *category, const char *path, enum look look, const struct file_stat *stat)
{
	(void)ctx;
	(void)stat;
	if (look != LOOK_OTHER)
		buf_printf(&told, "%s %s/%s\n",
		           look == LOOK_FILE    ? "file"
		           : look == LOOK_ERROR ? "error"
		                                : "large",
		           category, path);
}

static void closed(void *ctx, const char *category, const char *folder, int error)
{
	(void)ctx;
	buf_printf(&told, "closed %s/%s %s\n", category, folder, strerrorname_np(error));
}

static void done(void *ctx, const char *category, const char *under, bool complete)
{
	(void)ctx;
	buf_printf(&told, "done %s/%s %s\n", category, under, complete ? "complete" : "incomplete");
	watcher_scanned(watcher, category, under, complete);
}

static void enter(void *ctx, const char *category, const char *folder, int fd)
{
	(void)ctx;
	watcher_enter(watcher, category, folder, fd);
}

static bool empty(void *ctx, const char *category)
{
	(void)ctx;
	(void)category;
	return doubt;
}

static struct id version_of(void *ctx, uint8_t meta, struct span content)
{
	(void)ctx;
	(void)meta;
	(void)content;
	return (struct id){ { 1 } };
}

static bool known(void *ctx, const struct id *v)
{
	(void)ctx;
	(void)v;
	return true;
}

static char *at(const char *name)
{
	static char path[200];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	return path;
}

static void put(const char *name)
{
	FILE *f = fopen(at(name), "w");
	cr_assert(f, "%s", name);
	fputs("x", f);
	fclose(f);
}

static void begin(void)
{
	static const struct files_hooks files_hooks = { NULL, version_of, known, NULL, NULL };
	static const struct watcher_hooks watcher_hooks = { NULL, hint, moved, rescan, root, polling, wanted };
	static const struct scan_hooks scan_hooks = { NULL, seen, closed, NULL, done, enter, wanted, empty };
	struct err e;
	strcpy(dir, "/tmp/syncline-watch-XXXXXX");
	cr_assert(mkdtemp(dir));
	files = files_create(&files_hooks);
	cr_assert(files_add_root(files, "n", dir, NULL, &e));
	watcher = watcher_create(files, &watcher_hooks);
	scan = scan_create(files, &scan_hooks);
	scanning = true;
}

static void end(void)
{
	char command[128];
	scan_destroy(scan);
	watcher_destroy(watcher);
	files_destroy(files);
	buf_finish(&told);
	snprintf(command, sizeof command, "rm -rf %s %s.away", dir, dir);
	cr_assert(system(command) == 0);
}

TestSuite(io_watch, .init = begin, .fini = end, .timeout = 20);

static bool said(const char *line)
{
	const char *text = buf_text(&told);
	size_t len = strlen(line);
	for (const char *p = text; (p = strstr(p, line)); p++)
		if ((p == text || p[-1] == '\n') && p[len] == '\n')
			return true;
	return false;
}

static size_t times(const char *line)
{
	size_t n = 0;
	for (const char *p = buf_text(&told); (p = strstr(p, line)); p++)
		n++;
	return n;
}

static void settle(void)
{
	do {
		while (scan_step(scan, 2000))
			;
	} while (watcher_read(watcher) || scan_active(scan, NULL));
}

static void forget(void)
{
	settle();
	buf_clear(&told);
}

Test(io_watch, hints)
{
	watcher_add(watcher, "n");
	forget();
	put("a");
	settle();
	cr_expect(said("written n/a"), "%s", buf_text(&told));
	cr_expect_eq(times("n/a"), 1, "one hint a read");
	buf_clear(&told);
	chmod(at("a"), 0600);
	settle();
	cr_expect(said("touched n/a"));
	int fd = open(at("b"), O_WRONLY | O_CREAT, 0644);
	cr_assert_eq(write(fd, "1", 1), 1);
	settle();
	cr_expect(said("touched n/b"), "its writer has it open");
	close(fd);
	settle();
	cr_expect(said("written n/b"));
	buf_clear(&told);
	char from[200];
	strcpy(from, at("b"));
	rename(from, at("c"));
	settle();
	cr_expect(said("gone n/b") && said("written n/c"));
	unlink(at("c"));
	put(".syncline-0123");
	put("ignored");
	buf_clear(&told);
	settle();
	cr_expect_str_eq(buf_text(&told), "gone n/c\n");
}

/* What the kernel would say of names in a category's root; `feed` lets it be read at once. */
static _Alignas(struct inotify_event) char events[512];
static size_t events_len;

static void event(const char *category, uint32_t mask, uint32_t cookie, const char *name)
{
	const struct inotify_event e = {
		.wd = watcher_wd(watcher, category, ""), .mask = mask, .cookie = cookie, .len = 16
	};
	cr_assert(events_len + sizeof e + e.len <= sizeof events && strlen(name) < e.len);
	memcpy(events + events_len, &e, sizeof e);
	memset(events + events_len + sizeof e, 0, e.len);
	memcpy(events + events_len + sizeof e, name, strlen(name));
	events_len += sizeof e + e.len;
}

static void feed(void)
{
	watcher_feed(watcher, events, events_len);
	events_len = 0;
}

Test(io_watch, both_names_of_a_move)
{
	char from[200], other[64];
	snprintf(other, sizeof other, "%s.away", dir);
	cr_assert_eq(mkdir(other, 0755), 0);
	cr_assert(files_add_root(files, "m", other, NULL, NULL));
	put("a");
	put("b");
	put("ignored");
	mkdir(at("sub"), 0755);
	put("sub/file");
	watcher_add(watcher, "n");
	watcher_add(watcher, "m");
	forget();
	/* A swap, as it happened, and before the names' own hints. */
	strcpy(from, at("a"));
	rename(from, at("t"));
	strcpy(from, at("b"));
	rename(from, at("a"));
	strcpy(from, at("t"));
	rename(from, at("b"));
	settle();
	const char *swap = "moved n/a to n/t\nmoved n/b to n/a\nmoved n/t to n/b\n";
	cr_expect_eq(strncmp(buf_text(&told), swap, strlen(swap)), 0, "%s", buf_text(&told));
	cr_expect(said("written n/a") && said("written n/b") && said("gone n/t"));
	buf_clear(&told);
	/* From one category to another, its halves in two reads. */
	char to[96];
	snprintf(to, sizeof to, "%s/new", other);
	rename(at("a"), to);
	settle();
	cr_expect(said("moved n/a to m/new") && said("gone n/a") && said("written m/new"), "%s", buf_text(&told));
	buf_clear(&told);
	event("n", IN_MOVED_FROM, 7, "b");
	feed();
	event("m", IN_MOVED_TO, 7, "b");
	feed();
	cr_expect_str_eq(buf_text(&told), "gone n/b\nmoved n/b to m/b\nwritten m/b\n");
	buf_clear(&told);
	/* What was no item is not where an item came from; a folder says so. */
	strcpy(from, at("ignored"));
	rename(from, at("shown"));
	strcpy(from, at("sub"));
	rename(from, at("gone"));
	settle();
	cr_expect(said("written n/shown") && said("folder n/sub to n/gone"), "%s", buf_text(&told));
	cr_expect_eq(times("moved "), 0);
}

Test(io_watch, halves_of_moves_find_each_other_by_their_number)
{
	watcher_add(watcher, "n");
	forget();
	/* Two moves at once, with a third name's events in between, and the end of one in a later read. */
	event("n", IN_MOVED_FROM, 11, "a");
	event("n", IN_CLOSE_WRITE, 0, "x");
	event("n", IN_MOVED_FROM, 12, "b");
	event("n", IN_DELETE, 0, "y");
	event("n", IN_MOVED_TO, 11, "a2");
	feed();
	cr_expect(said("moved n/a to n/a2") && said("gone n/a") && said("written n/a2") && said("gone n/b"), "%s",
		  buf_text(&told));
	cr_expect(said("written n/x") && said("gone n/y"));
	cr_expect_eq(times("moved "), 1);
	event("n", IN_CLOSE_WRITE, 0, "x");
	event("n", IN_MOVED_TO, 12, "b2");
	feed();
	cr_expect(said("moved n/b to n/b2") && said("written n/b2"), "%s", buf_text(&told));
	cr_expect_eq(times("moved "), 2);
	/* Half a move is a name that came, or one that went; the other half is lost with the queue, or outside. */
	buf_clear(&told);
	event("n", IN_MOVED_FROM, 13, "c");
	feed();
	event("n", IN_MOVED_TO, 14, "d");
	feed();
	cr_expect_str_eq(buf_text(&told), "gone n/c\nwritten n/d\n");
	buf_clear(&told);
	const struct inotify_event lost = { .wd = -1, .mask = IN_Q_OVERFLOW };
	watcher_feed(watcher, &lost, sizeof lost);
	event("n", IN_MOVED_TO, 13, "e");
	feed();
	cr_expect(said("rescan n/") && said("written n/e"), "%s", buf_text(&told));
}

Test(io_watch, folders_made_in_one_breath)
{
	watcher_add(watcher, "n");
	forget();
	cr_assert_eq(system("true"), 0);
	mkdir(at("a"), 0755);
	mkdir(at("a/b"), 0755);
	mkdir(at("a/b/c"), 0755);
	put("a/b/c/file");
	settle();
	cr_expect(said("file n/a/b/c/file") || said("written n/a/b/c/file"), "%s", buf_text(&told));
	forget();
	put("a/b/c/later");
	settle();
	cr_expect(said("written n/a/b/c/later"), "and all of them are watched: %s", buf_text(&told));
	cr_expect_eq(watcher_count(watcher), 4);
}

Test(io_watch, deep_trees_race)
{
	/* A child makes trees while we watch and scan: every file is reported one way or the other. */
	watcher_add(watcher, "n");
	forget();
	pid_t child = fork();
	if (child == 0) {
		for (int i = 0; i < 40; i++) {
			char name[64];
			for (int depth = 0; depth < 4; depth++) {
				int len = snprintf(name, sizeof name, "t%d", i);
				for (int k = 0; k < depth; k++)
					len += snprintf(name + len, sizeof name - (size_t)len, "/d%d", k);
				mkdir(at(name), 0755);
				strcat(name, "/file");
				close(open(at(name), O_CREAT | O_WRONLY, 0644));
			}
		}
		_exit(0);
	}
	/* What it made last stands in the kernel's queue when it has ended. */
	for (bool ended = false; !ended; usleep(2000)) {
		ended = waitpid(child, NULL, WNOHANG) != 0;
		settle();
	}
	for (int i = 0; i < 40; i++) {
		char line[64];
		static const char *const below[] = { "", "d0/", "d0/d1/", "d0/d1/d2/" };
		for (int k = 0; k < 4; k++) {
			snprintf(line, sizeof line, "n/t%d/%sfile\n", i, below[k]);
			cr_expect(strstr(buf_text(&told), line), "%s", line);
		}
	}
	cr_expect_eq(watcher_count(watcher), 161);
}

Test(io_watch, moved_folders)
{
	char from[200];
	mkdir(at("a"), 0755);
	put("a/file");
	watcher_add(watcher, "n");
	forget();
	strcpy(from, at("a"));
	rename(from, at("b"));
	settle();
	cr_expect(said("rescan n/a") && said("rescan n/b") && said("file n/b/file") && said("done n/a complete"), "%s",
	          buf_text(&told));
	cr_expect_eq(watcher_wd(watcher, "n", "a"), -1);
	buf_clear(&told);
	put("b/new");
	settle();
	cr_expect(said("written n/b/new"), "%s", buf_text(&told));
	/* Moved out of the root: whatever happens there is not ours. */
	char out[64];
	snprintf(out, sizeof out, "%s.away", dir);
	strcpy(from, at("b"));
	rename(from, out);
	forget();
	strcat(out, "/outside");
	close(open(out, O_CREAT | O_WRONLY, 0644));
	settle();
	cr_expect_str_eq(buf_text(&told), "");
	cr_expect_eq(watcher_count(watcher), 1);
}

Test(io_watch, deleted_and_made_again)
{
	watcher_add(watcher, "n");
	for (int i = 0; i < 5; i++) {
		mkdir(at("a"), 0755);
		put("a/file");
		forget();
		unlink(at("a/file"));
		rmdir(at("a"));
		settle();
		cr_expect(said("gone n/a/file"), "%s", buf_text(&told));
		mkdir(at("a"), 0755);
		settle();
		buf_clear(&told);
		put("a/again");
		settle();
		cr_expect(said("written n/a/again"));
		unlink(at("a/again"));
		rmdir(at("a"));
		forget();
	}
	cr_expect_eq(watcher_count(watcher), 1);
}

Test(io_watch, overflow_is_a_full_rescan)
{
	mkdir(at("a"), 0755);
	put("a/file");
	watcher_add(watcher, "n");
	forget();
	struct inotify_event lost = { .wd = -1, .mask = IN_Q_OVERFLOW };
	watcher_feed(watcher, &lost, sizeof lost);
	cr_expect(said("rescan n/"));
	settle();
	cr_expect(said("file n/a/file") && said("done n/ complete"));
	buf_clear(&told);
	put("a/file");
	settle();
	cr_expect(said("written n/a/file"), "watched again");
}

Test(io_watch, root_goes_and_comes)
{
	char away[64];
	snprintf(away, sizeof away, "%s.away", dir);
	put("a");
	watcher_add(watcher, "n");
	forget();
	rename(dir, away);
	settle();
	cr_expect(said("root n gone"), "%s", buf_text(&told));
	cr_expect_not(strstr(buf_text(&told), "gone n/a"));
	cr_expect(watcher_waiting(watcher));
	buf_clear(&told);
	watcher_check_roots(watcher);
	cr_expect_str_eq(buf_text(&told), "");
	scan_add(scan, "n", "");
	settle();
	cr_expect(said("done n/ incomplete"));
	rename(away, dir);
	watcher_check_roots(watcher);
	settle();
	cr_expect(said("root n there") && said("file n/a"));
	buf_clear(&told);
	put("a");
	settle();
	cr_expect(said("written n/a"));
}

Test(io_watch, two_categories_on_one_folder)
{
	cr_assert(files_add_root(files, "m", dir, NULL, NULL));
	watcher_add(watcher, "n");
	watcher_add(watcher, "m");
	forget();
	put("a");
	settle();
	cr_expect(said("written n/a") && said("written m/a"));
	watcher_remove(watcher, "n");
	buf_clear(&told);
	put("a");
	settle();
	cr_expect_str_eq(buf_text(&told), "written m/a\n");
}

static int watches_left, starts_left, far_now;

static int short_start(void)
{
	errno = EMFILE;
	return starts_left-- > 0 ? inotify_init1(IN_NONBLOCK | IN_CLOEXEC) : -1;
}

static int short_watch(int fd, const char *path, unsigned mask)
{
	errno = ENOSPC;
	return watches_left-- > 0 ? inotify_add_watch(fd, path, mask) : -1;
}

static const char *maybe_far(int fd)
{
	(void)fd;
	return far_now ? "NFS" : NULL;
}

static void begin_short(void)
{
	static const struct watcher_kernel kernel = { short_start, short_watch, maybe_far };
	watches_left = starts_left = 1000;
	far_now = 0;
	watcher_seam(&kernel);
	begin();
}

TestSuite(io_watch_short, .init = begin_short, .fini = end, .timeout = 20);

Test(io_watch_short, no_watches_left)
{
	mkdir(at("a"), 0755);
	mkdir(at("b"), 0755);
	mkdir(at("c"), 0755);
	put("a/file");
	put("b/file");
	put("c/file");
	watches_left = 3; /* the root twice (when it comes and when it is scanned), and one folder */
	watcher_add(watcher, "n");
	settle();
	cr_expect_eq(times("polling n the limit on watched folders is reached (raise sysctl"), 1, "once: %s",
		     buf_text(&told));
	cr_expect(strstr(watcher_polling(watcher, "n"), "max_user_watches"));
	cr_expect_eq(times("/file"), 3, "all of it was scanned nevertheless");
	cr_expect_eq(watcher_needed(watcher), 4);
	cr_expect_eq(watcher_count(watcher), 2);
	/* What could be watched is. */
	buf_clear(&told);
	put("d");
	settle();
	cr_expect(said("written n/d"));
	/* The limit stays: each full scan tries once and says nothing new. */
	watches_left = 0;
	buf_clear(&told);
	for (int i = 0; i < 3; i++) {
		scan_add(scan, "n", "");
		settle();
	}
	cr_expect_eq(times("polling"), 0, "%s", buf_text(&told));
	cr_expect_geq(watches_left, -3);
	/* A scan of a part is no proof. */
	watches_left = 1000;
	scan_add(scan, "n", "a");
	settle();
	cr_expect_eq(times("polling"), 0);
	scan_add(scan, "n", "");
	settle();
	cr_expect(said("polling n no"), "%s", buf_text(&told));
	cr_expect_null(watcher_polling(watcher, "n"));
	cr_expect_eq(watcher_count(watcher), 4);
	buf_clear(&told);
	put("c/later");
	settle();
	cr_expect(said("written n/c/later"));
}

Test(io_watch_short, no_instance_left)
{
	watcher_destroy(watcher);
	static const struct watcher_hooks hooks = { NULL, hint, moved, rescan, root, polling, wanted };
	starts_left = 0;
	put("a");
	watcher = watcher_create(files, &hooks);
	cr_expect_eq(watcher_fd(watcher), -1);
	watcher_add(watcher, "n");
	settle();
	cr_expect(strstr(watcher_polling(watcher, "n"), "max_user_instances"), "%s", buf_text(&told));
	cr_expect(said("root n there") && said("file n/a"));
	cr_expect_not(watcher_read(watcher));
	starts_left = 1;
	buf_clear(&told);
	scan_add(scan, "n", "");
	settle();
	cr_expect(said("polling n no"));
	cr_expect_geq(watcher_fd(watcher), 0);
	put("a");
	settle();
	cr_expect(said("written n/a"));
}

Test(io_watch_short, a_network_filesystem_is_polled_and_watched)
{
	far_now = 1;
	put("a");
	watcher_add(watcher, "n");
	settle();
	cr_expect(said("polling n changes made elsewhere on NFS give no events here"), "%s", buf_text(&told));
	cr_expect_eq(times("polling"), 1);
	buf_clear(&told);
	put("a");
	settle();
	cr_expect(said("written n/a"), "what this machine does is told at once");
}

Test(io_watch_short, a_watch_that_is_lost_is_made_again)
{
	mkdir(at("a"), 0755);
	watcher_add(watcher, "n");
	forget();
	cr_assert_eq(inotify_rm_watch(watcher_fd(watcher), watcher_wd(watcher, "n", "a")), 0);
	put("a/file");
	settle();
	cr_expect(said("rescan n/a") && said("file n/a/file"), "%s", buf_text(&told));
	buf_clear(&told);
	put("a/file");
	settle();
	cr_expect(said("written n/a/file"));
}

Test(io_watch_short, deleting_a_tree_asks_for_no_scan)
{
	char name[64] = "";
	for (int i = 0; i < 20; i++) {
		snprintf(name + strlen(name), sizeof name - strlen(name), "%sd", i ? "/" : "");
		mkdir(at(name), 0755);
	}
	put("d/d/file");
	watcher_add(watcher, "n");
	forget();
	char command[128];
	snprintf(command, sizeof command, "rm -r %s/d", dir);
	cr_assert_eq(system(command), 0);
	settle();
	cr_expect(said("gone n/d/d/file"));
	cr_expect_eq(times("rescan"), 0, "%s", buf_text(&told));
	cr_expect_eq(watcher_count(watcher), 1);
}

Test(io_watch, a_scan_sees_what_is_wanted)
{
	mkdir(at("sub"), 0755);
	mkdir(at("ignored"), 0755);
	mkdir(at(".git"), 0755);
	put("a");
	put("sub/b");
	put("ignored/c");
	put(".git/config");
	mkfifo(at("pipe"), 0644);
	scan_add(scan, "n", "");
	scan_add(scan, "n", "sub");
	settle();
	cr_expect(said("file n/a") && said("file n/sub/b") && said("done n/ complete"));
	cr_expect_eq(times("file "), 2, "%s", buf_text(&told));
	cr_expect_eq(times("done "), 1, "the part was covered by the whole");
	buf_clear(&told);
	scan_add(scan, "n", "sub");
	scan_add(scan, "n", "sub/b");
	scan_add(scan, "n", "gone");
	settle();
	cr_expect(said("file n/sub/b") && said("done n/sub complete") && said("done n/gone complete"));
	buf_clear(&told);
	scan_add(scan, "n", "a");
	settle();
	cr_expect(said("file n/a") && said("done n/a complete"));
}

Test(io_watch, an_empty_root_may_be_doubted)
{
	scan_add(scan, "n", "");
	settle();
	cr_expect(said("done n/ complete"));
	doubt = true;
	scan_add(scan, "n", "");
	settle();
	cr_expect(said("done n/ incomplete"));
}

Test(io_watch, an_unreadable_folder_hides_only_itself)
{
	mkdir(at("locked"), 0755);
	put("locked/a");
	put("b");
	chmod(at("locked"), 0);
	uid_t was = geteuid();
	if (was == 0) {
		cr_assert_eq(chown(dir, 65534, 65534), 0);
		cr_assert_eq(chown(at("locked"), 65534, 65534), 0);
		cr_assert_eq(seteuid(65534), 0);
	}
	scan_add(scan, "n", "");
	settle();
	if (was == 0)
		cr_assert_eq(seteuid(0), 0);
	chmod(at("locked"), 0755);
	cr_expect(said("error n/locked") && said("closed n/locked EACCES") && said("file n/b") &&
			  said("done n/ complete"),
		  "%s", buf_text(&told));
}

Test(io_watch, a_scan_is_done_in_slices)
{
	for (int i = 0; i < 2000; i++) {
		char name[16];
		snprintf(name, sizeof name, "f%d", i);
		put(name);
	}
	scan_add(scan, "n", "");
	int slices = 0;
	while (scan_step(scan, 100))
		slices++;
	cr_expect_gt(slices, 5);
	cr_expect_eq(times("file n/"), 2000);
	for (int i = 0; i < 50; i++)
		scan_add(scan, "n", "");
	scan_step(scan, 100);
	scan_drop(scan, "n");
	cr_expect_not(scan_active(scan, NULL));
}

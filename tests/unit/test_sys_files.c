#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "sys/atomicfile.h"
#include "sys/child.h"
#include "sys/home.h"
#include "sys/log.h"
#include "sys/unixsock.h"

static char dir[64];

static void enter(void)
{
	strcpy(dir, "/tmp/syncline-unit-XXXXXX");
	cr_assert_not_null(mkdtemp(dir));
	cr_assert_eq(chdir(dir), 0);
}

static void leave(void)
{
	char command[128];
	snprintf(command, sizeof command, "rm -rf %s", dir);
	cr_assert_eq(chdir("/"), 0);
	cr_assert_eq(system(command), 0);
}

TestSuite(sys_files, .init = enter, .fini = leave, .timeout = 20);

static int mode_of(const char *path)
{
	struct stat s;
	return lstat(path, &s) ? -1 : (int)(s.st_mode & 07777);
}

static void put(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	cr_assert(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && !fchmod(fd, mode));
	close(fd);
}

static int entries(const char *path)
{
	char command[128];
	snprintf(command, sizeof command, "exit $(ls -A %s | wc -l)", path);
	int code = system(command);
	return WEXITSTATUS(code);
}

/* ---- sockets ---- */

static void talks(const char *path)
{
	struct err e = { 0 };
	int listener = unixsock_listen(path, &e);
	cr_assert_geq(listener, 0, "%s: %s", e.what, e.why);
	cr_assert_eq(mode_of(path), 0600);
	int fd = unixsock_connect(path, &e);
	cr_assert_geq(fd, 0, "%s: %s", e.what, e.why);
	int other = unixsock_accept(listener);
	cr_assert_geq(other, 0);
	cr_assert(unixsock_peer_is_me(fd) && unixsock_peer_is_me(other));
	cr_assert_eq(fcntl(fd, F_GETFD) & fcntl(other, F_GETFD) & fcntl(listener, F_GETFD), FD_CLOEXEC);
	cr_assert_eq(write(fd, "x", 1), 1);
	char c;
	cr_assert_eq(read(other, &c, 1), 1);
	cr_assert_eq(unixsock_accept(listener), -1, "nobody else is there, and it does not block");
	cr_assert_eq(unixsock_listen(path, &e), -1, "one listener at a time");
	cr_assert_not_null(strstr(e.why, "another process"));
	close(listener);
	cr_assert_eq(unixsock_connect(path, &e), -1);
	cr_assert_eq(errno, ECONNREFUSED);
	listener = unixsock_listen(path, &e);
	cr_assert_geq(listener, 0, "what a dead one left is replaced: %s", e.why);
	unixsock_remove(path);
	cr_assert_eq(mode_of(path), -1);
	cr_assert_eq(unixsock_connect(path, &e), -1);
	cr_assert_eq(errno, ENOENT);
	close(listener);
	close(fd);
	close(other);
}

Test(sys_files, sockets_talk)
{
	umask(0);
	talks("short.sock");
	char *path = mem_printf("%s/control.sock", dir);
	talks(path);
	free(path);
}

/* Else a console that waits for the name is refused between the two, and waits on for good. */
Test(sys_files, a_socket_listens_before_it_has_its_name)
{
	struct err e;
	char bytes[4096] __attribute__((aligned(8)));
	int watch = inotify_init1(IN_NONBLOCK);
	cr_assert(watch >= 0 && inotify_add_watch(watch, ".", IN_CREATE) >= 0);
	int listener = unixsock_listen("sock", &e);
	cr_assert_geq(listener, 0);
	ssize_t n = read(watch, bytes, sizeof bytes);
	cr_assert_gt(n, 0);
	const struct inotify_event *first = (const struct inotify_event *)bytes;
	cr_assert_str_eq(first->name, "sock.new", "it was bound under another name");
	first = (const struct inotify_event *)(bytes + sizeof *first + first->len);
	cr_assert_str_eq(first->name, "sock");
	cr_assert_eq(mode_of("sock.new"), -1, "which is gone");
	close(listener);
	close(watch);
}

Test(sys_files, sockets_have_long_paths)
{
	char path[400];
	snprintf(path, sizeof path, "%s/", dir);
	while (strlen(path) < 200) {
		strcat(path, "a-folder-with-quite-a-long-name");
		cr_assert_eq(mkdir(path, 0700), 0);
		strcat(path, "/");
	}
	strcat(path, "control.sock");
	cr_assert_gt(strlen(path), 200);
	talks(path);
}

Test(sys_files, sockets_refuse_strange_places)
{
	struct err e = { 0 };
	put("file", "precious", 0600);
	cr_assert_eq(unixsock_listen("file", &e), -1);
	cr_assert_eq(mode_of("file"), 0600, "what is not a socket stays");
	unixsock_remove("file");
	cr_assert_eq(mode_of("file"), 0600);
	cr_assert_eq(symlink("nowhere", "link"), 0);
	cr_assert_eq(unixsock_listen("link", &e), -1);
	cr_assert_eq(unixsock_listen("none/sock", &e), -1);
	cr_assert_eq(unixsock_listen("", &e), -1);
	char name[120];
	memset(name, 'n', sizeof name - 1);
	name[sizeof name - 1] = 0;
	cr_assert_eq(unixsock_listen(name, &e), -1);
	cr_assert_eq(mkdir("open", 0700) | chmod("open", 0777), 0);
	cr_assert_eq(unixsock_listen("open/sock", &e), -1, "others may write there");
}

/* ---- files ---- */

Test(sys_files, writes_with_the_mode_given)
{
	struct err e;
	umask(0077);
	cr_assert(atomicfile_write("f", span_text("one"), 0644, &e));
	cr_assert_eq(mode_of("f"), 0644);
	cr_assert(atomicfile_write("f", span_text("two"), 0600, &e));
	cr_assert_eq(mode_of("f"), 0600);
	struct blob b;
	cr_assert(atomicfile_read("f", 3, true, &b, &e));
	cr_assert(span_equal(span_blob(&b), span_text("two")));
	blob_finish(&b);
	cr_assert(atomicfile_write("empty", span_of(NULL, 0), 0600, &e));
	cr_assert(atomicfile_read("empty", 0, true, &b, &e) && b.len == 0);
	blob_finish(&b);
	cr_assert_eq(entries("."), 2, "nothing stays beside");
}

Test(sys_files, writes_behind_a_link)
{
	struct err e;
	struct blob b;
	cr_assert_eq(mkdir("d", 0700), 0);
	put("d/real", "old", 0600);
	cr_assert_eq(symlink("d/real", "link"), 0);
	cr_assert(atomicfile_write("link", span_text("new"), 0600, &e));
	cr_assert(atomicfile_read("d/real", 100, true, &b, &e) && span_equal(span_blob(&b), span_text("new")));
	blob_finish(&b);
	cr_assert(!atomicfile_read("link", 100, true, &b, &e), "a private file is not a link");
	cr_assert(atomicfile_read("link", 100, false, &b, &e));
	blob_finish(&b);
}

Test(sys_files, a_failed_write_changes_nothing)
{
	struct err e;
	cr_assert_eq(mkdir("target", 0700) | mkdir("target/full", 0700), 0);
	cr_assert(!atomicfile_write("target", span_text("x"), 0600, &e), "a folder stands there");
	cr_assert_eq(entries("."), 1);
	cr_assert(!atomicfile_write("none/f", span_text("x"), 0600, &e));
	cr_assert_eq(errno, ENOENT);
}

Test(sys_files, reads_only_what_is_safe)
{
	struct err e;
	struct blob b;
	cr_assert(!atomicfile_read("none", 10, false, &b, &e));
	cr_assert_eq(errno, ENOENT);
	cr_assert_eq(mkfifo("fifo", 0600), 0);
	cr_assert(!atomicfile_read("fifo", 10, false, &b, &e), "and it did not block");
	cr_assert(!atomicfile_read(".", 10, false, &b, &e));
	put("big", "0123456789x", 0600);
	cr_assert(!atomicfile_read("big", 10, false, &b, &e));
	cr_assert(atomicfile_read("big", 11, false, &b, &e) && b.len == 11);
	blob_finish(&b);
	cr_assert(!atomicfile_read("/proc/self/maps", 10, false, &b, &e), "a size of 0 promises nothing");
	put("open", "secret", 0640);
	cr_assert(atomicfile_read("open", 100, false, &b, &e));
	blob_finish(&b);
	cr_assert(!atomicfile_read("open", 100, true, &b, &e));
	cr_assert(!b.data && e.fix[0]);
}

/* ---- home ---- */

static void clear_environment(void)
{
	unsetenv("SYNCLINE_HOME");
	unsetenv("XDG_CONFIG_HOME");
	unsetenv("XDG_STATE_HOME");
	unsetenv("XDG_RUNTIME_DIR");
	setenv("HOME", dir, 1);
}

Test(sys_files, home_follows_the_table)
{
	struct home h;
	struct err e;
	char want[200];
	clear_environment();
	cr_assert(home_resolve(&h, NULL, &e) && !h.explicit);
	snprintf(want, sizeof want, "%s/.config/syncline/config", dir);
	cr_assert_str_eq(h.config, want);
	snprintf(want, sizeof want, "%s/.local/state/syncline/control.sock", dir);
	cr_assert_str_eq(h.control, want);
	home_finish(&h);
	setenv("XDG_CONFIG_HOME", "/c", 1);
	setenv("XDG_STATE_HOME", "relative", 1);
	setenv("XDG_RUNTIME_DIR", "/r", 1);
	cr_assert(home_resolve(&h, NULL, &e));
	cr_assert_str_eq(h.config, "/c/syncline/config");
	cr_assert_str_eq(h.control, "/r/syncline/control.sock");
	snprintf(want, sizeof want, "%s/.local/state/syncline/log", dir);
	cr_assert_str_eq(h.log, want, "a relative variable is ignored");
	home_finish(&h);
	setenv("SYNCLINE_HOME", "/h//", 1);
	cr_assert(home_resolve(&h, NULL, &e) && h.explicit);
	cr_assert_str_eq(h.config, "/h/config");
	cr_assert_str_eq(h.state, "/h/state");
	cr_assert_str_eq(h.control, "/h/control.sock");
	cr_assert_str_eq(h.log, "/h/log");
	home_finish(&h);
	cr_assert(home_resolve(&h, "rel", &e), "the option comes first");
	snprintf(want, sizeof want, "%s/rel/config", dir);
	cr_assert_str_eq(h.config, want);
	home_finish(&h);
	cr_assert(!home_resolve(&h, "", &e));
}

Test(sys_files, home_is_made_private)
{
	struct home h;
	struct err e = { 0 };
	umask(0);
	clear_environment();
	cr_assert(home_resolve(&h, "a/b", &e) && home_prepare(&h, &e), "%s: %s", e.what, e.why);
	cr_assert_eq(mode_of("a/b/state"), 0700);
	cr_assert(home_prepare(&h, &e), "again");
	char *keys = home_state(&h, "keys");
	cr_assert(strstr(keys, "/a/b/state/keys"));
	free(keys);
	cr_assert_eq(chmod("a/b/state", 0750), 0);
	cr_assert(!home_prepare(&h, &e), "others may look into the state");
	cr_assert_eq(chmod("a/b/state", 0700) | chmod("a/b", 0755), 0);
	cr_assert(home_prepare(&h, &e), "a home made by hand is fine");
	cr_assert_eq(chmod("a/b", 0775), 0);
	cr_assert(!home_prepare(&h, &e));
	home_finish(&h);
	put("file", "", 0600);
	cr_assert(home_resolve(&h, "file", &e) && !home_prepare(&h, &e));
	home_finish(&h);
	char *at = home_expand("~/x");
	cr_assert(strstr(at, dir) == at && strstr(at, "/x"));
	free(at);
	at = home_expand("~other/x");
	cr_assert_str_eq(at, "~other/x");
	free(at);
}

/* ---- log ---- */

Test(sys_files, log_is_one_escaped_line_a_record)
{
	struct blob b;
	struct err e;
	log_line("info", "x", NULL, "goes nowhere");
	log_open("log");
	log_line("warn", "sync", "notes/a\x1b[2J\n", "line one\nline two");
	char *giant = mem_alloc(100000);
	memset(giant, 'g', 99999);
	log_line("info", "sync", giant, giant);
	log_close();
	cr_assert_eq(mode_of("log"), 0600);
	cr_assert(atomicfile_read("log", 100000, true, &b, &e));
	b.data[b.len - 1] = 0;
	char *second = strchr((char *)b.data, '\n');
	cr_assert(second && !strchr(second + 1, '\n'), "two lines");
	*second++ = 0;
	cr_assert(strstr((char *)b.data, "Z warn  sync notes/a\\x1b[2J\\n: line one\\nline two"), "%s", (char *)b.data);
	cr_assert_lt(strlen(second), LOG_LINE_MAX);
	blob_finish(&b);
	for (int i = 0; i < 1200; i++) {
		log_open("log");
		log_line("info", "sync", NULL, giant);
		log_close();
	}
	struct stat s;
	cr_assert(!stat("log", &s) && s.st_size <= LOG_MAX && s.st_size > 0);
	cr_assert(!stat("log.1", &s) && s.st_size <= LOG_MAX && s.st_size > LOG_MAX / 2);
	free(giant);
	cr_assert_eq(mkfifo("fifo", 0600), 0);
	log_open("fifo");
	log_line("info", "sync", NULL, "does not block");
	log_close();
}

/* ---- children ---- */

Test(sys_files, children_are_fed_and_heard)
{
	struct child c;
	struct err e = { 0 };
	char *argv[] = { "tr", "a-z", "A-Z", NULL }, out[16] = "";
	cr_assert(child_start(&c, argv, CHILD_PIPES, &e), "%s: %s", e.what, e.why);
	cr_assert_eq(write(c.in, "hello", 5), 5);
	close(c.in);
	c.in = -1;
	cr_assert_eq(read(c.out, out, sizeof out - 1), 5);
	cr_assert_str_eq(out, "HELLO");
	cr_assert_eq(child_wait(&c, 10000), 0);
	cr_assert_eq(c.pid, 0);
}

Test(sys_files, children_end)
{
	struct child c;
	struct err e = { 0 };
	char *fails[] = { "sh", "-c", "exit 7", NULL }, *sleeps[] = { "sleep", "100", NULL },
	     *none[] = { "./no-such-program", NULL };
	char *deaf[] = { "sh", "-c", "trap '' TERM; echo; while :; do sleep 0.05; done", NULL };
	cr_assert(child_start(&c, fails, 0, &e));
	cr_assert_eq(child_wait(&c, 10000), 7);
	cr_assert(child_start(&c, sleeps, CHILD_DAEMON, &e));
	cr_assert_eq(child_wait(&c, 10), -1);
	cr_assert_eq(child_end(&c, 10000), 128 + 15);
	cr_assert_eq(child_end(&c, 10000), 0, "nobody is left");
	cr_assert(child_start(&c, deaf, CHILD_PIPES, &e));
	char newline;
	cr_assert_eq(read(c.out, &newline, 1), 1);
	cr_assert_eq(child_end(&c, 50), 128 + 9);
	cr_assert(!child_start(&c, none, CHILD_PIPES, &e));
	cr_assert_str_eq(e.why, "it cannot be started: No such file or directory");
	cr_assert_eq(c.pid, 0);
}

Test(sys_files, children_inherit_nothing)
{
	struct child c;
	struct err e = { 0 };
	char *argv[] = { "sh", "-c", "ls /proc/$$/fd | tr '\\n' ' '", NULL }, out[64] = "";
	cr_assert_geq(dup2(open("/dev/null", O_RDONLY), 77), 0);
	cr_assert(child_start(&c, argv, CHILD_PIPES | CHILD_QUIET, &e));
	size_t len = 0;
	for (ssize_t n; (n = read(c.out, out + len, sizeof out - 1 - len)) > 0;)
		len += (size_t)n;
	cr_assert(!strstr(out, "77"), "%s", out);
	cr_assert_eq(child_wait(&c, 10000), 0);
	cr_assert_eq(access(child_self(), X_OK), 0);
}

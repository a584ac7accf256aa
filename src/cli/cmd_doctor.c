#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <limits.h>
#include <netdb.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <git2.h>
#include <sodium.h>
#include <sqlite3.h>
#include <zstd.h>

#include "base/mem.h"
#include "cli/ask.h"
#include "cli/opts.h"
#include "cli/say.h"
#include "cli/verbs.h"
#include "sys/farfs.h"
#include "sys/gitconfig.h"
#include "sys/home.h"
#include "sys/loop.h"

#define WATCHES_LEAST 65536                 /* folders that one user can have watched at once */
#define DISK_LEAST (256LL * 1024 * 1024)    /* room for versions; below it, downloads may have to stop */
#define HUB_MS 5000

enum health { HEALTH_OK, HEALTH_WARN, HEALTH_FAIL };

struct doctor {
	json_t *rows;
	bool failed;
};

/* One finding: what was looked at, how it is, and, unless it is well, how to mend it. */
static void find(struct doctor *d, enum health health, const char *check, const char *mend, const char *format, ...)
	__attribute__((format(printf, 5, 6)));
static void find(struct doctor *d, enum health health, const char *check, const char *mend, const char *format, ...)
{
	static const char *const words[] = { "ok", "warn", "fail" }, *const shown[] = { "ok  ", "warn", "FAIL" };
	static const enum tint tints[] = { TINT_GOOD, TINT_WARN, TINT_BAD };
	char text[1024];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	d->failed = d->failed || health == HEALTH_FAIL;
	mend = health == HEALTH_OK ? NULL : mend;
	json_t *row = json_pack("{s:s, s:s, s:o, s:o}", "check", check, "state", words[health], "text",
				json_bytes(text, strlen(text)), "fix", mend ? json_string(mend) : json_null());
	json_array_append_new(d->rows, row);
	if (globals.json || (globals.quiet && health == HEALTH_OK))
		return;
	printf("%s%s%s  %-12s %s\n", say_tint(tints[health]), shown[health], say_plain(), check, say_text(text));
	if (mend)
		printf("      %-12s mend: %s\n", "", mend);
	fflush(stdout);
}

static int64_t kernel_number(const char *name)
{
	char *path = mem_printf("/proc/sys/fs/inotify/%s", name), text[32] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
	if (fd >= 0)
		close(fd);
	free(path);
	return n > 0 ? atoll(text) : -1;
}

/* At least so much, and more than there is: who ran into a limit is not helped by the same again, or by less. */
static int64_t more_than(const char *name, int64_t least)
{
	int64_t now = kernel_number(name);
	while (least <= now && least < INT32_MAX / 2)
		least *= 2;
	return least;
}

static bool instances_left(void)
{
	int fd = inotify_init1(IN_CLOEXEC);
	if (fd >= 0)
		close(fd);
	return fd >= 0 || errno != EMFILE;
}

static void check_watches(struct doctor *d)
{
	int64_t watches = kernel_number("max_user_watches"), queue = kernel_number("max_queued_events");
	if (watches < 0)
		find(d, HEALTH_FAIL, "watches", "use a kernel with inotify", "the kernel does not watch files");
	else if (kernel_number("max_user_instances") < 8)
		find(d, HEALTH_WARN, "watches", "sysctl fs.inotify.max_user_instances=128",
		     "few watchers at once are allowed");
	else if (!instances_left()) {
		char mend[80];
		snprintf(mend, sizeof mend, "sysctl fs.inotify.max_user_instances=%lld",
		         (long long)more_than("max_user_instances", 1024));
		find(d, HEALTH_FAIL, "watches", mend, "all watchers that one user may have are in use");
	} else
		find(d, watches < WATCHES_LEAST ? HEALTH_WARN : HEALTH_OK, "watches",
		     "sysctl fs.inotify.max_user_watches=524288", "%lld folders can be watched, %lld events wait",
		     (long long)watches, (long long)queue);
}

static void check_private(struct doctor *d, const char *check, const char *path, mode_t wanted)
{
	struct stat st;
	char mend[PATH_MAX + 32];
	snprintf(mend, sizeof mend, "chmod %o '%s'", (unsigned)wanted, path);
	if (lstat(path, &st)) {
		if (errno == ENOENT)
			find(d, HEALTH_OK, check, NULL, "%s is not there yet", path);
		else
			find(d, HEALTH_FAIL, check, "look at its folder's permissions", "%s: %s", path,
			     strerror(errno));
	} else if (st.st_uid != geteuid()) {
		find(d, HEALTH_FAIL, check, "give it to yourself with chown", "%s belongs to another user", path);
	} else if (st.st_mode & 077) {
		find(d, HEALTH_FAIL, check, mend, "%s can be reached by other users", path);
	} else {
		find(d, HEALTH_OK, check, NULL, "%s is yours alone", path);
	}
}

static void check_disk(struct doctor *d)
{
	struct statvfs fs;
	char at[PATH_MAX];
	snprintf(at, sizeof at, "%s", globals.home.state);
	while (statvfs(at, &fs) && strrchr(at, '/') > at) /* not made yet: the folder that it will be in */
		*strrchr(at, '/') = 0;
	if (statvfs(at, &fs)) {
		find(d, HEALTH_FAIL, "disk", "look at the folder", "%s: %s", at, strerror(errno));
		return;
	}
	double room = (double)fs.f_bavail * (double)fs.f_frsize;
	find(d, room < (double)DISK_LEAST ? HEALTH_FAIL : HEALTH_OK, "disk", "make room: versions are kept there",
	     "%s free for %s", say_bytes(room), globals.home.state);
	if (fs.f_flag & ST_RDONLY)
		find(d, HEALTH_FAIL, "disk", "mount it for writing", "%s is read-only", at);
}

static void check_store(struct doctor *d, const json_t *store)
{
	int64_t thinned = json_get_int(store, "thinned", 0);
	char gone[64] = "";
	if (thinned)
		snprintf(gone, sizeof gone, ", %lld thinned away", (long long)thinned);
	if (store)
		find(d, HEALTH_OK, "versions", NULL, "%s in %s%s",
		     say_count(json_get_int(store, "versions", 0), "version", "versions"),
		     say_bytes((double)json_get_int(store, "disk_bytes", 0)), gone);
}

static void check_terminal(struct doctor *d)
{
	const char *term = getenv("TERM");
	struct winsize size = { 0 };
	if (!say_unicode())
		find(d, HEALTH_WARN, "locale", "set LANG to a UTF-8 locale, such as C.UTF-8",
		     "%s: names are shown in ASCII", nl_langinfo(CODESET));
	else
		find(d, HEALTH_OK, "locale", NULL, "UTF-8");
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		find(d, HEALTH_OK, "terminal", NULL, "none here: the console needs one, the engine does not");
	else if (!term || !*term || !strcmp(term, "dumb"))
		find(d, HEALTH_WARN, "terminal", "set TERM as your terminal's manual says",
		     "TERM says nothing the console can use");
	else if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_col && (size.ws_col < 80 || size.ws_row < 24))
		find(d, HEALTH_WARN, "terminal", "make it 80x24 or larger", "%s, %dx%d is small", term, size.ws_col,
		     size.ws_row);
	else
		find(d, HEALTH_OK, "terminal", NULL, "%s, %dx%d", term, size.ws_col, size.ws_row);
}

static void check_root(struct doctor *d, const char *category, const char *written)
{
	char *path = home_expand(written);
	struct stat st;
	if (stat(path, &st))
		find(d, HEALTH_FAIL, category,
		     "bring it back, or 'syncline remove' the category; nothing is deleted meanwhile", "%s: %s", path,
		     strerror(errno));
	else if (!S_ISDIR(st.st_mode))
		find(d, HEALTH_FAIL, category, "a category's root is a folder", "%s is no folder", path);
	else if (access(path, R_OK | W_OK | X_OK))
		find(d, HEALTH_FAIL, category, "look at its permissions", "%s: %s", path, strerror(errno));
	else if (farfs_at(path))
		find(d, HEALTH_WARN, category, "nothing to mend: changes made elsewhere are found at the next scan",
		     "%s is on %s, whose events do not tell all", path, farfs_at(path));
	else
		find(d, HEALTH_OK, category, NULL, "%s", path);
	free(path);
}

static char *check_config(struct doctor *d)
{
	struct err e = { 0 };
	struct gitconfig *config = gitconfig_open(globals.home.config, GITCONFIG_MAX, &e);
	if (!config) {
		find(d, HEALTH_FAIL, "config", e.fix[0] ? e.fix : "mend the line, or move the file away", "%s: %s",
		     e.what, e.why);
		return NULL;
	}
	if (engine_takes_config(&e))
		find(d, HEALTH_OK, "config", NULL, "%s", globals.home.config);
	else
		find(d, HEALTH_FAIL, "config", e.fix[0] ? e.fix : "mend the line", "%s: %s", e.what, e.why);
	for (size_t i = 0; i < gitconfig_count(config); i++) {
		const struct gitconfig_entry *entry = gitconfig_at(config, i);
		if (!strcmp(entry->section, "category") && entry->subsection && !strcmp(entry->key, "path"))
			check_root(d, entry->subsection, entry->value);
	}
	char *hub = mem_text(gitconfig_get(config, "hub.url"));
	gitconfig_destroy(config);
	return hub;
}

/* "wss://host:port/path" taken apart; false when it is no such thing. */
static bool take_apart(const char *url, char host[256], char port[8])
{
	bool tls = !strncmp(url, "wss://", 6);
	if (!tls && strncmp(url, "ws://", 5))
		return false;
	const char *at = url + (tls ? 6 : 5);
	bool bracket = *at == '[';
	size_t len = strcspn(at + bracket, bracket ? "]" : ":/");
	if (!len || len > 255)
		return false;
	snprintf(host, 256, "%.*s", (int)len, at + bracket);
	at += len + (bracket ? 2 : 0);
	snprintf(port, 8, "%.*s", *at == ':' ? (int)strcspn(at + 1, "/") : 3, *at == ':' ? at + 1 : tls ? "443" : "80");
	return true;
}

/* 0, or the errno of the last address tried. */
static int try_connect(const struct addrinfo *list)
{
	int why = EHOSTUNREACH;
	for (const struct addrinfo *a = list; a; a = a->ai_next) {
		int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		socklen_t len = sizeof why;
		struct pollfd p = { .fd = fd, .events = POLLOUT };
		if (fd < 0)
			continue;
		why = connect(fd, a->ai_addr, a->ai_addrlen) ? errno : 0;
		if (why == EINPROGRESS && poll(&p, 1, HUB_MS) == 1)
			getsockopt(fd, SOL_SOCKET, SO_ERROR, &why, &len);
		else if (why == EINPROGRESS)
			why = ETIMEDOUT;
		close(fd);
		if (!why)
			return 0;
	}
	return why;
}

static void check_hub(struct doctor *d, const char *url)
{
	struct addrinfo wanted = { .ai_socktype = SOCK_STREAM }, *list = NULL;
	char host[256], port[8];
	if (!url) {
		find(d, HEALTH_WARN, "hub", "'syncline join' takes an invite", "not joined yet");
		return;
	}
	if (!take_apart(url, host, port)) {
		find(d, HEALTH_FAIL, "hub", "hub.url in the configuration begins with wss:// or ws://",
		     "'%s' is no hub's address", url);
		return;
	}
	say_progress("looking for %s", host);
	int failed = getaddrinfo(host, port, &wanted, &list);
	int why = failed ? 0 : try_connect(list);
	if (!failed)
		freeaddrinfo(list);
	say_progress_end();
	if (failed)
		find(d, HEALTH_FAIL, "hub", "look at the network, and at hub.url in the configuration", "%s: %s", host,
		     gai_strerror(failed));
	else if (why)
		find(d, HEALTH_FAIL, "hub", "is it running, and does a firewall let this port through?", "%s: %s", url,
		     strerror(why));
	else
		find(d, HEALTH_OK, "hub", NULL, "%s takes connections", url);
}

/* A root that is looked at by the clock: on a network filesystem that is as it should be, else it can be mended. */
static void check_polled(struct doctor *d, const json_t *root, const json_t *facts)
{
	const char *name = json_get_text(root, "name"), *path = json_get_text(root, "path"),
	           *why = json_get_text(root, "polling_why");
	int64_t needed = json_get_int(facts, "needed_folders", 0), limit = more_than("max_user_watches", 524288);
	char mend[160];
	while (limit < 2 * needed)
		limit *= 2;
	snprintf(mend, sizeof mend, "sysctl fs.inotify.max_user_watches=%lld fs.inotify.max_user_instances=%lld",
	         (long long)limit, (long long)more_than("max_user_instances", 1024));
	if (path && farfs_at(path))
		find(d, HEALTH_WARN, name, "nothing to mend: 'interval' in its category says how often",
		     "looked at every %s: %s", say_span(json_get_int(root, "interval_ms", 0)), why ? why : "");
	else
		find(d, HEALTH_FAIL, name, mend, "looked at every %s, not watched: %s (%s needed)",
		     say_span(json_get_int(root, "interval_ms", 0)), why ? why : "",
		     say_count(needed, "watch", "watches"));
}

/* What only the engine knows. */
static void check_engine(struct doctor *d)
{
	struct client *c = client_connect(globals.home.control, NULL);
	struct err e = { 0 };
	size_t i;
	json_t *root;
	if (!c) {
		find(d, HEALTH_OK, "engine", NULL, "none is running");
		return;
	}
	json_t *facts = client_ask(c, control_request("doctor"), ASK_MS, &e, NULL);
	client_destroy(c);
	const json_t *link = json_object_get(json_object_get(facts, "status"), "connection");
	const char *state = json_get_text(link, "state"), *error = json_get_text(link, "error");
	const char *stuck = json_get_text(facts, "state_error");
	if (!facts)
		find(d, HEALTH_FAIL, "engine", "end it and start it again", "it does not answer: %s", e.why);
	else if (stuck)
		find(d, HEALTH_FAIL, "engine", "free some space; it goes on by itself",
		     "the state cannot be written: %s", stuck);
	else if (error)
		find(d, HEALTH_FAIL, "engine", "see 'syncline log'", "runs; %s: %s", state ? state : "?", error);
	else
		find(d, HEALTH_OK, "engine", NULL, "runs; %s; %s watched", state ? state : "?",
		     say_count(json_get_int(facts, "watched_folders", 0), "folder", "folders"));
	check_store(d, json_object_get(facts, "store"));
	json_array_foreach(json_object_get(facts, "roots"), i, root) {
		const char *name = json_get_text(root, "name"), *why = json_get_text(root, "why");
		if (why)
			find(d, HEALTH_FAIL, name,
			     "bring it back, or 'syncline remove' the category; nothing is deleted meanwhile", "%s",
			     why);
		else if (json_get_bool(root, "polling"))
			check_polled(d, root, facts);
	}
	json_decref(facts);
}

static void check_libraries(struct doctor *d)
{
	int major, minor, patch;
	git_libgit2_version(&major, &minor, &patch);
	find(d, HEALTH_OK, "libraries", NULL,
	     "libwebsockets %s, SQLite %s, libgit2 %d.%d.%d, libsodium %s, zstd %s, jansson %s", loop_library(),
	     sqlite3_libversion(), major, minor, patch, sodium_version_string(), ZSTD_versionString(), JANSSON_VERSION);
	if (major == 1 && minor < 5)
		find(d, HEALTH_FAIL, "libraries", "install libgit2 1.5 or newer", "libgit2 is too old");
}

int cmd_doctor(int argc, char **argv)
{
	struct doctor d = { 0 };
	if (!opts_parse(&argc, argv, NULL, 0, 0))
		return CONTROL_USAGE;
	d.rows = json_array();
	char *keys = home_state(&globals.home, "keys"), *hub = check_config(&d);
	check_private(&d, "state", globals.home.state, 0700);
	check_private(&d, "keys", keys, 0600);
	check_disk(&d);
	check_watches(&d);
	check_engine(&d);
	check_hub(&d, hub);
	check_terminal(&d);
	check_libraries(&d);
	if (globals.json)
		say_json(d.rows);
	json_decref(d.rows);
	free(keys);
	free(hub);
	return d.failed ? CONTROL_FAILED : CONTROL_DONE;
}

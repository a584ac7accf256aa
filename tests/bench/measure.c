/* measure: the stop-watch of `make bench`. What it measures are files: it knows nothing of syncline but the control
 * socket's "wait".
 *
 *   measure words DIR COUNT SEED           COUNT files of 1 to 4 KB of words, the same for the same seed
 *   measure pages DIR COUNT SEED           COUNT files of 4 KB, in lines
 *   measure edits FROM TO COUNT GAP_MS     one line of one page each: prints the times until TO has it, in µs, a line
 *   measure floor DIR COUNT GAP_MS         the same for one inotify event and one WebSocket echo in one process
 *   measure queued DIR SOCKET COUNT GAP_MS one line of one page each, nothing being sent: the times from close(2) until
 *                                          the engine answers that it is queued, and of such an answer alone, in µs
 *   measure same FROM TO COUNT TIMEOUT_S   waits until TO holds COUNT files equal to FROM's; prints the ms it took
 *   measure replay FROM TO SOCKET_FROM SOCKET_TO COUNTS…
 *                                          replays the history (a trace) on stdin; bytes per edit
 *   measure percentile P                   of the numbers on stdin */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libwebsockets.h>

#include "base/blob.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/rng.h"
#include "control/client.h"
#include "sys/clock.h"
#include "sys/loop.h"

#define PAGE_BYTES 4096
#define TIMEOUT_US 20000000ULL

static const char *const words[] = {
	"river",       "window",     "paper",    "engine",     "garden",   "letter",     "winter",
	"bridge",      "signal",     "copper",   "market",     "shadow",   "ladder",     "harbour",
	"lantern",     "meadow",     "thread",   "corner",     "station",  "pencil",     "island",
	"morning",     "kitchen",    "the",      "a",          "of",       "and",        "to",
	"in",          "that",       "it",       "with",       "as",       "for",        "was",
	"on",          "are",        "by",       "be",         "this",     "which",      "configuration",
	"synchronise", "understand", "remember", "difference", "question", "particular", "suddenly",
};
#define WORDS (sizeof words / sizeof *words)

static int die(const char *what)
{
	fprintf(stderr, "measure: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void put_line(struct buf *b, struct rng *rng, size_t cells)
{
	size_t end = b->len + cells;
	while (b->len < end)
		buf_printf(b, "%s ", words[rng_below(rng, WORDS)]);
	buf_u8(b, '\n');
}

static void write_file(const char *path, const struct buf *b)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, b->data, b->len) != (ssize_t)b->len || close(fd))
		die(path);
}

static bool read_file(const char *path, struct buf *b)
{
	uint8_t bytes[65536];
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	buf_clear(b);
	if (fd < 0)
		return false;
	while ((n = read(fd, bytes, sizeof bytes)) > 0)
		buf_put(b, bytes, (size_t)n);
	close(fd);
	return n == 0;
}

static bool equal(const struct buf *a, const struct buf *b)
{
	return a->len == b->len && (!a->len || !memcmp(a->data, b->data, a->len));
}

static int make_files(const char *dir, int count, uint64_t seed, bool pages)
{
	struct buf b = { 0 };
	struct rng rng;
	char path[PATH_MAX];
	rng_seed(&rng, seed);
	for (int i = 0; i < count; i++) {
		size_t bytes = pages ? PAGE_BYTES : 1024 + rng_below(&rng, 3073);
		buf_clear(&b);
		while (b.len < bytes)
			put_line(&b, &rng, 60);
		b.len = bytes;
		b.data[bytes - 1] = '\n';
		snprintf(path, sizeof path, "%s/%03d", dir, i / 100);
		if (!pages)
			mkdir(path, 0755);
		snprintf(path, sizeof path, pages ? "%s/page-%d.md" : "%s/%03d/%d.md", dir, pages ? i : i / 100, i);
		write_file(path, &b);
	}
	buf_finish(&b);
	return 0;
}

/* ---- edits ---- */

/* Sleeps until something happens in the folder, then looks; so the watching costs next to nothing. */
static uint64_t until_equal(int watch, const char *path, const struct buf *wanted, uint64_t since)
{
	struct buf seen = { 0 };
	char events[4096];
	uint64_t now;
	for (;;) {
		bool there = read_file(path, &seen) && equal(wanted, &seen);
		now = clock_us();
		if (there || now - since > TIMEOUT_US)
			break;
		struct pollfd p = { .fd = watch, .events = POLLIN };
		if (poll(&p, 1, 1000) > 0 && read(watch, events, sizeof events) < 0)
			die("inotify");
	}
	buf_finish(&seen);
	return now - since;
}

/* One line of a page becomes another of its length, about. */
static void edit_page(const char *path, struct buf *b, struct rng *rng)
{
	struct buf line = { 0 };
	if (!read_file(path, b))
		die(path);
	uint8_t *at = memchr(b->data + b->len / 2, '\n', b->len / 2) + 1,
	        *end = memchr(at, '\n', (size_t)(b->data + b->len - at));
	put_line(&line, rng, (size_t)(end - at) / 2);
	memcpy(at, line.data, line.len - 1 < (size_t)(end - at) ? line.len - 1 : (size_t)(end - at));
	buf_finish(&line);
	write_file(path, b);
}

static int edits(const char *from, const char *to, int count, int gap_ms)
{
	struct buf b = { 0 };
	struct rng rng;
	char source[PATH_MAX], target[PATH_MAX];
	int watch = inotify_init1(IN_CLOEXEC), late = 0;
	rng_seed(&rng, 7);
	if (watch < 0 || inotify_add_watch(watch, to, IN_MOVED_TO | IN_CLOSE_WRITE | IN_CREATE) < 0)
		die(to);
	for (int i = 0; i < count; i++) {
		snprintf(source, sizeof source, "%s/page-%d.md", from, i);
		snprintf(target, sizeof target, "%s/page-%d.md", to, i);
		edit_page(source, &b, &rng);
		uint64_t took = until_equal(watch, target, &b, clock_us());
		late += took > TIMEOUT_US;
		printf("%llu\n", (unsigned long long)took);
		usleep((useconds_t)gap_ms * 1000);
	}
	return late ? fprintf(stderr, "measure: %d edits did not arrive\n", late), 1 : 0;
}

static json_int_t outgoing(struct client *c)
{
	struct err e;
	char line[1024];
	json_int_t n = -1;
	json_t *answer = client_ask(c, control_request("status"), 60000, &e, NULL);
	if (!answer || json_unpack(answer, "{s:{s:I}}", "queue", "outgoing", &n)) {
		fprintf(stderr, "measure: no status: %s\n",
			answer ? "not understood" : err_line(&e, line, sizeof line));
		exit(1);
	}
	json_decref(answer);
	return n;
}

static int queued(const char *dir, const char *socket, int count, int gap_ms)
{
	struct buf b = { 0 };
	struct rng rng;
	struct err e;
	char path[PATH_MAX], why[1024];
	struct client *c = client_connect(socket, &e);
	if (!c)
		return fprintf(stderr, "%s\n", err_line(&e, why, sizeof why)), 1;
	rng_seed(&rng, 11);
	json_int_t before = outgoing(c);
	for (int i = 0; i < count; i++) {
		snprintf(path, sizeof path, "%s/page-%d.md", dir, i);
		edit_page(path, &b, &rng);
		uint64_t closed = clock_us(), now = closed;
		while (outgoing(c) <= before && now - closed < TIMEOUT_US)
			now = clock_us();
		now = clock_us();
		before++;
		uint64_t answered = clock_us();
		outgoing(c);
		printf("%llu %llu\n", (unsigned long long)(now - closed), (unsigned long long)(clock_us() - answered));
		usleep((useconds_t)gap_ms * 1000);
	}
	client_destroy(c);
	buf_finish(&b);
	return 0;
}

/* ---- the floor: what the kernel and the WebSocket library cost alone ---- */

static struct floor {
	struct loop *loop;
	struct lws *client;
	bool up, echoed, want;
	int watch;
	uint64_t at;
} ground;

static int echo(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	static uint8_t held[LWS_PRE + 128];
	static size_t held_len;
	(void)user;
	if (reason == LWS_CALLBACK_RECEIVE && len <= 128) {
		memcpy(held + LWS_PRE, in, held_len = len);
		lws_callback_on_writable(wsi);
	} else if (reason == LWS_CALLBACK_SERVER_WRITEABLE && held_len) {
		lws_write(wsi, held + LWS_PRE, held_len, LWS_WRITE_BINARY);
		held_len = 0;
	}
	return 0;
}

static int ask(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	static uint8_t frame[LWS_PRE + 128];
	(void)user, (void)in, (void)len;
	if (reason == LWS_CALLBACK_CLIENT_ESTABLISHED) {
		ground.client = wsi;
		ground.up = true;
	} else if (reason == LWS_CALLBACK_CLIENT_WRITEABLE && ground.want) {
		ground.want = false;
		lws_write(wsi, frame + LWS_PRE, 100, LWS_WRITE_BINARY);
	} else if (reason == LWS_CALLBACK_CLIENT_RECEIVE) {
		ground.echoed = true;
	} else if (reason == LWS_CALLBACK_CLIENT_CONNECTION_ERROR) {
		die("echo");
	}
	return 0;
}

static void on_event(void *ctx, int events)
{
	char bytes[4096];
	(void)ctx, (void)events;
	if (read(ground.watch, bytes, sizeof bytes) > 0) {
		ground.want = true;
		lws_callback_on_writable(ground.client);
	}
}

static int floor_of(const char *dir, int count, int gap_ms)
{
	static const struct lws_protocols serve[] = { { .name = "echo", .callback = echo }, { 0 } };
	static const struct lws_protocols call[] = { { .name = "echo", .callback = ask }, { 0 } };
	struct err e;
	char path[PATH_MAX], why[1024];
	lws_set_log_level(0, NULL);
	ground.loop = loop_create(LOOP_POLL, &e);
	if (!ground.loop)
		return fprintf(stderr, "%s\n", err_line(&e, why, sizeof why)), 1;
	struct lws_context *context = loop_lws(ground.loop);
	struct lws_context_creation_info server = {
		.port = 0, .iface = "127.0.0.1", .protocols = serve, .vhost_name = "echo"
	};
	struct lws_vhost *vhost = lws_create_vhost(context, &server);
	struct lws_context_creation_info none = { .port = CONTEXT_PORT_NO_LISTEN,
		                                  .protocols = call,
		                                  .vhost_name = "ask" };
	struct lws_client_connect_info to = { .context = context,
		                              .vhost = lws_create_vhost(context, &none),
		                              .address = "127.0.0.1",
		                              .port = vhost ? lws_get_vhost_listen_port(vhost) : 0,
		                              .path = "/",
		                              .host = "127.0.0.1",
		                              .protocol = "echo",
		                              .local_protocol_name = "echo" };
	if (!vhost || !lws_client_connect_via_info(&to))
		die("echo");
	while (!ground.up)
		loop_turn(ground.loop);
	ground.watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (inotify_add_watch(ground.watch, dir, IN_CLOSE_WRITE) < 0)
		die(dir);
	struct loop_watch *watch = loop_watch_start(ground.loop, ground.watch, LOOP_READ, on_event, NULL);
	struct buf b = { 0 };
	buf_printf(&b, "floor\n");
	snprintf(path, sizeof path, "%s/floor", dir);
	for (int i = 0; i < count; i++) {
		ground.echoed = false;
		write_file(path, &b);
		ground.at = clock_us();
		while (!ground.echoed)
			loop_turn(ground.loop);
		printf("%llu\n", (unsigned long long)(clock_us() - ground.at));
		usleep((useconds_t)gap_ms * 1000);
	}
	loop_watch_stop(watch);
	loop_destroy(ground.loop);
	buf_finish(&b);
	return 0;
}

/* ---- trees ---- */

/* Files below `from` that `to` holds equal; -1 as soon as one is not. Counts first, since that is quick. */
static long files_below(const char *dir)
{
	char path[PATH_MAX];
	long count = 0;
	DIR *d = opendir(dir);
	for (struct dirent *entry; d && (entry = readdir(d));) {
		if (!strncmp(entry->d_name, ".", 1))
			continue;
		if (entry->d_type == DT_DIR) {
			snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
			count += files_below(path);
		} else {
			count++;
		}
	}
	if (d)
		closedir(d);
	return count;
}

static bool trees_equal(const char *from, const char *to)
{
	struct buf a = { 0 }, b = { 0 };
	char source[PATH_MAX], target[PATH_MAX];
	bool good = true;
	DIR *d = opendir(from);
	for (struct dirent *entry; good && d && (entry = readdir(d));) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		snprintf(source, sizeof source, "%s/%s", from, entry->d_name);
		snprintf(target, sizeof target, "%s/%s", to, entry->d_name);
		good = entry->d_type == DT_DIR ? trees_equal(source, target)
					       : read_file(source, &a) && read_file(target, &b) && equal(&a, &b);
	}
	if (d)
		closedir(d);
	buf_finish(&a);
	buf_finish(&b);
	return good && d;
}

static int until_same(const char *from, const char *to, long count, int timeout_s)
{
	uint64_t start = clock_ms(), end = start + (uint64_t)timeout_s * 1000;
	while (clock_ms() < end) {
		if (files_below(to) >= count && trees_equal(from, to))
			return printf("%llu\n", (unsigned long long)(clock_ms() - start)), 0;
		usleep(20000);
	}
	return fprintf(stderr, "measure: not the same after %d s: %ld of %ld files\n", timeout_s, files_below(to),
	               count),
	       1;
}

/* ---- replay ---- */

struct operation {
	char op[8], category[64], path[PATH_MAX], from[PATH_MAX];
	size_t size;
};

static bool next_operation(FILE *trace, struct operation *o, struct buf *content)
{
	static char *line;
	static size_t cap;
	char *fields[9], *at;
	ssize_t n = getline(&line, &cap, trace);
	if (n <= 0)
		return false;
	line[n - 1] = 0;
	at = line;
	for (int i = 0; i < 9; i++)
		fields[i] = at ? strsep(&at, "\t") : "";
	snprintf(o->op, sizeof o->op, "%s", fields[0]);
	snprintf(o->category, sizeof o->category, "%s", fields[4]);
	snprintf(o->path, sizeof o->path, "%s", fields[7]);
	snprintf(o->from, sizeof o->from, "%s", fields[8] ? fields[8] : "");
	o->size = strtoull(fields[5], NULL, 10);
	buf_clear(content);
	buf_reserve(content, o->size + 1);
	content->len = fread(content->data, 1, o->size, trace);
	return content->len == o->size && fgetc(trace) == '\n' && !strstr(o->path, "..");
}

static void make_parents(char *path, size_t root)
{
	for (char *slash = strchr(path + root + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		mkdir(path, 0755);
		*slash = '/';
	}
}

static void perform(const char *dir, const struct operation *o, const struct buf *content)
{
	char path[2 * PATH_MAX], from[2 * PATH_MAX];
	snprintf(path, sizeof path, "%s/%s", dir, o->path);
	snprintf(from, sizeof from, "%s/%s", dir, o->from);
	make_parents(path, strlen(dir));
	if (!strcmp(o->op, "delete"))
		unlink(path);
	else if (!strcmp(o->op, "rename"))
		rename(from, path);
	if (strcmp(o->op, "delete"))
		write_file(path, content);
}

static void ask_engine(const char *socket, const char *verb)
{
	struct err e;
	char line[1024];
	struct client *c = client_connect(socket, &e);
	json_t *request = control_request(verb);
	json_object_set_new(request, "synced", json_true());
	json_object_set_new(request, "timeout_ms", json_integer(60000));
	json_t *answer = c ? client_ask(c, request, 65000, &e, NULL) : NULL;
	if (!answer) {
		fprintf(stderr, "%s\n", err_line(&e, line, sizeof line));
		exit(1);
	}
	json_decref(answer);
	client_destroy(c);
}

static void both_synced(char **sockets)
{
	ask_engine(sockets[0], "wait");
	ask_engine(sockets[1], "wait");
}

/* By looking at the file: asking the hub costs bytes. */
static void until_there(const char *dir, const struct operation *o, const struct buf *content)
{
	char path[2 * PATH_MAX];
	struct buf seen = { 0 };
	bool delete = !strcmp(o->op, "delete");
	uint64_t start = clock_us();
	snprintf(path, sizeof path, "%s/%s", dir, o->path);
	while (delete ? !access(path, F_OK) : !read_file(path, &seen) || !equal(&seen, content)) {
		if (clock_us() - start > TIMEOUT_US) {
			fprintf(stderr, "measure: %s did not arrive\n", path);
			exit(1);
		}
		usleep(500);
	}
	buf_finish(&seen);
}

static unsigned long long counted(char **files, int count)
{
	unsigned long long up, down, sum = 0;
	for (int i = 0; i < count; i++) {
		FILE *f = fopen(files[i], "re");
		if (f && fscanf(f, "%llu %llu", &up, &down) == 2)
			sum += up + down;
		if (f)
			fclose(f);
	}
	return sum;
}

static int replay(char **argv, int counts)
{
	const char *dir = argv[0], *to = argv[1];
	struct buf content = { 0 };
	struct operation *o = mem_alloc(sizeof *o);
	unsigned long long before = 0, plain = 0;
	long done = 0;
	bool seeding = true;
	char *line = NULL;
	size_t cap = 0;
	if (getline(&line, &cap, stdin) <= 0 || strncmp(line, "replay-trace 1\t", 15))
		return fputs("measure: this is no trace\n", stderr), 1;
	free(line);
	while (next_operation(stdin, o, &content)) {
		bool seed = !strcmp(o->op, "seed");
		if (seeding && !seed) {
			both_synced(argv + 2);
			before = counted(argv + 4, counts);
			seeding = false;
		}
		perform(dir, o, &content);
		if (seed)
			continue;
		/* Each edit is a change of its own: no window joins it with the next, which begins when this one is
		 * there. */
		ask_engine(argv[2], "sync");
		until_there(to, o, &content);
		plain += content.len;
		done++;
	}
	both_synced(argv + 2);
	unsigned long long bytes = counted(argv + 4, counts) - before;
	printf("%ld edits, %llu bytes on both sockets, %.1f an edit; whole files one way: %llu (%.1f times as much)\n",
	       done, bytes, done ? (double)bytes / (double)done : 0, plain, bytes ? (double)plain / (double)bytes : 0);
	free(o);
	buf_finish(&content);
	return trees_equal(dir, to) ? 0 : (fputs("measure: the trees differ\n", stderr), 1);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static int percentile(double p)
{
	double *values = NULL, value;
	size_t count = 0, cap = 0;
	while (scanf("%lf", &value) == 1) {
		MEM_ROOM(values, count, cap);
		values[count++] = value;
	}
	if (!count)
		return 1;
	qsort(values, count, sizeof *values, by_value);
	size_t at = (size_t)(p / 100 * (double)count + 0.5);
	printf("%.0f\n", values[at == 0 ? 0 : at > count ? count - 1 : at - 1]);
	free(values);
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 5 && (!strcmp(what, "words") || !strcmp(what, "pages")))
		return make_files(argv[2], atoi(argv[3]), strtoull(argv[4], NULL, 10), *what == 'p');
	if (argc == 6 && !strcmp(what, "edits"))
		return edits(argv[2], argv[3], atoi(argv[4]), atoi(argv[5]));
	if (argc == 5 && !strcmp(what, "floor"))
		return floor_of(argv[2], atoi(argv[3]), atoi(argv[4]));
	if (argc == 6 && !strcmp(what, "queued"))
		return queued(argv[2], argv[3], atoi(argv[4]), atoi(argv[5]));
	if (argc == 6 && !strcmp(what, "same"))
		return until_same(argv[2], argv[3], atol(argv[4]), atoi(argv[5]));
	if (argc >= 7 && !strcmp(what, "replay"))
		return replay(argv + 2, argc - 6);
	if (argc == 3 && !strcmp(what, "percentile"))
		return percentile(atof(argv[2]));
	fputs("measure: see the head of tests/bench/measure.c\n", stderr);
	return 2;
}

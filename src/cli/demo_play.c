#include "cli/demo.h"

#include <errno.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "cli/say.h"
#include "control/control.h"
#include "sys/clock.h"

#define OUTPUT_MAX (4 * 1024 * 1024)
#define END_MS 5000
#define ARGS_MAX 16

static volatile sig_atomic_t over;

static void on_signal(int number)
{
	over = number;
}

bool demo_over(void)
{
	return over;
}

static bool fail(const char *what, const char *why)
{
	if (!over)
		say_fail(CONTROL_FAILED, "demo", NULL, "%s: %s", what, why);
	return false;
}

/* ---- one verb ---- */

static void read_all(struct child *c, struct buf *out)
{
	uint64_t until = clock_ms() + 2 * DEMO_WAIT_MS;
	for (;;) {
		uint8_t bytes[16384];
		struct pollfd p = { .fd = c->out, .events = POLLIN };
		int left = (int)(until - clock_ms());
		if (left <= 0 || (poll(&p, 1, left) < 0 && errno != EINTR) || over)
			return;
		ssize_t n = p.revents ? read(c->out, bytes, sizeof bytes) : -1;
		if (n == 0 || out->len > OUTPUT_MAX)
			return;
		if (n > 0)
			buf_put(out, bytes, (size_t)n);
	}
}

static void write_all(int fd, const char *text)
{
	size_t len = strlen(text);
	while (len) {
		ssize_t n = write(fd, text, len);
		if (n <= 0)
			return;
		text += n;
		len -= (size_t)n;
	}
}

static bool start(struct demo *d, struct demo_device *v, struct child *c, unsigned flags, const char *const *args)
{
	char *argv[ARGS_MAX];
	size_t n = 0;
	struct err e = { 0 };
	argv[n++] = (char *)child_self();
	if (v) {
		argv[n++] = "--home";
		argv[n++] = v->home;
	}
	while (*args && n < ARGS_MAX - 1)
		argv[n++] = (char *)*args++;
	argv[n] = NULL;
	setenv("HOME", v ? v->person : d->dir, 1);
	if (!child_start(c, argv, flags | (d->on_screen ? CHILD_QUIET : 0), &e))
		return say_error(CONTROL_FAILED, &e), false;
	return true;
}

int demo_run(struct demo *d, struct demo_device *v, const char *in, struct blob *out, const char *const *args)
{
	struct child c;
	struct buf said = { 0 };
	if (!start(d, v, &c, CHILD_PIPES, args))
		return -1;
	if (in)
		write_all(c.in, in);
	close(c.in);
	c.in = -1;
	read_all(&c, &said);
	int code = child_wait(&c, over ? 0 : DEMO_WAIT_MS);
	if (code < 0)
		child_end(&c, 0);
	buf_text(&said);
	if (out)
		*out = buf_take(&said);
	else
		buf_finish(&said);
	return code;
}

json_t *demo_ask(struct demo *d, struct demo_device *v, const char *verb)
{
	struct blob said = { 0 };
	demo_run(d, v, NULL, &said, (const char *const[]){ verb, "--json", NULL });
	json_t *answer = json_loadb((const char *)said.data, said.len, 0, NULL);
	blob_finish(&said);
	return answer;
}

/* ---- hub and engines ---- */

bool demo_hub_start(struct demo *d)
{
	char *store = mem_printf("sqlite:%s/hub/store.db", d->dir), *port_file = mem_printf("%s/hub/port", d->dir);
	const char *listen = d->address[0] ? d->address : "127.0.0.1:0";
	unlink(port_file);
	bool done = start(
	        d, NULL, &d->hub, CHILD_PIPES | CHILD_QUIET,
	        (const char *const[]){ "hub", "--listen", listen, "--store", store, "--port-file", port_file, NULL });
	uint64_t until = clock_ms() + DEMO_WAIT_MS;
	bool listens = false;
	while (done && !listens && !over && clock_ms() < until && child_wait(&d->hub, 5) < 0) {
		FILE *f = fopen(port_file, "re");
		listens = f && fgets(d->address, sizeof d->address, f);
		d->address[strcspn(d->address, "\n")] = 0;
		if (f)
			fclose(f);
	}
	free(store);
	free(port_file);
	return listens || fail("hub", "it does not listen");
}

void demo_hub_stop(struct demo *d)
{
	child_end(&d->hub, END_MS);
}

bool demo_engine_start(struct demo *d, struct demo_device *v)
{
	if (!start(d, v, &v->engine, CHILD_PIPES | CHILD_QUIET, (const char *const[]){ "run", NULL }))
		return false;
	return demo_do(d, v, "wait", "--ready", "--timeout", DEMO_WAIT_S) == 0 ||
	       fail(v->name, "its engine does not answer");
}

void demo_engine_stop(struct demo_device *v)
{
	child_end(&v->engine, END_MS);
}

bool demo_settle(struct demo *d)
{
	/* Twice: what the first round sends out at one device comes in at another that has been asked already. */
	for (size_t i = 0; i < 2 * d->count; i++) {
		struct demo_device *v = &d->devices[i % d->count];
		int code = demo_do(d, v, "wait", "--synced", "--timeout", DEMO_WAIT_S, "--quiet");
		if (code && code != CONTROL_CONFLICTS)
			return fail(v->name, "it does not come to rest");
	}
	return true;
}

/* ---- the whole playground ---- */

/* Enrols a device with an invite that was made by `by` (NULL: by the hub). */
static bool enrol(struct demo *d, struct demo_device *v, struct demo_device *by)
{
	struct blob invite = { 0 };
	char *store = mem_printf("sqlite:%s/hub/store.db", d->dir), *url = mem_printf("ws://%s", d->address);
	int code = by ? demo_run(d, by, NULL, &invite, (const char *const[]){ "invite", NULL })
	              : demo_run(d, NULL, NULL, &invite,
	                         (const char *const[]){ "hub", "invite", "--store", store, "--account", "demo", "--url",
	                                                url, NULL });
	if (!code)
		code = demo_run(d, v, (const char *)invite.data, NULL,
		                (const char *const[]){ "join", "-", "--name", v->name, NULL });
	blob_finish(&invite);
	free(store);
	free(url);
	return !code || fail(v->name, "it cannot join");
}

static bool add_categories(struct demo *d, struct demo_device *v)
{
	for (const struct demo_category *c = demo_categories; c->name; c++) {
		char *path = mem_printf("%s/%s", v->person, c->folder);
		int code = c->file ? demo_do(d, v, "add", c->name, path, "--include", c->file)
		                   : demo_do(d, v, "add", c->name, path);
		free(path);
		if (code)
			return fail(c->name, "it cannot be added");
	}
	return true;
}

static bool make_device(struct demo *d, size_t i)
{
	static const char *const names[] = { "laptop", "desk-pi", "work-vm" };
	struct demo_device *v = &d->devices[i];
	if (i < sizeof names / sizeof *names)
		snprintf(v->name, sizeof v->name, "%s", names[i]);
	else
		snprintf(v->name, sizeof v->name, "device-%zu", i + 1);
	v->person = mem_printf("%s/%s", d->dir, v->name);
	v->home = mem_printf("%s/.syncline", v->person);
	if (mkdir(v->person, 0700) || mkdir(v->home, 0700))
		return fail(v->name, strerror(errno));
	if (i == 0)
		demo_fill(d, v);
	return enrol(d, v, i ? &d->devices[0] : NULL) && add_categories(d, v) && demo_engine_start(d, v);
}

bool demo_open(struct demo *d, size_t devices)
{
	const char *tmp = getenv("TMPDIR");
	struct sigaction stop = { .sa_handler = on_signal };
	sigaction(SIGINT, &stop, NULL);
	sigaction(SIGTERM, &stop, NULL);
	sigaction(SIGHUP, &stop, NULL);
	signal(SIGPIPE, SIG_IGN);
	unsetenv("SYNCLINE_HOME");
	unsetenv("NOTIFY_SOCKET");
	d->dir = mem_printf("%s/syncline-demo-XXXXXX", tmp && *tmp == '/' ? tmp : "/tmp");
	rng_seed(&d->rng, clock_us());
	if (!mkdtemp(d->dir)) {
		free(d->dir);
		d->dir = NULL;
		return fail("temporary folder", strerror(errno));
	}
	char *hub = mem_printf("%s/hub", d->dir);
	bool made = !mkdir(hub, 0700) || fail("hub", strerror(errno));
	free(hub);
	if (!made || !demo_hub_start(d))
		return false;
	for (d->count = 0; d->count < devices; d->count++) {
		say_progress("starting %zu of %zu devices", d->count + 1, devices);
		if (!make_device(d, d->count))
			return d->count++, false;
	}
	say_progress_end();
	return demo_settle(d);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st, (void)kind, (void)at;
	remove(path);
	return 0;
}

void demo_close(struct demo *d)
{
	say_progress_end();
	for (size_t i = 0; i < d->count; i++)
		if (d->devices[i].engine.pid > 0)
			kill(d->devices[i].engine.pid, SIGTERM); /* all at once; then each is waited for */
	for (size_t i = 0; i < d->count; i++) {
		demo_engine_stop(&d->devices[i]);
		free(d->devices[i].person);
		free(d->devices[i].home);
	}
	demo_hub_stop(d);
	if (d->dir)
		nftw(d->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
	free(d->dir);
	d->dir = NULL;
}

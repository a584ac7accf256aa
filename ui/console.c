#include "ui/console.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <langinfo.h>
#include <limits.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "control/client.h"
#include "control/launch.h"
#include "sys/clock.h"
#include "sys/gitconfig.h"
#include "sys/home.h"
#include "sys/signals.h"
#include "ui/plain.h"
#include "ui/term.h"
#include "ui/view.h"

#define FIRST_PAINT_MS 80   /* how long the first frame waits for the first report */
#define DATA_MS        1000 /* numbers are painted once a second */
#define URGENT_MS      100  /* a new verdict at once, ten times a second at most */
#define URGENT_SSH_MS  250  /* four times over a line that may be slow */
#define RESIZE_MS      50
#define RETRY_FIRST_MS 10 /* a socket that is there and not listened on yet */
#define RETRIES        7
#define LATENCIES      4096

struct options {
	const char *socket, *stats, *theme;
	bool plain, mono;
};

struct console {
	struct options options;
	struct view view;
	struct canvas canvas;
	struct theme_book themes;
	const char *theme; /* the one in use */
	struct client *client;
	int signals, watch, starting; /* descriptors; starting: a pipe from the process that starts an engine */
	pid_t starter;
	int64_t fixed_now_ms; /* SYNCLINE_NOW, or 0 */
	bool painted;         /* the first frame is out */
	bool data, tick, key, resized;
	uint64_t data_ms, frame_ms, resize_ms, started_ms;
	uint64_t retry_at_ms, urgent_ms;
	int retries;
	uint64_t wakeups, key_us;
	uint32_t latency_us[LATENCIES];
	size_t latencies;
};

static int64_t wall_ms(const struct console *k)
{
	return k->fixed_now_ms ? k->fixed_now_ms : clock_wall_ms();
}

static const char *socket_path(const struct console *k)
{
	return k->options.socket ? k->options.socket : globals.home.control;
}

/* ---- the engine ---- */

static void unwatch(struct console *k)
{
	if (k->watch >= 0)
		close(k->watch);
	k->watch = -1;
	k->retry_at_ms = 0;
}

/* Watches the folder of the socket, or the nearest one above it that exists: what is made there wakes us. */
static void watch_socket(struct console *k)
{
	char path[PATH_MAX];
	unwatch(k);
	k->watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	snprintf(path, sizeof path, "%s", socket_path(k));
	while (k->watch >= 0) {
		char *slash = strrchr(path, '/');
		if (!slash)
			strcpy(path, ".");
		else
			slash[slash == path] = 0;
		if (inotify_add_watch(k->watch, path, IN_CREATE | IN_MOVED_TO | IN_ATTRIB | IN_ONLYDIR) >= 0 ||
		    !slash || slash == path)
			return;
	}
}

static bool attach(struct console *k, struct err *e)
{
	struct client *c = client_connect(socket_path(k), e);
	if (!c)
		return false;
	unwatch(k);
	client_destroy(k->client);
	k->client = c;
	view_attach(&k->view, ATTACH_UP, NULL);
	return true;
}

static void attach_or_wait(struct console *k)
{
	struct err e = { 0 };
	if (attach(k, &e))
		return;
	view_attach(&k->view, ATTACH_DOWN, e.why);
	watch_socket(k);
	/* It may have come between the two: look once more, now that nothing is missed. */
	attach(k, NULL);
}

/* Something was made near the socket. It is bound a moment before it listens: a few tries, further and further apart.
 */
static void look_again(struct console *k)
{
	char events[4096];
	while (k->watch >= 0 && read(k->watch, events, sizeof events) > 0)
		;
	if (k->view.attach == ATTACH_STARTING || attach(k, NULL))
		return;
	watch_socket(k);
	if (k->retries < RETRIES)
		k->retry_at_ms = clock_ms() + ((uint64_t)RETRY_FIRST_MS << k->retries++);
}

static void lost(struct console *k)
{
	client_destroy(k->client);
	k->client = NULL;
	k->retries = 0;
	attach_or_wait(k); /* an engine that only dropped us, because we were stopped, is there at once */
}

/* Starting waits for the new engine's first answer, so a process of its own does it and the screen stays alive. */
static void start_engine(struct console *k)
{
	int link[2];
	if (k->starting >= 0 || pipe2(link, O_CLOEXEC))
		return;
	k->starter = fork();
	if (!k->starter) {
		struct err e = { 0 };
		struct client *c = launch_ensure(&globals.home, LAUNCH_STAYS, LAUNCH_MS, NULL, &e);
		ssize_t n = c ? 0 : write(link[1], e.why, strlen(e.why) + 1);
		(void)n;
		_exit(0);
	}
	close(link[1]);
	k->starting = link[0];
	unwatch(k);
	view_attach(&k->view, ATTACH_STARTING, NULL);
	view_hint(&k->view, "Starting the engine.");
}

static void engine_started(struct console *k)
{
	char why[400] = "";
	ssize_t n = read(k->starting, why, sizeof why - 1);
	why[n > 0 ? n : 0] = 0;
	close(k->starting);
	k->starting = -1;
	waitpid(k->starter, NULL, 0);
	k->view.message[0] = 0;
	attach_or_wait(k);
	if (why[0] && k->view.attach == ATTACH_DOWN)
		snprintf(k->view.down_why, sizeof k->view.down_why, "%s", why);
}

static void send_asks(struct console *k)
{
	struct ask *a;
	while (k->client && (a = view_next_ask(&k->view))) {
		a->id = client_send(k->client, a->request);
		a->request = NULL;
		if (!a->id) {
			lost(k);
			return;
		}
	}
}

static void hear(struct console *k)
{
	json_t *message;
	while (k->client && (message = client_next(k->client))) {
		view_message(&k->view, message);
		json_decref(message);
		k->data = true;
	}
	if (k->client && client_gone(k->client))
		lost(k);
}

/* ---- looks ---- */

static bool use_theme(struct console *k, const char *name)
{
	const struct theme *t = NULL;
	struct err e = { 0 };
	struct style styles[ROLE_COUNT];
	char *path = NULL;
	if (strchr(name, '/')) {
		path = mem_text(name);
	} else if (!(t = theme_find(&k->themes, name)) && name[0] != '.') {
		const char *slash = strrchr(globals.home.config, '/');
		path = mem_printf("%.*s/themes/%s.theme", (int)(slash ? slash - globals.home.config : 0),
		                  globals.home.config, name);
	}
	size_t before = k->themes.count;
	k->themes.warnings = 0;
	if (path && theme_book_add_file(&k->themes, path, &e) && k->themes.count > before)
		t = &k->themes.themes[before];
	free(path);
	if (k->themes.warnings)
		view_say(&k->view, "%s", k->themes.warning);
	if (!t) {
		view_say(&k->view, "Theme %.60s: %.200s.", name, e.why[0] ? e.why : "there is none of this name");
		return false;
	}
	enum theme_depth depth = k->options.mono || t->mono ? DEPTH_MONO : term_depth();
	theme_resolve(&k->themes, t, depth, styles);
	term_styles(styles);
	return true;
}

static bool is_east_asian(void)
{
	const char *locale = setlocale(LC_CTYPE, NULL);
	return locale && (!strncmp(locale, "zh", 2) || !strncmp(locale, "ja", 2) || !strncmp(locale, "ko", 2));
}

static void choose_looks(struct console *k)
{
	const char *term = getenv("TERM"), *glyphs = NULL, *graph = NULL, *theme = k->options.theme;
	struct err e;
	struct gitconfig *config = gitconfig_open(globals.home.config, GITCONFIG_MAX, &e);
	if (config) {
		glyphs = gitconfig_get(config, "console.glyphs");
		graph = gitconfig_get(config, "console.graph");
		if (!theme)
			theme = gitconfig_get(config, "console.theme");
	}
	k->canvas.ascii = strcmp(nl_langinfo(CODESET), "UTF-8") != 0;
	if (!k->canvas.ascii)
		k->canvas.ascii = glyphs && !strcmp(glyphs, "unicode")
		                          ? false
		                          : (glyphs && !strcmp(glyphs, "ascii")) || (term && !strcmp(term, "linux"));
	k->canvas.ascii_graph = k->canvas.ascii || (graph ? !strcmp(graph, "ascii") : is_east_asian());
	theme_book_init(&k->themes);
	if (!theme || !use_theme(k, theme))
		use_theme(k, "harbor");
	gitconfig_destroy(config);
}

/* ---- painting ---- */

static void paint(struct console *k)
{
	int w, h;
	if (term_pending())
		return; /* changes gather until the terminal has taken the last frame */
	term_size(&w, &h);
	if (w != k->canvas.w || h != k->canvas.h)
		canvas_resize(&k->canvas, w, h);
	view_draw(&k->view, &k->canvas);
	term_paint(&k->canvas);
	k->frame_ms = clock_ms();
	if (k->data || k->tick)
		k->data_ms = k->frame_ms;
	if (k->key && k->latencies < LATENCIES)
		k->latency_us[k->latencies++] = (uint32_t)(clock_us() - k->key_us);
	k->data = k->tick = k->key = k->resized = k->view.urgent = false;
	k->painted = true;
}

/* When the next frame is due by what has changed; UINT64_MAX: nothing has. */
static uint64_t frame_due(const struct console *k)
{
	uint64_t due = UINT64_MAX, at;
	if (!k->painted)
		return k->view.model.known || k->view.attach == ATTACH_DOWN || k->key ? 0
		                                                                      : k->started_ms + FIRST_PAINT_MS;
	if (k->key || k->tick)
		return 0;
	if (k->resized)
		due = k->resize_ms + RESIZE_MS;
	if (k->view.urgent && (at = k->frame_ms + k->urgent_ms) < due)
		due = at;
	if (k->data && (at = k->data_ms + DATA_MS) < due)
		due = at;
	return due;
}

static int until(uint64_t at, uint64_t now)
{
	return at <= now ? 0 : at - now > INT_MAX ? INT_MAX : (int)(at - now);
}

static int sooner(int a, int b)
{
	return a < 0 ? b : b < 0 ? a : a < b ? a : b;
}

/* ---- events ---- */

static void take_signals(struct console *k)
{
	int number;
	while ((number = signals_take(k->signals))) {
		if (number == SIGWINCH) {
			uint64_t now = clock_ms();
			if (!k->resized) /* at once, then at most every RESIZE_MS while the corner is dragged */
				k->resize_ms = now > k->frame_ms + RESIZE_MS ? now - RESIZE_MS : now;
			k->resized = true;
			term_resized();
		} else if (number == SIGCONT) {
			term_continued();
			k->key = true;
		} else if (number == SIGTSTP) {
			k->view.suspend = true;
		} else {
			k->view.quit = true;
		}
	}
}

static void take_keys(struct console *k)
{
	uint32_t keys[512];
	size_t n = term_keys(keys, sizeof keys / sizeof *keys);
	if (!n)
		return;
	k->key_us = clock_us();
	k->key = true;
	view_keys(&k->view, keys, n);
}

static void do_wishes(struct console *k)
{
	struct view *v = &k->view;
	if (v->suspend) {
		v->suspend = false;
		term_suspend();
		view_time(v, wall_ms(k), clock_ms());
		k->key = true;
	}
	if (v->redraw) {
		v->redraw = false;
		term_repaint_all();
		k->key = true;
	}
	if (v->start_engine) {
		v->start_engine = false;
		start_engine(k);
	}
	if (v->theme[0]) {
		if (use_theme(k, v->theme))
			view_hint(v, "Theme %.40s.  [console] theme = %.40s in the configuration keeps it.", v->theme,
			          v->theme);
		v->theme[0] = 0;
		k->key = true;
	}
}

/* One turn: sleep until something is there or due. Calm means: for ever. */
static void turn(struct console *k)
{
	enum { TERMINAL, ENGINE, SIGNALS, WATCH, STARTING, OUT, COUNT };
	uint64_t now = clock_ms(), due = frame_due(k);
	bool slow = term_pending();
	int data = slow || due == UINT64_MAX ? -1 : until(due, now);
	int own = slow || !k->painted ? -1 : view_sleep_ms(&k->view), wait = sooner(data, own);
	if (k->retry_at_ms)
		wait = sooner(wait, until(k->retry_at_ms, now));
	struct pollfd fds[COUNT] = {
		[TERMINAL] = { .fd = STDIN_FILENO, .events = POLLIN },
		[ENGINE] = { .fd = k->client ? client_fd(k->client) : -1, .events = POLLIN },
		[SIGNALS] = { .fd = k->signals, .events = POLLIN },
		[WATCH] = { .fd = k->watch, .events = POLLIN },
		[STARTING] = { .fd = k->starting, .events = POLLIN },
		[OUT] = { .fd = slow ? term_out_fd() : -1, .events = POLLOUT },
	};
	int ready = poll(fds, COUNT, wait);
	k->wakeups++;
	if (ready < 0 && errno != EINTR)
		k->view.quit = true;
	now = clock_ms();
	view_time(&k->view, wall_ms(k), now);
	if (ready == 0 && own >= 0 && wait == own)
		k->tick = true;
	if (ready > 0) {
		if (fds[SIGNALS].revents)
			take_signals(k);
		if (fds[TERMINAL].revents & POLLIN)
			take_keys(k);
		if (fds[TERMINAL].revents & (POLLHUP | POLLERR | POLLNVAL) || (fds[OUT].revents & (POLLHUP | POLLERR)))
			k->view.quit = true;
		if (fds[OUT].revents && !term_flush())
			k->view.quit = true;
		if (fds[ENGINE].revents)
			hear(k);
		if (fds[WATCH].revents) {
			k->retries = 0;
			look_again(k);
		}
		if (fds[STARTING].revents)
			engine_started(k);
	}
	if (k->retry_at_ms && clock_ms() >= k->retry_at_ms) {
		k->retry_at_ms = 0;
		look_again(k);
	}
	do_wishes(k);
	if (term_gone())
		k->view.quit = true;
	if (!k->view.quit && frame_due(k) <= clock_ms())
		paint(k);
	send_asks(k);
}

/* ---- the end ---- */

static int by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

static void write_stats(struct console *k)
{
	const struct term_stats *s = term_stats_now();
	mem_sort(k->latency_us, k->latencies, sizeof *k->latency_us, by_size);
	uint32_t p50 = k->latencies ? k->latency_us[k->latencies / 2] : 0;
	uint32_t p95 = k->latencies ? k->latency_us[k->latencies * 95 / 100] : 0;
	uint32_t most = k->latencies ? k->latency_us[k->latencies - 1] : 0;
	FILE *f = fopen(k->options.stats, "w");
	if (!f)
		return;
	fprintf(f,
	        "{\"frames\":%llu,\"writes\":%llu,\"bytes\":%llu,\"max_frame\":%llu,\"wakeups\":%llu,"
	        "\"key_to_paint_us\":{\"count\":%zu,\"p50\":%u,\"p95\":%u,\"max\":%u}}\n",
	        (unsigned long long)s->frames, (unsigned long long)s->writes, (unsigned long long)s->bytes,
	        (unsigned long long)s->max_frame, (unsigned long long)k->wakeups, k->latencies, p50, p95, most);
	fclose(f);
}

static void say_unapplied(const struct view *v)
{
	size_t n = 0;
	for (size_t i = 0; i < sizeof v->decisions / sizeof *v->decisions; i++)
		n += v->decisions[i].side && !v->decisions[i].sent &&
		     model_find_conflict(&v->model, v->decisions[i].id);
	if (n)
		printf("%zu choice%s not applied.\n", n, n == 1 ? " was" : "s were");
}

static int run_screen(struct console *k, const char *note)
{
	static const int wanted[] = { SIGWINCH, SIGTSTP, SIGCONT, SIGTERM, SIGHUP, SIGINT, SIGQUIT, 0 };
	int w, h;
	struct err e = { 0 };
	k->signals = signals_open(wanted);
	k->started_ms = clock_ms();
	k->urgent_ms = getenv("SSH_CONNECTION") || getenv("SSH_TTY") ? URGENT_SSH_MS : URGENT_MS;
	term_size(&w, &h);
	canvas_init(&k->canvas, w, h, false);
	view_init(&k->view, socket_path(k), !k->options.socket);
	view_time(&k->view, wall_ms(k), k->started_ms);
	choose_looks(k);
	if (note[0])
		view_say(&k->view, "%s", note);
	if (!attach(k, &e) && !k->options.socket)
		start_engine(k);
	else if (!k->client)
		attach_or_wait(k);
	send_asks(k);
	while (!k->view.quit)
		turn(k);
	term_close();
	say_unapplied(&k->view);
	if (k->options.stats)
		write_stats(k);
	client_destroy(k->client);
	unwatch(k);
	if (k->starting >= 0)
		close(k->starting);
	view_finish(&k->view);
	canvas_finish(&k->canvas);
	theme_book_finish(&k->themes);
	return CONTROL_DONE;
}

static int run_plain(struct console *k)
{
	struct err e = { 0 };
	char line[1024];
	bool prompt = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
	/* A script that prints the state must not leave an engine behind. */
	struct client *c = prompt && !k->options.socket
	                           ? launch_ensure(&globals.home, LAUNCH_STAYS, LAUNCH_MS, NULL, &e)
	                           : client_connect(socket_path(k), &e);
	if (!c) {
		fprintf(stderr, "%s\n", err_line(&e, line, sizeof line));
		return CONTROL_NO_ENGINE;
	}
	int code = plain_run(c, prompt);
	client_destroy(c);
	return code;
}

int console_main(int argc, char **argv)
{
	enum { SOCKET = 256, PLAIN, STATS, THEME, MONO, NO_PROBE };
	static const struct option known[] = {
		{ "socket", required_argument, NULL, SOCKET },
		{ "plain", no_argument, NULL, PLAIN },
		{ "stats", required_argument, NULL, STATS },
		{ "theme", required_argument, NULL, THEME },
		{ "mono", no_argument, NULL, MONO },
		{ "no-probe", no_argument, NULL, NO_PROBE },
		{ NULL, 0, NULL, 0 },
	};
	struct console *k = mem_alloc(sizeof *k);
	const char *now = getenv("SYNCLINE_NOW");
	char note[128], line[1024];
	struct err e = { 0 };
	int option, code = CONTROL_DONE;
	k->watch = k->starting = k->signals = -1;
	k->fixed_now_ms = now && *now ? (int64_t)(strtod(now, NULL) * 1000) : 0;
	optind = 1;
	opterr = 0;
	while ((option = getopt_long(argc, argv, ":", known, NULL)) != -1) {
		switch (option) {
		case SOCKET:
			k->options.socket = optarg;
			break;
		case PLAIN:
			k->options.plain = true;
			break;
		case STATS:
			k->options.stats = optarg;
			break;
		case THEME:
			k->options.theme = optarg;
			break;
		case MONO:
			k->options.mono = true;
			break;
		case NO_PROBE:
			break; /* the terminal is never asked anything */
		default:
			err_set(&e, argv[optind - 1],
			        "--socket PATH, --plain, --theme NAME, --mono, --stats FILE, --no-probe",
			        option == ':' ? "it needs a value" : "there is no such option");
			code = CONTROL_USAGE;
		}
	}
	if (code == CONTROL_DONE && optind < argc) {
		err_set(&e, argv[optind], "'syncline --help' lists the commands", "the console takes options only");
		code = CONTROL_USAGE;
	}
	if (code != CONTROL_DONE)
		fprintf(stderr, "%s\n", err_line(&e, line, sizeof line));
	if (code == CONTROL_DONE) {
		if (k->options.plain || !term_open(note, &e))
			code = run_plain(k);
		else
			code = run_screen(k, note);
	}
	free(k);
	return code;
}

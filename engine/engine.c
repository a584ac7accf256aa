/* The life of a device's process, and the turn: gather, step, commit, send. */
#include "engine/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/verbs.h"
#include "engine/control_server.h"
#include "engine/enroll.h"
#include "sys/clock.h"
#include "sys/log.h"
#include "sys/sdnotify.h"

#define STEP_US       8000 /* of a turn spent in the core */
#define SCAN_US       4000 /* … walking folders */
#define TIDY_US       4000 /* … filing versions */
#define GATHERED_MAX  2048 /* more than this and scans wait until the core has caught up */
#define ROOTS_MS      2000 /* between looks whether folders are there */
#define FILES_TIDY_MS 500
#define COMMIT_MS     50   /* between commits while the log is read from far behind */
#define LOOKS_COMMIT_MS 16 /* … and while many files are looked at: two turns or so */
#define THIN_MS       21600000 /* between passes over the history */
#define THIN_AGAIN_MS 600000   /* after the start, and where the hub's clock is not known */
#define TIDY_PATIENCE_MS 60000
#define FULL_SCAN_MS  3600000 /* writes through mmap or foreign hard links cause no event */

/* ---- gathering ---- */

void engine_gather(struct engine *g, const struct event *e)
{
	intray_put(&g->trays[g->filling], e, g->link);
}

void engine_clock(struct engine *g)
{
	g->now_ms = clock_ms();
	g->wall_ms = clock_wall_ms();
	if (g->core)
		core_clock(g->core, g->now_ms, g->wall_ms);
}

void engine_notice(struct engine *g, enum notice_level level, const char *from, const char *item, const char *format,
                   ...)
{
	char text[1024];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	journal_add(&g->journal, clock_wall_ms(), level, from, item, text);
}

static bool gathered(const struct engine *g)
{
	return g->trays[g->filling].count || g->taken < g->trays[!g->filling].count;
}

void engine_forget_gathered(struct engine *g)
{
	intray_clear(&g->trays[0]);
	intray_clear(&g->trays[1]);
	g->taken = 0;
}

bool engine_settled(const struct engine *g)
{
	return !areas_busy(g) && !gathered(g) && !g->watcher_more && !scan_active(g->scan, NULL);
}

void engine_drain(struct engine *g)
{
	while (watcher_read(g->watcher))
		;
	g->watcher_more = false;
}

void engine_retry(struct engine *g)
{
	engine_gather(g, &(struct event){ .type = EVENT_RETRY_NOW });
}

static void watcher_ready(void *ctx, int events)
{
	struct engine *g = ctx;
	(void)events;
	g->watcher_more = watcher_read(g->watcher);
}

/* ---- configuration ---- */

struct category_setup *engine_setups(const struct config *c)
{
	struct category_setup *all = mem_alloc((c->category_count + 1) * sizeof *all);
	for (size_t i = 0; i < c->category_count; i++)
		all[i] = config_setup(&c->categories[i]);
	return all;
}

static bool load_config(const struct home *h, struct config *c, struct err *e)
{
	char *config_dir = mem_printf("%.*s", (int)(strrchr(h->config, '/') - h->config), h->config);
	const char *const dirs[] = { config_dir, h->state, h->runtime, NULL };
	bool ok = config_load(c, h->config, dirs, e);
	free(config_dir);
	return ok;
}

bool engine_takes_config(struct err *e)
{
	struct config c = { 0 };
	bool ok = load_config(&globals.home, &c, e);
	config_finish(&c);
	return ok;
}

bool engine_reload(struct engine *g, struct err *e)
{
	struct config fresh = { 0 }, old = g->config;
	if (!load_config(g->home, &fresh, &g->config_wrong)) {
		*e = g->config_wrong;
		return false;
	}
	g->config_wrong = (struct err){ 0 };
	bool moved = strcmp(old.hub_url, fresh.hub_url) != 0;
	g->config = fresh;
	areas_configure(g, &old);
	struct category_setup *categories = engine_setups(&g->config);
	engine_clock(g);
	core_set_categories(g->core, categories, g->config.category_count);
	free(categories);
	if (moved && g->socket) {
		bool live = g->link_live;
		outside_disconnect(g);
		if (live)
			engine_gather(g, &(struct event){ .type = EVENT_LINK_CLOSED,
			                                  .text = "the hub's address was changed" });
	}
	config_finish(&old);
	return true;
}

/* ---- the turn ---- */

static bool of_link(enum event_type type)
{
	return type == EVENT_LINK_OPEN || type == EVENT_LINK_CLOSED || type == EVENT_TEXT || type == EVENT_BINARY ||
	       type == EVENT_WRITABLE;
}

static void step(struct engine *g, struct event *e)
{
	e->now_ms = g->now_ms;
	e->wall_ms = g->wall_ms;
	core_step(g->core, e);
	if (e->type == EVENT_BOOT)
		state_booted(g);
	g->stepped = true;
}

static void step_gathered(struct engine *g)
{
	uint64_t until = clock_us() + STEP_US;
	bool any = false;
	if (g->taken == g->trays[!g->filling].count) {
		intray_clear(&g->trays[!g->filling]);
		g->taken = 0;
		g->filling = !g->filling;
	}
	const struct intray *t = &g->trays[!g->filling];
	while (g->taken < t->count && clock_us() < until && !g->turn_failed) {
		struct event e;
		uint64_t link;
		intray_get(t, g->taken++, &e, &link);
		if (of_link(e.type) && link != g->link)
			continue;
		step(g, &e);
		any = true;
	}
	if (!any && core_deadline(g->core) <= g->now_ms)
		step(g, &(struct event){ .type = EVENT_TICK });
}

static bool idle(const struct engine *g)
{
	return engine_settled(g) && core_deadline(g->core) > g->now_ms;
}

/* Between turns: what was swapped out of people's folders, and versions on their way to the repository. */
static void tidy(struct engine *g)
{
	if (g->files_tidy_ms == UINT64_MAX && files_waiting(g->files))
		g->files_tidy_ms = g->now_ms; /* a scan met leftovers of an earlier life */
	if (g->files_tidy_ms <= g->now_ms) {
		g->files_tidy_ms = files_tidy(g->files) ? g->now_ms + FILES_TIDY_MS : UINT64_MAX;
		if (!files_tidy_in_ms(g->files))
			g->files_tidy_ms = g->now_ms; /* the next part of a large one, after a turn */
	}
	if (g->versions_tidy_ms > g->now_ms || !idle(g))
		return;
	if (!core_calm(g->core) && g->now_ms - g->versions_tidy_ms < TIDY_PATIENCE_MS)
		return; /* people wait for what is under way; nobody waits for the repository */
	bool thin = thinning_active(g->thinning) && !versions_busy(g->versions);
	uint64_t again = thin ? 0 : versions_tidy(g->versions, g->now_ms, TIDY_US, g->file_now);
	if (thin)
		thinning_step(g->thinning, TIDY_US);
	if (thinning_active(g->thinning))
		again = 0;
	g->file_now = g->file_now && !again;
	g->versions_tidy_ms = again == UINT64_MAX ? UINT64_MAX : g->now_ms + again;
	if (!outside_commit(g))
		state_stumble(g);
}

/* The clock that ages are told by: neither ours nor the hub's may be ahead alone. */
bool engine_thin(struct engine *g, bool reclaim)
{
	int64_t now;
	if (!core_hub_now(g->core, &now))
		return false;
	if (reclaim || !thinning_active(g->thinning))
		thinning_start(g->thinning, now < g->wall_ms ? now : g->wall_ms, reclaim);
	g->file_now = g->file_now || reclaim;
	g->versions_tidy_ms = g->now_ms;
	return true;
}

static void due_jobs(struct engine *g)
{
	if (g->thin_ms <= g->now_ms)
		g->thin_ms = g->now_ms + (engine_thin(g, false) ? THIN_MS : THIN_AGAIN_MS);
	if (!g->watcher_watch && watcher_fd(g->watcher) >= 0) /* the kernel may have had none at the start */
		g->watcher_watch = loop_watch_start(g->loop, watcher_fd(g->watcher), LOOP_READ, watcher_ready, g);
	if (g->watcher_more)
		g->watcher_more = watcher_read(g->watcher);
	if (g->roots_ms <= g->now_ms) { /* we wake for it only while one is gone: a disk may go without an event */
		watcher_check_roots(g->watcher);
		g->roots_ms = g->now_ms + ROOTS_MS;
	}
	if (g->full_scan_ms <= g->now_ms) {
		g->full_scan_ms = g->now_ms + FULL_SCAN_MS;
		areas_look_at_all(g);
	}
	areas_poll(g, false);
	areas_start_rescans(g);
	if (g->trays[g->filling].count + g->trays[!g->filling].count - g->taken < GATHERED_MAX)
		scan_step(g->scan, SCAN_US);
}

static void earlier(uint64_t *due, uint64_t other)
{
	if (other < *due)
		*due = other;
}

/* While the log is read from far behind, and while many files are looked at, several turns share a commit. */
static uint64_t commit_due(const struct engine *g)
{
	return g->turn_failed                ? 0
	       : core_catching_up(g->core)   ? g->committed_ms + COMMIT_MS
	       : core_looking(g->core)       ? g->committed_ms + LOOKS_COMMIT_MS
					     : 0;
}

static bool commit_later(const struct engine *g)
{
	return g->now_ms < commit_due(g);
}

static void arm(struct engine *g)
{
	uint64_t due = control_server_deadline(g->control);
	if (g->stumbled) {
		earlier(&due, g->stumble_ms);
	} else {
		earlier(&due, core_deadline(g->core));
		if (g->stumble_told)
			earlier(&due, g->stumble_ms);
		earlier(&due, g->files_tidy_ms);
		earlier(&due, g->full_scan_ms);
		earlier(&due, g->thin_ms);
		earlier(&due, areas_poll_deadline(g));
		if (idle(g) && g->versions_tidy_ms != UINT64_MAX)
			earlier(&due, core_calm(g->core) || g->versions_tidy_ms > g->now_ms ? g->versions_tidy_ms
											    : g->now_ms + CALM_MS);
		if (watcher_waiting(g->watcher))
			earlier(&due, g->roots_ms);
		/* What waits to be done, or was done since the commit. */
		if (!engine_settled(g) || g->act_count || (ledger_dirty(g->ledger) && !commit_later(g)))
			due = 0;
		if (commit_later(g))
			earlier(&due, commit_due(g));
	}
	if (due <= g->now_ms)
		loop_again(g->loop);
	else if (due != UINT64_MAX)
		loop_timer_arm(g->alarm, due - g->now_ms);
	else
		loop_timer_stop(g->alarm);
}

static void turn(struct engine *g)
{
	loop_turn(g->loop);
	engine_clock(g);
	uint64_t talk = g->talk;
	if (g->stumbled) {
		if (g->stumble_ms <= g->now_ms)
			state_recover(g);
	} else if (ledger_checkpoint(g->ledger)) {
		/* thousands of pages were copied: enough for a turn */
	} else {
		if (g->stumble_told && g->stumble_ms <= g->now_ms)
			state_sure(g);
		due_jobs(g);
		step_gathered(g);
		if (commit_later(g)) {
			/* what waits for the commit waits a little longer */
		} else if (outside_commit(g)) {
			g->committed_ms = g->now_ms;
			outside_release(g);
			tidy(g);
		} else {
			state_stumble(g);
		}
	}
	if (talk != g->talk) {
		struct websocket_traffic t;
		outside_traffic(g, &t);
		meter_note(&g->meter, g->now_ms, &t);
	}
	enroll_turn(g);
	control_server_turn(g->control);
	if (idle(g))
		files_rest(g->files);
	arm(g);
}

static void alarm_due(void *ctx)
{
	(void)ctx; /* waking was all */
}

/* ---- start and end ---- */

static bool take_lock(struct engine *g, struct err *e)
{
	char *path = home_state(g->home, "lock");
	g->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	bool ok = g->lock_fd >= 0 && flock(g->lock_fd, LOCK_EX | LOCK_NB) == 0;
	if (!ok && g->lock_fd >= 0 && errno == EWOULDBLOCK)
		err_set(e, "engine",
		        "use it, or end it first; another device on this machine needs a --home of its own",
		        "one is running on this home already");
	else if (!ok)
		err_set(e, path, NULL, "%s", strerror(errno));
	free(path);
	return ok;
}

static void keep_secrets_in(void)
{
	const struct rlimit none = { 0, 0 };
	setrlimit(RLIMIT_CORE, &none);
#ifndef __SANITIZE_ADDRESS__ /* the leak checker must be able to look */
	prctl(PR_SET_DUMPABLE, 0);
#endif
}

static bool start(struct engine *g, struct err *e)
{
	keep_secrets_in();
	if (sodium_init() < 0)
		return err_set(e, "libsodium", NULL, "it cannot be set up");
	if (!home_prepare(g->home, e) || !take_lock(g, e))
		return false;
	char *keys = home_state(g->home, "keys");
	bool ok = load_config(g->home, &g->config, e) && keyring_open(&g->keyring, keys, e);
	free(keys);
	g->loop = ok ? loop_create(LOOP_POLL, e) : NULL;
	if (!g->loop)
		return false;
	log_open(g->home->log);
	system_open(g);
	g->alarm = loop_timer_create(g->loop, alarm_due, g);
	engine_clock(g);
	if (!state_open(g, e))
		return false;
	outside_open(g);
	g->control = control_server_create(g, e);
	if (!g->control)
		return false;
	areas_configure(g, NULL);
	g->thin_ms = g->now_ms + THIN_AGAIN_MS;
	g->full_scan_ms = g->now_ms + FULL_SCAN_MS;
	loop_again(g->loop);
	return true;
}

static void finish(struct engine *g)
{
	if (g->ledger && g->core && !g->stumbled)
		state_keep_traffic(g);
	enroll_destroy(g);
	control_server_destroy(g->control);
	outside_close(g);
	if (g->ledger)
		state_close(g);
	core_destroy(g->core);
	if (g->loop) {
		loop_timer_destroy(g->alarm);
		loop_watch_stop(g->watcher_watch);
		system_close(g);
		loop_destroy(g->loop);
	}
	intray_finish(&g->trays[0]);
	intray_finish(&g->trays[1]);
	journal_finish(&g->journal);
	config_finish(&g->config);
	keyring_wipe(&g->keyring);
	log_close();
	if (g->lock_fd >= 0)
		close(g->lock_fd);
}

int engine_main(int argc, char **argv)
{
	static struct engine engine; /* the one of this process */
	struct engine *g = &engine;
	struct err e = { 0 };
	(void)argv;
	if (argc > 1) {
		fprintf(stderr, "syncline: run: it takes no arguments (see 'syncline run --help')\n");
		return CONTROL_USAGE;
	}
	*g = (struct engine){ .home = &globals.home, .lock_fd = -1, .netlink_fd = -1, .clock_fd = -1, .signal_fd = -1 };
	bool started = start(g, &e);
	if (started) {
		sdnotify("READY=1");
		engine_notice(g, NOTICE_INFO, "engine", NULL, "started");
		while (!g->ending)
			turn(g);
		sdnotify("STOPPING=1");
		engine_notice(g, NOTICE_INFO, "engine", NULL, "ended");
	} else {
		char line[1024];
		fprintf(stderr, "%s\n", err_line(&e, line, sizeof line));
	}
	finish(g);
	return started ? CONTROL_DONE : CONTROL_FAILED;
}

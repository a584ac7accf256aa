/* The life of a device's process, and the turn: gather, step, commit, send. */
#include "engine/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <signal.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/verbs.h"
#include "engine/control_server.h"
#include "engine/enroll.h"
#include "sys/clock.h"
#include "sys/entropy.h"
#include "sys/log.h"
#include "sys/sdnotify.h"
#include "sys/signals.h"
#include "wire/message.h"

#define STEP_US 8000            /* of a turn spent in the core */
#define SCAN_US 4000            /* … walking folders */
#define TIDY_US 4000            /* … filing versions */
#define GATHERED_MAX 2048       /* more than this and scans wait until the core has caught up */
#define STUMBLE_MS 3000         /* between tries while the disk refuses */
#define ROOTS_MS 2000           /* between looks for folders that are gone */
#define FILES_TIDY_MS 500
#define FULL_SCAN_MS 3600000    /* writes through mmap or foreign hard links cause no event */

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

void engine_notice(struct engine *g, enum notice_level level, const char *from, const char *item, const char *format, ...)
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

static void forget_gathered(struct engine *g)
{
	intray_clear(&g->trays[0]);
	intray_clear(&g->trays[1]);
	g->taken = 0;
}

bool engine_settled(const struct engine *g)
{
	for (size_t i = 0; i < g->area_count; i++)
		if (g->areas[i].rescan || g->areas[i].running)
			return false;
	return !gathered(g) && !g->watcher_more && !scan_active(g->scan, NULL);
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

/* ---- the core's life ---- */

const char *engine_hub_url(const struct engine *g)
{
	return g->config.hub_url[0] ? g->config.hub_url : g->keyring.url;
}

static void load_item(void *ctx, const struct item_row *row)
{
	core_load_item(ctx, row);
}

static void load_outbox(void *ctx, const struct outbox_row *row)
{
	core_load_outbox(ctx, row);
}

static void load_peer(void *ctx, const struct peer_row *row)
{
	core_load_peer(ctx, row);
}

static struct category_setup *setups(const struct config *c)
{
	struct category_setup *all = mem_alloc((c->category_count + 1) * sizeof *all);
	for (size_t i = 0; i < c->category_count; i++)
		all[i] = config_setup(&c->categories[i]);
	return all;
}

/* A core made of what the ledger holds; its EVENT_BOOT is gathered. */
static bool boot_core(struct engine *g, struct err *e)
{
	struct world world = outside_world(g);
	struct core_setup s = {
		.device = message_device_id(g->keyring.sign_public),
		.key_number = g->keyring.key_number,
		.joined = g->keyring.joined,
		.hub = g->keyring.hub,
		.device_name = g->config.device_name,
		.category_count = g->config.category_count,
		.seed = entropy_u64(),
	};
	if (!ledger_load_state(g->ledger, &s.state, e))
		return false;
	memcpy(s.sign_secret, g->keyring.sign_secret, sizeof s.sign_secret);
	memcpy(s.account_key, g->keyring.account_key, sizeof s.account_key);
	if (!g->sent_before && !g->received_before) {
		g->sent_before = s.state.bytes_sent;
		g->received_before = s.state.bytes_received;
	}
	struct category_setup *categories = setups(&g->config);
	s.categories = categories;
	core_destroy(g->core);
	g->core = core_create(&world, &s);
	free(categories);
	sodium_memzero(&s, sizeof s);
	forget_gathered(g);
	if (g->scan)
		outside_reset_scans(g);
	bool ok = ledger_load_items(g->ledger, load_item, g->core, e) && ledger_load_outbox(g->ledger, load_outbox, g->core, e) &&
		  ledger_load_peers(g->ledger, load_peer, g->core, e);
	if (ok)
		engine_gather(g, &(struct event){ .type = EVENT_BOOT });
	return ok;
}

static void damaged(void *ctx, const struct id *version, const char *why)
{
	char hex[ID_HEX];
	engine_notice(ctx, NOTICE_ERROR, "versions", NULL, "version %.10s cannot be read: %s", id_hex(version, hex), why);
}

static struct id version_of(void *ctx, uint8_t meta, struct span content)
{
	struct engine *g = ctx;
	return core_version_of(g->core, meta, content);
}

static bool open_state(struct engine *g, struct err *e)
{
	g->ledger = ledger_open(g->home->state, e);
	if (!g->ledger || !boot_core(g, e))
		return false;
	char *former = ledger_get(g->ledger, "former device");
	if (former)
		id_parse(&g->former, former);
	free(former);
	const struct versions_hooks hooks = {
		.ctx = g, .device_name = g->config.device_name, .device = message_device_id(g->keyring.sign_public),
		.damaged = damaged, .version_of = version_of,
	};
	g->versions = versions_open(g->home->state, g->ledger, &hooks, e);
	return g->versions != NULL;
}

/* The bytes counted last with the next commit anyway; at the end there is none. */
static void keep_traffic(struct engine *g)
{
	struct state_row row;
	struct websocket_traffic t;
	outside_traffic(g, &t);
	if (!ledger_load_state(g->ledger, &row, NULL) || !row.epoch || (row.bytes_sent == t.sent && row.bytes_received == t.received))
		return;
	row.bytes_sent = t.sent;
	row.bytes_received = t.received;
	if (ledger_save_state(g->ledger, &row))
		ledger_commit(g->ledger, NULL);
}

static void close_state(struct engine *g)
{
	versions_close(g->versions);
	ledger_close(g->ledger);
	g->versions = NULL;
	g->ledger = NULL;
}

/* Items and versions are named by the account's key. What was captured under another one stays beside, for a person. */
static bool put_state_aside(struct engine *g, struct err *e)
{
	static const char *const parts[] = { "state.db", "state.db-wal", "state.db-shm", "versions.git", "large" };
	char *folder = mem_printf("%s/before-join-%lld", g->home->state, (long long)clock_wall_ms());
	bool ok = mkdir(folder, 0700) == 0;
	for (size_t i = 0; ok && i < sizeof parts / sizeof *parts; i++) {
		char *from = home_state(g->home, parts[i]), *to = mem_printf("%s/%s", folder, parts[i]);
		ok = rename(from, to) == 0 || errno == ENOENT;
		free(from);
		free(to);
	}
	if (!ok)
		err_set(e, folder, "free some space and try again", "%s", strerror(errno));
	free(folder);
	return ok;
}

static void count_one(void *ctx, const struct item_row *row)
{
	(void)row;
	++*(size_t *)ctx;
}

bool engine_rejoin(struct engine *g, const struct keyring *k, const char *device_name, struct err *e)
{
	char *keys = home_state(g->home, "keys");
	size_t items = 0;
	bool other_key = g->keyring.has_account_key ? sodium_memcmp(g->keyring.account_key, k->account_key, KEY_LEN) != 0
						    : ledger_load_items(g->ledger, count_one, &items, NULL) && items;
	outside_disconnect(g);
	close_state(g);
	bool ok = (!other_key || put_state_aside(g, e)) && keyring_save(k, keys, e);
	if (ok) {
		g->former = message_device_id(g->keyring.sign_public);
		keyring_wipe(&g->keyring);
		g->keyring = *k;
	}
	free(keys);
	ok = ok && config_set(g->home->config, "hub.url", k->url, e) && config_set(g->home->config, "device.name", device_name, e);
	struct err again = { 0 };
	if (ok) {
		snprintf(g->config.hub_url, sizeof g->config.hub_url, "%s", k->url);
		snprintf(g->config.device_name, sizeof g->config.device_name, "%s", device_name);
	}
	if (!open_state(g, &again)) {
		engine_notice(g, NOTICE_ALERT, "engine", NULL, "%s: %s", again.what, again.why);
		g->ending = true;
		return ok ? err_set(e, again.what, again.fix, "%s", again.why) : false;
	}
	char hex[ID_HEX];
	if (ok)
		ledger_set(g->ledger, "former device", id_hex(&g->former, hex));
	struct err config = { 0 };
	if (!engine_reload(g, &config))
		engine_notice(g, NOTICE_ERROR, "config", NULL, "%s: %s", config.what, config.why);
	return ok;
}

/* ---- when the disk refuses: nothing leaves, nothing is believed; it is tried again until it works ---- */

static void stumble(struct engine *g)
{
	engine_notice(g, NOTICE_ALERT, "engine", NULL, "the state cannot be written: %s: syncing stands still until it can", g->stumble);
	outside_drop(g);
	control_server_stumbled(g->control);
	forget_gathered(g);
	outside_reset_scans(g);
	g->turn_failed = false;
	g->stumbled = true;
	g->stumble_ms = g->now_ms + STUMBLE_MS;
}

static void recover(struct engine *g)
{
	struct err e = { 0 };
	g->stumble_ms = g->now_ms + STUMBLE_MS;
	forget_gathered(g);
	char mark[32];
	clock_iso(g->wall_ms, mark);
	g->turn_failed = !ledger_set(g->ledger, "mark", mark);
	bool ok = outside_commit(g) && boot_core(g, &e);
	g->turn_failed = false;
	if (!ok)
		return;
	g->stumbled = false;
	g->stumble[0] = 0;
	engine_notice(g, NOTICE_INFO, "engine", NULL, "the state can be written again: going on");
}

/* ---- configuration ---- */

static bool load_config(const struct home *h, struct config *c, struct err *e)
{
	char *config_dir = mem_printf("%.*s", (int)(strrchr(h->config, '/') - h->config), h->config);
	const char *const dirs[] = { config_dir, h->state, h->runtime, NULL };
	bool ok = config_load(c, h->config, dirs, e);
	free(config_dir);
	return ok;
}

bool engine_reload(struct engine *g, struct err *e)
{
	struct config fresh = { 0 }, old = g->config;
	if (!load_config(g->home, &fresh, e))
		return false;
	bool moved = strcmp(old.hub_url, fresh.hub_url) != 0;
	g->config = fresh;
	outside_configure(g, &old);
	struct category_setup *categories = setups(&g->config);
	engine_clock(g);
	core_set_categories(g->core, categories, g->config.category_count);
	free(categories);
	if (moved && g->socket) {
		bool live = g->link_live;
		outside_disconnect(g);
		if (live)
			engine_gather(g, &(struct event){ .type = EVENT_LINK_CLOSED, .text = "the hub's address was changed" });
	}
	config_finish(&old);
	return true;
}

/* ---- what the system says ---- */

static void signal_ready(void *ctx, int events)
{
	struct engine *g = ctx;
	struct err e = { 0 };
	(void)events;
	for (int number; (number = signals_take(g->signal_fd));) {
		if (number == SIGTERM || number == SIGINT) {
			g->ending = true;
		} else if (number == SIGHUP) {
			if (!engine_reload(g, &e))
				engine_notice(g, NOTICE_ERROR, "config", NULL, "%s: %s: the old configuration stays", e.what, e.why);
			engine_retry(g);
		}
	}
}

static bool connected(const struct engine *g)
{
	struct link_view v;
	core_view_link(g->core, &v);
	return v.state == LINK_CONNECTED;
}

/* A network that came may lead to the hub. One that went is news for a connection that stands. */
static void network_ready(void *ctx, int events)
{
	struct engine *g = ctx;
	char bytes[8192] __attribute__((aligned(8)));
	bool lost = false;
	ssize_t n;
	(void)events;
	while ((n = recv(g->netlink_fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0 || (n < 0 && errno == ENOBUFS)) {
		unsigned left = n > 0 ? (unsigned)n : 0;
		for (struct nlmsghdr *h = (struct nlmsghdr *)(void *)bytes; NLMSG_OK(h, left); h = NLMSG_NEXT(h, left))
			lost = lost || h->nlmsg_type == RTM_DELADDR;
	}
	if (lost || !connected(g))
		engine_retry(g);
}

static void open_network(struct engine *g)
{
	struct sockaddr_nl a = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR };
	g->netlink_fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	if (g->netlink_fd >= 0 && bind(g->netlink_fd, (struct sockaddr *)&a, sizeof a) == 0)
		loop_watch_start(g->loop, g->netlink_fd, LOOP_READ, network_ready, g);
}

static int64_t asleep_ms(void)
{
	struct timespec boot, mono;
	clock_gettime(CLOCK_MONOTONIC, &mono);
	clock_gettime(CLOCK_BOOTTIME, &boot);
	return (boot.tv_sec - mono.tv_sec) * 1000 + (boot.tv_nsec - mono.tv_nsec) / 1000000;
}

/* A timer that never ends but is cancelled when the wall clock is set, and when the machine wakes: so both are known at
 * once and cost nothing until then. */
static void arm_wall_watch(struct engine *g)
{
	const struct itimerspec never = { .it_value.tv_sec = (time_t)1 << 33 };
	timerfd_settime(g->clock_fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL);
}

static void wall_ready(void *ctx, int events)
{
	struct engine *g = ctx;
	uint64_t times;
	int64_t asleep = asleep_ms();
	(void)events;
	if (read(g->clock_fd, &times, sizeof times) >= 0 || errno != ECANCELED)
		return;
	arm_wall_watch(g);
	bool woke = asleep - g->asleep_ms > 1000;
	g->asleep_ms = asleep;
	engine_notice(g, NOTICE_DEBUG, "engine", NULL, woke ? "woke from sleep" : "the wall clock was set");
	engine_retry(g);
}

static void open_wall_watch(struct engine *g)
{
	g->asleep_ms = asleep_ms();
	g->clock_fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	if (g->clock_fd < 0)
		return;
	arm_wall_watch(g);
	loop_watch_start(g->loop, g->clock_fd, LOOP_READ, wall_ready, g);
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
	if (g->files_tidy_ms <= g->now_ms)
		g->files_tidy_ms = files_tidy(g->files) ? g->now_ms + FILES_TIDY_MS : UINT64_MAX;
	if (g->versions_tidy_ms > g->now_ms || !idle(g))
		return;
	uint64_t again = versions_tidy(g->versions, g->now_ms, TIDY_US, false);
	g->versions_tidy_ms = again == UINT64_MAX ? UINT64_MAX : g->now_ms + again;
	if (!outside_commit(g))
		stumble(g);
}

static void due_jobs(struct engine *g)
{
	if (g->watcher_more)
		g->watcher_more = watcher_read(g->watcher);
	if (watcher_waiting(g->watcher) && g->roots_ms <= g->now_ms) {
		watcher_check_roots(g->watcher);
		g->roots_ms = g->now_ms + ROOTS_MS;
	}
	if (g->full_scan_ms <= g->now_ms) {
		g->full_scan_ms = g->now_ms + FULL_SCAN_MS;
		outside_look_at_all(g);
	}
	outside_poll(g, false);
	outside_start_rescans(g);
	if (g->trays[g->filling].count + g->trays[!g->filling].count - g->taken < GATHERED_MAX)
		scan_step(g->scan, SCAN_US);
}

static void earlier(uint64_t *due, uint64_t other)
{
	if (other < *due)
		*due = other;
}

static void arm(struct engine *g)
{
	uint64_t due = control_server_deadline(g->control);
	if (g->stumbled) {
		earlier(&due, g->stumble_ms);
	} else {
		earlier(&due, core_deadline(g->core));
		earlier(&due, g->files_tidy_ms);
		earlier(&due, g->full_scan_ms);
		earlier(&due, outside_poll_deadline(g));
		if (idle(g))
			earlier(&due, g->versions_tidy_ms);
		if (watcher_waiting(g->watcher))
			earlier(&due, g->roots_ms);
		/* What waits to be done, or was done since the commit. */
		if (!engine_settled(g) || g->act_count || ledger_dirty(g->ledger))
			due = 0;
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
			recover(g);
	} else {
		due_jobs(g);
		step_gathered(g);
		if (outside_commit(g)) {
			outside_release(g);
			tidy(g);
		} else {
			stumble(g);
		}
	}
	if (talk != g->talk) {
		struct websocket_traffic t;
		outside_traffic(g, &t);
		meter_note(&g->meter, g->now_ms, &t);
	}
	enroll_turn(g);
	control_server_turn(g->control);
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
		err_set(e, "engine", "use it, or end it first; another device on this machine needs a --home of its own",
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
	prctl(PR_SET_DUMPABLE, 0);
}

static bool start(struct engine *g, struct err *e)
{
	static const int wanted[] = { SIGTERM, SIGINT, SIGHUP, 0 };
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
	g->signal_fd = signals_open(wanted);
	loop_watch_start(g->loop, g->signal_fd, LOOP_READ, signal_ready, g);
	g->alarm = loop_timer_create(g->loop, alarm_due, g);
	engine_clock(g);
	if (!open_state(g, e) || !outside_open(g, e))
		return false;
	g->control = control_server_create(g, e);
	if (!g->control)
		return false;
	open_network(g);
	open_wall_watch(g);
	outside_configure(g, NULL);
	g->watcher_watch = loop_watch_start(g->loop, watcher_fd(g->watcher), LOOP_READ, watcher_ready, g);
	g->full_scan_ms = g->now_ms + FULL_SCAN_MS;
	loop_again(g->loop);
	return true;
}

static void finish(struct engine *g)
{
	if (g->ledger && g->core && !g->stumbled)
		keep_traffic(g);
	enroll_destroy(g);
	control_server_destroy(g->control);
	outside_close(g);
	if (g->ledger)
		close_state(g);
	core_destroy(g->core);
	if (g->loop) {
		loop_timer_destroy(g->alarm);
		loop_watch_stop(g->watcher_watch);
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

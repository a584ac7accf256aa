#include "sys/loop.h"

#include <errno.h>
#include <libwebsockets.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <uv.h>

#include "base/map.h"
#include "base/mem.h"
#include "sys/clock.h"
#include "sys/entropy.h"
#include "sys/log.h"

/* Everything of ours is in one epoll set, and only that set is adopted by the library. So our descriptors keep their
 * flags, their callbacks run outside of the library, and both kinds of loop treat them alike. Our timers are a heap
 * with one timerfd in the same set.
 *
 * That timerfd also guards the library's own timers. It runs those before it sleeps, so what they tell the WebSocket
 * rooms would wait for the next event; as the timerfd is due at the same time, that sleep ends at once. */

#define BATCH 64
#define NEVER UINT64_MAX
#define POLL_FDS 48           /* the library's own, in a LOOP_POLL: a few connections, our set, its wake-up */
#define MANY_FDS (128 * 1024) /* its tables take 16 bytes for each */

struct loop_watch {
	struct loop *loop;
	void (*ready)(void *ctx, int events);
	void *ctx;
	int fd, wanted;
	bool stopped;
	struct loop_watch *next; /* stopped inside a callback: freed behind it */
};

struct loop_timer {
	struct loop *loop;
	void (*due)(void *ctx);
	void *ctx;
	uint64_t at_us, order; /* among equals, first armed is first due */
	size_t place;          /* in the heap, from 1; 0: not armed */
};

struct loop {
	enum loop_kind kind;
	struct lws_context *lws;
	struct lws_vhost *vhost;
	struct lws *set_wsi;
	uv_loop_t uv;
	lws_dll2_owner_t *their_timers; /* the library's, the earliest first */
	int set, timerfd;
	uint64_t timer_set_us; /* when the timerfd is due */
	bool ready;            /* the set has something */
	bool again, dispatching;
	struct loop_watch *stopped;
	struct loop_timer **heap;
	size_t heap_count, heap_cap;
	uint64_t order;
};

/* ---- the library ---- */

static int adopted(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	(void)user;
	(void)in;
	(void)len;
	struct loop *l = lws_context_user(lws_get_context(wsi));
	if (reason == LWS_CALLBACK_RAW_RX_FILE)
		l->ready = true;
	return 0;
}

static const struct lws_protocols protocols[] = {
	{ .name = "syncline-loop", .callback = adopted },
	{ .name = NULL },
};

static void their_words(int level, const char *line)
{
	char text[256];
	snprintf(text, sizeof text, "%.*s", (int)strcspn(line, "\n"), line);
	log_line(level & LLL_ERR ? "info" : "debug", "websockets", NULL, text);
}

static void nothing(struct lws_sorted_usec_list *sul)
{
	(void)sul;
}

/* The list of the library's timers, found through one of our own in it. */
static lws_dll2_owner_t *find_timers(struct lws_context *context)
{
	lws_sorted_usec_list_t probe = { 0 };
	lws_sul_schedule(context, 0, &probe, nothing, LWS_US_PER_SEC);
	lws_dll2_owner_t *owner = probe.list.owner;
	lws_sul_cancel(&probe);
	return owner;
}

/* The library looks after servers every 30 seconds (stuck requests, interfaces that came up, expiring certificates). A
 * device serves nobody over it, so its idle process need not wake for that. */
static void stop_housekeeping(struct loop *l)
{
	while (l->their_timers->head)
		lws_dll2_remove(l->their_timers->head);
}

static uint64_t their_due_us(const struct loop *l)
{
	const struct lws_dll2 *first = l->their_timers->head;
	if (!first)
		return NEVER;
	lws_usec_t left = ((const lws_sorted_usec_list_t *)first)->us - lws_now_usecs();
	return clock_us() + (left > 0 ? (uint64_t)left : 0);
}

static void service(struct loop *l, bool sleep)
{
	if (l->kind == LOOP_MANY)
		uv_run(&l->uv, sleep ? UV_RUN_ONCE : UV_RUN_NOWAIT);
	else
		lws_service(l->lws, sleep ? 0 : -1);
}

static void allow_many_descriptors(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	rlim_t wanted = limit.rlim_max < MANY_FDS ? limit.rlim_max : MANY_FDS;
	if (limit.rlim_cur != wanted) {
		limit.rlim_cur = wanted;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static bool create_context(struct loop *l)
{
	void *foreign[] = { &l->uv };
	struct lws_context_creation_info info = {
		.port = CONTEXT_PORT_NO_LISTEN,
		.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT,
		.user = l,
		.gid = (gid_t)-1,
		.uid = (uid_t)-1,
		.pcontext = NULL,
	};
	if (l->kind == LOOP_MANY) {
		info.options |= LWS_SERVER_OPTION_LIBUV;
		info.foreign_loops = foreign;
	} else {
		info.fd_limit_per_thread = POLL_FDS;
	}
	l->lws = lws_create_context(&info);
	if (!l->lws)
		return false;
	struct lws_context_creation_info own = {
		.port = CONTEXT_PORT_NO_LISTEN,
		.vhost_name = "loop",
		.protocols = protocols,
	};
	l->vhost = lws_create_vhost(l->lws, &own);
	return l->vhost != NULL;
}

static bool adopt_set(struct loop *l)
{
	lws_sock_file_fd_type fd = { .filefd = dup(l->set) }; /* the library closes what it adopted */
	if (fd.filefd < 0)
		return false;
	l->set_wsi = lws_adopt_descriptor_vhost(l->vhost, LWS_ADOPT_RAW_FILE_DESC, fd, protocols[0].name, NULL);
	if (!l->set_wsi)
		close(fd.filefd);
	return l->set_wsi != NULL;
}

struct loop *loop_create(enum loop_kind kind, struct err *e)
{
	struct loop *l = mem_alloc(sizeof *l);
	l->kind = kind;
	l->timer_set_us = NEVER;
	lws_set_log_level(LLL_ERR | LLL_WARN, their_words);
	uint8_t secret[16];
	entropy_fill(secret, sizeof secret);
	map_use_secret(secret);
	if (kind == LOOP_MANY) {
		allow_many_descriptors();
		uv_loop_init(&l->uv);
	}
	l->set = epoll_create1(EPOLL_CLOEXEC);
	l->timerfd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	struct epoll_event timer = { .events = EPOLLIN, .data.ptr = NULL };
	if (l->set < 0 || l->timerfd < 0 || epoll_ctl(l->set, EPOLL_CTL_ADD, l->timerfd, &timer)) {
		err_set(e, "loop", "raise 'ulimit -n'", "%s", strerror(errno));
		loop_destroy(l);
		return NULL;
	}
	if (!create_context(l) || !adopt_set(l)) {
		err_set(e, "loop", kind == LOOP_MANY ? "is its libuv plug-in installed?" : NULL,
			"libwebsockets could not be started");
		loop_destroy(l);
		return NULL;
	}
	l->their_timers = find_timers(l->lws);
	for (int i = 0; i < 4; i++) /* lets it finish its own start */
		service(l, false);
	if (kind == LOOP_POLL)
		stop_housekeeping(l);
	return l;
}

static void close_handle(uv_handle_t *handle, void *ctx)
{
	(void)ctx;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

static void destroy_context(struct loop *l)
{
	if (l->lws)
		lws_context_destroy(l->lws);
	if (l->kind != LOOP_MANY)
		return;
	/* With a loop that is not its own, the library closes in two steps, and libuv ends each close in a turn. */
	for (int i = 0; l->lws && i < 16; i++)
		uv_run(&l->uv, UV_RUN_NOWAIT);
	if (l->lws)
		lws_context_destroy(l->lws);
	uv_walk(&l->uv, close_handle, NULL);
	uv_run(&l->uv, UV_RUN_DEFAULT);
	uv_loop_close(&l->uv);
}

void loop_destroy(struct loop *l)
{
	if (!l)
		return;
	destroy_context(l);
	if (l->set >= 0)
		close(l->set);
	if (l->timerfd >= 0)
		close(l->timerfd);
	free(l->heap);
	free(l);
}

struct lws_context *loop_lws(struct loop *l)
{
	return l->lws;
}

const char *loop_library(void)
{
	return lws_get_library_version();
}

/* ---- turns ---- */

static void set_timerfd(struct loop *l, uint64_t at_us)
{
	if (at_us == l->timer_set_us)
		return;
	struct itimerspec when = { 0 };
	if (at_us != NEVER) {
		at_us += !at_us; /* all zeros would disarm */
		when.it_value.tv_sec = (time_t)(at_us / 1000000);
		when.it_value.tv_nsec = (long)(at_us % 1000000) * 1000;
	}
	timerfd_settime(l->timerfd, TFD_TIMER_ABSTIME, &when, NULL);
	l->timer_set_us = at_us;
}

static int of_epoll(const struct loop_watch *w, uint32_t events)
{
	int out = 0;
	if (events & (EPOLLHUP | EPOLLERR))
		return LOOP_HANGUP | w->wanted;
	if (events & EPOLLIN)
		out |= LOOP_READ;
	if (events & EPOLLOUT)
		out |= LOOP_WRITE;
	return out & w->wanted;
}

static void free_stopped(struct loop *l)
{
	while (l->stopped) {
		struct loop_watch *w = l->stopped;
		l->stopped = w->next;
		free(w);
	}
}

static void take_timerfd(struct loop *l)
{
	uint64_t times;
	if (read(l->timerfd, &times, sizeof times) > 0)
		l->timer_set_us = NEVER;
}

static void run_watches(struct loop *l)
{
	struct epoll_event found[BATCH];
	int count = epoll_wait(l->set, found, BATCH, 0);
	l->ready = false;
	l->dispatching = true;
	for (int i = 0; i < count; i++) {
		struct loop_watch *w = found[i].data.ptr;
		if (!w) {
			take_timerfd(l);
			continue;
		}
		int events = w->stopped ? 0 : of_epoll(w, found[i].events);
		if (events)
			w->ready(w->ctx, events);
	}
	l->dispatching = false;
	free_stopped(l);
}

static void unarm(struct loop_timer *t);

static void run_timers(struct loop *l)
{
	uint64_t now = clock_us(), before = l->order; /* what is armed from here on waits for the next turn */
	while (l->heap_count && l->heap[0]->at_us <= now && l->heap[0]->order < before) {
		struct loop_timer *t = l->heap[0];
		unarm(t);
		t->due(t->ctx);
	}
}

void loop_turn(struct loop *l)
{
	uint64_t now = clock_us(), theirs = their_due_us(l);
	uint64_t ours = l->heap_count ? l->heap[0]->at_us : NEVER;
	uint64_t due = ours < theirs ? ours : theirs;
	bool sleep = !l->again && due > now;
	l->again = false;
	if (sleep)
		set_timerfd(l, due);
	service(l, sleep);
	if (l->ready)
		run_watches(l);
	run_timers(l);
}

void loop_again(struct loop *l)
{
	l->again = true;
}

/* ---- watches ---- */

static bool want(struct loop_watch *w, int events)
{
	struct epoll_event wanted = { .data.ptr = w };
	if (events & LOOP_READ)
		wanted.events |= EPOLLIN;
	if (events & LOOP_WRITE)
		wanted.events |= EPOLLOUT;
	/* Hang-ups are told even to those who want nothing: such a descriptor leaves the set. */
	int how = !events ? EPOLL_CTL_DEL : w->wanted ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
	if (!events && !w->wanted)
		return true;
	if (epoll_ctl(w->loop->set, how, w->fd, &wanted))
		return false;
	w->wanted = events;
	return true;
}

struct loop_watch *loop_watch_start(struct loop *l, int fd, int events, void (*ready)(void *ctx, int events), void *ctx)
{
	struct loop_watch *w = mem_alloc(sizeof *w);
	*w = (struct loop_watch){ .loop = l, .ready = ready, .ctx = ctx, .fd = fd };
	if (want(w, events & (LOOP_READ | LOOP_WRITE)))
		return w;
	free(w);
	return NULL;
}

void loop_watch_set(struct loop_watch *w, int events)
{
	events &= LOOP_READ | LOOP_WRITE;
	if (events != w->wanted)
		want(w, events);
}

void loop_watch_stop(struct loop_watch *w)
{
	if (!w)
		return;
	struct loop *l = w->loop;
	loop_watch_set(w, 0);
	w->stopped = true;
	if (!l->dispatching) {
		free(w);
		return;
	}
	w->next = l->stopped;
	l->stopped = w;
}

/* ---- timers: a binary heap ---- */

static bool before(const struct loop_timer *a, const struct loop_timer *b)
{
	return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

static void put(struct loop *l, size_t at, struct loop_timer *t)
{
	l->heap[at] = t;
	t->place = at + 1;
}

static void sift(struct loop *l, size_t at)
{
	struct loop_timer *t = l->heap[at];
	while (at && before(t, l->heap[(at - 1) / 2])) {
		put(l, at, l->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	for (size_t child; (child = 2 * at + 1) < l->heap_count; at = child) {
		if (child + 1 < l->heap_count && before(l->heap[child + 1], l->heap[child]))
			child++;
		if (!before(l->heap[child], t))
			break;
		put(l, at, l->heap[child]);
	}
	put(l, at, t);
}

static void unarm(struct loop_timer *t)
{
	struct loop *l = t->loop;
	if (!t->place)
		return;
	size_t at = t->place - 1;
	t->place = 0;
	struct loop_timer *last = l->heap[--l->heap_count];
	if (last == t)
		return;
	put(l, at, last);
	sift(l, at);
}

struct loop_timer *loop_timer_create(struct loop *l, void (*due)(void *ctx), void *ctx)
{
	struct loop_timer *t = mem_alloc(sizeof *t);
	*t = (struct loop_timer){ .loop = l, .due = due, .ctx = ctx };
	return t;
}

void loop_timer_arm(struct loop_timer *t, uint64_t after_ms)
{
	struct loop *l = t->loop;
	uint64_t now = clock_us();
	unarm(t);
	MEM_ROOM(l->heap, l->heap_count, l->heap_cap);
	t->at_us = after_ms < (NEVER / 4) / 1000 ? now + after_ms * 1000 : NEVER / 2;
	t->order = l->order++;
	put(l, l->heap_count++, t);
	sift(l, t->place - 1);
}

void loop_timer_stop(struct loop_timer *t)
{
	unarm(t);
}

void loop_timer_destroy(struct loop_timer *t)
{
	if (!t)
		return;
	unarm(t);
	free(t);
}

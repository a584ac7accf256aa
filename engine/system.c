/* What the system says: signals, networks that come and go, the wall clock and sleep. Each costs nothing until it
 * happens. */
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "engine/engine.h"
#include "sys/signals.h"

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
				engine_notice(g, NOTICE_ERROR, "config", NULL, "%s: %s: the old configuration stays",
				              e.what, e.why);
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
	struct sockaddr_nl a = { .nl_family = AF_NETLINK,
		                 .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR };
	g->netlink_fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	if (g->netlink_fd >= 0 && bind(g->netlink_fd, (struct sockaddr *)&a, sizeof a) == 0)
		g->netlink_watch = loop_watch_start(g->loop, g->netlink_fd, LOOP_READ, network_ready, g);
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
	g->clock_watch = loop_watch_start(g->loop, g->clock_fd, LOOP_READ, wall_ready, g);
}

void system_open(struct engine *g)
{
	static const int wanted[] = { SIGTERM, SIGINT, SIGHUP, 0 };
	g->signal_fd = signals_open(wanted);
	if (g->signal_fd >= 0)
		g->signal_watch = loop_watch_start(g->loop, g->signal_fd, LOOP_READ, signal_ready, g);
	open_network(g);
	open_wall_watch(g);
}

static void close_one(struct loop_watch *w, int fd)
{
	loop_watch_stop(w);
	if (fd >= 0)
		close(fd);
}

void system_close(struct engine *g)
{
	close_one(g->signal_watch, g->signal_fd);
	close_one(g->netlink_watch, g->netlink_fd);
	close_one(g->clock_watch, g->clock_fd);
}

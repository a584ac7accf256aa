#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sys/clock.h"
#include "sys/loop.h"
#include "sys/signals.h"

struct seen {
	struct loop *loop;
	struct loop_watch *watch, *other;
	struct loop_timer *timer, *timers[3];
	int fd, calls, events, order[8];
};

static const enum loop_kind kinds[] = { LOOP_POLL, LOOP_MANY };
#define EACH_KIND(k) for (const enum loop_kind *k = kinds; k < kinds + 2; k++)

static void note(void *ctx, int events)
{
	struct seen *s = ctx;
	s->calls++;
	s->events = events;
}

static void drain(void *ctx, int events)
{
	struct seen *s = ctx;
	char bytes[64];
	note(ctx, events);
	if (read(s->fd, bytes, sizeof bytes) <= 0)
		loop_watch_set(s->watch, 0);
}

static void tick(void *ctx)
{
	((struct seen *)ctx)->calls++;
}

/* Turns until `calls` are seen; the watchdog of the test ends one that never comes. */
static void turn_until(struct loop *l, const struct seen *s, int calls)
{
	while (s->calls < calls)
		loop_turn(l);
}

/* A few turns that do not sleep. */
static void turn_idly(struct loop *l)
{
	for (int i = 0; i < 5; i++) {
		loop_again(l);
		loop_turn(l);
	}
}

static struct loop *make(enum loop_kind kind)
{
	struct err e = { 0 };
	struct loop *l = loop_create(kind, &e);
	cr_assert_not_null(l, "%s: %s", e.what, e.why);
	return l;
}

Test(sys_loop, tells_what_can_be_read, .timeout = 10)
{
	EACH_KIND(kind) {
		struct loop *l = make(*kind);
		int ends[2];
		cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
		struct seen s = { .fd = ends[0] };
		s.watch = loop_watch_start(l, ends[0], LOOP_READ, drain, &s);
		turn_idly(l);
		cr_assert_eq(s.calls, 0);
		cr_assert_eq(write(ends[1], "x", 1), 1);
		turn_until(l, &s, 1);
		cr_assert_eq(s.events, LOOP_READ);
		turn_idly(l);
		cr_assert_eq(s.calls, 1);
		cr_assert_eq(fcntl(ends[0], F_GETFL) & O_NONBLOCK, 0, "the descriptor is as it was");
		close(ends[1]);
		turn_until(l, &s, 2);
		cr_assert_eq(s.events, LOOP_READ | LOOP_HANGUP);
		turn_idly(l);
		cr_assert_eq(s.calls, 2, "one that wants nothing is not told for ever");
		loop_watch_stop(s.watch);
		close(ends[0]);
		loop_destroy(l);
	}
}

Test(sys_loop, is_level_triggered_and_can_change, .timeout = 10)
{
	EACH_KIND(kind) {
		struct loop *l = make(*kind);
		int ends[2];
		cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
		struct seen s = { 0 };
		s.watch = loop_watch_start(l, ends[0], LOOP_READ | LOOP_WRITE, note, &s);
		turn_until(l, &s, 3);
		cr_assert_eq(s.events, LOOP_WRITE);
		cr_assert_eq(write(ends[1], "x", 1), 1);
		turn_until(l, &s, 5);
		cr_assert_eq(s.events, LOOP_READ | LOOP_WRITE);
		loop_watch_set(s.watch, LOOP_READ);
		turn_until(l, &s, 7);
		cr_assert_eq(s.events, LOOP_READ);
		loop_watch_set(s.watch, 0);
		turn_idly(l);
		cr_assert_eq(s.calls, 7);
		loop_watch_set(s.watch, LOOP_WRITE);
		turn_until(l, &s, 8);
		cr_assert_null(loop_watch_start(l, ends[0], LOOP_READ, note, &s), "one watch a descriptor");
		cr_assert_null(loop_watch_start(l, open("/proc/self/exe", O_RDONLY), LOOP_READ, note, &s),
			       "not a regular file");
		loop_watch_stop(s.watch);
		turn_idly(l);
		cr_assert_eq(s.calls, 8);
		close(ends[0]);
		close(ends[1]);
		loop_destroy(l);
	}
}

static void stop_both(void *ctx, int events)
{
	struct seen *s = ctx;
	note(ctx, events);
	loop_watch_stop(s->watch);
	loop_watch_stop(s->other);
	s->watch = s->other = NULL;
}

Test(sys_loop, watches_may_stop_each_other_inside, .timeout = 10)
{
	EACH_KIND(kind) {
		struct loop *l = make(*kind);
		int a[2], b[2];
		cr_assert_eq(pipe(a) | pipe(b), 0);
		struct seen s = { 0 };
		s.watch = loop_watch_start(l, a[0], LOOP_READ, stop_both, &s);
		s.other = loop_watch_start(l, b[0], LOOP_READ, stop_both, &s);
		cr_assert_eq(write(a[1], "x", 1) + write(b[1], "x", 1), 2);
		turn_until(l, &s, 1);
		turn_idly(l);
		cr_assert_eq(s.calls, 1);
		loop_destroy(l);
	}
}

Test(sys_loop, timers_are_due_in_order, .timeout = 10)
{
	EACH_KIND(kind) {
		struct loop *l = make(*kind);
		struct seen seen[40] = { 0 };
		struct loop_timer *timers[40];
		uint64_t start = clock_ms();
		for (int i = 0; i < 40; i++) {
			timers[i] = loop_timer_create(l, tick, &seen[i]);
			loop_timer_arm(timers[i], 5000);
			loop_timer_arm(timers[i], (uint64_t)(i * 7 % 40) * 2);
		}
		loop_timer_stop(timers[3]);
		loop_timer_destroy(timers[9]);
		for (int last = 37 /* 37 * 7 % 40 = 19 */; !seen[last].calls;) {
			loop_turn(l);
			for (int i = 0; i < 40; i++)
				if (seen[i].calls)
					cr_assert_geq(clock_ms() + 1, start + (uint64_t)(i * 7 % 40) * 2,
						      "not before its time");
		}
		cr_assert(seen[0].calls == 1 && seen[23].calls == 1 && !seen[3].calls && !seen[9].calls);
		cr_assert(!seen[17].calls, "the one at 78 ms waits yet");
		for (int i = 0; i < 40; i++)
			if (i != 9)
				loop_timer_destroy(timers[i]);
		loop_destroy(l);
	}
}

static void again_at_once(void *ctx)
{
	struct seen *s = ctx;
	s->calls++;
	loop_timer_arm(s->timer, 0);
}

Test(sys_loop, a_timer_never_fires_twice_in_a_turn, .timeout = 10)
{
	EACH_KIND(kind) {
		struct loop *l = make(*kind);
		struct seen s = { .loop = l };
		s.timer = loop_timer_create(l, again_at_once, &s);
		loop_timer_arm(s.timer, 0);
		for (int i = 0; i < 50; i++) {
			int before = s.calls;
			loop_turn(l);
			cr_assert_leq(s.calls, before + 1);
		}
		cr_assert_geq(s.calls, 40);
		loop_timer_destroy(s.timer);
		loop_destroy(l);
	}
}

static void destroy_others(void *ctx)
{
	struct seen *s = ctx;
	s->calls++;
	for (int i = 0; i < 3; i++) {
		loop_timer_destroy(s->timers[i]);
		s->timers[i] = NULL;
	}
}

Test(sys_loop, timers_may_be_destroyed_inside, .timeout = 10)
{
	EACH_KIND(kind) {
		struct loop *l = make(*kind);
		struct seen s = { 0 };
		for (int i = 0; i < 3; i++) {
			s.timers[i] = loop_timer_create(l, destroy_others, &s);
			loop_timer_arm(s.timers[i], 1);
		}
		turn_until(l, &s, 1);
		turn_idly(l);
		cr_assert_eq(s.calls, 1);
		loop_destroy(l);
	}
}

/* Sleeps for as long as it was asked to, without turning meanwhile. */
Test(sys_loop, sleeps, .timeout = 10)
{
	EACH_KIND(kind) {
		struct loop *l = make(*kind);
		struct seen s = { 0 };
		struct rusage before, after;
		turn_idly(l);
		s.timer = loop_timer_create(l, tick, &s);
		uint64_t start = clock_ms(); /* before: the test may be kept from running right behind */
		loop_timer_arm(s.timer, 300);
		int turns = 0;
		getrusage(RUSAGE_SELF, &before);
		for (; !s.calls; turns++)
			loop_turn(l);
		getrusage(RUSAGE_SELF, &after);
		cr_assert_geq(clock_ms() + 1, start + 300);
		cr_assert_leq(turns, 10);
		loop_timer_destroy(s.timer);
		loop_destroy(l);
	}
}

Test(sys_loop, signals_come_as_events, .timeout = 10)
{
	struct loop *l = make(LOOP_POLL);
	int wanted[] = { SIGTERM, SIGHUP, 0 };
	struct seen s = { 0 };
	int fd = signals_open(wanted);
	s.watch = loop_watch_start(l, fd, LOOP_READ, note, &s);
	raise(SIGHUP);
	turn_until(l, &s, 1);
	cr_assert_eq(signals_take(fd), SIGHUP);
	cr_assert_eq(signals_take(fd), 0);
	loop_watch_stop(s.watch);
	loop_destroy(l);
}

Test(sys_loop, many_watches, .timeout = 20)
{
	EACH_KIND(kind) {
		struct loop *l = make(*kind);
		enum { COUNT = 200 };
		struct seen s[COUNT] = { 0 };
		int ends[COUNT][2];
		int total = 0;
		for (int i = 0; i < COUNT; i++) {
			cr_assert_eq(pipe(ends[i]), 0);
			s[i].fd = ends[i][0];
			s[i].watch = loop_watch_start(l, ends[i][0], LOOP_READ, drain, &s[i]);
			cr_assert_eq(write(ends[i][1], "x", 1), 1);
		}
		while (total < COUNT) {
			loop_turn(l);
			total = 0;
			for (int i = 0; i < COUNT; i++)
				total += s[i].calls;
		}
		cr_assert_eq(total, COUNT);
		for (int i = 0; i < COUNT; i++) {
			loop_watch_stop(s[i].watch);
			close(ends[i][0]);
			close(ends[i][1]);
		}
		loop_destroy(l);
	}
}

Test(sys_clock, writes_times)
{
	char out[32];
	cr_assert_str_eq(clock_iso(1, out), "1970-01-01T00:00:00.001Z");
	cr_assert_str_eq(clock_iso(1795352400123, out), "2026-11-22T13:00:00.123Z");
	cr_assert_str_eq(clock_iso(-1, out), "1969-12-31T23:59:59.999Z");
	cr_assert_str_eq(clock_iso(0, out), "");
	cr_assert_str_eq(clock_iso(INT64_MAX, out), "");
	cr_assert_str_eq(clock_iso(INT64_MIN, out), "");
}

#include "engine/io/resolver.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "sys/child.h"

struct lookup {
	struct loop *loop;
	void (*answer)(void *ctx, const struct resolver_answer *a);
	void *ctx;
	struct loop_timer *timer;
	struct loop_watch *watch;
	struct child child; /* pid 0: none was needed */
	struct resolver_answer result;
	char held[4096];
	size_t held_len;
};

static void end_child(struct lookup *q)
{
	loop_watch_stop(q->watch);
	q->watch = NULL;
	child_end(&q->child, 0); /* it holds nothing that could be lost */
}

void lookup_cancel(struct lookup *q)
{
	if (!q)
		return;
	end_child(q);
	loop_timer_destroy(q->timer);
	free(q);
}

static void finish(struct lookup *q)
{
	struct resolver_answer result = q->result;
	void (*answer)(void *, const struct resolver_answer *) = q->answer;
	void *ctx = q->ctx;
	lookup_cancel(q);
	answer(ctx, &result);
}

static void fail(struct lookup *q, const char *why)
{
	snprintf(q->result.why, sizeof q->result.why, "%s", why);
	q->result.count = 0;
	finish(q);
}

static bool is_address(const char *text)
{
	struct in6_addr any;
	return inet_pton(AF_INET, text, &any) == 1 || inet_pton(AF_INET6, text, &any) == 1;
}

static void take(struct lookup *q, const char *address)
{
	if (q->result.count < RESOLVER_ADDRESSES && strlen(address) < RESOLVER_ADDRESS_LEN && is_address(address))
		strcpy(q->result.addresses[q->result.count++], address);
}

/* One line of the child's. False: the answer is complete, and q is gone. */
static bool take_line(struct lookup *q, const char *line)
{
	if (line[0] == '!') {
		fail(q, line[1] ? line + 2 : "no reason given");
		return false;
	}
	if (!line[0]) {
		if (q->result.count)
			finish(q);
		else
			fail(q, "it has no address");
		return false;
	}
	take(q, line);
	return true;
}

static void child_ready(void *ctx, int events)
{
	(void)events;
	struct lookup *q = ctx;
	ssize_t n = read(q->child.out, q->held + q->held_len, sizeof q->held - 1 - q->held_len);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		fail(q, "the look-up ended without an answer");
		return;
	}
	q->held_len += (size_t)n;
	q->held[q->held_len] = 0;
	char *line = q->held, *end;
	for (; (end = strchr(line, '\n')); line = end + 1) {
		*end = 0;
		if (!take_line(q, line))
			return;
	}
	q->held_len -= (size_t)(line - q->held);
	memmove(q->held, line, q->held_len + 1);
	if (q->held_len == sizeof q->held - 1)
		fail(q, "the look-up answered nonsense");
}

static void due(void *ctx)
{
	struct lookup *q = ctx;
	if (q->child.pid > 0)
		fail(q, "no name server answered in time");
	else
		finish(q); /* no child was needed, or none could be started */
}

static bool ask_child(struct lookup *q, const char *host, int port)
{
	char *argv[] = { (char *)child_self(), "helper", NULL };
	struct err e;
	if (!child_start(&q->child, argv, CHILD_PIPES, &e)) {
		q->child.pid = 0;
		snprintf(q->result.why, sizeof q->result.why, "the look-up could not be started: %.100s", e.why);
		return false;
	}
	char line[300];
	int len = snprintf(line, sizeof line, "%s %d\n", host, port);
	/* A pipe takes a line of this length whole. */
	bool asked = write(q->child.in, line, (size_t)len) == len;
	close(q->child.in);
	q->child.in = -1;
	fcntl(q->child.out, F_SETFL, O_NONBLOCK);
	q->watch = asked ? loop_watch_start(q->loop, q->child.out, LOOP_READ, child_ready, q) : NULL;
	if (!q->watch) {
		end_child(q);
		snprintf(q->result.why, sizeof q->result.why, "the look-up could not be asked");
	}
	return q->watch != NULL;
}

struct lookup *lookup_start(struct loop *l, const char *host, int port,
                            void (*answer)(void *ctx, const struct resolver_answer *a), void *ctx)
{
	struct lookup *q = mem_alloc(sizeof *q);
	*q = (struct lookup){ .loop = l, .answer = answer, .ctx = ctx };
	q->timer = loop_timer_create(l, due, q);
	bool asked = false;
	if (is_address(host)) {
		take(q, host);
	} else if (!strcasecmp(host, "localhost")) {
		take(q, "127.0.0.1");
		take(q, "::1");
	} else {
		asked = ask_child(q, host, port);
	}
	loop_timer_arm(q->timer, asked ? RESOLVER_MS : 0);
	return q;
}

static void answer_line(const char *host, const char *port)
{
	struct addrinfo want = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV },
	                *found = NULL;
	int code = getaddrinfo(host, port, &want, &found);
	if (code) {
		printf("! %s\n", gai_strerror(code));
		return;
	}
	for (struct addrinfo *a = found; a; a = a->ai_next) {
		char address[RESOLVER_ADDRESS_LEN];
		if (!getnameinfo(a->ai_addr, a->ai_addrlen, address, sizeof address, NULL, 0, NI_NUMERICHOST))
			printf("%s\n", address);
	}
	printf("\n");
	freeaddrinfo(found);
}

int helper_main(int argc, char **argv)
{
	(void)argc, (void)argv;
	char line[600];
	while (fgets(line, sizeof line, stdin)) {
		char *host = strtok(line, " \n"), *port = strtok(NULL, " \n");
		alarm(RESOLVER_MS / 1000 + 2); /* whoever asked has given up by then */
		if (host && port)
			answer_line(host, port);
		else
			printf("! not a question\n");
		fflush(stdout);
	}
	return 0;
}

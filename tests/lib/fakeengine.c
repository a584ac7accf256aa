/* fakeengine: an engine that says what a test wants. It serves the control protocol from a file of canned JSON and does
 * what its standard input tells it, a command a line:
 *
 *   report {…}       merges these keys into the state and reports them to every subscriber
 *   answer VERB …    from now on, this JSON is the data of the answer to VERB
 *   fail VERB WHY    from now on, VERB is refused for this reason
 *   drop             ends all connections and takes the socket away
 *   back             listens again
 *   quit
 *
 * fakeengine SOCKET STATE.json [RECORD]: STATE holds the keys of a report, and "texts": {"VERSION": "content"} and
 * "answers": {"VERB": …} besides. Every request is added to RECORD, a line each. "resolve" takes the conflict away. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "control/control.h"
#include "sys/unixsock.h"

#define CLIENTS 8

struct fake {
	const char *socket, *record;
	int listener;
	json_t *state, *failures;
	int64_t seq;
	struct fake_client {
		int fd;
		int64_t subscribed; /* the id of its subscription, 0: none */
		struct control_lines in;
	} clients[CLIENTS];
};

static void say(struct fake *f, struct fake_client *c, json_t *message)
{
	struct buf out = { 0 };
	(void)f;
	if (control_put(&out, message))
		for (size_t at = 0; at < out.len;) {
			ssize_t n = send(c->fd, out.data + at, out.len - at, MSG_NOSIGNAL);
			struct pollfd wait = { .fd = c->fd, .events = POLLOUT };
			if (n < 0 && poll(&wait, 1, 5000) < 1)
				break;
			at += n > 0 ? (size_t)n : 0;
		}
	buf_finish(&out);
	json_decref(message);
}

static void hang_up(struct fake_client *c)
{
	close(c->fd);
	control_lines_finish(&c->in);
	*c = (struct fake_client){ .fd = -1 };
}

static void report(struct fake *f, struct fake_client *c, json_t *data)
{
	json_t *copy = json_copy(data);
	json_object_del(copy, "texts");
	json_object_del(copy, "answers");
	json_object_set_new(copy, "seq", json_integer(++f->seq));
	say(f, c, json_pack("{s:I,s:s,s:o}", "id", (json_int_t)c->subscribed, "event", "report", "data", copy));
}

static void report_all(struct fake *f, json_t *data)
{
	for (int i = 0; i < CLIENTS; i++)
		if (f->clients[i].fd >= 0 && f->clients[i].subscribed)
			report(f, &f->clients[i], data);
}

static json_t *show(struct fake *f, json_t *request)
{
	const char *version = json_get_text(request, "version");
	const char *text = json_get_text(json_object_get(f->state, "texts"), version ? version : "");
	if (!text)
		return NULL;
	return json_pack("{s:o,s:s,s:i,s:{}}", "content", json_b64(text, strlen(text)), "version", version, "size",
	                 (int)strlen(text), "meta");
}

/* Takes the conflict away after the answer, as an engine would. */
static void settle(struct fake *f, const char *item)
{
	json_t *conflicts = json_object_get(f->state, "conflicts"), *status = json_object_get(f->state, "status");
	for (size_t i = json_array_size(conflicts); item && i-- > 0;) {
		const char *name = json_get_text(json_array_get(conflicts, i), "item");
		if (name && !strcmp(name, item))
			json_array_remove(conflicts, i);
	}
	json_object_set_new(status, "conflicts", json_integer((json_int_t)json_array_size(conflicts)));
	json_t *news = json_pack("{s:O,s:O}", "conflicts", conflicts, "status", status);
	report_all(f, news);
	json_decref(news);
}

static void answer(struct fake *f, struct fake_client *c, json_t *request)
{
	const char *verb = json_get_text(request, "do");
	int64_t id = json_get_int(request, "id", 0);
	const char *failure = verb ? json_get_text(f->failures, verb) : "no verb";
	json_t *data = verb ? json_object_get(json_object_get(f->state, "answers"), verb) : NULL;
	if (failure) {
		say(f, c,
		    json_pack("{s:I,s:b,s:i,s:s,s:s,s:s}", "id", (json_int_t)id, "ok", 0, "exit", 1, "what",
		              verb ? verb : "?", "why", failure, "fix", ""));
		return;
	}
	if (!strcmp(verb, "show"))
		data = show(f, request);
	else if (!data)
		data = json_object_get(f->state, verb) ? json_incref(json_object_get(f->state, verb)) : json_object();
	else
		json_incref(data);
	if (!data)
		say(f, c,
		    json_pack("{s:I,s:b,s:i,s:s,s:s,s:s}", "id", (json_int_t)id, "ok", 0, "exit", 1, "what", "show",
		              "why", "no such version", "fix", ""));
	else
		say(f, c, json_pack("{s:I,s:b,s:o}", "id", (json_int_t)id, "ok", 1, "data", data));
	if (!strcmp(verb, "subscribe")) {
		c->subscribed = id;
		report(f, c, f->state);
	} else if (!strcmp(verb, "resolve")) {
		settle(f, json_get_text(request, "item"));
	}
}

static void record(struct fake *f, const void *line, size_t len)
{
	FILE *out = f->record ? fopen(f->record, "a") : NULL;
	if (!out)
		return;
	fwrite(line, 1, len, out);
	fputc('\n', out);
	fclose(out);
}

static void hear(struct fake *f, struct fake_client *c)
{
	char bytes[65536];
	struct span line;
	ssize_t n = read(c->fd, bytes, sizeof bytes);
	if (n <= 0) {
		hang_up(c);
		return;
	}
	control_lines_add(&c->in, bytes, (size_t)n);
	while (c->fd >= 0 && control_lines_next(&c->in, &line) == CONTROL_LINE_READY) {
		json_t *request = json_from(line.data, line.len, CONTROL_LINE_MAX);
		record(f, line.data, line.len);
		if (request)
			answer(f, c, request);
		json_decref(request);
	}
}

static void welcome(struct fake *f)
{
	int fd = unixsock_accept(f->listener);
	for (int i = 0; i < CLIENTS && fd >= 0; i++)
		if (f->clients[i].fd < 0) {
			f->clients[i] = (struct fake_client){ .fd = fd };
			return;
		}
	if (fd >= 0)
		close(fd);
}

static void start_listening(struct fake *f)
{
	struct err e;
	char line[1024];
	f->listener = unixsock_listen(f->socket, &e);
	if (f->listener < 0) {
		fprintf(stderr, "%s\n", err_line(&e, line, sizeof line));
		exit(1);
	}
}

static void drop(struct fake *f)
{
	if (f->listener >= 0)
		close(f->listener);
	f->listener = -1;
	unlink(f->socket);
	for (int i = 0; i < CLIENTS; i++)
		if (f->clients[i].fd >= 0)
			hang_up(&f->clients[i]);
}

static void obey(struct fake *f, char *line)
{
	char *rest = strchr(line, ' ');
	json_error_t error;
	if (rest)
		*rest++ = 0;
	if (!strcmp(line, "quit")) {
		drop(f);
		exit(0);
	} else if (!strcmp(line, "drop")) {
		drop(f);
	} else if (!strcmp(line, "back")) {
		start_listening(f);
	} else if (!strcmp(line, "report") && rest) {
		json_t *news = json_loads(rest, 0, &error);
		if (!news) {
			fprintf(stderr, "fakeengine: report: %s\n", error.text);
			return;
		}
		json_object_update(f->state, news);
		report_all(f, news);
		json_decref(news);
	} else if ((!strcmp(line, "answer") || !strcmp(line, "fail")) && rest && strchr(rest, ' ')) {
		char *value = strchr(rest, ' ');
		*value++ = 0;
		if (line[0] == 'f')
			json_object_set_new(f->failures, rest, json_string(value));
		else
			json_object_set_new(json_object_get(f->state, "answers"), rest,
			                    json_loads(value, JSON_DECODE_ANY, &error));
	}
}

int main(int argc, char **argv)
{
	struct fake f = { .listener = -1, .failures = json_object() };
	json_error_t error;
	char *line = NULL;
	size_t cap = 0;
	bool told = true;
	if (argc < 3) {
		fprintf(stderr, "fakeengine SOCKET STATE.json [RECORD]\n");
		return 2;
	}
	f.socket = argv[1];
	f.record = argc > 3 ? argv[3] : NULL;
	f.state = json_load_file(argv[2], 0, &error);
	if (!f.state) {
		fprintf(stderr, "fakeengine: %s:%d: %s\n", argv[2], error.line, error.text);
		return 1;
	}
	if (!json_object_get(f.state, "answers"))
		json_object_set_new(f.state, "answers", json_object());
	for (int i = 0; i < CLIENTS; i++)
		f.clients[i].fd = -1;
	signal(SIGPIPE, SIG_IGN);
	setvbuf(stdin, NULL, _IONBF, 0); /* poll must see what is left */
	start_listening(&f);
	for (;;) {
		struct pollfd fds[CLIENTS + 2] = { { .fd = told ? 0 : -1, .events = POLLIN },
			                           { .fd = f.listener, .events = POLLIN } };
		for (int i = 0; i < CLIENTS; i++)
			fds[2 + i] = (struct pollfd){ .fd = f.clients[i].fd, .events = POLLIN };
		poll(fds, CLIENTS + 2, -1);
		for (int i = 0; i < CLIENTS; i++)
			if (fds[2 + i].revents && f.clients[i].fd == fds[2 + i].fd)
				hear(&f, &f.clients[i]);
		if (fds[1].revents && f.listener >= 0)
			welcome(&f);
		if (fds[0].revents) {
			told = getline(&line, &cap, stdin) > 0; /* without more orders it serves on */
			if (told) {
				line[strcspn(line, "\n")] = 0;
				obey(&f, line);
			}
		}
	}
}

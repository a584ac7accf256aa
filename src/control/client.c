#include "control/client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "sys/clock.h"
#include "sys/unixsock.h"

#define ROWS_MAX 4000000 /* rows of a list put together: what a broken engine may make us hold */
#define KEPT_MAX 10000   /* messages kept for client_next while an answer is waited for */

struct client {
	int fd;
	bool closed;
	int64_t last_id;
	struct control_lines in;
	json_t *kept; /* messages that arrived while client_ask waited for another one */
	size_t kept_at;
};

struct client *client_adopt(int fd)
{
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	struct client *c = mem_alloc(sizeof *c);
	c->fd = fd;
	c->kept = json_array();
	return c;
}

struct client *client_connect(const char *socket, struct err *e)
{
	int fd = unixsock_connect(socket, e);
	return fd < 0 ? NULL : client_adopt(fd);
}

void client_destroy(struct client *c)
{
	if (!c)
		return;
	close(c->fd);
	control_lines_finish(&c->in);
	json_decref(c->kept);
	free(c);
}

int client_fd(const struct client *c)
{
	return c->fd;
}

bool client_gone(const struct client *c)
{
	return c->closed && c->kept_at == json_array_size(c->kept);
}

/* How long poll may sleep so that `until` (UINT64_MAX: for ever) is kept. */
static int time_left(uint64_t until)
{
	if (until == UINT64_MAX)
		return -1;
	uint64_t now = clock_ms();
	return now >= until ? 0 : until - now > 3600000 ? 3600000 : (int)(until - now);
}

static bool write_all(struct client *c, const uint8_t *at, size_t len)
{
	while (len) {
		ssize_t n = send(c->fd, at, len, MSG_NOSIGNAL);
		if (n > 0) {
			at += n;
			len -= (size_t)n;
		} else if (n < 0 && errno == EAGAIN) {
			struct pollfd p = { .fd = c->fd, .events = POLLOUT };
			if (poll(&p, 1, CONTROL_STALL_MS) == 0)
				return false;
		} else if (n < 0 && errno != EINTR) {
			return false;
		}
	}
	return true;
}

int64_t client_send(struct client *c, json_t *request)
{
	int64_t id = ++c->last_id;
	json_object_set_new(request, "id", json_integer(id));
	struct buf line = { 0 };
	bool sent = control_put(&line, request) && write_all(c, line.data, line.len);
	buf_finish(&line);
	json_decref(request);
	return sent ? id : 0;
}

/* Takes in what the socket holds, without blocking. */
static void take_in(struct client *c)
{
	char bytes[65536];
	while (!c->closed) {
		ssize_t n = read(c->fd, bytes, sizeof bytes);
		if (n > 0) {
			control_lines_add(&c->in, bytes, (size_t)n);
			return;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0 || errno != EAGAIN)
			c->closed = true;
		return;
	}
}

/* The next message off the socket, or NULL. Lines that are no messages are skipped. */
static json_t *parse_next(struct client *c)
{
	struct span line;
	enum control_line state;
	while ((state = control_lines_next(&c->in, &line)) != CONTROL_LINE_NONE) {
		json_t *message = state == CONTROL_LINE_READY ? json_from(line.data, line.len, CONTROL_LINE_MAX) : NULL;
		if (message)
			return message;
	}
	return NULL;
}

static json_t *read_next(struct client *c)
{
	json_t *message = parse_next(c);
	if (message)
		return message;
	take_in(c);
	return parse_next(c);
}

json_t *client_next(struct client *c)
{
	if (c->kept_at < json_array_size(c->kept)) {
		json_t *message = json_incref(json_array_get(c->kept, c->kept_at++));
		if (c->kept_at == json_array_size(c->kept)) {
			json_array_clear(c->kept);
			c->kept_at = 0;
		}
		return message;
	}
	return read_next(c);
}

bool client_wait(struct client *c, int timeout_ms)
{
	uint64_t until = timeout_ms < 0 ? UINT64_MAX : clock_ms() + (uint64_t)timeout_ms;
	for (;;) {
		if (c->kept_at < json_array_size(c->kept))
			return true;
		json_t *message = read_next(c);
		if (message) {
			json_array_append_new(c->kept, message);
			return true;
		}
		if (c->closed)
			return true;
		int wait = time_left(until);
		if (!wait)
			return false;
		struct pollfd p = { .fd = c->fd, .events = POLLIN };
		poll(&p, 1, wait);
	}
}

static json_t *ask_failed(struct err *e, int *exit_code, int code, const char *why, const char *fix)
{
	if (exit_code)
		*exit_code = code;
	err_set(e, "engine", fix, "%s", why);
	return NULL;
}

static void copy_text(char *out, size_t cap, const json_t *message, const char *key, const char *otherwise)
{
	const char *text = json_get_text(message, key);
	snprintf(out, cap, "%s", text ? text : otherwise);
}

static json_t *failure_of(const json_t *message, struct err *e, int *exit_code)
{
	if (exit_code) {
		int64_t code = json_get_int(message, "exit", CONTROL_FAILED);
		*exit_code = code > 0 && code < 126 ? (int)code : CONTROL_FAILED;
	}
	if (e) {
		copy_text(e->what, sizeof e->what, message, "what", "engine");
		copy_text(e->why, sizeof e->why, message, "why", "it refused and did not say why");
		copy_text(e->fix, sizeof e->fix, message, "fix", "");
	}
	return NULL;
}

/* Waits for the answer to request `id`; pieces of a list are gathered in `rows`. */
static json_t *await(struct client *c, int64_t id, uint64_t until, json_t *rows, struct err *e, int *exit_code)
{
	for (;;) {
		json_t *message = read_next(c);
		if (!message) {
			if (c->closed)
				return ask_failed(e, exit_code, CONTROL_NO_ENGINE, "it ended before it answered",
				                  "start it with 'syncline run'");
			int wait = time_left(until);
			if (!wait)
				return ask_failed(e, exit_code, CONTROL_TIMED_OUT, "it did not answer in time",
				                  "look at 'syncline status' and the log");
			struct pollfd p = { .fd = c->fd, .events = POLLIN };
			poll(&p, 1, wait);
			continue;
		}
		json_t *part = json_object_get(message, "part"), *ok = json_object_get(message, "ok");
		bool ours = json_get_int(message, "id", 0) == id;
		if (ours && json_is_array(part) && json_array_size(rows) < ROWS_MAX) {
			json_array_extend(rows, part);
			json_decref(message);
		} else if (ours && json_is_boolean(ok)) {
			return message;
		} else {
			if (!part && json_array_size(c->kept) < KEPT_MAX)
				json_array_append(c->kept, message);
			json_decref(message);
		}
	}
}

json_t *client_ask(struct client *c, json_t *request, int timeout_ms, struct err *e, int *exit_code)
{
	uint64_t until = timeout_ms < 0 ? UINT64_MAX : clock_ms() + (uint64_t)timeout_ms;
	if (exit_code)
		*exit_code = CONTROL_DONE;
	int64_t id = client_send(c, request);
	if (!id)
		return ask_failed(e, exit_code, CONTROL_NO_ENGINE, "it closed the connection",
		                  "start it with 'syncline run'");
	json_t *rows = json_array(), *data = NULL;
	json_t *answer = await(c, id, until, rows, e, exit_code);
	if (answer && !json_is_true(json_object_get(answer, "ok"))) {
		failure_of(answer, e, exit_code);
	} else if (answer) {
		data = json_object_get(answer, "data");
		data = data ? json_incref(data) : json_null();
		if (json_array_size(rows) && json_is_array(data)) {
			json_array_extend(rows, data);
			json_decref(data);
			data = json_incref(rows);
		}
	}
	json_decref(answer);
	json_decref(rows);
	return data;
}

bool client_content(struct client *c, const char *item, const char *version, struct blob *out, json_t **meta,
                    struct err *e, int *exit_code)
{
	struct buf whole = { 0 };
	char pinned[64] = ""; /* the first answer names the version: later pieces are of that one */
	if (version)
		snprintf(pinned, sizeof pinned, "%s", version);
	for (;;) {
		json_t *request = control_request("show");
		json_object_set_new(request, "item", json_bytes(item, strlen(item)));
		json_object_set_new(request, "offset", json_integer((json_int_t)whole.len));
		if (pinned[0])
			json_object_set_new(request, "version", json_string(pinned));
		json_t *data = client_ask(c, request, 30000, e, exit_code);
		if (!data)
			break;
		struct blob piece;
		int64_t size = json_get_int(data, "size", -1);
		bool good = json_get_b64(data, "content", &piece, 0, CONTROL_CONTENT_MAX);
		if (good)
			buf_put(&whole, piece.data, piece.len);
		bool done = good && (int64_t)whole.len == size,
		     stuck = !good || (!done && !piece.len) || (int64_t)whole.len > size;
		blob_finish(&piece);
		snprintf(pinned, sizeof pinned, "%s",
		         json_get_text(data, "version") ? json_get_text(data, "version") : "");
		if (done || stuck) {
			json_object_del(data, "content");
			if (done && meta)
				*meta = json_incref(data);
			json_decref(data);
			if (done) {
				*out = buf_take(&whole);
				return true;
			}
			ask_failed(e, exit_code, CONTROL_FAILED, "its answer about the content makes no sense",
			           "restart it: it may be of another version");
			break;
		}
		json_decref(data);
	}
	buf_finish(&whole);
	return false;
}

/* Connections of the control socket, their lines, what waits for an answer, and reports. */
#include "engine/control_server.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "sys/clock.h"
#include "sys/unixsock.h"

#define READ_BYTES        65536
#define UNREAD_MAX        (256 * 1024) /* answers not taken yet: no further request is looked at until they are */
#define WAITS_MAX         16           /* of one client */
#define INTERVAL_MIN_MS   20
#define INTERVAL_MAX_MS   60000
#define REPORT_QUEUE_ROWS 200
#define REPORT_PARTS      6
#define FOLLOW_AT_ONCE    200          /* log lines put in one turn */
#define REPORT_PART_BYTES (128 * 1024) /* of one list in a report: all of them fit a line, whatever the names */

struct waiting {
	struct control_wait wait;
	int64_t id;
};

/* What a subscriber was told last, as hashes of the steady form of each part. */
struct subscription {
	bool on, first;
	int64_t id;
	uint64_t interval_ms, due_ms, seq;
	uint64_t told[REPORT_PARTS];
	uint64_t log_at;
	double up, down;   /* the rates told last */
	uint64_t rates_ms; /* while they are not zero: when they are looked at again */
};

struct control_client {
	struct control_server *server;
	uint64_t number;
	int fd;
	struct loop_watch *watch;
	struct control_lines in;
	struct buf out;
	size_t out_at, out_durable; /* written; behind this: said in a turn that is not committed yet */
	uint64_t stalled_ms;        /* since when the other end takes nothing; 0: it does */
	struct waiting waits[WAITS_MAX];
	size_t wait_count;
	struct subscription sub;
	bool following;
	int64_t follow_id;
	uint64_t follow_at;
	bool gone, ended; /* gone: to be freed; ended: it sends no more, but may still read */
};

struct control_server {
	struct engine *engine;
	int fd;
	struct loop_watch *watch;
	struct control_client **clients;
	size_t count, cap;
	uint64_t last_number;
};

static struct control_client *find_client(const struct control_server *s, uint64_t number)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->clients[i]->number == number && !s->clients[i]->gone)
			return s->clients[i];
	return NULL;
}

/* ---- answers ---- */

void control_answer(const struct question *q, json_t *data)
{
	struct control_client *c = find_client(q->server, q->client);
	if (c && json_is_array(data)) {
		control_put_list(&c->out, q->id, data);
	} else if (c && !control_put_answer(&c->out, q->id, data)) {
		struct err e;
		err_set(&e, "answer", "ask for less", "it is longer than a line of the control protocol may be");
		control_put_failure(&c->out, q->id, CONTROL_FAILED, &e);
	}
	json_decref(data);
}

void control_fail(const struct question *q, int exit_code, const struct err *e)
{
	struct control_client *c = find_client(q->server, q->client);
	if (c)
		control_put_failure(&c->out, q->id, exit_code, e);
}

void control_fail_with(const struct question *q, int exit_code, const char *what, const char *fix,
                       const char *why_format, ...)
{
	struct err e;
	va_list args;
	va_start(args, why_format);
	err_set_args(&e, what, fix, why_format, args);
	va_end(args);
	control_fail(q, exit_code, &e);
}

bool control_wait(const struct question *q, const struct control_wait *w)
{
	struct control_client *c = find_client(q->server, q->client);
	if (!c)
		return false;
	if (c->wait_count == WAITS_MAX) {
		control_fail_with(q, CONTROL_FAILED, "wait", "let some of them end",
		                  "this connection waits for too much already");
		return false;
	}
	c->waits[c->wait_count++] = (struct waiting){ *w, q->id };
	return true;
}

void control_progress(const struct question *q, json_t *data)
{
	struct control_client *c = find_client(q->server, q->client);
	if (c && c->out.len - c->out_at < UNREAD_MAX)
		control_put_event(&c->out, q->id, "progress", data);
	json_decref(data);
}

bool control_client_there(const struct control_server *s, uint64_t client)
{
	return find_client(s, client) != NULL;
}

void control_subscribe(const struct question *q, uint64_t interval_ms)
{
	struct control_client *c = find_client(q->server, q->client);
	if (!c)
		return;
	if (interval_ms < INTERVAL_MIN_MS)
		interval_ms = INTERVAL_MIN_MS;
	if (interval_ms > INTERVAL_MAX_MS)
		interval_ms = INTERVAL_MAX_MS;
	c->sub = (struct subscription){
		.on = true, .first = true, .id = q->id, .interval_ms = interval_ms, .rates_ms = UINT64_MAX
	};
	c->sub.log_at = journal_first(&q->engine->journal);
}

void control_follow(const struct question *q, uint64_t from)
{
	struct control_client *c = find_client(q->server, q->client);
	if (!c)
		return;
	c->following = true;
	c->follow_id = q->id;
	c->follow_at = from;
}

/* ---- bytes in and out ---- */

static void ask(struct control_client *c, struct span line)
{
	json_t *request = json_from(line.data, line.len, CONTROL_LINE_MAX);
	struct question q = {
		.engine = c->server->engine, .server = c->server, .client = c->number, .request = request
	};
	if (request && json_get_text(request, "do")) {
		q.id = json_get_int(request, "id", 0);
		control_verb(&q);
	} else {
		control_fail_with(&q, CONTROL_USAGE, "request", "send one JSON object a line, with \"id\" and \"do\"",
		                  request ? "it does not say what to do" : "it is not a JSON object");
	}
	json_decref(request);
}

static size_t unread(const struct control_client *c)
{
	return c->out.len - c->out_at;
}

static void take_lines(struct control_client *c)
{
	struct span line;
	while (!c->gone && unread(c) < UNREAD_MAX) {
		enum control_line state = control_lines_next(&c->in, &line);
		if (state == CONTROL_LINE_NONE)
			return;
		if (state == CONTROL_LINE_READY) {
			ask(c, line);
			continue;
		}
		struct question q = { .engine = c->server->engine, .server = c->server, .client = c->number };
		control_fail_with(&q, CONTROL_USAGE, "request", "send shorter ones", "a line is longer than %d bytes",
		                  CONTROL_LINE_MAX);
	}
}

static void want(struct control_client *c)
{
	int events = c->out_durable > c->out_at ? LOOP_WRITE : 0;
	if (unread(c) < UNREAD_MAX && !c->ended)
		events |= LOOP_READ;
	loop_watch_set(c->watch, events);
}

static void read_some(struct control_client *c)
{
	char bytes[READ_BYTES];
	ssize_t n = read(c->fd, bytes, sizeof bytes);
	if (n > 0)
		control_lines_add(&c->in, bytes, (size_t)n);
	else if (n == 0)
		c->ended = true;
	else if (errno != EAGAIN && errno != EINTR)
		c->gone = true;
}

static void write_some(struct control_client *c)
{
	while (c->out_at < c->out_durable) {
		ssize_t n =
		        send(c->fd, c->out.data + c->out_at, c->out_durable - c->out_at, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n <= 0) {
			c->gone = true;
			return;
		}
		c->out_at += (size_t)n;
		c->stalled_ms = 0;
	}
	if (c->out_at < c->out_durable) {
		if (!c->stalled_ms)
			c->stalled_ms = c->server->engine->now_ms;
		return;
	}
	c->stalled_ms = 0;
	if (c->out_at == c->out.len) {
		if (c->out.cap > UNREAD_MAX)
			buf_finish(&c->out);
		buf_clear(&c->out);
		c->out_at = c->out_durable = 0;
	}
}

static void client_ready(void *ctx, int events)
{
	struct control_client *c = ctx;
	if (events & LOOP_WRITE)
		write_some(c);
	if (events & (LOOP_READ | LOOP_HANGUP) && !c->gone && !c->ended)
		read_some(c);
	else if (events & LOOP_HANGUP)
		c->gone = true;
	take_lines(c);
	if (!c->gone)
		want(c);
	else
		loop_watch_set(c->watch, 0);
	loop_again(c->server->engine->loop); /* the turn that follows commits, answers and frees */
}

static void client_free(struct control_client *c)
{
	loop_watch_stop(c->watch);
	close(c->fd);
	control_lines_finish(&c->in);
	buf_finish(&c->out);
	free(c);
}

static void listener_ready(void *ctx, int events)
{
	struct control_server *s = ctx;
	int fd;
	(void)events;
	while ((fd = unixsock_accept(s->fd)) >= 0) {
		struct control_client *c = mem_alloc(sizeof *c);
		*c = (struct control_client){ .server = s, .number = ++s->last_number, .fd = fd };
		MEM_ROOM(s->clients, s->count, s->cap);
		s->clients[s->count++] = c;
		if (s->count <= CONTROL_CLIENTS_MAX) {
			c->watch = loop_watch_start(s->engine->loop, fd, LOOP_READ, client_ready, c);
			c->gone = !c->watch;
			continue;
		}
		struct err e;
		err_set(&e, "engine", "close some consoles", "%d connections are open already", CONTROL_CLIENTS_MAX);
		control_put_failure(&c->out, 0, CONTROL_FAILED, &e);
		c->out_durable = c->out.len;
		write_some(c);
		c->gone = true;
	}
	loop_again(s->engine->loop);
}

/* ---- the end of a turn ---- */

static void look_at_waits(struct control_client *c)
{
	for (size_t i = 0; i < c->wait_count;) {
		struct question q = {
			.engine = c->server->engine, .server = c->server, .client = c->number, .id = c->waits[i].id
		};
		const struct control_wait *w = &c->waits[i].wait;
		bool time = w->look_ms <= q.engine->now_ms || w->due_ms <= q.engine->now_ms;
		if (time && control_wait_look(&q, &c->waits[i].wait))
			c->waits[i] = c->waits[--c->wait_count];
		else
			i++;
	}
}

static void follow(struct control_client *c)
{
	const struct journal *j = &c->server->engine->journal;
	if (c->follow_at < journal_first(j))
		c->follow_at = journal_first(j);
	for (int n = 0; n < FOLLOW_AT_ONCE && c->follow_at < j->count && unread(c) < UNREAD_MAX; n++) {
		json_t *line = journal_json(j, c->follow_at++);
		control_put_event(&c->out, c->follow_id, "log", line);
		json_decref(line);
	}
}

static uint64_t hash_json(json_t *value)
{
	char *text = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS);
	struct id id = hash_plain("report", &(struct span){ (const uint8_t *)text, text ? strlen(text) : 0 }, 1);
	uint64_t hash;
	memcpy(&hash, id.b, sizeof hash);
	free(text);
	json_decref(value);
	return hash;
}

/* Keeps the first rows that fit. */
static json_t *fit(json_t *rows)
{
	size_t bytes = 0, count = 0;
	if (!json_is_array(rows))
		return rows;
	for (; count < json_array_size(rows); count++) {
		bytes += json_dumpb(json_array_get(rows, count), NULL, 0, JSON_COMPACT) + 1;
		if (bytes > REPORT_PART_BYTES)
			break;
	}
	while (json_array_size(rows) > count)
		json_array_remove(rows, json_array_size(rows) - 1);
	return rows;
}

/* The steady form of each part, hashed: a part is told again when that changed. Made once a turn for all subscribers.
 */
struct parts {
	bool made;
	uint64_t hash[REPORT_PARTS];
};

static json_t *part(struct engine *g, int which, bool steady, size_t *total)
{
	switch (which) {
	case 0:
		return report_status(g, steady);
	case 1:
		return report_queue(g, REPORT_QUEUE_ROWS, total, steady);
	case 2:
		return report_conflicts(g);
	case 3:
		return report_devices(g, steady);
	default:
		return report_categories(g);
	}
}

static void make_parts(struct engine *g, struct parts *p)
{
	size_t total = 0;
	if (p->made)
		return;
	p->made = true;
	for (int i = 0; i < 5; i++)
		p->hash[i] = hash_json(part(g, i, true, &total));
	p->hash[5] = total;
}

static void put_log(struct engine *g, struct subscription *sub, json_t *report)
{
	json_t *lines = json_array();
	if (sub->log_at < journal_first(&g->journal))
		sub->log_at = journal_first(&g->journal);
	while (sub->log_at < g->journal.count && json_array_size(lines) < FOLLOW_AT_ONCE)
		json_array_append_new(lines, journal_json(&g->journal, sub->log_at++));
	if (json_array_size(lines) || sub->first)
		json_object_set(report, "log", fit(lines));
	json_decref(lines);
}

static void report_to(struct control_client *c, struct parts *p)
{
	static const char *const keys[] = { "status", "queue", "conflicts", "devices", "categories" };
	struct engine *g = c->server->engine;
	struct subscription *sub = &c->sub;
	json_t *report = json_object();
	double up, down;
	size_t total = 0;
	make_parts(g, p);
	for (int i = 0; i < 5; i++)
		if (sub->first || sub->told[i] != p->hash[i])
			json_object_set_new(report, keys[i], fit(part(g, i, false, &total)));
	if (sub->first || sub->told[5] != p->hash[5])
		json_object_set_new(report, "queue_total", json_integer((json_int_t)p->hash[5]));
	put_log(g, sub, report);
	meter_rates(&g->meter, g->now_ms, &up, &down);
	if (sub->first || up != sub->up || down != sub->down)
		json_object_set_new(report, "traffic_rates", json_pack("{s:f, s:f}", "up", up, "down", down));
	sub->up = up;
	sub->down = down;
	sub->rates_ms = up > 0 || down > 0 ? g->now_ms + METER_SLOT_MS : UINT64_MAX;
	memcpy(sub->told, p->hash, sizeof sub->told);
	sub->due_ms = g->now_ms + sub->interval_ms;
	if (json_object_size(report)) {
		json_object_set_new(report, "seq", json_integer((json_int_t)++sub->seq));
		control_put_event(&c->out, sub->id, "report", report);
		sub->first = false;
	}
	json_decref(report);
}

/* When a report would be worth making; UINT64_MAX: nothing happened. */
static uint64_t report_due(const struct control_client *c)
{
	const struct engine *g = c->server->engine;
	const struct subscription *sub = &c->sub;
	if (!sub->on || unread(c))
		return UINT64_MAX;
	if (sub->first || g->stepped || sub->log_at < g->journal.count)
		return sub->due_ms;
	return sub->rates_ms;
}

static void drop_stalled(struct control_client *c)
{
	if (c->stalled_ms && c->server->engine->now_ms - c->stalled_ms >= CONTROL_STALL_MS)
		c->gone = true;
}

void control_server_turn(struct control_server *s)
{
	struct engine *g = s->engine;
	struct parts parts = { 0 };
	bool postponed = false;
	for (size_t i = 0; i < s->count; i++) {
		struct control_client *c = s->clients[i];
		if (c->gone)
			continue;
		look_at_waits(c);
		if (c->following)
			follow(c);
		if (report_due(c) <= g->now_ms)
			report_to(c, &parts);
		else if (c->sub.on && g->stepped)
			postponed = true;
		c->out_durable = c->out.len;
		write_some(c);
		drop_stalled(c);
		take_lines(c); /* those that had to wait until answers were read; answered by the next turn */
		if (c->out.len > c->out_durable)
			loop_again(g->loop);
		if (c->ended && !unread(c) && !c->wait_count)
			c->gone = true;
		if (!c->gone)
			want(c);
	}
	for (size_t i = 0; i < s->count;) {
		if (s->clients[i]->gone) {
			client_free(s->clients[i]);
			s->clients[i] = s->clients[--s->count];
		} else {
			i++;
		}
	}
	if (!postponed)
		g->stepped = false;
}

void control_server_stumbled(struct control_server *s)
{
	for (size_t i = 0; i < s->count; i++) {
		struct control_client *c = s->clients[i];
		if (c->out.len > c->out_durable)
			c->gone = true; /* it hears that the engine broke off, not that all went well */
	}
}

uint64_t control_server_deadline(const struct control_server *s)
{
	uint64_t due = UINT64_MAX;
	const struct engine *g = s->engine;
	for (size_t i = 0; i < s->count; i++) {
		const struct control_client *c = s->clients[i];
		uint64_t mine = UINT64_MAX;
		for (size_t k = 0; k < c->wait_count; k++) {
			const struct control_wait *w = &c->waits[k].wait;
			mine = w->due_ms < mine ? w->due_ms : mine;
			mine = w->look_ms > g->now_ms && w->look_ms < mine ? w->look_ms : mine;
		}
		mine = report_due(c) < mine ? report_due(c) : mine;
		if (c->stalled_ms && c->stalled_ms + CONTROL_STALL_MS < mine)
			mine = c->stalled_ms + CONTROL_STALL_MS;
		if (c->following && c->follow_at < g->journal.count && unread(c) < UNREAD_MAX)
			mine = 0;
		if (mine < due)
			due = mine;
	}
	return due;
}

struct control_server *control_server_create(struct engine *g, struct err *e)
{
	int fd = unixsock_listen(g->home->control, e);
	if (fd < 0)
		return NULL;
	struct control_server *s = mem_alloc(sizeof *s);
	s->engine = g;
	s->fd = fd;
	s->watch = loop_watch_start(g->loop, fd, LOOP_READ, listener_ready, s);
	return s;
}

void control_server_destroy(struct control_server *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->count; i++) {
		write_some(s->clients[i]);
		client_free(s->clients[i]);
	}
	free(s->clients);
	control_resolving_destroy(s->engine);
	loop_watch_stop(s->watch);
	close(s->fd);
	unixsock_remove(s->engine->home->control);
	free(s);
}

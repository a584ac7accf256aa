#include "base/mark.h"
#include "engine/core/link/link.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define NUMBER_SANE   (1ull << 52)

static void note(struct link *l, enum notice_level level, const char *text)
{
	l->world->notice(l->world->ctx, level, "link", NULL, text);
}

static void become(struct link *l, enum link_state state)
{
	if (l->state != state)
		l->since_ms = l->now_ms;
	l->state = state;
}

/* --- leaving --- */

static void let_go(struct link *l)
{
	if (l->phase >= LINK_PHASE_DIALLING)
		l->world->hang_up(l->world->ctx);
	l->hung = true;
	sendq_clear(&l->queue);
	buf_clear(&l->control);
	l->ping_wanted = false;
	l->pings_sent = l->pings_answered = 0;
}

static uint64_t backoff_ms(struct link *l, int64_t retry_after_ms)
{
	uint64_t ceiling = LINK_BACKOFF_CAP_MS;
	if (l->attempt <= 5 && (uint64_t)LINK_BACKOFF_MS << (l->attempt - 1) < ceiling)
		ceiling = (uint64_t)LINK_BACKOFF_MS << (l->attempt - 1);
	uint64_t wait = rng_below(&l->rng, ceiling + 1);
	if (retry_after_ms > LINK_RETRY_AFTER_MAX_MS)
		retry_after_ms = LINK_RETRY_AFTER_MAX_MS;
	if (retry_after_ms > 0 && wait < (uint64_t)retry_after_ms)
		wait = (uint64_t)retry_after_ms + rng_below(&l->rng, LINK_BACKOFF_MS);
	return wait;
}

static void say_loudly(struct link *l)
{
	char text[700];
	if (l->loud || l->attempt < LINK_LOUD_ATTEMPTS)
		return;
	l->loud = true;
	snprintf(text, sizeof text,
	         "the hub could not be reached %u times in a row: %s. Edits wait safely on this device; it goes on "
	         "trying (is the hub "
	         "running, and [hub] url right?)",
	         l->attempt, l->error);
	note(l, NOTICE_ALERT, text);
}

/* The connection or the attempt is over; another will be made. `at_once`: nothing was wrong with us or the hub. */
static enum link_news lose(struct link *l, const char *why, bool at_once, int64_t retry_after_ms)
{
	bool was_up = l->phase == LINK_PHASE_UP;
	bool healthy = was_up && l->now_ms - l->up_ms >= LINK_HEALTHY_MS;
	char text[600];
	let_go(l);
	snprintf(l->error, sizeof l->error, "%s", why);
	if (healthy) {
		l->attempt = 0;
		l->loud = false;
	}
	uint64_t wait = 0;
	if (!healthy || !at_once || retry_after_ms > 0) {
		l->attempt++;
		wait = backoff_ms(l, retry_after_ms);
	}
	l->phase = LINK_PHASE_WAITING;
	l->deadline_ms = l->now_ms + wait;
	become(l, LINK_RECONNECTING);
	if (was_up) {
		snprintf(text, sizeof text, "lost the hub: %s", l->error);
		note(l, NOTICE_INFO, text);
	} else {
		note(l, NOTICE_DEBUG, l->error);
	}
	say_loudly(l);
	return was_up ? LINK_NEWS_DOWN : LINK_NEWS_NONE;
}

/* Trying again cannot help: a person is needed. */
static enum link_news fail(struct link *l, const char *why)
{
	bool was_up = l->phase == LINK_PHASE_UP;
	let_go(l);
	snprintf(l->error, sizeof l->error, "%s", why);
	l->phase = LINK_PHASE_IDLE;
	l->attempt++;
	become(l, LINK_ERROR);
	note(l, NOTICE_ALERT, l->error);
	return was_up ? LINK_NEWS_DOWN : LINK_NEWS_NONE;
}

/* The hub sent what cannot be: tell it, then leave. */
static enum link_news reject(struct link *l, const char *why)
{
	struct message m = { .type = MESSAGE_ERROR_REPORT };
	snprintf(m.code, sizeof m.code, "malformed");
	snprintf(m.text, sizeof m.text, "%s", why);
	struct blob text = message_put(&m);
	l->world->send(l->world->ctx, true, span_blob(&text));
	blob_finish(&text);
	return lose(l, why, false, 0);
}

/* What the hub said as it turned us away. */
static const struct {
	const char *code, *why;
} fatal[] = {
	{ "bad-signature", "the hub does not accept this device's signature (its key file may be damaged: restore it, "
	                   "or join again with "
	                   "an invite made by `syncline invite` on another device)" },
	{ "unknown-device",
	  "the hub does not know this device (join again with an invite made by `syncline invite` on another device)" },
	{ "revoked", "this device was revoked (to use it again, join with an invite made by `syncline invite` on "
	             "another device)" },
	{ "protocol", "the hub speaks another version of the protocol (update syncline here and on the hub)" },
};

static enum link_news turned_away(struct link *l, const struct message *m)
{
	char why[sizeof l->error];
	for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++)
		if (strcmp(m->code, fatal[i].code) == 0)
			return fail(l, fatal[i].why);
	if (strcmp(m->code, "busy") == 0 || strcmp(m->code, "rate") == 0)
		snprintf(why, sizeof why, "the hub asks to wait: %.300s", m->text[0] ? m->text : m->code);
	else if (strcmp(m->code, "replaced") == 0)
		snprintf(why, sizeof why,
		         "another connection with this device's keys took over (is this home in use on two machines?)");
	else
		snprintf(why, sizeof why, "the hub ended the connection: %.300s (%s)", m->text, m->code);
	return lose(l, why, false, m->retry_after_ms);
}

/* --- arriving --- */

static void dial(struct link *l)
{
	l->phase = LINK_PHASE_DIALLING;
	l->deadline_ms = l->now_ms + LINK_DIAL_MS;
	if (l->state != LINK_RECONNECTING)
		become(l, LINK_CONNECTING);
	l->world->dial(l->world->ctx);
}

static enum link_news answer_challenge(struct link *l, const struct message *challenge)
{
	if (challenge->protocol != WIRE_PROTOCOL)
		return fail(l, "the hub speaks another version of the protocol (update syncline here and on the hub)");
	if (!id_equal(&challenge->hub, &l->setup.hub))
		return fail(l, "the hub at this address is not the one that this device joined (check [hub] url; if "
		               "the hub was set up anew, "
		               "join it with a new invite)");
	struct link_hello hello = { 0 };
	l->setup.hello(l->setup.hello_ctx, &hello);
	struct message m = {
		.type = MESSAGE_AUTH,
		.device = l->setup.device,
		.epoch = hello.epoch,
		.cursor = hello.cursor,
		.chain = hello.chain,
	};
	struct blob part = message_signed_part(&m, challenge->nonce, &l->setup.hub);
	crypto_sign_detached(m.signature, NULL, part.data, part.len, l->setup.sign_secret);
	struct blob text = message_put(&m);
	l->world->send(l->world->ctx, true, span_blob(&text));
	blob_finish(&part);
	blob_finish(&text);
	l->phase = LINK_PHASE_ANSWER;
	return LINK_NEWS_NONE;
}

static enum link_news come_up(struct link *l, const struct message *m)
{
	l->phase = LINK_PHASE_UP;
	l->connection_id = m->connection;
	l->up_ms = l->heard_ms = l->said_ms = l->moved_ms = l->now_ms;
	l->owed_ms = UINT64_MAX;
	l->ping_limit_ms = LINK_PONG_MS;
	l->ping_wanted = true; /* round trip and clock offset, before the first edit needs them */
	l->error[0] = 0;
	become(l, LINK_CONNECTED);
	note(l, NOTICE_INFO, "connected to the hub");
	return LINK_NEWS_UP;
}

static bool looks_like_html(struct span s)
{
	size_t i = 0;
	while (i < s.len && strchr(" \t\r\n", s.data[i]) && s.data[i])
		i++;
	return i < s.len && s.data[i] == '<';
}

static enum link_news hear_text(struct link *l, struct span bytes, struct message *m)
{
	enum link_news news;
	if (!message_get(m, bytes.data, bytes.len, NULL)) {
		if (l->phase == LINK_PHASE_UP)
			return reject(l, "the hub sent a message that cannot be read");
		return lose(l,
		            looks_like_html(bytes)
		                    ? "what answers there speaks HTML, so it is not a syncline hub (check [hub] url)"
		                    : "what answers there does not speak syncline's language (check [hub] url)",
		            false, 0);
	}
	if (m->type == MESSAGE_ERROR_REPORT)
		news = turned_away(l, m);
	else if (l->phase == LINK_PHASE_CHALLENGE && m->type == MESSAGE_AUTH_CHALLENGE)
		news = answer_challenge(l, m);
	else if (l->phase == LINK_PHASE_ANSWER && m->type == MESSAGE_AUTH_RESPONSE)
		news = m->ok ? come_up(l, m) : turned_away(l, m);
	else if (l->phase == LINK_PHASE_UP && (m->type == MESSAGE_DEVICES || m->type == MESSAGE_INVITED))
		news = LINK_NEWS_CONTROL;
	else
		news = reject(l, "the hub sent a message out of turn");
	if (news != LINK_NEWS_UP && news != LINK_NEWS_CONTROL)
		message_finish(m);
	return news;
}

static enum link_news hear(struct link *l, const struct event *e, struct message *m)
{
	if (l->phase < LINK_PHASE_CHALLENGE)
		return LINK_NEWS_NONE; /* a late frame of a connection that is over */
	l->heard_ms = l->now_ms;
	l->owed_ms = UINT64_MAX;
	if (e->type == EVENT_TEXT)
		return hear_text(l, e->bytes, m);
	return l->phase == LINK_PHASE_UP ? LINK_NEWS_RECORDS : reject(l, "the hub sent data before it knew who we are");
}

/* --- staying --- */

static bool ping_open(const struct link *l)
{
	return l->pings_sent > l->pings_answered;
}

/* When a live link needs attention: it is dead by then, or must be asked. */
static uint64_t up_deadline(const struct link *l)
{
	if (ping_open(l)) {
		uint64_t life = l->ping_ms[l->pings_answered % LINK_PINGS]; /* the oldest unanswered one left then */
		if (l->heard_ms > life)
			life = l->heard_ms;
		if (l->moved_ms > life)
			life = l->moved_ms;
		return life + l->ping_limit_ms;
	}
	uint64_t due = (l->heard_ms < l->said_ms ? l->heard_ms : l->said_ms) + LINK_HEARTBEAT_MS;
	if (l->owed_ms != UINT64_MAX && l->owed_ms + LINK_PONG_MS < due)
		due = l->owed_ms + LINK_PONG_MS;
	return due;
}

uint64_t link_deadline(const struct link *l)
{
	switch (l->phase) {
	case LINK_PHASE_IDLE:
		return UINT64_MAX;
	case LINK_PHASE_UP:
		return up_deadline(l);
	default:
		return l->deadline_ms;
	}
}

static enum link_news watch(struct link *l)
{
	if (l->hung || l->now_ms < link_deadline(l))
		return LINK_NEWS_NONE;
	switch (l->phase) {
	case LINK_PHASE_WAITING:
		dial(l);
		return LINK_NEWS_NONE;
	case LINK_PHASE_DIALLING:
		MARK("link.dial_timed_out");
		return lose(l, "the hub did not answer within 10 s", false, 0);
	case LINK_PHASE_CHALLENGE:
	case LINK_PHASE_ANSWER:
		MARK("link.greeting_timed_out");
		return lose(l, "the hub did not finish the greeting within 10 s", false, 0);
	case LINK_PHASE_UP:
		if (ping_open(l)) {
			MARK("link.fell_silent");
			return lose(l, "the hub fell silent", true, 0);
		}
		l->ping_wanted = true;
		return LINK_NEWS_NONE;
	default:
		return LINK_NEWS_NONE;
	}
}

static void retry_now(struct link *l)
{
	if (l->phase == LINK_PHASE_UP) {
		l->ping_wanted = true;
		l->ping_limit_ms = LINK_PROBE_MS;
		l->moved_ms = l->heard_ms = l->now_ms; /* we slept: silence so far means nothing */
	} else if (l->phase <= LINK_PHASE_WAITING && l->setup.joined) {
		dial(l);
	}
}

static enum link_news closed(struct link *l, const struct event *e)
{
	const char *why = e->text && e->text[0] ? e->text : "the connection was closed";
	if (l->phase < LINK_PHASE_DIALLING)
		return LINK_NEWS_NONE;
	return e->fatal ? fail(l, why) : lose(l, why, true, 0);
}

/* Offset samples belong to a wall clock that ran evenly since they were taken. */
static void tell_time(struct link *l, const struct event *e)
{
	int64_t base = e->wall_ms - (int64_t)e->now_ms, drift = base - l->wall_base_ms;
	if (l->sample_count == 0) {
		l->wall_base_ms = base;
	} else if (drift > CLOCK_JUMP_MS || drift < -CLOCK_JUMP_MS) {
		MARK("link.clock_jumped");
		l->sample_count = 0;
	}
	l->now_ms = e->now_ms;
	l->wall_ms = e->wall_ms;
}

enum link_news link_step(struct link *l, const struct event *e, struct message *m)
{
	enum link_news news = LINK_NEWS_NONE;
	tell_time(l, e);
	l->hung = false;
	switch (e->type) {
	case EVENT_BOOT:
		if (l->setup.joined && l->phase == LINK_PHASE_IDLE)
			dial(l);
		break;
	case EVENT_RETRY_NOW:
		retry_now(l);
		break;
	case EVENT_LINK_OPEN:
		if (l->phase == LINK_PHASE_DIALLING) {
			l->phase = LINK_PHASE_CHALLENGE;
			l->deadline_ms = l->now_ms + LINK_AUTH_MS;
		}
		break;
	case EVENT_LINK_CLOSED:
		news = closed(l, e);
		break;
	case EVENT_TEXT:
	case EVENT_BINARY:
		news = hear(l, e, m);
		break;
	case EVENT_WRITABLE:
		l->moved_ms = l->now_ms;
		break;
	default:
		break;
	}
	return news == LINK_NEWS_NONE ? watch(l) : news;
}

/* --- the coordinator's side --- */

void link_init(struct link *l, const struct world *world, const struct link_setup *setup)
{
	*l = (struct link){ .world = world, .setup = *setup, .state = LINK_DISCONNECTED, .rtt_ms = -1 };
	rng_seed(&l->rng, setup->seed);
}

void link_finish(struct link *l)
{
	sendq_finish(&l->queue);
	buf_finish(&l->control);
	buf_finish(&l->frame);
	sodium_memzero(l, sizeof *l);
}

void link_start(struct link *l, const struct id *hub)
{
	l->setup.joined = true;
	l->setup.hub = *hub;
	l->attempt = 0;
	l->error[0] = 0;
	let_go(l);
	l->phase = LINK_PHASE_WAITING;
	l->deadline_ms = l->now_ms;
	become(l, LINK_CONNECTING);
}

void link_stop(struct link *l)
{
	let_go(l);
	l->phase = LINK_PHASE_IDLE;
	l->error[0] = 0;
	become(l, LINK_DISCONNECTED);
}

void link_drop(struct link *l, const char *reason)
{
	if (l->phase == LINK_PHASE_UP)
		reject(l, reason);
}

void link_renew(struct link *l, const char *reason)
{
	if (l->phase == LINK_PHASE_IDLE)
		return;
	lose(l, reason, true, 0);
	if (l->attempt <= 2) /* a hub that makes us renew again and again waits like any failure */
		l->deadline_ms = l->now_ms;
}

void link_fail(struct link *l, const char *reason)
{
	fail(l, reason);
}

bool link_up(const struct link *l)
{
	return l->phase == LINK_PHASE_UP;
}

static void send_frame(struct link *l, bool text, struct span frame)
{
	l->world->send(l->world->ctx, text, frame);
	l->said_ms = l->now_ms;
}

void link_put(struct link *l, const struct record *r)
{
	if (!link_up(l))
		return;
	if (l->control.len > SENDQ_FRAME / 2) {
		send_frame(l, false, buf_view(&l->control));
		buf_clear(&l->control);
	}
	wire_put(&l->control, r);
}

void link_say(struct link *l, const struct message *m)
{
	if (!link_up(l))
		return;
	struct blob text = message_put(m);
	send_frame(l, true, span_blob(&text));
	blob_finish(&text);
}

bool link_queue(struct link *l, enum priority priority, const struct sendq_group *group)
{
	return link_up(l) && sendq_put(&l->queue, priority, group);
}

void link_dequeue(struct link *l, uint64_t counter)
{
	sendq_drop(&l->queue, counter);
}

enum sendq_state link_progress(const struct link *l, uint64_t counter, uint64_t *sent_bytes)
{
	return sendq_find(&l->queue, counter, sent_bytes);
}

static void put_ping(struct link *l)
{
	if (!l->ping_wanted || l->pings_sent - l->pings_answered >= LINK_PINGS)
		return;
	struct record ping = { .type = RECORD_PING, .sent_ms = l->now_ms - l->up_ms };
	l->ping_ms[l->pings_sent++ % LINK_PINGS] = l->now_ms;
	l->ping_wanted = false;
	link_put(l, &ping);
}

void link_flush(struct link *l)
{
	if (!link_up(l))
		return;
	put_ping(l);
	bool room;
	do {
		buf_clear(&l->frame);
		buf_span(&l->frame, buf_view(&l->control));
		buf_clear(&l->control);
		room = l->world->backlog(l->world->ctx) < LIMIT_BACKLOG;
		if (room && sendq_fill(&l->queue, &l->frame) && l->owed_ms == UINT64_MAX)
			l->owed_ms = l->now_ms;
		if (l->frame.len)
			send_frame(l, false, buf_view(&l->frame));
	} while (room && l->frame.len && sendq_waiting(&l->queue));
}

/* --- heartbeats --- */

static void take_sample(struct link *l, uint64_t rtt_ms, uint64_t hub_wall_ms)
{
	struct link_sample s = { rtt_ms, WIRE_EPOCH_MS + (int64_t)hub_wall_ms - (l->wall_ms - (int64_t)(rtt_ms / 2)) };
	if (l->sample_count == LINK_SAMPLES)
		memmove(l->samples, l->samples + 1, --l->sample_count * sizeof *l->samples);
	l->samples[l->sample_count++] = s;
	l->rtt_ms = l->rtt_ms < 0 ? (double)rtt_ms : l->rtt_ms * 7 / 8 + (double)rtt_ms / 8;
}

bool link_pong(struct link *l, const struct record *r, uint64_t *number)
{
	if (!link_up(l) || !ping_open(l))
		return false;
	uint64_t left_ms = l->ping_ms[l->pings_answered % LINK_PINGS];
	if (r->sent_ms != left_ms - l->up_ms || r->wait_ms > NUMBER_SANE)
		return false;
	*number = ++l->pings_answered;
	l->ping_limit_ms = LINK_PONG_MS;
	l->last_pong_ms = l->now_ms;
	l->ponged = true;
	take_sample(l, l->now_ms - left_ms, r->wait_ms);
	return true;
}

void link_resume(struct link *l, const struct record *r)
{
	sendq_resume(&l->queue, r->counter, r->offset);
}

uint64_t link_probe(struct link *l)
{
	if (!link_up(l))
		return 0;
	l->ping_wanted = true;
	return l->pings_sent + 1;
}

bool link_clock_offset(const struct link *l, int64_t *offset_ms)
{
	const struct link_sample *best = NULL;
	for (unsigned i = 0; i < l->sample_count; i++)
		if (!best || l->samples[i].rtt_ms <= best->rtt_ms)
			best = &l->samples[i];
	if (best)
		*offset_ms = best->offset_ms;
	return best;
}

void link_view(const struct link *l, struct link_view *v)
{
	*v = (struct link_view){
		.state = l->state,
		.connection_id = link_up(l) ? l->connection_id : 0,
		.error = l->error[0] ? l->error : NULL,
		.attempt = link_up(l) ? 0 : l->attempt,
		.retry_in_ms = -1,
		/* any sign of life is as good as a pong, which is not asked for while there is traffic */
		.last_heartbeat_ms = link_up(l) ? (int64_t)(l->now_ms - l->heard_ms)
				     : l->ponged ? (int64_t)(l->now_ms - l->last_pong_ms)
						 : -1,
		.rtt_ms = l->rtt_ms,
		.since_ms = l->since_ms,
	};
	if (l->phase == LINK_PHASE_WAITING)
		v->retry_in_ms = l->deadline_ms > l->now_ms ? (int64_t)(l->deadline_ms - l->now_ms) : 0;
}

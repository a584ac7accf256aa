/* The connection manager against a world of paper and virtual time. */
#include <criterion/criterion.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/core/link/link.h"

#define WALL 1790000000000LL

struct paper {
	struct world world;
	struct link link;
	uint64_t now;
	int64_t wall_offset;
	int dials, hang_ups, alerts;
	size_t backlog;
	struct buf sent; /* the last frame */
	bool sent_text;
	size_t frames;
	char alert[800];
	uint8_t public_key[MESSAGE_PUBLIC];
	uint8_t nonce[MESSAGE_NONCE];
	enum link_news news;
	struct message message;
};

static void paper_dial(void *ctx)
{
	((struct paper *)ctx)->dials++;
}

static void paper_hang_up(void *ctx)
{
	((struct paper *)ctx)->hang_ups++;
}

static void paper_send(void *ctx, bool text, struct span frame)
{
	struct paper *p = ctx;
	buf_clear(&p->sent);
	buf_span(&p->sent, frame);
	p->sent_text = text;
	p->frames++;
	p->backlog += frame.len;
}

static size_t paper_backlog(void *ctx)
{
	return ((struct paper *)ctx)->backlog;
}

static void paper_notice(void *ctx, enum notice_level level, const char *from, const char *item, const char *text)
{
	struct paper *p = ctx;
	(void)from, (void)item;
	if (level == NOTICE_ALERT) {
		p->alerts++;
		snprintf(p->alert, sizeof p->alert, "%s", text);
	}
}

static void paper_hello(void *ctx, struct link_hello *out)
{
	(void)ctx;
	*out = (struct link_hello){ .epoch = 11, .cursor = 22 };
	memset(out->chain.b, 3, ID_LEN);
}

static struct id hub_id(void)
{
	struct id id;
	memset(id.b, 0x77, sizeof id.b);
	return id;
}

static struct paper *paper_create(uint64_t seed)
{
	cr_assert_geq(sodium_init(), 0);
	struct paper *p = mem_alloc(sizeof *p);
	struct link_setup setup = {
		.joined = true, .hub = hub_id(), .seed = seed, .hello = paper_hello, .hello_ctx = p
	};
	p->world = (struct world){ .ctx = p,
		                   .dial = paper_dial,
		                   .hang_up = paper_hang_up,
		                   .send = paper_send,
		                   .backlog = paper_backlog,
		                   .notice = paper_notice };
	p->now = 1000;
	crypto_sign_keypair(p->public_key, setup.sign_secret);
	setup.device = message_device_id(p->public_key);
	link_init(&p->link, &p->world, &setup);
	return p;
}

static void paper_destroy(struct paper *p)
{
	message_finish(&p->message);
	link_finish(&p->link);
	buf_finish(&p->sent);
	free(p);
}

static enum link_news step(struct paper *p, struct event e)
{
	e.now_ms = p->now;
	e.wall_ms = WALL + (int64_t)p->now + p->wall_offset;
	message_finish(&p->message);
	p->message = (struct message){ 0 };
	p->news = link_step(&p->link, &e, &p->message);
	link_flush(&p->link);
	return p->news;
}

static enum link_news happen(struct paper *p, enum event_type type)
{
	return step(p, (struct event){ .type = type });
}

static enum link_news close_link(struct paper *p, const char *why, bool fatal)
{
	return step(p, (struct event){ .type = EVENT_LINK_CLOSED, .text = why, .fatal = fatal });
}

static enum link_news say_text(struct paper *p, const char *text)
{
	return step(p, (struct event){ .type = EVENT_TEXT, .bytes = span_text(text) });
}

static enum link_news say(struct paper *p, const struct message *m)
{
	struct blob text = message_put(m);
	enum link_news news = step(p, (struct event){ .type = EVENT_TEXT, .bytes = span_blob(&text) });
	blob_finish(&text);
	return news;
}

static enum link_news challenge(struct paper *p, struct id hub, int64_t protocol)
{
	struct message m = { .type = MESSAGE_AUTH_CHALLENGE, .hub = hub, .protocol = protocol };
	memset(p->nonce, 0x42, sizeof p->nonce);
	memcpy(m.nonce, p->nonce, sizeof m.nonce);
	return say(p, &m);
}

static enum link_news respond(struct paper *p, const char *code, int64_t retry_after_ms)
{
	struct message m = {
		.type = MESSAGE_AUTH_RESPONSE, .ok = !code, .connection = 5, .retry_after_ms = retry_after_ms
	};
	snprintf(m.account, sizeof m.account, "me");
	if (code)
		snprintf(m.code, sizeof m.code, "%s", code);
	snprintf(m.text, sizeof m.text, "%s", code ? "because." : "");
	return say(p, &m);
}

static enum link_news report(struct paper *p, const char *code, int64_t retry_after_ms)
{
	struct message m = { .type = MESSAGE_ERROR_REPORT, .retry_after_ms = retry_after_ms };
	snprintf(m.code, sizeof m.code, "%s", code);
	snprintf(m.text, sizeof m.text, "because.");
	return say(p, &m);
}

static struct link_view view(const struct paper *p)
{
	struct link_view v;
	link_view(&p->link, &v);
	return v;
}

/* Lets time pass up to the next deadline. */
static enum link_news wait_deadline(struct paper *p)
{
	uint64_t due = link_deadline(&p->link);
	cr_assert_neq(due, UINT64_MAX);
	if (due > p->now)
		p->now = due;
	return happen(p, EVENT_TICK);
}

static void shake_hands(struct paper *p)
{
	happen(p, EVENT_LINK_OPEN);
	challenge(p, hub_id(), WIRE_PROTOCOL);
	cr_assert_eq(respond(p, NULL, 0), LINK_NEWS_UP);
}

static struct record last_record(struct paper *p)
{
	struct reader r = reader_of(buf_view(&p->sent));
	struct record record = { 0 };
	cr_assert_eq(wire_next(&r, &record), 1);
	return record;
}

static bool pong(struct paper *p, uint64_t sent_ms, uint64_t hub_ms, uint64_t *number)
{
	struct buf frame = { 0 };
	struct record r = { .type = RECORD_PONG, .sent_ms = sent_ms, .wait_ms = hub_ms };
	wire_put(&frame, &r);
	cr_assert_eq(step(p, (struct event){ .type = EVENT_BINARY, .bytes = buf_view(&frame) }), LINK_NEWS_RECORDS);
	buf_finish(&frame);
	return link_pong(&p->link, &r, number);
}

static struct paper *paper_up(uint64_t seed)
{
	struct paper *p = paper_create(seed);
	uint64_t number;
	happen(p, EVENT_BOOT);
	shake_hands(p);
	cr_assert_eq(last_record(p).type, RECORD_PING);
	cr_assert(pong(p, 0, (uint64_t)(WALL - WIRE_EPOCH_MS) + p->now, &number));
	return p;
}

Test(link, comes_up_with_a_signed_greeting)
{
	struct paper *p = paper_create(1);
	cr_assert_eq(view(p).state, LINK_DISCONNECTED);
	cr_assert_eq(link_deadline(&p->link), UINT64_MAX);
	happen(p, EVENT_BOOT);
	cr_assert_eq(p->dials, 1);
	cr_assert_eq(view(p).state, LINK_CONNECTING);
	happen(p, EVENT_LINK_OPEN);
	cr_assert_eq(p->frames, 0);
	challenge(p, hub_id(), WIRE_PROTOCOL);
	cr_assert(p->sent_text);

	struct message auth;
	struct id hub = hub_id();
	cr_assert(message_get(&auth, p->sent.data, p->sent.len, NULL));
	cr_assert_eq(auth.type, MESSAGE_AUTH);
	cr_assert(auth.epoch == 11 && auth.cursor == 22 && auth.chain.b[0] == 3);
	struct blob part = message_signed_part(&auth, p->nonce, &hub);
	cr_assert_eq(crypto_sign_verify_detached(auth.signature, part.data, part.len, p->public_key), 0);
	blob_finish(&part);
	message_finish(&auth);

	cr_assert_eq(respond(p, NULL, 0), LINK_NEWS_UP);
	cr_assert(p->message.ok);
	cr_assert(link_up(&p->link));
	cr_assert_eq(view(p).state, LINK_CONNECTED);
	cr_assert_eq(view(p).connection_id, 5);
	cr_assert_null(view(p).error);
	cr_assert_eq(p->hang_ups, 0);
	paper_destroy(p);
}

Test(link, a_device_that_has_not_joined_never_dials)
{
	struct paper *p = paper_create(1);
	struct id hub = hub_id();
	p->link.setup.joined = false;
	happen(p, EVENT_BOOT);
	happen(p, EVENT_RETRY_NOW);
	cr_assert_eq(p->dials, 0);
	link_start(&p->link, &hub);
	wait_deadline(p);
	cr_assert_eq(p->dials, 1);
	shake_hands(p);
	link_stop(&p->link);
	cr_assert_eq(view(p).state, LINK_DISCONNECTED);
	cr_assert_eq(p->hang_ups, 1);
	cr_assert_eq(link_deadline(&p->link), UINT64_MAX);
	paper_destroy(p);
}

Test(link, time_outs_of_dialling_and_greeting)
{
	struct paper *p = paper_create(1);
	happen(p, EVENT_BOOT);
	cr_assert_eq(link_deadline(&p->link), p->now + LINK_DIAL_MS);
	wait_deadline(p);
	cr_assert_eq(p->hang_ups, 1);
	cr_assert_eq(p->dials, 1, "not in the same step");
	cr_assert_eq(view(p).state, LINK_RECONNECTING);
	cr_assert(strstr(view(p).error, "did not answer"));
	wait_deadline(p);
	cr_assert_eq(p->dials, 2);
	cr_assert_eq(view(p).state, LINK_RECONNECTING);
	happen(p, EVENT_LINK_OPEN);
	cr_assert_eq(link_deadline(&p->link), p->now + LINK_AUTH_MS);
	p->now += LINK_AUTH_MS / 2;
	challenge(p, hub_id(), WIRE_PROTOCOL);
	wait_deadline(p);
	cr_assert_eq(p->hang_ups, 2);
	cr_assert(strstr(view(p).error, "greeting"));
	paper_destroy(p);
}

Test(link, backoff_is_jittered_capped_and_loud_once)
{
	uint64_t sum[40] = { 0 };
	for (uint64_t seed = 0; seed < 50; seed++) {
		struct paper *p = paper_create(seed);
		happen(p, EVENT_BOOT);
		for (unsigned n = 1; n <= 40; n++) {
			close_link(p, "connection refused", false);
			cr_assert_eq(view(p).attempt, n);
			int64_t wait = view(p).retry_in_ms;
			int64_t most = n > 5 ? LINK_BACKOFF_CAP_MS : LINK_BACKOFF_MS << (n - 1);
			cr_assert(wait >= 0 && wait <= most, "attempt %u waits %lld", n, (long long)wait);
			sum[n - 1] += (uint64_t)wait;
			cr_assert_eq(p->alerts, n >= LINK_LOUD_ATTEMPTS);
			wait_deadline(p);
			cr_assert_eq(p->dials, (int)n + 1);
		}
		cr_assert(strstr(p->alert, "connection refused"));
		paper_destroy(p);
	}
	cr_assert(sum[0] / 50 > 250 && sum[0] / 50 < 750, "full jitter: half of it on average");
	cr_assert(sum[20] / 50 > 9000 && sum[20] / 50 < 21000);
}

Test(link, after_a_healthy_link_the_first_retry_is_at_once)
{
	struct paper *p = paper_up(1);
	p->now += LINK_HEALTHY_MS;
	cr_assert_eq(close_link(p, "reset by peer", false), LINK_NEWS_DOWN);
	cr_assert_eq(p->dials, 1);
	cr_assert_eq(link_deadline(&p->link), p->now);
	wait_deadline(p);
	cr_assert_eq(p->dials, 2);
	shake_hands(p);
	p->now += 10;
	cr_assert_eq(close_link(p, "reset by peer", false), LINK_NEWS_DOWN);
	cr_assert_eq(view(p).attempt, 1, "one that falls at once waits");
	paper_destroy(p);
}

Test(link, what_needs_a_person_stops_and_says_what_to_do)
{
	static const struct {
		const char *code, *says;
	} all[] = {
		{ "bad-signature", "invite" },
		{ "unknown-device", "invite" },
		{ "revoked", "revoked" },
		{ "protocol", "update" },
	};
	for (size_t i = 0; i < 4; i++)
		for (int reported = 0; reported < 2; reported++) {
			struct paper *p = paper_create(1);
			happen(p, EVENT_BOOT);
			happen(p, EVENT_LINK_OPEN);
			challenge(p, hub_id(), WIRE_PROTOCOL);
			cr_assert_eq(reported ? report(p, all[i].code, 0) : respond(p, all[i].code, 0), LINK_NEWS_NONE);
			cr_assert_eq(view(p).state, LINK_ERROR);
			cr_assert(strstr(view(p).error, all[i].says));
			cr_assert_eq(p->alerts, 1);
			cr_assert_eq(link_deadline(&p->link), UINT64_MAX);
			close_link(p, "late", false);
			cr_assert_eq(view(p).state, LINK_ERROR);
			happen(p, EVENT_RETRY_NOW);
			cr_assert_eq(p->dials, 2);
			cr_assert_eq(view(p).state, LINK_CONNECTING);
			paper_destroy(p);
		}
}

Test(link, a_wrong_hub_is_refused_before_anything_is_signed)
{
	struct paper *p = paper_create(1);
	struct id other = hub_id();
	other.b[0]++;
	happen(p, EVENT_BOOT);
	happen(p, EVENT_LINK_OPEN);
	challenge(p, other, WIRE_PROTOCOL);
	cr_assert_eq(p->frames, 0);
	cr_assert_eq(view(p).state, LINK_ERROR);
	cr_assert(strstr(view(p).error, "not the one"));
	happen(p, EVENT_RETRY_NOW);
	happen(p, EVENT_LINK_OPEN);
	challenge(p, hub_id(), WIRE_PROTOCOL + 1);
	cr_assert_eq(p->frames, 0);
	cr_assert_eq(view(p).state, LINK_ERROR);
	happen(p, EVENT_RETRY_NOW);
	close_link(p, "the certificate is not the pinned one", true);
	cr_assert_eq(view(p).state, LINK_ERROR);
	cr_assert(strstr(view(p).error, "certificate"));
	paper_destroy(p);
}

Test(link, a_busy_hub_is_given_the_time_it_asks_for)
{
	struct paper *p = paper_create(1);
	happen(p, EVENT_BOOT);
	happen(p, EVENT_LINK_OPEN);
	challenge(p, hub_id(), WIRE_PROTOCOL);
	respond(p, "busy", 60000);
	cr_assert_eq(view(p).state, LINK_RECONNECTING);
	cr_assert(view(p).retry_in_ms >= 60000 && view(p).retry_in_ms <= 61000);
	wait_deadline(p);
	shake_hands(p);
	p->now += 60000;
	cr_assert_eq(report(p, "rate", INT64_MAX), LINK_NEWS_DOWN);
	cr_assert(view(p).retry_in_ms >= LINK_RETRY_AFTER_MAX_MS &&
	          view(p).retry_in_ms <= LINK_RETRY_AFTER_MAX_MS + 1000);
	paper_destroy(p);
}

Test(link, html_and_garbage)
{
	struct paper *p = paper_create(1);
	happen(p, EVENT_BOOT);
	happen(p, EVENT_LINK_OPEN);
	say_text(p, " \n<!doctype html><title>Log in to the hotel</title>");
	cr_assert(strstr(view(p).error, "HTML"));
	cr_assert_eq(view(p).state, LINK_RECONNECTING);
	wait_deadline(p);
	happen(p, EVENT_LINK_OPEN);
	say_text(p, "220 mail.example ESMTP");
	cr_assert(strstr(view(p).error, "language"));
	wait_deadline(p);
	happen(p, EVENT_LINK_OPEN);
	step(p, (struct event){ .type = EVENT_BINARY, .bytes = span_text("x") });
	cr_assert(strstr(view(p).error, "before"));
	wait_deadline(p);
	happen(p, EVENT_LINK_OPEN);
	respond(p, NULL, 0); /* an answer that nothing asked for */
	cr_assert_not(link_up(&p->link));
	cr_assert_eq(p->hang_ups, 4);
	paper_destroy(p);
}

Test(link, events_of_an_old_connection_do_nothing)
{
	struct paper *p = paper_up(1);
	p->now += 60000;
	close_link(p, "gone", false);
	int hang_ups = p->hang_ups;
	cr_assert_eq(happen(p, EVENT_LINK_OPEN), LINK_NEWS_NONE); /* late; this step also dials */
	cr_assert_eq(p->dials, 2);
	cr_assert_eq(step(p, (struct event){ .type = EVENT_BINARY, .bytes = span_text("x") }), LINK_NEWS_NONE);
	cr_assert_eq(say_text(p, "{}"), LINK_NEWS_NONE);
	cr_assert_eq(p->hang_ups, hang_ups);
	shake_hands(p);
	paper_destroy(p);
}

Test(link, heartbeats_only_in_silence)
{
	struct paper *p = paper_up(1);
	uint64_t number, start = p->now;
	size_t frames = p->frames;
	cr_assert_eq(link_deadline(&p->link), start + LINK_HEARTBEAT_MS);
	p->now += 20000;
	happen(p, EVENT_TICK);
	cr_assert_eq(p->frames, frames);
	wait_deadline(p);
	cr_assert_eq(p->frames, frames + 1);
	struct record ping = last_record(p);
	cr_assert_eq(ping.type, RECORD_PING);
	cr_assert_leq(p->sent.len, 6, "a ping is a few bytes");
	p->now += 40;
	cr_assert(pong(p, ping.sent_ms, (uint64_t)(WALL - WIRE_EPOCH_MS) + p->now, &number));
	cr_assert_eq(number, 2);
	cr_assert_float_eq(view(p).rtt_ms, 5.0, 0.01);
	cr_assert_eq(view(p).last_heartbeat_ms, 0);
	cr_assert_not(pong(p, ping.sent_ms, 0, &number), "nobody asked");
	paper_destroy(p);
}

Test(link, a_missing_pong_makes_it_dead_in_10_s)
{
	struct paper *p = paper_up(1);
	wait_deadline(p);
	uint64_t asked = p->now;
	cr_assert_eq(link_deadline(&p->link), asked + LINK_PONG_MS);
	cr_assert_eq(wait_deadline(p), LINK_NEWS_DOWN);
	cr_assert_eq(p->hang_ups, 1);
	cr_assert_eq(p->dials, 1);
	cr_assert(strstr(view(p).error, "silent"));
	wait_deadline(p);
	cr_assert_eq(p->now, asked + LINK_PONG_MS);
	cr_assert_eq(p->dials, 2);
	paper_destroy(p);
}

Test(link, unanswered_changes_are_asked_after_sooner)
{
	struct paper *p = paper_up(1);
	struct buf record = { 0 };
	struct change c = { .counter = 1, .edited = 1, .body = span_text("body"), .flags = CHANGE_KEYFRAME };
	memset(c.version.b, 1, ID_LEN);
	wire_put_change(&record, &c);
	struct sendq_group g = { .count = 1, .records = { { 1, buf_view(&record) } } };
	p->now += 5000;
	happen(p, EVENT_TICK);
	cr_assert(link_queue(&p->link, PRIORITY_HIGH, &g));
	link_flush(&p->link);
	cr_assert_eq(last_record(p).type, RECORD_CHANGE);
	cr_assert_eq(link_progress(&p->link, 1, NULL), SENDQ_SENT);
	cr_assert_eq(link_deadline(&p->link), p->now + LINK_PONG_MS);
	wait_deadline(p);
	cr_assert_eq(last_record(p).type, RECORD_PING);
	cr_assert_eq(wait_deadline(p), LINK_NEWS_DOWN);
	cr_assert_eq(link_progress(&p->link, 1, NULL), SENDQ_ABSENT, "the queue is empty after it");
	buf_finish(&record);
	paper_destroy(p);
}

Test(link, a_slow_but_moving_uplink_is_alive)
{
	struct paper *p = paper_up(1);
	wait_deadline(p);
	for (int i = 0; i < 30; i++) {
		p->now += LINK_PONG_MS - 1;
		cr_assert_eq(happen(p, EVENT_WRITABLE), LINK_NEWS_NONE);
	}
	cr_assert(link_up(&p->link));
	cr_assert_eq(wait_deadline(p), LINK_NEWS_DOWN);
	paper_destroy(p);
}

Test(link, waking_up_asks_at_once)
{
	struct paper *p = paper_up(1);
	size_t frames = p->frames;
	p->now += 8 * 3600 * 1000;
	happen(p, EVENT_RETRY_NOW);
	cr_assert(link_up(&p->link));
	cr_assert_eq(p->frames, frames + 1);
	cr_assert_eq(last_record(p).type, RECORD_PING);
	cr_assert_eq(link_deadline(&p->link), p->now + LINK_PROBE_MS);
	cr_assert_eq(wait_deadline(p), LINK_NEWS_DOWN);
	happen(p, EVENT_RETRY_NOW);
	cr_assert_eq(p->dials, 2);
	paper_destroy(p);
}

Test(link, the_clock_offset_is_of_the_quickest_answer)
{
	struct paper *p = paper_up(1);
	int64_t offset;
	uint64_t number;
	cr_assert(link_clock_offset(&p->link, &offset));
	cr_assert_eq(offset, 0);
	p->wall_offset = 3600 * 1000; /* our clock jumps: what was learned is void */
	happen(p, EVENT_TICK);
	cr_assert_not(link_clock_offset(&p->link, &offset));
	for (int i = 0; i < 12; i++) {
		cr_assert_eq(link_probe(&p->link), (uint64_t)i + 2);
		happen(p, EVENT_TICK);
		struct record ping = last_record(p);
		uint64_t rtt = i == 8 ? 10 : 200, back = i == 8 ? 5 : 190; /* slow on the way there, mostly */
		p->now += rtt;
		cr_assert(pong(p, ping.sent_ms, (uint64_t)(WALL - WIRE_EPOCH_MS) + p->now - (rtt - back), &number));
		cr_assert_eq(number, (uint64_t)i + 2);
	}
	cr_assert(link_clock_offset(&p->link, &offset));
	cr_assert_eq(offset, -3600 * 1000);
	paper_destroy(p);
}

Test(link, probes_share_pings_and_are_bounded)
{
	struct paper *p = paper_up(1);
	uint64_t first = link_probe(&p->link);
	cr_assert_eq(link_probe(&p->link), first);
	for (int i = 0; i < 50; i++) {
		p->now += 1;
		link_probe(&p->link);
		happen(p, EVENT_TICK);
	}
	cr_assert_eq(p->link.pings_sent - p->link.pings_answered, LINK_PINGS);
	struct message none = { .type = MESSAGE_INVITE };
	link_stop(&p->link);
	size_t frames = p->frames;
	cr_assert_eq(link_probe(&p->link), 0);
	link_say(&p->link, &none);
	link_put(&p->link, &(struct record){ .type = RECORD_CURSOR, .seq = 1 });
	link_flush(&p->link);
	cr_assert_eq(p->frames, frames);
	paper_destroy(p);
}

Test(link, control_records_and_changes_share_a_frame_and_the_backlog_holds)
{
	struct paper *p = paper_up(1);
	struct blob body = { mem_alloc(1024 * 1024), 1024 * 1024 };
	struct buf record = { 0 }, small = { 0 };
	struct change c = { .counter = 1, .edited = 1, .body = span_blob(&body) };
	memset(c.version.b, 1, ID_LEN);
	wire_put_change(&record, &c);
	c.counter = 2;
	c.body = span_text("small");
	wire_put_change(&small, &c);
	struct sendq_group large_group = { .count = 1, .records = { { 1, buf_view(&record) } } };
	struct sendq_group small_group = { .count = 1, .records = { { 2, buf_view(&small) } } };
	p->backlog = 0;
	size_t frames = p->frames;
	link_put(&p->link, &(struct record){ .type = RECORD_CURSOR, .seq = 9 });
	link_queue(&p->link, PRIORITY_HIGH, &small_group);
	link_flush(&p->link);
	cr_assert_eq(p->frames, frames + 1);
	cr_assert_eq(last_record(p).type, RECORD_CURSOR);

	link_queue(&p->link, PRIORITY_LOW, &large_group);
	link_flush(&p->link);
	cr_assert(p->backlog >= LIMIT_BACKLOG && p->backlog < LIMIT_BACKLOG + 65 * 1024);
	frames = p->frames;
	link_flush(&p->link);
	cr_assert_eq(p->frames, frames);
	link_put(&p->link, &(struct record){ .type = RECORD_CURSOR, .seq = 10 });
	link_flush(&p->link);
	cr_assert_eq(p->frames, frames + 1, "control records do not wait");
	for (int i = 0; i < 20; i++) {
		p->backlog = 0;
		happen(p, EVENT_WRITABLE);
	}
	cr_assert_eq(link_progress(&p->link, 1, NULL), SENDQ_SENT);
	buf_finish(&record);
	buf_finish(&small);
	blob_finish(&body);
	paper_destroy(p);
}

Test(link, the_coordinator_may_end_it)
{
	struct paper *p = paper_up(1);
	link_drop(&p->link, "the hub broke the protocol");
	cr_assert(p->sent_text, "the hub is told");
	cr_assert_eq(view(p).state, LINK_RECONNECTING);
	wait_deadline(p);
	shake_hands(p);
	link_renew(&p->link, "a new epoch");
	cr_assert_eq(link_deadline(&p->link), p->now);
	wait_deadline(p);
	cr_assert_eq(p->dials, 3);
	shake_hands(p);
	link_fail(&p->link, "the hub was restored from an old copy");
	cr_assert_eq(view(p).state, LINK_ERROR);
	cr_assert_eq(p->alerts, 1);
	paper_destroy(p);
}

Test(link, a_live_link_that_talks_nonsense_is_left)
{
	struct paper *p = paper_up(1);
	struct message devices = { .type = MESSAGE_DEVICES };
	cr_assert_eq(say(p, &devices), LINK_NEWS_CONTROL);
	cr_assert_eq(p->message.type, MESSAGE_DEVICES);
	p->now += 60000;
	cr_assert_eq(say_text(p, "{\"type\":"), LINK_NEWS_DOWN);
	wait_deadline(p);
	shake_hands(p);
	cr_assert_eq(challenge(p, hub_id(), WIRE_PROTOCOL), LINK_NEWS_DOWN);
	wait_deadline(p);
	shake_hands(p);
	cr_assert_eq(report(p, "replaced", 0), LINK_NEWS_DOWN);
	cr_assert(strstr(view(p).error, "two machines"));
	paper_destroy(p);
}

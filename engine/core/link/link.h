/* link: the connection manager of a device. A pure state machine over world.dial, hang_up, send and backlog.
 *
 * disconnected --start--> connecting --open, challenge, AUTH, accepted--> connected
 * connecting/connected --lost--> reconnecting (waits, dials, authenticates) --> connected
 * any --needs a person (wrong hub, unknown or revoked device, signature, protocol, certificate)--> error; only
 *     EVENT_RETRY_NOW or link_start leave it
 *
 * Waiting times: full jitter, rng_below(min(30 s, 1 s * 2^n)) (Brooker, "Exponential Backoff And Jitter"), never less
 * than the hub's retry_after_ms; at once after a link that had been up for LINK_HEALTHY_MS. After LINK_LOUD_ATTEMPTS
 * failures one alert is posted, then it goes on at the cap. Round trip: smoothed as in RFC 6298. Clock offset: of the
 * sample with the shortest round trip of the last eight (as NTP's filter).
 *
 * Asked of the world: after hang_up, and after it reported LINK_CLOSED, no event of that connection is delivered any
 * more. (A late one is survived: at worst it costs an attempt.) hang_up of nothing is nothing; what was sent before it
 * may still go. link never dials in the step in which it hung up.
 *
 * How the coordinator uses it, each step:
 *     switch (link_step(&l, event, &message)) { … }     // every event, also those that are not the link's
 *     … link_queue, link_put, link_dequeue …
 *     link_flush(&l);                                   // once, at the end of the step: one or few frames
 * and asks link_deadline for the next EVENT_TICK. */
#ifndef ENGINE_CORE_LINK_LINK_H
#define ENGINE_CORE_LINK_LINK_H
#include "base/rng.h"
#include "engine/core/core.h"
#include "engine/core/link/sendq.h"
#include "wire/message.h"

#define LINK_HEALTHY_MS         5000   /* a link that was up so long is dialled again at once */
#define LINK_PROBE_MS           3000   /* how long after EVENT_RETRY_NOW (woke, other network) a pong may take */
#define LINK_RETRY_AFTER_MAX_MS 300000 /* what a hub may ask us to wait at most */
#define LINK_PINGS              16     /* unanswered pings; further probes wait */
#define LINK_SAMPLES            8

struct link_hello { /* what AUTH says about our place in the log */
	uint64_t epoch, cursor;
	struct id chain;
};

struct link_setup {
	struct id device;
	uint8_t sign_secret[SIGN_SECRET_LEN];
	bool joined;   /* false: never dials */
	struct id hub; /* pinned */
	uint64_t seed;
	void (*hello)(void *ctx, struct link_hello *out);
	void *hello_ctx;
};

enum link_news {
	LINK_NEWS_NONE,
	LINK_NEWS_UP,      /* authenticated: message is the AUTH_RESPONSE, ok. Queue all unanswered outbox rows now */
	LINK_NEWS_DOWN,    /* was up, is not any more; the send queue is empty */
	LINK_NEWS_CONTROL, /* message: DEVICES or INVITED */
	LINK_NEWS_RECORDS, /* the event's bytes are a frame of the live link: iterate them with wire_next. PONG ->
	                    * link_pong, RESUME -> link_resume; malformed or impossible -> link_drop */
};

enum link_phase {
	LINK_PHASE_IDLE,
	LINK_PHASE_WAITING,
	LINK_PHASE_DIALLING,
	LINK_PHASE_CHALLENGE,
	LINK_PHASE_ANSWER,
	LINK_PHASE_UP
};

struct link_sample {
	uint64_t rtt_ms;
	int64_t offset_ms;
};

struct link {
	const struct world *world;
	struct link_setup setup;
	struct rng rng;
	struct sendq queue;
	enum link_state state;
	enum link_phase phase;
	uint64_t now_ms, since_ms, deadline_ms; /* deadline: of the phase */
	int64_t wall_ms, wall_base_ms;          /* base: wall minus monotonic when the first sample was taken */
	uint64_t up_ms, heard_ms, said_ms, moved_ms,
	        owed_ms;  /* moved: the backlog shrank; owed: changes went, nothing heard since */
	uint32_t attempt; /* failures in a row */
	bool loud, hung;  /* hung up in this step */
	uint64_t connection_id;
	char error[512];    /* why it is not connected, for people */
	struct buf control; /* records that wait for link_flush */
	struct buf frame;
	bool ping_wanted;
	uint64_t pings_sent, pings_answered; /* of this connection */
	uint64_t ping_ms[LINK_PINGS];        /* when each unanswered one left */
	uint64_t ping_limit_ms;
	double rtt_ms;
	uint64_t last_pong_ms;
	bool ponged;
	struct link_sample samples[LINK_SAMPLES];
	unsigned sample_count;
};

void link_init(struct link *l, const struct world *world, const struct link_setup *setup);
void link_finish(struct link *l);

/* Joined while running: takes the hub to pin, and dials at the next step. */
void link_start(struct link *l, const struct id *hub);
void link_stop(struct link *l); /* hangs up for good: disconnected */

/* Every event goes through here first. On UP and CONTROL *m is filled: the caller calls message_finish. */
enum link_news link_step(struct link *l, const struct event *e, struct message *m);

/* The coordinator found the link unusable. `reason` is a sentence. The send queue is empty afterwards; no DOWN follows.
 */
void link_drop(struct link *l, const char *reason);  /* the hub broke the protocol: tells it so, tries again later */
void link_renew(struct link *l, const char *reason); /* greets anew, in the next step (a new epoch) */
void link_fail(struct link *l, const char *reason);  /* a person is needed */

bool link_up(const struct link *l);
/* All of these do nothing while the link is not up. */
void link_put(struct link *l,
              const struct record *r); /* a small record (CURSOR, WANT): leaves before changes, at link_flush */
void link_say(struct link *l, const struct message *m); /* a control message: leaves now */
bool link_queue(struct link *l, enum priority priority, const struct sendq_group *group); /* see sendq_put */
void link_dequeue(struct link *l, uint64_t counter);                                      /* answered */
/* Sends what waits, in frames of at most 64 KiB where groups allow, while the backlog is below LIMIT_BACKLOG. */
void link_flush(struct link *l);
enum sendq_state link_progress(const struct link *l, uint64_t counter, uint64_t *sent_bytes);

/* RECORD_PONG. False: it answers no ping of ours (then link_drop). *number: of the ping, see link_probe. */
bool link_pong(struct link *l, const struct record *r, uint64_t *number);
void link_resume(struct link *l, const struct record *r);
/* Asks for a ping at the next link_flush; its pong (with the hub's head) will have the number returned, or a higher
 * one. 0: not up. */
uint64_t link_probe(struct link *l);

uint64_t link_deadline(const struct link *l); /* monotonic ms, UINT64_MAX for none */
/* The hub's wall clock minus ours. False: not known (yet). Survives reconnects. */
bool link_clock_offset(const struct link *l, int64_t *offset_ms);
/* Fills all but caught_up. `error` borrows until the next step. */
void link_view(const struct link *l, struct link_view *v);
#endif

/* Questions that are answered when something has come about: in step, looked at, invited. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/control_verbs.h"
#include "engine/enroll.h"
#include "sys/clock.h"
#include "sys/entropy.h"
#include "wire/message.h"

#define WAIT_SHARE     10 /* a waiter uses at most one part in so many of the engine's time */
#define INVITE_MS      30000
#define INVITE_LINK_MS 10000 /* of that, for a link that is just being made */
#define EXPIRES_MIN_MS 1000
#define EXPIRES_MAX_MS (30 * 86400000LL)

static uint64_t until(const struct question *q)
{
	int64_t ms = json_get_int(q->request, "timeout_ms", -1);
	return ms < 0 ? UINT64_MAX : q->engine->now_ms + (uint64_t)ms;
}

/* All that the kernel and the debounce hold back comes out now: an edit made before the question counts, also one in a
 * root that has just come back; and what could not be written may have become possible. */
static void look_now(const struct question *q)
{
	struct engine *g = q->engine;
	engine_drain(g);
	watcher_check_roots(g->watcher);
	areas_poll(g, true);
	areas_start_rescans(g);
	core_try_now(g->core);
}

void verb_wait(const struct question *q)
{
	struct engine *g = q->engine;
	if (!json_get_bool(q->request, "synced")) {
		control_answer(q, json_pack("{s:i}", "conflicts", 0)); /* it answers: so it is ready */
		return;
	}
	if (!g->keyring.joined) {
		control_fail_with(q, CONTROL_FAILED, "wait", "join a hub: 'syncline join'",
		                  "this device has not joined a hub");
		return;
	}
	look_now(q);
	const struct control_wait w = { .kind = WAIT_SYNCED, .due_ms = until(q) };
	control_wait(q, &w);
}

void verb_sync(const struct question *q)
{
	look_now(q);
	const struct control_wait w = { .kind = WAIT_FOUND, .due_ms = UINT64_MAX };
	if (control_wait(q, &w))
		core_sync(q->engine->core);
}

static void count_for(struct engine *g, struct control_wait *w, struct counts_view *n)
{
	uint64_t before = clock_us();
	core_view_counts(g->core, n);
	w->look_ms = g->now_ms + (clock_us() - before) * WAIT_SHARE / 1000;
}

#define HELD_LOOKS 4096

/* What waits for a person, or for a disk, and so was waited for in vain. False: nothing does. */
static bool tell_held(const struct question *q, const char *what)
{
	struct engine *g = q->engine;
	struct category_view v;
	for (size_t i = 0; core_view_category(g->core, i, &v); i++) {
		if (!v.lost)
			continue;
		char *advice = control_advice("'syncline restore CATEGORY' brings them back, 'syncline resume "
					      "CATEGORY' deletes them on all devices",
					      v.name, "");
		control_fail_with(q, CONTROL_TIMED_OUT, what, advice,
				  "%zu files of %s are gone here at once and wait for your word", v.lost, v.name);
		free(advice);
		return true;
	}
	size_t count = core_view_queue(g->core, NULL, 0), held = 0;
	struct queue_view *rows = mem_alloc((HELD_LOOKS + 1) * sizeof *rows), *first = NULL;
	core_view_queue(g->core, rows, HELD_LOOKS);
	for (size_t i = 0; i < count && i < HELD_LOOKS; i++)
		if (!strcmp(rows[i].state, "held") && !held++)
			first = &rows[i];
	if (first)
		control_fail_with(q, CONTROL_TIMED_OUT, what, "'syncline queue' lists what waits",
				  "%zu of %zu changes held: %s/%.160s: %s", held, count, first->category, first->path,
				  first->reason ? first->reason : "it waits");
	free(rows);
	return first != NULL;
}

static bool timed_out(const struct question *q, const struct control_wait *w, const char *what)
{
	struct engine *g = q->engine;
	struct counts_view n;
	struct link_view v;
	if (g->now_ms < w->due_ms)
		return false;
	core_view_counts(g->core, &n);
	core_view_link(g->core, &v);
	if (v.state != LINK_CONNECTED)
		control_fail_with(q, CONTROL_TIMED_OUT, what, "'syncline status' says more",
		                  "the hub is not connected%s%s", v.error ? ": " : "", v.error ? v.error : "");
	else if (!tell_held(q, what))
		control_fail_with(q, CONTROL_TIMED_OUT, what, "'syncline queue' lists them",
		                  "%zu changes out and %zu in are still on their way", n.outgoing + n.debouncing,
		                  n.incoming);
	return true;
}

/* In step: first everything that was there is looked at, then the hub is asked how far it is, then all of that is here.
 */
static bool look_synced(const struct question *q, struct control_wait *w)
{
	struct engine *g = q->engine;
	struct counts_view n;
	struct link_view v;
	if (g->stumbled || !engine_settled(g) || areas_unread(g))
		return timed_out(q, w, "wait");
	count_for(g, w, &n);
	if (n.debouncing || n.holding)
		core_look(g->core); /* ends what waits for its window */
	if (!n.quiet)
		return timed_out(q, w, "wait");
	core_view_link(g->core, &v);
	if (v.state != LINK_CONNECTED || !v.caught_up)
		return timed_out(q, w, "wait");
	if (!w->ticket)
		w->ticket = core_probe(g->core);
	if (core_probed(g->core) < w->ticket)
		return timed_out(q, w, "wait");
	control_answer(q, json_pack("{s:I}", "conflicts", (json_int_t)n.conflicts));
	return true;
}

static bool look_found(const struct question *q, struct control_wait *w)
{
	struct engine *g = q->engine;
	struct counts_view n;
	count_for(g, w, &n);
	if (g->stumbled) {
		control_fail_with(q, CONTROL_FAILED, "sync", "free some space; it goes on by itself",
		                  "the state cannot be written: %s", g->stumble);
		return true;
	}
	if (!engine_settled(g) || n.scanning || n.debouncing > n.unread)
		return timed_out(q, w, "sync");
	if (n.holding)
		core_look(g->core); /* what the scan found too */
	control_answer(q, json_pack("{s:I}", "queued", (json_int_t)n.outgoing));
	return true;
}

void verb_invite(const struct question *q)
{
	struct engine *g = q->engine;
	struct control_wait w = { .kind = WAIT_INVITED, .due_ms = g->now_ms + INVITE_MS };
	int64_t expires = json_get_int(q->request, "expires_ms", 600000);
	if (!g->keyring.joined) {
		control_fail_with(q, CONTROL_FAILED, "invite", "join a hub: 'syncline join'",
		                  "this device has not joined a hub");
		return;
	}
	if (expires < EXPIRES_MIN_MS || expires > EXPIRES_MAX_MS) {
		control_fail_with(q, CONTROL_USAGE, "invite", "ten minutes are usual",
		                  "it can be good for one second to thirty days");
		return;
	}
	entropy_fill(w.token, sizeof w.token);
	w.expires_ms = expires;
	control_wait(q, &w);
	sodium_memzero(&w, sizeof w);
	loop_again(g->loop); /* it is looked at when this turn ends */
}

/* Just joined or just started: the link is on its way. */
static bool soon_connected(struct engine *g, const struct control_wait *w)
{
	struct link_view v;
	core_view_link(g->core, &v);
	bool coming = v.state == LINK_CONNECTING || (v.state == LINK_DISCONNECTED && !v.error);
	return coming && g->now_ms + INVITE_MS - INVITE_LINK_MS < w->due_ms;
}

/* Asks the hub, once the link is there. False: that was answered. */
static bool ask_for_invite(const struct question *q, struct control_wait *w)
{
	struct err e = { 0 };
	uint8_t hash[MESSAGE_TOKEN];
	message_token_hash(hash, w->token);
	w->ticket = entropy_u64() | 1;
	if (core_invite(q->engine->core, w->ticket, hash, q->engine->wall_ms + w->expires_ms, &e))
		return true;
	w->ticket = 0;
	control_fail(q, CONTROL_FAILED, &e);
	return false;
}

static bool look_invited(const struct question *q, struct control_wait *w)
{
	const char *why;
	if (!w->ticket && soon_connected(q->engine, w))
		return false;
	if (!w->ticket && ask_for_invite(q, w))
		return false;
	if (!w->ticket) {
		; /* it could not be asked, and that was told */
	} else if (core_invited(q->engine->core, w->ticket, &why) && !*why) {
		char *invite = enroll_invite(q->engine, w->token);
		control_answer(q, json_pack("{s:s}", "invite", invite));
		sodium_memzero(invite, strlen(invite));
		free(invite);
	} else if (core_invited(q->engine->core, w->ticket, &why)) {
		control_fail_with(q, CONTROL_FAILED, "invite", "try again", "%s", why);
	} else if (!timed_out(q, w, "invite")) {
		return false;
	}
	sodium_memzero(w->token, sizeof w->token);
	return true;
}

/* ---- thinning ---- */

void verb_thin(const struct question *q)
{
	const struct control_wait w = { .kind = WAIT_THINNED, .due_ms = UINT64_MAX };
	if (!engine_thin(q->engine, true)) {
		control_fail_with(q, CONTROL_FAILED, "thin",
				  "connect to the hub: 'syncline status' says what is in the way",
				  "how old versions are is told by the hub's clock, and that is not known now");
		return;
	}
	if (control_wait(q, &w))
		loop_again(q->engine->loop);
}

static bool look_thinned(const struct question *q)
{
	struct engine *g = q->engine;
	struct versions_size size;
	if (thinning_active(g->thinning) || versions_reclaiming(g->versions) || g->file_now)
		return false;
	struct thinning_done done = thinning_result(g->thinning);
	versions_measure(g->versions, &size);
	g->stored_ms = 0;
	control_answer(q, json_pack("{s:I, s:I, s:I, s:I}", "items", (json_int_t)done.items, "versions",
	                            (json_int_t)done.versions, "bytes", (json_int_t)done.bytes, "disk_bytes",
	                            (json_int_t)size.disk_bytes));
	return true;
}

bool control_wait_look(const struct question *q, struct control_wait *w)
{
	switch (w->kind) {
	case WAIT_SYNCED:
		return look_synced(q, w);
	case WAIT_FOUND:
		return look_found(q, w);
	case WAIT_RESOLVED:
		return control_look_resolved(q, w);
	case WAIT_THINNED:
		return look_thinned(q);
	default:
		return look_invited(q, w);
	}
}

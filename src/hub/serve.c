/* serve: the hub's loop. Each turn: what came in is given to the core, one transaction makes it durable, then all
 * answers leave. */
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "control/control.h"
#include "hub/core/hub_core.h"
#include "hub/io/certificate.h"
#include "hub/io/listener.h"
#include "hub/options.h"
#include "hub/store/backends.h"
#include "sys/atomicfile.h"
#include "sys/clock.h"
#include "sys/entropy.h"
#include "sys/home.h"
#include "sys/log.h"
#include "sys/sdnotify.h"
#include "sys/signals.h"

struct hub {
	const struct options *options;
	struct loop *loop;
	struct store *store;
	struct listener *listener;
	struct hub_core *core;
	struct loop_timer *tick;
	uint64_t tick_ms; /* when it is armed for; UINT64_MAX: not */
	struct loop_watch *signals;
	int signal_fd;
	char *cert, *key; /* PEM files, or NULL */
	bool stop;
};

/* ---- the core's world ---- */

static void world_send(void *ctx, uint64_t conn, bool text, struct span frame)
{
	listener_send(((struct hub *)ctx)->listener, conn, text, frame);
}

static size_t world_backlog(void *ctx, uint64_t conn)
{
	return listener_backlog(((struct hub *)ctx)->listener, conn);
}

static void world_close(void *ctx, uint64_t conn, const char *reason)
{
	listener_close(((struct hub *)ctx)->listener, conn, reason);
}

static void world_entropy(void *ctx, void *out, size_t len)
{
	(void)ctx;
	entropy_fill(out, len);
}

static void world_log(void *ctx, const char *level, const char *text)
{
	(void)ctx;
	bool minor = strcmp(level, "info") == 0 || strcmp(level, "debug") == 0;
	if (!minor || !globals.quiet)
		log_line(level, "hub", NULL, text);
}

/* ---- events ---- */

static void step(struct hub *h, enum hub_event_type type, uint64_t conn, struct span bytes)
{
	hub_core_step(h->core, &(struct hub_event){
	                               .type = type,
	                               .conn = conn,
	                               .now_ms = clock_ms(),
	                               .wall_ms = clock_wall_ms(),
	                               .bytes = bytes,
	                       });
}

static void on_listener(void *ctx, enum listener_event type, uint64_t conn, struct span bytes)
{
	static const enum hub_event_type types[] = {
		[LISTENER_OPENED] = HUB_OPENED,   [LISTENER_TEXT] = HUB_TEXT,     [LISTENER_BINARY] = HUB_BINARY,
		[LISTENER_DRAINED] = HUB_DRAINED, [LISTENER_CLOSED] = HUB_CLOSED,
	};
	struct hub *h = ctx;
	if (h->core)
		step(h, types[type], conn, bytes);
}

static size_t on_limit(void *ctx, uint64_t conn)
{
	return hub_core_limit(((struct hub *)ctx)->core, conn);
}

static void on_tick(void *ctx)
{
	struct hub *h = ctx;
	h->tick_ms = UINT64_MAX;
	step(h, HUB_TICK, 0, span_of(NULL, 0));
}

static void on_signal(void *ctx, int events)
{
	struct hub *h = ctx;
	(void)events;
	while (signals_take(h->signal_fd))
		h->stop = true;
}

/* Most turns only move the deadline further away: then the timer that is armed already does, and is armed anew when it
 * fires early. */
static void arm(struct hub *h)
{
	uint64_t deadline_ms = hub_core_deadline(h->core);
	if (deadline_ms == 0) {
		loop_again(h->loop);
		return;
	}
	if (deadline_ms >= h->tick_ms)
		return;
	uint64_t now_ms = clock_ms();
	h->tick_ms = deadline_ms;
	loop_timer_arm(h->tick, deadline_ms > now_ms ? deadline_ms - now_ms : 1);
}

/* ---- starting ---- */

/* A file beside the store: "hub.db" gives "hub.db.cert.pem". */
static char *beside(const struct options *o, const char *suffix)
{
	return mem_printf("%s%s", o->store + strlen("sqlite:"), suffix);
}

/* Where it is loopback, or a person says so, there is no TLS; else what was given, or our own certificate. */
static bool choose_tls(struct hub *h, bool loopback, struct err *e)
{
	const struct options *o = h->options;
	uint8_t pin[CERTIFICATE_PIN];
	bool self_signed = false;
	char text[2 * CERTIFICATE_PIN] = "";
	if (o->tls_cert) {
		h->cert = mem_text(o->tls_cert);
		h->key = mem_text(o->tls_key);
	} else if (!loopback && !o->insecure) {
		if (strncmp(o->store, "sqlite:", 7) != 0)
			return err_set(e, "hub", "give --tls-cert and --tls-key, or use sqlite:FILE",
			               "this store has no place for a certificate");
		h->cert = beside(o, ".cert.pem");
		h->key = beside(o, ".key.pem");
		if (!certificate_make(h->cert, h->key, e))
			return false;
	}
	if (h->cert && !certificate_pin(h->cert, pin, &self_signed, e))
		return false;
	if (self_signed)
		sodium_bin2base64(text, sizeof text, pin, sizeof pin, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	return h->store->ops->note(h->store, "pin", text) ||
	       err_set(e, "hub", "check the store and its disk", "the store cannot be written");
}

/* What invites name when a person says no better. */
static bool note_address(struct hub *h, bool wildcard, struct err *e)
{
	const char *address = listener_address(h->listener);
	char *url = wildcard ? mem_text("") : mem_printf("%s://%s" WIRE_PATH, h->cert ? "wss" : "ws", address);
	bool good = h->store->ops->note(h->store, "listen", address) && h->store->ops->note(h->store, "url", url);
	free(url);
	return good || err_set(e, "hub", "check the store and its disk", "the store cannot be written");
}

static bool write_port_file(struct hub *h, struct err *e)
{
	if (!h->options->port_file)
		return true;
	char *line = mem_printf("%s\n", listener_address(h->listener));
	bool good = atomicfile_write(h->options->port_file, span_text(line), 0644, e);
	free(line);
	return good;
}

static bool start(struct hub *h, struct err *e)
{
	bool loopback, wildcard;
	if (!listener_look(h->options->listen, &loopback, &wildcard, e))
		return false;
	h->store = store_open(h->options->store, e);
	if (!h->store || !choose_tls(h, loopback, e))
		return false;
	h->signal_fd = signals_open((const int[]){ SIGTERM, SIGINT, 0 });
	h->loop = loop_create(LOOP_MANY, e);
	if (!h->loop)
		return false;
	h->signals = loop_watch_start(h->loop, h->signal_fd, LOOP_READ, on_signal, h);
	h->tick = loop_timer_create(h->loop, on_tick, h);
	struct hub_world world = { h, world_send, world_backlog, world_close, world_entropy, world_log };
	struct listener_setup setup = { h->loop, h->options->listen, h->cert, h->key, on_listener, on_limit, h };
	h->core = hub_core_create(&world, h->store);
	h->listener = listener_create(&setup, e);
	return h->listener && note_address(h, wildcard, e) && write_port_file(h, e);
}

static void say_start(const struct hub *h, bool plain_outside)
{
	char text[512];
	snprintf(text, sizeof text, "listening on %s://%s" WIRE_PATH, h->cert ? "wss" : "ws",
	         listener_address(h->listener));
	world_log(NULL, "info", text);
	if (plain_outside)
		world_log(
		        NULL, "warn",
		        "without TLS, as --insecure asks: who can read the network sees which devices talk, and when");
}

static void stop(struct hub *h)
{
	struct hub_core *core = h->core;
	h->core = NULL; /* events of connections that end now go nowhere */
	if (core)
		hub_core_destroy(core);
	listener_destroy(h->listener);
	if (h->tick)
		loop_timer_destroy(h->tick);
	loop_watch_stop(h->signals);
	if (h->loop)
		loop_destroy(h->loop);
	store_close(h->store);
	free(h->cert);
	free(h->key);
}

int serve_run(const struct options *o)
{
	struct hub h = { .options = o, .tick_ms = UINT64_MAX, .signal_fd = -1 };
	struct err e = { 0 };
	log_open(NULL);
	if (!start(&h, &e)) {
		stop(&h);
		return options_fail(CONTROL_FAILED, &e);
	}
	say_start(&h, o->insecure && !h.cert);
	sdnotify("READY=1");
	while (!h.stop) {
		arm(&h);
		loop_turn(h.loop);
		hub_core_flush(h.core, clock_ms(), clock_wall_ms());
		listener_flush(h.listener);
	}
	sdnotify("STOPPING=1");
	stop(&h);
	return CONTROL_DONE;
}

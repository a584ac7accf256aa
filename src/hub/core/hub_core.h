/* hub_core: what the hub does, without sockets, clocks or disks. Events come in with the time in them; it acts through
 * `struct hub_world` and the store it was given. Single-threaded; the caller owns both.
 *
 * Rooms: account (who is connected), admission (authentication, enrolment, limits), sequencer (append rule), fanout (what
 * each connection is told), catchup (reading the log at each connection's pace). Cannot read what it carries. */
#ifndef HUB_CORE_HUB_CORE_H
#define HUB_CORE_HUB_CORE_H
#include "hub/core/store.h"

struct hub_world {
	void *ctx;
	/* None of these may call back into the core: what follows from them comes as events. */
	void (*send)(void *ctx, uint64_t conn, bool text, struct span frame);   /* copied; order kept */
	size_t (*backlog)(void *ctx, uint64_t conn);                            /* bytes accepted by send, not yet written */
	void (*close)(void *ctx, uint64_t conn, const char *reason);            /* after what was sent; CLOSED follows */
	void (*entropy)(void *ctx, void *out, size_t len);                      /* nonces */
	void (*log)(void *ctx, const char *level, const char *text);            /* never names, keys or tokens */
};

enum hub_event_type { HUB_OPENED, HUB_TEXT, HUB_BINARY, HUB_DRAINED, HUB_CLOSED, HUB_TICK };

struct hub_event {
	enum hub_event_type type;
	uint64_t conn;      /* the caller's number, never 0, never used twice */
	uint64_t now_ms;    /* monotonic */
	int64_t wall_ms;    /* since 1970 */
	struct span bytes;  /* TEXT, BINARY */
};

struct hub_core *hub_core_create(const struct hub_world *w, struct store *s);
void hub_core_destroy(struct hub_core *h);
void hub_core_step(struct hub_core *h, const struct hub_event *e);
/* Ends a turn: pumps the store until it has nothing pending, so that all confirmations of the turn leave together. */
void hub_core_flush(struct hub_core *h, uint64_t now_ms, int64_t wall_ms);
/* The longest message that the caller need assemble for this connection. What is longer it may cut anywhere above. */
size_t hub_core_limit(const struct hub_core *h, uint64_t conn);
uint64_t hub_core_deadline(const struct hub_core *h); /* monotonic ms of the next HUB_TICK wanted, UINT64_MAX for none */
#endif

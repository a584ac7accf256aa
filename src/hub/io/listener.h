/* listener: the hub's front door: HTTP and WebSocket over TCP or TLS. It moves messages, and knows nothing of what they
 * say.
 *
 * Frames that are fragmented are put together, up to what `limit` allows; what is longer is handed on cut right above
 * it. What was given to listener_send is written by listener_flush as far as the socket takes it, and the rest as the
 * socket gets room. */
#ifndef HUB_IO_LISTENER_H
#define HUB_IO_LISTENER_H
#include <stdbool.h>
#include <stdint.h>

#include "base/blob.h"
#include "base/err.h"
#include "sys/loop.h"

#define LISTENER_ROOM (128u * 1024) /* below this backlog DRAINED is said, to one that was above it */

enum listener_event { LISTENER_OPENED, LISTENER_TEXT, LISTENER_BINARY, LISTENER_DRAINED, LISTENER_CLOSED };

struct listener_setup {
	struct loop *loop;
	const char *address;    /* "127.0.0.1:8443", "[::1]:0", "localhost:8443", ":8443" for every address */
	const char *cert, *key; /* PEM files; NULL: no TLS */
	void (*event)(void *ctx, enum listener_event type, uint64_t conn, struct span bytes);
	size_t (*limit)(void *ctx, uint64_t conn);
	void *ctx;
};

struct listener;

struct listener *listener_create(const struct listener_setup *s, struct err *e);
void listener_destroy(struct listener *l);              /* NULL-safe; says CLOSED of every connection */
const char *listener_address(const struct listener *l); /* where it listens really: "127.0.0.1:34567" */
/* Is it ADDRESS:PORT at all? Whether the address is one of ours is seen when it is bound. */
bool listener_check(const char *address, struct err *e);
/* Whether an address names only this machine, or (wildcard) every one it has. False with e set: it names nothing. */
bool listener_look(const char *address, bool *loopback, bool *wildcard, struct err *e);

void listener_send(struct listener *l, uint64_t conn, bool text, struct span message);
size_t listener_backlog(struct listener *l, uint64_t conn);
void listener_close(struct listener *l, uint64_t conn, const char *reason); /* after what was sent; CLOSED follows */
void listener_flush(struct listener *l);
#endif

/* websocket: the link to the hub: a libwebsockets client in the loop's context. It dials when told to, and only then;
 * when to try again is the core's to decide.
 *
 * Callbacks come from the loop, never from within a call here. Every connection is of one dial: what an older one still
 * says reaches nobody. ws:// reaches loopback addresses only, unless the owner was told otherwise. wss:// is verified
 * against the system's authorities and the host's name; with a pin, the certificate's SHA-256 decides alone. */
#ifndef ENGINE_IO_WEBSOCKET_H
#define ENGINE_IO_WEBSOCKET_H
#include "base/blob.h"
#include "engine/io/huburl.h"
#include "sys/loop.h"

#define WEBSOCKET_PIN 32 /* SHA-256 of a certificate's DER form */

struct websocket_setup {
	struct huburl url;
	bool insecure; /* plain ws:// may leave this machine */
	bool pinned;
	uint8_t pin[WEBSOCKET_PIN];
};

struct websocket_handler {
	void *ctx;
	void (*opened)(void *ctx);
	/* fatal: trying again cannot help until a person changes something. A dial that failed ends here too. */
	void (*closed)(void *ctx, const char *why, bool fatal);
	void (*frame)(void *ctx, bool text, struct span bytes); /* whole messages, up to WIRE_FRAME_MAX */
	void (*drained)(void *ctx);                             /* the backlog shrank */
};

struct websocket *websocket_create(struct loop *l, const struct websocket_setup *s, const struct websocket_handler *h);
void websocket_destroy(struct websocket *w); /* NULL-safe; no callback comes after it */

void websocket_dial(struct websocket *w); /* ends what there was */
void websocket_hang_up(
        struct websocket *w); /* what was sent before still leaves; no callback of this connection any more */
void websocket_send(struct websocket *w, bool text,
                    struct span frame); /* copied; order kept; nothing without a connection */
size_t websocket_backlog(const struct websocket *w);

struct websocket_traffic {
	uint64_t sent,
	        received;    /* bytes on the sockets since create: everything above TCP (TLS, HTTP upgrade, framing) */
	double loss_percent; /* of this connection: retransmitted, in percent of what was sent */
	double up_mbps;      /* what the kernel last saw this connection deliver, 0 unknown */
};
void websocket_traffic(const struct websocket *w, struct websocket_traffic *out);
#endif

/* rawdevice: a device as plain as can be: one blocking socket, WebSocket framed by hand, no engine behind it. For tests
 * that want to say to a hub what an engine never would, and for measuring a hub alone. Fails by returning false or -1.
 */
#ifndef TESTS_LIB_RAWDEVICE_H
#define TESTS_LIB_RAWDEVICE_H
#include "base/buf.h"
#include "wire/message.h"

struct rawdevice {
	int fd;
	void *tls; /* SSL *, or NULL */
	uint8_t public_key[MESSAGE_PUBLIC], secret[64];
	struct id id;
	uint8_t nonce[MESSAGE_NONCE];
	struct id hub;
	struct buf in; /* bytes not yet taken as frames */
	size_t taken;
	uint8_t pin[32]; /* of the certificate seen, with TLS */
};

/* A key pair made of n; not connected. */
void rawdevice_init(struct rawdevice *d, uint8_t n);
void rawdevice_finish(struct rawdevice *d);
bool rawdevice_dial(struct rawdevice *d, const char *address, bool tls); /* TCP only: "127.0.0.1:8443" */
/* The WebSocket upgrade; the hub's status line's number, or -1. */
int rawdevice_upgrade(struct rawdevice *d, const char *path, const char *protocol);
bool rawdevice_write(struct rawdevice *d, const void *bytes, size_t len); /* raw bytes */
/* One frame: opcode 0 continuation, 1 text, 2 binary, 8 close, 9 ping. */
bool rawdevice_frame(struct rawdevice *d, bool final, uint8_t opcode, struct span payload);
/* The next whole message within a second or so: its opcode, or -1 when there is none. */
int rawdevice_next(struct rawdevice *d, struct buf *payload, int timeout_ms);

/* Dial, upgrade and take the challenge. */
bool rawdevice_connect(struct rawdevice *d, const char *address, bool tls);
bool rawdevice_message(struct rawdevice *d, const struct message *m);                    /* sends */
bool rawdevice_answer(struct rawdevice *d, enum message_type type, struct message *out); /* waits; skips all else */
bool rawdevice_enroll(struct rawdevice *d, const uint8_t token[MESSAGE_TOKEN]);
bool rawdevice_auth(struct rawdevice *d, uint64_t epoch, uint64_t cursor);
#endif

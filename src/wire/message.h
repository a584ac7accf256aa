/* message: the JSON control messages between a device and the hub, as structs.
 *
 * message_put makes the text of one; message_get checks one that came in (size, depth, types, lengths) and fills the
 * struct. A message that does not pass is malformed: the connection is told so with an ErrorReport and closed. */
#ifndef WIRE_MESSAGE_H
#define WIRE_MESSAGE_H
#include "base/err.h"
#include "wire/wire.h"

#define MESSAGE_NONCE 32
#define MESSAGE_SIGNATURE 64
#define MESSAGE_PUBLIC 32
#define MESSAGE_TOKEN 32
#define MESSAGE_NAME_MAX 512    /* a sealed device name */
#define MESSAGE_DEVICES_MAX 256 /* devices of one account */

enum message_type {
	MESSAGE_AUTH_CHALLENGE, /* hub: nonce, hub (its id), protocol */
	MESSAGE_AUTH,           /* device: device, signature, epoch, cursor, chain */
	MESSAGE_ENROLL,         /* device: token, public_key, name, signature: joins an account */
	MESSAGE_AUTH_RESPONSE,  /* hub: ok with account, connection, counter, head, chain, epoch_known, devices; or code and text */
	MESSAGE_INVITE,         /* device: token_hash, expires_ms: lets the holder of the token join this account */
	MESSAGE_INVITED,        /* hub: the answer: text empty, or why not */
	MESSAGE_REVOKE,         /* device: device */
	MESSAGE_DEVICES,        /* hub: devices: the account's list changed */
	MESSAGE_ERROR_REPORT,   /* both: code, text, retry_after_ms */
};

struct message_device {
	struct id device;
	uint8_t public_key[MESSAGE_PUBLIC];
	struct blob name;        /* sealed */
	uint64_t cursor;
	int64_t last_seen_ms;    /* wall, since 1970; 0 = never */
	bool online, revoked;
};

struct message {
	enum message_type type;
	uint8_t nonce[MESSAGE_NONCE];
	struct id hub;            /* random, made with the hub's store */
	int64_t protocol;
	struct id device;
	uint8_t signature[MESSAGE_SIGNATURE];
	uint8_t public_key[MESSAGE_PUBLIC];
	uint8_t token[MESSAGE_TOKEN];      /* ENROLL only; the hub keeps and compares hashes */
	uint8_t token_hash[MESSAGE_TOKEN]; /* BLAKE2b of a token */
	struct blob name;         /* sealed device name */
	uint64_t epoch, cursor, counter, head, connection;
	struct id chain;          /* AUTH: the device's at its cursor. AUTH_RESPONSE: the hub's at that same cursor */
	bool ok;
	bool epoch_known;         /* AUTH_RESPONSE: the hub has seen a change of this device in this epoch */
	char account[65];         /* AUTH_RESPONSE */
	char code[32];            /* "timeout", "bad-signature", "unknown-device", "revoked", "spent-invite",
				   * "expired-invite", "protocol", "too-large", "malformed", "busy", "rate", "quota",
				   * "replaced" */
	char text[512];           /* one sentence, for people */
	int64_t retry_after_ms, expires_ms;
	struct message_device *devices; /* owned. Rows to add or replace by id: a long list goes on in further DEVICES */
	size_t device_count;
};

void message_finish(struct message *m); /* frees names and devices */
struct blob message_put(const struct message *m); /* the JSON text */
bool message_get(struct message *out, const void *text, size_t len, struct err *e);

/* What AUTH and ENROLL sign: domain, protocol, hub id, nonce, device or public key, epoch, cursor (or the token's hash). */
struct blob message_signed_part(const struct message *m, const uint8_t nonce[MESSAGE_NONCE], const struct id *hub);
struct id message_device_id(const uint8_t public_key[MESSAGE_PUBLIC]);
void message_token_hash(uint8_t out[MESSAGE_TOKEN], const uint8_t token[MESSAGE_TOKEN]);
#endif

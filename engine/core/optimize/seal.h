/* seal: what only the account's devices can read: bodies of changes, and device names.
 *
 * XChaCha20-Poly1305-IETF (libsodium). A body's key is derived from the account key for one (device, epoch); its nonce
 * is the change's counter and a hash of everything that travels outside the seal (wire_put_sealed_context, which is
 * also the associated data), so a body cannot be moved to another item, base, device or time.
 *
 * THE RULE: one counter of an epoch is sealed with one body. Seal once, keep the record in the outbox, resend those
 * bytes; a device that may have been restored from an old copy takes a new epoch before it seals. Should the rule ever
 * be broken, two changes that differ in item, version, base or edit time still have different nonces. */
#ifndef ENGINE_CORE_OPTIMIZE_SEAL_H
#define ENGINE_CORE_OPTIMIZE_SEAL_H
#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"
#include "wire/wire.h"

#define SEAL_OVERHEAD      17 /* key number, tag: what a sealed body is longer than its plain one */
#define SEAL_NAME_NONCE    24
#define SEAL_NAME_OVERHEAD (SEAL_OVERHEAD + SEAL_NAME_NONCE)
#define SEAL_SUBKEYS       16

struct seal_subkey {
	struct id device;
	uint64_t epoch;
	uint8_t key[KEY_LEN];
	bool used;
};

struct sealer { /* secrets inside: sealer_finish wipes them */
	uint8_t account_key[KEY_LEN];
	uint8_t key_number;
	struct seal_subkey cached[SEAL_SUBKEYS]; /* replaced in turn */
	unsigned next;
	struct buf context; /* scratch */
};

void sealer_init(struct sealer *s, const uint8_t account_key[KEY_LEN], uint8_t key_number);
void sealer_finish(struct sealer *s);

/* Appends the sealed form of `plain` to out. Of the change everything but its body is used; CHANGE_PARTED does not
 * matter (it only says how the body travels). */
void seal_body(struct sealer *s, const struct id *device, uint64_t epoch, const struct change *c, struct span plain,
               struct buf *out);
/* Opens c->body. `plain` is new memory. False: another key number, or not sealed by a device of this account for
 * exactly this change. */
bool seal_open(struct sealer *s, const struct id *device, uint64_t epoch, const struct change *c, struct blob *plain,
               struct err *e);
/* The same where it lies: `sealed` is the c->body.len bytes of the body (c->body.data is not looked at), which hold
 * `plain` afterwards; when it does not open they are lost. */
bool seal_open_in_place(struct sealer *s, const struct id *device, uint64_t epoch, const struct change *c,
                        uint8_t *sealed, struct span *plain, struct err *e);

/* A device's name, readable by the account's devices, bound to that device. `nonce`: fresh random bytes each time. */
void seal_name(struct sealer *s, const struct id *device, const uint8_t nonce[SEAL_NAME_NONCE], struct span name,
               struct buf *out);
bool seal_open_name(struct sealer *s, const struct id *device, struct span sealed, struct blob *name, struct err *e);
#endif

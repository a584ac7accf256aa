#include "engine/core/optimize/seal.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define NONCE_LEN crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG_LEN   crypto_aead_xchacha20poly1305_ietf_ABYTES

_Static_assert(SEAL_OVERHEAD == 1 + TAG_LEN, "key number and tag");
_Static_assert(SEAL_NAME_NONCE == NONCE_LEN, "the nonce travels whole");
_Static_assert(KEY_LEN == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "keys fit");

void sealer_init(struct sealer *s, const uint8_t account_key[KEY_LEN], uint8_t key_number)
{
	*s = (struct sealer){ .key_number = key_number };
	memcpy(s->account_key, account_key, KEY_LEN);
}

void sealer_finish(struct sealer *s)
{
	buf_finish(&s->context);
	sodium_memzero(s, sizeof *s);
}

static const uint8_t *body_key(struct sealer *s, const struct id *device, uint64_t epoch)
{
	for (size_t i = 0; i < SEAL_SUBKEYS; i++)
		if (s->cached[i].used && s->cached[i].epoch == epoch && id_equal(&s->cached[i].device, device))
			return s->cached[i].key;
	struct seal_subkey *k = &s->cached[s->next++ % SEAL_SUBKEYS];
	uint8_t number[8];
	for (int i = 0; i < 8; i++)
		number[i] = (uint8_t)(epoch >> (8 * i));
	struct span parts[] = { span_of(device->b, ID_LEN), span_of(number, sizeof number) };
	hash_key(k->key, s->account_key, "syncline body key 1", parts, 2);
	k->device = *device;
	k->epoch = epoch;
	k->used = true;
	return k->key;
}

/* Leaves the associated data in s->context: the key number, then what travels outside. */
static void bind_body(struct sealer *s, const struct id *device, uint64_t epoch, const struct change *c,
                      uint8_t nonce[NONCE_LEN])
{
	struct change outside = *c;
	outside.flags &= (uint8_t)~CHANGE_PARTED;
	outside.body = span_of(NULL, 0);
	buf_clear(&s->context);
	buf_u8(&s->context, s->key_number);
	wire_put_sealed_context(&s->context, device, epoch, &outside);

	struct span part = buf_view(&s->context);
	struct id mark = hash_plain("syncline body nonce 1", &part, 1);
	for (int i = 0; i < 8; i++)
		nonce[i] = (uint8_t)(c->counter >> (8 * i));
	memcpy(nonce + 8, mark.b, ID_LEN);
}

static void lock(struct buf *out, struct span plain, struct span context, const uint8_t nonce[NONCE_LEN],
                 const uint8_t key[KEY_LEN])
{
	unsigned long long len = 0;
	buf_reserve(out, plain.len + TAG_LEN);
	crypto_aead_xchacha20poly1305_ietf_encrypt(out->data + out->len, &len, plain.data, plain.len, context.data,
	                                           context.len, NULL, nonce, key);
	out->len += (size_t)len;
}

/* `out` may be where it is sealed: the tag is checked before anything is written. */
static bool unlock(uint8_t *out, struct span sealed, struct span context, const uint8_t nonce[NONCE_LEN],
                   const uint8_t key[KEY_LEN])
{
	return crypto_aead_xchacha20poly1305_ietf_decrypt(out, NULL, NULL, sealed.data, sealed.len, context.data,
	                                                  context.len, nonce, key) == 0;
}

void seal_body(struct sealer *s, const struct id *device, uint64_t epoch, const struct change *c, struct span plain,
               struct buf *out)
{
	uint8_t nonce[NONCE_LEN];
	bind_body(s, device, epoch, c, nonce);
	buf_u8(out, s->key_number);
	lock(out, plain, buf_view(&s->context), nonce, body_key(s, device, epoch));
}

static bool right_key(const struct sealer *s, struct span sealed, size_t overhead, struct err *e)
{
	if (sealed.len < overhead)
		return err_set(e, "sealed data", "", "it is too short to be one");
	if (sealed.data[0] != s->key_number)
		return err_set(e, "sealed data", "join this device again with an invite made now",
		               "it is sealed with account key number %u, this device has number %u", sealed.data[0],
		               s->key_number);
	return true;
}

bool seal_open_in_place(struct sealer *s, const struct id *device, uint64_t epoch, const struct change *c,
                        uint8_t *sealed, struct span *plain, struct err *e)
{
	uint8_t nonce[NONCE_LEN];
	struct span all = span_of(sealed, c->body.len);
	*plain = span_of(NULL, 0);
	if (!right_key(s, all, SEAL_OVERHEAD, e))
		return false;
	bind_body(s, device, epoch, c, nonce);
	if (!unlock(sealed + 1, span_of(sealed + 1, all.len - 1), buf_view(&s->context), nonce,
	            body_key(s, device, epoch)))
		return err_set(e, "sealed body",
		               "if it happens again, the hub or its store is damaged: run `syncline doctor`",
		               "no device of this account sealed it for this change");
	*plain = span_of(sealed + 1, all.len - SEAL_OVERHEAD);
	return true;
}

bool seal_open(struct sealer *s, const struct id *device, uint64_t epoch, const struct change *c, struct blob *plain,
               struct err *e)
{
	struct blob sealed = blob_copy(c->body.data, c->body.len);
	struct span opened;
	bool ok = seal_open_in_place(s, device, epoch, c, sealed.data, &opened, e);
	*plain = ok ? blob_copy(opened.data, opened.len) : (struct blob){ 0 };
	blob_finish(&sealed);
	return ok;
}

static void name_key(const struct sealer *s, uint8_t key[KEY_LEN])
{
	hash_key(key, s->account_key, "syncline device name key 1", NULL, 0);
}

static void bind_name(struct sealer *s, const struct id *device)
{
	buf_clear(&s->context);
	buf_u8(&s->context, s->key_number);
	buf_put(&s->context, device->b, ID_LEN);
}

void seal_name(struct sealer *s, const struct id *device, const uint8_t nonce[SEAL_NAME_NONCE], struct span name,
               struct buf *out)
{
	uint8_t key[KEY_LEN];
	name_key(s, key);
	bind_name(s, device);
	buf_u8(out, s->key_number);
	buf_put(out, nonce, SEAL_NAME_NONCE);
	lock(out, name, buf_view(&s->context), nonce, key);
	sodium_memzero(key, sizeof key);
}

bool seal_open_name(struct sealer *s, const struct id *device, struct span sealed, struct blob *name, struct err *e)
{
	uint8_t key[KEY_LEN];
	*name = (struct blob){ 0 };
	if (!right_key(s, sealed, SEAL_NAME_OVERHEAD, e))
		return false;
	name_key(s, key);
	bind_name(s, device);
	size_t len = sealed.len - SEAL_NAME_OVERHEAD;
	uint8_t *out = mem_alloc(len + 1);
	bool opened = unlock(out, span_of(sealed.data + 1 + SEAL_NAME_NONCE, sealed.len - 1 - SEAL_NAME_NONCE),
	                     buf_view(&s->context), sealed.data + 1, key);
	sodium_memzero(key, sizeof key);
	if (opened)
		*name = (struct blob){ out, len };
	else
		free(out);
	return opened || err_set(e, "device name", "", "no device of this account sealed it for this device");
}

#include "engine/io/keyring.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "sys/atomicfile.h"

#define KEYRING_FILE_MAX (16 * 1024)
#define KEYRING_FORMAT   1
#define CHECKSUM         4

_Static_assert(KEYRING_PUBLIC == crypto_sign_PUBLICKEYBYTES && KEYRING_SECRET == crypto_sign_SECRETKEYBYTES, "Ed25519");

void keyring_wipe(struct keyring *k)
{
	sodium_memzero(k, sizeof *k);
}

static bool field(const json_t *o, const char *key, uint8_t *out, size_t len)
{
	struct blob b;
	if (!json_get_b64(o, key, &b, len, len))
		return false;
	memcpy(out, b.data, len);
	sodium_memzero(b.data, b.len);
	blob_finish(&b);
	return true;
}

static bool text_field(const json_t *o, const char *key, char *out, size_t cap)
{
	const char *text = json_get_text(o, key);
	if (text && strlen(text) >= cap)
		return false;
	snprintf(out, cap, "%s", text ? text : "");
	return true;
}

static bool decode(struct keyring *k, const json_t *o)
{
	uint8_t derived[KEYRING_PUBLIC];
	if (json_get_int(o, "format", 0) != KEYRING_FORMAT || !field(o, "secret", k->sign_secret, KEYRING_SECRET))
		return false;
	crypto_sign_ed25519_sk_to_pk(k->sign_public, k->sign_secret);
	/* The secret half holds the public one; both must belong together, or signatures would be worthless. */
	uint8_t seed[crypto_sign_SEEDBYTES], again[KEYRING_SECRET];
	crypto_sign_ed25519_sk_to_seed(seed, k->sign_secret);
	crypto_sign_seed_keypair(derived, again, seed);
	bool whole = memcmp(derived, k->sign_public, sizeof derived) == 0;
	sodium_memzero(seed, sizeof seed);
	sodium_memzero(again, sizeof again);
	if (!whole)
		return false;
	k->has_account_key = json_object_get(o, "account_key") != NULL;
	k->joined = json_object_get(o, "hub") != NULL;
	k->has_pin = json_object_get(o, "pin") != NULL;
	k->insecure = json_get_bool(o, "insecure");
	int64_t number = json_get_int(o, "key_number", 0);
	k->key_number = (uint8_t)number;
	return number >= 0 && number <= 255 &&
	       (!k->has_account_key || field(o, "account_key", k->account_key, KEY_LEN)) &&
	       (!k->joined || field(o, "hub", k->hub.b, ID_LEN)) &&
	       (!k->has_pin || field(o, "pin", k->pin, KEYRING_PIN)) &&
	       text_field(o, "account", k->account, sizeof k->account) && text_field(o, "url", k->url, sizeof k->url);
}

static bool make_device(struct keyring *k, const char *path, struct err *e)
{
	crypto_sign_keypair(k->sign_public, k->sign_secret);
	return keyring_save(k, path, e);
}

bool keyring_open(struct keyring *k, const char *path, struct err *e)
{
	struct blob text;
	*k = (struct keyring){ 0 };
	if (sodium_init() < 0)
		return err_set(e, path, "", "libsodium does not start");
	errno = 0;
	if (!atomicfile_read(path, KEYRING_FILE_MAX, true, &text, e))
		return errno == ENOENT ? make_device(k, path, e) : false;
	json_t *o = json_from(text.data, text.len, KEYRING_FILE_MAX);
	bool ok = o && decode(k, o);
	json_decref(o);
	sodium_memzero(text.data, text.len);
	blob_finish(&text);
	if (ok)
		return true;
	keyring_wipe(k);
	return err_set(e, path, "put it back from a backup, or move it aside and join again as a new device",
	               "the key file is damaged");
}

bool keyring_save(const struct keyring *k, const char *path, struct err *e)
{
	json_t *o = json_object();
	json_object_set_new(o, "format", json_integer(KEYRING_FORMAT));
	json_object_set_new(o, "secret", json_b64(k->sign_secret, KEYRING_SECRET));
	if (k->has_account_key) {
		json_object_set_new(o, "account_key", json_b64(k->account_key, KEY_LEN));
		json_object_set_new(o, "key_number", json_integer(k->key_number));
	}
	if (k->joined) {
		json_object_set_new(o, "hub", json_b64(k->hub.b, ID_LEN));
		json_object_set_new(o, "account", json_bytes(k->account, strlen(k->account)));
		json_object_set_new(o, "url", json_bytes(k->url, strlen(k->url)));
		json_object_set_new(o, "insecure", json_boolean(k->insecure));
		if (k->has_pin)
			json_object_set_new(o, "pin", json_b64(k->pin, KEYRING_PIN));
	}
	char *text = json_dumps(o, JSON_INDENT(2));
	json_decref(o);
	if (!text)
		return err_set(e, path, "", "the keys cannot be written down");
	bool ok = atomicfile_write(path, span_text(text), 0600, e);
	sodium_memzero(text, strlen(text));
	free(text);
	return ok;
}

void keyring_make_account_key(struct keyring *k)
{
	randombytes_buf(k->account_key, KEY_LEN);
	k->key_number = 1;
	k->has_account_key = true;
}

/* A checksum against typing errors; it is no proof of anything. */
static void checksum(const uint8_t *bytes, size_t len, uint8_t out[CHECKSUM])
{
	struct span part = span_of(bytes, len);
	struct id sum = hash_plain("recovery key", &part, 1);
	memcpy(out, sum.b, CHECKSUM);
}

bool keyring_export(const struct keyring *k, char out[KEYRING_RECOVERY_MAX], struct err *e)
{
	uint8_t bytes[1 + KEY_LEN + CHECKSUM];
	if (!k->has_account_key)
		return err_set(e, "key", "'syncline join' first", "this device has no account yet");
	bytes[0] = k->key_number;
	memcpy(bytes + 1, k->account_key, KEY_LEN);
	checksum(bytes, 1 + KEY_LEN, bytes + 1 + KEY_LEN);
	strcpy(out, KEYRING_RECOVERY);
	sodium_bin2base64(out + strlen(out), KEYRING_RECOVERY_MAX - strlen(out), bytes, sizeof bytes,
	                  sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	sodium_memzero(bytes, sizeof bytes);
	return true;
}

bool keyring_import(const char *text, uint8_t account_key[KEY_LEN], uint8_t *key_number, struct err *e)
{
	uint8_t bytes[1 + KEY_LEN + CHECKSUM], sum[CHECKSUM];
	size_t len, prefix = sizeof KEYRING_RECOVERY - 1;
	if (strncmp(text, KEYRING_RECOVERY, prefix) != 0)
		return err_set(e, "key", "", "a recovery key begins with %s", KEYRING_RECOVERY);
	bool ok = sodium_base642bin(bytes, sizeof bytes, text + prefix, strlen(text + prefix), " \t\r\n", &len, NULL,
	                            sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0 &&
	          len == sizeof bytes;
	if (ok) {
		checksum(bytes, 1 + KEY_LEN, sum);
		ok = memcmp(sum, bytes + 1 + KEY_LEN, CHECKSUM) == 0;
	}
	if (ok) {
		*key_number = bytes[0];
		memcpy(account_key, bytes + 1, KEY_LEN);
	}
	sodium_memzero(bytes, sizeof bytes);
	return ok || err_set(e, "key", "compare it with what was written down", "this recovery key has a typing error");
}

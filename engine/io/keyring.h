/* keyring: the device's secrets, in `<state>/keys` (0600; refused when anybody else could read it or owns it). The
 * device's key pair is made at the first start; all else comes with joining. */
#ifndef ENGINE_IO_KEYRING_H
#define ENGINE_IO_KEYRING_H
#include "base/err.h"
#include "base/hash.h"
#include "base/id.h"

#define KEYRING_PUBLIC       32
#define KEYRING_SECRET       64
#define KEYRING_PIN          32
#define KEYRING_RECOVERY     "syncline-key-1."
#define KEYRING_RECOVERY_MAX 128

struct keyring {
	uint8_t sign_public[KEYRING_PUBLIC];
	uint8_t sign_secret[KEYRING_SECRET];
	bool has_account_key;
	uint8_t account_key[KEY_LEN];
	uint8_t key_number;
	bool joined;
	struct id hub; /* pinned at joining */
	char account[128];
	char url[512];
	bool has_pin;
	uint8_t pin[KEYRING_PIN]; /* SHA-256 of the hub's certificate */
	bool insecure;            /* plain ws off loopback was agreed to */
};

bool keyring_open(struct keyring *k, const char *path, struct err *e); /* reads it, or makes a new device */
bool keyring_save(const struct keyring *k, const char *path, struct err *e);
void keyring_make_account_key(struct keyring *k); /* the first device of an account */
void keyring_wipe(struct keyring *k);
/* "syncline-key-1.…": the key number, the account key and a checksum. */
bool keyring_export(const struct keyring *k, char out[KEYRING_RECOVERY_MAX], struct err *e);
bool keyring_import(const char *text, uint8_t account_key[KEY_LEN], uint8_t *key_number, struct err *e);
#endif

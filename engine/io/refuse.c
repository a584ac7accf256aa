#include "engine/io/refuse.h"

#include <ctype.h>
#include <string.h>

#define KEY_BODY 40          /* base64 in a row: a key, rather than a text that speaks of one */
#define KEY_BODY_WITHIN 1024 /* of its header; PEM's own header lines come before it */
#define KEY_WITHIN   4096    /* header and body: one that begins so far before what is new was seen whole before */

enum refuse_kind refuse_parse(const char *word)
{
	return strcmp(word, "databases") == 0      ? REFUSE_DATABASES
	       : strcmp(word, "private-keys") == 0 ? REFUSE_PRIVATE_KEYS
	                                           : REFUSE_NOTHING;
}

const char *refuse_word(enum refuse_kind kind)
{
	return kind == REFUSE_DATABASES ? "databases" : "private-keys";
}

const char *refuse_why(enum refuse_kind kind)
{
	return kind == REFUSE_DATABASES
		       ? "it is (part of) an SQLite database, which is not whole while its program has it open"
		       : "it is a private key";
}

static bool starts(struct span s, const char *with, size_t len)
{
	return s.len >= len && memcmp(s.data, with, len) == 0;
}

/* sqlite.org/fileformat2.html: the header string (its NUL included), the two forms of the log's, the journal's. */
bool refuse_is_database(struct span head)
{
	return starts(head, "SQLite format 3", 16) || starts(head, "\x37\x7f\x06\x82", 4) ||
	       starts(head, "\x37\x7f\x06\x83", 4) || starts(head, "\xd9\xd5\x05\xf9\x20\xa1\x63\xd7", 8);
}

size_t refuse_beside(const char *path)
{
	static const char *const tails[] = { "-wal", "-shm", "-journal" };
	size_t len = strlen(path);
	for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
		size_t tail = strlen(tails[i]);
		if (len > tail && path[len - tail - 1] != '/' && strcmp(path + len - tail, tails[i]) == 0)
			return len - tail;
	}
	return 0;
}

static bool is_base64(uint8_t c)
{
	return isalnum(c) || c == '+' || c == '/' || c == '=';
}

/* After a header: is there the body of a key, or only a text that quotes the header? */
static bool has_body(const uint8_t *at, const uint8_t *end)
{
	size_t run = 0;
	if (end - at > KEY_BODY_WITHIN)
		end = at + KEY_BODY_WITHIN;
	for (; at < end && run < KEY_BODY; at++)
		run = is_base64(*at) ? run + 1 : 0;
	return run >= KEY_BODY;
}

/* RFC 7468 and its kin: a line "-----BEGIN … PRIVATE KEY-----" (OpenPGP adds BLOCK), then base64. */
static bool has_pem_key(struct span s, size_t from)
{
	static const char begin[] = "-----BEGIN ", key[] = "PRIVATE KEY";
	const uint8_t *end = s.data + s.len;
	for (const uint8_t *at = s.data + from; (at = memmem(at, (size_t)(end - at), begin, sizeof begin - 1)); at++) {
		if (at > s.data && at[-1] != '\n' && at[-1] != '\r')
			continue;
		const uint8_t *eol = memchr(at, '\n', (size_t)(end - at));
		if (!eol)
			eol = end;
		if (memmem(at, (size_t)(eol - at), key, sizeof key - 1) && has_body(eol, end))
			return true;
	}
	return false;
}

/* A bech32 string of 59 characters after the hyphen; a placeholder in a text is none. */
static bool has_age_key(struct span s, size_t from)
{
	static const char begin[] = "AGE-SECRET-KEY-1";
	const uint8_t *end = s.data + s.len;
	for (const uint8_t *at = s.data + from; (at = memmem(at, (size_t)(end - at), begin, sizeof begin - 1)); at++) {
		size_t run = 0;
		for (const uint8_t *c = at + sizeof begin - 1; c < end && (isupper(*c) || isdigit(*c)); c++)
			run++;
		if (run >= KEY_BODY)
			return true;
	}
	return false;
}

static bool is_key_name(const char *path)
{
	static const char *const whole[] = { "id_rsa",     "id_dsa",        "id_ecdsa", "id_ecdsa_sk",
					     "id_ed25519", "id_ed25519_sk", "id_xmss" };
	static const char *const tails[] = { ".ppk", ".p12", ".pfx" };
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	size_t len = strlen(name);
	for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
		if (strcmp(name, whole[i]) == 0)
			return true;
	for (size_t i = 0; i < sizeof tails / sizeof *tails; i++)
		if (len > strlen(tails[i]) && strcmp(name + len - strlen(tails[i]), tails[i]) == 0)
			return true;
	return false;
}

enum refuse_kind refuse_judge(const char *path, struct span content, size_t from)
{
	from = from > KEY_WITHIN ? from - KEY_WITHIN : 0;
	if (refuse_is_database(content))
		return REFUSE_DATABASES;
	if (!content.len)
		return REFUSE_NOTHING;
	if (is_key_name(path) || starts(content, "PuTTY-User-Key-File-", 20) || has_pem_key(content, from) ||
	    has_age_key(content, from))
		return REFUSE_PRIVATE_KEYS;
	return REFUSE_NOTHING;
}

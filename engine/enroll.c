/* Invites, and joining a hub with one. */
#include "engine/enroll.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "engine/core/optimize/seal.h"
#include "sys/entropy.h"
#include "wire/message.h"

#define ENROLL_MS      20000 /* look-up, dial and the hub's answer together */
#define LEAVE_MS       2000
#define NAME_MAX_BYTES 64

struct invite {
	struct huburl url;
	char account[65];
	uint8_t token[INVITE_TOKEN];
	bool pinned, has_key;
	uint8_t pin[WEBSOCKET_PIN];
	uint8_t key[KEY_LEN];
	uint8_t key_number;
};

struct enroll {
	struct question question; /* its request is gone by the time of the answer */
	struct engine *engine;
	struct invite invite;
	struct keyring fresh; /* what the keyring will be */
	char name[NAME_MAX_BYTES + 1];
	struct websocket *socket;
	struct loop_timer *timer;
	uint8_t nonce[MESSAGE_NONCE];
	bool asked, decided, accepted;
	bool leaving; /* enrolled, but of no use: tells the hub so before it gives up */
	struct err e;
};

/* ---- the invite's text ---- */

char *enroll_invite(struct engine *g, const uint8_t token[INVITE_TOKEN])
{
	const struct keyring *k = &g->keyring;
	json_t *o = json_pack("{s:s, s:s, s:o, s:o, s:i}", "url", engine_hub_url(g), "account", k->account, "token",
	                      json_b64(token, INVITE_TOKEN), "key", json_b64(k->account_key, KEY_LEN), "key_number",
	                      (int)k->key_number);
	if (k->has_pin)
		json_object_set_new(o, "pin", json_b64(k->pin, KEYRING_PIN));
	char *text = json_dumps(o, JSON_COMPACT);
	size_t len = strlen(text), cap = sodium_base64_encoded_len(len, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	char *coded = mem_alloc(cap);
	sodium_bin2base64(coded, cap, (const uint8_t *)text, len, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	char *invite = mem_printf(INVITE_PREFIX "%s", coded);
	sodium_memzero(text, len);
	sodium_memzero(coded, cap);
	free(text);
	free(coded);
	json_decref(o);
	return invite;
}

static bool bad_invite(struct err *e, const char *why)
{
	return err_set(e, "invite",
	               "make a new one with 'syncline invite', or 'syncline hub invite' for a first device", "%s", why);
}

static bool get_bytes(const json_t *o, const char *key, uint8_t *out, size_t len)
{
	struct blob bytes;
	if (!json_get_b64(o, key, &bytes, len, len))
		return false;
	memcpy(out, bytes.data, len);
	sodium_memzero(bytes.data, bytes.len);
	blob_finish(&bytes);
	return true;
}

static bool invite_fields(struct invite *i, const json_t *o, struct err *e)
{
	const char *url = json_get_text(o, "url"), *account = json_get_text(o, "account");
	int64_t number = json_get_int(o, "key_number", 0);
	if (!url || !get_bytes(o, "token", i->token, sizeof i->token))
		return bad_invite(e, "it lacks the hub's address or its token");
	if (account && strlen(account) >= sizeof i->account)
		return bad_invite(e, "its account's name is too long");
	snprintf(i->account, sizeof i->account, "%s", account ? account : "");
	i->pinned = json_object_get(o, "pin") != NULL;
	if (i->pinned && !get_bytes(o, "pin", i->pin, sizeof i->pin))
		return bad_invite(e, "the pin in it is damaged");
	i->has_key = json_object_get(o, "key") != NULL;
	if (i->has_key && !get_bytes(o, "key", i->key, sizeof i->key))
		return bad_invite(e, "the key in it is damaged");
	if (number < 0 || number > 255)
		return bad_invite(e, "its key's number is damaged");
	i->key_number = (uint8_t)number;
	return huburl_parse(&i->url, url, e) || err_in(e, "invite");
}

static bool invite_parse(struct invite *i, const char *text, struct err *e)
{
	static const char prefix[] = INVITE_PREFIX;
	uint8_t raw[INVITE_MAX];
	size_t len = strcspn(text, " \t\r\n"), raw_len = 0;
	*i = (struct invite){ 0 };
	if (strncmp(text, prefix, sizeof prefix - 1))
		return bad_invite(e, "it does not start with " INVITE_PREFIX);
	if (len >= INVITE_MAX)
		return bad_invite(e, "it is too long");
	if (text[len + strspn(text + len, " \t\r\n")])
		return bad_invite(e, "it is more than one line");
	if (sodium_base642bin(raw, sizeof raw, text + sizeof prefix - 1, len - (sizeof prefix - 1), NULL, &raw_len,
	                      NULL, sodium_base64_VARIANT_URLSAFE_NO_PADDING))
		return bad_invite(e, "it is damaged (a character is missing or was changed)");
	json_t *o = json_from(raw, raw_len, sizeof raw);
	bool ok = o ? invite_fields(i, o, e) : bad_invite(e, "it is damaged (cut off?)");
	sodium_memzero(raw, sizeof raw);
	json_decref(o);
	return ok;
}

/* ---- the conversation ---- */

static void decide(struct enroll *n, bool accepted)
{
	if (n->decided)
		return;
	n->decided = true;
	n->accepted = accepted;
	loop_again(n->engine->loop); /* enroll_turn does the rest, outside the socket's callback */
}

static void fail(struct enroll *n, const char *fix, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void fail(struct enroll *n, const char *fix, const char *format, ...)
{
	char what[sizeof n->e.what];
	va_list args;
	if (n->decided)
		return;
	snprintf(what, sizeof what, "hub %.200s", n->invite.url.text);
	va_start(args, format);
	err_set_args(&n->e, what, fix, format, args);
	va_end(args);
	decide(n, false);
}

static void say(struct enroll *n, const struct message *m)
{
	struct blob text = message_put(m);
	websocket_send(n->socket, true, span_blob(&text));
	sodium_memzero(text.data, text.len);
	blob_finish(&text);
}

static void say_enroll(struct enroll *n, const struct message *challenge)
{
	struct message m = { .type = MESSAGE_ENROLL };
	struct keyring *k = &n->fresh;
	struct sealer sealer = { 0 };
	struct buf name = { 0 };
	uint8_t nonce[SEAL_NAME_NONCE];
	struct id self = message_device_id(k->sign_public);
	memcpy(m.token, n->invite.token, sizeof m.token);
	memcpy(m.public_key, k->sign_public, sizeof m.public_key);
	entropy_fill(nonce, sizeof nonce);
	sealer_init(&sealer, k->account_key, k->key_number);
	seal_name(&sealer, &self, nonce, span_text(n->name), &name);
	sealer_finish(&sealer);
	m.name = buf_take(&name);
	m.device = self;
	struct blob part = message_signed_part(&m, challenge->nonce, &challenge->hub);
	crypto_sign_detached(m.signature, NULL, part.data, part.len, k->sign_secret);
	say(n, &m);
	k->hub = challenge->hub;
	memcpy(n->nonce, challenge->nonce, sizeof n->nonce);
	n->asked = true;
	sodium_memzero(m.token, sizeof m.token);
	blob_finish(&part);
	message_finish(&m);
}

/* The hub has taken us in, and we cannot read a thing: out again, so that no ghost stays among the person's devices. It
 * lets a device authenticate right after it enrolled, with the same nonce. */
static void leave(struct enroll *n, const struct id *self)
{
	struct message m = { .type = MESSAGE_AUTH, .device = *self, .epoch = 1 };
	struct blob part = message_signed_part(&m, n->nonce, &n->fresh.hub);
	crypto_sign_detached(m.signature, NULL, part.data, part.len, n->fresh.sign_secret);
	blob_finish(&part);
	n->leaving = true;
	say(n, &m);
}

static void leave_now(struct enroll *n)
{
	struct message m = { .type = MESSAGE_REVOKE, .device = message_device_id(n->fresh.sign_public) };
	loop_timer_arm(n->timer, LEAVE_MS); /* the hub closes on those who are revoked */
	say(n, &m);
}

static void give_up(struct enroll *n)
{
	fail(n, "make an invite on one of those devices: 'syncline invite'",
	     "the account has devices already, and only an invite made by one of them carries its key");
}

static void hear_answer(struct enroll *n, const struct message *m)
{
	size_t others = 0;
	struct id self = message_device_id(n->fresh.sign_public);
	if (!m->ok) {
		bool spent = !strcmp(m->code, "spent-invite") || !strcmp(m->code, "expired-invite");
		fail(n,
		     spent ? "make a new one with 'syncline invite' on one of your devices" : "look at the hub's log",
		     "%s", m->text[0] ? m->text : m->code);
		return;
	}
	for (size_t i = 0; i < m->device_count; i++)
		others += !m->devices[i].revoked && !id_equal(&m->devices[i].device, &self);
	if (!n->invite.has_key && !n->engine->keyring.has_account_key && (others || m->head)) {
		leave(n, &self);
		return;
	}
	snprintf(n->fresh.account, sizeof n->fresh.account, "%s", m->account);
	decide(n, true);
}

static void on_frame(void *ctx, bool text, struct span bytes)
{
	struct enroll *n = ctx;
	struct message m;
	struct err e = { 0 };
	if (n->decided || (n->leaving && !text))
		return;
	if (!text || !message_get(&m, bytes.data, bytes.len, &e)) {
		fail(n, NULL, "it sent something that is not its protocol");
		return;
	}
	if (n->leaving && m.type != MESSAGE_AUTH_RESPONSE)
		; /* whatever it says now, it closes soon */
	else if (m.type == MESSAGE_AUTH_CHALLENGE && !n->asked && m.protocol != WIRE_PROTOCOL)
		fail(n, "bring both to the same version of syncline", "it speaks protocol %lld, this device %d",
		     (long long)m.protocol, WIRE_PROTOCOL);
	else if (m.type == MESSAGE_AUTH_CHALLENGE && !n->asked)
		say_enroll(n, &m);
	else if (m.type == MESSAGE_AUTH_RESPONSE && n->leaving)
		leave_now(n);
	else if (m.type == MESSAGE_AUTH_RESPONSE && n->asked)
		hear_answer(n, &m);
	else if (m.type == MESSAGE_ERROR_REPORT)
		fail(n, NULL, "%s", m.text[0] ? m.text : m.code);
	else if (m.type != MESSAGE_DEVICES)
		fail(n, NULL, "it sent a message out of turn");
	message_finish(&m);
}

static void on_opened(void *ctx)
{
	(void)ctx;
}

static void on_closed(void *ctx, const char *why, bool fatal)
{
	struct enroll *n = ctx;
	if (n->leaving)
		give_up(n);
	else
		fail(n, fatal ? NULL : "is the hub running, and is that its address?", "%s", why);
}

static void on_drained(void *ctx)
{
	(void)ctx;
}

static void on_due(void *ctx)
{
	struct enroll *n = ctx;
	if (n->leaving)
		give_up(n);
	else
		fail(n, "is the hub running, and is that its address?", "it did not answer in time");
}

/* ---- start and end ---- */

static bool take_name(char out[NAME_MAX_BYTES + 1], const char *name, struct err *e)
{
	size_t len = strlen(name);
	if (!len || len > NAME_MAX_BYTES || !utf8_valid(name, len))
		return err_set(e, "device name", "--name NAME", "it must be 1 to %d bytes of text", NAME_MAX_BYTES);
	for (size_t at = 0; at < len;) {
		uint32_t point;
		at += utf8_decode(name + at, len - at, &point);
		if (utf8_unsafe(point))
			return err_set(e, "device name", "--name NAME", "it holds a control character");
	}
	memcpy(out, name, len + 1);
	return true;
}

/* A device is new with each invite, since the hub takes a key in once; and the same again with the same invite, so that
 * an answer which was lost can be asked for again. */
static void join_identity(struct keyring *k, const uint8_t token[INVITE_TOKEN])
{
	uint8_t seed[KEY_LEN];
	struct span part = span_of(token, INVITE_TOKEN);
	hash_key(seed, k->sign_secret, "syncline join", &part, 1); /* the secret's first half is its seed */
	crypto_sign_seed_keypair(k->sign_public, k->sign_secret, seed);
	sodium_memzero(seed, sizeof seed);
}

static void prepare_keys(struct enroll *n, bool insecure)
{
	struct keyring *k = &n->fresh;
	*k = n->engine->keyring;
	join_identity(k, n->invite.token);
	if (n->invite.has_key) {
		memcpy(k->account_key, n->invite.key, KEY_LEN);
		k->key_number = n->invite.key_number;
		k->has_account_key = true;
	} else if (!k->has_account_key) {
		keyring_make_account_key(k);
	}
	k->joined = true;
	k->has_pin = n->invite.pinned;
	memcpy(k->pin, n->invite.pin, sizeof k->pin);
	k->insecure = insecure;
	snprintf(k->url, sizeof k->url, "%s", n->invite.url.text);
}

static void enroll_free(struct engine *g)
{
	struct enroll *n = g->enroll;
	if (!n)
		return;
	websocket_destroy(n->socket);
	loop_timer_destroy(n->timer);
	keyring_wipe(&n->fresh);
	sodium_memzero(n, sizeof *n);
	free(n);
	g->enroll = NULL;
}

void enroll_start(const struct question *q, const char *invite, const char *name, bool insecure)
{
	struct engine *g = q->engine;
	const struct websocket_handler h = { NULL, on_opened, on_closed, on_frame, on_drained };
	if (g->keyring.joined || g->enroll) {
		if (g->enroll)
			control_fail_with(q, CONTROL_FAILED, "join", "wait for it", "another join is under way");
		else
			control_fail_with(q, CONTROL_FAILED, "join", "another account needs another --home",
			                  "this device has joined %.200s already", engine_hub_url(g));
		return;
	}
	struct enroll *n = mem_alloc(sizeof *n);
	g->enroll = n;
	n->engine = g;
	n->question = *q;
	n->question.request = NULL;
	if (!invite_parse(&n->invite, invite, &n->e) ||
	    !take_name(n->name, name ? name : g->config.device_name, &n->e)) {
		control_fail(q, CONTROL_FAILED, &n->e);
		enroll_free(g);
		return;
	}
	prepare_keys(n, insecure);
	struct websocket_setup setup = { .url = n->invite.url, .insecure = insecure, .pinned = n->invite.pinned };
	struct websocket_handler handler = h;
	handler.ctx = n;
	memcpy(setup.pin, n->invite.pin, sizeof setup.pin);
	n->socket = websocket_create(g->loop, &setup, &handler);
	n->timer = loop_timer_create(g->loop, on_due, n);
	loop_timer_arm(n->timer, ENROLL_MS);
	websocket_dial(n->socket);
}

void enroll_turn(struct engine *g)
{
	struct enroll *n = g->enroll;
	if (!n || !n->decided)
		return;
	if (n->accepted && state_rejoin(g, &n->fresh, n->name, &n->e)) {
		struct id self = message_device_id(g->keyring.sign_public);
		char hex[ID_HEX];
		engine_notice(g, NOTICE_INFO, "engine", NULL, "joined the account at %s", engine_hub_url(g));
		control_answer(&n->question,
		               json_pack("{s:s, s:s, s:s, s:s}", "hub", engine_hub_url(g), "account",
		                         g->keyring.account, "device", id_hex(&self, hex), "name", n->name));
	} else {
		control_fail(&n->question, CONTROL_FAILED, &n->e);
	}
	enroll_free(g);
}

void enroll_destroy(struct engine *g)
{
	enroll_free(g);
}

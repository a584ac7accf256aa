#include "wire/message.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"

static const char *const type_names[] = {
	[MESSAGE_AUTH_CHALLENGE] = "AuthChallenge",
	[MESSAGE_AUTH] = "Auth",
	[MESSAGE_ENROLL] = "Enroll",
	[MESSAGE_AUTH_RESPONSE] = "AuthResponse",
	[MESSAGE_INVITE] = "Invite",
	[MESSAGE_INVITED] = "Invited",
	[MESSAGE_REVOKE] = "Revoke",
	[MESSAGE_DEVICES] = "Devices",
	[MESSAGE_ERROR_REPORT] = "ErrorReport",
};

void message_finish(struct message *m)
{
	blob_finish(&m->name);
	for (size_t i = 0; i < m->device_count; i++)
		blob_finish(&m->devices[i].name);
	free(m->devices);
	m->devices = NULL;
	m->device_count = 0;
}

/* ---- making the text ---- */

static void put_int(json_t *o, const char *key, int64_t value)
{
	json_object_set_new(o, key, json_integer(value));
}

static void put_id(json_t *o, const char *key, const struct id *id)
{
	char hex[ID_HEX];
	json_object_set_new(o, key, json_string(id_hex(id, hex)));
}

static void put_text(json_t *o, const char *key, const char *text)
{
	json_object_set_new(o, key, json_bytes(text, strlen(text)));
}

static void put_b64(json_t *o, const char *key, const void *bytes, size_t len)
{
	json_object_set_new(o, key, json_b64(bytes, len));
}

/* All 64 bits: JSON's integers here are signed. */
static void put_epoch(json_t *o, uint64_t epoch)
{
	char hex[17];
	for (int i = 0; i < 16; i++)
		hex[i] = "0123456789abcdef"[epoch >> (60 - 4 * i) & 15];
	hex[16] = 0;
	json_object_set_new(o, "epoch", json_string(hex));
}

static void put_devices(json_t *o, const struct message *m)
{
	json_t *list = json_array();
	for (size_t i = 0; i < m->device_count; i++) {
		const struct message_device *d = &m->devices[i];
		json_t *row = json_object();
		put_id(row, "device", &d->device);
		put_b64(row, "public_key", d->public_key, MESSAGE_PUBLIC);
		put_b64(row, "name", d->name.data, d->name.len);
		put_int(row, "cursor", (int64_t)d->cursor);
		put_int(row, "last_seen_ms", d->last_seen_ms);
		json_object_set_new(row, "online", json_boolean(d->online));
		json_object_set_new(row, "revoked", json_boolean(d->revoked));
		json_array_append_new(list, row);
	}
	json_object_set_new(o, "devices", list);
}

struct blob message_put(const struct message *m)
{
	json_t *o = json_object();
	json_object_set_new(o, "type", json_string(type_names[m->type]));
	switch (m->type) {
	case MESSAGE_AUTH_CHALLENGE:
		put_int(o, "protocol", m->protocol);
		put_id(o, "hub", &m->hub);
		put_b64(o, "nonce", m->nonce, MESSAGE_NONCE);
		break;
	case MESSAGE_AUTH:
		put_int(o, "protocol", WIRE_PROTOCOL);
		put_id(o, "device", &m->device);
		put_epoch(o, m->epoch);
		put_int(o, "cursor", (int64_t)m->cursor);
		put_id(o, "chain", &m->chain);
		put_b64(o, "signature", m->signature, MESSAGE_SIGNATURE);
		break;
	case MESSAGE_ENROLL:
		put_int(o, "protocol", WIRE_PROTOCOL);
		put_b64(o, "token", m->token, MESSAGE_TOKEN);
		put_b64(o, "public_key", m->public_key, MESSAGE_PUBLIC);
		put_b64(o, "name", m->name.data, m->name.len);
		put_b64(o, "signature", m->signature, MESSAGE_SIGNATURE);
		break;
	case MESSAGE_AUTH_RESPONSE:
		json_object_set_new(o, "ok", json_boolean(m->ok));
		if (!m->ok) {
			put_text(o, "code", m->code);
			put_text(o, "text", m->text);
			put_int(o, "retry_after_ms", m->retry_after_ms);
			break;
		}
		put_text(o, "account", m->account);
		put_int(o, "connection", (int64_t)m->connection);
		json_object_set_new(o, "epoch_known", json_boolean(m->epoch_known));
		put_int(o, "counter", (int64_t)m->counter);
		put_int(o, "head", (int64_t)m->head);
		put_id(o, "chain", &m->chain);
		put_devices(o, m);
		break;
	case MESSAGE_INVITE:
		put_b64(o, "token_hash", m->token_hash, MESSAGE_TOKEN);
		put_int(o, "expires_ms", m->expires_ms);
		break;
	case MESSAGE_INVITED:
		put_text(o, "text", m->text);
		break;
	case MESSAGE_REVOKE:
		put_id(o, "device", &m->device);
		break;
	case MESSAGE_DEVICES:
		put_devices(o, m);
		break;
	case MESSAGE_ERROR_REPORT:
		put_text(o, "code", m->code);
		put_text(o, "text", m->text);
		put_int(o, "retry_after_ms", m->retry_after_ms);
		break;
	}
	char *text = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	return (struct blob){ (uint8_t *)text, text ? strlen(text) : 0 };
}

/* ---- checking one that came in ---- */

/* Says once what was wrong first. */
struct check {
	struct err *e;
	bool bad;
};

static void check_fail(struct check *c, const char *key, const char *why)
{
	if (!c->bad)
		err_set(c->e, "control message", "update the older of the two programs", "its field %s %s", key, why);
	c->bad = true;
}

static int64_t get_int(const json_t *o, const char *key, struct check *c)
{
	const json_t *value = json_object_get(o, key);
	if (!json_is_integer(value) || json_integer_value(value) < 0) {
		check_fail(c, key, "is not a whole number of zero or more");
		return 0;
	}
	return json_integer_value(value);
}

static bool get_bool(const json_t *o, const char *key, struct check *c)
{
	const json_t *value = json_object_get(o, key);
	if (!json_is_boolean(value))
		check_fail(c, key, "is neither true nor false");
	return json_is_true(value);
}

static struct id get_id(const json_t *o, const char *key, struct check *c)
{
	struct id id = { 0 };
	const char *text = json_get_text(o, key);
	if (!text || strlen(text) != 2 * ID_LEN || !id_parse(&id, text))
		check_fail(c, key, "is not 32 hex digits");
	return id;
}

static uint64_t get_epoch(const json_t *o, struct check *c)
{
	const char *text = json_get_text(o, "epoch");
	char padded[2 * ID_LEN + 1];
	struct id id = { 0 };
	if (!text || strlen(text) != 16) {
		check_fail(c, "epoch", "is not 16 hex digits");
		return 0;
	}
	memset(padded, '0', 16);
	memcpy(padded + 16, text, 17);
	if (!id_parse(&id, padded))
		check_fail(c, "epoch", "is not 16 hex digits");
	uint64_t epoch = 0;
	for (int i = 8; i < ID_LEN; i++)
		epoch = epoch << 8 | id.b[i];
	return epoch;
}

static void get_bytes(const json_t *o, const char *key, uint8_t *out, size_t len, struct check *c)
{
	struct blob bytes;
	if (json_get_b64(o, key, &bytes, len, len))
		memcpy(out, bytes.data, len);
	else
		check_fail(c, key, "does not have the right length");
	blob_finish(&bytes);
}

static void get_name(const json_t *o, struct blob *out, struct check *c)
{
	if (!json_get_b64(o, "name", out, 0, MESSAGE_NAME_MAX))
		check_fail(c, "name", "is missing or too long");
}

static void get_text(const json_t *o, const char *key, char *out, size_t cap, struct check *c)
{
	const char *text = json_get_text(o, key);
	if (!text || strlen(text) >= cap)
		check_fail(c, key, "is missing or too long");
	else
		memcpy(out, text, strlen(text) + 1);
}

static void get_devices(const json_t *o, struct message *m, struct check *c)
{
	const json_t *list = json_object_get(o, "devices");
	size_t count = json_array_size(list);
	if (!json_is_array(list) || count > MESSAGE_DEVICES_MAX) {
		check_fail(c, "devices", "is missing or too long");
		return;
	}
	m->devices = mem_alloc((count + 1) * sizeof *m->devices);
	for (; m->device_count < count && !c->bad; m->device_count++) {
		const json_t *row = json_array_get(list, m->device_count);
		struct message_device *d = &m->devices[m->device_count];
		d->device = get_id(row, "device", c);
		get_bytes(row, "public_key", d->public_key, MESSAGE_PUBLIC, c);
		get_name(row, &d->name, c);
		d->cursor = (uint64_t)get_int(row, "cursor", c);
		d->last_seen_ms = get_int(row, "last_seen_ms", c);
		d->online = get_bool(row, "online", c);
		d->revoked = get_bool(row, "revoked", c);
	}
}

static void get_complaint(const json_t *o, struct message *m, struct check *c)
{
	get_text(o, "code", m->code, sizeof m->code, c);
	get_text(o, "text", m->text, sizeof m->text, c);
	m->retry_after_ms = get_int(o, "retry_after_ms", c);
}

static void get_fields(const json_t *o, struct message *m, struct check *c)
{
	switch (m->type) {
	case MESSAGE_AUTH_CHALLENGE:
		m->protocol = get_int(o, "protocol", c);
		m->hub = get_id(o, "hub", c);
		get_bytes(o, "nonce", m->nonce, MESSAGE_NONCE, c);
		break;
	case MESSAGE_AUTH:
		m->protocol = get_int(o, "protocol", c);
		m->device = get_id(o, "device", c);
		m->epoch = get_epoch(o, c);
		m->cursor = (uint64_t)get_int(o, "cursor", c);
		m->chain = get_id(o, "chain", c);
		get_bytes(o, "signature", m->signature, MESSAGE_SIGNATURE, c);
		break;
	case MESSAGE_ENROLL:
		m->protocol = get_int(o, "protocol", c);
		get_bytes(o, "token", m->token, MESSAGE_TOKEN, c);
		get_bytes(o, "public_key", m->public_key, MESSAGE_PUBLIC, c);
		get_name(o, &m->name, c);
		get_bytes(o, "signature", m->signature, MESSAGE_SIGNATURE, c);
		break;
	case MESSAGE_AUTH_RESPONSE:
		m->ok = get_bool(o, "ok", c);
		if (!m->ok) {
			get_complaint(o, m, c);
			break;
		}
		get_text(o, "account", m->account, sizeof m->account, c);
		m->connection = (uint64_t)get_int(o, "connection", c);
		m->epoch_known = get_bool(o, "epoch_known", c);
		m->counter = (uint64_t)get_int(o, "counter", c);
		m->head = (uint64_t)get_int(o, "head", c);
		m->chain = get_id(o, "chain", c);
		get_devices(o, m, c);
		break;
	case MESSAGE_INVITE:
		get_bytes(o, "token_hash", m->token_hash, MESSAGE_TOKEN, c);
		m->expires_ms = get_int(o, "expires_ms", c);
		break;
	case MESSAGE_INVITED:
		get_text(o, "text", m->text, sizeof m->text, c);
		break;
	case MESSAGE_REVOKE:
		m->device = get_id(o, "device", c);
		break;
	case MESSAGE_DEVICES:
		get_devices(o, m, c);
		break;
	case MESSAGE_ERROR_REPORT:
		get_complaint(o, m, c);
		break;
	}
}

bool message_get(struct message *out, const void *text, size_t len, struct err *e)
{
	*out = (struct message){ 0 };
	json_t *o = json_from(text, len, WIRE_CONTROL_MAX);
	if (!o)
		return err_set(e, "control message", "", "it is not one JSON object of at most %d bytes",
		               WIRE_CONTROL_MAX);
	struct check c = { .e = e };
	const char *name = json_get_text(o, "type");
	size_t types = sizeof type_names / sizeof *type_names, type = 0;
	while (type < types && (!name || strcmp(name, type_names[type]) != 0))
		type++;
	if (type == types) {
		check_fail(&c, "type", "names no message of this protocol");
	} else {
		out->type = (enum message_type)type;
		get_fields(o, out, &c);
	}
	json_decref(o);
	if (c.bad)
		message_finish(out);
	return !c.bad;
}

/* ---- what is signed and hashed ---- */

struct blob message_signed_part(const struct message *m, const uint8_t nonce[MESSAGE_NONCE], const struct id *hub)
{
	static const char auth[] = "syncline auth 1", enroll[] = "syncline enroll 1"; /* their NULs included */
	struct buf out = { 0 };
	if (m->type == MESSAGE_ENROLL)
		buf_put(&out, enroll, sizeof enroll);
	else
		buf_put(&out, auth, sizeof auth);
	buf_u64le(&out, WIRE_PROTOCOL);
	buf_put(&out, hub->b, ID_LEN);
	buf_put(&out, nonce, MESSAGE_NONCE);
	if (m->type == MESSAGE_ENROLL) {
		uint8_t hash[MESSAGE_TOKEN];
		message_token_hash(hash, m->token);
		buf_put(&out, m->public_key, MESSAGE_PUBLIC);
		buf_put(&out, hash, sizeof hash);
		buf_bytes(&out, span_blob(&m->name));
	} else {
		buf_put(&out, m->device.b, ID_LEN);
		buf_u64le(&out, m->epoch);
		buf_u64le(&out, m->cursor);
		buf_put(&out, m->chain.b, ID_LEN);
	}
	return buf_take(&out);
}

struct id message_device_id(const uint8_t public_key[MESSAGE_PUBLIC])
{
	struct span part = span_of(public_key, MESSAGE_PUBLIC);
	return hash_plain("syncline device 1", &part, 1);
}

void message_token_hash(uint8_t out[MESSAGE_TOKEN], const uint8_t token[MESSAGE_TOKEN])
{
	static const char domain[] = "syncline token 1";
	crypto_generichash_state state;
	crypto_generichash_init(&state, NULL, 0, MESSAGE_TOKEN);
	crypto_generichash_update(&state, (const uint8_t *)domain, sizeof domain);
	crypto_generichash_update(&state, token, MESSAGE_TOKEN);
	crypto_generichash_final(&state, out, MESSAGE_TOKEN);
}

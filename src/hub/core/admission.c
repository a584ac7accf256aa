#include "hub/core/admission.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mark.h"
#include "base/mem.h"
#include "hub/core/fanout.h"
#include "hub/core/parts.h"

void admission_challenge(struct hub_core *h, struct conn *c)
{
	h->world.entropy(h->world.ctx, c->nonce, sizeof c->nonce);
	struct message m = { .type = MESSAGE_AUTH_CHALLENGE, .protocol = WIRE_PROTOCOL, .hub = h->id };
	memcpy(m.nonce, c->nonce, sizeof m.nonce);
	conn_message(h, c, &m);
}

static void refuse(struct hub_core *h, struct conn *c, const char *code, const char *text, int64_t retry_after_ms)
{
	struct message m = { .type = MESSAGE_AUTH_RESPONSE, .retry_after_ms = retry_after_ms };
	char line[96];
	snprintf(m.code, sizeof m.code, "%s", code);
	snprintf(m.text, sizeof m.text, "%s", text);
	conn_message(h, c, &m);
	conn_close(h, c, code);
	snprintf(line, sizeof line, "connection %llu was refused: %s", (unsigned long long)c->id, code);
	h->world.log(h->world.ctx, "info", line);
}

static void refuse_busy(struct hub_core *h, struct conn *c, const struct store_answer *answer)
{
	h->world.log(h->world.ctx, "error", answer->text);
	refuse(h, c, "busy", "the hub cannot use its store now", HUB_BUSY_WAIT_MS);
}

static bool signed_by(const struct hub_core *h, const struct conn *c, const uint8_t public_key[MESSAGE_PUBLIC])
{
	struct blob part = message_signed_part(c->auth, c->nonce, &h->id);
	bool good = crypto_sign_verify_detached(c->auth->signature, part.data, part.len, public_key) == 0;
	blob_finish(&part);
	return good;
}

/* ---- what came in ---- */

static void take_auth(struct hub_core *h, struct conn *c, struct message *m)
{
	if (m->protocol != WIRE_PROTOCOL) {
		refuse(h, c, "protocol",
		       "the device speaks another version of the protocol; update the older of the two", 0);
		return;
	}
	c->auth = mem_alloc(sizeof *c->auth);
	*c->auth = *m;
	m->name = (struct blob){ 0 }; /* moved */
	if (m->type == MESSAGE_AUTH) {
		c->state = CONN_LOOKUP;
		h->store->ops->device(h->store, pending_add(h, ASKED_DEVICE, c, NULL), &m->device, m->epoch);
		return;
	}
	if (!signed_by(h, c, m->public_key)) {
		refuse(h, c, "bad-signature", "the signature does not belong to the public key", 0);
		return;
	}
	struct message_device device = { .device = message_device_id(m->public_key), .name = c->auth->name };
	uint8_t hash[MESSAGE_TOKEN];
	memcpy(device.public_key, m->public_key, MESSAGE_PUBLIC);
	message_token_hash(hash, m->token);
	c->state = CONN_LOOKUP;
	h->store->ops->enroll(h->store, pending_add(h, ASKED_ENROLL, c, NULL), hash, &device, h->wall_ms);
}

static void take_invite(struct hub_core *h, struct conn *c, const struct message *m)
{
	int64_t expires_ms = m->expires_ms;
	if (expires_ms <= h->wall_ms) {
		struct message answer = { .type = MESSAGE_INVITED,
			                  .text = "by the hub's clock it has expired already" };
		conn_message(h, c, &answer);
		return;
	}
	if (expires_ms > h->wall_ms + HUB_INVITE_MAX_MS)
		expires_ms = h->wall_ms + HUB_INVITE_MAX_MS;
	uint64_t ticket = pending_add(h, ASKED_INVITE, c, c->account);
	h->store->ops->invite(h->store, ticket, c->account->name, m->token_hash, expires_ms, h->wall_ms);
}

static void take_revoke(struct hub_core *h, struct conn *c, const struct message *m)
{
	uint64_t ticket = pending_add(h, ASKED_REVOKE, c, c->account);
	h->pending[ticket & (h->pending_cap - 1)].device = m->device;
	h->store->ops->revoke(h->store, ticket, c->account->name, &m->device);
}

static void take(struct hub_core *h, struct conn *c, struct message *m)
{
	bool opens = m->type == MESSAGE_AUTH || m->type == MESSAGE_ENROLL;
	if (c->state == CONN_CHALLENGED && opens)
		take_auth(h, c, m);
	else if (c->state == CONN_READY && m->type == MESSAGE_INVITE)
		take_invite(h, c, m);
	else if (c->state == CONN_READY && m->type == MESSAGE_REVOKE)
		take_revoke(h, c, m);
	else if (m->type == MESSAGE_ERROR_REPORT)
		h->world.log(h->world.ctx, "info", "a device reported an error");
	else
		conn_fail(h, c, "malformed", "this control message is out of place here", 0);
}

void admission_text(struct hub_core *h, struct conn *c, struct span text)
{
	struct message m;
	struct err e = { 0 };
	if (text.len > WIRE_CONTROL_MAX) {
		conn_fail(h, c, "too-large", "a control message is over 64 KiB", 0);
		return;
	}
	if (c->state == CONN_READY && !bucket_take(&c->texts, h->now_ms, HUB_RATE_TEXT, HUB_BURST_TEXT)) {
		conn_fail(h, c, "rate", "too many control messages", 10000);
		return;
	}
	if (!message_get(&m, text.data, text.len, &e)) {
		char sentence[512];
		snprintf(sentence, sizeof sentence, "a control message is malformed: %s", e.why);
		conn_fail(h, c, "malformed", sentence, 0);
		return;
	}
	take(h, c, &m);
	message_finish(&m);
}

void admission_early_binary(struct hub_core *h, struct conn *c)
{
	conn_fail(h, c, "malformed", "a binary frame came before the device had authenticated", 0);
}

/* ---- what the store said ---- */

void admission_device(struct hub_core *h, struct conn *c, const struct store_answer *answer)
{
	if (!c || c->state != CONN_LOOKUP)
		return;
	if (answer->status == STORE_ABSENT) {
		refuse(h, c, "unknown-device", "this hub does not know the device; join it again with a new invite", 0);
		return;
	}
	if (answer->status != STORE_OK) {
		refuse_busy(h, c, answer);
		return;
	}
	const struct store_device *d = &answer->devices[0];
	if (!signed_by(h, c, d->public.public_key)) {
		refuse(h, c, "bad-signature", "the signature does not belong to the device", 0);
		return;
	}
	if (d->public.revoked) {
		refuse(h, c, "revoked", "the device was shut out of its account", 0);
		return;
	}
	c->auth->counter = d->counter;
	h->store->ops->account(h->store, pending_add(h, ASKED_ADMIT, c, NULL), d->account, c->auth->cursor);
}

/* The store has brought the account: the connection becomes one of it. */
void admission_admit(struct hub_core *h, struct conn *c, const struct store_answer *answer)
{
	if (!c || c->state != CONN_LOOKUP)
		return;
	if (answer->status != STORE_OK || answer->device_count == 0) {
		refuse_busy(h, c, answer);
		return;
	}
	struct account *a = account_get(h, answer->devices[0].account);
	account_load(a, answer);
	struct message auth = *c->auth;
	struct member *m = account_member(a, &auth.device);
	if (!m || m->public.revoked) { /* revoked between the two questions */
		refuse(h, c, "revoked", "the device was shut out of its account", 0);
		account_release(h, a);
		return;
	}
	if (a->writer_count >= HUB_WRITERS) {
		refuse(h, c, "rate", "the account's devices begin new epochs too often", 60000);
		account_release(h, a);
		return;
	}
	struct conn *older = m->conn;
	c->state = CONN_READY;
	c->epoch = auth.epoch;
	c->sent = auth.cursor;
	/* Where the device's history is not ours (the hub was restored, or forked), the device must see it and decide;
	 * entries would only be put on top of the wrong ones. */
	bool claims = auth.cursor && !id_zero(&auth.chain);
	c->apart = auth.cursor > a->head || (claims && !id_equal(&auth.chain, &answer->chain));
	if (c->apart)
		MARK("hub.device_of_another_history");
	account_attach(a, c, m);
	conn_wait(h, c, &h->ready);
	if (older) {
		MARK("hub.older_connection_replaced");
		conn_fail(h, older, "replaced", "the device has connected anew", 0);
	}
	conn_forget_auth(c);
	m->public.last_seen_ms = h->wall_ms;
	if (!c->apart) {
		m->public.cursor = auth.cursor; /* back, too: a device that lost its state begins anew */
		h->store->ops->cursor(h->store, a->name, &m->public.device, auth.cursor, h->wall_ms);
		conn_moved(h, c);
	}

	struct message response = {
		.type = MESSAGE_AUTH_RESPONSE,
		.ok = true,
		.connection = c->id,
		.counter = auth.counter,
		.epoch_known = auth.counter > 0,
		.head = a->head,
		.chain = answer->chain,
	};
	memcpy(response.account, a->name, sizeof response.account);
	fanout_devices(h, c, a, &response);
	parts_resume(h, c);
	fanout_presence(h, a, m);
	conn_todo(h, c);
}

void admission_enrolled(struct hub_core *h, struct conn *c, const struct store_answer *answer)
{
	if (answer->status == STORE_OK) { /* even when the connection is gone the others want to know */
		h->store->ops->account(h->store, pending_add(h, ASKED_LIST, c, NULL), answer->devices[0].account, 0);
		return;
	}
	if (!c || c->state != CONN_LOOKUP)
		return;
	switch (answer->status) {
	case STORE_ABSENT:
	case STORE_SPENT:
		refuse(h, c, "spent-invite", "the invite is not valid here, or was used already; ask for a new one", 0);
		break;
	case STORE_EXPIRED:
		refuse(h, c, "expired-invite", "the invite has expired; ask for a new one", 0);
		break;
	case STORE_FULL:
		refuse(h, c, "quota", "the account has as many devices as it may have; revoke one first", 0);
		break;
	default:
		refuse_busy(h, c, answer);
	}
}

/* A fresh list of an account: to all its devices, and to the one that has just enrolled. */
void admission_list(struct hub_core *h, struct conn *c, const struct store_answer *answer)
{
	bool enrolling = c && c->state == CONN_LOOKUP && c->auth->type == MESSAGE_ENROLL;
	if (answer->status != STORE_OK || answer->device_count == 0) {
		if (enrolling)
			refuse_busy(h, c, answer);
		return;
	}
	struct account *a = account_get(h, answer->devices[0].account);
	account_load(a, answer);
	for (size_t i = 0; i < a->conn_count; i++)
		fanout_devices(h, a->conns[i], a, NULL);
	if (enrolling) {
		struct message response = {
			.type = MESSAGE_AUTH_RESPONSE, .ok = true, .connection = c->id, .head = a->head
		};
		memcpy(response.account, a->name, sizeof response.account);
		fanout_devices(h, c, a, &response);
		conn_forget_auth(c);
		c->state = CONN_CHALLENGED; /* it may authenticate now, with the same nonce */
		conn_wait(h, c, &h->early);
	}
	account_release(h, a);
}

void admission_invited(struct hub_core *h, struct conn *c, const struct store_answer *answer)
{
	struct message m = { .type = MESSAGE_INVITED };
	if (!c || c->state != CONN_READY)
		return;
	if (answer->status == STORE_FULL)
		snprintf(m.text, sizeof m.text, "too many invites of this account are open");
	else if (answer->status != STORE_OK)
		snprintf(m.text, sizeof m.text, "the hub cannot use its store now; try again later");
	conn_message(h, c, &m);
}

void admission_revoked(struct hub_core *h, struct account *a, const struct id *device,
                       const struct store_answer *answer)
{
	if (answer->status != STORE_OK) {
		h->world.log(h->world.ctx, "error", answer->text);
		return;
	}
	struct member *m = account_member(a, device);
	if (m) {
		m->public.revoked = true;
		if (m->conn)
			conn_fail(h, m->conn, "revoked", "the device was shut out of its account", 0);
	}
	h->store->ops->account(h->store, pending_add(h, ASKED_LIST, NULL, NULL), a->name, 0);
}

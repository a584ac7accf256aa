#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "wire/message.h"

static void fill(void *out, size_t len, uint8_t from)
{
	for (size_t i = 0; i < len; i++)
		((uint8_t *)out)[i] = (uint8_t)(from + i);
}

static struct message sample(enum message_type type)
{
	struct message m = { .type = type };
	switch (type) {
	case MESSAGE_AUTH_CHALLENGE:
		m.protocol = WIRE_PROTOCOL;
		fill(m.hub.b, ID_LEN, 1);
		fill(m.nonce, sizeof m.nonce, 2);
		break;
	case MESSAGE_AUTH:
		fill(m.device.b, ID_LEN, 3);
		fill(m.signature, sizeof m.signature, 4);
		m.epoch = 0xfedcba9876543210;
		m.cursor = 12;
		fill(m.chain.b, ID_LEN, 5);
		break;
	case MESSAGE_ENROLL:
		fill(m.token, sizeof m.token, 6);
		fill(m.public_key, sizeof m.public_key, 7);
		fill(m.signature, sizeof m.signature, 8);
		m.name = blob_copy("sealed name", 11);
		break;
	case MESSAGE_AUTH_RESPONSE:
		m.ok = true;
		strcpy(m.account, "me");
		m.connection = 4;
		m.epoch_known = true;
		m.counter = 5;
		m.head = 6;
		fill(m.chain.b, ID_LEN, 9);
		/* fallthrough */
	case MESSAGE_DEVICES:
		m.devices = mem_alloc(2 * sizeof *m.devices);
		m.device_count = 2;
		for (int i = 0; i < 2; i++) {
			fill(m.devices[i].device.b, ID_LEN, (uint8_t)(10 + i));
			fill(m.devices[i].public_key, MESSAGE_PUBLIC, (uint8_t)(20 + i));
			m.devices[i].name = blob_copy("n", 1);
			m.devices[i].cursor = 7;
			m.devices[i].last_seen_ms = 1700000000000;
			m.devices[i].online = i == 0;
			m.devices[i].revoked = i == 1;
		}
		break;
	case MESSAGE_INVITE:
		fill(m.token_hash, sizeof m.token_hash, 30);
		m.expires_ms = 1700000000000;
		break;
	case MESSAGE_INVITED:
		strcpy(m.text, "why not");
		break;
	case MESSAGE_REVOKE:
		fill(m.device.b, ID_LEN, 31);
		break;
	case MESSAGE_ERROR_REPORT:
		strcpy(m.code, "malformed");
		strcpy(m.text, "a \"quoted\" sentence");
		m.retry_after_ms = 9;
		break;
	}
	return m;
}

Test(message, every_type_comes_back)
{
	for (int type = 0; type <= MESSAGE_ERROR_REPORT; type++) {
		struct message m = sample(type), back;
		struct err e = { 0 };
		struct blob text = message_put(&m);
		cr_assert(message_get(&back, text.data, text.len, &e), "%.*s: %s", (int)text.len, text.data, e.why);
		struct blob again = message_put(&back);
		cr_expect(span_equal(span_blob(&text), span_blob(&again)), "%.*s", (int)again.len, again.data);
		if (type == MESSAGE_AUTH)
			cr_expect_eq(back.epoch, m.epoch);
		if (type == MESSAGE_AUTH || type == MESSAGE_ENROLL)
			cr_expect_eq(back.protocol, WIRE_PROTOCOL);
		blob_finish(&text);
		blob_finish(&again);
		message_finish(&m);
		message_finish(&back);
	}
}

Test(message, every_cut_is_refused)
{
	for (int type = 0; type <= MESSAGE_ERROR_REPORT; type++) {
		struct message m = sample(type), back;
		struct blob text = message_put(&m);
		for (size_t len = 0; len < text.len; len++)
			cr_assert_not(message_get(&back, text.data, len, NULL));
		blob_finish(&text);
		message_finish(&m);
	}
}

Test(message, refuses)
{
	static const char *const bad[] = {
		"",
		"[]",
		"{}",
		"{\"type\":7}",
		"{\"type\":\"auth\"}",
		"{\"type\":\"Revoke\"}",
		"{\"type\":\"Revoke\",\"device\":\"10\"}",
		"{\"type\":\"Revoke\",\"device\":\"101112131415161718191a1b1c1d1e1g\"}",
		"{\"type\":\"Revoke\",\"device\":\"101112131415161718191a1b1c1d1e1f\",\"device\":"
		"\"101112131415161718191a1b1c1d1e1f\"}",
		"{\"type\":\"Invite\",\"token_hash\":\"AAAA\",\"expires_ms\":1}",
		"{\"type\":\"Invite\",\"token_hash\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"expires_ms\":-"
		"1}",
		"{\"type\":\"Invite\",\"token_hash\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"expires_ms\":1."
		"5}",
		"{\"type\":\"Devices\",\"devices\":{}}",
		"{\"type\":\"Devices\",\"devices\":[7]}",
	};
	struct message m;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct err e = { 0 };
		cr_expect_not(message_get(&m, bad[i], strlen(bad[i]), &e), "%s was taken", bad[i]);
		cr_expect(e.why[0], "%s is refused without a word", bad[i]);
	}
	char *deep = mem_alloc(WIRE_CONTROL_MAX + 2);
	memset(deep, '[', WIRE_CONTROL_MAX);
	cr_expect_not(message_get(&m, deep, 200, NULL));
	memset(deep, ' ', WIRE_CONTROL_MAX + 1);
	memcpy(deep, "{\"type\":\"Invited\",\"text\":\"\"}", 28);
	cr_expect(message_get(&m, deep, WIRE_CONTROL_MAX, NULL));
	cr_expect_not(message_get(&m, deep, WIRE_CONTROL_MAX + 1, NULL));
	free(deep);
}

Test(message, signatures_do_not_mix)
{
	uint8_t nonce[MESSAGE_NONCE] = { 1 };
	struct id hub = { { 1 } }, other = { { 2 } };
	struct message m = sample(MESSAGE_AUTH);
	struct blob a = message_signed_part(&m, nonce, &hub), b = message_signed_part(&m, nonce, &other);
	cr_expect_not(span_equal(span_blob(&a), span_blob(&b)));
	blob_finish(&b);
	m.type = MESSAGE_ENROLL;
	b = message_signed_part(&m, nonce, &hub);
	cr_expect_neq(memcmp(a.data, b.data, 16), 0);
	blob_finish(&b);
	m.type = MESSAGE_AUTH;
	m.cursor++;
	b = message_signed_part(&m, nonce, &hub);
	cr_expect_not(span_equal(span_blob(&a), span_blob(&b)));
	blob_finish(&a);
	blob_finish(&b);
}

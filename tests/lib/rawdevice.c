#include "tests/lib/rawdevice.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void rawdevice_init(struct rawdevice *d, uint8_t n)
{
	uint8_t seed[crypto_sign_SEEDBYTES] = { n, 0x55 };
	*d = (struct rawdevice){ .fd = -1 };
	crypto_sign_seed_keypair(d->public_key, d->secret, seed);
	d->id = message_device_id(d->public_key);
}

void rawdevice_finish(struct rawdevice *d)
{
	SSL_free(d->tls);
	d->tls = NULL;
	if (d->fd >= 0)
		close(d->fd);
	d->fd = -1;
	buf_finish(&d->in);
	d->taken = 0;
}

static bool start_tls(struct rawdevice *d)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *tls = SSL_new(ctx);
	unsigned len = 0;
	SSL_CTX_free(ctx);
	d->tls = tls;
	if (SSL_set_fd(tls, d->fd) != 1 || SSL_connect(tls) != 1)
		return false;
	X509 *cert = SSL_get1_peer_certificate(tls);
	bool good = cert && X509_digest(cert, EVP_sha256(), d->pin, &len) == 1;
	X509_free(cert);
	return good;
}

bool rawdevice_dial(struct rawdevice *d, const char *address, bool tls)
{
	char host[64];
	unsigned port;
	int on = 1;
	struct sockaddr_in a = { .sin_family = AF_INET };
	if (sscanf(address, "%63[0-9.]:%u", host, &port) != 2 || inet_pton(AF_INET, host, &a.sin_addr) != 1)
		return false;
	a.sin_port = htons((uint16_t)port);
	d->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(d->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	return connect(d->fd, (struct sockaddr *)&a, sizeof a) == 0 && (!tls || start_tls(d));
}

bool rawdevice_write(struct rawdevice *d, const void *bytes, size_t len)
{
	for (size_t at = 0; at < len;) {
		const uint8_t *p = (const uint8_t *)bytes + at;
		ssize_t n = d->tls ? SSL_write(d->tls, p, (int)(len - at)) : send(d->fd, p, len - at, MSG_NOSIGNAL);
		if (n <= 0)
			return false;
		at += (size_t)n;
	}
	return true;
}

/* More bytes into d->in. */
static bool fill(struct rawdevice *d, int timeout_ms)
{
	struct pollfd p = { .fd = d->fd, .events = POLLIN };
	if (d->taken) {
		memmove(d->in.data, d->in.data + d->taken, d->in.len - d->taken);
		d->in.len -= d->taken;
		d->taken = 0;
	}
	if (!(d->tls && SSL_pending(d->tls)) && poll(&p, 1, timeout_ms) != 1)
		return false;
	buf_reserve(&d->in, 65536);
	uint8_t *at = d->in.data + d->in.len;
	ssize_t n = d->tls ? SSL_read(d->tls, at, 65536) : recv(d->fd, at, 65536, 0);
	if (n <= 0)
		return false;
	d->in.len += (size_t)n;
	return true;
}

int rawdevice_upgrade(struct rawdevice *d, const char *path, const char *protocol)
{
	struct buf out = { 0 };
	int status = -1;
	char *end = NULL;
	buf_printf(&out,
	           "GET %s HTTP/1.1\r\nHost: hub\r\nUpgrade: websocket\r\nConnection: "
	           "Upgrade\r\nSec-WebSocket-Version: 13\r\n"
	           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
	           path);
	if (protocol)
		buf_printf(&out, "Sec-WebSocket-Protocol: %s\r\n", protocol);
	buf_printf(&out, "\r\n");
	bool good = rawdevice_write(d, out.data, out.len);
	buf_finish(&out);
	while (good && !end) {
		good = fill(d, 5000);
		end = good ? strstr(buf_text(&d->in), "\r\n\r\n") : NULL;
	}
	if (end && sscanf((char *)d->in.data, "HTTP/1.1 %d", &status) == 1)
		d->taken = (size_t)(end + 4 - (char *)d->in.data);
	return status;
}

bool rawdevice_frame(struct rawdevice *d, bool final, uint8_t opcode, struct span payload)
{
	static const uint8_t mask[4] = { 0x12, 0x34, 0x56, 0x78 };
	struct buf out = { 0 };
	buf_reserve(&out, payload.len + 16);
	buf_u8(&out, (uint8_t)((final ? 0x80 : 0) | opcode));
	if (payload.len < 126) {
		buf_u8(&out, (uint8_t)(0x80 | payload.len));
	} else if (payload.len < 65536) {
		buf_u8(&out, 0x80 | 126);
		buf_u8(&out, (uint8_t)(payload.len >> 8));
		buf_u8(&out, (uint8_t)payload.len);
	} else {
		buf_u8(&out, 0x80 | 127);
		for (int i = 7; i >= 0; i--)
			buf_u8(&out, (uint8_t)((uint64_t)payload.len >> (8 * i)));
	}
	buf_put(&out, mask, 4);
	for (size_t i = 0; i < payload.len; i++)
		out.data[out.len + i] = payload.data[i] ^ mask[i & 3];
	out.len += payload.len;
	bool good = rawdevice_write(d, out.data, out.len);
	buf_finish(&out);
	return good;
}

/* A whole frame out of d->in: the opcode, or -1 when there is none yet. A hub neither masks nor fragments. */
static int take_frame(struct rawdevice *d, struct buf *payload)
{
	const uint8_t *p = d->in.data + d->taken;
	size_t have = d->in.len - d->taken, head = 2;
	if (have < 2)
		return -1;
	uint64_t len = p[1] & 0x7f;
	size_t wide = len == 126 ? 2 : len == 127 ? 8 : 0;
	if (have < head + wide)
		return -1;
	for (size_t i = 0; i < wide; i++)
		len = (i ? len << 8 : 0) | p[head + i];
	head += wide;
	if (have < head + len)
		return -1;
	buf_clear(payload);
	buf_put(payload, p + head, len);
	d->taken += head + len;
	return p[0] & 0x0f;
}

int rawdevice_next(struct rawdevice *d, struct buf *payload, int timeout_ms)
{
	int opcode;
	while ((opcode = take_frame(d, payload)) < 0)
		if (!fill(d, timeout_ms))
			return -1;
	return opcode;
}

bool rawdevice_message(struct rawdevice *d, const struct message *m)
{
	struct blob text = message_put(m);
	bool good = rawdevice_frame(d, true, 1, span_blob(&text));
	blob_finish(&text);
	return good;
}

bool rawdevice_answer(struct rawdevice *d, enum message_type type, struct message *out)
{
	struct buf payload = { 0 };
	int opcode;
	bool good = false;
	while (!good && (opcode = rawdevice_next(d, &payload, 5000)) > 0) {
		if (opcode != 1 || !message_get(out, payload.data, payload.len, NULL))
			continue;
		good = out->type == type;
		if (!good)
			message_finish(out);
	}
	buf_finish(&payload);
	return good;
}

bool rawdevice_connect(struct rawdevice *d, const char *address, bool tls)
{
	struct message m;
	if (!rawdevice_dial(d, address, tls) || rawdevice_upgrade(d, WIRE_PATH, WIRE_SUBPROTOCOL) != 101 ||
	    !rawdevice_answer(d, MESSAGE_AUTH_CHALLENGE, &m))
		return false;
	memcpy(d->nonce, m.nonce, sizeof d->nonce);
	d->hub = m.hub;
	return true;
}

static bool send_signed(struct rawdevice *d, struct message *m)
{
	struct message answer;
	struct blob part = message_signed_part(m, d->nonce, &d->hub);
	crypto_sign_detached(m->signature, NULL, part.data, part.len, d->secret);
	blob_finish(&part);
	if (!rawdevice_message(d, m) || !rawdevice_answer(d, MESSAGE_AUTH_RESPONSE, &answer))
		return false;
	bool good = answer.ok;
	message_finish(&answer);
	return good;
}

bool rawdevice_enroll(struct rawdevice *d, const uint8_t token[MESSAGE_TOKEN])
{
	struct message m = { .type = MESSAGE_ENROLL };
	memcpy(m.token, token, MESSAGE_TOKEN);
	memcpy(m.public_key, d->public_key, MESSAGE_PUBLIC);
	m.name = blob_copy("name", 4);
	bool good = send_signed(d, &m);
	message_finish(&m);
	return good;
}

bool rawdevice_auth(struct rawdevice *d, uint64_t epoch, uint64_t cursor)
{
	struct message m = { .type = MESSAGE_AUTH, .device = d->id, .epoch = epoch, .cursor = cursor };
	return send_signed(d, &m);
}

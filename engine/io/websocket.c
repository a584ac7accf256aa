#include "engine/io/websocket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libwebsockets.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "engine/io/resolver.h"
#include "engine/io/tcpinfo.h"
#include "wire/wire.h"

#define ASK_AGAIN_MS    10 /* why a connection failed: not worth more */
#define GOODBYE_SECONDS 5  /* what was sent before a hang-up has so long to leave */

struct out_frame {
	struct out_frame *next;
	bool text;
	size_t len;
	uint8_t room[]; /* LWS_PRE bytes for the library, then the frame */
};

/* One dial and the connection that came of it. It outlives its websocket's interest in it (owner NULL) until the
 * library lets go of the socket. */
struct dial {
	struct websocket *owner;
	struct lws *wsi;
	struct lookup *lookup;
	bool open, fatal;
	bool connected; /* TCP stands: what fails now is what the other end says */
	char why[480];  /* what we found wrong ourselves; goes before the library's words */
	struct buf in;  /* of the message that is arriving */
	struct out_frame *first, **last;
	size_t backlog;
	struct resolver_answer found;
	size_t first_address, at; /* the address tried first; how many were tried since */
	struct tcpinfo count;
};

struct websocket {
	struct loop *loop;
	struct websocket_setup setup;
	struct websocket_handler handler;
	struct lws_vhost *vhost;
	struct dial *dial;
	struct loop_timer *soon; /* the next address is tried from the loop */
	size_t dials; /* each begins with the next of several addresses: a silent one must not hide the rest */
	uint64_t sent, received; /* of connections that ended */
};

static int callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len);

static const struct lws_protocols protocols[] = {
	{ .name = WIRE_SUBPROTOCOL, .callback = callback, .rx_buffer_size = 32768 },
	{ .name = NULL },
};

/* All zeros: the library sends no pings of its own; heartbeats are the core's. */
static const lws_retry_bo_t no_policy = { 0 };

static void free_frames(struct dial *d)
{
	while (d->first) {
		struct out_frame *f = d->first;
		d->first = f->next;
		free(f);
	}
	d->last = &d->first;
	d->backlog = 0;
}

static void dial_free(struct dial *d)
{
	lookup_cancel(d->lookup);
	free_frames(d);
	buf_finish(&d->in);
	free(d);
}

static void count(struct dial *d)
{
	if (d->wsi && d->open)
		tcpinfo_read(lws_get_socket_fd(d->wsi), &d->count);
}

/* The websocket's connection is no longer its: what it counted is kept. */
static void detach(struct websocket *w)
{
	struct dial *d = w->dial;
	if (!d)
		return;
	count(d);
	w->sent += d->count.sent;
	w->received += d->count.received;
	w->dial = NULL;
	d->owner = NULL;
	lookup_cancel(d->lookup);
	d->lookup = NULL;
}

static void ended(struct dial *d, const char *why, bool fatal)
{
	struct websocket *w = d->owner;
	char text[sizeof d->why];
	snprintf(text, sizeof text, "%s", why);
	if (!w)
		return;
	detach(w);
	w->handler.closed(w->handler.ctx, text, fatal);
}

static const char *address_of(const struct dial *d)
{
	return d->found.addresses[(d->first_address + d->at) % d->found.count];
}

/* ---- why a connection did not come about, in plain words ---- */

/* The library does not tell why a TCP connection failed. Asking again is cheap where the answer comes at once. */
static int connect_errno(const char *address, int port)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	bool is_six = inet_pton(AF_INET6, address, &six.sin6_addr) == 1;
	inet_pton(AF_INET, address, &four.sin_addr);
	int fd = socket(is_six ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return errno;
	int failed = is_six ? connect(fd, (struct sockaddr *)&six, sizeof six)
	                    : connect(fd, (struct sockaddr *)&four, sizeof four);
	int code = failed ? errno : 0;
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	socklen_t len = sizeof code;
	if (code == EINPROGRESS && poll(&p, 1, ASK_AGAIN_MS) == 1)
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &len);
	close(fd);
	return code;
}

static void connect_words(const struct dial *d, char *out, size_t cap)
{
	switch (connect_errno(address_of(d), d->owner->setup.url.port)) {
	case ECONNREFUSED:
		snprintf(out, cap, "connection refused: nothing listens there");
		break;
	case ENETUNREACH:
	case EHOSTUNREACH:
	case EADDRNOTAVAIL:
	case EAFNOSUPPORT:
		snprintf(out, cap, "no route to it: is the network up?");
		break;
	case EACCES:
	case EPERM:
		snprintf(out, cap, "this machine's firewall forbids the connection");
		break;
	default:
		snprintf(out, cap, "it could not be reached: connection refused, timed out or cut off");
	}
}

static void header(struct lws *wsi, enum lws_token_indexes token, char *out, size_t cap)
{
	out[0] = 0;
	if (lws_hdr_total_length(wsi, token) > 0 && lws_hdr_copy(wsi, out, (int)cap, token) < 0)
		out[0] = 0;
	out[strcspn(out, ";\r\n")] = 0;
}

static bool http_words(struct lws *wsi, char *out, size_t cap)
{
	unsigned status = lws_http_client_http_response(wsi);
	char type[80];
	if (!status)
		return false;
	if (status == 101) {
		snprintf(out, cap, "it does not speak %s: not a syncline hub", WIRE_SUBPROTOCOL);
		return true;
	}
	header(wsi, WSI_TOKEN_HTTP_CONTENT_TYPE, type, sizeof type);
	snprintf(out, cap, "answered HTTP %u%s%s: not a syncline hub", status, type[0] ? " " : "", type);
	return true;
}

static bool certificate_words(struct lws *wsi, const char *library, char *out, size_t cap)
{
	SSL *ssl = lws_get_ssl(wsi);
	long code = ssl ? SSL_get_verify_result(ssl) : X509_V_OK;
	if (code != X509_V_OK)
		snprintf(out, cap, "its certificate was not accepted: %s", X509_verify_cert_error_string(code));
	else if (strstr(library, "tls="))
		snprintf(out, cap, "its certificate was not accepted: %s", library);
	return code != X509_V_OK || strstr(library, "tls=");
}

static bool has_peer(struct lws *wsi)
{
	struct sockaddr_storage peer;
	socklen_t len = sizeof peer;
	return !getpeername(lws_get_socket_fd(wsi), (struct sockaddr *)&peer, &len);
}

static void try_next(struct dial *d, struct lws *wsi)
{
	lws_set_opaque_user_data(wsi, NULL); /* the library lets go of the old one by itself */
	d->wsi = NULL;
	d->at++;
	loop_timer_arm(d->owner->soon, 0); /* not from within the library's callback */
}

static void failed(struct dial *d, struct lws *wsi, const char *library)
{
	char words[sizeof d->why];
	if (!d->owner)
		return;
	if (d->why[0])
		ended(d, d->why, d->fatal);
	else if (d->owner->setup.url.tls && certificate_words(wsi, library, words, sizeof words))
		ended(d, words, true);
	else if (http_words(wsi, words, sizeof words))
		ended(d, words, false);
	else if (d->connected || has_peer(wsi))
		ended(d,
		      d->owner->setup.url.tls
		              ? "it does not answer as a hub with TLS does: is it the right port, and not one for "
		                "ws://?"
		              : "it does not answer as a hub does: is it the right port, and not one for wss://?",
		      false);
	else if (d->at + 1 < d->found.count)
		try_next(d, wsi);
	else {
		connect_words(d, words, sizeof words);
		ended(d, words, false);
	}
}

/* ---- TLS ---- */

/* Before the first byte of HTTP: is this the certificate that the invite named, or the address that was dialled? */
static bool certificate_fits(struct dial *d, struct lws *wsi)
{
	const struct websocket_setup *s = &d->owner->setup;
	if (!s->url.tls || (!s->pinned && !s->url.literal))
		return true; /* the library has verified chain and name */
	SSL *ssl = lws_get_ssl(wsi);
	X509 *certificate = ssl ? SSL_get1_peer_certificate(ssl) : NULL;
	bool fits = false;
	if (certificate && s->pinned) {
		unsigned char *der = NULL;
		uint8_t hash[crypto_hash_sha256_BYTES];
		int len = i2d_X509(certificate, &der);
		if (len > 0) {
			crypto_hash_sha256(hash, der, (unsigned long long)len);
			fits = !sodium_memcmp(hash, s->pin, sizeof hash);
		}
		OPENSSL_free(der);
	} else if (certificate) {
		fits = X509_check_ip_asc(certificate, s->url.host, 0) == 1;
	}
	X509_free(certificate);
	if (!fits) {
		d->fatal = true;
		snprintf(d->why, sizeof d->why, "%s",
		         s->pinned ? "its certificate is not the one that the invite named: another hub, or "
		                     "someone in between"
		                   : "its certificate is not for this address");
	}
	return fits;
}

/* ---- dialling ---- */

static bool is_loopback(const char *address)
{
	struct in6_addr six;
	struct in_addr four;
	if (inet_pton(AF_INET, address, &four) == 1)
		return ntohl(four.s_addr) >> 24 == 127;
	if (inet_pton(AF_INET6, address, &six) != 1)
		return false;
	return IN6_IS_ADDR_LOOPBACK(&six) || (IN6_IS_ADDR_V4MAPPED(&six) && six.s6_addr[12] == 127);
}

static int tls_flags(const struct websocket_setup *s)
{
	if (!s->url.tls)
		return 0;
	int flags = LCCSCF_USE_SSL;
	if (s->pinned) /* nothing but the pin decides: certificate_fits */
		flags |= LCCSCF_ALLOW_SELFSIGNED | LCCSCF_SKIP_SERVER_CERT_HOSTNAME_CHECK | LCCSCF_ALLOW_EXPIRED |
		         LCCSCF_ALLOW_INSECURE;
	else if (s->url.literal) /* the library compares names only */
		flags |= LCCSCF_SKIP_SERVER_CERT_HOSTNAME_CHECK;
	return flags;
}

static bool make_vhost(struct websocket *w)
{
	const struct websocket_setup *s = &w->setup;
	struct lws_context_creation_info info = {
		.port = CONTEXT_PORT_NO_LISTEN,
		.protocols = protocols,
		.vhost_name = "hub",
		.options = s->url.tls ? LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT : 0,
		.ssl_client_options_set = SSL_OP_NO_TLSv1 | SSL_OP_NO_TLSv1_1,
	};
	if (s->pinned)
		info.options |= LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS;
	if (w->vhost)
		return true;
	char *proxy = mem_text(getenv("http_proxy")); /* the address that was checked is dialled, and no other */
	unsetenv("http_proxy");
	w->vhost = lws_create_vhost(loop_lws(w->loop), &info);
	if (proxy)
		setenv("http_proxy", proxy, 1);
	free(proxy);
	return w->vhost != NULL;
}

static void connect_next(struct dial *d)
{
	struct websocket *w = d->owner;
	const struct huburl *url = &w->setup.url;
	const char *address = address_of(d);
	if (!url->tls && !w->setup.insecure && !is_loopback(address)) {
		ended(d,
		      "plain ws:// is for this machine only: give the hub a certificate and use wss://, or join with "
		      "--insecure",
		      true);
		dial_free(d);
		return;
	}
	if (!make_vhost(w)) {
		ended(d, "the TLS library could not be set up", false);
		dial_free(d);
		return;
	}
	struct lws_client_connect_info info = {
		.context = loop_lws(w->loop),
		.vhost = w->vhost,
		.address = address,
		.port = url->port,
		.path = url->path,
		.host = url->authority, /* also what TLS asks for and verifies */
		.origin = url->authority,
		.protocol = WIRE_SUBPROTOCOL,
		.local_protocol_name = WIRE_SUBPROTOCOL,
		.alpn = "http/1.1",
		.ssl_connection = tls_flags(&w->setup) | LCCSCF_HTTP_NO_FOLLOW_REDIRECT | LCCSCF_PRIORITIZE_READS,
		.ietf_version_or_minus_one = -1,
		.opaque_user_data = d,
		.retry_and_idle_policy = &no_policy,
	};
	lws_client_connect_via_info(&info); /* failing, it has said so through the callback, where d is freed */
}

static void soon_due(void *ctx)
{
	struct websocket *w = ctx;
	if (w->dial)
		connect_next(w->dial);
}

static void resolved(void *ctx, const struct resolver_answer *a)
{
	struct dial *d = ctx;
	char words[sizeof d->why];
	d->lookup = NULL;
	d->found = *a;
	if (a->count) {
		connect_next(d);
		return;
	}
	snprintf(words, sizeof words, "the name %.120s was not found: %s", d->owner->setup.url.host, a->why);
	ended(d, words, false);
	dial_free(d);
}

void websocket_dial(struct websocket *w)
{
	websocket_hang_up(w);
	struct dial *d = mem_alloc(sizeof *d);
	d->last = &d->first;
	d->owner = w;
	w->dial = d;
	d->first_address = w->dials++;
	d->lookup = lookup_start(w->loop, w->setup.url.host, w->setup.url.port, resolved, d);
}

void websocket_hang_up(struct websocket *w)
{
	struct dial *d = w->dial;
	if (!d)
		return;
	detach(w);
	loop_timer_stop(w->soon);
	if (!d->wsi) {
		dial_free(d);
		return;
	}
	if (d->open && d->first) {
		lws_set_timeout(d->wsi, PENDING_TIMEOUT_USER_REASON_BASE, GOODBYE_SECONDS);
		lws_callback_on_writable(d->wsi);
	} else {
		lws_set_timeout(d->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
	}
}

/* ---- the live connection ---- */

void websocket_send(struct websocket *w, bool text, struct span frame)
{
	struct dial *d = w->dial;
	if (!d || !d->open)
		return;
	struct out_frame *f = mem_alloc(sizeof *f + LWS_PRE + frame.len);
	f->text = text;
	f->len = frame.len;
	memcpy(f->room + LWS_PRE, frame.data, frame.len);
	*d->last = f;
	d->last = &f->next;
	d->backlog += frame.len;
	lws_callback_on_writable(d->wsi);
}

size_t websocket_backlog(const struct websocket *w)
{
	return w->dial ? w->dial->backlog : 0;
}

/* -1 closes. */
static int write_frames(struct dial *d, struct lws *wsi)
{
	bool wrote = false;
	while (d->first && !lws_send_pipe_choked(wsi)) {
		struct out_frame *f = d->first;
		int n = lws_write(wsi, f->room + LWS_PRE, f->len, f->text ? LWS_WRITE_TEXT : LWS_WRITE_BINARY);
		if (n < 0)
			return -1;
		d->first = f->next;
		if (!d->first)
			d->last = &d->first;
		d->backlog -= f->len;
		free(f);
		wrote = true;
	}
	if (d->first)
		lws_callback_on_writable(wsi);
	else if (!d->owner) {
		lws_close_reason(wsi, LWS_CLOSE_STATUS_NORMAL, NULL, 0);
		return -1; /* hung up, and all has left */
	}
	if (wrote && d->owner)
		d->owner->handler.drained(d->owner->handler.ctx);
	return 0;
}

static int read_piece(struct dial *d, struct lws *wsi, const void *bytes, size_t len)
{
	if (!d->owner)
		return 0;
	if (lws_is_first_fragment(wsi))
		buf_clear(&d->in);
	if (d->in.len + len > WIRE_FRAME_MAX) {
		/* Not by returning -1: the library would go on reading the frame into a buffer that it no longer
		 * empties. */
		lws_set_timeout(wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
		ended(d, "it sent a message over the limit of 256 KiB", false);
		return 0;
	}
	buf_put(&d->in, bytes, len);
	if (!lws_is_final_fragment(wsi) || lws_remaining_packet_payload(wsi))
		return 0;
	bool text = !lws_frame_is_binary(wsi);
	d->owner->handler.frame(d->owner->handler.ctx, text, buf_view(&d->in));
	if (d->in.cap > 65536)
		buf_finish(&d->in); /* a quiet connection holds no large buffer */
	else
		buf_clear(&d->in);
	return 0;
}

static void closed(struct dial *d)
{
	count(d);
	if (d->why[0])
		ended(d, d->why, d->fatal);
	else
		ended(d, "the hub closed the connection", false);
}

static int callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	(void)user;
	struct dial *d = lws_get_opaque_user_data(wsi);
	if (!d)
		return 0;
	switch (reason) {
	case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
		failed(d, wsi, in ? in : "");
		break;
	case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER:
		d->connected = true;
		return d->owner && certificate_fits(d, wsi) ? 0 : -1;
	case LWS_CALLBACK_CLIENT_FILTER_PRE_ESTABLISH:
		return lws_hdr_total_length(wsi, WSI_TOKEN_PROTOCOL) > 0
		               ? 0
		               : -1; /* the library takes silence for consent */
	case LWS_CALLBACK_CLIENT_ESTABLISHED:
		if (!d->owner)
			return -1;
		d->open = true;
		d->owner->handler.opened(d->owner->handler.ctx);
		break;
	case LWS_CALLBACK_CLIENT_RECEIVE:
		return read_piece(d, wsi, in, len);
	case LWS_CALLBACK_CLIENT_WRITEABLE:
		return write_frames(d, wsi);
	case LWS_CALLBACK_CLIENT_CLOSED:
		closed(d);
		break;
	case LWS_CALLBACK_WSI_CREATE:
		d->wsi = wsi;
		break;
	case LWS_CALLBACK_WSI_DESTROY:
		lws_set_opaque_user_data(wsi, NULL);
		ended(d, "the connection ended", false);
		dial_free(d);
		break;
	default:
		break;
	}
	return 0;
}

struct websocket *websocket_create(struct loop *l, const struct websocket_setup *s, const struct websocket_handler *h)
{
	struct websocket *w = mem_alloc(sizeof *w);
	*w = (struct websocket){ .loop = l, .setup = *s, .handler = *h };
	w->soon = loop_timer_create(l, soon_due, w);
	return w;
}

void websocket_destroy(struct websocket *w)
{
	if (!w)
		return;
	websocket_hang_up(w);
	loop_timer_destroy(w->soon);
	if (w->vhost)
		lws_vhost_destroy(w->vhost);
	free(w);
}

void websocket_traffic(const struct websocket *w, struct websocket_traffic *out)
{
	*out = (struct websocket_traffic){ .sent = w->sent, .received = w->received };
	if (!w->dial)
		return;
	count(w->dial);
	const struct tcpinfo *c = &w->dial->count;
	out->sent += c->sent;
	out->received += c->received;
	out->loss_percent = c->loss_percent;
	out->up_mbps = c->up_mbps;
}

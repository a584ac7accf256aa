#include "hub/io/listener.h"

#include <errno.h>
#include <libwebsockets.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/map.h"
#include "base/mem.h"
#include "wire/wire.h"

#define LINGER_SECONDS 5    /* a connection told to close has so long to take what it was sent */
#define RETRY_MS       1000 /* after accept failed for want of descriptors */
#define ACCEPT_MAX     256  /* a turn */
#define TX_MAX         WIRE_FRAME_MAX

struct frame {
	struct frame *next;
	bool text;
	size_t len;
	uint8_t bytes[]; /* LWS_PRE, then the message */
};

struct peer { /* a WebSocket connection */
	struct listener *listener;
	struct lws *wsi;
	uint64_t id;
	struct frame *first, *last;
	size_t queued, partial; /* bytes in frames; of the frame that libwebsockets may still hold a rest of */
	struct buf in;          /* a message that came in pieces so far */
	bool inside, overrun;   /* a message goes on; its rest is dropped */
	bool dirty, pressed, closing;
	char reason[64];
};

struct listener {
	struct listener_setup setup;
	struct lws_vhost *vhost;
	struct lws_protocols protocols[3];
	char address[300];
	int fd;
	struct loop_watch *watch;
	struct loop_timer *again;
	struct map peers;
	uint64_t last_id;
	struct peer **dirty; /* something was sent to them since the last flush */
	size_t dirty_count, dirty_cap;
};

static void say(struct peer *p, enum listener_event type, struct span bytes)
{
	const struct listener_setup *s = &p->listener->setup;
	s->event(s->ctx, type, p->id, bytes);
}

/* ---- peers ---- */

static struct peer *find(struct listener *l, uint64_t id)
{
	return map_find(&l->peers, &id, sizeof id);
}

static struct peer *peer_create(struct listener *l, struct lws *wsi)
{
	struct peer *p = mem_alloc(sizeof *p);
	p->listener = l;
	p->wsi = wsi;
	p->id = ++l->last_id;
	map_put(&l->peers, &p->id, sizeof p->id, p);
	return p;
}

static void peer_destroy(struct peer *p)
{
	struct listener *l = p->listener;
	map_remove(&l->peers, &p->id, sizeof p->id);
	for (size_t i = 0; p->dirty && i < l->dirty_count; i++)
		if (l->dirty[i] == p)
			l->dirty[i] = NULL;
	while (p->first) {
		struct frame *f = p->first;
		p->first = f->next;
		free(f);
	}
	buf_finish(&p->in);
	free(p);
}

static size_t backlog(const struct peer *p)
{
	return p->queued + (lws_partial_buffered(p->wsi) ? p->partial : 0);
}

/* Writes what the socket takes. False: the connection is broken. */
static bool write_out(struct peer *p)
{
	while (p->first && !lws_send_pipe_choked(p->wsi)) {
		struct frame *f = p->first;
		p->first = f->next;
		if (!p->first)
			p->last = NULL;
		p->queued -= f->len;
		p->partial = f->len;
		int n = lws_write(p->wsi, f->bytes + LWS_PRE, f->len, f->text ? LWS_WRITE_TEXT : LWS_WRITE_BINARY);
		bool good = n >= 0 && (size_t)n >= f->len;
		free(f);
		if (!good)
			return false;
	}
	return true;
}

/* Nonzero ends the connection, as libwebsockets wants it. */
static int writable(struct peer *p)
{
	if (!write_out(p))
		return -1;
	if (p->first) {
		lws_callback_on_writable(p->wsi);
	} else if (p->closing) {
		bool clean = strcmp(p->reason, "replaced") == 0;
		lws_close_reason(p->wsi, clean ? LWS_CLOSE_STATUS_NORMAL : LWS_CLOSE_STATUS_POLICY_VIOLATION,
		                 (unsigned char *)p->reason, strlen(p->reason));
		return -1;
	}
	if (p->pressed && !p->closing && backlog(p) < LISTENER_ROOM) {
		p->pressed = false;
		say(p, LISTENER_DRAINED, span_of(NULL, 0));
	}
	return 0;
}

static void received(struct peer *p, const void *bytes, size_t len)
{
	const struct listener_setup *s = &p->listener->setup;
	enum listener_event type = lws_frame_is_binary(p->wsi) ? LISTENER_BINARY : LISTENER_TEXT;
	bool last = lws_is_final_fragment(p->wsi) && lws_remaining_packet_payload(p->wsi) == 0;
	if (!p->inside) {
		buf_clear(&p->in);
		p->overrun = false;
	}
	p->inside = !last;
	if (p->closing || p->overrun)
		return;
	if (last && p->in.len == 0) {
		say(p, type, span_of(bytes, len));
		return;
	}
	size_t limit = s->limit(s->ctx, p->id);
	p->overrun = p->in.len + len > limit;
	buf_put(&p->in, bytes, p->overrun ? limit + 1 - p->in.len : len);
	if (!last && !p->overrun)
		return;
	say(p, type, buf_view(&p->in));
	buf_finish(&p->in); /* thousands of connections must not each keep their largest message */
}

/* ---- HTTP and the way in ---- */

static bool asks_for(struct lws *wsi, enum lws_token_indexes token, const char *wanted)
{
	char text[64];
	return lws_hdr_copy(wsi, text, sizeof text, token) > 0 && strcmp(text, wanted) == 0;
}

static int answer_http(struct lws *wsi, bool found)
{
	static const char page[] =
	        "This is a syncline hub. It carries sealed changes between a person's devices and cannot read them.\n"
	        "Devices connect with WebSocket at " WIRE_PATH "; there is nothing to see here.\n";
	static const char none[] = "There is nothing at this address.\n";
	uint8_t out[LWS_PRE + 1024], *start = out + LWS_PRE, *at = start, *end = out + sizeof out;
	const char *text = found ? page : none;
	size_t len = strlen(text);
	if (lws_add_http_common_headers(wsi, found ? HTTP_STATUS_OK : HTTP_STATUS_NOT_FOUND,
	                                "text/plain; charset=utf-8", len, &at, end) ||
	    lws_add_http_header_by_name(wsi, (const uint8_t *)"x-content-type-options:", (const uint8_t *)"nosniff", 7,
	                                &at, end) ||
	    lws_finalize_http_header(wsi, &at, end) || (size_t)(end - at) < len)
		return -1;
	memcpy(at, text, len);
	at += len;
	if (lws_write(wsi, start, (size_t)(at - start), LWS_WRITE_HTTP_FINAL) < 0)
		return -1;
	return lws_http_transaction_completed(wsi) ? -1 : 0;
}

/* The protocol of everything that is not a device's WebSocket connection. */
static int on_http(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	(void)user;
	(void)len;
	switch (reason) {
	case LWS_CALLBACK_HTTP:
		return answer_http(wsi, in && strcmp(in, "/") == 0);
	case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION: /* a WebSocket without our subprotocol */
		lws_return_http_status(wsi, HTTP_STATUS_BAD_REQUEST,
		                       "The WebSocket subprotocol here is " WIRE_SUBPROTOCOL);
		return -1;
	case LWS_CALLBACK_ESTABLISHED:
		return -1;
	default:
		return 0;
	}
}

static void no_delay(struct lws *wsi)
{
	int on = 1;
	setsockopt(lws_get_socket_fd(wsi), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static int on_device(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	struct peer **slot = user;
	switch (reason) {
	case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
		if (asks_for(wsi, WSI_TOKEN_GET_URI, WIRE_PATH))
			return 0;
		lws_return_http_status(wsi, HTTP_STATUS_NOT_FOUND, "Devices connect at " WIRE_PATH);
		return -1;
	case LWS_CALLBACK_ESTABLISHED:
		no_delay(wsi);
		*slot = peer_create(lws_get_vhost_user(lws_get_vhost(wsi)), wsi);
		say(*slot, LISTENER_OPENED, span_of(NULL, 0));
		return 0;
	case LWS_CALLBACK_RECEIVE:
		received(*slot, in, len);
		return 0;
	case LWS_CALLBACK_SERVER_WRITEABLE:
		return writable(*slot);
	case LWS_CALLBACK_CLOSED:
		if (!*slot)
			return 0;
		say(*slot, LISTENER_CLOSED, span_of(NULL, 0));
		peer_destroy(*slot);
		*slot = NULL;
		return 0;
	default:
		return 0;
	}
}

/* ---- the socket ---- */

/* "HOST:PORT" in two. HOST may be in brackets, or empty for every address. */
static bool split(const char *address, char *host, size_t cap, char port[8], struct err *e)
{
	const char *colon = strrchr(address, ':');
	size_t len = colon ? (size_t)(colon - address) : 0;
	char *end;
	long number = colon ? strtol(colon + 1, &end, 10) : -1;
	if (!colon || colon[1] < '0' || colon[1] > '9' || *end || number > 65535)
		return err_set(e, "--listen", "for example 127.0.0.1:8443", "it is not ADDRESS:PORT");
	if (len >= 2 && address[0] == '[' && address[len - 1] == ']') {
		address++;
		len -= 2;
	} else if (memchr(address, ':', len)) {
		return err_set(e, "--listen", "for example [::1]:8443", "an IPv6 address belongs in brackets");
	}
	if (len >= cap)
		return err_set(e, "--listen", "", "the address is too long");
	memcpy(host, address, len);
	host[len] = 0;
	snprintf(port, 8, "%u", (unsigned)number & 0xffff);
	return true;
}

bool listener_check(const char *address, struct err *e)
{
	char host[256], port[8];
	return split(address, host, sizeof host, port, e);
}

static struct addrinfo *resolve(const char *address, struct err *e)
{
	char host[256], port[8];
	struct addrinfo *list = NULL, hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE };
	if (!split(address, host, sizeof host, port, e))
		return NULL;
	/* an empty host means every address: IPv6's wildcard takes IPv4 as well, where there is IPv6 */
	if (!host[0] || strcmp(host, "*") == 0) {
		hints.ai_family = AF_INET6;
		if (getaddrinfo("::", port, &hints, &list) == 0)
			return list;
		hints.ai_family = AF_UNSPEC;
	}
	int code = getaddrinfo(host[0] && strcmp(host, "*") ? host : NULL, port, &hints, &list);
	if (code)
		err_set(e, "--listen", "name an address of this machine", "%s: %s", host, gai_strerror(code));
	return code ? NULL : list;
}

static bool is_loopback(const struct sockaddr *a)
{
	if (a->sa_family == AF_INET)
		return ntohl(((const struct sockaddr_in *)a)->sin_addr.s_addr) >> 24 == 127;
	return a->sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)a)->sin6_addr);
}

static bool is_wildcard(const struct sockaddr *a)
{
	if (a->sa_family == AF_INET)
		return ((const struct sockaddr_in *)a)->sin_addr.s_addr == htonl(INADDR_ANY);
	return a->sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&((const struct sockaddr_in6 *)a)->sin6_addr);
}

bool listener_look(const char *address, bool *loopback, bool *wildcard, struct err *e)
{
	struct addrinfo *list = resolve(address, e);
	if (!list)
		return false;
	*loopback = is_loopback(list->ai_addr); /* the one that will be bound */
	*wildcard = is_wildcard(list->ai_addr);
	freeaddrinfo(list);
	return true;
}

static bool name_address(struct listener *l)
{
	struct sockaddr_storage a;
	socklen_t len = sizeof a;
	char host[256], port[8];
	if (getsockname(l->fd, (struct sockaddr *)&a, &len) != 0 ||
	    getnameinfo((struct sockaddr *)&a, len, host, sizeof host, port, sizeof port,
	                NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		return false;
	snprintf(l->address, sizeof l->address, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
	return true;
}

static bool bind_socket(struct listener *l, struct err *e)
{
	struct addrinfo *a = resolve(l->setup.address, e);
	int on = 1, off = 0;
	if (!a)
		return false;
	l->fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (l->fd >= 0) {
		setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
		if (a->ai_family == AF_INET6)
			setsockopt(l->fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
	}
	bool good = l->fd >= 0 && bind(l->fd, a->ai_addr, a->ai_addrlen) == 0 && listen(l->fd, 1024) == 0 &&
	            name_address(l);
	int why = errno;
	freeaddrinfo(a);
	if (good)
		return true;
	return err_set(e, l->setup.address,
	               why == EADDRINUSE ? "stop what listens there, or choose another port with --listen"
	               : why == EACCES   ? "choose a port above 1023 with --listen"
	                                 : "name an address of this machine with --listen",
	               "cannot listen there: %s", strerror(why));
}

static void on_accept(void *ctx, int events)
{
	struct listener *l = ctx;
	(void)events;
	for (int i = 0; i < ACCEPT_MAX; i++) {
		int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0 && (errno == ECONNABORTED || errno == EINTR))
			continue;
		if (fd < 0 && errno != EAGAIN &&
		    errno != EWOULDBLOCK) { /* no descriptors: it would be readable for ever */
			loop_watch_set(l->watch, 0);
			loop_timer_arm(l->again, RETRY_MS);
		}
		if (fd < 0)
			return;
		lws_adopt_socket_vhost(l->vhost, fd); /* closes it where it fails */
	}
}

static void accept_again(void *ctx)
{
	loop_watch_set(((struct listener *)ctx)->watch, LOOP_READ);
}

/* ---- the whole ---- */

static bool make_vhost(struct listener *l, struct err *e)
{
	l->protocols[0] = (struct lws_protocols){ .name = "http", .callback = on_http };
	l->protocols[1] = (struct lws_protocols){
		.name = WIRE_SUBPROTOCOL,
		.callback = on_device,
		.per_session_data_size = sizeof(struct peer *),
		.rx_buffer_size = 4096,
		.tx_packet_size = TX_MAX,
	};
	struct lws_context_creation_info info = {
		.vhost_name = "hub",
		.port = CONTEXT_PORT_NO_LISTEN_SERVER,
		.protocols = l->protocols,
		.server_string = "syncline",
		.alpn = "http/1.1",
		.keepalive_timeout = 10,
		.ssl_cert_filepath = l->setup.cert,
		.ssl_private_key_filepath = l->setup.key,
		.ssl_options_set = SSL_OP_NO_TLSv1 | SSL_OP_NO_TLSv1_1 | SSL_OP_NO_RENEGOTIATION,
		.user = l,
	};
	if (l->setup.cert)
		info.options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
	l->vhost = lws_create_vhost(loop_lws(l->setup.loop), &info);
	if (l->vhost)
		return true;
	if (l->setup.cert)
		return err_set(e, l->setup.cert, "give a certificate and its key, both in PEM form",
		               "TLS cannot use it with %s", l->setup.key);
	return err_set(e, "--listen", "", "libwebsockets cannot serve");
}

struct listener *listener_create(const struct listener_setup *s, struct err *e)
{
	struct listener *l = mem_alloc(sizeof *l);
	l->setup = *s;
	l->fd = -1;
	if (!bind_socket(l, e) || !make_vhost(l, e)) {
		listener_destroy(l);
		return NULL;
	}
	l->again = loop_timer_create(s->loop, accept_again, l);
	l->watch = loop_watch_start(s->loop, l->fd, LOOP_READ, on_accept, l);
	return l;
}

void listener_destroy(struct listener *l)
{
	if (!l)
		return;
	loop_watch_stop(l->watch);
	if (l->again)
		loop_timer_destroy(l->again);
	if (l->fd >= 0)
		close(l->fd);
	if (l->vhost)
		lws_vhost_destroy(l->vhost);
	map_finish(&l->peers);
	free(l->dirty);
	free(l);
}

const char *listener_address(const struct listener *l)
{
	return l->address;
}

static void mark_dirty(struct listener *l, struct peer *p)
{
	if (p->dirty)
		return;
	p->dirty = true;
	MEM_ROOM(l->dirty, l->dirty_count, l->dirty_cap);
	l->dirty[l->dirty_count++] = p;
}

void listener_send(struct listener *l, uint64_t conn, bool text, struct span message)
{
	struct peer *p = find(l, conn);
	if (!p || p->closing)
		return;
	struct frame *f = malloc(sizeof *f + LWS_PRE + message.len);
	if (!f)
		abort();
	f->next = NULL;
	f->text = text;
	f->len = message.len;
	memcpy(f->bytes + LWS_PRE, message.data, message.len);
	*(p->last ? &p->last->next : &p->first) = f;
	p->last = f;
	p->queued += f->len;
	mark_dirty(l, p);
}

size_t listener_backlog(struct listener *l, uint64_t conn)
{
	struct peer *p = find(l, conn);
	size_t bytes = p ? backlog(p) : 0;
	if (bytes >= LISTENER_ROOM)
		p->pressed = true;
	return bytes;
}

void listener_close(struct listener *l, uint64_t conn, const char *reason)
{
	struct peer *p = find(l, conn);
	if (!p || p->closing)
		return;
	p->closing = true;
	snprintf(p->reason, sizeof p->reason, "%s", reason);
	lws_set_timeout(p->wsi, PENDING_TIMEOUT_CLOSE_SEND, LINGER_SECONDS);
	lws_callback_on_writable(p->wsi); /* a connection is closed from its own callback only */
}

void listener_flush(struct listener *l)
{
	for (size_t i = 0; i < l->dirty_count; i++) {
		struct peer *p = l->dirty[i];
		if (!p)
			continue;
		p->dirty = false;
		if (!write_out(p))
			lws_set_timeout(p->wsi, PENDING_TIMEOUT_CLOSE_SEND, LWS_TO_KILL_ASYNC);
		else if (p->first)
			lws_callback_on_writable(p->wsi);
		else if (p->pressed)
			lws_callback_on_writable(p->wsi); /* says DRAINED */
	}
	l->dirty_count = 0;
}

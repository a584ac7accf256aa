#include "engine/io/huburl.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/wire.h"

static bool bad(struct err *e, const char *why)
{
	return err_set(e, "hub's address", "it looks like wss://sync.example.org/realtime", "%s", why);
}

/* Visible ASCII without what would end a header line, an authority or a command. */
static bool plain(const char *text, size_t len, const char *refused)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] <= ' ' || text[i] > '~' || strchr(refused, text[i]))
			return false;
	return true;
}

static bool parse_port(const char *digits, size_t len, int *port)
{
	if (!len || len > 5 || strspn(digits, "0123456789") < len)
		return false;
	*port = atoi(digits);
	return *port > 0 && *port < 65536;
}

bool huburl_parse(struct huburl *out, const char *text, struct err *e)
{
	*out = (struct huburl){ 0 };
	const char *host = text;
	if (strlen(text) >= sizeof out->text)
		return bad(e, "it is too long");
	if (!strncmp(text, "wss://", 6)) {
		host += 6;
		out->tls = true;
	} else if (!strncmp(text, "ws://", 5)) {
		host += 5;
	} else {
		return bad(e, "it starts with neither wss:// nor ws://");
	}
	size_t authority = strcspn(host, "/?#");
	const char *path = host + authority, *host_end, *port = NULL;
	if (*host == '[') {
		host++;
		host_end = memchr(host, ']', authority - 1);
		if (!host_end)
			return bad(e, "a '[' has no ']'");
		if (host_end + 1 < path) {
			if (host_end[1] != ':')
				return bad(e, "something stands between the host and the path");
			port = host_end + 2;
		}
	} else {
		host_end = memchr(host, ':', authority);
		port = host_end ? host_end + 1 : NULL;
		host_end = host_end ? host_end : path;
	}
	size_t host_len = (size_t)(host_end - host);
	if (!host_len || host_len >= sizeof out->host)
		return bad(e, host_len ? "its host name is too long" : "it names no host");
	if (!plain(host, host_len, host[-1] == '[' ? "%@" : ":%@[]<>\"\\"))
		return bad(e, "its host name holds a character that no host name has");
	out->port = out->tls ? 443 : 80;
	int usual = out->port;
	if (port && !parse_port(port, (size_t)(path - port), &out->port))
		return bad(e, "its port is no number from 1 to 65535");
	if (*path && *path != '/')
		return bad(e, "its path does not start with a slash");
	if (strlen(path) >= sizeof out->path || !plain(path, strlen(path), "#\"<>\\"))
		return bad(e, "its path is too long or holds a character that no path has");
	memcpy(out->host, host, host_len);
	struct in6_addr six;
	struct in_addr four;
	bool is_six = inet_pton(AF_INET6, out->host, &six) == 1;
	out->literal = is_six || inet_pton(AF_INET, out->host, &four) == 1;
	if (host[-1] == '[' && !is_six)
		return bad(e, "what stands in brackets is no IPv6 address");
	snprintf(out->path, sizeof out->path, "%s", *path && strcmp(path, "/") ? path : WIRE_PATH);
	int len = snprintf(out->authority, sizeof out->authority, is_six ? "[%s]" : "%s", out->host);
	if (out->port != usual)
		snprintf(out->authority + len, sizeof out->authority - (size_t)len, ":%d", out->port);
	snprintf(out->text, sizeof out->text, "%s", text);
	return true;
}

/* huburl: the address of a hub, taken apart: ws:// or wss://, a name or a literal address, a port, a path. */
#ifndef ENGINE_IO_HUBURL_H
#define ENGINE_IO_HUBURL_H
#include "base/err.h"

#define HUBURL_MAX 512 /* as the keyring and the configuration have room for */

struct huburl {
	char text[HUBURL_MAX]; /* as it was given */
	char host[254];        /* without brackets */
	char authority[270];   /* what the Host header says: brackets, and the port where it is not the usual one */
	char path[512];
	int port;
	bool tls;
	bool literal; /* host is an IPv4 or IPv6 address */
};

bool huburl_parse(struct huburl *out, const char *text, struct err *e);
#endif

/* unixsock: stream sockets in the file system. A path of any length works: it is reached through the descriptor of its
 * folder, since a socket address has room for 107 bytes only (the socket's own name: 80).
 *
 * A socket gets its name when somebody listens at it: until then it is NAME.new.
 *
 * A listener's folder must be ours and writable by nobody else; the socket itself is 0600. Both ends talk to processes of
 * their own user only (or root's). All descriptors are close-on-exec. */
#ifndef SYS_UNIXSOCK_H
#define SYS_UNIXSOCK_H
#include <stdbool.h>

#include "base/err.h"

/* A non-blocking listener, or -1. A socket that nobody listens on any more is replaced; one that answers is an error, and
 * so is anything there that is not a socket. */
int unixsock_listen(const char *path, struct err *e);
/* A blocking, connected socket, or -1 (errno tells why: ENOENT and ECONNREFUSED mean that nobody listens). */
int unixsock_connect(const char *path, struct err *e);
/* The next one that wants in: non-blocking, and the same user's as we are; others are closed at once. -1: none now. */
int unixsock_accept(int listener);
/* Is the other end a process of our own user, or root? */
bool unixsock_peer_is_me(int fd);
/* Removes the socket, if it is one. */
void unixsock_remove(const char *path);
#endif

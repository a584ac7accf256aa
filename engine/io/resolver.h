/* resolver: host names to addresses without ever blocking the loop.
 *
 * The C library's look-up blocks for as long as a silent name server wants, so it runs in a child process, the hidden
 * verb `syncline helper`: one line `HOST PORT` in, one address a line out, then an empty line; `! REASON` instead when
 * there is none. A child lives for one look-up; a look-up that takes longer than RESOLVER_MS is ended with its child.
 * Literal addresses and localhost need no child. */
#ifndef ENGINE_IO_RESOLVER_H
#define ENGINE_IO_RESOLVER_H
#include <stddef.h>

#include "sys/loop.h"

#define RESOLVER_MS          10000
#define RESOLVER_ADDRESSES   16
#define RESOLVER_ADDRESS_LEN 64

struct resolver_answer {
	char addresses[RESOLVER_ADDRESSES][RESOLVER_ADDRESS_LEN]; /* as inet_ntop writes them */
	size_t count;
	char why[160]; /* when there are none */
};

struct lookup;

/* Answers once, from the loop, never from within this call. */
struct lookup *lookup_start(struct loop *l, const char *host, int port,
                            void (*answer)(void *ctx, const struct resolver_answer *a), void *ctx);
void lookup_cancel(struct lookup *q); /* NULL-safe; no answer comes after it. Not needed after the answer */

int helper_main(int argc, char **argv); /* the verb */
#endif

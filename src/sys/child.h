/* child: other processes, most often this same program with another verb.
 *
 * A child starts with an empty signal mask, default handlers, and no descriptor of ours but the three standard ones. A
 * plain child gets SIGTERM when the thread that started it ends; a CHILD_DAEMON lives on. */
#ifndef SYS_CHILD_H
#define SYS_CHILD_H
#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

enum {
	CHILD_PIPES = 1,  /* its stdin is `in`, its stdout is `out`; stderr is ours */
	CHILD_DAEMON = 2, /* a session of its own, working directory /, and /dev/null where there is no pipe */
	CHILD_QUIET = 4,  /* stderr is /dev/null too */
};

struct child {
	pid_t pid; /* 0: none */
	int in;    /* we write, or -1 */
	int out;   /* we read, or -1 */
};

/* argv[0] is searched in PATH when it has no slash; argv ends with NULL. What cannot be executed is told here. */
bool child_start(struct child *c, char *const argv[], unsigned flags, struct err *e);
/* Closes `in`, waits at most timeout_ms (negative: for ever). The exit code, 128 + signal, or -1: it still runs. When it
 * has ended, `out` is closed and the struct is empty; what it wrote must be read before. */
int child_wait(struct child *c, int timeout_ms);
/* SIGTERM, and SIGKILL after grace_ms. The exit code as above; 0 for an empty struct. */
int child_end(struct child *c, int grace_ms);
/* The path of this very program, or "syncline" where the system does not tell. */
const char *child_self(void);
#endif

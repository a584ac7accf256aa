/* launch: an engine where none runs. The console starts one that stays; commands that need one for a moment start one
 * that ends with them. */
#ifndef CONTROL_LAUNCH_H
#define CONTROL_LAUNCH_H
#include <stdbool.h>

#include "base/err.h"
#include "control/client.h"
#include "sys/home.h"

#define LAUNCH_MS 15000 /* an engine answers within a fraction of a second; a loaded machine gets time */

enum launch {
	LAUNCH_STAYS,  /* its own session: lives on when we end */
	LAUNCH_LEASHED /* gets SIGTERM when we end, however we end */
};

/* Connects to the home's engine; where none answers, starts `syncline run` and waits until it does. *started (may be
 * NULL) tells which. NULL: e says why, in the engine's own words when it said any. */
struct client *launch_ensure(const struct home *h, enum launch how, int timeout_ms, bool *started, struct err *e);
/* Asks the engine to stop, waits until its process is gone (so its lock is free) and destroys the client. */
bool launch_end(struct client *c, int timeout_ms, struct err *e);
#endif

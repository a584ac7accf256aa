/* ask: one question to the running engine, and the ends it can take. */
#ifndef CLI_ASK_H
#define CLI_ASK_H
#include "control/client.h"

#define ASK_MS 20000 /* an engine that is alive answers well within this */

/* A connection to this home's engine, or NULL: the error has been printed, exit with CONTROL_NO_ENGINE. */
struct client *ask_connect(void);
/* Connects, asks, closes. NULL: the error has been printed and *code is the exit code. The request is stolen. */
json_t *ask_engine(json_t *request, int timeout_ms, int *code);
/* The same with a connection of the caller's. */
json_t *ask_on(struct client *c, json_t *request, int timeout_ms, int *code);
/* For verbs that say nothing but "done": asks and returns the exit code. */
int ask_act(json_t *request, int timeout_ms);

/* For verbs that need an engine for a moment (join, invite, key export): the running one, or one that is started for
 * this and stopped again by ask_leave, which leaves nothing behind. */
struct visit {
	struct client *client; /* NULL: could not; the error has been printed, exit with `code` */
	bool started;
	int code;
};
struct visit ask_visit(void);
/* Returns `code`, or CONTROL_FAILED when the engine that was started would not end. */
int ask_leave(struct visit *v, int code);
#endif

/* client: the asking half of the control protocol, for commands and the console. Blocking where it waits for one
 * answer, non-blocking for streams. Single-threaded. */
#ifndef CONTROL_CLIENT_H
#define CONTROL_CLIENT_H
#include "control/control.h"

struct client;

/* NULL with e set when no engine listens there (a command then exits with CONTROL_NO_ENGINE). */
struct client *client_connect(const char *socket, struct err *e);
/* For tests: talks over a descriptor that it takes over. */
struct client *client_adopt(int fd);
void client_destroy(struct client *c); /* NULL-safe */

/* Sends a request and waits for its answer: its data as a new reference (never NULL on success: json null is an object
 * too). On failure NULL with e set and *exit_code (may be NULL) one of enum control_exit. The request is stolen.
 * timeout_ms < 0 waits for ever. Events that arrive meanwhile are kept for client_next. */
json_t *client_ask(struct client *c, json_t *request, int timeout_ms, struct err *e, int *exit_code);

/* The content of a version, fetched in as many pieces as it takes. version may be NULL: the newest. *meta gets the
 * {"version","meta","size"} object as a new reference when meta is not NULL. */
bool client_content(struct client *c, const char *item, const char *version, struct blob *out, json_t **meta,
                    struct err *e, int *exit_code);

/* Streams. client_send sends without waiting and returns the request's id (0: the engine is gone); its answer and
 * events come from client_next: the next whole message as a new reference, or NULL when there is none right now. Never
 * blocks: poll client_fd for reading. */
int64_t client_send(struct client *c, json_t *request);
json_t *client_next(struct client *c);
int client_fd(const struct client *c);
bool client_gone(const struct client *c); /* the engine closed the connection, and nothing is left to hand out */
/* Blocks until client_next has something, the engine is gone (both true) or the time is over (false). */
bool client_wait(struct client *c, int timeout_ms);
#endif

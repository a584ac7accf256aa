/* await: a request that may take long, with a line on the terminal that tells how far it is. */
#ifndef CLI_AWAIT_H
#define CLI_AWAIT_H
#include "control/client.h"

/* A request with "progress": true is told how far it is by events of its own.
 *
 * As client_ask, but errors have been printed when it returns NULL. `doing` is what the line says ("looking"). */
json_t *await_answer(struct client *c, json_t *request, const char *doing, int timeout_ms, int *code);
#endif

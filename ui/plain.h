/* plain: the console as lines, for a terminal without a cursor, a pipe, or ears. No escape sequence is ever sent. */
#ifndef UI_PLAIN_H
#define UI_PLAIN_H
#include <stdbool.h>

#include "control/client.h"

/* Prints what is; asks on when `prompt`. Returns the exit code of `syncline status`, or 0 after a conversation. */
int plain_run(struct client *c, bool prompt);
#endif

/* catchup: reads the log for connections that are behind, a bounded piece at a time, at each one's own pace. */
#ifndef HUB_CORE_CATCHUP_H
#define HUB_CORE_CATCHUP_H
#include "hub/core/account.h"

/* Asks the store for the next piece when the connection is behind and has room. Returns how many bytes were asked for.
 */
size_t catchup_run(struct hub_core *h, struct conn *c);
void catchup_read(struct hub_core *h, struct conn *c, const struct store_answer *answer);
void catchup_slice(struct hub_core *h, struct conn *c, const struct store_answer *answer);
#endif

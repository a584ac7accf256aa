/* fanout: what each connection is told: log entries as soon as they are durable, verdicts, receipts, presence.
 *
 * A connection that has been given everything up to the head gets new entries from memory. One that is behind (it just
 * came, it reads slowly, or the entry is large) gets them through catchup. `conn.sent` is the one mark for both, so
 * there is no gap and no repeat between them. */
#ifndef HUB_CORE_FANOUT_H
#define HUB_CORE_FANOUT_H
#include "hub/core/account.h"

/* The store's answer to an append of one connection (which may be gone). */
void fanout_appended(struct hub_core *h, const struct pending *asked, const struct store_answer *answer);
/* The next entry of the log to a connection, `sent` being the one before it. The body must be there. */
void fanout_entry(struct hub_core *h, struct conn *c, uint64_t seq, uint64_t writer, bool own,
                  const struct change *change);
bool fanout_own(const struct conn *c, const struct id *device, uint64_t epoch);

void fanout_receipt(struct hub_core *h,
                    struct conn *c); /* tells c's moved cursor to the others; no-op when it has not */
void fanout_presence(struct hub_core *h, struct account *a, const struct member *about);
void fanout_missed(struct hub_core *h, struct conn *c); /* receipts and presence anew, once there is room */
void fanout_want(struct hub_core *h, struct conn *from, const struct id *item);
/* The account's device list, in as many messages as it needs; the first one is an AuthResponse when it is given. */
void fanout_devices(struct hub_core *h, struct conn *c, const struct account *a, const struct message *response);
#endif

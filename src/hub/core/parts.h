/* parts: bodies over WIRE_PART_MAX, put together in memory from the slices that a device sends ahead of the change.
 *
 * They belong to the device, not to the connection: after a reconnect within the hub's life the device is told how far
 * it got (RESUME) and goes on there. Bounded for each device, each account and the hub. */
#ifndef HUB_CORE_PARTS_H
#define HUB_CORE_PARTS_H
#include "hub/core/account.h"

void parts_take(struct hub_core *h, struct conn *c, const struct record *part);
/* The whole body (borrowed; it stays in place until parts_unpin): 0, or why not: REFUSED_PARTS (a RESUME was sent),
 * REFUSED_BUSY. */
uint8_t parts_whole(struct hub_core *h, struct conn *c, uint64_t counter, struct span *body);
void parts_unpin(struct account *a);
void parts_drop(struct hub_core *h, struct account *a, const struct id *device, uint64_t epoch, uint64_t counter);
void parts_resume(struct hub_core *h, struct conn *c); /* at authentication: how far each unfinished body is */
void parts_expire(struct hub_core *h);                 /* drops abandoned ones, sets parts_check_ms */
void parts_finish(struct hub_core *h, struct account *a);
#endif

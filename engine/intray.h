/* intray: what happened during a turn of the loop, kept until the core is stepped with it. Events are copied in; what
 * comes out borrows from the tray until it is cleared. */
#ifndef ENGINE_INTRAY_H
#define ENGINE_INTRAY_H
#include "base/buf.h"
#include "engine/core/core.h"

struct intray_row;

struct intray {
	struct intray_row *rows;
	size_t count, cap;
	struct buf text;
};

/* `link` is the connection an event belongs to; one of an earlier connection is dropped by whoever takes it out. */
void intray_put(struct intray *t, const struct event *e, uint64_t link);
void intray_get(const struct intray *t, size_t index, struct event *e, uint64_t *link);
void intray_clear(struct intray *t);
void intray_finish(struct intray *t);
#endif

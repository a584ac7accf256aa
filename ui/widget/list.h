/* list: a cursor that holds a row by its identity, never by its position, and a window that follows it. */
#ifndef UI_WIDGET_LIST_H
#define UI_WIDGET_LIST_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct list {
	uint64_t id; /* of the row under the cursor, 0: none yet */
	size_t row;  /* where it was last: when its row is gone, the one that took the place gets the cursor */
	size_t top;  /* first row shown */
	bool at_end; /* stays on the last row while rows are added (a log that is followed) */
};

/* Where the cursor is among n rows, n when there are none; moves the window so that it is within `height` rows. */
size_t list_place(struct list *l, const uint64_t *ids, size_t n, size_t height);
/* by rows; SIZE_MAX/2-like steps go to the ends. */
void list_move(struct list *l, const uint64_t *ids, size_t n, long by);
void list_select(struct list *l, uint64_t id);
#endif

#include "hub/store/lazy.h"

#include <stdlib.h>

#include "base/mem.h"

#define LAZY_ROWS 1024 /* so many may wait for a transaction to travel with */
#define LAZY_MS   2000

static void take(struct lazy *l, const struct submission *u)
{
	size_t place = (size_t)(uintptr_t)map_find(&l->places, u->device.b, ID_LEN);
	if (!place) {
		MEM_ROOM(l->rows, l->count, l->cap);
		if (l->count == 0)
			l->since_ms = u->now_ms;
		l->rows[l->count] = (struct lazy_row){ .device = u->device };
		place = ++l->count;
		map_put(&l->places, u->device.b, ID_LEN, (void *)(uintptr_t)place);
	}
	struct lazy_row *row = &l->rows[place - 1];
	row->now_ms = u->now_ms;
	if (u->kind == SUBMIT_CURSOR) {
		row->has_cursor = true;
		row->cursor = u->seq;
	}
}

void lazy_take(struct lazy *l, const struct submission *list)
{
	for (; list; list = list->next)
		if (list->kind == SUBMIT_CURSOR || list->kind == SUBMIT_SEEN)
			take(l, list);
}

bool lazy_due(const struct lazy *l, const struct submission *list)
{
	if (!l->count)
		return false;
	for (const struct submission *u = list; u; u = u->next) {
		bool shows_cursors = u->kind == SUBMIT_ACCOUNT || u->kind == SUBMIT_DEVICE;
		if (shows_cursors || submission_writes(u) || u->now_ms > l->since_ms + LAZY_MS)
			return true;
	}
	return l->count >= LAZY_ROWS;
}

void lazy_clear(struct lazy *l)
{
	l->count = 0;
	map_finish(&l->places);
}

void lazy_finish(struct lazy *l)
{
	lazy_clear(l);
	free(l->rows);
}

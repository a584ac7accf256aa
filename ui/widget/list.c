#include "ui/widget/list.h"

static size_t find(const struct list *l, const uint64_t *ids, size_t n)
{
	if (l->at_end && n)
		return n - 1;
	if (l->row < n && ids[l->row] == l->id)
		return l->row;
	for (size_t i = 0; i < n; i++)
		if (ids[i] == l->id)
			return i;
	return l->row < n ? l->row : n ? n - 1 : 0;
}

size_t list_place(struct list *l, const uint64_t *ids, size_t n, size_t height)
{
	if (!n) {
		l->top = 0;
		return 0;
	}
	l->row = find(l, ids, n);
	l->id = ids[l->row];
	if (height < 1)
		height = 1;
	if (l->row < l->top)
		l->top = l->row;
	if (l->row >= l->top + height)
		l->top = l->row - height + 1;
	if (l->top + height > n)
		l->top = n > height ? n - height : 0;
	return l->row;
}

void list_move(struct list *l, const uint64_t *ids, size_t n, long by)
{
	if (!n)
		return;
	size_t at = find(l, ids, n);
	l->at_end = false;
	if (by < 0)
		at = (size_t)-by > at ? 0 : at - (size_t)-by;
	else
		at = (size_t)by > n - 1 - at ? n - 1 : at + (size_t)by;
	l->row = at;
	l->id = ids[at];
}

void list_select(struct list *l, uint64_t id)
{
	l->id = id;
	l->at_end = false;
}

#include "sim/agenda.h"

#include <stdlib.h>

#include "base/mem.h"

void agenda_finish(struct agenda *a)
{
	for (size_t i = 0; i < a->count; i++)
		free(a->heap[i].p);
	free(a->heap);
	*a = (struct agenda){ 0 };
}

static bool before(const struct agenda_entry *x, const struct agenda_entry *y)
{
	return x->at_us != y->at_us ? x->at_us < y->at_us : x->serial < y->serial;
}

void agenda_add(struct agenda *a, uint64_t at_us, enum agenda_what what, unsigned who, uint64_t value, void *p)
{
	MEM_ROOM(a->heap, a->count, a->cap);
	struct agenda_entry e = { at_us, ++a->serial, what, who, value, p };
	size_t i = a->count++;
	for (; i && before(&e, &a->heap[(i - 1) / 2]); i = (i - 1) / 2)
		a->heap[i] = a->heap[(i - 1) / 2];
	a->heap[i] = e;
}

bool agenda_next(struct agenda *a, uint64_t until_us, struct agenda_entry *out)
{
	if (!a->count || a->heap[0].at_us > until_us)
		return false;
	*out = a->heap[0];
	struct agenda_entry last = a->heap[--a->count];
	size_t i = 0, child;
	for (; (child = 2 * i + 1) < a->count; i = child) {
		if (child + 1 < a->count && before(&a->heap[child + 1], &a->heap[child]))
			child++;
		if (!before(&a->heap[child], &last))
			break;
		a->heap[i] = a->heap[child];
	}
	a->heap[i] = last;
	return true;
}

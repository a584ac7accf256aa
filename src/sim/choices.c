#include "sim/choices.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sim/chance.h"
#include "sim/person.h"

uint32_t choice_second(uint64_t key)
{
	uint32_t epoch = choice_epoch(key);
	unsigned area = choice_area(key);
	if (area == CHANCE_PERSON)
		return epoch >= CHANCE_BEFORE ? 0 : epoch / PERSON_ACTS;
	return area == CHANCE_SETUP ? 0 : area == CHANCE_END ? UINT32_MAX : epoch;
}

void choices_finish(struct choices *c)
{
	free(c->list);
	free(c->index);
	*c = (struct choices){ 0 };
}

void choices_add(struct choices *c, uint64_t key, uint64_t bound, uint64_t value, const char *name)
{
	if (c->count == CHOICES_MAX) {
		c->full = true;
		return;
	}
	MEM_ROOM(c->list, c->count, c->cap);
	c->list[c->count++] = (struct choice){ key, bound, value, name, false };
}

struct ordered { /* qsort is not stable */
	struct choice choice;
	size_t at;
};

static int by_key(const void *x, const void *y)
{
	const struct ordered *a = x, *b = y;
	if (a->choice.key != b->choice.key)
		return a->choice.key < b->choice.key ? -1 : 1;
	return a->at < b->at ? -1 : a->at > b->at;
}

void choices_sort(struct choices *c)
{
	struct ordered *places = mem_grow(NULL, c->count + 1, sizeof *places);
	size_t used = 0;
	for (size_t i = 0; i < c->count; i++)
		places[i] = (struct ordered){ c->list[i], i };
	mem_sort(places, c->count, sizeof *places, by_key);
	for (size_t i = 0; i < c->count; i++) {
		if (used && c->list[used - 1].key == places[i].choice.key)
			used--;
		c->list[used++] = places[i].choice;
	}
	c->count = used;
	free(places);
}

struct choices choices_copy(const struct choices *c)
{
	struct choices copy = { .count = c->count, .cap = c->count, .full = c->full };
	if (c->count)
		copy.list = mem_copy(c->list, c->count * sizeof *c->list);
	return copy;
}

static size_t slot(const struct choices *c, uint64_t key)
{
	return (size_t)((key ^ key >> 29) * 0x9e3779b97f4a7c15u >> 20) & (c->index_cap - 1);
}

void choices_ready(struct choices *c)
{
	free(c->index);
	for (c->index_cap = 16; c->index_cap < c->count * 2;)
		c->index_cap *= 2;
	c->index = mem_alloc(c->index_cap * sizeof *c->index);
	for (size_t i = 0; i < c->count; i++) {
		size_t at = slot(c, c->list[i].key);
		while (c->index[at])
			at = (at + 1) & (c->index_cap - 1);
		c->index[at] = (uint32_t)i + 1;
		c->list[i].used = false;
	}
}

struct choice *choices_find(struct choices *c, uint64_t key)
{
	for (size_t at = slot(c, key); c->index[at]; at = (at + 1) & (c->index_cap - 1))
		if (c->list[c->index[at] - 1].key == key)
			return &c->list[c->index[at] - 1];
	return NULL;
}

/* choices: a list of choices (chance.h): what was drawn in a life, without the zeros; to play it again, to shrink it,
 * and to keep it in a file. */
#ifndef SIM_CHOICES_H
#define SIM_CHOICES_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHOICES_MAX 4000000 /* beyond, the list is not whole any more: `full` */

struct choice {
	uint64_t key;          /* choice_key: sorts by device, area, epoch, index */
	uint64_t bound, value; /* bound 0: something struck, and value is 1 */
	const char *name;      /* of a setting, else NULL; borrowed */
	bool used;             /* it was asked for when it was played */
};

struct choices {
	struct choice *list;
	size_t count, cap;
	uint32_t *index; /* to find by key: number + 1, 0 = free */
	size_t index_cap;
	bool full;
};

static inline uint64_t choice_key(unsigned stream, uint32_t epoch, uint32_t index)
{
	return (uint64_t)(stream >> 8 & 31) << 59 | (uint64_t)(stream & 127) << 52 | (uint64_t)epoch << 20 | index;
}
static inline unsigned choice_area(uint64_t key)
{
	return (unsigned)(key >> 52 & 127);
}
static inline unsigned choice_who(uint64_t key) /* 0: the hub and the world, else the device + 1 */
{
	return (unsigned)(key >> 59);
}
static inline uint32_t choice_epoch(uint64_t key)
{
	return (uint32_t)(key >> 20);
}
static inline uint32_t choice_index(uint64_t key)
{
	return (uint32_t)(key & 0xfffff);
}
uint32_t choice_second(uint64_t key); /* of the life: 0 for what has no time, UINT32_MAX for the reckoning */

void choices_finish(struct choices *c);
void choices_add(struct choices *c, uint64_t key, uint64_t bound, uint64_t value, const char *name);
void choices_sort(struct choices *c);                 /* and leaves no key twice: the later one counts */
struct choices choices_copy(const struct choices *c); /* without its index; names are shared */
void choices_ready(struct choices *c);                /* to be played: builds the index, nothing is used yet */
struct choice *choices_find(struct choices *c, uint64_t key);
#endif

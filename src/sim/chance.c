#include "sim/chance.h"

#include <string.h>

#include "base/map.h"
#include "sim/choices.h"

/* The finisher of splitmix64 (Steele, Lea and Flood). */
static uint64_t mix(uint64_t z)
{
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static uint64_t number_at(const struct chance *c, uint64_t key)
{
	return mix(mix(c->seed + key * 0x9e3779b97f4a7c15u) ^ key);
}

void chance_init(struct chance *c, uint64_t seed)
{
	memset(c, 0, sizeof *c);
	c->seed = mix(seed + 0x9e3779b97f4a7c15u);
}

void chance_at(struct chance *c, uint32_t second)
{
	c->second = second;
}

void chance_begin(struct chance *c, unsigned stream, uint32_t epoch, uint32_t index)
{
	c->at[stream & 127][stream >> 8] = (struct chance_state){ epoch, index };
}

static uint64_t next_key(struct chance *c, unsigned stream)
{
	uint32_t index = chance_next(c, stream);
	return choice_key(stream, c->at[stream & 127][stream >> 8].epoch, index);
}

/* One more choice than a second or an act has room for is none: it comes from the seed, as entropy does. */
static bool chosen(const struct chance *c, uint64_t key)
{
	(void)c;
	return choice_area(key) != CHANCE_ENTROPY && choice_index(key) != CHANCE_INDEX_MAX;
}

static uint64_t played(struct chance *c, uint64_t key, uint64_t bound)
{
	struct choice *found = choices_find(c->play, key);
	if (!found)
		return 0;
	found->used = true;
	return found->value < bound ? found->value : bound - 1;
}

static uint64_t choose(struct chance *c, uint64_t key, uint64_t bound, const char *name)
{
	if (bound == 0)
		return 0;
	if (c->play && chosen(c, key))
		return played(c, key, bound);
	uint64_t value = number_at(c, key) % bound;
	if (c->record && value && chosen(c, key))
		choices_add(c->record, key, bound, value, name);
	return value;
}

uint64_t chance_below(struct chance *c, unsigned stream, uint64_t bound)
{
	return choose(c, next_key(c, stream), bound, NULL);
}

uint64_t chance_between(struct chance *c, unsigned stream, uint64_t low, uint64_t high)
{
	return low + chance_below(c, stream, high - low + 1);
}

bool chance_hits(struct chance *c, unsigned stream, uint32_t per_million)
{
	uint64_t key = next_key(c, stream);
	if (c->play && chosen(c, key))
		return played(c, key, 2);
	bool hit = (number_at(c, key) >> 32) * 1000000 >> 32 < per_million;
	if (c->record && hit && chosen(c, key))
		choices_add(c->record, key, 0, 1, NULL);
	return hit;
}

bool chance_rarely(struct chance *c, unsigned stream, uint32_t of)
{
	return chance_hit(c, stream, 1000000 / of);
}

uint64_t chance_setting(struct chance *c, const char *name, uint64_t bound)
{
	return choose(c, choice_key(CHANCE_SETUP, (uint32_t)map_hash(name, strlen(name)), 0), bound, name);
}

uint64_t chance_decided(struct chance *c, const char *name, uint64_t value)
{
	uint64_t key = choice_key(CHANCE_SETUP, (uint32_t)map_hash(name, strlen(name)), 0), bound = 1ull << 32;
	if (c->play)
		return played(c, key, bound);
	if (c->record && value)
		choices_add(c->record, key, bound, value, name);
	return value;
}

void chance_fill(struct chance *c, unsigned stream, void *out, size_t len)
{
	uint8_t *at = out;
	while (len) {
		uint64_t value = number_at(c, next_key(c, (stream & ~127u) | CHANCE_ENTROPY));
		for (int i = 0; i < 8 && len; i++, len--, value >>= 8)
			*at++ = (uint8_t)value;
	}
}

uint64_t chance_trait(const struct chance *c, const char *name, uint64_t number, uint64_t bound)
{
	return bound ? mix(number_at(c, map_hash(name, strlen(name))) + number * 0x9e3779b97f4a7c15u) % bound : 0;
}

/* chance: the dice of the simulated world. Whatever a life leaves to chance is a choice: a number below a bound, and 0
 * is always the choice in which nothing special happens. A life is its choices: they can be recorded as a list
 * (choices.h), played again from it, and shrunk.
 *
 * A choice is known by where it is drawn, not by how many were drawn before it:
 *
 *   stream   an area, and the device (or the hub) that it is drawn for
 *   epoch    the second of the life; for people's acts, the number of the act; for settings, the name
 *   index    the how-many-eth of that stream in that epoch
 *
 * The dice compute the number from the seed and those three, so taking a choice away, or drawing one more, disturbs
 * only what follows in the same stream and second. When a list is played, what it does not name is 0. */
#ifndef SIM_CHANCE_H
#define SIM_CHANCE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/faults.h"

enum chance_area {
	/* Epochs that are told: chance_begin. */
	CHANCE_SETUP,
	CHANCE_PERSON, /* an act of a person */
	CHANCE_END,    /* after the faults ended */
	/* Epochs are seconds. */
	CHANCE_NET,
	CHANCE_DISK,
	CHANCE_PROCESS,
	CHANCE_HUB,
	CHANCE_TIME,
	CHANCE_WRITER,  /* programs that go on writing */
	CHANCE_ENTROPY, /* keys, nonces, jitter: never a choice, always from the seed */
	CHANCE_AREAS,
	CHANCE_FAULTS = 16, /* + enum fault: whether it strikes, and how */
	CHANCE_STREAMS = CHANCE_FAULTS + FAULT_COUNT
};

#define CHANCE_WHO       17         /* the world and the hub, and each device */
#define CHANCE_CALM      0x20000000 /* epochs from here on are seconds since the faults ended */
#define CHANCE_BEFORE    0xf0000000 /* acts from here on are those before the life began */
#define CHANCE_INDEX_MAX 0xfffff

struct choices;

struct chance_state {
	uint32_t epoch, index;
};

struct chance {
	uint64_t seed;
	uint32_t second;
	struct chance_state at[CHANCE_STREAMS][CHANCE_WHO];
	struct choices *record; /* what is drawn is added; NULL: not */
	struct choices *play;   /* what is drawn comes from there; NULL: from the seed */
};

void chance_init(struct chance *c, uint64_t seed);
/* The stream of an area for one device. An area alone is the world's, or the hub's. */
static inline unsigned chance_of(unsigned area, unsigned device)
{
	return area | (device + 1) << 8;
}
void chance_at(struct chance *c, uint32_t second); /* it is that second of the life */
/* The next choices of this stream are of that epoch, from that index on. */
void chance_begin(struct chance *c, unsigned stream, uint32_t epoch, uint32_t index);

uint64_t chance_below(struct chance *c, unsigned stream, uint64_t bound);                /* 0 when bound is 0 */
uint64_t chance_between(struct chance *c, unsigned stream, uint64_t low, uint64_t high); /* both included */
/* Where the next choice of the stream is: its index in its epoch. */
static inline uint32_t chance_next(struct chance *c, unsigned stream)
{
	struct chance_state *s = &c->at[stream & 127][stream >> 8];
	if ((stream & 127) > CHANCE_END && s->epoch != c->second)
		*s = (struct chance_state){ c->second, 0 };
	uint32_t index = s->index;
	s->index += s->index < CHANCE_INDEX_MAX;
	return index;
}
/* Rate 0 never hits. When a list is played, whatever is listed hits at any other rate. Asked at every call of every
 * kernel, and nearly always in vain. */
bool chance_hits(struct chance *c, unsigned stream, uint32_t per_million);
static inline bool chance_hit(struct chance *c, unsigned stream, uint32_t per_million)
{
	if (per_million)
		return chance_hits(c, stream, per_million);
	chance_next(c, stream); /* what is off moves nothing else */
	return false;
}
bool chance_rarely(struct chance *c, unsigned stream, uint32_t of); /* once in so many */
/* A choice for the whole life that has a name. The name must last. */
uint64_t chance_setting(struct chance *c, const char *name, uint64_t bound);
/* The same, but its number (below 2^32) was made of traits; another may be listed. */
uint64_t chance_decided(struct chance *c, const char *name, uint64_t value);

/* Not choices: the same whether a list is played or not. */
void chance_fill(struct chance *c, unsigned stream, void *out, size_t len);
uint64_t chance_trait(const struct chance *c, const char *name, uint64_t number, uint64_t bound);
#endif

#include "sim/shrink.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "sim/chance.h"
#include "sim/person.h"

#define LOWER_STEPS 8

/* What is dropped as a whole: an act, a fault with what it did, or one number of another kind. */
enum kind { KIND_OTHER, KIND_FAULT, KIND_ACT, KIND_COUNT };

struct group {
	enum kind kind;
	size_t from, to; /* choices */
	uint32_t second;
};

struct groups {
	struct group *list;
	size_t count, cap;
};

struct shrinking {
	struct shrink *s;
	struct trace *t;
	clock_t until;
};

static enum kind kind_of(uint64_t key)
{
	return choice_area(key) == CHANCE_PERSON   ? KIND_ACT
	       : choice_area(key) >= CHANCE_FAULTS ? KIND_FAULT
						   : KIND_OTHER;
}

/* The list is sorted by device, area, epoch, index: what belongs together stands together. */
static struct groups group(const struct trace *t)
{
	struct groups g = { 0 };
	uint64_t last = UINT64_MAX;
	for (size_t i = 0; i < t->choices.count; i++) {
		const struct choice *c = &t->choices.list[i];
		enum kind kind = kind_of(c->key);
		bool same = c->key >> 20 == last;
		last = c->key >> 20;
		if (g.count && same && (kind == KIND_ACT || (kind == KIND_FAULT && c->bound))) {
			g.list[g.count - 1].to = i + 1;
			continue;
		}
		MEM_ROOM(g.list, g.count, g.cap);
		g.list[g.count++] = (struct group){ kind, i, i + 1, choice_second(c->key) };
	}
	return g;
}

static int by_time(const void *x, const void *y)
{
	const struct group *a = x, *b = y;
	if (a->second != b->second)
		return a->second < b->second ? -1 : 1;
	return a->from < b->from ? -1 : a->from > b->from;
}

static bool spent(const struct shrinking *g)
{
	return clock() >= g->until;
}

/* Takes the candidate's memory. If it still breaks, it is the trace, without what it did not ask for. */
static bool try(struct shrinking *g, struct choices candidate, unsigned devices, unsigned seconds)
{
	struct trace next = *g->t;
	next.choices = candidate;
	next.devices = devices;
	next.seconds = seconds;
	choices_sort(&next.choices);
	choices_ready(&next.choices);
	g->s->tries++;
	if (g->s->progress)
		g->s->progress(g->s->ctx, g->t, g->s->tries);
	if (!g->s->breaks(g->s->ctx, &next)) {
		choices_finish(&next.choices);
		return false;
	}
	size_t used = 0;
	for (size_t i = 0; i < next.choices.count; i++)
		if (next.choices.list[i].used)
			next.choices.list[used++] = next.choices.list[i];
	next.choices.count = used;
	choices_finish(&g->t->choices);
	*g->t = next;
	g->s->kept++;
	return true;
}

static bool try_choices(struct shrinking *g, struct choices candidate)
{
	return try(g, candidate, g->t->devices, g->t->seconds);
}

/* Without the groups [at, at + size) of the kind, in order of time. */
static struct choices without(const struct trace *t, enum kind kind, size_t at, size_t size)
{
	struct groups g = group(t);
	struct choices rest = { 0 };
	bool *dropped = mem_alloc(t->choices.count + 1);
	size_t number = 0;
	mem_sort(g.list, g.count, sizeof *g.list, by_time);
	for (size_t i = 0; i < g.count; i++)
		if (g.list[i].kind == kind) {
			if (number >= at && number < at + size)
				memset(dropped + g.list[i].from, 1, g.list[i].to - g.list[i].from);
			number++;
		}
	for (size_t i = 0; i < t->choices.count; i++)
		if (!dropped[i])
			choices_add(&rest, t->choices.list[i].key, t->choices.list[i].bound, t->choices.list[i].value,
				    t->choices.list[i].name);
	free(dropped);
	free(g.list);
	return rest;
}

static size_t count_of(const struct trace *t, enum kind kind)
{
	struct groups g = group(t);
	size_t count = 0;
	for (size_t i = 0; i < g.count; i++)
		count += g.list[i].kind == kind;
	free(g.list);
	return count;
}

static bool drop_spans(struct shrinking *g, enum kind kind)
{
	bool any = false;
	for (size_t size = count_of(g->t, kind); size && !spent(g); size /= 2)
		for (size_t at = 0; at < count_of(g->t, kind) && !spent(g);) {
			if (try_choices(g, without(g->t, kind, at, size)))
				any = true;
			else
				at += size;
		}
	return any;
}

/* One area of the other choices at once: mostly it is jitter that nothing hangs on. */
static bool drop_areas(struct shrinking *g)
{
	bool any = false;
	for (unsigned area = 0; area < CHANCE_FAULTS && !spent(g); area++) {
		struct choices rest = { 0 };
		for (size_t i = 0; i < g->t->choices.count; i++) {
			const struct choice *c = &g->t->choices.list[i];
			if (choice_area(c->key) != area || area == CHANCE_PERSON)
				choices_add(&rest, c->key, c->bound, c->value, c->name);
		}
		if (rest.count < g->t->choices.count)
			any = try_choices(g, rest) || any;
		else
			choices_finish(&rest);
	}
	return any;
}

static bool drop_devices(struct shrinking *g)
{
	bool any = false;
	for (unsigned gone = g->t->devices; gone && g->t->devices > 1 && !spent(g); gone--) {
		struct choices rest = { 0 };
		for (size_t i = 0; i < g->t->choices.count; i++) {
			const struct choice *c = &g->t->choices.list[i];
			unsigned who = choice_who(c->key), now = who > gone ? who - 1 : who;
			uint64_t key = (c->key & ~(31ull << 59)) | (uint64_t)now << 59;
			if (who != gone)
				choices_add(&rest, key, c->bound, c->value, c->name);
		}
		any = try(g, rest, g->t->devices - 1, g->t->seconds) || any;
	}
	return any;
}

/* The life without the seconds [from, from + span): what came after comes earlier. */
static struct choices cut_out(const struct trace *t, uint32_t from, uint32_t span)
{
	struct choices rest = { 0 };
	for (size_t i = 0; i < t->choices.count; i++) {
		const struct choice *c = &t->choices.list[i];
		uint32_t epoch = choice_epoch(c->key), second = choice_second(c->key), per = 1;
		unsigned area = choice_area(c->key);
		uint64_t key = c->key;
		bool timed = area != CHANCE_SETUP && area != CHANCE_END && epoch < CHANCE_CALM;
		if (area == CHANCE_PERSON)
			per = PERSON_ACTS;
		if (timed && second >= from && second < from + span)
			continue;
		if (timed && second >= from)
			key -= (uint64_t)span * per << 20;
		choices_add(&rest, key, c->bound, c->value, c->name);
	}
	return rest;
}

static bool cut_time(struct shrinking *g)
{
	bool any = false;
	for (uint32_t span = g->t->seconds / 2; span && !spent(g); span /= 2)
		for (uint32_t from = 0; from + span <= g->t->seconds && span < g->t->seconds && !spent(g);) {
			if (try(g, cut_out(g->t, from, span), g->t->devices, g->t->seconds - span))
				any = true;
			else
				from += span;
		}
	return any;
}

static struct choices with_value(const struct trace *t, size_t at, uint64_t value)
{
	struct choices next = choices_copy(&t->choices);
	if (value) {
		next.list[at].value = value;
	} else {
		memmove(next.list + at, next.list + at + 1, (next.count - at - 1) * sizeof *next.list);
		next.count--;
	}
	return next;
}

static size_t where(const struct trace *t, uint64_t key)
{
	size_t i = 0;
	while (i < t->choices.count && t->choices.list[i].key != key)
		i++;
	return i;
}

/* Halves the way between the highest value that does not do and the lowest that does. */
static bool lower(struct shrinking *g, uint64_t key)
{
	bool any = false;
	uint64_t fails = 0;
	size_t at;
	for (unsigned steps = 0; steps < LOWER_STEPS && (at = where(g->t, key)) < g->t->choices.count; steps++) {
		uint64_t works = g->t->choices.list[at].value, middle = fails + (works - fails) / 2;
		if (works - fails <= 1 || spent(g))
			break;
		if (try_choices(g, with_value(g->t, at, middle)))
			any = true;
		else
			fails = middle;
	}
	return any;
}

static bool lower_values(struct shrinking *g)
{
	bool any = false;
	for (size_t i = 0; i < g->t->choices.count && !spent(g);) {
		if (try_choices(g, with_value(g->t, i, 0))) {
			any = true; /* another stands there now */
			continue;
		}
		any = lower(g, g->t->choices.list[i].key) || any;
		i++;
	}
	return any;
}

bool shrink_trace(struct shrink *s, struct trace *t)
{
	struct shrinking g = { s, t, clock() + (clock_t)(s->cpu_s * CLOCKS_PER_SEC) };
	s->tries = s->kept = 0;
	if (!try_choices(&g, choices_copy(&t->choices)))
		return false;
	bool any = true;
	while (any && !spent(&g)) {
		any = drop_areas(&g);
		any = drop_devices(&g) || any;
		for (int kind = KIND_COUNT - 1; kind >= 0; kind--)
			any = drop_spans(&g, (enum kind)kind) || any;
		any = cut_time(&g) || any;
		any = lower_values(&g) || any;
	}
	return true;
}

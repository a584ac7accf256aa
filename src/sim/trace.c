#include "sim/trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "sim/cluster.h"
#include "sim/person.h"

#define LINE_MAX 4000

static const char *const areas[CHANCE_STREAMS] = { [CHANCE_SETUP] = "setup",
						   [CHANCE_PERSON] = "act",
						   [CHANCE_END] = "end",
						   [CHANCE_NET] = "net",
						   [CHANCE_DISK] = "disk",
						   [CHANCE_PROCESS] = "process",
						   [CHANCE_HUB] = "hub",
						   [CHANCE_TIME] = "time",
						   [CHANCE_WRITER] = "writer",
#define F(name, area, most, words) [CHANCE_FAULTS + FAULT_##name] = #name,
						   FAULTS(F)
#undef F
};

void trace_finish(struct trace *t)
{
	choices_finish(&t->choices);
	for (size_t i = 0; i < t->name_count; i++)
		free(t->names[i]);
	free(t->names);
	*t = (struct trace){ 0 };
}

struct trace_size trace_measure(const struct trace *t)
{
	struct trace_size size = { 0 };
	uint64_t last = UINT64_MAX;
	for (size_t i = 0; i < t->choices.count; i++) {
		const struct choice *c = &t->choices.list[i];
		unsigned area = choice_area(c->key);
		if (area == CHANCE_PERSON) {
			size.acts += c->key >> 20 != last; /* sorted: an act's choices stand together */
			last = c->key >> 20;
		} else if (area >= CHANCE_FAULTS) {
			size.faults += !c->bound;
		} else {
			size.others++;
		}
	}
	return size;
}

/* ---- writing ---- */

static void write_when(uint64_t key, struct buf *out)
{
	uint32_t epoch = choice_epoch(key);
	unsigned area = choice_area(key);
	if (area == CHANCE_PERSON && epoch >= CHANCE_BEFORE)
		buf_printf(out, "before.%u", epoch - CHANCE_BEFORE);
	else if (area == CHANCE_PERSON)
		buf_printf(out, "%u.%u", epoch / PERSON_ACTS, epoch % PERSON_ACTS);
	else if (area <= CHANCE_END)
		buf_printf(out, "always");
	else if (epoch >= CHANCE_CALM)
		buf_printf(out, "calm+%u", epoch - CHANCE_CALM);
	else
		buf_printf(out, "%u", epoch);
}

static void write_head(const struct trace *t, const char *remarks, struct buf *out)
{
	buf_printf(out, "syncline-trace 1\n%s", remarks);
	if (t->invariant[0])
		buf_printf(out, "breaks %s\n", t->invariant);
	if (t->until[0])
		buf_printf(out, "until %s\n", t->until);
	buf_printf(out, "seed %llu\ndevices %u\nseconds %u\n", (unsigned long long)t->seed, t->devices, t->seconds);
}

/* What stands together is of one second. */
static int by_time(const void *x, const void *y)
{
	const struct choice *a = x, *b = y;
	uint32_t first = choice_second(a->key), second = choice_second(b->key);
	if (first != second)
		return first < second ? -1 : 1;
	return a->key < b->key ? -1 : a->key > b->key;
}

static void write_choices(const struct choices *all, struct buf *out)
{
	uint64_t last = UINT64_MAX;
	size_t line = 0;
	for (size_t i = 0; i < all->count; i++) {
		const struct choice *c = &all->list[i];
		unsigned who = choice_who(c->key);
		if (c->name)
			continue;
		if (c->key >> 20 != last || out->len - line > LINE_MAX / 2) {
			buf_printf(out, "%s", last == UINT64_MAX ? "" : "\n");
			line = out->len;
			write_when(c->key, out);
			buf_printf(out, " %s %s", who ? cluster_device_name(who - 1) : "hub",
				   areas[choice_area(c->key)]);
			last = c->key >> 20;
		}
		buf_printf(out, " %u", choice_index(c->key));
		if (c->bound)
			buf_printf(out, "=%llu/%llu", (unsigned long long)c->value, (unsigned long long)c->bound);
	}
	buf_printf(out, "%s", last == UINT64_MAX ? "" : "\n");
}

void trace_write(const struct trace *t, const char *remarks, struct buf *out)
{
	struct choices all = choices_copy(&t->choices);
	write_head(t, remarks, out);
	for (size_t i = 0; i < all.count; i++)
		if (all.list[i].name)
			buf_printf(out, "set %llu/%llu %s\n", (unsigned long long)all.list[i].value,
				   (unsigned long long)all.list[i].bound, all.list[i].name);
	mem_sort(all.list, all.count, sizeof *all.list, by_time);
	write_choices(&all, out);
	choices_finish(&all);
}

/* ---- reading ---- */

struct reading {
	struct trace *t;
	unsigned line;
	struct err *e;
};

static bool wrong(struct reading *r, const char *why)
{
	char what[40];
	snprintf(what, sizeof what, "trace, line %u", r->line);
	return err_set(r->e, what, "see the head of the file for what it needs", "%s", why);
}

static const char *word(char **at)
{
	char *from = *at + strspn(*at, " "), *to = from + strcspn(from, " ");
	*at = *to ? to + 1 : to;
	*to = 0;
	return from;
}

/* Takes a number off the front of the text. */
static bool number(const char **at, uint64_t most, uint64_t *out)
{
	const char *from = *at;
	*out = 0;
	for (; **at >= '0' && **at <= '9'; ++*at) {
		uint64_t digit = (uint64_t)(**at - '0');
		if (*out > (UINT64_MAX - digit) / 10)
			return false;
		*out = *out * 10 + digit;
	}
	return *at != from && *at - from <= 20 && *out <= most;
}

static bool only_number(const char *text, uint64_t least, uint64_t most, uint64_t *out)
{
	return number(&text, most, out) && !*text && *out >= least;
}

static bool share(const char *text, uint64_t *value, uint64_t *bound)
{
	return number(&text, UINT64_MAX, value) && *text++ == '/' && only_number(text, 2, UINT64_MAX, bound) &&
	       *value && *value < *bound;
}

static bool read_set(struct reading *r, char *rest)
{
	struct trace *t = r->t;
	const char *given = word(&rest), *name = rest;
	uint64_t value, bound;
	if (!*name || strlen(name) > 40 || !share(given, &value, &bound))
		return wrong(r, "not a setting: set VALUE/BOUND NAME");
	MEM_ROOM(t->names, t->name_count, t->name_cap);
	t->names[t->name_count++] = mem_text(name);
	choices_add(&t->choices, choice_key(CHANCE_SETUP, (uint32_t)map_hash(name, strlen(name)), 0), bound, value,
		    t->names[t->name_count - 1]);
	return true;
}

static bool read_area(const char *name, unsigned *area)
{
	for (unsigned i = 0; i < CHANCE_STREAMS; i++)
		if (areas[i] && strcmp(areas[i], name) == 0) {
			*area = i;
			return true;
		}
	return false;
}

static bool read_who(const struct trace *t, const char *name, unsigned *who)
{
	for (unsigned i = 0; i < t->devices; i++)
		if (strcmp(cluster_device_name(i), name) == 0) {
			*who = i + 1;
			return true;
		}
	*who = 0;
	return strcmp(name, "hub") == 0;
}

static bool read_when(const char *when, unsigned area, uint32_t *epoch)
{
	uint64_t number_, slot;
	if (area == CHANCE_PERSON) {
		if (strncmp(when, "before.", 7) == 0) {
			bool ok = only_number(when + 7, 0, 0xffff, &number_);
			*epoch = CHANCE_BEFORE + (uint32_t)number_;
			return ok;
		}
		if (!number(&when, TRACE_SECONDS_MAX, &number_) || *when++ != '.' ||
		    !only_number(when, 0, PERSON_ACTS - 1, &slot))
			return false;
		*epoch = (uint32_t)(number_ * PERSON_ACTS + slot);
		return true;
	}
	if (area <= CHANCE_END) {
		*epoch = 0;
		return strcmp(when, "always") == 0;
	}
	bool calm = strncmp(when, "calm+", 5) == 0;
	bool ok = only_number(calm ? when + 5 : when, 0, TRACE_SECONDS_MAX, &number_);
	*epoch = (calm ? CHANCE_CALM : 0) + (uint32_t)number_;
	return ok;
}

static bool read_choices(struct reading *r, const char *when, char *rest)
{
	struct trace *t = r->t;
	const char *name = word(&rest), *area_name = word(&rest), *text;
	unsigned who, area;
	uint32_t epoch;
	uint64_t index, value, bound;
	if (!t->devices || !t->seconds)
		return wrong(r, "seed, devices and seconds come first");
	if (!read_area(area_name, &area))
		return wrong(r, "no area and no fault that this build knows");
	if (!read_who(t, name, &who))
		return wrong(r, "neither hub nor one of the devices");
	if (!read_when(when, area, &epoch))
		return wrong(r, "not a time");
	for (text = word(&rest); *text; text = word(&rest)) {
		if (!number(&text, CHANCE_INDEX_MAX - 1, &index) || (*text && *text != '='))
			return wrong(r, "not a choice: INDEX, or INDEX=VALUE/BOUND");
		value = 1;
		bound = 0;
		if (*text && !share(text + 1, &value, &bound))
			return wrong(r, "not a choice: the value is above 0 and below its bound");
		if (t->choices.count == TRACE_CHOICES_MAX)
			return wrong(r, "too many choices");
		choices_add(&t->choices, choice_key(who << 8 | area, epoch, (uint32_t)index), bound, value, NULL);
	}
	return true;
}

static bool read_line(struct reading *r, char *line)
{
	struct trace *t = r->t;
	char *rest = line;
	uint64_t value = 0;
	for (const char *at = line; *at; at++)
		if ((unsigned char)*at < ' ' && *line != '#')
			return wrong(r, "a control character");
	if (*line == '#' || !*line)
		return true;
	const char *first = word(&rest);
	if (strcmp(first, "set") == 0)
		return read_set(r, rest);
	if (strcmp(first, "breaks") == 0) {
		const char *name = word(&rest);
		if (!*name || strlen(name) >= sizeof t->invariant || *word(&rest))
			return wrong(r, "not an invariant");
		snprintf(t->invariant, sizeof t->invariant, "%s", name);
		return true;
	}
	if (strcmp(first, "until") == 0) {
		if (!*rest || strlen(rest) >= sizeof t->until)
			return wrong(r, "not a text, or too long a one");
		snprintf(t->until, sizeof t->until, "%s", rest);
		return true;
	}
	if (strcmp(first, "seed") == 0)
		return only_number(rest, 0, UINT64_MAX, &t->seed) || wrong(r, "not a seed");
	if (strcmp(first, "devices") == 0) {
		if (t->devices || !only_number(rest, 1, CLUSTER_NODES_MAX, &value))
			return wrong(r, "not a number of devices, or a second one");
		t->devices = (unsigned)value;
		return true;
	}
	if (strcmp(first, "seconds") == 0) {
		if (!only_number(rest, 1, TRACE_SECONDS_MAX, &value))
			return wrong(r, "not a number of seconds");
		t->seconds = (unsigned)value;
		return true;
	}
	return read_choices(r, first, rest);
}

bool trace_read(struct span text, struct trace *out, struct err *e)
{
	static const char first[] = "syncline-trace 1\n";
	struct reading r = { out, 1, e };
	*out = (struct trace){ 0 };
	if (text.len > TRACE_BYTES_MAX || text.len < sizeof first - 1 ||
	    memcmp(text.data, first, sizeof first - 1) != 0)
		return err_set(e, "trace", "give it a file that 'syncline sim' wrote",
			       "not a trace of version 1, or too large a one");
	if (memchr(text.data, 0, text.len))
		return err_set(e, "trace", "", "it holds bytes that no text has");
	char *copy = mem_copy(text.data, text.len), *next = copy + sizeof first - 1;
	bool ok = true;
	while (ok && next && *next) {
		char *line = strsep(&next, "\n");
		r.line++;
		ok = strlen(line) <= LINE_MAX ? read_line(&r, line) : wrong(&r, "the line is too long");
	}
	free(copy);
	if (ok && (!out->devices || !out->seconds))
		ok = wrong(&r, "devices or seconds are missing");
	choices_sort(&out->choices);
	if (!ok)
		trace_finish(out);
	return ok;
}

/* Traces and shrinking: texts of any kind are read or refused, and what is left of a failure is what it hangs on. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/rng.h"
#include "sim/chance.h"
#include "sim/person.h"
#include "sim/shrink.h"

#define ACT(device, second, slot)    choice_of(chance_of(CHANCE_PERSON, device), (second)*PERSON_ACTS + (slot))
#define FAULT(fault, device, second) choice_of(chance_of(CHANCE_FAULTS + FAULT_##fault, device), second)

static uint64_t choice_of(unsigned stream, uint32_t epoch)
{
	return choice_key(stream, epoch, 0);
}

static struct trace sample(void)
{
	struct trace t = { .seed = 4711, .devices = 3, .seconds = 20, .invariant = "I1" };
	const char *name = "a name of words";
	choices_add(&t.choices, choice_key(CHANCE_SETUP, 0, 0), 8, 7, NULL);
	choices_add(&t.choices, choice_key(CHANCE_SETUP, (uint32_t)map_hash(name, strlen(name)), 0), 9, 5, name);
	choices_add(&t.choices, ACT(1, 3, 2), 0, 1, NULL);
	choices_add(&t.choices, ACT(1, 3, 2) + 1, 1000000, 999999, NULL);
	choices_add(&t.choices, choice_of(chance_of(CHANCE_PERSON, 0), CHANCE_BEFORE + 5), 0, 1, NULL);
	choices_add(&t.choices, FAULT(power, 2, 17) + 41, 0, 1, NULL);
	choices_add(&t.choices, FAULT(power, 2, 17) + 42, UINT64_MAX, UINT64_MAX - 1, NULL);
	choices_add(&t.choices, choice_key(CHANCE_HUB, CHANCE_CALM + 4, 9), 16, 3, NULL);
	choices_add(&t.choices, choice_key(CHANCE_END, 0, 2), 2, 1, NULL);
	choices_sort(&t.choices);
	return t;
}

Test(trace, what_is_written_reads_back)
{
	struct trace t = sample(), back;
	struct buf text = { 0 }, again = { 0 };
	struct err e;
	snprintf(t.until, sizeof t.until, "desk places notes");
	trace_write(&t, "# a remark\n", &text);
	cr_assert(trace_read(buf_view(&text), &back, &e), "%s: %s", e.what, e.why);
	cr_assert(back.seed == 4711 && back.devices == 3 && back.seconds == 20);
	cr_assert_str_eq(back.until, t.until);
	cr_assert_eq(back.choices.count, t.choices.count);
	for (size_t i = 0; i < t.choices.count; i++)
		cr_assert(back.choices.list[i].key == t.choices.list[i].key &&
			  back.choices.list[i].value == t.choices.list[i].value &&
			  back.choices.list[i].bound == t.choices.list[i].bound);
	struct trace_size size = trace_measure(&back);
	cr_assert(size.acts == 2 && size.faults == 1 && size.others == 4);
	trace_write(&back, "# a remark\n", &again);
	cr_assert(span_equal(buf_view(&text), buf_view(&again)));
	cr_assert(strstr(buf_text(&text), "\nset 5/9 a name of words\n"));
	cr_assert(strstr(buf_text(&text), "\n3.2 desk act 0 1=999999/1000000\n"));
	cr_assert(strstr(buf_text(&text), "\n17 phone power 41 42=18446744073709551614/18446744073709551615\n"));
	buf_finish(&text);
	buf_finish(&again);
	trace_finish(&t);
	trace_finish(&back);
}

Test(trace, a_text_that_is_none_is_refused_with_its_line)
{
	static const struct {
		const char *rest, *why;
	} bad[] = {
		{ "", "line 1" },
		{ "devices 2\n", "line 2" },
		{ "devices 0\nseconds 5\n", "line 2" },
		{ "devices 17\nseconds 5\n", "line 2" },
		{ "devices 2\ndevices 3\nseconds 5\n", "line 3" },
		{ "devices 2\nseconds 0\n", "line 3" },
		{ "devices 2\nseconds 99999999999999999999999\n", "line 3" },
		{ "devices 2\nseconds 5\nbreaks\n", "line 4" },
		{ "devices 2\nseconds 5\nbreaks TOOLONGAWORD\n", "line 4" },
		{ "devices 2\nseconds 5\nseed -1\n", "line 4" },
		{ "devices 2\nseconds 5\nset x\n", "line 4" },
		{ "devices 2\nseconds 5\nset 1/2\n", "line 4" },
		{ "devices 2\nseconds 5\nset 5/5 x\n", "line 4" },
		{ "devices 2\nseconds 5\nset 0/5 x\n", "line 4" },
		{ "1 laptop net 0=1/2\ndevices 2\nseconds 5\n", "line 2" },
		{ "devices 2\nseconds 5\n1 phone net 0=1/2\n", "line 4" },
		{ "devices 2\nseconds 5\n1 laptop earthquake 0\n", "line 4" },
		{ "devices 2\nseconds 5\n1 laptop act 0\n", "line 4" },
		{ "devices 2\nseconds 5\n1.4 laptop act 0\n", "line 4" },
		{ "devices 2\nseconds 5\nnever laptop net 0=1/2\n", "line 4" },
		{ "devices 2\nseconds 5\n1 laptop net 1048575=1/2\n", "line 4" },
		{ "devices 2\nseconds 5\n1 laptop net 0=2/2\n", "line 4" },
		{ "devices 2\nseconds 5\n1 laptop net 0=1/2x\n", "line 4" },
		{ "devices 2\nseconds 5\n1 laptop net 0=\n", "line 4" },
		{ "devices 2\nseconds 5\n1 laptop net x\n", "line 4" },
		{ "devices 2\nseconds 5\n\x1b[2J\n", "line 4" },
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct trace t;
		struct err e = { 0 };
		char text[400];
		snprintf(text, sizeof text, "syncline-trace 1\n%s", bad[i].rest);
		cr_assert_not(trace_read(span_text(text), &t, &e), "%zu is read", i);
		cr_assert(strstr(e.what, bad[i].why), "%zu: %s", i, e.what);
	}
	struct trace t;
	struct err e;
	cr_assert_not(trace_read(span_text("syncline-trace 2\ndevices 2\nseconds 5\n"), &t, &e));
	cr_assert_not(trace_read(span_text(""), &t, &e));
	cr_assert_not(trace_read(span_of((const uint8_t *)"syncline-trace 1\ndevices 2\0\nseconds 5\n", 39), &t, &e));
}

Test(trace, noise_is_read_or_refused_and_never_more)
{
	struct trace t = sample(), back;
	struct buf text = { 0 };
	struct err e;
	struct rng rng;
	rng_seed(&rng, 1);
	trace_write(&t, "", &text);
	for (int i = 0; i < 20000; i++) {
		struct buf noisy = { 0 };
		buf_put(&noisy, text.data, (size_t)rng_below(&rng, text.len + 1));
		for (uint64_t flips = rng_below(&rng, 4); flips && noisy.len; flips--)
			noisy.data[rng_below(&rng, noisy.len)] = (uint8_t) "0 9=/.\n#a\xff"[rng_below(&rng, 10)];
		if (trace_read(buf_view(&noisy), &back, &e))
			trace_finish(&back);
		buf_finish(&noisy);
	}
	buf_finish(&text);
	trace_finish(&t);
}

/* A failure that hangs on two acts and a fault of one device, in this order, and a number above 99. */
static bool artificial(void *ctx, struct trace *t)
{
	unsigned *lives = ctx, found = 0;
	uint32_t last = 0;
	++*lives;
	for (size_t i = 0; i < t->choices.count; i++) {
		struct choice *c = &t->choices.list[i];
		if (choice_second(c->key) >= t->seconds || choice_who(c->key) > t->devices)
			continue;
		c->used = true;
		if (choice_who(c->key) != t->devices || choice_second(c->key) < last)
			continue;
		if (choice_area(c->key) == CHANCE_PERSON && choice_index(c->key) == 2 && c->value > 99)
			found |= found & 1 ? 2 : 1;
		if (choice_area(c->key) == CHANCE_FAULTS + FAULT_kill)
			found |= 4;
	}
	return found == 7;
}

Test(shrink, what_is_left_is_what_the_failure_hangs_on)
{
	struct trace t = { .seed = 1, .devices = 4, .seconds = 100, .invariant = "I1" };
	struct rng rng;
	unsigned lives = 0;
	rng_seed(&rng, 3);
	for (uint32_t second = 0; second < 100; second++)
		for (unsigned who = 0; who < 4; who++) {
			uint64_t act = ACT(who, second, (uint32_t)rng_below(&rng, PERSON_ACTS));
			choices_add(&t.choices, act, 0, 1, NULL);
			choices_add(&t.choices, act + 2, 1000, 1 + rng_below(&rng, 999), NULL);
			choices_add(&t.choices, choice_of(chance_of(CHANCE_NET, who), second), 200, 5, NULL);
			if (second % 7 == 0)
				choices_add(&t.choices, FAULT(kill, who, second), 0, 1, NULL);
			if (second % 9 == 0)
				choices_add(&t.choices, FAULT(cut, who, second), 0, 1, NULL);
		}
	choices_sort(&t.choices);
	struct shrink s = { .breaks = artificial, .ctx = &lives, .cpu_s = 10 };
	cr_assert(shrink_trace(&s, &t));
	struct trace_size size = trace_measure(&t);
	cr_assert(size.acts == 2 && size.faults == 1 && size.others == 0, "%u acts, %u faults, %u others", size.acts,
		  size.faults, size.others);
	cr_assert(t.devices == 1 && t.seconds <= 2, "%u devices, %u s", t.devices, t.seconds);
	for (size_t i = 0; i < t.choices.count; i++)
		cr_assert(!t.choices.list[i].bound || t.choices.list[i].value == 100);
	cr_assert_eq(s.tries, lives);
	trace_finish(&t);
}

Test(shrink, what_does_not_break_is_not_shrunk)
{
	struct trace t = sample();
	unsigned lives = 0;
	size_t count = t.choices.count;
	struct shrink s = { .breaks = artificial, .ctx = &lives, .cpu_s = 10 };
	cr_assert_not(shrink_trace(&s, &t));
	cr_assert_eq(t.choices.count, count);
	cr_assert_eq(lives, 1);
	trace_finish(&t);
}

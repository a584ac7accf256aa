#include "sim/replay.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/say.h"
#include "sim/built.h"
#include "sim/invariants.h"
#include "sim/shrink.h"

/* ---- lives from traces ---- */

struct living {
	struct life_result result;
	unsigned acts, faults;
};

static void live(const struct trace *t, bool trace, struct buf *story, struct life_result *out)
{
	struct choices list = t->choices;
	struct life_setup s = { .seed = t->seed,
				.devices = t->devices,
				.seconds = t->seconds,
				.trace = trace,
				.until = t->until[0] ? t->until : NULL,
				.play = &list,
				.story = story };
	life_run(&s, out);
}

static bool still_breaks(void *ctx, struct trace *t)
{
	struct living *l = ctx;
	live(t, false, NULL, &l->result);
	return l->result.breach.found && strcmp(l->result.breach.invariant, t->invariant) == 0;
}

static void shrinking(void *ctx, const struct trace *t, unsigned tries)
{
	struct living *l = ctx;
	if (tries % 16 == 1) {
		struct trace_size size = trace_measure(t);
		l->acts = size.acts;
		l->faults = size.faults;
	}
	say_progress("shrinking: %u lives tried; %u acts, %u faults and %u devices are left", tries, l->acts, l->faults,
		     t->devices);
}

/* ---- what people see ---- */

static void print_story(const struct trace *t)
{
	struct buf story = { 0 };
	struct life_result r;
	live(t, false, &story, &r);
	fputs(buf_text(&story), stdout);
	buf_finish(&story);
}

static void print_size(const struct trace *t)
{
	struct trace_size size = trace_measure(t);
	printf("%s, ", say_count(t->devices, "device", "devices"));
	printf("%s of people, ", say_count(size.acts, "act", "acts"));
	printf("%s, %u s", say_count(size.faults, "fault", "faults"), t->seconds);
}

static void print_breach(const struct breach *b)
{
	printf("BROKEN     %s, %s\n", b->invariant, invariant_text(b->invariant));
	printf("           %s\n", say_text(b->text));
	printf("           step %llu, %.3f s of its life\n", (unsigned long long)b->step, (double)b->at_us / 1e6);
}

static void print_built(void)
{
	printf("built      syncline %s, commit %s, %s\n", BUILT_VERSION, built_commit(), built_flags());
}

static bool save(const char *file, const struct trace *t, const struct breach *b)
{
	struct buf remarks = { 0 }, text = { 0 };
	buf_printf(&remarks, "# %s\n# Found by syncline %s, commit %s. Play it: syncline sim --replay FILE\n", b->text,
		   BUILT_VERSION, built_commit());
	trace_write(t, buf_text(&remarks), &text);
	FILE *f = fopen(file, "w");
	bool ok = f && fwrite(text.data, 1, text.len, f) == text.len;
	ok = f && fclose(f) == 0 && ok;
	buf_finish(&remarks);
	buf_finish(&text);
	return ok;
}

static struct trace recorded(const struct life_setup *s, const struct breach *b)
{
	struct trace t = { .seed = s->seed, .devices = s->devices, .seconds = s->seconds };
	struct life_setup again = *s;
	struct life_result r;
	again.trace = false;
	again.record = &t.choices;
	life_run(&again, &r);
	choices_sort(&t.choices);
	snprintf(t.invariant, sizeof t.invariant, "%s", b->invariant);
	snprintf(t.until, sizeof t.until, "%s", s->until ? s->until : "");
	return t;
}

static void tell_shrunk(struct trace *t, const char *file, const struct shrink *shrink, const struct breach *was)
{
	struct life_result r;
	choices_ready(&t->choices);
	live(t, false, NULL, &r);
	printf("shrunk     to ");
	print_size(t);
	printf(" (%u lives tried)\n", shrink->tries);
	printf("story\n");
	print_story(t);
	print_breach(r.breach.found ? &r.breach : was);
	print_built();
	if (save(file, t, &r.breach))
		printf("replay     syncline sim --replay %s\n", file);
	else
		fprintf(stderr,
			"syncline: sim: %s cannot be written: %s (the seed still tells: --seed %llu --shrink)\n", file,
			strerror(errno), (unsigned long long)t->seed);
}

void replay_shrunk(const struct life_setup *s, const struct life_result *broke, double cpu_s)
{
	struct living l = { 0 };
	struct shrink shrink = { .breaks = still_breaks, .progress = shrinking, .ctx = &l, .cpu_s = cpu_s };
	struct trace t = recorded(s, &broke->breach);
	char file[64];
	snprintf(file, sizeof file, "sim-%llu.trace", (unsigned long long)s->seed);
	bool done = shrink_trace(&shrink, &t);
	say_progress_end();
	if (done)
		tell_shrunk(&t, file, &shrink, &broke->breach);
	else
		printf("           its list of choices does not break it: no shorter story\n");
	trace_finish(&t);
}

/* ---- files ---- */

/* The trace with one fault, and what it draws, some occasions earlier or later in its second. */
static bool moved(const struct trace *t, size_t fault, int by, struct trace *out)
{
	const struct choice *list = t->choices.list;
	int64_t index = (int64_t)choice_index(list[fault].key) + by;
	*out = *t;
	out->choices = choices_copy(&t->choices);
	for (size_t i = fault; i < t->choices.count && list[i].key >> 20 == list[fault].key >> 20; i++) {
		if (i > fault && !list[i].bound)
			break;
		out->choices.list[i].key += (uint64_t)(int64_t)by;
	}
	choices_sort(&out->choices);
	if (index >= 0)
		return true;
	choices_finish(&out->choices);
	return false;
}

/* Code that makes a call more or less moves a fault to the neighbour of where the bug was: so those are tried as well.
 * False: one of them breaks something, and is in `out`. */
static bool neighbours_hold(const struct trace *t, unsigned nearby, unsigned *tried, struct trace *out,
			    struct life_result *r)
{
	for (size_t i = 0; i < t->choices.count; i++)
		for (int by = -(int)nearby; by <= (int)nearby; by++) {
			if (choice_area(t->choices.list[i].key) < CHANCE_FAULTS || t->choices.list[i].bound || !by ||
			    !moved(t, i, by, out))
				continue;
			choices_ready(&out->choices);
			live(out, false, NULL, r);
			++*tried;
			if (r->breach.found)
				return false;
			choices_finish(&out->choices);
		}
	return true;
}

static bool load(const char *file, struct trace *t, struct err *e)
{
	FILE *f = fopen(file, "r");
	char *text = mem_alloc(TRACE_BYTES_MAX + 2);
	size_t len = f ? fread(text, 1, TRACE_BYTES_MAX + 1, f) : 0;
	bool ok = f && !ferror(f);
	if (!ok)
		err_set(e, file, "give it a file that 'syncline sim' wrote", "%s", strerror(errno));
	else
		ok = trace_read(span_of(text, len), t, e) || err_in(e, file);
	if (f)
		fclose(f);
	free(text);
	return ok;
}

static void tell_played(const struct trace *t, const struct life_result *r)
{
	printf("story\n");
	print_story(t);
	print_breach(&r->breach);
	print_built();
	if (t->invariant[0] && strcmp(t->invariant, r->breach.invariant) != 0)
		printf("           the file is of another failure: %s\n", t->invariant);
}

int replay_file(const char *file, unsigned nearby, double cpu_s, bool trace)
{
	struct trace t, other = { 0 };
	struct err e = { 0 };
	struct life_result r;
	unsigned tried = 0;
	if (!load(file, &t, &e))
		return say_error(2, &e);
	choices_ready(&t.choices);
	live(&t, trace, NULL, &r);
	size_t idle = 0;
	for (size_t i = 0; i < t.choices.count; i++)
		idle += !t.choices.list[i].used;
	printf("played     ");
	print_size(&t);
	printf("; %zu of %zu choices were asked for\n", t.choices.count - idle, t.choices.count);
	uint64_t digest = r.digest;
	if (r.breach.found && cpu_s > 0) {
		struct living l = { 0 };
		struct shrink shrink = { .breaks = still_breaks, .progress = shrinking, .ctx = &l, .cpu_s = cpu_s };
		snprintf(t.invariant, sizeof t.invariant, "%s", r.breach.invariant);
		shrink_trace(&shrink, &t);
		say_progress_end();
		tell_shrunk(&t, file, &shrink, &r.breach);
	} else if (r.breach.found) {
		tell_played(&t, &r);
	} else if (!neighbours_hold(&t, nearby, &tried, &other, &r)) {
		printf("           and with a fault some occasions earlier or later:\n");
		tell_played(&other, &r);
		choices_finish(&other.choices);
	} else {
		printf("held       every invariant%s%s\n", t.invariant[0] ? ", and once it broke " : "", t.invariant);
		if (tried)
			printf("           and so did %u neighbours\n", tried);
		printf("digest     %016llx\n", (unsigned long long)digest);
	}
	trace_finish(&t);
	return r.breach.found;
}

#include "sim/evidence.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/say.h"
#include "sim/built.h"
#include "sim/marks.h"

static const char *const fault_names[] = {
#define F(name, area, most, words) #name,
	FAULTS(F)
#undef F
};
static const char *const fault_words[] = {
#define F(name, area, most, words) words,
	FAULTS(F)
#undef F
};
static const char *const invariant_names[] = {
#define V(name, text) #name,
	INVARIANTS(V)
#undef V
};
static const char *const invariant_texts[] = {
#define V(name, text) text,
	INVARIANTS(V)
#undef V
};

void evidence_add(struct evidence *e, const struct life_result *r)
{
	uint64_t *into = (uint64_t *)&e->sum;
	const uint64_t *from = (const uint64_t *)&r->tally;
	for (size_t i = 0; i < sizeof e->sum / sizeof *into; i++)
		into[i] += from[i];
	e->digest = (e->digest ^ r->digest) * 0x9e3779b97f4a7c15u;
	e->lives++;
}

static double hours(const struct evidence *e)
{
	return (double)e->sum.virtual_us / 3.6e9;
}

static void print_faults(const struct tally *t)
{
	unsigned struck = 0;
	for (unsigned i = 0; i < FAULT_COUNT; i++)
		struck += t->faults[i] > 0;
	printf("faults     %u of %d classes struck\n", struck, FAULT_COUNT);
	for (unsigned i = 0; i < FAULT_COUNT; i++)
		printf("           %10llu %-13s %s\n", (unsigned long long)t->faults[i], fault_names[i],
		       fault_words[i]);
}

static void print_held(const struct tally *t)
{
	printf("held       every invariant, each time it was checked\n");
	for (unsigned i = 0; i < INVARIANT_X1; i++)
		printf("           %10llu %-4s %s\n", (unsigned long long)t->checked[i], invariant_names[i],
		       invariant_texts[i]);
}

void evidence_print(const struct evidence *e)
{
	const struct tally *t = &e->sum;
#define N(field) (unsigned long long)t->field
	printf("lived      %llu lives of %llu devices and a hub%s: %.2f cluster-hours, %.2f device-hours, %llu steps\n",
	       (unsigned long long)e->lives, (unsigned long long)e->devices, e->twice ? ", each twice" : "", hours(e),
	       hours(e) * (double)e->devices, N(steps));
	printf("people     %llu edits (%llu in the middle of a call), %llu files replaced, %llu log entries, %llu "
	       "settlements, %llu conflicts left to settle\n",
	       N(edits), N(races), N(places), N(log), N(settlements), N(conflicts));
	printf("net        %llu frames, %llu lost, %llu late, %llu garbled, %llu lost answers, %llu cuts, %llu "
	       "half-open, "
	       "%llu partitions, %llu connects\n",
	       N(frames), N(lost_frames), N(stale_frames), N(garbled), N(lost_answers), N(cuts), N(half_opens),
	       N(partitions), N(reconnects));
	printf("processes  %llu kills, %llu power cuts, %llu restarts, %llu failed commits; hub: %llu kills\n",
	       N(kills), N(power_cuts), N(restarts), N(ledger_failures), N(hub_kills));
	printf("backups    hub put back %llu times, devices %llu times; %llu rollbacks accepted\n", N(hub_restores),
	       N(node_restores), N(rollbacks));
	print_faults(t);
	print_held(t);
#undef N
	marks_print(stdout);
	printf("built      syncline %s, commit %s, %s\n", BUILT_VERSION, built_commit(), built_flags());
	if (e->spent_s > 0)
		fprintf(stderr, "speed      %.1f cluster-hours a CPU minute\n", hours(e) * 60 / e->spent_s);
	printf("digest %016llx\n", (unsigned long long)e->digest);
}

static json_t *counts(const uint64_t *values, const char *const *names, size_t count)
{
	json_t *out = json_object();
	for (size_t i = 0; i < count; i++)
		json_object_set_new(out, names[i], json_integer((json_int_t)values[i]));
	return out;
}

static json_t *work(const struct tally *t)
{
#define N(field) #field, (json_int_t)t->field
	return json_pack("{sI sI sI sI sI sI sI sI sI sI sI sI sI sI sI sI sI}", N(steps), N(turns), N(edits), N(races),
			 N(places), N(log), N(versions), N(settlements), N(conflicts), N(frames), N(lost_frames),
			 N(kills), N(power_cuts), N(hub_kills), N(reconnects), N(hub_restores), N(node_restores));
#undef N
}

void evidence_json(const struct evidence *e, const struct life_setup *broken, const struct breach *breach)
{
	char digest[20], seed[24], broken_seed[24];
	snprintf(digest, sizeof digest, "%016llx", (unsigned long long)e->digest);
	snprintf(seed, sizeof seed, "%llu", (unsigned long long)e->seed); /* more than a JSON number holds */
	snprintf(broken_seed, sizeof broken_seed, "%llu", (unsigned long long)(broken ? broken->seed : 0));
	json_t *out = json_pack("{ss sI sI sb sf sf so so so so ss ss ss ss}", "seed", seed, "lives",
				(json_int_t)e->lives, "devices", (json_int_t)e->devices, "twice", (int)e->twice,
				"cluster_hours", hours(e), "device_hours", hours(e) * (double)e->devices, "work",
				work(&e->sum), "faults", counts(e->sum.faults, fault_names, FAULT_COUNT), "checked",
				counts(e->sum.checked, invariant_names, INVARIANT_X1), "marks", marks_json(), "digest",
				digest, "version", BUILT_VERSION, "commit", built_commit(), "build", built_flags());
	json_object_set_new(out, "broken",
			    broken ? json_pack("{ss ss so sI sf}", "seed", broken_seed, "invariant", breach->invariant,
					       "text", json_bytes(breach->text, strlen(breach->text)), "step",
					       (json_int_t)breach->step, "at", (double)breach->at_us / 1e6)
				   : json_null());
	say_json(out);
	json_decref(out);
}

/* syncline sim: random lives from seeds, and the evidence. */
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/map.h"
#include "base/plant.h"
#include "cli/say.h"
#include "cli/verbs.h"
#include "sim/built.h"
#include "sim/evidence.h"
#include "sim/relive.h"
#include "sim/replay.h"

#define SHRINK_SECONDS      20  /* of the processor, when a life broke and nobody asked for more */
#define SHRINK_LONG_SECONDS 300 /* with --shrink */
#define ROOM_KEPT           (256 << 20) /* bytes of memory that the allocator does not give back */

struct wish {
	uint64_t seed, seeds, devices, minutes, nearby;
	bool trace, shrink, twice, json, trail, thin;
	const char *replay, *until, *plant;
	char *const *relive;
	size_t relive_count;
};

static bool number(const char *text, uint64_t low, uint64_t high, uint64_t *out)
{
	char *end;
	errno = 0;
	if (!text || text[0] < '0' || text[0] > '9')
		return false;
	*out = strtoull(text, &end, 10);
	return !errno && !*end && *out >= low && *out <= high;
}

/* Today's lives of this commit: others tomorrow, and after the next change. */
static uint64_t fresh_seed(void)
{
	time_t now = time(NULL);
	struct tm day = { 0 };
	gmtime_r(&now, &day);
	uint64_t date =
		(uint64_t)(day.tm_year + 1900) * 10000 + (uint64_t)(day.tm_mon + 1) * 100 + (uint64_t)day.tm_mday;
	return date * 10000000000u + map_hash(built_commit(), strlen(built_commit())) % 100 * 100000000;
}

static bool *flag(struct wish *w, const char *arg)
{
	return strcmp(arg, "--trace") == 0    ? &w->trace
	       : strcmp(arg, "--shrink") == 0 ? &w->shrink
	       : strcmp(arg, "--twice") == 0  ? &w->twice
	       : strcmp(arg, "--trail") == 0  ? &w->trail
	       : strcmp(arg, "--thin") == 0   ? &w->thin
					      : NULL;
}

static bool valued(struct wish *w, const char *arg, const char *value)
{
	if (!value)
		return false;
	if (strcmp(arg, "--replay") == 0 || strcmp(arg, "--until") == 0) {
		*(arg[2] == 'r' ? &w->replay : &w->until) = value;
		return *value;
	}
	return strcmp(arg, "--seed") == 0      ? number(value, 0, UINT64_MAX, &w->seed)
	       : strcmp(arg, "--seeds") == 0   ? number(value, 1, 100000000, &w->seeds)
	       : strcmp(arg, "--devices") == 0 ? number(value, 2, CLUSTER_NODES_MAX, &w->devices)
	       : strcmp(arg, "--minutes") == 0 ? number(value, 1, 100000, &w->minutes)
	       : strcmp(arg, "--nearby") == 0  ? number(value, 0, 1000, &w->nearby)
					       : false;
}

/* -1: go on with that mistake awake. */
static int choose_plant(const char *name)
{
	const struct plant *p;
	if (!plant_at(0))
		return say_usage("sim",
				 "--plant: this build has no planted mistakes (configure with --enable-planted)");
	for (size_t i = 0; strcmp(name, "list") == 0 && (p = plant_at(i)); i++)
		printf("%s\n", p->name);
	if (strcmp(name, "list") == 0)
		return 0;
	return plant_choose(name) ? -1
				  : say_usage("sim", "--plant %s: there is none of that name (--plant list)", name);
}

/* -1: go on. */
static int read_wish(int argc, char **argv, struct wish *w)
{
	bool counted = false;
	*w = (struct wish){ .seed = fresh_seed(), .seeds = 20, .devices = 3, .minutes = 5, .json = say_json_wanted() };
	for (int i = 1; i < argc; i++) {
		bool *on = flag(w, argv[i]);
		if (on) {
			*on = true;
			continue;
		}
		if (strcmp(argv[i], "--plant") == 0 && i + 1 < argc) {
			int code = choose_plant(w->plant = argv[++i]);
			if (code >= 0)
				return code;
			continue;
		}
		if (strcmp(argv[i], "--relive") == 0 && i + 1 < argc) {
			w->relive = argv + i + 1;
			w->relive_count = (size_t)(argc - i - 1);
			break;
		}
		if (!valued(w, argv[i], i + 1 < argc ? argv[i + 1] : NULL))
			return say_usage("sim", "%s: not an option of it, or not a value of it", argv[i]);
		counted = counted || strcmp(argv[i], "--seeds") == 0;
		if (strcmp(argv[i], "--seed") == 0 && !counted)
			w->seeds = 1; /* one named seed is one life, unless more are asked for */
		i++;
	}
	return -1;
}

/* Of 1,000 steps each: where two lives part. SIZE_MAX: nowhere. */
static size_t parting(const struct buf *a, const struct buf *b)
{
	size_t i = 0;
	for (; i + 8 <= a->len && i + 8 <= b->len; i += 8)
		if (memcmp(a->data + i, b->data + i, 8) != 0)
			return i / 8;
	return a->len == b->len ? SIZE_MAX : i / 8;
}

static void print_trail(uint64_t seed, const struct buf *trail)
{
	struct reader r = reader_of(buf_view(trail));
	for (unsigned i = 1; reader_left(&r); i++)
		printf("trail %llu %u000 %016llx\n", (unsigned long long)seed, i, (unsigned long long)reader_u64le(&r));
}

/* Once, or twice: then the second one must be the first. */
static bool live(const struct wish *w, struct life_setup *s, struct life_result *r)
{
	struct buf first = { 0 }, second = { 0 };
	struct life_result again;
	s->trail = w->twice || w->trail ? &first : NULL;
	life_run(s, r);
	if (w->trail)
		print_trail(s->seed, &first);
	bool same = true;
	if (w->twice && !r->breach.found) {
		s->trail = &second;
		life_run(s, &again);
		size_t at = parting(&first, &second);
		same = at == SIZE_MAX && r->digest == again.digest;
		if (!same && at == SIZE_MAX)
			printf("PARTED     seed %llu: two lives end differently, after the last full thousand of "
			       "steps\n",
			       (unsigned long long)s->seed);
		else if (!same)
			printf("PARTED     seed %llu: two lives differ somewhere in steps %zu to %zu\n",
			       (unsigned long long)s->seed, at * 1000, (at + 1) * 1000);
	}
	buf_finish(&first);
	buf_finish(&second);
	s->trail = NULL;
	return same;
}

static void tell_broken(const struct wish *w, const struct life_setup *s, const struct life_result *r)
{
	const struct breach *b = &r->breach;
	say_progress_end();
	printf("BROKEN     %s, %s\n", b->invariant, invariant_text(b->invariant));
	printf("           %s\n", say_text(b->text));
	printf("           seed %llu, step %llu, %.3f s of its life\n", (unsigned long long)s->seed,
	       (unsigned long long)b->step, (double)b->at_us / 1e6);
	printf("whole      syncline sim --seed %llu --devices %u --minutes %llu%s --trace\n",
	       (unsigned long long)s->seed, s->devices, (unsigned long long)w->minutes, s->thin ? " --thin" : "");
	fflush(stdout);
	replay_shrunk(s, r, w->shrink ? SHRINK_LONG_SECONDS : SHRINK_SECONDS);
}

/* Does the life break without the mistake as well? Then it proves nothing of it. */
static bool breaks_anyway(const struct life_setup *s)
{
	struct life_result r;
	plant_sleep(true);
	life_run(s, &r);
	plant_sleep(false);
	return r.breach.found;
}

static int tell_found(const struct wish *w, const struct evidence *e, const struct breach *b, double spent_s)
{
	say_progress_end();
	printf("found      %s by %s: %llu lives, %.2f s of the processor\n", w->plant, b->invariant,
	       (unsigned long long)e->lives, spent_s);
	printf("           %s\n", say_text(b->text));
	return 1;
}

int sim_main(int argc, char **argv)
{
	struct wish w;
	int code = read_wish(argc, argv, &w);
	if (code >= 0)
		return code;
	if (w.replay)
		return replay_file(w.replay, (unsigned)w.nearby, w.shrink ? SHRINK_LONG_SECONDS : 0, w.trace);
	struct evidence e = { .seed = w.seed, .devices = w.devices, .twice = w.twice };
	mallopt(M_TRIM_THRESHOLD, ROOM_KEPT); /* the next life needs what this one frees */
	mallopt(M_MMAP_THRESHOLD, ROOM_KEPT);
	mallopt(M_TOP_PAD, ROOM_KEPT / 16);
	clock_t begun = clock(); /* of the processor */
	if (!w.json)
		printf("seed %llu\n", (unsigned long long)w.seed);
	fflush(stdout);
	if (w.relive) {
		struct relive_setup setup = {
			.seed = w.seed, .devices = (unsigned)w.devices, .faults = true, .trace = w.trace
		};
		return relive_main(&setup, w.relive, w.relive_count);
	}
	while (e.lives < w.seeds) {
		struct life_setup setup = { .seed = w.seed + e.lives,
					    .devices = (unsigned)w.devices,
					    .seconds = (unsigned)w.minutes * 60,
					    .trace = w.trace,
					    .thin = w.thin,
					    .until = w.until };
		struct life_result r;
		say_progress("life %llu of %llu, seed %llu", (unsigned long long)e.lives + 1,
			     (unsigned long long)w.seeds, (unsigned long long)setup.seed);
		bool same = live(&w, &setup, &r);
		evidence_add(&e, &r);
		if (same && (!r.breach.found || (w.plant && breaks_anyway(&setup))))
			continue;
		if (w.plant && !w.json && !w.shrink)
			return tell_found(&w, &e, &r.breach, (double)(clock() - begun) / CLOCKS_PER_SEC);
		if (w.json)
			evidence_json(&e, &setup, &r.breach);
		else if (same)
			tell_broken(&w, &setup, &r);
		return 1;
	}
	say_progress_end();
	e.spent_s = (double)(clock() - begun) / CLOCKS_PER_SEC;
	if (w.json)
		evidence_json(&e, NULL, NULL);
	else
		evidence_print(&e);
	return 0;
}

/* syncline sim: random lives from seeds, and the evidence. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/say.h"
#include "cli/verbs.h"
#include "sim/cluster.h"
#include "sim/life.h"
#include "sim/marks.h"
#include "sim/relive.h"

struct wish {
	uint64_t seed, seeds, devices, minutes;
	bool trace;
	char **relive; /* the files of --relive: all that follow it */
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

/* -1: go on. */
static int read_wish(int argc, char **argv, struct wish *w)
{
	bool counted = false;
	*w = (struct wish){ .seed = (uint64_t)time(NULL), .seeds = 20, .devices = 3, .minutes = 5 };
	for (int i = 1; i < argc; i++) {
		const char *value = i + 1 < argc ? argv[i + 1] : NULL;
		if (strcmp(argv[i], "--shrink") == 0 || strcmp(argv[i], "--replay") == 0)
			return say_not_yet("sim", "%s (run the seed that failed again with --seed N --trace)", argv[i]);
		if (strcmp(argv[i], "--trace") == 0) {
			w->trace = true;
			continue;
		}
		if (strcmp(argv[i], "--relive") == 0 && value) {
			w->relive = argv + i + 1;
			w->relive_count = (size_t)(argc - i - 1);
			break;
		}
		bool ok = strcmp(argv[i], "--seed") == 0      ? number(value, 0, UINT64_MAX, &w->seed)
		          : strcmp(argv[i], "--seeds") == 0   ? number(value, 1, 100000000, &w->seeds)
		          : strcmp(argv[i], "--devices") == 0 ? number(value, 2, CLUSTER_NODES_MAX, &w->devices)
		          : strcmp(argv[i], "--minutes") == 0 ? number(value, 1, 100000, &w->minutes)
		                                              : false;
		if (!ok)
			return say_usage("sim", "%s: not an option of it, or not a value of it", argv[i]);
		counted = counted || strcmp(argv[i], "--seeds") == 0;
		if (strcmp(argv[i], "--seed") == 0 && !counted)
			w->seeds = 1; /* one named seed is one life, unless more are asked for */
		i++;
	}
	return -1;
}

static void add_up(struct tally *sum, const struct tally *one)
{
	uint64_t *into = (uint64_t *)sum;
	const uint64_t *from = (const uint64_t *)one;
	for (size_t i = 0; i < sizeof *sum / sizeof *into; i++)
		into[i] += from[i];
}

static void print_evidence(const struct wish *w, const struct tally *t, uint64_t lives, double spent_s)
{
	double hours = (double)t->virtual_us / 3.6e9;
#define N(field) (unsigned long long)t->field
	printf("lived      %llu lives of %llu devices and a hub, %.2f cluster-hours, %llu steps\n",
	       (unsigned long long)lives, (unsigned long long)w->devices, hours, N(steps));
	printf("people     %llu edits (%llu in the middle of a call), %llu files replaced, %llu log entries, %llu "
	       "settlements, %llu conflicts left to settle\n",
	       N(edits), N(races), N(places), N(log), N(settlements), N(conflicts));
	printf("net        %llu frames, %llu lost, %llu late, %llu garbled, %llu lost answers, %llu cuts, %llu half-open, "
	       "%llu partitions, %llu connects\n",
	       N(frames), N(lost_frames), N(stale_frames), N(garbled), N(lost_answers), N(cuts), N(half_opens),
	       N(partitions), N(reconnects));
	printf("processes  %llu kills, %llu power cuts, %llu restarts, %llu failed commits; hub: %llu kills\n",
	       N(kills), N(power_cuts), N(restarts), N(ledger_failures), N(hub_kills));
	printf("backups    hub put back %llu times, devices %llu times; %llu rollbacks accepted\n", N(hub_restores),
	       N(node_restores), N(rollbacks));
	printf("others     %llu lost hints, %llu clock jumps\n", N(hints_lost), N(clock_jumps));
	printf("held       I1 captured before replaced  I2 nothing silently overwritten  I3 durable before sent  I4 "
	       "log gapless, chained, once\n");
	printf("           I6 ids and items as issued  I7 no delete out of an error  I8 no spin, no garbage  Q1 trees "
	       "equal heads\n");
	printf("           Q2 every captured token to be had  Q4 conflicts as in the log  Q5 no echo  Q7 quiet is true "
	       " Q8 restart changes nothing  Q10 comes to rest\n");
	printf("checks     %llu beside those at every call\n", N(checks));
	marks_print(stdout);
	if (spent_s > 0)
		fprintf(stderr, "speed      %.1f cluster-hours a CPU minute\n", hours * 60 / spent_s);
#undef N
}

int sim_main(int argc, char **argv)
{
	struct wish w;
	struct tally sum = { 0 };
	uint64_t digest = 0, lives = 0;
	clock_t begun = clock(); /* of the processor */
	int code = read_wish(argc, argv, &w);
	if (code >= 0)
		return code;
	printf("seed %llu\n", (unsigned long long)w.seed);
	fflush(stdout);
	if (w.relive) {
		struct relive_setup setup = { .seed = w.seed, .devices = (unsigned)w.devices, .faults = true, .trace = w.trace };
		return relive_main(&setup, w.relive, w.relive_count);
	}
	for (; lives < w.seeds; lives++) {
		struct life_setup setup = { .seed = w.seed + lives,
			                    .devices = (unsigned)w.devices,
			                    .seconds = (unsigned)w.minutes * 60,
			                    .trace = w.trace };
		struct life_result r;
		say_progress("life %llu of %llu, seed %llu", (unsigned long long)lives + 1, (unsigned long long)w.seeds,
		             (unsigned long long)setup.seed);
		life_run(&setup, &r);
		add_up(&sum, &r.tally);
		digest = (digest ^ r.digest) * 0x9e3779b97f4a7c15u;
		if (!r.breach.found)
			continue;
		say_progress_end();
		printf("BROKEN     %s: %s\n", r.breach.invariant, r.breach.text);
		printf("           seed %llu, step %llu, %.3f s of its life\n", (unsigned long long)setup.seed,
		       (unsigned long long)r.breach.step, (double)r.breach.at_us / 1e6);
		printf("replay     syncline sim --seed %llu --devices %u --minutes %u --trace\n",
		       (unsigned long long)setup.seed, setup.devices, (unsigned)w.minutes);
		return 1;
	}
	say_progress_end();
	print_evidence(&w, &sum, lives, (double)(clock() - begun) / CLOCKS_PER_SEC);
	printf("digest %016llx\n", (unsigned long long)digest);
	return 0;
}

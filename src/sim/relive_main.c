/* syncline sim --relive FILE…: prints what became of edits that several devices made at once. */
#include <stdio.h>
#include <string.h>

#include "cli/say.h"
#include "sim/relive.h"

static void print_row(const char *name, const struct relive_sums *s)
{
#define N(field) (unsigned long long)s->field
	printf("%-24s %7llu %8llu %6llu %9llu %7llu %7llu %6llu %6llu %7llu %6llu %8llu\n", name, N(edits), N(overlaps),
	       N(went_back), N(git_clean), N(merged), N(as_git), N(false_conflicts), N(by_key), N(missed_conflicts),
	       N(lost), N(made_up));
#undef N
}

static void add_up(struct relive_sums *sum, const struct relive_sums *one)
{
	sum->edits += one->edits;
	sum->overlaps += one->overlaps;
	sum->went_back += one->went_back;
	sum->git_clean += one->git_clean;
	sum->merged += one->merged;
	sum->as_git += one->as_git;
	sum->false_conflicts += one->false_conflicts;
	sum->by_key += one->by_key;
	sum->missed_conflicts += one->missed_conflicts;
	sum->lost += one->lost;
	sum->made_up += one->made_up;
}

int relive_main(struct relive_setup *s, char *const *files, size_t count)
{
	struct relive_sums all[RELIVE_CATEGORIES + 1] = { 0 };
	struct err e;
	bool bad = false;
	uint64_t digest = 0;
	for (size_t i = 0; i < count; i++) {
		struct relive_result r;
		s->file = files[i];
		say_progress("history %zu of %zu", i + 1, count);
		if (!relive_run(s, &r, &e))
			return say_error(1, &e);
		say_progress_end();
		for (size_t k = 0; k < r.sum_count; k++) {
			all[k].name = r.sums[k].name;
			add_up(&all[k], &r.sums[k]);
			add_up(&all[RELIVE_CATEGORIES], &r.sums[k]);
			bad = bad || r.sums[k].false_conflicts > r.sums[k].by_key || r.sums[k].missed_conflicts ||
			      r.sums[k].lost || r.sums[k].made_up;
		}
		digest = (digest ^ r.digest) * 0x9e3779b97f4a7c15u;
		printf("relived    %s: %.2f cluster-hours, %llu kills, hub %llu, %llu cuts, %llu settlements\n", r.name,
		       (double)r.tally.virtual_us / 3.6e9, (unsigned long long)r.tally.kills,
		       (unsigned long long)r.tally.hub_kills, (unsigned long long)r.tally.cuts,
		       (unsigned long long)r.tally.settlements);
		if (r.complaint[0])
			printf("           %s\n", r.complaint);
		if (r.breach.found) {
			printf("BROKEN     %s: %s\n", r.breach.invariant, r.breach.text);
			printf("replay     syncline sim --seed %llu --devices %u --relive %s --trace\n",
			       (unsigned long long)s->seed, s->devices, files[i]);
			return 1;
		}
	}
	printf("%-24s %7s %8s %6s %9s %7s %7s %6s %6s %7s %6s %8s\n", "category", "edits", "at once", "back",
	       "git clean", "merged", "as git", "false", "by key", "missed", "lost", "made up");
	for (size_t k = 0; k < RELIVE_CATEGORIES; k++)
		if (all[k].edits)
			print_row(all[k].name, &all[k]);
	print_row("all", &all[RELIVE_CATEGORIES]);
	printf("digest %016llx\n", (unsigned long long)digest);
	return bad;
}

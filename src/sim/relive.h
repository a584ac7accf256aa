/* relive: real edit histories, lived again by several devices at once. Where a history has two edits of one file in a
 * row, two (or three) devices make them at the same time without knowing of each other; then all come together, under
 * faults. What became of it is compared with git's own merge of the same three texts, line by line. */
#ifndef SIM_RELIVE_H
#define SIM_RELIVE_H
#include "base/err.h"
#include "sim/cluster.h"

#define RELIVE_CATEGORIES 10

struct relive_setup {
	const char *file;         /* a replay trace, see edits.h */
	uint64_t seed, edits_max; /* 0: all */
	unsigned devices;
	bool faults, trace;
};

struct relive_sums { /* of one category */
	const char *name;
	uint64_t edits, overlaps; /* files that several devices edited at once */
	uint64_t went_back; /* of these, a side only went back to what the file held before: not compared with git */
	uint64_t git_clean; /* of the others, git merges so many */
	uint64_t merged;    /* so many were merged here, nobody asked */
	uint64_t as_git;    /* to the very bytes that git makes of them */
	uint64_t false_conflicts;  /* git is clean, and a person was asked */
	uint64_t by_key;                /* of these, JSON: git merges lines, and the result would be wrong by key */
	uint64_t missed_conflicts; /* merged as text where git has a conflict */
	uint64_t lost, made_up;    /* merged files that lack a side's line, or hold or lack one against both */
};

struct relive_result {
	char name[128], complaint[300]; /* the first false, missed or lost one */
	struct relive_sums sums[RELIVE_CATEGORIES];
	size_t sum_count;
	struct tally tally;
	struct breach breach;
	uint64_t digest;
};

/* False: the trace cannot be read. */
bool relive_run(const struct relive_setup *s, struct relive_result *out, struct err *e);
/* The verb: relives each file and prints the table. Its exit code. */
int relive_main(struct relive_setup *s, char *const *files, size_t count);
#endif

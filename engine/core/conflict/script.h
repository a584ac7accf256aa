/* script: sequences of units (lines, entries, array elements), what turns one into another, and the alignment of three
 * of them, as diff3 has it (Khanna, Kunal, Pierce: "A Formal Investigation of Diff3", 2007).
 *
 * Equal units get equal numbers first. Only numbers are compared after that, so nothing that somebody wrote into a file
 * can make its comparison slow: no hash of content is involved. */
#ifndef ENGINE_CORE_CONFLICT_SCRIPT_H
#define ENGINE_CORE_CONFLICT_SCRIPT_H
#include "base/blob.h"

#define SCRIPT_UNITS_MAX (1u << 22) /* of all sequences numbered together */

struct units {
	struct span *at;
	uint32_t *number;
	size_t count, cap;
};

void units_add(struct units *u, struct span unit);
/* The lines of a text, each with its newline. */
void units_lines(struct units *u, struct span text);
/* Numbers the units of all `count` sequences, from 0; returns how many numbers there are. Without `endings`, "a\r\n",
 * "a\n" and "a" are one unit. */
uint32_t units_number(struct units *const *u, size_t count, bool endings);
void units_finish(struct units *u);

struct range {
	uint32_t at, count;
};

/* The bytes of neighbours in one text; `whole` is the text, for the place of an empty range. */
struct span units_span(const struct units *u, struct range r, struct span whole);

struct script_change {
	struct range from, to; /* between two changes lies at least one equal unit */
};

struct script {
	struct script_change *changes;
	size_t count, cap;
};

/* By libgit2's (git's) diff: false when that fails. `work` is how many comparisons it may take, and is charged with what
 * it takes; where they do not suffice the answer is false and nothing is left of them. The charge follows from the
 * two sequences alone. */
bool script_make(struct script *s, const uint32_t *from, size_t from_count, const uint32_t *to, size_t to_count,
		 uint64_t *work);
void script_finish(struct script *s);

enum chunk_how {
	CHUNK_SAME, /* as in the base, on both sides */
	CHUNK_MINE, /* only mine changed it */
	CHUNK_THEIRS,
	CHUNK_AGREED, /* both changed it, to the same */
	CHUNK_BOTH,   /* both changed it, or places that touch, to something else: a conflict */
};

struct chunk {
	enum chunk_how how;
	struct range base, mine, theirs;
};

struct diff3 {
	struct chunk *chunks; /* they tile all three sequences, in order */
	size_t count, cap;
};

/* With `touching`, changes of the two sides that touch, without one unchanged unit between them, are one conflict, as
 * git has it; without, only where they overlap, or both put something at one place. What the sides of a conflict begin
 * and end with in common is agreed (zdiff3). */
bool diff3_make(struct diff3 *d, const struct units *base, const struct units *mine, const struct units *theirs,
		bool touching, uint64_t *work);
void diff3_finish(struct diff3 *d);
#endif

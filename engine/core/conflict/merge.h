/* merge: two versions of one file that both came from a third, made one. Pure: bytes in, bytes out.
 *
 * Three ways to read a file, see enum merge_kind; each is one file beside this one. Whatever the way, a merge is called
 * clean only when the check that follows it has found every change that only one side made in the result, and nothing
 * that no side had. Everything else is hunks, for a person; nothing is ever decided by who came last.
 *
 * Content is hostile: sizes, lines and work are bounded (MERGE_*), over a bound the merge is refused and a person is
 * asked. Content may hold conflict markers of its own: no marker is ever parsed, here or anywhere. */
#ifndef ENGINE_CORE_CONFLICT_MERGE_H
#define ENGINE_CORE_CONFLICT_MERGE_H
#include "base/blob.h"
#include "engine/core/core.h"

#define MERGE_BYTES_MAX (4u * 1024 * 1024) /* of each input */
#define MERGE_JSON_MAX  (1024u * 1024)     /* of each input merged by key: its tree weighs many times as much */
#define MERGE_LINES_MAX 100000u
#define MERGE_HUNKS_MAX 4096u
#define MERGE_WORK_MAX  16000000u          /* comparisons of lines or values that one merge may take */

enum merge_kind {
	MERGE_KIND_NONE,
	MERGE_KIND_TEXT,  /* by lines, three-way, smallest hunks */
	MERGE_KIND_JSON,  /* by key path; edits values in place, so that order, comments and formatting stay (JSONC,
			     trailing commas) */
	MERGE_KIND_LINES, /* an ordered set of lines: union, without duplicates; what one side removed stays removed */
};

enum merge_outcome {
	MERGE_CLEAN,     /* `result` holds both sides' changes */
	MERGE_CONFLICTS, /* hunks: the places where both changed differently; everything else is merged around them */
	MERGE_REFUSED,   /* cannot be merged this way: `why` says it (binary, too large, not JSON, …); no hunks */
};

enum merge_choice {
	CHOICE_MINE,
	CHOICE_THEIRS,
	CHOICE_BOTH,
	CHOICE_BASE
}; /* both: mine, then theirs; text and lines only */

struct merge_hunk {
	struct span base, mine, theirs; /* into the inputs; whole lines (text), or values (JSON); empty: absent there */
	uint32_t base_line, mine_line, theirs_line; /* first line of each, from 1 */
	char *key;                                  /* JSON: the key path in words, `editor.fontSize`; else NULL */
};

struct merge {
	enum merge_kind kind;
	enum merge_outcome outcome;
	struct blob result;       /* when clean */
	struct merge_hunk *hunks; /* when conflicts; in the order of the file */
	size_t hunk_count;
	size_t taken_mine,
		taken_theirs; /* one-sided changes that were merged, for people ("3 of yours, 1 of theirs") */
	uint64_t work;        /* comparisons that it was charged with: by lines and by key, each MERGE_WORK_MAX at most */
	const char *why;      /* when refused: a literal, plain words */
	void *inside;         /* what merge_settle needs; of this merge's kind */
};

/* By the category's rule and the file's name: by kind is JSON for *.json, *.jsonc and the like, text otherwise (a
 * content that is not text is refused later). */
enum merge_kind merge_kind_of(enum merge_rule rule, const char *path);
/* The inputs are borrowed until merge_finish. */
void merge_run(struct merge *m, enum merge_kind kind, struct span base, struct span mine, struct span theirs);
/* One choice a hunk, `count` = hunk_count, gives the whole file. False: a choice that this kind does not have, and
 * `why` (a literal) says so. */
bool merge_settle(const struct merge *m, const enum merge_choice *choices, size_t count, struct blob *out,
		  const char **why);
void merge_finish(struct merge *m);
#endif

/* settle: conflicts seen close up and settled: by a category's strategy, by a person, and taken back. See doc/conflicts.md.
 *
 * A conflict is an open side item. `mine` is what this device's file holds; `theirs` is the other version: the head where
 * the side item is this device's own, else what the side item holds; `base` is what both came from, where that is known. */
#ifndef ENGINE_CORE_SETTLE_H
#define ENGINE_CORE_SETTLE_H
#include "engine/core/conflict/merge.h"
#include "engine/core/core.h"

enum keep {
	KEEP_MINE,
	KEEP_THEIRS,
	KEEP_BOTH,     /* in each hunk mine, then theirs: text and lines */
	KEEP_ORIGINAL, /* what both came from */
	KEEP_AUTO,     /* the clean merge; fails where there is none */
	KEEP_CHOICES,  /* one choice a hunk */
	KEEP_CONTENT,  /* what the person made of it */
};

struct decision {
	enum keep keep;
	struct id mine, theirs;            /* compare-and-set: what the person was shown; zero: whatever is there now */
	const enum merge_choice *choices;  /* KEEP_CHOICES */
	size_t count;
	struct span content;               /* KEEP_CONTENT */
};

/* Settles a conflict of this item, this device's own first, else the oldest. False with e set; then nothing changed. */
bool core_resolve(struct core *c, const char *category, const char *path, const struct decision *choice, struct err *e);

/* Takes a settlement back: the file is as before, the conflict open again. The caller marks nothing: the row is saved as
 * undone. False with e set, when the item has changed since. */
bool core_undo(struct core *c, const struct settlement_row *s, struct err *e);

/* A conflict with its three texts and its hunks. Contents are owned until comparison_finish. */
struct comparison {
	struct conflict_view view;
	struct blob base, mine, theirs;
	struct merge merge;
};
bool core_compare(const struct core *c, const char *category, const char *path, struct comparison *out, struct err *e);
void comparison_finish(struct comparison *x);
#endif

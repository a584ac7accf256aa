/* merge_ways: the ways to merge, for merge.c (and its bounds, for diff.c). Each is given three different contents within the bounds and
 * without a NUL, fills everything in `m` that merge.h names but the kind, and checks its own result before it calls it
 * clean. */
#ifndef ENGINE_CORE_CONFLICT_MERGE_WAYS_H
#define ENGINE_CORE_CONFLICT_MERGE_WAYS_H
#include "base/buf.h"
#include "engine/core/conflict/merge.h"

struct merge_inputs {
	struct span base, mine, theirs;
};

void merge_text(struct merge *m, const struct merge_inputs *in);
bool merge_text_settle(const struct merge *m, const enum merge_choice *choices, struct blob *out, const char **why);
void merge_text_finish(struct merge *m);

/* Sets the kind to text where one of the three is no JSON. */
void merge_json(struct merge *m, const struct merge_inputs *in);
bool merge_json_settle(const struct merge *m, const enum merge_choice *choices, struct blob *out, const char **why);
void merge_json_finish(struct merge *m);

void merge_lines(struct merge *m, const struct merge_inputs *in);

/* Why a content is not looked at by lines or keys, a literal; NULL: it is. */
const char *merge_unfit(struct span content);
/* Ends a merge as refused: `why` is a literal. */
void merge_refuse(struct merge *m, const char *why);
#define MERGE_DIFFERS_TOO_MUCH "too much of it differs for it to be merged"
/* Adds whole lines; a line that lacked its newline gets one, as the text has them, before anything follows it. */
void merge_put_lines(struct buf *out, struct span lines);
void merge_end_line(struct buf *out);
#endif

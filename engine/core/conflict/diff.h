/* diff: what differs between two versions of one file, for people. Pure: bytes in, lines or keys out, borrowed from the
 * inputs.
 *
 * JSON is compared by key path, where both are JSON and some value differs; else, and where only comments or spacing
 * changed, it is text, as unified hunks. What is not text, or over the bounds of merge.h, is told by its sizes alone.
 */
#ifndef ENGINE_CORE_CONFLICT_DIFF_H
#define ENGINE_CORE_CONFLICT_DIFF_H
#include "base/buf.h"
#include "engine/core/conflict/merge.h"

#define DIFF_CONTEXT  3u
#define DIFF_KEYS_MAX 4096u

enum diff_kind { DIFF_NONE, DIFF_TEXT, DIFF_KEYS, DIFF_SIZES };

struct diff_line {
	char sign;         /* ' ', '-', '+' */
	struct span bytes; /* with the newline, if it has one */
};

struct diff_hunk { /* a run of `lines`, as a unified diff counts: an empty side starts at the line before it */
	uint32_t from_line, from_count, to_line, to_count;
	size_t first, count;
};

struct diff_key {
	char *path;
	struct span from, to; /* values; NULL data: absent there */
};

struct diff {
	enum diff_kind kind; /* DIFF_NONE: equal bytes */
	struct diff_line *lines;
	struct diff_hunk *hunks;
	struct diff_key *keys;
	size_t line_count, hunk_count, key_count;
	size_t from_bytes, to_bytes;
	uint64_t work; /* comparisons left, of MERGE_WORK_MAX */
	bool more; /* there are more than DIFF_KEYS_MAX keys */
};

/* `kind` as merge_kind_of tells it; only JSON makes a difference. */
void diff_make(struct diff *d, enum merge_kind kind, struct span from, struct span to);
/* In words, line by line, safe to print: unified hunks, or `editor.fontSize: 12 → 14`. */
void diff_write(struct buf *out, const struct diff *d);
void diff_finish(struct diff *d);
#endif

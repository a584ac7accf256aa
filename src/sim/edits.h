/* edits: reads a replay trace: the real edit history of a folder of files, as text. A zstd stream of
 *
 *   replay-trace 1 TAB name TAB source TAB commit TAB licence TAB edits TAB seeds LF
 *   op TAB n TAB batch TAB time TAB category TAB size TAB blob TAB path TAB from LF   and then `size` bytes and LF
 *
 * where op is seed (a file as it was before the first edit), put, rename (`from` becomes `path`, with this content) or
 * delete. The file is not trusted: lines, sizes and names are bounded. */
#ifndef SIM_EDITS_H
#define SIM_EDITS_H
#include "base/blob.h"
#include "base/err.h"

#define EDITS_CONTENT_MAX (16u * 1024 * 1024)

enum edit_op { EDIT_SEED, EDIT_PUT, EDIT_RENAME, EDIT_DELETE };

struct edit {
	enum edit_op op;
	char *category, *path, *from; /* from: "" except for a rename */
	struct blob content;
};

struct edits;

struct edits *edits_open(const char *file, struct err *e);
const char *edits_name(const struct edits *t);
/* 1: `out` is filled, for edit_finish; 0: the end; -1: damaged, `e` says how. */
int edits_next(struct edits *t, struct edit *out, struct err *e);
void edits_close(struct edits *t);
void edit_finish(struct edit *d);
#endif

/* staged: large contents as files of their own, written and read in parts.
 *
 * Writing: staged_grow writes what is new of a content that is still growing and lets the kernel begin to carry it to
 * the disk; staged_finish adds the rest, waits for the disk, and gives the file its name, which lasts when it answers.
 * Until then nothing has the name, and a kill leaves `<folder>/<stem>.part` behind: clear it up at the start, it means
 * nothing. Growing may fail: staged_finish then writes all of it, and tells.
 *
 * What is finished must be what was staged last, at the same place in memory: one that is elsewhere, shorter, or shows
 * other bytes at a few places is written anew from its beginning. */
#ifndef ENGINE_IO_STAGED_H
#define ENGINE_IO_STAGED_H
#include "base/blob.h"

struct staged {
	char *folder, *stem;
	int fd;            /* -1: nothing is staged */
	bool refused;      /* the disk would not: nothing more of this content is tried before it is whole */
	uintptr_t at;      /* where the content stood in memory when it grew last: compared, never read */
	uint64_t len;
};

void staged_init(struct staged *s, const char *folder, const char *stem); /* copies both */
void staged_grow(struct staged *s, struct span so_far);                   /* an empty one: staged_drop */
bool staged_is(const struct staged *s, struct span content);              /* may it be the beginning of this one? */
/* Durable as `name` in the folder, replacing it. False with errno: what has that name now need not last. Either way
 * nothing is staged any more. */
bool staged_finish(struct staged *s, const char *name, struct span content);
void staged_drop(struct staged *s);
void staged_free(struct staged *s); /* drops, and frees what staged_init copied; all zeros are fine */

/* Reading: a regular file of a size that is known, following no link. One that is zeroed is closed. */
struct staged_in {
	bool open;
	int fd;
	uint64_t size;
};
bool staged_open(struct staged_in *r, const char *folder, const char *name, uint64_t size);
/* Appends up to `most` bytes to what was read before (nothing, at first: it becomes new memory, as large as the file).
 * False: it cannot be read, or ends early; free the content and close. It is whole when its len is the size. */
bool staged_read(struct staged_in *r, struct blob *content, size_t most);
void staged_close(struct staged_in *r);
#endif

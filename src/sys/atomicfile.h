/* atomicfile: small files that are either the old or the new content, whatever happens in between. For our own files
 * (configuration, keys, port files); a person's items are the files room's. */
#ifndef SYS_ATOMICFILE_H
#define SYS_ATOMICFILE_H
#include <stdbool.h>

#include "base/blob.h"
#include "base/err.h"

/* Writes beside, syncs, renames over, syncs the folder. A symbolic link at `path` is followed, so that the file it names
 * is the one replaced; `mode` is given exactly, whatever the umask. */
bool atomicfile_write(const char *path, struct span content, int mode, struct err *e);
/* The whole file. Refused: what is not a regular file (nothing is opened that could block), one longer than `max`, and,
 * with must_be_private, one that is not ours, is a symbolic link, or is readable by others. errno is ENOENT, and stays
 * so, where there is no file. */
bool atomicfile_read(const char *path, size_t max, bool must_be_private, struct blob *out, struct err *e);
#endif

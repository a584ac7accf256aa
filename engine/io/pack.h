/* pack: git pack files, written object by object and indexed by libgit2, durable once finished. Objects stand whole (no
 * deltas), so packs can be joined by copying entries. For versions_git only. */
#ifndef ENGINE_IO_PACK_H
#define ENGINE_IO_PACK_H
#include <git2.h>

#include "base/blob.h"
#include "base/err.h"

struct pack;

struct pack *pack_start(const char *dir, uint32_t count, struct err *e); /* dir: …/objects/pack */
bool pack_object(struct pack *p, git_object_t type, struct span content, struct err *e);
bool pack_entry(struct pack *p, struct span bytes, struct err *e); /* copied from another pack as it is */
/* Durable afterwards as `<dir>/pack-<name>.pack` and `.idx`. Frees p either way. */
bool pack_finish(struct pack *p, char name[41], struct err *e);
void pack_abort(struct pack *p); /* NULL-safe */

/* What a pack holds, by its index, in the order of its entries. */
struct pack_item {
	git_oid oid;
	uint64_t at, len; /* its entry in the pack file */
};
struct pack_item *pack_list(const char *dir, const char *name, size_t *count, struct err *e); /* new memory, or NULL */
#endif

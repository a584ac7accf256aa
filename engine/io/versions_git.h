/* versions: every content that was captured or received, by version id.
 *
 * A put lands in the ledger's database, inside the turn's transaction (over 1 MiB: in `<state>/large/`, fsynced before
 * the row). Behind, versions_tidy files the contents into the bare repository `<state>/versions.git`: a pack of plain
 * objects, one branch a category, one commit for what one device did, so that `git log` and `git show` read well; made
 * durable, and only then dropped from the database, which keeps the object's name. The branches' tips are in the
 * database too; the references in the repository follow it. So a kill at any point leaves each content in at least one
 * place, and no commit twice. Nothing ever checks the repository out. */
#ifndef ENGINE_IO_VERSIONS_GIT_H
#define ENGINE_IO_VERSIONS_GIT_H
#include "base/blob.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/id.h"
#include "engine/core/world.h"
#include "engine/io/ledger_sqlite.h"

struct versions;

struct versions_hooks {
	void *ctx;
	const char *device_name; /* of this device, for commits */
	struct id device;
	void (*damaged)(void *ctx, const struct id *version, const char *why); /* a stored content cannot be read */
	/* May be NULL; checks every read: the content's bytes follow, and the end is to be its version. */
	struct hash_run *(*version_start)(void *ctx, uint8_t meta, uint64_t len);
	void (*trouble)(void *ctx,
	                const struct err *e); /* may be NULL: filing failed; nothing is lost, it is tried again */
};

struct versions *versions_open(const char *state_dir, struct ledger *l, const struct versions_hooks *hooks,
                               struct err *e);
void versions_close(struct versions *v); /* marks a clean stop; the ledger must still be open. NULL-safe */

/* Those of world.h. A large content that is put is written (or staged) although it is here: whoever puts gives the bytes
 * up, and to look whether ours are still whole would cost as much. */
bool versions_put(struct versions *v, const struct id *version, uint8_t meta, struct span content);
void versions_stage(struct versions *v, const struct id *version, struct span so_far);
enum got versions_read(struct versions *v, const struct id *version, struct blob *content, uint8_t *meta);
bool versions_get(struct versions *v, const struct id *version, struct blob *content, uint8_t *meta);
bool versions_has(struct versions *v, const struct id *version);
bool versions_has_durable(struct versions *v, const struct id *version); /* has, and nothing of it waits for a commit */

/* The filing job: a slice of work of about so long. Call it when the turn has nothing better to do, and commit after
 * it. Answers how many ms until it wants to be called again: 0 = work is left, UINT64_MAX = nothing to do. `flush` does
 * not wait for quiet. */
uint64_t versions_tidy(struct versions *v, uint64_t now_ms, unsigned budget_us, bool flush);
size_t versions_waiting(const struct versions *v); /* contents not filed yet */

/* Thinning (engine/io/thinning.h decides). A version's content is let go, in the turn's transaction; what stood in git is
 * given back to the disk when versions_reclaim says so, by making the repository anew, commit by commit, with what is
 * left, and then its packs, one by one: every step is a transaction, and a kill at any point goes on from there. */
bool versions_drop(struct versions *v, const struct id *version, uint64_t *size); /* false: it was not here */
/* After a pass. Unless `always`, only when a quarter of what git holds, or 64 MiB, is thinned away. */
void versions_reclaim(struct versions *v, bool always);
bool versions_busy(const struct versions *v); /* filing or reclaiming: nothing may be dropped now */
bool versions_reclaiming(const struct versions *v);

enum version_state { VERSION_HERE, VERSION_THINNED, VERSION_LOST, VERSION_ELSEWHERE };
enum version_state versions_state(struct versions *v, const struct id *version);

struct versions_size {
	uint64_t disk_bytes; /* of the repository and the large files */
	uint64_t versions, thinned, thinned_bytes;
};
void versions_measure(struct versions *v, struct versions_size *out);
#endif

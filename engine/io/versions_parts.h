/* versions_parts: what the parts of the version store share. versions_git.c: putting and getting. versions_large.c:
 * contents that are files of their own. versions_file.c: the filing job. For these only. */
#ifndef ENGINE_IO_VERSIONS_PARTS_H
#define ENGINE_IO_VERSIONS_PARTS_H
#include <git2.h>
#include <sqlite3.h>

#include "base/map.h"
#include "engine/io/staged.h"
#include "engine/io/versions_git.h"

#define VERSIONS_LARGE (1024 * 1024) /* over this: a file of its own, never git */

enum version_place { IN_DATABASE, IN_LARGE, IN_GIT, IN_NOTHING /* thinned away */ };

#define VERSIONS_READINGS 4                  /* what is packed, what is placed, and what was given up without a word */

struct filing;
struct cached;

struct large_reading { /* a large content that is read in parts */
	struct id version;
	struct staged_in in;
	struct hash_run *run;
	const uint8_t *at; /* the memory that it is read to: tells one reader from another */
	size_t len;
	uint64_t used;
};

struct versions {
	struct ledger *ledger;
	sqlite3 *db;
	struct versions_hooks hooks;
	char *git_path, *pack_dir, *large_dir;
	git_repository *repo;
	git_odb *odb;
	struct map fresh; /* objects of the batch that is being filed, not on disk yet: oid -> struct fresh */
	sqlite3_stmt *find, *insert, *insert_content, *content, *move, *drop_content, *damage;
	/* put in this transaction */
	struct map turn;
	uint64_t turn_commits;
	/* least recently used contents */
	struct map cache;
	struct cached *newest, *oldest;
	size_t cache_bytes;
	/* large contents in parts */
	struct staged captured, received;
	struct id receiving; /* the version of what is in `received` */
	struct large_reading readings[VERSIONS_READINGS];
	uint64_t reads;
	/* filing */
	struct filing *filing;
	size_t waiting, waiting_bytes;
	bool changed, used, idle; /* something was put, got, since the job looked last; nothing to do until then */
	uint64_t quiet_since_ms, filed_ms, used_ms, failed_ms;
	struct pack_check *verify; /* packs to look through after an unclean stop */
	/* thinning */
	struct id *dead; /* large files to unlink once the commit is on disk that says they are thinned away */
	size_t dead_count, dead_cap;
	struct refiling *refiling; /* the repository is being made anew: versions_thin.c */
	bool reclaim, stale;       /* it is to be made anew; there are packs to be swept */
	struct map kept;           /* while sweeping: oids of what stays */
	struct id kept_at;
	bool kept_whole;
};

struct fresh { /* content NULL: only known to be coming (blobs are streamed) */
	git_oid oid;
	git_object_t type;
	size_t len;
	uint8_t *content;
};

git_odb_backend *versions_fresh_backend(struct versions *v); /* new; the odb that takes it frees it */
bool versions_open_repo(struct versions *v, struct err *e);
sqlite3_stmt *versions_prepare(struct versions *v, const char *sql);
bool versions_read_content(struct versions *v, const struct id *version, struct blob *content); /* IN_DATABASE only */
void versions_damaged(struct versions *v, const struct id *version, const char *why);
void versions_cache_trim(struct versions *v, size_t bytes);

void filing_destroy(struct versions *v);
bool filing_join_one(struct versions *v, const char *pack); /* rewrites a pack with what is in v->kept alone */

/* versions_large.c. A version's meta and size are its row's. */
void large_start(struct versions *v);
void large_end(struct versions *v);
bool large_write(struct versions *v, const struct id *version, struct span content);
bool large_read(struct versions *v, const struct id *version, uint64_t size, struct blob *content); /* not checked */
enum got large_go_on(struct versions *v, const struct id *version, uint8_t meta, uint64_t size, struct blob *content);

/* versions_thin.c */
git_repository *refiling_repo(const struct versions *v); /* NULL: none is being made */
bool refiling_open(struct versions *v);                  /* goes on with one that a stop interrupted, and with sweeping */
bool refiling_start(struct versions *v);                 /* false: nothing to reclaim, or it failed */
int64_t refiling_mark(struct versions *v);               /* the last row of history that is in the new branches */
void refiling_end(struct versions *v);                   /* all is: the new branches take the old ones' place */
bool refiling_ended(struct versions *v);                 /* … and that is on disk: what follows can begin */
void refiling_abandon(struct versions *v);
void refiling_destroy(struct versions *v);
bool sweep_some(struct versions *v);                     /* false: nothing to sweep is left */
void versions_unlink_dead(struct versions *v);
bool filing_mirror_refs(struct versions *v); /* the repository's references after what the database says */
void filing_clean_stop(struct versions *v);
void versions_count(struct versions *v);
void filing_register_packs(struct versions *v);
#endif

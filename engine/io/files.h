/* files: the files of people, looked at and replaced.
 *
 * Every category has one root folder, resolved and pinned when it is added. Nothing outside it is ever touched: all
 * access goes from the root's descriptor through openat2 that follows no link and crosses no mount (or, on kernels
 * without it, component by component with O_NOFOLLOW). Only regular files and symlinks are items; nothing else is
 * opened.
 *
 * The rule of this room: bytes that stand in a person's folder are only unlinked after they were hashed outside the
 * place where a person could change them, while nobody had them open for writing, and the hash is a version that is
 * stored. What fails that test is handed to `found`, and stays on disk until `known` says it is stored. */
#ifndef ENGINE_IO_FILES_H
#define ENGINE_IO_FILES_H
#include "base/err.h"
#include "engine/core/world.h"

struct files;

struct files_found { /* bytes of a person that came out of a race or a crash: store them */
	const char *category;
	const char *path;   /* of the item; NULL when only the item's id is known (after a crash) */
	const char *folder; /* where the bytes lie now, "" for the root */
	struct id item, version;
	uint8_t meta;
	struct span content;
};

struct files_hooks {
	void *ctx;
	struct id (*version_of)(void *ctx, uint8_t meta, struct span content);
	bool (*known)(void *ctx, const struct id *version);    /* stored, and durably so (versions_has_durable) */
	void (*found)(void *ctx, const struct files_found *f); /* only called from files_tidy: between turns */
	/* version_of, of a content that comes piece by piece (core_version_start). NULL: large files are read as a whole. */
	struct hash_run *(*version_start)(void *ctx, uint8_t meta, uint64_t len);
};

struct files *files_create(const struct files_hooks *hooks);
void files_destroy(struct files *f);

/* Roots. `pin` is what files_root_pin gave when the category was added (keep it in the ledger), or NULL to pin what is
 * there now or, when nothing is there, the first folder that appears. A root that is missing, or not the pinned folder,
 * is not an error here: files_root_there tells, and looks answer LOOK_ROOT_GONE. Adding a known category replaces it.
 */
bool files_add_root(struct files *f, const char *category, const char *path, const char *pin, struct err *e);
void files_remove_root(struct files *f, const char *category);
bool files_root_there(struct files *f, const char *category, char why[160]); /* looks again; why may be NULL */
bool files_root_pin(struct files *f, const char *category, char out[64]);    /* false while it was never seen */
int files_root_fd(struct files *f, const char *category);                    /* borrowed until files_rest; -1 while gone */
/* Another number whenever the folder was not the same all the time; 0 while gone. */
uint64_t files_root_opened(struct files *f, const char *category);
/* Lets go of every root until it is needed again, so that its filesystem can be unmounted. What is under way, or waits for
 * files_sync_names, keeps its root. */
void files_rest(struct files *f);
const char *files_root_path(struct files *f, const char *category);          /* resolved, borrowed; NULL unknown */
/* Its filesystem makes inode numbers up anew (farfs.h): looks and scans tell none (0) then. */
bool files_root_far(struct files *f, const char *category);
/* Opens a folder below a root ("" = the root itself) for reading its names. -1 with errno. */
int files_open_folder(struct files *f, const char *category, const char *folder);

/* Those of world.h. */
enum look files_look(struct files *f, const struct file_ref *ref, struct file_stat *stat);
enum look files_take(struct files *f, const struct file_ref *ref, struct file_stat *stat, struct blob *content);
void files_take_drop(struct files *f); /* the one in parts, if there is one: its file is closed */
/* The first bytes of a regular file, as many as there are up to len; 0 for anything else. */
size_t files_peek(struct files *f, const struct file_ref *ref, void *out, size_t len);
/* A large file in parts, or over a large one: PLACE_MORE until the last; everything that is checked is checked each time.
 * One is under way at a time. It is dropped, and leaves nothing, when another one begins, when its root goes, and at the
 * end. */
enum place_result files_place(struct files *f, const struct place *p, struct file_stat *after);
void files_large_drop(struct files *f);

/* Many at once. files_stage writes what a later files_place of the same item and version will need, without waiting for
 * the disk; files_stage_sync waits once for all of it. False answers are no errors: files_place then does everything
 * itself. A place that used a staged file leaves its name to files_sync_names, which must succeed before the ledger
 * says that the file is there. */
bool files_stage(struct files *f, const struct place *p);
bool files_stage_sync(struct files *f);
bool files_sync_names(struct files *f);

/* Between turns, after the ledger's commit: removes swapped-out files that nobody writes any more and whose bytes are
 * stored, offers the others to `found`, and clears staged files that were never placed. Works for a few ms at most.
 * Answers how many of our temporary files are still there; files_tidy_in_ms says when it wants to be called again: 0 =
 * work is left, UINT64_MAX = nothing waits. */
size_t files_tidy(struct files *f);
uint64_t files_tidy_in_ms(const struct files *f);
size_t files_waiting(const struct files *f); /* the same count, without working */

/* A name with RELPATH_TEMP that a scan met. Unless this process made it, it is of an earlier life and is judged by its
 * bytes, in files_tidy. Names that we never make are left alone. */
void files_leftover(struct files *f, const char *category, const char *folder, const char *name);

/* What a stat means to us; false when it is neither a regular file nor a symlink. */
struct stat;
bool files_stat_of(const struct stat *st, struct file_stat *out);

/* A content over this is read, and staged, in parts: LIMIT_PART_BYTES, unless said otherwise (core_setup.part_bytes). */
void files_part_bytes(struct files *f, size_t bytes);

/* For tests: called at named points inside files_place, and ways to make a capable filesystem look poor. */
enum { FILES_NO_OPENAT2 = 1, FILES_NO_TMPFILE = 2, FILES_NO_EXCHANGE = 4, FILES_NO_LINK = 8, FILES_NO_LEASE = 16, FILES_FAR = 32 };
void files_seam(struct files *f, void (*at)(void *ctx, const char *point), void *ctx, unsigned poor);
#endif

/* files_parts: what the parts of the files room share. files.c: roots, looking. files_place.c: replacing.
 * files_write.c: the new file. files_tidy.c: what must not be forgotten afterwards. For this room only. */
#ifndef ENGINE_IO_FILES_PARTS_H
#define ENGINE_IO_FILES_PARTS_H
#include <sys/stat.h>
#include <sys/types.h>

#include "base/map.h"
#include "base/relpath.h"
#include "engine/io/files.h"

#define FILES_TEMP_NAME 112 /* .syncline-<item>-<version>[-<random>] */

struct files_root {
	char *category, *given, *path; /* path: resolved; NULL until it was there once */
	char pin[64];                  /* "" until it was there once */
	int fd;                        /* -1: gone */
	dev_t dev;
	ino_t ino;
	bool far;                      /* on a filesystem that makes inode numbers up: none are told */
	bool names_dirty, stage_dirty; /* changes that wait for one syncfs */
	char why[160];                 /* while gone */
};

/* A temporary file of ours that is on the disk. */
enum temp_state {
	TEMP_STAGED,  /* complete content, written ahead; durable once `synced` */
	TEMP_RETIRED, /* bytes that must be judged before they are unlinked */
};
struct temp {
	char *category, *folder, *name;
	char *path;              /* the item's, or NULL */
	struct id item, version; /* as its name says */
	enum temp_state state;
	ino_t ino;
	bool synced, prune;
	struct id offered; /* what `found` was last given */
	uint64_t since_ms, next_ms;
};

struct files_taking { /* a large file that is read in parts */
	char *category, *path;
	int fd;
	struct file_stat stat; /* as it was when the first part was read, and must be when the last one was */
	size_t len;            /* so far */
};

struct files {
	struct files_hooks hooks;
	struct map roots;    /* category -> struct files_root */
	struct map temps;    /* category NUL folder NUL name -> struct temp */
	struct map ways;     /* inode, category NUL folder: its own name, and those above it, are on the disk */
	struct map deferred; /* category NUL path: a removal whose name files_sync_names will make durable */
	struct files_taking *taking; /* NULL: none */
	mode_t umask;
	unsigned poor;
	size_t part_bytes;
	void (*seam)(void *ctx, const char *point);
	void *seam_ctx;
};

struct placing {
	struct files *f;
	struct files_root *root;
	const struct place *p;
	char folder[RELPATH_MAX + 1];
	const char *name;
	int dir;                    /* the folder, open for reading */
	bool made_folders, batched; /* batched: files_sync_names makes the name durable */
	bool was_there;
	struct stat old;            /* what the cheap look saw */
	char temp[FILES_TEMP_NAME]; /* where the new file waits, and then the old one */
	ino_t ours;
	int ours_fd; /* held open, so that nobody else can get its inode number meanwhile */
};

struct files_root *files_root_find(struct files *f, const char *category, bool look_again); /* NULL: unknown or gone */
/* Opens a folder below `at` ("" = itself), following nothing. flags: O_PATH or O_RDONLY. -1 with errno. */
int files_open_below(struct files *f, int at, const char *folder, int flags);
/* Reads one name inside an open folder; content may be NULL. */
enum look files_take_at(struct files *f, int dir, const char *name, struct file_stat *stat, struct blob *content);
void files_split(const char *path, char folder[4097], const char **name);

void files_temp_name(char out[FILES_TEMP_NAME], const struct id *item, const struct id *version, bool unique);
struct temp *files_temp_find(struct files *f, const char *category, const char *folder, const char *name);
struct temp *files_temp_add(struct files *f, const char *category, const char *folder, const char *name,
                            const char *path, const struct id *item, const struct id *version, enum temp_state state);
void files_temp_drop(struct files *f, struct temp *t);
/* Judges one retired file now. True when it is gone. */
bool files_retire(struct files *f, struct temp *t);
void files_prune(struct files *f, struct files_root *r,
                 const char *folder); /* removes it and its parents while empty */

/* files_write.c. The writers answer -1 with errno, and leave nothing then. */
bool files_link_stays_inside(const char *folder, struct span target);
void files_times_of(const struct place *p, struct timespec times[2]);
int files_rename_new(struct files *f, int dir, const char *from, const char *to); /* never replaces */
void files_hold(struct placing *w, const char *name);                             /* this is our new file */
int files_write_new(struct placing *w, const char *to, bool wait);                /* wait: for the disk */
#endif

/* files_parts: what the parts of the files room share. files.c: roots, looking. files_place.c: replacing.
 * files_write.c: the new file. files_large.c: a large one. files_version.c: what a large one holds. files_tidy.c: what
 * must not be forgotten afterwards. For this room only. */
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
	int fd;                        /* -1: gone, unless it */
	bool rests;                    /* … (files_rest): it is opened again when it is needed */
	dev_t dev;
	ino_t ino;
	int64_t born_ns;               /* 0: its filesystem does not tell */
	uint64_t opened;               /* files_root_opened */
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

/* A file that is read part by part, for its version. */
struct files_reading {
	int fd;                /* -1: none */
	struct file_stat stat; /* before its first part */
	uint64_t at;
	struct hash_run *run;  /* NULL: all of it is read */
};

/* The large file on its way to its place. What the new one has of it is at nobody's hands: it is unnamed, or, where the
 * filesystem has no such files, under a name of ours that is no more than that. */
struct files_large {
	struct files_root *root; /* NULL: none */
	char *path, *folder;
	struct id item, version;
	dev_t dev;               /* the folder that it began in, */
	ino_t ino;
	bool made_folders;       /* made for it */
	int fd;                  /* the new file; -1: nothing is to be written, or it has its name */
	int dir;                 /* that folder, held so that no other one gets its number */
	char part[FILES_TEMP_NAME]; /* what the new file is called in it; "": nothing */
	uint64_t done;           /* written */
	bool synced;             /* … all of it, and with its mode and time it is on the disk */
	struct files_reading old;      /* the one that stands there */
	bool tried;              /* … was begun */
};

struct files {
	struct files_hooks hooks;
	struct map roots;    /* category -> struct files_root */
	struct map temps;    /* category NUL folder NUL name -> struct temp */
	struct map ways;     /* inode, category NUL folder: its own name, and those above it, are on the disk */
	uint64_t opened;     /* the count of them */
	struct map deferred; /* category NUL path: a removal whose name files_sync_names will make durable */
	struct files_taking *taking; /* NULL: none */
	mode_t umask;
	unsigned poor;
	size_t part_bytes;
	struct files_large large;     /* one at a time */
	struct files_reading judged;  /* likewise, for files_tidy: with a lease, for */
	struct temp *judges;
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
	bool held;                  /* the old file is a large one, and read: see files_large_hold */
	bool was_there;
	struct stat old;            /* what the cheap look saw */
	char temp[FILES_TEMP_NAME]; /* where the new file waits, and then the old one */
	ino_t ours;
	int ours_fd; /* held open, so that nobody else can get its inode number meanwhile */
};

struct files_root *files_root_find(struct files *f, const char *category, bool look_again); /* NULL: unknown or gone */
/* Opens a folder below `at` ("" = itself), following nothing. flags: O_PATH or O_RDONLY. -1 with errno. */
int files_open_below(struct files *f, int at, const char *folder, int flags);
/* Opens a name in it to be read: no link is followed, and nothing that is there instead of a file is waited for. -1 with
 * errno. */
int files_open_file(int dir, const char *name);
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
void files_judge_drop(struct files *f); /* of a large one, between two parts: it begins anew */
void files_prune(struct files *f, struct files_root *r,
                 const char *folder); /* removes it and its parents while empty */

/* files_version.c: LOOK_MORE after each part but the last, LOOK_FILE with the version, LOOK_BUSY when it is another file by
 * now, LOOK_ERROR. A lease: nobody has it open for writing, and who wants to waits until it is given back. */
bool files_is_large(const struct files *f, const struct stat *st); /* to be read in parts */
bool files_lease(struct files *f, int fd);
bool files_leased(int fd);                                         /* … and nobody has asked to write since */
void files_unlease(int fd);
bool files_reading_begin(struct files *f, struct files_reading *r, int fd); /* takes fd */
enum look files_reading_some(struct files *f, struct files_reading *r, struct id *version);
bool files_reading_same(const struct files_reading *r);                  /* as its stat says */
enum look files_version_at(struct files *f, int dir, const char *name, struct id *version); /* all at once; of a large one */
void files_reading_drop(struct files_reading *r);

/* files_large.c. step: PLACE_MORE after a part; PLACE_DONE: nothing is left but what a small file needs too. */
void files_large_init(struct files_large *l);
enum place_result files_large_step(struct placing *w);
void files_large_turn(struct files *f, const struct files_root *root, const struct place *p); /* drops another one */
void files_large_end(struct files *f, const struct files_root *root, const struct place *p);  /* drops this one */
struct files_large *files_large_written(const struct placing *w);        /* all of the new file; NULL: it is yet to be written */
/* The old file is as it was read and held so; then, after the exchange: is it what has this name now, and was it held?
 * From there on it is not. */
bool files_large_hold(struct placing *w);
bool files_large_held(const struct placing *w, const char *name);

enum place_result files_refused(int error); /* files_place.c */

/* files_write.c. The writers answer -1 with errno, and leave nothing then. */
bool files_link_stays_inside(const char *folder, struct span target);
void files_times_of(const struct place *p, struct timespec times[2]);
int files_rename_new(struct files *f, int dir, const char *from, const char *to); /* never replaces */
void files_hold(struct placing *w, const char *name);                             /* this is our new file */
int files_open_new(struct placing *w, char part[FILES_TEMP_NAME]); /* for writing; part: its name, "" for none */
bool files_write_whole(int fd, struct span content);
bool files_settle_new(struct placing *w, int fd, bool wait); /* its mode and time; wait: for the disk */
int files_write_new(struct placing *w, const char *to, bool wait);                /* wait: for the disk */
#endif

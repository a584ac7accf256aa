/* simdisk: the file system of one simulated device: inodes, folders and names, each with a volatile image (what programs
 * see) and a durable one (what a power cut leaves).
 *
 * Data and mode of an inode are durable after its fsync. Changes of names wait in a journal, in order; an exchange or a
 * rename is one of them. Two modes, drawn once in a life:
 *   ordered  as ext4 does: any fsync makes every change of names before it durable (not other files' data, so a new name
 *            may have nothing in it); a power cut keeps a prefix of the journal
 *   posix    an fsync of a folder makes its names durable, one of a file no name at all; a power cut keeps any subset of
 *            what waits
 * The kernel writes back by itself what has waited long enough. After an fsync that failed the pages count as written,
 * and are lost: only writing them again helps.
 *
 * A `simfile` is a path that is or was an item here, with what the judge remembers of it: `now` always shows what that
 * path holds. They are never removed, so a walk by number is stable while people edit. */
#ifndef SIM_SIMDISK_H
#define SIM_SIMDISK_H
#include <sys/types.h>

#include "base/map.h"
#include "engine/core/world.h"
#include "sim/chance.h"

struct simimage { /* of a path; the content is the inode's, borrowed */
	bool present;
	struct blob content;
	uint8_t meta;
	int64_t mtime_ns, ctime_ns;
	uint64_t inode;
	struct id version; /* simnode_version's: asked for again and again, so kept */
	bool named;        /* … it is kept */
};

struct simfile {
	struct simdisk *disk;
	char *category, *path;
	unsigned number; /* of the name, see witness.h */
	struct simimage now;
	struct siminode *node;
	struct blob before;  /* during a power cut, and while changes are noted: what it held */
	uint8_t before_meta;
	uint64_t before_ino; /* 0: it was absent */
	struct blob away;    /* while its category's folder is away: what it held when that left */
	uint8_t away_meta;
	bool is_away, away_present;
	bool noted;          /* it is in the disk's list of changes */
	uint64_t edited_us;  /* last touched by a person */
	unsigned writers;    /* programs that have it open for writing */
	struct id due;       /* what a commit said that the engine has put there, */
	bool owed;           /* while nobody has touched it since: a power cut must leave it */
	bool placed;         /* by the engine, and untouched since */
	bool fresh;          /* replaced in a turn that has not committed */
	bool orphan;         /* … and never will: the engine died */
	bool parts;          /* the engine was last asked to place a part of a large one here */
	/* See knowledge.h: log numbers of the entries that it is made from. */
	uint64_t made_least, made_most, placed_seq; /* surely; maybe; placed in a turn that has not committed */
	bool unsure;                                /* a power cut changed it */
	bool blurred;        /* an orphan was edited: which version it was made from cannot be known any more */
};

enum simkind { SIM_FILE, SIM_LINK, SIM_FOLDER };

struct simname { /* in a folder; stays while the folder does, or until it is swept */
	char *name;
	struct siminode *folder, *now, *kept;
	uint64_t mark;
};

struct siminode {
	uint64_t number;
	size_t at; /* in the disk's list */
	enum simkind kind;
	unsigned refs;    /* names in both images, changes that wait, open descriptors */
	unsigned links;   /* names now */
	unsigned writers; /* programs of people that have it open for writing */
	uint64_t changes; /* by people: they do not wait for the engine's leases, which are lost to them */
	struct blob content;
	mode_t mode; /* permissions */
	int64_t mtime_ns, ctime_ns;
	struct { /* the durable image; false: nothing of it was ever written */
		bool any, ours; /* ours: as below, of these bytes */
		struct blob content;
		mode_t mode;
		int64_t mtime_ns, ctime_ns;
	} kept;
	bool dirty, rewritten; /* since the last sync; rewritten: its content too */
	bool lost;             /* an fsync failed: what is durable stays as it is until it is written again */
	uint64_t dirty_at_us;
	bool ours;  /* made by the engine, and nobody else wrote to it */
	bool shown; /* had a name that a person could see */
	struct simfile *seat;
	/* folders */
	struct simname *self, **names; /* self: the name it has now */
	size_t count, cap;
	unsigned open; /* streams that read it: nothing is swept */
	struct map index;
	bool denied, fixed; /* EACCES, EROFS for what is in it */
	int watch;          /* of the engine's inotify instance; 0: none */
	uint64_t reached;
};

struct simset { /* one name's new inode, or NULL */
	struct simname *name;
	struct siminode *to;
};

struct simop { /* a change of names that is not durable yet: all of it, or nothing */
	struct simset set[2];
	unsigned count;
	uint64_t at_us;
};

struct simdisk {
	struct simfile **files;
	size_t count, cap;
	struct map index;
	struct siminode *top, **inodes;
	size_t inode_count, inode_cap;
	uint64_t numbers, mark;
	struct simop *ops;
	size_t op_count, op_cap;
	size_t dirty;
	bool posix;    /* else ordered */
	bool folding;  /* names that differ only in case are one */
	uint64_t room; /* bytes that are free; UINT64_MAX: any number */
	const uint64_t *now_us;
	struct simfile **changes; /* paths that were changed since changes are noted, each once, with what it held */
	size_t change_count, change_cap;
	bool noting;
};

void simdisk_start(struct simdisk *d, const uint64_t *now_us); /* the clock is read through it */
void simdisk_finish(struct simdisk *d);

/* Paths of items. */
struct simfile *simdisk_find(const struct simdisk *d, const char *category, const char *path);
struct simfile *simdisk_entry(struct simdisk *d, const char *category, const char *path,
                              unsigned number);    /* made where new */
void simdisk_note_changes(struct simdisk *d);  /* from here on, into `changes` */
void simdisk_changes_told(struct simdisk *d);  /* no more; the list is forgotten */
void simdisk_stat(const struct simfile *f, struct file_stat *out);
struct simfile *simdisk_seat(const struct simdisk *d, const struct simname *s); /* NULL: the name is no item's */
/* Is there a file where this name needs a folder, or a folder where it needs a file? */
bool simdisk_obstructed(const struct simdisk *d, const char *category, const char *path);

/* Inodes and names; volatile. A name's inode is changed by simdisk_set alone, up to two at once. Nothing here refuses:
 * who calls has looked before. */
struct siminode *simdisk_make(struct simdisk *d, enum simkind kind, mode_t mode, int64_t time_ns); /* with one reference */
void simdisk_drop(struct simdisk *d, struct siminode *i);                                         /* gives one back */
struct simname *simdisk_name(struct simdisk *d, struct siminode *folder, const char *name, bool make);
void simdisk_set(struct simdisk *d, const struct simset *set, unsigned count);
/* Follows names from a folder. 0 or an errno; *out may be a folder, a file or a link, which is never followed. */
int simdisk_walk(struct simdisk *d, struct siminode *from, const char *path, struct siminode **out);
size_t simdisk_live(const struct siminode *folder); /* names that it has now */
void simdisk_put(struct simdisk *d, struct siminode *i, struct blob content, int64_t time_ns); /* takes the content */
void simdisk_dirty(struct simdisk *d, struct siminode *i);  /* mode or time was changed */
void simdisk_writers(struct siminode *i, int more);
uint8_t simdisk_meta(const struct siminode *i);
mode_t simdisk_mode(uint8_t meta);

/* Durability. */
void simdisk_sync(struct simdisk *d, struct siminode *i); /* fsync */
void simdisk_sync_link(struct simdisk *d, struct siminode *i); /* a link's target comes with its name */
void simdisk_sync_failed(struct simdisk *d, struct siminode *i);
void simdisk_sync_all(struct simdisk *d);                 /* syncfs */
void simdisk_age(struct simdisk *d, uint64_t names_us, uint64_t data_us); /* what has waited so long is written back */
bool simdisk_kept(const struct siminode *i);              /* all of it is durable */
/* `changed` is told of every path that holds something else than before, which is in f->before. */
void simdisk_power_cut(struct simdisk *d, struct chance *c, unsigned stream,
                       void (*changed)(void *ctx, struct simfile *f), void *ctx);
#endif

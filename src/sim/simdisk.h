/* simdisk: the user's files on one simulated device. Every file has a volatile image (what programs see) and a durable
 * one (what a power cut leaves). Folders exist as names imply them. Entries are never removed, only marked absent, so a
 * walk by number is stable while people edit. */
#ifndef SIM_SIMDISK_H
#define SIM_SIMDISK_H
#include "base/map.h"
#include "engine/core/world.h"
#include "sim/chance.h"

struct simimage {
	bool present;
	struct blob content;
	uint8_t meta;
	int64_t mtime_ns, ctime_ns;
	uint64_t inode;
};

struct simfile {
	char *category, *path;
	unsigned number; /* of the name, see witness.h */
	struct simimage now, kept;
	bool dirty;           /* now differs from kept */
	uint64_t dirty_at_us; /* since when */
	uint64_t edited_us;   /* last touched by a person */
	unsigned writers;     /* programs that have it open for writing */
	bool fresh;           /* replaced in a turn that has not committed */
	bool orphan;          /* … and never will: the engine died */
	bool blurred;         /* an orphan was edited: which version it was made from cannot be known any more */
};

struct simdisk {
	struct simfile **files;
	size_t count, cap;
	struct map index;
	uint64_t inodes;
};

void simdisk_finish(struct simdisk *d);
struct simfile *simdisk_find(const struct simdisk *d, const char *category, const char *path);
struct simfile *simdisk_entry(struct simdisk *d, const char *category, const char *path,
                              unsigned number); /* made where new */
void simdisk_stat(const struct simfile *f, struct file_stat *out);
/* Is there a file where this name needs a folder, or a folder where it needs a file? */
bool simdisk_obstructed(const struct simdisk *d, const char *category, const char *path);

/* Volatile. `content` is taken. */
void simdisk_write(struct simdisk *d, struct simfile *f, struct blob content, uint8_t meta, int64_t mtime_ns,
                   int64_t ctime_ns, bool new_inode, uint64_t now_us);
void simdisk_remove(struct simfile *f, uint64_t now_us);
void simdisk_sync(struct simfile *f); /* makes this file durable */
/* The kernel's own write-back: what has been dirty for so long becomes durable. */
void simdisk_age(struct simdisk *d, uint64_t now_us, uint64_t after_us);
/* Each file that is not durable becomes: the new, the old, a part of the new, or empty. `changed` is told of every file
 * that lost something, with what it held. */
void simdisk_power_cut(struct simdisk *d, struct chance *c, unsigned stream,
                       void (*changed)(void *ctx, struct simfile *f, struct span before), void *ctx);
#endif

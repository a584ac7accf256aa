/* simvfs: a disk for SQLite in the simulated world, as a VFS with a name of its own. Every file has a volatile image
 * (what programs see) and a durable one (what a power cut leaves): a write is volatile until xSync of that file, a name
 * until the sync of a new journal or a delete that asks for it (SQLite syncs the folder then). At a power cut each file
 * keeps of its unsynced sectors of 512 bytes: none, all, the first few in the order of writing, or any, and its old or
 * its new length; a name that was made or deleted comes or goes.
 *
 * When the process dies (simvfs_die), every open handle fails from then on; what it had written stays as it is. */
#ifndef SIM_SIMVFS_H
#define SIM_SIMVFS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIMVFS_NAME 32

enum simvfs_trouble {
	SIMVFS_FINE,
	SIMVFS_FULL,  /* a write: no space */
	SIMVFS_LOST,  /* a sync: it fails, and what was to be synced counts as written by the next one */
	SIMVFS_DEATH, /* the process ends in the middle of this call */
};

struct simvfs_world {
	void *ctx;
	/* Before each write (sync: false) and each sync. */
	enum simvfs_trouble (*trouble)(void *ctx, bool sync);
	uint64_t (*draw)(void *ctx, uint64_t bound); /* what a power cut leaves */
};

struct simvfs;
struct simvfs *simvfs_create(const struct simvfs_world *w);
void simvfs_destroy(struct simvfs *v);             /* all handles are closed; NULL-safe */
const char *simvfs_name(const struct simvfs *v);   /* for sqlite3_open_v2 */
void simvfs_die(struct simvfs *v);
void simvfs_power_cut(struct simvfs *v);           /* dies as well */
void simvfs_wipe(struct simvfs *v);                /* no file is left; no handle is open */
bool simvfs_flip(struct simvfs *v, const char *file, uint64_t bit); /* durably; false: it has no such bit */
uint64_t simvfs_syncs(const struct simvfs *v);
#endif

/* simio: a simulated device's file rooms: the engine's real files, scan and inotify (see real/) with the calls of kernel.h
 * below them, and what engine/areas.c and engine/outside.c do around them: hooks, scans one at a time for a category,
 * rescans, roots that are waited for, tidying. */
#ifndef SIM_SIMIO_H
#define SIM_SIMIO_H
#include "engine/core/world.h"
#include "sim/cluster.h"

#define SIMIO_AREAS 16

struct simnode;
struct files;
struct scan;
struct watcher;

struct simasking { /* a scan that the core waits for */
	char *under;
	bool walked, done, complete;
};

struct simarea {
	const char *name;
	struct simasking *asked;
	size_t asked_count, asked_cap;
	char *owed; /* the part that is to be looked at again */
	char *again; /* a part that could not be read */
	uint64_t again_us;
	unsigned agains;
	bool polling, unseen; /* unseen: something changed, or may have, without an event: only a whole scan can find it */
	uint64_t poll_us;
	char pin[64]; /* durable */
};

struct simio {
	struct files *files; /* NULL: not running */
	struct scan *scan;
	struct watcher *watcher;
	struct simarea areas[SIMIO_AREAS];
	size_t area_count;
	uint64_t roots_us, full_scan_us, tidy_us;
	bool more; /* events are left to be read */
};

void simio_start(struct simnode *n); /* the core is there */
void simio_stop(struct simnode *n);  /* the process is gone, or as good as */
void simio_finish(struct simnode *n);
void simio_jobs(struct simnode *n);  /* of a turn, before the core's steps */
void simio_tidy(struct simnode *n);  /* after the commit */
void simio_rest(struct simnode *n);  /* at the end of a turn that leaves nothing to do */
bool simio_sync_names(struct simnode *n);
uint64_t simio_due_us(const struct simnode *n); /* when the next turn is wanted; 0: at once */
bool simio_busy(const struct simnode *n);       /* scans, rescans or events are under way */
const char *simio_temp(const struct simnode *n); /* a temporary file of ours that is left after a minute, or NULL */
void simio_look_at_all(struct simnode *n);
void simio_unseen(struct simnode *n, const char *category); /* something changes there without an event */
bool simio_sees(const struct simnode *n); /* nothing changed so */

/* The file calls of world.h. */
enum look simio_look(void *ctx, const struct file_ref *f, struct file_stat *stat);
enum look simio_take(void *ctx, const struct file_ref *f, struct file_stat *stat, struct blob *content);
void simio_take_drop(void *ctx);
enum place_result simio_place(void *ctx, const struct place *p, struct file_stat *after);
void simio_place_drop(void *ctx);
void simio_stage(void *ctx, const struct place *p);
void simio_stage_sync(void *ctx);
void simio_scan(void *ctx, const char *category, const char *under);
#endif

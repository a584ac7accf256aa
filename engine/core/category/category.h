/* category: what is synced and how seriously, as far as the core must know: debounce windows, strategy, and the state of
 * the root. Which files belong to a category (include and ignore rules) is settled before names reach the core. */
#ifndef ENGINE_CORE_CATEGORY_CATEGORY_H
#define ENGINE_CORE_CATEGORY_CATEGORY_H
#include "engine/core/core.h"

#define CATEGORY_SCANS 16

struct category {
	char *name;
	uint32_t debounce_ms, max_wait_ms, min_change_bytes, max_changes_per_minute;
	enum strategy strategy;
	bool by_path;       /* world.strategy_of knows better */
	enum merge_rule merge;
	bool active;        /* still configured; a category that left keeps its ledger rows but nothing is looked at or sent */
	bool paused;
	bool root_ok;
	char *trouble;      /* why it is in error, or NULL */
	bool held;          /* a scan would have deleted too much: waits for a person */
	bool weighed;       /* while held: a whole scan has marked what is lost */
	bool allowed;       /* the person said yes: the next whole scan may */
	bool save;          /* its row is to be saved */
	bool suspect;       /* the last stop was unclean and no whole scan has ended since: files may be damaged */
	int64_t suspect_ms; /* wall: namely what was recorded since then. By what was recorded in this category: while its folder
	                     * is away, stop may follow stop, and its files be as old as the first left them. */
	int64_t cut_since_ms, cut_until_ms; /* wall: what was recorded between these two, a power cut may have taken back as a
	                                     * whole, until a whole scan has ended and that is put back; 0: nothing */
	uint64_t full_ms;   /* monotonic: until then nothing of full_bytes or more is written: the disk has no room for it */
	uint64_t full_bytes;
	char **left;        /* folders that events said were deleted or moved away, until the scans of them have ended */
	size_t left_count;
	uint32_t scans;     /* scans under way; they end in the order they were asked for */
	uint32_t round;     /* number of the newest scan; a file seen since scan n began has at least round n */
	uint32_t rounds[CATEGORY_SCANS]; /* numbers of those under way */
	bool rescan;        /* too many at once: one more, of all, when some have ended */
	size_t items;       /* files present */
	uint64_t bytes;
	int64_t last_change_ms;
};

struct category_table {
	struct category **all; /* stable addresses */
	size_t count, cap;
};

void category_finish(struct category_table *t);
struct category *category_find(const struct category_table *t, const char *name);
struct category *category_make(struct category_table *t, const char *name); /* finds, or adds an inactive one */
void category_configure(struct category_table *t, const struct category_setup *setup, size_t count);
void category_trouble(struct category *c, const char *why); /* NULL clears, but for what a hold says */
/* Holding: more is gone than is deleted unasked. */
void category_hold(struct category *c, bool held);
/* An event named this folder as gone: what was in it is gone because somebody wished so. */
void category_left(struct category *c, const char *folder);
bool category_has_left(const struct category *c, const char *path);
void category_forget_left(struct category *c);
#endif

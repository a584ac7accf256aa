/* debounce: when to look at a name that something happened to.
 *
 * Leading edge: the first hint after quiet is looked at once (a closed writer) or as soon as two looks agree (a writer
 * that may still be open). Hints that follow within the window wait until it ends and collapse into one look. A name
 * that went away is looked at again when it has stayed absent for CHANGE_GONE_MS. Times are monotonic milliseconds. */
#ifndef ENGINE_CORE_CHANGE_DEBOUNCE_H
#define ENGINE_CORE_CHANGE_DEBOUNCE_H
#include "base/map.h"
#include "engine/core/world.h"

struct category;

struct watched { /* one name with a look owed */
	char *path;
	struct category *category;
	uint64_t first_ms, due_ms;
	uint64_t absent_since_ms;      /* 0: it was there at the last look */
	bool unsure;                   /* a writer may have it open: two looks must agree */
	bool gone;                     /* it was told to be gone: what stands there is new, or known */
	bool looked;                   /* `stat` is of the look before */
	bool scanned;                  /* found by a scan: waits for the scan's end, so that renames can be told */
	bool suspect;                  /* … the first one after an unclean stop */
	bool waits;                    /* for the turn of a large file */
	uint32_t tries;
	struct file_stat stat;
	size_t heap_at;
};

struct debounce {
	struct map by_name;            /* category NUL path */
	struct watched **heap;         /* by due_ms, then by age */
	size_t count, cap;
	size_t waiting;                /* of these: how many wait */
};

/* Names that programs give to files which they rename or remove in a moment (sed -i, editors, downloads): a new one is
 * looked at only when it has stayed for CHANGE_PASSING_MS, so that a save is one update of one item. */
bool debounce_passing(const char *path);
/* The name that this one may be a copy or a next version of, in the same folder ("a/n.md" for "a/n.md.new", "a/.n.md.5",
 * "a/n.md~"): new memory, or NULL. Editors write beside the file and rename over it. */
char *debounce_derived(const char *path);
void debounce_finish(struct debounce *d);
/* A look is owed at due_ms or, if one is already owed, at the earlier of both when `sooner`, else at the later. */
struct watched *debounce_note(struct debounce *d, struct category *c, const char *path, uint64_t now_ms, uint64_t due_ms, bool sooner);
struct watched *debounce_find(const struct debounce *d, const struct category *c, const char *path);
void debounce_move(struct debounce *d, struct watched *w, uint64_t due_ms);
/* As debounce_move, but debounce_waiting names it: of all that wait so, the one that a look is owed at for longest; NULL:
 * none. Moving it, as every news of it does, ends its waiting. */
void debounce_wait(struct debounce *d, struct watched *w, uint64_t due_ms);
struct watched *debounce_waiting(const struct debounce *d);
void debounce_drop(struct debounce *d, struct watched *w);
struct watched *debounce_first(const struct debounce *d);       /* the one due next, or NULL */
#endif

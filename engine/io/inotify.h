/* watcher: what changed, by inotify, as hints. Events are hints, content is truth: whatever inotify cannot tell for
 * sure (overflow, a folder moved, made or removed) becomes a `rescan` of just that part.
 *
 * Only folders are watched. watcher_add watches a category's root; the folders below are watched by watcher_enter,
 * which the scan calls with each folder's descriptor *before* it reads the names, so that nothing made in between is
 * missed. */
#ifndef ENGINE_IO_INOTIFY_H
#define ENGINE_IO_INOTIFY_H
#include "base/err.h"
#include "engine/core/core.h"
#include "engine/io/files.h"

struct watcher;

struct watcher_hooks { /* none of these may call back into the watcher */
	void *ctx;
	void (*hint)(void *ctx, const char *category, const char *path, enum hint hint);
	/* One name became another, within a category or across two; told before the hints of both names, in the order in
	 * which it happened. A move of which only one half was seen is not told. */
	void (*moved)(void *ctx, const struct file_ref *from, const struct file_ref *to, bool folder);
	void (*rescan)(void *ctx, const char *category, const char *under); /* ask the scan; "" = all */
	void (*root)(void *ctx, const char *category, bool there, const char *why);
	/* Its events cannot be trusted (watches ran out, a network filesystem): this category must be looked at by the
	 * clock from now on. `why` is a sentence without a full stop that says how to mend it, where that can be; told
	 * again when it changes, NULL when a full scan got all its watches. */
	void (*polling)(void *ctx, const char *category, const char *why);
	/* Is this name an item / may this folder hold items, by the category's rules? */
	bool (*wanted)(void *ctx, const char *category, const char *path, bool folder);
};

/* Where the kernel gives no inotify instance everything is polled; each full scan asks for one again. */
struct watcher *watcher_create(struct files *files, const struct watcher_hooks *hooks);
void watcher_destroy(struct watcher *w);
int watcher_fd(const struct watcher *w); /* readable: call watcher_read; -1: none yet */
/* Reads what is there, at most about 1 MiB; true when more is left (call again next turn, or in a loop to drain). */
bool watcher_read(struct watcher *w);

/* Starts watching a category's root (registered in files) and asks for a rescan of it; when the root is not there, says
 * so by `root` and waits for it. */
void watcher_add(struct watcher *w, const char *category);
void watcher_remove(struct watcher *w, const char *category);
void watcher_enter(struct watcher *w, const char *category, const char *folder, int folder_fd); /* scan's `enter` */
/* A scan of `under` ended. After a full one that met no failure a category is watched again. */
void watcher_scanned(struct watcher *w, const char *category, const char *under, bool complete);
/* Looks whether roots came or went. Call every two seconds while watcher_waiting, and before full scans. */
void watcher_check_roots(struct watcher *w);
bool watcher_waiting(const struct watcher *w); /* some root is gone */
size_t watcher_count(const struct watcher *w); /* folders watched, for doctor */
size_t watcher_needed(const struct watcher *w); /* … and those that the last full scans wanted watched */
const char *watcher_polling(const struct watcher *w, const char *category); /* why it is polled, or NULL */

/* For tests: stands in for inotify_init1, inotify_add_watch and a look at a root's filesystem. */
struct watcher_kernel {
	int (*start)(void);
	int (*watch)(int fd, const char *path, unsigned mask);
	const char *(*far)(int fd); /* its name when it is one of farfs.h's */
};
void watcher_seam(const struct watcher_kernel *kernel); /* NULL: the real one; for watchers made from now on */
/* For tests: takes a buffer as if it had been read. */
void watcher_feed(struct watcher *w, const void *events, size_t len);
int watcher_wd(struct watcher *w, const char *category, const char *folder); /* -1: not watched */
#endif

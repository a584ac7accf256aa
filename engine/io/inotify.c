#include "engine/io/inotify.h"

#include <errno.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/relpath.h"
#include "sys/farfs.h"

#define WATCHER_READ  (64 * 1024)
#define WATCHER_READS 16 /* in one turn */
#define WATCHER_MASK                                                                                                   \
	(IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_MODIFY | IN_ATTRIB |                \
	 IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR | IN_EXCL_UNLINK)

/* One folder of one category. Two categories may watch the same folder: inotify gives both the same number, so the
 * holders of a number are a list. */
struct folder {
	struct root *root;
	struct folder *above, *below, *beside, *before; /* parent, first child, next and previous sibling */
	char *name;
	int wd;                /* -1: not watched */
	bool was_watched;      /* what happened to the names in it was told, up to its end */
	struct folder *holder; /* next with the same wd */
};

struct root {
	char *category;
	struct folder *top;
	bool there;
	uint64_t opened;   /* which folder that is (files.h) */
	const char *far;   /* its filesystem, where changes made elsewhere give no events; NULL: a local one */
	int error;         /* the errno of a folder that could not be watched, until a full scan met none; 0: none */
	bool given_up;     /* this scan met it: no more is tried before the next full one */
	size_t needed;     /* folders that the last full scan entered */
	char *polling;     /* what was last told of it */
};

/* What one read said of one name; told once, at the end of it. */
struct pending {
	struct root *root;
	char *path;
	enum hint hint;
};

/* The half of a move that was seen; its other half may come with the next read. */
#define DEPARTED_KEPT 64
struct departed {
	uint32_t cookie; /* 0: free */
	struct root *root;
	char *path;
};

struct move {
	struct root *from, *to;
	char *from_path, *to_path;
	bool folder;
};

static int kernel_start(void)
{
	return inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
}

static int kernel_watch(int fd, const char *path, unsigned mask)
{
	return inotify_add_watch(fd, path, mask);
}

static const struct watcher_kernel real_kernel = { kernel_start, kernel_watch, farfs_of };
static const struct watcher_kernel *next_kernel = &real_kernel;

struct watcher {
	struct watcher_kernel kernel;
	int fd, start_error;
	struct files *files;
	struct watcher_hooks hooks;
	struct map roots; /* category -> struct root */
	struct map wds;   /* int -> first struct folder */
	struct map names; /* parent's address and name -> struct folder */
	struct map hints; /* category NUL path -> struct pending, of this read */
	struct departed departed[DEPARTED_KEPT];
	size_t departed_next;
	struct map lost;    /* category NUL path -> struct pending: folders no longer watched, of this read */
	struct move *moves; /* of this read */
	size_t move_count, move_cap;
	size_t watched;
};

void watcher_seam(const struct watcher_kernel *kernel)
{
	next_kernel = kernel ? kernel : &real_kernel;
}

static bool start(struct watcher *w)
{
	if (w->fd < 0)
		w->fd = w->kernel.start();
	w->start_error = w->fd < 0 ? errno : 0;
	return w->fd >= 0;
}

struct watcher *watcher_create(struct files *files, const struct watcher_hooks *hooks)
{
	struct watcher *w = mem_alloc(sizeof *w);
	w->kernel = *next_kernel;
	w->fd = -1;
	w->files = files;
	w->hooks = *hooks;
	start(w);
	return w;
}

int watcher_fd(const struct watcher *w)
{
	return w->fd;
}

size_t watcher_count(const struct watcher *w)
{
	return w->watched;
}

static void forget_departed(struct watcher *w)
{
	for (size_t i = 0; i < DEPARTED_KEPT; i++) {
		free(w->departed[i].path);
		w->departed[i] = (struct departed){ 0 };
	}
}

static struct root *root_find(const struct watcher *w, const char *category)
{
	return map_find(&w->roots, category, strlen(category));
}

/* The tree of folders */

static size_t child_key(const struct folder *above, const char *name, size_t len, char key[])
{
	memcpy(key, &above, sizeof above);
	memcpy(key + sizeof above, name, len);
	return sizeof above + len;
}

static struct folder *child_find(const struct watcher *w, const struct folder *f, const char *name, size_t len)
{
	char key[sizeof f + RELPATH_COMPONENT];
	return len > RELPATH_COMPONENT ? NULL : map_find(&w->names, key, child_key(f, name, len, key));
}

static struct folder *child_add(struct watcher *w, struct folder *f, const char *name, size_t len)
{
	char key[sizeof f + RELPATH_COMPONENT];
	struct folder *c = mem_alloc(sizeof *c);
	*c = (struct folder){ .root = f->root, .above = f, .beside = f->below, .name = mem_copy(name, len), .wd = -1 };
	if (f->below)
		f->below->before = c;
	f->below = c;
	map_put(&w->names, key, child_key(f, name, len, key), c);
	return c;
}

static struct folder *folder_at(struct watcher *w, struct root *r, const char *path, bool make)
{
	struct folder *f = r->top;
	while (f && *path) {
		size_t len = strcspn(path, "/");
		struct folder *c = child_find(w, f, path, len);
		f = c || !make || len > RELPATH_COMPONENT ? c : child_add(w, f, path, len);
		path += len + (path[len] == '/');
	}
	return f;
}

/* Stops watching without forgetting the folder. */
static void unwatch(struct watcher *w, struct folder *f, bool tell_kernel)
{
	if (f->wd < 0)
		return;
	struct folder *first = map_find(&w->wds, &f->wd, sizeof f->wd), **at = &first;
	while (*at && *at != f)
		at = &(*at)->holder;
	if (*at)
		*at = f->holder;
	if (first) {
		map_put(&w->wds, &f->wd, sizeof f->wd, first);
	} else {
		map_remove(&w->wds, &f->wd, sizeof f->wd);
		if (tell_kernel)
			inotify_rm_watch(w->fd, f->wd);
	}
	f->holder = NULL;
	f->wd = -1;
	w->watched--;
}

static void folder_drop(struct watcher *w, struct folder *f)
{
	while (f->below)
		folder_drop(w, f->below);
	unwatch(w, f, true);
	if (f->above) {
		char key[sizeof f + RELPATH_COMPONENT];
		map_remove(&w->names, key, child_key(f->above, f->name, strlen(f->name), key));
		*(f->before ? &f->before->beside : &f->above->below) = f->beside;
		if (f->beside)
			f->beside->before = f->before;
	}
	free(f->name);
	free(f);
}

static void path_of(const struct folder *f, const char *name, char out[RELPATH_MAX + RELPATH_COMPONENT + 2])
{
	const struct folder *chain[RELPATH_DEPTH + 1];
	size_t depth = 0, at = 0;
	for (; f->above && depth < RELPATH_DEPTH + 1; f = f->above)
		chain[depth++] = f;
	out[0] = 0;
	while (depth--)
		at += (size_t)snprintf(out + at, RELPATH_MAX + 2 - at, "%s%s", at ? "/" : "", chain[depth]->name);
	if (*name)
		snprintf(out + at, RELPATH_COMPONENT + 2, "%s%s", at ? "/" : "", name);
}

/* Watching */

static char *why_polling(const struct watcher *w, const struct root *r)
{
	if (r->far)
		return mem_printf("changes made elsewhere on %s give no events here", r->far);
	if (w->start_error)
		return mem_printf("no watcher could be had: %s (%s)", strerror(w->start_error),
		                  w->start_error == EMFILE ? "raise sysctl fs.inotify.max_user_instances"
		                                           : "use a kernel with inotify");
	if (r->error == ENOSPC)
		return mem_text("the limit on watched folders is reached (raise sysctl fs.inotify.max_user_watches)");
	if (r->error == ENOENT)
		return mem_text("folders are watched through /proc, which is not there (mount it)");
	return r->error ? mem_printf("a folder cannot be watched: %s", strerror(r->error)) : NULL;
}

/* Tells of a change, once. */
static void tell_polling(struct watcher *w, struct root *r)
{
	char *why = why_polling(w, r);
	bool news = why ? !r->polling || strcmp(why, r->polling) != 0 : r->polling != NULL;
	free(r->polling);
	r->polling = why;
	if (news && w->hooks.polling)
		w->hooks.polling(w->hooks.ctx, r->category, why);
}

static void no_watch(struct watcher *w, struct root *r, int error)
{
	if (error == ENOTDIR)
		return; /* no folder any more: the scan finds that out */
	r->given_up = true;
	r->error = error;
	tell_polling(w, r);
}

static void watch(struct watcher *w, struct folder *f, int folder_fd)
{
	char self[40];
	if (!start(w)) {
		no_watch(w, f->root, w->start_error);
		return;
	}
	/* By descriptor, so that it is this folder and no other, whatever its path leads to by now. */
	snprintf(self, sizeof self, "/proc/self/fd/%d", folder_fd);
	int wd = w->kernel.watch(w->fd, self, WATCHER_MASK);
	if (wd < 0) {
		no_watch(w, f->root, errno);
		return;
	}
	if (wd == f->wd)
		return;
	unwatch(w, f, true);
	f->wd = wd;
	f->was_watched = true;
	f->holder = map_find(&w->wds, &wd, sizeof wd);
	map_put(&w->wds, &wd, sizeof wd, f);
	w->watched++;
}

void watcher_enter(struct watcher *w, const char *category, const char *folder, int folder_fd)
{
	struct root *r = root_find(w, category);
	if (!r || !r->there)
		return;
	if (!*folder) {
		r->given_up = false; /* a full scan begins: perhaps there is room by now */
		r->needed = 0;
	}
	r->needed++;
	if (!r->given_up)
		watch(w, folder_at(w, r, folder, true), folder_fd);
}

void watcher_scanned(struct watcher *w, const char *category, const char *under, bool complete)
{
	struct root *r = root_find(w, category);
	if (!r || *under || !complete || r->given_up)
		return;
	r->error = 0;
	tell_polling(w, r);
}

static void root_gone(struct watcher *w, struct root *r, const char *why)
{
	while (r->top->below)
		folder_drop(w, r->top->below);
	unwatch(w, r->top, true);
	if (r->there && w->hooks.root)
		w->hooks.root(w->hooks.ctx, r->category, false, why);
	r->there = false;
}

static void root_come(struct watcher *w, struct root *r)
{
	int fd = files_root_fd(w->files, r->category);
	r->there = true;
	r->opened = files_root_opened(w->files, r->category);
	r->given_up = false;
	r->far = w->kernel.far(fd);
	watch(w, r->top, fd);
	tell_polling(w, r);
	if (w->hooks.root)
		w->hooks.root(w->hooks.ctx, r->category, true, "");
	w->hooks.rescan(w->hooks.ctx, r->category, "");
}

void watcher_check_roots(struct watcher *w)
{
	void *value;
	for (size_t i = 0; map_next(&w->roots, &i, &value);) {
		struct root *r = value;
		char why[160];
		bool there = files_root_there(w->files, r->category, why);
		if (!there)
			root_gone(w, r, why);
		else if (!r->there)
			root_come(w, r);
		else if (files_root_opened(w->files, r->category) != r->opened || (r->top->wd < 0 && !r->error)) {
			root_gone(w, r, "it went and came back"); /* mounted again */
			root_come(w, r);
		}
	}
}

void watcher_add(struct watcher *w, const char *category)
{
	char why[160];
	watcher_remove(w, category);
	struct root *r = mem_alloc(sizeof *r);
	r->category = mem_text(category);
	r->top = mem_alloc(sizeof *r->top);
	*r->top = (struct folder){ .root = r, .name = mem_text(""), .wd = -1 };
	map_put(&w->roots, category, strlen(category), r);
	if (files_root_there(w->files, category, why))
		root_come(w, r);
	else if (w->hooks.root)
		w->hooks.root(w->hooks.ctx, category, false, why);
}

void watcher_remove(struct watcher *w, const char *category)
{
	struct root *r = map_remove(&w->roots, category, strlen(category));
	if (!r)
		return;
	forget_departed(w);
	folder_drop(w, r->top);
	free(r->category);
	free(r->polling);
	free(r);
}

void watcher_destroy(struct watcher *w)
{
	void *value;
	if (!w)
		return;
	for (size_t i = 0; map_next(&w->roots, &i, &value);)
		watcher_remove(w, ((struct root *)value)->category);
	map_finish(&w->roots);
	map_finish(&w->wds);
	map_finish(&w->names);
	map_finish(&w->hints);
	map_finish(&w->lost);
	free(w->moves);
	if (w->fd >= 0)
		close(w->fd);
	free(w);
}

bool watcher_waiting(const struct watcher *w)
{
	void *value;
	for (size_t i = 0; map_next(&w->roots, &i, &value);)
		if (!((struct root *)value)->there)
			return true;
	return false;
}

size_t watcher_needed(const struct watcher *w)
{
	size_t needed = 0;
	void *value;
	for (size_t i = 0; map_next(&w->roots, &i, &value);)
		needed += ((struct root *)value)->needed;
	return needed > w->watched ? needed : w->watched;
}

const char *watcher_polling(const struct watcher *w, const char *category)
{
	const struct root *r = root_find(w, category);
	return r ? r->polling : NULL;
}

int watcher_wd(struct watcher *w, const char *category, const char *folder)
{
	struct root *r = root_find(w, category);
	struct folder *f = r ? folder_at(w, r, folder, false) : NULL;
	return f ? f->wd : -1;
}

/* Events */

static bool wanted(struct watcher *w, struct root *r, const char *path, bool folder)
{
	return !w->hooks.wanted || w->hooks.wanted(w->hooks.ctx, r->category, path, folder);
}

static struct pending *keep(struct map *names, struct root *r, const char *path, bool *fresh)
{
	char key[CATEGORY_MAX + RELPATH_MAX + RELPATH_COMPONENT + 4];
	size_t len = (size_t)snprintf(key, sizeof key, "%s%c%s", r->category, 0, path);
	struct pending *p = map_find(names, key, len);
	if (fresh)
		*fresh = !p;
	if (!p) {
		p = mem_alloc(sizeof *p);
		p->root = r;
		p->path = mem_text(path);
		map_put(names, key, len, p);
	}
	return p;
}

/* The last word on a name wins, but for this: news of its metadata do not take back that its writer closed it. */
static void note(struct watcher *w, struct root *r, const char *path, uint32_t mask)
{
	enum hint hint = mask & (IN_DELETE | IN_MOVED_FROM)      ? HINT_GONE
	                 : mask & (IN_CLOSE_WRITE | IN_MOVED_TO) ? HINT_WRITTEN
	                                                         : HINT_TOUCHED;
	bool fresh;
	struct pending *p = keep(&w->hints, r, path, &fresh);
	if (fresh) {
		p->hint = hint;
	} else if (!(mask & IN_ATTRIB) || p->hint == HINT_GONE) {
		p->hint = hint;
	}
}

/* Pairs the halves of a move by cookie. */
static void pair(struct watcher *w, struct root *r, const char *path, uint32_t mask, uint32_t cookie)
{
	if (mask & IN_MOVED_FROM) {
		struct departed *d = &w->departed[w->departed_next++ % DEPARTED_KEPT];
		free(d->path);
		*d = (struct departed){ cookie, r, mem_text(path) };
		return;
	}
	for (size_t i = 0; i < DEPARTED_KEPT; i++) {
		struct departed *d = &w->departed[i];
		if (d->cookie != cookie)
			continue;
		MEM_ROOM(w->moves, w->move_count, w->move_cap);
		w->moves[w->move_count++] =
		        (struct move){ d->root, r, d->path, mem_text(path), (mask & IN_ISDIR) != 0 };
		*d = (struct departed){ 0 };
		return;
	}
}

static void tell_moves(struct watcher *w)
{
	for (size_t i = 0; i < w->move_count; i++) {
		struct move *m = &w->moves[i];
		const struct file_ref from = { m->from->category, m->from_path }, to = { m->to->category, m->to_path };
		if (w->hooks.moved)
			w->hooks.moved(w->hooks.ctx, &from, &to, m->folder);
		free(m->from_path);
		free(m->to_path);
	}
	w->move_count = 0;
}

/* A folder that is no longer watched and of which its parent says nothing. */
static void tell_lost(struct watcher *w)
{
	void *value;
	for (size_t i = 0; map_next(&w->lost, &i, &value);) {
		struct pending *p = value;
		const struct folder *f = folder_at(w, p->root, p->path, false);
		if (f && f->wd < 0)
			w->hooks.rescan(w->hooks.ctx, p->root->category, p->path);
		free(p->path);
		free(p);
	}
	map_finish(&w->lost);
	w->lost = (struct map){ 0 };
}

static void tell(struct watcher *w)
{
	void *value;
	tell_moves(w);
	if (map_count(&w->lost))
		tell_lost(w);
	struct map hints = w->hints;
	w->hints = (struct map){ 0 };
	for (size_t i = 0; map_next(&hints, &i, &value);) {
		struct pending *p = value;
		w->hooks.hint(w->hooks.ctx, p->root->category, p->path, p->hint);
		free(p->path);
		free(p);
	}
	map_finish(&hints);
}

static void folder_event(struct watcher *w, struct folder *f, const char *path, const char *name, uint32_t mask)
{
	struct root *r = f->root;
	if (!wanted(w, r, path, true))
		return;
	uint32_t rescan = IN_MOVED_FROM | IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_ATTRIB; /* the last: readable now? */
	if (mask & (IN_MOVED_FROM | IN_DELETE)) {
		struct folder *gone = child_find(w, f, name, strlen(name));
		if (gone && gone->was_watched)
			rescan &= ~(uint32_t)IN_DELETE; /* it had to be empty: all that went from it was told before */
		if (gone)
			folder_drop(w, gone);
	}
	if (mask & rescan)
		w->hooks.rescan(w->hooks.ctx, r->category, path);
	/* A folder in the place of a file, or a file's name set free by a folder: the item's own name is concerned too.
	 */
	note(w, r, path, mask & (IN_CREATE | IN_MOVED_TO) ? IN_CREATE : mask);
}

/* A file made without a name (O_TMPFILE: our own, for one) is reported as '#' and its inode's number. It is never said to
 * be deleted or moved away: such news is of a real name. */
static bool nameless(struct watcher *w, const struct root *r, const char *name, const char *path)
{
	const struct file_ref file = { r->category, path };
	struct file_stat stat;
	return name[0] == '#' && name[1] && name[1 + strspn(name + 1, "0123456789")] == 0 &&
	       files_look(w->files, &file, &stat) == LOOK_ABSENT;
}

static void name_event(struct watcher *w, struct folder *f, const char *name, uint32_t mask, uint32_t cookie)
{
	char path[RELPATH_MAX + RELPATH_COMPONENT + 2];
	if (strncmp(name, RELPATH_TEMP, sizeof RELPATH_TEMP - 1) == 0)
		return;
	path_of(f, name, path);
	if (relpath_bad(path, strlen(path))) {
		if (relpath_deep(path) && mask & (IN_CREATE | IN_MOVED_TO)) { /* the scan tells of it */
			path_of(f, "", path);
			w->hooks.rescan(w->hooks.ctx, f->root->category, path);
		}
		return;
	}
	if (cookie && (mask & (IN_MOVED_FROM | IN_MOVED_TO)) && wanted(w, f->root, path, mask & IN_ISDIR))
		pair(w, f->root, path, mask, cookie);
	if (mask & IN_ISDIR)
		folder_event(w, f, path, name, mask);
	else if (!(mask & (IN_DELETE | IN_MOVED_FROM)) && nameless(w, f->root, name, path))
		return;
	else if (wanted(w, f->root, path, false))
		note(w, f->root, path, mask);
}

/* Something was lost: every folder but the roots is forgotten, and the scans watch them anew before reading them. */
static void overflow(struct watcher *w)
{
	void *value;
	forget_departed(w);
	for (size_t i = 0; map_next(&w->roots, &i, &value);) {
		struct root *r = value;
		while (r->top->below)
			folder_drop(w, r->top->below);
	}
	watcher_check_roots(w);
	for (size_t i = 0; map_next(&w->roots, &i, &value);)
		if (((struct root *)value)->there)
			w->hooks.rescan(w->hooks.ctx, ((struct root *)value)->category, "");
}

static void self_event(struct watcher *w, struct folder *f, uint32_t mask)
{
	if (!f->above) {
		root_gone(w, f->root,
		          mask & IN_UNMOUNT ? "its filesystem was unmounted" : "the folder was moved or deleted");
		watcher_check_roots(w); /* it may be back already */
	} else if (mask & (IN_IGNORED | IN_UNMOUNT)) { /* a move of a folder is told by its parent, by name */
		char path[RELPATH_MAX + RELPATH_COMPONENT + 2];
		path_of(f, "", path);
		unwatch(w, f, false);
		keep(&w->lost, f->root, path, NULL);
	}
}

static void event(struct watcher *w, const struct inotify_event *e, const char *name)
{
	if (e->mask & IN_Q_OVERFLOW) {
		overflow(w);
		return;
	}
	for (struct folder *f = map_find(&w->wds, &e->wd, sizeof e->wd), *next; f; f = next) {
		next = f->holder;
		if (*name)
			name_event(w, f, name, e->mask, e->cookie);
		else if (e->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED))
			self_event(w, f, e->mask);
		/* The handler may have dropped the next one too. */
		struct folder *held = map_find(&w->wds, &e->wd, sizeof e->wd);
		while (held && held != next)
			held = held->holder;
		next = held;
	}
}

void watcher_feed(struct watcher *w, const void *events, size_t len)
{
	const char *at = events, *end = at + len;
	while ((size_t)(end - at) >= sizeof(struct inotify_event)) {
		struct inotify_event e;
		memcpy(&e, at, sizeof e);
		at += sizeof e;
		if (e.len > (size_t)(end - at))
			break;
		event(w, &e, e.len ? at : "");
		at += e.len;
	}
	tell(w);
}

bool watcher_read(struct watcher *w)
{
	alignas(struct inotify_event) char bytes[WATCHER_READ];
	ssize_t got = w->fd < 0 ? 0 : 1;
	for (int i = 0; i < WATCHER_READS && got > 0; i++) {
		got = read(w->fd, bytes, WATCHER_READ);
		if (got > 0)
			watcher_feed(w, bytes, (size_t)got);
		else if (got < 0 && errno == EINTR)
			got = 1;
	}
	return got > 0;
}

#include "engine/io/inotify.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/relpath.h"

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
	struct folder *holder; /* next with the same wd */
};

struct root {
	char *category;
	struct folder *top;
	bool there, polling;
	bool remote; /* changes made elsewhere give no events here */
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

struct watcher {
	int fd;
	struct files *files;
	struct watcher_hooks hooks;
	struct map roots; /* category -> struct root */
	struct map wds;   /* int -> first struct folder */
	struct map names; /* parent's address and name -> struct folder */
	struct map hints; /* category NUL path -> struct pending, of this read */
	struct departed departed[DEPARTED_KEPT];
	size_t departed_next;
	struct move *moves; /* of this read */
	size_t move_count, move_cap;
	size_t watched;
};

struct watcher *watcher_create(struct files *files, const struct watcher_hooks *hooks, struct err *e)
{
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (fd < 0) {
		err_set(e, "watching", "raise fs.inotify.max_user_instances",
		        "the kernel gives no inotify instance: %s", strerror(errno));
		return NULL;
	}
	struct watcher *w = mem_alloc(sizeof *w);
	w->fd = fd;
	w->files = files;
	w->hooks = *hooks;
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

static void no_watch(struct watcher *w, struct root *r, int error)
{
	if (r->polling || error == ENOENT || error == ENOTDIR)
		return; /* vanished meanwhile: the scan finds that out */
	r->polling = true;
	if (w->hooks.polling)
		w->hooks.polling(w->hooks.ctx, r->category,
		                 error == ENOSPC
		                         ? "the limit on watched folders is reached (raise fs.inotify.max_user_watches)"
		                         : strerror(error));
}

static void watch(struct watcher *w, struct folder *f, int folder_fd)
{
	char self[40];
	/* By descriptor, so that it is this folder and no other, whatever its path leads to by now. */
	snprintf(self, sizeof self, "/proc/self/fd/%d", folder_fd);
	int wd = inotify_add_watch(w->fd, self, WATCHER_MASK);
	if (wd < 0) {
		no_watch(w, f->root, errno);
		return;
	}
	if (wd == f->wd)
		return;
	unwatch(w, f, true);
	f->wd = wd;
	f->holder = map_find(&w->wds, &wd, sizeof wd);
	map_put(&w->wds, &wd, sizeof wd, f);
	w->watched++;
}

void watcher_enter(struct watcher *w, const char *category, const char *folder, int folder_fd)
{
	struct root *r = root_find(w, category);
	if (!r || !r->there)
		return;
	if (!*folder && r->polling) {
		/* A full scan begins: perhaps there is room by now. */
		r->polling = false;
		watch(w, r->top, folder_fd);
		if (!r->polling && !r->remote && w->hooks.polling)
			w->hooks.polling(w->hooks.ctx, category, NULL);
		return;
	}
	if (!r->polling)
		watch(w, folder_at(w, r, folder, true), folder_fd);
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

/* Network and FUSE filesystems: inotify only tells what this machine does. */
static bool is_remote(int fd)
{
	static const unsigned long types[] = { 0x6969 /* NFS */,      0x517b /* SMB */,
		                               0xff534d42 /* CIFS */, 0xfe534d42 /* SMB2 */,
		                               0x65735546 /* FUSE */, 0x01021997 /* 9P */,
		                               0x00c36400 /* Ceph */, 0x5346414f /* AFS */ };
	struct statfs fs;
	if (fstatfs(fd, &fs))
		return false;
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if ((unsigned long)fs.f_type == types[i])
			return true;
	return false;
}

static void root_come(struct watcher *w, struct root *r)
{
	r->there = true;
	r->polling = false;
	r->remote = is_remote(files_root_fd(w->files, r->category));
	if (r->remote && w->hooks.polling)
		w->hooks.polling(w->hooks.ctx, r->category,
		                 "changes made elsewhere on a network or FUSE filesystem give no events");
	watch(w, r->top, files_root_fd(w->files, r->category));
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
		int before = files_root_fd(w->files, r->category);
		bool there = files_root_there(w->files, r->category, why);
		if (!there)
			root_gone(w, r, why);
		else if (!r->there)
			root_come(w, r);
		else if (files_root_fd(w->files, r->category) != before || (r->top->wd < 0 && !r->polling)) {
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
	free(w->moves);
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

bool watcher_is_polling(const struct watcher *w, const char *category)
{
	struct root *r = root_find(w, category);
	return r && (r->polling || r->remote);
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

/* The last word on a name wins, but for this: news of its metadata do not take back that its writer closed it. */
static void note(struct watcher *w, struct root *r, const char *path, uint32_t mask)
{
	enum hint hint = mask & (IN_DELETE | IN_MOVED_FROM)      ? HINT_GONE
	                 : mask & (IN_CLOSE_WRITE | IN_MOVED_TO) ? HINT_WRITTEN
	                                                         : HINT_TOUCHED;
	char key[CATEGORY_MAX + RELPATH_MAX + RELPATH_COMPONENT + 4];
	size_t len = (size_t)snprintf(key, sizeof key, "%s%c%s", r->category, 0, path);
	struct pending *p = map_find(&w->hints, key, len);
	if (!p) {
		p = mem_alloc(sizeof *p);
		p->root = r;
		p->path = mem_text(path);
		p->hint = hint;
		map_put(&w->hints, key, len, p);
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

static void tell(struct watcher *w)
{
	void *value;
	tell_moves(w);
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
	if (mask & (IN_MOVED_FROM | IN_DELETE)) {
		struct folder *gone = child_find(w, f, name, strlen(name));
		if (gone)
			folder_drop(w, gone);
	}
	if (mask &
	    (IN_MOVED_FROM | IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_ATTRIB)) /* the last: it may be readable now */
		w->hooks.rescan(w->hooks.ctx, r->category, path);
	/* A folder in the place of a file, or a file's name set free by a folder: the item's own name is concerned too.
	 */
	note(w, r, path, mask & (IN_CREATE | IN_MOVED_TO) ? IN_CREATE : mask);
}

/* A file made without a name (O_TMPFILE: our own, for one) is reported as '#' and its inode's number. */
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
	if (relpath_bad(path, strlen(path)))
		return;
	if (cookie && (mask & (IN_MOVED_FROM | IN_MOVED_TO)) && wanted(w, f->root, path, mask & IN_ISDIR))
		pair(w, f->root, path, mask, cookie);
	if (mask & IN_ISDIR)
		folder_event(w, f, path, name, mask);
	else if (nameless(w, f->root, name, path))
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
	} else if (mask & (IN_IGNORED | IN_UNMOUNT)) {
		unwatch(w, f, false); /* a move of a folder is told by its parent, by name */
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
	char *bytes = mem_alloc(WATCHER_READ);
	ssize_t got = 1;
	for (int i = 0; i < WATCHER_READS && got > 0; i++) {
		got = read(w->fd, bytes, WATCHER_READ);
		if (got > 0)
			watcher_feed(w, bytes, (size_t)got);
		else if (got < 0 && errno == EINTR)
			got = 1;
	}
	free(bytes);
	return got > 0;
}

#include "engine/io/files.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/relpath.h"
#include "engine/core/limits.h"
#include "engine/io/files_parts.h"
#include "sys/farfs.h"

#ifndef FUSE_SUPER_MAGIC
#define FUSE_SUPER_MAGIC 0x65735546
#endif
#ifndef XFS_SUPER_MAGIC
#define XFS_SUPER_MAGIC 0x58465342
#endif

struct files *files_create(const struct files_hooks *hooks)
{
	struct files *f = mem_alloc(sizeof *f);
	f->hooks = *hooks;
	f->part_bytes = LIMIT_PART_BYTES;
	files_large_init(&f->large);
	f->judged.fd = -1;
	f->umask = umask(0);
	umask(f->umask);
	/* A lease that somebody breaks is announced by SIGIO, which would end the process. */
	struct sigaction old;
	if (sigaction(SIGIO, NULL, &old) == 0 && old.sa_handler == SIG_DFL)
		signal(SIGIO, SIG_IGN);
	return f;
}

/* Nothing stays open below a root that goes: its filesystem may be about to be unmounted. */
static void let_go(struct files *f, const struct files_root *r)
{
	if (f->taking && strcmp(f->taking->category, r->category) == 0)
		files_take_drop(f);
	if (f->large.root == r)
		files_large_drop(f);
	if (f->judges && strcmp(f->judges->category, r->category) == 0)
		files_judge_drop(f);
}

static void root_free(struct files_root *r)
{
	if (r->fd >= 0)
		close(r->fd);
	free(r->category);
	free(r->given);
	free(r->path);
	free(r);
}

void files_destroy(struct files *f)
{
	void *value;
	if (!f)
		return;
	files_take_drop(f);
	files_large_drop(f);
	for (size_t i = 0; map_next(&f->temps, &i, &value);)
		files_temp_drop(f, value);
	for (size_t i = 0; map_next(&f->roots, &i, &value);)
		root_free(value);
	map_finish(&f->roots);
	map_finish(&f->temps);
	map_finish(&f->ways);
	map_finish(&f->deferred);
	free(f);
}

void files_seam(struct files *f, void (*at)(void *ctx, const char *point), void *ctx, unsigned poor)
{
	f->seam = at;
	f->seam_ctx = ctx;
	f->poor = poor;
}

void files_part_bytes(struct files *f, size_t bytes)
{
	f->part_bytes = bytes;
}

/* Roots */

bool files_add_root(struct files *f, const char *category, const char *path, const char *pin, struct err *e)
{
	if (relpath_bad_category(category, strlen(category)))
		return err_set(e, category, "", "not a category's name: it %s",
		               relpath_bad_category(category, strlen(category)));
	if (path[0] != '/')
		return err_set(e, path, "write the whole path, or start it with ~",
		               "the path of a category must be absolute");
	files_remove_root(f, category);
	struct files_root *r = mem_alloc(sizeof *r);
	r->category = mem_text(category);
	r->given = mem_text(path);
	r->fd = -1;
	snprintf(r->pin, sizeof r->pin, "%s", pin ? pin : "");
	map_put(&f->roots, category, strlen(category), r);
	files_root_there(f, category, NULL);
	return true;
}

void files_remove_root(struct files *f, const char *category)
{
	struct files_root *r = map_remove(&f->roots, category, strlen(category));
	if (!r)
		return;
	let_go(f, r);
	root_free(r);
}

/* What tells a folder from another one at the same place, also after a reboot: its inode and its filesystem's own id.
 * Filesystems that make one of the two up anew each time do not get it asked. */
static bool pin_of(int fd, char out[64])
{
	struct stat st;
	struct statfs fs;
	if (fstat(fd, &st) || fstatfs(fd, &fs))
		return false;
	unsigned fsid[2];
	memcpy(fsid, &fs.f_fsid, sizeof fsid);
	if (fs.f_type == XFS_SUPER_MAGIC)
		fsid[0] = fsid[1] = 0;
	snprintf(out, 64, "%llu:%08x%08x", fs.f_type == FUSE_SUPER_MAGIC ? 0ull : (unsigned long long)st.st_ino,
	         fsid[0], fsid[1]);
	return true;
}

static bool root_gone(struct files *f, struct files_root *r, const char *why)
{
	if (r->fd >= 0)
		close(r->fd);
	r->fd = -1;
	let_go(f, r);
	snprintf(r->why, sizeof r->why, "%s", why);
	return false;
}

/* The time of birth; 0: its filesystem does not tell. While nothing holds a folder that was removed, another one may get its
 * inode number. */
static int64_t born_of(int fd)
{
	struct statx x;
	if (statx(fd, "", AT_EMPTY_PATH, STATX_BTIME, &x) || !(x.stx_mask & STATX_BTIME))
		return 0;
	return x.stx_btime.tv_sec * 1000000000LL + x.stx_btime.tv_nsec;
}

static bool born_then(const struct files_root *r, int64_t born_ns)
{
	return !born_ns || !r->born_ns || born_ns == r->born_ns;
}

/* What is not the same folder any more is left to root_there. */
static void wake(struct files_root *r)
{
	struct stat st;
	if (!r->rests)
		return;
	r->rests = false;
	int fd = open(r->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0 && st.st_dev == r->dev && st.st_ino == r->ino && born_then(r, born_of(fd)))
		r->fd = fd;
	else
		close(fd);
}

static bool root_shut(struct files *f, struct files_root *r)
{
	bool missing = errno == ENOENT;
	char why[96];
	snprintf(why, sizeof why, "the folder cannot be opened: %s", strerror(errno));
	return root_gone(f, r, missing ? "the folder is not there" : why);
}

static bool root_there(struct files *f, struct files_root *r)
{
	struct stat st;
	wake(r);
	if (r->fd >= 0 && stat(r->path, &st) == 0 && st.st_dev == r->dev && st.st_ino == r->ino)
		return true;
	char *path = realpath(r->given, NULL);
	if (!path)
		return root_shut(f, r);
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK);
	char pin[64];
	if (fd < 0 || fstat(fd, &st) || !pin_of(fd, pin)) {
		root_shut(f, r);
		if (fd >= 0)
			close(fd);
		free(path);
		return false;
	}
	int64_t born_ns = born_of(fd);
	if (r->pin[0] && (strcmp(r->pin, pin) != 0 || !born_then(r, born_ns))) {
		close(fd);
		free(path);
		return root_gone(f, r, "another folder is there than when the category was added (not mounted?)");
	}
	if (r->fd >= 0)
		close(r->fd);
	r->fd = -1;
	let_go(f, r);
	free(r->path);
	*r = (struct files_root){ .category = r->category,
		                  .given = r->given,
		                  .path = path,
		                  .fd = fd,
		                  .dev = st.st_dev,
		                  .ino = st.st_ino,
		                  .born_ns = born_ns,
		                  .opened = ++f->opened,
		                  .far = f->poor & FILES_FAR || farfs_of(fd),
		                  .names_dirty = r->names_dirty,
		                  .stage_dirty = r->stage_dirty };
	memcpy(r->pin, pin, sizeof r->pin);
	return true;
}

bool files_root_far(struct files *f, const char *category)
{
	const struct files_root *r = map_find(&f->roots, category, strlen(category));
	return r && r->far;
}

struct files_root *files_root_find(struct files *f, const char *category, bool look_again)
{
	struct files_root *r = map_find(&f->roots, category, strlen(category));
	if (!r || (look_again || r->rests ? !root_there(f, r) : r->fd < 0))
		return NULL;
	return r;
}

bool files_root_there(struct files *f, const char *category, char why[160])
{
	struct files_root *r = map_find(&f->roots, category, strlen(category));
	bool there = r && root_there(f, r);
	if (why)
		snprintf(why, 160, "%s", there ? "" : r ? r->why : "no such category");
	return there;
}

bool files_root_pin(struct files *f, const char *category, char out[64])
{
	struct files_root *r = map_find(&f->roots, category, strlen(category));
	snprintf(out, 64, "%s", r ? r->pin : "");
	return out[0] != 0;
}

int files_root_fd(struct files *f, const char *category)
{
	struct files_root *r = files_root_find(f, category, false);
	return r ? r->fd : -1;
}

uint64_t files_root_opened(struct files *f, const char *category)
{
	struct files_root *r = files_root_find(f, category, false);
	return r ? r->opened : 0;
}

void files_rest(struct files *f)
{
	void *value;
	if (f->taking || f->large.root || f->judges)
		return;
	for (size_t i = 0; map_next(&f->roots, &i, &value);) {
		struct files_root *r = value;
		if (r->fd < 0 || r->names_dirty || r->stage_dirty)
			continue;
		close(r->fd);
		r->fd = -1;
		r->rests = true;
	}
}

const char *files_root_path(struct files *f, const char *category)
{
	struct files_root *r = map_find(&f->roots, category, strlen(category));
	return r ? (r->path ? r->path : r->given) : NULL;
}

/* Folders */

void files_split(const char *path, char folder[4097], const char **name)
{
	const char *slash = strrchr(path, '/');
	size_t len = slash ? (size_t)(slash - path) : 0;
	if (len > RELPATH_MAX)
		len = RELPATH_MAX; /* cannot be: relpath.h bounds it */
	memcpy(folder, path, len);
	folder[len] = 0;
	*name = slash ? slash + 1 : path;
}

/* Without openat2: one component at a time; O_NOFOLLOW refuses links, the device number mounts. */
static int open_slowly(int at, const char *folder, int flags)
{
	struct stat root, st;
	int fd = openat(at, ".", flags | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &root)) {
		if (fd >= 0)
			close(fd);
		return -1;
	}
	for (const char *from = folder; *from;) {
		const char *slash = strchrnul(from, '/');
		char name[RELPATH_COMPONENT + 1];
		size_t len = (size_t)(slash - from);
		int next = -1;
		errno = ENAMETOOLONG;
		if (len <= RELPATH_COMPONENT) {
			memcpy(name, from, len);
			name[len] = 0;
			next = openat(fd, name, (*slash ? O_PATH : flags) | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		}
		int saved = errno;
		close(fd);
		errno = saved;
		if (next < 0)
			return -1;
		fd = next;
		if (fstat(fd, &st) || st.st_dev != root.st_dev) {
			close(fd);
			errno = EXDEV;
			return -1;
		}
		from = *slash ? slash + 1 : slash;
	}
	return fd;
}

int files_open_below(struct files *f, int at, const char *folder, int flags)
{
	if (!(f->poor & FILES_NO_OPENAT2)) {
		struct open_how how = { .flags = (unsigned)(flags | O_DIRECTORY | O_CLOEXEC),
			                .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS |
			                           RESOLVE_NO_XDEV };
		int fd = (int)syscall(SYS_openat2, at, *folder ? folder : ".", &how, sizeof how);
		if (fd >= 0 || (errno != ENOSYS && errno != EPERM))
			return fd;
		f->poor |= errno == ENOSYS ? FILES_NO_OPENAT2
		                           : 0; /* EPERM: a container's filter says so for unknown calls */
	}
	return open_slowly(at, folder, flags);
}

int files_open_folder(struct files *f, const char *category, const char *folder)
{
	struct files_root *r = files_root_find(f, category, false);
	if (!r) {
		errno = ESTALE;
		return -1;
	}
	return files_open_below(f, r->fd, folder, O_RDONLY);
}

/* Looking */

bool files_stat_of(const struct stat *st, struct file_stat *out)
{
	*out = (struct file_stat){
		.size = (uint64_t)st->st_size,
		.mtime_ns = st->st_mtim.tv_sec * 1000000000LL + st->st_mtim.tv_nsec,
		.ctime_ns = st->st_ctim.tv_sec * 1000000000LL + st->st_ctim.tv_nsec,
		.inode = st->st_ino,
	};
	if (S_ISLNK(st->st_mode))
		out->meta = META_LINK;
	else if (S_ISREG(st->st_mode))
		out->meta = (uint8_t)((st->st_mode & S_IXUSR ? META_EXEC : 0) |
		                      (st->st_mode & (S_IRGRP | S_IROTH) ? 0 : META_PRIVATE));
	else
		return false;
	return true;
}

/* A name that cannot be reached because a parent is missing, a file or a link is not there; other errors tell nothing.
 */
static enum look look_of(int error)
{
	return error == ENOENT || error == ENOTDIR || error == ELOOP || error == ENAMETOOLONG ? LOOK_ABSENT
	                                                                                      : LOOK_ERROR;
}

static enum look stat_at(int dir, const char *name, struct file_stat *stat)
{
	struct stat st;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT || errno == ENAMETOOLONG ? LOOK_ABSENT : LOOK_ERROR;
	if (!files_stat_of(&st, stat))
		return LOOK_OTHER;
	return stat->size > LIMIT_ITEM_BYTES ? LOOK_TOO_LARGE : LOOK_FILE;
}

static enum look read_link(int dir, const char *name, size_t size, struct blob *content)
{
	content->data = mem_alloc(size + 2);
	ssize_t got = readlinkat(dir, name, (char *)content->data, size + 1);
	if (got < 0)
		return errno == EINVAL || errno == ENOENT ? LOOK_BUSY : LOOK_ERROR;
	content->len = (size_t)got;
	return content->len == size ? LOOK_FILE : LOOK_BUSY;
}

int files_open_file(int dir, const char *name)
{
	return openat(dir, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC);
}

/* The file that was looked at: LOOK_FILE with its descriptor, or why not. */
static enum look open_seen(int dir, const char *name, const struct file_stat *seen, int *fd)
{
	struct stat st;
	struct file_stat opened;
	*fd = files_open_file(dir, name);
	if (*fd < 0)
		return errno == ENOENT || errno == ELOOP || errno == ENXIO ? LOOK_BUSY : LOOK_ERROR;
	if (fstat(*fd, &st) == 0 && S_ISREG(st.st_mode) && files_stat_of(&st, &opened) && file_stat_equal(&opened, seen))
		return LOOK_FILE;
	close(*fd);
	return LOOK_BUSY;
}

static enum look read_file(int dir, const char *name, const struct file_stat *stat, struct blob *content)
{
	struct stat st;
	struct file_stat after;
	int fd;
	enum look look = open_seen(dir, name, stat, &fd);
	if (look != LOOK_FILE)
		return look;
	look = LOOK_BUSY;
	content->data = mem_alloc(stat->size + 1);
	for (ssize_t got = 1; got > 0;) { /* one byte more than its size, to see that it ends there */
		got = read(fd, content->data + content->len, stat->size + 1 - content->len);
		if (got < 0 && errno == EINTR)
			got = 1;
		else if (got < 0)
			look = LOOK_ERROR;
		else
			content->len += (size_t)got;
		if (content->len > stat->size)
			break;
	}
	if (look != LOOK_ERROR && content->len == stat->size && fstat(fd, &st) == 0 && files_stat_of(&st, &after) &&
	    file_stat_equal(stat, &after))
		look = LOOK_FILE;
	close(fd);
	return look;
}

enum look files_take_at(struct files *f, int dir, const char *name, struct file_stat *stat, struct blob *content)
{
	(void)f;
	struct file_stat after;
	if (content)
		*content = (struct blob){ 0 };
	enum look look = stat_at(dir, name, stat);
	if (look != LOOK_FILE || !content)
		return look;
	look = stat->meta & META_LINK ? read_link(dir, name, stat->size, content) : read_file(dir, name, stat, content);
	if (look == LOOK_FILE && (stat_at(dir, name, &after) != LOOK_FILE || !file_stat_equal(stat, &after)))
		look = LOOK_BUSY; /* another file has the name by now */
	if (look != LOOK_FILE)
		blob_finish(content);
	return look;
}

void files_take_drop(struct files *f)
{
	struct files_taking *t = f->taking;
	if (!t)
		return;
	f->taking = NULL;
	close(t->fd);
	free(t->category);
	free(t->path);
	free(t);
}

static bool is_taken(const struct files *f, const struct file_ref *ref)
{
	return f->taking && strcmp(f->taking->path, ref->path) == 0 && strcmp(f->taking->category, ref->category) == 0;
}

/* Open from the first part to the last: so no other file can come to its inode's number meanwhile. */
static enum look take_begin(struct files *f, const struct file_ref *ref, int dir, const char *name,
                            const struct file_stat *stat, struct blob *content)
{
	int fd;
	files_take_drop(f);
	enum look look = open_seen(dir, name, stat, &fd);
	if (look != LOOK_FILE)
		return look;
	f->taking = mem_alloc(sizeof *f->taking);
	*f->taking = (struct files_taking){ .fd = fd, .category = mem_text(ref->category), .path = mem_text(ref->path),
		                            .stat = *stat };
	blob_finish(content);
	content->data = mem_grow(NULL, stat->size + 1, 1);
	return LOOK_MORE;
}

/* The next part; behind the last one, there is one byte less than is asked for. */
static enum look take_part(struct files *f, int dir, const char *name, struct blob *content)
{
	struct files_taking *t = f->taking;
	struct stat st;
	struct file_stat after;
	size_t until = t->stat.size - content->len > f->part_bytes ? content->len + f->part_bytes : t->stat.size + 1;
	for (ssize_t got = 1; got && content->len < until;) {
		got = read(t->fd, content->data + content->len, until - content->len);
		if (got < 0 && errno != EINTR)
			return LOOK_ERROR;
		content->len += got > 0 ? (size_t)got : 0;
	}
	t->len = content->len;
	if (content->len == until && until <= t->stat.size)
		return LOOK_MORE;
	return content->len == t->stat.size && fstat(t->fd, &st) == 0 && files_stat_of(&st, &after) &&
	                       file_stat_equal(&t->stat, &after) && stat_at(dir, name, &after) == LOOK_FILE &&
	                       file_stat_equal(&t->stat, &after)
	               ? LOOK_FILE
	               : LOOK_BUSY;
}

/* What the name holds, by parts where it is large. It must be one and the same file, as it was, from first to last. */
static enum look take_in_parts(struct files *f, const struct file_ref *ref, int dir, const char *name,
                               struct file_stat *stat, struct blob *content)
{
	enum look look = stat_at(dir, name, stat);
	bool goes_on = is_taken(f, ref) && content->len && content->len == f->taking->len;
	if (goes_on && (look != LOOK_FILE || !file_stat_equal(&f->taking->stat, stat)))
		return look == LOOK_FILE ? LOOK_BUSY : look;
	if (look != LOOK_FILE)
		return look;
	if (stat->meta & META_LINK || stat->size <= f->part_bytes) {
		blob_finish(content);
		return files_take_at(f, dir, name, stat, content);
	}
	if (!goes_on)
		look = take_begin(f, ref, dir, name, stat, content);
	return goes_on || look == LOOK_MORE ? take_part(f, dir, name, content) : look;
}

static enum look look_at(struct files *f, const struct file_ref *ref, struct file_stat *stat, struct blob *content)
{
	struct files_root *r = files_root_find(f, ref->category, true);
	char folder[RELPATH_MAX + 1];
	const char *name;
	*stat = (struct file_stat){ 0 };
	if (!r)
		return LOOK_ROOT_GONE;
	if (relpath_bad(ref->path, strlen(ref->path)))
		return LOOK_ERROR;
	files_split(ref->path, folder, &name);
	int dir = files_open_below(f, r->fd, folder, O_PATH);
	enum look look = dir < 0   ? look_of(errno)
	                 : content ? take_in_parts(f, ref, dir, name, stat, content)
	                           : stat_at(dir, name, stat);
	if (dir >= 0)
		close(dir);
	if (r->far)
		stat->inode = 0;
	/* An absence counts only while the root is still the one that was asked. */
	if (look == LOOK_ABSENT && !files_root_find(f, ref->category, true))
		return LOOK_ROOT_GONE;
	return look;
}

enum look files_look(struct files *f, const struct file_ref *ref, struct file_stat *stat)
{
	return look_at(f, ref, stat, NULL);
}

enum look files_take(struct files *f, const struct file_ref *ref, struct file_stat *stat, struct blob *content)
{
	enum look look = look_at(f, ref, stat, content);
	if (look != LOOK_MORE && is_taken(f, ref))
		files_take_drop(f);
	if (look != LOOK_FILE && look != LOOK_MORE)
		blob_finish(content);
	return look;
}

size_t files_peek(struct files *f, const struct file_ref *ref, void *out, size_t len)
{
	struct files_root *r = files_root_find(f, ref->category, false);
	char folder[RELPATH_MAX + 1];
	const char *name;
	struct stat st;
	ssize_t got = 0;
	if (!r || relpath_bad(ref->path, strlen(ref->path)))
		return 0;
	files_split(ref->path, folder, &name);
	int dir = files_open_below(f, r->fd, folder, O_PATH);
	if (dir < 0)
		return 0;
	int fd = -1;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
		fd = files_open_file(dir, name);
	if (fd >= 0) {
		if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
			got = read(fd, out, len);
		close(fd);
	}
	close(dir);
	return got > 0 ? (size_t)got : 0;
}

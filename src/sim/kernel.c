#include "sim/kernel.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/relpath.h"
#include "sim/judge.h"
#include "sim/person.h"
#include "sim/simnode.h"

#define FD_FIRST 1000000 /* the real kernel knows none of these */
#define FD_MOST  64
#define CALL_US  5
#define TICK_NS  4000000LL /* file times move in steps, as the kernel's do */
#define RACES_US 400000    /* people are not quicker than that, each time */

static struct simnode *self; /* whose calls these are */

void kernel_use(struct simnode *n)
{
	self = n;
}

int64_t kernel_file_time(const struct simnode *n)
{
	int64_t ns = simnode_wall_ms(n) * 1000000LL + (int64_t)(n->cl->now_us % 1000) * 1000;
	return ns - ns % TICK_NS;
}

/* ---- fate ---- */

bool kernel_enter(struct simnode *n)
{
	struct cluster *cl = n->cl;
	if (n->dying)
		return false;
	cl->tally.steps++;
	if (cluster_strikes(cl, FAULT_kill, n))
		n->dying = DEATH_KILL;
	else if (cluster_strikes(cl, FAULT_power, n))
		n->dying = DEATH_POWER;
	return !n->dying;
}

/* While a file is replaced people may be in the way at every step, else now and then. */
static void race(struct simnode *n)
{
	struct cluster *cl = n->cl;
	struct simkernel *k = &n->kernel;
	bool placing = k->placing;
	if ((!placing && ++k->calls % 16) || cl->now_us < n->raced_us + RACES_US || !cluster_strikes(cl, FAULT_race, n))
		return;
	n->raced_us = cl->now_us;
	cl->tally.races++;
	k->placing = false;
	n->dice = chance_of(CHANCE_FAULTS + FAULT_race, n->index);
	person_edit(n, n->near);
	k->placing = placing;
}

/* The beginning of every call of the engine; the errors that it may be given. True: errno is set. */
static bool fails(const char *call, const int *errors, unsigned count)
{
	struct simnode *n = self;
	n->kernel.spent_us += CALL_US;
	if (!kernel_enter(n)) {
		errno = EIO;
		return true;
	}
	race(n);
	if (!count || !cluster_strikes(n->cl, FAULT_call_error, n))
		return false;
	int number = errors[cluster_drawn(n->cl, FAULT_call_error, n, count)];
	cluster_note(n->cl, "%s: that is %s, error %d", n->name, call, number);
	errno = number;
	return true;
}
#define FAILS(...) fails(__func__, (const int[]){ __VA_ARGS__ }, sizeof(int[]){ __VA_ARGS__ } / sizeof(int))

static int error(int number)
{
	errno = number;
	return -1;
}

/* ---- events ---- */

static void enqueue(struct simnode *n, int watch, uint32_t mask, uint32_t cookie, const char *name)
{
	struct simkernel *k = &n->kernel;
	struct cluster *cl = n->cl;
	struct simnotice *last = k->queue_count ? &k->queue[k->queue_count - 1] : NULL;
	if (last && last->mask == IN_Q_OVERFLOW)
		return;
	if (last && last->watch == watch && last->mask == mask && last->cookie == cookie &&
	    strcmp(last->name ? last->name : "", name ? name : "") == 0)
		return;
	bool full = k->queue_count >= k->queue_most || cluster_strikes(cl, FAULT_hint_lost, n);
	MEM_ROOM(k->queue, k->queue_count, k->queue_cap);
	if (full) {
		cl->tally.hints_lost++;
		k->queue[k->queue_count++] = (struct simnotice){ -1, IN_Q_OVERFLOW, 0, NULL };
	} else {
		k->queue[k->queue_count++] = (struct simnotice){ watch, mask, cookie, mem_text(name) };
	}
	n->hints = (unsigned)k->queue_count;
	if (k->queue_count > 1)
		return;
	k->ready_us = cl->now_us + 20 + chance_below(&cl->chance, chance_of(CHANCE_DISK, n->index), 2000);
	if (cluster_strikes(cl, FAULT_hint_late, n))
		k->ready_us += cluster_drawn(cl, FAULT_hint_late, n, 1000000);
	simnode_wake(n, k->ready_us);
}

static void tell_name(struct simnode *n, const struct simname *s, uint32_t mask, uint32_t cookie)
{
	if (s && s->folder->watch && !n->kernel.mute)
		enqueue(n, s->folder->watch, mask, cookie, s->name);
}

static void tell_file(struct simnode *n, const struct siminode *i, uint32_t mask)
{
	tell_name(n, i->self, i->kind == SIM_FOLDER ? mask | IN_ISDIR : mask, 0);
}

static void unwatch(struct simnode *n, struct siminode *folder, uint32_t mask)
{
	struct simkernel *k = &n->kernel;
	size_t at = 0;
	if (!folder->watch)
		return;
	if (mask)
		enqueue(n, folder->watch, mask, 0, NULL);
	enqueue(n, folder->watch, IN_IGNORED, 0, NULL);
	while (at < k->watch_count && k->watches[at].folder != folder)
		at++;
	k->watches[at] = k->watches[--k->watch_count];
	folder->watch = 0;
}

/* ---- acts ---- */

/* The engine changed what a person sees here; what of it lasts is only known at the commit. */
static void changed(struct simnode *n, const struct simname *s)
{
	if (n->kernel.placing && strncmp(s->name, RELPATH_TEMP, sizeof RELPATH_TEMP - 1) != 0) {
		struct simfile *f = simdisk_seat(&n->disk, s);
		struct id holds = f ? simnode_version(n, f) : (struct id){ 0 };
		if (f)
			simnode_fresh(n, f);
		if (f && f != n->near) /* a person renamed its folder meanwhile: there it goes on, as part of what was renamed */
			witness_hold(&n->cl->witness, n->index, f->number, &holds);
	}
}

static void shown(const struct simname *s)
{
	if (s->now && strncmp(s->name, RELPATH_TEMP, sizeof RELPATH_TEMP - 1) != 0)
		s->now->shown = true;
}

int kernel_make(struct simnode *n, struct siminode *folder, const char *name, enum simkind kind, mode_t mode,
                struct siminode **out)
{
	if (folder->fixed)
		return EROFS;
	if (!n->disk.room)
		return ENOSPC;
	struct simname *s = simdisk_name(&n->disk, folder, name, true);
	if (s->now)
		return EEXIST;
	struct siminode *i = simdisk_make(&n->disk, kind, mode, kernel_file_time(n));
	struct simset set = { s, i };
	simdisk_set(&n->disk, &set, 1);
	shown(s);
	changed(n, s);
	tell_name(n, s, kind == SIM_FOLDER ? IN_CREATE | IN_ISDIR : IN_CREATE, 0);
	*out = i;
	simdisk_drop(&n->disk, i);
	return 0;
}

int kernel_remove(struct simnode *n, struct simname *s)
{
	struct siminode *i = s->now;
	if (!i)
		return ENOENT;
	if (s->folder->fixed)
		return EROFS;
	if (i->kind == SIM_FOLDER && simdisk_live(i))
		return ENOTEMPTY;
	if (self == n && n->kernel.placing && i->links == 1)
		simnode_destroys(n, i);
	i->refs++;
	struct simset set = { s, NULL };
	simdisk_set(&n->disk, &set, 1);
	changed(n, s);
	tell_name(n, s, i->kind == SIM_FOLDER ? IN_DELETE | IN_ISDIR : IN_DELETE, 0);
	if (i->kind == SIM_FOLDER)
		unwatch(n, i, IN_DELETE_SELF);
	simdisk_drop(&n->disk, i);
	return 0;
}

static void tell_move(struct simnode *n, const struct simname *from, const struct simname *to, const struct siminode *i)
{
	uint32_t folder = i->kind == SIM_FOLDER ? IN_ISDIR : 0, cookie = ++n->kernel.cookie_last;
	tell_name(n, from, IN_MOVED_FROM | folder, cookie);
	tell_name(n, to, IN_MOVED_TO | folder, cookie);
	if (i->watch && !n->kernel.mute)
		enqueue(n, i->watch, IN_MOVE_SELF, 0, NULL);
}

int kernel_move(struct simnode *n, struct simname *from, struct simname *to, bool exchange)
{
	struct siminode *i = from->now, *over = to->now;
	if (!i || (exchange && !over))
		return ENOENT;
	if (from->folder->fixed || to->folder->fixed)
		return EROFS;
	if (i == over)
		return 0;
	if (over && !exchange && over->kind == SIM_FOLDER)
		return i->kind != SIM_FOLDER ? EISDIR : simdisk_live(over) ? ENOTEMPTY : EEXIST;
	if (over && !exchange && i->kind == SIM_FOLDER)
		return ENOTDIR;
	if (self == n && n->kernel.placing && over && !exchange && over->links == 1)
		simnode_destroys(n, over);
	struct simset set[2] = { { from, exchange ? over : NULL }, { to, i } };
	simdisk_set(&n->disk, set, 2);
	int64_t now = kernel_file_time(n);
	i->ctime_ns = now;
	simdisk_dirty(&n->disk, i);
	if (exchange) {
		over->ctime_ns = now;
		simdisk_dirty(&n->disk, over);
		shown(from);
	}
	shown(to);
	changed(n, from);
	changed(n, to);
	tell_move(n, from, to, i);
	if (exchange)
		tell_move(n, to, from, over);
	return 0;
}

void kernel_write(struct simnode *n, struct siminode *i, struct blob content)
{
	simdisk_put(&n->disk, i, content, kernel_file_time(n));
	i->changes++;
	i->ours = false;
	tell_file(n, i, IN_MODIFY);
}

void kernel_close(struct simnode *n, struct siminode *i)
{
	tell_file(n, i, IN_CLOSE_WRITE);
}

void kernel_mode(struct simnode *n, struct siminode *i, mode_t mode)
{
	i->mode = mode;
	i->ctime_ns = kernel_file_time(n);
	i->ours = false;
	simdisk_dirty(&n->disk, i);
	tell_file(n, i, IN_ATTRIB);
}

void kernel_touch(struct simnode *n, struct siminode *i, int64_t mtime_ns)
{
	i->mtime_ns = mtime_ns;
	i->ctime_ns = kernel_file_time(n);
	simdisk_dirty(&n->disk, i);
	tell_file(n, i, IN_ATTRIB);
}

/* ---- descriptors ---- */

static struct simfd *fd_of(int fd)
{
	size_t at = (size_t)(fd - FD_FIRST);
	struct simkernel *k = &self->kernel;
	return fd >= FD_FIRST && at < k->fd_count && k->fds[at].node ? &k->fds[at] : NULL;
}

static int fd_new(struct siminode *i, struct simname *name, bool write)
{
	struct simkernel *k = &self->kernel;
	size_t at = 0;
	while (at < k->fd_count && k->fds[at].node)
		at++;
	if (at == k->fd_count) {
		MEM_ROOM(k->fds, k->fd_count, k->fd_cap);
		k->fd_count++;
	}
	k->fds[at] = (struct simfd){ .node = i, .name = name, .write = write };
	i->refs++;
	if (++k->fd_open > FD_MOST)
		cluster_break(self->cl, "I8", "%s has %zu descriptors open", self->name, k->fd_open);
	return FD_FIRST + (int)at;
}

static void fd_free(struct simnode *n, struct simfd *f)
{
	struct siminode *i = f->node;
	*f = (struct simfd){ 0 };
	n->kernel.fd_open--;
	simdisk_drop(&n->disk, i);
}

int kernel_close_fd(int fd)
{
	struct simfd *f = fd_of(fd);
	if (!f)
		return error(EBADF);
	self->kernel.spent_us++;
	if (f->wrote && !self->dying)
		tell_file(self, f->node, IN_CLOSE_WRITE);
	fd_free(self, f);
	return 0;
}

/* Where a name begins: a descriptor, or the top for whole paths. */
static struct siminode *start_of(int dir, const char *path)
{
	if (*path == '/')
		return self->disk.top;
	struct simfd *f = fd_of(dir);
	return f ? f->node : NULL;
}

/* A name in an open folder. 0 or an errno. */
static int name_of(int dir, const char *name, bool make, struct simname **out)
{
	struct simfd *f = fd_of(dir);
	if (!f)
		return EBADF;
	if (f->node->kind != SIM_FOLDER)
		return ENOTDIR;
	if (strlen(name) > RELPATH_COMPONENT)
		return ENAMETOOLONG;
	if (f->node->denied)
		return EACCES;
	if (make && !f->node->links && f->node != self->disk.top)
		return ENOENT; /* the folder was removed */
	*out = simdisk_name(&self->disk, f->node, name, make);
	return 0;
}

static int open_at(struct siminode *from, const char *path, int flags, mode_t mode)
{
	struct siminode *i;
	if (!from)
		return error(EBADF);
	if ((flags & O_TMPFILE) == O_TMPFILE) {
		if (from->fixed)
			return error(EROFS);
		i = simdisk_make(&self->disk, SIM_FILE, mode, kernel_file_time(self));
		i->ours = true;
		int fd = fd_new(i, NULL, true);
		simdisk_drop(&self->disk, i);
		return fd;
	}
	if (flags & O_CREAT) {
		int failed = kernel_make(self, from, path, SIM_FILE, mode, &i);
		if (failed)
			return error(failed);
		i->ours = true;
		return fd_new(i, i->self, true);
	}
	int failed = simdisk_walk(&self->disk, from, path, &i);
	if (failed)
		return error(failed);
	if ((flags & O_DIRECTORY) && i->kind != SIM_FOLDER)
		return error(i->kind == SIM_LINK ? ELOOP : ENOTDIR);
	if (!(flags & O_PATH) && i->kind == SIM_LINK)
		return error(ELOOP);
	if (!(flags & O_PATH) && i->denied)
		return error(EACCES);
	return fd_new(i, i->self, false);
}

int kernel_open(const char *path, int flags, ...)
{
	if (FAILS(EIO, EMFILE, ENFILE, EINTR))
		return -1;
	return open_at(self->disk.top, path, flags, 0);
}

int kernel_openat(int dir, const char *name, int flags, ...)
{
	mode_t mode = 0;
	if (flags & (O_CREAT | __O_TMPFILE)) {
		va_list args;
		va_start(args, flags);
		mode = (mode_t)va_arg(args, unsigned);
		va_end(args);
	}
	if (FAILS(EIO, EMFILE, ENFILE, EINTR))
		return -1;
	return open_at(start_of(dir, name), name, flags, mode);
}

long kernel_syscall(long number, ...)
{
	va_list args;
	va_start(args, number);
	int dir = va_arg(args, int);
	const char *path = va_arg(args, const char *);
	const struct open_how *how = va_arg(args, const struct open_how *);
	va_end(args);
	if (number != SYS_openat2)
		abort();
	if (FAILS(EIO, EMFILE, ENFILE, EINTR))
		return -1;
	return open_at(start_of(dir, path), path, (int)how->flags, 0);
}

/* ---- reading ---- */

static void fill(const struct siminode *i, struct stat *st)
{
	static const mode_t kinds[] = { S_IFREG, S_IFLNK, S_IFDIR };
	static bool asked;
	static uid_t uid;
	static gid_t gid;
	if (!asked) { /* the real kernel, once */
		uid = geteuid();
		gid = getegid();
		asked = true;
	}
	*st = (struct stat){ .st_dev = 1,
		             .st_ino = i->number,
		             .st_nlink = i->links,
		             .st_mode = kinds[i->kind] | (i->kind == SIM_LINK ? 0777 : i->mode),
		             .st_uid = uid,
		             .st_gid = gid,
		             .st_size = (off_t)i->content.len };
	int64_t times[2] = { i->mtime_ns, i->ctime_ns };
	struct timespec *out[2] = { &st->st_mtim, &st->st_ctim };
	for (int k = 0; k < 2; k++) {
		int64_t rest = times[k] % 1000000000, second = times[k] / 1000000000;
		*out[k] = (struct timespec){ rest < 0 ? second - 1 : second, rest < 0 ? rest + 1000000000 : rest };
	}
}

int kernel_stat(const char *path, struct stat *st)
{
	struct siminode *i;
	if (FAILS(EIO))
		return -1;
	int failed = simdisk_walk(&self->disk, self->disk.top, path, &i);
	if (failed)
		return error(failed);
	fill(i, st);
	return 0;
}

int kernel_fstat(int fd, struct stat *st)
{
	if (FAILS(EIO))
		return -1;
	struct simfd *f = fd_of(fd);
	if (!f)
		return error(EBADF);
	fill(f->node, st);
	return 0;
}

int kernel_fstatat(int dir, const char *name, struct stat *st, int flags)
{
	struct simname *s = NULL;
	(void)flags;
	if (FAILS(EIO))
		return -1;
	int failed = name_of(dir, name, false, &s);
	if (failed)
		return error(failed);
	if (!s || !s->now)
		return error(ENOENT);
	fill(s->now, st);
	return 0;
}

int kernel_statx(int dir, const char *name, int flags, unsigned mask, struct statx *out)
{
	(void)dir, (void)name, (void)flags, (void)mask;
	*out = (struct statx){ 0 };
	return 0;
}

int kernel_fstatfs(int fd, struct statfs *fs)
{
	if (!fd_of(fd))
		return error(EBADF);
	*fs = (struct statfs){ .f_type = 0xef53 };
	return 0;
}

char *kernel_realpath(const char *path, char *out)
{
	struct siminode *i;
	(void)out;
	if (FAILS(EIO))
		return NULL;
	int failed = simdisk_walk(&self->disk, self->disk.top, path, &i);
	if (!failed)
		return mem_text(path);
	errno = failed;
	return NULL;
}

ssize_t kernel_readlinkat(int dir, const char *name, char *out, size_t len)
{
	struct simname *s = NULL;
	if (FAILS(EIO))
		return -1;
	int failed = name_of(dir, name, false, &s);
	if (failed || !s || !s->now || s->now->kind != SIM_LINK)
		return error(failed ? failed : !s || !s->now ? ENOENT : EINVAL);
	struct span target = span_blob(&s->now->content);
	len = len < target.len ? len : target.len;
	memcpy(out, target.data, len);
	return (ssize_t)len;
}

static ssize_t read_events(void *out, size_t len)
{
	struct simnode *n = self;
	struct simkernel *k = &n->kernel;
	char *at = out;
	size_t used = 0, done = 0;
	if (k->queue_count && n->cl->now_us < k->ready_us)
		return error(EAGAIN);
	size_t most =
		k->queue_count - (size_t)chance_below(&n->cl->chance, chance_of(CHANCE_DISK, n->index), k->queue_count);
	while (done < k->queue_count && done < most) {
		struct simnotice *q = &k->queue[done];
		size_t text = q->name ? (strlen(q->name) / 16 + 1) * 16 : 0;
		struct inotify_event e = { q->watch, q->mask, q->cookie, (uint32_t)text };
		if (used + sizeof e + text > len)
			break;
		memcpy(at + used, &e, sizeof e);
		if (text) {
			memset(at + used + sizeof e, 0, text);
			memcpy(at + used + sizeof e, q->name, strlen(q->name));
		}
		used += sizeof e + text;
		free(q->name);
		done++;
	}
	if (!done)
		return error(EAGAIN);
	k->queue_count -= done;
	memmove(k->queue, k->queue + done, k->queue_count * sizeof *k->queue);
	n->hints = (unsigned)k->queue_count;
	return (ssize_t)used;
}

ssize_t kernel_read(int fd, void *out, size_t len)
{
	if (FAILS(EIO, EINTR))
		return -1;
	struct simfd *f = fd_of(fd);
	if (!f)
		return error(EBADF);
	if (f->events)
		return read_events(out, len);
	size_t have = f->node->content.len, more = f->at < have ? have - f->at : 0;
	more = more < len ? more : len;
	if (more)
		memcpy(out, f->node->content.data + f->at, more);
	f->at += more;
	return (ssize_t)more;
}

/* ---- writing ---- */

ssize_t kernel_put(int fd, const void *bytes, size_t len)
{
	struct simfd *f = fd_of(fd);
	bool cut = FAILS(EIO, EINTR, ENOSPC, EDQUOT, 0); /* 0: a short write */
	if (cut && (errno || self->dying))
		return -1;
	if (!f || !f->write)
		return error(EBADF);
	size_t fits = cut ? len / 2 : len;
	if (self->disk.room != UINT64_MAX && self->disk.room < fits)
		fits = (size_t)self->disk.room;
	if (!fits && len)
		return error(ENOSPC);
	struct blob whole = { mem_alloc(f->at + fits + 1), f->at + fits };
	if (f->at)
		memcpy(whole.data, f->node->content.data, f->at);
	memcpy(whole.data + f->at, bytes, fits);
	f->at += fits;
	f->wrote = true;
	simdisk_put(&self->disk, f->node, whole, kernel_file_time(self));
	tell_file(self, f->node, IN_MODIFY);
	return (ssize_t)fits;
}

int kernel_fsync(int fd)
{
	struct simnode *n = self;
	struct simfd *f = fd_of(fd);
	if (FAILS(EIO))
		return -1;
	if (!f)
		return error(EBADF);
	if (cluster_strikes(n->cl, FAULT_sync_error, n)) {
		simdisk_sync_failed(&n->disk, f->node);
		return error(EIO);
	}
	simdisk_sync(&n->disk, f->node);
	return 0;
}

/* Makes nothing durable, but may be told of an error, once, that the fsync then knows nothing of. */
int kernel_sync_file_range(int fd, off_t from, off_t len, unsigned how)
{
	struct simnode *n = self;
	struct simfd *f = fd_of(fd);
	(void)from;
	(void)len;
	if (FAILS(EIO, ENOSPC, EINVAL))
		return -1;
	if (!f)
		return error(EBADF);
	if ((how & SYNC_FILE_RANGE_WAIT_AFTER) && cluster_strikes(n->cl, FAULT_sync_error, n)) {
		simdisk_sync_failed(&n->disk, f->node);
		return error(EIO);
	}
	return 0;
}

int kernel_syncfs(int fd)
{
	struct simnode *n = self;
	if (FAILS(EIO))
		return -1;
	if (!fd_of(fd))
		return error(EBADF);
	if (cluster_strikes(n->cl, FAULT_sync_error, n)) {
		for (size_t i = 0; i < n->disk.inode_count; i++)
			if (n->disk.inodes[i]->dirty && n->disk.inodes[i]->ours)
				simdisk_sync_failed(&n->disk, n->disk.inodes[i]);
		return error(EIO);
	}
	simdisk_sync_all(&n->disk);
	return 0;
}

int kernel_fchmod(int fd, mode_t mode)
{
	if (FAILS(EIO))
		return -1;
	struct simfd *f = fd_of(fd);
	if (!f)
		return error(EBADF);
	f->node->mode = mode;
	f->node->ctime_ns = kernel_file_time(self);
	simdisk_dirty(&self->disk, f->node);
	return 0;
}

int kernel_fchown(int fd, uid_t uid, gid_t gid)
{
	(void)uid;
	(void)gid;
	return fd_of(fd) ? 0 : error(EBADF);
}

static void set_mtime(struct siminode *i, const struct timespec times[2])
{
	i->mtime_ns = times[1].tv_sec * 1000000000LL + times[1].tv_nsec;
	i->ctime_ns = kernel_file_time(self);
	simdisk_dirty(&self->disk, i);
}

int kernel_futimens(int fd, const struct timespec times[2])
{
	if (FAILS(EIO))
		return -1;
	struct simfd *f = fd_of(fd);
	if (!f)
		return error(EBADF);
	set_mtime(f->node, times);
	return 0;
}

int kernel_utimensat(int dir, const char *name, const struct timespec times[2], int flags)
{
	struct simname *s = NULL;
	(void)flags;
	if (FAILS(EIO))
		return -1;
	int failed = name_of(dir, name, false, &s);
	if (failed || !s || !s->now)
		return error(failed ? failed : ENOENT);
	set_mtime(s->now, times);
	tell_file(self, s->now, IN_ATTRIB);
	return 0;
}

int kernel_fcntl(int fd, int command, ...)
{
	struct simfd *f = fd_of(fd);
	if (FAILS(EIO))
		return -1;
	if (!f)
		return error(EBADF);
	if (command == F_GETLEASE)
		return f->lease && f->lease_at == f->node->changes && !f->node->writers ? F_RDLCK : F_UNLCK;
	if (command != F_SETLEASE)
		abort();
	va_list args;
	va_start(args, command);
	bool asked = va_arg(args, int) == F_RDLCK;
	va_end(args);
	f->lease = asked && !f->node->writers;
	f->lease_at = f->node->changes;
	return f->lease == asked ? 0 : error(EAGAIN);
}

mode_t kernel_umask(mode_t mask)
{
	(void)mask;
	return 022;
}

/* ---- names ---- */

int kernel_mkdirat(int dir, const char *name, mode_t mode)
{
	struct simname *s;
	struct siminode *i;
	if (FAILS(EIO, ENOSPC))
		return -1;
	int failed = name_of(dir, name, true, &s);
	if (!failed)
		failed = kernel_make(self, s->folder, name, SIM_FOLDER, mode & ~022u, &i);
	return failed ? error(failed) : 0;
}

int kernel_unlinkat(int dir, const char *name, int flags)
{
	struct simname *s = NULL;
	if (FAILS(EIO))
		return -1;
	int failed = name_of(dir, name, false, &s);
	if (!failed && (!s || !s->now))
		failed = ENOENT;
	else if (!failed && (flags & AT_REMOVEDIR) && s->now->kind != SIM_FOLDER)
		failed = ENOTDIR;
	else if (!failed && !(flags & AT_REMOVEDIR) && s->now->kind == SIM_FOLDER)
		failed = EISDIR;
	if (!failed)
		failed = kernel_remove(self, s);
	return failed ? error(failed) : 0;
}

int kernel_linkat(int from_dir, const char *from, int to_dir, const char *to, int flags)
{
	struct simname *s = NULL, *t = NULL;
	struct siminode *i = NULL;
	int number, failed = 0;
	if (FAILS(EIO, ENOSPC))
		return -1;
	if ((flags & AT_SYMLINK_FOLLOW) && sscanf(from, "/proc/self/fd/%d", &number) == 1)
		i = fd_of(number) ? fd_of(number)->node : NULL;
	else if (!(failed = name_of(from_dir, from, false, &s)))
		i = s ? s->now : NULL;
	if (!failed && !i)
		failed = ENOENT;
	if (!failed)
		failed = name_of(to_dir, to, true, &t);
	if (!failed && t->now)
		failed = EEXIST;
	if (!failed && t->folder->fixed)
		failed = EROFS;
	if (failed)
		return error(failed);
	struct simset set = { t, i };
	simdisk_set(&self->disk, &set, 1);
	i->ctime_ns = kernel_file_time(self);
	simdisk_dirty(&self->disk, i);
	shown(t);
	changed(self, t);
	tell_name(self, t, IN_CREATE, 0);
	return 0;
}

/* A story has somebody save in the worst moment. */
static void rush(struct simnode *n)
{
	struct simfile *f = n->rushed;
	struct blob text = n->rush;
	n->rushed = NULL;
	n->rush = (struct blob){ 0 };
	n->kernel.placing = false;
	person_write(n, f, span_blob(&text), f->now.meta, true);
	n->kernel.placing = true;
	blob_finish(&text);
}

int kernel_renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
	struct simname *s = NULL, *t = NULL;
	if (FAILS(EIO, ENOSPC))
		return -1;
	if (self->rushed && flags & RENAME_EXCHANGE)
		rush(self);
	int failed = name_of(from_dir, from, false, &s);
	if (!failed)
		failed = name_of(to_dir, to, true, &t);
	if (!failed && (!s || !s->now))
		failed = ENOENT;
	if (!failed && (flags & RENAME_NOREPLACE) && t->now)
		failed = EEXIST;
	if (!failed)
		failed = kernel_move(self, s, t, flags & RENAME_EXCHANGE);
	return failed ? error(failed) : 0;
}

int kernel_renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	return kernel_renameat2(from_dir, from, to_dir, to, 0);
}

int kernel_symlinkat(const char *target, int dir, const char *name)
{
	struct simname *s;
	struct siminode *i;
	if (FAILS(EIO, ENOSPC))
		return -1;
	int failed = name_of(dir, name, true, &s);
	if (!failed)
		failed = kernel_make(self, s->folder, name, SIM_LINK, 0777, &i);
	if (failed)
		return error(failed);
	simdisk_put(&self->disk, i, blob_copy(target, strlen(target)), kernel_file_time(self));
	simdisk_sync_link(&self->disk, i);
	i->ours = true;
	return 0;
}

/* ---- folders ---- */

void *kernel_fdopendir(int fd)
{
	struct simkernel *k = &self->kernel;
	struct simfd *f = fd_of(fd);
	if (FAILS(EIO, ENOMEM))
		return NULL;
	if (!f || k->dir_open) {
		errno = f ? EMFILE : EBADF;
		return NULL;
	}
	k->dir_open = true;
	k->dir = (struct simdir){ .fd = fd, .end = f->node->count };
	f->node->open++;
	return &k->dir;
}

struct dirent *kernel_readdir(void *dir)
{
	static struct dirent out;
	struct simdir *d = dir;
	struct simfd *f = fd_of(d->fd);
	if (FAILS(EIO))
		return NULL;
	while (f && d->at < f->node->count) {
		size_t at = self->cl->backwards && d->at < d->end ? d->end - 1 - d->at : d->at;
		const struct simname *s = f->node->names[at];
		d->at++;
		if (!s->now)
			continue;
		size_t len = strlen(s->name);
		out.d_ino = s->now->number;
		len = len < sizeof out.d_name ? len : sizeof out.d_name - 1;
		memcpy(out.d_name, s->name, len);
		out.d_name[len] = 0;
		return &out;
	}
	errno = 0;
	return NULL;
}

int kernel_closedir(void *dir)
{
	struct simdir *d = dir;
	struct simfd *f = fd_of(d->fd);
	if (f)
		f->node->open--;
	self->kernel.dir_open = false;
	return kernel_close_fd(d->fd);
}

int kernel_dirfd(void *dir)
{
	return ((struct simdir *)dir)->fd;
}

/* ---- inotify ---- */

int kernel_inotify_init1(int flags)
{
	(void)flags;
	int fd = fd_new(self->disk.top, NULL, false);
	fd_of(fd)->events = true;
	return fd;
}

int kernel_inotify_add_watch(int fd, const char *path, uint32_t mask)
{
	struct simkernel *k = &self->kernel;
	int number;
	(void)mask;
	if (FAILS(ENOMEM, EINTR))
		return -1;
	struct simfd *f = sscanf(path, "/proc/self/fd/%d", &number) == 1 ? fd_of(number) : NULL;
	if (!f || !fd_of(fd))
		return error(EBADF);
	if (f->node->kind != SIM_FOLDER)
		return error(ENOTDIR);
	if (f->node->watch)
		return f->node->watch;
	if (!f->node->links)
		return error(ENOENT);
	MEM_ROOM(k->watches, k->watch_count, k->watch_cap);
	f->node->watch = ++k->watch_last;
	k->watches[k->watch_count++] = (struct simwatch){ f->node->watch, f->node };
	return f->node->watch;
}

int kernel_inotify_rm_watch(int fd, int watch)
{
	struct simkernel *k = &self->kernel;
	(void)fd;
	if (self->dying)
		return error(EIO);
	for (size_t i = 0; i < k->watch_count; i++)
		if (k->watches[i].number == watch) {
			unwatch(self, k->watches[i].folder, 0);
			return 0;
		}
	return error(EINVAL);
}

/* ---- the rest ---- */

const char *kernel_far(int fd)
{
	(void)fd;
	return NULL;
}

uint64_t kernel_clock_us(void)
{
	return self->cl->now_us + self->mono_us + self->kernel.spent_us;
}

int64_t kernel_clock_wall_ms(void)
{
	return simnode_wall_ms(self);
}

void kernel_entropy(void *out, size_t len)
{
	chance_fill(&self->cl->chance, chance_of(CHANCE_ENTROPY, self->index), out, len);
}

void kernel_reset(struct simnode *n)
{
	struct simkernel *k = &n->kernel;
	for (size_t i = 0; i < k->watch_count; i++)
		k->watches[i].folder->watch = 0;
	for (size_t i = 0; i < k->queue_count; i++)
		free(k->queue[i].name);
	for (size_t i = 0; i < k->fd_count; i++)
		if (k->fds[i].node) {
			if (k->dir_open && k->dir.fd == FD_FIRST + (int)i)
				k->fds[i].node->open--;
			fd_free(n, &k->fds[i]);
		}
	k->dir_open = k->placing = k->mute = false;
	k->watch_count = k->queue_count = k->fd_count = 0;
	n->hints = 0;
}

void kernel_finish(struct simnode *n)
{
	kernel_reset(n);
	free(n->kernel.fds);
	free(n->kernel.watches);
	free(n->kernel.queue);
}

/* The new file of a placing: complete, with its permissions and time, on disk, under a name that was free. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/plant.h"
#include "base/relpath.h"
#include "engine/io/files_parts.h"
#include "sys/entropy.h"

/* A link may only lead to something inside the root, written so that this can be seen: relative, and ".." only in
 * front, no more often than there are folders above it. */
bool files_link_stays_inside(const char *folder, struct span target)
{
	const char *t = (const char *)target.data;
	size_t depth = 0, at = 0;
	bool down = false;
	if (target.len == 0 || target.len > RELPATH_MAX || t[0] == '/' || memchr(t, 0, target.len))
		return false;
	if (*folder)
		for (depth = 1; *folder; folder++)
			depth += *folder == '/';
	while (at < target.len) {
		const char *slash = memchr(t + at, '/', target.len - at);
		size_t len = slash ? (size_t)(slash - t) - at : target.len - at;
		if (len == 2 && t[at] == '.' && t[at + 1] == '.') {
			if (down || depth-- == 0)
				return false;
		} else if (len && !(len == 1 && t[at] == '.')) {
			down = true;
		}
		at += len + 1;
	}
	return true;
}

/* A file that is replaced keeps its permissions, but for what the item's own two bits say. */
static mode_t mode_for(const struct placing *w)
{
	uint8_t meta = w->p->meta;
	mode_t mode = meta & META_PRIVATE ? 0600 : 0644 & ~w->f->umask;
	struct file_stat old;
	if (w->was_there && S_ISREG(w->old.st_mode) && files_stat_of(&w->old, &old)) {
		mode = w->old.st_mode & 0777;
		if (!((old.meta ^ meta) & (META_EXEC | META_PRIVATE)))
			return mode;
		mode &= ~(mode_t)0111;
		if (meta & META_PRIVATE)
			mode &= ~(mode_t)077;
		else if (old.meta & META_PRIVATE)
			mode |= 044 & ~w->f->umask;
	}
	mode |= 0600;
	if (!(meta & META_PRIVATE) && !(mode & 044))
		mode |= 044; /* a umask that hides everything must not turn into a change of the item */
	return meta & META_EXEC ? mode | ((mode & 0444) >> 2) : mode;
}

bool files_write_whole(int fd, struct span content)
{
	while (content.len) {
		ssize_t put = write(fd, content.data, content.len);
		if (put < 0 && errno != EINTR)
			return false;
		if (put > 0) {
			content.data += put;
			content.len -= (size_t)put;
		}
	}
	return true;
}

void files_times_of(const struct place *p, struct timespec times[2])
{
	int64_t second = p->mtime_ms / 1000, rest = p->mtime_ms % 1000;
	if (rest < 0) {
		rest += 1000;
		second--;
	}
	times[0] = (struct timespec){ .tv_nsec = UTIME_OMIT };
	times[1] = (struct timespec){ .tv_sec = second, .tv_nsec = rest * 1000000 };
}

static void random_name(char out[FILES_TEMP_NAME])
{
	uint64_t number;
	entropy_fill(&number, sizeof number);
	snprintf(out, FILES_TEMP_NAME, RELPATH_TEMP "part-%016llx", (unsigned long long)number);
}

void files_temp_name(char out[FILES_TEMP_NAME], const struct id *item, const struct id *version, bool unique)
{
	char item_hex[ID_HEX], version_hex[ID_HEX];
	uint32_t number;
	snprintf(out, FILES_TEMP_NAME, RELPATH_TEMP "%s-%s", id_hex(item, item_hex), id_hex(version, version_hex));
	if (unique) {
		entropy_fill(&number, sizeof number);
		snprintf(out + strlen(out), FILES_TEMP_NAME - strlen(out), "-%08x", number);
	}
}

/* rename that never replaces, as well as the filesystem can. */
int files_rename_new(struct files *f, int dir, const char *from, const char *to)
{
	if (!(f->poor & FILES_NO_EXCHANGE)) {
		if (renameat2(dir, from, dir, to, RENAME_NOREPLACE) == 0)
			return 0;
		if (errno != EINVAL && errno != ENOSYS)
			return -1;
	}
	if (!(f->poor & FILES_NO_LINK)) {
		if (linkat(dir, from, dir, to, 0) == 0)
			return unlinkat(dir, from, 0);
		if (errno != EPERM && errno != EOPNOTSUPP && errno != EMLINK)
			return -1;
	}
	struct stat st;
	if (fstatat(dir, to, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		errno = EEXIST;
		return -1;
	}
	return errno == ENOENT ? renameat(dir, from, dir, to) : -1;
}

/* Gives an unnamed file its name. */
static int name_file(int fd, int dir, const char *name)
{
	char self[40];
	snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
	return linkat(AT_FDCWD, self, dir, name, AT_SYMLINK_FOLLOW);
}

void files_hold(struct placing *w, const char *name)
{
	struct stat st;
	if (w->ours_fd >= 0)
		close(w->ours_fd);
	w->ours_fd = openat(w->dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	w->ours = w->ours_fd >= 0 && fstat(w->ours_fd, &st) == 0 ? st.st_ino : 0;
}

int files_open_new(struct placing *w, char part[FILES_TEMP_NAME])
{
	int fd = -1;
	*part = 0;
	errno = EOPNOTSUPP;
	if (!(w->f->poor & FILES_NO_TMPFILE))
		fd = openat(w->dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL || errno == ENOENT)) {
		random_name(part);
		fd = openat(w->dir, part, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0600);
	}
	return fd;
}

bool files_settle_new(struct placing *w, int fd, bool wait)
{
	struct timespec times[2];
	files_times_of(w->p, times);
	if (w->was_there && w->old.st_gid != getegid() && fchown(fd, (uid_t)-1, w->old.st_gid))
		errno = 0; /* not ours to give: it stays in our own group */
	return fchmod(fd, mode_for(w)) == 0 && futimens(fd, times) == 0 &&
	       (!wait || PLANTED("files.bytes_not_synced") || fsync(fd) == 0);
}

/* Writes the new regular file and gives it the name `to`, which must be free. -1 with errno; nothing is left then, but
 * of a large one, which is written already, what is asked for again under another name after EEXIST. */
static int write_file(struct placing *w, const char *to, bool wait)
{
	struct files_large *l = files_large_written(w);
	char own[FILES_TEMP_NAME] = "", *part = l ? l->part : own;
	int fd = l ? l->fd : files_open_new(w, part), saved;
	if (fd < 0)
		return -1;
	bool ok = l || (files_write_whole(fd, w->p->content) && files_settle_new(w, fd, wait));
	if (ok && !*part && name_file(fd, w->dir, to)) {
		/* Without /proc an unnamed file stays unnamed: then by way of a named one. */
		ok = false;
		if (errno == ENOENT || errno == EXDEV) {
			close(fd);
			if (l)
				l->fd = -1;
			w->f->poor |= FILES_NO_TMPFILE;
			return write_file(w, to, wait);
		}
	}
	ok = ok && (!*part || files_rename_new(w->f, w->dir, part, to) == 0);
	saved = errno;
	if (!ok && l)
		return -1;
	if (!ok && *part)
		unlinkat(w->dir, part, 0);
	if (ok)
		files_hold(w, to);
	close(fd);
	if (l)
		l->fd = -1;
	errno = saved;
	return ok ? 0 : -1;
}

static int write_link(struct placing *w, const char *to)
{
	struct timespec times[2];
	char *target = mem_copy(w->p->content.data, w->p->content.len);
	int failed = symlinkat(target, w->dir, to);
	free(target);
	files_times_of(w->p, times);
	if (failed)
		return -1;
	files_hold(w, to);
	utimensat(w->dir, to, times, AT_SYMLINK_NOFOLLOW);
	return 0;
}

int files_write_new(struct placing *w, const char *to, bool wait)
{
	return w->p->meta & META_LINK ? write_link(w, to) : write_file(w, to, wait);
}

/* Which version a file holds, made out part by part: its content is never in memory as a whole. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/hash.h"
#include "engine/core/limits.h"
#include "engine/io/files_parts.h"

/* Read and hashed at a time, while both are in the processor's cache. */
#define READING_BYTES 65536

bool files_is_large(const struct files *f, const struct stat *st)
{
	return f->hooks.version_start && S_ISREG(st->st_mode) && (uint64_t)st->st_size > f->part_bytes &&
	       (uint64_t)st->st_size <= LIMIT_ITEM_BYTES;
}

bool files_lease(struct files *f, int fd)
{
	errno = EINVAL;
	return !(f->poor & FILES_NO_LEASE) && fcntl(fd, F_SETLEASE, F_RDLCK) == 0;
}

bool files_leased(int fd)
{
	return fcntl(fd, F_GETLEASE) == F_RDLCK;
}

void files_unlease(int fd)
{
	fcntl(fd, F_SETLEASE, F_UNLCK);
}

bool files_reading_begin(struct files *f, struct files_reading *r, int fd)
{
	struct stat st;
	files_reading_drop(r);
	r->fd = fd;
	if (fstat(fd, &st) || !files_is_large(f, &st) || !files_stat_of(&st, &r->stat))
		return false;
	r->at = 0;
	r->run = f->hooks.version_start(f->hooks.ctx, r->stat.meta, r->stat.size);
	return true;
}

bool files_reading_same(const struct files_reading *r)
{
	struct stat st;
	struct file_stat now;
	return fstat(r->fd, &st) == 0 && files_stat_of(&st, &now) && file_stat_equal(&now, &r->stat);
}

enum look files_reading_some(struct files *f, struct files_reading *r, struct id *version)
{
	uint8_t bytes[READING_BYTES];
	for (size_t left = f->part_bytes; left && r->at < r->stat.size;) {
		ssize_t got = read(r->fd, bytes, left < sizeof bytes ? left : sizeof bytes);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return LOOK_ERROR;
		if (got == 0 || r->at + (uint64_t)got > r->stat.size)
			return LOOK_BUSY;
		hash_run_bytes(r->run, span_of(bytes, (size_t)got));
		r->at += (uint64_t)got;
		left -= (size_t)got;
	}
	if (r->at < r->stat.size)
		return LOOK_MORE;
	if (!files_reading_same(r))
		return LOOK_BUSY;
	*version = hash_run_end(r->run);
	r->run = NULL;
	return LOOK_FILE;
}

enum look files_version_at(struct files *f, int dir, const char *name, struct id *version)
{
	struct files_reading r = { .fd = -1 };
	struct stat st;
	struct file_stat now;
	int fd = files_open_file(dir, name);
	enum look look = fd < 0 ? LOOK_ERROR : LOOK_BUSY;
	if (fd >= 0 && files_reading_begin(f, &r, fd))
		do
			look = files_reading_some(f, &r, version);
		while (look == LOOK_MORE);
	if (look == LOOK_FILE && (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) || !files_stat_of(&st, &now) ||
	                          !file_stat_equal(&now, &r.stat)))
		look = LOOK_BUSY; /* another file has the name by now */
	files_reading_drop(&r);
	return look;
}

void files_reading_drop(struct files_reading *r)
{
	if (r->fd >= 0)
		close(r->fd);
	hash_run_drop(r->run);
	*r = (struct files_reading){ .fd = -1 };
}

#include "engine/io/scan.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/relpath.h"
#include "engine/core/limits.h"
#include "sys/clock.h"

#define SCAN_CLOSED_MAX    16 /* folders that cannot be read; more, and it is the disk that has a trouble */
#define SCAN_LOOK_AT_CLOCK 64 /* names between two looks at the clock */

struct job {
	char *category, *under;
	char **folders; /* still to walk; the last is next */
	size_t count, cap;
	bool started, incomplete;
	size_t items; /* met */
	size_t closed;
	dev_t dev;
	bool far; /* inode numbers mean nothing */
	struct job *next;
};

struct scan {
	struct files *files;
	struct scan_hooks hooks;
	struct job *jobs; /* the first is being worked on */
	DIR *dir;         /* its open folder, or NULL */
	char *folder;
};

struct scan *scan_create(struct files *files, const struct scan_hooks *hooks)
{
	struct scan *s = mem_alloc(sizeof *s);
	s->files = files;
	s->hooks = *hooks;
	return s;
}

static void close_folder(struct scan *s)
{
	if (s->dir)
		closedir(s->dir);
	s->dir = NULL;
	free(s->folder);
	s->folder = NULL;
}

static void job_free(struct job *j)
{
	for (size_t i = 0; i < j->count; i++)
		free(j->folders[i]);
	free(j->folders);
	free(j->category);
	free(j->under);
	free(j);
}

void scan_destroy(struct scan *s)
{
	if (!s)
		return;
	close_folder(s);
	while (s->jobs) {
		struct job *j = s->jobs;
		s->jobs = j->next;
		job_free(j);
	}
	free(s);
}

static bool covers(const char *under, const char *part)
{
	size_t len = strlen(under);
	return len == 0 || (strncmp(under, part, len) == 0 && (part[len] == 0 || part[len] == '/'));
}

void scan_add(struct scan *s, const char *category, const char *under)
{
	struct job **at = &s->jobs;
	while (*at) {
		struct job *j = *at;
		if (!j->started && strcmp(j->category, category) == 0) {
			if (covers(j->under, under))
				return; /* it will be walked anyway */
			if (covers(under, j->under)) {
				*at = j->next;
				job_free(j);
				continue;
			}
		}
		at = &j->next;
	}
	struct job *j = mem_alloc(sizeof *j);
	j->category = mem_text(category);
	j->under = mem_text(under);
	*at = j;
}

void scan_drop(struct scan *s, const char *category)
{
	if (s->jobs && s->jobs->started && strcmp(s->jobs->category, category) == 0)
		close_folder(s);
	for (struct job **at = &s->jobs; *at;) {
		struct job *j = *at;
		if (strcmp(j->category, category) == 0) {
			*at = j->next;
			job_free(j);
		} else {
			at = &j->next;
		}
	}
}

bool scan_active(const struct scan *s, const char *category)
{
	for (const struct job *j = s->jobs; j; j = j->next)
		if (!category || strcmp(j->category, category) == 0)
			return true;
	return false;
}

static void seen(struct scan *s, struct job *j, const char *path, enum look look, const struct file_stat *stat)
{
	static const struct file_stat none;
	if (look == LOOK_FILE || look == LOOK_TOO_LARGE)
		j->items++;
	if (s->hooks.seen)
		s->hooks.seen(s->hooks.ctx, j->category, path, look, stat ? stat : &none);
}

static bool wanted(struct scan *s, struct job *j, const char *path, bool folder)
{
	return !s->hooks.wanted || s->hooks.wanted(s->hooks.ctx, j->category, path, folder);
}

/* A folder, or (without its own stat) a name of which nothing else can be told. */
static void unreadable(struct scan *s, struct job *j, const char *path, int error)
{
	if (!*path || !s->hooks.closed || ++j->closed > SCAN_CLOSED_MAX)
		j->incomplete = true;
	if (*path)
		seen(s, j, path, LOOK_ERROR, NULL);
	if (*path && s->hooks.closed)
		s->hooks.closed(s->hooks.ctx, j->category, path, error);
}

static void later(struct job *j, const char *folder)
{
	MEM_ROOM(j->folders, j->count, j->cap);
	j->folders[j->count++] = mem_text(folder);
}

/* One name in the open folder. */
static void entry(struct scan *s, struct job *j, const char *name)
{
	char path[RELPATH_MAX + 1];
	struct stat st;
	struct file_stat stat;
	if (strncmp(name, RELPATH_TEMP, sizeof RELPATH_TEMP - 1) == 0) {
		files_leftover(s->files, j->category, s->folder, name);
		return;
	}
	size_t len = relpath_join(path, sizeof path, s->folder, name);
	if (!len || relpath_bad(path, len)) { /* cannot be an item anywhere */
		if (s->hooks.closed && (!len || relpath_deep(path)) && wanted(s, j, s->folder, true))
			s->hooks.closed(s->hooks.ctx, j->category, len ? path : s->folder, ENAMETOOLONG);
		return;
	}
	if (fstatat(dirfd(s->dir), name, &st, AT_SYMLINK_NOFOLLOW)) {
		if (errno != ENOENT)
			unreadable(s, j, path, errno);
	} else if (S_ISDIR(st.st_mode)) {
		if (!wanted(s, j, path, true))
			return;
		seen(s, j, path, LOOK_OTHER, NULL);
		if (st.st_dev == j->dev)
			later(j, path);
		else
			unreadable(s, j, path, EXDEV); /* another filesystem is mounted there: not ours to walk */
	} else if (wanted(s, j, path, false)) {
		bool item = files_stat_of(&st, &stat);
		if (j->far)
			stat.inode = 0;
		seen(s, j, path,
		     !item                          ? LOOK_OTHER
		     : stat.size > LIMIT_ITEM_BYTES ? LOOK_TOO_LARGE
		                                    : LOOK_FILE,
		     item ? &stat : NULL);
	}
}

/* Opens the job's next folder. False when there was none to open this time. */
static bool open_next(struct scan *s, struct job *j)
{
	struct stat st;
	char *folder = j->folders[--j->count];
	int fd = files_open_folder(s->files, j->category, folder), error = errno;
	if (fd >= 0 && fstat(fd, &st)) {
		error = errno;
		close(fd);
		fd = -1;
	}
	if (fd >= 0) {
		j->dev = st.st_dev;
		if (s->hooks.enter)
			s->hooks.enter(s->hooks.ctx, j->category, folder, fd);
		s->dir = fdopendir(fd);
		s->folder = folder;
		if (s->dir)
			return true;
		unreadable(s, j, folder, errno);
		close(fd);
		s->folder = NULL;
	} else if (error != ENOENT && error != ENOTDIR && error != ELOOP) {
		unreadable(s, j, folder, error);
	} else if (!*folder) {
		j->incomplete = true;
	}
	free(folder);
	return false;
}

/* `under` may be one file, or a folder, or gone. */
static void start(struct scan *s, struct job *j)
{
	struct file_ref ref = { j->category, j->under };
	struct file_stat stat;
	j->started = true;
	if (s->hooks.started)
		s->hooks.started(s->hooks.ctx, j->category, j->under);
	if (!files_root_there(s->files, j->category, NULL)) {
		j->incomplete = true;
		return;
	}
	j->far = files_root_far(s->files, j->category);
	if (!*j->under) {
		later(j, "");
		return;
	}
	enum look look = files_look(s->files, &ref, &stat);
	if (look == LOOK_OTHER && wanted(s, j, j->under, true))
		later(j, j->under);
	else if (look == LOOK_ERROR || look == LOOK_ROOT_GONE || look == LOOK_BUSY)
		unreadable(s, j, j->under, look == LOOK_ERROR ? EIO : ESTALE);
	else if (look != LOOK_ABSENT && look != LOOK_OTHER && wanted(s, j, j->under, false))
		seen(s, j, j->under, look, &stat);
}

static void finish(struct scan *s, struct job *j)
{
	/* What was not met is only absent if the root is still the one that was walked. */
	if (!files_root_there(s->files, j->category, NULL))
		j->incomplete = true;
	if (!j->incomplete && !*j->under && j->items == 0 && s->hooks.empty &&
	    s->hooks.empty(s->hooks.ctx, j->category))
		j->incomplete = true;
	s->jobs = j->next;
	if (s->hooks.done)
		s->hooks.done(s->hooks.ctx, j->category, j->under, !j->incomplete);
	job_free(j);
}

/* Some names of the open folder; false at its end. */
static bool read_some(struct scan *s, struct job *j)
{
	for (int i = 0; i < SCAN_LOOK_AT_CLOCK; i++) {
		errno = 0;
		struct dirent *d = readdir(s->dir);
		if (!d) {
			if (errno)
				unreadable(s, j, s->folder, errno);
			close_folder(s);
			return false;
		}
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			entry(s, j, d->d_name);
	}
	return true;
}

bool scan_step(struct scan *s, unsigned budget_us)
{
	uint64_t until = clock_us() + budget_us;
	do {
		struct job *j = s->jobs;
		if (!j)
			return false;
		if (!j->started)
			start(s, j);
		else if (s->dir)
			read_some(s, j);
		else if (j->count)
			open_next(s, j);
		else
			finish(s, j);
	} while (clock_us() < until);
	return s->jobs != NULL;
}

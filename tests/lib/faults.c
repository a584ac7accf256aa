/* faults: preloaded into a process, lets its calls on some files fail, as a full or failing disk would.
 *
 * The file named by FAULTS holds one rule a line, looked at again at each call; no file, no faults:
 *
 *   write ENOSPC /home/me/notes     bytes written, files grown and folders made below that folder
 *   beyond ENOSPC /home/me/notes    bytes written behind the first mebibyte of a file
 *   sync EIO /home/me/notes         what makes them durable
 *   read EIO /home/me/notes         bytes read
 *   list EIO /home/me/notes         names of a folder read
 *
 * FAULTS with ".polls" behind it holds one 64-bit number: how often the process waited for events. A file with ".boot"
 * behind it stands for the kernel's id of this boot. */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shared.h"

#define REAL(name, type) ((type)dlsym(RTLD_NEXT, #name))

static _Atomic uint64_t *polls;

__attribute__((constructor)) static void open_count(void)
{
	const char *rules = getenv("FAULTS");
	char path[PATH_MAX];
	if (!rules || snprintf(path, sizeof path, "%s.polls", rules) >= (int)sizeof path)
		return;
	polls = shared_open(path, sizeof *polls);
}

static int number_of(const char *name)
{
	static const int numbers[] = { ENOSPC, EDQUOT, EIO, EMFILE, EFBIG };
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		if (strcmp(name, strerrorname_np(numbers[i])) == 0)
			return numbers[i];
	return EIO;
}

/* The rules' file is read with bare system calls: ours must not meet themselves. */
static bool fails(const char *call, const char *path)
{
	char text[4096], kind[16], error[16], below[PATH_MAX];
	const char *rules = getenv("FAULTS");
	int kept = errno, fd = rules ? (int)syscall(SYS_openat, AT_FDCWD, rules, O_RDONLY | O_CLOEXEC) : -1;
	errno = kept;
	if (fd < 0)
		return false;
	ssize_t len = (ssize_t)syscall(SYS_read, fd, text, sizeof text - 1);
	close(fd);
	errno = kept;
	text[len > 0 ? len : 0] = 0;
	for (char *line = text, *rest = NULL; (line = strtok_r(rest ? NULL : line, "\n", &rest));) {
		if (sscanf(line, "%15s %15s %4095s", kind, error, below) != 3 || strcmp(kind, call) != 0 ||
		    strncmp(path, below, strlen(below)) != 0)
			continue;
		errno = number_of(error);
		return true;
	}
	return false;
}

static bool fails_at(const char *call, int fd)
{
	char self[40], path[PATH_MAX];
	int kept = errno;
	snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
	ssize_t len = readlink(self, path, sizeof path - 1);
	errno = kept;
	if (len < 0)
		return false;
	path[len] = 0;
	return fails(call, path);
}

static int open_instead(const char *path, int flags, mode_t mode)
{
	char boot[PATH_MAX];
	const char *rules = getenv("FAULTS");
	if (rules && strcmp(path, "/proc/sys/kernel/random/boot_id") == 0 &&
	    snprintf(boot, sizeof boot, "%s.boot", rules) < (int)sizeof boot && access(boot, R_OK) == 0)
		path = boot;
	return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

/* O_TMPFILE has O_DIRECTORY's bit in it. */
static bool makes_a_file(int flags)
{
	return flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE;
}

int open(const char *path, int flags, ...)
{
	va_list more;
	va_start(more, flags);
	mode_t mode = makes_a_file(flags) ? va_arg(more, mode_t) : 0;
	va_end(more);
	return open_instead(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
	va_list more;
	va_start(more, flags);
	mode_t mode = makes_a_file(flags) ? va_arg(more, mode_t) : 0;
	va_end(more);
	return open_instead(path, flags | O_LARGEFILE, mode);
}

ssize_t write(int fd, const void *from, size_t len)
{
	if (fails_at("write", fd) || (lseek(fd, 0, SEEK_CUR) >= 1 << 20 && fails_at("beyond", fd)))
		return -1;
	return REAL(write, ssize_t (*)(int, const void *, size_t))(fd, from, len);
}

ssize_t pwrite(int fd, const void *from, size_t len, off_t at)
{
	return fails_at("write", fd) ? -1
				     : REAL(pwrite, ssize_t(*)(int, const void *, size_t, off_t))(fd, from, len, at);
}

ssize_t pwrite64(int fd, const void *from, size_t len, off64_t at)
{
	return fails_at("write", fd)
		       ? -1
		       : REAL(pwrite64, ssize_t(*)(int, const void *, size_t, off64_t))(fd, from, len, at);
}

int mkdirat(int at, const char *name, mode_t mode)
{
	return fails_at("write", at) ? -1 : REAL(mkdirat, int (*)(int, const char *, mode_t))(at, name, mode);
}

int posix_fallocate(int fd, off_t at, off_t len)
{
	return fails_at("write", fd) ? errno : REAL(posix_fallocate, int (*)(int, off_t, off_t))(fd, at, len);
}

ssize_t read(int fd, void *out, size_t len)
{
	return fails_at("read", fd) ? -1 : REAL(read, ssize_t (*)(int, void *, size_t))(fd, out, len);
}

struct dirent *readdir(DIR *dir)
{
	return fails_at("list", dirfd(dir)) ? NULL : REAL(readdir, struct dirent *(*)(DIR *))(dir);
}

int sync_file_range(int fd, off_t from, off_t len, unsigned how)
{
	return fails_at("sync", fd) ? -1 : REAL(sync_file_range, int (*)(int, off_t, off_t, unsigned))(fd, from, len, how);
}

int fsync(int fd)
{
	return fails_at("sync", fd) ? -1 : REAL(fsync, int (*)(int))(fd);
}

int fdatasync(int fd)
{
	return fails_at("sync", fd) ? -1 : REAL(fdatasync, int (*)(int))(fd);
}

int syncfs(int fd)
{
	return fails_at("sync", fd) ? -1 : REAL(syncfs, int (*)(int))(fd);
}

int poll(struct pollfd *fds, nfds_t count, int timeout)
{
	if (polls)
		atomic_fetch_add(polls, 1);
	return REAL(poll, int (*)(struct pollfd *, nfds_t, int))(fds, count, timeout);
}

#include "sys/atomicfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/relpath.h"
#include "sys/entropy.h"

static bool failed(struct err *e, const char *path)
{
	return err_set(e, path, errno == ENOSPC || errno == EDQUOT ? "free some space" : NULL, "%s", strerror(errno));
}

static bool write_all(int fd, struct span content)
{
	while (content.len) {
		ssize_t n = write(fd, content.data, content.len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		content.data += n;
		content.len -= (size_t)n;
	}
	return true;
}

static bool write_beside(int folder, const char *temp, const char *name, struct span content, int mode)
{
	int fd = openat(folder, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return false;
	bool fine = !fchmod(fd, (mode_t)mode) && write_all(fd, content) && !fsync(fd);
	int saved = errno;
	fine = !close(fd) && fine;
	if (fine && !renameat(folder, temp, folder, name))
		return !fsync(folder);
	saved = fine ? errno : saved;
	unlinkat(folder, temp, 0);
	errno = saved;
	return false;
}

/* The file itself, where `path` is a link to it; links in the folders above are the person's own. */
static char *behind_links(const char *path)
{
	struct stat s;
	char real[PATH_MAX];
	if (!lstat(path, &s) && S_ISLNK(s.st_mode) && realpath(path, real))
		return mem_text(real);
	return mem_text(path);
}

static char *folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	if (!slash)
		return mem_text(".");
	return slash == path ? mem_text("/") : mem_printf("%.*s", (int)(slash - path), path);
}

bool atomicfile_write(const char *path, struct span content, int mode, struct err *e)
{
	char *target = behind_links(path);
	char *slash = strrchr(target, '/');
	const char *name = slash ? slash + 1 : target;
	char *folder_path = folder_of(target);
	char temp[64];
	snprintf(temp, sizeof temp, RELPATH_TEMP "new-%016llx", (unsigned long long)entropy_u64());
	int folder = open(folder_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool fine = folder >= 0 && write_beside(folder, temp, name, content, mode);
	int saved = errno;
	if (folder >= 0)
		close(folder);
	free(folder_path);
	free(target);
	errno = saved;
	return fine || failed(e, path);
}

static bool read_all(int fd, size_t max, struct blob *out)
{
	struct stat s;
	if (fstat(fd, &s))
		return false;
	size_t cap = s.st_size > 0 && (size_t)s.st_size <= max ? (size_t)s.st_size + 1 : max < 4096 ? max + 1 : 4096;
	uint8_t *data = mem_alloc(cap);
	size_t len = 0;
	for (;;) {
		ssize_t n = read(fd, data + len, cap - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 || len + (size_t)n > max) {
			errno = n < 0 ? errno : EFBIG;
			free(data);
			return false;
		}
		if (n == 0)
			break;
		len += (size_t)n;
		if (len == cap) { /* it grows while we read */
			cap = cap * 2 < max + 1 ? cap * 2 : max + 1;
			data = mem_grow(data, cap, 1);
		}
	}
	*out = (struct blob){ data, len };
	return true;
}

static bool is_private(const struct stat *s)
{
	return s->st_uid == geteuid() && !(s->st_mode & 077);
}

bool atomicfile_read(const char *path, size_t max, bool must_be_private, struct blob *out, struct err *e)
{
	struct stat s;
	*out = (struct blob){ 0 };
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | (must_be_private ? O_NOFOLLOW : 0));
	if (fd < 0)
		return failed(e, path);
	bool fine = false;
	if (fstat(fd, &s))
		failed(e, path);
	else if (!S_ISREG(s.st_mode))
		errno = EINVAL, err_set(e, path, NULL, "it is not a regular file");
	else if (must_be_private && !is_private(&s))
		errno = EPERM, err_set(e, path, "chown and chmod 600 it, if its content is still yours alone",
				       "others may read or change it");
	else if (!(fine = read_all(fd, max, out)))
		errno == EFBIG ? err_set(e, path, NULL, "it is larger than %zu bytes", max) : failed(e, path);
	int saved = errno;
	close(fd);
	errno = saved;
	return fine;
}

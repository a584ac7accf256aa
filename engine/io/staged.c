#include "engine/io/staged.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

#define SLICE (256 * 1024)
#define SAMPLE 512

void staged_init(struct staged *s, const char *folder, const char *stem)
{
	*s = (struct staged){ .folder = mem_text(folder), .stem = mem_text(stem), .fd = -1 };
}

static char *part_path(const struct staged *s)
{
	return mem_printf("%s/%s.part", s->folder, s->stem);
}

/* Keeps errno: what is dropped may have failed just now. */
void staged_drop(struct staged *s)
{
	int saved = errno;
	if (s->folder && s->fd >= 0) {
		char *path = part_path(s);
		close(s->fd);
		unlink(path);
		free(path);
	}
	s->fd = -1;
	s->refused = false;
	s->at = 0;
	s->len = 0;
	errno = saved;
}

void staged_free(struct staged *s)
{
	staged_drop(s);
	free(s->folder);
	free(s->stem);
	*s = (struct staged){ .fd = -1 };
}

static bool begin(struct staged *s)
{
	char *path = part_path(s);
	s->fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	s->len = 0;
	free(path);
	return s->fd >= 0;
}

static bool add(struct staged *s, struct span content)
{
	while (s->len < content.len) {
		size_t left = content.len - s->len;
		ssize_t put = write(s->fd, content.data + s->len, left < SLICE ? left : SLICE);
		if (put <= 0 && !(put < 0 && errno == EINTR))
			return false;
		s->len += put > 0 ? (uint64_t)put : 0;
	}
	return true;
}

static bool sample_equal(const struct staged *s, struct span content, uint64_t from)
{
	uint8_t bytes[SAMPLE];
	size_t len = s->len - from < SAMPLE ? s->len - from : SAMPLE;
	return pread(s->fd, bytes, len, (off_t)from) == (ssize_t)len && memcmp(bytes, content.data + from, len) == 0;
}

/* All of it could be compared, but that would be a long turn for what the caller promised already. */
bool staged_is(const struct staged *s, struct span content)
{
	uint64_t last = s->len > SAMPLE ? s->len - SAMPLE : 0;
	return s->fd >= 0 && s->at == (uintptr_t)content.data && s->len <= content.len && sample_equal(s, content, 0) &&
	       sample_equal(s, content, last / 2) && sample_equal(s, content, last);
}

void staged_grow(struct staged *s, struct span so_far)
{
	if (!so_far.len || so_far.len < s->len)
		staged_drop(s);
	if (!so_far.len || s->refused)
		return;
	uint64_t from = s->fd >= 0 ? s->len : 0;
	if ((s->fd < 0 && !begin(s)) || !add(s, so_far)) {
		staged_drop(s);
		s->refused = true;
		return;
	}
	s->at = (uintptr_t)so_far.data;
	sync_file_range(s->fd, (off_t)from, (off_t)(s->len - from), SYNC_FILE_RANGE_WRITE);
}

static bool name_it(const struct staged *s, const char *name)
{
	char *from = part_path(s), *to = mem_printf("%s/%s", s->folder, name);
	int dir = open(s->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool ok = dir >= 0 && rename(from, to) == 0 && fsync(dir) == 0;
	int saved = errno;
	if (dir >= 0)
		close(dir);
	free(from);
	free(to);
	errno = saved;
	return ok;
}

bool staged_finish(struct staged *s, const char *name, struct span content)
{
	if (!staged_is(s, content))
		staged_drop(s);
	bool ok = (s->fd >= 0 || begin(s)) && add(s, content) && fsync(s->fd) == 0;
	if (!ok || !name_it(s, name)) {
		staged_drop(s);
		return false;
	}
	close(s->fd);
	s->fd = -1; /* nothing to unlink */
	staged_drop(s);
	return true;
}

bool staged_open(struct staged_in *r, const char *folder, const char *name, uint64_t size)
{
	char *path = mem_printf("%s/%s", folder, name);
	struct stat st;
	staged_close(r);
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	free(path);
	if (fd < 0)
		return false;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || (uint64_t)st.st_size != size) {
		close(fd);
		errno = EBADMSG;
		return false;
	}
	*r = (struct staged_in){ true, fd, size };
	return true;
}

bool staged_read(struct staged_in *r, struct blob *content, size_t most)
{
	size_t until = most < r->size - content->len ? content->len + most : r->size;
	if (!content->len) {
		free(content->data);
		content->data = mem_grow(NULL, r->size + 1, 1);
	}
	while (content->len < until) {
		ssize_t got = pread(r->fd, content->data + content->len, until - content->len, (off_t)content->len);
		if (got <= 0 && !(got < 0 && errno == EINTR))
			return false;
		content->len += got > 0 ? (size_t)got : 0;
	}
	return true;
}

void staged_close(struct staged_in *r)
{
	if (r->open)
		close(r->fd);
	*r = (struct staged_in){ 0 };
}

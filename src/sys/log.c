#include "sys/log.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "sys/clock.h"

static struct {
	int fd;
	char *path; /* NULL: stderr */
	size_t size;
} out = { .fd = -1 };

static void open_file(void)
{
	struct stat s;
	out.fd = open(out.path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
	if (out.fd < 0)
		return;
	if (fstat(out.fd, &s) || !S_ISREG(s.st_mode) || s.st_uid != geteuid()) {
		close(out.fd);
		out.fd = -1;
		return;
	}
	out.size = (size_t)s.st_size;
}

void log_open(const char *path)
{
	log_close();
	if (!path) {
		out.fd = STDERR_FILENO;
		return;
	}
	out.path = mem_text(path);
	open_file();
}

void log_close(void)
{
	if (out.path && out.fd >= 0)
		close(out.fd);
	free(out.path);
	out.path = NULL;
	out.fd = -1;
	out.size = 0;
}

static void rotate(void)
{
	char *old = mem_printf("%s.1", out.path);
	close(out.fd);
	rename(out.path, old);
	free(old);
	open_file();
}

void log_line(const char *level, const char *from, const char *item, const char *text)
{
	char now[32], shown[128], item_shown[600], line[LOG_LINE_MAX];
	if (out.fd < 0)
		return;
	utf8_show(item_shown, sizeof item_shown, item ? item : "", item ? strlen(item) : 0);
	utf8_show(shown, sizeof shown, from, strlen(from));
	int head = snprintf(line, sizeof line, "%s %-5.5s %s%s%s: ", clock_iso(clock_wall_ms(), now), level, shown,
			    item ? " " : "", item_shown);
	utf8_show(line + head, sizeof line - (size_t)head - 1, text, strlen(text));
	size_t len = strlen(line);
	line[len++] = '\n';
	if (out.path && out.size + len > LOG_MAX)
		rotate();
	if (out.fd < 0)
		return;
	ssize_t n = write(out.fd, line, len);
	out.size += n > 0 ? (size_t)n : 0;
}

/* shared: numbers that a preloaded library writes and a test reads, in a file that both map. */
#ifndef TESTS_LIB_SHARED_H
#define TESTS_LIB_SHARED_H
#include <fcntl.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* NULL: no path, or it cannot be. The bare call: a library may have a ftruncate of its own. */
static void *shared_open(const char *path, size_t len)
{
	int fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
	if (fd < 0 || syscall(SYS_ftruncate, fd, len))
		return NULL;
	void *at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return at == MAP_FAILED ? NULL : at;
}
#endif

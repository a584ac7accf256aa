/* fsynccount: preloaded into a process, counts its calls that make something durable. The count stands in the file
 * named by FSYNCCOUNT as one 64-bit number, shared by all processes that name it. */
#include <dlfcn.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "shared.h"

static _Atomic uint64_t *count;

__attribute__((constructor)) static void count_open(void)
{
	count = shared_open(getenv("FSYNCCOUNT"), sizeof *count);
}

static int pass_on(const char *name, int fd)
{
	int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
	if (count)
		atomic_fetch_add(count, 1);
	return real(fd);
}

int fsync(int fd)
{
	return pass_on("fsync", fd);
}

int fdatasync(int fd)
{
	return pass_on("fdatasync", fd);
}

int syncfs(int fd)
{
	return pass_on("syncfs", fd);
}

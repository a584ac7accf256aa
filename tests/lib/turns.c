/* turns: preloaded into a process, looks at the turns of its loop: what lies between two waits for events. The file named
 * by TURNS holds 64-bit numbers, those of struct turns, for the process alone. Writing zeros into it begins anew. */
#include <dlfcn.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "shared.h"

struct turns {
	uint64_t count;
	uint64_t most_read, most_written; /* bytes of files and sockets in one turn */
	uint64_t longest_us, longest_cpu_us;
	uint64_t over_20_ms;              /* how many took longer, and how long all of them together */
	uint64_t over_us;
};

static struct turns *turns;
static uint64_t began_us, began_cpu_us, bytes_read, bytes_written;

__attribute__((constructor)) static void turns_open(void)
{
	turns = shared_open(getenv("TURNS"), sizeof *turns);
}

static uint64_t us(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void most(uint64_t *of, uint64_t value)
{
	if (value > *of)
		*of = value;
}

static void turn_ends(void)
{
	if (!turns || !began_us)
		return;
	uint64_t took_us = us(CLOCK_MONOTONIC) - began_us;
	turns->count++;
	most(&turns->most_read, bytes_read);
	most(&turns->most_written, bytes_written);
	most(&turns->longest_us, took_us);
	most(&turns->longest_cpu_us, us(CLOCK_THREAD_CPUTIME_ID) - began_cpu_us);
	turns->over_20_ms += took_us > 20000;
	turns->over_us += took_us > 20000 ? took_us : 0;
}

static void turn_begins(void)
{
	bytes_read = bytes_written = 0;
	began_us = us(CLOCK_MONOTONIC);
	began_cpu_us = us(CLOCK_THREAD_CPUTIME_ID);
}

#define REAL(name, result, ...)                                                                                        \
	({                                                                                                             \
		static result (*real)(__VA_ARGS__);                                                                    \
		if (!real)                                                                                             \
			real = (result(*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name);                                        \
		real;                                                                                                  \
	})
#define WAIT(name, parameters, arguments, ...)                                                                         \
	int name parameters                                                                                            \
	{                                                                                                              \
		turn_ends();                                                                                           \
		int got = REAL(name, int, __VA_ARGS__) arguments;                                                      \
		turn_begins();                                                                                         \
		return got;                                                                                            \
	}

WAIT(poll, (struct pollfd *fds, nfds_t count, int wait_ms), (fds, count, wait_ms), struct pollfd *, nfds_t, int)
WAIT(epoll_wait, (int fd, struct epoll_event *events, int most_events, int wait_ms), (fd, events, most_events, wait_ms), int,
     struct epoll_event *, int, int)
WAIT(epoll_pwait, (int fd, struct epoll_event *events, int most_events, int wait_ms, const sigset_t *mask),
     (fd, events, most_events, wait_ms, mask), int, struct epoll_event *, int, int, const sigset_t *)

static ssize_t counted(uint64_t *sum, ssize_t got)
{
	*sum += got > 0 ? (uint64_t)got : 0;
	return got;
}

ssize_t read(int fd, void *bytes, size_t len)
{
	return counted(&bytes_read, REAL(read, ssize_t, int, void *, size_t)(fd, bytes, len));
}

ssize_t pread64(int fd, void *bytes, size_t len, off64_t at)
{
	return counted(&bytes_read, REAL(pread64, ssize_t, int, void *, size_t, off64_t)(fd, bytes, len, at));
}

ssize_t write(int fd, const void *bytes, size_t len)
{
	return counted(&bytes_written, REAL(write, ssize_t, int, const void *, size_t)(fd, bytes, len));
}

ssize_t pwrite64(int fd, const void *bytes, size_t len, off64_t at)
{
	return counted(&bytes_written, REAL(pwrite64, ssize_t, int, const void *, size_t, off64_t)(fd, bytes, len, at));
}

ssize_t pread(int fd, void *bytes, size_t len, off_t at)
{
	return pread64(fd, bytes, len, at);
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at)
{
	return pwrite64(fd, bytes, len, at);
}

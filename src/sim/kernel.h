/* kernel: the system calls of one simulated device, over its simdisk. The engine's real file rooms (files, scan, inotify)
 * run on them, see real/. Each call of the engine may come after a person's edit, may fail in a way that the real one
 * may, and may be the last before the process is killed or the power goes; from then on every call fails and does
 * nothing. People's programs use the acts below, which never fail by chance.
 *
 * inotify: a queue with a bound, watches on folders only, one entry for equal events in a row; a watch follows its folder
 * wherever it is moved, and ends with it; nothing is told of a folder before it is watched. */
#ifndef SIM_KERNEL_H
#define SIM_KERNEL_H
#include <stdarg.h>
#include <sys/stat.h>

#include "sim/simdisk.h"

struct simnode;

struct simfd {
	struct siminode *node; /* NULL: free; the inotify instance: the disk's top */
	struct simname *name;  /* by which it was opened, for events */
	bool write, wrote, events, lease;
	size_t at;
	uint64_t lease_at; /* the file's `changes` when the lease was given */
};

struct simdir { /* what fdopendir gives */
	int fd;
	size_t at, end; /* names read; names there when it was opened */
};

struct simnotice { /* an event in the queue */
	int watch;
	uint32_t mask, cookie;
	char *name;
};

struct simwatch {
	int number;
	struct siminode *folder;
};

struct simkernel {
	struct simfd *fds;
	size_t fd_count, fd_cap, fd_open;
	struct simwatch *watches;
	size_t watch_count, watch_cap;
	struct simnotice *queue;
	size_t queue_count, queue_cap, queue_most;
	int watch_last;
	uint32_t cookie_last;
	uint64_t ready_us;   /* when the queue may be read */
	uint64_t spent_us;   /* of this turn, by calls */
	uint64_t calls;
	struct simdir dir;   /* at most one is open, as scan.h says */
	bool dir_open;
	bool mute;           /* an act that makes no event (mmap, a name outside) */
	bool placing;        /* the engine is at work on a file: people are most likely to be in its way now */
};

void kernel_finish(struct simnode *n);
void kernel_reset(struct simnode *n); /* the process ended: descriptors, watches and events are gone */
/* The device whose calls the engine's rooms make from here on. */
void kernel_use(struct simnode *n);
/* Counts a call of the engine and draws its fate: false when it was the last. */
bool kernel_enter(struct simnode *n);

/* What people's programs do. All answer 0 or an errno. */
int kernel_make(struct simnode *n, struct siminode *folder, const char *name, enum simkind kind, mode_t mode,
                struct siminode **out);
int kernel_remove(struct simnode *n, struct simname *s);
int kernel_move(struct simnode *n, struct simname *from, struct simname *to, bool exchange);
void kernel_write(struct simnode *n, struct siminode *i, struct blob content); /* takes the content */
void kernel_close(struct simnode *n, struct siminode *i); /* of a writer: CLOSE_WRITE */
void kernel_mode(struct simnode *n, struct siminode *i, mode_t mode);
void kernel_touch(struct simnode *n, struct siminode *i, int64_t mtime_ns);
int64_t kernel_file_time(const struct simnode *n);

/* The calls of the engine's rooms, as in their man pages. */
struct statfs;
int kernel_open(const char *path, int flags, ...);
int kernel_openat(int dir, const char *name, int flags, ...);
long kernel_syscall(long number, ...);
int kernel_close_fd(int fd);
ssize_t kernel_read(int fd, void *out, size_t len);
ssize_t kernel_put(int fd, const void *bytes, size_t len);
int kernel_stat(const char *path, struct stat *st);
int kernel_fstat(int fd, struct stat *st);
int kernel_fstatat(int dir, const char *name, struct stat *st, int flags);
int kernel_statx(int dir, const char *name, int flags, unsigned mask, struct statx *out); /* tells no time of birth */
int kernel_fstatfs(int fd, struct statfs *fs);
char *kernel_realpath(const char *path, char *out);
ssize_t kernel_readlinkat(int dir, const char *name, char *out, size_t len);
int kernel_mkdirat(int dir, const char *name, mode_t mode);
int kernel_unlinkat(int dir, const char *name, int flags);
int kernel_linkat(int from_dir, const char *from, int to_dir, const char *to, int flags);
int kernel_renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags);
int kernel_renameat(int from_dir, const char *from, int to_dir, const char *to);
int kernel_symlinkat(const char *target, int dir, const char *name);
int kernel_fsync(int fd);
int kernel_sync_file_range(int fd, off_t from, off_t len, unsigned how);
int kernel_syncfs(int fd);
int kernel_fchmod(int fd, mode_t mode);
int kernel_fchown(int fd, uid_t uid, gid_t gid);
int kernel_futimens(int fd, const struct timespec times[2]);
int kernel_utimensat(int dir, const char *name, const struct timespec times[2], int flags);
int kernel_fcntl(int fd, int command, ...);
mode_t kernel_umask(mode_t mask);
void *kernel_fdopendir(int fd);
struct dirent *kernel_readdir(void *dir);
int kernel_closedir(void *dir);
int kernel_dirfd(void *dir);
int kernel_inotify_init1(int flags);
int kernel_inotify_add_watch(int fd, const char *path, uint32_t mask);
int kernel_inotify_rm_watch(int fd, int watch);
const char *kernel_far(int fd); /* NULL: no network filesystem */
uint64_t kernel_clock_us(void);
int64_t kernel_clock_wall_ms(void);
void kernel_entropy(void *out, size_t len);
#endif

/* calls: what stands before each of the engine's file rooms when it is compiled a second time for the simulated world:
 * its system calls go to sim/kernel.h, and its own names get a prefix, so that both copies live in one program. No line
 * of the rooms is another one here. The headers of the system come first: the words below are also theirs. */
#ifndef SIM_REAL_CALLS_H
#define SIM_REAL_CALLS_H
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "sim/kernel.h"
#include "sim/real/names.h"
#include "sys/clock.h"
#include "sys/entropy.h"
#include "sys/farfs.h"

#define open(...) kernel_open(__VA_ARGS__)
#define openat(...) kernel_openat(__VA_ARGS__)
#define syscall(...) kernel_syscall(__VA_ARGS__)
#define close(fd) kernel_close_fd(fd)
#define read(fd, out, len) kernel_read(fd, out, len)
#define write(fd, bytes, len) kernel_put(fd, bytes, len)
#define stat(path, st) kernel_stat(path, st)
#define fstat(fd, st) kernel_fstat(fd, st)
#define fstatat(dir, name, st, flags) kernel_fstatat(dir, name, st, flags)
#define statx(dir, name, flags, mask, out) kernel_statx(dir, name, flags, mask, out)
#define fstatfs(fd, fs) kernel_fstatfs(fd, fs)
#define realpath(path, out) kernel_realpath(path, out)
#define readlinkat(dir, name, out, len) kernel_readlinkat(dir, name, out, len)
#define mkdirat(dir, name, mode) kernel_mkdirat(dir, name, mode)
#define unlinkat(dir, name, flags) kernel_unlinkat(dir, name, flags)
#define linkat(a, b, c, d, flags) kernel_linkat(a, b, c, d, flags)
#define renameat(a, b, c, d) kernel_renameat(a, b, c, d)
#define renameat2(a, b, c, d, flags) kernel_renameat2(a, b, c, d, flags)
#define symlinkat(target, dir, name) kernel_symlinkat(target, dir, name)
#define fsync(fd) kernel_fsync(fd)
#define sync_file_range(fd, from, len, how) kernel_sync_file_range(fd, from, len, how)
#define syncfs(fd) kernel_syncfs(fd)
#define fchmod(fd, mode) kernel_fchmod(fd, mode)
#define fchown(fd, uid, gid) kernel_fchown(fd, uid, gid)
#define futimens(fd, times) kernel_futimens(fd, times)
#define utimensat(dir, name, times, flags) kernel_utimensat(dir, name, times, flags)
#define fcntl(...) kernel_fcntl(__VA_ARGS__)
#define umask(mask) kernel_umask(mask)
#define sigaction(number, new, old) (*(old) = (struct sigaction){ 0 }, -1)
#define fdopendir(fd) ((DIR *)kernel_fdopendir(fd))
#define readdir(dir) kernel_readdir(dir)
#define closedir(dir) kernel_closedir(dir)
#define dirfd(dir) kernel_dirfd(dir)
#define inotify_init1(flags) kernel_inotify_init1(flags)
#define inotify_add_watch(fd, path, mask) kernel_inotify_add_watch(fd, path, mask)
#define inotify_rm_watch(fd, watch) kernel_inotify_rm_watch(fd, watch)
#define farfs_of kernel_far
#define clock_us() kernel_clock_us()
#define clock_ms() (kernel_clock_us() / 1000)
#define clock_wall_ms() kernel_clock_wall_ms()
#define entropy_fill(out, len) kernel_entropy(out, len)
#endif

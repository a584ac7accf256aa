#include "sys/child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define STATUS_FD 3 /* in the child: tells why it could not be executed */

/* Above all numbers that the child gives away, so that no dup2 overwrites another. */
static int moved_up(int fd)
{
	int up = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 10);
	if (fd >= 0)
		close(fd);
	return up;
}

static bool pipe_up(int ends[2])
{
	if (pipe2(ends, O_CLOEXEC))
		return ends[0] = ends[1] = -1, false;
	ends[0] = moved_up(ends[0]);
	ends[1] = moved_up(ends[1]);
	return ends[0] >= 0 && ends[1] >= 0;
}

static void close_both(int ends[2])
{
	for (int i = 0; i < 2; i++)
		if (ends[i] >= 0)
			close(ends[i]);
}

static void default_signals(void)
{
	sigset_t none;
	sigemptyset(&none);
	for (int i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void become(char *const argv[], unsigned flags, pid_t parent, int in, int out, int status)
{
	default_signals();
	if (flags & CHILD_DAEMON) {
		setsid();
		if (chdir("/"))
			_exit(127);
	} else {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		if (getppid() != parent)
			_exit(127);
	}
	int null = moved_up(open("/dev/null", O_RDWR | O_CLOEXEC));
	bool alone = flags & CHILD_DAEMON;
	if (in >= 0 || alone)
		dup2(in >= 0 ? in : null, STDIN_FILENO);
	if (out >= 0 || alone)
		dup2(out >= 0 ? out : null, STDOUT_FILENO);
	if (alone || (flags & CHILD_QUIET))
		dup2(null, STDERR_FILENO);
	dup2(status, STATUS_FD);
	fcntl(STATUS_FD, F_SETFD, FD_CLOEXEC);
	close_range(STATUS_FD + 1, ~0U, 0);
	execvp(argv[0], argv);
	int why = errno;
	(void)!write(STATUS_FD, &why, sizeof why);
	_exit(127);
}

/* Zero when the program runs: its end of the pipe was closed by being executed. */
static int why_not(int status)
{
	int why = 0;
	ssize_t n;
	while ((n = read(status, &why, sizeof why)) < 0 && errno == EINTR)
		;
	return n == sizeof why ? why : 0;
}

bool child_start(struct child *c, char *const argv[], unsigned flags, struct err *e)
{
	int in[2] = { -1, -1 }, out[2] = { -1, -1 }, status[2] = { -1, -1 };
	*c = (struct child){ .in = -1, .out = -1 };
	bool fine = pipe_up(status) && (!(flags & CHILD_PIPES) || (pipe_up(in) && pipe_up(out)));
	pid_t parent = getpid(), pid = fine ? fork() : -1;
	int why = errno;
	if (pid == 0)
		become(argv, flags, parent, in[0], out[1], status[1]);
	if (pid > 0) {
		close(status[1]);
		status[1] = -1;
		why = why_not(status[0]);
		if (why)
			waitpid(pid, NULL, 0);
	}
	if (pid > 0 && !why) {
		*c = (struct child){ pid, in[1], out[0] };
		in[1] = out[0] = -1;
	}
	close_both(in);
	close_both(out);
	close_both(status);
	return c->pid || err_set(e, argv[0], NULL, "it cannot be started: %s", strerror(why));
}

static bool ends_within(pid_t pid, int timeout_ms)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (fd < 0)
		return errno == ESRCH || timeout_ms < 0;
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int ready;
	while ((ready = poll(&p, 1, timeout_ms)) < 0 && errno == EINTR)
		;
	close(fd);
	return ready > 0;
}

int child_wait(struct child *c, int timeout_ms)
{
	int status = 0;
	if (c->in >= 0)
		close(c->in);
	c->in = -1;
	if (c->pid <= 0)
		return 0;
	if (timeout_ms >= 0 && !ends_within(c->pid, timeout_ms))
		return -1;
	while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
		;
	if (c->out >= 0)
		close(c->out);
	*c = (struct child){ .in = -1, .out = -1 };
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int child_end(struct child *c, int grace_ms)
{
	if (c->pid <= 0)
		return 0;
	kill(c->pid, SIGTERM);
	int code = child_wait(c, grace_ms);
	if (code >= 0)
		return code;
	kill(c->pid, SIGKILL);
	return child_wait(c, -1);
}

const char *child_self(void)
{
	static char path[PATH_MAX];
	if (path[0])
		return path;
	ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
	if (n <= 0 || access(path, X_OK))
		return strcpy(path, "syncline");
	return path;
}

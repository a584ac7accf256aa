#include "control/launch.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "sys/child.h"
#include "sys/clock.h"

#define LAUNCH_LOOK_MS 10 /* how often we look whether it listens yet */
#define LAUNCH_OTHER_MS 1000 /* after ours died: another one may have been quicker, and is about to listen */

/* In the new process. Its stderr is a file in memory: whoever started it can still read why it ended, and nobody's
 * terminal or pipe is held open. */
static void become_engine(char *const argv[], int said, enum launch how, pid_t starter)
{
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	setsid();
	if (chdir("/"))
		_exit(1);
	if (how == LAUNCH_LEASHED) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		if (getppid() != starter)
			_exit(1);
	}
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(said, STDERR_FILENO);
	close_range(3, ~0U, 0);
	execv(argv[0], argv);
	_exit(127);
}

/* One that stays is not our child (nobody would wait for it): a process between us ends at once. */
static pid_t start(char *const argv[], int said, enum launch how)
{
	int link[2];
	pid_t self = getpid(), pid = 0;
	if (how == LAUNCH_LEASHED) {
		pid = fork();
		if (!pid)
			become_engine(argv, said, how, self);
		return pid;
	}
	if (pipe2(link, O_CLOEXEC))
		return -1;
	pid_t between = fork();
	if (!between) {
		pid = fork();
		if (!pid)
			become_engine(argv, said, how, self);
		_exit(write(link[1], &pid, sizeof pid) != sizeof pid);
	}
	close(link[1]);
	if (read(link[0], &pid, sizeof pid) != sizeof pid)
		pid = -1;
	close(link[0]);
	if (between > 0)
		waitpid(between, NULL, 0);
	return pid;
}

/* The first line that it left, without our own prefix. */
static bool last_words(int said, struct err *e)
{
	char text[384];
	ssize_t n = pread(said, text, sizeof text - 1, 0);
	text[n > 0 ? n : 0] = 0;
	text[strcspn(text, "\n")] = 0;
	const char *line = !strncmp(text, "syncline: ", 10) ? text + 10 : text;
	if (!*line)
		return err_set(e, "engine", "'syncline run' shows it on the terminal", "it ended before it answered");
	return err_set(e, "engine", NULL, "it did not start: %s", line);
}

static struct client *await_engine(const struct home *h, int pidfd, int said, int timeout_ms, struct err *e)
{
	uint64_t until = clock_ms() + (uint64_t)timeout_ms;
	bool dead = pidfd < 0;
	struct client *c;
	for (;;) {
		c = client_connect(h->control, NULL);
		if (c)
			return c;
		if (clock_ms() >= until)
			break;
		struct pollfd p = { .fd = dead ? -1 : pidfd, .events = POLLIN };
		if (poll(&p, 1, LAUNCH_LOOK_MS) > 0) {
			dead = true;
			uint64_t other = clock_ms() + LAUNCH_OTHER_MS;
			until = other < until ? other : until;
		}
	}
	if (dead)
		last_words(said, e);
	else
		err_set(e, "engine", "look into the log", "it was started and does not answer");
	return NULL;
}

struct client *launch_ensure(const struct home *h, enum launch how, int timeout_ms, bool *started, struct err *e)
{
	struct client *c = client_connect(h->control, NULL);
	if (started)
		*started = !c;
	if (c)
		return c;
	int said = memfd_create("syncline-engine", MFD_CLOEXEC);
	char *folder = mem_printf("%.*s", (int)(strrchr(h->config, '/') - h->config), h->config);
	char *with_home[] = { (char *)child_self(), "--home", folder, "run", NULL };
	char *without[] = { (char *)child_self(), "run", NULL };
	pid_t pid = start(h->explicit ? with_home : without, said, how);
	free(folder);
	if (pid > 0) {
		int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
		c = await_engine(h, pidfd, said, timeout_ms, e);
		if (!c && pidfd >= 0)
			syscall(SYS_pidfd_send_signal, pidfd, SIGTERM, NULL, 0);
		close(pidfd);
	} else {
		err_set(e, "engine", "close other programs", "it cannot be started: no process can be made");
	}
	close(said);
	return c;
}

bool launch_end(struct client *c, int timeout_ms, struct err *e)
{
	struct ucred engine = { 0 };
	socklen_t len = sizeof engine;
	getsockopt(client_fd(c), SOL_SOCKET, SO_PEERCRED, &engine, &len);
	int pidfd = engine.pid > 0 ? (int)syscall(SYS_pidfd_open, engine.pid, 0) : -1;
	json_t *answer = client_ask(c, control_request("stop"), timeout_ms, e, NULL);
	client_destroy(c);
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	bool ended = pidfd < 0 || poll(&p, 1, timeout_ms) == 1;
	if (pidfd >= 0)
		close(pidfd);
	/* One that ends while it answers has done what was asked. */
	json_decref(answer);
	return ended || err_set(e, "engine", "end it with SIGTERM", "it was asked to stop and has not");
}

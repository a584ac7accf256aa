/* ptywatch: runs a program on a terminal of its own and watches the bytes that it sends there. Its standard input tells
 * it what to do, a command a line; what it finds goes to standard output:
 *
 *   send TEXT      types it; \n \r \t \e \\ and \xHH are understood
 *   sleep MS       reads on for so long
 *   quiet MS       reads on until nothing came for so long (10 s at most)
 *   until TEXT     reads on until these bytes were sent (10 s at most): "until ok" or "until TIMEOUT"
 *   count NAME     "NAME bytes=N reads=N wakeups=N", each since the last count; wakeups of the program by its own will
 *   stall MS       reads nothing for so long
 *   resize WxH
 *   signal NUMBER
 *   run COMMAND    of the shell
 *   modes          "modes same" when the terminal is set as it was before the program, else "modes CHANGED"
 *   wait           until it has ended and all that it sent was read: "exit CODE" or "exit signal NUMBER"
 *
 * ptywatch WxH OUT COMMAND…: every byte goes into the file OUT as well. */
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include <utmp.h>

#define END_MARK 0

static struct {
	int master, keep; /* keep: the other side stays open, so that its modes can be read after the end */
	pid_t pid;
	FILE *out;
	unsigned long bytes, reads;
	long switches;
	char tail[65536]; /* what "until" has not looked past yet */
	size_t tail_len;
	struct termios before;
	bool ended;
	int status;
} w;

static long now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* False: the mark behind the program's last byte came. */
static bool take(int wait_ms)
{
	char bytes[16384];
	struct pollfd p = { .fd = w.master, .events = POLLIN };
	if (poll(&p, 1, wait_ms) < 1)
		return true;
	ssize_t n = read(w.master, bytes, sizeof bytes);
	bool last = n > 0 && w.ended && bytes[n - 1] == END_MARK;
	if (last)
		n--;
	if (n <= 0)
		return !last;
	w.bytes += (unsigned long)n;
	w.reads++;
	fwrite(bytes, 1, (size_t)n, w.out);
	fflush(w.out);
	if (w.tail_len + (size_t)n > sizeof w.tail)
		w.tail_len = 0;
	memcpy(w.tail + w.tail_len, bytes, (size_t)n);
	w.tail_len += (size_t)n;
	return !last;
}

static void read_for(long ms)
{
	long until = now_ms() + ms;
	for (long left = ms; left >= 0; left = until - now_ms())
		take((int)left);
}

static void read_until_quiet(long ms)
{
	long end = now_ms() + 10000;
	for (unsigned long reads = w.reads + 1; reads != w.reads && now_ms() < end;) {
		reads = w.reads;
		take((int)ms);
	}
}

static size_t unescape(char *text)
{
	char *to = text;
	for (char *from = text; *from; from++) {
		if (*from != '\\') {
			*to++ = *from;
			continue;
		}
		unsigned value;
		switch (*++from) {
		case 'n':
			*to++ = '\n';
			break;
		case 'r':
			*to++ = '\r';
			break;
		case 't':
			*to++ = '\t';
			break;
		case 'e':
			*to++ = '\033';
			break;
		case 'x':
			if (sscanf(from + 1, "%2x", &value) == 1)
				*to++ = (char)value, from += 2;
			break;
		case 0:
			return (size_t)(to - text);
		default:
			*to++ = *from;
		}
	}
	return (size_t)(to - text);
}

static void read_until(char *text)
{
	size_t len = unescape(text);
	long end = now_ms() + 10000;
	while (now_ms() < end) {
		if (memmem(w.tail, w.tail_len, text, len)) {
			w.tail_len = 0;
			puts("until ok");
			return;
		}
		take(50);
	}
	puts("until TIMEOUT");
}

static long switches(void)
{
	char path[64], line[256];
	long n = 0;
	snprintf(path, sizeof path, "/proc/%d/status", (int)w.pid);
	FILE *f = fopen(path, "r");
	while (f && fgets(line, sizeof line, f))
		sscanf(line, "voluntary_ctxt_switches: %ld", &n);
	if (f)
		fclose(f);
	return n;
}

static void count(const char *name)
{
	long now = switches();
	printf("%s bytes=%lu reads=%lu wakeups=%ld\n", name, w.bytes, w.reads, now - w.switches);
	w.bytes = w.reads = 0;
	w.switches = now;
}

/* A terminal hands its bytes over some time after they were written, and not all at once: a mark of our own, written
 * behind them, tells when the last one is here. */
static void await_end(void)
{
	long end = now_ms() + 10000;
	while (now_ms() < end && !w.ended) {
		take(20);
		w.ended = waitpid(w.pid, &w.status, WNOHANG) == w.pid;
	}
	fcntl(w.keep, F_SETFL, O_NONBLOCK); /* it may be full */
	for (bool marked = false, more = w.ended; more && now_ms() < end; more = take(20))
		marked = marked || write(w.keep, &(char){ END_MARK }, 1) == 1;
	if (!w.ended)
		puts("exit TIMEOUT");
	else if (WIFSIGNALED(w.status))
		printf("exit signal %d\n", WTERMSIG(w.status));
	else
		printf("exit %d\n", WEXITSTATUS(w.status));
}

static void compare_modes(void)
{
	struct termios now;
	tcgetattr(w.keep, &now);
	bool same = now.c_iflag == w.before.c_iflag && now.c_oflag == w.before.c_oflag &&
	            now.c_lflag == w.before.c_lflag && now.c_cflag == w.before.c_cflag &&
	            !memcmp(now.c_cc, w.before.c_cc, sizeof now.c_cc);
	puts(same ? "modes same" : "modes CHANGED");
}

static void obey(char *line)
{
	char *rest = strchr(line, ' ');
	int width, height;
	if (rest)
		*rest++ = 0;
	else
		rest = line + strlen(line);
	if (!strcmp(line, "send")) {
		ssize_t n = write(w.master, rest, unescape(rest));
		(void)n;
	} else if (!strcmp(line, "sleep")) {
		read_for(atol(rest));
	} else if (!strcmp(line, "quiet")) {
		read_until_quiet(atol(rest));
	} else if (!strcmp(line, "stall")) {
		usleep((useconds_t)atol(rest) * 1000);
	} else if (!strcmp(line, "until")) {
		read_until(rest);
	} else if (!strcmp(line, "count")) {
		count(rest);
	} else if (!strcmp(line, "resize") && sscanf(rest, "%dx%d", &width, &height) == 2) {
		struct winsize size = { .ws_col = (unsigned short)width, .ws_row = (unsigned short)height };
		ioctl(w.master, TIOCSWINSZ, &size);
	} else if (!strcmp(line, "signal")) {
		kill(w.pid, atoi(rest));
	} else if (!strcmp(line, "run")) {
		int code = system(rest);
		if (code)
			printf("run FAILED %d\n", code);
	} else if (!strcmp(line, "modes")) {
		compare_modes();
	} else if (!strcmp(line, "wait")) {
		await_end();
	}
	fflush(stdout);
}

int main(int argc, char **argv)
{
	int width, height, slave;
	char line[4096];
	if (argc < 4 || sscanf(argv[1], "%dx%d", &width, &height) != 2) {
		fputs("ptywatch WxH OUT COMMAND...\n", stderr);
		return 2;
	}
	struct winsize size = { .ws_col = (unsigned short)width, .ws_row = (unsigned short)height };
	w.out = fopen(argv[2], "w");
	if (!w.out || openpty(&w.master, &slave, NULL, NULL, &size)) {
		perror("ptywatch");
		return 1;
	}
	tcgetattr(slave, &w.before);
	w.keep = slave;
	w.pid = fork();
	if (!w.pid) {
		close(w.master);
		login_tty(slave);
		execvp(argv[3], argv + 3);
		_exit(127);
	}
	while (fgets(line, sizeof line, stdin)) {
		line[strcspn(line, "\n")] = 0;
		obey(line);
	}
	if (!w.ended) {
		kill(w.pid, SIGKILL);
		waitpid(w.pid, NULL, 0);
	}
	return 0;
}

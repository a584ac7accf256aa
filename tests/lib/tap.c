/* tap: a TCP proxy on loopback that counts, and if wanted records, every byte that crosses it.
 *
 *   tap PORT_FILE TARGET COUNT_FILE [RECORD_FILE]
 *
 * TARGET is ADDR:PORT, or @FILE that holds it (read at each connection: a hub may come back elsewhere). COUNT_FILE
 * always holds "UP DOWN CONNECTIONS": bytes to the target, from it, connections so far. While there is a file named
 * COUNT_FILE.cut, each connection ends once as many bytes as it says have come from the target. Ends with its parent.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define PAIRS_MAX 64

struct pair {
	int near, far;
	unsigned long long down_before;
};

static unsigned long long up, down, connections;
static int count_fd, record_fd = -1;

static void save_counts(void)
{
	char text[80];
	int n = snprintf(text, sizeof text, "%20llu %20llu %10llu\n", up, down, connections);
	if (pwrite(count_fd, text, (size_t)n, 0) != n)
		perror("tap: count file");
}

static struct sockaddr_in target_of(const char *target)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	char text[64] = "", *colon;
	if (*target == '@') {
		FILE *f = fopen(target + 1, "re");
		if (f && fgets(text, sizeof text, f))
			text[strcspn(text, "\n")] = 0;
		if (f)
			fclose(f);
	} else {
		snprintf(text, sizeof text, "%s", target);
	}
	if ((colon = strrchr(text, ':'))) {
		*colon = 0;
		to.sin_port = htons((unsigned short)atoi(colon + 1));
	}
	inet_pton(AF_INET, text, &to.sin_addr);
	return to;
}

static bool take(int listener, const char *target, struct pair *p)
{
	int one = 1;
	struct sockaddr_in to = target_of(target);
	p->near = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (p->near < 0)
		return false;
	p->far = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(p->far, (struct sockaddr *)&to, sizeof to)) {
		close(p->near);
		close(p->far);
		return false;
	}
	setsockopt(p->near, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	setsockopt(p->far, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	p->down_before = down;
	connections++;
	save_counts();
	return true;
}

/* Blocking on the write side is fine: both ends are ours and read. False: this way has ended. */
static bool carry(int from, int to, unsigned long long *count)
{
	char bytes[65536];
	ssize_t n = read(from, bytes, sizeof bytes);
	if (n <= 0)
		return false;
	*count += (unsigned long long)n;
	save_counts(); /* before it goes on: whoever saw the effect sees the count */
	if (record_fd >= 0 && write(record_fd, bytes, (size_t)n) != n)
		return false;
	for (ssize_t sent = 0; sent < n;) {
		ssize_t m = send(to, bytes + sent, (size_t)(n - sent), MSG_NOSIGNAL);
		if (m <= 0)
			return false;
		sent += m;
	}
	return true;
}

static bool is_cut(const char *file, const struct pair *p)
{
	unsigned long long limit;
	char path[4096];
	snprintf(path, sizeof path, "%s.cut", file);
	FILE *f = fopen(path, "re");
	bool cut = f && fscanf(f, "%llu", &limit) == 1 && down - p->down_before >= limit;
	if (f)
		fclose(f);
	return cut;
}

static bool write_port(const char *file, int listener)
{
	struct sockaddr_in at;
	socklen_t len = sizeof at;
	char temp[4096];
	getsockname(listener, (struct sockaddr *)&at, &len);
	snprintf(temp, sizeof temp, "%s.new", file);
	FILE *f = fopen(temp, "we");
	if (!f)
		return false;
	fprintf(f, "127.0.0.1:%d\n", ntohs(at.sin_port));
	return !fclose(f) && !rename(temp, file);
}

int main(int argc, char **argv)
{
	struct pair pairs[PAIRS_MAX];
	size_t count = 0;
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	if (argc < 4)
		return fputs("tap: PORT_FILE TARGET COUNT_FILE [RECORD_FILE]\n", stderr), 2;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN);
	count_fd = open(argv[3], O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (argc > 4)
		record_fd = open(argv[4], O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (count_fd < 0 || (argc > 4 && record_fd < 0) || bind(listener, (struct sockaddr *)&at, sizeof at) ||
	    listen(listener, 16))
		return perror("tap"), 1;
	save_counts();
	if (!write_port(argv[1], listener))
		return perror("tap: port file"), 1;
	for (;;) {
		struct pollfd p[1 + 2 * PAIRS_MAX] = { { .fd = listener, .events = count < PAIRS_MAX ? POLLIN : 0 } };
		for (size_t i = 0; i < count; i++) {
			p[1 + 2 * i] = (struct pollfd){ .fd = pairs[i].near, .events = POLLIN };
			p[2 + 2 * i] = (struct pollfd){ .fd = pairs[i].far, .events = POLLIN };
		}
		if (poll(p, 1 + 2 * count, -1) < 0 && errno != EINTR)
			return perror("tap"), 1;
		for (size_t i = count; i-- > 0;) {
			bool good = (!p[1 + 2 * i].revents || carry(pairs[i].near, pairs[i].far, &up)) &&
				    (!p[2 + 2 * i].revents || carry(pairs[i].far, pairs[i].near, &down));
			if (good && !is_cut(argv[3], &pairs[i]))
				continue;
			close(pairs[i].near);
			close(pairs[i].far);
			pairs[i] = pairs[--count];
		}
		if (p[0].revents && take(listener, argv[2], &pairs[count]))
			count++;
	}
}

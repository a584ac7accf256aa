/* badhub: a TCP server on loopback that is no hub.
 *
 *   badhub PORT_FILE html      answers any request with a web page
 *   badhub PORT_FILE 404       … or with this status, and an empty list
 *   badhub PORT_FILE silent    takes connections and says nothing
 *   badhub PORT_FILE garbage   answers with bytes that mean nothing
 *   badhub PORT_FILE closes    closes at once
 *
 * A third argument is the port, where it must be a certain one. Ends with its parent. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

static const char page[] = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 48\r\n\r\n"
			   "<html><body>Welcome to your router</body></html>";

int main(int argc, char **argv)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof at;
	char request[4096], temp[4096];
	int one = 1;
	if (argc < 3 || argc > 4)
		return 2;
	if (argc > 3)
		at.sin_port = htons((uint16_t)atoi(argv[3]));
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(listener, (struct sockaddr *)&at, sizeof at) || listen(listener, 16))
		return perror("badhub"), 1;
	getsockname(listener, (struct sockaddr *)&at, &len);
	snprintf(temp, sizeof temp, "%s.new", argv[1]);
	FILE *f = fopen(temp, "w");
	if (!f)
		return perror("badhub"), 1;
	fprintf(f, "127.0.0.1:%d\n", ntohs(at.sin_port));
	fclose(f);
	rename(temp, argv[1]);
	for (;;) {
		int fd = accept(listener, NULL, NULL);
		if (fd < 0)
			continue;
		if (!strcmp(argv[2], "silent"))
			continue; /* the descriptor stays open, for as long as we live */
		if (strcmp(argv[2], "closes") && read(fd, request, sizeof request) > 0) {
			char noise[512];
			memset(noise, 0x81, sizeof noise);
			if (!strcmp(argv[2], "html"))
				(void)!write(fd, page, sizeof page - 1);
			else if (atoi(argv[2]))
				dprintf(fd,
					"HTTP/1.1 %d No\r\nContent-Type: application/json\r\nContent-Length: "
					"2\r\n\r\n[]",
					atoi(argv[2]));
			else
				(void)!write(fd, noise, sizeof noise);
		}
		close(fd);
	}
}

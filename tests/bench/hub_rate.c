/* hub_rate: what a hub does alone. Starts one on a new store, then measures: a lone append to its confirmation and to
 * another device; appends in groups; many devices, one change a frame. */
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/verbs.h"
#include "hub/store/backends.h"
#include "sys/clock.h"
#include "sys/home.h"
#include "tests/lib/rawdevice.h"

#define WRITERS 16

static char folder[96], address[64], store_url[128];

static void die(const char *what)
{
	fprintf(stderr, "hub_rate: %s\n", what);
	exit(1);
}

static pid_t start_hub(void)
{
	char port_file[128];
	snprintf(port_file, sizeof port_file, "%s/port", folder);
	snprintf(store_url, sizeof store_url, "sqlite:%s/hub.db", folder);
	pid_t pid = fork();
	if (pid == 0) {
		char *argv[] = {
			"hub", "--listen", "127.0.0.1:0", "--store", store_url, "--port-file", port_file, NULL
		};
		globals.quiet = true;
		exit(hub_main(7, argv));
	}
	for (int i = 0; i < 500; i++, usleep(10000)) {
		FILE *f = fopen(port_file, "r");
		if (!f)
			continue;
		if (fscanf(f, "%63s", address) != 1)
			die("no port");
		fclose(f);
		return pid;
	}
	die("the hub does not start");
	return 0;
}

static void join(struct rawdevice *d, uint8_t n)
{
	uint8_t token[MESSAGE_TOKEN], hash[MESSAGE_TOKEN];
	struct store *s = store_visit(store_url, NULL);
	memset(token, n, sizeof token);
	message_token_hash(hash, token);
	s->ops->invite(s, 1, "bench", hash, clock_wall_ms() + 60000, clock_wall_ms());
	s->ops->pump(s);
	store_close(s);
	rawdevice_init(d, n);
	if (!rawdevice_connect(d, address, false) || !rawdevice_enroll(d, token) || !rawdevice_auth(d, 1, 0))
		die("cannot join");
}

static void put(struct buf *out, uint8_t who, uint64_t counter)
{
	static uint8_t body[60];
	struct change c = { .counter = counter,
		            .item = { { who } },
		            .version = { { 1 } },
		            .edited = counter,
		            .body = { body, sizeof body } };
	memcpy(&c.item.b[1], &counter, sizeof counter);
	wire_put(out, &(struct record){ .type = RECORD_CHANGE, .change = c });
}

/* Reads until `count` records of the type came. */
static void await(struct rawdevice *d, enum record_type type, size_t count)
{
	struct buf payload = { 0 };
	struct record r;
	while (count) {
		int opcode = rawdevice_next(d, &payload, 10000);
		if (opcode < 0)
			die("the hub is silent");
		if (opcode != 2)
			continue;
		struct reader in = reader_of(buf_view(&payload));
		while (wire_next(&in, &r) == 1)
			count -= r.type == type && count;
	}
	buf_finish(&payload);
}

static int order(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

static void lone(struct rawdevice *d, struct rawdevice *other, uint64_t *counter)
{
	enum { ROUNDS = 2000 };
	static uint64_t confirm[ROUNDS], deliver[ROUNDS];
	struct buf out = { 0 };
	for (int i = 0; i < ROUNDS; i++) {
		buf_clear(&out);
		put(&out, 1, ++*counter);
		uint64_t start = clock_us();
		rawdevice_frame(d, true, 2, buf_view(&out));
		await(d, RECORD_CONFIRM, 1);
		confirm[i] = clock_us() - start;
		await(other, RECORD_ENTRY, 1);
		deliver[i] = clock_us() - start;
	}
	qsort(confirm, ROUNDS, sizeof *confirm, order);
	qsort(deliver, ROUNDS, sizeof *deliver, order);
	printf("lone append: confirmed p50 %lu us, p99 %lu us; delivered p50 %lu us, p99 %lu us\n", confirm[ROUNDS / 2],
	       confirm[ROUNDS * 99 / 100], deliver[ROUNDS / 2], deliver[ROUNDS * 99 / 100]);
	buf_finish(&out);
}

static void groups(struct rawdevice *d, struct rawdevice *other, uint64_t *counter)
{
	enum { FRAMES = 400, GROUP = 128, AHEAD = 4 };
	struct buf out = { 0 };
	uint64_t start = clock_us();
	for (int i = 0; i < FRAMES + AHEAD; i++) {
		buf_clear(&out);
		for (int k = 0; k < GROUP; k++)
			put(&out, 1, ++*counter);
		if (i < FRAMES)
			rawdevice_frame(d, true, 2, buf_view(&out));
		if (i >= AHEAD) {
			await(d, RECORD_CONFIRM, GROUP);
			await(other, RECORD_ENTRY, GROUP);
		}
	}
	double seconds = (double)(clock_us() - start) / 1e6;
	printf("groups of %d: %.0f appends/s, delivered to one other\n", GROUP, FRAMES * GROUP / seconds);
	buf_finish(&out);
}

static void many(uint64_t *counter)
{
	enum { EACH = 1500, AHEAD = 32 };
	struct rawdevice d[WRITERS];
	struct buf out = { 0 }, payload = { 0 };
	struct record r;
	size_t sent[WRITERS] = { 0 }, confirmed[WRITERS] = { 0 }, left = WRITERS * EACH;
	for (int i = 0; i < WRITERS; i++)
		join(&d[i], (uint8_t)(100 + i));
	uint64_t start = clock_us();
	while (left) {
		struct pollfd p[WRITERS];
		for (int i = 0; i < WRITERS; i++) {
			while (sent[i] < EACH && sent[i] < confirmed[i] + AHEAD) {
				buf_clear(&out);
				put(&out, (uint8_t)(100 + i), *counter + ++sent[i]);
				rawdevice_frame(&d[i], true, 2, buf_view(&out));
			}
			p[i] = (struct pollfd){ .fd = d[i].fd, .events = POLLIN };
		}
		poll(p, WRITERS, 1000);
		for (int i = 0; i < WRITERS; i++) {
			if (!p[i].revents)
				continue;
			while (rawdevice_next(&d[i], &payload, 0) == 2) {
				struct reader in = reader_of(buf_view(&payload));
				while (wire_next(&in, &r) == 1)
					if (r.type == RECORD_CONFIRM) {
						confirmed[i]++;
						left--;
					}
			}
		}
	}
	double seconds = (double)(clock_us() - start) / 1e6;
	printf("%d devices, a change a frame: %.0f appends/s, %.0f deliveries/s\n", WRITERS, WRITERS * EACH / seconds,
	       (double)WRITERS * EACH * (WRITERS - 1) / seconds);
	for (int i = 0; i < WRITERS; i++)
		rawdevice_finish(&d[i]);
	buf_finish(&out);
	buf_finish(&payload);
}

/* The store is made below the folder given, else below /tmp: its disk is most of what is measured. */
int main(int argc, char **argv)
{
	struct rawdevice one, two;
	char command[128];
	uint64_t counter = 0;
	snprintf(folder, sizeof folder, "%s/syncline-rate-XXXXXX", argc > 1 ? argv[1] : "/tmp");
	if (sodium_init() < 0 || !mkdtemp(folder))
		die("cannot start");
	pid_t hub = start_hub();
	join(&one, 1);
	join(&two, 2);
	lone(&one, &two, &counter);
	groups(&one, &two, &counter);
	rawdevice_finish(&one);
	rawdevice_finish(&two);
	many(&counter);
	kill(hub, SIGTERM);
	waitpid(hub, NULL, 0);
	snprintf(command, sizeof command, "rm -rf %s", folder);
	return system(command);
}

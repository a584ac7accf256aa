/* The hub as a process: `hub_main` in a child, spoken to over real sockets by devices without an engine. */
#include <criterion/criterion.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/verbs.h"
#include "hub/options.h"
#include "hub/store/backends.h"
#include "sys/clock.h"
#include "sys/home.h"
#include "tests/lib/rawdevice.h"

static char folder[64], store_url[128], port_file[128], address[64];
static pid_t hub;

static void start_hub(const char *listen, const char *more)
{
	unlink(port_file);
	hub = fork();
	if (hub == 0) {
		char *argv[] = { "hub",         "--listen", (char *)listen, "--store", store_url,
			         "--port-file", port_file,  (char *)more,   NULL };
		globals.quiet = true;
		exit(hub_main(more ? 8 : 7, argv));
	}
	for (int i = 0; i < 1000; i++, usleep(10000)) {
		FILE *f = fopen(port_file, "r");
		if (!f)
			continue;
		cr_assert_eq(fscanf(f, "%63s", address), 1);
		fclose(f);
		return;
	}
	cr_assert(false, "the hub does not start");
}

static int end_hub(int number)
{
	int status = 0;
	kill(hub, number);
	waitpid(hub, &status, 0);
	hub = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void setup(void)
{
	cr_assert(sodium_init() >= 0);
	strcpy(folder, "/tmp/syncline-hub-XXXXXX");
	cr_assert_not_null(mkdtemp(folder));
	snprintf(store_url, sizeof store_url, "sqlite:%s/hub.db", folder);
	snprintf(port_file, sizeof port_file, "%s/port", folder);
}

static void teardown(void)
{
	char command[128];
	if (hub)
		end_hub(SIGKILL);
	snprintf(command, sizeof command, "rm -rf %s", folder);
	cr_assert_eq(system(command), 0);
}

TestSuite(hub_io, .init = setup, .fini = teardown, .timeout = 60);

static void join(struct rawdevice *d, uint8_t n)
{
	uint8_t token[MESSAGE_TOKEN], hash[MESSAGE_TOKEN];
	struct store *s = store_visit(store_url, NULL);
	cr_assert_not_null(s);
	memset(token, n, sizeof token);
	message_token_hash(hash, token);
	s->ops->invite(s, 1, "me", hash, clock_wall_ms() + 60000, clock_wall_ms());
	s->ops->pump(s);
	store_close(s);
	rawdevice_init(d, n);
	cr_assert(rawdevice_connect(d, address, false));
	cr_assert(rawdevice_enroll(d, token));
	cr_assert(rawdevice_auth(d, 1, 0));
}

static void put(struct buf *out, uint64_t counter, struct span body)
{
	struct change c = { .counter = counter, .item = { { 1 } }, .version = { { 1 } }, .edited = 1, .body = body };
	memcpy(&c.item.b[1], &counter, sizeof counter);
	wire_put(out, &(struct record){ .type = RECORD_CHANGE, .change = c });
}

/* What a device hears, record by record. */
struct ear {
	struct buf frame;
	struct reader in;
};

static bool await(struct rawdevice *d, enum record_type type, struct record *out, struct ear *ear)
{
	for (;;) {
		while (ear->in.at && wire_next(&ear->in, out) == 1)
			if (out->type == type)
				return true;
		int opcode = rawdevice_next(d, &ear->frame, 5000);
		if (opcode < 0)
			return false;
		ear->in = opcode == 2 ? reader_of(buf_view(&ear->frame)) : (struct reader){ 0 };
	}
}

Test(hub_io, answers_a_browser)
{
	struct rawdevice d;
	char text[2048] = "";
	size_t len = 0;
	ssize_t n;
	start_hub("127.0.0.1:0", NULL);
	rawdevice_init(&d, 1);
	cr_assert(rawdevice_dial(&d, address, false));
	static const char get[] = "GET / HTTP/1.0\r\nHost: hub\r\n\r\n";
	cr_assert(rawdevice_write(&d, get, sizeof get - 1));
	while ((n = recv(d.fd, text + len, sizeof text - 1 - len, 0)) > 0)
		len += (size_t)n;
	cr_expect(strstr(text, " 200 "), "%s", text);
	cr_expect(strstr(text, "syncline hub"), "%s", text);
	rawdevice_finish(&d);
	cr_expect_eq(end_hub(SIGTERM), 0);
}

Test(hub_io, wants_its_path_and_protocol)
{
	struct rawdevice d;
	start_hub("127.0.0.1:0", NULL);
	static const char *const bad[][2] = { { "/", WIRE_SUBPROTOCOL },
		                              { "/realtime/x", WIRE_SUBPROTOCOL },
		                              { WIRE_PATH, NULL },
		                              { WIRE_PATH, "chat" } };
	for (size_t i = 0; i < 4; i++) {
		rawdevice_init(&d, 1);
		cr_assert(rawdevice_dial(&d, address, false));
		cr_expect_neq(rawdevice_upgrade(&d, bad[i][0], bad[i][1]), 101, "%s %s", bad[i][0], bad[i][1]);
		rawdevice_finish(&d);
	}
	rawdevice_init(&d, 1);
	cr_expect(rawdevice_connect(&d, address, false));
	rawdevice_finish(&d);
	cr_expect_eq(end_hub(SIGINT), 0);
}

Test(hub_io, carries_changes_whole_or_in_fragments)
{
	struct rawdevice one, two;
	struct buf out = { 0 };
	struct ear first = { 0 }, second = { 0 };
	struct record r;
	start_hub("127.0.0.1:0", NULL);
	join(&one, 1);
	join(&two, 2);
	uint8_t *body = mem_alloc(60000);
	memset(body, 'b', 60000);
	for (uint64_t i = 1; i <= 4; i++)
		put(&out, i, span_of(body, 60000));
	cr_assert(rawdevice_frame(&one, true, 2, buf_view(&out))); /* 240,000 bytes in one frame */
	for (uint64_t i = 1; i <= 4; i++) {
		cr_assert(await(&two, RECORD_ENTRY, &r, &second));
		cr_assert_eq(r.seq, i);
	}
	buf_clear(&out);
	put(&out, 5, span_text("fragmented"));
	for (size_t i = 0; i < out.len; i++) {
		cr_assert(rawdevice_frame(&one, i + 1 == out.len, i ? 0 : 2, span_of(out.data + i, 1)));
		if (i == 3)
			cr_assert(rawdevice_frame(&one, true, 9, span_text("ping between fragments")));
	}
	cr_assert(await(&two, RECORD_ENTRY, &r, &second));
	cr_expect_eq(r.seq, 5);
	cr_expect(span_equal(r.change.body, span_text("fragmented")));
	rawdevice_finish(&one);
	cr_assert(await(&two, RECORD_PRESENCE, &r, &second));
	cr_expect_not(r.online);
	rawdevice_finish(&two);
	buf_finish(&out);
	buf_finish(&first.frame);
	buf_finish(&second.frame);
	free(body);
	cr_expect_eq(end_hub(SIGTERM), 0);
}

Test(hub_io, says_why_it_hangs_up)
{
	struct rawdevice d;
	struct message m;
	uint8_t *bytes = mem_alloc(WIRE_FRAME_MAX + 1);
	start_hub("127.0.0.1:0", NULL);
	join(&d, 1);
	memset(bytes, 0x7f, WIRE_FRAME_MAX + 1);
	cr_assert(rawdevice_frame(&d, true, 2, span_of(bytes, 100)));
	cr_assert(rawdevice_answer(&d, MESSAGE_ERROR_REPORT, &m));
	cr_expect_str_eq(m.code, "malformed");
	message_finish(&m);
	rawdevice_finish(&d);

	join(&d, 2);
	rawdevice_frame(&d, true, 2, span_of(bytes, WIRE_FRAME_MAX + 1));
	cr_assert(rawdevice_answer(&d, MESSAGE_ERROR_REPORT, &m));
	cr_expect_str_eq(m.code, "too-large");
	message_finish(&m);
	rawdevice_finish(&d);

	rawdevice_init(&d, 3); /* a stranger with much to say */
	cr_assert(rawdevice_connect(&d, address, false));
	rawdevice_frame(&d, true, 1, span_of(bytes, WIRE_FRAME_MAX));
	cr_assert(rawdevice_answer(&d, MESSAGE_ERROR_REPORT, &m));
	cr_expect_str_eq(m.code, "too-large");
	message_finish(&m);
	rawdevice_finish(&d);
	free(bytes);
	cr_expect_eq(end_hub(SIGTERM), 0);
}

/* One device appends 40 MB while the other reads nothing: the hub's memory stays small, and then all arrives in order.
 */
Test(hub_io, a_slow_reader_costs_little)
{
	struct rawdevice one, two;
	struct buf out = { 0 };
	struct ear first = { 0 }, second = { 0 };
	struct record r;
	char path[64], line[256];
	long kib = 0;
	start_hub("127.0.0.1:0", NULL);
	join(&one, 1);
	join(&two, 2);
	uint8_t *body = mem_alloc(50000);
	enum { COUNT = 800 };
	for (uint64_t i = 1; i <= COUNT; i++) {
		buf_clear(&out);
		randombytes_buf(body, 50000);
		put(&out, i, span_of(body, 50000));
		cr_assert(rawdevice_frame(&one, true, 2, buf_view(&out)));
		cr_assert(await(&one, RECORD_CONFIRM, &r, &first));
	}
	snprintf(path, sizeof path, "/proc/%d/status", hub);
	FILE *f = fopen(path, "r");
	while (f && fgets(line, sizeof line, f))
		sscanf(line, "VmRSS: %ld", &kib);
	if (f)
		fclose(f);
#ifndef __SANITIZE_ADDRESS__
	cr_expect_lt(kib, 64 * 1024, "%ld KiB", kib);
#endif
	for (uint64_t i = 1; i <= COUNT; i++) {
		cr_assert(await(&two, RECORD_ENTRY, &r, &second), "entry %lu is missing", (unsigned long)i);
		cr_assert_eq(r.seq, i);
	}
	rawdevice_finish(&one);
	rawdevice_finish(&two);
	buf_finish(&out);
	buf_finish(&first.frame);
	buf_finish(&second.frame);
	free(body);
	cr_expect_eq(end_hub(SIGTERM), 0);
}

Test(hub_io, keeps_what_it_confirmed_when_killed)
{
	struct rawdevice one;
	struct buf out = { 0 };
	struct ear first = { 0 };
	struct record r;
	start_hub("127.0.0.1:0", NULL);
	join(&one, 1);
	for (uint64_t i = 1; i <= 20; i++) {
		buf_clear(&out);
		put(&out, i, span_text("kept"));
		cr_assert(rawdevice_frame(&one, true, 2, buf_view(&out)));
		cr_assert(await(&one, RECORD_CONFIRM, &r, &first));
	}
	cr_expect_eq(end_hub(SIGKILL), 128 + SIGKILL);
	rawdevice_finish(&one);
	start_hub("127.0.0.1:0", NULL);
	first.in = (struct reader){ 0 };
	rawdevice_init(&one, 1);
	cr_assert(rawdevice_connect(&one, address, false));
	cr_assert(rawdevice_auth(&one, 1, 0));
	cr_assert(await(&one, RECORD_CONFIRM, &r, &first));
	cr_expect_eq(r.seq, 1);
	rawdevice_finish(&one);
	buf_finish(&out);
	buf_finish(&first.frame);
	cr_expect_eq(end_hub(SIGTERM), 0);
}

/* What `hub invite` prints for the account, as JSON. */
static json_t *invite(const char *more, const char *value)
{
	int pipes[2];
	char line[4096] = "";
	size_t len = 0;
	ssize_t n;
	cr_assert_eq(pipe(pipes), 0);
	pid_t child = fork();
	if (child == 0) {
		char *argv[] = { "hub", "invite",     "--store",     store_url, "--account",
			         "me",  (char *)more, (char *)value, NULL };
		dup2(pipes[1], 1);
		exit(hub_main(more ? 8 : 6, argv));
	}
	close(pipes[1]);
	while ((n = read(pipes[0], line + len, sizeof line - 1 - len)) > 0)
		len += (size_t)n;
	close(pipes[0]);
	int status;
	waitpid(child, &status, 0);
	if (status)
		return NULL;
	cr_assert_eq(strncmp(line, "syncline-invite-1.", 18), 0, "%s", line);
	cr_assert_eq(strcspn(line, "\n"), len - 1, "one line alone");
	uint8_t text[4096];
	size_t text_len;
	cr_assert_eq(sodium_base642bin(text, sizeof text, line + 18, len - 19, NULL, &text_len, NULL,
	                               sodium_base64_VARIANT_URLSAFE_NO_PADDING),
	             0);
	return json_from(text, text_len, 4096);
}

Test(hub_io, makes_its_own_certificate_and_pins_it)
{
	struct rawdevice d;
	struct blob pin, token;
	struct stat st;
	char path[128], local[64];
	start_hub("0.0.0.0:0", NULL);
	cr_expect_null(invite(NULL, NULL), "it cannot know its name");
	json_t *o = invite("--url", "wss://127.0.0.1:1");
	cr_assert_not_null(o);
	cr_expect_str_eq(json_get_text(o, "url"), "wss://127.0.0.1:1/realtime");
	cr_assert(json_get_b64(o, "pin", &pin, 32, 32));
	cr_assert(json_get_b64(o, "token", &token, MESSAGE_TOKEN, MESSAGE_TOKEN));
	snprintf(local, sizeof local, "127.0.0.1%s", strrchr(address, ':'));
	rawdevice_init(&d, 1);
	cr_assert(rawdevice_connect(&d, local, true));
	cr_expect_eq(memcmp(d.pin, pin.data, 32), 0);
	cr_expect(rawdevice_enroll(&d, token.data));
	rawdevice_finish(&d);
	snprintf(path, sizeof path, "%s/hub.db.key.pem", folder);
	cr_assert_eq(stat(path, &st), 0);
	cr_expect_eq(st.st_mode & 0777, 0600);
	cr_expect_eq(end_hub(SIGTERM), 0);

	start_hub("0.0.0.0:0", NULL); /* the same one for ever after */
	snprintf(local, sizeof local, "127.0.0.1%s", strrchr(address, ':'));
	rawdevice_init(&d, 1);
	cr_assert(rawdevice_connect(&d, local, true));
	cr_expect_eq(memcmp(d.pin, pin.data, 32), 0);
	cr_expect(rawdevice_auth(&d, 1, 0));
	rawdevice_finish(&d);
	cr_expect_eq(end_hub(SIGTERM), 0);
	json_decref(o);
	blob_finish(&pin);
	blob_finish(&token);
}

Test(hub_io, invites_name_the_address)
{
	char url[128];
	cr_expect_null(invite(NULL, NULL), "no hub was ever here");
	start_hub("127.0.0.1:0", NULL);
	json_t *o = invite("--expires", "1h");
	cr_assert_not_null(o);
	snprintf(url, sizeof url, "ws://%s/realtime", address);
	cr_expect_str_eq(json_get_text(o, "url"), url);
	cr_expect_str_eq(json_get_text(o, "account"), "me");
	cr_expect_null(json_object_get(o, "pin"));
	cr_expect_null(json_object_get(o, "key"));
	json_decref(o);
	cr_expect_eq(end_hub(SIGTERM), 0);
	start_hub("0.0.0.0:0", "--insecure");
	cr_expect_eq(end_hub(SIGTERM), 0);
}

Test(hub_io, refuses_a_bad_command_line)
{
	struct options o;
	static char *const bad[][5] = {
		{ "hub", "--nonsense" },
		{ "hub", "--listen" },
		{ "hub", "extra" },
		{ "hub", "--account", "me" },
		{ "hub", "--tls-cert", "x" },
		{ "hub", "invite" },
		{ "hub", "invite", "--account", "a b" },
		{ "hub", "invite", "--account", "" },
		{ "hub", "--listen", "8443" },
		{ "hub", "--listen", "::1:8443" },
		{ "hub", "--listen", "127.0.0.1:x" },
		{ "hub", "--listen", "127.0.0.1:65536" },
		{ "hub", "invite", "--expires", "soon" },
		{ "hub", "invite", "--listen", "x" },
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct err e = { 0 };
		char *argv[6] = { 0 };
		int argc = 0;
		while (argc < 5 && bad[i][argc]) {
			argv[argc] = bad[i][argc];
			argc++;
		}
		cr_expect_not(options_parse(&o, argc, argv, &e), "%zu was taken", i);
		cr_expect(e.why[0]);
	}
	cr_expect_eq(options_duration_ms("10m"), 600000);
	cr_expect_eq(options_duration_ms("2d"), 172800000);
	cr_expect_eq(options_duration_ms("90"), 90000);
	cr_expect_eq(options_duration_ms("500ms"), 500);
	cr_expect_eq(options_duration_ms("0m"), 0);
	cr_expect_eq(options_duration_ms("-1m"), 0);
	cr_expect_eq(options_duration_ms("1y"), 0);
	cr_expect_eq(options_duration_ms(""), 0);
}

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <sodium.h>

#include "cli/ask.h"
#include "cli/opts.h"
#include "cli/say.h"
#include "cli/verbs.h"
#include "sys/home.h"

#define INVITE_MAX 8192
#define INVITE_START "syncline-invite-"
#define JOIN_MS 60000 /* dial, enrol and, on the first device, make the account's key */

/* An invite carries a key: it is wiped as soon as it was handed on. */
struct invite {
	char text[INVITE_MAX + 1];
};

/* Cuts the text down to the invite's line. */
static bool trim(struct invite *v)
{
	char *start = strstr(v->text, INVITE_START);
	if (!start)
		return say_fail(CONTROL_FAILED, "invite", "it is the one line that 'syncline invite' printed",
				"what was read holds none"), false;
	memmove(v->text, start, strlen(start) + 1);
	v->text[strcspn(v->text, " \t\r\n")] = 0;
	return true;
}

static bool read_all(int fd, struct invite *v)
{
	size_t len = 0;
	ssize_t n;
	while ((n = read(fd, v->text + len, INVITE_MAX - len)) != 0 && len < INVITE_MAX) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return say_fail(CONTROL_FAILED, "invite", NULL, "it cannot be read: %m"), false;
		len += (size_t)n;
	}
	if (len == INVITE_MAX)
		return say_fail(CONTROL_FAILED, "invite", "it is one line", "what was read is far too long"), false;
	v->text[len] = 0;
	return trim(v);
}

/* Typed or pasted, unseen. Read raw: a terminal's own line editing would cut a long invite at 4095 bytes. */
static bool prompt(struct invite *v)
{
	struct termios was, quiet;
	size_t len = 0;
	char c = 0;
	if (tcgetattr(STDIN_FILENO, &was))
		return say_fail(CONTROL_FAILED, "invite", NULL, "the terminal cannot be read: %m"), false;
	quiet = was;
	quiet.c_lflag &= ~(tcflag_t)(ECHO | ICANON);
	fputs("Paste the invite (it is not shown): ", stderr);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
	while (len < INVITE_MAX && read(STDIN_FILENO, &c, 1) == 1 && c != '\n' && c != '\r' && c != 4) {
		if (c == 127 || c == 8)
			len -= len > 0;
		else
			v->text[len++] = c;
	}
	v->text[len] = 0;
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &was);
	fputc('\n', stderr);
	return trim(v);
}

static bool read_invite(const char *from, struct invite *v)
{
	if (!from && isatty(STDIN_FILENO))
		return prompt(v);
	if (!from || !strcmp(from, "-"))
		return read_all(STDIN_FILENO, v);
	int fd = open(from, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return say_fail(CONTROL_FAILED, from, "name the file that holds the invite, or - for standard input",
				"it cannot be opened: %m"),
		       false;
	bool done = read_all(fd, v);
	close(fd);
	return done;
}

static int join(const struct invite *v, const char *name, bool insecure)
{
	struct visit visit = ask_visit();
	int code = CONTROL_DONE;
	if (!visit.client)
		return visit.code;
	json_t *request = control_request("join");
	json_object_set_new(request, "invite", json_string(v->text));
	json_object_set_new(request, "name", json_bytes(name, strlen(name)));
	json_object_set_new(request, "insecure", json_boolean(insecure));
	say_progress("joining");
	json_t *answer = ask_on(visit.client, request, JOIN_MS, &code);
	say_progress_end();
	code = ask_leave(&visit, code);
	if (!code && globals.json)
		say_json(answer);
	else if (!code)
		say_done("joined as %s%s", say_text(name),
		         visit.started ? "; start the engine with 'syncline run', or open the console with 'syncline'"
		                       : "");
	json_decref(answer);
	return code;
}

int cmd_join(int argc, char **argv)
{
	struct opt opts[] = { { .name = "name", .wants_value = true }, { .name = "insecure" }, { 0 } };
	struct invite *v;
	char host[256] = "";
	for (int i = 1; i < argc; i++)
		if (strstr(argv[i], INVITE_START) && access(argv[i], F_OK))
			return say_usage(
			        "join",
			        "an invite carries a key, and a command line is seen by every user of this machine: "
			        "give it on standard input or in a file; make a new one, this one may be known now");
	if (!opts_parse(&argc, argv, opts, 0, 1))
		return CONTROL_USAGE;
	gethostname(host, sizeof host - 1);
	const char *name = opts[0].given ? opts[0].value : *host ? host : "device";
	if (!*name || strlen(name) > 255)
		return say_usage("join", "--name needs 1 to 255 bytes");
	v = calloc(1, sizeof *v);
	int code = v && read_invite(argc > 1 ? argv[1] : NULL, v) ? join(v, name, opts[1].given) : CONTROL_FAILED;
	if (v)
		sodium_memzero(v, sizeof *v);
	free(v);
	return code;
}

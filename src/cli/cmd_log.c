#include <string.h>

#include "cli/ask.h"
#include "cli/opts.h"
#include "cli/say.h"
#include "cli/verbs.h"
#include "sys/home.h"

static enum tint tint_of(const char *level)
{
	return !level ? TINT_NONE : !strcmp(level, "debug") ? TINT_DIM : !strcmp(level, "warn") ? TINT_WARN :
	       !strcmp(level, "error") || !strcmp(level, "alert") ? TINT_BAD : TINT_NONE;
}

static void print_line(const json_t *line)
{
	const char *level = json_get_text(line, "level"), *item = json_get_text(line, "item");
	if (globals.json) {
		say_json(line);
		return;
	}
	printf("%s%s%s  %s%-5s%s  %s%s%s%s\n", say_tint(TINT_DIM), say_text(json_get_text(line, "at")), say_plain(),
	       say_tint(tint_of(level)), say_text(level), say_plain(), item ? say_text(item) : "", item ? ": " : "",
	       say_text(json_get_text(line, "text")), say_plain());
}

static void print_lines(const json_t *lines)
{
	size_t i;
	json_t *line;
	if (json_is_object(lines) && json_object_get(lines, "text"))
		print_line(lines);
	json_array_foreach(lines, i, line)
		print_line(line);
	fflush(stdout);
}

/* Lines come as events and, as far as they are old, in the answer. */
static int read_lines(struct client *c, json_t *request, bool follow)
{
	struct err e = { 0 };
	int code;
	json_t *answer = client_ask(c, request, ASK_MS, &e, &code);
	if (!answer)
		return say_error(code, &e);
	print_lines(answer);
	json_decref(answer);
	do {
		json_t *message = client_next(c);
		for (; message; message = client_next(c)) {
			print_lines(json_object_get(message, "data"));
			json_decref(message);
		}
		if (ferror(stdout))
			return CONTROL_FAILED;
		if (follow && client_gone(c))
			return say_fail(CONTROL_NO_ENGINE, "engine", "start it with 'syncline run'", "it ended");
	} while (follow && client_wait(c, -1));
	return CONTROL_DONE;
}

int cmd_log(int argc, char **argv)
{
	struct opt opts[] = { { .name = "follow" }, { .name = "lines", .wants_value = true }, { 0 } };
	int64_t lines = 100;
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], "-f"))
			argv[i] = "--follow";
	if (!opts_parse(&argc, argv, opts, 0, 0))
		return CONTROL_USAGE;
	if (opts[1].given && !opts_number(opts[1].value, 0, 100000, &lines))
		return say_usage("log", "--lines needs a number from 0 to 100000");
	struct client *c = ask_connect();
	if (!c)
		return CONTROL_NO_ENGINE;
	json_t *request = control_request("log");
	json_object_set_new(request, "lines", json_integer(lines));
	json_object_set_new(request, "follow", json_boolean(opts[0].given));
	int code = read_lines(c, request, opts[0].given);
	client_destroy(c);
	return code;
}

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/ask.h"
#include "cli/opts.h"
#include "cli/say.h"
#include "cli/verbs.h"
#include "sys/home.h"

/* The engine's lines are safe to print as they are; here they get their colours. */
static void print_line(const char *line, size_t len)
{
	enum tint tint = *line == '+' ? TINT_GOOD : *line == '-' ? TINT_BAD : *line == '@' ? TINT_BUSY : TINT_NONE;
	printf("%s%.*s%s\n", say_tint(tint), (int)len, line, tint == TINT_NONE ? "" : say_plain());
}

static void print_diff(const json_t *data)
{
	const char *text = json_get_text(data, "text");
	printf("%s--- %s%s\n", say_tint(TINT_STRONG), say_short(json_get_text(data, "from")), say_plain());
	printf("%s+++ %s%s\n", say_tint(TINT_STRONG), say_short(json_get_text(data, "to")), say_plain());
	while (text && *text) {
		size_t len = strcspn(text, "\n");
		print_line(text, len);
		text += len + (text[len] == '\n');
	}
	if (json_get_bool(data, "cut"))
		puts("... (more; 'syncline show ITEM@VERSION' prints a version)");
}

int cmd_diff(int argc, char **argv)
{
	int code = CONTROL_DONE;
	if (!opts_parse(&argc, argv, NULL, 1, 3))
		return CONTROL_USAGE;
	if (argc == 3)
		return say_usage("diff", "name two versions, or none for what last changed");
	json_t *request = control_request("diff");
	json_object_set_new(request, "item", json_bytes(argv[1], strlen(argv[1])));
	if (argc > 3) {
		json_object_set_new(request, "from", json_bytes(argv[2], strlen(argv[2])));
		json_object_set_new(request, "to", json_bytes(argv[3], strlen(argv[3])));
	}
	json_t *data = ask_engine(request, ASK_MS, &code);
	if (!data)
		return code;
	if (globals.json)
		say_json(data);
	else if (json_get_text(data, "kind") && !strcmp(json_get_text(data, "kind"), "none"))
		say_done("the same bytes");
	else
		print_diff(data);
	json_decref(data);
	return code;
}

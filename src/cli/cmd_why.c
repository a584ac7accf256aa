#include <string.h>

#include "cli/ask.h"
#include "cli/opts.h"
#include "cli/say.h"
#include "cli/verbs.h"
#include "sys/home.h"

static void print_why(const json_t *why)
{
	const char *next = json_get_text(why, "next"), *reason = json_get_text(why, "reason");
	const json_t *devices = json_object_get(why, "devices");
	size_t i;
	json_t *row;
	printf("%s%s%s  %s", say_tint(TINT_STRONG), say_text(json_get_text(why, "item")), say_plain(),
	       say_text(json_get_text(why, "state")));
	if (json_get_text(why, "since"))
		printf("%s%s", say_dot(), say_ago(json_get_text(why, "since")));
	putchar('\n');
	if (reason && *reason)
		printf("  %s\n", say_text(reason));
	if (next && *next)
		printf("  next: %s\n", say_text(next));
	if (json_get_text(why, "watch_reason"))
		printf("  its folder is looked at every %s: %s\n", say_span(json_get_int(why, "interval_ms", 0)),
		       say_text(json_get_text(why, "watch_reason")));
	json_array_foreach(json_object_get(why, "story"), i, row)
		printf("  %s%s%s%s%s\n", say_tint(TINT_DIM), say_ago(json_get_text(row, "at")), say_plain(), say_dot(),
		       say_text(json_get_text(row, "text")));
	json_array_foreach(devices, i, row) {
		bool has = json_get_bool(row, "has_it");
		printf("  %s%-8s%s %s\n", say_tint(has ? TINT_GOOD : TINT_DIM), has ? "has it" : "not yet", say_plain(),
		       say_text(json_get_text(row, "name")));
	}
}

int cmd_why(int argc, char **argv)
{
	int code = CONTROL_DONE;
	if (!opts_parse(&argc, argv, NULL, 1, 1))
		return CONTROL_USAGE;
	json_t *request = control_request("why");
	json_object_set_new(request, "item", json_bytes(argv[1], strlen(argv[1])));
	json_t *why = ask_engine(request, ASK_MS, &code);
	if (!why)
		return code;
	if (globals.json)
		say_json(why);
	else
		print_why(why);
	json_decref(why);
	return code;
}

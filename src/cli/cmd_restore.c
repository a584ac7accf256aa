#include <string.h>

#include "cli/ask.h"
#include "cli/opts.h"
#include "cli/say.h"
#include "cli/verbs.h"
#include "sys/home.h"

/* Files that are gone at once, which nobody wished to delete. */
static int bring_back(const char *category)
{
	json_t *request = control_request("restore");
	int code = CONTROL_DONE;
	json_object_set_new(request, "category", json_bytes(category, strlen(category)));
	json_t *answer = ask_engine(request, ASK_MS, &code);
	if (!answer)
		return code;
	if (globals.json)
		say_json(answer);
	else
		say_done("%s: %s brought back", say_text(category),
		         say_count(json_get_int(answer, "brought_back", 0), "file is", "files are"));
	json_decref(answer);
	return code;
}

int cmd_restore(int argc, char **argv)
{
	if (!opts_parse(&argc, argv, NULL, 1, 2))
		return CONTROL_USAGE;
	if (argc == 2 && strchr(argv[1], '/'))
		return say_usage("restore", "which version? 'syncline history' lists those of an item");
	if (argc == 2)
		return bring_back(argv[1]);
	json_t *request = control_request("restore");
	json_object_set_new(request, "item", json_bytes(argv[1], strlen(argv[1])));
	json_object_set_new(request, "version", json_bytes(argv[2], strlen(argv[2])));
	int code = ask_act(request, ASK_MS);
	if (!code)
		say_done("%s is back at %s", say_text(argv[1]), say_text(argv[2]));
	return code;
}

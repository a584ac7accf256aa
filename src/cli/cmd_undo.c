#include <string.h>

#include "cli/ask.h"
#include "cli/opts.h"
#include "cli/say.h"
#include "cli/verbs.h"
#include "sys/home.h"

int cmd_undo(int argc, char **argv)
{
	int code = CONTROL_DONE;
	if (!opts_parse(&argc, argv, NULL, 0, 1))
		return CONTROL_USAGE;
	json_t *request = control_request("undo");
	if (argc > 1)
		json_object_set_new(request, "item", json_bytes(argv[1], strlen(argv[1])));
	json_t *answer = ask_engine(request, ASK_MS, &code);
	if (!answer)
		return code;
	bool merge = json_get_text(answer, "how") && !strcmp(json_get_text(answer, "how"), "merge");
	if (globals.json)
		say_json(answer);
	else
		say_done("%s: %s was taken back: the file holds version %s again, and the conflict is open",
			 say_text(json_get_text(answer, "item")),
			 merge ? "what its category's strategy made of it" : "the settlement",
			 say_short(json_get_text(answer, "version")));
	json_decref(answer);
	return code;
}

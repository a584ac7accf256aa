#include <string.h>

#include "cli/ask.h"
#include "cli/opts.h"
#include "cli/say.h"
#include "cli/verbs.h"

int cmd_pause(int argc, char **argv)
{
	if (!opts_parse(&argc, argv, NULL, 0, 1))
		return CONTROL_USAGE;
	json_t *request = control_request("pause");
	if (argc > 1)
		json_object_set_new(request, "category", json_bytes(argv[1], strlen(argv[1])));
	int code = ask_act(request, ASK_MS);
	if (!code)
		say_done("paused%s%s; edits are kept and go with 'syncline resume'", argc > 1 ? " " : "",
			 argc > 1 ? say_text(argv[1]) : "");
	return code;
}

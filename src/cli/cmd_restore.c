#include <string.h>

#include "cli/ask.h"
#include "cli/opts.h"
#include "cli/say.h"
#include "cli/verbs.h"

int cmd_restore(int argc, char **argv)
{
	if (!opts_parse(&argc, argv, NULL, 2, 2))
		return CONTROL_USAGE;
	json_t *request = control_request("restore");
	json_object_set_new(request, "item", json_bytes(argv[1], strlen(argv[1])));
	json_object_set_new(request, "version", json_bytes(argv[2], strlen(argv[2])));
	int code = ask_act(request, ASK_MS);
	if (!code)
		say_done("%s is back at %s", say_text(argv[1]), say_text(argv[2]));
	return code;
}

#include <string.h>

#include "cli/ask.h"
#include "cli/opts.h"
#include "cli/say.h"
#include "cli/verbs.h"

int cmd_resume(int argc, char **argv)
{
	struct opt opts[] = { { .name = "accept-rollback" }, { 0 } };
	if (!opts_parse(&argc, argv, opts, 0, 1))
		return CONTROL_USAGE;
	if (opts[0].given && argc > 1)
		return say_usage("resume", "--accept-rollback is about the hub, not one category");
	json_t *request = control_request("resume");
	if (argc > 1)
		json_object_set_new(request, "category", json_bytes(argv[1], strlen(argv[1])));
	if (opts[0].given)
		json_object_set_new(request, "accept_rollback", json_true());
	int code = ask_act(request, ASK_MS);
	if (!code)
		say_done("going on%s%s", argc > 1 ? " with " : "", argc > 1 ? say_text(argv[1]) : "");
	return code;
}

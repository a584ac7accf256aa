#include "cli/ask.h"
#include "cli/await.h"
#include "cli/opts.h"
#include "cli/say.h"
#include "cli/verbs.h"

int cmd_sync(int argc, char **argv)
{
	int code = CONTROL_NO_ENGINE;
	if (!opts_parse(&argc, argv, NULL, 0, 0))
		return CONTROL_USAGE;
	struct client *c = ask_connect();
	if (c)
		json_decref(await_answer(c, control_request("sync"), "looking", -1, &code));
	client_destroy(c);
	return code;
}

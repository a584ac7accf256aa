#include "cli/ask.h"
#include "cli/opts.h"
#include "cli/say.h"
#include "cli/verbs.h"

int cmd_retry(int argc, char **argv)
{
	if (!opts_parse(&argc, argv, NULL, 0, 0))
		return CONTROL_USAGE;
	int code = ask_act(control_request("retry"), ASK_MS);
	if (!code)
		say_done("dialling now");
	return code;
}

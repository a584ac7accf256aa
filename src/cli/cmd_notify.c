#include <string.h>

#include "cli/opts.h"
#include "cli/say.h"
#include "cli/verbs.h"
#include "control/control.h"

int cmd_notify(int argc, char **argv)
{
	if (!opts_parse(&argc, argv, NULL, 1, 1))
		return CONTROL_USAGE;
	if (strcmp(argv[1], "test"))
		return say_usage("notify", "it is 'notify test'");
	return say_not_yet("notify test", "there are no channels for notices besides the log and the console");
}

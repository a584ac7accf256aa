#include <string.h>

#include "cli/opts.h"
#include "cli/say.h"
#include "cli/verbs.h"
#include "control/control.h"

int cmd_limit(int argc, char **argv)
{
	if (!opts_parse(&argc, argv, NULL, 2, 2))
		return CONTROL_USAGE;
	if (strcmp(argv[1], "up") && strcmp(argv[1], "down"))
		return say_usage("limit", "it is 'up' or 'down', not '%s'", argv[1]);
	return say_not_yet("limit", "the bandwidth cannot be bounded");
}

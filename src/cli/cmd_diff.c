#include "cli/opts.h"
#include "cli/say.h"
#include "cli/verbs.h"
#include "control/control.h"

int cmd_diff(int argc, char **argv)
{
	if (!opts_parse(&argc, argv, NULL, 1, 3))
		return CONTROL_USAGE;
	return say_not_yet("diff", "versions cannot be compared; 'syncline show ITEM@VERSION' prints one");
}

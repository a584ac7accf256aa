#include "cli/opts.h"
#include "cli/say.h"
#include "cli/verbs.h"
#include "control/control.h"

int cmd_undo(int argc, char **argv)
{
	if (!opts_parse(&argc, argv, NULL, 0, 0))
		return CONTROL_USAGE;
	return say_not_yet("undo",
	                   "settlements cannot be taken back; 'syncline restore ITEM VERSION' brings a version back");
}

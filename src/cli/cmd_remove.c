#include "cli/categories.h"
#include "cli/opts.h"
#include "cli/say.h"
#include "cli/verbs.h"
#include "control/control.h"
#include "sys/home.h"

static int remove_category(const char *category)
{
	struct err e = { 0 };
	struct gitconfig_edit *edit = gitconfig_edit_start(globals.home.config, &e);
	if (!edit)
		return say_error(CONTROL_FAILED, &e);
	bool there = gitconfig_edit_remove(edit, "category", category);
	bool done = there && gitconfig_edit_commit(edit, &e);
	gitconfig_edit_destroy(edit);
	if (!there)
		return say_fail(CONTROL_FAILED, category, "'syncline categories' lists them",
		                "there is no such category");
	if (!done)
		return say_error(CONTROL_FAILED, &e);
	say_done("%s is no longer synced; its files stay, here and on the other devices", say_text(category));
	return categories_reload();
}

int cmd_remove(int argc, char **argv)
{
	if (!opts_parse(&argc, argv, NULL, 1, 1))
		return CONTROL_USAGE;
	return remove_category(argv[1]);
}

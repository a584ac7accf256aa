#include "engine/io/gitlib.h"

#include <git2.h>
#include <string.h>

#include "engine/core/limits.h"

void gitlib_start(void)
{
	static bool started;
	if (started)
		return;
	started = true;
	git_libgit2_init();
	/* Not a person's git: no ~/.gitconfig, no system one, no global ignore file. */
	for (int level = GIT_CONFIG_LEVEL_PROGRAMDATA; level <= GIT_CONFIG_LEVEL_GLOBAL; level++)
		git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, level, "");
	git_libgit2_opts(GIT_OPT_ENABLE_FSYNC_GITDIR, 1);
	git_libgit2_opts(GIT_OPT_ENABLE_STRICT_HASH_VERIFICATION, 1);
	git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0); /* the state folder was checked by its own rules */
	/* A device that rests should be small: contents are cached by versions, by item and not by object. */
	git_libgit2_opts(GIT_OPT_ENABLE_CACHING, 0);
	git_libgit2_opts(GIT_OPT_SET_MWINDOW_SIZE, (size_t)1024 * 1024);
	git_libgit2_opts(GIT_OPT_SET_MWINDOW_MAPPED_LIMIT, (size_t)8 * 1024 * 1024);
	git_libgit2_opts(GIT_OPT_SET_MWINDOW_FILE_LIMIT, (size_t)8);
}

bool gitlib_err(struct err *e, const char *what, const char *fix)
{
	const git_error *last = git_error_last();
	return err_set(e, what, fix, "%s", last && last->message ? last->message : "libgit2 does not say why");
}

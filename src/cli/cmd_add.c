#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/relpath.h"
#include "base/utf8.h"
#include "cli/categories.h"
#include "cli/opts.h"
#include "cli/say.h"
#include "cli/verbs.h"
#include "control/control.h"
#include "sys/gitconfig.h"
#include "sys/home.h"

/* What is to be added: a root and, for a single file, the one name below it. */
struct addition {
	const char *category;
	char root[PATH_MAX]; /* real, absolute */
	const char *file;    /* its name, behind root's end; NULL: a folder */
	char *pattern;       /* what includes just this file */
	const char *profile, *strategy;
};

static bool one_of(const char *text, const char *const *words)
{
	for (; *words; words++)
		if (!strcmp(text, *words))
			return true;
	return false;
}

/* A name goes into a pattern, where these mean something. */
static char *pattern_of(const char *name)
{
	char *out = mem_alloc(strlen(name) * 2 + 2), *at = out;
	if (*name == '!' || *name == '#')
		*at++ = '\\';
	for (; *name; name++) {
		if (strchr("*?[\\", *name) || (*name == ' ' && !name[1]))
			*at++ = '\\';
		*at++ = *name;
	}
	return out;
}

/* "~/notes" for what is below HOME, so that one configuration serves several machines. */
static char *path_as_written(const char *root)
{
	char home[PATH_MAX];
	const char *named = getenv("HOME");
	size_t len;
	if (!named || !realpath(named, home) || !strcmp(home, "/") || strncmp(root, home, len = strlen(home)) ||
	    (root[len] && root[len] != '/'))
		return mem_text(root);
	return mem_printf("~%s", root + len);
}

static bool find_path(struct addition *a, const char *path)
{
	struct stat st;
	if (!utf8_valid(path, strlen(path)) || strpbrk(path, "\n\r"))
		return say_fail(CONTROL_FAILED, path, "rename it", "the configuration cannot hold this name"), false;
	char *expanded = home_expand(path);
	if (path[strlen(path) - 1] == '/')
		mkdir(expanded, 0777); /* a name that says it is a folder: made when it is not there */
	bool found = realpath(expanded, a->root) && !stat(a->root, &st);
	int why = errno;
	free(expanded);
	if (!found)
		return say_fail(CONTROL_FAILED, path,
		                why == ENOENT ? "a folder is made when its name ends in /; for a single file say its "
		                                "folder and --include"
		                              : NULL,
		                "%s", strerror(why)),
		       false;
	if (S_ISREG(st.st_mode) && a->pattern)
		return say_fail(CONTROL_FAILED, path, NULL, "--include needs a folder"), false;
	if (S_ISREG(st.st_mode)) {
		char *slash = strrchr(a->root, '/');
		memmove(slash + 2, slash + 1,
		        strlen(slash + 1) + 1); /* realpath leaves room: names end before PATH_MAX */
		*slash = 0;
		slash[1] = 0;
		a->file = slash + 2;
		a->pattern = pattern_of(a->file);
		if (slash == a->root)
			return say_fail(CONTROL_FAILED, path, NULL, "a file in the root folder is nothing to sync"),
			       false;
	} else if (!S_ISDIR(st.st_mode)) {
		return say_fail(CONTROL_FAILED, path, NULL, "neither a folder nor a regular file"), false;
	}
	return true;
}

/* Our own state must never be synced: it would feed on itself, and it holds the keys. */
static bool holds_ourselves(const struct addition *a)
{
	const char *const own[] = { globals.home.state, globals.home.runtime, globals.home.config };
	for (size_t i = 0; i < sizeof own / sizeof *own; i++)
		if (own[i] && (categories_below(own[i], a->root) || categories_below(a->root, own[i])))
			return true;
	return false;
}

static bool check(const struct addition *a, const struct gitconfig *config)
{
	struct err e;
	if (!a->pattern && holds_ourselves(a))
		return say_fail(CONTROL_FAILED, a->category, "add a smaller folder, or single files",
				"this folder holds syncline's own state"), false;
	if (!categories_free(config, a->category, a->root, a->pattern, &e))
		return say_error(CONTROL_FAILED, &e), false;
	return true;
}

static bool put(struct gitconfig_edit *edit, const char *category, const char *key, const char *value, bool more,
                struct err *e)
{
	char *name = mem_printf("category.%s.%s", category, key);
	bool done = more ? gitconfig_edit_add(edit, name, value, e) : gitconfig_edit_set(edit, name, value, e);
	free(name);
	return done;
}

static bool write_down(const struct addition *a, bool known, struct err *e)
{
	struct gitconfig_edit *edit = gitconfig_edit_start(globals.home.config, e);
	char *path = path_as_written(a->root);
	bool done = edit && (known || put(edit, a->category, "path", path, false, e)) &&
	            (!a->pattern || put(edit, a->category, "include", a->pattern, true, e)) &&
	            (!a->profile || put(edit, a->category, "profile", a->profile, false, e)) &&
	            (!a->strategy || put(edit, a->category, "strategy", a->strategy, false, e)) &&
	            gitconfig_edit_commit(edit, e);
	gitconfig_edit_destroy(edit);
	free(path);
	return done;
}

static int add(struct addition *a)
{
	struct err e = { 0 };
	if (!home_prepare(&globals.home, &e))
		return say_error(CONTROL_FAILED, &e);
	struct gitconfig *config = gitconfig_open(globals.home.config, GITCONFIG_MAX, &e);
	if (!config)
		return say_error(CONTROL_FAILED, &e);
	bool known = categories_known(config, a->category);
	bool good = check(a, config);
	/* A category named like a profile has it by default; anything else is plain files. */
	if (!known && !a->profile)
		a->profile = one_of(a->category, categories_profiles) ? a->category : "files";
	gitconfig_destroy(config);
	if (!good)
		return CONTROL_FAILED;
	if (!write_down(a, known, &e))
		return say_error(CONTROL_FAILED, &e);
	say_done("%s: %s%s%s", a->category, say_text(a->root), a->pattern ? "/" : "",
	         a->pattern ? say_text(a->pattern) : "");
	return categories_reload();
}

int cmd_add(int argc, char **argv)
{
	static const char *const strategies[] = { "merge", "newest", "ask", NULL };
	struct opt opts[] = {
		{ .name = "profile", .wants_value = true },
		{ .name = "strategy", .wants_value = true },
		{ .name = "include", .wants_value = true },
		{ 0 },
	};
	if (!opts_parse(&argc, argv, opts, 2, 2))
		return CONTROL_USAGE;
	struct addition a = { .category = argv[1], .profile = opts[0].value, .strategy = opts[1].value };
	const char *bad = relpath_bad_category(argv[1], strlen(argv[1]));
	if (bad)
		return say_usage("add", "'%s' cannot name a category: it %s", argv[1], bad);
	if (a.profile && !one_of(a.profile, categories_profiles))
		return say_usage("add", "there is no profile '%s'", a.profile);
	if (a.strategy && !one_of(a.strategy, strategies))
		return say_usage("add", "the strategy is merge, newest or ask, not '%s'", a.strategy);
	if (!*argv[2] || (opts[2].given && (!*opts[2].value || strpbrk(opts[2].value, "\n\r"))))
		return say_usage("add", "an empty path or pattern names nothing");
	a.pattern = mem_text(opts[2].value);
	int code = find_path(&a, argv[2]) ? add(&a) : CONTROL_FAILED;
	free(a.pattern);
	return code;
}

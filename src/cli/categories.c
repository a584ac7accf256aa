#include "cli/categories.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/ask.h"
#include "cli/say.h"
#include "sys/home.h"

const char *const categories_profiles[] = { "search-history", "aliases", "hotkeys", "themes", "notes",
					     "extensions-and-settings", "snippets", "quicklinks", "files", NULL };

bool categories_below(const char *path, const char *folder)
{
	size_t len = strlen(folder);
	return !strncmp(path, folder, len) && (!path[len] || path[len] == '/' || (len && folder[len - 1] == '/'));
}

static const struct gitconfig_entry *entry_of(const struct gitconfig *config, size_t i, const char *key)
{
	const struct gitconfig_entry *entry = gitconfig_at(config, i);
	bool ours = !strcmp(entry->section, "category") && entry->subsection && (!key || !strcmp(entry->key, key));
	return ours ? entry : NULL;
}

bool categories_known(const struct gitconfig *config, const char *category)
{
	for (size_t i = 0; i < gitconfig_count(config); i++) {
		const struct gitconfig_entry *entry = entry_of(config, i, NULL);
		if (entry && !strcmp(entry->subsection, category))
			return true;
	}
	return false;
}

/* Where a category's root truly is; as written where it is not there now. */
static void real_root(const char *written, char out[PATH_MAX])
{
	char *path = home_expand(written);
	if (!realpath(path, out))
		snprintf(out, PATH_MAX, "%s", path);
	free(path);
}

/* What of its root a category syncs: all (no include), this very name, something in this folder, or only others. */
struct reach {
	bool all, name, inside;
};

static struct reach reach_of(const struct gitconfig *config, const char *category, const char *root, const char *name,
			     const char *folder)
{
	struct reach r = { .all = true };
	for (size_t i = 0; i < gitconfig_count(config); i++) {
		const struct gitconfig_entry *entry = entry_of(config, i, "include");
		if (!entry || strcmp(entry->subsection, category))
			continue;
		r.all = false;
		r.name = r.name || (name && !strcmp(entry->value, name));
		char *full = mem_printf("%s/%s", root, entry->value);
		r.inside = r.inside || categories_below(full, folder);
		free(full);
	}
	return r;
}

static bool taken(struct err *e, const char *category, const char *by, const char *root)
{
	char fix[128];
	snprintf(fix, sizeof fix, "remove '%s' first, or choose another folder", by);
	return err_set(e, category, fix, "'%s' syncs %s already, and nothing may be synced twice", by, root);
}

bool categories_free(const struct gitconfig *config, const char *category, const char *root, const char *include,
                     struct err *e)
{
	for (size_t i = 0; i < gitconfig_count(config); i++) {
		const struct gitconfig_entry *entry = entry_of(config, i, "path");
		char other[PATH_MAX];
		if (!entry)
			continue;
		real_root(entry->value, other);
		bool same = !strcmp(entry->subsection, category), here = !strcmp(other, root);
		struct reach r = reach_of(config, entry->subsection, other, include, root);
		if (same && (!here || r.all || !include || r.name))
			return err_set(e, category, "remove it first, or choose another name",
			               "it is there already, with %s", other);
		if (same)
			continue;
		/* A folder in a folder is fine where one side takes only named files that are outside of the other. */
		if (here && (r.all || !include || r.name))
			return taken(e, category, entry->subsection, other);
		if (!here && categories_below(root, other) && (r.all || (r.inside && !include)))
			return taken(e, category, entry->subsection, other);
		if (!here && categories_below(other, root) && !include)
			return taken(e, category, entry->subsection, other);
	}
	return true;
}

int categories_reload(void)
{
	struct err e = { 0 };
	int code;
	struct client *c = client_connect(globals.home.control, NULL);
	if (!c)
		return CONTROL_DONE;
	json_t *answer = client_ask(c, control_request("reload"), ASK_MS, &e, &code);
	client_destroy(c);
	json_decref(answer);
	return answer || code == CONTROL_NO_ENGINE ? CONTROL_DONE : say_error(code, &e);
}

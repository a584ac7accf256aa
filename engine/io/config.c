#include "engine/io/config.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <git2.h>
#include <git2/sys/repository.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/duration.h"
#include "base/mem.h"
#include "engine/io/gitlib.h"
#include "engine/io/refuse.h"
#include "sys/gitconfig.h"
#include "sys/home.h"

/* The shipped profiles: the one table. */
#define MINUTE 60000
const struct config_profile config_profiles[] = {
	{ "search-history", 5000, 1000, 10, 60, STRATEGY_MERGE, MERGE_LINES },
	{ "aliases", 30000, 2000, 50, 30, STRATEGY_MERGE, MERGE_TEXT },
	{ "hotkeys", MINUTE, 2000, 50, 30, STRATEGY_MERGE, MERGE_BY_KIND },
	{ "themes", 5 * MINUTE, 2000, 50, 30, STRATEGY_NEWEST, MERGE_NONE },
	{ "notes", 30000, 2000, 50, 30, STRATEGY_MERGE, MERGE_BY_KIND },
	{ "extensions-and-settings", 30000, 5000, 100, 10, STRATEGY_MERGE, MERGE_BY_KIND },
	{ "snippets", 30000, 2000, 50, 30, STRATEGY_MERGE, MERGE_BY_KIND },
	{ "quicklinks", 30000, 2000, 50, 30, STRATEGY_MERGE, MERGE_LINES },
	{ "files", 30000, 2000, 50, 30, STRATEGY_ASK, MERGE_BY_KIND },
	{ NULL, 0, 0, 0, 0, STRATEGY_ASK, MERGE_NONE },
};

/* Never items, whatever the category says: what editors leave beside a file while they save it, and git's own folder.
 * Our temporary names are kept out by relpath.h. */
static const char shipped_ignores[] = "*~\n"
                                      "*.swp\n*.swo\n*.swx\n"
                                      ".#*\n"
                                      "\\#*#\n"
                                      "4913\n"
                                      ".git\n"
                                      "*.sock\n"
                                      ".nfs*\n"
                                      ".fuse_hidden*\n"
                                      ".goutputstream-*\n"
                                      "*.kate-swp\n"
                                      ".DS_Store\nThumbs.db\n"
                                      ".cache/\n__pycache__/\n.Trash-*/\n"
                                      ".~lock.*#\n";

static const char *const strategies[] = {
	[STRATEGY_MERGE] = "merge", [STRATEGY_NEWEST] = "newest", [STRATEGY_ASK] = "ask"
};
static const char *const merges[] = {
	[MERGE_NONE] = "none", [MERGE_LINES] = "lines", [MERGE_TEXT] = "text", [MERGE_BY_KIND] = "by-kind"
};

const struct config_profile *config_profile_find(const char *name)
{
	for (const struct config_profile *p = config_profiles; p->name; p++)
		if (strcmp(p->name, name) == 0)
			return p;
	return NULL;
}

const char *config_strategy_name(enum strategy s)
{
	return strategies[s];
}

bool config_strategy_parse(const char *name, enum strategy *out)
{
	for (int i = 0; i <= STRATEGY_ASK; i++)
		if (strcmp(strategies[i], name) == 0) {
			*out = (enum strategy)i;
			return true;
		}
	return false;
}

const char *config_merge_name(enum merge_rule m)
{
	return merges[m];
}

bool config_merge_parse(const char *name, enum merge_rule *out)
{
	for (int i = 0; i <= MERGE_BY_KIND; i++)
		if (strcmp(merges[i], name) == 0) {
			*out = (enum merge_rule)i;
			return true;
		}
	return false;
}

struct category_setup config_setup(const struct config_category *c)
{
	/* A burst never waits longer than until the next check. */
	return (struct category_setup){ .name = c->name,
		                        .debounce_ms = c->debounce_ms,
		                        .max_wait_ms = c->interval_ms,
		                        .min_change_bytes = c->min_change_bytes,
		                        .max_changes_per_minute = c->max_changes_per_minute,
		                        .strategy = c->strategy,
		                        .by_path = c->by_path_count > 0,
		                        .merge = c->merge };
}

/* Rules: libgit2's own ignore engine, one small in-memory repository for each list of patterns. */

struct config_rules {
	git_repository *ignore, *include; /* include: NULL when everything is */
	git_repository *strategies[STRATEGY_ASK + 1]; /* the paths that have this one; NULL: none */
	char **include_patterns;          /* anchored, without the leading slash */
	size_t include_count;
};

static void rules_free(struct config_rules *r)
{
	if (!r)
		return;
	git_repository_free(r->ignore);
	git_repository_free(r->include);
	for (int s = 0; s <= STRATEGY_ASK; s++)
		git_repository_free(r->strategies[s]);
	for (size_t i = 0; i < r->include_count; i++)
		free(r->include_patterns[i]);
	free(r->include_patterns);
	free(r);
}

static git_repository *patterns_compile(const char *text)
{
	git_repository *repo = NULL;
	git_config *none = NULL;
	/* Without a configuration of its own it would look for a person's. */
	if (git_repository_new(&repo) == 0 && git_config_new(&none) == 0 &&
	    git_repository_set_config(repo, none) == 0 && git_ignore_clear_internal_rules(repo) == 0 &&
	    git_ignore_add_rule(repo, text) == 0) {
		git_config_free(none);
		return repo;
	}
	git_config_free(none);
	git_repository_free(repo);
	return NULL;
}

static bool strategies_compile(struct config_rules *r, const struct config_category *c)
{
	bool ok = true;
	for (int s = 0; s <= STRATEGY_ASK && ok; s++) {
		struct buf text = { 0 };
		for (size_t i = 0; i < c->by_path_count; i++)
			if ((int)c->by_path[i].strategy == s)
				buf_printf(&text, "%s\n", c->by_path[i].pattern);
		if (text.len)
			ok = (r->strategies[s] = patterns_compile(buf_text(&text))) != NULL;
		buf_finish(&text);
	}
	return ok;
}

static struct config_rules *rules_compile(const struct config_category *c, struct err *e)
{
	struct config_rules *r = mem_alloc(sizeof *r);
	struct buf text = { 0 };
	gitlib_start();
	buf_printf(&text, "%s", shipped_ignores);
	for (size_t i = 0; i < c->ignore_count; i++)
		buf_printf(&text, "%s\n", c->ignore[i]);
	r->ignore = patterns_compile(buf_text(&text));
	buf_clear(&text);
	if (c->include_count)
		r->include_patterns = mem_alloc(c->include_count * sizeof *r->include_patterns);
	for (size_t i = 0; i < c->include_count; i++) {
		const char *p = c->include[i];
		bool not = *p == '!';
		p += not ;
		p += *p == '/';
		buf_printf(&text, "%s/%s\n", not ? "!" : "", p);
		if (!not )
			r->include_patterns[r->include_count++] = mem_text(p);
	}
	if (c->include_count)
		r->include = patterns_compile(buf_text(&text));
	buf_finish(&text);
	if (r->ignore && (r->include || !c->include_count) && strategies_compile(r, c))
		return r;
	rules_free(r);
	gitlib_err(e, c->name, "look at its ignore, include and strategy-for lines");
	return NULL;
}

static bool matches(git_repository *rules, const char *path, bool folder)
{
	char with_slash[RELPATH_MAX + 2];
	int ignored = 0;
	snprintf(with_slash, sizeof with_slash, "%s%s", path, folder ? "/" : "");
	return git_ignore_path_is_ignored(&ignored, rules, with_slash) == 0 && ignored;
}

enum strategy config_strategy_of(const struct config_category *c, const char *path)
{
	static const enum strategy order[] = { STRATEGY_ASK, STRATEGY_MERGE, STRATEGY_NEWEST };
	for (size_t i = 0; i < sizeof order / sizeof *order; i++)
		if (c->rules->strategies[order[i]] && matches(c->rules->strategies[order[i]], path, false))
			return order[i];
	return c->strategy;
}

static size_t component(const char *text, char out[RELPATH_COMPONENT + 2])
{
	size_t len = strcspn(text, "/");
	size_t kept = len <= RELPATH_COMPONENT ? len : RELPATH_COMPONENT + 1;
	memcpy(out, text, kept);
	out[kept] = 0;
	return len;
}

/* May something that `pattern` names lie in this folder? Component by component, until one of the two ends. */
static bool leads_to(const char *pattern, const char *folder)
{
	char want[RELPATH_COMPONENT + 2], have[RELPATH_COMPONENT + 2];
	while (*pattern && *folder) {
		size_t want_len = component(pattern, want), have_len = component(folder, have);
		if (strcmp(want, "**") == 0)
			return true;
		if (fnmatch(want, have, 0) != 0)
			return false;
		pattern += want_len + (pattern[want_len] == '/');
		folder += have_len + (folder[have_len] == '/');
	}
	return true; /* a folder on the way, or one below a folder that is named whole */
}

bool config_wanted(const struct config_category *c, const char *path, bool folder)
{
	if (relpath_bad(path, strlen(path)) || matches(c->rules->ignore, path, folder))
		return false;
	if (!c->rules->include)
		return true;
	if (!folder)
		return matches(c->rules->include, path, false);
	for (size_t i = 0; i < c->rules->include_count; i++)
		if (leads_to(c->rules->include_patterns[i], path))
			return true;
	return false;
}

/* Reading */

static void category_finish(struct config_category *c)
{
	for (size_t i = 0; i < c->include_count; i++)
		free(c->include[i]);
	for (size_t i = 0; i < c->ignore_count; i++)
		free(c->ignore[i]);
	for (size_t i = 0; i < c->by_path_count; i++)
		free(c->by_path[i].pattern);
	free(c->by_path);
	free(c->include);
	free(c->ignore);
	free(c->path);
	rules_free(c->rules);
}

void config_finish(struct config *c)
{
	for (size_t i = 0; i < c->category_count; i++)
		category_finish(&c->categories[i]);
	free(c->categories);
	*c = (struct config){ 0 };
}

const struct config_category *config_find(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->category_count; i++)
		if (strcmp(c->categories[i].name, name) == 0)
			return &c->categories[i];
	return NULL;
}

#define UNSET UINT32_MAX /* a key that was not written: the profile's value */

struct loading {
	struct config *c;
	const char *file;
	char where[PATH_MAX + 16]; /* "config:3" */
	struct err *e;
};

static struct config_category *category_named(struct loading *l, const char *name)
{
	struct config *c = l->c;
	const char *bad = relpath_bad_category(name ? name : "", name ? strlen(name) : 0);
	if (bad) {
		err_set(l->e, l->where, "use a-z, 0-9, - and _", "a category's name %s", bad);
		return NULL;
	}
	for (size_t i = 0; i < c->category_count; i++)
		if (strcmp(c->categories[i].name, name) == 0)
			return &c->categories[i];
	if (c->category_count == CONFIG_CATEGORIES_MAX) {
		err_set(l->e, l->where, "", "there are more than %d categories", CONFIG_CATEGORIES_MAX);
		return NULL;
	}
	c->categories = mem_grow(c->categories, c->category_count + 1, sizeof *c->categories);
	struct config_category *n = &c->categories[c->category_count++];
	*n = (struct config_category){ .strategy = (enum strategy) - 1,
		                       .merge = (enum merge_rule) - 1,
		                       .interval_ms = UNSET,
		                       .debounce_ms = UNSET,
		                       .min_change_bytes = UNSET,
		                       .max_changes_per_minute = UNSET };
	snprintf(n->name, sizeof n->name, "%s", name);
	return n;
}

static bool add_pattern(struct loading *l, char ***list, size_t *count, const char *pattern)
{
	if (*count == CONFIG_PATTERNS_MAX)
		return err_set(l->e, l->where, "", "a category may have %d patterns", CONFIG_PATTERNS_MAX);
	if (!*pattern || strlen(pattern) > RELPATH_MAX || strchr(pattern, '\n'))
		return err_set(l->e, l->where, "", "this is no pattern");
	*list = mem_grow(*list, *count + 1, sizeof **list);
	(*list)[(*count)++] = mem_text(pattern);
	return true;
}

/* The numbers of the profile that a category may have its own of. */
static const struct tunable {
	const char *key;
	size_t at; /* in struct config_category */
	bool time;
	int64_t least, most;
	const char *fix;
} tunables[] = {
	{ "interval", offsetof(struct config_category, interval_ms), true, 1000, 86400000,
	  "use a time from 1s to 24h" },
	{ "debounce", offsetof(struct config_category, debounce_ms), true, 0, 60000, "use a time from 0s to 60s" },
	{ "min-change", offsetof(struct config_category, min_change_bytes), false, 0, 1048576,
	  "use a number of bytes from 0 to 1048576" },
	{ "max-per-minute", offsetof(struct config_category, max_changes_per_minute), false, 0, 600,
	  "use a number from 1 to 600, or 0 for no limit" },
};

static const struct tunable *tunable_find(const char *key)
{
	for (size_t i = 0; i < sizeof tunables / sizeof *tunables; i++)
		if (strcmp(tunables[i].key, key) == 0)
			return &tunables[i];
	return NULL;
}

static bool number_parse(const char *text, int64_t *out)
{
	char *end;
	errno = 0;
	*out = strtoll(text, &end, 10);
	return *text >= '0' && *text <= '9' && !*end && !errno;
}

static bool tune(struct loading *l, struct config_category *c, const struct tunable *t, const char *value)
{
	int64_t n = 0;
	bool read = t->time ? duration_parse(value, &n) : number_parse(value, &n);
	if (!read || n < t->least || n > t->most)
		return err_set(l->e, l->where, t->fix, "'%s' does not do for %s", value, t->key);
	*(uint32_t *)((char *)c + t->at) = (uint32_t)n;
	return true;
}

/* "ask *.key": a strategy, and the pattern of the paths that it is for. */
static bool add_strategy(struct loading *l, struct config_category *c, const char *value)
{
	char word[16];
	size_t len = strcspn(value, " \t");
	const char *pattern = value + len + strspn(value + len, " \t");
	enum strategy s;
	snprintf(word, sizeof word, "%.*s", (int)(len < sizeof word ? len : sizeof word - 1), value);
	if (!config_strategy_parse(word, &s))
		return err_set(l->e, l->where, "write merge, newest or ask, then a pattern: strategy-for = ask *.key",
		               "there is no strategy '%s'", word);
	if (c->by_path_count == CONFIG_PATTERNS_MAX)
		return err_set(l->e, l->where, "", "a category may have %d patterns", CONFIG_PATTERNS_MAX);
	if (!*pattern || *pattern == '!' || *pattern == '#' || strlen(pattern) > RELPATH_MAX || strchr(pattern, '\n'))
		return err_set(l->e, l->where, "write merge, newest or ask, then a pattern: strategy-for = ask *.key",
		               "'%s' is no pattern of paths", pattern);
	c->by_path = mem_grow(c->by_path, c->by_path_count + 1, sizeof *c->by_path);
	c->by_path[c->by_path_count++] = (struct config_strategy){ s, mem_text(pattern) };
	return true;
}

static bool category_key(struct loading *l, const struct gitconfig_entry *g)
{
	struct config_category *c = category_named(l, g->subsection);
	if (!c)
		return false;
	if (strcmp(g->key, "include") == 0)
		return add_pattern(l, &c->include, &c->include_count, g->value);
	if (strcmp(g->key, "allow") == 0) {
		c->allow |= refuse_parse(g->value);
		return refuse_parse(g->value) || err_set(l->e, l->where, "use databases or private-keys",
		                                         "there is nothing called '%s' to allow", g->value);
	}
	if (strcmp(g->key, "ignore") == 0)
		return add_pattern(l, &c->ignore, &c->ignore_count, g->value);
	if (tunable_find(g->key))
		return tune(l, c, tunable_find(g->key), g->value);
	if (strcmp(g->key, "merge") == 0)
		return config_merge_parse(g->value, &c->merge) ||
		       err_set(l->e, l->where, "use lines, text, by-kind or none", "there is no merge '%s'", g->value);
	if (strcmp(g->key, "strategy") == 0)
		return config_strategy_parse(g->value, &c->strategy) ||
		       err_set(l->e, l->where, "use merge, newest or ask", "there is no strategy '%s'", g->value);
	if (strcmp(g->key, "strategy-for") == 0)
		return add_strategy(l, c, g->value);
	if (strcmp(g->key, "keep") == 0) {
		const char *why;
		c->keep_set = retention_parse(g->value, &c->keep, &why);
		return c->keep_set || err_set(l->e, l->where, "write keep = " RETENTION_DEFAULT ", or keep = forever",
		                              "'%s' does not do for keep: %s", g->value, why);
	}
	if (strcmp(g->key, "profile") == 0) {
		c->profile = config_profile_find(g->value);
		return c->profile ||
		       err_set(l->e, l->where, "'files' fits everything", "there is no profile '%s'", g->value);
	}
	if (strcmp(g->key, "path") == 0) {
		free(c->path);
		c->path = home_expand(g->value);
		return c->path[0] == '/' || err_set(l->e, l->where, "write the whole path, or start it with ~/",
		                                    "the path of a category must be absolute");
	}
	return err_set(
		l->e, l->where,
		"a category has path, profile, strategy, strategy-for, merge, keep, include, ignore, allow, interval, "
		"debounce, min-change and max-per-minute",
		"unknown key '%s'", g->key);
}

static bool one_key(struct loading *l, const struct gitconfig_entry *g)
{
	bool plain = !g->subsection;
	if (strcmp(g->section, "category") == 0)
		return category_key(l, g);
	if (strcmp(g->section, "console") == 0)
		return true; /* the console's own, checked by it */
	if (plain && strcmp(g->section, "device") == 0 && strcmp(g->key, "name") == 0) {
		snprintf(l->c->device_name, sizeof l->c->device_name, "%s", g->value);
		return (*g->value && strlen(g->value) < sizeof l->c->device_name) ||
		       err_set(l->e, l->where, "", "a device's name has 1 to 255 bytes");
	}
	if (plain && strcmp(g->section, "hub") == 0 && strcmp(g->key, "url") == 0) {
		snprintf(l->c->hub_url, sizeof l->c->hub_url, "%s", g->value);
		return strlen(g->value) < sizeof l->c->hub_url ||
		       err_set(l->e, l->where, "", "the hub's address is too long");
	}
	return err_set(l->e, l->where, "remove it, or see 'man syncline-config'", "unknown key '%s%s%s.%s'", g->section,
	               plain ? "" : ".", plain ? "" : g->subsection, g->key);
}

/* Checking the whole */

static bool below(const char *path, const char *folder)
{
	size_t len = strlen(folder);
	return strncmp(path, folder, len) == 0 &&
	       (path[len] == 0 || path[len] == '/' || (len && folder[len - 1] == '/'));
}

static char *resolved(const char *path)
{
	char *real = realpath(path, NULL);
	return real ? real : mem_text(path);
}

/* syncline must not sync itself: its database would change with every change. Include lines can keep it out. */
static bool keeps_out(const struct config_category *c, const char *root, const char *dir)
{
	if (below(root, dir))
		return false; /* the category lies in our own folder */
	if (!below(dir, root))
		return true;
	const char *rel = dir + strlen(root);
	rel += *rel == '/';
	return !config_wanted(c, rel, true);
}

/* Two categories over the same folder are fine while their patterns name different files. That is only known for
 * patterns without wildcards; all else that overlaps is refused. */
static bool is_plain(const char *pattern)
{
	return !strpbrk(pattern, "*?[\\!");
}

static bool apart(const struct config_category *a, const char *a_root, const struct config_category *b,
                  const char *b_root)
{
	if (!below(b_root, a_root))
		return !below(a_root, b_root) || apart(b, b_root, a, a_root);
	const char *rel = b_root + strlen(a_root);
	rel += *rel == '/';
	if (*rel && !config_wanted(a, rel, true))
		return true; /* a never goes into b's folder */
	for (size_t i = 0; i < b->include_count; i++) {
		char path[2 * RELPATH_MAX + 2];
		const char *p = b->include[i] + (b->include[i][0] == '/');
		if (!is_plain(b->include[i]))
			return false;
		snprintf(path, sizeof path, "%s%s%s", rel, *rel ? "/" : "", p);
		if (config_wanted(a, path, false) || config_wanted(a, path, true))
			return false;
	}
	return b->include_count > 0;
}

static bool category_check(struct loading *l, size_t at, char **roots, const char *const *home_dirs)
{
	struct config_category *c = &l->c->categories[at];
	char what[CATEGORY_MAX + 32];
	snprintf(what, sizeof what, "category %s", c->name);
	if (!c->path)
		return err_set(l->e, what, "give it one: path = ~/FOLDER", "it has no path");
	if (!c->profile)
		c->profile = config_profile_find(c->name) ? config_profile_find(c->name) : config_profile_find("files");
	if (c->strategy == (enum strategy) - 1)
		c->strategy = c->profile->strategy;
	if (c->merge == (enum merge_rule) - 1)
		c->merge = c->profile->merge;
	if (!c->keep_set)
		retention_parse(RETENTION_DEFAULT, &c->keep, &(const char *){ NULL });
	if (c->interval_ms == UNSET)
		c->interval_ms = c->profile->interval_ms;
	if (c->debounce_ms == UNSET)
		c->debounce_ms = c->profile->debounce_ms;
	if (c->min_change_bytes == UNSET)
		c->min_change_bytes = c->profile->min_change_bytes;
	if (c->max_changes_per_minute == UNSET)
		c->max_changes_per_minute = c->profile->max_changes_per_minute;
	c->rules = rules_compile(c, l->e);
	if (!c->rules)
		return false;
	roots[at] = resolved(c->path);
	for (size_t i = 0; home_dirs && home_dirs[i]; i++) {
		char *dir = resolved(home_dirs[i]);
		bool fine = keeps_out(c, roots[at], dir);
		free(dir);
		if (!fine)
			return err_set(l->e, what,
			               "choose another folder, or name what is to be synced with include lines",
			               "it would hold syncline's own files");
	}
	for (size_t i = 0; i < at; i++)
		if (!apart(&l->c->categories[i], roots[i], c, roots[at]))
			return err_set(l->e, what, "give each its own folder, or different include lines",
			               "it overlaps with category %s", l->c->categories[i].name);
	return true;
}

static bool check(struct loading *l, const char *const *home_dirs)
{
	struct config *c = l->c;
	char **roots = mem_alloc((c->category_count + 1) * sizeof *roots);
	bool ok = true;
	for (size_t i = 0; ok && i < c->category_count; i++)
		ok = category_check(l, i, roots, home_dirs);
	for (size_t i = 0; i < c->category_count; i++)
		free(roots[i]);
	free(roots);
	if (!c->device_name[0] && (gethostname(c->device_name, sizeof c->device_name - 1) || !c->device_name[0]))
		strcpy(c->device_name, "device");
	return ok;
}

static bool load(struct config *c, const char *file, const struct gitconfig *g, const char *const *home_dirs,
                 struct err *e)
{
	struct loading l = { .c = c, .file = file, .e = e };
	bool ok = true;
	*c = (struct config){ 0 };
	for (size_t i = 0; ok && i < gitconfig_count(g); i++) {
		const struct gitconfig_entry *entry = gitconfig_at(g, i);
		if (entry->line)
			snprintf(l.where, sizeof l.where, "%s:%d", file, entry->line);
		else
			snprintf(l.where, sizeof l.where, "%s", file);
		ok = one_key(&l, entry);
	}
	ok = ok && check(&l, home_dirs);
	if (!ok)
		config_finish(c);
	return ok;
}

bool config_load(struct config *c, const char *file, const char *const *home_dirs, struct err *e)
{
	*c = (struct config){ 0 };
	struct gitconfig *g = gitconfig_open(file, GITCONFIG_MAX, e);
	bool ok = g && load(c, file, g, home_dirs, e);
	gitconfig_destroy(g);
	return ok;
}

/* Editing */

/* Nothing is written that could not be read again. */
static bool commit(struct gitconfig_edit *d, const char *file, const char *const *home_dirs, struct err *e)
{
	struct config c = { 0 };
	struct gitconfig *g = gitconfig_parse(file, gitconfig_edit_text(d), e);
	bool ok = g && load(&c, file, g, home_dirs, e);
	gitconfig_destroy(g);
	config_finish(&c);
	return ok && gitconfig_edit_commit(d, e);
}

bool config_set(const char *file, const char *key, const char *value, struct err *e)
{
	struct gitconfig_edit *d = gitconfig_edit_start(file, e);
	bool ok = d && gitconfig_edit_set(d, key, value, e) && commit(d, file, NULL, e);
	gitconfig_edit_destroy(d);
	return ok;
}

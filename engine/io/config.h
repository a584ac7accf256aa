/* config: `<home>/config` (git-config syntax, read by sys/gitconfig) as values, and the rules of each category.
 *
 * An unknown section or key is an error that names file and line. `ignore` patterns are gitignore's. `include` patterns
 * are gitignore's too, but always start at the root of the category ("*.md" means those in the root; a leading "**"
 * and slash, any depth): so it is known which folders can hold an item, and only those are walked and watched. */
#ifndef ENGINE_IO_CONFIG_H
#define ENGINE_IO_CONFIG_H
#include "base/err.h"
#include "base/relpath.h"
#include "engine/core/category/retention.h"
#include "engine/core/core.h"

#define CONFIG_CATEGORIES_MAX 64
#define CONFIG_PATTERNS_MAX   256 /* a category */

struct config_profile {
	const char *name;
	uint32_t interval_ms; /* how often a root is looked at where events cannot be trusted */
	uint32_t debounce_ms;
	uint32_t min_change_bytes;
	uint32_t max_changes_per_minute;
	enum strategy strategy;
	enum merge_rule merge;
};
extern const struct config_profile config_profiles[];               /* ends with a NULL name; "files" is the default */
const struct config_profile *config_profile_find(const char *name); /* NULL unknown */
const char *config_strategy_name(enum strategy s);
bool config_strategy_parse(const char *name, enum strategy *out);
const char *config_merge_name(enum merge_rule m);
bool config_merge_parse(const char *name, enum merge_rule *out);

struct config_rules; /* compiled patterns */

struct config_strategy { /* of the paths that a pattern names */
	enum strategy strategy;
	char *pattern;
};

struct config_category {
	char name[CATEGORY_MAX + 1];
	char *path; /* as written, with ~ expanded; absolute */
	const struct config_profile *profile;
	/* The profile's, or as written. */
	uint32_t interval_ms, debounce_ms, min_change_bytes, max_changes_per_minute;
	enum strategy strategy;
	struct config_strategy *by_path;
	size_t by_path_count;
	enum merge_rule merge;
	struct retention keep;    /* of its versions */
	bool keep_set;
	char **include, **ignore; /* as written; the shipped ignores are not in here */
	size_t include_count, ignore_count;
	unsigned allow;           /* enum refuse_kind of what is synced although it is refused by default */
	struct config_rules *rules;
};

struct config {
	char device_name[256];              /* the host's name where not given */
	char hub_url[512];                  /* "" when not joined */
	struct config_category *categories; /* in the file's order */
	size_t category_count;
};

/* A missing file is an empty configuration. `home_dirs` are folders that no category may hold (configuration, state,
 * runtime; NULL-terminated): syncline does not sync itself. */
bool config_load(struct config *c, const char *file, const char *const *home_dirs, struct err *e);
void config_finish(struct config *c);
const struct config_category *config_find(const struct config *c, const char *name);
/* The category as the core wants it. Borrows the name. */
struct category_setup config_setup(const struct config_category *c);

/* The category's, or what `strategy-for` lines say of the path. Where several name it, the one that asks more often counts:
 * ask, then merge, then newest. */
enum strategy config_strategy_of(const struct config_category *c, const char *path);

/* Is this file an item / may this folder hold items? Shipped rules, ignore, include, and relpath's limits. */
bool config_wanted(const struct config_category *c, const char *path, bool folder);

/* Sets one key, keeping comments and all that is not concerned. The result is checked as config_load would before it replaces
 * the file. */
bool config_set(const char *file, const char *key /* "hub.url" */, const char *value, struct err *e);
#endif

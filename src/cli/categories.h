/* categories: the configuration's categories, as `add` and `remove` need them. What they mean is the engine's matter. */
#ifndef CLI_CATEGORIES_H
#define CLI_CATEGORIES_H
#include <stdbool.h>

#include "base/err.h"
#include "sys/gitconfig.h"

extern const char *const categories_profiles[]; /* ended by NULL */

bool categories_known(const struct gitconfig *config, const char *category);
/* May `root` (with only what the pattern `include` names of it, or NULL for all) become, or join, `category`? A file may
 * be added to a category of single files in the same folder; nothing may be synced twice. */
bool categories_free(const struct gitconfig *config, const char *category, const char *root, const char *include,
		     struct err *e);
/* Is `path` the folder, or below it? Both absolute. */
bool categories_below(const char *path, const char *folder);
/* Tells the engine, if one runs, to read the configuration again. Returns the exit code. */
int categories_reload(void);
#endif

/* relpath: the name of an item below its category's root. Names are bytes; this is the one validator, used wherever a
 * name comes in from outside (hub, device, scan, command line). */
#ifndef BASE_RELPATH_H
#define BASE_RELPATH_H
#include <stdbool.h>
#include <stddef.h>

#define RELPATH_MAX 4096     /* bytes of a whole name */
#define RELPATH_COMPONENT 255
#define RELPATH_DEPTH 64
#define RELPATH_TEMP ".syncline-" /* our own temporary files start so, in any folder; never an item */
#define CATEGORY_MAX 64

/* NULL when the name is fine, else why not ("has an empty component", …): no leading or trailing or double slash, no
 * "." or "..", no NUL, none of our temporary names, no ".git" component (in any case), within the limits. */
const char *relpath_bad(const char *path, size_t len);
/* A category's name: 1..64 of a-z 0-9 - _ ., not starting with . or -. */
const char *relpath_bad_category(const char *name, size_t len);
/* Splits "CATEGORY/RELATIVE/PATH". False when there is no slash or either half is bad. `path` points into item. */
bool relpath_deep(const char *path); /* deeper than RELPATH_DEPTH, whatever else it is */
bool relpath_split_item(const char *item, char category[CATEGORY_MAX + 1], const char **path);
/* folder/name, or the name alone below "". Its length; 0, and an empty text, where there is no room for it. */
size_t relpath_join(char *out, size_t room, const char *folder, const char *name);
/* Is `path` the folder itself or below it? "" is the root, which holds all. */
bool relpath_below(const char *path, const char *folder);
#endif

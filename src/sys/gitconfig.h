/* gitconfig: files in git-config syntax, read by libgit2 but never trusted: opened without following a link and without
 * blocking, regular files only, GITCONFIG_MAX bytes at most, no NUL, and no include section of any kind — libgit2 would
 * follow it. Such a text is refused whole.
 *
 * Section and key names come in lower case, subsections as written, entries in the order of the file. */
#ifndef SYS_GITCONFIG_H
#define SYS_GITCONFIG_H
#include <stdbool.h>
#include <stddef.h>

#include "base/blob.h"
#include "base/err.h"

#define GITCONFIG_MAX (256 * 1024)
#define GITCONFIG_ENTRIES_MAX 20000

struct gitconfig_entry {
	const char *section;
	const char *subsection; /* NULL: none */
	const char *key;
	const char *value;      /* "true" for a key that stands alone, as git reads it */
	int line;               /* 1…, or 0 where it cannot be told */
};

struct gitconfig;

/* NULL and e set when refused. A file that is not there gives an empty one. */
struct gitconfig *gitconfig_open(const char *path, size_t max, struct err *e);
/* The same for text in memory; `name` stands in errors for the file's name. */
struct gitconfig *gitconfig_parse(const char *name, struct span text, struct err *e);
void gitconfig_destroy(struct gitconfig *c);

size_t gitconfig_count(const struct gitconfig *c);
const struct gitconfig_entry *gitconfig_at(const struct gitconfig *c, size_t index);
/* The last value of "section.key" or "section.subsection.key", or NULL. */
const char *gitconfig_get(const struct gitconfig *c, const char *name);

/* An edit works on a copy in memory and keeps comments and all that it does not touch:
 *   start, then any number of changes, look at the text if it must be checked, commit or not, destroy. */
struct gitconfig_edit;
struct gitconfig_edit *gitconfig_edit_start(const char *path, struct err *e); /* a missing file begins empty */
void gitconfig_edit_destroy(struct gitconfig_edit *d);
/* Names as for gitconfig_get. set: the one value of this name from now on (the last, where there were several). */
bool gitconfig_edit_set(struct gitconfig_edit *d, const char *name, const char *value, struct err *e);
bool gitconfig_edit_add(struct gitconfig_edit *d, const char *name, const char *value, struct err *e);
bool gitconfig_edit_unset(struct gitconfig_edit *d, const char *name, struct err *e); /* every value; none is fine */
/* Takes the section away, header and all. False when there was none. */
bool gitconfig_edit_remove(struct gitconfig_edit *d, const char *section, const char *subsection);
struct span gitconfig_edit_text(const struct gitconfig_edit *d); /* borrowed, until the next change */
/* Replaces the file (0600 when it is new, its old mode else). Refuses when somebody changed it since the start. */
bool gitconfig_edit_commit(struct gitconfig_edit *d, struct err *e);
#endif

/* gitconfig_parts: what gitconfig.c and gitconfig_edit.c share; nobody else includes it. The library tells neither lines
 * nor where a section ends, so a text is also walked here, by the same rules. */
#ifndef SYS_GITCONFIG_PARTS_H
#define SYS_GITCONFIG_PARTS_H
#include "base/blob.h"
#include "base/err.h"

enum gitconfig_kind { GITCONFIG_OTHER, GITCONFIG_HEADER, GITCONFIG_VARIABLE };

/* One logical line: a value that is continued spans several lines of the file. */
struct gitconfig_line {
	enum gitconfig_kind kind;
	size_t from, to;    /* in the text, with its newline */
	int number;         /* of its first line, from 1 */
	struct span header; /* between the brackets */
	bool variable_too;  /* a header with a variable behind it */
};

struct gitconfig_walk {
	struct span text;
	size_t at;
	int number;
};

bool gitconfig_next_line(struct gitconfig_walk *w, struct gitconfig_line *out);
/* The file's bytes, refused as gitconfig.h says. A missing file is an empty text, and *mode stays as it was. */
bool gitconfig_read(const char *path, size_t max, struct blob *out, int *mode, struct err *e);
bool gitconfig_library(struct err *e); /* starts libgit2, once */
#endif

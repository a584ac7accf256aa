/* gitlib: libgit2, set up once for this process: it fsyncs what it writes, verifies what it reads, keeps its caches
 * small, and never looks at a person's own git configuration or ignore files. */
#ifndef ENGINE_IO_GITLIB_H
#define ENGINE_IO_GITLIB_H
#include "base/err.h"

void gitlib_start(void);                                           /* any number of times */
bool gitlib_err(struct err *e, const char *what, const char *fix); /* from libgit2's last error; returns false */
#endif

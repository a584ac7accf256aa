/* home: where this device's things live, by --home, SYNCLINE_HOME or the XDG folders, and the global options.
 *
 * With a home folder named, all of it is below that folder; without, each thing is where the XDG base directory
 * specification wants it. A relative XDG variable is ignored, as that specification says. */
#ifndef SYS_HOME_H
#define SYS_HOME_H
#include <stdbool.h>

#include "base/err.h"

struct home {
	char *config;   /* the configuration file */
	char *state;    /* the folder of the database, versions, keys and lock */
	char *control;  /* the control socket */
	char *log;      /* the log file */
	char *runtime;  /* the folder that the control socket is in */
	bool explicit;  /* named by --home or SYNCLINE_HOME */
};

struct globals {
	struct home home;
	bool json, quiet;
};
extern struct globals globals;

/* `dir` is --home's value or NULL; an empty one is an error. Paths come out absolute; nothing is made or looked at. */
bool home_resolve(struct home *h, const char *dir, struct err *e);
/* Makes the folders, 0700. Refuses a state or runtime folder that is another user's or open to others. */
bool home_prepare(const struct home *h, struct err *e);
void home_finish(struct home *h);
/* A path in the state folder, in new memory: home_state(h, "state.db"). */
char *home_state(const struct home *h, const char *name);
/* `path` with a leading "~" or "~/" expanded by HOME, in new memory. */
char *home_expand(const char *path);
#endif

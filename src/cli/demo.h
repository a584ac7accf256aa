/* demo: a playground. A hub and devices, each a child process that runs an ordinary verb on a home of its own, and
 * people who edit. Nothing here knows more of syncline than its commands. */
#ifndef CLI_DEMO_H
#define CLI_DEMO_H
#include <stdbool.h>
#include <stdint.h>

#include "base/blob.h"
#include "base/json.h"
#include "base/rng.h"
#include "sys/child.h"

#define DEMO_DEVICES_MAX 12
#define DEMO_WAIT_S "60"      /* for every `wait`: a loaded machine gets time, a broken one an end */
#define DEMO_WAIT_MS 60000

struct demo_device {
	char name[32];
	char *person;          /* HOME of whoever sits there */
	char *home;            /* syncline's */
	struct child engine;
};

struct demo {
	char *dir;             /* all of it is below */
	char address[80];      /* of the hub, once it has listened */
	struct child hub;
	struct demo_device devices[DEMO_DEVICES_MAX];
	size_t count;
	size_t files;          /* of the samples, on the first device */
	uint64_t bytes;
	bool on_screen;        /* a console has the terminal: nobody else may write there */
	struct rng rng;
};

/* demo_play.c: processes. All false or NULL: it failed and the error has been printed. */
bool demo_open(struct demo *d, size_t devices); /* folders, hub, enrolment, engines, all in step */
void demo_close(struct demo *d);                /* ends every process and removes the folder */
bool demo_over(void);                           /* a signal asked us to end */
bool demo_hub_start(struct demo *d);            /* again on the same address */
void demo_hub_stop(struct demo *d);
bool demo_engine_start(struct demo *d, struct demo_device *v);
void demo_engine_stop(struct demo_device *v);
/* Runs a verb on a device's home (NULL: the hub's side). `in` may be NULL. The exit code, or -1. `out` may be NULL. */
int demo_run(struct demo *d, struct demo_device *v, const char *in, struct blob *out, const char *const *args);
#define demo_do(d, v, ...) demo_run(d, v, NULL, NULL, (const char *const[]){ __VA_ARGS__, NULL })
json_t *demo_ask(struct demo *d, struct demo_device *v, const char *verb); /* VERB --json */
bool demo_settle(struct demo *d);               /* `wait --synced` on all; conflicts are fine */

/* demo_samples.c: files. Paths are "notes/ideas.md": below the person's HOME. */
struct demo_category {
	const char *name, *folder; /* as for `add`, below HOME; a folder ends in / */
	const char *file;          /* the one file of it, or NULL for all */
};
extern const struct demo_category demo_categories[];       /* ended by a row without a name */
void demo_fill(struct demo *d, const struct demo_device *v); /* writes the samples */
bool demo_read(const struct demo_device *v, const char *path, struct blob *out);
bool demo_write(const struct demo_device *v, const char *path, struct span content);
bool demo_change_line(const struct demo_device *v, const char *path, const char *new_line); /* one line in the middle */
bool demo_append(const struct demo_device *v, const char *path, const char *line);
/* Something that a person might do; `told` says what, in words. */
bool demo_live(struct demo *d, struct demo_device *v, char told[160]);
/* SHA-256 over every category's names, kinds, bits and bytes; and how many items. */
void demo_digest(const struct demo_device *v, char hex[65], size_t *items);

/* demo_story.c: --script. The exit code. */
int demo_story(struct demo *d, size_t devices, int64_t seconds);
#endif

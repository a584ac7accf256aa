/* verbs: every word that can follow `syncline`, one row of the table in main.c each. argv[0] is the verb itself; global
 * options have been taken out already (sys/home.h). The return value is the exit code (control/control.h).
 *
 * Adding a verb is one file and one row: `syncline --help`, `syncline VERB --help` and the suggestions for a mistyped
 * verb all come from the table. */
#ifndef CLI_VERBS_H
#define CLI_VERBS_H
#include <stdbool.h>
#include <stdio.h>

struct verb {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *usage;     /* what follows the name; lines separated by '\n', each a form of its own */
	const char *help;      /* one line; NULL: not listed */
	const char *more;      /* further lines for `VERB --help`, or NULL */
};

/* Ended by a row without a name. */
extern const struct verb verbs[];
const struct verb *verbs_find(const char *name);
/* The most similar verb, or NULL when none is near. */
const struct verb *verbs_near(const char *name);
void verbs_list(FILE *out);
void verbs_explain(FILE *out, const struct verb *v);

/* Other rooms. */
int engine_main(int argc, char **argv);  /* run */
int hub_main(int argc, char **argv);
int sim_main(int argc, char **argv);
int console_main(int argc, char **argv); /* `syncline` alone */
int helper_main(int argc, char **argv);  /* hidden: name look-ups for the engine */
struct err;
bool engine_takes_config(struct err *e); /* would it start with the configuration as it is written now? */

/* This room. */
int cmd_add(int argc, char **argv);
int cmd_categories(int argc, char **argv);
int cmd_conflicts(int argc, char **argv);
int cmd_demo(int argc, char **argv);
int cmd_devices(int argc, char **argv);
int cmd_diff(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_help(int argc, char **argv);
int cmd_history(int argc, char **argv);
int cmd_invite(int argc, char **argv);
int cmd_join(int argc, char **argv);
int cmd_key(int argc, char **argv);
int cmd_limit(int argc, char **argv);
int cmd_log(int argc, char **argv);
int cmd_notify(int argc, char **argv);
int cmd_pause(int argc, char **argv);
int cmd_queue(int argc, char **argv);
int cmd_remove(int argc, char **argv);
int cmd_resolve(int argc, char **argv);
int cmd_restore(int argc, char **argv);
int cmd_resume(int argc, char **argv);
int cmd_retry(int argc, char **argv);
int cmd_show(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_sync(int argc, char **argv);
int cmd_thin(int argc, char **argv);
int cmd_undo(int argc, char **argv);
int cmd_wait(int argc, char **argv);
int cmd_why(int argc, char **argv);
#endif

/* control_verbs: the verbs that have files of their own, for the table in control_verbs.c. */
#ifndef ENGINE_CONTROL_VERBS_H
#define ENGINE_CONTROL_VERBS_H
#include "base/relpath.h"
#include "engine/control_server.h"

struct item_name {
	char category[CATEGORY_MAX + 1];
	char path[RELPATH_MAX + 1];
	char item[CATEGORY_MAX + RELPATH_MAX + 2]; /* as it was asked for */
};

/* control_items.c */
void verb_history(const struct question *q);
void verb_show(const struct question *q);
void verb_restore(const struct question *q);
void verb_diff(const struct question *q);
void verb_why(const struct question *q);
bool control_item(const struct question *q, struct item_name *n); /* the request's item. False: it was answered */
/* An advice with its ITEM and CATEGORY filled in, quoted for a shell where that is needed. New memory. */
char *control_advice(const char *text, const char *category, const char *path);

/* control_settle.c */
void verb_hunks(const struct question *q);
void verb_resolve(const struct question *q);
void verb_undo(const struct question *q);

/* control_waits.c */
void verb_wait(const struct question *q);
void verb_sync(const struct question *q);
void verb_invite(const struct question *q);
void verb_thin(const struct question *q);
#endif

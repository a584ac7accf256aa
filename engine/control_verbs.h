/* control_verbs: the verbs that have files of their own, for the table in control_verbs.c. */
#ifndef ENGINE_CONTROL_VERBS_H
#define ENGINE_CONTROL_VERBS_H
#include "engine/control_server.h"

/* control_items.c */
void verb_history(const struct question *q);
void verb_show(const struct question *q);
void verb_restore(const struct question *q);
void verb_resolve(const struct question *q);
void verb_why(const struct question *q);

/* control_waits.c */
void verb_wait(const struct question *q);
void verb_sync(const struct question *q);
void verb_invite(const struct question *q);
#endif

/* enroll: invites, and joining a hub with one: a short-lived connection of its own, which says Enroll and hears the
 * answer. Until the hub has said yes nothing is changed on disk. */
#ifndef ENGINE_ENROLL_H
#define ENGINE_ENROLL_H
#include "engine/control_server.h"

#define INVITE_PREFIX "syncline-invite-1."
#define INVITE_MAX    4096
#define INVITE_TOKEN  32

/* An invite that carries this device's account key. New memory, to be wiped by whoever has shown it. */
char *enroll_invite(struct engine *g, const uint8_t token[INVITE_TOKEN]);

void enroll_start(const struct question *q, const char *invite, const char *name, bool insecure); /* answers q, later */
void enroll_turn(struct engine *g); /* finishes what the last turn of the loop has decided */
void enroll_destroy(struct engine *g);
#endif

/* admission: who may speak. Challenge, authentication, enrolment, invites, revocation, and the limits of a connection
 * that has not proved who it is. */
#ifndef HUB_CORE_ADMISSION_H
#define HUB_CORE_ADMISSION_H
#include "hub/core/account.h"

void admission_challenge(struct hub_core *h, struct conn *c);
void admission_text(struct hub_core *h, struct conn *c, struct span text); /* any JSON message, of any connection */
void admission_early_binary(struct hub_core *h, struct conn *c);
/* The store's answers. The connection may be NULL: it went away meanwhile. */
void admission_device(struct hub_core *h, struct conn *c, const struct store_answer *answer);
void admission_admit(struct hub_core *h, struct conn *c, const struct store_answer *answer);
void admission_enrolled(struct hub_core *h, struct conn *c, const struct store_answer *answer);
void admission_list(struct hub_core *h, struct conn *c, const struct store_answer *answer);
void admission_invited(struct hub_core *h, struct conn *c, const struct store_answer *answer);
void admission_revoked(struct hub_core *h, struct account *a, const struct id *device,
                       const struct store_answer *answer);
#endif

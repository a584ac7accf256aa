/* control_server: answers consoles and commands on the control socket (control/control.h has the language). Clients are
 * of our own user, and still not trusted: everything they send is bounded, and one that does not read is dropped. */
#ifndef ENGINE_CONTROL_SERVER_H
#define ENGINE_CONTROL_SERVER_H
#include "control/control.h"
#include "engine/engine.h"

struct control_server;
struct control_client;

struct control_server *control_server_create(struct engine *g, struct err *e);
void control_server_destroy(struct control_server *s); /* NULL-safe; removes the socket */
/* After the turn's commit: looks whether what is waited for has come, reports to subscribers, lets answers go. */
void control_server_turn(struct control_server *s);
uint64_t control_server_deadline(const struct control_server *s); /* monotonic ms of the next turn wanted */
void control_server_stumbled(struct control_server *s); /* the turn was lost: so are the answers given in it */

/* One request, for control_verbs.c. It is answered once, now or (control_wait) later. */
struct question {
	struct engine *engine;
	struct control_server *server;
	uint64_t client; /* a number never used twice */
	int64_t id;
	const json_t *request;
};

void control_answer(const struct question *q, json_t *data); /* steals data */
void control_fail(const struct question *q, int exit_code, const struct err *e);
void control_fail_with(const struct question *q, int exit_code, const char *what, const char *fix,
                       const char *why_format, ...) __attribute__((format(printf, 5, 6)));

/* Answers later: `look` is called at the end of turns until it has answered and says true. A client that goes away
 * takes its waits along. `due_ms`: monotonic, when look is called at the latest; UINT64_MAX for never. */
enum wait_kind { WAIT_SYNCED, WAIT_FOUND, WAIT_INVITED, WAIT_THINNED, WAIT_RESOLVED };
struct control_wait {
	enum wait_kind kind;
	uint64_t due_ms, ticket;
	uint64_t look_ms; /* not to be looked at before: looking costs, with many items */
	uint8_t token[32];
	int64_t expires_ms;
};
bool control_wait(const struct question *q, const struct control_wait *w); /* false: answered, too many waits */
void control_progress(const struct question *q, json_t *data); /* an event before the answer; steals data */
bool control_client_there(const struct control_server *s, uint64_t client);
void control_subscribe(const struct question *q, uint64_t interval_ms);
void control_follow(const struct question *q, uint64_t from); /* log lines from this number on */

/* control_verbs.c */
void control_verb(const struct question *q);
/* control_settle.c */
bool control_look_resolved(const struct question *q, const struct control_wait *w); /* true: answered */
void control_resolving_destroy(struct engine *g);
/* control_waits.c */
bool control_wait_look(const struct question *q, struct control_wait *w); /* true: answered */
#endif

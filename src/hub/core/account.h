/* account: who is connected, and what the hub's core knows of them while they are. The state that its rooms share.
 *
 * An account is in memory while a connection, an unanswered store call or an unfinished upload needs it. */
#ifndef HUB_CORE_ACCOUNT_H
#define HUB_CORE_ACCOUNT_H
#include "base/map.h"
#include "hub/core/hub_core.h"
#include "hub/core/limits.h"

struct bucket { /* a rate, as a leaking bucket */
	uint64_t spent_milli, at_ms;
};

enum conn_state {
	CONN_CHALLENGED, /* got its nonce; nothing is known about it */
	CONN_LOOKUP,     /* its Auth or Enroll is at the store */
	CONN_READY,
	CONN_CLOSING, /* told to close; what still comes in is ignored */
};

struct conn {
	uint64_t id;
	enum conn_state state;
	struct conn *before, *after; /* in the list of its deadline, oldest first */
	struct conn_list *list;
	uint64_t heard_ms;
	uint8_t nonce[MESSAGE_NONCE];
	size_t early_bytes;   /* taken before it authenticated */
	struct message *auth; /* the Auth or Enroll being judged; owned */

	struct account *account; /* READY, as all below */
	struct member *member;
	uint64_t epoch, writer;
	uint64_t sent; /* the log up to here has been given to the connection */
	bool reading;  /* a read for it is at the store */
	bool apart;    /* its history is not ours: it is fed no log */
	struct {       /* a large entry on its way in slices; seq 0: none */
		uint64_t seq, offset, total, writer;
		struct change change;
	} slice;
	struct buf out; /* records of this turn */
	uint32_t *told; /* by number on the wire: the writer that it stands for now, 0 = none yet */
	size_t told_len;
	bool todo, moved; /* is in the hub's list of that name */
	bool missed;      /* receipts or presence were not told it, for its backlog */
	struct bucket changes, frames, texts, wants;
};

struct conn_list {
	struct conn *first, *last;
};

struct member { /* a device of an account */
	struct message_device public;
	struct conn *conn; /* NULL: offline */
	uint64_t writer;   /* of its latest connection in this hub's life, 0 = none */
};

struct writer { /* a (device, epoch) pair; its number is its place + 1 */
	struct id device;
	uint64_t epoch;
};

struct assembly;

struct account {
	char name[65];
	uint64_t head;
	struct member **members;
	size_t member_count, member_cap;
	struct writer *writers;
	size_t writer_count, writer_cap;
	struct map writer_numbers; /* (device, epoch) -> number, as a pointer */
	struct conn **conns;       /* READY ones */
	size_t conn_count, conn_cap;
	struct assembly **parts;
	size_t part_count, part_cap;
	uint64_t part_bytes;
	size_t waiting; /* unanswered store calls that name it */
};

struct pending { /* a store call that will be answered */
	enum {
		ASKED_NOTHING,
		ASKED_DEVICE,
		ASKED_ADMIT,
		ASKED_ENROLL,
		ASKED_LIST,
		ASKED_APPEND,
		ASKED_READ,
		ASKED_SLICE,
		ASKED_INVITE,
		ASKED_REVOKE
	} kind;
	uint64_t conn;
	struct account *account; /* held by `waiting`; may be NULL */
	struct id device;
	uint64_t epoch;
};

struct hub_core {
	struct hub_world world;
	struct store *store;
	struct id id;
	uint64_t now_ms;
	int64_t wall_ms;
	struct map conns, accounts;
	struct conn_list early, ready; /* by deadline */
	uint64_t ticket_first, ticket_next;
	struct pending *pending; /* ring, by ticket */
	size_t pending_cap;
	uint64_t *todo, *moved; /* connections with something to send or to read; with a new cursor */
	size_t todo_count, todo_cap, moved_count, moved_cap;
	uint64_t part_bytes;
	uint64_t parts_check_ms; /* when to look for abandoned uploads, UINT64_MAX for never */
	bool more;               /* the turn's budget ended before the work */
};

/* Connections. */
struct conn *conn_create(struct hub_core *h, uint64_t id);
void conn_destroy(struct hub_core *h, struct conn *c); /* after CLOSED */
struct conn *conn_find(const struct hub_core *h, uint64_t id);
void conn_forget_auth(struct conn *c);
void conn_wait(struct hub_core *h, struct conn *c, struct conn_list *list); /* its deadline begins anew */
void conn_record(struct hub_core *h, struct conn *c, const struct record *r);
void conn_send(struct hub_core *h, struct conn *c); /* the turn's records, now */
void conn_message(struct hub_core *h, struct conn *c, const struct message *m);
bool conn_has_room(struct hub_core *h, struct conn *c); /* less than HUB_WINDOW is unsent */
void conn_todo(struct hub_core *h, struct conn *c);     /* look at it at the end of the turn */
void conn_moved(struct hub_core *h, struct conn *c);    /* its cursor: the others hear of it at the end of the turn */
/* Ends it with an ErrorReport. */
void conn_fail(struct hub_core *h, struct conn *c, const char *code, const char *text, int64_t retry_after_ms);
void conn_close(struct hub_core *h, struct conn *c, const char *reason);
bool bucket_take(struct bucket *b, uint64_t now_ms, uint32_t rate, uint32_t burst);

/* Accounts. */
struct account *account_get(struct hub_core *h, const char *name); /* made where it is not in memory */
struct account *account_find(const struct hub_core *h, const char *name);
void account_release(struct hub_core *h, struct account *a); /* forgets it when nothing needs it */
struct member *account_member(const struct account *a, const struct id *device);
void account_load(struct account *a, const struct store_answer *answer); /* devices and head, as the store has them */
uint64_t account_writer(struct account *a, const struct id *device, uint64_t epoch);
void account_attach(struct account *a, struct conn *c, struct member *m);
void account_detach(struct hub_core *h, struct conn *c); /* no-op when not attached */

/* Store calls. The number to submit with. */
uint64_t pending_add(struct hub_core *h, int kind, const struct conn *c, struct account *a);
#endif

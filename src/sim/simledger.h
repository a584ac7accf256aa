/* simledger: what one simulated device has saved: ledger rows and versions. Writes of a turn are set aside until
 * simledger_commit makes them durable all at once; simledger_rollback is what a crash leaves.
 *
 * With a real one behind it (engine/io/ledger_sqlite.h on a simulated disk) every row goes there as well, commit is the
 * real one's, and at each boot every row that comes back is compared with what was committed. */
#ifndef SIM_SIMLEDGER_H
#define SIM_SIMLEDGER_H
#include "base/map.h"
#include "engine/core/world.h"
#include "engine/io/ledger_sqlite.h"

struct simversion {
	struct id version;
	uint8_t meta;
	struct blob content;
	bool durable;
	bool rotten;  /* the disk holds something else by now, or nothing */
	bool again;   /* put again over a rotten one, in a turn that has not committed */
	bool damaged; /* … and that was found out: it counts as not there until it is put again */
	bool gone;    /* thinned away: not there until it is put again; judges still see what it was */
};

struct simledger_write;

struct simledger {
	struct map items;    /* id -> struct item_row, with its own texts */
	struct map outbox;   /* counter -> struct outbox_row */
	struct map peers;    /* id -> struct peer_row */
	struct map versions; /* id -> struct simversion; those of the open turn are not durable yet */
	struct history_row *history;
	size_t history_count, history_cap;
	struct settlement_row *settlements;
	size_t settlement_count, settlement_cap;
	struct state_row state;
	struct simledger_write *writes; /* of the open turn */
	size_t write_count, write_cap;
	struct ledger *real; /* NULL: none, or not open */
	bool anew;           /* the real one's file holds something else: to be written anew */
	bool doubt;          /* it died while it committed `writes`: only the disk knows */
};

void simledger_finish(struct simledger *l);
void simledger_save_item(struct simledger *l, const struct item_row *row);
void simledger_drop_item(struct simledger *l, const struct id *item);
void simledger_save_outbox(struct simledger *l, const struct outbox_row *row);
void simledger_drop_outbox(struct simledger *l, uint64_t counter);
void simledger_save_state(struct simledger *l, const struct state_row *row);
void simledger_save_peer(struct simledger *l, const struct peer_row *row);
void simledger_add_history(struct simledger *l, const struct history_row *row);
void simledger_save_settlement(struct simledger *l, const struct settlement_row *row);
/* See world.h. */
bool simledger_came_back(const struct simledger *l, const struct id *item, const struct id *version, const struct id *agreed);
/* As versions_git.h has them: what has rotted is there until it is read; to put it again mends it. */
bool simledger_has_version(const struct simledger *l, const struct id *version);
const struct simversion *simledger_read_version(struct simledger *l, const struct id *version);
struct simversion *simledger_any_version(const struct simledger *l, uint64_t number); /* durable, or NULL */
void simledger_put_version(struct simledger *l, const struct id *version, uint8_t meta, struct span content);
const struct simversion *simledger_version(const struct simledger *l, const struct id *version); /* durable or not */

/* `durable` is told of each version that becomes so. False: the real one refused, and all of the turn is in doubt
 * until it is opened again. */
bool simledger_commit(struct simledger *l, void (*durable)(void *ctx, const struct simversion *v), void *ctx);
void simledger_rollback(struct simledger *l); /* keeps what is in doubt */
/* The real one comes back, on an empty disk when l->anew. False: e says what is wrong with it. */
bool simledger_open(struct simledger *l, const char *vfs, const char *file,
                    void (*durable)(void *ctx, const struct simversion *v), void *ctx, struct err *e);
void simledger_close(struct simledger *l); /* the real one; cleanly where its disk lets it */
/* A copy of what is durable: a backup. */
void simledger_copy(struct simledger *out, const struct simledger *l);
#endif

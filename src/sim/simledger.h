/* simledger: what one simulated device has saved: ledger rows and versions. Writes of a turn are set aside until
 * simledger_commit makes them durable all at once; simledger_rollback is what a crash leaves. */
#ifndef SIM_SIMLEDGER_H
#define SIM_SIMLEDGER_H
#include "base/map.h"
#include "engine/core/world.h"

struct simversion {
	struct id version;
	uint8_t meta;
	struct blob content;
	bool durable;
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
void simledger_put_version(struct simledger *l, const struct id *version, uint8_t meta, struct span content);
const struct simversion *simledger_version(const struct simledger *l, const struct id *version); /* durable or not */

/* `durable` is told of each version that becomes so. */
void simledger_commit(struct simledger *l, void (*durable)(void *ctx, const struct simversion *v), void *ctx);
void simledger_rollback(struct simledger *l);
/* A copy of what is durable: a backup. */
void simledger_copy(struct simledger *out, const struct simledger *l);
#endif

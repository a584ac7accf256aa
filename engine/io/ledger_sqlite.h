/* ledger: what the device knows, in `<state>/state.db` (SQLite, WAL, synchronous=FULL, both read back at every open).
 *
 * The first write of a turn begins a transaction; ledger_commit ends it. After a false answer from any write the turn
 * must fail: ledger_commit then answers false and has rolled back. */
#ifndef ENGINE_IO_LEDGER_SQLITE_H
#define ENGINE_IO_LEDGER_SQLITE_H
#include "base/err.h"
#include "engine/core/world.h"

struct ledger;
struct sqlite3;
struct sqlite3_stmt;

struct ledger *ledger_open(const char *state_dir, struct err *e); /* makes the file 0600; NULL with e set */
/* The file itself, on a named VFS of SQLite's, which keeps it private: the simulated world's disk. */
struct ledger *ledger_open_on(const char *vfs, const char *file, struct err *e);
void ledger_close(struct ledger *l);                              /* rolls back what was not committed; NULL-safe */
bool ledger_commit(struct ledger *l, struct err *e);              /* true at once when nothing was written */
void ledger_rollback(struct ledger *l);
bool ledger_was_clean(const struct ledger *l);   /* the last stop went through ledger_close */
/* Between turns: copies what is in the log of the database into its file, when there is much of it. False: there was
 * nothing to do. Where it is never called, a commit does so, later. */
bool ledger_checkpoint(struct ledger *l);
bool ledger_dirty(const struct ledger *l);       /* something waits for the commit */
uint64_t ledger_commits(const struct ledger *l); /* that reached the disk since open: one fsync each */

/* The writes of world.h. */
bool ledger_save_item(struct ledger *l, const struct item_row *row);
bool ledger_drop_item(struct ledger *l, const struct id *item);
void ledger_stage_outbox(struct ledger *l, struct span so_far); /* of the large record that is saved next, see staged.h */
bool ledger_save_outbox(struct ledger *l, const struct outbox_row *row);
bool ledger_drop_outbox(struct ledger *l, uint64_t counter);
bool ledger_save_state(struct ledger *l, const struct state_row *row);
bool ledger_save_peer(struct ledger *l, const struct peer_row *row);
bool ledger_add_history(struct ledger *l, const struct history_row *row);
bool ledger_save_settlement(struct ledger *l, const struct settlement_row *row);
bool ledger_came_back(struct ledger *l, const struct id *item, const struct id *version, const struct id *agreed);

/* Loading, at boot. Rows are borrowed for the call, but an outbox row's record is handed over;
 * a row whose record is lost is left out. */
bool ledger_load_items(struct ledger *l, void (*each)(void *ctx, const struct item_row *row), void *ctx, struct err *e);
bool ledger_load_outbox(struct ledger *l, void (*each)(void *ctx, const struct outbox_row *row), void *ctx,
                        struct err *e);
bool ledger_load_peers(struct ledger *l, void (*each)(void *ctx, const struct peer_row *row), void *ctx, struct err *e);
bool ledger_load_state(struct ledger *l, struct state_row *out, struct err *e); /* zeros on a new home */

/* History, newest first, of one item or (NULL) of all. `category` and `path` are "" when the item is forgotten. */
bool ledger_history(struct ledger *l, const struct id *item, size_t limit,
                    void (*each)(void *ctx, const struct history_row *row, const char *category, const char *path),
                    void *ctx, struct err *e);

/* The row that tells how a version first came to an item: who made it, when, how large. False: it is not in the history. */
bool ledger_first(struct ledger *l, const struct id *item, const struct id *version, struct history_row *out);
/* "category/path" of the item that was deleted for this one to hold its version: the old name of a rename. New memory; NULL
 * where the history does not tell. */
char *ledger_old_name(struct ledger *l, const struct id *item, const struct id *version);

/* Settlements, newest first, of one item or (NULL) of all. */
bool ledger_settlements(struct ledger *l, const struct id *item, size_t limit,
                        void (*each)(void *ctx, const struct settlement_row *row), void *ctx, struct err *e);

/* Small facts by name (pins of roots, marks). Part of the turn's transaction. */
bool ledger_set(struct ledger *l, const char *name, const char *value /* NULL removes */);
char *ledger_get(struct ledger *l, const char *name); /* new memory, or NULL */

/* For versions_git only, which shares the database and its transactions. */
struct sqlite3 *ledger_db(struct ledger *l);
bool ledger_begin(struct ledger *l); /* lazily, before a write */
bool ledger_done(struct ledger *l,
                 struct sqlite3_stmt *q);         /* steps a write to its end, resets it; false fails the turn */
bool ledger_err(struct ledger *l, struct err *e); /* the database's last error as e; returns false */
#endif

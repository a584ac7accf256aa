/* walsync: after a stop that was not clean, SQLite's write-ahead log is written again, byte for byte, and synced.
 *
 * A sync that failed may have been the last one's end. Linux then holds the pages for clean: a recovery reads commits in
 * them that are on no disk, and no later sync writes them. What is committed behind them would be lost with them at the
 * next power cut (A. Rebello et al., "Can Applications Recover from fsync Failures?", USENIX ATC 2020). So the pages are
 * made dirty once more. */
#ifndef SYS_WALSYNC_H
#define SYS_WALSYNC_H
#include <stdbool.h>

struct sqlite3;

/* The database is open, in WAL mode, and no transaction is. False: sqlite3_errmsg says why. */
bool walsync(struct sqlite3 *db);
#endif

/* sqlite_db: the SQLite file of a hub: opening it so that what was committed stays committed, its tables, its prepared
 * statements. The store itself is in sqlite.c. */
#ifndef HUB_STORE_SQLITE_DB_H
#define HUB_STORE_SQLITE_DB_H
#include <sqlite3.h>

#include "base/blob.h"
#include "base/err.h"
#include "base/id.h"

#define SQLITE_DB_PART 65536 /* bytes of a large body in one row; all but the last have as many */

enum sqlite_query {
	QUERY_BEGIN,
	QUERY_COMMIT,
	QUERY_ROLLBACK,
	QUERY_ACCOUNT,
	QUERY_ACCOUNT_ADD,
	QUERY_ACCOUNT_SET,
	QUERY_WRITER,
	QUERY_WRITER_ADD,
	QUERY_WRITER_SET,
	QUERY_ITEM,
	QUERY_ITEM_SET,
	QUERY_KNOWN,
	QUERY_APPEND,
	QUERY_BODY_ADD,
	QUERY_BODY,
	QUERY_BODY_END,
	QUERY_BODY_DROP,
	QUERY_BODY_LOWEST,
	QUERY_LARGE,
	QUERY_LARGE_ADD,
	QUERY_UPLOADS,
	QUERY_UPLOAD_ADD,
	QUERY_UPLOAD_DROP,
	QUERY_READ,
	QUERY_CHAIN,
	QUERY_DEVICE,
	QUERY_DEVICES,
	QUERY_DEVICE_COUNT,
	QUERY_DEVICE_ADD,
	QUERY_CURSOR,
	QUERY_SEEN,
	QUERY_REVOKE,
	QUERY_INVITE,
	QUERY_INVITE_ADD,
	QUERY_INVITE_COUNT,
	QUERY_INVITE_SPEND,
	QUERY_INVITE_PURGE,
	QUERY_NOTE,
	QUERY_NOTED,
	QUERY_NOTE_DROP,
	QUERY_COUNT,
};

struct sqlite_db {
	sqlite3 *db;
	sqlite3_stmt *queries[QUERY_COUNT];
	bool serves;    /* alone */
	bool unsynced;  /* commits do not wait for the disk now */
	int lock_fd;    /* held while this process serves a file, else -1 */
	char text[256]; /* the last failure, for people */
	int code;       /* of it */
};

/* serve: alone, with a check of the whole file when it was not closed cleanly. Otherwise a visit beside a server. */
bool sqlite_db_open(struct sqlite_db *d, const char *file, bool serve, struct err *e);
/* To serve, on a VFS of SQLite's that keeps its files alone and private by itself. */
bool sqlite_db_open_on(struct sqlite_db *d, const char *vfs, const char *file, struct err *e);
void sqlite_db_close(struct sqlite_db *d);

/* Binds by type letters: i (int64_t), b (struct span), t (const char *). Spans and texts must live until the statement
 * is done with. Returns it ready to be stepped. */
sqlite3_stmt *sqlite_db_bind(struct sqlite_db *d, enum sqlite_query q, const char *types, ...);
bool sqlite_db_run(struct sqlite_db *d, sqlite3_stmt *st); /* a statement without rows */
/* 1 a row, 0 none, -1 failed. After 0 and -1 the statement is reset; after a row sqlite_db_done resets it. */
int sqlite_db_row(struct sqlite_db *d, sqlite3_stmt *st);
void sqlite_db_done(sqlite3_stmt *st);
/* Whether commits wait for the disk: they do, unless somebody asked for less. The first that does again waits for all. */
bool sqlite_db_sync(struct sqlite_db *d, bool full);
bool sqlite_db_corrupt(const struct sqlite_db *d);
struct span sqlite_db_span(sqlite3_stmt *st, int column); /* borrowed until the next step */
struct id sqlite_db_id(sqlite3_stmt *st, int column);     /* zero where the column has no 16 bytes */
#endif

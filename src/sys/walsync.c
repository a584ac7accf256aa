#include "sys/walsync.h"

#include <sqlite3.h>
#include <stddef.h>

static int rewrite(sqlite3_file *log)
{
	unsigned char bytes[16384];
	sqlite3_int64 size = 0;
	int code = log->pMethods->xFileSize(log, &size);
	for (sqlite3_int64 at = 0; code == SQLITE_OK && at < size; at += (sqlite3_int64)sizeof bytes) {
		int len = size - at < (sqlite3_int64)sizeof bytes ? (int)(size - at) : (int)sizeof bytes;
		code = log->pMethods->xRead(log, bytes, len, at);
		if (code == SQLITE_OK)
			code = log->pMethods->xWrite(log, bytes, len, at);
	}
	return code == SQLITE_OK && size ? log->pMethods->xSync(log, SQLITE_SYNC_NORMAL) : code;
}

/* The write lock keeps other processes from writing and from starting the log anew meanwhile. */
bool walsync(struct sqlite3 *db)
{
	sqlite3_file *log = NULL;
	if (sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
		return false;
	int code = sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
	if (code == SQLITE_OK && log && log->pMethods)
		code = rewrite(log);
	return sqlite3_exec(db, code == SQLITE_OK ? "COMMIT" : "ROLLBACK", NULL, NULL, NULL) == SQLITE_OK &&
	       code == SQLITE_OK;
}

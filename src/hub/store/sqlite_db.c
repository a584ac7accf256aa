#include "hub/store/sqlite_db.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "sys/walsync.h"

#define FORMAT      2          /* user_version */
#define APPLICATION 0x73796e63 /* "sync", application_id */

/* log.place is account << 40 | number, so that an account's log is one run of rows and needs no second index. A change
 * whose body is over WIRE_PART_MAX is kept as its record without the body (flags say PARTED); the body is in bodies,
 * cut into rows of SQLITE_DB_PART, since SQLite finds a place inside a large value only by walking there: see
 * sqlite_bodies.h. */
#define LARGE                                                                                                          \
	"CREATE TABLE large(place INTEGER PRIMARY KEY, body INTEGER NOT NULL);"                                        \
	"CREATE TABLE uploads(body INTEGER PRIMARY KEY);"

/* From the first format to the second. */
static const char second[] = LARGE;

/* clang-format off */
static const char schema[] =
	"CREATE TABLE accounts(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, head INTEGER NOT NULL DEFAULT 0,"
	" chain BLOB NOT NULL DEFAULT x'00000000000000000000000000000000');"
	"CREATE TABLE devices(id BLOB PRIMARY KEY, account INTEGER NOT NULL, public_key BLOB NOT NULL,"
	" name BLOB NOT NULL, cursor INTEGER NOT NULL DEFAULT 0, seen INTEGER NOT NULL,"
	" revoked INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;"
	"CREATE INDEX devices_account ON devices(account);"
	"CREATE TABLE writers(id INTEGER PRIMARY KEY, device BLOB NOT NULL, epoch INTEGER NOT NULL,"
	" counter INTEGER NOT NULL, UNIQUE(device, epoch));"
	"CREATE TABLE items(account INTEGER NOT NULL, item BLOB NOT NULL, seq INTEGER NOT NULL,"
	" PRIMARY KEY(account, item)) WITHOUT ROWID;"
	"CREATE TABLE log(place INTEGER PRIMARY KEY, writer INTEGER NOT NULL, counter INTEGER NOT NULL,"
	" chain BLOB NOT NULL, change BLOB NOT NULL);"
	"CREATE UNIQUE INDEX log_identity ON log(writer, counter);"
	"CREATE TABLE bodies(place INTEGER NOT NULL, part INTEGER NOT NULL, bytes BLOB NOT NULL,"
	" PRIMARY KEY(place, part));"
	LARGE
	"CREATE TABLE invites(token_hash BLOB PRIMARY KEY, account INTEGER NOT NULL, expires INTEGER NOT NULL,"
	" device BLOB) WITHOUT ROWID;"
	"CREATE TABLE notes(key TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;"
	"INSERT INTO notes VALUES('hub', randomblob(16));";
/* clang-format on */

static const char *const queries[QUERY_COUNT] = {
	[QUERY_BEGIN] = "BEGIN IMMEDIATE",
	[QUERY_COMMIT] = "COMMIT",
	[QUERY_ROLLBACK] = "ROLLBACK",
	[QUERY_ACCOUNT] = "SELECT id, head, chain FROM accounts WHERE name = ?1",
	[QUERY_ACCOUNT_ADD] = "INSERT INTO accounts(name) VALUES(?1) ON CONFLICT DO NOTHING",
	[QUERY_ACCOUNT_SET] = "UPDATE accounts SET head = ?2, chain = ?3 WHERE id = ?1",
	[QUERY_WRITER] = "SELECT id, counter FROM writers WHERE device = ?1 AND epoch = ?2",
	[QUERY_WRITER_ADD] = "INSERT INTO writers(device, epoch, counter) VALUES(?1, ?2, 0)",
	[QUERY_WRITER_SET] = "UPDATE writers SET counter = ?2 WHERE id = ?1",
	[QUERY_ITEM] = "SELECT seq FROM items WHERE account = ?1 AND item = ?2",
	[QUERY_ITEM_SET] = "INSERT INTO items VALUES(?1, ?2, ?3) ON CONFLICT DO UPDATE SET seq = ?3",
	[QUERY_KNOWN] = "SELECT place, change FROM log WHERE writer = ?1 AND counter = ?2",
	[QUERY_APPEND] = "INSERT INTO log VALUES(?1, ?2, ?3, ?4, ?5)",
	[QUERY_BODY_ADD] = "INSERT INTO bodies VALUES(?1, ?2, ?3)",
	[QUERY_BODY] = "SELECT bytes FROM bodies WHERE place = ?1 AND part = ?2",
	[QUERY_BODY_END] = "SELECT part, length(bytes) FROM bodies WHERE place = ?1 ORDER BY part DESC LIMIT 1",
	[QUERY_BODY_DROP] = "DELETE FROM bodies WHERE rowid IN (SELECT rowid FROM bodies WHERE place = ?1 LIMIT ?2)",
	[QUERY_BODY_LOWEST] = "SELECT min(coalesce((SELECT min(body) FROM large), 0), coalesce((SELECT min(body) FROM uploads), 0))",
	[QUERY_LARGE] = "SELECT body FROM large WHERE place = ?1",
	[QUERY_LARGE_ADD] = "INSERT INTO large VALUES(?1, ?2)",
	[QUERY_UPLOADS] = "SELECT body FROM uploads",
	[QUERY_UPLOAD_ADD] = "INSERT INTO uploads VALUES(?1)",
	[QUERY_UPLOAD_DROP] = "DELETE FROM uploads WHERE body = ?1",
	[QUERY_READ] =
	        "SELECT l.place, w.device, w.epoch, l.chain, l.change FROM log l JOIN writers w ON w.id = l.writer"
	        " WHERE l.place >= ?1 AND l.place <= ?2 ORDER BY l.place",
	[QUERY_CHAIN] = "SELECT chain FROM log WHERE place = ?1",
	[QUERY_DEVICE] = "SELECT d.id, d.public_key, d.name, d.cursor, d.seen, d.revoked, a.name, a.head"
	                 " FROM devices d JOIN accounts a ON a.id = d.account WHERE d.id = ?1",
	[QUERY_DEVICES] = "SELECT d.id, d.public_key, d.name, d.cursor, d.seen, d.revoked, a.name, a.head"
	                  " FROM devices d JOIN accounts a ON a.id = d.account WHERE d.account = ?1 ORDER BY d.id",
	[QUERY_DEVICE_COUNT] = "SELECT count(*) FROM devices WHERE account = ?1 AND NOT revoked",
	[QUERY_DEVICE_ADD] = "INSERT INTO devices(id, account, public_key, name, seen) VALUES(?1, ?2, ?3, ?4, ?5)",
	[QUERY_CURSOR] = "UPDATE devices SET cursor = ?2, seen = ?3 WHERE id = ?1",
	[QUERY_SEEN] = "UPDATE devices SET seen = ?2 WHERE id = ?1",
	[QUERY_REVOKE] =
	        "UPDATE devices SET revoked = 1 WHERE id = ?2 AND account = (SELECT id FROM accounts WHERE name = ?1)",
	[QUERY_INVITE] = "SELECT account, expires, device FROM invites WHERE token_hash = ?1",
	[QUERY_INVITE_ADD] = "INSERT OR REPLACE INTO invites(token_hash, account, expires)"
	                     " SELECT ?1, id, ?3 FROM accounts WHERE name = ?2",
	[QUERY_INVITE_COUNT] = "SELECT count(*) FROM invites WHERE account = (SELECT id FROM accounts WHERE name = ?1)"
	                       " AND device IS NULL AND expires > ?2",
	[QUERY_INVITE_SPEND] = "UPDATE invites SET device = ?2 WHERE token_hash = ?1",
	/* a day longer than they are good for: a lost answer is asked for again */
	[QUERY_INVITE_PURGE] = "DELETE FROM invites WHERE expires < ?1 - 86400000",
	[QUERY_NOTE] = "INSERT OR REPLACE INTO notes VALUES(?1, ?2)",
	[QUERY_NOTED] = "SELECT value FROM notes WHERE key = ?1",
	[QUERY_NOTE_DROP] = "DELETE FROM notes WHERE key = ?1",
};

/* ---- statements ---- */

static void remember(struct sqlite_db *d, int code)
{
	d->code = code;
	snprintf(d->text, sizeof d->text, "the store could not be used: %s", sqlite3_errmsg(d->db));
}

sqlite3_stmt *sqlite_db_bind(struct sqlite_db *d, enum sqlite_query q, const char *types, ...)
{
	sqlite3_stmt *st = d->queries[q];
	va_list args;
	va_start(args, types);
	for (int i = 1; types[i - 1]; i++) {
		if (types[i - 1] == 'i') {
			sqlite3_bind_int64(st, i, va_arg(args, int64_t));
		} else if (types[i - 1] == 't') {
			sqlite3_bind_text(st, i, va_arg(args, const char *), -1, SQLITE_STATIC);
		} else {
			struct span s = va_arg(args, struct span);
			sqlite3_bind_blob64(st, i, s.data ? s.data : (const void *)"", s.len, SQLITE_STATIC);
		}
	}
	va_end(args);
	return st;
}

void sqlite_db_done(sqlite3_stmt *st)
{
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
}

int sqlite_db_row(struct sqlite_db *d, sqlite3_stmt *st)
{
	int code = sqlite3_step(st);
	if (code == SQLITE_ROW)
		return 1;
	if (code != SQLITE_DONE)
		remember(d, code);
	sqlite_db_done(st);
	return code == SQLITE_DONE ? 0 : -1;
}

bool sqlite_db_run(struct sqlite_db *d, sqlite3_stmt *st)
{
	int got = sqlite_db_row(d, st);
	if (got == 1)
		sqlite_db_done(st);
	return got >= 0;
}

bool sqlite_db_corrupt(const struct sqlite_db *d)
{
	int code = d->code & 0xff;
	return code == SQLITE_CORRUPT || code == SQLITE_NOTADB;
}

struct span sqlite_db_span(sqlite3_stmt *st, int column)
{
	const void *bytes = sqlite3_column_blob(st, column);
	return span_of(bytes, bytes ? (size_t)sqlite3_column_bytes(st, column) : 0);
}

struct id sqlite_db_id(sqlite3_stmt *st, int column)
{
	struct span s = sqlite_db_span(st, column);
	return s.len == ID_LEN ? id_from(s.data) : (struct id){ 0 };
}

/* ---- opening ---- */

static bool fail(struct sqlite_db *d, const char *file, struct err *e)
{
	int code = d->db ? sqlite3_errcode(d->db) : SQLITE_NOMEM;
	if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB)
		return err_set(
		        e, file,
		        "restore the hub's store from a backup; or move it away, start the hub anew and join the "
		        "devices again: each still has all of its files",
		        "the database is damaged");
	return err_set(e, file, "check the file, its folder and the disk", "%s",
	               d->db ? sqlite3_errmsg(d->db) : "no memory");
}

/* Made by us, before SQLite sees it: it would use the umask's mode. */
static bool prepare_file(const char *file, struct err *e)
{
	struct stat st;
	int fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_set(e, file,
		               errno == ELOOP ? "name the file itself"
		                              : "make its folder, or name another file with --store",
		               "%s", errno == ELOOP ? "it is a symbolic link" : strerror(errno));
	bool known = fstat(fd, &st) == 0;
	close(fd);
	if (!known || !S_ISREG(st.st_mode))
		return err_set(e, file, "name another file with --store", "it is not a regular file");
	if (st.st_uid != geteuid())
		return err_set(e, file, "run the hub as its owner", "it belongs to another user");
	if (st.st_mode & 077)
		return err_set(e, file, "chmod 600 it", "other users may read or change it");
	return true;
}

static bool lock_file(struct sqlite_db *d, const char *file, struct err *e)
{
	char *name = mem_printf("%s.lock", file);
	d->lock_fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	free(name);
	if (d->lock_fd < 0)
		return err_set(e, file, "check its folder", "its lock cannot be made: %s", strerror(errno));
	if (flock(d->lock_fd, LOCK_EX | LOCK_NB) != 0)
		return err_set(e, file, "stop the other hub, or give this one another --store",
		               "another hub is serving it");
	return true;
}

/* The first column of a pragma's one row, as text into out. */
static bool pragma(struct sqlite_db *d, const char *sql, char *out, size_t cap)
{
	sqlite3_stmt *st = NULL;
	bool good = sqlite3_prepare_v2(d->db, sql, -1, &st, NULL) == SQLITE_OK;
	out[0] = 0;
	if (good) {
		int code = sqlite3_step(st);
		good = code == SQLITE_ROW || code == SQLITE_DONE;
		if (code == SQLITE_ROW)
			snprintf(out, cap, "%s", (const char *)sqlite3_column_text(st, 0));
	}
	return sqlite3_finalize(st) == SQLITE_OK && good;
}

/* Confirmed must mean durable: both settings are read back. */
static bool make_durable(struct sqlite_db *d, const char *file, struct err *e)
{
	char text[64];
	if (!pragma(d, "PRAGMA journal_mode = WAL", text, sizeof text))
		return fail(d, file, e);
	if (strcmp(text, "wal") != 0)
		return err_set(e, file, "put it on a local disk", "the file system cannot hold a write-ahead log");
	if (!pragma(d, "PRAGMA synchronous = FULL", text, sizeof text) ||
	    !pragma(d, "PRAGMA synchronous", text, sizeof text))
		return fail(d, file, e);
	if (strcmp(text, "2") != 0)
		return err_set(e, file, "", "SQLite does not take synchronous=FULL here (it says %s)", text);
	return true;
}

bool sqlite_db_sync(struct sqlite_db *d, bool full)
{
	char text[64];
	if (full != d->unsynced)
		return true;
	d->unsynced = true;
	bool set = pragma(d, full ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL", text, sizeof text) &&
	           pragma(d, "PRAGMA synchronous", text, sizeof text) && strcmp(text, full ? "2" : "1") == 0;
	if (!set)
		remember(d, sqlite3_errcode(d->db));
	else
		d->unsynced = !full;
	return set;
}

static bool make_tables(struct sqlite_db *d, const char *file, struct err *e)
{
	char text[64], sql[96];
	if (!pragma(d, "PRAGMA user_version", text, sizeof text))
		return fail(d, file, e);
	if (atoi(text) == FORMAT)
		return true;
	if (sqlite3_exec(d->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
		return fail(d, file, e);
	if (!pragma(d, "PRAGMA user_version", text, sizeof text)) /* another process may have been quicker */
		return fail(d, file, e);
	if (atoi(text) > FORMAT)
		return err_set(e, file, "update this syncline", "it was made by a newer syncline (format %d)",
		               atoi(text));
	if (atoi(text) == 1) {
		snprintf(sql, sizeof sql, "PRAGMA user_version = %d", FORMAT);
		if (sqlite3_exec(d->db, second, NULL, NULL, NULL) != SQLITE_OK ||
		    sqlite3_exec(d->db, sql, NULL, NULL, NULL) != SQLITE_OK)
			return fail(d, file, e);
	} else if (atoi(text) != FORMAT) {
		if (!pragma(d, "SELECT count(*) FROM sqlite_schema", text, sizeof text))
			return fail(d, file, e);
		if (strcmp(text, "0") != 0)
			return err_set(e, file, "name another file with --store",
			               "it is the database of another program");
		snprintf(sql, sizeof sql, "PRAGMA application_id = %d; PRAGMA user_version = %d", APPLICATION, FORMAT);
		if (sqlite3_exec(d->db, schema, NULL, NULL, NULL) != SQLITE_OK ||
		    sqlite3_exec(d->db, sql, NULL, NULL, NULL) != SQLITE_OK)
			return fail(d, file, e);
	}
	return sqlite3_exec(d->db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK || fail(d, file, e);
}

static bool prepare_queries(struct sqlite_db *d, const char *file, struct err *e)
{
	for (int i = 0; i < QUERY_COUNT; i++)
		if (sqlite3_prepare_v3(d->db, queries[i], -1, SQLITE_PREPARE_PERSISTENT, &d->queries[i], NULL) !=
		    SQLITE_OK)
			return fail(d, file, e);
	return true;
}

/* The note "open" is there while a hub serves the file: found at the start, the last one did not end cleanly. */
static bool check_after_crash(struct sqlite_db *d, const char *file, struct err *e)
{
	char text[64];
	int crashed = sqlite_db_row(d, sqlite_db_bind(d, QUERY_NOTED, "t", "open"));
	if (crashed < 0)
		return fail(d, file, e);
	if (crashed == 0)
		return sqlite_db_run(d, sqlite_db_bind(d, QUERY_NOTE, "tt", "open", "1")) || fail(d, file, e);
	sqlite_db_done(d->queries[QUERY_NOTED]);
	if (pragma(d, "PRAGMA quick_check(1)", text, sizeof text) && strcmp(text, "ok") == 0)
		return walsync(d->db) || fail(d, file, e);
	return err_set(e, file,
	               "restore the hub's store from a backup; or move it away, start the hub anew and join the "
	               "devices again: each still has all of its files",
	               "the database is damaged (%s)", text);
}

static bool abandon(struct sqlite_db *d)
{
	for (int i = 0; i < QUERY_COUNT; i++)
		sqlite3_finalize(d->queries[i]);
	sqlite3_close(d->db);
	if (d->lock_fd >= 0)
		close(d->lock_fd);
	return false;
}

static bool set_up(struct sqlite_db *d, const char *file, const char *vfs, int flags, bool serve, struct err *e)
{
	d->serves = serve;
	if (sqlite3_open_v2(file, &d->db, flags | SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, vfs) != SQLITE_OK)
		return fail(d, file, e);
	sqlite3_busy_timeout(d->db, 5000);
	sqlite3_exec(d->db,
	             "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY;"
	             "PRAGMA cache_size = -16000; PRAGMA journal_size_limit = 16777216",
	             NULL, NULL, NULL);
	return make_durable(d, file, e) && make_tables(d, file, e) && prepare_queries(d, file, e) &&
	       (!serve || check_after_crash(d, file, e));
}

bool sqlite_db_open(struct sqlite_db *d, const char *file, bool serve, struct err *e)
{
	*d = (struct sqlite_db){ .lock_fd = -1 };
	bool ready = prepare_file(file, e) && (!serve || lock_file(d, file, e));
	return (ready && set_up(d, file, NULL, 0, serve, e)) || abandon(d);
}

bool sqlite_db_open_on(struct sqlite_db *d, const char *vfs, const char *file, struct err *e)
{
	*d = (struct sqlite_db){ .lock_fd = -1 };
	return set_up(d, file, vfs, SQLITE_OPEN_CREATE, true, e) || abandon(d);
}

void sqlite_db_close(struct sqlite_db *d)
{
	if (d->serves)
		sqlite_db_run(d, sqlite_db_bind(d, QUERY_NOTE_DROP, "t", "open"));
	abandon(d);
}

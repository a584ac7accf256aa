#include "engine/io/ledger_sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "engine/core/limits.h"
#include "engine/io/outbox_files.h"
#include "sys/walsync.h"

#define LEDGER_FORMAT  5
#define LEDGER_BUSY_MS 5000
#define LEDGER_ASIDE                                                                                                   \
	"move the state folder aside: the device then joins its hub again and nothing of your files changes"

/* What is left of the history (thinned = 0), by item and by version; the branches of a repository that is being made
 * anew (versions_thin.c). */
#define THINNING                                                                                                       \
	"CREATE INDEX history_left ON history (item) WHERE thinned = 0;"                                               \
	"CREATE INDEX history_version ON history (version) WHERE thinned = 0;"                                         \
	"CREATE TABLE rebranches (name TEXT PRIMARY KEY, tip BLOB) WITHOUT ROWID;"

/* Counters above 2^63 (epochs are random) are kept as the signed number of the same bits. */
static const char schema[] =
        "CREATE TABLE items (item BLOB PRIMARY KEY, category TEXT NOT NULL, path BLOB NOT NULL, side INT, main BLOB,"
        " device BLOB, head_seq INT, head_version BLOB, head_edited INT, head_device BLOB, head_meta INT, head_size "
        "INT,"
        " head_mtime_ms INT, agreed BLOB, local BLOB, size INT, mtime_ns INT, ctime_ns INT, inode INT, meta INT,"
        " local_edited INT, local_at_ms INT, chain_len INT, chain_bytes INT, retry_count INT, detected_ms INT,"
        " hold INT, want BLOB, settles BLOB, settled BLOB, settled_as BLOB, merged BLOB, merged_on BLOB,"
        " left_out INT DEFAULT 0) WITHOUT ROWID;"
        "CREATE TABLE outbox (counter INTEGER PRIMARY KEY, item BLOB, version BLOB, base INT, priority INT, linked INT,"
        " record BLOB, queued_at_ms INT, retry_count INT, size_plain INT, delta INT, compression INT, kind INT);"
        "CREATE TABLE state (one INTEGER PRIMARY KEY CHECK (one = 1), epoch INT, counter INT, cursor INT, chain BLOB,"
        " clock INT, bytes_plain INT, bytes_sent INT, bytes_received INT, last_synced_ms INT, paused INT);"
        "CREATE TABLE peers (device BLOB PRIMARY KEY, name BLOB, revoked INT, last_seen_ms INT, cursor INT) WITHOUT "
        "ROWID;"
        "CREATE TABLE history (id INTEGER PRIMARY KEY, item BLOB, version BLOB, device BLOB, at_ms INT, seq INT, size "
        "INT,"
        " kind INT, how INT, meta INT, thinned INT DEFAULT 0);"
        "CREATE INDEX history_item ON history (item);"
        THINNING
        /* names of items that history still needs when the ledger has dropped them */
        "CREATE TABLE names (item BLOB PRIMARY KEY, category TEXT, path BLOB, side INT, device BLOB) WITHOUT ROWID;"
        "CREATE TABLE versions (version BLOB PRIMARY KEY, meta INT, size INT, place INT, oid BLOB, damaged INT DEFAULT "
        "0)"
        " WITHOUT ROWID;"
        "CREATE TABLE contents (id INTEGER PRIMARY KEY, version BLOB UNIQUE, content BLOB);"
        "CREATE TABLE packs (name TEXT PRIMARY KEY, objects INT, verified INT, age INT DEFAULT 0) WITHOUT ROWID;"
        "CREATE TABLE branches (name TEXT PRIMARY KEY, tip BLOB) WITHOUT ROWID;"
        "CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;"
        "CREATE TABLE settlements (id INTEGER PRIMARY KEY, item BLOB, base BLOB, mine BLOB, theirs BLOB, result BLOB,"
        " at_ms INT, how INT, undone INT);";

/* From each format to the next. */
static const char *const steps[LEDGER_FORMAT] = {
	[1] = "ALTER TABLE items ADD COLUMN hold INT DEFAULT 0;"
	      "ALTER TABLE items ADD COLUMN want BLOB DEFAULT x'00000000000000000000000000000000';"
	      "ALTER TABLE items ADD COLUMN settles BLOB DEFAULT x'00000000000000000000000000000000';"
	      "ALTER TABLE items ADD COLUMN settled BLOB DEFAULT x'00000000000000000000000000000000';"
	      "ALTER TABLE items ADD COLUMN settled_as BLOB DEFAULT x'00000000000000000000000000000000';"
	      "ALTER TABLE items ADD COLUMN merged BLOB DEFAULT x'00000000000000000000000000000000';"
	      "ALTER TABLE items ADD COLUMN merged_on BLOB DEFAULT x'00000000000000000000000000000000';"
	      "CREATE TABLE settlements (id INTEGER PRIMARY KEY, item BLOB, base BLOB, mine BLOB, theirs BLOB, result "
	      "BLOB,"
	      " at_ms INT, how INT, undone INT);",
	[2] = "ALTER TABLE history ADD COLUMN thinned INT DEFAULT 0;"
	      "ALTER TABLE packs ADD COLUMN age INT DEFAULT 0;" THINNING,
	[3] = "", /* a record in the outbox may be a number: how long its file is */
	[4] = "ALTER TABLE items ADD COLUMN left_out INT DEFAULT 0;",
};

enum statement {
	SAVE_ITEM,
	SAVE_NAME,
	DROP_ITEM,
	SAVE_OUTBOX,
	DROP_OUTBOX,
	SAVE_STATE,
	SAVE_PEER,
	ADD_HISTORY,
	SAVE_SETTLEMENT,
	CAME_BACK,
	SET_FACT,
	UNSET_FACT,
	GET_FACT,
	FIRST_ROW,
	OLD_NAME,
	STATEMENTS
};
static const char *const texts[STATEMENTS] = {
	[SAVE_ITEM] = "INSERT OR REPLACE INTO items VALUES "
		      "(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
	[SAVE_NAME] = "INSERT INTO names VALUES (?,?,?,?,?) ON CONFLICT (item) DO NOTHING",
	[DROP_ITEM] = "DELETE FROM items WHERE item = ?",
	[SAVE_OUTBOX] = "INSERT OR REPLACE INTO outbox VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)",
	[DROP_OUTBOX] = "DELETE FROM outbox WHERE counter = ?",
	[SAVE_STATE] = "INSERT OR REPLACE INTO state VALUES (1,?,?,?,?,?,?,?,?,?,?)",
	[SAVE_PEER] = "INSERT OR REPLACE INTO peers VALUES (?,?,?,?,?)",
	[ADD_HISTORY] = "INSERT INTO history VALUES (NULL,?,?,?,?,?,?,?,?,?,0)",
	[SAVE_SETTLEMENT] = "INSERT OR REPLACE INTO settlements VALUES (?,?,?,?,?,?,?,?,?)",
	/* how 1, 2, 3, 6: remote, merge, settle, newest */
	[CAME_BACK] = "SELECT max(CASE WHEN version = ?2 THEN id ELSE 0 END), max(CASE WHEN how IN (1,2,3,6) AND"
		      " id <= (SELECT max(id) FROM history WHERE item = ?1 AND version = ?3) THEN id ELSE 0 END)"
		      " FROM history WHERE item = ?1",
	[SET_FACT] = "INSERT OR REPLACE INTO facts VALUES (?,?)",
	[UNSET_FACT] = "DELETE FROM facts WHERE name = ?",
	[GET_FACT] = "SELECT value FROM facts WHERE name = ?",
	[FIRST_ROW] = "SELECT item, version, device, at_ms, seq, size, kind, how, meta FROM history"
		      " WHERE item = ? AND version = ? ORDER BY id LIMIT 1",
	/* The deletion stands close behind: both were captured, or received, as one. */
	[OLD_NAME] =
		"SELECT n.category, n.path FROM history d JOIN names n ON n.item = d.item"
		" WHERE d.id BETWEEN (SELECT min(id) FROM history WHERE item = ?1 AND version = ?2)"
		" AND (SELECT min(id) FROM history WHERE item = ?1 AND version = ?2) + 4096"
		" AND d.kind = 2 AND d.item <> ?1"
		" AND EXISTS (SELECT 1 FROM history s WHERE s.item = d.item AND s.version = ?2) ORDER BY d.id LIMIT 1",
};

#define WAL_PAGES      4000 /* in the log: they go into the file, in a turn of their own */
#define WAL_PAGES_MOST 8000 /* … or in the commit */

struct ledger {
	sqlite3 *db;
	int wal_pages;
	char *path;
	sqlite3_stmt *q[STATEMENTS];
	bool open, failed; /* a transaction is open; a write in it failed */
	uint64_t commits;
	bool loaded, was_clean;
	char why[384]; /* of the first failure of the turn */
	struct outbox_files outgoing;
};

/* Opening */

bool ledger_err(struct ledger *l, struct err *e)
{
	/* A file that is mapped and cannot grow is an I/O error with this behind it. */
	int code = sqlite3_system_errno(l->db) == ENOSPC ? SQLITE_FULL : sqlite3_errcode(l->db);
	const char *fix = code == SQLITE_FULL ? "make room on the disk"
	                  : code == SQLITE_CORRUPT || code == SQLITE_NOTADB
	                          ? LEDGER_ASIDE
	                          : "look at the disk and the folder's permissions";
	return err_set(e, l->path, fix, "%s", code == SQLITE_FULL ? sqlite3_errstr(code) : sqlite3_errmsg(l->db));
}

static bool run(struct ledger *l, const char *sql)
{
	return sqlite3_exec(l->db, sql, NULL, NULL, NULL) == SQLITE_OK;
}

/* The answer of a pragma or query that gives one value. "" when it gives none. */
static void ask(struct ledger *l, const char *sql, char out[64])
{
	sqlite3_stmt *q = NULL;
	out[0] = 0;
	if (sqlite3_prepare_v2(l->db, sql, -1, &q, NULL) == SQLITE_OK && sqlite3_step(q) == SQLITE_ROW &&
	    sqlite3_column_text(q, 0))
		snprintf(out, 64, "%s", (const char *)sqlite3_column_text(q, 0));
	sqlite3_finalize(q);
}

/* After a stop that was not clean the whole database is looked through; else that would only cost time. */
static bool check(struct ledger *l, struct err *e)
{
	char *clean = ledger_get(l, "clean"), answer[64] = "ok";
	l->was_clean = clean && strcmp(clean, "1") == 0;
	free(clean);
	if (!l->was_clean)
		ask(l, "PRAGMA quick_check(1)", answer);
	if (strcmp(answer, "ok") != 0)
		return err_set(e, l->path, LEDGER_ASIDE, "the database is damaged");
	if (!l->was_clean && !walsync(l->db))
		return ledger_err(l, e);
	l->loaded = ledger_set(l, "clean", "0") && ledger_commit(l, e);
	l->commits = 0;
	return l->loaded || ledger_err(l, e);
}

/* An older format, step by step, all or nothing. */
static bool bring_up(struct ledger *l, int format)
{
	char mark[64];
	bool ok = run(l, "BEGIN IMMEDIATE");
	for (; ok && format < LEDGER_FORMAT; format++)
		ok = run(l, steps[format]);
	snprintf(mark, sizeof mark, "PRAGMA user_version=%d", LEDGER_FORMAT);
	if (ok && run(l, mark) && run(l, "COMMIT"))
		return true;
	return false; /* closing rolls it back */
}

static void checkpoint(struct ledger *l)
{
	l->wal_pages = 0;
	sqlite3_wal_checkpoint_v2(l->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
}

static int committed(void *ctx, sqlite3 *db, const char *name, int pages)
{
	struct ledger *l = ctx;
	(void)db, (void)name;
	l->wal_pages = pages;
	if (pages >= WAL_PAGES_MOST)
		checkpoint(l);
	return SQLITE_OK;
}

/* The promise of WAL and FULL is read back, never assumed. */
static bool set_up(struct ledger *l, struct err *e)
{
	char journal[64], synchronous[64], format[64];
	sqlite3_busy_timeout(l->db, LEDGER_BUSY_MS);
	sqlite3_extended_result_codes(l->db, 1);
	sqlite3_db_config(l->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	if (!run(l, "PRAGMA auto_vacuum=INCREMENTAL"))
		return ledger_err(l, e);
	ask(l, "PRAGMA journal_mode=WAL", journal);
	if (strcmp(journal, "wal") != 0)
		return sqlite3_errcode(l->db) != SQLITE_OK && sqlite3_errcode(l->db) != SQLITE_ROW &&
		                       sqlite3_errcode(l->db) != SQLITE_DONE
		               ? ledger_err(l, e)
		               : err_set(e, l->path, "use a local filesystem for the state",
		                         "this filesystem cannot keep a write-ahead log");
	if (!run(l, "PRAGMA synchronous=FULL; PRAGMA cache_size=-6144; PRAGMA mmap_size=0; PRAGMA temp_store=MEMORY;"
	            "PRAGMA journal_size_limit=16777216; PRAGMA trusted_schema=OFF"))
		return ledger_err(l, e);
	sqlite3_wal_hook(l->db, committed, l);
	ask(l, "PRAGMA synchronous", synchronous);
	if (strcmp(synchronous, "2") != 0)
		return err_set(e, l->path, "", "the database does not take synchronous=FULL");
	ask(l, "PRAGMA user_version", format);
	if (strcmp(format, "0") == 0) {
		char make[64];
		snprintf(make, sizeof make, "PRAGMA user_version=%d", LEDGER_FORMAT);
		if (!run(l, "BEGIN IMMEDIATE") || !run(l, schema) || !run(l, make) || !run(l, "COMMIT"))
			return ledger_err(l, e);
	} else if (atoi(format) > 0 && atoi(format) < LEDGER_FORMAT) {
		if (!bring_up(l, atoi(format)))
			return ledger_err(l, e);
	} else if (atoi(format) != LEDGER_FORMAT) {
		return err_set(e, l->path, *format ? "use the syncline that wrote it, or " LEDGER_ASIDE : LEDGER_ASIDE,
		               *format ? "it is of format %s, which this syncline does not know" : "it is damaged%s",
		               format);
	}
	for (int i = 0; i < STATEMENTS; i++)
		if (sqlite3_prepare_v3(l->db, texts[i], -1, SQLITE_PREPARE_PERSISTENT, &l->q[i], NULL) != SQLITE_OK)
			return ledger_err(l, e);
	return check(l, e);
}

/* Made before SQLite does, so that neither it nor its companions are ever readable by others. */
static bool make_private(const char *path, struct err *e)
{
	struct stat st;
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (fd < 0)
		return err_set(e, path, "look at the folder's permissions", "it cannot be opened: %s", strerror(errno));
	bool ok = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() && !(st.st_mode & 077);
	close(fd);
	return ok ||
	       err_set(e, path, "chmod 600 it, if it is yours", "others than you could read it, or it is not yours");
}

static struct ledger *open_file(struct ledger *l, const char *vfs, int flags, struct err *e)
{
	flags |= SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_NOMUTEX;
	bool ok = sqlite3_open_v2(l->path, &l->db, flags, vfs) == SQLITE_OK || ledger_err(l, e);
	if (ok && set_up(l, e))
		return l;
	ledger_close(l);
	return NULL;
}

struct ledger *ledger_open(const char *state_dir, struct err *e)
{
	struct ledger *l = mem_alloc(sizeof *l);
	char *real = realpath(state_dir,
	                      NULL); /* a link in the file's own name is refused, one on the way is a person's choice */
	l->path = mem_printf("%s/state.db", real ? real : state_dir);
	free(real);
	if (make_private(l->path, e) && outbox_files_open(&l->outgoing, state_dir, e))
		return open_file(l, NULL, 0, e);
	ledger_close(l);
	return NULL;
}

struct ledger *ledger_open_on(const char *vfs, const char *file, struct err *e)
{
	struct ledger *l = mem_alloc(sizeof *l);
	l->path = mem_text(file);
	return open_file(l, vfs, SQLITE_OPEN_CREATE, e);
}

void ledger_close(struct ledger *l)
{
	if (!l)
		return;
	if (l->db) {
		ledger_rollback(l);
		if (l->loaded && ledger_set(l, "clean", "1"))
			ledger_commit(l, NULL);
	}
	for (int i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(l->q[i]);
	sqlite3_close_v2(l->db);
	outbox_files_close(&l->outgoing);
	free(l->path);
	free(l);
}

/* Turns */

struct sqlite3 *ledger_db(struct ledger *l)
{
	return l->db;
}

static bool fail(struct ledger *l)
{
	if (!l->failed)
		snprintf(l->why, sizeof l->why, "%s", sqlite3_errmsg(l->db));
	l->failed = true;
	return false;
}

bool ledger_begin(struct ledger *l)
{
	if (l->failed)
		return false;
	if (!l->open && !run(l, "BEGIN IMMEDIATE"))
		return fail(l);
	l->open = true;
	return true;
}

bool ledger_done(struct ledger *l, struct sqlite3_stmt *q)
{
	bool ok = sqlite3_step(q) == SQLITE_DONE;
	if (!ok)
		fail(l);
	sqlite3_reset(q);
	sqlite3_clear_bindings(q);
	return ok;
}

bool ledger_was_clean(const struct ledger *l)
{
	return l->was_clean;
}

bool ledger_dirty(const struct ledger *l)
{
	return l->open || l->failed;
}

uint64_t ledger_commits(const struct ledger *l)
{
	return l->commits;
}

void ledger_rollback(struct ledger *l)
{
	if (!sqlite3_get_autocommit(l->db))
		run(l, "ROLLBACK");
	outbox_files_rolled_back(&l->outgoing);
	l->open = l->failed = false;
}

bool ledger_commit(struct ledger *l, struct err *e)
{
	if (!l->open && !l->failed)
		return true;
	if (!l->failed && run(l, "COMMIT")) {
		l->open = false;
		l->commits++;
		outbox_files_committed(&l->outgoing);
		return true;
	}
	fail(l);
	bool full = sqlite3_errcode(l->db) == SQLITE_FULL || strstr(l->why, "full");
	err_set(e, l->path, full ? "make room on the disk" : "look at the disk", "%s", l->why);
	ledger_rollback(l);
	return false;
}

bool ledger_checkpoint(struct ledger *l)
{
	if (l->open || l->failed || l->wal_pages < WAL_PAGES)
		return false;
	checkpoint(l);
	return true;
}

/* Binding, in the order of the columns */

struct binder {
	sqlite3_stmt *q;
	int at;
};

static void put_int(struct binder *b, int64_t value)
{
	sqlite3_bind_int64(b->q, ++b->at, value);
}

static void put_id(struct binder *b, const struct id *id)
{
	sqlite3_bind_blob(b->q, ++b->at, id->b, ID_LEN, SQLITE_STATIC);
}

static void put_text(struct binder *b, const char *text)
{
	sqlite3_bind_text(b->q, ++b->at, text, -1, SQLITE_STATIC);
}

static void put_bytes(struct binder *b, const void *bytes, size_t len)
{
	sqlite3_bind_blob64(b->q, ++b->at, len ? bytes : "", len, SQLITE_STATIC);
}

bool ledger_save_item(struct ledger *l, const struct item_row *r)
{
	if (!ledger_begin(l))
		return false;
	struct binder n = { l->q[SAVE_NAME], 0 };
	put_id(&n, &r->item);
	put_text(&n, r->category);
	put_bytes(&n, r->path, strlen(r->path));
	put_int(&n, r->side);
	put_id(&n, &r->device);
	if (!ledger_done(l, n.q))
		return false;
	struct binder b = { l->q[SAVE_ITEM], 0 };
	put_id(&b, &r->item);
	put_text(&b, r->category);
	put_bytes(&b, r->path, strlen(r->path));
	put_int(&b, r->side);
	put_id(&b, &r->main);
	put_id(&b, &r->device);
	put_int(&b, (int64_t)r->head_seq);
	put_id(&b, &r->head_version);
	put_int(&b, (int64_t)r->head_edited);
	put_id(&b, &r->head_device);
	put_int(&b, r->head_meta);
	put_int(&b, (int64_t)r->head_size);
	put_int(&b, r->head_mtime_ms);
	put_id(&b, &r->agreed);
	put_id(&b, &r->local);
	put_int(&b, (int64_t)r->local_stat.size);
	put_int(&b, r->local_stat.mtime_ns);
	put_int(&b, r->local_stat.ctime_ns);
	put_int(&b, (int64_t)r->local_stat.inode);
	put_int(&b, r->local_stat.meta);
	put_int(&b, (int64_t)r->local_edited);
	put_int(&b, r->local_at_ms);
	put_int(&b, r->chain_len);
	put_int(&b, (int64_t)r->chain_bytes);
	put_int(&b, (int64_t)r->retry_count);
	put_int(&b, (int64_t)r->detected_ms);
	put_int(&b, r->hold);
	put_id(&b, &r->want);
	put_id(&b, &r->settles);
	put_id(&b, &r->settled);
	put_id(&b, &r->settled_as);
	put_id(&b, &r->merged);
	put_id(&b, &r->merged_on);
	put_int(&b, r->left_out);
	return ledger_done(l, b.q);
}

bool ledger_drop_item(struct ledger *l, const struct id *item)
{
	if (!ledger_begin(l))
		return false;
	struct binder b = { l->q[DROP_ITEM], 0 };
	put_id(&b, item);
	return ledger_done(l, b.q);
}

void ledger_stage_outbox(struct ledger *l, struct span so_far)
{
	outbox_files_stage(&l->outgoing, so_far);
}

bool ledger_save_outbox(struct ledger *l, const struct outbox_row *r)
{
	bool apart = l->outgoing.folder && r->record.len > LIMIT_PART_BYTES;
	if (!ledger_begin(l))
		return false;
	if (apart && !outbox_files_put(&l->outgoing, r->counter, span_blob(&r->record))) {
		snprintf(l->why, sizeof l->why, "%s: %s", l->outgoing.folder, strerror(errno));
		l->failed = true;
		return false;
	}
	struct binder b = { l->q[SAVE_OUTBOX], 0 };
	put_int(&b, (int64_t)r->counter);
	put_id(&b, &r->item);
	put_id(&b, &r->version);
	put_int(&b, (int64_t)r->base);
	put_int(&b, r->priority);
	put_int(&b, r->linked);
	if (apart)
		put_int(&b, (int64_t)r->record.len);
	else
		put_bytes(&b, r->record.data, r->record.len);
	put_int(&b, r->queued_at_ms);
	put_int(&b, r->retry_count);
	put_int(&b, (int64_t)r->size_plain);
	put_int(&b, r->delta);
	put_int(&b, r->compression);
	put_int(&b, r->kind);
	return ledger_done(l, b.q);
}

bool ledger_drop_outbox(struct ledger *l, uint64_t counter)
{
	if (!ledger_begin(l))
		return false;
	outbox_files_drop(&l->outgoing, counter);
	struct binder b = { l->q[DROP_OUTBOX], 0 };
	put_int(&b, (int64_t)counter);
	return ledger_done(l, b.q);
}

bool ledger_save_state(struct ledger *l, const struct state_row *r)
{
	if (!ledger_begin(l))
		return false;
	struct binder b = { l->q[SAVE_STATE], 0 };
	put_int(&b, (int64_t)r->epoch);
	put_int(&b, (int64_t)r->counter);
	put_int(&b, (int64_t)r->cursor);
	put_id(&b, &r->chain);
	put_int(&b, (int64_t)r->clock);
	put_int(&b, (int64_t)r->bytes_plain);
	put_int(&b, (int64_t)r->bytes_sent);
	put_int(&b, (int64_t)r->bytes_received);
	put_int(&b, r->last_synced_ms);
	put_int(&b, r->paused);
	return ledger_done(l, b.q);
}

bool ledger_save_peer(struct ledger *l, const struct peer_row *r)
{
	if (!ledger_begin(l))
		return false;
	struct binder b = { l->q[SAVE_PEER], 0 };
	put_id(&b, &r->device);
	put_bytes(&b, r->name, strlen(r->name));
	put_int(&b, r->revoked);
	put_int(&b, r->last_seen_ms);
	put_int(&b, (int64_t)r->cursor);
	return ledger_done(l, b.q);
}

bool ledger_add_history(struct ledger *l, const struct history_row *r)
{
	if (!ledger_begin(l))
		return false;
	struct binder b = { l->q[ADD_HISTORY], 0 };
	put_id(&b, &r->item);
	put_id(&b, &r->version);
	put_id(&b, &r->device);
	put_int(&b, r->at_ms);
	put_int(&b, (int64_t)r->seq);
	put_int(&b, (int64_t)r->size);
	put_int(&b, r->kind);
	put_int(&b, r->how);
	put_int(&b, r->meta);
	return ledger_done(l, b.q);
}

bool ledger_save_settlement(struct ledger *l, const struct settlement_row *r)
{
	if (!ledger_begin(l))
		return false;
	struct binder b = { l->q[SAVE_SETTLEMENT], 0 };
	put_int(&b, (int64_t)r->id);
	put_id(&b, &r->item);
	put_id(&b, &r->base);
	put_id(&b, &r->mine);
	put_id(&b, &r->theirs);
	put_id(&b, &r->result);
	put_int(&b, r->at_ms);
	put_int(&b, r->how);
	put_int(&b, r->undone);
	return ledger_done(l, b.q);
}

bool ledger_came_back(struct ledger *l, const struct id *item, const struct id *version, const struct id *agreed)
{
	struct binder b = { l->q[CAME_BACK], 0 };
	put_id(&b, item);
	put_id(&b, version);
	put_id(&b, agreed);
	bool came = false;
	if (sqlite3_step(b.q) == SQLITE_ROW) {
		int64_t held = sqlite3_column_int64(b.q, 0), elsewhere = sqlite3_column_int64(b.q, 1);
		came = held && held < elsewhere;
	}
	sqlite3_reset(b.q);
	sqlite3_clear_bindings(b.q);
	return came;
}

bool ledger_set(struct ledger *l, const char *name, const char *value)
{
	if (!ledger_begin(l))
		return false;
	struct binder b = { l->q[value ? SET_FACT : UNSET_FACT], 0 };
	put_text(&b, name);
	if (value)
		put_text(&b, value);
	return ledger_done(l, b.q);
}

char *ledger_get(struct ledger *l, const char *name)
{
	sqlite3_stmt *q = l->q[GET_FACT];
	sqlite3_bind_text(q, 1, name, -1, SQLITE_STATIC);
	char *value = sqlite3_step(q) == SQLITE_ROW ? mem_text((const char *)sqlite3_column_text(q, 0)) : NULL;
	sqlite3_reset(q);
	sqlite3_clear_bindings(q);
	return value;
}

/* Loading. A row that does not look like one of ours makes the load fail: it is never guessed at. */

struct taker {
	sqlite3_stmt *q;
	int at;
	bool bad;
};

static int64_t take_int(struct taker *t)
{
	return sqlite3_column_int64(t->q, t->at++);
}

static struct id take_id(struct taker *t)
{
	struct id id = { { 0 } };
	const void *bytes = sqlite3_column_blob(t->q, t->at);
	if (bytes && sqlite3_column_bytes(t->q, t->at) == ID_LEN)
		memcpy(id.b, bytes, ID_LEN);
	else
		t->bad = true;
	t->at++;
	return id;
}

/* Into `out`, with a NUL behind. */
static void take_name(struct taker *t, char *out, size_t cap)
{
	const void *bytes = sqlite3_column_blob(t->q, t->at);
	size_t len = (size_t)sqlite3_column_bytes(t->q, t->at);
	t->bad |= len >= cap || (len && (!bytes || memchr(bytes, 0, len)));
	if (t->bad)
		len = 0;
	memcpy(out, bytes ? bytes : "", len);
	out[len] = 0;
	t->at++;
}

static bool load(struct ledger *l, const char *sql, const struct id *key, size_t limit,
                 void (*row)(struct taker *t, void *each, void *ctx), void *each, void *ctx, struct err *e)
{
	sqlite3_stmt *q = NULL;
	bool ok = sqlite3_prepare_v2(l->db, sql, -1, &q, NULL) == SQLITE_OK;
	int result = SQLITE_DONE;
	if (ok && key)
		sqlite3_bind_blob(q, 1, key->b, ID_LEN, SQLITE_STATIC);
	if (ok && limit)
		sqlite3_bind_int64(q, key ? 2 : 1, (int64_t)limit);
	while (ok && (result = sqlite3_step(q)) == SQLITE_ROW) {
		struct taker t = { q, 0, false };
		row(&t, each, ctx);
		if (t.bad) {
			sqlite3_finalize(q);
			return err_set(e, l->path, LEDGER_ASIDE, "the database holds a row that makes no sense");
		}
	}
	ok = ok && result == SQLITE_DONE;
	if (!ok)
		ledger_err(l, e);
	sqlite3_finalize(q);
	return ok;
}

struct each { /* one of these, by loader */
	struct ledger *ledger;
	void (*settlement)(void *ctx, const struct settlement_row *row);
	void (*item)(void *ctx, const struct item_row *row);
	void (*outbox)(void *ctx, const struct outbox_row *row);
	void (*peer)(void *ctx, const struct peer_row *row);
	void (*history)(void *ctx, const struct history_row *row, const char *category, const char *path);
};

static void item_row(struct taker *t, void *each, void *ctx)
{
	char category[128], path[4097];
	struct item_row r = { .category = category, .path = path };
	r.item = take_id(t);
	take_name(t, category, sizeof category);
	take_name(t, path, sizeof path);
	r.side = take_int(t);
	r.main = take_id(t);
	r.device = take_id(t);
	r.head_seq = (uint64_t)take_int(t);
	r.head_version = take_id(t);
	r.head_edited = (uint64_t)take_int(t);
	r.head_device = take_id(t);
	r.head_meta = (uint8_t)take_int(t);
	r.head_size = (uint64_t)take_int(t);
	r.head_mtime_ms = take_int(t);
	r.agreed = take_id(t);
	r.local = take_id(t);
	r.local_stat.size = (uint64_t)take_int(t);
	r.local_stat.mtime_ns = take_int(t);
	r.local_stat.ctime_ns = take_int(t);
	r.local_stat.inode = (uint64_t)take_int(t);
	r.local_stat.meta = (uint8_t)take_int(t);
	r.local_edited = (uint64_t)take_int(t);
	r.local_at_ms = take_int(t);
	r.chain_len = (uint32_t)take_int(t);
	r.chain_bytes = (uint64_t)take_int(t);
	r.retry_count = (uint64_t)take_int(t);
	r.detected_ms = (uint64_t)take_int(t);
	r.hold = (uint8_t)take_int(t);
	r.want = take_id(t);
	r.settles = take_id(t);
	r.settled = take_id(t);
	r.settled_as = take_id(t);
	r.merged = take_id(t);
	r.merged_on = take_id(t);
	r.left_out = take_int(t);
	if (!t->bad)
		((struct each *)each)->item(ctx, &r);
}

bool ledger_load_items(struct ledger *l, void (*each)(void *ctx, const struct item_row *row), void *ctx, struct err *e)
{
	struct each call = { .item = each };
	return load(l, "SELECT * FROM items", NULL, 0, item_row, &call, ctx, e);
}

static void outbox_row(struct taker *t, void *each, void *ctx)
{
	struct outbox_row r = { .counter = (uint64_t)take_int(t) };
	r.item = take_id(t);
	r.version = take_id(t);
	r.base = (uint64_t)take_int(t);
	r.priority = (uint8_t)take_int(t);
	r.linked = take_int(t);
	int record = t->at++;
	r.queued_at_ms = take_int(t);
	r.retry_count = (uint32_t)take_int(t);
	r.size_plain = (uint64_t)take_int(t);
	r.delta = (uint8_t)take_int(t);
	r.compression = (uint8_t)take_int(t);
	r.kind = (uint8_t)take_int(t);
	if (t->bad)
		return;
	struct each *call = each;
	if (sqlite3_column_type(t->q, record) != SQLITE_INTEGER)
		r.record = blob_copy(sqlite3_column_blob(t->q, record), (size_t)sqlite3_column_bytes(t->q, record));
	else if (!outbox_files_get(&call->ledger->outgoing, r.counter, (uint64_t)sqlite3_column_int64(t->q, record),
				   &r.record)) {
		/* As if it had never been sent: its item is planned anew, under another counter. */
		outbox_files_lost(&call->ledger->outgoing, r.counter);
		return;
	}
	call->outbox(ctx, &r);
}

bool ledger_load_outbox(struct ledger *l, void (*each)(void *ctx, const struct outbox_row *row), void *ctx,
                        struct err *e)
{
	struct each call = { .ledger = l, .outbox = each };
	if (!load(l, "SELECT * FROM outbox ORDER BY counter", NULL, 0, outbox_row, &call, ctx, e))
		return false;
	outbox_files_clear(&l->outgoing);
	for (size_t i = 0; i < l->outgoing.gone_count; i++)
		ledger_drop_outbox(l, l->outgoing.gone[i]);
	return true;
}

static void peer_row(struct taker *t, void *each, void *ctx)
{
	struct peer_row r = { .device = take_id(t) };
	take_name(t, r.name, sizeof r.name);
	r.revoked = take_int(t);
	r.last_seen_ms = take_int(t);
	r.cursor = (uint64_t)take_int(t);
	if (!t->bad)
		((struct each *)each)->peer(ctx, &r);
}

bool ledger_load_peers(struct ledger *l, void (*each)(void *ctx, const struct peer_row *row), void *ctx, struct err *e)
{
	struct each call = { .peer = each };
	return load(l, "SELECT * FROM peers", NULL, 0, peer_row, &call, ctx, e);
}

static void state_row(struct taker *t, void *each, void *ctx)
{
	struct state_row *r = ctx;
	(void)each;
	r->epoch = (uint64_t)take_int(t);
	r->counter = (uint64_t)take_int(t);
	r->cursor = (uint64_t)take_int(t);
	r->chain = take_id(t);
	r->clock = (uint64_t)take_int(t);
	r->bytes_plain = (uint64_t)take_int(t);
	r->bytes_sent = (uint64_t)take_int(t);
	r->bytes_received = (uint64_t)take_int(t);
	r->last_synced_ms = take_int(t);
	r->paused = take_int(t);
}

bool ledger_load_state(struct ledger *l, struct state_row *out, struct err *e)
{
	*out = (struct state_row){ 0 };
	return load(l,
	            "SELECT epoch, counter, cursor, chain, clock, bytes_plain, bytes_sent, bytes_received, "
	            "last_synced_ms, paused"
	            " FROM state",
	            NULL, 0, state_row, NULL, out, e);
}

static void settlement_row(struct taker *t, void *each, void *ctx)
{
	struct settlement_row r = { .id = (uint64_t)take_int(t) };
	r.item = take_id(t);
	r.base = take_id(t);
	r.mine = take_id(t);
	r.theirs = take_id(t);
	r.result = take_id(t);
	r.at_ms = take_int(t);
	r.how = (uint8_t)take_int(t);
	r.undone = take_int(t);
	if (!t->bad)
		((struct each *)each)->settlement(ctx, &r);
}

bool ledger_settlements(struct ledger *l, const struct id *item, size_t limit,
                        void (*each)(void *ctx, const struct settlement_row *row), void *ctx, struct err *e)
{
	struct each call = { .settlement = each };
	const char *sql = item ? "SELECT * FROM settlements WHERE item = ? ORDER BY id DESC LIMIT ?"
	                       : "SELECT * FROM settlements ORDER BY id DESC LIMIT ?";
	return limit == 0 || load(l, sql, item, limit, settlement_row, &call, ctx, e);
}

static struct history_row take_history(struct taker *t)
{
	struct history_row r = { .item = take_id(t) };
	r.version = take_id(t);
	r.device = take_id(t);
	r.at_ms = take_int(t);
	r.seq = (uint64_t)take_int(t);
	r.size = (uint64_t)take_int(t);
	r.kind = (uint8_t)take_int(t);
	r.how = (uint8_t)take_int(t);
	r.meta = (uint8_t)take_int(t);
	return r;
}

static void history_row(struct taker *t, void *each, void *ctx)
{
	char category[128], path[4097];
	struct history_row r = take_history(t);
	take_name(t, category, sizeof category);
	take_name(t, path, sizeof path);
	if (!t->bad)
		((struct each *)each)->history(ctx, &r, category, path);
}

bool ledger_history(struct ledger *l, const struct id *item, size_t limit,
                    void (*each)(void *ctx, const struct history_row *row, const char *category, const char *path),
                    void *ctx, struct err *e)
{
	struct each call = { .history = each };
	const char *sql =
	        item ? "SELECT h.item, version, h.device, at_ms, seq, size, kind, how, meta, category, path"
	               " FROM history h LEFT JOIN names n ON n.item = h.item WHERE h.item = ? ORDER BY id DESC LIMIT ?"
	             : "SELECT h.item, version, h.device, at_ms, seq, size, kind, how, meta, category, path"
	               " FROM history h LEFT JOIN names n ON n.item = h.item ORDER BY id DESC LIMIT ?";
	return limit == 0 || load(l, sql, item, limit, history_row, &call, ctx, e);
}

bool ledger_first(struct ledger *l, const struct id *item, const struct id *version, struct history_row *out)
{
	struct binder b = { l->q[FIRST_ROW], 0 };
	put_id(&b, item);
	put_id(&b, version);
	bool found = sqlite3_step(b.q) == SQLITE_ROW;
	if (found) {
		struct taker t = { .q = b.q };
		*out = take_history(&t);
		found = !t.bad;
	}
	sqlite3_reset(b.q);
	sqlite3_clear_bindings(b.q);
	return found;
}

char *ledger_old_name(struct ledger *l, const struct id *item, const struct id *version)
{
	struct binder b = { l->q[OLD_NAME], 0 };
	char *name = NULL;
	put_id(&b, item);
	put_id(&b, version);
	if (sqlite3_step(b.q) == SQLITE_ROW) {
		struct taker t = { .q = b.q };
		char category[128], path[4097];
		take_name(&t, category, sizeof category);
		take_name(&t, path, sizeof path);
		name = t.bad ? NULL : mem_printf("%s/%s", category, path);
	}
	sqlite3_reset(b.q);
	sqlite3_clear_bindings(b.q);
	return name;
}

/* Giving back what was thinned away: git keeps every object that a commit names, so the commits are made anew.
 *
 *   start    noted in the ledger: from here on nothing else is filed, contents wait in the database
 *   refile   batch by batch as versions_file.c files, from what is left of the history, into new branches and new
 *            packs; commits and trees alone, since the contents are in git already
 *   end      in one transaction: the new branches are the branches, and all packs of before are to be swept
 *   sweep    pack by pack: what is still somebody's content is copied to a new pack, the old one goes
 *
 * A kill anywhere: the ledger says how far it was, and it goes on from there. */
#include <git2/sys/odb_backend.h>
#include <git2/sys/repository.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "engine/io/versions_parts.h"

#define RECLAIM_BYTES (64u * 1024 * 1024)
#define RECLAIM_PART  4    /* … or one part in so many of what git holds */
#define KEPT_SLICE    4096 /* contents a step */

static bool run(struct versions *v, const char *sql)
{
	return ledger_begin(v->ledger) && sqlite3_exec(v->db, sql, NULL, NULL, NULL) == SQLITE_OK;
}

static int64_t number(struct versions *v, const char *sql)
{
	sqlite3_stmt *q = versions_prepare(v, sql);
	int64_t n = q && sqlite3_step(q) == SQLITE_ROW ? sqlite3_column_int64(q, 0) : 0;
	sqlite3_finalize(q);
	return n;
}

static uint64_t fact(struct versions *v, const char *name)
{
	char *text = ledger_get(v->ledger, name);
	uint64_t n = text ? strtoull(text, NULL, 10) : 0;
	free(text);
	return n;
}

static bool has_fact(struct versions *v, const char *name)
{
	char *text = ledger_get(v->ledger, name);
	free(text);
	return text != NULL;
}

/* ---- a repository that finds nothing on disk when it writes ---- */

struct refiling {
	git_repository *repo;
	git_odb *odb;
};

/* libgit2 does not write what it finds anywhere. Here it can read everything, and finds only what this batch made. */
struct elsewhere {
	git_odb_backend parent;
	struct versions *v;
};

static int elsewhere_read(void **data, size_t *len, git_object_t *type, git_odb_backend *b, const git_oid *oid)
{
	git_odb_object *object = NULL;
	int code = git_odb_read(&object, ((struct elsewhere *)b)->v->odb, oid);
	if (code)
		return code;
	*len = git_odb_object_size(object);
	*type = git_odb_object_type(object);
	*data = git_odb_backend_data_alloc(b, *len + 1);
	if (*data)
		memcpy(*data, git_odb_object_data(object), *len);
	git_odb_object_free(object);
	return *data ? 0 : GIT_ERROR;
}

static int elsewhere_header(size_t *len, git_object_t *type, git_odb_backend *b, const git_oid *oid)
{
	return git_odb_read_header(len, type, ((struct elsewhere *)b)->v->odb, oid);
}

static void elsewhere_free(git_odb_backend *b)
{
	free(b);
}

static struct refiling *refiling_make(struct versions *v)
{
	struct refiling *r = mem_alloc(sizeof *r);
	struct elsewhere *b = mem_alloc(sizeof *b);
	git_odb_init_backend(&b->parent, GIT_ODB_BACKEND_VERSION);
	b->parent.read = elsewhere_read;
	b->parent.read_header = elsewhere_header;
	b->parent.free = elsewhere_free;
	b->v = v;
	git_odb_backend *fresh = versions_fresh_backend(v);
	bool fine = git_odb_new(&r->odb) == 0 && git_odb_add_backend(r->odb, fresh, 2) == 0 &&
		    git_odb_add_backend(r->odb, &b->parent, 1) == 0 && git_repository_wrap_odb(&r->repo, r->odb) == 0;
	if (fine)
		return r;
	git_odb_free(r->odb);
	free(r);
	return NULL;
}

git_repository *refiling_repo(const struct versions *v)
{
	return v->refiling ? v->refiling->repo : NULL;
}

void refiling_destroy(struct versions *v)
{
	if (v->refiling) {
		git_repository_free(v->refiling->repo);
		git_odb_free(v->refiling->odb);
		free(v->refiling);
	}
	v->refiling = NULL;
}

/* ---- the branches, anew ---- */

int64_t refiling_mark(struct versions *v)
{
	return (int64_t)fact(v, "refiled");
}

bool refiling_open(struct versions *v)
{
	v->stale = number(v, "SELECT count(*) FROM packs WHERE age = 2") > 0;
	if (has_fact(v, "refiled"))
		v->refiling = refiling_make(v);
	return v->refiling || !has_fact(v, "refiled");
}

bool refiling_start(struct versions *v)
{
	if (!v->reclaim)
		return false;
	v->reclaim = false;
	if (!run(v, "DELETE FROM rebranches; UPDATE packs SET age = 0") || !ledger_set(v->ledger, "refiled", "0"))
		return false;
	v->refiling = refiling_make(v);
	if (!v->refiling)
		ledger_set(v->ledger, "refiled", NULL);
	return v->refiling;
}

bool refiling_ended(struct versions *v)
{
	if (has_fact(v, "refiled"))
		return false; /* or its end was rolled back */
	refiling_destroy(v);
	v->stale = true;
	filing_mirror_refs(v);
	return true;
}

void refiling_end(struct versions *v)
{
	if (run(v, "DELETE FROM branches; INSERT INTO branches SELECT * FROM rebranches; DELETE FROM rebranches;"
		   "UPDATE packs SET age = CASE age WHEN 1 THEN 0 ELSE 2 END") &&
	    ledger_set(v->ledger, "garbage", NULL))
		ledger_set(v->ledger, "refiled", NULL);
}

/* The old branches still stand: what was made beside them is swept the next time. */
void refiling_abandon(struct versions *v)
{
	if (!v->refiling)
		return;
	refiling_destroy(v);
	if (run(v, "DELETE FROM rebranches; UPDATE packs SET age = 0"))
		ledger_set(v->ledger, "refiled", NULL);
}

/* ---- the packs ---- */

/* Which contents stay, a slice at a time. */
static void learn_kept(struct versions *v)
{
	sqlite3_stmt *q =
		versions_prepare(v, "SELECT version, oid FROM versions WHERE version > ? AND place = 2 ORDER BY"
				    " version LIMIT ?");
	int rows = 0;
	if (q) {
		sqlite3_bind_blob(q, 1, v->kept_at.b, ID_LEN, SQLITE_STATIC);
		sqlite3_bind_int(q, 2, KEPT_SLICE);
	}
	struct id last = v->kept_at;
	for (; q && sqlite3_step(q) == SQLITE_ROW; rows++) {
		if (sqlite3_column_bytes(q, 0) == ID_LEN)
			memcpy(last.b, sqlite3_column_blob(q, 0), ID_LEN);
		if (sqlite3_column_bytes(q, 1) == GIT_OID_RAWSZ)
			map_put(&v->kept, sqlite3_column_blob(q, 1), GIT_OID_RAWSZ, v);
	}
	sqlite3_finalize(q);
	v->kept_at = last;
	v->kept_whole = rows < KEPT_SLICE;
}

bool sweep_some(struct versions *v)
{
	char name[41] = "";
	if (!v->kept_whole) {
		learn_kept(v);
		return true;
	}
	sqlite3_stmt *q = versions_prepare(v, "SELECT name FROM packs WHERE age = 2 LIMIT 1");
	if (q && sqlite3_step(q) == SQLITE_ROW)
		snprintf(name, sizeof name, "%s", (const char *)sqlite3_column_text(q, 0));
	sqlite3_finalize(q);
	if (*name)
		return filing_join_one(v, name);
	map_finish(&v->kept);
	v->kept_at = (struct id){ { 0 } };
	v->kept_whole = v->stale = false;
	return false;
}

/* ---- from outside ---- */

void versions_reclaim(struct versions *v, bool always)
{
	uint64_t garbage = fact(v, "garbage");
	uint64_t held =
		garbage ? (uint64_t)number(v, "SELECT coalesce(sum(size), 0) FROM versions WHERE place = 2") : 0;
	v->reclaim = garbage && (always || garbage >= RECLAIM_BYTES || garbage >= (held + garbage) / RECLAIM_PART);
	v->idle = v->idle && !v->reclaim;
}

bool versions_reclaiming(const struct versions *v)
{
	return v->reclaim || v->refiling || v->stale;
}

bool versions_busy(const struct versions *v)
{
	return v->filing || versions_reclaiming(v);
}

/* Only those that the ledger, as it is on disk, says are gone: a turn may have been rolled back. */
void versions_unlink_dead(struct versions *v)
{
	for (size_t i = 0; i < v->dead_count; i++) {
		char hex[ID_HEX];
		char *path = mem_printf("%s/%s", v->large_dir, id_hex(&v->dead[i], hex));
		if (versions_state(v, &v->dead[i]) == VERSION_THINNED)
			unlink(path);
		free(path);
	}
	v->dead_count = 0;
}

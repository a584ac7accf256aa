#include "engine/io/versions_git.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <git2/sys/odb_backend.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "engine/core/limits.h"
#include "engine/io/gitlib.h"
#include "engine/io/versions_parts.h"

#define CACHE_BYTES (4u * 1024 * 1024)

/* The cache */

struct cached {
	struct id version;
	uint8_t meta;
	struct blob content;
	struct cached *newer, *older;
};

static void cache_unlink(struct versions *v, struct cached *c)
{
	*(c->newer ? &c->newer->older : &v->newest) = c->older;
	*(c->older ? &c->older->newer : &v->oldest) = c->newer;
}

static void cache_front(struct versions *v, struct cached *c)
{
	c->newer = NULL;
	c->older = v->newest;
	*(v->newest ? &v->newest->newer : &v->oldest) = c;
	v->newest = c;
}

static void cache_drop(struct versions *v, struct cached *c)
{
	cache_unlink(v, c);
	map_remove(&v->cache, c->version.b, ID_LEN);
	v->cache_bytes -= c->content.len + sizeof *c;
	blob_finish(&c->content);
	free(c);
}

void versions_cache_trim(struct versions *v, size_t bytes)
{
	while (v->oldest && v->cache_bytes > bytes)
		cache_drop(v, v->oldest);
}

static void cache_put(struct versions *v, const struct id *version, uint8_t meta, struct span content)
{
	if (content.len > CACHE_BYTES / 4 || map_find(&v->cache, version->b, ID_LEN))
		return;
	struct cached *c = mem_alloc(sizeof *c);
	*c = (struct cached){ .version = *version, .meta = meta, .content = blob_copy(content.data, content.len) };
	map_put(&v->cache, version->b, ID_LEN, c);
	cache_front(v, c);
	v->cache_bytes += content.len + sizeof *c;
	versions_cache_trim(v, CACHE_BYTES);
}

/* Objects of the batch in the making, for libgit2: trees and commits are written here first, blobs are announced. */

struct fresh_backend {
	git_odb_backend parent;
	struct versions *v;
};

static struct fresh *fresh_find(git_odb_backend *b, const git_oid *oid)
{
	return map_find(&((struct fresh_backend *)b)->v->fresh, oid->id, GIT_OID_RAWSZ);
}

static int fresh_read(void **data, size_t *len, git_object_t *type, git_odb_backend *b, const git_oid *oid)
{
	struct fresh *f = fresh_find(b, oid);
	if (!f || !f->content)
		return GIT_ENOTFOUND;
	*data = git_odb_backend_data_alloc(b, f->len + 1);
	if (!*data)
		return GIT_ERROR;
	memcpy(*data, f->content, f->len);
	*len = f->len;
	*type = f->type;
	return 0;
}

static int fresh_header(size_t *len, git_object_t *type, git_odb_backend *b, const git_oid *oid)
{
	struct fresh *f = fresh_find(b, oid);
	if (!f)
		return GIT_ENOTFOUND;
	*len = f->len;
	*type = f->type;
	return 0;
}

static int fresh_exists(git_odb_backend *b, const git_oid *oid)
{
	return fresh_find(b, oid) != NULL;
}

static int fresh_write(git_odb_backend *b, const git_oid *oid, const void *data, size_t len, git_object_t type)
{
	if (fresh_find(b, oid))
		return 0;
	struct fresh *f = mem_alloc(sizeof *f);
	*f = (struct fresh){ .oid = *oid, .type = type, .len = len, .content = mem_copy(data, len) };
	map_put(&((struct fresh_backend *)b)->v->fresh, oid->id, GIT_OID_RAWSZ, f);
	return 0;
}

static void fresh_free(git_odb_backend *b)
{
	free(b);
}

git_odb_backend *versions_fresh_backend(struct versions *v)
{
	struct fresh_backend *b = mem_alloc(sizeof *b);
	git_odb_init_backend(&b->parent, GIT_ODB_BACKEND_VERSION);
	b->parent.read = fresh_read;
	b->parent.read_header = fresh_header;
	b->parent.exists = fresh_exists;
	b->parent.write = fresh_write;
	b->parent.free = fresh_free;
	b->v = v;
	return &b->parent;
}

/* Opening */

sqlite3_stmt *versions_prepare(struct versions *v, const char *sql)
{
	sqlite3_stmt *q = NULL;
	sqlite3_prepare_v3(v->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &q, NULL);
	return q;
}

bool versions_open_repo(struct versions *v, struct err *e)
{
	git_odb_free(v->odb);
	git_repository_free(v->repo);
	v->odb = NULL;
	v->repo = NULL;
	if (git_repository_open_ext(&v->repo, v->git_path, GIT_REPOSITORY_OPEN_NO_SEARCH | GIT_REPOSITORY_OPEN_BARE,
	                            NULL)) {
		git_repository_init_options how;
		git_repository_init_options_init(&how, GIT_REPOSITORY_INIT_OPTIONS_VERSION);
		how.flags = GIT_REPOSITORY_INIT_BARE | GIT_REPOSITORY_INIT_MKDIR | GIT_REPOSITORY_INIT_NO_REINIT;
		how.mode = 0700;
		if (git_repository_init_ext(&v->repo, v->git_path, &how))
			return gitlib_err(e, v->git_path,
			                  "if it is damaged, move it aside: versions that only it held are then lost");
	}
	if (git_repository_odb(&v->odb, v->repo) || git_odb_add_backend(v->odb, versions_fresh_backend(v), 1000))
		return gitlib_err(e, v->git_path, "");
	return true;
}

/* A kill while a reference was written leaves its lock, and git would never write that reference again. Nobody but this
 * engine, of which there is one, writes here. */
static void clear_locks(const struct versions *v, const char *folder)
{
	char *path = mem_printf("%s/%s", v->git_path, folder);
	DIR *dir = opendir(path);
	for (struct dirent *d; dir && (d = readdir(dir));) {
		size_t len = strlen(d->d_name);
		if (len > 5 && strcmp(d->d_name + len - 5, ".lock") == 0)
			unlinkat(dirfd(dir), d->d_name, 0);
	}
	if (dir)
		closedir(dir);
	free(path);
}

/* What a kill left in the folders: files that no row names. */
static void clear_up(struct versions *v)
{
	clear_locks(v, ".");
	clear_locks(v, "refs/heads");
	DIR *dir = opendir(v->large_dir);
	for (struct dirent *d; dir && (d = readdir(dir));) {
		struct id version;
		bool kept = false;
		if (d->d_name[0] == '.')
			continue;
		if (strlen(d->d_name) == 2 * ID_LEN && id_parse(&version, d->d_name)) {
			sqlite3_bind_blob(v->find, 1, version.b, ID_LEN, SQLITE_STATIC);
			kept = sqlite3_step(v->find) == SQLITE_ROW && sqlite3_column_int(v->find, 2) == IN_LARGE;
			sqlite3_reset(v->find);
		}
		if (!kept)
			unlinkat(dirfd(dir), d->d_name, 0);
	}
	if (dir)
		closedir(dir);
	dir = opendir(v->pack_dir);
	for (struct dirent *d; dir && (d = readdir(dir));)
		if (strncmp(d->d_name, "pack_", 5) == 0) /* an indexer's, unfinished */
			unlinkat(dirfd(dir), d->d_name, 0);
	if (dir)
		closedir(dir);
}

static bool make_folder(const char *path, struct err *e)
{
	return mkdir(path, 0700) == 0 || errno == EEXIST ||
	       err_set(e, path, "", "the folder cannot be made: %s", strerror(errno));
}

/* The names of what was just made in it must last as long as what will be written there. */
static void sync_folder(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		fsync(fd);
		close(fd);
	}
}

struct versions *versions_open(const char *state_dir, struct ledger *l, const struct versions_hooks *hooks,
                               struct err *e)
{
	struct versions *v = mem_alloc(sizeof *v);
	gitlib_start();
	v->ledger = l;
	v->db = ledger_db(l);
	v->hooks = *hooks;
	v->git_path = mem_printf("%s/versions.git", state_dir);
	v->pack_dir = mem_printf("%s/versions.git/objects/pack", state_dir);
	v->large_dir = mem_printf("%s/large", state_dir);
	large_start(v);
	bool ok = make_folder(v->large_dir, e) && versions_open_repo(v, e);
	v->find = versions_prepare(v, "SELECT meta, size, place, oid, damaged FROM versions WHERE version = ?");
	v->insert = versions_prepare(v, "INSERT OR REPLACE INTO versions VALUES (?, ?, ?, ?, NULL, 0)");
	v->insert_content = versions_prepare(v, "INSERT OR REPLACE INTO contents VALUES (NULL, ?, ?)");
	v->content = versions_prepare(v, "SELECT content FROM contents WHERE version = ?");
	v->move = versions_prepare(v, "UPDATE versions SET place = ?, oid = ? WHERE version = ?");
	v->drop_content = versions_prepare(v, "DELETE FROM contents WHERE version = ?");
	v->damage = versions_prepare(v, "UPDATE versions SET damaged = 1 WHERE version = ?");
	if (ok && !(v->find && v->insert && v->insert_content && v->content && v->move && v->drop_content && v->damage))
		ok = ledger_err(l, e);
	if (!ok) {
		versions_close(v);
		return NULL;
	}
	sync_folder(state_dir);
	clear_up(v);
	filing_register_packs(v);
	if (!refiling_open(v)) {
		ledger_err(l, e);
		versions_close(v);
		return NULL;
	}
	filing_mirror_refs(v);
	versions_count(v);
	v->changed = true;
	return v;
}

void versions_close(struct versions *v)
{
	void *value;
	if (!v)
		return;
	filing_destroy(v);
	refiling_destroy(v);
	map_finish(&v->kept);
	free(v->dead);
	large_end(v);
	filing_clean_stop(v);
	versions_cache_trim(v, 0);
	sqlite3_stmt *all[] = {
		v->find, v->insert, v->insert_content, v->content, v->move, v->drop_content, v->damage
	};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		sqlite3_finalize(all[i]);
	git_odb_free(v->odb);
	git_repository_free(v->repo);
	for (size_t i = 0; map_next(&v->fresh, &i, &value);) {
		free(((struct fresh *)value)->content);
		free(value);
	}
	map_finish(&v->fresh);
	map_finish(&v->turn);
	map_finish(&v->cache);
	free(v->git_path);
	free(v->pack_dir);
	free(v->large_dir);
	free(v);
}

/* Rows */

struct found {
	uint8_t meta;
	uint64_t size;
	enum version_place place;
	git_oid oid;
	bool damaged;
};

static bool row_find(struct versions *v, const struct id *version, struct found *out)
{
	sqlite3_bind_blob(v->find, 1, version->b, ID_LEN, SQLITE_STATIC);
	bool ok = sqlite3_step(v->find) == SQLITE_ROW;
	if (ok) {
		*out = (struct found){ .meta = (uint8_t)sqlite3_column_int(v->find, 0),
			               .size = (uint64_t)sqlite3_column_int64(v->find, 1),
			               .place = (enum version_place)sqlite3_column_int(v->find, 2),
			               .damaged = sqlite3_column_int(v->find, 4) };
		if (sqlite3_column_bytes(v->find, 3) == GIT_OID_RAWSZ)
			git_oid_fromraw(&out->oid, sqlite3_column_blob(v->find, 3));
	}
	sqlite3_reset(v->find);
	return ok;
}

static bool is_here(const struct found *row)
{
	return !row->damaged && row->place != IN_NOTHING;
}

bool versions_has(struct versions *v, const struct id *version)
{
	struct found row;
	return row_find(v, version, &row) && is_here(&row);
}

enum version_state versions_state(struct versions *v, const struct id *version)
{
	struct found row;
	return !row_find(v, version, &row)  ? VERSION_ELSEWHERE
	       : row.place == IN_NOTHING    ? VERSION_THINNED
	       : row.damaged                ? VERSION_LOST
	                                    : VERSION_HERE;
}

bool versions_has_durable(struct versions *v, const struct id *version)
{
	bool waits = ledger_dirty(v->ledger) && v->turn_commits == ledger_commits(v->ledger) &&
	             map_find(&v->turn, version->b, ID_LEN);
	return !waits && versions_has(v, version);
}

/* Putting */

static bool inline_write(struct versions *v, const struct id *version, struct span content)
{
	sqlite3_bind_blob(v->insert_content, 1, version->b, ID_LEN, SQLITE_STATIC);
	sqlite3_bind_blob64(v->insert_content, 2, content.len ? (const void *)content.data : "", content.len,
	                    SQLITE_STATIC);
	return ledger_done(v->ledger, v->insert_content);
}

static void note_turn(struct versions *v, const struct id *version)
{
	if (v->turn_commits != ledger_commits(v->ledger) || !ledger_dirty(v->ledger))
		map_finish(&v->turn);
	v->turn_commits = ledger_commits(v->ledger);
	map_put(&v->turn, version->b, ID_LEN, v);
}

/* Getting */

void versions_damaged(struct versions *v, const struct id *version, const char *why)
{
	map_remove(&v->turn, version->b, ID_LEN);
	if (ledger_begin(v->ledger)) {
		sqlite3_bind_blob(v->damage, 1, version->b, ID_LEN, SQLITE_STATIC);
		ledger_done(v->ledger, v->damage);
	}
	if (v->hooks.damaged)
		v->hooks.damaged(v->hooks.ctx, version, why);
}

bool versions_read_content(struct versions *v, const struct id *version, struct blob *content)
{
	sqlite3_bind_blob(v->content, 1, version->b, ID_LEN, SQLITE_STATIC);
	bool ok = sqlite3_step(v->content) == SQLITE_ROW;
	if (ok)
		*content = blob_copy(sqlite3_column_blob(v->content, 0), (size_t)sqlite3_column_bytes(v->content, 0));
	sqlite3_reset(v->content);
	return ok;
}

static bool git_read(struct versions *v, const git_oid *oid, uint64_t size, struct blob *content)
{
	git_odb_object *object = NULL;
	git_object_t type;
	size_t len;
	/* The header first: no object may make us allocate more than it was when it was put. */
	bool ok = git_odb_read_header(&len, &type, v->odb, oid) == 0 && type == GIT_OBJECT_BLOB && len == size &&
	          git_odb_read(&object, v->odb, oid) == 0 && git_odb_object_size(object) == size;
	if (ok)
		*content = blob_copy(git_odb_object_data(object), git_odb_object_size(object));
	git_odb_object_free(object);
	return ok;
}

/* What the disk has, checked; what cannot be read or is something else counts as lost from now on. */
static bool read_stored(struct versions *v, const struct id *version, const struct found *row, struct blob *content)
{
	bool ok = row->place == IN_LARGE ? large_read(v, version, row->size, content)
	          : row->place == IN_GIT ? git_read(v, &row->oid, row->size, content)
	                                 : versions_read_content(v, version, content);
	ok = ok && content->len == row->size;
	if (ok && v->hooks.version_start) {
		struct hash_run *run = v->hooks.version_start(v->hooks.ctx, row->meta, content->len);
		hash_run_bytes(run, span_blob(content));
		struct id is = hash_run_end(run);
		ok = id_equal(&is, version);
	}
	if (ok)
		return true;
	blob_finish(content);
	versions_damaged(v, version,
	                 row->place == IN_GIT && git_error_last() ? git_error_last()->message
	                                                          : "its content cannot be read");
	return false;
}

bool versions_get(struct versions *v, const struct id *version, struct blob *content, uint8_t *meta)
{
	struct cached *c = map_find(&v->cache, version->b, ID_LEN);
	struct found row;
	*content = (struct blob){ 0 };
	v->used = true;
	if (c) {
		cache_unlink(v, c);
		cache_front(v, c);
		*content = blob_copy(c->content.data, c->content.len);
		*meta = c->meta;
		return true;
	}
	if (!row_find(v, version, &row) || !is_here(&row) || !read_stored(v, version, &row, content))
		return false;
	*meta = row.meta;
	cache_put(v, version, row.meta, span_blob(content));
	return true;
}

enum got versions_read(struct versions *v, const struct id *version, struct blob *content, uint8_t *meta)
{
	struct found row;
	if (row_find(v, version, &row) && is_here(&row) && row.place == IN_LARGE) {
		*meta = row.meta;
		v->used = true;
		return large_go_on(v, version, row.meta, row.size, content);
	}
	blob_finish(content);
	return versions_get(v, version, content, meta) ? GOT_ALL : GOT_NOTHING;
}

bool versions_drop(struct versions *v, const struct id *version, uint64_t *size)
{
	struct found row;
	struct cached *c = map_find(&v->cache, version->b, ID_LEN);
	*size = 0;
	if (!row_find(v, version, &row) || row.place == IN_NOTHING || !ledger_begin(v->ledger))
		return false;
	if (row.place == IN_DATABASE) {
		sqlite3_bind_blob(v->drop_content, 1, version->b, ID_LEN, SQLITE_STATIC);
		if (!ledger_done(v->ledger, v->drop_content))
			return false;
		v->waiting -= v->waiting > 0;
		v->waiting_bytes -= row.size < v->waiting_bytes ? row.size : v->waiting_bytes;
	} else if (row.place == IN_LARGE) {
		MEM_ROOM(v->dead, v->dead_count, v->dead_cap);
		v->dead[v->dead_count++] = *version;
	} else {
		char *known = ledger_get(v->ledger, "garbage"), text[32];
		snprintf(text, sizeof text, "%llu",
			 (known ? strtoull(known, NULL, 10) : 0) + (unsigned long long)row.size);
		free(known);
		ledger_set(v->ledger, "garbage", text);
	}
	sqlite3_bind_int(v->move, 1, IN_NOTHING);
	sqlite3_bind_null(v->move, 2);
	sqlite3_bind_blob(v->move, 3, version->b, ID_LEN, SQLITE_STATIC);
	if (!ledger_done(v->ledger, v->move))
		return false;
	if (c)
		cache_drop(v, c);
	*size = row.damaged ? 0 : row.size;
	return true;
}

/* Whoever puts gives the bytes up: that they were here once is not enough. */
static bool still_has(struct versions *v, const struct id *version)
{
	struct found row;
	struct blob content = { 0 };
	bool has = row_find(v, version, &row) && is_here(&row) && read_stored(v, version, &row, &content);
	blob_finish(&content);
	return has;
}

bool versions_put(struct versions *v, const struct id *version, uint8_t meta, struct span content)
{
	bool large = content.len > VERSIONS_LARGE;
	v->changed = v->used = true;
	if (!large && still_has(v, version))
		return true;
	note_turn(v, version);
	if (!ledger_begin(v->ledger) || !(large ? large_write(v, version, content) : inline_write(v, version, content)))
		return false;
	sqlite3_bind_blob(v->insert, 1, version->b, ID_LEN, SQLITE_STATIC);
	sqlite3_bind_int(v->insert, 2, meta);
	sqlite3_bind_int64(v->insert, 3, (sqlite3_int64)content.len);
	sqlite3_bind_int(v->insert, 4, large ? IN_LARGE : IN_DATABASE);
	if (!ledger_done(v->ledger, v->insert))
		return false;
	if (!large) {
		v->waiting++;
		v->waiting_bytes += content.len;
	}
	cache_put(v, version, meta, content);
	return true;
}

static uint64_t folder_bytes(const char *path)
{
	uint64_t sum = 0;
	DIR *dir = opendir(path);
	struct stat st;
	for (struct dirent *d; dir && (d = readdir(dir));)
		if (fstatat(dirfd(dir), d->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
			sum += (uint64_t)st.st_blocks * 512;
	if (dir)
		closedir(dir);
	return sum;
}

void versions_measure(struct versions *v, struct versions_size *out)
{
	*out = (struct versions_size){ .disk_bytes = folder_bytes(v->pack_dir) + folder_bytes(v->large_dir) };
	sqlite3_stmt *q =
		versions_prepare(v, "SELECT place = 3, count(*), coalesce(sum(size), 0) FROM versions GROUP BY 1");
	while (q && sqlite3_step(q) == SQLITE_ROW) {
		bool gone = sqlite3_column_int(q, 0);
		*(gone ? &out->thinned : &out->versions) = (uint64_t)sqlite3_column_int64(q, 1);
		if (gone)
			out->thinned_bytes = (uint64_t)sqlite3_column_int64(q, 2);
	}
	sqlite3_finalize(q);
}

size_t versions_waiting(const struct versions *v)
{
	return v->waiting;
}

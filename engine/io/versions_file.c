/* Filing: contents from the database into git, behind. One batch at a time, in small steps:
 *
 *   gather   the next rows of history, in order
 *   name     each content's object id; nothing is written
 *   commit   trees and commits, in memory, as history tells them: a commit for what one device did in a row
 *   pack     everything new into one pack file, made durable by its indexer
 *   settle   in one transaction: the rows point into git, the contents go, the branches' new tips are noted
 *   refs     once that transaction is on disk, the repository's references follow it
 *
 * A kill anywhere leaves either the contents in the database (and perhaps a pack that nothing names yet) or the rows
 * pointing to a durable pack. Small packs are joined from time to time. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/relpath.h"
#include "base/utf8.h"
#include "engine/io/pack.h"
#include "engine/io/versions_parts.h"
#include "sys/clock.h"

#define BATCH_ROWS       256
#define BATCH_BYTES      (4u * 1024 * 1024)
#define QUIET_MS         2000  /* after the last put */
#define BATCH_AGAIN_MS   30000 /* single edits are filed together: a commit writes its folders' lists anew */
#define FAILED_AGAIN_MS  60000
#define CACHE_IDLE_MS    60000 /* then the cache's memory goes back */
#define JOIN_PACKS       16    /* packs of about one size that become one */
#define JOIN_OBJECTS_MAX 200000
#define UNFILED          "unfiled" /* the branch of what no item's history names */

enum phase { PHASE_NAME, PHASE_COMMIT, PHASE_PACK, PHASE_SETTLE, PHASE_REFS };

struct row {
	struct id item, version, device;
	int64_t at_ms;
	uint8_t meta;
	bool stored, in_git; /* its content is in the database / in git already */
	bool has_oid, skip;  /* skip: large, damaged or never stored here: not in the tree */
	git_oid oid;
	char *branch, *path, *author;
};

struct branch {
	char name[CATEGORY_MAX + 2 * ID_LEN + 8];
	git_oid tip;
	bool exists, moved;
};

struct filing {
	struct versions *versions;
	enum phase phase;
	struct row *rows;
	size_t count, at;
	int64_t upto; /* history's last row in this batch; 0: the batch is of contents without history */
	struct branch *branches;
	size_t branch_count;
	struct pack *pack;
	size_t fresh_at, packed;
	char pack_name[41];
	/* joining packs instead of filing */
	char (*join)[41];
	size_t join_count;
	bool chosen; /* only what is in v->kept */
	struct pack_item *items; /* of join[at] */
	size_t item_count, item_at;
	int fd;            /* its pack file */
	struct map joined; /* oids that are in the new pack */
};

static void fresh_clear(struct versions *v)
{
	void *value;
	for (size_t i = 0; map_next(&v->fresh, &i, &value);) {
		free(((struct fresh *)value)->content);
		free(value);
	}
	map_finish(&v->fresh);
}

void filing_destroy(struct versions *v)
{
	struct filing *f = v->filing;
	v->filing = NULL;
	fresh_clear(v);
	if (!f)
		return;
	for (size_t i = 0; i < f->count; i++) {
		free(f->rows[i].branch);
		free(f->rows[i].path);
		free(f->rows[i].author);
	}
	pack_abort(f->pack);
	if (f->fd >= 0)
		close(f->fd);
	map_finish(&f->joined);
	free(f->rows);
	free(f->branches);
	free(f->join);
	free(f->items);
	free(f);
}

/* Names */

/* A path as tree entries: git refuses some names, and others would upset a terminal. Those bytes become %XX, and so
 * does the percent sign itself: the way back is certain. */
static char *tree_path(const char *path, size_t len)
{
	struct buf out = { 0 };
	for (size_t at = 0; at < len;) {
		const char *part = path + at;
		const char *slash = memchr(part, '/', len - at);
		size_t size = slash ? (size_t)(slash - part) : len - at;
		bool dotted = size && part[0] == '.', odd = false;
		for (size_t i = 0; i < size; i++)
			odd |= (uint8_t)part[i] >= 0x80;
		for (size_t i = 0; i < size; i++) {
			uint8_t c = (uint8_t)part[i];
			bool escape = c < 0x20 || c == 0x7f || c == '%' || c == '\\' || c == ':' ||
			              (i == 0 && dotted &&
			               (odd || size == 1 || strncasecmp(part, ".git", 4) == 0 || part[1] == '.')) ||
			              (i == 0 && strncasecmp(part, "git~", 4) == 0) ||
			              (i + 1 == size && (c == ' ' || c == '.'));
			if (escape)
				buf_printf(&out, "%%%02x", c);
			else
				buf_u8(&out, c);
		}
		at += size + (slash != NULL);
		if (slash)
			buf_u8(&out, '/');
	}
	buf_u8(&out, 0);
	return (char *)buf_take(&out).data;
}

/* A category's name may end in .lock or hold two dots; git's references may not. */
static char *branch_name(const char *category, bool side, const struct id *device)
{
	char hex[ID_HEX], ref[CATEGORY_MAX + 80];
	int valid = 0;
	snprintf(ref, sizeof ref, "refs/heads/%s", category);
	char *name = git_reference_name_is_valid(&valid, ref) == 0 && valid && strcmp(category, UNFILED) != 0
	                     ? mem_text(category)
	                     : mem_printf("category@%08x", (unsigned)map_hash(category, strlen(category)));
	if (side) { /* a second version that one device keeps of an item */
		char *full = mem_printf("%s@%.8s", name, id_hex(device, hex));
		free(name);
		name = full;
	}
	return name;
}

/* Git's signatures hold no <, > or line break. */
static char *author_name(const void *name, int len)
{
	char *shown = utf8_show_dup(name ? name : "", name ? (size_t)len : 0);
	for (char *c = shown; *c; c++)
		if (strchr("<>", *c))
			*c = '_';
	if (!*shown) {
		free(shown);
		shown = mem_text("a device");
	}
	return shown;
}

/* Gather */

static struct id id_column(sqlite3_stmt *q, int at)
{
	struct id id = { { 0 } };
	if (sqlite3_column_bytes(q, at) == ID_LEN)
		memcpy(id.b, sqlite3_column_blob(q, at), ID_LEN);
	return id;
}

static void gather_row(struct filing *f, sqlite3_stmt *q, size_t *bytes)
{
	char hex[ID_HEX];
	f->rows = mem_grow(f->rows, f->count + 1, sizeof *f->rows);
	struct row *r = &f->rows[f->count++];
	*r = (struct row){ .item = id_column(q, 1),
		           .version = id_column(q, 2),
		           .device = id_column(q, 3),
		           .at_ms = sqlite3_column_int64(q, 4),
		           .meta = (uint8_t)sqlite3_column_int(q, 12) };
	const char *category = (const char *)sqlite3_column_text(q, 5);
	const char *path = sqlite3_column_blob(q, 6);
	struct id side_device = id_column(q, 8);
	bool removed = id_zero(&r->version), known = sqlite3_column_type(q, 10) != SQLITE_NULL;
	int place = sqlite3_column_int(q, 10);
	r->author = author_name(sqlite3_column_blob(q, 9), sqlite3_column_bytes(q, 9));
	if (category && path) {
		r->branch = branch_name(category, sqlite3_column_int(q, 7), &side_device);
		r->path = tree_path(path, (size_t)sqlite3_column_bytes(q, 6));
	} else {
		r->branch = mem_text(UNFILED);
		r->path = mem_text(id_hex(&r->version, hex));
	}
	r->stored = !removed && known && place == IN_DATABASE;
	r->in_git = !removed && known && place == IN_GIT && sqlite3_column_bytes(q, 11) == GIT_OID_RAWSZ;
	if (r->in_git) {
		git_oid_fromraw(&r->oid, sqlite3_column_blob(q, 11));
		r->has_oid = true;
	}
	r->skip = !removed && !r->stored && !r->in_git;
	if (r->stored && refiling_repo(f->versions)) { /* put again since: it is filed when its time comes */
		r->stored = false;
		r->skip = true;
	}
	*bytes += r->stored ? (size_t)sqlite3_column_int64(q, 13) : 0;
}

#define ROW_COLUMNS "v.place, v.oid, v.meta, v.size"

static struct filing *filing_make(struct versions *v)
{
	v->filing = mem_alloc(sizeof *v->filing);
	v->filing->versions = v;
	v->filing->fd = -1;
	return v->filing;
}

static void gather_history(struct versions *v, int64_t behind, int64_t until, bool thinned)
{
	struct filing *f = v->filing;
	size_t bytes = 0;
	sqlite3_stmt *q = versions_prepare(
	        v, "SELECT h.id, h.item, h.version, h.device, h.at_ms, n.category, n.path, n.side,"
	           " n.device, p.name, " ROW_COLUMNS " FROM history h LEFT JOIN names n ON n.item = h.item"
	           " LEFT JOIN peers p ON p.device = h.device LEFT JOIN versions v ON v.version = h.version AND "
	           "v.damaged = 0"
	           " WHERE h.id > ? AND h.id <= ? AND h.thinned <= ? ORDER BY h.id LIMIT ?");
	if (q) {
		sqlite3_bind_int64(q, 1, behind);
		sqlite3_bind_int64(q, 2, until);
		sqlite3_bind_int(q, 3, thinned);
		sqlite3_bind_int(q, 4, BATCH_ROWS);
	}
	while (q && bytes < BATCH_BYTES && sqlite3_step(q) == SQLITE_ROW) {
		f->upto = sqlite3_column_int64(q, 0);
		gather_row(f, q, &bytes);
	}
	sqlite3_finalize(q);
}

static int64_t filed_mark(struct versions *v)
{
	char *mark = ledger_get(v->ledger, "filed");
	int64_t at = mark ? atoll(mark) : 0;
	free(mark);
	return at;
}

/* For the repository that is being made anew: what was filed, without what was thinned away. */
static bool gather_again(struct versions *v)
{
	filing_make(v);
	gather_history(v, refiling_mark(v), filed_mark(v), false);
	if (!v->filing->count)
		filing_destroy(v);
	return v->filing;
}

static struct filing *gather(struct versions *v)
{
	struct filing *f = filing_make(v);
	size_t bytes = 0;
	gather_history(v, filed_mark(v), INT64_MAX, true);
	if (f->count)
		return f;
	/* All history is filed. What is still in the database belongs to nobody's history, or to none yet. */
	sqlite3_stmt *q =
	        versions_prepare(v,
	                     "SELECT c.id, NULL, c.version, NULL, 0, NULL, NULL, NULL, NULL, NULL, " ROW_COLUMNS
	                     " FROM contents c JOIN versions v ON v.version = c.version WHERE v.place = 0 LIMIT 256");
	while (q && bytes < BATCH_BYTES && sqlite3_step(q) == SQLITE_ROW)
		gather_row(f, q, &bytes);
	sqlite3_finalize(q);
	if (!f->count)
		filing_destroy(v);
	return v->filing;
}

/* Name */

static bool name_row(struct versions *v, struct row *r)
{
	struct blob content;
	if (!r->stored)
		return true;
	if (!versions_read_content(v, &r->version, &content)) {
		r->skip = true;
		r->stored = false;
		versions_damaged(v, &r->version, "its content is missing in the database");
		return true;
	}
	bool ok = git_odb_hash(&r->oid, content.data ? (void *)content.data : "", content.len, GIT_OBJECT_BLOB) == 0;
	if (ok && !map_find(&v->fresh, r->oid.id, GIT_OID_RAWSZ)) {
		struct fresh *fresh = mem_alloc(sizeof *fresh);
		*fresh = (struct fresh){ .oid = r->oid, .type = GIT_OBJECT_BLOB, .len = content.len };
		map_put(&v->fresh, r->oid.id, GIT_OID_RAWSZ, fresh);
	}
	r->has_oid = ok;
	blob_finish(&content);
	return ok;
}

/* Commit */

static struct branch *branch_find(struct versions *v, const char *name)
{
	struct filing *f = v->filing;
	for (size_t i = 0; i < f->branch_count; i++)
		if (strcmp(f->branches[i].name, name) == 0)
			return &f->branches[i];
	f->branches = mem_grow(f->branches, f->branch_count + 1, sizeof *f->branches);
	struct branch *b = &f->branches[f->branch_count++];
	*b = (struct branch){ .exists = false };
	snprintf(b->name, sizeof b->name, "%s", name);
	sqlite3_stmt *q = versions_prepare(v, refiling_repo(v) ? "SELECT tip FROM rebranches WHERE name = ?"
	                                                       : "SELECT tip FROM branches WHERE name = ?");
	if (q && sqlite3_bind_text(q, 1, name, -1, SQLITE_STATIC) == SQLITE_OK && sqlite3_step(q) == SQLITE_ROW &&
	    sqlite3_column_bytes(q, 0) == GIT_OID_RAWSZ) {
		git_oid_fromraw(&b->tip, sqlite3_column_blob(q, 0));
		b->exists = true;
	}
	sqlite3_finalize(q);
	return b;
}

static git_filemode_t mode_of(uint8_t meta)
{
	return meta & META_LINK   ? GIT_FILEMODE_LINK
	       : meta & META_EXEC ? GIT_FILEMODE_BLOB_EXECUTABLE
	                          : GIT_FILEMODE_BLOB;
}

static bool in_tree(const git_tree *tree, const char *path)
{
	git_tree_entry *entry = NULL;
	bool there = tree && git_tree_entry_bypath(&entry, tree, path) == 0;
	git_tree_entry_free(entry);
	return there;
}

static git_repository *repo_of(struct versions *v)
{
	return refiling_repo(v) ? refiling_repo(v) : v->repo;
}

/* The tree after these rows. */
static bool make_tree(struct versions *v, git_tree *base, const struct row *rows, size_t count, git_oid *out,
                      size_t *changes)
{
	git_tree_update *updates = mem_alloc(count * sizeof *updates);
	size_t n = 0;
	git_tree *none = NULL;
	git_treebuilder *empty = NULL;
	git_oid id;
	for (size_t i = 0; i < count; i++) {
		const struct row *r = &rows[i];
		if (r->has_oid)
			updates[n++] = (git_tree_update){ GIT_TREE_UPDATE_UPSERT, r->oid, mode_of(r->meta), r->path };
		else if (!r->skip && in_tree(base, r->path))
			updates[n++] = (git_tree_update){ .action = GIT_TREE_UPDATE_REMOVE, .path = r->path };
	}
	bool ok = true;
	*changes = n;
	if (!base)
		ok = git_treebuilder_new(&empty, repo_of(v), NULL) == 0 && git_treebuilder_write(&id, empty) == 0 &&
		     git_tree_lookup(&none, repo_of(v), &id) == 0;
	ok = ok && git_tree_create_updated(out, repo_of(v), base ? base : none, n, updates) == 0;
	git_treebuilder_free(empty);
	git_tree_free(none);
	free(updates);
	return ok;
}

static void message_of(const struct row *rows, size_t count, struct buf *out)
{
	char shown[200];
	if (count == 1) {
		buf_printf(out, "%s %s\n", rows->has_oid ? "write" : "remove",
		           utf8_show(shown, sizeof shown, rows->path, strlen(rows->path)));
		return;
	}
	buf_printf(out, "%zu items\n\n", count);
	for (size_t i = 0; i < count && i < 20; i++)
		buf_printf(out, "%s %s\n", rows[i].has_oid ? "write" : "remove",
		           utf8_show(shown, sizeof shown, rows[i].path, strlen(rows[i].path)));
	if (count > 20)
		buf_printf(out, "and %zu more\n", count - 20);
}

static bool make_commit(struct versions *v, struct branch *b, const struct row *rows, size_t count)
{
	git_commit *parent = NULL;
	git_tree *base = NULL, *tree = NULL;
	git_signature *author = NULL, *committer = NULL;
	git_oid tree_id, commit_id;
	struct buf message = { 0 };
	char hex[ID_HEX], mail[64];
	size_t changes = 0;
	bool ok = !b->exists ||
	          (git_commit_lookup(&parent, repo_of(v), &b->tip) == 0 && git_commit_tree(&base, parent) == 0);
	ok = ok && make_tree(v, base, rows, count, &tree_id, &changes) &&
	     git_tree_lookup(&tree, repo_of(v), &tree_id) == 0;
	bool same = ok && (changes == 0 || (base && git_oid_equal(&tree_id, git_tree_id(base))));
	if (ok && !same) {
		snprintf(mail, sizeof mail, "%s@syncline", id_hex(&rows->device, hex));
		ok = git_signature_new(&author, rows->author, mail, rows[count - 1].at_ms / 1000, 0) == 0;
		snprintf(mail, sizeof mail, "%s@syncline", id_hex(&v->hooks.device, hex));
		char *own =
		        author_name(v->hooks.device_name, v->hooks.device_name ? (int)strlen(v->hooks.device_name) : 0);
		ok = ok && git_signature_new(&committer, own, mail, clock_wall_ms() / 1000, 0) == 0;
		free(own);
		message_of(rows, count, &message);
		const git_commit *parents[1] = { parent };
		ok = ok && git_commit_create(&commit_id, repo_of(v), NULL, author, committer, "UTF-8",
					     buf_text(&message), tree, parent ? 1 : 0, parents) == 0;
		if (ok) {
			b->tip = commit_id;
			b->exists = b->moved = true;
		}
	}
	buf_finish(&message);
	git_signature_free(author);
	git_signature_free(committer);
	git_tree_free(tree);
	git_tree_free(base);
	git_commit_free(parent);
	return ok;
}

/* How many rows from `at` on make one commit: one branch, one device, no item twice. */
static size_t group_len(const struct filing *f, size_t at)
{
	const struct row *first = &f->rows[at];
	struct map paths = { 0 };
	size_t n = 0;
	while (at + n < f->count) {
		const struct row *r = &f->rows[at + n];
		if (strcmp(r->branch, first->branch) != 0 || !id_equal(&r->device, &first->device) ||
		    map_put(&paths, r->path, strlen(r->path), f->rows))
			break;
		n++;
	}
	map_finish(&paths);
	return n;
}

/* A row that its branch cannot take (a file where the tree has a folder, until the folder's removal comes) is kept by
 * its version's name instead. */
static bool commit_alone(struct versions *v, struct row *r)
{
	char hex[ID_HEX];
	if (make_commit(v, branch_find(v, r->branch), r, 1))
		return true;
	if (!r->has_oid)
		return true; /* a removal that does not fit changes nothing */
	free(r->branch);
	free(r->path);
	r->branch = mem_text(UNFILED);
	r->path = mem_text(id_hex(&r->version, hex));
	return make_commit(v, branch_find(v, r->branch), r, 1);
}

static bool commit_some(struct versions *v)
{
	struct filing *f = v->filing;
	size_t n = group_len(f, f->at);
	struct row *rows = &f->rows[f->at];
	f->at += n;
	if (make_commit(v, branch_find(v, rows->branch), rows, n))
		return true;
	for (size_t i = 0; i < n; i++)
		if (!commit_alone(v, &rows[i]))
			return false;
	return true;
}

/* Pack */

static bool pack_some(struct versions *v, struct err *e)
{
	struct filing *f = v->filing;
	void *value;
	if (!f->pack && !(f->pack = pack_start(v->pack_dir, (uint32_t)map_count(&v->fresh), e)))
		return false;
	if (!map_next(&v->fresh, &f->fresh_at, &value)) {
		struct pack *done = f->pack;
		f->pack = NULL;
		f->phase = PHASE_SETTLE;
		return pack_finish(done, f->pack_name, e);
	}
	struct fresh *fresh = value;
	if (fresh->content)
		return pack_object(f->pack, fresh->type, span_of(fresh->content, fresh->len), e);
	/* A blob: its content is still in the database, under the version of the row that announced it. */
	for (size_t i = 0; i < f->count; i++, f->packed = (f->packed + 1) % f->count) {
		struct row *r = &f->rows[f->packed];
		struct blob content;
		if (!r->stored || !git_oid_equal(&r->oid, &fresh->oid))
			continue;
		if (!versions_read_content(v, &r->version, &content))
			break;
		bool ok = pack_object(f->pack, GIT_OBJECT_BLOB, span_blob(&content), e);
		blob_finish(&content);
		return ok;
	}
	return err_set(e, "versions", "", "a content vanished while it was filed");
}

/* Settle */

static bool write_row(struct versions *v, const char *sql, const void *first, int first_len, const void *second,
                      int second_len, int64_t third)
{
	sqlite3_stmt *q = versions_prepare(v, sql);
	if (!q)
		return false;
	sqlite3_bind_text(q, 1, first, first_len, SQLITE_STATIC);
	if (second)
		sqlite3_bind_blob(q, 2, second, second_len, SQLITE_STATIC);
	else if (sqlite3_bind_parameter_count(q) > 1)
		sqlite3_bind_int64(q, 2, third);
	bool ok = ledger_done(v->ledger, q);
	sqlite3_finalize(q);
	return ok;
}

static bool settle_row(struct versions *v, const struct row *r)
{
	if (!r->stored)
		return true;
	sqlite3_bind_int(v->move, 1, IN_GIT);
	sqlite3_bind_blob(v->move, 2, r->oid.id, GIT_OID_RAWSZ, SQLITE_STATIC);
	sqlite3_bind_blob(v->move, 3, r->version.b, ID_LEN, SQLITE_STATIC);
	sqlite3_bind_blob(v->drop_content, 1, r->version.b, ID_LEN, SQLITE_STATIC);
	return ledger_done(v->ledger, v->move) && ledger_done(v->ledger, v->drop_content);
}

static bool settle(struct versions *v)
{
	struct filing *f = v->filing;
	char mark[32];
	bool again = refiling_repo(v);
	if (!ledger_begin(v->ledger))
		return false;
	for (size_t i = 0; i < f->count; i++)
		if (!settle_row(v, &f->rows[i]))
			return false;
	for (size_t i = 0; i < f->branch_count; i++)
		if (f->branches[i].moved &&
		    !write_row(v, again ? "INSERT OR REPLACE INTO rebranches VALUES (?, ?)"
		                        : "INSERT OR REPLACE INTO branches VALUES (?, ?)", f->branches[i].name, -1,
		               f->branches[i].tip.id, GIT_OID_RAWSZ, 0))
			return false;
	if (f->pack_name[0] && !write_row(v,
					  again ? "INSERT OR REPLACE INTO packs VALUES (?, ?, 0, 1)"
						: "INSERT OR REPLACE INTO packs VALUES (?, ?, 0, 0)",
					  f->pack_name, -1, NULL, 0, (int64_t)map_count(&v->fresh)))
		return false;
	snprintf(mark, sizeof mark, "%lld", (long long)f->upto);
	if (f->upto && !ledger_set(v->ledger, again ? "refiled" : "filed", mark))
		return false;
	sqlite3_exec(v->db, "PRAGMA incremental_vacuum(256)", NULL, NULL, NULL);
	f->phase = PHASE_REFS;
	return true;
}

/* Refs */

bool filing_mirror_refs(struct versions *v)
{
	sqlite3_stmt *q = versions_prepare(v, "SELECT name, tip FROM branches");
	bool ok = q != NULL;
	while (ok && sqlite3_step(q) == SQLITE_ROW) {
		char ref[CATEGORY_MAX + 128];
		git_oid tip, now;
		git_reference *made = NULL;
		if (sqlite3_column_bytes(q, 1) != GIT_OID_RAWSZ)
			continue;
		git_oid_fromraw(&tip, sqlite3_column_blob(q, 1));
		snprintf(ref, sizeof ref, "refs/heads/%s", (const char *)sqlite3_column_text(q, 0));
		if (git_reference_name_to_id(&now, v->repo, ref) == 0 && git_oid_equal(&now, &tip))
			continue;
		ok = git_reference_create(&made, v->repo, ref, &tip, 1, "filed") == 0;
		git_reference_free(made);
		if (ok && git_repository_head_unborn(v->repo) == 1)
			git_repository_set_head(v->repo, ref); /* so that a plain `git log` shows something */
	}
	sqlite3_finalize(q);
	return ok;
}

static bool pack_known(struct versions *v, const char *name)
{
	sqlite3_stmt *q = versions_prepare(v, "SELECT 1 FROM packs WHERE name = ?");
	bool known =
	        q && sqlite3_bind_text(q, 1, name, -1, SQLITE_STATIC) == SQLITE_OK && sqlite3_step(q) == SQLITE_ROW;
	sqlite3_finalize(q);
	return known;
}

static void remove_joined(struct versions *v)
{
	struct filing *f = v->filing;
	for (size_t i = 0; i < f->join_count; i++) {
		if (pack_known(v, f->join[i]))
			continue; /* the settling was rolled back, or this is the new pack itself */
		char *idx = mem_printf("%s/pack-%s.idx", v->pack_dir, f->join[i]);
		char *pack = mem_printf("%s/pack-%s.pack", v->pack_dir, f->join[i]);
		unlink(idx);
		unlink(pack);
		free(idx);
		free(pack);
	}
}

void versions_count(struct versions *v)
{
	sqlite3_stmt *q = versions_prepare(v, "SELECT count(*), coalesce(sum(length(content)), 0) FROM contents");
	if (q && sqlite3_step(q) == SQLITE_ROW) {
		v->waiting = (size_t)sqlite3_column_int64(q, 0);
		v->waiting_bytes = (size_t)sqlite3_column_int64(q, 1);
	}
	sqlite3_finalize(q);
}

static void refs(struct versions *v)
{
	if (ledger_dirty(v->ledger))
		return; /* not on disk yet */
	bool joined = v->filing->join;
	if (joined)
		remove_joined(v);
	filing_destroy(v);
	if (joined)
		versions_open_repo(v, NULL); /* lets go of the old packs */
	else
		git_odb_refresh(v->odb);
	filing_mirror_refs(v);
	versions_count(v);
}

/* Joining small packs, so that a lookup never has to ask hundreds */

void filing_register_packs(struct versions *v)
{
	DIR *dir = opendir(v->pack_dir);
	for (struct dirent *d; dir && (d = readdir(dir));) {
		size_t len = strlen(d->d_name), count = 0;
		char name[41];
		if (len != 5 + 40 + 4 || strcmp(d->d_name + len - 4, ".idx") != 0)
			continue;
		snprintf(name, sizeof name, "%s", d->d_name + 5);
		bool known = pack_known(v, name);
		struct pack_item *items = known ? NULL : pack_list(v->pack_dir, name, &count, NULL);
		if (items && ledger_begin(v->ledger))
			write_row(v, "INSERT OR REPLACE INTO packs VALUES (?, ?, 0, 0)", name, -1, NULL, 0,
			          (int64_t)count);
		else if (!known)
			unlinkat(dirfd(dir), d->d_name, 0); /* an index without its pack */
		free(items);
	}
	if (dir)
		closedir(dir);
}

/* Sixteen packs of one size class, if there are so many. */
static bool join_start(struct versions *v)
{
	struct filing *f = filing_make(v);
	for (int64_t low = 0, high = 256; !f->join_count && high <= JOIN_OBJECTS_MAX; low = high, high *= JOIN_PACKS) {
		sqlite3_stmt *q =
		        versions_prepare(v, "SELECT name FROM packs WHERE objects >= ? AND objects < ? LIMIT ?");
		if (!q)
			break;
		sqlite3_bind_int64(q, 1, low);
		sqlite3_bind_int64(q, 2, high);
		sqlite3_bind_int(q, 3, JOIN_PACKS);
		f->join = mem_grow(f->join, JOIN_PACKS, sizeof *f->join);
		while (sqlite3_step(q) == SQLITE_ROW)
			snprintf(f->join[f->join_count++], 41, "%s", (const char *)sqlite3_column_text(q, 0));
		sqlite3_finalize(q);
		if (f->join_count < JOIN_PACKS)
			f->join_count = 0;
	}
	if (f->join_count)
		return true;
	filing_destroy(v);
	return false;
}

bool filing_join_one(struct versions *v, const char *pack)
{
	struct filing *f = filing_make(v);
	f->join = mem_grow(f->join, 1, sizeof *f->join);
	snprintf(f->join[0], 41, "%s", pack);
	f->join_count = 1;
	f->chosen = true;
	return true;
}

static bool join_open(struct versions *v, struct err *e)
{
	struct filing *f = v->filing;
	char *path = mem_printf("%s/pack-%s.pack", v->pack_dir, f->join[f->at]);
	free(f->items);
	if (f->fd >= 0)
		close(f->fd);
	f->items = pack_list(v->pack_dir, f->join[f->at], &f->item_count, e);
	f->fd = f->items ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	f->item_at = 0;
	free(path);
	return f->fd >= 0;
}

static bool join_copy(struct filing *f, const struct pack_item *item, struct err *e)
{
	if (item->len > 8 * VERSIONS_LARGE)
		return err_set(e, "versions", "", "a pack holds an entry that was never put there");
	uint8_t *bytes = mem_alloc(item->len);
	bool ok = pread(f->fd, bytes, item->len, (off_t)item->at) == (ssize_t)item->len &&
	          pack_entry(f->pack, span_of(bytes, item->len), e);
	free(bytes);
	return ok;
}

/* Two passes over the packs: the first counts (a pack says in front how many objects it has), the second copies. */
static bool join_some(struct versions *v, struct err *e)
{
	struct filing *f = v->filing;
	if (!f->items || f->item_at == f->item_count) {
		bool more = f->items ? ++f->at < f->join_count : true;
		if (!more && !f->pack && !map_count(&f->joined)) {
			f->phase = PHASE_SETTLE; /* nothing of it is kept */
			return true;
		}
		if (!more && !f->pack) {
			f->pack = pack_start(v->pack_dir, (uint32_t)map_count(&f->joined), e);
			map_finish(&f->joined);
			f->at = 0;
			more = f->pack != NULL;
		}
		if (!more && f->pack) {
			struct pack *done = f->pack;
			f->pack = NULL;
			f->packed = map_count(&f->joined);
			f->phase = PHASE_SETTLE;
			return pack_finish(done, f->pack_name, e);
		}
		return more && join_open(v, e);
	}
	struct pack_item *item = &f->items[f->item_at++];
	if (map_find(&f->joined, item->oid.id, GIT_OID_RAWSZ) ||
	    (f->chosen && !map_find(&v->kept, item->oid.id, GIT_OID_RAWSZ)))
		return true;
	map_put(&f->joined, item->oid.id, GIT_OID_RAWSZ, f);
	return !f->pack || join_copy(f, item, e);
}

static bool join_settle(struct versions *v)
{
	struct filing *f = v->filing;
	if (!ledger_begin(v->ledger))
		return false;
	for (size_t i = 0; i < f->join_count; i++)
		if (!write_row(v, "DELETE FROM packs WHERE name = ?", f->join[i], -1, NULL, 0, 0))
			return false;
	if (f->pack_name[0] && !write_row(v, "INSERT OR REPLACE INTO packs VALUES (?, ?, 0, 0)", f->pack_name, -1, NULL,
	                                  0, (int64_t)f->packed))
		return false;
	f->phase = PHASE_REFS;
	return true;
}

/* After an unclean stop: every object that was filed since the last clean one is read once. A clean stop marks all
 * packs. */

struct pack_check {
	char (*names)[41];
	size_t count, at;
	struct pack_item *items;
	size_t item_count, item_at;
};

static void verify_start(struct versions *v)
{
	struct pack_check *c = mem_alloc(sizeof *c);
	sqlite3_stmt *q = versions_prepare(v, "SELECT name FROM packs WHERE verified = 0");
	while (q && sqlite3_step(q) == SQLITE_ROW) {
		c->names = mem_grow(c->names, c->count + 1, sizeof *c->names);
		snprintf(c->names[c->count++], 41, "%s", (const char *)sqlite3_column_text(q, 0));
	}
	sqlite3_finalize(q);
	v->verify = c;
}

static void verify_damage(struct versions *v, const git_oid *oid)
{
	sqlite3_stmt *q = versions_prepare(v, "SELECT version FROM versions WHERE oid = ? AND damaged = 0");
	struct id version;
	bool found = false;
	if (q && sqlite3_bind_blob(q, 1, oid->id, GIT_OID_RAWSZ, SQLITE_STATIC) == SQLITE_OK &&
	    sqlite3_step(q) == SQLITE_ROW) {
		version = id_column(q, 0);
		found = true;
	}
	sqlite3_finalize(q);
	if (found)
		versions_damaged(v, &version, "its git object does not read back after an unclean stop");
}

/* False when all is looked through. */
static bool verify_some(struct versions *v)
{
	struct pack_check *c = v->verify;
	if (!c->items && c->at == c->count)
		return false;
	if (!c->items) {
		c->items = pack_list(v->pack_dir, c->names[c->at], &c->item_count, NULL);
		c->item_at = 0;
		if (!c->items)
			c->at++;
		return true;
	}
	if (c->item_at == c->item_count) {
		free(c->items);
		c->items = NULL;
		if (ledger_begin(v->ledger))
			write_row(v, "UPDATE packs SET verified = 1 WHERE name = ?", c->names[c->at], -1, NULL, 0, 0);
		c->at++;
		return true;
	}
	git_odb_object *object = NULL;
	const git_oid *oid = &c->items[c->item_at++].oid;
	if (git_odb_read(&object, v->odb, oid))
		verify_damage(v, oid);
	git_odb_object_free(object);
	return true;
}

void filing_clean_stop(struct versions *v)
{
	struct pack_check *c = v->verify;
	if (c && !c->items && c->at == c->count && !ledger_dirty(v->ledger) && ledger_begin(v->ledger) &&
	    sqlite3_exec(v->db, "UPDATE packs SET verified = 1 WHERE verified = 0", NULL, NULL, NULL) == SQLITE_OK)
		ledger_commit(v->ledger, NULL);
	if (c) {
		free(c->items);
		free(c->names);
		free(c);
	}
}

/* The job */

static bool step(struct versions *v, struct err *e)
{
	struct filing *f = v->filing;
	if (f->join)
		return f->phase == PHASE_NAME ? join_some(v, e) : join_settle(v);
	switch (f->phase) {
	case PHASE_NAME:
		if (f->at < f->count)
			return name_row(v, &f->rows[f->at++]);
		f->at = 0;
		f->phase = PHASE_COMMIT;
		return true;
	case PHASE_COMMIT:
		if (f->at < f->count)
			return commit_some(v);
		f->phase = map_count(&v->fresh) ? PHASE_PACK : PHASE_SETTLE;
		return true;
	case PHASE_PACK:
		return pack_some(v, e);
	default:
		return settle(v);
	}
}

static bool due(struct versions *v, uint64_t now, bool flush, uint64_t *wait_ms)
{
	if (v->changed)
		v->quiet_since_ms = now;
	v->changed = false;
	uint64_t at = v->quiet_since_ms + QUIET_MS, again = v->filed_ms ? v->filed_ms + BATCH_AGAIN_MS : 0;
	if (again > at)
		at = again;
	if (v->failed_ms > at)
		at = v->failed_ms;
	*wait_ms = at > now ? at - now : 0;
	if (v->failed_ms > now)
		return false;
	return flush || v->waiting >= BATCH_ROWS || v->waiting_bytes >= BATCH_BYTES || at <= now;
}

/* Nobody asked for a content in a while: the memory goes back to the system. */
static uint64_t rest(struct versions *v, uint64_t now)
{
	if (v->used)
		v->used_ms = now;
	v->used = false;
	if (!v->cache_bytes)
		return UINT64_MAX;
	if (v->used_ms + CACHE_IDLE_MS > now)
		return v->used_ms + CACHE_IDLE_MS - now;
	versions_cache_trim(v, 0);
	malloc_trim(0);
	return UINT64_MAX;
}

/* The contents are still where they were. Later, from the beginning. */
static void give_up(struct versions *v, uint64_t now_ms, const struct err *e)
{
	filing_destroy(v);
	refiling_abandon(v);
	versions_open_repo(v, NULL);
	v->failed_ms = now_ms + FAILED_AGAIN_MS;
	if (v->hooks.trouble)
		v->hooks.trouble(v->hooks.ctx, e);
}

uint64_t versions_tidy(struct versions *v, uint64_t now_ms, unsigned budget_us, bool flush)
{
	uint64_t until = clock_us() + budget_us, wait_ms;
	if (!v->verify)
		verify_start(v);
	v->idle = v->idle && !v->changed && !flush && !v->reclaim;
	if (v->dead_count && !ledger_dirty(v->ledger))
		versions_unlink_dead(v);
	if (v->idle)
		return rest(v, now_ms);
	do {
		struct filing *f = v->filing;
		struct err e = { .what = "versions", .why = "git refuses them" };
		if (f && f->phase == PHASE_REFS) {
			refs(v);
			if (v->filing)
				return 0; /* waits for the commit */
			v->filed_ms = now_ms;
		} else if (f && !step(v, &e)) {
			give_up(v, now_ms, &e);
			return FAILED_AGAIN_MS;
		} else if (!f && verify_some(v)) {
			continue;
		} else if (!f && v->stale) {
			if (!sweep_some(v))
				versions_open_repo(v, NULL);
		} else if (!f && v->refiling) {
			if (ledger_dirty(v->ledger))
				return 0; /* waits for the commit */
			if (!refiling_ended(v) && !gather_again(v))
				refiling_end(v);
		} else if (!f && !ledger_dirty(v->ledger) && refiling_start(v)) {
			continue;
		} else if (!f && !due(v, now_ms, flush, &wait_ms)) {
			uint64_t idle_ms = rest(v, now_ms);
			return wait_ms < idle_ms ? wait_ms : idle_ms;
		} else if (!f && !gather(v) && !join_start(v)) {
			v->idle = true;
			return rest(v, now_ms);
		}
	} while (clock_us() < until);
	return 0;
}

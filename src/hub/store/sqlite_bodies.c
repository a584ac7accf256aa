#include "hub/store/sqlite_bodies.h"

#include <stdlib.h>

#include "base/mem.h"

#define TIDY_ROWS 64 /* 4 MiB a turn */

static struct span row_of(struct span body, uint64_t part)
{
	size_t at = (size_t)part * SQLITE_DB_PART;
	return span_of(body.data + at, body.len - at < SQLITE_DB_PART ? body.len - at : SQLITE_DB_PART);
}

static bool insert_rows(struct sqlite_bodies *b, int64_t body, uint64_t from, struct span bytes)
{
	for (uint64_t part = 0; part * SQLITE_DB_PART < bytes.len; part++)
		if (!sqlite_db_run(b->db, sqlite_db_bind(b->db, QUERY_BODY_ADD, "iib", body, (int64_t)(from + part),
		                                         row_of(bytes, part))))
			return false;
	return true;
}

/* ---- uploads ---- */

static struct sqlite_upload *add(struct sqlite_bodies *b)
{
	MEM_ROOM(b->uploads, b->count, b->cap);
	struct sqlite_upload *u = &b->uploads[b->count++];
	*u = (struct sqlite_upload){ 0 };
	return u;
}

bool sqlite_bodies_open(struct sqlite_bodies *b, struct sqlite_db *db, bool serve)
{
	sqlite3_stmt *st = sqlite_db_bind(db, QUERY_BODY_LOWEST, "");
	int got = sqlite_db_row(db, st);
	b->db = db;
	b->count = 0;
	if (got != 1)
		return false;
	b->next = sqlite3_column_int64(st, 0) - 1;
	sqlite_db_done(st);
	if (!serve)
		return true;
	st = sqlite_db_bind(db, QUERY_UPLOADS, "");
	while ((got = sqlite_db_row(db, st)) == 1) {
		struct sqlite_upload *u = add(b);
		u->body = sqlite3_column_int64(st, 0);
		u->unwanted = true;
	}
	return got == 0;
}

void sqlite_bodies_close(struct sqlite_bodies *b)
{
	free(b->uploads);
	*b = (struct sqlite_bodies){ 0 };
}

static struct sqlite_upload *find(struct sqlite_bodies *b, const struct id *device, uint64_t epoch, uint64_t counter)
{
	for (size_t i = 0; i < b->count; i++) {
		struct sqlite_upload *u = &b->uploads[i];
		if (!u->unwanted && u->counter == counter && u->epoch == epoch && id_equal(&u->device, device))
			return u;
	}
	return NULL;
}

void sqlite_bodies_forget(struct sqlite_bodies *b, const struct id *device, uint64_t epoch, uint64_t counter)
{
	struct sqlite_upload *u = find(b, device, epoch, counter);
	if (u)
		u->unwanted = true;
}

bool sqlite_bodies_stage(struct sqlite_bodies *b, const struct id *device, uint64_t epoch, uint64_t counter,
                         uint64_t offset, struct span bytes)
{
	if (offset == 0)
		sqlite_bodies_forget(b, device, epoch, counter);
	struct sqlite_upload *u = find(b, device, epoch, counter);
	if ((u ? u->len : 0) != offset || !bytes.len || bytes.len % SQLITE_DB_PART)
		return true;
	if (!u) {
		u = add(b);
		*u = (struct sqlite_upload){ *device, epoch, counter, b->next--, 0, false };
		if (!sqlite_db_run(b->db, sqlite_db_bind(b->db, QUERY_UPLOAD_ADD, "i", u->body)))
			return false;
	}
	u->len += bytes.len;
	return insert_rows(b, u->body, offset / SQLITE_DB_PART, bytes);
}

static void drop(struct sqlite_bodies *b, struct sqlite_upload *u)
{
	*u = b->uploads[--b->count];
}

bool sqlite_bodies_put(struct sqlite_bodies *b, int64_t place, const struct id *device, uint64_t epoch, uint64_t counter,
                       struct span body)
{
	struct sqlite_upload *u = find(b, device, epoch, counter);
	if (u && u->len > body.len) {
		u->unwanted = true;
		u = NULL;
	}
	uint64_t staged = u ? u->len : 0;
	int64_t number = u ? u->body : b->next--;
	if (!insert_rows(b, number, staged / SQLITE_DB_PART, span_of(body.data + staged, body.len - staged)) ||
	    !sqlite_db_run(b->db, sqlite_db_bind(b->db, QUERY_LARGE_ADD, "ii", place, number)))
		return false;
	if (!u)
		return true;
	drop(b, u);
	return sqlite_db_run(b->db, sqlite_db_bind(b->db, QUERY_UPLOAD_DROP, "i", number));
}

bool sqlite_bodies_tidy(struct sqlite_bodies *b)
{
	for (size_t i = 0; i < b->count; i++) {
		struct sqlite_upload *u = &b->uploads[i];
		if (!u->unwanted)
			continue;
		if (!sqlite_db_run(b->db, sqlite_db_bind(b->db, QUERY_BODY_DROP, "ii", u->body, (int64_t)TIDY_ROWS)))
			return false;
		if (sqlite3_changes(b->db->db) == TIDY_ROWS)
			return true;
		if (!sqlite_db_run(b->db, sqlite_db_bind(b->db, QUERY_UPLOAD_DROP, "i", u->body)))
			return false;
		drop(b, u);
		return true;
	}
	return true;
}

/* ---- reading ---- */

static bool body_of(struct sqlite_bodies *b, int64_t place, int64_t *body)
{
	sqlite3_stmt *st = sqlite_db_bind(b->db, QUERY_LARGE, "i", place);
	int got = sqlite_db_row(b->db, st);
	*body = place;
	if (got == 1) {
		*body = sqlite3_column_int64(st, 0);
		sqlite_db_done(st);
	}
	return got >= 0;
}

static bool len_of(struct sqlite_bodies *b, int64_t body, uint64_t *len)
{
	sqlite3_stmt *st = sqlite_db_bind(b->db, QUERY_BODY_END, "i", body);
	int got = sqlite_db_row(b->db, st);
	if (got == 1) {
		*len = (uint64_t)sqlite3_column_int64(st, 0) * SQLITE_DB_PART + (uint64_t)sqlite3_column_int64(st, 1);
		sqlite_db_done(st);
	}
	return got >= 0;
}

bool sqlite_bodies_len(struct sqlite_bodies *b, int64_t place, uint64_t *len)
{
	int64_t body;
	return body_of(b, place, &body) && len_of(b, body, len);
}

static int read_row(struct sqlite_bodies *b, int64_t body, uint64_t part, struct span *bytes)
{
	sqlite3_stmt *st = sqlite_db_bind(b->db, QUERY_BODY, "ii", body, (int64_t)part);
	int got = sqlite_db_row(b->db, st);
	if (got == 1)
		*bytes = sqlite_db_span(st, 0);
	return got;
}

bool sqlite_bodies_same(struct sqlite_bodies *b, int64_t place, struct span body, bool *same)
{
	uint64_t len = 0;
	int64_t number;
	if (!body_of(b, place, &number) || !len_of(b, number, &len))
		return false;
	*same = len == body.len;
	for (uint64_t part = 0; *same && part * SQLITE_DB_PART < len; part++) {
		struct span bytes;
		int got = read_row(b, number, part, &bytes);
		*same = got == 1 && span_equal(bytes, row_of(body, part));
		if (got == 1)
			sqlite_db_done(b->db->queries[QUERY_BODY]);
		if (got < 0)
			return false;
	}
	return true;
}

int sqlite_bodies_row(struct sqlite_bodies *b, int64_t place, uint64_t offset, struct span *bytes)
{
	int64_t number;
	return body_of(b, place, &number) ? read_row(b, number, offset / SQLITE_DB_PART, bytes) : -1;
}

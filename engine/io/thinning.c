#include "engine/io/thinning.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/relpath.h"
#include "sys/clock.h"

#define ITEMS_SLICE 128

enum phase { PHASE_IDLE, PHASE_ITEMS, PHASE_OTHERS, PHASE_DECIDE };

struct thinning {
	struct ledger *ledger;
	struct versions *versions;
	const struct retention *(*rule)(void *ctx, const char *category);
	void *ctx;
	enum phase phase;
	int64_t now_ms;
	bool always;
	struct id at;      /* the last item that was read, of this phase */
	struct map needed; /* version ids */
	sqlite3_stmt *next, *rows, *mark, *named;
	struct thinning_done done;
};

struct thinning *thinning_create(struct ledger *l, struct versions *v,
				 const struct retention *(*rule)(void *ctx, const char *category), void *ctx)
{
	struct thinning *t = mem_alloc(sizeof *t);
	t->ledger = l;
	t->versions = v;
	t->rule = rule;
	t->ctx = ctx;
	return t;
}

static void end(struct thinning *t)
{
	sqlite3_stmt **all[] = { &t->next, &t->rows, &t->mark, &t->named };
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		sqlite3_finalize(*all[i]);
		*all[i] = NULL;
	}
	map_finish(&t->needed);
	t->at = (struct id){ { 0 } };
	t->phase = PHASE_IDLE;
}

void thinning_destroy(struct thinning *t)
{
	if (t)
		end(t);
	free(t);
}

bool thinning_active(const struct thinning *t)
{
	return t->phase != PHASE_IDLE;
}

struct thinning_done thinning_result(const struct thinning *t)
{
	return t->done;
}

/* ---- what is needed ---- */

static void need(struct thinning *t, const void *id)
{
	struct id none = { { 0 } };
	if (memcmp(id, none.b, ID_LEN) != 0)
		map_put(&t->needed, id, ID_LEN, t);
}

/* Every column from `first` on is a version. */
static void need_row(struct thinning *t, sqlite3_stmt *q, int first)
{
	for (int i = first; i < sqlite3_column_count(q); i++)
		if (sqlite3_column_bytes(q, i) == ID_LEN)
			need(t, sqlite3_column_blob(q, i));
}

void thinning_needs_item(struct thinning *t, const struct item_row *r)
{
	const struct id *const all[] = { &r->head_version, &r->agreed,     &r->local,  &r->want,
					 &r->settled,      &r->settled_as, &r->merged, &r->merged_on };
	for (size_t i = 0; i < sizeof all / sizeof *all && t && thinning_active(t); i++)
		need(t, all[i]->b);
}

void thinning_needs_settlement(struct thinning *t, const struct settlement_row *r)
{
	const struct id *const all[] = { &r->base, &r->mine, &r->theirs, &r->result };
	for (size_t i = 0; i < sizeof all / sizeof *all && t && thinning_active(t); i++)
		need(t, all[i]->b);
}

static sqlite3_stmt *prepare(struct thinning *t, const char *sql)
{
	sqlite3_stmt *q = NULL;
	sqlite3_prepare_v2(ledger_db(t->ledger), sql, -1, &q, NULL);
	return q;
}

static void learn_items(struct thinning *t)
{
	sqlite3_stmt *q =
		prepare(t, "SELECT item, head_version, agreed, local, want, settled, settled_as, merged, merged_on"
			   " FROM items WHERE item > ? ORDER BY item LIMIT ?");
	struct id last = t->at;
	int rows = 0;
	if (!q) {
		end(t); /* nothing was learnt: nothing goes */
		return;
	}
	sqlite3_bind_blob(q, 1, t->at.b, ID_LEN, SQLITE_STATIC);
	sqlite3_bind_int(q, 2, ITEMS_SLICE);
	int code;
	for (; (code = sqlite3_step(q)) == SQLITE_ROW; rows++) {
		if (sqlite3_column_bytes(q, 0) == ID_LEN)
			memcpy(last.b, sqlite3_column_blob(q, 0), ID_LEN);
		need_row(t, q, 1);
	}
	sqlite3_finalize(q);
	t->at = last;
	if (code != SQLITE_DONE)
		end(t);
	else if (rows < ITEMS_SLICE)
		t->phase = PHASE_OTHERS;
}

static bool learn(struct thinning *t, const char *sql, int64_t since_ms)
{
	sqlite3_stmt *q = prepare(t, sql);
	int code = SQLITE_ERROR;
	if (q && since_ms)
		sqlite3_bind_int64(q, 1, since_ms);
	while (q && (code = sqlite3_step(q)) == SQLITE_ROW)
		need_row(t, q, 0);
	sqlite3_finalize(q);
	return code == SQLITE_DONE;
}

static void learn_others(struct thinning *t)
{
	bool fine = learn(t, "SELECT version FROM outbox", 0) &&
		    learn(t, "SELECT base, mine, theirs, result FROM settlements WHERE at_ms > ?",
			  t->now_ms - RETENTION_UNDO_MS);
	t->next = prepare(t, "SELECT h.item, n.category FROM history h LEFT JOIN names n ON n.item = h.item"
			     " WHERE h.thinned = 0 AND h.item > ? ORDER BY h.item LIMIT 1");
	t->rows = prepare(t, "SELECT id, version, at_ms FROM history WHERE item = ? AND thinned = 0 ORDER BY id");
	t->mark = prepare(t, "UPDATE history SET thinned = 1 WHERE id = ?");
	t->named = prepare(t, "SELECT 1 FROM history WHERE version = ? AND thinned = 0 LIMIT 1");
	t->at = (struct id){ { 0 } };
	t->phase = PHASE_DECIDE;
	if (!fine || !t->next || !t->rows || !t->mark || !t->named)
		end(t);
}

/* ---- what goes ---- */

struct rows { /* of one item, the oldest first, without deletions */
	struct retention_version *versions;
	struct row {
		int64_t id;
		struct id version;
	} * at;
	size_t count, version_cap, at_cap;
};

static void read_rows(struct thinning *t, const struct id *item, struct rows *out)
{
	*out = (struct rows){ 0 };
	sqlite3_bind_blob(t->rows, 1, item->b, ID_LEN, SQLITE_STATIC);
	while (sqlite3_step(t->rows) == SQLITE_ROW) {
		struct row row = { .id = sqlite3_column_int64(t->rows, 0) };
		if (sqlite3_column_bytes(t->rows, 1) == ID_LEN)
			memcpy(row.version.b, sqlite3_column_blob(t->rows, 1), ID_LEN);
		if (id_zero(&row.version))
			continue;
		if (out->count == out->at_cap)
			out->at_cap = out->version_cap = out->at_cap ? 2 * out->at_cap : 16;
		out->at = mem_grow(out->at, out->at_cap, sizeof *out->at);
		out->versions = mem_grow(out->versions, out->version_cap, sizeof *out->versions);
		out->at[out->count] = row;
		out->versions[out->count++] =
			(struct retention_version){ .at_ms = sqlite3_column_int64(t->rows, 2),
						    .needed = map_find(&t->needed, row.version.b, ID_LEN) };
	}
	sqlite3_reset(t->rows);
}

static bool let_go(struct thinning *t, const struct row *row)
{
	uint64_t size;
	sqlite3_bind_int64(t->mark, 1, row->id);
	if (!ledger_begin(t->ledger) || !ledger_done(t->ledger, t->mark))
		return false;
	sqlite3_bind_blob(t->named, 1, row->version.b, ID_LEN, SQLITE_STATIC);
	bool named = sqlite3_step(t->named) != SQLITE_DONE;
	sqlite3_reset(t->named);
	if (!named && versions_drop(t->versions, &row->version, &size)) {
		t->done.versions++;
		t->done.bytes += size;
	}
	return true;
}

static void decide(struct thinning *t, const struct id *item, const struct retention *rule)
{
	struct rows rows;
	read_rows(t, item, &rows);
	retention_decide(rule, rows.versions, rows.count, t->now_ms);
	for (size_t i = 0; i < rows.count; i++)
		if (rows.versions[i].drop && !let_go(t, &rows.at[i]))
			break;
	free(rows.at);
	free(rows.versions);
}

static void decide_next(struct thinning *t)
{
	char category[CATEGORY_MAX + 1] = "";
	sqlite3_bind_blob(t->next, 1, t->at.b, ID_LEN, SQLITE_STATIC);
	bool found = sqlite3_step(t->next) == SQLITE_ROW && sqlite3_column_bytes(t->next, 0) == ID_LEN;
	if (found) {
		const char *name = (const char *)sqlite3_column_text(t->next, 1);
		memcpy(t->at.b, sqlite3_column_blob(t->next, 0), ID_LEN);
		snprintf(category, sizeof category, "%s", name ? name : "");
	}
	sqlite3_reset(t->next);
	if (!found) {
		versions_reclaim(t->versions, t->always);
		end(t);
		return;
	}
	const struct retention *rule = t->rule(t->ctx, category);
	t->done.items++;
	if (rule)
		decide(t, &t->at, rule);
}

/* ---- the pass ---- */

void thinning_start(struct thinning *t, int64_t now_ms, bool reclaim_always)
{
	bool goes_on = thinning_active(t);
	end(t);
	t->now_ms = now_ms;
	t->always = reclaim_always;
	t->done = (struct thinning_done){ .versions = goes_on ? t->done.versions : 0,
					  .bytes = goes_on ? t->done.bytes : 0 };
	t->phase = PHASE_ITEMS;
}

bool thinning_step(struct thinning *t, unsigned budget_us)
{
	uint64_t until = clock_us() + budget_us;
	do {
		if (t->phase == PHASE_ITEMS)
			learn_items(t);
		else if (t->phase == PHASE_OTHERS)
			learn_others(t);
		else if (t->phase == PHASE_DECIDE)
			decide_next(t);
	} while (thinning_active(t) && clock_us() < until);
	return thinning_active(t);
}

/* sqlite_bodies: bodies over WIRE_PART_MAX, in rows of SQLITE_DB_PART, and those that are still on their way.
 *
 * A body has a number of its own, below zero; `large` leads to it from its entry's place. (Entries of the first format have
 * no such row: the body's number is the place.) So the parts of an upload can be written while they come, and to append it
 * moves none of them. Which uploads there are is known in memory, and `uploads` lists their numbers: after a restart what
 * it lists has no owner. Such rows are removed a few at a time, with whatever is written next. */
#ifndef HUB_STORE_SQLITE_BODIES_H
#define HUB_STORE_SQLITE_BODIES_H
#include "hub/store/sqlite_db.h"

struct sqlite_upload {
	struct id device; /* whose; of one that nobody wants any more nothing but the body's number counts */
	uint64_t epoch, counter;
	int64_t body;
	uint64_t len; /* so much of it is in rows; whole ones */
	bool unwanted;
};

struct sqlite_bodies {
	struct sqlite_db *db;
	struct sqlite_upload *uploads;
	size_t count, cap;
	int64_t next; /* number for the next body */
};

/* Within a transaction, but for open and close; false: the disk failed. */
/* And after a transaction that failed. Who does not serve sees no uploads: they are another's. */
bool sqlite_bodies_open(struct sqlite_bodies *b, struct sqlite_db *db, bool serve);
void sqlite_bodies_close(struct sqlite_bodies *b);
/* More of an upload: whole rows, without gaps from 0 on; what comes otherwise is left for sqlite_bodies_put. */
bool sqlite_bodies_stage(struct sqlite_bodies *b, const struct id *device, uint64_t epoch, uint64_t counter,
                         uint64_t offset, struct span bytes);
void sqlite_bodies_forget(struct sqlite_bodies *b, const struct id *device, uint64_t epoch, uint64_t counter);
/* The body of a new entry, of which the beginning may be staged. */
bool sqlite_bodies_put(struct sqlite_bodies *b, int64_t place, const struct id *device, uint64_t epoch, uint64_t counter,
                       struct span body);
bool sqlite_bodies_tidy(struct sqlite_bodies *b);

bool sqlite_bodies_len(struct sqlite_bodies *b, int64_t place, uint64_t *len);
bool sqlite_bodies_same(struct sqlite_bodies *b, int64_t place, struct span body, bool *same);
/* The row that holds `offset`: 1 (then sqlite_db_done(b->db->queries[QUERY_BODY]) when done with it), 0 none, -1 failed. */
int sqlite_bodies_row(struct sqlite_bodies *b, int64_t place, uint64_t offset, struct span *bytes);
#endif

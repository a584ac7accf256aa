/* simstore: the hub's store in the simulated world: a real one (in memory, or SQLite on a simulated disk, see simreal.h)
 * behind a crash model and a witness of its own. What is submitted waits until store_pump, which hands it on; a crash
 * forgets what was not pumped. Every entry that the real store says it has appended is kept here as well and judged
 * anew: gapless, a chain per item, the chained hash, no identity twice, every answer as the sequencer's rule wants it;
 * and after a crash the real store must have all of it. Of one account; others pass by unwatched. */
#ifndef SIM_SIMSTORE_H
#define SIM_SIMSTORE_H
#include "hub/core/store.h"

#define SIMSTORE_ACCOUNT "person"

struct simentry {
	struct store_entry e; /* body points into record */
	struct blob record;   /* wire_put_change */
};

struct simstore_watch {
	void *ctx;
	/* An append that has become durable; base is NULL when the item did not exist. */
	void (*appended)(void *ctx, const struct simentry *entry, const struct simentry *base);
	bool (*refuses)(void *ctx); /* this batch cannot be written: disk full */
	bool (*dies)(void *ctx);    /* asked before the commit and before each answer: the hub is killed here */
	void (*broken)(void *ctx, const char *what);
	/* The real store: opened at the start and after a crash; anew: what it held is thrown away. It goes away by its
	 * own destroy, or, after a crash, by `drop`. NULL for all of them: one in memory. */
	struct store *(*open)(void *ctx, bool anew);
	void (*drop)(void *ctx, struct store *real);
};

struct store *simstore_create(const struct id *hub, const char *account, const struct simstore_watch *w);
void simstore_enrol(struct store *s, const struct message_device *device); /* at once */
void simstore_crash(struct store *s);
void simstore_open(struct store *s); /* after a crash: the real store comes back, and is compared */
size_t simstore_count(const struct store *s); /* entries = the head */
const struct simentry *simstore_entry(const struct store *s, uint64_t seq);
const struct simentry *simstore_head(const struct store *s, const struct id *item); /* NULL: never existed */
/* An older backup is put back: what came after `seq` never happened. After a crash, instead of simstore_open. */
void simstore_restore(struct store *s, uint64_t seq);
bool simstore_next_item(const struct store *s, size_t *at, const struct simentry **head); /* walks the items' heads */
#endif

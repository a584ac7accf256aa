/* simstore: the hub's store in the simulated world, with a crash model. Submissions wait in memory until store_pump,
 * which makes all of them durable at once and then answers; simstore_crash forgets what was not pumped. It keeps one
 * account, and checks the log at every append: gapless, a chain per item, no identity twice. */
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
	bool (*dies)(void *ctx); /* asked before and after the commit and before each answer: the hub is killed here */
	void (*broken)(void *ctx, const char *what);
};

struct store *simstore_create(const struct id *hub, const struct simstore_watch *w);
void simstore_enrol(struct store *s, const struct message_device *device); /* at once; the name is copied */
void simstore_crash(struct store *s);
size_t simstore_count(const struct store *s); /* entries = the head */
const struct simentry *simstore_entry(const struct store *s, uint64_t seq);
const struct simentry *simstore_head(const struct store *s, const struct id *item); /* NULL: never existed */
uint64_t simstore_cursor(const struct store *s, const struct id *device);
/* An older backup is put back: what came after `seq` never happened. */
void simstore_restore(struct store *s, uint64_t seq);
bool simstore_next_item(const struct store *s, size_t *at, const struct simentry **head); /* walks the items' heads */
#endif

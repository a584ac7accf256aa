/* backends: the stores there are, and how one is opened. */
#ifndef HUB_STORE_BACKENDS_H
#define HUB_STORE_BACKENDS_H
#include "hub/core/store.h"

/* url: "sqlite:FILE" (made where absent, 0600) or "memory:". NULL with e set on failure. Only one hub at a time may
 * have a store open to serve it. */
struct store *store_open(const char *url, struct err *e);
/* Beside a hub that may be running on it: for an invite or a look. */
struct store *store_visit(const char *url, struct err *e);
void store_close(struct store *s); /* NULL-safe */

struct store *store_memory_create(void);
/* What a crash of the hub does: forgets what was submitted and not yet answered, and cursors that waited. */
void store_memory_crash(struct store *s);

struct store *store_sqlite_open(const char *file, bool serve, struct err *e);
/* To serve, on a named VFS of SQLite's, which keeps the file alone and private: the simulated world's disk. */
struct store *store_sqlite_open_on(const char *vfs, const char *file, struct err *e);
#endif

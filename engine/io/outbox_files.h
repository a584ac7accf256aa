/* outbox_files: the records of large changes, in `<state>/outgoing/`, each a file named by its counter. In the database they
 * would be written twice, and copied once more when the log is folded in. For ledger_sqlite only: the row in the outbox
 * says how long its file is, and a file that no row names means nothing. */
#ifndef ENGINE_IO_OUTBOX_FILES_H
#define ENGINE_IO_OUTBOX_FILES_H
#include "base/err.h"
#include "engine/io/staged.h"

struct outbox_files { /* folder NULL: there is none, and every record goes into its row */
	char *folder;
	struct staged staged;
	uint64_t *known, *gone; /* counters with a file; those whose file goes with the next commit */
	size_t known_count, known_cap, gone_count, gone_cap;
};

bool outbox_files_open(struct outbox_files *o, const char *state_dir, struct err *e);
void outbox_files_close(struct outbox_files *o);
void outbox_files_stage(struct outbox_files *o, struct span so_far); /* of the record that is put next, see staged.h */
bool outbox_files_put(struct outbox_files *o, uint64_t counter, struct span record); /* durable; false with errno */
bool outbox_files_get(struct outbox_files *o, uint64_t counter, uint64_t len, struct blob *record);
void outbox_files_drop(struct outbox_files *o, uint64_t counter); /* when the row's removal is committed */
void outbox_files_lost(struct outbox_files *o, uint64_t counter);
void outbox_files_committed(struct outbox_files *o);
void outbox_files_rolled_back(struct outbox_files *o);
void outbox_files_clear(struct outbox_files *o); /* removes all that was neither got nor put */
#endif

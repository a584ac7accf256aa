/* person: whoever sits at the devices: edits files at any moment, in every way programs save them, settles conflicts,
 * pauses, and restores old versions. */
#ifndef SIM_PERSON_H
#define SIM_PERSON_H
#include "engine/core/settle.h"
#include "sim/simnode.h"

struct simwriter { /* a slow program: has written a part, and will write the rest */
	size_t file;
	bool again; /* nothing is left to be written: it only writes the same file once more */
	uint64_t inode;
	size_t len;
	uint8_t bytes[];
};

#define PERSON_ACTS 4  /* at most in a second */
#define PERSON_WAYS 10 /* to settle a conflict */

/* Draws what this person does in the second that begins. */
void person_plan(struct simnode *n);
/* What was there before the device ever joined. */
void person_before(struct simnode *n);
/* One edit of the device's files, right now; near: rather of this file, NULL = any. Never touches the core. */
void person_edit(struct simnode *n, struct simfile *near);
/* One act of any kind, the core's commands included. */
void person_act(struct simnode *n);
void person_happen(struct cluster *cl, const struct agenda_entry *e); /* PERSON, WRITER */
/* Says yes to whatever the device waits for: goes on after a pause, deletes what is held, accepts a hub that went back.
 */
void person_answer(struct simnode *n);
/* The single acts, for stories and for the above. `content` is copied. */
void person_write(struct simnode *n, struct simfile *f, struct span content, uint8_t meta, bool in_place);
void person_remove(struct simnode *n, struct simfile *f);
void person_rename(struct simnode *n, struct simfile *from, struct simfile *to);
bool person_resolve(struct simnode *n, const char *category, const char *path, enum keep keep, struct err *e);
/* In one of the ways there are; the first of them are those of a single key. */
bool person_settle(struct simnode *n, const char *category, const char *path, uint64_t drawn, struct err *e);
bool person_undo(struct simnode *n, const char *category, const char *path, struct err *e); /* the item's last one */
void person_undo_any(struct simnode *n);
struct simfile *person_file(struct simnode *n, const char *category, const char *path); /* entry, made where new */
/* Whatever is below a folder gets its entry, so that somebody looks at it. */
void person_seats(struct simnode *n, const char *category, const char *path, const struct siminode *folder);
bool person_rename_folder(struct simnode *n, const char *category, const char *from, const char *to);
void person_clear(struct simnode *n, const char *category, const char *path); /* a folder and all below it */
/* Bytes that compress badly, to make bodies go in parts. */
void person_bulk(struct simnode *n, struct buf *out, size_t len);
void person_mode(struct simnode *n, struct simfile *f, uint8_t meta);
#endif

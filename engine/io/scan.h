/* scan: walks a category, or a part of it, a little each turn, and reports every item it meets.
 *
 * At most one folder is open at a time, reached from the root's descriptor. A folder that cannot be read is reported as
 * such, and nothing is said of what is below it; a name that vanished meanwhile is simply gone. */
#ifndef ENGINE_IO_SCAN_H
#define ENGINE_IO_SCAN_H
#include "engine/io/files.h"

struct scan;

struct scan_hooks {
	void *ctx;
	/* LOOK_FILE with stat; LOOK_OTHER (a folder or special file has this name); LOOK_ERROR; LOOK_TOO_LARGE with
	 * stat. */
	void (*seen)(void *ctx, const char *category, const char *path, enum look look, const struct file_stat *stat);
	/* A folder that cannot be read now, with the errno: nothing is known of what is below. When there are many the
	 * scan ends as incomplete instead. ENAMETOOLONG: of a name that no item can have, so deep or long is its path. */
	void (*closed)(void *ctx, const char *category, const char *folder, int error);
	/* A job begins: it answers all that was asked for below `under` until now. */
	void (*started)(void *ctx, const char *category, const char *under);
	/* Complete: every item below `under` that exists was reported, but for what lies in closed folders. */
	void (*done)(void *ctx, const char *category, const char *under, bool complete);
	void (*enter)(void *ctx, const char *category, const char *folder,
	              int folder_fd); /* before its names are read */
	bool (*wanted)(void *ctx, const char *category, const char *path, bool folder);
	/* A whole category had not one item. Answers whether that is to be doubted (it held some): then it is
	 * incomplete. */
	bool (*empty)(void *ctx, const char *category);
};

struct scan *scan_create(struct files *files, const struct scan_hooks *hooks); /* NULL hooks are skipped */
void scan_destroy(struct scan *s);
void scan_add(struct scan *s, const char *category, const char *under); /* "" = all; what is queued already is joined */
void scan_drop(struct scan *s, const char *category);                   /* forgets its jobs, without `done` */
/* Works for about so long; true while work is left. Leftover temporary files are judged here (files_leftover). */
bool scan_step(struct scan *s, unsigned budget_us);
bool scan_active(const struct scan *s, const char *category); /* NULL: any */
#endif

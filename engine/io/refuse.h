/* refuse: what is not sent unless a category allows it. A database that its program has open is never whole in its file, and
 * a private key belongs on one device. Judged by what is in a file, and by the few names that say it all. */
#ifndef ENGINE_IO_REFUSE_H
#define ENGINE_IO_REFUSE_H
#include <stdbool.h>

#include "base/blob.h"

enum refuse_kind { REFUSE_NOTHING = 0, REFUSE_DATABASES = 1, REFUSE_PRIVATE_KEYS = 2 }; /* also the bits of `allow` */

#define REFUSE_HEAD 16 /* bytes from a file's start that show a database */

/* The value of the configuration's `allow`; 0 for another word. */
enum refuse_kind refuse_parse(const char *word);
const char *refuse_word(enum refuse_kind kind);
const char *refuse_why(enum refuse_kind kind); /* a sentence that begins with "it is" */

bool refuse_is_database(struct span head);      /* SQLite's main file, write-ahead log or journal */
/* Is this the name of a file that SQLite keeps beside a database? Answers how long the database's own name is, or 0. */
size_t refuse_beside(const char *path);
/* `from`: so much of it was judged before, when there was no more of it. */
enum refuse_kind refuse_judge(const char *path, struct span content, size_t from);
#endif

/* verdict: the first line of every screen, the one answer: is everything in step, and if not, who must do what. The
 * worst true line wins. Pure. */
#ifndef UI_VERDICT_H
#define UI_VERDICT_H
#include "ui/model.h"
#include "ui/role.h"

enum attach { ATTACH_STARTING, ATTACH_UP, ATTACH_DOWN };

enum verdict_kind {
	VERDICT_DOWN,
	VERDICT_STARTING,
	VERDICT_ERROR,
	VERDICT_NOT_SET_UP,
	VERDICT_OFFLINE,
	VERDICT_CONNECTING,
	VERDICT_RECONNECTING,
	VERDICT_CONFLICTS,
	VERDICT_PAUSED,
	VERDICT_LATE,
	VERDICT_SYNCING,
	VERDICT_IN_SYNC,
};

struct verdict {
	enum verdict_kind kind;
	enum role role;
	const char *mark; /* one glyph */
	char word[48];    /* "2 CONFLICTS", never shortened */
	char rest[200];   /* shortened from the right */
	int exit_code;    /* of `syncline status` */
};

struct verdict verdict_of(const struct model *m, enum attach attach, int64_t now_ms);
/* "14 wait safely here, 2 need you"; "" when nothing waits. */
const char *verdict_waiting(const struct model *m, char out[64]);
/* Whole seconds until the next try as the count-down shows them: 60 30 15 10 9 … 1; 0: trying now. *next_ms is when
 * the number changes. */
int verdict_countdown(const struct model *m, int64_t now_ms, int64_t *next_ms);
#endif

/* pace: when a captured edit may go out. An edit is captured as soon as it rests, so that nothing is lost; what is held
 * here is only its sending.
 *
 *   lone    an edit after quiet goes at once, whatever its size
 *   window  edits that follow a change within the debounce window collapse into one, which goes when the window ends
 *   small   inside such a burst, what differs from what was last sent by less than the smallest change waits to be joined
 *           with the next edit, at the latest until the check
 *   rate    never more than so many changes of one item in any minute: what is above collapses
 *
 * A window begins with a change that goes out and is never prolonged: nobody waits longer than it for a change of some
 * size. Values only; times are monotonic milliseconds, 0 is never. */
#ifndef ENGINE_CORE_CHANGE_PACE_H
#define ENGINE_CORE_CHANGE_PACE_H
#include <stdbool.h>
#include <stdint.h>

#define PACE_SLOTS 13          /* of 5 s: a minute, and the one that has begun */
#define PACE_SLOT_MS 5000

struct pace {
	uint64_t edit_ms;      /* the newest edit */
	uint64_t sent_ms;      /* the newest change that went out */
	uint64_t since_ms;     /* the first edit that has not gone out */
	bool lone;             /* the newest edit came after quiet */
	uint64_t slot;         /* number of the newest slot of `sent` */
	uint16_t sent[PACE_SLOTS]; /* changes that went out, by slot number modulo */
};

struct pace_rule {
	uint32_t debounce_ms, max_wait_ms, min_change_bytes, max_per_minute; /* the last two: 0 is none */
};

enum pace_why { PACE_NOT, PACE_WINDOW, PACE_SMALL, PACE_RATE, PACE_MOVE /* said by others: a name that may be a rename */ };

void pace_edit(struct pace *h, const struct pace_rule *r, uint64_t now_ms);
void pace_sent(struct pace *h, uint64_t now_ms);
/* Would the size of the change matter now? (Measuring it costs reading what was sent.) */
bool pace_weighs(const struct pace *h, const struct pace_rule *r, uint64_t now_ms);
/* `changed`: bytes that differ from what was last sent, UINT64_MAX where all of it counts. PACE_NOT: it goes now; else
 * *until_ms is when to ask again. */
enum pace_why pace_why(const struct pace *h, const struct pace_rule *r, uint64_t changed, uint64_t now_ms, uint64_t *until_ms);
#endif

/* agenda: what is going to happen, in order of virtual time. Time goes only from one entry to the next, never back;
 * entries of the same instant come out in the order in which they were made. */
#ifndef SIM_AGENDA_H
#define SIM_AGENDA_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum agenda_what {
	AGENDA_NODE_TURN, /* who; a: the serial of the appointment */
	AGENDA_NODE_BOOT, /* who; a: life number */
	AGENDA_HUB_TURN,  /* a: serial */
	AGENDA_HUB_BOOT,
	AGENDA_DIALED, /* a: connection */
	AGENDA_UP,     /* a: connection, p: struct simframe */
	AGENDA_DOWN,
	AGENDA_CLOSED_NODE, /* a: connection */
	AGENDA_CLOSED_HUB,
	AGENDA_NODE_WRITABLE, /* a: connection */
	AGENDA_HUB_DRAINED,
	AGENDA_PERSON, /* who */
	AGENDA_WRITER, /* who, p: struct simwriter: a slow program goes on writing */
	AGENDA_FAULTS, /* once a second: what may go wrong by itself */
	AGENDA_WAKE,   /* who: it was asleep */
};

struct agenda_entry {
	uint64_t at_us, serial;
	enum agenda_what what;
	unsigned who;
	uint64_t a;
	void *p; /* one block of memory, or NULL: the taker frees it */
};

struct agenda {
	struct agenda_entry *heap;
	size_t count, cap;
	uint64_t serial;
};

void agenda_finish(struct agenda *a);
void agenda_add(struct agenda *a, uint64_t at_us, enum agenda_what what, unsigned who, uint64_t value, void *p);
/* Takes the next entry if it is due by `until_us`. */
bool agenda_next(struct agenda *a, uint64_t until_us, struct agenda_entry *out);
#endif

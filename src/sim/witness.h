/* witness: the observer who sees everything in the simulated world and forgets nothing. What every version holds, which
 * item is which name, and which words ("tokens") a person gave up where. From that the judge tells a lost edit from a
 * deliberate one.
 *
 * A token is a line "t" + 8 hex digits, written once in a life. */
#ifndef SIM_WITNESS_H
#define SIM_WITNESS_H
#include "base/map.h"
#include "engine/core/world.h"

struct witness_version {
	struct id version;
	uint8_t meta;
	struct blob content;
	uint32_t *tokens; /* ascending */
	size_t token_count;
	bool accepted; /* the hub took it once */
};

struct witness_item {
	struct id item, main, device;
	unsigned path; /* number of the name, see witness_path */
	bool side;
};

struct witness_name { /* what is known of a name */
	uint32_t authors;     /* a bit for each device where a person changed it */
	bool buried;          /* deleted when all agreed, and not made again since */
	unsigned buried_by;   /* the device where a person did that */
	struct id chosen;     /* what a person chose last, when nobody edits any more */
	uint64_t chosen_us;   /* 0: nothing was */
	unsigned chosen_on;   /* the device */
	bool chosen_for_all;  /* "mine" ends all conflicts of the item, anything else one */
	bool chosen_apart;    /* two people chose differently at the same time */
};

struct witness {
	struct map versions, items, paths, given_up, authored, held, kept, accepted;
	struct witness_name *notes; /* by number of the name */
	size_t note_count, note_cap;
	char **names; /* "category/path" by number */
	size_t name_count, name_cap;
	uint32_t tokens;
};

void witness_finish(struct witness *w);

uint32_t witness_token(struct witness *w); /* a new one, from 1 */
/* The tokens of a text, ascending, in new memory. */
uint32_t *witness_tokens(struct span text, size_t *count);

unsigned witness_path(struct witness *w, const char *category, const char *path);
const char *witness_name(const struct witness *w, unsigned path);

/* false: this id was seen with other bytes. */
bool witness_saw_version(struct witness *w, const struct id *version, uint8_t meta, struct span content);
const struct witness_version *witness_version(const struct witness *w, const struct id *version);
void witness_saw_item(struct witness *w, const struct item_row *row);
const struct witness_item *witness_item(const struct witness *w, const struct id *item);

/* A person (or a power cut) on device `who` replaced `before` by `after` under this name: what is only in `before` is
 * given up there. Gone: the file itself was removed. */
void witness_replaced(struct witness *w, unsigned who, unsigned path, struct span before, struct span after, bool gone);
void witness_gave_up(struct witness *w, unsigned who, unsigned path, const struct id *version);
/* Token 0 asks whether the file itself was ever removed there. */
bool witness_may_lose(const struct witness *w, unsigned who, unsigned path, uint32_t token);

/* A person (or a power cut) made the file on device `who` hold this; or chose this version there. */
void witness_wrote(struct witness *w, unsigned who, unsigned path, uint8_t meta, struct span content);
void witness_chose(struct witness *w, unsigned who, unsigned path, const struct id *version);
/* The device put a merge of two versions into its file: as good as written there. */
void witness_merged(struct witness *w, unsigned who, const struct id *item, const struct id *version);
bool witness_made(const struct witness *w, unsigned who, unsigned path, const struct id *version);

/* The engine put this version there. */
void witness_hold(struct witness *w, unsigned who, unsigned path, const struct id *version);
bool witness_held(const struct witness *w, unsigned who, unsigned path, const struct id *version);
/* Anywhere, under this name. */
bool witness_made_any(const struct witness *w, unsigned path, uint8_t meta, struct span content);

/* A name was deleted when everybody agreed on it; any write to it ends that. */
void witness_bury(struct witness *w, unsigned who, unsigned path);
void witness_unbury(struct witness *w, unsigned who, unsigned path); /* if it was this device's person */
bool witness_buried(const struct witness *w, unsigned path);
unsigned witness_authors(const struct witness *w, unsigned path); /* how many devices' people ever changed it */
struct witness_name *witness_note(struct witness *w, unsigned path);

/* Tokens that were captured durably somewhere: they must never become unreachable. */
void witness_captured(struct witness *w, const struct id *version);
void witness_never_said(struct witness *w, uint32_t token); /* nobody took it from the person */
/* The same for those that the hub has taken. */
void witness_accepted(struct witness *w, const struct id *version);
#endif

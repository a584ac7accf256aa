/* ledger: every item the device knows, in memory, with what is under way for it. The durable half is struct item_row; rows
 * that changed are saved together at the end of a step. */
#ifndef ENGINE_CORE_SYNC_LEDGER_H
#define ENGINE_CORE_SYNC_LEDGER_H
#include "base/map.h"
#include "engine/core/category/category.h"
#include "engine/core/change/pace.h"
#include "engine/core/conflict/plan.h"
#include "engine/core/world.h"

struct measure { /* of one conflict, as far as it is looked at: kept so that no report merges again */
	struct id base, mine, theirs;
	uint32_t hunks;
	bool clean;
	const char *why; /* a literal: why it cannot be merged; NULL: it can, as far as hunks go */
};

struct holding { /* why a local edit does not go out yet */
	struct pace pace;
	struct id measured;           /* version whose distance from what was last sent is `changed` bytes */
	uint64_t changed, until_ms;
	uint64_t stays_ms;            /* monotonic: a name that a rename made must stay until then, and be there; 0: any may go */
	enum pace_why why;
	bool listed;                  /* among what the core holds */
};

struct rare { /* what few items have at a time */
	struct id moved_from;         /* created by renaming this item; zero: not */
	struct item *moved_to;        /* that item, until this one is known to stay away */
	struct id source;             /* its content came from this version of another item, which the hub has; zero: not */
	struct id asked_local, asked_head; /* the strategy could not settle these two: a person is asked */
	uint64_t wanted_ms;           /* monotonic: when a keyframe was asked for, 0 = not */
	uint64_t keyframe_due_ms;     /* monotonic: another device asked; 0 = not */
	struct id *passed;            /* until verified: heads in log order, one of which a place before a crash may have left there */
	size_t passed_count;
};

struct item {
	struct item_row row;          /* category and path point into the two strings below */
	char *path;
	struct category *category;
	struct item *main;            /* side items: the item they belong to */
	struct item *own_side;        /* main items: this device's side item, open or not; NULL: there never was one */
	struct item *next_side;       /* all side items of one main, from main->sides */
	struct item *sides;
	uint64_t in_flight;           /* counter of the unanswered change, 0 = none */
	uint64_t await_seq;           /* stale was answered: nothing is sent before the log brought this number */
	uint64_t retry_ms;            /* monotonic: not before */
	uint32_t failures;            /* of applying, in a row */
	int64_t read_ms;              /* wall: when local_stat was last found to be of local's bytes; 0: not to be trusted */
	uint64_t captured_ms;         /* monotonic: last capture, for the debounce window */
	uint64_t queued_ms;           /* monotonic: since when it wants to go out */
	uint64_t keyframe_ms;         /* monotonic: when one last came or went, 0 = never; more would not help at once */
	const char *trouble;          /* literal: why it is held */
	const char *refused;          /* literal: why what the file holds stays on this device; NULL: it does not */
	struct holding *holding;      /* NULL: not edited here since the start */
	const struct rare *rare;      /* never NULL; ledger_rare to write */
	struct measure *measure;      /* side items: what a merge of the conflict gives, see settle.c; NULL: not known yet */
	uint32_t round;               /* of the last scan that saw it */
	bool verified;                /* since this start the file was looked at or replaced: row.local is what it holds */
	uint8_t how;                  /* enum history_how of the local version */
	uint8_t urgency;              /* enum priority of the next change */
	bool placed;                  /* local_stat is that of our own placing, and its mtime was set to an older time */
	bool told;                    /* events said that it is gone, or with its folder */
	bool weighed;                 /* … or a scan missed it, and that is no loss to ask about */
	bool lost;                    /* gone, with too many others to be deleted unasked */
	bool unwanted;                /* this device's rules leave it out: neither sent nor applied, until they change */
	bool missing;                 /* the head's content could not be had: a keyframe is wanted */
	bool awaits_packing;          /* on the list of those that wait for packing.c */
	bool save, planned;           /* on the list of rows to save, items to plan */
	bool waits;                   /* among the large ones that wait until another is placed */
	uint8_t sending;              /* on the list of changes to send with this priority, plus one; 0: on none */
};

struct ledger {
	struct map by_id;             /* all */
	struct map by_name;           /* main items: category NUL path */
	struct map gone;              /* version -> main item whose file is absent but not yet declared deleted */
	struct item **all;
	size_t count, cap;
	struct item **dirty;          /* rows to save */
	size_t dirty_count, dirty_cap;
	uint8_t item_key[KEY_LEN];    /* hashes names to ids */
};

void ledger_init(struct ledger *l, const uint8_t account_key[KEY_LEN]);
void ledger_finish(struct ledger *l);
struct id ledger_item_id(const struct ledger *l, const char *category, const char *path);
struct id ledger_side_id(const struct ledger *l, const struct id *main, const struct id *device);
struct item *ledger_find(const struct ledger *l, const struct id *id);
struct item *ledger_find_name(const struct ledger *l, const char *category, const char *path);
struct item *ledger_add(struct ledger *l, struct category *c, const char *path, const struct id *id);
/* The side item of `main` kept by `device`, made where there is none yet. `self`: device is this one. */
struct item *ledger_add_side(struct ledger *l, struct item *main, const struct id *device, bool self);
struct rare *ledger_rare(struct item *it);                  /* the item's own, to be written */
void ledger_forget_origin(struct item *it);                 /* neither renamed from another item nor its copy */
void ledger_touch(struct ledger *l, struct item *it);       /* save its row at the end of the step */
bool ledger_save(struct ledger *l, const struct world *w);  /* now; false when the disk refused */
struct plan_facts ledger_facts(const struct item *it);
bool ledger_side_open(const struct item *side);

/* A crash may come between a place and the commit that would tell of it: then the file holds a head that the ledger has
 * not agreed on, and must not be taken for a person's edit. Until an item is verified its heads are remembered, and
 * what the file is found to hold is agreed on when it was one of them. */
#define LEDGER_PASSED_MAX 64
void ledger_passed(struct item *it, const struct id *head);
void ledger_verify(struct item *it, const struct id *holds);
bool ledger_has_passed(const struct item *it, const struct id *version);
#endif

/* coordinator: the core's inside. It leads an event through the rooms: category, change, sync, conflict, optimize, link
 * know only values of each other; what ties them together is in the files beside this one:
 *
 *   coordinator.c  life, events, the end of a step
 *   capture.c      hints and scans -> looks -> what a file truly holds now
 *   reading.c      … of a large one, part by part
 *   moves.c        where a new name's content came from
 *   guard.c        too much gone at once
 *   holding.c      what is captured and may not go out yet
 *   send.c         what wants to go out -> one change, packed, sealed, in the outbox
 *   packing.c      a large content, packed part by part
 *   dictionary.c   what many small files have in common, sent once
 *   receive.c      what the hub says -> the log's heads
 *   opening.c      one entry of the log: what is large is opened in parts
 *   apply.c        heads -> files
 *   settle.c       both sides changed: strategies, settlements, undo
 *   acts.c         what a person asks for
 *   views.c        what a person sees
 *
 * Not for use outside engine/core. */
#ifndef ENGINE_CORE_COORDINATOR_H
#define ENGINE_CORE_COORDINATOR_H
#include "base/rng.h"
#include "engine/core/change/debounce.h"
#include "engine/core/core.h"
#include "engine/core/link/link.h"
#include "engine/core/optimize/body.h"
#include "engine/core/optimize/packer.h"
#include "engine/core/optimize/seal.h"
#include "engine/core/sync/ledger.h"
#include "wire/message.h"

struct queue { /* items in the order they came; an item is in at most one place of each kind of queue */
	struct item **ring;
	size_t head, count, cap;
};

struct flight { /* an unanswered change */
	struct outbox_row row;
	bool unsaved;            /* large, or linked behind one that is: not in the outbox yet, so not sent */
	size_t staged;           /* bytes of its record that are on their way there */
	uint64_t retry_ms;       /* monotonic: refused for now; 0 = not */
};

struct writer { /* the hub's small number for a (device, epoch) */
	bool known;
	struct id device;
	uint64_t epoch;
};

struct peer {
	struct peer_row row;
	bool online;
	bool save;               /* with the next commit that something else asks for */
};

struct intake { /* a large entry arriving in parts */
	uint64_t seq;
	struct blob bytes;
	size_t have;
};

enum packing_phase { PACKING_NONE, PACKING_CONTENT, PACKING_BASE, PACKING_RUN, PACKING_DONE, PACKING_LOST };

struct packing { /* the large content that is packed now, see packing.c */
	enum packing_phase phase;
	struct item *asker;            /* wished for again when it is done */
	struct id version, base;       /* base zero: none */
	enum pack_effort effort;
	struct blob content, base_content;
	bool have_base;
	uint8_t meta;
	struct pack_run *run;
	struct body body;              /* how it is packed, once it is */
	struct buf payload;
	struct queue waiting[4];       /* other items with large contents */
	uint64_t part_ms;
};

enum opening_stage { OPENING_NONE, OPENING_CHAIN, OPENING_SEAL, OPENING_BASE, OPENING_CONTENT, OPENING_DONE };

struct opening { /* the entry of the log, or the confirmation, that is being opened: see opening.c */
	enum opening_stage stage;
	uint64_t seq;
	uint64_t counter;        /* of the change of our own that is confirmed; 0: it is an entry */
	struct writer writer;
	struct change change;    /* of the body only the length */
	struct blob sealed;      /* the body; opened where it lies */
	struct hash_run *run;    /* over the record, then over the content */
	size_t done;             /* … so far */
	struct blob base;
	struct span content;     /* as far as it is expanded; borrowed from the packer */
	bool staged;
	/* what is known once it is done */
	struct id chain;         /* with this entry */
	bool genuine, valid;     /* it opened; and says something that makes sense */
	struct body body;        /* when valid */
	bool here, whole;        /* its content was here before; it is in `content` */
	struct err why;          /* when not */
};

struct reading { /* a large file, on its way in by parts */
	struct watched *of;      /* NULL: none is */
	struct file_stat stat;   /* of all its parts */
	struct blob content;     /* as far as it is read */
	struct hash_run *version;
	int64_t since_ms;        /* wall: what was written since may not be in it, even if its stat does not show that */
	uint64_t part_ms;        /* monotonic: when the last part came */
	bool staged;             /* the store is given the parts as they come */
	bool hinted;             /* something happened to the name meanwhile: it is looked at once more at the end */
};

struct taken { /* what a file holds; its content belongs to whoever has this */
	struct file_stat stat;
	struct blob content;
	struct id version;
	int64_t read_ms;         /* wall, at its first byte */
	uint64_t bytes;          /* read just now */
	bool again;              /* … and look at it once more */
};

/* A large content on its way into a file, a part of it in each turn; one at a time. What the ledger says of the item is
 * weighed anew before each part: when it is not to be placed any more, nothing of this is kept. */
struct application {
	struct item *item;       /* NULL: none is under way */
	struct id version;       /* its head, of which this is */
	struct blob content;     /* as far as it is read */
	uint8_t meta;
	bool whole;              /* all of it is read: now it is written */
	bool wanted;             /* in this step it was found that it is still to be placed */
	bool placing;            /* the world was given some of it */
	uint64_t part_ms;        /* monotonic: when the last part was done */
	struct queue waiting;    /* others; each has its turn */
	struct blob spent;       /* the content of the last one: giving back so much memory takes a turn of its own */
};

/* What one walk over all items found for the views: most items are at rest, and a report asks of all of them several
 * times. Good until the next step, or the next time. */
struct survey {
	bool good;
	struct item **moving;         /* in the ledger's order: not at rest, or stuck; and choices that are not sent yet */
	struct item **asked;          /* likewise: what a person is asked about, see settle_open */
	struct item **left_out;       /* likewise: what other devices have and this one does not take */
	size_t moving_count, moving_cap, asked_count, asked_cap, left_count, left_cap;
};

struct core {
	struct world world;
	struct core_setup setup;       /* strings not kept; see below */
	char *device_name;
	uint64_t now_ms;
	int64_t wall_ms;
	int64_t clock_base_ms;         /* wall minus monotonic, while the wall clock runs evenly, */
	uint64_t even_since_ms;        /* monotonic: since then */
	struct rng rng;
	uint8_t version_key[KEY_LEN];

	struct state_row state;
	bool state_dirty, booted;
	struct category_table categories;
	struct ledger ledger;
	struct debounce debounce;
	struct reading reading;
	struct queue plans, sends[4];
	struct application application;
	struct survey *survey;         /* see views.c */
	struct map origins;            /* category NUL path -> struct origin, see moves.c */
	uint64_t origins_ms;
	struct item **held;            /* captured, not yet to go out, see holding.c */
	size_t held_count, held_cap;
	uint64_t held_ms;              /* monotonic: when to look at them next; UINT64_MAX = none */
	uint64_t looked_ms;            /* monotonic: the turn of the last looks, */
	size_t looks;                  /* and how many it had */
	bool hurry;                    /* in this step nothing is held for its window: somebody waits */
	size_t scans;                  /* under way */
	size_t missing;                /* items whose head's content is not here */
	size_t applying;               /* items that wait for another try to apply */
	uint64_t retry_ms;             /* monotonic: the earliest of all retries; UINT64_MAX = none */

	struct flight **flights;       /* by counter, ascending */
	size_t flight_count, flight_cap;
	uint64_t flight_bytes;         /* of records up to a part; */
	uint64_t large_bytes;          /* … of the others, which hold nothing small back */
	struct packing packing;
	size_t unsaved;                /* flights */
	uint64_t saved_ms;

	struct link link;
	struct item *dictionary;       /* the newest there is, see dictionary.h; NULL: none */
	bool dictionary_tried;
	struct sealer sealer;
	struct packer *packer;
	struct writer *writers;        /* of this connection; by number */
	size_t writer_count;
	struct peer *peers;
	size_t peer_count, peer_cap;
	struct intake intake;
	struct opening opening;
	struct buf waiting;            /* records that came behind it, in order; taken up to waiting_at */
	size_t waiting_at, waiting_parts; /* that many of them are about the next large entry */
	bool probe_heard;              /* its pong came; what came before it waits */
	struct id doubted;             /* the chain with an entry that did not open when it came first */
	uint64_t owed_ms;              /* since when the hub owes an answer and gives none; 0: not */
	uint64_t answers, answers_then; /* by now; at the last pong */
	uint64_t head;                 /* the hub's, as last heard */
	uint64_t catch_up;             /* what the hub had when it authenticated us */
	bool up, caught_up;
	char *stopped;                 /* why nothing may be applied or sent until a person acts (a hub that went back), or NULL */
	uint64_t cursor_sent, cursor_due_ms;
	uint64_t probes, probe_done;       /* asked by people; `probe_done` are answered */
	uint64_t probe_link, probe_number; /* the ping that will answer up to probe_number */
	uint64_t invite_ticket, invite_done; /* one invite at a time */
	char invite_text[512];         /* "" = made, or why not */
};

/* coordinator.c */
void core_finish(struct core *c);                     /* the end of a step: looks, plans, sends, saves */
/* The text names neither items nor devices: logs on disk are read by others. */
void core_notice_name(struct core *c, enum notice_level level, const char *from, const char *category, const char *path, const char *text);
void core_notice(struct core *c, enum notice_level level, const char *from, const struct item *it, const char *format, ...)
	__attribute__((format(printf, 5, 6)));
uint64_t core_tick(struct core *c);                   /* next hybrid time, of the hub's clock where that is known */
bool core_time_sure(uint64_t edited);                 /* its device knew the hub's clock */
void core_date(struct core *c, struct item *it);      /* local_edited made sure, if it can be by now */
void core_hear_time(struct core *c, uint64_t edited); /* merges another device's */
void core_plan(struct core *c, struct item *it);      /* puts it on the list of items to plan */
void core_retry(struct core *c, struct item *it, uint64_t after_ms); /* plans it again then */
void queue_push(struct queue *q, struct item *it);
struct item *queue_pop(struct queue *q);
bool core_may_work(const struct core *c, const struct item *it); /* not paused, category active and healthy */
void core_set_local(struct core *c, struct item *it, const struct id *version, uint64_t size); /* keeps the category's sums true */
void core_history(struct core *c, const struct item *it, const struct id *version, const struct id *device, uint64_t seq,
		  enum history_how how, enum change_kind kind, uint64_t size, uint8_t meta, int64_t at_ms);
/* One part more of a version; all of it at once where the world knows no parts. */
enum got core_read_version(const struct core *c, const struct id *version, struct blob *content, uint8_t *meta);
/* A job in parts may do one now: one a turn, all of which has one time. */
bool core_part(const struct core *c, uint64_t *last_ms);
void core_new_epoch(struct core *c);
void core_probe_again(struct core *c);                /* asks the hub for what people wait for */

/* capture.c */
void capture_hint(struct core *c, const struct event *e);
void capture_seen(struct core *c, const struct event *e);
void capture_scanned(struct core *c, const struct event *e);
void capture_rescan(struct core *c, const struct event *e);
void capture_root(struct core *c, const struct event *e);
void capture_scan(struct core *c, struct category *category, const char *under);
void capture_soon(struct core *c, struct item *it);   /* look at it now, whatever the window says */
bool capture_absent(struct core *c, struct item *it); /* looks: nothing is there, and what that means is found out */
bool capture_run(struct core *c);                     /* looks that are due; false when the budget ended first */
void capture_flush(struct core *c);                   /* ends every debounce */

void capture_drop(struct core *c, struct watched *w); /* no look is owed at it any more */

/* reading.c */
/* world.take, and the version. LOOK_MORE: a part was read, and t->bytes alone is filled; ask again, in another turn. After
 * LOOK_FILE it is still the one that is read, until reading_drop, so that what is staged of it can be put. */
enum look reading_take(struct core *c, struct watched *w, struct taken *t);
bool reading_waits(struct core *c, struct watched *w, uint64_t size); /* another one is read: this one is called later */
void reading_drop(struct core *c, const struct watched *w);           /* if it is read, it is no longer */
void reading_next(struct core *c);                    /* calls the one that waits longest, if none is read */
void reading_finish(struct core *c);                  /* memory alone */

/* moves.c */
void moves_note(struct core *c, const struct event *e);                                /* HINT_MOVED */
void moves_captured(struct core *c, struct item *it, struct span content);             /* after its local version is set */
void moves_home(struct core *c, const struct item *it); /* it holds what it held: whatever was moved, it was nothing new */
bool moves_open(struct core *c, struct item *it);     /* may be a rename: its old name may still come back */
void moves_back(struct core *c, struct item *from);   /* it is there again: what was made of it is a copy */
void moves_gone(struct core *c, struct item *from);   /* it stayed away */
enum change_kind moves_kind(const struct core *c, const struct item *it); /* of the change that creates it */
void moves_finish(struct core *c);

/* guard.c */
bool guard_unseen(const struct category *category, const struct item *it, const char *under, uint32_t round);
bool guard_absent(const struct core *c, const struct item *it);  /* looks */
/* A scan has ended: may what it did not see be deleted? False: too much is gone, and a person is asked. */
bool guard_scanned(struct core *c, struct category *category, const char *under, uint32_t round);
bool guard_emptied(struct core *c, struct category *category); /* its last files are being deleted: a scan weighs that */
void guard_found(struct core *c, struct item *it);   /* it is there */
/* Before guard_scanned: what the scan did not see and a power cut may have taken back is looked at, to be put back. */
void guard_cut(struct core *c, struct category *category, const char *under, uint32_t round);
bool guard_taken_back(const struct watched *w, const struct item *it); /* it is absent: is it that, and no deletion? */
void guard_doubts(struct core *c);                   /* ends where all was looked at and put back */

/* holding.c */
void holding_edit(struct core *c, struct item *it);   /* an edit was captured */
void holding_sent(struct core *c, struct item *it);   /* a change went out */
/* A rename made its name, which may be passed through only: it goes out if it is there in so many milliseconds. */
void holding_prove(struct core *c, struct item *it, uint32_t ms);
/* Does it stay for now? `sent`: the version that was last sent, zero for none. It is planned again when its time comes. */
bool holding_keeps(struct core *c, struct item *it, const struct id *sent);
void holding_release(struct core *c, struct item *it);
void holding_run(struct core *c);                     /* what is due goes on */
void holding_end(struct core *c);                     /* all of it does, and what this step captures */
enum pace_why holding_why(const struct item *it);
const char *holding_state(const struct item *it);     /* debouncing, held, or NULL */
const char *holding_reason(const struct item *it);
void holding_next(const struct core *c, const struct item *it, char *out, size_t cap);

/* send.c */
void send_wish(struct core *c, struct item *it);      /* the planner said so: queue it */
void send_pump(struct core *c);                       /* while the link is up and caught up */
void send_resume(struct core *c);                     /* after authentication: everything unanswered again */
void send_drop(struct core *c, struct flight *f);     /* answered */
void send_abandon(struct core *c, struct flight *f);  /* will not be appended: what is linked behind it goes as well */
uint64_t *send_sum(struct core *c, const struct flight *f); /* where its bytes are counted while it is unanswered */
struct flight *send_find(const struct core *c, uint64_t counter);
void send_forget_all(struct core *c);                 /* a new epoch: what was sent under the old one is packed anew */
struct flight *send_new(struct core *c, struct item *it, enum priority priority); /* its local version, as a create, at once */

/* packing.c */
enum packed { PACKED_LATER, PACKED_LOST /* it cannot be read */, PACKED_DONE };
/* A large version for a change of `asker` (what send.c is asked for), on that base (zero: none). Later: it is wished for
 * again then. Lost is told once. */
enum packed packing_ask(struct core *c, struct item *asker, const struct id *version, const struct id *base,
			enum pack_effort effort);
struct span packing_take(struct core *c, struct body *b);        /* done: how it is packed; borrowed until it is taken */
struct span packing_head(struct core *c, struct span head);      /* … with this in front of it */
void packing_taken(struct core *c);
void packing_not_taken(struct core *c, const struct item *asker); /* it was wished for another thing by now */
void packing_run(struct core *c);                     /* one part */
bool packing_due(const struct core *c);
void packing_down(struct core *c);                    /* the link is down: nothing is packed in stock */
const char *packing_why(const struct core *c, const struct item *it); /* a literal, or NULL */
void packing_finish(struct core *c);

/* dictionary.c */
bool dictionary_ready(struct core *c);                /* bulk may be sent: there is one, or none is worth it; false: on its way */
bool dictionary_use(struct core *c, struct body *b);  /* names it as the base of a bulk create, prepared in the packer */
bool dictionary_is(const struct item *it);
void dictionary_found(struct core *c, struct item *it); /* its head is known now */

/* receive.c */
bool receive_frame(struct core *c, struct span bytes); /* false: the hub broke the protocol, hang up */
bool receive_busy(const struct core *c);              /* a large entry is being opened: receive_run once a step */
bool receive_run(struct core *c);                     /* likewise */
void receive_drop(struct core *c);                    /* what came and is not done: the next link brings it again */
void receive_auth(struct core *c, const struct message *m);
void receive_message(struct core *c, const struct message *m);
void receive_down(struct core *c);
void receive_cursor(struct core *c);                  /* tells the hub how far we are, when it is time */
bool receive_content(struct core *c, struct item *it); /* is the head's content here; else asks for it */

/* opening.c */
void opening_begin(struct core *c, uint64_t seq, const struct writer *w, const struct change *change, struct blob *body); /* takes the body */
void opening_begin_own(struct core *c, uint64_t seq, uint64_t counter); /* a confirmation; the change is in flight */
bool opening_step(struct core *c);                    /* true: it is done; false: a part of it, go on in another turn */
void opening_drop(struct core *c);

/* apply.c */
bool apply_run(struct core *c);                       /* plans what is on the list; false when the budget ended first */
void apply_put_off(struct core *c, struct item *it, const char *why); /* a literal; tried again later, ever more rarely */
bool apply_due(const struct core *c);                 /* a large content is under way, or waits for its turn */
void apply_finish(struct core *c);
/* world.place to its end, for whoever has the content in hand and decides in this step with what came of it: a person's
 * act, which is answered at once; a merge; what a power cut took. Never PLACE_MORE. A large content makes a long turn
 * here. Cut into parts it would need everything that such a decision stood on to be kept, and looked at again, for what
 * is rare; the application that is under way meanwhile begins to write anew. */
enum place_result apply_place(struct core *c, const struct place *p, struct file_stat *after);

/* settle.c (settle.h is what others see of it) */
bool settle_try(struct core *c, struct item *it);     /* PLAN_SIDE_PUT: the strategy settles it, or waits; false: ask */
bool settle_asks(const struct core *c, const struct item *it); /* … it was tried, or need not be: ask */
enum strategy settle_strategy(const struct core *c, const struct item *it); /* its path's, or its category's */
void settle_measure(struct core *c, struct item *main); /* hunks of its open conflicts, where they are not known */
/* Is a person asked about it? A side item: open, and nothing was chosen here that waits to be sent. A main item: by an
 * undo or the rollback guard, and the second version is not at the hub yet. */
bool settle_open(const struct item *it);
bool settle_opening(const struct item *main);
/* What the two versions of a conflict came from, if known; `side` NULL: it is still opening. */
bool settle_readable(const struct core *c, const struct id *version); /* it is in the store, and whole */
bool settle_base(const struct item *main, const struct item *side, struct id *base);
enum place_result settle_put(struct core *c, struct item *it, const struct id *version, const struct blob *content, uint8_t meta,
			     enum history_how how);       /* into the file, if it is as captured; on PLACE_DONE it is local */
/* For the history: a choice made this version the file's. */
void settle_chosen(struct core *c, const struct item *it, const struct id *version, const struct id *by, enum history_how how);
/* Before a write becomes local: is it an old version that comes back over a change from elsewhere? Then it is held. */
void settle_captured(struct core *c, struct item *it, const struct id *version, uint8_t meta, struct span content);

/* views.c */
void views_conflict(const struct core *c, const struct item *main, const struct item *side, struct conflict_view *v);
#endif

/* core: what a device decides. Pure: no file, socket, clock, thread or environment; it acts through world.h only.
 *
 * The caller (engine.c, or the simulation) gathers what happened in a turn, calls core_step for each event, then makes
 * the turn durable and lets the frames go. core_deadline says when the core wants EVENT_TICK next.
 *
 * Strings and spans in events are borrowed for the call. Rows handed out by the views are borrowed until the next step. */
#ifndef ENGINE_CORE_CORE_H
#define ENGINE_CORE_CORE_H
#include "base/err.h"
#include "base/hash.h"
#include "base/id.h"
#include "engine/core/limits.h"
#include "engine/core/world.h"
#include "wire/wire.h"

#define SIGN_SECRET_LEN 64

enum strategy { STRATEGY_MERGE, STRATEGY_NEWEST, STRATEGY_ASK };
enum priority { PRIORITY_LOW, PRIORITY_NORMAL, PRIORITY_HIGH, PRIORITY_CRITICAL };

enum merge_rule { MERGE_NONE, MERGE_LINES, MERGE_TEXT, MERGE_BY_KIND }; /* by kind: JSON by key for JSON, else text */

struct category_setup {
	const char *name;
	uint32_t debounce_ms;            /* a burst collapses into one change within this */
	uint32_t max_wait_ms;            /* the check: nothing held waits longer */
	enum strategy strategy;
	bool by_path;                    /* some of its paths have a strategy of their own: world.strategy_of tells */
	enum merge_rule merge;
	uint32_t min_change_bytes;       /* inside a burst, smaller changes wait to be joined with the next; 0: none do */
	uint32_t max_changes_per_minute; /* above it changes collapse; 0: no limit */
};

struct core_setup {
	struct id device;
	uint8_t sign_secret[SIGN_SECRET_LEN];  /* Ed25519, libsodium's form */
	uint8_t account_key[KEY_LEN];
	uint8_t key_number;
	bool joined;                           /* false: no hub yet; watches and captures, never dials */
	struct id hub;                         /* pinned when joined */
	const char *device_name;
	const struct category_setup *categories;
	size_t category_count;
	struct state_row state;                /* as loaded; all zeros on a new home (the core makes an epoch) */
	uint64_t seed;                         /* for jitter */
	size_t part_bytes;                     /* 0: LIMIT_PART_BYTES; the simulation has smaller ones */
};

enum event_type {
	EVENT_BOOT,         /* after all core_load_* calls: starts scans and the link. unclean: the process before was not ended;
	                     * cut: nor was the system that it ran on, or this cannot be told from that */
	EVENT_TICK,
	/* watcher */
	EVENT_HINT,         /* category, path, hint: something happened to this name */
	EVENT_SEEN,         /* category, path, look, stat: a scan found it */
	EVENT_SCANNED,      /* category, path (= under), complete: a scan ended; absent files count only when complete */
	EVENT_RESCAN,       /* category, path (= under): events were lost there; the core asks for a scan of it */
	EVENT_ROOT,         /* category, ok: its root is there / is gone; text says why */
	/* link */
	EVENT_LINK_OPEN,
	EVENT_LINK_CLOSED,  /* text: why, plain words; fatal: retrying cannot help (certificate, not a hub) */
	EVENT_TEXT, EVENT_BINARY, /* bytes */
	EVENT_WRITABLE,     /* the backlog shrank */
	EVENT_RETRY_NOW,    /* SIGHUP, `r`, network change, woke from sleep */
};

enum hint {
	HINT_WRITTEN,  /* a writer closed it, or it was moved here: settled */
	HINT_TOUCHED,  /* created, modified, metadata: somebody may still be writing */
	HINT_GONE,     /* deleted or moved away */
	/* What `path` named was renamed to `to_path` of `to_category`, a folder with all below it when `folder`. It only
	 * says where a name's content came from, in the order in which it happened: both names get hints of their own
	 * right behind it (folders: scans), and either may have changed again by now. */
	HINT_MOVED,
};

struct event {
	enum event_type type;
	uint64_t now_ms;    /* monotonic */
	int64_t wall_ms;    /* since 1970 */
	const char *category, *path;
	enum hint hint;
	const char *to_category, *to_path; /* HINT_MOVED */
	bool folder;                       /* HINT_MOVED; EVENT_SEEN with LOOK_ERROR: nothing is known of what is below */
	enum look look;
	struct file_stat stat;
	bool complete, ok, fatal, unclean, cut;
	size_t scan;               /* EVENT_SEEN: of the scans under way, in the order asked, the last that this walk is for */
	struct span bytes;
	const char *text;
};

struct core *core_create(const struct world *w, const struct core_setup *s);
void core_destroy(struct core *c);
/* Before EVENT_BOOT: what the ledger holds. */
void core_load_item(struct core *c, const struct item_row *row);
void core_load_outbox(struct core *c, const struct outbox_row *row);  /* takes ownership of row->record */
void core_load_peer(struct core *c, const struct peer_row *row);
void core_load_category(struct core *c, const struct category_row *row);

void core_step(struct core *c, const struct event *e);
uint64_t core_deadline(const struct core *c);      /* monotonic ms, UINT64_MAX for none */
uint64_t core_digest(const struct core *c);        /* of the whole state: determinism */

/* Configuration changed: replaces the set of categories. Items of categories that left are forgotten by the watch, never
 * deleted anywhere. */
void core_set_categories(struct core *c, const struct category_setup *categories, size_t count);
/* The category's root is another folder from now on. What the ledger says of files was about the one before: what is there
 * joins the log as if new. Call before core_set_categories, or before EVENT_BOOT. */
void core_new_root(struct core *c, const char *category);

/* A person's acts (settling conflicts: settle.h). Each returns false with e set. `now` fields come from the event that carried the command. */
void core_clock(struct core *c, uint64_t now_ms, int64_t wall_ms);   /* call before any of these */
bool core_restore(struct core *c, const char *category, const char *path, const struct id *version, struct err *e);
bool core_pause(struct core *c, const char *category /* NULL = all */, bool paused, struct err *e);
bool core_hub_now(const struct core *c, int64_t *wall_ms); /* false: the hub's clock is not known */
/* What a category holds as gone comes back to its folder, instead of being deleted everywhere. */
bool core_bring_back(struct core *c, const char *category, size_t *count, struct err *e);
void core_sync(struct core *c);                    /* scan all, end every debounce */
void core_try_now(struct core *c);                 /* what could not be written is tried at once: somebody asks */
void core_look(struct core *c);                    /* end every debounce, no scan (for `wait`: the watcher was drained) */
bool core_accept_rollback(struct core *c, struct err *e); /* the hub was restored: join it as if new (a union) */
bool core_invite(struct core *c, uint64_t ticket, const uint8_t token_hash[32], int64_t expires_wall_ms, struct err *e);
/* True when that ticket was answered; text is "" when the invite was made, else why not. */
bool core_invited(const struct core *c, uint64_t ticket, const char **text);
bool core_revoke(struct core *c, const char *name, struct err *e);
/* Asks the hub for its head over the live link; core_probed(c) >= ticket once every entry up to then has arrived. */
uint64_t core_probe(struct core *c);
uint64_t core_probed(const struct core *c);

/* The log is being read from far behind: nothing is sent, and nothing is applied, before all of it is here. Committing less
 * often than every turn costs nobody anything then. */
bool core_catching_up(const struct core *c);
bool core_looking(const struct core *c); /* this turn's looks at files were all it may have, and more are due */
/* Nothing is under way or due at once: time for jobs that can wait. Cheap, unlike counts_view.quiet, and less exact. */
bool core_calm(const struct core *c);

/* Views. */
enum link_state { LINK_DISCONNECTED, LINK_CONNECTING, LINK_CONNECTED, LINK_RECONNECTING, LINK_ERROR };
struct link_view {
	enum link_state state;
	uint64_t connection_id;
	const char *error;           /* NULL when none */
	uint32_t attempt;
	int64_t retry_in_ms;         /* -1: none */
	int64_t last_heartbeat_ms;   /* ago; -1: never */
	double rtt_ms;               /* -1: unknown */
	bool caught_up;              /* all that the hub had when it answered our authentication is here */
	uint64_t since_ms;           /* monotonic, of the state */
};
void core_view_link(const struct core *c, struct link_view *v);

struct counts_view {
	size_t outgoing, incoming, conflicts, scanning, debouncing, held;
	size_t unread;               /* of debouncing: looked at, and could not be read; tried again later */
	size_t holding;              /* of outgoing: captured, and waiting for their window, to be joined, or for the rate */
	uint64_t cursor, head;       /* applied; the hub's last known */
	uint64_t bytes_plain;
	int64_t last_synced_ms;
	bool paused, quiet;          /* quiet: nothing to look at, send, confirm, fetch or apply */
};
void core_view_counts(const struct core *c, struct counts_view *v);

struct category_view {
	const char *name;
	size_t items, pending, conflicts;
	size_t left_out;             /* other devices' items that are not brought here: by the rules, or links that lead out */
	uint64_t bytes;
	const char *state;           /* synced, syncing, paused, error */
	bool paused;                 /* it by itself, not with everything */
	size_t lost;                 /* files gone at once, which are deleted nowhere else until a person says so */
	const char *error;           /* NULL, or why */
	int64_t last_change_ms;
};
bool core_view_category(const struct core *c, size_t index, struct category_view *v);

struct queue_view {
	const char *category, *path;
	bool incoming;
	enum change_kind kind;
	enum priority priority;
	const char *state;           /* debouncing, queued, sending, sent, held */
	const char *reason;          /* "" or why it waits */
	uint32_t retry_count;
	uint64_t size_plain, size_wire;
	const char *delta, *compression;
	uint64_t age_ms;
};
size_t core_view_queue(const struct core *c, struct queue_view *out, size_t cap); /* how many there are; fills up to cap */

struct version_view {
	struct id version, device;   /* version zero: deleted */
	int64_t at_ms;
	uint64_t size;
	uint8_t meta;
};
struct conflict_view {
	struct id id;                /* of the side item */
	const char *category, *path, *kind;  /* kind: edit/edit, add/add, type, rollback */
	enum strategy strategy;
	int64_t detected_ms;
	struct version_view mine, theirs, base;
	bool has_base;
	uint32_t hunks;              /* places where both changed differently; 0 also when the contents cannot be compared */
	bool merged_clean;           /* 'resolve --keep auto' would do it */
	const char *unmerged;        /* a literal: why the two cannot be merged at all; NULL: hunks tell */
};
bool core_view_conflict(const struct core *c, size_t index, struct conflict_view *v);
/* The items that have open conflicts, each once, with how many there are of it. */
void core_each_conflict(const struct core *c, void (*each)(void *ctx, const char *category, const char *path, size_t count), void *ctx);

struct peer_view {
	const struct peer_row *row;
	bool online, self;
	uint64_t behind;
};
bool core_view_peer(const struct core *c, size_t index, struct peer_view *v);

const struct item_row *core_find_item(const struct core *c, const char *category, const char *path);
const struct item_row *core_row(const struct core *c, const struct id *item); /* NULL: not known */
/* What an item waits for: state is one of in-sync, debouncing, queued, sending, sent, conflict, paused, offline, held,
 * unknown. reason and next are sentences; next may be "". ITEM and CATEGORY in them stand for the item's, to be filled in. */
struct why_view {
	const char *state;
	char reason[256], next[256];
	int64_t since_ms;            /* wall; 0 unknown */
	uint64_t seq;                /* head: a peer whose cursor reached it has it, */
	struct id author;            /* and so has the device that made it */
	bool here_only;              /* what this device's file holds is not at the hub yet: nobody else has it */
	bool coming;                 /* … and the other way round: the head is not in the file yet */
};
void core_view_why(const struct core *c, const char *category, const char *path, struct why_view *v);

/* Version of a content under the account key: what place verifies with, and what scans of temporary files need. */
struct id core_version_of(const struct core *c, uint8_t meta, struct span content);
struct hash_run *core_version_start(const struct core *c, uint8_t meta, uint64_t len); /* the content's bytes follow */
#endif

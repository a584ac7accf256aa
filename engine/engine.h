/* engine: the process of a device (`syncline run`): one loop, one core, and the world around it.
 *
 *   engine.c          life: lock, start, the turn (gather, step, commit, send), end
 *   state.c           the state on disk and the core made of it: opening, joining, standing still while the disk refuses
 *   system.c          signals, networks, the wall clock and sleep
 *   outside.c         the core's world: files, ledger, versions, link, people
 *   areas.c           the categories' folders: watching, scanning
 *   refusals.c        what stays on this device, and why
 *   control_server.c  the control socket: connections, lines, what waits for an answer, reports
 *   control_verbs.c   what can be asked (control_items.c: about one item; control_waits.c: what is answered later)
 *   report.c          the engine's state as the JSON that people and scripts see
 *   enroll.c          joining a hub
 *
 * This header is theirs; nobody else includes it. */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H
#include "base/map.h"
#include "engine/core/core.h"
#include "engine/intray.h"
#include "engine/io/config.h"
#include "engine/io/files.h"
#include "engine/io/inotify.h"
#include "engine/io/keyring.h"
#include "engine/io/ledger_sqlite.h"
#include "engine/io/scan.h"
#include "engine/io/thinning.h"
#include "engine/io/versions_git.h"
#include "engine/io/websocket.h"
#include "engine/journal.h"
#include "sys/home.h"
#include "sys/loop.h"

struct control_server;
struct enroll;

/* A scan that the core waits for. */
struct asking {
	char *under;
	bool walked;         /* by the job that runs now */
	bool done, complete; /* … and it ended; the core is told in the order in which it asked */
};

/* What is owed to one category's folder. */
#define AREA_OWED 12
struct area {
	char name[CATEGORY_MAX + 1];
	struct asking *asked;
	size_t asked_count, asked_cap;
	char *owed[AREA_OWED + 1]; /* events were lost below these; told to the core while it waits for no scan */
	size_t owed_count;
	struct map refusals; /* path -> struct refused_file, see refusals.c */
	struct map closed;   /* path -> struct closed: folders that could not be read when they were walked last */
	char *again;       /* a part that could not be read now, is looked at again then; NULL: none */
	uint64_t again_ms; /* monotonic */
	unsigned agains;   /* in a row */
	bool polling;     /* events cannot be trusted */
	uint64_t poll_ms; /* monotonic: when it is looked at next */
};

/* Something for the link, kept until the turn is durable. */
enum act_kind { ACT_DIAL, ACT_HANG_UP, ACT_TEXT, ACT_BINARY };
struct act {
	enum act_kind kind;
	struct blob frame;
};

/* Bytes over the last seconds, for the rates shown. */
#define METER_SLOTS   8
#define METER_SLOT_MS 250
struct meter {
	uint64_t slot[METER_SLOTS][2], at; /* at: number of the newest slot */
	uint64_t sent, received;           /* as last seen */
};

struct engine {
	const struct home *home;
	int lock_fd;
	struct loop *loop;
	struct loop_timer *alarm;
	uint64_t now_ms;
	int64_t wall_ms;
	bool ending;

	struct config config;
	struct err config_wrong; /* what the file says since, and cannot be: why is empty while it is this configuration */
	struct keyring keyring;
	struct id former; /* this device's id before it joined: its own history is signed so */
	struct ledger *ledger;
	struct versions *versions;
	struct thinning *thinning;
	bool file_now; /* a person waits for thinning: what is left is filed at once */
	struct versions_size stored; /* as of stored_ms; 0: not measured yet */
	uint64_t stored_ms;
	struct files *files;
	struct watcher *watcher;
	struct loop_watch *watcher_watch;
	bool watcher_more;
	struct scan *scan;
	int refused_part; /* enum refuse_kind, of the large file that is taken in parts, as far as it is read */
	struct area *areas;
	size_t area_count, area_cap;

	struct core *core;
	struct intray trays[2]; /* one is filled while the other is worked off */
	size_t filling, taken;  /* taken: rows of the other one that are done */
	bool stepped;           /* the core was stepped since the last report */

	struct websocket *socket;
	uint64_t link;  /* the connection whose events count */
	bool link_live; /* it was opened and nobody hung up */
	struct act *acts;
	size_t act_count, act_cap;
	size_t act_bytes;                      /* frames in acts: backlog too */
	uint64_t talk;                         /* frames either way that were no mere heartbeats */
	uint64_t sent_before, received_before; /* bytes of earlier runs and sockets */
	struct meter meter;

	uint64_t committed_ms;           /* the last commit: the next may wait, see commit_due */
	bool turn_failed;    /* a write of this turn was refused */
	bool stumbled;       /* the state cannot be written: the core stands still */
	bool stumble_told;   /* a person knows; not told again while it comes and goes */
	char stumble[400];   /* why */
	uint64_t stumble_ms; /* when to try again, or when it is sure to be over */

	uint64_t files_tidy_ms, versions_tidy_ms, thin_ms, roots_ms, full_scan_ms;

	int netlink_fd, clock_fd, signal_fd;
	struct loop_watch *netlink_watch, *clock_watch, *signal_watch;
	int64_t asleep_ms; /* boottime minus monotonic, as last seen */

	struct journal journal;
	struct control_server *control;
	struct resolving *resolving; /* control_settle.c: all conflicts are being settled; NULL: no */
	struct enroll *enroll;
};

/* engine.c */
void engine_gather(struct engine *g, const struct event *e);
void engine_clock(struct engine *g); /* what time it is; also for the core */
void engine_notice(struct engine *g, enum notice_level level, const char *from, const char *item, const char *format,
                   ...) __attribute__((format(printf, 5, 6)));
bool engine_settled(const struct engine *g);         /* nothing is gathered, drained, scanned or owed */
bool engine_thin(struct engine *g, bool reclaim); /* starts a pass, where none runs or one is asked for; false: the hub's clock is not
                                                      known. reclaim: gives all space back, and files what is left */
void engine_drain(struct engine *g);                 /* takes in every event that the kernel has for us */
bool engine_reload(struct engine *g, struct err *e); /* configuration; what was wrong leaves the old one */
void engine_retry(struct engine *g);                 /* dial now, if there is anything to dial */
void engine_forget_gathered(struct engine *g);
struct category_setup *engine_setups(const struct config *c); /* new memory; names are borrowed */

/* state.c */
bool state_open(struct engine *g, struct err *e); /* ledger, core, versions; EVENT_BOOT is gathered */
void state_close(struct engine *g);
void state_booted(struct engine *g);              /* saves this boot's id, with the step of EVENT_BOOT */
bool state_save_category(struct engine *g, const struct category_row *row);
void state_keep_traffic(struct engine *g); /* at the end: bytes counted since the last commit */
bool state_rejoin(struct engine *g, const struct keyring *k, const char *device_name, struct err *e);
/* The disk refused the turn: nothing of it leaves, nothing is believed; it is tried again until it works. */
void state_stumble(struct engine *g);
void state_recover(struct engine *g);
void state_sure(struct engine *g);
const char *engine_hub_url(const struct engine *g);

/* system.c */
void system_open(struct engine *g);
void system_close(struct engine *g);

/* outside.c */
struct world outside_world(struct engine *g);
void outside_open(struct engine *g);        /* files, watcher, scan */
void outside_close(struct engine *g);
void outside_forget(struct engine *g);     /* what a core that is gone had under way, in parts */
bool outside_commit(struct engine *g);     /* false: the turn is lost, nothing of it was kept */
void outside_release(struct engine *g);    /* what waited for the commit goes */
void outside_drop(struct engine *g);       /* … or never happened; the link ends */
bool outside_connect(struct engine *g);    /* makes the socket that the configuration names; false: not joined */
void outside_disconnect(struct engine *g); /* … and ends it; what was held for it is dropped */
void outside_traffic(struct engine *g, struct websocket_traffic *t); /* bytes since ever */

/* areas.c */
void areas_open(struct engine *g);
void areas_close(struct engine *g);
void areas_configure(struct engine *g, const struct config *before); /* roots and watches as g->config says */
bool areas_wanted(void *ctx, const char *category, const char *path,
                  bool folder);                                      /* by the category's rules; ctx: the engine */
void areas_scan(void *ctx, const char *category, const char *under); /* for the core */
void areas_reset(struct engine *g);                                  /* a new core knows of no scan */
bool areas_busy(const struct engine *g);             /* a scan runs or is owed */
bool areas_unread(const struct engine *g);           /* a part could not be read, and is looked at again later */
void areas_start_rescans(struct engine *g);                          /* tells the core what events were lost about */
void areas_poll(struct engine *g, bool now); /* scans of what cannot be watched: those due, or all of them now */
uint64_t areas_poll_deadline(const struct engine *g);
void areas_look_at_all(struct engine *g); /* the slow full scan */

struct area *areas_find(const struct engine *g, const char *category);
size_t areas_closed(const struct engine *g, const char *category); /* folders that cannot be read */

/* refusals.c */
/* files_take for the core: LOOK_UNWANTED for what the category does not allow and is not on every device already. */
enum look refusals_take(struct engine *g, const struct file_ref *f, struct file_stat *stat, struct blob *content);
bool refusals_known(struct engine *g, const struct file_ref *f, const struct file_stat *stat); /* judged so before */
void refusals_drop(struct engine *g, const struct file_ref *f);
void refusals_forget(struct area *a);
size_t refusals_count(const struct engine *g, const char *category);
/* Why a name is no item, or cannot be read: false when there is nothing to say. The words are literals. */
bool refusals_why(struct engine *g, const char *category, const char *path, const char **state, const char **why,
                  const char **next);

/* report.c */
json_t *report_store(struct engine *g); /* how much the versions are; as of half a minute ago at most */
json_t *report_status(struct engine *g, bool steady); /* steady: without what changes while nothing happens */
json_t *report_queue(struct engine *g, size_t cap, size_t *total, bool steady);
json_t *report_conflicts(struct engine *g);
json_t *report_conflict(struct engine *g, const struct conflict_view *v);
json_t *report_devices(struct engine *g, bool steady);
json_t *report_categories(struct engine *g);
const char *report_device_name(struct engine *g, const struct id *device, char hex[ID_HEX]);
void meter_note(struct meter *m, uint64_t now_ms, const struct websocket_traffic *t);
void meter_rates(const struct meter *m, uint64_t now_ms, double *up_bps, double *down_bps);
#endif

/* model: what the engine is doing, as last reported: a pure mirror of the JSON of `status`, `queue`, `conflicts`,
 * `devices`, `categories` and `log`. Reports replace whole parts. Everything is bounded here, once; all texts are raw
 * and go to the screen through ui_text only. */
#ifndef UI_MODEL_H
#define UI_MODEL_H
#include "base/json.h"

#define MODEL_ROWS_MAX 5000
#define MODEL_LOG_MAX  2000
#define MODEL_ID       65 /* of versions, devices and conflicts: longer ones are not ours */

enum link_state { LINK_DISCONNECTED, LINK_CONNECTING, LINK_CONNECTED, LINK_RECONNECTING, LINK_ERROR };
enum quality { QUALITY_UNKNOWN, QUALITY_POOR, QUALITY_FAIR, QUALITY_GOOD, QUALITY_EXCELLENT };

struct model_link {
	enum link_state state;
	char *hub;     /* wss://…, NULL when none is set up */
	char *error;   /* NULL when none */
	char host[80]; /* taken from hub; host_port with its port */
	char host_port[96];
	bool tls;
	int attempt;
	int64_t retry_at_ms; /* by the console's clock, 0: none planned */
	int64_t heard_at_ms; /* when the hub was last heard, 0: never */
	int64_t since_ms;    /* in this state, 0: unknown */
	bool late;           /* the report said so: no heartbeat for one and a half intervals */
	double rtt_ms;       /* < 0: unknown */
	enum quality quality;
};

struct model_queue {
	char *item, *reason;
	bool incoming;
	bool done, fresh; /* while the list is frozen: gone from the engine's queue; come since */
	int rank;         /* the engine's order */
	char kind[12], priority[12], state[16], delta[12], compression[12];
	int retries;
	double size_plain, size_wire;
	int64_t since_ms;
};

struct model_side {
	char version[MODEL_ID];
	char *device;
	int64_t at_ms;
	bool deleted;
};

struct model_conflict {
	char id[MODEL_ID], strategy[12], kind[24];
	char *item;
	int64_t detected_ms;
	struct model_side mine, theirs, base; /* base.version is empty when there is none */
	int hunks;
	bool merged_clean;
};

struct model_device {
	char id[MODEL_ID];
	char *name;
	bool online, is_this;
	int64_t seen_ms, behind;
};

struct model_category {
	char *name, *path, *profile, *error;
	char strategy[12], state[12];
	int64_t items, pending, conflicts, changed_ms;
	double bytes;
};

enum log_level { LEVEL_DEBUG, LEVEL_INFO, LEVEL_WARN, LEVEL_ERROR, LEVEL_ALERT };

struct model_log {
	uint64_t number;
	int64_t at_ms;
	enum log_level level;
	char from[24];
	char *item, *text; /* item may be NULL */
	bool ours;         /* said by this console */
};

struct model {
	bool known; /* a first report came */
	char *device_name;
	struct model_link link;
	double bytes_plain, bytes_sent, bytes_received, rate_up, rate_down;
	int64_t outgoing, incoming, conflicts_open, last_synced_ms;
	char *trouble; /* what keeps the engine from its work, NULL when nothing does */
	bool paused;   /* all of it */
	bool looking;  /* the engine has not looked at everything yet */

	struct model_queue *queue;
	size_t queue_count;
	int64_t queue_total;
	bool queue_frozen;                /* it is being looked at: rows keep their places until model_settle_queue */
	struct model_conflict *conflicts; /* oldest first */
	size_t conflict_count;
	struct model_device *devices;
	size_t device_count;
	struct model_category *categories;
	size_t category_count;
	struct model_log *log; /* oldest first */
	size_t log_count, log_cap;
	uint64_t log_numbers;
	bool log_mixed; /* own lines are older than those to come */
};

void model_finish(struct model *m);
/* Takes a report's "data" (or any object with some of its keys); now is the console's wall clock. */
void model_take(struct model *m, const json_t *report, int64_t now_ms);
/* Puts a frozen queue into the engine's order and drops what is done. */
void model_settle_queue(struct model *m);
size_t model_queue_fresh(const struct model *m);
bool model_queue_unsettled(const struct model *m);
/* Before the first report of a new engine: it sends its log again; the console's own lines stay. */
void model_forget_log(struct model *m);
/* A line of the console's own, so that the Log holds all that was ever said. */
void model_note(struct model *m, int64_t now_ms, enum log_level level, const char *text);

/* "snippets/jq/flatten.jq" is the category snippets and the path jq/flatten.jq; the category is cut to cap. */
const char *model_item_path(const char *item, char *category, size_t cap);
const struct model_conflict *model_find_conflict(const struct model *m, const char *id);
bool model_all_paused(const struct model *m);
#endif

/* view: everything about the console but the terminal, the socket and the clock: what it knows, where the cursor is,
 * what was typed, and what it wants to ask of the engine. Pure: times come in, requests are taken out, screens are
 * drawn on a canvas. A view may be lost at any time; nothing worth keeping is in it. */
#ifndef UI_VIEW_H
#define UI_VIEW_H
#include "ui/canvas.h"
#include "ui/keys.h"
#include "ui/model.h"
#include "ui/verdict.h"
#include "ui/widget/graph.h"
#include "ui/widget/list.h"

enum screen_id {
	SCREEN_HOME,
	SCREEN_QUEUE,
	SCREEN_CONFLICTS,
	SCREEN_CATEGORIES,
	SCREEN_DEVICES,
	SCREEN_TRAFFIC,
	SCREEN_HISTORY,
	SCREEN_LOG,
	SCREEN_COUNT
};

enum home_block { BLOCK_NEEDS, BLOCK_MOVING, BLOCK_CATEGORIES, BLOCK_DEVICES, BLOCK_COUNT };

enum layout { LAYOUT_TINY, LAYOUT_SLIVER, LAYOUT_COMPACT, LAYOUT_STANDARD, LAYOUT_WIDE };

/* One row of any list in a line: what small screens, filters and the plain mode show. */
struct brief {
	const char *mark;
	enum role role;
	const char *text; /* raw; borrowed */
	char fact[160];
	bool faded;
};

struct view;

/* A list of rows of one kind. */
struct lister {
	size_t (*count)(const struct view *v);
	uint64_t (*id)(const struct view *v, size_t i);
	void (*brief)(const struct view *v, size_t i, struct brief *out);
	bool (*shown)(const struct view *v, size_t i); /* NULL: every one is */
};

struct screen {
	const char *title;                                            /* as on its tab */
	const struct lister *lister;                                  /* NULL: no list of its own */
	void (*draw)(struct view *v, struct canvas *c, int y, int h); /* standard and wide layouts, rows y … y+h-1 */
	bool (*act)(struct view *v, enum command command);            /* what only this screen does */
	const enum command *hints; /* of the key row, best first, ends with CMD_NONE */
};

extern const struct screen screen_home, screen_queue, screen_conflicts, screen_categories, screen_devices,
        screen_traffic, screen_history, screen_log;
const struct screen *screen_of(enum screen_id id);

/* A question to the engine, on its way or about to go. */
enum ask_kind { ASK_PLAIN, ASK_SUBSCRIBE, ASK_RESOLVE, ASK_SHOW, ASK_HISTORY, ASK_RESTORE };
struct ask {
	int64_t id; /* 0: not sent yet */
	enum ask_kind kind;
	json_t *request; /* until it is sent */
	char *note;      /* what to say when it is done; of a SHOW the version, of a RESOLVE the item */
	char side;
};

struct decision { /* chosen, not yet applied */
	char id[MODEL_ID], mine[MODEL_ID], theirs[MODEL_ID];
	char side; /* m or t; 0: none */
	bool sent;
};

#define VIEW_TEXTS 24
struct version_text { /* content of a version, as far as a preview needs it */
	char version[MODEL_ID];
	enum { TEXT_ASKED, TEXT_HERE, TEXT_BINARY, TEXT_GONE } state;
	struct blob text;
	double size;
	uint64_t used;
};

struct history_row {
	char version[MODEL_ID], how[12], kind[12];
	char *device, *item;
	int64_t at_ms;
	double size;
};

enum prompt { PROMPT_NONE, PROMPT_FILTER, PROMPT_COMMAND };

struct view {
	struct model model;
	struct rates rates;
	enum attach attach;
	char *socket; /* shown when no one answers there */
	char down_why[400];
	int64_t down_at_ms; /* when the engine was lost, 0: it never was here */
	bool may_start;     /* the engine is ours to start (no --socket) */

	enum screen_id screen;
	int back_to; /* screen to return to when the last conflict is settled, or -1 */
	struct list lists[SCREEN_COUNT], home_lists[BLOCK_COUNT];
	enum home_block block;
	char filters[SCREEN_COUNT][96];
	enum log_level log_level;
	int w, h;    /* of the canvas drawn last */
	size_t page; /* rows of the list drawn last */

	char message[600];
	bool message_is_own; /* else the last line of the log is shown */
	uint64_t said_ms;    /* when it was put there */
	enum prompt prompt;
	char field[96];
	bool help;
	size_t help_top;
	bool pasting;
	size_t pasted;         /* characters ignored of it */
	unsigned blocks_shown; /* of Home, one bit each, as drawn last */

	struct decision decisions[64];
	struct version_text texts[VIEW_TEXTS];
	uint64_t text_clock;
	char *history_item; /* NULL: of everything */
	struct history_row *history;
	size_t history_count;
	bool history_asked;

	struct ask *asks;
	size_t ask_count, ask_cap;

	int64_t now_ms; /* wall */
	uint64_t mono_ms;
	uint64_t unsettled_ms; /* when it was last seen out of step, 0: never */
	uint64_t key_ms;
	enum verdict_kind shown;

	/* What the console, the owner of the outside, is asked to do; it clears them. */
	bool quit, suspend, redraw, start_engine;
	char theme[64];   /* set: change to it */
	bool urgent;      /* the verdict changed: do not wait with painting */
	bool graph_shown; /* the last picture drawn had one */
};

void view_init(struct view *v, const char *socket, bool may_start);
void view_finish(struct view *v);
void view_time(struct view *v, int64_t now_ms, uint64_t mono_ms);
void view_attach(struct view *v, enum attach state, const char *why);
void view_message(struct view *v, const struct json_t *message); /* from the engine: an answer or an event */
/* What arrived in one read: so much at once, of so many kinds, is a paste and not typing. */
void view_keys(struct view *v, const uint32_t *keys, size_t n);
void view_key(struct view *v, uint32_t key);
void view_do(struct view *v, enum command command);
void view_draw(struct view *v, struct canvas *c);
/* Milliseconds until something on the screen changes by itself; -1: nothing will. */
int view_sleep_ms(const struct view *v);

/* The next request to send, or NULL: mark it sent by its id. view_lost forgets those on their way. */
struct ask *view_next_ask(struct view *v);
void view_lost(struct view *v);

/* For screens. */
/* On the message line; what happened goes into the Log too, a hint does not. */
void view_say(struct view *v, const char *format, ...) __attribute__((format(printf, 2, 3)));
void view_hint(struct view *v, const char *format, ...) __attribute__((format(printf, 2, 3)));
struct ask *view_ask(struct view *v, enum ask_kind kind, json_t *request, const char *note);
/* The same for what needs an engine and nothing else: says so where there is none. The request is stolen. */
void view_ask_plain(struct view *v, json_t *request, const char *note);
bool view_online(const struct view *v); /* the engine is here, and has a link to the hub */
bool view_needs_engine(struct view *v); /* false, and said why, when none is there */
enum layout view_layout(const struct view *v);
struct verdict view_verdict(struct view *v);
void view_go(struct view *v, enum screen_id screen);
void view_open_history(struct view *v, const char *item);
void history_forget(struct view *v); /* the rows of the history shown */
struct decision *view_decision(struct view *v, const struct model_conflict *c); /* NULL: none */
void view_decide(struct view *v, const struct model_conflict *c, char side);
void view_apply(struct view *v, const struct model_conflict *c);
/* The content of a version, asked for when it is not known; NULL while it is not. */
const struct version_text *view_text(struct view *v, const char *item, const char *version);

/* The rows of a list that its filter lets through. */
struct rows {
	size_t n;
	size_t *at;
	uint64_t *id;
};
struct rows rows_build(const struct view *v, const struct lister *l, const char *filter);
struct rows rows_of_screen(const struct view *v, enum screen_id id);
void rows_finish(struct rows *r);
bool rows_match(const struct brief *b, const char *filter);
extern const struct lister *const view_block_listers[BLOCK_COUNT]; /* of Home */
/* The list that keys move in, with its rows (finish them) and its cursor; NULL: there is none here. */
struct list *view_list(struct view *v, const struct lister **lister, struct rows *rows);
/* The row under the cursor of a screen's list (or home's current block); false: there is none. */
bool view_cursor(struct view *v, const struct lister **lister, size_t *index);
const struct model_conflict *view_conflict_here(struct view *v);

/* Parts that several screens draw. */
void draw_conflict_row(struct view *v, struct canvas *c, int x, int y, int width, size_t i, bool wide);
void draw_queue_row(struct view *v, struct canvas *c, int x, int y, int width, size_t i, bool wide);
void draw_queue_head(struct canvas *c, int x, int y, int width);
void draw_conflict_head(struct canvas *c, int x, int y, int width);
void draw_preview(struct view *v, struct canvas *c, int x, int y, int width, int h, const struct model_conflict *k);
void draw_log_row(struct view *v, struct canvas *c, int x, int y, int width, size_t i);
void draw_briefs(struct view *v, struct canvas *c, int y, int h, const struct lister *l, const struct rows *rows,
                 struct list *list, bool cursor);
/* The cursor bar on row y from x over the width; also where the terminal's cursor goes. */
void draw_cursor(struct canvas *c, int x, int y, int width);
void draw_help(struct view *v, struct canvas *c);
void draw_down(struct view *v, struct canvas *c, int y, int h);
void draw_first_run(struct view *v, struct canvas *c, int y, int h);

extern const struct lister lister_queue, lister_conflicts, lister_categories, lister_devices, lister_history,
        lister_log;
/* extensions-and-settings is settings where 22 cells or less are there for it. */
const char *short_category(const char *category, int room);
const char *queue_how(const struct model_queue *q);
const char *queue_state(const struct model_queue *q, char out[40]);
#endif

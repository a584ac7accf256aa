/* What commands do: going places, deciding, asking the engine. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ui/view.h"

/* ---- going places ---- */

static void ask_history(struct view *v)
{
	json_t *request = json_pack("{s:s}", "do", "history");
	if (v->history_item)
		json_object_set_new(request, "item", json_string(v->history_item));
	view_ask(v, ASK_HISTORY, request, v->history_item);
}

void view_go(struct view *v, enum screen_id screen)
{
	enum screen_id before = v->screen;
	if (v->screen == SCREEN_QUEUE || screen == SCREEN_QUEUE)
		model_settle_queue(&v->model);
	if (screen != SCREEN_CONFLICTS)
		v->back_to = -1;
	v->screen = screen;
	v->help = false;
	if (screen != SCREEN_HISTORY || v->attach != ATTACH_UP)
		return;
	if (!v->history_asked)
		view_open_history(v, v->history_item);
	else if (before != SCREEN_HISTORY) /* what is there stays until the newer answer */
		ask_history(v);
}

void view_open_history(struct view *v, const char *item)
{
	char *copy = mem_text(item);
	free(v->history_item);
	v->history_item = copy;
	history_forget(v);
	v->history_asked = true;
	v->screen = SCREEN_HISTORY;
	v->lists[SCREEN_HISTORY] = (struct list){ 0 };
	ask_history(v);
}

static void clamp_block(struct view *v, int step)
{
	for (int i = 0; i < BLOCK_COUNT; i++) {
		v->block = (enum home_block)((v->block + BLOCK_COUNT + step) % BLOCK_COUNT);
		if ((v->blocks_shown & 1u << v->block) && view_block_listers[v->block]->count(v))
			return;
	}
}

static void next_block(struct view *v, int step)
{
	enum home_block before = v->block;
	if (v->screen == SCREEN_HOME) {
		clamp_block(v, step);
		if (step > 0 ? v->block > before : v->block < before)
			return;
		v->block = before;
	}
	view_go(v, (enum screen_id)((v->screen + SCREEN_COUNT + step) % SCREEN_COUNT));
	if (v->screen == SCREEN_HOME) {
		v->block = step > 0 ? BLOCK_DEVICES : BLOCK_NEEDS;
		clamp_block(v, step);
	}
}

/* ---- deciding ---- */

struct decision *view_decision(struct view *v, const struct model_conflict *c)
{
	for (size_t i = 0; i < sizeof v->decisions / sizeof *v->decisions; i++)
		if (v->decisions[i].side && !strcmp(v->decisions[i].id, c->id))
			return &v->decisions[i];
	return NULL;
}

void view_decide(struct view *v, const struct model_conflict *c, char side)
{
	struct decision *d = view_decision(v, c);
	for (size_t i = 0; !d && i < sizeof v->decisions / sizeof *v->decisions; i++)
		if (!v->decisions[i].side || !model_find_conflict(&v->model, v->decisions[i].id))
			d = &v->decisions[i];
	if (!d || d->sent)
		return;
	*d = (struct decision){ .side = side };
	strcpy(d->id, c->id);
	strcpy(d->mine, c->mine.version);
	strcpy(d->theirs, c->theirs.version);
	if (side == 'm')
		view_hint(v, "%.200s: mine, of %.60s.  Enter applies it, u takes it back.", c->item,
		          c->mine.device ? c->mine.device : "this device");
	else
		view_hint(v, "%.200s: theirs, of %.60s.  Enter applies it, u takes it back.", c->item,
		          c->theirs.device ? c->theirs.device : "the other device");
}

void view_apply(struct view *v, const struct model_conflict *c)
{
	struct decision *d = view_decision(v, c);
	if (!d || d->sent || !view_needs_engine(v))
		return;
	if (strcmp(d->mine, c->mine.version) || strcmp(d->theirs, c->theirs.version)) {
		d->side = 0;
		view_hint(v, "%.200s changed again since you chose.  Look, then m or t once more.", c->item);
		return;
	}
	d->sent = true;
	json_t *request = json_pack("{s:s,s:s,s:s,s:s,s:s}", "do", "resolve", "item", c->item, "keep",
	                            d->side == 'm' ? "mine" : "theirs", "mine", d->mine, "theirs", d->theirs);
	view_ask(v, ASK_RESOLVE, request, c->item)->side = d->side;
	view_hint(v, "Settling %.300s: %s.", c->item, d->side == 'm' ? "mine" : "theirs");
}

static void settle_oldest(struct view *v)
{
	int from = v->screen == SCREEN_CONFLICTS ? v->back_to : (int)v->screen;
	if (!v->model.conflict_count) {
		view_hint(v, "No conflict waits.");
		return;
	}
	view_go(v, SCREEN_CONFLICTS);
	v->back_to = from;
	v->filters[SCREEN_CONFLICTS][0] = 0;
	for (size_t i = 0; i < v->model.conflict_count; i++) {
		const struct decision *d = view_decision(v, &v->model.conflicts[i]);
		if (d && d->sent)
			continue;
		list_select(&v->lists[SCREEN_CONFLICTS], lister_conflicts.id(v, i));
		break;
	}
	view_hint(v, "m keeps mine, t takes theirs; then Enter settles it.");
}

static void decide_here(struct view *v, char side)
{
	const struct model_conflict *c = view_conflict_here(v);
	if (!c) {
		view_hint(v, v->model.conflict_count ? "No conflict is under the cursor.  c goes to the oldest."
		                                     : "No conflict waits.");
		return;
	}
	if (v->screen == SCREEN_HOME && view_layout(v) != LAYOUT_WIDE) { /* decided where it can be seen */
		uint64_t id = v->home_lists[BLOCK_NEEDS].id;
		view_go(v, SCREEN_CONFLICTS);
		v->back_to = SCREEN_HOME;
		v->filters[SCREEN_CONFLICTS][0] = 0;
		list_select(&v->lists[SCREEN_CONFLICTS], id);
	}
	view_decide(v, c, side);
}

/* ---- commands ---- */

static void open_here(struct view *v)
{
	static const enum screen_id screens[BLOCK_COUNT] = { SCREEN_CONFLICTS, SCREEN_QUEUE, SCREEN_CATEGORIES,
		                                             SCREEN_DEVICES };
	const struct lister *lister;
	size_t i;
	const struct model_conflict *c = view_conflict_here(v);
	const struct decision *d = c ? view_decision(v, c) : NULL;
	if (d) {
		view_apply(v, c);
		return;
	}
	if (v->screen == SCREEN_HOME && view_cursor(v, &lister, &i)) {
		enum home_block block = v->block;
		view_go(v, screens[block]);
		v->filters[v->screen][0] = 0;
		list_select(&v->lists[v->screen], v->home_lists[block].id);
		if (block == BLOCK_NEEDS)
			v->back_to = SCREEN_HOME;
	} else if (c) {
		view_hint(v, "m keeps mine, t takes theirs; then Enter settles it.");
	}
}

static void go_back(struct view *v)
{
	if (v->filters[v->screen][0]) {
		v->filters[v->screen][0] = 0;
		view_hint(v, "Filter cleared.");
	} else if (v->screen == SCREEN_HISTORY && v->history_item) {
		view_open_history(v, NULL);
	} else if (v->screen == SCREEN_HOME) {
		v->quit = true;
	} else {
		view_go(v, v->back_to >= 0 ? (enum screen_id)v->back_to : SCREEN_HOME);
	}
}

static void move(struct view *v, long by)
{
	const struct lister *lister;
	struct rows rows = { 0 };
	struct list *l = view_list(v, &lister, &rows);
	if (l)
		list_move(l, rows.id, rows.n, by);
	if (l && v->screen == SCREEN_LOG && by > 0 && rows.n && l->row + 1 == rows.n)
		l->at_end = true;
	rows_finish(&rows);
}

void view_ask_plain(struct view *v, json_t *request, const char *note)
{
	if (view_needs_engine(v))
		view_ask(v, ASK_PLAIN, request, note);
	else
		json_decref(request);
}

static void toggle_pause(struct view *v)
{
	bool paused = model_all_paused(&v->model);
	view_ask_plain(v, json_pack("{s:s}", "do", paused ? "resume" : "pause"),
	          paused ? "Resumed." : "Paused: nothing is sent or taken in.  P resumes.");
}

static void open_item_history(struct view *v)
{
	const struct lister *lister;
	size_t i;
	if (!view_needs_engine(v) || !view_cursor(v, &lister, &i))
		return;
	if (lister == &lister_conflicts)
		view_open_history(v, v->model.conflicts[i].item);
	else if (lister == &lister_queue)
		view_open_history(v, v->model.queue[i].item);
}

static void start_prompt(struct view *v, enum prompt prompt)
{
	if (prompt == PROMPT_FILTER && !screen_of(v->screen)->lister) {
		view_hint(v, "Nothing to filter here: 2, 3, 4, 5, 7 and 8 are lists.");
		return;
	}
	v->prompt = prompt;
	v->field[0] = 0;
	if (prompt == PROMPT_FILTER)
		strcpy(v->field, v->filters[v->screen]);
}

void view_do(struct view *v, enum command command)
{
	const struct screen *s = screen_of(v->screen);
	long page = v->page ? (long)v->page : 1;
	if (command >= CMD_HOME && command <= CMD_LOG) {
		v->message_is_own = false; /* a hint belongs to the screen it was given on */
		view_go(v, (enum screen_id)(command - CMD_HOME));
		return;
	}
	if (s->act && s->act(v, command))
		return;
	switch (command) {
	case CMD_DOWN:
		move(v, 1);
		break;
	case CMD_UP:
		move(v, -1);
		break;
	case CMD_TOP:
		if (v->screen == SCREEN_QUEUE)
			model_settle_queue(&v->model);
		move(v, -(1L << 40));
		break;
	case CMD_BOTTOM:
		move(v, 1L << 40);
		break;
	case CMD_HALF_DOWN:
		move(v, page / 2 ? page / 2 : 1);
		break;
	case CMD_HALF_UP:
		move(v, -(page / 2 ? page / 2 : 1));
		break;
	case CMD_PAGE_DOWN:
		move(v, page);
		break;
	case CMD_PAGE_UP:
		move(v, -page);
		break;
	case CMD_NEXT_BLOCK:
		next_block(v, 1);
		break;
	case CMD_PREVIOUS_BLOCK:
		next_block(v, -1);
		break;
	case CMD_OPEN:
		open_here(v);
		break;
	case CMD_BACK:
		go_back(v);
		break;
	case CMD_QUIT:
		v->quit = true;
		break;
	case CMD_HELP:
		v->help = true;
		v->help_top = 0;
		break;
	case CMD_PALETTE:
		start_prompt(v, PROMPT_COMMAND);
		break;
	case CMD_FILTER:
		start_prompt(v, PROMPT_FILTER);
		break;
	case CMD_SETTLE:
		settle_oldest(v);
		break;
	case CMD_MINE:
		decide_here(v, 'm');
		break;
	case CMD_THEIRS:
		decide_here(v, 't');
		break;
	case CMD_RETRY:
		view_ask_plain(v, json_pack("{s:s}", "do", "retry"), "Trying the hub again.");
		break;
	case CMD_PAUSE:
		toggle_pause(v);
		break;
	case CMD_ITEM_HISTORY:
		open_item_history(v);
		break;
	case CMD_START:
		if (v->attach == ATTACH_DOWN && v->may_start)
			v->start_engine = true;
		break;
	case CMD_REDRAW:
		v->redraw = true;
		break;
	case CMD_SUSPEND:
		v->suspend = true;
		break;
	default:
		break;
	}
}

/* What a person sees. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "engine/core/coordinator.h"

bool core_catching_up(const struct core *c)
{
	return c->up && !c->caught_up;
}

bool core_looking(const struct core *c)
{
	const struct watched *w = debounce_first(&c->debounce);
	return c->looks >= LIMIT_TURN_LOOKS && w && w->due_ms <= c->now_ms;
}

bool core_calm(const struct core *c)
{
	bool lately = c->up && c->wall_ms >= c->state.last_synced_ms && c->wall_ms - c->state.last_synced_ms < CALM_MS;
	return !lately && !c->flight_count && !c->plans.count && !apply_due(c) && !c->scans && !c->reading.of &&
	       !core_catching_up(c) && core_deadline(c) > c->now_ms;
}

void core_view_link(const struct core *c, struct link_view *v)
{
	link_view(&c->link, v);
	if (c->stopped) {
		v->state = LINK_ERROR;
		v->error = c->stopped;
	}
	v->caught_up = c->caught_up;
}

#define LARGE "it is large, and is read in parts"
#define ROOT_MISSING "its category's folder is missing"
#define LOST_HERE "it is gone here with many others at once: it is deleted nowhere else until you say so"

static const char *held_why(const struct core *c, const struct item *it)
{
	if (it->refused)
		return it->refused;
	if (it->lost && it->category->held)
		return LOST_HERE;
	if (it->trouble)
		return it->trouble;
	if (c->state.paused || it->category->paused)
		return "paused";
	if (!it->category->root_ok)
		return ROOT_MISSING;
	return NULL;
}

/* What is between this item and rest; NULL when nothing is. */
static const char *item_state(const struct core *c, const struct item *it, bool *incoming)
{
	const struct item_row *row = &it->row;
	*incoming = false;
	if (row->side || !it->category->active || it->unwanted)
		return NULL;
	if (!it->in_flight && !it->own_side && id_equal(&row->local, &row->head_version) &&
	    id_equal(&row->local, &row->agreed))
		return NULL; /* nearly all are in step, and this is asked of all */
	struct plan_facts facts = ledger_facts(it);
	enum plan plan = plan_item(&facts);
	*incoming = plan == PLAN_APPLY;
	if (it->in_flight || (it->own_side && it->own_side->in_flight)) {
		const struct item *what = it->in_flight ? it : it->own_side;
		enum sendq_state s = link_progress(&c->link, what->in_flight, NULL);
		return s == SENDQ_SENT ? "sent" : s == SENDQ_SENDING ? "sending" : "queued";
	}
	if (plan == PLAN_NOTHING || plan == PLAN_AGREE)
		return NULL;
	return held_why(c, it) ? "held" : holding_state(it) ? holding_state(it) : "queued";
}

/* It is not on its way anywhere, and yet not as it should be: what this device has of it stays here until somebody
 * acts. */
static bool is_stuck(const struct item *it)
{
	return !it->row.side && it->category->active && !it->unwanted &&
	       (it->refused || (it->lost && it->category->held));
}

/* The newest version of it is on the hub, and not to be brought here. */
static bool is_left_out(const struct item *it)
{
	return it->unwanted && !it->row.side && it->category->active && !id_equal(&it->row.local, &it->row.head_version);
}

/* Another device's second version that a person here chose against, not sent yet. */
static bool unsent_choice(const struct item *it)
{
	return it->row.side && it->main->own_side != it && ledger_side_open(it) && id_zero(&it->row.local);
}

static const struct survey *survey(const struct core *c)
{
	struct survey *s = c->survey;
	if (s->good)
		return s;
	s->good = true;
	s->moving_count = s->asked_count = s->left_count = 0;
	for (size_t i = 0; i < c->ledger.count; i++) {
		struct item *it = c->ledger.all[i];
		bool incoming;
		if (settle_open(it)) {
			MEM_ROOM(s->asked, s->asked_count, s->asked_cap);
			s->asked[s->asked_count++] = it;
		}
		if (is_left_out(it)) {
			MEM_ROOM(s->left_out, s->left_count, s->left_cap);
			s->left_out[s->left_count++] = it;
		}
		if (item_state(c, it, &incoming) || is_stuck(it) || unsent_choice(it)) {
			MEM_ROOM(s->moving, s->moving_count, s->moving_cap);
			s->moving[s->moving_count++] = it;
		}
	}
	return s;
}

void core_view_counts(const struct core *c, struct counts_view *v)
{
	const struct survey *s = survey(c);
	*v = (struct counts_view){
		.conflicts = s->asked_count, .scanning = c->scans, .debouncing = c->debounce.count,
		.cursor = c->state.cursor, .head = c->head, .bytes_plain = c->state.bytes_plain,
		.last_synced_ms = c->state.last_synced_ms, .paused = c->state.paused,
	};
	for (size_t i = 0; i < s->moving_count; i++) {
		bool incoming;
		const char *state = item_state(c, s->moving[i], &incoming);
		v->outgoing += unsent_choice(s->moving[i]);
		if (!state) {
			v->held += is_stuck(s->moving[i]);
			continue;
		}
		v->held += strcmp(state, "held") == 0;
		v->holding += !incoming && holding_why(s->moving[i]) != PACE_NOT;
		if (incoming)
			v->incoming++;
		else
			v->outgoing++;
	}
	for (size_t i = 0; i < c->debounce.count; i++)
		v->unread += c->debounce.heap[i]->tries > 0;
	if (c->up && c->head > c->state.cursor)
		v->incoming += c->head - c->state.cursor;
	bool held = false;
	for (size_t i = 0; i < c->categories.count; i++)
		held = held || (c->categories.all[i]->active && c->categories.all[i]->held);
	v->quiet = !held && !c->scans && !c->debounce.count && !c->flight_count && !v->incoming && !v->outgoing &&
		   !c->plans.count && !apply_due(c) && !c->missing && !receive_busy(c) && c->state.cursor >= c->head;
}

static bool is_large(const struct core *c, const struct watched *w)
{
	return w->waits || c->reading.of == w;
}

/* Is this look owed for something that people wait for, and that is not on its way by itself already? */
static bool is_owed(const struct core *c, const struct watched *w, struct item **it)
{
	bool incoming;
	*it = ledger_find_name(&c->ledger, w->category->name, w->path);
	if (!*it)
		return w->absent_since_ms || w->due_ms > c->now_ms || is_large(c, w);
	if ((*it)->placed && !w->absent_since_ms && !w->tries)
		return false; /* as far as is known it is our own writing that was seen; the look will tell */
	return !item_state(c, *it, &incoming) && !is_stuck(*it);
}

bool core_view_category(const struct core *c, size_t index, struct category_view *v)
{
	const struct category *found = NULL;
	for (size_t i = 0, at = 0; i < c->categories.count && !found; i++)
		if (c->categories.all[i]->active && at++ == index)
			found = c->categories.all[i];
	if (!found)
		return false;
	*v = (struct category_view){
		.name = found->name, .items = found->items, .bytes = found->bytes,
		.error = found->trouble, .paused = found->paused, .last_change_ms = found->last_change_ms,
	};
	const struct survey *s = survey(c);
	for (size_t i = 0; i < s->moving_count; i++) {
		bool incoming;
		if (s->moving[i]->category != found)
			continue;
		v->pending += item_state(c, s->moving[i], &incoming) != NULL;
		v->lost += found->held && s->moving[i]->lost;
	}
	for (size_t i = 0; i < s->asked_count; i++)
		v->conflicts += s->asked[i]->category == found;
	for (size_t i = 0; i < s->left_count; i++)
		v->left_out += s->left_out[i]->category == found;
	for (size_t i = 0; i < c->debounce.count; i++) {
		struct item *it;
		v->pending += c->debounce.heap[i]->category == found && is_owed(c, c->debounce.heap[i], &it);
	}
	v->state = found->trouble || !found->root_ok		       ? "error"
		   : found->paused || c->state.paused		       ? "paused"
		   : v->pending || found->scans			       ? "syncing"
								       : "synced";
	return true;
}

static uint64_t age(const struct core *c, uint64_t since_ms)
{
	return since_ms && since_ms < c->now_ms ? c->now_ms - since_ms : 0;
}

static bool queue_row(const struct core *c, const struct item *it, struct queue_view *q)
{
	bool incoming;
	const char *state = item_state(c, it, &incoming);
	if (!state && !is_stuck(it))
		return false;
	if (!state)
		state = "held";
	const struct item *what = !it->in_flight && it->own_side && it->own_side->in_flight ? it->own_side : it;
	const struct flight *f = what->in_flight ? send_find(c, what->in_flight) : NULL;
	const char *why = held_why(c, it);
	*q = (struct queue_view){
		.category = it->row.category,
		.path = it->path,
		.incoming = incoming,
		.state = state,
		.priority = (enum priority)it->urgency,
		.reason = why ? why : holding_reason(it),
		.delta = "none",
		.compression = "none",
		.size_plain = incoming ? it->row.head_size : it->row.local_stat.size,
		.age_ms = age(c, it->queued_ms),
		.retry_count = incoming ? it->failures : 0,
	};
	if (!why && !c->up)
		q->reason = "offline: it waits safely on this device";
	else if (!why && it->missing)
		q->reason = "its content is asked for";
	else if (!why && packing_why(c, it))
		q->reason = packing_why(c, it);
	q->kind = incoming ? (id_zero(&it->row.head_version) ? KIND_DELETE
			      : id_zero(&it->row.local)      ? KIND_CREATE
							     : KIND_UPDATE)
			   : (id_zero(&it->row.local) || it->lost ? KIND_DELETE
			      : id_zero(&it->row.head_version)    ? moves_kind(c, it)
								  : KIND_UPDATE);
	if (f) {
		q->kind = (enum change_kind)f->row.kind;
		q->size_plain = f->row.size_plain;
		q->size_wire = f->row.record.len;
		q->delta = delta_name(f->row.delta);
		q->compression = codec_name(f->row.compression);
		q->retry_count = f->row.retry_count;
		q->priority = (enum priority)f->row.priority;
	}
	return true;
}

size_t core_view_queue(const struct core *c, struct queue_view *out, size_t cap)
{
	size_t count = 0;
	const struct survey *s = survey(c);
	for (size_t i = 0; i < s->moving_count; i++) {
		struct queue_view q;
		if (!queue_row(c, s->moving[i], &q))
			continue;
		if (count < cap)
			out[count] = q;
		count++;
	}
	for (size_t i = 0; i < c->debounce.count; i++) {
		const struct watched *w = c->debounce.heap[i];
		struct item *it;
		if (!is_owed(c, w, &it))
			continue;
		if (count < cap)
			out[count] = (struct queue_view){
				.category = w->category->name,
				.path = w->path,
				.state = w->tries ? "held" : "debouncing",
				.kind = w->absent_since_ms ? KIND_DELETE
					: it               ? KIND_UPDATE
							   : KIND_CREATE,
				.priority = PRIORITY_NORMAL,
				.size_plain = c->reading.of == w ? c->reading.stat.size
					      : it		 ? it->row.local_stat.size
								 : w->stat.size,
				.reason = w->tries         ? "it cannot be read now"
					  : is_large(c, w) ? LARGE
							   : "it may change again in a moment",
				.delta = "none",
				.compression = "none",
				.age_ms = age(c, w->first_ms),
			};
		count++;
	}
	return count;
}

static struct version_view version_of(const struct core *c, const struct item *it, bool local)
{
	const struct item_row *row = &it->row;
	if (local)
		return (struct version_view){ row->local, c->setup.device,
					      row->local_edited ? body_edited_ms(row->local_edited) : row->local_at_ms,
					      row->local_stat.size, row->local_stat.meta };
	return (struct version_view){ row->head_version, row->head_device, body_edited_ms(row->head_edited),
				      row->head_size, row->head_meta };
}

bool core_view_conflict(const struct core *c, size_t index, struct conflict_view *v)
{
	const struct survey *s = survey(c);
	if (index >= s->asked_count)
		return false;
	const struct item *it = s->asked[index];
	views_conflict(c, it->row.side ? it->main : it, it->row.side ? it : NULL, v);
	return true;
}

void core_each_conflict(const struct core *c,
			void (*each)(void *ctx, const char *category, const char *path, size_t count), void *ctx)
{
	for (size_t i = 0; i < c->ledger.count; i++) {
		const struct item *it = c->ledger.all[i];
		size_t count = !it->row.side && settle_open(it);
		for (const struct item *side = it->sides; side; side = side->next_side)
			count += settle_open(side);
		if (count)
			each(ctx, it->row.category, it->path, count);
	}
}

void views_conflict(const struct core *c, const struct item *main, const struct item *side, struct conflict_view *v)
{
	bool own = !side || main->own_side == side;
	*v = (struct conflict_view){
		.id = side ? side->row.item : ledger_side_id(&c->ledger, &main->row.item, &c->setup.device),
		.category = main->row.category, .path = main->path, .strategy = settle_strategy(c, main),
		.detected_ms = side ? (int64_t)side->row.detected_ms : main->row.local_at_ms,
		.mine = version_of(c, main, true), /* what the file holds, which may be newer than what the hub has of it */
		.theirs = own ? version_of(c, main, false) : version_of(c, side, false),
	};
	if (own && !id_zero(&main->row.want))
		v->theirs.version = main->row.want;
	if (!own && id_equal(&main->row.local, &main->row.head_version))
		v->mine = version_of(c, main, false);
	v->mine.device = c->setup.device; /* whoever wrote it: it is what this device holds */
	v->has_base = settle_base(main, side, &v->base.version);
	v->kind = (v->mine.meta ^ v->theirs.meta) & META_LINK		 ? "type"
		  : own && main->row.hold == HOLD_ROLLBACK		 ? "rollback"
		  : id_zero(own ? &main->row.agreed : &side->row.agreed) ? "add/add"
									 : "edit/edit";
	side = side ? side : main->own_side;
	if (side && side->measure) {
		v->hunks = side->measure->hunks;
		v->merged_clean = side->measure->clean;
		v->unmerged = side->measure->why;
	}
}

bool core_view_peer(const struct core *c, size_t index, struct peer_view *v)
{
	if (index >= c->peer_count)
		return false;
	const struct peer *p = &c->peers[index];
	bool self = id_equal(&p->row.device, &c->setup.device);
	uint64_t cursor = self ? c->state.cursor : p->row.cursor;
	*v = (struct peer_view){ &p->row, self ? c->up : p->online && c->up, self,
				 c->head > cursor ? c->head - cursor : 0 };
	return true;
}

const struct item_row *core_find_item(const struct core *c, const char *category, const char *path)
{
	const struct item *it = ledger_find_name(&c->ledger, category, path);
	return it ? &it->row : NULL;
}

const struct item_row *core_row(const struct core *c, const struct id *item)
{
	const struct item *it = ledger_find(&c->ledger, item);
	return it ? &it->row : NULL;
}

static void tell(struct why_view *v, const char *state, const char *reason, const char *next)
{
	v->state = state;
	snprintf(v->reason, sizeof v->reason, "%s", reason);
	snprintf(v->next, sizeof v->next, "%s", next);
}

void core_view_why(const struct core *c, const char *category, const char *path, struct why_view *v)
{
	*v = (struct why_view){ 0 };
	const struct item *it = ledger_find_name(&c->ledger, category, path);
	const struct category *of = category_find(&c->categories, category);
	const struct watched *w = of ? debounce_find(&c->debounce, of, path) : NULL;
	struct link_view link;
	bool incoming, conflict = false, clean = false;
	const char *unmerged = NULL;
	core_view_link(c, &link);
	v->here_only = true;
	if (w && !w->absent_since_ms && !w->tries) {
		bool large = is_large(c, w);
		tell(v, "debouncing", large ? LARGE : "it changed a moment ago and may change again",
		     large ? "it goes out when all of it is read" : "it is looked at when it rests");
		return;
	}
	if (w && w->tries && it && it->trouble) {
		tell(v, "held", it->trouble, "it is tried again by itself");
		return;
	}
	if (!it || (id_zero(&it->row.local) && id_zero(&it->row.head_version) && !it->refused)) {
		tell(v, "unknown", of && of->active ? "no such file here or on the hub" : "no such category here", "");
		return;
	}
	v->seq = it->row.head_seq;
	v->author = it->row.head_device;
	v->since_ms = it->row.local_at_ms;
	bool settled = false;
	for (const struct item *side = it->sides; side; side = side->next_side) {
		bool opening = side == it->own_side && settle_open(it);
		if (!ledger_side_open(side) && !opening)
			continue;
		if (!opening && !settle_open(side)) {
			settled = true;
			continue;
		}
		conflict = true;
		clean = clean || (side->measure && side->measure->clean);
		v->since_ms = opening ? it->row.local_at_ms : (int64_t)side->row.detected_ms;
		unmerged = side->measure ? side->measure->why : NULL;
	}
	conflict = conflict || settle_open(it);
	struct plan_facts facts = ledger_facts(it);
	enum plan plan = plan_item(&facts);
	v->here_only = it->refused || plan == PLAN_SEND || plan == PLAN_SIDE_PUT || plan == PLAN_RETURN;
	v->coming = plan == PLAN_APPLY || it->lost || is_left_out(it);
	const char *state = item_state(c, it, &incoming);
	const char *held = held_why(c, it);
	char unmerged_words[200];
	snprintf(unmerged_words, sizeof unmerged_words, "it was changed on two devices: both versions are kept; %s",
		 unmerged ? unmerged : "");
	char away[240];
	snprintf(away, sizeof away, "%.160s: nothing is known of it, and nothing is deleted",
		 it->category->trouble ? it->category->trouble : ROOT_MISSING);
	if (conflict)
		tell(v, "conflict",
		     it->row.hold == HOLD_ROLLBACK
			     ? "an older version was written here over another device's change: both are kept"
		     : unmerged ? unmerged_words
				: "it was changed on two devices: both versions are kept",
		     clean ? "syncline resolve ITEM --keep auto (merges the two; mine or theirs keeps one)"
			   : "syncline resolve ITEM --keep mine (or theirs; syncline diff ITEM shows both)");
	else if (it->refused)
		tell(v, "held", it->refused, "make it smaller, or leave it out with an ignore line");
	else if (is_stuck(it))
		tell(v, "held", LOST_HERE,
		     "'syncline restore CATEGORY' brings all of them back; 'syncline resume CATEGORY' deletes them on "
		     "all devices");
	else if (settled && !c->up)
		tell(v, "offline", "its conflict is settled, and that is kept on this device: the hub is not connected",
		     "it goes out when the link is back");
	else if (is_left_out(it))
		tell(v, "left-out",
		     it->row.head_meta & META_LINK
			     ? "it is a link that leads out of its category: it is kept on the hub and not made here"
			     : "what other devices have of it is not brought here: this device's rules leave it out",
		     "");
	else if (!state && settled)
		tell(v, "queued", "its conflict is settled, and that is about to be sent", "");
	else if (!state && !it->category->root_ok)
		tell(v, "held", away, "it is looked at when its category's folder is back");
	else if (!state)
		tell(v, "in-sync", "this device and the hub hold the same", "");
	else if (held)
		tell(v, strcmp(held, "paused") == 0 ? "paused" : "held", held,
		     strcmp(held, "paused") == 0
			     ? it->category->paused ? "run 'syncline resume CATEGORY'" : "run 'syncline resume'"
		     : it->failures ? "it is tried again by itself, ever more rarely; 'syncline sync' tries it now"
				    : "it is tried again by itself");
	else if (holding_state(it)) {
		tell(v, holding_state(it), holding_reason(it), "");
		holding_next(c, it, v->next, sizeof v->next);
	} else if (!c->up)
		tell(v, "offline",
		     c->setup.joined ? "the hub is not connected: the change is safe on this device"
				     : "this device has not joined a hub",
		     c->setup.joined ? "it goes out when the link is back" : "run 'syncline join'");
	else
		tell(v, state,
		     incoming                     ? "a newer version is being brought to the file"
		     : strcmp(state, "sent") == 0 ? "it was sent; the hub has not confirmed it yet"
						  : "it is about to be sent",
		     "");
}

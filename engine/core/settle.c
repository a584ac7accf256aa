/* Both sides changed: what the category's strategy makes of it, what a person makes of it, and taking that back. */
#include "engine/core/settle.h"

#include <stdlib.h>
#include <string.h>

#include "base/mark.h"
#include "base/mem.h"
#include "base/plant.h"
#include "engine/core/coordinator.h"

static const struct id none;

/* ---- what both sides hold ---- */

struct sides { /* of one conflict */
	struct id base, mine, theirs;
};

struct texts {
	struct blob base, mine, theirs;
	uint8_t base_meta, mine_meta, theirs_meta;
};

/* `side` NULL: this device's, which is not open yet (settle_opening). */
static struct sides sides_of(const struct item *main, const struct item *side)
{
	struct sides s = { .mine = main->row.local };
	bool own = !side || side == main->own_side;
	s.theirs = !own ? side->row.head_version : id_zero(&main->row.want) ? main->row.head_version : main->row.want;
	s.base = own ? main->row.agreed : side->row.agreed;
	/* A base that one side still is proves nothing: that side would seem to have changed nothing at all. */
	if ((own && main->row.hold == HOLD_ROLLBACK) || id_equal(&s.base, &s.mine) || id_equal(&s.base, &s.theirs) ||
	    (!own && id_equal(&s.base, &main->row.head_version)))
		s.base = none;
	return s;
}

static void texts_finish(struct texts *t)
{
	blob_finish(&t->base);
	blob_finish(&t->mine);
	blob_finish(&t->theirs);
}

/* Two of them at least; the base only when there is one and it is here. False: a content is not here. */
static bool load(const struct core *c, struct sides *s, struct texts *t)
{
	*t = (struct texts){ 0 };
	if (!id_zero(&s->base) && !c->world.version_get(c->world.ctx, &s->base, &t->base, &t->base_meta))
		s->base = none;
	if ((id_zero(&s->mine) || c->world.version_get(c->world.ctx, &s->mine, &t->mine, &t->mine_meta)) &&
	    (id_zero(&s->theirs) || c->world.version_get(c->world.ctx, &s->theirs, &t->theirs, &t->theirs_meta)))
		return true;
	texts_finish(t);
	return false;
}

/* Without a common base whatever differs is a hunk, and nothing is clean. */
static void compare(const struct item *main, const struct sides *s, const struct texts *t, struct merge *m)
{
	bool link = (t->base_meta | t->mine_meta | t->theirs_meta) & META_LINK;
	enum merge_kind kind = link ? MERGE_KIND_NONE : merge_kind_of(main->category->merge, main->path);
	if (id_zero(&s->base) && kind != MERGE_KIND_NONE)
		kind = MERGE_KIND_TEXT;
	merge_run(m, kind, span_blob(&t->base), span_blob(&t->mine), span_blob(&t->theirs));
}

/* A bit that one side changed is changed; both can only have changed it alike. A link has no other bits: what became
 * one on one side, and executable on the other, is a link. */
static uint8_t merge_meta(const struct texts *t)
{
	uint8_t meta = (uint8_t)((t->mine_meta & t->theirs_meta) | ((t->mine_meta ^ t->theirs_meta) & ~t->base_meta));
	return meta & META_LINK ? META_LINK : meta;
}

/* ---- the file and its record ---- */

enum place_result settle_put(struct core *c, struct item *it, const struct id *version, const struct blob *content,
			     uint8_t meta, enum history_how how)
{
	struct file_stat after = { 0 };
	struct place p = {
		.file = { it->row.category, it->path },
		.item = it->row.item,
		.version = *version,
		.expect_absent = id_zero(&it->row.local),
		.expect_stat = it->row.local_stat,
		.expect_version = it->row.local,
		.content = span_blob(content),
		.meta = meta,
		.mtime_ms = c->wall_ms,
	};
	enum place_result result = apply_place(c, &p, &after);
	if (result == PLACE_CHANGED || result == PLACE_ERROR) { /* after an error it may stand there all the same */
		it->placed = false;
		it->read_ms = 0;
		capture_soon(c, it);
	}
	if (result != PLACE_DONE)
		return result;
	core_set_local(c, it, version, content->len);
	it->row.local_stat = after;
	it->row.local_at_ms = it->read_ms = c->wall_ms;
	it->placed = true;
	it->row.local_edited = core_tick(c);
	it->round = it->category->round; /* a scan under way may have passed its folder already */
	it->how = (uint8_t)how;
	ledger_touch(&c->ledger, it);
	core_history(c, it, version, &c->setup.device, 0, how, id_zero(version) ? KIND_DELETE : KIND_UPDATE,
		     content->len, meta, c->wall_ms);
	core_plan(c, it);
	return PLACE_DONE;
}

/* What the item's file holds by a choice, whoever wrote it. Also what tells an old version from one that comes back. */
void settle_chosen(struct core *c, const struct item *it, const struct id *version, const struct id *by,
		   enum history_how how)
{
	bool head = id_equal(version, &it->row.head_version);
	core_history(c, it, version, by, 0, how, KIND_UPDATE, head ? it->row.head_size : it->row.local_stat.size,
		     head ? it->row.head_meta : it->row.local_stat.meta, c->wall_ms);
}

static void record(struct core *c, const struct item *it, const struct sides *s, const struct id *result,
		   enum history_how how)
{
	struct settlement_row row = {
		.id = core_tick(c), .item = it->row.item, .base = s->base, .mine = s->mine, .theirs = s->theirs,
		.result = *result, .at_ms = c->wall_ms, .how = (uint8_t)how,
	};
	c->world.save_settlement(c->world.ctx, &row);
}

/* ---- strategies ---- */

enum strategy settle_strategy(const struct core *c, const struct item *it)
{
	struct file_ref f = { it->row.category, it->path };
	bool own = it->category->by_path && c->world.strategy_of;
	return own ? (enum strategy)c->world.strategy_of(c->world.ctx, &f) : it->category->strategy;
}

enum verdict { VERDICT_DONE, VERDICT_LATER, VERDICT_ASK };

/* A merge is on record, durably, before the file holds it: one that a crash made us forget would be found as an edit
 * that knew nothing of the head, and be merged with it once more. False: not yet, the turn must be committed first. */
static bool announce(struct core *c, struct item *it, const struct id *version, uint8_t meta, const struct sides *s,
		     const struct merge *m)
{
	if (id_equal(&it->row.merged, version) && id_equal(&it->row.merged_on, &s->theirs))
		return true;
	if (c->world.version_put(c->world.ctx, version, meta, span_blob(&m->result))) {
		it->row.merged = *version;
		it->row.merged_on = s->theirs;
		ledger_touch(&c->ledger, it);
		core_retry(c, it, 1); /* all of a turn has one time: not in this one */
	}
	return false; /* or the turn fails as a whole */
}

/* The file has the head's content and its own edit in one: the edit that goes on top of the head. */
static enum verdict take_merge(struct core *c, struct item *it, const struct sides *s, const struct texts *t,
			       struct merge *m)
{
	uint8_t meta = merge_meta(t);
	struct id version = core_version_of(c, meta, span_blob(&m->result));
	bool carried = id_equal(&it->row.local, &it->row.settled_as);
	if (id_equal(&version, &s->theirs)) { /* all of ours is in it already */
		MARK("settle.nothing_of_ours_was_missing");
		it->row.agreed = s->mine;
		settle_chosen(c, it, &version, &c->setup.device, HOW_MERGE);
	} else if (id_equal(&version, &s->mine)) {
		MARK("settle.nothing_of_theirs_was_missing");
		it->row.agreed = s->theirs;
	} else {
		if (!announce(c, it, &version, meta, s, m))
			return VERDICT_LATER;
		enum place_result result = settle_put(c, it, &version, &m->result, meta, HOW_MERGE);
		if (result == PLACE_CHANGED) {
			MARK("settle.edited_while_merging");
			return VERDICT_LATER;
		}
		if (result != PLACE_DONE) {
			apply_put_off(c, it,
				      "merged with another device's change, but the file cannot be replaced now");
			return VERDICT_LATER;
		}
		MARK("settle.merged");
		it->row.agreed = s->theirs;
		it->row.merged = it->row.merged_on = none;
		it->trouble = NULL;
		it->failures = 0;
		if (carried) {
			MARK("settle.settlement_carried_on");
			it->row.settled_as = version;
		}
		record(c, it, s, &version, HOW_MERGE);
		core_notice(
			c, NOTICE_INFO, "sync", it,
			"changed here and on another device: merged, %zu of this device's changes with %zu of theirs",
			m->taken_mine, m->taken_theirs);
	}
	ledger_touch(&c->ledger, it);
	core_plan(c, it);
	return VERDICT_DONE;
}

static enum verdict merge(struct core *c, struct item *it)
{
	struct sides s = { it->row.agreed, it->row.local, it->row.head_version };
	struct texts t;
	struct merge m;
	enum verdict verdict = VERDICT_ASK;
	if (it->category->merge == MERGE_NONE)
		return VERDICT_ASK;
	if (!load(c, &s, &t))
		return VERDICT_ASK;
	if (!id_zero(&s.base)) {
		compare(it, &s, &t, &m);
		if (m.outcome == MERGE_CLEAN)
			verdict = take_merge(c, it, &s, &t, &m);
		merge_finish(&m);
	}
	texts_finish(&t);
	return verdict;
}

/* Later edit wins, by the hub's clock. An edit whose time nobody can vouch for does not beat what the hub accepted
 * first. */
static enum verdict newest(struct core *c, struct item *it)
{
	struct sides s = { it->row.agreed, it->row.local, it->row.head_version };
	core_date(c, it);
	uint64_t mine = it->row.local_edited, theirs = it->row.head_edited;
	bool sure = core_time_sure(mine) && core_time_sure(theirs);
	int64_t now;
	if (core_hub_now(c, &now) &&
	    (body_edited_ms(theirs) > now + CLOCK_AHEAD_MS || body_edited_ms(mine) > now + CLOCK_AHEAD_MS))
		sure = false;
	if (PLANTED("settle.newest_by_arrival"))
		sure = false;
	bool keep_mine = sure && (mine != theirs ? mine > theirs : id_order(&s.mine, &s.theirs) > 0);
	if (!sure)
		MARK("settle.time_not_known");
	else if (keep_mine)
		MARK("settle.newest_is_mine");
	else
		MARK("settle.newest_is_theirs");
	it->row.agreed = keep_mine ? s.theirs : s.mine;
	settle_chosen(c, it, keep_mine ? &s.mine : &s.theirs, &c->setup.device, HOW_NEWEST);
	record(c, it, &s, keep_mine ? &s.mine : &s.theirs, HOW_NEWEST);
	core_notice(c, NOTICE_INFO, "sync", it,
		    "changed here and on another device: the %s edit stands, %s is in the history",
		    sure ? "newer" : "first accepted", keep_mine ? "the other device's" : "this device's");
	ledger_touch(&c->ledger, it);
	core_plan(c, it);
	return VERDICT_DONE;
}

static enum verdict judge(struct core *c, struct item *it)
{
	struct plan_facts facts = ledger_facts(it);
	enum strategy strategy = settle_strategy(c, it);
	if (!plan_may_settle(&facts) || strategy == STRATEGY_ASK)
		return VERDICT_ASK;
	if (it->in_flight || (it->own_side && it->own_side->in_flight) || it->row.head_seq < it->await_seq)
		return VERDICT_LATER; /* planned again with the answer */
	if (!core_may_work(c, it) || it->retry_ms > c->now_ms)
		return VERDICT_LATER;
	if (!receive_content(c, it))
		return VERDICT_LATER;
	return strategy == STRATEGY_MERGE ? merge(c, it) : newest(c, it);
}

bool settle_asks(const struct core *c, const struct item *it)
{
	struct plan_facts facts = ledger_facts(it);
	return !plan_may_settle(&facts) || settle_strategy(c, it) == STRATEGY_ASK ||
	       (id_equal(&it->rare->asked_local, &it->row.local) &&
		id_equal(&it->rare->asked_head, &it->row.head_version));
}

bool settle_try(struct core *c, struct item *it)
{
	if (settle_asks(c, it))
		return false;
	if (judge(c, it) != VERDICT_ASK)
		return true;
	ledger_rare(it)->asked_local = it->row.local;
	ledger_rare(it)->asked_head = it->row.head_version;
	return false;
}

/* The crash came behind the place: the edit that was found is the merge. */
static bool found_merge(struct core *c, struct item *it, const struct id *version)
{
	if (id_zero(&it->row.merged))
		return false;
	bool found = id_equal(version, &it->row.merged);
	if (found) {
		MARK("settle.merge_found_after_a_crash");
		struct sides s = { it->row.agreed, it->row.local, it->row.merged_on };
		it->row.agreed = it->row.merged_on;
		record(c, it, &s, version, HOW_MERGE);
	}
	it->row.merged = it->row.merged_on = none; /* else it is an edit of its own */
	return found;
}

/* ---- the rollback guard ---- */

void settle_captured(struct core *c, struct item *it, const struct id *version, uint8_t meta, struct span content)
{
	struct blob before = { 0 };
	uint8_t before_meta;
	if (found_merge(c, it, version))
		return;
	if (id_zero(&it->row.local) || id_zero(&it->row.head_version) || id_equal(version, &it->row.head_version) ||
	    !content.len)
		return; /* an empty file says nothing of where it came from */
	if (!c->world.version_has(c->world.ctx, version) ||
	    !c->world.came_back(c->world.ctx, &it->row.item, version, &it->row.agreed))
		return;
	/* A bit changed back is no old content. */
	bool bits = it->row.local_stat.size == content.len &&
		    c->world.version_get(c->world.ctx, &it->row.local, &before, &before_meta) && before_meta != meta &&
		    span_equal(span_blob(&before), content);
	blob_finish(&before);
	if (bits)
		return;
	MARK("settle.rollback_held");
	it->row.hold = HOLD_ROLLBACK;
	core_notice(c, NOTICE_ALERT, "sync", it,
		    "an older version was written over another device's change: held until somebody chooses");
}

/* ---- looking ---- */

/* Chosen here, and not yet confirmed by the hub: by the plan it goes by itself. */
static bool settled_here(const struct item *side)
{
	const struct item *main = side->main;
	struct plan_facts facts = ledger_facts(main);
	enum plan plan = plan_item(&facts);
	if (main->own_side == side)
		return plan == PLAN_SEND || plan == PLAN_AGREE || plan == PLAN_SIDE_DROP;
	bool chosen = id_equal(&main->row.settles, &side->row.item) &&
		      id_equal(&main->row.settled, &side->row.head_version) &&
		      id_equal(&main->row.settled_as, &main->row.local);
	return id_zero(&side->row.local) || (chosen && plan == PLAN_SEND);
}

bool settle_opening(const struct item *main)
{
	struct plan_facts facts = ledger_facts(main);
	enum plan plan = plan_item(&facts);
	return main->row.hold != HOLD_NONE && !facts.side_open && !id_zero(&main->row.local) &&
	       (plan == PLAN_RETURN || plan == PLAN_SIDE_PUT);
}

bool settle_open(const struct item *it)
{
	return it->row.side ? ledger_side_open(it) && !settled_here(it)
			    : it->row.hold != HOLD_NONE && settle_opening(it);
}

/* The one that is settled next; the main item itself where that is still to be opened. Last of all one that was settled
 * here and not sent yet: a person may think again. NULL: none. */
static struct item *conflict_of(struct item *main)
{
	struct item *oldest = NULL, *settled = NULL;
	if (main->own_side && settle_open(main->own_side))
		return main->own_side;
	if (settle_open(main))
		return main;
	for (struct item *side = main->sides; side; side = side->next_side)
		if (settle_open(side) && (!oldest || side->row.detected_ms < oldest->row.detected_ms))
			oldest = side;
	for (struct item *side = main->sides; side && !oldest; side = side->next_side)
		if (ledger_side_open(side) && (!settled || side == main->own_side))
			settled = side;
	return oldest ? oldest : settled;
}

static void measure(struct core *c, struct item *side)
{
	struct sides s = sides_of(side->main, side);
	struct measure *known = side->measure;
	struct texts t;
	struct merge m;
	if (known && id_equal(&known->base, &s.base) && id_equal(&known->mine, &s.mine) &&
	    id_equal(&known->theirs, &s.theirs))
		return;
	if (!known)
		known = side->measure = mem_alloc(sizeof *known);
	*known = (struct measure){ .base = s.base, .mine = s.mine, .theirs = s.theirs };
	if (!load(c, &s, &t)) {
		known->mine = none; /* looked at again when it is planned again */
		return;
	}
	compare(side->main, &s, &t, &m);
	known->hunks = (uint32_t)m.hunk_count;
	known->clean = m.outcome == MERGE_CLEAN && !id_zero(&s.base);
	known->why = m.outcome == MERGE_REFUSED ? m.why : NULL;
	merge_finish(&m);
	texts_finish(&t);
}

void settle_measure(struct core *c, struct item *main)
{
	if (settle_open(main))
		measure(c, ledger_add_side(&c->ledger, main, &c->setup.device, true));
	for (struct item *side = main->sides; side; side = side->next_side)
		if (ledger_side_open(side))
			measure(c, side);
}

bool settle_base(const struct item *main, const struct item *side, struct id *base)
{
	*base = sides_of(main, side).base;
	return !id_zero(base);
}

/* ---- a person ---- */

static struct item *named(const struct core *c, const char *category, const char *path, struct err *e)
{
	struct item *it = ledger_find_name(&c->ledger, category, path);
	if (it)
		return it;
	char *what = mem_printf("%s/%s", category, path);
	err_set(e, what, "'syncline history' lists the items", "no such item");
	free(what);
	return NULL;
}

static bool fails(struct err *e, const struct item *it, const char *fix, const char *why)
{
	char *what = mem_printf("%s/%s", it->row.category, it->path);
	err_set(e, what, fix, "%s", why);
	free(what);
	return false;
}

static bool put_or_fail(struct core *c, struct item *it, const struct id *version, const struct blob *content,
			uint8_t meta, enum history_how how, struct err *e)
{
	enum place_result result = settle_put(c, it, version, content, meta, how);
	if (result == PLACE_CHANGED)
		return fails(e, it, "look at it and decide again", "the file changed just now");
	if (result != PLACE_DONE)
		return fails(e, it, "mend that and try again",
			     result == PLACE_FULL     ? "the disk is full"
			     : result == PLACE_DENIED ? "permission denied"
						      : "the file cannot be replaced now");
	it->urgency = PRIORITY_CRITICAL;
	return true;
}

/* A version of the store into the file. */
static bool put_version(struct core *c, struct item *it, const struct id *version, enum history_how how, struct err *e)
{
	struct blob content = { 0 };
	uint8_t meta = 0;
	if (!id_zero(version) && !c->world.version_get(c->world.ctx, version, &content, &meta))
		return fails(e, it, "another device may have it: run 'syncline history' there",
			     "that version's content is not on this device");
	bool done = put_or_fail(c, it, version, &content, meta, how, e);
	blob_finish(&content);
	return done;
}

bool core_restore(struct core *c, const char *category, const char *path, const struct id *version, struct err *e)
{
	struct item *it = named(c, category, path, e);
	if (!it || !put_version(c, it, version, HOW_RESTORE, e))
		return false;
	core_finish(c);
	return true;
}

/* What a choice makes of the conflict: a content. False with e set. */
static bool make_content(const struct item *it, const struct sides *s, const struct texts *t,
			 const struct decision *choice, struct blob *out, uint8_t *meta, struct err *e)
{
	enum merge_choice *choices = NULL;
	const char *why = "it has no clean merge";
	struct merge m;
	bool done;
	*meta = id_zero(&s->base) ? t->mine_meta : merge_meta(t);
	if (choice->keep == KEEP_CONTENT) {
		*out = blob_copy(choice->content.data, choice->content.len);
		return true;
	}
	if (choice->keep == KEEP_AUTO && id_zero(&s->base))
		return fails(e, it, "choose mine, theirs or both",
			     "the two versions have no common original to merge from");
	compare(it, s, t, &m);
	if (m.outcome == MERGE_REFUSED) {
		done = fails(e, it, "choose mine or theirs", m.why ? m.why : "it cannot be merged");
		merge_finish(&m);
		return done;
	}
	if (choice->keep == KEEP_CHOICES && choice->count != m.hunk_count) {
		merge_finish(&m);
		return fails(e, it, "ask for its hunks again", "the number of choices is not the number of hunks");
	}
	if (choice->keep != KEEP_CHOICES) {
		choices = mem_alloc((m.hunk_count + 1) * sizeof *choices);
		for (size_t i = 0; i < m.hunk_count; i++)
			choices[i] = CHOICE_BOTH;
	}
	if (m.outcome == MERGE_CLEAN) {
		done = true;
		*out = blob_copy(m.result.data, m.result.len);
	} else {
		done = choice->keep != KEEP_AUTO &&
		       merge_settle(&m, choices ? choices : choice->choices, m.hunk_count, out, &why);
	}
	free(choices);
	merge_finish(&m);
	return done || fails(e, it, "choose mine or theirs", why);
}

static bool make_result(struct core *c, struct item *it, struct sides *s, const struct decision *choice,
			struct id *result, struct err *e)
{
	struct texts t;
	struct blob content = { 0 };
	uint8_t meta;
	if (choice->keep == KEEP_MINE || choice->keep == KEEP_THEIRS) {
		*result = choice->keep == KEEP_MINE ? s->mine : s->theirs;
		return id_equal(result, &it->row.local) || put_version(c, it, result, HOW_SETTLE, e);
	}
	if (choice->keep == KEEP_ORIGINAL) {
		*result = s->base;
		if (id_zero(&s->base))
			return fails(e, it, "choose mine or theirs", "the two versions have no common original");
		return put_version(c, it, result, HOW_SETTLE, e);
	}
	if (!load(c, s, &t))
		return fails(e, it, "wait until it is here, and decide again",
			     "a version's content is not on this device");
	bool done = make_content(it, s, &t, choice, &content, &meta, e);
	if (done) {
		*result = core_version_of(c, meta, span_blob(&content));
		done = c->world.version_put(c->world.ctx, result, meta, span_blob(&content)) &&
		       (id_equal(result, &it->row.local) || put_or_fail(c, it, result, &content, meta, HOW_SETTLE, e));
	}
	texts_finish(&t);
	blob_finish(&content);
	return done;
}

static void drop_others(struct core *c, struct item *it)
{
	for (struct item *side = it->sides; side; side = side->next_side) {
		if (side == it->own_side || !ledger_side_open(side))
			continue;
		side->row.local = none;
		side->urgency = PRIORITY_CRITICAL;
		ledger_touch(&c->ledger, side);
		core_plan(c, side);
	}
}

bool core_resolve(struct core *c, const char *category, const char *path, const struct decision *choice, struct err *e)
{
	struct item *it = named(c, category, path, e), *side = it ? conflict_of(it) : NULL;
	struct id result;
	if (!it)
		return false;
	if (!side)
		return fails(e, it, "'syncline conflicts' lists what waits", "it has no conflict");
	side = side == it ? NULL : side;
	bool own = !side || side == it->own_side;
	/* Else what is chosen would be made of what the file held before, and give way to the head. */
	if (!own && !id_equal(&it->row.agreed, &it->row.head_version)) {
		MARK("settle.head_comes_first");
		return fails(e, it, "'syncline why' says what it waits for; look at it then, and decide again",
			     "a newer version of another device is not in the file yet");
	}
	struct sides s = sides_of(it, side);
	if ((!id_zero(&choice->mine) && !id_equal(&choice->mine, &s.mine)) ||
	    (!id_zero(&choice->theirs) && !id_equal(&choice->theirs, &s.theirs)))
		return fails(e, it, "look at it and decide again",
			     "one of the two versions has changed since it was shown");
	if (!make_result(c, it, &s, choice, &result, e))
		return false;
	bool mine = id_equal(&result, &s.mine);
	if (mine) /* else the file's replacement is in the history by itself */
		settle_chosen(c, it, &result, &c->setup.device, HOW_SETTLE);
	record(c, it, &s, &result, HOW_SETTLE);
	it->row.hold = HOLD_NONE;
	it->row.want = none;
	it->how = HOW_SETTLE;
	it->urgency = PRIORITY_CRITICAL;
	if (own)
		it->row.agreed = it->row.head_version;
	if (side && (own || !mine)) {
		it->row.settles = side->row.item;
		it->row.settled = side->row.head_version;
		it->row.settled_as = result;
	}
	if (mine)
		drop_others(c, it);
	ledger_touch(&c->ledger, it);
	core_plan(c, it);
	core_finish(c);
	return true;
}

bool settle_readable(const struct core *c, const struct id *version)
{
	struct blob content;
	uint8_t meta;
	if (!c->world.version_get(c->world.ctx, version, &content, &meta))
		return false;
	blob_finish(&content);
	return true;
}

bool core_undo(struct core *c, const struct settlement_row *row, struct err *e)
{
	struct item *it = ledger_find(&c->ledger, &row->item);
	struct settlement_row done = *row;
	if (!it || it->row.side)
		return err_set(e, "undo", NULL, "the item is no longer known");
	bool at_hub = id_equal(&it->row.head_version, &row->result),
	     waits = id_equal(&it->row.head_version, &row->theirs);
	if (!id_equal(&it->row.local, &row->result) || (!at_hub && !waits))
		return fails(e, it, "'syncline restore' brings an older version back",
			     "it has changed since it was settled");
	if (id_zero(&row->mine) || id_zero(&row->theirs))
		return fails(e, it, "'syncline restore' brings an older version back",
			     "one of the two sides was a deletion");
	if (!id_equal(&row->theirs, &it->row.head_version) && !settle_readable(c, &row->theirs))
		return fails(e, it, "another device may have it", "the other version's content is not on this device");
	if (!id_equal(&row->mine, &it->row.local) && !put_version(c, it, &row->mine, HOW_UNDO, e))
		return false;
	if (id_equal(&row->mine, &row->result))
		settle_chosen(c, it, &row->mine, &c->setup.device, HOW_UNDO);
	it->row.agreed = row->base;
	it->row.hold = HOLD_ASKED;
	it->row.want = row->theirs;
	it->row.settles = it->row.settled = it->row.settled_as = none;
	it->urgency = PRIORITY_CRITICAL;
	for (struct item *side = it->sides; side; side = side->next_side) {
		side->row.local = side->row.head_version; /* what the settlement wished away stays */
		ledger_touch(&c->ledger, side);
	}
	ledger_touch(&c->ledger, it);
	done.undone = true;
	c->world.save_settlement(c->world.ctx, &done);
	core_notice(c, NOTICE_INFO, "sync", it, "a settlement was taken back: the conflict is open again");
	core_plan(c, it);
	core_finish(c);
	return true;
}

bool core_compare(const struct core *c, const char *category, const char *path, struct comparison *out, struct err *e)
{
	struct item *it = named(c, category, path, e), *side = it ? conflict_of(it) : NULL;
	struct texts t;
	*out = (struct comparison){ 0 };
	if (!it)
		return false;
	if (!side)
		return fails(e, it, "'syncline conflicts' lists what waits", "it has no conflict");
	side = side == it ? NULL : side;
	struct sides s = sides_of(it, side);
	views_conflict(c, it, side, &out->view);
	if (!load(c, &s, &t))
		return fails(e, it, "wait until it is here", "a version's content is not on this device");
	out->view.has_base = !id_zero(&s.base);
	compare(it, &s, &t, &out->merge);
	out->base = t.base;
	out->mine = t.mine;
	out->theirs = t.theirs;
	return true;
}

void comparison_finish(struct comparison *x)
{
	merge_finish(&x->merge);
	blob_finish(&x->base);
	blob_finish(&x->mine);
	blob_finish(&x->theirs);
}

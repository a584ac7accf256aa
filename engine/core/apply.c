/* What is planned is done: heads come to files, local versions get in line to be sent. */
#include <stdlib.h>
#include <string.h>

#include "base/mark.h"
#include "base/plant.h"
#include "engine/core/coordinator.h"

#define QUIET_PLANS 8 /* with more to do than that, single files are not worth a line in the log */

static bool gated(const struct core *c)
{
	if (PLANTED("apply.before_it_is_caught_up"))
		return c->stopped;
	/* half a history would show conflicts that the other half settles */
	return c->stopped || (c->up && !c->caught_up);
}

static uint64_t backoff(struct item *it)
{
	uint32_t step = it->failures < 6 ? it->failures : 6;
	it->failures++;
	return 5000u << step;
}

void apply_put_off(struct core *c, struct item *it, const char *why)
{
	bool news = it->failures == 0 || it->trouble != why;
	it->trouble = why;
	if (!PLANTED("apply.put_off_for_ever"))
		core_retry(c, it, backoff(it));
	if (news)
		core_notice(c, NOTICE_WARN, "sync", it, "waits: %s", why);
}

/* Room comes back when somebody makes it, however long that took: no growing pauses, but one try for all that is as
 * large. */
static bool no_room(const struct core *c, const struct item *it)
{
	return !id_zero(&it->row.head_version) && c->now_ms < it->category->full_ms &&
	       it->row.head_size >= it->category->full_bytes;
}

static void await_room(struct core *c, struct item *it)
{
	static const char *const full = "the disk is full";
	bool news = it->trouble != full;
	it->trouble = full;
	core_retry(c, it, it->category->full_ms - c->now_ms);
	if (news)
		core_notice(c, NOTICE_WARN, "sync", it, "waits: %s", full);
}

static void placed(struct core *c, struct item *it, const struct file_stat *after)
{
	struct id head = it->row.head_version;
	ledger_verify(it, &head);
	core_set_local(c, it, &head, it->row.head_size);
	it->row.agreed = head;
	it->row.hold = HOLD_NONE;
	it->row.local_stat = *after;
	it->row.local_edited = it->row.head_edited;
	it->row.local_at_ms = it->read_ms = c->wall_ms;
	it->placed = true;
	guard_found(c, it);
	it->refused = NULL;
	it->how = HOW_REMOTE;
	it->round = it->category->round; /* a scan under way may have passed its folder already */
	it->failures = 0;
	it->trouble = NULL;
	it->queued_ms = 0;
	it->category->last_change_ms = c->wall_ms;
	ledger_touch(&c->ledger, it);
	if (c->plans.count < QUIET_PLANS && id_zero(&head))
		core_notice(c, NOTICE_INFO, "sync", it, "deleted, as on another device");
	else if (c->plans.count < QUIET_PLANS)
		core_notice(c, NOTICE_INFO, "sync", it, "received, %llu B", (unsigned long long)it->row.head_size);
	struct watched *w = debounce_find(&c->debounce, it->category, it->path);
	if (w && id_zero(&head))
		capture_drop(c, w);
	core_plan(c, it);
}

enum place_result apply_place(struct core *c, const struct place *p, struct file_stat *after)
{
	enum place_result result;
	do
		result = c->world.place(c->world.ctx, p, after);
	while (result == PLACE_MORE);
	return result;
}

/* Only the application that is under way stops between parts. */
static enum place_result place_some(struct core *c, struct item *it, const struct place *p, struct file_stat *after)
{
	struct application *a = &c->application;
	if (it != a->item)
		return apply_place(c, p, after);
	enum place_result result = c->world.place(c->world.ctx, p, after);
	a->placing = result == PLACE_MORE;
	return result;
}

/* True: a part of it, and the next one in another turn. */
static bool place_head(struct core *c, struct item *it, const struct place *p)
{
	struct file_stat after = { 0 };
	switch (place_some(c, it, p, &after)) {
	case PLACE_MORE:
		return true;
	case PLACE_DONE:
		placed(c, it, &after);
		break;
	case PLACE_CHANGED: /* an edit that nobody had told us of: it is captured first, then both are weighed */
		MARK("apply.place_changed");
		if (PLANTED("apply.calls_a_changed_file_placed")) {
			placed(c, it, &it->row.local_stat);
			break;
		}
		it->placed = false;
		it->read_ms = 0;
		capture_soon(c, it);
		break;
	case PLACE_BLOCKED:
		MARK("apply.place_blocked");
		apply_put_off(c, it, "a folder or special file stands in its place");
		break;
	case PLACE_UNWANTED:
		it->unwanted = true;
		core_notice(c, NOTICE_INFO, "sync", it,
			    "not brought to this device: its rules leave it out, or it is a link that leads out");
		break;
	case PLACE_FULL:
		MARK("apply.place_full");
		it->category->full_ms = c->now_ms + APPLY_FULL_MS;
		it->category->full_bytes = it->row.head_size;
		await_room(c, it);
		break;
	case PLACE_DENIED:
		MARK("apply.place_denied");
		apply_put_off(c, it, "permission denied");
		break;
	default: /* it may have come as far as to stand there: as after a crash, see ledger_passed */
		it->verified = false;
		ledger_passed(it, &it->row.head_version);
		it->placed = false;
		it->read_ms = 0;
		capture_soon(c, it);
		apply_put_off(c, it, "it cannot be written now");
		break;
	}
	return false;
}

struct work {
	struct item *it;
	struct place place;
	struct blob content; /* empty for a large one: that is the application's */
	bool apply;
};

/* Large contents */

static void forget(struct core *c)
{
	struct application *a = &c->application;
	if (a->placing && c->world.place_drop)
		c->world.place_drop(c->world.ctx);
	if (a->content.len > c->setup.part_bytes) {
		blob_finish(&a->spent);
		a->spent = a->content;
		a->content = (struct blob){ 0 };
	}
	blob_finish(&a->content);
	a->item = NULL;
	a->whole = a->placing = false;
}

bool apply_due(const struct core *c)
{
	return c->application.item || c->application.waiting.count || c->application.spent.data;
}

void apply_finish(struct core *c)
{
	blob_finish(&c->application.content);
	blob_finish(&c->application.spent);
	free(c->application.waiting.ring);
}

/* Where a large file is replaced or goes, that takes parts too: it is read once more. */
static bool is_large(const struct core *c, const struct item *it)
{
	const struct item_row *row = &it->row;
	return (!id_zero(&row->head_version) && row->head_size > c->setup.part_bytes) ||
	       (!id_zero(&row->local) && row->local_stat.size > c->setup.part_bytes);
}

/* It is the one under way, or becomes that, or waits. */
static bool has_turn(struct core *c, struct item *it)
{
	struct application *a = &c->application;
	if (a->item == it || (!a->item && a->part_ms != c->now_ms))
		return true;
	if (!it->waits) {
		MARK("apply.large_waits_for_another");
		it->waits = true;
		queue_push(&a->waiting, it);
	}
	return false;
}

/* True: all of the content is here, and it is this step's to place a part of it. */
static bool prepare_large(struct core *c, struct item *it)
{
	struct application *a = &c->application;
	if (!has_turn(c, it))
		return false;
	if (a->item && !id_equal(&a->version, &it->row.head_version) && !PLANTED("apply.goes_on_with_an_older_head")) {
		MARK("apply.large_gives_way_to_a_newer_head");
		forget(c);
	}
	a->wanted = true;
	a->item = it;
	a->version = it->row.head_version;
	if (!core_part(c, &a->part_ms))
		return false;
	if (a->whole || id_zero(&a->version))
		return true;
	enum got got = core_read_version(c, &a->version, &a->content, &a->meta);
	if (got == GOT_NOTHING) {
		forget(c);
		receive_content(c, it);
	}
	a->whole = got == GOT_ALL;
	return a->whole && a->content.len <= c->setup.part_bytes;
}

/* Once a turn, whose steps have one time: the one under way goes on, or the next one begins. */
static void plan_large(struct core *c)
{
	struct application *a = &c->application;
	a->wanted = false;
	if (c->stopped && a->item)
		forget(c);
	if (a->part_ms == c->now_ms)
		return;
	if (a->spent.data && core_part(c, &a->part_ms)) {
		blob_finish(&a->spent);
	} else if (a->item) {
		core_plan(c, a->item);
	} else if (a->waiting.count) {
		struct item *next = queue_pop(&a->waiting);
		next->waits = false;
		core_plan(c, next);
	}
}

/* It was planned, and is not to be placed now: it is paused, edited, told otherwise by the log, put off. */
static void let_go(struct core *c, const struct item *it)
{
	struct application *a = &c->application;
	if (a->item != it || a->wanted)
		return;
	if (a->placing)
		MARK("apply.large_let_go_between_parts");
	forget(c);
}

static void prepare(struct core *c, struct work *w)
{
	struct item *it = w->it;
	struct item_row *row = &it->row;
	struct application *a = &c->application;
	uint8_t meta = row->head_meta;
	if (!core_may_work(c, it) || it->retry_ms > c->now_ms)
		return;
	if (no_room(c, it)) {
		await_room(c, it);
		return;
	}
	bool large = is_large(c, it);
	if (large && !prepare_large(c, it))
		return;
	if (!large && !id_zero(&row->head_version) &&
	    !c->world.version_get(c->world.ctx, &row->head_version, &w->content, &meta)) {
		receive_content(c, it);
		return;
	}
	if (large && a->whole)
		meta = a->meta;
	w->apply = true;
	w->place = (struct place){
		.file = { row->category, row->path },
		.item = row->item,
		.version = row->head_version,
		.expect_absent = id_zero(&row->local),
		.expect_stat = row->local_stat,
		.expect_version = row->local,
		.content = span_blob(large ? &a->content : &w->content),
		.meta = meta,
		.mtime_ms = row->head_mtime_ms,
	};
}

/* A wish about another device's side item: gone, where a person settled the conflict for the main item. */
static void plan_side(struct core *c, struct item *side)
{
	if ((side->missing || ledger_side_open(side)) && side->retry_ms <= c->now_ms)
		receive_content(c, side); /* asked for until it comes; a restart forgets that it is missing */
	if (side->main->own_side == side) {
		core_plan(c, side->main);
		return;
	}
	if (ledger_side_open(side) && id_zero(&side->row.local))
		send_wish(c, side);
}

static void plan_one(struct core *c, struct work *w)
{
	struct item *it = w->it;
	struct plan_facts facts = ledger_facts(it);
	enum plan plan = plan_item(&facts);
	if (it->rare->keyframe_due_ms && it->rare->keyframe_due_ms <= c->now_ms)
		send_wish(c, it);
	if (it->row.side) {
		plan_side(c, it);
		return;
	}
	/* What the ledger says of a file may be older than the file: a crash, a backup put back, edits while we were
	 * off. */
	bool verified = it->verified || PLANTED("apply.believes_the_ledger_after_boot");
	if (!verified && plan != PLAN_NOTHING && plan != PLAN_AGREE &&
	    (plan != PLAN_APPLY || !id_zero(&it->row.local))) {
		MARK("apply.looked_at_first_after_boot");
		if (core_may_work(c, it))
			capture_soon(c, it);
		return;
	}
	if (!id_zero(&it->row.want) && id_equal(&it->row.want, &it->row.head_version) && !it->in_flight) {
		it->row.want = (struct id){ { 0 } };
		ledger_touch(&c->ledger, it);
	}
	bool needless = id_equal(&it->row.local, &it->row.head_version) || plan == PLAN_SEND;
	if (it->missing && needless) { /* the file came to hold it by itself, or goes on from it */
		c->missing--;
		it->missing = false;
		it->trouble = NULL;
	}
	if (it->row.hold != HOLD_NONE)
		settle_measure(c, it);
	switch (plan) {
	case PLAN_NOTHING:
		it->queued_ms = 0;
		/* Both versions of a conflict must be here for whoever settles it. */
		if (it->missing || (ledger_side_open(it->own_side) && !id_zero(&it->row.head_version)))
			receive_content(c, it);
		settle_measure(c, it);
		break;
	case PLAN_SIDE_PUT:
		if (!settle_try(c, it))
			send_wish(c, it);
		break;
	case PLAN_AGREE:
		it->row.agreed = it->row.head_version;
		it->row.hold = HOLD_NONE;
		it->trouble = NULL;
		ledger_touch(&c->ledger, it);
		core_plan(c, it);
		break;
	case PLAN_APPLY:
		if (!it->in_flight) /* else the head is about to move: planned again with the answer */
			prepare(c, w);
		else
			MARK("apply.waits_for_own_answer");
		break;
	default:
		send_wish(c, it);
		break;
	}
}

bool apply_run(struct core *c)
{
	enum { BATCH = 256, STAGE = 8 };
	struct work work[BATCH];
	uint64_t bytes = 0;
	plan_large(c);
	for (size_t done = 0; c->plans.count && !gated(c);) {
		size_t count = 0, applies = 0;
		if (done >= LIMIT_TURN_ITEMS || bytes >= LIMIT_TURN_BYTES)
			return false;
		while (count < BATCH && c->plans.count && bytes < LIMIT_TURN_BYTES) {
			struct work *w = &work[count];
			*w = (struct work){ .it = queue_pop(&c->plans) };
			w->it->planned = false;
			plan_one(c, w);
			let_go(c, w->it);
			bytes += w->content.len + (w->it == c->application.item ? c->setup.part_bytes : 0);
			applies += w->apply;
			count += w->apply;
			done++;
		}
		if (applies > STAGE && c->world.stage) {
			for (size_t i = 0; i < count; i++)
				if (!id_zero(&work[i].place.version) && work[i].it != c->application.item)
					c->world.stage(c->world.ctx, &work[i].place);
			c->world.stage_sync(c->world.ctx);
			MARK("apply.batch_staged");
		}
		for (size_t i = 0; i < count; i++) {
			bool more = false;
			if (no_room(c, work[i].it))
				await_room(c, work[i].it);
			else
				more = place_head(c, work[i].it, &work[i].place);
			if (!more && work[i].it == c->application.item)
				forget(c);
			blob_finish(&work[i].content);
		}
	}
	return true;
}

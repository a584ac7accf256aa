/* What is captured and may not go out yet: see change/pace.h for the rules, and moves.c for names that wait to be told
 * a rename. Held is only the sending; the bytes are safe. */
#include <stdio.h>
#include <string.h>

#include "base/mark.h"
#include "base/mem.h"
#include "engine/core/change/differ.h"
#include "engine/core/coordinator.h"

static struct pace_rule rule_of(const struct item *it)
{
	const struct category *of = it->category;
	return (struct pace_rule){ of->debounce_ms, of->max_wait_ms, of->min_change_bytes, of->max_changes_per_minute };
}

void holding_edit(struct core *c, struct item *it)
{
	struct pace_rule rule = rule_of(it);
	if (!it->holding)
		it->holding = mem_alloc(sizeof *it->holding);
	pace_edit(&it->holding->pace, &rule, c->now_ms);
}

void holding_sent(struct core *c, struct item *it)
{
	if (it->holding)
		pace_sent(&it->holding->pace, c->now_ms);
}

/* How far the file is from what was last sent; what is created, deleted, made executable, or large (to compare two such is a
 * long turn) counts as a whole. */
static uint64_t distance(struct core *c, const struct item *it, const struct id *sent)
{
	struct holding *h = it->holding;
	struct blob before = { 0 }, after = { 0 };
	uint8_t before_meta = 0, after_meta = 0;
	uint64_t least = it->category->min_change_bytes;
	if (id_zero(sent) || id_zero(&it->row.local) || it->row.local_stat.size > LIMIT_PART_BYTES)
		return UINT64_MAX;
	if (id_equal(&h->measured, &it->row.local))
		return h->changed;
	h->changed = UINT64_MAX;
	if (c->world.version_get(c->world.ctx, &it->row.local, &after, &after_meta) &&
	    c->world.version_get(c->world.ctx, sent, &before, &before_meta) && before_meta == after_meta &&
	    before.len < after.len + least && after.len < before.len + least)
		h->changed = differ_bytes(span_blob(&before), span_blob(&after));
	h->measured = it->row.local;
	blob_finish(&before);
	blob_finish(&after);
	return h->changed;
}

static void list(struct core *c, struct item *it, enum pace_why why, uint64_t until_ms)
{
	struct holding *h = it->holding;
	h->why = why;
	h->until_ms = until_ms;
	if (until_ms < c->held_ms)
		c->held_ms = until_ms;
	if (h->listed)
		return;
	h->listed = true;
	MEM_ROOM(c->held, c->held_count, c->held_cap);
	c->held[c->held_count++] = it;
}

void holding_release(struct core *c, struct item *it)
{
	if (!it->holding || !it->holding->listed)
		return;
	it->holding->until_ms = c->now_ms;
	c->held_ms = c->now_ms;
}

void holding_prove(struct core *c, struct item *it, uint32_t ms)
{
	if (!it->holding)
		it->holding = mem_alloc(sizeof *it->holding);
	it->holding->stays_ms = c->now_ms + ms;
}

/* Things are swapped, and set aside for a moment, by names that nobody else ever needs to see. */
static bool passes_through(struct core *c, struct item *it)
{
	struct holding *h = it->holding;
	if (!h->stays_ms)
		return false;
	if (id_zero(&it->row.head_version) && !id_zero(&it->row.local)) {
		if (h->stays_ms > c->now_ms && !c->hurry) {
			list(c, it, PACE_MOVE, h->stays_ms);
			return true;
		}
		if (it->lost) { /* gone with many others: a person is asked */
			list(c, it, PACE_MOVE, c->now_ms + it->category->max_wait_ms);
			return true;
		}
		if (capture_absent(c, it)) {
			MARK("holding.name_only_passed_through");
			list(c, it, PACE_MOVE, c->now_ms + CHANGE_GONE_MS);
			return true;
		}
	}
	h->stays_ms = 0;
	return false;
}

bool holding_keeps(struct core *c, struct item *it, const struct id *sent)
{
	struct holding *h = it->holding;
	uint64_t until_ms, changed = UINT64_MAX;
	if (!h || it->urgency == PRIORITY_CRITICAL)
		return false;
	if (moves_open(c, it)) {
		list(c, it, PACE_MOVE, c->now_ms + CHANGE_GONE_MS);
		return true;
	}
	if (passes_through(c, it))
		return true;
	if (c->hurry) {
		holding_release(c, it);
		return false;
	}
	struct pace_rule rule = rule_of(it);
	if (pace_weighs(&h->pace, &rule, c->now_ms))
		changed = distance(c, it, sent);
	enum pace_why why = pace_why(&h->pace, &rule, changed, c->now_ms, &until_ms);
	if (why == PACE_NOT) {
		holding_release(c, it);
		return false;
	}
	if (why == PACE_WINDOW)
		MARK("holding.window");
	else if (why == PACE_SMALL)
		MARK("holding.small");
	else
		MARK("holding.rate");
	list(c, it, why, until_ms);
	return true;
}

void holding_run(struct core *c)
{
	size_t kept = 0;
	if (c->held_ms > c->now_ms)
		return;
	c->held_ms = UINT64_MAX;
	for (size_t i = 0; i < c->held_count; i++) {
		struct item *it = c->held[i];
		if (it->holding->until_ms > c->now_ms) {
			if (it->holding->until_ms < c->held_ms)
				c->held_ms = it->holding->until_ms;
			c->held[kept++] = it;
			continue;
		}
		it->holding->listed = false;
		core_plan(c, it);
	}
	c->held_count = kept;
}

void holding_end(struct core *c)
{
	c->hurry = true;
	for (size_t i = 0; i < c->held_count; i++)
		c->held[i]->holding->until_ms = c->now_ms;
	if (c->held_count)
		c->held_ms = c->now_ms;
}

enum pace_why holding_why(const struct item *it)
{
	return it->holding && it->holding->listed ? it->holding->why : PACE_NOT;
}

const char *holding_state(const struct item *it)
{
	enum pace_why why = holding_why(it);
	return why == PACE_NOT ? NULL : why == PACE_WINDOW || why == PACE_MOVE ? "debouncing" : "held";
}

const char *holding_reason(const struct item *it)
{
	switch (holding_why(it)) {
	case PACE_WINDOW:
		return id_zero(&it->row.local)
			       ? "it was deleted just after it was sent: what comes within the window goes as one"
			       : "it changed again just after it was sent: what comes within the window goes as one";
	case PACE_SMALL:
		return "a small change in a burst waits to be joined with the next";
	case PACE_RATE:
		return "it changed more often than the limit a minute: changes collapse into one";
	case PACE_MOVE:
		return "it looks renamed: its names must rest for a moment";
	default:
		return "";
	}
}

void holding_next(const struct core *c, const struct item *it, char *out, size_t cap)
{
	uint64_t until = it->holding->until_ms, left = until > c->now_ms ? until - c->now_ms : 0;
	snprintf(out, cap, "it goes by itself in %llu.%llu s at most; 'syncline sync' sends it now",
		 (unsigned long long)left / 1000, (unsigned long long)left % 1000 / 100);
}

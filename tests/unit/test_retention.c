/* Which versions stay: words, tables, a plain reference for random histories, and that thinning often gives what
 * thinning once gives. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "engine/core/category/retention.h"

#define HOUR 3600000LL
#define DAY  (24 * HOUR)
#define NOW  (20000 * DAY + 13 * HOUR + 7)

static struct retention rule(const char *text)
{
	struct retention r;
	const char *why = "";
	cr_assert(retention_parse(text, &r, &why), "'%s': %s", text, why);
	return r;
}

static void refused(const char *text, const char *word)
{
	struct retention r;
	const char *why = "";
	cr_assert_not(retention_parse(text, &r, &why), "'%s' was taken", text);
	cr_assert(strstr(why, word), "'%s': %s", text, why);
}

static void written(const char *text, const char *wanted)
{
	struct retention r = rule(text);
	struct buf out = { 0 };
	retention_write(&r, &out);
	cr_assert_str_eq(buf_text(&out), wanted);
	struct retention again = rule(buf_text(&out));
	cr_assert(!memcmp(&again, &r, sizeof r));
	buf_finish(&out);
}

Test(retention, words)
{
	written(RETENTION_DEFAULT, RETENTION_DEFAULT);
	written("forever", "forever");
	written("  week forever ,all 12h", "all 12h, week forever");
	written("last 3", "last 3");
	written("day\t366d", "day 366d");
	refused("", "empty");
	refused("years 3", "neither");
	refused("al 3d", "neither");
	refused("last", "number");
	refused("last -1", "number");
	refused("last 1000000", "number");
	refused("all", "age");
	refused("all 0", "age");
	refused("all 367d", "age");
	refused("all 3d more", "age");
	refused("all 3d, hour 3d", "further");
	refused("day 3d, hour 4d", "further");
	refused("all forever, day forever", "further");
}

/* Ages in hours, the oldest first; '.' stays and 'x' goes. */
static void decided(const char *words, const char *wanted, const double *hours)
{
	struct retention r = rule(words);
	struct retention_version v[32] = { { 0 } };
	size_t count = strlen(wanted);
	char got[33] = "";
	for (size_t i = 0; i < count; i++)
		v[i].at_ms = NOW - (int64_t)(hours[i] * (double)HOUR);
	retention_decide(&r, v, count, NOW);
	for (size_t i = 0; i < count; i++)
		got[i] = v[i].drop ? 'x' : '.';
	cr_assert_str_eq(got, wanted, "%s: %s, wanted %s", words, got, wanted);
}

Test(retention, tables)
{
	/* It is 13:00: the hours of the day before began 13 to 37 hours ago. */
	const double ages[] = { 400, 399, 60, 59.5, 40, 38, 14, 3.5, 3.2, 0.5, 0.4, 0.1 };
	decided("forever", "............", ages);
	decided("all 20d", "............", ages);
	decided("last 1", "xxxxxxxxxxx.", ages);
	decided("last 3", "xxxxxxxxx...", ages);
	decided("all 1h", "xxxxxxxxx...", ages);
	decided("all 1h, hour 4h", "xxxxxxxx....", ages);
	decided("all 1h, day 4d", "xxx.x.x.x...",
		(const double[]){ 400, 399, 70, 65, 60, 37.5, 14.5, 13.5, 3.2, 0.5, 0.4, 0.1 });
	decided("week forever", "x.xxxx.xxxx.",
		(const double[]){ 400, 399, 60, 59.5, 40, 39, 38, 3.5, 3.2, 0.5, 0.4, 0.1 });
	retention_decide(&(struct retention){ .last = 0 }, NULL, 0, NOW);
}

Test(retention, what_is_needed_stays)
{
	struct retention r = rule("last 1");
	struct retention_version v[4] = {
		{ 1, false, false }, { 2, true, false }, { 3, false, false }, { 4, false, false }
	};
	retention_decide(&r, v, 4, NOW);
	cr_assert(v[0].drop && !v[1].drop && v[2].drop && !v[3].drop);
}

/* A clock that was ahead: its versions count as what came next. One that was behind: as what came before. */
Test(retention, wrong_clocks_keep_longer)
{
	const double ahead[] = { 100, -90000, 0.5, 0.1 }, behind[] = { 0.6, 90000, 80000, 0.1 },
		     all_ahead[] = { -5, -4, -9 };
	decided("all 1h", "x...", ahead);
	decided("all 1h", "....", behind);
	decided("all 1h", "...", all_ahead);
}

/* ---- random histories ---- */

static struct retention draw_rule(struct rng *r)
{
	struct retention rule = { .last = (uint32_t)rng_below(r, 2) ? (uint32_t)rng_below(r, 6) : 0 };
	int64_t before = 0;
	for (int i = 0; i < RETENTION_GRAINS; i++)
		if (rng_below(r, 3)) {
			before += 1 + (int64_t)rng_below(r, (uint64_t)(20 * DAY));
			rule.until_ms[i] = rng_below(r, 8) ? before : RETENTION_EVER;
			if (rule.until_ms[i] == RETENTION_EVER)
				break;
		}
	return rule;
}

static size_t draw_history(struct rng *r, struct retention_version v[64])
{
	size_t count = rng_below(r, 64);
	int64_t at = NOW - 60 * DAY;
	for (size_t i = 0; i < count; i++) {
		at += (int64_t)rng_below(r, rng_below(r, 2) ? (uint64_t)HOUR : (uint64_t)(2 * DAY));
		v[i] = (struct retention_version){ .at_ms = at, .needed = !rng_below(r, 9) };
	}
	return count;
}

/* As the header says it, version by version. */
static bool stays(const struct retention *r, const struct retention_version *v, size_t count, size_t i, int64_t now)
{
	static const int64_t lengths[] = { 1, HOUR, DAY, 7 * DAY };
	int64_t age = now - v[i].at_ms;
	if (i + 1 == count || i + r->last >= count || v[i].needed)
		return true;
	for (int g = 0; g < RETENTION_GRAINS; g++) {
		if (age >= r->until_ms[g])
			continue;
		for (size_t k = i + 1; k < count && g; k++)
			if (v[k].at_ms / lengths[g] == v[i].at_ms / lengths[g])
				return false;
		return true;
	}
	return false;
}

Test(retention, random_histories_against_the_reference)
{
	struct retention_version v[64];
	struct rng r;
	size_t kept = 0, dropped = 0;
	rng_seed(&r, 30);
	for (int round = 0; round < 20000; round++) {
		struct retention rule = draw_rule(&r);
		size_t count = draw_history(&r, v);
		int64_t now = count ? v[count - 1].at_ms + (int64_t)rng_below(&r, (uint64_t)(30 * DAY)) : NOW;
		retention_decide(&rule, v, count, now);
		for (size_t i = 0; i < count; i++) {
			cr_assert_eq(!v[i].drop, stays(&rule, v, count, i, now), "round %d, version %zu", round, i);
			kept += !v[i].drop;
			dropped += v[i].drop;
		}
	}
	cr_assert(kept > 100000 && dropped > 100000, "%zu %zu", kept, dropped);
}

/* Thinned again and again while versions come: the same stay as when thinned once, and, with a number of versions to
 * keep, at least those. */
Test(retention, often_is_as_once)
{
	struct retention_version all[64], left[64];
	size_t from[64], more = 0;
	struct rng r;
	rng_seed(&r, 31);
	for (int round = 0; round < 20000; round++) {
		struct retention rule = draw_rule(&r);
		size_t count = draw_history(&r, all), n = 0;
		bool thinned[64] = { false };
		if (!count)
			continue;
		for (size_t i = 0; i < count; i++) {
			left[n] = all[i];
			from[n++] = i;
			int64_t now = all[i].at_ms + (int64_t)rng_below(&r, (uint64_t)DAY);
			if (rng_below(&r, 3) || (i + 1 < count && now > all[i + 1].at_ms))
				continue;
			retention_decide(&rule, left, n, now);
			size_t kept = 0;
			for (size_t k = 0; k < n; k++) {
				thinned[from[k]] = left[k].drop;
				if (!left[k].drop)
					left[kept] = left[k], from[kept++] = from[k];
			}
			n = kept;
		}
		int64_t now = all[count - 1].at_ms + 3 * DAY;
		retention_decide(&rule, left, n, now);
		for (size_t k = 0; k < n; k++)
			thinned[from[k]] = left[k].drop;
		retention_decide(&rule, all, count, now);
		for (size_t i = 0; i < count; i++) {
			cr_assert(all[i].drop || !thinned[i], "round %d: %zu is missing", round, i);
			cr_assert(rule.last || all[i].drop == thinned[i], "round %d: %zu is left", round, i);
			more += all[i].drop && !thinned[i];
		}
	}
	cr_assert_lt(more, 20000);
}

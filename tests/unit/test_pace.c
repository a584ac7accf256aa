/* When an edit may go out, how far contents are apart: values only. */
#include <criterion/criterion.h>
#include <string.h>

#include "engine/core/change/differ.h"
#include "engine/core/change/pace.h"

static const struct pace_rule notes = {
	.debounce_ms = 2000, .max_wait_ms = 30000, .min_change_bytes = 50, .max_per_minute = 30
};

static enum pace_why ask(const struct pace *p, uint64_t changed, uint64_t now_ms, uint64_t *until)
{
	return pace_why(p, &notes, changed, now_ms, until);
}

Test(pace, a_lone_edit_goes_at_once_however_small)
{
	struct pace p = { 0 };
	uint64_t until;
	pace_edit(&p, &notes, 10000);
	cr_expect_eq(ask(&p, 1, 10000, &until), PACE_NOT);
	pace_sent(&p, 10000);
	pace_edit(&p, &notes, 12000); /* quiet again */
	cr_expect_eq(ask(&p, 1, 12000, &until), PACE_NOT);
}

Test(pace, what_follows_goes_as_one_when_the_window_ends)
{
	struct pace p = { 0 };
	uint64_t until;
	pace_edit(&p, &notes, 10000);
	pace_sent(&p, 10000);
	for (uint64_t at = 10100; at < 12000; at += 100) {
		pace_edit(&p, &notes, at);
		cr_expect_eq(ask(&p, UINT64_MAX, at, &until), PACE_WINDOW);
		cr_expect_eq(until, 12000, "the window is not prolonged");
	}
	cr_expect_eq(ask(&p, UINT64_MAX, 12000, &until), PACE_NOT);
	pace_sent(&p, 12000);
	cr_expect_eq(ask(&p, UINT64_MAX, 12001, &until), PACE_NOT, "nothing is left");
	pace_edit(&p, &notes, 12500);
	cr_expect_eq(ask(&p, UINT64_MAX, 12500, &until), PACE_WINDOW);
	cr_expect_eq(until, 14000);
}

Test(pace, a_small_change_in_a_burst_waits_until_the_check_and_no_longer)
{
	struct pace p = { 0 };
	uint64_t until;
	pace_edit(&p, &notes, 10000);
	pace_sent(&p, 10000);
	pace_edit(&p, &notes, 10500);
	cr_expect_not(pace_weighs(&p, &notes, 11999));
	cr_expect(pace_weighs(&p, &notes, 12000));
	cr_expect_eq(ask(&p, 49, 12000, &until), PACE_SMALL);
	cr_expect_eq(until, 40500);
	pace_edit(&p, &notes, 11900); /* more of the burst does not put it off */
	cr_expect_eq(ask(&p, 49, 12000, &until), PACE_SMALL);
	cr_expect_eq(until, 40500);
	cr_expect_eq(ask(&p, 50, 12000, &until), PACE_NOT, "joined to the smallest change");
	cr_expect_eq(ask(&p, 49, 40500, &until), PACE_NOT, "held, never dropped");
	pace_edit(&p, &notes, 20000); /* a lone one takes it along */
	cr_expect_eq(ask(&p, 49, 20000, &until), PACE_NOT);
}

Test(pace, never_more_than_so_many_in_any_minute)
{
	struct pace p = { 0 };
	uint64_t sent[4000], until;
	size_t count = 0;
	for (uint64_t at = 10000; at < 600000; at += 150) {
		pace_edit(&p, &(struct pace_rule){ .debounce_ms = 100, .max_wait_ms = 30000, .max_per_minute = 7 }, at);
		if (pace_why(&p, &(struct pace_rule){ .debounce_ms = 100, .max_wait_ms = 30000, .max_per_minute = 7 },
			     UINT64_MAX, at, &until) == PACE_NOT) {
			pace_sent(&p, at);
			sent[count++] = at;
		}
	}
	cr_expect_geq(count, 9 * 7, "%zu", count);
	for (size_t i = 7; i < count; i++)
		cr_assert_geq(sent[i] - sent[i - 7], 60000, "changes %zu to %zu", i - 7, i);
}

Test(pace, a_long_rest_forgives_everything)
{
	struct pace p = { 0 };
	uint64_t until;
	for (int i = 0; i < 30; i++)
		pace_sent(&p, 10000 + (uint64_t)i);
	pace_edit(&p, &notes, 11000);
	cr_expect_eq(ask(&p, UINT64_MAX, 11000, &until), PACE_RATE);
	cr_expect(until >= 70000 && until <= 75000);
	cr_expect_eq(ask(&p, UINT64_MAX, until, &until), PACE_NOT);
	pace_edit(&p, &notes, UINT64_C(86400000) * 400);
	cr_expect_eq(ask(&p, UINT64_MAX, UINT64_C(86400000) * 400, &until), PACE_NOT);
}

static uint64_t differ(const char *a, const char *b)
{
	return differ_bytes(span_text(a), span_text(b));
}

Test(differ, counts_what_changed_not_how_large_the_file_is)
{
	cr_expect_eq(differ("", ""), 0);
	cr_expect_eq(differ("abc", "abc"), 0);
	cr_expect_eq(differ("abc", "abXc"), 1);
	cr_expect_eq(differ("aaaa", "aaa"), 1);
	cr_expect_eq(differ("a-----b", "A-----B"), 2, "of equal length: the bytes that differ");
	cr_expect_eq(differ("", "four"), 4);
	cr_expect_eq(differ("abcabc", "abcabcabc"), 3);
}

Test(differ, recognises_a_file_that_was_edited)
{
	static const char *const was = "one line of text\ntwo lines of text\nthree lines of text\nfour lines\n";
	static const char *const edited =
		"one line of text\ntwo lines of text\nthree lines of text\nfive lines, and more\n";
	cr_expect_eq(differ_alike(span_text(was), span_text(was)), 100);
	cr_expect_geq(differ_alike(span_text(was), span_text(edited)), DIFFER_ALIKE);
	cr_expect_lt(
		differ_alike(span_text(was), span_text("another thing\nof which nothing\nstands above, nor below\n")),
		10);
	cr_expect_eq(differ_alike(span_text(was), span_text("")), 0);
}

/* What differs between two versions, in words. */
#include <criterion/criterion.h>
#include <git2.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "engine/core/conflict/diff.h"

static void start(void)
{
	cr_assert_geq(git_libgit2_init(), 0);
}

TestSuite(diff, .init = start);

static void shows(enum merge_kind kind, const char *from, const char *to, const char *wanted)
{
	struct diff d;
	struct buf out = { 0 };
	diff_make(&d, kind, span_text(from), span_text(to));
	diff_write(&out, &d);
	cr_assert_str_eq(buf_text(&out), wanted);
	buf_finish(&out);
	diff_finish(&d);
}

Test(diff, text_as_unified_hunks)
{
	shows(MERGE_KIND_TEXT, "a\nb\n", "a\nb\n", "");
	shows(MERGE_KIND_TEXT, "1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nx\n6\n7\n8\n9\n",
	      "@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+x\n 6\n 7\n 8\n");
	shows(MERGE_KIND_TEXT, "", "a\nb\n", "@@ -0,0 +1,2 @@\n+a\n+b\n");
	shows(MERGE_KIND_TEXT, "a\n", "", "@@ -1 +0,0 @@\n-a\n");
	shows(MERGE_KIND_TEXT, "a", "a\n", "@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n");
	shows(MERGE_KIND_TEXT, "a\nb\nc\nd\ne\nf\ng\nh\ni\n", "A\nb\nc\nd\ne\nf\ng\nH\ni\n",
	      "@@ -1,9 +1,9 @@\n-a\n+A\n b\n c\n d\n e\n f\n g\n-h\n+H\n i\n");
	shows(MERGE_KIND_TEXT, "a\nb\nc\nd\ne\nf\ng\nh\ni\n", "A\nb\nc\nd\ne\nf\ng\nh\nI\n",
	      "@@ -1,4 +1,4 @@\n-a\n+A\n b\n c\n d\n@@ -6,4 +6,4 @@\n f\n g\n h\n-i\n+I\n");
}

Test(diff, nothing_raw_reaches_a_terminal)
{
	shows(MERGE_KIND_TEXT, "", "\x1b]0;x\x07\xff\n", "@@ -0,0 +1 @@\n+\\x1b]0;x\\x07\\xff\n");
	shows(MERGE_KIND_JSON, "{}", "{\"\\u001b[2J\": \"\xe2\x80\xae\"}", "+ \\x1b[2J: \"\\u202e\"\n");
}

Test(diff, json_by_key)
{
	shows(MERGE_KIND_JSON, "{\"editor.fontSize\": 12, \"a\": {\"b\": [1, 2]}, \"gone\": true}",
	      "{ // new\n\"a\": {\"b\": [1, 2, 3]}, \"editor.fontSize\": 14, \"here\": {\"x\": null}}",
	      "editor.fontSize: 12 → 14\n+ a.b[2]: 3\n- gone: true\n+ here: {\"x\": null}\n");
	shows(MERGE_KIND_JSON, "[{\"k\": 1, \"v\": 2}, {\"k\": 2}]", "[{\"k\": 1, \"v\": 5}, {\"k\": 2}]",
	      "[0].v: 2 → 5\n");
	shows(MERGE_KIND_JSON, "1", "[1]", "(all): 1 → [1]\n");
}

Test(diff, json_that_differs_in_comments_only_is_text)
{
	shows(MERGE_KIND_JSON, "{}\n", "{} // x\n", "@@ -1 +1 @@\n-{}\n+{} // x\n");
	shows(MERGE_KIND_JSON, "{", "[",
	      "@@ -1 +1 @@\n-{\n\\ No newline at end of file\n+[\n\\ No newline at end of file\n");
}

Test(diff, what_is_no_text_is_told_by_size)
{
	struct diff d;
	diff_make(&d, MERGE_KIND_TEXT, span_of("a\0b", 3), span_text("xx"));
	cr_assert_eq(d.kind, DIFF_SIZES);
	cr_assert_eq(d.from_bytes, 3);
	cr_assert_eq(d.to_bytes, 2);
	diff_finish(&d);
}

/* Lines with ' ' and '-' are the old text, with ' ' and '+' the new one, as far as the hunks go. */
Test(diff, hunks_lead_from_one_to_the_other)
{
	struct rng r;
	rng_seed(&r, 3);
	for (int round = 0; round < 500; round++) {
		struct buf text[2] = { 0 }, built = { 0 };
		struct diff d;
		for (int i = 0; i < 60; i++) {
			char line[2] = { (char)('a' + rng_below(&r, 5)), '\n' };
			uint64_t what = rng_below(&r, 12);
			for (uint64_t k = 0; k < 2; k++)
				if (what != k)
					buf_put(&text[k], line, 2);
		}
		diff_make(&d, MERGE_KIND_TEXT, buf_view(&text[0]), buf_view(&text[1]));
		uint32_t at = 0;
		for (size_t h = 0; h < d.hunk_count; h++) {
			const struct diff_hunk *hunk = &d.hunks[h];
			uint32_t start = hunk->from_line - (hunk->from_count > 0), from = 0, to = 0;
			buf_put(&built, text[0].data + at * 2, (start - at) * 2);
			cr_assert_eq(built.len / 2 + (hunk->to_count > 0), hunk->to_line);
			for (size_t i = hunk->first; i < hunk->first + hunk->count; i++) {
				if (d.lines[i].sign != '-')
					buf_span(&built, d.lines[i].bytes);
				from += d.lines[i].sign != '+';
				to += d.lines[i].sign != '-';
			}
			cr_assert_eq(from, hunk->from_count);
			cr_assert_eq(to, hunk->to_count);
			at = start + hunk->from_count;
		}
		buf_put(&built, text[0].data + at * 2, text[0].len - at * 2);
		cr_assert(span_equal(buf_view(&built), buf_view(&text[1])));
		buf_finish(&text[0]);
		buf_finish(&text[1]);
		buf_finish(&built);
		diff_finish(&d);
	}
}

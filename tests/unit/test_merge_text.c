/* Three-way merges of texts and lists: tables, and random edits. */
#include <criterion/criterion.h>
#include <git2.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/rng.h"
#include "engine/core/conflict/merge.h"

static void start(void)
{
	cr_assert_geq(git_libgit2_init(), 0);
}

TestSuite(merge_text, .init = start);
TestSuite(merge_lines, .init = start);

static void run(struct merge *m, enum merge_kind kind, const char *base, const char *mine, const char *theirs)
{
	merge_run(m, kind, span_text(base), span_text(mine), span_text(theirs));
}

static void is(struct span got, const char *wanted, const char *what)
{
	cr_assert(span_equal(got, span_text(wanted)), "%s: got '%.*s', wanted '%s'", what, (int)got.len, got.data,
		  wanted);
}

static void clean(enum merge_kind kind, const char *base, const char *mine, const char *theirs, const char *wanted)
{
	struct merge m;
	run(&m, kind, base, mine, theirs);
	cr_assert_eq(m.outcome, MERGE_CLEAN, "'%s' '%s' '%s': %s, %zu hunks", base, mine, theirs, m.why ? m.why : "",
		     m.hunk_count);
	is(span_blob(&m.result), wanted, "the merge");
	merge_finish(&m);
	run(&m, kind, base, theirs, mine);
	cr_assert_eq(m.outcome, MERGE_CLEAN, "swapped");
	is(span_blob(&m.result), wanted, "the other way round");
	merge_finish(&m);
}

static void settled(const struct merge *m, enum merge_choice choice, const char *wanted)
{
	struct blob out;
	const char *why;
	enum merge_choice choices[8] = { choice, choice, choice, choice, choice, choice, choice, choice };
	cr_assert(merge_settle(m, choices, m->hunk_count, &out, &why));
	is(span_blob(&out), wanted, "settled");
	blob_finish(&out);
}

static void conflict(const char *base, const char *mine, const char *theirs, const char *keep_mine,
		     const char *keep_theirs, const char *both, const char *original)
{
	struct merge m;
	run(&m, MERGE_KIND_TEXT, base, mine, theirs);
	cr_assert_eq(m.outcome, MERGE_CONFLICTS);
	cr_assert_eq(m.hunk_count, 1);
	settled(&m, CHOICE_MINE, keep_mine);
	settled(&m, CHOICE_THEIRS, keep_theirs);
	settled(&m, CHOICE_BOTH, both);
	settled(&m, CHOICE_BASE, original);
	merge_finish(&m);
}

Test(merge_text, takes_what_only_one_side_changed)
{
	clean(MERGE_KIND_TEXT, "a\nb\nc\nd\n", "A\nb\nc\nd\n", "a\nb\nc\nD\n", "A\nb\nc\nD\n");
	clean(MERGE_KIND_TEXT, "a\nb\nc\n", "b\nc\n", "a\nb\nc\nd\n", "b\nc\nd\n");
	clean(MERGE_KIND_TEXT, "a\nb\nc\n", "x\na\nb\nc\n", "a\nb\nc\ny\n", "x\na\nb\nc\ny\n");
	clean(MERGE_KIND_TEXT, "a\nb\n", "a\nb\n", "", "");
	clean(MERGE_KIND_TEXT, "", "a\n", "a\n", "a\n");
	clean(MERGE_KIND_TEXT, "a\nb\nc\nd\ne\n", "a\nb\nX\nd\nE\n", "A\nb\nc\nd\nE\n", "A\nb\nX\nd\nE\n");
}

Test(merge_text, both_the_same_is_no_conflict)
{
	clean(MERGE_KIND_TEXT, "a\nb\nc\n", "a\nX\nc\nm\n", "a\nX\nc\nm\n", "a\nX\nc\nm\n");
	clean(MERGE_KIND_TEXT, "a\nb\nc\nd\ne\n", "a\nX\nc\nd\ne\nm\n", "a\nX\nc\ne\n", "a\nX\nc\ne\nm\n");
}

Test(merge_text, changes_that_touch_are_a_conflict)
{
	conflict("a\nb\n", "A\nb\n", "a\nB\n", "A\nb\n", "a\nB\n", "A\nb\na\nB\n", "a\nb\n");
	conflict("a\nz\n", "a\nx\nz\n", "a\ny\nz\n", "a\nx\nz\n", "a\ny\nz\n", "a\nx\ny\nz\n", "a\nz\n");
	conflict("a\nb\nc\n", "a\nc\n", "a\nB\nc\n", "a\nc\n", "a\nB\nc\n", "a\nB\nc\n", "a\nb\nc\n");
	conflict("", "x\n", "y\n", "x\n", "y\n", "x\ny\n", "");
}

Test(merge_text, hunks_are_as_small_as_may_be)
{
	struct merge m;
	run(&m, MERGE_KIND_TEXT, "1\n2\n3\n", "1\nn\nx\nm\n3\nq\n", "1\nn\ny\nm\n3\n");
	cr_assert_eq(m.outcome, MERGE_CONFLICTS);
	cr_assert_eq(m.hunk_count, 1);
	is(m.hunks[0].base, "2\n", "base");
	is(m.hunks[0].mine, "x\n", "mine");
	is(m.hunks[0].theirs, "y\n", "theirs");
	cr_assert_eq(m.hunks[0].base_line, 2);
	cr_assert_eq(m.hunks[0].mine_line, 3);
	cr_assert_eq(m.hunks[0].theirs_line, 3);
	cr_assert_eq(m.taken_mine, 1, "the rest is merged around it");
	settled(&m, CHOICE_THEIRS, "1\nn\ny\nm\n3\nq\n");
	merge_finish(&m);
}

Test(merge_text, each_hunk_has_its_own_choice)
{
	struct merge m;
	struct blob out;
	const char *why;
	run(&m, MERGE_KIND_TEXT, "1\n2\n3\n4\n5\n", "a\n2\n3\n4\nb\n", "c\n2\n3\n4\nd\n");
	cr_assert_eq(m.hunk_count, 2);
	cr_assert(merge_settle(&m, (enum merge_choice[]){ CHOICE_MINE, CHOICE_BOTH }, 2, &out, &why));
	is(span_blob(&out), "a\n2\n3\n4\nb\nd\n", "settled");
	blob_finish(&out);
	cr_assert_not(merge_settle(&m, (enum merge_choice[]){ CHOICE_MINE }, 1, &out, &why));
	cr_assert_not_null(why);
	merge_finish(&m);
}

Test(merge_text, a_last_line_without_its_newline)
{
	clean(MERGE_KIND_TEXT, "a\nb\nc", "A\nb\nc", "a\nb\nc\nd", "A\nb\nc\nd");
	clean(MERGE_KIND_TEXT, "a\nb\nc\n", "A\nb\nc\n", "a\nb\nc", "A\nb\nc");
	conflict("a\nb", "a\nx", "a\ny", "a\nx", "a\ny", "a\nx\ny", "a\nb");
	conflict("a\r\nb", "a\r\nx", "a\r\ny", "a\r\nx", "a\r\ny", "a\r\nx\r\ny", "a\r\nb");
}

Test(merge_text, line_ends_and_odd_bytes_stay)
{
	clean(MERGE_KIND_TEXT, "a\r\nb\r\nc\r\n", "A\r\nb\r\nc\r\n", "a\r\nb\r\nC\r\n", "A\r\nb\r\nC\r\n");
	clean(MERGE_KIND_TEXT, "\xff\xfe\nb\nc\n", "\xff\xfe!\nb\nc\n", "\xff\xfe\nb\n\xc3\n", "\xff\xfe!\nb\n\xc3\n");
	clean(MERGE_KIND_TEXT, "<<<<<<< a\n=======\n>>>>>>> b\nx\n", "<<<<<<< a\n=======\n>>>>>>> b\ny\n",
	      "<<<<<<< A\n=======\n>>>>>>> b\nx\n", "<<<<<<< A\n=======\n>>>>>>> b\ny\n");
}

Test(merge_text, refuses_what_is_no_text_or_too_much)
{
	struct merge m;
	merge_run(&m, MERGE_KIND_TEXT, span_of("a\0b", 3), span_text("x"), span_text("y"));
	cr_assert_eq(m.outcome, MERGE_REFUSED);
	cr_assert_str_eq(m.why, "it is not text");
	merge_finish(&m);
	merge_run(&m, MERGE_KIND_TEXT, span_of("a\0b", 3), span_text("x"), span_of("a\0b", 3));
	cr_assert_eq(m.outcome, MERGE_CLEAN, "one-sided is always clean");
	merge_finish(&m);
	struct blob large = { mem_alloc(MERGE_BYTES_MAX + 1), MERGE_BYTES_MAX + 1 };
	memset(large.data, 'x', large.len);
	merge_run(&m, MERGE_KIND_TEXT, span_blob(&large), span_text("x"), span_text("y"));
	cr_assert_eq(m.outcome, MERGE_REFUSED);
	merge_finish(&m);
	memset(large.data, '\n', MERGE_LINES_MAX + 1);
	merge_run(&m, MERGE_KIND_TEXT, span_text("x"), span_of(large.data, MERGE_LINES_MAX + 1), span_text("y"));
	cr_assert_eq(m.outcome, MERGE_REFUSED);
	merge_finish(&m);
	merge_run(&m, MERGE_KIND_TEXT, span_text("x"), span_of(large.data, MERGE_LINES_MAX), span_text("y"));
	cr_assert_eq(m.outcome, MERGE_CONFLICTS);
	merge_finish(&m);
	blob_finish(&large);
}

Test(merge_lines, both_append)
{
	clean(MERGE_KIND_LINES, "a\n", "a\nb\n", "a\nc\n", "a\nb\nc\n");
	clean(MERGE_KIND_LINES, "", "b\n", "c\n", "b\nc\n");
	clean(MERGE_KIND_LINES, "a\nb\n", "b\nc\n", "b\nd\n", "b\nc\nd\n");
}

Test(merge_lines, what_a_side_removed_stays_removed)
{
	clean(MERGE_KIND_LINES, "a\nb\nc\n", "a\nc\nm\n", "a\nb\nc\nt\n", "a\nc\nm\nt\n");
	clean(MERGE_KIND_LINES, "a\nsecret\nc\n", "a\nc\n", "a\nsecret\nt\nc\n", "a\nt\nc\n");
	clean(MERGE_KIND_LINES, "a\nb\nc\n", "b\nc\n", "a\nb\n", "b\n");
	clean(MERGE_KIND_LINES, "a\nb\nc\n", "c\na\nb\n", "a\nb\n", "a\nb\n");
}

Test(merge_lines, no_duplicates)
{
	clean(MERGE_KIND_LINES, "a\nz\n", "a\nx\nz\n", "a\nz\nx\n", "a\nz\nx\n");
	clean(MERGE_KIND_LINES, "a\n", "a\nx\ny\n", "a\ny\nx\n", "a\ny\nx\n");
	clean(MERGE_KIND_LINES, "a\nb\nc\nd\n", "d\na\nb\nc\n", "c\na\nb\nd\n", "c\nd\na\nb\n");
	clean(MERGE_KIND_LINES, "a\nb\nc\nd\n", "d\na\nb\nc\n", "d\na\nb\nc\ne\n", "d\na\nb\nc\ne\n");
}

Test(merge_lines, histories_keep_a_command_with_its_time)
{
	clean(MERGE_KIND_LINES, "#100\nls\n", "#100\nls\n#130\nls\n", "#100\nls\n#120\ncd\n#140\nls\n",
	      "#100\nls\n#120\ncd\n#130\nls\n#140\nls\n");
	clean(MERGE_KIND_LINES, "#100\nls\n", "#100\nls\n#130\nfor a\ndo b\ndone\n", "#100\nls\n#120\nfor c\ndone\n",
	      "#100\nls\n#120\nfor c\ndone\n#130\nfor a\ndo b\ndone\n");
	clean(MERGE_KIND_LINES, ": 100:0;ls\n", ": 100:0;ls\n: 130:0;for a\\\ndone\n",
	      ": 100:0;ls\n: 120:5;b\\\ndone\n: 140:0;x\n",
	      ": 100:0;ls\n: 120:5;b\\\ndone\n: 130:0;for a\\\ndone\n: 140:0;x\n");
	clean(MERGE_KIND_LINES, "- cmd: ls\n  when: 1\n", "- cmd: ls\n  when: 1\n- cmd: a\n  when: 2\n",
	      "- cmd: ls\n  when: 1\n- cmd: b\n  when: 2\n",
	      "- cmd: ls\n  when: 1\n- cmd: a\n  when: 2\n- cmd: b\n  when: 2\n");
}

Test(merge_lines, newest_first)
{
	clean(MERGE_KIND_LINES, "e\nd\nc\nb\na\n", "m\ne\nd\nc\nb\na\n", "b\ne\nd\nc\na\n", "b\nm\ne\nd\nc\na\n");
	clean(MERGE_KIND_LINES, "e\nd\nc\nb\na\n", "b\ne\nd\nc\na\n", "t\nb\ne\nd\nc\na\n", "t\nb\ne\nd\nc\na\n");
	clean(MERGE_KIND_LINES, "e\nd\nc\nb\na\n", "a\ne\nd\nc\nb\n", "e\na\nd\nc\nb\n", "a\ne\nd\nc\nb\n");
}

Test(merge_lines, line_ends)
{
	clean(MERGE_KIND_LINES, "a", "a\nb", "a\nc", "a\nb\nc");
	clean(MERGE_KIND_LINES, "a\n", "a\nb", "a\nc\n", "a\nb\nc");
	clean(MERGE_KIND_LINES, "a\nb\n", "a\r\nb\r\n", "a\nb\nc\n", "a\r\nb\r\nc\n");
}

/* ---- random edits ---- */

static struct blob edited(struct rng *r, struct span text, unsigned edits, const char *alphabet)
{
	struct buf lines = { 0 };
	char line[4] = { 0, 0, '\n', 0 };
	for (size_t at = 0, n = 0; at < text.len; n++) {
		const uint8_t *end = memchr(text.data + at, '\n', text.len - at);
		size_t len = end ? (size_t)(end - text.data) + 1 - at : text.len - at;
		unsigned what = rng_below(r, 30) < edits ? (unsigned)rng_below(r, 3) : 3;
		line[0] = alphabet[rng_below(r, strlen(alphabet))];
		line[1] = alphabet[rng_below(r, strlen(alphabet))];
		if (what == 0 || what == 1)
			buf_put(&lines, line, 3);
		if (what == 1 || what == 3)
			buf_put(&lines, text.data + at, len);
		if (lines.len && lines.data[lines.len - 1] != '\n')
			buf_u8(&lines, '\n');
		at += len;
	}
	if (rng_below(r, 30) < edits)
		buf_put(&lines, line[0] ? line : "xx\n", 3);
	if (lines.len && rng_below(r, 8) == 0)
		lines.len--;
	return buf_take(&lines);
}

static struct blob made_up(struct rng *r, size_t lines, const char *alphabet)
{
	struct buf out = { 0 };
	for (size_t i = 0; i < lines; i++) {
		char line[3] = { alphabet[rng_below(r, strlen(alphabet))], alphabet[rng_below(r, strlen(alphabet))],
				 '\n' };
		buf_put(&out, line, 3);
	}
	return buf_take(&out);
}

/* How often a line of two characters is there, by a count of its own. */
static void count(int *counts, struct span text)
{
	memset(counts, 0, sizeof(int) * 65536);
	for (size_t at = 0; at + 1 < text.len; at += 3)
		counts[text.data[at] << 8 | text.data[at + 1]]++;
}

static bool git_merges(struct span base, struct span mine, struct span theirs, struct blob *out)
{
	git_merge_file_input in[3] = { 0 };
	const struct span texts[3] = { base, mine, theirs };
	git_merge_file_result merged = { 0 };
	for (int i = 0; i < 3; i++) {
		in[i].version = GIT_MERGE_FILE_INPUT_VERSION;
		in[i].ptr = texts[i].len ? (const char *)texts[i].data : "";
		in[i].size = texts[i].len;
	}
	cr_assert_eq(git_merge_file(&merged, &in[0], &in[1], &in[2], NULL), 0);
	*out = blob_copy(merged.ptr, merged.len);
	bool automatic = merged.automergeable;
	git_merge_file_result_free(&merged);
	return automatic;
}

struct three {
	struct blob base, mine, theirs;
};

static struct three draw(struct rng *r)
{
	const char *alphabet = rng_below(r, 2) ? "ab" : "abcdefghijklmnopqrstuvwxyz";
	struct three t = { .base = made_up(r, rng_below(r, 40), alphabet) };
	unsigned edits = 1 + (unsigned)rng_below(r, 6);
	t.mine = edited(r, span_blob(&t.base), edits, alphabet);
	t.theirs = edited(r, span_blob(rng_below(r, 10) ? &t.base : &t.mine), edits, alphabet);
	return t;
}

static void three_finish(struct three *t)
{
	blob_finish(&t->base);
	blob_finish(&t->mine);
	blob_finish(&t->theirs);
}

/* Clean exactly where git is clean, and then the same bytes; each side's own changes alone give that side. */
Test(merge_text, random_texts_merge_as_git_merges_them)
{
	struct rng r;
	unsigned clean_ones = 0, rounds = 6000;
	rng_seed(&r, 20);
	for (unsigned i = 0; i < rounds; i++) {
		struct three t = draw(&r);
		struct span base = span_blob(&t.base), mine = span_blob(&t.mine), theirs = span_blob(&t.theirs);
		struct merge m, swapped;
		struct blob git;
		bool automatic = git_merges(base, mine, theirs, &git);
		merge_run(&m, MERGE_KIND_TEXT, base, mine, theirs);
		merge_run(&swapped, MERGE_KIND_TEXT, base, theirs, mine);
		cr_assert_eq(m.outcome, automatic ? MERGE_CLEAN : MERGE_CONFLICTS, "round %u", i);
		cr_assert_eq(m.outcome, swapped.outcome);
		cr_assert_eq(m.hunk_count, swapped.hunk_count);
		if (automatic)
			cr_assert(span_equal(span_blob(&m.result), span_blob(&git)), "round %u", i);
		if (automatic)
			cr_assert(span_equal(span_blob(&m.result), span_blob(&swapped.result)));
		clean_ones += automatic;
		blob_finish(&git);
		merge_finish(&m);
		merge_finish(&swapped);
		three_finish(&t);
	}
	cr_assert(clean_ones > rounds / 10 && clean_ones < rounds * 9 / 10, "%u of %u were clean", clean_ones, rounds);
}

Test(merge_lines, random_lists_lose_nothing)
{
	static int base[65536], mine[65536], theirs[65536], result[65536];
	struct rng r;
	rng_seed(&r, 21);
	for (unsigned i = 0; i < 3000; i++) {
		struct three t = draw(&r);
		struct merge m, swapped;
		merge_run(&m, MERGE_KIND_LINES, span_blob(&t.base), span_blob(&t.mine), span_blob(&t.theirs));
		merge_run(&swapped, MERGE_KIND_LINES, span_blob(&t.base), span_blob(&t.theirs), span_blob(&t.mine));
		cr_assert_eq(m.outcome, MERGE_CLEAN, "round %u: %s", i, m.why);
		cr_assert(span_equal(span_blob(&m.result), span_blob(&swapped.result)), "round %u", i);
		count(base, span_blob(&t.base));
		count(mine, span_blob(&t.mine));
		count(theirs, span_blob(&t.theirs));
		count(result, span_blob(&m.result));
		for (int k = 0; k < 65536; k++) {
			int more = mine[k] > theirs[k] ? mine[k] : theirs[k], due = mine[k] + theirs[k] - base[k];
			cr_assert(due < 1 || result[k] > 0, "round %u: lost", i);
			cr_assert(base[k] > 1 || result[k] <= more, "round %u: twice", i);
			cr_assert(result[k] <= (due > more ? due : more), "round %u: made up", i);
			cr_assert(result[k] == 0 || mine[k] + theirs[k] > 0);
		}
		merge_finish(&m);
		merge_finish(&swapped);
		three_finish(&t);
	}
}

/* ---- what a merge may cost ---- */

/* `count` lines drawn from so many different ones. */
static struct blob drawn_lines(struct rng *r, unsigned count, unsigned different)
{
	struct buf b = { 0 };
	for (unsigned i = 0; i < count; i++)
		buf_printf(&b, "%u\n", (unsigned)rng_below(r, different));
	return buf_take(&b);
}

static void too_much(enum merge_kind kind, struct blob base, struct blob mine, struct blob theirs)
{
	struct merge m, swapped;
	merge_run(&m, kind, span_blob(&base), span_blob(&mine), span_blob(&theirs));
	merge_run(&swapped, kind, span_blob(&base), span_blob(&theirs), span_blob(&mine));
	cr_assert_eq(m.outcome, MERGE_REFUSED);
	cr_assert(strstr(m.why, "too much"), "%s", m.why);
	cr_assert_leq(m.work, MERGE_WORK_MAX);
	cr_assert_eq(swapped.outcome, MERGE_REFUSED);
	cr_assert_str_eq(m.why, swapped.why);
	merge_finish(&m);
	merge_finish(&swapped);
	blob_finish(&base);
	blob_finish(&mine);
	blob_finish(&theirs);
}

Test(merge_text, what_would_cost_too_much_is_refused)
{
	struct rng r;
	rng_seed(&r, 22);
	for (unsigned different = 2; different <= 2000; different *= 10) {
		too_much(MERGE_KIND_TEXT, drawn_lines(&r, 100000, different), drawn_lines(&r, 100000, different),
			 drawn_lines(&r, 100000, different));
		too_much(MERGE_KIND_LINES, drawn_lines(&r, 100000, different), drawn_lines(&r, 100000, different),
			 drawn_lines(&r, 100000, different));
	}
}

/* Long texts with a thousand edits all over, and whole texts that have nothing in common, are no such thing. */
Test(merge_text, long_texts_are_merged_at_little_cost)
{
	struct buf base = { 0 }, mine = { 0 }, theirs = { 0 }, other = { 0 };
	struct merge m;
	for (unsigned i = 0; i < 99000; i++) {
		buf_printf(&base, "line %u\n", i);
		buf_printf(&mine, i % 99 ? "line %u\n" : "LINE %u\n", i);
		buf_printf(&theirs, i % 99 != 50 ? "line %u\n" : "", i);
		buf_printf(&other, "word %u\n", i);
	}
	merge_run(&m, MERGE_KIND_TEXT, buf_view(&base), buf_view(&mine), buf_view(&theirs));
	cr_assert_eq(m.outcome, MERGE_CLEAN, "%s", m.why);
	cr_assert_eq(m.taken_mine, 1000);
	cr_assert_eq(m.taken_theirs, 1000);
	cr_assert_lt(m.work, MERGE_WORK_MAX / 4, "%llu", (unsigned long long)m.work);
	merge_finish(&m);
	merge_run(&m, MERGE_KIND_TEXT, buf_view(&base), buf_view(&mine), buf_view(&other));
	cr_assert_eq(m.outcome, MERGE_CONFLICTS);
	cr_assert_eq(m.hunk_count, 1);
	cr_assert_lt(m.work, MERGE_WORK_MAX / 4);
	merge_finish(&m);
	buf_finish(&base);
	buf_finish(&mine);
	buf_finish(&theirs);
	buf_finish(&other);
}

/* Many arrays that each cost a share: the sum counts. */
Test(merge_text, arrays_share_what_a_merge_may_cost)
{
	struct rng r;
	struct buf text[3] = { 0 };
	struct merge m;
	rng_seed(&r, 23);
	for (int i = 0; i < 3; i++) {
		buf_printf(&text[i], "{");
		for (unsigned k = 0; k < 12; k++) {
			buf_printf(&text[i], "%s\"%u\": [0", k ? ", " : "", k);
			for (unsigned n = 0; n < 4000; n++)
				buf_printf(&text[i], ",%u", (unsigned)rng_below(&r, 50));
			buf_printf(&text[i], "]");
		}
		buf_printf(&text[i], "}");
	}
	merge_run(&m, MERGE_KIND_JSON, buf_view(&text[0]), buf_view(&text[1]), buf_view(&text[2]));
	cr_assert_neq(m.outcome, MERGE_CLEAN);
	cr_assert_leq(m.work, 2 * MERGE_WORK_MAX);
	cr_assert_gt(m.work, MERGE_WORK_MAX);
	merge_finish(&m);
	for (int i = 0; i < 3; i++)
		buf_finish(&text[i]);
}

/* What only one side has is found without looking: a log that grew by most of its lines is merged. */
Test(merge_text, what_was_only_added_costs_nothing)
{
	struct buf base = { 0 }, mine = { 0 }, theirs = { 0 };
	struct merge m;
	for (unsigned i = 0; i < 90000; i++) {
		if (i < 1000 || i == 89999)
			buf_printf(&base, "line %u\n", i);
		if (i < 1000 || i == 89999)
			buf_printf(&theirs, i ? "line %u\n" : "LINE %u\n", i);
		buf_printf(&mine, "line %u\n", i);
	}
	merge_run(&m, MERGE_KIND_TEXT, buf_view(&base), buf_view(&mine), buf_view(&theirs));
	cr_assert_eq(m.outcome, MERGE_CLEAN, "%s", m.why);
	cr_assert_lt(m.work, MERGE_WORK_MAX / 4, "%llu", (unsigned long long)m.work);
	merge_finish(&m);
	merge_run(&m, MERGE_KIND_TEXT, buf_view(&mine), buf_view(&base), buf_view(&mine));
	cr_assert_eq(m.outcome, MERGE_CLEAN, "%s", m.why);
	merge_finish(&m);
	buf_finish(&base);
	buf_finish(&mine);
	buf_finish(&theirs);
}

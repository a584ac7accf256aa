#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/relpath.h"
#include "base/rng.h"
#include "base/shell.h"
#include "base/utf8.h"

static void shows(const char *bytes, size_t len, const char *wanted)
{
	char out[256];
	cr_assert_str_eq(utf8_show(out, sizeof out, bytes, len), wanted);
	char *dup = utf8_show_dup(bytes, len);
	cr_assert_str_eq(dup, wanted);
	free(dup);
}

static void quotes(const char *word, const char *wanted)
{
	struct buf out = { 0 };
	shell_word(&out, word);
	cr_expect_str_eq(buf_text(&out), wanted);
	buf_finish(&out);
}

Test(base_shell, words_that_a_shell_takes_as_they_are_meant)
{
	quotes("notes/plan-2.md", "notes/plan-2.md");
	quotes("notes/a b", "'notes/a b'");
	quotes("notes/it's", "'notes/it'\\''s'");
	quotes("notes/ünï", "'notes/ünï'");
	quotes("notes/$(rm x)`y`", "'notes/$(rm x)`y`'");
	quotes("-rf", "'-rf'");
	quotes("", "''");
	quotes("a\nb", "$'a\\x0ab'");
	quotes("\xff'\\ \x1b[2J", "$'\\xff\\'\\\\ \\x1b[2J'");
	quotes("\xe2\x80\xae" "txt", "$'\\xe2\\x80\\xaetxt'");
}

Test(base_utf8, shows_hostile_bytes)
{
	shows("plain, ünïcödé, 漢字, 🙂", strlen("plain, ünïcödé, 漢字, 🙂"), "plain, ünïcödé, 漢字, 🙂");
	shows("\x1b]52;c;AAAA\x07", 12, "\\x1b]52;c;AAAA\\x07");
	shows("a\tb\nc\rd", 7, "a\\tb\\nc\\rd");
	shows("\0x", 2, "\\x00x");
	shows("\x7f", 1, "\\x7f");
	shows("\xc2\x9b" "31m", 5, "\\x9b31m");       /* C1: CSI */
	shows("\x9b", 1, "\\x9b");                      /* the same as one byte */
	shows("\xe2\x80\xae" "txt.exe", 10, "\\u202etxt.exe");
	shows("a\xe2\x80\x8b" "b", 5, "a\\u200bb");
	shows("\xef\xbb\xbf", 3, "\\ufeff");
	shows("\xf3\xa0\x81\xa1", 4, "\\U0e0061");      /* a tag */
	shows("\xee\x80\x80", 3, "\\ue000");
	shows("\xe2\x80\xa8", 3, "\\u2028");
	shows("\xc0\xaf", 2, "\\xc0\\xaf");             /* overlong */
	shows("\xed\xa0\x80", 3, "\\xed\\xa0\\x80");    /* surrogate */
	shows("\xf4\x90\x80\x80", 4, "\\xf4\\x90\\x80\\x80");
	shows("\xe2\x82", 2, "\\xe2\\x82");             /* cut off */
}

Test(base_utf8, never_cuts_inside)
{
	char out[64];
	cr_assert_str_eq(utf8_show(out, 5, "ab\x1b", 3), "ab");
	cr_assert_str_eq(utf8_show(out, 7, "ab\x1b", 3), "ab\\x1b");
	cr_assert_str_eq(utf8_show(out, 4, "aü漢", 6), "aü");
	cr_assert_str_eq(utf8_show(out, 1, "a", 1), "");
	cr_assert_str_eq(utf8_show(out, 0, "a", 1), "");
}

/* Whatever comes in, what goes out is UTF-8 without anything that a terminal would act on. */
Test(base_utf8, shown_is_always_safe)
{
	struct rng rng;
	rng_seed(&rng, 3);
	for (int i = 0; i < 20000; i++) {
		char in[48], out[64];
		size_t len = rng_below(&rng, sizeof in);
		for (size_t k = 0; k < len; k++)
			in[k] = (char)(rng_below(&rng, 2) ? rng_next(&rng) : 0x80 | rng_below(&rng, 0x80));
		utf8_show(out, 1 + rng_below(&rng, sizeof out), in, len);
		size_t left = strlen(out);
		for (const char *p = out; left;) {
			uint32_t point;
			size_t n = utf8_decode(p, left, &point);
			cr_assert(n && !utf8_unsafe(point));
			p += n;
			left -= n;
		}
	}
}

Test(base_utf8, points_come_back)
{
	for (uint32_t c = 0; c < 0x110000; c++) {
		char bytes[4];
		uint32_t back;
		if (c >= 0xd800 && c <= 0xdfff)
			continue;
		size_t n = utf8_encode(c, bytes);
		if (utf8_decode(bytes, n, &back) != n || back != c)
			cr_assert_fail("U+%04X", c);
	}
}

Test(base_err, says_one_line)
{
	struct err e;
	char out[1200];
	cr_assert(!err_set(&e, "config:3", "remove the line", "unknown key '%s'", "a\x1b[2J"));
	cr_assert_str_eq(err_line(&e, out, sizeof out),
			 "syncline: config:3: unknown key 'a\\x1b[2J' (remove the line)");
	err_in(&e, "home");
	err_set(&e, e.what, NULL, "%s", e.why); /* its own parts may be used */
	cr_assert_str_eq(err_line(&e, out, sizeof out), "syncline: home: config:3: unknown key 'a\\x1b[2J'");
	errno = ENOENT;
	err_set(NULL, "x", NULL, "y");
	err_set(&e, "x", NULL, "y");
	cr_assert_eq(errno, ENOENT);
	cr_assert_str_eq(err_line(&e, out, 12), "syncline: x");
}

Test(base_relpath, judges_names)
{
	char longest[4200], deep[200];
	static const struct {
		const char *path;
		bool fine;
	} table[] = {
		{ "a", true },
		{ "a/b.c/..d/...", true },
		{ "-", true },
		{ " ", true },
		{ "a\nb", true },
		{ "\xff\xfe", true },
		{ ".gitignore", true },
		{ "x.git", true },
		{ "syncline-x", true },
		{ "", false },
		{ "/", false },
		{ "/a", false },
		{ "a/", false },
		{ "a//b", false },
		{ ".", false },
		{ "..", false },
		{ "a/..", false },
		{ "../a", false },
		{ "a/./b", false },
		{ ".git", false },
		{ "a/.GiT/config", false },
		{ ".syncline-part-0", false },
		{ "a/.syncline-", false },
	};
	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		cr_assert_eq(relpath_bad(table[i].path, strlen(table[i].path)) == NULL, table[i].fine, "%s",
			     table[i].path);
	cr_assert_not_null(relpath_bad("a\0b", 3));
	memset(longest, 'a', sizeof longest);
	cr_assert_null(relpath_bad(longest, 255));
	cr_assert_not_null(relpath_bad(longest, 256));
	for (size_t i = 100; i < sizeof longest; i += 100)
		longest[i] = '/';
	cr_assert_null(relpath_bad(longest, 4096));
	cr_assert_not_null(relpath_bad(longest, 4097));
	for (size_t i = 0; i < sizeof deep; i++)
		deep[i] = i % 2 ? '/' : 'd';
	cr_assert_null(relpath_bad(deep, 2 * RELPATH_DEPTH - 1));
	cr_assert_not_null(relpath_bad(deep, 2 * RELPATH_DEPTH + 1));
}

/* Split by hand, no accepted name has a component that leads anywhere but down. */
Test(base_relpath, accepted_names_stay_inside)
{
	static const char letters[] = "./a.g\0";
	struct rng rng;
	rng_seed(&rng, 4);
	for (int i = 0; i < 200000; i++) {
		char path[16];
		size_t len = rng_below(&rng, 12);
		for (size_t k = 0; k < len; k++)
			path[k] = letters[rng_below(&rng, sizeof letters - 1)];
		path[len] = 0;
		if (relpath_bad(path, len))
			continue;
		cr_assert(len && strlen(path) == len && path[0] != '/');
		for (char *part = strtok(path, "/"); part; part = strtok(NULL, "/"))
			cr_assert(strcmp(part, ".") && strcmp(part, ".."));
	}
}

Test(base_relpath, splits_items)
{
	char category[CATEGORY_MAX + 1];
	const char *path;
	cr_assert(relpath_split_item("notes/a/b", category, &path));
	cr_assert_str_eq(category, "notes");
	cr_assert_str_eq(path, "a/b");
	cr_assert(!relpath_split_item("notes", category, &path));
	cr_assert(!relpath_split_item("notes/", category, &path));
	cr_assert(!relpath_split_item("Notes/a", category, &path));
	cr_assert(!relpath_split_item("/a", category, &path));
	cr_assert(!relpath_split_item("notes/../a", category, &path));
	cr_assert(!relpath_split_item("0123456789012345678901234567890123456789012345678901234567890123x/a", category,
				      &path));
	cr_assert_not_null(relpath_bad_category(".a", 2));
	cr_assert_not_null(relpath_bad_category("a\0", 2));
	cr_assert_null(relpath_bad_category("a-b_c.9", 7));
}

/* Merges of JSON by key path. */
#include <criterion/criterion.h>
#include <git2.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/rng.h"
#include "engine/core/conflict/jsontree.h"
#include "engine/core/conflict/merge.h"

static void start(void)
{
	cr_assert_geq(git_libgit2_init(), 0);
}

TestSuite(merge_json, .init = start);
TestSuite(jsontree, .init = start);

static void run(struct merge *m, const char *base, const char *mine, const char *theirs)
{
	merge_run(m, MERGE_KIND_JSON, span_text(base), span_text(mine), span_text(theirs));
}

static void is(struct span got, const char *wanted)
{
	cr_assert(span_equal(got, span_text(wanted)), "got '%.*s', wanted '%s'", (int)got.len, got.data, wanted);
}

static void clean(const char *base, const char *mine, const char *theirs, const char *wanted)
{
	struct merge m;
	for (int i = 0; i < 2; i++) {
		run(&m, base, i ? theirs : mine, i ? mine : theirs);
		cr_assert_eq(m.outcome, MERGE_CLEAN, "'%s' '%s' '%s': %s, hunk %s", base, mine, theirs,
			     m.why ? m.why : "", m.hunk_count ? m.hunks[0].key : "");
		is(span_blob(&m.result), wanted);
		merge_finish(&m);
	}
}

/* One conflict, at `key`, and what each choice gives. */
static void conflict(const char *base, const char *mine, const char *theirs, const char *key, const char *keep_mine,
		     const char *keep_theirs, const char *original)
{
	static const enum merge_choice choices[] = { CHOICE_MINE, CHOICE_THEIRS, CHOICE_BASE };
	const char *const wanted[] = { keep_mine, keep_theirs, original };
	struct merge m;
	struct blob out;
	const char *why;
	run(&m, base, mine, theirs);
	cr_assert_eq(m.outcome, MERGE_CONFLICTS, "'%s' '%s' '%s': %.*s", base, mine, theirs, (int)m.result.len,
		     m.result.data);
	cr_assert_eq(m.kind, MERGE_KIND_JSON);
	cr_assert_eq(m.hunk_count, 1);
	cr_assert_str_eq(m.hunks[0].key, key);
	for (int i = 0; i < 3; i++) {
		cr_assert(merge_settle(&m, &choices[i], 1, &out, &why), "%s", why);
		is(span_blob(&out), wanted[i]);
		blob_finish(&out);
	}
	cr_assert_not(merge_settle(&m, (enum merge_choice[]){ CHOICE_BOTH }, 1, &out, &why));
	cr_assert_not_null(why);
	merge_finish(&m);
}

Test(merge_json, two_keys_of_a_commented_file_on_two_devices)
{
	static const char base[] =
		"\xef\xbb\xbf// my settings\r\n{\r\n\t/* look */\r\n\t\"editor.fontSize\" : 12, // points\r\n"
		"\t\"theme\":\"dark\",\r\n\t\"list\": [1,2,  3],\r\n\t// last\r\n}\r\n// end";
	static const char both[] =
		"\xef\xbb\xbf// my settings\r\n{\r\n\t/* look */\r\n\t\"editor.fontSize\" : 14, // points\r\n"
		"\t\"theme\":\"light\",\r\n\t\"list\": [1,2,  3],\r\n\t// last\r\n}\r\n// end";
	char mine[sizeof base], theirs[sizeof base + 1];
	strcpy(mine, base);
	memcpy(strstr(mine, "12"), "14", 2);
	char *theme = strstr(base, "dark");
	snprintf(theirs, sizeof theirs, "%.*slight%s", (int)(theme - base), base, theme + 4);
	clean(base, mine, theirs, both);
}

Test(merge_json, both_add_keys_at_one_place)
{
	clean("{\n\t\"a\": 1\n}\n", "{\n\t\"a\": 1,\n\t\"m\": 2 // mine\n}\n", "{\n\t\"a\": 1,\n\t\"b\": 3\n}\n",
	      "{\n\t\"a\": 1,\n\t\"b\": 3,\n\t\"m\": 2 // mine\n}\n");
	clean("{}", "{\"a\":1}", "{\"b\":2}", "{\"a\":1,\"b\":2}");
	clean("{\"z\":0}", "{\"m\":1, \"z\":0}", "{\"b\":1, \"z\":0}", "{\"b\":1,\"m\":1, \"z\":0}");
	clean("{\n}\n", "{\n  \"a\": 1,\n}\n", "{\n  \"b\": 1,\n}\n", "{\n  \"a\": 1,\n  \"b\": 1,\n}\n");
	clean("{\"a\":1, \"b\":2}", "{\"a\":1, \"x\":0, \"y\":0, \"b\":2}", "{\"a\":1, \"c\":0, \"d\":0, \"b\":2}",
	      "{\"a\":1, \"c\":0, \"d\":0, \"x\":0, \"y\":0, \"b\":2}");
}

Test(merge_json, keys_on_one_line)
{
	clean("{\"a\":1,\"b\":2}", "{\"a\":5,\"b\":2}", "{\"a\":1,\"b\":6}", "{\"a\":5,\"b\":6}");
	clean("{\"a\":1,\"b\":2}", "{\"b\":2}", "{\"a\":1,\"b\":6}", "{\"b\":6}");
	clean("{\"a\":1,\"b\":2,\"c\":3}", "{\"a\":1,\"b\":2}", "{\"b\":2,\"c\":3}", "{\"b\":2}");
	clean("{\"a\":{\"x\":1,\"y\":2}}", "{\"a\":{\"x\":5,\"y\":2}}", "{\"a\":{\"x\":1,\"y\":2,\"z\":3}}",
	      "{\"a\":{\"x\":5,\"y\":2,\"z\":3}}");
}

Test(merge_json, the_same_key_changed_differently)
{
	conflict("{\"a\": {\"b\": 1, \"c\": 0}}", "{\"a\": {\"b\": 2, \"c\": 0}}", "{\"a\": {\"b\": 3, \"c\": 0}}",
		 "a.b", "{\"a\": {\"b\": 2, \"c\": 0}}", "{\"a\": {\"b\": 3, \"c\": 0}}",
		 "{\"a\": {\"b\": 1, \"c\": 0}}");
	conflict("{\n \"b\": 1,\n \"c\": 0\n}", "{\n \"b\": 2,\n \"c\": 5\n}", "{\n \"c\": 0\n}", "b",
		 "{\n \"b\": 2,\n \"c\": 5\n}", "{\n \"c\": 5\n}", "{\n \"b\": 1,\n \"c\": 5\n}");
	conflict("{}", "{\"k\": 1}", "{\"k\": 2}", "k", "{\"k\": 1}", "{\"k\": 2}", "{}");
	conflict("{\"l\": [1, 2]}", "{\"l\": [1, 2, 3]}", "{\"l\": [1, 2, 4]}", "l[2]", "{\"l\": [1, 2, 3]}",
		 "{\"l\": [1, 2, 4]}", "{\"l\": [1, 2]}");
	conflict("{\"a\": 1}", "{\"a\": {\"b\": 1}}", "{\"a\": [1]}", "a", "{\"a\": {\"b\": 1}}", "{\"a\": [1]}",
		 "{\"a\": 1}");
	conflict("{\n // x\n \"a\": 1}", "{\n // y\n \"a\": 1}", "{\n // z\n \"a\": 1}", "a (comment)",
		 "{\n // y\n \"a\": 1}", "{\n // z\n \"a\": 1}", "{\n // x\n \"a\": 1}");
	conflict("1", "2", "3", "", "2", "3", "1");
}

Test(merge_json, comments_and_reformatting_are_kept)
{
	/* One side indents anew, the other changes values: both are in it. */
	clean("{\"a\": 1, \"b\": {\"c\": 2}}", "{\n\t\"a\": 1,\n\t\"b\": {\n\t\t\"c\": 2\n\t}\n}",
	      "{\"a\": 5, \"b\": {\"c\": 6}}", "{\n\t\"a\": 5,\n\t\"b\": {\n\t\t\"c\": 6\n\t}\n}");
	clean("{\"a\": 1, \"b\": 2}", "{\"a\": 1, /* why */ \"b\": 2}", "{\"a\": 1, \"b\": 3}",
	      "{\"a\": 1, /* why */ \"b\": 3}");
	/* A comment at the end of a line never swallows what is put behind it. */
	clean("{\"a\": 1 // x\n}", "{\"a\": 1, // x\n\"b\": 2}", "{\"a\": 3 // x\n}", "{\"a\": 3, // x\n\"b\": 2}");
	clean("{\"a\":1}", "{\"a\":1,\"m\":2 // m\n}", "{\"a\":1,\"t\":3}", "{\"a\":1,\"m\":2, // m\n\"t\":3\n}");
}

Test(merge_json, arrays)
{
	clean("[1,2,3,4,5]", "[9,2,3,4,5]", "[1,2,3,4,8]", "[9,2,3,4,8]");
	clean("[1,2,3]", "[1,2,3,4]", "[0,1,2,3]", "[0,1,2,3,4]");
	clean("[{\"a\":1,\"b\":2}]", "[{\"a\":5,\"b\":2}]", "[{\"a\":1,\"b\":6}]", "[{\"a\":5,\"b\":6}]");
	clean("[{\"a\":1},{\"b\":2}]", "[{\"a\":5},{\"b\":2}]", "[{\"a\":1},{\"b\":6}]", "[{\"a\":5},{\"b\":6}]");
	clean("[1,2,3]", "[1, 2, 3]", "[1,3]", "[1, 3]");
}

Test(merge_json, objects_in_an_array_are_things_of_their_own)
{
	clean("[{\"a\":1},{\"z\":0}]", "[{\"a\":5},{\"z\":0}]", "[{\"a\":1},{\"n\":1},{\"z\":0}]",
	      "[{\"a\":5},{\"n\":1},{\"z\":0}]");
	clean("[{\"a\":1},{\"z\":0}]", "[{\"z\":0}]", "[{\"a\":1},{\"n\":1},{\"z\":0}]", "[{\"n\":1},{\"z\":0}]");
	clean("[{\"a\":1},{\"z\":0}]", "[{\"z\":0}]", "[{\"n\":1},{\"a\":1},{\"z\":0}]", "[{\"n\":1},{\"z\":0}]");
	clean("[{\"a\":1},{\"z\":0}]", "[{\"a\":5},{\"z\":0}]", "[{\"a\":5},{\"n\":1},{\"z\":0}]",
	      "[{\"a\":5},{\"n\":1},{\"z\":0}]");
	clean("[{\"a\":1},{\"z\":0}]", "[{\"a\":5},{\"z\":0}]", "[{\"n\":1},{\"a\":5},{\"z\":0}]",
	      "[{\"n\":1},{\"a\":5},{\"z\":0}]");
	conflict("[{\"a\":1}]", "[{\"a\":1},{\"m\":1}]", "[{\"a\":1},{\"t\":1}]", "[1]", "[{\"a\":1},{\"m\":1}]",
		 "[{\"a\":1},{\"t\":1}]", "[{\"a\":1}]");
}

Test(merge_json, a_key_that_was_renamed_while_its_value_changed)
{
	clean("{\n\"a\": {\n\"x\": 1,\n\"y\": 2\n}\n}", "{\n\"b\": {\n\"x\": 1,\n\"y\": 2\n}\n}",
	      "{\n\"a\": {\n\"x\": 1,\n\"y\": 5\n}\n}", "{\n\"b\": {\n\"x\": 1,\n\"y\": 5\n}\n}");
}

Test(merge_json, both_the_same)
{
	clean("{\"a\":1}", "{\"a\":1,\"b\":2}", "{\"a\":1, \"b\":2}", "{\"a\":1, \"b\":2}");
	clean("{\"a\":1,\"b\":2}", "{\"a\":1}", "{ \"a\":1}", "{ \"a\":1}");
	clean("{\"\\u0061\":1}", "{\"a\":1}", "{\"\\u0061\":2}", "{\"a\":2}");
}

Test(merge_json, order_follows_the_side_that_changed_it)
{
	clean("{\"a\":1,\"b\":2,\"c\":3}", "{\"c\":3,\"a\":1,\"b\":2}", "{\"a\":1,\"b\":5,\"c\":3}",
	      "{\"c\":3,\"a\":1,\"b\":5}");
}

Test(merge_json, a_merge_by_lines_that_breaks_the_file_is_not_taken)
{
	/* By lines clean, but the same key twice. */
	struct merge m;
	run(&m, "{\n\"a\": 1,\n\"b\": 2,\n\"c\": 3\n}\n", "{\n\"k\": 0,\n\"a\": 1,\n\"b\": 2,\n\"c\": 3\n}\n",
	    "{\n\"a\": 1,\n\"b\": 2,\n\"k\": 5,\n\"c\": 3\n}\n");
	cr_assert_eq(m.outcome, MERGE_CONFLICTS);
	cr_assert_eq(m.hunk_count, 1);
	cr_assert_str_eq(m.hunks[0].key, "k");
	merge_finish(&m);
}

/* The first object is gone on one side and edited on the other. By lines that is clean, and would edit the second one:
 * their first lines are alike. */
Test(merge_json, a_merge_by_lines_that_edits_another_object_is_not_taken)
{
	struct merge m;
	run(&m, "[\n{\n\"a\": 1,\n\"b\": 1,\n\"c\": 1\n},\n{\n\"a\": 1,\n\"b\": 1,\n\"c\": 2\n}\n]\n",
	    "[\n{\n\"a\": 1,\n\"b\": 1,\n\"c\": 2\n}\n]\n",
	    "[\n{\n\"a\": 7,\n\"b\": 1,\n\"c\": 1\n},\n{\n\"a\": 1,\n\"b\": 1,\n\"c\": 2\n}\n]\n");
	cr_assert_eq(m.outcome, MERGE_CONFLICTS);
	cr_assert_eq(m.kind, MERGE_KIND_JSON);
	merge_finish(&m);
	merge_run(&m, MERGE_KIND_TEXT,
		  span_text("[\n{\n\"a\": 1,\n\"b\": 1,\n\"c\": 1\n},\n{\n\"a\": 1,\n\"b\": 1,\n\"c\": 2\n}\n]\n"),
		  span_text("[\n{\n\"a\": 1,\n\"b\": 1,\n\"c\": 2\n}\n]\n"),
		  span_text("[\n{\n\"a\": 7,\n\"b\": 1,\n\"c\": 1\n},\n{\n\"a\": 1,\n\"b\": 1,\n\"c\": 2\n}\n]\n"));
	cr_assert_eq(m.outcome, MERGE_CLEAN, "git would");
	merge_finish(&m);
}

Test(merge_json, what_is_no_json_is_text)
{
	struct merge m;
	run(&m, "{a: 1,\nb: 2,\nc: 3}", "{a: 5,\nb: 2,\nc: 3}", "{a: 1,\nb: 2,\nc: 7}");
	cr_assert_eq(m.outcome, MERGE_CLEAN);
	cr_assert_eq(m.kind, MERGE_KIND_TEXT);
	is(span_blob(&m.result), "{a: 5,\nb: 2,\nc: 7}");
	merge_finish(&m);
	/* Nobody knows what a key that is there twice means: but lines are lines. */
	run(&m, "{\"a\":1,\n\"\\u0061\":2\n,\"b\":3}", "{\"a\":5,\n\"\\u0061\":2\n,\"b\":3}",
	    "{\"a\":1,\n\"\\u0061\":2\n,\"b\":4}");
	cr_assert_eq(m.outcome, MERGE_CLEAN);
	cr_assert_eq(m.kind, MERGE_KIND_TEXT);
	merge_finish(&m);
}

Test(merge_json, refuses_what_it_cannot_tell)
{
	struct merge m;
	char deep[300];
	memset(deep, '[', 100);
	memset(deep + 100, ']', 100);
	deep[200] = 0;
	run(&m, "[]", "[[]]", deep);
	cr_assert_eq(m.outcome, MERGE_REFUSED);
	merge_finish(&m);
}

/* ---- the reader ---- */

static enum jsontree_fault fault(const char *text)
{
	struct jsontree t;
	enum jsontree_fault f = jsontree_read(&t, span_text(text));
	if (!f)
		jsontree_finish(&t);
	return f;
}

Test(jsontree, reads_what_json_is)
{
	static const char *const fine[] = { "1",
					    "-0.5e+3",
					    "\"\"",
					    "[]",
					    "{}",
					    "[1,]",
					    "{\"a\":1,}",
					    " // x\n1",
					    "1 // x",
					    "/**/1/**/",
					    "\"\\ud83d\\ude00\\n\\\"\"",
					    "[null,true,false]",
					    "{\"a\":[{}]}" };
	static const char *const bad[] = { "",         "01",    "1.",  ".5",     "-",       "+1",
					   "1e",       "[,]",   "{,}", "[1,,2]", "[1 2]",   "{\"a\" 1}",
					   "{\"a\":}", "{a:1}", "'a'", "\"\n\"", "\"\\x\"", "\"\\u12g4\"",
					   "\"",       "[",     "{",   "}",      "nul",     "truex",
					   "1 /*",     "1 2",   "/",   "[1/]",   "\"\\",    "\"\\u12" };
	for (size_t i = 0; i < sizeof fine / sizeof *fine; i++)
		cr_assert_eq(fault(fine[i]), JSONTREE_FINE, "%s", fine[i]);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		cr_assert_eq(fault(bad[i]), JSONTREE_NOT_JSON, "%s", bad[i]);
	cr_assert_eq(fault("{\"a\":{\"b\":1,\"b\":1}}"), JSONTREE_TWICE);
}

static void put_node(struct buf *out, const struct jsontree_node *n)
{
	if (n->type == JSONTREE_SCALAR) {
		buf_span(out, n->bytes);
		return;
	}
	buf_put(out, n->bytes.data, 1);
	buf_span(out, n->opener);
	for (size_t i = 0; i < n->count; i++) {
		const struct jsontree_member *m = &n->members[i];
		buf_span(out, m->lead);
		buf_span(out, m->key);
		buf_span(out, m->colon);
		put_node(out, &m->value);
		buf_span(out, m->tail);
		if (i + 1 < n->count || n->comma)
			buf_u8(out, ',');
		buf_span(out, m->after);
	}
	buf_span(out, n->closing);
	buf_put(out, n->bytes.data + n->bytes.len - 1, 1);
}

Test(jsontree, its_pieces_are_its_bytes)
{
	static const char text[] = "\xef\xbb\xbf /* a */ { // open\r\n \"k\" /*c*/ : /*d*/ [ 1 , 2 /*e*/, // two\n 3 ] "
				   ", /* f */ \"l\":{}, // g\n"
				   "/* h\n*/ \"m\" : [ ] // i\n /* j */ } // k";
	struct jsontree t;
	struct buf out = { 0 };
	cr_assert_eq(jsontree_read(&t, span_text(text)), JSONTREE_FINE);
	buf_span(&out, t.lead);
	put_node(&out, &t.root);
	buf_span(&out, t.end);
	is(buf_view(&out), text);
	is(t.root.opener, " // open");
	is(t.root.members[0].after, "");
	is(t.root.members[1].lead, " /* f */ ");
	is(t.root.members[1].after, " // g");
	is(t.root.members[2].after, " // i");
	is(t.root.closing, "\n /* j */ ");
	buf_finish(&out);
	jsontree_finish(&t);
}

/* ---- random edits, against jansson ---- */

static json_t *random_value(struct rng *r, int depth)
{
	switch (rng_below(r, depth < 3 ? 6 : 3)) {
	case 0:
		return json_integer((json_int_t)rng_below(r, 4));
	case 1:
		return json_string(rng_below(r, 2) ? "x // no comment" : "\"quoted\"");
	case 2:
		return json_boolean(rng_below(r, 2));
	case 3: {
		json_t *array = json_array();
		for (uint64_t i = rng_below(r, 4); i; i--)
			json_array_append_new(array, random_value(r, depth + 1));
		return array;
	}
	default: {
		json_t *object = json_object();
		for (uint64_t i = rng_below(r, 5); i; i--) {
			char key[2] = { (char)('a' + rng_below(r, 8)), 0 };
			json_object_set_new(object, key, random_value(r, depth + 1));
		}
		return object;
	}
	}
}

static void change(struct rng *r, json_t *object, int depth)
{
	char key[2] = { (char)('a' + rng_below(r, 8)), 0 };
	json_t *value = json_object_get(object, key);
	if (json_is_object(value) && rng_below(r, 3))
		change(r, value, depth + 1);
	else if (value && rng_below(r, 3) == 0)
		json_object_del(object, key);
	else
		json_object_set_new(object, key, random_value(r, depth + 1));
}

/* With a comment before and behind each key, told from the key, so that nobody changes one. */
static void print(struct buf *out, const json_t *v, int depth, bool wide)
{
	const char *key;
	json_t *value;
	bool first = true;
	if (!json_is_object(v)) {
		char *text = json_dumps(v, JSON_ENCODE_ANY | (wide ? 0 : JSON_COMPACT));
		buf_printf(out, "%s", text);
		free(text);
		return;
	}
	buf_printf(out, "{");
	json_object_foreach((json_t *)v, key, value)
	{
		buf_printf(out, "%s%s%*s\"%s\": ", first ? "" : ",", wide ? "\n" : " ", wide ? depth * 2 : 0, "", key);
		print(out, value, depth + 1, wide);
		first = false;
	}
	buf_printf(out, "%s}", wide && !first ? "\n" : "");
}

static struct blob printed(const json_t *v, bool wide)
{
	struct buf out = { 0 };
	print(&out, v, 1, wide);
	return buf_take(&out);
}

/* What the merge has to give; NULL with *asks: a person has to say, or it is about arrays. */
static json_t *expected(const json_t *base, const json_t *mine, const json_t *theirs, bool *asks)
{
	const char *key;
	json_t *value;
	if (json_equal(mine, theirs) || (!mine && !theirs) || json_equal(base, theirs) || (!base && !theirs))
		return json_incref((json_t *)mine);
	if (json_equal(base, mine) || (!base && !mine))
		return json_incref((json_t *)theirs);
	if (!json_is_object(base) || !json_is_object(mine) || !json_is_object(theirs)) {
		*asks = true;
		return NULL;
	}
	json_t *out = json_object();
	const json_t *const all[] = { base, mine, theirs };
	for (int i = 0; i < 3; i++)
		json_object_foreach((json_t *)all[i], key, value) if (!json_object_get(out, key))
		{
			json_t *one = expected(json_object_get(base, key), json_object_get(mine, key),
					       json_object_get(theirs, key), asks);
			if (one)
				json_object_set_new(out, key, one);
		}
	return out;
}

static json_t *loaded(struct span text)
{
	json_error_t e;
	json_t *v = json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &e);
	cr_assert(v, "%s: %.*s", e.text, (int)text.len, text.data);
	return v;
}

Test(merge_json, random_edits_merge_as_by_value)
{
	struct rng r;
	unsigned merged = 0, asked = 0;
	rng_seed(&r, 5);
	for (unsigned i = 0; i < 4000; i++) {
		json_t *base = json_object(), *mine, *theirs;
		for (int k = 0; k < 6; k++)
			change(&r, base, 0);
		mine = json_deep_copy(base);
		theirs = json_deep_copy(base);
		for (uint64_t k = 1 + rng_below(&r, 3); k; k--)
			change(&r, mine, 0);
		for (uint64_t k = 1 + rng_below(&r, 3); k; k--)
			change(&r, theirs, 0);
		bool asks = false, wide = rng_below(&r, 2);
		json_t *wanted = expected(base, mine, theirs, &asks);
		struct blob b = printed(base, wide), x = printed(mine, rng_below(&r, 4) ? wide : !wide),
			    y = printed(theirs, wide);
		struct merge m, swapped;
		merge_run(&m, MERGE_KIND_JSON, span_blob(&b), span_blob(&x), span_blob(&y));
		merge_run(&swapped, MERGE_KIND_JSON, span_blob(&b), span_blob(&y), span_blob(&x));
		cr_assert_neq(m.outcome, MERGE_REFUSED, "round %u: %s", i, m.why);
		cr_assert_eq(m.outcome, swapped.outcome, "round %u", i);
		cr_assert_eq(m.hunk_count, swapped.hunk_count, "round %u", i);
		if (!asks) {
			cr_assert_eq(m.outcome, MERGE_CLEAN, "round %u: %.*s, %.*s, %.*s", i, (int)b.len, b.data,
				     (int)x.len, x.data, (int)y.len, y.data);
			json_t *got = loaded(span_blob(&m.result));
			cr_assert(json_equal(got, wanted), "round %u: %.*s", i, (int)m.result.len, m.result.data);
			json_decref(got);
		}
		if (m.outcome == MERGE_CLEAN) {
			merged++;
			cr_assert(span_equal(span_blob(&m.result), span_blob(&swapped.result)),
				  "round %u: %.*s or %.*s", i, (int)m.result.len, m.result.data,
				  (int)swapped.result.len, swapped.result.data);
		} else {
			enum merge_choice choices[64];
			struct blob out;
			const char *why;
			asked++;
			cr_assert_leq(m.hunk_count, 64);
			for (int c = 0; c < 20; c++) {
				for (int k = 0; k < 64; k++)
					choices[k] = (enum merge_choice[]){ CHOICE_MINE, CHOICE_THEIRS,
									    CHOICE_BASE }[rng_below(&r, 3)];
				cr_assert(merge_settle(&m, choices, m.hunk_count, &out, &why), "round %u: %s", i, why);
				json_decref(loaded(span_blob(&out)));
				blob_finish(&out);
			}
		}
		merge_finish(&m);
		merge_finish(&swapped);
		blob_finish(&b);
		blob_finish(&x);
		blob_finish(&y);
		json_decref(base);
		json_decref(mine);
		json_decref(theirs);
		json_decref(wanted);
	}
	cr_assert(merged > 1000 && asked > 500, "%u merged, %u asked", merged, asked);
}

/* The check weighs each key once: were it once for each side that has it, sixty levels would never end. */
Test(merge_json, deep_objects_are_checked_once_a_level, .timeout = 20)
{
	char text[3][1024];
	static const char *const inner[] = { "[1, 2, 3, 4]", "[9, 2, 3, 4]", "[1, 2, 3, 8]" };
	struct merge m;
	for (int i = 0; i < 3; i++) {
		char *at = text[i];
		for (int depth = 0; depth < 60; depth++)
			at += sprintf(at, "{\"a\":");
		at += sprintf(at, "%s", inner[i]);
		memset(at, '}', 60);
		at[60] = 0;
	}
	run(&m, text[0], text[1], text[2]);
	cr_assert_eq(m.outcome, MERGE_CLEAN, "%s", m.why ? m.why : "");
	cr_assert(memmem(m.result.data, m.result.len, "[9, 2, 3, 8]", 12));
	merge_finish(&m);
}

/* Any three texts, cut from the input at its two 0xfe bytes, merged in each way: the same whichever side is mine;
 * one-sided changes stay; every choice gives a whole file. */
#include <stdlib.h>
#include <string.h>

#include "engine/core/conflict/diff.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool holds)
{
	if (!holds)
		abort();
}

static struct span cut(struct span *rest)
{
	const uint8_t *end = rest->len ? memchr(rest->data, 0xfe, rest->len) : NULL;
	struct span first = span_of(rest->data, end ? (size_t)(end - rest->data) : rest->len);
	size_t used = first.len + (end != NULL);
	*rest = span_of(rest->data + used, rest->len - used);
	return first;
}

static void settle(const struct merge *m, struct span mine, struct span theirs)
{
	enum merge_choice *choices = malloc((m->hunk_count + 1) * sizeof *choices);
	for (int c = CHOICE_MINE; c <= CHOICE_BASE; c++) {
		struct blob out;
		const char *why;
		for (size_t i = 0; i < m->hunk_count; i++)
			choices[i] = (enum merge_choice)c;
		bool fine = merge_settle(m, choices, m->hunk_count, &out, &why);
		expect(fine == !why);
		expect(fine || c == CHOICE_BOTH);
		expect(!fine || out.len <= 2 * (mine.len + theirs.len) + 4096 + m->hunk_count * 4);
		blob_finish(&out);
	}
	free(choices);
}

static void try(enum merge_kind kind, struct span base, struct span mine, struct span theirs)
{
	struct merge m, swapped;
	merge_run(&m, kind, base, mine, theirs);
	merge_run(&swapped, kind, base, theirs, mine);
	expect(m.outcome == swapped.outcome && m.kind == swapped.kind && m.hunk_count == swapped.hunk_count);
	expect((m.outcome == MERGE_CONFLICTS) == (m.hunk_count > 0) && (m.outcome == MERGE_REFUSED) == (m.why != NULL));
	/* A check that fails is a fault of the merge, except by key, where it is the last word. */
	expect(m.outcome != MERGE_REFUSED || m.kind == MERGE_KIND_JSON || !strstr(m.why, "check"));
	expect(m.outcome != MERGE_CLEAN || span_equal(span_blob(&m.result), span_blob(&swapped.result)));
	if (m.outcome == MERGE_CLEAN) { /* merged once, both have it: nothing is left to merge */
		struct merge again;
		merge_run(&again, kind, mine, mine, span_blob(&m.result));
		expect(again.outcome == MERGE_CLEAN && span_equal(span_blob(&again.result), span_blob(&m.result)));
		merge_finish(&again);
	}
	if (m.outcome == MERGE_CONFLICTS)
		settle(&m, mine, theirs);
	merge_finish(&m);
	merge_finish(&swapped);
}

static void show(enum merge_kind kind, struct span from, struct span to)
{
	struct diff d;
	struct buf out = { 0 };
	diff_make(&d, kind, from, to);
	diff_write(&out, &d);
	expect((out.len == 0) == span_equal(from, to));
	expect(!out.len || !memchr(out.data, 0x1b, out.len));
	buf_finish(&out);
	diff_finish(&d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span rest = span_of(data, size), base = cut(&rest), mine = cut(&rest), theirs = cut(&rest);
	for (int kind = MERGE_KIND_TEXT; kind <= MERGE_KIND_LINES; kind++)
		try((enum merge_kind)kind, base, mine, theirs);
	show(MERGE_KIND_JSON, base, mine);
	show(MERGE_KIND_TEXT, mine, theirs);
	return 0;
}

/* A small history relived: edits of different lines merge, edits of one line are asked about, and it is counted so. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zstd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "sim/relive.h"

static void put(struct buf *trace, const char *op, const char *path, const char *text)
{
	buf_printf(trace, "%s\t0\t0\t1\tnotes\t%zu\tx\t%s\t\n%s\n", op, strlen(text), path, text);
}

static bool relive(const struct buf *trace, bool faults, struct relive_result *r)
{
	char path[] = "/tmp/syncline-relive-XXXXXX";
	size_t room = ZSTD_compressBound(trace->len);
	void *packed = mem_alloc(room);
	size_t len = ZSTD_compress(packed, room, trace->data, trace->len, 3);
	struct err e = { 0 };
	int fd = mkstemp(path);
	cr_assert(fd >= 0 && write(fd, packed, len) == (ssize_t)len);
	close(fd);
	free(packed);
	bool done =
		relive_run(&(struct relive_setup){ .file = path, .seed = 7, .devices = 2, .faults = faults }, r, &e);
	unlink(path);
	cr_expect(done, "%s %s", e.what, e.why);
	cr_expect_not(r->breach.found, "%s: %s", r->breach.invariant, r->breach.text);
	return done;
}

static const struct relive_sums *notes(const struct relive_result *r)
{
	size_t i = 0;
	while (strcmp(r->sums[i].name, "notes") != 0)
		i++;
	return &r->sums[i];
}

Test(relive, different_lines_merge_as_git_does)
{
	struct buf trace = { 0 };
	struct relive_result r;
	buf_printf(&trace, "replay-trace 1\tsmall\ta/b\tc\tCC0\t2\t1\n");
	put(&trace, "seed", "plan.md", "one\ntwo\nthree\nfour\nfive\n");
	put(&trace, "put", "plan.md", "ONE\ntwo\nthree\nfour\nfive\n");
	put(&trace, "put", "plan.md", "ONE\ntwo\nthree\nfour\nFIVE\n");
	cr_assert(relive(&trace, true, &r));
	const struct relive_sums *s = notes(&r);
	cr_expect_eq(s->overlaps, 1);
	cr_expect_eq(s->git_clean, 1);
	cr_expect_eq(s->merged, 1);
	cr_expect_eq(s->as_git, 1);
	cr_expect_eq(s->false_conflicts + s->missed_conflicts + s->lost + s->made_up, 0, "%s", r.complaint);
	buf_finish(&trace);
}

Test(relive, one_line_is_asked_about)
{
	struct buf trace = { 0 };
	struct relive_result r;
	buf_printf(&trace, "replay-trace 1\tsmall\ta/b\tc\tCC0\t2\t1\n");
	put(&trace, "seed", "plan.md", "one\ntwo\nthree\n");
	put(&trace, "put", "plan.md", "one\nTWO\nthree\n");
	put(&trace, "put", "plan.md", "one\nzwei\nthree\n");
	cr_assert(relive(&trace, false, &r));
	const struct relive_sums *s = notes(&r);
	cr_expect_eq(s->overlaps, 1);
	cr_expect_eq(s->git_clean, 0);
	cr_expect_eq(s->merged, 0);
	cr_expect_eq(s->false_conflicts + s->missed_conflicts + s->lost + s->made_up, 0, "%s", r.complaint);
	cr_expect_gt(r.tally.settlements, 0);
	buf_finish(&trace);
}

/* The same history gives the same life. */
Test(relive, is_deterministic)
{
	struct buf trace = { 0 };
	struct relive_result a, b;
	buf_printf(&trace, "replay-trace 1\tsmall\ta/b\tc\tCC0\t2\t1\n");
	put(&trace, "seed", "plan.md", "one\ntwo\nthree\nfour\nfive\n");
	put(&trace, "put", "plan.md", "ONE\ntwo\nthree\nfour\nfive\n");
	put(&trace, "put", "plan.md", "ONE\ntwo\nthree\nfour\nFIVE\n");
	cr_assert(relive(&trace, true, &a) && relive(&trace, true, &b));
	cr_expect_eq(a.digest, b.digest);
	buf_finish(&trace);
}

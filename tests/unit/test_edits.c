/* Replay traces: read, and refused where they are not what they should be. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zstd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "sim/edits.h"

#define HEAD "replay-trace 1\tsmall\tsomebody/files\tabc\tCC0\t2\t1\n"

static char path[] = "/tmp/syncline-edits-XXXXXX";

static void write_trace(const char *text, size_t len, size_t cut)
{
	size_t room = ZSTD_compressBound(len);
	void *packed = mem_alloc(room);
	size_t packed_len = ZSTD_compress(packed, room, text, len, 3);
	strcpy(path + strlen(path) - 6, "XXXXXX");
	int fd = mkstemp(path);
	cr_assert(fd >= 0 && write(fd, packed, packed_len - cut) == (ssize_t)(packed_len - cut));
	close(fd);
	free(packed);
}

/* How reading ends: 0 at the end, -1 refused; `count` edits came before. */
static int read_all(const char *text, size_t len, size_t cut, unsigned *count)
{
	struct err e = { 0 };
	struct edit d;
	int got = -1;
	*count = 0;
	write_trace(text, len, cut);
	struct edits *t = edits_open(path, &e);
	while (t && (got = edits_next(t, &d, &e)) > 0) {
		++*count;
		edit_finish(&d);
	}
	cr_expect(got == 0 || (e.what[0] && e.why[0]), "a refusal says why");
	edits_close(t);
	unlink(path);
	return got;
}

static int ends(const char *text, unsigned *count)
{
	return read_all(text, strlen(text), 0, count);
}

Test(edits, reads_every_kind)
{
	static const char text[] = HEAD "seed\t0\t0\t1\tnotes\t3\tx\ta.md\t\none\n"
					"put\t1\t1\t2\tnotes\t4\tx\tsub/b.md\t\ntwo\n\n"
					"rename\t2\t1\t2\tnotes\t0\tx\tc.md\ta.md\n\n"
					"delete\t3\t2\t3\tnotes\t0\tx\tc.md\t\n\n";
	struct err e;
	struct edit d;
	write_trace(text, strlen(text), 0);
	struct edits *t = edits_open(path, &e);
	cr_assert(t, "%s", e.why);
	cr_expect_str_eq(edits_name(t), "small");
	cr_assert_eq(edits_next(t, &d, &e), 1);
	cr_expect(d.op == EDIT_SEED && strcmp(d.path, "a.md") == 0 && d.content.len == 3 &&
		  memcmp(d.content.data, "one", 3) == 0);
	edit_finish(&d);
	cr_assert_eq(edits_next(t, &d, &e), 1);
	cr_expect(d.op == EDIT_PUT && strcmp(d.path, "sub/b.md") == 0 && d.content.len == 4);
	edit_finish(&d);
	cr_assert_eq(edits_next(t, &d, &e), 1);
	cr_expect(d.op == EDIT_RENAME && strcmp(d.from, "a.md") == 0 && d.content.len == 0);
	edit_finish(&d);
	cr_assert_eq(edits_next(t, &d, &e), 1);
	cr_expect(d.op == EDIT_DELETE);
	edit_finish(&d);
	cr_expect_eq(edits_next(t, &d, &e), 0);
	edits_close(t);
	unlink(path);
}

Test(edits, refuses_what_is_not_possible)
{
	unsigned count;
	cr_expect_eq(ends("", &count), -1);
	cr_expect_eq(ends("replay-trace 2\tx\n", &count), -1, "another version");
	cr_expect_eq(ends(HEAD "put\t1\t1\t2\tnotes\t99999999999\tx\ta\t\nx\n", &count), -1, "a size that nobody has");
	cr_expect_eq(ends(HEAD "put\t1\t1\t2\tnotes\t-1\tx\ta\t\nx\n", &count), -1);
	cr_expect_eq(ends(HEAD "put\t1\t1\t2\tnotes\t1x\tx\ta\t\nx\n", &count), -1);
	cr_expect_eq(ends(HEAD "put\t1\t1\t2\tnotes\t1\tx\t../a\t\nx\n", &count), -1, "a name that leads out");
	cr_expect_eq(ends(HEAD "put\t1\t1\t2\tno/tes\t1\tx\ta\t\nx\n", &count), -1, "a category that is none");
	cr_expect_eq(ends(HEAD "rename\t1\t1\t2\tnotes\t1\tx\ta\t/etc/x\nx\n", &count), -1,
		     "from a name that leads out");
	cr_expect_eq(ends(HEAD "steal\t1\t1\t2\tnotes\t1\tx\ta\t\nx\n", &count), -1, "an op that is none");
	cr_expect_eq(ends(HEAD "put\t1\t1\n", &count), -1, "too few fields");
	cr_expect_eq(ends(HEAD "put\t1\t1\t2\tnotes\t9\tx\ta\t\nx\n", &count), -1, "less content than it says");
	cr_expect_eq(ends(HEAD "put\t1\t1\t2\tnotes\t1\tx\ta\t\nx\nput\t2\t1\t2\tnotes\t1", &count), -1,
		     "cut in a line");
	cr_expect_eq(count, 1);
	struct buf line = { 0 };
	buf_printf(&line, "%sput\t1\t1\t2\tnotes\t1\tx\t", HEAD);
	for (int i = 0; i < 20000; i++)
		buf_put(&line, "a", 1);
	cr_expect_eq(read_all((const char *)line.data, line.len, 0, &count), -1, "a line without end");
	buf_finish(&line);
}

Test(edits, refuses_a_stream_that_was_cut)
{
	static const char text[] = HEAD "put\t1\t1\t2\tnotes\t3\tx\ta.md\t\none\n";
	unsigned count;
	cr_expect_eq(read_all(text, strlen(text), 0, &count), 0);
	cr_expect_eq(count, 1);
	for (size_t cut = 1; cut < 20; cut++)
		cr_expect_eq(read_all(text, strlen(text), cut, &count), -1, "%zu bytes short", cut);
}

/* Files that are written and read in parts: what is finished is what was given, whatever was staged before. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "engine/io/staged.h"

#define WHOLE 100000

static char dir[48];
static struct staged s;
static uint8_t *bytes;

static void start(void)
{
	snprintf(dir, sizeof dir, "/tmp/syncline-staged-XXXXXX");
	cr_assert(mkdtemp(dir));
	staged_init(&s, dir, "next");
	bytes = mem_alloc(WHOLE);
	for (size_t i = 0; i < WHOLE; i++)
		bytes[i] = (uint8_t)(i * 31 + i / 256);
}

static void stop(void)
{
	char command[80];
	staged_free(&s);
	free(bytes);
	snprintf(command, sizeof command, "rm -rf %s", dir);
	cr_assert_eq(system(command), 0);
}

TestSuite(staged, .init = start, .fini = stop);

static size_t entries(void)
{
	size_t count = 0;
	DIR *d = opendir(dir);
	for (struct dirent *e; (e = readdir(d));)
		count += e->d_name[0] != '.';
	closedir(d);
	return count;
}

static ino_t inode_of(const char *name)
{
	struct stat st;
	char *path = mem_printf("%s/%s", dir, name);
	ino_t ino = stat(path, &st) ? 0 : st.st_ino;
	free(path);
	return ino;
}

static void has(const char *name, struct span content)
{
	struct staged_in in = { 0 };
	struct blob read = { 0 };
	cr_assert(staged_open(&in, dir, name, content.len));
	while (read.len < content.len)
		cr_assert(staged_read(&in, &read, 30000));
	cr_assert(span_equal(span_blob(&read), content));
	staged_close(&in);
	blob_finish(&read);
}

Test(staged, what_grew_is_finished_with_its_rest_alone)
{
	staged_grow(&s, span_of(bytes, 30000));
	ino_t part = inode_of("next.part");
	staged_grow(&s, span_of(bytes, 60000));
	staged_grow(&s, span_of(bytes, 60000));
	cr_assert_eq(s.len, 60000);
	cr_assert(staged_finish(&s, "a", span_of(bytes, WHOLE)));
	has("a", span_of(bytes, WHOLE));
	cr_assert(part && inode_of("a") == part, "it was written twice");
	cr_assert_eq(entries(), 1);
	cr_assert_eq(s.fd, -1);
}

Test(staged, nothing_need_be_staged_and_a_name_is_replaced)
{
	cr_assert(staged_finish(&s, "a", span_of(bytes, 500)));
	cr_assert(staged_finish(&s, "a", span_of(bytes, 70000)));
	has("a", span_of(bytes, 70000));
	cr_assert_eq(entries(), 1);
}

Test(staged, something_else_is_written_from_its_beginning)
{
	uint8_t *other = mem_copy(bytes, WHOLE);
	other[29999] ^= 1;
	staged_grow(&s, span_of(bytes, 60000));
	cr_assert(staged_finish(&s, "elsewhere", span_of(other, WHOLE)));
	has("elsewhere", span_of(other, WHOLE));
	staged_grow(&s, span_of(bytes, 60000));
	bytes[59999] ^= 1; /* the same memory, and other bytes */
	cr_assert(staged_finish(&s, "changed", span_of(bytes, WHOLE)));
	has("changed", span_of(bytes, WHOLE));
	staged_grow(&s, span_of(bytes, 60000));
	cr_assert(staged_finish(&s, "shorter", span_of(bytes, 50000)));
	has("shorter", span_of(bytes, 50000));
	cr_assert_eq(entries(), 3);
	free(other);
}

Test(staged, what_is_dropped_or_begun_anew_leaves_nothing)
{
	staged_grow(&s, span_of(bytes, 60000));
	staged_grow(&s, span_of(NULL, 0));
	cr_assert_eq(entries(), 0);
	staged_grow(&s, span_of(bytes, 60000));
	staged_grow(&s, span_of(bytes + 100, 30000)); /* shorter: another one */
	cr_assert_eq(s.len, 30000);
	cr_assert(staged_finish(&s, "a", span_of(bytes + 100, 40000)));
	has("a", span_of(bytes + 100, 40000));
	staged_grow(&s, span_of(bytes, 60000));
	staged_free(&s);
	cr_assert_eq(entries(), 1);
	struct staged never = { 0 };
	staged_free(&never);
}

Test(staged, a_disk_that_refuses_is_asked_once_and_then_told)
{
	struct stat st;
	char *part = mem_printf("%s/next.part", dir);
	cr_assert_eq(mkdir(part, 0700), 0); /* stands in the way */
	staged_grow(&s, span_of(bytes, 30000));
	cr_assert(s.refused);
	cr_assert_eq(rmdir(part), 0);
	staged_grow(&s, span_of(bytes, 60000));
	cr_assert_neq(stat(part, &st), 0, "a second try in the middle would write all of it in one turn");
	cr_assert(staged_finish(&s, "a", span_of(bytes, WHOLE)));
	has("a", span_of(bytes, WHOLE));
	cr_assert_not(s.refused);
	cr_assert_eq(mkdir(part, 0700), 0);
	cr_assert_not(staged_finish(&s, "b", span_of(bytes, WHOLE)));
	cr_assert_eq(inode_of("b"), 0);
	cr_assert_eq(rmdir(part), 0);
	free(part);
}

Test(staged, only_a_file_of_the_known_size_is_read)
{
	struct staged_in in = { 0 };
	struct blob read = { 0 };
	char *path = mem_printf("%s/a", dir), *link = mem_printf("%s/link", dir), *fifo = mem_printf("%s/fifo", dir);
	cr_assert(staged_finish(&s, "a", span_of(bytes, 50000)));
	cr_assert_not(staged_open(&in, dir, "a", 49999));
	cr_assert_not(staged_open(&in, dir, "missing", 50000));
	cr_assert_eq(symlink("a", link), 0);
	cr_assert_not(staged_open(&in, dir, "link", 50000));
	cr_assert_eq(mkfifo(fifo, 0600), 0);
	cr_assert_not(staged_open(&in, dir, "fifo", 0));
	cr_assert_not(in.open);
	cr_assert(staged_open(&in, dir, "a", 50000));
	cr_assert(staged_read(&in, &read, 30000));
	cr_assert_eq(truncate(path, 40000), 0);
	cr_assert_not(staged_read(&in, &read, 30000), "it ends before its size");
	staged_close(&in);
	blob_finish(&read);
	free(path), free(link), free(fifo);
}

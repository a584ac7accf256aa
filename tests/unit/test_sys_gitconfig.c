#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "sys/atomicfile.h"
#include "sys/gitconfig.h"

static char dir[64];

static void enter(void)
{
	strcpy(dir, "/tmp/syncline-unit-XXXXXX");
	cr_assert(mkdtemp(dir) && !chdir(dir));
	setenv("TMPDIR", dir, 1);
}

static void leave(void)
{
	char command[128];
	snprintf(command, sizeof command, "rm -rf %s", dir);
	cr_assert(!chdir("/") && !system(command));
}

TestSuite(sys_gitconfig, .init = enter, .fini = leave, .timeout = 20);

static struct gitconfig *parse(const char *text)
{
	struct err e;
	return gitconfig_parse("text", span_text(text), &e);
}

static void put(const char *text)
{
	struct err e;
	cr_assert(atomicfile_write("config", span_text(text), 0640, &e));
}

static void is(const struct gitconfig *c, size_t at, int line, const char *section, const char *sub, const char *key,
	       const char *value)
{
	const struct gitconfig_entry *one = gitconfig_at(c, at);
	cr_assert_str_eq(one->section, section);
	cr_assert_eq(!one->subsection, !sub);
	cr_assert_str_eq(one->subsection ? one->subsection : "", sub ? sub : "");
	cr_assert_str_eq(one->key, key);
	cr_assert_str_eq(one->value, value);
	cr_assert_eq(one->line, line, "%s is on line %d, not %d", key, line, one->line);
}

Test(sys_gitconfig, entries_in_order_with_lines)
{
	struct gitconfig *c = parse("# comment\n"
				    "[Device]\n"
				    "\tName = lap # top\n"
				    "\n"
				    "[category \"No.tes \\\" x\"]   ; why\n"
				    "\tpath = \"~/a;b\" \\\n"
				    "  more\n"
				    "\tignore = *.swp\n"
				    "\tignore = *.bak ; and \\\n"
				    "\tflag\n"
				    "[one] here = 1\n"
				    "[hub]\n"
				    "\turl = wss://x\r\n"
				    "\tlast = z");
	cr_assert_not_null(c);
	cr_assert_eq(gitconfig_count(c), 8);
	is(c, 0, 3, "device", NULL, "name", "lap");
	is(c, 1, 6, "category", "No.tes \" x", "path", "~/a;b   more");
	is(c, 2, 8, "category", "No.tes \" x", "ignore", "*.swp");
	is(c, 3, 9, "category", "No.tes \" x", "ignore", "*.bak");
	is(c, 4, 10, "category", "No.tes \" x", "flag", "true");
	is(c, 5, 11, "one", NULL, "here", "1");
	is(c, 6, 13, "hub", NULL, "url", "wss://x");
	is(c, 7, 14, "hub", NULL, "last", "z");
	cr_assert_str_eq(gitconfig_get(c, "category.No.tes \" x.ignore"), "*.bak", "the last one");
	cr_assert_str_eq(gitconfig_get(c, "HUB.URL"), "wss://x");
	cr_assert_null(gitconfig_get(c, "category.no.tes \" x.ignore"));
	cr_assert_null(gitconfig_get(c, "category.ignore"));
	cr_assert_null(gitconfig_get(c, "hub"));
	gitconfig_destroy(c);
	c = parse("");
	cr_assert_eq(gitconfig_count(c), 0);
	gitconfig_destroy(c);
}

Test(sys_gitconfig, refuses_includes)
{
	static const char *const texts[] = {
		"[include]\n\tpath = /etc/hostname\n",
		"[a]\nb = c\n [ InClude ]\npath=x\n",
		"[includeIf \"gitdir:/\"]\n\tpath = x\n",
		"[a] [include]\npath = x\n",
		"\xef\xbb\xbf[include]\npath = x\n",
		"[a]\n\tb = 1 [include]\n",
		"[\tinclude \"x\"]\n",
		"\f[include]\npath = x\n",
	};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct gitconfig *c = parse(texts[i]);
		cr_assert_null(c, "%s", texts[i]);
	}
	struct gitconfig *c = parse("; [include] is not followed\n[a]\n# [include]\nb = c\n");
	cr_assert_eq(gitconfig_count(c), 1);
	gitconfig_destroy(c);
	struct err e;
	cr_assert_null(gitconfig_parse("t", span_of("[a]\nb = \0c\n", 11), &e));
}

Test(sys_gitconfig, tells_where_the_syntax_is_wrong)
{
	struct err e = { 0 };
	cr_assert_null(gitconfig_parse("config", span_text("[a]\n\tb = c\n[bro ken\n"), &e));
	cr_assert_eq(strncmp(e.what, "config:3", 8), 0, "%s: %s", e.what, e.why);
	cr_assert(!strstr(e.why, "/proc/"), "%s", e.why);
}

Test(sys_gitconfig, opens_only_safe_files)
{
	struct err e;
	struct gitconfig *c = gitconfig_open("config", GITCONFIG_MAX, &e);
	cr_assert(c && gitconfig_count(c) == 0, "none is an empty one");
	gitconfig_destroy(c);
	put("[a]\nb = c\n");
	cr_assert_eq(symlink("config", "link") | mkfifo("fifo", 0600), 0);
	cr_assert_null(gitconfig_open("link", GITCONFIG_MAX, &e));
	cr_assert_null(gitconfig_open("fifo", GITCONFIG_MAX, &e));
	cr_assert_null(gitconfig_open(".", GITCONFIG_MAX, &e));
	cr_assert_null(gitconfig_open("config", 5, &e));
	c = gitconfig_open("config", 10, &e);
	cr_assert_str_eq(gitconfig_get(c, "a.b"), "c");
	gitconfig_destroy(c);
	char *large = mem_alloc(GITCONFIG_MAX + 2);
	memset(large, '\n', GITCONFIG_MAX + 1);
	put(large);
	cr_assert_null(gitconfig_open("config", SIZE_MAX, &e));
	free(large);
	struct buf many = { 0 };
	buf_printf(&many, "[a]\n");
	for (int i = 0; i <= GITCONFIG_ENTRIES_MAX; i++)
		buf_printf(&many, "b=c\n");
	cr_assert_null(gitconfig_parse("many", buf_view(&many), &e));
	buf_finish(&many);
}

static bool text_is(const struct gitconfig_edit *d, const char *wanted)
{
	struct span t = gitconfig_edit_text(d);
	if (span_equal(t, span_text(wanted)))
		return true;
	fprintf(stderr, "--- is\n%.*s--- wanted\n%s", (int)t.len, (const char *)t.data, wanted);
	return false;
}

Test(sys_gitconfig, edits_keep_the_rest)
{
	struct err e = { 0 };
	put("# mine\n[hub]\n\turl = a ; old\n\n[category \"notes\"]\n\t# why\n\tpath = ~/n\n");
	struct gitconfig_edit *d = gitconfig_edit_start("config", &e);
	cr_assert(gitconfig_edit_set(d, "hub.url", "wss://h", &e), "%s: %s", e.what, e.why);
	cr_assert(gitconfig_edit_add(d, "category.notes.ignore", "*.a", &e), "%s: %s", e.what, e.why);
	cr_assert(gitconfig_edit_add(d, "category.notes.ignore", "*.b", &e));
	cr_assert(text_is(d, "# mine\n[hub]\n\turl = wss://h\n\n[category \"notes\"]\n\t# why\n\tpath = ~/n\n\tignore "
			     "= *.a\n\tignore = *.b\n"));
	cr_assert(gitconfig_edit_set(d, "category.notes.ignore", "*.c", &e), "one instead of two");
	cr_assert(gitconfig_edit_unset(d, "category.notes.path", &e));
	cr_assert(gitconfig_edit_unset(d, "category.notes.nothing", &e));
	cr_assert(gitconfig_edit_set(d, "device.name", "x y", &e), "a new section");
	cr_assert(text_is(d, "# mine\n[hub]\n\turl = wss://h\n\n[category \"notes\"]\n\t# why\n\tignore = "
			     "*.c\n[device]\n\tname = x y\n"));
	cr_assert(gitconfig_edit_commit(d, &e), "%s: %s", e.what, e.why);
	gitconfig_edit_destroy(d);
	struct stat s;
	cr_assert(!stat("config", &s) && (s.st_mode & 0777) == 0640, "its mode stays");
	struct gitconfig *c = gitconfig_open("config", GITCONFIG_MAX, &e);
	cr_assert_str_eq(gitconfig_get(c, "device.name"), "x y");
	gitconfig_destroy(c);
	cr_assert_eq(system("test $(ls -A | wc -l) = 1"), 0, "nothing stays beside it");
}

Test(sys_gitconfig, values_survive_or_are_refused)
{
	static const char *const values[] = { "",           " lead",       "trail ",    "a # b",     "a ; b",
					      "\"quoted\"", "back\\slash", "tab\there", "new\nline", "\\",
					      "a\\",        "ünï",         "\xff",      "= x",       "[x]" };
	struct err e;
	struct gitconfig_edit *d = gitconfig_edit_start("config", &e);
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		e = (struct err){ 0 };
		bool fine = gitconfig_edit_set(d, "a.b", values[i], &e);
		cr_assert(fine || e.why[0]);
		if (!fine)
			continue;
		struct span t = gitconfig_edit_text(d);
		struct gitconfig *c = gitconfig_parse("t", t, &e);
		cr_assert_str_eq(gitconfig_get(c, "a.b"), values[i]);
		cr_assert_eq(gitconfig_count(c), 1);
		gitconfig_destroy(c);
	}
	cr_assert(gitconfig_edit_set(d, "a.b", "plain", &e));
	cr_assert(!gitconfig_edit_set(d, "include.path", "/etc/passwd", &e));
	cr_assert(!gitconfig_edit_set(d, "nodot", "x", &e));
	cr_assert(!gitconfig_edit_set(d, "a.b c", "x", &e));
	cr_assert(gitconfig_edit_set(d, "a.sub \"q\" ].b", "x", &e), "%s: %s", e.what, e.why);
	gitconfig_edit_destroy(d);
	cr_assert_eq(access("config", F_OK), -1, "nothing was committed");
}

Test(sys_gitconfig, removes_sections)
{
	struct err e;
	put("[category \"a\"]\n\tx = 1\n\t# in a\n\ty = 2\n# about b\n[Category \"b\"]\n\tx = 3\n[category \"a\"] z = "
	    "1\n[category]\n\tq = 1\n");
	struct gitconfig_edit *d = gitconfig_edit_start("config", &e);
	cr_assert(gitconfig_edit_remove(d, "category", "a"));
	cr_assert(text_is(d, "# about b\n[Category \"b\"]\n\tx = 3\n[category]\n\tq = 1\n"));
	cr_assert(!gitconfig_edit_remove(d, "category", "a"));
	cr_assert(!gitconfig_edit_remove(d, "category", ""));
	cr_assert(!gitconfig_edit_remove(d, "category", "bb"));
	cr_assert(gitconfig_edit_remove(d, "category", NULL));
	cr_assert(gitconfig_edit_remove(d, "category", "b"));
	cr_assert(text_is(d, "# about b\n"));
	gitconfig_edit_destroy(d);
}

Test(sys_gitconfig, does_not_overwrite_another_edit)
{
	struct err e;
	put("[a]\nb = c\n");
	struct gitconfig_edit *d = gitconfig_edit_start("config", &e);
	cr_assert(gitconfig_edit_set(d, "a.b", "mine", &e));
	put("[a]\nb = theirs\n");
	cr_assert(!gitconfig_edit_commit(d, &e));
	gitconfig_edit_destroy(d);
	put("[a\n");
	cr_assert_null(gitconfig_edit_start("config", &e));
}

/* The configuration, and the keys. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/io/config.h"
#include "engine/io/keyring.h"
#include "engine/io/refuse.h"

static char dir[32], file[64], root[64], state[64];
static const char *home_dirs[2] = { state, NULL };

static void begin(void)
{
	strcpy(dir, "/tmp/syncline-config-XXXXXX");
	cr_assert(mkdtemp(dir));
	snprintf(file, sizeof file, "%s/config", dir);
	snprintf(root, sizeof root, "%s/root", dir);
	snprintf(state, sizeof state, "%s/state", dir);
	mkdir(root, 0755);
	mkdir(state, 0700);
	setenv("HOME", dir, 1);
}

static void end(void)
{
	char command[128];
	snprintf(command, sizeof command, "rm -rf %s", dir);
	cr_assert(system(command) == 0);
}

TestSuite(io_config, .init = begin, .fini = end, .timeout = 20);

static void write_config(const char *text)
{
	FILE *f = fopen(file, "w");
	fputs(text, f);
	fclose(f);
}

static const char *read_config(void)
{
	static char text[4096];
	FILE *f = fopen(file, "r");
	text[f ? fread(text, 1, sizeof text - 1, f) : 0] = 0;
	if (f)
		fclose(f);
	return text;
}

static const char *refusal(const char *text)
{
	static char line[1024];
	struct config c;
	struct err e = { 0 };
	write_config(text);
	if (config_load(&c, file, home_dirs, &e)) {
		config_finish(&c);
		return "(fine)";
	}
	return err_line(&e, line, sizeof line);
}

Test(io_config, strategies_by_path)
{
	struct config c;
	struct err e = { 0 };
	write_config(
		"[category \"notes\"]\n\tpath = ~/notes\n\tstrategy = merge\n\tstrategy-for = newest  drafts/\n"
		"\tstrategy-for = ask *.key\n\tstrategy-for = merge drafts/a b.md\n\tstrategy-for = newest *.log\n");
	cr_assert(config_load(&c, file, home_dirs, &e), "%s %s", e.what, e.why);
	const struct config_category *n = config_find(&c, "notes");
	cr_assert(n && config_setup(n).by_path);
	cr_expect_eq(config_strategy_of(n, "a.md"), STRATEGY_MERGE);
	cr_expect_eq(config_strategy_of(n, "drafts/a.md"), STRATEGY_NEWEST);
	cr_expect_eq(config_strategy_of(n, "drafts/deep/a.md"), STRATEGY_NEWEST);
	cr_expect_eq(config_strategy_of(n, "drafts"), STRATEGY_MERGE, "a folder's pattern is no file's");
	cr_expect_eq(config_strategy_of(n, "drafts/x.key"), STRATEGY_ASK, "ask before newest");
	cr_expect_eq(config_strategy_of(n, "drafts/a b.md"), STRATEGY_MERGE, "merge before newest");
	cr_expect_eq(config_strategy_of(n, "deep/x.log"), STRATEGY_NEWEST);
	config_finish(&c);
}

Test(io_config, whole)
{
	struct config c;
	struct err e = { 0 };
	write_config(
	        "[device]\n\tname = laptop\n[hub]\n\turl = wss://sync.example.org/realtime\n[console]\n\ttheme = x\n"
	        "[category \"notes\"]\n\tpath = ~/notes ; comment\n\tprofile = notes\n\tstrategy = ask\n\tignore = "
	        "*.tmp\n\tignore = build/\n"
	        "[category \"aliases\"]\n\tpath = ~\n\tinclude = .bash_aliases\n");
	cr_assert(config_load(&c, file, home_dirs, &e), "%s %s", e.what, e.why);
	cr_expect_str_eq(c.device_name, "laptop");
	cr_expect_str_eq(c.hub_url, "wss://sync.example.org/realtime");
	cr_assert_eq(c.category_count, 2);
	const struct config_category *n = config_find(&c, "notes"), *a = config_find(&c, "aliases");
	cr_assert(n && a);
	char want[80];
	snprintf(want, sizeof want, "%s/notes", dir);
	cr_expect_str_eq(n->path, want);
	cr_expect_eq(n->strategy, STRATEGY_ASK);
	cr_expect_eq(n->ignore_count, 2);
	cr_expect_str_eq(a->profile->name, "aliases", "a category named as a profile has it");
	cr_expect_eq(a->strategy, STRATEGY_MERGE);
	cr_expect_eq(config_setup(n).debounce_ms, 2000);
	cr_expect(config_wanted(n, "todo.md", false));
	cr_expect_not(config_wanted(n, "x.tmp", false));
	cr_expect_not(config_wanted(n, "build", true));
	cr_expect_not(config_wanted(n, "build/x", false));
	cr_expect_not(config_wanted(n, ".todo.md.swp", false));
	cr_expect_not(config_wanted(n, "todo.md~", false));
	cr_expect_not(config_wanted(n, ".#todo.md", false));
	cr_expect_not(config_wanted(n, "#todo.md#", false));
	cr_expect_not(config_wanted(n, "sub/4913", false));
	cr_expect_not(config_wanted(n, "sub/.git", true));
	cr_expect_not(config_wanted(n, "sub/.git/config", false));
	cr_expect_not(config_wanted(n, ".syncline-part-0", false));
	cr_expect(config_wanted(a, ".bash_aliases", false));
	cr_expect_not(config_wanted(a, "sub/.bash_aliases", false));
	cr_expect_not(config_wanted(a, "sub", true), "only the folders needed");
	config_finish(&c);
}

Test(io_config, a_category_has_numbers_of_its_own)
{
	struct config c;
	struct err e = { 0 };
	write_config("[category \"notes\"]\n\tpath = ~/notes\n\tprofile = notes\n\tinterval = 5m\n\tdebounce = 500ms\n"
	             "\tmin-change = 7\n\tmax-per-minute = 0\n\tmerge = lines\n"
	             "[category \"themes\"]\n\tpath = ~/themes\n");
	cr_assert(config_load(&c, file, home_dirs, &e), "%s %s", e.what, e.why);
	struct category_setup own = config_setup(config_find(&c, "notes")),
			      shipped = config_setup(config_find(&c, "themes"));
	cr_expect_eq(own.max_wait_ms, 300000);
	cr_expect_eq(own.debounce_ms, 500);
	cr_expect_eq(own.min_change_bytes, 7);
	cr_expect_eq(own.max_changes_per_minute, 0);
	cr_expect_eq(own.merge, MERGE_LINES);
	cr_expect_eq(shipped.max_wait_ms, 300000);
	cr_expect_eq(shipped.debounce_ms, 2000);
	cr_expect_eq(shipped.min_change_bytes, 50);
	cr_expect_eq(shipped.max_changes_per_minute, 30);
	cr_expect_eq(shipped.merge, MERGE_NONE);
	config_finish(&c);
	static const char *const bad[] = { "interval = 0s",        "interval = 25h",    "debounce = soon",
					   "debounce = 61s",       "min-change = -1",   "min-change = 2M",
					   "max-per-minute = 601", "max-per-minute = ", "merge = best" };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		char text[96];
		snprintf(text, sizeof text, "[category \"x\"]\n\tpath = ~/x\n\t%s\n", bad[i]);
		cr_expect(strstr(refusal(text), "config:3"), "%s: %s", bad[i], refusal(text));
	}
}

static bool includes(const char *pattern, const char *path, bool folder)
{
	struct config c;
	char text[512];
	struct err e = { 0 };
	snprintf(text, sizeof text, "[category \"x\"]\n\tpath = %s\n\tinclude = \"%s\"\n", root, pattern);
	write_config(text);
	cr_assert(config_load(&c, file, home_dirs, &e), "%s %s", e.what, e.why);
	bool is = config_wanted(&c.categories[0], path, folder);
	config_finish(&c);
	return is;
}

Test(io_config, includes)
{
	cr_expect(includes("a/b/*.md", "a", true));
	cr_expect(includes("a/b/*.md", "a/b", true));
	cr_expect_not(includes("a/b/*.md", "a/c", true));
	cr_expect_not(includes("a/b/*.md", "b", true));
	cr_expect(includes("a/b/*.md", "a/b/x.md", false));
	cr_expect_not(includes("a/b/*.md", "a/b/x.txt", false));
	cr_expect(includes(".config/app", ".config", true));
	cr_expect(includes(".config/app", ".config/app/deep", true));
	cr_expect(includes(".config/app", ".config/app/deep/file", false));
	cr_expect_not(includes(".config/app", ".config/other", true));
	cr_expect(includes("**/*.md", "any/where", true));
	cr_expect(includes("**/*.md", "any/where/x.md", false));
	cr_expect(includes("*.md", "x.md", false));
	cr_expect_not(includes("*.md", "any/x.md", false));
}

Test(io_config, refusals)
{
	char text[512];
	cr_expect(strstr(refusal("[device]\n\tname = a\n\tcolour = red\n"), "config:3: unknown key 'device.colour'"),
	          "%s", refusal("[device]\n\tname = a\n\tcolour = red\n"));
	cr_expect(strstr(refusal("[category \"Bad Name\"]\n\tpath = /x\n"), ":2: a category's name"));
	cr_expect(strstr(refusal("[category \"x\"]\n\tpath = relative\n"), "absolute"));
	cr_expect(strstr(refusal("[category \"x\"]\n\tstrategy = luck\n"), "no strategy 'luck'"));
	cr_expect(strstr(refusal("[category \"x\"]\n\tkeep = some\n"), "does not do for keep"));
	cr_expect(strstr(refusal("[category \"x\"]\n\tstrategy-for = luck *\n"), "no strategy 'luck'"));
	cr_expect(strstr(refusal("[category \"x\"]\n\tstrategy-for = ask\n"), "no pattern"));
	cr_expect(strstr(refusal("[category \"x\"]\n\tstrategy-for = ask !a\n"), "no pattern"));
	cr_expect(strstr(refusal("[category \"x\"]\n\tstrategy-for = \"ask #a\"\n"), "no pattern"), "a comment");
	cr_expect(strstr(refusal("[category \"x\"]\n\tprofile = none\n"), "no profile 'none'"));
	cr_expect(strstr(refusal("[category \"x\"]\n\tprofile = notes\n"), "no path"));
	cr_expect(strstr(refusal("[include]\n\tpath = /etc/passwd\n"), "include"));
	snprintf(text, sizeof text, "[category \"x\"]\n\tpath = %s\n", dir);
	cr_expect(strstr(refusal(text), "syncline's own files"));
	snprintf(text, sizeof text, "[category \"x\"]\n\tpath = %s\n\tinclude = notes\n", dir);
	cr_expect_str_eq(refusal(text), "(fine)");
	snprintf(text, sizeof text, "[category \"x\"]\n\tpath = %s/deeper\n", state);
	cr_expect(strstr(refusal(text), "syncline's own files"));
	snprintf(text, sizeof text, "[category \"x\"]\n\tpath = %s\n[category \"y\"]\n\tpath = %s/sub\n", root, root);
	cr_expect(strstr(refusal(text), "overlaps with category x"));
	snprintf(text, sizeof text,
	         "[category \"x\"]\n\tpath = %s\n\tignore = sub/\n[category \"y\"]\n\tpath = %s/sub\n", root, root);
	cr_expect_str_eq(refusal(text), "(fine)");
	snprintf(text, sizeof text,
	         "[category \"x\"]\n\tpath = %s\n\tinclude = a\n[category \"y\"]\n\tpath = %s\n\tinclude = b\n", root,
	         root);
	cr_expect_str_eq(refusal(text), "(fine)");
	snprintf(text, sizeof text,
	         "[category \"x\"]\n\tpath = %s\n\tinclude = a\n[category \"y\"]\n\tpath = %s\n\tinclude = a\n", root,
	         root);
	cr_expect(strstr(refusal(text), "overlaps"));
}

Test(io_config, missing_file_is_empty)
{
	struct config c;
	struct err e = { 0 };
	unlink(file);
	cr_assert(config_load(&c, file, home_dirs, &e));
	cr_expect_eq(c.category_count, 0);
	cr_expect(c.device_name[0]);
	config_finish(&c);
}

Test(io_config, set_keeps_comments)
{
	struct config c;
	struct err e = { 0 };
	write_config("# mine\n[device]\n\tname = a ; me\n");
	cr_expect(config_set(file, "hub.url", "ws://127.0.0.1:1/realtime", &e), "%s %s", e.what, e.why);
	cr_expect(strstr(read_config(), "# mine") && strstr(read_config(), "; me"));
	cr_assert(config_load(&c, file, home_dirs, &e));
	cr_expect_str_eq(c.hub_url, "ws://127.0.0.1:1/realtime");
	config_finish(&c);
	cr_expect_not(config_set(file, "hub.what", "1", &e), "nothing is written that cannot be read");
	cr_expect_not(strstr(read_config(), "what"));
}

Test(io_config, keyring)
{
	struct keyring k, again;
	struct err e = { 0 };
	char path[80], text[KEYRING_RECOVERY_MAX];
	uint8_t key[KEY_LEN], number;
	struct stat st;
	snprintf(path, sizeof path, "%s/keys", state);
	cr_assert(keyring_open(&k, path, &e), "%s %s", e.what, e.why);
	cr_expect(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);
	cr_expect_not(k.joined || k.has_account_key);
	cr_expect_not(keyring_export(&k, text, &e));
	keyring_make_account_key(&k);
	k.joined = true;
	k.hub.b[3] = 7;
	strcpy(k.account, "me");
	strcpy(k.url, "wss://x/realtime");
	k.has_pin = true;
	k.pin[31] = 9;
	cr_assert(keyring_save(&k, path, &e));
	cr_assert(keyring_open(&again, path, &e), "%s %s", e.what, e.why);
	cr_expect(memcmp(&k, &again, sizeof k) == 0);
	cr_assert(keyring_export(&k, text, &e));
	cr_expect(keyring_import(text, key, &number, &e));
	cr_expect(memcmp(key, k.account_key, KEY_LEN) == 0 && number == k.key_number);
	text[20] = text[20] == 'A' ? 'B' : 'A';
	cr_expect_not(keyring_import(text, key, &number, &e));
	cr_expect_not(keyring_import("syncline-key-1.", key, &number, &e));
	cr_expect_not(keyring_import("rubbish", key, &number, &e));
	chmod(path, 0640);
	cr_expect_not(keyring_open(&again, path, &e), "others may read it");
	chmod(path, 0600);
	FILE *f = fopen(path, "w");
	fputs("{\"format\":1,\"secret\":\"AAAA\"}", f);
	fclose(f);
	cr_expect_not(keyring_open(&again, path, &e));
	cr_expect(strstr(e.why, "damaged"));
}

/* What is refused unless it is allowed */

#define BODY "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gt"

static enum refuse_kind judge(const char *path, const char *text)
{
	return refuse_judge(path, span_text(text), 0);
}

Test(io_config, private_keys_are_told_by_their_content)
{
	cr_expect_eq(judge("k", "-----BEGIN OPENSSH PRIVATE KEY-----\n" BODY "\n"), REFUSE_PRIVATE_KEYS);
	cr_expect_eq(judge("k.pem", "-----BEGIN RSA PRIVATE KEY-----\r\nProc-Type: 4,ENCRYPTED\r\n\r\n" BODY "\r\n"),
	             REFUSE_PRIVATE_KEYS);
	cr_expect_eq(judge("all.pem", "-----BEGIN CERTIFICATE-----\n" BODY "\n-----END CERTIFICATE-----\n"
	                              "-----BEGIN EC PRIVATE KEY-----\n" BODY "\n"),
	             REFUSE_PRIVATE_KEYS, "behind a certificate");
	cr_expect_eq(judge("k.asc", "-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: x\n\n" BODY "\n"),
		     REFUSE_PRIVATE_KEYS);
	cr_expect_eq(judge("k.ppk", "PuTTY-User-Key-File-3: ssh-ed25519\n"), REFUSE_PRIVATE_KEYS);
	cr_expect_eq(judge("age.txt",
			   "# created\nAGE-SECRET-KEY-1QQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQ\n"),
		     REFUSE_PRIVATE_KEYS);
	cr_expect_eq(judge("ssh/id_ed25519", "x"), REFUSE_PRIVATE_KEYS, "by its name");
}

Test(io_config, a_key_is_found_wherever_its_file_is_cut_into_parts)
{
	static const char *const keys[] = { "\n-----BEGIN OPENSSH PRIVATE KEY-----\n" BODY "\n",
					    "AGE-SECRET-KEY-1QQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQ\n" };
	static char text[12000];
	for (size_t k = 0; k < 2; k++) {
		size_t at = 5000, len = strlen(keys[k]);
		memset(text, ' ', sizeof text);
		memcpy(text + at, keys[k], len);
		for (size_t cut = at - 10; cut < at + len + 10; cut++) {
			struct span first = span_of(text, cut), all = span_of(text, sizeof text);
			cr_expect(refuse_judge("a", first, 0) || refuse_judge("a", all, cut), "cut at %zu", cut);
		}
		cr_expect_not(refuse_judge("a", span_of(text, sizeof text), 11000), "it was judged before");
	}
	memcpy(text + 5000, "see -----BEGIN PRIVATE KEY-----\n" BODY "\n", 34 + strlen(BODY));
	cr_expect_not(refuse_judge("a", span_of(text, sizeof text), 5004 + 4096), "no line of its own, cut or not");
}

Test(io_config, what_only_speaks_of_keys_is_none)
{
	cr_expect_eq(judge("a.md", "A key begins with:\n-----BEGIN PRIVATE KEY-----\nand then comes base64.\n"),
		     REFUSE_NOTHING);
	cr_expect_eq(judge("a.md", "see -----BEGIN PRIVATE KEY-----\n" BODY "\n"), REFUSE_NOTHING,
		     "no line of its own");
	cr_expect_eq(judge("a.pem", "-----BEGIN CERTIFICATE-----\n" BODY "\n"), REFUSE_NOTHING);
	cr_expect_eq(judge("a.pub", "-----BEGIN PUBLIC KEY-----\n" BODY "\n"), REFUSE_NOTHING);
	cr_expect_eq(judge("id_ed25519.pub", "ssh-ed25519 AAAA"), REFUSE_NOTHING);
	cr_expect_eq(judge("id_ed25519", ""), REFUSE_NOTHING);
	cr_expect_eq(judge("a.md", "AGE-SECRET-KEY-1..."), REFUSE_NOTHING);
	cr_expect_eq(judge("a", "-----BEGIN "), REFUSE_NOTHING);
	cr_expect_eq(judge("a", "-----BEGIN PRIVATE KEY"), REFUSE_NOTHING);
}

Test(io_config, databases_are_told_by_their_header)
{
	char page[512] = "SQLite format 3";
	cr_expect_eq(refuse_judge("notes.txt", span_of(page, sizeof page), 0), REFUSE_DATABASES, "whatever its name");
	cr_expect_eq(refuse_judge("a-wal", span_of("\x37\x7f\x06\x82....", 8), 0), REFUSE_DATABASES);
	cr_expect_eq(refuse_judge("a-journal", span_of("\xd9\xd5\x05\xf9\x20\xa1\x63\xd7", 8), 0), REFUSE_DATABASES);
	cr_expect_eq(judge("a.db", "SQLite format 3 is what it begins with"), REFUSE_NOTHING,
		     "the header ends with a NUL");
	cr_expect_eq(refuse_beside("d/places.sqlite-wal"), strlen("d/places.sqlite"));
	cr_expect_eq(refuse_beside("places.db-shm"), strlen("places.db"));
	cr_expect_eq(refuse_beside("d/-wal"), 0);
	cr_expect_eq(refuse_beside("places.db"), 0);
}

Test(io_config, a_category_may_allow_them)
{
	struct config c;
	struct err e = { 0 };
	char text[256];
	snprintf(text, sizeof text, "[category \"n\"]\npath = %s\nallow = databases\nallow = private-keys\n", root);
	write_config(text);
	cr_assert(config_load(&c, file, home_dirs, &e), "%s", e.why);
	cr_expect_eq(c.categories[0].allow, (unsigned)(REFUSE_DATABASES | REFUSE_PRIVATE_KEYS));
	config_finish(&c);
	snprintf(text, sizeof text, "[category \"n\"]\npath = %s\nallow = everything\n", root);
	cr_expect(strstr(refusal(text), "nothing called 'everything'"), "%s", refusal(text));
}

Test(io_config, shipped_rules)
{
	struct config c;
	struct err e = { 0 };
	char text[256];
	static const char *const out[] = { "a~",
					   ".a.swp",
					   "4913",
					   "d/.#a",
					   "d/#a#",
					   ".cache/x",
					   "d/__pycache__/x.pyc",
					   "s.sock",
					   ".nfs0001",
					   ".fuse_hidden01",
					   ".DS_Store",
					   ".~lock.a.odt#",
					   ".git/config" };
	static const char *const in[] = { "a",  "cache/x", ".hidden",   "a.git", ".gitignore",
					  "#a", "~a",      "dir-foo/a", "a#",    "100%s%n" };
	snprintf(text, sizeof text, "[category \"n\"]\npath = %s\n", root);
	write_config(text);
	cr_assert(config_load(&c, file, home_dirs, &e));
	for (size_t i = 0; i < sizeof out / sizeof *out; i++)
		cr_expect_not(config_wanted(&c.categories[0], out[i], false), "%s", out[i]);
	for (size_t i = 0; i < sizeof in / sizeof *in; i++)
		cr_expect(config_wanted(&c.categories[0], in[i], false), "%s", in[i]);
	config_finish(&c);
}

/* The ledger and the version store: what was committed is there again, whatever happened in between. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <git2.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/rng.h"
#include "engine/core/limits.h"
#include "engine/io/ledger_sqlite.h"
#include "engine/io/versions_parts.h"
#include "tests/unit/version_hash.h"

static char dir[48];
static struct ledger *ledger;
static struct versions *versions;
static struct id damaged[8];
static size_t damaged_count;
static char trouble[700];

static struct id number(const char *what, uint64_t n)
{
	struct span part = span_of(&n, sizeof n);
	return hash_plain(what, &part, 1);
}

static void on_damaged(void *ctx, const struct id *version, const char *why)
{
	(void)ctx;
	(void)why;
	damaged[damaged_count++ % 8] = *version;
}

static void on_trouble(void *ctx, const struct err *e)
{
	(void)ctx;
	snprintf(trouble, sizeof trouble, "%s: %s", e->what, e->why);
}

static void open_all(void)
{
	struct err e = { 0 };
	const struct versions_hooks hooks = { .device_name = "laptop",
		                              .device = number("device", 0),
		                              .damaged = on_damaged,
		                              .version_start = version_start,
		                              .trouble = on_trouble };
	ledger = ledger_open(dir, &e);
	cr_assert(ledger, "%s: %s", e.what, e.why);
	versions = versions_open(dir, ledger, &hooks, &e);
	cr_assert(versions, "%s: %s", e.what, e.why);
}

static void close_all(void)
{
	versions_close(versions);
	ledger_close(ledger);
	versions = NULL;
	ledger = NULL;
}

static void begin(void)
{
	strcpy(dir, "/tmp/syncline-ledger-XXXXXX");
	cr_assert(mkdtemp(dir));
	open_all();
}

static void end(void)
{
	char command[128];
	close_all();
	snprintf(command, sizeof command, "rm -rf %s", dir);
	cr_assert(system(command) == 0);
}

TestSuite(io_ledger, .init = begin, .fini = end, .timeout = 60);

static bool commit(void)
{
	struct err e;
	return ledger_commit(ledger, &e);
}

static struct item_row item(uint64_t n)
{
	static char path[64];
	snprintf(path, sizeof path, "folder %llu/file", (unsigned long long)n);
	return (struct item_row){ .item = number("item", n),
		                  .category = "notes",
		                  .path = path,
		                  .side = n % 2,
		                  .main = number("main", n),
		                  .device = number("device", n),
		                  .head_seq = (n + 1) << 40,
		                  .head_version = number("head", n),
		                  .head_edited = UINT64_MAX - n,
		                  .head_device = number("by", n),
		                  .head_meta = 3,
		                  .head_size = n,
		                  .head_mtime_ms = -5,
		                  .agreed = number("agreed", n),
		                  .local = number("local", n),
		                  .local_stat = { n, -7, 8, UINT64_MAX, 4 },
		                  .local_edited = n,
		                  .local_at_ms = 77,
		                  .chain_len = 5,
		                  .chain_bytes = 6,
		                  .retry_count = 7,
		                  .detected_ms = 8,
		                  .hold = (uint8_t)(n % 3),
		                  .want = number("want", n),
		                  .settles = number("settles", n),
		                  .settled = number("settled", n),
		                  .settled_as = number("as", n),
		                  .merged = number("merged", n),
		                  .merged_on = number("on", n),
		                  .left_out = n % 3 == 1 };
}

/* A ledger of the format before, with rows in it, is brought up to date. */
Test(io_ledger, a_ledger_of_the_first_format)
{
	static const char *const back[] = { "ALTER TABLE items DROP COLUMN hold",
					    "ALTER TABLE items DROP COLUMN want",
					    "ALTER TABLE items DROP COLUMN settles",
					    "ALTER TABLE items DROP COLUMN settled",
					    "ALTER TABLE items DROP COLUMN settled_as",
					    "ALTER TABLE items DROP COLUMN merged",
					    "ALTER TABLE items DROP COLUMN merged_on",
					    "ALTER TABLE items DROP COLUMN left_out",
					    "DROP TABLE settlements",
					    "DROP INDEX history_left",
					    "DROP INDEX history_version",
					    "ALTER TABLE history DROP COLUMN thinned",
					    "ALTER TABLE packs DROP COLUMN age",
					    "DROP TABLE rebranches",
					    "PRAGMA user_version=1" };
	char file[80];
	sqlite3 *db;
	struct item_row row = item(0);
	cr_assert(ledger_save_item(ledger, &row) && commit());
	close_all();
	snprintf(file, sizeof file, "%s/state.db", dir);
	cr_assert_eq(sqlite3_open(file, &db), SQLITE_OK);
	for (size_t i = 0; i < sizeof back / sizeof *back; i++)
		cr_assert_eq(sqlite3_exec(db, back[i], NULL, NULL, NULL), SQLITE_OK, "%s: %s", back[i],
			     sqlite3_errmsg(db));
	sqlite3_close(db);
	open_all();
	row = item(1);
	cr_expect(ledger_save_item(ledger, &row) && commit());
}

static size_t loaded;

static bool same_stat(const struct file_stat *a, const struct file_stat *b)
{
	return a->size == b->size && a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns && a->inode == b->inode &&
	       a->meta == b->meta;
}

static bool same_item(const struct item_row *a, const struct item_row *b)
{
	return id_equal(&a->item, &b->item) && !strcmp(a->category, b->category) && !strcmp(a->path, b->path) &&
	       a->side == b->side && id_equal(&a->main, &b->main) && id_equal(&a->device, &b->device) &&
	       a->head_seq == b->head_seq && id_equal(&a->head_version, &b->head_version) &&
	       a->head_edited == b->head_edited && id_equal(&a->head_device, &b->head_device) &&
	       a->head_meta == b->head_meta && a->head_size == b->head_size && a->head_mtime_ms == b->head_mtime_ms &&
	       id_equal(&a->agreed, &b->agreed) && id_equal(&a->local, &b->local) &&
	       same_stat(&a->local_stat, &b->local_stat) && a->local_edited == b->local_edited &&
	       a->local_at_ms == b->local_at_ms && a->chain_len == b->chain_len && a->chain_bytes == b->chain_bytes &&
	       a->retry_count == b->retry_count && a->detected_ms == b->detected_ms &&
	       a->hold == b->hold && id_equal(&a->want, &b->want) && id_equal(&a->settles, &b->settles) &&
	       id_equal(&a->settled, &b->settled) && id_equal(&a->settled_as, &b->settled_as) &&
	       id_equal(&a->merged, &b->merged) && id_equal(&a->merged_on, &b->merged_on) && a->left_out == b->left_out;
}

static void check_item(void *ctx, const struct item_row *row)
{
	(void)ctx;
	for (uint64_t n = 0; n < 20; n++) {
		struct item_row want = item(n);
		if (id_equal(&want.item, &row->item))
			cr_expect(same_item(&want, row), "item %d", (int)n);
	}
	loaded++;
}

static void check_outbox(void *ctx, const struct outbox_row *row)
{
	uint64_t *last = ctx;
	cr_expect_gt(row->counter, *last);
	*last = row->counter;
	cr_expect(row->record.len == row->counter && (row->record.len == 0 || row->record.data[0] == 'r'));
	cr_expect(row->linked && row->kind == KIND_RENAME && row->base == UINT64_MAX);
	free(row->record.data);
	loaded++;
}

static void check_peer(void *ctx, const struct peer_row *row)
{
	(void)ctx;
	cr_expect_str_eq(row->name, "t\xff\x01l");
	cr_expect(row->revoked && row->cursor == 9 && row->last_seen_ms == -1);
	loaded++;
}

Test(io_ledger, everything_comes_back)
{
	struct err e;
	struct state_row state = { UINT64_MAX, 2, 3, number("chain", 0), 5, 6, 7, 8, -9, true }, back;
	uint8_t record[32];
	memset(record, 'r', sizeof record);
	cr_expect(ledger_load_state(ledger, &back, &e) && back.epoch == 0);
	for (uint64_t n = 0; n < 20; n++) {
		struct item_row row = item(n);
		cr_expect(ledger_save_item(ledger, &row));
		struct outbox_row out = { .counter = n + 1,
			                  .item = row.item,
			                  .base = UINT64_MAX,
			                  .linked = true,
			                  .record = { record, n + 1 },
			                  .kind = KIND_RENAME };
		cr_expect(ledger_save_outbox(ledger, &out));
	}
	struct id gone = number("item", 3);
	struct peer_row peer = {
		.device = number("peer", 0), .name = "t\xff\x01l", .revoked = true, .last_seen_ms = -1, .cursor = 9
	};
	cr_expect(ledger_drop_item(ledger, &gone) && ledger_drop_outbox(ledger, 5));
	cr_expect(ledger_save_state(ledger, &state) && ledger_save_peer(ledger, &peer) &&
	          ledger_set(ledger, "fact", "yes"));
	cr_expect(ledger_dirty(ledger));
	cr_expect(commit());
	cr_expect_eq(ledger_commits(ledger), 1, "one turn, one transaction");
	cr_expect(commit());
	cr_expect_eq(ledger_commits(ledger), 1, "nothing written, nothing synced");
	close_all();
	open_all();
	uint64_t last = 0;
	cr_expect(ledger_load_items(ledger, check_item, NULL, &e) && loaded == 19);
	cr_expect(ledger_load_outbox(ledger, check_outbox, &last, &e) && loaded == 38);
	cr_expect(ledger_load_peers(ledger, check_peer, NULL, &e) && loaded == 39);
	cr_expect(ledger_load_state(ledger, &back, &e));
	cr_expect(memcmp(&state.chain, &back.chain, sizeof state.chain) == 0 && back.epoch == UINT64_MAX &&
	          back.paused && back.last_synced_ms == -9 && back.bytes_received == 8);
	char *fact = ledger_get(ledger, "fact");
	cr_expect_str_eq(fact, "yes");
	free(fact);
	cr_expect(ledger_was_clean(ledger));
}

Test(io_ledger, a_turn_is_all_or_nothing)
{
	struct err e;
	struct item_row row = item(1);
	cr_expect(ledger_save_item(ledger, &row));
	ledger_rollback(ledger);
	cr_expect(ledger_load_items(ledger, check_item, NULL, &e));
	cr_expect_eq(loaded, 0);
}

static size_t told;
static uint64_t newest;

static void check_history(void *ctx, const struct history_row *row, const char *category, const char *path)
{
	(void)ctx;
	if (told == 0)
		newest = row->seq;
	cr_expect_str_eq(category, "notes");
	cr_expect_str_eq(path, "folder 1/file");
	told++;
}

Test(io_ledger, history_is_newest_first)
{
	struct err e;
	struct item_row row = item(1);
	struct id dropped = row.item;
	ledger_save_item(ledger, &row);
	for (uint64_t n = 1; n <= 30; n++) {
		struct history_row h = {
			.item = row.item, .version = number("v", n), .seq = n, .kind = KIND_UPDATE, .how = HOW_EDIT
		};
		cr_expect(ledger_add_history(ledger, &h));
	}
	ledger_drop_item(ledger, &dropped);
	cr_expect(commit());
	cr_expect(ledger_history(ledger, &row.item, 10, check_history, NULL, &e) && told == 10 && newest == 30);
	told = 0;
	cr_expect(ledger_history(ledger, NULL, 100, check_history, NULL, &e) && told == 30);
}

Test(io_ledger, privacy_and_damage_are_refused_with_a_way_out)
{
	struct err e = { 0 };
	char path[80], line[1024];
	struct stat st;
	snprintf(path, sizeof path, "%s/state.db", dir);
	cr_expect(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);
	struct item_row row = item(1);
	ledger_save_item(ledger, &row);
	commit();
	close_all();
	chmod(path, 0644);
	cr_expect_not(ledger_open(dir, &e));
	cr_expect(strstr(e.fix, "chmod 600"));
	chmod(path, 0600);
	int fd = open(path, O_WRONLY);
	cr_assert_eq(pwrite(fd, "no database at all, sorry", 25, 0), 25);
	close(fd);
	cr_expect_not(ledger_open(dir, &e));
	err_line(&e, line, sizeof line);
	cr_expect(strstr(line, "move the state folder aside"), "%s", line);
	unlink(path);
	open_all();
}

/* Versions */

static struct id put(uint64_t n, size_t len)
{
	char *text = mem_alloc(len + 1);
	struct rng r;
	rng_seed(&r, n);
	for (size_t i = 0; i < len; i++)
		text[i] = (char)rng_next(&r);
	struct id v = version_of(NULL, 1, span_of(text, len));
	cr_expect(versions_put(versions, &v, 1, span_of(text, len)));
	free(text);
	return v;
}

static void remember(const char *category, const char *path, const struct id *version, uint64_t n)
{
	struct span parts[2] = { span_text(category), span_text(path) };
	struct item_row row = { .item = hash_plain("item", parts, 2), .category = category, .path = path };
	struct history_row h = { .item = row.item,
		                 .version = *version,
		                 .device = number("device", n % 2),
		                 .at_ms = 1700000000000 + (int64_t)n * 1000,
		                 .kind = id_zero(version) ? KIND_DELETE : KIND_UPDATE };
	cr_expect(ledger_save_item(ledger, &row) && ledger_add_history(ledger, &h));
}

static bool intact(const struct id *v)
{
	struct blob content;
	uint8_t meta;
	if (!versions_get(versions, v, &content, &meta))
		return false;
	struct id is = version_of(NULL, meta, span_blob(&content));
	blob_finish(&content);
	return id_equal(&is, v);
}

static void file_all(void)
{
	static uint64_t now = 1000000;
	for (int i = 0; i < 5000; i++) {
		uint64_t again = versions_tidy(versions, now, 2000, true);
		cr_assert(commit());
		if (again == UINT64_MAX || (again && !versions_waiting(versions)))
			return;
		now += 10;
	}
	cr_assert_fail("filing does not end: %s", trouble);
}

static git_repository *repo(void)
{
	git_repository *r = NULL;
	char path[80];
	snprintf(path, sizeof path, "%s/versions.git", dir);
	cr_assert_eq(git_repository_open_bare(&r, path), 0);
	return r;
}

static size_t commits_of(const char *branch, char *tree_list, size_t cap)
{
	git_repository *r = repo();
	git_oid tip;
	git_revwalk *walk;
	size_t n = 0;
	char ref[128];
	snprintf(ref, sizeof ref, "refs/heads/%s", branch);
	if (tree_list)
		tree_list[0] = 0;
	if (git_reference_name_to_id(&tip, r, ref) == 0) {
		git_revwalk_new(&walk, r);
		git_revwalk_push(walk, &tip);
		git_oid at;
		while (git_revwalk_next(&at, walk) == 0)
			n++;
		git_revwalk_free(walk);
		git_commit *c;
		git_tree *t;
		git_commit_lookup(&c, r, &tip);
		git_commit_tree(&t, c);
		for (size_t i = 0; tree_list && i < git_tree_entrycount(t); i++) {
			strncat(tree_list, git_tree_entry_name(git_tree_entry_byindex(t, i)),
			        cap - strlen(tree_list) - 1);
			strncat(tree_list, "|", cap - strlen(tree_list) - 1);
		}
		git_tree_free(t);
		git_commit_free(c);
	}
	git_repository_free(r);
	return n;
}

Test(io_ledger, versions_before_and_after_filing)
{
	struct id all[300], zero = { { 0 } };
	char path[64], list[4096];
	for (uint64_t n = 0; n < 300; n++) {
		all[n] = put(n, n % 50 == 0 ? 200000 : n);
		snprintf(path, sizeof path, "d%d/f%d", (int)n % 7, (int)n % 100);
		remember("notes", path, &all[n], n);
	}
	remember("notes", ".git/config\n", &all[1], 1); /* cannot be a name in a tree as it is */
	remember("notes", "gone", &all[2], 1);
	remember("notes", "gone", &zero, 1);
	cr_expect(versions_has(versions, &all[0]));
	cr_expect_not(versions_has_durable(versions, &all[0]));
	cr_expect(commit());
	cr_expect(versions_has_durable(versions, &all[0]));
	for (int i = 0; i < 300; i++)
		cr_expect(intact(&all[i]));
	file_all();
	cr_expect_str_eq(trouble, "");
	cr_expect_eq(versions_waiting(versions), 0);
	for (int i = 0; i < 300; i++)
		cr_expect(intact(&all[i]), "filed %d", i);
	cr_expect_gt(commits_of("notes", list, sizeof list), 2);
	cr_expect(strstr(list, "%2egit|") && strstr(list, "d6|") && !strstr(list, "gone"), "%s", list);
	size_t before = commits_of("notes", NULL, 0);
	file_all();
	cr_expect_eq(commits_of("notes", NULL, 0), before, "nothing is filed twice");
	close_all();
	open_all();
	for (int i = 0; i < 300; i++)
		cr_expect(intact(&all[i]), "reopened %d", i);
	uint8_t meta;
	struct blob content;
	struct id never = number("never", 1);
	cr_expect_not(versions_get(versions, &never, &content, &meta));
	cr_expect_eq(damaged_count, 0);
}

Test(io_ledger, a_file_becomes_a_folder)
{
	char list[512];
	struct id a = put(1, 10), b = put(2, 10), zero = { { 0 } };
	remember("notes", "x", &a, 0);
	remember("notes", "x/y", &b, 0);
	remember("notes", "x", &zero, 0);
	commit();
	file_all();
	cr_expect_str_eq(trouble, "");
	cr_expect(intact(&a) && intact(&b));
	commits_of("notes", list, sizeof list);
}

Test(io_ledger, large_and_orphaned_versions)
{
	struct id large = put(1, 3 * 1024 * 1024), orphan = put(2, 100), empty = put(3, 0);
	char list[512], hex[ID_HEX];
	remember("notes", "large", &large, 0);
	commit();
	file_all();
	cr_expect(intact(&large) && intact(&orphan) && intact(&empty));
	cr_expect_eq(versions_waiting(versions), 0);
	commits_of("unfiled", list, sizeof list);
	cr_expect(strstr(list, id_hex(&orphan, hex)));
	close_all();
	open_all();
	cr_expect(intact(&large) && intact(&orphan) && intact(&empty));
}

/* Large contents in parts */

static struct blob text_of(uint64_t n, size_t len)
{
	struct blob b = { mem_alloc(len), len };
	struct rng r;
	rng_seed(&r, n);
	for (size_t i = 0; i < len; i += 8) {
		uint64_t word = rng_next(&r);
		memcpy(b.data + i, &word, len - i < 8 ? len - i : 8);
	}
	return b;
}

static void large_path(char out[120], const char *name)
{
	snprintf(out, 120, "%s/large/%s", dir, name);
}

static ino_t large_inode(const char *name)
{
	char path[120];
	struct stat st;
	large_path(path, name);
	return stat(path, &st) ? 0 : st.st_ino;
}

static size_t in_folder(const char *path)
{
	size_t n = 0;
	DIR *d = opendir(path);
	for (struct dirent *e; d && (e = readdir(d));)
		n += e->d_name[0] != '.';
	if (d)
		closedir(d);
	return n;
}

static size_t large_files(void)
{
	char path[120];
	large_path(path, "");
	return in_folder(path);
}

static size_t descriptors(void)
{
	return in_folder("/proc/self/fd");
}

/* How many parts it came in; 0: it did not. */
static size_t read_in_parts(const struct id *version, struct blob *content)
{
	uint8_t meta = 0;
	enum got got;
	size_t parts = 0, before = content->len;
	while ((got = versions_read(versions, version, content, &meta)) == GOT_MORE) {
		cr_assert_leq(content->len - (content->len > before ? before : 0), LIMIT_PART_BYTES);
		before = content->len;
		parts++;
	}
	return got == GOT_ALL ? parts + 1 : 0;
}

#define MIB ((size_t)1024 * 1024)

Test(io_ledger, a_staged_content_is_put_without_writing_it_again)
{
	struct blob text = text_of(1, 5 * MIB + 7), read = { 0 };
	struct id v = version_of(NULL, 1, span_blob(&text));
	char hex[ID_HEX];
	size_t fds = descriptors();
	for (size_t len = MIB; len < text.len; len += MIB)
		versions_stage(versions, NULL, span_of(text.data, len));
	ino_t part = large_inode("captured.part");
	cr_expect_neq(part, 0);
	put(2, 100);
	cr_expect(versions_put(versions, &v, 1, span_blob(&text)) && commit());
	cr_expect_eq(large_inode(id_hex(&v, hex)), part);
	cr_expect_eq(large_files(), 1);
	cr_expect_eq(read_in_parts(&v, &read), 6);
	cr_expect(span_equal(span_blob(&read), span_blob(&text)));
	cr_expect_eq(descriptors(), fds);
	blob_finish(&text), blob_finish(&read);
}

Test(io_ledger, what_is_staged_does_not_become_another_version)
{
	struct blob one = text_of(1, 3 * MIB), two = text_of(2, 2 * MIB), three = text_of(3, 3 * MIB);
	struct id v1 = version_of(NULL, 1, span_blob(&one)), v2 = version_of(NULL, 1, span_blob(&two)),
		  v3 = version_of(NULL, 1, span_blob(&three));
	char hex[ID_HEX];
	versions_stage(versions, NULL, span_of(one.data, 2 * MIB));
	versions_stage(versions, &v2, span_of(two.data, MIB));
	ino_t captured = large_inode("captured.part"), received = large_inode("received.part");
	cr_expect(captured && received);
	cr_expect(versions_put(versions, &v3, 1, span_blob(&three)));
	cr_expect_eq(large_inode("captured.part"), captured, "another put left it as it was");
	cr_expect_eq(large_inode("received.part"), received);
	cr_expect(versions_put(versions, &v2, 1, span_blob(&two)) && versions_put(versions, &v1, 1, span_blob(&one)));
	cr_expect_eq(large_inode(id_hex(&v1, hex)), captured);
	cr_expect_eq(large_inode(id_hex(&v2, hex)), received);
	cr_expect(commit() && intact(&v1) && intact(&v2) && intact(&v3));
	versions_stage(versions, &v2, span_of(two.data, MIB));
	versions_stage(versions, &v3, span_of(three.data, MIB)); /* the next one, and nothing more of the one before */
	cr_expect(versions_put(versions, &v2, 1, span_blob(&two)) && versions_put(versions, &v3, 1, span_blob(&three)));
	cr_expect(commit() && intact(&v2) && intact(&v3));
	versions_stage(versions, NULL, span_of(one.data, MIB));
	versions_stage(versions, NULL, (struct span){ 0 });
	cr_expect_eq(large_files(), 3);
	blob_finish(&one), blob_finish(&two), blob_finish(&three);
}

Test(io_ledger, a_kill_while_staging_leaves_nothing)
{
	struct blob text = text_of(1, 2 * MIB);
	struct id v = put(2, 2 * MIB);
	cr_expect(commit());
	pid_t child = fork();
	if (!child) {
		versions_stage(versions, NULL, span_blob(&text));
		versions_stage(versions, &v, span_of(text.data, MIB));
		_exit(large_files() == 3 ? 0 : 1);
	}
	int status;
	cr_expect(waitpid(child, &status, 0) == child && status == 0);
	cr_expect_eq(large_files(), 3);
	close_all();
	open_all();
	cr_expect_eq(large_files(), 1);
	cr_expect(intact(&v));
	blob_finish(&text);
}

static void keep_record(void *ctx, const struct outbox_row *row)
{
	struct blob *out = ctx; /* by counter */
	cr_assert_lt(row->counter, 4);
	out[row->counter] = row->record;
}

static bool save_record(uint64_t counter, struct blob *record)
{
	const struct outbox_row row = { .counter = counter, .record = *record };
	for (size_t len = MIB; len < record->len; len += MIB)
		ledger_stage_outbox(ledger, span_of(record->data, len));
	return ledger_save_outbox(ledger, &row);
}

static size_t load_records(struct blob out[4])
{
	struct err e;
	size_t count = 0;
	memset(out, 0, 4 * sizeof *out);
	cr_assert(ledger_load_outbox(ledger, keep_record, out, &e));
	for (int i = 0; i < 4; i++)
		count += out[i].data != NULL;
	return count;
}

static size_t outgoing(const char *option)
{
	char command[160];
	snprintf(command, sizeof command, "find %s/outgoing -type f %s | wc -l", dir, option);
	FILE *p = popen(command, "r");
	int count = -1;
	cr_assert(p && fscanf(p, "%d", &count) == 1);
	pclose(p);
	return (size_t)count;
}

Test(io_ledger, records_of_large_changes_are_files_of_their_own)
{
	struct blob large = text_of(1, 5 * MIB), other = text_of(2, 3 * MIB), small = text_of(3, 100), back[4];
	struct stat st;
	char path[128];
	cr_expect(save_record(1, &large) && save_record(2, &other) && save_record(3, &small) && commit());
	cr_expect_eq(outgoing(""), 2);
	cr_expect_eq(outgoing("-perm 0600"), 2, "nobody else reads them");
	snprintf(path, sizeof path, "%s/state.db-wal", dir);
	cr_assert(stat(path, &st) == 0);
	cr_expect_lt(st.st_size, MIB, "they are not in the database's log");
	close_all();
	open_all();
	cr_assert_eq(load_records(back), 3);
	cr_expect(span_equal(span_blob(&back[1]), span_blob(&large)) && span_equal(span_blob(&back[2]), span_blob(&other)) &&
	          span_equal(span_blob(&back[3]), span_blob(&small)));
	cr_expect(ledger_drop_outbox(ledger, 1));
	cr_expect_eq(outgoing(""), 2, "it is there as long as the commit is not");
	cr_expect(commit());
	cr_expect_eq(outgoing(""), 1);
	cr_expect(ledger_drop_outbox(ledger, 2));
	ledger_rollback(ledger);
	cr_expect(commit());
	cr_expect_eq(outgoing(""), 1);
	for (int i = 1; i < 4; i++)
		blob_finish(&back[i]);
	blob_finish(&large);
	blob_finish(&other);
	blob_finish(&small);
}

Test(io_ledger, a_large_record_that_is_lost_is_as_if_never_sent)
{
	struct blob large = text_of(1, 2 * MIB), back[4];
	char path[128];
	for (uint64_t i = 1; i < 4; i++)
		cr_expect(save_record(i, &large));
	cr_expect(commit());
	close_all();
	snprintf(path, sizeof path, "%s/outgoing/0000000000000001", dir);
	cr_assert(truncate(path, MIB) == 0);
	snprintf(path, sizeof path, "%s/outgoing/0000000000000002", dir);
	cr_assert(unlink(path) == 0 && symlink("/etc/passwd", path) == 0);
	snprintf(path, sizeof path, "%s/outgoing/left", dir);
	cr_assert(symlink("/etc/passwd", path) == 0);
	open_all();
	cr_expect_eq(load_records(back), 1);
	cr_expect(back[3].len == 2 * MIB);
	cr_expect(commit());
	blob_finish(&back[3]);
	cr_expect_eq(outgoing(""), 1, "what no row names is gone");
	close_all();
	open_all();
	cr_expect_eq(load_records(back), 1);
	blob_finish(&back[3]);
	blob_finish(&large);
}

Test(io_ledger, a_kill_before_the_commit_leaves_no_record)
{
	struct blob large = text_of(1, 2 * MIB), back[4];
	pid_t child = fork();
	if (!child) {
		save_record(1, &large); /* durable, but nothing names it */
		_exit(outgoing("") == 1 ? 0 : 1);
	}
	int status;
	cr_expect(waitpid(child, &status, 0) == child && status == 0);
	close_all();
	open_all();
	cr_expect_eq(load_records(back), 0);
	cr_expect_eq(outgoing(""), 0);
	blob_finish(&large);
}

Test(io_ledger, several_read_in_parts_at_once)
{
	struct id v = put(1, 3 * MIB + 1), w = put(2, 2 * MIB), small = put(3, 1000), none = number("none", 0);
	struct blob a = { 0 }, b = { 0 }, c = { 0 }, lost[8] = { 0 };
	uint8_t meta;
	cr_expect(commit());
	size_t fds = descriptors();
	cr_expect_eq(versions_read(versions, &v, &a, &meta), GOT_MORE);
	cr_expect_eq(versions_read(versions, &v, &b, &meta), GOT_MORE);
	cr_expect_eq(versions_read(versions, &w, &c, &meta), GOT_MORE);
	cr_expect_eq(versions_read(versions, &w, &c, &meta), GOT_ALL);
	cr_expect_eq(read_in_parts(&v, &b), 3);
	cr_expect_eq(read_in_parts(&v, &a), 3);
	cr_expect(span_equal(span_blob(&a), span_blob(&b)) && a.len == 3 * MIB + 1);
	cr_expect_eq(descriptors(), fds);
	blob_finish(&a), blob_finish(&b), blob_finish(&c);
	cr_expect_eq(read_in_parts(&small, &a), 1);
	cr_expect_eq(a.len, 1000);
	cr_expect_eq(read_in_parts(&none, &a), 0);
	cr_expect_eq(a.len, 0);
	for (size_t i = 0; i < 8; i++) /* given up without a word */
		cr_expect_eq(versions_read(versions, &v, &lost[i], &meta), GOT_MORE);
	cr_expect_leq(descriptors(), fds + VERSIONS_READINGS);
	cr_expect_eq(read_in_parts(&v, &lost[0]), 4, "it was forgotten: from the beginning, and whole all the same");
	cr_expect_eq(lost[0].len, 3 * MIB + 1);
	for (size_t i = 0; i < 8; i++)
		blob_finish(&lost[i]);
}

Test(io_ledger, a_large_version_that_rotted_is_told_and_put_again)
{
	struct blob read = { 0 }, text = text_of(1, 3 * MIB);
	struct id v = version_of(NULL, 1, span_blob(&text));
	char hex[ID_HEX], path[120];
	for (int round = 0; round < 3; round++) {
		uint8_t meta;
		cr_expect(versions_put(versions, &v, 1, span_blob(&text)) && commit() && intact(&v));
		large_path(path, id_hex(&v, hex));
		cr_expect_eq(versions_read(versions, &v, &read, &meta), GOT_MORE);
		if (round == 0)
			cr_expect_eq(truncate(path, 2 * MIB), 0);
		int fd = open(path, O_WRONLY);
		cr_expect(pwrite(fd, "rot", 3, 2 * MIB - 3) == 3);
		close(fd);
		if (round == 2) { /* nobody noticed before the bytes came again, and were given up */
			blob_finish(&read);
			break;
		}
		cr_expect_eq(read_in_parts(&v, &read), 0);
		cr_expect_eq(read.len, 0);
		cr_expect_eq(damaged_count, (size_t)round + 1);
		cr_expect_not(versions_has(versions, &v));
	}
	cr_expect(versions_put(versions, &v, 1, span_blob(&text)) && commit() && intact(&v));
	blob_finish(&text);
}

static size_t packs(void)
{
	char path[96];
	size_t n = 0;
	snprintf(path, sizeof path, "%s/versions.git/objects/pack", dir);
	DIR *d = opendir(path);
	for (struct dirent *e; d && (e = readdir(d));)
		n += strstr(e->d_name, ".pack") != NULL;
	if (d)
		closedir(d);
	return n;
}

Test(io_ledger, small_packs_are_joined)
{
	struct id all[60];
	for (uint64_t n = 0; n < 60; n++) {
		all[n] = put(n, 300);
		remember("notes", "same", &all[n], n);
		commit();
		file_all();
	}
	cr_expect_lt(packs(), 20, "%zu packs", packs());
	for (int i = 0; i < 60; i++)
		cr_expect(intact(&all[i]));
	cr_expect_eq(commits_of("notes", NULL, 0), 60);
	cr_expect_str_eq(trouble, "");
	close_all();
	open_all();
	for (int i = 0; i < 60; i++)
		cr_expect(intact(&all[i]));
}

static void damage_pack(void)
{
	char path[400], name[256];
	snprintf(path, sizeof path, "%s/versions.git/objects/pack", dir);
	DIR *d = opendir(path);
	name[0] = 0;
	for (struct dirent *e; d && (e = readdir(d));)
		if (strstr(e->d_name, ".pack"))
			snprintf(name, sizeof name, "%s", e->d_name);
	closedir(d);
	snprintf(path + strlen(path), sizeof path - strlen(path), "/%s", name);
	chmod(path, 0600);
	int fd = open(path, O_RDWR);
	for (off_t at = 100; at < 4000; at += 100)
		cr_assert_eq(pwrite(fd, "?", 1, at), 1);
	close(fd);
}

Test(io_ledger, damage_is_told_and_can_be_mended)
{
	struct id a = put(1, 5000);
	remember("notes", "a", &a, 0);
	commit();
	file_all();
	close_all();
	damage_pack();
	open_all();
	cr_expect_not(intact(&a));
	cr_expect_geq(damaged_count, 1);
	cr_expect_not(versions_has(versions, &a), "so that it is fetched again");
	a = put(1, 5000);
	cr_expect(commit());
	cr_expect(intact(&a));
}

/* Whoever puts bytes that are stored already relies on them from then on. */
Test(io_ledger, what_is_put_again_is_read_back)
{
	struct id a = put(1, 5000);
	remember("notes", "a", &a, 0);
	commit();
	file_all();
	close_all();
	damage_pack();
	open_all();
	cr_expect(versions_has(versions, &a), "nobody has looked yet");
	put(1, 5000);
	cr_expect(commit());
	close_all();
	open_all();
	cr_expect(intact(&a));
}

/* The lock that a kill left in the middle of writing a reference. */
Test(io_ledger, a_reference_left_locked)
{
	char path[120];
	struct id v = put(1, 10);
	remember("notes", "a", &v, 1);
	cr_assert(commit());
	file_all();
	close_all();
	snprintf(path, sizeof path, "%s/versions.git/refs/heads/notes.lock", dir);
	FILE *lock = fopen(path, "w");
	cr_assert(lock);
	fclose(lock);
	open_all();
	v = put(2, 10);
	remember("notes", "a", &v, 2);
	cr_assert(commit());
	file_all();
	cr_expect_eq(commits_of("notes", NULL, 0), 2);
	cr_expect_str_eq(trouble, "");
}

/* kill -9 at any point: what was committed is there, and nothing is filed twice. */

static void life(int report, uint64_t first)
{
	open_all();
	for (uint64_t n = first;; n++) {
		struct id v = put(n, n % 17 == 0 ? 1200000 : 50 + n % 3000);
		char path[32];
		snprintf(path, sizeof path, "f%d", (int)n % 10);
		remember("notes", path, &v, n);
		if (!ledger_commit(ledger, NULL) || write(report, &n, sizeof n) != sizeof n)
			_exit(1);
		versions_tidy(versions, n * 40000, 500, n % 3 == 0);
		ledger_commit(ledger, NULL);
	}
}

Test(io_ledger, kill_at_any_point)
{
	uint64_t next = 1;
	struct rng r;
	rng_seed(&r, 1);
	close_all();
	for (int round = 0; round < 12 || (next < 60 && round < 60); round++) {
		int ends[2];
		cr_assert_eq(pipe(ends), 0);
		pid_t child = fork();
		if (child == 0) {
			close(ends[0]);
			life(ends[1], next);
		}
		close(ends[1]);
		usleep((useconds_t)(20000 + rng_below(&r, 80000)));
		kill(child, SIGKILL);
		uint64_t n;
		while (read(ends[0], &n, sizeof n) == sizeof n)
			next = n + 1;
		close(ends[0]);
		waitpid(child, NULL, 0);
	}
	cr_expect_gt(next, 50, "%d", (int)next);
	open_all();
	cr_expect_not(ledger_was_clean(ledger));
	size_t missing = 0;
	for (int pass = 0; pass < 2; pass++) {
		for (uint64_t n = 1; n < next; n++) {
			size_t len = n % 17 == 0 ? 1200000 : 50 + n % 3000;
			char *text = mem_alloc(len);
			struct rng g;
			rng_seed(&g, n);
			for (size_t i = 0; i < len; i++)
				text[i] = (char)rng_next(&g);
			struct id v = version_of(NULL, 1, span_of(text, len));
			free(text);
			missing += !intact(&v);
		}
		file_all();
	}
	cr_expect_eq(missing, 0);
	cr_expect_eq(damaged_count, 0);
	cr_expect_str_eq(trouble, "");
	size_t filed = commits_of("notes", NULL, 0);
	/* One commit a version at most, none twice. The last life's last turn may have been committed but not reported.
	 */
	cr_expect_leq(filed, (size_t)next, "%zu commits, %d versions", filed, (int)next);
	git_repository *g = repo();
	git_repository_free(g);
	char command[160];
	snprintf(command, sizeof command, "git -C %s/versions.git fsck --strict >/dev/null 2>&1", dir);
	if (system("git --version >/dev/null 2>&1") == 0)
		cr_expect_eq(system(command), 0, "git fsck is content");
}

static size_t log_bytes(void)
{
	struct stat st;
	char path[128];
	snprintf(path, sizeof path, "%s/state.db-wal", dir);
	return stat(path, &st) ? 0 : (size_t)st.st_size;
}

Test(io_ledger, the_log_of_the_database_goes_into_its_file_between_turns)
{
	cr_expect_not(ledger_checkpoint(ledger), "there is nothing to do");
	size_t most = 0, checkpoints = 0;
	for (uint64_t n = 0; n < 100 * 200; n++) {
		struct item_row row = item(n);
		cr_assert(ledger_save_item(ledger, &row));
		cr_expect_not(n % 77 == 0 && ledger_checkpoint(ledger), "never within a turn");
		if (n % 200)
			continue;
		cr_assert(commit());
		most = log_bytes() > most ? log_bytes() : most;
		checkpoints += n < 50 * 200 && ledger_checkpoint(ledger); /* later nobody asks for it */
	}
	cr_expect_gt(checkpoints, 0);
	cr_expect_lt(most, 64 * MIB, "where it is never called, it is done all the same");
}

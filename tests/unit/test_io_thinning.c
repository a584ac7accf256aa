/* Thinning carried out on the real store: what goes, what is needed and stays, disk space, and kills. */
#include <criterion/criterion.h>
#include <git2.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/rng.h"
#include "engine/io/thinning.h"
#include "tests/unit/version_hash.h"

#define DAY 86400000LL
#define NOW (20000 * DAY)

static char dir[48];
static struct ledger *ledger;
static struct versions *versions;
static struct thinning *thinning;
static size_t damaged;
static char trouble[700];
static struct retention rule;

static struct id number(const char *what, uint64_t n)
{
	struct span part = span_of(&n, sizeof n);
	return hash_plain(what, &part, 1);
}

static void on_damaged(void *ctx, const struct id *version, const char *why)
{
	(void)ctx, (void)version, (void)why;
	damaged++;
}

static void on_trouble(void *ctx, const struct err *e)
{
	(void)ctx;
	snprintf(trouble, sizeof trouble, "%s: %s", e->what, e->why);
}

static const struct retention *rule_of(void *ctx, const char *category)
{
	(void)ctx;
	return strcmp(category, "notes") ? NULL : &rule;
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
	thinning = thinning_create(ledger, versions, rule_of, NULL);
}

static void close_all(void)
{
	thinning_destroy(thinning);
	versions_close(versions);
	ledger_close(ledger);
	thinning = NULL;
	versions = NULL;
	ledger = NULL;
}

static void begin(void)
{
	const char *why;
	strcpy(dir, "/tmp/syncline-thin-XXXXXX");
	cr_assert(mkdtemp(dir));
	cr_assert(retention_parse("all 2d, day 20d, last 2", &rule, &why));
	open_all();
}

static void end(void)
{
	char command[128];
	close_all();
	snprintf(command, sizeof command, "rm -rf %s", dir);
	cr_assert(system(command) == 0);
}

TestSuite(io_thinning, .init = begin, .fini = end, .timeout = 60);

static void commit(void)
{
	struct err e = { 0 };
	cr_assert(ledger_commit(ledger, &e), "%s", e.why);
}

static struct blob content_of(uint64_t n, size_t len)
{
	struct blob b = { mem_alloc(len + 1), len };
	struct rng r;
	rng_seed(&r, n);
	for (size_t i = 0; i < len; i++)
		b.data[i] = (uint8_t)rng_next(&r);
	return b;
}

static struct id put(uint64_t n, size_t len)
{
	struct blob b = content_of(n, len);
	struct id v = version_of(NULL, 0, span_blob(&b));
	cr_assert(versions_put(versions, &v, 0, span_blob(&b)));
	blob_finish(&b);
	return v;
}

static struct item_row item(const char *category, const char *path)
{
	struct span parts[2] = { span_text(category), span_text(path) };
	return (struct item_row){ .item = hash_plain("item", parts, 2), .category = category, .path = path };
}

static void remember(const struct item_row *row, const struct id *version, int64_t at_ms)
{
	struct history_row h = { .item = row->item,
				 .version = *version,
				 .device = number("device", 1),
				 .at_ms = at_ms,
				 .kind = id_zero(version) ? KIND_DELETE : KIND_UPDATE };
	cr_assert(ledger_save_item(ledger, row) && ledger_add_history(ledger, &h));
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
	for (int i = 0; i < 20000; i++, now += 10) {
		uint64_t again = versions_tidy(versions, now, 2000, true);
		commit();
		if ((again == UINT64_MAX || (again && !versions_waiting(versions))) && !versions_busy(versions))
			return;
	}
	cr_assert_fail("filing does not end: %s", trouble);
}

static struct thinning_done thin(int64_t now_ms)
{
	file_all();
	thinning_start(thinning, now_ms, true);
	while (thinning_step(thinning, 200))
		commit();
	commit();
	file_all();
	return thinning_result(thinning);
}

/* Every tree of every commit of every branch can be read, to the last content. Counts the commits. */

static git_repository *repo;

static int read_entry(const char *root, const git_tree_entry *entry, void *missing)
{
	git_object *object = NULL;
	(void)root;
	*(size_t *)missing += git_tree_entry_to_object(&object, repo, entry) != 0;
	git_object_free(object);
	return 0;
}

static size_t commits_read(void)
{
	char path[160];
	git_revwalk *walk;
	git_oid at;
	size_t n = 0, missing = 0;
	snprintf(path, sizeof path, "%s/versions.git", dir);
	cr_assert_eq(git_repository_open_bare(&repo, path), 0);
	git_revwalk_new(&walk, repo);
	git_revwalk_push_glob(walk, "*");
	for (; git_revwalk_next(&at, walk) == 0; n++) {
		git_commit *c;
		git_tree *t;
		cr_assert_eq(git_commit_lookup(&c, repo, &at), 0);
		cr_assert_eq(git_commit_tree(&t, c), 0);
		git_tree_walk(t, GIT_TREEWALK_PRE, read_entry, &missing);
		git_tree_free(t);
		git_commit_free(c);
	}
	cr_expect_gt(n, 0);
	git_revwalk_free(walk);
	git_repository_free(repo);
	cr_expect_eq(missing, 0);
	snprintf(path, sizeof path, "git -C %s/versions.git fsck --strict >/dev/null 2>&1", dir);
	if (system("git --version >/dev/null 2>&1") == 0)
		cr_expect_eq(system(path), 0, "git fsck is content");
	return n;
}

#define ITEMS 7
#define EACH  60

/* Versions of items, one each eight hours: half of those of 20 days, all of another category. */
Test(io_thinning, what_is_old_goes_and_its_space_with_it)
{
	struct id all[ITEMS][EACH];
	struct retention_version wanted[EACH];
	struct versions_size before, after;
	struct item_row row;
	size_t kept = 0, gone = 0;
	char path[40];
	for (int k = 0; k < EACH; k++)
		for (int i = 0; i < ITEMS; i++) {
			snprintf(path, sizeof path, "folder/%d", i);
			row = item(i == 5 ? "other" : "notes", path);
			all[i][k] = row.local = put((uint64_t)(i * EACH + k + 1), i == 6 ? 1100000 : 3000 + (size_t)k);
			row.head_version = row.agreed = row.local;
			remember(&row, &all[i][k], NOW - (EACH - k) * DAY / 3);
			if (i == 0 && k % 10 == 0)
				commit();
		}
	commit();
	file_all();
	size_t commits = commits_read();
	versions_measure(versions, &before);
	cr_assert_eq(before.versions, ITEMS * EACH);
	struct thinning_done done = thin(NOW);
	for (int k = 0; k < EACH; k++)
		wanted[k] = (struct retention_version){ .at_ms = NOW - (EACH - k) * DAY / 3 };
	retention_decide(&rule, wanted, EACH, NOW);
	for (int pass = 0; pass < 2; pass++) {
		for (int i = 0; i < ITEMS; i++)
			for (int k = 0; k < EACH; k++) {
				bool stays = i == 5 || !wanted[k].drop;
				cr_assert_eq(intact(&all[i][k]), stays, "pass %d, item %d, version %d", pass, i, k);
				cr_assert_eq(versions_state(versions, &all[i][k]),
					     stays ? VERSION_HERE : VERSION_THINNED);
				kept += stays;
				gone += !stays;
			}
		close_all();
		open_all();
	}
	cr_assert_eq(done.versions * 2, gone);
	cr_assert(kept > gone / 4 && gone > kept / 2);
	versions_measure(versions, &after);
	cr_expect_lt(after.disk_bytes, before.disk_bytes / 2, "%d of %d", (int)after.disk_bytes,
		     (int)before.disk_bytes);
	cr_expect_eq(after.thinned, done.versions);
	cr_expect_lt(commits_read(), commits);
	cr_expect_eq(thin(NOW).versions, 0, "thinned twice is thinned once");
	cr_expect_eq(damaged, 0);
	cr_expect_str_eq(trouble, "");
}

/* A person asks for it while a pass that came by itself is under way: all is given back all the same, and counted. */
Test(io_thinning, a_pass_that_is_asked_for_takes_over_the_one_that_runs)
{
	struct item_row rows[2] = { item("notes", "a"), item("notes", "b") };
	struct id v[2][40];
	const char *why;
	cr_assert(retention_parse("last 39", &rule, &why));
	for (int i = 0; i < 2; i++) {
		for (int k = 0; k < 40; k++) {
			rows[i].local = v[i][k] = put((uint64_t)(i * 40 + k + 1), 1000);
			rows[i].head_version = rows[i].agreed = rows[i].local;
			remember(&rows[i], &v[i][k], NOW - (80 - k) * DAY);
		}
	}
	commit();
	file_all();
	thinning_start(thinning, NOW, false);
	while (!thinning_result(thinning).versions)
		cr_assert(thinning_step(thinning, 0));
	commit();
	thinning_start(thinning, NOW, true);
	while (thinning_step(thinning, 0))
		commit();
	commit();
	cr_expect(versions_reclaiming(versions), "two of eighty are too few for a pass that came by itself");
	cr_expect_eq(thinning_result(thinning).versions, 2);
	cr_expect_eq(thinning_result(thinning).items, 2);
	file_all();
	cr_expect(!versions_reclaiming(versions) && !versions_has(versions, &v[0][0]) && intact(&v[1][1]));
}

/* Each way to be needed, by one version that is old enough to go many times over. */
Test(io_thinning, what_is_needed_stays)
{
	struct item_row row = item("notes", "a"), side = item("notes", "a side"), alike = item("notes", "copy");
	struct id v[40], none = { { 0 } };
	for (int i = 0; i < 40; i++)
		v[i] = put((uint64_t)i + 1, 100);
	for (int i = 0; i < 30; i++)
		remember(&row, &v[i], NOW - (400 - i) * DAY);
	struct id *const fields[] = {
		&row.head_version, &row.agreed, &row.local,     &row.want,          &row.settled,
		&row.settled_as,   &row.merged, &row.merged_on, &side.head_version, &side.agreed
	};
	for (int i = 0; i < 10; i++)
		*fields[i] = v[i];
	side.side = true;
	side.main = row.item;
	cr_assert(ledger_save_item(ledger, &row) && ledger_save_item(ledger, &side));
	struct outbox_row out = { .counter = 1, .item = row.item, .version = v[10] };
	cr_assert(ledger_save_outbox(ledger, &out));
	struct settlement_row s = { .id = 1,
				    .item = row.item,
				    .base = v[11],
				    .mine = v[12],
				    .theirs = v[13],
				    .result = v[14],
				    .at_ms = NOW - RETENTION_UNDO_MS + DAY };
	struct settlement_row old = { .id = 2,
				      .item = row.item,
				      .base = v[15],
				      .mine = v[16],
				      .theirs = v[17],
				      .result = v[18],
				      .at_ms = NOW - RETENTION_UNDO_MS - DAY };
	cr_assert(ledger_save_settlement(ledger, &s) && ledger_save_settlement(ledger, &old));
	/* Another item's history names one as its newest, then that item is deleted. */
	remember(&alike, &v[19], NOW - 300 * DAY);
	remember(&alike, &none, NOW - 299 * DAY);
	commit();
	file_all();
	thinning_start(thinning, NOW, false);
	row.want = v[20]; /* while the pass runs */
	s.base = v[21];
	thinning_needs_item(thinning, &row);
	thinning_needs_settlement(thinning, &s);
	while (thinning_step(thinning, 1))
		commit();
	commit();
	for (int i = 0; i < 40; i++) {
		bool wanted =
			i < 15 || (i >= 19 && i <= 21) || i >= 28; /* 28, 29: the last two; 30…: nobody's history */
		cr_expect_eq(versions_has(versions, &v[i]), wanted, "version %d", i);
	}
	/* It comes back, and is had again. */
	struct id again = put(16, 100);
	cr_expect(id_equal(&again, &v[15]) && intact(&v[15]));
	commit();
	thin(NOW);
	cr_expect(intact(&v[15]), "nobody's history names it as left: it is not ours to judge");
}

/* A turn that is rolled back takes its thinning with it, large files too. */
Test(io_thinning, what_is_rolled_back_stays)
{
	struct item_row row = item("notes", "large");
	struct id v[6];
	for (int i = 0; i < 6; i++) {
		v[i] = put((uint64_t)i + 1, i % 2 ? 1200000 : 900);
		remember(&row, &v[i], NOW - (100 - i) * DAY);
	}
	row.local = v[5];
	cr_assert(ledger_save_item(ledger, &row));
	commit();
	thinning_start(thinning, NOW, true);
	while (thinning_step(thinning, 100000))
		;
	cr_assert_eq(thinning_result(thinning).versions, 4);
	ledger_rollback(ledger);
	versions_tidy(versions, 1, 1000, false);
	for (int i = 0; i < 6; i++)
		cr_expect(intact(&v[i]), "version %d", i);
	close_all();
	open_all();
	for (int i = 0; i < 6; i++)
		cr_expect(intact(&v[i]), "version %d", i);
	cr_expect_eq(thin(NOW).versions, 4);
	cr_expect(intact(&v[4]) && intact(&v[5]));
}

/* ---- kill -9 at any point ---- */

#define NAMES 5

/* Version n: of item n % NAMES, a third of a day after the one before. */
static int64_t time_of(uint64_t n)
{
	return (int64_t)(n / NAMES) * DAY / 3;
}

static size_t length_of(uint64_t n)
{
	return n % 23 == 0 ? 1100000 : 200 + n % 2000;
}

static void life(int report, uint64_t first)
{
	static struct item_row rows[NAMES];
	char paths[NAMES][16];
	open_all();
	for (int i = 0; i < NAMES; i++) {
		snprintf(paths[i], sizeof paths[i], "f%d", i);
		rows[i] = item("notes", paths[i]);
	}
	for (uint64_t n = first;; n++) {
		struct item_row *row = &rows[n % NAMES];
		row->local = row->head_version = put(n, length_of(n));
		thinning_needs_item(thinning, row);
		remember(row, &row->local, time_of(n));
		if (!ledger_commit(ledger, NULL) || write(report, &n, sizeof n) != sizeof n)
			_exit(1);
		if (thinning_active(thinning) && !versions_busy(versions))
			thinning_step(thinning, 300);
		else
			versions_tidy(versions, n * 40000, 1500, n % 3 == 0);
		if (n % 11 == 0 && !thinning_active(thinning))
			thinning_start(thinning, time_of(n), n % 2);
		ledger_commit(ledger, NULL);
	}
}

Test(io_thinning, kill_at_any_point)
{
	uint64_t next = 1;
	struct rng r;
	rng_seed(&r, 1);
	close_all();
	for (int round = 0; round < 16 || (next < 150 && round < 100); round++) {
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
	cr_assert_geq(next, 100);
	open_all();
	for (int pass = 0; pass < 2; pass++) {
		size_t kept = 0, gone = 0;
		for (uint64_t i = 0; i < NAMES; i++) {
			struct retention_version *wanted = mem_alloc((next / NAMES + 2) * sizeof *wanted);
			uint64_t first = i ? i : NAMES;
			size_t count = 0;
			for (uint64_t n = first; n < next; n += NAMES)
				wanted[count++].at_ms = time_of(n);
			retention_decide(&rule, wanted, count, time_of(next - 1));
			for (size_t k = 0; k < count; k++) {
				struct blob b = content_of(first + k * NAMES, length_of(first + k * NAMES));
				struct id v = version_of(NULL, 0, span_blob(&b));
				cr_expect(wanted[k].drop || intact(&v), "pass %d: version %d of item %d", pass, (int)k,
					  (int)i);
				kept += versions_has(versions, &v);
				gone += !versions_has(versions, &v);
				blob_finish(&b);
			}
			free(wanted);
		}
		cr_expect(kept > 0 && (gone > 0 || !pass), "%zu kept, %zu gone", kept, gone);
		thin(time_of(next - 1));
	}
	commits_read();
	cr_expect_eq(damaged, 0);
	cr_expect_str_eq(trouble, "");
}

Test(io_thinning, what_is_dropped_waits_no_longer)
{
	uint64_t size;
	struct id v[3];
	for (int i = 0; i < 3; i++)
		v[i] = put((uint64_t)i + 1, 100);
	commit();
	cr_assert_eq(versions_waiting(versions), 3);
	cr_assert(versions_drop(versions, &v[0], &size));
	commit();
	cr_expect_eq(versions_waiting(versions), 2);
}

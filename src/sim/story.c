#include "sim/story.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/relpath.h"
#include "sim/judge.h"
#include "sim/person.h"
#include "sim/simhub.h"
#include "sim/simio.h"
#include "sim/simnode.h"
#include "sim/simthin.h"

#define WORDS_MAX 20
#define SETTLE_US 300000000ull

struct story {
	struct cluster *cl;
	char *names[CLUSTER_NODES_MAX];
	unsigned count;
	char *words[WORDS_MAX];
	bool quoted[WORDS_MAX];
	size_t word_count;
	unsigned line;
	uint64_t seed, hub_backup;
	bool trace;
	char *why;
	size_t cap;
};

/* A category for each strategy, and for each way to merge; and one that holds what is small or frequent. */
static const struct category_setup categories[] = {
	{ .name = "notes",
	  .debounce_ms = 2000,
	  .max_wait_ms = 10000,
	  .strategy = STRATEGY_ASK,
	  .merge = MERGE_BY_KIND },
	{ .name = "merged",
	  .debounce_ms = 2000,
	  .max_wait_ms = 10000,
	  .strategy = STRATEGY_MERGE,
	  .merge = MERGE_BY_KIND },
	{ .name = "lines",
	  .debounce_ms = 2000,
	  .max_wait_ms = 10000,
	  .strategy = STRATEGY_MERGE,
	  .merge = MERGE_LINES },
	{ .name = "newest", .debounce_ms = 2000, .max_wait_ms = 10000, .strategy = STRATEGY_NEWEST },
	{ .name = "held",
	  .debounce_ms = 2000,
	  .max_wait_ms = 30000,
	  .strategy = STRATEGY_ASK,
	  .min_change_bytes = 20,
	  .max_changes_per_minute = 3 },
};

static bool fails(struct story *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool fails(struct story *s, const char *format, ...)
{
	int len = snprintf(s->why, s->cap, "line %u: ", s->line);
	va_list args;
	va_start(args, format);
	if (len > 0 && (size_t)len < s->cap)
		vsnprintf(s->why + len, s->cap - (size_t)len, format, args);
	va_end(args);
	return false;
}

/* Splits a line in place. */
static bool split(struct story *s, char *line)
{
	s->word_count = 0;
	for (char *at = line;;) {
		at += strspn(at, " \t");
		if (!*at || *at == '#')
			return true;
		if (s->word_count == WORDS_MAX)
			return fails(s, "too many words");
		s->quoted[s->word_count] = *at == '"' || *at == '\'';
		if (s->quoted[s->word_count]) {
			char *end = strchr(at + 1, *at);
			if (!end)
				return fails(s, "a quote is not closed");
			*end = 0;
			s->words[s->word_count++] = at + 1;
			at = end + 1;
		} else {
			s->words[s->word_count++] = at;
			at += strcspn(at, " \t");
			if (*at)
				*at++ = 0;
		}
	}
}

/* The words of the line are these; "*" stands for any, "\"" for a text. */
static bool says(const struct story *s, const char *pattern)
{
	size_t i = 0;
	for (const char *at = pattern; *at; i++) {
		size_t len = strcspn(at, " ");
		if (i == s->word_count)
			return false;
		bool text = len == 1 && *at == '"', any = len == 1 && *at == '*';
		if (text != s->quoted[i] ||
		    (!text && !any && (strlen(s->words[i]) != len || memcmp(s->words[i], at, len) != 0)))
			return false;
		at += len + strspn(at + len, " ");
	}
	return i == s->word_count;
}

static struct simnode *node(struct story *s, const char *name)
{
	for (unsigned i = 0; s->cl && i < s->count; i++)
		if (strcmp(s->names[i], name) == 0)
			return s->cl->nodes[i];
	fails(s, "there is no device '%s'", name);
	return NULL;
}

static struct simfile *file(struct story *s, struct simnode *n, const char *item)
{
	char category[CATEGORY_MAX + 1];
	const char *path;
	if (relpath_split_item(item, category, &path))
		for (size_t i = 0; i < sizeof categories / sizeof *categories; i++)
			if (strcmp(category, categories[i].name) == 0)
				return person_file(n, categories[i].name, path);
	fails(s, "'%s' is not CATEGORY/PATH of a category that stories have", item);
	return NULL;
}

static struct buf text_of(const char *word)
{
	struct buf text = { 0 };
	for (const char *at = word; *at; at++)
		if (at[0] == '\\' && at[1] == 'n') {
			buf_u8(&text, '\n');
			at++;
		} else {
			buf_u8(&text, (uint8_t)*at);
		}
	if (*word)
		buf_u8(&text, '\n');
	return text;
}

static bool write_file(struct story *s, struct simnode *n, const char *item, const char *word, bool append)
{
	struct simfile *f = file(s, n, item);
	struct buf more = text_of(word), text = { 0 };
	if (f && append)
		buf_put(&text, f->now.content.data, f->now.content.len);
	buf_put(&text, more.data, more.len);
	if (f)
		person_write(n, f, buf_view(&text), f->now.meta, append);
	buf_finish(&text);
	buf_finish(&more);
	return f;
}

static bool rename_file(struct story *s, struct simnode *n, const char *from, const char *to)
{
	struct simfile *a = file(s, n, from), *b = file(s, n, to);
	if (!a || !b)
		return false;
	if (!a->now.present)
		return fails(s, "%s has no %s", n->name, from);
	person_rename(n, a, b);
	return true;
}

static bool make_executable(struct story *s, struct simnode *n, const char *item)
{
	struct simfile *f = file(s, n, item);
	if (!f)
		return false;
	person_write(n, f, span_blob(&(struct blob){ f->now.content.data, f->now.content.len }),
	             f->now.meta | META_EXEC, true);
	return true;
}

static bool resolve(struct story *s, struct simnode *n, const char *item, const char *word, bool possible)
{
	static const char *const words[] = { "mine", "theirs", "both", "original", "auto" };
	enum keep keep = KEEP_CONTENT;
	for (int i = 0; i < 5; i++)
		if (strcmp(word, words[i]) == 0)
			keep = (enum keep)i;
	if (keep == KEEP_CONTENT)
		return fails(s, "one resolves to mine, theirs, both, original or auto");
	struct err e = { 0 };
	struct simfile *f = file(s, n, item);
	if (!f)
		return false;
	if (person_resolve(n, f->category, f->path, keep, &e) == possible)
		return true;
	return fails(s, possible ? "it could not be resolved: %s" : "it could be resolved%s", e.why);
}

static struct id version_of_text(struct simnode *n, const char *word)
{
	struct buf text = text_of(word);
	struct id version = core_version_of(n->core, 0, buf_view(&text));
	buf_finish(&text);
	return version;
}

static bool restore(struct story *s, struct simnode *n, const char *item, const char *word)
{
	struct err e = { 0 };
	struct simfile *f = file(s, n, item);
	if (!f || !n->core)
		return fails(s, "%s cannot restore that", n->name);
	struct id version = version_of_text(n, word);
	witness_replaced(&s->cl->witness, n->index, f->number, span_blob(&f->now.content), span_of(NULL, 0), false);
	witness_chose(&s->cl->witness, n->index, f->number, &version);
	simnode_clock(n);
	bool done = core_restore(n->core, f->category, f->path, &version, &e);
	simnode_end_turn(n);
	return done || fails(s, "it could not be restored: %s", e.why);
}

/* The last settlement of the item, a strategy's too. */
static bool undo(struct story *s, struct simnode *n, const char *item, bool possible)
{
	struct err e = { 0 };
	struct simfile *f = file(s, n, item);
	if (!f || !n->core)
		return fails(s, "%s cannot undo that", n->name);
	if (person_undo(n, f->category, f->path, &e) == possible)
		return true;
	return fails(s, possible ? "it could not be taken back: %s" : "it could be taken back%s", e.why);
}

/* Much of what compresses badly: its body goes in parts. */
static bool write_much(struct story *s, struct simnode *n, const char *item, const char *kib)
{
	struct simfile *f = file(s, n, item);
	struct buf text = { 0 };
	unsigned long count = strtoul(kib, NULL, 10);
	if (!f || !count || count > 4096)
		return f && fails(s, "a story writes 1 to 4096 KiB");
	person_bulk(n, &text, count * 1024);
	person_write(n, f, buf_view(&text), f->now.meta, false);
	buf_finish(&text);
	return true;
}

static bool write_in_a_rush(struct story *s, struct simnode *n, const char *item, const char *word)
{
	struct buf text = text_of(word);
	n->rushed = file(s, n, item);
	blob_finish(&n->rush);
	n->rush = buf_take(&text);
	return n->rushed;
}

/* As a program that maps the file, or through a hard link from outside. */
static bool write_unseen(struct story *s, struct simnode *n, const char *item, const char *word)
{
	const struct simfile *f = file(s, n, item);
	if (!f)
		return false;
	n->kernel.mute = true;
	bool done = write_file(s, n, item, word, true);
	n->kernel.mute = false;
	simio_unseen(n, f->category);
	return done;
}

/* "CATEGORY/PATH" of a folder, taken apart. */
static const char *folder(struct story *s, struct simnode *n, const char *item, const char **category)
{
	const struct simfile *f = file(s, n, item); /* a seat that stays empty */
	*category = f ? f->category : NULL;
	return f ? f->path : NULL;
}

static bool rename_folder(struct story *s, struct simnode *n, const char *from, const char *to)
{
	const char *category, *same, *a = folder(s, n, from, &category), *b = folder(s, n, to, &same);
	if (!a || !b)
		return false;
	return (strcmp(category, same) == 0 && person_rename_folder(n, category, a, b)) ||
	       fails(s, "%s has no folder %s", n->name, from);
}

static bool remove_folder(struct story *s, struct simnode *n, const char *item)
{
	const char *category, *path = folder(s, n, item, &category);
	if (path)
		person_clear(n, category, path);
	return path;
}

static bool change_rights(struct story *s, struct simnode *n, const char *item, const char *how)
{
	static const char *const hows[] = { "open", "closed", "read-only" };
	struct siminode *i;
	for (unsigned k = 0; k < 3; k++)
		if (strcmp(how, hows[k]) == 0 && simdisk_walk(&n->disk, n->disk.top, item, &i) == 0)
			return simnode_change_rights(n, i, k), true;
	return fails(s, "%s has no folder %s", n->name, item);
}

static bool move_root(struct story *s, struct simnode *n, const char *name, enum simroot how)
{
	for (size_t i = 0; i < sizeof categories / sizeof *categories; i++)
		if (strcmp(name, categories[i].name) == 0)
			return simnode_set_root(n, name, how) || fails(s, "the folder of %s is not like that", name);
	return fails(s, "stories have no category '%s'", name);
}

/* Keys, state and files of a stopped device, copied to another that never ran: one device id twice. */
static bool clone(struct story *s, struct simnode *n, const char *name)
{
	struct simnode *from = node(s, name);
	if (!from || from == n || n->core || from->core)
		return from && fails(s, "both must be stopped");
	n->device = from->device;
	memcpy(n->secret, from->secret, sizeof n->secret);
	simledger_finish(&n->ledger);
	simledger_copy(&n->ledger, &from->ledger);
	n->ledger.anew = n->restored = from->restored = true;
	for (size_t i = 0; i < from->disk.count; i++) {
		const struct simfile *f = from->disk.files[i];
		if (f->now.present)
			person_write(n, person_file(n, f->category, f->path), span_blob(&f->now.content), f->now.meta,
				     false);
	}
	return true;
}

/* A bit of what it knows of the item's head flips on its disk. */
static bool damage_row(struct story *s, struct simnode *n, const char *item)
{
	struct simfile *f = file(s, n, item);
	void *p;
	for (size_t at = 0; f && !n->core && map_next(&n->ledger.items, &at, &p);) {
		struct item_row *row = p;
		if (row->side || strcmp(row->category, f->category) != 0 || strcmp(row->path, f->path) != 0)
			continue;
		row->head_version.b[0] ^= 1;
		n->restored = true;
		return true;
	}
	return f && fails(s, "%s must be stopped, and know of %s", n->name, item);
}

static bool pause(struct story *s, struct simnode *n, bool paused)
{
	struct err e = { 0 };
	if (!n->core)
		return fails(s, "%s is off", n->name);
	simnode_clock(n);
	bool done = core_pause(n->core, NULL, paused, &e);
	simnode_end_turn(n);
	return done || fails(s, "%s", e.why);
}

static bool bring_back(struct story *s, struct simnode *n, const char *category)
{
	struct err e = { 0 };
	size_t count;
	if (!n->core)
		return fails(s, "%s is off", n->name);
	simnode_clock(n);
	bool done = core_bring_back(n->core, category, &count, &e);
	simnode_end_turn(n);
	return done || fails(s, "%s", e.why);
}

static bool put_back(struct story *s, struct simnode *n)
{
	if (n->core || !n->has_backup)
		return fails(s, "%s must be backed up and stopped first", n->name);
	simnode_restore_backup(n);
	return true;
}

static bool act_of_folder(struct story *s, struct simnode *n, bool *known)
{
	char **w = s->words;
	*known = true;
	if (says(s, "* renames folder * *"))
		return rename_folder(s, n, w[3], w[4]);
	if (says(s, "* removes folder *"))
		return remove_folder(s, n, w[3]);
	if (says(s, "* makes folder * *"))
		return change_rights(s, n, w[3], w[4]);
	if (says(s, "* loses root *"))
		return move_root(s, n, w[3], ROOT_AWAY);
	if (says(s, "* finds root * empty"))
		return move_root(s, n, w[3], ROOT_EMPTY);
	if (says(s, "* finds root * again"))
		return move_root(s, n, w[3], ROOT_THERE);
	return *known = false;
}

/* Of its disk, its line and its memory, rather than of its files. */
static bool act_of_machine(struct story *s, struct simnode *n, bool *known)
{
	char **w = s->words;
	*known = true;
	if (says(s, "* is a clone of *"))
		return clone(s, n, w[5]);
	if (says(s, "* finds its record of * damaged"))
		return damage_row(s, n, w[5]);
	if (says(s, "* is * hours ahead") || says(s, "* is * hours behind")) {
		n->wall_ms = strtol(w[2], NULL, 10) * (strcmp(w[4], "ahead") == 0 ? 3600000L : -3600000L);
		return n->wall_ms || fails(s, "by how many hours?");
	}
	if (says(s, "* has no room"))
		n->disk.room = 0;
	else if (says(s, "* has room"))
		n->disk.room = UINT64_MAX;
	else if (says(s, "* loses events"))
		n->kernel.queue_most = 0;
	else if (says(s, "* hears events"))
		n->kernel.queue_most = 16384;
	else if (says(s, "* has a slow line"))
		n->slow_line = s->cl->narrow = true;
	else if (says(s, "* has a fast line"))
		n->slow_line = false;
	else
		*known = false;
	return true;
}

static bool act_of_node(struct story *s)
{
	struct simnode *n = node(s, s->words[0]);
	if (!n)
		return false;
	char **w = s->words;
	bool known, done = act_of_folder(s, n, &known);
	if (!known)
		done = act_of_machine(s, n, &known);
	if (known)
		return done;
	if (says(s, "* writes * KiB of *"))
		return write_much(s, n, w[5], w[2]);
	if (says(s, "* writes unseen * \""))
		return write_unseen(s, n, w[3], w[4]);
	if (says(s, "* writes * \" right before the next exchange"))
		return write_in_a_rush(s, n, w[2], w[3]);
	if (says(s, "* writes * \""))
		return write_file(s, n, w[2], w[3], false);
	if (says(s, "* appends * \""))
		return write_file(s, n, w[2], w[3], true);
	if (says(s, "* touches *")) {
		struct simfile *f = file(s, n, w[2]);
		return f && write_file(s, n, w[2], "", true);
	}
	if (says(s, "* removes *")) {
		struct simfile *f = file(s, n, w[2]);
		if (f && !f->now.present)
			return fails(s, "%s has no %s", n->name, w[2]);
		if (f)
			person_remove(n, f);
		return f;
	}
	if (says(s, "* renames * *"))
		return rename_file(s, n, w[2], w[3]);
	if (says(s, "* makes * executable"))
		return make_executable(s, n, w[2]);
	if (says(s, "* resolves * *"))
		return resolve(s, n, w[2], w[3], true);
	if (says(s, "* cannot resolve * *"))
		return resolve(s, n, w[3], w[4], false);
	if (says(s, "* undoes *"))
		return undo(s, n, w[2], true);
	if (says(s, "* cannot undo *"))
		return undo(s, n, w[3], false);
	if (says(s, "* thins its history"))
		return n->core ? simthin_run(n), true : fails(s, "%s is off", n->name);
	if (says(s, "* restores * \""))
		return restore(s, n, w[2], w[3]);
	if (says(s, "* pauses"))
		return pause(s, n, true);
	if (says(s, "* resumes"))
		return pause(s, n, false);
	if (says(s, "* brings back *"))
		return bring_back(s, n, w[3]);
	if (says(s, "* accepts"))
		person_answer(n);
	else if (says(s, "* is killed"))
		simnode_crash(n, DEATH_KILL);
	else if (says(s, "* loses power"))
		simnode_crash(n, DEATH_POWER);
	else if (says(s, "* is backed up"))
		simnode_keep_backup(n);
	else if (says(s, "* loses its state"))
		simnode_lose_state(n);
	else if (says(s, "* is put back"))
		return put_back(s, n);
	else if (says(s, "* loses the next answer"))
		n->lose_answer = true;
	else if (says(s, "* dies placing the next file"))
		n->die_placing = true;
	else if (says(s, "* dies behind * parts"))
		n->die_parts = (unsigned)strtoul(w[3], NULL, 10);
	else if (says(s, "* finds its versions rotten")) {
		struct simversion *v;
		for (uint64_t i = 0; i < map_count(&n->ledger.versions); i++)
			if ((v = simledger_any_version(&n->ledger, i)))
				v->rotten = true;
	} else if (says(s, "* misses the next answer"))
		n->miss_answer = true;
	else if (says(s, "* hears the next answer wrong"))
		n->wrong_answer = true;
	else
		return fails(s, "what does %s do?", n->name);
	return true;
}

static bool for_each(struct story *s)
{
	for (size_t i = 1; i < s->word_count; i++) {
		struct simnode *n = node(s, s->words[i]);
		if (!n)
			return false;
		if (strcmp(s->words[0], "start") == 0) {
			n->stopped = false;
			simnode_boot(n);
		} else if (strcmp(s->words[0], "stop") == 0) {
			simnode_stop(n);
			n->stopped = true;
		} else if (strcmp(s->words[0], "cut") == 0) {
			n->partitioned = true;
			if (simnet_conn(s->cl, n->conn))
				simnet_sever(s->cl, simnet_conn(s->cl, n->conn));
		} else {
			n->partitioned = false;
			simnode_push(n, &(struct event){ .type = EVENT_RETRY_NOW }, 0);
		}
	}
	return true;
}

static bool of_hub(struct story *s)
{
	if (says(s, "hub is killed"))
		simhub_kill(s->cl);
	else if (says(s, "hub is backed up"))
		s->hub_backup = simstore_count(s->cl->hub.store);
	else if (says(s, "hub is put back"))
		simhub_restore(s->cl, s->hub_backup);
	else
		return fails(s, "what does the hub do?");
	return true;
}

static bool expect_file(struct story *s, struct simnode *n, const char *item, bool executable, const char *word)
{
	struct simfile *f = file(s, n, item);
	if (!f)
		return false;
	if (executable)
		return (f->now.present && (f->now.meta & META_EXEC)) ||
		       fails(s, "%s: %s is not executable", n->name, item);
	if (!word)
		return !f->now.present || fails(s, "%s has %s", n->name, item);
	if (!f->now.present)
		return fails(s, "%s has no %s", n->name, item);
	struct buf text = text_of(word);
	bool same = span_equal(buf_view(&text), span_blob(&f->now.content));
	buf_finish(&text);
	return same ||
	       fails(s, "%s: %s holds \"%.*s\"", n->name, item,
	             (int)(f->now.content.len > 60 ? 60 : f->now.content.len), (const char *)f->now.content.data);
}

static bool expect_conflict(struct story *s, const char *item)
{
	for (unsigned i = 0; i < s->cl->node_count; i++) {
		struct simnode *n = s->cl->nodes[i];
		struct conflict_view v;
		bool found = false, any = false;
		if (!n->core)
			continue;
		for (size_t k = 0; core_view_conflict(n->core, k, &v); k++) {
			char *name = mem_printf("%s/%s", v.category, v.path);
			any = true;
			found = found || (item && strcmp(name, item) == 0);
			free(name);
		}
		if (item && !found)
			return fails(s, "%s knows of no conflict in %s", n->name, item);
		if (!item && any)
			return fails(s, "%s has a conflict", n->name);
	}
	return true;
}

/* It, or that it is gone. */
static bool expect_history(struct story *s, struct simnode *n, const char *item, const char *word, bool wanted)
{
	struct simfile *f = file(s, n, item);
	const struct item_row *row = f && n->core ? core_find_item(n->core, f->category, f->path) : NULL;
	struct id version = n->core ? version_of_text(n, word) : (struct id){ 0 };
	bool found = false;
	for (size_t i = 0; row && i < n->ledger.history_count && !found; i++) {
		const struct history_row *h = &n->ledger.history[i];
		found = id_equal(&h->item, &row->item) && id_equal(&h->version, &version) &&
			simledger_has_version(&n->ledger, &version);
	}
	return found == wanted ||
	       fails(s, "%s %s get \"%s\" of %s back", n->name, wanted ? "cannot" : "can", word, item);
}

static bool expect_refuses(struct story *s, struct simnode *n)
{
	struct link_view v = { 0 };
	if (n->core)
		core_view_link(n->core, &v);
	return (n->core && v.state == LINK_ERROR) || fails(s, "%s goes on with the hub", n->name);
}

static bool expect(struct story *s)
{
	char **w = s->words;
	if (says(s, "expect equal")) {
		judge_rest(s->cl);
		return true;
	}
	if (says(s, "expect conflict *"))
		return expect_conflict(s, w[2]);
	if (says(s, "expect no conflicts"))
		return expect_conflict(s, NULL);
	if (says(s, "expect log *")) {
		size_t log = simstore_count(s->cl->hub.store);
		return log == (size_t)atol(w[2]) || fails(s, "the log has %zu entries", log);
	}
	bool text = says(s, "expect * * \""), executable = says(s, "expect * * executable");
	if (text || executable || says(s, "expect * * absent")) {
		for (unsigned i = 0; strcmp(w[1], "all") == 0 && i < s->count; i++)
			if (!expect_file(s, s->cl->nodes[i], w[2], executable, text ? w[3] : NULL))
				return false;
		struct simnode *n = strcmp(w[1], "all") == 0 ? s->cl->nodes[0] : node(s, w[1]);
		return n && expect_file(s, n, w[2], executable, text ? w[3] : NULL);
	}
	struct simnode *n = s->word_count > 1 ? node(s, w[1]) : NULL;
	if (n && says(s, "expect * no history * \""))
		return expect_history(s, n, w[4], w[5], false);
	if (n && says(s, "expect * history * \""))
		return expect_history(s, n, w[3], w[4], true);
	if (n && says(s, "expect * refuses the hub"))
		return expect_refuses(s, n);
	return fails(s, "expect what?");
}

static bool begin(struct story *s)
{
	if (s->cl || s->word_count < 2 || s->word_count > CLUSTER_NODES_MAX + 1)
		return fails(s, "'devices NAME…' stands once, first");
	s->cl = cluster_create(s->seed, (unsigned)s->word_count - 1, categories,
	                       sizeof categories / sizeof *categories);
	s->cl->trace = s->trace;
	for (size_t i = 1; i < s->word_count; i++) {
		s->names[s->count++] = mem_text(s->words[i]);
		snprintf(s->cl->nodes[i - 1]->name, sizeof s->cl->nodes[i - 1]->name, "%s", s->words[i]);
		s->cl->nodes[i - 1]->stopped = true;
	}
	return true;
}

static bool places_parts(struct story *s, struct simnode *n, const char *count)
{
	uint64_t until_us = s->cl->now_us + SETTLE_US, parts = n->parts + strtoul(count, NULL, 10);
	while (n->parts < parts && s->cl->now_us < until_us && !s->cl->breach.found)
		cluster_run(s->cl, 10);
	return n->parts >= parts || fails(s, "%s places no more parts", n->name);
}

static bool opens_large(struct story *s, struct simnode *n)
{
	uint64_t until_us = s->cl->now_us + SETTLE_US;
	while (!simnode_opens_large(n) && s->cl->now_us < until_us && !s->cl->breach.found)
		cluster_run(s->cl, 10);
	return simnode_opens_large(n) || fails(s, "%s opens no large entry", n->name);
}

static bool settle(struct story *s)
{
	char why[300] = "";
	if (cluster_settle_alone(s->cl, SETTLE_US) || s->cl->breach.found)
		return true;
	judge_quiet(s->cl, why, sizeof why);
	return fails(s, "no rest within five minutes: %s", why);
}

static bool act(struct story *s)
{
	const char *first = s->words[0];
	if (strcmp(first, "devices") == 0)
		return begin(s);
	if (!s->cl)
		return fails(s, "'devices NAME…' comes first");
	if (says(s, "settle"))
		return settle(s);
	if (says(s, "parts of * bytes"))
		return (s->cl->part_bytes = strtoul(s->words[2], NULL, 10)) || fails(s, "of how many bytes?");
	if (says(s, "* places * parts")) {
		struct simnode *n = node(s, s->words[0]);
		return n && places_parts(s, n, s->words[2]);
	}
	if (says(s, "* opens a large entry")) {
		struct simnode *n = node(s, s->words[0]);
		return n && opens_large(s, n);
	}
	if (says(s, "wait *")) {
		cluster_run(s->cl, (uint64_t)(atof(s->words[1]) * 1000) * 1000);
		return true;
	}
	if (strcmp(first, "hub") == 0)
		return of_hub(s);
	if (strcmp(first, "expect") == 0)
		return expect(s);
	if (strcmp(first, "start") == 0 || strcmp(first, "stop") == 0 || strcmp(first, "cut") == 0 ||
	    strcmp(first, "heal") == 0)
		return for_each(s);
	return act_of_node(s);
}

bool story_play(const char *script, uint64_t seed, bool trace, char *why, size_t cap)
{
	struct story s = { .seed = seed, .trace = trace, .why = why, .cap = cap };
	char *copy = mem_text(script), *next = copy;
	bool ok = true;
	why[0] = 0;
	while (ok && next) {
		char *line = strsep(&next, "\n");
		s.line++;
		if (s.cl)
			cluster_note(s.cl, "> %s", line);
		ok = split(&s, line) && (!s.word_count || act(&s));
		if (ok && s.cl && s.cl->breach.found)
			ok = fails(&s, "%s: %s", s.cl->breach.invariant, s.cl->breach.text);
	}
	for (unsigned i = 0; i < s.count; i++)
		free(s.names[i]);
	free(copy);
	cluster_destroy(s.cl);
	return ok;
}

#include "sim/relive.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <git2.h>

#include "base/buf.h"
#include "base/map.h"
#include "base/mem.h"
#include "engine/core/conflict/merge.h"
#include "sim/edits.h"
#include "sim/judge.h"
#include "sim/person.h"
#include "sim/simnet.h"
#include "sim/simnode.h"

#define ROUND_FILES 64
#define SIDES_MAX   3
#define SECOND_US   1000000ull
#define SETTLE_US   (20 * 60 * SECOND_US)

/* As the shipped profiles have them; "colour-themes" is themes, with merges, or there would be nothing to compare. */
static const struct category_setup categories[RELIVE_CATEGORIES] = {
	{ .name = "aliases",
	  .debounce_ms = 2000,
	  .max_wait_ms = 30000,
	  .strategy = STRATEGY_MERGE,
	  .merge = MERGE_TEXT },
	{ .name = "hotkeys",
	  .debounce_ms = 2000,
	  .max_wait_ms = 60000,
	  .strategy = STRATEGY_MERGE,
	  .merge = MERGE_BY_KIND },
	{ .name = "colour-themes",
	  .debounce_ms = 2000,
	  .max_wait_ms = 300000,
	  .strategy = STRATEGY_MERGE,
	  .merge = MERGE_BY_KIND },
	{ .name = "notes",
	  .debounce_ms = 2000,
	  .max_wait_ms = 30000,
	  .strategy = STRATEGY_MERGE,
	  .merge = MERGE_BY_KIND },
	{ .name = "search-history",
	  .debounce_ms = 1000,
	  .max_wait_ms = 5000,
	  .strategy = STRATEGY_MERGE,
	  .merge = MERGE_LINES },
	{ .name = "extensions-and-settings",
	  .debounce_ms = 5000,
	  .max_wait_ms = 30000,
	  .strategy = STRATEGY_MERGE,
	  .merge = MERGE_BY_KIND },
	{ .name = "snippets",
	  .debounce_ms = 2000,
	  .max_wait_ms = 30000,
	  .strategy = STRATEGY_MERGE,
	  .merge = MERGE_BY_KIND },
	{ .name = "quicklinks",
	  .debounce_ms = 2000,
	  .max_wait_ms = 30000,
	  .strategy = STRATEGY_MERGE,
	  .merge = MERGE_LINES },
	{ .name = "files",
	  .debounce_ms = 2000,
	  .max_wait_ms = 30000,
	  .strategy = STRATEGY_MERGE,
	  .merge = MERGE_BY_KIND },
	{ .name = "other",
	  .debounce_ms = 2000,
	  .max_wait_ms = 30000,
	  .strategy = STRATEGY_MERGE,
	  .merge = MERGE_BY_KIND },
};

struct past { /* a file of the history */
	unsigned category;
	char *path;
	struct blob last; /* its content in the history, so far */
	struct doing *doing;
	struct map held; /* hashes of all that it held so far */
};

struct doing { /* what a round does to one file */
	struct past *past;
	struct blob base, sides[SIDES_MAX];
	unsigned count, first; /* sides[i] is of device (first + i) mod n */
};

struct relive {
	struct cluster *cl;
	const struct relive_setup *setup;
	struct relive_result *out;
	struct map pasts;
	struct doing doing[ROUND_FILES];
	size_t doing_count;
	uint64_t edits;
};

/* ---- git's own merge, for comparison ---- */

/* False: not clean. */
static bool three_way(struct span base, struct span mine, struct span theirs, struct blob *out)
{
	git_merge_file_input in[3] = { 0 };
	const struct span texts[3] = { base, mine, theirs };
	git_merge_file_result merged = { 0 };
	for (int i = 0; i < 3; i++) {
		in[i].version = GIT_MERGE_FILE_INPUT_VERSION;
		in[i].ptr = texts[i].len ? (const char *)texts[i].data : "";
		in[i].size = texts[i].len;
	}
	bool clean = git_merge_file(&merged, &in[0], &in[1], &in[2], NULL) == 0 && merged.automergeable;
	if (clean)
		*out = blob_copy(merged.ptr, merged.len);
	git_merge_file_result_free(&merged);
	return clean;
}

/* All sides one after the other, the sides in this order. */
static bool three_ways(const struct doing *d, const unsigned *order, struct blob *out)
{
	*out = blob_copy(d->sides[order[0]].data, d->sides[order[0]].len);
	for (unsigned i = 1; i < d->count; i++) {
		struct blob next = { 0 };
		bool clean = three_way(span_blob(&d->base), span_blob(out), span_blob(&d->sides[order[i]]), &next);
		blob_finish(out);
		*out = next;
		if (!clean)
			return false;
	}
	return true;
}

/* Clean whoever comes first: with three sides the order can matter to git. `out` is of the first order. */
static bool git_clean(const struct doing *d, struct blob *out)
{
	static const unsigned orders[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
					       { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
	bool clean = three_ways(d, orders[0], out);
	for (unsigned i = 1; clean && d->count == 3 && i < 6; i++) {
		struct blob other = { 0 };
		clean = three_ways(d, orders[i], &other);
		blob_finish(&other);
	}
	return clean;
}

/* ---- lines ---- */

static void complain(struct relive *r, const struct past *p, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static void complain(struct relive *r, const struct past *p, const char *format, ...)
{
	char text[200];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	cluster_note(r->cl, "COMPLAINT %s/%s: %s", categories[p->category].name, p->path, text);
	if (!r->out->complaint[0])
		snprintf(r->out->complaint, sizeof r->out->complaint, "%s/%.80s: %s", categories[p->category].name,
			 p->path, text);
}

struct line { /* how often the base, each side and the result have it */
	int base, sides[SIDES_MAX], result;
};

static void count_one(struct map *lines, const uint8_t *from, size_t len, size_t offset)
{
	struct line *line = map_find(lines, from, len);
	if (!line) {
		line = mem_alloc(sizeof *line);
		map_put(lines, from, len, line);
	}
	++*(int *)((char *)line + offset);
}

static void count_lines(struct map *lines, struct span text, size_t offset)
{
	for (size_t at = 0; at < text.len;) {
		const uint8_t *end = memchr(text.data + at, '\n', text.len - at);
		size_t len = end ? (size_t)(end - text.data) - at : text.len - at;
		if (len)
			count_one(lines, text.data + at, len, offset);
		at += len + 1;
	}
}

static bool json_between(uint8_t c)
{
	return strchr("{}[], \t\r\n", c) && c;
}

/* JSON may be written in many ways: its keys with their values, and the values in its arrays, count instead of its
 * lines. */
static void count_values(struct map *values, struct span text, size_t offset)
{
	struct span key = { 0 };
	for (size_t at = 0, len; at < text.len; at += len) {
		const uint8_t *from = text.data + at;
		size_t rest = text.len - at, after;
		len = 1;
		if (json_between(*from)) {
			if (strchr("{[,", *from))
				key.len = 0;
			continue;
		}
		if (*from == ':')
			continue;
		if (*from == '"') {
			while (len < rest && from[len] != '"' && from[len] != '\n')
				len += from[len] == '\\' && len + 1 < rest ? 2 : 1;
			len += len < rest;
		} else {
			while (len < rest && !json_between(from[len]) && !strchr(":\"", from[len]))
				len++;
		}
		for (after = len; after < rest && strchr(" \t", from[after]) && from[after];)
			after++;
		if (after < rest && from[after] == ':') {
			key = span_of(from, len);
			continue;
		}
		struct buf pair = { 0 };
		buf_span(&pair, key);
		buf_span(&pair, span_of(from, len));
		count_one(values, pair.data, pair.len, offset);
		buf_finish(&pair);
	}
}

/* A line that no version has twice: who takes it out and who puts it in is plain, and so is what must become of it.
 * With `set`, what several put in is there once. */
static bool line_fits(const struct line *l, unsigned sides, bool set, bool *lost)
{
	int have = 0;
	for (unsigned i = 0; i < sides; i++) {
		if (l->base > 1 || l->sides[i] > 1)
			return true;
		have += l->sides[i];
	}
	int low = l->base ? have == (int)sides : have > 0, high = l->base || set ? low : have;
	*lost = l->result < low;
	return l->result >= low && l->result <= high;
}

static bool is_json(const struct past *p)
{
	return categories[p->category].merge == MERGE_BY_KIND &&
	       merge_kind_of(MERGE_BY_KIND, p->path) == MERGE_KIND_JSON;
}

static void compare_lines(struct relive *r, const struct doing *d, struct span result, struct relive_sums *sums)
{
	struct map lines = { 0 };
	bool set = categories[d->past->category].merge == MERGE_LINES, lost = false, odd = false;
	void (*count)(struct map *, struct span, size_t) = is_json(d->past) ? count_values : count_lines;
	count(&lines, span_blob(&d->base), offsetof(struct line, base));
	for (unsigned i = 0; i < d->count; i++)
		count(&lines, span_blob(&d->sides[i]), offsetof(struct line, sides) + i * sizeof(int));
	count(&lines, result, offsetof(struct line, result));
	for (size_t i = 0; i < lines.used; i++) {
		const struct map_slot *slot = &lines.slots[i];
		const struct line *l = slot->value;
		bool gone = false;
		if (!line_fits(l, d->count, set, &gone)) {
			*(gone ? &lost : &odd) = true;
			complain(r, d->past, "a merge %s '%.*s' (base %d, sides %d %d %d, result %d)",
				 gone ? "lost" : "made up or kept", (int)(slot->key_len < 80 ? slot->key_len : 80),
				 (const char *)slot->key, l->base, l->sides[0], l->sides[1], l->sides[2], l->result);
		}
		free(slot->value);
	}
	map_finish(&lines);
	sums->lost += lost;
	sums->made_up += odd;
}

/* ---- one round ---- */

static struct simfile *file_of(struct simnode *n, const struct past *p)
{
	return person_file(n, categories[p->category].name, p->path);
}

/* The file that somebody is about to change: whatever was chosen for it before, its history goes on. */
static struct simfile *to_change(struct simnode *n, const struct past *p)
{
	struct simfile *f = file_of(n, p);
	witness_note(&n->cl->witness, f->number)->chosen_us = 0;
	return f;
}

static void cut_off(struct cluster *cl, bool off)
{
	for (unsigned i = 0; i < cl->node_count; i++) {
		struct simnode *n = cl->nodes[i];
		n->partitioned = off;
		if (off && simnet_conn(cl, n->conn))
			simnet_sever(cl, simnet_conn(cl, n->conn));
		else if (!off && n->core)
			simnode_push(n, &(struct event){ .type = EVENT_RETRY_NOW }, 0);
	}
}

static bool come_to_rest(struct relive *r)
{
	struct cluster *cl = r->cl;
	cluster_calm(cl);
	for (unsigned i = 0; i < cl->node_count; i++)
		if (cl->nodes[i]->core)
			simnode_rescan(cl->nodes[i]);
	char why[300] = "";
	if (cl->breach.found || cluster_settle(cl, SETTLE_US))
		return !cl->breach.found;
	judge_quiet(cl, why, sizeof why);
	cluster_break(cl, "Q10", "no rest after edits at once: %s", why);
	return false;
}

static void draw_faults(struct cluster *cl)
{
	struct chance *c = &cl->chance;
	struct rates *rates = &cl->rates;
	rates->cut = chance_below(c, CHANCE_SETUP, 2) ? 10000 : 0;
	rates->half_open = chance_below(c, CHANCE_SETUP, 4) ? 0 : 2000;
	rates->kill = chance_below(c, CHANCE_SETUP, 2) ? 1000 : 0;
	rates->hub_kill = chance_below(c, CHANCE_SETUP, 2) ? 500 : 0;
	rates->call_error = chance_below(c, CHANCE_SETUP, 4) ? 0 : 1000;
	rates->hint_lost = chance_below(c, CHANCE_SETUP, 2) ? 10000 : 0;
	rates->delay_us = chance_below(c, CHANCE_SETUP, 100000);
}

/* What kind of conflict it is in, as the device knows that has it; NULL: none. */
static const char *in_conflict(struct cluster *cl, const struct past *p)
{
	struct conflict_view v;
	const char *kind = NULL;
	for (unsigned i = 0; i < cl->node_count; i++)
		for (size_t k = 0; cl->nodes[i]->core && core_view_conflict(cl->nodes[i]->core, k, &v); k++)
			if (strcmp(v.category, categories[p->category].name) == 0 && strcmp(v.path, p->path) == 0 &&
			    (!kind || strcmp(v.kind, "rollback") == 0))
				kind = v.kind;
	return kind;
}

/* Did the file hold this before? */
static bool held(struct past *p, const struct blob *content, bool note)
{
	uint64_t hash = map_hash(content->data, content->len);
	bool known = map_find(&p->held, &hash, sizeof hash);
	if (note)
		map_put(&p->held, &hash, sizeof hash, p);
	return known;
}

/* A side that goes back to what the file held before another device's change: the engine rightly asks. */
static bool goes_back(const struct doing *d)
{
	for (unsigned i = 0; i < d->count; i++)
		if (held(d->past, &d->sides[i], false))
			return true;
	return false;
}

static void weigh(struct relive *r, struct doing *d)
{
	struct relive_sums *sums = &r->out->sums[d->past->category];
	struct blob git = { 0 };
	const char *asked = in_conflict(r->cl, d->past);
	bool back = goes_back(d) || (asked && strcmp(asked, "rollback") == 0), clean = !back && git_clean(d, &git);
	const struct simfile *f = file_of(r->cl->nodes[0], d->past);
	bool text = categories[d->past->category].merge != MERGE_LINES && !is_json(d->past);
	sums->overlaps++;
	sums->went_back += back;
	sums->git_clean += clean;
	sums->merged += !asked;
	sums->as_git += clean && !asked && span_equal(span_blob(&git), span_blob(&f->now.content));
	sums->false_conflicts += clean && asked;
	sums->by_key += clean && asked && is_json(d->past);
	sums->missed_conflicts += text && !back && !clean && !asked;
	if (!asked)
		compare_lines(r, d, span_blob(&f->now.content), sums);
	if (clean && asked)
		complain(r, d->past, "git merges it, and a person is asked (%s)", asked);
	if (text && !back && !clean && !asked)
		complain(r, d->past, "merged, where git has a conflict");
	blob_finish(&git);
}

/* People choose, anyhow: the next edits begin with equal files. */
static void settle_conflicts(struct relive *r)
{
	struct cluster *cl = r->cl;
	struct conflict_view v;
	struct err e;
	for (unsigned tries = 0; tries < 200 && !cl->breach.found; tries++) {
		bool any = false;
		for (unsigned i = 0; i < cl->node_count && !any; i++) {
			struct simnode *n = cl->nodes[i];
			if (!n->core || !core_view_conflict(n->core, 0, &v))
				continue;
			char *category = mem_text(v.category), *path = mem_text(v.path);
			person_resolve(n, category, path,
				       chance_below(&cl->chance, CHANCE_PERSON, 2) ? KEEP_MINE : KEEP_THEIRS, &e);
			free(category);
			free(path);
			any = true;
		}
		if (!any)
			return;
		come_to_rest(r);
	}
}

static void finish_round(struct relive *r)
{
	for (size_t i = 0; i < r->doing_count; i++) {
		struct doing *d = &r->doing[i];
		d->past->doing = NULL;
		held(d->past, &d->base, true);
		blob_finish(&d->base);
		for (unsigned k = 0; k < d->count; k++) {
			held(d->past, &d->sides[k], true);
			blob_finish(&d->sides[k]);
		}
		*d = (struct doing){ 0 };
	}
	r->doing_count = 0;
}

static void run_round(struct relive *r)
{
	struct cluster *cl = r->cl;
	if (!r->doing_count || cl->breach.found)
		return;
	cut_off(cl, true);
	if (r->setup->faults)
		draw_faults(cl);
	for (size_t i = 0; i < r->doing_count; i++)
		for (unsigned k = 0; k < r->doing[i].count; k++) {
			struct doing *d = &r->doing[i];
			struct simnode *n = cl->nodes[(d->first + k) % cl->node_count];
			person_write(n, to_change(n, d->past), span_blob(&d->sides[k]), 0,
				     chance_below(&cl->chance, CHANCE_PERSON, 2));
		}
	cluster_run(cl, 8 * SECOND_US);
	cut_off(cl, false);
	cluster_run(cl, 8 * SECOND_US);
	if (come_to_rest(r)) {
		for (size_t i = 0; i < r->doing_count; i++)
			if (r->doing[i].count > 1)
				weigh(r, &r->doing[i]);
		settle_conflicts(r);
	}
	finish_round(r);
}

/* ---- the history ---- */

static unsigned category_named(const char *name)
{
	unsigned i = 0;
	while (i + 1 < RELIVE_CATEGORIES && strcmp(categories[i].name, name) != 0)
		i++;
	return i;
}

static struct past *past_of(struct relive *r, unsigned category, const char *path)
{
	char *key = mem_printf("%u/%s", category, path);
	struct past *p = map_find(&r->pasts, key, strlen(key));
	if (!p) {
		p = mem_alloc(sizeof *p);
		p->category = category;
		p->path = mem_text(path);
		map_put(&r->pasts, key, strlen(key), p);
	}
	free(key);
	return p;
}

static bool is_there(struct relive *r, const struct past *p)
{
	return file_of(r->cl->nodes[0], p)->now.present;
}

static unsigned sides_most(const struct relive *r)
{
	return r->setup->devices < SIDES_MAX ? r->setup->devices : SIDES_MAX;
}

static void put(struct relive *r, struct past *p, const struct blob *content)
{
	bool there = is_there(r, p);
	if (p->doing && (p->doing->count == sides_most(r) || !there))
		run_round(r);
	if (!p->doing && r->doing_count == ROUND_FILES)
		run_round(r);
	if (!p->doing) {
		struct simfile *f = file_of(r->cl->nodes[0], p);
		p->doing = &r->doing[r->doing_count++];
		*p->doing =
			(struct doing){ .past = p,
					.base = blob_copy(f->now.content.data, f->now.present ? f->now.content.len : 0),
					.first = (unsigned)chance_below(&r->cl->chance, CHANCE_PERSON,
									r->cl->node_count) };
	}
	/* The edit that the history made here, made to what the file holds by now; by this device, which knows of no
	 * other. */
	struct blob edited = { 0 };
	if (!three_way(span_blob(&p->last), span_blob(&p->doing->base), span_blob(content), &edited))
		edited = blob_copy(content->data, content->len);
	if (span_equal(span_blob(&edited), span_blob(&p->doing->base)))
		blob_finish(&edited);
	else
		p->doing->sides[p->doing->count++] = edited;
	blob_finish(&p->last);
	p->last = blob_copy(content->data, content->len);
	r->out->sums[p->category].edits++;
}

static void take_away(struct relive *r, struct past *p)
{
	run_round(r);
	struct simnode *n = r->cl->nodes[chance_below(&r->cl->chance, CHANCE_PERSON, r->cl->node_count)];
	if (is_there(r, p))
		person_remove(n, to_change(n, p));
	blob_finish(&p->last);
	come_to_rest(r);
}

static void rename_to(struct relive *r, struct past *from, struct past *to)
{
	run_round(r);
	struct simnode *n = r->cl->nodes[chance_below(&r->cl->chance, CHANCE_PERSON, r->cl->node_count)];
	if (is_there(r, from) && !is_there(r, to))
		person_rename(n, to_change(n, from), to_change(n, to));
	blob_finish(&to->last);
	to->last = from->last;
	from->last = (struct blob){ 0 };
	come_to_rest(r);
}

static void relive_edit(struct relive *r, const struct edit *d)
{
	struct past *p = past_of(r, category_named(d->category), d->path);
	if (d->op == EDIT_DELETE) {
		take_away(r, p);
		return;
	}
	if (d->op == EDIT_RENAME)
		rename_to(r, past_of(r, p->category, d->from), p);
	put(r, p, &d->content);
}

static bool history(struct relive *r, struct edits *t, struct err *e)
{
	struct edit d;
	int got = 0;
	uint64_t most = r->setup->edits_max ? r->setup->edits_max : UINT64_MAX;
	while (!r->cl->breach.found && r->edits < most && (got = edits_next(t, &d, e)) > 0) {
		r->edits += d.op != EDIT_SEED;
		relive_edit(r, &d);
		edit_finish(&d);
	}
	run_round(r);
	return got >= 0;
}

bool relive_run(const struct relive_setup *s, struct relive_result *out, struct err *e)
{
	struct edits *t = edits_open(s->file, e);
	*out = (struct relive_result){ .sum_count = RELIVE_CATEGORIES };
	if (!t)
		return false;
	git_libgit2_init();
	snprintf(out->name, sizeof out->name, "%s", edits_name(t));
	for (size_t i = 0; i < RELIVE_CATEGORIES; i++)
		out->sums[i].name = categories[i].name;
	struct relive r = { .setup = s,
			    .out = out,
			    .cl = cluster_create(s->seed, s->devices, categories, RELIVE_CATEGORIES) };
	r.cl->trace = s->trace;
	for (unsigned i = 0; i < r.cl->node_count; i++)
		simnode_boot(r.cl->nodes[i]);
	bool read = come_to_rest(&r) && history(&r, t, e);
	if (!r.cl->breach.found)
		judge_rest(r.cl);
	finish_round(&r);
	uint64_t state = judge_digest(r.cl);
	cluster_mix(r.cl, &state, sizeof state);
	out->tally = r.cl->tally;
	out->breach = r.cl->breach;
	out->digest = r.cl->digest;
	void *value;
	for (size_t i = 0; map_next(&r.pasts, &i, &value);) {
		struct past *p = value;
		free(p->path);
		blob_finish(&p->last);
		map_finish(&p->held);
		free(p);
	}
	map_finish(&r.pasts);
	cluster_destroy(r.cl);
	edits_close(t);
	git_libgit2_shutdown();
	return read || out->breach.found;
}

/* merges TRACE…: three-way merges drawn from real edit histories (replay traces, see sim/edits.h), each compared with
 * git's own merge of the same three texts, and its lines counted again. With --git each one goes through the `git
 * merge-file` program too.
 *
 * Of each file's history v0 v1 v2 v3, the base is v0, and one side v1. The other side is one of:
 *   next    the edit that made v2 of v1, made to v0: two people who edit at once
 *   jump    the edits that made v3 of v1, made to v0
 *   whole   v2 or v3 as they are: much is the same on both sides
 *   random  v0 with lines taken out, doubled, swapped or mixed: edits that nobody would make
 * Where the result is not git's, its lines (of JSON: its paths and values) are counted: "lost" are merges that lack one
 * they should have, "made up" ones that have one too many. Counts cannot tell a thing that both sides moved from two
 * things, so a few of those are no faults; MERGES_SHOW helps to look. Exit 1 when a text or a list is not merged where
 * git's merge is clean, a text is where git's is not, or a settlement of a text differs from git's. */
#include <git2.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/rng.h"
#include "engine/core/conflict/merge.h"
#include "sim/edits.h"

#define VERSIONS 4

enum way { WAY_NEXT, WAY_JUMP, WAY_WHOLE, WAY_RANDOM, WAYS };
static const char *const way_names[WAYS] = { "next", "jump", "whole", "random" };

struct sums {
	char name[64];
	uint64_t merges, git_clean, clean, as_git, false_conflicts, missed, lost, made_up, refused, settled_wrong,
		hunks;
	double seconds, longest;
};

struct past {
	char *category, *path;
	struct blob versions[VERSIONS]; /* the newest last */
	unsigned count;
};

static struct sums rows[64], total;
static uint64_t bad;
static size_t row_count;
static struct map pasts;
static struct rng rng;
static bool with_git;
static char folder[] = "/tmp/syncline-merges-XXXXXX";

static void die(const char *what)
{
	fprintf(stderr, "merges: %s\n", what);
	exit(2);
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- git ---- */

static bool merge_by_git(struct span base, struct span mine, struct span theirs, git_merge_file_favor_t favor,
			 struct blob *out)
{
	git_merge_file_input in[3] = { 0 };
	const struct span texts[3] = { base, mine, theirs };
	git_merge_file_result merged = { 0 };
	git_merge_file_options options;
	git_merge_file_options_init(&options, GIT_MERGE_FILE_OPTIONS_VERSION);
	options.favor = favor;
	for (int i = 0; i < 3; i++) {
		in[i].version = GIT_MERGE_FILE_INPUT_VERSION;
		in[i].ptr = texts[i].len ? (const char *)texts[i].data : "";
		in[i].size = texts[i].len;
	}
	bool clean = git_merge_file(&merged, &in[0], &in[1], &in[2], &options) == 0 && merged.automergeable;
	*out = blob_copy(merged.ptr ? merged.ptr : "", merged.len);
	git_merge_file_result_free(&merged);
	return clean;
}

static void write_file(const char *name, struct span content)
{
	char path[128];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *f = fopen(path, "wb");
	if (!f || fwrite(content.data, 1, content.len, f) != content.len || fclose(f))
		die("cannot write a file for git");
}

/* The program itself: is it of the library's mind? */
static void ask_program(struct span base, struct span mine, struct span theirs, bool clean, struct span result)
{
	char command[512], path[128];
	write_file("base", base);
	write_file("mine", mine);
	write_file("theirs", theirs);
	snprintf(command, sizeof command, "cd %s && git merge-file -p -q mine base theirs >result", folder);
	int status = system(command);
	if (!WIFEXITED(status) || WEXITSTATUS(status) > 127)
		die("git merge-file failed");
	if ((WEXITSTATUS(status) == 0) != clean)
		die("git merge-file and libgit2 do not agree");
	if (!clean)
		return;
	struct buf got = { 0 };
	snprintf(path, sizeof path, "%s/result", folder);
	FILE *f = fopen(path, "rb");
	for (int c; f && (c = getc(f)) != EOF;)
		buf_u8(&got, (uint8_t)c);
	if (!f || !span_equal(buf_view(&got), result))
		die("git merge-file and libgit2 merge differently");
	fclose(f);
	buf_finish(&got);
}

/* ---- lines, counted ---- */

struct line {
	int base, mine, theirs, result;
};

static void count_lines(struct map *lines, struct span text, size_t field)
{
	for (size_t at = 0; at < text.len;) {
		const uint8_t *from = text.data + at, *end = memchr(from, '\n', text.len - at);
		size_t len = end ? (size_t)(end - from) : text.len - at, kept = len;
		/* Indentation, and a comma at the end, belong to the neighbours. */
		while (kept && (from[kept - 1] == ',' || from[kept - 1] == '\r' || from[kept - 1] == ' '))
			kept--;
		while (kept && (*from == ' ' || *from == '\t'))
			from++, kept--;
		struct line *line = kept ? map_find(lines, from, kept) : NULL;
		if (kept && !line) {
			line = mem_alloc(sizeof *line);
			map_put(lines, from, kept, line);
		}
		if (line)
			++*(int *)((char *)line + field);
		at += len + 1;
	}
}

static void recount(struct span base, struct span mine, struct span theirs, struct span result, bool set, bool *lost,
		    bool *made_up)
{
	struct map lines = { 0 };
	void *value;
	count_lines(&lines, base, offsetof(struct line, base));
	count_lines(&lines, mine, offsetof(struct line, mine));
	count_lines(&lines, theirs, offsetof(struct line, theirs));
	count_lines(&lines, result, offsetof(struct line, result));
	*lost = *made_up = false;
	for (size_t i = 0; map_next(&lines, &i, &value); free(value)) {
		const struct line *l = value;
		int m = l->mine - l->base, t = l->theirs - l->base, low, high;
		/* What both did is done once, or twice. */
		low = l->base + (m < 0 ? m : 0) + (t < 0 ? t : 0) +
		      (m > 0 && t > 0 ? (m > t ? m : t) : (m > 0 ? m : 0) + (t > 0 ? t : 0));
		high = l->base + (m > 0 ? m : 0) + (t > 0 ? t : 0) +
		       (m < 0 && t < 0 ? (m < t ? m : t) : (m < 0 ? m : 0) + (t < 0 ? t : 0));
		if (set) {
			low = low > 0;
			high = high > l->base ? high : l->base;
		}
		*lost = *lost || l->result < low;
		*made_up = *made_up || l->result > high;
	}
	map_finish(&lines);
}

/* ---- JSON, as lines of paths and values ---- */

/* Without comments and commas at the end of a list; what is left has its places. */
static void make_plain(char *text, size_t len)
{
	char *comma = NULL;
	for (size_t i = 0; i < len; i++) {
		char *c = &text[i];
		if (*c == '"') {
			for (i++; i < len && text[i] != '"'; i++)
				i += text[i] == '\\';
		} else if (*c == '/' && i + 1 < len && (c[1] == '/' || c[1] == '*')) {
			const char *end = c[1] == '/' ? memchr(c, '\n', len - i) : memmem(c + 2, len - i - 2, "*/", 2);
			size_t stop = end ? (size_t)(end - text) + (c[1] == '*' ? 2 : 0) : len;
			memset(c, ' ', stop - i);
			i = stop - 1;
			continue;
		} else if (strchr(" \t\r\n", *c)) {
			continue;
		} else if (*c == '}' || *c == ']') {
			if (comma)
				*comma = ' ';
		}
		comma = *c == ',' ? c : NULL;
	}
}

static void flatten(struct buf *out, const char *path, const json_t *v)
{
	const char *key;
	json_t *one;
	size_t i;
	if (json_is_object(v)) {
		buf_printf(out, "%s {}\n", path);
		json_object_foreach((json_t *)v, key, one)
		{
			char *below = mem_printf("%s/%s", path, key);
			flatten(out, below, one);
			free(below);
		}
	} else if (json_is_array(v)) {
		char *below = mem_printf("%s/[]", path);
		json_array_foreach(v, i, one) flatten(out, below, one);
		free(below);
	} else {
		char *text = json_dumps(v, JSON_ENCODE_ANY);
		buf_printf(out, "%s = %s;\n", path, text);
		free(text);
	}
}

static bool as_paths(struct span json, struct blob *out)
{
	char *text = mem_copy(json.data, json.len);
	size_t mark = json.len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
	struct buf lines = { 0 };
	make_plain(text + mark, json.len - mark);
	json_t *v = json_loadb(text + mark, json.len - mark, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
	if (v)
		flatten(&lines, "", v);
	*out = buf_take(&lines);
	json_decref(v);
	free(text);
	return v;
}

static void recount_json(struct span base, struct span mine, struct span theirs, struct span result, bool *lost,
			 bool *made_up)
{
	const struct span texts[4] = { base, mine, theirs, result };
	struct blob paths[4];
	bool read = true;
	for (int i = 0; i < 4; i++)
		read &= as_paths(texts[i], &paths[i]);
	if (!read)
		*made_up = true;
	else
		recount(span_blob(&paths[0]), span_blob(&paths[1]), span_blob(&paths[2]), span_blob(&paths[3]), false,
			lost, made_up);
	for (int i = 0; i < 4; i++)
		blob_finish(&paths[i]);
}

/* ---- one merge ---- */

static enum merge_rule rule_of(const char *category)
{
	if (strcmp(category, "search-history") == 0 || strcmp(category, "quicklinks") == 0)
		return MERGE_LINES;
	return strcmp(category, "aliases") == 0 ? MERGE_TEXT : MERGE_BY_KIND;
}

static struct sums *row(const char *category, enum way way, enum merge_kind kind)
{
	static const char *const kinds[] = { "none", "text", "json", "lines" };
	char name[64];
	snprintf(name, sizeof name, "%-24s %-5s %-6s", category, kinds[kind], way_names[way]);
	for (size_t i = 0; i < row_count; i++)
		if (strcmp(rows[i].name, name) == 0)
			return &rows[i];
	if (row_count == sizeof rows / sizeof *rows)
		die("too many rows");
	memcpy(rows[row_count].name, name, sizeof name);
	return &rows[row_count++];
}

/* Everybody's mine, everybody's theirs: git can do that too. */
static void try_settling(struct sums *s, const struct merge *m, struct span base, struct span mine, struct span theirs)
{
	enum merge_choice *choices = mem_alloc(m->hunk_count * sizeof *choices);
	for (int side = 0; side < 2; side++) {
		struct blob ours = { 0 }, git;
		const char *why;
		for (size_t i = 0; i < m->hunk_count; i++)
			choices[i] = side ? CHOICE_THEIRS : CHOICE_MINE;
		merge_by_git(base, mine, theirs, side ? GIT_MERGE_FILE_FAVOR_THEIRS : GIT_MERGE_FILE_FAVOR_OURS, &git);
		bool fine = merge_settle(m, choices, m->hunk_count, &ours, &why);
		s->settled_wrong +=
			!fine || (m->kind == MERGE_KIND_TEXT && !span_equal(span_blob(&ours), span_blob(&git)));
		blob_finish(&ours);
		blob_finish(&git);
	}
	free(choices);
}

/* MERGES_SHOW names what to look at (lost, made up, false, refused); the texts of the last one stay in the folder. */
static void show(const struct past *p, enum way way, const struct merge *m, struct span base, struct span mine,
		 struct span theirs, const char *what)
{
	const char *wanted = getenv("MERGES_SHOW");
	if (!wanted || strcmp(wanted, what) != 0)
		return;
	printf("# %s: %s %s %s, %s, %s\n", folder, p->category, p->path, way_names[way], m->why ? m->why : what,
	       m->hunk_count && m->hunks[0].key ? m->hunks[0].key : "");
	write_file("base", base);
	write_file("mine", mine);
	write_file("theirs", theirs);
	write_file("result", span_blob(&m->result));
}

static void weigh(const struct past *p, enum way way, struct span base, struct span mine, struct span theirs)
{
	struct merge m;
	struct blob git;
	bool lost = false, made_up = false;
	if (span_equal(base, mine) || span_equal(base, theirs) || span_equal(mine, theirs))
		return;
	bool git_clean = merge_by_git(base, mine, theirs, GIT_MERGE_FILE_FAVOR_NORMAL, &git);
	if (with_git)
		ask_program(base, mine, theirs, git_clean, span_blob(&git));
	double start = now();
	merge_run(&m, merge_kind_of(rule_of(p->category), p->path), base, mine, theirs);
	double took = now() - start;
	struct sums *s = row(p->category, way, m.kind);
	bool clean = m.outcome == MERGE_CLEAN;
	bool as_git = clean && git_clean && span_equal(span_blob(&m.result), span_blob(&git));
	if (as_git)
		; /* nothing lost that git would keep */
	else if (clean && m.kind == MERGE_KIND_JSON)
		recount_json(base, mine, theirs, span_blob(&m.result), &lost, &made_up);
	else if (clean)
		recount(base, mine, theirs, span_blob(&m.result), m.kind == MERGE_KIND_LINES, &lost, &made_up);
	else if (m.outcome == MERGE_CONFLICTS)
		try_settling(s, &m, base, mine, theirs);
	s->merges++;
	s->git_clean += git_clean;
	s->clean += clean;
	s->as_git += as_git;
	s->false_conflicts += git_clean && !clean;
	bad += git_clean && !clean && m.kind != MERGE_KIND_JSON;
	bad += m.kind == MERGE_KIND_TEXT && clean && !git_clean;
	s->missed += m.kind == MERGE_KIND_TEXT && clean && !git_clean;
	s->refused += m.outcome == MERGE_REFUSED;
	s->hunks += m.hunk_count;
	s->lost += lost;
	s->made_up += made_up;
	s->seconds += took;
	s->longest = took > s->longest ? took : s->longest;
	show(p, way, &m, base, mine, theirs,
	     lost                  ? "lost"
	     : made_up             ? "made up"
	     : git_clean && !clean ? "false"
	     : m.why               ? "refused"
				   : "");
	blob_finish(&git);
	merge_finish(&m);
}

/* ---- drawing ---- */

static struct blob random_edit(struct span text)
{
	struct buf out = { 0 };
	struct span kept = { 0 };
	uint64_t odds = 10 + rng_below(&rng, 60);
	for (size_t at = 0; at < text.len;) {
		const uint8_t *end = memchr(text.data + at, '\n', text.len - at);
		struct span line = span_of(text.data + at, end ? (size_t)(end + 1 - text.data) - at : text.len - at);
		at += line.len;
		if (rng_below(&rng, odds)) {
			buf_span(&out, line);
			continue;
		}
		switch (rng_below(&rng, 5)) {
		case 0: /* taken out */
			break;
		case 1: /* doubled */
			buf_span(&out, line);
			buf_span(&out, line);
			break;
		case 2: /* another one before it */
			buf_span(&out, kept);
			buf_span(&out, line);
			break;
		case 3: /* a byte changed */
			buf_span(&out, line);
			if (line.len > 1)
				out.data[out.len - line.len + rng_below(&rng, line.len - 1)] =
					(uint8_t)('a' + rng_below(&rng, 26));
			break;
		default: /* remembered for later */
			kept = line;
			buf_span(&out, line);
		}
	}
	return buf_take(&out);
}

static void draw(const struct past *p)
{
	const struct blob *v = p->versions;
	struct blob side = { 0 };
	if (p->count < 2)
		return;
	for (int i = 0; i < 2; i++) {
		side = random_edit(span_blob(&v[0]));
		weigh(p, WAY_RANDOM, span_blob(&v[0]), span_blob(&v[1]), span_blob(&side));
		blob_finish(&side);
	}
	for (unsigned last = 2; last < p->count; last++) {
		weigh(p, WAY_WHOLE, span_blob(&v[0]), span_blob(&v[1]), span_blob(&v[last]));
		if (merge_by_git(span_blob(&v[1]), span_blob(&v[0]), span_blob(&v[last]), GIT_MERGE_FILE_FAVOR_NORMAL,
				 &side))
			weigh(p, last == 2 ? WAY_NEXT : WAY_JUMP, span_blob(&v[0]), span_blob(&v[1]), span_blob(&side));
		blob_finish(&side);
	}
}

static void put(struct edit *d)
{
	char *key = mem_printf("%s/%s", d->category, d->path);
	struct past *p = map_find(&pasts, key, strlen(key));
	if (!p) {
		p = mem_alloc(sizeof *p);
		p->category = mem_text(d->category);
		p->path = mem_text(d->path);
		map_put(&pasts, key, strlen(key), p);
	}
	free(key);
	if (p->count == VERSIONS) {
		blob_finish(&p->versions[0]);
		memmove(p->versions, p->versions + 1, (VERSIONS - 1) * sizeof *p->versions);
		p->count--;
	}
	p->versions[p->count++] = d->content;
	d->content = (struct blob){ 0 };
	draw(p);
}

static void forget(void)
{
	void *value;
	for (size_t i = 0; map_next(&pasts, &i, &value); free(value)) {
		struct past *p = value;
		while (p->count)
			blob_finish(&p->versions[--p->count]);
		free(p->category);
		free(p->path);
	}
	map_finish(&pasts);
	pasts = (struct map){ 0 };
}

static void relive(const char *file)
{
	struct err e = { 0 };
	struct edit d;
	struct edits *t = edits_open(file, &e);
	int more = -1;
	while (t && (more = edits_next(t, &d, &e)) == 1) {
		if (d.op != EDIT_DELETE)
			put(&d);
		edit_finish(&d);
	}
	if (more < 0)
		die(e.why);
	edits_close(t);
	forget();
}

static void print_row(const struct sums *s)
{
	printf("%-37s %6llu %9llu %6llu %5.1f%% %6llu %6llu %6llu %5llu %7llu %7llu %6llu %6llu %6.2f %6.1f\n", s->name,
	       (unsigned long long)s->merges, (unsigned long long)s->git_clean, (unsigned long long)s->clean,
	       s->merges ? 100.0 * (double)s->clean / (double)s->merges : 0, (unsigned long long)s->as_git,
	       (unsigned long long)s->false_conflicts, (unsigned long long)s->missed, (unsigned long long)s->lost,
	       (unsigned long long)s->made_up, (unsigned long long)s->refused, (unsigned long long)s->hunks,
	       (unsigned long long)s->settled_wrong, 1000 * s->seconds / (double)(s->merges ? s->merges : 1),
	       1000 * s->longest);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct sums *)a)->name, ((const struct sums *)b)->name);
}

int main(int argc, char **argv)
{
	if (git_libgit2_init() < 0 || !mkdtemp(folder))
		die("cannot start");
	rng_seed(&rng, 7);
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--git") == 0)
			with_git = true;
		else
			relive(argv[i]);
	qsort(rows, row_count, sizeof *rows, by_name);
	printf("%-37s %6s %9s %6s %6s %6s %6s %6s %5s %7s %7s %6s %6s %6s %6s\n", "category, kind, other side",
	       "merges", "git clean", "clean", "share", "as git", "false", "missed", "lost", "made up", "refused",
	       "hunks", "wrong", "ms", "max ms");
	snprintf(total.name, sizeof total.name, "all");
	for (size_t i = 0; i < row_count; i++) {
		print_row(&rows[i]);
		total.merges += rows[i].merges;
		total.git_clean += rows[i].git_clean;
		total.clean += rows[i].clean;
		total.as_git += rows[i].as_git;
		total.false_conflicts += rows[i].false_conflicts;
		total.missed += rows[i].missed;
		total.lost += rows[i].lost;
		total.made_up += rows[i].made_up;
		total.refused += rows[i].refused;
		total.hunks += rows[i].hunks;
		total.settled_wrong += rows[i].settled_wrong;
		total.seconds += rows[i].seconds;
		total.longest = rows[i].longest > total.longest ? rows[i].longest : total.longest;
	}
	print_row(&total);
	if (!getenv("MERGES_SHOW")) {
		char command[128];
		snprintf(command, sizeof command, "rm -r %s", folder);
		if (system(command))
			die("cannot remove its folder");
	}
	return bad || total.settled_wrong || !total.merges;
}

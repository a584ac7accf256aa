#include "engine/core/conflict/script.h"

#include <git2/diff.h>
#include <git2/global.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

/* ---- units ---- */

void units_add(struct units *u, struct span unit)
{
	MEM_ROOM(u->at, u->count, u->cap);
	u->at[u->count++] = unit;
}

void units_lines(struct units *u, struct span text)
{
	for (size_t at = 0; at < text.len;) {
		const uint8_t *end = memchr(text.data + at, '\n', text.len - at);
		size_t len = end ? (size_t)(end - text.data) + 1 - at : text.len - at;
		units_add(u, span_of(text.data + at, len));
		at += len;
	}
}

void units_finish(struct units *u)
{
	free(u->at);
	free(u->number);
	*u = (struct units){ 0 };
}

struct span units_span(const struct units *u, struct range r, struct span whole)
{
	const uint8_t *end = whole.data + whole.len;
	const uint8_t *first = r.at < u->count ? u->at[r.at].data : end;
	const uint8_t *last = r.count ? u->at[r.at + r.count - 1].data + u->at[r.at + r.count - 1].len : first;
	return span_of(first, (size_t)(last - first));
}

struct ranked {
	struct span unit;
	uint32_t *number;
};

static int rank(const void *a, const void *b)
{
	const struct span x = ((const struct ranked *)a)->unit, y = ((const struct ranked *)b)->unit;
	size_t len = x.len < y.len ? x.len : y.len;
	int order = len ? memcmp(x.data, y.data, len) : 0;
	return order ? order : (x.len > y.len) - (x.len < y.len);
}

static struct span without_ending(struct span s)
{
	if (s.len && s.data[s.len - 1] == '\n')
		s.len--;
	if (s.len && s.data[s.len - 1] == '\r')
		s.len--;
	return s;
}

/* By sorting: its worst case is its usual one. */
uint32_t units_number(struct units *const *u, size_t count, bool endings)
{
	size_t all = 0, n = 0;
	uint32_t next = 0;
	for (size_t i = 0; i < count; i++)
		all += u[i]->count;
	struct ranked *ranked = mem_grow(NULL, all + 1, sizeof *ranked);
	for (size_t i = 0; i < count; i++) {
		u[i]->number = mem_grow(u[i]->number, u[i]->count + 1, sizeof *u[i]->number);
		for (size_t k = 0; k < u[i]->count; k++) {
			struct span unit = endings ? u[i]->at[k] : without_ending(u[i]->at[k]);
			ranked[n++] = (struct ranked){ unit, &u[i]->number[k] };
		}
	}
	qsort(ranked, all, sizeof *ranked, rank);
	for (size_t i = 0; i < all; i++) {
		next += i && rank(&ranked[i - 1], &ranked[i]) != 0;
		*ranked[i].number = next;
	}
	free(ranked);
	return all ? next + 1 : 0;
}

/* ---- two sequences ---- */

void script_finish(struct script *s)
{
	free(s->changes);
	*s = (struct script){ 0 };
}

/* git's diff takes texts: a number is a line of four characters. */
static struct blob as_text(const uint32_t *numbers, size_t count)
{
	struct blob text = { mem_alloc(count * 5 + 1), count * 5 };
	for (size_t i = 0; i < count; i++) {
		uint8_t *line = text.data + i * 5;
		for (unsigned k = 0; k < 4; k++)
			line[k] = (uint8_t)('@' + (numbers[i] >> (6 * k) & 63));
		line[4] = '\n';
	}
	return text;
}

static int take_hunk(const git_diff_delta *delta, const git_diff_hunk *hunk, void *into)
{
	struct script *s = into;
	(void)delta;
	MEM_ROOM(s->changes, s->count, s->cap);
	/* An empty side is given by the line before it, from 1: that is the index behind it, from 0. */
	s->changes[s->count++] = (struct script_change){
		.from = { (uint32_t)(hunk->old_start - (hunk->old_lines > 0)), (uint32_t)hunk->old_lines },
		.to = { (uint32_t)(hunk->new_start - (hunk->new_lines > 0)), (uint32_t)hunk->new_lines },
	};
	return 0;
}

bool script_make(struct script *s, const uint32_t *from, size_t from_count, const uint32_t *to, size_t to_count)
{
	static bool started; /* the library counts its users; a program with a repository is one already */
	git_diff_options options;
	started = started || git_libgit2_init() > 0;
	git_diff_options_init(&options, GIT_DIFF_OPTIONS_VERSION);
	options.flags = GIT_DIFF_FORCE_TEXT;
	options.context_lines = 0;
	*s = (struct script){ 0 };
	if (!started || from_count > SCRIPT_UNITS_MAX || to_count > SCRIPT_UNITS_MAX)
		return false;
	struct blob a = as_text(from, from_count), b = as_text(to, to_count);
	bool made = git_diff_buffers(a.data, a.len, NULL, b.data, b.len, NULL, &options, NULL, NULL, take_hunk, NULL,
	                             s) == 0;
	blob_finish(&a);
	blob_finish(&b);
	return made;
}

/* ---- three sequences ---- */

void diff3_finish(struct diff3 *d)
{
	free(d->chunks);
	*d = (struct diff3){ 0 };
}

/* What is made so far, and what is left of one side's script. */
struct side {
	const struct units *units;
	struct script script;
	size_t next;
	uint32_t at;
};

static uint32_t next_start(const struct side *s, uint32_t otherwise)
{
	return s->next < s->script.count ? s->script.changes[s->next].from.at : otherwise;
}

/* Takes the changes that begin within or right behind base units up to `end` into the group; the group's new end. `grown` is
 * by how much the side's part is longer than the base's. */
static uint32_t absorb(struct side *s, uint32_t end, int64_t *grown)
{
	while (s->next < s->script.count && s->script.changes[s->next].from.at <= end) {
		const struct script_change *c = &s->script.changes[s->next++];
		uint32_t last = c->from.at + c->from.count;
		end = last > end ? last : end;
		*grown += (int64_t)c->to.count - c->from.count;
	}
	return end;
}

static void put(struct diff3 *d, enum chunk_how how, struct range base, struct range mine, struct range theirs)
{
	if (!base.count && !mine.count && !theirs.count)
		return;
	MEM_ROOM(d->chunks, d->count, d->cap);
	d->chunks[d->count++] = (struct chunk){ how, base, mine, theirs };
}

static struct range head(struct range *r, uint32_t count)
{
	struct range first = { r->at, count };
	r->at += count;
	r->count -= count;
	return first;
}

static struct range tail(struct range *r, uint32_t count)
{
	r->count -= count;
	return (struct range){ r->at + r->count, count };
}

static bool same_units(const uint32_t *a, struct range x, const uint32_t *b, struct range y)
{
	return x.count == y.count && (!x.count || memcmp(a + x.at, b + y.at, x.count * sizeof *a) == 0);
}

static void put_both(struct diff3 *d, const uint32_t *m, const uint32_t *t, struct range base, struct range mine,
                     struct range theirs)
{
	uint32_t before = 0, behind = 0, most = mine.count < theirs.count ? mine.count : theirs.count;
	if (same_units(m, mine, t, theirs)) {
		put(d, CHUNK_AGREED, base, mine, theirs);
		return;
	}
	while (before < most && m[mine.at + before] == t[theirs.at + before])
		before++;
	while (behind < most - before &&
	       m[mine.at + mine.count - 1 - behind] == t[theirs.at + theirs.count - 1 - behind])
		behind++;
	struct range none = { base.at, 0 };
	struct range first_mine = head(&mine, before), first_theirs = head(&theirs, before);
	struct range last_mine = tail(&mine, behind), last_theirs = tail(&theirs, behind);
	put(d, CHUNK_AGREED, none, first_mine, first_theirs);
	put(d, CHUNK_BOTH, base, mine, theirs);
	none.at = base.at + base.count;
	put(d, CHUNK_AGREED, none, last_mine, last_theirs);
}

static void align(struct diff3 *d, uint32_t base_count, struct side *mine, struct side *theirs)
{
	uint32_t at = 0;
	for (;;) {
		uint32_t m = next_start(mine, base_count), t = next_start(theirs, base_count), start = m < t ? m : t;
		struct range base = { at, start - at }, x = { mine->at, start - at }, y = { theirs->at, start - at };
		put(d, CHUNK_SAME, base, x, y);
		mine->at += base.count;
		theirs->at += base.count;
		at = start;
		if (mine->next == mine->script.count && theirs->next == theirs->script.count)
			return;
		int64_t grown_mine = 0, grown_theirs = 0;
		size_t first_mine = mine->next, first_theirs = theirs->next;
		uint32_t end = start, before;
		do {
			before = end;
			end = absorb(mine, end, &grown_mine);
			end = absorb(theirs, end, &grown_theirs);
		} while (end != before);
		base = (struct range){ start, end - start };
		x = (struct range){ mine->at, (uint32_t)(base.count + grown_mine) };
		y = (struct range){ theirs->at, (uint32_t)(base.count + grown_theirs) };
		if (theirs->next == first_theirs)
			put(d, CHUNK_MINE, base, x, y);
		else if (mine->next == first_mine)
			put(d, CHUNK_THEIRS, base, x, y);
		else
			put_both(d, mine->units->number, theirs->units->number, base, x, y);
		mine->at += x.count;
		theirs->at += y.count;
		at = end;
	}
}

bool diff3_make(struct diff3 *d, const struct units *base, const struct units *mine, const struct units *theirs)
{
	struct side m = { .units = mine }, t = { .units = theirs };
	*d = (struct diff3){ 0 };
	bool made = script_make(&m.script, base->number, base->count, mine->number, mine->count) &&
	            script_make(&t.script, base->number, base->count, theirs->number, theirs->count);
	if (made)
		align(d, (uint32_t)base->count, &m, &t);
	script_finish(&m.script);
	script_finish(&t.script);
	return made;
}

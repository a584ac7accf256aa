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
	mem_sort(ranked, all, sizeof *ranked, rank);
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

/* ---- what that costs ---- */

#define WORK_EACH  256     /* git's diff looks about so far around each unit, then takes what is good enough */
#define WORK_SMALL 2000000 /* so much is not looked into */

static uint32_t highest(const uint32_t *n, size_t count)
{
	uint32_t most = 0;
	for (size_t i = 0; i < count; i++)
		most = n[i] > most ? n[i] : most;
	return most;
}

/* Without what has no like in the other one: git's diff knows of that at once, too. */
static size_t keep_common(uint32_t *out, const uint32_t *n, size_t count, const bool *there)
{
	size_t kept = 0;
	for (size_t i = 0; i < count; i++)
		if (there[n[i]])
			out[kept++] = n[i];
	return kept;
}

/* How many comparisons it takes to find what differs (Myers: "An O(ND) Difference Algorithm and Its Variations", 1986,
 * figure 2); more than `most` when that is not enough. */
static uint64_t work_of(const uint32_t *a, size_t a_count, const uint32_t *b, size_t b_count, uint64_t most)
{
	int64_t n = (int64_t)a_count, m = (int64_t)b_count, room = 0;
	int64_t *far = NULL, offset = 0;
	uint64_t work = 0;
	for (int64_t d = 0; d <= n + m && work <= most; d++) {
		if (d >= room) { /* grown around its middle */
			int64_t more = room ? 2 * room : 64;
			int64_t *wider = mem_alloc((size_t)(2 * more + 2) * sizeof *wider);
			if (far)
				memcpy(wider + more - room, far, (size_t)(2 * room + 2) * sizeof *far);
			free(far);
			far = wider;
			room = offset = more;
		}
		for (int64_t k = -d; k <= d && work <= most; k += 2) {
			if (k < -m || k > n)
				continue;
			bool down = k == -d || (k != d && far[offset + k - 1] < far[offset + k + 1]);
			int64_t x = d == 0 ? 0 : down ? far[offset + k + 1] : far[offset + k - 1] + 1;
			for (work++; x < n && x - k < m && a[x] == b[x - k]; x++)
				work++;
			far[offset + k] = x;
			if (x >= n && x - k >= m) {
				free(far);
				return work;
			}
		}
	}
	free(far);
	return most + 1;
}

static bool afford(const uint32_t *from, size_t from_count, const uint32_t *to, size_t to_count, uint64_t *work)
{
	while (from_count && to_count && from[from_count - 1] == to[to_count - 1])
		from_count--, to_count--;
	while (from_count && to_count && *from == *to)
		from++, to++, from_count--, to_count--;
	if (!from_count || !to_count)
		return true; /* only put in, or only taken out: nothing is left to compare */
	uint64_t charge = (uint64_t)(from_count + to_count) * WORK_EACH;
	if (charge > WORK_SMALL) {
		uint32_t most = highest(from, from_count), other = highest(to, to_count);
		most = other > most ? other : most;
		bool *in_from = mem_alloc(2 * ((size_t)most + 1)), *in_to = in_from + most + 1;
		uint32_t *a = mem_alloc((from_count + to_count) * sizeof *a), *b = a + from_count;
		for (size_t i = 0; i < from_count; i++)
			in_from[from[i]] = true;
		for (size_t i = 0; i < to_count; i++)
			in_to[to[i]] = true;
		size_t a_count = keep_common(a, from, from_count, in_to),
		       b_count = keep_common(b, to, to_count, in_from);
		charge = (uint64_t)(a_count + b_count) * WORK_EACH;
		if (charge > WORK_SMALL) {
			uint64_t exact = work_of(a, a_count, b, b_count, charge < *work ? charge : *work);
			charge = exact < charge ? exact : charge;
		}
		free(in_from);
		free(a);
	}
	bool enough = charge <= *work;
	*work = enough ? *work - charge : 0;
	return enough;
}

bool script_make(struct script *s, const uint32_t *from, size_t from_count, const uint32_t *to, size_t to_count,
		 uint64_t *work)
{
	static bool started; /* the library counts its users; a program with a repository is one already */
	git_diff_options options;
	started = started || git_libgit2_init() > 0;
	git_diff_options_init(&options, GIT_DIFF_OPTIONS_VERSION);
	options.flags = GIT_DIFF_FORCE_TEXT;
	options.context_lines = 0;
	*s = (struct script){ 0 };
	if (!started || from_count > SCRIPT_UNITS_MAX || to_count > SCRIPT_UNITS_MAX ||
	    !afford(from, from_count, to, to_count, work))
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

static const struct script_change *upcoming(const struct side *s)
{
	return s->next < s->script.count ? &s->script.changes[s->next] : NULL;
}

static uint32_t end_of(const struct script_change *c)
{
	return c->from.at + c->from.count;
}

static bool grows(const struct script_change *c)
{
	return c->to.count > c->from.count;
}

/* Which of the two is earlier; at one place, what is put before it comes before what stands there. */
static struct side *earlier(struct side *a, struct side *b)
{
	const struct script_change *x = upcoming(a), *y = upcoming(b);
	if (!x || !y)
		return x ? a : b;
	return x->from.at < y->from.at || (x->from.at == y->from.at && end_of(x) <= end_of(y)) ? a : b;
}

/* Does the side's next change belong to the group that ends at `end`? Without `touching`, a neighbour does only when
 * both put something in between, so that nobody can tell in which order. */
static bool joins(const struct side *s, const struct side *other, size_t other_first, uint32_t end, bool touching)
{
	const struct script_change *c = upcoming(s);
	if (!c || c->from.at > end)
		return false;
	if (c->from.at < end || touching)
		return true;
	const struct script_change *last = other->next > other_first ? &other->script.changes[other->next - 1] : NULL;
	return last && end_of(last) == end && grows(last) && grows(c);
}

static uint32_t take(struct side *s, uint32_t end, int64_t *grown)
{
	const struct script_change *c = &s->script.changes[s->next++];
	*grown += (int64_t)c->to.count - c->from.count;
	return end_of(c) > end ? end_of(c) : end;
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
		     struct range theirs, bool touching)
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
	/* Both replaced the base by the same, and one put more beside it. */
	if (!touching && base.count && base.count <= before + behind && (!mine.count || !theirs.count)) {
		struct range *with = before ? &none : &base;
		put(d, CHUNK_AGREED, before ? base : none, first_mine, first_theirs);
		with->at = base.at + (before ? base.count : 0);
		put(d, mine.count ? CHUNK_MINE : CHUNK_THEIRS, (struct range){ with->at, 0 }, mine, theirs);
		put(d, CHUNK_AGREED, *with, last_mine, last_theirs);
		return;
	}
	put(d, CHUNK_AGREED, none, first_mine, first_theirs);
	put(d, CHUNK_BOTH, base, mine, theirs);
	none.at = base.at + base.count;
	put(d, CHUNK_AGREED, none, last_mine, last_theirs);
}

static void align(struct diff3 *d, uint32_t base_count, struct side *mine, struct side *theirs, bool touching)
{
	for (uint32_t at = 0;;) {
		struct side *seed = earlier(mine, theirs);
		const struct script_change *first = upcoming(seed);
		uint32_t start = first ? first->from.at : base_count, end = start;
		size_t first_mine = mine->next, first_theirs = theirs->next;
		int64_t grown_mine = 0, grown_theirs = 0;
		put(d, CHUNK_SAME, (struct range){ at, start - at }, (struct range){ mine->at, start - at },
		    (struct range){ theirs->at, start - at });
		mine->at += start - at;
		theirs->at += start - at;
		if (!first)
			return;
		end = take(seed, end, seed == mine ? &grown_mine : &grown_theirs);
		for (bool more = true; more;) {
			more = false;
			while (joins(mine, theirs, first_theirs, end, touching))
				end = take(mine, end, &grown_mine), more = true;
			while (joins(theirs, mine, first_mine, end, touching))
				end = take(theirs, end, &grown_theirs), more = true;
		}
		struct range base = { start, end - start };
		struct range x = { mine->at, (uint32_t)(base.count + grown_mine) };
		struct range y = { theirs->at, (uint32_t)(base.count + grown_theirs) };
		if (theirs->next == first_theirs)
			put(d, CHUNK_MINE, base, x, y);
		else if (mine->next == first_mine)
			put(d, CHUNK_THEIRS, base, x, y);
		else
			put_both(d, mine->units->number, theirs->units->number, base, x, y, touching);
		mine->at += x.count;
		theirs->at += y.count;
		at = end;
	}
}

/* As many replaced as there were: each by its own. */
static void split_even(struct script *s)
{
	struct script even = { 0 };
	for (size_t i = 0; i < s->count; i++) {
		const struct script_change *c = &s->changes[i];
		bool split = c->from.count == c->to.count;
		for (uint32_t k = 0; k < (split ? c->from.count : 1); k++) {
			MEM_ROOM(even.changes, even.count, even.cap);
			even.changes[even.count++] =
				split ? (struct script_change){ { c->from.at + k, 1 }, { c->to.at + k, 1 } } : *c;
		}
	}
	script_finish(s);
	*s = even;
}

bool diff3_make(struct diff3 *d, const struct units *base, const struct units *mine, const struct units *theirs,
		bool touching, uint64_t *work)
{
	struct side m = { .units = mine }, t = { .units = theirs };
	*d = (struct diff3){ 0 };
	bool made = script_make(&m.script, base->number, base->count, mine->number, mine->count, work) &&
		    script_make(&t.script, base->number, base->count, theirs->number, theirs->count, work);
	if (made && !touching) {
		split_even(&m.script);
		split_even(&t.script);
	}
	if (made)
		align(d, (uint32_t)base->count, &m, &t, touching);
	script_finish(&m.script);
	script_finish(&t.script);
	return made;
}

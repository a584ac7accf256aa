/* Lines, three ways, as an ordered set: histories and lists of links. It never conflicts. The rule:
 *
 * 1. The unit is an entry: a line, with what belongs to it (see entry_lines): the command behind a timestamp `#123`
 * (bash), lines that a backslash continues (zsh), the indented fields of `- cmd:` (fish).
 * 2. The three are aligned as text is. What only one side changed is taken. Where both changed, what both have stays in
 * its order, what one of them removed of the base goes, and between two common entries the runs of both sides are put
 * one behind the other: by their timestamps where all have one, else by their bytes. So both sides' orders stay, and it
 * does not matter which side is called mine.
 * 3. No entry is there more often than on the side that has most of them, nor again when a side removed it. Of too
 * many, the one nearest to the end where the list grows stays: a repeated command, a link that was moved up. Empty
 * lines, and what the base has several times already (rules, fences), are no members of a set: there what both added
 * adds up.
 *
 * The check counts entries anew, and compares the order of what each side added. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/core/conflict/merge_ways.h"
#include "engine/core/conflict/script.h"

struct item {
	uint32_t number;
	struct span bytes;
	bool added; /* not where the base had it */
};

struct list {
	struct item *at;
	size_t count, cap;
};

struct tally {
	int32_t base, mine, theirs, result;
	bool empty;
};

struct lines {
	const struct merge_inputs *in;
	struct units base, mine, theirs;
	struct tally *whole, *region; /* by number; region is all zeros between regions */
	uint32_t numbers;
	bool newest_first;
	struct list list;
	uint64_t left; /* of MERGE_WORK_MAX */
};

/* ---- entries ---- */

static bool starts(struct span s, const char *text)
{
	size_t len = strlen(text);
	return s.len >= len && memcmp(s.data, text, len) == 0;
}

static size_t number_at(struct span s, size_t at, uint64_t *number)
{
	size_t digits = 0;
	*number = 0;
	for (; digits < 15 && at + digits < s.len && s.data[at + digits] >= '0' && s.data[at + digits] <= '9'; digits++)
		*number = *number * 10 + (s.data[at + digits] - '0');
	return digits;
}

/* "#1700000000" alone on its line. */
static bool bash_stamp(struct span line, uint64_t *when)
{
	if (!line.len || *line.data != '#')
		return false;
	size_t digits = number_at(line, 1, when), at = 1 + digits;
	at += at < line.len && line.data[at] == '\r';
	return digits && (at == line.len || line.data[at] == '\n');
}

/* ": 1700000000:0;command" */
static bool zsh_stamp(struct span line, uint64_t *when)
{
	if (!starts(line, ": "))
		return false;
	size_t digits = number_at(line, 2, when);
	return digits && 2 + digits < line.len && line.data[2 + digits] == ':';
}

static bool stamp(struct span entry, uint64_t *when)
{
	return bash_stamp(span_of(entry.data, entry.len), when) || zsh_stamp(entry, when);
}

static struct span first_line(struct span text)
{
	const uint8_t *end = text.len ? memchr(text.data, '\n', text.len) : NULL;
	return end ? span_of(text.data, (size_t)(end + 1 - text.data)) : text;
}

static bool continued(struct span line)
{
	size_t slashes = 0;
	if (line.len && line.data[line.len - 1] == '\n')
		line.len--;
	if (line.len && line.data[line.len - 1] == '\r')
		line.len--;
	while (slashes < line.len && line.data[line.len - 1 - slashes] == '\\')
		slashes++;
	return slashes % 2;
}

/* The lines, from the start of `text`, that are one entry. `stamped`: a history that begins with a timestamp; there
 * bash takes all up to the next one for one command. */
static size_t entry_lines(struct span text, bool stamped)
{
	struct span line = first_line(text);
	uint64_t when;
	bool bash = bash_stamp(line, &when), fish = starts(line, "- cmd: ");
	size_t len = line.len, lines = 1;
	for (;; lines++) {
		struct span next = first_line(span_of(text.data + len, text.len - len));
		bool more = continued(line) || (fish && starts(next, "  ")) ||
			    (bash && (stamped || lines == 1) && !bash_stamp(next, &when));
		if (!next.len || !more)
			return len;
		line = next;
		len += next.len;
	}
}

static void read_entries(struct units *u, struct span text, bool stamped)
{
	for (size_t at = 0; at < text.len;) {
		size_t len = entry_lines(span_of(text.data + at, text.len - at), stamped);
		units_add(u, span_of(text.data + at, len));
		at += len;
	}
}

static bool begins_stamped(struct span text)
{
	uint64_t when;
	return !text.len || bash_stamp(first_line(text), &when);
}

/* ---- composing ---- */

static void add(struct list *l, const struct units *u, uint32_t i, bool added)
{
	MEM_ROOM(l->at, l->count, l->cap);
	l->at[l->count++] = (struct item){ u->number[i], u->at[i], added };
}

static int by_bytes(struct span a, struct span b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int order = len ? memcmp(a.data, b.data, len) : 0;
	return order ? order : (a.len > b.len) - (a.len < b.len);
}

/* What both have: equal but for how a line ends. */
static void add_agreed(struct list *l, const struct units *a, uint32_t i, const struct units *b, uint32_t k)
{
	add(l, a, i, true);
	if (by_bytes(b->at[k], a->at[i]) < 0)
		l->at[l->count - 1].bytes = b->at[k];
}

static void add_range(struct list *l, const struct units *u, struct range r)
{
	for (uint32_t i = 0; i < r.count; i++)
		add(l, u, r.at + i, true);
}

/* Equal entries may differ in how their last line ends: a side that changed that is followed; else the lesser bytes. */
static struct span one_of(struct span base, struct span mine, struct span theirs)
{
	if (span_equal(base, mine))
		return theirs;
	return span_equal(base, theirs) || by_bytes(mine, theirs) < 0 ? mine : theirs;
}

static void add_same(struct lines *l, const struct chunk *c)
{
	for (uint32_t i = 0; i < c->base.count; i++) {
		add(&l->list, &l->base, c->base.at + i, false);
		l->list.at[l->list.count - 1].bytes =
			one_of(l->base.at[c->base.at + i], l->mine.at[c->mine.at + i], l->theirs.at[c->theirs.at + i]);
	}
}

static bool all_stamped(const struct list *run)
{
	uint64_t when;
	for (size_t i = 0; i < run->count; i++)
		if (!stamp(run->at[i].bytes, &when))
			return false;
	return true;
}

static int by_time(const struct lines *l, struct span a, struct span b)
{
	uint64_t x = 0, y = 0;
	stamp(a, &x);
	stamp(b, &y);
	if (x != y)
		return (x < y) == l->newest_first ? 1 : -1;
	return by_bytes(a, b);
}

static int run_order(const struct list *a, const struct list *b)
{
	size_t most = a->count < b->count ? a->count : b->count;
	for (size_t i = 0; i < most; i++) {
		int order = by_bytes(a->at[i].bytes, b->at[i].bytes);
		if (order)
			return order;
	}
	return (a->count > b->count) - (a->count < b->count);
}

static void append(struct list *l, const struct item *item)
{
	MEM_ROOM(l->at, l->count, l->cap);
	l->at[l->count++] = *item;
}

/* Two runs that only one side each has here. */
static void add_runs(struct lines *l, const struct list *mine, const struct list *theirs)
{
	bool timed = all_stamped(mine) && all_stamped(theirs), mine_first = run_order(mine, theirs) <= 0;
	size_t m = 0, t = 0;
	while (m < mine->count || t < theirs->count) {
		bool from_mine = t == theirs->count;
		if (m < mine->count && t < theirs->count)
			from_mine = timed ? by_time(l, mine->at[m].bytes, theirs->at[t].bytes) <= 0 : mine_first;
		append(&l->list, from_mine ? &mine->at[m++] : &theirs->at[t++]);
	}
}

/* One side's run, without what the other side removed of the base. `gone` counts those down. */
static void pick_run(struct list *run, const struct units *u, struct range r, int32_t *gone)
{
	run->count = 0;
	for (uint32_t i = r.at; i < r.at + r.count; i++)
		if (gone[u->number[i]] > 0)
			gone[u->number[i]]--;
		else
			add(run, u, i, true);
}

static void count_range(struct tally *tallies, const struct units *u, struct range r, size_t field, int32_t by)
{
	for (uint32_t i = r.at; i < r.at + r.count; i++)
		*(int32_t *)((char *)&tallies[u->number[i]] + field) += by;
}

static void count_region(struct lines *l, const struct chunk *c, int32_t by)
{
	count_range(l->region, &l->base, c->base, offsetof(struct tally, base), by);
	count_range(l->region, &l->mine, c->mine, offsetof(struct tally, mine), by);
	count_range(l->region, &l->theirs, c->theirs, offsetof(struct tally, theirs), by);
}

/* One side of a region that both changed. */
struct flank {
	const struct units *units;
	struct range range;
	int32_t *gone; /* by number: how many the other side removed here */
	struct list run;
};

static void set_gone(const struct lines *l, const struct flank *f, bool clear)
{
	for (uint32_t i = f->range.at; i < f->range.at + f->range.count; i++) {
		const struct tally *t = &l->region[f->units->number[i]];
		f->gone[f->units->number[i]] = clear ? 0 : t->base - (f->units == &l->mine ? t->theirs : t->mine);
	}
}

static bool before(const struct flank *a, const struct flank *b)
{
	uint32_t most = a->range.count < b->range.count ? a->range.count : b->range.count;
	for (uint32_t i = 0; i < most; i++) {
		uint32_t x = a->units->number[a->range.at + i], y = b->units->number[b->range.at + i];
		if (x != y)
			return x < y;
	}
	return a->range.count < b->range.count;
}

/* Aligned with each other, run by run; from the lesser one, so that it is the same whichever side is mine. */
static bool add_union(struct lines *l, const struct chunk *c, int32_t *gone_mine, int32_t *gone_theirs)
{
	struct flank mine = { &l->mine, c->mine, gone_mine, { 0 } },
		     theirs = { &l->theirs, c->theirs, gone_theirs, { 0 } };
	struct flank *a = before(&mine, &theirs) ? &mine : &theirs, *b = a == &mine ? &theirs : &mine;
	struct script s;
	uint32_t x = a->range.at, y = b->range.at;
	bool made = script_make(&s, a->units->number + x, a->range.count, b->units->number + y, b->range.count,
				&l->left);
	count_region(l, c, 1);
	set_gone(l, a, false);
	set_gone(l, b, false);
	for (size_t i = 0; made && i <= s.count; i++) {
		bool last = i == s.count;
		uint32_t until = a->range.at + (last ? a->range.count : s.changes[i].from.at);
		for (; x < until; x++, y++)
			add_agreed(&l->list, a->units, x, b->units, y);
		if (last)
			break;
		struct range from = { x, s.changes[i].from.count }, to = { y, s.changes[i].to.count };
		pick_run(&a->run, a->units, from, a->gone);
		pick_run(&b->run, b->units, to, b->gone);
		add_runs(l, &a->run, &b->run);
		x += from.count;
		y += to.count;
	}
	set_gone(l, a, true);
	set_gone(l, b, true);
	count_region(l, c, -1);
	free(mine.run.at);
	free(theirs.run.at);
	script_finish(&s);
	return made;
}

static bool compose(struct lines *l, const struct diff3 *d)
{
	int32_t *gone = mem_alloc(((size_t)l->numbers + 1) * 2 * sizeof *gone);
	bool made = true;
	for (size_t i = 0; i < d->count && made; i++) {
		const struct chunk *c = &d->chunks[i];
		if (c->how == CHUNK_SAME)
			add_same(l, c);
		else if (c->how == CHUNK_BOTH)
			made = add_union(l, c, gone, gone + l->numbers + 1);
		else if (c->how == CHUNK_THEIRS)
			add_range(&l->list, &l->theirs, c->theirs);
		else if (c->how == CHUNK_MINE)
			add_range(&l->list, &l->mine, c->mine);
		for (uint32_t k = 0; k < c->mine.count && c->how == CHUNK_AGREED; k++)
			add_agreed(&l->list, &l->mine, c->mine.at + k, &l->theirs, c->theirs.at + k);
	}
	free(gone);
	return made;
}

/* ---- how often ---- */

static int32_t most_of(const struct tally *t)
{
	int32_t mine = t->mine - t->base, theirs = t->theirs - t->base;
	if (mine >= 0 && theirs >= 0 && !t->empty && t->base < 2)
		return t->mine > t->theirs ? t->mine : t->theirs;
	if (mine <= 0 && theirs <= 0)
		return t->mine < t->theirs ? t->mine : t->theirs;
	return t->mine + t->theirs - t->base > 0 ? t->mine + t->theirs - t->base : 0;
}

static void count_whole(struct lines *l)
{
	count_range(l->whole, &l->base, (struct range){ 0, (uint32_t)l->base.count }, offsetof(struct tally, base), 1);
	count_range(l->whole, &l->mine, (struct range){ 0, (uint32_t)l->mine.count }, offsetof(struct tally, mine), 1);
	count_range(l->whole, &l->theirs, (struct range){ 0, (uint32_t)l->theirs.count },
		    offsetof(struct tally, theirs), 1);
	const struct units *const all[] = { &l->base, &l->mine, &l->theirs };
	for (int k = 0; k < 3; k++)
		for (size_t i = 0; i < all[k]->count; i++)
			l->whole[all[k]->number[i]].empty = strchr("\r\n", *all[k]->at[i].data) != NULL;
}

/* Marks what is too many, from the end where the list does not grow; what somebody put anew before what has always been
 * there. */
static void drop_extra(struct lines *l)
{
	struct list *list = &l->list;
	size_t kept = 0;
	for (size_t i = 0; i < list->count; i++)
		l->whole[list->at[i].number].result++;
	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < list->count; i++) {
			struct item *item = &list->at[l->newest_first ? list->count - 1 - i : i];
			struct tally *t = &l->whole[item->number];
			if (item->bytes.data && t->result > most_of(t) && (item->added || pass)) {
				item->bytes.data = NULL;
				t->result--;
			}
		}
	for (size_t i = 0; i < list->count; i++)
		if (list->at[i].bytes.data)
			list->at[kept++] = list->at[i];
	list->count = kept;
}

/* A list grows where more was added: before the first entry that all have, or behind the last. */
static bool grows_at_top(const struct diff3 *d)
{
	size_t first = 0, last = d->count, top = 0, bottom = 0;
	while (first < d->count && d->chunks[first].how != CHUNK_SAME)
		first++;
	while (last > first && d->chunks[last - 1].how != CHUNK_SAME)
		last--;
	for (size_t i = 0; i < first && first < d->count; i++)
		top += d->chunks[i].mine.count + d->chunks[i].theirs.count;
	for (size_t i = last; i < d->count && first < d->count; i++)
		bottom += d->chunks[i].mine.count + d->chunks[i].theirs.count;
	return top > bottom;
}

/* ---- the check ---- */

/* What only this side has, once, stands in the result in this side's order. */
static bool keeps_order(const struct lines *l, const struct units *u)
{
	size_t at = 0;
	for (size_t i = 0; i < u->count; i++) {
		const struct tally *t = &l->whole[u->number[i]];
		if (t->base || t->mine + t->theirs != 1)
			continue;
		while (at < l->list.count && l->list.at[at].number != u->number[i])
			at++;
		if (at == l->list.count)
			return false;
	}
	return true;
}

static bool sound(struct lines *l)
{
	for (uint32_t n = 0; n < l->numbers; n++)
		l->whole[n].result = 0;
	for (size_t i = 0; i < l->list.count; i++)
		l->whole[l->list.at[i].number].result++;
	for (uint32_t n = 0; n < l->numbers; n++) {
		const struct tally *t = &l->whole[n];
		int32_t due = t->mine + t->theirs - t->base;
		if (t->result > most_of(t) || (due > 0 && t->result < 1))
			return false;
		if (!t->empty && t->base <= 1 && t->mine <= 1 && t->theirs <= 1 && t->result != most_of(t))
			return false;
	}
	return keeps_order(l, &l->mine) && keeps_order(l, &l->theirs);
}

/* ---- the whole ---- */

static bool ends_whole(struct span text)
{
	return !text.len || text.data[text.len - 1] == '\n';
}

static struct blob write_list(const struct lines *l)
{
	const struct merge_inputs *in = l->in;
	bool base = ends_whole(in->base), mine = ends_whole(in->mine), theirs = ends_whole(in->theirs);
	bool whole = mine == base ? theirs : mine;
	struct buf out = { 0 };
	for (size_t i = 0; i < l->list.count; i++)
		merge_put_lines(&out, l->list.at[i].bytes);
	if (whole && out.len && out.data[out.len - 1] != '\n')
		merge_end_line(&out);
	if (!whole && out.len && out.data[out.len - 1] == '\n') {
		out.len--;
		out.len -= out.len && out.data[out.len - 1] == '\r';
	}
	return buf_take(&out);
}

void merge_lines(struct merge *m, const struct merge_inputs *in)
{
	struct lines l = { .in = in, .left = MERGE_WORK_MAX };
	struct diff3 d;
	bool stamped = begins_stamped(in->base) && begins_stamped(in->mine) && begins_stamped(in->theirs);
	read_entries(&l.base, in->base, stamped);
	read_entries(&l.mine, in->mine, stamped);
	read_entries(&l.theirs, in->theirs, stamped);
	l.numbers = units_number((struct units *const[]){ &l.base, &l.mine, &l.theirs }, 3, false);
	l.whole = mem_alloc(((size_t)l.numbers + 1) * 2 * sizeof *l.whole);
	l.region = l.whole + l.numbers + 1;
	bool made = diff3_make(&d, &l.base, &l.mine, &l.theirs, true, &l.left);
	if (made) {
		l.newest_first = grows_at_top(&d);
		count_whole(&l);
		made = compose(&l, &d);
		drop_extra(&l);
	}
	m->work = MERGE_WORK_MAX - l.left;
	if (!made && !l.left) {
		merge_refuse(m, MERGE_DIFFERS_TOO_MUCH);
	} else if (made && sound(&l)) {
		m->outcome = MERGE_CLEAN;
		m->result = write_list(&l);
		for (size_t i = 0; i < d.count; i++) {
			m->taken_mine += d.chunks[i].how == CHUNK_MINE || d.chunks[i].how == CHUNK_BOTH;
			m->taken_theirs += d.chunks[i].how == CHUNK_THEIRS || d.chunks[i].how == CHUNK_BOTH;
		}
	} else {
		merge_refuse(m, "the merged list did not pass its check");
	}
	diff3_finish(&d);
	units_finish(&l.base);
	units_finish(&l.mine);
	units_finish(&l.theirs);
	free(l.whole);
	free(l.list.at);
}

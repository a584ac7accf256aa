/* Text, three ways, by lines. libgit2 tells the changes of each side, diff3 aligns them, and the check reads the bytes
 * again, without either: parts that tile all three files, of which each is either equal where it has to be or a hunk.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/core/conflict/merge_ways.h"
#include "engine/core/conflict/script.h"

struct part {
	enum chunk_how how;
	struct span base, mine, theirs;
};

struct parts {
	size_t count;
	struct part at[];
};

/* What part of the result a part that is no hunk gives. */
static struct span part_result(const struct part *p)
{
	return p->how == CHUNK_SAME ? p->base : p->how == CHUNK_THEIRS ? p->theirs : p->mine;
}

static bool follows(struct span s, const uint8_t **at)
{
	bool fine = s.data == *at;
	*at = s.data + s.len;
	return fine;
}

static bool part_sound(const struct part *p)
{
	bool mine = span_equal(p->base, p->mine), theirs = span_equal(p->base, p->theirs);
	switch (p->how) {
	case CHUNK_SAME:
		return mine && theirs;
	case CHUNK_MINE:
		return theirs && !mine;
	case CHUNK_THEIRS:
		return mine && !theirs;
	case CHUNK_AGREED:
		return span_equal(p->mine, p->theirs);
	case CHUNK_BOTH:
		return !span_equal(p->mine, p->theirs);
	}
	return false;
}

/* Every change that only one side made is in the result and nothing else is, if: the parts tile the three files;
 * outside of the hunks each is what both have, or one side's where the other left the base alone; and no two changes of
 * different sides touch. */
static bool parts_sound(const struct parts *parts, const struct merge_inputs *in)
{
	const uint8_t *base = in->base.data, *mine = in->mine.data, *theirs = in->theirs.data;
	for (size_t i = 0; i < parts->count; i++) {
		const struct part *p = &parts->at[i];
		if (!follows(p->base, &base) || !follows(p->mine, &mine) || !follows(p->theirs, &theirs) ||
		    !part_sound(p))
			return false;
		if (i && p->how != CHUNK_SAME && p[-1].how != CHUNK_SAME &&
		    (p->how == CHUNK_MINE || p->how == CHUNK_THEIRS || p[-1].how == CHUNK_MINE ||
		     p[-1].how == CHUNK_THEIRS))
			return false;
	}
	return base == in->base.data + in->base.len && mine == in->mine.data + in->mine.len &&
	       theirs == in->theirs.data + in->theirs.len;
}

static void count_parts(struct merge *m, const struct parts *parts)
{
	for (size_t i = 0; i < parts->count; i++) {
		m->hunk_count += parts->at[i].how == CHUNK_BOTH;
		m->taken_mine += parts->at[i].how == CHUNK_MINE;
		m->taken_theirs += parts->at[i].how == CHUNK_THEIRS;
	}
}

static uint32_t lines_in(struct span s)
{
	uint32_t lines = 0;
	for (size_t i = 0; i < s.len; i++)
		lines += s.data[i] == '\n';
	return lines;
}

static void make_hunks(struct merge *m, const struct parts *parts)
{
	uint32_t base = 1, mine = 1, theirs = 1;
	size_t n = 0;
	m->hunks = mem_grow(NULL, m->hunk_count, sizeof *m->hunks);
	for (size_t i = 0; i < parts->count; i++) {
		const struct part *p = &parts->at[i];
		if (p->how == CHUNK_BOTH)
			m->hunks[n++] = (struct merge_hunk){ p->base, p->mine, p->theirs, base, mine, theirs, NULL };
		base += lines_in(p->base);
		mine += lines_in(p->mine);
		theirs += lines_in(p->theirs);
	}
}

static bool put_choice(struct buf *out, const struct part *p, enum merge_choice choice)
{
	switch (choice) {
	case CHOICE_MINE:
		merge_put_lines(out, p->mine);
		return true;
	case CHOICE_THEIRS:
		merge_put_lines(out, p->theirs);
		return true;
	case CHOICE_BOTH:
		merge_put_lines(out, p->mine);
		merge_put_lines(out, p->theirs);
		return true;
	case CHOICE_BASE:
		merge_put_lines(out, p->base);
		return true;
	}
	return false;
}

bool merge_text_settle(const struct merge *m, const enum merge_choice *choices, struct blob *out, const char **why)
{
	const struct parts *parts = m->inside;
	struct buf result = { 0 };
	bool known = true;
	for (size_t i = 0, hunk = 0; i < parts->count && known; i++)
		if (parts->at[i].how == CHUNK_BOTH)
			known = put_choice(&result, &parts->at[i], choices[hunk++]);
		else
			merge_put_lines(&result, part_result(&parts->at[i]));
	if (known)
		*out = buf_take(&result);
	else
		*why = "there is no such choice";
	buf_finish(&result);
	return known;
}

static struct parts *read_parts(const struct diff3 *d, const struct units u[3], const struct merge_inputs *in)
{
	struct parts *parts = mem_alloc(sizeof *parts + d->count * sizeof *parts->at);
	parts->count = d->count;
	for (size_t i = 0; i < d->count; i++) {
		const struct chunk *c = &d->chunks[i];
		parts->at[i] =
			(struct part){ c->how, units_span(&u[0], c->base, in->base),
				       units_span(&u[1], c->mine, in->mine), units_span(&u[2], c->theirs, in->theirs) };
	}
	return parts;
}

void merge_text(struct merge *m, const struct merge_inputs *in)
{
	struct units u[3] = { 0 };
	struct diff3 d;
	uint64_t left = MERGE_WORK_MAX;
	units_lines(&u[0], in->base);
	units_lines(&u[1], in->mine);
	units_lines(&u[2], in->theirs);
	units_number((struct units *const[]){ &u[0], &u[1], &u[2] }, 3, true);
	bool made = diff3_make(&d, &u[0], &u[1], &u[2], true, &left);
	struct parts *parts = made ? read_parts(&d, u, in) : NULL;
	m->inside = parts;
	m->work += MERGE_WORK_MAX - left;
	if (!made && !left) {
		merge_refuse(m, MERGE_DIFFERS_TOO_MUCH);
	} else if (!made || !parts_sound(parts, in)) {
		merge_refuse(m, "the merged text did not pass its check");
	} else {
		count_parts(m, parts);
		if (m->hunk_count > MERGE_HUNKS_MAX) {
			m->hunk_count = 0;
			merge_refuse(m, "both changed too many places");
		} else if (m->hunk_count) {
			m->outcome = MERGE_CONFLICTS;
			make_hunks(m, parts);
		} else {
			const char *why;
			m->outcome = MERGE_CLEAN;
			merge_text_settle(m, NULL, &m->result, &why);
		}
	}
	diff3_finish(&d);
	for (int i = 0; i < 3; i++)
		units_finish(&u[i]);
}

void merge_text_finish(struct merge *m)
{
	free(m->inside);
	m->inside = NULL;
}

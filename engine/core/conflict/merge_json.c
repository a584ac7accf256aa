/* JSON, three ways, by key path. The result is put together from the pieces of the three files (jsontree.h): each
 * piece, be it a value, a comment or the spaces before a key, is taken from the side that changed it, so all that
 * nobody changed keeps its bytes. Keys that a side added stand behind the key that they stand behind there; two such
 * runs at one place are ordered by name, so it does not matter which side is called mine. Arrays are sequences: changes
 * that overlap are a conflict, unless both replaced objects one by one, and in arrays of mere values also changes that
 * touch, as in texts.
 *
 * A merge by lines that is clean comes first: it keeps most of how the file looks. It counts only if what it gives is
 * right by key. The check reads the result again and compares values and comments, not pieces. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/core/conflict/jsontree.h"
#include "engine/core/conflict/merge_ways.h"
#include "engine/core/conflict/script.h"

#define RENAMES_MAX 8

struct documents {
	struct jsontree base, mine, theirs;
	struct merge_inputs in;
};

/* Puts the result together, and notes the conflicts on the way. With `choices`, each conflict takes the next one. */
struct weaver {
	const enum merge_choice *choices;
	struct merge *m; /* gets the hunks; NULL with choices */
	struct buf out, path;
	size_t conflicts;
	bool line_open; /* `out` ends in a line comment */
	bool unknown;   /* a choice that JSON does not have */
	uint64_t left;  /* of MERGE_WORK_MAX */
	size_t hunk_cap;
};

/* Three places that belong together; NULL: absent there. */
struct nodes {
	const struct jsontree_node *base, *mine, *theirs;
};

struct members {
	const struct jsontree_member *base, *mine, *theirs;
};

static void weave_value(struct weaver *w, struct nodes n);

/* ---- writing ---- */

static void emit(struct weaver *w, struct span s)
{
	if (!s.len)
		return;
	if (w->line_open && *s.data != '\n' && *s.data != '\r')
		merge_end_line(&w->out);
	w->line_open = false;
	buf_span(&w->out, s);
}

/* Spaces and comments. */
static void emit_between(struct weaver *w, struct span s)
{
	emit(w, s);
	if (s.len)
		w->line_open = jsontree_line_open(s);
}

/* Only while merging: of a settlement nobody counts. */
static void taken(struct weaver *w, bool mine)
{
	if (w->m)
		++*(mine ? &w->m->taken_mine : &w->m->taken_theirs);
}

/* ---- conflicts ---- */

/* What to take; while merging, mine stands in for it. */
static enum merge_choice clash(struct weaver *w, struct span base, struct span mine, struct span theirs,
			       const char *more)
{
	size_t n = w->conflicts++;
	if (w->choices) {
		w->unknown = w->unknown || (w->choices[n] != CHOICE_MINE && w->choices[n] != CHOICE_THEIRS &&
					    w->choices[n] != CHOICE_BASE);
		return w->choices[n];
	}
	if (n < MERGE_HUNKS_MAX) {
		MEM_ROOM(w->m->hunks, n, w->hunk_cap);
		w->m->hunks[n] = (struct merge_hunk){ base, mine, theirs, 0, 0, 0, jsontree_words(&w->path, more) };
		w->m->hunk_count = n + 1;
	}
	return CHOICE_MINE;
}

static struct span chosen(enum merge_choice choice, struct span base, struct span mine, struct span theirs)
{
	return choice == CHOICE_BASE ? base : choice == CHOICE_THEIRS ? theirs : mine;
}

/* ---- what stands between values ---- */

static void add_comment(void *to, struct span comment)
{
	buf_bytes(to, comment);
}

static bool same_comments(struct span a, struct span b)
{
	struct buf x = { 0 }, y = { 0 };
	jsontree_comments(a, add_comment, &x);
	jsontree_comments(b, add_comment, &y);
	bool same = span_equal(buf_view(&x), buf_view(&y));
	buf_finish(&x);
	buf_finish(&y);
	return same;
}

static void add_unit(void *to, struct span comment)
{
	units_add(to, comment);
}

static void all_comments(struct units *u, const struct jsontree_node *n)
{
	jsontree_comments(n->opener, add_unit, u);
	for (size_t i = 0; i < n->count; i++) {
		const struct jsontree_member *m = &n->members[i];
		jsontree_comments(m->lead, add_unit, u);
		jsontree_comments(m->colon, add_unit, u);
		all_comments(u, &m->value);
		jsontree_comments(m->tail, add_unit, u);
		jsontree_comments(m->after, add_unit, u);
	}
	jsontree_comments(n->closing, add_unit, u);
}

static bool same_value(const struct jsontree_node *a, const struct jsontree_node *b)
{
	struct units x = { 0 }, y = { 0 };
	if (span_equal(a->bytes, b->bytes))
		return true;
	if (!jsontree_equal(a, b))
		return false;
	all_comments(&x, a);
	all_comments(&y, b);
	bool same = x.count == y.count;
	for (size_t i = 0; i < x.count && same; i++)
		same = span_equal(x.at[i], y.at[i]);
	units_finish(&x);
	units_finish(&y);
	return same;
}

static struct span lesser(struct span a, struct span b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int order = len ? memcmp(a.data, b.data, len) : 0;
	return order < 0 || (!order && a.len <= b.len) ? a : b;
}

/* Comments are somebody's words: a clash of them is a conflict, one of mere spaces is none. */
static struct span pick_between(struct weaver *w, struct span base, struct span mine, struct span theirs)
{
	if (span_equal(mine, theirs) || span_equal(base, theirs))
		return mine;
	if (span_equal(base, mine))
		return theirs;
	if (same_comments(mine, theirs))
		return lesser(mine, theirs);
	if (same_comments(base, mine))
		return theirs;
	if (same_comments(base, theirs))
		return mine;
	return chosen(clash(w, base, mine, theirs, " (comment)"), base, mine, theirs);
}

/* ---- members ---- */

enum stay { STAY_OUT, STAY_MERGED, STAY_MINE, STAY_THEIRS, STAY_CLASH };

static bool same_member(const struct jsontree_member *a, const struct jsontree_member *b)
{
	return same_value(&a->value, &b->value) && same_comments(a->lead, b->lead) && same_comments(a->tail, b->tail) &&
	       same_comments(a->after, b->after);
}

/* Whether a key is in the result, told from where it is. */
static enum stay member_stays(struct members k)
{
	if (k.mine && k.theirs)
		return k.base || jsontree_equal(&k.mine->value, &k.theirs->value) ? STAY_MERGED : STAY_CLASH;
	if (!k.mine && !k.theirs)
		return STAY_OUT;
	if (!k.base)
		return k.mine ? STAY_MINE : STAY_THEIRS;
	return same_member(k.base, k.mine ? k.mine : k.theirs) ? STAY_OUT : STAY_CLASH;
}

static struct span value_span(const struct jsontree_member *m, const struct jsontree_node *container)
{
	/* Where it is absent, the place is the container's end. */
	return m           ? m->value.bytes
	       : container ? span_of(container->bytes.data + container->bytes.len - 1, 0)
			   : span_of(NULL, 0);
}

static const struct jsontree_member no_member;

/* All of a member but its comma and what follows: that is known when the next one comes. */
static struct span weave_member(struct weaver *w, struct members k)
{
	/* What is absent in the base was agreed upon, up to spaces. */
	const struct jsontree_member *b = k.base ? k.base : &no_member, *m = k.mine, *t = k.theirs;
	emit_between(w, pick_between(w, b->lead, m->lead, t->lead));
	emit(w, span_equal(b->key, m->key) ? t->key : span_equal(b->key, t->key) ? m->key : lesser(m->key, t->key));
	emit_between(w, pick_between(w, b->colon, m->colon, t->colon));
	weave_value(w, (struct nodes){ k.base ? &b->value : NULL, &m->value, &t->value });
	emit_between(w, pick_between(w, b->tail, m->tail, t->tail));
	return pick_between(w, b->after, m->after, t->after);
}

static struct span put_member(struct weaver *w, const struct jsontree_member *m)
{
	emit_between(w, m->lead);
	emit(w, m->key);
	emit_between(w, m->colon);
	emit(w, m->value.bytes);
	emit_between(w, m->tail);
	return m->after;
}

/* Members one after the other: the comma of one is written when the next one comes. */
struct row {
	bool any;
	struct span after;
};

static void row_next(struct weaver *w, struct row *r)
{
	if (r->any) {
		emit(w, span_text(","));
		emit_between(w, r->after);
	}
	r->any = true;
}

static void row_end(struct weaver *w, struct row *r, bool comma)
{
	if (r->any && comma)
		emit(w, span_text(","));
	if (r->any)
		emit_between(w, r->after);
}

static void row_put(struct weaver *w, struct row *r, const struct jsontree_member *m)
{
	if (!m)
		return;
	row_next(w, r);
	r->after = put_member(w, m);
}

static void weave_key(struct weaver *w, struct row *r, struct members k, struct nodes n)
{
	enum stay stay = member_stays(k);
	const struct jsontree_member *any = k.mine ? k.mine : k.theirs;
	size_t before = jsontree_enter(&w->path, any ? any->name : k.base->name);
	if (stay == STAY_MERGED) {
		row_next(w, r);
		r->after = weave_member(w, k);
	} else if (stay == STAY_CLASH) {
		enum merge_choice choice = clash(w, value_span(k.base, n.base), value_span(k.mine, n.mine),
						 value_span(k.theirs, n.theirs), "");
		row_put(w, r, choice == CHOICE_BASE ? k.base : choice == CHOICE_THEIRS ? k.theirs : k.mine);
	} else if (stay != STAY_OUT) {
		row_put(w, r, stay == STAY_MINE ? k.mine : k.theirs);
		taken(w, stay == STAY_MINE);
	}
	w->path.len = before;
}

/* ---- the order of keys ---- */

struct order { /* the keys of a result, as members of whichever side has them */
	const struct jsontree_member **at;
	size_t count;
};

static struct members find_all(struct nodes n, struct span name)
{
	return (struct members){ jsontree_find(n.base, name), jsontree_find(n.mine, name),
				 jsontree_find(n.theirs, name) };
}

/* Do the keys that `a` shares with `b` stand there in the same order. */
static bool same_order(const struct jsontree_node *a, const struct jsontree_node *b)
{
	const struct jsontree_member *last = NULL;
	for (size_t i = 0; i < a->count; i++) {
		const struct jsontree_member *m = jsontree_find(b, a->members[i].name);
		if (m && last && m < last)
			return false;
		last = m ? m : last;
	}
	return true;
}

/* Whose order the result has: the side's that changed it. */
static bool order_of_mine(struct nodes n)
{
	if (same_order(n.mine, n.theirs))
		return true;
	bool mine = same_order(n.base, n.mine), theirs = same_order(n.base, n.theirs);
	if (mine != theirs)
		return theirs;
	return lesser(n.mine->bytes, n.theirs->bytes).data == n.mine->bytes.data;
}

static int by_key(const struct jsontree_member *a, const struct jsontree_member *b)
{
	return span_equal(a->name, b->name) ? 0 : lesser(a->name, b->name).data == a->name.data ? -1 : 1;
}

static bool stays(struct nodes n, const struct jsontree_member *m)
{
	return member_stays(find_all(n, m->name)) != STAY_OUT;
}

/* The keys of `lead` in their order, and those that only `other` has behind the key that they follow there. */
static struct order order_keys(struct nodes n, const struct jsontree_node *lead, const struct jsontree_node *other)
{
	struct order o = { mem_grow(NULL, lead->count + other->count + 1, sizeof *o.at), 0 };
	/* behind[i]: the first of other's own keys that follow lead's member i - 1; 0: none. Chained in their order. */
	uint32_t *behind = mem_alloc((lead->count + 1) * 2 * sizeof *behind), *last = behind + lead->count + 1;
	uint32_t *next = mem_alloc((other->count + 1) * sizeof *next);
	size_t place = 0;
	for (size_t i = 0; i < other->count; i++) {
		const struct jsontree_member *m = &other->members[i], *there = jsontree_find(lead, m->name);
		if (!stays(n, m))
			continue;
		if (there) {
			place = (size_t)(there - lead->members) + 1;
			continue;
		}
		if (behind[place])
			next[last[place]] = (uint32_t)i + 1;
		else
			behind[place] = (uint32_t)i + 1;
		last[place] = (uint32_t)i;
	}
	for (size_t i = 0; i <= lead->count;) {
		/* A run of lead's own keys at this place: before or behind other's run, by the first names. */
		size_t first = i, end;
		if (i > 0 && stays(n, &lead->members[i - 1]))
			o.at[o.count++] = &lead->members[i - 1];
		size_t own = o.count, own_count = 0;
		uint32_t others = behind[first];
		for (end = i + 1; end <= lead->count; end++) {
			const struct jsontree_member *m = &lead->members[end - 1];
			if (!stays(n, m))
				continue;
			if (jsontree_find(other, m->name))
				break;
			o.at[own + own_count++] = m;
		}
		size_t count = 0;
		for (uint32_t k = others; k; k = next[k - 1])
			count++;
		bool other_first = others && own_count && by_key(&other->members[others - 1], o.at[own]) < 0;
		if (other_first)
			memmove(o.at + own + count, o.at + own, own_count * sizeof *o.at);
		size_t to = other_first ? own : own + own_count;
		for (uint32_t k = others; k; k = next[k - 1])
			o.at[to++] = &other->members[k - 1];
		o.count = own + own_count + count;
		i = end;
	}
	free(behind);
	free(next);
	return o;
}

static void count_deleted(struct weaver *w, struct nodes n)
{
	for (size_t i = 0; i < n.base->count; i++) {
		struct members k = find_all(n, n.base->members[i].name);
		if (!k.mine != !k.theirs && member_stays(k) == STAY_OUT)
			taken(w, !k.mine);
	}
}

static void weave_object(struct weaver *w, struct nodes n)
{
	bool mine_leads = order_of_mine(n);
	count_deleted(w, n);
	struct order o = order_keys(n, mine_leads ? n.mine : n.theirs, mine_leads ? n.theirs : n.mine);
	struct row row = { 0 };
	emit(w, span_text("{"));
	emit_between(w, pick_between(w, n.base->opener, n.mine->opener, n.theirs->opener));
	for (size_t i = 0; i < o.count; i++)
		weave_key(w, &row, find_all(n, o.at[i]->name), n);
	row_end(w, &row, n.mine->comma == n.base->comma ? n.theirs->comma : n.mine->comma);
	emit_between(w, pick_between(w, n.base->closing, n.mine->closing, n.theirs->closing));
	emit(w, span_text("}"));
	free(o.at);
}

/* ---- arrays ---- */

struct elements {
	struct units units[3];
	struct buf bare[3];
	struct diff3 diff;
	bool made;
};

/* Objects in a list are things of their own: neighbours may change. In a row of mere values a change next to another
 * one is a conflict. */
static void elements_align(struct elements *e, struct nodes n, uint64_t *left)
{
	const struct jsontree_node *const all[] = { n.base, n.mine, n.theirs };
	bool containers = true;
	*e = (struct elements){ 0 };
	for (int i = 0; i < 3; i++) {
		for (size_t k = 0; k < all[i]->count; k++)
			containers = containers && all[i]->members[k].value.type != JSONTREE_SCALAR;
		jsontree_elements(all[i], &e->units[i], &e->bare[i]);
	}
	units_number((struct units *const[]){ &e->units[0], &e->units[1], &e->units[2] }, 3, true);
	e->made = diff3_make(&e->diff, &e->units[0], &e->units[1], &e->units[2], !containers, left);
}

static void elements_finish(struct elements *e)
{
	diff3_finish(&e->diff);
	for (int i = 0; i < 3; i++) {
		units_finish(&e->units[i]);
		buf_finish(&e->bare[i]);
	}
}

/* Both replaced as many objects, or arrays, as there were: each is merged with its own. */
static bool one_by_one(struct nodes n, const struct chunk *c)
{
	if (c->base.count != c->mine.count || c->base.count != c->theirs.count)
		return false;
	for (uint32_t i = 0; i < c->base.count; i++) {
		enum jsontree_type type = n.base->members[c->base.at + i].value.type;
		if (type == JSONTREE_SCALAR || n.mine->members[c->mine.at + i].value.type != type ||
		    n.theirs->members[c->theirs.at + i].value.type != type)
			return false;
	}
	return true;
}

static struct span region(const struct jsontree_node *n, struct range r)
{
	if (!r.count)
		return r.at < n->count ? span_of(n->members[r.at].value.bytes.data, 0)
				       : span_of(n->bytes.data + n->bytes.len - 1, 0);
	const struct span first = n->members[r.at].value.bytes, last = n->members[r.at + r.count - 1].value.bytes;
	return span_of(first.data, (size_t)(last.data + last.len - first.data));
}

static void put_range(struct weaver *w, struct row *row, const struct jsontree_node *n, struct range r)
{
	for (uint32_t i = 0; i < r.count; i++)
		row_put(w, row, &n->members[r.at + i]);
}

static void weave_chunk(struct weaver *w, struct row *row, struct nodes n, const struct chunk *c)
{
	bool same = c->how == CHUNK_SAME || (c->how == CHUNK_BOTH && one_by_one(n, c));
	for (uint32_t i = 0; i < c->mine.count && (same || c->how == CHUNK_AGREED); i++) {
		size_t before = jsontree_enter_at(&w->path, c->mine.at + i);
		row_next(w, row);
		row->after = weave_member(w, (struct members){ same ? &n.base->members[c->base.at + i] : NULL,
							       &n.mine->members[c->mine.at + i],
							       &n.theirs->members[c->theirs.at + i] });
		w->path.len = before;
	}
	if (same || c->how == CHUNK_AGREED)
		return;
	enum merge_choice choice = c->how == CHUNK_THEIRS ? CHOICE_THEIRS : CHOICE_MINE;
	if (c->how != CHUNK_BOTH) {
		taken(w, c->how == CHUNK_MINE);
	} else {
		size_t before = jsontree_enter_at(&w->path, c->mine.at);
		choice = clash(w, region(n.base, c->base), region(n.mine, c->mine), region(n.theirs, c->theirs), "");
		w->path.len = before;
	}
	if (choice == CHOICE_BASE)
		put_range(w, row, n.base, c->base);
	else if (choice == CHOICE_THEIRS)
		put_range(w, row, n.theirs, c->theirs);
	else
		put_range(w, row, n.mine, c->mine);
}

static void weave_array(struct weaver *w, struct nodes n)
{
	struct elements e;
	struct row row = { 0 };
	elements_align(&e, n, &w->left);
	if (!e.made) {
		emit(w, chosen(clash(w, n.base->bytes, n.mine->bytes, n.theirs->bytes, ""), n.base->bytes,
			       n.mine->bytes, n.theirs->bytes));
		elements_finish(&e);
		return;
	}
	emit(w, span_text("["));
	emit_between(w, pick_between(w, n.base->opener, n.mine->opener, n.theirs->opener));
	for (size_t i = 0; i < e.diff.count; i++)
		weave_chunk(w, &row, n, &e.diff.chunks[i]);
	row_end(w, &row, n.mine->comma == n.base->comma ? n.theirs->comma : n.mine->comma);
	emit_between(w, pick_between(w, n.base->closing, n.mine->closing, n.theirs->closing));
	emit(w, span_text("]"));
	elements_finish(&e);
}

/* ---- values ---- */

static bool all_are(struct nodes n, enum jsontree_type type)
{
	return n.base && n.base->type == type && n.mine->type == type && n.theirs->type == type;
}

static void weave_value(struct weaver *w, struct nodes n)
{
	const struct span mine = n.mine->bytes, theirs = n.theirs->bytes,
			  base = n.base ? n.base->bytes : span_of("", 0);
	bool from_mine = n.base && span_equal(base, theirs), from_theirs = n.base && span_equal(base, mine);
	if (from_mine != from_theirs)
		taken(w, from_mine);
	if (from_mine || span_equal(mine, theirs))
		emit(w, mine);
	else if (from_theirs)
		emit(w, theirs);
	else if (all_are(n, JSONTREE_OBJECT))
		weave_object(w, n);
	else if (all_are(n, JSONTREE_ARRAY))
		weave_array(w, n);
	else if (same_value(n.mine, n.theirs))
		emit(w, lesser(mine, theirs));
	else if (n.base && same_value(n.base, n.mine)) /* mine only spaced it anew */
		emit(w, theirs);
	else if (n.base && same_value(n.base, n.theirs))
		emit(w, mine);
	else
		emit(w, chosen(clash(w, base, mine, theirs, ""), base, mine, theirs));
}

static void weave(struct weaver *w, const struct documents *d)
{
	emit_between(w, pick_between(w, d->base.lead, d->mine.lead, d->theirs.lead));
	weave_value(w, (struct nodes){ &d->base.root, &d->mine.root, &d->theirs.root });
	emit_between(w, pick_between(w, d->base.end, d->mine.end, d->theirs.end));
	buf_finish(&w->path);
}

/* ---- the check: by value, from the result's own bytes ---- */

static bool equal(const struct jsontree_node *a, const struct jsontree_node *b)
{
	return a == b || (a && b && jsontree_equal(a, b));
}

static const struct jsontree_node *value_in(const struct jsontree_node *object, struct span name)
{
	const struct jsontree_member *m = jsontree_find(object, name);
	return m ? &m->value : NULL;
}

static bool holds(struct nodes n, const struct jsontree_node *r, uint64_t *left);

/* Keys that one side gave another name, leaving the value, while the other changed the value: then that has the new
 * name. */
struct renames {
	struct span was[RENAMES_MAX], is[RENAMES_MAX];
	size_t count;
};

static void find_renames(struct renames *found, struct nodes n, const struct jsontree_node *r)
{
	found->count = 0;
	for (size_t i = 0, tried = 0; i < n.base->count && tried < RENAMES_MAX; i++) {
		const struct jsontree_member *b = &n.base->members[i];
		const struct jsontree_node *mine = value_in(n.mine, b->name), *theirs = value_in(n.theirs, b->name);
		const struct jsontree_node *renamer = mine ? n.theirs : n.mine;
		if (!mine == !theirs || equal(mine ? mine : theirs, &b->value) || value_in(r, b->name))
			continue;
		tried++;
		for (size_t k = 0; k < renamer->count; k++) {
			struct span is = renamer->members[k].name;
			if (!value_in(n.base, is) && equal(&renamer->members[k].value, &b->value) &&
			    equal(value_in(r, is), mine ? mine : theirs)) {
				found->was[found->count] = b->name;
				found->is[found->count++] = is;
				break;
			}
		}
	}
}

static bool is_renamed(const struct renames *found, struct span name)
{
	for (size_t i = 0; i < found->count; i++)
		if (span_equal(found->was[i], name) || span_equal(found->is[i], name))
			return true;
	return false;
}

/* The keys of `whose` that none of `seen` has: each key is weighed once, else the work would grow fourfold by level. */
static bool keys_hold(struct nodes n, const struct jsontree_node *r, const struct jsontree_node *whose,
		      struct nodes seen, const struct renames *renames, uint64_t *left)
{
	for (size_t i = 0; i < whose->count; i++) {
		struct span name = whose->members[i].name;
		if ((seen.base && value_in(seen.base, name)) || (seen.mine && value_in(seen.mine, name)) ||
		    (seen.theirs && value_in(seen.theirs, name)) || is_renamed(renames, name))
			continue;
		if (!holds((struct nodes){ value_in(n.base, name), value_in(n.mine, name), value_in(n.theirs, name) },
			   value_in(r, name), left))
			return false;
	}
	return true;
}

static bool range_holds(const struct jsontree_node *r, size_t *at, const struct jsontree_node *n, struct range range)
{
	for (uint32_t i = 0; i < range.count; i++, ++*at)
		if (*at >= r->count || !jsontree_equal(&r->members[*at].value, &n->members[range.at + i].value))
			return false;
	return true;
}

static bool array_holds(struct nodes n, const struct jsontree_node *r, uint64_t *left)
{
	struct elements e;
	size_t at = 0;
	elements_align(&e, n, left);
	bool fine = e.made;
	for (size_t i = 0; i < e.diff.count && fine; i++) {
		const struct chunk *c = &e.diff.chunks[i];
		if (c->how == CHUNK_THEIRS)
			fine = range_holds(r, &at, n.theirs, c->theirs);
		else if (c->how != CHUNK_BOTH)
			fine = range_holds(r, &at, n.mine, c->mine);
		else
			fine = one_by_one(n, c);
		for (uint32_t k = 0; k < c->base.count && fine && c->how == CHUNK_BOTH; k++, at++)
			fine = at < r->count && holds((struct nodes){ &n.base->members[c->base.at + k].value,
								      &n.mine->members[c->mine.at + k].value,
								      &n.theirs->members[c->theirs.at + k].value },
						      &r->members[at].value, left);
	}
	elements_finish(&e);
	return fine && at == r->count;
}

/* Is `r` what both sides' changes of the base make of it. NULL: absent. */
static bool holds(struct nodes n, const struct jsontree_node *r, uint64_t *left)
{
	if (equal(n.mine, n.theirs) || equal(n.base, n.theirs))
		return equal(r, n.mine);
	if (equal(n.base, n.mine))
		return equal(r, n.theirs);
	if (!n.base || !n.mine || !n.theirs || !r || n.base->type != n.mine->type || n.base->type != n.theirs->type ||
	    n.base->type != r->type || r->type == JSONTREE_SCALAR)
		return false;
	if (r->type == JSONTREE_ARRAY)
		return array_holds(n, r, left);
	struct renames renames;
	find_renames(&renames, n, r);
	return keys_hold(n, r, n.base, (struct nodes){ 0 }, &renames, left) &&
	       keys_hold(n, r, n.mine, (struct nodes){ .base = n.base }, &renames, left) &&
	       keys_hold(n, r, n.theirs, (struct nodes){ .base = n.base, .mine = n.mine }, &renames, left) &&
	       keys_hold(n, r, r, n, &renames, left);
}

/* Each comment is there as often as the sides' changes say. */
static bool comments_hold(const struct documents *d, const struct jsontree *r)
{
	const struct jsontree *const all[] = { &d->base, &d->mine, &d->theirs, r };
	struct units u[4] = { 0 };
	bool fine = true;
	for (int i = 0; i < 4; i++) {
		jsontree_comments(all[i]->lead, add_unit, &u[i]);
		all_comments(&u[i], &all[i]->root);
		jsontree_comments(all[i]->end, add_unit, &u[i]);
	}
	uint32_t numbers = units_number((struct units *const[]){ &u[0], &u[1], &u[2], &u[3] }, 4, true);
	int32_t(*count)[4] = mem_alloc(((size_t)numbers + 1) * sizeof *count);
	for (int i = 0; i < 4; i++)
		for (size_t k = 0; k < u[i].count; k++)
			count[u[i].number[k]][i]++;
	for (uint32_t k = 0; k < numbers && fine; k++) {
		int32_t due = count[k][1] + count[k][2] - count[k][0], result = count[k][3];
		int32_t most = count[k][1] > count[k][2] ? count[k][1] : count[k][2];
		fine = result <= (due > most ? due : most) && (due < 1 || result > 0);
	}
	free(count);
	for (int i = 0; i < 4; i++)
		units_finish(&u[i]);
	return fine;
}

static bool passes(const struct documents *d, struct span result, bool comments)
{
	struct jsontree r;
	uint64_t left = MERGE_WORK_MAX;
	if (jsontree_read(&r, result) != JSONTREE_FINE)
		return false;
	bool fine = holds((struct nodes){ &d->base.root, &d->mine.root, &d->theirs.root }, &r.root, &left) &&
		    (!comments || comments_hold(d, &r));
	jsontree_finish(&r);
	return fine;
}

/* ---- the whole ---- */

/* Not by key but by lines, and right by key. */
static bool lines_do(struct merge *m, const struct documents *d)
{
	struct merge text = { 0 };
	merge_text(&text, &d->in);
	m->work += text.work;
	bool fine = text.outcome == MERGE_CLEAN && passes(d, span_blob(&text.result), false);
	if (fine) {
		m->outcome = MERGE_CLEAN;
		m->result = text.result;
		m->taken_mine = text.taken_mine;
		m->taken_theirs = text.taken_theirs;
		text.result = (struct blob){ 0 };
	}
	merge_refuse(&text, NULL);
	merge_text_finish(&text);
	return fine;
}

/* Newlines before a place, from their places. */
static uint32_t line_of(const struct buf *newlines, struct span whole, struct span place)
{
	const uint32_t *at = (const uint32_t *)(const void *)newlines->data;
	size_t low = 0, high = newlines->len / sizeof *at;
	if (!place.data || place.data < whole.data || place.data > whole.data + whole.len)
		return 1;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (at[middle] < (size_t)(place.data - whole.data))
			low = middle + 1;
		else
			high = middle;
	}
	return (uint32_t)low + 1;
}

static struct buf newlines_of(struct span whole)
{
	struct buf places = { 0 };
	for (uint32_t i = 0; i < whole.len; i++)
		if (whole.data[i] == '\n')
			buf_put(&places, &i, sizeof i);
	return places;
}

static void number_lines(struct merge *m, const struct merge_inputs *in)
{
	struct buf base = newlines_of(in->base), mine = newlines_of(in->mine), theirs = newlines_of(in->theirs);
	for (size_t i = 0; i < m->hunk_count; i++) {
		struct merge_hunk *h = &m->hunks[i];
		h->base_line = line_of(&base, in->base, h->base);
		h->mine_line = line_of(&mine, in->mine, h->mine);
		h->theirs_line = line_of(&theirs, in->theirs, h->theirs);
	}
	buf_finish(&base);
	buf_finish(&mine);
	buf_finish(&theirs);
}

static void keys_do(struct merge *m, const struct documents *d)
{
	struct weaver w = { .m = m, .left = MERGE_WORK_MAX };
	weave(&w, d);
	m->work += MERGE_WORK_MAX - w.left;
	if (w.conflicts > MERGE_HUNKS_MAX) {
		merge_refuse(m, "both changed too many places");
	} else if (w.conflicts) {
		m->outcome = MERGE_CONFLICTS;
		number_lines(m, &d->in);
	} else if (passes(d, buf_view(&w.out), true)) {
		m->outcome = MERGE_CLEAN;
		m->result = buf_take(&w.out);
	} else {
		merge_refuse(m, "what the merge by key gives did not pass its check");
	}
	buf_finish(&w.out);
}

static const char *fault_words(enum jsontree_fault fault)
{
	switch (fault) {
	case JSONTREE_TOO_DEEP:
		return "its values are nested too deeply to be merged";
	case JSONTREE_TOO_MANY:
		return "it has too many values to be merged";
	default:
		return NULL;
	}
}

void merge_json(struct merge *m, const struct merge_inputs *in)
{
	struct documents *d = mem_alloc(sizeof *d);
	d->in = *in;
	enum jsontree_fault faults[3] = { jsontree_read(&d->base, in->base), jsontree_read(&d->mine, in->mine),
					  jsontree_read(&d->theirs, in->theirs) };
	const char *why = NULL;
	bool json = true;
	m->inside = d;
	for (int i = 0; i < 3; i++) {
		json = json && faults[i] == JSONTREE_FINE;
		why = why ? why : fault_words(faults[i]);
	}
	if (why) {
		merge_refuse(m, why);
	} else if (json) {
		if (!lines_do(m, d))
			keys_do(m, d);
	} else { /* one is no JSON, or has a key twice: then they are texts */
		merge_json_finish(m);
		m->kind = MERGE_KIND_TEXT;
		merge_text(m, in);
	}
}

bool merge_json_settle(const struct merge *m, const enum merge_choice *choices, struct blob *out, const char **why)
{
	struct weaver w = { .choices = choices, .left = MERGE_WORK_MAX };
	struct jsontree result;
	weave(&w, m->inside);
	enum jsontree_fault fault = w.unknown ? JSONTREE_FINE : jsontree_read(&result, buf_view(&w.out));
	if (w.unknown)
		*why = "a value is one side's or the other's: by key there is no 'both'";
	else if (fault != JSONTREE_FINE)
		*why = "what these choices give is no JSON";
	else
		*out = buf_take(&w.out);
	if (!w.unknown && fault == JSONTREE_FINE)
		jsontree_finish(&result);
	buf_finish(&w.out);
	return !*why;
}

void merge_json_finish(struct merge *m)
{
	struct documents *d = m->inside;
	if (d) {
		jsontree_finish(&d->base);
		jsontree_finish(&d->mine);
		jsontree_finish(&d->theirs);
	}
	free(d);
	m->inside = NULL;
}

#include "engine/core/conflict/diff.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "engine/core/conflict/jsontree.h"
#include "engine/core/conflict/merge_ways.h"
#include "engine/core/conflict/script.h"

#define VALUE_WORDS_MAX 200 /* of a value in words */

/* ---- text ---- */

static void add_lines(struct diff *d, size_t *cap, char sign, const struct units *u, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++) {
		MEM_ROOM(d->lines, d->line_count, *cap);
		d->lines[d->line_count++] = (struct diff_line){ sign, u->at[i] };
	}
}

/* Changes with at most twice the context between them share a hunk. */
static size_t hunk_end(const struct script *s, size_t first)
{
	size_t last = first;
	while (last + 1 < s->count &&
	       s->changes[last + 1].from.at - s->changes[last].from.at - s->changes[last].from.count <=
		       2 * DIFF_CONTEXT)
		last++;
	return last + 1;
}

static void add_hunk(struct diff *d, size_t *line_cap, size_t *hunk_cap, const struct script *s, size_t first,
		     size_t end, const struct units *from, const struct units *to)
{
	const struct script_change *a = &s->changes[first], *z = &s->changes[end - 1];
	uint32_t before = a->from.at < DIFF_CONTEXT ? a->from.at : DIFF_CONTEXT;
	uint32_t left = (uint32_t)from->count - (z->from.at + z->from.count);
	uint32_t after = left < DIFF_CONTEXT ? left : DIFF_CONTEXT;
	uint32_t start = a->from.at - before, to_start = a->to.at - before, at = start;
	MEM_ROOM(d->hunks, d->hunk_count, *hunk_cap);
	struct diff_hunk *h = &d->hunks[d->hunk_count++];
	*h = (struct diff_hunk){ .first = d->line_count };
	for (const struct script_change *c = a; c <= z; c++) {
		add_lines(d, line_cap, ' ', from, at, c->from.at);
		add_lines(d, line_cap, '-', from, c->from.at, c->from.at + c->from.count);
		add_lines(d, line_cap, '+', to, c->to.at, c->to.at + c->to.count);
		at = c->from.at + c->from.count;
	}
	add_lines(d, line_cap, ' ', from, at, at + after);
	h->count = d->line_count - h->first;
	h->from_count = at + after - start;
	h->to_count = z->to.at + z->to.count + after - to_start;
	h->from_line = start + (h->from_count > 0);
	h->to_line = to_start + (h->to_count > 0);
}

static void compare_texts(struct diff *d, struct span from, struct span to)
{
	struct units a = { 0 }, b = { 0 };
	struct script s;
	size_t line_cap = 0, hunk_cap = 0;
	units_lines(&a, from);
	units_lines(&b, to);
	units_number((struct units *const[]){ &a, &b }, 2, true);
	d->kind = script_make(&s, a.number, a.count, b.number, b.count, &d->work) ? DIFF_TEXT : DIFF_SIZES;
	for (size_t i = 0; i < s.count && d->kind == DIFF_TEXT;) {
		size_t end = hunk_end(&s, i);
		add_hunk(d, &line_cap, &hunk_cap, &s, i, end, &a, &b);
		i = end;
	}
	script_finish(&s);
	units_finish(&a);
	units_finish(&b);
}

/* ---- JSON ---- */

struct walk {
	struct diff *d;
	struct buf path;
	size_t cap;
};

static void add_key(struct walk *w, const struct jsontree_node *from, const struct jsontree_node *to)
{
	struct diff *d = w->d;
	if (d->key_count == DIFF_KEYS_MAX) {
		d->more = true;
		return;
	}
	MEM_ROOM(d->keys, d->key_count, w->cap);
	d->keys[d->key_count++] =
		(struct diff_key){ jsontree_words(&w->path, ""), from ? from->bytes : span_of(NULL, 0),
				   to ? to->bytes : span_of(NULL, 0) };
}

static void compare_nodes(struct walk *w, const struct jsontree_node *from, const struct jsontree_node *to);

static void compare_objects(struct walk *w, const struct jsontree_node *from, const struct jsontree_node *to)
{
	for (size_t i = 0; i < from->count; i++) {
		const struct jsontree_member *m = &from->members[i], *there = jsontree_find(to, m->name);
		size_t before = jsontree_enter(&w->path, m->name);
		compare_nodes(w, &m->value, there ? &there->value : NULL);
		w->path.len = before;
	}
	for (size_t i = 0; i < to->count; i++) {
		const struct jsontree_member *m = &to->members[i];
		size_t before = jsontree_enter(&w->path, m->name);
		if (!jsontree_find(from, m->name))
			add_key(w, NULL, &m->value);
		w->path.len = before;
	}
}

/* By place: what is behind the common length came or went. */
static void compare_elements(struct walk *w, const struct jsontree_node *from, struct range a,
			     const struct jsontree_node *to, struct range b)
{
	for (uint32_t i = 0; i < a.count || i < b.count; i++) {
		size_t before = jsontree_enter_at(&w->path, i < a.count ? a.at + i : b.at + i);
		if (i >= a.count)
			add_key(w, NULL, &to->members[b.at + i].value);
		else
			compare_nodes(w, &from->members[a.at + i].value,
				      i < b.count ? &to->members[b.at + i].value : NULL);
		w->path.len = before;
	}
}

static void compare_arrays(struct walk *w, const struct jsontree_node *from, const struct jsontree_node *to)
{
	struct script s;
	struct units a = { 0 }, b = { 0 };
	struct buf bare_a = { 0 }, bare_b = { 0 };
	jsontree_elements(from, &a, &bare_a);
	jsontree_elements(to, &b, &bare_b);
	units_number((struct units *const[]){ &a, &b }, 2, true);
	if (script_make(&s, a.number, a.count, b.number, b.count, &w->d->work))
		for (size_t i = 0; i < s.count; i++)
			compare_elements(w, from, s.changes[i].from, to, s.changes[i].to);
	else
		add_key(w, from, to);
	script_finish(&s);
	units_finish(&a);
	units_finish(&b);
	buf_finish(&bare_a);
	buf_finish(&bare_b);
}

static void compare_nodes(struct walk *w, const struct jsontree_node *from, const struct jsontree_node *to)
{
	if (from && to && jsontree_equal(from, to))
		return;
	if (!from || !to || from->type != to->type || from->type == JSONTREE_SCALAR)
		add_key(w, from, to);
	else if (from->type == JSONTREE_OBJECT)
		compare_objects(w, from, to);
	else
		compare_arrays(w, from, to);
}

static bool compare_json(struct diff *d, struct span from, struct span to)
{
	struct jsontree a, b;
	struct walk w = { .d = d };
	bool first = jsontree_read(&a, from) == JSONTREE_FINE, second = jsontree_read(&b, to) == JSONTREE_FINE;
	if (first && second)
		compare_nodes(&w, &a.root, &b.root);
	if (d->key_count)
		d->kind = DIFF_KEYS;
	buf_finish(&w.path);
	jsontree_finish(&a);
	jsontree_finish(&b);
	return d->key_count > 0;
}

/* ---- both ---- */

void diff_make(struct diff *d, enum merge_kind kind, struct span from, struct span to)
{
	*d = (struct diff){ .from_bytes = from.len, .to_bytes = to.len, .work = MERGE_WORK_MAX };
	from = from.data ? from : span_of("", 0);
	to = to.data ? to : span_of("", 0);
	if (span_equal(from, to))
		return;
	if (merge_unfit(from) || merge_unfit(to))
		d->kind = DIFF_SIZES;
	else if (kind != MERGE_KIND_JSON || !compare_json(d, from, to))
		compare_texts(d, from, to);
}

void diff_finish(struct diff *d)
{
	for (size_t i = 0; i < d->key_count; i++)
		free(d->keys[i].path);
	free(d->lines);
	free(d->hunks);
	free(d->keys);
	*d = (struct diff){ 0 };
}

static void write_safe(struct buf *out, struct span bytes, size_t most)
{
	char *shown = utf8_show_dup(bytes.data, bytes.len < most ? bytes.len : most);
	buf_put(out, shown, strlen(shown));
	if (bytes.len > most)
		buf_put(out, "…", strlen("…"));
	free(shown);
}

static void write_range(struct buf *out, char sign, uint32_t line, uint32_t count)
{
	buf_printf(out, count == 1 ? " %c%u" : " %c%u,%u", sign, line, count);
}

static void write_text(struct buf *out, const struct diff *d)
{
	for (const struct diff_hunk *h = d->hunks; h < d->hunks + d->hunk_count; h++) {
		buf_printf(out, "@@");
		write_range(out, '-', h->from_line, h->from_count);
		write_range(out, '+', h->to_line, h->to_count);
		buf_printf(out, " @@\n");
		for (size_t i = h->first; i < h->first + h->count; i++) {
			struct span line = d->lines[i].bytes;
			bool whole = line.len && line.data[line.len - 1] == '\n';
			line.len -= whole;
			buf_u8(out, (uint8_t)d->lines[i].sign);
			write_safe(out, line, line.len);
			buf_printf(out, whole ? "\n" : "\n\\ No newline at end of file\n");
		}
	}
}

static void write_keys(struct buf *out, const struct diff *d)
{
	for (const struct diff_key *k = d->keys; k < d->keys + d->key_count; k++) {
		const char *path = *k->path ? k->path : "(all)";
		if (!k->from.data || !k->to.data)
			buf_printf(out, k->from.data ? "- " : "+ ");
		write_safe(out, span_text(path), strlen(path));
		buf_printf(out, ": ");
		if (k->from.data)
			write_safe(out, k->from, VALUE_WORDS_MAX);
		if (k->from.data && k->to.data)
			buf_printf(out, " → ");
		if (k->to.data)
			write_safe(out, k->to, VALUE_WORDS_MAX);
		buf_printf(out, "\n");
	}
	if (d->more)
		buf_printf(out, "… and more\n");
}

void diff_write(struct buf *out, const struct diff *d)
{
	if (d->kind == DIFF_TEXT)
		write_text(out, d);
	else if (d->kind == DIFF_KEYS)
		write_keys(out, d);
	else if (d->kind == DIFF_SIZES)
		buf_printf(out, "%zu bytes → %zu bytes, not shown: it is not text, too large, or differs too much\n",
			   d->from_bytes, d->to_bytes);
}

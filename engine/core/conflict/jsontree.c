#include "engine/core/conflict/jsontree.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"

struct reading {
	const uint8_t *at, *end;
	size_t nodes;
	enum jsontree_fault fault;
};

static bool fail(struct reading *r, enum jsontree_fault fault)
{
	r->fault = r->fault ? r->fault : fault;
	return false;
}

static struct span from_to(const uint8_t *from, const uint8_t *to)
{
	return span_of(from, (size_t)(to - from));
}

/* ---- between the values ---- */

static bool space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The end of the comment that begins here; NULL: none does, or it has no end. A line comment ends before its newline.
 */
static const uint8_t *comment_end(const uint8_t *at, const uint8_t *end)
{
	if (end - at < 2 || *at != '/')
		return NULL;
	if (at[1] == '/') {
		const uint8_t *stop = memchr(at, '\n', (size_t)(end - at));
		stop = stop ? stop : end;
		return stop > at && stop[-1] == '\r' ? stop - 1 : stop;
	}
	const uint8_t *stop = at[1] == '*' ? memmem(at + 2, (size_t)(end - at) - 2, "*/", 2) : NULL;
	return stop ? stop + 2 : NULL;
}

static struct span skip_between(struct reading *r)
{
	const uint8_t *from = r->at, *stop;
	while (r->at < r->end) {
		if (space(*r->at))
			r->at++;
		else if ((stop = comment_end(r->at, r->end)))
			r->at = stop;
		else
			break;
	}
	return from_to(from, r->at);
}

void jsontree_comments(struct span between, void (*each)(void *to, struct span comment), void *to)
{
	const uint8_t *at = between.data, *end = between.len ? at + between.len : at, *stop;
	while (at < end)
		if ((stop = comment_end(at, end))) {
			each(to, from_to(at, stop));
			at = stop;
		} else {
			at++;
		}
}

bool jsontree_line_open(struct span between)
{
	const uint8_t *at = between.data, *end = between.len ? at + between.len : at, *stop;
	bool open = false;
	for (; at < end; at++) {
		open = open && *at != '\n';
		if ((stop = comment_end(at, end))) {
			open = at[1] == '/';
			at = stop - 1;
		}
	}
	return open;
}

/* How much of it belongs to what stands before it on the line: all up to the newline, if there is one; a comment of
 * several lines belongs to what follows. */
static size_t same_line(struct span between)
{
	const uint8_t *at = between.data, *end = between.len ? at + between.len : at, *stop;
	while (at < end && *at != '\n') {
		stop = comment_end(at, end);
		if (stop && memchr(at, '\n', (size_t)(stop - at)))
			break;
		at = stop ? stop : at + 1;
	}
	if (at == end)
		return 0;
	size_t len = (size_t)(at - between.data);
	return len && *at == '\n' && at[-1] == '\r' ? len - 1 : len;
}

/* Cuts what belongs to the line's beginning off `between`. */
static struct span cut_line(struct span *between)
{
	struct span first = span_of(between->data, same_line(*between));
	between->data += first.len;
	between->len -= first.len;
	return first;
}

/* ---- values ---- */

static bool read_string(struct reading *r)
{
	if (r->at == r->end || *r->at != '"')
		return fail(r, JSONTREE_NOT_JSON);
	for (r->at++; r->at < r->end && *r->at != '"'; r->at++) {
		if (*r->at < 0x20)
			break;
		if (*r->at != '\\')
			continue;
		if (++r->at == r->end)
			break;
		if (*r->at == 'u') {
			for (int i = 1; i <= 4; i++)
				if (r->end - r->at <= i || !strchr("0123456789abcdefABCDEF", r->at[i]) || !r->at[i])
					return fail(r, JSONTREE_NOT_JSON);
			r->at += 4;
		} else if (!*r->at || !strchr("\"\\/bfnrt", *r->at)) {
			return fail(r, JSONTREE_NOT_JSON);
		}
	}
	if (r->at == r->end || *r->at != '"')
		return fail(r, JSONTREE_NOT_JSON);
	r->at++;
	return true;
}

static size_t skip_digits(struct reading *r)
{
	const uint8_t *from = r->at;
	while (r->at < r->end && *r->at >= '0' && *r->at <= '9')
		r->at++;
	return (size_t)(r->at - from);
}

static bool skip_one(struct reading *r, const char *any)
{
	if (r->at == r->end || !*r->at || !strchr(any, *r->at))
		return false;
	r->at++;
	return true;
}

static bool read_number(struct reading *r)
{
	skip_one(r, "-");
	bool fine = skip_one(r, "0") || skip_digits(r);
	if (fine && skip_one(r, "."))
		fine = skip_digits(r) > 0;
	if (fine && skip_one(r, "eE")) {
		skip_one(r, "+-");
		fine = skip_digits(r) > 0;
	}
	return fine || fail(r, JSONTREE_NOT_JSON);
}

static bool read_word(struct reading *r)
{
	static const char *const words[] = { "true", "false", "null" };
	for (size_t i = 0; i < 3; i++) {
		size_t len = strlen(words[i]);
		if ((size_t)(r->end - r->at) >= len && memcmp(r->at, words[i], len) == 0) {
			r->at += len;
			return true;
		}
	}
	return read_number(r);
}

static unsigned four_digits(const uint8_t *at)
{
	unsigned value = 0;
	for (int i = 0; i < 4; i++)
		value = value << 4 | (unsigned)(at[i] <= '9' ? at[i] - '0' : (at[i] | 32) - 'a' + 10);
	return value;
}

/* The name that a key spells. Half a surrogate pair becomes the replacement character. */
static void read_name(struct jsontree_member *m)
{
	struct span inner = span_of(m->key.data + 1, m->key.len - 2);
	struct buf name = { 0 };
	m->name = inner;
	if (!inner.len || !memchr(inner.data, '\\', inner.len))
		return;
	for (size_t i = 0; i < inner.len; i++) {
		if (inner.data[i] != '\\') {
			buf_u8(&name, inner.data[i]);
			continue;
		}
		static const char letters[] = "bfnrt", meanings[] = "\b\f\n\r\t";
		uint8_t c = inner.data[++i];
		const char *letter = strchr(letters, c);
		if (c != 'u') {
			buf_u8(&name, letter ? (uint8_t)meanings[letter - letters] : c);
			continue;
		}
		uint32_t point = four_digits(inner.data + i + 1);
		i += 4;
		if (point >= 0xd800 && point < 0xdc00 && inner.len - i > 6 && inner.data[i + 1] == '\\' &&
		    inner.data[i + 2] == 'u') {
			uint32_t low = four_digits(inner.data + i + 3);
			if (low >= 0xdc00 && low < 0xe000) {
				point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
				i += 6;
			}
		}
		char text[4];
		size_t len = utf8_encode(point >= 0xd800 && point < 0xe000 ? 0xfffd : point, text);
		buf_put(&name, text, len);
	}
	m->own = buf_take(&name);
	m->name = span_blob(&m->own);
}

static int name_order(struct span a, struct span b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int order = len ? memcmp(a.data, b.data, len) : 0;
	return order ? order : (a.len > b.len) - (a.len < b.len);
}

struct named {
	struct span name;
	uint32_t index;
};

static int named_order(const void *a, const void *b)
{
	return name_order(((const struct named *)a)->name, ((const struct named *)b)->name);
}

static bool sort_names(struct reading *r, struct jsontree_node *n)
{
	struct named *named = mem_grow(NULL, n->count + 1, sizeof *named);
	bool fine = true;
	for (size_t i = 0; i < n->count; i++)
		named[i] = (struct named){ n->members[i].name, (uint32_t)i };
	mem_sort(named, n->count, sizeof *named, named_order);
	n->by_name = mem_grow(NULL, n->count + 1, sizeof *n->by_name);
	for (size_t i = 0; i < n->count; i++) {
		n->by_name[i] = named[i].index;
		fine = fine && (!i || name_order(named[i - 1].name, named[i].name) != 0);
	}
	free(named);
	return fine || fail(r, JSONTREE_TWICE);
}

static bool read_value(struct reading *r, struct jsontree_node *n, unsigned depth);

/* One member, up to and with its comma. `between` is what stands before it; then what stands behind it. Its `more` says
 * whether a comma was there. */
static bool read_member(struct reading *r, struct jsontree_node *n, struct span *between, unsigned depth, bool *more)
{
	MEM_ROOM(n->members, n->count, n->cap);
	struct jsontree_member *m = &n->members[n->count++];
	*m = (struct jsontree_member){ .lead = *between };
	if (n->type == JSONTREE_OBJECT) {
		const uint8_t *from = r->at;
		if (!read_string(r))
			return false;
		m->key = from_to(from, r->at);
		read_name(m);
		from = r->at;
		skip_between(r);
		if (!skip_one(r, ":"))
			return fail(r, JSONTREE_NOT_JSON);
		skip_between(r);
		m->colon = from_to(from, r->at);
	}
	if (!read_value(r, &m->value, depth + 1))
		return false;
	*between = skip_between(r);
	*more = skip_one(r, ",");
	m->tail = span_of(between->data, 0);
	if (*more) {
		m->tail = *between;
		*between = skip_between(r);
	}
	m->after = cut_line(between);
	return true;
}

static bool read_container(struct reading *r, struct jsontree_node *n, unsigned depth)
{
	char last = *r->at++ == '{' ? '}' : ']';
	struct span between = skip_between(r);
	bool more = true;
	n->type = last == '}' ? JSONTREE_OBJECT : JSONTREE_ARRAY;
	if (depth >= JSONTREE_DEPTH_MAX)
		return fail(r, JSONTREE_TOO_DEEP);
	n->opener = cut_line(&between);
	while (r->at < r->end && *r->at != last)
		if (!more || !read_member(r, n, &between, depth, &more))
			return fail(r, JSONTREE_NOT_JSON);
	n->comma = n->count && more;
	n->closing = between;
	if (!skip_one(r, last == '}' ? "}" : "]"))
		return fail(r, JSONTREE_NOT_JSON);
	return n->type == JSONTREE_ARRAY || sort_names(r, n);
}

static bool read_value(struct reading *r, struct jsontree_node *n, unsigned depth)
{
	const uint8_t *from = r->at;
	bool fine;
	*n = (struct jsontree_node){ .type = JSONTREE_SCALAR };
	if (++r->nodes > JSONTREE_NODES_MAX)
		return fail(r, JSONTREE_TOO_MANY);
	if (r->at == r->end)
		return fail(r, JSONTREE_NOT_JSON);
	if (*r->at == '{' || *r->at == '[')
		fine = read_container(r, n, depth);
	else
		fine = *r->at == '"' ? read_string(r) : read_word(r);
	n->bytes = from_to(from, r->at);
	return fine;
}

enum jsontree_fault jsontree_read(struct jsontree *t, struct span text)
{
	static const uint8_t mark[3] = { 0xef, 0xbb, 0xbf };
	struct reading r = { .at = text.data, .end = text.data + text.len };
	*t = (struct jsontree){ 0 };
	if (text.len >= 3 && memcmp(text.data, mark, 3) == 0)
		r.at += 3;
	skip_between(&r);
	t->lead = from_to(text.data, r.at);
	if (read_value(&r, &t->root, 0)) {
		t->end = skip_between(&r);
		if (r.at != r.end)
			fail(&r, JSONTREE_NOT_JSON);
	}
	if (r.fault)
		jsontree_finish(t);
	return r.fault;
}

static void node_finish(struct jsontree_node *n)
{
	for (size_t i = 0; i < n->count; i++) {
		blob_finish(&n->members[i].own);
		node_finish(&n->members[i].value);
	}
	free(n->members);
	free(n->by_name);
}

void jsontree_finish(struct jsontree *t)
{
	node_finish(&t->root);
	*t = (struct jsontree){ 0 };
}

/* ---- looking ---- */

const struct jsontree_member *jsontree_find(const struct jsontree_node *object, struct span name)
{
	size_t low = 0, high = object->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct jsontree_member *m = &object->members[object->by_name[middle]];
		int order = name_order(m->name, name);
		if (!order)
			return m;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

bool jsontree_equal(const struct jsontree_node *a, const struct jsontree_node *b)
{
	if (span_equal(a->bytes, b->bytes))
		return true;
	if (a->type != b->type || a->type == JSONTREE_SCALAR || a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		bool object = a->type == JSONTREE_OBJECT;
		const struct jsontree_member *x = &a->members[object ? a->by_name[i] : i];
		const struct jsontree_member *y = &b->members[object ? b->by_name[i] : i];
		if (!span_equal(x->name, y->name) || !jsontree_equal(&x->value, &y->value))
			return false;
	}
	return true;
}

void jsontree_put_bare(struct buf *out, const struct jsontree_node *n)
{
	if (n->type == JSONTREE_SCALAR) {
		buf_span(out, n->bytes);
		return;
	}
	buf_u8(out, n->type == JSONTREE_OBJECT ? '{' : '[');
	for (size_t i = 0; i < n->count; i++) {
		const struct jsontree_member *m = &n->members[i];
		if (i)
			buf_u8(out, ',');
		buf_span(out, m->key);
		if (m->key.len)
			buf_u8(out, ':');
		jsontree_put_bare(out, &m->value);
	}
	buf_u8(out, n->type == JSONTREE_OBJECT ? '}' : ']');
}

void jsontree_elements(const struct jsontree_node *array, struct units *u, struct buf *bare)
{
	for (size_t i = 0; i < array->count; i++) {
		size_t from = bare->len;
		jsontree_put_bare(bare, &array->members[i].value);
		units_add(u, span_of(NULL, bare->len - from));
	}
	/* Only now the bytes stay where they are. */
	const uint8_t *at = bare->data;
	for (size_t i = 0; i < u->count; at += u->at[i++].len)
		u->at[i].data = at;
}

/* ---- where ---- */

size_t jsontree_enter(struct buf *path, struct span name)
{
	size_t before = path->len;
	if (before)
		buf_u8(path, '.');
	buf_span(path, name);
	return before;
}

size_t jsontree_enter_at(struct buf *path, uint32_t index)
{
	size_t before = path->len;
	buf_printf(path, "[%u]", index);
	return before;
}

char *jsontree_words(const struct buf *path, const char *more)
{
	struct buf words = { 0 };
	for (size_t at = 0; at < path->len && words.len < JSONTREE_WORDS_MAX;) {
		uint32_t point;
		size_t len = utf8_decode(path->data + at, path->len - at, &point);
		if (!len || !point)
			buf_put(&words, "\xef\xbf\xbd", 3);
		else
			buf_put(&words, path->data + at, len);
		at += len ? len : 1;
	}
	buf_printf(&words, "%s%s", words.len >= JSONTREE_WORDS_MAX ? "…" : "", more);
	char *text = mem_copy(words.data, words.len);
	buf_finish(&words);
	return text;
}

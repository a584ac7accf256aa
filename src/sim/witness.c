#include "sim/witness.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/relpath.h"

struct given_up { /* a key without padding */
	uint32_t who, path, token;
};

void witness_finish(struct witness *w)
{
	size_t at = 0;
	void *p;
	while (map_next(&w->versions, &at, &p)) {
		struct witness_version *v = p;
		blob_finish(&v->content);
		free(v->tokens);
		free(v);
	}
	at = 0;
	while (map_next(&w->items, &at, &p))
		free(p);
	map_finish(&w->versions);
	map_finish(&w->items);
	map_finish(&w->paths);
	map_finish(&w->given_up);
	map_finish(&w->authored);
	map_finish(&w->held);
	map_finish(&w->kept);
	map_finish(&w->accepted);
	for (size_t i = 0; i < w->name_count; i++)
		free(w->names[i]);
	free(w->names);
	free(w->notes);
	*w = (struct witness){ 0 };
}

uint32_t witness_token(struct witness *w)
{
	return ++w->tokens;
}

static int ascending(const void *x, const void *y)
{
	uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;
	return a < b ? -1 : a > b;
}

static bool token_in(const uint8_t *line, size_t len, uint32_t *out)
{
	if (len != 9 || line[0] != 't')
		return false;
	static const char digits[] = "0123456789abcdef";
	uint32_t value = 0;
	for (int i = 1; i < 9; i++) {
		const char *digit = memchr(digits, line[i], 16);
		if (!digit)
			return false;
		value = value << 4 | (uint32_t)(digit - digits);
	}
	*out = value;
	return true;
}

uint32_t *witness_tokens(struct span text, size_t *count)
{
	uint32_t *tokens = NULL, token;
	size_t used = 0, cap = 0;
	for (size_t at = 0; at < text.len;) {
		const uint8_t *end = memchr(text.data + at, '\n', text.len - at);
		size_t len = end ? (size_t)(end - text.data) - at : text.len - at;
		if (token_in(text.data + at, len, &token)) {
			MEM_ROOM(tokens, used, cap);
			tokens[used++] = token;
		}
		at += len + 1;
	}
	mem_sort(tokens, used, sizeof *tokens, ascending);
	*count = used;
	return tokens;
}

unsigned witness_path(struct witness *w, const char *category, const char *path)
{
	char name[CATEGORY_MAX + RELPATH_MAX + 2];
	size_t len = relpath_join(name, sizeof name, category, path);
	void *known = map_find(&w->paths, name, len);
	if (known)
		return (unsigned)(uintptr_t)known - 1;
	MEM_ROOM(w->names, w->name_count, w->name_cap);
	w->names[w->name_count++] = mem_text(name);
	map_put(&w->paths, name, len, (void *)(uintptr_t)w->name_count);
	return (unsigned)w->name_count - 1;
}

struct witness_name *witness_note(struct witness *w, unsigned path)
{
	while (w->note_count <= path) {
		MEM_ROOM(w->notes, w->note_count, w->note_cap);
		w->notes[w->note_count++] = (struct witness_name){ 0 };
	}
	return &w->notes[path];
}

void witness_bury(struct witness *w, unsigned who, unsigned path)
{
	witness_note(w, path)->buried = true;
	w->notes[path].buried_by = who;
}

void witness_unbury(struct witness *w, unsigned who, unsigned path)
{
	if (path < w->note_count && w->notes[path].buried_by == who)
		w->notes[path].buried = false;
}

bool witness_buried(const struct witness *w, unsigned path)
{
	return path < w->note_count && w->notes[path].buried;
}

unsigned witness_authors(const struct witness *w, unsigned path)
{
	return path < w->note_count ? (unsigned)__builtin_popcount(w->notes[path].authors) : 0;
}

const char *witness_name(const struct witness *w, unsigned path)
{
	return w->names[path];
}

bool witness_saw_version(struct witness *w, const struct id *version, uint8_t meta, struct span content)
{
	struct witness_version *v = map_find(&w->versions, version, sizeof *version);
	if (v)
		return v->meta == meta && span_equal(span_blob(&v->content), content);
	v = mem_alloc(sizeof *v);
	v->version = *version;
	v->meta = meta;
	v->content = blob_copy(content.data, content.len);
	v->tokens = witness_tokens(content, &v->token_count);
	map_put(&w->versions, version, sizeof *version, v);
	return true;
}

const struct witness_version *witness_version(const struct witness *w, const struct id *version)
{
	return map_find(&w->versions, version, sizeof *version);
}

void witness_saw_item(struct witness *w, const struct item_row *row)
{
	if (map_find(&w->items, &row->item, sizeof row->item))
		return;
	struct witness_item *i = mem_alloc(sizeof *i);
	i->item = row->item;
	i->side = row->side;
	i->main = row->main;
	i->device = row->device;
	i->path = witness_path(w, row->category, row->path);
	map_put(&w->items, &row->item, sizeof row->item, i);
}

const struct witness_item *witness_item(const struct witness *w, const struct id *item)
{
	return map_find(&w->items, item, sizeof *item);
}

static void give_up(struct witness *w, unsigned who, unsigned path, uint32_t token)
{
	struct given_up key = { who, path, token };
	map_put(&w->given_up, &key, sizeof key, w);
}

void witness_replaced(struct witness *w, unsigned who, unsigned path, struct span before, struct span after, bool gone)
{
	size_t had, has;
	uint32_t *old = witness_tokens(before, &had), *new = witness_tokens(after, &has);
	for (size_t i = 0, k = 0; i < had; i++) {
		while (k < has && new[k] < old[i])
			k++;
		if (k == has || new[k] != old[i])
			give_up(w, who, path, old[i]);
	}
	if (gone) {
		give_up(w, who, path, 0);
		witness_note(w, path)->authors |= 1u << who;
	}
	free(old);
	free(new);
}

void witness_gave_up(struct witness *w, unsigned who, unsigned path, const struct id *version)
{
	const struct witness_version *v = witness_version(w, version);
	for (size_t i = 0; v && i < v->token_count; i++)
		give_up(w, who, path, v->tokens[i]);
}

bool witness_may_lose(const struct witness *w, unsigned who, unsigned path, uint32_t token)
{
	struct given_up key = { who, path, token };
	return map_find(&w->given_up, &key, sizeof key) != NULL;
}

struct authored { /* a key without padding */
	uint32_t who, path;
	uint64_t content;
};

static struct authored authored_key(unsigned who, unsigned path, uint8_t meta, struct span content)
{
	return (struct authored){ who, path, map_digest(content.data, content.len) * 31 + meta };
}

void witness_wrote(struct witness *w, unsigned who, unsigned path, uint8_t meta, struct span content)
{
	struct authored key = authored_key(who, path, meta, content);
	struct witness_name *note = witness_note(w, path);
	note->authors |= 1u << who;
	note->buried = false;
	map_put(&w->authored, &key, sizeof key, w);
}

struct held { /* a key without padding */
	uint32_t who, path;
	struct id version;
};

void witness_hold(struct witness *w, unsigned who, unsigned path, const struct id *version)
{
	struct held key = { who, path, *version };
	map_put(&w->held, &key, sizeof key, w);
}

bool witness_held(const struct witness *w, unsigned who, unsigned path, const struct id *version)
{
	struct held key = { who, path, *version };
	return map_find(&w->held, &key, sizeof key) != NULL;
}

bool witness_made_any(const struct witness *w, unsigned path, uint8_t meta, struct span content)
{
	struct authored key = authored_key(0, path, meta, content);
	for (; key.who < 32; key.who++)
		if (path < w->note_count && w->notes[path].authors >> key.who & 1 &&
		    map_find(&w->authored, &key, sizeof key))
			return true;
	return false;
}

void witness_chose(struct witness *w, unsigned who, unsigned path, const struct id *version)
{
	const struct witness_version *v = witness_version(w, version);
	if (v)
		witness_wrote(w, who, path, v->meta, span_blob(&v->content));
}

void witness_merged(struct witness *w, unsigned who, const struct id *item, const struct id *version)
{
	const struct witness_item *i = witness_item(w, item);
	if (i)
		witness_chose(w, who, i->path, version);
}

bool witness_made(const struct witness *w, unsigned who, unsigned path, const struct id *version)
{
	const struct witness_version *v = witness_version(w, version);
	struct authored key = authored_key(who, path, v ? v->meta : 0, v ? span_blob(&v->content) : span_of(NULL, 0));
	return v && map_find(&w->authored, &key, sizeof key);
}

static void keep(struct witness *w, struct map *set, const struct id *version)
{
	const struct witness_version *v = witness_version(w, version);
	for (size_t i = 0; v && i < v->token_count; i++)
		map_put(set, &v->tokens[i], sizeof v->tokens[i], (void *)(uintptr_t)v->tokens[i]);
}

void witness_captured(struct witness *w, const struct id *version)
{
	keep(w, &w->kept, version);
}

void witness_never_said(struct witness *w, uint32_t token)
{
	map_remove(&w->kept, &token, sizeof token);
}

void witness_accepted(struct witness *w, const struct id *version)
{
	struct witness_version *v = map_find(&w->versions, version, sizeof *version);
	if (v)
		v->accepted = true;
	keep(w, &w->accepted, version);
}

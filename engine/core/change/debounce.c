#include "engine/core/change/debounce.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "engine/core/category/category.h"

void debounce_finish(struct debounce *d)
{
	for (size_t i = 0; i < d->count; i++) {
		free(d->heap[i]->path);
		free(d->heap[i]);
	}
	free(d->heap);
	map_finish(&d->by_name);
	*d = (struct debounce){ 0 };
}

static struct buf name_of(const struct category *c, const char *path)
{
	struct buf name = { 0 };
	buf_put(&name, c->name, strlen(c->name) + 1);
	buf_put(&name, path, strlen(path));
	return name;
}

static bool before(const struct watched *a, const struct watched *b)
{
	return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->first_ms < b->first_ms;
}

static void put(struct debounce *d, size_t at, struct watched *w)
{
	d->heap[at] = w;
	w->heap_at = at;
}

static void sift(struct debounce *d, size_t at)
{
	struct watched *w = d->heap[at];
	while (at > 0 && before(w, d->heap[(at - 1) / 2])) {
		put(d, at, d->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	for (;;) {
		size_t child = 2 * at + 1;
		if (child >= d->count)
			break;
		if (child + 1 < d->count && before(d->heap[child + 1], d->heap[child]))
			child++;
		if (!before(d->heap[child], w))
			break;
		put(d, at, d->heap[child]);
		at = child;
	}
	put(d, at, w);
}

struct watched *debounce_find(const struct debounce *d, const struct category *c, const char *path)
{
	struct buf name = name_of(c, path);
	struct watched *w = map_find(&d->by_name, name.data, name.len);
	buf_finish(&name);
	return w;
}

struct watched *debounce_note(struct debounce *d, struct category *c, const char *path, uint64_t now_ms, uint64_t due_ms, bool sooner)
{
	struct watched *w = debounce_find(d, c, path);
	if (w) {
		if (sooner ? due_ms < w->due_ms : due_ms > w->due_ms)
			debounce_move(d, w, due_ms);
		return w;
	}
	w = mem_alloc(sizeof *w);
	w->path = mem_text(path);
	w->category = c;
	w->first_ms = now_ms;
	w->due_ms = due_ms;
	struct buf name = name_of(c, path);
	map_put(&d->by_name, name.data, name.len, w);
	buf_finish(&name);
	MEM_ROOM(d->heap, d->count, d->cap);
	put(d, d->count++, w);
	sift(d, w->heap_at);
	return w;
}

void debounce_move(struct debounce *d, struct watched *w, uint64_t due_ms)
{
	w->due_ms = due_ms;
	sift(d, w->heap_at);
}

void debounce_drop(struct debounce *d, struct watched *w)
{
	struct buf name = name_of(w->category, w->path);
	map_remove(&d->by_name, name.data, name.len);
	buf_finish(&name);
	size_t at = w->heap_at;
	struct watched *last = d->heap[--d->count];
	if (last != w) {
		put(d, at, last);
		sift(d, at);
	}
	free(w->path);
	free(w);
}

struct watched *debounce_first(const struct debounce *d)
{
	return d->count ? d->heap[0] : NULL;
}

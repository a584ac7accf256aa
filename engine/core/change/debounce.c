#include "engine/core/change/debounce.h"

#include <ctype.h>
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

static bool ends(const char *name, size_t len, const char *with)
{
	size_t n = strlen(with);
	return len > n && memcmp(name + len - n, with, n) == 0;
}

static bool random_six(const char *at)
{
	size_t n = 0;
	while (isalnum((unsigned char)at[n]))
		n++;
	return n == 6 && at[n] == 0;
}

bool debounce_passing(const char *path)
{
	static const char *const starts[] = { ".#", ".~", ".goutputstream-", ".nfs", ".fuse_hidden" };
	static const char *const tails[] = { "~",           ".tmp", ".temp", ".part", ".partial",
					     ".crdownload", ".swp", ".swx",  ".bak" };
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path, *dot;
	size_t len = strlen(name);
	for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
		if (strncmp(name, starts[i], strlen(starts[i])) == 0)
			return true;
	for (size_t i = 0; i < sizeof tails / sizeof *tails; i++)
		if (ends(name, len, tails[i]))
			return true;
	if (strstr(name, ".tmp.") || strcmp(name, "4913") == 0 ||
	    (strncmp(name, "sed", 3) == 0 && random_six(name + 3)))
		return true;
	return name[0] == '.' && (dot = strrchr(name + 1, '.')) && random_six(dot + 1); /* rsync's .name.XXXXXX */
}

char *debounce_derived(const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	size_t folder = (size_t)(name - path);
	name += *name == '.' && name[1] && strchr(name + 1, '.');
	const char *last = strrchr(name, '.'), *mark = strstr(name, "___jb_");
	size_t len = mark                            ? (size_t)(mark - name)
		     : ends(name, strlen(name), "~") ? strlen(name) - 1
		     : last                          ? (size_t)(last - name)
						     : 0;
	return len ? mem_printf("%.*s%.*s", (int)folder, path, (int)len, name) : NULL;
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

struct watched *debounce_note(struct debounce *d, struct category *c, const char *path, uint64_t now_ms,
			      uint64_t due_ms, bool sooner)
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
	d->waiting -= w->waits;
	w->waits = false;
	w->due_ms = due_ms;
	sift(d, w->heap_at);
}

void debounce_wait(struct debounce *d, struct watched *w, uint64_t due_ms)
{
	debounce_move(d, w, due_ms);
	w->waits = true;
	d->waiting++;
}

struct watched *debounce_waiting(const struct debounce *d)
{
	struct watched *first = NULL;
	for (size_t i = 0; d->waiting && i < d->count; i++)
		if (d->heap[i]->waits && (!first || d->heap[i]->first_ms < first->first_ms))
			first = d->heap[i];
	return first;
}

void debounce_drop(struct debounce *d, struct watched *w)
{
	d->waiting -= w->waits;
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

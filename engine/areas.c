/* The categories' folders: what is watched, what is scanned and for whom, what is looked at by the clock. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/engine.h"

#define AGAIN_MS    5000u /* what could not be read is tried again after this, doubled each time … */
#define AGAIN_STEPS 4     /* … so often */

bool areas_wanted(void *ctx, const char *category, const char *path, bool folder)
{
	struct engine *g = ctx;
	const struct config_category *c = config_find(&g->config, category);
	return c && config_wanted(c, path, folder);
}

/* ---- scans ---- */

struct area *areas_find(const struct engine *g, const char *category)
{
	for (size_t i = 0; i < g->area_count; i++)
		if (!strcmp(g->areas[i].name, category))
			return &g->areas[i];
	return NULL;
}

static bool covers(const char *outer, const char *inner)
{
	size_t len = strlen(outer);
	return !len || (!strncmp(outer, inner, len) && (!inner[len] || inner[len] == '/'));
}

static size_t depth(const char *path)
{
	size_t n = *path != 0;
	for (; *path; path++)
		n += *path == '/';
	return n;
}

/* Keeps the parts apart: none covers another. */
static void owe(struct area *a, char *under /* taken */)
{
	size_t kept = 0;
	for (size_t i = 0; i < a->owed_count; i++)
		if (covers(a->owed[i], under)) {
			free(under);
			return;
		}
	for (size_t i = 0; i < a->owed_count; i++) {
		if (covers(under, a->owed[i]))
			free(a->owed[i]);
		else
			a->owed[kept++] = a->owed[i];
	}
	a->owed[kept] = under;
	a->owed_count = kept + 1;
	/* Too many: the deepest give way to the folders that they are in. */
	while (a->owed_count > AREA_OWED) {
		size_t deepest = 0;
		for (size_t i = 1; i < a->owed_count; i++)
			if (depth(a->owed[i]) > depth(a->owed[deepest]))
				deepest = i;
		char *part = a->owed[deepest], *slash = strrchr(part, '/');
		a->owed[deepest] = a->owed[--a->owed_count];
		*(slash ? slash : part) = 0;
		owe(a, part);
	}
}

static void owe_nothing(struct area *a)
{
	while (a->owed_count)
		free(a->owed[--a->owed_count]);
}

void areas_scan(void *ctx, const char *category, const char *under)
{
	struct engine *g = ctx;
	struct area *a = areas_find(g, category);
	if (!a)
		return;
	MEM_ROOM(a->asked, a->asked_count, a->asked_cap);
	a->asked[a->asked_count++] = (struct asking){ .under = mem_text(under) };
	scan_add(g->scan, category, under);
	if (!*under) { /* what was lost until now is looked at with it */
		owe_nothing(a);
		free(a->again);
		a->again = NULL;
	}
}

static void hook_rescan(void *ctx, const char *category, const char *under)
{
	struct area *a = areas_find(ctx, category);
	if (a)
		owe(a, mem_text(under));
}

/* What could not be read (no descriptor was left, the disk erred) may hold news, and is not watched either. */
static void look_again_later(struct engine *g, struct area *a, const char *under)
{
	char *part = mem_text(a->again && !covers(under, a->again) ? "" : under);
	if (a->again && covers(a->again, under)) {
		free(part);
		return;
	}
	free(a->again);
	a->again = part;
	a->again_ms = g->now_ms + (AGAIN_MS << (a->agains < AGAIN_STEPS ? a->agains : AGAIN_STEPS));
	a->agains++;
}

static void look_again(struct engine *g, struct area *a)
{
	if (!a->again || a->again_ms > g->now_ms)
		return;
	owe(a, a->again);
	a->again = NULL;
}

bool areas_busy(const struct engine *g)
{
	for (size_t i = 0; i < g->area_count; i++)
		if (g->areas[i].owed_count || g->areas[i].asked_count)
			return true;
	return false;
}

bool areas_unread(const struct engine *g)
{
	for (size_t i = 0; i < g->area_count; i++)
		if (g->areas[i].again)
			return true;
	return false;
}

void areas_start_rescans(struct engine *g)
{
	for (size_t i = 0; i < g->area_count; i++) {
		struct area *a = &g->areas[i];
		look_again(g, a);
		for (size_t k = 0; !a->asked_count && k < a->owed_count; k++)
			engine_gather(
			        g,
			        &(struct event){ .type = EVENT_RESCAN, .category = a->name, .path = a->owed[k] });
		if (!a->asked_count)
			owe_nothing(a);
	}
}

/* Told of once, for as long as it is so. */
struct closed {
	bool met; /* by the walk of the whole root that is under way, or was last */
	char path[];
};

static void closed_drop(struct area *a, const char *path)
{
	free(map_remove(&a->closed, path, strlen(path)));
}

/* True: it was not known. */
static bool closed_met(struct area *a, const char *path)
{
	struct closed *c = map_find(&a->closed, path, strlen(path));
	bool fresh = !c;
	if (fresh) {
		c = mem_alloc(sizeof *c + strlen(path) + 1);
		strcpy(c->path, path);
		map_put(&a->closed, path, strlen(path), c);
	}
	c->met = true;
	return fresh;
}

/* Below here nothing is closed any more: it is gone. */
static void closed_gone(struct area *a, const char *under)
{
	void *value;
	for (size_t i = 0; map_next(&a->closed, &i, &value);)
		if (relpath_below(((struct closed *)value)->path, under))
			closed_drop(a, ((struct closed *)value)->path);
}

static void closed_walk(struct area *a, bool ended)
{
	void *value;
	for (size_t i = 0; map_next(&a->closed, &i, &value);) {
		struct closed *c = value;
		if (ended && !c->met)
			closed_drop(a, c->path);
		else if (!ended)
			c->met = false;
	}
}

size_t areas_closed(const struct engine *g, const char *category)
{
	const struct area *a = areas_find(g, category);
	return a ? map_count(&a->closed) : 0;
}

static void forget_asked(struct area *a)
{
	for (size_t i = 0; i < a->asked_count; i++)
		free(a->asked[i].under);
	a->asked_count = 0;
}

static void hook_started(void *ctx, const char *category, const char *under)
{
	struct area *a = areas_find(ctx, category);
	for (size_t i = 0; a && i < a->asked_count; i++)
		a->asked[i].walked = !a->asked[i].done && covers(under, a->asked[i].under);
	if (a && !*under)
		closed_walk(a, false);
}

/* Every answer is about a walk that began after its question. */
static void hook_scanned(void *ctx, const char *category, const char *under, bool complete)
{
	struct engine *g = ctx;
	struct area *a = areas_find(g, category);
	size_t told = 0;
	watcher_scanned(g->watcher, category, under, complete);
	if (a && complete && !*under)
		closed_walk(a, true);
	if (a && !complete && files_root_there(g->files, category, NULL))
		look_again_later(g, a, under);
	else if (a && !complete)
		watcher_check_roots(g->watcher); /* it went without an event */
	else if (a && complete && !a->again)
		a->agains = 0;
	for (size_t i = 0; a && i < a->asked_count; i++)
		if (a->asked[i].walked)
			a->asked[i] = (struct asking){ a->asked[i].under, false, true, complete };
	for (; a && told < a->asked_count && a->asked[told].done; told++) {
		engine_gather(g, &(struct event){ .type = EVENT_SCANNED,
		                                  .category = category,
		                                  .path = a->asked[told].under,
		                                  .complete = a->asked[told].complete });
		free(a->asked[told].under);
	}
	if (told) {
		a->asked_count -= told;
		memmove(a->asked, a->asked + told, a->asked_count * sizeof *a->asked);
	}
}

/* The newest question that the walk under way answers, by its place among those that wait. */
static size_t answers(const struct area *a)
{
	size_t last = 0;
	for (size_t i = 0; a && i < a->asked_count; i++)
		if (a->asked[i].walked)
			last = i;
	return last;
}

static void hook_closed(void *ctx, const char *category, const char *folder, int error)
{
	struct engine *g = ctx;
	struct area *a = areas_find(g, category);
	char *item = mem_printf("%s/%s", category, folder);
	if (a && closed_met(a, folder)) {
		if (error == ENAMETOOLONG)
			engine_notice(g, NOTICE_WARN, "scan", item,
			              "stays on this device, with all below it: it is deeper than %d folders, or its path is "
			              "longer than %d bytes", RELPATH_DEPTH, RELPATH_MAX);
		else
			engine_notice(g, NOTICE_WARN, "scan", item, "what is in this folder is not looked at: %s",
			              error == EXDEV ? "another filesystem is mounted there" : strerror(error));
	}
	free(item);
	if (a && error != EXDEV && error != EACCES && error != EPERM && error != ENAMETOOLONG) /* those pass with an event, if ever */
		look_again_later(g, a, folder);
	engine_gather(g, &(struct event){ .type = EVENT_SEEN,
	                                  .category = category,
	                                  .path = folder,
	                                  .look = LOOK_ERROR,
	                                  .folder = true,
	                                  .scan = answers(a) });
}

static void hook_seen(void *ctx, const char *category, const char *path, enum look look, const struct file_stat *stat)
{
	struct event e = { .type = EVENT_SEEN,
			   .category = category,
			   .path = path,
			   .look = look,
			   .scan = answers(areas_find(ctx, category)) };
	if (stat)
		e.stat = *stat;
	engine_gather(ctx, &e);
}

static void hook_enter(void *ctx, const char *category, const char *folder, int folder_fd)
{
	struct engine *g = ctx;
	struct area *a = areas_find(g, category);
	if (a && map_count(&a->closed))
		closed_drop(a, folder); /* it is open again */
	watcher_enter(g->watcher, category, folder, folder_fd);
}

void areas_reset(struct engine *g)
{
	for (size_t i = 0; i < g->area_count; i++) {
		scan_drop(g->scan, g->areas[i].name);
		forget_asked(&g->areas[i]);
	}
}

/* ---- the watcher ---- */

static void hook_hint(void *ctx, const char *category, const char *path, enum hint hint)
{
	struct area *a = hint == HINT_GONE ? areas_find(ctx, category) : NULL;
	if (a && map_count(&a->closed))
		closed_gone(a, path);
	engine_gather(ctx, &(struct event){ .type = EVENT_HINT, .category = category, .path = path, .hint = hint });
}

static void hook_moved(void *ctx, const struct file_ref *from, const struct file_ref *to, bool folder)
{
	struct area *a = folder ? areas_find(ctx, from->category) : NULL;
	if (a && map_count(&a->closed))
		closed_gone(a, from->path);
	engine_gather(ctx, &(struct event){ .type = EVENT_HINT,
	                                    .hint = HINT_MOVED,
	                                    .category = from->category,
	                                    .path = from->path,
	                                    .to_category = to->category,
	                                    .to_path = to->path,
	                                    .folder = folder });
}

#define FREE "free" /* in the place of a pin */

/* The pin is kept beside the path it belongs to: another path is another root. */
static char *pin_name(const char *category)
{
	return mem_printf("root %s", category);
}

static void keep_pin(struct engine *g, const struct config_category *c)
{
	char pin[64];
	if (!files_root_pin(g->files, c->name, pin))
		return;
	char *name = pin_name(c->name), *value = mem_printf("%s %s", pin, c->path), *had = ledger_get(g->ledger, name);
	if (!had || strcmp(had, value))
		g->turn_failed |= !ledger_set(g->ledger, name, value);
	free(had);
	free(value);
	free(name);
}

static void hook_root(void *ctx, const char *category, bool there, const char *why)
{
	struct engine *g = ctx;
	const struct config_category *c = config_find(&g->config, category);
	if (c && there)
		keep_pin(g, c);
	engine_gather(g, &(struct event){ .type = EVENT_ROOT, .category = category, .ok = there, .text = why });
}

static void hook_polling(void *ctx, const char *category, const char *why)
{
	struct engine *g = ctx;
	struct area *a = areas_find(g, category);
	const struct config_category *c = config_find(&g->config, category);
	if (!a || !c)
		return;
	a->polling = why != NULL;
	a->poll_ms = g->now_ms + c->interval_ms;
	if (why)
		engine_notice(g, NOTICE_WARN, "watch", category, "looked at every %u s, not watched alone: %s",
		              c->interval_ms / 1000, why);
	else
		engine_notice(g, NOTICE_INFO, "watch", category, "watched again");
}

uint64_t areas_poll_deadline(const struct engine *g)
{
	uint64_t due = UINT64_MAX;
	for (size_t i = 0; i < g->area_count; i++)
		if (g->areas[i].polling && g->areas[i].poll_ms < due)
			due = g->areas[i].poll_ms;
	for (size_t i = 0; i < g->area_count; i++)
		if (g->areas[i].again && g->areas[i].again_ms < due)
			due = g->areas[i].again_ms;
	return due;
}

void areas_look_at_all(struct engine *g)
{
	for (size_t i = 0; i < g->area_count; i++)
		owe(&g->areas[i], mem_text(""));
}

void areas_poll(struct engine *g, bool now)
{
	for (size_t i = 0; i < g->area_count; i++) {
		struct area *a = &g->areas[i];
		const struct config_category *c = config_find(&g->config, a->name);
		if (!a->polling || !c || (!now && a->poll_ms > g->now_ms))
			continue;
		a->poll_ms = g->now_ms + c->interval_ms;
		owe(a, mem_text(""));
	}
}

void areas_open(struct engine *g)
{
	const struct watcher_hooks watcher = {
		.ctx = g,
		.hint = hook_hint,
		.moved = hook_moved,
		.rescan = hook_rescan,
		.root = hook_root,
		.polling = hook_polling,
		.wanted = areas_wanted,
	};
	g->watcher = watcher_create(g->files, &watcher);
	const struct scan_hooks scan = {
		.ctx = g,
		.seen = hook_seen,
		.closed = hook_closed,
		.started = hook_started,
		.done = hook_scanned,
		.enter = hook_enter,
		.wanted = areas_wanted,
	};
	g->scan = scan_create(g->files, &scan);
}

static void area_forget(struct area *a)
{
	owe_nothing(a);
	refusals_forget(a);
	closed_gone(a, "");
	map_finish(&a->closed);
}

void areas_close(struct engine *g)
{
	scan_destroy(g->scan);
	watcher_destroy(g->watcher);
	for (size_t i = 0; i < g->area_count; i++) {
		forget_asked(&g->areas[i]);
		free(g->areas[i].again);
		free(g->areas[i].asked);
		area_forget(&g->areas[i]);
	}
	free(g->areas);
}

/* ---- configuration ---- */

static bool same_lines(char *const *a, size_t a_count, char *const *b, size_t b_count)
{
	if (a_count != b_count)
		return false;
	for (size_t i = 0; i < a_count; i++)
		if (strcmp(a[i], b[i]))
			return false;
	return true;
}

static bool same_place(const struct config_category *a, const struct config_category *b)
{
	return !strcmp(a->path, b->path) && a->allow == b->allow &&
	       same_lines(a->include, a->include_count, b->include, b->include_count) &&
	       same_lines(a->ignore, a->ignore_count, b->ignore, b->ignore_count);
}

static void area_drop(struct engine *g, const char *category)
{
	struct area *a = areas_find(g, category);
	scan_drop(g->scan, category);
	watcher_remove(g->watcher, category);
	files_remove_root(g->files, category);
	if (!a)
		return;
	/* What the core asked of a category that leaves is answered: incomplete. */
	hook_started(g, category, "");
	hook_scanned(g, category, "", false);
	free(a->again);
	free(a->asked);
	area_forget(a);
	*a = g->areas[--g->area_count];
}

static void area_add(struct engine *g, const struct config_category *c)
{
	struct err e = { 0 };
	char *name = pin_name(c->name), *had = ledger_get(g->ledger, name);
	char *path = had ? strchr(had, ' ') : NULL;
	bool pinned = path && !strcmp(path + 1, c->path);
	if (pinned)
		*path = 0;
	else if (path)
		core_new_root(g->core, c->name);
	if (pinned && !strcmp(had, FREE))
		pinned = false; /* it was taken away and put back: the folder there now is the one that is meant */
	MEM_ROOM(g->areas, g->area_count, g->area_cap);
	struct area *a = &g->areas[g->area_count++];
	*a = (struct area){ 0 };
	snprintf(a->name, sizeof a->name, "%s", c->name);
	if (files_add_root(g->files, c->name, c->path, pinned ? had : NULL, &e)) {
		keep_pin(g, c);
		watcher_add(g->watcher, c->name);
	} else {
		engine_gather(g,
		              &(struct event){ .type = EVENT_ROOT, .category = c->name, .ok = false, .text = e.why });
	}
	free(had);
	free(name);
}

/* Any folder at that path may come back; one at another path will be a new root. */
static void free_pin(struct engine *g, const struct config_category *c)
{
	char *name = pin_name(c->name), *value = mem_printf(FREE " %s", c->path);
	g->turn_failed |= !ledger_set(g->ledger, name, value);
	free(value);
	free(name);
}

void areas_configure(struct engine *g, const struct config *before)
{
	for (size_t i = 0; before && i < before->category_count; i++) {
		const struct config_category *old = &before->categories[i], *now = config_find(&g->config, old->name);
		if (!now || !same_place(old, now))
			area_drop(g, old->name);
		if (!now)
			free_pin(g, old);
	}
	for (size_t i = 0; i < g->config.category_count; i++)
		if (!areas_find(g, g->config.categories[i].name))
			area_add(g, &g->config.categories[i]);
}

#include "engine/core/category/category.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/relpath.h"

void category_finish(struct category_table *t)
{
	for (size_t i = 0; i < t->count; i++) {
		free(t->all[i]->name);
		free(t->all[i]->trouble);
		category_forget_left(t->all[i]);
		free(t->all[i]);
	}
	free(t->all);
	*t = (struct category_table){ 0 };
}

struct category *category_find(const struct category_table *t, const char *name)
{
	for (size_t i = 0; i < t->count; i++)
		if (strcmp(t->all[i]->name, name) == 0)
			return t->all[i];
	return NULL;
}

struct category *category_make(struct category_table *t, const char *name)
{
	struct category *c = category_find(t, name);
	if (c)
		return c;
	MEM_ROOM(t->all, t->count, t->cap);
	c = mem_alloc(sizeof *c);
	c->name = mem_text(name);
	return t->all[t->count++] = c;
}

void category_configure(struct category_table *t, const struct category_setup *setup, size_t count)
{
	for (size_t i = 0; i < t->count; i++)
		t->all[i]->active = false;
	for (size_t i = 0; i < count; i++) {
		struct category *c = category_make(t, setup[i].name);
		if (!c->active)
			c->root_ok = true;
		c->active = true;
		c->debounce_ms = setup[i].debounce_ms;
		c->max_wait_ms = setup[i].max_wait_ms;
		c->min_change_bytes = setup[i].min_change_bytes;
		c->max_changes_per_minute = setup[i].max_changes_per_minute;
		c->strategy = setup[i].strategy;
		c->by_path = setup[i].by_path;
		c->merge = setup[i].merge;
	}
}

void category_trouble(struct category *c, const char *why)
{
	free(c->trouble);
	c->trouble = why || !c->held ? mem_text(why)
				     : mem_printf("many files are gone: 'syncline restore %s' brings them back, "
						  "'syncline resume %s' deletes them on all"
						  " devices; so many gone at once are deleted nowhere unasked",
						  c->name, c->name);
}

void category_hold(struct category *c, bool held)
{
	c->save = c->save || c->held != held;
	c->held = held;
	c->weighed = c->weighed && held;
	if (c->root_ok)
		category_trouble(c, NULL);
}

#define LEFT_MAX 256 /* one that finds no room only asks more often than needed */

void category_left(struct category *c, const char *folder)
{
	size_t kept = 0;
	if (category_has_left(c, folder))
		return;
	for (size_t i = 0; i < c->left_count; i++) {
		if (relpath_below(c->left[i], folder))
			free(c->left[i]);
		else
			c->left[kept++] = c->left[i];
	}
	c->left_count = kept;
	if (kept == LEFT_MAX)
		return;
	if (!c->left)
		c->left = mem_alloc(LEFT_MAX * sizeof *c->left);
	c->left[c->left_count++] = mem_text(folder);
}

bool category_has_left(const struct category *c, const char *path)
{
	for (size_t i = 0; i < c->left_count; i++)
		if (relpath_below(path, c->left[i]))
			return true;
	return false;
}

void category_forget_left(struct category *c)
{
	for (size_t i = 0; i < c->left_count; i++)
		free(c->left[i]);
	free(c->left);
	c->left = NULL;
	c->left_count = 0;
}

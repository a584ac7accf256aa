#include "engine/core/category/category.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void category_finish(struct category_table *t)
{
	for (size_t i = 0; i < t->count; i++) {
		free(t->all[i]->name);
		free(t->all[i]->trouble);
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
		c->merge = setup[i].merge;
	}
}

void category_trouble(struct category *c, const char *why)
{
	free(c->trouble);
	c->trouble = mem_text(why);
}

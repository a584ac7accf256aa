#include "sim/marks.h"

#include <stdlib.h>
#include <string.h>

#include "base/mark.h"
#include "base/mem.h"

static int by_name(const void *x, const void *y)
{
	const struct mark *a = *(struct mark *const *)x, *b = *(struct mark *const *)y;
	return strcmp(a->name, b->name);
}

size_t marks_print(FILE *out)
{
	struct mark **all = NULL, *m;
	size_t count = 0, cap = 0, missed = 0;
	while ((m = mark_at(count))) {
		MEM_ROOM(all, count, cap);
		all[count++] = m;
		missed += !m->hits;
	}
	mem_sort(all, count, sizeof *all, by_name);
	fprintf(out, "marks      %zu of %zu hard paths reached\n", count - missed, count);
	for (size_t i = 0; i < count; i++)
		if (all[i]->hits)
			fprintf(out, "           %10llu %s\n", (unsigned long long)all[i]->hits, all[i]->name);
	for (size_t i = 0; i < count; i++)
		if (!all[i]->hits)
			fprintf(out, "unreached  %s\n", all[i]->name);
	free(all);
	return missed;
}

json_t *marks_json(void)
{
	json_t *out = json_object();
	struct mark *m;
	for (size_t i = 0; (m = mark_at(i)); i++)
		json_object_set_new(out, m->name, json_integer((json_int_t)m->hits));
	return out;
}

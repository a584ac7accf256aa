#include "sim/outcome.h"

#include <string.h>

#include "sim/simnode.h"

static bool by_clock(const struct cluster *cl, const char *name)
{
	size_t len = strcspn(name, "/");
	for (size_t i = 0; i < cl->category_count; i++)
		if (strncmp(cl->categories[i].name, name, len) == 0 && !cl->categories[i].name[len])
			return cl->categories[i].strategy == STRATEGY_NEWEST;
	return true; /* a dictionary: made of whatever was there */
}

static uint64_t fold(uint64_t sum, const void *bytes, size_t len)
{
	return (sum ^ map_hash(bytes, len)) * 0x9e3779b97f4a7c15u;
}

struct outcome outcome_of(struct cluster *cl)
{
	struct outcome o = { 0, 0 };
	for (unsigned i = 0; i < cl->node_count; i++)
		for (size_t k = 0; k < cl->nodes[i]->disk.count; k++) {
			const struct simfile *f = cl->nodes[i]->disk.files[k];
			if (!f->now.present || by_clock(cl, f->category))
				continue;
			uint64_t one = fold(i + 1, f->category, strlen(f->category));
			one = fold(one, f->path, strlen(f->path));
			one = fold(one, f->now.content.data, f->now.content.len);
			o.folders += fold(one, &f->now.meta, 1); /* in whatever order they were made */
		}
	for (uint64_t seq = 1; seq <= simstore_count(cl->hub.store); seq++) {
		const struct simentry *e = simstore_entry(cl->hub.store, seq);
		const struct witness_item *item = witness_item(&cl->witness, &e->e.change.item);
		const char *name = item ? witness_name(&cl->witness, item->path) : "/";
		if (by_clock(cl, name))
			continue;
		o.log = fold(o.log, name, strlen(name));
		o.log = fold(o.log, &e->e.device, sizeof e->e.device);
		o.log = fold(o.log, &e->e.change.version, sizeof e->e.change.version);
	}
	return o;
}

/* A first import is thousands of small files that resemble each other. What they have in common is trained into a
 * dictionary (zstd's), sent once as an item of a category that nobody configures, and named as the base of each file's
 * create: it is in the log like any version, so that a newcomer has it before what needs it. */
#include <stdlib.h>
#include <string.h>

#include "base/mark.h"
#include "base/mem.h"
#include "engine/core/coordinator.h"

#define CATEGORY "syncline.dictionary"
#define SAMPLES_MAX 4096

bool dictionary_is(const struct item *it)
{
	return !it->row.side && strcmp(it->row.category, CATEGORY) == 0;
}

void dictionary_found(struct core *c, struct item *it)
{
	if (!id_zero(&it->row.head_version) && (!c->dictionary || it->row.head_seq > c->dictionary->row.head_seq))
		c->dictionary = it;
}

static size_t gather(struct core *c, struct blob *samples)
{
	const struct queue *waiting = &c->sends[PRIORITY_LOW];
	size_t step = waiting->count / SAMPLES_MAX + 1, count = 0, bytes = 0;
	for (size_t i = 0; i < waiting->count && count < SAMPLES_MAX && bytes < DICTIONARY_SAMPLES; i += step) {
		const struct item *it = waiting->ring[(waiting->head + i) % waiting->cap];
		uint8_t meta;
		if (it->row.side || id_zero(&it->row.local) || it->row.local_stat.size > DICTIONARY_CONTENT ||
		    !c->world.version_get(c->world.ctx, &it->row.local, &samples[count], &meta))
			continue;
		bytes += samples[count++].len;
	}
	return count;
}

static bool train(struct core *c, struct buf *out)
{
	struct blob *samples = mem_alloc(SAMPLES_MAX * sizeof *samples);
	struct span *spans = mem_alloc(SAMPLES_MAX * sizeof *spans);
	size_t count = gather(c, samples);
	for (size_t i = 0; i < count; i++)
		spans[i] = span_blob(&samples[i]);
	bool ok = count >= DICTIONARY_ITEMS / 2 && packer_train(spans, count, DICTIONARY_BYTES, out);
	for (size_t i = 0; i < count; i++)
		blob_finish(&samples[i]);
	free(samples);
	free(spans);
	return ok;
}

bool dictionary_ready(struct core *c)
{
	struct buf content = { 0 };
	if (c->dictionary)
		return !c->dictionary->in_flight;
	if (c->dictionary_tried || c->sends[PRIORITY_LOW].count < DICTIONARY_ITEMS)
		return true;
	c->dictionary_tried = true; /* once a run: worth it for a first import, not for what trickles in */
	if (!train(c, &content)) {
		buf_finish(&content);
		return true;
	}
	struct id version = core_version_of(c, 0, buf_view(&content));
	char path[ID_HEX];
	id_hex(&version, path);
	struct id id = ledger_item_id(&c->ledger, CATEGORY, path);
	struct item *it = ledger_find(&c->ledger, &id);
	if (!it)
		it = ledger_add(&c->ledger, category_make(&c->categories, CATEGORY), path, &id);
	if (c->world.version_put(c->world.ctx, &version, 0, buf_view(&content))) {
		core_set_local(c, it, &version, content.len);
		it->row.local_edited = core_tick(c);
		it->row.local_at_ms = c->wall_ms;
		ledger_touch(&c->ledger, it);
		MARK("dictionary.trained");
		send_new(c, it, PRIORITY_CRITICAL);
		c->dictionary = it;
	}
	buf_finish(&content);
	return !c->dictionary;
}

bool dictionary_use(struct core *c, struct body *b)
{
	struct blob content;
	uint8_t meta;
	if (!c->dictionary || c->dictionary->in_flight || id_zero(&c->dictionary->row.head_version))
		return false;
	const struct id *version = &c->dictionary->row.head_version;
	if (!packer_prepared(c->packer, version)) {
		if (!c->world.version_get(c->world.ctx, version, &content, &meta))
			return false;
		packer_prepare_base(c->packer, version, span_blob(&content));
		blob_finish(&content);
	}
	MARK("dictionary.used");
	b->base_tag = BODY_BASE_EXPLICIT;
	b->base_version = *version;
	return true;
}

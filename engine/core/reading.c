/* Large files come in parts, one a turn, and one file at a time: what is small never waits for them. Each part is
 * hashed, and goes to the store, as it comes; behind the last one, the version is known and nearly all of it is written. */
#include <stdlib.h>

#include "base/mark.h"
#include "base/mem.h"
#include "base/plant.h"
#include "engine/core/coordinator.h"

#define WAIT_MS 3600000u /* a large file waits for the end of the one before, which calls it */

void reading_finish(struct core *c)
{
	blob_finish(&c->reading.content);
	hash_run_drop(c->reading.version);
	c->reading = (struct reading){ 0 };
}

static void forget(struct core *c)
{
	bool staged = c->reading.staged;
	reading_finish(c);
	if (staged)
		c->world.version_stage(c->world.ctx, NULL, (struct span){ 0 });
}

void reading_drop(struct core *c, const struct watched *w)
{
	if (!w || c->reading.of != w)
		return;
	forget(c);
	if (c->world.take_drop)
		c->world.take_drop(c->world.ctx);
}

bool reading_waits(struct core *c, struct watched *w, uint64_t size)
{
	if (size <= c->setup.part_bytes || !c->reading.of || c->reading.of == w)
		return false;
	MARK("reading.waits_for_another");
	debounce_wait(&c->debounce, w, c->now_ms + WAIT_MS);
	return true;
}

void reading_next(struct core *c)
{
	struct watched *w = c->reading.of ? NULL : debounce_waiting(&c->debounce);
	if (w && !PLANTED("reading.calls_nobody"))
		debounce_move(&c->debounce, w, c->now_ms);
}

/* The first part: by its length and meta, all that is hashed ahead of the content is known. */
static void begin(struct core *c, struct watched *w, const struct file_stat *stat)
{
	struct reading *r = &c->reading;
	forget(c);
	*r = (struct reading){
		.of = w,
		.stat = *stat,
		.version = core_version_start(c, stat->meta, stat->size),
		.since_ms = c->wall_ms,
		.part_ms = c->now_ms,
	};
}

/* Is it read to be verified alone? Then it is most likely stored already. */
static bool stage(const struct core *c, const struct watched *w)
{
	const struct item *it = ledger_find_name(&c->ledger, w->category->name, w->path);
	return c->world.version_stage && !(w->scanned && it && it->row.local_stat.size == c->reading.stat.size);
}

static void went_on(struct core *c, const struct watched *w, struct blob *content, size_t before)
{
	struct reading *r = &c->reading;
	hash_run_bytes(r->version, span_of(content->data + before, content->len - before));
	r->content = *content;
	*content = (struct blob){ 0 };
	if (!r->staged && !stage(c, w))
		return;
	r->staged = true;
	c->world.version_stage(c->world.ctx, NULL, span_blob(&r->content));
}

/* The last part came: the file is as it was when the first one did. */
static bool ended(struct core *c, struct taken *t, size_t before)
{
	struct reading *r = &c->reading;
	if (!file_stat_equal(&r->stat, &t->stat) || t->content.len != r->stat.size || t->content.len <= before)
		return false;
	hash_run_bytes(r->version, span_of(t->content.data + before, t->content.len - before));
	t->version = hash_run_end(r->version);
	t->read_ms = r->since_ms;
	t->again = r->hinted;
	r->version = NULL;
	return true;
}

enum look reading_take(struct core *c, struct watched *w, struct taken *t)
{
	const struct file_ref file = { w->category->name, w->path };
	struct reading *r = &c->reading;
	*t = (struct taken){ .read_ms = c->wall_ms };
	if (r->of == w) {
		t->content = r->content;
		r->content = (struct blob){ 0 };
	}
	size_t before = t->content.len;
	enum look look = c->world.take(c->world.ctx, &file, &t->stat, &t->content);
	if (look == LOOK_MORE) {
		if (r->of != w || t->content.len <= before || !file_stat_equal(&r->stat, &t->stat)) {
			begin(c, w, &t->stat);
			before = 0;
		}
		t->bytes = t->content.len - before;
		went_on(c, w, &t->content, before);
		return look;
	}
	t->bytes = t->content.len > before ? t->content.len - before : t->content.len;
	if (look != LOOK_FILE) {
		reading_drop(c, w);
	} else if (r->of != w) {
		t->version = core_version_of(c, t->stat.meta, span_blob(&t->content));
	} else if (ended(c, t, before)) {
		MARK("reading.came_in_parts");
	} else {
		blob_finish(&t->content);
		reading_drop(c, w);
		look = LOOK_BUSY;
	}
	return look;
}

/* A large content, packed a part a turn. The same choice as in packer.c: with its base first, then alone unless that is
 * hopeless, and the smaller of the two. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/core/optimize/delta.h"

/* zstd takes up all of a history in one call, 64 MiB in 150 ms: too long a turn for what a few bytes could gain by it. */
#define HISTORY_SHARE 1024

struct attempt {
	uint8_t delta;
	struct span source; /* what is compressed */
	struct span history;
	size_t lead;        /* bytes in front of it */
	size_t copied;      /* of a source that zstd does not make smaller */
	bool raw;
	struct zstd_run *zstd;
	struct buf out;
};

struct pack_run {
	struct pack_in in;
	size_t headroom;
	bool chosen; /* how the base is used */
	struct attempt now, best;
	bool have_best;
};

static void attempt_finish(struct attempt *a)
{
	codec_zstd_stop(a->zstd);
	buf_finish(&a->out);
	*a = (struct attempt){ 0 };
}

static void begin(struct pack_run *r, uint8_t delta, struct span source, struct span history)
{
	struct attempt *a = &r->now;
	a->delta = delta;
	a->source = source;
	a->history = history;
	a->lead = a->out.len;
	a->zstd = codec_zstd_start(source, history, r->in.effort); /* none of nothing */
	a->raw = !a->zstd;
}

static void make_room(struct pack_run *r)
{
	r->now = (struct attempt){ 0 };
	buf_reserve(&r->now.out, r->headroom);
	memset(r->now.out.data, 0, r->headroom);
	r->now.out.len = r->headroom;
}

static void begin_with_base(struct pack_run *r)
{
	const struct pack_in *in = &r->in;
	size_t head, tail;
	make_room(r);
	uint8_t delta = delta_choose(in->content, in->base, &head, &tail);
	if (delta == DELTA_COPY) {
		begin(r, DELTA_COPY, span_of(NULL, 0), span_of(NULL, 0));
		return;
	}
	if (delta == DELTA_BINARY) {
		begin(r, DELTA_BINARY, in->content, in->base);
		return;
	}
	buf_varint(&r->now.out, head);
	buf_varint(&r->now.out, tail);
	struct span middle = span_of(in->content.data + head, in->content.len - head - tail);
	bool worth = middle.len >= in->base.len / HISTORY_SHARE;
	begin(r, DELTA_TEXT, middle, worth ? in->base : span_of(NULL, 0));
}

struct pack_run *packer_start(const struct pack_in *in, size_t headroom)
{
	if (in->content.len > LIMIT_ITEM_BYTES)
		return NULL;
	struct pack_run *r = mem_alloc(sizeof *r);
	r->in = *in;
	r->in.have_base = in->have_base && in->base.len && in->content.len;
	r->headroom = headroom;
	return r;
}

/* What zstd does not make smaller goes as it is; but a delta over the whole needs zstd. */
static void compress(struct attempt *a, size_t part)
{
	int more = codec_zstd_part(a->zstd, part, &a->out);
	if (more == 1)
		return;
	codec_zstd_stop(a->zstd);
	a->zstd = NULL;
	if (more == 0 && (a->delta == DELTA_BINARY || a->out.len - a->lead < a->source.len))
		return;
	a->out.len = a->lead;
	a->raw = true;
}

static bool copy(struct attempt *a, size_t part)
{
	size_t len = a->source.len - a->copied < part ? a->source.len - a->copied : part;
	buf_put(&a->out, a->source.data + a->copied, len);
	a->copied += len;
	return a->copied < a->source.len;
}

/* The attempt is complete: is it the best so far? */
static void keep_better(struct pack_run *r)
{
	bool useless = r->now.raw && r->now.delta == DELTA_BINARY;
	if (useless || (r->have_best && r->now.out.len > r->best.out.len)) {
		attempt_finish(&r->now);
		return;
	}
	attempt_finish(&r->best);
	r->best = r->now;
	r->have_best = true;
	r->now = (struct attempt){ 0 };
}

static bool hopeless(const struct pack_run *r)
{
	return r->have_best && r->best.out.len - r->headroom <= r->in.content.len / DELTA_KEYFRAME_SHARE;
}

bool packer_part(struct pack_run *r, size_t part)
{
	struct attempt *a = &r->now;
	if (!r->chosen) {
		r->chosen = true;
		if (r->in.have_base)
			begin_with_base(r);
		else
			make_room(r), begin(r, DELTA_NONE, r->in.content, span_of(NULL, 0));
		return true;
	}
	if (a->zstd) {
		compress(a, part);
		return true;
	}
	if (a->raw && a->delta != DELTA_BINARY && copy(a, part))
		return true;
	bool alone = a->delta == DELTA_NONE;
	keep_better(r);
	if (alone || hopeless(r))
		return false;
	make_room(r);
	begin(r, DELTA_NONE, r->in.content, span_of(NULL, 0));
	return true;
}

void packer_end(struct pack_run *r, struct body *body, struct buf *payload)
{
	buf_finish(payload);
	*payload = r->best.out;
	r->best.out = (struct buf){ 0 };
	body->delta = r->best.delta;
	body->compression = r->best.raw ? CODEC_NONE : CODEC_ZSTD;
	body->content_len = r->in.content.len;
	body->payload = span_of(payload->data + r->headroom, payload->len - r->headroom);
	packer_drop(r);
}

void packer_drop(struct pack_run *r)
{
	if (!r)
		return;
	attempt_finish(&r->now);
	attempt_finish(&r->best);
	free(r);
}

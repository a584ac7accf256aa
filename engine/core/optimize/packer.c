#include "engine/core/optimize/packer.h"

#define ZDICT_STATIC_LINKING_ONLY
#include <stdlib.h>
#include <string.h>
#include <zdict.h>

#include "base/mem.h"
#include "engine/core/optimize/expand.h"

#define DICTIONARY_SHARE   2
#define EXPLICIT_BASE_COST 16 /* naming the dictionary */
#define TRAIN_MIN          8
#define TRAIN_BYTES        (1024u * 1024)
#define TRAIN_K            256 /* segment and k-mer length: a good fixed choice for small texts, instead of a search */
#define TRAIN_D            8

struct packer {
	struct codec_tools tools;
	struct buf candidate;
	struct id prepared; /* zero: none */
	struct expansion expansion;
	uint8_t packing[2]; /* its delta and codec */
	uint8_t *made;      /* what it makes; NULL: it */
	struct span lies;   /* somewhere */
};

static const struct codec_ops *const codecs[CODEC_COUNT] = {
	[CODEC_NONE] = &codec_none, [CODEC_ZSTD] = &codec_zstd, [CODEC_BROTLI] = &codec_brotli,
	[CODEC_GZIP] = &codec_gzip, [CODEC_LZ4] = &codec_lz4,   [CODEC_ZSTD_BLOCK] = &codec_zstd_block,
};

static const struct delta_ops *const deltas[DELTA_COUNT] = {
	[DELTA_NONE] = &delta_none, [DELTA_BINARY] = &delta_binary,         [DELTA_TEXT] = &delta_text,
	[DELTA_COPY] = &delta_copy, [DELTA_DICTIONARY] = &delta_dictionary,
};

const struct codec_ops *codec_find(uint8_t codec)
{
	return codec < CODEC_COUNT ? codecs[codec] : NULL;
}

const struct delta_ops *delta_find(uint8_t delta)
{
	return delta < DELTA_COUNT ? deltas[delta] : NULL;
}

const char *codec_name(uint8_t codec)
{
	return codec < CODEC_COUNT ? codecs[codec]->name : "unknown";
}

const char *delta_name(uint8_t delta)
{
	return delta < DELTA_COUNT ? deltas[delta]->name : "unknown";
}

struct packer *packer_create(void)
{
	return mem_alloc(sizeof(struct packer));
}

void packer_destroy(struct packer *p)
{
	if (!p)
		return;
	packer_expand_end(p);
	codec_finish(&p->tools);
	buf_finish(&p->candidate);
	free(p);
}

struct held { /* the best so far */
	bool any;
	size_t cost; /* beside its payload */
};

/* Packs with one delta; keeps it in payload if it is the first, or no larger than what is held. */
static void contend(struct packer *p, struct held *held, uint8_t delta, const struct pack_in *in, struct body *body,
                    struct buf *payload)
{
	size_t cost = delta == DELTA_DICTIONARY ? EXPLICIT_BASE_COST : 0;
	buf_clear(&p->candidate);
	int codec = deltas[delta]->pack(&p->tools, in->content, in->base, in->effort, &p->candidate);
	if (codec < 0 || (held->any && p->candidate.len + cost > payload->len + held->cost))
		return;
	struct buf old = *payload;
	*payload = p->candidate;
	p->candidate = old;
	body->delta = delta;
	body->compression = (uint8_t)codec;
	*held = (struct held){ true, cost };
}

/* Compressed alone, texts hardly ever get that small; beside a dictionary that helps at all they never did. */
static bool keyframe_hopeless(const struct held *held, const struct pack_in *in, const struct buf *payload)
{
	size_t share = held->cost && in->effort == EFFORT_BULK ? DICTIONARY_SHARE : DELTA_KEYFRAME_SHARE;
	return held->any && payload->len + held->cost <= in->content.len / share;
}

bool packer_pack(struct packer *p, const struct pack_in *in, struct body *body, struct buf *payload)
{
	if (in->content.len > LIMIT_ITEM_BYTES)
		return false;
	body->delta = DELTA_NONE;
	body->compression = CODEC_NONE;
	body->content_len = in->content.len;
	buf_clear(payload);

	struct held held = { 0 };
	size_t head, tail;
	if (in->have_base && in->base.len && in->content.len)
		contend(p, &held, delta_choose(in->content, in->base, &head, &tail), in, body, payload);
	if (in->base_prepared && p->tools.dictionary && !keyframe_hopeless(&held, in, payload))
		contend(p, &held, DELTA_DICTIONARY, in, body, payload);
	if (!keyframe_hopeless(&held, in, payload))
		contend(p, &held, DELTA_NONE, in, body, payload);
	body->payload = buf_view(payload);
	return true;
}

bool packer_needs_base(const struct body *body)
{
	return body->delta != DELTA_NONE;
}

static bool unpackable(const struct packer *p, struct err *e)
{
	return err_set(e, "change", "it is asked for again as a whole", "its content does not unpack (%s, %s)",
	               delta_name(p->packing[0]), codec_name(p->packing[1]));
}

bool packer_expand_start(struct packer *p, const struct body *body, struct span base, struct err *e)
{
	packer_expand_end(p);
	p->packing[0] = body->delta;
	p->packing[1] = body->compression;
	if (body->delta >= DELTA_COUNT || body->content_len > LIMIT_EXPANSION)
		return err_set(e, "change", "", "it is packed in a way that this version does not know");
	size_t len = (size_t)body->content_len;
	if (!expansion_start(&p->expansion, &p->tools, body->delta, body->compression, body->payload, base, len))
		return unpackable(p, e);
	if (!expansion_lies(&p->expansion, &p->lies))
		p->made = mem_alloc(len + 1);
	return true;
}

enum got packer_expand_more(struct packer *p, size_t bytes, struct span *so_far, struct err *e)
{
	enum got got = expansion_more(&p->expansion, p->made, bytes);
	*so_far = span_of(p->made ? p->made : p->lies.data, p->expansion.done);
	if (got == GOT_NOTHING)
		unpackable(p, e);
	return got;
}

void packer_expand_end(struct packer *p)
{
	expansion_end(&p->expansion);
	free(p->made);
	p->made = NULL;
}

bool packer_expand(struct packer *p, const struct body *body, struct span base, struct blob *content, struct err *e)
{
	struct span all;
	*content = (struct blob){ 0 };
	bool ok = packer_expand_start(p, body, base, e) && packer_expand_more(p, SIZE_MAX, &all, e) == GOT_ALL;
	if (ok && p->made) {
		*content = (struct blob){ p->made, all.len };
		p->made = NULL;
	} else if (ok) {
		*content = blob_copy(all.data, all.len);
	}
	packer_expand_end(p);
	return ok;
}

void packer_prepare_base(struct packer *p, const struct id *version, struct span base)
{
	if (packer_prepared(p, version))
		return;
	p->prepared = *version;
	if (id_zero(version))
		base = span_of(NULL, 0);
	if (!codec_zstd_prepare(&p->tools, base))
		p->prepared = (struct id){ 0 };
}

bool packer_prepared(const struct packer *p, const struct id *version)
{
	return !id_zero(version) && id_equal(&p->prepared, version);
}

bool packer_train(const struct span *samples, size_t count, size_t max_len, struct buf *dictionary)
{
	struct buf all = { 0 };
	size_t *sizes = mem_grow(NULL, count ? count : 1, sizeof *sizes), used = 0;
	for (; used < count && all.len + samples[used].len <= TRAIN_BYTES; used++) {
		buf_span(&all, samples[used]);
		sizes[used] = samples[used].len;
	}
	ZDICT_fastCover_params_t how = { .k = TRAIN_K,
		                         .d = TRAIN_D,
		                         .accel = 1,
		                         .splitPoint = 1.0,
		                         .steps = 1,
		                         .zParams = { .compressionLevel = 6 } };
	buf_clear(dictionary);
	buf_reserve(dictionary, max_len);
	size_t len = 0;
	if (used >= TRAIN_MIN)
		len = ZDICT_trainFromBuffer_fastCover(dictionary->data, max_len, all.data, sizes, (unsigned)used, how);
	free(sizes);
	buf_finish(&all);
	if (!used || ZDICT_isError(len))
		return false;
	dictionary->len = len;
	return len > 0;
}

/* A keyframe: the smallest of what the codecs make of it. */
#include "engine/core/optimize/delta.h"

#define KIB  1024u
#define TINY 8 /* nothing to gain below */

static const struct codec_ops *const tried[] = { &codec_brotli, &codec_zstd };

/* Brotli is the better one for small files, zstd the faster one for large files; for a lone edit both have a go. */
static bool worth(const struct codec_ops *codec, size_t len, enum pack_effort effort)
{
	if (codec == &codec_brotli)
		return len <= (effort == EFFORT_HIGH ? 512 * KIB : 64 * KIB);
	return effort == EFFORT_HIGH || len > 64 * KIB;
}

static int pack(struct codec_tools *t, struct span content, struct span base, enum pack_effort effort, struct buf *out)
{
	(void)base;
	int best = CODEC_NONE;
	size_t start = out->len;
	buf_span(out, content);
	for (size_t i = 0; content.len > TINY && i < sizeof tried / sizeof *tried; i++) {
		if (!worth(tried[i], content.len, effort))
			continue;
		buf_clear(&t->scratch);
		int codec = tried[i]->pack(t, content, span_of(NULL, 0), effort, &t->scratch);
		if (codec < 0 || t->scratch.len >= out->len - start)
			continue;
		best = codec;
		out->len = start;
		buf_span(out, buf_view(&t->scratch));
	}
	return best;
}

static bool split(uint8_t codec, struct span packed, struct span base, size_t len, struct delta_split *s)
{
	(void)codec, (void)base, (void)len;
	*s = (struct delta_split){ .packed = packed };
	return true;
}

const struct delta_ops delta_none = { "none", pack, split };

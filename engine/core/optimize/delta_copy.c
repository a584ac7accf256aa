/* The content is the base: a move, a rename, a restore, new metadata. */
#include <string.h>

#include "engine/core/optimize/delta.h"

static int pack(struct codec_tools *t, struct span content, struct span base, enum pack_effort effort, struct buf *out)
{
	(void)t, (void)effort, (void)out;
	return span_equal(content, base) ? CODEC_NONE : -1;
}

static bool expand(struct codec_tools *t, uint8_t codec, struct span packed, struct span base, uint8_t *out, size_t len)
{
	(void)t;
	if (codec != CODEC_NONE || packed.len || base.len != len)
		return false;
	if (len)
		memcpy(out, base.data, len);
	return true;
}

const struct delta_ops delta_copy = { "copy", pack, expand };

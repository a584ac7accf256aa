/* The content is the base: a move, a rename, a restore, new metadata. */
#include "engine/core/optimize/delta.h"

static int pack(struct codec_tools *t, struct span content, struct span base, enum pack_effort effort, struct buf *out)
{
	(void)t, (void)effort, (void)out;
	return span_equal(content, base) ? CODEC_NONE : -1;
}

static bool split(uint8_t codec, struct span packed, struct span base, size_t len, struct delta_split *s)
{
	*s = (struct delta_split){ .head = len };
	return codec == CODEC_NONE && !packed.len && base.len == len;
}

const struct delta_ops delta_copy = { "copy", pack, split };

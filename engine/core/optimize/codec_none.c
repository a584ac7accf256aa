#include <string.h>

#include "engine/core/optimize/codec.h"

static int pack(struct codec_tools *t, struct span content, struct span history, enum pack_effort effort,
                struct buf *out)
{
	(void)t, (void)history, (void)effort;
	buf_span(out, content);
	return CODEC_NONE;
}

static bool expand(struct codec_tools *t, struct span packed, struct span history, uint8_t *out, size_t len)
{
	(void)t, (void)history;
	if (packed.len != len)
		return false;
	if (len)
		memcpy(out, packed.data, len);
	return true;
}

const struct codec_ops codec_none = { "none", false, pack, expand, NULL, NULL, NULL };

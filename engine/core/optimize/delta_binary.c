/* A zstd frame whose history is the base. For contents that differ from end to end. */
#include "engine/core/optimize/delta.h"

static int pack(struct codec_tools *t, struct span content, struct span base, enum pack_effort effort, struct buf *out)
{
	return base.len ? codec_zstd.pack(t, content, base, effort, out) : -1;
}

static bool expand(struct codec_tools *t, uint8_t codec, struct span packed, struct span base, uint8_t *out, size_t len)
{
	const struct codec_ops *ops = codec_find(codec);
	return ops && ops->history && base.len && ops->expand(t, packed, base, out, len);
}

const struct delta_ops delta_binary = { "binary", pack, expand };

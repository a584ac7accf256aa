/* A zstd frame whose history is the base. For contents that differ from end to end. */
#include "engine/core/optimize/delta.h"

static int pack(struct codec_tools *t, struct span content, struct span base, enum pack_effort effort, struct buf *out)
{
	return base.len ? codec_zstd.pack(t, content, base, effort, out) : -1;
}

static bool split(uint8_t codec, struct span packed, struct span base, size_t len, struct delta_split *s)
{
	const struct codec_ops *ops = codec_find(codec);
	(void)len;
	*s = (struct delta_split){ .packed = packed, .history = base };
	return ops && ops->history && base.len;
}

const struct delta_ops delta_binary = { "binary", pack, split };

/* As binary, with a base that was prepared once for many contents, and that may be a trained dictionary. */
#include "engine/core/optimize/delta.h"

static int pack(struct codec_tools *t, struct span content, struct span base, enum pack_effort effort, struct buf *out)
{
	(void)base, (void)effort;
	return codec_zstd_pack_dictionary(t, content, out);
}

static bool split(uint8_t codec, struct span packed, struct span base, size_t len, struct delta_split *s)
{
	(void)len;
	*s = (struct delta_split){ .packed = packed, .history = base, .dictionary = true };
	return (codec == CODEC_ZSTD || codec == CODEC_ZSTD_BLOCK) && base.len;
}

const struct delta_ops delta_dictionary = { "dictionary", pack, split };

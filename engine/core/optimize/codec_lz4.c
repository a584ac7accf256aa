/* One LZ4 block without a frame. */
#include <lz4.h>
#include <lz4hc.h>

#include "engine/core/optimize/codec.h"

static int pack(struct codec_tools *t, struct span content, struct span history, enum pack_effort effort,
                struct buf *out)
{
	(void)t, (void)history;
	if (!content.len || content.len > LZ4_MAX_INPUT_SIZE)
		return -1;
	int room = LZ4_compressBound((int)content.len);
	buf_reserve(out, (size_t)room);
	const char *from = (const char *)content.data;
	char *to = (char *)out->data + out->len;
	int len = effort == EFFORT_HIGH ? LZ4_compress_HC(from, to, (int)content.len, room, LZ4HC_CLEVEL_DEFAULT)
	                                : LZ4_compress_default(from, to, (int)content.len, room);
	if (len <= 0)
		return -1;
	out->len += (size_t)len;
	return CODEC_LZ4;
}

static bool expand(struct codec_tools *t, struct span packed, struct span history, uint8_t *out, size_t len)
{
	(void)t, (void)history;
	if (!len || len > LZ4_MAX_INPUT_SIZE || packed.len > LZ4_MAX_INPUT_SIZE)
		return false;
	return LZ4_decompress_safe((const char *)packed.data, (char *)out, (int)packed.len, (int)len) == (int)len;
}

const struct codec_ops codec_lz4 = { "lz4", false, pack, expand, NULL, NULL, NULL };

/* Raw deflate (RFC 1951): gzip without its 18 bytes of header and trailer. */
#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

#include "base/mem.h"
#include "engine/core/optimize/codec.h"

#define RAW_WINDOW (-15)

static int pack(struct codec_tools *t, struct span content, struct span history, enum pack_effort effort,
                struct buf *out)
{
	(void)history;
	if (!content.len || content.len > UINT_MAX)
		return -1;
	if (!t->deflate) {
		t->deflate = mem_alloc(sizeof *t->deflate);
		if (deflateInit2(t->deflate, Z_DEFAULT_COMPRESSION, Z_DEFLATED, RAW_WINDOW, 9, Z_DEFAULT_STRATEGY) !=
		    Z_OK) {
			free(t->deflate);
			t->deflate = NULL;
			return -1;
		}
	}
	z_stream *z = t->deflate;
	deflateReset(z);
	deflateParams(z, effort == EFFORT_HIGH ? 9 : 6, Z_DEFAULT_STRATEGY);
	uLong room = deflateBound(z, (uLong)content.len);
	if (room > UINT_MAX)
		return -1;
	buf_reserve(out, room);
	z->next_in = (Bytef *)content.data; /* zlib's interface predates const */
	z->avail_in = (uInt)content.len;
	z->next_out = out->data + out->len;
	z->avail_out = (uInt)room;
	if (deflate(z, Z_FINISH) != Z_STREAM_END)
		return -1;
	out->len += room - z->avail_out;
	return CODEC_GZIP;
}

static bool expand(struct codec_tools *t, struct span packed, struct span history, uint8_t *out, size_t len)
{
	(void)history;
	if (packed.len > UINT_MAX || len > UINT_MAX || !len)
		return false;
	if (!t->inflate) {
		t->inflate = mem_alloc(sizeof *t->inflate);
		if (inflateInit2(t->inflate, RAW_WINDOW) != Z_OK) {
			free(t->inflate);
			t->inflate = NULL;
			return false;
		}
	}
	z_stream *z = t->inflate;
	inflateReset(z);
	z->next_in = (Bytef *)packed.data;
	z->avail_in = (uInt)packed.len;
	z->next_out = out;
	z->avail_out = (uInt)len;
	return inflate(z, Z_FINISH) == Z_STREAM_END && !z->avail_in && !z->avail_out;
}

const struct codec_ops codec_gzip = { "gzip", false, pack, expand, NULL, NULL, NULL };

void codec_gzip_finish(struct codec_tools *t)
{
	if (t->deflate)
		deflateEnd(t->deflate);
	if (t->inflate)
		inflateEnd(t->inflate);
	free(t->deflate);
	free(t->inflate);
}

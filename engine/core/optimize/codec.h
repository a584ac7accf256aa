/* codec: how bytes are compressed. One const struct and one file each; all pass the same conformance test.
 *
 * pack appends to `out` and returns the enum codec to write down, or -1: this one cannot help here (nothing that was
 * appended counts then). `history`: bytes that the reader has too; used by codecs that say so. expand fills exactly
 * `len` bytes or returns false; it never writes more, whatever the input.
 *
 * Where start is not NULL, all this can be had in parts as well: start borrows everything until end, and each more writes
 * at least so many bytes (one part takes up little more than that, of what is packed too) and adds them to *done.
 * GOT_NOTHING: damaged. One at a time. */
#ifndef ENGINE_CORE_OPTIMIZE_CODEC_H
#define ENGINE_CORE_OPTIMIZE_CODEC_H
#include "engine/core/optimize/packer.h"

struct codec_stream {
	struct span packed;
	size_t read, hint; /* of it; what the decoder would like to have next */
	uint8_t *out;
	size_t len, written;
};

struct codec_tools { /* contexts made when first needed, then reused */
	struct ZSTD_CCtx_s *zstd_pack;
	struct ZSTD_DCtx_s *zstd_expand;
	struct ZSTD_CDict_s *dictionary; /* packer_prepare_base */
	struct ZSTD_DDict_s *expander;   /* of the dictionary that was last expanded with */
	struct buf expander_of;          /* its bytes */
	struct z_stream_s *deflate, *inflate;
	struct buf scratch, frame;
	struct codec_stream stream; /* what is expanded in parts */
};

struct codec_ops {
	const char *name;
	bool history;
	int (*pack)(struct codec_tools *t, struct span content, struct span history, enum pack_effort effort,
	            struct buf *out);
	bool (*expand)(struct codec_tools *t, struct span packed, struct span history, uint8_t *out, size_t len);
	bool (*start)(struct codec_tools *t, struct span packed, struct span history, bool dictionary, uint8_t *out,
	              size_t len);
	enum got (*more)(struct codec_tools *t, size_t bytes, size_t *done);
	void (*end)(struct codec_tools *t);
};

extern const struct codec_ops codec_none, codec_zstd, codec_zstd_block, codec_brotli, codec_gzip, codec_lz4;
const struct codec_ops *codec_find(uint8_t codec); /* NULL: unknown */
void codec_finish(struct codec_tools *t);

void codec_gzip_finish(struct codec_tools *t);

/* codec_zstd's pack with a context of its own, some bytes at a time. Both spans stay where they are until it is stopped. */
struct zstd_run;
struct zstd_run *codec_zstd_start(struct span content, struct span history, enum pack_effort effort);
/* The next `part` bytes: 1 more is left, 0 all is in `out` (as CODEC_ZSTD), -1 failed. */
int codec_zstd_part(struct zstd_run *r, size_t part, struct buf *out);
void codec_zstd_stop(struct zstd_run *r); /* NULL-safe */

/* With t->dictionary (delta_dictionary.c). */
int codec_zstd_pack_dictionary(struct codec_tools *t, struct span content, struct buf *out);
/* Replaces t->dictionary; an empty span only forgets it. False: a trained dictionary that is damaged. */
bool codec_zstd_prepare(struct codec_tools *t, struct span dictionary);
#endif

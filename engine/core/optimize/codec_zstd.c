/* A frame here is what zstd writes without the magic number, size and checksum, and then without its two-byte header:
 * the reader knows the size and makes a header for it. A frame of one compressed block also loses that block's
 * three-byte header (CODEC_ZSTD_BLOCK). For a one-line edit that is half of what would be sent.
 * Format: RFC 8878. */
#define ZSTD_STATIC_LINKING_ONLY /* magicless frames; dictionaries by reference */
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "base/mem.h"
#include "engine/core/optimize/codec.h"

#define HEADER_LEN       2 /* what the encoder writes: descriptor 0, window */
#define BLOCK_HEADER     3
#define BLOCK_COMPRESSED 2
#define RETRY_MIN        256 /* a result worth a second, slower try */
#define KIB              1024u
#define EXPANDER_KEPT    (256 * KIB) /* trained dictionaries are smaller */
#define MIB              (1024u * 1024)

static unsigned log2_above(size_t len)
{
	unsigned bits = ZSTD_WINDOWLOG_MIN;
	while (((size_t)1 << bits) < len)
		bits++;
	return bits;
}

static void frame_bare(ZSTD_CCtx *c)
{
	ZSTD_CCtx_reset(c, ZSTD_reset_session_and_parameters);
	ZSTD_CCtx_setParameter(c, ZSTD_c_format, ZSTD_f_zstd1_magicless);
	ZSTD_CCtx_setParameter(c, ZSTD_c_contentSizeFlag, 0);
	ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, 0);
	ZSTD_CCtx_setParameter(c, ZSTD_c_dictIDFlag, 0);
}

static ZSTD_CCtx *packing(struct codec_tools *t)
{
	if (!t->zstd_pack && !(t->zstd_pack = ZSTD_createCCtx()))
		return NULL;
	frame_bare(t->zstd_pack);
	return t->zstd_pack;
}

/* Compresses into out with what is set in c, and strips it. */
static int run(ZSTD_CCtx *c, struct span content, struct buf *out)
{
	size_t room = ZSTD_compressBound(content.len), start = out->len;
	buf_reserve(out, room);
	uint8_t *frame = out->data + start;
	size_t len = ZSTD_compress2(c, frame, room, content.data, content.len);
	if (ZSTD_isError(len) || len < HEADER_LEN + BLOCK_HEADER || frame[0] != 0)
		return -1;
	const uint8_t *block = frame + HEADER_LEN;
	uint32_t head = block[0] | (uint32_t)block[1] << 8 | (uint32_t)block[2] << 16;
	bool single = head == (1 | BLOCK_COMPRESSED << 1 | (uint32_t)(len - HEADER_LEN - BLOCK_HEADER) << 3);
	size_t strip = HEADER_LEN + (single ? BLOCK_HEADER : 0);
	for (size_t i = strip; i < len; i++)
		frame[i - strip] = frame[i];
	out->len = start + len - strip;
	return single ? CODEC_ZSTD_BLOCK : CODEC_ZSTD;
}

/* Measured on edit histories of dotfiles and notes: for small inputs the lazy parser with minimal match 4 is within 2 %
 * of the best level at a tenth of its time. */
static void tune(ZSTD_CCtx *c, size_t total, enum pack_effort effort)
{
	int level = total > 8 * MIB ? 3 : total > MIB ? 5 : total > 256 * KIB || effort == EFFORT_BULK ? 6 : 9;
	ZSTD_CCtx_setParameter(c, ZSTD_c_compressionLevel, level);
	ZSTD_CCtx_setParameter(c, ZSTD_c_windowLog, (int)log2_above(total));
	if (level == 9) {
		ZSTD_CCtx_setParameter(c, ZSTD_c_strategy, ZSTD_lazy2);
		ZSTD_CCtx_setParameter(c, ZSTD_c_searchLog, 5);
		ZSTD_CCtx_setParameter(c, ZSTD_c_minMatch, 4);
	}
	if (total > MIB)
		ZSTD_CCtx_setParameter(c, ZSTD_c_enableLongDistanceMatching, 1);
}

static void tune_slow(ZSTD_CCtx *c, size_t total)
{
	ZSTD_CCtx_setParameter(c, ZSTD_c_compressionLevel, 17);
	ZSTD_CCtx_setParameter(c, ZSTD_c_windowLog, (int)log2_above(total));
	ZSTD_CCtx_setParameter(c, ZSTD_c_strategy, ZSTD_btultra);
	ZSTD_CCtx_setParameter(c, ZSTD_c_searchLog, 4);
	ZSTD_CCtx_setParameter(c, ZSTD_c_targetLength, 64);
	ZSTD_CCtx_setParameter(c, ZSTD_c_minMatch, 3);
}

static int pack(struct codec_tools *t, struct span content, struct span history, enum pack_effort effort,
                struct buf *out)
{
	size_t total = content.len + history.len, start = out->len;
	ZSTD_CCtx *c = content.len ? packing(t) : NULL;
	if (!c)
		return -1;
	tune(c, total, effort);
	ZSTD_CCtx_refPrefix(c, history.data, history.len);
	int codec = run(c, content, out);
	size_t len = out->len - start;
	if (codec < 0 || effort == EFFORT_BULK || !history.len || len < RETRY_MIN || total > 64 * KIB)
		return codec;

	struct buf *slow = &t->frame;
	buf_clear(slow);
	c = packing(t);
	tune_slow(c, total);
	ZSTD_CCtx_refPrefix(c, history.data, history.len);
	int slow_codec = run(c, content, slow);
	if (slow_codec < 0 || slow->len >= len)
		return codec;
	out->len = start;
	buf_span(out, buf_view(slow));
	return slow_codec;
}

struct zstd_run {
	ZSTD_CCtx *c;
	ZSTD_inBuffer in; /* stable: its size grows, its bytes stay */
	size_t len, start;
	bool stripped;
};

struct zstd_run *codec_zstd_start(struct span content, struct span history, enum pack_effort effort)
{
	ZSTD_CCtx *c = content.len ? ZSTD_createCCtx() : NULL;
	if (!c)
		return NULL;
	struct zstd_run *r = mem_alloc(sizeof *r);
	*r = (struct zstd_run){ c, { content.data, 0, 0 }, content.len, SIZE_MAX, false };
	frame_bare(c);
	tune(c, content.len + history.len, effort);
	ZSTD_CCtx_setParameter(c, ZSTD_c_stableInBuffer, 1); /* or it would keep a copy as large as the window */
	ZSTD_CCtx_setPledgedSrcSize(c, content.len);
	ZSTD_CCtx_refPrefix(c, history.data, history.len);
	return r;
}

/* The frame's header goes as soon as it is there, while little stands behind it. */
static bool strip(struct zstd_run *r, struct buf *out)
{
	if (r->stripped || out->len - r->start < HEADER_LEN)
		return true;
	uint8_t *frame = out->data + r->start;
	if (frame[0] != 0)
		return false;
	memmove(frame, frame + HEADER_LEN, out->len - r->start - HEADER_LEN);
	out->len -= HEADER_LEN;
	return r->stripped = true;
}

int codec_zstd_part(struct zstd_run *r, size_t part, struct buf *out)
{
	size_t left;
	r->in.size = r->len - r->in.size <= part ? r->len : r->in.size + part;
	bool last = r->in.size == r->len;
	if (r->start == SIZE_MAX)
		r->start = out->len;
	do {
		buf_reserve(out, ZSTD_CStreamOutSize());
		ZSTD_outBuffer o = { out->data, out->cap, out->len };
		left = ZSTD_compressStream2(r->c, &o, &r->in, last ? ZSTD_e_end : ZSTD_e_continue);
		out->len = o.pos;
	} while (!ZSTD_isError(left) && (last ? left > 0 : r->in.pos < r->in.size));
	if (ZSTD_isError(left) || !strip(r, out) || (last && !r->stripped))
		return -1;
	return !last;
}

void codec_zstd_stop(struct zstd_run *r)
{
	if (r)
		ZSTD_freeCCtx(r->c);
	free(r);
}

static void forget_expander(struct codec_tools *t)
{
	ZSTD_freeDDict(t->expander);
	t->expander = NULL;
	buf_finish(&t->expander_of);
}

/* Thousands of files of an import name the same dictionary, and making its tables takes longer than expanding one. */
static const ZSTD_DDict *expander(struct codec_tools *t, struct span dictionary)
{
	if (t->expander && span_equal(buf_view(&t->expander_of), dictionary))
		return t->expander;
	forget_expander(t);
	buf_span(&t->expander_of, dictionary);
	t->expander = ZSTD_createDDict_byReference(t->expander_of.data, t->expander_of.len);
	return t->expander;
}

/* The frame's header again: single segment with an eight-byte content size, so that the decoder refuses any other length,
 * and no window can be larger than that. */
static size_t put_header(uint8_t *header, bool single, size_t packed_len, uint64_t len)
{
	uint32_t block = 1 | BLOCK_COMPRESSED << 1 | (uint32_t)packed_len << 3;
	size_t used = 0;
	header[used++] = 0xe0;
	for (int i = 0; i < 8; i++)
		header[used++] = (uint8_t)(len >> (8 * i));
	for (int i = 0; single && i < BLOCK_HEADER; i++)
		header[used++] = (uint8_t)(block >> (8 * i));
	return used;
}

/* Given just what the decoder asks for, each call makes one block and copies nothing: `out` holds all that is to come, and
 * is the decoder's own memory of what was (stable). */
static bool feed(struct codec_tools *t, const uint8_t *bytes, size_t len)
{
	struct codec_stream *s = &t->stream;
	ZSTD_inBuffer in = { bytes, len, 0 };
	ZSTD_outBuffer out = { s->out, s->len, s->written };
	while (in.pos < in.size) {
		size_t at = in.pos, made = out.pos;
		s->hint = ZSTD_decompressStream(t->zstd_expand, &out, &in);
		s->written = out.pos;
		if (ZSTD_isError(s->hint) || s->hint == 0)
			break;
		if (in.pos == at && out.pos == made)
			return false;
	}
	return !ZSTD_isError(s->hint) && in.pos == in.size;
}

static void end_stream(struct codec_tools *t)
{
	ZSTD_DCtx_reset(t->zstd_expand, ZSTD_reset_session_and_parameters); /* the history is borrowed */
	if (t->expander_of.len > EXPANDER_KEPT)
		forget_expander(t);
	t->stream = (struct codec_stream){ 0 };
}

static bool start_stream(struct codec_tools *t, bool single, struct span packed, struct span history, bool dictionary,
                         uint8_t *out, size_t len)
{
	uint8_t header[16];
	if (len == 0 || packed.len == 0 || (single && packed.len > ZSTD_BLOCKSIZE_MAX))
		return false;
	if (!t->zstd_expand && !(t->zstd_expand = ZSTD_createDCtx()))
		return false;
	ZSTD_DCtx *d = t->zstd_expand;
	const ZSTD_DDict *made = dictionary ? expander(t, history) : NULL;
	if (dictionary && !made)
		return false;
	ZSTD_DCtx_reset(d, ZSTD_reset_session_and_parameters);
	ZSTD_DCtx_setParameter(d, ZSTD_d_format, ZSTD_f_zstd1_magicless);
	size_t set = ZSTD_DCtx_setParameter(d, ZSTD_d_stableOutBuffer, 1);
	if (!ZSTD_isError(set))
		set = made ? ZSTD_DCtx_refDDict(d, made) : ZSTD_DCtx_refPrefix(d, history.data, history.len);
	t->stream = (struct codec_stream){ .packed = packed, .out = out, .len = len };
	bool ok = !ZSTD_isError(set) && feed(t, header, put_header(header, single, packed.len, len)) && t->stream.hint;
	if (!ok)
		end_stream(t);
	return ok;
}

static enum got more_stream(struct codec_tools *t, size_t bytes, size_t *done)
{
	struct codec_stream *s = &t->stream;
	size_t read = s->read, written = s->written;
	while (s->hint && s->read < s->packed.len && s->written - written < bytes && s->read - read < bytes) {
		size_t left = s->packed.len - s->read, some = s->hint < left ? s->hint : left;
		if (!feed(t, s->packed.data + s->read, some))
			return GOT_NOTHING;
		s->read += some;
	}
	*done += s->written - written;
	if (s->hint && s->read < s->packed.len)
		return GOT_MORE;
	return !s->hint && s->read == s->packed.len && s->written == s->len ? GOT_ALL : GOT_NOTHING;
}

static bool start_frame(struct codec_tools *t, struct span packed, struct span history, bool dictionary, uint8_t *out,
                        size_t len)
{
	return start_stream(t, false, packed, history, dictionary, out, len);
}

static bool start_block(struct codec_tools *t, struct span packed, struct span history, bool dictionary, uint8_t *out,
                        size_t len)
{
	return start_stream(t, true, packed, history, dictionary, out, len);
}

static bool expand_with(struct codec_tools *t, bool single, struct span packed, struct span history, uint8_t *out,
                        size_t len)
{
	size_t done = 0;
	if (!start_stream(t, single, packed, history, false, out, len))
		return false;
	bool ok = more_stream(t, SIZE_MAX, &done) == GOT_ALL;
	end_stream(t);
	return ok;
}

static bool expand_frame(struct codec_tools *t, struct span packed, struct span history, uint8_t *out, size_t len)
{
	return expand_with(t, false, packed, history, out, len);
}

static bool expand_block(struct codec_tools *t, struct span packed, struct span history, uint8_t *out, size_t len)
{
	return expand_with(t, true, packed, history, out, len);
}

const struct codec_ops codec_zstd = { "zstd",       true,        pack,       expand_frame,
	                              start_frame, more_stream, end_stream };
const struct codec_ops codec_zstd_block = { "zstd",       true,        pack,       expand_block,
	                                    start_block, more_stream, end_stream };

int codec_zstd_pack_dictionary(struct codec_tools *t, struct span content, struct buf *out)
{
	ZSTD_CCtx *c = content.len && t->dictionary ? packing(t) : NULL;
	if (!c)
		return -1;
	ZSTD_CCtx_refCDict(c, t->dictionary);
	return run(c, content, out);
}

bool codec_zstd_prepare(struct codec_tools *t, struct span dictionary)
{
	ZSTD_freeCDict(t->dictionary);
	t->dictionary = NULL;
	if (!dictionary.len)
		return true;
	ZSTD_compressionParameters p = ZSTD_getCParams(9, 4 * KIB, dictionary.len);
	p.windowLog = log2_above(dictionary.len + 64 * KIB);
	p.strategy = ZSTD_lazy2;
	p.searchLog = 4;
	p.minMatch = 4;
	t->dictionary = ZSTD_createCDict_advanced(dictionary.data, dictionary.len, ZSTD_dlm_byCopy, ZSTD_dct_auto, p,
	                                          ZSTD_defaultCMem);
	return t->dictionary;
}

void codec_finish(struct codec_tools *t)
{
	ZSTD_freeCCtx(t->zstd_pack);
	ZSTD_freeDCtx(t->zstd_expand);
	ZSTD_freeCDict(t->dictionary);
	forget_expander(t);
	codec_gzip_finish(t);
	buf_finish(&t->scratch);
	buf_finish(&t->frame);
	*t = (struct codec_tools){ 0 };
}

/* packer: the fewest bytes for a content, given what the other side has already; and back.
 *
 * A packed content is a delta (how the base is used) and a codec (how the rest is compressed), each one byte of the
 * body, and a payload. packer_pack tries those that can win and keeps the smallest. Lengths come from the body, so no
 * payload carries one; frames are stripped of magic numbers, checksums and sizes (the version's hash checks the
 * result).
 *
 *   delta       base is                                                    codecs
 *   none        not used: a keyframe                                       any
 *   text        equal at both ends: prefix length, suffix length           any; zstd sees the whole base as history
 *               (varints), then the middle, compressed
 *   binary      the history of a zstd frame (ZSTD_CCtx_refPrefix)          zstd
 *   copy        the content itself; the payload is empty                   none
 *   dictionary  as binary, but prepared once for many contents; may be a   zstd
 *               dictionary trained by packer_train
 *
 * Not for secrets side by side with an attacker's text: lengths tell about contents, as in every sync tool that
 * compresses. Pure and single-threaded; big (a few MB of tables once used). Deterministic for the same library
 * versions. */
#ifndef ENGINE_CORE_OPTIMIZE_PACKER_H
#define ENGINE_CORE_OPTIMIZE_PACKER_H
#include "base/buf.h"
#include "base/err.h"
#include "engine/core/limits.h"
#include "engine/core/optimize/body.h"

enum delta { DELTA_NONE, DELTA_BINARY, DELTA_TEXT, DELTA_COPY, DELTA_DICTIONARY, DELTA_COUNT };
/* ZSTD_BLOCK: a zstd frame of exactly one compressed block, without that block's header. */
enum codec { CODEC_NONE, CODEC_ZSTD, CODEC_BROTLI, CODEC_GZIP, CODEC_LZ4, CODEC_ZSTD_BLOCK, CODEC_COUNT };

const char *delta_name(uint8_t delta); /* "none", "binary", "text", "copy", "dictionary"; "unknown" */
const char *codec_name(uint8_t codec); /* "none", "zstd", "brotli", "gzip", "lz4", "zstd"; "unknown" */

enum pack_effort {
	EFFORT_BULK, /* first import: some 0.05 ms for a file of 2 KB */
	EFFORT_HIGH, /* a lone edit that somebody waits for: up to about a millisecond for a small file */
};

struct pack_in {
	struct span content; /* up to LIMIT_ITEM_BYTES */
	bool have_base;      /* base is a version that every reader of this change has */
	struct span base;
	bool base_prepared; /* base is the one last given to packer_prepare_base (have_base is not needed) */
	enum pack_effort effort;
};

struct packer;
struct packer *packer_create(void);
void packer_destroy(struct packer *p);

/* Sets body->delta, compression, content_len and payload (= all of `payload`, which is emptied first and must outlive
 * the body's use). delta NONE means a keyframe: no base is needed, say so in base_tag and CHANGE_KEYFRAME. Equal
 * content (only metadata changed, or a restore of the base) gives COPY. False, nothing done: content is over the limit.
 */
bool packer_pack(struct packer *p, const struct pack_in *in, struct body *body, struct buf *payload);

/* The same for a content that would make a long turn, in parts: by zstd alone, without a dictionary. The spans of `in` stay
 * where they are until the end. The payload gets `headroom` bytes in front of it that are the caller's, so that what
 * belongs before it can be written there. One content at a time costs a few tens of MB. */
struct pack_run *packer_start(const struct pack_in *in, size_t headroom); /* NULL: over the limit */
bool packer_part(struct pack_run *r, size_t part); /* works through about so many bytes; false: all is done */
/* As packer_pack, but that body->payload is all of `payload` behind the headroom. Frees the run. */
void packer_end(struct pack_run *r, struct body *body, struct buf *payload);
void packer_drop(struct pack_run *r); /* NULL-safe */

/* The content of a body whose base (if its delta needs one: packer_needs_base) was found. New memory, exactly
 * body->content_len bytes. False, content empty: damaged, or not made with this base. The caller checks the version. */
bool packer_expand(struct packer *p, const struct body *body, struct span base, struct blob *content, struct err *e);
bool packer_needs_base(const struct body *body);
/* The same in parts, one content at a time: start borrows the payload and the base until end. Each more adds some `bytes`
 * to *so_far, which is borrowed until end: GOT_ALL, that is all of it; GOT_NOTHING, it is damaged. A content that lies
 * somewhere already, in the payload or as the base, costs no memory. */
bool packer_expand_start(struct packer *p, const struct body *body, struct span base, struct err *e);
enum got packer_expand_more(struct packer *p, size_t bytes, struct span *so_far, struct err *e);
void packer_expand_end(struct packer *p);

/* One shared base for many packs (DELTA_DICTIONARY): indexed once here, then each use costs nothing more. `version`
 * names it (the body's base_version must be EXPLICIT this). `base` is copied. A second call with the same version does
 * nothing; with another it replaces the first; a zero version forgets it. Expanding needs no preparation. */
void packer_prepare_base(struct packer *p, const struct id *version, struct span base);
bool packer_prepared(const struct packer *p, const struct id *version);

/* Trains a dictionary for contents like these (zstd's fastCover) into `dictionary`, at most max_len bytes. It is then a
 * content like any other: store it as a version, send it once, name it as base. Some 50 ms for 1 MB of samples. False:
 * too few or too alike samples (then prepare a typical content instead). */
bool packer_train(const struct span *samples, size_t count, size_t max_len, struct buf *dictionary);
#endif

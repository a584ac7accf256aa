/* delta: how the base is used. One const struct and one file each; all pass the same conformance test.
 *
 * pack appends to `out` and returns the enum codec to write down, or -1: this one cannot help here. split says what a
 * payload means for a content of `len` bytes, checked against the base (head + tail never exceed len or the base), or
 * returns false. expand.h puts it together. */
#ifndef ENGINE_CORE_OPTIMIZE_DELTA_H
#define ENGINE_CORE_OPTIMIZE_DELTA_H
#include "engine/core/optimize/codec.h"

struct delta_split {
	size_t head, tail;           /* so many bytes of the base's start and end are the content's; between them is what */
	struct span packed, history; /* the codec makes of these */
	bool dictionary;             /* the history may be a trained dictionary */
};

struct delta_ops {
	const char *name;
	int (*pack)(struct codec_tools *t, struct span content, struct span base, enum pack_effort effort,
	            struct buf *out);
	bool (*split)(uint8_t codec, struct span packed, struct span base, size_t len, struct delta_split *s);
};

extern const struct delta_ops delta_none, delta_binary, delta_text, delta_copy, delta_dictionary;
const struct delta_ops *delta_find(uint8_t delta); /* NULL: unknown */

#define DELTA_KEYFRAME_SHARE 4 /* a delta under this share of the content: a keyframe is not worth trying */

/* How a base is used best: copy; text, with the ends that both share; else binary. Both of some length. */
uint8_t delta_choose(struct span content, struct span base, size_t *head, size_t *tail);
/* Bytes that two contents share at the start and at the end, without overlap in either. */
void delta_ends(struct span content, struct span base, size_t *head, size_t *tail);
#endif

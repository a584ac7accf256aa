/* expand: a packed content back, in one go or in parts. packer.h is the door; this is for it, and for tests.
 *
 * Whatever the delta, a content is bytes of the base, then what the codec makes, then bytes of the base again (see
 * delta.h); it grows from its start to its end. Where all of it lies somewhere already (the base, or a payload that was
 * not compressed), nothing is copied. */
#ifndef ENGINE_CORE_OPTIMIZE_EXPAND_H
#define ENGINE_CORE_OPTIMIZE_EXPAND_H
#include "engine/core/optimize/delta.h"

struct expansion {
	struct codec_tools *tools;
	const struct codec_ops *codec;
	struct delta_split split;
	struct span base;
	size_t len, done;
	bool begun, middle; /* the codec has; it is done */
};

/* Borrows all of it until the last part. False: no payload of this delta for this base. */
bool expansion_start(struct expansion *x, struct codec_tools *t, uint8_t delta, uint8_t codec, struct span packed,
                     struct span base, size_t len);
/* False: it has to be made. */
bool expansion_lies(const struct expansion *x, struct span *content);
/* At least so many more bytes of it (fewer at the end; some codecs do all at once), to out + done, `out` being the same
 * each time and having room for len, or NULL where it lies somewhere. GOT_ALL: done is len. GOT_NOTHING: damaged. It
 * never writes more than len bytes, whatever the payload. */
enum got expansion_more(struct expansion *x, uint8_t *out, size_t bytes);
void expansion_end(struct expansion *x); /* lets go of what it borrowed */
#endif

/* body: what a change says to the other devices, before it is sealed.
 *
 * Layout. One byte: kind (bits 0-2), base tag (3-4), 0x20 named, 0x40 side, 0x80 has metadata. Unless it is a delete:
 * one byte delta (low half) and compression (high half); metadata byte if any; mtime as a signed varint, milliseconds
 * after the change's edit time; content_len varint. Then the base version (16) if EXPLICIT; category and path (varint
 * length, bytes) if named; main item (16), device (16), common version (16), main seq (varint) if side. The rest is the
 * payload. An ordinary update's header is 6 bytes. */
#ifndef ENGINE_CORE_OPTIMIZE_BODY_H
#define ENGINE_CORE_OPTIMIZE_BODY_H
#include "base/buf.h"
#include "base/err.h"
#include "base/id.h"
#include "engine/core/world.h"

enum body_base {
	BODY_BASE_NONE,
	BODY_BASE_IMPLIED,  /* the version that the change's base (a log number of the same item) made */
	BODY_BASE_EXPLICIT, /* base_version, of whatever item */
};

struct body {
	uint8_t kind;               /* enum change_kind */
	uint8_t base_tag;           /* enum body_base; what the delta builds on, or for a keyframe: what was edited */
	struct id base_version;     /* EXPLICIT only */
	uint8_t meta;               /* META_* */
	uint8_t delta, compression; /* enum delta, enum codec (packer.h) */
	int64_t mtime_ms;           /* since 1970, as the file said; any value */
	uint64_t content_len;
	bool named; /* category and path follow: on keyframes, and on everything of a side item */
	struct span category, path;
	bool side; /* a second version of main_item, kept by side_device */
	struct id main_item, side_device;
	struct id side_common; /* the version both sides came from; zero: none */
	uint64_t main_seq;     /* the head of main_item that it differs from */
	struct span payload;
};

/* Appends. The caller's values must be valid (asserted). `edited_hlc`: the change's. */
void body_put(struct buf *out, const struct body *b, uint64_t edited_hlc);
/* Checks everything that comes from outside: ranges, names (relpath.h), lengths. Spans of the result borrow from
 * `plain`. A delete has no delta, metadata, mtime, length or payload: zeros. */
bool body_get(struct body *b, struct span plain, uint64_t edited_hlc, struct err *e);

int64_t body_edited_ms(uint64_t edited_hlc); /* wall clock part of a hybrid time, ms since 1970 */
#endif

#include "engine/core/optimize/body.h"

#include <assert.h>

#include "base/relpath.h"
#include "engine/core/limits.h"
#include "engine/core/optimize/packer.h"
#include "wire/wire.h"

#define BITS_KIND       0x07
#define BITS_BASE       0x18
#define BASE_SHIFT      3
#define BIT_NAMED       0x20
#define BIT_SIDE        0x40
#define BIT_META        0x80
#define META_ALL        (META_EXEC | META_PRIVATE | META_LINK)
#define LINK_TARGET_MAX 4096

int64_t body_edited_ms(uint64_t edited_hlc)
{
	return (int64_t)(edited_hlc >> 12) + WIRE_EPOCH_MS;
}

void body_put(struct buf *out, const struct body *b, uint64_t edited_hlc)
{
	bool content = b->kind != KIND_DELETE;
	assert(b->kind <= KIND_RENAME && b->base_tag <= BODY_BASE_EXPLICIT && !(b->meta & ~META_ALL));
	assert(b->delta < DELTA_COUNT && b->compression < CODEC_COUNT && (content || b->payload.len == 0));
	assert(b->delta == DELTA_NONE || b->base_tag != BODY_BASE_NONE);

	buf_u8(out, (uint8_t)(b->kind | b->base_tag << BASE_SHIFT | (b->named ? BIT_NAMED : 0) |
	                      (b->side ? BIT_SIDE : 0) | (content && b->meta ? BIT_META : 0)));
	if (content) {
		buf_u8(out, (uint8_t)(b->delta | b->compression << 4));
		if (b->meta)
			buf_u8(out, b->meta);
		buf_signed(out, (int64_t)((uint64_t)b->mtime_ms - (uint64_t)body_edited_ms(edited_hlc)));
		buf_varint(out, b->content_len);
	}
	if (b->base_tag == BODY_BASE_EXPLICIT)
		buf_put(out, b->base_version.b, ID_LEN);
	if (b->named) {
		buf_bytes(out, b->category);
		buf_bytes(out, b->path);
	}
	if (b->side) {
		buf_put(out, b->main_item.b, ID_LEN);
		buf_put(out, b->side_device.b, ID_LEN);
		buf_put(out, b->side_common.b, ID_LEN);
		buf_varint(out, b->main_seq);
	}
	buf_span(out, b->payload);
}

static struct id take_id(struct reader *r)
{
	const uint8_t *p = reader_take(r, ID_LEN);
	return p ? id_from(p) : (struct id){ 0 };
}

static bool bad(struct err *e, const char *why)
{
	return err_set(e, "change", "update syncline on the device that made it", "%s", why);
}

static bool get_content(struct body *b, struct reader *r, bool has_meta, uint64_t edited_hlc, struct err *e)
{
	uint8_t how = reader_u8(r);
	b->delta = how & 15;
	b->compression = how >> 4;
	b->meta = has_meta ? reader_u8(r) : 0;
	b->mtime_ms = (int64_t)((uint64_t)body_edited_ms(edited_hlc) +
	                        (uint64_t)reader_signed(r)); /* wraps, as in body_put */
	b->content_len = reader_varint(r);
	if (r->bad)
		return bad(e, "its body ends too early");
	if (b->delta >= DELTA_COUNT || b->compression >= CODEC_COUNT)
		return bad(e, "it is packed in a way that this version does not know");
	if (b->delta != DELTA_NONE && b->base_tag == BODY_BASE_NONE)
		return bad(e, "it is a delta that names no base");
	if ((has_meta && !b->meta) || (b->meta & ~META_ALL) || (b->meta & META_LINK && b->meta != META_LINK))
		return bad(e, "its metadata is not valid");
	if (b->content_len > LIMIT_EXPANSION)
		return bad(e, "it says that it is larger than an item may be");
	if ((b->meta & META_LINK) && (b->content_len == 0 || b->content_len >= LINK_TARGET_MAX))
		return bad(e, "its link has no valid target");
	return true;
}

static bool get_names(struct body *b, struct reader *r, struct err *e)
{
	b->category = reader_bytes(r, CATEGORY_MAX);
	b->path = reader_bytes(r, RELPATH_MAX);
	if (r->bad)
		return bad(e, "its name is cut off or too long");
	const char *why = relpath_bad_category((const char *)b->category.data, b->category.len);
	if (why)
		return err_set(e, "change", "", "its category %s", why);
	why = relpath_bad((const char *)b->path.data, b->path.len);
	if (why)
		return err_set(e, "change", "", "its name %s", why);
	return true;
}

bool body_get(struct body *b, struct span plain, uint64_t edited_hlc, struct err *e)
{
	struct reader r = reader_of(plain);
	uint8_t head = reader_u8(&r);
	*b = (struct body){
		.kind = head & BITS_KIND,
		.base_tag = (head & BITS_BASE) >> BASE_SHIFT,
		.named = head & BIT_NAMED,
		.side = head & BIT_SIDE,
	};
	if (r.bad)
		return bad(e, "its body is empty");
	if (b->kind > KIND_RENAME || b->base_tag > BODY_BASE_EXPLICIT)
		return bad(e, "it is of a kind that this version does not know");
	if (b->kind == KIND_DELETE && (head & BIT_META))
		return bad(e, "it is a delete with metadata");
	if (b->kind != KIND_DELETE && !get_content(b, &r, head & BIT_META, edited_hlc, e))
		return false;
	if (b->base_tag == BODY_BASE_EXPLICIT)
		b->base_version = take_id(&r);
	if (b->named && !get_names(b, &r, e))
		return false;
	if (b->side) {
		b->main_item = take_id(&r);
		b->side_device = take_id(&r);
		b->side_common = take_id(&r);
		b->main_seq = reader_varint(&r);
	}
	if (r.bad)
		return bad(e, "its body ends too early");
	if (b->base_tag == BODY_BASE_EXPLICIT && id_zero(&b->base_version))
		return bad(e, "it names no version as its base");
	b->payload = span_of(r.at, reader_left(&r));
	if (b->kind == KIND_DELETE && b->payload.len)
		return bad(e, "it is a delete with content");
	return true;
}

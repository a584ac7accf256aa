#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

size_t utf8_decode(const void *bytes, size_t len, uint32_t *point)
{
	const uint8_t *p = bytes;
	if (len == 0)
		return 0;
	if (p[0] < 0x80) {
		*point = p[0];
		return 1;
	}
	size_t need = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	if (p[0] < 0xc2 || p[0] > 0xf4 || len < need)
		return 0;
	uint32_t value = p[0] & (0xff >> (need + 1));
	for (size_t i = 1; i < need; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		value = value << 6 | (p[i] & 0x3f);
	}
	if ((need == 3 && value < 0x800) || (need == 4 && value < 0x10000) || value > 0x10ffff ||
	    (value >= 0xd800 && value <= 0xdfff))
		return 0;
	*point = value;
	return need;
}

size_t utf8_encode(uint32_t c, char out[4])
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

bool utf8_valid(const void *bytes, size_t len)
{
	const uint8_t *p = bytes;
	uint32_t point;
	while (len) {
		size_t n = utf8_decode(p, len, &point);
		if (!n)
			return false;
		p += n;
		len -= n;
	}
	return true;
}

bool utf8_unsafe(uint32_t c)
{
	static const struct {
		uint32_t from, to;
	} unsafe[] = {
		{ 0x0000, 0x001f },   { 0x007f, 0x009f },   { 0x00ad, 0x00ad },   { 0x034f, 0x034f },
		{ 0x061c, 0x061c },   { 0x115f, 0x1160 },   { 0x17b4, 0x17b5 },   { 0x180b, 0x180f },
		{ 0x200b, 0x200f },   { 0x2028, 0x202e },   { 0x2060, 0x206f },   { 0x3164, 0x3164 },
		{ 0xe000, 0xf8ff },   { 0xfdd0, 0xfdef },   { 0xfe00, 0xfe0f },   { 0xfeff, 0xfeff },
		{ 0xffa0, 0xffa0 },   { 0xfff0, 0xfffb },   { 0xfffe, 0xffff },   { 0x1bca0, 0x1bca3 },
		{ 0x1d173, 0x1d17a }, { 0xe0000, 0x10ffff },
	};
	for (size_t i = 0; i < sizeof unsafe / sizeof *unsafe; i++)
		if (c >= unsafe[i].from && c <= unsafe[i].to)
			return true;
	return false;
}

static size_t show_one(const uint8_t *p, size_t len, char out[16], size_t *used)
{
	uint32_t point;
	size_t n = utf8_decode(p, len, &point);
	*used = n ? n : 1;
	if (!n)
		return (size_t)snprintf(out, 16, "\\x%02x", p[0]);
	if (!utf8_unsafe(point)) {
		memcpy(out, p, n);
		return n;
	}
	if (point == '\t' || point == '\n' || point == '\r')
		return (size_t)snprintf(out, 16, "\\%c", point == '\t' ? 't' : point == '\n' ? 'n' : 'r');
	if (point < 0x100)
		return (size_t)snprintf(out, 16, "\\x%02x", (unsigned)point);
	return (size_t)snprintf(out, 16, point > 0xffff ? "\\U%06x" : "\\u%04x", (unsigned)point);
}

const char *utf8_show(char *out, size_t cap, const void *bytes, size_t len)
{
	const uint8_t *p = bytes;
	size_t at = 0;
	if (!cap)
		return "";
	while (len) {
		char one[16];
		size_t used, n = show_one(p, len, one, &used);
		if (at + n >= cap)
			break;
		memcpy(out + at, one, n);
		at += n;
		p += used;
		len -= used;
	}
	out[at] = 0;
	return out;
}

char *utf8_show_dup(const void *bytes, size_t len)
{
	char *out = mem_alloc(len * 6 + 16); /* the widest escape of one byte is \xHH, of a 4-byte point 8 characters */
	utf8_show(out, len * 6 + 16, bytes, len);
	return out;
}

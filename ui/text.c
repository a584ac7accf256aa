#include "ui/text.h"

#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

struct filling {
	struct cell *out;
	size_t cap, n;
	enum role role;
	int base; /* the cell that a combining mark joins, or -1 */
	bool full;
};

static void put_point(struct filling *f, wchar_t point, int width, enum role role)
{
	if (f->full || f->n + (size_t)width > f->cap) {
		f->full = true;
		return;
	}
	f->base = (int)f->n;
	f->out[f->n++] = (struct cell){ .text = { point }, .width = (uint8_t)width, .role = (uint8_t)role };
	if (width == 2)
		f->out[f->n++] = (struct cell){ .role = (uint8_t)role };
}

static void put_escape(struct filling *f, const char *text)
{
	for (; *text; text++)
		put_point(f, (wchar_t)*text, 1, ROLE_UNSAFE);
	f->base = -1;
}

static void put_escaped_point(struct filling *f, uint32_t c)
{
	char text[16];
	if (c == '\t' || c == '\n' || c == '\r')
		snprintf(text, sizeof text, "\\%c", c == '\t' ? 't' : c == '\n' ? 'n' : 'r');
	else
		snprintf(text, sizeof text, c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%06x", (unsigned)c);
	put_escape(f, text);
}

static void put_escaped_bytes(struct filling *f, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char text[8];
		snprintf(text, sizeof text, "\\x%02x", p[i]);
		put_escape(f, text);
	}
}

static void put_mark(struct filling *f, uint32_t point)
{
	if (f->base < 0)
		put_point(f, L' ', 1, f->role);
	if (f->full)
		return;
	wchar_t *text = f->out[f->base].text;
	size_t marks = 1;
	while (marks <= CELL_MARKS && text[marks])
		marks++;
	if (marks <= CELL_MARKS) {
		text[marks] = (wchar_t)point;
	} else {
		int base = f->base;
		put_escaped_point(f, point);
		f->base = base; /* the next mark of this pile is escaped too */
	}
}

static bool is_emoji(uint32_t c)
{
	return (c >= 0x1f000 && c <= 0x1faff) || (c >= 0x2600 && c <= 0x27bf) || (c >= 0x2b00 && c <= 0x2bff) ||
	       (c >= 0x2190 && c <= 0x23ff);
}

/* Letters of scripts in which joiners choose between shapes: Arabic, Syriac, Indic, Myanmar, Khmer, Mongolian. */
static bool is_joining(uint32_t c)
{
	return (c >= 0x0620 && c <= 0x074f) || (c >= 0x0900 && c <= 0x0dff) || (c >= 0x1000 && c <= 0x109f) ||
	       (c >= 0x1780 && c <= 0x17ff) || (c >= 0x1820 && c <= 0x18aa);
}

/* A joiner where writing needs one is left out of the display; anywhere else it is a trick and is shown. */
static bool is_needless(uint32_t before, uint32_t c, const uint8_t *next, size_t left)
{
	uint32_t after = 0;
	if (c == 0xfe0f)
		return is_emoji(before);
	if (c != 0x200c && c != 0x200d)
		return false;
	utf8_decode(next, left, &after);
	return (c == 0x200d && is_emoji(before) && is_emoji(after)) || (is_joining(before) && is_joining(after));
}

static uint32_t ascii_form(uint32_t c)
{
	static const struct {
		uint16_t glyph;
		char ascii;
	} forms[] = {
		{ 0x2713, '=' }, { 0x2717, 'x' }, { 0x21e1, '^' }, { 0x21e3, 'v' }, { 0x21c4, '%' }, { 0x2219, '.' },
		{ 0x25aa, '#' }, { 0x25b8, '>' }, { 0x22ef, '~' }, { 0x2581, '.' }, { 0x2582, ':' }, { 0x2583, '-' },
		{ 0x2584, '=' }, { 0x2585, '+' }, { 0x2586, '*' }, { 0x2587, '#' }, { 0x2588, '@' },
	};
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
		if (forms[i].glyph == c)
			return (uint8_t)forms[i].ascii;
	return 0;
}

size_t ui_text(struct cell *out, size_t cap, const void *bytes, size_t len, enum role role, unsigned how)
{
	struct filling f = { .out = out, .cap = cap, .role = role, .base = -1 };
	const uint8_t *p = bytes;
	uint32_t before = 0;
	while (len && !f.full) {
		uint32_t c = 0;
		size_t n = utf8_decode(p, len, &c);
		if (!n) {
			put_escaped_bytes(&f, p, 1);
			n = 1;
			c = 0;
		} else if (c == '\t' && (how & TEXT_LAYOUT)) {
			do
				put_point(&f, L' ', 1, role);
			while (f.n % 8 && !f.full);
		} else if (is_needless(before, c, p + n, len - n)) {
			c = before;
		} else if (utf8_unsafe(c)) {
			put_escaped_point(&f, c);
		} else if (c < 0x80) {
			put_point(&f, (wchar_t)c, 1, role);
		} else if (how & TEXT_ASCII) {
			uint32_t form = how & TEXT_CHROME ? ascii_form(c) : 0;
			if (form)
				put_point(&f, (wchar_t)form, 1, role);
			else
				put_escaped_bytes(&f, p, n);
		} else {
			int width = wcwidth((wchar_t)c);
			if (width < 0)
				put_escaped_point(&f, c);
			else if (width == 0)
				put_mark(&f, c);
			else
				put_point(&f, (wchar_t)c, width, role);
		}
		before = c;
		p += n;
		len -= n;
	}
	return f.n;
}

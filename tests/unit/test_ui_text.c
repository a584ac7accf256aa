#include <criterion/criterion.h>
#include <locale.h>
#include <string.h>

#include "base/utf8.h"
#include "ui/canvas.h"

static void in_utf8(void)
{
	setlocale(LC_CTYPE, "C.UTF-8");
}

TestSuite(ui_text, .init = in_utf8);

/* What a row of 60 cells shows of these bytes; the role of the first unsafe cell is checked on the way. */
static const char *shown(const void *bytes, size_t len, unsigned how)
{
	static char out[4096];
	struct cell cells[200];
	char *at = out;
	size_t n = ui_text(cells, 200, bytes, len, ROLE_TEXT, how);
	for (size_t i = 0; i < n; i++)
		for (int k = 0; cells[i].width && k <= CELL_MARKS && cells[i].text[k]; k++)
			at += utf8_encode((uint32_t)cells[i].text[k], at);
	*at = 0;
	return out;
}
#define SHOWS(bytes, text) cr_expect_str_eq(shown(bytes, sizeof(bytes) - 1, 0), text)

Test(ui_text, plain_text_passes)
{
	SHOWS("editor.tabWidth", "editor.tabWidth");
	SHOWS("a\\x1b", "a\\x1b"); /* a literal backslash stays: the role tells the difference */
	SHOWS("Grüße 東京 ☃", "Grüße 東京 ☃");
}

Test(ui_text, control_characters_are_shown)
{
	SHOWS("\x1b]0;pwned\x07", "\\x1b]0;pwned\\x07");
	SHOWS("a\0b", "a\\x00b");
	SHOWS("\x7f", "\\x7f");
	SHOWS("\xc2\x9b"
	      "31m",
	      "\\x9b31m");
	SHOWS("a\tb\nc\r", "a\\tb\\nc\\r");
}

Test(ui_text, bytes_that_are_no_text)
{
	SHOWS("\xff\xfe", "\\xff\\xfe");
	SHOWS("\xc0\xaf", "\\xc0\\xaf");                   /* overlong */
	SHOWS("\xed\xa0\x80", "\\xed\\xa0\\x80");          /* a surrogate */
	SHOWS("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"); /* beyond the last code point */
	SHOWS("caf\xc3", "caf\\xc3");
}

Test(ui_text, order_and_width_cannot_be_tricked)
{
	SHOWS("\xe2\x80\xae"
	      "txt.exe",
	      "\\u202etxt.exe");
	SHOWS("\xe2\x81\xa6x\xe2\x81\xa9", "\\u2066x\\u2069");
	SHOWS("a\xe2\x80\x8b"
	      "b",
	      "a\\u200bb");
	SHOWS("\xef\xbb\xbf", "\\ufeff");
	SHOWS("\xf3\xa0\x81\x81", "\\U0e0041");
	SHOWS("a\xe2\x80\xa8", "a\\u2028");
	SHOWS("\xee\x80\x80", "\\ue000");
	SHOWS("\xc2\xad", "\\xad");
}

Test(ui_text, joiners_are_dropped_only_where_writing_needs_them)
{
	SHOWS("\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbb", "\xf0\x9f\x91\xa9\xf0\x9f\x92\xbb");
	SHOWS("a\xe2\x80\x8d\xf0\x9f\x92\xbb", "a\\u200d\xf0\x9f\x92\xbb");
	SHOWS("\xe2\x98\x83\xef\xb8\x8f", "\xe2\x98\x83");
	SHOWS("x\xef\xb8\x8f", "x\\ufe0f");
}

Test(ui_text, marks_stay_on_their_base)
{
	struct cell cells[64];
	size_t n = ui_text(cells, 64, "e\xcc\x81x", 4, ROLE_TEXT, 0);
	cr_expect_eq(n, 2);
	cr_expect_eq(cells[0].text[1], 0x301);
	n = ui_text(cells, 64, "\xcc\x81", 2, ROLE_TEXT, 0);
	cr_expect_eq(n, 1);
	cr_expect_eq(cells[0].text[0], L' ');
	char pile[64] = "a";
	for (int i = 0; i < 6; i++)
		strcat(pile, "\xcc\x81");
	cr_expect_str_eq(shown(pile, strlen(pile), 0), "a\xcc\x81\xcc\x81\xcc\x81\xcc\x81\\u0301\\u0301");
}

Test(ui_text, unsafe_cells_have_their_role)
{
	struct cell cells[16];
	ui_text(cells, 16, "a\x1b", 2, ROLE_MINE, 0);
	cr_expect_eq(cells[0].role, ROLE_MINE);
	for (int i = 1; i < 5; i++)
		cr_expect_eq(cells[i].role, ROLE_UNSAFE);
}

Test(ui_text, ascii_terminals_get_ascii)
{
	cr_expect_str_eq(shown("⇡14 ⇣3 ✓", strlen("⇡14 ⇣3 ✓"), TEXT_ASCII | TEXT_CHROME), "^14 v3 =");
	cr_expect_str_eq(shown("⇡ü", strlen("⇡ü"), TEXT_ASCII), "\\xe2\\x87\\xa1\\xc3\\xbc");
}

/* Whatever comes in: no cell holds a byte or code point that steers a terminal. */
Test(ui_text, nothing_unsafe_ever_gets_into_a_cell)
{
	uint32_t seed = 1;
	for (int round = 0; round < 20000; round++) {
		uint8_t bytes[24];
		struct cell cells[400];
		for (size_t i = 0; i < sizeof bytes; i++) {
			seed = seed * 1664525 + 1013904223;
			bytes[i] = (uint8_t)(round % 3 ? seed >> 24 : (seed >> 24) | 0xc0);
		}
		if (round % 2) { /* code points of the dangerous blocks */
			static const uint32_t bases[] = {
				0x80, 0x2000, 0x2060, 0xe0000, 0xfe00, 0xfff0, 0x600, 0x1f468
			};
			size_t at = 0;
			while (at + 4 < sizeof bytes) {
				seed = seed * 1664525 + 1013904223;
				at += utf8_encode(bases[seed >> 29] + (seed >> 8 & 127), (char *)bytes + at);
			}
		}
		size_t n = ui_text(cells, 400, bytes, sizeof bytes, ROLE_TEXT, round & TEXT_ASCII);
		for (size_t i = 0; i < n; i++)
			for (int k = 0; cells[i].width && k <= CELL_MARKS && cells[i].text[k]; k++) {
				uint32_t c = (uint32_t)cells[i].text[k];
				cr_assert(!utf8_unsafe(c), "U+%04x", c);
				cr_assert(!(round & TEXT_ASCII) || c < 127);
			}
	}
}

Test(ui_text, canvas_cuts_at_cells)
{
	struct canvas c;
	char row[400];
	canvas_init(&c, 12, 2, false);
	cr_expect_eq(canvas_text(&c, 1, 0, 6, ROLE_TEXT, "abcdefghij"), 6);
	cr_expect_str_eq(canvas_row(&c, 0, row), " abcde⋯     ");
	canvas_clear(&c);
	canvas_text(&c, 0, 0, 6, ROLE_TEXT, "東京都庁");
	cr_expect_str_eq(canvas_row(&c, 0, row), "東京 ⋯      "); /* half of a wide one is a blank */
	canvas_clear(&c);
	canvas_text(&c, 0, 0, 4, ROLE_TEXT, "東京");
	canvas_put(&c, 1, 0, 1, ROLE_TEXT, "x");
	cr_expect_str_eq(canvas_row(&c, 0, row), " x京        ");
	canvas_clear(&c);
	canvas_right(&c, 10, 1, ROLE_TEXT, "%d hunks", 3);
	cr_expect_str_eq(canvas_row(&c, 1, row), "    3 hunks ");
	canvas_clear(&c);
	canvas_text(&c, 0, 0, 100, ROLE_TEXT, "aaaaaaaaaaaaaaaaaaaaaaa"); /* the last column stays empty */
	cr_expect_str_eq(canvas_row(&c, 0, row), "aaaaaaaaaa⋯ ");
	canvas_finish(&c);
}

Test(ui_text, drawing_outside_does_nothing)
{
	struct canvas c;
	canvas_init(&c, 3, 1, false);
	for (int x = -5; x < 9; x++)
		for (int y = -2; y < 3; y++)
			for (int w = -1; w < 6; w++) {
				canvas_text(&c, x, y, w, ROLE_TEXT, "東x京");
				canvas_line(&c, x, y, w, ROLE_TEXT, "\ta\xe6\x9d\xb1", 5, x + 5);
				canvas_right(&c, x, y, ROLE_TEXT, "東京%d", w);
				canvas_flag(&c, x, y, w, CELL_SELECTED);
				canvas_heading(&c, x, y, w, "HEAD");
			}
	canvas_finish(&c);
}

#include <criterion/criterion.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ui/text.h"
#include "ui/theme.h"

static struct theme_book book;

static void open_book(void)
{
	theme_book_init(&book);
}

static void close_book(void)
{
	theme_book_finish(&book);
}

TestSuite(ui_theme, .init = open_book, .fini = close_book);

static const char *const shipped[] = { "harbor", "paper", "signal", "beacon", "ink" };

static bool add(const char *text)
{
	struct err e;
	return theme_book_add_text(&book, "test.theme", text, strlen(text), &e);
}

Test(ui_theme, five_are_shipped_and_say_every_role)
{
	struct style styles[ROLE_COUNT];
	cr_assert_eq(book.count, 5);
	cr_expect_eq(book.warnings, 0, "%s", book.warning);
	for (size_t i = 0; i < 5; i++) {
		const struct theme *t = theme_find(&book, shipped[i]);
		cr_assert(t);
		for (int depth = 0; depth < DEPTH_COUNT; depth++) {
			theme_resolve(&book, t, (enum theme_depth)depth, styles);
			for (int r = 0; r < ROLE_COUNT; r++) {
				cr_expect(styles[r].set);
				if (depth == DEPTH_MONO)
					cr_expect(styles[r].fg < 0 && styles[r].bg < 0, "%s has colour in mono",
					          shipped[i]);
				if (depth == DEPTH_8)
					cr_expect(styles[r].fg < 16 && styles[r].fg != 4,
					          "%s: plain blue, or no such colour", shipped[i]);
			}
		}
		for (int r = 0; r < ROLE_COUNT; r++) /* people redefine the first sixteen */
			cr_expect(!t->styles[DEPTH_256][r].set || t->styles[DEPTH_256][r].fg < 0 ||
			                  t->styles[DEPTH_256][r].fg >= 16,
			          "%s uses a user's colour", shipped[i]);
	}
	cr_expect(theme_find(&book, "ink")->mono);
}

/* ---- contrast and colour vision ---- */

static double linear(int v)
{
	double c = v / 255.0;
	return c <= 0.04045 ? c / 12.92 : pow((c + 0.055) / 1.055, 2.4);
}

static double luminance(int colour)
{
	int c[3];
	theme_rgb(colour, c);
	return 0.2126 * linear(c[0]) + 0.7152 * linear(c[1]) + 0.0722 * linear(c[2]);
}

static double contrast(double a, double b)
{
	return a > b ? (a + 0.05) / (b + 0.05) : (b + 0.05) / (a + 0.05);
}

/* Machado, Oliveira and Fernandes 2009, full severity: normal, protan, deutan, tritan. */
static const double vision[4][9] = {
	{ 1, 0, 0, 0, 1, 0, 0, 0, 1 },
	{ 0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998 },
	{ 0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.011820, 0.042940, 0.968881 },
	{ 1.255528, -0.076749, -0.178779, -0.078411, 0.930809, 0.147602, 0.004733, 0.691367, 0.303900 },
};

static double f_lab(double t)
{
	return t > 0.008856 ? cbrt(t) : 7.787 * t + 16.0 / 116;
}

static void lab(int colour, const double m[9], double out[3])
{
	int c[3];
	double rgb[3], s[3];
	theme_rgb(colour, c);
	for (int i = 0; i < 3; i++)
		rgb[i] = linear(c[i]);
	for (int i = 0; i < 3; i++) {
		double v = m[3 * i] * rgb[0] + m[3 * i + 1] * rgb[1] + m[3 * i + 2] * rgb[2];
		s[i] = v < 0 ? 0 : v > 1 ? 1 : v;
	}
	double x = f_lab((0.4124 * s[0] + 0.3576 * s[1] + 0.1805 * s[2]) / 0.95047);
	double y = f_lab(0.2126 * s[0] + 0.7152 * s[1] + 0.0722 * s[2]);
	double z = f_lab((0.0193 * s[0] + 0.1192 * s[1] + 0.9505 * s[2]) / 1.08883);
	out[0] = 116 * y - 16;
	out[1] = 500 * (x - y);
	out[2] = 200 * (y - z);
}

static double distance(int a, int b, const double m[9])
{
	double p[3], q[3];
	lab(a, m, p);
	lab(b, m, q);
	return sqrt((p[0] - q[0]) * (p[0] - q[0]) + (p[1] - q[1]) * (p[1] - q[1]) + (p[2] - q[2]) * (p[2] - q[2]));
}

Test(ui_theme, what_must_be_told_apart_can_be_by_every_eye)
{
	static const enum role pairs[][2] = { { ROLE_OK, ROLE_ERROR },
		                              { ROLE_OK, ROLE_CONFLICT },
		                              { ROLE_MINE, ROLE_THEIRS },
		                              { ROLE_ADDED, ROLE_REMOVED },
		                              { ROLE_UP, ROLE_DOWN } };
	for (size_t i = 0; i < 4; i++) {
		struct style styles[ROLE_COUNT];
		theme_resolve(&book, theme_find(&book, shipped[i]), DEPTH_256, styles);
		for (size_t p = 0; p < 5; p++)
			for (int eye = 0; eye < 4; eye++) {
				double d = distance(styles[pairs[p][0]].fg, styles[pairs[p][1]].fg, vision[eye]);
				cr_expect_geq(d, 40, "%s: pair %zu, eye %d: %.1f", shipped[i], p, eye, d);
			}
	}
}

Test(ui_theme, accents_can_be_read)
{
	static const struct {
		const char *name;
		double least;
		double backgrounds[3];
	} on[] = { { "harbor", 3.0, { 0, 0.0130, 1 } },
		   { "paper", 4.3, { 1, 0.9216, 1 } },
		   { "beacon", 8.8, { 0, 0, 0 } } };
	for (size_t i = 0; i < 3; i++) {
		struct style styles[ROLE_COUNT];
		theme_resolve(&book, theme_find(&book, on[i].name), DEPTH_256, styles);
		for (int r = 0; r < ROLE_COUNT; r++)
			for (int b = 0; b < 3 && styles[r].fg >= 0; b++)
				cr_expect_geq(contrast(luminance(styles[r].fg), on[i].backgrounds[b]), on[i].least,
				              "%s: role %d (%d) on %d", on[i].name, r, styles[r].fg, b);
	}
}

/* ---- files ---- */

Test(ui_theme, the_grammar_is_gits)
{
	struct style s;
	const char *why;
	cr_expect(theme_parse_style("5fd7af", &s, &why) && s.fg == 79 && s.bg == STYLE_UNSAID);
	cr_expect(theme_parse_style("\t d78700   bold", &s, &why) && s.attr == STYLE_BOLD);
	cr_expect(theme_parse_style("default 236", &s, &why) && s.fg == STYLE_DEFAULT && s.bg == 236);
	cr_expect(theme_parse_style("brightred blue nobold ul", &s, &why) && s.fg == 9 && s.bg == 4 &&
	          s.attr == STYLE_UL);
	cr_expect(!theme_parse_style("", &s, &why) && strstr(why, "without #"));
	cr_expect(!theme_parse_style("256", &s, &why));
	cr_expect(!theme_parse_style("-1", &s, &why));
	cr_expect(!theme_parse_style("red red", &s, &why));
	cr_expect(!theme_parse_style("red green blue", &s, &why));
	cr_expect(!theme_parse_style("chartreuse", &s, &why));
	for (int i = 0; i < 4096; i++) {
		int c = theme_nearest((i & 15) * 17, (i >> 4 & 15) * 17, (i >> 8 & 15) * 17);
		cr_assert(c >= 16 && c <= 255);
	}
}

Test(ui_theme, a_mistake_costs_one_role)
{
	struct style styles[ROLE_COUNT];
	cr_assert(add("[theme \"mine\"]\n\tbase = paper\n\tok = #5fd7af\n\terror = 160 bold\n\tsparkle = 3\n"));
	cr_expect_eq(book.warnings, 2);
	theme_resolve(&book, theme_find(&book, "mine"), DEPTH_256, styles);
	cr_expect_eq(styles[ROLE_ERROR].fg, 160);
	cr_expect_eq(styles[ROLE_OK].fg, 24); /* paper's */
	book.warnings = 0;
	cr_assert(add("[theme \"mine\"]\n\tok = #5fd7af\n"));
	cr_expect(strstr(book.warning, "test.theme:2:") && strstr(book.warning, "without #"), "%s", book.warning);
}

Test(ui_theme, eight_lines_are_a_theme)
{
	struct style styles[ROLE_COUNT];
	cr_assert(add("[theme \"small\"]\n\ttext = default\n\tmuted = 240\n\theading = 33 bold\n\tok = 71\n\tbusy = "
	              "75\n\twarn = 178\n"
	              "\terror = 167 bold\n\tselected = default 236\n"));
	theme_resolve(&book, theme_find(&book, "small"), DEPTH_256, styles);
	cr_expect_eq(styles[ROLE_CONFLICT].fg, 167);
	cr_expect_eq(styles[ROLE_SAVED].fg, 71);
	cr_expect_eq(styles[ROLE_UP].fg, 75);
	cr_expect_eq(styles[ROLE_TAB].fg, 240);
	cr_expect_eq(styles[ROLE_KEY].attr, STYLE_BOLD); /* harbor's attribute */
	struct style bar = theme_cell(styles, ROLE_OK, CELL_SELECTED);
	cr_expect(bar.fg == 71 && bar.bg == 236);
	cr_expect(theme_cell(styles, ROLE_CONFLICT, CELL_VERDICT).attr & STYLE_REVERSE);
}

Test(ui_theme, bases_that_go_round_end)
{
	struct style styles[ROLE_COUNT];
	cr_assert(add("[theme \"a\"]\n\tbase = b\n[theme \"b\"]\n\tbase = a\n"));
	theme_resolve(&book, theme_find(&book, "a"), DEPTH_256, styles);
	cr_expect_eq(styles[ROLE_TEXT].fg, STYLE_DEFAULT);
}

static char folder[64], path[96];

static void in_folder(void)
{
	open_book();
	strcpy(folder, "/tmp/syncline-theme-XXXXXX");
	cr_assert(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/x.theme", folder);
}

static void out_of_folder(void)
{
	char other[96];
	snprintf(other, sizeof other, "%s/other", folder);
	unlink(path);
	unlink(other);
	rmdir(folder);
	close_book();
}

TestSuite(ui_theme_file, .init = in_folder, .fini = out_of_folder, .timeout = 10);

static void put(const char *text)
{
	FILE *f = fopen(path, "w");
	cr_assert(f && fputs(text, f) >= 0 && !fclose(f));
}

static bool refused(void)
{
	struct err e = { 0 };
	size_t before = book.count;
	return !theme_book_add_file(&book, path, &e) && e.why[0] && book.count == before;
}

Test(ui_theme_file, files_that_lead_elsewhere_are_refused)
{
	char other[96];
	snprintf(other, sizeof other, "%s/other", folder);
	put("[include]\n\tpath = other\n[theme \"x\"]\n\tok = 30\n");
	cr_expect(refused());
	put("[INCLUDE] path = other\n");
	cr_expect(refused());
	put("[a][include] path = other\n[theme \"x\"]\n\tok = 30\n");
	cr_expect(refused());
	put("[includeIf \"gitdir:/\"]\n\tpath = other\n");
	cr_expect(refused());
	unlink(path);
	cr_assert(!mkfifo(path, 0600));
	cr_expect(refused());
	unlink(path);
	cr_assert(!symlink("other", path));
	cr_expect(refused());
	unlink(path);
	cr_expect(refused()); /* not there */
}

Test(ui_theme_file, large_files_and_bad_ones_are_refused)
{
	FILE *f = fopen(path, "w");
	for (int i = 0; i < 65 * 1024; i++)
		fputc(i % 64 ? '#' : '\n', f);
	fclose(f);
	cr_expect(refused());
	put("[theme \"x\"]\n\tbad_key = 3\n");
	cr_expect(refused());
	f = fopen(path, "w");
	fputs("[theme \"x\"]\n", f);
	for (int i = 0; i < THEME_KEYS_MAX + 5; i++)
		fputs("\tok = 30\n", f);
	fclose(f);
	cr_expect(refused());
	put("[theme \"x\"]\n\tok = 31\n");
	struct err e;
	cr_expect(theme_book_add_file(&book, path, &e));
	cr_expect(theme_find(&book, "x"));
}

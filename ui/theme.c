#include "ui/theme.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "sys/gitconfig.h"
#include "ui/text.h"

static const char *const role_names[ROLE_COUNT] = {
#define ROLE_NAME(name, id, parent) [ROLE_##id] = name,
	ROLES(ROLE_NAME)
#undef ROLE_NAME
};

static const uint8_t role_parents[ROLE_COUNT] = {
#define ROLE_PARENT(name, id, parent) [ROLE_##id] = ROLE_##parent,
	ROLES(ROLE_PARENT)
#undef ROLE_PARENT
};

void theme_rgb(int colour, int out[3])
{
	static const int levels[] = { 0, 95, 135, 175, 215, 255 };
	if (colour >= 232) {
		out[0] = out[1] = out[2] = 8 + 10 * (colour - 232);
		return;
	}
	int n = colour < 16 ? 0 : colour - 16;
	out[0] = levels[n / 36];
	out[1] = levels[n / 6 % 6];
	out[2] = levels[n % 6];
}

int theme_nearest(int red, int green, int blue)
{
	int best = 16, least = 1 << 30;
	for (int i = 16; i < 256; i++) {
		int c[3];
		theme_rgb(i, c);
		int far = 3 * (c[0] - red) * (c[0] - red) + 6 * (c[1] - green) * (c[1] - green) +
		          (c[2] - blue) * (c[2] - blue);
		if (far < least) {
			least = far;
			best = i;
		}
	}
	return best;
}

static bool parse_colour(const char *word, int16_t *out)
{
	static const char names[][8] = { "black", "red", "green", "yellow", "blue", "magenta", "cyan", "white" };
	int bright = strncasecmp(word, "bright", 6) ? 0 : 8;
	char *end;
	if (!strcasecmp(word, "default") || !strcasecmp(word, "normal"))
		return *out = STYLE_DEFAULT, true;
	for (int i = 0; i < 8; i++)
		if (!strcasecmp(word + (bright ? 6 : 0), names[i]))
			return *out = (int16_t)(bright + i), true;
	const char *hex = word[0] == '#' ? word + 1 : word;
	if (strlen(hex) == 6 && strspn(hex, "0123456789abcdefABCDEF") == 6) {
		long rgb = strtol(hex, NULL, 16);
		return *out = (int16_t)theme_nearest(rgb >> 16 & 255, rgb >> 8 & 255, rgb & 255), true;
	}
	long number = strtol(word, &end, 10);
	if (end == word || *end || strlen(word) > 3 || number < 0 || number > 255)
		return false;
	return *out = (int16_t)number, true;
}

static bool parse_attr(const char *word, uint8_t *attr)
{
	static const struct {
		const char *name;
		uint8_t bit;
	} names[] = { { "bold", STYLE_BOLD },       { "dim", STYLE_DIM },       { "ul", STYLE_UL },
		      { "reverse", STYLE_REVERSE }, { "italic", STYLE_ITALIC }, { "strike", STYLE_STRIKE } };
	bool off = !strncasecmp(word, "no", 2);
	if (off)
		word += word[2] == '-' ? 3 : 2;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (!strcasecmp(word, names[i].name))
			return *attr = (uint8_t)(off ? *attr & ~names[i].bit : *attr | names[i].bit), true;
	return false;
}

bool theme_parse_style(const char *value, struct style *out, const char **why)
{
	char words[128], *save = NULL;
	int colours = 0;
	*out = (struct style){ .fg = STYLE_UNSAID, .bg = STYLE_UNSAID, .set = true };
	*why = "too long";
	if (strlen(value) >= sizeof words)
		return false;
	strcpy(words, value);
	char *word = strtok_r(words, " \t", &save);
	*why = "empty; write ffaa00 without #";
	if (!word)
		return false;
	for (; word; word = strtok_r(NULL, " \t", &save)) {
		int16_t colour;
		if (parse_attr(word, &out->attr))
			continue;
		*why = "neither a colour nor an attribute";
		if (!parse_colour(word, &colour))
			return false;
		*why = "more than two colours";
		if (colours == 2)
			return false;
		*(colours++ ? &out->bg : &out->fg) = colour;
	}
	*why = "text and background are the same colour";
	return out->fg < 0 || out->fg != out->bg;
}

static void warn(struct theme_book *b, const char *file, int line, const char *key, const char *what)
{
	b->warnings++;
	if (line > 0)
		snprintf(b->warning, sizeof b->warning, "%.80s:%d: %.60s: %.60s", file, line, key, what);
	else
		snprintf(b->warning, sizeof b->warning, "%.80s: %.60s: %.60s", file, key, what);
}

static struct theme *find(const struct theme_book *b, const char *name)
{
	for (size_t i = b->count; i-- > 0;)
		if (!strcasecmp(b->themes[i].name, name))
			return &b->themes[i];
	return NULL;
}

const struct theme *theme_find(const struct theme_book *b, const char *name)
{
	return find(b, name);
}

/* "lagoon/8" is the theme lagoon at depth 8. */
static enum theme_depth split_name(const char *subsection, char name[THEME_NAME_MAX + 1])
{
	const char *slash = strrchr(subsection, '/');
	size_t len = slash ? (size_t)(slash - subsection) : strlen(subsection);
	name[0] = 0;
	if (len && len <= THEME_NAME_MAX) {
		memcpy(name, subsection, len);
		name[len] = 0;
	}
	if (!slash)
		return DEPTH_256;
	return !strcmp(slash, "/8") ? DEPTH_8 : !strcmp(slash, "/mono") ? DEPTH_MONO : DEPTH_COUNT;
}

struct reading {
	struct theme_book *book;
	size_t first; /* of this file's themes */
	int keys;
	const char *file;
};

static bool take_entry(struct reading *r, const struct gitconfig_entry *entry)
{
	const char *subsection = entry->subsection, *key = entry->key, *value = entry->value ? entry->value : "", *why;
	char name[THEME_NAME_MAX + 1];
	int line = entry->line;
	if (strcmp(entry->section, "theme") || !subsection)
		return true;
	if (++r->keys > THEME_KEYS_MAX)
		return false;
	enum theme_depth depth = split_name(subsection, name);
	if (!name[0] || depth == DEPTH_COUNT)
		return warn(r->book, r->file, line, subsection, "no such kind of section"), true;
	struct theme *t = NULL;
	for (size_t i = r->first; i < r->book->count && !t; i++)
		if (!strcasecmp(r->book->themes[i].name, name))
			t = &r->book->themes[i];
	if (!t) {
		MEM_ROOM(r->book->themes, r->book->count, r->book->cap);
		t = &r->book->themes[r->book->count++];
		*t = (struct theme){ 0 };
		strcpy(t->name, name);
	}
	if (!strcasecmp(key, "about"))
		return snprintf(t->about, sizeof t->about, "%s", value), true;
	if (!strcasecmp(key, "base"))
		return snprintf(t->base, sizeof t->base, "%s", value), true;
	if (!strcasecmp(key, "mono"))
		return t->mono = !strcasecmp(value, "true"), true;
	for (int i = 0; i < ROLE_COUNT; i++) {
		struct style style;
		if (strcasecmp(key, role_names[i]))
			continue;
		if (theme_parse_style(value, &style, &why))
			t->styles[depth][i] = style;
		else
			warn(r->book, r->file, line, key, why);
		return true;
	}
	warn(r->book, r->file, line, key, "no such role");
	return true;
}

static bool finish_reading(struct reading *r, struct err *e)
{
	if (r->keys <= THEME_KEYS_MAX)
		return true;
	r->book->count = r->first;
	return err_set(e, r->file, "make it smaller", "more than %d settings", THEME_KEYS_MAX);
}

/* Where a base leads back to itself, the chain ends. */
static const struct style *said(const struct theme_book *b, const struct theme *t, enum theme_depth depth,
                                enum role role)
{
	for (int hops = 0; t && hops < 8; hops++) {
		if (t->styles[depth][role].set)
			return &t->styles[depth][role];
		t = t->base[0] ? find(b, t->base) : NULL;
	}
	return NULL;
}

void theme_resolve(const struct theme_book *b, const struct theme *t, enum theme_depth depth,
                   struct style out[ROLE_COUNT])
{
	const struct theme *harbor = find(b, "harbor");
	for (int i = 0; i < ROLE_COUNT; i++) {
		const struct style *s = NULL, *own;
		/* Below 256 colours nothing is guessed from a role's kin: what a theme does not say, harbor does. */
		for (enum role role = (enum role)i; !s; role = role_parents[role]) {
			s = said(b, t, depth, role);
			if (role == ROLE_TEXT || depth != DEPTH_256 || role_parents[role] == ROLE_TEXT)
				break;
		}
		own = harbor ? &harbor->styles[depth][i] : NULL;
		out[i] = (struct style){ .fg = STYLE_UNSAID, .bg = STYLE_UNSAID, .set = true };
		if (s)
			out[i] = *s;
		else if (own && depth == DEPTH_256 && t != harbor)
			out[i].attr = own->attr;
		else if (own)
			out[i] = *own;
	}
	for (int i = 0; i < ROLE_COUNT; i++) {
		bool first = i == ROLE_TEXT;
		if (out[i].bg == STYLE_UNSAID)
			out[i].bg = first ? STYLE_DEFAULT : out[ROLE_TEXT].bg;
		/* On a painted background the terminal's own text colour could be the same one. */
		if (out[i].fg == STYLE_UNSAID || (out[i].fg == STYLE_DEFAULT && !first && out[i].bg != STYLE_DEFAULT))
			out[i].fg = first ? STYLE_DEFAULT : out[ROLE_TEXT].fg;
		if (out[i].fg >= 0 && out[i].fg == out[i].bg)
			out[i].fg = out[ROLE_TEXT].fg, out[i].bg = out[ROLE_TEXT].bg;
	}
}

struct style theme_cell(const struct style styles[ROLE_COUNT], enum role role, unsigned flags)
{
	struct style s = styles[role];
	if ((flags & CELL_FADED) && role != ROLE_UNSAFE)
		s = styles[ROLE_MUTED];
	if (flags & CELL_VERDICT)
		s.attr |= styles[ROLE_VERDICT].attr;
	if ((flags & CELL_SELECTED) && role != ROLE_UNSAFE) {
		const struct style *bar = &styles[ROLE_SELECTED];
		/* A reversed bar is of one colour; a painted one keeps the colours of what is on it. */
		if (bar->attr & STYLE_REVERSE) {
			uint8_t bold = s.attr & STYLE_BOLD;
			s = *bar;
			s.attr |= bold;
		} else {
			s.bg = bar->bg;
			s.attr |= bar->attr;
		}
	}
	return s;
}

static bool take_all(struct theme_book *b, const char *file, const struct gitconfig *config, struct err *e)
{
	struct reading r = { .book = b, .first = b->count, .file = file };
	for (size_t i = 0; i < gitconfig_count(config); i++) {
		const struct gitconfig_entry *entry = gitconfig_at(config, i);
		if (!take_entry(&r, entry))
			break;
	}
	return finish_reading(&r, e);
}

bool theme_book_add_text(struct theme_book *b, const char *name, const void *text, size_t len, struct err *e)
{
	if (len > THEME_FILE_MAX)
		return err_set(e, name, "make it smaller", "more than %d KiB", THEME_FILE_MAX / 1024);
	struct gitconfig *config = gitconfig_parse(name, span_of(text, len), e);
	bool good = config && take_all(b, name, config, e);
	gitconfig_destroy(config);
	return good;
}

bool theme_book_add_file(struct theme_book *b, const char *path, struct err *e)
{
	struct gitconfig *config = gitconfig_open(path, THEME_FILE_MAX, e);
	bool good = config && (gitconfig_count(config) || err_set(e, path, NULL, "there is no theme in it")) &&
	            take_all(b, path, config, e);
	gitconfig_destroy(config);
	return good;
}

void theme_book_init(struct theme_book *b)
{
	*b = (struct theme_book){ 0 };
	for (const struct theme_shipped *s = theme_shipped; s->name; s++)
		theme_book_add_text(b, s->name, s->text, strlen(s->text), NULL);
}

void theme_book_finish(struct theme_book *b)
{
	free(b->themes);
	*b = (struct theme_book){ 0 };
}

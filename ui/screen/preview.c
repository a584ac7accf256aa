/* What a conflict is about, in place: the first stretch of lines in which the sides differ, each side labelled with the
 * key that takes it. */
#include <stdio.h>
#include <string.h>

#include "ui/format.h"
#include "ui/view.h"

#define PREVIEW_MAX (256 * 1024) /* bytes of a text that is worth comparing while a person looks */

struct stretch { /* of one side */
	const struct version_text *text;
	size_t first, count; /* lines that differ */
	const uint8_t *at;   /* the first of them */
};

static size_t line_len(const uint8_t *at, const uint8_t *end)
{
	const uint8_t *newline = memchr(at, '\n', (size_t)(end - at));
	return newline ? (size_t)(newline - at) + 1 : (size_t)(end - at);
}

static size_t count_lines(const uint8_t *at, const uint8_t *end)
{
	size_t n = 0;
	for (; at < end; n++)
		at += line_len(at, end);
	return n;
}

static bool comparable(const struct version_text *t)
{
	return t && t->state == TEXT_HERE && t->text.len <= PREVIEW_MAX;
}

/* The common start and end of all sides, in whole lines; what is between differs. */
static void find_stretches(struct stretch *sides, int n)
{
	const struct blob *first = &sides[0].text->text;
	size_t same = 0, lines = 0, shortest = first->len, tail = 0;
	for (int i = 1; i < n; i++)
		if (sides[i].text->text.len < shortest)
			shortest = sides[i].text->text.len;
	for (size_t at = 0; at < shortest; at++) {
		bool equal = true;
		for (int i = 1; i < n && equal; i++)
			equal = sides[i].text->text.data[at] == first->data[at];
		if (!equal)
			break;
		if (first->data[at] == '\n') {
			same = at + 1;
			lines++;
		}
	}
	for (size_t back = 1; back <= shortest - same; back++) {
		bool equal = true;
		for (int i = 1; i < n && equal; i++)
			equal = sides[i].text->text.data[sides[i].text->text.len - back] ==
			        first->data[first->len - back];
		if (!equal)
			break;
		if (back < shortest - same ? first->data[first->len - back - 1] == '\n' : true) {
			bool starts = true; /* of a line, on every side */
			for (int i = 0; i < n; i++) {
				const struct blob *b = &sides[i].text->text;
				starts &= b->len == back || b->data[b->len - back - 1] == '\n';
			}
			if (starts)
				tail = back;
		}
	}
	for (int i = 0; i < n; i++) {
		const struct blob *b = &sides[i].text->text;
		sides[i].first = lines;
		sides[i].at = b->data ? b->data + same : NULL;
		sides[i].count = b->data ? count_lines(b->data + same, b->data + b->len - tail) : 0;
	}
}

#define PLACE_LINES 64 /* of each side, in which the end of the first place is looked for */

struct line {
	const uint8_t *at;
	size_t len;
};

static size_t lines_of(const struct stretch *s, struct line out[PLACE_LINES])
{
	const uint8_t *at = s->at, *end = s->text->text.data + s->text->text.len;
	size_t n = 0;
	for (; n < PLACE_LINES && n < s->count && at < end; n++) {
		out[n] = (struct line){ at, line_len(at, end) };
		at += out[n].len;
	}
	return n;
}

static size_t find_line(const struct line *lines, size_t n, const struct line *wanted)
{
	size_t i = 0;
	while (i < n && (lines[i].len != wanted->len || memcmp(lines[i].at, wanted->at, wanted->len) != 0))
		i++;
	return i;
}

/* Of several places only the first: it ends at the nearest line that all sides have again. */
static void first_place(struct stretch *sides, int n)
{
	struct line lines[3][PLACE_LINES];
	size_t count[3], best[3] = { 0 }, nearest = SIZE_MAX;
	for (int i = 0; i < n; i++)
		count[i] = lines_of(&sides[i], lines[i]);
	for (size_t k = 0; k < count[0]; k++) {
		size_t at[3] = { k, 0, 0 }, sum = k;
		bool everywhere = true;
		for (int i = 1; i < n && everywhere; i++) {
			at[i] = find_line(lines[i], count[i], &lines[0][k]);
			everywhere = at[i] < count[i];
			sum += at[i];
		}
		if (!everywhere || sum >= nearest)
			continue;
		nearest = sum;
		memcpy(best, at, sizeof best);
	}
	for (int i = 0; i < n && nearest < SIZE_MAX; i++)
		sides[i].count = best[i];
}

/* Where the text of a side begins; a narrow screen has no room for the numbers of lines. */
static int indent(int width)
{
	return width < 60 ? 12 : 17;
}

static void draw_number(struct canvas *c, int x, int y, int width, size_t number)
{
	if (width >= 60)
		canvas_putf(c, x + 12, y, 4, ROLE_MUTED, "%4zu", number);
}

static int draw_side(struct canvas *c, int x, int y, int width, int h, const char *key, const char *label,
                     enum role role, const struct stretch *s, const char *instead, bool chosen)
{
	canvas_put(c, x + 1, y, 1, ROLE_KEY, key);
	canvas_put(c, x + 3, y, 9, role, label);
	if (chosen)
		canvas_put(c, x, y, 1, ROLE_MARKED, "▸");
	if (instead || !s->count) {
		canvas_put(c, x + indent(width), y, width - indent(width), ROLE_MUTED,
		           instead ? instead : "(nothing here)");
		return 1;
	}
	const uint8_t *at = s->at, *end = s->text->text.data + s->text->text.len;
	int used = 0;
	for (size_t i = 0; i < s->count && used < h; i++, used++) {
		size_t len = line_len(at, end), shown = len && at[len - 1] == '\n' ? len - 1 : len;
		if (used == h - 1 && i + 1 < s->count) {
			canvas_putf(c, x + indent(width), y + used, width - indent(width), ROLE_MUTED,
			            "⋯ %zu more lines", s->count - i);
			return h;
		}
		draw_number(c, x, y + used, width, s->first + i + 1);
		canvas_line(c, x + indent(width), y + used, width - indent(width), role, at, shown, 0);
		at += len;
	}
	return used;
}

/* The `n` lines before `at` (number `line` of its text), so that a person knows where this is. */
static int draw_before(struct canvas *c, int x, int y, int width, int n, const struct stretch *s)
{
	const uint8_t *start = s->text->text.data, *at = s->at;
	int shown = 0;
	while (shown < n && at && at > start) {
		for (at--; at > start && at[-1] != '\n'; at--)
			;
		shown++;
	}
	for (int i = 0; i < shown; i++) {
		size_t len = line_len(at, s->at);
		draw_number(c, x, y + i, width, s->first - (size_t)(shown - i) + 1);
		canvas_line(c, x + indent(width), y + i, width - indent(width), ROLE_MUTED, at, len - 1, 0);
		at += len;
	}
	return shown;
}

static int draw_after(struct canvas *c, int x, int y, int width, int n, const struct stretch *s)
{
	const uint8_t *at = s->at, *end = s->text->text.data + s->text->text.len;
	int shown = 0;
	for (size_t i = 0; i < s->count && at < end; i++)
		at += line_len(at, end);
	for (; shown < n && at && at < end; shown++) {
		size_t len = line_len(at, end);
		draw_number(c, x, y + shown, width, s->first + s->count + (size_t)shown + 1);
		canvas_line(c, x + indent(width), y + shown, width - indent(width), ROLE_MUTED, at,
		            at[len - 1] == '\n' ? len - 1 : len, 0);
		at += len;
	}
	return shown;
}

/* Why a side's text is not shown; NULL when it can be. */
static const char *why_not(const struct version_text *t, const struct model_side *s, bool deleted, char out[96])
{
	char size[FORMAT_LEN];
	if (deleted) {
		snprintf(out, 96, "(deleted on %.60s)", s->device ? s->device : "that side");
		return out;
	}
	if (!s->version[0])
		return "(no such version)";
	if (!t)
		return "loading";
	if (t->state == TEXT_GONE)
		return "(its content is not here)";
	format_size(size, t->size > 0 ? t->size : (double)t->text.len);
	if (t->state == TEXT_BINARY || t->text.len > PREVIEW_MAX) {
		snprintf(out, 96, "%s, %s", t->state == TEXT_BINARY ? "binary" : "long", size);
		return out;
	}
	return NULL;
}

void draw_preview(struct view *v, struct canvas *c, int x, int y, int width, int h, const struct model_conflict *k)
{
	const struct model_side *from[3] = { &k->base, &k->mine, &k->theirs };
	static const char *const keys[3] = { " ", "m", "t" }, *const labels[3] = { "ORIGINAL", "MINE", "THEIRS" };
	static const enum role roles[3] = { ROLE_ORIGINAL, ROLE_MINE, ROLE_THEIRS };
	struct stretch sides[3] = { 0 };
	const struct decision *d = view_decision(v, k);
	char why[3][96], at[FORMAT_LEN], category[65];
	const char *instead[3];
	int first = k->base.version[0] ? 0 : 1, n = 0;
	const char *path = model_item_path(k->item, category, sizeof category);
	canvas_heading(c, x, y, width, "");
	int used = canvas_put(c, x + 1, y, width, ROLE_HEADING, "PREVIEW") + 2;
	used += canvas_text(c, x + used, y, 24, ROLE_HEADING, category);
	used += canvas_put(c, x + used, y, 3, ROLE_HEADING, " / ");
	used += canvas_text(c, x + used, y, width - used - 1, ROLE_HEADING, path);
	if (k->hunks > 1 && k->base.at_ms && used + 44 < width)
		canvas_right(c, x + width - 1, y, ROLE_HEADING, "place 1 of %d   both agreed %s", k->hunks,
		             format_time(at, k->base.at_ms, v->now_ms, false));
	else if (k->hunks > 1 && used + 24 < width)
		canvas_right(c, x + width - 1, y, ROLE_HEADING, "place 1 of %d", k->hunks);
	else if (k->base.at_ms && used + 28 < width)
		canvas_right(c, x + width - 1, y, ROLE_HEADING, "both agreed %s",
		             format_time(at, k->base.at_ms, v->now_ms, false));
	else if (!k->base.version[0] && used + 24 < width)
		canvas_right(c, x + width - 1, y, ROLE_HEADING, "made on both sides");
	struct stretch compared[3];
	int place[3] = { -1, -1, -1 };
	for (int i = first; i < 3; i++) {
		bool deleted = (i == 1 && k->mine.deleted) || (i == 2 && k->theirs.deleted);
		sides[i].text = deleted ? NULL : view_text(v, k->item, from[i]->version);
		instead[i] = why_not(sides[i].text, from[i], deleted, why[i]);
		if (!instead[i] && comparable(sides[i].text)) {
			place[i] = n;
			compared[n++] = sides[i];
		}
	}
	if (n)
		find_stretches(compared, n);
	if (n > 1 && k->hunks > 1)
		first_place(compared, n);
	int sides_shown = 3 - first, row = y + 1, end = width >= 60 ? y + h - 1 : y + h,
	    spaced = h >= sides_shown * 2 + 4;
	int around = n && h >= 13 ? 2 : 0;
	if (around) {
		row += draw_before(c, x, row + 1, width, around, &compared[0]);
		end -= around;
	}
	for (int i = first; i < 3; i++) {
		if (place[i] >= 0)
			sides[i] = compared[place[i]];
		int room = (end - row - spaced * (3 - i)) / (3 - i);
		if (end - row < 1)
			break;
		row += spaced;
		row += draw_side(c, x, row, width, room > 0 ? room : 1, keys[i], labels[i], roles[i], &sides[i],
		                 instead[i], d && d->side == keys[i][0]);
	}
	if (around)
		row += 1 + draw_after(c, x, row + 1, width, around, &compared[n > 1 ? n - 2 : 0]);
	if (row + 1 < y + h && spaced)
		row++;
	if (row < y + h && width >= 60) {
		int w = canvas_put(c, x + 1, row, width - 1, ROLE_KEY, "m");
		w += 1 + canvas_putf(c, x + 1 + w + 1, row, width - w - 2, ROLE_MUTED, "%s",
		                     k->mine.deleted ? "deletes it everywhere," : "keeps yours on every device,");
		w += 1 + canvas_put(c, x + 1 + w + 1, row, width - w - 2, ROLE_KEY, "t");
		canvas_putf(c, x + 1 + w + 1, row, width - w - 2, ROLE_MUTED, "%s%s",
		            k->theirs.deleted ? "deletes it here." : "takes theirs here.",
		            width - w > 42 ? "  Both stay in History." : "");
	}
}

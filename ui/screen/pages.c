/* Pages without a list: no engine, the first run, and the help over any screen. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ui/format.h"
#include "ui/view.h"

static int row_put(struct canvas *c, int y, int end, enum role role, int x, const char *words)
{
	if (y < end)
		canvas_put(c, x, y, c->w - 1 - x, role, words);
	return y + 1;
}

void draw_down(struct view *v, struct canvas *c, int y, int h)
{
	int end = y + h;
	y += h >= 16;
	y = row_put(c, y, end, ROLE_TEXT, 1, "No one answers at");
	if (y < end)
		canvas_text(c, 4, y, c->w - 5, ROLE_KEY, v->socket);
	y++;
	if (v->down_why[0] && y < end)
		canvas_putf(c, 4, y, c->w - 5, ROLE_ERROR, "(%s)", v->down_why);
	y += 2;
	if (y < end)
		canvas_heading(c, 0, y, c->w - 1, "WHAT YOU CAN DO");
	y++;
	if (v->may_start && y < end) {
		canvas_put(c, 1, y, 1, ROLE_KEY, "s");
		canvas_put(c, 5, y, 15, ROLE_TEXT, "start it");
		canvas_put(c, 21, y, c->w - 22, ROLE_MUTED, "syncline run &");
		y++;
	}
	const char *const ways[][3] = {
		{ "∙", "wait", "this screen opens by itself when the engine is back" },
		{ "∙", "see why", "syncline run, in another terminal, says what is wrong" },
		{ "∙", "another socket", "syncline --socket PATH" },
	};
	for (size_t i = 0; i < 3; i++, y++) {
		row_put(c, y, end, ROLE_MUTED, 1, ways[i][0]);
		row_put(c, y, end, ROLE_TEXT, 5, ways[i][1]);
		row_put(c, y, end, ROLE_MUTED, 21, ways[i][2]);
	}
	row_put(c, y + 1, end, ROLE_TEXT, 1, "Your changes are safe: the engine keeps its queue on disk.");
}

static int put_step(struct canvas *c, int y, int end, int number, bool done, const char *what, const char *how)
{
	if (y < end) {
		canvas_putf(c, 1, y, 2, ROLE_KEY, "%d", number);
		canvas_put(c, 4, y, 1, done ? ROLE_OK : ROLE_WAITING, done ? "✓" : "∙");
		int used = canvas_put(c, 7, y, c->w - 8, ROLE_TEXT, what);
		int x = 7 + (used < 33 ? 33 : used + 2);
		if (c->w - x > 20)
			canvas_put(c, x, y, c->w - 1 - x, ROLE_MUTED, how);
	}
	return y + 1;
}

void draw_first_run(struct view *v, struct canvas *c, int y, int h)
{
	const struct model *m = &v->model;
	int end = y + h;
	char text[200];
	y += h >= 16;
	if (y < end)
		canvas_heading(c, 0, y, c->w - 1, "WELCOME TO SYNCLINE");
	y += h >= 16 ? 2 : 1;
	y = put_step(c, y, end, 1, true, "The engine is running.", "closing this window leaves it running");
	snprintf(text, sizeof text, "This device is called %.60s.",
	         m->device_name && *m->device_name ? m->device_name : "(no name yet)");
	y = put_step(c, y, end, 2, m->device_name && *m->device_name, text, "syncline join --name NAME renames it");
	y = put_step(c, y, end, 3, false, "No hub yet.", "syncline join takes an invite");
	if (m->category_count)
		snprintf(text, sizeof text, "%zu categor%s here.", m->category_count,
		         m->category_count == 1 ? "y is" : "ies are");
	else
		strcpy(text, "No category yet.");
	y = put_step(c, y, end, 4, m->category_count > 0, text,
	             m->category_count ? "nothing is sent until step 3" : "syncline add notes ~/notes adds one");
	y++;
	if (m->category_count && y + 1 < end) {
		canvas_heading(c, 0, y++, c->w - 1, "FOUND ON THIS DEVICE");
		int columns = (c->w - 2) / 26 > 0 ? (c->w - 2) / 26 : 1, wide = (c->w - 1) / columns;
		size_t rows = (m->category_count + (size_t)columns - 1) / (size_t)columns;
		for (size_t i = 0; i < m->category_count; i++) {
			int x = 1 + (int)(i / rows) * wide, at = y + (int)(i % rows);
			char count[FORMAT_LEN];
			if (at >= end)
				continue;
			canvas_text(c, x, at, wide - 9, ROLE_TEXT,
			            short_category(m->categories[i].name ? m->categories[i].name : "", wide - 9));
			canvas_right(c, x + wide - 4, at, ROLE_MUTED, "%s",
			             format_count(count, m->categories[i].items));
		}
		y += (int)rows + 1;
	}
	y = row_put(c, y, end, ROLE_TEXT, 1,
	            "Joining devices that already have data?  Nothing is overwritten: what differs");
	y = row_put(c, y, end, ROLE_TEXT, 1, "becomes a conflict, you choose, and both versions stay in History.") + 1;
	y = row_put(c, y, end, ROLE_TEXT, 1,
	            "Already have syncline on another device?  Run 'syncline invite' there and");
	y = row_put(c, y, end, ROLE_TEXT, 1, "'syncline join' here: it asks for what the other one prints.") + 1;
	row_put(c, y, end, ROLE_MUTED, 1, "Nothing leaves this device until it has joined a hub.");
}

/* ---- help ---- */

struct help_line {
	char keys[48];
	const char *means;
	bool heading;
};

/* One line for each command bound in `where` (or nowhere in `not`), with all its keys. */
static size_t gather(struct help_line *lines, size_t n, size_t cap, unsigned where, unsigned not )
{
	for (const struct binding *b = bindings; b->key && n < cap; b++) {
		bool again = false;
		char name[16];
		if (!(b->where & where) || (not &&(b->where & not ) == not ))
			continue;
		if (b->command > CMD_HOME && b->command <= CMD_LOG)
			continue; /* the first of them stands for all eight */
		for (const struct binding *before = bindings; before < b; before++)
			again |= before->command == b->command && (before->where & where);
		if (again)
			continue;
		struct help_line *l = &lines[n++];
		*l = (struct help_line){ .means = keys_command_help(b->command) };
		if (b->command == CMD_HOME) {
			*l = (struct help_line){ .keys = "1-8", .means = "the screens" };
			continue;
		}
		for (const struct binding *k = b; k->key; k++)
			if (k->command == b->command && (k->where & where)) {
				size_t len = strlen(l->keys);
				snprintf(l->keys + len, sizeof l->keys - len, "%s%s", len ? " " : "",
				         keys_name(k->key, name));
			}
	}
	return n;
}

static const struct help_line marks[] = {
	{ "", "WHAT THE MARKS MEAN", true },
	{ "✓", "in step", false },
	{ "!", "needs you", false },
	{ "⇡", "going out", false },
	{ "⇣", "coming in", false },
	{ "⇄", "both", false },
	{ "∙", "waiting", false },
	{ "▪", "paused", false },
	{ "✗", "error", false },
	{ "▸", "cursor, or chosen", false },
	{ "⋯", "cut short", false },
	{ "\\x1b", "control character, safe", false },
	{ "", "", false },
	{ "", "CHOOSE, THEN ENTER", true },
	{ "", "A letter only chooses.  Nothing leaves", false },
	{ "", "this device before Enter.", false },
};

static void draw_help_line(struct canvas *c, int x, int y, int width, const struct help_line *l)
{
	if (l->heading) {
		canvas_heading(c, x, y, width, l->means);
	} else if (!l->keys[0]) {
		canvas_put(c, x + 1, y, width - 1, ROLE_TEXT, l->means);
	} else {
		canvas_put(c, x + 1, y, 13, l->keys[0] == '\\' ? ROLE_UNSAFE : ROLE_KEY, l->keys);
		canvas_put(c, x + 15, y, width - 15, ROLE_TEXT, l->means);
	}
}

void draw_help(struct view *v, struct canvas *c)
{
	struct help_line left[64], right[64];
	size_t n = 0, m = 0;
	char here[48];
	int y = view_layout(v) >= LAYOUT_COMPACT ? 2 : 1, h = c->h - y - 1;
	bool two = c->w >= 80;
	left[n++] = (struct help_line){ .means = "EVERYWHERE", .heading = true };
	n = gather(left, n, 64, KEYS_EVERYWHERE, 0);
	/* Those of single screens came first in the table: they belong into the other column. */
	size_t kept = 1;
	for (size_t i = 1; i < n; i++) {
		bool everywhere = !strcmp(left[i].keys, "1-8");
		for (const struct binding *b = bindings; b->key; b++)
			everywhere |= keys_command_help(b->command) == left[i].means && b->where == KEYS_EVERYWHERE;
		if (everywhere)
			left[kept++] = left[i];
	}
	n = kept;
	snprintf(here, sizeof here, "HERE: %s", screen_of(v->screen)->title);
	right[m++] = (struct help_line){ .means = here, .heading = true };
	m = gather(right, m, 40, 1u << v->screen, KEYS_EVERYWHERE);
	if (m == 1)
		right[m++] = (struct help_line){ .means = "no keys of its own" };
	right[m++] = (struct help_line){ .means = "" };
	for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
		right[m++] = marks[i];
	if (!two) /* one below the other */
		for (size_t i = 0; i < m && n < 64; i++)
			left[n++] = right[i];
	size_t longest = two && m > n ? m : n;
	if (v->help_top + (size_t)h > longest)
		v->help_top = longest > (size_t)h ? longest - (size_t)h : 0;
	canvas_wipe(c, y, h);
	int width = two ? (c->w - 1) / 2 : c->w - 1;
	for (int i = 0; i < h; i++) {
		size_t line = v->help_top + (size_t)i;
		if (line < n)
			draw_help_line(c, 0, y + i, two ? width - 1 : width, &left[line]);
		if (two && line < m)
			draw_help_line(c, width + 1, y + i, c->w - 2 - width, &right[line]);
	}
	c->cursor_x = 0;
	c->cursor_y = y;
}

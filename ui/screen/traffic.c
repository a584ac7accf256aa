/* Traffic: bytes a second, seen by this console since it was opened, and what the whole has saved. */
#include <stdio.h>
#include <string.h>

#include "ui/format.h"
#include "ui/view.h"

#define MARGIN 14 /* the scale at the left */

static void draw_graph(struct view *v, struct canvas *c, int y, int h, bool up)
{
	struct rates *r = &v->rates;
	char text[FORMAT_LEN];
	int width = c->w - 1, graph = width - MARGIN - 2;
	enum role role = up ? ROLE_UP : ROLE_DOWN;
	int x = 1 + canvas_put(c, 1, y, 6, role, up ? "UP" : "DOWN") + 1;
	canvas_put(c, x, y, 16, ROLE_TEXT, format_rate(text, up ? r->up_now : r->down_now));
	if (graph < 8)
		return;
	if (rates_quiet(r, graph)) {
		canvas_right(c, width - 1, y, ROLE_MUTED, "quiet");
		return;
	}
	canvas_right(c, width - 1, y, ROLE_MUTED, "peak %s", format_rate(text, rates_peak(r, up, graph)));
	graph_draw(c, MARGIN, y + 1, graph, h - 1, r, up);
	canvas_right(c, MARGIN - 2, y + 1, ROLE_GRAPH_SCALE, "%s", format_size(text, up ? r->scale_up : r->scale_down));
	canvas_right(c, MARGIN - 2, y + h - 1, ROLE_GRAPH_SCALE, "0");
}

static void draw_times(struct view *v, struct canvas *c, int y)
{
	char text[FORMAT_LEN];
	int graph = c->w - 1 - MARGIN - 2, columns = graph_columns(&v->rates, graph);
	if (graph < 30 || rates_quiet(&v->rates, graph))
		return;
	canvas_putf(c, MARGIN, y, 10, ROLE_GRAPH_SCALE, "%s",
	            format_time(text, (v->rates.last - columns + 1) * 1000, v->now_ms, true));
	canvas_right(c, MARGIN + columns - 1, y, ROLE_GRAPH_SCALE, "now");
}

static void draw_bar(struct canvas *c, int y, const char *name, double bytes, double of, int saved)
{
	char size[FORMAT_LEN];
	int room = c->w - 1 - MARGIN - 18, length = of > 0 ? (int)(bytes / of * room + 0.5) : 0;
	canvas_put(c, 1, y, MARGIN - 1, ROLE_TEXT, name);
	if (bytes > 0 && length < 1)
		length = 1;
	for (int i = 0; i < length && i < room; i++)
		canvas_put(c, MARGIN + i, y, 1, saved ? ROLE_SAVED : ROLE_MUTED, c->ascii_graph ? "#" : "█");
	if (saved)
		canvas_right(c, c->w - 2, y, ROLE_SAVED, "%s  -%d%%", format_size(size, bytes), saved);
	else
		canvas_right(c, c->w - 9, y, ROLE_TEXT, "%s", format_size(size, bytes));
}

static void draw(struct view *v, struct canvas *c, int y, int h)
{
	const struct model *m = &v->model;
	double wire = m->bytes_sent + m->bytes_received, most = m->bytes_plain > wire ? m->bytes_plain : wire;
	int width = c->w - 1, end = y + h, tail = h >= 16 ? 6 : h >= 10 ? 4 : 0, graph = (h - 1 - tail) / 2;
	char a[FORMAT_LEN], b[FORMAT_LEN];
	v->graph_shown = true;
	if (view_online(v) && m->link.rtt_ms >= 0)
		canvas_putf(c, 1, y, width - 1, ROLE_MUTED,
		            m->link.rtt_ms < 10 ? "LINK connected   %.1f ms" : "LINK connected   %.0f ms",
		            m->link.rtt_ms);
	canvas_right(c, width - 1, y, ROLE_MUTED, "one column is one second");
	y++;
	if (graph > 1) {
		draw_graph(v, c, y, graph, true);
		draw_graph(v, c, y + graph, graph, false);
		if (tail == 6)
			draw_times(v, c, y + 2 * graph);
	}
	if (!tail)
		return;
	y = end - tail + (tail == 6);
	canvas_heading(c, 0, y, width, "SAVED");
	if (m->bytes_plain > wire)
		canvas_right(c, width - 1, y, ROLE_HEADING, "%s changed, %s on the wire: %d%% saved",
		             format_size(a, m->bytes_plain), format_size(b, wire), format_saved(m->bytes_plain, wire));
	if (most > 0) {
		draw_bar(c, y + 1, "changed", m->bytes_plain, most, 0);
		draw_bar(c, y + 2, "on the wire", wire, most, format_saved(m->bytes_plain, wire));
	}
	canvas_putf(c, 1, y + 3, width - 1, ROLE_MUTED,
	            "⇡ %s sent   ⇣ %s received   every byte of the connection counted", format_size(a, m->bytes_sent),
	            format_size(b, m->bytes_received));
}

static const enum command hints[] = { CMD_SETTLE, CMD_PAUSE, CMD_RETRY, CMD_PALETTE, CMD_NONE };

const struct screen screen_traffic = { .title = "Traffic", .draw = draw, .hints = hints };

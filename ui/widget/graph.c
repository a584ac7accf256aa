#include "ui/widget/graph.h"

#include <string.h>

static size_t slot(int64_t second)
{
	return (size_t)(second % RATES_SECONDS + RATES_SECONDS) % RATES_SECONDS;
}

void rates_advance(struct rates *r, int64_t second)
{
	if (!r->last || second < r->last) { /* the first, or the clock was set back */
		memset(r->up, 0, sizeof r->up);
		memset(r->down, 0, sizeof r->down);
		r->last = second;
	}
	int64_t from = second - r->last > RATES_SECONDS ? second - RATES_SECONDS : r->last;
	for (int64_t s = from + 1; s <= second; s++) {
		r->up[slot(s)] = r->up_now;
		r->down[slot(s)] = r->down_now;
	}
	r->last = second;
}

void rates_set(struct rates *r, int64_t second, double up, double down)
{
	rates_advance(r, second);
	r->up_now = up;
	r->down_now = down;
	/* A burst shorter than a second is seen: the most of the second counts. */
	if (r->up[slot(second)] < up)
		r->up[slot(second)] = up;
	if (r->down[slot(second)] < down)
		r->down[slot(second)] = down;
}

double rates_peak(const struct rates *r, bool up, int seconds)
{
	double peak = 0;
	for (int i = 0; i < seconds && i < RATES_SECONDS && r->last; i++) {
		double value = (up ? r->up : r->down)[slot(r->last - i)];
		peak = value > peak ? value : peak;
	}
	return peak;
}

bool rates_quiet(const struct rates *r, int seconds)
{
	return !(r->up_now > 0) && !(r->down_now > 0) && !(rates_peak(r, true, seconds) > 0) &&
	       !(rates_peak(r, false, seconds) > 0);
}

double graph_scale(double peak, double kept)
{
	static const double steps[] = { 1, 2.5, 5, 10, 25, 50, 100, 250, 500 };
	if (kept > 0 && peak <= kept && peak >= kept / 4)
		return kept;
	for (double unit = 1; unit < 1e18; unit *= 1024)
		for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
			if (peak <= steps[i] * unit && steps[i] * unit >= 10)
				return steps[i] * unit;
	return peak;
}

int graph_columns(const struct rates *r, int width)
{
	int jump = width / 4 > 0 ? width / 4 : 1;
	int64_t n = r->last + 1;
	return width - jump + 1 + (int)(n % jump);
}

void graph_draw(struct canvas *c, int x, int y, int width, int height, struct rates *r, bool up)
{
	static const char *const blocks[] = { " ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
	static const char ascii[] = " .:-=+*#@";
	if (width < 1 || height < 1)
		return;
	double *scale = up ? &r->scale_up : &r->scale_down;
	*scale = graph_scale(rates_peak(r, up, width), *scale);
	int columns = graph_columns(r, width);
	for (int i = 0; i < columns && r->last && i < RATES_SECONDS; i++) {
		double value = (up ? r->up : r->down)[slot(r->last - (columns - 1 - i))];
		int level = value > 0 && *scale > 0 ? (int)(value / *scale * height * 8 + 0.5) : 0;
		if (value > 0 && level < 1)
			level = 1;
		for (int row = 0; row < height && level > 0; row++, level -= 8) {
			int part = level > 8 ? 8 : level;
			char one[2] = { ascii[part], 0 };
			canvas_put(c, x + i, y + height - 1 - row, 1, up ? ROLE_UP : ROLE_DOWN,
			           c->ascii || c->ascii_graph ? one : blocks[part]);
		}
	}
}

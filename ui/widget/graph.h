/* graph: the console's own memory of the last seconds of traffic, and pictures of it. The engine reports rates only
 * when they change, so a second without a report is like the one before it.
 *
 * Pictures jump: the newest second is written one column further right each second, and at the right edge the whole
 * picture moves left by a quarter. That costs a few bytes a second, where a picture that flows costs the whole row. */
#ifndef UI_WIDGET_GRAPH_H
#define UI_WIDGET_GRAPH_H
#include "ui/canvas.h"

#define RATES_SECONDS 1024

struct rates {
	double up[RATES_SECONDS], down[RATES_SECONDS]; /* by second modulo RATES_SECONDS */
	int64_t last;                                  /* the second filled last, 0: none */
	double up_now, down_now;
	double scale_up, scale_down; /* of the pictures, kept while it fits */
};

void rates_set(struct rates *r, int64_t second, double up, double down);
void rates_advance(struct rates *r, int64_t second); /* fills what passed since */
double rates_peak(const struct rates *r, bool up, int seconds);
/* Nothing but zeros in the last `seconds`: nothing will move until the next report. */
bool rates_quiet(const struct rates *r, int seconds);

/* `height` rows of `width` columns; the scale is that of the last `seconds`. */
void graph_draw(struct canvas *c, int x, int y, int width, int height, struct rates *r, bool up);
/* How many of the last seconds a picture of this width shows now; the column of the newest is one less. */
int graph_columns(const struct rates *r, int width);
double graph_scale(double peak, double kept); /* 1, 2.5, 5, 10 … times a unit; keeps `kept` while it suits */
#endif

/* Devices: who is here, and how far behind each is. */
#include <stdio.h>
#include <string.h>

#include "ui/format.h"
#include "ui/view.h"
#include "ui/widget/table.h"

enum { MARK, NAME, PRESENCE, SEEN, BEHIND, COLUMNS };

static void draw_row(struct view *v, struct canvas *c, int y, size_t i, const struct column *k)
{
	const struct model_device *d = &v->model.devices[i];
	bool known = view_online(v);
	struct brief b;
	char text[FORMAT_LEN];
	lister_devices.brief(v, i, &b);
	table_put(c, y, &k[MARK], b.role, b.mark);
	table_text(c, y, &k[NAME], ROLE_TEXT, d->name);
	table_put(c, y, &k[PRESENCE], b.role, !d->is_this && known && d->online ? "here" : b.fact);
	table_put(c, y, &k[SEEN], ROLE_MUTED,
	          d->is_this || (known && d->online) ? "now" : format_time(text, d->seen_ms, v->now_ms, false));
	table_put(c, y, &k[BEHIND], d->behind ? ROLE_BUSY : ROLE_MUTED, format_count(text, d->behind));
}

static void draw(struct view *v, struct canvas *c, int y, int h)
{
	struct rows rows = rows_of_screen(v, SCREEN_DEVICES);
	struct list *list = &v->lists[SCREEN_DEVICES];
	struct column k[COLUMNS] = {
		[MARK] = { "", 1, 0, false, 0, 0, 0, 0 },
		[NAME] = { "DEVICE", 20, 2, false, 0, 0, 0, 0 },
		[PRESENCE] = { "PRESENCE", 16, 1, false, 0, 1, 0, 0 },
		[SEEN] = { "SEEN", 11, 1, false, 0, 0, 0, 0 },
		[BEHIND] = { "BEHIND", 8, 0, true, 0, 0, 0, 0 },
	};
	int width = c->w - 1, height = h - 4;
	size_t at = list_place(list, rows.id, rows.n, (size_t)height), here = 0;
	v->page = (size_t)height;
	for (size_t i = 0; i < v->model.device_count; i++)
		here += v->model.devices[i].online || v->model.devices[i].is_this;
	if (view_online(v))
		canvas_putf(c, 1, y, width, ROLE_MUTED, "%zu of %zu here", here, v->model.device_count);
	else
		canvas_put(c, 1, y, width, ROLE_MUTED, "as last known: there is no link to the hub now");
	table_fit(k, COLUMNS, 1, width - 1);
	table_head(c, y + 1, k, COLUMNS);
	for (int i = 0; i < height && list->top + (size_t)i < rows.n; i++) {
		size_t row = list->top + (size_t)i;
		draw_row(v, c, y + 2 + i, rows.at[row], k);
		if (row == at)
			draw_cursor(c, 0, y + 2 + i, c->w);
	}
	if (rows.n) {
		const struct model_device *d = &v->model.devices[rows.at[at]];
		if (d->behind && !d->is_this)
			canvas_putf(c, 1, y + h - 1, width, ROLE_MUTED, "%lld change%s for %.80s at the hub.",
			            (long long)d->behind, d->behind == 1 ? " waits" : "s wait",
			            d->name ? d->name : "it");
		else
			canvas_putf(c, 1, y + h - 1, width, ROLE_MUTED, "%.80s, id %.32s", d->name ? d->name : "",
			            d->id);
	} else {
		canvas_put(c, 1, y + 2, width, ROLE_MUTED,
		           "Nobody yet.  'syncline invite' prints an invite for another device.");
	}
	rows_finish(&rows);
}

static const enum command hints[] = { CMD_FILTER, CMD_SETTLE, CMD_PALETTE, CMD_RETRY, CMD_NONE };

const struct screen screen_devices = { .title = "Devices", .lister = &lister_devices, .draw = draw, .hints = hints };

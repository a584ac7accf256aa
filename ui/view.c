#include "ui/view.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ui/format.h"

#define SETTLE_MS     500   /* of quiet before IN SYNC is said again */
#define QUEUE_REST_MS 10000 /* after the last key, a list whose first row is selected falls into order */

void view_init(struct view *v, const char *socket, bool may_start)
{
	*v = (struct view){ .may_start = may_start, .back_to = -1, .w = 80, .h = 24, .log_level = LEVEL_INFO };
	v->socket = mem_text(socket);
	v->lists[SCREEN_LOG].at_end = true;
	v->shown = VERDICT_STARTING;
}

void view_finish(struct view *v)
{
	view_lost(v);
	free(v->asks);
	history_forget(v);
	for (int i = 0; i < VIEW_TEXTS; i++)
		blob_finish(&v->texts[i].text);
	free(v->history_item);
	free(v->socket);
	model_finish(&v->model);
}

static void put_message(struct view *v, const char *format, va_list args)
{
	vsnprintf(v->message, sizeof v->message, format, args);
	v->message_is_own = true;
	v->said_ms = v->mono_ms;
}

void view_hint(struct view *v, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	put_message(v, format, args);
	va_end(args);
}

void view_say(struct view *v, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	put_message(v, format, args);
	va_end(args);
	model_note(&v->model, v->now_ms, LEVEL_INFO, v->message);
}

enum layout view_layout(const struct view *v)
{
	if (v->w < 20 || v->h < 4)
		return LAYOUT_TINY;
	if (v->w < 40 || v->h < 10)
		return LAYOUT_SLIVER;
	if (v->w < 80 || v->h < 20)
		return LAYOUT_COMPACT;
	return v->w < 120 || v->h < 30 ? LAYOUT_STANDARD : LAYOUT_WIDE;
}

void view_time(struct view *v, int64_t now_ms, uint64_t mono_ms)
{
	v->now_ms = now_ms;
	v->mono_ms = mono_ms;
	rates_advance(&v->rates, now_ms / 1000);
	const struct list *l = &v->lists[SCREEN_QUEUE];
	if (v->screen == SCREEN_QUEUE && mono_ms - v->key_ms >= QUEUE_REST_MS && l->row == 0 &&
	    model_queue_unsettled(&v->model))
		model_settle_queue(&v->model);
}

/* Leaving IN SYNC shows at once; coming back waits for quiet, so that the line does not flicker. */
struct verdict view_verdict(struct view *v)
{
	struct verdict now = verdict_of(&v->model, v->attach, v->now_ms);
	if (now.kind != VERDICT_IN_SYNC && now.kind != VERDICT_STARTING && now.kind != VERDICT_DOWN)
		v->unsettled_ms = v->mono_ms ? v->mono_ms : 1;
	if (now.kind == VERDICT_IN_SYNC && v->unsettled_ms && v->mono_ms - v->unsettled_ms < SETTLE_MS) {
		now.kind = VERDICT_SYNCING;
		now.role = ROLE_BUSY;
		now.mark = "⇄";
		strcpy(now.word, "SYNCING");
		strcpy(now.rest, "almost there");
	}
	v->shown = now.kind;
	return now;
}

static void sooner(int64_t *least, int64_t ms)
{
	if (ms < 1)
		ms = 1;
	if (*least < 0 || ms < *least)
		*least = ms;
}

int view_sleep_ms(const struct view *v)
{
	int64_t least = -1, next;
	const struct model *m = &v->model;
	bool up = v->attach == ATTACH_UP && m->known;
	if (up && verdict_countdown(m, v->now_ms, &next))
		sooner(&least, next - v->now_ms);
	if (up && m->link.state == LINK_CONNECTED && m->link.late)
		sooner(&least, 1000 - (v->now_ms - m->link.heard_at_ms) % 1000);
	if (up && v->shown == VERDICT_SYNCING && v->unsettled_ms && v->mono_ms - v->unsettled_ms < SETTLE_MS)
		sooner(&least, (int64_t)(SETTLE_MS - (v->mono_ms - v->unsettled_ms)));
	if (v->graph_shown && !rates_quiet(&v->rates, RATES_SECONDS < v->w ? RATES_SECONDS : v->w))
		sooner(&least, 1000 - v->now_ms % 1000);
	if (up && (v->screen == SCREEN_DEVICES || v->screen == SCREEN_HOME))
		for (size_t i = 0; i < m->device_count; i++) {
			char away[FORMAT_LEN];
			const struct model_device *d = &m->devices[i];
			if (d->online || d->is_this || !d->seen_ms || m->link.state != LINK_CONNECTED)
				continue;
			format_away(away, d->seen_ms, v->now_ms, &next);
			sooner(&least, next - v->now_ms);
		}
	if (v->screen == SCREEN_QUEUE && v->lists[SCREEN_QUEUE].row == 0 && model_queue_unsettled(m))
		sooner(&least, (int64_t)(v->key_ms + QUEUE_REST_MS) - (int64_t)v->mono_ms);
	return least < 0 ? -1 : least > 3600000 ? 3600000 : (int)least;
}

#include "control/control.h"

#include <stdlib.h>
#include <string.h>

void control_lines_add(struct control_lines *l, const void *bytes, size_t len)
{
	const char *at = bytes;
	if (l->start) { /* what was handed out is no longer borrowed */
		l->held.len -= l->start;
		memmove(l->held.data, l->held.data + l->start, l->held.len);
		l->looked -= l->start;
		l->start = 0;
	}
	if (l->skipping) {
		const char *end = memchr(at, '\n', len);
		if (!end)
			return;
		l->skipping = false;
		len -= (size_t)(end + 1 - at);
		at = end + 1;
	}
	buf_put(&l->held, at, len);
}

enum control_line control_lines_next(struct control_lines *l, struct span *line)
{
	if (l->oversize) {
		l->oversize = false;
		return CONTROL_LINE_OVERSIZE;
	}
	if (l->looked == l->held.len) {
		if (l->held.len - l->start < CONTROL_LINE_MAX)
			return CONTROL_LINE_NONE;
	}
	const uint8_t *from = l->held.data + l->looked;
	const uint8_t *end = memchr(from, '\n', l->held.len - l->looked);
	if (end) {
		size_t stop = (size_t)(end - l->held.data), start = l->start;
		l->start = l->looked = stop + 1;
		if (stop - start >= CONTROL_LINE_MAX)
			return CONTROL_LINE_OVERSIZE;
		*line = span_of(l->held.data + start, stop - start);
		return CONTROL_LINE_READY;
	}
	l->looked = l->held.len;
	if (l->held.len - l->start < CONTROL_LINE_MAX)
		return CONTROL_LINE_NONE;
	l->held.len = l->start = l->looked = 0;
	l->skipping = true;
	return CONTROL_LINE_OVERSIZE;
}

void control_lines_finish(struct control_lines *l)
{
	buf_finish(&l->held);
	*l = (struct control_lines){ 0 };
}

bool control_put(struct buf *out, const json_t *message)
{
	char *text = json_dumps(message, JSON_COMPACT);
	size_t len = text ? strlen(text) : 0;
	bool fits = text && len < CONTROL_LINE_MAX;
	if (fits) {
		buf_put(out, text, len);
		buf_u8(out, '\n');
	}
	free(text);
	return fits;
}

bool control_put_answer(struct buf *out, int64_t id, json_t *data)
{
	json_t *message = json_pack("{s:I, s:b, s:O}", "id", (json_int_t)id, "ok", 1, "data", data);
	bool done = control_put(out, message);
	json_decref(message);
	return done;
}

static json_t *text_of(const char *text)
{
	return json_bytes(text, strlen(text));
}

bool control_put_failure(struct buf *out, int64_t id, int exit_code, const struct err *e)
{
	json_t *message = json_pack("{s:I, s:b, s:i, s:o, s:o, s:o}", "id", (json_int_t)id, "ok", 0, "exit", exit_code,
	                            "what", text_of(e->what), "why", text_of(e->why), "fix", text_of(e->fix));
	bool done = control_put(out, message);
	json_decref(message);
	return done;
}

bool control_put_event(struct buf *out, int64_t id, const char *event, json_t *data)
{
	json_t *message = json_pack("{s:I, s:s, s:O}", "id", (json_int_t)id, "event", event, "data", data);
	bool done = control_put(out, message);
	json_decref(message);
	return done;
}

/* Rows [from, from+count) as a piece; one that is over a line's limit is halved until it fits. */
static void put_part(struct buf *out, int64_t id, json_t *rows, size_t from, size_t count)
{
	if (!count)
		return;
	json_t *part = json_array();
	for (size_t i = from; i < from + count; i++)
		json_array_append(part, json_array_get(rows, i));
	json_t *message = json_pack("{s:I, s:o}", "id", (json_int_t)id, "part", part);
	bool done = control_put(out, message);
	json_decref(message);
	if (done || count == 1)
		return;
	put_part(out, id, rows, from, count / 2);
	put_part(out, id, rows, from + count / 2, count - count / 2);
}

void control_put_list(struct buf *out, int64_t id, json_t *rows)
{
	size_t count = json_array_size(rows);
	if (count <= CONTROL_ROWS_MAX && control_put_answer(out, id, rows))
		return;
	for (size_t at = 0; at < count; at += CONTROL_ROWS_MAX)
		put_part(out, id, rows, at, count - at < CONTROL_ROWS_MAX ? count - at : CONTROL_ROWS_MAX);
	json_t *none = json_array();
	control_put_answer(out, id, none);
	json_decref(none);
}

json_t *control_request(const char *verb)
{
	return json_pack("{s:s}", "do", verb);
}

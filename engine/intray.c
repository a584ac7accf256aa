#include "engine/intray.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define NONE       SIZE_MAX
#define KEEP_BYTES 65536 /* of memory, between turns */

struct intray_row {
	struct event event; /* its pointers are not used */
	uint64_t link;
	size_t category, path, to_category, to_path, bytes, text; /* where in the tray's text */
};

static size_t put_text(struct intray *t, const char *text)
{
	if (!text)
		return NONE;
	size_t at = t->text.len;
	buf_put(&t->text, text, strlen(text) + 1);
	return at;
}

void intray_put(struct intray *t, const struct event *e, uint64_t link)
{
	MEM_ROOM(t->rows, t->count, t->cap);
	struct intray_row *r = &t->rows[t->count++];
	*r = (struct intray_row){ .event = *e, .link = link };
	r->category = put_text(t, e->category);
	r->path = put_text(t, e->path);
	r->to_category = put_text(t, e->to_category);
	r->to_path = put_text(t, e->to_path);
	r->text = put_text(t, e->text);
	r->bytes = t->text.len;
	buf_span(&t->text, e->bytes);
}

static const char *text_at(const struct intray *t, size_t at)
{
	return at == NONE ? NULL : (const char *)t->text.data + at;
}

void intray_get(const struct intray *t, size_t index, struct event *e, uint64_t *link)
{
	const struct intray_row *r = &t->rows[index];
	*e = r->event;
	e->category = text_at(t, r->category);
	e->path = text_at(t, r->path);
	e->to_category = text_at(t, r->to_category);
	e->to_path = text_at(t, r->to_path);
	e->text = text_at(t, r->text);
	e->bytes = span_of(t->text.data + r->bytes, r->event.bytes.len);
	*link = r->link;
}

void intray_clear(struct intray *t)
{
	if (t->text.cap > KEEP_BYTES || t->cap > KEEP_BYTES / sizeof *t->rows)
		intray_finish(t);
	t->count = 0;
	buf_clear(&t->text);
}

void intray_finish(struct intray *t)
{
	free(t->rows);
	buf_finish(&t->text);
	*t = (struct intray){ 0 };
}

#include "engine/core/optimize/expand.h"

#include <string.h>

bool expansion_start(struct expansion *x, struct codec_tools *t, uint8_t delta, uint8_t codec, struct span packed,
                     struct span base, size_t len)
{
	const struct delta_ops *ops = delta_find(delta);
	*x = (struct expansion){ .tools = t, .codec = codec_find(codec), .base = base, .len = len };
	if (!ops || !x->codec || !ops->split(codec, packed, base, len, &x->split))
		return false;
	size_t ends = x->split.head + x->split.tail;
	return x->codec != &codec_none || x->split.packed.len == len - ends;
}

bool expansion_lies(const struct expansion *x, struct span *content)
{
	const struct delta_split *s = &x->split;
	if (x->codec != &codec_none || s->tail || (s->head && s->head != x->len))
		return false;
	*content = s->head ? span_of(x->base.data, s->head) : s->packed;
	return true;
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static void copy(struct expansion *x, uint8_t *out, const uint8_t *from, size_t len)
{
	if (out && len)
		memcpy(out + x->done, from, len);
	x->done += len;
}

/* What the codec makes, between the two ends. */
static enum got more_middle(struct expansion *x, uint8_t *out, size_t bytes)
{
	const struct delta_split *s = &x->split;
	size_t len = x->len - s->head - s->tail, done = x->done - s->head;
	if (x->codec == &codec_none) {
		copy(x, out, s->packed.data + done, least(bytes, len - done));
		return x->done - s->head == len ? GOT_ALL : GOT_MORE;
	}
	if (!x->codec->start) {
		x->done += len;
		return x->codec->expand(x->tools, s->packed, s->history, out + s->head, len) ? GOT_ALL : GOT_NOTHING;
	}
	if (!x->begun && !x->codec->start(x->tools, s->packed, s->history, s->dictionary, out + s->head, len))
		return GOT_NOTHING;
	x->begun = true;
	return x->codec->more(x->tools, bytes, &x->done);
}

enum got expansion_more(struct expansion *x, uint8_t *out, size_t bytes)
{
	const struct delta_split *s = &x->split;
	size_t from = x->done, tail_at = x->len - s->tail;
	if (x->done < s->head)
		copy(x, out, x->base.data + x->done, least(bytes, s->head - x->done));
	if (x->done < s->head)
		return GOT_MORE;
	if (!x->middle) {
		if (x->done - from >= bytes && x->done < x->len)
			return GOT_MORE;
		enum got got = more_middle(x, out, bytes - (x->done - from));
		if (got != GOT_ALL)
			return got;
		x->middle = true;
	}
	if (x->done < x->len && x->done - from < bytes) {
		size_t at = x->base.len - s->tail + (x->done - tail_at);
		copy(x, out, x->base.data + at, least(bytes - (x->done - from), x->len - x->done));
	}
	return x->done == x->len ? GOT_ALL : GOT_MORE;
}

void expansion_end(struct expansion *x)
{
	if (x->begun)
		x->codec->end(x->tools);
	*x = (struct expansion){ 0 };
}

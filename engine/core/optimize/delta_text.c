/* An edit in one place, or a few near each other: what the ends share is only counted, and what lies between is
 * compressed with the whole base as history. A third smaller than a delta over the whole on real edits, and quicker. */
#include <string.h>

#include "engine/core/optimize/delta.h"

#define ENDS_MIN 16 /* shared bytes at the ends that pay for their two lengths */
#define RAW_MAX  12 /* a shorter middle never gains from compression */
#define STEP    4096

void delta_ends(struct span content, struct span base, size_t *head, size_t *tail)
{
	size_t most = content.len < base.len ? content.len : base.len, n = 0;
	while (most - n >= STEP && memcmp(content.data + n, base.data + n, STEP) == 0)
		n += STEP;
	while (n < most && content.data[n] == base.data[n])
		n++;
	*head = n;
	most -= n;
	for (n = STEP; n <= most && memcmp(content.data + content.len - n, base.data + base.len - n, STEP) == 0;)
		n += STEP;
	n -= STEP;
	while (n < most && content.data[content.len - 1 - n] == base.data[base.len - 1 - n])
		n++;
	*tail = n;
}

uint8_t delta_choose(struct span content, struct span base, size_t *head, size_t *tail)
{
	*head = *tail = 0;
	if (span_equal(content, base))
		return DELTA_COPY;
	delta_ends(content, base, head, tail);
	return *head + *tail >= ENDS_MIN ? DELTA_TEXT : DELTA_BINARY;
}

static int pack(struct codec_tools *t, struct span content, struct span base, enum pack_effort effort, struct buf *out)
{
	size_t head, tail;
	if (!content.len || !base.len)
		return -1;
	delta_ends(content, base, &head, &tail);
	struct span middle = span_of(content.data + head, content.len - head - tail);
	buf_varint(out, head);
	buf_varint(out, tail);

	size_t start = out->len;
	int codec = middle.len > RAW_MAX ? codec_zstd.pack(t, middle, base, effort, out) : -1;
	if (codec >= 0 && out->len - start < middle.len)
		return codec;
	out->len = start;
	buf_span(out, middle);
	return CODEC_NONE;
}

static bool split(uint8_t codec, struct span packed, struct span base, size_t len, struct delta_split *s)
{
	(void)codec;
	struct reader r = reader_of(packed);
	uint64_t head = reader_varint(&r), tail = reader_varint(&r);
	size_t most = len < base.len ? len : base.len;
	if (r.bad || head > most || tail > most - head)
		return false;
	*s = (struct delta_split){ (size_t)head, (size_t)tail, span_of(r.at, reader_left(&r)), base, false };
	return true;
}

const struct delta_ops delta_text = { "text", pack, split };

/* The send queue: order, fairness, parts, groups. Frames are read back with the wire's own reader. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "engine/core/link/sendq.h"

#define KIB 1024u

static struct blob record_of(uint64_t counter, size_t body_len, uint8_t flags)
{
	struct buf out = { 0 };
	uint8_t *body = mem_alloc(body_len);
	for (size_t i = 0; i < body_len; i++)
		body[i] = (uint8_t)(counter * 31 + i * 7 + (i >> 8));
	struct change c = { .flags = flags, .counter = counter, .edited = 5, .body = span_of(body, body_len) };
	memset(c.item.b, (int)counter, ID_LEN);
	memset(c.version.b, 1, ID_LEN);
	wire_put_change(&out, &c);
	free(body);
	return buf_take(&out);
}

static struct sendq_group group_of(uint64_t counter, const struct blob *record)
{
	return (struct sendq_group){ .count = 1, .records = { { counter, span_blob(record) } } };
}

/* What the other side gets: bodies put together again. */
struct sink {
	struct buf parts[64];
	uint64_t order[4096]; /* counters as their changes arrived */
	size_t count, frames, part_count;
};

static void take_frame(struct sink *s, struct span frame)
{
	struct reader r = reader_of(frame);
	struct record record;
	int got;
	s->frames++;
	cr_assert_leq(frame.len, WIRE_FRAME_MAX);
	while ((got = wire_next(&r, &record)) == 1) {
		if (record.type == RECORD_PART) {
			struct buf *b = &s->parts[record.counter % 64];
			s->part_count++;
			cr_assert_leq(record.offset, b->len, "a gap");
			b->len = record.offset;
			buf_span(b, record.bytes);
			cr_assert_leq(b->len, record.total);
			continue;
		}
		cr_assert_eq(record.type, RECORD_CHANGE);
		s->order[s->count++ % 4096] = record.change.counter;
		struct blob whole =
		        record_of(record.change.counter,
		                  record.change.flags & CHANGE_PARTED ? s->parts[record.change.counter % 64].len
		                                                      : record.change.body.len,
		                  0);
		struct reader wr = reader_of(span_blob(&whole));
		struct change want;
		wire_get_change(&wr, &want);
		struct span body = record.change.flags & CHANGE_PARTED ? buf_view(&s->parts[record.change.counter % 64])
		                                                       : record.change.body;
		cr_assert(span_equal(body, want.body), "counter %llu", (unsigned long long)record.change.counter);
		blob_finish(&whole);
	}
	cr_assert_eq(got, 0);
}

static bool pump(struct sendq *q, struct sink *s)
{
	struct buf frame = { 0 };
	bool any = sendq_fill(q, &frame) > 0;
	if (any)
		take_frame(s, buf_view(&frame));
	buf_finish(&frame);
	return any;
}

static void sink_finish(struct sink *s)
{
	for (size_t i = 0; i < 64; i++)
		buf_finish(&s->parts[i]);
}

Test(link_sendq, small_changes_share_a_frame_in_order)
{
	struct sendq q = { 0 };
	struct sink sink = { 0 };
	struct blob records[100];
	for (uint64_t i = 0; i < 100; i++) {
		records[i] = record_of(i + 1, 60, 0);
		struct sendq_group g = group_of(i + 1, &records[i]);
		cr_assert(sendq_put(&q, PRIORITY_NORMAL, &g));
	}
	cr_assert_eq(sendq_find(&q, 7, NULL), SENDQ_QUEUED);
	while (pump(&q, &sink))
		;
	cr_assert_eq(sink.frames, 1);
	cr_assert_eq(sink.count, 100);
	for (uint64_t i = 0; i < 100; i++) {
		cr_assert_eq(sink.order[i], i + 1);
		cr_assert_eq(sendq_find(&q, i + 1, NULL), SENDQ_SENT);
		sendq_drop(&q, i + 1);
		cr_assert_eq(sendq_find(&q, i + 1, NULL), SENDQ_ABSENT);
		blob_finish(&records[i]);
	}
	cr_assert_not(sendq_waiting(&q));
	sendq_finish(&q);
}

Test(link_sendq, an_urgent_change_overtakes_and_low_is_not_starved)
{
	struct sendq q = { 0 };
	struct sink sink = { 0 };
	struct blob low[4], high[600];
	for (uint64_t i = 0; i < 4; i++) {
		low[i] = record_of(1 + i, 1000, 0);
		struct sendq_group g = group_of(1 + i, &low[i]);
		sendq_put(&q, PRIORITY_LOW, &g);
	}
	for (uint64_t i = 0; i < 600; i++) {
		high[i] = record_of(100 + i, 8 * KIB, 0);
		struct sendq_group g = group_of(100 + i, &high[i]);
		sendq_put(&q, PRIORITY_HIGH, &g);
	}
	while (pump(&q, &sink))
		;
	cr_assert_eq(sink.count, 604);
	cr_assert_eq(sink.order[0], 100);
	size_t at = 0;
	while (sink.order[at] != 1)
		at++;
	cr_assert(at > 60 && at < 200, "low went after %zu of 600", at);
	for (size_t i = 0; i < 4; i++)
		blob_finish(&low[i]);
	for (size_t i = 0; i < 600; i++)
		blob_finish(&high[i]);
	sendq_finish(&q);
}

Test(link_sendq, a_small_edit_passes_a_large_upload)
{
	struct sendq q = { 0 };
	struct sink sink = { 0 };
	struct blob large = record_of(1, 3000 * KIB, 0), small = record_of(2, 50, 0),
	            other = record_of(3, 200 * KIB, 0);
	struct sendq_group g = group_of(1, &large);
	uint64_t sent;
	sendq_put(&q, PRIORITY_NORMAL, &g);
	for (int i = 0; i < 5; i++)
		pump(&q, &sink);
	cr_assert_eq(sendq_find(&q, 1, &sent), SENDQ_SENDING);
	cr_assert(sent > 4 * 60 * KIB && sent < 5 * 64 * KIB);
	g = group_of(2, &small);
	sendq_put(&q, PRIORITY_NORMAL, &g);
	pump(&q, &sink);
	cr_assert_eq(sink.order[0], 2);
	g = group_of(3, &other);
	sendq_put(&q, PRIORITY_HIGH, &g);
	while (pump(&q, &sink))
		;
	cr_assert_eq(sink.count, 3);
	cr_assert(sink.order[1] == 3 && sink.order[2] == 1);
	cr_assert_eq(sendq_find(&q, 1, NULL), SENDQ_SENT);
	blob_finish(&large);
	blob_finish(&small);
	blob_finish(&other);
	sink_finish(&sink);
	sendq_finish(&q);
}

Test(link_sendq, small_ones_do_not_stop_a_large_one_of_their_priority)
{
	struct sendq q = { 0 };
	struct sink sink = { 0 };
	struct blob large = record_of(1, 640 * KIB, 0), small[1000];
	struct sendq_group g = group_of(1, &large);
	sendq_put(&q, PRIORITY_LOW, &g);
	for (uint64_t i = 0; i < 1000; i++) {
		small[i] = record_of(100 + i, 3 * KIB, 0);
		g = group_of(100 + i, &small[i]);
		sendq_put(&q, PRIORITY_LOW, &g);
	}
	while (pump(&q, &sink))
		;
	size_t at = 0;
	while (sink.order[at] != 1)
		at++;
	cr_assert(at > 150 && at < 400, "after %zu small ones", at);
	for (size_t i = 0; i < 1000; i++)
		blob_finish(&small[i]);
	blob_finish(&large);
	sink_finish(&sink);
	sendq_finish(&q);
}

Test(link_sendq, linked_changes_share_a_frame_even_when_one_is_large)
{
	for (size_t first_len = 100; first_len < 300 * KIB; first_len *= 3)
		for (size_t second_len = 10; second_len < 300 * KIB; second_len *= 9) {
			struct sendq q = { 0 };
			struct blob filler = record_of(9, 40 * KIB, 0), one = record_of(1, first_len, 0),
			            two = record_of(2, second_len, CHANGE_LINKED);
			struct sendq_group g = group_of(9, &filler);
			struct buf frame = { 0 };
			bool together = false;
			sendq_put(&q, PRIORITY_CRITICAL, &g);
			g = (struct sendq_group){ .count = 2,
				                  .records = { { 1, span_blob(&one) }, { 2, span_blob(&two) } } };
			cr_assert(sendq_put(&q, PRIORITY_CRITICAL, &g));
			while (buf_clear(&frame), sendq_fill(&q, &frame)) {
				struct reader r = reader_of(buf_view(&frame));
				struct record record;
				cr_assert_leq(frame.len, WIRE_FRAME_MAX);
				while (wire_next(&r, &record) == 1)
					if (record.type == RECORD_CHANGE && record.change.counter == 1) {
						cr_assert_eq(wire_next(&r, &record), 1);
						cr_assert(record.type == RECORD_CHANGE && record.change.counter == 2);
						together = true;
					}
			}
			cr_assert(together, "%zu %zu", first_len, second_len);
			sendq_drop(&q, 1);
			cr_assert_eq(sendq_find(&q, 2, NULL), SENDQ_SENT);
			blob_finish(&filler);
			blob_finish(&one);
			blob_finish(&two);
			buf_finish(&frame);
			sendq_finish(&q);
		}
}

Test(link_sendq, an_upload_goes_on_where_it_stopped)
{
	struct sendq q = { 0 };
	struct sink sink = { 0 };
	struct blob large = record_of(1, 500 * KIB, 0);
	struct sendq_group g = group_of(1, &large);
	uint64_t sent;
	struct change c;
	struct reader r = reader_of(span_blob(&large));
	wire_get_change(&r, &c);
	buf_put(&sink.parts[1], c.body.data, 300 * KIB); /* from the last connection */

	sendq_resume(&q, 1, 300 * KIB); /* heard before it is queued */
	sendq_put(&q, PRIORITY_LOW, &g);
	sendq_find(&q, 1, &sent);
	cr_assert_eq(sent, 300 * KIB);
	pump(&q, &sink);
	sendq_resume(&q, 1, 310 * KIB); /* the hub missed something */
	while (pump(&q, &sink))
		;
	cr_assert_leq(sink.part_count, 6);
	cr_assert_eq(sink.count, 1);

	sendq_resume(&q, 1, 490 * KIB); /* refused for missing parts: queued again */
	sendq_put(&q, PRIORITY_LOW, &g);
	sendq_find(&q, 1, &sent);
	cr_assert_eq(sent, 490 * KIB);
	sendq_resume(&q, 1, 501 * KIB); /* nonsense */
	sendq_find(&q, 1, &sent);
	cr_assert_eq(sent, 490 * KIB);
	sendq_resume(&q, 1, 500 * KIB);
	size_t before = sink.part_count;
	sink.parts[1].len = 500 * KIB;
	cr_assert(pump(&q, &sink));
	cr_assert_eq(sink.part_count, before, "all was there");
	cr_assert_eq(sink.count, 2);
	blob_finish(&large);
	sink_finish(&sink);
	sendq_finish(&q);
}

Test(link_sendq, damaged_rows_and_unknown_counters)
{
	struct sendq q = { 0 };
	struct blob good = record_of(1, 10, 0), cut = record_of(2, 10, 0), other = record_of(3, 10, 0),
	            parted = record_of(5, 10, CHANGE_PARTED);
	struct sendq_group g = group_of(2, &cut);
	g.records[0].record.len--;
	cr_assert_not(sendq_put(&q, PRIORITY_LOW, &g));
	g = group_of(4, &other);
	cr_assert_not(sendq_put(&q, PRIORITY_LOW, &g), "another counter than it says");
	g = group_of(5, &parted);
	cr_assert_not(sendq_put(&q, PRIORITY_LOW, &g));
	g = (struct sendq_group){ .count = 2, .records = { { 1, span_blob(&good) }, { 1, span_blob(&good) } } };
	cr_assert_not(sendq_put(&q, PRIORITY_LOW, &g));
	cr_assert_not(sendq_waiting(&q));
	sendq_drop(&q, 77);
	sendq_resume(&q, 77, 5);
	g = group_of(1, &good);
	cr_assert(sendq_put(&q, PRIORITY_LOW, &g));
	cr_assert(sendq_put(&q, PRIORITY_HIGH, &g), "again, elsewhere");
	cr_assert_eq(q.waiting, 1);
	sendq_drop(&q, 1);
	cr_assert_not(sendq_waiting(&q));
	blob_finish(&good);
	blob_finish(&cut);
	blob_finish(&other);
	blob_finish(&parted);
	sendq_finish(&q);
}

/* Whatever is put, dropped and resumed, everything that was not dropped arrives whole, once. */
Test(link_sendq, random_lives)
{
	struct rng rng;
	rng_seed(&rng, 11);
	for (int life = 0; life < 60; life++) {
		struct sendq q = { 0 };
		struct sink sink = { 0 };
		struct blob records[61] = { 0 };
		uint64_t next = 1;
		while (next <= 60 || sendq_waiting(&q)) {
			uint64_t act = rng_below(&rng, 10);
			if (act < 5 && next <= 60) {
				struct sendq_group g = { .count = next < 60 && rng_below(&rng, 4) == 0 ? 2 : 1 };
				for (unsigned i = 0; i < g.count; i++, next++) {
					records[next] = record_of(next,
					                          rng_below(&rng, 4) ? 1 + rng_below(&rng, 3000)
					                                             : rng_below(&rng, 200 * KIB),
					                          0);
					g.records[i].counter = next;
					g.records[i].record = span_blob(&records[next]);
				}
				cr_assert(sendq_put(&q, (enum priority)rng_below(&rng, 4), &g));
			} else if (act == 5) {
				uint64_t counter = 1 + rng_below(&rng, next);
				if (counter <= 60 && sendq_find(&q, counter, NULL) == SENDQ_SENT)
					sendq_drop(&q, counter);
			} else if (act == 6) {
				uint64_t counter = 1 + rng_below(&rng, 60);
				if (sendq_find(&q, counter, NULL) == SENDQ_SENDING)
					sendq_resume(&q, counter, sink.parts[counter].len / 2);
			} else {
				pump(&q, &sink);
			}
		}
		uint8_t seen[61] = { 0 };
		cr_assert_eq(sink.count, 60);
		for (size_t i = 0; i < sink.count; i++)
			cr_assert_eq(seen[sink.order[i]]++, 0);
		for (size_t i = 0; i <= 60; i++)
			blob_finish(&records[i]);
		sink_finish(&sink);
		sendq_finish(&q);
	}
}

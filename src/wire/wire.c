#include "wire/wire.h"

#include <string.h>

#include "base/hash.h"

static void put_id(struct buf *out, const struct id *id)
{
	buf_put(out, id->b, ID_LEN);
}

static struct id get_id(struct reader *r)
{
	const uint8_t *p = reader_take(r, ID_LEN);
	return p ? id_from(p) : (struct id){ 0 };
}

/* Log numbers, counters and times fit a signed 64-bit integer, so that a store need not think about it. */
static uint64_t get_number(struct reader *r)
{
	uint64_t value = reader_varint(r);
	if (value > INT64_MAX)
		r->bad = true;
	return r->bad ? 0 : value;
}

static uint64_t get_positive(struct reader *r)
{
	uint64_t value = get_number(r);
	if (value == 0)
		r->bad = true;
	return value;
}

static uint64_t get_writer(struct reader *r)
{
	uint64_t value = get_positive(r);
	if (value >= WIRE_WRITERS_MAX)
		r->bad = true;
	return value;
}

/* Everything of a change that travels outside its body. */
static void put_head(struct buf *out, uint8_t flags, const struct change *c)
{
	buf_u8(out, flags);
	buf_varint(out, c->counter);
	put_id(out, &c->item);
	buf_varint(out, c->base);
	if (!(flags & CHANGE_DELETE))
		put_id(out, &c->version);
	buf_varint(out, c->edited);
}

void wire_put_change_head(struct buf *out, const struct change *c, size_t body_len)
{
	buf_reserve(out, 64 + body_len);
	put_head(out, c->flags, c);
	buf_varint(out, body_len);
}

void wire_put_change(struct buf *out, const struct change *c)
{
	if (c->flags & CHANGE_PARTED) {
		put_head(out, c->flags, c);
		return;
	}
	wire_put_change_head(out, c, c->body.len);
	buf_span(out, c->body);
}

static bool get_change(struct reader *r, struct change *out, size_t body_max)
{
	*out = (struct change){ 0 };
	out->flags = reader_u8(r);
	if (out->flags & ~CHANGE_FLAGS)
		r->bad = true;
	out->counter = get_positive(r);
	out->item = get_id(r);
	out->base = get_number(r);
	if (!(out->flags & CHANGE_DELETE)) {
		out->version = get_id(r);
		if (id_zero(&out->version)) /* zero means absent, which is what the flag says */
			r->bad = true;
	}
	out->edited = get_number(r);
	if (!(out->flags & CHANGE_PARTED))
		out->body = reader_bytes(r, body_max);
	return !r->bad;
}

bool wire_get_change(struct reader *r, struct change *out)
{
	return get_change(r, out, WIRE_BODY_MAX);
}

static void put_slice(struct buf *out, const struct record *r)
{
	buf_varint(out, r->offset);
	buf_varint(out, r->total);
	buf_bytes(out, r->bytes);
}

static void get_slice(struct reader *r, struct record *out)
{
	out->offset = get_number(r);
	out->total = get_positive(r);
	out->bytes = reader_bytes(r, WIRE_PART_MAX);
	if (out->total > WIRE_BODY_MAX || out->bytes.len == 0 || out->offset > out->total ||
	    out->bytes.len > out->total - out->offset)
		r->bad = true;
}

void wire_put(struct buf *out, const struct record *r)
{
	buf_u8(out, (uint8_t)r->type);
	switch (r->type) {
	case RECORD_CHANGE:
		wire_put_change(out, &r->change);
		break;
	case RECORD_PART:
		buf_varint(out, r->counter);
		put_slice(out, r);
		break;
	case RECORD_CURSOR:
		buf_varint(out, r->seq);
		break;
	case RECORD_WANT:
	case RECORD_WANTED:
		put_id(out, &r->item);
		break;
	case RECORD_PING:
		buf_varint(out, r->sent_ms);
		break;
	case RECORD_WRITER:
		buf_varint(out, r->writer);
		put_id(out, &r->device);
		buf_u64le(out, r->epoch);
		break;
	case RECORD_ENTRY:
		buf_varint(out, r->seq);
		buf_varint(out, r->writer);
		wire_put_change(out, &r->change);
		break;
	case RECORD_ENTRY_PART:
		buf_varint(out, r->seq);
		put_slice(out, r);
		break;
	case RECORD_CONFIRM:
		buf_varint(out, r->seq);
		buf_varint(out, r->counter);
		break;
	case RECORD_PRUNED:
		buf_varint(out, r->seq);
		buf_varint(out, r->until);
		break;
	case RECORD_STALE:
		buf_varint(out, r->counter);
		buf_varint(out, r->seq);
		break;
	case RECORD_REFUSED:
		buf_varint(out, r->counter);
		buf_u8(out, r->code);
		buf_varint(out, r->wait_ms);
		break;
	case RECORD_RECEIPT:
		buf_varint(out, r->writer);
		buf_varint(out, r->seq);
		break;
	case RECORD_PRESENCE:
		buf_varint(out, r->writer);
		buf_u8(out, r->online);
		buf_varint(out, r->sent_ms);
		break;
	case RECORD_PONG:
		buf_varint(out, r->sent_ms);
		buf_varint(out, r->wait_ms);
		buf_varint(out, r->seq);
		break;
	case RECORD_RESUME:
		buf_varint(out, r->counter);
		buf_varint(out, r->offset);
		break;
	}
}

int wire_next(struct reader *r, struct record *out)
{
	if (r->bad)
		return -1;
	if (reader_left(r) == 0)
		return 0;
	*out = (struct record){ .type = reader_u8(r) };
	switch (out->type) {
	case RECORD_CHANGE:
		get_change(r, &out->change, WIRE_PART_MAX);
		break;
	case RECORD_PART:
		out->counter = get_positive(r);
		get_slice(r, out);
		break;
	case RECORD_CURSOR:
		out->seq = get_number(r);
		break;
	case RECORD_WANT:
	case RECORD_WANTED:
		out->item = get_id(r);
		break;
	case RECORD_PING:
		out->sent_ms = get_number(r);
		break;
	case RECORD_WRITER:
		out->writer = get_writer(r);
		out->device = get_id(r);
		out->epoch = reader_u64le(r);
		break;
	case RECORD_ENTRY:
		out->seq = get_positive(r);
		out->writer = get_writer(r);
		get_change(r, &out->change, WIRE_PART_MAX);
		if (out->change.base >= out->seq) /* an entry builds on an older one */
			r->bad = true;
		break;
	case RECORD_ENTRY_PART:
		out->seq = get_positive(r);
		get_slice(r, out);
		break;
	case RECORD_CONFIRM:
		out->seq = get_positive(r);
		out->counter = get_positive(r);
		break;
	case RECORD_PRUNED:
		out->seq = get_positive(r);
		out->until = get_positive(r);
		if (out->until < out->seq)
			r->bad = true;
		break;
	case RECORD_STALE:
		out->counter = get_positive(r);
		out->seq = get_number(r);
		break;
	case RECORD_REFUSED:
		out->counter = get_positive(r);
		out->code = reader_u8(r);
		if (out->code < REFUSED_TOO_LARGE || out->code > REFUSED_BUSY)
			r->bad = true;
		out->wait_ms = get_number(r);
		break;
	case RECORD_RECEIPT:
		out->writer = get_writer(r);
		out->seq = get_number(r);
		break;
	case RECORD_PRESENCE:
		out->writer = get_writer(r);
		uint8_t online = reader_u8(r);
		if (online > 1)
			r->bad = true;
		out->online = online == 1;
		out->sent_ms = get_number(r);
		break;
	case RECORD_PONG:
		out->sent_ms = get_number(r);
		out->wait_ms = get_number(r);
		out->seq = get_number(r);
		break;
	case RECORD_RESUME:
		out->counter = get_positive(r);
		out->offset = get_number(r);
		if (out->offset > WIRE_BODY_MAX)
			r->bad = true;
		break;
	default:
		r->bad = true;
	}
	return r->bad ? -1 : 1;
}

void wire_put_sealed_context(struct buf *out, const struct id *device, uint64_t epoch, const struct change *c)
{
	static const char domain[] = "syncline body 1"; /* its NUL included */
	buf_put(out, domain, sizeof domain);
	put_id(out, device);
	buf_u64le(out, epoch);
	/* whether the body travels in parts is a matter of transport: a sender and the hub may choose differently */
	put_head(out, c->flags & ~CHANGE_PARTED, c);
}

struct hash_run *wire_chain_start(const struct id *before, uint64_t seq, const struct id *device, uint64_t epoch,
                                  uint64_t record_len)
{
	struct buf numbers = { 0 };
	buf_u64le(&numbers, seq);
	buf_u64le(&numbers, epoch);
	struct span parts[] = { span_of(before->b, ID_LEN), buf_view(&numbers), span_of(device->b, ID_LEN) };
	struct hash_run *r = hash_run_start(NULL, "syncline chain 1");
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		hash_run_part(r, parts[i].len);
		hash_run_bytes(r, parts[i]);
	}
	hash_run_part(r, record_len);
	buf_finish(&numbers);
	return r;
}

struct id wire_chain(const struct id *before, uint64_t seq, const struct id *device, uint64_t epoch,
                     struct span change_record)
{
	struct hash_run *r = wire_chain_start(before, seq, device, epoch, change_record.len);
	hash_run_bytes(r, change_record);
	return hash_run_end(r);
}

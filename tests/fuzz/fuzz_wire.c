/* Any bytes as a binary frame, and as a stored change: decoded without harm, and what decodes encodes to the same
 * bytes. */
#include <stdlib.h>

#include "wire/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf again = { 0 };
	struct record r;
	struct reader in = reader_of(span_of(data, size));
	int more;
	while ((more = wire_next(&in, &r)) == 1) {
		expect(r.bytes.len <= WIRE_PART_MAX && r.change.body.len <= WIRE_PART_MAX);
		expect(!r.bytes.len || (r.offset + r.bytes.len <= r.total && r.total <= WIRE_BODY_MAX));
		expect(!(r.change.flags & CHANGE_DELETE) || id_zero(&r.change.version));
		expect(!(r.change.flags & CHANGE_PARTED) || r.change.body.len == 0);
		wire_put(&again, &r);
	}
	expect(more != 0 || span_equal(span_of(data, size), buf_view(&again)));
	buf_clear(&again);

	struct change c;
	in = reader_of(span_of(data, size));
	if (wire_get_change(&in, &c)) {
		wire_put_change(&again, &c);
		expect(span_equal(span_of(data, size - reader_left(&in)), buf_view(&again)));
	}
	buf_finish(&again);
	return 0;
}

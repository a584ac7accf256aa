/* Any text as a control message: checked without harm, and what passes says the same again. */
#include <stdlib.h>

#include "wire/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct message m, back;
	struct err e = { 0 };
	if (!message_get(&m, data, size, &e)) {
		if (!e.why[0])
			abort();
		return 0;
	}
	struct blob text = message_put(&m);
	if (text.len <= WIRE_CONTROL_MAX) {
		if (!message_get(&back, text.data, text.len, &e))
			abort();
		struct blob again = message_put(&back);
		if (!span_equal(span_blob(&text), span_blob(&again)))
			abort();
		blob_finish(&again);
		message_finish(&back);
	}
	blob_finish(&text);
	message_finish(&m);
	return 0;
}

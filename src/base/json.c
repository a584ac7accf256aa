#include "base/json.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/utf8.h"

/* jansson recurses by nesting, so depth is counted first. */
static bool too_deep(const char *text, size_t len)
{
	size_t depth = 0;
	bool quoted = false;
	for (size_t i = 0; i < len; i++) {
		char c = text[i];
		if (quoted) {
			if (c == '\\')
				i++;
			else if (c == '"')
				quoted = false;
		} else if (c == '"') {
			quoted = true;
		} else if (c == '{' || c == '[') {
			if (++depth > JSON_DEPTH)
				return true;
		} else if ((c == '}' || c == ']') && depth) {
			depth--;
		}
	}
	return false;
}

json_t *json_from(const void *text, size_t len, size_t max_len)
{
	if (len > max_len || too_deep(text, len))
		return NULL;
	json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	if (root && !json_is_object(root)) {
		json_decref(root);
		root = NULL;
	}
	return root;
}

const char *json_get_text(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

int64_t json_get_int(const json_t *object, const char *key, int64_t otherwise)
{
	const json_t *value = json_object_get(object, key);
	return json_is_integer(value) ? json_integer_value(value) : otherwise;
}

bool json_get_bool(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

json_t *json_bytes(const void *bytes, size_t len)
{
	if (len == 0)
		return json_string("");
	if (utf8_valid(bytes, len) && !memchr(bytes, 0, len))
		return json_stringn(bytes, len);
	const uint8_t *p = bytes;
	struct buf out = { 0 };
	while (len) {
		uint32_t point;
		size_t n = utf8_decode(p, len, &point);
		if (n && point)
			buf_put(&out, p, n);
		else
			buf_printf(&out, "\\x%02x", p[0]);
		p += n ? n : 1;
		len -= n ? n : 1;
	}
	json_t *string = json_stringn((const char *)out.data, out.len);
	buf_finish(&out);
	return string;
}

json_t *json_b64(const void *bytes, size_t len)
{
	size_t cap = sodium_base64_encoded_len(len, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	char *text = mem_alloc(cap);
	sodium_bin2base64(text, cap, bytes, len, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	json_t *string = json_string(text);
	free(text);
	return string;
}

bool json_get_b64(const json_t *object, const char *key, struct blob *out, size_t min, size_t max)
{
	const char *text = json_get_text(object, key);
	size_t len = text ? strlen(text) : 0;
	*out = (struct blob){ 0 };
	if (!text || len / 4 * 3 > max + 3)
		return false;
	out->data = mem_alloc(len + 1);
	if (sodium_base642bin(out->data, len + 1, text, len, NULL, &out->len, NULL,
			      sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0 &&
	    out->len >= min && out->len <= max)
		return true;
	blob_finish(out);
	return false;
}

#include "base/id.h"

int id_order(const struct id *a, const struct id *b)
{
	return memcmp(a->b, b->b, ID_LEN);
}

const char *id_hex(const struct id *a, char out[ID_HEX])
{
	for (int i = 0; i < ID_LEN; i++) {
		out[2 * i] = "0123456789abcdef"[a->b[i] >> 4];
		out[2 * i + 1] = "0123456789abcdef"[a->b[i] & 15];
	}
	out[2 * ID_LEN] = 0;
	return out;
}

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool id_parse(struct id *out, const char *hex)
{
	for (int i = 0; i < ID_LEN; i++) {
		int high = nibble(hex[2 * i]);
		int low = high < 0 ? -1 : nibble(hex[2 * i + 1]);
		if (low < 0)
			return false;
		out->b[i] = (uint8_t)(high << 4 | low);
	}
	return hex[2 * ID_LEN] == 0;
}

struct id id_from(const uint8_t *bytes)
{
	struct id id;
	memcpy(id.b, bytes, ID_LEN);
	return id;
}

bool id_has_prefix(const struct id *a, const char *hex)
{
	char own[ID_HEX];
	size_t len = strlen(hex);
	if (len == 0 || len > 2 * ID_LEN)
		return false;
	id_hex(a, own);
	for (size_t i = 0; i < len; i++)
		if (nibble(hex[i]) < 0 || nibble(hex[i]) != nibble(own[i]))
			return false;
	return true;
}

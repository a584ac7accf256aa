#include "base/shell.h"

#include <string.h>

#include "base/utf8.h"

static bool printable(const char *word, size_t len)
{
	uint32_t point;
	for (size_t at = 0, n; at < len; at += n) {
		n = utf8_decode(word + at, len - at, &point);
		if (!n || utf8_unsafe(point))
			return false;
	}
	return true;
}

static void put_escaped(struct buf *out, const char *word, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		uint8_t byte = (uint8_t)word[i];
		if (byte < 0x20 || byte >= 0x7f)
			buf_printf(out, "\\x%02x", byte);
		else
			buf_printf(out, byte == '\'' || byte == '\\' ? "\\%c" : "%c", byte);
	}
}

void shell_word(struct buf *out, const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./@%+=:,-";
	size_t len = strlen(word);
	if (len && *word != '-' && strspn(word, plain) == len) {
		buf_put(out, word, len);
	} else if (!printable(word, len)) {
		buf_put(out, "$'", 2);
		put_escaped(out, word, len);
		buf_put(out, "'", 1);
	} else {
		buf_put(out, "'", 1);
		for (size_t i = 0; i < len; i++)
			buf_printf(out, word[i] == '\'' ? "'\\%c'" : "%c", word[i]);
		buf_put(out, "'", 1);
	}
}

/* utf8: the one place where bytes from outside become text that is safe to print.
 *
 * Rules: C0, DEL, C1, bytes that are not UTF-8, bidi controls, zero-width characters, tags, line separators and
 * private-use code points become visible escapes (\x1b, \t, \n, \u202e). All else passes unchanged. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decodes one code point strictly (no overlong forms, no surrogates). Returns its length 1..4, or 0 when the bytes are
 * not UTF-8 (then skip one byte). */
size_t utf8_decode(const void *bytes, size_t len, uint32_t *point);
size_t utf8_encode(uint32_t point, char out[4]);
bool utf8_valid(const void *bytes, size_t len);
bool utf8_unsafe(uint32_t point);                         /* must it be escaped before a terminal sees it */
/* Escapes into out (always NUL-terminated, never cut inside an escape or a character). Returns out. */
const char *utf8_show(char *out, size_t cap, const void *bytes, size_t len);
char *utf8_show_dup(const void *bytes, size_t len);       /* the same, whole, in new memory */
#endif

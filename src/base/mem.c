#include "base/mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *must(void *p)
{
	if (!p) {
		fputs("syncline: memory: none left (close other programs; nothing captured is lost)\n", stderr);
		abort();
	}
	return p;
}

void *mem_alloc(size_t len)
{
	return must(calloc(1, len ? len : 1));
}

void *mem_aligned(size_t len, size_t align)
{
	return memset(must(aligned_alloc(align, len)), 0, len);
}

void *mem_grow(void *old, size_t count, size_t size)
{
	if (size && count > SIZE_MAX / size)
		must(NULL);
	size_t len = count * size;
	return must(realloc(old, len > 0 ? len : 1));
}

void *mem_copy(const void *bytes, size_t len)
{
	char *copy = must(malloc(len + 1));
	if (len)
		memcpy(copy, bytes, len);
	copy[len] = 0;
	return copy;
}

char *mem_text(const char *text)
{
	return text ? mem_copy(text, strlen(text)) : NULL;
}

char *mem_printf(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (len < 0)
		len = 0;
	char *text = must(malloc((size_t)len + 1));
	va_start(args, format);
	vsnprintf(text, (size_t)len + 1, format, args);
	va_end(args);
	return text;
}

void mem_sort(void *array, size_t count, size_t size, int (*order)(const void *, const void *))
{
	if (count > 1)
		qsort(array, count, size, order);
}

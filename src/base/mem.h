/* mem: allocation that cannot fail.
 *
 * Every promise of syncline holds when the process is killed between any two calls, so running out of memory is
 * treated as such a kill: a line on stderr and abort(). Sizes that come from outside are bounded before they get here. */
#ifndef BASE_MEM_H
#define BASE_MEM_H
#include <stddef.h>

void *mem_alloc(size_t len);                     /* zeroed */
void *mem_aligned(size_t len, size_t align);     /* zeroed; len a multiple of align, as sizeof is */
void *mem_grow(void *old, size_t count, size_t size); /* realloc of count*size, overflow checked; new bytes undefined */
void *mem_copy(const void *bytes, size_t len);   /* a copy with one NUL added behind it */
char *mem_text(const char *text);                /* strdup; NULL gives NULL */
char *mem_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* qsort, but an empty array may be NULL. */
void mem_sort(void *array, size_t count, size_t size, int (*order)(const void *, const void *));

/* Makes room for one more element in a plain array that doubles. */
#define MEM_ROOM(array, count, cap)                                                                                    \
	do {                                                                                                           \
		if ((count) == (cap)) {                                                                                \
			(cap) = (cap) ? (cap) * 2 : 8;                                                                 \
			(array) = mem_grow((array), (cap), sizeof *(array));                                           \
		}                                                                                                      \
	} while (0)
#endif

/* entropy: the kernel's random bytes, for keys and seeds. It cannot fail: without them nothing here may go on. */
#ifndef SYS_ENTROPY_H
#define SYS_ENTROPY_H
#include <stddef.h>
#include <stdint.h>

void entropy_fill(void *out, size_t len);
uint64_t entropy_u64(void);
#endif

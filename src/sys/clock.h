/* clock: monotonic and wall time, in milliseconds. */
#ifndef SYS_CLOCK_H
#define SYS_CLOCK_H
#include <stddef.h>
#include <stdint.h>

uint64_t clock_ms(void);                 /* monotonic, counts suspend too (CLOCK_BOOTTIME) */
uint64_t clock_us(void);                 /* the same in microseconds */
int64_t clock_wall_ms(void);             /* since 1970 */
/* "2026-11-22T13:00:00.123Z"; 0 gives "". Returns out. */
const char *clock_iso(int64_t wall_ms, char out[32]);
#endif

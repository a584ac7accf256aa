/* signals: as a descriptor for the loop, so that nothing ever runs in a handler. */
#ifndef SYS_SIGNALS_H
#define SYS_SIGNALS_H
#include <stddef.h>

/* Blocks these signals (the list ends with 0) and gives a descriptor that becomes readable when one arrives; SIGPIPE is
 * ignored from then on. -1: no descriptor left. */
int signals_open(const int *wanted);
/* The next signal that has arrived, or 0. */
int signals_take(int fd);
#endif

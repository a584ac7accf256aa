#include "sim/real/calls.h"
#include "engine/io/scan.c" /* the whole of it, see calls.h */

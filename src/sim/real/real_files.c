#include "sim/real/calls.h"
#include "engine/io/files.c" /* the whole of it, see calls.h */

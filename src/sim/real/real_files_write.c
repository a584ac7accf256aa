#include "sim/real/calls.h"
#include "engine/io/files_write.c" /* the whole of it, see calls.h */

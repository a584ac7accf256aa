#include "sim/real/calls.h"
#include "engine/io/files_large.c" /* the whole of it, see calls.h */

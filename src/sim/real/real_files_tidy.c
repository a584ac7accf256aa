#include "sim/real/calls.h"
#include "engine/io/files_tidy.c" /* the whole of it, see calls.h */

#include "sim/real/calls.h"
#include "engine/io/files_place.c" /* the whole of it, see calls.h */

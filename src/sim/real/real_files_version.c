#include "sim/real/calls.h"
#include "engine/io/files_version.c" /* the whole of it, see calls.h */

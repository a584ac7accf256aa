#include "sim/real/calls.h"
#include "engine/io/inotify.c" /* the whole of it, see calls.h */

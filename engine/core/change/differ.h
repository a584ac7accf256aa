/* differ: how far apart two contents are. Cheap bounds for decisions, no diffs. */
#ifndef ENGINE_CORE_CHANGE_DIFFER_H
#define ENGINE_CORE_CHANGE_DIFFER_H
#include "base/blob.h"

/* Bytes that have to change to make one of the other: those between the common start and the common end, and of these,
 * where both are equally long, only those that differ. Never less than what truly changed. */
uint64_t differ_bytes(struct span before, struct span after);
/* 0 to 100: the share of the larger one's bytes that stand in lines (at most 64 bytes of a line without end) which both
 * have. In time linear but for sorting; contents over DIFFER_MAX are not compared. */
#define DIFFER_MAX (1024u * 1024)
#define DIFFER_ALIKE 60 /* from here on the one is the other, edited */
unsigned differ_alike(struct span a, struct span b);
#endif

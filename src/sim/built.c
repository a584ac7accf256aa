#include "sim/built.h"

#include "sim/built.inc" /* made by room.am */

#ifdef __clang__
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif

const char *built_commit(void)
{
	return BUILT_COMMIT;
}

const char *built_flags(void)
{
	return COMPILER " " BUILT_FLAGS;
}

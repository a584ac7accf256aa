/* mark: which hard paths of the code were reached. `MARK("swap.foreign_bytes_found")` on a line counts each pass over it;
 * whoever runs the code (the simulated world) reads the counters and names those that stayed at zero. Pure: a counter in
 * memory, listed by the linker, costs an addition and no call. A name stands at one place only.
 *
 * Each library that is linked as a whole shows all its marks, hit or not; of an archive, those of the files linked in. */
#ifndef BASE_MARK_H
#define BASE_MARK_H
#include <stddef.h>
#include <stdint.h>

struct mark {
	const char *name; /* "room.what_happened" */
	uint64_t hits;
};

#define MARK(name_)                                                                                                    \
	do {                                                                                                           \
		static struct mark mark_ = { name_, 0 };                                                               \
		static struct mark *mark_listed_ __attribute__((used, section("syncline_marks"))) = &mark_;            \
		mark_.hits++;                                                                                          \
	} while (0)

/* The i-th of all, in the linker's order; NULL beyond the last. */
struct mark *mark_at(size_t i);
void mark_forget(void); /* all counters to zero */
#endif

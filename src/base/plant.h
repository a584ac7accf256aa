/* plant: mistakes put into the code on purpose, to prove that the simulated world finds them. Only a build configured with
 * --enable-planted has any, and there each is asleep until it is chosen by name (`syncline sim --plant NAME`). In every
 * other build PLANTED("…") is the constant false and nothing of it is left. A name stands at one
 * place only; a file that is compiled twice (sim/real) lists it twice, and both wake. */
#ifndef BASE_PLANT_H
#define BASE_PLANT_H
#include <stdbool.h>
#include <stddef.h>

struct plant {
	const char *name; /* "room.the_mistake" */
	bool on, chosen;
};

#ifdef SYNCLINE_PLANTED
#define PLANTED(name_)                                                                                                 \
	({                                                                                                             \
		static struct plant plant_ = { name_, false, false };                                                         \
		static struct plant *plant_listed_ __attribute__((used, section("syncline_plants"))) = &plant_;        \
		plant_.on;                                                                                             \
	})
#else
#define PLANTED(name_) false
#endif

/* The i-th of all, in the linker's order; NULL beyond the last. */
struct plant *plant_at(size_t i);
bool plant_choose(const char *name); /* false: there is none of that name */
void plant_sleep(bool asleep);       /* those that were chosen sleep, or are awake again */
#endif

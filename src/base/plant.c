#include "base/plant.h"

#include <string.h>

/* Made by the linker around the section; absent in a program without any. */
extern struct plant *__start_syncline_plants[] __attribute__((weak, visibility("hidden")));
extern struct plant *__stop_syncline_plants[] __attribute__((weak, visibility("hidden")));

struct plant *plant_at(size_t i)
{
	return i < (size_t)(__stop_syncline_plants - __start_syncline_plants) ? __start_syncline_plants[i] : NULL;
}

bool plant_choose(const char *name)
{
	struct plant *p;
	bool any = false;
	for (size_t i = 0; (p = plant_at(i)); i++)
		if (strcmp(p->name, name) == 0)
			any = p->on = p->chosen = true;
	return any;
}

void plant_sleep(bool asleep)
{
	struct plant *p;
	for (size_t i = 0; (p = plant_at(i)); i++)
		p->on = p->chosen && !asleep;
}

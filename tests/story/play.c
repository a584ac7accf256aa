/* Plays stories, each under a few seeds (other timings of the same story), and prints TAP. In the environment: TRACE=1
 * tells what happens, STORY_SEEDS=N plays more or fewer of them, PLANT=NAME wakes a planted mistake (base/plant.h),
 * MARKS=FILE gets the names of the marks that were reached (base/mark.h). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mark.h"
#include "base/mem.h"
#include "base/plant.h"
#include "sim/story.h"

#define SEEDS 5

static bool write_marks(const char *path)
{
	const struct mark *m;
	FILE *f = fopen(path, "w");
	for (size_t i = 0; f && (m = mark_at(i)); i++)
		if (m->hits)
			fprintf(f, "%s\n", m->name);
	return f && fclose(f) == 0;
}

static char *read_all(const char *path)
{
	FILE *f = fopen(path, "r");
	if (!f)
		return NULL;
	size_t len = 0, cap = 0, more;
	char *text = NULL;
	do {
		cap += 65536;
		text = mem_grow(text, cap + 1, 1);
		more = fread(text + len, 1, cap - len, f);
		len += more;
	} while (more);
	text[len] = 0;
	fclose(f);
	return text;
}

int main(int argc, char **argv)
{
	const char *plant = getenv("PLANT"), *marks = getenv("MARKS"), *more = getenv("STORY_SEEDS");
	uint64_t seeds = more ? strtoull(more, NULL, 10) : SEEDS;
	bool trace = getenv("TRACE"), bad = false;
	if (plant && !plant_choose(plant)) {
		fprintf(stderr, "play: %s: this build has no such planted mistake\n", plant);
		return 2;
	}
	printf("1..%d\n", argc - 1);
	for (int i = 1; i < argc; i++) {
		char why[800] = "it cannot be read", *script = read_all(argv[i]);
		const char *slash = strrchr(argv[i], '/');
		bool ok = script;
		uint64_t seed = 1;
		for (; ok && seed <= seeds; seed++)
			ok = story_play(script, seed, trace, why, sizeof why);
		printf("%s %d - %s\n", ok ? "ok" : "not ok", i, slash ? slash + 1 : argv[i]);
		if (!ok)
			printf("# seed %llu, %s\n", (unsigned long long)seed - 1, why);
		bad = bad || !ok;
		free(script);
	}
	return bad || (marks && !write_marks(marks));
}

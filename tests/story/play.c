/* Plays stories, each under a few seeds (other timings of the same story), and prints TAP. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sim/story.h"

#define SEEDS 5

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
	bool trace = getenv("TRACE"), bad = false;
	printf("1..%d\n", argc - 1);
	for (int i = 1; i < argc; i++) {
		char why[800] = "it cannot be read", *script = read_all(argv[i]);
		const char *slash = strrchr(argv[i], '/');
		bool ok = script;
		uint64_t seed = 1;
		for (; ok && seed <= SEEDS; seed++)
			ok = story_play(script, seed, trace, why, sizeof why);
		printf("%s %d - %s\n", ok ? "ok" : "not ok", i, slash ? slash + 1 : argv[i]);
		if (!ok)
			printf("# seed %llu, %s\n", (unsigned long long)seed - 1, why);
		bad = bad || !ok;
		free(script);
	}
	return bad;
}

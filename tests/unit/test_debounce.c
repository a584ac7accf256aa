#include <criterion/criterion.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/rng.h"
#include "engine/core/category/category.h"
#include "engine/core/change/debounce.h"

Test(debounce, yields_names_by_due_time_whatever_the_order_of_notes)
{
	struct category notes = { .name = "notes" };
	struct debounce d = { 0 };
	struct rng rng;
	rng_seed(&rng, 7);
	for (int i = 0; i < 500; i++) {
		char path[32];
		snprintf(path, sizeof path, "f%d", (int)rng_below(&rng, 300));
		struct watched *w =
			debounce_note(&d, &notes, path, (uint64_t)i, rng_below(&rng, 1000), rng_below(&rng, 2));
		cr_assert_str_eq(w->path, path);
		if (rng_below(&rng, 5) == 0)
			debounce_drop(&d, w);
	}
	uint64_t last = 0;
	size_t count = 0;
	for (struct watched *w; (w = debounce_first(&d)); count++) {
		cr_assert_geq(w->due_ms, last);
		cr_assert_eq(debounce_find(&d, &notes, w->path), w);
		last = w->due_ms;
		debounce_drop(&d, w);
	}
	cr_assert_gt(count, 100);
	cr_assert_null(debounce_first(&d));
	debounce_finish(&d);
}

Test(debounce, a_second_note_moves_the_look_as_asked)
{
	struct category notes = { .name = "notes" };
	struct debounce d = { 0 };
	cr_assert_eq(debounce_note(&d, &notes, "a", 0, 100, true)->due_ms, 100);
	cr_assert_eq(debounce_note(&d, &notes, "a", 10, 50, true)->due_ms, 50);
	cr_assert_eq(debounce_note(&d, &notes, "a", 10, 80, true)->due_ms, 50);
	cr_assert_eq(debounce_note(&d, &notes, "a", 10, 80, false)->due_ms, 80);
	cr_assert_eq(map_count(&d.by_name), 1);
	debounce_finish(&d);
}

Test(debounce, knows_names_that_pass)
{
	static const char *const passing[] = { "sedAb12cD", "a/b/.x.txt.Zk3aP0",     "4913",  "x~",
					       ".#lock",    "d/.goutputstream-AB12", "x.tmp", "x.tmp.4711",
					       "y.swp" };
	static const char *const staying[] = { "sed",    "sedentary-life", "notes.md", ".bashrc", ".config.json",
					       "a.tmpl", "sed1234567",     "tmp/x",    ".x.txt" };
	for (size_t i = 0; i < sizeof passing / sizeof *passing; i++)
		cr_assert(debounce_passing(passing[i]), "%s", passing[i]);
	for (size_t i = 0; i < sizeof staying / sizeof *staying; i++)
		cr_assert_not(debounce_passing(staying[i]), "%s", staying[i]);
}

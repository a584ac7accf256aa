#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/rng.h"

#define KEYS 300

/* The model: which value each key has, and when it was inserted. */
struct model {
	uintptr_t value[KEYS];
	unsigned since[KEYS], now, live;
};

static size_t key_of(unsigned n, char out[16])
{
	return (size_t)snprintf(out, 16, "k%u", n * n);
}

static void compare(const struct map *m, const struct model *model)
{
	unsigned seen = 0, last = 0;
	void *value;
	cr_assert_eq(map_count(m), model->live);
	for (size_t at = 0; map_next(m, &at, &value); seen++) {
		unsigned n = 0;
		while (model->value[n] != (uintptr_t)value)
			n++;
		cr_assert_gt(model->since[n], last, "walked in the order of insertion");
		last = model->since[n];
	}
	cr_assert_eq(seen, model->live);
}

Test(base_map, behaves_as_its_model)
{
	struct rng rng;
	for (uint64_t seed = 0; seed < 8; seed++) {
		struct map m = { 0 };
		struct model model = { 0 };
		uintptr_t next = 1;
		rng_seed(&rng, seed);
		for (int i = 0; i < 6000; i++) {
			char key[16];
			unsigned n = (unsigned)rng_below(&rng, 1 + rng_below(&rng, KEYS));
			size_t len = key_of(n, key);
			if (rng_below(&rng, 100) < 55) {
				cr_assert_eq((uintptr_t)map_put(&m, key, len, (void *)next), model.value[n]);
				if (!model.value[n]) {
					model.since[n] = ++model.now;
					model.live++;
				}
				model.value[n] = next++;
			} else {
				cr_assert_eq((uintptr_t)map_remove(&m, key, len), model.value[n]);
				model.live -= model.value[n] != 0;
				model.value[n] = 0;
			}
			len = key_of(n = (unsigned)rng_below(&rng, KEYS), key);
			cr_assert_eq((uintptr_t)map_find(&m, key, len), model.value[n]);
			if (i % 100 == 0)
				compare(&m, &model);
		}
		map_finish(&m);
		cr_assert_eq(map_count(&m), 0);
	}
}

Test(base_map, the_current_one_may_go_while_walking)
{
	struct map m = { 0 };
	char keys[100][12];
	void *value;
	for (int i = 0; i < 100; i++) {
		snprintf(keys[i], sizeof keys[i], "%d", i);
		map_put(&m, keys[i], strlen(keys[i]), keys[i]);
	}
	int seen = 0;
	for (size_t at = 0; map_next(&m, &at, &value); seen++)
		if (seen % 2)
			map_remove(&m, value, strlen(value));
	cr_assert_eq(seen, 100);
	cr_assert_eq(map_count(&m), 50);
	cr_assert_null(map_find(&m, "1", 1));
	cr_assert_str_eq(map_find(&m, "2", 1), "2");
	map_finish(&m);
}

Test(base_map, keys_are_bytes)
{
	struct map m = { 0 };
	map_put(&m, "a\0b", 3, "three");
	map_put(&m, "a", 1, "one");
	map_put(&m, "", 0, "none");
	cr_assert_str_eq(map_find(&m, "a\0b", 3), "three");
	cr_assert_str_eq(map_find(&m, "a", 1), "one");
	cr_assert_str_eq(map_find(&m, NULL, 0), "none");
	cr_assert_null(map_find(&m, "a\0c", 3));
	map_finish(&m);
}

/* Filled and emptied for ever, it must not grow. */
Test(base_map, churn_does_not_grow_it)
{
	struct map m = { 0 };
	for (int i = 0; i < 100000; i++) {
		map_put(&m, &i, sizeof i, &m);
		if (i >= 5) {
			int old = i - 5;
			cr_assert_eq(map_remove(&m, &old, sizeof old), &m);
		}
	}
	cr_assert_leq(m.cap, 32);
	map_finish(&m);
}

Test(base_map, borrowed_keys_are_neither_copied_nor_freed)
{
	static char keys[KEYS][8]; /* freeing one would be the end of it */
	struct map m = { .borrows = true };
	for (int i = 0; i < KEYS; i++) {
		snprintf(keys[i], sizeof keys[i], "%d", i);
		cr_assert_null(map_put(&m, keys[i], strlen(keys[i]), keys[i]));
	}
	for (int i = 0; i < KEYS; i += 2)
		cr_expect_eq(map_remove(&m, keys[i], strlen(keys[i])), keys[i]);
	for (int i = 0; i < KEYS; i++)
		cr_expect_eq(map_find(&m, keys[i], strlen(keys[i])), i % 2 ? keys[i] : NULL);
	map_finish(&m);
	cr_expect(m.borrows);
}

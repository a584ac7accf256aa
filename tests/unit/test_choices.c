/* Choices: the dice, lists of what they showed, and lives played again from a list. */
#include <criterion/criterion.h>
#include <string.h>

#include "sim/choices.h"
#include "sim/life.h"

Test(choices, a_choice_depends_on_where_it_is_drawn_and_not_on_others)
{
	struct chance a, b;
	unsigned disk = chance_of(CHANCE_DISK, 2);
	chance_init(&a, 7);
	chance_init(&b, 7);
	chance_at(&a, 5);
	for (int i = 0; i < 100; i++)
		chance_below(&a, i % 2 ? disk : CHANCE_HUB, 1000);
	chance_at(&a, 6);
	chance_at(&b, 6);
	for (int i = 0; i < 100; i++)
		cr_assert_eq(chance_below(&a, disk, 1000), chance_below(&b, disk, 1000));
	chance_begin(&a, chance_of(CHANCE_PERSON, 1), 77, 3);
	chance_begin(&b, chance_of(CHANCE_PERSON, 1), 77, 0);
	for (int i = 0; i < 3; i++)
		chance_below(&b, chance_of(CHANCE_PERSON, 1), 10);
	cr_assert_eq(chance_below(&a, chance_of(CHANCE_PERSON, 1), 1000000),
		     chance_below(&b, chance_of(CHANCE_PERSON, 1), 1000000));
}

Test(choices, dice_are_fair_enough)
{
	struct chance c;
	unsigned sides[6] = { 0 }, hits = 0;
	chance_init(&c, 1);
	for (uint32_t second = 0; second < 60; second++) {
		chance_at(&c, second);
		for (int i = 0; i < 1000; i++) {
			sides[chance_below(&c, CHANCE_NET, 6)]++;
			hits += chance_hit(&c, CHANCE_HUB, 20000);
		}
	}
	for (int i = 0; i < 6; i++)
		cr_assert(sides[i] > 9600 && sides[i] < 10400, "%u", sides[i]);
	cr_assert(hits > 1050 && hits < 1350, "%u", hits);
	cr_assert_eq(chance_below(&c, CHANCE_NET, 0), 0);
	cr_assert_not(chance_hit(&c, CHANCE_NET, 0));
	cr_assert_eq(chance_between(&c, CHANCE_NET, 5, 5), 5);
}

Test(choices, what_is_not_listed_does_not_happen_and_what_is_too_much_is_cut)
{
	struct chance c;
	struct choices list = { 0 };
	chance_init(&c, 1);
	choices_add(&list, choice_key(CHANCE_NET, 3, 1), 100, 60, NULL);
	choices_add(&list, choice_key(CHANCE_HUB, 3, 2), 0, 1, NULL);
	choices_add(&list, choice_key(CHANCE_NET, 3, 1), 100, 70, NULL); /* the later one counts */
	choices_sort(&list);
	cr_assert_eq(list.count, 2);
	choices_ready(&list);
	c.play = &list;
	chance_at(&c, 3);
	cr_assert_eq(chance_below(&c, CHANCE_NET, 100), 0);
	cr_assert_eq(chance_below(&c, CHANCE_NET, 50), 49);
	cr_assert_eq(chance_below(&c, CHANCE_NET, 100), 0);
	cr_assert_not(chance_hit(&c, CHANCE_HUB, 1000000));
	cr_assert_not(chance_hit(&c, CHANCE_HUB, 1000000));
	cr_assert(chance_hit(&c, CHANCE_HUB, 1));
	chance_at(&c, 4);
	cr_assert_eq(chance_below(&c, CHANCE_NET, 100), 0);
	cr_assert(list.list[0].used && list.list[1].used);
	choices_finish(&list);
}

Test(choices, a_life_played_from_its_list_is_the_same_life)
{
	for (uint64_t seed = 300; seed < 306; seed++) {
		struct choices list = { 0 };
		struct life_setup s = { .seed = seed, .devices = 3, .seconds = 60, .record = &list };
		struct life_result lived, played;
		life_run(&s, &lived);
		cr_assert(list.count > 100);
		choices_sort(&list);
		choices_ready(&list);
		s.record = NULL;
		s.play = &list;
		life_run(&s, &played);
		cr_assert_eq(lived.digest, played.digest, "seed %llu", (unsigned long long)seed);
		cr_assert(memcmp(&lived.tally, &played.tally, sizeof lived.tally) == 0);
		for (size_t i = 0; i < list.count; i++)
			cr_assert(list.list[i].used);
		choices_finish(&list);
	}
}

/* Wall clocks decide nothing but what `newest` leaves to them. Faults at single calls are left out: a file from the
 * future is read once more, and the next calls of that second would be other ones. */
Test(choices, wall_clocks_that_jump_change_neither_folders_nor_log)
{
	static const enum fault at_calls[] = { FAULT_race,      FAULT_kill,       FAULT_power,     FAULT_call_error,
					       FAULT_look_busy, FAULT_sync_error, FAULT_hint_lost, FAULT_hint_late,
					       FAULT_unseen,    FAULT_ledger_full };
	uint64_t calm = 0;
	unsigned jumps = 0;
	for (size_t i = 0; i < sizeof at_calls / sizeof *at_calls; i++)
		calm |= 1ull << at_calls[i];
	for (uint64_t seed = 1; seed <= 30; seed++) {
		struct life_setup s = {
			.seed = seed, .devices = 3, .seconds = 60, .stores = LIFE_STORES_MODEL, .without = calm
		};
		struct life_result jumping, steady;
		life_run(&s, &jumping);
		if (!jumping.tally.clock_jumps)
			continue;
		jumps += (unsigned)jumping.tally.clock_jumps;
		s.without |= 1ull << FAULT_clock_jump;
		life_run(&s, &steady);
		cr_assert_not(jumping.breach.found || steady.breach.found);
		cr_assert_eq(jumping.outcome.folders, steady.outcome.folders, "seed %llu", (unsigned long long)seed);
		cr_assert_eq(jumping.outcome.log, steady.outcome.log, "seed %llu", (unsigned long long)seed);
	}
	cr_assert(jumps >= 5, "%u", jumps);
}

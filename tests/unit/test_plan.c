/* The planner, exhaustively: every combination of four versions, against what must never and what must always be. */
#include <criterion/criterion.h>

#include "engine/core/conflict/plan.h"

static struct id version(int n)
{
	struct id id = { { 0 } };
	id.b[0] = (uint8_t)n;
	return id;
}

#define FOR_ALL_FACTS(f)                                                                                               \
	for (int all_ = 0; all_ < 4 * 4 * 4 * 5; all_++)                                                               \
		for (struct plan_facts f = { .agreed = version(all_ % 4), .local = version(all_ / 4 % 4), .head = version(all_ / 16 % 4), .side_open = all_ / 64 > 0, .side = version(all_ / 64) }, *once_ = &f; once_; once_ = NULL)

Test(plan, never_overwrites_what_was_edited_here)
{
	FOR_ALL_FACTS(f)
		if (plan_item(&f) == PLAN_APPLY)
			cr_assert(id_equal(&f.local, &f.agreed) || id_zero(&f.local), "case %d", all_);
}

Test(plan, never_supersedes_an_edit_it_has_not_agreed_with)
{
	FOR_ALL_FACTS(f)
		if (plan_item(&f) == PLAN_SEND)
			cr_assert(id_equal(&f.head, &f.agreed) || id_zero(&f.head), "case %d", all_);
}

Test(plan, one_sided_changes_never_conflict)
{
	FOR_ALL_FACTS(f)
		if (id_equal(&f.local, &f.agreed) || id_equal(&f.head, &f.agreed) || id_equal(&f.local, &f.head)) {
			cr_assert_not(plan_conflict(&f), "case %d", all_);
			cr_assert_neq(plan_item(&f), PLAN_SIDE_PUT, "case %d", all_);
		}
}

Test(plan, both_changed_is_kept_on_the_side_and_then_waits)
{
	FOR_ALL_FACTS(f)
		if (plan_conflict(&f)) {
			bool kept = f.side_open && id_equal(&f.side, &f.local);
			cr_assert_eq(plan_item(&f), kept ? PLAN_NOTHING : PLAN_SIDE_PUT, "case %d", all_);
		}
}

Test(plan, an_edit_beats_a_delete_both_ways)
{
	struct plan_facts deleted_here = { .agreed = version(1), .local = version(0), .head = version(2) };
	struct plan_facts deleted_there = { .agreed = version(1), .local = version(2), .head = version(0) };
	cr_assert_eq(plan_item(&deleted_here), PLAN_APPLY);
	cr_assert_eq(plan_item(&deleted_there), PLAN_SEND);
}

/* Carrying out whatever it says leads to rest in a few moves, from everywhere: no ping-pong. */
Test(plan, comes_to_rest_from_everywhere)
{
	FOR_ALL_FACTS(f) {
		int moves = 0;
		enum plan p;
		while ((p = plan_item(&f)) != PLAN_NOTHING) {
			cr_assert_lt(moves++, 4, "case %d", all_);
			switch (p) {
			case PLAN_AGREE:
				f.agreed = f.head;
				break;
			case PLAN_SEND:
				f.head = f.agreed = f.local;
				break;
			case PLAN_APPLY:
				f.local = f.agreed = f.head;
				break;
			case PLAN_SIDE_PUT:
				f.side_open = true;
				f.side = f.local;
				break;
			case PLAN_SIDE_DROP:
				f.side_open = false;
				break;
			case PLAN_RETURN:
				f.head = f.want;
				break;
			case PLAN_NOTHING:
				break;
			}
		}
		cr_assert(id_equal(&f.local, &f.head) ? !f.side_open && id_equal(&f.agreed, &f.head) : plan_conflict(&f) && f.side_open, "case %d", all_);
	}
}

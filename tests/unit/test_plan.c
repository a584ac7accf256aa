/* The planner, exhaustively: every combination of four versions, against what must never and what must always be. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/core/conflict/plan.h"

static struct id version(int n)
{
	struct id id = { { 0 } };
	id.b[0] = (uint8_t)n;
	return id;
}

#define FOR_ALL_FACTS(f)                                                                                               \
	for (int all_ = 0; all_ < 4 * 4 * 4 * 5; all_++)                                                               \
		for (struct plan_facts f = { .agreed = version(all_ % 4),                                              \
					     .local = version(all_ / 4 % 4),                                           \
					     .head = version(all_ / 16 % 4),                                           \
					     .side_open = all_ / 64 > 0,                                               \
					     .side = version(all_ / 64) },                                             \
				       *once_ = &f;                                                                    \
		     once_; once_ = NULL)

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
		cr_assert(id_equal(&f.local, &f.head) ? !f.side_open && id_equal(&f.agreed, &f.head)
						      : plan_conflict(&f) && f.side_open,
			  "case %d", all_);
	}
}

/* ---- the table of doc/conflicts.md, row by row, as an independent model ---- */

struct row {
	const char *number, *words; /* as the page has them */
	bool (*fits)(const struct plan_facts *f);
	enum plan plan;
};

static bool same(struct id a, struct id b)
{
	return id_equal(&a, &b);
}

static bool wants(const struct plan_facts *f) { return !id_zero(&f->want) && !same(f->want, f->head); }
static bool in_step(const struct plan_facts *f) { return same(f->local, f->head) && same(f->agreed, f->head); }
static bool settled_side(const struct plan_facts *f) { return in_step(f) && f->side_open; }
static bool came_equal(const struct plan_facts *f) { return same(f->local, f->head); }
static bool theirs_alone(const struct plan_facts *f) { return !f->held && same(f->local, f->agreed); }
static bool mine_alone(const struct plan_facts *f) { return !f->held && same(f->head, f->agreed); }
static bool deleted_here(const struct plan_facts *f) { return id_zero(&f->local); }
static bool deleted_there(const struct plan_facts *f) { return id_zero(&f->head); }
static bool waits(const struct plan_facts *f) { return f->side_open && same(f->side, f->local); }
static bool rest(const struct plan_facts *f) { (void)f; return true; }

/* 8 stands before 7 here: it is the same, with the side version written already. */
static const struct row rows[] = {
	{ "0", "not yet what an undo wants it to be", wants, PLAN_RETURN },
	{ "1", "an open side version is settled and goes", settled_side, PLAN_SIDE_DROP },
	{ "1", "in step", in_step, PLAN_NOTHING },
	{ "2", "both came to the same bytes by themselves", came_equal, PLAN_AGREE },
	{ "3", "the head comes to the file", theirs_alone, PLAN_APPLY },
	{ "4", "the edit is sent", mine_alone, PLAN_SEND },
	{ "5", "an edit beats a delete: the file comes back", deleted_here, PLAN_APPLY },
	{ "6", "the same the other way: the edit is sent", deleted_there, PLAN_SEND },
	{ "8", "it waits for a person", waits, PLAN_NOTHING },
	{ "7", "the local version goes to the side item; the file stays as it is", rest, PLAN_SIDE_PUT },
};
#define ROWS (sizeof rows / sizeof *rows)

/* Four versions each for agreed, local, head, side (none, absent and three contents), want, held or not. */
Test(plan, does_what_the_table_says_in_every_case)
{
	size_t walked[ROWS] = { 0 };
	for (int n = 0; n < 4 * 4 * 4 * 5 * 4 * 2; n++) {
		int side = n / 64 % 5;
		struct plan_facts f = {
			.agreed = version(n % 4), .local = version(n / 4 % 4), .head = version(n / 16 % 4),
			.side_open = side > 0, .side = version(side), .want = version(n / 320 % 4), .held = n / 1280,
		};
		size_t row = 0;
		while (!rows[row].fits(&f))
			row++;
		walked[row]++;
		cr_assert_eq(plan_item(&f), rows[row].plan, "case %d, row %s", n, rows[row].number);
	}
	for (size_t row = 0; row < ROWS; row++)
		cr_expect(walked[row] > 0, "row %s is never reached", rows[row].number);
}

/* The page and the model are one: every row of the page is in the model, with its words. */
Test(plan, the_table_is_the_one_of_the_page)
{
	const char *source = getenv("SYNCLINE_SOURCE");
	char path[4096], line[1024];
	size_t found[ROWS] = { 0 }, lines = 0;
	snprintf(path, sizeof path, "%s/doc/conflicts.md", source ? source : ".");
	FILE *page = fopen(path, "r");
	cr_assert_not_null(page, "%s", path);
	while (fgets(line, sizeof line, page)) {
		bool known = false;
		if (line[0] != '|' || line[2] < '0' || line[2] > '9')
			continue;
		lines++;
		for (size_t i = 0; i < ROWS; i++)
			if (line[2] == rows[i].number[0] && strstr(line, rows[i].words)) {
				found[i]++;
				known = true;
			}
		cr_expect(known, "the model has no such row: %s", line);
	}
	fclose(page);
	cr_expect_eq(lines, 9u);
	for (size_t i = 0; i < ROWS; i++)
		cr_expect_eq(found[i], 1u, "row %s, \"%s\"", rows[i].number, rows[i].words);
}

/* A strategy acts only on what both once shared, and never on what a person is looking at. */
Test(plan, strategies_need_a_common_original_and_nobody_asked)
{
	FOR_ALL_FACTS(f) {
		bool may = plan_may_settle(&f);
		cr_expect(!may || (plan_item(&f) == PLAN_SIDE_PUT && !id_zero(&f.agreed) && !f.side_open), "case %d",
			  all_);
		f.held = true;
		cr_expect_not(plan_may_settle(&f), "case %d, held", all_);
	}
}

/* Two devices with two names each, the whole planner carried out against one log in every order of turns: they end with
 * the log's heads, or with an open side version of their own; no version is lost but by a delete that both knew. */
struct device {
	struct plan_facts f[2];
};

static void turn(struct device *d, int name, struct id *head)
{
	struct plan_facts *f = &d->f[name];
	f->head = *head;
	switch (plan_item(f)) {
	case PLAN_AGREE:
		f->agreed = f->head;
		break;
	case PLAN_SEND:
		*head = f->head = f->agreed = f->local;
		break;
	case PLAN_APPLY:
		f->local = f->agreed = f->head;
		break;
	case PLAN_SIDE_PUT:
		f->side_open = true;
		f->side = f->local;
		break;
	case PLAN_SIDE_DROP:
		f->side_open = false;
		break;
	case PLAN_RETURN:
	case PLAN_NOTHING:
		break;
	}
}

Test(plan, two_devices_and_two_names_come_to_rest_in_every_order)
{
	for (int n = 0; n < 4 * 4 * 4 * 4 * 4; n++) /* base and both locals of the first name; locals of the second, new one */
		for (int order = 0; order < 16; order++) {
			struct id heads[2] = { version(n % 4), version(0) };
			struct device d[2] = {
				{ { { .agreed = heads[0], .local = version(n / 4 % 4) },
				    { .local = version(n / 64 % 4) } } },
				{ { { .agreed = heads[0], .local = version(n / 16 % 4) },
				    { .local = version(n / 256 % 4) } } },
			};
			struct device first[2] = { d[0], d[1] };
			struct id base = heads[0];
			for (int step = 0; step < 24; step++) {
				int who = step < 4 ? order >> step & 1 : step & 1;
				int name = step < 4 ? (order >> step ^ step) & 1 : step / 2 & 1;
				turn(&d[who], name, &heads[name]);
			}
			for (int name = 0; name < 2; name++)
				for (int who = 0; who < 2; who++) {
					const struct plan_facts *f = &d[who].f[name];
					struct id mine = first[who].f[name].local, was = name ? version(0) : base;
					cr_assert(same(f->local, heads[name]) ||
							  (f->side_open && same(f->side, f->local)),
						  "case %d, order %d", n, order);
					bool edited = !id_zero(&mine) && !same(mine, was);
					bool kept = same(heads[name], mine) || (f->side_open && same(f->side, mine));
					cr_assert(!edited || kept, "case %d, order %d: an edit is gone", n, order);
				}
		}
}

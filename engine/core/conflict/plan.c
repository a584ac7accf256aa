#include "engine/core/conflict/plan.h"

#include "base/plant.h"

static bool returning(const struct plan_facts *f)
{
	return !id_zero(&f->want) && !id_equal(&f->want, &f->head);
}

bool plan_conflict(const struct plan_facts *f)
{
	bool differ = !id_equal(&f->local, &f->head) && !id_zero(&f->local) && !id_zero(&f->head);
	bool both = !id_equal(&f->local, &f->agreed) && !id_equal(&f->head, &f->agreed);
	return differ && (both || f->held) && !returning(f);
}

bool plan_may_settle(const struct plan_facts *f)
{
	return plan_conflict(f) && !f->held && !f->side_open && !id_zero(&f->agreed);
}

enum plan plan_item(const struct plan_facts *f)
{
	if (returning(f))
		return PLAN_RETURN;
	if (id_equal(&f->local, &f->head)) {
		if (!id_equal(&f->agreed, &f->head))
			return PLAN_AGREE;
		return f->side_open ? PLAN_SIDE_DROP : PLAN_NOTHING;
	}
	if (id_equal(&f->local, &f->agreed) && !f->held)
		return PLAN_APPLY;
	if (id_equal(&f->head, &f->agreed) && !f->held)
		return PLAN_SEND;
	if (id_zero(&f->local))
		return PLAN_APPLY; /* deleted here, edited there: the edit stays */
	if (PLANTED("plan.a_delete_beats_an_edit") && id_zero(&f->head))
		return PLAN_APPLY;
	if (id_zero(&f->head))
		return PLAN_SEND; /* edited here, deleted there: the same */
	if (f->side_open && id_equal(&f->side, &f->local))
		return PLAN_NOTHING;
	return PLANTED("plan.last_writer_wins") ? PLAN_SEND : PLAN_SIDE_PUT;
}

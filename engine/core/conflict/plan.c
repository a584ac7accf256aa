#include "engine/core/conflict/plan.h"

bool plan_conflict(const struct plan_facts *f)
{
	return !id_equal(&f->local, &f->head) && !id_equal(&f->local, &f->agreed) && !id_equal(&f->head, &f->agreed) &&
	       !id_zero(&f->local) && !id_zero(&f->head);
}

enum plan plan_item(const struct plan_facts *f)
{
	if (id_equal(&f->local, &f->head)) {
		if (!id_equal(&f->agreed, &f->head))
			return PLAN_AGREE;
		return f->side_open ? PLAN_SIDE_DROP : PLAN_NOTHING;
	}
	if (id_equal(&f->local, &f->agreed))
		return PLAN_APPLY;
	if (id_equal(&f->head, &f->agreed))
		return PLAN_SEND;
	if (id_zero(&f->local))
		return PLAN_APPLY; /* deleted here, edited there: the edit stays */
	if (id_zero(&f->head))
		return PLAN_SEND; /* edited here, deleted there: the same */
	if (f->side_open && id_equal(&f->side, &f->local))
		return PLAN_NOTHING;
	return PLAN_SIDE_PUT;
}

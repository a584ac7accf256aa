#include "sim/simreal.h"

#include <stdlib.h>

#include "base/mem.h"

static uint64_t draw(void *ctx, uint64_t bound)
{
	struct simreal *r = ctx;
	return cluster_drawn(r->cl, FAULT_store_death, r->n, bound);
}

static void die_now(struct simreal *r)
{
	if (!r->n)
		r->cl->hub.dying = true;
	else if (!r->n->dying)
		r->n->dying = draw(r, 2) ? DEATH_POWER : DEATH_KILL;
	r->armed = false;
}

static enum simvfs_trouble trouble(void *ctx, bool sync)
{
	struct simreal *r = ctx;
	if (!r->armed)
		return SIMVFS_FINE;
	if (cluster_strikes(r->cl, FAULT_store_death, r->n)) {
		die_now(r);
		return SIMVFS_DEATH;
	}
	if (sync)
		return cluster_strikes(r->cl, FAULT_store_sync, r->n) ? SIMVFS_LOST : SIMVFS_FINE;
	return cluster_strikes(r->cl, FAULT_store_full, r->n) ? SIMVFS_FULL : SIMVFS_FINE;
}

struct simreal *simreal_create(struct cluster *cl, struct simnode *n)
{
	struct simreal *r = mem_alloc(sizeof *r);
	*r = (struct simreal){ .cl = cl, .n = n };
	r->disk = simvfs_create(&(struct simvfs_world){ r, trouble, draw });
	return r;
}

void simreal_destroy(struct simreal *r)
{
	if (!r)
		return;
	simvfs_destroy(r->disk);
	free(r);
}

void simreal_die(struct simreal *r, bool power)
{
	if (!r)
		return;
	r->armed = false;
	if (power)
		simvfs_power_cut(r->disk);
	else
		simvfs_die(r->disk);
}

#include "sim/simhub.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "hub/core/limits.h"
#include "hub/store/backends.h"
#include "sim/judge.h"
#include "sim/simnet.h"
#include "sim/simreal.h"

#define NARROW 1000 /* bytes under way that fill a narrow connection */

static bool deaf(struct cluster *cl)
{
	struct simhub *h = &cl->hub;
	if (!h->dying && cluster_strikes(cl, FAULT_hub_kill, NULL))
		h->dying = true;
	return h->dying;
}

static void hub_send(void *ctx, uint64_t conn, bool text, struct span frame)
{
	struct cluster *cl = ctx;
	if (deaf(cl))
		return;
	judge_frame_down(cl, conn, text, frame);
	simnet_send_down(cl, conn, text, frame);
}

static size_t hub_backlog(void *ctx, uint64_t conn)
{
	struct cluster *cl = ctx;
	struct simconn *c = simnet_conn(cl, conn);
	if (deaf(cl) || !c)
		return 0;
	return cl->narrow && c->down_backlog < HUB_WINDOW && c->down_backlog > NARROW ? HUB_WINDOW : c->down_backlog;
}

static void hub_close(void *ctx, uint64_t conn, const char *reason)
{
	struct cluster *cl = ctx;
	if (deaf(cl))
		return;
	cluster_note(cl, "hub closes %llu: %s", (unsigned long long)conn, reason);
	simnet_hub_close(cl, conn);
}

static void hub_entropy(void *ctx, void *out, size_t len)
{
	struct cluster *cl = ctx;
	chance_fill(&cl->chance, CHANCE_ENTROPY, out, len);
}

static void hub_log(void *ctx, const char *level, const char *text)
{
	cluster_note(ctx, "hub %s: %s", level, text);
}

static void store_appended(void *ctx, const struct simentry *e, const struct simentry *base)
{
	judge_appended(ctx, e, base);
}

static bool store_refuses(void *ctx)
{
	struct cluster *cl = ctx;
	return cluster_strikes(cl, FAULT_hub_full, NULL);
}

static bool store_dies(void *ctx)
{
	return deaf(ctx);
}

static void store_broken(void *ctx, const char *what)
{
	cluster_break(ctx, "I4", "%s", what);
}

static struct store *open_memory(struct simhub *h, bool anew)
{
	if (anew)
		store_close(h->memory);
	return h->memory = anew ? store_memory_create() : h->memory;
}

static struct store *open_store(void *ctx, bool anew)
{
	struct cluster *cl = ctx;
	struct simhub *h = &cl->hub;
	struct err e = { 0 };
	if (!cl->real)
		return open_memory(h, anew);
	if (anew)
		simvfs_wipe(h->real->disk);
	struct store *s = store_sqlite_open_on(simvfs_name(h->real->disk), "hub.db", &e);
	if (!s)
		cluster_note(cl, "hub: %s: %s", e.what, e.why);
	return s;
}

static void drop_store(void *ctx, struct store *s)
{
	struct simhub *h = &((struct cluster *)ctx)->hub;
	if (s == h->memory) {
		store_memory_crash(s);
		return;
	}
	simreal_die(h->real, h->power);
	store_close(s);
}

void simhub_start(struct cluster *cl)
{
	struct simstore_watch w = {
		.ctx = cl,
		.appended = store_appended,
		.refuses = store_refuses,
		.dies = store_dies,
		.broken = store_broken,
		.open = open_store,
		.drop = drop_store,
	};
	cl->hub.cl = cl;
	cl->hub.store = simstore_create(&cl->hub_id, SIMSTORE_ACCOUNT, &w);
}

void simhub_use_real_store(struct cluster *cl)
{
	cl->hub.real = simreal_create(cl, NULL);
	simstore_restore(cl->hub.store, 0);
	store_close(cl->hub.memory);
	cl->hub.memory = NULL;
	cl->hub.real->armed = true;
}

static void wake(struct cluster *cl, uint64_t at_us)
{
	struct simhub *h = &cl->hub;
	if (cl->now_us < h->slow_until_us && at_us > cl->now_us)
		at_us = cl->now_us +
			(at_us - cl->now_us < 1000 ? (at_us - cl->now_us) * h->slowness : at_us - cl->now_us);
	if (at_us < cl->now_us)
		at_us = cl->now_us;
	if (!h->up || h->turn_at_us <= at_us)
		return;
	h->turn_at_us = at_us;
	agenda_add(&cl->agenda, at_us, AGENDA_HUB_TURN, 0, ++h->turn_serial, NULL);
}

void simhub_boot(struct cluster *cl)
{
	struct simhub *h = &cl->hub;
	struct hub_world w = { cl, hub_send, hub_backlog, hub_close, hub_entropy, hub_log };
	if (h->up)
		return;
	cluster_note(cl, "hub boots, log at %zu", simstore_count(h->store));
	h->life++;
	h->dying = false;
	h->up = true;
	h->turn_at_us = UINT64_MAX;
	simstore_open(h->store);
	if (h->real)
		h->real->armed = true;
	h->core = hub_core_create(&w, h->store);
	wake(cl, cl->now_us);
}

static void forget_inbox(struct simhub *h)
{
	for (size_t i = 0; i < h->inbox_count; i++)
		free(h->inbox[i].bytes);
	h->inbox_count = 0;
}

static void down(struct cluster *cl)
{
	struct simhub *h = &cl->hub;
	hub_core_destroy(h->core);
	h->core = NULL;
	h->up = false;
	h->dying = false;
	simstore_crash(h->store);
	forget_inbox(h);
	simnet_hub_died(cl);
}

static void die(struct cluster *cl)
{
	cl->tally.hub_kills++;
	cl->hub.power = chance_below(&cl->chance, CHANCE_HUB, 2);
	cluster_note(cl, cl->hub.power ? "hub loses power" : "hub killed");
	down(cl);
	agenda_add(&cl->agenda, cl->now_us + 50000 + chance_below(&cl->chance, CHANCE_HUB, 8000000), AGENDA_HUB_BOOT, 0,
	           0, NULL);
}

void simhub_kill(struct cluster *cl)
{
	if (cl->hub.up)
		die(cl);
}

void simhub_restore(struct cluster *cl, uint64_t seq)
{
	if (cl->hub.up)
		down(cl);
	cl->tally.hub_restores++;
	cluster_note(cl, "hub restored from %zu to %llu", simstore_count(cl->hub.store), (unsigned long long)seq);
	simstore_restore(cl->hub.store, seq);
	agenda_add(&cl->agenda, cl->now_us + 50000, AGENDA_HUB_BOOT, 0, 0, NULL);
}

void simhub_push(struct cluster *cl, enum hub_event_type type, uint64_t conn, struct span bytes)
{
	struct simhub *h = &cl->hub;
	if (!h->up)
		return;
	MEM_ROOM(h->inbox, h->inbox_count, h->inbox_cap);
	struct simevent *s = &h->inbox[h->inbox_count++];
	*s = (struct simevent){ .e = { .type = type, .conn = conn } };
	s->bytes = mem_copy(bytes.data, bytes.len);
	s->e.bytes = span_of(s->bytes, bytes.len);
	wake(cl, cl->now_us + 20 + chance_below(&cl->chance, CHANCE_HUB, 200));
}

static void step(struct cluster *cl, struct hub_event *e)
{
	cl->tally.steps++;
	e->now_ms = 1000000 + cl->now_us / 1000;
	e->wall_ms = cluster_wall_ms(cl);
	hub_core_step(cl->hub.core, e);
}

void simhub_turn(struct cluster *cl, uint64_t serial)
{
	struct simhub *h = &cl->hub;
	if (!h->up || serial != h->turn_serial)
		return;
	h->turn_at_us = UINT64_MAX;
	size_t take = 1 + (size_t)chance_below(&cl->chance, CHANCE_HUB, 16), done = 0;
	for (; done < take && done < h->inbox_count && !h->dying; done++)
		step(cl, &h->inbox[done].e);
	for (size_t i = 0; i < done; i++)
		free(h->inbox[i].bytes);
	h->inbox_count -= done;
	if (done)
		memmove(h->inbox, h->inbox + done, h->inbox_count * sizeof *h->inbox);
	uint64_t now_ms = 1000000 + cl->now_us / 1000;
	if (!h->dying && hub_core_deadline(h->core) <= now_ms)
		step(cl, &(struct hub_event){ .type = HUB_TICK });
	if (!h->dying)
		hub_core_flush(h->core, now_ms, cluster_wall_ms(cl));
	if (h->dying) {
		die(cl);
		return;
	}
	uint64_t due = hub_core_deadline(h->core);
	if (h->inbox_count)
		wake(cl, cl->now_us + 50);
	else if (due != UINT64_MAX)
		wake(cl, due <= now_ms ? cl->now_us + 500 : (due - 1000000) * 1000);
}

void simhub_finish(struct cluster *cl)
{
	hub_core_destroy(cl->hub.core);
	forget_inbox(&cl->hub);
	free(cl->hub.inbox);
	if (cl->hub.store)
		cl->hub.store->ops->destroy(cl->hub.store);
	simreal_destroy(cl->hub.real);
}

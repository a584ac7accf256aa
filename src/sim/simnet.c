#include "sim/simnet.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sim/judge.h"
#include "sim/simhub.h"

struct simconn *simnet_conn(struct cluster *cl, uint64_t number)
{
	return number && number <= cl->conn_count ? cl->conns[number - 1] : NULL;
}

void simnet_finish(struct cluster *cl)
{
	for (size_t i = 0; i < cl->conn_count; i++)
		free(cl->conns[i]);
	free(cl->conns);
}

static uint64_t delay(struct cluster *cl)
{
	uint64_t mean = cl->rates.delay_us;
	uint64_t us = 100 + chance_below(&cl->chance, CHANCE_NET, 200);
	if (mean) { /* roughly exponential: mostly short, sometimes long */
		us += chance_below(&cl->chance, CHANCE_NET, mean + 1);
		while (chance_hit(&cl->chance, CHANCE_NET, 250000))
			us += mean;
	}
	return us;
}

uint64_t simnet_dial(struct simnode *n)
{
	struct cluster *cl = n->cl;
	struct simconn *c = mem_alloc(sizeof *c);
	MEM_ROOM(cl->conns, cl->conn_count, cl->conn_cap);
	cl->conns[cl->conn_count++] = c;
	*c = (struct simconn){ .number = cl->conn_count,
		               .node = n->index,
		               .node_end = true,
		               .hub_life = cl->hub.life,
		               .up_cut_us = UINT64_MAX,
		               .down_cut_us = UINT64_MAX };
	if (n->partitioned ? chance_hit(&cl->chance, CHANCE_NET, 500000)
	                   : chance_hit(&cl->chance, CHANCE_NET, cl->rates.dial_silent))
		return c->number; /* into the void */
	if (n->partitioned || !cl->hub.up || chance_hit(&cl->chance, CHANCE_NET, cl->rates.dial_refused))
		agenda_add(&cl->agenda, cl->now_us + delay(cl), AGENDA_CLOSED_NODE, n->index, c->number, NULL);
	else
		agenda_add(&cl->agenda, cl->now_us + 2 * delay(cl), AGENDA_DIALED, n->index, c->number, NULL);
	return c->number;
}

static void send_frame(struct cluster *cl, struct simconn *c, bool up, bool text, struct span frame)
{
	struct simframe *f = mem_alloc(sizeof *f + frame.len);
	f->text = text;
	f->len = frame.len;
	if (frame.len)
		memcpy(f->bytes, frame.data, frame.len);
	uint64_t *last = up ? &c->up_at_us : &c->down_at_us;
	uint64_t at = cl->now_us + delay(cl) + frame.len / 20; /* 20 MB/s */
	if (at <= *last)
		at = *last + 1;
	*last = at;
	*(up ? &c->up_backlog : &c->down_backlog) += frame.len;
	cl->tally.frames++;
	agenda_add(&cl->agenda, at, up ? AGENDA_UP : AGENDA_DOWN, c->node, c->number, f);
	if (chance_hit(&cl->chance, CHANCE_NET, cl->rates.cut))
		simnet_cut(cl, c);
	else if (chance_hit(&cl->chance, CHANCE_NET, cl->rates.half_open))
		simnet_half_open(cl, c);
}

void simnet_send_up(struct simnode *n, bool text, struct span frame)
{
	struct simconn *c = simnet_conn(n->cl, n->conn);
	if (c && c->open && c->node_end)
		send_frame(n->cl, c, true, text, frame);
}

/* A story's wish: the confirmation that is about to leave does not arrive, nor anything after it. */
static bool loses_answer(struct simnode *n, struct span frame)
{
	struct reader r = reader_of(frame);
	struct record record;
	while (n->lose_answer && wire_next(&r, &record) > 0)
		if (record.type == RECORD_CONFIRM) {
			n->lose_answer = false;
			return true;
		}
	return false;
}

void simnet_sever(struct cluster *cl, struct simconn *c)
{
	simnet_cut(cl, c);
	c->up_cut_us = c->down_cut_us = cl->now_us;
}

void simnet_send_down(struct cluster *cl, uint64_t conn, bool text, struct span frame)
{
	struct simconn *c = simnet_conn(cl, conn);
	if (c && !text && loses_answer(cl->nodes[c->node], frame))
		simnet_sever(cl, c);
	if (c && c->open && c->hub_end && c->hub_life == cl->hub.life)
		send_frame(cl, c, false, text, frame);
}

void simnet_hang_up(struct simnode *n)
{
	struct simconn *c = simnet_conn(n->cl, n->conn);
	n->conn = 0;
	if (!c || !c->node_end)
		return;
	c->node_end = false;
	if (c->open && c->hub_end)
		agenda_add(&n->cl->agenda, c->up_at_us > n->cl->now_us ? c->up_at_us + 1 : n->cl->now_us + delay(n->cl),
		           AGENDA_CLOSED_HUB, n->index, c->number, NULL);
}

void simnet_hub_close(struct cluster *cl, uint64_t conn)
{
	struct simconn *c = simnet_conn(cl, conn);
	if (!c || !c->hub_end)
		return;
	agenda_add(&cl->agenda, cl->now_us + 1, AGENDA_CLOSED_HUB, c->node, c->number, NULL);
	uint64_t at = cl->now_us + delay(cl);
	agenda_add(&cl->agenda, at > c->down_at_us ? at : c->down_at_us + 1, AGENDA_CLOSED_NODE, c->node, c->number,
	           NULL);
}

void simnet_cut(struct cluster *cl, struct simconn *c)
{
	struct chance *ch = &cl->chance;
	uint64_t slack = 2 * cl->rates.delay_us + 1000;
	if (!c->open || c->up_cut_us != UINT64_MAX)
		return;
	cl->tally.cuts++;
	c->up_cut_us = cl->now_us + chance_below(ch, CHANCE_NET, slack);
	c->down_cut_us = cl->now_us + chance_below(ch, CHANCE_NET, slack);
	/* Now and then the hub learns of it long after the device has come back. */
	uint64_t late = chance_hit(ch, CHANCE_NET, 200000) ? chance_below(ch, CHANCE_NET, 20000000) : 0;
	agenda_add(&cl->agenda, c->down_cut_us, AGENDA_CLOSED_NODE, c->node, c->number, NULL);
	agenda_add(&cl->agenda, c->up_cut_us + late, AGENDA_CLOSED_HUB, c->node, c->number, NULL);
}

void simnet_half_open(struct cluster *cl, struct simconn *c)
{
	if (!c->open || c->up_cut_us != UINT64_MAX)
		return;
	cl->tally.half_opens++;
	c->up_cut_us = cl->now_us;
	c->down_cut_us = cl->now_us;
	if (chance_hit(&cl->chance, CHANCE_NET, 500000)) /* one direction only */
		*(chance_hit(&cl->chance, CHANCE_NET, 500000) ? &c->up_cut_us : &c->down_cut_us) = UINT64_MAX - 1;
}

void simnet_node_died(struct simnode *n)
{
	simnet_hang_up(n);
}

void simnet_hub_died(struct cluster *cl)
{
	for (size_t i = 0; i < cl->conn_count; i++) {
		struct simconn *c = cl->conns[i];
		if (!c->hub_end)
			continue;
		c->hub_end = false;
		if (c->node_end)
			agenda_add(&cl->agenda, c->down_at_us > cl->now_us ? c->down_at_us + 1 : cl->now_us + delay(cl),
			           AGENDA_CLOSED_NODE, c->node, c->number, NULL);
	}
}

static void dialed(struct cluster *cl, struct simnode *n, struct simconn *c)
{
	if (!c->node_end)
		return;
	if (!cl->hub.up || c->hub_life != cl->hub.life || n->partitioned) {
		agenda_add(&cl->agenda, cl->now_us, AGENDA_CLOSED_NODE, n->index, c->number, NULL);
		return;
	}
	c->open = c->hub_end = true;
	cl->tally.reconnects++;
	simhub_push(cl, HUB_OPENED, c->number, span_of(NULL, 0));
	simnode_push(n, &(struct event){ .type = EVENT_LINK_OPEN }, c->number);
}

static void arrive(struct cluster *cl, struct simnode *n, struct simconn *c, bool up, const struct simframe *f)
{
	size_t *backlog = up ? &c->up_backlog : &c->down_backlog;
	bool was_full = *backlog > 0;
	*backlog -= f->len < *backlog ? f->len : *backlog;
	if (cl->now_us >= (up ? c->up_cut_us : c->down_cut_us)) {
		cl->tally.lost_frames++;
		return;
	}
	struct span bytes = span_of(f->bytes, f->len);
	if (up && c->hub_end)
		simhub_push(cl, f->text ? HUB_TEXT : HUB_BINARY, c->number, bytes);
	else if (!up && c->node_end)
		simnode_push(n, &(struct event){ .type = f->text ? EVENT_TEXT : EVENT_BINARY, .bytes = bytes },
		             c->number);
	if (was_full && *backlog == 0) {
		if (up && c->node_end)
			simnode_push(n, &(struct event){ .type = EVENT_WRITABLE }, c->number);
		else if (!up && c->hub_end)
			simhub_push(cl, HUB_DRAINED, c->number, span_of(NULL, 0));
	}
}

void simnet_happen(struct cluster *cl, const struct agenda_entry *e)
{
	struct simconn *c = simnet_conn(cl, e->a);
	struct simnode *n = cl->nodes[c->node];
	switch (e->what) {
	case AGENDA_DIALED:
		dialed(cl, n, c);
		break;
	case AGENDA_UP:
	case AGENDA_DOWN:
		arrive(cl, n, c, e->what == AGENDA_UP, e->p);
		break;
	case AGENDA_CLOSED_NODE:
		if (!c->node_end)
			break;
		c->node_end = false;
		simnode_push(n,
		             &(struct event){ .type = EVENT_LINK_CLOSED,
		                              .text = c->open ? "the connection was lost" : "refused" },
		             c->number);
		break;
	case AGENDA_CLOSED_HUB:
		if (!c->hub_end)
			break;
		c->hub_end = false;
		simhub_push(cl, HUB_CLOSED, c->number, span_of(NULL, 0));
		break;
	default:
		break;
	}
}

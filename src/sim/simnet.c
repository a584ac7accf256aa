#include "sim/simnet.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sim/judge.h"
#include "sim/simhub.h"
#include "sim/simlies.h"

#define LARGE_LINE 60 /* bytes a ms where files are large: seconds for one, so that it is cut in the middle */
#define STALE 200000 /* per million cuts: what was under way still arrives, late */

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

/* Exponential in whole numbers, so that every build draws the same: -ln(u) is ln 2 times the halvings of u, whose
 * fraction is taken as a straight line. */
static uint64_t exponential(struct cluster *cl, unsigned stream, uint64_t mean)
{
	uint64_t draw = (1u << 24) - chance_below(&cl->chance, stream, mean ? 1u << 24 : 1); /* u * 2^24 */
	unsigned whole = 63 - (unsigned)__builtin_clzll(draw);
	uint64_t log2 = ((uint64_t)whole << 16) + ((draw - (1ull << whole)) << 16 >> whole);
	return mean * 693 / 1000 * ((24ull << 16) - log2) >> 16;
}

static uint64_t delay(struct cluster *cl, unsigned node)
{
	unsigned stream = chance_of(CHANCE_NET, node);
	uint64_t us = 100 + chance_below(&cl->chance, stream, 200);
	return us + exponential(cl, stream, cl->rates.delay_us);
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
	c->bytes_per_ms = cl->large ? LARGE_LINE : 20000;
	if (cluster_strikes(cl, FAULT_slow_link, n))
		c->bytes_per_ms = 1 + cluster_drawn(cl, FAULT_slow_link, n, 200);
	if (n->slow_line)
		c->bytes_per_ms = 20;
	if (n->partitioned ? chance_hit(&cl->chance, chance_of(CHANCE_NET, n->index), 500000)
	                   : cluster_strikes(cl, FAULT_dial_silent, n))
		return c->number; /* into the void */
	if (n->partitioned || !cl->hub.up || cluster_strikes(cl, FAULT_dial_refused, n))
		agenda_add(&cl->agenda, cl->now_us + delay(cl, c->node), AGENDA_CLOSED_NODE, n->index, c->number, NULL);
	else
		agenda_add(&cl->agenda, cl->now_us + 2 * delay(cl, c->node), AGENDA_DIALED, n->index, c->number, NULL);
	return c->number;
}

/* What a peer sends that is no peer, or that a broken one does: never more than one frame a message. */
static void garble(struct cluster *cl, unsigned stream, struct simframe *f, size_t cap)
{
	struct chance *ch = &cl->chance;
	static const char page[] = "<html><head><title>404 Not Found</title></head></html>\r\n";
	cl->tally.garbled++;
	switch (chance_below(ch, stream, 5)) {
	case 0: /* one bit, or a few */
		for (uint64_t flips = 1 + chance_below(ch, stream, 3); f->len && flips; flips--) {
			/* one draw a statement: compilers differ */
			size_t at = (size_t)chance_below(ch, stream, f->len);
			f->bytes[at] ^= (uint8_t)(1u << chance_below(ch, stream, 8));
		}
		break;
	case 1: /* cut short */
		f->len = f->len ? (size_t)chance_below(ch, stream, f->len) : 0;
		break;
	case 2:
		f->len = 1 + (size_t)chance_below(ch, stream, cap);
		chance_fill(ch, stream, f->bytes, f->len);
		break;
	case 3: /* what came before, once more within the frame */
		f->len = f->len / 2 * 2;
		memcpy(f->bytes + f->len / 2, f->bytes, f->len / 2);
		break;
	default: /* a proxy answers in the peer's place */
		f->len = sizeof page - 1 < cap ? sizeof page - 1 : cap;
		memcpy(f->bytes, page, f->len);
		f->text = chance_below(ch, stream, 2);
		break;
	}
}

/* Under way to the hub nothing can be altered unseen: TLS and TCP see to it, and the hub, which holds no key, could
 * not. So what still reads like records of a device costs the connection instead. */
static bool passes_for_records(const struct simframe *f)
{
	struct reader r = reader_of(span_of(f->bytes, f->len));
	struct record record;
	int more = 0;
	while (!f->text && (more = wire_next(&r, &record)) > 0)
		;
	return !f->text && more == 0;
}

static void send_frame(struct cluster *cl, struct simconn *c, bool up, bool text, struct span frame)
{
	const struct simnode *n = cl->nodes[c->node];
	bool noise = cluster_strikes(cl, FAULT_garble, n);
	size_t cap = frame.len > 128 ? frame.len : 128;
	struct simframe *f = mem_alloc(sizeof *f + (noise ? cap : frame.len));
	f->text = text;
	f->len = frame.len;
	if (frame.len)
		memcpy(f->bytes, frame.data, frame.len);
	if (noise)
		garble(cl, chance_of(CHANCE_FAULTS + FAULT_garble, n->index), f, cap);
	if (noise && up && passes_for_records(f)) {
		free(f);
		simnet_sever(cl, c);
		return;
	}
	uint64_t *last = up ? &c->up_at_us : &c->down_at_us;
	uint64_t at = cl->now_us + delay(cl, c->node) + f->len * 1000 / c->bytes_per_ms;
	if (at <= *last)
		at = *last + 1;
	*last = at;
	size_t *backlog = up ? &c->up_backlog : &c->down_backlog;
	*backlog += f->len;
	if (*backlog > SIMNET_BACKLOG_MAX)
		cluster_break(cl, "I8", "%s has %zu bytes waiting for %s", up ? cl->nodes[c->node]->name : "the hub",
		              *backlog, up ? "the hub" : cl->nodes[c->node]->name);
	cl->tally.frames++;
	agenda_add(&cl->agenda, at, up ? AGENDA_UP : AGENDA_DOWN, c->node, c->number, f);
	if (cluster_strikes(cl, FAULT_cut, n))
		simnet_cut(cl, c);
	else if (cluster_strikes(cl, FAULT_half_open, n))
		simnet_half_open(cl, c);
}

void simnet_send_up(struct simnode *n, bool text, struct span frame)
{
	struct simconn *c = simnet_conn(n->cl, n->conn);
	if (c && c->open && c->node_end)
		send_frame(n->cl, c, true, text, frame);
}

/* The hub has applied it, and the confirmation that is about to leave does not arrive, nor anything after it: by
 * chance, or as a story wishes. */
static bool loses_answer(struct simnode *n, struct span frame)
{
	struct cluster *cl = n->cl;
	struct reader r = reader_of(frame);
	struct record record;
	if (!n->lose_answer && !n->miss_answer && !cl->rates.answer_lost)
		return false;
	while (wire_next(&r, &record) > 0) {
		if (record.type != RECORD_CONFIRM)
			continue;
		if (n->lose_answer || n->miss_answer || cluster_strikes(cl, FAULT_answer_lost, n)) {
			cl->tally.lost_answers++;
			n->lose_answer = false;
			return true;
		}
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
	if (c && !text && loses_answer(cl->nodes[c->node], frame)) {
		if (cl->nodes[c->node]->miss_answer) {
			cl->nodes[c->node]->miss_answer = false;
			return;
		}
		simnet_sever(cl, c);
	}
	struct buf lie = { 0 };
	bool told = !c || text || simlies_tell(cl, c->node, frame, &lie);
	if (told && c && c->open && c->hub_end && c->hub_life == cl->hub.life)
		send_frame(cl, c, false, text, lie.len ? buf_view(&lie) : frame);
	buf_finish(&lie);
}

void simnet_hang_up(struct simnode *n)
{
	struct simconn *c = simnet_conn(n->cl, n->conn);
	n->conn = 0;
	if (!c || !c->node_end)
		return;
	c->node_end = false;
	if (c->open && c->hub_end)
		agenda_add(&n->cl->agenda,
			   c->up_at_us > n->cl->now_us ? c->up_at_us + 1 : n->cl->now_us + delay(n->cl, n->index),
			   AGENDA_CLOSED_HUB, n->index, c->number, NULL);
}

void simnet_hub_close(struct cluster *cl, uint64_t conn)
{
	struct simconn *c = simnet_conn(cl, conn);
	if (!c || !c->hub_end)
		return;
	agenda_add(&cl->agenda, cl->now_us + 1, AGENDA_CLOSED_HUB, c->node, c->number, NULL);
	uint64_t at = cl->now_us + delay(cl, c->node);
	agenda_add(&cl->agenda, at > c->down_at_us ? at : c->down_at_us + 1, AGENDA_CLOSED_NODE, c->node, c->number,
	           NULL);
}

void simnet_cut(struct cluster *cl, struct simconn *c)
{
	struct chance *ch = &cl->chance;
	unsigned stream = chance_of(CHANCE_NET, c->node);
	uint64_t slack = 2 * cl->rates.delay_us + 1000;
	if (!c->open || c->up_cut_us != UINT64_MAX)
		return;
	cl->tally.cuts++;
	c->up_cut_us = cl->now_us + chance_below(ch, stream, slack);
	c->down_cut_us = cl->now_us + chance_below(ch, stream, slack);
	agenda_add(&cl->agenda, c->down_cut_us, AGENDA_CLOSED_NODE, c->node, c->number, NULL);
	if (!chance_hit(ch, stream, STALE)) {
		agenda_add(&cl->agenda, c->up_cut_us, AGENDA_CLOSED_HUB, c->node, c->number, NULL);
		return;
	}
	/* The hub hears the rest of it, and learns of its end, long after the device has come back on another. */
	c->hold_us = cl->now_us + chance_below(ch, stream, 20000000);
	c->up_cut_us = UINT64_MAX - 1;
	agenda_add(&cl->agenda, c->hold_us + 1000000, AGENDA_CLOSED_HUB, c->node, c->number, NULL);
}

void simnet_half_open(struct cluster *cl, struct simconn *c)
{
	if (!c->open || c->up_cut_us != UINT64_MAX)
		return;
	unsigned stream = chance_of(CHANCE_NET, c->node);
	cl->tally.half_opens++;
	if (chance_hit(&cl->chance, stream, 500000)) { /* for a while: then all of it arrives, if anybody still listens */
		uint64_t until = cl->now_us + 5000000 + chance_below(&cl->chance, stream, 595000000);
		c->up_at_us = c->up_at_us > until ? c->up_at_us : until;
		c->down_at_us = c->down_at_us > until ? c->down_at_us : until;
		return;
	}
	c->up_cut_us = cl->now_us;
	c->down_cut_us = cl->now_us;
	if (chance_hit(&cl->chance, stream, 500000)) /* one direction only */
		*(chance_hit(&cl->chance, stream, 500000) ? &c->up_cut_us : &c->down_cut_us) = UINT64_MAX - 1;
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
			agenda_add(&cl->agenda,
				   c->down_at_us > cl->now_us ? c->down_at_us + 1 : cl->now_us + delay(cl, c->node),
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
	c->known = simstore_count(cl->hub.store);
	cl->tally.reconnects++;
	simhub_push(cl, HUB_OPENED, c->number, span_of(NULL, 0));
	simnode_push(n, &(struct event){ .type = EVENT_LINK_OPEN }, c->number);
}

/* true: the frame is taken. */
static bool arrive(struct cluster *cl, struct simnode *n, struct simconn *c, bool up, struct simframe *f)
{
	if (up && cl->now_us < c->hold_us) {
		cl->tally.stale_frames++;
		agenda_add(&cl->agenda, c->hold_us, AGENDA_UP, c->node, c->number, f);
		return true;
	}
	size_t *backlog = up ? &c->up_backlog : &c->down_backlog;
	bool was_full = *backlog > 0;
	*backlog -= f->len < *backlog ? f->len : *backlog;
	if (cl->now_us >= (up ? c->up_cut_us : c->down_cut_us)) {
		cl->tally.lost_frames++;
		return false;
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
	return false;
}

void simnet_happen(struct cluster *cl, struct agenda_entry *e)
{
	struct simconn *c = simnet_conn(cl, e->a);
	struct simnode *n = cl->nodes[c->node];
	switch (e->what) {
	case AGENDA_DIALED:
		dialed(cl, n, c);
		break;
	case AGENDA_UP:
	case AGENDA_DOWN:
		if (arrive(cl, n, c, e->what == AGENDA_UP, e->p))
			e->p = NULL;
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

/* simnet: connections between devices and the hub. Frames of a connection arrive in order, late, or never: a cut loses
 * an unknown tail of each direction, a half-open link loses everything and tells nobody, and what a dead connection
 * still had under way may arrive beside its successor. */
#ifndef SIM_SIMNET_H
#define SIM_SIMNET_H
#include "sim/cluster.h"

#define SIMNET_BACKLOG_MAX (8u * 1024 * 1024) /* no end may pile up more than its own limits say, and one frame */

struct simconn {
	uint64_t number;
	unsigned node;
	unsigned hub_life;               /* the hub process that it leads to */
	bool open, node_end, hub_end;    /* open: established; the ends know it as alive */
	uint64_t up_at_us, down_at_us;   /* when the last frame of the direction arrives */
	uint64_t up_cut_us, down_cut_us; /* what would arrive from then on is lost */
	uint64_t told, heard;            /* the last entry that the hub told it; or that it confirmed */
	uint64_t known;                  /* the log's end when it was established */
	uint64_t behind_us;              /* since when it is idle and has not been told all; 0: it is not */
	size_t up_backlog, down_backlog; /* bytes sent that have not arrived */
	uint64_t bytes_per_ms;           /* how fast the other end reads */
	uint64_t hold_us;                /* what goes up arrives then at the earliest: an old connection beside a new one */
};

struct simframe {
	bool text;
	size_t len;
	uint8_t bytes[];
};

struct simconn *simnet_conn(struct cluster *cl, uint64_t number);
uint64_t simnet_dial(struct simnode *n);
void simnet_hang_up(struct simnode *n); /* the device's end */
void simnet_send_up(struct simnode *n, bool text, struct span frame);
void simnet_send_down(struct cluster *cl, uint64_t conn, bool text, struct span frame);
void simnet_hub_close(struct cluster *cl, uint64_t conn);     /* after what was sent */
void simnet_cut(struct cluster *cl, struct simconn *c);       /* both ends learn of it, each in its time */
void simnet_sever(struct cluster *cl, struct simconn *c);     /* the same, and nothing arrives from now on */
void simnet_half_open(struct cluster *cl, struct simconn *c); /* neither end learns of it */
void simnet_node_died(struct simnode *n);
void simnet_hub_died(struct cluster *cl);
void simnet_happen(struct cluster *cl, struct agenda_entry *e); /* may take e->p: then it is NULL */
void simnet_finish(struct cluster *cl);
#endif

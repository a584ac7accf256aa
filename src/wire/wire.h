/* wire: the language between a device and the hub. A pure codec: no state, no I/O, no secrets.
 *
 * Binary frames are a run of records, each one type byte and its fields; any records may share a frame, so everything
 * that a turn has to say to one peer travels in one WebSocket message. Control messages are JSON text frames
 * (control.h of this room). Exact layout and test vectors: doc/protocol.md.
 *
 * Integers are minimal varints unless said otherwise. Times are milliseconds. */
#ifndef WIRE_WIRE_H
#define WIRE_WIRE_H
#include "base/buf.h"
#include "base/hash.h"
#include "base/id.h"

#define WIRE_PROTOCOL 1
#define WIRE_SUBPROTOCOL "syncline.v1"
#define WIRE_PATH "/realtime"

/* Limits, each with its reason. */
#define WIRE_FRAME_MAX (256 * 1024)        /* what a peer must be ready to hold of one connection */
#define WIRE_CONTROL_MAX (64 * 1024)       /* JSON text frames */
#define WIRE_PART_MAX (64 * 1024)          /* a larger body goes in parts, so that small edits pass between them */
#define WIRE_BODY_MAX (64 * 1024 * 1024 + 64 * 1024) /* an item of 64 MiB and its header */
#define WIRE_WRITERS_MAX 4096              /* writer numbers are below; a hub with more of them uses one again */
#define WIRE_UNAUTHENTICATED_MAX (32 * 1024) /* bytes taken from a connection before it has authenticated */

/* The log's clock: hybrid logical, 2^12 steps a millisecond, since 2024-01-01T00:00:00Z. */
#define WIRE_EPOCH_MS 1704067200000LL

enum change_flag {
	CHANGE_DELETE = 1,   /* after it the item is absent; version is all zeros and not on the wire */
	CHANGE_LINKED = 2,   /* only if the change before it in this frame was appended (a settlement, a move) */
	CHANGE_KEYFRAME = 4, /* the body needs no base */
	CHANGE_PARTED = 8,   /* the body went ahead in parts; the record carries none */
	CHANGE_FLAGS = 15,
};

struct change {
	uint8_t flags;
	uint64_t counter;   /* the sender's; with (device, epoch) the identity for ever */
	struct id item;
	uint64_t base;      /* the log number it builds on; 0 = the item never existed */
	struct id version;  /* zero for a delete */
	uint64_t edited;    /* hybrid logical clock */
	struct span body;   /* sealed; opaque here and at the hub. Borrowed from the frame when decoded */
};

enum record_type {
	/* device -> hub */
	RECORD_CHANGE = 0x01, /* change */
	RECORD_PART = 0x02,   /* counter, offset, total, bytes: a slice of the body of the change that follows with PARTED */
	RECORD_CURSOR = 0x03, /* seq: applied and saved up to here */
	RECORD_WANT = 0x04,   /* item: a device lacks the base; passed on to the others, who answer with a keyframe */
	RECORD_PING = 0x05,   /* sent_ms */
	/* hub -> device */
	RECORD_WRITER = 0x11,  /* writer, device, epoch: names a (device, epoch) pair by a small number, before its first use;
				* a number may be given to another pair later */
	RECORD_ENTRY = 0x12,   /* seq, writer, change: a change of another device, in log order */
	RECORD_ENTRY_PART = 0x13, /* seq, offset, total, bytes: ahead of an entry with PARTED */
	RECORD_CONFIRM = 0x14, /* seq, counter: the device's own change, in log order */
	RECORD_PRUNED = 0x15,  /* seq, until: numbers seq..until no longer exist */
	RECORD_STALE = 0x16,   /* counter, seq: the item's head is seq (0: never existed), not the base */
	RECORD_REFUSED = 0x17, /* counter, code, wait_ms */
	RECORD_RECEIPT = 0x18, /* writer, seq: that writer's device has applied up to seq */
	RECORD_PRESENCE = 0x19, /* writer, online, sent_ms: hub's wall clock at the last sign of life, ms since WIRE_EPOCH_MS */
	RECORD_PONG = 0x1a,    /* sent_ms (of the ping), wait_ms (hub's wall clock, ms since WIRE_EPOCH_MS), seq: head */
	RECORD_RESUME = 0x1b,  /* counter, offset: this much of a parted body is here already */
	RECORD_WANTED = 0x1c,  /* item: another device asks for a keyframe */
};

enum refusal { /* RECORD_REFUSED.code */
	REFUSED_TOO_LARGE = 1,
	REFUSED_QUOTA = 2,
	REFUSED_RATE = 3,      /* try again after wait_ms */
	REFUSED_IDENTITY = 4,  /* the same identity with another body */
	REFUSED_PARTS = 5,     /* the parts of the body are incomplete: send them again from RECORD_RESUME */
	REFUSED_LINK = 6,      /* LINKED, and the change before it was not appended */
	REFUSED_BUSY = 7,      /* the store cannot write now (disk full); try again after wait_ms */
};

struct record {
	enum record_type type;
	struct change change;      /* CHANGE, ENTRY */
	struct id item;            /* WANT, WANTED */
	struct id device;          /* WRITER */
	uint64_t epoch;            /* WRITER */
	uint64_t writer;           /* WRITER, ENTRY, RECEIPT, PRESENCE */
	uint64_t seq, until;       /* as said above */
	uint64_t counter;          /* PART, CONFIRM, STALE, REFUSED, RESUME */
	uint64_t offset, total;    /* PART, ENTRY_PART, RESUME */
	uint64_t sent_ms, wait_ms; /* PING, PONG, PRESENCE, REFUSED */
	uint8_t code;              /* REFUSED */
	bool online;               /* PRESENCE */
	struct span bytes;         /* PART, ENTRY_PART; borrowed */
};

void wire_put(struct buf *out, const struct record *r);
/* The next record of a frame: 1, 0 at the end, -1 malformed (unknown type, bad field, trailing bytes, over a limit). */
int wire_next(struct reader *r, struct record *out);

/* The change record alone (after its type byte), as stored in outboxes and in the hub's log: byte-identical on resend. */
void wire_put_change(struct buf *out, const struct change *c);
/* … up to its body, of which so many bytes are to follow. */
void wire_put_change_head(struct buf *out, const struct change *c, size_t body_len);
bool wire_get_change(struct reader *r, struct change *out);

/* What a body is authenticated with: everything about the change that travels outside the seal, canonically encoded. */
void wire_put_sealed_context(struct buf *out, const struct id *device, uint64_t epoch, const struct change *c);

/* The running hash over a log: chain(n) = H(chain(n-1), n, device, epoch, change record). Both sides fold it. */
struct id wire_chain(const struct id *before, uint64_t seq, const struct id *device, uint64_t epoch, struct span change_record);
/* The same of a record that is given piece by piece: its bytes follow (hash_run_bytes), hash_run_end tells the chain. */
struct hash_run *wire_chain_start(const struct id *before, uint64_t seq, const struct id *device, uint64_t epoch,
				  uint64_t record_len);
#endif

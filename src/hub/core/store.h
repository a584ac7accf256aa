/* store: where the hub keeps its accounts: the interface that the core is written against. The backends are in
 * hub/store (memory, sqlite), under one conformance test.
 *
 * Asynchronous by shape: calls submit, answers come through `answer` during a later store_pump. What was answered is
 * durable. SQLite gathers all that one loop turn submitted into one transaction; store_pump runs it, then answers in
 * the order of submission. A store that fails to write answers STORE_BUSY for all of the batch and keeps nothing of it.
 *
 * Whether a change may be appended is decided by sequencer_judge (hub/core/sequencer.h), which every backend calls inside
 * its transaction with the facts it holds: one rule, several stores. */
#ifndef HUB_CORE_STORE_H
#define HUB_CORE_STORE_H
#include "base/err.h"
#include "hub/core/sequencer.h"
#include "wire/message.h"

#define STORE_INVITES_MAX  64 /* open invites of an account */
#define STORE_ENTRY_WEIGHT 96 /* of an entry in a read, beside its body: what a read may hold is the same in every store */

struct store_entry { /* one row of the log */
	uint64_t seq;
	struct id device;
	uint64_t epoch;
	struct id chain;
	uint64_t body_len;
	struct change change; /* whole; but a body over WIRE_PART_MAX is left out (flags say PARTED): slice() reads it */
};

struct store_device {
	struct message_device public; /* name owned by whoever holds the struct */
	char account[65];
	uint64_t epoch, counter;      /* DEVICE: the epoch asked for, the highest counter seen in it */
};

enum store_status { STORE_OK, STORE_ABSENT, STORE_EXPIRED, STORE_SPENT, STORE_FULL, STORE_BUSY, STORE_CORRUPT };

enum store_what { STORE_APPENDED, STORE_READ, STORE_SLICE, STORE_DEVICE, STORE_ACCOUNT, STORE_ENROLLED, STORE_DONE };

struct store_answer {
	enum store_what what;
	enum store_status status;
	uint64_t ticket;                    /* the one given at submission */
	const struct verdict *verdicts;     /* APPENDED: one a change, in order */
	size_t verdict_count;               /* 0 when status is not STORE_OK */
	const struct change *changes;       /* APPENDED: what was submitted, whole, in order; borrowed like entries */
	size_t change_count;
	const struct store_entry *entries;  /* READ: contiguous from the number asked for; borrowed until the callback returns */
	size_t entry_count;
	struct span bytes;                  /* SLICE; borrowed */
	uint64_t head;                      /* READ, ACCOUNT, DEVICE: the account's last number */
	struct id chain;                    /* ACCOUNT: the chain at the cursor asked for (zero when that number is not there) */
	const struct store_device *devices; /* DEVICE, ENROLLED: one; ACCOUNT: all of the account, by id */
	size_t device_count;
	char text[256];                     /* for people, when status is not STORE_OK */
};

struct store {
	const struct store_ops *ops;
	void (*answer)(void *ctx, const struct store_answer *a);
	void *answer_ctx;
};

struct store_ops {
	const char *name;
	void (*destroy)(struct store *s);
	/* Frame of changes: judged and appended in order, LINKED against the one before. Copied; PARTED is ignored, the
	 * bodies are whole. */
	void (*append)(struct store *s, uint64_t ticket, const char *account, const struct id *device, uint64_t epoch,
		       const struct change *changes, size_t count, int64_t now_ms);
	/* Bytes of a body that is on its way, ahead of its append: HUB_STAGE of them, without gaps; offset 0 begins anew, and
	 * no bytes forget it. Without an answer. A store may write them now and spare itself that when they are appended (the
	 * body comes whole all the same), or not. */
	void (*part)(struct store *s, const struct id *device, uint64_t epoch, uint64_t counter, uint64_t offset,
		     struct span bytes);
	/* At least one entry, where there is one. */
	void (*read)(struct store *s, uint64_t ticket, const char *account, uint64_t from_seq, size_t max_bytes);
	/* Bytes of an entry's body from offset on, at least one and at most max: large bodies are never in memory whole. */
	void (*slice)(struct store *s, uint64_t ticket, const char *account, uint64_t seq, uint64_t offset, size_t max);
	/* The answer's counter is the highest that was judged in the epoch asked for, whatever the verdict; 0 = none. */
	void (*device)(struct store *s, uint64_t ticket, const struct id *device, uint64_t epoch);
	void (*account)(struct store *s, uint64_t ticket, const char *account, uint64_t chain_at);
	/* Both without an answer; lost on a crash is fine. */
	void (*cursor)(struct store *s, const char *account, const struct id *device, uint64_t seq, int64_t now_ms);
	void (*seen)(struct store *s, const struct id *device, int64_t now_ms);
	/* Makes the account where there is none. STORE_FULL: STORE_INVITES_MAX of it are open. */
	void (*invite)(struct store *s, uint64_t ticket, const char *account, const uint8_t token_hash[MESSAGE_TOKEN],
		       int64_t expires_ms, int64_t now_ms);
	/* Spends the invite and adds the device, in one transaction. The same device again with the token that it spent
	 * is STORE_OK: its first answer may have been lost. STORE_FULL: MESSAGE_DEVICES_MAX devices are in already. */
	void (*enroll)(struct store *s, uint64_t ticket, const uint8_t token_hash[MESSAGE_TOKEN],
		       const struct message_device *device, int64_t now_ms);
	void (*revoke)(struct store *s, uint64_t ticket, const char *account, const struct id *device);
	/* Runs what was submitted, makes it durable, answers. Returns false when nothing was pending. */
	bool (*pump)(struct store *s);
	void (*hub_id)(struct store *s, struct id *out);              /* made with the store */
	/* Small settings of the hub itself: "listen" (the address it last listened on), "pin". Immediate, durable. */
	bool (*note)(struct store *s, const char *key, const char *value);
	char *(*noted)(struct store *s, const char *key);             /* new memory, or NULL */
};

#endif

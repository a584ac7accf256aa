/* submission: what was asked of a store and not yet run. The first half of every backend: copies what the core submits,
 * keeps it in order, and hands out the answers, so that a backend has only to run one submission after the other. */
#ifndef HUB_STORE_SUBMISSION_H
#define HUB_STORE_SUBMISSION_H
#include "hub/core/store.h"

enum submission_kind {
	SUBMIT_APPEND,
	SUBMIT_READ,
	SUBMIT_SLICE,
	SUBMIT_DEVICE,
	SUBMIT_ACCOUNT,
	SUBMIT_CURSOR,
	SUBMIT_SEEN,
	SUBMIT_INVITE,
	SUBMIT_ENROLL,
	SUBMIT_REVOKE,
	SUBMIT_PART,
};

struct submission {
	struct submission *next;
	enum submission_kind kind;
	char account[65];
	struct id device;
	uint64_t epoch, seq, offset; /* seq: where to read from, the slice's entry, the chain's number, the cursor, the
	                              * counter of a part */
	size_t max;
	int64_t now_ms, expires_ms;
	uint8_t token_hash[MESSAGE_TOKEN];
	struct message_device enroll; /* its name is owned */
	struct change *changes;       /* owned; whole bodies, in `records` */
	struct span *records;         /* each as it goes into the log; borrowed from `text` */
	size_t change_count;
	struct buf text;

	struct store_answer answer; /* filled by the backend through the functions below; all of it owned */
	struct verdict *verdicts;
	struct store_entry *entries;
	struct store_device *devices;
	size_t entry_cap, device_cap;
	struct blob *kept; /* bytes that entries and slices point into */
	size_t kept_count, kept_cap;
};

/* The head of every backend's own struct. */
struct submission_store {
	struct store store;
	struct submission *first, *last;
};

/* store_ops members that submit. A backend's table takes them as they are. */
void submission_append(struct store *s, uint64_t ticket, const char *account, const struct id *device, uint64_t epoch,
                       const struct change *changes, size_t count, int64_t now_ms);
void submission_part(struct store *s, const struct id *device, uint64_t epoch, uint64_t counter, uint64_t offset,
                     struct span bytes);
void submission_read(struct store *s, uint64_t ticket, const char *account, uint64_t from_seq, size_t max_bytes);
void submission_slice(struct store *s, uint64_t ticket, const char *account, uint64_t seq, uint64_t offset, size_t max);
void submission_device(struct store *s, uint64_t ticket, const struct id *device, uint64_t epoch);
void submission_account(struct store *s, uint64_t ticket, const char *account, uint64_t chain_at);
void submission_cursor(struct store *s, const char *account, const struct id *device, uint64_t seq, int64_t now_ms);
void submission_seen(struct store *s, const struct id *device, int64_t now_ms);
void submission_invite(struct store *s, uint64_t ticket, const char *account, const uint8_t token_hash[MESSAGE_TOKEN],
                       int64_t expires_ms, int64_t now_ms);
void submission_enroll(struct store *s, uint64_t ticket, const uint8_t token_hash[MESSAGE_TOKEN],
                       const struct message_device *device, int64_t now_ms);
void submission_revoke(struct store *s, uint64_t ticket, const char *account, const struct id *device);

/* … as a part of its initializer. */
#define SUBMISSION_OPS \
	.append = submission_append, .part = submission_part, .read = submission_read, .slice = submission_slice, .device = submission_device, \
	.account = submission_account, .cursor = submission_cursor, .seen = submission_seen, \
	.invite = submission_invite, .enroll = submission_enroll, .revoke = submission_revoke

/* All that was submitted so far, out of the store; what comes from now on is the next batch. */
struct submission *submission_take(struct submission_store *s);
bool submission_answered(const struct submission *u);                 /* the core waits for an answer */
bool submission_writes(const struct submission *u);                   /* what it does must be durable when answered */
void submission_answer_all(struct store *s, struct submission *list); /* in order; frees them */
void submission_drop_all(struct submission *list);                    /* without an answer */

/* Filling an answer. */
void submission_reset(struct submission *u); /* as if it had not been run */
void submission_fail(struct submission *u, enum store_status status, const char *text);
struct store_entry *submission_entry(struct submission *u); /* a new, zeroed one */
struct store_device *submission_new_device(struct submission *u);
struct span submission_keep(struct submission *u, const void *bytes,
                            size_t len); /* a copy that lives as long as the answer */
#endif

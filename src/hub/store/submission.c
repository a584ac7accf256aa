#include "hub/store/submission.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static struct submission *add(struct store *s, enum submission_kind kind, uint64_t ticket, const char *account)
{
	static const enum store_what whats[] = {
		[SUBMIT_APPEND] = STORE_APPENDED, [SUBMIT_READ] = STORE_READ,       [SUBMIT_SLICE] = STORE_SLICE,
		[SUBMIT_DEVICE] = STORE_DEVICE,   [SUBMIT_ACCOUNT] = STORE_ACCOUNT, [SUBMIT_CURSOR] = STORE_DONE,
		[SUBMIT_SEEN] = STORE_DONE,       [SUBMIT_INVITE] = STORE_DONE,     [SUBMIT_ENROLL] = STORE_ENROLLED,
		[SUBMIT_REVOKE] = STORE_DONE,     [SUBMIT_PART] = STORE_DONE,
	};
	struct submission_store *q = (struct submission_store *)s;
	struct submission *u = mem_alloc(sizeof *u);
	u->kind = kind;
	u->answer.what = whats[kind];
	u->answer.ticket = ticket;
	snprintf(u->account, sizeof u->account, "%s", account ? account : "");
	*(q->last ? &q->last->next : &q->first) = u;
	q->last = u;
	return u;
}

/* The changes as the log keeps them: whole, and never marked as parted. */
static void copy_changes(struct submission *u, const struct change *changes, size_t count)
{
	size_t len = 0;
	for (size_t i = 0; i < count; i++)
		len += changes[i].body.len + 96;
	buf_reserve(&u->text, len);
	u->changes = mem_alloc(count * sizeof *u->changes);
	u->records = mem_alloc(count * sizeof *u->records);
	u->verdicts = mem_alloc(count * sizeof *u->verdicts);
	u->change_count = count;
	for (size_t i = 0; i < count; i++) {
		struct change *c = &u->changes[i];
		size_t start = u->text.len;
		*c = changes[i];
		c->flags &= ~CHANGE_PARTED;
		wire_put_change(&u->text, c);
		u->records[i].len = u->text.len - start;
	}
	const uint8_t *at = u->text.data; /* in place for good only now */
	for (size_t i = 0; i < count; i++) {
		u->records[i].data = at;
		at += u->records[i].len;
		u->changes[i].body.data = at - u->changes[i].body.len;
	}
}

void submission_append(struct store *s, uint64_t ticket, const char *account, const struct id *device, uint64_t epoch,
                       const struct change *changes, size_t count, int64_t now_ms)
{
	struct submission *u = add(s, SUBMIT_APPEND, ticket, account);
	u->device = *device;
	u->epoch = epoch;
	u->now_ms = now_ms;
	copy_changes(u, changes, count);
}

void submission_part(struct store *s, const struct id *device, uint64_t epoch, uint64_t counter, uint64_t offset,
                     struct span bytes)
{
	struct submission *u = add(s, SUBMIT_PART, 0, NULL);
	u->device = *device;
	u->epoch = epoch;
	u->seq = counter;
	u->offset = offset;
	buf_span(&u->text, bytes);
}

void submission_read(struct store *s, uint64_t ticket, const char *account, uint64_t from_seq, size_t max_bytes)
{
	struct submission *u = add(s, SUBMIT_READ, ticket, account);
	u->seq = from_seq;
	u->max = max_bytes;
}

void submission_slice(struct store *s, uint64_t ticket, const char *account, uint64_t seq, uint64_t offset, size_t max)
{
	struct submission *u = add(s, SUBMIT_SLICE, ticket, account);
	u->seq = seq;
	u->offset = offset;
	u->max = max;
}

void submission_device(struct store *s, uint64_t ticket, const struct id *device, uint64_t epoch)
{
	struct submission *u = add(s, SUBMIT_DEVICE, ticket, NULL);
	u->device = *device;
	u->epoch = epoch;
}

void submission_account(struct store *s, uint64_t ticket, const char *account, uint64_t chain_at)
{
	add(s, SUBMIT_ACCOUNT, ticket, account)->seq = chain_at;
}

void submission_cursor(struct store *s, const char *account, const struct id *device, uint64_t seq, int64_t now_ms)
{
	struct submission *u = add(s, SUBMIT_CURSOR, 0, account);
	u->device = *device;
	u->seq = seq;
	u->now_ms = now_ms;
}

void submission_seen(struct store *s, const struct id *device, int64_t now_ms)
{
	struct submission *u = add(s, SUBMIT_SEEN, 0, NULL);
	u->device = *device;
	u->now_ms = now_ms;
}

void submission_invite(struct store *s, uint64_t ticket, const char *account, const uint8_t token_hash[MESSAGE_TOKEN],
                       int64_t expires_ms, int64_t now_ms)
{
	struct submission *u = add(s, SUBMIT_INVITE, ticket, account);
	memcpy(u->token_hash, token_hash, MESSAGE_TOKEN);
	u->expires_ms = expires_ms;
	u->now_ms = now_ms;
}

void submission_enroll(struct store *s, uint64_t ticket, const uint8_t token_hash[MESSAGE_TOKEN],
                       const struct message_device *device, int64_t now_ms)
{
	struct submission *u = add(s, SUBMIT_ENROLL, ticket, NULL);
	memcpy(u->token_hash, token_hash, MESSAGE_TOKEN);
	u->enroll = *device;
	u->enroll.name = blob_copy(device->name.data, device->name.len);
	u->now_ms = now_ms;
}

void submission_revoke(struct store *s, uint64_t ticket, const char *account, const struct id *device)
{
	add(s, SUBMIT_REVOKE, ticket, account)->device = *device;
}

struct submission *submission_take(struct submission_store *s)
{
	struct submission *list = s->first;
	s->first = s->last = NULL;
	return list;
}

bool submission_writes(const struct submission *u)
{
	return u->kind == SUBMIT_APPEND || u->kind == SUBMIT_INVITE || u->kind == SUBMIT_ENROLL ||
	       u->kind == SUBMIT_REVOKE;
}

bool submission_answered(const struct submission *u)
{
	return u->kind != SUBMIT_CURSOR && u->kind != SUBMIT_SEEN && u->kind != SUBMIT_PART;
}

void submission_reset(struct submission *u)
{
	for (size_t i = 0; i < u->answer.device_count; i++)
		blob_finish(&u->devices[i].public.name);
	for (size_t i = 0; i < u->kept_count; i++)
		blob_finish(&u->kept[i]);
	u->kept_count = 0;
	u->answer = (struct store_answer){ .what = u->answer.what, .ticket = u->answer.ticket };
}

static void free_one(struct submission *u)
{
	submission_reset(u);
	blob_finish(&u->enroll.name);
	free(u->changes);
	free(u->records);
	buf_finish(&u->text);
	free(u->verdicts);
	free(u->entries);
	free(u->devices);
	free(u->kept);
	free(u);
}

void submission_answer_all(struct store *s, struct submission *list)
{
	while (list) {
		struct submission *u = list;
		list = u->next;
		u->answer.verdicts = u->verdicts;
		u->answer.changes = u->changes;
		u->answer.change_count = u->change_count;
		u->answer.entries = u->entries;
		u->answer.devices = u->devices;
		if (submission_answered(u) && s->answer)
			s->answer(s->answer_ctx, &u->answer);
		free_one(u);
	}
}

void submission_drop_all(struct submission *list)
{
	while (list) {
		struct submission *u = list;
		list = u->next;
		free_one(u);
	}
}

void submission_fail(struct submission *u, enum store_status status, const char *text)
{
	submission_reset(u);
	u->answer.status = status;
	snprintf(u->answer.text, sizeof u->answer.text, "%s", text);
}

struct store_entry *submission_entry(struct submission *u)
{
	MEM_ROOM(u->entries, u->answer.entry_count, u->entry_cap);
	struct store_entry *e = &u->entries[u->answer.entry_count++];
	*e = (struct store_entry){ 0 };
	return e;
}

struct store_device *submission_new_device(struct submission *u)
{
	MEM_ROOM(u->devices, u->answer.device_count, u->device_cap);
	struct store_device *d = &u->devices[u->answer.device_count++];
	*d = (struct store_device){ 0 };
	return d;
}

struct span submission_keep(struct submission *u, const void *bytes, size_t len)
{
	MEM_ROOM(u->kept, u->kept_count, u->kept_cap);
	u->kept[u->kept_count] = blob_copy(bytes, len);
	return span_blob(&u->kept[u->kept_count++]);
}

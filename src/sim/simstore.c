#include "sim/simstore.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "hub/store/backends.h"
#include "hub/store/submission.h"

#define INVITE_MS 60000

struct identity { /* a map key without padding */
	struct id device;
	uint64_t epoch, counter;
};

struct simstore {
	struct submission_store base;
	struct simstore_watch watch;
	struct store *real; /* NULL: the hub is down */
	char *account;
	struct id hub;
	struct simentry **log; /* log[n - 1] has number n */
	size_t count, cap;
	struct map heads;      /* item -> struct simentry */
	struct map identities; /* struct identity -> struct simentry */
	struct submission *running; /* the next that the real store answers */
	bool dead;                  /* died while it ran */
};

static struct simstore *of(struct store *s)
{
	return (struct simstore *)s;
}

static const struct simstore *view(const struct store *s)
{
	return (const struct simstore *)s;
}

static void broken(struct simstore *s, const char *what)
{
	s->watch.broken(s->watch.ctx, what);
}

/* ---- the witness of the log ---- */

static struct id chain_at(const struct simstore *s, uint64_t seq)
{
	return seq && seq <= s->count ? s->log[seq - 1]->e.chain : (struct id){ 0 };
}

static struct simentry *known_of(const struct simstore *s, const struct id *device, uint64_t epoch, uint64_t counter)
{
	struct identity who = { *device, epoch, counter };
	return map_find(&s->identities, &who, sizeof who);
}

static void index_entry(struct simstore *s, struct simentry *e)
{
	struct identity who = { e->e.device, e->e.epoch, e->e.change.counter };
	map_put(&s->heads, &e->e.change.item, sizeof e->e.change.item, e);
	if (map_put(&s->identities, &who, sizeof who, e))
		broken(s, "hub log: one identity took effect twice");
}

/* Takes the record. */
static void add_entry(struct simstore *s, const struct id *device, uint64_t epoch, uint64_t seq, struct buf *record)
{
	struct simentry *e = mem_alloc(sizeof *e);
	e->record = buf_take(record);
	struct reader r = reader_of(span_blob(&e->record));
	if (!wire_get_change(&r, &e->e.change))
		broken(s, "wire: a change does not read back");
	struct simentry *base = map_find(&s->heads, &e->e.change.item, sizeof e->e.change.item);
	struct id last = chain_at(s, s->count);
	if (seq != s->count + 1)
		broken(s, "hub log: a number was left out or given twice");
	if (e->e.change.base != (base ? base->e.seq : 0))
		broken(s, "hub log: an entry does not build on its item's head");
	e->e.seq = s->count + 1;
	e->e.device = *device;
	e->e.epoch = epoch;
	e->e.chain = wire_chain(&last, e->e.seq, device, epoch, span_blob(&e->record));
	MEM_ROOM(s->log, s->count, s->cap);
	s->log[s->count++] = e;
	index_entry(s, e);
	s->watch.appended(s->watch.ctx, e, base);
}

/* A verdict of the real store, against the same rule with what is known here. */
static bool check_verdict(struct simstore *s, const struct submission *u, const struct change *c, uint64_t before,
                          const struct verdict *v)
{
	struct buf record = { 0 };
	wire_put_change(&record, c);
	struct simentry *known = known_of(s, &u->device, u->epoch, c->counter),
	                *base = map_find(&s->heads, &c->item, sizeof c->item);
	struct sequencer_facts facts = {
		.known_seq = known ? known->e.seq : 0,
		.known_same = known && span_equal(span_blob(&known->record), buf_view(&record)),
		.item_head = base ? base->e.seq : 0,
		.account_head = s->count,
		.before = before,
	};
	struct verdict want = sequencer_judge(&facts, c);
	if (want.kind != v->kind || want.seq != v->seq || want.code != v->code)
		broken(s, facts.known_same ? "hub: a change that was sent again is not answered as the first time"
		                           : "hub: the store judges a change by other facts than the log's");
	if (v->kind == VERDICT_APPENDED)
		add_entry(s, &u->device, u->epoch, v->seq, &record);
	buf_finish(&record);
	return v->kind == VERDICT_APPENDED || v->kind == VERDICT_DUPLICATE;
}

static void check_appended(struct simstore *s, const struct submission *u, const struct store_answer *a)
{
	uint64_t before = 0;
	for (size_t i = 0; i < a->verdict_count; i++)
		before = check_verdict(s, u, &a->changes[i], before, &a->verdicts[i]) ? a->changes[i].counter : 0;
	if (a->head != s->count)
		broken(s, "hub: the store does not know its head");
}

static void check_read(struct simstore *s, const struct store_answer *a)
{
	for (size_t i = 0; i < a->entry_count; i++) {
		const struct simentry *e = simstore_entry(&s->base.store, a->entries[i].seq);
		if (!e || !id_equal(&e->e.chain, &a->entries[i].chain) || e->e.epoch != a->entries[i].epoch ||
		    !id_equal(&e->e.device, &a->entries[i].device) || e->e.change.body.len != a->entries[i].body_len)
			broken(s, "hub: the store reads another entry than it appended");
	}
}

/* ---- the crash model ---- */

static void forward(struct store *to, const struct submission *u)
{
	const struct store_ops *ops = to->ops;
	uint64_t ticket = u->answer.ticket;
	switch (u->kind) {
	case SUBMIT_APPEND:
		ops->append(to, ticket, u->account, &u->device, u->epoch, u->changes, u->change_count, u->now_ms);
		break;
	case SUBMIT_READ:
		ops->read(to, ticket, u->account, u->seq, u->max);
		break;
	case SUBMIT_SLICE:
		ops->slice(to, ticket, u->account, u->seq, u->offset, u->max);
		break;
	case SUBMIT_DEVICE:
		ops->device(to, ticket, &u->device, u->epoch);
		break;
	case SUBMIT_ACCOUNT:
		ops->account(to, ticket, u->account, u->seq);
		break;
	case SUBMIT_CURSOR:
		ops->cursor(to, u->account, &u->device, u->seq, u->now_ms);
		break;
	case SUBMIT_SEEN:
		ops->seen(to, &u->device, u->now_ms);
		break;
	case SUBMIT_INVITE:
		ops->invite(to, ticket, u->account, u->token_hash, u->expires_ms, u->now_ms);
		break;
	case SUBMIT_ENROLL:
		ops->enroll(to, ticket, u->token_hash, &u->enroll, u->now_ms);
		break;
	case SUBMIT_PART:
		ops->part(to, &u->device, u->epoch, u->seq, u->offset, buf_view(&u->text));
		break;
	case SUBMIT_REVOKE:
		ops->revoke(to, ticket, u->account, &u->device);
		break;
	}
}

static void answer(struct simstore *s, const struct store_answer *a)
{
	s->dead = s->dead || s->watch.dies(s->watch.ctx);
	if (!s->dead && s->base.store.answer)
		s->base.store.answer(s->base.store.answer_ctx, a);
}

static void answered(void *ctx, const struct store_answer *a)
{
	struct simstore *s = ctx;
	while (s->running && !submission_answered(s->running))
		s->running = s->running->next;
	if (!s->running || s->running->answer.ticket != a->ticket) {
		broken(s, "hub: the store answers what it was not asked");
		return;
	}
	bool ours = strcmp(s->running->account, s->account) == 0 && a->status == STORE_OK;
	if (ours && a->what == STORE_APPENDED)
		check_appended(s, s->running, a);
	if (ours && a->what == STORE_READ)
		check_read(s, a);
	s->running = s->running->next;
	answer(s, a);
}

static void run(struct simstore *s, struct submission *list, struct submission *end)
{
	s->running = list;
	for (struct submission *u = list; u != end; u = u->next)
		forward(s->real, u);
	s->real->ops->pump(s->real);
}

static void refuse(struct simstore *s, struct submission *u)
{
	submission_fail(u, STORE_BUSY, "the disk is full");
	u->answer.changes = u->changes;
	u->answer.change_count = u->change_count;
	answer(s, &u->answer);
}

static bool sim_pump(struct store *store)
{
	struct simstore *s = of(store);
	struct submission *list = submission_take(&s->base);
	if (!list)
		return false;
	s->dead = s->watch.dies(s->watch.ctx);
	bool full = !s->dead && s->watch.refuses(s->watch.ctx);
	if (!s->dead && !full)
		run(s, list, NULL);
	for (struct submission *u = list; full && u; u = u->next)
		if (submission_writes(u))
			refuse(s, u);
		else
			run(s, u, u->next);
	submission_drop_all(list);
	if (s->dead)
		submission_drop_all(submission_take(&s->base));
	return !s->dead;
}

/* ---- what the simulation does behind the hub's back ---- */

struct reply { /* the last answer to a question of our own */
	struct store_answer a;
	struct store_device *devices;
	struct store_entry entry; /* the first; its body is in body */
	struct buf body;          /* and what slices add to it */
};

static void forget_devices(struct reply *r)
{
	for (size_t i = 0; r->devices && i < r->a.device_count; i++)
		blob_finish(&r->devices[i].public.name);
	free(r->devices);
	r->devices = NULL;
}

static void replied(void *ctx, const struct store_answer *a)
{
	struct reply *r = ctx;
	forget_devices(r);
	r->a = *a;
	if (a->device_count)
		r->devices = mem_copy(a->devices, a->device_count * sizeof *a->devices);
	for (size_t i = 0; i < a->device_count; i++) {
		struct blob *name = &r->devices[i].public.name;
		*name = blob_copy(name->data, name->len);
	}
	if (a->entry_count) {
		r->entry = a->entries[0];
		buf_clear(&r->body);
		buf_span(&r->body, r->entry.change.body);
	}
	buf_span(&r->body, a->bytes);
}

static void reply_finish(struct reply *r)
{
	forget_devices(r);
	buf_finish(&r->body);
}

static void listen(struct simstore *s, struct store *real)
{
	real->answer = answered;
	real->answer_ctx = s;
}

static struct store *open_real(struct simstore *s, bool anew)
{
	struct store *real = s->watch.open ? s->watch.open(s->watch.ctx, anew) : store_memory_create();
	if (!real)
		broken(s, "hub: the store cannot be opened");
	return real ? real : store_memory_create();
}

static void ask(struct simstore *s, struct reply *r)
{
	s->real->answer = replied;
	s->real->answer_ctx = r;
	while (s->real->ops->pump(s->real))
		;
	listen(s, s->real);
}

static struct reply ask_account(struct simstore *s, uint64_t chain_at)
{
	struct reply r = { 0 };
	s->real->ops->account(s->real, 1, s->account, chain_at);
	ask(s, &r);
	return r;
}

/* An entry of a batch whose commit was under way when the hub died. */
static void take_doubtful(struct simstore *s, uint64_t seq)
{
	struct reply r = { 0 };
	struct buf record = { 0 };
	s->real->ops->read(s->real, 1, s->account, seq, 1);
	ask(s, &r);
	struct store_entry e = r.entry;
	if (e.seq != seq)
		broken(s, "hub: the store cannot read what it says it has");
	while (e.change.flags & CHANGE_PARTED && r.body.len < e.body_len) {
		size_t had = r.body.len;
		s->real->ops->slice(s->real, 1, s->account, seq, had, 65536);
		ask(s, &r);
		if (r.body.len == had)
			break;
	}
	e.change.flags &= (uint8_t)~CHANGE_PARTED;
	e.change.body = buf_view(&r.body);
	wire_put_change(&record, &e.change);
	add_entry(s, &e.device, e.epoch, seq, &record);
	if (!id_equal(&e.chain, &s->log[s->count - 1]->e.chain))
		broken(s, "hub: the store's chain does not fit its log");
	buf_finish(&record);
	reply_finish(&r);
}

void simstore_open(struct store *store)
{
	struct simstore *s = of(store);
	if (s->real)
		return;
	s->real = open_real(s, false);
	struct reply r = ask_account(s, s->count);
	struct id chain = chain_at(s, s->count);
	uint64_t head = r.a.status == STORE_OK ? r.a.head : 0;
	if (head < s->count || (s->count && !id_equal(&r.a.chain, &chain)))
		broken(s, "hub: what the store had confirmed is gone after a crash");
	reply_finish(&r);
	while (s->count < head)
		take_doubtful(s, s->count + 1);
}

void simstore_crash(struct store *store)
{
	struct simstore *s = of(store);
	submission_drop_all(submission_take(&s->base));
	if (!s->real)
		return;
	if (!s->watch.drop) {
		store_memory_crash(s->real);
		return;
	}
	s->watch.drop(s->watch.ctx, s->real);
	s->real = NULL;
}

static void enrol(struct simstore *s, const struct message_device *device)
{
	uint8_t token[MESSAGE_TOKEN] = { 0 };
	struct reply r = { 0 };
	memcpy(token, device->device.b, ID_LEN);
	s->real->ops->invite(s->real, 1, s->account, token, INVITE_MS, 0);
	s->real->ops->enroll(s->real, 1, token, device, 1);
	if (device->revoked)
		s->real->ops->revoke(s->real, 1, s->account, &device->device);
	ask(s, &r);
	if (r.a.status != STORE_OK)
		broken(s, "hub: the store does not take a device");
	reply_finish(&r);
}

void simstore_enrol(struct store *store, const struct message_device *device)
{
	enrol(of(store), device);
}

/* A linked change is taken only behind the one it is linked to, which the store has already. */
static void append_again(struct simstore *s, const struct simentry *e)
{
	struct reply r = { 0 };
	struct simentry *before = e->e.change.flags & CHANGE_LINKED
	                                  ? known_of(s, &e->e.device, e->e.epoch, e->e.change.counter - 1)
	                                  : NULL;
	struct change changes[2] = { before ? before->e.change : e->e.change, e->e.change };
	s->real->ops->append(s->real, 1, s->account, &e->e.device, e->e.epoch, changes, before ? 2 : 1, 1);
	ask(s, &r);
	if (r.a.status != STORE_OK || r.a.head != e->e.seq)
		broken(s, "hub: the store does not take a log again");
	reply_finish(&r);
}

void simstore_restore(struct store *store, uint64_t seq)
{
	struct simstore *s = of(store);
	submission_drop_all(submission_take(&s->base));
	simstore_open(store);
	struct reply old = ask_account(s, 0);
	if (s->watch.drop)
		s->watch.drop(s->watch.ctx, s->real);
	else
		store_close(s->real);
	s->real = open_real(s, true);
	listen(s, s->real);
	for (size_t i = 0; i < old.a.device_count; i++)
		enrol(s, &old.devices[i].public);
	for (size_t i = (size_t)seq; i < s->count; i++) {
		blob_finish(&s->log[i]->record);
		free(s->log[i]);
	}
	if (seq < s->count)
		s->count = (size_t)seq;
	map_finish(&s->heads);
	map_finish(&s->identities);
	for (size_t i = 0; i < s->count; i++) {
		index_entry(s, s->log[i]);
		append_again(s, s->log[i]);
	}
	for (size_t i = 0; i < old.a.device_count; i++) {
		const struct message_device *d = &old.devices[i].public;
		s->real->ops->cursor(s->real, s->account, &d->device, d->cursor < seq ? d->cursor : seq,
				     d->last_seen_ms);
	}
	struct reply now = ask_account(s, 0); /* which makes it write them */
	reply_finish(&now);
	reply_finish(&old);
}

/* ---- the store's other words ---- */

static void sim_hub_id(struct store *store, struct id *out)
{
	*out = of(store)->hub;
}

static bool sim_note(struct store *store, const char *key, const char *value)
{
	struct store *real = of(store)->real;
	return real->ops->note(real, key, value);
}

static char *sim_noted(struct store *store, const char *key)
{
	struct store *real = of(store)->real;
	return real->ops->noted(real, key);
}

static void sim_destroy(struct store *store)
{
	struct simstore *s = of(store);
	submission_drop_all(submission_take(&s->base));
	store_close(s->real);
	for (size_t i = 0; i < s->count; i++) {
		blob_finish(&s->log[i]->record);
		free(s->log[i]);
	}
	free(s->log);
	free(s->account);
	map_finish(&s->heads);
	map_finish(&s->identities);
	free(s);
}

static const struct store_ops sim_ops = {
	.name = "simulated",
	.destroy = sim_destroy,
	SUBMISSION_OPS,
	.pump = sim_pump,
	.hub_id = sim_hub_id,
	.note = sim_note,
	.noted = sim_noted,
};

struct store *simstore_create(const struct id *hub, const char *account, const struct simstore_watch *w)
{
	struct simstore *s = mem_alloc(sizeof *s);
	s->base.store.ops = &sim_ops;
	s->watch = *w;
	s->hub = *hub;
	s->account = mem_text(account);
	s->real = open_real(s, true);
	listen(s, s->real);
	return &s->base.store;
}

/* ---- what the judge asks ---- */

size_t simstore_count(const struct store *store)
{
	return view(store)->count;
}

const struct simentry *simstore_entry(const struct store *store, uint64_t seq)
{
	const struct simstore *s = view(store);
	return seq && seq <= s->count ? s->log[seq - 1] : NULL;
}

const struct simentry *simstore_head(const struct store *store, const struct id *item)
{
	return map_find(&view(store)->heads, item, sizeof *item);
}

bool simstore_next_item(const struct store *store, size_t *at, const struct simentry **head)
{
	void *p;
	if (!map_next(&view(store)->heads, at, &p))
		return false;
	*head = p;
	return true;
}

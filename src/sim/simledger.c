#include "sim/simledger.h"

#include <stdlib.h>
#include <string.h>

#include "base/mark.h"
#include "base/mem.h"

enum write_what {
	WRITE_ITEM,
	WRITE_NO_ITEM,
	WRITE_OUTBOX,
	WRITE_NO_OUTBOX,
	WRITE_STATE,
	WRITE_PEER,
	WRITE_HISTORY,
	WRITE_SETTLEMENT,
	WRITE_VERSION
};

struct simledger_write {
	enum write_what what;
	void *row; /* a struct of the kind, or NULL for the removals */
	struct id id;
	uint64_t counter;
};

static void item_free(struct item_row *row)
{
	if (!row)
		return;
	free((char *)row->category);
	free((char *)row->path);
	free(row);
}

static void outbox_free(struct outbox_row *row)
{
	if (!row)
		return;
	blob_finish(&row->record);
	free(row);
}

static void version_free(struct simversion *v)
{
	if (!v)
		return;
	blob_finish(&v->content);
	free(v);
}

static struct item_row *item_dup(const struct item_row *row)
{
	struct item_row *copy = mem_copy(row, sizeof *row);
	copy->category = mem_text(row->category);
	copy->path = mem_text(row->path);
	return copy;
}

static struct outbox_row *outbox_dup(const struct outbox_row *row)
{
	struct outbox_row *copy = mem_copy(row, sizeof *row);
	copy->record = blob_copy(row->record.data, row->record.len);
	return copy;
}

static void write_free(struct simledger_write *w)
{
	if (w->what == WRITE_ITEM)
		item_free(w->row);
	else if (w->what == WRITE_OUTBOX)
		outbox_free(w->row);
	else
		free(w->row);
}

void simledger_finish(struct simledger *l)
{
	void *p;
	simledger_close(l);
	l->doubt = false;
	simledger_rollback(l);
	for (size_t at = 0; map_next(&l->items, &at, &p);)
		item_free(p);
	for (size_t at = 0; map_next(&l->outbox, &at, &p);)
		outbox_free(p);
	for (size_t at = 0; map_next(&l->peers, &at, &p);)
		free(p);
	for (size_t at = 0; map_next(&l->versions, &at, &p);)
		version_free(p);
	map_finish(&l->items);
	map_finish(&l->outbox);
	map_finish(&l->peers);
	map_finish(&l->versions);
	free(l->history);
	free(l->settlements);
	free(l->writes);
	*l = (struct simledger){ 0 };
}

static struct simledger_write *add(struct simledger *l, enum write_what what)
{
	MEM_ROOM(l->writes, l->write_count, l->write_cap);
	struct simledger_write *w = &l->writes[l->write_count++];
	*w = (struct simledger_write){ .what = what };
	return w;
}

void simledger_save_item(struct simledger *l, const struct item_row *row)
{
	if (l->real)
		ledger_save_item(l->real, row); /* a refusal shows at the commit */
	struct simledger_write *w = add(l, WRITE_ITEM);
	w->id = row->item;
	w->row = item_dup(row);
}

void simledger_drop_item(struct simledger *l, const struct id *item)
{
	if (l->real)
		ledger_drop_item(l->real, item);
	add(l, WRITE_NO_ITEM)->id = *item;
}

void simledger_save_outbox(struct simledger *l, const struct outbox_row *row)
{
	if (l->real)
		ledger_save_outbox(l->real, row);
	struct simledger_write *w = add(l, WRITE_OUTBOX);
	w->counter = row->counter;
	w->row = outbox_dup(row);
}

void simledger_drop_outbox(struct simledger *l, uint64_t counter)
{
	if (l->real)
		ledger_drop_outbox(l->real, counter);
	add(l, WRITE_NO_OUTBOX)->counter = counter;
}

void simledger_save_state(struct simledger *l, const struct state_row *row)
{
	if (l->real)
		ledger_save_state(l->real, row);
	add(l, WRITE_STATE)->row = mem_copy(row, sizeof *row);
}

void simledger_save_peer(struct simledger *l, const struct peer_row *row)
{
	if (l->real)
		ledger_save_peer(l->real, row);
	struct simledger_write *w = add(l, WRITE_PEER);
	w->id = row->device;
	w->row = mem_copy(row, sizeof *row);
}

void simledger_add_history(struct simledger *l, const struct history_row *row)
{
	if (l->real)
		ledger_add_history(l->real, row);
	add(l, WRITE_HISTORY)->row = mem_copy(row, sizeof *row);
}

void simledger_put_version(struct simledger *l, const struct id *version, uint8_t meta, struct span content)
{
	struct simversion *known = map_find(&l->versions, version, sizeof *version);
	if (known)
		known->gone = false;
	if (known && !known->rotten)
		return;
	if (known) {
		MARK("version.put_again_over_a_rotten_one");
		version_free(map_remove(&l->versions, version, sizeof *version));
	}
	struct simversion *v = mem_alloc(sizeof *v);
	v->version = *version;
	v->again = known != NULL;
	v->meta = meta;
	v->content = blob_copy(content.data, content.len);
	map_put(&l->versions, version, sizeof *version, v);
	add(l, WRITE_VERSION)->id = *version;
}

const struct simversion *simledger_version(const struct simledger *l, const struct id *version)
{
	return map_find(&l->versions, version, sizeof *version);
}

bool simledger_has_version(const struct simledger *l, const struct id *version)
{
	const struct simversion *v = simledger_version(l, version);
	return v && !v->damaged && !v->gone;
}

const struct simversion *simledger_read_version(struct simledger *l, const struct id *version)
{
	struct simversion *v = map_find(&l->versions, version, sizeof *version);
	if (v && v->rotten)
		v->damaged = true;
	return v && !v->rotten && !v->gone ? v : NULL;
}

struct simversion *simledger_any_version(const struct simledger *l, uint64_t number)
{
	void *p;
	for (size_t at = 0; map_next(&l->versions, &at, &p);)
		if (!number--)
			return ((struct simversion *)p)->durable ? p : NULL;
	return NULL;
}

void simledger_save_settlement(struct simledger *l, const struct settlement_row *row)
{
	if (l->real)
		ledger_save_settlement(l->real, row);
	add(l, WRITE_SETTLEMENT)->row = mem_copy(row, sizeof *row);
}

static bool came_back(const struct simledger *l, const struct id *item, const struct id *version,
		      const struct id *agreed)
{
	size_t held = 0, elsewhere = 0, before_agreed = 0, at = 0;
	for (size_t i = 0; i < l->history_count + l->write_count; i++) {
		bool durable = i < l->history_count;
		const struct simledger_write *w = durable ? NULL : &l->writes[i - l->history_count];
		const struct history_row *h = durable ? &l->history[i] : w->what == WRITE_HISTORY ? w->row : NULL;
		at++;
		if (!h || !id_equal(&h->item, item))
			continue;
		if (id_equal(&h->version, version))
			held = at;
		if (h->how == HOW_REMOTE || h->how == HOW_MERGE || h->how == HOW_SETTLE || h->how == HOW_NEWEST)
			elsewhere = at;
		if (id_equal(&h->version, agreed))
			before_agreed = elsewhere;
	}
	return held && held < before_agreed;
}

bool simledger_came_back(const struct simledger *l, const struct id *item, const struct id *version,
			 const struct id *agreed)
{
	return l->real ? ledger_came_back(l->real, item, version, agreed) : came_back(l, item, version, agreed);
}

static void put_settlement(struct simledger *l, const struct settlement_row *row)
{
	for (size_t i = 0; i < l->settlement_count; i++)
		if (l->settlements[i].id == row->id) {
			l->settlements[i] = *row;
			return;
		}
	MEM_ROOM(l->settlements, l->settlement_count, l->settlement_cap);
	l->settlements[l->settlement_count++] = *row;
}

static void put(struct simledger *l, struct simledger_write *w)
{
	struct simversion *v;
	switch (w->what) {
	case WRITE_ITEM:
		item_free(map_put(&l->items, &w->id, sizeof w->id, w->row));
		break;
	case WRITE_NO_ITEM:
		item_free(map_remove(&l->items, &w->id, sizeof w->id));
		break;
	case WRITE_OUTBOX:
		outbox_free(map_put(&l->outbox, &w->counter, sizeof w->counter, w->row));
		break;
	case WRITE_NO_OUTBOX:
		outbox_free(map_remove(&l->outbox, &w->counter, sizeof w->counter));
		break;
	case WRITE_STATE:
		l->state = *(struct state_row *)w->row;
		free(w->row);
		break;
	case WRITE_PEER:
		free(map_put(&l->peers, &w->id, sizeof w->id, w->row));
		break;
	case WRITE_HISTORY:
		MEM_ROOM(l->history, l->history_count, l->history_cap);
		l->history[l->history_count++] = *(struct history_row *)w->row;
		free(w->row);
		break;
	case WRITE_SETTLEMENT:
		put_settlement(l, w->row);
		free(w->row);
		break;
	case WRITE_VERSION:
		v = map_find(&l->versions, &w->id, sizeof w->id);
		v->durable = true;
		v->again = false;
		break;
	}
}

static void put_all(struct simledger *l, void (*durable)(void *ctx, const struct simversion *v), void *ctx)
{
	for (size_t i = 0; i < l->write_count; i++) {
		struct simledger_write *w = &l->writes[i];
		put(l, w);
		if (w->what == WRITE_VERSION)
			durable(ctx, map_find(&l->versions, &w->id, sizeof w->id));
	}
	l->write_count = 0;
}

bool simledger_commit(struct simledger *l, void (*durable)(void *ctx, const struct simversion *v), void *ctx)
{
	if (l->real && !ledger_commit(l->real, NULL)) {
		l->doubt = true;
		return false;
	}
	put_all(l, durable, ctx);
	return true;
}

static void forget_version(struct simledger *l, const struct id *version)
{
	struct simversion *v = map_find(&l->versions, version, sizeof *version);
	if (v->again) /* the rotten one is still there */
		v->durable = v->rotten = v->damaged = true;
	else
		version_free(map_remove(&l->versions, version, sizeof *version));
}

void simledger_rollback(struct simledger *l)
{
	if (l->doubt)
		return;
	for (size_t i = 0; i < l->write_count; i++) {
		struct simledger_write *w = &l->writes[i];
		if (w->what == WRITE_VERSION)
			forget_version(l, &w->id);
		write_free(w);
	}
	l->write_count = 0;
}

/* ---- the real one ---- */

struct digest { /* of a set of rows: a sum, so that their order says nothing */
	uint64_t items, outbox, peers, history, settlements, state;
};

static uint64_t mix(uint64_t sum, const void *bytes, size_t len)
{
	return (sum ^ map_hash(bytes, len)) * 0x9e3779b97f4a7c15u;
}

static uint64_t mix_text(uint64_t sum, const char *text)
{
	return mix(sum, text, strlen(text));
}

/* Field by field: rows have padding. */
#define MIX(field) sum = mix(sum, &(field), sizeof(field))

static void sum_item(void *ctx, const struct item_row *r)
{
	uint64_t sum = mix_text(mix_text(1, r->category), r->path);
	MIX(r->item), MIX(r->side), MIX(r->main), MIX(r->device), MIX(r->head_seq), MIX(r->head_version);
	MIX(r->head_edited), MIX(r->head_device), MIX(r->head_meta), MIX(r->head_size), MIX(r->head_mtime_ms);
	MIX(r->agreed), MIX(r->local), MIX(r->local_stat.size), MIX(r->local_stat.mtime_ns),
		MIX(r->local_stat.ctime_ns);
	MIX(r->local_stat.inode), MIX(r->local_stat.meta), MIX(r->local_edited), MIX(r->local_at_ms), MIX(r->chain_len);
	MIX(r->chain_bytes), MIX(r->retry_count), MIX(r->detected_ms), MIX(r->hold), MIX(r->want), MIX(r->settles);
	MIX(r->settled), MIX(r->settled_as), MIX(r->merged), MIX(r->merged_on), MIX(r->left_out);
	((struct digest *)ctx)->items += sum;
}

static void sum_outbox(void *ctx, const struct outbox_row *r)
{
	uint64_t sum = mix(1, r->record.data, r->record.len);
	MIX(r->counter), MIX(r->item), MIX(r->version), MIX(r->base), MIX(r->priority), MIX(r->linked);
	MIX(r->queued_at_ms), MIX(r->retry_count), MIX(r->size_plain), MIX(r->delta), MIX(r->compression), MIX(r->kind);
	((struct digest *)ctx)->outbox += sum;
}

static void sum_loaded_outbox(void *ctx, const struct outbox_row *r)
{
	struct outbox_row row = *r;
	sum_outbox(ctx, r);
	blob_finish(&row.record);
}

static void sum_peer(void *ctx, const struct peer_row *r)
{
	uint64_t sum = mix_text(1, r->name);
	MIX(r->device), MIX(r->revoked), MIX(r->last_seen_ms), MIX(r->cursor);
	((struct digest *)ctx)->peers += sum;
}

static void sum_history(void *ctx, const struct history_row *r, const char *category, const char *path)
{
	uint64_t sum = 1;
	(void)category;
	(void)path;
	MIX(r->item), MIX(r->version), MIX(r->device), MIX(r->at_ms), MIX(r->seq), MIX(r->size), MIX(r->kind);
	MIX(r->how), MIX(r->meta);
	((struct digest *)ctx)->history += sum;
}

static void sum_settlement(void *ctx, const struct settlement_row *r)
{
	uint64_t sum = 1;
	MIX(r->id), MIX(r->item), MIX(r->base), MIX(r->mine), MIX(r->theirs), MIX(r->result), MIX(r->at_ms);
	MIX(r->how), MIX(r->undone);
	((struct digest *)ctx)->settlements += sum;
}

static void sum_state(struct digest *d, const struct state_row *r)
{
	uint64_t sum = 1;
	MIX(r->epoch), MIX(r->counter), MIX(r->cursor), MIX(r->chain), MIX(r->clock), MIX(r->bytes_plain);
	MIX(r->bytes_sent), MIX(r->bytes_received), MIX(r->last_synced_ms), MIX(r->paused);
	d->state = sum;
}

static struct digest sum_ours(const struct simledger *l)
{
	struct digest d = { 0 };
	void *p;
	for (size_t at = 0; map_next(&l->items, &at, &p);)
		sum_item(&d, p);
	for (size_t at = 0; map_next(&l->outbox, &at, &p);)
		sum_outbox(&d, p);
	for (size_t at = 0; map_next(&l->peers, &at, &p);)
		sum_peer(&d, p);
	for (size_t i = 0; i < l->history_count; i++)
		sum_history(&d, &l->history[i], "", "");
	for (size_t i = 0; i < l->settlement_count; i++)
		sum_settlement(&d, &l->settlements[i]);
	sum_state(&d, &l->state);
	return d;
}

static bool sum_real(const struct simledger *l, struct digest *d, struct err *e)
{
	struct state_row state;
	*d = (struct digest){ 0 };
	if (!ledger_load_items(l->real, sum_item, d, e) || !ledger_load_outbox(l->real, sum_loaded_outbox, d, e) ||
	    !ledger_load_peers(l->real, sum_peer, d, e) ||
	    !ledger_history(l->real, NULL, SIZE_MAX, sum_history, d, e) ||
	    !ledger_settlements(l->real, NULL, SIZE_MAX, sum_settlement, d, e) ||
	    !ledger_load_state(l->real, &state, e))
		return false;
	sum_state(d, &state);
	return true;
}

static const char *differ(const struct simledger *l, const struct digest *real)
{
	struct digest ours = sum_ours(l);
	return ours.items != real->items       ? "items"
	       : ours.outbox != real->outbox   ? "outbox"
	       : ours.peers != real->peers     ? "peers"
	       : ours.history != real->history ? "history"
	       : ours.settlements != real->settlements ? "settlements"
	       : ours.state != real->state     ? "state"
	                                       : NULL;
}

static bool write_all(const struct simledger *l, struct err *e)
{
	void *p;
	for (size_t at = 0; map_next(&l->items, &at, &p);)
		ledger_save_item(l->real, p);
	for (size_t at = 0; map_next(&l->outbox, &at, &p);)
		ledger_save_outbox(l->real, p);
	for (size_t at = 0; map_next(&l->peers, &at, &p);)
		ledger_save_peer(l->real, p);
	for (size_t i = 0; i < l->history_count; i++)
		ledger_add_history(l->real, &l->history[i]);
	for (size_t i = 0; i < l->settlement_count; i++)
		ledger_save_settlement(l->real, &l->settlements[i]);
	ledger_save_state(l->real, &l->state);
	return ledger_commit(l->real, e);
}

bool simledger_open(struct simledger *l, const char *vfs, const char *file,
                    void (*durable)(void *ctx, const struct simversion *v), void *ctx, struct err *e)
{
	struct digest real;
	l->real = ledger_open_on(vfs, file, e);
	if (!l->real || (l->anew && !write_all(l, e)) || !sum_real(l, &real, e))
		return false;
	l->anew = false;
	const char *other = differ(l, &real);
	if (l->doubt && !other) {
		l->doubt = false;
		simledger_rollback(l);
	} else if (l->doubt) {
		l->doubt = false;
		put_all(l, durable, ctx);
		other = differ(l, &real);
	}
	return !other || err_set(e, other, "", "not what was committed");
}

void simledger_close(struct simledger *l)
{
	ledger_close(l->real);
	l->real = NULL;
}

void simledger_copy(struct simledger *out, const struct simledger *l)
{
	void *p;
	*out = (struct simledger){ .state = l->state };
	for (size_t at = 0; map_next(&l->items, &at, &p);) {
		struct item_row *row = item_dup(p);
		map_put(&out->items, &row->item, sizeof row->item, row);
	}
	for (size_t at = 0; map_next(&l->outbox, &at, &p);) {
		struct outbox_row *row = outbox_dup(p);
		map_put(&out->outbox, &row->counter, sizeof row->counter, row);
	}
	for (size_t at = 0; map_next(&l->peers, &at, &p);) {
		struct peer_row *row = mem_copy(p, sizeof *row);
		map_put(&out->peers, &row->device, sizeof row->device, row);
	}
	for (size_t at = 0; map_next(&l->versions, &at, &p);) {
		const struct simversion *v = p;
		if (!v->durable)
			continue;
		struct simversion *copy = mem_copy(v, sizeof *v);
		copy->content = blob_copy(v->content.data, v->content.len);
		map_put(&out->versions, &copy->version, sizeof copy->version, copy);
	}
	out->history_count = out->history_cap = l->history_count;
	if (l->history_count)
		out->history = mem_copy(l->history, l->history_count * sizeof *l->history);
	out->settlement_count = out->settlement_cap = l->settlement_count;
	if (l->settlement_count)
		out->settlements = mem_copy(l->settlements, l->settlement_count * sizeof *l->settlements);
}

#include "sim/simledger.h"

#include <stdlib.h>
#include <string.h>

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
	struct simledger_write *w = add(l, WRITE_ITEM);
	w->id = row->item;
	w->row = item_dup(row);
}

void simledger_drop_item(struct simledger *l, const struct id *item)
{
	add(l, WRITE_NO_ITEM)->id = *item;
}

void simledger_save_outbox(struct simledger *l, const struct outbox_row *row)
{
	struct simledger_write *w = add(l, WRITE_OUTBOX);
	w->counter = row->counter;
	w->row = outbox_dup(row);
}

void simledger_drop_outbox(struct simledger *l, uint64_t counter)
{
	add(l, WRITE_NO_OUTBOX)->counter = counter;
}

void simledger_save_state(struct simledger *l, const struct state_row *row)
{
	add(l, WRITE_STATE)->row = mem_copy(row, sizeof *row);
}

void simledger_save_peer(struct simledger *l, const struct peer_row *row)
{
	struct simledger_write *w = add(l, WRITE_PEER);
	w->id = row->device;
	w->row = mem_copy(row, sizeof *row);
}

void simledger_add_history(struct simledger *l, const struct history_row *row)
{
	add(l, WRITE_HISTORY)->row = mem_copy(row, sizeof *row);
}

void simledger_put_version(struct simledger *l, const struct id *version, uint8_t meta, struct span content)
{
	if (map_find(&l->versions, version, sizeof *version))
		return;
	struct simversion *v = mem_alloc(sizeof *v);
	v->version = *version;
	v->meta = meta;
	v->content = blob_copy(content.data, content.len);
	map_put(&l->versions, version, sizeof *version, v);
	add(l, WRITE_VERSION)->id = *version;
}

const struct simversion *simledger_version(const struct simledger *l, const struct id *version)
{
	return map_find(&l->versions, version, sizeof *version);
}

void simledger_save_settlement(struct simledger *l, const struct settlement_row *row)
{
	add(l, WRITE_SETTLEMENT)->row = mem_copy(row, sizeof *row);
}

bool simledger_came_back(const struct simledger *l, const struct id *item, const struct id *version, const struct id *agreed)
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
		if (h->how == HOW_REMOTE || h->how == HOW_MERGE || h->how == HOW_SETTLE)
			elsewhere = at;
		if (id_equal(&h->version, agreed))
			before_agreed = elsewhere;
	}
	return held && held < before_agreed;
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
		break;
	}
}

void simledger_commit(struct simledger *l, void (*durable)(void *ctx, const struct simversion *v), void *ctx)
{
	for (size_t i = 0; i < l->write_count; i++) {
		struct simledger_write *w = &l->writes[i];
		put(l, w);
		if (w->what == WRITE_VERSION)
			durable(ctx, map_find(&l->versions, &w->id, sizeof w->id));
	}
	l->write_count = 0;
}

void simledger_rollback(struct simledger *l)
{
	for (size_t i = 0; i < l->write_count; i++) {
		struct simledger_write *w = &l->writes[i];
		if (w->what == WRITE_VERSION)
			version_free(map_remove(&l->versions, &w->id, sizeof w->id));
		write_free(w);
	}
	l->write_count = 0;
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

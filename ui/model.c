#include "ui/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "ui/format.h"
#include "ui/text.h"

#define LATE_MS 45000 /* the hub is asked every 30 s when nothing else is said; half an interval more is late */

static void take_text(char **out, const json_t *o, const char *key)
{
	const char *text = json_get_text(o, key);
	free(*out);
	*out = NULL;
	if (text)
		*out = mem_copy(text, strnlen(text, TEXT_NAME_MAX));
}

static void take_word(char *out, size_t cap, const json_t *o, const char *key)
{
	const char *text = json_get_text(o, key);
	snprintf(out, cap, "%s", text ? text : "");
}
#define TAKE_WORD(out, o, key) take_word(out, sizeof(out), o, key)

static double get_number(const json_t *o, const char *key, double otherwise)
{
	const json_t *value = json_object_get(o, key);
	double n = json_is_number(value) ? json_number_value(value) : otherwise;
	return n > 1e18 ? 1e18 : n < -1e18 ? -1e18 : n;
}

/* Counts and ages: never negative, never so large that sums overflow. */
static int64_t get_count(const json_t *o, const char *key)
{
	double n = get_number(o, key, 0);
	return n < 0 ? 0 : n > 1e15 ? (int64_t)1e15 : (int64_t)n;
}

static int64_t get_time(const json_t *o, const char *key)
{
	return format_parse_time(json_get_text(o, key));
}

/* The place of a word in a list, or 0. */
static int get_choice(const json_t *o, const char *key, const char *const *words, int count)
{
	const char *text = json_get_text(o, key);
	for (int i = 0; text && i < count; i++)
		if (!strcmp(text, words[i]))
			return i;
	return 0;
}

static void free_queue_row(struct model_queue *q)
{
	free(q->item);
	free(q->reason);
}

static void free_queue(struct model *m)
{
	for (size_t i = 0; i < m->queue_count; i++)
		free_queue_row(&m->queue[i]);
	free(m->queue);
	m->queue = NULL;
	m->queue_count = 0;
}

static void free_conflicts(struct model *m)
{
	for (size_t i = 0; i < m->conflict_count; i++) {
		struct model_conflict *c = &m->conflicts[i];
		free(c->item);
		free(c->mine.device);
		free(c->theirs.device);
		free(c->base.device);
	}
	free(m->conflicts);
	m->conflicts = NULL;
	m->conflict_count = 0;
}

static void free_devices(struct model *m)
{
	for (size_t i = 0; i < m->device_count; i++)
		free(m->devices[i].name);
	free(m->devices);
	m->devices = NULL;
	m->device_count = 0;
}

static void free_categories(struct model *m)
{
	for (size_t i = 0; i < m->category_count; i++) {
		free(m->categories[i].name);
		free(m->categories[i].path);
		free(m->categories[i].profile);
		free(m->categories[i].error);
	}
	free(m->categories);
	m->categories = NULL;
	m->category_count = 0;
}

void model_finish(struct model *m)
{
	free_queue(m);
	free_conflicts(m);
	free_devices(m);
	free_categories(m);
	for (size_t i = 0; i < m->log_count; i++) {
		free(m->log[i].item);
		free(m->log[i].text);
	}
	free(m->log);
	free(m->device_name);
	free(m->link.hub);
	free(m->link.error);
	free(m->trouble);
	*m = (struct model){ 0 };
}

/* wss://host:port/path without the parts that a person need not see. */
static void take_hub(struct model_link *l)
{
	l->host[0] = l->host_port[0] = 0;
	l->tls = l->hub && (!strncmp(l->hub, "wss:", 4) || !strncmp(l->hub, "https:", 6));
	if (!l->hub)
		return;
	const char *host = strstr(l->hub, "://");
	host = host ? host + 3 : l->hub;
	size_t len = strcspn(host, "/?#"), name = len;
	const char *colon = memchr(host, ':', len);
	if (host[0] == '[' && memchr(host, ']', len))
		name = (size_t)((const char *)memchr(host, ']', len) - host) + 1;
	else if (colon)
		name = (size_t)(colon - host);
	snprintf(l->host, sizeof l->host, "%.*s", (int)(name < 78 ? name : 78), host);
	snprintf(l->host_port, sizeof l->host_port, "%.*s", (int)(len < 94 ? len : 94), host);
}

static void take_link(struct model *m, const json_t *o, int64_t now_ms)
{
	static const char *const states[] = { "disconnected", "connecting", "connected", "reconnecting", "error" };
	static const char *const qualities[] = { "", "poor", "fair", "good", "excellent" };
	struct model_link *l = &m->link;
	l->state = (enum link_state)get_choice(o, "state", states, 5);
	take_text(&l->hub, o, "hub");
	take_text(&l->error, o, "error");
	if (l->hub && !l->hub[0]) {
		free(l->hub);
		l->hub = NULL;
	}
	take_hub(l);
	l->attempt = (int)(get_count(o, "attempt") % 1000000);
	l->retry_at_ms = json_is_number(json_object_get(o, "retry_in_ms")) ? now_ms + get_count(o, "retry_in_ms") : 0;
	bool heard = json_is_number(json_object_get(o, "last_heartbeat_ms"));
	int64_t age = get_count(o, "last_heartbeat_ms");
	l->heard_at_ms = heard ? now_ms - age : 0;
	l->late = heard && age >= LATE_MS;
	l->since_ms = get_time(o, "since");
	l->rtt_ms = json_is_number(json_object_get(o, "rtt_ms")) ? get_number(o, "rtt_ms", -1) : -1;
	l->quality = (enum quality)get_choice(o, "quality", qualities, 5);
}

static size_t rows_of(const json_t *array)
{
	size_t n = json_array_size(array);
	return n < MODEL_ROWS_MAX ? n : MODEL_ROWS_MAX;
}

static void take_categories(struct model *m, const json_t *array, bool whole)
{
	if (!whole) {
		/* status knows less of each than `categories` does: it refreshes what it can. */
		for (size_t i = 0; i < json_array_size(array) && m->category_count; i++) {
			const json_t *o = json_array_get(array, i);
			const char *name = json_get_text(o, "name");
			for (size_t k = 0; name && k < m->category_count; k++) {
				struct model_category *c = &m->categories[k];
				if (!c->name || strcmp(c->name, name))
					continue;
				c->items = get_count(o, "items");
				c->pending = get_count(o, "pending");
				c->conflicts = get_count(o, "conflicts");
				TAKE_WORD(c->state, o, "state");
				take_text(&c->error, o, "error");
				if (get_time(o, "last_change_at"))
					c->changed_ms = get_time(o, "last_change_at");
			}
		}
		if (m->category_count && m->category_count == rows_of(array))
			return;
	}
	size_t n = rows_of(array);
	struct model_category *rows = mem_alloc((n ? n : 1) * sizeof *rows);
	for (size_t i = 0; i < n; i++) {
		const json_t *o = json_array_get(array, i);
		struct model_category *c = &rows[i];
		take_text(&c->name, o, "name");
		take_text(&c->path, o, "path");
		take_text(&c->profile, o, "profile");
		take_text(&c->error, o, "error");
		TAKE_WORD(c->strategy, o, "strategy");
		TAKE_WORD(c->state, o, "state");
		c->items = get_count(o, "items");
		c->pending = get_count(o, "pending");
		c->conflicts = get_count(o, "conflicts");
		c->bytes = (double)get_count(o, "bytes");
		c->changed_ms = get_time(o, "last_change_at");
		for (size_t k = 0; !c->changed_ms && c->name && k < m->category_count; k++)
			if (m->categories[k].name && !strcmp(m->categories[k].name, c->name))
				c->changed_ms = m->categories[k].changed_ms;
	}
	free_categories(m);
	m->categories = rows;
	m->category_count = n;
}

static void take_status(struct model *m, const json_t *o, bool with_categories, int64_t now_ms)
{
	const json_t *traffic = json_object_get(o, "traffic"), *queue = json_object_get(o, "queue");
	take_text(&m->device_name, json_object_get(o, "device"), "name");
	take_link(m, json_object_get(o, "connection"), now_ms);
	m->bytes_plain = (double)get_count(traffic, "bytes_plain");
	m->bytes_sent = (double)get_count(traffic, "bytes_sent");
	m->bytes_received = (double)get_count(traffic, "bytes_received");
	m->outgoing = get_count(queue, "outgoing");
	m->incoming = get_count(queue, "incoming");
	m->conflicts_open = get_count(o, "conflicts");
	m->last_synced_ms = get_time(o, "last_synced_at");
	m->paused = json_get_bool(o, "paused");
	m->looking = json_is_false(json_object_get(o, "synced"));
	const json_t *errors = json_object_get(o, "errors");
	free(m->trouble);
	m->trouble = NULL;
	if (json_is_string(json_array_get(errors, 0)))
		m->trouble = mem_copy(json_string_value(json_array_get(errors, 0)),
		                      strnlen(json_string_value(json_array_get(errors, 0)), TEXT_NAME_MAX));
	if (!with_categories)
		take_categories(m, json_object_get(o, "categories"), false);
}

static struct model_queue *read_queue(const json_t *array, size_t n, int64_t now_ms)
{
	struct model_queue *rows = mem_alloc((n ? n : 1) * sizeof *rows);
	for (size_t i = 0; i < n; i++) {
		const json_t *o = json_array_get(array, i);
		struct model_queue *q = &rows[i];
		const char *direction = json_get_text(o, "direction");
		take_text(&q->item, o, "item");
		take_text(&q->reason, o, "reason");
		if (!q->item)
			q->item = mem_text("");
		q->incoming = direction && !strcmp(direction, "incoming");
		q->rank = (int)i;
		TAKE_WORD(q->kind, o, "kind");
		TAKE_WORD(q->priority, o, "priority");
		TAKE_WORD(q->state, o, "state");
		TAKE_WORD(q->delta, o, "delta");
		TAKE_WORD(q->compression, o, "compression");
		q->retries = (int)(get_count(o, "retry_count") % 1000000);
		q->size_plain = (double)get_count(o, "size_plain");
		q->size_wire = (double)get_count(o, "size_wire");
		q->since_ms = now_ms - get_count(o, "age_ms");
	}
	return rows;
}

/* The key of a row is its item, with the NUL behind it when it comes in: one item may go both ways. */
static struct map map_queue(struct model_queue *rows, size_t n)
{
	struct map places = { 0 };
	for (size_t i = n; i-- > 0;) /* of two rows of one item the first one counts */
		map_put(&places, rows[i].item, strlen(rows[i].item) + rows[i].incoming, &rows[i]);
	return places;
}

/* Rows that are looked at keep their places: values change in place, what ended reads done, new ones come last. */
static void merge_queue(struct model *m, struct model_queue *rows, size_t n)
{
	struct map places = map_queue(rows, n);
	struct model_queue *all = mem_alloc((m->queue_count + n + 1) * sizeof *all);
	size_t count = 0;
	for (size_t i = 0; i < m->queue_count; i++) {
		struct model_queue *old = &m->queue[i];
		struct model_queue *now = map_remove(&places, old->item, strlen(old->item) + old->incoming);
		if (now) {
			all[count] = *now;
			all[count++].fresh = old->fresh;
			now->item = now->reason = NULL;
			free_queue_row(old);
		} else {
			all[count] = *old;
			all[count++].done = true;
		}
	}
	for (size_t i = 0; i < n; i++)
		if (rows[i].item && map_remove(&places, rows[i].item, strlen(rows[i].item) + rows[i].incoming)) {
			all[count] = rows[i];
			all[count++].fresh = true;
			rows[i].item = rows[i].reason = NULL;
		}
	for (size_t i = 0; i < n; i++)
		free_queue_row(&rows[i]);
	map_finish(&places);
	free(rows);
	free(m->queue);
	m->queue = all;
	m->queue_count = count;
}

static void take_queue(struct model *m, const json_t *array, int64_t now_ms)
{
	size_t n = rows_of(array);
	struct model_queue *rows = read_queue(array, n, now_ms);
	if (m->queue_frozen && m->queue_count + n <= 2 * MODEL_ROWS_MAX) {
		merge_queue(m, rows, n);
		return;
	}
	free_queue(m);
	m->queue = rows;
	m->queue_count = n;
}

static int by_rank(const void *a, const void *b)
{
	const struct model_queue *x = a, *y = b;
	return (x->rank > y->rank) - (x->rank < y->rank);
}

void model_settle_queue(struct model *m)
{
	size_t kept = 0;
	for (size_t i = 0; i < m->queue_count; i++) {
		if (m->queue[i].done) {
			free_queue_row(&m->queue[i]);
			continue;
		}
		m->queue[kept] = m->queue[i];
		m->queue[kept++].fresh = false;
	}
	m->queue_count = kept;
	mem_sort(m->queue, kept, sizeof *m->queue, by_rank);
}

size_t model_queue_fresh(const struct model *m)
{
	size_t fresh = 0;
	for (size_t i = 0; i < m->queue_count; i++)
		fresh += m->queue[i].fresh && !m->queue[i].done;
	return fresh;
}

bool model_queue_unsettled(const struct model *m)
{
	for (size_t i = 0; i < m->queue_count; i++)
		if (m->queue[i].fresh || m->queue[i].done)
			return true;
	return false;
}

static void take_side(struct model_side *s, const json_t *o)
{
	TAKE_WORD(s->version, o, "version");
	take_text(&s->device, o, "device");
	s->at_ms = get_time(o, "at");
	s->deleted = json_get_bool(o, "deleted");
}

static int by_age(const void *a, const void *b)
{
	const struct model_conflict *x = a, *y = b;
	if (x->detected_ms != y->detected_ms)
		return x->detected_ms < y->detected_ms ? -1 : 1;
	return strcmp(x->item, y->item);
}

static void take_conflicts(struct model *m, const json_t *array)
{
	free_conflicts(m);
	size_t n = rows_of(array);
	m->conflicts = mem_alloc((n ? n : 1) * sizeof *m->conflicts);
	m->conflict_count = n;
	for (size_t i = 0; i < n; i++) {
		const json_t *o = json_array_get(array, i);
		struct model_conflict *c = &m->conflicts[i];
		TAKE_WORD(c->id, o, "id");
		TAKE_WORD(c->strategy, o, "strategy");
		TAKE_WORD(c->kind, o, "kind");
		take_text(&c->item, o, "item");
		if (!c->item)
			c->item = mem_text("");
		if (!c->id[0])
			snprintf(c->id, sizeof c->id, "%s", c->item);
		c->detected_ms = get_time(o, "detected_at");
		take_side(&c->mine, json_object_get(o, "mine"));
		take_side(&c->theirs, json_object_get(o, "theirs"));
		take_side(&c->base, json_object_get(o, "base"));
		const char *slash = strchr(c->kind, '/');
		c->mine.deleted |= !strncmp(c->kind, "delete/", 7);
		c->theirs.deleted |= slash && !strcmp(slash, "/delete");
		c->hunks = (int)(get_count(o, "hunks") % 1000000);
		c->merged_clean = json_get_bool(o, "merged_clean");
	}
	mem_sort(m->conflicts, n, sizeof *m->conflicts, by_age);
}

static void take_devices(struct model *m, const json_t *array)
{
	free_devices(m);
	size_t n = rows_of(array);
	m->devices = mem_alloc((n ? n : 1) * sizeof *m->devices);
	for (size_t i = 0; i < n; i++) {
		const json_t *o = json_array_get(array, i);
		if (json_get_bool(o, "revoked"))
			continue; /* shut out: no longer one of the person's */
		struct model_device *d = &m->devices[m->device_count++];
		TAKE_WORD(d->id, o, "id");
		take_text(&d->name, o, "name");
		d->online = json_get_bool(o, "online");
		d->is_this = json_get_bool(o, "this");
		d->seen_ms = get_time(o, "last_seen_at");
		d->behind = get_count(o, "behind");
	}
}

static struct model_log *add_log(struct model *m)
{
	if (m->log_count >= MODEL_LOG_MAX) { /* a quarter goes at once, so that moving the rest stays cheap */
		size_t gone = MODEL_LOG_MAX / 4;
		for (size_t i = 0; i < gone; i++) {
			free(m->log[i].item);
			free(m->log[i].text);
		}
		m->log_count -= gone;
		memmove(m->log, m->log + gone, m->log_count * sizeof *m->log);
	}
	MEM_ROOM(m->log, m->log_count, m->log_cap);
	struct model_log *l = &m->log[m->log_count++];
	*l = (struct model_log){ .number = ++m->log_numbers };
	return l;
}

static int by_time(const void *a, const void *b)
{
	const struct model_log *x = a, *y = b;
	if (x->at_ms != y->at_ms)
		return x->at_ms < y->at_ms ? -1 : 1;
	return (x->number > y->number) - (x->number < y->number);
}

static void take_log(struct model *m, const json_t *array)
{
	static const char *const levels[] = { "debug", "info", "warn", "error", "alert" };
	for (size_t i = 0; i < rows_of(array); i++) {
		const json_t *o = json_array_get(array, i);
		struct model_log *l = add_log(m);
		l->at_ms = get_time(o, "at");
		l->level = (enum log_level)get_choice(o, "level", levels, 5);
		TAKE_WORD(l->from, o, "from");
		take_text(&l->item, o, "item");
		take_text(&l->text, o, "text");
		if (!l->text)
			l->text = mem_text("");
	}
	if (m->log_mixed)
		mem_sort(m->log, m->log_count, sizeof *m->log, by_time);
	m->log_mixed = false;
}

void model_forget_log(struct model *m)
{
	size_t kept = 0;
	for (size_t i = 0; i < m->log_count; i++) {
		if (m->log[i].ours) {
			m->log[kept++] = m->log[i];
			continue;
		}
		free(m->log[i].item);
		free(m->log[i].text);
	}
	m->log_count = kept;
	m->log_mixed = kept > 0;
}

void model_note(struct model *m, int64_t now_ms, enum log_level level, const char *text)
{
	struct model_log *l = add_log(m);
	l->at_ms = now_ms;
	l->level = level;
	l->ours = true;
	strcpy(l->from, "you");
	l->text = mem_text(text);
}

void model_take(struct model *m, const json_t *report, int64_t now_ms)
{
	const json_t *part, *categories = json_object_get(report, "categories");
	if ((part = json_object_get(report, "status")))
		take_status(m, part, json_is_array(categories), now_ms);
	if (json_is_array(categories)) {
		take_categories(m, categories, true);
		take_categories(m, json_object_get(part, "categories"), false);
	}
	if (json_is_array(part = json_object_get(report, "queue"))) {
		take_queue(m, part, now_ms);
		m->queue_total = (int64_t)json_array_size(part);
	}
	if (json_object_get(report, "queue_total"))
		m->queue_total = get_count(report, "queue_total");
	if (json_is_array(part = json_object_get(report, "conflicts")))
		take_conflicts(m, part);
	if (json_is_array(part = json_object_get(report, "devices")))
		take_devices(m, part);
	if (json_is_array(part = json_object_get(report, "log")))
		take_log(m, part);
	if ((part = json_object_get(report, "traffic_rates"))) {
		m->rate_up = (double)get_count(part, "up") / 8; /* the engine counts bits */
		m->rate_down = (double)get_count(part, "down") / 8;
	}
	m->known = true;
}

const char *model_item_path(const char *item, char *category, size_t cap)
{
	size_t len = strcspn(item, "/");
	if (!item[len])
		len = 0;
	snprintf(category, cap, "%.*s", (int)(len < cap ? len : cap - 1), item);
	return item[strcspn(item, "/")] ? item + strcspn(item, "/") + 1 : item;
}

const struct model_conflict *model_find_conflict(const struct model *m, const char *id)
{
	for (size_t i = 0; i < m->conflict_count; i++)
		if (!strcmp(m->conflicts[i].id, id))
			return &m->conflicts[i];
	return NULL;
}

bool model_all_paused(const struct model *m)
{
	size_t paused = 0;
	for (size_t i = 0; i < m->category_count; i++)
		paused += !strcmp(m->categories[i].state, "paused");
	return m->paused || (m->category_count && paused == m->category_count);
}

/* The engine's state as JSON, as the commands show it. Keys are a contract: they are only ever added. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "engine/io/refuse.h"
#include "sys/clock.h"
#include "wire/message.h"

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "unversioned"
#endif

static json_t *text_of(const char *text)
{
	return text ? json_bytes(text, strlen(text)) : json_null();
}

static json_t *id_text(const struct id *id)
{
	char hex[ID_HEX];
	return json_string(id_hex(id, hex));
}

static json_t *time_of(int64_t wall_ms)
{
	char text[32];
	return wall_ms > 0 ? json_string(clock_iso(wall_ms, text)) : json_null();
}

static json_t *item_text(const char *category, const char *path)
{
	char *item = mem_printf("%s/%s", category, path);
	json_t *text = text_of(item);
	free(item);
	return text;
}

const char *report_device_name(struct engine *g, const struct id *device, char hex[ID_HEX])
{
	struct peer_view p;
	for (size_t i = 0; core_view_peer(g->core, i, &p); i++)
		if (id_equal(&p.row->device, device) && p.row->name[0])
			return p.row->name;
	struct id self = message_device_id(g->keyring.sign_public);
	if (id_equal(&self, device) || id_equal(&g->former, device))
		return g->config.device_name;
	id_hex(device, hex);
	hex[8] = 0;
	return hex;
}

/* ---- rates ---- */

void meter_note(struct meter *m, uint64_t now_ms, const struct websocket_traffic *t)
{
	uint64_t slot = now_ms / METER_SLOT_MS;
	if (!m->at) {
		m->sent = t->sent;
		m->received = t->received;
	}
	for (uint64_t s = slot - m->at > METER_SLOTS ? slot - METER_SLOTS : m->at; s < slot;)
		memset(m->slot[++s % METER_SLOTS], 0, sizeof m->slot[0]);
	m->at = slot;
	m->slot[slot % METER_SLOTS][0] += t->sent - m->sent;
	m->slot[slot % METER_SLOTS][1] += t->received - m->received;
	m->sent = t->sent;
	m->received = t->received;
}

static uint64_t recent(const struct meter *m, uint64_t now_ms, int way)
{
	uint64_t slot = now_ms / METER_SLOT_MS, sum = 0;
	for (uint64_t back = 0; back < METER_SLOTS; back++)
		if (m->at >= back && m->at - back + METER_SLOTS > slot)
			sum += m->slot[(m->at - back) % METER_SLOTS][way];
	return sum;
}

void meter_rates(const struct meter *m, uint64_t now_ms, double *up_bps, double *down_bps)
{
	const double seconds = METER_SLOTS * METER_SLOT_MS / 1000.0;
	*up_bps = (double)recent(m, now_ms, 0) * 8 / seconds;
	*down_bps = (double)recent(m, now_ms, 1) * 8 / seconds;
}

/* ---- status ---- */

static const char *state_name(enum link_state s)
{
	static const char *const names[] = { "disconnected", "connecting", "connected", "reconnecting", "error" };
	return names[s];
}

static json_t *quality(double rtt_ms)
{
	if (rtt_ms < 0)
		return json_null();
	return json_string(rtt_ms < 50 ? "excellent" : rtt_ms < 150 ? "good" : rtt_ms < 400 ? "fair" : "poor");
}

static json_t *real_or_null(double value)
{
	return value < 0 ? json_null() : json_real(value);
}

static json_t *int_or_null(int64_t value)
{
	return value < 0 ? json_null() : json_integer(value);
}

static json_t *connection(struct engine *g, const struct link_view *v, bool steady)
{
	char number[24];
	const char *url = engine_hub_url(g);
	snprintf(number, sizeof number, "%llu", (unsigned long long)v->connection_id);
	json_t *o = json_object();
	json_object_set_new(o, "state", json_string(state_name(v->state)));
	json_object_set_new(o, "hub", url[0] ? text_of(url) : json_null());
	json_object_set_new(o, "connection_id", v->state == LINK_CONNECTED ? json_string(number) : json_null());
	json_object_set_new(o, "error", v->error && v->error[0] ? text_of(v->error) : json_null());
	json_object_set_new(o, "attempt", json_integer(v->attempt));
	json_object_set_new(o, "retry_in_ms", steady ? json_boolean(v->retry_in_ms >= 0) : int_or_null(v->retry_in_ms));
	json_object_set_new(o, "last_heartbeat_ms", steady ? json_null() : int_or_null(v->last_heartbeat_ms));
	json_object_set_new(o, "rtt_ms", steady ? json_null() : real_or_null(v->rtt_ms));
	json_object_set_new(o, "quality", v->state == LINK_CONNECTED ? quality(v->rtt_ms) : json_null());
	json_object_set_new(o, "insecure", json_boolean(g->keyring.insecure && !strncmp(url, "ws://", 5)));
	json_object_set_new(o, "pinned", json_boolean(g->keyring.has_pin));
	json_object_set_new(o, "since",
	                    time_of(v->since_ms ? clock_wall_ms() - (int64_t)(clock_ms() - v->since_ms) : 0));
	if (steady) /* computed from two clocks: it trembles */
		json_object_set_new(o, "since", json_integer((json_int_t)v->since_ms));
	return o;
}

static json_t *bandwidth(struct engine *g, const struct link_view *v, const struct websocket_traffic *t, bool steady)
{
	double up, down;
	meter_rates(&g->meter, g->now_ms, &up, &down);
	if (steady)
		return json_null();
	return json_pack("{s:f, s:f, s:f, s:o, s:f, s:b, s:b}", "up_bps", up, "down_bps", down, "up_mbps_estimate",
	                 t->up_mbps, "rtt_ms", real_or_null(v->rtt_ms), "loss_percent", t->loss_percent, "metered", 0,
	                 "limited", 0);
}

static json_t *traffic(struct engine *g, const struct counts_view *n, const struct websocket_traffic *t, bool steady)
{
	double crossed = (double)t->sent + (double)t->received, plain = (double)n->bytes_plain;
	double saved = plain > 0 && crossed < plain ? 100.0 * (1.0 - crossed / plain) : 0.0;
	if (steady) /* heartbeats cross the socket too: they are no news */
		return json_integer((json_int_t)g->talk);
	return json_pack("{s:I, s:I, s:I, s:f}", "bytes_plain", (json_int_t)n->bytes_plain, "bytes_sent",
	                 (json_int_t)t->sent, "bytes_received", (json_int_t)t->received, "saved_percent", saved);
}

static json_t *category_rows(struct engine *g)
{
	json_t *rows = json_array();
	struct category_view v;
	for (size_t i = 0; core_view_category(g->core, i, &v); i++) {
		const struct config_category *c = config_find(&g->config, v.name);
		const char *polling = watcher_polling(g->watcher, v.name);
		json_array_append_new(rows, json_pack("{s:o, s:I, s:I, s:I, s:I, s:I, s:s, s:o, s:o, s:s, s:o, s:I, s:I}", "name",
						      text_of(v.name), "closed_folders",
						      (json_int_t)areas_closed(g, v.name), "items", (json_int_t)v.items, "left_out",
						      (json_int_t)v.left_out, "pending",
						      (json_int_t)v.pending, "conflicts", (json_int_t)v.conflicts,
						      "state", v.state, "last_change_at", time_of(v.last_change_ms),
						      "error", text_of(v.error), "watch",
						      polling ? "polling" : "events", "watch_reason", text_of(polling),
						      "interval_ms", (json_int_t)(c ? c->interval_ms : 0), "refused",
						      (json_int_t)refusals_count(g, v.name)));
	}
	return rows;
}

static json_t *errors(struct engine *g, const struct link_view *v)
{
	json_t *list = json_array();
	struct category_view c;
	if (v->state == LINK_ERROR && v->error)
		json_array_append_new(list, text_of(v->error));
	if (g->config_wrong.why[0]) {
		char *line = mem_printf("%s: %s: the old configuration stays", g->config_wrong.what, g->config_wrong.why);
		json_array_append_new(list, text_of(line));
		free(line);
	}
	for (size_t i = 0; core_view_category(g->core, i, &c); i++) {
		if (!c.error)
			continue;
		char *line = mem_printf("%s: %s", c.name, c.error);
		json_array_append_new(list, text_of(line));
		free(line);
	}
	return list;
}

json_t *report_status(struct engine *g, bool steady)
{
	struct link_view link;
	struct counts_view n;
	struct websocket_traffic t;
	struct id self = message_device_id(g->keyring.sign_public);
	core_view_link(g->core, &link);
	core_view_counts(g->core, &n);
	if (g->stumbled) {
		link.state = LINK_ERROR;
		link.error = g->stumble;
	}
	outside_traffic(g, &t);
	bool synced = !g->stumbled && n.quiet && link.state == LINK_CONNECTED && link.caught_up && engine_settled(g) &&
	              !areas_unread(g);
	json_t *o = json_object();
	json_object_set_new(o, "device",
	                    json_pack("{s:o, s:o}", "id", id_text(&self), "name", text_of(g->config.device_name)));
	json_object_set_new(o, "connection", connection(g, &link, steady));
	json_object_set_new(o, "bandwidth", bandwidth(g, &link, &t, steady));
	json_object_set_new(o, "traffic", traffic(g, &n, &t, steady));
	json_object_set_new(
	        o, "queue",
	        json_pack("{s:I, s:I}", "outgoing", (json_int_t)n.outgoing, "incoming", (json_int_t)n.incoming));
	json_object_set_new(o, "conflicts", json_integer((json_int_t)n.conflicts));
	json_object_set_new(o, "last_synced_at", time_of(n.last_synced_ms));
	json_object_set_new(o, "categories", category_rows(g));
	json_object_set_new(o, "joined", json_boolean(g->keyring.joined));
	json_object_set_new(o, "account", g->keyring.joined ? text_of(g->keyring.account) : json_null());
	json_object_set_new(o, "paused", json_boolean(n.paused));
	json_object_set_new(o, "synced", json_boolean(synced));
	json_object_set_new(o, "scanning", json_boolean(n.scanning > 0 || scan_active(g->scan, NULL)));
	json_object_set_new(o, "debouncing", json_integer((json_int_t)n.debouncing));
	json_object_set_new(o, "held", json_integer((json_int_t)n.held));
	json_object_set_new(o, "cursor", json_integer((json_int_t)n.cursor));
	json_object_set_new(o, "head", json_integer((json_int_t)n.head));
	json_object_set_new(o, "errors", errors(g, &link));
	json_object_set_new(o, "pid", json_integer(getpid()));
	json_object_set_new(o, "version", json_string(PACKAGE_VERSION));
	return o;
}

/* ---- lists ---- */

static json_t *queue_row(const struct queue_view *q, bool steady)
{
	static const char *const kinds[] = { "create", "update", "delete", "move", "rename" };
	static const char *const priorities[] = { "low", "normal", "high", "critical" };
	return json_pack("{s:o, s:s, s:s, s:s, s:s, s:o, s:I, s:I, s:I, s:s, s:s, s:I}", "item",
	                 item_text(q->category, q->path), "direction", q->incoming ? "incoming" : "outgoing", "kind",
	                 kinds[q->kind], "priority", priorities[q->priority], "state", q->state, "reason",
	                 text_of(q->reason), "retry_count", (json_int_t)q->retry_count, "size_plain",
	                 (json_int_t)q->size_plain, "size_wire", (json_int_t)q->size_wire, "delta", q->delta,
	                 "compression", q->compression, "age_ms", (json_int_t)(steady ? 0 : q->age_ms));
}

json_t *report_queue(struct engine *g, size_t cap, size_t *total, bool steady)
{
	json_t *list = json_array();
	*total = core_view_queue(g->core, NULL, 0);
	cap = cap < *total ? cap : *total;
	struct queue_view *rows = mem_alloc((cap + 1) * sizeof *rows);
	core_view_queue(g->core, rows, cap);
	for (size_t i = 0; i < cap; i++)
		json_array_append_new(list, queue_row(&rows[i], steady));
	free(rows);
	return list;
}

/* `device` NULL: nobody is known to have made it. */
static json_t *version_json(struct engine *g, const struct version_view *v, const struct id *device)
{
	char hex[ID_HEX];
	return json_pack("{s:o, s:o, s:o, s:I, s:b}", "version",
			 id_zero(&v->version) ? json_null() : id_text(&v->version), "device",
			 device ? text_of(report_device_name(g, device, hex)) : json_null(), "at", time_of(v->at_ms),
			 "size", (json_int_t)v->size, "deleted", (int)id_zero(&v->version));
}

/* Whoever made the other version: what this device gave back to the hub, by an undo, is not its own for that. */
static json_t *theirs_json(struct engine *g, const struct id *item, const struct version_view *v)
{
	struct version_view theirs = *v;
	struct id self = message_device_id(g->keyring.sign_public);
	struct history_row row;
	if (id_equal(&v->device, &self) && ledger_first(g->ledger, item, &v->version, &row)) {
		theirs.device = row.device;
		theirs.at_ms = row.at_ms;
		theirs.size = row.size;
	}
	return version_json(g, &theirs, &theirs.device);
}

/* Of the common original the core keeps no more than its id. */
static json_t *base_json(struct engine *g, const struct id *item, const struct version_view *v)
{
	struct version_view base = *v;
	struct history_row row;
	struct blob content;
	if (ledger_first(g->ledger, item, &v->version, &row)) {
		base.at_ms = row.at_ms;
		base.size = row.size;
		return version_json(g, &base, &row.device);
	}
	if (!versions_get(g->versions, &v->version, &content, &base.meta))
		return json_null();
	base.size = content.len;
	blob_finish(&content);
	return version_json(g, &base, NULL);
}

json_t *report_conflict(struct engine *g, const struct conflict_view *v)
{
	const struct item_row *row = core_find_item(g->core, v->category, v->path);
	struct id item = row ? row->item : v->id;
	return json_pack("{s:o, s:o, s:s, s:s, s:o, s:o, s:o, s:o, s:i, s:b, s:o}", "id", id_text(&v->id), "item",
			 item_text(v->category, v->path), "strategy", config_strategy_name(v->strategy), "kind",
			 v->kind, "detected_at", time_of(v->detected_ms), "mine",
			 version_json(g, &v->mine, &v->mine.device), "theirs", theirs_json(g, &item, &v->theirs),
			 "base", v->has_base ? base_json(g, &item, &v->base) : json_null(), "hunks", (int)v->hunks,
			 "merged_clean", (int)v->merged_clean, "unmerged",
			 v->unmerged ? json_string(v->unmerged) : json_null());
}

json_t *report_conflicts(struct engine *g)
{
	json_t *list = json_array();
	struct conflict_view v;
	for (size_t i = 0; core_view_conflict(g->core, i, &v); i++)
		json_array_append_new(list, report_conflict(g, &v));
	return list;
}

json_t *report_devices(struct engine *g, bool steady)
{
	json_t *list = json_array();
	struct peer_view p;
	bool self_listed = false;
	for (size_t i = 0; core_view_peer(g->core, i, &p); i++) {
		self_listed = self_listed || p.self;
		json_array_append_new(list, json_pack("{s:o, s:o, s:b, s:b, s:o, s:I, s:I, s:b}", "id",
		                                      id_text(&p.row->device), "name", text_of(p.row->name), "online",
		                                      (int)p.online, "this", (int)p.self, "last_seen_at",
		                                      steady && p.online ? json_null() : time_of(p.row->last_seen_ms),
		                                      "cursor", (json_int_t)p.row->cursor, "behind",
		                                      (json_int_t)p.behind, "revoked", (int)p.row->revoked));
	}
	if (!self_listed) {
		struct id self = message_device_id(g->keyring.sign_public);
		json_array_append_new(list, json_pack("{s:o, s:o, s:b, s:b, s:n, s:i, s:i, s:b}", "id", id_text(&self),
		                                      "name", text_of(g->config.device_name), "online", 0, "this", 1,
		                                      "last_seen_at", "cursor", 0, "behind", 0, "revoked", 0));
	}
	return list;
}

static json_t *lines_json(char *const *lines, size_t count)
{
	json_t *list = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, text_of(lines[i]));
	return list;
}

#define STORE_MS 30000 /* measuring reads a table */

json_t *report_store(struct engine *g)
{
	if (!g->stored_ms || g->stored_ms + STORE_MS < g->now_ms) {
		versions_measure(g->versions, &g->stored);
		g->stored_ms = g->now_ms;
	}
	return json_pack("{s:I, s:I, s:I, s:I}", "disk_bytes", (json_int_t)g->stored.disk_bytes, "versions",
	                 (json_int_t)g->stored.versions, "thinned", (json_int_t)g->stored.thinned, "thinned_bytes",
	                 (json_int_t)g->stored.thinned_bytes);
}

static json_t *strategies_json(const struct config_category *c)
{
	json_t *list = json_array();
	for (size_t i = 0; i < c->by_path_count; i++)
		json_array_append_new(list,
				      json_pack("{s:s, s:o}", "strategy", config_strategy_name(c->by_path[i].strategy),
						"pattern", text_of(c->by_path[i].pattern)));
	return list;
}

json_t *report_categories(struct engine *g)
{
	json_t *list = json_array();
	struct category_view v;
	for (size_t i = 0; core_view_category(g->core, i, &v); i++) {
		const struct config_category *c = config_find(&g->config, v.name);
		if (!c)
			continue;
		json_t *o = json_pack("{s:o, s:o, s:o, s:o, s:s, s:s, s:s}", "name", text_of(v.name), "path",
		                      text_of(c->path), "include", lines_json(c->include, c->include_count), "ignore",
		                      lines_json(c->ignore, c->ignore_count), "profile", c->profile->name, "strategy",
		                      config_strategy_name(c->strategy), "merge", config_merge_name(c->merge));
		struct buf keep = { 0 };
		retention_write(&c->keep, &keep);
		json_object_set_new(o, "keep", json_string(buf_text(&keep)));
		buf_finish(&keep);
		json_object_set_new(o, "strategy_for", strategies_json(c));
		json_object_set_new(o, "delta", json_string("binary"));
		json_object_set_new(o, "compression", json_string("zstd"));
		json_object_set_new(o, "interval_ms", json_integer(c->interval_ms));
		json_object_set_new(o, "debounce_ms", json_integer(c->debounce_ms));
		json_object_set_new(o, "min_change_bytes", json_integer(c->min_change_bytes));
		json_object_set_new(o, "max_changes_per_minute", json_integer(c->max_changes_per_minute));
		const char *polling = watcher_polling(g->watcher, v.name);
		json_object_set_new(o, "watch", json_string(polling ? "polling" : "events"));
		json_object_set_new(o, "watch_reason", text_of(polling));
		json_t *allow = json_array();
		for (unsigned kind = REFUSE_DATABASES; kind <= REFUSE_PRIVATE_KEYS; kind <<= 1)
			if (c->allow & kind)
				json_array_append_new(allow, json_string(refuse_word((enum refuse_kind)kind)));
		json_object_set_new(o, "allow", allow);
		json_object_set_new(o, "refused", json_integer((json_int_t)refusals_count(g, v.name)));
		json_object_set_new(o, "closed_folders", json_integer((json_int_t)areas_closed(g, v.name)));
		json_object_set_new(o, "left_out", json_integer((json_int_t)v.left_out));
		json_object_set_new(o, "items", json_integer((json_int_t)v.items));
		json_object_set_new(o, "bytes", json_integer((json_int_t)v.bytes));
		json_object_set_new(o, "pending", json_integer((json_int_t)v.pending));
		json_object_set_new(o, "conflicts", json_integer((json_int_t)v.conflicts));
		json_object_set_new(o, "state", json_string(v.state));
		json_object_set_new(o, "error", text_of(v.error));
		json_array_append_new(list, o);
	}
	return list;
}

/* The core's world: files, ledger, versions, link, scans, people; and what they have to report. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/engine.h"
#include "sys/clock.h"
#include "sys/entropy.h"
#include "wire/message.h"

/* ---- files ---- */

static enum look do_look(void *ctx, const struct file_ref *f, struct file_stat *stat)
{
	struct engine *g = ctx;
	if (!areas_wanted(g, f->category, f->path, false))
		return LOOK_UNWANTED;
	enum look look = files_look(g->files, f, stat);
	if (look == LOOK_FILE && refusals_known(g, f, stat))
		return LOOK_UNWANTED;
	if (look == LOOK_ABSENT)
		refusals_drop(g, f);
	return look;
}

static enum look do_take(void *ctx, const struct file_ref *f, struct file_stat *stat, struct blob *content)
{
	struct engine *g = ctx;
	return refusals_take(g, f, stat, content);
}

static void do_take_drop(void *ctx)
{
	struct engine *g = ctx;
	files_take_drop(g->files);
}

static enum place_result do_place(void *ctx, const struct place *p, struct file_stat *after)
{
	struct engine *g = ctx;
	if (!areas_wanted(g, p->file.category, p->file.path, false)) {
		files_large_drop(g->files); /* by rules that are new since a part of it was placed */
		return PLACE_UNWANTED;
	}
	g->files_tidy_ms = 0;
	return files_place(g->files, p, after);
}

static void do_place_drop(void *ctx)
{
	struct engine *g = ctx;
	files_large_drop(g->files);
}

static void do_stage(void *ctx, const struct place *p)
{
	struct engine *g = ctx;
	files_stage(g->files, p);
}

static void do_stage_sync(void *ctx)
{
	struct engine *g = ctx;
	files_stage_sync(g->files);
}

static struct id hook_version_of(void *ctx, uint8_t meta, struct span content)
{
	struct engine *g = ctx;
	return core_version_of(g->core, meta, content);
}

static struct hash_run *hook_version_start(void *ctx, uint8_t meta, uint64_t len)
{
	struct engine *g = ctx;
	return core_version_start(g->core, meta, len);
}

static bool hook_known(void *ctx, const struct id *version)
{
	struct engine *g = ctx;
	return versions_has_durable(g->versions, version);
}

/* ---- versions and ledger: a refused write fails the turn as a whole ---- */

static bool written(struct engine *g, bool ok)
{
	if (!ok)
		g->turn_failed = true;
	return ok;
}

static bool do_version_put(void *ctx, const struct id *version, uint8_t meta, struct span content)
{
	struct engine *g = ctx;
	if (g->versions_tidy_ms == UINT64_MAX)
		g->versions_tidy_ms = g->now_ms;
	return written(g, versions_put(g->versions, version, meta, content));
}

static bool do_version_get(void *ctx, const struct id *version, struct blob *content, uint8_t *meta)
{
	struct engine *g = ctx;
	return versions_get(g->versions, version, content, meta);
}

static void do_version_stage(void *ctx, const struct id *version, struct span so_far)
{
	struct engine *g = ctx;
	versions_stage(g->versions, version, so_far);
}

static enum got do_version_read(void *ctx, const struct id *version, struct blob *content, uint8_t *meta)
{
	struct engine *g = ctx;
	return versions_read(g->versions, version, content, meta);
}

static int do_strategy_of(void *ctx, const struct file_ref *f)
{
	struct engine *g = ctx;
	const struct config_category *c = config_find(&g->config, f->category);
	return c ? (int)config_strategy_of(c, f->path) : STRATEGY_ASK; /* it left the configuration just now */
}

static bool do_version_has(void *ctx, const struct id *version)
{
	struct engine *g = ctx;
	return versions_has(g->versions, version);
}

static bool do_save_item(void *ctx, const struct item_row *row)
{
	struct engine *g = ctx;
	thinning_needs_item(g->thinning, row);
	return written(g, ledger_save_item(g->ledger, row));
}

static bool do_drop_item(void *ctx, const struct id *item)
{
	struct engine *g = ctx;
	return written(g, ledger_drop_item(g->ledger, item));
}

static bool do_save_outbox(void *ctx, const struct outbox_row *row)
{
	struct engine *g = ctx;
	return written(g, ledger_save_outbox(g->ledger, row));
}

static void do_outbox_stage(void *ctx, struct span so_far)
{
	struct engine *g = ctx;
	ledger_stage_outbox(g->ledger, so_far);
}

static bool do_drop_outbox(void *ctx, uint64_t counter)
{
	struct engine *g = ctx;
	return written(g, ledger_drop_outbox(g->ledger, counter));
}

/* The bytes that crossed the sockets are counted out here; they last with whatever commit comes next. */
static bool do_save_state(void *ctx, const struct state_row *row)
{
	struct engine *g = ctx;
	struct websocket_traffic t;
	struct state_row whole = *row;
	outside_traffic(g, &t);
	whole.bytes_sent = t.sent;
	whole.bytes_received = t.received;
	return written(g, ledger_save_state(g->ledger, &whole));
}

static bool do_save_peer(void *ctx, const struct peer_row *row)
{
	struct engine *g = ctx;
	return written(g, ledger_save_peer(g->ledger, row));
}

static bool do_save_category(void *ctx, const struct category_row *row)
{
	struct engine *g = ctx;
	return written(g, state_save_category(g, row));
}

static bool do_add_history(void *ctx, const struct history_row *row)
{
	struct engine *g = ctx;
	return written(g, ledger_add_history(g->ledger, row));
}

bool outside_commit(struct engine *g)
{
	struct err e = { 0 };
	if (!ledger_dirty(g->ledger) && !g->turn_failed)
		return true;
	if (!g->turn_failed && files_sync_names(g->files) && ledger_commit(g->ledger, &e))
		return true;
	g->turn_failed = true;
	ledger_rollback(g->ledger);
	snprintf(g->stumble, sizeof g->stumble, "%s", e.why[0] ? e.why : "the disk refused to write (is it full?)");
	return false;
}

static bool do_save_settlement(void *ctx, const struct settlement_row *row)
{
	struct engine *g = ctx;
	thinning_needs_settlement(g->thinning, row);
	return written(g, ledger_save_settlement(g->ledger, row));
}

static bool do_came_back(void *ctx, const struct id *item, const struct id *version, const struct id *agreed)
{
	struct engine *g = ctx;
	return ledger_came_back(g->ledger, item, version, agreed);
}

/* Bytes of a person that came out of a race or a crash: stored, said, and looked at again. */
static void hook_found(void *ctx, const struct files_found *f)
{
	struct engine *g = ctx;
	struct history_row row = {
		.item = f->item,
		.version = f->version,
		.device = message_device_id(g->keyring.sign_public),
		.at_ms = clock_wall_ms(),
		.size = f->content.len,
		.kind = KIND_UPDATE,
		.how = HOW_EDIT,
		.meta = f->meta,
	};
	if (!do_version_put(g, &f->version, f->meta, f->content))
		return;
	do_add_history(g, &row);
	char hex[ID_HEX];
	id_hex(&f->version, hex);
	hex[10] = 0;
	if (f->path) {
		char *item = mem_printf("%s/%s", f->category, f->path);
		engine_notice(g, NOTICE_WARN, "files", item,
		              "an edit made while the file was being replaced is kept as version %s", hex);
		free(item);
		engine_gather(g, &(struct event){ .type = EVENT_HINT,
		                                  .category = f->category,
		                                  .path = f->path,
		                                  .hint = HINT_WRITTEN });
	} else {
		engine_notice(g, NOTICE_WARN, "files", NULL,
		              "bytes left over from a crash in %s/%s are kept as version %s", f->category, f->folder,
		              hex);
	}
}

/* ---- link: nothing leaves before the turn is durable ---- */

static void act(struct engine *g, enum act_kind kind, struct span frame)
{
	MEM_ROOM(g->acts, g->act_count, g->act_cap);
	g->acts[g->act_count++] =
	        (struct act){ kind, frame.len ? blob_copy(frame.data, frame.len) : (struct blob){ 0 } };
	g->act_bytes += frame.len;
}

static void do_dial(void *ctx)
{
	struct engine *g = ctx;
	g->link++;
	act(g, ACT_DIAL, (struct span){ 0 });
}

static void do_hang_up(void *ctx)
{
	struct engine *g = ctx;
	g->link++; /* what the old connection still said is void from here on */
	g->link_live = false;
	act(g, ACT_HANG_UP, (struct span){ 0 });
}

static bool mere_heartbeat(bool text, struct span frame)
{
	struct reader r = reader_of(frame);
	struct record record;
	int more;
	if (text)
		return false;
	while ((more = wire_next(&r, &record)) == 1)
		if (record.type != RECORD_PING && record.type != RECORD_PONG && record.type != RECORD_PRESENCE)
			return false;
	return more == 0;
}

static void do_send(void *ctx, bool text, struct span frame)
{
	struct engine *g = ctx;
	g->talk += !mere_heartbeat(text, frame);
	act(g, text ? ACT_TEXT : ACT_BINARY, frame);
}

static size_t do_backlog(void *ctx)
{
	struct engine *g = ctx;
	return g->act_bytes + (g->socket ? websocket_backlog(g->socket) : 0);
}

static void acts_clear(struct engine *g)
{
	for (size_t i = 0; i < g->act_count; i++)
		blob_finish(&g->acts[i].frame);
	g->act_count = g->act_bytes = 0;
}

static void link_closed(void *ctx, const char *why, bool fatal);

void outside_release(struct engine *g)
{
	for (size_t i = 0; i < g->act_count; i++) {
		const struct act *a = &g->acts[i];
		if (!g->socket && !outside_connect(g)) {
			if (a->kind == ACT_DIAL)
				link_closed(g, "no hub is configured: join one with 'syncline join'", true);
		} else if (a->kind == ACT_DIAL) {
			websocket_dial(g->socket);
		} else if (a->kind == ACT_HANG_UP) {
			websocket_hang_up(g->socket);
		} else {
			websocket_send(g->socket, a->kind == ACT_TEXT, span_blob(&a->frame));
		}
	}
	acts_clear(g);
}

void outside_drop(struct engine *g)
{
	acts_clear(g);
	g->link++;
	g->link_live = false;
	if (g->socket)
		websocket_hang_up(g->socket);
}

static void link_opened(void *ctx)
{
	struct engine *g = ctx;
	g->link_live = true;
	engine_gather(g, &(struct event){ .type = EVENT_LINK_OPEN });
}

static void link_closed(void *ctx, const char *why, bool fatal)
{
	struct engine *g = ctx;
	g->link_live = false;
	engine_gather(g, &(struct event){ .type = EVENT_LINK_CLOSED, .text = why, .fatal = fatal });
}

static void link_frame(void *ctx, bool text, struct span bytes)
{
	struct engine *g = ctx;
	g->talk += !mere_heartbeat(text, bytes);
	engine_gather(g, &(struct event){ .type = text ? EVENT_TEXT : EVENT_BINARY, .bytes = bytes });
}

static void link_drained(void *ctx)
{
	engine_gather(ctx, &(struct event){ .type = EVENT_WRITABLE });
}

bool outside_connect(struct engine *g)
{
	struct websocket_setup s = { .insecure = g->keyring.insecure, .pinned = g->keyring.has_pin };
	const struct websocket_handler h = { g, link_opened, link_closed, link_frame, link_drained };
	struct err e = { 0 };
	if (!g->keyring.joined)
		return false;
	if (!huburl_parse(&s.url, engine_hub_url(g), &e)) {
		engine_notice(g, NOTICE_ERROR, "link", NULL, "%s: %s", e.what, e.why);
		return false;
	}
	memcpy(s.pin, g->keyring.pin, sizeof s.pin);
	g->socket = websocket_create(g->loop, &s, &h);
	return true;
}

void outside_disconnect(struct engine *g)
{
	struct websocket_traffic t;
	outside_drop(g);
	outside_traffic(g, &t);
	g->sent_before = t.sent;
	g->received_before = t.received;
	websocket_destroy(g->socket);
	g->socket = NULL;
}

void outside_traffic(struct engine *g, struct websocket_traffic *t)
{
	*t = (struct websocket_traffic){ 0 };
	if (g->socket)
		websocket_traffic(g->socket, t);
	t->sent += g->sent_before;
	t->received += g->received_before;
}

/* ---- people, chance, the table ---- */

static void do_notice(void *ctx, enum notice_level level, const char *from, const char *item, const char *text)
{
	engine_notice(ctx, level, from, item, "%s", text);
}

static void do_entropy(void *ctx, void *out, size_t len)
{
	(void)ctx;
	entropy_fill(out, len);
}

void outside_forget(struct engine *g)
{
	static const struct id none;
	const struct span nothing = { 0 };
	if (g->files)
		files_take_drop(g->files);
	if (!g->versions)
		return;
	versions_stage(g->versions, NULL, nothing);
	versions_stage(g->versions, &none, nothing);
}

void outside_open(struct engine *g)
{
	const struct files_hooks files = { g, hook_version_of, hook_known, hook_found, hook_version_start };
	g->files = files_create(&files);
	areas_open(g);
}

void outside_close(struct engine *g)
{
	outside_disconnect(g);
	areas_close(g);
	files_destroy(g->files);
	free(g->acts);
}

struct world outside_world(struct engine *g)
{
	return (struct world){
		.ctx = g,
		.look = do_look,
		.take = do_take,
		.take_drop = do_take_drop,
		.place = do_place,
		.place_drop = do_place_drop,
		.stage = do_stage,
		.stage_sync = do_stage_sync,
		.version_put = do_version_put,
		.version_get = do_version_get,
		.version_read = do_version_read,
		.version_stage = do_version_stage,
		.version_has = do_version_has,
		.save_item = do_save_item,
		.drop_item = do_drop_item,
		.save_outbox = do_save_outbox,
		.outbox_stage = do_outbox_stage,
		.drop_outbox = do_drop_outbox,
		.save_state = do_save_state,
		.save_peer = do_save_peer,
		.save_category = do_save_category,
		.add_history = do_add_history,
		.save_settlement = do_save_settlement,
		.came_back = do_came_back,
		.strategy_of = do_strategy_of,
		.dial = do_dial,
		.hang_up = do_hang_up,
		.send = do_send,
		.backlog = do_backlog,
		.scan = areas_scan,
		.notice = do_notice,
		.entropy = do_entropy,
	};
}

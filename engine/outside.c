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

static bool hook_wanted(void *ctx, const char *category, const char *path, bool folder)
{
	struct engine *g = ctx;
	const struct config_category *c = config_find(&g->config, category);
	return c && config_wanted(c, path, folder);
}

static enum look do_look(void *ctx, const struct file_ref *f, struct file_stat *stat)
{
	struct engine *g = ctx;
	if (!hook_wanted(g, f->category, f->path, false))
		return LOOK_UNWANTED;
	return files_look(g->files, f, stat);
}

static enum look do_take(void *ctx, const struct file_ref *f, struct file_stat *stat, struct blob *content)
{
	struct engine *g = ctx;
	return files_take(g->files, f, stat, content);
}

static enum place_result do_place(void *ctx, const struct place *p, struct file_stat *after)
{
	struct engine *g = ctx;
	if (!hook_wanted(g, p->file.category, p->file.path, false))
		return PLACE_UNWANTED;
	g->files_tidy_ms = 0;
	return files_place(g->files, p, after);
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
	g->versions_tidy_ms = 0;
	return written(g, versions_put(g->versions, version, meta, content));
}

static bool do_version_get(void *ctx, const struct id *version, struct blob *content, uint8_t *meta)
{
	struct engine *g = ctx;
	return versions_get(g->versions, version, content, meta);
}

static bool do_version_has(void *ctx, const struct id *version)
{
	struct engine *g = ctx;
	return versions_has(g->versions, version);
}

static bool do_save_item(void *ctx, const struct item_row *row)
{
	struct engine *g = ctx;
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

static bool do_commit(void *ctx)
{
	return outside_commit(ctx);
}

/* Bytes of a person that came out of a race or a crash: stored, said, and looked at again. */
static void hook_found(void *ctx, const struct files_found *f)
{
	struct engine *g = ctx;
	struct history_row row = {
		.item = f->item, .version = f->version, .device = message_device_id(g->keyring.sign_public),
		.at_ms = clock_wall_ms(), .size = f->content.len, .kind = KIND_UPDATE, .how = HOW_EDIT, .meta = f->meta,
	};
	if (!do_version_put(g, &f->version, f->meta, f->content))
		return;
	do_add_history(g, &row);
	char hex[ID_HEX];
	id_hex(&f->version, hex);
	hex[10] = 0;
	if (f->path) {
		char *item = mem_printf("%s/%s", f->category, f->path);
		engine_notice(g, NOTICE_WARN, "files", item, "an edit made while the file was being replaced is kept as version %s", hex);
		free(item);
		engine_gather(g, &(struct event){ .type = EVENT_HINT, .category = f->category, .path = f->path, .hint = HINT_WRITTEN });
	} else {
		engine_notice(g, NOTICE_WARN, "files", NULL, "bytes left over from a crash in %s/%s are kept as version %s", f->category,
			      f->folder, hex);
	}
}

/* ---- link: nothing leaves before the turn is durable ---- */

static void act(struct engine *g, enum act_kind kind, struct span frame)
{
	MEM_ROOM(g->acts, g->act_count, g->act_cap);
	g->acts[g->act_count++] = (struct act){ kind, frame.len ? blob_copy(frame.data, frame.len) : (struct blob){ 0 } };
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

/* ---- scans: one at a time for a category; whoever asks while it runs makes it begin again, so that every answer is
 * about a scan that began after its question ---- */

struct area *outside_area(struct engine *g, const char *category)
{
	for (size_t i = 0; i < g->area_count; i++)
		if (!strcmp(g->areas[i].name, category))
			return &g->areas[i];
	return NULL;
}

static bool covers(const char *outer, const char *inner)
{
	size_t len = strlen(outer);
	return !len || (!strncmp(outer, inner, len) && (!inner[len] || inner[len] == '/'));
}

/* Changes `have` (new memory or NULL) to cover both. */
static void widen(char **have, const char *under)
{
	if (*have && covers(*have, under))
		return;
	const char *whole = *have && !covers(under, *have) ? "" : under;
	char *wider = mem_text(whole);
	free(*have);
	*have = wider;
}

static void do_scan(void *ctx, const char *category, const char *under)
{
	struct engine *g = ctx;
	struct area *a = outside_area(g, category);
	if (!a)
		return;
	MEM_ROOM(a->asked, a->asked_count, a->asked_cap);
	a->asked[a->asked_count++] = mem_text(under);
	if (a->running)
		scan_drop(g->scan, category);
	widen(&a->running, under);
	if (a->rescan && covers(a->running, a->rescan)) {
		free(a->rescan);
		a->rescan = NULL;
	}
	scan_add(g->scan, category, a->running);
}

static void hook_rescan(void *ctx, const char *category, const char *under)
{
	struct area *a = outside_area(ctx, category);
	if (a)
		widen(&a->rescan, under);
}

void outside_start_rescans(struct engine *g)
{
	for (size_t i = 0; i < g->area_count; i++) {
		struct area *a = &g->areas[i];
		if (!a->rescan || a->running)
			continue;
		engine_gather(g, &(struct event){ .type = EVENT_RESCAN, .category = a->name, .path = a->rescan });
		free(a->rescan);
		a->rescan = NULL;
	}
}

static void area_answered(struct area *a)
{
	for (size_t i = 0; i < a->asked_count; i++)
		free(a->asked[i]);
	a->asked_count = 0;
	free(a->running);
	a->running = NULL;
}

static void hook_scanned(void *ctx, const char *category, const char *under, bool complete)
{
	struct engine *g = ctx;
	struct area *a = outside_area(g, category);
	(void)under;
	for (size_t i = 0; a && i < a->asked_count; i++)
		engine_gather(g, &(struct event){ .type = EVENT_SCANNED, .category = category, .path = a->asked[i], .complete = complete });
	if (a)
		area_answered(a);
}

static void hook_seen(void *ctx, const char *category, const char *path, enum look look, const struct file_stat *stat)
{
	struct event e = { .type = EVENT_SEEN, .category = category, .path = path, .look = look };
	if (stat)
		e.stat = *stat;
	engine_gather(ctx, &e);
}

static void hook_enter(void *ctx, const char *category, const char *folder, int folder_fd)
{
	struct engine *g = ctx;
	watcher_enter(g->watcher, category, folder, folder_fd);
}

void outside_reset_scans(struct engine *g)
{
	for (size_t i = 0; i < g->area_count; i++) {
		scan_drop(g->scan, g->areas[i].name);
		area_answered(&g->areas[i]);
	}
}

/* ---- the watcher ---- */

static void hook_hint(void *ctx, const char *category, const char *path, enum hint hint)
{
	engine_gather(ctx, &(struct event){ .type = EVENT_HINT, .category = category, .path = path, .hint = hint });
}

/* The pin is kept beside the path it belongs to: another path is another root. */
static char *pin_name(const char *category)
{
	return mem_printf("root %s", category);
}

static void keep_pin(struct engine *g, const struct config_category *c)
{
	char pin[64];
	if (!files_root_pin(g->files, c->name, pin))
		return;
	char *name = pin_name(c->name), *value = mem_printf("%s %s", pin, c->path), *had = ledger_get(g->ledger, name);
	if (!had || strcmp(had, value))
		written(g, ledger_set(g->ledger, name, value));
	free(had);
	free(value);
	free(name);
}

static void hook_root(void *ctx, const char *category, bool there, const char *why)
{
	struct engine *g = ctx;
	const struct config_category *c = config_find(&g->config, category);
	if (c && there)
		keep_pin(g, c);
	engine_gather(g, &(struct event){ .type = EVENT_ROOT, .category = category, .ok = there, .text = why });
}

static void hook_polling(void *ctx, const char *category, const char *why)
{
	struct engine *g = ctx;
	struct area *a = outside_area(g, category);
	const struct config_category *c = config_find(&g->config, category);
	if (!a || !c)
		return;
	a->polling = why != NULL;
	a->poll_ms = g->now_ms + c->profile->interval_ms;
	if (why)
		engine_notice(g, NOTICE_WARN, "watch", NULL, "%s is looked at every %u s instead of watched: %s", category,
			      c->profile->interval_ms / 1000, why);
	else
		engine_notice(g, NOTICE_INFO, "watch", NULL, "%s is watched again", category);
}

uint64_t outside_poll_deadline(const struct engine *g)
{
	uint64_t due = UINT64_MAX;
	for (size_t i = 0; i < g->area_count; i++)
		if (g->areas[i].polling && g->areas[i].poll_ms < due)
			due = g->areas[i].poll_ms;
	return due;
}

void outside_look_at_all(struct engine *g)
{
	for (size_t i = 0; i < g->area_count; i++)
		widen(&g->areas[i].rescan, "");
}

void outside_poll(struct engine *g, bool now)
{
	for (size_t i = 0; i < g->area_count; i++) {
		struct area *a = &g->areas[i];
		const struct config_category *c = config_find(&g->config, a->name);
		if (!a->polling || !c || (!now && a->poll_ms > g->now_ms))
			continue;
		a->poll_ms = g->now_ms + c->profile->interval_ms;
		widen(&a->rescan, "");
	}
}

bool outside_open(struct engine *g, struct err *e)
{
	const struct files_hooks files = { g, hook_version_of, hook_known, hook_found };
	g->files = files_create(&files);
	const struct watcher_hooks watcher = { g, hook_hint, hook_rescan, hook_root, hook_polling, hook_wanted };
	g->watcher = watcher_create(g->files, &watcher, e);
	if (!g->watcher)
		return false;
	const struct scan_hooks scan = {
		.ctx = g, .seen = hook_seen, .done = hook_scanned, .enter = hook_enter, .wanted = hook_wanted,
	};
	g->scan = scan_create(g->files, &scan);
	return true;
}

void outside_close(struct engine *g)
{
	outside_disconnect(g);
	scan_destroy(g->scan);
	watcher_destroy(g->watcher);
	files_destroy(g->files);
	free(g->acts);
	for (size_t i = 0; i < g->area_count; i++) {
		area_answered(&g->areas[i]);
		free(g->areas[i].asked);
		free(g->areas[i].rescan);
	}
	free(g->areas);
}

/* ---- configuration ---- */

static bool same_lines(char *const *a, size_t a_count, char *const *b, size_t b_count)
{
	if (a_count != b_count)
		return false;
	for (size_t i = 0; i < a_count; i++)
		if (strcmp(a[i], b[i]))
			return false;
	return true;
}

static bool same_place(const struct config_category *a, const struct config_category *b)
{
	return !strcmp(a->path, b->path) && same_lines(a->include, a->include_count, b->include, b->include_count) &&
	       same_lines(a->ignore, a->ignore_count, b->ignore, b->ignore_count);
}

static void area_drop(struct engine *g, const char *category)
{
	struct area *a = outside_area(g, category);
	scan_drop(g->scan, category);
	watcher_remove(g->watcher, category);
	files_remove_root(g->files, category);
	if (!a)
		return;
	/* The core waits for no scan of a category that left; what it asked before is answered as incomplete. */
	hook_scanned(g, category, "", false);
	free(a->asked);
	free(a->rescan);
	*a = g->areas[--g->area_count];
}

static void area_add(struct engine *g, const struct config_category *c)
{
	struct err e = { 0 };
	char *name = pin_name(c->name), *had = ledger_get(g->ledger, name);
	char *path = had ? strchr(had, ' ') : NULL;
	bool pinned = path && !strcmp(path + 1, c->path);
	if (pinned)
		*path = 0;
	MEM_ROOM(g->areas, g->area_count, g->area_cap);
	struct area *a = &g->areas[g->area_count++];
	*a = (struct area){ 0 };
	snprintf(a->name, sizeof a->name, "%s", c->name);
	if (files_add_root(g->files, c->name, c->path, pinned ? had : NULL, &e)) {
		keep_pin(g, c);
		watcher_add(g->watcher, c->name);
	} else {
		engine_gather(g, &(struct event){ .type = EVENT_ROOT, .category = c->name, .ok = false, .text = e.why });
	}
	free(had);
	free(name);
}

static void forget_pin(struct engine *g, const char *category)
{
	char *name = pin_name(category);
	written(g, ledger_set(g->ledger, name, NULL));
	free(name);
}

void outside_configure(struct engine *g, const struct config *before)
{
	for (size_t i = 0; before && i < before->category_count; i++) {
		const struct config_category *old = &before->categories[i], *now = config_find(&g->config, old->name);
		if (!now || !same_place(old, now))
			area_drop(g, old->name);
		if (!now)
			forget_pin(g, old->name);
	}
	for (size_t i = 0; i < g->config.category_count; i++)
		if (!outside_area(g, g->config.categories[i].name))
			area_add(g, &g->config.categories[i]);
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

struct world outside_world(struct engine *g)
{
	return (struct world){
		.ctx = g,
		.look = do_look, .take = do_take, .place = do_place, .stage = do_stage, .stage_sync = do_stage_sync,
		.version_put = do_version_put, .version_get = do_version_get, .version_has = do_version_has,
		.save_item = do_save_item, .drop_item = do_drop_item,
		.save_outbox = do_save_outbox, .drop_outbox = do_drop_outbox,
		.save_state = do_save_state, .save_peer = do_save_peer, .add_history = do_add_history,
		.dial = do_dial, .hang_up = do_hang_up, .send = do_send, .backlog = do_backlog,
		.scan = do_scan, .notice = do_notice, .entropy = do_entropy, .commit = do_commit,
	};
}

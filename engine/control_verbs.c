/* What consoles and commands can ask. One function a verb, one row of the table at the end each. */
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/mem.h"
#include "base/relpath.h"
#include "engine/control_server.h"
#include "engine/enroll.h"
#include "sys/clock.h"
#include "sys/entropy.h"
#include "wire/message.h"

#define QUEUE_ROWS_MAX 100000
#define HISTORY_ROWS 1000
#define HISTORY_ITEM_ROWS 10000
#define WAIT_SHARE 10           /* a waiter uses at most one part in so many of the engine's time */
#define EXPIRES_MIN_MS 1000
#define EXPIRES_MAX_MS (30 * 86400000LL)

struct item_name {
	char category[CATEGORY_MAX + 1];
	char path[RELPATH_MAX + 1];
	char item[CATEGORY_MAX + RELPATH_MAX + 2]; /* as it was asked for */
};

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Names that are not UTF-8 travel with \xHH for each odd byte (base/json.h). Turns that back. */
static void unescape(char *text)
{
	char *to = text;
	for (const char *at = text; *at;) {
		int high, low;
		if (at[0] == '\\' && at[1] == 'x' && (high = hex_digit(at[2])) >= 8 && (low = hex_digit(at[3])) >= 0) {
			*to++ = (char)(high << 4 | low);
			at += 4;
		} else {
			*to++ = *at++;
		}
	}
	*to = 0;
}

/* The request's item. False: it was answered. */
static bool item_of(const struct question *q, struct item_name *n)
{
	const char *item = json_get_text(q->request, "item"), *path;
	if (!item || strlen(item) >= sizeof n->item || !relpath_split_item(item, n->category, &path) || strlen(path) > RELPATH_MAX) {
		control_fail_with(q, CONTROL_USAGE, "item", "name it CATEGORY/RELATIVE/PATH", item ? "that names no item" : "none was named");
		return false;
	}
	snprintf(n->item, sizeof n->item, "%s", item);
	snprintf(n->path, sizeof n->path, "%s", path);
	if (core_find_item(q->engine->core, n->category, n->path) || !strstr(n->path, "\\x"))
		return true;
	char *raw = mem_text(n->path);
	unescape(raw);
	if (!relpath_bad(raw, strlen(raw)) && core_find_item(q->engine->core, n->category, raw))
		snprintf(n->path, sizeof n->path, "%s", raw);
	free(raw);
	return true;
}

static bool known_item(const struct question *q, struct item_name *n, const struct item_row **row)
{
	if (!item_of(q, n))
		return false;
	*row = core_find_item(q->engine->core, n->category, n->path);
	if (!*row)
		control_fail_with(q, CONTROL_FAILED, n->item, "'syncline history' lists the items", "no such item");
	return *row != NULL;
}

static void done(const struct question *q)
{
	control_answer(q, json_object());
}

/* ---- looking ---- */

static void verb_status(const struct question *q)
{
	control_answer(q, report_status(q->engine, false));
}

static void verb_queue(const struct question *q)
{
	size_t total;
	control_answer(q, report_queue(q->engine, QUEUE_ROWS_MAX, &total, false));
}

static void verb_conflicts(const struct question *q)
{
	control_answer(q, report_conflicts(q->engine));
}

static void verb_devices(const struct question *q)
{
	control_answer(q, report_devices(q->engine, false));
}

static void verb_categories(const struct question *q)
{
	control_answer(q, report_categories(q->engine));
}

static void verb_log(const struct question *q)
{
	const struct journal *j = &q->engine->journal;
	int64_t lines = json_get_int(q->request, "lines", 50);
	uint64_t first = journal_first(j), kept = j->count - first;
	uint64_t wanted = lines < 0 || (uint64_t)lines > kept ? kept : (uint64_t)lines;
	json_t *list = json_array();
	for (uint64_t n = j->count - wanted; n < j->count; n++)
		json_array_append_new(list, journal_json(j, n));
	control_answer(q, list);
	if (json_get_bool(q->request, "follow"))
		control_follow(q, j->count);
}

struct history {
	struct engine *engine;
	json_t *rows;
	bool named; /* each row says which item it is of */
};

static void history_row(void *ctx, const struct history_row *row, const char *category, const char *path)
{
	static const char *const kinds[] = { "create", "update", "delete", "move", "rename" };
	static const char *const hows[] = { "edit", "remote", "merge", "settle", "restore", "undo" };
	struct history *h = ctx;
	char hex[ID_HEX], name[ID_HEX], at[32];
	const char *device = report_device_name(h->engine, &row->device, name);
	json_t *o = json_object();
	json_object_set_new(o, "version", id_zero(&row->version) ? json_null() : json_string(id_hex(&row->version, hex)));
	json_object_set_new(o, "at", json_string(clock_iso(row->at_ms, at)));
	json_object_set_new(o, "device", json_bytes(device, strlen(device)));
	json_object_set_new(o, "kind", json_string(row->kind < 5 ? kinds[row->kind] : "update"));
	json_object_set_new(o, "size", json_integer((json_int_t)row->size));
	json_object_set_new(o, "how", json_string(row->how < 6 ? hows[row->how] : "edit"));
	json_object_set_new(o, "seq", row->seq ? json_integer((json_int_t)row->seq) : json_null());
	if (h->named && *category) {
		char *item = mem_printf("%s/%s", category, path);
		json_object_set_new(o, "item", json_bytes(item, strlen(item)));
		free(item);
	} else if (h->named) {
		json_object_set_new(o, "item", json_null());
	}
	json_array_append_new(h->rows, o);
}

static void verb_history(const struct question *q)
{
	struct item_name n;
	const struct item_row *row = NULL;
	struct err e = { 0 };
	if (json_object_get(q->request, "item") && !known_item(q, &n, &row))
		return;
	struct history h = { q->engine, json_array(), !row };
	if (ledger_history(q->engine->ledger, row ? &row->item : NULL, row ? HISTORY_ITEM_ROWS : HISTORY_ROWS, history_row, &h, &e)) {
		control_answer(q, h.rows);
		return;
	}
	json_decref(h.rows);
	control_fail(q, CONTROL_FAILED, &e);
}

/* ---- versions ---- */

struct version_search {
	const char *prefix;
	struct id found[2];   /* the newest, and another one that fits too */
	size_t count;
	bool newest;          /* no prefix: the first that is there */
};

static void consider(struct version_search *s, const struct id *version)
{
	if (id_zero(version) || (s->newest ? s->count > 0 : !id_has_prefix(version, s->prefix)))
		return;
	if (s->count && id_equal(version, &s->found[0]))
		return;
	if (s->count < 2)
		s->found[s->count] = *version;
	s->count++;
}

static void consider_row(void *ctx, const struct history_row *row, const char *category, const char *path)
{
	(void)category, (void)path;
	consider(ctx, &row->version);
}

/* The one version of an item that a prefix of its hex id names (or, without one, the newest). False: it was answered. */
static bool version_of_item(const struct question *q, const struct item_name *n, const struct item_row *row, struct id *out)
{
	const char *prefix = json_get_text(q->request, "version");
	struct version_search s = { .prefix = prefix ? prefix : "", .newest = !prefix };
	struct conflict_view v;
	struct err e = { 0 };
	consider(&s, &row->local);
	consider(&s, &row->head_version);
	consider(&s, &row->agreed);
	for (size_t i = 0; core_view_conflict(q->engine->core, i, &v); i++) {
		if (strcmp(v.category, n->category) || strcmp(v.path, n->path))
			continue;
		consider(&s, &v.mine.version);
		consider(&s, &v.theirs.version);
		if (v.has_base)
			consider(&s, &v.base.version);
	}
	if (!ledger_history(q->engine->ledger, &row->item, HISTORY_ITEM_ROWS, consider_row, &s, &e)) {
		control_fail(q, CONTROL_FAILED, &e);
		return false;
	}
	*out = s.found[0];
	if (s.count == 1)
		return true;
	control_fail_with(q, CONTROL_FAILED, n->item, s.count ? "give more digits" : "'syncline history ITEM' lists them",
			  s.count ? "several versions begin with %.40s" : prefix ? "it has no version %.40s" : "it has no version yet%s",
			  prefix ? prefix : "");
	return false;
}

static void verb_show(const struct question *q)
{
	struct item_name n;
	const struct item_row *row;
	struct id version;
	struct blob content;
	uint8_t meta;
	char hex[ID_HEX];
	if (!known_item(q, &n, &row) || !version_of_item(q, &n, row, &version))
		return;
	if (!versions_get(q->engine->versions, &version, &content, &meta)) {
		control_fail_with(q, CONTROL_FAILED, n.item, "another device may have it: run 'syncline history' there",
				  "the content of version %.10s is not on this device", id_hex(&version, hex));
		return;
	}
	int64_t asked = json_get_int(q->request, "offset", 0);
	size_t offset = asked < 0 ? 0 : (size_t)asked < content.len ? (size_t)asked : content.len;
	size_t len = content.len - offset < CONTROL_CONTENT_MAX ? content.len - offset : CONTROL_CONTENT_MAX;
	json_t *data = json_pack("{s:o, s:s, s:I, s:I, s:{s:b, s:b, s:b}}", "content", json_b64(len ? content.data + offset : NULL, len), "version",
				 id_hex(&version, hex), "size", (json_int_t)content.len, "offset", (json_int_t)offset, "meta", "exec",
				 (meta & META_EXEC) != 0, "private", (meta & META_PRIVATE) != 0, "link", (meta & META_LINK) != 0);
	blob_finish(&content);
	control_answer(q, data);
}

static void verb_restore(const struct question *q)
{
	struct item_name n;
	const struct item_row *row;
	struct id version;
	struct err e = { 0 };
	if (!json_get_text(q->request, "version")) {
		control_fail_with(q, CONTROL_USAGE, "restore", "'syncline history ITEM' lists them", "no version was named");
		return;
	}
	if (!known_item(q, &n, &row) || !version_of_item(q, &n, row, &version))
		return;
	if (core_restore(q->engine->core, n.category, n.path, &version, &e))
		done(q);
	else
		control_fail(q, CONTROL_FAILED, &e);
}

static void verb_why(const struct question *q)
{
	struct item_name n;
	struct why_view v = { 0 };
	struct peer_view p;
	struct counts_view counts;
	char at[32];
	if (!item_of(q, &n))
		return;
	core_view_counts(q->engine->core, &counts);
	core_view_why(q->engine->core, n.category, n.path, &v);
	if (!strcmp(v.state, "unknown")) {
		control_fail_with(q, CONTROL_FAILED, n.item, v.next[0] ? v.next : "'syncline history' lists the items", "%s",
				  v.reason[0] ? v.reason : "no such item");
		return;
	}
	json_t *devices = json_array();
	for (size_t i = 0; core_view_peer(q->engine->core, i, &p); i++)
		if (!p.row->revoked)
			json_array_append_new(devices, json_pack("{s:o, s:b}", "name", json_bytes(p.row->name, strlen(p.row->name)), "has_it",
								 (int)(v.seq && (p.self ? counts.cursor : p.row->cursor) >= v.seq)));
	control_answer(q, json_pack("{s:o, s:s, s:o, s:o, s:o, s:o}", "item", json_bytes(n.item, strlen(n.item)), "state", v.state, "since",
				    v.since_ms ? json_string(clock_iso(v.since_ms, at)) : json_null(), "reason",
				    json_bytes(v.reason, strlen(v.reason)), "next", json_bytes(v.next, strlen(v.next)), "devices", devices));
}

/* ---- deciding ---- */

static bool resolve_one(const struct question *q, const char *category, const char *path, bool mine, struct err *e)
{
	return core_resolve(q->engine->core, category, path, mine, e);
}

/* Every conflict that is open now; those that cannot be settled stay, and the first reason is told. */
static void resolve_all(const struct question *q, bool mine)
{
	struct conflict_view v;
	struct err first = { 0 };
	size_t count = 0, settled = 0, failed = 0;
	while (core_view_conflict(q->engine->core, count, &v))
		count++;
	char **names = mem_alloc((count + 1) * 2 * sizeof *names);
	for (size_t i = 0; i < count && core_view_conflict(q->engine->core, i, &v); i++) {
		names[2 * i] = mem_text(v.category);
		names[2 * i + 1] = mem_text(v.path);
	}
	for (size_t i = 0; i < count; i++) {
		struct err e = { 0 };
		bool again = i && !strcmp(names[2 * i], names[2 * i - 2]) && !strcmp(names[2 * i + 1], names[2 * i - 1]);
		if (resolve_one(q, names[2 * i], names[2 * i + 1], mine, &e) || again)
			settled++;
		else if (!failed++)
			first = e;
	}
	for (size_t i = 0; i < 2 * count; i++)
		free(names[i]);
	free(names);
	if (failed)
		control_fail(q, CONTROL_FAILED, &first);
	else
		control_answer(q, json_pack("{s:I}", "settled", (json_int_t)settled));
}

static void verb_resolve(const struct question *q)
{
	const char *keep = json_get_text(q->request, "keep");
	bool mine = keep && !strcmp(keep, "mine");
	struct item_name n;
	struct err e = { 0 };
	if (!keep || (!mine && strcmp(keep, "theirs"))) {
		bool later = keep && (!strcmp(keep, "both") || !strcmp(keep, "original") || !strcmp(keep, "auto"));
		control_fail_with(q, later ? CONTROL_FAILED : CONTROL_USAGE, "resolve", "keep mine or theirs", later ? "not yet" : "which side is to be kept?");
		return;
	}
	if (json_get_bool(q->request, "all")) {
		resolve_all(q, mine);
		return;
	}
	if (!item_of(q, &n))
		return;
	if (resolve_one(q, n.category, n.path, mine, &e))
		control_answer(q, json_pack("{s:i}", "settled", 1));
	else
		control_fail(q, CONTROL_FAILED, &e);
}

static void pause(const struct question *q, bool paused)
{
	struct err e = { 0 };
	if (core_pause(q->engine->core, json_get_text(q->request, "category"), paused, &e))
		done(q);
	else
		control_fail(q, CONTROL_FAILED, &e);
}

static void verb_pause(const struct question *q)
{
	pause(q, true);
}

static void verb_resume(const struct question *q)
{
	struct err e = { 0 };
	if (!json_get_bool(q->request, "accept_rollback"))
		pause(q, false);
	else if (core_accept_rollback(q->engine->core, &e))
		done(q);
	else
		control_fail(q, CONTROL_FAILED, &e);
}

/* ---- waiting ---- */

static uint64_t until(const struct question *q)
{
	int64_t ms = json_get_int(q->request, "timeout_ms", -1);
	return ms < 0 ? UINT64_MAX : q->engine->now_ms + (uint64_t)ms;
}

/* All that the kernel and the debounce hold back comes out now: an edit made before the question counts. */
static void look_now(const struct question *q)
{
	struct engine *g = q->engine;
	engine_drain(g);
	outside_poll(g, true);
	outside_start_rescans(g);
}

static void verb_wait(const struct question *q)
{
	struct engine *g = q->engine;
	if (!json_get_bool(q->request, "synced")) {
		control_answer(q, json_pack("{s:i}", "conflicts", 0)); /* it answers: so it is ready */
		return;
	}
	if (!g->keyring.joined) {
		control_fail_with(q, CONTROL_FAILED, "wait", "join a hub: 'syncline join'", "this device has not joined a hub");
		return;
	}
	look_now(q);
	const struct control_wait w = { .kind = WAIT_SYNCED, .due_ms = until(q) };
	control_wait(q, &w);
}

static void verb_sync(const struct question *q)
{
	look_now(q);
	const struct control_wait w = { .kind = WAIT_FOUND, .due_ms = UINT64_MAX };
	if (control_wait(q, &w))
		core_sync(q->engine->core);
}

static void count_for(struct engine *g, struct control_wait *w, struct counts_view *n)
{
	uint64_t before = clock_us();
	core_view_counts(g->core, n);
	w->look_ms = g->now_ms + (clock_us() - before) * WAIT_SHARE / 1000;
}

static bool timed_out(const struct question *q, const struct control_wait *w, const char *what)
{
	struct engine *g = q->engine;
	struct counts_view n;
	struct link_view v;
	if (g->now_ms < w->due_ms)
		return false;
	core_view_counts(g->core, &n);
	core_view_link(g->core, &v);
	if (v.state != LINK_CONNECTED)
		control_fail_with(q, CONTROL_TIMED_OUT, what, "'syncline status' says more", "the hub is not connected%s%s", v.error ? ": " : "",
				  v.error ? v.error : "");
	else
		control_fail_with(q, CONTROL_TIMED_OUT, what, "'syncline queue' lists them", "%zu changes out and %zu in are still on their way",
				  n.outgoing + n.debouncing, n.incoming);
	return true;
}

/* In step: first everything that was there is looked at, then the hub is asked how far it is, then all of that is here. */
static bool look_synced(const struct question *q, struct control_wait *w)
{
	struct engine *g = q->engine;
	struct counts_view n;
	struct link_view v;
	if (g->stumbled || !engine_settled(g))
		return timed_out(q, w, "wait");
	count_for(g, w, &n);
	if (n.debouncing)
		core_look(g->core); /* ends what waits for its window */
	if (!n.quiet)
		return timed_out(q, w, "wait");
	core_view_link(g->core, &v);
	if (v.state != LINK_CONNECTED || !v.caught_up)
		return timed_out(q, w, "wait");
	if (!w->ticket)
		w->ticket = core_probe(g->core);
	if (core_probed(g->core) < w->ticket)
		return timed_out(q, w, "wait");
	control_answer(q, json_pack("{s:I}", "conflicts", (json_int_t)n.conflicts));
	return true;
}

static bool look_found(const struct question *q, struct control_wait *w)
{
	struct engine *g = q->engine;
	struct counts_view n;
	count_for(g, w, &n);
	if (g->stumbled) {
		control_fail_with(q, CONTROL_FAILED, "sync", "free some space; it goes on by itself", "the state cannot be written: %s", g->stumble);
		return true;
	}
	if (!engine_settled(g) || n.scanning || n.debouncing)
		return timed_out(q, w, "sync");
	control_answer(q, json_pack("{s:I}", "queued", (json_int_t)n.outgoing));
	return true;
}

/* ---- devices and keys ---- */

static void verb_invite(const struct question *q)
{
	struct engine *g = q->engine;
	struct control_wait w = { .kind = WAIT_INVITED, .due_ms = g->now_ms + 30000 };
	struct err e = { 0 };
	uint8_t hash[MESSAGE_TOKEN];
	int64_t expires = json_get_int(q->request, "expires_ms", 600000);
	if (!g->keyring.joined) {
		control_fail_with(q, CONTROL_FAILED, "invite", "join a hub: 'syncline join'", "this device has not joined a hub");
		return;
	}
	if (expires < EXPIRES_MIN_MS || expires > EXPIRES_MAX_MS) {
		control_fail_with(q, CONTROL_USAGE, "invite", "ten minutes are usual", "it can be good for one second to thirty days");
		return;
	}
	entropy_fill(w.token, sizeof w.token);
	message_token_hash(hash, w.token);
	w.ticket = entropy_u64() | 1;
	if (!core_invite(g->core, w.ticket, hash, g->wall_ms + expires, &e))
		control_fail(q, CONTROL_FAILED, &e);
	else
		control_wait(q, &w);
	sodium_memzero(&w, sizeof w);
}

static bool look_invited(const struct question *q, struct control_wait *w)
{
	const char *why;
	if (core_invited(q->engine->core, w->ticket, &why) && !*why) {
		char *invite = enroll_invite(q->engine, w->token);
		control_answer(q, json_pack("{s:s}", "invite", invite));
		sodium_memzero(invite, strlen(invite));
		free(invite);
	} else if (core_invited(q->engine->core, w->ticket, &why)) {
		control_fail_with(q, CONTROL_FAILED, "invite", "try again", "%s", why);
	} else if (!timed_out(q, w, "invite")) {
		return false;
	}
	sodium_memzero(w->token, sizeof w->token);
	return true;
}

static void verb_join(const struct question *q)
{
	const char *invite = json_get_text(q->request, "invite"), *name = json_get_text(q->request, "name");
	if (!invite)
		control_fail_with(q, CONTROL_USAGE, "join", "it starts with " INVITE_PREFIX, "no invite was given");
	else
		enroll_start(q, invite, name, json_get_bool(q->request, "insecure"));
}

static void verb_revoke(const struct question *q)
{
	const char *name = json_get_text(q->request, "name");
	struct err e = { 0 };
	if (!name)
		control_fail_with(q, CONTROL_USAGE, "devices revoke", "'syncline devices' lists them", "no device was named");
	else if (core_revoke(q->engine->core, name, &e))
		done(q);
	else
		control_fail(q, CONTROL_FAILED, &e);
}

static void verb_key_export(const struct question *q)
{
	char key[KEYRING_RECOVERY_MAX];
	struct err e = { 0 };
	if (keyring_export(&q->engine->keyring, key, &e))
		control_answer(q, json_pack("{s:s}", "key", key));
	else
		control_fail(q, CONTROL_FAILED, &e);
	sodium_memzero(key, sizeof key);
}

/* ---- the engine itself ---- */

static void verb_reload(const struct question *q)
{
	struct err e = { 0 };
	if (engine_reload(q->engine, &e))
		done(q);
	else
		control_fail(q, CONTROL_FAILED, &e);
}

static void verb_stop(const struct question *q)
{
	q->engine->ending = true;
	done(q);
}

static void verb_retry(const struct question *q)
{
	engine_retry(q->engine);
	done(q);
}

static void verb_subscribe(const struct question *q)
{
	int64_t interval = json_get_int(q->request, "interval_ms", 250);
	done(q);
	control_subscribe(q, interval < 0 ? 0 : (uint64_t)interval);
}

static void verb_doctor(const struct question *q)
{
	struct engine *g = q->engine;
	json_t *roots = json_array();
	for (size_t i = 0; i < g->config.category_count; i++) {
		const struct config_category *c = &g->config.categories[i];
		char why[160] = "";
		bool there = files_root_there(g->files, c->name, why);
		json_array_append_new(roots, json_pack("{s:s, s:o, s:b, s:o, s:b}", "name", c->name, "path", json_bytes(c->path, strlen(c->path)), "there",
						       (int)there, "why", there ? json_null() : json_bytes(why, strlen(why)), "polling",
						       (int)watcher_is_polling(g->watcher, c->name)));
	}
	control_answer(q, json_pack("{s:I, s:o, s:b, s:o, s:I, s:I, s:o}", "watched_folders", (json_int_t)watcher_count(g->watcher), "roots", roots,
				    "state_writable", (int)!g->stumbled, "state_error",
				    g->stumbled ? json_bytes(g->stumble, strlen(g->stumble)) : json_null(), "versions_waiting",
				    (json_int_t)versions_waiting(g->versions), "commits", (json_int_t)ledger_commits(g->ledger), "status",
				    report_status(g, false)));
}

static const struct verb_row {
	const char *name;
	void (*run)(const struct question *q);
	bool writes; /* not while the state cannot be written */
} rows[] = {
	{ "status", verb_status, false },
	{ "queue", verb_queue, false },
	{ "conflicts", verb_conflicts, false },
	{ "devices", verb_devices, false },
	{ "categories", verb_categories, false },
	{ "log", verb_log, false },
	{ "history", verb_history, false },
	{ "show", verb_show, false },
	{ "why", verb_why, false },
	{ "restore", verb_restore, true },
	{ "resolve", verb_resolve, true },
	{ "pause", verb_pause, true },
	{ "resume", verb_resume, true },
	{ "sync", verb_sync, true },
	{ "wait", verb_wait, false },
	{ "invite", verb_invite, true },
	{ "join", verb_join, true },
	{ "revoke", verb_revoke, true },
	{ "key_export", verb_key_export, false },
	{ "reload", verb_reload, true },
	{ "stop", verb_stop, false },
	{ "retry", verb_retry, false },
	{ "subscribe", verb_subscribe, false },
	{ "doctor", verb_doctor, false },
};

void control_verb(const struct question *q)
{
	const char *verb = json_get_text(q->request, "do");
	engine_clock(q->engine);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (strcmp(rows[i].name, verb))
			continue;
		if (rows[i].writes && q->engine->stumbled)
			control_fail_with(q, CONTROL_FAILED, "engine", "free some space; it goes on by itself",
					  "the state cannot be written: %s", q->engine->stumble);
		else
			rows[i].run(q);
		return;
	}
	control_fail_with(q, CONTROL_USAGE, "request", "this engine may be older than the command", "there is no verb '%.40s'", verb);
}

bool control_wait_look(const struct question *q, struct control_wait *w)
{
	switch (w->kind) {
	case WAIT_SYNCED: return look_synced(q, w);
	case WAIT_FOUND: return look_found(q, w);
	default: return look_invited(q, w);
	}
}

/* What consoles and commands can ask. One function a verb, one row of the table at the end each. */
#include <sodium.h>
#include <string.h>

#include "engine/control_verbs.h"
#include "engine/enroll.h"

#define QUEUE_ROWS_MAX 100000

static void done(const struct question *q)
{
	control_answer(q, json_object());
}

/* ---- looking ---- */

static void verb_status(const struct question *q)
{
	json_t *status = report_status(q->engine, false);
	json_object_set_new(status, "store", report_store(q->engine));
	control_answer(q, status);
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

/* What going on will mean: the pause that ends, the deletions that a person agrees to. */
static json_t *before(const struct question *q, const char *name)
{
	struct category_view v, found = { 0 };
	struct counts_view n;
	json_t *paused = json_array();
	core_view_counts(q->engine->core, &n);
	for (size_t i = 0; core_view_category(q->engine->core, i, &v); i++) {
		if (name && !strcmp(v.name, name))
			found = v;
		if (v.paused)
			json_array_append_new(paused, json_string(v.name));
	}
	return json_pack("{s:b, s:b, s:I, s:o}", "was_paused", (int)(name ? found.paused : n.paused), "all_paused",
	                 (int)n.paused, "deleted", (json_int_t)(found.paused ? 0 : found.lost), "paused", paused);
}

static void pause(const struct question *q, bool paused)
{
	const char *name = json_get_text(q->request, "category");
	struct err e = { 0 };
	json_t *was = before(q, name);
	if (core_pause(q->engine->core, name, paused, &e)) {
		control_answer(q, was);
		return;
	}
	json_decref(was);
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

/* ---- devices and keys ---- */

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
		control_fail_with(q, CONTROL_USAGE, "devices revoke", "'syncline devices' lists them",
		                  "no device was named");
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
		const char *polling = watcher_polling(g->watcher, c->name);
		json_array_append_new(roots, json_pack("{s:s, s:o, s:b, s:o, s:b, s:o, s:I}", "name", c->name, "path",
		                                       json_bytes(c->path, strlen(c->path)), "there", (int)there, "why",
		                                       there ? json_null() : json_bytes(why, strlen(why)), "polling",
		                                       (int)(polling != NULL), "polling_why",
		                                       polling ? json_string(polling) : json_null(), "interval_ms",
		                                       (json_int_t)c->interval_ms));
	}
	control_answer(q, json_pack("{s:I, s:I, s:o, s:b, s:o, s:I, s:o, s:I, s:o}", "watched_folders",
				    (json_int_t)watcher_count(g->watcher), "needed_folders",
				    (json_int_t)watcher_needed(g->watcher), "roots", roots, "state_writable",
				    (int)!g->stumbled, "state_error",
				    g->stumbled ? json_bytes(g->stumble, strlen(g->stumble)) : json_null(),
				    "versions_waiting", (json_int_t)versions_waiting(g->versions), "store",
				    report_store(g), "commits", (json_int_t)ledger_commits(g->ledger), "status",
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
	{ "diff", verb_diff, false },
	{ "restore", verb_restore, true },
	{ "hunks", verb_hunks, false },
	{ "resolve", verb_resolve, true },
	{ "undo", verb_undo, true },
	{ "pause", verb_pause, true },
	{ "resume", verb_resume, true },
	{ "sync", verb_sync, true },
	{ "thin", verb_thin, true },
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
	control_fail_with(q, CONTROL_USAGE, "request", "this engine may be older than the command",
	                  "there is no verb '%.40s'", verb);
}

#include "ui/verdict.h"

#include <stdio.h>
#include <string.h>

#include "ui/format.h"

const char *verdict_waiting(const struct model *m, char out[64])
{
	int64_t wait = m->outgoing, need = m->conflicts_open;
	out[0] = 0;
	if (wait && need)
		snprintf(out, 64, "%lld wait%s safely here, %lld need%s you", (long long)wait, wait == 1 ? "s" : "",
		         (long long)need, need == 1 ? "s" : "");
	else if (wait)
		snprintf(out, 64, "%lld wait%s safely here", (long long)wait, wait == 1 ? "s" : "");
	else if (need)
		snprintf(out, 64, "%lld need%s you", (long long)need, need == 1 ? "s" : "");
	return out;
}

int verdict_countdown(const struct model *m, int64_t now_ms, int64_t *next_ms)
{
	static const int steps[] = { 60, 30, 15, 10 };
	int64_t left = m->link.retry_at_ms - now_ms;
	if (next_ms)
		*next_ms = 0;
	if (m->link.state != LINK_RECONNECTING || left <= 0)
		return 0;
	int s = (int)((left + 999) / 1000), shown = s, below = s - 1;
	if (s > 60) {
		shown = (s + 59) / 60 * 60;
		below = shown - 60;
	} else {
		for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
			if (s <= steps[i] && s > 9) {
				shown = steps[i];
				below = i + 1 < sizeof steps / sizeof *steps ? steps[i + 1] : 9;
			}
	}
	if (next_ms)
		*next_ms = m->link.retry_at_ms - (int64_t)below * 1000;
	return shown;
}

static const struct model_category *find_broken(const struct model *m)
{
	for (size_t i = 0; i < m->category_count; i++)
		if (!strcmp(m->categories[i].state, "error"))
			return &m->categories[i];
	return NULL;
}

static struct verdict make(enum verdict_kind kind, enum role role, const char *mark, const char *word, int exit_code)
{
	struct verdict v = { .kind = kind, .role = role, .mark = mark, .exit_code = exit_code };
	snprintf(v.word, sizeof v.word, "%s", word);
	return v;
}

static void say_moving(char *out, size_t cap, const struct model *m)
{
	if (m->outgoing || m->incoming)
		snprintf(out, cap, "⇡%lld ⇣%lld", (long long)m->outgoing, (long long)m->incoming);
	else
		snprintf(out, cap, "looking at what changed");
}

static struct verdict in_sync(const struct model *m)
{
	struct verdict v = make(VERDICT_IN_SYNC, ROLE_OK, "✓", "IN SYNC", 0);
	size_t paused = 0, on;
	for (size_t i = 0; i < m->category_count; i++)
		paused += !strcmp(m->categories[i].state, "paused");
	on = m->category_count - paused;
	if (!m->category_count)
		snprintf(v.rest, sizeof v.rest, "nothing to sync yet: 'syncline add' names a category");
	else if (paused)
		snprintf(v.rest, sizeof v.rest, "%zu match%s, %zu paused", on, on == 1 ? "es" : "", paused);
	else
		snprintf(v.rest, sizeof v.rest, "%zu %s on %zu device%s", on,
		         on == 1 ? "category matches" : "categories match", m->device_count ? m->device_count : 1,
		         m->device_count > 1 ? "s" : "");
	return v;
}

struct verdict verdict_of(const struct model *m, enum attach attach, int64_t now_ms)
{
	const struct model_link *l = &m->link;
	const struct model_category *broken = find_broken(m);
	struct verdict v;
	char waiting[64];
	if (attach == ATTACH_DOWN) {
		v = make(VERDICT_DOWN, ROLE_ERROR, "✗", "ENGINE NOT RUNNING", 3);
		snprintf(v.rest, sizeof v.rest, "syncline is only the window; the engine does the work");
	} else if (attach == ATTACH_STARTING || !m->known) {
		v = make(VERDICT_STARTING, ROLE_WAITING, "∙", "STARTING", 3);
		snprintf(v.rest, sizeof v.rest, "waiting for the engine");
	} else if (l->state == LINK_ERROR) {
		v = make(VERDICT_ERROR, ROLE_ERROR, "✗", "ERROR", 13);
		snprintf(v.rest, sizeof v.rest, "%.140s   r tries again",
		         l->error ? l->error : "the hub refuses this device");
	} else if (broken) {
		v = make(VERDICT_ERROR, ROLE_ERROR, "✗", "ERROR", 13);
		const char *why = broken->error ? broken->error : "cannot be synced", *more = strstr(why, ": '");
		snprintf(v.rest, sizeof v.rest, "%.40s: %.*s   press 4", broken->name ? broken->name : "?",
		         more ? (int)(more - why) : 100, why);
	} else if (m->trouble) {
		v = make(VERDICT_ERROR, ROLE_ERROR, "✗", "ERROR", 13);
		snprintf(v.rest, sizeof v.rest, "%.160s", m->trouble);
	} else if (!l->hub) {
		v = make(VERDICT_NOT_SET_UP, ROLE_WAITING, "∙", "NOT SET UP", 12);
		snprintf(v.rest, sizeof v.rest, "this device has not joined a hub yet");
	} else if (l->state == LINK_DISCONNECTED) {
		v = make(VERDICT_OFFLINE, ROLE_OFFLINE, "∙", "OFFLINE", 12);
		snprintf(v.rest, sizeof v.rest, "%s", verdict_waiting(m, waiting));
	} else if (l->state == LINK_CONNECTING) {
		v = make(VERDICT_CONNECTING, ROLE_WAITING, "∙", "CONNECTING", 12);
		snprintf(v.rest, sizeof v.rest, "to %s", l->host);
	} else if (l->state == LINK_RECONNECTING) {
		int seconds = verdict_countdown(m, now_ms, NULL);
		v = make(VERDICT_RECONNECTING, ROLE_OFFLINE, "∙", "RECONNECTING", 12);
		if (seconds)
			snprintf(v.word, sizeof v.word, "RECONNECTING in %d s", seconds);
		snprintf(v.rest, sizeof v.rest, "%s", verdict_waiting(m, waiting));
	} else if (m->conflicts_open) {
		v = make(VERDICT_CONFLICTS, ROLE_CONFLICT, "!", "", 11);
		snprintf(v.word, sizeof v.word, "%lld CONFLICT%s", (long long)m->conflicts_open,
		         m->conflicts_open == 1 ? "" : "S");
		snprintf(v.rest, sizeof v.rest, m->conflicts_open == 1 ? "needs you" : "need you");
		if (m->outgoing || m->incoming) {
			size_t len = strlen(v.rest);
			snprintf(v.rest + len, sizeof v.rest - len, "    ");
			say_moving(v.rest + len + 4, sizeof v.rest - len - 4, m);
		}
	} else if (model_all_paused(m)) {
		v = make(VERDICT_PAUSED, ROLE_PAUSED, "▪", "PAUSED", 0);
		verdict_waiting(m, waiting);
		snprintf(v.rest, sizeof v.rest, "%s", waiting[0] ? waiting : "nothing is sent or taken in   P resumes");
	} else if (m->outgoing || m->incoming || m->looking) {
		v = make(VERDICT_SYNCING, ROLE_BUSY, "⇄", "SYNCING", 10);
		say_moving(v.rest, sizeof v.rest, m);
	} else if (l->late) {
		char span[FORMAT_LEN];
		v = make(VERDICT_LATE, ROLE_WARN, "∙", "WAITING", 10);
		snprintf(v.rest, sizeof v.rest, "for a sign of the hub, last heard %s ago",
		         format_span(span, now_ms - l->heard_at_ms));
	} else {
		v = in_sync(m);
	}
	return v;
}

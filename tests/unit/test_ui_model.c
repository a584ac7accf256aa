#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ui/format.h"
#include "ui/keys.h"
#include "ui/verdict.h"
#include "ui/view.h"
#include "ui/widget/graph.h"
#include "ui/widget/list.h"

#define NOW 1788876341000 /* 2026-09-08 14:05:41 UTC */

static void in_utc(void)
{
	setenv("TZ", "UTC", 1);
	tzset();
}

TestSuite(ui_format, .init = in_utc);
TestSuite(ui_verdict, .init = in_utc);
TestSuite(ui_model, .init = in_utc);
TestSuite(ui_view, .init = in_utc);

static char out[FORMAT_LEN];

Test(ui_format, sizes_have_three_digits_at_most)
{
	static const struct {
		double bytes;
		const char *text;
	} sizes[] = { { 0, "0 B" },         { 612, "612 B" },     { 999, "999 B" },    { 1000, "1.0 K" },
		      { 18637, "18.2 K" },  { 102348, "99.9 K" }, { 102400, "100 K" }, { 217088, "212 K" },
		      { 1023488, "1.0 M" }, { 5033164, "4.8 M" }, { 1e12, "931 G" },   { 1e30, "999 E" },
		      { -5, "0 B" } };
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		cr_expect_str_eq(format_size(out, sizes[i].bytes), sizes[i].text);
	cr_expect_str_eq(format_rate(out, 3174), "3.1 K/s");
	cr_expect_str_eq(format_count(out, 2117), "2,117");
	cr_expect_str_eq(format_count(out, 999), "999");
	cr_expect_str_eq(format_count(out, 1234567), "1,234,567");
}

Test(ui_format, a_saving_is_never_overstated)
{
	cr_expect_eq(format_saved(4.8 * 1048576, 212 * 1024), 95);
	cr_expect_eq(format_saved(1000, 1), 99);
	cr_expect_eq(format_saved(1000, 1000), 0);
	cr_expect_eq(format_saved(1000, 2000), 0);
	cr_expect_eq(format_saved(0, 0), 0);
}

Test(ui_format, times_are_as_short_as_they_can_be)
{
	cr_expect_eq(format_parse_time("2026-09-08T14:05:41.123Z"), NOW + 123);
	cr_expect_eq(format_parse_time("2026-09-08T14:05:41Z"), NOW);
	cr_expect_eq(format_parse_time("yesterday"), 0);
	cr_expect_eq(format_parse_time("2026-13-08T14:05:41Z"), 0);
	cr_expect_eq(format_parse_time(NULL), 0);
	cr_expect_str_eq(format_time(out, NOW, NOW, false), "14:05");
	cr_expect_str_eq(format_time(out, NOW, NOW, true), "14:05:41");
	cr_expect_str_eq(format_time(out, NOW - 86400000, NOW, true), "Mon 14:05");
	cr_expect_str_eq(format_time(out, NOW - 7 * 86400000LL, NOW, false), "1 Sep");
	cr_expect_str_eq(format_time(out, NOW - 400 * 86400000LL, NOW, false), "2025-08-04");
	cr_expect_str_eq(format_time(out, 0, NOW, false), "-");
	cr_expect_str_eq(format_span(out, 2 * 86400000LL + 4 * 3600000LL), "2 d 4 h");
	cr_expect_str_eq(format_span(out, 8000), "8 s");
}

Test(ui_format, an_absence_is_told_in_steps)
{
	int64_t next;
	cr_expect_str_eq(format_away(out, NOW - 12 * 60000, NOW, &next), "10 min");
	cr_expect_eq(next, NOW + 8 * 60000);
	cr_expect_str_eq(format_away(out, NOW - 61 * 60000, NOW, &next), "1 h");
	cr_expect_str_eq(format_away(out, NOW - 3 * 86400000LL, NOW, &next), "3 d");
	cr_expect_eq(next, NOW + 86400000);
}

/* ---- verdict: each row of the table, with all the lower ones true as well ---- */

static struct model model_of(const char *text)
{
	struct model m = { 0 };
	json_error_t error;
	json_t *report = json_loads(text, 0, &error);
	cr_assert(report, "%s", error.text);
	model_take(&m, report, NOW);
	json_decref(report);
	return m;
}

#define STATUS(connection, rest) "{\"status\":{\"connection\":{" connection "}," rest "}}"
#define HUB                      "\"hub\":\"wss://hub.home.lan:8443/realtime\","
#define BUSY                     "\"queue\":{\"outgoing\":14,\"incoming\":3},\"conflicts\":2"
#define MOVING                   "\"queue\":{\"outgoing\":14,\"incoming\":3},\"conflicts\":0"
#define QUIET                    "\"queue\":{\"outgoing\":0,\"incoming\":0},\"conflicts\":0,\"synced\":true"
#define TWO \
	",\"categories\":[{\"name\":\"a\",\"state\":\"synced\"},{\"name\":\"b\",\"state\":\"synced\"}]"
#define ONE_PAUSED \
	",\"categories\":[{\"name\":\"a\",\"state\":\"synced\"},{\"name\":\"b\",\"state\":\"paused\"}]"
#define ALL_PAUSED \
	",\"categories\":[{\"name\":\"a\",\"state\":\"paused\"},{\"name\":\"b\",\"state\":\"paused\"}]"
#define BROKEN \
	",\"categories\":[{\"name\":\"notes\",\"state\":\"error\",\"error\":\"no such folder\"}]"

static void expect(const char *json, enum attach attach, enum verdict_kind kind, const char *mark, const char *word,
                   const char *rest, int exit_code)
{
	struct model m = model_of(json);
	struct verdict v = verdict_of(&m, attach, NOW);
	cr_expect_eq(v.kind, kind, "%s: kind %d", word, v.kind);
	cr_expect_str_eq(v.mark, mark);
	cr_expect_str_eq(v.word, word);
	cr_expect_str_eq(v.rest, rest);
	cr_expect_eq(v.exit_code, exit_code, "%s: exit %d", word, v.exit_code);
	model_finish(&m);
}

Test(ui_verdict, the_worst_true_line_wins)
{
	expect(STATUS(HUB "\"state\":\"error\",\"error\":\"bad token\"", BUSY), ATTACH_DOWN, VERDICT_DOWN, "✗",
	       "ENGINE NOT RUNNING", "syncline is only the window; the engine does the work", 3);
	expect(STATUS(HUB "\"state\":\"error\",\"error\":\"bad token\"", BUSY), ATTACH_UP, VERDICT_ERROR, "✗", "ERROR",
	       "bad token   r tries again", 13);
	expect(STATUS("\"state\":\"disconnected\",\"hub\":null", BUSY), ATTACH_UP, VERDICT_NOT_SET_UP, "∙",
	       "NOT SET UP", "this device has not joined a hub yet", 12);
	expect(STATUS(HUB "\"state\":\"disconnected\"", BUSY), ATTACH_UP, VERDICT_OFFLINE, "∙", "OFFLINE",
	       "14 wait safely here, 2 need you", 12);
	expect(STATUS(HUB "\"state\":\"connecting\"", BUSY), ATTACH_UP, VERDICT_CONNECTING, "∙", "CONNECTING",
	       "to hub.home.lan", 12);
	expect(STATUS(HUB "\"state\":\"reconnecting\",\"retry_in_ms\":8000", BUSY), ATTACH_UP, VERDICT_RECONNECTING,
	       "∙", "RECONNECTING in 8 s", "14 wait safely here, 2 need you", 12);
	expect(STATUS(HUB "\"state\":\"reconnecting\",\"retry_in_ms\":null", BUSY), ATTACH_UP, VERDICT_RECONNECTING,
	       "∙", "RECONNECTING", "14 wait safely here, 2 need you", 12);
	expect(STATUS(HUB "\"state\":\"connected\"", BUSY ALL_PAUSED), ATTACH_UP, VERDICT_CONFLICTS, "!", "2 CONFLICTS",
	       "need you    ⇡14 ⇣3", 11);
	expect(STATUS(HUB "\"state\":\"connected\"", MOVING ALL_PAUSED), ATTACH_UP, VERDICT_PAUSED, "▪", "PAUSED",
	       "14 wait safely here", 0);
	expect(STATUS(HUB "\"state\":\"connected\",\"last_heartbeat_ms\":50000", MOVING), ATTACH_UP, VERDICT_SYNCING,
	       "⇄", "SYNCING", "⇡14 ⇣3", 10);
	expect(STATUS(HUB "\"state\":\"connected\",\"last_heartbeat_ms\":50000", QUIET TWO), ATTACH_UP, VERDICT_LATE,
	       "∙", "WAITING", "for a sign of the hub, last heard 50 s ago", 10);
	expect(STATUS(HUB "\"state\":\"connected\",\"last_heartbeat_ms\":1000", QUIET TWO), ATTACH_UP, VERDICT_IN_SYNC,
	       "✓", "IN SYNC", "2 categories match on 1 device", 0);
	expect(STATUS(HUB "\"state\":\"connected\"", QUIET ONE_PAUSED), ATTACH_UP, VERDICT_IN_SYNC, "✓", "IN SYNC",
	       "1 matches, 1 paused", 0);
}

Test(ui_verdict, in_sync_is_a_promise)
{
	expect(STATUS(HUB "\"state\":\"connected\"", QUIET BROKEN), ATTACH_UP, VERDICT_ERROR, "✗", "ERROR",
	       "notes: no such folder   press 4", 13);
	expect(STATUS(HUB "\"state\":\"connected\"",
	              "\"queue\":{\"outgoing\":0,\"incoming\":0},\"conflicts\":0,\"synced\":false" TWO),
	       ATTACH_UP, VERDICT_SYNCING, "⇄", "SYNCING", "looking at what changed", 10);
	expect(STATUS(HUB "\"state\":\"connected\"", "\"conflicts\":1" TWO), ATTACH_UP, VERDICT_CONFLICTS, "!",
	       "1 CONFLICT", "needs you", 11);
	expect(STATUS(HUB "\"state\":\"connected\"", QUIET ",\"errors\":[\"the disk is full\"]"), ATTACH_UP,
	       VERDICT_ERROR, "✗", "ERROR", "the disk is full", 13);
}

Test(ui_verdict, the_countdown_has_steps)
{
	static const int shown[][2] = { { 90, 120 }, { 60, 60 }, { 59, 60 }, { 31, 60 }, { 30, 30 }, { 16, 30 },
		                        { 15, 15 },  { 11, 15 }, { 10, 10 }, { 9, 9 },   { 1, 1 },   { 0, 0 } };
	struct model m = { .known = true };
	m.link.state = LINK_RECONNECTING;
	for (size_t i = 0; i < sizeof shown / sizeof *shown; i++) {
		int64_t next = 0;
		m.link.retry_at_ms = NOW + shown[i][0] * 1000;
		cr_expect_eq(verdict_countdown(&m, NOW, &next), shown[i][1], "%d s", shown[i][0]);
		if (shown[i][1]) { /* at the time it names, the number is another one, and not before */
			cr_expect_gt(next, NOW);
			cr_expect_eq(verdict_countdown(&m, next - 1, NULL), shown[i][1]);
			cr_expect_neq(verdict_countdown(&m, next, NULL), shown[i][1]);
		}
	}
}

/* ---- model ---- */

Test(ui_model, reports_replace_whole_parts)
{
	struct model m = model_of(
	        "{\"conflicts\":[{\"id\":\"2\",\"item\":\"b/y\",\"detected_at\":\"2026-09-08T14:00:00Z\"},"
	        "{\"id\":\"1\",\"item\":\"a/x\",\"detected_at\":\"2026-09-08T13:00:00Z\",\"mine\":{\"version\":\"m\"},"
	        "\"kind\":\"edit/delete\"}]}");
	cr_expect_eq(m.conflict_count, 2);
	cr_expect_str_eq(m.conflicts[0].id, "1"); /* oldest first */
	cr_expect(m.conflicts[0].theirs.deleted && !m.conflicts[0].mine.deleted);
	json_t *empty = json_pack("{s:[]}", "conflicts");
	model_take(&m, empty, NOW);
	json_decref(empty);
	cr_expect_eq(m.conflict_count, 0);
	model_finish(&m);
}

Test(ui_model, nonsense_does_no_harm)
{
	static const char *const odd[] = {
		"{}",
		"{\"status\":3,\"queue\":{},\"conflicts\":\"x\",\"devices\":null,\"categories\":7,\"log\":[1,null,[]]}",
		"{\"status\":{\"connection\":[],\"queue\":4,\"categories\":[{},3]},\"queue\":[{},4,null,{\"item\":7}]}",
		"{\"conflicts\":[{},{\"mine\":4,\"theirs\":[]}],\"devices\":[{},1],\"categories\":[{},2]}",
		"{\"status\":{\"connection\":{\"hub\":\"\",\"rtt_ms\":1e300,\"attempt\":-4,\"retry_in_ms\":-1e300}}}",
		"{\"status\":{\"connection\":{\"state\":\"connected\",\"hub\":\"wss://[::1\"}}}",
		"{\"status\":{\"connection\":{\"hub\":\"://\"},\"queue\":{\"outgoing\":1e300,\"incoming\":-3}}}"
	};
	struct model m = { 0 };
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		json_t *report = json_loads(odd[i], 0, NULL);
		cr_assert(report);
		model_take(&m, report, NOW);
		json_decref(report);
		verdict_of(&m, ATTACH_UP, NOW);
	}
	model_finish(&m);
}

Test(ui_model, a_hub_is_shown_by_its_host)
{
	struct model m = model_of("{\"status\":{\"connection\":{\"hub\":\"wss://hub.home.lan:8443/realtime\"}}}");
	cr_expect_str_eq(m.link.host, "hub.home.lan");
	cr_expect_str_eq(m.link.host_port, "hub.home.lan:8443");
	cr_expect(m.link.tls);
	model_finish(&m);
	m = model_of("{\"status\":{\"connection\":{\"hub\":\"ws://[::1]:9/realtime\"}}}");
	cr_expect_str_eq(m.link.host, "[::1]");
	cr_expect(!m.link.tls);
	model_finish(&m);
}

static void queue_of(struct model *m, const char *items)
{
	json_t *rows = json_array(), *report = json_object();
	for (const char *c = items; *c; c++) {
		char name[4] = { *c, '/', *c, 0 };
		json_array_append_new(
		        rows, json_pack("{s:s,s:s,s:s}", "item", name, "direction", "outgoing", "state", "queued"));
	}
	json_object_set_new(report, "queue", rows);
	model_take(m, report, NOW);
	json_decref(report);
}

static const char *order(const struct model *m)
{
	static char text[64];
	size_t n = 0;
	for (size_t i = 0; i < m->queue_count; i++) {
		text[n++] = m->queue[i].item[0];
		if (m->queue[i].done)
			text[n++] = '-';
		if (m->queue[i].fresh)
			text[n++] = '+';
	}
	text[n] = 0;
	return text;
}

Test(ui_model, a_queue_that_is_looked_at_keeps_its_places)
{
	struct model m = { 0 };
	model_settle_queue(&m); /* before the engine said anything */
	cr_expect_eq(m.queue_count, 0);
	queue_of(&m, "abc");
	m.queue_frozen = true;
	queue_of(&m, "cax");
	cr_expect_str_eq(order(&m), "ab-cx+");
	queue_of(&m, "cxb");
	cr_expect_str_eq(order(&m), "a-bcx+"); /* b came back: it is itself again */
	cr_expect_eq(model_queue_fresh(&m), 1);
	model_settle_queue(&m);
	cr_expect_str_eq(order(&m), "cxb");
	cr_expect(!model_queue_unsettled(&m));
	m.queue_frozen = false;
	queue_of(&m, "z");
	cr_expect_str_eq(order(&m), "z");
	model_finish(&m);
}

Test(ui_model, the_log_is_bounded_and_own_lines_outlive_an_engine)
{
	struct model m = { 0 };
	json_t *report =
	        json_pack("{s:[{s:s,s:s,s:s}]}", "log", "at", "2026-09-08T14:00:00Z", "level", "info", "text", "line");
	for (int i = 0; i < 3 * MODEL_LOG_MAX; i++)
		model_take(&m, report, NOW);
	cr_expect_leq(m.log_count, MODEL_LOG_MAX);
	model_note(&m, NOW - 3600000, LEVEL_INFO, "mine");
	model_forget_log(&m);
	cr_expect_eq(m.log_count, 1);
	model_take(&m, report, NOW);
	cr_expect_eq(m.log_count, 2);
	cr_expect_str_eq(m.log[0].text, "mine"); /* by time */
	json_decref(report);
	model_finish(&m);
}

/* ---- list, keys, graph ---- */

Test(ui_model, a_cursor_holds_its_row)
{
	uint64_t a[] = { 1, 2, 3, 4, 5 }, b[] = { 9, 3, 1, 2, 5 }, gone[] = { 1, 2, 4, 5 };
	struct list l = { 0 };
	list_place(&l, a, 5, 3);
	list_move(&l, a, 5, 2);
	cr_expect_eq(l.id, 3);
	cr_expect_eq(list_place(&l, b, 5, 3), 1);
	cr_expect_eq(list_place(&l, a, 5, 3), 2);
	cr_expect_eq(list_place(&l, gone, 4, 3), 2); /* its neighbour took the place */
	cr_expect_eq(l.id, 4);
	list_move(&l, a, 5, -100);
	cr_expect_eq(l.id, 1);
	list_move(&l, a, 5, 100);
	list_place(&l, a, 5, 2);
	cr_expect_eq(l.top, 3);
	cr_expect_eq(list_place(&l, a, 0, 2), 0);
}

Test(ui_model, every_binding_has_a_name_and_a_help_line)
{
	char name[16];
	for (const struct binding *b = bindings; b->key; b++) {
		cr_expect(keys_name(b->key, name)[0]);
		cr_expect(keys_command_name(b->command)[0]);
		cr_expect(keys_command_help(b->command)[0]);
		cr_expect_eq(keys_find(b->key, b->where), b->command, "%s is bound twice", name);
	}
	/* The keys that move and edit never act on an item. */
	static const uint32_t harmless[] = { 'h', 'j', 'k', 'l', KEYS_BACKSPACE, KEYS_DELETE };
	for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++)
		for (int s = 0; s < SCREEN_COUNT; s++) {
			enum command command = keys_find(harmless[i], 1u << s);
			cr_expect(command == CMD_NONE || command == CMD_UP || command == CMD_DOWN ||
			          command == CMD_BACK || command == CMD_OPEN);
		}
}

Test(ui_model, rates_remember_and_fall_silent)
{
	static struct rates r;
	rates_set(&r, 1000, 0, 0);
	cr_expect(rates_quiet(&r, 60));
	rates_set(&r, 1001, 500, 0);
	rates_set(&r, 1001, 0, 0); /* shorter than a second, seen all the same */
	rates_advance(&r, 1005);
	cr_expect_float_eq(rates_peak(&r, true, 60), 500, 0.1);
	cr_expect(!rates_quiet(&r, 60));
	rates_advance(&r, 1070);
	cr_expect(rates_quiet(&r, 60));
	rates_advance(&r, 1000000);
	cr_expect(rates_quiet(&r, RATES_SECONDS));
}

Test(ui_model, a_graph_moves_right_and_jumps_by_a_quarter)
{
	struct rates r = { .last = 5000 };
	int before = graph_columns(&r, 66), jumps = 0;
	for (int i = 0; i < 66; i++) {
		r.last++;
		int now = graph_columns(&r, 66);
		cr_expect(now == before + 1 || (now == before - 15 && ++jumps));
		cr_expect(now >= 1 && now <= 66);
		before = now;
	}
	cr_expect(jumps == 4 || jumps == 5);
	cr_expect_float_eq(graph_scale(9000, 0), 10 * 1024, 0.1);
	cr_expect_float_eq(graph_scale(3000, 10 * 1024), 10 * 1024, 0.1); /* kept while it suits */
	cr_expect_float_eq(graph_scale(2000, 10 * 1024), 2.5 * 1024, 0.1);
}

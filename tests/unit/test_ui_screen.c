/* Screens as they are drawn, cell for cell: a scripted engine's reports in, rows of text out, compared to the files of
 * tests/screen/golden. SYNCLINE_GOLDEN=write makes those anew; look at what changed before it is kept. */
#include <criterion/criterion.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "ui/view.h"

#define NOW 1788876341000 /* 2026-09-08 14:05:41 UTC */

static void fixed_world(void)
{
	setenv("TZ", "UTC", 1);
	tzset();
	setlocale(LC_CTYPE, "C.UTF-8");
}

TestSuite(ui_screen, .init = fixed_world);

static const char *source(void)
{
	const char *folder = getenv("SYNCLINE_SOURCE");
	return folder ? folder : ".";
}

static json_t *load_state(const char *name)
{
	char *path = mem_printf("%s/tests/screen/%s.json", source(), name);
	json_error_t error;
	json_t *state = json_load_file(path, 0, &error);
	cr_assert(state, "%s:%d: %s", path, error.line, error.text);
	free(path);
	return state;
}

/* An engine that answers at once, out of the state. */
struct stage {
	struct view view;
	struct canvas canvas;
	json_t *state;
	json_t *heard; /* every request, in order */
	int64_t id, subscribed;
};

static void tell(struct stage *s, json_t *message)
{
	view_message(&s->view, message);
	json_decref(message);
}

static void answer_asks(struct stage *s)
{
	struct ask *a;
	while ((a = view_next_ask(&s->view))) {
		json_t *request = a->request, *data = NULL;
		const char *verb = json_get_text(request, "do"), *version = json_get_text(request, "version");
		const char *text = json_get_text(json_object_get(s->state, "texts"), version ? version : "");
		a->id = ++s->id;
		a->request = NULL;
		json_array_append_new(s->heard, request);
		if (!strcmp(verb, "show") && text)
			data = json_pack("{s:o,s:i}", "content", json_b64(text, strlen(text)), "size",
			                 (int)strlen(text));
		else if (strcmp(verb, "show"))
			data = json_incref(json_object_get(json_object_get(s->state, "answers"), verb));
		if (!data && strcmp(verb, "show"))
			data = json_object();
		if (data)
			tell(s, json_pack("{s:I,s:b,s:o}", "id", (json_int_t)s->id, "ok", 1, "data", data));
		else
			tell(s, json_pack("{s:I,s:b,s:i,s:s,s:s}", "id", (json_int_t)s->id, "ok", 0, "exit", 1, "what",
			                  verb, "why", "no"));
		if (!strcmp(verb, "subscribe")) {
			s->subscribed = s->id;
			tell(s,
			     json_pack("{s:I,s:s,s:O}", "id", (json_int_t)s->id, "event", "report", "data", s->state));
		}
	}
}

static void draw(struct stage *s)
{
	do { /* what is seen may ask for more */
		answer_asks(s);
		view_draw(&s->view, &s->canvas);
	} while (view_next_ask(&s->view));
}

static void news(struct stage *s, const char *data)
{
	json_t *report = json_loads(data, 0, NULL);
	cr_assert(report, "%s", data);
	tell(s, json_pack("{s:I,s:s,s:o}", "id", (json_int_t)s->subscribed, "event", "report", "data", report));
}

static void type(struct stage *s, const char *keys)
{
	for (; *keys; keys++) {
		view_key(&s->view, *keys == '\n'     ? (uint32_t)KEYS_ENTER
		                   : *keys == '\033' ? (uint32_t)KEYS_ESC
		                                     : (uint8_t)*keys);
		draw(s);
	}
}

static struct stage *open_stage(const char *state, int w, int h, bool ascii)
{
	struct stage *s = mem_alloc(sizeof *s);
	s->state = load_state(state);
	s->heard = json_array();
	view_init(&s->view, "/run/user/1000/syncline/control.sock", true);
	canvas_init(&s->canvas, w, h, ascii);
	s->canvas.ascii_graph = ascii;
	view_time(&s->view, NOW, 1000);
	view_attach(&s->view, ATTACH_UP, NULL);
	answer_asks(s);
	draw(s);
	return s;
}

static void close_stage(struct stage *s)
{
	view_finish(&s->view);
	canvas_finish(&s->canvas);
	json_decref(s->state);
	json_decref(s->heard);
	free(s);
}

static char *text_of(const struct canvas *c)
{
	char *text = mem_alloc((size_t)c->h * ((size_t)c->w * 4 * (1 + CELL_MARKS) + 2) + 1), *at = text;
	for (int y = 0; y < c->h; y++) {
		canvas_row(c, y, at);
		at += strlen(at);
		*at++ = '\n';
	}
	*at = 0;
	return text;
}

static const char *row(struct stage *s, int y)
{
	static char text[40000];
	return canvas_row(&s->canvas, y, text);
}

static bool is_on_screen(struct stage *s, const char *words)
{
	for (int y = 0; y < s->canvas.h; y++)
		if (strstr(row(s, y), words))
			return true;
	return false;
}

static void check_golden(const struct canvas *c, const char *name)
{
	char *path = mem_printf("%s/tests/screen/golden/%s.txt", source(), name), *got = text_of(c);
	const char *mode = getenv("SYNCLINE_GOLDEN");
	if (mode && !strcmp(mode, "write")) {
		FILE *f = fopen(path, "w");
		cr_assert(f, "%s", path);
		fputs(got, f);
		fclose(f);
	} else {
		FILE *f = fopen(path, "r");
		cr_assert(f, "%s is missing", path);
		char *wanted = mem_alloc(1 << 20);
		wanted[fread(wanted, 1, (1 << 20) - 1, f)] = 0;
		fclose(f);
		cr_expect(!strcmp(got, wanted), "%s differs. Now:\n%s\nWanted:\n%s", name, got, wanted);
		free(wanted);
	}
	free(path);
	free(got);
}

Test(ui_screen, golden)
{
	static const struct {
		const char *name, *state, *keys;
		int w, h;
		bool ascii;
	} cases[] = {
		{ "home-busy-80x24", "busy", "", 80, 24, false },
		{ "home-busy-80x24-ascii", "busy", "", 80, 24, true },
		{ "home-busy-120x40", "busy", "", 120, 40, false },
		{ "home-busy-120x40-ascii", "busy", "", 120, 40, true },
		{ "home-busy-160x50", "busy", "", 160, 50, false },
		{ "home-busy-100x24", "busy", "", 100, 24, false },
		{ "home-busy-40x12", "busy", "", 40, 12, false },
		{ "home-busy-40x12-ascii", "busy", "", 40, 12, true },
		{ "home-busy-24x6", "busy", "", 24, 6, false },
		{ "home-busy-10x3", "busy", "", 10, 3, false },
		{ "home-calm-80x24", "calm", "", 80, 24, false },
		{ "home-calm-80x24-ascii", "calm", "", 80, 24, true },
		{ "home-calm-120x40", "calm", "", 120, 40, false },
		{ "home-calm-40x12", "calm", "", 40, 12, false },
		{ "home-offline-80x24", "offline", "", 80, 24, false },
		{ "home-offline-120x40", "offline", "", 120, 40, false },
		{ "home-offline-40x12", "offline", "", 40, 12, false },
		{ "first-80x24", "first", "", 80, 24, false },
		{ "first-40x12", "first", "", 40, 12, false },
		{ "queue-80x24", "busy", "2", 80, 24, false },
		{ "queue-filter-80x24", "busy", "2/snip", 80, 24, false },
		{ "queue-120x40", "busy", "2", 120, 40, false },
		{ "queue-40x12", "busy", "2", 40, 12, false },
		{ "conflicts-80x24", "busy", "3", 80, 24, false },
		{ "conflicts-decided-80x24", "busy", "cjt", 80, 24, false },
		{ "conflicts-120x40", "busy", "3j", 120, 40, false },
		{ "conflicts-40x12", "busy", "3", 40, 12, false },
		{ "conflicts-none-80x24", "calm", "3", 80, 24, false },
		{ "categories-80x24", "busy", "4", 80, 24, false },
		{ "devices-80x24", "busy", "5", 80, 24, false },
		{ "traffic-80x24", "busy", "6", 80, 24, false },
		{ "history-80x24", "busy", "7", 80, 24, false },
		{ "history-item-80x24", "busy", "3jH", 80, 24, false },
		{ "log-80x24", "busy", "8", 80, 24, false },
		{ "help-80x24", "busy", "?", 80, 24, false },
		{ "help-40x12", "busy", "?", 40, 12, false },
		{ "palette-80x24", "busy", ":pa", 80, 24, false },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct stage *s = open_stage(cases[i].state, cases[i].w, cases[i].h, cases[i].ascii);
		type(s, cases[i].keys);
		check_golden(&s->canvas, cases[i].name);
		close_stage(s);
	}
}

/* The same that the suite of the real screen sees in tmux, row for row. */
Test(ui_screen, golden_for_tmux)
{
	struct stage *s = open_stage("calm", 80, 24, false);
	view_time(&s->view, NOW + 386000, 1000);
	draw(s);
	check_golden(&s->canvas, "tmux-calm-80x24");
	close_stage(s);
}

Test(ui_screen, golden_without_an_engine)
{
	struct stage *s = open_stage("busy", 80, 24, false);
	view_attach(&s->view, ATTACH_DOWN, "nobody listens there");
	draw(s);
	check_golden(&s->canvas, "lost-80x24"); /* what was known stays, and is dated */
	close_stage(s);
	s = mem_alloc(sizeof *s);
	view_init(&s->view, "/run/user/1000/syncline/control.sock", true);
	view_time(&s->view, NOW, 1000);
	canvas_init(&s->canvas, 80, 24, false);
	view_draw(&s->view, &s->canvas);
	check_golden(&s->canvas, "starting-80x24");
	view_attach(&s->view, ATTACH_DOWN, "nobody listens there");
	view_draw(&s->view, &s->canvas);
	check_golden(&s->canvas, "down-80x24");
	view_finish(&s->view);
	canvas_finish(&s->canvas);
	free(s);
}

Test(ui_screen, golden_graphs)
{
	struct stage *s = open_stage("busy", 80, 24, false);
	for (int i = 0; i < 60; i++) {
		int up = i % 13 * (i % 7) * 400, down = i > 30 ? i % 5 * 900 : 0;
		char text[120];
		view_time(&s->view, NOW + 1000 * i, 1000 + 1000 * (uint64_t)i);
		snprintf(text, sizeof text, "{\"traffic_rates\":{\"up\":%d,\"down\":%d}}", up * 8, down * 8);
		news(s, text);
	}
	draw(s);
	check_golden(&s->canvas, "graph-home-80x24");
	type(s, "6");
	check_golden(&s->canvas, "graph-traffic-80x24");
	canvas_resize(&s->canvas, 160, 50);
	type(s, "1");
	check_golden(&s->canvas, "graph-home-160x50");
	s->canvas.ascii = s->canvas.ascii_graph = true;
	canvas_resize(&s->canvas, 80, 24);
	type(s, "6");
	check_golden(&s->canvas, "graph-traffic-80x24-ascii");
	close_stage(s);
}

/* ---- every size ---- */

static void check_shape(const struct stage *s)
{
	const struct canvas *c = &s->canvas;
	for (int y = 0; y < c->h; y++) {
		for (int x = 0; x < c->w; x++) {
			const struct cell *cell = canvas_at(c, x, y);
			cr_assert(cell->width == 1 ||
			                  (cell->width == 2 && x + 1 < c->w && !canvas_at(c, x + 1, y)->width) ||
			                  (!cell->width && x && canvas_at(c, x - 1, y)->width == 2),
			          "half a character at %d,%d of %dx%d", x, y, c->w, c->h);
			for (int i = 0; cell->width && i <= CELL_MARKS && cell->text[i]; i++) {
				wchar_t p = cell->text[i];
				cr_assert(p < 0x2500 || p > 0x257f, "a box at %d,%d of %dx%d", x, y, c->w, c->h);
			}
		}
		cr_assert(c->w == 1 || canvas_at(c, c->w - 1, y)->text[0] == L' ',
		          "the last column of row %d is used at %dx%d", y, c->w, c->h);
	}
	cr_assert(c->cursor_x >= 0 && c->cursor_x < c->w && c->cursor_y >= 0 && c->cursor_y < c->h,
	          "the cursor is out at %dx%d", c->w, c->h);
}

static void every_size(const char *state, const char *keys, int step)
{
	struct stage *s = open_stage(state, 80, 24, false);
	type(s, keys);
	for (int h = 1; h <= 60; h += h < 32 ? 1 : step)
		for (int w = 1; w <= 200; w += w < 44 || (w > 76 && w < 84) ? 1 : step) {
			canvas_resize(&s->canvas, w, h);
			draw(s);
			check_shape(s);
			if (h > 1 && w > 2)
				cr_assert_neq(canvas_at(&s->canvas, w < 20 || h < 4 ? 0 : 1, 0)->text[0], L' ',
				              "no verdict at %dx%d", w, h);
		}
	canvas_resize(&s->canvas, 1000, 500);
	view_draw(&s->view, &s->canvas);
	close_stage(s);
}

Test(ui_screen, every_size_of_every_screen)
{
	static const char *const keys[] = { "",  "2", "3j", "3t",  "4",      "5",   "6",
		                            "7", "8", "?",  ":pa", "2/snip", "3jH", "\t\t" };
	static const char *const states[] = { "busy", "calm", "offline", "first" };
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		every_size("busy", keys[i], 5);
	for (size_t i = 1; i < sizeof states / sizeof *states; i++)
		every_size(states[i], "", 3);
}

/* ---- behaviour ---- */

static size_t asked(struct stage *s, const char *verb, json_t **last)
{
	size_t i, n = 0;
	json_t *request;
	json_array_foreach(s->heard, i, request)
	{
		if (strcmp(json_get_text(request, "do"), verb))
			continue;
		n++;
		if (last)
			*last = request;
	}
	return n;
}

Test(ui_screen, three_keys_settle_the_oldest_conflict_from_anywhere)
{
	for (char from = '1'; from <= '8'; from++) {
		struct stage *s = open_stage("busy", 80, 24, false);
		char keys[] = { from, 'c', 't', '\n', 0 };
		json_t *request = NULL;
		type(s, keys);
		cr_assert_eq(asked(s, "resolve", &request), 1);
		cr_expect_str_eq(json_get_text(request, "item"), "aliases/gst");
		cr_expect_str_eq(json_get_text(request, "keep"), "theirs");
		cr_expect_str_eq(json_get_text(request, "mine"), "m1");
		cr_expect_str_eq(json_get_text(request, "theirs"), "t1");
		cr_expect(is_on_screen(s, "Settled aliases/gst: theirs."));
		close_stage(s);
	}
}

Test(ui_screen, a_letter_alone_does_nothing)
{
	struct stage *s = open_stage("busy", 80, 24, false);
	type(s, "mtm");
	cr_expect_eq(asked(s, "resolve", NULL), 0);
	type(s, "u\n");
	cr_expect_eq(asked(s, "resolve", NULL), 0); /* taken back before Enter */
	type(s, "2\n\nxyzWRT\n");
	cr_expect_eq(asked(s, "resolve", NULL), 0);
	close_stage(s);
}

Test(ui_screen, home_decides_where_it_can_be_seen)
{
	struct stage *s = open_stage("busy", 80, 24, false);
	type(s, "jm\n");
	json_t *request = NULL;
	cr_assert_eq(asked(s, "resolve", &request), 1);
	cr_expect_str_eq(json_get_text(request, "item"), "snippets/deploy.sh");
	cr_expect_str_eq(json_get_text(request, "keep"), "mine");
	close_stage(s);
	s = open_stage("busy", 160, 50, false);
	type(s, "t");
	cr_expect_eq(s->view.screen, SCREEN_HOME); /* the preview is here */
	type(s, "\n");
	cr_expect_eq(asked(s, "resolve", NULL), 1);
	close_stage(s);
}

#define C1(theirs)                                                                                                     \
	"{\"id\":\"c1\",\"item\":\"aliases/gst\",\"kind\":\"edit/edit\",\"detected_at\":\"2026-09-08T14:01:05Z\","     \
	"\"mine\":{\"version\":\"m1\",\"device\":\"laptop\"},\"theirs\":{\"version\":\"" theirs                        \
	"\",\"device\":\"work-vm\"}}"

Test(ui_screen, a_side_that_moved_on_is_not_settled_blindly)
{
	struct stage *s = open_stage("busy", 80, 24, false);
	type(s, "ct");
	news(s, "{\"conflicts\":[" C1("t9") "]}");
	type(s, "\n");
	cr_expect_eq(asked(s, "resolve", NULL), 0);
	cr_expect(is_on_screen(s, "changed again since you chose"));
	type(s, "t\n");
	cr_expect_eq(asked(s, "resolve", NULL), 1);
	close_stage(s);
}

Test(ui_screen, what_is_settled_elsewhere_is_told_and_the_last_one_leads_back)
{
	struct stage *s = open_stage("busy", 80, 24, false);
	type(s, "4c");
	news(s, "{\"conflicts\":[" C1("t1") "]}");
	draw(s);
	cr_expect(is_on_screen(s, "snippets/deploy.sh was settled elsewhere."));
	type(s, "t\n");
	json_t *status = json_object_get(s->state, "status");
	json_object_set_new(status, "conflicts", json_integer(0));
	json_t *report = json_pack("{s:[],s:O}", "conflicts", "status", status);
	tell(s, json_pack("{s:I,s:s,s:o}", "id", (json_int_t)s->subscribed, "event", "report", "data", report));
	draw(s);
	cr_expect_eq(s->view.screen, SCREEN_CATEGORIES);
	cr_expect(is_on_screen(s, "Settled aliases/gst: theirs."));
	close_stage(s);
}

Test(ui_screen, a_refusal_is_told_and_nothing_is_sent_again)
{
	struct stage *s = open_stage("busy", 80, 24, false);
	type(s, "ct");
	view_key(&s->view, KEYS_ENTER);
	struct ask *a = view_next_ask(&s->view);
	cr_assert(a && a->kind == ASK_RESOLVE);
	a->id = 99;
	json_decref(a->request);
	a->request = NULL;
	view_key(&s->view, KEYS_ENTER); /* impatience sends nothing twice */
	cr_expect(!view_next_ask(&s->view));
	tell(s, json_pack("{s:i,s:b,s:i,s:s,s:s,s:s}", "id", 99, "ok", 0, "exit", 1, "what", "aliases/gst", "why",
	                  "it changed", "fix", "look"));
	draw(s);
	cr_expect(is_on_screen(s, "aliases/gst: it changed (look)"));
	cr_expect(is_on_screen(s, "gst"));
	close_stage(s);
}

Test(ui_screen, the_cursor_keeps_its_item_while_the_queue_moves)
{
	struct stage *s = open_stage("busy", 80, 24, false);
	type(s, "2jjj");
	cr_assert(strstr(row(s, s->canvas.cursor_y), "k8s/rollout.sh"));
	int y = s->canvas.cursor_y;
	news(s, "{\"queue\":[{\"item\":\"snippets/k8s/rollout.sh\",\"direction\":\"outgoing\",\"state\":\"sending\"},"
	        "{\"item\":\"a/new\",\"direction\":\"outgoing\",\"state\":\"queued\"}]}");
	draw(s);
	cr_expect_eq(s->canvas.cursor_y, y);
	cr_expect(strstr(row(s, y), "k8s/rollout.sh") && strstr(row(s, y), "sending"));
	cr_expect(is_on_screen(s, "1 new"));
	cr_expect(is_on_screen(s, "done"));
	type(s, "g");
	cr_expect(!is_on_screen(s, "done") && !is_on_screen(s, "1 new"));
	cr_expect(is_on_screen(s, "a/new") || is_on_screen(s, "new"));
	close_stage(s);
}

Test(ui_screen, a_paste_is_no_typing)
{
	struct stage *s = open_stage("busy", 80, 24, false);
	uint32_t keys[64];
	const char *text = "mTWy\nqQtm";
	size_t n = 0;
	keys[n++] = KEYS_PASTE_BEGIN;
	for (const char *c = text; *c; c++)
		keys[n++] = (uint8_t)*c;
	keys[n++] = KEYS_PASTE_END;
	view_keys(&s->view, keys, n);
	draw(s);
	cr_expect(!s->view.quit && is_on_screen(s, "Ignored 9 pasted characters."));
	n = 0;
	for (const char *c = "the quick brown fox jumps over a dog Q"; *c; c++) /* no brackets, but nobody types so */
		keys[n++] = (uint8_t)*c;
	view_keys(&s->view, keys, n);
	cr_expect(!s->view.quit);
	for (n = 0; n < 40; n++)
		keys[n] = 'j';
	type(s, "2");
	view_keys(&s->view, keys, n); /* a held key is no paste */
	draw(s);
	cr_expect(strstr(row(s, s->canvas.cursor_y), "deploy.sh"));
	type(s, "/");
	view_keys(&s->view, (uint32_t[]){ KEYS_PASTE_BEGIN, 'd', '\n', 'x', 0x1b, KEYS_PASTE_END }, 6);
	cr_expect_str_eq(s->view.field, "d x");
	close_stage(s);
}

Test(ui_screen, in_sync_waits_for_quiet)
{
	struct stage *s = open_stage("calm", 80, 24, false);
	cr_expect(strstr(row(s, 0), "IN SYNC")); /* the first report may say so at once */
	json_t *status = json_deep_copy(json_object_get(s->state, "status"));
	json_t *busy = json_deep_copy(status);
	json_object_set_new(json_object_get(busy, "queue"), "outgoing", json_integer(1));
	s->view.urgent = false;
	tell(s, json_pack("{s:I,s:s,s:{s:O}}", "id", (json_int_t)s->subscribed, "event", "report", "data", "status",
	                  busy));
	cr_expect(s->view.urgent);
	draw(s);
	cr_expect(strstr(row(s, 0), "SYNCING"));
	view_time(&s->view, NOW, 1100);
	tell(s, json_pack("{s:I,s:s,s:{s:O}}", "id", (json_int_t)s->subscribed, "event", "report", "data", "status",
	                  status));
	draw(s);
	cr_expect(strstr(row(s, 0), "SYNCING"));
	cr_expect(view_sleep_ms(&s->view) > 0 && view_sleep_ms(&s->view) <= 500);
	view_time(&s->view, NOW, 1650);
	draw(s);
	cr_expect(strstr(row(s, 0), "IN SYNC"));
	json_decref(status);
	json_decref(busy);
	close_stage(s);
}

Test(ui_screen, calm_wants_no_timer)
{
	struct stage *s = open_stage("calm", 80, 24, false);
	for (char screen = '1'; screen <= '8'; screen++) {
		char keys[] = { screen, 0 };
		type(s, keys);
		cr_expect_eq(view_sleep_ms(&s->view), -1, "screen %c", screen);
	}
	close_stage(s);
	s = open_stage("offline", 80, 24, false); /* 8 s to go: the next number is a second away */
	cr_expect_eq(view_sleep_ms(&s->view), 1000);
	close_stage(s);
	s = open_stage("busy", 80, 24, false);
	news(s, "{\"traffic_rates\":{\"up\":8000,\"down\":0}}");
	draw(s);
	cr_expect(view_sleep_ms(&s->view) > 0 && view_sleep_ms(&s->view) <= 1000);
	type(s, "3"); /* no graph here */
	news(s, "{\"devices\":[]}");
	draw(s);
	cr_expect_eq(view_sleep_ms(&s->view), -1);
	close_stage(s);
}

Test(ui_screen, names_that_attack_stay_in_their_field)
{
	struct stage *s = open_stage("busy", 80, 24, false);
	news(s, "{\"queue\":[{\"item\":\"notes/"
	        "\\u202egnp.\\u001b[2J\\u200b\\uff21\\u6771\\u4eac\\u0301\\u0301\\u0301\\u0301\\u0301\\u0301\","
	        "\"direction\":\"outgoing\",\"state\":\"queued\",\"size_plain\":77,\"size_wire\":70},"
	        "{\"item\":\"notes/"
	        "\\u6771\\u6771\\u6771\\u6771\\u6771\\u6771\\u6771\\u6771\\u6771\\u6771\\u6771\\u6771\\u6771\\u6771\\u6"
	        "771\","
	        "\"direction\":\"outgoing\",\"state\":\"queued\",\"size_plain\":77,\"size_wire\":70}],"
	        "\"devices\":[{\"id\":\"\\u001b]0;x\\u0007\",\"name\":\"\\u001b]52;c;AAAA\\u0007\",\"online\":true,"
	        "\"behind\":3}]}");
	for (char screen = '1'; screen <= '8'; screen++) {
		char keys[] = { screen, 0 };
		type(s, keys);
		check_shape(s);
		for (int y = 0; y < s->canvas.h; y++)
			cr_expect(!strpbrk(row(s, y), "\x1b\x07") && !strstr(row(s, y), "\xe2\x80\xae"));
	}
	type(s, "1");
	cr_expect(is_on_screen(s, "\\u202egnp.") && is_on_screen(s, "\\x1b]52"));
	type(s, "2");
	/* The columns to the right of both stand where they stand for everyone: 77 B ends in one column. */
	int ends[2] = { 0, 0 };
	for (int i = 0; i < 2; i++)
		for (int x = 0; x < 78; x++)
			if (canvas_at(&s->canvas, x, 4 + i)->text[0] == L'B' &&
			    canvas_at(&s->canvas, x + 1, 4 + i)->text[0] == L' ' && !ends[i])
				ends[i] = x;
	cr_expect(ends[0] && ends[0] == ends[1], "%d %d", ends[0], ends[1]);
	close_stage(s);
}

Test(ui_screen, commands_can_be_typed)
{
	struct stage *s = open_stage("busy", 80, 24, false);
	json_t *request = NULL;
	type(s, ":retry\n");
	cr_expect_eq(asked(s, "retry", NULL), 1);
	type(s, ":pause notes\n");
	cr_assert_eq(asked(s, "pause", &request), 1);
	cr_expect_str_eq(json_get_text(request, "category"), "notes");
	type(s, ":resume\n");
	cr_expect_eq(asked(s, "resume", NULL), 1);
	type(s, ":theme ink\n");
	cr_expect_str_eq(s->view.theme, "ink");
	type(s, ":nonsense\n");
	cr_expect(is_on_screen(s, "No command"));
	type(s, ":dev\n");
	cr_expect_eq(s->view.screen, SCREEN_DEVICES);
	type(s, ":q\033");
	cr_expect(!s->view.quit);
	type(s, ":quit\n");
	cr_expect(s->view.quit);
	close_stage(s);
}

Test(ui_screen, without_an_engine_keys_say_so)
{
	struct stage *s = open_stage("busy", 80, 24, false);
	view_attach(&s->view, ATTACH_DOWN, "gone");
	size_t before = json_array_size(s->heard);
	type(s, "P");
	cr_expect(is_on_screen(s, "The engine is not there to do that."));
	type(s, "ct\n");
	cr_expect_eq(json_array_size(s->heard), before);
	cr_expect(!s->view.start_engine);
	type(s, "s");
	cr_expect(s->view.start_engine);
	view_attach(&s->view, ATTACH_UP, NULL);
	answer_asks(s);
	draw(s);
	cr_expect_eq(s->view.screen, SCREEN_CONFLICTS); /* where it was */
	cr_expect(strstr(row(s, 0), "2 CONFLICTS"));
	type(s, "8");
	cr_expect(is_on_screen(s, "Lost the engine"));
	close_stage(s);
}

Test(ui_screen, a_version_is_restored_from_history)
{
	struct stage *s = open_stage("busy", 80, 24, false);
	json_t *request = NULL;
	type(s, "3jHjR");
	cr_assert_eq(asked(s, "restore", &request), 1);
	cr_expect_str_eq(json_get_text(request, "item"), "snippets/deploy.sh");
	cr_expect_str_eq(json_get_text(request, "version"), "b2");
	cr_expect(is_on_screen(s, "Restored snippets/deploy.sh to version b2."));
	close_stage(s);
}

/* Any keys at all, at any size, with the engine coming and going. */
Test(ui_screen, random_keys_break_nothing)
{
	static const uint32_t special[] = { KEYS_UP,        KEYS_DOWN,   KEYS_LEFT,    KEYS_RIGHT,
		                            KEYS_HOME,      KEYS_END,    KEYS_PAGE_UP, KEYS_PAGE_DOWN,
		                            KEYS_BACK_TAB,  KEYS_DELETE, KEYS_F1,      KEYS_PASTE_BEGIN,
		                            KEYS_PASTE_END, KEYS_TAB,    KEYS_ESC,     KEYS_ENTER };
	static const char *const states[] = { "busy", "calm", "offline", "first" };
	uint32_t seed = 7;
	for (int life = 0; life < 40; life++) {
		struct stage *s = open_stage(states[life % 4], 80, 24, life % 5 == 0);
		for (int i = 0; i < 300; i++) {
			seed = seed * 1664525 + 1013904223;
			uint32_t r = seed >> 8;
			view_key(&s->view, r % 3 ? 1 + r / 3 % 126 : special[r / 3 % 16]);
			if (r % 17 == 0)
				canvas_resize(&s->canvas, 1 + (int)(r / 17 % 180), 1 + (int)(r / 700 % 60));
			if (r % 61 == 0)
				view_attach(&s->view, ATTACH_DOWN, "gone");
			if (r % 61 == 1)
				view_attach(&s->view, ATTACH_UP, NULL);
			if (r % 31 == 0)
				news(s, r % 2 ? "{\"queue\":[],\"conflicts\":[],\"devices\":[]}"
				              : "{\"queue\":[{\"item\":\"a/b\"}],\"categories\":[]}");
			view_time(&s->view, NOW + 1000 * i, 1000 + 400 * (uint64_t)i);
			draw(s);
			check_shape(s);
			view_sleep_ms(&s->view);
			s->view.quit = false;
		}
		close_stage(s);
	}
}

Test(ui_screen, words_are_broken_between_words)
{
	struct canvas c;
	char text[1000];
	canvas_init(&c, 21, 4, false);
	cr_expect_eq(canvas_wrapped_rows(18, "one two three four five six"), 2);
	cr_expect_eq(canvas_wrapped(&c, 1, 0, 18, 2, ROLE_TEXT, "one two three four five six"), 2);
	cr_expect(strstr(canvas_row(&c, 0, text), " one two three four "));
	cr_expect(strstr(canvas_row(&c, 1, text), " five six "));
	canvas_clear(&c);
	cr_expect_eq(canvas_wrapped(&c, 1, 0, 10, 2, ROLE_TEXT, "one two three four five six"), 2);
	cr_expect(strstr(canvas_row(&c, 1, text), " three fou⋯ "), "what does not fit is told: %s", text);
	cr_expect_eq(canvas_wrapped(&c, 1, 0, 5, 3, ROLE_TEXT, "unbreakable"), 1);
	canvas_finish(&c);
}

Test(ui_screen, of_several_places_the_preview_shows_the_first)
{
	struct stage *s = open_stage("busy", 80, 24, false);
	json_t *texts = json_object_get(s->state, "texts");
	for (size_t i = 0; i < s->view.model.conflict_count; i++) {
		const struct model_conflict *k = &s->view.model.conflicts[i];
		if (strcmp(k->item, "snippets/deploy.sh"))
			continue;
		json_object_set_new(texts, k->base.version, json_string("first\nsame\nas\nbefore\nlast\n"));
		json_object_set_new(texts, k->mine.version,
				    json_string("first of mine\nsame\nas\nbefore\nlast of mine\n"));
		json_object_set_new(texts, k->theirs.version,
				    json_string("first of theirs\nsame\nas\nbefore\nlast of theirs\n"));
	}
	type(s, "3j");
	cr_expect(is_on_screen(s, "first of mine") && is_on_screen(s, "first of theirs") &&
		  is_on_screen(s, "place 1 of 3"));
	cr_expect_not(is_on_screen(s, "last of") || is_on_screen(s, "more lines"));
	close_stage(s);
}

Test(ui_screen, offline_a_settlement_says_that_it_goes_out_later)
{
	struct stage *s = open_stage("offline", 80, 24, false);
	type(s, "ct\n");
	cr_expect_eq(asked(s, "resolve", NULL), 1);
	cr_expect(is_on_screen(s, "theirs.  Goes out with the link."));
	close_stage(s);
}

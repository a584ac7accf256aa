#include "ui/plain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "sys/clock.h"
#include "ui/format.h"
#include "ui/model.h"
#include "ui/verdict.h"

#define ANSWER_MS  10000
#define SIDE_LINES 12 /* of each side shown */

struct plain {
	struct client *client;
	struct model model;
};

static char *shown(const char *text)
{
	return utf8_show_dup(text ? text : "", text ? strnlen(text, 4096) : 0);
}

static json_t *ask(struct plain *p, json_t *request)
{
	struct err e = { 0 };
	char line[1024];
	json_t *data = client_ask(p->client, request, ANSWER_MS, &e, NULL);
	if (!data)
		fprintf(stderr, "%s\n", err_line(&e, line, sizeof line));
	return data;
}

static bool look(struct plain *p)
{
	static const char *const parts[] = { "status", "queue", "conflicts", "devices" };
	json_t *report = json_object();
	bool good = true;
	for (size_t i = 0; i < 4 && good; i++) {
		json_t *data = ask(p, control_request(parts[i]));
		good = data != NULL;
		if (data)
			json_object_set_new(report, parts[i], data);
	}
	if (good)
		model_take(&p->model, report, clock_wall_ms());
	json_decref(report);
	return good;
}

static void print_link(const struct model *m)
{
	static const char *const words[] = { "", "poor", "fair", "good", "excellent" };
	char *host = shown(m->link.host);
	if (m->link.state == LINK_CONNECTED) {
		printf("; connected to %s", host);
		if (m->link.rtt_ms >= 0)
			printf(m->link.rtt_ms < 10 ? ", %.1f ms" : ", %.0f ms", m->link.rtt_ms);
		if (m->link.quality)
			printf(", %s", words[m->link.quality]);
	}
	free(host);
}

static int print_summary(struct plain *p)
{
	const struct model *m = &p->model;
	struct verdict v = verdict_of(m, ATTACH_UP, clock_wall_ms());
	printf("syncline: ");
	if (v.kind == VERDICT_CONFLICTS) {
		printf("%lld conflict%s you", (long long)m->conflicts_open,
		       m->conflicts_open == 1 ? " needs" : "s need");
	} else {
		char *press = strstr(v.rest, "   "); /* keys are of no use here */
		if (press)
			*press = 0;
		char *rest = shown(v.kind == VERDICT_SYNCING ? "" : v.rest);
		for (const char *w = v.word; *w; w++)
			putchar(*w >= 'A' && *w <= 'Z' ? *w + 32 : *w);
		printf("%s%s", *rest ? ": " : "", rest);
		free(rest);
	}
	if (m->outgoing || m->incoming)
		printf("; %lld out, %lld in", (long long)m->outgoing, (long long)m->incoming);
	print_link(m);
	putchar('\n');
	for (size_t i = 0; i < m->conflict_count; i++) {
		const struct model_conflict *k = &m->conflicts[i];
		char a[FORMAT_LEN], b[FORMAT_LEN], *item = shown(k->item), *mine = shown(k->mine.device),
		                                   *theirs = shown(k->theirs.device);
		int64_t now = clock_wall_ms();
		printf("%2zu  %s  %s %s vs %s %s", i + 1, item, mine, format_time(a, k->mine.at_ms, now, false), theirs,
		       format_time(b, k->theirs.at_ms, now, false));
		if (k->hunks > 0)
			printf("  %d hunk%s", k->hunks, k->hunks == 1 ? "" : "s");
		putchar('\n');
		free(item);
		free(mine);
		free(theirs);
	}
	fflush(stdout);
	return v.exit_code;
}

static void print_side(struct plain *p, const char *label, const char *item, const struct model_side *side)
{
	struct blob text = { 0 };
	struct err e;
	int lines = 0;
	if (side->deleted) {
		printf("  %-10s (deleted)\n", label);
		return;
	}
	if (!side->version[0] || !client_content(p->client, item, side->version, &text, NULL, &e, NULL))
		return;
	if (text.len && memchr(text.data, 0, text.len)) {
		printf("  %-10s binary, %zu bytes\n", label, text.len);
	} else {
		for (size_t at = 0; at < text.len && lines < SIDE_LINES; lines++) {
			size_t len = 0;
			while (at + len < text.len && text.data[at + len] != '\n')
				len++;
			char *line = utf8_show_dup(text.data + at, len);
			printf("  %-10s %s\n", lines ? "" : label, line);
			free(line);
			at += len + 1;
		}
		if (lines == SIDE_LINES)
			printf("  %-10s (more: syncline show)\n", "");
	}
	blob_finish(&text);
}

static bool read_line(const char *prompt, char *line, int cap)
{
	fputs(prompt, stdout);
	fflush(stdout);
	if (!fgets(line, cap, stdin))
		return false;
	line[strcspn(line, "\r\n")] = 0;
	return true;
}

static bool settle(struct plain *p, const struct model_conflict *k)
{
	char line[64];
	print_side(p, "original", k->item, &k->base);
	print_side(p, "m mine", k->item, &k->mine);
	print_side(p, "t theirs", k->item, &k->theirs);
	for (;;) {
		if (!read_line("m, t, back> ", line, sizeof line))
			return false;
		if (!strcmp(line, "back") || !line[0])
			return true;
		if (strcmp(line, "m") && strcmp(line, "t"))
			continue;
		const char *keep = line[0] == 'm' ? "mine" : "theirs";
		json_t *data = ask(p, json_pack("{s:s,s:s,s:s,s:s,s:s}", "do", "resolve", "item", k->item, "keep", keep,
		                                "mine", k->mine.version, "theirs", k->theirs.version));
		char *item = shown(k->item);
		if (data)
			printf("settled %s: %s\n", item, keep);
		free(item);
		json_decref(data);
		return true;
	}
}

static int converse(struct plain *p)
{
	char line[128];
	while (read_line("number, status, help, quit> ", line, sizeof line) && strcmp(line, "quit") &&
	       strcmp(line, "q")) {
		char *end;
		unsigned long number = strtoul(line, &end, 10);
		if (!strcmp(line, "help")) {
			puts("a number shows that conflict; status prints everything again; quit leaves, the engine "
			     "works on");
		} else if (line[0] && !*end && number >= 1 && number <= p->model.conflict_count) {
			if (!settle(p, &p->model.conflicts[number - 1]))
				break;
		} else if (line[0] && strcmp(line, "status")) {
			puts("not understood; help says what is");
			continue;
		}
		if (!look(p))
			return CONTROL_NO_ENGINE;
		if (strcmp(line, "help"))
			print_summary(p);
	}
	return CONTROL_DONE;
}

int plain_run(struct client *c, bool prompt)
{
	struct plain p = { .client = c };
	int code = look(&p) ? print_summary(&p) : CONTROL_NO_ENGINE;
	if (code != CONTROL_NO_ENGINE && prompt)
		code = converse(&p);
	model_finish(&p.model);
	return code;
}

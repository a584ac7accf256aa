#include <string.h>

#include "cli/opts.h"
#include "cli/say.h"
#include "cli/verbs.h"
#include "control/control.h"

const struct verb *verbs_find(const char *name)
{
	for (const struct verb *v = verbs; v->name; v++)
		if (!strcmp(v->name, name))
			return v;
	return NULL;
}

/* How many letters must change; words are short, so the plain table will do. */
static size_t distance(const char *a, const char *b)
{
	size_t row[32], len = strlen(b);
	for (size_t j = 0; j <= len; j++)
		row[j] = j;
	for (size_t i = 0; a[i]; i++) {
		size_t corner = row[0]++;
		for (size_t j = 0; j < len; j++) {
			size_t swap = corner + (a[i] != b[j]);
			corner = row[j + 1];
			size_t drop = (row[j] < corner ? row[j] : corner) + 1;
			row[j + 1] = swap < drop ? swap : drop;
		}
	}
	return row[len];
}

const struct verb *verbs_near(const char *name)
{
	const struct verb *best = NULL;
	size_t best_distance = 3, len = strlen(name); /* three letters off is another word */
	if (len < 2 || len > 24)
		return NULL;
	for (const struct verb *v = verbs; v->name; v++) {
		size_t d = strncmp(v->name, name, len) ? distance(name, v->name) : 1;
		if (!v->help || d >= best_distance)
			continue;
		best = v;
		best_distance = d;
	}
	return best;
}

void verbs_list(FILE *out)
{
	fputs("syncline keeps your settings, notes and small files in step across your devices.\n\n"
	      "  syncline                opens the console\n"
	      "  syncline VERB ...       one of:\n\n", out);
	for (const struct verb *v = verbs; v->name; v++)
		if (v->help)
			fprintf(out, "  %-12s%s\n", v->name, v->help);
	fputs("\nEverywhere:\n\n"
	      "  --home DIR  use this folder for configuration, state and log (or SYNCLINE_HOME)\n"
	      "  --json      print JSON\n"
	      "  --quiet     print errors and what was asked for only\n"
	      "  --version   print the version\n"
	      "  --help      this page; behind a verb, its own\n", out);
}

void verbs_explain(FILE *out, const struct verb *v)
{
	const char *form = v->usage, *lead = "usage:";
	bool alone = !strcmp(v->name, "syncline");
	do {
		int len = (int)strcspn(form, "\n");
		fprintf(out, "%-6s syncline%s%s%s%.*s\n", lead, alone ? "" : " ", alone ? "" : v->name, len ? " " : "",
		        len, form);
		form += len;
		lead = "";
	} while (*form++);
	if (v->help)
		fprintf(out, "\n%s\n", v->help);
	if (v->more)
		fprintf(out, "%s\n", v->more);
}

int cmd_help(int argc, char **argv)
{
	if (!opts_parse(&argc, argv, NULL, 0, 1))
		return CONTROL_USAGE;
	const struct verb *v = argc > 1 ? verbs_find(argv[1]) : NULL;
	if (argc > 1 && !v)
		return say_fail(CONTROL_USAGE, argv[1], "'syncline --help' lists them", "there is no such command");
	if (v)
		verbs_explain(stdout, v);
	else
		verbs_list(stdout);
	return CONTROL_DONE;
}

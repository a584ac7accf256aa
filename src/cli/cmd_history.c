#include <string.h>

#include "cli/ask.h"
#include "cli/opts.h"
#include "cli/say.h"
#include "cli/verbs.h"
#include "sys/home.h"

/* What came from elsewhere came from the device that stands before it. */
static const char *how_of(const json_t *row)
{
	const char *how = json_get_text(row, json_object_get(row, "strategy") ? "strategy" : "how");
	return how && !strcmp(how, "remote") ? "received" : how;
}

/* Which two versions a choice was about, and which one a version lost to. */
static void add_note(struct table *t, const json_t *row)
{
	const char *mine = json_get_text(row, "mine"), *theirs = json_get_text(row, "theirs");
	const char *over = json_get_text(row, "over"), *device = json_get_text(row, "over_device");
	const char *lost = json_get_text(row, "lost_to"), *was = json_get_text(row, "was");
	char note[400] = "";
	if (over && device)
		snprintf(note, sizeof note, "newer than %.8s of %s", over, say_text(device));
	else if (over)
		snprintf(note, sizeof note, "newer than %.8s", over);
	else if (mine && theirs)
		snprintf(note, sizeof note, "of %.8s and %.8s", mine, theirs);
	else if (was)
		snprintf(note, sizeof note, "was %s", say_text(was));
	else if (lost)
		snprintf(note, sizeof note, "lost to %.8s", lost);
	const char *content = json_get_text(row, "content");
	if (content && strcmp(content, "here") != 0)
		snprintf(note + strlen(note), sizeof note - strlen(note), "%s%s", *note ? ", " : "",
			 !strcmp(content, "thinned") ? "thinned away"
			 : !strcmp(content, "lost")  ? "lost"
						     : "not on this device");
	table_cell(t, TINT_DIM, note);
}

static void print_history(const json_t *rows, bool all)
{
	size_t i;
	json_t *row;
	struct table *t = table_create();
	table_column(t, "version", 0);
	if (all)
		table_column(t, "item", COLUMN_GROW);
	table_column(t, "when", 0);
	table_column(t, "device", COLUMN_GROW);
	table_column(t, "kind", 0);
	table_column(t, "how", 0);
	table_column(t, "size", COLUMN_RIGHT);
	table_column(t, "", COLUMN_GROW);
	json_array_foreach(rows, i, row) {
		table_cell(t, TINT_STRONG, say_short(json_get_text(row, "version")));
		if (all)
			table_cell(t, TINT_NONE, json_get_text(row, "item"));
		table_cell(t, TINT_DIM, say_ago(json_get_text(row, "at")));
		table_cell(t, TINT_NONE, json_get_text(row, "device"));
		table_cell(t, TINT_NONE, json_get_text(row, "kind"));
		table_cell(t, TINT_NONE, how_of(row));
		table_cell(t, TINT_DIM, say_bytes((double)json_get_int(row, "size", 0)));
		add_note(t, row);
	}
	table_print(t, "");
}

int cmd_history(int argc, char **argv)
{
	int code = CONTROL_DONE;
	if (!opts_parse(&argc, argv, NULL, 0, 1))
		return CONTROL_USAGE;
	json_t *request = control_request("history");
	if (argc > 1)
		json_object_set_new(request, "item", json_bytes(argv[1], strlen(argv[1])));
	json_t *rows = ask_engine(request, ASK_MS, &code);
	if (!rows)
		return code;
	if (globals.json)
		say_json(rows);
	else if (!json_array_size(rows))
		say_done("no versions yet");
	else
		print_history(rows, argc == 1);
	json_decref(rows);
	return code;
}

#include <string.h>

#include "cli/ask.h"
#include "cli/opts.h"
#include "cli/say.h"
#include "cli/verbs.h"
#include "sys/home.h"

static void add_row(struct table *t, const json_t *row)
{
	const char *direction = json_get_text(row, "direction"), *reason = json_get_text(row, "reason");
	bool out = direction && !strcmp(direction, "outgoing"), packed = json_get_int(row, "size_wire", 0) > 0;
	table_cell(t, TINT_DIM, out ? "out" : "in");
	table_cell(t, TINT_NONE, json_get_text(row, "item"));
	table_cell(t, TINT_NONE, json_get_text(row, "kind"));
	table_cell(t, TINT_BUSY, json_get_text(row, "state"));
	table_cell(t, TINT_DIM, say_bytes((double)json_get_int(row, "size_plain", 0)));
	table_cell(t, TINT_NONE, packed ? say_bytes((double)json_get_int(row, "size_wire", 0)) : "");
	table_cell(t, TINT_DIM, json_get_int(row, "age_ms", 0) ? say_span(json_get_int(row, "age_ms", 0)) : "");
	table_cell(t, TINT_WARN, reason ? reason : "");
}

int cmd_queue(int argc, char **argv)
{
	int code = CONTROL_DONE;
	size_t i;
	json_t *row;
	if (!opts_parse(&argc, argv, NULL, 0, 0))
		return CONTROL_USAGE;
	json_t *rows = ask_engine(control_request("queue"), ASK_MS, &code);
	if (!rows)
		return code;
	if (globals.json) {
		say_json(rows);
	} else if (!json_array_size(rows)) {
		say_done("nothing is on its way");
	} else {
		struct table *t = table_create();
		table_column(t, "", 0);
		table_column(t, "item", COLUMN_GROW);
		table_column(t, "kind", 0);
		table_column(t, "state", 0);
		table_column(t, "whole", COLUMN_RIGHT);
		table_column(t, "wire", COLUMN_RIGHT);
		table_column(t, "age", COLUMN_RIGHT);
		table_column(t, "why", COLUMN_GROW);
		json_array_foreach(rows, i, row)
			add_row(t, row);
		table_print(t, "");
	}
	json_decref(rows);
	return code;
}

#include <stdio.h>
#include <string.h>

#include "cli/ask.h"
#include "cli/opts.h"
#include "cli/say.h"
#include "cli/verbs.h"
#include "sys/home.h"

static void add_strategy(struct table *t, const json_t *row)
{
	size_t more = json_array_size(json_object_get(row, "strategy_for"));
	char text[64];
	snprintf(text, sizeof text, "%s", say_text(json_get_text(row, "strategy")));
	if (more)
		snprintf(text + strlen(text), sizeof text - strlen(text), ", %zu by path", more);
	table_cell(t, TINT_NONE, text);
}

static void print_categories(const json_t *rows)
{
	size_t i;
	json_t *row;
	struct table *t = table_create();
	table_column(t, "category", 0);
	table_column(t, "path", COLUMN_GROW);
	table_column(t, "profile", 0);
	table_column(t, "strategy", 0);
	table_column(t, "items", COLUMN_RIGHT);
	table_column(t, "size", COLUMN_RIGHT);
	table_column(t, "state", 0);
	json_array_foreach(rows, i, row) {
		table_cell(t, TINT_STRONG, json_get_text(row, "name"));
		table_cell(t, TINT_NONE, json_get_text(row, "path"));
		table_cell(t, TINT_NONE, json_get_text(row, "profile"));
		add_strategy(t, row);
		table_number(t, json_get_int(row, "items", 0));
		table_cell(t, TINT_DIM, say_bytes((double)json_get_int(row, "bytes", 0)));
		table_cell(t, TINT_NONE, json_get_text(row, "state"));
	}
	table_print(t, "");
}

int cmd_categories(int argc, char **argv)
{
	int code = CONTROL_DONE;
	if (!opts_parse(&argc, argv, NULL, 0, 0))
		return CONTROL_USAGE;
	json_t *rows = ask_engine(control_request("categories"), ASK_MS, &code);
	if (!rows)
		return code;
	if (globals.json)
		say_json(rows);
	else if (!json_array_size(rows))
		say_done("no categories yet: 'syncline add notes ~/notes' makes one");
	else
		print_categories(rows);
	json_decref(rows);
	return code;
}

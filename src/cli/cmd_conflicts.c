#include <stdlib.h>

#include "base/mem.h"
#include "base/shell.h"
#include "cli/ask.h"
#include "cli/opts.h"
#include "cli/say.h"
#include "cli/verbs.h"
#include "sys/home.h"

static void add_side(struct table *t, const json_t *row, const char *side)
{
	const json_t *version = json_object_get(row, side);
	char *text =
	        mem_printf("%s, %s", say_text(json_get_text(version, "device")), say_ago(json_get_text(version, "at")));
	table_cell(t, TINT_NONE, text);
	free(text);
}

static void advise(const char *item)
{
	struct buf word = { 0 };
	shell_word(&word, item ? item : "ITEM");
	printf("\nsyncline diff %s\nsyncline resolve %s --keep mine    (or theirs, both, original, auto)\n",
	       buf_text(&word), buf_text(&word));
	buf_finish(&word);
}

int cmd_conflicts(int argc, char **argv)
{
	int code = CONTROL_DONE;
	size_t i;
	json_t *row;
	if (!opts_parse(&argc, argv, NULL, 0, 0))
		return CONTROL_USAGE;
	json_t *rows = ask_engine(control_request("conflicts"), ASK_MS, &code);
	if (!rows)
		return code;
	if (globals.json) {
		say_json(rows);
	} else if (!json_array_size(rows)) {
		say_done("no conflicts");
	} else {
		struct table *t = table_create();
		table_column(t, "item", COLUMN_GROW);
		table_column(t, "kind", 0);
		table_column(t, "hunks", COLUMN_RIGHT);
		table_column(t, "mine", 0);
		table_column(t, "theirs", 0);
		table_column(t, "since", 0);
		json_array_foreach(rows, i, row) {
			table_cell(t, TINT_STRONG, json_get_text(row, "item"));
			table_cell(t, TINT_NONE, json_get_text(row, "kind"));
			if (json_get_bool(row, "merged_clean"))
				table_cell(t, TINT_GOOD, "clean");
			else
				table_number(t, json_get_int(row, "hunks", 0));
			add_side(t, row, "mine");
			add_side(t, row, "theirs");
			table_cell(t, TINT_DIM, say_ago(json_get_text(row, "detected_at")));
		}
		table_print(t, "");
		if (!globals.quiet)
			advise(json_get_text(json_array_get(rows, 0), "item"));
	}
	json_decref(rows);
	return code;
}

#include <string.h>

#include "cli/ask.h"
#include "cli/opts.h"
#include "cli/say.h"
#include "cli/verbs.h"
#include "sys/home.h"

static int revoke(const char *name)
{
	json_t *request = control_request("revoke");
	json_object_set_new(request, "name", json_bytes(name, strlen(name)));
	int code = ask_act(request, ASK_MS);
	if (!code)
		say_done("%s is shut out; what it holds already, it keeps", say_text(name));
	return code;
}

static void print_devices(const json_t *rows)
{
	size_t i;
	json_t *row;
	struct table *t = table_create();
	table_column(t, "device", COLUMN_GROW);
	table_column(t, "", 0);
	table_column(t, "last seen", 0);
	table_column(t, "behind", COLUMN_RIGHT);
	table_column(t, "id", 0);
	json_array_foreach(rows, i, row) {
		bool online = json_get_bool(row, "online"), self = json_get_bool(row, "this");
		bool revoked = json_get_bool(row, "revoked");
		table_cell(t, self ? TINT_STRONG : TINT_NONE, json_get_text(row, "name"));
		table_cell(t, revoked ? TINT_BAD : online ? TINT_GOOD : TINT_DIM,
			   revoked ? "shut out" : self ? "this device" : online ? "online" : "offline");
		table_cell(t, TINT_DIM, online ? "now" : say_ago(json_get_text(row, "last_seen_at")));
		table_number(t, json_get_int(row, "behind", 0));
		table_cell(t, TINT_DIM, say_short(json_get_text(row, "id")));
	}
	table_print(t, "");
}

int cmd_devices(int argc, char **argv)
{
	int code = CONTROL_DONE;
	if (!opts_parse(&argc, argv, NULL, 0, 2))
		return CONTROL_USAGE;
	if (argc == 3 && !strcmp(argv[1], "revoke"))
		return revoke(argv[2]);
	if (argc > 1)
		return say_usage("devices", "it is 'devices', or 'devices revoke NAME'");
	json_t *rows = ask_engine(control_request("devices"), ASK_MS, &code);
	if (!rows)
		return code;
	if (globals.json)
		say_json(rows);
	else if (!json_array_size(rows))
		say_done("no devices: not joined yet");
	else
		print_devices(rows);
	json_decref(rows);
	return code;
}

#include <string.h>

#include "cli/ask.h"
#include "cli/opts.h"
#include "cli/say.h"
#include "cli/verbs.h"
#include "sys/home.h"

/* The exit codes, the highest that is true. */
enum verdict { IN_STEP = 0, MOVING = 10, CONFLICTS_WAIT = 11, OFFLINE = 12, IN_ERROR = 13 };

static const char *part_text(const json_t *status, const char *part, const char *key)
{
	return json_get_text(json_object_get(status, part), key);
}

static int64_t part_int(const json_t *status, const char *part, const char *key)
{
	return json_get_int(json_object_get(status, part), key, 0);
}

static bool is(const char *text, const char *word)
{
	return text && !strcmp(text, word);
}

/* Counts the categories in a state. */
static size_t categories_in(const json_t *status, const char *state)
{
	size_t i, count = 0;
	json_t *category;
	json_array_foreach(json_object_get(status, "categories"), i, category)
		count += is(json_get_text(category, "state"), state);
	return count;
}

static bool all_paused(const json_t *status)
{
	size_t count = json_array_size(json_object_get(status, "categories"));
	return json_get_bool(status, "paused") || (count && categories_in(status, "paused") == count);
}

static enum verdict verdict_of(const json_t *status)
{
	bool queued = part_int(status, "queue", "outgoing") + part_int(status, "queue", "incoming") > 0;
	bool synced = json_get_bool(status, "synced");
	if (is(part_text(status, "connection", "state"), "error") || categories_in(status, "error") ||
	    json_array_size(json_object_get(status, "errors")))
		return IN_ERROR;
	if (!is(part_text(status, "connection", "state"), "connected"))
		return OFFLINE;
	if (json_get_int(status, "conflicts", 0))
		return CONFLICTS_WAIT;
	if (all_paused(status))
		return IN_STEP;
	/* "In step" is claimed only when the engine itself says that nothing is left to look at. */
	return queued || !synced ? MOVING : IN_STEP;
}

static void print_verdict(const json_t *status, enum verdict v)
{
	int64_t out = part_int(status, "queue", "outgoing"), in = part_int(status, "queue", "incoming");
	const char *words, *state = part_text(status, "connection", "state");
	enum tint tint;
	switch (v) {
	case MOVING:
		words = "moving", tint = TINT_BUSY;
		break;
	case CONFLICTS_WAIT:
		words = say_count(json_get_int(status, "conflicts", 0), "conflict needs you", "conflicts need you"),
		tint = TINT_WARN;
		break;
	case OFFLINE:
		words = !part_text(status, "connection", "hub") ? "not joined"
		        : state                                 ? state
		                                                : "offline",
		tint = TINT_WARN;
		break;
	case IN_ERROR:
		words = "error", tint = TINT_BAD;
		break;
	default:
		words = all_paused(status) ? "paused" : "in step", tint = TINT_GOOD;
	}
	printf("%s%s%s  %s%s%s", say_tint(TINT_STRONG), say_text(part_text(status, "device", "name")), say_plain(),
	       say_tint(tint), words, say_plain());
	if (out)
		printf("%s%lld out", say_dot(), (long long)out);
	if (in)
		printf("%s%lld in", say_dot(), (long long)in);
	putchar('\n');
}

static void print_link(const json_t *status)
{
	const json_t *link = json_object_get(status, "connection"), *rtt = json_object_get(link, "rtt_ms");
	const char *hub = json_get_text(link, "hub"), *error = json_get_text(link, "error"),
	           *state = json_get_text(link, "state");
	if (!hub) {
		puts("  hub     none yet: 'syncline join' takes an invite");
		return;
	}
	printf("  hub     %s%s%s", say_text(hub), say_dot(), say_text(state));
	if (json_is_number(rtt))
		printf("%s%.1f ms", say_dot(), json_number_value(rtt));
	if (json_get_bool(link, "insecure"))
		printf("%s%snot encrypted on the way%s", say_dot(), say_tint(TINT_WARN), say_plain());
	putchar('\n');
	if (error && !is(state, "error")) /* an error stands below, with the others */
		printf("          %s%s%s\n", say_tint(TINT_BAD), say_text(error), say_plain());
	if (json_is_integer(json_object_get(link, "retry_in_ms")))
		printf("          attempt %lld, the next one in %s\n", (long long)json_get_int(link, "attempt", 0),
		       say_span(json_get_int(link, "retry_in_ms", 0)));
}

static void print_store(const json_t *store)
{
	int64_t thinned = json_get_int(store, "thinned", 0);
	if (!store)
		return;
	printf("  store   %s%s%s", say_bytes((double)json_get_int(store, "disk_bytes", 0)), say_dot(),
	       say_count(json_get_int(store, "versions", 0), "version", "versions"));
	if (thinned)
		printf("%s%lld thinned away", say_dot(), (long long)thinned);
	putchar('\n');
}

static void print_traffic(const json_t *status)
{
	const json_t *t = json_object_get(status, "traffic");
	printf("  synced  %s\n", say_ago(json_get_text(status, "last_synced_at")));
	print_store(json_object_get(status, "store"));
	printf("  sent    %s%sreceived %s", say_bytes((double)json_get_int(t, "bytes_sent", 0)), say_dot(),
	       say_bytes((double)json_get_int(t, "bytes_received", 0)));
	if (json_get_int(t, "bytes_plain", 0))
		printf("%s%.1f %% saved of %s", say_dot(), json_number_value(json_object_get(t, "saved_percent")),
		       say_bytes((double)json_get_int(t, "bytes_plain", 0)));
	putchar('\n');
}

static enum tint tint_of(const char *state)
{
	return is(state, "error")     ? TINT_BAD
	       : is(state, "syncing") ? TINT_BUSY
	       : is(state, "synced")  ? TINT_GOOD
	                              : TINT_DIM;
}

static void print_categories(const json_t *rows)
{
	size_t i;
	json_t *row;
	if (!json_array_size(rows)) {
		puts("\n  no categories yet: 'syncline add notes ~/notes' makes one");
		return;
	}
	struct table *t = table_create();
	table_column(t, "category", COLUMN_GROW);
	table_column(t, "items", COLUMN_RIGHT);
	table_column(t, "pending", COLUMN_RIGHT);
	table_column(t, "conflicts", COLUMN_RIGHT);
	table_column(t, "state", 0);
	table_column(t, "last change", 0);
	json_array_foreach(rows, i, row) {
		const char *state = json_get_text(row, "state");
		table_cell(t, TINT_NONE, json_get_text(row, "name"));
		table_number(t, json_get_int(row, "items", 0));
		table_number(t, json_get_int(row, "pending", 0));
		table_number(t, json_get_int(row, "conflicts", 0));
		table_cell(t, tint_of(state), state);
		table_cell(t, TINT_DIM, say_ago(json_get_text(row, "last_change_at")));
	}
	putchar('\n');
	table_print(t, "  ");
}

/* What a person should know of how the folders are looked at. */
static void print_watching(const json_t *rows)
{
	size_t i;
	json_t *row;
	json_array_foreach(rows, i, row) {
		const char *name = json_get_text(row, "name"), *why = json_get_text(row, "watch_reason");
		int64_t refused = json_get_int(row, "refused", 0), left_out = json_get_int(row, "left_out", 0),
			closed = json_get_int(row, "closed_folders", 0);
		if (why)
			printf("\n  %s%s is looked at every %s: %s%s\n", say_tint(TINT_WARN), say_text(name),
			       say_span(json_get_int(row, "interval_ms", 0)), say_text(why), say_plain());
		if (closed)
			printf("\n  %s%s: %s not looked at%s: 'syncline log' names %s, and says why\n", say_tint(TINT_WARN),
			       say_text(name), say_count(closed, "folder is", "folders are"), say_plain(),
			       closed == 1 ? "it" : "them");
		if (refused)
			printf("\n  %s: %s on this device: 'syncline log' names them, 'syncline why' says more\n",
			       say_text(name), say_count(refused, "file stays", "files stay"));
		if (left_out)
			printf("\n  %s: %s not brought to this device: 'syncline log' names them, 'syncline why' says more\n",
			       say_text(name), say_count(left_out, "item is", "items are"));
	}
}

static void print_errors(const json_t *errors)
{
	size_t i;
	json_t *line;
	json_array_foreach(errors, i, line) printf("%s  %s%s%s\n", i ? "" : "\n", say_tint(TINT_BAD),
	                                           say_text(json_string_value(line)), say_plain());
}

int cmd_status(int argc, char **argv)
{
	int code = CONTROL_DONE;
	if (!opts_parse(&argc, argv, NULL, 0, 0))
		return CONTROL_USAGE;
	json_t *status = ask_engine(control_request("status"), ASK_MS, &code);
	if (!status)
		return code;
	enum verdict v = verdict_of(status);
	if (globals.json) {
		say_json(status);
	} else {
		print_verdict(status, v);
		print_link(status);
		print_traffic(status);
		print_categories(json_object_get(status, "categories"));
		print_watching(json_object_get(status, "categories"));
		print_errors(json_object_get(status, "errors"));
	}
	json_decref(status);
	return (int)v;
}

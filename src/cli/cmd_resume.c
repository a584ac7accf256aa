#include <string.h>

#include "cli/ask.h"
#include "cli/opts.h"
#include "cli/say.h"
#include "cli/verbs.h"
#include "sys/home.h"

/* What came of it: a pause that ended, deletions that may go, or nothing at all. */
static void tell(const json_t *was, const char *category)
{
	const json_t *paused = json_object_get(was, "paused");
	int64_t deleted = json_get_int(was, "deleted", 0);
	if (category && deleted)
		say_done("going on with %s: %s deleted on all devices", category,
		         say_count(deleted, "file that is gone here is", "files that are gone here are"));
	else if (json_get_bool(was, "was_paused"))
		say_done("going on%s%s", category ? " with " : "", category ? category : "");
	else if (category && json_get_bool(was, "all_paused"))
		say_done("%s was neither paused by itself nor held: everything is paused, 'syncline resume' goes on",
			 category);
	else if (category)
		say_done("%s was neither paused nor held", category);
	else if (json_array_size(paused))
		say_done("not everything was paused, only single categories: 'syncline resume %s' goes on with one",
		         say_text(json_string_value(json_array_get(paused, 0))));
	else
		say_done("nothing was paused");
}

int cmd_resume(int argc, char **argv)
{
	struct opt opts[] = { { .name = "accept-rollback" }, { 0 } };
	if (!opts_parse(&argc, argv, opts, 0, 1))
		return CONTROL_USAGE;
	if (opts[0].given && argc > 1)
		return say_usage("resume", "--accept-rollback is about the hub, not one category");
	json_t *request = control_request("resume");
	if (argc > 1)
		json_object_set_new(request, "category", json_bytes(argv[1], strlen(argv[1])));
	if (opts[0].given)
		json_object_set_new(request, "accept_rollback", json_true());
	int code = CONTROL_DONE;
	json_t *was = ask_engine(request, ASK_MS, &code);
	if (!was)
		return code;
	if (globals.json)
		say_json(was);
	else if (opts[0].given)
		say_done("going on: what differs is united with the hub");
	else
		tell(was, argc > 1 ? say_text(argv[1]) : NULL);
	json_decref(was);
	return code;
}

#include <unistd.h>

#include "base/duration.h"
#include "cli/ask.h"
#include "cli/opts.h"
#include "cli/say.h"
#include "cli/verbs.h"
#include "sys/home.h"

#define INVITE_EXPIRES_MS 600000
#define INVITE_ASK_MS 30000 /* the hub has to answer too */

static void print_invite(const json_t *answer)
{
	const char *invite = json_get_text(answer, "invite");
	if (globals.json)
		say_json(answer);
	else
		puts(invite ? invite : "");
	if (isatty(STDOUT_FILENO) && !globals.quiet)
		fputs("\nOn the other device, run 'syncline join' and paste it. It works once; whoever has it can read "
		      "all you sync.\n",
		      stderr);
}

int cmd_invite(int argc, char **argv)
{
	struct opt opts[] = { { .name = "expires", .wants_value = true }, { 0 } };
	int64_t expires_ms = INVITE_EXPIRES_MS;
	int code = CONTROL_DONE;
	if (!opts_parse(&argc, argv, opts, 0, 0))
		return CONTROL_USAGE;
	if (opts[0].given && (!duration_parse(opts[0].value, &expires_ms) || expires_ms < 1000))
		return say_usage("invite", "--expires needs a time such as 10m or 2h, not '%s'", opts[0].value);
	struct visit visit = ask_visit();
	if (!visit.client)
		return visit.code;
	json_t *request = control_request("invite");
	json_object_set_new(request, "expires_ms", json_integer(expires_ms));
	json_t *answer = ask_on(visit.client, request, INVITE_ASK_MS, &code);
	if (answer)
		print_invite(answer);
	json_decref(answer);
	return ask_leave(&visit, code);
}

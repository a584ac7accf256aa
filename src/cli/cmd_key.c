#include <string.h>
#include <unistd.h>

#include "cli/ask.h"
#include "cli/opts.h"
#include "cli/say.h"
#include "cli/verbs.h"
#include "sys/home.h"

int cmd_key(int argc, char **argv)
{
	struct opt opts[] = { { .name = "force" }, { 0 } };
	int code = CONTROL_DONE;
	if (!opts_parse(&argc, argv, opts, 1, 1))
		return CONTROL_USAGE;
	if (strcmp(argv[1], "export"))
		return say_usage("key", "it is 'key export', not 'key %s'", argv[1]);
	if (!opts[0].given && !isatty(STDOUT_FILENO))
		return say_fail(CONTROL_FAILED, "key export", "--force prints it anyway",
				"the recovery key opens all you sync, and this is no terminal");
	struct visit visit = ask_visit();
	if (!visit.client)
		return visit.code;
	json_t *answer = ask_on(visit.client, control_request("key_export"), ASK_MS, &code);
	const char *key = json_get_text(answer, "key");
	if (answer && globals.json)
		say_json(answer);
	else if (answer)
		puts(key ? key : "");
	if (answer && isatty(STDOUT_FILENO) && !globals.quiet)
		fputs("\nWrite it down and keep it safe: all devices and this key lost means the data lost.\n", stderr);
	json_decref(answer);
	return ask_leave(&visit, code);
}

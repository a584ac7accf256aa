#include "cli/ask.h"
#include "cli/await.h"
#include "cli/opts.h"
#include "cli/say.h"
#include "cli/verbs.h"
#include "sys/home.h"

int cmd_thin(int argc, char **argv)
{
	int code = CONTROL_NO_ENGINE;
	if (!opts_parse(&argc, argv, NULL, 0, 0))
		return CONTROL_USAGE;
	struct client *c = ask_connect();
	json_t *answer = c ? await_answer(c, control_request("thin"), "thinning", -1, &code) : NULL;
	client_destroy(c);
	if (answer && globals.json)
		say_json(answer);
	else if (answer && json_get_int(answer, "versions", 0))
		say_done("%s thinned away, %s of content; the store is %s now",
			 say_count(json_get_int(answer, "versions", 0), "version", "versions"),
			 say_bytes((double)json_get_int(answer, "bytes", 0)),
			 say_bytes((double)json_get_int(answer, "disk_bytes", 0)));
	else if (answer)
		say_done("nothing is old enough; the store is %s",
			 say_bytes((double)json_get_int(answer, "disk_bytes", 0)));
	json_decref(answer);
	return code;
}

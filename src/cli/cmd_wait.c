#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/duration.h"
#include "cli/ask.h"
#include "cli/await.h"
#include "cli/opts.h"
#include "cli/say.h"
#include "cli/verbs.h"
#include "sys/clock.h"
#include "sys/home.h"

#define WAIT_LOOK_MS 20    /* how often we look for an engine that is still starting */
#define WAIT_GRACE_MS 5000 /* the engine keeps the time; this is for one that hangs */

enum { READY, SYNCED, TIMEOUT };

static int left_ms(uint64_t until)
{
	uint64_t now = clock_ms();
	return until == UINT64_MAX         ? -1
	       : now >= until              ? 0
	       : until - now > INT_MAX / 2 ? INT_MAX / 2
	                                   : (int)(until - now);
}

/* With --ready an engine that is about to start is waited for. */
static struct client *reach(uint64_t until)
{
	struct client *c;
	while (!(c = client_connect(globals.home.control, NULL)) && clock_ms() < until)
		usleep(WAIT_LOOK_MS * 1000);
	if (!c)
		say_fail(CONTROL_TIMED_OUT, "wait", "start it with 'syncline run'", "no engine answers");
	return c;
}

static int wait_for(bool ready, bool synced, uint64_t until)
{
	int code = CONTROL_DONE, left;
	struct client *c = ready ? reach(until) : ask_connect();
	if (!c)
		return ready ? CONTROL_TIMED_OUT : CONTROL_NO_ENGINE;
	json_t *request = control_request("wait");
	json_object_set_new(request, synced ? "synced" : "ready", json_true());
	left = left_ms(until);
	if (left >= 0)
		json_object_set_new(request, "timeout_ms", json_integer(left));
	json_t *answer = await_answer(c, request, "waiting", left < 0 ? -1 : left + WAIT_GRACE_MS, &code);
	int64_t conflicts = synced ? json_get_int(answer, "conflicts", 0) : 0;
	if (conflicts && !globals.quiet)
		say_fail(CONTROL_CONFLICTS, "wait", "'syncline conflicts' lists them", "in step, but for %s",
			 say_count(conflicts, "conflict", "conflicts"));
	if (conflicts)
		code = CONTROL_CONFLICTS;
	json_decref(answer);
	client_destroy(c);
	return code;
}

int cmd_wait(int argc, char **argv)
{
	struct opt opts[] = {
		[READY] = { .name = "ready" },
		[SYNCED] = { .name = "synced" },
		[TIMEOUT] = { .name = "timeout", .wants_value = true },
		{ 0 },
	};
	int64_t timeout_ms = -1;
	if (!opts_parse(&argc, argv, opts, 0, 0))
		return CONTROL_USAGE;
	if (opts[TIMEOUT].given && !duration_parse(opts[TIMEOUT].value, &timeout_ms))
		return say_usage("wait", "--timeout needs seconds, not '%s'", opts[TIMEOUT].value);
	bool synced = opts[SYNCED].given || !opts[READY].given;
	return wait_for(opts[READY].given, synced, timeout_ms < 0 ? UINT64_MAX : clock_ms() + (uint64_t)timeout_ms);
}

#include <signal.h>
#include <unistd.h>

#include "cli/demo.h"
#include "cli/opts.h"
#include "cli/say.h"
#include "cli/verbs.h"
#include "control/control.h"
#include "sys/clock.h"

#define LIVE_EVERY_MS 2500     /* somebody does something, on average */
#define CONFLICT_AFTER_MS 15000

enum { DEVICES, SCRIPT, SECONDS };

/* Two people change the same line, one of them without knowing of the other. */
static void make_conflict(struct demo *d)
{
	struct demo_device *a = &d->devices[1], *b = &d->devices[d->count - 1];
	if (a == b)
		a = &d->devices[0];
	demo_do(d, b, "pause");
	demo_change_line(a, "settings/terminal.conf", "scrollback = 20000");
	demo_change_line(b, "settings/terminal.conf", "scrollback = 50000");
	demo_do(d, a, "wait", "--synced", "--timeout", "10");
	demo_do(d, b, "resume");
}

/* The console has the terminal; the people at the other devices go about their day until it is closed. */
static int live(struct demo *d, int64_t seconds)
{
	struct child console;
	struct err e = { 0 };
	char *argv[] = { (char *)child_self(), "--home", d->devices[0].home, NULL }, told[160];
	d->on_screen = true;
	signal(SIGINT, SIG_IGN); /* Ctrl-C is a key of the console's */
	if (!child_start(&console, argv, 0, &e))
		return say_error(CONTROL_FAILED, &e);
	uint64_t start = clock_ms(), next = start + LIVE_EVERY_MS;
	bool conflict_made = false;
	int code;
	while ((code = child_wait(&console, 100)) < 0) {
		uint64_t now = clock_ms();
		if (demo_over() || (seconds && now > start + (uint64_t)seconds * 1000))
			return child_end(&console, 3000), CONTROL_DONE;
		if (!conflict_made && now > start + CONFLICT_AFTER_MS) {
			make_conflict(d);
			conflict_made = true;
		} else if (now > next) {
			demo_live(d, &d->devices[1 + rng_below(&d->rng, d->count - 1)], told);
			next = now + LIVE_EVERY_MS / 2 + rng_below(&d->rng, LIVE_EVERY_MS);
		}
	}
	return code;
}

int cmd_demo(int argc, char **argv)
{
	struct opt opts[] = {
		[DEVICES] = { .name = "devices", .wants_value = true },
		[SCRIPT] = { .name = "script" },
		[SECONDS] = { .name = "seconds", .wants_value = true },
		{ 0 },
	};
	int64_t devices = 3, seconds = 0;
	struct demo d = { 0 };
	if (!opts_parse(&argc, argv, opts, 0, 0))
		return CONTROL_USAGE;
	if (opts[DEVICES].given && !opts_number(opts[DEVICES].value, 2, DEMO_DEVICES_MAX, &devices))
		return say_usage("demo", "--devices needs a number from 2 to %d", DEMO_DEVICES_MAX);
	if (opts[SECONDS].given && !opts_number(opts[SECONDS].value, 0, 86400, &seconds))
		return say_usage("demo", "--seconds needs a number up to 86400");
	bool script = opts[SCRIPT].given || !isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO);
	int code;
	if (script)
		code = demo_story(&d, (size_t)devices, seconds);
	else
		code = demo_open(&d, (size_t)devices) ? live(&d, seconds) : CONTROL_FAILED;
	demo_close(&d);
	return code;
}

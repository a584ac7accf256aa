#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "cli/say.h"
#include "cli/verbs.h"
#include "control/control.h"
#include "sys/home.h"

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "unversioned"
#endif

#define ITEM_IS "ITEM is CATEGORY/RELATIVE/PATH."

const struct verb verbs[] = {
	{ "run", engine_main, "", "the engine in the foreground, without a screen",
	  "SIGTERM ends it cleanly; SIGHUP reads the configuration again and dials at once." },
	{ "hub", hub_main,
	  "--listen ADDR:PORT [--store URL] [--port-file F] [--tls-cert F --tls-key F] [--insecure]\n"
	  "invite --store URL --account NAME [--url URL] [--expires 10m]",
	  "the hub, or an invite for an account's first device",
	  "Store: sqlite:FILE. Port 0 picks one; --port-file gets ADDR:PORT once it listens." },
	{ "join", cmd_join, "[-|FILE] [--name NAME] [--insecure]", "enrol this device at the hub that an invite names",
	  "The invite comes from standard input (-), a file, or is asked for.\n"
	  "It carries a key: never on the command line." },
	{ "invite", cmd_invite, "[--expires 10m]", "make an invite for another of your devices",
	  "Hand it over in person: it carries the account's key, which the hub never sees." },
	{ "key", cmd_key, "export [--force]", "print the recovery key, on a terminal only unless --force", NULL },
	{ "add", cmd_add, "CATEGORY PATH [--include PATTERN] [--profile P] [--strategy S]",
	  "sync a folder, or a single file",
	  "A folder whose name ends in / is made when it is missing.\n"
	  "--include: of this folder, only what the pattern names; so for a single file that other devices have\n"
	  "and this one not yet.\n"
	  "Profiles: search-history, aliases, hotkeys, themes, notes, extensions-and-settings, snippets,\n"
	  "quicklinks, files. Strategies: merge, newest, ask." },
	{ "remove", cmd_remove, "CATEGORY", "stop syncing a category; its files stay everywhere", NULL },
	{ "status", cmd_status, "", "is everything in step",
	  "Exit: 0 in step or paused, 10 moving, 11 conflicts wait, 12 offline or not joined, 13 error, 3 no engine." },
	{ "queue", cmd_queue, "", "what is on its way", NULL },
	{ "conflicts", cmd_conflicts, "", "what needs you", NULL },
	{ "devices", cmd_devices, "\nrevoke NAME", "your devices; shut one out", NULL },
	{ "categories", cmd_categories, "", "what is synced, and how", NULL },
	{ "log", cmd_log, "[-f] [--lines N]", "what happened; -f goes on with what happens", NULL },
	{ "history", cmd_history, "[ITEM]", "the versions of an item, or of all", ITEM_IS },
	{ "show", cmd_show, "ITEM[@VERSION]", "print a version of an item",
	  ITEM_IS " VERSION is a prefix of its hex id." },
	{ "diff", cmd_diff, "ITEM [V1 V2]", "compare versions of an item",
	  ITEM_IS " V1 and V2 are prefixes of versions' hex ids: 'syncline history ITEM' lists them.\n"
		  "Without them: the two sides of its conflict, mine to theirs; where it has none, what last changed.\n"
		  "Lines for texts (+ came, - went), keys for JSON, sizes for what is neither." },
	{ "restore", cmd_restore, "ITEM VERSION\nCATEGORY", "bring an older version back",
	  ITEM_IS " VERSION is a prefix of its hex id: 'syncline history ITEM' lists them.\n"
		  "With a category that is held because many files are gone: no, bring them all back." },
	{ "resolve", cmd_resolve,
	  "ITEM --keep mine|theirs|both|original|auto\nITEM --with FILE\n--all --keep mine|theirs|both|original|auto",
	  "settle a conflict, on every device",
	  ITEM_IS " 'mine' is this device's version, 'theirs' the other one.\n"
		  "The version that is not kept stays in the history." },
	{ "undo", cmd_undo, "[ITEM]", "take the last settlement back, or this item's last one",
	  "The file is as before, and the conflict is open again. Given again: the settlement before." },
	{ "why", cmd_why, "ITEM", "is an item in step, and if not, what it waits for", ITEM_IS },
	{ "pause", cmd_pause, "[CATEGORY]", "send and apply nothing for now", NULL },
	{ "resume", cmd_resume, "[CATEGORY] [--accept-rollback]", "go on",
	  "With a category that is held because many files are gone: yes, delete them on all devices.\n"
	  "--accept-rollback: the hub was restored from an older copy, and you know it; what differs is united,\n"
	  "nothing is lost." },
	{ "limit", cmd_limit, "up|down RATE", "bound the bandwidth", NULL },
	{ "sync", cmd_sync, "", "look now; returns when all that was found is queued", NULL },
	{ "thin", cmd_thin, "", "thin the history now, and give its space back",
	  "What stays is what each category's 'keep' says; see syncline-config(5). It happens by itself, too." },
	{ "wait", cmd_wait, "[--ready] [--synced] [--timeout S]", "wait for the engine, or until everything is in step",
	  "Exit: 0, 4 timed out, 5 conflicts wait, 1 not joined." },
	{ "retry", cmd_retry, "", "dial the hub now", NULL },
	{ "notify", cmd_notify, "test", "send a test notice", NULL },
	{ "doctor", cmd_doctor, "", "check this machine, and say how to mend it", NULL },
	{ "demo", cmd_demo, "[--devices N] [--script] [--seconds S]",
	  "a playground: a hub and devices in a temporary folder",
	  "Opens the console on the first device. --script tells the story without a terminal and exits 0 when\n"
	  "all devices hold the same bytes." },
	{ "sim", sim_main,
	  "[--seed N] [--seeds COUNT] [--devices N] [--minutes M] [--shrink] [--twice] [--trace] [--trail] [--thin] "
	  "[--until TEXT]\n"
	  "--replay FILE [--nearby N] [--shrink] [--trace]\n"
	  "[--seed N] [--devices N] --relive FILE…",
	  "many lives of devices and a hub in virtual time, with bad luck",
	  "The same seed gives the same life; --trace tells it, --twice checks it. What breaks is shrunk (longer with\n"
	  "--shrink), told as a story and written to sim-SEED.trace, which --replay plays: exit 1 while it still "
	  "breaks, 0\n"
	  "when it does not, 2 when the file is none. --until: the life ends, as if broken, where that TEXT is told.\n"
	  "--relive: real edit histories, made by several devices at once." },
	{ "help", cmd_help, "[VERB]", "this page, or one verb's", NULL },
	{ "helper", helper_main, "", NULL, NULL },
	{ NULL, NULL, NULL, NULL, NULL },
};

/* Works without a home: nothing of the person's is touched. */
static bool homeless(const struct verb *v)
{
	return v->run == helper_main || v->run == sim_main || v->run == cmd_demo || v->run == cmd_help ||
	       v->run == hub_main;
}

static int unknown_verb(const char *name)
{
	const struct verb *near = verbs_near(name);
	char fix[96];
	snprintf(fix, sizeof fix, near ? "did you mean '%s'?" : "'syncline --help' lists them", near ? near->name : "");
	return say_fail(CONTROL_USAGE, name, fix, "there is no such command");
}

struct asked {
	const char *home;
	bool help, version, bad;
};

/* Takes the global options out of argv, wherever they stand; returns how many arguments are left. */
static int take_globals(int argc, char **argv, struct asked *a)
{
	int kept = 1;
	bool ended = false;
	for (int i = 1; i < argc; i++) {
		char *arg = argv[i];
		ended = ended || !strcmp(arg, "--");
		if (ended)
			argv[kept++] = arg;
		else if (!strcmp(arg, "--json"))
			globals.json = true;
		else if (!strcmp(arg, "--quiet"))
			globals.quiet = true;
		else if (!strcmp(arg, "--help") || !strcmp(arg, "-h"))
			a->help = true;
		else if (!strcmp(arg, "--version"))
			a->version = true;
		else if (!strncmp(arg, "--home=", 7))
			a->home = arg + 7;
		else if (!strcmp(arg, "--home") && i + 1 < argc)
			a->home = argv[++i];
		else if (!strcmp(arg, "--home"))
			a->bad = true;
		else
			argv[kept++] = arg;
	}
	argv[kept] = NULL;
	return kept;
}

static int run_verb(const struct verb *v, struct asked *a, int argc, char **argv)
{
	struct err e = { 0 };
	if (a->help) {
		verbs_explain(stdout, v);
		return CONTROL_DONE;
	}
	if (!home_resolve(&globals.home, a->home, &e) && !homeless(v))
		return say_error(CONTROL_FAILED, &e);
	return v->run(argc, argv);
}

static int front_door(int argc, char **argv)
{
	static const struct verb console = { "syncline", console_main, "", NULL, NULL };
	struct asked a = { 0 };
	argc = take_globals(argc, argv, &a);
	if (a.bad)
		return say_fail(CONTROL_USAGE, "--home", "--home DIR", "it needs a folder");
	if (a.version) {
		puts("syncline " PACKAGE_VERSION);
		return CONTROL_DONE;
	}
	if (argc == 1 && a.help) {
		verbs_list(stdout);
		return CONTROL_DONE;
	}
	if (argc == 1)
		return run_verb(&console, &a, argc, argv);
	if (argv[1][0] == '-') /* the console's own options; it judges them */
		return run_verb(&console, &a, argc, argv);
	const struct verb *v = verbs_find(argv[1]);
	return v ? run_verb(v, &a, argc - 1, argv + 1) : unknown_verb(argv[1]);
}

int main(int argc, char **argv)
{
	setlocale(LC_ALL, "");
	setlocale(LC_NUMERIC, "C");
	int code = front_door(argc, argv);
	if (fflush(stdout) || ferror(stdout))
		code = say_fail(code ? code : CONTROL_FAILED, "output", NULL, "not all of it could be written: %m");
	return code;
}

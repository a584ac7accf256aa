/* hub: `syncline hub` and `syncline hub invite`: what the command line says. The work is in serve.c and invite.c. */
#include <getopt.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "base/mem.h"
#include "cli/verbs.h"
#include "control/control.h"
#include "hub/io/listener.h"
#include "hub/options.h"
#include "sys/home.h"

#define DEFAULT_LISTEN     "127.0.0.1:8443"
#define DEFAULT_EXPIRES_MS (10 * 60 * 1000)

int options_fail(int code, const struct err *e)
{
	char line[1024];
	fprintf(stderr, "%s\n", err_line(e, line, sizeof line));
	return code;
}

int64_t options_duration_ms(const char *text)
{
	static const struct {
		const char *unit;
		int64_t ms;
	} units[] = { { "ms", 1 }, { "s", 1000 }, { "", 1000 }, { "m", 60000 }, { "h", 3600000 }, { "d", 86400000 } };
	char *end;
	long number = text[0] >= '0' && text[0] <= '9' ? strtol(text, &end, 10) : 0;
	if (number <= 0 || number > 1000000)
		return 0;
	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (strcmp(end, units[i].unit) == 0)
			return number * units[i].ms;
	return 0;
}

const char *options_bad_account(const char *name)
{
	static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._@+-";
	size_t len = strlen(name);
	if (len == 0 || len > 64)
		return "it must have 1 to 64 characters";
	if (strspn(name, good) != len)
		return "it may hold letters, digits and . _ @ + - only";
	return NULL;
}

static bool usage(struct err *e, const char *verb, const char *why)
{
	return err_set(e, verb, "see syncline hub --help", "%s", why);
}

static bool check(struct options *o, struct err *e)
{
	const char *verb = o->invite ? "hub invite" : "hub";
	if (o->invite && (o->listen || o->port_file || o->tls_cert || o->tls_key || o->insecure))
		return usage(e, verb, "it takes --store, --account, --url and --expires only");
	if (!o->invite && (o->account || o->url || o->expires_ms))
		return usage(e, verb, "--account, --url and --expires belong to hub invite");
	if (!o->invite && !o->tls_cert != !o->tls_key)
		return usage(e, verb, "--tls-cert and --tls-key belong together");
	if (o->invite && !o->account)
		return usage(e, verb, "--account NAME is missing");
	const char *bad = o->account ? options_bad_account(o->account) : NULL;
	if (bad)
		return err_set(e, "--account", "", "%s", bad);
	return !o->listen || listener_check(o->listen, e);
}

bool options_parse(struct options *o, int argc, char **argv, struct err *e)
{
	static const struct option known[] = {
		{ "listen", required_argument, NULL, 'l' },    { "store", required_argument, NULL, 's' },
		{ "port-file", required_argument, NULL, 'p' }, { "tls-cert", required_argument, NULL, 'c' },
		{ "tls-key", required_argument, NULL, 'k' },   { "insecure", no_argument, NULL, 'i' },
		{ "account", required_argument, NULL, 'a' },   { "url", required_argument, NULL, 'u' },
		{ "expires", required_argument, NULL, 'e' },   { 0 },
	};
	char why[160];
	int got;
	*o = (struct options){ 0 };
	if (argc > 1 && strcmp(argv[1], "invite") == 0) {
		o->invite = true;
		argc--;
		argv++;
	}
	optind = 0;
	while ((got = getopt_long(argc, argv, "+:", known, NULL)) != -1) {
		switch (got) {
		case 'l':
			o->listen = optarg;
			break;
		case 's':
			o->store = optarg;
			break;
		case 'p':
			o->port_file = optarg;
			break;
		case 'c':
			o->tls_cert = optarg;
			break;
		case 'k':
			o->tls_key = optarg;
			break;
		case 'i':
			o->insecure = true;
			break;
		case 'a':
			o->account = optarg;
			break;
		case 'u':
			o->url = optarg;
			break;
		case 'e':
			o->expires_ms = options_duration_ms(optarg);
			if (!o->expires_ms)
				return err_set(e, "--expires", "for example 10m, 1h or 2d", "%s is no time", optarg);
			break;
		default:
			snprintf(why, sizeof why, got == ':' ? "%s needs a value" : "there is no option %s",
			         argv[optind - 1]);
			return usage(e, o->invite ? "hub invite" : "hub", why);
		}
	}
	if (optind < argc) {
		snprintf(why, sizeof why, "%s is not understood here", argv[optind]);
		return usage(e, o->invite ? "hub invite" : "hub", why);
	}
	return check(o, e);
}

/* Tokens pass through this process: it leaves no core file, and no other process of the user may look into it. */
static void keep_private(void)
{
	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
	prctl(PR_SET_DUMPABLE, 0);
}

int hub_main(int argc, char **argv)
{
	struct options o;
	struct err e = { 0 };
	char *store = NULL;
	if (!options_parse(&o, argc, argv, &e))
		return options_fail(CONTROL_USAGE, &e);
	keep_private();
	if (sodium_init() < 0) {
		err_set(&e, "hub", "", "libsodium cannot be used");
		return options_fail(CONTROL_FAILED, &e);
	}
	if (!o.listen)
		o.listen = DEFAULT_LISTEN;
	if (!o.expires_ms)
		o.expires_ms = DEFAULT_EXPIRES_MS;
	if (!o.store) {
		if (!home_prepare(&globals.home, &e))
			return options_fail(CONTROL_FAILED, &e);
		o.store = store = mem_printf("sqlite:%s/hub.db", globals.home.state);
	}
	int code = o.invite ? invite_run(&o) : serve_run(&o);
	free(store);
	return code;
}

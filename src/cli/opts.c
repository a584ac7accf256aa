#include "cli/opts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/say.h"
#include "cli/verbs.h"
#include "control/control.h"

static struct opt *opt_of(struct opt *opts, const char *arg, const char **value)
{
	size_t len = strcspn(arg + 2, "=");
	*value = arg[2 + len] ? arg + 3 + len : NULL;
	for (struct opt *o = opts; o && o->name; o++)
		if (strlen(o->name) == len && !strncmp(o->name, arg + 2, len))
			return o;
	return NULL;
}

static int say_missing(const char *verb)
{
	const struct verb *v = verbs_find(verb);
	char form[160];
	if (!v || !*v->usage || *v->usage == '\n')
		return say_usage(verb, "something is missing");
	snprintf(form, sizeof form, "syncline %s %.*s", verb, (int)strcspn(v->usage, "\n"), v->usage);
	return say_fail(CONTROL_USAGE, verb, form, "something is missing");
}

bool opts_parse(int *argc, char **argv, struct opt *opts, int least, int most)
{
	const char *verb = argv[0];
	int kept = 1;
	bool ended = false;
	for (int i = 1; i < *argc; i++) {
		const char *value;
		if (ended || argv[i][0] != '-' || !argv[i][1]) {
			argv[kept++] = argv[i];
			continue;
		}
		if (!strcmp(argv[i], "--")) {
			ended = true;
			continue;
		}
		struct opt *o = argv[i][1] == '-' ? opt_of(opts, argv[i], &value) : NULL;
		if (!o)
			return say_usage(verb, "there is no option '%s'", argv[i]), false;
		if (o->wants_value && !value)
			value = i + 1 < *argc ? argv[++i] : NULL;
		if (o->wants_value && !value)
			return say_usage(verb, "--%s needs a value", o->name), false;
		if (!o->wants_value && value)
			return say_usage(verb, "--%s takes no value", o->name), false;
		o->given = true;
		o->value = value;
	}
	argv[kept] = NULL;
	*argc = kept;
	if (kept - 1 < least)
		return say_missing(verb), false;
	if (kept - 1 > most)
		return say_usage(verb, "'%s' is too much", argv[most + 1]), false;
	return true;
}

bool opts_number(const char *text, int64_t least, int64_t most, int64_t *out)
{
	char *end;
	errno = 0;
	long long n = strtoll(text, &end, 10);
	if (errno || end == text || *end || n < least || n > most)
		return false;
	*out = n;
	return true;
}

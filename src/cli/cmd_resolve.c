#include <string.h>

#include "cli/ask.h"
#include "cli/opts.h"
#include "cli/say.h"
#include "cli/verbs.h"

enum { ALL, KEEP, WITH };

static bool one_of(const char *text, const char *const *words)
{
	for (; *words; words++)
		if (!strcmp(text, *words))
			return true;
	return false;
}

static int resolve(const char *item, const char *keep)
{
	int code = CONTROL_DONE;
	json_t *request = control_request("resolve");
	json_object_set_new(request, "keep", json_string(keep));
	if (item)
		json_object_set_new(request, "item", json_bytes(item, strlen(item)));
	else
		json_object_set_new(request, "all", json_true());
	json_t *answer = ask_engine(request, ASK_MS, &code);
	if (!answer)
		return code;
	if (item)
		say_done("%s: kept %s", say_text(item), keep);
	else
		say_done("%s settled: kept %s", say_count(json_get_int(answer, "settled", 0), "conflict", "conflicts"),
		         keep);
	json_decref(answer);
	return code;
}

int cmd_resolve(int argc, char **argv)
{
	static const char *const now[] = { "mine", "theirs", NULL }, *const later[] = { "both", "original", "auto",
		                                                                        NULL };
	struct opt opts[] = {
		[ALL] = { .name = "all" },
		[KEEP] = { .name = "keep", .wants_value = true },
		[WITH] = { .name = "with", .wants_value = true },
		{ 0 },
	};
	if (!opts_parse(&argc, argv, opts, 0, 1))
		return CONTROL_USAGE;
	if ((argc > 1) == opts[ALL].given)
		return say_usage("resolve", "name one item, or say --all");
	if (opts[KEEP].given == opts[WITH].given || (opts[ALL].given && opts[WITH].given))
		return say_usage("resolve", "say what to keep: --keep mine or --keep theirs");
	if (opts[WITH].given)
		return say_not_yet("resolve", "a conflict cannot be settled with a file of your own");
	if (one_of(opts[KEEP].value, later))
		return say_not_yet("resolve", "--keep %s; mine and theirs work", opts[KEEP].value);
	if (!one_of(opts[KEEP].value, now))
		return say_usage("resolve", "--keep is mine, theirs, both, original or auto, not '%s'",
		                 opts[KEEP].value);
	return resolve(argc > 1 ? argv[1] : NULL, opts[KEEP].value);
}

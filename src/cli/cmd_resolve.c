#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/blob.h"
#include "base/buf.h"
#include "cli/ask.h"
#include "cli/await.h"
#include "cli/opts.h"
#include "cli/say.h"
#include "cli/verbs.h"
#include "sys/home.h"

enum { ALL, KEEP, WITH };

static bool one_of(const char *text, const char *const *words)
{
	for (; *words; words++)
		if (!strcmp(text, *words))
			return true;
	return false;
}

/* False: the error has been printed. */
static bool read_content(const char *path, struct buf *out)
{
	char piece[65536];
	ssize_t got;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return say_fail(false, path, "name a file that you can read", "%s", strerror(errno));
	while ((got = read(fd, piece, sizeof piece)) > 0 && out->len <= CONTROL_CONTENT_MAX)
		buf_put(out, piece, (size_t)got);
	int why = errno;
	close(fd);
	if (got < 0)
		return say_fail(false, path, "name a file that you can read", "%s", strerror(why));
	if (out->len > CONTROL_CONTENT_MAX)
		return say_fail(false, path, "put it into the item's own file, then say --keep mine",
		                "it is larger than the 512 KiB that can be given this way");
	return true;
}

/* Many may take a while. */
static json_t *ask_all(json_t *request, int *code)
{
	struct client *c = ask_connect();
	json_t *answer = NULL;
	json_object_set_new(request, "progress", json_boolean(say_progress_wanted()));
	if (c)
		answer = await_answer(c, request, "settling", -1, code);
	else
		json_decref(request), *code = CONTROL_NO_ENGINE;
	client_destroy(c);
	return answer;
}

static int ask(json_t *request, const char *item, const char *what)
{
	int code = CONTROL_DONE;
	if (item)
		json_object_set_new(request, "item", json_bytes(item, strlen(item)));
	else
		json_object_set_new(request, "all", json_true());
	json_t *answer = item ? ask_engine(request, ASK_MS, &code) : ask_all(request, &code);
	if (!answer)
		return code;
	if (globals.json)
		say_json(answer);
	else if (item)
		say_done("%s: kept %s", say_text(item), say_text(what));
	else
		say_done("%s settled: kept %s", say_count(json_get_int(answer, "settled", 0), "conflict", "conflicts"),
		         say_text(what));
	json_decref(answer);
	return code;
}

static int resolve_with(const char *item, const char *path)
{
	struct buf content = { 0 };
	int code = CONTROL_FAILED;
	if (read_content(path, &content)) {
		json_t *request = control_request("resolve");
		json_object_set_new(request, "with", json_b64(content.data, content.len));
		code = ask(request, item, path);
	}
	buf_finish(&content);
	return code;
}

static int resolve(const char *item, const char *keep)
{
	json_t *request = control_request("resolve");
	json_object_set_new(request, "keep", json_string(keep));
	return ask(request, item, keep);
}

int cmd_resolve(int argc, char **argv)
{
	static const char *const words[] = { "mine", "theirs", "both", "original", "auto", NULL };
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
		return say_usage("resolve",
				 "say what to keep: --keep mine, theirs, both, original or auto, or --with FILE");
	if (opts[KEEP].given && !one_of(opts[KEEP].value, words))
		return say_usage("resolve", "--keep is mine, theirs, both, original or auto, not '%s'",
		                 opts[KEEP].value);
	if (opts[WITH].given)
		return resolve_with(argv[1], opts[WITH].value);
	return resolve(argc > 1 ? argv[1] : NULL, opts[KEEP].value);
}

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "cli/ask.h"
#include "cli/opts.h"
#include "cli/say.h"
#include "cli/verbs.h"
#include "sys/home.h"

/* Raw into files and pipes; on a terminal each line is made safe. */
static void print_content(const struct blob *content)
{
	if (!isatty(STDOUT_FILENO)) {
		fwrite(content->data, 1, content->len, stdout);
		return;
	}
	size_t at = 0;
	while (at < content->len) {
		const uint8_t *line = content->data + at, *end = memchr(line, '\n', content->len - at);
		size_t len = end ? (size_t)(end - line) : content->len - at;
		for (size_t from = 0; from < len;) { /* tabs stay tabs */
			const uint8_t *tab = memchr(line + from, '\t', len - from);
			size_t piece = tab ? (size_t)(tab - line) - from : len - from;
			char *shown = utf8_show_dup(line + from, piece);
			printf("%s%s", shown, tab ? "\t" : "");
			free(shown);
			from += piece + (tab ? 1 : 0);
		}
		putchar('\n');
		at += len + 1;
	}
}

/* What stands behind the last @ is no version, but before it stands an item. */
static bool is_misspelt(struct client *c, char *item, char *at)
{
	int code;
	*at = 0;
	json_t *request = control_request("why");
	json_object_set_new(request, "item", json_bytes(item, strlen(item)));
	json_t *why = client_ask(c, request, ASK_MS, NULL, &code);
	json_decref(why);
	return why != NULL;
}

static int show(struct client *c, char *item, const char *version, char *at)
{
	struct err e = { 0 };
	struct blob content;
	json_t *meta = NULL;
	int code = CONTROL_DONE;
	if (!client_content(c, item, version, &content, &meta, &e, &code)) {
		if (at && is_misspelt(c, item, at))
			return say_fail(CONTROL_FAILED, item, "'syncline history' with its name lists them",
					at[1] ? "'%s' is no version: those are hex digits"
					      : "no version stands behind the @%s",
					at + 1);
		return say_error(code, &e);
	}
	if (globals.json) {
		json_object_set_new(meta, "content", json_b64(content.data, content.len));
		say_json(meta);
	} else {
		print_content(&content);
	}
	blob_finish(&content);
	json_decref(meta);
	return CONTROL_DONE;
}

int cmd_show(int argc, char **argv)
{
	if (!opts_parse(&argc, argv, NULL, 1, 1))
		return CONTROL_USAGE;
	char *item = mem_text(argv[1]), *at = strrchr(item, '@');
	struct client *c = ask_connect();
	int code = CONTROL_NO_ENGINE;
	/* A name may hold an @ of its own: what follows the last one is a version only if it looks like one. */
	bool version = at && at[1] && strspn(at + 1, "0123456789abcdef") == strlen(at + 1);
	if (version)
		*at = 0;
	if (c)
		code = show(c, item, version ? at + 1 : NULL, at && !version ? at : NULL);
	client_destroy(c);
	free(item);
	return code;
}

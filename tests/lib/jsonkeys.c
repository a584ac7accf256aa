/* jsonkeys: looks at JSON on stdin, so that the suites depend on no other program.
 *
 *   jsonkeys RULE…        every rule must hold; says which do not, exit 1
 *   jsonkeys --get PATH   prints what is there (strings bare, nothing when absent)
 *   jsonkeys --lines …    the same for every line on its own
 *
 * RULE is PATH:TYPE or PATH=VALUE|VALUE… ; PATH is keys with dots, `[]` for each element of a list, `[N]` for one, `.`
 * for the whole. TYPE: s string, i integer, n number, b boolean, o object, a list, t time (as in the contract), x hex
 * id; with ? null will do. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

static int failed;

static bool is_time(const char *s)
{
	static const char shape[] = "dddd-dd-ddTdd:dd:dd.dddZ";
	for (size_t i = 0; i < sizeof shape; i++)
		if (shape[i] == 'd' ? s[i] < '0' || s[i] > '9' : s[i] != shape[i])
			return false;
	return true;
}

static bool is_hex(const char *s)
{
	return strlen(s) == 32 && strspn(s, "0123456789abcdef") == 32;
}

static bool has_type(const json_t *v, const char *type)
{
	if (json_is_null(v) && strchr(type, '?'))
		return true;
	switch (*type) {
	case 's': return json_is_string(v);
	case 'i': return json_is_integer(v);
	case 'n': return json_is_number(v);
	case 'b': return json_is_boolean(v);
	case 'o': return json_is_object(v);
	case 'a': return json_is_array(v);
	case 't': return json_is_string(v) && is_time(json_string_value(v));
	case 'x': return json_is_string(v) && is_hex(json_string_value(v));
	}
	return false;
}

static bool has_value(const json_t *v, const char *values)
{
	char text[64];
	const char *is = json_string_value(v);
	if (json_is_integer(v))
		snprintf(text, sizeof text, "%lld", (long long)json_integer_value(v)), is = text;
	else if (!is)
		is = json_is_true(v) ? "true" : json_is_false(v) ? "false" : json_is_null(v) ? "null" : "?";
	size_t len = strlen(is);
	for (const char *at = values; at; at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL)
		if (strcspn(at, "|") == len && !strncmp(at, is, len))
			return true;
	return false;
}

static void complain(const char *rule, const json_t *v)
{
	char *text = v ? json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
	printf("%s: it is %.200s\n", rule, text ? text : "absent");
	free(text);
	failed = 1;
}

static void check(const json_t *v, const char *path, const char *rule, char kind, const char *want, bool get)
{
	char key[128];
	while (*path == '.')
		path++;
	if (!*path) {
		if (get && json_is_string(v))
			puts(json_string_value(v));
		else if (get && v)
			json_dumpf(v, stdout, JSON_ENCODE_ANY | JSON_COMPACT), putchar('\n');
		else if (!get && (!v || !(kind == ':' ? has_type(v, want) : has_value(v, want))))
			complain(rule, v);
		return;
	}
	if (*path == '[') {
		const char *end = strchr(path, ']') + 1;
		if (!json_is_array(v)) {
			if (!get)
				complain(rule, v);
		} else if (path[1] == ']') {
			for (size_t i = 0; i < json_array_size(v); i++)
				check(json_array_get(v, i), end, rule, kind, want, get);
		} else {
			check(json_array_get(v, (size_t)atoi(path + 1)), end, rule, kind, want, get);
		}
		return;
	}
	size_t len = strcspn(path, ".[");
	snprintf(key, sizeof key, "%.*s", (int)len, path);
	check(json_object_get(v, key), path + len, rule, kind, want, get);
}

static void look(const json_t *v, int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[0], "--get")) {
		check(v, argv[1], argv[1], 0, NULL, true);
		return;
	}
	for (int i = 0; i < argc; i++) {
		char path[256];
		size_t len = strcspn(argv[i], ":=");
		snprintf(path, sizeof path, "%.*s", (int)len, argv[i]);
		check(v, path, argv[i], argv[i][len], argv[i] + len + 1, false);
	}
}

int main(int argc, char **argv)
{
	bool lines = argc > 1 && !strcmp(argv[1], "--lines");
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;
	int seen = 0;
	argc -= 1 + lines;
	argv += 1 + lines;
	while ((n = lines ? getline(&line, &cap, stdin) : getdelim(&line, &cap, 0, stdin)) > 0) {
		json_t *v = json_loadb(line, (size_t)n, JSON_DECODE_ANY, NULL);
		if (!v) {
			printf("not JSON: %.200s\n", line);
			return 1;
		}
		look(v, argc, argv);
		json_decref(v);
		seen++;
	}
	free(line);
	if (!seen)
		puts("nothing came");
	return failed || !seen;
}

/* ask SOCKET: sends the request on standard input, one JSON object, to an engine; prints the answer's data, or the
 * error on stderr. Exit: 0, or the code that the engine gave. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/client.h"

#define ANSWER_MS 20000

int main(int argc, char **argv)
{
	static char text[1 << 20];
	struct err e = { 0 };
	int code = 1;
	size_t len = fread(text, 1, sizeof text, stdin);
	json_t *request = json_from(text, len, sizeof text);
	struct client *c = argc == 2 && request ? client_connect(argv[1], &e) : NULL;
	json_t *data = c ? client_ask(c, request, ANSWER_MS, &e, &code) : NULL;
	if (data) {
		json_dumpf(data, stdout, JSON_COMPACT | JSON_ENCODE_ANY);
		putchar('\n');
		code = 0;
	} else {
		fprintf(stderr, "%s: %s\n", e.what, e.why);
	}
	json_decref(data);
	client_destroy(c);
	return code;
}

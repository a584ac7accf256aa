/* options: what `syncline hub` and `syncline hub invite` were asked to do, checked. */
#ifndef HUB_OPTIONS_H
#define HUB_OPTIONS_H
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct options {
	bool invite;
	const char *listen, *store, *port_file, *tls_cert, *tls_key, *account, *url;
	bool insecure;
	int64_t expires_ms;
};

/* False: e says what was wrong with the command line. */
bool options_parse(struct options *o, int argc, char **argv, struct err *e);
/* "10m", "1h", "30s", "2d"; 0 when it is no duration above zero. */
int64_t options_duration_ms(const char *text);
/* NULL when the name is fine, else why not. */
const char *options_bad_account(const char *name);

/* The two verbs. The exit code; problems have been printed. */
int serve_run(const struct options *o);
int invite_run(const struct options *o);
int options_fail(int code, const struct err *e); /* prints the error line, returns code */
#endif

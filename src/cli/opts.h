/* opts: the options of one verb. Long options only, `--name VALUE` or `--name=VALUE`, in any place; `--` ends them. */
#ifndef CLI_OPTS_H
#define CLI_OPTS_H
#include <stdbool.h>
#include <stdint.h>

struct opt {
	const char *name;   /* without the dashes */
	bool wants_value;
	bool given;
	const char *value;
};

/* Sorts argv: fills the options (ended by a row without a name; may be NULL) and leaves the other arguments in
 * argv[1..*argc-1]. False: an unknown option, a value missing, or fewer or more arguments than allowed; the usage error
 * has been printed. */
bool opts_parse(int *argc, char **argv, struct opt *opts, int least, int most);
bool opts_number(const char *text, int64_t least, int64_t most, int64_t *out);
#endif

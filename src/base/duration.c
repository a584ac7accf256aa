#include "base/duration.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST_MS (366 * 864e5)

bool duration_parse(const char *text, int64_t *ms)
{
	static const struct {
		const char *unit;
		double ms;
	} units[] = { { "", 1e3 },    { "s", 1e3 },  { "ms", 1 },   { "m", 6e4 },
		      { "min", 6e4 }, { "h", 36e5 }, { "d", 864e5 } };
	char *end;
	if (*text < '0' || *text > '9')
		return false;
	double n = strtod(text, &end);
	for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
		if (strcmp(end, units[i].unit) != 0)
			continue;
		double total = n * units[i].ms;
		if (!isfinite(total) || total > LONGEST_MS)
			return false;
		*ms = (int64_t)total;
		return true;
	}
	return false;
}

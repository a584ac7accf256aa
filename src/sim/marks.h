/* marks: what a run reached of the hard paths (base/mark.h), and what it did not. */
#ifndef SIM_MARKS_H
#define SIM_MARKS_H
#include <stdio.h>

#include "base/json.h"

/* "marks  N of M reached", each with its count, then those not reached by name. Returns how many were not. */
size_t marks_print(FILE *out);
json_t *marks_json(void); /* each with its count */
#endif

/* json: jansson behind bounds. Text from outside comes in through json_from only: size, depth and duplicate keys are
 * checked before anything is built. Outgoing text is made with jansson itself; json_bytes keeps names that are not
 * UTF-8 representable. */
#ifndef BASE_JSON_H
#define BASE_JSON_H
#include <jansson.h>

#include "base/blob.h"

#define JSON_DEPTH 16

/* Returns a new reference, or NULL: too long, too deep, duplicate keys, not JSON, or not an object. */
json_t *json_from(const void *text, size_t len, size_t max_len);
const char *json_get_text(const json_t *object, const char *key);            /* NULL when absent or not a string */
int64_t json_get_int(const json_t *object, const char *key, int64_t otherwise);
bool json_get_bool(const json_t *object, const char *key);
/* A JSON string for any bytes: UTF-8 passes, each other byte becomes the four characters \xHH. */
json_t *json_bytes(const void *bytes, size_t len);
/* Base64 (URL-safe, no padding) fields. json_get_b64 returns false unless exactly within [min, max] bytes. */
json_t *json_b64(const void *bytes, size_t len);
bool json_get_b64(const json_t *object, const char *key, struct blob *out, size_t min, size_t max);
#endif

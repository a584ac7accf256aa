#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/rng.h"

static json_t *from(const char *text)
{
	return json_from(text, strlen(text), 4096);
}

static bool refused(const char *text)
{
	json_t *root = from(text);
	json_decref(root);
	return !root;
}

Test(base_json, refuses_what_is_out_of_bounds)
{
	char deep[200] = "{\"a\":";
	size_t at = 5;
	cr_assert(refused(""));
	cr_assert(refused("[]"));
	cr_assert(refused("1"));
	cr_assert(refused("{}x"));
	cr_assert(refused("{\"a\":1,\"a\":2}"));
	cr_assert(refused("{\"a\":\"\\u0000\"}"));
	cr_assert(refused("{\"a\":\"\xff\"}"));
	cr_assert(refused("{\"a\":1e999}"));
	cr_assert(refused("{\"a\":99999999999999999999}"));
	cr_assert(refused("{\"a\":\"\\ud800\"}"));
	cr_assert_null(json_from("{\"a\":1}", 7, 6));
	for (int i = 0; i < JSON_DEPTH - 1; i++)
		deep[at++] = '[';
	for (int i = 0; i < JSON_DEPTH - 1; i++)
		deep[at++] = ']';
	strcpy(deep + at, "}");
	cr_assert(!refused(deep));
	strcpy(deep, "{\"a\":");
	memset(deep + 5, '[', 150);
	deep[155] = 0;
	cr_assert(refused(deep));
	cr_assert(!refused("{\"a\":\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[[[[[[[\"}"),
		  "brackets in a string are not depth");
}

Test(base_json, gets_only_the_right_type)
{
	json_t *o = from("{\"s\":\"x\",\"n\":-5,\"t\":true,\"r\":1.5}");
	cr_assert_str_eq(json_get_text(o, "s"), "x");
	cr_assert_null(json_get_text(o, "n"));
	cr_assert_null(json_get_text(o, "none"));
	cr_assert_eq(json_get_int(o, "n", 7), -5);
	cr_assert_eq(json_get_int(o, "r", 7), 7);
	cr_assert_eq(json_get_int(o, "s", 7), 7);
	cr_assert(json_get_bool(o, "t"));
	cr_assert(!json_get_bool(o, "n"));
	json_decref(o);
}

static void bytes_as(const char *bytes, size_t len, const char *wanted)
{
	json_t *s = json_bytes(bytes, len);
	cr_assert_str_eq(json_string_value(s), wanted);
	json_decref(s);
}

Test(base_json, keeps_names_of_any_bytes)
{
	bytes_as("ü", 2, "ü");
	bytes_as("a\xff" "b", 3, "a\\xffb");
	bytes_as("a\0b", 3, "a\\x00b");
	bytes_as(NULL, 0, "");
}

Test(base_json, base64_is_exact)
{
	struct blob out;
	uint8_t bytes[40];
	for (size_t len = 0; len < sizeof bytes; len++) {
		memset(bytes, (int)(0xf0 + len), len);
		json_t *o = json_object();
		json_object_set_new(o, "b", json_b64(bytes, len));
		cr_assert(json_get_b64(o, "b", &out, len, len));
		cr_assert(span_equal(span_blob(&out), span_of(bytes, len)));
		blob_finish(&out);
		cr_assert(!json_get_b64(o, "b", &out, len + 1, 100));
		cr_assert(len == 0 || !json_get_b64(o, "b", &out, 0, len - 1));
		json_decref(o);
	}
	json_t *o = from("{\"pad\":\"AA==\",\"std\":\"+/+/\",\"bits\":\"AB\",\"space\":\"AA AA\",\"n\":1}");
	cr_assert(!json_get_b64(o, "pad", &out, 0, 10));
	cr_assert(!json_get_b64(o, "std", &out, 0, 10));
	cr_assert(!json_get_b64(o, "bits", &out, 0, 10), "one encoding only");
	cr_assert(!json_get_b64(o, "space", &out, 0, 10));
	cr_assert(!json_get_b64(o, "n", &out, 0, 10));
	cr_assert(!out.data && !out.len);
	json_decref(o);
}

Test(base_id, hex)
{
	struct id a, b;
	char hex[ID_HEX];
	cr_assert(id_parse(&a, "00112233445566778899aabbccddeeff"));
	cr_assert_str_eq(id_hex(&a, hex), "00112233445566778899aabbccddeeff");
	cr_assert(id_parse(&b, "00112233445566778899AABBCCDDEEFF") && id_equal(&a, &b));
	cr_assert(!id_parse(&b, "00112233445566778899aabbccddeef"));
	cr_assert(!id_parse(&b, "00112233445566778899aabbccddeeff0"));
	cr_assert(!id_parse(&b, "0011223344556677 899aabbccddeeff"));
	cr_assert(id_has_prefix(&a, "0011") && id_has_prefix(&a, "00112233445566778899aabbccddeeff"));
	cr_assert(!id_has_prefix(&a, "") && !id_has_prefix(&a, "01") && !id_has_prefix(&a, "00x"));
	cr_assert(!id_has_prefix(&a, "00112233445566778899aabbccddeeff0"));
}

Test(base_hash, parts_and_domains_count)
{
	uint8_t key[KEY_LEN] = { 1 }, other[KEY_LEN] = { 2 };
	struct span ab_c[] = { span_text("ab"), span_text("c") }, a_bc[] = { span_text("a"), span_text("bc") };
	struct id x = hash_id(key, "d", ab_c, 2), y = hash_id(key, "d", a_bc, 2);
	cr_assert(!id_equal(&x, &y), "where one part ends is part of what is hashed");
	y = hash_id(key, "e", ab_c, 2);
	cr_assert(!id_equal(&x, &y));
	y = hash_id(other, "d", ab_c, 2);
	cr_assert(!id_equal(&x, &y));
	y = hash_plain("d", ab_c, 2);
	cr_assert(!id_equal(&x, &y));
	y = hash_id(key, "d", ab_c, 2);
	cr_assert(id_equal(&x, &y));
}

Test(base_hash, piece_by_piece_is_the_same)
{
	uint8_t key[KEY_LEN] = { 1 }, *bytes = mem_alloc(5000);
	for (size_t cut = 0; cut <= 5000; cut += 313) {
		struct span parts[] = { span_text("a"), span_of(bytes, 5000) };
		struct id whole = hash_id(key, "d", parts, 2);
		struct hash_run *r = hash_run_start(key, "d");
		hash_run_part(r, 1);
		hash_run_bytes(r, parts[0]);
		hash_run_part(r, 5000);
		hash_run_bytes(r, span_of(bytes, cut));
		hash_run_bytes(r, span_of(bytes + cut, 5000 - cut));
		struct id joined = hash_run_end(r);
		cr_assert(id_equal(&whole, &joined), "cut at %zu", cut);
		bytes[cut / 2]++;
	}
	struct id none = hash_plain("d", NULL, 0), run = hash_run_end(hash_run_start(NULL, "d"));
	cr_assert(id_equal(&none, &run));
	free(bytes);
}

Test(base_rng, is_the_same_everywhere)
{
	struct rng r, s;
	rng_seed(&r, 42);
	rng_seed(&s, 42);
	for (int i = 0; i < 1000; i++)
		cr_assert_eq(rng_next(&r), rng_next(&s));
	cr_assert_eq(rng_below(&r, 0), 0);
	cr_assert_eq(rng_below(&r, 1), 0);
	for (int i = 0; i < 1000; i++)
		cr_assert_lt(rng_below(&r, 10), 10);
}

/* invite: one line that lets an account's first device in. The hub keeps the hash of its token only. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "control/control.h"
#include "hub/options.h"
#include "hub/store/backends.h"
#include "sys/clock.h"
#include "sys/entropy.h"

#define INVITE_PREFIX "syncline-invite-1."

/* "wss://host[:port]" with our path where it has none; new memory, or NULL with e set. */
static char *complete_url(const char *url, struct err *e)
{
	const char *host = strncmp(url, "wss://", 6) == 0 ? url + 6 : strncmp(url, "ws://", 5) == 0 ? url + 5 : NULL;
	size_t len = host ? strcspn(host, "/") : 0;
	if (!host || len == 0 || strpbrk(url, " \t\r\n\"<>\\#?@") || strlen(url) > 512) {
		err_set(e, "--url", "for example wss://sync.example.org", "%s is no WebSocket URL", url);
		return NULL;
	}
	const char *path = host[len] == 0 ? WIRE_PATH : strcmp(host + len, "/") == 0 ? &WIRE_PATH[1] : "";
	return mem_printf("%s%s", url, path);
}

static char *choose_url(const struct options *o, struct store *s, struct err *e)
{
	if (o->url)
		return complete_url(o->url, e);
	char *noted = s->ops->noted(s, "url");
	if (noted && noted[0])
		return noted;
	if (noted)
		err_set(e, "hub invite", "add --url wss://HOST:PORT",
		        "the hub listens on every address, so only you know what devices call it");
	else
		err_set(e, "hub invite", "start it once, or add --url wss://HOST:PORT",
		        "no hub has used this store yet");
	free(noted);
	return NULL;
}

/* Opening would make the file: a mistyped name would look like a store. */
static bool store_is_there(const struct options *o, struct err *e)
{
	if (o->url || strncmp(o->store, "sqlite:", 7) != 0 || access(o->store + 7, F_OK) == 0)
		return true;
	return err_set(e, o->store, "start the hub once, or add --url wss://HOST:PORT", "there is no such store");
}

struct outcome {
	bool answered;
	enum store_status status;
	char text[256];
};

static void answered(void *ctx, const struct store_answer *a)
{
	struct outcome *out = ctx;
	out->answered = true;
	out->status = a->status;
	memcpy(out->text, a->text, sizeof out->text);
}

static bool add_invite(const struct options *o, struct store *s, const uint8_t token[MESSAGE_TOKEN], struct err *e)
{
	uint8_t hash[MESSAGE_TOKEN];
	struct outcome out = { 0 };
	int64_t now_ms = clock_wall_ms();
	message_token_hash(hash, token);
	s->answer = answered;
	s->answer_ctx = &out;
	s->ops->invite(s, 1, o->account, hash, now_ms + o->expires_ms, now_ms);
	s->ops->pump(s);
	if (out.answered && out.status == STORE_OK)
		return true;
	return err_set(e, "hub invite",
	               out.status == STORE_FULL ? "wait until some have expired" : "check the store and its disk", "%s",
	               out.answered ? out.text : "the store did not answer");
}

static void print_invite(const struct options *o, struct store *s, const char *url, const uint8_t token[MESSAGE_TOKEN])
{
	char *pin = s->ops->noted(s, "pin");
	json_t *invite = json_object();
	json_object_set_new(invite, "url", json_string(url));
	json_object_set_new(invite, "account", json_string(o->account));
	json_object_set_new(invite, "token", json_b64(token, MESSAGE_TOKEN));
	if (pin && pin[0])
		json_object_set_new(invite, "pin", json_string(pin));
	char *text = json_dumps(invite, JSON_COMPACT);
	size_t len = strlen(text), cap = sodium_base64_encoded_len(len, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	char *line = mem_alloc(cap);
	sodium_bin2base64(line, cap, (uint8_t *)text, len, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	printf(INVITE_PREFIX "%s\n", line);
	sodium_memzero(text, len);
	sodium_memzero(line, cap);
	free(text);
	free(line);
	free(pin);
	json_decref(invite);
}

int invite_run(const struct options *o)
{
	struct err e = { 0 };
	uint8_t token[MESSAGE_TOKEN];
	struct store *s = store_is_there(o, &e) ? store_visit(o->store, &e) : NULL;
	char *url = s ? choose_url(o, s, &e) : NULL;
	bool good = url != NULL;
	if (good) {
		entropy_fill(token, sizeof token);
		good = add_invite(o, s, token, &e);
	}
	if (good) {
		print_invite(o, s, url, token);
		if (fflush(stdout) != 0)
			good = err_set(&e, "hub invite", "", "the invite cannot be printed");
	}
	sodium_memzero(token, sizeof token);
	free(url);
	store_close(s);
	return good ? CONTROL_DONE : options_fail(CONTROL_FAILED, &e);
}

#include "cli/await.h"

#include <string.h>

#include "cli/ask.h"
#include "cli/say.h"
#include "sys/clock.h"

#define AWAIT_TICK_MS 250

static void show_progress(struct client *c, const char *doing)
{
	json_t *status = client_ask(c, control_request("status"), 2000, NULL, NULL);
	const json_t *queue = json_object_get(status, "queue");
	if (status)
		say_progress("%s: %lld out, %lld in", doing, (long long)json_get_int(queue, "outgoing", 0),
			     (long long)json_get_int(queue, "incoming", 0));
	json_decref(status);
}

/* The answer to request `id`, once it is there. Everything else is not for us. */
static json_t *answer_of(struct client *c, int64_t id, const char *doing)
{
	for (json_t *m = client_next(c); m; m = client_next(c)) {
		if (json_get_int(m, "id", 0) == id && json_is_boolean(json_object_get(m, "ok")))
			return m;
		const char *event = json_get_text(m, "event");
		const json_t *far = json_object_get(m, "data");
		if (event && !strcmp(event, "progress"))
			say_progress("%s: %lld of %lld", doing, (long long)json_get_int(far, "done", 0),
				     (long long)json_get_int(far, "of", 0));
		json_decref(m);
	}
	return NULL;
}

static json_t *data_of(json_t *answer, int *code)
{
	json_t *data = NULL;
	if (json_is_true(json_object_get(answer, "ok"))) {
		data = json_object_get(answer, "data");
		data = data ? json_incref(data) : json_null();
		*code = CONTROL_DONE;
	} else {
		*code = (int)json_get_int(answer, "exit", CONTROL_FAILED);
		const char *what = json_get_text(answer, "what"), *why = json_get_text(answer, "why");
		say_fail(*code, what ? what : "engine", json_get_text(answer, "fix"), "%s", why ? why : "it refused");
	}
	json_decref(answer);
	return data;
}

json_t *await_answer(struct client *c, json_t *request, const char *doing, int timeout_ms, int *code)
{
	if (!say_progress_wanted())
		return ask_on(c, request, timeout_ms, code);
	uint64_t until = timeout_ms < 0 ? UINT64_MAX : clock_ms() + (uint64_t)timeout_ms;
	bool tells = json_get_bool(request, "progress");
	int64_t id = client_send(c, request);
	json_t *answer = NULL;
	while (!(answer = answer_of(c, id, doing)) && !client_gone(c) && clock_ms() < until)
		if (!client_wait(c, AWAIT_TICK_MS) && !tells)
			show_progress(c, doing);
	say_progress_end();
	if (answer)
		return data_of(answer, code);
	*code = client_gone(c) ? CONTROL_NO_ENGINE : CONTROL_TIMED_OUT;
	say_fail(*code, "engine", "look at 'syncline status' and the log", "it %s",
		 client_gone(c) ? "ended before it answered" : "did not answer in time");
	return NULL;
}

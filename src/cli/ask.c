#include "cli/ask.h"

#include "cli/say.h"
#include "control/launch.h"
#include "sys/home.h"

struct client *ask_connect(void)
{
	struct err e = { 0 };
	struct client *c = client_connect(globals.home.control, &e);
	if (!c)
		say_fail(CONTROL_NO_ENGINE, "engine",
		         "start it with 'syncline run', or open the console with 'syncline'",
		         "none is running for this home");
	return c;
}

json_t *ask_on(struct client *c, json_t *request, int timeout_ms, int *code)
{
	struct err e = { 0 };
	json_t *data = client_ask(c, request, timeout_ms, &e, code);
	if (!data)
		say_error(*code, &e);
	return data;
}

json_t *ask_engine(json_t *request, int timeout_ms, int *code)
{
	struct client *c = ask_connect();
	if (!c) {
		json_decref(request);
		*code = CONTROL_NO_ENGINE;
		return NULL;
	}
	json_t *data = ask_on(c, request, timeout_ms, code);
	client_destroy(c);
	return data;
}

int ask_act(json_t *request, int timeout_ms)
{
	int code = CONTROL_DONE;
	json_decref(ask_engine(request, timeout_ms, &code));
	return code;
}

struct visit ask_visit(void)
{
	struct err e = { 0 };
	struct visit v = { 0 };
	v.client = launch_ensure(&globals.home, LAUNCH_LEASHED, LAUNCH_MS, &v.started, &e);
	if (!v.client)
		v.code = say_error(CONTROL_FAILED, &e);
	return v;
}

int ask_leave(struct visit *v, int code)
{
	struct err e = { 0 };
	if (v->started && !launch_end(v->client, LAUNCH_MS, &e))
		code = say_error(CONTROL_FAILED, &e);
	else if (!v->started)
		client_destroy(v->client);
	v->client = NULL;
	return code;
}

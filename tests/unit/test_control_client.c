/* The asking half, against an engine that is played by a thread: orderly, slow, rude and gone. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/client.h"

struct stage {
	struct client *client;
	int engine;
	pthread_t thread;
	const char *script; /* what the engine answers once it has read one request */
	char heard[4096];
};

static void *play(void *ctx)
{
	struct stage *s = ctx;
	size_t len = 0;
	while (len < sizeof s->heard - 1 && read(s->engine, s->heard + len, 1) == 1 && s->heard[len++] != '\n')
		;
	for (const char *at = s->script; at && *at; at++) /* byte by byte: nothing may depend on pieces */
		if (write(s->engine, at, 1) != 1)
			break;
	if (s->script)
		shutdown(s->engine, SHUT_WR);
	return NULL;
}

static struct stage begin(const char *script)
{
	int pair[2];
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	return (struct stage){ .client = client_adopt(pair[0]), .engine = pair[1], .script = script };
}

static json_t *ask(struct stage *s, int timeout_ms, struct err *e, int *code)
{
	pthread_create(&s->thread, NULL, play, s);
	json_t *data = client_ask(s->client, control_request("status"), timeout_ms, e, code);
	return data;
}

static void end(struct stage *s)
{
	client_destroy(s->client);
	pthread_join(s->thread, NULL);
	close(s->engine);
}

Test(control_client, gets_the_data_of_its_answer)
{
	struct stage s = begin("{\"id\":1,\"ok\":true,\"data\":{\"x\":5}}\n");
	struct err e;
	int code = 99;
	json_t *data = ask(&s, 2000, &e, &code);
	cr_assert_eq(json_get_int(data, "x", 0), 5);
	cr_assert_eq(code, CONTROL_DONE);
	cr_assert(strstr(s.heard, "\"do\":\"status\""));
	json_decref(data);
	end(&s);
}

Test(control_client, tells_why_not)
{
	struct stage s = begin(
	        "{\"id\":1,\"ok\":false,\"exit\":4,\"what\":\"wait\",\"why\":\"too long\",\"fix\":\"try again\"}\n");
	struct err e;
	int code = 0;
	cr_assert_null(ask(&s, 2000, &e, &code));
	cr_assert_eq(code, CONTROL_TIMED_OUT);
	cr_assert_str_eq(e.what, "wait");
	cr_assert_str_eq(e.why, "too long");
	cr_assert_str_eq(e.fix, "try again");
	end(&s);
}

Test(control_client, puts_a_list_in_pieces_together)
{
	struct stage s =
	        begin("{\"id\":1,\"part\":[1,2]}\n{\"id\":1,\"part\":[3]}\n{\"id\":1,\"ok\":true,\"data\":[4]}\n");
	struct err e;
	json_t *data = ask(&s, 2000, &e, NULL);
	cr_assert_eq(json_array_size(data), 4u);
	for (size_t i = 0; i < 4; i++)
		cr_assert_eq(json_integer_value(json_array_get(data, i)), (json_int_t)i + 1);
	json_decref(data);
	end(&s);
}

Test(control_client, keeps_events_that_come_before_the_answer)
{
	struct stage s =
	        begin("{\"id\":9,\"event\":\"log\",\"data\":{}}\nnonsense\n{\"id\":1,\"ok\":true,\"data\":null}\n"
	              "{\"id\":9,\"event\":\"log\",\"data\":{\"n\":2}}\n");
	struct err e;
	json_t *data = ask(&s, 2000, &e, NULL);
	cr_assert(json_is_null(data));
	cr_assert(client_wait(s.client, 2000));
	json_t *first = client_next(s.client);
	cr_assert_str_eq(json_get_text(first, "event"), "log");
	cr_assert(client_wait(s.client, 2000));
	json_t *second = client_next(s.client);
	cr_assert_eq(json_get_int(json_object_get(second, "data"), "n", 0), 2);
	json_decref(first);
	json_decref(second);
	while (!client_gone(s.client) && client_wait(s.client, 2000))
		json_decref(client_next(s.client));
	cr_assert(client_gone(s.client));
	end(&s);
}

Test(control_client, an_engine_that_ends_is_no_engine)
{
	struct stage s = begin("{\"id\":1,\"ok\":tr");
	struct err e;
	int code = 0;
	cr_assert_null(ask(&s, 2000, &e, &code));
	cr_assert_eq(code, CONTROL_NO_ENGINE);
	end(&s);
}

Test(control_client, an_engine_that_is_silent_times_out)
{
	struct stage s = begin(NULL);
	struct err e;
	int code = 0;
	cr_assert_null(ask(&s, 50, &e, &code));
	cr_assert_eq(code, CONTROL_TIMED_OUT);
	end(&s);
}

Test(control_client, nobody_listens)
{
	struct err e = { 0 };
	cr_assert_null(client_connect("/nonexistent/control.sock", &e));
	cr_assert(e.why[0]);
}

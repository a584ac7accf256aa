#include <criterion/criterion.h>
#include <string.h>

#include "base/mem.h"
#include "engine/io/huburl.h"

static struct huburl good(const char *text)
{
	struct huburl u;
	struct err e = { 0 };
	cr_assert(huburl_parse(&u, text, &e), "%s: %s", text, e.why);
	return u;
}

Test(huburl, parts)
{
	struct huburl u = good("wss://sync.example.org/realtime");
	cr_assert(u.tls && !u.literal);
	cr_assert_eq(u.port, 443);
	cr_assert_str_eq(u.host, "sync.example.org");
	cr_assert_str_eq(u.authority, "sync.example.org");
	cr_assert_str_eq(u.path, "/realtime");
	u = good("ws://127.0.0.1:8080");
	cr_assert(!u.tls && u.literal);
	cr_assert_eq(u.port, 8080);
	cr_assert_str_eq(u.authority, "127.0.0.1:8080");
	cr_assert_str_eq(u.path, "/realtime");
	u = good("wss://[2001:db8::1]:9/x?y=1");
	cr_assert(u.literal);
	cr_assert_str_eq(u.host, "2001:db8::1");
	cr_assert_str_eq(u.authority, "[2001:db8::1]:9");
	cr_assert_str_eq(u.path, "/x?y=1");
	u = good("ws://[::1]");
	cr_assert_str_eq(u.authority, "[::1]");
	cr_assert_eq(u.port, 80);
}

Test(huburl, refused)
{
	static const char *const bad[] = {
		"",
		"http://x",
		"ws:/x",
		"wss://",
		"wss:///realtime",
		"ws://host:0",
		"ws://host:65536",
		"ws://host:",
		"ws://host:1x",
		"ws://user@host",
		"ws://user:pw@host",
		"ws://[::1",
		"ws://[::1]x",
		"ws://[host]",
		"ws://[fe80::1%eth0]",
		"ws://a b",
		"ws://host/a b",
		"ws://host/a\r\nX: y",
		"ws://ho\nst",
		"ws://host#frag",
		"ws://host/#frag",
		"ws://host?q",
		"ws://h\xc3\xb6st",
	};
	struct err e;
	struct huburl u;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		cr_assert_not(huburl_parse(&u, bad[i], &e), "'%s' was taken", bad[i]);
	char *lengthy = mem_alloc(3000);
	strcpy(lengthy, "ws://");
	memset(lengthy + 5, 'a', 2900);
	cr_assert_not(huburl_parse(&u, lengthy, &e));
}

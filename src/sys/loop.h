/* loop: the one poll loop of a process. It wraps libwebsockets' service loop, because that library cannot be polled from
 * outside as Debian builds it; nobody else knows whose loop it is. LOOP_POLL is poll(2), for the engine. LOOP_MANY is
 * libuv (epoll), for the hub with thousands of connections.
 *
 * One turn: sleep until something happened or a timer is due, call the callbacks, return. The caller then steps its core
 * with what the callbacks gathered, commits, and sends. */
#ifndef SYS_LOOP_H
#define SYS_LOOP_H
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum loop_kind { LOOP_POLL, LOOP_MANY };
enum { LOOP_READ = 1, LOOP_WRITE = 2, LOOP_HANGUP = 4 };

struct loop;
struct loop_watch;
struct loop_timer;
struct lws_context;

/* Also gives maps their secret and sends the library's words to the log; LOOP_MANY raises the limit of descriptors. */
struct loop *loop_create(enum loop_kind kind, struct err *e);
void loop_destroy(struct loop *l);
void loop_turn(struct loop *l);       /* sleeps until there is something; callbacks run in here only */
void loop_again(struct loop *l);      /* the next turn does not sleep: there is work left */

/* Watches a descriptor that the caller keeps owning; stop the watch before closing it. One watch a descriptor: a second
 * one gives NULL, and so does what cannot be polled (a regular file). The callback gets what is ready; the set wanted can
 * be changed. Level-triggered. A hang-up comes as LOOP_HANGUP together with what was wanted, so that a plain reader finds
 * the end by reading. Stopping any watch and destroying any timer inside a callback is allowed. */
struct loop_watch *loop_watch_start(struct loop *l, int fd, int events, void (*ready)(void *ctx, int events), void *ctx);
void loop_watch_set(struct loop_watch *w, int events);
void loop_watch_stop(struct loop_watch *w); /* NULL-safe */

/* One-shot timers, rearmed by the caller; time asleep counts (clock_ms). After 0 ms: in the next turn, never at once. */
struct loop_timer *loop_timer_create(struct loop *l, void (*due)(void *ctx), void *ctx);
void loop_timer_arm(struct loop_timer *t, uint64_t after_ms); /* replaces what was armed */
void loop_timer_stop(struct loop_timer *t);
void loop_timer_destroy(struct loop_timer *t); /* NULL-safe */

/* For the WebSocket rooms only (engine/io/websocket, hub/io/listener): they make their vhosts in this context. */
struct lws_context *loop_lws(struct loop *l);
const char *loop_library(void); /* its version, for people */
#endif

/* control: consoles and commands <-> engine. One JSON object a line over a Unix socket; the engine serves.
 *
 *   request  {"id":N,"do":"VERB",…}
 *   answer   {"id":N,"ok":true,"data":…}
 *            {"id":N,"ok":false,"exit":CODE,"what":…,"why":…,"fix":…}
 *   streams  {"id":N,"event":NAME,"data":…}, any number of them
 *   pieces   {"id":N,"part":[…]} ahead of an answer whose data is a list: its first rows, because a line has a limit.
 *            client_ask puts them together.
 *
 * This header is what both halves share: limits, the splitting of a stream into lines, and the making of messages. */
#ifndef CONTROL_CONTROL_H
#define CONTROL_CONTROL_H
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

#define CONTROL_LINE_MAX    (1024 * 1024) /* one line, newline included; what a peer must be ready to hold */
#define CONTROL_CONTENT_MAX (512 * 1024)  /* bytes of content in one answer to "show": base64 and keys fit a line */
#define CONTROL_ROWS_MAX    1000          /* rows in one piece of a list */
#define CONTROL_CLIENTS_MAX 64            /* connections served at once */
#define CONTROL_STALL_MS    5000          /* a client that has not read for so long is dropped */

/* Exit codes of commands, as they travel in "exit". */
enum control_exit {
	CONTROL_DONE = 0,
	CONTROL_FAILED = 1,
	CONTROL_USAGE = 2,
	CONTROL_NO_ENGINE = 3,
	CONTROL_TIMED_OUT = 4,
	CONTROL_CONFLICTS = 5,
};

/* Splits what arrives into lines. A line over CONTROL_LINE_MAX is thrown away as it comes and reported once, so a
 * hostile peer costs no more memory than a friendly one. */
struct control_lines {
	struct buf held;
	size_t start;  /* of the first line not yet handed out */
	size_t looked; /* no newline between start and here */
	bool skipping; /* inside an oversize line */
	bool oversize; /* one was thrown away since control_lines_next said so */
};

enum control_line { CONTROL_LINE_NONE, CONTROL_LINE_READY, CONTROL_LINE_OVERSIZE };

void control_lines_add(struct control_lines *l, const void *bytes, size_t len);
/* The next whole line without its newline; borrowed until the next add. */
enum control_line control_lines_next(struct control_lines *l, struct span *line);
void control_lines_finish(struct control_lines *l);

/* Messages. Each puts one whole line, newline included, behind what `out` holds; `data` is borrowed. False: it would be
 * over the limit, and nothing was put. */
bool control_put(struct buf *out, const json_t *message);
bool control_put_answer(struct buf *out, int64_t id, json_t *data);
bool control_put_failure(struct buf *out, int64_t id, int exit_code, const struct err *e);
bool control_put_event(struct buf *out, int64_t id, const char *event, json_t *data);
/* A list of any length, as pieces and an answer. Rows too large for a line are left out. */
void control_put_list(struct buf *out, int64_t id, json_t *rows);

/* A new request to fill with arguments; client_ask and client_send add the id. */
json_t *control_request(const char *verb);
#endif

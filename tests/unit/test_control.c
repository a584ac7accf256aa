/* The framing of the control protocol: lines out of pieces, limits, long lists. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "control/control.h"

static enum control_line next_text(struct control_lines *l, char *out, size_t cap)
{
	struct span line = { 0 };
	enum control_line state = control_lines_next(l, &line);
	snprintf(out, cap, "%.*s", state == CONTROL_LINE_READY ? (int)line.len : 0, (const char *)line.data);
	return state;
}

Test(control, lines_come_whole_however_they_arrive)
{
	static const char text[] = "{\"a\":1}\n\n{\"b\":2}\nrest";
	for (size_t step = 1; step < sizeof text; step++) {
		struct control_lines l = { 0 };
		char found[3][32] = { "", "", "" }, line[32];
		size_t count = 0;
		for (size_t at = 0; at < sizeof text - 1; at += step) {
			size_t len = sizeof text - 1 - at < step ? sizeof text - 1 - at : step;
			control_lines_add(&l, text + at, len);
			while (next_text(&l, line, sizeof line) == CONTROL_LINE_READY) {
				cr_assert_lt(count, 3u);
				strcpy(found[count++], line);
			}
		}
		cr_assert_eq(count, 3u);
		cr_assert_str_eq(found[0], "{\"a\":1}");
		cr_assert_str_eq(found[1], "");
		cr_assert_str_eq(found[2], "{\"b\":2}");
		control_lines_finish(&l);
	}
}

Test(control, an_oversize_line_is_told_once_and_costs_no_memory)
{
	struct control_lines l = { 0 };
	char chunk[65536], line[32];
	memset(chunk, 'x', sizeof chunk);
	int told = 0;
	for (int i = 0; i < 100; i++) {
		control_lines_add(&l, chunk, sizeof chunk);
		told += next_text(&l, line, sizeof line) == CONTROL_LINE_OVERSIZE;
		cr_assert_leq(l.held.len, (size_t)CONTROL_LINE_MAX + sizeof chunk);
	}
	cr_assert_eq(told, 1);
	control_lines_add(&l, "tail\nfine\n", 10);
	cr_assert_eq(next_text(&l, line, sizeof line), CONTROL_LINE_READY);
	cr_assert_str_eq(line, "fine");
	control_lines_finish(&l);
}

Test(control, an_oversize_line_that_arrives_with_its_end)
{
	struct control_lines l = { 0 };
	char *big = mem_alloc(CONTROL_LINE_MAX + 16), line[32];
	memset(big, 'x', CONTROL_LINE_MAX + 8);
	memcpy(big + CONTROL_LINE_MAX + 8, "\nfine\n", 6);
	control_lines_add(&l, big, CONTROL_LINE_MAX + 14);
	cr_assert_eq(next_text(&l, line, sizeof line), CONTROL_LINE_OVERSIZE);
	cr_assert_eq(next_text(&l, line, sizeof line), CONTROL_LINE_READY);
	cr_assert_str_eq(line, "fine");
	cr_assert_eq(next_text(&l, line, sizeof line), CONTROL_LINE_NONE);
	free(big);
	control_lines_finish(&l);
}

Test(control, a_line_of_exactly_the_limit_passes)
{
	struct control_lines l = { 0 };
	struct span line;
	char *text = mem_alloc(CONTROL_LINE_MAX + 1);
	memset(text, 'x', CONTROL_LINE_MAX);
	text[CONTROL_LINE_MAX - 1] = '\n';
	control_lines_add(&l, text, CONTROL_LINE_MAX);
	cr_assert_eq(control_lines_next(&l, &line), CONTROL_LINE_READY);
	cr_assert_eq(line.len, (size_t)CONTROL_LINE_MAX - 1);
	text[CONTROL_LINE_MAX - 1] = 'x';
	text[CONTROL_LINE_MAX] = '\n';
	control_lines_add(&l, text, CONTROL_LINE_MAX + 1);
	cr_assert_eq(control_lines_next(&l, &line), CONTROL_LINE_OVERSIZE);
	free(text);
	control_lines_finish(&l);
}

/* Reads all messages of a buffer and puts the pieces of the list back together. */
static json_t *gather(struct buf *out, size_t *messages)
{
	struct control_lines l = { 0 };
	struct span line;
	json_t *rows = json_array();
	*messages = 0;
	control_lines_add(&l, out->data, out->len);
	while (control_lines_next(&l, &line) == CONTROL_LINE_READY) {
		json_t *m = json_from(line.data, line.len, CONTROL_LINE_MAX);
		cr_assert(m);
		cr_assert_eq(json_get_int(m, "id", 0), 7);
		json_t *part = json_object_get(m, "part");
		json_array_extend(rows, part ? part : json_object_get(m, "data"));
		json_decref(m);
		++*messages;
	}
	control_lines_finish(&l);
	return rows;
}

Test(control, a_long_list_comes_in_pieces_and_in_order)
{
	struct buf out = { 0 };
	json_t *rows = json_array();
	size_t messages;
	for (int i = 0; i < 4321; i++)
		json_array_append_new(rows, json_integer(i));
	control_put_list(&out, 7, rows);
	json_t *back = gather(&out, &messages);
	cr_assert_gt(messages, 4u);
	cr_assert(json_equal(rows, back));
	json_decref(rows);
	json_decref(back);
	buf_finish(&out);
}

Test(control, rows_with_long_names_are_split_until_they_fit)
{
	struct buf out = { 0 };
	json_t *rows = json_array();
	char name[8001];
	size_t messages;
	memset(name, 'n', 8000);
	name[8000] = 0;
	for (int i = 0; i < 600; i++)
		json_array_append_new(rows, json_string(name));
	control_put_list(&out, 7, rows);
	json_t *back = gather(&out, &messages);
	cr_assert(json_equal(rows, back));
	json_decref(rows);
	json_decref(back);
	buf_finish(&out);
}

Test(control, an_answer_over_the_limit_is_refused_whole)
{
	struct buf out = { 0 };
	char *text = mem_alloc(CONTROL_LINE_MAX + 1);
	memset(text, 'x', CONTROL_LINE_MAX);
	json_t *data = json_string(text);
	cr_assert_not(control_put_answer(&out, 1, data));
	cr_assert_eq(out.len, 0u);
	json_decref(data);
	free(text);
}

Test(control, errors_of_any_bytes_become_valid_json)
{
	struct buf out = { 0 };
	struct err e;
	err_set(&e,
	        "no\xff"
	        "te",
	        "fix \x01 it", "line\nbreak \"quoted\" \xc3\x28");
	cr_assert(control_put_failure(&out, 3, CONTROL_FAILED, &e));
	json_t *m = json_from(out.data, out.len - 1, CONTROL_LINE_MAX);
	cr_assert(m);
	cr_assert_eq(json_get_int(m, "exit", 0), CONTROL_FAILED);
	cr_assert_not(json_get_bool(m, "ok"));
	cr_assert_str_eq(json_get_text(m, "what"), "no\\xffte");
	cr_assert(memchr(out.data, '\n', out.len - 1) == NULL);
	json_decref(m);
	buf_finish(&out);
}

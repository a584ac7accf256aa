#include "sim/edits.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zstd.h>

#include "base/mem.h"
#include "base/relpath.h"

#define LINE_BYTES 16384
#define FIELDS     9

struct edits {
	FILE *file;
	ZSTD_DStream *stream;
	ZSTD_inBuffer in;
	uint8_t packed[1 << 16], plain[1 << 17];
	size_t at, len, rest; /* rest: 0 when the stream is complete so far */
	char *what, name[128], line[LINE_BYTES];
};

static int damaged(const struct edits *t, struct err *e, const char *why)
{
	err_set(e, t->what, "a whole replay trace is wanted", "%s", why);
	return -1;
}

/* More plain bytes; false at the end of the stream, or where it is damaged. */
static bool more(struct edits *t)
{
	while (t->at == t->len) {
		ZSTD_outBuffer out = { t->plain, sizeof t->plain, 0 };
		if (t->in.pos == t->in.size) {
			t->in = (ZSTD_inBuffer){ t->packed, fread(t->packed, 1, sizeof t->packed, t->file), 0 };
			if (!t->in.size)
				return false;
		}
		t->rest = ZSTD_decompressStream(t->stream, &out, &t->in);
		if (ZSTD_isError(t->rest))
			return false;
		t->at = 0;
		t->len = out.pos;
	}
	return true;
}

static bool take_line(struct edits *t)
{
	for (size_t len = 0; len < LINE_BYTES && more(t); len++) {
		t->line[len] = (char)t->plain[t->at++];
		if (t->line[len] == '\n') {
			t->line[len] = 0;
			return true;
		}
	}
	return false;
}

static bool take_bytes(struct edits *t, uint8_t *to, size_t len)
{
	while (len) {
		if (!more(t))
			return false;
		size_t part = t->len - t->at < len ? t->len - t->at : len;
		memcpy(to, t->plain + t->at, part);
		t->at += part;
		to += part;
		len -= part;
	}
	return true;
}

static size_t split(char *line, char *fields[FIELDS])
{
	size_t count = 0;
	for (char *at = line; count < FIELDS; at++) {
		fields[count++] = at;
		at += strcspn(at, "\t");
		if (!*at)
			break;
		*at = 0;
	}
	return count;
}

struct edits *edits_open(const char *file, struct err *e)
{
	struct edits *t = mem_alloc(sizeof *t);
	char *fields[FIELDS];
	t->what = mem_text(file);
	t->file = fopen(file, "r");
	t->stream = ZSTD_createDStream();
	if (!t->file)
		err_set(e, file, NULL, "%s", strerror(errno));
	else if (!t->stream || !take_line(t) || split(t->line, fields) < 2 || strcmp(fields[0], "replay-trace 1") != 0)
		damaged(t, e, "its first line does not say replay-trace 1");
	else {
		snprintf(t->name, sizeof t->name, "%s", fields[1]);
		return t;
	}
	edits_close(t);
	return NULL;
}

const char *edits_name(const struct edits *t)
{
	return t->name;
}

static bool op_of(const char *word, enum edit_op *op)
{
	static const char *const words[] = { "seed", "put", "rename", "delete" };
	for (unsigned i = 0; i < 4; i++)
		if (strcmp(word, words[i]) == 0) {
			*op = (enum edit_op)i;
			return true;
		}
	return false;
}

int edits_next(struct edits *t, struct edit *out, struct err *e)
{
	char *fields[FIELDS], *end;
	*out = (struct edit){ 0 };
	if (!more(t))
		return t->rest ? damaged(t, e, "it is damaged, or ends too early") : 0;
	if (!take_line(t) || split(t->line, fields) < FIELDS || !op_of(fields[0], &out->op))
		return damaged(t, e, "a line of it cannot be read");
	char *from = fields[8];
	size_t size = strtoul(fields[5], &end, 10);
	if (*end || size > EDITS_CONTENT_MAX || relpath_bad_category(fields[4], strlen(fields[4])) ||
	    relpath_bad(fields[7], strlen(fields[7])) || (out->op == EDIT_RENAME && relpath_bad(from, strlen(from))))
		return damaged(t, e, "a name or a size in it is not possible");
	out->category = mem_text(fields[4]);
	out->path = mem_text(fields[7]);
	out->from = mem_text(out->op == EDIT_RENAME ? from : "");
	out->content = (struct blob){ mem_alloc(size + 1), size };
	if (take_bytes(t, out->content.data, size) && take_bytes(t, (uint8_t *)t->line, 1))
		return 1;
	edit_finish(out);
	return damaged(t, e, "it ends in the middle of a file");
}

void edits_close(struct edits *t)
{
	if (!t)
		return;
	if (t->file)
		fclose(t->file);
	ZSTD_freeDStream(t->stream);
	free(t->what);
	free(t);
}

void edit_finish(struct edit *d)
{
	free(d->category);
	free(d->path);
	free(d->from);
	blob_finish(&d->content);
	*d = (struct edit){ 0 };
}

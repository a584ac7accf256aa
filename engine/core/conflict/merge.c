#include "engine/core/conflict/merge.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "engine/core/conflict/merge_ways.h"

static const char *const json_endings[] = { ".json",
					    ".jsonc",
					    ".json5",
					    ".geojson",
					    ".webmanifest",
					    ".code-snippets",
					    ".code-workspace",
					    ".code-profile",
					    ".sublime-keymap",
					    ".sublime-settings",
					    ".sublime-menu",
					    ".sublime-mousemap",
					    ".sublime-project",
					    ".sublime-commands",
					    ".sublime-completions",
					    ".ipynb" };

static bool ends_with(const char *path, const char *ending)
{
	size_t len = strlen(path), tail = strlen(ending);
	return len > tail && strcasecmp(path + len - tail, ending) == 0;
}

static bool json_name(const char *path)
{
	for (size_t i = 0; i < sizeof json_endings / sizeof *json_endings; i++)
		if (ends_with(path, json_endings[i]))
			return true;
	return false;
}

enum merge_kind merge_kind_of(enum merge_rule rule, const char *path)
{
	switch (rule) {
	case MERGE_TEXT:
		return MERGE_KIND_TEXT;
	case MERGE_LINES: /* a union of the lines of a JSON file would be no JSON */
		return json_name(path) ? MERGE_KIND_JSON : MERGE_KIND_LINES;
	case MERGE_BY_KIND:
		return json_name(path) ? MERGE_KIND_JSON : MERGE_KIND_TEXT;
	case MERGE_NONE:
		break;
	}
	return MERGE_KIND_NONE;
}

void merge_refuse(struct merge *m, const char *why)
{
	for (size_t i = 0; i < m->hunk_count; i++)
		free(m->hunks[i].key);
	free(m->hunks);
	m->hunks = NULL;
	m->hunk_count = 0;
	blob_finish(&m->result);
	m->taken_mine = m->taken_theirs = 0;
	m->outcome = MERGE_REFUSED;
	m->why = why;
}

void merge_end_line(struct buf *out)
{
	const uint8_t *before = out->len ? memrchr(out->data, '\n', out->len) : NULL;
	if (before && before > out->data && before[-1] == '\r')
		buf_u8(out, '\r');
	buf_u8(out, '\n');
}

void merge_put_lines(struct buf *out, struct span lines)
{
	if (lines.len && out->len && out->data[out->len - 1] != '\n')
		merge_end_line(out);
	buf_span(out, lines);
}

const char *merge_unfit(struct span s)
{
	if (s.len > MERGE_BYTES_MAX)
		return "it is too large to be merged";
	if (s.len && memchr(s.data, 0, s.len))
		return "it is not text";
	size_t lines = 0;
	for (const uint8_t *at = s.data, *end = s.data + s.len; at < end && lines <= MERGE_LINES_MAX; lines++) {
		at = memchr(at, '\n', (size_t)(end - at));
		if (!at)
			return NULL;
		at++;
	}
	return lines > MERGE_LINES_MAX ? "it has too many lines to be merged" : NULL;
}

/* Where not both changed it, nothing is merged: whatever it is, also what cannot be. */
static bool one_sided(struct merge *m, const struct merge_inputs *in)
{
	bool mine = !span_equal(in->base, in->mine), theirs = !span_equal(in->base, in->theirs);
	if (mine && theirs && !span_equal(in->mine, in->theirs))
		return false;
	const struct span result = mine ? in->mine : in->theirs;
	m->outcome = MERGE_CLEAN;
	m->result = blob_copy(result.data, result.len);
	m->taken_mine = mine && !theirs;
	m->taken_theirs = theirs && !mine;
	return true;
}

/* An empty text has an address too. */
static struct span there(struct span s)
{
	return s.data ? s : span_of("", 0);
}

void merge_run(struct merge *m, enum merge_kind kind, struct span base, struct span mine, struct span theirs)
{
	const struct merge_inputs in = { there(base), there(mine), there(theirs) };
	const char *why = merge_unfit(base);
	*m = (struct merge){ .kind = kind };
	if (one_sided(m, &in))
		return;
	why = why ? why : merge_unfit(mine);
	why = why ? why : merge_unfit(theirs);
	if (why) {
		merge_refuse(m, why);
		return;
	}
	switch (kind) {
	case MERGE_KIND_TEXT:
		merge_text(m, &in);
		return;
	case MERGE_KIND_LINES:
		merge_lines(m, &in);
		return;
	case MERGE_KIND_JSON:
		if (in.base.len > MERGE_JSON_MAX || in.mine.len > MERGE_JSON_MAX || in.theirs.len > MERGE_JSON_MAX)
			break;
		merge_json(m, &in);
		return;
	case MERGE_KIND_NONE:
		break;
	}
	merge_refuse(m,
		     kind == MERGE_KIND_JSON ? "it is too large to be merged by key" : "this category is not merged");
}

bool merge_settle(const struct merge *m, const enum merge_choice *choices, size_t count, struct blob *out,
		  const char **why)
{
	*out = (struct blob){ 0 };
	*why = NULL;
	if (m->outcome == MERGE_CLEAN && count == 0) {
		*out = blob_copy(m->result.data, m->result.len);
		return true;
	}
	if (m->outcome != MERGE_CONFLICTS || count != m->hunk_count) {
		*why = "it takes one choice for each hunk";
		return false;
	}
	return m->kind == MERGE_KIND_JSON ? merge_json_settle(m, choices, out, why)
					  : merge_text_settle(m, choices, out, why);
}

void merge_finish(struct merge *m)
{
	merge_refuse(m, NULL);
	if (m->kind == MERGE_KIND_JSON)
		merge_json_finish(m);
	else
		merge_text_finish(m);
	*m = (struct merge){ 0 };
}

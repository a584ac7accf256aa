#include "sys/gitconfig.h"

#include <errno.h>
#include <fcntl.h>
#include <git2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "sys/gitconfig_parts.h"

struct gitconfig {
	struct gitconfig_entry *entries;
	size_t count, cap;
};

/* ---- walking the text ---- */

static bool blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

static size_t skip_blanks(struct span t, size_t at)
{
	while (at < t.len && blank(t.data[at]))
		at++;
	return at;
}

static size_t line_end(struct span t, size_t at)
{
	const uint8_t *newline = at < t.len ? memchr(t.data + at, '\n', t.len - at) : NULL;
	return newline ? (size_t)(newline - t.data) + 1 : t.len;
}

/* Behind the newline that ends a variable: one that is escaped goes on. */
static size_t variable_end(struct span t, size_t at)
{
	bool quoted = false;
	for (; at < t.len; at++) {
		uint8_t c = t.data[at];
		if (c == '\n')
			return at + 1;
		if (c == '\\' && at + 2 < t.len && t.data[at + 1] == '\r' && t.data[at + 2] == '\n')
			at += 2;
		else if (c == '\\')
			at++;
		else if (c == '"')
			quoted = !quoted;
		else if (!quoted && (c == '#' || c == ';'))
			return line_end(t, at);
	}
	return t.len;
}

/* The bracket that closes a header, or the end of its line. */
static size_t header_end(struct span t, size_t at)
{
	bool quoted = false;
	for (; at < t.len && t.data[at] != '\n'; at++) {
		if (t.data[at] == '\\' && quoted)
			at++;
		else if (t.data[at] == '"')
			quoted = !quoted;
		else if (t.data[at] == ']' && !quoted)
			break;
	}
	return at < t.len ? at : t.len;
}

static bool has_variable(struct span t, size_t at)
{
	return at < t.len && t.data[at] != '\n' && t.data[at] != '#' && t.data[at] != ';';
}

bool gitconfig_next_line(struct gitconfig_walk *w, struct gitconfig_line *out)
{
	struct span t = w->text;
	if (w->at >= t.len)
		return false;
	*out = (struct gitconfig_line){ .from = w->at, .number = w->number + 1 };
	size_t at = w->at;
	if (at == 0 && t.len >= 3 && !memcmp(t.data, "\xef\xbb\xbf", 3))
		at = 3;
	at = skip_blanks(t, at);
	if (at < t.len && t.data[at] == '[') {
		size_t close = header_end(t, at + 1);
		out->kind = GITCONFIG_HEADER;
		out->header = span_of(t.data + at + 1, close - at - 1);
		at = skip_blanks(t, close < t.len && t.data[close] == ']' ? close + 1 : close);
		out->variable_too = has_variable(t, at);
	} else if (has_variable(t, at)) {
		out->kind = GITCONFIG_VARIABLE;
	}
	out->to = out->kind == GITCONFIG_VARIABLE || out->variable_too ? variable_end(t, at) : line_end(t, at);
	for (size_t i = w->at; i < out->to; i++)
		w->number += t.data[i] == '\n';
	w->at = out->to;
	return true;
}

/* ---- refusing ---- */

/* A line that begins as a comment is never a section; anything else may be, if only to the library. */
static bool includes(struct span text)
{
	for (size_t at = 0; at < text.len; at = line_end(text, at)) {
		size_t end = line_end(text, at), i = at;
		while (i < end && (text.data[i] == ' ' || text.data[i] == '\t'))
			i++;
		if (i < end && (text.data[i] == '#' || text.data[i] == ';'))
			continue;
		for (; i < end; i++) {
			if (text.data[i] != '[')
				continue;
			size_t word = skip_blanks(text, i + 1);
			if (text.len - word >= 7 && !strncasecmp((const char *)text.data + word, "include", 7))
				return true;
		}
	}
	return false;
}

static bool acceptable(const char *name, struct span text, struct err *e)
{
	if (text.len && memchr(text.data, 0, text.len))
		return err_set(e, name, NULL, "it is not a text: it has a NUL byte");
	if (includes(text))
		return err_set(e, name, "write what you need into the file itself",
			       "it has an include section, and those are not followed");
	return true;
}

bool gitconfig_read(const char *path, size_t max, struct blob *out, int *mode, struct err *e)
{
	struct stat s;
	*out = (struct blob){ 0 };
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return true;
	if (fd < 0)
		return errno == ELOOP ? err_set(e, path, "put the file itself there", "it is a symbolic link")
				      : err_set(e, path, NULL, "%s", strerror(errno));
	bool fine = false;
	if (fstat(fd, &s) || !S_ISREG(s.st_mode)) {
		err_set(e, path, NULL, "it is not a regular file");
	} else if ((size_t)s.st_size > max) {
		err_set(e, path, NULL, "it is larger than %zu KiB", max / 1024);
	} else {
		uint8_t *data = mem_alloc(max + 1);
		size_t len = 0;
		ssize_t n;
		while (len <= max && ((n = read(fd, data + len, max + 1 - len)) > 0 || (n < 0 && errno == EINTR)))
			len += n > 0 ? (size_t)n : 0;
		if (n < 0)
			err_set(e, path, NULL, "%s", strerror(errno));
		else if (len > max)
			err_set(e, path, NULL, "it is larger than %zu KiB", max / 1024);
		else
			fine = acceptable(path, span_of(data, len), e);
		if (fine) {
			*out = blob_copy(data, len);
			*mode = (int)(s.st_mode & 0777);
		}
		free(data);
	}
	close(fd);
	return fine;
}

/* ---- the library ---- */

bool gitconfig_library(struct err *e)
{
	static bool started;
	if (!started && git_libgit2_init() < 0)
		return err_set(e, "libgit2", NULL, "it could not be started");
	started = true;
	return true;
}

/* "failed to parse config file: WHY (in FILE:LINE)" or "(in FILE:LINE, column N)", as NAME:LINE: WHY. */
static void parse_error(const char *name, struct err *e)
{
	const git_error *last = git_error_last();
	const char *words = last && last->message ? last->message : "it is not in git-config syntax";
	const char *in = strstr(words, " (in "), *line = in ? strchr(in, ':') : NULL;
	const char *why = strncmp(words, "failed to parse config file: ", 29) ? words : words + 29;
	char what[sizeof e->what];
	if (line)
		snprintf(what, sizeof what, "%.200s:%d", name, atoi(line + 1));
	else
		snprintf(what, sizeof what, "%.200s", name);
	err_set(e, what, NULL, "%.*s", in && in > why ? (int)(in - why) : 300, why);
}

static git_config *open_text(const char *name, struct span text, struct err *e)
{
	char path[64];
	git_config *out = NULL;
	int fd = memfd_create("syncline-config", MFD_CLOEXEC);
	if (fd < 0 || (text.len && write(fd, text.data, text.len) != (ssize_t)text.len)) {
		err_set(e, name, NULL, "%s", strerror(errno));
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	git_error_clear();
	if (git_config_open_ondisk(&out, path)) {
		parse_error(name, e);
		out = NULL;
	}
	close(fd);
	return out;
}

static void add_entry(struct gitconfig *c, const git_config_entry *found)
{
	char *name = mem_text(found->name);
	char *first = strchr(name, '.'), *last = strrchr(name, '.');
	struct gitconfig_entry one = { .section = name, .value = mem_text(found->value ? found->value : "true") };
	*first = *last = 0;
	one.subsection = first != last ? first + 1 : NULL;
	one.key = last + 1;
	MEM_ROOM(c->entries, c->count, c->cap);
	c->entries[c->count++] = one;
}

static bool take_entries(struct gitconfig *c, git_config *from, const char *name, struct err *e)
{
	git_config_iterator *walk = NULL;
	git_config_entry *found;
	int code = git_config_iterator_new(&walk, from);
	while (!code && !(code = git_config_next(&found, walk))) {
		if (found->include_depth || c->count == GITCONFIG_ENTRIES_MAX || !strchr(found->name, '.'))
			break;
		add_entry(c, found);
	}
	git_config_iterator_free(walk);
	if (code == GIT_ITEROVER)
		return true;
	return err_set(e, name, NULL, code ? "it cannot be read" : "it has an include, or too many lines");
}

/* The n-th variable of the text is the n-th entry; where the counts differ, no line is told rather than a wrong one. */
static void number_lines(struct gitconfig *c, struct span text)
{
	struct gitconfig_walk w = { .text = text };
	struct gitconfig_line line;
	size_t count = 0;
	while (gitconfig_next_line(&w, &line)) {
		if (line.kind != GITCONFIG_VARIABLE && !line.variable_too)
			continue;
		if (count < c->count)
			c->entries[count].line = line.number;
		count++;
	}
	for (size_t i = 0; count != c->count && i < c->count; i++)
		c->entries[i].line = 0;
}

struct gitconfig *gitconfig_parse(const char *name, struct span text, struct err *e)
{
	if (!gitconfig_library(e) || !acceptable(name, text, e))
		return NULL;
	git_config *from = open_text(name, text, e);
	if (!from)
		return NULL;
	struct gitconfig *c = mem_alloc(sizeof *c);
	if (take_entries(c, from, name, e)) {
		number_lines(c, text);
	} else {
		gitconfig_destroy(c);
		c = NULL;
	}
	git_config_free(from);
	return c;
}

struct gitconfig *gitconfig_open(const char *path, size_t max, struct err *e)
{
	struct blob text;
	int mode;
	if (!gitconfig_read(path, max < GITCONFIG_MAX ? max : GITCONFIG_MAX, &text, &mode, e))
		return NULL;
	struct gitconfig *c = gitconfig_parse(path, span_blob(&text), e);
	blob_finish(&text);
	return c;
}

void gitconfig_destroy(struct gitconfig *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->count; i++) {
		free((char *)c->entries[i].section); /* the one block that holds all of the name */
		free((char *)c->entries[i].value);
	}
	free(c->entries);
	free(c);
}

size_t gitconfig_count(const struct gitconfig *c)
{
	return c->count;
}

const struct gitconfig_entry *gitconfig_at(const struct gitconfig *c, size_t index)
{
	return &c->entries[index];
}

/* Does "section.subsection.key" name this entry? */
static bool is_named(const struct gitconfig_entry *one, const char *name)
{
	const char *first = strchr(name, '.'), *last = strrchr(name, '.');
	if (!first || strlen(one->section) != (size_t)(first - name) ||
	    strncasecmp(one->section, name, (size_t)(first - name)))
		return false;
	if (strcasecmp(one->key, last + 1) || (first != last) != (one->subsection != NULL))
		return false;
	size_t len = first == last ? 0 : (size_t)(last - first - 1);
	return first == last || (strlen(one->subsection) == len && !memcmp(one->subsection, first + 1, len));
}

const char *gitconfig_get(const struct gitconfig *c, const char *name)
{
	for (size_t i = c->count; i > 0; i--)
		if (is_named(&c->entries[i - 1], name))
			return c->entries[i - 1].value;
	return NULL;
}

#include <errno.h>
#include <git2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "sys/atomicfile.h"
#include "sys/gitconfig.h"
#include "sys/gitconfig_parts.h"

struct gitconfig_edit {
	char *path;
	struct blob was; /* the file's content at the start */
	struct blob text;
	int mode;
};

struct gitconfig_edit *gitconfig_edit_start(const char *path, struct err *e)
{
	struct blob text;
	int mode = 0600;
	if (!gitconfig_read(path, GITCONFIG_MAX, &text, &mode, e))
		return NULL;
	struct gitconfig *check = gitconfig_parse(path, span_blob(&text), e);
	if (!check) {
		blob_finish(&text);
		return NULL;
	}
	gitconfig_destroy(check);
	struct gitconfig_edit *d = mem_alloc(sizeof *d);
	*d = (struct gitconfig_edit){ mem_text(path), text, blob_copy(text.data, text.len), mode };
	return d;
}

void gitconfig_edit_destroy(struct gitconfig_edit *d)
{
	if (!d)
		return;
	free(d->path);
	blob_finish(&d->was);
	blob_finish(&d->text);
	free(d);
}

struct span gitconfig_edit_text(const struct gitconfig_edit *d)
{
	return span_blob(&d->text);
}

/* ---- one change by the library, which writes only to files: in a folder of its own, for a moment ---- */

enum change { CHANGE_SET, CHANGE_ADD, CHANGE_UNSET };

static bool library_says(const char *name, struct err *e)
{
	const git_error *last = git_error_last();
	return err_set(e, name, NULL, "%s", last && last->message ? last->message : "it cannot be changed");
}

static int apply(git_config *config, enum change change, const char *name, const char *value)
{
	if (change == CHANGE_ADD)
		return git_config_set_multivar(config, name, "a^", value); /* replaces what matches: nothing */
	int code = git_config_delete_multivar(config, name, ".*");
	if (code && code != GIT_ENOTFOUND)
		return code;
	return change == CHANGE_UNSET ? 0 : git_config_set_string(config, name, value);
}

/* Changing a lone value in place keeps it where it stands. */
static int change_in(git_config *config, enum change change, const char *name, const char *value)
{
	if (change == CHANGE_SET && !git_config_set_string(config, name, value))
		return 0;
	return apply(config, change, name, value);
}

static bool change_file(const char *file, enum change change, const char *name, const char *value, struct err *e)
{
	git_config *config = NULL;
	git_error_clear();
	bool fine = !git_config_open_ondisk(&config, file) && !change_in(config, change, name, value);
	git_config_free(config);
	return fine || library_says(name, e);
}

static bool changed_text(struct gitconfig_edit *d, enum change change, const char *name, const char *value,
			 struct blob *out, struct err *e)
{
	const char *base = getenv("TMPDIR");
	char *folder = mem_printf("%s/syncline-XXXXXX", base && base[0] == '/' ? base : "/tmp");
	if (!mkdtemp(folder)) {
		err_set(e, folder, "is there space?", "%s", strerror(errno));
		free(folder);
		return false;
	}
	char *file = mem_printf("%s/config", folder), *lock = mem_printf("%s/config.lock", folder);
	bool fine = atomicfile_write(file, span_blob(&d->text), 0600, e) && change_file(file, change, name, value, e) &&
		    atomicfile_read(file, GITCONFIG_MAX, false, out, e);
	unlink(file);
	unlink(lock);
	rmdir(folder);
	free(file);
	free(lock);
	free(folder);
	return fine;
}

/* The new text must read back as what was asked for: names and values may hold anything. */
static bool reads_back(const char *path, struct span text, enum change change, const char *name, const char *value,
		       struct err *e)
{
	struct gitconfig *c = gitconfig_parse(path, text, e);
	if (!c)
		return false;
	const char *now = gitconfig_get(c, name);
	bool fine = change == CHANGE_UNSET ? !now : now && !strcmp(now, value);
	gitconfig_destroy(c);
	return fine || err_set(e, name, NULL, "the file cannot hold this value");
}

static bool change(struct gitconfig_edit *d, enum change how, const char *name, const char *value, struct err *e)
{
	struct blob text;
	if (strlen(name) > 1024 || (value && strlen(value) > 16384))
		return err_set(e, d->path, NULL, "a value is too long");
	if (!changed_text(d, how, name, value, &text, e))
		return false;
	if (!reads_back(d->path, span_blob(&text), how, name, value, e)) {
		blob_finish(&text);
		return false;
	}
	blob_finish(&d->text);
	d->text = text;
	return true;
}

bool gitconfig_edit_set(struct gitconfig_edit *d, const char *name, const char *value, struct err *e)
{
	return change(d, CHANGE_SET, name, value, e);
}

bool gitconfig_edit_add(struct gitconfig_edit *d, const char *name, const char *value, struct err *e)
{
	return change(d, CHANGE_ADD, name, value, e);
}

bool gitconfig_edit_unset(struct gitconfig_edit *d, const char *name, struct err *e)
{
	return change(d, CHANGE_UNSET, name, NULL, e);
}

/* ---- whole sections, by ourselves: the library leaves their headers ---- */

static bool header_names(struct span header, const char *section, const char *subsection)
{
	size_t at = 0, len = strlen(section);
	if (header.len < len || strncasecmp((const char *)header.data, section, len))
		return false;
	for (at = len; at < header.len && (header.data[at] == ' ' || header.data[at] == '\t'); at++)
		;
	if (at == header.len)
		return !subsection;
	if (!subsection || header.data[at] != '"')
		return false;
	for (at++; at < header.len && header.data[at] != '"'; at++) {
		if (header.data[at] == '\\')
			at++;
		if (at >= header.len || header.data[at] != (uint8_t)*subsection || !*subsection++)
			return false;
	}
	return at < header.len && !*subsection;
}

bool gitconfig_edit_remove(struct gitconfig_edit *d, const char *section, const char *subsection)
{
	struct gitconfig_walk w = { .text = span_blob(&d->text) };
	struct gitconfig_line line;
	struct buf kept = { 0 };
	size_t copied = 0;
	bool inside = false, any = false;
	while (gitconfig_next_line(&w, &line)) {
		if (line.kind == GITCONFIG_HEADER) {
			inside = header_names(line.header, section, subsection);
			any = any || inside;
			if (inside)
				buf_put(&kept, d->text.data + copied, line.from - copied);
			if (inside)
				copied = line.to;
		} else if (inside && line.kind == GITCONFIG_VARIABLE) {
			copied = line.to; /* with the comments above it; those behind the last one stay */
		}
	}
	buf_put(&kept, d->text.data + copied, d->text.len - copied);
	blob_finish(&d->text);
	d->text = buf_take(&kept);
	return any;
}

bool gitconfig_edit_commit(struct gitconfig_edit *d, struct err *e)
{
	struct blob now;
	int mode = d->mode;
	if (!gitconfig_read(d->path, GITCONFIG_MAX, &now, &mode, e))
		return false;
	bool same = span_equal(span_blob(&now), span_blob(&d->was));
	blob_finish(&now);
	if (!same)
		return err_set(e, d->path, "try again", "somebody changed it just now");
	return atomicfile_write(d->path, span_blob(&d->text), mode, e);
}

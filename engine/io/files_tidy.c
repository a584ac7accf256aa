/* Temporary files of ours that hold, or may hold, bytes of a person: each is unlinked only when nobody has it open for
 * writing and its bytes, hashed then, are a stored version or the one that its own name says. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/plant.h"
#include "base/relpath.h"
#include "engine/io/files_parts.h"
#include "sys/clock.h"

#define TIDY_AGAIN_MS    500   /* how often a file that somebody writes is looked at */
#define TIDY_STAGED_MS   60000 /* a staged file that nobody placed within this is given up */
#define TIDY_NO_LEASE_MS 5000  /* where leases are unknown, writers are given this long */
#define TIDY_BUDGET_US   4000

static size_t key_of(const char *category, const char *folder, const char *name, char *key, size_t cap)
{
	return (size_t)snprintf(key, cap, "%s%c%s%c%s", category, 0, folder, 0, name);
}

struct temp *files_temp_find(struct files *f, const char *category, const char *folder, const char *name)
{
	char key[CATEGORY_MAX + RELPATH_MAX + RELPATH_COMPONENT + 4];
	return map_find(&f->temps, key, key_of(category, folder, name, key, sizeof key));
}

struct temp *files_temp_add(struct files *f, const char *category, const char *folder, const char *name,
                            const char *path, const struct id *item, const struct id *version, enum temp_state state)
{
	char key[CATEGORY_MAX + RELPATH_MAX + RELPATH_COMPONENT + 4];
	size_t len = key_of(category, folder, name, key, sizeof key);
	struct temp *t = map_find(&f->temps, key, len);
	if (!t) {
		t = mem_alloc(sizeof *t);
		t->category = mem_text(category);
		t->folder = mem_text(folder);
		t->name = mem_text(name);
		t->path = mem_text(path);
		map_put(&f->temps, key, len, t);
	}
	t->item = *item;
	t->version = *version;
	t->state = state;
	t->since_ms = clock_ms();
	t->next_ms = 0;
	return t;
}

void files_temp_drop(struct files *f, struct temp *t)
{
	char key[CATEGORY_MAX + RELPATH_MAX + RELPATH_COMPONENT + 4];
	if (f->judges == t)
		files_judge_drop(f);
	map_remove(&f->temps, key, key_of(t->category, t->folder, t->name, key, sizeof key));
	free(t->category);
	free(t->folder);
	free(t->name);
	free(t->path);
	free(t);
}

/* Nobody has it open for writing, and nobody but us can find its name. */
static bool unwritten(struct files *f, int dir, struct temp *t, int *fd)
{
	*fd = files_open_file(dir, t->name);
	if (*fd < 0)
		return false;
	if (files_lease(f, *fd))
		return true;
	return errno != EAGAIN && clock_ms() - t->since_ms >= TIDY_NO_LEASE_MS;
}

static void offer(struct files *f, struct temp *t, const struct id *version, uint8_t meta, struct span content)
{
	if (id_equal(version, &t->offered) || !f->hooks.found)
		return;
	t->offered = *version;
	struct files_found found = { .category = t->category,
		                     .path = t->path,
		                     .folder = t->folder,
		                     .item = t->item,
		                     .version = *version,
		                     .meta = meta,
		                     .content = content };
	f->hooks.found(f->hooks.ctx, &found);
}

static bool may_go(struct files *f, struct temp *t, int dir, bool offering)
{
	struct file_stat stat;
	struct blob content;
	if (files_take_at(f, dir, t->name, &stat, &content) != LOOK_FILE)
		return false;
	struct id version = f->hooks.version_of(f->hooks.ctx, stat.meta, span_blob(&content));
	bool ok = PLANTED("files.unlinks_unread") || id_equal(&version, &t->version) ||
	          f->hooks.known(f->hooks.ctx, &version);
	if (!ok && offering)
		offer(f, t, &version, stat.meta, span_blob(&content));
	blob_finish(&content);
	return ok;
}

/* GONE: the name is free. KEEP: later. FORGET: it is none of ours (a folder, say). */
enum verdict { VERDICT_GONE, VERDICT_KEEP, VERDICT_FORGET };

void files_judge_drop(struct files *f)
{
	files_reading_drop(&f->judged);
	f->judges = NULL;
}

/* False: it cannot be begun. Where there are no leases it is read as a whole, see unwritten. */
static bool judge_begin(struct files *f, struct temp *t, int dir)
{
	int fd = files_open_file(dir, t->name);
	if (fd < 0)
		return false;
	if (!files_lease(f, fd)) {
		close(fd);
		return false;
	}
	f->judges = t;
	if (files_reading_begin(f, &f->judged, fd))
		return true;
	files_judge_drop(f);
	return false;
}

static enum verdict judge_whole(struct files *f, struct temp *t, int dir, bool link, bool offering)
{
	int fd = -1;
	bool quiet = link || PLANTED("files.unlinks_under_a_writer") || unwritten(f, dir, t, &fd);
	bool gone = quiet && may_go(f, t, dir, offering) && (unlinkat(dir, t->name, 0) == 0 || errno == ENOENT);
	if (fd >= 0)
		close(fd); /* gives the lease back */
	return gone ? VERDICT_GONE : VERDICT_KEEP;
}

/* One part a call, all of it under one lease. Who asks to write meanwhile waits, and ends it; it is not begun anew at
 * once, or they would wait for ever. */
static enum verdict judge_part(struct files *f, struct temp *t, int dir, const struct stat *st, bool offering)
{
	struct id version;
	if (f->judges && f->judges != t)
		return VERDICT_KEEP; /* its turn comes */
	if (f->judges && (st->st_ino != f->judged.stat.inode || !files_leased(f->judged.fd))) {
		files_judge_drop(f);
		return VERDICT_KEEP;
	}
	if (!f->judges && !judge_begin(f, t, dir))
		return judge_whole(f, t, dir, false, offering);
	enum look look = files_reading_some(f, &f->judged, &version);
	if (look == LOOK_MORE) {
		t->next_ms = 0;
		return VERDICT_KEEP;
	}
	bool ok = look == LOOK_FILE &&
	          (id_equal(&version, &t->version) || f->hooks.known(f->hooks.ctx, &version) ||
	           (offering && !id_equal(&version, &t->offered) && may_go(f, t, dir, true)));
	bool gone = ok && files_leased(f->judged.fd) && (unlinkat(dir, t->name, 0) == 0 || errno == ENOENT);
	files_judge_drop(f);
	return gone ? VERDICT_GONE : VERDICT_KEEP;
}

static enum verdict judge(struct files *f, struct temp *t, int dir, bool offering)
{
	struct stat st;
	if (fstatat(dir, t->name, &st, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT ? VERDICT_GONE : VERDICT_KEEP;
	if (!S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode))
		return VERDICT_FORGET;
	return files_is_large(f, &st) ? judge_part(f, t, dir, &st, offering)
	                              : judge_whole(f, t, dir, S_ISLNK(st.st_mode), offering);
}

static bool retire(struct files *f, struct temp *t, bool offering)
{
	struct files_root *r = files_root_find(f, t->category, true);
	t->next_ms = clock_ms() + TIDY_AGAIN_MS;
	if (!r)
		return false;
	int dir = files_open_below(f, r->fd, t->folder, O_RDONLY);
	enum verdict v = dir < 0 ? (errno == ENOENT ? VERDICT_FORGET : VERDICT_KEEP) : judge(f, t, dir, offering);
	if (dir >= 0)
		close(dir);
	if (v == VERDICT_KEEP && f->judges == t && t->next_ms)
		files_judge_drop(f); /* nothing came of this part: who wants to write is not to wait until the next */
	if (v == VERDICT_KEEP)
		return false;
	if (v == VERDICT_GONE && t->prune)
		files_prune(f, r, t->folder);
	files_temp_drop(f, t);
	return true;
}

bool files_retire(struct files *f, struct temp *t)
{
	bool gone = retire(f, t, false);
	if (!gone)
		t->next_ms = 0; /* files_tidy may have more luck, or offers it */
	return gone;
}

static uint64_t due_ms(const struct temp *t)
{
	return t->state == TEMP_STAGED ? t->since_ms + TIDY_STAGED_MS : t->next_ms;
}

size_t files_tidy(struct files *f)
{
	uint64_t start_us = clock_us(), now = clock_ms();
	void *value;
	for (size_t i = 0; map_next(&f->temps, &i, &value);) {
		struct temp *t = value;
		if (due_ms(t) > now)
			continue;
		if (clock_us() - start_us > TIDY_BUDGET_US)
			break;
		bool staged = t->state == TEMP_STAGED; /* ours, and given up; nobody else's bytes to offer yet */
		t->state = TEMP_RETIRED;
		retire(f, t, !staged);
	}
	return map_count(&f->temps);
}

size_t files_waiting(const struct files *f)
{
	return map_count(&f->temps);
}

uint64_t files_tidy_in_ms(const struct files *f)
{
	uint64_t now = clock_ms(), soonest = UINT64_MAX;
	void *value;
	for (size_t i = 0; map_next(&f->temps, &i, &value);)
		if (due_ms(value) < soonest)
			soonest = due_ms(value);
	return soonest == UINT64_MAX ? UINT64_MAX : soonest > now ? soonest - now : 0;
}

/* Leftovers of an earlier life */

static bool hex_at(const char *name, size_t at, size_t len)
{
	for (size_t i = at; i < at + len; i++)
		if (!strchr("0123456789abcdef", name[i]) || !name[i])
			return false;
	return true;
}

/* A part is only ever ours, and never whole: it may go when it is too old to be in use. */
static void leftover_part(struct files *f, const char *category, const char *folder, const char *name)
{
	struct files_root *r = files_root_find(f, category, false);
	int dir = r ? files_open_below(f, r->fd, folder, O_RDONLY) : -1;
	struct stat st;
	if (dir < 0)
		return;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
	    st.st_ctim.tv_sec + 30 < clock_wall_ms() / 1000)
		unlinkat(dir, name, 0);
	close(dir);
}

void files_leftover(struct files *f, const char *category, const char *folder, const char *name)
{
	static const size_t at = sizeof RELPATH_TEMP - 1, hex = 2 * ID_LEN;
	size_t len = strlen(name);
	char item_hex[ID_HEX], version_hex[ID_HEX];
	struct id item, version;
	if (len < at || memcmp(name, RELPATH_TEMP, at) != 0 || files_temp_find(f, category, folder, name) ||
	    strcmp(name, f->large.part) == 0)
		return;
	if (len == at + 5 + 16 && memcmp(name + at, "part-", 5) == 0 && hex_at(name, at + 5, 16)) {
		leftover_part(f, category, folder, name);
		return;
	}
	bool plain = len == at + 2 * hex + 1, unique = len == at + 2 * hex + 1 + 9;
	if ((!plain && !unique) || name[at + hex] != '-' ||
	    (unique && (name[at + 2 * hex + 1] != '-' || !hex_at(name, len - 8, 8))))
		return;
	snprintf(item_hex, sizeof item_hex, "%s", name + at);
	snprintf(version_hex, sizeof version_hex, "%s", name + at + hex + 1);
	if (id_parse(&item, item_hex) && id_parse(&version, version_hex))
		files_temp_add(f, category, folder, name, NULL, &item, &version, TEMP_RETIRED)->prune =
		        id_zero(&version);
}

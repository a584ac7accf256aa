/* Replacing a person's file exactly if it still holds what we expect. The new file is complete and on disk under a
 * temporary name; one exchange of names makes it visible and brings the old one out, where it can be hashed at leisure.
 * If that is not what was expected, the exchange is undone. */
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
#include "sys/entropy.h"

#define WAYS_MAX 4096 /* folders remembered as durable */

static void seam(struct files *f, const char *point)
{
	if (f->seam)
		f->seam(f->seam_ctx, point);
}

enum place_result files_refused(int error)
{
	switch (error) {
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return PLACE_FULL;
	case EACCES:
	case EPERM:
	case EROFS:
		return PLACE_DENIED;
	case ENOTDIR:
	case EISDIR:
	case ELOOP:
	case EXDEV:
	case ENAMETOOLONG:
	case EILSEQ:
	case ENOTEMPTY:
		return PLACE_BLOCKED;
	default:
		return PLACE_ERROR;
	}
}

/* Folders */

static int make_folder(struct placing *w, int at, const char *name)
{
	mode_t mode = w->p->meta & META_PRIVATE ? 0700 : 0755;
	if (mkdirat(at, name, mode) && errno != EEXIST)
		return -1;
	w->made_folders = true;
	w->root->names_dirty |= w->batched;
	/* Its name must be durable before anything in it is: but a batch has one sync for everything. */
	return w->batched || fsync(at) == 0 ? files_open_below(w->f, at, name, O_RDONLY) : -1;
}

/* Opens the file's folder, making what is missing on the way. */
static int open_folder(struct placing *w, bool make)
{
	int fd = files_open_below(w->f, w->root->fd, w->folder, O_RDONLY);
	if (fd >= 0 || errno != ENOENT || !make)
		return fd;
	fd = files_open_below(w->f, w->root->fd, "", O_RDONLY);
	for (char *from = w->folder; fd >= 0 && *from;) {
		char *slash = strchrnul(from, '/'), kept = *slash;
		*slash = 0;
		int next = files_open_below(w->f, fd, from, O_RDONLY);
		if (next < 0 && errno == ENOENT)
			next = make_folder(w, fd, from);
		int saved = errno;
		close(fd);
		errno = saved;
		fd = next;
		*slash = kept;
		from = kept ? slash + 1 : slash;
	}
	return fd;
}

/* Folders that somebody made a moment ago may not be on the disk yet, nor may what is placed in them be then. Waited
 * for once each: their names stay where they are, or they are other folders to us. */
static bool sync_way(struct placing *w)
{
	char key[sizeof(ino_t) + CATEGORY_MAX + RELPATH_MAX + 2], above[RELPATH_MAX + 1], at[RELPATH_MAX + 1];
	struct stat st;
	const char *name;
	if (!*w->folder)
		return true;
	if (fstat(w->dir, &st))
		return false;
	memcpy(key, &st.st_ino, sizeof st.st_ino);
	size_t len = sizeof st.st_ino + (size_t)snprintf(key + sizeof st.st_ino, sizeof key - sizeof st.st_ino,
							 "%s%c%s", w->root->category, 0, w->folder);
	if (map_find(&w->f->ways, key, len))
		return true;
	for (snprintf(at, sizeof at, "%s", w->folder); *at; memcpy(at, above, sizeof at)) {
		files_split(at, above, &name);
		int dir = files_open_below(w->f, w->root->fd, above, O_RDONLY);
		bool synced = dir >= 0 && fsync(dir) == 0;
		if (dir >= 0)
			close(dir);
		if (!synced)
			return false;
	}
	if (map_count(&w->f->ways) >= WAYS_MAX)
		map_finish(&w->f->ways);
	map_put(&w->f->ways, key, len, w->f);
	return true;
}

void files_prune(struct files *f, struct files_root *r, const char *folder)
{
	char at[RELPATH_MAX + 1], above[RELPATH_MAX + 1];
	const char *name;
	snprintf(at, sizeof at, "%s", folder);
	while (*at) {
		files_split(at, above, &name);
		int dir = files_open_below(f, r->fd, above, O_PATH);
		if (dir < 0)
			return;
		int failed = unlinkat(dir, name, AT_REMOVEDIR);
		close(dir);
		if (failed)
			return;
		memcpy(at, above, sizeof at);
	}
}

/* The new file under its temporary name: the staged one, or made now. */
static int prepare(struct placing *w)
{
	files_temp_name(w->temp, &w->p->item, &w->p->version, false);
	struct temp *t = files_temp_find(w->f, w->p->file.category, w->folder, w->temp);
	struct stat st;
	if (t && t->state == TEMP_STAGED && t->synced && fstatat(w->dir, w->temp, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    st.st_ino == t->ino && (uint64_t)st.st_size == w->p->content.len) {
		w->batched = true;
		files_temp_drop(w->f, t);
		files_hold(w, w->temp);
		return 0;
	}
	if (files_write_new(w, w->temp, true) == 0)
		return 0;
	if (errno != EEXIST)
		return -1;
	/* The name is taken: a leftover, which is judged by its bytes in good time. We use another name. */
	files_leftover(w->f, w->p->file.category, w->folder, w->temp);
	files_temp_name(w->temp, &w->p->item, &w->p->version, true);
	return files_write_new(w, w->temp, true);
}

/* What stands there */

static enum place_result check(struct placing *w)
{
	struct file_stat now;
	const struct file_stat *want = &w->p->expect_stat;
	w->was_there = fstatat(w->dir, w->name, &w->old, AT_SYMLINK_NOFOLLOW) == 0;
	if (!w->was_there && errno != ENOENT)
		return files_refused(errno);
	if (w->was_there && !files_stat_of(&w->old, &now))
		return PLACE_BLOCKED;
	if (w->p->expect_absent)
		return w->was_there ? PLACE_CHANGED : PLACE_DONE;
	if (!w->was_there || now.size != want->size || now.mtime_ns != want->mtime_ns ||
	    now.ctime_ns != want->ctime_ns || (now.inode != want->inode && !w->root->far) || now.meta != want->meta)
		return PLACE_CHANGED;
	return PLACE_DONE;
}

/* Is the file called `name` now what the caller expected? LOOK_FILE yes, LOOK_BUSY no, LOOK_ERROR cannot be told. */
static enum look verify(struct placing *w, const char *name)
{
	struct file_stat stat;
	struct blob content;
	struct id version;
	enum look look;
	if (w->held && (PLANTED("files.believes_what_it_read_before") || files_large_held(w, name)))
		return LOOK_FILE;
	if (files_is_large(w->f, &w->old)) {
		look = files_version_at(w->f, w->dir, name, &version);
	} else if ((look = files_take_at(w->f, w->dir, name, &stat, &content)) == LOOK_FILE) {
		version = w->f->hooks.version_of(w->f->hooks.ctx, stat.meta, span_blob(&content));
		blob_finish(&content);
	}
	if (look != LOOK_FILE)
		return look == LOOK_ERROR ? LOOK_ERROR : LOOK_BUSY;
	return id_equal(&version, &w->p->expect_version) ? LOOK_FILE : LOOK_BUSY;
}

static ino_t inode_at(int dir, const char *name)
{
	struct stat st;
	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) ? 0 : st.st_ino;
}

/* From now on `name` holds bytes that are judged before they go. */
static struct temp *retire_later(struct placing *w, const char *name)
{
	const struct place *p = w->p;
	struct temp *t = files_temp_add(w->f, p->file.category, w->folder, name, p->file.path, &p->item, &p->version,
	                                TEMP_RETIRED);
	t->prune = id_zero(&p->version);
	return t;
}

/* Judged at once, by its bytes: whoever had the name for a moment may have written to it. */
static void drop(struct placing *w)
{
	files_retire(w->f, retire_later(w, w->temp));
}

/* Neither exchange nor links: the name is absent for a moment, but no byte is lost. Afterwards w->temp names what had
 * the name, which is `aside`. */
static int step_aside(struct placing *w, const char *aside)
{
	if (files_rename_new(w->f, w->dir, w->name, aside))
		return -1;
	if (files_rename_new(w->f, w->dir, w->temp, w->name)) {
		int saved = errno;
		if (files_rename_new(w->f, w->dir, aside, w->name))
			retire_later(w, aside);
		errno = saved;
		return -1;
	}
	memcpy(w->temp, aside, FILES_TEMP_NAME);
	return 0;
}

/* The three ways to bring one file in and the other out, which should be that version. Afterwards w->temp names it. */
static int swap(struct placing *w, const struct id *out)
{
	if (PLANTED("files.renames_over_the_old"))
		return renameat(w->dir, w->temp, w->dir, w->name);
	if (!(w->f->poor & FILES_NO_EXCHANGE)) {
		if (renameat2(w->dir, w->temp, w->dir, w->name, RENAME_EXCHANGE) == 0)
			return 0;
		if (errno != EINVAL && errno != ENOSYS)
			return -1;
	}
	char old[FILES_TEMP_NAME];
	files_temp_name(old, &w->p->item, out, true);
	if (!(w->f->poor & FILES_NO_LINK) && linkat(w->dir, w->name, w->dir, old, 0) == 0) {
		seam(w->f, "linked");
		if (renameat(w->dir, w->temp, w->dir, w->name)) {
			int saved = errno;
			unlinkat(w->dir, old, 0); /* a second name of a file that still has its first */
			errno = saved;
			return -1;
		}
		memcpy(w->temp, old, sizeof old);
		return 0;
	}
	if (!(w->f->poor & FILES_NO_LINK) && errno != EPERM && errno != EOPNOTSUPP && errno != EMLINK)
		return -1;
	return step_aside(w, old);
}

/* The file that came out is not the expected one: back with it. The new file comes out whole, never by being written
 * over: whoever found it under its name for a moment may have changed it. The name may have been taken by a third file
 * meanwhile, which is newer: that one keeps it. What we hold in the end is judged later. False: ours may stand there
 * still. */
static bool swap_back(struct placing *w)
{
	char aside[FILES_TEMP_NAME];
	seam(w->f, "swap-back");
	w->root->names_dirty = true; /* both ways or neither: half of it on the disk would be somebody's edit undone */
	files_temp_name(aside, &w->p->item, &w->p->version, true);
	if (swap(w, &w->p->version) == 0 || step_aside(w, aside) == 0) {
		ino_t out = inode_at(w->dir, w->temp);
		if (out && w->ours && out != w->ours) /* no number can be read: then ours it was, most likely */
			swap(w, &w->p->expect_version);
		drop(w);
		return true;
	}
	if (files_rename_new(w->f, w->dir, w->temp, w->name) == 0)
		return true; /* nobody had the name by now */
	ino_t stands = inode_at(w->dir, w->name);
	drop(w);
	return stands && stands != w->ours;
}

static enum place_result replace(struct placing *w)
{
	if (prepare(w))
		return files_refused(errno);
	w->held = files_large_hold(w);
	seam(w->f, "checked");
	if (swap(w, &w->p->expect_version)) {
		int error = errno;
		drop(w);
		return error == ENOENT || error == EEXIST ? PLACE_CHANGED : files_refused(error);
	}
	seam(w->f, "swapped");
	if (PLANTED("files.takes_what_came_out_for_the_old"))
		return unlinkat(w->dir, w->temp, 0) ? PLACE_ERROR : PLACE_DONE;
	enum look was = verify(w, w->temp);
	if (was != LOOK_FILE) {
		bool back = swap_back(w);
		return was == LOOK_ERROR || !back ? PLACE_ERROR : PLACE_CHANGED;
	}
	retire_later(w, w->temp);
	return PLACE_DONE;
}

static enum place_result create(struct placing *w)
{
	files_temp_name(w->temp, &w->p->item, &w->p->version, false);
	bool staged = files_temp_find(w->f, w->p->file.category, w->folder, w->temp);
	if (staged && prepare(w))
		return files_refused(errno);
	seam(w->f, "checked");
	if ((staged ? files_rename_new(w->f, w->dir, w->temp, w->name) : files_write_new(w, w->name, true)) == 0)
		return PLACE_DONE;
	int error = errno;
	if (staged)
		drop(w);
	struct stat st;
	struct file_stat what;
	if (error == EEXIST && fstatat(w->dir, w->name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return files_stat_of(&st, &what) ? PLACE_CHANGED : PLACE_BLOCKED;
	return error == EEXIST ? PLACE_CHANGED : files_refused(error);
}

static enum place_result take_away(struct placing *w)
{
	w->held = files_large_hold(w);
	seam(w->f, "checked");
	files_temp_name(w->temp, &w->p->item, &w->p->version, false);
	int failed = files_rename_new(w->f, w->dir, w->name, w->temp);
	if (failed && errno == EEXIST) {
		files_leftover(w->f, w->p->file.category, w->folder, w->temp);
		files_temp_name(w->temp, &w->p->item, &w->p->version, true);
		failed = files_rename_new(w->f, w->dir, w->name, w->temp);
	}
	if (failed)
		return errno == ENOENT ? PLACE_CHANGED : files_refused(errno);
	seam(w->f, "swapped");
	if (PLANTED("files.takes_away_what_it_did_not_read"))
		return unlinkat(w->dir, w->temp, 0) ? PLACE_ERROR : PLACE_DONE;
	enum look was = verify(w, w->temp);
	if (was == LOOK_FILE) {
		retire_later(w, w->temp);
		return PLACE_DONE;
	}
	w->root->names_dirty = true;
	bool back = files_rename_new(w->f, w->dir, w->temp, w->name) == 0, newer = !back && errno == EEXIST;
	if (!back)
		retire_later(w, w->temp);
	return was == LOOK_ERROR || (!back && !newer) ? PLACE_ERROR : PLACE_CHANGED;
}

/* The whole */

/* The new file's stat for the ledger. If somebody wrote to it since it got its name, the next look must see that, so
 * then the answer is one that no file has. */
static void stat_after(struct placing *w, struct file_stat *after)
{
	struct stat st;
	struct timespec times[2];
	*after = (struct file_stat){ 0 };
	if (id_zero(&w->p->version))
		return;
	files_times_of(w->p, times);
	if (fstatat(w->dir, w->name, &st, AT_SYMLINK_NOFOLLOW) || st.st_ino != w->ours || !files_stat_of(&st, after) ||
	    after->size != w->p->content.len || after->meta != w->p->meta || st.st_mtim.tv_sec != times[1].tv_sec ||
	    st.st_mtim.tv_nsec != times[1].tv_nsec)
		after->ctime_ns = 0;
	if (w->root->far)
		after->inode = 0;
}

static enum place_result act(struct placing *w)
{
	enum place_result result = check(w);
	if (result != PLACE_DONE)
		return result;
	if (id_zero(&w->p->version) && w->p->expect_absent)
		return PLACE_DONE;
	if (w->p->meta & META_LINK && !files_link_stays_inside(w->folder, w->p->content))
		return PLACE_UNWANTED; /* a link out of its category is another device's own business */
	result = files_large_step(w);
	if (result != PLACE_DONE)
		return result;
	return id_zero(&w->p->version) ? take_away(w) : w->p->expect_absent ? create(w) : replace(w);
}

static size_t key_of(const struct place *p, char key[CATEGORY_MAX + RELPATH_MAX + 2])
{
	return (size_t)snprintf(key, CATEGORY_MAX + RELPATH_MAX + 2, "%s%c%s", p->file.category, 0, p->file.path);
}

enum place_result files_place(struct files *f, const struct place *p, struct file_stat *after)
{
	struct placing w = {
		.f = f, .p = p, .root = files_root_find(f, p->file.category, true), .dir = -1, .ours_fd = -1
	};
	char key[CATEGORY_MAX + RELPATH_MAX + 2];
	bool removes = id_zero(&p->version);
	*after = (struct file_stat){ 0 };
	if (!w.root)
		return PLACE_ERROR;
	if (relpath_bad(p->file.path, strlen(p->file.path)))
		return PLACE_BLOCKED;
	size_t key_len = key_of(p, key);
	w.batched = map_remove(&f->deferred, key, key_len) != NULL;
	files_split(p->file.path, w.folder, &w.name);
	files_large_turn(f, w.root, p);
	w.dir = open_folder(&w, !removes && p->expect_absent);
	if (w.dir < 0) {
		int error = errno;
		files_large_end(f, w.root, p);
		if (w.made_folders)
			files_prune(f, w.root, w.folder);
		if (error != ENOENT && !(removes && (error == ENOTDIR || error == ELOOP)))
			return files_refused(error);
		return removes && p->expect_absent ? PLACE_DONE : PLACE_CHANGED;
	}
	enum place_result result = act(&w);
	if (result == PLACE_DONE) {
		stat_after(&w, after);
		if (w.batched)
			w.root->names_dirty = true;
		else if (!PLANTED("files.names_not_synced") && (fsync(w.dir) || !sync_way(&w))) {
			/* It may not last. The caller looks again and finds it there: that must not be saved before. */
			w.root->names_dirty = true;
			result = PLACE_ERROR;
		}
	} else if (w.made_folders && result != PLACE_MORE) {
		files_prune(f, w.root, w.folder);
	}
	if (result == PLACE_MORE)
		seam(f, "part");
	else
		files_large_end(f, w.root, p);
	seam(f, "placed");
	if (w.ours_fd >= 0)
		close(w.ours_fd);
	close(w.dir);
	if (result == PLACE_DONE && removes) {
		/* The folder should go with its last file, so this one is judged at once if it can be. */
		struct temp *t = files_temp_find(f, p->file.category, w.folder, w.temp);
		if (t)
			files_retire(f, t);
	}
	return result;
}

/* Batches */

bool files_stage(struct files *f, const struct place *p)
{
	struct placing w = { .f = f,
		             .p = p,
		             .root = files_root_find(f, p->file.category, true),
		             .dir = -1,
		             .ours_fd = -1,
		             .batched = true };
	char key[CATEGORY_MAX + RELPATH_MAX + 2];
	if (!w.root || relpath_bad(p->file.path, strlen(p->file.path)) || p->content.len > f->part_bytes)
		return false;
	if (id_zero(&p->version)) {
		map_put(&f->deferred, key, key_of(p, key), f);
		return true;
	}
	files_split(p->file.path, w.folder, &w.name);
	if (p->meta & META_LINK && !files_link_stays_inside(w.folder, p->content))
		return false;
	w.dir = open_folder(&w, p->expect_absent);
	if (w.dir < 0)
		return false;
	files_temp_name(w.temp, &p->item, &p->version, false);
	bool staged = check(&w) == PLACE_DONE && !files_temp_find(f, p->file.category, w.folder, w.temp) &&
	              files_write_new(&w, w.temp, false) == 0;
	if (staged) {
		struct temp *t = files_temp_add(f, p->file.category, w.folder, w.temp, p->file.path, &p->item,
		                                &p->version, TEMP_STAGED);
		t->ino = w.ours;
		t->prune = w.made_folders;
		w.root->stage_dirty = true;
	} else if (w.made_folders) {
		files_prune(f, w.root, w.folder);
	}
	if (w.ours_fd >= 0)
		close(w.ours_fd);
	close(w.dir);
	return staged;
}

/* One syncfs for each filesystem that has work. */
static bool sync_roots(struct files *f, bool stage)
{
	void *value, *other;
	bool ok = true;
	for (size_t i = 0; map_next(&f->roots, &i, &value);) {
		struct files_root *r = value;
		if (!(stage ? r->stage_dirty : r->names_dirty))
			continue;
		bool synced = r->fd >= 0 && syncfs(r->fd) == 0;
		ok = ok && synced;
		for (size_t k = 0; map_next(&f->roots, &k, &other);) {
			struct files_root *same = other;
			if (same != r && (same->fd < 0 || r->fd < 0 || same->dev != r->dev))
				continue;
			if (stage)
				same->stage_dirty = false;
			else if (synced)
				same->names_dirty = false;
		}
	}
	return ok;
}

bool files_stage_sync(struct files *f)
{
	void *value;
	bool ok = sync_roots(f, true);
	for (size_t i = 0; map_next(&f->temps, &i, &value);) {
		struct temp *t = value;
		if (t->state == TEMP_STAGED && !t->synced && ok)
			t->synced = true;
		else if (t->state == TEMP_STAGED && !t->synced)
			t->state = TEMP_RETIRED; /* its bytes may never reach the disk: not to be used */
	}
	return ok;
}

bool files_sync_names(struct files *f)
{
	return sync_roots(f, false);
}

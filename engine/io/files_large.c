/* A large file comes to its place in parts, one a call; until the last one nothing changes there. First the new file is
 * written, and is on its way to the disk by then. Then the old one is read where it stands: what was read is what comes
 * out of the exchange, if nobody can have written to it in between. That is so when nobody had it open for writing
 * before its first part was read (a lease was given for it), when its times are the same at the end (every write since
 * then would have moved its ctime, for no writer brought an old mapping along), and when a second lease, taken before
 * that last look, outlives the exchange. In any doubt it is read once more, as a whole, after the exchange. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "engine/io/files_parts.h"
#include "sys/clock.h"

/* A file that was changed so shortly before may be changed again without its ctime showing it: kernels' ticks are 10 ms
 * at most. Filesystems that know whole seconds only step by two. */
#define TICK_MS   20
#define SECOND_MS 3000

static bool is_this(const struct files_large *l, const struct files_root *root, const struct place *p)
{
	return l->root && l->root == root && id_equal(&l->item, &p->item) && id_equal(&l->version, &p->version) &&
	       strcmp(l->path, p->file.path) == 0;
}

void files_large_init(struct files_large *l)
{
	*l = (struct files_large){ .fd = -1, .dir = -1, .old = { .fd = -1 } };
}

void files_large_drop(struct files *f)
{
	struct files_large *l = &f->large;
	if (!l->root)
		return;
	if (l->fd >= 0)
		close(l->fd);
	if (l->fd >= 0 && *l->part)
		unlinkat(l->dir, l->part, 0);
	if (l->dir >= 0)
		close(l->dir);
	files_reading_drop(&l->old);
	if (l->made_folders && l->root->fd >= 0)
		files_prune(f, l->root, l->folder);
	free(l->path);
	free(l->folder);
	files_large_init(l);
}

void files_large_turn(struct files *f, const struct files_root *root, const struct place *p)
{
	uint64_t old = p->expect_absent ? 0 : p->expect_stat.size, new = p->content.len;
	if ((new > f->part_bytes || old > f->part_bytes) && !is_this(&f->large, root, p))
		files_large_drop(f);
}

void files_large_end(struct files *f, const struct files_root *root, const struct place *p)
{
	if (is_this(&f->large, root, p))
		files_large_drop(f);
}

struct files_large *files_large_written(const struct placing *w)
{
	struct files_large *l = &w->f->large;
	return is_this(l, w->root, w->p) && l->fd >= 0 && l->synced ? l : NULL;
}

static bool begin(struct placing *w, const struct stat *dir, bool writes)
{
	struct files_large *l = &w->f->large;
	l->made_folders = false; /* it was another folder, and is gone */
	files_large_drop(w->f);
	l->root = w->root;
	l->item = w->p->item;
	l->version = w->p->version;
	l->path = mem_text(w->p->file.path);
	l->folder = mem_text(w->folder);
	l->dev = dir->st_dev;
	l->ino = dir->st_ino;
	l->dir = files_open_below(w->f, w->dir, "", O_PATH);
	if (l->dir < 0 || !writes)
		return l->dir >= 0;
	l->fd = files_open_new(w, l->part);
	return l->fd >= 0;
}

/* True where the kernel cannot do it. An error of the disk is told once only, and then is this one's. */
static bool written_out(int fd, uint64_t from, uint64_t len, unsigned how)
{
	return sync_file_range(fd, (off_t)from, (off_t)len, how) == 0 || errno == ENOSYS || errno == EINVAL ||
	       errno == EPERM || errno == ESPIPE;
}

/* Its way to the disk begins, and that of the part before is over: little is left for the fsync, and a slow disk is not
 * given more than it takes. */
static bool write_part(struct files_large *l, const struct files *f, struct span content)
{
	uint64_t at = l->done, left = content.len - at, len = left < f->part_bytes ? left : f->part_bytes;
	uint64_t before = at < f->part_bytes ? at : f->part_bytes;
	if (!files_write_whole(l->fd, span_of(content.data + at, (size_t)len)) ||
	    !written_out(l->fd, at, len, SYNC_FILE_RANGE_WRITE) ||
	    (before && !written_out(l->fd, at - before, before,
				    SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER)))
		return false;
	l->done += len;
	return true;
}

static bool quiet_for_long(const struct file_stat *stat)
{
	int64_t ago_ms = clock_wall_ms() - stat->ctime_ns / 1000000;
	return ago_ms > (stat->ctime_ns % 1000000000 ? TICK_MS : SECOND_MS);
}

/* False: it is read as a whole, after the exchange. */
static bool begin_reading(struct files_large *l, const struct placing *w)
{
	struct file_stat seen;
	int fd = files_open_file(w->dir, w->name);
	if (fd < 0)
		return false;
	bool alone = files_lease(w->f, fd);
	if (alone)
		files_unlease(fd);
	return files_reading_begin(w->f, &l->old, fd) && alone && files_stat_of(&w->old, &seen) &&
	       file_stat_equal(&seen, &l->old.stat) && quiet_for_long(&seen);
}

static enum place_result read_part(struct files_large *l, const struct placing *w)
{
	struct id version;
	enum look look = LOOK_BUSY;
	if (l->old.run)
		look = files_reading_some(w->f, &l->old, &version);
	else if (!l->tried && begin_reading(l, w))
		look = LOOK_MORE;
	l->tried = true;
	if (look == LOOK_MORE)
		return PLACE_MORE;
	if (look != LOOK_FILE)
		files_reading_drop(&l->old);
	return look == LOOK_FILE && !id_equal(&version, &w->p->expect_version) ? PLACE_CHANGED : PLACE_DONE;
}

enum place_result files_large_step(struct placing *w)
{
	struct files_large *l = &w->f->large;
	const struct place *p = w->p;
	bool writes = !id_zero(&p->version) && !(p->meta & META_LINK) && p->content.len > w->f->part_bytes;
	bool reads = w->was_there && files_is_large(w->f, &w->old);
	struct stat dir;
	if (!writes && !reads)
		return PLACE_DONE;
	if (fstat(w->dir, &dir))
		return files_refused(errno);
	bool goes_on = is_this(l, w->root, p) && l->dev == dir.st_dev && l->ino == dir.st_ino;
	if (!goes_on && !begin(w, &dir, writes))
		return files_refused(errno);
	l->made_folders |= w->made_folders;
	if (writes && l->done < p->content.len)
		return write_part(l, w->f, p->content) ? PLACE_MORE : files_refused(errno);
	if (writes && !l->synced) {
		l->synced = files_settle_new(w, l->fd, true);
		return l->synced ? PLACE_MORE : files_refused(errno);
	}
	return reads ? read_part(l, w) : PLACE_DONE;
}

bool files_large_hold(struct placing *w)
{
	const struct files_large *l = &w->f->large;
	bool read = is_this(l, w->root, w->p) && l->old.fd >= 0 && !l->old.run;
	if (!read || !files_lease(w->f, l->old.fd))
		return false;
	bool same = files_reading_same(&l->old);
	if (!same)
		files_unlease(l->old.fd);
	return same;
}

bool files_large_held(const struct placing *w, const char *name)
{
	const struct files_reading *r = &w->f->large.old;
	struct stat out, read;
	bool held = fstatat(w->dir, name, &out, AT_SYMLINK_NOFOLLOW) == 0 && fstat(r->fd, &read) == 0 &&
	            out.st_dev == read.st_dev && out.st_ino == read.st_ino && files_leased(r->fd);
	files_unlease(r->fd); /* nobody waits for what is still to be done */
	return held;
}

#include "sim/simvfs.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define SECTOR 512

struct image {
	uint8_t *bytes;
	size_t len, cap;
};

struct simfd {
	struct simfd *next;
	char *name;
	struct image now, kept;
	bool there, there_kept; /* the name, in both */
	uint32_t *dirty;        /* sectors of now that are not in kept, in order of writing */
	size_t dirty_count, dirty_cap;
	uint8_t *is_dirty;      /* by sector */
	size_t is_dirty_cap;
	void **shm;
	int shm_count;
};

struct simvfs {
	sqlite3_vfs vfs;
	char name[SIMVFS_NAME];
	struct simvfs_world world;
	struct simfd *files;
	unsigned life;
	uint64_t syncs, random;
};

struct handle {
	sqlite3_file base;
	struct simvfs *v;
	struct simfd *f;
	unsigned life;
	bool fleeting; /* deleted with its handle */
	bool journal;
};

/* ---- images ---- */

static void set_len(struct image *i, size_t len)
{
	if (len > i->cap) {
		i->cap = len < 2 * i->cap ? 2 * i->cap : len;
		i->bytes = mem_grow(i->bytes, i->cap, 1);
	}
	if (len > i->len)
		memset(i->bytes + i->len, 0, len - i->len);
	i->len = len;
}

static void touch(struct simfd *f, size_t from, size_t to)
{
	size_t last = (to + SECTOR - 1) / SECTOR;
	if (last > f->is_dirty_cap) {
		size_t cap = last * 2;
		f->is_dirty = mem_grow(f->is_dirty, cap, 1);
		memset(f->is_dirty + f->is_dirty_cap, 0, cap - f->is_dirty_cap);
		f->is_dirty_cap = cap;
	}
	for (size_t s = from / SECTOR; s < last; s++) {
		if (f->is_dirty[s])
			continue;
		f->is_dirty[s] = 1;
		MEM_ROOM(f->dirty, f->dirty_count, f->dirty_cap);
		f->dirty[f->dirty_count++] = (uint32_t)s;
	}
}

static void keep_sector(struct simfd *f, size_t sector)
{
	size_t from = sector * SECTOR, len = SECTOR;
	if (from >= f->now.len)
		return;
	if (f->now.len - from < len)
		len = f->now.len - from;
	if (f->kept.len < from + len)
		set_len(&f->kept, from + len);
	memcpy(f->kept.bytes + from, f->now.bytes + from, len);
}

static void forget_dirty(struct simfd *f)
{
	for (size_t i = 0; i < f->dirty_count; i++)
		f->is_dirty[f->dirty[i]] = 0;
	f->dirty_count = 0;
}

static void sync_file(struct simfd *f)
{
	for (size_t i = 0; i < f->dirty_count; i++)
		keep_sector(f, f->dirty[i]);
	set_len(&f->kept, f->now.len);
	forget_dirty(f);
}

static void sync_names(struct simvfs *v)
{
	for (struct simfd *f = v->files; f; f = f->next)
		f->there_kept = f->there;
}

static void forget_shm(struct simfd *f)
{
	for (int i = 0; i < f->shm_count; i++)
		free(f->shm[i]);
	free(f->shm);
	f->shm = NULL;
	f->shm_count = 0;
}

static struct simfd *find(struct simvfs *v, const char *name)
{
	for (struct simfd *f = v->files; f; f = f->next)
		if (strcmp(f->name, name) == 0)
			return f;
	return NULL;
}

static void vanish(struct simfd *f)
{
	f->there = false;
	set_len(&f->now, 0);
	forget_dirty(f);
}

static void settle(struct simvfs *v, struct simfd *f)
{
	uint64_t way = v->world.draw(v->world.ctx, 4);
	size_t some = way == 2 && f->dirty_count ? (size_t)v->world.draw(v->world.ctx, f->dirty_count) : 0;
	size_t len = f->now.len, old = f->kept.len;
	if (f->there != f->there_kept && v->world.draw(v->world.ctx, 2))
		f->there = f->there_kept;
	for (size_t i = 0; way && f->there && i < f->dirty_count; i++)
		if (way == 1 || (way == 2 ? i < some : v->world.draw(v->world.ctx, 2)))
			keep_sector(f, f->dirty[i]);
	if (f->there && way && len != old && v->world.draw(v->world.ctx, 2))
		set_len(&f->kept, len);
	forget_dirty(f);
	set_len(&f->now, f->kept.len);
	if (f->kept.len)
		memcpy(f->now.bytes, f->kept.bytes, f->kept.len);
	f->there_kept = f->there;
	if (!f->there)
		set_len(&f->kept, 0);
}

/* ---- a file's methods ---- */

static bool is_dead(const struct handle *h)
{
	return h->life != h->v->life;
}

static enum simvfs_trouble trouble(struct handle *h, bool sync)
{
	const struct simvfs_world *w = &h->v->world;
	if (is_dead(h))
		return SIMVFS_DEATH;
	enum simvfs_trouble t = w->trouble ? w->trouble(w->ctx, sync) : SIMVFS_FINE;
	if (t == SIMVFS_DEATH)
		simvfs_die(h->v);
	return t;
}

static int file_close(sqlite3_file *file)
{
	struct handle *h = (struct handle *)file;
	if (h->fleeting && !is_dead(h))
		vanish(h->f);
	return SQLITE_OK;
}

static int file_read(sqlite3_file *file, void *out, int amount, sqlite3_int64 offset)
{
	struct handle *h = (struct handle *)file;
	size_t want = (size_t)amount, at = (size_t)offset, have = at < h->f->now.len ? h->f->now.len - at : 0;
	if (is_dead(h))
		return SQLITE_IOERR_READ;
	if (have > want)
		have = want;
	if (have)
		memcpy(out, h->f->now.bytes + at, have);
	memset((uint8_t *)out + have, 0, want - have);
	return have == want ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

static int file_write(sqlite3_file *file, const void *in, int amount, sqlite3_int64 offset)
{
	struct handle *h = (struct handle *)file;
	size_t at = (size_t)offset, len = (size_t)amount;
	switch (trouble(h, false)) {
	case SIMVFS_FULL:
		return SQLITE_FULL;
	case SIMVFS_DEATH:
		return SQLITE_IOERR_WRITE;
	default:
		break;
	}
	if (at + len > h->f->now.len)
		set_len(&h->f->now, at + len);
	memcpy(h->f->now.bytes + at, in, len);
	touch(h->f, at, at + len);
	return SQLITE_OK;
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	struct handle *h = (struct handle *)file;
	if (is_dead(h))
		return SQLITE_IOERR_TRUNCATE;
	set_len(&h->f->now, (size_t)size);
	return SQLITE_OK;
}

static int file_sync(sqlite3_file *file, int flags)
{
	struct handle *h = (struct handle *)file;
	(void)flags;
	switch (trouble(h, true)) {
	case SIMVFS_LOST: /* as Linux has it: the pages are clean now, and on no disk */
		forget_dirty(h->f);
		return SQLITE_IOERR_FSYNC;
	case SIMVFS_DEATH:
		return SQLITE_IOERR_FSYNC;
	default:
		break;
	}
	h->v->syncs++;
	sync_file(h->f);
	if (h->journal) {
		sync_names(h->v); /* SQLite syncs the folder with a new journal */
		h->journal = false;
	}
	return SQLITE_OK;
}

static int file_size(sqlite3_file *file, sqlite3_int64 *size)
{
	struct handle *h = (struct handle *)file;
	*size = (sqlite3_int64)h->f->now.len;
	return is_dead(h) ? SQLITE_IOERR_FSTAT : SQLITE_OK;
}

/* One process at a time has it, with one connection. */
static int file_lock(sqlite3_file *file, int level)
{
	(void)level;
	return is_dead((struct handle *)file) ? SQLITE_IOERR_LOCK : SQLITE_OK;
}

static int file_reserved(sqlite3_file *file, int *out)
{
	(void)file;
	*out = 0;
	return SQLITE_OK;
}

static int file_control(sqlite3_file *file, int op, void *arg)
{
	(void)file;
	(void)op;
	(void)arg;
	return SQLITE_NOTFOUND;
}

static int file_sector(sqlite3_file *file)
{
	(void)file;
	return 4096;
}

static int file_traits(sqlite3_file *file)
{
	(void)file;
	return SQLITE_IOCAP_POWERSAFE_OVERWRITE; /* as SQLite takes Linux's file systems to be */
}

static int file_shm_map(sqlite3_file *file, int region, int size, int extend, void volatile **out)
{
	struct handle *h = (struct handle *)file;
	struct simfd *f = h->f;
	*out = NULL;
	if (is_dead(h))
		return SQLITE_IOERR_SHMMAP;
	if (region >= f->shm_count && !extend)
		return SQLITE_OK;
	if (region >= f->shm_count) {
		f->shm = mem_grow(f->shm, (size_t)region + 1, sizeof *f->shm);
		while (f->shm_count <= region)
			f->shm[f->shm_count++] = mem_alloc((size_t)size);
	}
	*out = f->shm[region];
	return SQLITE_OK;
}

static int file_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
	(void)offset;
	(void)n;
	(void)flags;
	return is_dead((struct handle *)file) ? SQLITE_IOERR_SHMLOCK : SQLITE_OK;
}

static void file_shm_barrier(sqlite3_file *file)
{
	(void)file;
}

static int file_shm_unmap(sqlite3_file *file, int delete)
{
	struct handle *h = (struct handle *)file;
	if (delete || is_dead(h))
		forget_shm(h->f);
	return SQLITE_OK;
}

static const sqlite3_io_methods methods = {
	.iVersion = 2,
	.xClose = file_close,
	.xRead = file_read,
	.xWrite = file_write,
	.xTruncate = file_truncate,
	.xSync = file_sync,
	.xFileSize = file_size,
	.xLock = file_lock,
	.xUnlock = file_lock,
	.xCheckReservedLock = file_reserved,
	.xFileControl = file_control,
	.xSectorSize = file_sector,
	.xDeviceCharacteristics = file_traits,
	.xShmMap = file_shm_map,
	.xShmLock = file_shm_lock,
	.xShmBarrier = file_shm_barrier,
	.xShmUnmap = file_shm_unmap,
};

/* ---- the disk's methods ---- */

static struct simvfs *of(sqlite3_vfs *vfs)
{
	return vfs->pAppData;
}

static int disk_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int flags, int *out_flags)
{
	struct simvfs *v = of(vfs);
	struct handle *h = (struct handle *)file;
	char fleeting[] = "fleeting";
	struct simfd *f = find(v, name ? name : fleeting);
	file->pMethods = NULL;
	if ((!f || !f->there) && !(flags & SQLITE_OPEN_CREATE))
		return SQLITE_CANTOPEN;
	if (!f) {
		f = mem_alloc(sizeof *f);
		f->name = mem_text(name ? name : fleeting);
		f->next = v->files;
		v->files = f;
	}
	bool fresh = !f->there;
	if (fresh) { /* a new inode */
		f->there = true;
		vanish(f);
		f->there = true;
		set_len(&f->kept, 0);
	}
	*h = (struct handle){ .v = v, .f = f, .life = v->life, .fleeting = flags & SQLITE_OPEN_DELETEONCLOSE };
	h->journal = fresh && flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL);
	h->base.pMethods = &methods;
	if (out_flags)
		*out_flags = flags;
	return SQLITE_OK;
}

static int disk_delete(sqlite3_vfs *vfs, const char *name, int sync_folder)
{
	struct simvfs *v = of(vfs);
	struct simfd *f = find(v, name);
	if (!f || !f->there)
		return SQLITE_IOERR_DELETE_NOENT;
	vanish(f);
	if (sync_folder)
		sync_names(v);
	return SQLITE_OK;
}

static int disk_access(sqlite3_vfs *vfs, const char *name, int flags, int *out)
{
	struct simfd *f = find(of(vfs), name);
	*out = f && f->there && (flags != SQLITE_ACCESS_EXISTS || f->now.len > 0);
	return SQLITE_OK;
}

static int disk_full_path(sqlite3_vfs *vfs, const char *name, int cap, char *out)
{
	(void)vfs;
	snprintf(out, (size_t)cap, "%s", name);
	return SQLITE_OK;
}

static int disk_random(sqlite3_vfs *vfs, int len, char *out)
{
	struct simvfs *v = of(vfs);
	for (int i = 0; i < len; i++)
		out[i] = (char)((v->random = v->random * 6364136223846793005u + 1442695040888963407u) >> 56);
	return len;
}

static int disk_sleep(sqlite3_vfs *vfs, int us)
{
	(void)vfs;
	return us;
}

static int disk_time(sqlite3_vfs *vfs, double *out)
{
	(void)vfs;
	*out = 2461000.5; /* in days; nothing we keep asks for it */
	return SQLITE_OK;
}

static int disk_error(sqlite3_vfs *vfs, int len, char *out)
{
	(void)vfs;
	if (len)
		out[0] = 0;
	return 0;
}

struct simvfs *simvfs_create(const struct simvfs_world *w)
{
	static unsigned made; /* names only: nothing depends on them */
	struct simvfs *v = mem_alloc(sizeof *v);
	v->world = *w;
	v->life = 1;
	snprintf(v->name, sizeof v->name, "simulated-%u", ++made);
	v->vfs = (sqlite3_vfs){
		.iVersion = 1,
		.szOsFile = sizeof(struct handle),
		.mxPathname = 64,
		.zName = v->name,
		.pAppData = v,
		.xOpen = disk_open,
		.xDelete = disk_delete,
		.xAccess = disk_access,
		.xFullPathname = disk_full_path,
		.xRandomness = disk_random,
		.xSleep = disk_sleep,
		.xCurrentTime = disk_time,
		.xGetLastError = disk_error,
	};
	if (sqlite3_vfs_register(&v->vfs, 0) != SQLITE_OK)
		abort();
	return v;
}

void simvfs_wipe(struct simvfs *v)
{
	while (v->files) {
		struct simfd *f = v->files;
		v->files = f->next;
		forget_shm(f);
		free(f->now.bytes);
		free(f->kept.bytes);
		free(f->dirty);
		free(f->is_dirty);
		free(f->name);
		free(f);
	}
}

void simvfs_destroy(struct simvfs *v)
{
	if (!v)
		return;
	sqlite3_vfs_unregister(&v->vfs);
	simvfs_wipe(v);
	free(v);
}

const char *simvfs_name(const struct simvfs *v)
{
	return v->name;
}

void simvfs_die(struct simvfs *v)
{
	v->life++;
}

void simvfs_power_cut(struct simvfs *v)
{
	simvfs_die(v);
	for (struct simfd *f = v->files; f; f = f->next)
		settle(v, f);
}

bool simvfs_flip(struct simvfs *v, const char *file, uint64_t bit)
{
	struct simfd *f = find(v, file);
	if (!f || !f->there || bit / 8 >= f->now.len)
		return false;
	f->now.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
	if (bit / 8 < f->kept.len)
		f->kept.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
	return true;
}

uint64_t simvfs_syncs(const struct simvfs *v)
{
	return v->syncs;
}

#include "sim/simdisk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/relpath.h"

void simdisk_finish(struct simdisk *d)
{
	for (size_t i = 0; i < d->count; i++) {
		blob_finish(&d->files[i]->now.content);
		blob_finish(&d->files[i]->kept.content);
		free(d->files[i]->category);
		free(d->files[i]->path);
		free(d->files[i]);
	}
	free(d->files);
	map_finish(&d->index);
	*d = (struct simdisk){ 0 };
}

struct simfile *simdisk_find(const struct simdisk *d, const char *category, const char *path)
{
	char key[CATEGORY_MAX + RELPATH_MAX + 2];
	int len = snprintf(key, sizeof key, "%s/%s", category, path);
	return len < 0 || (size_t)len >= sizeof key ? NULL : map_find(&d->index, key, (size_t)len);
}

struct simfile *simdisk_entry(struct simdisk *d, const char *category, const char *path, unsigned number)
{
	struct simfile *f = simdisk_find(d, category, path);
	if (f)
		return f;
	f = mem_alloc(sizeof *f);
	f->category = mem_text(category);
	f->path = mem_text(path);
	f->number = number;
	MEM_ROOM(d->files, d->count, d->cap);
	d->files[d->count++] = f;
	char *key = mem_printf("%s/%s", category, path);
	map_put(&d->index, key, strlen(key), f);
	free(key);
	return f;
}

void simdisk_stat(const struct simfile *f, struct file_stat *out)
{
	*out = (struct file_stat){ .size = f->now.content.len,
		                   .mtime_ns = f->now.mtime_ns,
		                   .ctime_ns = f->now.ctime_ns,
		                   .inode = f->now.inode,
		                   .meta = f->now.meta };
}

static bool below(const char *path, const char *folder)
{
	size_t len = strlen(folder);
	return strncmp(path, folder, len) == 0 && path[len] == '/';
}

bool simdisk_obstructed(const struct simdisk *d, const char *category, const char *path)
{
	for (size_t i = 0; i < d->count; i++) {
		const struct simfile *f = d->files[i];
		if (f->now.present && strcmp(f->category, category) == 0 &&
		    (below(f->path, path) || below(path, f->path)))
			return true;
	}
	return false;
}

static void soil(struct simfile *f, uint64_t now_us)
{
	if (!f->dirty) {
		f->dirty = true;
		f->dirty_at_us = now_us;
	}
}

void simdisk_write(struct simdisk *d, struct simfile *f, struct blob content, uint8_t meta, int64_t mtime_ns,
                   int64_t ctime_ns, bool new_inode, uint64_t now_us)
{
	blob_finish(&f->now.content);
	f->now.content = content;
	f->now.meta = meta;
	f->now.mtime_ns = mtime_ns;
	f->now.ctime_ns = ctime_ns;
	if (new_inode || !f->now.present) {
		f->now.inode = ++d->inodes;
		f->writers = 0; /* they go on with the old one, which has no name any more */
	}
	f->now.present = true;
	soil(f, now_us);
}

void simdisk_remove(struct simfile *f, uint64_t now_us)
{
	blob_finish(&f->now.content);
	f->now = (struct simimage){ 0 };
	f->writers = 0;
	soil(f, now_us);
}

void simdisk_sync(struct simfile *f)
{
	blob_finish(&f->kept.content);
	f->kept = f->now;
	f->kept.content = blob_copy(f->now.content.data, f->now.content.len);
	f->dirty = false;
}

void simdisk_age(struct simdisk *d, uint64_t now_us, uint64_t after_us)
{
	for (size_t i = 0; i < d->count; i++)
		if (d->files[i]->dirty && d->files[i]->dirty_at_us + after_us <= now_us)
			simdisk_sync(d->files[i]);
}

static void lose(struct simdisk *d, struct simfile *f, struct chance *c, unsigned stream)
{
	const struct simimage *now = &f->now, *kept = &f->kept;
	bool whole = f->now.meta & META_LINK; /* a link's target comes with its name */
	switch (chance_below(c, stream, whole ? 2 : 4)) {
	case 0: /* all of it was written back after all */
		return;
	case 1: /* none of it. Two writes within one tick of the clock would look alike: no tool could tell, so do not
	           ask it */
		if (kept->inode == now->inode && kept->mtime_ns == now->mtime_ns && kept->ctime_ns == now->ctime_ns &&
		    kept->present)
			f->kept.inode = ++d->inodes;
		blob_finish(&f->now.content);
		f->now = f->kept;
		f->now.content = blob_copy(f->kept.content.data, f->kept.content.len);
		return;
	case 2: /* data cut short */
		f->now.content.len = chance_below(c, stream, f->now.content.len + 1);
		return;
	default: /* the new name with nothing in it */
		f->now.content.len = 0;
	}
}

void simdisk_power_cut(struct simdisk *d, struct chance *c, unsigned stream,
                       void (*changed)(void *ctx, struct simfile *f, struct span before), void *ctx)
{
	for (size_t i = 0; i < d->count; i++) {
		struct simfile *f = d->files[i];
		f->writers = 0;
		if (!f->dirty)
			continue;
		struct blob before = blob_copy(f->now.content.data, f->now.content.len);
		lose(d, f, c, stream);
		changed(ctx, f, span_blob(&before));
		blob_finish(&before);
		simdisk_sync(f);
	}
}

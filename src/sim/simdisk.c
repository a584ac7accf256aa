#include "sim/simdisk.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/relpath.h"

#define SWEEP_NAMES 64 /* dead names in a folder before they are looked for */
#define TICK_NS     4000000LL

/* ---- inodes ---- */

struct siminode *simdisk_make(struct simdisk *d, enum simkind kind, mode_t mode, int64_t time_ns)
{
	struct siminode *i = mem_alloc(sizeof *i);
	i->number = ++d->numbers;
	i->kind = kind;
	i->refs = 1;
	i->mode = mode;
	i->mtime_ns = i->ctime_ns = time_ns;
	i->at = d->inode_count;
	MEM_ROOM(d->inodes, d->inode_count, d->inode_cap);
	d->inodes[d->inode_count++] = i;
	if (kind == SIM_FILE)
		simdisk_dirty(d, i);
	return i;
}

static void seat(struct simfile *f, struct siminode *i);
static void unseat(struct simfile *f);
static void each_seat(const struct siminode *i, void (*of)(struct simfile *f));

static void free_inode(struct simdisk *d, struct siminode *i)
{
	struct siminode *last = d->inodes[--d->inode_count];
	d->inodes[i->at] = last;
	last->at = i->at;
	d->dirty -= i->dirty;
	if (d->room != UINT64_MAX)
		d->room += i->content.len;
	for (size_t k = 0; k < i->count; k++) {
		struct simname *s = i->names[k];
		struct siminode *now = s->now, *kept = s->kept;
		s->now = s->kept = NULL;
		if (now) {
			now->links--;
			if (now->self == s)
				now->self = NULL;
			simdisk_drop(d, now);
		}
		if (kept)
			simdisk_drop(d, kept);
		free(s->name);
		free(s);
	}
	free(i->names);
	map_finish(&i->index);
	each_seat(i, unseat);
	blob_finish(&i->content);
	blob_finish(&i->kept.content);
	free(i);
}

void simdisk_drop(struct simdisk *d, struct siminode *i)
{
	if (--i->refs == 0)
		free_inode(d, i);
}

static struct siminode *hold(struct siminode *i)
{
	if (i)
		i->refs++;
	return i;
}

void simdisk_start(struct simdisk *d, const uint64_t *now_us)
{
	*d = (struct simdisk){ .room = UINT64_MAX, .now_us = now_us };
	d->top = simdisk_make(d, SIM_FOLDER, 0755, 0);
}

static void forget_ops(struct simdisk *d)
{
	for (size_t i = 0; i < d->op_count; i++)
		for (unsigned k = 0; k < d->ops[i].count; k++) {
			struct simset *s = &d->ops[i].set[k];
			struct siminode *folder = s->name->folder;
			if (s->to)
				simdisk_drop(d, s->to);
			simdisk_drop(d, folder);
		}
	d->op_count = 0;
}

void simdisk_finish(struct simdisk *d)
{
	forget_ops(d);
	if (d->top)
		simdisk_drop(d, d->top);
	while (d->inode_count) /* folders of each other's, and what a descriptor held */
		free_inode(d, d->inodes[d->inode_count - 1]);
	for (size_t i = 0; i < d->count; i++) {
		blob_finish(&d->files[i]->before);
		blob_finish(&d->files[i]->away);
		free(d->files[i]->category);
		free(d->files[i]->path);
		free(d->files[i]);
	}
	free(d->inodes);
	free(d->ops);
	free(d->files);
	free(d->changes);
	map_finish(&d->index);
	*d = (struct simdisk){ 0 };
}

uint8_t simdisk_meta(const struct siminode *i)
{
	if (i->kind == SIM_LINK)
		return META_LINK;
	return (uint8_t)((i->mode & S_IXUSR ? META_EXEC : 0) | (i->mode & (S_IRGRP | S_IROTH) ? 0 : META_PRIVATE));
}

mode_t simdisk_mode(uint8_t meta)
{
	mode_t mode = meta & META_PRIVATE ? 0600 : 0644;
	return meta & META_EXEC ? mode | (meta & META_PRIVATE ? 0100 : 0111) : mode;
}

/* ---- paths of items ---- */

static struct simfile *find(const struct simdisk *d, const char *category, const char *path)
{
	char key[CATEGORY_MAX + RELPATH_MAX + 2];
	size_t len = relpath_join(key, sizeof key, category, path);
	return len ? map_find(&d->index, key, len) : NULL;
}

struct simfile *simdisk_find(const struct simdisk *d, const char *category, const char *path)
{
	return find(d, category, path);
}

static void note(struct simfile *f)
{
	struct simdisk *d = f->disk;
	if (!d->noting || f->noted)
		return;
	f->noted = true;
	f->before_ino = f->now.inode;
	f->before_meta = f->now.meta;
	f->before = f->now.present ? blob_copy(f->now.content.data, f->now.content.len) : (struct blob){ 0 };
	MEM_ROOM(d->changes, d->change_count, d->change_cap);
	d->changes[d->change_count++] = f;
}

static void show(struct simfile *f)
{
	note(f);
	const struct siminode *i = f->node;
	f->writers = i ? i->writers : 0;
	f->now = (struct simimage){ 0 };
	if (i)
		f->now = (struct simimage){ .present = true,
			                    .content = i->content,
			                    .meta = simdisk_meta(i),
			                    .mtime_ns = i->mtime_ns,
			                    .ctime_ns = i->ctime_ns,
			                    .inode = i->number };
}

static void seat(struct simfile *f, struct siminode *i)
{
	f->node = i && i->kind != SIM_FOLDER ? i : NULL;
	if (f->node)
		f->node->seat = f;
	show(f);
}

static void unseat(struct simfile *f)
{
	seat(f, NULL);
}

/* A file may have several names after a power cut: the seat it took last, and others. */
static void each_seat(const struct siminode *i, void (*of)(struct simfile *f))
{
	struct simfile *last = i->seat;
	if (!last)
		return;
	bool others = i->links > 1 || (i->links && last->node != i);
	for (size_t k = 0; others && k < last->disk->count; k++)
		if (last->disk->files[k] != last && last->disk->files[k]->node == i)
			of(last->disk->files[k]);
	if (last->node == i)
		of(last);
}

static int walk(struct simdisk *d, struct siminode *from, const char *path, bool whatever_rights,
		struct siminode **out);

/* What is there, also where nobody may look just now. */
static void look_again(struct simdisk *d, struct simfile *f)
{
	char path[CATEGORY_MAX + RELPATH_MAX + 2];
	struct siminode *i = NULL;
	relpath_join(path, sizeof path, f->category, f->path);
	seat(f, walk(d, d->top, path, true, &i) == 0 ? i : NULL);
}

struct simfile *simdisk_entry(struct simdisk *d, const char *category, const char *path, unsigned number)
{
	struct simfile *f = find(d, category, path);
	if (f)
		return f;
	f = mem_alloc(sizeof *f);
	f->disk = d;
	f->category = mem_text(category);
	f->path = mem_text(path);
	f->number = number;
	MEM_ROOM(d->files, d->count, d->cap);
	d->files[d->count++] = f;
	char key[CATEGORY_MAX + RELPATH_MAX + 2];
	map_put(&d->index, key, relpath_join(key, sizeof key, category, path), f);
	look_again(d, f);
	return f;
}

void simdisk_note_changes(struct simdisk *d)
{
	d->noting = true;
}

void simdisk_changes_told(struct simdisk *d)
{
	for (size_t i = 0; i < d->change_count; i++) {
		d->changes[i]->noted = false;
		blob_finish(&d->changes[i]->before);
	}
	d->change_count = 0;
	d->noting = false;
}

void simdisk_stat(const struct simfile *f, struct file_stat *out)
{
	*out = (struct file_stat){ .size = f->now.content.len,
		                   .mtime_ns = f->now.mtime_ns,
		                   .ctime_ns = f->now.ctime_ns,
		                   .inode = f->now.inode,
		                   .meta = f->now.meta };
}

static size_t full_path(const struct simdisk *d, const struct simname *s, char *out, size_t cap)
{
	size_t at = 0;
	if (s->folder != d->top) {
		if (!s->folder->self)
			return 0;
		at = full_path(d, s->folder->self, out, cap);
		if (!at)
			return 0;
	}
	size_t len = strlen(s->name);
	if (len + 2 > cap - at)
		return 0;
	if (at)
		out[at++] = '/';
	memcpy(out + at, s->name, len + 1);
	return at + len;
}

struct simfile *simdisk_seat(const struct simdisk *d, const struct simname *s)
{
	char path[CATEGORY_MAX + RELPATH_MAX + 2];
	size_t len = full_path(d, s, path, sizeof path);
	return len ? map_find(&d->index, path, len) : NULL;
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

/* ---- names ---- */

static size_t key_of(const struct simdisk *d, const char *name, char key[RELPATH_COMPONENT + 1])
{
	size_t len = strnlen(name, RELPATH_COMPONENT);
	memcpy(key, name, len);
	for (size_t i = 0; d->folding && i < len; i++)
		key[i] = (char)tolower((unsigned char)key[i]);
	return len;
}

/* Names that nobody remembers any more, in neither image nor journal. */
static void sweep(struct simdisk *d, struct siminode *folder)
{
	size_t left = 0, dead = 0;
	for (size_t i = 0; i < folder->count; i++)
		dead += !folder->names[i]->now && !folder->names[i]->kept;
	if (folder->open || dead < SWEEP_NAMES || dead * 2 < folder->count)
		return;
	d->mark++;
	for (size_t i = 0; i < d->op_count; i++)
		for (unsigned k = 0; k < d->ops[i].count; k++)
			d->ops[i].set[k].name->mark = d->mark;
	map_finish(&folder->index);
	for (size_t i = 0; i < folder->count; i++) {
		struct simname *s = folder->names[i];
		char key[RELPATH_COMPONENT + 1];
		if (!s->now && !s->kept && s->mark != d->mark) {
			free(s->name);
			free(s);
			continue;
		}
		folder->names[left++] = s;
		map_put(&folder->index, key, key_of(d, s->name, key), s);
	}
	folder->count = left;
}

struct simname *simdisk_name(struct simdisk *d, struct siminode *folder, const char *name, bool make)
{
	char key[RELPATH_COMPONENT + 1];
	size_t len = key_of(d, name, key);
	struct simname *s = map_find(&folder->index, key, len);
	if (!s && make) {
		if (folder->count >= SWEEP_NAMES && folder->count == folder->cap)
			sweep(d, folder);
		s = mem_alloc(sizeof *s);
		s->name = mem_text(name);
		s->folder = folder;
		MEM_ROOM(folder->names, folder->count, folder->cap);
		folder->names[folder->count++] = s;
		map_put(&folder->index, key, len, s);
	}
	if (s && make && !s->now && strcmp(s->name, name) != 0) {
		free(s->name); /* another case of it */
		s->name = mem_text(name);
	}
	return s;
}

size_t simdisk_live(const struct siminode *folder)
{
	size_t live = 0;
	for (size_t i = 0; i < folder->count; i++)
		live += folder->names[i]->now != NULL;
	return live;
}

static void point(struct simdisk *d, struct simname *s, struct siminode *to)
{
	struct siminode *was = s->now;
	if (was == to)
		return;
	s->now = hold(to);
	if (to) {
		to->links++;
		to->self = s;
	}
	if (was) {
		was->links--;
		if (was->self == s)
			was->self = NULL;
		simdisk_drop(d, was);
	}
}

static void show_names(struct simdisk *d, const struct simset *set, unsigned count, bool folders)
{
	if (folders) {
		for (size_t i = 0; i < d->count; i++)
			look_again(d, d->files[i]);
		return;
	}
	for (unsigned k = 0; k < count; k++) {
		struct simfile *f = simdisk_seat(d, set[k].name);
		if (f)
			seat(f, set[k].name->now);
	}
}

/* A folder with nothing in it comes or goes without any other path. */
static bool moves_paths(const struct siminode *i)
{
	return i && i->kind == SIM_FOLDER && simdisk_live(i);
}

void simdisk_set(struct simdisk *d, const struct simset *set, unsigned count)
{
	bool folders = false;
	MEM_ROOM(d->ops, d->op_count, d->op_cap);
	struct simop *op = &d->ops[d->op_count++];
	*op = (struct simop){ .count = count, .at_us = *d->now_us };
	for (unsigned k = 0; k < count; k++) {
		op->set[k] = set[k];
		hold(set[k].to);
		hold(set[k].name->folder);
		folders |= moves_paths(set[k].to) || moves_paths(set[k].name->now);
	}
	for (unsigned k = 0; k < count; k++)
		hold(set[k].name->now); /* an exchange: neither may go meanwhile */
	struct siminode *were[2] = { set[0].name->now, count > 1 ? set[1].name->now : NULL };
	for (unsigned k = 0; k < count; k++)
		point(d, set[k].name, set[k].to);
	for (unsigned k = 0; k < count; k++)
		if (set[k].to)
			set[k].to->self = set[k].name;
	for (unsigned k = 0; k < count; k++)
		if (were[k])
			simdisk_drop(d, were[k]);
	show_names(d, set, count, folders);
}

static int walk(struct simdisk *d, struct siminode *from, const char *path, bool whatever_rights, struct siminode **out)
{
	char name[RELPATH_COMPONENT + 1];
	struct siminode *at = from;
	for (path += strspn(path, "/"); *path; path += strspn(path, "/")) {
		size_t len = strcspn(path, "/");
		if (at->kind != SIM_FOLDER)
			return at->kind == SIM_LINK ? ELOOP : ENOTDIR;
		if (len > RELPATH_COMPONENT)
			return ENAMETOOLONG;
		if (at->denied && !whatever_rights)
			return EACCES;
		memcpy(name, path, len);
		name[len] = 0;
		path += len;
		if (strcmp(name, ".") == 0)
			continue;
		struct simname *s = simdisk_name(d, at, name, false);
		if (!s || !s->now)
			return ENOENT;
		at = s->now;
	}
	*out = at;
	return 0;
}

int simdisk_walk(struct simdisk *d, struct siminode *from, const char *path, struct siminode **out)
{
	return walk(d, from, path, false, out);
}

/* ---- content ---- */

void simdisk_dirty(struct simdisk *d, struct siminode *i)
{
	if (!i->dirty) {
		i->dirty = true;
		i->dirty_at_us = *d->now_us;
		d->dirty++;
	}
	each_seat(i, show);
}

void simdisk_put(struct simdisk *d, struct siminode *i, struct blob content, int64_t time_ns)
{
	if (d->room != UINT64_MAX) {
		d->room += i->content.len;
		d->room -= content.len < d->room ? content.len : d->room;
	}
	each_seat(i, note);
	blob_finish(&i->content);
	i->content = content;
	i->mtime_ns = i->ctime_ns = time_ns;
	i->rewritten = true;
	i->lost = false;
	simdisk_dirty(d, i);
}

void simdisk_writers(struct siminode *i, int more)
{
	i->writers = (unsigned)((int)i->writers + more);
	each_seat(i, show);
}

/* ---- durability ---- */

bool simdisk_kept(const struct siminode *i)
{
	return !i->dirty && !i->lost && i->kept.any;
}

static void keep_data(struct simdisk *d, struct siminode *i)
{
	d->dirty -= i->dirty;
	i->dirty = false;
	if (i->lost)
		return;
	if (i->rewritten || !i->kept.any) {
		blob_finish(&i->kept.content);
		i->kept.content = blob_copy(i->content.data, i->content.len);
		i->kept.ours = i->ours;
	}
	i->rewritten = false;
	i->kept.any = true;
	i->kept.mode = i->mode;
	i->kept.mtime_ns = i->mtime_ns;
	i->kept.ctime_ns = i->ctime_ns;
}

static void keep_names(struct simdisk *d, struct simop *op)
{
	for (unsigned k = 0; k < op->count; k++) {
		struct simname *s = op->set[k].name;
		struct siminode *was = s->kept, *folder = s->folder;
		s->kept = op->set[k].to; /* with the journal's reference */
		if (was)
			simdisk_drop(d, was);
		simdisk_drop(d, folder);
	}
}

static void keep_first(struct simdisk *d, size_t count)
{
	if (!count)
		return;
	for (size_t i = 0; i < count; i++)
		keep_names(d, &d->ops[i]);
	d->op_count -= count;
	memmove(d->ops, d->ops + count, d->op_count * sizeof *d->ops);
}

/* All changes of names in this folder, and what they build on. */
static void keep_folder(struct simdisk *d, const struct siminode *folder)
{
	bool *take = mem_alloc(d->op_count + 1);
	size_t left = 0;
	d->mark++;
	for (size_t i = d->op_count; i-- > 0;) {
		const struct simop *op = &d->ops[i];
		for (unsigned k = 0; k < op->count; k++)
			take[i] |= op->set[k].name->folder == folder || op->set[k].name->mark == d->mark;
		for (unsigned k = 0; take[i] && k < op->count; k++)
			op->set[k].name->mark = d->mark;
	}
	for (size_t i = 0; i < d->op_count; i++)
		if (take[i])
			keep_names(d, &d->ops[i]);
		else
			d->ops[left++] = d->ops[i];
	d->op_count = left;
	free(take);
}

void simdisk_sync(struct simdisk *d, struct siminode *i)
{
	if (i->kind != SIM_FOLDER)
		keep_data(d, i);
	if (!d->posix)
		keep_first(d, d->op_count);
	else if (i->kind == SIM_FOLDER)
		keep_folder(d, i);
}

void simdisk_sync_link(struct simdisk *d, struct siminode *i)
{
	keep_data(d, i);
}

void simdisk_sync_failed(struct simdisk *d, struct siminode *i)
{
	if (i->kind == SIM_FOLDER || !i->dirty)
		return; /* nothing was to be written: the journal stays as it is */
	d->dirty--;
	i->dirty = false;
	i->lost = true;
}

void simdisk_sync_all(struct simdisk *d)
{
	for (size_t i = 0; i < d->inode_count && d->dirty; i++)
		if (d->inodes[i]->dirty)
			keep_data(d, d->inodes[i]);
	keep_first(d, d->op_count);
}

void simdisk_age(struct simdisk *d, uint64_t names_us, uint64_t data_us)
{
	size_t old = 0;
	while (old < d->op_count && d->ops[old].at_us + names_us <= *d->now_us)
		old++;
	keep_first(d, old);
	for (size_t i = 0; i < d->inode_count && d->dirty; i++)
		if (d->inodes[i]->dirty && d->inodes[i]->dirty_at_us + data_us <= *d->now_us)
			keep_data(d, d->inodes[i]);
}

/* ---- the power goes ---- */

static void cut_names(struct simdisk *d, struct chance *c, unsigned stream)
{
	if (!d->op_count)
		return;
	if (!d->posix) {
		keep_first(d, d->op_count - (size_t)chance_below(c, stream, d->op_count + 1));
	} else {
		size_t left = 0;
		for (size_t i = 0; i < d->op_count; i++)
			if (chance_below(c, stream, 2))
				d->ops[left++] = d->ops[i];
			else
				keep_names(d, &d->ops[i]);
		d->op_count = left;
	}
	forget_ops(d);
}

/* The old image is back. Two writes within one tick of the clock would look alike: no tool could tell, so do not ask
 * it. */
static void cut_back(struct siminode *i)
{
	if (!i->kept.any) { /* a name and no more */
		blob_finish(&i->content);
		return;
	}
	if (i->kept.ctime_ns == i->ctime_ns && i->rewritten)
		i->kept.ctime_ns += TICK_NS;
	blob_finish(&i->content);
	i->content = blob_copy(i->kept.content.data, i->kept.content.len);
	/* what a person wrote over the engine's copy is gone with the power, not by the engine */
	i->ours = i->kept.ours;
	i->mode = i->kept.mode;
	i->mtime_ns = i->kept.mtime_ns;
	i->ctime_ns = i->kept.ctime_ns;
}

/* A prefix of the new data, cut where a sector ends; what was there before may stand behind it. */
static void cut_short(struct siminode *i, uint64_t sectors, bool over_old)
{
	size_t len = (size_t)sectors * 512;
	struct blob *new = &i->content, *old = &i->kept.content;
	if (len >= new->len)
		return;
	if (!over_old || old->len <= len) {
		new->len = len;
		return;
	}
	struct blob mixed = blob_copy(old->data, old->len);
	memcpy(mixed.data, new->data, len);
	blob_finish(new);
	*new = mixed;
}

static void cut_data(struct siminode *i, struct chance *c, unsigned stream)
{
	bool changed = i->rewritten || !i->kept.any;
	if (i->kind != SIM_FILE || (!i->dirty && !i->lost))
		return;
	uint64_t fate = i->lost ? 1 : chance_below(c, stream, changed ? 5 : 2), sectors = i->content.len / 512 + 1;
	if (fate == 1)
		cut_back(i);
	else if (fate == 2) { /* one after the other: compilers differ in which argument comes first */
		uint64_t whole = chance_below(c, stream, sectors);
		cut_short(i, whole, chance_below(c, stream, 2));
	} else if (fate == 3) { /* its size came, its data did not. That somebody wrote must show: see cut_back */
		size_t from = (size_t)chance_below(c, stream, sectors) * 512;
		if (from < i->content.len) {
			memset(i->content.data + from, 0, i->content.len - from);
			i->ctime_ns += TICK_NS;
		}
	} else if (fate == 4)
		blob_finish(&i->content);
}

static void settle_data(struct simdisk *d, struct siminode *i)
{
	i->lost = false;
	i->rewritten = true;
	keep_data(d, i);
}

/* The durable names become what there is; what cannot be reached by them is gone. A folder has one name. */
static void read_back(struct simdisk *d, struct siminode *folder)
{
	folder->reached = d->mark;
	for (size_t k = 0; k < folder->count; k++) {
		struct simname *s = folder->names[k];
		struct siminode *to = s->kept;
		if (to && to->kind == SIM_FOLDER && to->reached == d->mark) {
			s->kept = NULL;
			simdisk_drop(d, to);
			to = NULL;
		}
		point(d, s, to);
		if (to) {
			to->self = s;
			if (to->kind == SIM_FOLDER)
				read_back(d, to);
		}
	}
}

void simdisk_power_cut(struct simdisk *d, struct chance *c, unsigned stream,
                       void (*changed)(void *ctx, struct simfile *f), void *ctx)
{
	for (size_t i = 0; i < d->count; i++) {
		struct simfile *f = d->files[i];
		f->before_ino = f->node ? f->node->number : 0;
		f->before = f->node ? blob_copy(f->now.content.data, f->now.content.len) : (struct blob){ 0 };
		f->before_meta = f->now.meta;
	}
	cut_names(d, c, stream);
	for (size_t i = 0; i < d->inode_count; i++)
		cut_data(d->inodes[i], c, stream);
	for (size_t i = 0; i < d->inode_count; i++) {
		d->inodes[i]->writers = 0;
		d->inodes[i]->watch = 0;
		if (d->inodes[i]->kind == SIM_FILE)
			settle_data(d, d->inodes[i]);
		hold(d->inodes[i]); /* none goes while names change */
	}
	d->mark++;
	read_back(d, d->top);
	for (size_t i = 0; i < d->inode_count; i++)
		if (d->inodes[i]->kind == SIM_FOLDER && d->inodes[i]->reached != d->mark)
			for (size_t k = 0; k < d->inodes[i]->count; k++)
				point(d, d->inodes[i]->names[k], NULL);
	for (size_t i = d->inode_count; i-- > 0;)
		if (i < d->inode_count) /* the last of the list takes the place of one that goes: it was seen already */
			simdisk_drop(d, d->inodes[i]);
	for (size_t i = 0; i < d->count; i++) {
		struct simfile *f = d->files[i];
		look_again(d, f);
		bool same = (f->before_ino != 0) == f->now.present && f->before_meta == f->now.meta &&
		            span_equal(span_blob(&f->before), span_blob(&f->now.content));
		if (!same)
			changed(ctx, f);
		blob_finish(&f->before);
	}
}

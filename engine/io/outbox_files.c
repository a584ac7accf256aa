#include "engine/io/outbox_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "engine/core/limits.h"
#include "wire/wire.h"

#define NAME_LEN 24

static void name_of(uint64_t counter, char out[NAME_LEN])
{
	snprintf(out, NAME_LEN, "%016" PRIx64, counter);
}

bool outbox_files_open(struct outbox_files *o, const char *state_dir, struct err *e)
{
	o->folder = mem_printf("%s/outgoing", state_dir);
	staged_init(&o->staged, o->folder, "record");
	return mkdir(o->folder, 0700) == 0 || errno == EEXIST ||
	       err_set(e, o->folder, "look at the state folder", "the folder cannot be made: %s", strerror(errno));
}

void outbox_files_close(struct outbox_files *o)
{
	staged_free(&o->staged);
	free(o->folder);
	free(o->known);
	free(o->gone);
	*o = (struct outbox_files){ 0 };
}

void outbox_files_stage(struct outbox_files *o, struct span so_far)
{
	if (o->folder)
		staged_grow(&o->staged, so_far);
}

static void know(struct outbox_files *o, uint64_t counter)
{
	MEM_ROOM(o->known, o->known_count, o->known_cap);
	o->known[o->known_count++] = counter;
}

static bool knows(const struct outbox_files *o, uint64_t counter, size_t *at)
{
	for (*at = 0; *at < o->known_count; ++*at)
		if (o->known[*at] == counter)
			return true;
	return false;
}

bool outbox_files_put(struct outbox_files *o, uint64_t counter, struct span record)
{
	char name[NAME_LEN];
	name_of(counter, name);
	if (!staged_finish(&o->staged, name, record))
		return false;
	know(o, counter);
	return true;
}

bool outbox_files_get(struct outbox_files *o, uint64_t counter, uint64_t len, struct blob *record)
{
	char name[NAME_LEN];
	struct staged_in in = { 0 };
	name_of(counter, name);
	*record = (struct blob){ 0 };
	bool ok = o->folder && len <= WIRE_BODY_MAX + LIMIT_PART_BYTES && staged_open(&in, o->folder, name, len) &&
		  staged_read(&in, record, len) && record->len == len;
	staged_close(&in);
	if (ok)
		know(o, counter);
	else
		blob_finish(record);
	return ok;
}

void outbox_files_drop(struct outbox_files *o, uint64_t counter)
{
	size_t at;
	if (knows(o, counter, &at))
		outbox_files_lost(o, counter);
}

void outbox_files_lost(struct outbox_files *o, uint64_t counter)
{
	MEM_ROOM(o->gone, o->gone_count, o->gone_cap);
	o->gone[o->gone_count++] = counter;
}

static void remove_file(struct outbox_files *o, const char *name)
{
	char *path = mem_printf("%s/%s", o->folder, name);
	unlink(path);
	free(path);
}

void outbox_files_committed(struct outbox_files *o)
{
	char name[NAME_LEN];
	size_t at;
	for (size_t i = 0; i < o->gone_count; i++) {
		if (knows(o, o->gone[i], &at))
			o->known[at] = o->known[--o->known_count];
		name_of(o->gone[i], name);
		remove_file(o, name);
	}
	o->gone_count = 0;
}

void outbox_files_rolled_back(struct outbox_files *o)
{
	o->gone_count = 0;
}

void outbox_files_clear(struct outbox_files *o)
{
	DIR *dir = o->folder ? opendir(o->folder) : NULL;
	for (struct dirent *d; dir && (d = readdir(dir));) {
		char name[NAME_LEN] = "";
		for (size_t i = 0; i < o->known_count && strcmp(name, d->d_name) != 0; i++)
			name_of(o->known[i], name);
		if (strcmp(name, d->d_name) != 0 && d->d_name[0] != '.')
			remove_file(o, d->d_name);
	}
	if (dir)
		closedir(dir);
}

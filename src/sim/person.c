#include "sim/person.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/relpath.h"
#include "sim/judge.h"
#include "sim/knowledge.h"

#define SMALL_MAX   4000 /* files that grow beyond are begun anew now and then */
#define ACTS_BEFORE 12
#define ACTS_ITSELF 2 /* the first choices of an act are whether and when it is done */

/* Names that get in each other's way: few, some in folders, some nearly alike. */
static const char *const names[] = { "a",          "b",          "c",        "Notes.md",     "notes.md",
	                             "d/x",        "d/y",        "d/e/deep", "d/e/f/deeper", ".hidden",
	                             "with space", "n\xc3\xb6te" };
/* The same name for a file and a folder. */
static const char *const shapes[] = { "s", "s/in", "s/in/deep", "d/e" };

static uint64_t pick(struct simnode *n, uint64_t bound)
{
	return chance_below(&n->cl->chance, n->dice, bound);
}

struct simfile *person_file(struct simnode *n, const char *category, const char *path)
{
	return simdisk_entry(&n->disk, category, path, witness_path(&n->cl->witness, category, path));
}

/* Bursts and long silences: in some spans of eight seconds a lot is done, in others nothing. */
static uint32_t diligence(const struct simnode *n)
{
	uint64_t second = n->cl->now_us / 1000000, mood = chance_trait(&n->cl->chance, n->name, second / 8, 8);
	return mood == 0 ? 500000 : mood < 4 ? 50000 : 1;
}

void person_plan(struct simnode *n)
{
	struct cluster *cl = n->cl;
	for (uint32_t i = 0; i < PERSON_ACTS; i++) {
		uint32_t act = (uint32_t)(cl->now_us / 1000000) * PERSON_ACTS + i;
		unsigned stream = chance_of(CHANCE_PERSON, n->index);
		chance_begin(&cl->chance, stream, act, 0);
		if (chance_hit(&cl->chance, stream, diligence(n)))
			agenda_add(&cl->agenda, cl->now_us + chance_below(&cl->chance, stream, 1000000), AGENDA_PERSON,
			           n->index, act, NULL);
	}
}

void person_before(struct simnode *n)
{
	struct cluster *cl = n->cl;
	unsigned stream = chance_of(CHANCE_PERSON, n->index);
	n->dice = stream;
	for (uint32_t i = 0; i < ACTS_BEFORE; i++) {
		chance_begin(&cl->chance, stream, CHANCE_BEFORE + i, 0);
		if (chance_hit(&cl->chance, stream, 500000))
			person_edit(n, NULL);
	}
}

/* ---- what an act did, for the witness: every path that it changes is compared with what it was before ---- */

static void begin(struct simnode *n)
{
	if (!n->act_depth++)
		simdisk_note_changes(&n->disk);
}

static void touched(struct simnode *n, struct simfile *f)
{
	f->edited_us = n->cl->now_us;
	f->blurred |= f->orphan || f->fresh;
	f->owed = f->placed = false;
}

static void end(struct simnode *n)
{
	struct witness *w = &n->cl->witness;
	if (--n->act_depth)
		return;
	for (size_t i = 0; i < n->disk.change_count; i++) {
		struct simfile *f = n->disk.changes[i];
		bool same_bytes = span_equal(span_blob(&f->before), span_blob(&f->now.content));
		bool same = (f->before_ino != 0) == f->now.present && f->before_meta == f->now.meta && same_bytes;
		if (!same) {
			witness_replaced(w, n->index, f->number, span_blob(&f->before), span_blob(&f->now.content),
			                 f->before_ino && !f->now.present);
			if (f->now.present)
				witness_wrote(w, n->index, f->number, f->now.meta, span_blob(&f->now.content));
		}
		if (!same || f->before_ino != (f->node ? f->node->number : 0))
			touched(n, f);
		else if (f->node && !f->node->ours)
			f->owed = f->placed = false; /* the same bytes were written once more */
	}
	simdisk_changes_told(&n->disk);
	n->cl->tally.edits++;
}

/* ---- names ---- */

static struct siminode *root_of(struct simnode *n, const char *category)
{
	struct simname *s = simdisk_name(&n->disk, n->disk.top, category, false);
	return s ? s->now : NULL;
}

/* The folder of a path, with those that are missing made on the way; NULL when a file or a link stands in between. */
static struct siminode *folder_of(struct simnode *n, const char *category, const char *path, const char **name)
{
	struct siminode *at = root_of(n, category);
	char part[RELPATH_COMPONENT + 1];
	for (const char *slash; at && (slash = strchr(path, '/')); path = slash + 1) {
		size_t len = (size_t)(slash - path);
		memcpy(part, path, len);
		part[len] = 0;
		struct simname *s = simdisk_name(&n->disk, at, part, false);
		struct siminode *next = s ? s->now : NULL;
		if (!next && kernel_make(n, at, part, SIM_FOLDER, 0755, &next))
			return NULL;
		at = next->kind == SIM_FOLDER ? next : NULL;
	}
	*name = path;
	return at;
}

static struct simname *name_of(struct simnode *n, const char *category, const char *path)
{
	const char *slash = strrchr(path, '/');
	char above[RELPATH_MAX + CATEGORY_MAX + 2];
	struct siminode *folder;
	snprintf(above, sizeof above, "%s/%.*s", category, slash ? (int)(slash - path) : 0, path);
	if (simdisk_walk(&n->disk, n->disk.top, above, &folder) || folder->kind != SIM_FOLDER)
		return NULL;
	struct simname *s = simdisk_name(&n->disk, folder, slash ? slash + 1 : path, false);
	return s && s->now ? s : NULL;
}

/* A program's new file: written and closed before anybody looks. */
static bool create(struct simnode *n, const char *category, const char *path, struct span content, uint8_t meta)
{
	const char *name;
	struct siminode *folder = folder_of(n, category, path, &name), *i;
	person_file(n, category, path); /* however short it lives: a crash may leave it */
	if (!folder || kernel_make(n, folder, name, meta & META_LINK ? SIM_LINK : SIM_FILE, simdisk_mode(meta), &i))
		return false;
	if (meta & META_LINK) {
		simdisk_put(&n->disk, i, blob_copy(content.data, content.len), kernel_file_time(n));
		simdisk_sync_link(&n->disk, i);
		return true;
	}
	if (content.len)
		kernel_write(n, i, blob_copy(content.data, content.len));
	kernel_close(n, i);
	return true;
}

static void change(struct simnode *n, struct simfile *f, struct span content)
{
	kernel_write(n, f->node, blob_copy(content.data, content.len));
	kernel_close(n, f->node);
}

static bool remove_name(struct simnode *n, const char *category, const char *path)
{
	struct simname *s = name_of(n, category, path);
	return s && kernel_remove(n, s) == 0;
}

static bool move(struct simnode *n, const char *category, const char *from, const char *to)
{
	const char *name;
	struct siminode *folder = name_of(n, category, from) ? folder_of(n, category, to, &name) : NULL;
	struct simname *target = folder ? simdisk_name(&n->disk, folder, name, true) : NULL,
	               *source = target ? name_of(n, category, from) : NULL;
	return source && source != target && kernel_move(n, source, target, false) == 0;
}

/* `rm -r`. */
static void clear(struct simnode *n, struct simname *s)
{
	struct siminode *i = s->now;
	for (size_t k = 0; i->kind == SIM_FOLDER && k < i->count; k++)
		if (i->names[k]->now)
			clear(n, i->names[k]);
	kernel_remove(n, s);
}

void person_seats(struct simnode *n, const char *category, const char *path, const struct siminode *folder)
{
	for (size_t k = 0; k < folder->count; k++) {
		const struct simname *s = folder->names[k];
		char below[RELPATH_MAX + RELPATH_COMPONENT + 2];
		if (!s->now || strncmp(s->name, RELPATH_TEMP, sizeof RELPATH_TEMP - 1) == 0)
			continue;
		snprintf(below, sizeof below, "%s%s%s", path, *path ? "/" : "", s->name);
		if (s->now->kind == SIM_FOLDER)
			person_seats(n, category, below, s->now);
		else
			person_file(n, category, below);
	}
}

/* ---- single acts ---- */

void person_write(struct simnode *n, struct simfile *f, struct span content, uint8_t meta, bool in_place)
{
	char temp[RELPATH_MAX + 8];
	cluster_tell(n->cl, "%s writes %s/%s (%zu bytes)", n->name, f->category, f->path, content.len);
	begin(n);
	if (in_place && f->node && !((meta ^ f->now.meta) & META_LINK)) {
		change(n, f, content);
		if (meta != f->now.meta)
			kernel_mode(n, f->node, simdisk_mode(meta));
	} else if (!f->node) {
		create(n, f->category, f->path, content, meta);
	} else {
		snprintf(temp, sizeof temp, "%s.tmp", f->path);
		if (create(n, f->category, temp, content, meta) && !move(n, f->category, temp, f->path))
			remove_name(n, f->category, temp);
	}
	end(n);
}

void person_remove(struct simnode *n, struct simfile *f)
{
	cluster_tell(n->cl, "%s removes %s/%s", n->name, f->category, f->path);
	knowledge_removes(n, f); /* what all agree on is asked before it is gone */
	begin(n);
	if (!remove_name(n, f->category, f->path)) /* the folder is not to be written to */
		witness_unbury(&n->cl->witness, n->index, f->number);
	end(n);
}

void person_rename(struct simnode *n, struct simfile *from, struct simfile *to)
{
	cluster_tell(n->cl, "%s renames %s/%s to %s", n->name, from->category, from->path, to->path);
	begin(n);
	move(n, from->category, from->path, to->path);
	end(n);
}

bool person_rename_folder(struct simnode *n, const char *category, const char *from, const char *to)
{
	struct simname *s = name_of(n, category, from);
	bool done = false;
	if (!s || s->now->kind != SIM_FOLDER)
		return false;
	cluster_tell(n->cl, "%s renames the folder %s/%s to %s", n->name, category, from, to);
	person_seats(n, category, to, s->now);
	begin(n);
	done = move(n, category, from, to);
	end(n);
	return done;
}

void person_clear(struct simnode *n, const char *category, const char *path)
{
	struct simname *s = name_of(n, category, path);
	if (!s)
		return;
	cluster_tell(n->cl, "%s removes %s/%s and all below it", n->name, category, path);
	begin(n);
	clear(n, s);
	end(n);
}

void person_mode(struct simnode *n, struct simfile *f, uint8_t meta)
{
	if (!f->node || f->node->kind != SIM_FILE)
		return;
	cluster_tell(n->cl, "%s changes the mode of %s/%s", n->name, f->category, f->path);
	begin(n);
	kernel_mode(n, f->node, simdisk_mode(meta));
	end(n);
}

/* ---- what programs write ---- */

static void token_line(struct simnode *n, struct buf *out)
{
	buf_printf(out, "t%08x\n", witness_token(&n->cl->witness));
}

/* Bytes that compress badly, to make bodies go in parts. */
void person_bulk(struct simnode *n, struct buf *out, size_t len)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_+=.,:;!?#*/()[]<>{}&%$@~^";
	uint8_t noise[1024]; /* no choices: what the bytes are changes nothing */
	for (size_t i = 0; i < len; i++) {
		if (i % sizeof noise == 0)
			chance_fill(&n->cl->chance, n->dice, noise, sizeof noise);
		buf_u8(out, i % 80 == 79 ? '\n' : (uint8_t)letters[noise[i % sizeof noise] % (sizeof letters - 1)]);
	}
	buf_u8(out, '\n');
}

static uint8_t plain_meta(const struct simfile *f)
{
	return f->now.meta & (uint8_t)~META_LINK;
}

/* The file's text with another line. */
static struct buf longer(struct simnode *n, const struct simfile *f)
{
	struct buf text = { 0 };
	if (f->node && f->node->kind == SIM_FILE)
		buf_put(&text, f->now.content.data, f->now.content.len);
	token_line(n, &text);
	return text;
}

static void append(struct simnode *n, struct simfile *f, bool in_place)
{
	struct buf text = longer(n, f);
	person_write(n, f, buf_view(&text), plain_meta(f), in_place);
	buf_finish(&text);
}

static void overwrite(struct simnode *n, struct simfile *f)
{
	struct buf text = { 0 };
	token_line(n, &text);
	if (pick(n, 60) >= (n->cl->large ? 40 : 59))
		person_bulk(n, &text, 70000 + (size_t)pick(n, 200000));
	else if (pick(n, 3) == 2)
		person_bulk(n, &text, (size_t)pick(n, 2000));
	else if (pick(n, 10) == 9)
		buf_put(&text, "\0\0\0 \0", 5);
	person_write(n, f, buf_view(&text), plain_meta(f), pick(n, 2));
	buf_finish(&text);
}

/* The last token becomes another of the same length: size, and within a tick of the clock even the times, stay. */
static void rewrite(struct simnode *n, struct simfile *f)
{
	struct buf text = { 0 };
	if (!f->node || f->now.content.len < 10 || f->node->kind != SIM_FILE)
		return;
	buf_put(&text, f->now.content.data, f->now.content.len - 10);
	token_line(n, &text);
	person_write(n, f, buf_view(&text), f->now.meta, true);
	buf_finish(&text);
}

static size_t number_on_disk(const struct simnode *n, const struct simfile *f)
{
	for (size_t i = 0; i < n->disk.count; i++)
		if (n->disk.files[i] == f)
			return i;
	return 0;
}

/* Again and again, faster than the clock of the files. */
static void rewrite_soon(struct simnode *n, struct simfile *f)
{
	struct simwriter *w = mem_alloc(sizeof *w);
	w->file = number_on_disk(n, f);
	w->again = true;
	agenda_add(&n->cl->agenda, n->cl->now_us + pick(n, 5000), AGENDA_WRITER, n->index, 0, w);
}

/* Cut down to nothing, or written in part, and gone on with later. */
static void write_slowly(struct simnode *n, struct simfile *f)
{
	struct cluster *cl = n->cl;
	if (!f->node || f->writers || f->node->kind != SIM_FILE)
		return;
	struct buf text = longer(n, f);
	token_line(n, &text);
	struct simwriter *w = mem_alloc(sizeof *w + text.len);
	w->file = number_on_disk(n, f);
	w->inode = f->now.inode;
	w->len = text.len;
	memcpy(w->bytes, text.data, text.len);
	cluster_tell(cl, "%s begins to write %s/%s", n->name, f->category, f->path);
	begin(n);
	size_t first = pick(n, 3) ? (size_t)pick(n, text.len) : 0;
	if (first || !cl->idle_writers)
		kernel_write(n, f->node, blob_copy(text.data, first));
	simdisk_writers(f->node, 1);
	end(n);
	agenda_add(&cl->agenda, cl->now_us + 1000 + pick(n, 700000), AGENDA_WRITER, n->index, 0, w);
	buf_finish(&text);
}

static struct siminode *inode_numbered(struct simnode *n, uint64_t number)
{
	for (size_t i = 0; i < n->disk.inode_count; i++)
		if (n->disk.inodes[i]->number == number)
			return n->disk.inodes[i];
	return NULL;
}

static void go_on_writing(struct simnode *n, const struct simwriter *w)
{
	struct simfile *f = n->disk.files[w->file];
	if (w->again) {
		rewrite(n, f);
		if (pick(n, 2))
			rewrite_soon(n, f);
		return;
	}
	struct siminode *i = inode_numbered(n, w->inode); /* its name may be another by now */
	if (!i || !i->writers)
		return; /* the power was cut */
	begin(n);
	simdisk_writers(i, -1);
	kernel_write(n, i, blob_copy(w->bytes, w->len));
	kernel_close(n, i);
	end(n);
}

static void make_link(struct simnode *n, struct simfile *f)
{
	char target[16];
	snprintf(target, sizeof target, "t%08x", witness_token(&n->cl->witness));
	begin(n);
	remove_name(n, f->category, f->path);
	create(n, f->category, f->path, span_text(target), META_LINK);
	end(n);
}

static void touch(struct simnode *n, struct simfile *f)
{
	int64_t now = kernel_file_time(n), odd[] = { 0, -86400000000000LL, now + 31536000000000000LL };
	if (!f->node)
		return;
	begin(n);
	kernel_touch(n, f->node, pick(n, 4) ? now : odd[pick(n, 3)]);
	end(n);
}

/* ---- how programs save ---- */

/* The old one is kept under another name, and perhaps removed when all went well. */
static void save_with_backup(struct simnode *n, struct simfile *f)
{
	char backup[RELPATH_MAX + 8];
	if (!f->node)
		return;
	struct buf text = longer(n, f);
	snprintf(backup, sizeof backup, "%s~", f->path);
	person_file(n, f->category, backup);
	begin(n);
	uint8_t meta = plain_meta(f);
	move(n, f->category, f->path, backup);
	create(n, f->category, f->path, buf_view(&text), meta);
	if (pick(n, 2))
		remove_name(n, f->category, backup);
	end(n);
	buf_finish(&text);
}

static void delete_and_create(struct simnode *n, struct simfile *f)
{
	struct buf text = longer(n, f);
	begin(n);
	uint8_t meta = plain_meta(f);
	remove_name(n, f->category, f->path);
	create(n, f->category, f->path, buf_view(&text), meta);
	end(n);
	buf_finish(&text);
}

static void sed(struct simnode *n, struct simfile *f)
{
	char temp[RELPATH_MAX + 16];
	const char *slash = strrchr(f->path, '/');
	if (!f->node || f->node->kind != SIM_FILE)
		return;
	struct buf text = longer(n, f);
	snprintf(temp, sizeof temp, "%.*ssedAb3dE9", slash ? (int)(slash - f->path) + 1 : 0, f->path);
	begin(n);
	if (create(n, f->category, temp, buf_view(&text), f->now.meta))
		move(n, f->category, temp, f->path);
	end(n);
	buf_finish(&text);
}

/* Many files at once, each removed and made anew. */
static void checkout(struct simnode *n)
{
	begin(n);
	for (size_t i = 0, count = n->disk.count; i < count && i < 24; i++) {
		struct simfile *f = n->disk.files[i];
		if (f->node && f->node->kind == SIM_FILE && pick(n, 3))
			delete_and_create(n, f);
	}
	end(n);
}

static void swap(struct simnode *n, struct simfile *a, struct simfile *b)
{
	if (!a->node || !b->node || a == b || strcmp(a->category, b->category) != 0)
		return;
	cluster_tell(n->cl, "%s swaps %s/%s and %s", n->name, a->category, a->path, b->path);
	begin(n);
	person_file(n, a->category, "swap.tmp");
	move(n, a->category, a->path, "swap.tmp");
	move(n, a->category, b->path, a->path);
	move(n, a->category, "swap.tmp", b->path);
	end(n);
}

/* The very same bytes once more: nothing may come of it. */
static void same_again(struct simnode *n, struct simfile *f)
{
	if (!f->node || f->node->kind != SIM_FILE)
		return;
	struct blob same = blob_copy(f->now.content.data, f->now.content.len);
	person_write(n, f, span_blob(&same), f->now.meta, pick(n, 2));
	blob_finish(&same);
}

static void folder_act(struct simnode *n)
{
	static const char *const folders[] = { "d", "g", "d/e", "g/e", "d/e/f", "h" };
	const char *category = n->cl->categories[pick(n, n->cl->category_count)].name;
	const char *from = folders[pick(n, 6)], *to = folders[pick(n, 6)];
	switch (pick(n, 3)) {
	case 0:
		if (pick(n, 3) == 2)
			person_clear(n, category, from);
		break;
	case 1:
		if (strncmp(from, to, strlen(from)) != 0 && strncmp(from, to, strlen(to)) != 0 &&
		    !strchr(from, '/') == !strchr(to, '/'))
			person_rename_folder(n, category, from, to);
		break;
	default: { /* rm -r and made again at once */
		struct simfile *f = person_file(n, category, "d/x");
		struct buf text = longer(n, f);
		begin(n);
		if (f->node && f->node->kind == SIM_FILE) {
			clear(n, name_of(n, category, "d"));
			create(n, category, "d/x", buf_view(&text), 0);
		}
		end(n);
		buf_finish(&text);
	}
	}
}

/* A file where a folder was, or the reverse. */
static void shape(struct simnode *n)
{
	const char *category = n->cl->categories[pick(n, n->cl->category_count)].name;
	const char *path = shapes[pick(n, sizeof shapes / sizeof *shapes)];
	char above[RELPATH_MAX + 1];
	struct simfile *f = person_file(n, category, path);
	snprintf(above, sizeof above, "%s", path);
	begin(n);
	struct simname *s = name_of(n, category, path);
	if (s && s->now->kind == SIM_FOLDER)
		clear(n, s);
	for (char *slash; (slash = strrchr(above, '/'));) {
		*slash = 0;
		s = name_of(n, category, above);
		if (s && s->now->kind != SIM_FOLDER)
			kernel_remove(n, s);
	}
	append(n, f, true);
	end(n);
}

static struct simfile *any_file(struct simnode *n)
{
	const struct category_setup *category = &n->cl->categories[pick(n, n->cl->category_count)];
	return person_file(n, category->name, names[pick(n, sizeof names / sizeof *names)]);
}

static void save(struct simnode *n, struct simfile *f)
{
	switch (pick(n, 10)) {
	case 0:
		save_with_backup(n, f);
		break;
	case 1:
		delete_and_create(n, f);
		break;
	case 2:
		sed(n, f);
		break;
	case 3: /* twice in a row */
		append(n, f, true);
		append(n, f, true);
		break;
	default:
		append(n, f, pick(n, 2));
		break;
	}
}

/* Of a file that is there. */
static void treat(struct simnode *n, struct simfile *f)
{
	uint64_t what = pick(n, 100);
	if (f->now.content.len > SMALL_MAX && what < 60)
		overwrite(n, f);
	else if (what < 46)
		save(n, f);
	else if (what < 54)
		write_slowly(n, f);
	else if (what < 60) {
		rewrite(n, f);
		if (pick(n, 2))
			rewrite_soon(n, f);
	} else if (what < 66)
		overwrite(n, f);
	else if (what < 74)
		person_remove(n, f);
	else if (what < 80) {
		struct simfile *to = any_file(n);
		if (to != f && strcmp(to->category, f->category) == 0)
			person_rename(n, f, to);
	} else if (what < 82)
		swap(n, f, any_file(n));
	else if (what < 85)
		person_mode(n, f, f->now.meta ^ (pick(n, 4) ? META_EXEC : META_PRIVATE));
	else if (what < 87) { /* and back */
		uint8_t meta = f->now.meta;
		person_mode(n, f, meta ^ META_EXEC);
		person_mode(n, f, meta);
	} else if (what < 90)
		touch(n, f);
	else if (what < 92)
		same_again(n, f);
	else if (what < 94)
		person_write(n, f, span_of(NULL, 0), plain_meta(f), true);
	else if (what < 95)
		checkout(n);
	else if (what < 96)
		make_link(n, f);
	else
		folder_act(n);
}

void person_edit(struct simnode *n, struct simfile *near)
{
	struct simfile *f = near && pick(n, 10) < 7 ? near : any_file(n);
	if (!root_of(n, f->category))
		return; /* taken away */
	if (cluster_strikes(n->cl, FAULT_shape, n)) {
		shape(n);
	} else if (!f->node) {
		append(n, f, false);
	} else if (f->node->kind == SIM_FILE && cluster_strikes(n->cl, FAULT_unseen, n)) {
		n->kernel.mute = true; /* by mmap, or through a hard link from outside */
		append(n, f, true);
		n->kernel.mute = false;
		simio_unseen(n, f->category);
	} else {
		treat(n, f);
	}
}

static bool settle(struct simnode *n, const char *category, const char *path, const struct decision *choice,
		   struct err *e)
{
	static const char *const words[] = { "keep mine", "keep theirs", "keep both", "keep original", "keep auto",
					     "",          "with a file" };
	struct cluster *cl = n->cl;
	struct witness *w = &cl->witness;
	struct conflict_view v;
	struct judged_conflict before = { .keep = choice->keep };
	unsigned number = witness_path(w, category, path);
	if (!n->core)
		return err_set(e, "resolve", "", "the device is off");
	for (size_t i = 0; core_view_conflict(n->core, i, &v); i++)
		if (strcmp(v.category, category) == 0 && strcmp(v.path, path) == 0) {
			witness_gave_up(w, n->index, number, &v.mine.version);
			witness_gave_up(w, n->index, number, &v.theirs.version);
			witness_chose(w, n->index, number, &v.mine.version);
			witness_chose(w, n->index, number, &v.theirs.version);
		}
	const struct item_row *row = core_find_item(n->core, category, path);
	if (row)
		witness_gave_up(w, n->index, number, &row->local);
	witness_replaced(w, n->index, number, span_of(NULL, 0), span_of(NULL, 0), true); /* "theirs" may be a delete */
	simnode_clock(n);
	judge_conflict(n, category, path, &before);
	n->choosing = number + 1;
	bool done = core_resolve(n->core, category, path, choice, e);
	n->choosing = 0;
	if (done)
		judge_chose(n, number, category, path, &before);
	if (done && simdisk_find(&n->disk, category, path))
		knowledge_chose(n, simdisk_find(&n->disk, category, path));
	cluster_tell(cl, "%s resolves %s/%s: %s: %s", n->name, category, path, words[choice->keep],
		     done ? "done" : e->why);
	cl->tally.settlements += done;
	simnode_end_turn(n);
	return done;
}

bool person_resolve(struct simnode *n, const char *category, const char *path, enum keep keep, struct err *e)
{
	return settle(n, category, path, &(struct decision){ .keep = keep }, e);
}

/* Opens an editor and makes something of the two versions. */
static bool settle_by_hand(struct simnode *n, const char *category, const char *path, struct err *e)
{
	struct buf text = longer(n, person_file(n, category, path));
	uint32_t token = n->cl->witness.tokens;
	bool done =
		settle(n, category, path, &(struct decision){ .keep = KEEP_CONTENT, .content = buf_view(&text) }, e);
	if (!done)
		witness_never_said(&n->cl->witness, token); /* refused: it is in the editor still, and nowhere else */
	buf_finish(&text);
	return done;
}

bool person_settle(struct simnode *n, const char *category, const char *path, uint64_t drawn, struct err *e)
{
	static const enum keep ways[] = { KEEP_THEIRS, KEEP_THEIRS, KEEP_THEIRS, KEEP_MINE,    KEEP_MINE,
		                          KEEP_MINE,   KEEP_BOTH,   KEEP_AUTO,   KEEP_ORIGINAL, KEEP_CONTENT };
	enum keep keep = ways[drawn % PERSON_WAYS];
	return keep == KEEP_CONTENT ? settle_by_hand(n, category, path, e) : person_resolve(n, category, path, keep, e);
}

/* Of one item: its last settlement, a strategy's too. Else the last that a person made. As control_settle.c has it. */
static const struct settlement_row *last_settlement(const struct simnode *n, const struct id *item)
{
	const struct settlement_row *last = NULL;
	for (size_t i = 0; i < n->ledger.settlement_count; i++) {
		const struct settlement_row *s = &n->ledger.settlements[i];
		if (!s->undone && (item ? id_equal(&s->item, item) : s->how == HOW_SETTLE))
			last = s;
	}
	return last;
}

static bool take_back(struct simnode *n, const struct settlement_row *row, struct err *e)
{
	struct witness *w = &n->cl->witness;
	const struct settlement_row settlement = *row;
	const struct witness_item *item = witness_item(w, &row->item);
	witness_gave_up(w, n->index, item->path, &settlement.result);
	witness_chose(w, n->index, item->path, &settlement.mine);
	witness_chose(w, n->index, item->path, &settlement.theirs);
	simnode_clock(n);
	n->choosing = item->path + 1;
	bool done = core_undo(n->core, &settlement, e);
	n->choosing = 0;
	if (done) {
		witness_note(w, item->path)->chosen_us = 0;
		knowledge_undid(n, item->path);
	}
	cluster_tell(n->cl, "%s takes the settlement of %s back: %s", n->name, witness_name(w, item->path),
		     done ? "done" : e->why);
	simnode_end_turn(n);
	return done;
}

bool person_undo(struct simnode *n, const char *category, const char *path, struct err *e)
{
	const struct item_row *row = n->core ? core_find_item(n->core, category, path) : NULL;
	const struct settlement_row *last = row ? last_settlement(n, &row->item) : NULL;
	return last ? take_back(n, last, e) : err_set(e, "undo", NULL, "no settlement is left to take back");
}

void person_undo_any(struct simnode *n)
{
	struct err e;
	size_t count = n->ledger.settlement_count, which = (size_t)pick(n, count);
	const struct settlement_row *last = NULL;
	if (count)
		last = pick(n, 2) ? last_settlement(n, &n->ledger.settlements[which].item) : last_settlement(n, NULL);
	if (last)
		take_back(n, last, &e);
}

static void resolve_any(struct simnode *n)
{
	struct conflict_view v;
	struct err e;
	size_t count = 0;
	while (core_view_conflict(n->core, count, &v))
		count++;
	if (!count || !core_view_conflict(n->core, (size_t)pick(n, count), &v))
		return;
	char *category = mem_text(v.category), *path = mem_text(v.path);
	person_settle(n, category, path, pick(n, PERSON_WAYS), &e);
	free(category);
	free(path);
}

static void restore_any(struct simnode *n)
{
	struct simledger *l = &n->ledger;
	struct err e;
	if (!l->history_count)
		return;
	const struct history_row *h = &l->history[pick(n, l->history_count)];
	const struct witness_item *i = witness_item(&n->cl->witness, &h->item);
	if (!i || i->side || id_zero(&h->version) || !simledger_version(l, &h->version))
		return;
	const char *name = witness_name(&n->cl->witness, i->path), *slash = strchr(name, '/');
	char *category = mem_copy(name, (size_t)(slash - name));
	struct simfile *f = person_file(n, category, slash + 1);
	witness_replaced(&n->cl->witness, n->index, i->path, span_blob(&f->now.content), span_of(NULL, 0), false);
	witness_chose(&n->cl->witness, n->index, i->path, &h->version);
	simnode_clock(n);
	n->choosing = i->path + 1;
	bool done = core_restore(n->core, category, slash + 1, &h->version, &e);
	n->choosing = 0;
	cluster_tell(n->cl, "%s restores %s: %s", n->name, name, done ? "done" : e.why);
	free(category);
	simnode_end_turn(n);
}

static void pause_or_resume(struct simnode *n)
{
	struct err e;
	const char *category = pick(n, 2) ? NULL : n->cl->categories[pick(n, n->cl->category_count)].name;
	bool paused = pick(n, 3) == 0;
	simnode_clock(n);
	core_pause(n->core, category, paused, &e);
	cluster_tell(n->cl, "%s %s %s", n->name, paused ? "pauses" : "resumes", category ? category : "everything");
	simnode_end_turn(n);
}

void person_act(struct simnode *n)
{
	uint64_t what = pick(n, 100);
	if (!n->core || n->asleep || what < 80) {
		person_edit(n, NULL);
		return;
	}
	if (what < 91) {
		resolve_any(n);
	} else if (what < 92) {
		person_undo_any(n);
	} else if (what < 94) {
		restore_any(n);
	} else if (what < 97) {
		pause_or_resume(n);
	} else if (what < 98) {
		simnode_clock(n);
		core_sync(n->core);
		simnode_end_turn(n);
	} else {
		simnode_push(n, &(struct event){ .type = EVENT_RETRY_NOW }, 0);
	}
}

/* Also an empty folder: nobody else knows of it. */
static bool is_in_the_way(struct simnode *n, const char *category, const char *path)
{
	struct simname *s = name_of(n, category, path);
	return (s && s->now->kind == SIM_FOLDER) || simdisk_obstructed(&n->disk, category, path);
}

/* A file stands where the others have a folder, or the reverse: whoever is here gives way. */
static void make_room(struct simnode *n)
{
	struct queue_view waits[64];
	size_t count = core_view_queue(n->core, waits, 64);
	for (size_t i = 0; i < count && i < 64; i++) {
		/* held: what a power cut took and cannot come back to its place */
		bool comes = waits[i].incoming || strcmp(waits[i].state, "held") == 0;
		if (!comes || !is_in_the_way(n, waits[i].category, waits[i].path))
			continue;
		char *category = mem_text(waits[i].category), *path = mem_text(waits[i].path);
		person_clear(n, category, path);
		for (char *slash; (slash = strrchr(path, '/'));) {
			*slash = 0;
			struct simname *s = name_of(n, category, path);
			if (s && s->now->kind != SIM_FOLDER)
				person_clear(n, category, path);
		}
		free(category);
		free(path);
		break; /* the views are older than the files by now */
	}
}

void person_answer(struct simnode *n)
{
	struct category_view v;
	struct err e;
	if (!n->core || n->asleep)
		return;
	bool asked = false;
	struct counts_view counts;
	core_view_counts(n->core, &counts);
	simnode_clock(n);
	if (core_accept_rollback(n->core, &e)) {
		n->cl->tally.rollbacks++;
		cluster_tell(n->cl, "%s accepts that the hub went back", n->name);
		asked = true;
	}
	struct link_view link;
	core_view_link(n->core, &link);
	if (link.state == LINK_ERROR) /* reads what it says, and presses r */
		simnode_push(n, &(struct event){ .type = EVENT_RETRY_NOW }, 0);
	if (counts.paused)
		asked |= core_pause(n->core, NULL, false, &e);
	for (size_t i = 0; core_view_category(n->core, i, &v); i++)
		if (strcmp(v.state, "synced") != 0 && strcmp(v.state, "syncing") != 0)
			asked |= core_pause(n->core, v.name, false, &e);
	if (asked)
		simnode_end_turn(n);
	if (n->core)
		make_room(n);
}

void person_happen(struct cluster *cl, const struct agenda_entry *e)
{
	struct simnode *n = cl->nodes[e->who];
	n->dice = chance_of(e->what == AGENDA_PERSON ? CHANCE_PERSON : CHANCE_WRITER, n->index);
	if (e->what == AGENDA_WRITER) {
		go_on_writing(n, e->p);
	} else if (cl->acting) {
		chance_begin(&cl->chance, n->dice, (uint32_t)e->a, ACTS_ITSELF);
		person_act(n);
	}
}

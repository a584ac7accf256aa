#include "sim/person.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define SMALL_MAX 4000 /* files that grow beyond are begun anew now and then */
#define TICK_NS   4000000LL
#define ACTS_BEFORE 12
#define ACTS_ITSELF 2 /* the first choices of an act are whether and when it is done */

/* Names that get in each other's way: few, some in folders, some nearly alike. */
static const char *const names[] = { "a",          "b",          "c",        "Notes.md",     "notes.md",
	                             "d/x",        "d/y",        "d/e/deep", "d/e/f/deeper", ".hidden",
	                             "with space", "n\xc3\xb6te" };

static uint64_t pick(struct simnode *n, uint64_t bound)
{
	return chance_below(&n->cl->chance, n->dice, bound);
}

static int64_t file_time(struct simnode *n)
{
	int64_t ns = simnode_wall_ms(n) * 1000000LL + (int64_t)(n->cl->now_us % 1000) * 1000;
	return ns - ns % TICK_NS;
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

static size_t number_on_disk(const struct simnode *n, const struct simfile *f)
{
	for (size_t i = 0; i < n->disk.count; i++)
		if (n->disk.files[i] == f)
			return i;
	return 0;
}

void person_hint(struct simnode *n, struct simfile *f, enum hint hint)
{
	struct cluster *cl = n->cl;
	if (!n->core) /* nobody watches: the scan at the start will find it */
		return;
	uint64_t at = cl->now_us + 20 + chance_below(&cl->chance, chance_of(CHANCE_DISK, n->index), 2000);
	if (cluster_strikes(cl, FAULT_hint_late, n))
		at += cluster_drawn(cl, FAULT_hint_late, n, 1000000);
	if (cluster_strikes(cl, FAULT_hint_lost, n)) { /* the queue overflowed: the io room scans */
		cl->tally.hints_lost++;
		n->hints++;
		agenda_add(&cl->agenda, at, AGENDA_RESCAN, n->index, n->life, NULL);
		return;
	}
	struct simhint *h = mem_alloc(sizeof *h);
	*h = (struct simhint){ n->life, hint, number_on_disk(n, f) };
	n->hints++;
	agenda_add(&cl->agenda, at, AGENDA_HINT, n->index, 0, h);
}

static void tell(struct simnode *n, struct simfile *f, enum hint hint)
{
	if (cluster_strikes(n->cl, FAULT_unseen, n))
		n->unseen = true;
	else
		person_hint(n, f, hint);
}

static void touched(struct simnode *n, struct simfile *f)
{
	f->edited_us = n->cl->now_us;
	f->blurred |= f->orphan || f->fresh;
	n->cl->tally.edits++;
}

/* Puts content there without a word to the watcher. */
static void put(struct simnode *n, struct simfile *f, struct span content, uint8_t meta, bool in_place)
{
	witness_replaced(&n->cl->witness, n->index, f->number, span_blob(&f->now.content), content, false);
	witness_wrote(&n->cl->witness, n->index, f->number, meta, content);
	int64_t now = file_time(n);
	simdisk_write(&n->disk, f, blob_copy(content.data, content.len), meta, now, now, !in_place, n->cl->now_us);
	touched(n, f);
}

void person_write(struct simnode *n, struct simfile *f, struct span content, uint8_t meta, bool in_place)
{
	if (f->now.present ? false : simdisk_obstructed(&n->disk, f->category, f->path))
		return;
	cluster_tell(n->cl, "%s writes %s/%s (%zu bytes)", n->name, f->category, f->path, content.len);
	put(n, f, content, meta, in_place);
	if (in_place)
		tell(n, f, HINT_TOUCHED);
	tell(n, f, HINT_WRITTEN);
}

void person_remove(struct simnode *n, struct simfile *f)
{
	cluster_tell(n->cl, "%s removes %s/%s", n->name, f->category, f->path);
	witness_replaced(&n->cl->witness, n->index, f->number, span_blob(&f->now.content), span_of(NULL, 0), true);
	simdisk_remove(f, n->cl->now_us);
	touched(n, f);
	tell(n, f, HINT_GONE);
}

void person_rename(struct simnode *n, struct simfile *from, struct simfile *to)
{
	struct blob content = blob_copy(from->now.content.data, from->now.content.len);
	uint8_t meta = from->now.meta;
	int64_t mtime = from->now.mtime_ns;
	uint64_t inode = from->now.inode;
	cluster_tell(n->cl, "%s renames %s/%s to %s", n->name, from->category, from->path, to->path);
	witness_replaced(&n->cl->witness, n->index, from->number, span_blob(&content), span_of(NULL, 0), true);
	simdisk_remove(from, n->cl->now_us);
	bool possible = to->now.present || !simdisk_obstructed(&n->disk, to->category, to->path);
	struct simfile *at = possible ? to : from;
	put(n, at, span_blob(&content), meta, false);
	at->now.inode = inode;
	at->now.mtime_ns = mtime;
	blob_finish(&content);
	simdisk_sync(from); /* one entry of the journal: both or neither */
	simdisk_sync(to);
	touched(n, from);
	if (pick(n, 2)) {
		tell(n, from, HINT_GONE);
		tell(n, to, HINT_WRITTEN);
	} else {
		tell(n, to, HINT_WRITTEN);
		tell(n, from, HINT_GONE);
	}
}

static void token_line(struct simnode *n, struct buf *out)
{
	buf_printf(out, "t%08x\n", witness_token(&n->cl->witness));
}

/* Bytes that compress badly, to make bodies go in parts. */
static void bulk(struct simnode *n, struct buf *out, size_t len)
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

static void append(struct simnode *n, struct simfile *f, bool in_place)
{
	struct buf text = { 0 };
	if (f->now.present && !(f->now.meta & META_LINK))
		buf_put(&text, f->now.content.data, f->now.content.len);
	token_line(n, &text);
	person_write(n, f, buf_view(&text), f->now.present ? f->now.meta & ~META_LINK : 0, in_place && f->now.present);
	buf_finish(&text);
}

static void overwrite(struct simnode *n, struct simfile *f)
{
	struct buf text = { 0 };
	token_line(n, &text);
	if (pick(n, 60) == 59)
		bulk(n, &text, 70000 + (size_t)pick(n, 200000));
	else if (pick(n, 3) == 2)
		bulk(n, &text, (size_t)pick(n, 2000));
	person_write(n, f, buf_view(&text), f->now.present ? f->now.meta & ~META_LINK : 0, pick(n, 2));
	buf_finish(&text);
}

/* The last token becomes another of the same length: size, and within a tick of the clock even the times, stay. */
static void rewrite(struct simnode *n, struct simfile *f)
{
	struct buf text = { 0 };
	if (!f->now.present || f->now.content.len < 10 || (f->now.meta & META_LINK))
		return;
	buf_put(&text, f->now.content.data, f->now.content.len - 10);
	token_line(n, &text);
	person_write(n, f, buf_view(&text), f->now.meta, true);
	buf_finish(&text);
}

/* Again and again, faster than the clock of the files. */
static void rewrite_soon(struct simnode *n, struct simfile *f)
{
	struct simwriter *w = mem_alloc(sizeof *w);
	w->file = number_on_disk(n, f);
	w->again = true;
	agenda_add(&n->cl->agenda, n->cl->now_us + pick(n, 5000), AGENDA_WRITER, n->index, 0, w);
}

static void write_slowly(struct simnode *n, struct simfile *f)
{
	struct cluster *cl = n->cl;
	struct buf text = { 0 };
	if (!f->now.present || f->writers || (f->now.meta & META_LINK))
		return;
	buf_put(&text, f->now.content.data, f->now.content.len);
	token_line(n, &text);
	token_line(n, &text);
	struct simwriter *w = mem_alloc(sizeof *w + text.len);
	w->file = number_on_disk(n, f);
	w->inode = f->now.inode;
	w->meta = f->now.meta;
	w->len = text.len;
	memcpy(w->bytes, text.data, text.len);
	cluster_tell(cl, "%s begins to write %s/%s", n->name, f->category, f->path);
	put(n, f, span_of(text.data, (size_t)pick(n, text.len)), f->now.meta, true);
	tell(n, f, HINT_TOUCHED);
	f->writers++;
	agenda_add(&cl->agenda, cl->now_us + 1000 + pick(n, 700000), AGENDA_WRITER, n->index, 0, w);
	buf_finish(&text);
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
	if (!f->now.present || f->now.inode != w->inode || !f->writers)
		return; /* the name is another file's by now, or the power was cut */
	f->writers--;
	put(n, f, span_of(w->bytes, w->len), f->now.meta, true);
	tell(n, f, HINT_WRITTEN);
}

static void make_link(struct simnode *n, struct simfile *f)
{
	char target[16];
	snprintf(target, sizeof target, "t%08x", witness_token(&n->cl->witness));
	person_write(n, f, span_text(target), META_LINK, false);
}

static void change_mode(struct simnode *n, struct simfile *f)
{
	if (!f->now.present || (f->now.meta & META_LINK))
		return;
	f->now.meta ^= pick(n, 4) ? META_EXEC : META_PRIVATE;
	f->now.ctime_ns = file_time(n);
	witness_wrote(&n->cl->witness, n->index, f->number, f->now.meta, span_blob(&f->now.content));
	f->dirty = true;
	f->dirty_at_us = n->cl->now_us;
	touched(n, f);
	cluster_tell(n->cl, "%s changes the mode of %s/%s", n->name, f->category, f->path);
	tell(n, f, HINT_TOUCHED);
}

static void touch(struct simnode *n, struct simfile *f)
{
	if (!f->now.present)
		return;
	f->now.mtime_ns = f->now.ctime_ns = file_time(n);
	tell(n, f, HINT_TOUCHED);
}

static struct simfile *any_file(struct simnode *n)
{
	const struct category_setup *category = &n->cl->categories[pick(n, n->cl->category_count)];
	return person_file(n, category->name, names[pick(n, sizeof names / sizeof *names)]);
}

void person_edit(struct simnode *n, struct simfile *near)
{
	struct simfile *f = near && pick(n, 10) < 7 ? near : any_file(n);
	uint64_t what = pick(n, 100);
	if (f->now.present && f->now.content.len > SMALL_MAX && what < 60)
		overwrite(n, f);
	else if (what < 50 || !f->now.present)
		append(n, f, what % 2);
	else if (what < 58)
		write_slowly(n, f);
	else if (what < 64) {
		rewrite(n, f);
		if (pick(n, 2))
			rewrite_soon(n, f);
	} else if (what < 70)
		overwrite(n, f);
	else if (what < 79)
		person_remove(n, f);
	else if (what < 86) {
		struct simfile *to = any_file(n);
		if (to != f && strcmp(to->category, f->category) == 0)
			person_rename(n, f, to);
	} else if (what < 90)
		change_mode(n, f);
	else if (what < 93)
		touch(n, f);
	else if (what < 95)
		person_write(n, f, span_of(NULL, 0), f->now.meta & ~META_LINK, true);
	else if (what < 97) { /* saved twice in a row */
		append(n, f, true);
		append(n, f, true);
	} else if (what < 99) { /* removed and made again at once, as some editors save */
		struct buf text = { 0 };
		buf_put(&text, f->now.content.data, f->now.content.len);
		token_line(n, &text);
		uint8_t meta = f->now.meta & ~META_LINK;
		person_remove(n, f);
		person_write(n, f, buf_view(&text), meta, false);
		buf_finish(&text);
	} else
		make_link(n, f);
}

bool person_resolve(struct simnode *n, const char *category, const char *path, enum keep keep, struct err *e)
{
	static const char *const words[] = { "mine", "theirs", "both", "original", "auto" };
	const struct decision choice = { .keep = keep };
	struct cluster *cl = n->cl;
	struct conflict_view v;
	unsigned number = witness_path(&cl->witness, category, path);
	if (!n->core)
		return err_set(e, "resolve", "", "the device is off");
	for (size_t i = 0; core_view_conflict(n->core, i, &v); i++)
		if (strcmp(v.category, category) == 0 && strcmp(v.path, path) == 0) {
			witness_gave_up(&cl->witness, n->index, number, &v.mine.version);
			witness_gave_up(&cl->witness, n->index, number, &v.theirs.version);
			witness_chose(&cl->witness, n->index, number, &v.mine.version);
			witness_chose(&cl->witness, n->index, number, &v.theirs.version);
		}
	const struct item_row *row = core_find_item(n->core, category, path);
	if (row)
		witness_gave_up(&cl->witness, n->index, number, &row->local);
	witness_replaced(&cl->witness, n->index, number, span_of(NULL, 0), span_of(NULL, 0),
	                 true); /* "theirs" may be a delete */
	simnode_clock(n);
	bool done = core_resolve(n->core, category, path, &choice, e);
	cluster_tell(cl, "%s resolves %s/%s: keep %s: %s", n->name, category, path, words[keep],
	             done ? "done" : e->why);
	cl->tally.settlements += done;
	simnode_end_turn(n);
	return done;
}

bool person_undo(struct simnode *n, const char *category, const char *path, struct err *e)
{
	struct witness *w = &n->cl->witness;
	unsigned number = witness_path(w, category, path);
	const struct item_row *row = n->core ? core_find_item(n->core, category, path) : NULL;
	const struct settlement_row *last = NULL;
	for (size_t i = 0; row && i < n->ledger.settlement_count; i++) {
		const struct settlement_row *s = &n->ledger.settlements[i];
		if (id_equal(&s->item, &row->item) && !s->undone)
			last = s;
	}
	if (!last)
		return err_set(e, "undo", NULL, "no settlement is left to take back");
	const struct settlement_row settlement = *last;
	witness_gave_up(w, n->index, number, &settlement.result);
	witness_chose(w, n->index, number, &settlement.mine);
	witness_chose(w, n->index, number, &settlement.theirs);
	simnode_clock(n);
	bool done = core_undo(n->core, &settlement, e);
	cluster_tell(n->cl, "%s takes the settlement of %s/%s back: %s", n->name, category, path, done ? "done" : e->why);
	simnode_end_turn(n);
	return done;
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
	person_resolve(n, category, path, pick(n, 2) ? KEEP_MINE : KEEP_THEIRS, &e);
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
	bool done = core_restore(n->core, category, slash + 1, &h->version, &e);
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
	if (what < 92) {
		resolve_any(n);
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
}

void person_happen(struct cluster *cl, const struct agenda_entry *e)
{
	struct simnode *n = cl->nodes[e->who];
	n->dice = chance_of(e->what == AGENDA_PERSON ? CHANCE_PERSON : CHANCE_WRITER, n->index);
	if (e->what == AGENDA_WRITER) {
		go_on_writing(n, e->p);
	} else if (e->what == AGENDA_HINT) {
		const struct simhint *h = e->p;
		if (h->life != n->life)
			return;
		n->hints--;
		struct simfile *f = n->disk.files[h->file];
		simnode_push(n,
		             &(struct event){
		                     .type = EVENT_HINT, .category = f->category, .path = f->path, .hint = h->hint },
		             0);
	} else if (cl->acting) {
		chance_begin(&cl->chance, n->dice, (uint32_t)e->a, ACTS_ITSELF);
		person_act(n);
	}
}

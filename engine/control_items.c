/* What can be asked about one item: its versions, why it waits, going back. Settling: control_settle.c. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/relpath.h"
#include "base/shell.h"
#include "engine/control_verbs.h"
#include "engine/core/conflict/diff.h"
#include "sys/clock.h"

#define HISTORY_ROWS      1000
#define HISTORY_ITEM_ROWS 10000
#define OLD_NAMES         100 /* looked for in an answer */

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Names that are not UTF-8 travel with \xHH for each odd byte (base/json.h). Turns that back. */
static void unescape(char *text)
{
	char *to = text;
	for (const char *at = text; *at;) {
		int high, low;
		if (at[0] == '\\' && at[1] == 'x' && (high = hex_digit(at[2])) >= 8 && (low = hex_digit(at[3])) >= 0) {
			*to++ = (char)(high << 4 | low);
			at += 4;
		} else {
			*to++ = *at++;
		}
	}
	*to = 0;
}

char *control_advice(const char *text, const char *category, const char *path)
{
	char *name = mem_printf("%s/%s", category, path);
	struct buf out = { 0 };
	while (*text) {
		bool item = !strncmp(text, "ITEM", 4), of = !strncmp(text, "CATEGORY", 8);
		if (item)
			shell_word(&out, name);
		else if (of)
			shell_word(&out, category);
		else
			buf_put(&out, text, 1);
		text += item ? 4 : of ? 8 : 1;
	}
	free(name);
	buf_put(&out, "", 1);
	return (char *)out.data;
}

/* The item of a file that was named by where it is; NULL where no category is. New memory. */
static char *item_at(const struct engine *g, const char *path)
{
	for (size_t i = 0; *path == '/' && i < g->config.category_count; i++) {
		const struct config_category *c = &g->config.categories[i];
		size_t len = c->path ? strlen(c->path) : 0;
		if (len && !strncmp(path, c->path, len) && path[len] == '/' && path[len + 1]) {
			struct buf word = { 0 };
			char *item = mem_printf("%s/%s", c->name, path + len + 1);
			shell_word(&word, item);
			free(item);
			buf_put(&word, "", 1);
			return (char *)word.data;
		}
	}
	return NULL;
}

bool control_item(const struct question *q, struct item_name *n)
{
	const char *item = json_get_text(q->request, "item"), *path;
	if (!item || strlen(item) >= sizeof n->item || !relpath_split_item(item, n->category, &path) ||
	    strlen(path) > RELPATH_MAX) {
		char *named = item ? item_at(q->engine, item) : NULL;
		const char *slash = item ? strchr(item, '/') : NULL;
		bool deep = slash && relpath_deep(slash + 1);
		char *fix = named  ? mem_printf("it is %s", named)
			    : deep ? mem_text("move it up: such a file stays on this device")
				   : mem_text("name it CATEGORY/RELATIVE/PATH");
		control_fail_with(q, CONTROL_USAGE, item ? item : "item", fix,
				  deep   ? "it is deeper than 64 folders, and no item can be"
				  : item ? "that names no item"
					 : "none was named");
		free(named);
		free(fix);
		return false;
	}
	snprintf(n->item, sizeof n->item, "%s", item);
	snprintf(n->path, sizeof n->path, "%s", path);
	if (core_find_item(q->engine->core, n->category, n->path) || !strstr(n->path, "\\x"))
		return true;
	char *raw = mem_text(n->path);
	unescape(raw);
	if (!relpath_bad(raw, strlen(raw)) && core_find_item(q->engine->core, n->category, raw))
		snprintf(n->path, sizeof n->path, "%s", raw);
	free(raw);
	return true;
}

static bool known_item(const struct question *q, struct item_name *n, const struct item_row **row)
{
	if (!control_item(q, n))
		return false;
	*row = core_find_item(q->engine->core, n->category, n->path);
	if (!*row)
		control_fail_with(q, CONTROL_FAILED, n->item, "'syncline history' lists the items", "no such item");
	return *row != NULL;
}

struct history {
	struct engine *engine;
	json_t *rows;
	bool named; /* each row says which item it is of */
	struct settlement_row *settlements; /* newest first */
	size_t count, cap;
	size_t renames; /* whose old names were looked for */
};

static void add_settlement(void *ctx, const struct settlement_row *row)
{
	struct history *h = ctx;
	MEM_ROOM(h->settlements, h->count, h->cap);
	h->settlements[h->count++] = *row;
}

static void put_version(json_t *o, const char *key, const struct id *version)
{
	char hex[ID_HEX];
	json_object_set_new(o, key, id_zero(version) ? json_null() : json_string(id_hex(version, hex)));
}

/* What a choice had to do with this version: which two it was made of, or which one it lost to. */
static void put_choices(const struct history *h, const struct history_row *row, json_t *o)
{
	bool chosen = row->how == HOW_MERGE || row->how == HOW_NEWEST || row->how == HOW_SETTLE, lost = false;
	for (size_t i = 0; i < h->count && (chosen || !lost); i++) {
		const struct settlement_row *s = &h->settlements[i];
		bool mine = id_equal(&s->mine, &row->version), theirs = id_equal(&s->theirs, &row->version);
		if (!id_equal(&s->item, &row->item))
			continue;
		if (chosen && s->how == row->how && id_equal(&s->result, &row->version)) {
			put_version(o, "mine", &s->mine);
			put_version(o, "theirs", &s->theirs);
			put_version(o, "base", &s->base);
			if (row->how == HOW_NEWEST)
				put_version(o, "over", id_equal(&s->result, &s->mine) ? &s->theirs : &s->mine);
			chosen = false;
		}
		if (!lost && !s->undone &&
		    ((mine && id_equal(&s->result, &s->theirs)) || (theirs && id_equal(&s->result, &s->mine)))) {
			put_version(o, "lost_to", &s->result);
			lost = true;
		}
	}
}

/* Who wrote the versions that were not the newest: it stands further down. */
static void name_losers(json_t *rows)
{
	json_t *writers = json_object(); /* item and version -> device, of the rows further down */
	for (size_t i = json_array_size(rows); i-- > 0;) {
		json_t *row = json_array_get(rows, i);
		const char *version = json_get_text(row, "version"), *over = json_get_text(row, "over");
		const char *how = json_get_text(row, "how"), *item = json_get_text(row, "item");
		char *lost = mem_printf("%s %s", over ? over : "", item ? item : "");
		char *wrote = mem_printf("%s %s", version ? version : "", item ? item : "");
		json_t *writer = over ? json_object_get(writers, lost) : NULL;
		if (writer)
			json_object_set(row, "over_device", writer);
		if (how && (strcmp(how, "edit") == 0 || strcmp(how, "remote") == 0))
			json_object_set(writers, wrote, json_object_get(row, "device"));
		free(lost);
		free(wrote);
	}
	json_decref(writers);
}

/* "merge" stands for every strategy, here and in the contract; which one it was is told beside it. */
static void history_row(void *ctx, const struct history_row *row, const char *category, const char *path)
{
	static const char *const kinds[] = { "create", "update", "delete", "move", "rename" };
	static const char *const hows[] = { "edit", "remote", "merge", "settle", "restore", "undo", "merge" };
	struct history *h = ctx;
	char name[ID_HEX], at[32];
	const char *device = report_device_name(h->engine, &row->device, name);
	json_t *o = json_object();
	put_version(o, "version", &row->version);
	json_object_set_new(o, "at", json_string(clock_iso(row->at_ms, at)));
	json_object_set_new(o, "device", json_bytes(device, strlen(device)));
	json_object_set_new(o, "kind", json_string(row->kind < 5 ? kinds[row->kind] : "update"));
	json_object_set_new(o, "size", json_integer((json_int_t)row->size));
	json_object_set_new(o, "how", json_string(row->how < 7 ? hows[row->how] : "edit"));
	if (row->how == HOW_MERGE || row->how == HOW_NEWEST)
		json_object_set_new(o, "strategy", json_string(row->how == HOW_MERGE ? "merge" : "newest"));
	json_object_set_new(o, "seq", row->seq ? json_integer((json_int_t)row->seq) : json_null());
	if (h->named && *category) {
		char *item = mem_printf("%s/%s", category, path);
		json_object_set_new(o, "item", json_bytes(item, strlen(item)));
		free(item);
	} else if (h->named) {
		json_object_set_new(o, "item", json_null());
	}
	static const char *const states[] = { "here", "thinned", "lost", "elsewhere" };
	json_object_set_new(o, "content",
			    id_zero(&row->version)
				    ? json_null()
				    : json_string(states[versions_state(h->engine->versions, &row->version)]));
	put_choices(h, row, o);
	if ((row->kind == KIND_MOVE || row->kind == KIND_RENAME) && h->renames++ < OLD_NAMES) {
		char *old = ledger_old_name(h->engine->ledger, &row->item, &row->version);
		if (old)
			json_object_set_new(o, "was", json_bytes(old, strlen(old)));
		free(old);
	}
	json_array_append_new(h->rows, o);
}

void verb_history(const struct question *q)
{
	struct item_name n;
	const struct item_row *row = NULL;
	struct err e = { 0 };
	if (json_object_get(q->request, "item") && !known_item(q, &n, &row))
		return;
	struct history h = { .engine = q->engine, .rows = json_array(), .named = !row };
	bool done = ledger_settlements(q->engine->ledger, row ? &row->item : NULL, HISTORY_ITEM_ROWS, add_settlement,
				       &h, &e) &&
		    ledger_history(q->engine->ledger, row ? &row->item : NULL, row ? HISTORY_ITEM_ROWS : HISTORY_ROWS,
				   history_row, &h, &e);
	free(h.settlements);
	name_losers(h.rows);
	if (done) {
		control_answer(q, h.rows);
		return;
	}
	json_decref(h.rows);
	control_fail(q, CONTROL_FAILED, &e);
}

/* ---- versions ---- */

static void not_here(const struct question *q, const struct item_name *n, const struct id *version)
{
	char hex[ID_HEX];
	bool thinned = versions_state(q->engine->versions, version) == VERSION_THINNED;
	control_fail_with(q, CONTROL_FAILED, n->item, "another device may have it: run 'syncline history' there",
	                  thinned ? "version %.10s was thinned away here, as its category's 'keep' says"
	                          : "the content of version %.10s is not on this device",
	                  id_hex(version, hex));
}

struct version_search {
	const char *prefix;
	struct id found[2]; /* the newest, and another one that fits too */
	size_t count;
	bool newest; /* no prefix: the first that is there */
};

static void consider(struct version_search *s, const struct id *version)
{
	if (id_zero(version) || (s->newest ? s->count > 0 : !id_has_prefix(version, s->prefix)))
		return;
	if (s->count && id_equal(version, &s->found[0]))
		return;
	if (s->count < 2)
		s->found[s->count] = *version;
	s->count++;
}

static void consider_row(void *ctx, const struct history_row *row, const char *category, const char *path)
{
	(void)category, (void)path;
	consider(ctx, &row->version);
}

/* The one version of an item that a prefix of its hex id names (or, without one, the newest). False: it was answered.
 */
static bool version_of_item(const struct question *q, const struct item_name *n, const struct item_row *row,
                            const char *prefix, struct id *out)
{
	struct version_search s = { .prefix = prefix ? prefix : "", .newest = !prefix };
	struct conflict_view v;
	struct err e = { 0 };
	consider(&s, &row->local);
	consider(&s, &row->head_version);
	consider(&s, &row->agreed);
	for (size_t i = 0; core_view_conflict(q->engine->core, i, &v); i++) {
		if (strcmp(v.category, n->category) || strcmp(v.path, n->path))
			continue;
		consider(&s, &v.mine.version);
		consider(&s, &v.theirs.version);
		if (v.has_base)
			consider(&s, &v.base.version);
	}
	if (!ledger_history(q->engine->ledger, &row->item, HISTORY_ITEM_ROWS, consider_row, &s, &e)) {
		control_fail(q, CONTROL_FAILED, &e);
		return false;
	}
	*out = s.found[0];
	if (s.count == 1)
		return true;
	char *advice = control_advice("syncline history ITEM lists them", n->category, n->path);
	control_fail_with(q, CONTROL_FAILED, n->item, s.count ? "give more digits" : advice,
	                  s.count  ? "several versions begin with %.40s"
	                  : prefix ? "it has no version %.40s"
	                           : "it has no version yet%s",
	                  prefix ? prefix : "");
	free(advice);
	return false;
}

void verb_show(const struct question *q)
{
	struct item_name n;
	const struct item_row *row;
	struct id version;
	struct blob content;
	uint8_t meta;
	char hex[ID_HEX];
	if (!known_item(q, &n, &row) || !version_of_item(q, &n, row, json_get_text(q->request, "version"), &version))
		return;
	if (!versions_get(q->engine->versions, &version, &content, &meta)) {
		not_here(q, &n, &version);
		return;
	}
	int64_t asked = json_get_int(q->request, "offset", 0);
	size_t offset = asked < 0 ? 0 : (size_t)asked < content.len ? (size_t)asked : content.len;
	size_t len = content.len - offset < CONTROL_CONTENT_MAX ? content.len - offset : CONTROL_CONTENT_MAX;
	json_t *data = json_pack("{s:o, s:s, s:I, s:I, s:{s:b, s:b, s:b}}", "content",
	                         json_b64(len ? content.data + offset : NULL, len), "version", id_hex(&version, hex),
	                         "size", (json_int_t)content.len, "offset", (json_int_t)offset, "meta", "exec",
	                         (meta & META_EXEC) != 0, "private", (meta & META_PRIVATE) != 0, "link",
	                         (meta & META_LINK) != 0);
	blob_finish(&content);
	control_answer(q, data);
}

void verb_restore(const struct question *q)
{
	struct item_name n;
	const struct item_row *row;
	struct id version;
	struct err e = { 0 };
	size_t count;
	const char *category = json_get_text(q->request, "category");
	if (category) {
		if (core_bring_back(q->engine->core, category, &count, &e))
			control_answer(q, json_pack("{s:I}", "brought_back", (json_int_t)count));
		else
			control_fail(q, CONTROL_FAILED, &e);
		return;
	}
	if (!json_get_text(q->request, "version")) {
		control_fail_with(q, CONTROL_USAGE, "restore", "'syncline history ITEM' lists them",
		                  "no version was named");
		return;
	}
	if (!known_item(q, &n, &row) || !version_of_item(q, &n, row, json_get_text(q->request, "version"), &version))
		return;
	if (core_restore(q->engine->core, n.category, n.path, &version, &e))
		control_answer(q, json_object());
	else if (versions_state(q->engine->versions, &version) == VERSION_THINNED)
		not_here(q, &n, &version);
	else
		control_fail(q, CONTROL_FAILED, &e);
}

/* ---- diff ---- */

#define DIFF_TEXT_MAX (160 * 1024) /* even escaped six-fold it fits a line of the socket */

struct last_two { /* versions of an item that differ, the newest first */
	struct id found[2];
	size_t count;
};

static void note_version(void *ctx, const struct history_row *row, const char *category, const char *path)
{
	struct last_two *l = ctx;
	(void)category, (void)path;
	if (l->count < 2 && !id_zero(&row->version) && (!l->count || !id_equal(&l->found[0], &row->version)))
		l->found[l->count++] = row->version;
}

/* Those that were named; else both sides of a conflict; else what last changed. False: it was answered. */
static bool two_versions(const struct question *q, const struct item_name *n, const struct item_row *row,
			 struct id *from, struct id *to)
{
	const char *first = json_get_text(q->request, "from"), *second = json_get_text(q->request, "to");
	struct last_two last = { 0 };
	struct conflict_view v;
	struct err e = { 0 };
	if (first && second)
		return version_of_item(q, n, row, first, from) && version_of_item(q, n, row, second, to);
	for (size_t i = 0; core_view_conflict(q->engine->core, i, &v); i++)
		if (!strcmp(v.category, n->category) && !strcmp(v.path, n->path)) {
			*from = v.mine.version;
			*to = v.theirs.version;
			return true;
		}
	if (!ledger_history(q->engine->ledger, &row->item, HISTORY_ITEM_ROWS, note_version, &last, &e)) {
		control_fail(q, CONTROL_FAILED, &e);
		return false;
	}
	*from = last.found[1];
	*to = last.found[0];
	return true;
}

/* The content of a version, empty for none. False: it was answered. */
static bool content_of(const struct question *q, const struct item_name *n, const struct id *version, struct blob *out)
{
	uint8_t meta;
	*out = (struct blob){ 0 };
	if (id_zero(version) || versions_get(q->engine->versions, version, out, &meta))
		return true;
	not_here(q, n, version);
	return false;
}

static json_t *diff_keys(const struct diff *d)
{
	json_t *list = json_array();
	for (size_t i = 0; i < d->key_count; i++) {
		const struct diff_key *k = &d->keys[i];
		json_array_append_new(
		        list, json_pack("{s:o, s:o, s:o}", "key", json_bytes(k->path, strlen(k->path)), "from",
		                        k->from.data ? json_bytes(k->from.data, k->from.len) : json_null(), "to",
		                        k->to.data ? json_bytes(k->to.data, k->to.len) : json_null()));
	}
	return list;
}

void verb_diff(const struct question *q)
{
	static const char *const kinds[] = { "none", "text", "keys", "sizes" };
	const struct item_row *row;
	struct item_name n;
	struct id from, to;
	struct blob before = { 0 }, after = { 0 };
	struct diff d;
	struct buf text = { 0 };
	if (!known_item(q, &n, &row) || !two_versions(q, &n, row, &from, &to))
		return;
	if (content_of(q, &n, &from, &before) && content_of(q, &n, &to, &after)) {
		diff_make(&d, merge_kind_of(MERGE_BY_KIND, n.path), span_blob(&before), span_blob(&after));
		diff_write(&text, &d);
		bool cut = text.len > DIFF_TEXT_MAX;
		json_t *o = json_object();
		put_version(o, "from", &from);
		put_version(o, "to", &to);
		json_object_set_new(o, "kind", json_string(kinds[d.kind]));
		json_object_set_new(o, "text", json_bytes(text.data, cut ? DIFF_TEXT_MAX : text.len));
		json_object_set_new(o, "cut", json_boolean(cut));
		json_object_set_new(o, "keys", d.kind == DIFF_KEYS && !cut ? diff_keys(&d) : json_array());
		diff_finish(&d);
		control_answer(q, o);
	}
	buf_finish(&text);
	blob_finish(&before);
	blob_finish(&after);
}

/* ---- why ---- */

#define STORY_ROWS 6

struct story {
	struct engine *engine;
	json_t *lines; /* newest first */
};

/* Who did what, and when: "desk changed it: 1204 bytes". */
static void story_line(void *ctx, const struct history_row *row, const char *category, const char *path)
{
	static const char *const hows[] = { NULL,
					    NULL,
					    "merged it with another device's change",
					    "settled its conflict",
					    "brought an older version back",
					    "took a settlement back",
					    "let the newest of two versions stand" };
	struct story *s = ctx;
	char name[ID_HEX], at[32];
	const char *device = report_device_name(s->engine, &row->device, name);
	bool moved = row->kind == KIND_MOVE || row->kind == KIND_RENAME;
	const char *did = row->how < 7 && hows[row->how] ? hows[row->how]
	                  : row->kind == KIND_DELETE     ? "deleted it"
	                  : row->kind == KIND_CREATE     ? "made it"
	                  : moved                        ? "moved it here"
	                                                 : "changed it";
	char *old = moved && row->how < 2 ? ledger_old_name(s->engine->ledger, &row->item, &row->version) : NULL;
	char *text = id_zero(&row->version) ? mem_printf("%s %s", device, did)
		     : old ? mem_printf("%s %s from %s: %llu bytes", device, did, old, (unsigned long long)row->size)
			   : mem_printf("%s %s: %llu bytes", device, did, (unsigned long long)row->size);
	free(old);
	(void)category, (void)path;
	json_t *line = json_pack("{s:s, s:o}", "at", clock_iso(row->at_ms, at), "text", json_bytes(text, strlen(text)));
	put_version(line, "version", &row->version);
	json_array_append_new(s->lines, line);
	free(text);
}

/* The newest of it that this device knows of. */
static bool has_it(const struct why_view *v, const struct peer_view *p, uint64_t cursor)
{
	if (p->self && (v->here_only || v->coming))
		return !v->coming;
	if (v->here_only || !v->seq)
		return false;
	return (p->self ? cursor : p->row->cursor) >= v->seq || id_equal(&p->row->device, &v->author);
}

void verb_why(const struct question *q)
{
	struct item_name n;
	struct why_view v = { 0 };
	struct peer_view p;
	struct counts_view counts;
	char at[32];
	if (!control_item(q, &n))
		return;
	core_view_counts(q->engine->core, &counts);
	core_view_why(q->engine->core, n.category, n.path, &v);
	const char *reason, *next;
	if (refusals_why(q->engine, n.category, n.path, &v.state, &reason, &next)) {
		snprintf(v.reason, sizeof v.reason, "%s", reason);
		snprintf(v.next, sizeof v.next, "%s", next);
	}
	if (!strcmp(v.state, "unknown")) {
		control_fail_with(q, CONTROL_FAILED, n.item, "'syncline history' lists the items",
		                  "%s", v.reason[0] ? v.reason : "no such item");
		return;
	}
	const struct item_row *row = core_find_item(q->engine->core, n.category, n.path);
	struct story story = { q->engine, json_array() };
	struct err e = { 0 };
	if (row && !ledger_history(q->engine->ledger, &row->item, STORY_ROWS, story_line, &story, &e)) {
		json_decref(story.lines);
		control_fail(q, CONTROL_FAILED, &e);
		return;
	}
	json_t *devices = json_array();
	for (size_t i = 0; core_view_peer(q->engine->core, i, &p); i++)
		if (!p.row->revoked)
			json_array_append_new(
			        devices,
			        json_pack("{s:o, s:b}", "name", json_bytes(p.row->name, strlen(p.row->name)), "has_it",
			                  (int)has_it(&v, &p, counts.cursor)));
	char *advice = control_advice(v.next, n.category, n.path);
	const char *polling = watcher_polling(q->engine->watcher, n.category);
	const struct config_category *c = config_find(&q->engine->config, n.category);
	control_answer(q, json_pack("{s:o, s:o, s:I, s:o, s:s, s:o, s:o, s:o, s:o}", "story", story.lines,
				    "watch_reason", polling ? json_string(polling) : json_null(), "interval_ms",
				    (json_int_t)(c ? c->interval_ms : 0), "item", json_bytes(n.item, strlen(n.item)),
				    "state", v.state, "since",
				    v.since_ms ? json_string(clock_iso(v.since_ms, at)) : json_null(), "reason",
				    json_bytes(v.reason, strlen(v.reason)), "next", json_bytes(advice, strlen(advice)),
				    "devices", devices));
	free(advice);
}

/* What stays on this device although the rules name it: files that the category does not allow, and those that cannot
 * be items. Judged at the border, before a content reaches the core; remembered by name, so that it is told once and
 * shown. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "engine/engine.h"
#include "engine/io/refuse.h"

#define REFUSALS_KEPT 4096 /* names a category; what comes on top is judged each time */

struct refused_file {
	enum refuse_kind kind;
	struct file_stat stat; /* of what was judged */
};

static struct refused_file *find(const struct area *a, const char *path)
{
	return a ? map_find(&a->refusals, path, strlen(path)) : NULL;
}

static bool same_stat(const struct file_stat *a, const struct file_stat *b)
{
	return a->size == b->size && a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns && a->inode == b->inode;
}

bool refusals_known(struct engine *g, const struct file_ref *f, const struct file_stat *stat)
{
	const struct refused_file *r = find(areas_find(g, f->category), f->path);
	return r && same_stat(&r->stat, stat);
}

void refusals_drop(struct engine *g, const struct file_ref *f)
{
	struct area *a = areas_find(g, f->category);
	if (a && map_count(&a->refusals))
		free(map_remove(&a->refusals, f->path, strlen(f->path)));
}

void refusals_forget(struct area *a)
{
	void *value;
	for (size_t i = 0; map_next(&a->refusals, &i, &value);)
		free(value);
	map_finish(&a->refusals);
	a->refusals = (struct map){ 0 };
}

static void refuse(struct engine *g, const struct file_ref *f, enum refuse_kind kind, const struct file_stat *stat)
{
	struct area *a = areas_find(g, f->category);
	struct refused_file *r = find(a, f->path);
	if (r) {
		*r = (struct refused_file){ kind, *stat };
		return;
	}
	if (!a || map_count(&a->refusals) >= REFUSALS_KEPT)
		return;
	r = mem_alloc(sizeof *r);
	*r = (struct refused_file){ kind, *stat };
	map_put(&a->refusals, f->path, strlen(f->path), r);
	char *item = mem_printf("%s/%s", f->category, f->path);
	engine_notice(g, NOTICE_WARN, "change", item,
		      "stays on this device: %s (to sync it, give its category 'allow = %s')", refuse_why(kind),
		      refuse_word(kind));
	free(item);
}

/* Has the file this content on every device already? Then it is not news that it is what it is. */
static bool is_agreed(const struct item_row *row, const struct id *version)
{
	return row && (id_equal(&row->agreed, version) || id_equal(&row->head_version, version));
}

static enum refuse_kind judge(struct engine *g, const struct file_ref *f, struct span content, size_t from)
{
	enum refuse_kind kind = refuse_judge(f->path, content, from);
	char beside[RELPATH_MAX + 1], head[REFUSE_HEAD];
	size_t len = kind ? 0 : refuse_beside(f->path);
	if (!len || len > RELPATH_MAX)
		return kind;
	memcpy(beside, f->path, len);
	beside[len] = 0;
	const struct file_ref main = { f->category, beside };
	size_t got = files_peek(g->files, &main, head, sizeof head);
	return refuse_is_database(span_of(head, got)) ? REFUSE_DATABASES : REFUSE_NOTHING;
}

/* A large database is not read whole each time that it changes. */
static bool is_plainly_database(struct engine *g, const struct file_ref *f, const struct file_stat *stat)
{
	char head[REFUSE_HEAD];
	if (stat->size < 512 || stat->size % 512 || stat->meta & META_LINK)
		return false;
	size_t got = files_peek(g->files, f, head, sizeof head);
	return refuse_is_database(span_of(head, got));
}

/* A large content is judged part by part, as it comes. One that is on the hub already is judged by its version too, at
 * the end: so what was found in it is kept. */
enum look refusals_take(struct engine *g, const struct file_ref *f, struct file_stat *stat, struct blob *content)
{
	const struct config_category *c = config_find(&g->config, f->category);
	const struct item_row *row = core_find_item(g->core, f->category, f->path);
	bool known = row && !id_zero(&row->head_version);
	size_t before = content->len;
	if (c && !known && !before && !(c->allow & REFUSE_DATABASES) && files_look(g->files, f, stat) == LOOK_FILE &&
	    is_plainly_database(g, f, stat)) {
		refuse(g, f, REFUSE_DATABASES, stat);
		return LOOK_UNWANTED;
	}
	enum look look = files_take(g->files, f, stat, content);
	if ((look != LOOK_FILE && look != LOOK_MORE) || !c || stat->meta & META_LINK)
		return look;
	size_t from = content->len > before ? before : 0; /* else it was begun anew */
	enum refuse_kind kind = judge(g, f, span_blob(content), from);
	if (from && !kind)
		kind = g->refused_part;
	if (look == LOOK_MORE)
		g->refused_part = kind;
	if (look == LOOK_MORE && (!kind || known || kind & c->allow))
		return look;
	struct id version = { { 0 } };
	if (kind && known)
		version = core_version_of(g->core, stat->meta, span_blob(content));
	if (!kind || kind & c->allow || (known && is_agreed(row, &version))) {
		refusals_drop(g, f);
		return look;
	}
	refuse(g, f, kind, stat);
	if (look == LOOK_MORE)
		files_take_drop(g->files);
	blob_finish(content);
	return LOOK_UNWANTED;
}

size_t refusals_count(const struct engine *g, const char *category)
{
	const struct area *a = areas_find(g, category);
	return a ? map_count(&a->refusals) : 0;
}

bool refusals_why(struct engine *g, const char *category, const char *path, const char **state, const char **why,
                  const char **next)
{
	const struct config_category *c = config_find(&g->config, category);
	const struct refused_file *r = find(areas_find(g, category), path);
	const struct file_ref f = { category, path };
	struct file_stat stat;
	if (!c)
		return false;
	if (r) {
		*state = "left-out";
		*why = refuse_why(r->kind);
		*next = r->kind == REFUSE_DATABASES ? "give its category 'allow = databases' to sync it"
		                                    : "give its category 'allow = private-keys' to sync it";
		return true;
	}
	if (!config_wanted(c, path, false)) {
		*state = "left-out";
		*why = "the rules of its category leave it out, or those that are built in do";
		*next = "see its include and ignore lines in the configuration";
		return true;
	}
	*next = "";
	switch (files_look(g->files, &f, &stat)) {
	case LOOK_OTHER:
		*state = "left-out";
		*why = "it is a folder, a FIFO, a socket or a device: only files and links are items";
		return true;
	case LOOK_TOO_LARGE:
		*state = "left-out";
		*why = "it is over the limit of 64 MiB an item";
		return true;
	case LOOK_ERROR:
		*state = "held";
		*why = "it cannot be read now";
		*next = "look at the permissions of it and its folders, and whether another filesystem is mounted on one";
		return true;
	default:
		return false;
	}
}

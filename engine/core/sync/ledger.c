#include "engine/core/sync/ledger.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/plant.h"
#include "base/relpath.h"

void ledger_init(struct ledger *l, const uint8_t account_key[KEY_LEN])
{
	*l = (struct ledger){ .by_id.borrows = true, .by_name.borrows = true }; /* items hold both keys */
	hash_key(l->item_key, account_key, "syncline item", NULL, 0);
}

static const struct rare nothing_rare; /* of all items that never wrote theirs */

/* An item's category and path lie in one piece of memory, as the key of by_name. */
static char *name_of(const struct item *it)
{
	return it->path - strlen(it->category->name) - 1;
}

void ledger_finish(struct ledger *l)
{
	for (size_t i = 0; i < l->count; i++) {
		free(name_of(l->all[i]));
		free(l->all[i]->rare->passed);
		if (l->all[i]->rare != &nothing_rare)
			free((struct rare *)l->all[i]->rare);
		free(l->all[i]->measure);
		free(l->all[i]->holding);
		free(l->all[i]);
	}
	free(l->all);
	free(l->dirty);
	map_finish(&l->by_id);
	map_finish(&l->by_name);
	map_finish(&l->gone);
	*l = (struct ledger){ 0 };
}

struct id ledger_item_id(const struct ledger *l, const char *category, const char *path)
{
	struct span parts[] = { span_text(category), span_text(path) };
	return hash_id(l->item_key, "main", parts, 2);
}

struct id ledger_side_id(const struct ledger *l, const struct id *main, const struct id *device)
{
	struct span parts[] = { span_of(main->b, ID_LEN), span_of(device->b, ID_LEN) };
	return hash_id(l->item_key, "side", parts, 2);
}

struct item *ledger_find(const struct ledger *l, const struct id *id)
{
	return map_find(&l->by_id, id->b, ID_LEN);
}

/* The key of by_name: both names, with the category's zero between them. */
struct name_key {
	char bytes[CATEGORY_MAX + RELPATH_MAX + 2];
	size_t len; /* 0: such a name there cannot be */
};

static void name_key(struct name_key *k, const char *category, const char *path)
{
	size_t category_len = strlen(category) + 1, path_len = strlen(path);
	k->len = category_len <= CATEGORY_MAX + 1 && path_len <= RELPATH_MAX ? category_len + path_len : 0;
	if (!k->len)
		return;
	memcpy(k->bytes, category, category_len);
	memcpy(k->bytes + category_len, path, path_len);
}

struct item *ledger_find_name(const struct ledger *l, const char *category, const char *path)
{
	struct name_key k;
	name_key(&k, category, path);
	return k.len ? map_find(&l->by_name, k.bytes, k.len) : NULL;
}

static struct item *add(struct ledger *l, struct category *c, const char *path, const struct id *id)
{
	struct item *it = mem_alloc(sizeof *it);
	size_t category_len = strlen(c->name) + 1, path_len = strlen(path) + 1;
	char *name = mem_alloc(category_len + path_len);
	memcpy(name, c->name, category_len);
	it->path = memcpy(name + category_len, path, path_len);
	it->category = c;
	it->row.item = *id;
	it->row.category = c->name;
	it->row.path = it->path;
	it->urgency = PRIORITY_NORMAL;
	it->rare = &nothing_rare;
	map_put(&l->by_id, it->row.item.b, ID_LEN, it);
	MEM_ROOM(l->all, l->count, l->cap);
	return l->all[l->count++] = it;
}

struct item *ledger_add(struct ledger *l, struct category *c, const char *path, const struct id *id)
{
	struct item *it = add(l, c, path, id);
	map_put(&l->by_name, name_of(it), strlen(c->name) + 1 + strlen(path), it);
	return it;
}

struct item *ledger_add_side(struct ledger *l, struct item *main, const struct id *device, bool self)
{
	struct id id = ledger_side_id(l, &main->row.item, device);
	struct item *side = ledger_find(l, &id);
	if (side)
		return side;
	side = add(l, main->category, main->path, &id);
	side->row.side = true;
	side->row.main = main->row.item;
	side->row.device = *device;
	side->main = main;
	side->next_side = main->sides;
	main->sides = side;
	if (self)
		main->own_side = side;
	return side;
}

struct rare *ledger_rare(struct item *it)
{
	if (it->rare == &nothing_rare)
		it->rare = mem_alloc(sizeof *it->rare);
	return (struct rare *)it->rare;
}

void ledger_forget_origin(struct item *it)
{
	if (!id_zero(&it->rare->moved_from) || !id_zero(&it->rare->source))
		ledger_rare(it)->moved_from = ledger_rare(it)->source = (struct id){ { 0 } };
}

void ledger_touch(struct ledger *l, struct item *it)
{
	if (it->save)
		return;
	it->save = true;
	MEM_ROOM(l->dirty, l->dirty_count, l->dirty_cap);
	l->dirty[l->dirty_count++] = it;
}

bool ledger_save(struct ledger *l, const struct world *w)
{
	bool ok = true;
	for (size_t i = 0; i < l->dirty_count; i++) {
		l->dirty[i]->save = false;
		ok = w->save_item(w->ctx, &l->dirty[i]->row) && ok;
	}
	l->dirty_count = 0;
	return ok;
}

bool ledger_side_open(const struct item *side)
{
	return side && !id_zero(&side->row.head_version);
}

struct plan_facts ledger_facts(const struct item *it)
{
	struct plan_facts f = { .agreed = it->row.agreed, .local = it->row.local, .head = it->row.head_version,
				.held = it->row.hold != HOLD_NONE, .want = it->row.want };
	if (ledger_side_open(it->own_side)) {
		f.side_open = true;
		f.side = it->own_side->row.head_version;
	}
	return f;
}

void ledger_passed(struct item *it, const struct id *head)
{
	if (PLANTED("ledger.forgets_the_heads_it_passed"))
		return;
	if (it->verified) {
		if (id_equal(&it->row.local, head) && id_zero(&it->row.want)) { /* in step at this point of the log, whatever comes behind it */
			it->row.agreed = *head;
			it->row.hold = HOLD_NONE;
		}
		return;
	}
	struct rare *rare = ledger_rare(it);
	if (rare->passed_count == LEDGER_PASSED_MAX)
		memmove(rare->passed, rare->passed + 1, --rare->passed_count * sizeof *rare->passed);
	rare->passed = mem_grow(rare->passed, rare->passed_count + 1, sizeof *rare->passed);
	rare->passed[rare->passed_count++] = *head;
}

bool ledger_has_passed(const struct item *it, const struct id *version)
{
	for (size_t i = 0; i < it->rare->passed_count; i++)
		if (id_equal(&it->rare->passed[i], version))
			return true;
	return false;
}

void ledger_verify(struct item *it, const struct id *holds)
{
	if (ledger_has_passed(it, holds))
		it->row.agreed = *holds;
	if (it->rare->passed) {
		struct rare *rare = ledger_rare(it);
		free(rare->passed);
		rare->passed = NULL;
		rare->passed_count = 0;
	}
	it->verified = true;
}

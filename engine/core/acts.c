/* What a person asks for. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mark.h"
#include "base/mem.h"
#include "engine/core/coordinator.h"

static struct item *named(const struct core *c, const char *category, const char *path, struct err *e)
{
	struct item *it = ledger_find_name(&c->ledger, category, path);
	if (it)
		return it;
	char *what = mem_printf("%s/%s", category, path);
	err_set(e, what, "'syncline history' lists the items", "no such item");
	free(what);
	return NULL;
}

static bool fails(struct err *e, const struct item *it, const char *fix, const char *why)
{
	char *what = mem_printf("%s/%s", it->row.category, it->path);
	err_set(e, what, fix, "%s", why);
	free(what);
	return false;
}

static struct item *oldest_side(const struct item *main)
{
	struct item *oldest = NULL;
	for (struct item *side = main->sides; side; side = side->next_side)
		if (ledger_side_open(side) && side != main->own_side && (!oldest || side->row.detected_ms < oldest->row.detected_ms))
			oldest = side;
	return oldest;
}

/* Puts a version of the store into the file, exactly if the file is as captured. */
static bool put_version(struct core *c, struct item *it, const struct id *version, enum history_how how, struct err *e)
{
	struct blob content = { 0 };
	struct file_stat after = { 0 };
	uint8_t meta = 0;
	if (!id_zero(version) && !c->world.version_get(c->world.ctx, version, &content, &meta))
		return fails(e, it, "another device may have it: run 'syncline history' there", "that version's content is not on this device");
	struct place p = {
		.file = { it->row.category, it->path },
		.item = it->row.item,
		.version = *version,
		.expect_absent = id_zero(&it->row.local),
		.expect_stat = it->row.local_stat,
		.expect_version = it->row.local,
		.content = span_blob(&content),
		.meta = meta,
		.mtime_ms = c->wall_ms,
	};
	enum place_result result = c->world.place(c->world.ctx, &p, &after);
	size_t len = content.len;
	blob_finish(&content);
	if (result == PLACE_CHANGED) {
		MARK("acts.choice_meets_an_edit");
		it->read_ms = 0;
		capture_soon(c, it);
		return fails(e, it, "look at it and decide again", "the file changed just now");
	}
	if (result != PLACE_DONE)
		return fails(e, it, "mend that and try again",
			     result == PLACE_FULL ? "the disk is full" : result == PLACE_DENIED ? "permission denied" : "the file cannot be replaced now");
	core_set_local(c, it, version, len);
	it->row.local_stat = after;
	it->row.local_at_ms = it->read_ms = c->wall_ms;
	it->row.local_edited = core_tick(c);
	it->how = (uint8_t)how;
	it->urgency = PRIORITY_CRITICAL;
	ledger_touch(&c->ledger, it);
	core_history(c, it, version, &c->setup.device, 0, how, id_zero(version) ? KIND_DELETE : KIND_UPDATE, len, meta, c->wall_ms);
	core_plan(c, it);
	return true;
}

bool core_resolve(struct core *c, const char *category, const char *path, bool keep_mine, struct err *e)
{
	struct item *it = named(c, category, path, e);
	if (!it)
		return false;
	bool own = ledger_side_open(it->own_side);
	struct item *other = oldest_side(it);
	if (!own && !other)
		return fails(e, it, "'syncline conflicts' lists what waits", "it has no conflict");
	it->urgency = PRIORITY_CRITICAL;
	if (own) { /* agreeing with one of the two is all: the planner does the rest */
		it->row.agreed = keep_mine ? it->row.head_version : it->row.local;
		it->how = HOW_SETTLE;
		ledger_touch(&c->ledger, it);
		core_plan(c, it);
	} else if (!keep_mine) {
		struct id side = other->row.item, version = other->row.head_version;
		if (!put_version(c, it, &version, HOW_SETTLE, e))
			return false;
		MARK("acts.chose_anothers_side");
		it->settles = side;
	}
	for (struct item *side = it->sides; keep_mine && side; side = side->next_side) {
		if (side == it->own_side || !ledger_side_open(side))
			continue;
		MARK("acts.chose_mine_over_anothers_side");
		side->row.local = (struct id){ { 0 } };
		side->urgency = PRIORITY_CRITICAL;
		ledger_touch(&c->ledger, side);
		core_plan(c, side);
	}
	core_finish(c);
	return true;
}

bool core_restore(struct core *c, const char *category, const char *path, const struct id *version, struct err *e)
{
	struct item *it = named(c, category, path, e);
	if (!it || !put_version(c, it, version, HOW_RESTORE, e))
		return false;
	core_finish(c);
	return true;
}

static void plan_all(struct core *c, const struct category *category)
{
	for (size_t i = 0; i < c->ledger.count; i++)
		if (!category || c->ledger.all[i]->category == category)
			core_plan(c, c->ledger.all[i]);
}

bool core_pause(struct core *c, const char *name, bool paused, struct err *e)
{
	struct category *category = name ? category_find(&c->categories, name) : NULL;
	if (name && (!category || !category->active))
		return err_set(e, name, "'syncline categories' lists them", "no such category");
	if (category && !paused && category->held) {
		MARK("acts.held_deletes_allowed");
		category->held = false;
		category->allowed = true;
		category_trouble(category, NULL);
		capture_scan(c, category, "");
	}
	if (category) {
		category->paused = paused;
	} else {
		c->state.paused = paused;
		c->state_dirty = true;
	}
	if (!paused)
		plan_all(c, category);
	core_finish(c);
	return true;
}

void core_sync(struct core *c)
{
	capture_flush(c);
	for (size_t i = 0; i < c->categories.count; i++)
		if (c->categories.all[i]->active)
			capture_scan(c, c->categories.all[i], "");
	core_finish(c);
}

void core_look(struct core *c)
{
	capture_flush(c);
	core_finish(c);
}

bool core_accept_rollback(struct core *c, struct err *e)
{
	static const struct id none;
	if (!c->stopped)
		return err_set(e, "resume", NULL, "the hub has not gone back: there is nothing to accept");
	free(c->stopped);
	c->stopped = NULL;
	MARK("acts.rollback_accepted");
	send_forget_all(c);
	core_new_epoch(c);
	c->state.cursor = c->cursor_sent = 0;
	c->state.chain = none;
	c->state_dirty = true;
	for (size_t i = 0; i < c->ledger.count; i++) {
		struct item *it = c->ledger.all[i];
		if (it->row.side && ledger_side_open(it)) {
			c->conflicts--;
			it->category->conflicts--;
		}
		it->row.head_seq = 0;
		it->row.head_version = none;
		it->row.agreed = none;
		it->row.chain_len = 0;
		it->row.chain_bytes = 0;
		it->await_seq = 0;
		it->missing = false;
		if (it->row.side)
			it->row.local = none;
		ledger_touch(&c->ledger, it);
		core_plan(c, it);
	}
	c->missing = 0;
	struct id hub = c->link.setup.hub;
	link_start(&c->link, &hub);
	core_finish(c);
	return true;
}

bool core_invite(struct core *c, uint64_t ticket, const uint8_t token_hash[32], int64_t expires_wall_ms, struct err *e)
{
	if (!c->up)
		return err_set(e, "invite", "wait until 'syncline status' says connected", "the hub is not connected");
	if (c->invite_ticket)
		return err_set(e, "invite", "try again in a moment", "another invite is being made");
	struct message m = { .type = MESSAGE_INVITE, .expires_ms = expires_wall_ms };
	memcpy(m.token_hash, token_hash, sizeof m.token_hash);
	c->invite_ticket = ticket;
	link_say(&c->link, &m);
	core_finish(c);
	return true;
}

bool core_invited(const struct core *c, uint64_t ticket, const char **text)
{
	*text = c->invite_text;
	return c->invite_done == ticket;
}

bool core_revoke(struct core *c, const char *name, struct err *e)
{
	const struct peer *found = NULL;
	if (!c->up)
		return err_set(e, "devices revoke", "wait until 'syncline status' says connected", "the hub is not connected");
	for (size_t i = 0; i < c->peer_count; i++) {
		const struct peer *p = &c->peers[i];
		if (p->row.revoked || (strcmp(p->row.name, name) != 0 && !id_has_prefix(&p->row.device, name)))
			continue;
		if (found && strcmp(found->row.name, name) == 0 && strcmp(p->row.name, name) != 0)
			continue; /* a name goes before an id that happens to begin like it */
		if (found && (strcmp(found->row.name, name) == 0 || strcmp(p->row.name, name) != 0))
			return err_set(e, name, "name it by its id: 'syncline devices --json'", "several devices are called so");
		found = p;
	}
	if (!found)
		return err_set(e, name, "'syncline devices' lists them", "no such device");
	if (id_equal(&found->row.device, &c->setup.device))
		return err_set(e, name, "revoke it from another device", "that is this device");
	struct message m = { .type = MESSAGE_REVOKE, .device = found->row.device };
	link_say(&c->link, &m);
	core_finish(c);
	return true;
}

void core_probe_again(struct core *c)
{
	if (!c->probe_link && c->probe_done < c->probes && (c->probe_link = link_probe(&c->link)))
		c->probe_number = c->probes;
}

uint64_t core_probe(struct core *c)
{
	c->probes++;
	core_probe_again(c);
	core_finish(c);
	return c->probes;
}

uint64_t core_probed(const struct core *c)
{
	return c->probe_done;
}

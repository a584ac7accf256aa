/* What a person asks for (settlements: settle.c). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mark.h"
#include "base/mem.h"
#include "base/plant.h"
#include "engine/core/coordinator.h"

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
	if (category && !paused && !category->paused && category->held) { /* going on after a pause says nothing of what is gone */
		MARK("acts.held_deletes_allowed");
		category_hold(category, false);
		category->allowed = true;
		capture_scan(c, category, "");
	}
	if (category) {
		category->save = category->save || category->paused != paused;
		category->paused = paused;
	} else {
		c->state.paused = paused;
		c->state_dirty = true;
	}
	if (!paused && !PLANTED("acts.resume_plans_nothing"))
		plan_all(c, category);
	core_finish(c);
	return true;
}

/* An edit that the hub does not have is not to be had from there: its file is written at once. */
static bool put_back(struct core *c, struct item *it)
{
	struct blob content = { 0 };
	struct file_stat after = { 0 };
	uint8_t meta;
	if (!c->world.version_get(c->world.ctx, &it->row.local, &content, &meta))
		return false;
	const struct place p = {
		.file = { it->row.category, it->path },
		.item = it->row.item,
		.version = it->row.local,
		.expect_absent = true,
		.content = span_blob(&content),
		.meta = meta,
		.mtime_ms = it->row.local_stat.mtime_ns / 1000000,
	};
	enum place_result result = apply_place(c, &p, &after);
	blob_finish(&content);
	if (result == PLACE_CHANGED)
		capture_soon(c, it); /* it is there again */
	if (result != PLACE_DONE)
		return result == PLACE_CHANGED;
	it->row.local_stat = after;
	it->read_ms = c->wall_ms;
	it->placed = true;
	ledger_touch(&c->ledger, it);
	return true;
}

bool core_bring_back(struct core *c, const char *name, size_t *count, struct err *e)
{
	static const struct id none;
	struct category *category = category_find(&c->categories, name);
	size_t failed = 0;
	*count = 0;
	if (!category || !category->active)
		return err_set(e, name, "'syncline categories' lists them", "no such category");
	if (!category->held)
		return err_set(
			e, name,
			"'syncline history ITEM' lists the versions of one file, for 'syncline restore ITEM VERSION'",
			"no files of it are gone and held");
	for (size_t i = 0; i < c->ledger.count; i++) {
		struct item *it = c->ledger.all[i];
		if (it->category != category || !it->lost)
			continue;
		if (!id_equal(&it->row.local, &it->row.head_version) && !put_back(c, it)) {
			failed++;
			continue;
		}
		if (id_equal(&it->row.local, &it->row.head_version)) { /* as on a device that never had it: the head comes */
			core_set_local(c, it, &none, 0);
			it->row.agreed = none;
			ledger_touch(&c->ledger, it);
		}
		it->lost = false;
		(*count)++;
		core_plan(c, it);
	}
	MARK("acts.held_deletes_refused");
	if (!failed)
		category_hold(category, false);
	core_finish(c);
	return !failed ||
	       err_set(e, name, "mend its folder and say it again", "%zu of its files cannot be written now", failed);
}

void core_sync(struct core *c)
{
	capture_flush(c);
	holding_end(c);
	for (size_t i = 0; i < c->categories.count; i++)
		if (c->categories.all[i]->active)
			capture_scan(c, c->categories.all[i], "");
	core_finish(c);
}

void core_look(struct core *c)
{
	capture_flush(c);
	holding_end(c);
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
		it->row.head_seq = 0;
		it->row.head_version = none;
		if (!PLANTED("acts.rollback_deletes_what_the_hub_forgot"))
			it->row.agreed = it->row.merged = it->row.merged_on = none;
		it->row.want = it->row.settles = none;
		it->row.hold = HOLD_NONE;
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
		return err_set(e, "devices revoke", "wait until 'syncline status' says connected",
			       "the hub is not connected");
	for (size_t i = 0; i < c->peer_count; i++) {
		const struct peer *p = &c->peers[i];
		if (p->row.revoked || (strcmp(p->row.name, name) != 0 && !id_has_prefix(&p->row.device, name)))
			continue;
		if (found && strcmp(found->row.name, name) == 0 && strcmp(p->row.name, name) != 0)
			continue; /* a name goes before an id that happens to begin like it */
		if (found && (strcmp(found->row.name, name) == 0 || strcmp(p->row.name, name) != 0))
			return err_set(e, name, "name it by its id: 'syncline devices --json'",
				       "several devices are called so");
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

/* Life, events, the end of a step. */
#include "engine/core/coordinator.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mark.h"
#include "base/mem.h"
#include "base/plant.h"

void queue_push(struct queue *q, struct item *it)
{
	if (q->count == q->cap) {
		size_t cap = q->cap ? q->cap * 2 : 64;
		struct item **ring = mem_grow(NULL, cap, sizeof *ring);
		for (size_t i = 0; i < q->count; i++)
			ring[i] = q->ring[(q->head + i) % q->cap];
		free(q->ring);
		q->ring = ring;
		q->head = 0;
		q->cap = cap;
	}
	q->ring[(q->head + q->count++) % q->cap] = it;
}

struct item *queue_pop(struct queue *q)
{
	if (!q->count)
		return NULL;
	struct item *it = q->ring[q->head];
	q->head = (q->head + 1) % q->cap;
	q->count--;
	return it;
}

void core_plan(struct core *c, struct item *it)
{
	c->survey->good = false;
	if (it->planned)
		return;
	it->planned = true;
	queue_push(&c->plans, it);
}

void core_retry(struct core *c, struct item *it, uint64_t after_ms)
{
	it->retry_ms = c->now_ms + after_ms;
	if (it->retry_ms < c->retry_ms)
		c->retry_ms = it->retry_ms;
}

void core_try_now(struct core *c)
{
	for (size_t i = 0; i < c->ledger.count; i++)
		if (c->ledger.all[i]->failures && c->ledger.all[i]->retry_ms)
			core_retry(c, c->ledger.all[i], 0);
}

static void retry_due(struct core *c)
{
	if (c->retry_ms > c->now_ms)
		return;
	c->retry_ms = UINT64_MAX;
	for (size_t i = 0; i < c->ledger.count; i++) {
		struct item *it = c->ledger.all[i];
		uint64_t asked = it->rare->keyframe_due_ms;
		uint64_t due = it->retry_ms && (!asked || it->retry_ms < asked) ? it->retry_ms : asked;
		if (!due)
			continue;
		if (due <= c->now_ms) {
			if (it->retry_ms && it->retry_ms <= c->now_ms)
				it->retry_ms = 0;
			core_plan(c, it);
		} else if (due < c->retry_ms) {
			c->retry_ms = due;
		}
	}
}

bool core_may_work(const struct core *c, const struct item *it)
{
	return !c->state.paused && !it->unwanted && it->category->active && !it->category->paused &&
	       it->category->root_ok;
}

void core_set_local(struct core *c, struct item *it, const struct id *version, uint64_t size)
{
	(void)c;
	struct category *category = it->category;
	if (!id_zero(&it->row.local)) {
		category->items--;
		category->bytes -=
			it->row.local_stat.size < category->bytes ? it->row.local_stat.size : category->bytes;
	}
	if (!id_zero(version)) {
		category->items++;
		category->bytes += size;
	}
	if (!id_equal(version, &it->row.merged)) /* the file went another way */
		it->row.merged = it->row.merged_on = (struct id){ { 0 } };
	it->row.local = *version;
	it->row.local_stat.size = size;
	category->last_change_ms = c->wall_ms;
}

bool core_hub_now(const struct core *c, int64_t *wall_ms)
{
	int64_t offset = 0;
	bool known = link_clock_offset(&c->link, &offset);
	*wall_ms = c->wall_ms + offset;
	return known;
}

static uint64_t hybrid(int64_t wall_ms)
{
	return wall_ms > WIRE_EPOCH_MS ? (uint64_t)(wall_ms - WIRE_EPOCH_MS) << 12 : 0;
}

bool core_time_sure(uint64_t edited)
{
	return edited & 1; /* see core_tick */
}

/* The lowest bit says whether the hub's clock was known. A clock that once ran far ahead is set back when it is. */
uint64_t core_tick(struct core *c)
{
	int64_t wall_ms;
	bool sure = core_hub_now(c, &wall_ms);
	uint64_t now = hybrid(wall_ms);
	if (sure && c->state.clock > now + ((uint64_t)CLOCK_AHEAD_MS << 12))
		c->state.clock = now;
	c->state.clock = now > c->state.clock ? now : c->state.clock + 1;
	c->state.clock += (c->state.clock & 1) != sure;
	c->state_dirty = true;
	return c->state.clock;
}

void core_date(struct core *c, struct item *it)
{
	int64_t offset;
	if (core_time_sure(it->row.local_edited) || !it->captured_ms || it->captured_ms < c->even_since_ms ||
	    !link_clock_offset(&c->link, &offset))
		return;
	it->row.local_edited = hybrid(it->row.local_at_ms + offset) | 1;
	ledger_touch(&c->ledger, it);
}

void core_hear_time(struct core *c, uint64_t edited)
{
	uint64_t day = 86400000ull << 12;
	uint64_t now = c->wall_ms > WIRE_EPOCH_MS ? (uint64_t)(c->wall_ms - WIRE_EPOCH_MS) << 12 : 0;
	if (edited >= now + day)
		MARK("core.wild_clock_not_followed");
	if (edited > c->state.clock && edited < now + day) { /* a peer's wild clock does not drag ours along */
		c->state.clock = edited;
		c->state_dirty = true;
	}
}

void core_notice_name(struct core *c, enum notice_level level, const char *from, const char *category, const char *path,
		      const char *text)
{
	char *item = mem_printf("%s/%s", category, path);
	c->world.notice(c->world.ctx, level, from, item, PLANTED("core.names_files_in_its_log") ? item : text);
	free(item);
}

void core_notice(struct core *c, enum notice_level level, const char *from, const struct item *it, const char *format,
		 ...)
{
	char text[768];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (it)
		core_notice_name(c, level, from, it->row.category, it->path, text);
	else
		c->world.notice(c->world.ctx, level, from, NULL, text);
}

void core_history(struct core *c, const struct item *it, const struct id *version, const struct id *device,
		  uint64_t seq, enum history_how how, enum change_kind kind, uint64_t size, uint8_t meta, int64_t at_ms)
{
	struct history_row row = {
		.item = it->row.item, .version = *version, .device = *device, .at_ms = at_ms, .seq = seq,
		.size = size, .kind = (uint8_t)kind, .how = (uint8_t)how, .meta = meta,
	};
	c->world.add_history(c->world.ctx, &row);
}

struct id core_version_of(const struct core *c, uint8_t meta, struct span content)
{
	struct span parts[] = { span_of(&meta, 1), content };
	return hash_id(c->version_key, "version", parts, 2);
}

struct hash_run *core_version_start(const struct core *c, uint8_t meta, uint64_t len)
{
	struct hash_run *r = hash_run_start(c->version_key, "version");
	hash_run_part(r, 1);
	hash_run_bytes(r, span_of(&meta, 1));
	hash_run_part(r, len);
	return r;
}

static void hello(void *ctx, struct link_hello *out)
{
	const struct core *c = ctx;
	*out = (struct link_hello){ c->state.epoch, c->state.cursor, c->state.chain };
}

enum got core_read_version(const struct core *c, const struct id *version, struct blob *content, uint8_t *meta)
{
	if (c->world.version_read)
		return c->world.version_read(c->world.ctx, version, content, meta);
	return c->world.version_get(c->world.ctx, version, content, meta) ? GOT_ALL : GOT_NOTHING;
}

bool core_part(const struct core *c, uint64_t *last_ms)
{
	if (*last_ms == c->now_ms)
		return false;
	*last_ms = c->now_ms;
	return true;
}

void core_new_epoch(struct core *c)
{
	if (c->state.epoch && PLANTED("core.keeps_its_epoch_after_a_restore"))
		return;
	c->world.entropy(c->world.ctx, &c->state.epoch, sizeof c->state.epoch);
	if (!c->state.epoch)
		c->state.epoch = 1;
	c->state.counter = 0;
	c->state_dirty = true;
}

struct core *core_create(const struct world *w, const struct core_setup *s)
{
	struct core *c = mem_alloc(sizeof *c);
	c->world = *w;
	c->setup = *s;
	c->device_name = mem_text(s->device_name ? s->device_name : "");
	c->setup.device_name = c->device_name;
	c->setup.categories = NULL;
	c->setup.part_bytes = s->part_bytes ? s->part_bytes : LIMIT_PART_BYTES;
	c->state = s->state;
	c->retry_ms = UINT64_MAX;
	c->cursor_due_ms = UINT64_MAX;
	c->held_ms = UINT64_MAX;
	rng_seed(&c->rng, s->seed);
	hash_key(c->version_key, s->account_key, "syncline version", NULL, 0);
	ledger_init(&c->ledger, s->account_key);
	sealer_init(&c->sealer, s->account_key, s->key_number);
	c->packer = packer_create();
	c->survey = mem_alloc(sizeof *c->survey);
	struct link_setup setup = {
		.device = s->device,
		.joined = s->joined,
		.hub = s->hub,
		.seed = s->seed,
		.hello = hello,
		.hello_ctx = c,
	};
	memcpy(setup.sign_secret, s->sign_secret, sizeof setup.sign_secret);
	link_init(&c->link, &c->world, &setup);
	category_configure(&c->categories, s->categories, s->category_count);
	if (!c->state.epoch)
		core_new_epoch(c);
	c->cursor_sent = c->state.cursor;
	return c;
}

void core_destroy(struct core *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->flight_count; i++) {
		blob_finish(&c->flights[i]->row.record);
		free(c->flights[i]);
	}
	free(c->flights);
	moves_finish(c);
	free(c->held);
	free(c->survey->moving);
	free(c->survey->asked);
	free(c->survey->left_out);
	free(c->survey);
	free(c->plans.ring);
	apply_finish(c);
	for (int i = 0; i < 4; i++)
		free(c->sends[i].ring);
	free(c->peers);
	free(c->writers);
	free(c->stopped);
	free(c->device_name);
	packing_finish(c);
	c->world.version_stage = NULL; /* that store may be gone already */
	receive_drop(c);
	link_finish(&c->link);
	sealer_finish(&c->sealer);
	packer_destroy(c->packer);
	reading_finish(c);
	debounce_finish(&c->debounce);
	ledger_finish(&c->ledger);
	category_finish(&c->categories);
	free(c);
}

void core_load_item(struct core *c, const struct item_row *row)
{
	struct category *category = category_make(&c->categories, row->category);
	struct item *it = ledger_find(&c->ledger, &row->item);
	if (!it && row->side) {
		struct item *main = ledger_find(&c->ledger, &row->main);
		if (!main)
			main = ledger_add(&c->ledger, category, row->path, &row->main);
		it = ledger_add_side(&c->ledger, main, &row->device, id_equal(&row->device, &c->setup.device));
	} else if (!it) {
		it = ledger_add(&c->ledger, category, row->path, &row->item);
	}
	it->row = *row;
	it->row.category = category->name;
	it->row.path = it->path;
	it->how = HOW_EDIT;
	it->read_ms = row->local_at_ms;
	if (dictionary_is(it))
		dictionary_found(c, it);
	if (!row->side && !id_equal(&row->head_version, &row->agreed))
		ledger_passed(it, &row->head_version);
	if (!row->side && !id_zero(&row->local)) {
		category->items++;
		category->bytes += row->local_stat.size;
		if (row->local_at_ms > category->last_change_ms)
			category->last_change_ms = row->local_at_ms;
	}
	core_plan(c, it);
}

void core_load_outbox(struct core *c, const struct outbox_row *row)
{
	struct item *it = ledger_find(&c->ledger, &row->item);
	struct flight *f = mem_alloc(sizeof *f);
	f->row = *row;
	if (PLANTED("core.boots_without_its_outbox")) {
		blob_finish(&f->row.record);
		free(f);
		return;
	}
	MEM_ROOM(c->flights, c->flight_count, c->flight_cap);
	c->flights[c->flight_count++] = f;
	*send_sum(c, f) += row->record.len;
	if (it)
		it->in_flight = row->counter;
}

void core_load_peer(struct core *c, const struct peer_row *row)
{
	MEM_ROOM(c->peers, c->peer_count, c->peer_cap);
	c->peers[c->peer_count++] = (struct peer){ .row = *row };
}

void core_load_category(struct core *c, const struct category_row *row)
{
	struct category *category = category_find(&c->categories, row->category);
	if (!category)
		return; /* no longer configured, and nothing of it is known */
	category->paused = row->paused;
	category->cut_since_ms = row->cut_since_ms;
	category->cut_until_ms = row->cut_until_ms;
	category_hold(category, row->held);
	category->save = false;
}

void core_set_categories(struct core *c, const struct category_setup *categories, size_t count)
{
	bool *before = mem_alloc(c->categories.count + 1);
	size_t known = c->categories.count;
	for (size_t i = 0; i < known; i++)
		before[i] = c->categories.all[i]->active;
	category_configure(&c->categories, categories, count);
	for (size_t i = 0; i < c->categories.count; i++) {
		struct category *category = c->categories.all[i];
		bool was = i < known && before[i];
		if (!category->active)
			continue;
		capture_scan(c, category, "");
		for (size_t k = 0; k < c->ledger.count; k++) {
			struct item *it = c->ledger.all[k];
			if (it->category != category || (was && !it->unwanted))
				continue;
			it->unwanted = false;
			core_plan(c, it);
		}
	}
	free(before);
}

/* What was recorded last in a category is the last sign of life that it gave before the power went. */
static void doubt_files(struct category *of, int64_t last_ms)
{
	int64_t since_ms = last_ms - CHANGE_UNWRITTEN_MS;
	if (!of->cut_until_ms || since_ms < of->cut_since_ms)
		of->cut_since_ms = since_ms;
	of->cut_until_ms = last_ms;
	of->save = true;
}

static void boot(struct core *c, const struct event *e)
{
	c->booted = true;
	for (size_t i = 0; i < c->ledger.count; i++) {
		struct category *of = c->ledger.all[i]->category;
		int64_t since_ms = c->ledger.all[i]->row.local_at_ms - CHANGE_SUSPECT_MS;
		of->suspect_ms = since_ms > of->suspect_ms ? since_ms : of->suspect_ms;
	}
	for (size_t i = 0; i < c->categories.count; i++) {
		struct category *of = c->categories.all[i];
		if (e->cut && of->suspect_ms > 0)
			doubt_files(of, of->suspect_ms + CHANGE_SUSPECT_MS);
		of->suspect = e->unclean || of->cut_until_ms;
		if (of->cut_until_ms) /* a write may be there whose time is not: all of it is read once more */
			of->suspect_ms = INT64_MIN;
		if (of->active)
			capture_scan(c, of, "");
	}
}

static void save_categories(struct core *c)
{
	for (size_t i = 0; c->world.save_category && i < c->categories.count; i++) {
		struct category *of = c->categories.all[i];
		const struct category_row row = { of->name, of->paused, of->held, of->cut_since_ms, of->cut_until_ms };
		if (of->save && c->world.save_category(c->world.ctx, &row))
			of->save = false;
	}
}

static void save_state(struct core *c)
{
	save_categories(c);
	for (size_t i = 0; c->state_dirty && i < c->peer_count; i++)
		if (c->peers[i].save && c->world.save_peer(c->world.ctx, &c->peers[i].row))
			c->peers[i].save = false;
	if (c->state_dirty && c->world.save_state(c->world.ctx, &c->state))
		c->state_dirty = false;
}

void core_new_root(struct core *c, const char *name)
{
	static const struct id none;
	struct category *category = category_find(&c->categories, name);
	bool told = false; /* an answer about a file of the old root would be taken for one about the new */
	for (size_t i = 0; i < c->ledger.count; i++) {
		struct item *it = c->ledger.all[i];
		if (it->row.side || strcmp(it->row.category, name) != 0)
			continue;
		told = told || it->in_flight;
		core_set_local(c, it, &none, 0);
		it->row.local_stat = (struct file_stat){ 0 };
		it->row.agreed = it->row.want = it->row.settles = none;
		it->row.hold = HOLD_NONE;
		ledger_forget_origin(it);
		if (it->rare->moved_to)
			ledger_rare(it)->moved_to = NULL;
		it->told = it->lost = it->placed = false;
		it->read_ms = 0;
		ledger_verify(it, &none);
		it->verified = false;
		it->row.agreed = it->row.merged = it->row.merged_on = none;
		ledger_touch(&c->ledger, it);
		core_plan(c, it);
	}
	if (category)
		category_hold(category, false);
	if (told) {
		core_new_epoch(c);
		send_forget_all(c);
		link_renew(&c->link, "taking a new epoch");
		receive_down(c);
	}
	ledger_save(&c->ledger, &c->world);
	save_state(c);
}

static void dispatch(struct core *c, const struct event *e)
{
	switch (e->type) {
	case EVENT_BOOT:
		boot(c, e);
		break;
	case EVENT_HINT:
		capture_hint(c, e);
		break;
	case EVENT_SEEN:
		capture_seen(c, e);
		break;
	case EVENT_SCANNED:
		capture_scanned(c, e);
		break;
	case EVENT_RESCAN:
		capture_rescan(c, e);
		break;
	case EVENT_ROOT:
		capture_root(c, e);
		break;
	default:
		break;
	}
}

static void hub_broke(struct core *c)
{
	core_notice(c, NOTICE_ERROR, "link", NULL, "the hub sent something that is not its protocol: connecting anew");
	link_drop(&c->link, "the hub broke the protocol");
	receive_down(c);
}

static void lead_link(struct core *c, const struct event *e)
{
	struct message message;
	if (receive_busy(c) && !receive_run(c))
		hub_broke(c);
	switch (link_step(&c->link, e, &message)) {
	case LINK_NEWS_UP:
		receive_auth(c, &message);
		message_finish(&message);
		break;
	case LINK_NEWS_DOWN:
		receive_down(c);
		break;
	case LINK_NEWS_CONTROL:
		receive_message(c, &message);
		message_finish(&message);
		break;
	case LINK_NEWS_RECORDS:
		if (!receive_frame(c, e->bytes))
			hub_broke(c);
		break;
	case LINK_NEWS_NONE:
		break;
	}
}

void core_finish(struct core *c)
{
	c->survey->good = false;
	if (!c->booted)
		return;
	retry_due(c);
	capture_run(c);
	guard_doubts(c);
	holding_run(c);
	apply_run(c);
	send_pump(c);
	receive_cursor(c);
	link_flush(&c->link);
	ledger_save(&c->ledger, &c->world);
	save_state(c);
	c->hurry = false;
}

void core_clock(struct core *c, uint64_t now_ms, int64_t wall_ms)
{
	int64_t base = wall_ms - (int64_t)now_ms;
	int64_t jump = base - c->clock_base_ms;
	c->now_ms = now_ms;
	c->wall_ms = wall_ms;
	c->survey->good = false;
	if (jump > CLOCK_JUMP_MS || jump < -CLOCK_JUMP_MS) {
		c->clock_base_ms = base;
		c->even_since_ms = now_ms;
	}
}

void core_step(struct core *c, const struct event *e)
{
	core_clock(c, e->now_ms, e->wall_ms);
	dispatch(c, e);
	lead_link(c, e);
	core_finish(c);
}

/* Turns before that would do nothing, see core_part. */
static uint64_t part_due(const struct core *c, uint64_t last_ms)
{
	return last_ms == c->now_ms ? c->now_ms + 1 : 0;
}

uint64_t core_deadline(const struct core *c)
{
	uint64_t due = link_deadline(&c->link);
	const struct watched *w = debounce_first(&c->debounce);
	bool gated = c->stopped || (c->up && !c->caught_up);
	if (!c->booted)
		return UINT64_MAX;
	if (w && w->due_ms < due) {
		due = w->due_ms;
		if (due <= c->now_ms && c->looks >= LIMIT_TURN_LOOKS)
			due = part_due(c, c->looked_ms);
	}
	if (c->retry_ms < due)
		due = c->retry_ms;
	if (c->held_ms < due)
		due = c->held_ms;
	if (c->cursor_due_ms < due)
		due = c->cursor_due_ms;
	for (size_t i = 0; i < c->flight_count && c->up && !gated; i++) /* else nothing could be done when it comes */
		if (c->flights[i]->retry_ms && c->flights[i]->retry_ms < due)
			due = c->flights[i]->retry_ms;
	if (c->up && !gated && packing_due(c) && part_due(c, c->packing.part_ms) < due)
		due = part_due(c, c->packing.part_ms);
	if (c->up && !gated && c->unsaved && part_due(c, c->saved_ms) < due)
		due = part_due(c, c->saved_ms);
	if (!gated && apply_due(c) && part_due(c, c->application.part_ms) < due)
		due = part_due(c, c->application.part_ms);
	if ((c->plans.count && !gated) || receive_busy(c))
		due = 0;
	return due;
}

uint64_t core_digest(const struct core *c)
{
	uint64_t sum =
		map_digest(&c->state.epoch, sizeof c->state.epoch) ^ c->state.counter * 31 ^ c->state.cursor * 1000003;
	for (size_t i = 0; i < c->ledger.count; i++) {
		const struct item_row *row = &c->ledger.all[i]->row;
		struct id all[] = { row->item, row->head_version, row->local, row->agreed };
		sum += map_digest(all, sizeof all) * 31 + row->head_seq;
	}
	return sum + c->debounce.count + (c->flight_count << 20);
}

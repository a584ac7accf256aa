/* What goes out, and in which order: a core, some files, and a hub that is silent unless it is told to confirm. */
#include <criterion/criterion.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "engine/core/core.h"
#include "engine/core/optimize/packer.h"
#include "wire/message.h"

#define FILES    8
#define VERSIONS 64
#define PART     1000

struct file {
	char path[32];
	struct blob content;
	int64_t mtime;
};

struct bench {
	struct world world;
	struct core *core;
	struct id hub, chain;
	struct file files[FILES];
	size_t file_count;
	struct id versions[VERSIONS];
	struct blob contents[VERSIONS];
	size_t version_count, read_bytes, most_read; /* in one step */
	uint64_t now_ms, seq;
	size_t part;
	bool lost; /* the store has lost all, until it is given something again */
	struct {
		uint64_t counter;
		struct id item, version;
	} sent[64];                                  /* in the order in which they were complete */
	size_t sent_count, outbox, stages, staged, most_staged; /* staged: of the record that is saved next */
	const char *scanning;
};

static struct file *find(struct bench *b, const char *path)
{
	for (size_t i = 0; i < b->file_count; i++)
		if (!strcmp(b->files[i].path, path))
			return &b->files[i];
	return NULL;
}

static enum look look(void *ctx, const struct file_ref *f, struct file_stat *stat)
{
	struct file *file = find(ctx, f->path);
	if (!file)
		return LOOK_ABSENT;
	*stat = (struct file_stat){ .size = file->content.len, .mtime_ns = file->mtime, .ctime_ns = file->mtime, .inode = 1 };
	return LOOK_FILE;
}

static enum look take(void *ctx, const struct file_ref *f, struct file_stat *stat, struct blob *content)
{
	enum look found = look(ctx, f, stat);
	if (found == LOOK_FILE) {
		struct file *file = find(ctx, f->path);
		*content = blob_copy(file->content.data, file->content.len);
	}
	return found;
}

static enum place_result place(void *ctx, const struct place *p, struct file_stat *after)
{
	(void)ctx, (void)p, (void)after;
	return PLACE_ERROR;
}

static bool version_has(void *ctx, const struct id *version)
{
	const struct bench *b = ctx;
	for (size_t i = 0; i < b->version_count; i++)
		if (id_equal(&b->versions[i], version))
			return !b->lost;
	return false;
}

static struct blob *content_of(struct bench *b, const struct id *version)
{
	for (size_t i = 0; i < b->version_count; i++)
		if (id_equal(&b->versions[i], version))
			return &b->contents[i];
	return NULL;
}

static bool version_put(void *ctx, const struct id *version, uint8_t meta, struct span content)
{
	struct bench *b = ctx;
	(void)meta;
	if (version_has(ctx, version))
		return true;
	b->lost = false;
	if (content_of(b, version))
		return true;
	cr_assert(b->version_count < VERSIONS);
	b->versions[b->version_count] = *version;
	b->contents[b->version_count++] = blob_copy(content.data, content.len);
	return true;
}

static bool version_get(void *ctx, const struct id *version, struct blob *content, uint8_t *meta)
{
	struct bench *b = ctx;
	struct blob *whole = content_of(b, version);
	if (!whole || b->lost)
		return false;
	*content = blob_copy(whole->data, whole->len);
	*meta = 0;
	return true;
}

static enum got version_read(void *ctx, const struct id *version, struct blob *content, uint8_t *meta)
{
	struct bench *b = ctx;
	struct blob *whole = content_of(b, version);
	if (!whole || b->lost) {
		blob_finish(content);
		return GOT_NOTHING;
	}
	size_t part = whole->len - content->len < PART ? whole->len - content->len : PART;
	content->data = mem_grow(content->data, content->len + part + 1, 1);
	memcpy(content->data + content->len, whole->data + content->len, part);
	content->len += part;
	b->read_bytes += part;
	*meta = 0;
	return content->len == whole->len ? GOT_ALL : GOT_MORE;
}

static void send_frame(void *ctx, bool text, struct span frame)
{
	struct reader r = reader_of(frame);
	struct record record;
	struct bench *b = ctx;
	while (!text && wire_next(&r, &record) > 0)
		if (record.type == RECORD_CHANGE) {
			cr_assert(b->sent_count < 64);
			b->sent[b->sent_count].counter = record.change.counter;
			b->sent[b->sent_count].item = record.change.item;
			b->sent[b->sent_count++].version = record.change.version;
		}
}

static void scan(void *ctx, const char *category, const char *under)
{
	(void)under;
	((struct bench *)ctx)->scanning = category;
}

/* clang-format off */
static bool save_item(void *ctx, const struct item_row *row) { (void)ctx, (void)row; return true; }
static void outbox_stage(void *ctx, struct span so_far)
{
	struct bench *b = ctx;
	size_t more = so_far.len - b->staged;
	b->stages += so_far.len > 0;
	b->most_staged = so_far.len && more > b->most_staged ? more : b->most_staged;
	b->staged = so_far.len;
}
static bool save_outbox(void *ctx, const struct outbox_row *row)
{
	struct bench *b = ctx;
	if (row->record.len > b->part) {
		cr_assert_leq(row->record.len - b->staged, b->part);
		b->staged = 0;
	}
	b->outbox++;
	return true;
}
static bool drop_outbox(void *ctx, uint64_t counter) { (void)counter; ((struct bench *)ctx)->outbox--; return true; }
static bool drop_item(void *ctx, const struct id *item) { (void)ctx, (void)item; return true; }
static bool save_state(void *ctx, const struct state_row *row) { ((struct bench *)ctx)->chain = row->chain; return true; }
static bool save_peer(void *ctx, const struct peer_row *row) { (void)ctx, (void)row; return true; }
static bool add_history(void *ctx, const struct history_row *row) { (void)ctx, (void)row; return true; }
static bool save_settlement(void *ctx, const struct settlement_row *row) { (void)ctx, (void)row; return true; }
static bool came_back(void *ctx, const struct id *i, const struct id *v, const struct id *a) { (void)ctx, (void)i, (void)v, (void)a; return false; }
static void dial(void *ctx) { (void)ctx; }
static void hang_up(void *ctx) { (void)ctx; }
static size_t backlog(void *ctx) { (void)ctx; return 0; }
static void notice(void *ctx, enum notice_level level, const char *from, const char *item, const char *text)
{
	(void)ctx, (void)level, (void)from, (void)item, (void)text;
}
static void entropy(void *ctx, void *out, size_t len) { (void)ctx; memset(out, 0x5a, len); }
/* clang-format on */

static void step(struct bench *b, struct event e)
{
	e.now_ms = b->now_ms;
	e.wall_ms = WIRE_EPOCH_MS + 1000000 + (int64_t)b->now_ms;
	b->read_bytes = 0;
	core_step(b->core, &e);
	if (b->read_bytes > b->most_read)
		b->most_read = b->read_bytes;
}

static void tick(struct bench *b, uint64_t ms)
{
	b->now_ms += ms;
	step(b, (struct event){ .type = EVENT_TICK });
	if (b->scanning)
		step(b, (struct event){ .type = EVENT_SCANNED, .category = b->scanning, .path = "", .complete = true });
	b->scanning = NULL;
}

/* As a loop does: as long as the core has something to do at once. */
static size_t work(struct bench *b)
{
	size_t turns = 0;
	while (core_deadline(b->core) <= b->now_ms + 1) {
		cr_assert(turns++ < 20000, "it spins");
		tick(b, 1);
	}
	return turns;
}

static void say(struct bench *b, struct message *m)
{
	struct blob text = message_put(m);
	step(b, (struct event){ .type = EVENT_TEXT, .bytes = span_blob(&text) });
	blob_finish(&text);
}

static void hear(struct bench *b, const struct record *r)
{
	struct buf frame = { 0 };
	wire_put(&frame, r);
	step(b, (struct event){ .type = EVENT_BINARY, .bytes = buf_view(&frame) });
	buf_finish(&frame);
}

static void greet(struct bench *b)
{
	step(b, (struct event){ .type = EVENT_RETRY_NOW });
	step(b, (struct event){ .type = EVENT_LINK_OPEN });
	say(b, &(struct message){ .type = MESSAGE_AUTH_CHALLENGE, .protocol = WIRE_PROTOCOL, .hub = b->hub });
	say(b, &(struct message){ .type = MESSAGE_AUTH_RESPONSE, .ok = true, .account = "test", .connection = 1, .head = b->seq, .chain = b->chain });
}

static void write_file(struct bench *b, const char *path, size_t len, unsigned seed)
{
	struct file *f = find(b, path);
	if (!f)
		f = &b->files[b->file_count++];
	snprintf(f->path, sizeof f->path, "%s", path);
	blob_finish(&f->content);
	f->content = (struct blob){ mem_alloc(len + 1), len };
	for (size_t i = 0; i < len; i++) /* nothing that could be made much smaller */
		f->content.data[i] = (uint8_t)((seed = seed * 1103515245u + 12345u) >> 16);
	f->mtime += 1000000000 + (int64_t)b->now_ms * 1000000;
	step(b, (struct event){ .type = EVENT_HINT, .category = "notes", .path = path, .hint = HINT_WRITTEN });
}

static void start_with(struct bench *b, size_t part)
{
	static const struct category_setup notes = { .name = "notes", .debounce_ms = 10, .max_wait_ms = 100, .strategy = STRATEGY_ASK };
	struct core_setup setup = { .device_name = "me", .categories = &notes, .category_count = 1, .joined = true, .part_bytes = part };
	uint8_t public[crypto_sign_PUBLICKEYBYTES];
	*b = (struct bench){ .now_ms = 1000, .hub = { { 9 } }, .part = part };
	b->world = (struct world){
		.ctx = b, .look = look, .take = take, .place = place, .version_put = version_put, .version_get = version_get,
		.version_has = version_has, .version_read = version_read, .save_item = save_item, .drop_item = drop_item,
		.save_outbox = save_outbox, .outbox_stage = outbox_stage, .drop_outbox = drop_outbox, .save_state = save_state, .save_peer = save_peer,
		.add_history = add_history, .save_settlement = save_settlement, .came_back = came_back, .dial = dial,
		.hang_up = hang_up, .send = send_frame, .backlog = backlog, .scan = scan, .notice = notice, .entropy = entropy,
	};
	crypto_sign_keypair(public, setup.sign_secret);
	setup.device = (struct id){ { 1 } };
	setup.hub = b->hub;
	memset(setup.account_key, 3, sizeof setup.account_key);
	setup.key_number = 1;
	b->core = core_create(&b->world, &setup);
	step(b, (struct event){ .type = EVENT_BOOT });
	step(b, (struct event){ .type = EVENT_ROOT, .category = "notes", .ok = true });
	for (int i = 0; i < 40; i++)
		tick(b, 100);
	greet(b);
}

static void start(struct bench *b)
{
	start_with(b, PART);
}

static void finish(struct bench *b)
{
	core_destroy(b->core);
	for (size_t i = 0; i < b->version_count; i++)
		blob_finish(&b->contents[i]);
	for (size_t i = 0; i < b->file_count; i++)
		blob_finish(&b->files[i].content);
}

static struct id item_of(struct bench *b, const char *path)
{
	const struct item_row *row = core_find_item(b->core, "notes", path);
	cr_assert(row, "%s is known", path);
	return row->item;
}

/* How many changes of that file went out. */
static size_t sent(struct bench *b, const char *path)
{
	struct id item = item_of(b, path);
	size_t count = 0;
	for (size_t i = 0; i < b->sent_count; i++)
		count += id_equal(&b->sent[i].item, &item);
	return count;
}

static void confirm(struct bench *b, size_t at)
{
	hear(b, &(struct record){ .type = RECORD_CONFIRM, .seq = ++b->seq, .counter = b->sent[at].counter });
}

Test(send, a_large_change_in_flight_holds_nothing_small_back)
{
	struct bench b;
	start_with(&b, 200000);
	write_file(&b, "large", LIMIT_IN_FLIGHT_BYTES + 100000, 1);
	work(&b);
	cr_assert_eq(sent(&b, "large"), 1);
	write_file(&b, "small", 50, 2);
	work(&b);
	cr_assert_eq(sent(&b, "small"), 1, "it does not wait for the hub's answer to the large one");
	write_file(&b, "second", LIMIT_IN_FLIGHT_BYTES + 100000, 3);
	cr_assert_lt(work(&b), 20, "the second large one waits, and nothing spins");
	cr_assert_eq(sent(&b, "second"), 0);
	confirm(&b, 0);
	work(&b);
	cr_assert_eq(sent(&b, "second"), 1);
	finish(&b);
}

Test(send, a_large_content_is_packed_part_by_part)
{
	struct bench b;
	start(&b);
	write_file(&b, "large", 100 * PART, 1);
	cr_assert_geq(work(&b), 200, "read, and packed, in parts");
	cr_assert_leq(b.most_read, PART);
	cr_assert_eq(sent(&b, "large"), 1);
	finish(&b);
}

Test(send, a_large_record_is_saved_part_by_part_before_it_goes)
{
	struct bench b;
	start(&b);
	write_file(&b, "large", 100 * PART, 1);
	while (!b.stages)
		tick(&b, 1);
	cr_assert_eq(b.outbox, 0);
	write_file(&b, "small", 50, 2);
	tick(&b, 1);
	cr_assert_eq(sent(&b, "small"), 1, "it passes");
	cr_assert_eq(b.outbox, 1);
	cr_assert_eq(sent(&b, "large"), 0, "nothing goes before it is safe");
	step(&b, (struct event){ .type = EVENT_LINK_CLOSED, .text = "cut" });
	greet(&b);
	work(&b);
	cr_assert_eq(sent(&b, "large"), 1);
	cr_assert_eq(b.outbox, 2);
	cr_assert_geq(b.stages, 100);
	cr_assert_leq(b.most_staged, PART);
	confirm(&b, 0);
	finish(&b);
}

Test(send, small_changes_pass_while_a_large_one_is_packed)
{
	struct bench b;
	start(&b);
	write_file(&b, "large", 100 * PART, 1);
	for (int i = 0; i < 50; i++)
		tick(&b, 1);
	write_file(&b, "small", 50, 2);
	tick(&b, 1);
	cr_assert_eq(sent(&b, "small"), 1);
	cr_assert_eq(sent(&b, "large"), 0);
	work(&b);
	cr_assert_eq(sent(&b, "large"), 1);
	cr_assert_eq(b.outbox, 2);
	finish(&b);
}

Test(send, what_changes_while_it_is_packed_goes_as_it_is_then)
{
	struct bench b;
	start(&b);
	write_file(&b, "large", 100 * PART, 1);
	for (int i = 0; i < 150; i++)
		tick(&b, 1);
	cr_assert_eq(b.sent_count, 0);
	b.now_ms += 2000; /* after the window */
	write_file(&b, "large", 90 * PART, 2);
	work(&b);
	b.now_ms += 2000;
	work(&b);
	cr_assert_eq(sent(&b, "large"), 1, "once");
	const struct item_row *row = core_find_item(b.core, "notes", "large");
	cr_assert(id_equal(&b.sent[0].version, &row->local));
	confirm(&b, 0);
	write_file(&b, "large", 40, 3); /* and then a small one, in the middle of the next */
	work(&b);
	cr_assert_eq(sent(&b, "large"), 2);
	finish(&b);
}

Test(send, a_lost_link_drops_what_is_packed_and_the_next_one_packs_it_again)
{
	struct bench b;
	start(&b);
	write_file(&b, "large", 100 * PART, 1);
	write_file(&b, "other", 100 * PART, 2);
	for (int i = 0; i < 50; i++)
		tick(&b, 1);
	step(&b, (struct event){ .type = EVENT_LINK_CLOSED, .text = "cut" });
	cr_assert_gt(core_deadline(b.core), b.now_ms + 1, "nothing is packed while nobody could take it");
	greet(&b);
	work(&b);
	cr_assert_eq(sent(&b, "large"), 1);
	cr_assert_eq(sent(&b, "other"), 1);
	finish(&b);
}

Test(send, two_large_files_of_the_same_content_both_go)
{
	struct bench b;
	start(&b);
	write_file(&b, "one", 100 * PART, 1);
	write_file(&b, "two", 100 * PART, 1);
	work(&b);
	confirm(&b, 0);
	work(&b);
	cr_assert_eq(sent(&b, "one"), 1);
	cr_assert_eq(sent(&b, "two"), 1);
	finish(&b);
}

Test(send, a_paused_category_packs_nothing)
{
	struct bench b;
	struct err e;
	start(&b);
	write_file(&b, "large", 100 * PART, 1);
	for (int i = 0; i < 50; i++)
		tick(&b, 1);
	cr_assert(core_pause(b.core, "notes", true, &e));
	work(&b);
	cr_assert_eq(b.sent_count, 0);
	cr_assert(core_pause(b.core, "notes", false, &e));
	work(&b);
	cr_assert_eq(sent(&b, "large"), 1);
	finish(&b);
}

Test(send, what_the_store_loses_while_it_is_packed_is_read_from_its_file_again)
{
	struct bench b;
	start(&b);
	write_file(&b, "large", 100 * PART, 1);
	for (int i = 0; i < 50; i++)
		tick(&b, 1);
	b.lost = true;
	work(&b);
	cr_assert_not(b.lost);
	cr_assert_eq(sent(&b, "large"), 1);
	finish(&b);
}

Test(send, two_large_files_one_after_the_other_and_a_delta_of_one)
{
	struct bench b;
	start(&b);
	write_file(&b, "one", 50 * PART, 1);
	write_file(&b, "two", 50 * PART, 2);
	work(&b);
	cr_assert_eq(b.sent_count, 2);
	confirm(&b, 0);
	confirm(&b, 1);
	b.now_ms += 5000;
	struct file *f = find(&b, "one");
	f->content.data[25 * PART] ^= 1;
	f->mtime += 10000000000;
	step(&b, (struct event){ .type = EVENT_HINT, .category = "notes", .path = "one", .hint = HINT_WRITTEN });
	work(&b);
	cr_assert_eq(b.sent_count, 3);
	cr_assert_leq(b.most_read, PART);
	struct queue_view q[4];
	cr_assert_eq(core_view_queue(b.core, q, 4), 1);
	cr_assert_str_eq(q[0].delta, "text");
	cr_assert_lt(q[0].size_wire, 200);
	finish(&b);
}

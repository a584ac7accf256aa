/* A hub that holds no key cannot change a file: what it makes up, moves, or says twice is left out. A core, a scripted
 * hub, and one file. */
#include <criterion/criterion.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "engine/core/core.h"
#include "engine/core/optimize/body.h"
#include "engine/core/optimize/packer.h"
#include "engine/core/optimize/seal.h"
#include "wire/message.h"

#define VERSIONS 40
#define WRITER   1

struct bench {
	struct world world;
	struct core *core;
	struct sealer sealer;
	uint8_t version_key[KEY_LEN];
	struct id hub, other;
	struct id versions[VERSIONS];
	struct blob contents[VERSIONS];
	size_t version_count, peers;
	bool there, hung, sync_fails; /* the next placing comes far, and says that it failed */
	size_t room, tries;           /* more than that is not written, when it is not zero; how often it was tried */
	struct id file;      /* its version */
	uint64_t now_ms, seq;
	size_t wants;        /* asked for content */
	size_t sent[4];      /* how often each change went out, by counter */
	struct id chain;     /* as saved */
	uint64_t cursor;     /* likewise */
	size_t staged, stagings, shown; /* of a large content: bytes so far; how often; the most at once */
	size_t alerts;
	/* Large ones: so many bytes a part; whose parts were asked for since, '+' after each part and '!' at the end. */
	size_t part, placed_parts, drops;
	struct id placing;
	char log[1024];
	enum place_result answer; /* to the next third part, when it is not zero (PLACE_DONE) */
	const char *scanning;
};

static enum look look(void *ctx, const struct file_ref *f, struct file_stat *stat)
{
	struct bench *b = ctx;
	*stat = (struct file_stat){ .size = 1, .mtime_ns = 1, .inode = 1 };
	return b->there && !strcmp(f->path, "x") ? LOOK_FILE : LOOK_ABSENT;
}

static bool version_get(void *ctx, const struct id *version, struct blob *content, uint8_t *meta)
{
	struct bench *b = ctx;
	for (size_t i = 0; i < b->version_count; i++)
		if (id_equal(&b->versions[i], version)) {
			*content = blob_copy(b->contents[i].data, b->contents[i].len);
			*meta = 0;
			return true;
		}
	return false;
}

static enum look take(void *ctx, const struct file_ref *f, struct file_stat *stat, struct blob *content)
{
	uint8_t meta;
	enum look found = look(ctx, f, stat);
	if (found == LOOK_FILE)
		cr_assert(version_get(ctx, &((struct bench *)ctx)->file, content, &meta));
	return found;
}

static void note_place(struct bench *b, const struct place *p, char what)
{
	size_t len = strlen(b->log);
	snprintf(b->log + len, sizeof b->log - len, "%.1s%c", p->file.path, what);
}

/* A part of a large content. */
static enum place_result place_part(struct bench *b, const struct place *p)
{
	if (!b->part)
		return PLACE_DONE;
	if (p->content.len > b->part && !id_equal(&b->placing, &p->version)) {
		b->placing = p->version;
		b->placed_parts = 0;
	}
	if (b->answer && b->placed_parts == 2) {
		note_place(b, p, '?');
		enum place_result answer = b->answer;
		b->placing = (struct id){ { 0 } };
		b->answer = PLACE_DONE;
		return answer;
	}
	bool more = p->content.len > b->part && b->placed_parts * b->part < p->content.len;
	b->placed_parts += more;
	note_place(b, p, more ? '+' : '!');
	if (!more && p->content.len > b->part)
		b->placing = (struct id){ { 0 } };
	return more ? PLACE_MORE : PLACE_DONE;
}

static void place_drop(void *ctx)
{
	struct bench *b = ctx;
	b->placing = (struct id){ { 0 } };
	b->drops++;
}

static enum got version_read(void *ctx, const struct id *version, struct blob *content, uint8_t *meta)
{
	struct bench *b = ctx;
	struct blob whole;
	if (!version_get(ctx, version, &whole, meta))
		return GOT_NOTHING;
	size_t left = whole.len - content->len, some = b->part && left > b->part ? b->part : left;
	if (!content->data)
		content->data = mem_alloc(whole.len + 1);
	memcpy(content->data + content->len, whole.data + content->len, some);
	content->len += some;
	blob_finish(&whole);
	return some < left ? GOT_MORE : GOT_ALL;
}

static enum place_result place(void *ctx, const struct place *p, struct file_stat *after)
{
	struct bench *b = ctx;
	enum place_result part = place_part(b, p);
	if (part != PLACE_DONE)
		return part;
	b->tries++;
	if (b->room && p->content.len > b->room)
		return PLACE_FULL;
	if (strcmp(p->file.path, "x") != 0)
		return PLACE_DONE;
	b->there = !id_zero(&p->version);
	b->file = p->version;
	look(b, &p->file, after);
	enum place_result result = b->sync_fails ? PLACE_ERROR : PLACE_DONE;
	b->sync_fails = false;
	return result;
}

static bool version_put(void *ctx, const struct id *version, uint8_t meta, struct span content)
{
	struct bench *b = ctx;
	(void)meta;
	cr_assert(b->version_count < VERSIONS);
	b->versions[b->version_count] = *version;
	b->contents[b->version_count++] = blob_copy(content.data, content.len);
	return true;
}

static bool version_has(void *ctx, const struct id *version)
{
	const struct bench *b = ctx;
	for (size_t i = 0; i < b->version_count; i++)
		if (id_equal(&b->versions[i], version))
			return true;
	return false;
}

static bool save_peer(void *ctx, const struct peer_row *row)
{
	(void)row;
	((struct bench *)ctx)->peers++;
	return true;
}

static void scan(void *ctx, const char *category, const char *under)
{
	(void)under;
	((struct bench *)ctx)->scanning = category;
}

static void hang_up(void *ctx)
{
	((struct bench *)ctx)->hung = true;
}

/* clang-format off */
static bool save_item(void *ctx, const struct item_row *row) { (void)ctx, (void)row; return true; }
static bool save_outbox(void *ctx, const struct outbox_row *row) { (void)ctx, (void)row; return true; }
static bool drop_outbox(void *ctx, uint64_t counter) { (void)ctx, (void)counter; return true; }
static bool drop_item(void *ctx, const struct id *item) { (void)ctx, (void)item; return true; }
static bool save_state(void *ctx, const struct state_row *row)
{
	struct bench *b = ctx;
	b->chain = row->chain;
	b->cursor = row->cursor;
	return true;
}
static bool add_history(void *ctx, const struct history_row *row) { (void)ctx, (void)row; return true; }
static bool save_settlement(void *ctx, const struct settlement_row *row) { (void)ctx, (void)row; return true; }
static bool came_back(void *ctx, const struct id *i, const struct id *v, const struct id *a) { (void)ctx, (void)i, (void)v, (void)a; return false; }
static void dial(void *ctx) { (void)ctx; }
static void send_frame(void *ctx, bool text, struct span frame)
{
	struct reader r = reader_of(frame);
	struct record record;
	struct bench *b = ctx;
	while (!text && wire_next(&r, &record) > 0) {
		b->wants += record.type == RECORD_WANT;
		if (record.type == RECORD_CHANGE && record.change.counter < 4)
			b->sent[record.change.counter]++;
	}
}
static size_t backlog(void *ctx) { (void)ctx; return 0; }
static void notice(void *ctx, enum notice_level level, const char *from, const char *item, const char *text)
{
	(void)from, (void)item, (void)text;
	((struct bench *)ctx)->alerts += level == NOTICE_ALERT;
}
static void entropy(void *ctx, void *out, size_t len) { (void)ctx; memset(out, 0x5a, len); }
/* clang-format on */

static void step(struct bench *b, struct event e)
{
	e.now_ms = b->now_ms;
	e.wall_ms = WIRE_EPOCH_MS + 1000000 + (int64_t)b->now_ms;
	core_step(b->core, &e);
}

/* Lets some seconds pass. */
static void pass(struct bench *b)
{
	for (int i = 0; i < 40; i++) {
		b->now_ms += 100;
		step(b, (struct event){ .type = EVENT_TICK });
		if (b->scanning)
			step(b, (struct event){
			                .type = EVENT_SCANNED, .category = b->scanning, .path = "", .complete = true });
		b->scanning = NULL;
	}
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
	say(b, &(struct message){ .type = MESSAGE_AUTH_RESPONSE,
	                          .ok = true,
	                          .account = "test",
	                          .connection = 1,
	                          .head = b->seq,
	                          .chain = b->chain });
	hear(b, &(struct record){ .type = RECORD_WRITER, .writer = WRITER, .device = b->other, .epoch = 7 });
	b->hung = false;
}

static void version_stage(void *ctx, const struct id *version, struct span so_far)
{
	struct bench *b = ctx;
	cr_assert(version && !id_zero(version));
	size_t more = so_far.len > b->staged ? so_far.len - b->staged : 0;
	b->stagings += more > 0;
	b->shown = more > b->shown ? more : b->shown;
	b->staged = so_far.len;
}

static void start_with_parts(struct bench *b, size_t part_bytes)
{
	static const struct category_setup notes = {
		.name = "notes", .debounce_ms = 10, .max_wait_ms = 100, .strategy = STRATEGY_ASK
	};
	struct core_setup setup = { .device_name = "me", .categories = &notes, .category_count = 1, .joined = true,
				    .part_bytes = part_bytes };
	uint8_t public[crypto_sign_PUBLICKEYBYTES];
	*b = (struct bench){ .now_ms = 1000, .hub = { { 9 } }, .other = { { 2 } } };
	b->world = (struct world){
		.ctx = b,
		.look = look,
		.take = take,
		.place = place,
		.place_drop = place_drop,
		.version_read = version_read,
		.version_put = version_put,
		.version_get = version_get,
		.version_has = version_has,
		.version_stage = version_stage,
		.save_item = save_item,
		.drop_item = drop_item,
		.save_outbox = save_outbox,
		.drop_outbox = drop_outbox,
		.save_state = save_state,
		.save_peer = save_peer,
		.add_history = add_history,
		.save_settlement = save_settlement,
		.came_back = came_back,
		.dial = dial,
		.hang_up = hang_up,
		.send = send_frame,
		.backlog = backlog,
		.scan = scan,
		.notice = notice,
		.entropy = entropy,
	};
	crypto_sign_keypair(public, setup.sign_secret);
	setup.device = (struct id){ { 1 } };
	setup.hub = b->hub;
	memset(setup.account_key, 3, sizeof setup.account_key);
	setup.key_number = 1;
	sealer_init(&b->sealer, setup.account_key, 1);
	hash_key(b->version_key, setup.account_key, "syncline version", NULL, 0);
	b->core = core_create(&b->world, &setup);
	step(b, (struct event){ .type = EVENT_BOOT });
	step(b, (struct event){ .type = EVENT_ROOT, .category = "notes", .ok = true });
	pass(b);
	greet(b);
}

static void start(struct bench *b)
{
	start_with_parts(b, 0);
}

static void finish(struct bench *b)
{
	core_destroy(b->core);
	sealer_finish(&b->sealer);
	for (size_t i = 0; i < b->version_count; i++)
		blob_finish(&b->contents[i]);
}

/* A change of the other device, sealed; `text` NULL: a delete. Its body is new memory. */
static struct change make_in(struct bench *b, uint64_t counter, const char *category, const char *name, uint64_t base,
                             const char *text)
{
	uint8_t item_key[KEY_LEN], account[KEY_LEN], meta = 0;
	struct body body = { .kind = text ? base ? KIND_UPDATE : KIND_CREATE : KIND_DELETE, .named = true };
	struct buf plain = { 0 }, sealed = { 0 };
	memset(account, 3, sizeof account);
	hash_key(item_key, account, "syncline item", NULL, 0);
	struct span names[] = { span_text(category), span_text(name) };
	struct change c = { .flags = text ? CHANGE_KEYFRAME : CHANGE_DELETE,
		            .counter = counter,
		            .item = hash_id(item_key, "main", names, 2),
		            .base = base,
		            .edited = 1 };
	if (text) {
		struct span parts[] = { span_of(&meta, 1), span_text(text) };
		c.version = hash_id(b->version_key, "version", parts, 2);
		body.payload = span_text(text);
		body.content_len = body.payload.len;
		body.compression = CODEC_NONE;
	}
	body.category = names[0];
	body.path = names[1];
	body_put(&plain, &body, c.edited);
	seal_body(&b->sealer, &b->other, 7, &c, buf_view(&plain), &sealed);
	buf_finish(&plain);
	struct blob out = buf_take(&sealed);
	c.body = span_blob(&out);
	return c;
}

static struct change make(struct bench *b, uint64_t counter, const char *name, uint64_t base, const char *text)
{
	return make_in(b, counter, "notes", name, base, text);
}

static void append(struct bench *b, const struct change *c)
{
	hear(b, &(struct record){ .type = RECORD_ENTRY, .seq = ++b->seq, .writer = WRITER, .change = *c });
	pass(b);
}

/* What does not open costs the connection when it comes first, as if it had been damaged on its way. */
static void forge(struct bench *b, const struct change *c)
{
	append(b, c);
	cr_assert(b->hung);
	greet(b);
	b->seq--;
	append(b, c);
	cr_assert_not(b->hung);
}

static void drop(struct change *c)
{
	free((void *)(uintptr_t)c->body.data);
}

/* x says "one", then "two"; y says "other": changes 1, 2 and 3 of the log. */
static void tell(struct bench *b, struct change story[3])
{
	start(b);
	story[0] = make(b, 1, "x", 0, "one");
	story[1] = make(b, 2, "x", 1, "two");
	story[2] = make(b, 3, "y", 0, "other");
	for (int i = 0; i < 3; i++)
		append(b, &story[i]);
	cr_assert(b->there && id_equal(&b->file, &story[1].version), "the genuine ones are applied");
}

static void end(struct bench *b, struct change story[3])
{
	cr_assert_not(b->hung, "all else goes on");
	cr_assert(b->there && id_equal(&b->file, &story[1].version), "the file is as it was");
	/* a genuine change mends it */
	struct change next = make(b, 9, "x", b->seq, "three");
	append(b, &next);
	cr_assert(b->there && id_equal(&b->file, &next.version));
	drop(&next);
	for (int i = 0; i < 3; i++)
		drop(&story[i]);
	finish(b);
}

Test(receive, a_hub_cannot_make_up_a_deletion)
{
	struct bench b;
	struct change story[3];
	tell(&b, story);
	struct change forged = { .flags = CHANGE_DELETE, .counter = 4, .item = story[1].item, .base = 2, .edited = 1,
		                 .body = story[1].body };
	forge(&b, &forged);
	end(&b, story);
}

Test(receive, a_hub_cannot_put_one_files_content_into_another)
{
	struct bench b;
	struct change story[3];
	tell(&b, story);
	struct change forged = story[1];
	forged.counter = 4;
	forged.base = 2;
	forged.version = story[2].version; /* which is here */
	forge(&b, &forged);
	forged.version = story[0].version; /* its own past */
	forged.base = b.seq;
	forge(&b, &forged);
	end(&b, story);
}

Test(receive, a_hub_cannot_say_an_old_change_again)
{
	struct bench b;
	struct change story[3];
	tell(&b, story);
	forge(&b, &story[0]);
	end(&b, story);
}

Test(receive, a_hub_cannot_bring_a_deleted_file_back)
{
	struct bench b;
	struct change story[3];
	tell(&b, story);
	struct change gone = make(&b, 4, "x", 2, NULL);
	append(&b, &gone);
	cr_assert_not(b.there);
	forge(&b, &story[0]);
	forge(&b, &story[1]);
	cr_assert_not(b.there);
	drop(&gone);
	for (int i = 0; i < 3; i++)
		drop(&story[i]);
	finish(&b);
}

Test(receive, what_was_damaged_on_its_way_is_had_again)
{
	struct bench b;
	struct change story[3];
	tell(&b, story);
	struct id before = b.chain;
	struct change next = make(&b, 4, "x", 2, "three");
	uint8_t *bytes = (uint8_t *)(uintptr_t)next.body.data;
	bytes[next.body.len / 2] ^= 4;
	append(&b, &next);
	cr_assert(b.hung);
	cr_assert(id_equal(&b.chain, &before), "it is not part of the log");
	greet(&b);
	b.seq--;
	bytes[next.body.len / 2] ^= 4;
	append(&b, &next);
	cr_assert_not(b.hung);
	cr_assert(b.there && id_equal(&b.file, &next.version));
	drop(&next);
	for (int i = 0; i < 3; i++)
		drop(&story[i]);
	finish(&b);
}

/* The file stands there, but that it lasts is not sure: it is no edit of anybody here. */
Test(receive, a_placing_that_failed_may_have_come_far)
{
	struct bench b;
	struct change story[3], next[2];
	struct counts_view v;
	tell(&b, story);
	next[0] = make(&b, 4, "x", 2, "three");
	next[1] = make(&b, 5, "x", 4, "four");
	b.sync_fails = true;
	for (int i = 0; i < 2; i++)
		hear(&b, &(struct record){ .type = RECORD_ENTRY, .seq = ++b.seq, .writer = WRITER, .change = next[i] });
	cr_assert_not(b.sync_fails);
	pass(&b);
	pass(&b);
	core_view_counts(b.core, &v);
	cr_expect_eq(v.conflicts, 0);
	cr_expect_eq(v.outgoing, 0);
	cr_expect(b.there && id_equal(&b.file, &next[1].version));
	for (int i = 0; i < 2; i++)
		drop(&next[i]);
	for (int i = 0; i < 3; i++)
		drop(&story[i]);
	finish(&b);
}

/* However long the disk was full: one try in five seconds for all that has no room, and soon after there is some. */
Test(receive, a_full_disk_is_tried_again_and_again_and_not_by_everybody)
{
	struct bench b;
	struct change story[3], many[20], small;
	tell(&b, story);
	b.room = 4;
	b.tries = 0;
	for (uint64_t i = 0; i < 20; i++) {
		char name[16];
		snprintf(name, sizeof name, "many%u", (unsigned)i);
		many[i] = make(&b, 4 + i, name, 0, "too much");
		hear(&b, &(struct record){ .type = RECORD_ENTRY, .seq = ++b.seq, .writer = WRITER, .change = many[i] });
	}
	cr_expect_eq(b.tries, 1);
	for (int i = 0; i < 15; i++) { /* a minute */
		if (b.hung)
			greet(&b);
		pass(&b);
	}
	cr_expect(b.tries >= 11 && b.tries <= 13, "%zu tries", b.tries);
	if (b.hung)
		greet(&b);
	small = make(&b, 24, "x", 2, "tiny");
	append(&b, &small);
	cr_expect(id_equal(&b.file, &small.version), "what has room is written");
	b.room = b.tries = 0;
	pass(&b);
	pass(&b);
	cr_expect_eq(b.tries, 20, "%zu tries", b.tries);
	for (int i = 0; i < 20; i++)
		drop(&many[i]);
	drop(&small);
	for (int i = 0; i < 3; i++)
		drop(&story[i]);
	finish(&b);
}

/* The other version of a conflict is a delta, and what it builds on is not here. */
Test(receive, what_is_missing_of_a_conflict_is_asked_for_again)
{
	struct bench b;
	struct change story[3];
	uint8_t item_key[KEY_LEN], account[KEY_LEN];
	tell(&b, story);
	memset(account, 3, sizeof account);
	hash_key(item_key, account, "syncline item", NULL, 0);
	struct id main = story[0].item;
	struct span names[] = { span_of(main.b, ID_LEN), span_of(b.other.b, ID_LEN) };
	struct change c = {
		.counter = 4, .item = hash_id(item_key, "side", names, 2), .version = { { 7 } }, .edited = 1
	};
	struct body body = { .kind = KIND_UPDATE,
		             .named = true,
		             .side = true,
		             .main_item = main,
		             .side_device = b.other,
		             .category = span_text("notes"),
		             .path = span_text("x"),
		             .delta = DELTA_BINARY,
		             .base_tag = BODY_BASE_EXPLICIT,
		             .base_version = { { 8 } },
		             .payload = span_text("a delta"),
		             .content_len = 7 };
	struct buf plain = { 0 }, sealed = { 0 };
	body_put(&plain, &body, c.edited);
	seal_body(&b.sealer, &b.other, 7, &c, buf_view(&plain), &sealed);
	c.body = buf_view(&sealed);
	append(&b, &c);
	cr_assert_not(b.hung);
	cr_expect_eq(b.wants, 1);
	for (int i = 0; i < 8; i++) {
		if (b.hung) /* nobody answered its ping */
			greet(&b);
		pass(&b);
	}
	cr_expect_geq(b.wants, 2, "asked %zu times", b.wants);
	buf_finish(&plain);
	buf_finish(&sealed);
	for (int i = 0; i < 3; i++)
		drop(&story[i]);
	finish(&b);
}

/* A second version of `main`, from a device that the hub knows by this writer. */
static void conflict_from(struct bench *b, const struct id *device, uint32_t writer, const struct change *main,
			  const char *name, const char *text)
{
	uint8_t item_key[KEY_LEN], account[KEY_LEN];
	memset(account, 3, sizeof account);
	hash_key(item_key, account, "syncline item", NULL, 0);
	struct span names[] = { span_of(main->item.b, ID_LEN), span_of(device->b, ID_LEN) };
	struct change c = { .flags = CHANGE_KEYFRAME,
			    .counter = b->seq + 1,
			    .item = hash_id(item_key, "side", names, 2),
			    .edited = 1 };
	struct body body = { .kind = KIND_CREATE,
		             .named = true,
		             .side = true,
		             .main_item = main->item,
		             .side_device = *device,
		             .category = span_text("notes"),
		             .path = span_text(name),
		             .compression = CODEC_NONE,
		             .payload = span_text(text),
		             .content_len = strlen(text) };
	uint8_t meta = 0;
	struct span parts[] = { span_of(&meta, 1), body.payload };
	struct buf plain = { 0 }, sealed = { 0 };
	c.version = hash_id(b->version_key, "version", parts, 2);
	body_put(&plain, &body, c.edited);
	seal_body(&b->sealer, device, 7, &c, buf_view(&plain), &sealed);
	c.body = buf_view(&sealed);
	hear(b, &(struct record){ .type = RECORD_ENTRY, .seq = ++b->seq, .writer = writer, .change = c });
	pass(b);
	cr_assert_not(b->hung);
	buf_finish(&plain);
	buf_finish(&sealed);
}

static void list_conflict(void *ctx, const char *category, const char *path, size_t count)
{
	buf_printf(ctx, "%s/%s %zu\n", category, path, count);
}

/* Their versions come one device after the other: those of one item do not stand together. */
Test(receive, an_item_with_several_other_versions_is_listed_once)
{
	struct bench b;
	struct change story[3];
	struct id third = { { 4 } };
	struct buf list = { 0 };
	tell(&b, story);
	hear(&b, &(struct record){ .type = RECORD_WRITER, .writer = 2, .device = third, .epoch = 7 });
	conflict_from(&b, &b.other, WRITER, &story[0], "x", "second");
	conflict_from(&b, &b.other, WRITER, &story[2], "y", "second");
	conflict_from(&b, &third, 2, &story[0], "x", "third");
	core_each_conflict(b.core, list_conflict, &list);
	cr_expect_str_eq(buf_text(&list), "notes/x 2\nnotes/y 1\n");
	buf_finish(&list);
	for (int i = 0; i < 3; i++)
		drop(&story[i]);
	finish(&b);
}

Test(receive, numbers_from_a_hub_stay_in_bounds)
{
	struct bench b;
	start(&b);
	hear(&b, &(struct record){ .type = RECORD_PRESENCE, .writer = WRITER, .online = true, .sent_ms = INT64_MAX });
	cr_assert(b.hung);
	finish(&b);
	start(&b);
	struct message m = { .type = MESSAGE_DEVICES, .device_count = MESSAGE_DEVICES_MAX / 2 };
	m.devices = mem_alloc(m.device_count * sizeof *m.devices);
	for (unsigned round = 0; round < 100; round++) {
		for (size_t i = 0; i < m.device_count; i++)
			m.devices[i].device = (struct id){ { 7, (uint8_t)round, (uint8_t)i } };
		say(&b, &m);
	}
	struct peer_view v;
	size_t count = 0;
	while (core_view_peer(b.core, count, &v))
		count++;
	cr_assert(count > 1000 && count < 5000, "%zu", count);
	free(m.devices);
	finish(&b);
}

Test(receive, a_device_cannot_name_categories_without_end)
{
	struct bench b;
	char name[16];
	start(&b);
	for (unsigned i = 0; i < LIMIT_CATEGORIES + 10; i++) {
		snprintf(name, sizeof name, "c%u", i);
		struct change c = make_in(&b, i + 1, name, "x", 0, "text");
		hear(&b, &(struct record){ .type = RECORD_ENTRY, .seq = ++b.seq, .writer = WRITER, .change = c });
		drop(&c);
	}
	cr_assert_not(b.hung);
	cr_assert(core_find_item(b.core, "c5", "x"));
	cr_assert_null(core_find_item(b.core, name, "x"));
	finish(&b);
}

/* A change of our own, as a start finds it in the outbox. */
static void owe(struct bench *b, uint64_t counter, const char *name, bool linked)
{
	struct change c = make(b, counter, name, 0, "mine");
	struct outbox_row row = { .counter = counter, .item = c.item, .version = c.version, .linked = linked };
	struct buf record = { 0 };
	c.flags |= linked ? CHANGE_LINKED : 0;
	wire_put_change(&record, &c);
	row.record = buf_take(&record);
	core_load_outbox(b->core, &row);
	drop(&c);
}

/* Both were refused for now; then the link was lost. On the next one they go together, once: what the hub asked to wait
 * for before must not send the second of them alone. */
Test(receive, a_pair_that_was_refused_goes_once_on_the_next_link)
{
	struct bench b;
	start(&b);
	owe(&b, 1, "new", false);
	owe(&b, 2, "old", true);
	step(&b, (struct event){ .type = EVENT_LINK_CLOSED, .text = "gone" });
	greet(&b);
	cr_assert(b.sent[1] == 1 && b.sent[2] == 1);
	hear(&b, &(struct record){ .type = RECORD_REFUSED, .counter = 1, .code = REFUSED_BUSY, .wait_ms = 1000 });
	hear(&b, &(struct record){ .type = RECORD_REFUSED, .counter = 2, .code = REFUSED_BUSY, .wait_ms = 1000 });
	step(&b, (struct event){ .type = EVENT_LINK_CLOSED, .text = "gone" });
	greet(&b);
	pass(&b);
	cr_expect_eq(b.sent[1], 2, "sent %zu times", b.sent[1]);
	cr_expect_eq(b.sent[2], 2, "sent %zu times", b.sent[2]);
	finish(&b);
}

/* --- large entries --- */

#define PART  1000
#define LARGE (20 * PART)
#define TEXT  (500 * PART)
#define BLOCK (128 * 1024) /* what zstd makes at once */

/* A content of the other device as it packs it, on top of `over` (empty: alone). Its body is new memory. */
static struct change make_packed(struct bench *b, uint64_t counter, const char *name, uint64_t base, struct span content,
				 struct span over)
{
	uint8_t item_key[KEY_LEN], account[KEY_LEN], meta = 0;
	struct packer *p = packer_create();
	struct pack_in in = { .content = content, .base = over, .have_base = over.len, .effort = EFFORT_BULK };
	struct body body = { .kind = base ? KIND_UPDATE : KIND_CREATE, .named = true, .base_tag = BODY_BASE_IMPLIED };
	struct buf payload = { 0 }, plain = { 0 }, sealed = { 0 };
	memset(account, 3, sizeof account);
	hash_key(item_key, account, "syncline item", NULL, 0);
	struct span names[] = { span_text("notes"), span_text(name) }, parts[] = { span_of(&meta, 1), content };
	cr_assert(packer_pack(p, &in, &body, &payload));
	struct change c = { .flags = packer_needs_base(&body) ? 0 : CHANGE_KEYFRAME,
			    .counter = counter,
			    .item = hash_id(item_key, "main", names, 2),
			    .version = hash_id(b->version_key, "version", parts, 2),
			    .base = base,
			    .edited = 1 };
	body.category = names[0];
	body.path = names[1];
	body_put(&plain, &body, c.edited);
	seal_body(&b->sealer, &b->other, 7, &c, buf_view(&plain), &sealed);
	packer_destroy(p);
	buf_finish(&payload);
	buf_finish(&plain);
	struct blob out = buf_take(&sealed);
	c.body = span_blob(&out);
	return c;
}

static struct blob noise(size_t len, uint64_t seed)
{
	struct blob out = { mem_alloc(len), len };
	struct rng rng;
	rng_seed(&rng, seed);
	for (size_t i = 0; i < len; i++)
		out.data[i] = (uint8_t)rng_next(&rng);
	return out;
}

static struct blob words(size_t len)
{
	struct buf out = { 0 };
	for (unsigned i = 0; out.len < len; i++)
		buf_printf(&out, "line %u says %u\n", i, i * i % 1009);
	out.len = len;
	return buf_take(&out);
}

/* Its body goes ahead in pieces; the entry itself comes last. */
static void hear_parted(struct bench *b, uint64_t seq, const struct change *c)
{
	struct record entry = { .type = RECORD_ENTRY, .seq = seq, .writer = WRITER, .change = *c };
	for (size_t at = 0; at < c->body.len;) {
		size_t some = c->body.len - at < 3000 ? c->body.len - at : 3000;
		hear(b, &(struct record){ .type = RECORD_ENTRY_PART, .seq = seq, .offset = at, .total = c->body.len,
					  .bytes = span_of(c->body.data + at, some) });
		at += some;
	}
	entry.change.flags |= CHANGE_PARTED;
	entry.change.body = span_of(NULL, 0);
	hear(b, &entry);
}

static bool is_busy(struct bench *b)
{
	struct counts_view v;
	core_view_counts(b->core, &v);
	bool due = core_deadline(b->core) <= b->now_ms + 1;
	cr_assert(!due || !v.quiet, "it is not quiet while it has to go on at once");
	cr_assert(!due || !core_calm(b->core));
	return due;
}

/* A turn, and some large file's next part. */
static void tick(struct bench *b)
{
	b->now_ms++;
	step(b, (struct event){ .type = EVENT_TICK });
}

/* Steps until all is done. */
static size_t settle(struct bench *b)
{
	size_t steps = 0;
	for (; is_busy(b); steps++) {
		cr_assert_lt(steps, 10000u);
		tick(b);
	}
	return steps;
}

static bool holds(struct bench *b, const struct id *version, struct span content)
{
	struct blob got = { 0 };
	uint8_t meta;
	bool ok = version_get(b, version, &got, &meta) && span_equal(span_blob(&got), content);
	blob_finish(&got);
	return ok;
}

/* The same log in one go and in parts: the same chain, the same contents. Kinds of packing: not at all, zstd, a delta with
 * both ends of its base, a copy. */
Test(receive, a_large_entry_is_opened_a_part_a_step)
{
	struct bench whole, b;
	struct blob random = noise(LARGE, 1), longer = noise(LARGE + 5000, 1), text = words(TEXT), other = words(TEXT);
	memset(other.data + TEXT / 2, 'x', 300);
	start(&whole);
	start_with_parts(&b, PART);
	struct span contents[] = { span_blob(&random), span_blob(&longer), span_blob(&text), span_blob(&other) };
	struct span bases[] = { span_of(NULL, 0), contents[0], span_of(NULL, 0), contents[2] };
	const char *names[] = { "random", "random", "x", "x" };
	uint64_t on[] = { 0, 1, 0, 3 };
	for (int i = 0; i < 4; i++) {
		struct change c = make_packed(&b, (uint64_t)i + 1, names[i], on[i], contents[i], bases[i]);
		struct id before = b.chain;
		hear_parted(&whole, ++whole.seq, &c);
		cr_assert(!is_busy(&whole) || whole.cursor == whole.seq, "one go");
		b.stagings = b.shown = b.staged = 0;
		hear_parted(&b, ++b.seq, &c);
		cr_assert(is_busy(&b));
		size_t steps = 0;
		for (; b.cursor < b.seq; steps++) {
			cr_assert(id_equal(&b.chain, &before), "nothing moves before all of it is there");
			cr_assert_not(holds(&b, &c.version, contents[i]));
			cr_assert(is_busy(&b));
			tick(&b);
		}
		size_t made_at_once = i == 2 ? BLOCK : PART, times = contents[i].len / made_at_once;
		cr_expect_geq(b.stagings, times, "%d: %zu times", i, b.stagings);
		cr_expect_leq(b.shown, made_at_once + PART, "%d: %zu at once", i, b.shown);
		cr_expect_geq(steps, c.body.len / PART + times, "%d: %zu steps", i, steps);
		settle(&b);
		settle(&whole);
		cr_assert(id_equal(&b.chain, &whole.chain));
		cr_assert(holds(&b, &c.version, contents[i]) && holds(&whole, &c.version, contents[i]));
		drop(&c);
	}
	cr_assert_not(b.hung);
	finish(&b);
	finish(&whole);
	blob_finish(&random);
	blob_finish(&text);
	blob_finish(&other);
	blob_finish(&longer);
}

/* What is here already is not expanded; a small one takes no further step. */
Test(receive, only_what_is_large_and_new_takes_steps)
{
	struct bench b;
	struct blob random = noise(LARGE, 1);
	start_with_parts(&b, PART);
	struct change c = make_packed(&b, 1, "random", 0, span_blob(&random), span_of(NULL, 0));
	version_put(&b, &c.version, 0, span_blob(&random));
	hear_parted(&b, ++b.seq, &c);
	size_t steps = settle(&b);
	cr_expect_leq(steps, LARGE / PART + 4, "hashed, opened, placed and forgotten: %zu", steps);
	cr_expect_eq(b.stagings, 0);
	struct change small = make(&b, 2, "x", 0, "small");
	hear(&b, &(struct record){ .type = RECORD_ENTRY, .seq = ++b.seq, .writer = WRITER, .change = small });
	cr_expect_eq(b.cursor, b.seq);
	cr_expect(b.there && id_equal(&b.file, &small.version), "and is placed in the same step");
	drop(&small);
	drop(&c);
	finish(&b);
	blob_finish(&random);
}

Test(receive, what_follows_a_large_entry_waits_in_order)
{
	struct bench b;
	struct blob random = noise(LARGE, 1), text = words(LARGE);
	char name[16];
	start_with_parts(&b, PART);
	struct change c = make_packed(&b, 1, "random", 0, span_blob(&random), span_of(NULL, 0));
	struct change next = make_packed(&b, 5, "words", 0, span_blob(&text), span_of(NULL, 0));
	uint64_t ticket = core_probe(b.core);
	tick(&b);
	hear_parted(&b, ++b.seq, &c);
	for (uint64_t i = 0; i < 3; i++) {
		snprintf(name, sizeof name, "%s", i < 2 ? "x" : "y");
		struct change small = make(&b, 2 + i, name, i == 1 ? 2 : 0, i ? "new" : "old");
		hear(&b, &(struct record){ .type = RECORD_ENTRY, .seq = ++b.seq, .writer = WRITER, .change = small });
		drop(&small);
	}
	hear_parted(&b, ++b.seq, &next);
	cr_assert_eq(b.cursor, 0);
	/* its pong comes behind all that: the link is alive at once, and the question is answered when all of it is here */
	for (int i = 0; i < 2; i++)
		hear(&b, &(struct record){ .type = RECORD_PONG, .sent_ms = 0, .wait_ms = 1, .seq = b.seq });
	struct link_view link;
	core_view_link(b.core, &link);
	cr_assert(link.rtt_ms >= 0);
	cr_assert_not(b.hung);
	while (b.cursor < b.seq) {
		cr_assert(is_busy(&b));
		cr_assert_lt(core_probed(b.core), ticket);
		tick(&b);
	}
	settle(&b);
	cr_assert_eq(b.cursor, b.seq);
	cr_assert_geq(core_probed(b.core), ticket);
	cr_assert(holds(&b, &c.version, span_blob(&random)) && holds(&b, &next.version, span_blob(&text)));
	const struct item_row *x = core_find_item(b.core, "notes", "x");
	cr_assert(x && x->head_seq == 3 && id_equal(&x->head_version, &b.file));
	drop(&c);
	drop(&next);
	finish(&b);
	blob_finish(&random);
	blob_finish(&text);
}

Test(receive, a_small_edit_goes_out_while_a_large_entry_is_opened)
{
	struct bench b;
	struct blob random = noise(LARGE, 1);
	uint8_t meta = 0;
	start_with_parts(&b, PART);
	struct span parts[] = { span_of(&meta, 1), span_text("mine") };
	b.file = hash_id(b.version_key, "version", parts, 2);
	version_put(&b, &b.file, 0, parts[1]);
	struct change c = make_packed(&b, 1, "random", 0, span_blob(&random), span_of(NULL, 0));
	hear_parted(&b, ++b.seq, &c);
	b.there = true;
	step(&b, (struct event){ .type = EVENT_HINT, .category = "notes", .path = "x", .hint = HINT_WRITTEN });
	for (int i = 0; i < 10 && !b.sent[1]; i++) {
		b.now_ms += 100;
		tick(&b);
	}
	cr_assert(is_busy(&b) && b.cursor == 0);
	cr_assert_eq(b.sent[1], 1);
	settle(&b);
	cr_assert_eq(b.cursor, 1);
	drop(&c);
	finish(&b);
	blob_finish(&random);
}

Test(receive, a_link_lost_while_a_large_entry_is_opened_brings_it_again)
{
	struct blob random = noise(LARGE, 1);
	for (size_t steps = 0; steps < 2 * LARGE / PART + 4; steps++) {
		struct bench b;
		start_with_parts(&b, PART);
		struct change c = make_packed(&b, 1, "random", 0, span_blob(&random), span_of(NULL, 0));
		struct change small = make(&b, 2, "x", 0, "small");
		hear_parted(&b, 1, &c);
		hear(&b, &(struct record){ .type = RECORD_ENTRY, .seq = 2, .writer = WRITER, .change = small });
		for (size_t i = 0; i < steps && is_busy(&b); i++)
			tick(&b);
		b.seq = 2;
		step(&b, (struct event){ .type = EVENT_LINK_CLOSED, .text = "gone" });
		bool done = b.cursor == 2;
		cr_assert(done || b.cursor == 0);
		cr_assert(done || b.staged == 0, "what was staged is let go");
		greet(&b);
		if (!done) {
			hear_parted(&b, 1, &c);
			hear(&b, &(struct record){ .type = RECORD_ENTRY, .seq = 2, .writer = WRITER, .change = small });
		}
		settle(&b);
		cr_assert(b.cursor == 2 && b.there && holds(&b, &c.version, span_blob(&random)));
		drop(&c);
		drop(&small);
		finish(&b);
	}
	blob_finish(&random);
}

Test(receive, a_large_entry_that_was_damaged_is_had_again)
{
	struct bench b;
	struct blob random = noise(LARGE, 1);
	start_with_parts(&b, PART);
	struct change c = make_packed(&b, 1, "random", 0, span_blob(&random), span_of(NULL, 0));
	struct change small = make(&b, 2, "x", 0, "small");
	uint8_t *byte = (uint8_t *)(uintptr_t)c.body.data + c.body.len / 2;
	struct id before = b.chain;
	*byte ^= 4;
	hear_parted(&b, 1, &c);
	hear(&b, &(struct record){ .type = RECORD_ENTRY, .seq = 2, .writer = WRITER, .change = small });
	settle(&b);
	cr_assert(b.hung && b.cursor == 0 && id_equal(&b.chain, &before) && !b.there);
	greet(&b);
	*byte ^= 4;
	hear_parted(&b, 1, &c);
	settle(&b);
	cr_assert(!b.hung && b.cursor == 1 && holds(&b, &c.version, span_blob(&random)));
	b.seq = 1;
	/* the hub's word when it comes a second time: nobody vouches for it */
	struct change forged = c;
	forged.counter = 3;
	forged.base = 1;
	for (int i = 0; i < 2; i++) {
		hear_parted(&b, 2, &forged);
		settle(&b);
		cr_assert_eq(b.hung, i == 0);
		if (b.hung)
			greet(&b);
	}
	const struct item_row *row = core_find_item(b.core, "notes", "random");
	cr_assert(row->head_seq == 2 && !id_equal(&row->head_version, &c.version));
	cr_assert_eq(b.alerts, 1);
	drop(&c);
	drop(&small);
	finish(&b);
	blob_finish(&random);
}

/* A body that says it is of 64 MiB, and is not; one that is more than it says; one of another version. */
Test(receive, a_large_body_that_lies_is_missing_content)
{
	struct blob zeros = { mem_alloc(LARGE * 50), LARGE * 50 };
	struct packer *p = packer_create();
	for (int lie = 0; lie < 4; lie++) {
		struct bench b;
		struct body body = { .kind = KIND_CREATE, .named = true, .category = span_text("notes"),
				     .path = span_text("lie") };
		struct pack_in in = { .content = span_blob(&zeros), .effort = EFFORT_BULK };
		struct buf payload = { 0 }, plain = { 0 }, sealed = { 0 };
		start_with_parts(&b, PART);
		struct change c = make(&b, 1, "lie", 0, "x");
		drop(&c);
		cr_assert(packer_pack(p, &in, &body, &payload));
		cr_assert_eq(body.compression, CODEC_ZSTD);
		if (lie == 0)
			body.content_len = LIMIT_ITEM_BYTES;
		else if (lie == 1)
			body.content_len = LARGE;
		else if (lie == 2)
			body.payload.len -= 1;
		body_put(&plain, &body, c.edited);
		seal_body(&b.sealer, &b.other, 7, &c, buf_view(&plain), &sealed);
		c.body = buf_view(&sealed);
		hear_parted(&b, ++b.seq, &c);
		settle(&b);
		cr_assert(!b.hung && b.cursor == 1, "%d", lie);
		cr_assert_eq(b.version_count, 0, "%d", lie);
		cr_assert_eq(b.wants, 1, "%d", lie);
		cr_assert_eq(b.staged, 0, "%d", lie);
		struct change small = make(&b, 2, "x", 0, "small");
		append(&b, &small);
		cr_assert(b.there);
		drop(&small);
		buf_finish(&payload);
		buf_finish(&plain);
		buf_finish(&sealed);
		finish(&b);
	}
	packer_destroy(p);
	blob_finish(&zeros);
}

/* More than a few parts' worth behind it, and it is done at once: nothing is dropped, and memory is bounded. */
Test(receive, what_waits_is_bounded)
{
	struct bench b;
	struct blob random = noise(LARGE, 1);
	struct buf many = { 0 };
	start_with_parts(&b, PART);
	struct change c = make_packed(&b, 1, "random", 0, span_blob(&random), span_of(NULL, 0));
	hear_parted(&b, ++b.seq, &c);
	while (many.len < 5 * PART) {
		struct change small = make(&b, b.seq + 1, "y", b.seq == 1 ? 0 : b.seq, "small");
		wire_put(&many, &(struct record){ .type = RECORD_ENTRY, .seq = ++b.seq, .writer = WRITER,
						  .change = small });
		drop(&small);
	}
	cr_assert_eq(b.cursor, 0);
	step(&b, (struct event){ .type = EVENT_BINARY, .bytes = buf_view(&many) });
	cr_assert_gt(b.cursor, 1u, "it did not wait for its turns");
	settle(&b);
	cr_assert(!b.hung && b.cursor == b.seq && holds(&b, &c.version, span_blob(&random)));
	buf_finish(&many);
	drop(&c);
	finish(&b);
	blob_finish(&random);
}

/* This change of its own, the first, made on entry 1, was sent before a connection that is lost; there is a new one. */
static void reconnect_with(struct bench *b, const struct change *c)
{
	struct buf record = { 0 };
	struct outbox_row row = { .counter = 1, .item = c->item, .version = c->version, .base = 1 };
	wire_put_change(&record, c);
	row.record = buf_take(&record);
	core_load_outbox(b->core, &row);
	step(b, (struct event){ .type = EVENT_LINK_CLOSED, .text = "gone" });
	greet(b);
}

/* A confirmation that names a change of ours which is not at the hub yet, and a place that was read long ago. */
Test(receive, a_confirmation_in_a_place_that_was_read_is_not_believed)
{
	struct bench b;
	start(&b);
	struct change small = make(&b, 1, "y", 0, "small");
	hear(&b, &(struct record){ .type = RECORD_ENTRY, .seq = ++b.seq, .writer = WRITER, .change = small });
	hear(&b, &(struct record){ .type = RECORD_CONFIRM, .seq = 1, .counter = 7 });
	cr_assert_not(b.hung, "an answer that was given before");
	struct change c = make(&b, 1, "y", 1, "small one");
	reconnect_with(&b, &c);
	hear(&b, &(struct record){ .type = RECORD_CONFIRM, .seq = 1, .counter = 1 });
	cr_assert(b.hung, "it is not dropped as if it were there");
	drop(&small);
	drop(&c);
	finish(&b);
}

/* A large change of our own is at the hub: its place in the chain is hashed in parts as well, and is the same. */
Test(receive, a_large_change_of_our_own_is_confirmed_in_parts)
{
	struct blob random = noise(LARGE, 1);
	struct id chains[2];
	for (int i = 0; i < 2; i++) {
		struct bench b;
		start_with_parts(&b, i ? PART : 0);
		struct change small = make(&b, 1, "y", 0, "small");
		hear(&b, &(struct record){ .type = RECORD_ENTRY, .seq = ++b.seq, .writer = WRITER, .change = small });
		struct change c = make_packed(&b, 1, "y", 1, span_blob(&random), span_of(NULL, 0));
		reconnect_with(&b, &c);
		hear(&b, &(struct record){ .type = RECORD_CONFIRM, .seq = ++b.seq, .counter = 1 });
		struct change next = make(&b, 3, "z", 0, "next");
		hear(&b, &(struct record){ .type = RECORD_ENTRY, .seq = ++b.seq, .writer = WRITER, .change = next });
		size_t steps = settle(&b);
		cr_assert(i ? steps >= LARGE / PART : steps < 4, "%zu steps", steps);
		cr_assert(!b.hung && b.cursor == 3);
		cr_assert_eq(core_row(b.core, &c.item)->head_seq, 2);
		chains[i] = b.chain;
		drop(&small);
		drop(&next);
		drop(&c);
		finish(&b);
	}
	cr_assert(id_equal(&chains[0], &chains[1]));
	blob_finish(&random);
}

/* --- large files --- */

#define SOME  200         /* bytes a part: small entries are no longer */
#define MANY  (40 * SOME) /* in so many parts */
#define FEW   (5 * SOME)

static void start_in_parts(struct bench *b)
{
	start_with_parts(b, SOME);
	b->part = SOME;
}

/* Until nothing is due at once any more. */
static void tick_on(struct bench *b)
{
	for (int i = 0; is_busy(b); i++) {
		cr_assert_lt(i, 1000, "it spins");
		tick(b);
	}
}

static void entry(struct bench *b, const struct change *c)
{
	b->now_ms++;
	hear(b, &(struct record){ .type = RECORD_ENTRY, .seq = ++b->seq, .writer = WRITER, .change = *c });
}

/* A file of so many letters. */
static struct change make_long(struct bench *b, uint64_t counter, const char *name, uint64_t base, size_t len, char letter)
{
	char *text = mem_alloc(len + 1);
	memset(text, letter, len);
	struct change c = make(b, counter, name, base, text);
	free(text);
	return c;
}

static void tick_until(struct bench *b, const char *log)
{
	for (int i = 0; !strstr(b->log, log); i++) {
		cr_assert_lt(i, 200, "%s", b->log);
		tick(b);
	}
}

/* An entry with a large content for `x`, and two parts of it placed. */
static struct change begin_large(struct bench *b)
{
	start_in_parts(b);
	struct change c = make_long(b, 1, "x", 0, MANY, 'a');
	entry(b, &c);
	tick_until(b, "x+x+");
	cr_assert_str_eq(b->log, "x+x+");
	return c;
}

static void end_large(struct bench *b, struct change *c, size_t count)
{
	for (size_t i = 0; i < count; i++)
		drop(&c[i]);
	finish(b);
}

/* x: all parts in a row, and the end. */
static bool all_parts(const char *log, char name, size_t count)
{
	for (; count; count--, log += 2)
		if (log[0] != name || log[1] != '+')
			return false;
	return log[0] == name && log[1] == '!';
}

Test(receive, small_ones_pass_between_the_parts_of_a_large_one)
{
	struct bench b;
	struct change c[3] = { begin_large(&b) };
	c[1] = make(&b, 2, "y", 0, "small");
	c[2] = make(&b, 3, "z", 0, "too");
	entry(&b, &c[1]);
	cr_expect_str_eq(b.log, "x+x+y!x+", "one part a step");
	entry(&b, &c[2]);
	cr_expect_str_eq(b.log, "x+x+y!x+z!x+");
	tick_on(&b);
	cr_expect(all_parts(b.log + 12, 'x', 36), "%s", b.log);
	cr_expect(b.there && id_equal(&b.file, &c[0].version));
	size_t said = strlen(b.log);
	pass(&b);
	cr_expect_eq(strlen(b.log), said);
	cr_expect_eq(b.drops, 0);
	end_large(&b, c, 3);
}

Test(receive, large_ones_have_their_turn_one_after_the_other)
{
	struct bench b;
	struct change c[3] = { begin_large(&b) };
	c[1] = make_long(&b, 2, "y", 0, FEW, 'b');
	c[2] = make_long(&b, 3, "z", 0, FEW, 'c');
	entry(&b, &c[1]);
	entry(&b, &c[2]);
	tick_on(&b);
	cr_expect(all_parts(b.log, 'x', 40), "%s", b.log);
	cr_expect_str_eq(b.log + 82, "y+y+y+y+y+y!z+z+z+z+z+z!");
	struct counts_view v;
	core_view_counts(b.core, &v);
	cr_expect_eq(v.incoming, 0);
	end_large(&b, c, 3);
}

Test(receive, a_newer_head_takes_the_place_of_the_large_one_that_is_under_way)
{
	for (int large = 0; large < 2; large++) {
		struct bench b;
		struct change c[2] = { begin_large(&b) };
		c[1] = large ? make_long(&b, 2, "x", 1, FEW, 'b') : make(&b, 2, "x", 1, "small");
		entry(&b, &c[1]);
		tick_on(&b);
		cr_expect_eq(b.drops, 1);
		cr_expect_lt(strlen(b.log), 80, "%s", b.log);
		size_t tail = large ? 12 : 2;
		cr_expect(all_parts(b.log + strlen(b.log) - tail, 'x', tail / 2 - 1), "%s", b.log);
		cr_expect(id_equal(&b.file, &c[1].version));
		end_large(&b, c, 2);
	}
}

Test(receive, a_large_one_that_is_deleted_meanwhile_is_not_placed)
{
	struct bench b;
	struct change c[2] = { begin_large(&b) };
	c[1] = make(&b, 2, "x", 1, NULL);
	entry(&b, &c[1]);
	tick_on(&b);
	cr_expect_eq(b.drops, 1);
	cr_expect_str_eq(b.log, "x+x+");
	cr_expect_not(b.there);
	end_large(&b, c, 2);
}

static void pause_all(struct bench *b, bool paused)
{
	b->now_ms++;
	core_clock(b->core, b->now_ms, WIRE_EPOCH_MS + 1000000 + (int64_t)b->now_ms);
	cr_assert(core_pause(b->core, NULL, paused, NULL));
}

Test(receive, a_pause_ends_a_large_one_and_it_begins_anew)
{
	struct bench b;
	struct change c = begin_large(&b);
	pause_all(&b, true);
	tick(&b); /* its memory is given back */
	cr_expect_gt(core_deadline(b.core), b.now_ms + 1);
	cr_expect_eq(b.drops, 1);
	cr_expect_str_eq(b.log, "x+x+");
	pause_all(&b, false);
	tick_on(&b);
	cr_expect(all_parts(b.log + 4, 'x', 40), "%s", b.log);
	end_large(&b, &c, 1);
}

Test(receive, a_root_that_goes_ends_a_large_one_until_it_is_back)
{
	struct bench b;
	struct change c = begin_large(&b);
	b.now_ms++;
	step(&b, (struct event){ .type = EVENT_ROOT, .category = "notes", .text = "gone" });
	tick(&b); /* its memory is given back */
	cr_expect_gt(core_deadline(b.core), b.now_ms + 1);
	cr_expect_eq(b.drops, 1);
	step(&b, (struct event){ .type = EVENT_ROOT, .category = "notes", .ok = true });
	tick_on(&b);
	cr_expect(all_parts(b.log + 4, 'x', 40), "%s", b.log);
	end_large(&b, &c, 1);
}

Test(receive, a_link_that_goes_does_not_hold_a_large_one_up)
{
	struct bench b;
	struct change c = begin_large(&b);
	step(&b, (struct event){ .type = EVENT_LINK_CLOSED, .text = "gone" });
	tick_on(&b);
	cr_expect(all_parts(b.log, 'x', 40), "%s", b.log);
	end_large(&b, &c, 1);
}

/* What place says to a part is what it says to a whole. */
Test(receive, what_a_part_of_a_large_one_meets_ends_it)
{
	static const enum place_result answers[] = { PLACE_CHANGED, PLACE_BLOCKED, PLACE_FULL, PLACE_DENIED,
	                                             PLACE_ERROR,   PLACE_UNWANTED };
	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
		struct bench b;
		struct change c = begin_large(&b);
		b.answer = answers[i];
		tick_on(&b);
		cr_expect(strncmp(b.log, "x+x+x?", 6) == 0);
		for (int k = 0; k < 4; k++) {
			pass(&b);
			tick_on(&b);
		}
		cr_expect_eq(b.there, answers[i] != PLACE_UNWANTED, "answer %d", answers[i]);
		cr_expect(answers[i] == PLACE_UNWANTED ? !b.log[6] : all_parts(b.log + 6, 'x', 40), "answer %d: %s",
		          answers[i], b.log);
		end_large(&b, &c, 1);
	}
}

/* A person waits for it: all of its parts at once. The application that is under way goes on behind it. */
Test(receive, a_restore_of_a_large_version_is_whole_when_it_is_answered)
{
	struct bench b;
	struct err e;
	struct change c[3];
	start_in_parts(&b);
	c[0] = make_long(&b, 1, "x", 0, FEW, 'a');
	c[1] = make(&b, 2, "x", 1, "small");
	c[2] = make_long(&b, 3, "z", 0, FEW, 'c');
	for (int i = 0; i < 2; i++) {
		entry(&b, &c[i]);
		tick_on(&b);
	}
	cr_assert(id_equal(&b.file, &c[1].version));
	entry(&b, &c[2]);
	tick_until(&b, "z+");
	*b.log = 0;
	cr_assert(core_restore(b.core, "notes", "x", &c[0].version, &e));
	cr_expect(id_equal(&b.file, &c[0].version));
	cr_expect(strncmp(b.log, "x+x+x+x+x+x!", 12) == 0, "%s", b.log);
	tick_on(&b);
	cr_expect_str_eq(b.log + 12, "z+z+z+z+z+z!");
	end_large(&b, c, 3);
}

/* As a process that ends: nothing of it is told, and the next one begins anew. */
Test(receive, a_large_one_under_way_is_forgotten_with_the_core)
{
	struct bench b;
	struct change c = begin_large(&b);
	end_large(&b, &c, 1);
}

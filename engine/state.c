/* The device's state on disk, and the core made of it: opening, joining, and standing still while the disk refuses. */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "engine/control_server.h"
#include "sys/clock.h"
#include "sys/entropy.h"
#include "wire/message.h"

#define STUMBLE_MS 3000 /* between tries while the disk refuses */
#define SURE_MS    5000 /* it has taken all for so long: it is told that it works again */

/* ---- the core's life ---- */

const char *engine_hub_url(const struct engine *g)
{
	return g->config.hub_url[0] ? g->config.hub_url : g->keyring.url;
}

static void load_item(void *ctx, const struct item_row *row)
{
	core_load_item(ctx, row);
}

static void load_outbox(void *ctx, const struct outbox_row *row)
{
	core_load_outbox(ctx, row);
}

static void load_peer(void *ctx, const struct peer_row *row)
{
	core_load_peer(ctx, row);
}

/* What a person decided about a category stands among the small facts, as words. */
static char *category_fact(const char *category)
{
	return mem_printf("category %s", category);
}

bool state_save_category(struct engine *g, const struct category_row *row)
{
	char *name = category_fact(row->category);
	char *words = mem_printf("%s%s", row->paused ? "paused " : "", row->held ? "held " : "");
	if (row->cut_until_ms) {
		char *more = mem_printf("%scut=%lld,%lld", words, (long long)row->cut_since_ms,
					(long long)row->cut_until_ms);
		free(words);
		words = more;
	}
	bool ok = ledger_set(g->ledger, name, *words ? words : NULL);
	free(words);
	free(name);
	return ok;
}

static void load_categories(struct engine *g)
{
	for (size_t i = 0; i < g->config.category_count; i++) {
		char *name = category_fact(g->config.categories[i].name), *words = ledger_get(g->ledger, name);
		if (words) {
			long long since = 0, until = 0;
			const char *cut = strstr(words, "cut=");
			if (cut && sscanf(cut, "cut=%lld,%lld", &since, &until) != 2)
				since = until = 0;
			core_load_category(g->core, &(struct category_row){ .category = g->config.categories[i].name,
									    .paused = strstr(words, "paused"),
									    .held = strstr(words, "held"),
									    .cut_since_ms = since,
									    .cut_until_ms = until });
		}
		free(words);
		free(name);
	}
}

/* The kernel's own id of this start of the system: another one than at our last start, and no clean stop in between, is
 * a power cut or the like, after which what no program had synced may be gone. "" where there is none. */
static void boot_id(char out[64])
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t len = fd >= 0 ? read(fd, out, 63) : 0;
	if (fd >= 0)
		close(fd);
	out[len > 0 ? len : 0] = 0;
	out[strcspn(out, "\n")] = 0;
}

static bool another_boot(struct engine *g)
{
	char now[64], *before = ledger_get(g->ledger, "boot");
	boot_id(now);
	bool another = before && *now && strcmp(before, now) != 0;
	free(before);
	return another;
}

void state_booted(struct engine *g)
{
	char now[64], *before = ledger_get(g->ledger, "boot");
	boot_id(now);
	if (*now && (!before || strcmp(before, now) != 0))
		g->turn_failed |= !ledger_set(g->ledger, "boot", now);
	free(before);
}

/* A core made of what the ledger holds; its EVENT_BOOT is gathered. */
static bool boot_core(struct engine *g, struct err *e)
{
	struct world world = outside_world(g);
	struct core_setup s = {
		.device = message_device_id(g->keyring.sign_public),
		.key_number = g->keyring.key_number,
		.joined = g->keyring.joined,
		.hub = g->keyring.hub,
		.device_name = g->config.device_name,
		.category_count = g->config.category_count,
		.seed = entropy_u64(),
	};
	if (!ledger_load_state(g->ledger, &s.state, e))
		return false;
	memcpy(s.sign_secret, g->keyring.sign_secret, sizeof s.sign_secret);
	memcpy(s.account_key, g->keyring.account_key, sizeof s.account_key);
	if (!g->sent_before && !g->received_before) {
		g->sent_before = s.state.bytes_sent;
		g->received_before = s.state.bytes_received;
	}
	struct category_setup *categories = engine_setups(&g->config);
	s.categories = categories;
	bool unclean = !g->core && !ledger_was_clean(g->ledger), cut = !ledger_was_clean(g->ledger) && another_boot(g);
	core_destroy(g->core);
	outside_forget(g);
	g->core = core_create(&world, &s);
	free(categories);
	sodium_memzero(&s, sizeof s);
	engine_forget_gathered(g);
	if (g->scan)
		areas_reset(g);
	bool ok = ledger_load_items(g->ledger, load_item, g->core, e) &&
	          ledger_load_outbox(g->ledger, load_outbox, g->core, e) &&
	          ledger_load_peers(g->ledger, load_peer, g->core, e);
	load_categories(g);
	if (ok)
		engine_gather(g, &(struct event){ .type = EVENT_BOOT, .unclean = unclean || cut, .cut = cut });
	return ok;
}

static void damaged(void *ctx, const struct id *version, const char *why)
{
	char hex[ID_HEX];
	engine_notice(ctx, NOTICE_ERROR, "versions", NULL, "version %.10s cannot be read: %s", id_hex(version, hex),
	              why);
}

static struct hash_run *version_start(void *ctx, uint8_t meta, uint64_t len)
{
	struct engine *g = ctx;
	return core_version_start(g->core, meta, len);
}

static const struct retention *rule_of(void *ctx, const char *category)
{
	struct engine *g = ctx;
	const struct config_category *c = config_find(&g->config, category);
	return c ? &c->keep : NULL;
}

bool state_open(struct engine *g, struct err *e)
{
	g->ledger = ledger_open(g->home->state, e);
	if (!g->ledger || !boot_core(g, e))
		return false;
	char *former = ledger_get(g->ledger, "former device");
	if (former)
		id_parse(&g->former, former);
	free(former);
	const struct versions_hooks hooks = {
		.ctx = g,
		.device_name = g->config.device_name,
		.device = message_device_id(g->keyring.sign_public),
		.damaged = damaged,
		.version_start = version_start,
	};
	g->versions = versions_open(g->home->state, g->ledger, &hooks, e);
	g->thinning = g->versions ? thinning_create(g->ledger, g->versions, rule_of, g) : NULL;
	return g->versions != NULL;
}

/* The bytes counted last with the next commit anyway; at the end there is none. */
void state_keep_traffic(struct engine *g)
{
	struct state_row row;
	struct websocket_traffic t;
	outside_traffic(g, &t);
	if (!ledger_load_state(g->ledger, &row, NULL) || !row.epoch ||
	    (row.bytes_sent == t.sent && row.bytes_received == t.received))
		return;
	row.bytes_sent = t.sent;
	row.bytes_received = t.received;
	if (ledger_save_state(g->ledger, &row))
		ledger_commit(g->ledger, NULL);
}

void state_close(struct engine *g)
{
	thinning_destroy(g->thinning);
	g->thinning = NULL;
	versions_close(g->versions);
	ledger_close(g->ledger);
	g->versions = NULL;
	g->ledger = NULL;
}

/* Items and versions are named by the account's key. What was captured under another one stays beside, for a person. */
static bool put_state_aside(struct engine *g, struct err *e)
{
	static const char *const parts[] = { "state.db", "state.db-wal", "state.db-shm", "versions.git", "large" };
	char *folder = mem_printf("%s/before-join-%lld", g->home->state, (long long)clock_wall_ms());
	bool ok = mkdir(folder, 0700) == 0;
	for (size_t i = 0; ok && i < sizeof parts / sizeof *parts; i++) {
		char *from = home_state(g->home, parts[i]), *to = mem_printf("%s/%s", folder, parts[i]);
		ok = rename(from, to) == 0 || errno == ENOENT;
		free(from);
		free(to);
	}
	if (!ok)
		err_set(e, folder, "free some space and try again", "%s", strerror(errno));
	free(folder);
	return ok;
}

static void count_one(void *ctx, const struct item_row *row)
{
	(void)row;
	++*(size_t *)ctx;
}

bool state_rejoin(struct engine *g, const struct keyring *k, const char *device_name, struct err *e)
{
	char *keys = home_state(g->home, "keys");
	size_t items = 0;
	bool other_key = g->keyring.has_account_key
	                         ? sodium_memcmp(g->keyring.account_key, k->account_key, KEY_LEN) != 0
	                         : ledger_load_items(g->ledger, count_one, &items, NULL) && items;
	outside_disconnect(g);
	state_close(g);
	bool ok = (!other_key || put_state_aside(g, e)) && keyring_save(k, keys, e);
	if (ok) {
		g->former = message_device_id(g->keyring.sign_public);
		keyring_wipe(&g->keyring);
		g->keyring = *k;
	}
	free(keys);
	ok = ok && config_set(g->home->config, "hub.url", k->url, e) &&
	     config_set(g->home->config, "device.name", device_name, e);
	struct err again = { 0 };
	if (ok) {
		snprintf(g->config.hub_url, sizeof g->config.hub_url, "%s", k->url);
		snprintf(g->config.device_name, sizeof g->config.device_name, "%s", device_name);
	}
	if (!state_open(g, &again)) {
		engine_notice(g, NOTICE_ALERT, "engine", NULL, "%s: %s", again.what, again.why);
		g->ending = true;
		return ok ? err_set(e, again.what, again.fix, "%s", again.why) : false;
	}
	char hex[ID_HEX];
	if (ok)
		ledger_set(g->ledger, "former device", id_hex(&g->former, hex));
	struct err config = { 0 };
	if (!engine_reload(g, &config))
		engine_notice(g, NOTICE_ERROR, "config", NULL, "%s: %s", config.what, config.why);
	return ok;
}

/* ---- when the disk refuses: nothing leaves, nothing is believed; it is tried again until it works ---- */

void state_stumble(struct engine *g)
{
	if (!g->stumble_told)
		engine_notice(g, NOTICE_ALERT, "engine", NULL,
		              "the state cannot be written: %s: syncing stands still until it can", g->stumble);
	g->stumble_told = true;
	outside_drop(g);
	control_server_stumbled(g->control);
	engine_forget_gathered(g);
	areas_reset(g);
	g->turn_failed = false;
	g->stumbled = true;
	g->stumble_ms = g->now_ms + STUMBLE_MS;
}

void state_recover(struct engine *g)
{
	struct err e = { 0 };
	g->stumble_ms = g->now_ms + STUMBLE_MS;
	engine_forget_gathered(g);
	char mark[32];
	clock_iso(g->wall_ms, mark);
	g->turn_failed = !ledger_set(g->ledger, "mark", mark);
	bool ok = outside_commit(g) && boot_core(g, &e);
	g->turn_failed = false;
	if (!ok)
		return;
	g->stumbled = false;
	g->stumble_ms = g->now_ms + SURE_MS;
}

void state_sure(struct engine *g)
{
	g->stumble_told = false;
	engine_notice(g, NOTICE_INFO, "engine", NULL, "the state can be written again: going on");
}

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/demo.h"
#include "cli/say.h"
#include "control/control.h"
#include "sys/clock.h"

#define LOOK_US 500
#define QUIET_US                                                                                                       \
	2500000 /* longer than any sample's window: an edit right behind another one waits for the window's end */

/* Bytes on a device's socket, both ways. */
struct traffic {
	int64_t sent, received, plain;
};

static struct traffic traffic_of(struct demo *d, struct demo_device *v)
{
	json_t *status = demo_ask(d, v, "status");
	const json_t *t = json_object_get(status, "traffic");
	struct traffic out = { json_get_int(t, "bytes_sent", 0), json_get_int(t, "bytes_received", 0),
		               json_get_int(t, "bytes_plain", 0) };
	json_decref(status);
	return out;
}

static struct traffic traffic_since(struct demo *d, struct demo_device *v, struct traffic before)
{
	struct traffic now = traffic_of(d, v);
	return (struct traffic){ now.sent - before.sent, now.received - before.received, now.plain - before.plain };
}

static void tell(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void tell(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fputs("  ", stdout);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
}

static void chapter(const char *title)
{
	printf("\n%s%s%s\n", say_tint(TINT_STRONG), title, say_plain());
	fflush(stdout);
}

/* Waits until `path` at `to` holds what `from` holds; the time it took in ms, or -1. */
static double until_same(const struct demo_device *from, const struct demo_device *to, const char *path,
                         uint64_t since_us)
{
	struct blob wanted, seen;
	if (!demo_read(from, path, &wanted))
		return -1;
	double took = -1;
	while (took < 0 && !demo_over() && clock_us() - since_us < DEMO_WAIT_MS * 1000ULL) {
		if (demo_read(to, path, &seen) && span_equal(span_blob(&wanted), span_blob(&seen)))
			took = (double)(clock_us() - since_us) / 1000;
		blob_finish(&seen);
		if (took < 0)
			usleep(LOOK_US);
	}
	blob_finish(&wanted);
	return took;
}

/* One line of a file changes on `from`; tells when it was on `to` and what crossed both sockets. */
static bool edit_and_tell(struct demo *d, struct demo_device *from, struct demo_device *to, const char *path,
                          const char *line)
{
	struct traffic a = traffic_of(d, from), b = traffic_of(d, to);
	struct blob whole;
	uint64_t at = clock_us();
	if (!demo_change_line(from, path, line))
		return false;
	double took = until_same(from, to, path, at);
	if (took < 0 || !demo_settle(d) || !demo_read(from, path, &whole))
		return false;
	a = traffic_since(d, from, a);
	b = traffic_since(d, to, b);
	tell("%-8s changed a line of %s (%zu bytes)", from->name, path, whole.len);
	tell("%-8s has it %.1f ms later; on the wire %lld bytes from %s, %lld bytes to %s, answers included", to->name,
	     took, (long long)(a.sent + a.received), from->name, (long long)(b.sent + b.received), to->name);
	blob_finish(&whole);
	return true;
}

static bool first_steps(struct demo *d, uint64_t since_ms)
{
	size_t all;
	char hex[65];
	demo_digest(&d->devices[d->count - 1], hex, &all);
	chapter("A hub and its devices");
	tell("hub      ws://%s, SQLite store", d->address);
	for (size_t i = 0; i < d->count; i++)
		tell("%-8s %s", d->devices[i].name,
		     i ? "joined with an invite from laptop: the account's key never saw the hub"
		       : "joined with the hub's invite and made the account's key");
	tell("%zu files, %llu bytes, on all of them %.1f s after the start", d->files, (unsigned long long)d->bytes,
	     (double)(clock_ms() - since_ms) / 1000);
	return all == d->files;
}

static bool edits(struct demo *d)
{
	struct demo_device *laptop = &d->devices[0], *other = &d->devices[1], *last = &d->devices[d->count - 1];
	chapter("Edits travel as deltas");
	usleep(QUIET_US);
	return edit_and_tell(d, laptop, other, "notes/ideas.md", "- idea: send only what changed") &&
	       edit_and_tell(d, other, laptop, "settings/editor.json", "\t\"editor.fontSize\": 15,") &&
	       edit_and_tell(d, last, laptop, ".bash_aliases", "alias gd='git diff --stat'");
}

static bool rename_one(struct demo *d)
{
	struct demo_device *laptop = &d->devices[0], *other = &d->devices[1];
	char *from = mem_printf("%s/notes/ideas.md", laptop->person),
	     *to = mem_printf("%s/notes/plans.md", laptop->person);
	struct traffic before = traffic_of(d, laptop);
	struct blob whole = { 0 };
	uint64_t at = clock_us();
	chapter("A rename costs no content");
	bool done = !rename(from, to);
	double took = done ? until_same(laptop, other, "notes/plans.md", at) : -1;
	done = took >= 0 && demo_settle(d) && demo_read(laptop, "notes/plans.md", &whole);
	before = traffic_since(d, laptop, before);
	if (done)
		tell("laptop   renamed notes/ideas.md (%zu bytes) to notes/plans.md: on %s in %.1f ms, %lld bytes on "
		     "the wire",
		     whole.len, other->name, took, (long long)(before.sent + before.received));
	blob_finish(&whole);
	free(from);
	free(to);
	return done;
}

static bool offline(struct demo *d)
{
	struct demo_device *laptop = &d->devices[0], *other = &d->devices[1], *last = &d->devices[d->count - 1];
	chapter("Offline edits wait, and go when the link is back");
	demo_hub_stop(d);
	tell("the hub is gone");
	bool done = demo_append(laptop, "notes/shopping.md", "- candles, for when the network is down") &&
	            demo_append(other, "links/quicklinks.md",
	                        "- [offline first](https://www.inkandswitch.com/local-first/)") &&
	            demo_write(last, "notes/offline.md", span_text("# Offline\n\nWritten without a hub.\n"));
	for (size_t i = 0; i < d->count && done; i++)
		done = demo_do(d, &d->devices[i], "sync") == 0;
	tell("%s, %s and %s wrote on without it; each edit is on disk, queued", laptop->name, other->name, last->name);
	uint64_t at = clock_ms();
	done = done && demo_hub_start(d);
	for (size_t i = 0; i < d->count && done; i++)
		done = demo_do(d, &d->devices[i], "retry", "--quiet") == 0;
	done = done && demo_settle(d);
	if (done)
		tell("the hub is back: everything is everywhere %.1f s later", (double)(clock_ms() - at) / 1000);
	return done;
}

static int64_t conflicts_at(struct demo *d, struct demo_device *v)
{
	json_t *rows = demo_ask(d, v, "conflicts");
	int64_t count = rows ? (int64_t)json_array_size(rows) : -1;
	json_decref(rows);
	return count;
}

static bool conflicts_everywhere(struct demo *d, int64_t wanted)
{
	for (size_t i = 0; i < d->count; i++)
		if (conflicts_at(d, &d->devices[i]) != wanted)
			return false;
	return true;
}

static bool conflict(struct demo *d)
{
	struct demo_device *laptop = &d->devices[0], *other = &d->devices[1];
	chapter("Both changed: nothing is overwritten");
	if (demo_do(d, other, "pause", "--quiet") ||
	    !demo_change_line(laptop, "settings/terminal.conf", "scrollback = 20000") ||
	    !demo_change_line(other, "settings/terminal.conf", "scrollback = 50000") ||
	    demo_do(d, laptop, "wait", "--synced", "--timeout", DEMO_WAIT_S) ||
	    demo_do(d, other, "resume", "--quiet") || !demo_settle(d))
		return false;
	tell("laptop   wrote 'scrollback = 20000', %s wrote 'scrollback = 50000' without knowing of it", other->name);
	if (!conflicts_everywhere(d, 1))
		return say_fail(CONTROL_FAILED, "demo", NULL, "not every device lists the conflict"), false;
	tell("every device lists the conflict; the files of both are untouched, both versions are safe at the hub");
	if (demo_do(d, laptop, "resolve", "extensions-and-settings/terminal.conf", "--keep", "theirs", "--quiet") ||
	    !demo_settle(d))
		return false;
	if (!conflicts_everywhere(d, 0))
		return say_fail(CONTROL_FAILED, "demo", NULL, "the settlement did not reach every device"), false;
	tell("laptop   settled it: theirs. It is settled everywhere; the other version stays in the history");
	return true;
}

static bool everyday(struct demo *d, int64_t seconds)
{
	uint64_t until = clock_ms() + (uint64_t)seconds * 1000;
	char told[160];
	if (seconds <= 0)
		return true;
	chapter("Everyday life");
	for (size_t i = 0; !demo_over() && clock_ms() < until; i++) {
		if (demo_live(d, &d->devices[i % d->count], told))
			tell("%s", told);
		usleep(150000 + (unsigned)rng_below(&d->rng, 300000));
		if (!demo_settle(d))
			return false;
	}
	/* People who hit the same line at once left conflicts: settled here, so that all ends equal. */
	return demo_do(d, &d->devices[0], "resolve", "--all", "--keep", "theirs", "--quiet") == 0 && demo_settle(d);
}

static bool equal_at_the_end(struct demo *d)
{
	char first[65], hex[65];
	size_t items;
	bool equal = true;
	struct traffic sum = { 0, 0, 0 };
	struct table *t = table_create();
	table_column(t, "device", 0);
	table_column(t, "files", COLUMN_RIGHT);
	table_column(t, "sent", COLUMN_RIGHT);
	table_column(t, "received", COLUMN_RIGHT);
	table_column(t, "sha256 of names, bits and bytes", 0);
	for (size_t i = 0; i < d->count; i++) {
		struct traffic now = traffic_of(d, &d->devices[i]);
		demo_digest(&d->devices[i], hex, &items);
		if (i == 0)
			memcpy(first, hex, sizeof first);
		bool same = !strcmp(first, hex);
		equal = equal && same;
		sum = (struct traffic){ sum.sent + now.sent, sum.received + now.received, sum.plain + now.plain };
		table_cell(t, TINT_NONE, d->devices[i].name);
		table_number(t, (int64_t)items);
		table_cell(t, TINT_DIM, say_bytes((double)now.sent));
		table_cell(t, TINT_DIM, say_bytes((double)now.received));
		table_cell(t, same ? TINT_GOOD : TINT_BAD, hex);
	}
	chapter("The end");
	if (sum.plain > 0)
		tell("%lld bytes crossed the sockets, whole files would have been %lld: %.1f %% saved",
		     (long long)(sum.sent + sum.received), (long long)sum.plain,
		     100.0 * (double)(sum.plain - sum.sent - sum.received) / (double)sum.plain);
	putchar('\n');
	table_print(t, "  ");
	printf("\n  %s\n", equal ? "every device holds the same bytes" : "the devices DIFFER");
	return equal;
}

int demo_story(struct demo *d, size_t devices, int64_t seconds)
{
	uint64_t start = clock_ms();
	bool told = demo_open(d, devices) && first_steps(d, start) && edits(d) && rename_one(d) && offline(d) &&
	            conflict(d) && everyday(d, seconds) && demo_settle(d);
	if (!told)
		return demo_over() ? CONTROL_FAILED
		                   : say_fail(CONTROL_FAILED, "demo", NULL, "the story broke off here");
	return equal_at_the_end(d) ? CONTROL_DONE : CONTROL_FAILED;
}

#include "engine/core/category/retention.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "base/mem.h"

static const char *const grains[RETENTION_GRAINS] = { "all", "hour", "day", "week" };
static const int64_t lengths[RETENTION_GRAINS] = { 0, 3600000, 86400000, 7 * 86400000LL };

/* ---- words ---- */

/* Blanks around the next of the parts that commas separate are left out. False: none is left. */
static bool part_next(const char **text, char out[40])
{
	const char *start = *text + strspn(*text, " \t");
	size_t len = strcspn(start, ",");
	if (!*start)
		return false;
	*text = start + len + (start[len] == ',');
	while (len && (start[len - 1] == ' ' || start[len - 1] == '\t'))
		len--;
	snprintf(out, 40, "%.*s", (int)(len < 39 ? len : 39), start);
	return true;
}

static bool count_parse(const char *text, uint32_t *out)
{
	uint32_t n = 0;
	size_t i = 0;
	for (; text[i] >= '0' && text[i] <= '9' && i < 6; i++)
		n = n * 10 + (uint32_t)(text[i] - '0');
	*out = n;
	return i && !text[i];
}

static bool part_parse(const char *part, struct retention *r, const char **why)
{
	size_t len = strcspn(part, " \t");
	const char *value = part + len + strspn(part + len, " \t");
	if (!strncmp(part, "last", len) && len == 4) {
		*why = "'last' takes a number of versions, up to 999999";
		return count_parse(value, &r->last);
	}
	for (int i = 0; i < RETENTION_GRAINS; i++) {
		if (strlen(grains[i]) != len || strncmp(part, grains[i], len) != 0)
			continue;
		*why = "an age is a time such as 12h or 30d, up to 366d, or forever";
		if (!strcmp(value, "forever"))
			r->until_ms[i] = RETENTION_EVER;
		else if (!duration_parse(value, &r->until_ms[i]) || r->until_ms[i] <= 0)
			return false;
		return true;
	}
	*why = "it names neither all, hour, day, week nor last";
	return false;
}

bool retention_parse(const char *text, struct retention *r, const char **why)
{
	struct retention made = { .until_ms = { 0 } };
	char part[40];
	bool some = false;
	int64_t before = 0;
	if (!strcmp(text, "forever")) {
		*r = (struct retention){ .until_ms = { RETENTION_EVER } };
		return true;
	}
	for (const char *at = text; part_next(&at, part); some = true)
		if (!part_parse(part, &made, why))
			return false;
	for (int i = 0; i < RETENTION_GRAINS; i++) {
		*why = "each step must reach further back than the one before it";
		if (made.until_ms[i] && made.until_ms[i] <= before)
			return false;
		before = made.until_ms[i] ? made.until_ms[i] : before;
	}
	*why = "it is empty";
	if (some)
		*r = made;
	return some;
}

static void write_age(struct buf *out, int64_t ms)
{
	if (ms == RETENTION_EVER)
		buf_printf(out, "forever");
	else if (ms % 86400000 == 0)
		buf_printf(out, "%lldd", (long long)(ms / 86400000));
	else if (ms % 3600000 == 0)
		buf_printf(out, "%lldh", (long long)(ms / 3600000));
	else
		buf_printf(out, "%lldms", (long long)ms);
}

void retention_write(const struct retention *r, struct buf *out)
{
	const char *comma = "";
	if (r->until_ms[RETENTION_ALL] == RETENTION_EVER) {
		buf_printf(out, "forever");
		return;
	}
	for (int i = 0; i < RETENTION_GRAINS; i++) {
		if (!r->until_ms[i])
			continue;
		buf_printf(out, "%s%s ", comma, grains[i]);
		write_age(out, r->until_ms[i]);
		comma = ", ";
	}
	if (r->last || !*comma)
		buf_printf(out, "%slast %u", comma, r->last);
}

/* ---- deciding ---- */

/* When each came, at the earliest that its clock and its neighbours allow: ascending, none after now. */
static int64_t *times_of(const struct retention_version *v, size_t count, int64_t now_ms)
{
	int64_t *at = mem_grow(NULL, count + 1, sizeof *at), most = INT64_MIN, next = now_ms;
	for (size_t i = 0; i < count; i++) {
		most = v[i].at_ms <= now_ms && v[i].at_ms > most ? v[i].at_ms : most;
		at[i] = v[i].at_ms > now_ms ? INT64_MAX : most;
	}
	for (size_t i = count; i-- > 0;)
		next = at[i] = at[i] == INT64_MAX ? next : at[i];
	return at;
}

/* How finely versions of this age stay; RETENTION_GRAINS: not at all. */
static int grain_of(const struct retention *r, int64_t age_ms)
{
	int i = 0;
	while (i < RETENTION_GRAINS && age_ms >= r->until_ms[i])
		i++;
	return i;
}

static int64_t period_of(int64_t at_ms, int64_t length)
{
	return at_ms >= 0 ? at_ms / length : -((-at_ms - 1) / length) - 1;
}

void retention_decide(const struct retention *r, struct retention_version *v, size_t count, int64_t now_ms)
{
	int64_t *at = times_of(v, count, now_ms);
	for (size_t i = 0; i < count; i++) {
		int grain = grain_of(r, now_ms - at[i]);
		bool newest = i + 1 == count || count - i <= r->last;
		bool last_of_its_time = grain > RETENTION_ALL && grain < RETENTION_GRAINS && !newest &&
					period_of(at[i], lengths[grain]) != period_of(at[i + 1], lengths[grain]);
		v[i].drop = !newest && !v[i].needed && grain != RETENTION_ALL && !last_of_its_time;
	}
	free(at);
}

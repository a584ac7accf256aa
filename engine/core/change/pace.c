#include "engine/core/change/pace.h"

#include <string.h>

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

void pace_edit(struct pace *h, const struct pace_rule *r, uint64_t now_ms)
{
	uint64_t before = later(h->edit_ms, h->sent_ms);
	h->lone = !before || now_ms - before >= r->debounce_ms;
	h->edit_ms = now_ms;
	if (!h->since_ms)
		h->since_ms = now_ms;
}

/* Forgets the slots that are over a minute old. */
static void turn(struct pace *h, uint64_t slot)
{
	if (slot - h->slot >= PACE_SLOTS)
		memset(h->sent, 0, sizeof h->sent);
	else
		for (uint64_t s = h->slot; s < slot;)
			h->sent[++s % PACE_SLOTS] = 0;
	h->slot = slot;
}

void pace_sent(struct pace *h, uint64_t now_ms)
{
	turn(h, now_ms / PACE_SLOT_MS);
	if (h->sent[h->slot % PACE_SLOTS] < UINT16_MAX)
		h->sent[h->slot % PACE_SLOTS]++;
	h->sent_ms = now_ms;
	h->since_ms = 0;
}

/* When the newest `max` changes, but for one, are all more than a minute old. */
static uint64_t free_at(const struct pace *h, uint32_t max, uint64_t now_ms)
{
	uint64_t now = now_ms / PACE_SLOT_MS, count = 0;
	for (uint64_t s = h->slot, i = 0; i < PACE_SLOTS; i++, s--) {
		if (now - s >= PACE_SLOTS)
			break;
		count += h->sent[s % PACE_SLOTS];
		if (count >= max)
			return (s + PACE_SLOTS) * PACE_SLOT_MS;
		if (!s)
			break;
	}
	return 0;
}

static uint64_t window_end(const struct pace *h, const struct pace_rule *r)
{
	return h->lone || !h->sent_ms ? 0 : h->sent_ms + r->debounce_ms;
}

bool pace_weighs(const struct pace *h, const struct pace_rule *r, uint64_t now_ms)
{
	return r->min_change_bytes && !h->lone && h->sent_ms && window_end(h, r) <= now_ms &&
	       h->since_ms + r->max_wait_ms > now_ms;
}

enum pace_why pace_why(const struct pace *h, const struct pace_rule *r, uint64_t changed, uint64_t now_ms,
		       uint64_t *until_ms)
{
	uint64_t window = window_end(h, r), rate = r->max_per_minute ? free_at(h, r->max_per_minute, now_ms) : 0;
	*until_ms = 0;
	if (!h->since_ms)
		return PACE_NOT;
	if (rate > now_ms) {
		*until_ms = rate;
		return PACE_RATE;
	}
	if (window > now_ms) {
		*until_ms = window;
		return PACE_WINDOW;
	}
	if (pace_weighs(h, r, now_ms) && changed < r->min_change_bytes) {
		*until_ms = h->since_ms + r->max_wait_ms;
		return PACE_SMALL;
	}
	return PACE_NOT;
}

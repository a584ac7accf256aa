#include "engine/journal.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"
#include "sys/clock.h"
#include "sys/log.h"

static const char *const level_names[] = { "debug", "info", "warn", "error", "alert" };

static void line_finish(struct journal_line *l)
{
	free(l->from);
	free(l->item);
	free(l->text);
	*l = (struct journal_line){ 0 };
}

/* The file outlives the console and is read by others: names of items and categories are kept out of it. The same name
 * always gives the same eight digits, so that lines about one thing can be told together. */
static char *on_disk(const char *item)
{
	char hex[ID_HEX];
	if (!item)
		return NULL;
	struct span name = span_text(item);
	struct id hash = hash_plain("syncline log", &name, 1);
	return mem_printf("~%.8s", id_hex(&hash, hex));
}

void journal_add(struct journal *j, int64_t wall_ms, enum notice_level level, const char *from, const char *item,
                 const char *text)
{
	struct journal_line *l = &j->lines[j->count++ % JOURNAL_KEPT];
	line_finish(l);
	*l = (struct journal_line){ wall_ms, level, mem_text(from), mem_text(item), mem_text(text) };
	char *safe = on_disk(item);
	log_line(level_names[level], from, safe, text);
	free(safe);
}

void journal_finish(struct journal *j)
{
	for (size_t i = 0; i < JOURNAL_KEPT; i++)
		line_finish(&j->lines[i]);
}

uint64_t journal_first(const struct journal *j)
{
	return j->count > JOURNAL_KEPT ? j->count - JOURNAL_KEPT : 0;
}

static json_t *text_of(const char *text)
{
	return text ? json_bytes(text, strlen(text)) : json_null();
}

json_t *journal_json(const struct journal *j, uint64_t number)
{
	const struct journal_line *l = &j->lines[number % JOURNAL_KEPT];
	char at[32];
	return json_pack("{s:s, s:s, s:o, s:o, s:o}", "at", clock_iso(l->wall_ms, at), "level", level_names[l->level],
	                 "from", text_of(l->from), "item", text_of(l->item), "text", text_of(l->text));
}

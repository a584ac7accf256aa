/* Keys: a command, a text that is being typed, or a paste that is neither. */
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "ui/view.h"

#define PASTE_KEYS  16 /* more than this in one read, with PASTE_KINDS kinds, is no typing */
#define PASTE_KINDS 3

static enum command find_command(const char *name, size_t len)
{
	enum command found = CMD_NONE;
	for (int i = 1; i < CMD_COUNT; i++) {
		const char *known = keys_command_name((enum command)i);
		if (strncmp(known, name, len))
			continue;
		if (strlen(known) == len)
			return (enum command)i;
		if (found != CMD_NONE)
			return CMD_NONE; /* could be two */
		found = (enum command)i;
	}
	return found;
}

static void run_line(struct view *v, const char *line)
{
	size_t len = strcspn(line, " ");
	const char *rest = line + len + strspn(line + len, " ");
	bool resume = !strncmp("resume", line, len) && len > 3;
	if (!len)
		return;
	if (len > 3 && *rest && !strncmp("restore", line, len)) {
		view_ask_plain(v, json_pack("{s:s,s:s}", "do", "restore", "category", rest), "Brought back.");
		return;
	}
	if (resume || (!strncmp("pause", line, len) && len > 1)) {
		json_t *request = json_pack("{s:s}", "do", resume ? "resume" : "pause");
		if (*rest)
			json_object_set_new(request, "category", json_string(rest));
		view_ask_plain(v, request, resume ? "Resumed." : "Paused.");
		return;
	}
	enum command command = find_command(line, len);
	if (command == CMD_NONE)
		view_hint(v, "No command, or more than one, starts with %.60s.  ? lists them.", line);
	else if (command == CMD_THEME)
		snprintf(v->theme, sizeof v->theme, "%s", *rest ? rest : "harbor");
	else if (command == CMD_FILTER && *rest && screen_of(v->screen)->lister)
		snprintf(v->filters[v->screen], sizeof v->filters[0], "%s", rest);
	else
		view_do(v, command);
}

static void insert(struct view *v, uint32_t key)
{
	char bytes[4];
	size_t len = strlen(v->field), n;
	if (key < 32 || key >= 0x110000 || utf8_unsafe(key))
		return;
	n = utf8_encode(key, bytes);
	if (len + n >= sizeof v->field)
		return;
	memcpy(v->field + len, bytes, n);
	v->field[len + n] = 0;
}

static void erase_one(char *field)
{
	size_t len = strlen(field);
	while (len && ((uint8_t)field[len - 1] & 0xc0) == 0x80)
		len--;
	if (len)
		field[len - 1] = 0;
}

static void type(struct view *v, uint32_t key)
{
	bool was_empty = !v->field[0];
	if (key == KEYS_ESC || key == 3) {
		if (v->prompt == PROMPT_FILTER)
			v->filters[v->screen][0] = 0;
		v->prompt = PROMPT_NONE;
		return;
	}
	if (key == KEYS_ENTER) {
		enum prompt prompt = v->prompt;
		v->prompt = PROMPT_NONE;
		if (prompt == PROMPT_COMMAND)
			run_line(v, v->field + strspn(v->field, " "));
		return;
	}
	if (key == KEYS_BACKSPACE || key == KEYS_DELETE || key == 8) {
		erase_one(v->field);
		if (was_empty)
			v->prompt = PROMPT_NONE;
	} else if (key == ('u' & 31)) {
		v->field[0] = 0;
	} else if (key == ('w' & 31)) {
		size_t len = strlen(v->field);
		while (len && v->field[len - 1] == ' ')
			v->field[--len] = 0;
		while (len && v->field[len - 1] != ' ')
			v->field[--len] = 0;
	} else if (key == KEYS_TAB && v->prompt == PROMPT_COMMAND) {
		enum command command = find_command(v->field, strlen(v->field));
		if (command != CMD_NONE)
			snprintf(v->field, sizeof v->field, "%s ", keys_command_name(command));
	} else {
		insert(v, key);
	}
	if (v->prompt == PROMPT_FILTER) {
		model_settle_queue(&v->model);
		strcpy(v->filters[v->screen], v->field);
	}
}

static void help_key(struct view *v, uint32_t key, enum command command)
{
	if (command == CMD_DOWN || command == CMD_PAGE_DOWN)
		v->help_top += command == CMD_DOWN ? 1 : 10;
	else if (command == CMD_UP || command == CMD_PAGE_UP)
		v->help_top -= v->help_top < 10 && command == CMD_PAGE_UP ? v->help_top
		               : command == CMD_UP                        ? v->help_top > 0
		                                                          : 10;
	else if (command == CMD_QUIT)
		v->quit = true;
	else if (command == CMD_REDRAW || command == CMD_SUSPEND || (command >= CMD_HOME && command <= CMD_LOG))
		view_do(v, command);
	else if (command == CMD_BACK || command == CMD_HELP || key == KEYS_ENTER)
		v->help = false;
}

static bool take_paste(struct view *v, uint32_t key)
{
	if (key == KEYS_PASTE_BEGIN) {
		v->pasting = true;
		v->pasted = 0;
	} else if (key == KEYS_PASTE_END) {
		v->pasting = false;
		if (v->pasted)
			view_hint(v, "Ignored %zu pasted character%s.", v->pasted, v->pasted == 1 ? "" : "s");
	} else if (v->pasting && v->prompt != PROMPT_NONE) {
		insert(v, key == '\n' || key == KEYS_ENTER || key == '\t' ? ' ' : key);
		if (v->prompt == PROMPT_FILTER)
			strcpy(v->filters[v->screen], v->field);
	} else if (v->pasting) {
		v->pasted++;
	} else {
		return false;
	}
	return true;
}

void view_key(struct view *v, uint32_t key)
{
	v->key_ms = v->mono_ms;
	if (key == KEYS_IGNORED || take_paste(v, key))
		return;
	unsigned where = 1u << v->screen | (v->attach == ATTACH_DOWN ? KEYS_ENGINE_DOWN : 0);
	enum command command = keys_find(key == '\n' ? (uint32_t)KEYS_ENTER : key, where);
	if (v->prompt != PROMPT_NONE && command != CMD_SUSPEND && command != CMD_REDRAW)
		type(v, key == '\n' ? (uint32_t)KEYS_ENTER : key);
	else if (v->help)
		help_key(v, key, command);
	else
		view_do(v, command);
}

/* A terminal without bracketed paste hands a paste over as keys; nobody types like that. A held key is one kind. */
static bool looks_pasted(const uint32_t *keys, size_t n)
{
	uint32_t kinds[PASTE_KINDS];
	size_t printable = 0, seen = 0;
	for (size_t i = 0; i < n; i++) {
		if (keys[i] == KEYS_PASTE_BEGIN || keys[i] == KEYS_PASTE_END)
			return false;
		if (keys[i] < 32 || keys[i] >= 0x110000)
			continue;
		printable++;
		bool known = strchr("hjklgGnN", keys[i] < 128 ? (int)keys[i] : 'j') != NULL;
		for (size_t k = 0; k < seen && !known; k++)
			known = kinds[k] == keys[i];
		if (!known && seen < PASTE_KINDS)
			kinds[seen++] = keys[i];
	}
	return printable > PASTE_KEYS && seen >= PASTE_KINDS;
}

void view_keys(struct view *v, const uint32_t *keys, size_t n)
{
	if (v->prompt == PROMPT_NONE && !v->pasting && looks_pasted(keys, n)) {
		v->key_ms = v->mono_ms;
		view_hint(v, "Ignored %zu pasted characters.", n);
		return;
	}
	for (size_t i = 0; i < n && !v->quit; i++)
		view_key(v, keys[i]);
}

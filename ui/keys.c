#include "ui/keys.h"

#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "ui/view.h"

#define CTRL(letter) ((letter)&31)
#define AT(screen)   (1u << SCREEN_##screen)

const struct binding bindings[] = {
	{ KEYS_ENGINE_DOWN, 's', CMD_START },
	{ AT(HOME) | AT(CONFLICTS), 'm', CMD_MINE },
	{ AT(HOME) | AT(CONFLICTS), 't', CMD_THEIRS },
	{ AT(CONFLICTS), 'u', CMD_UNDECIDE },
	{ AT(CATEGORIES), 'p', CMD_PAUSE_CATEGORY },
	{ AT(QUEUE) | AT(CONFLICTS) | AT(HOME), 'H', CMD_ITEM_HISTORY },
	{ AT(HISTORY), 'R', CMD_RESTORE },
	{ AT(LOG), 'F', CMD_FOLLOW },
	{ AT(LOG), 'L', CMD_LEVEL },
	{ KEYS_EVERYWHERE, '1', CMD_HOME },
	{ KEYS_EVERYWHERE, '2', CMD_QUEUE },
	{ KEYS_EVERYWHERE, '3', CMD_CONFLICTS },
	{ KEYS_EVERYWHERE, '4', CMD_CATEGORIES },
	{ KEYS_EVERYWHERE, '5', CMD_DEVICES },
	{ KEYS_EVERYWHERE, '6', CMD_TRAFFIC },
	{ KEYS_EVERYWHERE, '7', CMD_HISTORY },
	{ KEYS_EVERYWHERE, '8', CMD_LOG },
	{ KEYS_EVERYWHERE, KEYS_TAB, CMD_NEXT_BLOCK },
	{ KEYS_EVERYWHERE, KEYS_BACK_TAB, CMD_PREVIOUS_BLOCK },
	{ KEYS_EVERYWHERE, 'j', CMD_DOWN },
	{ KEYS_EVERYWHERE, KEYS_DOWN, CMD_DOWN },
	{ KEYS_EVERYWHERE, 'k', CMD_UP },
	{ KEYS_EVERYWHERE, KEYS_UP, CMD_UP },
	{ KEYS_EVERYWHERE, 'g', CMD_TOP },
	{ KEYS_EVERYWHERE, KEYS_HOME, CMD_TOP },
	{ KEYS_EVERYWHERE, 'G', CMD_BOTTOM },
	{ KEYS_EVERYWHERE, KEYS_END, CMD_BOTTOM },
	{ KEYS_EVERYWHERE, CTRL('d'), CMD_HALF_DOWN },
	{ KEYS_EVERYWHERE, CTRL('u'), CMD_HALF_UP },
	{ KEYS_EVERYWHERE, KEYS_PAGE_DOWN, CMD_PAGE_DOWN },
	{ KEYS_EVERYWHERE, CTRL('f'), CMD_PAGE_DOWN },
	{ KEYS_EVERYWHERE, KEYS_PAGE_UP, CMD_PAGE_UP },
	{ KEYS_EVERYWHERE, CTRL('b'), CMD_PAGE_UP },
	{ KEYS_EVERYWHERE, KEYS_ENTER, CMD_OPEN },
	{ KEYS_EVERYWHERE, 'l', CMD_OPEN },
	{ KEYS_EVERYWHERE, KEYS_RIGHT, CMD_OPEN },
	{ KEYS_EVERYWHERE, KEYS_ESC, CMD_BACK },
	{ KEYS_EVERYWHERE, 'q', CMD_BACK },
	{ KEYS_EVERYWHERE, 'h', CMD_BACK },
	{ KEYS_EVERYWHERE, KEYS_LEFT, CMD_BACK },
	{ KEYS_EVERYWHERE, '/', CMD_FILTER },
	{ KEYS_EVERYWHERE, ':', CMD_PALETTE },
	{ KEYS_EVERYWHERE, CTRL('p'), CMD_PALETTE },
	{ KEYS_EVERYWHERE, 'c', CMD_SETTLE },
	{ KEYS_EVERYWHERE, 'r', CMD_RETRY },
	{ KEYS_EVERYWHERE, 'P', CMD_PAUSE },
	{ KEYS_EVERYWHERE, '?', CMD_HELP },
	{ KEYS_EVERYWHERE, KEYS_F1, CMD_HELP },
	{ KEYS_EVERYWHERE, CTRL('l'), CMD_REDRAW },
	{ KEYS_EVERYWHERE, CTRL('z'), CMD_SUSPEND },
	{ KEYS_EVERYWHERE, 'Q', CMD_QUIT },
	{ KEYS_EVERYWHERE, CTRL('c'), CMD_QUIT },
	{ 0, 0, CMD_NONE },
};

static const struct {
	const char *name, *hint, *help;
} commands[CMD_COUNT] = {
#define COMMAND_ROW(name, id, hint, help) [CMD_##id] = { name, hint, help },
	COMMANDS(COMMAND_ROW)
#undef COMMAND_ROW
};

enum command keys_find(uint32_t key, unsigned where)
{
	for (const struct binding *b = bindings; b->key; b++)
		if (b->key == key && (b->where & where))
			return b->command;
	return CMD_NONE;
}

uint32_t keys_of(enum command command, unsigned where)
{
	for (const struct binding *b = bindings; b->key; b++)
		if (b->command == command && (b->where & where))
			return b->key;
	return 0;
}

const char *keys_name(uint32_t key, char out[16])
{
	static const struct {
		uint32_t key;
		const char *name;
	} names[] = { { KEYS_ENTER, "Enter" },  { KEYS_TAB, "Tab" },        { KEYS_ESC, "Esc" },
		      { KEYS_UP, "Up" },        { KEYS_DOWN, "Down" },      { KEYS_LEFT, "Left" },
		      { KEYS_RIGHT, "Right" },  { KEYS_HOME, "Home" },      { KEYS_END, "End" },
		      { KEYS_PAGE_UP, "PgUp" }, { KEYS_PAGE_DOWN, "PgDn" }, { KEYS_BACK_TAB, "Shift-Tab" },
		      { KEYS_DELETE, "Del" },   { KEYS_F1, "F1" },          { KEYS_BACKSPACE, "Backspace" },
		      { ' ', "Space" } };
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (names[i].key == key)
			return strcpy(out, names[i].name);
	if (key < 32) {
		snprintf(out, 16, "Ctrl-%c", (char)(key | 96));
	} else {
		size_t n = key < 0x110000 ? utf8_encode(key, out) : 0;
		out[n] = 0;
	}
	return out;
}

const char *keys_command_name(enum command command)
{
	return commands[command].name;
}

const char *keys_command_hint(enum command command)
{
	return commands[command].hint;
}

const char *keys_command_help(enum command command)
{
	return commands[command].help;
}

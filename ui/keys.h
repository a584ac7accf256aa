/* keys: the one table of what each key does where. The help overlay, the key row and the palette are made from it. */
#ifndef UI_KEYS_H
#define UI_KEYS_H
#include <stddef.h>
#include <stdint.h>

/* Keys are code points; those without one follow behind Unicode. Control letters are 1..26. */
enum key {
	KEYS_ENTER = 13,
	KEYS_TAB = 9,
	KEYS_ESC = 27,
	KEYS_BACKSPACE = 127,
	KEYS_UP = 0x110000,
	KEYS_DOWN,
	KEYS_LEFT,
	KEYS_RIGHT,
	KEYS_HOME,
	KEYS_END,
	KEYS_PAGE_UP,
	KEYS_PAGE_DOWN,
	KEYS_BACK_TAB,
	KEYS_DELETE,
	KEYS_F1,
	KEYS_PASTE_BEGIN,
	KEYS_PASTE_END,
	KEYS_IGNORED,
};

/* name in the palette, identifier, word on the key row, line in the help */
#define COMMANDS(X)                                                                                                    \
	X("", NONE, "", "")                                                                                            \
	X("home", HOME, "home", "the overview")                                                                        \
	X("queue", QUEUE, "queue", "what is on its way")                                                               \
	X("conflicts", CONFLICTS, "conflicts", "what needs you")                                                       \
	X("categories", CATEGORIES, "categories", "what is synced")                                                    \
	X("devices", DEVICES, "devices", "who else is here")                                                           \
	X("traffic", TRAFFIC, "traffic", "bytes, now and saved")                                                       \
	X("history", HISTORY, "history", "versions, newest first")                                                     \
	X("log", LOG, "log", "everything that was said")                                                               \
	X("down", DOWN, "down", "move down")                                                                           \
	X("up", UP, "up", "move up")                                                                                   \
	X("top", TOP, "top", "top; new rows sort in")                                                                  \
	X("bottom", BOTTOM, "bottom", "last row")                                                                      \
	X("half-down", HALF_DOWN, "", "half a page down")                                                              \
	X("half-up", HALF_UP, "", "half a page up")                                                                    \
	X("page-down", PAGE_DOWN, "", "a page down")                                                                   \
	X("page-up", PAGE_UP, "", "a page up")                                                                         \
	X("next", NEXT_BLOCK, "next block", "next block, next screen")                                                 \
	X("previous", PREVIOUS_BLOCK, "", "previous block")                                                            \
	X("open", OPEN, "open", "open, or apply")                                                                      \
	X("back", BACK, "back", "back; on Home quit")                                                                  \
	X("quit", QUIT, "quit", "quit; the engine stays")                                                              \
	X("help", HELP, "help", "this help")                                                                           \
	X("command", PALETTE, "command", "type a command")                                                             \
	X("filter", FILTER, "filter", "filter; Esc clears")                                                            \
	X("settle", SETTLE, "settle", "the oldest conflict")                                                           \
	X("mine", MINE, "mine", "mine: keep this side")                                                                \
	X("theirs", THEIRS, "theirs", "theirs: take that side")                                                        \
	X("undecide", UNDECIDE, "undo choice", "take the choice back")                                                 \
	X("retry", RETRY, "retry", "try the hub again now")                                                            \
	X("pause", PAUSE, "pause", "pause or resume all sync")                                                         \
	X("pause-category", PAUSE_CATEGORY, "pause", "pause or resume it")                                             \
	X("item-history", ITEM_HISTORY, "history", "its versions")                                                     \
	X("restore", RESTORE, "restore", "back to this version")                                                       \
	X("follow", FOLLOW, "follow", "follow the log again")                                                          \
	X("level", LEVEL, "level", "lowest level shown")                                                               \
	X("start", START, "start it", "start the engine")                                                              \
	X("redraw", REDRAW, "", "paint everything again")                                                              \
	X("suspend", SUSPEND, "", "to the shell, fg returns")                                                          \
	X("theme", THEME, "", "theme NAME")

enum command {
#define COMMAND_ENUM(name, id, hint, help) CMD_##id,
	COMMANDS(COMMAND_ENUM)
#undef COMMAND_ENUM
	        CMD_COUNT
};

/* Where a binding holds: one bit for each screen (1 << enum screen_id), and these. */
#define KEYS_EVERYWHERE  0xffu
#define KEYS_ENGINE_DOWN 0x100u

struct binding {
	unsigned where;
	uint32_t key;
	enum command command;
};

extern const struct binding bindings[]; /* narrower ones first; ends with key 0 */
enum command keys_find(uint32_t key, unsigned where);
uint32_t keys_of(enum command command, unsigned where); /* the first key bound to it, 0: none */
const char *keys_name(uint32_t key, char out[16]);
const char *keys_command_name(enum command command);
const char *keys_command_hint(enum command command);
const char *keys_command_help(enum command command);
#endif

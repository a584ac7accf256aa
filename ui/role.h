/* role: what a cell means. Screens speak in roles, a theme says how each looks on a terminal. */
#ifndef UI_ROLE_H
#define UI_ROLE_H

/* name in theme files, identifier, the role it follows where a theme does not set it (TEXT: only its colours) */
#define ROLES(X)                                                                                                       \
	X("text", TEXT, TEXT)                                                                                          \
	X("muted", MUTED, TEXT)                                                                                        \
	X("heading", HEADING, TEXT)                                                                                    \
	X("verdict", VERDICT, TEXT)                                                                                    \
	X("tab", TAB, MUTED)                                                                                           \
	X("tab-current", TAB_CURRENT, TEXT)                                                                            \
	X("key", KEY, TEXT)                                                                                            \
	X("message", MESSAGE, TEXT)                                                                                    \
	X("selected", SELECTED, TEXT)                                                                                  \
	X("marked", MARKED, WARN)                                                                                      \
	X("match", MATCH, WARN)                                                                                        \
	X("ok", OK, TEXT)                                                                                              \
	X("busy", BUSY, TEXT)                                                                                          \
	X("waiting", WAITING, MUTED)                                                                                   \
	X("paused", PAUSED, TEXT)                                                                                      \
	X("warn", WARN, TEXT)                                                                                          \
	X("offline", OFFLINE, WARN)                                                                                    \
	X("conflict", CONFLICT, ERROR)                                                                                 \
	X("error", ERROR, TEXT)                                                                                        \
	X("mine", MINE, BUSY)                                                                                          \
	X("theirs", THEIRS, WARN)                                                                                      \
	X("original", ORIGINAL, MUTED)                                                                                 \
	X("result", RESULT, TEXT)                                                                                      \
	X("added", ADDED, OK)                                                                                          \
	X("removed", REMOVED, ERROR)                                                                                   \
	X("changed", CHANGED, TEXT)                                                                                    \
	X("up", UP, BUSY)                                                                                              \
	X("down", DOWN, TEXT)                                                                                          \
	X("saved", SAVED, OK)                                                                                          \
	X("graph-scale", GRAPH_SCALE, MUTED)                                                                           \
	X("pri-critical", PRI_CRITICAL, ERROR)                                                                         \
	X("pri-high", PRI_HIGH, TEXT)                                                                                  \
	X("pri-normal", PRI_NORMAL, TEXT)                                                                              \
	X("pri-low", PRI_LOW, MUTED)                                                                                   \
	X("here", HERE, OK)                                                                                            \
	X("away", AWAY, MUTED)                                                                                         \
	X("unsafe", UNSAFE, ERROR)                                                                                     \
	X("field", FIELD, TEXT)

enum role {
#define ROLE_ENUM(name, id, parent) ROLE_##id,
	ROLES(ROLE_ENUM)
#undef ROLE_ENUM
	        ROLE_COUNT
};

#endif

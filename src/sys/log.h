/* log: one record a line, `2026-11-22T13:00:00.123Z warn  sync notes/a.md: text`, every byte from outside escaped. The
 * file is 0600 and is cut at LOG_MAX bytes: it is renamed to `<path>.1` then, and a new one is begun. What cannot be
 * written is dropped: a full disk must not stop anything. */
#ifndef SYS_LOG_H
#define SYS_LOG_H

#define LOG_MAX (1024 * 1024)
#define LOG_LINE_MAX 2048

/* NULL: to stderr. Before this call, records go nowhere. Anything but a regular file of ours is not written to. */
void log_open(const char *path);
void log_close(void);
/* `item` may be NULL. Levels: debug info warn error alert. */
void log_line(const char *level, const char *from, const char *item, const char *text);
#endif

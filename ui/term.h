/* term: the terminal. The only file that calls ncurses; there is one terminal, so there is no handle.
 *
 * A frame is painted into a file in memory and then sent with one write(): ncurses alone would make dozens, which
 * arrive torn over a slow line. What the terminal does not take at once is kept, and nothing new is painted meanwhile.
 * Every mode that is set is undone in one place: at the end, when suspended, and when the program crashes. */
#ifndef UI_TERM_H
#define UI_TERM_H
#include "base/err.h"
#include "ui/canvas.h"
#include "ui/theme.h"

struct term_stats {
	uint64_t frames, bytes, max_frame, writes;
};

/* False: this is no terminal that a cursor can be moved on; why is in e. note gets a sentence to show, or "". */
bool term_open(char note[128], struct err *e);
void term_close(void);
enum theme_depth term_depth(void);
void term_styles(const struct style styles[ROLE_COUNT]);
void term_size(int *w, int *h);
/* The size is read again, and everything is painted anew at the next frame. */
void term_resized(void);
void term_repaint_all(void);
void term_continued(void); /* after SIGCONT: whoever was in front may have changed every mode */
/* Out to the shell; returns when the process was continued. */
void term_suspend(void);

/* False: the last frame is still on its way, call again after term_flush. */
bool term_paint(const struct canvas *c);
bool term_pending(void);
bool term_flush(void); /* false: the terminal is gone */
bool term_gone(void);
int term_out_fd(void); /* poll it for writing while term_pending */
/* All keys that have arrived, at most cap. */
size_t term_keys(uint32_t *keys, size_t cap);
const struct term_stats *term_stats_now(void);
#endif

#define NCURSES_WIDECHAR 1
#include "ui/term.h"

#include <curses.h>
#include <term.h>
#undef lines /* term.h names every capability */
#undef columns

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <termios.h>
#include <unistd.h>

#include "base/mem.h"
#include "ui/keys.h"

enum { CODE_PASTE_BEGIN = 0x300, CODE_PASTE_END, CODE_IGNORED }; /* beyond ncurses' own */

static struct {
	bool open, inside; /* inside: our modes are on */
	SCREEN *screen;
	FILE *out;
	WINDOW *input; /* reading from a pad refreshes nothing */
	int tty, out_fd, frame_fd;
	bool paste_mode, rgb, repaint, gone;
	enum theme_depth depth;
	struct termios saved;
	bool saved_good;
	char undo[256]; /* what a crash sends: kept ready, since nothing can be looked up then */
	size_t undo_len;
	uint8_t *rest; /* of a frame that the terminal has not taken yet */
	size_t rest_len, rest_at;
	struct style styles[ROLE_COUNT];
	struct term_stats stats;
} t;

/* ---- modes ---- */

static bool starts(const char *name, const char *const *prefixes)
{
	for (; *prefixes; prefixes++)
		if (!strncmp(name, *prefixes, strlen(*prefixes)))
			return true;
	return false;
}

static const char paste_on[] = "\033[?2004h", paste_off[] = "\033[?2004l";

static void write_all(int fd, const void *bytes, size_t len)
{
	const uint8_t *p = bytes;
	for (int tries = 0; len && tries < 50;) {
		ssize_t n = write(fd, p, len);
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		} else if (n < 0 && errno == EAGAIN) {
			struct pollfd wait = { .fd = fd, .events = POLLOUT };
			poll(&wait, 1, 100);
			tries++;
		} else if (n < 0 && errno != EINTR) {
			return;
		}
	}
}

/* Capability strings may ask for pauses, $<5>: a crash does not wait. */
static void add_undo(const char *text)
{
	while (text && text != (const char *)-1 && *text && t.undo_len < sizeof t.undo - 1) {
		if (text[0] == '$' && text[1] == '<' && strchr(text, '>'))
			text = strchr(text, '>') + 1;
		else
			t.undo[t.undo_len++] = *text++;
	}
}

static void prepare_undo(void)
{
	t.undo_len = 0;
	if (t.paste_mode)
		add_undo(paste_off);
	add_undo(tigetstr("rmkx"));
	add_undo(tigetstr("sgr0"));
	add_undo(tigetstr("op"));
	add_undo(tigetstr("cnorm"));
	add_undo(tigetstr("rmcup"));
	add_undo("\r\n");
}

static const int crashes[] = { SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL, 0 };

static void on_crash(int number)
{
	if (t.inside) {
		ssize_t n = write(t.tty, t.undo, t.undo_len);
		(void)n;
		if (t.saved_good)
			tcsetattr(t.tty, TCSANOW, &t.saved);
	}
	signal(number, SIG_DFL);
	raise(number);
}

static void set_crash_handler(void (*handler)(int))
{
	for (const int *s = crashes; *s; s++)
		signal(*s, handler);
}

static void tap_begin(void)
{
	dup3(t.frame_fd, t.out_fd, O_CLOEXEC);
}

/* Back to the terminal; returns how many bytes the frame has. */
static size_t tap_end(void)
{
	off_t len = lseek(t.frame_fd, 0, SEEK_CUR);
	dup3(t.tty, t.out_fd, O_CLOEXEC);
	return len > 0 ? (size_t)len : 0;
}

static void read_frame(uint8_t *into, size_t len)
{
	for (size_t at = 0; at < len;) {
		ssize_t n = pread(t.frame_fd, into + at, len - at, (off_t)at);
		if (n <= 0) {
			memset(into + at, 0, len - at);
			break;
		}
		at += (size_t)n;
	}
	if (ftruncate(t.frame_fd, 0) == 0)
		lseek(t.frame_fd, 0, SEEK_SET);
}

static void leave_modes(void)
{
	if (!t.inside)
		return;
	if (t.rest_len) /* half a frame would end inside a sequence */
		write_all(t.tty, t.rest + t.rest_at, t.rest_len - t.rest_at);
	t.rest_len = t.rest_at = 0;
	tap_begin();
	endwin();
	if (t.paste_mode) {
		ssize_t n = write(t.frame_fd, paste_off, sizeof paste_off - 1);
		(void)n;
	}
	size_t len = tap_end();
	uint8_t *bytes = mem_alloc(len + 1);
	read_frame(bytes, len);
	write_all(t.tty, bytes, len);
	free(bytes);
	if (t.saved_good)
		tcsetattr(t.tty, TCSADRAIN, &t.saved);
	t.inside = false;
}

static void enter_modes(void)
{
	if (t.paste_mode)
		write_all(t.tty, paste_on, sizeof paste_on - 1);
	t.inside = true;
}

/* ---- opening ---- */

static SCREEN *open_screen(const char *name, char note[128])
{
	static const char *const modern[] = { "xterm",   "kitty", "foot", "alacritty", "ghostty",
		                              "wezterm", "st",    "rio",  "contour",   NULL };
	SCREEN *s = newterm(name, t.out, stdin);
	if (s)
		return s;
	size_t len = strlen(name);
	bool colours = starts(name, modern) || (len > 9 && !strcmp(name + len - 9, "-256color"));
	const char *instead = colours ? "xterm-256color" : "vt100";
	snprintf(note, 128, "TERM=%.40s is unknown here; using %s.", name, instead);
	return newterm(instead, t.out, stdin);
}

static void choose_depth(void)
{
	const char *no_color = getenv("NO_COLOR");
	t.depth = DEPTH_MONO;
	if ((no_color && *no_color) || !has_colors())
		return;
	start_color();
	use_default_colors();
	int rgb = tigetflag("RGB");
	t.rgb = rgb > 0 || tigetnum("RGB") > 0 || (tigetstr("RGB") && tigetstr("RGB") != (char *)-1);
	t.depth = COLORS >= 256 ? DEPTH_256 : COLORS >= 8 ? DEPTH_8 : DEPTH_MONO;
}

bool term_open(char note[128], struct err *e)
{
	static const char *const pasting[] = { "xterm",     "tmux",    "screen",  "rxvt",    "foot",    "kitty",
		                               "alacritty", "st-",     "contour", "wezterm", "ghostty", "vte",
		                               "gnome",     "konsole", "rio",     NULL };
	const char *name = getenv("TERM"), *path = isatty(STDOUT_FILENO) ? ttyname(STDOUT_FILENO) : NULL;
	note[0] = 0;
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return err_set(e, "terminal", "use --plain or 'syncline status'", "input and output are no terminal");
	if (!name || !*name || !strcmp(name, "dumb"))
		return err_set(e, "terminal", "set TERM", "TERM says that the cursor cannot be moved");
	/* A description of our own: non-blocking on the shared one would leak into the shell. */
	t.tty = path ? open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC) : -1;
	if (t.tty < 0)
		t.tty = open("/dev/tty", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	t.out_fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	t.frame_fd = memfd_create("frame", MFD_CLOEXEC);
	t.out = t.out_fd >= 0 ? fdopen(t.out_fd, "w") : NULL;
	if (t.tty < 0 || !t.out || t.frame_fd < 0)
		return err_set(e, "terminal", "use --plain", "it cannot be opened: %s", strerror(errno));
	t.saved_good = tcgetattr(t.tty, &t.saved) == 0;
	t.screen = open_screen(name, note);
	if (!t.screen)
		return err_set(e, "terminal", "set TERM, or use --plain", "nothing is known about TERM=%.40s", name);
	t.open = true;
	char *cup = tigetstr("cup");
	if (!cup || cup == (char *)-1) {
		t.inside = true;
		term_close();
		return err_set(e, "terminal", "use --plain", "the cursor cannot be moved on TERM=%.40s", name);
	}
	raw();
	noecho();
	nonl();
	typeahead(-1);
	if (!getenv("ESCDELAY"))
		set_escdelay(getenv("SSH_CONNECTION") ? 100 : 25);
	t.input = newpad(1, 1);
	keypad(t.input, TRUE);
	nodelay(t.input, TRUE);
	idcok(stdscr, TRUE);
	curs_set(0);
	t.paste_mode = starts(name, pasting);
	if (t.paste_mode) {
		define_key("\033[200~", CODE_PASTE_BEGIN);
		define_key("\033[201~", CODE_PASTE_END);
	}
	define_key("\033[I", CODE_IGNORED);
	define_key("\033[O", CODE_IGNORED);
	choose_depth();
	prepare_undo();
	set_crash_handler(on_crash);
	enter_modes();
	term_resized();
	return true;
}

void term_close(void)
{
	if (!t.open)
		return;
	leave_modes();
	set_crash_handler(SIG_DFL);
	t.open = false;
	delscreen(t.screen);
	fclose(t.out);
	close(t.frame_fd);
	close(t.tty);
	free(t.rest);
	t.rest = NULL;
}

void term_suspend(void)
{
	sigset_t stop, before;
	leave_modes();
	set_crash_handler(SIG_DFL);
	sigemptyset(&stop);
	sigaddset(&stop, SIGTSTP);
	void (*handler)(int) = signal(SIGTSTP, SIG_DFL);
	raise(SIGTSTP); /* blocked until now: it is taken by a descriptor otherwise */
	sigprocmask(SIG_UNBLOCK, &stop, &before);
	sigprocmask(SIG_SETMASK, &before, NULL);
	signal(SIGTSTP, handler);
	t.saved_good = tcgetattr(t.tty, &t.saved) == 0;
	set_crash_handler(on_crash);
	term_continued();
}

void term_continued(void)
{
	reset_prog_mode(); /* while the output is the terminal: inside a frame it could not be found */
	enter_modes();
	term_resized();
}

enum theme_depth term_depth(void)
{
	return t.depth;
}

void term_styles(const struct style styles[ROLE_COUNT])
{
	memcpy(t.styles, styles, sizeof t.styles);
}

void term_size(int *w, int *h)
{
	struct winsize size = { 0 };
	if (ioctl(t.tty, TIOCGWINSZ, &size) || !size.ws_col || !size.ws_row) {
		size.ws_col = 80;
		size.ws_row = 24;
	}
	*w = size.ws_col > CANVAS_MAX_W ? CANVAS_MAX_W : size.ws_col;
	*h = size.ws_row > CANVAS_MAX_H ? CANVAS_MAX_H : size.ws_row;
}

void term_resized(void)
{
	int w, h;
	term_size(&w, &h);
	if (w != COLS || h != LINES)
		resize_term(h, w);
	t.repaint = true;
}

void term_repaint_all(void)
{
	t.repaint = true;
}

/* ---- painting ---- */

/* Where colours are numbers of light, not places in a palette, the low 8 are still the palette. */
static int colour_of(int colour)
{
	int rgb[3];
	if (colour < 0 || !t.rgb || colour < 8)
		return colour;
	if (colour < 16)
		return colour - 8;
	theme_rgb(colour, rgb);
	return rgb[0] << 16 | rgb[1] << 8 | rgb[2];
}

static void attributes_of(const struct style *s, attr_t *attr, short *pair)
{
	static const struct {
		uint8_t bit;
		attr_t attr;
	} map[] = { { STYLE_BOLD, A_BOLD },
		    { STYLE_DIM, A_DIM },
		    { STYLE_UL, A_UNDERLINE },
		    { STYLE_REVERSE, A_REVERSE },
		    { STYLE_ITALIC, A_ITALIC } };
	*attr = A_NORMAL;
	for (size_t i = 0; i < sizeof map / sizeof *map; i++)
		if (s->attr & map[i].bit)
			*attr |= map[i].attr;
	*pair = 0;
	if (t.depth != DEPTH_MONO && (s->fg >= 0 || s->bg >= 0)) {
		int n = alloc_pair(colour_of(s->fg), colour_of(s->bg));
		*pair = (short)(n > 0 && n < 32767 ? n : 0);
	}
}

static void paint_row(const struct canvas *c, int y)
{
	static cchar_t row[CANVAS_MAX_W + 1];
	attr_t attr = A_NORMAL;
	short pair = 0;
	unsigned last = ~0u;
	int n = 0;
	for (int x = 0; x < c->w; x++) {
		const struct cell *cell = canvas_at(c, x, y);
		wchar_t text[CELL_MARKS + 2] = { 0 };
		if (!cell->width)
			continue;
		if (last != ((unsigned)cell->role << 8 | cell->flags)) {
			struct style s = theme_cell(t.styles, cell->role, cell->flags);
			attributes_of(&s, &attr, &pair);
			last = (unsigned)cell->role << 8 | cell->flags;
		}
		memcpy(text, cell->text, sizeof cell->text);
		setcchar(&row[n++], text, attr, pair, NULL);
	}
	mvadd_wchnstr(y, 0, row, n);
}

static bool send_rest(void)
{
	ssize_t n = write(t.tty, t.rest + t.rest_at, t.rest_len - t.rest_at);
	t.stats.writes++;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n < 0) {
		t.gone = true;
		t.rest_len = t.rest_at = 0;
		return false;
	}
	t.rest_at += (size_t)n;
	if (t.rest_at == t.rest_len)
		t.rest_len = t.rest_at = 0;
	return true;
}

bool term_pending(void)
{
	return t.rest_len > 0;
}

bool term_flush(void)
{
	return t.rest_len ? send_rest() : !t.gone;
}

bool term_gone(void)
{
	return t.gone;
}

int term_out_fd(void)
{
	return t.tty;
}

bool term_paint(const struct canvas *c)
{
	if (term_pending())
		return false;
	if (t.repaint)
		clearok(stdscr, TRUE);
	t.repaint = false;
	for (int y = 0; y < c->h && y < LINES; y++)
		paint_row(c, y);
	move(c->cursor_y < LINES ? c->cursor_y : 0, c->cursor_x < COLS ? c->cursor_x : 0);
	wnoutrefresh(stdscr);
	tap_begin();
	curs_set(c->cursor_shown ? 1 : 0);
	doupdate();
	size_t len = tap_end();
	if (!len)
		return true;
	t.rest = mem_grow(t.rest, len, 1);
	read_frame(t.rest, len);
	t.rest_len = len;
	t.rest_at = 0;
	t.stats.frames++;
	t.stats.bytes += len;
	if (len > t.stats.max_frame)
		t.stats.max_frame = len;
	send_rest();
	return true;
}

const struct term_stats *term_stats_now(void)
{
	return &t.stats;
}

/* ---- keys ---- */

static bool next_code(wint_t *code, bool *is_key)
{
	int got = wget_wch(t.input, code);
	*is_key = got == KEY_CODE_YES;
	return got != ERR;
}

/* Behind an ESC: a sequence that ncurses does not know is read to its end and dropped, and so is a letter with Alt. */
static bool skip_sequence(void)
{
	wint_t code;
	bool is_key;
	if (!next_code(&code, &is_key))
		return false;
	if (is_key ||
	    (code != '[' && code != 'O' && code != ']' && code != 'P' && code != 'X' && code != '^' && code != '_'))
		return true;
	bool text = code != '[' && code != 'O', escaped = false;
	for (int i = 0; i < 4096 && next_code(&code, &is_key); i++) {
		if (text ? code == 7 || (escaped && code == '\\') : code >= 0x40 && code <= 0x7e)
			break;
		escaped = code == 27;
	}
	return true;
}

static uint32_t key_of(wint_t code, bool is_key)
{
	static const struct {
		int code;
		uint32_t key;
	} map[] = { { KEY_UP, KEYS_UP },
		    { KEY_DOWN, KEYS_DOWN },
		    { KEY_LEFT, KEYS_LEFT },
		    { KEY_RIGHT, KEYS_RIGHT },
		    { KEY_HOME, KEYS_HOME },
		    { KEY_END, KEYS_END },
		    { KEY_PPAGE, KEYS_PAGE_UP },
		    { KEY_NPAGE, KEYS_PAGE_DOWN },
		    { KEY_BTAB, KEYS_BACK_TAB },
		    { KEY_DC, KEYS_DELETE },
		    { KEY_F(1), KEYS_F1 },
		    { KEY_ENTER, KEYS_ENTER },
		    { KEY_BACKSPACE, KEYS_BACKSPACE },
		    { CODE_PASTE_BEGIN, KEYS_PASTE_BEGIN },
		    { CODE_PASTE_END, KEYS_PASTE_END } };
	if (!is_key)
		return code == '\n' ? KEYS_ENTER : code == 8 ? KEYS_BACKSPACE : (uint32_t)code;
	for (size_t i = 0; i < sizeof map / sizeof *map; i++)
		if (map[i].code == (int)code)
			return map[i].key;
	return KEYS_IGNORED;
}

size_t term_keys(uint32_t *keys, size_t cap)
{
	size_t n = 0;
	wint_t code;
	bool is_key;
	while (n < cap && next_code(&code, &is_key)) {
		if (!is_key && code == 27 && skip_sequence())
			continue;
		keys[n++] = key_of(code, is_key);
	}
	return n;
}

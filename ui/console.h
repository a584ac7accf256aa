/* console: `syncline` alone. A window on the engine: it attaches as a tmux client does, may be opened any number of
 * times, and takes nothing along when it ends. */
#ifndef UI_CONSOLE_H
#define UI_CONSOLE_H
int console_main(int argc, char **argv); /* its entry in the table of verbs */
#endif

/* shell: names from outside as words of a command line that a person copies into a shell. */
#ifndef BASE_SHELL_H
#define BASE_SHELL_H
#include "base/buf.h"

/* Plain names as they are, others in quotes; what is no text or unsafe to print (base/utf8.h) in the $'\x1b' of bash, zsh
 * and ksh, so that the word is one line of printable text. */
void shell_word(struct buf *out, const char *word);
#endif

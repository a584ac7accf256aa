# add and remove: the configuration, edited as a person would.
. "$SYNCLINE_SOURCE/tests/lib/suite.sh"
. "$SYNCLINE_SOURCE/tests/lib/devices.sh"
export HOME="$S/person"
H=$S/a
mkdir -p "$HOME/notes" "$HOME/other" "$S/elsewhere" && mkdir -m 700 "$H"
echo "alias x=y" >"$HOME/.bash_aliases"
echo "export x=y" >"$HOME/.bash_exports"

sl() { timeout 20 "$SYNCLINE" --home "$H" "$@" >"$S/out" 2>"$S/err"; }
get() { git config -f "$H/config" --get-all "$1" 2>/dev/null || sed -n "s/^[[:space:]]*${1##*.} = //p" "$H/config"; }
fails() { want=$1; shift; sl "$@"; got=$?; [ $got = "$want" ] && grep -q "^syncline: .*: " "$S/err" || { echo "exit $got"; cat "$S/err"; return 1; }; }
untouched() { cp "$H/config" "$S/before"; "$@" && cmp "$S/before" "$H/config"; }

folder() { sl add notes "$HOME/notes" && [ "$(get category.notes.path)" = "~/notes" ] && [ "$(get category.notes.profile)" = notes ]; }
t "add a folder: below HOME with a tilde, profile by name" folder
file() {
	sl add aliases "$HOME/.bash_aliases" && [ "$(get category.aliases.path)" = "~" ] &&
		[ "$(get category.aliases.include)" = .bash_aliases ]
}
t "add a file: its folder and an include line" file
second_file() { sl add aliases "$HOME/.bash_exports" && [ "$(get category.aliases.include | wc -l)" = 2 ]; }
t "add a second file to the same category" second_file
elsewhere() { sl add plain "$S/elsewhere" --strategy ask && [ "$(get category.plain.path)" = "$S/elsewhere" ] && [ "$(get category.plain.profile)" = files ] && [ "$(get category.plain.strategy)" = ask ]; }
t "add elsewhere: absolute, profile files, a strategy" elsewhere
made() { sl add made "$HOME/made/" && [ -d "$HOME/made" ]; }
t "a name that ends in / is made" made
link() { ln -s other "$HOME/link"; sl add linked "$HOME/link" && [ "$(get category.linked.path)" = "~/other" ]; }
t "a symlink is resolved" link
include() { sl add histories "$S/elsewhere/" --include .x_history; [ $? = 1 ] && mkdir "$S/e2" && sl add histories "$S/e2" --include '.*_history' && [ "$(get category.histories.include)" = '.*_history' ]; }
t "--include takes a pattern" include
comments() {
	printf '# mine\n[category "own"] ; and this\n\tpath = ~/own\n' >>"$H/config"
	sl add more "$S/more/" && grep -q '^# mine$' "$H/config" && grep -q '; and this' "$H/config"
}
t "comments stay" comments
mode() { [ "$(stat -c %a "$H/config")" = 600 ]; }
t "the configuration is the person's alone" mode

t "refused: the same name again" untouched fails 1 add notes "$HOME/other"
t "refused: the same folder again" untouched fails 1 add again "$HOME/notes"
inside() { mkdir -p "$HOME/notes/deep"; fails 1 add deep "$HOME/notes/deep"; }
t "refused: a folder within a synced one" untouched inside
t "refused: a folder around a synced one" untouched fails 1 add all "$HOME"
t "refused: what is not there" untouched fails 1 add gone "$S/gone"
t "refused: a device" untouched fails 1 add null /dev/null
t "refused: syncline's own home" untouched fails 1 add self "$H"
t "refused: a folder that holds it" untouched fails 1 add self "$S"
t "refused: a bad name" untouched fails 2 add 'No/Name' "$S/e2"
t "refused: an unknown profile" untouched fails 2 add x "$S/e2" --profile nonsense
t "refused: an unknown strategy" untouched fails 2 add x "$S/e2" --strategy guess
newline() { nl=$(printf 'a\nb'); mkdir "$S/$nl" && fails 1 add nl "$S/$nl"; }
t "refused: a name with a line break" untouched newline

removed() { sl remove plain && ! grep -q 'category "plain"' "$H/config" && [ -d "$S/elsewhere" ]; }
t "remove takes the section, not the files" removed
t "remove: no such category" untouched fails 1 remove plain

corrupt() { printf '[category "broken\n' >"$H/config"; fails 1 add x "$S/e2" && grep -q config "$S/err"; }
t "a corrupt configuration is named, not overwritten" corrupt
still() { [ "$(cat "$H/config")" = '[category "broken' ]; }
t "and stays as it is" still
included() { printf '[include]\n\tpath = /etc/passwd\n' >"$H/config"; fails 1 add x "$S/e2"; }
t "a configuration that includes others is refused" included
fifo() { rm "$H/config"; mkfifo "$H/config"; fails 1 add x "$S/e2"; }
t "a configuration that is a FIFO does not block" fifo

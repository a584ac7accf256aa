# The folder behind a category changes: taken away and put back, or another one in its place. What the new one holds joins
# what the log has; nothing is deleted or overwritten for what it lacks.
. "$SYNCLINE_SOURCE/tests/lib/suite.sh"
. "$SYNCLINE_SOURCE/tests/lib/devices.sh"

holds() { [ "$(cat "$1")" = "$2" ] || { echo "$1: $(cat "$1")"; return 1; }; }

setup() {
	hub_start && device_make a b && mkdir "$S/a/older" "$S/a/third" || return 1
	for i in 1 2 3 4 5 6; do echo "new $i" >"$S/a/notes/$i"; done
	settle a b
}
t "two devices in step" setup
away() { on a remove notes --quiet && echo "b's" >"$S/b/notes/1" && echo "a's" >"$S/a/notes/2" && settle b && holds "$S/a/notes/1" "new 1"; }
t "a category is taken away: its files stay, and nothing comes" away
back() { on a add notes "$S/a/notes" --quiet && settle a b && same a b && holds "$S/a/notes/1" "b's" && holds "$S/b/notes/2" "a's"; }
t "the same folder put back: both sides' edits meet, none is a conflict" back
other() {
	echo "old 3" >"$S/a/older/3" && cp "$S/a/notes/4" "$S/a/older/4" && on a remove notes --quiet && on a add notes "$S/a/older" --quiet && settle a b &&
		for i in 1 2 3 4 5 6; do [ -f "$S/b/notes/$i" ] && [ -f "$S/a/older/$i" ] || { echo "$i is gone"; return 1; }; done
}
t "another folder, with less in it: nothing is deleted, what it lacks comes" other
older() { holds "$S/b/notes/3" "new 3" && holds "$S/a/older/3" "old 3" && on a conflicts --json | grep -q '"3"\|notes/3'; }
t "... and what differs is a conflict, on neither side overwritten" older
old_folder() { holds "$S/a/notes/3" "new 3"; }
t "... and the folder before is left as it was" old_folder
settles() { on a resolve notes/3 --keep theirs && settle a b && holds "$S/a/older/3" "new 3"; }
t "... which can be settled" settles
off() {
	device_stop a && sed -i "s|$S/a/older|$S/a/third|" "$S/a/home/config" && grep -q "$S/a/third" "$S/a/home/config" && echo one >"$S/a/third/1" && device_start a &&
		settle a b && holds "$S/b/notes/1" "b's" && holds "$S/a/third/1" one && holds "$S/a/third/6" "new 6"
}
t "another folder, written into the configuration while the engine is off" off

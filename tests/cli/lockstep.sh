# Two devices in lockstep: every kind of change, through a real hub, on real files.
. "$SYNCLINE_SOURCE/tests/lib/suite.sh"
. "$SYNCLINE_SOURCE/tests/lib/devices.sh"
A=$S/a/notes B=$S/b/notes
umask 022

in_step() { settle a b && same a b; }
no_conflicts() { for device in a b; do [ "$(on $device conflicts --json)" = "[]" ] || return 1; done; }

setup() { hub_start && device_make a b; }
t "a hub and two devices" setup
create() { echo hello >"$A/hello.md" && in_step && [ "$(cat "$B/hello.md")" = hello ]; }
t "create" create
update() { echo again >"$B/hello.md" && in_step && [ "$(cat "$A/hello.md")" = again ]; }
t "update, the other way" update
deep() { mkdir -p "$A/a/b/c" && echo deep >"$A/a/b/c/d" && in_step && [ "$(cat "$B/a/b/c/d")" = deep ]; }
t "a file in new folders" deep
empty() { : >"$A/empty" && in_step && [ -f "$B/empty" ] && [ ! -s "$B/empty" ]; }
t "an empty file" empty
emptied() { : >"$A/hello.md" && in_step && [ ! -s "$B/hello.md" ] && echo full >"$B/hello.md" && in_step; }
t "a file that becomes empty, and full again" emptied
exec_bit() { echo '#!/bin/sh' >"$A/run.sh" && chmod 755 "$A/run.sh" && in_step && [ -x "$B/run.sh" ] && chmod 644 "$B/run.sh" && in_step && [ ! -x "$A/run.sh" ]; }
t "the executable bit, set and cleared" exec_bit
private() { echo s >"$A/secret" && chmod 600 "$A/secret" && in_step && [ "$(stat -c %a "$B/secret")" = 600 ] && chmod 644 "$A/secret" && in_step && [ "$(stat -c %a "$B/secret")" = 644 ]; }
t "the private bit, set and cleared" private
links() { ln -s hello.md "$A/link" && ln -s not/there "$A/dangling" && in_step && [ "$(readlink "$B/link")" = hello.md ] && [ "$(readlink "$B/dangling")" = not/there ]; }
t "symlinks as data, dangling ones too" links
relink() { ln -sfn other "$B/link" && in_step && [ "$(readlink "$A/link")" = other ]; }
t "a symlink that changes" relink
kinds() { rm "$A/link" && echo file >"$A/link" && in_step && [ ! -L "$B/link" ] && [ "$(cat "$B/link")" = file ]; }
t "a symlink that becomes a file" kinds
remove() { rm "$A/empty" && in_step && [ ! -e "$B/empty" ]; }
t "delete" remove
remove_deep() { rm -r "$A/a" && in_step && [ ! -e "$B/a" ]; }
t "delete of the last in a folder takes the folder" remove_deep
binary() { head -c 300000 /dev/urandom >"$A/blob" && in_step; }
t "binary, larger than a frame" binary
large() { head -c 5000000 /dev/urandom >"$A/large" && in_step; }
t "5 MB, in parts" large
names() {
	touch "$A/ leading" "$A/trailing " "$A/quote'\"" "$A/back\\slash" "$A/*glob?[x]" "$A/$(printf 'new\nline')" "$A/$(printf 'not\377utf8')" \
		"$A/Ünï" "$A/-dash" "$A/#hash" "$A/!bang" "$A/$(head -c 250 /dev/zero | tr '\0' n)" && in_step
}
t "names of every kind" names
rename_cheap() {
	head -c 200000 /dev/urandom >"$A/before" && in_step || return 1
	sent=$(on a status --json | json --get traffic.bytes_sent)
	mv "$A/before" "$A/after" && in_step && [ ! -e "$B/before" ] || return 1
	sent=$(($(on a status --json | json --get traffic.bytes_sent) - sent))
	[ $sent -lt 2000 ] || { echo "$sent bytes"; return 1; }
}
t "a rename of 200 KB costs no content" rename_cheap
delta_cheap() {
	seq 1 2000 >"$A/lines" && in_step || return 1
	sent=$(on a status --json | json --get traffic.bytes_sent)
	sed -i '1000s/.*/changed/' "$A/lines" && in_step || return 1
	sent=$(($(on a status --json | json --get traffic.bytes_sent) - sent))
	[ $sent -lt 1000 ] || { echo "$sent bytes"; return 1; }
}
t "a line in 9 KB travels as a delta" delta_cheap
burst() { for i in $(seq 1 50); do echo "line $i" >>"$A/burst"; done; for i in $(seq 1 200); do echo $i >"$A/many-$i"; done; in_step; }
t "a burst on one file, and 200 files at once" burst
gone() { rm "$B"/many-* && in_step && ! ls "$A"/many-* >/dev/null 2>&1; }
t "and all of them deleted at once, on the other side" gone

offline() {
	device_stop b && echo "while b was away" >"$A/offline-a" && echo changed >"$A/hello.md" && rm "$A/run.sh" &&
		echo "written without an engine" >"$B/offline-b" && rm "$B/secret" && settle a && device_start b && in_step &&
		[ -f "$A/offline-b" ] && [ ! -e "$A/secret" ] && [ ! -e "$B/run.sh" ]
}
t "edits without an engine are found and delivered" offline
no_hub() {
	hub_stop && echo 1 >"$A/no-hub-a" && echo 2 >"$B/no-hub-b" && on a sync && on b sync && device_stop a && hub_start &&
		device_start a && on b retry --quiet && in_step
}
t "edits without a hub are kept over a restart, and go when it is back" no_hub
hub_again() { hub_stop && hub_start && on a retry --quiet && on b retry --quiet && echo 3 >"$A/after-restart" && in_step; }
t "a hub that restarts is found again" hub_again
t "none of this was a conflict" no_conflicts

# both_change FILE TEXT_A TEXT_B: b does not know of a's edit when it makes its own.
both_change() {
	on b pause --quiet && printf '%s' "$2" >"$A/$1" && on a wait --synced --timeout "$WAIT" && printf '%s' "$3" >"$B/$1" &&
		on b resume --quiet && settle a b
}
listed() { for device in a b; do [ "$(on $device conflicts --json | json --get '[].item')" = "notes/$1" ] || return 1; done; }
both() { echo base >"$A/both" && in_step && both_change both aaa bbb && listed both && [ "$(cat "$A/both")" = aaa ] && [ "$(cat "$B/both")" = bbb ]; }
t "both changed: nothing overwritten, listed on both" both
kept() { for device in a b; do [ "$(on $device show "notes/both@$(on $device conflicts --json | json --get '[0].mine.version')")" != "$(on $device show "notes/both@$(on $device conflicts --json | json --get '[0].theirs.version')")" ] || return 1; done; }
t "both versions can be shown on both devices" kept
theirs() { want=$(on a show "notes/both@$(on a conflicts --json | json --get '[0].theirs.version')") && on a resolve notes/both --keep theirs --quiet && in_step && no_conflicts && [ "$(cat "$A/both")" = "$want" ]; }
t "resolve --keep theirs: settled for both" theirs
mine() { both_change both ccc ddd && listed both && on b resolve notes/both --keep mine --quiet && in_step && no_conflicts && [ "$(cat "$A/both")" = "$(cat "$B/both")" ]; }
t "resolve --keep mine, on the other device" mine
loser() { for version in $(on a history --json notes/both | json --get '[].version'); do on a show "notes/both@$version"; echo; done >"$S/all"; grep -q ccc "$S/all" && grep -q ddd "$S/all" && grep -q aaa "$S/all" && grep -q bbb "$S/all"; }
t "every version that lost is still in the history" loser
add_add() { both_change fresh one two && listed fresh && on a resolve notes/fresh --keep mine --quiet && in_step && no_conflicts; }
t "both make the same name" add_add
same_edit() { both_change equal same same && in_step && no_conflicts; }
t "the same edit on both is no conflict" same_edit
edit_delete() {
	echo x >"$A/wanted" && in_step && on b pause --quiet && rm "$A/wanted" && on a wait --synced --timeout "$WAIT" && echo edited >"$B/wanted" &&
		on b resume --quiet && in_step && [ "$(cat "$A/wanted")" = edited ]
}
t "an edit beats a delete" edit_delete
no_temps() { [ -z "$(find "$A" "$B" -name '.syncline-*')" ]; }
t "no temporary files are left" no_temps

third() { device_join c a && on c add notes "$S/c/notes" --quiet && device_start c && settle a b c && same a c; }
t "a third device joins later and gets all" third
joins_with_data() {
	device_join d a && cp -p "$A/hello.md" "$S/d/notes/" && echo "not the same" >"$S/d/notes/both" && echo new >"$S/d/notes/from-d" &&
		on d add notes "$S/d/notes" --quiet && device_start d && settle d a b c &&
		[ "$(cat "$S/d/notes/both")" = "not the same" ] && [ -f "$A/from-d" ] && [ "$(cat "$A/both")" != "not the same" ] &&
		[ "$(on d conflicts --json | json --get '[].item')" = notes/both ]
}
t "a device with files of its own joins: a union, what differs is a conflict, nobody wins silently" joins_with_data
outside() {
	ln -s /nonexistent/there "$A/outside" && echo "beside it" >"$A/beside" && settle a b c d && [ "$(cat "$B/beside")" = "beside it" ] &&
		exits_0 a && exits_0 b && [ "$(on b why notes/outside --json | json --get state)" = left-out ] &&
		on b why notes/outside | grep -q 'leads out' && on b status | grep -q 'notes: 1 item is not brought' &&
		[ "$(on a why notes/outside --json | json --get state)" = in-sync ] && ! on a status | grep -q 'not brought'
}
exits_0() { on "$1" status >/dev/null; code=$?; [ $code = 0 ] || [ $code = 11 ] || { on "$1" queue; return 1; }; }
t "a link that leads out of the category keeps nobody from being in step" outside

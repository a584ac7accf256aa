# Edge cases that cost other programs' users their files: lost and cloned states, deletes that come back, edits against
# deletes, files that nobody had scanned yet, outages. (Ignore rules: edges-names.sh. Conflict copies: conflicts.sh.)
. "$SYNCLINE_SOURCE/tests/lib/suite.sh"
. "$SYNCLINE_SOURCE/tests/lib/devices.sh"

A=$S/a/notes
B=$S/b/notes
C=$S/c/notes
begin() { hub_start && device_make a b c && settle a b c; }
t "a hub and three devices" begin
in_step() { settle a b c && same a b && same b c; }
no_conflicts() { for device in a b c; do [ "$(on $device conflicts --json)" = "[]" ] || return 1; done; }
versions_of() { on "$1" history --json "$2" | json --get '[].version'; }

state_lost() {
	printf 'one\ntwo\n' >"$A/lost" && in_step && device_stop b && rm "$S/b/home/state/state.db"* &&
		printf 'one\ntwo\nnewer here\n' >"$B/lost" && printf 'ONE\ntwo\n' >"$A/lost" && settle a && device_start b && settle a b c &&
		[ "$(on b conflicts --json | json --get '[0].kind')" = add/add ] && grep -q 'newer here' "$B/lost" && grep -q ONE "$A/lost" &&
		on b resolve notes/lost --keep mine --quiet && in_step && no_conflicts && grep -q 'newer here' "$A/lost"
}
t "a database lost: what is newer here is not overwritten, and not merged without a known original" state_lost

removed_and_added() {
	echo older >"$B/again" && in_step && on b remove notes --quiet && echo newer >"$A/again" && settle a c &&
		on b add notes "$B" --quiet && settle a b c && [ "$(cat "$A/again")" = newer ] &&
		on b why notes/again >"$S/why" && { [ "$(cat "$B/again")" = newer ] || grep -q conflict "$S/why"; } &&
		{ no_conflicts || on b resolve notes/again --keep theirs --quiet; } && in_step && [ "$(cat "$B/again")" = newer ]
}
t "a folder removed and added again: the older file overwrites nothing" removed_and_added

cloned() {
	device_stop b && cp -a "$S/b" "$S/clone" && git config -f "$S/clone/home/config" category.notes.path "$S/clone/notes" &&
		echo 'of the clone' >"$S/clone/notes/clone" && device_start clone && settle a clone c && device_stop clone &&
		echo 'of the first' >"$B/first" && device_start b && settle a b c &&
		echo 'clone again' >"$S/clone/notes/clone2" && device_stop b && device_start clone && settle a clone c && device_stop clone &&
		device_start b && in_step && [ "$(cat "$A/clone")" = 'of the clone' ] && [ "$(cat "$C/first")" = 'of the first' ] &&
		[ "$(cat "$B/clone2")" = 'clone again' ]
}
t "a machine cloned, one device id twice: both go on, and nothing is lost" cloned

stays_deleted() {
	echo gone >"$A/gone" && in_step && device_stop c && rm "$A/gone" && settle a b && device_start c && in_step && [ ! -e "$A/gone" ] &&
		[ ! -e "$C/gone" ] && device_stop c && device_start c && in_step && [ ! -e "$A/gone" ] && no_conflicts
}
t "what was deleted while a device was off stays deleted" stays_deleted

edit_or_delete() {
	echo base >"$A/kept" && in_step && device_stop c && echo edited >"$C/kept" && rm "$A/kept" && settle a b && device_start c && in_step &&
		[ "$(cat "$A/kept")" = edited ] && no_conflicts && on a history notes/kept | grep -q delete
}
t "an edit here and a delete there: the edit stays, and the history has both" edit_or_delete

unscanned() {
	device_stop c && echo "c's, unseen" >"$C/new" && echo "a's" >"$A/new" && settle a b && device_start c && settle a b c &&
		[ "$(cat "$C/new")" = "c's, unseen" ] && [ "$(cat "$A/new")" = "a's" ] && [ "$(on a conflicts --json | json --get '[0].item')" = notes/new ] &&
		on a resolve notes/new --keep mine --quiet && in_step && no_conflicts
}
t "a file that was never scanned is not overwritten by one of the same name" unscanned

outage() {
	for round in 1 2 3; do
		echo "round $round" >"$A/outage" && hub_kill && echo "round $round, after" >"$A/outage" && hub_start &&
			for device in a b c; do on $device retry --quiet || return 1; done && in_step && no_conflicts || return 1
	done
	[ "$(cat "$C/outage")" = "round 3, after" ]
}
t "changes of one side over outages are never a conflict" outage
nothing_odd() { [ -z "$(find "$A" "$B" "$C" -iname '*conflict*' -o -iname '.syncline-*')" ]; }
t "no copies with odd names anywhere" nothing_odd

# Disks that are full or fail, a category's or the engine's own: bugs that cost other programs' users their files. Disks fail
# by a preloaded library, and one is really full, where mounting is allowed. What is away altogether is in edges-away.sh.
. "$SYNCLINE_SOURCE/tests/lib/suite.sh"
. "$SYNCLINE_SOURCE/tests/lib/devices.sh"
. "$SYNCLINE_SOURCE/tests/lib/faulty.sh"

why_full() { on "$1" why "$2" | grep -q 'disk is full'; }

begin() { head -c 3000 /dev/urandom >"$S/large.old" && faulty_make && cp "$S/large.old" "$A/large" && there; }
t "two devices on disks that can fail" begin

# ---- the receiver may not write ----

# By itself it would try the sixth time after two and a half minutes.
tried_often() { on b sync && [ "$(on b queue --json | tr -d ' \n' | sed 's/.*"retry_count":\([0-9]*\).*/\1/')" -ge 6 ]; }
shut() {
	faults b "write EACCES $B" && printf 'shut\n' >"$A/shut" && settle a && wait_for 20 sh -c '"$SYNCLINE" --home "$S/b/home" why notes/shut | grep -q held' &&
		wait_for 60 tried_often && [ ! -e "$B/shut" ] && faults b && there && holds "$B/shut" shut
}
t "what could not be written is tried at once when somebody asks" shut

# ---- the receiver's disk is full ----

beyond_full() {
	faults b "beyond ENOSPC $B" && head -c 3000000 /dev/urandom >"$A/large" && printf 'small\n' >"$A/passes" && wait_for 20 why_full b notes/large &&
		wait_for 20 test -s "$B/passes" && cmp "$B/large" "$S/large.old" && nothing_half
}
t "a disk that is full behind the first part of a large file leaves the old one, and nothing else" beyond_full
receiver_full() {
	faults b "write ENOSPC $B" && printf 'two\n' >"$A/kept" && head -c 300000 /dev/urandom >"$A/large" && printf 'new\n' >"$A/new" &&
		mkdir "$A/dir" && printf 'deep\n' >"$A/dir/deep" && settle a && wait_for 20 why_full b notes/new && wait_for 20 why_full b notes/large &&
		wait_for 20 why_full b notes/kept && holds "$B/kept" one && cmp "$B/large" "$S/large.old" && [ ! -e "$B/new" ] && [ ! -e "$B/dir/deep" ]
}
t "a full disk changes no file: the old bytes stay, and nothing is empty or half" receiver_full
t "... nor is anything left beside them" nothing_half
uploads_go_on() { ln "$S/large.old" "$B/linked" && wait_for 20 cmp "$A/linked" "$S/large.old"; }
t "what was made there before still goes out" uploads_go_on
restarted_full() {
	device_kill b && start b && on b sync && wait_for 20 why_full b notes/new && on a sync && holds "$A/new" new && holds "$A/kept" two &&
		[ "$(wc -c <"$A/large")" = 300000 ] && [ -f "$A/dir/deep" ] && no_deletion
}
t "a device restarted on its full disk takes what it could not write for no deletion" restarted_full
room_again() { faults b && wait_for 15 test -e "$B/new" && there && holds "$B/kept" two && holds "$B/dir/deep" deep; }
t "with room again it goes on by itself" room_again
none_sent() { [ "$(kinds kept)" = "update create " ] && [ "$(kinds large)" = "update update create " ] && wait_for 10 nothing_half && no_deletion; }
t "and nothing was sent back by the device that had no room" none_sent

# ---- the disk of an engine's own state is full ----

stands_still() { on a status >"$S/status"; grep -q 'state cannot be written' "$S/status" || on a log | grep -q 'state cannot be written'; }
state_full() {
	faults a "write ENOSPC $S/a/home/state" && printf 'three\n' >"$A/kept" && printf 'more\n' >"$A/more" && printf 'b\n' >"$B/of-b" &&
		wait_for 20 stands_still && settle b && holds "$B/kept" two && [ ! -e "$B/more" ]
}
t "an engine that cannot write its state stands still, and says so" state_full
refused_to_run() {
	faulty_run "$1" &
	refused=$!
	wait_for 20 grep -q 'state.db: .*disk is full (make room on the disk)' "$S/$1/out" || { kill -9 $refused; cat "$S/$1/out"; return 1; }
	wait $refused
	[ $? = 1 ]
}
state_restarted() {
	device_kill a && : >"$S/a/out" && refused_to_run a && settle b && holds "$B/kept" two && [ "$(find "$B" -type f | wc -l)" -ge 6 ]
}
t "restarted so, it says why it cannot; nothing is deleted elsewhere, and no old file replaces a newer one" state_restarted
state_room() {
	faults a && start a && there && holds "$A/kept" three && holds "$B/kept" three && holds "$B/more" more && holds "$A/of-b" b &&
		[ "$(kinds kept)" = "update update create " ] && no_deletion && [ "$(on a conflicts --json)" = "[]" ]
}
t "with room again everything is in step: no deletion, no old version, no conflict" state_room

# ---- a disk that errs ----

unread() { on a why notes/unread | grep -q 'cannot be read now'; }
eio() {
	mkdir "$A/erring" && echo 1 >"$A/erring/f" && echo 1 >"$A/unread" && there && faults a "list EIO $A/erring" "read EIO $A/unread" &&
		ln "$A/erring/f" "$S/a/outside" && echo 22 >"$S/a/outside" && echo 22 >"$A/unread" && on a sync &&
		wait_for 5 unread && on a log | grep -q 'erring.*not looked at' && no_deletion &&
		holds "$B/erring/f" 1 && holds "$B/unread" 1 && ! on a status --json | grep -q '"synced": *true'
}
t "a folder and a file that cannot be read are no deletions, and 'sync' ends all the same" eio
polls() { od -An -t u8 "$S/a/faults.polls" | tr -d ' '; }
read_again() {
	faults a && polls_before=$(polls) && wait_for 30 grep -q 22 "$B/erring/f" && polls_after=$(polls) && wait_for 30 grep -q 22 "$B/unread" &&
		no_deletion && [ $((polls_after - polls_before)) -lt 200 ] || { echo "$((polls_after - polls_before)) turns"; return 1; }
}
t "they are looked at again by themselves, and until then the engine sleeps" read_again
all_read() { there && on a status --json | grep -q '"synced": *true'; }
t "... and only then it says that it is in step" all_read

device_stop b
full_for_real() {
	device_join f a && mount -t tmpfs -o size=256k tmpfs "$S/f/notes" && on f add notes "$S/f/notes" --quiet && start f && rm "$A/large" &&
		settle a && head -c 500000 /dev/urandom >"$A/too-large" && wait_for 20 why_full f notes/too-large && [ ! -e "$S/f/notes/too-large" ] &&
		echo small >"$A/small" && wait_for 20 grep -qs small "$S/f/notes/small" && mount -o remount,size=8m "$S/f/notes" &&
		wait_for 20 cmp "$A/too-large" "$S/f/notes/too-large" && settle a f && same a f
}
if mkdir "$S/try" && mount -t tmpfs tmpfs "$S/try" 2>/dev/null; then
	umount "$S/try"
	t "a disk that is really full, while what has room still comes" full_for_real
	device_stop f
	umount "$S/f/notes" 2>/dev/null
else
	skip "needs the right to mount" "a disk that is really full, while what has room still comes"
fi

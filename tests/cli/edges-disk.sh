# Disks that are full, fail, or are not mounted, downloads that break off, and answers that are no hub's: bugs that cost
# other programs' users their files. Disks fail by a preloaded library (tests/lib/faults.c), so that it works everywhere, and
# once for real, where mounting is allowed.
. "$SYNCLINE_SOURCE/tests/lib/suite.sh"
. "$SYNCLINE_SOURCE/tests/lib/devices.sh"

A=$S/a/notes B=$S/b/notes
holds() { [ "$(cat "$1")" = "$2" ] || { echo "$1: $(head -c 100 "$1")"; return 1; }; }
there() { settle a b && same a b; }
no_deletion() {
	for device in a b; do
		on $device history --json >"$S/history" && grep -q '"kind"' "$S/history" && ! grep -q '"kind": *"delete"' "$S/history" || return 1
	done
}
kinds() { on b history --json "notes/$1" | grep -o '"kind": *"[a-z]*"' | sed 's/.*"\([a-z]*\)"$/\1/' | tr '\n' ' '; }
nothing_half() { [ -z "$(find "$B" -type f \( -size 0 -o -name '.syncline-*' \))" ] || { find "$B" -ls; return 1; }; }
# Starts engines as device_start does, with the library that lets the disk fail as $S/NAME/faults says.
start() {
	for device; do
		FAULTS=$S/$device/faults LD_PRELOAD=$LIB/faults.so ASAN_OPTIONS=${ASAN_OPTIONS-}:verify_asan_link_order=0 \
			"$SYNCLINE" --home "$S/$device/home" run >>"$S/$device/out" 2>&1 </dev/null &
		pid_save "$device" $!
	done
	for device; do on "$device" wait --ready --timeout "$WAIT" || return 1; done
}
faults() { # NAME RULE…; none: all is well again
	rm -f "$S/$1/faults.new"
	faulty=$1
	shift
	for rule; do echo "$rule" >>"$S/$faulty/faults.new"; done
	if [ $# -gt 0 ]; then mv "$S/$faulty/faults.new" "$S/$faulty/faults"; else rm -f "$S/$faulty/faults"; fi
}
why_full() { on "$1" why "$2" | grep -q 'disk is full'; }

begin() {
	hub_start && tap_start tap && HUB_VIA=tap && device_make a b && device_stop a b && start a b && printf 'one\n' >"$A/kept" &&
		head -c 3000 /dev/urandom >"$A/large" && cp "$A/large" "$S/large.old" && there
}
t "two devices on disks that can fail" begin

# ---- the receiver's disk is full ----

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
none_sent() { [ "$(kinds kept)" = "update create " ] && [ "$(kinds large)" = "update create " ] && wait_for 10 nothing_half && no_deletion; }
t "and nothing was sent back by the device that had no room" none_sent

# ---- the disk of an engine's own state is full ----

stands_still() { on a status >"$S/status"; grep -q 'state cannot be written' "$S/status" || on a log | grep -q 'state cannot be written'; }
state_full() {
	faults a "write ENOSPC $S/a/home/state" && printf 'three\n' >"$A/kept" && printf 'more\n' >"$A/more" && printf 'b\n' >"$B/of-b" &&
		wait_for 20 stands_still && settle b && holds "$B/kept" two && [ ! -e "$B/more" ]
}
t "an engine that cannot write its state stands still, and says so" state_full
state_restarted() {
	device_kill a && { start a || kill -0 "$(pid_of a)" 2>/dev/null || [ -s "$S/a/out" ]; } && settle b && holds "$B/kept" two &&
		[ "$(find "$B" -type f | wc -l)" -ge 6 ]
}
t "restarted so, it deletes nothing elsewhere, and no old file replaces a newer one" state_restarted
state_room() {
	faults a && device_kill a && start a && there && holds "$A/kept" three && holds "$B/kept" three && holds "$B/more" more && holds "$A/of-b" b &&
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

# ---- answers that are no hub's ----

port_of() { sed 's/.*://' "$S/hub/port"; }
said_404() { on "$1" log | grep -q 'HTTP 404'; }
not_found() {
	hub_stop && background nohub "$LIB/badhub" "$S/nohub.port" 404 "$(port_of)" && wait_for 10 test -s "$S/nohub.port" &&
		on a retry && on b retry && wait_for 20 said_404 a && echo offline >"$A/offline" && device_kill b && start b && wait_for 20 said_404 b &&
		on a sync && on b sync && [ -f "$B/kept" ] && [ -f "$A/kept" ] && [ "$(find "$B" -type f | wc -l)" -ge 8 ]
}
t "404 for everything, as a proxy answers while a server restarts, deletes nothing" not_found
html() {
	end_background nohub KILL
	background nohub "$LIB/badhub" "$S/nohub.port" html "$(port_of)" && on b retry && on a retry && on b sync && [ -f "$B/kept" ]
}
t "nor does somebody's web page" html
hub_again() {
	end_background nohub KILL
	hub_start && on a retry && on b retry && there && holds "$B/offline" offline && no_deletion && [ "$(on a conflicts --json)" = "[]" ]
}
t "and the real hub's answers go on where it was" hub_again

# ---- downloads that break off ----

cut_off() {
	[ "$(awk '{ print $3 }' "$S/tap/count")" -gt "$cuts_before" ]
}
broken_off() {
	cuts_before=$(($(awk '{ print $3 }' "$S/tap/count") + 2)) && head -c 6000000 /dev/urandom >"$A/huge" && device_stop b && settle a &&
		echo 400000 >"$S/tap/count.cut" && start b && wait_for 30 cut_off && [ ! -e "$B/huge" ] && nothing_half
}
t "a download that breaks off leaves no file" broken_off
killed_there() { device_kill b && start b && [ ! -e "$B/huge" ] && nothing_half && [ "$(wc -c <"$A/huge")" = 6000000 ]; }
t "nor does a restart make one of what had come" killed_there
comes() { rm "$S/tap/count.cut" && on b retry && there && [ "$(kinds huge)" = "create " ] && no_deletion; }
t "it comes whole, once it can" comes

# Nothing else happens on this device that would make it tidy up.
leftover() {
	device_stop b && printf 'an edit that nobody has' >"$B/.syncline-$(printf %032d 1)-$(printf %032d 2)" && start b && wait_for 10 nothing_half &&
		on b log | grep -q 'left over from a crash.*kept as version'
}
t "what a crash left beside a file is judged by its bytes, kept and cleared away" leftover

# ---- a power cut, which takes back what no program has synced ----

power_cut() {
	echo first >"$S/b/faults.boot" && device_kill b && start b && there && echo 'saved just before' >"$B/late" && mkdir "$B/born" &&
		echo 'with its folder' >"$B/born/f" && there && device_kill b && rm -r "$B/late" "$B/born" && echo second >"$S/b/faults.boot" &&
		start b && wait_for 20 grep -q 'saved just before' "$B/late" && wait_for 20 grep -q 'with its folder' "$B/born/f" && there &&
		holds "$A/late" 'saved just before' && no_deletion && on b log | grep -q 'notes/late: was gone after the system stopped'
}
t "a file that a power cut took back as a whole is put back, and deleted nowhere" power_cut
mere_kill() { device_kill b && rm "$B/late" && start b && settle a b && wait_for 20 test ! -e "$A/late"; }
t "one that is gone after a mere kill was deleted" mere_kill

# ---- a disk that is not mounted ----

# An empty folder in the place of the real one is what a missing mount looks like, to everybody.
not_there() { on b status >/dev/null; [ $? = 13 ]; }
deleted() { on a history --json | grep -c '"kind": *"delete"'; }
everything() { [ "$(find "$A" -type f | wc -l)" = "$all_files" ] && [ "$(deleted)" = 1 ]; } # the one of the kill above
unmounted() {
	all_files=$(find "$A" -type f | wc -l) && mv "$B" "$S/b/disk" && mkdir "$B" && wait_for 20 not_there && on b sync && everything &&
		device_kill b && start b && on b sync && wait_for 20 not_there && everything && echo early >"$B/early" && on b sync && [ ! -e "$A/early" ] &&
		echo meanwhile >"$A/meanwhile" && settle a && [ ! -e "$B/meanwhile" ] && rm "$B/early"
}
t "an empty folder where the disk was mounted deletes nothing, nor after a restart, and nothing is written there" unmounted
mounted_again() { rmdir "$B" && mv "$S/b/disk" "$B" && wait_for 20 test -e "$B/meanwhile" && there && [ "$(deleted)" = 1 ]; }
t "with the disk back it goes on" mounted_again

device_stop b
for_real() {
	mv "$B" "$S/b/disk" && mkdir "$B" && mount --bind "$S/b/disk" "$B" && start b && there && all_files=$(find "$A" -type f | wc -l) &&
		umount -l "$B" && wait_for 20 not_there && everything && device_kill b && start b && wait_for 20 not_there && on b sync &&
		everything && mount --bind "$S/b/disk" "$B" && echo back >"$A/back" && wait_for 20 test -e "$B/back" && there && [ "$(deleted)" = 1 ]
}
full_for_real() {
	device_join f a && mount -t tmpfs -o size=256k tmpfs "$S/f/notes" && on f add notes "$S/f/notes" --quiet && start f && rm "$A/huge" "$A/large" &&
		settle a && head -c 500000 /dev/urandom >"$A/too-large" && wait_for 20 why_full f notes/too-large && [ ! -e "$S/f/notes/too-large" ] &&
		echo small >"$A/small" && wait_for 20 grep -qs small "$S/f/notes/small" && mount -o remount,size=8m "$S/f/notes" &&
		wait_for 20 cmp "$A/too-large" "$S/f/notes/too-large" && settle a f && same a f
}
if mkdir "$S/try" && mount -t tmpfs tmpfs "$S/try" 2>/dev/null; then
	umount "$S/try"
	t "a disk that is really unmounted, and mounted again" for_real
	device_stop b
	umount "$B" 2>/dev/null
	t "a disk that is really full, while what has room still comes" full_for_real
	device_stop f
	umount "$S/f/notes" 2>/dev/null
else
	skip "needs the right to mount" "a disk that is really unmounted, and mounted again"
	skip "needs the right to mount" "a disk that is really full, while what has room still comes"
fi

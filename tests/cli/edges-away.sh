# What is away: a hub in whose place somebody else answers, the rest of a download, what a power cut takes back, and a disk that
# is not mounted, once for real, where mounting is allowed. What is merely full or fails is in edges-disk.sh.
. "$SYNCLINE_SOURCE/tests/lib/suite.sh"
. "$SYNCLINE_SOURCE/tests/lib/devices.sh"
. "$SYNCLINE_SOURCE/tests/lib/faulty.sh"

begin() { faulty_make && for n in 1 2 3 4 5 6 7; do echo $n >"$A/n$n" || return 1; done && there; }
t "two devices" begin

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
		wait_for 20 umount "$B" 2>/dev/null && wait_for 20 not_there && everything && device_kill b && start b && wait_for 20 not_there && on b sync &&
		everything && mount --bind "$S/b/disk" "$B" && echo back >"$A/back" && wait_for 20 test -e "$B/back" && there && [ "$(deleted)" = 1 ]
}
if mkdir "$S/try" && mount -t tmpfs tmpfs "$S/try" 2>/dev/null; then
	umount "$S/try"
	t "a disk that is really unmounted while the engine runs, and mounted again" for_real
	device_stop b
	umount "$B" 2>/dev/null
else
	skip "needs the right to mount" "a disk that is really unmounted while the engine runs, and mounted again"
fi

# A large file is work in parts, on every device and at the hub: no turn of a loop reads or writes more than a few MiB of it,
# and small edits pass. By counts of bytes (tests/lib/turns.c), not by time.
. "$SYNCLINE_SOURCE/tests/lib/suite.sh"
. "$SYNCLINE_SOURCE/tests/lib/devices.sh"

A=$S/a/notes B=$S/b/notes
MOST=$((7 * 1048576)) # of 16 MiB: a part of each of several jobs, and the log of a database that is folded in
in_step() { settle a b && same a b; }
watched() { # NAME COMMAND…: in the background, its turns counted
	watched=$1
	shift
	TURNS=$S/$watched.turns LD_PRELOAD=$LIB/turns.so ASAN_OPTIONS=${ASAN_OPTIONS-}:verify_asan_link_order=0 \
		"$SYNCLINE" "$@" >>"$S/$watched/out" 2>&1 </dev/null &
	pid_save "$watched" $!
}
hub_watched() {
	mkdir -p "$S/hub" && rm -f "$S/hub/port.now"
	watched hub hub --listen 127.0.0.1:0 --store "sqlite:$S/hub/store.db" --port-file "$S/hub/port.now"
	wait_for 20 test -s "$S/hub/port.now" && cp "$S/hub/port.now" "$S/hub/port"
}
device_watched() { watched "$1" --home "$S/$1/home" run && on "$1" wait --ready --timeout "$WAIT"; }
begin() {
	hub_watched && device_join a && device_watched a && on a add notes "$A" --quiet &&
		device_join b a && device_watched b && on b add notes "$B" --quiet && echo one >"$A/small" && in_step
}
t "a hub and two devices, their turns watched" begin

# NUMBER of the struct in turns.c, of a process
counted() { od -An -v -tu8 -w64 "$S/$1.turns" | awk -v n="$2" '{ print $n }'; }
forget() { for name in a b hub; do head -c 56 /dev/zero | dd of="$S/$name.turns" conv=notrunc status=none; done; }
no_long_turn() {
	for name in a b hub; do
		echo "$name: $(counted $name 1) turns, at most $(counted $name 2) bytes read and $(counted $name 3) written"
	done
	for name in a b hub; do
		[ "$(counted $name 1)" -gt 0 ] && [ "$(counted $name 2)" -lt $MOST ] && [ "$(counted $name 3)" -lt $MOST ] || return 1
	done
}
make() { head -c 16777216 /dev/urandom >"$S/new" && mv "$S/new" "$A/large"; }
arrives() { forget && make && in_step && no_long_turn; }
t "16 MiB arrive, and no turn has more than a few of them" arrives
replaced() { forget && make && in_step && no_long_turn; }
t "... and replace what was there" replaced
edited() {
	forget && { head -c 9000000 "$A/large" && echo "a line in the middle" && tail -c +9000001 "$A/large"; } >"$S/new" && mv "$S/new" "$A/large" &&
		in_step && no_long_turn
}
t "... and are edited in the middle" edited
renamed() { forget && mv "$A/large" "$A/renamed" && in_step && [ ! -e "$B/large" ] && no_long_turn; }
t "... and are renamed" renamed
pass() {
	make && for i in 1 2 3 4 5; do echo "edit $i" >"$A/small" && echo "new $i" >"$A/small-$i" || return 1; done &&
		wait_for 60 test -s "$B/small-5" && in_step && [ "$(cat "$B/small")" = "edit 5" ]
}
t "small edits made meanwhile all arrive" pass
other_way() { head -c 3000000 /dev/urandom >"$S/new" && mv "$S/new" "$A/one" && head -c 3000000 /dev/urandom >"$S/other" && mv "$S/other" "$B/two" && in_step; }
t "large files both ways at once" other_way

# ---- killed in the middle ----

outgoing() { ls "$S/a/home/state/outgoing" | grep '^0'; }
arrived() { ! outgoing; }
killed() {
	device_stop b && kill -STOP "$(pid_of hub)" && make && wait_for 60 outgoing && device_kill a && hub_kill && outgoing &&
		hub_watched_again && device_watched a && device_watched b && in_step && wait_for 20 arrived
}
hub_watched_again() {
	rm -f "$S/hub/port.now"
	watched hub hub --listen "$(cat "$S/hub/port")" --store "sqlite:$S/hub/store.db" --port-file "$S/hub/port.now"
	wait_for 20 test -s "$S/hub/port.now"
}
t "the sender and the hub are killed in the middle: it goes on, and nothing of it is left behind" killed
nothing_left() { [ -z "$(find "$A" "$B" -name '.syncline-*')" ] && [ -z "$(find "$S/a/home" "$S/b/home" -name '*.part')" ]; }
t "no temporary file is left" nothing_left

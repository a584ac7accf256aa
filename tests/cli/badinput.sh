# Bad input, as far as the command line sees it: each gets a clear error that names what to do, loses nothing, and leaves
# the others working.
. "$SYNCLINE_SOURCE/tests/lib/suite.sh"
. "$SYNCLINE_SOURCE/tests/lib/devices.sh"

exits() { want=$1; shift; "$@" >"$S/out" 2>"$S/err"; got=$?; [ $got = "$want" ] || { echo "exit $got, not $want: $*"; cat "$S/out" "$S/err"; return 1; }; }
one_line() { [ "$(wc -l <"$S/err")" = 1 ] && grep -q '^syncline: ..*: ..*' "$S/err" || { cat "$S/err"; return 1; }; }
fresh() { mkdir -p "$S/$1/home" "$S/$1/notes" && chmod 700 "$S/$1/home"; }
nothing_left() { [ ! -S "$S/$1/home/control.sock" ] && ! running "$S/$1/home run"; }
error_state() { [ "$(on "$1" status --json | json --get connection.state)" = error ]; }

setup() { hub_start && device_make a b && echo "stays" >"$S/a/notes/stays.md" && settle a b; }
t "a hub and two devices that work" setup

# ---- invites ----
not_invite() { fresh x && echo "hello" | exits 1 on x join - && one_line && nothing_left x; }
t "no invite at all" not_invite
broken_invite() { echo "syncline-invite-1.eyJ1cmwiOiJ3czo" | exits 1 on x join - && one_line && nothing_left x; }
t "an invite cut short" broken_invite
old_invite() { echo "syncline-invite-9.e30" | exits 1 on x join - && one_line && nothing_left x; }
t "an invite of another version" old_invite
spent() { on a invite >"$S/good" && on x join "$S/good" --name x --quiet && fresh y && exits 1 on y join "$S/good" --name y && one_line && nothing_left y; }
t "a spent invite" spent
keyless() { hub_invite >"$S/keyless" && exits 1 on y join "$S/keyless" --name y && one_line && grep -q 'syncline invite' "$S/err" && nothing_left y; }
t "the hub's invite for an account that has devices: it cannot carry the key, and says whose can" keyless
expired() { on a invite --expires 1s >"$S/expired" && sleep 1.5 && exits 1 on y join "$S/expired" --name y && one_line && nothing_left y; }
t "an invite that has expired" expired
twice() { on a invite >"$S/again" && exits 1 on b join "$S/again" --name b2 && one_line && exits 0 on b wait --synced --timeout 60; }
t "a device that has joined already stays with its account" twice
plain() { on a invite | readdress "ws://192.0.2.1:9" >"$S/plain" && exits 1 on y join "$S/plain" --name y && one_line && grep -q insecure "$S/err"; }
t "plain ws elsewhere than loopback needs --insecure" plain

# ---- hubs ----
nobody() { on a invite | readdress "ws://127.0.0.1:1" >"$S/nobody" && exits 1 on y join "$S/nobody" --name y && one_line && nothing_left y; }
t "no hub at that address" nobody
bad_hub() {
	rm -f "$S/bad.port"; "$LIB/badhub" "$S/bad.port" "$1" & bad=$!
	wait_for 10 test -s "$S/bad.port" && on a invite | readdress "ws://$(cat "$S/bad.port")" >"$S/bad" && exits 1 on y join "$S/bad" --name y && one_line && nothing_left y
	bad_result=$?
	kill -9 $bad; wait $bad 2>/dev/null
	return $bad_result
}
t "a hub that speaks HTML" bad_hub html
t "a hub that says nothing" bad_hub silent
t "a hub that talks nonsense" bad_hub garbage
t "a hub that hangs up" bad_hub closes
later_html() {
	hub_stop; rm -f "$S/bad.port"; echo "offline edit" >"$S/a/notes/kept.md"
	sed -i "s|url = .*|url = ws://127.0.0.1:1|" "$S/a/home/config"
	"$LIB/badhub" "$S/bad.port" html & bad=$!
	wait_for 10 test -s "$S/bad.port" && cp "$S/a/home/config" "$S/config.was" && sed -i "s|url = .*|url = ws://$(cat "$S/bad.port")|" "$S/a/home/config" &&
		device_stop a && device_start a && wait_for 30 sh -c '"$SYNCLINE" --home "$0/a/home" status --json | "$1" --get connection.error | grep -q .' "$S" "$LIB/jsonkeys"
	result=$?
	kill -9 $bad; wait $bad 2>/dev/null
	sed -i "s|url = .*|url = ws://$(cat "$S/hub/port")|" "$S/a/home/config" && hub_start && device_stop a && device_start a && on b retry --quiet && settle a b && [ -f "$S/b/notes/kept.md" ] && return $result
}
t "a running engine whose hub turns into HTML: an error in status, nothing lost, and it goes on with the right one" later_html
garbage_in() { head -c 100000 /dev/urandom >"$S/noise" && for i in 1 2 3 4 5; do timeout 2 bash -c "cat '$S/noise' >/dev/tcp/$(cut -d: -f1 "$S/hub/port")/$(cut -d: -f2 "$S/hub/port")" 2>/dev/null; done; echo "after noise" >"$S/a/notes/noise.md" && settle a b && [ -f "$S/b/notes/noise.md" ]; }
t "noise on the hub's port leaves the others working" garbage_in
# ---- homes ----
config_bad() {
	device_stop b && cp "$S/b/home/config" "$S/b.config" && printf '[category "x\npath = /\n' >>"$S/b/home/config" && exits 1 on b run && one_line && grep -q config "$S/err" &&
		cp "$S/b.config" "$S/b/home/config" && device_start b && settle a b
}
t "a corrupt configuration: named with its line, and fine again once mended" config_bad
config_unknown() { device_stop b && printf '[category "notes"]\n\tfrequency = high\n' >>"$S/b/home/config" && exits 1 on b run && one_line && cp "$S/b.config" "$S/b/home/config" && device_start b && settle a b; }
t "an unknown key in the configuration" config_unknown
in_error() { on b status >"$S/status"; [ $? = 13 ]; }
in_step() { on b status >/dev/null; }
reload_bad() {
	printf '[category "x\n' >>"$S/b/home/config" && kill -HUP "$(pid_of b)" && wait_for 20 in_error && grep -q 'the old configuration stays' "$S/status" &&
		exits 1 on b doctor && grep -q "^FAIL *config" "$S/out" && echo "goes on" >"$S/b/notes/on.md" && settle a b && [ -f "$S/a/notes/on.md" ] &&
		cp "$S/b.config" "$S/b/home/config" && kill -HUP "$(pid_of b)" && wait_for 20 in_step
}
t "SIGHUP with a corrupt configuration: it goes on with the old one, and says so" reload_bad
keys_open() { device_stop b && chmod 644 "$S/b/home/state/keys" && exits 1 on b run && one_line && chmod 600 "$S/b/home/state/keys" && device_start b && settle a b; }
t "keys that others can read are refused" keys_open
home_open() { device_stop b && chmod 755 "$S/b/home/state" && exits 1 on b run && one_line && chmod 700 "$S/b/home/state" && device_start b && settle a b; }
t "a state folder that others can enter is refused" home_open
second() { exits 1 on b run && one_line && exits 0 on b wait --ready --timeout 5; }
t "a second engine on the same home" second
state_old() {
	device_stop b && cp -a "$S/b/home/state" "$S/state.old" && device_start b && echo newer >"$S/b/notes/newer.md" && echo edited >"$S/b/notes/stays.md" && settle a b &&
		device_stop b && rm -r "$S/b/home/state" && cp -a "$S/state.old" "$S/b/home/state" && echo "and one more" >"$S/b/notes/more.md" && device_start b && settle a b &&
		[ "$(cat "$S/a/notes/stays.md")" = edited ] && [ "$(cat "$S/b/notes/stays.md")" = edited ] && [ -f "$S/b/notes/newer.md" ] && [ -f "$S/a/notes/more.md" ] && same a b
}
t "a device's state restored from an old copy: nothing reverts, nothing is lost" state_old
state_gone() { device_stop b && rm "$S/b/home/state/state.db"* && echo "without state" >"$S/b/notes/stateless.md" && device_start b && settle a b && [ -f "$S/a/notes/stateless.md" ] && same a b; }
t "a device whose database is lost: a union, nothing deleted" state_gone
state_corrupt() {
	device_stop b && dd if=/dev/urandom of="$S/b/home/state/state.db" bs=512 count=8 conv=notrunc 2>/dev/null
	on b run >"$S/out" 2>"$S/err" & pid=$!
	sleep 1.5
	if kill -0 $pid 2>/dev/null; then kill $pid; wait $pid 2>/dev/null; else one_line; fi
	[ "$(cat "$S/b/notes/stays.md")" = edited ] && [ -f "$S/a/notes/stays.md" ]
}
t "a corrupt database: no user's file is touched" state_corrupt
root_gone() {
	mv "$S/b/notes" "$S/b/notes.away"; rm -f "$S/b/home/state/state.db"*; mkdir "$S/b/notes"; rmdir "$S/b/notes"
	device_start b; wait_for 20 sh -c '"$SYNCLINE" --home "$0/b/home" categories --json | "$1" --get "[].state" | grep -q error' "$S" "$LIB/jsonkeys"; gone=$?
	[ -f "$S/a/notes/stays.md" ] && mv "$S/b/notes.away" "$S/b/notes" && device_stop b && device_start b && settle a b && [ -f "$S/a/notes/stays.md" ] && same a b && [ $gone = 0 ]
}
t "a category's folder that is gone: an error, no deletes" root_gone

# ---- a hub that goes back in time ----
hub_old() {
	hub_stop && cp -a "$S/hub" "$S/hub.old" && hub_start && on a retry --quiet && on b retry --quiet && echo "after the backup" >"$S/a/notes/after.md" &&
		echo "changed after" >"$S/b/notes/stays.md" && settle a b && hub_stop && cp -a "$S/hub.old/store.db"* "$S/hub/" && { [ -e "$S/hub.old/store.db-wal" ] || rm -f "$S/hub/store.db-wal"; } && rm -f "$S/hub/store.db-shm" &&
		hub_start && on a retry --quiet && on b retry --quiet && wait_for 30 error_or_stopped a && [ "$(cat "$S/a/notes/stays.md")" = "changed after" ] && [ -f "$S/b/notes/after.md" ]
}
error_or_stopped() { on "$1" status >/dev/null; [ $? = 13 ]; }
t "a hub restored from an old copy: devices stop, and nothing is deleted or reverted" hub_old
hub_accepted() { on a resume --accept-rollback --quiet && on b resume --accept-rollback --quiet && settle a b && same a b && [ "$(cat "$S/a/notes/stays.md")" = "changed after" ] && [ -f "$S/a/notes/after.md" ]; }
t "resume --accept-rollback: a union with it" hub_accepted

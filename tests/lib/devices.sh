# devices: a hub and devices for the suites. Source it after suite.sh. Everything lives in the scratch folder: the hub's
# store is $S/hub/store.db, device NAME has its syncline home in $S/NAME/home and its notes in $S/NAME/notes.
#
#   hub_start [OPTION…]        on the same port as before; hub_stop, hub_kill
#   hub_address                what devices dial; "tap" in front of it once tap_start was called
#   device_join NAME [BY]      enrols with an invite made by device BY, or by the hub
#   device_start NAME …        engines in the background, ready when it returns; device_stop, device_kill
#   on NAME VERB …             runs a verb on that device
#   settle NAME …              waits until these are in step (conflicts are fine)
#   same NAME NAME             do both hold the same notes: names, kinds, bits, bytes
#   json RULE …                checks stdin (tests/lib/jsonkeys.c)
#   deadline COMMAND …         runs it, for two minutes at most
#
# devices_end ends every process; it runs when the suite ends.

LIB=$SYNCLINE_BUILD/tests/lib
WAIT=${WAIT:-60}
HUB_VIA=hub

json() { "$LIB/jsonkeys" "$@"; }
deadline() { timeout 120 "$@"; }
on() { on_device=$1; shift; timeout 120 "$SYNCLINE" --home "$S/$on_device/home" "$@"; }

# Is there a process with this in its arguments? (The pattern goes through a file: grep has arguments too.)
running() {
	printf '%s\n' "$1" >"$S/pattern"
	cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' ' ' | grep -qFf "$S/pattern"
}

pid_save() { echo "$2" >"$S/$1.pid"; }
pid_of() { cat "$S/$1.pid" 2>/dev/null; }
# Signals a process of ours and waits until it is gone.
pid_end() {
	pid=$(pid_of "$1")
	[ -n "$pid" ] || return 0
	kill "-$2" "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
	pid_status=$?
	rm -f "$S/$1.pid"
	return 0
}

hub_start() {
	mkdir -p "$S/hub"
	hub_at=$(cat "$S/hub/port" 2>/dev/null || echo 127.0.0.1:0)
	rm -f "$S/hub/port.now"
	"$SYNCLINE" hub --listen "$hub_at" --store "sqlite:$S/hub/store.db" --port-file "$S/hub/port.now" "$@" \
		>>"$S/hub/out" 2>&1 </dev/null &
	pid_save hub $!
	wait_for 20 test -s "$S/hub/port.now" || return 1
	cp "$S/hub/port.now" "$S/hub/port"
}
hub_stop() { pid_end hub TERM; }
hub_kill() { pid_end hub KILL; }
hub_address() { cat "$S/$HUB_VIA/port"; }
hub_invite() {
	"$SYNCLINE" hub invite --store "sqlite:$S/hub/store.db" --account test --url "${HUB_SCHEME:-ws}://$(hub_address)" "$@"
}

# tap_start NAME [record]: a counting proxy; what joins while HUB_VIA=NAME goes through it.
tap_start() {
	mkdir -p "$S/$1"
	"$LIB/tap" "$S/$1/port" "@$S/hub/port" "$S/$1/count" ${2:+"$S/$1/record"} &
	pid_save "$1" $!
	wait_for 10 test -s "$S/$1/port"
}
tap_bytes() { read -r tap_up tap_down _ <"$S/$1/count"; echo $((tap_up + tap_down)); }

device_join() {
	mkdir -p "$S/$1/home" "$S/$1/notes" && chmod 700 "$S/$1/home" || return 1
	if [ -n "${2-}" ]; then
		invite=$(on "$2" invite) || return 1
		# The invite names the address that device dialled; with a tap of its own, a device dials that.
		[ "$HUB_VIA" = hub ] || invite=$(printf '%s\n' "$invite" | readdress "ws://$(hub_address)")
	else
		invite=$(hub_invite) || return 1
	fi
	printf '%s\n' "$invite" | on "$1" join - --name "$1" --quiet
}
# Puts another URL into an invite.
readdress() {
	read -r line
	body=$(printf '%s' "${line#syncline-invite-1.}" | tr -- '-_' '+/')
	while [ $((${#body} % 4)) -ne 0 ]; do body=$body=; done
	printf 'syncline-invite-1.%s\n' "$(printf '%s' "$body" | base64 -d |
		sed "s|\"url\":\"[^\"]*\"|\"url\":\"$1\"|" | base64 -w0 | tr '+/' '-_' | tr -d =)"
}

device_start() {
	for device; do
		"$SYNCLINE" --home "$S/$device/home" run >>"$S/$device/out" 2>&1 </dev/null &
		pid_save "$device" $!
	done
	for device; do
		on "$device" wait --ready --timeout "$WAIT" || return 1
	done
}
device_stop() { for device; do pid_end "$device" TERM; done; }
device_kill() { for device; do pid_end "$device" KILL; done; }

# device_make NAME…: joined, with notes, running. The first by the hub's invite, the others by the first device's.
device_make() {
	device_first=$1
	for device_new; do
		if [ "$device_new" = "$device_first" ]; then
			device_join "$device_new" || return 1
		else
			device_join "$device_new" "$device_first" || return 1
		fi
		on "$device_new" add notes "$S/$device_new/notes" --quiet || return 1
		device_start "$device_new" || return 1
	done
}

settle() {
	for round in 1 2; do
		for device; do
			on "$device" wait --synced --timeout "$WAIT" 2>>"$S/$device/out"
			settled=$?
			[ $settled = 0 ] || [ $settled = 5 ] || { echo "$device: wait --synced: exit $settled" >&2; return 1; }
		done
	done
}

# Names, kinds, the executable and the private bit, link targets, bytes.
listing() {
	(cd "$1" && find . ! -name '.syncline-*' ! -type d -printf '%p %y %m %l\n' | sort &&
		find . -type f ! -name '.syncline-*' -print0 | sort -z | xargs -0 -r sha256sum)
}
same() {
	listing "$S/$1/notes" >"$S/listing.1"
	listing "$S/$2/notes" >"$S/listing.2"
	diff "$S/listing.1" "$S/listing.2" >&2
}

devices_end() {
	for file in "$S"/*.pid; do
		[ -f "$file" ] && kill -9 "$(cat "$file")" 2>/dev/null
	done
	wait 2>/dev/null
}

# faulty: two devices a and b whose disks can fail, with tests/lib/faults.c preloaded, so that it works everywhere. Source it
# after devices.sh.
#
#   faulty_make                a hub behind a tap, and a and b in step
#   faulty_run NAME            an engine in the foreground, whose disk fails as $S/NAME/faults says
#   start NAME …               engines in the background, ready when it returns, as device_start does
#   faults NAME RULE …         what fails from now on; without rules all is well again

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
faulty_run() {
	FAULTS=$S/$1/faults LD_PRELOAD=$LIB/faults.so ASAN_OPTIONS=${ASAN_OPTIONS-}:verify_asan_link_order=0 \
		exec "$SYNCLINE" --home "$S/$1/home" run >>"$S/$1/out" 2>&1 </dev/null
}
start() {
	for device; do
		faulty_run "$device" &
		pid_save "$device" $!
	done
	for device; do on "$device" wait --ready --timeout "$WAIT" || return 1; done
}
faults() {
	rm -f "$S/$1/faults.new"
	faulty=$1
	shift
	for rule; do echo "$rule" >>"$S/$faulty/faults.new"; done
	if [ $# -gt 0 ]; then mv "$S/$faulty/faults.new" "$S/$faulty/faults"; else rm -f "$S/$faulty/faults"; fi
}
faulty_make() {
	hub_start && tap_start tap && HUB_VIA=tap && device_make a b && device_stop a b && start a b && printf 'one\n' >"$A/kept" && there
}

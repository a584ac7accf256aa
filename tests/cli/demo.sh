# The demo as a script: the whole story, equal bytes at the end, nothing left behind.
. "$SYNCLINE_SOURCE/tests/lib/suite.sh"
. "$SYNCLINE_SOURCE/tests/lib/devices.sh"
export TMPDIR="$S"

runs() { timeout 300 "$SYNCLINE" demo --script >"$S/story" 2>"$S/err" </dev/null || { tail -5 "$S/story"; cat "$S/err"; return 1; }; }
t "demo --script exits 0" runs
tells() {
	for words in 'laptop' 'desk-pi' 'work-vm' 'on the wire' 'renamed' 'the hub is gone' 'the hub is back' 'lists the conflict' 'settled' '% saved' 'sha256' 'holds the same bytes'; do
		grep -qF -- "$words" "$S/story" || { echo "not told: $words"; return 1; }
	done
}
t "it tells of devices, edits, a rename, offline edits, a conflict, its settlement, and bytes" tells
equal() { [ "$(grep -oE '[0-9a-f]{64}' "$S/story" | wc -l)" = 3 ] && [ "$(grep -oE '[0-9a-f]{64}' "$S/story" | sort -u | wc -l)" = 1 ]; }
t "three equal digests" equal
clean() { [ -z "$(find "$S" -maxdepth 1 -name 'syncline-demo-*')" ] && ! running "$S/syncline-demo-"; }
t "nothing is left behind" clean
more() { timeout 300 "$SYNCLINE" demo --script --devices 5 --seconds 3 >"$S/story" 2>"$S/err" </dev/null && [ "$(grep -oE '[0-9a-f]{64}' "$S/story" | sort -u | wc -l)" = 1 ]; }
t "five devices, three seconds of everyday life" more
stopped() {
	"$SYNCLINE" demo --script --seconds 60 >"$S/story" 2>&1 </dev/null & pid=$!
	wait_for 60 grep -q 'Edits travel' "$S/story" && kill -TERM $pid; wait $pid; [ $? != 0 ] && wait_for 10 clean
}
t "stopped in the middle: everything ends" stopped

# When an edit goes out: a lone one at once, those behind it as one, small ones joined, none more often than its limit. Held
# is only the sending, and never beyond a question that waits for it.
. "$SYNCLINE_SOURCE/tests/lib/suite.sh"
. "$SYNCLINE_SOURCE/tests/lib/devices.sh"

A=$S/a/notes B=$S/b/notes
b_has() { [ "$(cat "$B/$1" 2>/dev/null)" = "$2" ]; }
queue_says() { on a queue --json | tr -d '\n' | tr '}' '\n' | grep "\"item\": *\"notes/$1\"" | grep -q "\"state\": *\"$2\""; } # in one row
changes() { on b history --json "notes/$1" | grep -o '"version":' | wc -l; }
# config KEY VALUE…: of the category, in force when it returns
config() {
	while [ $# -gt 0 ]; do
		git config -f "$S/a/home/config" "category.notes.$1" "$2" || return 1
		shift 2
	done
	on a sync && kill -HUP "$(pid_of a)" && wait_for 10 config_is
}
config_is() {
	on a categories --json | json "[].debounce_ms=$want_debounce" "[].min_change_bytes=$want_small" "[].max_changes_per_minute=$want_rate" \
		"[].interval_ms=3600000"
}

window() {
	want_debounce=60000 want_small=0 want_rate=0
	hub_start && device_make a b && config interval 1h debounce 60s min-change 0 max-per-minute 0 && echo one >"$A/w" && settle a b || return 1
	config interval 1h
}
t "two devices; a window of a minute" window
queue_tells() { on a queue --json | grep -q "$1"; }
follows() {
	echo one >"$A/lone" && wait_for 5 b_has lone one && echo two >"$A/lone" && wait_for 5 queue_tells 'within the window' && queue_says lone debouncing &&
		b_has lone one && on a why notes/lone | grep -q "syncline sync" && on a why notes/lone | grep -q 'has it *a' &&
		on a why notes/lone | grep -q 'not yet *b' && on b why notes/lone | grep -q 'has it *b'
}
t "a lone edit arrives at once; the next one waits for its window and says so" follows
exact() { echo three >"$A/lone" && on a wait --synced --timeout 20 && on b wait --synced --timeout 20 && b_has lone three && [ "$(changes lone)" = 2 ]; }
t "'wait --synced' ends the window: what was held goes as one" exact
synced() { echo four >"$A/lone" && wait_for 5 queue_says lone debouncing && on a sync && wait_for 5 b_has lone four; }
t "so does 'sync'" synced
killed() { echo five >"$A/lone" && wait_for 5 queue_says lone debouncing && device_kill a && device_start a && wait_for 10 b_has lone five; }
t "killed while it holds: nothing is lost" killed

small() {
	want_debounce=2000 want_small=50 want_rate=0
	config debounce 2s min-change 50 && printf 'a line that is there from the start\n' >"$A/small" && wait_for 5 test -s "$B/small" &&
		printf 'x\n' >>"$A/small" && wait_for 5 queue_says small held && on a queue --json | grep -q 'joined with the next' &&
		[ "$(wc -l <"$B/small")" = 1 ]
}
t "a small change in a burst is held to be joined" small
large() { printf 'and now much more than fifty bytes, all of them on one line of text\n' >>"$A/small" && wait_for 5 same a b && [ "$(changes small)" = 2 ]; }
t "... and goes with the next as one" large
lone_small() { on a sync && printf 'y\n' >"$A/tiny" && wait_for 5 b_has tiny y; }
t "a lone change of one byte is not held" lone_small

rate() {
	want_debounce=0 want_small=0 want_rate=2
	config debounce 0s min-change 0 max-per-minute 2 && echo 1 >"$A/often" && wait_for 5 b_has often 1 && echo 2 >"$A/often" && wait_for 5 b_has often 2 &&
		echo 3 >"$A/often" && wait_for 5 queue_says often held && on a queue --json | grep -q 'limit a minute' && b_has often 2
}
t "above the rate changes are held and collapse" rate
rate_ends() { echo 4 >"$A/often" && settle a b && b_has often 4 && [ "$(changes often)" = 3 ]; }
t "... until somebody waits for them" rate_ends

own() {
	for i in 1 2 3 4 5 6 7 8 9 10; do echo "from b $i" >"$B/own$i"; done
	settle b && for i in 1 2 3 4 5 6 7 8 9 10; do
		wait_for 5 test -s "$A/own$i" && ! queue_says own$i debouncing || return 1
	done
}
t "what was just received is not taken for an edit" own
too_large() {
	head -c 67108865 /dev/zero >"$A/huge" && on a sync && queue_says huge held && on a why notes/huge | grep -q "64 MiB" &&
		settle a b && [ ! -e "$B/huge" ] && rm "$A/huge" && on a sync && ! queue_says huge held
}
t "a file over the limit says so in queue and why, and nothing waits for it" too_large

# Many programs save at once, each in its own way, and the kernel's queue overflows meanwhile: nothing is lost, nothing that
# did not change is sent.
#
#   HAMMER_SECONDS=5 HAMMER_WRITERS=16 HAMMER_SEED=…   `make soak` takes 60 seconds
. "$SYNCLINE_SOURCE/tests/lib/suite.sh"
. "$SYNCLINE_SOURCE/tests/lib/devices.sh"
SECONDS_LONG=${HAMMER_SECONDS:-5} WRITERS=${HAMMER_WRITERS:-16} SEED=${HAMMER_SEED:-$(date +%s)}
WAIT=${HAMMER_WAIT:-100}
DEBOUNCE_S=2 # of the profile "notes"
echo "# seed $SEED"

devices() { hub_start && device_make a b && mkdir "$S/a/notes/h"; }
hammer() { "$LIB/hammer" "$@"; }

# The engine stands still while 20,000 names go by: more than the kernel keeps.
overflow() {
	queued=$(cat /proc/sys/fs/inotify/max_queued_events)
	kill -STOP "$(pid_of a)" || return 1
	hammer burst "$S/a/notes/burst" 20000 .swp && hammer burst "$S/a/notes/burst" 40 .txt && echo late >"$S/a/notes/h/late"
	made=$?
	kill -CONT "$(pid_of a)"
	echo "20040 files, $queued events are kept"
	return $made
}
hammered() {
	head_before=$(on a status --json | sed -n 's/.*"head": *\([0-9]*\).*/\1/p')
	hammer run "$S/a/notes/h" "$SECONDS_LONG" "$WRITERS" "$SEED" >"$S/held" 2>"$S/hammer.err" &
	hammer_pid=$!
	overflow || return 1
	wait "$hammer_pid" || { cat "$S/hammer.err"; return 1; }
}
# What each program wrote last, on this device: the engine changed nothing of it, and lost nothing.
tokens_on() {
	lost=0
	grep -v '^#' "$S/held" | while read -r name token; do
		tail -n 1 "$S/$1/notes/h/$name" 2>/dev/null | grep -qx "$token" || echo "$name on $1: not $token but $(tail -n 1 "$S/$1/notes/h/$name" 2>&1)"
	done >"$S/lost"
	cat "$S/lost"
	[ ! -s "$S/lost" ] && [ "$(grep -vc '^#' "$S/held")" -gt "$WRITERS" ]
}
arrived() { [ "$(find "$S/b/notes/burst" -name '*.txt' | wc -l)" = 40 ] && [ ! -e "$S/b/notes/burst/1.swp" ] && grep -q late "$S/b/notes/h/late"; }
# Backups and swap files are nobody's items: they are only where they were made.
same_items() {
	[ -z "$(find "$S/b/notes" -name '*~' -o -name '*.swp' | head -n 1)" ] || return 1
	find "$S/a/notes" \( -name '*~' -o -name '*.swp' \) -delete
	same a b
}
no_conflict() { on a status --json >"$S/status" && grep -q '"conflicts": *0' "$S/status"; }
# One at once, one a window, and as many deletions between them. The other device has what was sent; the one that edits
# has every capture.
bounded() {
	most=$((2 * (SECONDS_LONG / DEBOUNCE_S + 1) + 2)) counted=0
	for file in "$S"/a/notes/h/w00/f*.txt; do
		versions=$(on b history "notes/h/w00/${file##*/}" --json | grep -o '"version"' | wc -l)
		[ "$versions" -ge 1 ] && [ "$versions" -le $most ] || { echo "${file##*/}: $versions versions, $most at most"; return 1; }
		counted=$((counted + 1))
	done
	saves=$(sed -n 's/^# saves //p' "$S/held" | awk '{ n += $1 } END { print n }')
	head_after=$(on a status --json | sed -n 's/.*"head": *\([0-9]*\).*/\1/p')
	echo "# $saves saves, $((head_after - head_before)) changes" >&3
	[ $counted -gt 0 ]
}
exec 3>&1

t "two devices" devices
t "$WRITERS programs save for $SECONDS_LONG s while the queue overflows" hammered
t "the other device catches up" settle a b
t "what each program wrote last stands where it wrote it" tokens_on a
t "every last token is on the other device" tokens_on b
t "of the burst all that is wanted arrived, and nothing else" arrived
t "both devices hold the same bytes" same_items
t "no conflict came of one person's saves" no_conflict
t "no file was sent more often than its debounce allows" bounded

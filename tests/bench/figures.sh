# The figures of `make bench`: real processes, stores as shipped, both sides in one run.
#
#   BENCH_EDITS=60          edits for the first two figures
#   BENCH_FILES=10000       files of the first sync
#   BENCH_IDLE_SECONDS=60   how long idleness is watched
#   SYNCLINE_CORPORA=DIR    *.trace.zst in it are replayed too
set -u
. "$SYNCLINE_SOURCE/tests/lib/suite.sh"
. "$SYNCLINE_SOURCE/tests/lib/devices.sh"
suite_report() { :; } # figures, not tests
EDITS=${BENCH_EDITS:-60} FILES=${BENCH_FILES:-10000} IDLE=${BENCH_IDLE_SECONDS:-60}
measure() { "$SYNCLINE_BUILD/tests/bench/measure" "$@"; }
die() { echo "bench: $*" >&2; tail -n 3 "$S"/*/out >&2; exit 1; }
row() { printf '  %-44s %s\n' "$1" "$2"; }
ms() { awk -v us="$1" 'BEGIN { printf "%.2f", us / 1000 }'; }
percent() { measure percentile "$1" <"$2"; }
fsyncs() { od -An -tu8 "$S/$1.fsyncs" 2>/dev/null | tr -d ' ' | grep . || echo 0; }

hub_counted() {
	mkdir -p "$S/hub"
	FSYNCCOUNT=$S/hub.fsyncs LD_PRELOAD=$LIB/fsynccount.so "$SYNCLINE" hub --listen 127.0.0.1:0 --store "sqlite:$S/hub/store.db" \
		--port-file "$S/hub/port" >>"$S/hub/out" 2>&1 </dev/null &
	pid_save hub $!
	wait_for 20 test -s "$S/hub/port"
}
engine_counted() {
	FSYNCCOUNT=$S/$1.fsyncs LD_PRELOAD=$LIB/fsynccount.so "$SYNCLINE" --home "$S/$1/home" run >>"$S/$1/out" 2>&1 </dev/null &
	pid_save "$1" $!
	on "$1" wait --ready --timeout 60
}
# A device behind a tap of its own.
join_tapped() {
	tap_start "tap-$1" && HUB_VIA=tap-$1 && device_join "$@" && HUB_VIA=hub
	on "$1" add notes "$S/$1/notes" --quiet
}
taps() { echo $(($(tap_bytes tap-a) + $(tap_bytes tap-b))); }

hub_counted || die "no hub"
join_tapped a && engine_counted a && join_tapped b a && engine_counted b || die "no devices"
mkdir "$S/floor"

echo "edit to visible, one line of a 4 KB file, $EDITS edits (goal: p50 3 ms, p95 6 ms)"
measure pages "$S/a/notes" "$EDITS" 1 && settle a b || die "no start"
sleep 3 # a small edit of a page that was made just now would wait to be joined with the next
measure floor "$S/floor" "$EDITS" 20 >"$S/floor.us" || die "no floor"
bytes=$(taps) fsync_hub=$(fsyncs hub) fsync_a=$(fsyncs a) fsync_b=$(fsyncs b)
measure edits "$S/a/notes" "$S/b/notes" "$EDITS" 100 >"$S/edits.us" || die "edits did not arrive"
settle a b
bytes=$(($(taps) - bytes))
fsync_hub=$(($(fsyncs hub) - fsync_hub)) fsync_a=$(($(fsyncs a) - fsync_a)) fsync_b=$(($(fsyncs b) - fsync_b))
for p in 50 95; do
	row "p$p" "$(ms "$(percent $p "$S/edits.us")") ms; floor (inotify, WebSocket echo, no storage) $(ms "$(percent $p "$S/floor.us")") ms: $(
		awk -v a="$(percent $p "$S/edits.us")" -v b="$(percent $p "$S/floor.us")" 'BEGIN { printf "%.1f times", a / b }')"
done
row "calls that made it durable, an edit" "$(awk -v n="$EDITS" -v h=$fsync_hub -v a=$fsync_a -v b=$fsync_b \
	'BEGIN { printf "hub %.1f, sender %.1f, receiver %.1f", h / n, a / n, b / n }')"
echo "bytes on the sockets for such an edit (goal: 300)"
row "both legs, both ways, answers included" "$((bytes / EDITS)) bytes"

on a pause >/dev/null && measure queued "$S/a/notes" "$S/a/home/control.sock" "$EDITS" 100 >"$S/queued.us" && on a resume >/dev/null && settle a b || die "not queued"
cut -d' ' -f1 "$S/queued.us" >"$S/queued.in" && cut -d' ' -f2 "$S/queued.us" >"$S/queued.ask"
for p in 50 99; do
	row "close(2) to change in the queue, p$p" "$(ms "$(percent $p "$S/queued.in")") ms; an answer of the engine alone $(
		ms "$(percent $p "$S/queued.ask")") ms"
done

if [ -n "${SYNCLINE_CORPORA-}" ]; then
	echo "replay of real histories"
	for trace in "$SYNCLINE_CORPORA"/*.trace.zst; do
		name=$(basename "$trace" .trace.zst)
		mkdir "$S/a/$name" "$S/b/$name"
		on a add "$name" "$S/a/$name" --quiet && on b add "$name" "$S/b/$name" --quiet || die "no category"
		row "$name" "$(zstd -dcq "$trace" | measure replay "$S/a/$name" "$S/b/$name" "$S/a/home/control.sock" "$S/b/home/control.sock" \
			"$S/tap-a/count" "$S/tap-b/count")"
	done
fi

echo "$FILES files of 1 to 4 KB from A to an empty B (goal: 6 s, 10 MB)"
device_stop a
measure words "$S/a/notes" "$FILES" 2
size=$(du -sb "$S/a/notes" | cut -f1) bytes=$(taps)
FSYNCCOUNT=$S/a.fsyncs LD_PRELOAD=$LIB/fsynccount.so "$SYNCLINE" --home "$S/a/home" run >>"$S/a/out" 2>&1 </dev/null &
pid_save a $!
took=$(measure same "$S/a/notes" "$S/b/notes" $((FILES + EDITS)) 300) || die "they did not arrive"
settle a b
row "start of A's engine to all on B" "$(awk -v ms="$took" 'BEGIN { printf "%.2f s", ms / 1000 }')"
row "bytes, both legs" "$(awk -v n=$(($(taps) - bytes)) -v s="$size" 'BEGIN { printf "%.2f MB, of files of %.2f MB", n / 1e6, s / 1e6 }')"

row "the same, one gzip -9 stream a leg" "$(find "$S/a/notes" -name '*.md' | sort | xargs cat | gzip -9 | wc -c | awk '{ printf "%.2f MB", 2 * $1 / 1e6 }')"

# What was imported is filed in the repository when nobody waits for anything: idleness begins behind that. Heartbeats wake.
switches() { for name in a b; do awk '/^voluntary_ctxt_switches/ { print $2 }' "/proc/$(pid_of $name)/status"; done | awk '{ n += $1 } END { print n }'; }
calm() { was=$(switches) && sleep 20 && [ $(($(switches) - was)) -lt 20 ]; }
echo "idle with $((FILES + EDITS)) items, $IDLE s (goal: 40 MiB, no CPU)"
wait_for 300 calm || die "they do not come to rest"
for name in hub a b; do
	pid=$(pid_of $name)
	cut -d' ' -f14,15 "/proc/$pid/stat" >"$S/$name.cpu"
	awk '/^voluntary_ctxt_switches/ { print $2 }' "/proc/$pid/status" >"$S/$name.wakes"
done
sleep "$IDLE"
for name in hub a b; do
	pid=$(pid_of $name)
	row "$name" "$(awk -v was="$(cat "$S/$name.cpu")" -v now="$(cut -d' ' -f14,15 "/proc/$pid/stat")" -v hz="$(getconf CLK_TCK)" \
		-v w="$(cat "$S/$name.wakes")" -v v="$(awk '/^voluntary_ctxt_switches/ { print $2 }' "/proc/$pid/status")" -v s="$IDLE" \
		-v rss="$(awk '/^VmRSS/ { print $2 }' "/proc/$pid/status")" 'BEGIN { split(was, a, " "); split(now, b, " ");
		printf "RSS %.1f MiB, CPU %.2f s, %.0f wakeups a minute", rss / 1024, (b[1] + b[2] - a[1] - a[2]) / hz, (v - w) * 60 / s }')"
done

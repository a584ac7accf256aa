# Watching many files: what a start costs, what idling costs, and whether what did not change is sent.
#
#   BENCH_ITEMS=100000         files watched
#   BENCH_TOUCHED=10000        of them touched, made other and back again, and written anew with the same bytes
#   BENCH_IDLE_SECONDS=60      how long idleness is watched
set -u
. "$SYNCLINE_SOURCE/tests/lib/suite.sh"
. "$SYNCLINE_SOURCE/tests/lib/devices.sh"
suite_report() { :; } # figures, not tests
ITEMS=${BENCH_ITEMS:-100000} TOUCHED=${BENCH_TOUCHED:-10000} IDLE=${BENCH_IDLE_SECONDS:-60} WAIT=600
die() { echo "bench: $*" >&2; tail -n 3 "$S"/*/out >&2; exit 1; }
row() { printf '  %-44s %s\n' "$1" "$2"; }
ms() { echo $(($(date +%s%N) / 1000000)); }
cpu() { awk '{ printf "%.2f", $1 / 1e9 }' "/proc/$(pid_of a)/schedstat"; }
memory() { awk -v key="$1:" '$1 == key { printf "%.1f", $2 / 1024 }' "/proc/$(pid_of a)/status"; }
head_of() { on a status --json | sed -n 's/.*"head": *\([0-9]*\).*/\1/p'; }

hub_start && device_make a || die "no device"
echo "$ITEMS files in folders of 100"
i=0
while [ $i -lt $((ITEMS / 100)) ]; do
	"$LIB/hammer" burst "$S/a/notes/d$i" 100 .md || die "no files"
	i=$((i + 1))
done
began=$(ms)
on a sync && on a wait --synced --timeout "$WAIT" || die "they were not sent"
row "first: all captured and sent" "$(awk -v ms=$(($(ms) - began)) 'BEGIN { printf "%.1f s", ms / 1000 }')"
device_stop a
began=$(ms)
device_start a && on a sync || die "no start"
row "start to the end of its scan (goal: 1.5 s)" "$(awk -v ms=$(($(ms) - began)) 'BEGIN { printf "%.2f s", ms / 1000 }'), $(cpu) s of CPU"
row "memory then (goal: 64 MiB + 200 B an item)" "$(memory VmRSS) MiB; $(awk -v n="$ITEMS" 'BEGIN { printf "%.1f MiB", 64 + n * 200 / 1048576 }') allowed"
on a wait --synced --timeout "$WAIT" || die "not in step"
# The repository is filed while nobody waits: that is no idling yet.
still() { still_was=$(cpu); sleep 2; [ "$(cpu)" = "$still_was" ]; }
wait_for 300 still || die "it does not come to rest"
before=$(awk '{ print $1 }' "/proc/$(pid_of a)/schedstat")
sleep "$IDLE"
row "CPU of $IDLE s idle (goal: 0.05 s in 60)" "$(awk -v a="$before" '{ printf "%.3f s", ($1 - a) / 1e9 }' "/proc/$(pid_of a)/schedstat")"
head_before=$(head_of)
find "$S/a/notes" -name '*.md' | head -n "$TOUCHED" >"$S/touched"
xargs touch <"$S/touched" && xargs chmod 640 <"$S/touched" && xargs chmod 644 <"$S/touched" && while read -r name; do echo x >"$name"; done <"$S/touched"
on a sync && on a wait --synced --timeout "$WAIT" || die "not in step"
row "changes sent for $TOUCHED touched files (goal: 0)" "$(($(head_of) - head_before))"

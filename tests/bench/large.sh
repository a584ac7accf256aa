# A large file on its way, and small ones that pass it: the longest turns of each loop, memory, and how long a small edit waits.
#
#   BENCH_LARGE=64    MiB
set -u
. "$SYNCLINE_SOURCE/tests/lib/suite.sh"
. "$SYNCLINE_SOURCE/tests/lib/devices.sh"
suite_report() { :; } # figures, not tests
LARGE=${BENCH_LARGE:-64} WAIT=300
die() { echo "bench: $*" >&2; tail -n 3 "$S"/*/out >&2; exit 1; }
row() { printf '  %-44s %s\n' "$1" "$2"; }
ms() { echo $(($(date +%s%N) / 1000000)); }
begin() { for name in hub a b; do printf '%056d' 0 | tr 0 '\0' | dd of="$S/$name.turns" conv=notrunc status=none; done; }
turns() { # NAME: what tests/lib/turns.c counted, in words
	od -An -v -tu8 -w56 "$S/$1.turns" | awk '{ printf "longest %.0f ms (CPU %.0f), %d over 20 ms take %.0f ms in all; at most %.1f MB read and %.1f MB written in one",
		$4 / 1000, $5 / 1000, $6, $7 / 1000, $2 / 1e6, $3 / 1e6 }'
}
memory() { awk '/^VmHWM/ { printf "%.0f MiB", $2 / 1024 }' "/proc/$(pid_of "$1")/status"; }
same_size() { [ "$(stat -c %s "$S/b/notes/$1" 2>/dev/null)" = "$(stat -c %s "$S/a/notes/$1")" ] && cmp -s "$S/a/notes/$1" "$S/b/notes/$1"; }
# The file is put there at once; then small files, one after the other, until it has arrived.
pass() { # NAME FROM
	begin
	small=0 longest=0 sum=0
	mv "$2" "$S/a/notes/$1" || die "no file"
	began=$(ms)
	until same_size "$1"; do
		small=$((small + 1)) at=$(ms)
		echo "$small, while $1 is under way" >"$S/a/notes/small-$1-$small.md"
		wait_for 100 test -s "$S/b/notes/small-$1-$small.md" >/dev/null || die "a small file did not arrive"
		took=$(($(ms) - at)) sum=$((sum + $(ms) - at))
		[ $took -le $longest ] || longest=$took
		[ $(($(ms) - began)) -lt 200000 ] || die "$1 did not arrive"
	done
	row "$1: from A to B" "$(($(ms) - began)) ms"
	row "small files meanwhile: $small" "longest $longest ms, mean $((sum / small)) ms"
	settle a b || die "they do not come to rest"
	for name in a hub b; do row "$name" "$(turns $name); memory up to $(memory $name)"; done
}

export LD_PRELOAD="$LIB/turns.so"
TURNS=$S/hub.turns hub_start || die "no hub"
for name in a b; do
	unset LD_PRELOAD
	if [ $name = a ]; then device_join a; else device_join b a; fi || die "no device"
	LD_PRELOAD=$LIB/turns.so TURNS=$S/$name.turns "$SYNCLINE" --home "$S/$name/home" run >>"$S/$name/out" 2>&1 </dev/null &
	pid_save $name $!
	on $name wait --ready --timeout 60 && on $name add notes "$S/$name/notes" --quiet || die "no engine"
done
settle a b || die "no start"
echo "a file of $LARGE MiB, and small ones that are made while it is under way"
head -c $((LARGE * 1048576)) /dev/urandom >"$S/new" && pass random "$S/new"
head -c $((LARGE * 1048576)) /dev/urandom | base64 | head -c $((LARGE * 1048576)) >"$S/new" && pass text "$S/new"
{ head -c 1000000 "$S/a/notes/text" && echo "one line more" && tail -c +1000100 "$S/a/notes/text"; } >"$S/new" && pass text "$S/new"

# The proof that the simulated world bites: each planted mistake (base/plant.h) must be found, from the same first seed,
# within PLANTED_SECONDS of the processor. Prints how many lives it took, how long, and which invariant told. A seed that
# breaks without the mistake as well proves nothing: that one is not counted as found.
# Needs a build configured with --enable-planted. PLANTS="a b" for some of them.
. "$SYNCLINE_SOURCE/tests/lib/suite.sh"

limit=${PLANTED_SECONDS:-60}
first=${SEED:-1}
"$SYNCLINE" sim --plant list 2>/dev/null | sort -u >"$S/list"
[ -s "$S/list" ] ||
	{ skip "planted mistakes are found" "this build has none: configure with --enable-planted"; exit 0; }

told_or_over() { grep -q '^ *seed [0-9]*, step' "$S/out" || ! kill -0 $pid; }
cpu_of() { awk '{ print ($14 + $15) / 100 }' /proc/$1/stat 2>/dev/null; }
found() {
	( ulimit -t "$limit"; exec "$SYNCLINE" sim --plant "$1" --seed "$first" --seeds 100000 --devices 3 --minutes 2 ) >"$S/out" 2>"$S/err" &
	pid=$!
	wait_for $((limit * 4)) told_or_over
	cpu=$(cpu_of $pid)
	kill $pid 2>/dev/null # it would go on to shrink
	wait $pid 2>/dev/null
	life=$(sed -n 's/^ *seed \([0-9]*\), step.*/\1/p' "$S/out")
	[ -n "$life" ] || { echo "$1: not found within $limit s"; return 1; }
	invariant=$(sed -n 's/^BROKEN *\([IQ][0-9]*\)[,:].*/\1/p' "$S/out")
	"$SYNCLINE" sim --seed "$life" --devices 3 --minutes 2 >"$S/whole" 2>&1 ||
		{ echo "$1: seed $life breaks without it too"; return 1; }
	printf '# %-46s %5d lives %7.2f s  %s\n' "$1" $((life - first + 1)) "${cpu:-0}" "$invariant"
}
for plant in ${PLANTS:-$(cat "$S/list")}; do
	t "$plant is found" found "$plant"
done

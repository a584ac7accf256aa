# The proof that the simulated world bites: each planted mistake (base/plant.h) must be found, from the same first seed,
# within PLANTED_SECONDS of the processor. Prints how many lives it took, how long, and which invariant told.
# Needs a build configured with --enable-planted. PLANTS="a b" for some of them.
. "$SYNCLINE_SOURCE/tests/lib/suite.sh"

limit=${PLANTED_SECONDS:-60}
"$SYNCLINE" sim --plant list 2>/dev/null | sort -u >"$S/list"
[ -s "$S/list" ] ||
	{ skip "planted mistakes are found" "this build has none: configure with --enable-planted"; exit 0; }

found() {
	before=$(cut -d' ' -f14,15 /proc/self/stat)
	( ulimit -t "$limit"; exec "$SYNCLINE" sim --plant "$1" --seed "${SEED:-1}" --seeds 100000 --minutes 2 ) >"$S/out" 2>"$S/err"
	cpu=$(times | awk 'NR == 2 { split($1, u, /[ms]/); split($2, s, /[ms]/); print u[1] * 60 + u[2] + s[1] * 60 + s[2] }')
	invariant=$(sed -n 's/^BROKEN *\([IQ][0-9]*\):.*/\1/p' "$S/out")
	text=$(sed -n 's/^BROKEN *[IQ][0-9]*: //p' "$S/out" | cut -c1-90)
	life=$(sed -n 's/^ *seed \([0-9]*\), step.*/\1/p' "$S/out")
	[ -n "$invariant" ] || { echo "$1: not found within $limit s"; return 1; }
	awk -v n="$1" -v l=$((life - ${SEED:-1} + 1)) -v s="$cpu" -v b="${last:-0}" -v i="$invariant" -v t="$text" \
		'BEGIN { printf "# %-46s %5d lives %7.2f s  %-3s %s\n", n, l, s - b, i, t }'
}
for plant in ${PLANTS:-$(sort "$S/list")}; do
	last=$(times | awk 'NR == 2 { split($1, u, /[ms]/); split($2, s, /[ms]/); print u[1] * 60 + u[2] + s[1] * 60 + s[2] }')
	t "$plant is found" found "$plant"
done

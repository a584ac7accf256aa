# The proof that the simulated world bites: each planted mistake (base/plant.h) must be found, from the same first seed,
# within PLANTED_SECONDS of the processor. A seed that breaks without the mistake as well proves nothing and is passed
# over. Prints a table: how many lives it took, how long, which invariant told, and how many stories tell it too.
# Needs a build configured with --enable-planted. PLANTS="a b" for some of them.
. "$SYNCLINE_SOURCE/tests/lib/suite.sh"

limit=${PLANTED_SECONDS:-60}
first=${SEED:-1}
"$SYNCLINE" sim --plant list 2>/dev/null | sort -u >"$S/list"
[ -s "$S/list" ] ||
	{ skip "planted mistakes are found" "this build has none: configure with --enable-planted"; exit 0; }

# "found      NAME by I2: 12 lives, 1.03 s of the processor"
in_lives() {
	( ulimit -t "$limit"; exec "$SYNCLINE" sim --plant "$1" --seed "$first" --seeds 100000 --devices 3 --minutes 2 ) >"$S/out" 2>"$S/err"
	sed -n 's/^found  *[^ ]* by \([A-Z0-9]*\): \([0-9]*\) lives, \([0-9.]*\) s.*/\2 \3 \1/p' "$S/out"
}
in_stories() {
	PLANT=$1 STORY_SEEDS=2 "$SYNCLINE_BUILD/tests/story/play" "$SYNCLINE_SOURCE"/tests/story/stories/*.story >"$S/stories"
	sed -n 's/^not ok [0-9]* - //p' "$S/stories"
}
found() {
	lives=$(in_lives "$1")
	told=$(in_stories "$1")
	count=$(echo "$told" | grep -c .)
	printf '# | %-44s | %5s | %6s | %-3s | %2d |\n' "$1" ${lives:-– – –} "$count" >>"$S/table"
	[ -n "$lives$told" ] || echo "$1: not found within $limit s, nor by a story"
	[ -n "$lives" ] || echo "$1: by stories alone:" $told
	[ -n "$lives$told" ]
}
for plant in ${PLANTS:-$(cat "$S/list")}; do
	t "$plant is found" found "$plant"
	tail -n 1 "$S/table"
done

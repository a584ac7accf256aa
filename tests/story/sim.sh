# Random lives, what `syncline sim` promises about them, and the kept traces of lives that once broke something. SEEDS=N
# for more lives, or fewer: then it is not asked whether they reach every hard path.
. "$SYNCLINE_SOURCE/tests/lib/suite.sh"

sim() { (cd "$S" && "$SYNCLINE" sim "$@" >"$S/out" 2>"$S/err"); }
exits() { want=$1; shift; sim "$@"; got=$?; [ $got = "$want" ] || { echo "exit $got, not $want: sim $*"; cat "$S/out" "$S/err"; return 1; }; }
digest() { sed -n 's/^digest //p' "$S/out"; }

lives() { exits 0 --seed 1 --seeds "${SEEDS:-200}" --devices 3 --minutes 2 && unreached >"$S/unreached"; }
unreached() { sed -n 's/^unreached *//p' "$S/out" | sort; }
t "lives of three devices hold every invariant" lives
more() { exits 0 --seed 500000 --seeds "$((${SEEDS:-200} / 8))" --devices 5 --minutes 4 && unreached | comm -12 - "$S/unreached" >"$S/unmarked"; }
t "and of five" more
# The hard paths of the code (base/mark.h): whoever adds one adds a life or a story that comes there.
marked() {
	MARKS=$S/marks "$SYNCLINE_BUILD/tests/story/play" "$SYNCLINE_SOURCE"/tests/story/stories/*.story >"$S/stories" &&
		[ -s "$S/marks" ] && sort "$S/marks" | comm -23 "$S/unmarked" - >"$S/missed" && ! grep . "$S/missed"
}
[ -n "${SEEDS-}" ] || t "every hard path is reached, by these lives or by a story" marked
said() {
	[ "$(head -n 1 "$S/out")" = "seed 500000" ] && grep -q '^held ' "$S/out" && [ -n "$(digest)" ] &&
		grep -q 'cluster-hours.*device-hours' "$S/out" && grep -q '^faults .* classes struck' "$S/out" &&
		grep -q '^built  *syncline .*commit' "$S/out"
}
t "it prints the seed first, what it lived through, and a digest" said
# "           12345 I1   bytes leave …": each of them was looked at.
checked() { ! grep -E '^ +0 (I|Q)[0-9]+ ' "$S/out" && [ "$(grep -cE '^ +[1-9][0-9]* (I|Q)[0-9]+ ' "$S/out")" -ge 14 ]; }
t "and how often each invariant was checked, none never" checked
twice() {
	sim --seed 77 --seeds 15 --minutes 2 && first=$(digest) && sim --seed 77 --seeds 15 --minutes 2 && second=$(digest) &&
		[ -n "$first" ] && [ "$first" = "$second" ] && sim --seed 78 --seeds 15 --minutes 2 && [ "$first" != "$(digest)" ]
}
t "a seed gives the same digest each time" twice
again() { exits 0 --seed 900 --seeds 15 --minutes 2 --twice && grep -q '^lived .*each twice' "$S/out"; }
t "and in one process: --twice compares every thousandth step" again
trail() { exits 0 --seed 7 --minutes 1 --trail && grep -q '^trail 7 1000 [0-9a-f]\{16\}$' "$S/out"; }
t "--trail prints the digests to compare builds by" trail
fresh() { exits 0 --seeds 1 --minutes 1 && grep -q "^seed $(date -u +%Y%m%d)[0-9]*$" "$S/out"; }
t "without a seed the lives are today's" fresh
json() {
	(cd "$S" && "$SYNCLINE" --json sim --seed 3 --seeds 2 --minutes 1 >"$S/out") && [ "$(wc -l <"$S/out")" = 1 ] &&
		"$SYNCLINE_BUILD/tests/lib/jsonkeys" seed=3 lives=2 cluster_hours:n faults.kill:i checked.I1:i \
			digest:s 'broken:o?' <"$S/out"
}
t "--json says the same to programs" json
t "an option it does not know: 2" exits 2 --what
t "too many devices: 2" exits 2 --devices 100

# A life is cut off where something is told, as if that were a failure: so a healthy build shows what becomes of one.
shrinks() {
	exits 1 --seed 100 --minutes 2 --until 'the conflict is settled' || return 1
	grep -q '^BROKEN  *X1' "$S/out" && grep -q '^replay  *syncline sim --replay sim-100.trace$' "$S/out" &&
		grep -q '^shrunk  *to 2 devices, 2 acts of people, 0 faults' "$S/out"
}
t "a life that breaks is shrunk to what it hangs on" shrinks
story() {
	sed -n '/^story$/,/^BROKEN/p' "$S/out" >"$S/story"
	grep -q ' s  laptop writes notes/' "$S/story" && grep -q ' s  desk writes notes/' "$S/story" &&
		grep -q 'resolves notes/.*: done$' "$S/story" && [ "$(wc -l <"$S/story")" -le 9 ]
}
t "and told as a story" story
replays() { exits 1 --replay sim-100.trace && sed -n '/^story$/,/^BROKEN/p' "$S/out" | diff "$S/story" -; }
t "its trace tells the same story: 1" replays
further() {
	exits 1 --seed 100 --minutes 2 --until 'the conflict is settled' && cp "$S/sim-100.trace" "$S/again.trace" &&
		exits 1 --replay again.trace --shrink && grep -q '^replay  *syncline sim --replay again.trace$' "$S/out" &&
		exits 1 --replay again.trace
}
t "and is shrunk further with --shrink" further
holds() { sed '/^until/d' "$S/sim-100.trace" >"$S/whole.trace" && exits 0 --replay whole.trace && grep -q '^held' "$S/out"; }
t "a trace that breaks nothing any more: 0" holds
none() {
	printf 'syncline-trace 1\ndevices 2\nseconds 5\n1 laptop nonsense 1\n' >"$S/bad.trace"
	exits 2 --replay bad.trace && grep -q 'bad.trace: trace, line 4: ' "$S/err" && exits 2 --replay "$S/absent" &&
		exits 2 --replay /dev/null && exits 2 --replay "$S"
}
t "a file that is no trace: 2" none

# Faults are also tried at neighbouring calls: the code that had the bug may make some more or fewer of them by now.
for file in "$SYNCLINE_SOURCE"/tests/story/corpus/*.trace; do
	[ -f "$file" ] || continue
	t "corpus: $(basename "$file" .trace)" exits 0 --replay "$file" --nearby 3
done

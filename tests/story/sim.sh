# Random lives, and what `syncline sim` promises about them. SEEDS=N for more of them.
. "$SYNCLINE_SOURCE/tests/lib/suite.sh"

sim() { "$SYNCLINE" sim "$@" >"$S/out" 2>"$S/err"; }
exits() { want=$1; shift; sim "$@"; got=$?; [ $got = "$want" ] || { echo "exit $got, not $want: sim $*"; cat "$S/out" "$S/err"; return 1; }; }
digest() { sed -n 's/^digest //p' "$S/out"; }

lives() { exits 0 --seed 1 --seeds "${SEEDS:-200}" --devices 3 --minutes 2; }
t "lives of three devices hold every invariant" lives
more() { exits 0 --seed 500000 --seeds 25 --devices 5 --minutes 4; }
t "and of five" more
said() { [ "$(head -n 1 "$S/out")" = "seed 500000" ] && grep -q '^held  *I1' "$S/out" && [ -n "$(digest)" ]; }
t "it prints the seed first, what it checked, and a digest" said
twice() {
	sim --seed 77 --seeds 15 --minutes 2 && first=$(digest) && sim --seed 77 --seeds 15 --minutes 2 && second=$(digest) &&
		[ -n "$first" ] && [ "$first" = "$second" ] && sim --seed 78 --seeds 15 --minutes 2 && [ "$first" != "$(digest)" ]
}
t "a seed gives the same digest each time" twice
t "an option it does not know: 2" exits 2 --what
t "too many devices: 2" exits 2 --devices 100

# Not yet: these fail once shrinking and replaying work, so that nobody forgets to test them then.
not_yet() { exits 1 "$@" && grep -q 'not yet' "$S/err"; }
t "--shrink: not yet" not_yet --shrink
t "--replay: not yet" not_yet --replay "$S/none"

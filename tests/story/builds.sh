# The same seeds give the same lives in every build: each thousandth step's digest of gcc, clang, -O0, -O2 and sanitizer
# builds is compared. Arguments: the programs to compare with $SYNCLINE; without any, they are built first. LIVES=N.
. "$SYNCLINE_SOURCE/tests/lib/suite.sh"

trail() { timeout 600 "$1" sim --seed "${SEED:-4200}" --seeds "${LIVES:-12}" --devices 4 --minutes 2 --trail 2>/dev/null | grep -E '^(trail|digest|BROKEN)'; }
trail "$SYNCLINE" >"$S/ours"
whole() { grep -q '^digest' "$S/ours" && [ "$(grep -c '^trail' "$S/ours")" -ge 100 ]; }
t "this build's lives" whole

# The first line that differs names the seed, the step and what each build has there.
agrees() {
	trail "$1" >"$S/other"
	cmp -s "$S/ours" "$S/other" || { diff "$S/ours" "$S/other" | head -4; return 1; }
}

# make_other NAME CONFIGURE-OPTIONS…
make_other() {
	name=$1
	shift
	mkdir -p "$S/$name" && (cd "$S/$name" && "$SYNCLINE_SOURCE/configure" -q "$@" && make -s -j2 syncline) >"$S/$name.log" 2>&1
}
builds_and_agrees() { make_other "$@" || { tail "$S/$1.log"; return 1; }; agrees "$S/$1/syncline"; }

for other; do
	t "$other lives the same lives" agrees "$other"
done
if [ $# -eq 0 ]; then
	t "so does gcc -O0" builds_and_agrees o0 CC=gcc CFLAGS=-O0
	t "so does gcc -O3" builds_and_agrees o3 CC=gcc CFLAGS=-O3
	t "so do gcc's sanitizers" builds_and_agrees sanitizers CC=gcc --enable-sanitizers CFLAGS='-O1 -g'
	if command -v clang >/dev/null; then
		t "so does clang -O2" builds_and_agrees clang CC=clang CFLAGS=-O2
	else
		skip "no clang here" "so does clang -O2"
	fi
fi

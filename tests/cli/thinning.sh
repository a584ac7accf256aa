# The history thinned on real devices: what `keep` says goes, what is needed stays, the space comes back, and git can read
# what is left.
. "$SYNCLINE_SOURCE/tests/lib/suite.sh"
. "$SYNCLINE_SOURCE/tests/lib/devices.sh"

A=$S/a/notes
B=$S/b/notes
keep() { # DEVICE RULE: for its notes
	sed -i '/keep = /d; /category "notes"/a\
\tkeep = '"$2" "$S/$1/home/config" && reload "$1"
}
reload() { printf '{"do":"reload"}' | timeout 20 "$LIB/ask" "$S/$1/home/control.sock" >"$S/answer"; }
exits() {
	want=$1; shift
	"$@" >"$S/out" 2>"$S/err"; got=$?
	[ $got = "$want" ] || { echo "exit $got, not $want: $*"; cat "$S/out" "$S/err"; return 1; }
}
git_dir() { echo "$S/$1/home/state/versions.git"; }
git_fine() { command -v git >"$S/out" || return 0; git --git-dir="$(git_dir "$1")" fsck --strict >"$S/out" 2>&1 || { cat "$S/out"; return 1; }; }
with_git() { ! command -v git >"$S/out" || "$@"; }
versions() { on "$1" history "$2" --json | grep -o '"content":"[a-z]*"' | cut -d'"' -f4; }
count() { versions "$1" "$2" | grep -c "$3"; }
version_at() { on a history "$1" --json | json --get "[$2].version"; }

begin() { hub_start && device_make a b && settle a b; }
t "a hub and two devices" begin

default_rule() {
	on a categories --json | grep -q '"keep":"all 2d, hour 14d, day 90d, week forever, last 10"' && keep a 'all 1h,  last 3' &&
		on a categories --json | grep -q '"keep":"all 1h, last 3"' && keep a 'last 3' && keep b 'last 3'
}
t "categories tells what is kept; the configuration changes it" default_rule
refused() {
	cp "$S/a/home/config" "$S/config" && sed -i 's/keep = .*/keep = some 3d/' "$S/a/home/config" &&
		! reload a 2>"$S/err" && grep -q 'does not do for keep' "$S/err"; status=$?
	cp "$S/config" "$S/a/home/config"
	return $status
}
t "a rule that makes no sense is refused" refused

write_versions() {
	mkdir -p "$A/deep" &&
		for n in 1 2 3 4 5 6 7 8; do
			{ echo "version $n"; head -c 40000 "$SYNCLINE" | tail -c +$((n * 700)); } >"$S/next" && mv "$S/next" "$A/deep/many" && settle a b || return 1
		done && same a b && [ "$(count a notes/deep/many here)" = 8 ]
}
t "eight versions of a file" write_versions
thinned() {
	first=$(version_at notes/deep/many 7) && second=$(version_at notes/deep/many 5) && third=$(version_at notes/deep/many 2) &&
		on a thin >"$S/out" && grep -q '5 versions thinned away' "$S/out" && versions a notes/deep/many | uniq -c | tr -s ' \n' ' ' >"$S/counts" &&
		[ "$(cat "$S/counts")" = ' 3 here 5 thinned ' ] && on a history notes/deep/many | grep -c 'thinned away' | grep -q '^5$' &&
		on a show "notes/deep/many@$third" | grep -q 'version 6' && exits 1 on a show "notes/deep/many@$first" &&
		grep -q "thinned away here, as its category's 'keep' says" "$S/err" && exits 1 on a restore notes/deep/many "$second" &&
		grep -q 'thinned away' "$S/err" && exits 1 on a diff notes/deep/many "$first" "$third" && [ "$(head -1 "$A/deep/many")" = 'version 8' ]
}
t "thin: three stay, five go, and everything says so" thinned
sizes() {
	[ "$(on a status --json | json --get store.thinned)" = 5 ] && on a status | grep -q 'store .*5 thinned away' && on a doctor | grep -q '5 thinned away' &&
		on b thin --json >"$S/out" && [ "$(json --get versions <"$S/out")" = 5 ]
}
t "status and doctor tell the store's size; thin on the other device" sizes
git_reads() {
	git_fine a && git_fine b &&
		with_git test "$(git --git-dir="$(git_dir a)" log --oneline notes -- deep/many | wc -l)" = 3 &&
		with_git test "$(git --git-dir="$(git_dir a)" show notes:deep/many | head -1)" = 'version 8'
}
t "plain git reads what is left, and finds nothing missing" git_reads
space() {
	before=$(du -s "$(git_dir a)/objects/pack" | cut -f1) &&
		for n in 1 2 3 4; do
			head -c 800000 /dev/urandom >"$A/noise" && settle a b || return 1
		done && head -c 1500000 /dev/urandom >"$A/large" && settle a b && head -c 1500000 /dev/urandom >"$A/large" && settle a b &&
		keep a forever && on a thin --quiet && full=$(du -s "$(git_dir a)/objects/pack" | cut -f1) && [ "$full" -gt $((before + 2500)) ] &&
		keep a 'last 1' && on a thin --quiet &&
		[ "$(du -s "$(git_dir a)/objects/pack" | cut -f1)" -lt $((full - 2000)) ] && [ "$(find "$S/a/home/state/large" -type f | wc -l)" = 1 ] &&
		git_fine a && on a show notes/noise | cmp - "$A/noise" && on a show notes/large | cmp - "$A/large"
}
t "the space of what went comes back, of large files too" space

# ---- what is needed ----
both_write() { on b pause --quiet && printf "$2" >"$S/a/$1" && printf "$3" >"$S/b/$1" && settle a && on b sync --quiet && on b resume --quiet && settle a b; }
conflict() {
	keep b 'last 1' && for n in 1 2 3; do printf "$n"'\nkeep\nlast\n' >"$A/plan" && settle a b || return 1; done &&
		both_write notes/plan 'A\nkeep\nlast\n' 'B\nkeep\nlast\n' && printf 'B2\nkeep\nlast\n' >"$B/plan" && settle a b &&
		on a thin --quiet && on b thin --quiet && [ "$(on a conflicts --json | json --get '[0].hunks')" = 1 ] &&
		on b resolve notes/plan --keep original --quiet && settle a b && same a b && printf '3\nkeep\nlast\n' | cmp - "$A/plan"
}
t "both sides of an open conflict and what they came from stay" conflict
undone() {
	on b thin --quiet && on b undo --quiet && settle a b && printf 'B2\nkeep\nlast\n' | cmp - "$B/plan" && printf 'A\nkeep\nlast\n' | cmp - "$A/plan" &&
		on a resolve notes/plan --keep theirs --quiet && settle a b && same a b
}
t "a settlement can be undone after thinning" undone
unsent() {
	hub_stop && printf 'offline 1\n' >"$A/away" && on a sync --quiet && printf 'offline 2\n' >"$A/away" && on a sync --quiet && hub_start &&
		on a retry --quiet && on b retry --quiet && settle a b && exits 0 on a thin && printf 'offline 2\n' | cmp - "$B/away"
}
t "changes made offline go out and are not thinned" unsent
goes_on() {
	device_kill a && device_start a && for n in 1 2 3; do echo "more $n" >>"$A/deep/many" && settle a b || return 1; done && same a b &&
		on a thin --quiet && on b thin --quiet && git_fine a && git_fine b && device_stop a && device_start a && settle a b && same a b &&
		[ "$(count a notes/deep/many thinned)" = 10 ]
}
t "it all goes on after a kill and a restart" goes_on
# By age: the history is made three days older, as a person with a database at hand could.
aged() {
	command -v sqlite3 >"$S/out" || return 0
	for n in 1 2 3 4; do echo "aged $n" >"$A/aged" && settle a b || return 1; done && keep a 'all 2d, hour 14d' && on a thin --quiet &&
		[ "$(count a notes/aged here)" = 4 ] && device_stop a && sqlite3 "$S/a/home/state/state.db" 'UPDATE history SET at_ms = at_ms - 259200000' &&
		device_start a && settle a b && on a thin --quiet && left=$(count a notes/aged here) && [ "$left" -ge 1 ] && [ "$left" -le 2 ] &&
		git_fine a && same a b && [ "$(cat "$A/aged")" = 'aged 4' ]
}
t "by age: one an hour of what is three days old" aged

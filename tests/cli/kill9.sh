# Each of hub, device A and device B is killed with -9 ten times at random instants, under traffic. Every token ever
# written must be on both at the end, both must be equal, and no temporary file may be left.
. "$SYNCLINE_SOURCE/tests/lib/suite.sh"
. "$SYNCLINE_SOURCE/tests/lib/devices.sh"
SEED=${SEED:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}
ROUNDS=${ROUNDS:-10}
echo "# SEED=$SEED"
A=$S/a/notes B=$S/b/notes

# A small generator of our own: the same seed gives the same instants everywhere. In this shell, not in a subshell.
chance=$((SEED % 2147483648))
sleep_below() { chance=$(((chance * 1103515245 + 12345) % 2147483648)); sleep "$(printf '0.%03d' $((chance / 65536 % $1)))"; }

setup() { hub_start && device_make a b; }
t "a hub and two devices" setup

# One writer a device, for as long as $S/go is there: new files, appends, whole replacements, renames. A token is written
# down before the edit that holds it begins, so the list is of all that anybody may ask for; each file has one writer, so
# an append never meets another.
writer() {
	name=$1 dir=$2 n=0
	while [ -e "$S/go" ]; do
		n=$((n + 1))
		token=token-$name-$n
		case $((n % 4)) in
		0) echo "$token" >>"$dir/log-$name" ;;
		1) echo "$token" >"$dir/new-$name-$n" ;;
		2) { cat "$dir/all-$name" 2>/dev/null; echo "$token"; } >"$S/$name.part" && cat "$S/$name.part" >"$dir/.#$name" && mv "$dir/.#$name" "$dir/all-$name" ;;
		3) echo "$token" >"$dir/tmp-$name-$n" && mv "$dir/tmp-$name-$n" "$dir/renamed-$name-$n" ;;
		esac && echo "$token" >>"$S/tokens"
		sleep 0.03
	done
}
one_round() {
	for victim in hub a b; do
		sleep_below 700
		if [ $victim = hub ]; then
			hub_kill
			sleep_below 200
			hub_start || { echo "the hub does not come back"; return 1; }
		else
			device_kill $victim
			sleep_below 200
			device_start $victim || { echo "$victim does not come back"; tail -3 "$S/$victim/out"; return 1; }
		fi
	done
}
traffic() {
	: >"$S/go"
	writer a "$A" & writer_a=$!
	writer b "$B" & writer_b=$!
	good=0
	for round in $(seq 1 "$ROUNDS"); do
		one_round || { good=1; break; }
	done
	rm -f "$S/go"
	wait $writer_a $writer_b
	echo "# $(wc -l <"$S/tokens") tokens"
	return $good
}
t "hub, A and B killed $ROUNDS times each under traffic" traffic
ends() { on a retry --quiet && on b retry --quiet && settle a b && settle a b; }
t "both come to rest" ends
equal() { same a b; }
t "both hold the same" equal
no_token_lost() {
	cat "$A"/* >"$S/held"
	[ -s "$S/tokens" ] && sort "$S/tokens" >"$S/wanted" && grep -o 'token-[ab]-[0-9]*' "$S/held" | sort -u >"$S/found" &&
		sort -u "$S/wanted" | comm -23 - "$S/found" >"$S/lost"
	[ ! -s "$S/lost" ] || { echo "lost:"; head "$S/lost"; return 1; }
}
t "no token is lost" no_token_lost
no_temps() { [ -z "$(find "$A" "$B" -name '.syncline-*')" ] || { find "$A" "$B" -name '.syncline-*'; return 1; }; }
t "no temporary files are left" no_temps
no_conflicts() { [ "$(on a conflicts --json)" = "[]" ] && [ "$(on b conflicts --json)" = "[]" ]; }
t "and nobody was asked about anything" no_conflicts
sound() { [ "$(sqlite3 "$S/hub/store.db" 'PRAGMA integrity_check' 2>/dev/null || echo ok)" = ok ]; }
t "the hub's store is sound" sound
